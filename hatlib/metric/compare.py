"""Which of two models transfers better, and which models of many cannot be told apart.

All comparisons use the redraws of the scores themselves.  Models were redrawn with the same items,
so what the items have in common cancels in a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count, product
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from hatlib.errors import InputError, listing
from hatlib.metric.flags import Flag
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import interval_quantile
from hatlib.metric.sufficient import MACRO, Bools, Floats, Ints
from hatlib.resample import with_q_values

MOST_MODELS = 2_000
"""More models are not compared pair by pair."""

MOST_LETTERS = 200
"""Tie groups of more models have no letters, which nobody could read."""

_BLOCK = 128  # redraws at a time, so that the differences from one model fit into the cache


@dataclass(frozen=True)
class Difference:
    """How much better one model transfers than another.

    Attributes
    ----------
    model_a, model_b : str
        Readable names.
    hat_a, hat_b : float
        Their scores.
    difference, low, high, se : float
        Score of A minus score of B, with its interval and standard error.
    p_value : float
        Two-sided, of no difference.
    flags : tuple of Flag
        Flags of the two scores, each once.
    metrics : DataFrame
        Source and target accuracy, XLT gap and ratio of both, and their difference.
    """

    model_a: str
    model_b: str
    hat_a: float
    hat_b: float
    difference: float
    low: float
    high: float
    se: float
    p_value: float
    flags: tuple[Flag, ...]
    metrics: pd.DataFrame


def compare_models(
    scores: HatScores, a: str, b: str, *, benchmark: str = "", target: str = MACRO
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
    both = (each for each in scores.benchmarks if {a, b} <= {*each.models, *scores.shown(each)})
    chosen = scores.benchmark(benchmark) if benchmark else next(both, scores.benchmark())
    pair = np.array([_model(scores, chosen, name) for name in (a, b)])
    if pair[0] == pair[1]:
        raise InputError("a model is compared with itself.", "Name two.", value=a)
    t = _target(chosen, target)
    found = _differences(chosen, pair, t, scores.level).drop(columns="reach")
    metrics = pd.DataFrame({n: v[pair, t] for n, v in chosen.metrics.items()}, ["a", "b"]).T
    metrics = metrics.drop("conditional_transfer").rename_axis("measure").reset_index()
    metrics["difference"] = metrics["a"] - metrics["b"]
    flags = tuple(dict.fromkeys(flag for m in pair for flag in chosen.flags_of(m, t)))
    names, numbers = np.array(scores.shown(chosen))[pair].tolist(), found.iloc[0].astype(float)
    values: list[Any] = [*names, *chosen.hat[pair, t].tolist(), *numbers, flags, metrics]
    return Difference(*values)


@dataclass(frozen=True)
class Comparisons:
    """Every model against every other, with one error rate for all comparisons together.

    Attributes
    ----------
    benchmark, benchmark_name : str
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
    models: pd.DataFrame
    pairs: pd.DataFrame
    level: float
    left_out: tuple[str, ...]


