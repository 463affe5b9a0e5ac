"""Which of two models transfers better, and which models of many cannot be told apart.

All comparisons use the redraws of the scores themselves.  Models were redrawn with the same items,
so what the items have in common cancels in a difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hatlib.errors import InputError, Problem, listing
from hatlib.metric.flags import Flag
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import interval_quantile
from hatlib.metric.sufficient import MACRO

Floats = NDArray[np.float64]

MOST_MODELS = 2_000
"""More models are not compared pair by pair."""

MOST_LETTERS = 200
"""Tie groups of more models have no letters, which nobody could read."""

_BLOCK = 4_000_000  # differences at a time, to bound memory


@dataclass(frozen=True)
class Difference:
    """How much better one model transfers than another.

    Attributes
    ----------
    benchmark, benchmark_name, target : str
    model_a, model_b : str
        Readable names.
    hat_a, hat_b : float
        Their scores.
    difference, low, high, se : float
        Score of A minus score of B, with its interval and standard error.
    p_value : float
        Two-sided, of no difference.
    level : float
        Nominal coverage of the interval.
    unpaired_se : float
        What the standard error would be had the models been asked different items.
    flags : tuple of Flag
        Flags of the two scores, each once.
    metrics : DataFrame
        Source and target accuracy, XLT gap and ratio of both, and their difference.
    """

    benchmark: str
    benchmark_name: str
    target: str
    model_a: str
    model_b: str
    hat_a: float
    hat_b: float
    difference: float
    low: float
    high: float
    se: float
    p_value: float
    level: float
    unpaired_se: float
    flags: tuple[Flag, ...]
    metrics: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a measure: HAT first, then the traditional metrics."""
        first = pd.DataFrame(
            {
                "measure": ["hat"],
                "a": [self.hat_a],
                "b": [self.hat_b],
                "difference": [self.difference],
                "low": [self.low],
                "high": [self.high],
                "p_value": [self.p_value],
            }
        )
        return pd.concat([first, self.metrics], ignore_index=True)


def compare_models(
    scores: HatScores,
    a: str,
    b: str,
    *,
    benchmark: str = "",
    target: str = MACRO,
    measure: str = "hat",
) -> Difference:
    """Compare two models on the same items.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`, with redraws.
    a, b : str
        Two models, by name or display name.
    benchmark : str
        Which benchmark; the first that has both if none is named.
    target : str
        "macro" or a language code.
    measure : str
        "hat", "hat_pooled" or "f95".

    Returns
    -------
    Difference

    Raises
    ------
    InputError
        If a name is not known, the models are the same, or there are no redraws.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers(abilities=[0, 0], profiles=["linear", "square"], n_items=400)
    >>> result = compare_models(hat_scores(simulated.responses, draws=200), "Alder", "Aspen")
    >>> 0.6 < result.hat_a < 0.8, result.se > 0
    (True, True)
    """
    chosen = _benchmark_with(scores, benchmark, (a, b))
    i, j = _model(scores, chosen, a), _model(scores, chosen, b)
    if i == j:
        raise InputError(Problem("a model is compared with itself.", "Name two.", value=a))
    t = _target(chosen, target)
    found = chosen.measure(measure)
    draws = _draws(found.draws)[:, [i, j], t]
    hats = found.value[[i, j], t]
    difference = float(hats[0] - hats[1])
    se = float(np.std(draws[:, 0] - draws[:, 1], ddof=1))
    effective = float(chosen.effective_items[[i, j], t].min())
    reach = float(interval_quantile(effective, scores.level)) * se
    rows = []
    for name in ("source_accuracy", "target_accuracy", "xlt_gap", "ratio"):
        pair = chosen.metrics[name][[i, j], t]
        rows.append({"measure": name, "a": pair[0], "b": pair[1], "difference": pair[0] - pair[1]})
    names = _display(scores)
    return Difference(
        chosen.benchmark,
        scores.names.get(chosen.benchmark, chosen.benchmark),
        target,
        names.get(chosen.models[i], chosen.models[i]),
        names.get(chosen.models[j], chosen.models[j]),
        float(hats[0]),
        float(hats[1]),
        difference,
        difference - reach,
        difference + reach,
        se,
        float(p_values(np.array(difference), np.array(se), np.array(effective))),
        scores.level,
        float(np.hypot(*draws.std(axis=0, ddof=1))),
        tuple(dict.fromkeys(flag for m in (i, j) for flag in chosen.flags_of(m, t))),
        pd.DataFrame(rows),
    )


