"""A drill with known truth: which of two models transfers better?

Each round has two invented models on one simulated benchmark.  A reader predicts from the usual
metrics which of them transfers better, is shown the truth, and then what HAT says.

In this module the *lead* of model A is how far it is ahead of model B: by the truth, or by a
measure.  A measure *names* a model if the interval of the lead excludes 0; else it leaves the
question open.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.metric.compare import compare_models
from hatlib.metric.flags import Flag
from hatlib.metric.results import HatScores
from hatlib.metric.score import hat_scores, interval_quantile
from hatlib.metric.sufficient import MACRO
from hatlib.thresholds import BOOK
from hatlib.truth.simulate import (
    DIFFICULTIES,
    Curve,
    invented_names,
    profile_with,
    simulate_answers,
)

SAME = BOOK["same"]
"""Two models whose true scores differ by less than this transfer about the same."""

#: The usual metrics, and whether more of it is better (1) or worse (-1).
METRICS: Mapping[str, int] = {"target_accuracy": 1, "xlt_gap": -1, "ratio": 1}

#: What a measure may say, and what may be true: the first model, the second, or neither.
FIRST, SECOND, ABOUT_SAME, OPEN = "a", "b", "same", "open"

#: What rounds there are.
KINDS: Sequence[Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_name("drill.toml").read_text("utf-8")
)["kinds"]

_OTHERS = 6  # models beside the pair, from which the estimator learns the common shape
_CLEARLY = 0.03  # how far a metric must point in a direction, in expectation
_TRIES = 5000


def expected_metrics(ability: float, profile: Curve, difficulty: str) -> dict[str, float]:
    """The metrics of a model without luck: over many items and answers."""
    u = special.expit(ability - DIFFICULTIES[difficulty]((np.arange(400) + 0.5) / 400))
    source, target = float(u.mean()), float(profile(u).mean())
    ratio = target / source
    return {"target_accuracy": target, "xlt_gap": source - target, "ratio": ratio}


def compare_pairs(
    scores: HatScores, truth: pd.DataFrame, pairs: Sequence[Sequence[str]]
) -> pd.DataFrame:
    """What the metrics and HAT say of pairs of simulated models, beside the truth.

    Parameters
    ----------
    scores : HatScores
        Of one simulated benchmark, with draws, and the uniform reference that the truth is stated
        for.
    truth : DataFrame
        As in `Simulated.truth`.
    pairs : sequence of (str, str)
        Names of the two models of each pair.

    Returns
    -------
    DataFrame
        One row a pair × measure: ``model_a``, ``model_b``, ``truth`` (lead of A in the true
        score), ``source_lead`` (in source accuracy), ``measure``, ``lead`` with ``low`` and
        ``high`` (above 0 if the measure puts A ahead), ``says`` ("a", "b" or "open"), ``note``
        (a flag of HAT that leaves the question open) and ``mark`` ("right", "wrong", "left open").

    Examples
    --------
    >>> made = simulate_answers([1, 1], profiles=["shift", "strong shift"], n_items=400)
    >>> scores = hat_scores(made.responses, reference="uniform", draws=200)
    >>> compare_pairs(scores, made.truth, [("Alder", "Aspen")])["says"].tolist()
    ['a', 'a', 'a', 'a']
    """
    b = scores.benchmark()
    assert b.metric_draws is not None
    i, j = np.array([[b.models.index(name) for name in pair] for pair in pairs]).T
    known = truth[truth["target"] == MACRO].set_index("model")["hat"].loc[list(b.models)].to_numpy()
    reach = interval_quantile(b.n_items[:, 0].min(), scores.level)
    about = pd.DataFrame(list(pairs), columns=["model_a", "model_b"]).assign(
        truth=known[i] - known[j],
        source_lead=np.subtract(*b.metrics["source_accuracy"][[i, j], 0]),
        note="",
    )
    frames = []
    for metric, sign in METRICS.items():
        lead = sign * np.subtract(*b.metrics[metric][[i, j], 0])
        with np.errstate(invalid="ignore"):  # there is no ratio to a source accuracy of 0
            redrawn = b.metric_draws[metric]
            half = reach * np.std(redrawn[:, i] - redrawn[:, j], axis=0, ddof=1)
        frames.append(about.assign(measure=metric, lead=lead, low=lead - half, high=lead + half))
    found = [compare_models(scores, *pair) for pair in pairs]
    ends = pd.DataFrame(
        [(f.difference, f.low, f.high) for f in found], columns=["lead", "low", "high"]
    )
    # The flags that keep a difference in HAT from naming a model.
    flags = ["; ".join(sorted({flag.value for flag in f.flags})) or "no score" for f in found]
    extrapolated = [Flag.EXTRAPOLATED.value * (Flag.EXTRAPOLATED in f.flags) for f in found]
    note = np.where(ends["lead"].notna(), extrapolated, flags)
    frames.append(about.assign(measure="hat", **ends, note=note))
    frame = pd.concat(frames).sort_index(kind="stable", ignore_index=True)
    firm = (frame["note"] == "") & ((frame["low"] > 0) | (frame["high"] < 0))
    frame["says"] = np.where(firm, np.where(frame["lead"] > 0, FIRST, SECOND), OPEN)
    right = frame["says"] == right_answer(frame["truth"])
    frame["mark"] = np.select([frame["says"] == OPEN, right], ["left open", "right"], "wrong")
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
    options: dict[str, Any] = {"draws": draws, "level": level, "rng": seed}
    rng = np.random.default_rng([seed, rounds])
    order = np.concatenate([rng.permutation(len(KINDS)) for _ in range(-(-rounds // len(KINDS)))])
    names = rng.permutation(invented_names(max(25, 2 * rounds + _OTHERS))).tolist()
    others = names[2 * rounds : 2 * rounds + _OTHERS]
    parts: dict[str, list[pd.DataFrame]] = {"rounds": [], "models": [], "says": []}
    for number, kind in enumerate((KINDS[k] for k in order[:rounds]), 1):
        # A generator of its own, so that more answers or correlated ones change no other round.
        rng = np.random.default_rng([seed, rounds, number])
        pair = names[2 * number - 2 : 2 * number]
        difficulty, models = draw_pair(kind, rng)
        for ability in np.linspace(-1.5, 2.0, _OTHERS):
            models.append((ability, profile_with(rng.uniform(0.5, 0.85), rng.uniform(0.8, 1.2))))
        abilities, profiles = zip(*models, strict=True)
        simulated = simulate_answers(
            abilities,
            profiles=profiles,
            n_items=int(rng.integers(600, 901)),
            n_trials=n_trials,
            difficulty=difficulty,
            overdispersion=overdispersion,
            models=pd.DataFrame({"model": [*pair, *others]}),
            rng=rng,
        )
        scores = hat_scores(simulated.responses, reference="uniform", correlation=0.0, **options)
        says = compare_pairs(scores, simulated.truth, [pair])
        known = simulated.truth.query("target == @MACRO").set_index("model")["hat"]
        about = {
            "round": number,
            "kind": kind["name"],
            "model_a": pair[0],
            "model_b": pair[1],
            "truth_a": known[pair[0]],
            "truth_b": known[pair[1]],
            "right": right_answer(says["truth"])[0],
            "n_items": int(simulated.responses.benchmarks["n_items"].iloc[0]),
        }
        seen = scores.macro().set_index("model").loc[pair, ["source_accuracy", *METRICS]]
        parts["rounds"].append(pd.DataFrame([about]))
        parts["models"].append(seen.reset_index().assign(round=number))
        parts["says"].append(says.assign(round=number))
    frames = {name: pd.concat(each, ignore_index=True) for name, each in parts.items()}
    return Drill(**frames, n_trials=n_trials, level=level)


def draw_pair(
    kind: Mapping[str, Any], rng: np.random.Generator
) -> tuple[str, list[tuple[float, Curve]]]:
    """Difficulty of the items, and ability and profile of two models, in random order."""
    for _ in range(_TRIES):
        difficulty = str(rng.choice(["normal", "uniform", "skewed"]))
        weaker = rng.uniform(*kind["ability"])
        stronger = weaker + rng.uniform(*kind["stronger_by"])
        lead, middle, slope = (
            rng.uniform(*ends) for ends in (kind["lead"], (0.5, 0.75), (0.8, 1.2))
        )
        models: list[tuple[float, Curve]] = [
            (stronger, profile_with(middle + lead / 2, slope)),
            (weaker, profile_with(middle - lead / 2, slope)),
        ]
        a, b = (expected_metrics(*model, difficulty) for model in models)
        leads = {name: sign * (a[name] - b[name]) for name, sign in METRICS.items()}
        side = np.sign(lead)
        right = [side * leads[name] for name in kind["right"]]
        wrong = [-side * leads[name] if side else abs(leads[name]) for name in kind["wrong"]]
        if min([*right, *wrong], default=1) > _CLEARLY:
            return difficulty, models if rng.random() < 0.5 else models[::-1]
    raise RuntimeError(f"no pair of models was found for: {kind['name']}")
