"""A drill with known truth: which of two models transfers better?

Each round has two invented models on one simulated benchmark.  A reader predicts from the usual
metrics which of them transfers better, is shown the truth, and then what HAT says.

In this module the *lead* of model A is how far it is ahead of model B: by the truth, or by a
measure.  A measure *names* a model if the interval of the lead excludes 0; else it leaves the
question open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.metric.compare import compare_models
from hatlib.metric.flags import Flag
from hatlib.metric.score import hat_scores, interval_quantile
from hatlib.metric.sufficient import MACRO
from hatlib.thresholds import BOOK
from hatlib.truth.answers import POINTS, WEIGHTS, Simulated, simulate_answers
from hatlib.truth.simulate import DIFFICULTIES, invented_names

Floats = NDArray[np.float64]

SAME = BOOK["same"]
"""Two models whose true scores differ by less than this transfer about the same."""

#: The usual metrics, and whether more of it is better (1) or worse (-1).
METRICS: Mapping[str, int] = {"target_accuracy": 1, "xlt_gap": -1, "ratio": 1}
MEASURES = (*METRICS, "hat")

#: What a measure may say, and what may be true: the first model, the second, or neither.
FIRST, SECOND, ABOUT_SAME, OPEN = "a", "b", "same", "open"

_OTHERS = 6  # models beside the pair, from which the estimator learns the common shape
_CLEARLY = 0.03  # how far a metric must point in a direction, in expectation
_TRIES = 5000
_TARGETS = ("de", "sw")


@dataclass(frozen=True)
class Kind:
    """One sort of round.

    Attributes
    ----------
    name : str
        What it is, in words.
    ability : (float, float)
        Range of the ability of the weaker model, in logits.
    stronger_by : (float, float)
        Range of what the stronger model has more.
    lead : (float, float)
        Range of the true score of the stronger model minus that of the weaker one.
    right, wrong : tuple of str
        Metrics that point to the better model and to the worse one, in expectation; of models that
        transfer alike, any name is wrong.
    """

    name: str
    ability: tuple[float, float]
    stronger_by: tuple[float, float]
    lead: tuple[float, float]
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


TARGET, GAP, RATIO = METRICS
KINDS = (
    Kind("the stronger model transfers better, and every metric says so",
         (-0.8, 0.3), (0.5, 1.2), (0.1, 0.18), right=tuple(METRICS)),
    Kind("the stronger model transfers worse: target accuracy follows English",
         (-0.8, 0.5), (0.6, 1.5), (-0.18, -0.1), right=(GAP, RATIO), wrong=(TARGET,)),
    Kind("the weaker model transfers worse: the gap is small where little can be lost",
         (-2.4, -0.8), (1.0, 2.4), (0.1, 0.18), right=(TARGET, RATIO), wrong=(GAP,)),
    Kind("the stronger model transfers worse: the ratio rises with the number of easy items",
         (-1.8, -0.4), (1.5, 2.8), (-0.15, -0.09), right=(GAP,), wrong=(TARGET, RATIO)),
    Kind("the stronger model transfers worse: near the ceiling, every metric flatters it",
         (-0.4, 0.5), (1.8, 2.8), (-0.15, -0.08), wrong=tuple(METRICS)),
    Kind("equal transfer, one weak and one middling model: the gap favours the weak one",
         (-2.2, -1.0), (1.2, 2.2), (0.0, 0.0), wrong=tuple(METRICS)),
    Kind("equal transfer, one middling and one strong model: every metric favours the strong one",
         (-0.2, 0.8), (1.4, 2.2), (0.0, 0.0), wrong=tuple(METRICS)),
    Kind("equally strong, one transfers better, and every metric says so",
         (-0.5, 0.8), (0.0, 0.1), (0.1, 0.18), right=tuple(METRICS)),
    Kind("equally strong, and the difference is too small to see",
         (-0.5, 0.8), (0.0, 0.1), (0.008, 0.015)),
    Kind("one model has next to no hard items, so that HAT may have to leave it open",
         (-0.3, 0.6), (3.2, 3.8), (-0.15, -0.08)),
)  # fmt: skip
"""What rounds there are; ten rounds have each of them once."""


def profile_with(transfer: float, slope: float = 1.0) -> partial[Floats]:
    """A transfer profile with a given true score, a straight line on the logit scale.

    Parameters
    ----------
    transfer : float
        The true score, above 0 and below 1.
    slope : float
        Slope of the profile on the logit scale.

    Returns
    -------
    callable
        From source to target accuracy, both above chance.

    Examples
    --------
    >>> round(float(2 * profile_with(0.7)(POINTS) @ WEIGHTS), 6)
    0.7
    """

    def excess(shift: float) -> float:
        return float(2 * _straight(slope, shift, POINTS) @ WEIGHTS - transfer)

    return partial(_straight, slope, float(optimize.brentq(excess, -15, 15)))


def _straight(slope: float, shift: float, h: Floats) -> Floats:
    return np.asarray(special.expit(slope * special.logit(h) + shift))


def expected_metrics(ability: float, profile: partial[Floats], difficulty: str) -> dict[str, float]:
    """The metrics of a model without luck: over many items and answers."""
    u = special.expit(ability - DIFFICULTIES[difficulty]((np.arange(400) + 0.5) / 400))
    source, target = float(u.mean()), float(profile(u).mean())
    return {
        "source_accuracy": source,
        "target_accuracy": target,
        "xlt_gap": source - target,
        "ratio": target / source,
    }


def compare_pairs(
    simulated: Simulated,
    pairs: Sequence[tuple[str, str]],
    *,
    correlation: float = 0.0,
    draws: int = 400,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> pd.DataFrame:
    """What the metrics and HAT say of pairs of simulated models, beside the truth.

    Parameters
    ----------
    simulated : Simulated
        Answers to one benchmark.
    pairs : sequence of (str, str)
        Names of the two models of each pair.
    correlation : float
        Correlation of the answers to one item that HAT is told.
    draws, level, seed
        Bootstrap draws, nominal coverage of the intervals, and the seed.

    Returns
    -------
    DataFrame
        One row a pair × measure: ``model_a``, ``model_b``, ``truth`` (lead of A in the true
        score), ``source_lead`` (in source accuracy), ``measure``, ``lead`` with ``low`` and
        ``high`` (above 0 if the measure puts A ahead), ``says`` ("a", "b" or "open"), ``note``
        (a flag of HAT that leaves the question open) and ``mark`` ("right", "wrong", "left open").

    Examples
    --------
    >>> simulated = simulate_answers([1, 1], profiles=["shift", "strong shift"], n_items=400)
    >>> compare_pairs(simulated, [("Alder", "Aspen")])["says"].tolist()
    ['a', 'a', 'a', 'a']
    """
    scores = hat_scores(
        simulated.responses,
        reference="uniform",  # which the truth is stated for
        correlation=correlation,
        draws=draws,
        level=level,
        rng=seed,
    )
    chosen = scores.benchmark()
    redrawn = chosen.metric_draws
    assert redrawn is not None
    truth = simulated.truth[simulated.truth["target"] == MACRO].set_index("model")["hat"]
    reach = float(interval_quantile(chosen.n_items[:, 0].min(), level))
    rows = []
    for a, b in pairs:
        i, j = (chosen.models.index(name) for name in (a, b))
        about = {
            "model_a": a,
            "model_b": b,
            "truth": float(truth[a] - truth[b]),
            "source_lead": float(np.subtract(*chosen.metrics["source_accuracy"][[i, j], 0])),
        }
        for metric, sign in METRICS.items():
            lead = sign * float(np.subtract(*chosen.metrics[metric][[i, j], 0]))
            with np.errstate(invalid="ignore"):  # there is no ratio to a source accuracy of 0
                se = float(np.std(redrawn[metric][:, i] - redrawn[metric][:, j], ddof=1))
            ends = {"lead": lead, "low": lead - reach * se, "high": lead + reach * se}
            rows.append(about | {"measure": metric, **ends, "note": ""})
        found = compare_models(scores, a, b)
        weak = [flag.value for flag in found.flags if flag is Flag.EXTRAPOLATED]
        if not np.isfinite(found.difference):
            weak = [flag.value for flag in found.flags] or ["no score"]
        ends = {"lead": found.difference, "low": found.low, "high": found.high}
        rows.append(about | {"measure": "hat", **ends, "note": "; ".join(sorted(set(weak)))})
    frame = pd.DataFrame(rows)
    firm = (frame["note"] == "") & ((frame["low"] > 0) | (frame["high"] < 0))
    frame["says"] = np.where(firm, np.where(frame["lead"] > 0, FIRST, SECOND), OPEN)
    right = right_answer(frame["truth"])
    frame["mark"] = np.select(
        [frame["says"] == OPEN, frame["says"] == right], ["left open", "right"], "wrong"
    )
    return frame


def right_answer(lead: pd.Series[Any]) -> NDArray[np.str_]:
    """The right answer for each true lead: "a", "b" or "same".

    Examples
    --------
    >>> right_answer(pd.Series([0.1, -0.1, 0.001])).tolist()
    ['a', 'b', 'same']
    """
    return np.select([lead >= SAME, lead <= -SAME], [FIRST, SECOND], ABOUT_SAME)


@dataclass(frozen=True)
class Drill:
    """The rounds of a drill.

    Attributes
    ----------
    rounds : DataFrame
        One row a round: ``round``, ``kind`` (in words), ``model_a``, ``model_b``, ``truth_a`` and
        ``truth_b`` (true scores), ``right`` ("a", "b" or "same") and ``n_items``.
    models : DataFrame
        One row a round × model: ``round``, ``model``, and the metrics as observed.
    says : DataFrame
        One row a round × measure: ``round``, and the columns of `compare_pairs`.
    n_trials : int
        Answers an item and language.
    level : float
        Nominal coverage of the intervals.
    """

    rounds: pd.DataFrame
    models: pd.DataFrame
    says: pd.DataFrame
    n_trials: int
    level: float


def make_drill(
    rounds: int = 10,
    *,
    n_trials: int = 10,
    overdispersion: float = 0.0,
    draws: int = 400,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> Drill:
    """Draw the rounds of a drill.

    Parameters
    ----------
    rounds : int
        How many; ten hold every kind of `KINDS` once, in random order.
    n_trials : int
        Answers an item and language.
    overdispersion : float
        Correlation of the answers to one item, which HAT does not know of.
    draws : int
        Bootstrap draws.
    level : float
        Nominal coverage of the intervals.
    seed : int
        Seed of all random numbers; another one gives other rounds.

    Raises
    ------
    InputError
        If a number is out of its range.

    Examples
    --------
    >>> made = make_drill(2, draws=50, seed=1)
    >>> len(made.rounds), len(made.models), len(made.says)
    (2, 4, 8)
    """
    if rounds < 1:
        raise InputError(Problem("rounds must be at least 1.", value=str(rounds)))
    rng = np.random.default_rng([seed, rounds])
    order = np.concatenate([rng.permutation(len(KINDS)) for _ in range(-(-rounds // len(KINDS)))])
    names = rng.permutation(invented_names(max(25, 2 * rounds + _OTHERS))).tolist()
    others = names[2 * rounds : 2 * rounds + _OTHERS]
    parts: dict[str, list[Any]] = {"rounds": [], "models": [], "says": []}
    for number, kind in enumerate((KINDS[k] for k in order[:rounds]), 1):
        # A generator of its own, so that more answers or correlated ones change no other round.
        rng = np.random.default_rng([seed, rounds, number])
        pair = (names[2 * number - 2], names[2 * number - 1])
        difficulty, models = _pair_of(kind, rng)
        more = [(a, _any_profile(rng)) for a in np.linspace(-1.5, 2.0, _OTHERS)]
        abilities, profiles = zip(*models, *more, strict=True)
        simulated = simulate_answers(
            abilities, profiles=profiles, n_items=int(rng.integers(600, 901)), n_trials=n_trials,
            targets=_TARGETS, difficulty=difficulty, overdispersion=overdispersion,
            models=pd.DataFrame({"model": [*pair, *others]}), rng=rng,
        )  # fmt: skip
        says = compare_pairs(simulated, [pair], draws=draws, level=level, seed=seed)
        truth = simulated.truth[simulated.truth["target"] == MACRO].set_index("model")["hat"]
        about = {
            "round": number,
            "kind": kind.name,
            "model_a": pair[0],
            "model_b": pair[1],
            "truth_a": float(truth[pair[0]]),
            "truth_b": float(truth[pair[1]]),
            "right": right_answer(says["truth"])[0],
            "n_items": int(simulated.responses.benchmarks["n_items"].iloc[0]),
        }
        parts["rounds"].append(pd.DataFrame([about]))
        parts["models"].append(_observed(simulated, pair).assign(round=number))
        parts["says"].append(says.assign(round=number))
    frames = {name: pd.concat(each, ignore_index=True) for name, each in parts.items()}
    return Drill(**frames, n_trials=n_trials, level=level)


def _any_profile(rng: np.random.Generator) -> partial[Floats]:
    return profile_with(rng.uniform(0.5, 0.85), rng.uniform(0.8, 1.2))


def _pair_of(
    kind: Kind, rng: np.random.Generator
) -> tuple[str, list[tuple[float, partial[Floats]]]]:
    """Difficulty of the items, and ability and profile of two models, in random order."""
    for _ in range(_TRIES):
        difficulty = str(rng.choice(["normal", "uniform", "skewed"]))
        weaker = rng.uniform(*kind.ability)
        stronger = weaker + rng.uniform(*kind.stronger_by)
        lead, middle, slope = rng.uniform(*kind.lead), rng.uniform(0.5, 0.75), rng.uniform(0.8, 1.2)
        models = [
            (ability, profile_with(middle + half, slope))
            for ability, half in ((stronger, lead / 2), (weaker, -lead / 2))
        ]
        a, b = (expected_metrics(*model, difficulty) for model in models)
        leads = {name: sign * (a[name] - b[name]) for name, sign in METRICS.items()}
        side = np.sign(lead)
        if all(side * leads[name] > _CLEARLY for name in kind.right) and all(
            side * leads[name] < -_CLEARLY if side else abs(leads[name]) > _CLEARLY
            for name in kind.wrong
        ):
            return difficulty, models if rng.random() < 0.5 else models[::-1]
    raise RuntimeError(f"no pair of models was found for: {kind.name}")


def _observed(simulated: Simulated, pair: Sequence[str]) -> pd.DataFrame:
    """The usual metrics of two models, as a reader of a leaderboard sees them."""
    frame = simulated.responses.frame
    rates = frame.assign(rate=frame["n_correct"] / frame["n_trials"])
    wide = rates.pivot_table("rate", "model", "language").loc[list(pair)]
    source, target = wide["en"], wide[list(_TARGETS)].mean(axis=1)
    columns = {
        "source_accuracy": source,
        "target_accuracy": target,
        "xlt_gap": source - target,
        "ratio": target / source,
    }
    return pd.DataFrame(columns).rename_axis("model").reset_index()