def compare_all(scores: HatScores, *, benchmark: str = "", target: str = MACRO) -> Comparisons:
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
    >>> dict(zip(result.models["model"], result.models["tie_group"], strict=True))
    {'Aspen': 'A', 'Alder': 'A', 'Beech': 'B'}
    """
    chosen = scores.benchmark(benchmark)
    t = _target(chosen, target)
    hat, others = chosen.hat[:, t], chosen.marks[Flag.OTHER_LANGUAGES][:, t]
    ranked = np.isfinite(hat) & ~others
    order = np.argsort(-hat, kind="stable")
    order = order[ranked[order]]
    n = len(order)
    if n > MOST_MODELS:
        what = f"{n:,} models are too many to compare all pairs of them."
        raise InputError(what, f"Keep {MOST_MODELS:,} or fewer in the file.")
    pairs = _differences(chosen, order, t, scores.level)
    apart = _told_apart(chosen.draws[:, order, t], pairs, scores.level)
    first, second = np.triu_indices(n, 1)
    better = np.zeros((n, n), dtype=bool)
    better[first[apart], second[apart]] = True
    ids, shown = np.array(chosen.models), np.array(scores.shown(chosen))
    models = pd.DataFrame({"model": ids[order], "display_name": shown[order]})
    for column in ("hat", "low", "high"):
        models[column] = getattr(chosen, column)[order, t]
    models["flag"] = chosen.flags[order, t]
    models["tie_group"] = _letters(n, better) if n <= MOST_LETTERS else ""
    models["rank_low"] = 1 + better.sum(axis=0)
    models["rank_high"] = n - better.sum(axis=1)
    for column, values in (("model", shown[order]), ("id", ids[order])):
        for end, place in (("_a", first), ("_b", second)):
            pairs[column + end] = pd.Series(values[place], dtype="str")
    pairs = with_q_values(pairs.drop(columns=["se", "reach"])).assign(told_apart=apart)
    name = scores.names.get(chosen.benchmark, chosen.benchmark)
    left_out = tuple(sorted(shown[~ranked].tolist()))
    return Comparisons(chosen.benchmark, name, models, pairs, scores.level, left_out)


def _differences(b: BenchmarkScores, order: Ints, t: int, level: float) -> pd.DataFrame:
    """Each pair of some models: difference, interval, standard error, p-value, reach."""
    if b.draws is None:
        raise InputError("the scores have no redraws.", "Score with draws=2000.")
    first, second = np.triu_indices(len(order), 1)
    gap = b.draws[:, order, t] - b.draws[:, order, t].mean(axis=0)
    shared = gap.T @ gap / (len(gap) - 1)  # all models at once, without the redraws of the pairs
    own = np.diagonal(shared)
    se = np.sqrt(np.maximum(own[first] + own[second] - 2 * shared[first, second], 0))
    difference = b.hat[order[first], t] - b.hat[order[second], t]
    effective = b.effective_items[order, t]
    effective = np.minimum(effective[first], effective[second])
    reach, p = interval_quantile(effective, level), p_values(difference, se, effective)
    found = pd.DataFrame({"difference": difference, "low": difference - reach * se})
    return found.assign(high=difference + reach * se, se=se, p_value=p, reach=reach)


def _told_apart(draws: Floats, pairs: pd.DataFrame, level: float) -> Bools:
    """Pairs whose difference exceeds what the largest of all reaches by chance (max-T)."""
    if pairs.empty:
        return np.zeros(0, dtype=bool)
    se = np.maximum(pairs["se"].to_numpy(), 1e-12)
    gap = np.ascontiguousarray((draws - draws.mean(axis=0)).T)
    each = np.split(se, np.cumsum(np.arange(len(gap) - 1, 1, -1)))  # of the pairs of each model
    largest = np.zeros(len(draws))
    for start in range(0, len(draws), _BLOCK):
        some, here = gap[:, start : start + _BLOCK], largest[start : start + _BLOCK]
        for i, mine in enumerate(each):
            size = (np.abs(some[i + 1 :] - some[i]) / mine[:, None]).max(axis=0)
            np.maximum(here, size, out=here)
    # Few effective items make a standard error itself uncertain, as in the intervals.
    inflation = pairs["reach"].to_numpy() / stats.norm.ppf((1 + level) / 2)
    return np.abs(pairs["difference"].to_numpy()) / se > np.quantile(largest, level) * inflation


def p_values(estimate: Floats, se: Floats, effective: Floats) -> Floats:
    """Two-sided p-values of no difference, by Student's t on the effective items."""
    freedom = np.maximum(effective, 11) - 1
    p: Floats = 2 * stats.t.sf(np.abs(estimate) / np.maximum(se, 1e-12), freedom)
    return p


def _letters(n: int, better: Bools) -> list[str]:
    """The tie groups of each model by letter, joined by spaces."""
    groups = _tie_groups(n, [(int(i), int(j)) for i, j in np.argwhere(better)])
    sizes = (product(ascii_uppercase, repeat=size) for size in count(1))
    letters = list(zip(map("".join, chain.from_iterable(sizes)), groups, strict=False))
    return [" ".join(letter for letter, group in letters if i in group) for i in range(n)]


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


def _model(scores: HatScores, b: BenchmarkScores, name: str) -> int:
    """The place of a model that is named by its id or its display name."""
    if name in b.models:
        return b.models.index(name)
    at = np.flatnonzero(np.array(scores.shown(b)) == name)
    if len(at) == 1:
        return int(at[0])
    if len(at):
        remedy = f"Use one of {listing([b.models[m] for m in at])}."
        raise InputError("several models have this name.", remedy, value=name)
    there = f"There are: {listing(b.models, 40)}."
    raise InputError(f"there is no such model on {b.benchmark}.", there, value=name)


def _target(b: BenchmarkScores, target: str) -> int:
    if target not in b.targets:
        there = f"There are: {listing(b.targets, 60)}."
        raise InputError(f"there is no such target on {b.benchmark}.", there, value=target)
    return b.targets.index(target)