@dataclass(frozen=True)
class Comparisons:
    """Every model against every other, with one error rate for all comparisons together.

    Attributes
    ----------
    benchmark, benchmark_name, target : str
    models : DataFrame
        One row a scored model, from best to worst: ``model``, ``display_name``, ``hat``, ``low``,
        ``high``, ``flag``, ``tie_group`` (letters; models that share one cannot be told apart),
        ``rank_low``, ``rank_high`` (ranks that are possible for all models at once).
    pairs : DataFrame
        One row a pair: ``model_a``, ``model_b`` (readable), ``id_a``, ``id_b``, ``difference``,
        ``low``, ``high``, ``p_value``, ``q_value`` (Benjamini and Hochberg), ``told_apart`` (by
        max-T).
    level : float
        Coverage of the intervals, and of all ranks together.
    left_out : tuple of str
        Models without a score, or with a mean over other languages than most.
    """

    benchmark: str
    benchmark_name: str
    target: str
    models: pd.DataFrame
    pairs: pd.DataFrame
    level: float
    left_out: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """One row a pair of models."""
        return self.pairs.copy()

    def ranks(self) -> pd.DataFrame:
        """One row a model, with its tie groups and the ranks that it may have."""
        return self.models.copy()

    def ties(self) -> list[tuple[str, ...]]:
        """Groups of models that cannot be told apart, the best first."""
        named = [group.split() for group in self.models["tie_group"]]
        letters = {letter for group in named for letter in group}
        in_order = sorted(letters, key=lambda letter: (len(letter), letter))
        return [
            tuple(self.models["display_name"][[letter in group for group in named]])
            for letter in in_order
        ]


def compare_all(
    scores: HatScores, *, benchmark: str = "", target: str = MACRO, measure: str = "hat"
) -> Comparisons:
    """Compare every model with every other.

    Pairs are told apart by the max-T method (Westfall and Young 1993): a difference counts if it
    exceeds, in standard errors, what the largest of all differences reaches by chance in 95 % of
    the redraws.  A rank is possible if no such difference excludes it (Mogstad et al. 2024).

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`, with redraws.
    benchmark : str
        Which benchmark; the first if none is named.
    target : str
        "macro" or a language code.
    measure : str
        "hat", "hat_pooled" or "f95".

    Returns
    -------
    Comparisons

    Raises
    ------
    InputError
        If a name is not known, there are no redraws, or more than `MOST_MODELS` models.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> profiles = ["linear", "linear", "strong shift"]
    >>> simulated = simulate_answers(abilities=[0, 1, 0], profiles=profiles, n_items=400)
    >>> result = compare_all(hat_scores(simulated.responses, draws=500))
    >>> result.ties()
    [('Aspen', 'Alder'), ('Beech',)]
    """
    chosen = scores.benchmark(benchmark)
    t = _target(chosen, target)
    found = chosen.measure(measure)
    hats = found.value[:, t]
    order = np.argsort(-hats, kind="stable")
    fewer = chosen.marks[Flag.OTHER_LANGUAGES][:, t]
    order = order[np.isfinite(hats[order]) & ~fewer[order]]
    if len(order) > MOST_MODELS:
        raise InputError(
            Problem(
                f"{len(order):,} models are too many to compare all pairs of them.",
                f"Keep {MOST_MODELS:,} or fewer in the file.",
            )
        )
    draws = _draws(found.draws)[:, order, t]
    first, second = np.triu_indices(len(order), 1)
    estimate = hats[order][first] - hats[order][second]
    se = _errors(draws)[first, second]
    effective = chosen.effective_items[order, t]
    effective = np.minimum(effective[first], effective[second])
    reach = interval_quantile(effective, scores.level)
    apart = _told_apart(draws, estimate, se, reach, scores.level)
    names = _display(scores)
    shown = np.array([names.get(chosen.models[m], chosen.models[m]) for m in order], dtype=object)
    ids = np.array([chosen.models[m] for m in order], dtype=object)
    p = p_values(estimate, se, effective)
    pairs = pd.DataFrame(
        {
            "model_a": shown[first],
            "model_b": shown[second],
            "id_a": ids[first],
            "id_b": ids[second],
            "difference": estimate,
            "low": estimate - reach * se,
            "high": estimate + reach * se,
            "p_value": p,
            "told_apart": apart,
            "q_value": stats.false_discovery_control(p) if len(p) else p,
        }
    ).astype(dict.fromkeys(("model_a", "model_b", "id_a", "id_b"), "str"))
    better = np.zeros((len(order), len(order)), dtype=bool)
    better[first[apart], second[apart]] = True
    letters = [""] * len(order)
    if len(order) <= MOST_LETTERS:
        groups = _tie_groups(len(order), list(zip(first[apart], second[apart], strict=True)))
        letters = [
            " ".join(_letter(g) for g, group in enumerate(groups) if i in group)
            for i in range(len(order))
        ]
    models = pd.DataFrame(
        {
            "model": [chosen.models[m] for m in order],
            "display_name": shown,
            "hat": hats[order],
            "low": found.low[order, t],
            "high": found.high[order, t],
            "flag": chosen.flags[order, t],
            "tie_group": letters,
            "rank_low": 1 + better.sum(axis=0),
            "rank_high": len(order) - better.sum(axis=1),
        }
    )
    ranked = {chosen.models[m] for m in order}
    left = [names.get(m, m) for m in chosen.models if m not in ranked]
    name = scores.names.get(chosen.benchmark, chosen.benchmark)
    return Comparisons(
        chosen.benchmark, name, target, models, pairs, scores.level, tuple(sorted(left))
    )


def _errors(draws: Floats) -> Floats:
    """Standard error of the difference of each pair, (n_models, n_models), without the pairs."""
    if draws.shape[1] < 2:
        return np.zeros((draws.shape[1],) * 2)
    gap = draws - draws.mean(axis=0)
    shared = gap.T @ gap / (len(draws) - 1)
    own = np.diagonal(shared)
    return np.sqrt(np.maximum(own[:, None] + own[None, :] - 2 * shared, 0))


def _told_apart(
    draws: Floats, estimate: Floats, se: Floats, reach: Floats, level: float
) -> NDArray[np.bool_]:
    """Pairs whose difference exceeds what the largest of all reaches by chance (max-T)."""
    if not estimate.size:
        return np.zeros(0, dtype=bool)
    se = np.maximum(se, 1e-12)
    gap = draws - draws.mean(axis=0)
    first, second = np.triu_indices(draws.shape[1], 1)
    step = max(1, _BLOCK // len(estimate))
    largest = np.concatenate(
        [
            np.abs((gap[at : at + step, first] - gap[at : at + step, second]) / se).max(axis=1)
            for at in range(0, len(gap), step)
        ]
    )
    critical = np.quantile(largest, level)
    # Few effective items make a standard error itself uncertain, as in the intervals.
    inflation = reach / stats.norm.ppf((1 + level) / 2)
    return np.asarray(np.abs(estimate) / se > critical * inflation)


def p_values(estimate: Floats, se: Floats, effective: Floats) -> Floats:
    """Two-sided p-values of no difference, by Student's t on the effective items."""
    freedom = np.maximum(effective, 11) - 1
    p: Floats = 2 * stats.t.sf(np.abs(estimate) / np.maximum(se, 1e-12), freedom)
    return p


def _tie_groups(n: int, apart: list[tuple[int, int]]) -> list[set[int]]:
    """Largest groups without a pair that is told apart (insert and absorb, Piepho 2004)."""
    groups: list[set[int]] = [set(range(n))] if n else []
    for i, j in apart:
        split = []
        for group in groups:
            split += [group - {i}, group - {j}] if {i, j} <= group else [group]
        split.sort(key=len, reverse=True)
        groups = []
        for group in split:
            if not any(group <= kept for kept in groups):
                groups.append(group)
    return sorted(groups, key=lambda group: sorted(group))


def _letter(number: int) -> str:
    """A, B, …, Z, AA, AB, …."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _display(scores: HatScores) -> dict[str, str]:
    return dict(zip(scores.models["model"], scores.models["display_name"], strict=True))


def _benchmark_with(scores: HatScores, benchmark: str, models: tuple[str, ...]) -> BenchmarkScores:
    if benchmark:
        return scores.benchmark(benchmark)
    names = _display(scores)
    for b in scores.benchmarks:
        known = {*b.models, *(names.get(m, m) for m in b.models)}
        if set(models) <= known:
            return b
    return scores.benchmark()


def _model(scores: HatScores, b: BenchmarkScores, name: str) -> int:
    names = _display(scores)
    shown = [names.get(m, m) for m in b.models]
    if name in b.models:
        return b.models.index(name)
    if shown.count(name) == 1:
        return shown.index(name)
    if name in shown:
        twins = [m for m, display in zip(b.models, shown, strict=True) if display == name]
        remedy = f"Use one of {listing(twins)}."
        raise InputError(Problem("several models have this name.", remedy, value=name))
    there = f"There are: {listing(b.models, 40)}."
    raise InputError(Problem(f"there is no such model on {b.benchmark}.", there, value=name))


def _target(b: BenchmarkScores, target: str) -> int:
    if target not in b.targets:
        there = f"There are: {listing(b.targets, 60)}."
        raise InputError(Problem(f"there is no such target on {b.benchmark}.", there, value=target))
    return b.targets.index(target)


def _draws(draws: Floats | None) -> Floats:
    if draws is None:
        raise InputError(Problem("the scores have no redraws.", "Score with draws=2000."))
    return draws
