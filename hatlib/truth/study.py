"""Which estimator of the HAT score can be trusted, where, and where not.

The study simulates answers of known transfer, scores them with every estimator, and measures what
a user would care about: does the score stay the same when only ability changes, how far is it from
the truth, and do its intervals hold the truth as often as they say?

`benchmarks/estimator_study.py` runs it all; the book's page on it runs a small part and shows the
rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hatlib.data.files import read_table
from hatlib.data.tables import STUDIES, data_folder
from hatlib.metric.results import BenchmarkScores
from hatlib.metric.score import interval_quantile, score_counts
from hatlib.truth.answers import simulate_answers
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, invented_names, true_transfer

Floats = NDArray[np.float64]

#: Profiles that every design is tried with; the others only in the base design.
MAIN_PROFILES = ("linear", "steep", "flat")

#: How to score, by name.
ESTIMATORS: Mapping[str, Mapping[str, Any]] = {
    "plugin": {"profile": "plugin", "reference": "uniform"},
    "quadratic": {"profile": "quadratic", "reference": "uniform"},
    "logit": {"profile": "logit", "reference": "uniform"},
    "direct": {"profile": "direct", "reference": "uniform"},
    "shared": {"profile": "shared", "reference": "uniform"},
    "adaptive": {"profile": "adaptive", "reference": "uniform"},
    "direct, pooled": {"profile": "direct", "reference": "pooled"},
    "adaptive, pooled": {"profile": "adaptive", "reference": "pooled"},
}

#: Metrics that are not corrected for hardness, for comparison.
TRADITIONAL = ("target_accuracy", "xlt_gap", "ratio", "conditional_transfer")

RESULTS = STUDIES["study-estimators"]
"""Where the full study is kept, below the data folder."""


@dataclass(frozen=True)
class Design:
    """One way to simulate.

    Attributes
    ----------
    axis, value : str
        What is varied against the base design, and to what.
    profiles : tuple of str
        Transfer profiles; models take them in turn.
    abilities : tuple of float
        One a model, in logits.
    n_items, n_trials : int
    chance : float
    difficulty : str
    item_spread, overdispersion : float
        As in `hatlib.simulate_answers`.
    hardness : str
        How hardness is estimated.
    assumed_correlation : float
        Correlation of the answers to one item that the estimators are told.
    """

    axis: str = "base"
    value: str = ""
    profiles: tuple[str, ...] = ("linear",)
    abilities: tuple[float, ...] = tuple(np.linspace(-2.5, 2.5, 11).round(3).tolist())
    n_items: int = 400
    n_trials: int = 10
    chance: float = 0.0
    difficulty: str = "normal"
    item_spread: float = 0.0
    overdispersion: float = 0.0
    hardness: str = "self"
    assumed_correlation: float = 0.0

    def truth(self) -> Floats:
        """True scores with the uniform reference, one a model."""
        each = [true_transfer(name) for name in self.profiles]
        return np.array([each[m % len(each)] for m in range(len(self.abilities))])

    def pooled_truth(self) -> Floats:
        """True scores with the pooled reference, one a model."""
        quantiles = (np.arange(4000) + 0.5) / 4000
        b = DIFFICULTIES[self.difficulty](quantiles)
        u = 1 / (1 + np.exp(-(np.array(self.abilities)[:, None] - b)))
        each = [PROFILES[name](u).mean() / u.mean() for name in self.profiles]
        return np.array([each[m % len(each)] for m in range(len(self.abilities))])


def designs() -> Iterator[Design]:
    """Every design of the study: the base, one thing varied at a time, and mixtures.

    Examples
    --------
    >>> len({(d.axis, d.value, d.profiles) for d in designs()}) == len(list(designs()))
    True
    """
    base = Design()
    for name in PROFILES:
        yield replace(base, value="K = 10, N = 400", profiles=(name,))
    for name in PROFILES:
        yield replace(
            base, axis="chance", value="c = .1, N = 588", profiles=(name,), n_items=588, chance=0.1
        )
    for pair in (
        ("steep", "flat"),
        ("linear", "steep"),
        ("linear", "flat"),
        ("square", "strong shift"),
    ):
        twice = tuple(np.linspace(-2.5, 2.5, 12).round(3).tolist())
        yield replace(
            base, axis="two shapes", value=" / ".join(pair), profiles=pair, abilities=twice
        )
    for axis, value, change in _variations():
        for name in MAIN_PROFILES:
            yield replace(base, axis=axis, value=value, profiles=(name,), **change)


def _variations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for k in (2, 3, 5, 20):
        yield "answers an item", f"K = {k}", {"n_trials": k}
    for n in (100, 250, 588):
        yield "items", f"N = {n}", {"n_items": n}
    for c in (0.25, 0.5):
        yield "chance", f"c = {c:g}", {"chance": c}
    for name in ("uniform", "skewed", "bimodal"):
        yield "difficulty", name, {"difficulty": name}
    strong = tuple(np.linspace(-2, 5, 12).round(3).tolist())
    yield "abilities", "up to saturated, N = 250", {"abilities": strong, "n_items": 250}
    weak = tuple(np.linspace(-5, 0, 11).round(3).tolist())
    yield "abilities", "down to nothing", {"abilities": weak}
    for n in (1, 2, 5, 20):
        spread = (0.0,) if n == 1 else tuple(np.linspace(-2, 2, n).round(3).tolist())
        yield "models", f"{n} model{'s' * (n > 1)}", {"abilities": spread}
    for rho in (0.1, 0.3):
        yield "correlated answers", f"correlation {rho:g}", {"overdispersion": rho}
        told = {"overdispersion": rho, "assumed_correlation": rho}
        yield "correlated answers", f"correlation {rho:g}, known", told
    yield "items scatter", "spread .25", {"item_spread": 0.25}
    one = {"n_trials": 1, "n_items": 588}
    yield "one answer an item", "pooled hardness", {**one, "hardness": "pooled"}
    yield "one answer an item", "leave-one-out", {**one, "hardness": "leave-one-out"}


def run_design(
    design: Design,
    *,
    replications: int,
    draws: int = 200,
    estimators: Sequence[str] = tuple(ESTIMATORS),
    with_intervals: Sequence[str] = ("adaptive", "adaptive, pooled"),
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate a design again and again, and score it with every estimator.

    Parameters
    ----------
    design : Design
        What to simulate.
    replications : int
        How often.
    draws : int
        Redraws of the items for intervals.
    estimators : sequence of str
        Names in `ESTIMATORS`.
    with_intervals : sequence of str
        Those whose intervals are judged, too.
    seed : int
        Seed of the simulation.

    Returns
    -------
    DataFrame
        One row a replication × estimator × model: ``estimator``, ``replication``, ``model``
        (number), ``source_accuracy``, ``score``, ``truth``, ``low``, ``high``, ``support``.

    Examples
    --------
    >>> frame = run_design(Design(n_items=100), replications=1, estimators=["plugin", "adaptive"])
    >>> len(frame) == (2 + len(TRADITIONAL)) * 11
    True
    """
    truth = {"uniform": design.truth(), "pooled": design.pooled_truth()}
    frames = []
    for replication in range(replications):
        counts = simulate_answers(
            design.abilities,
            profiles=[
                design.profiles[m % len(design.profiles)] for m in range(len(design.abilities))
            ],
            n_items=design.n_items,
            n_trials=design.n_trials,
            targets=["de"],
            chance=design.chance,
            difficulty=design.difficulty,
            item_spread=design.item_spread,
            overdispersion=design.overdispersion,
            rng=np.random.default_rng([seed, replication]),
        ).responses.counts("sim")
        order = np.argsort([_number(name, counts.models) for name in counts.models])
        for name in estimators:
            options = ESTIMATORS[name]
            if not _possible(design, options):
                continue
            n = draws if name in with_intervals else 0
            found = score_counts(
                counts,
                hardness=design.hardness,
                correlation=design.assumed_correlation,
                draws=n,
                rng=replication,
                **options,
            )
            frames.append(_rows(name, replication, found, truth[options["reference"]], order))
        frames += _traditional(replication, found, order)
    return pd.concat(frames, ignore_index=True)


def _number(name: str, names: Sequence[str]) -> int:
    """Place of an invented name in the order in which models were simulated."""
    return invented_names(len(names)).index(name)


def _possible(design: Design, options: Mapping[str, Any]) -> bool:
    """The plug-in needs several answers, the parabola at least four."""
    if options["profile"] == "quadratic":
        return design.n_trials >= 4
    return design.n_trials > 1 or options["profile"] != "plugin"


def _rows(
    name: str, replication: int, found: BenchmarkScores, truth: Floats, order: NDArray[np.intp]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "estimator": name,
            "replication": replication,
            "model": np.arange(len(order)),
            "source_accuracy": found.metrics["source_accuracy"][order, 0],
            "score": found.hat[order, 0],
            "truth": truth,
            "low": found.low[order, 0],
            "high": found.high[order, 0],
            "support": found.support[order, 0],
        }
    )


def _traditional(
    replication: int, found: BenchmarkScores, order: NDArray[np.intp]
) -> list[pd.DataFrame]:
    nothing = np.full(len(order), np.nan)
    return [
        _rows(name, replication, found, nothing, order).assign(
            score=found.metrics[name][order, 0], low=np.nan, high=np.nan
        )
        for name in TRADITIONAL
    ]


def judge(frame: pd.DataFrame, n_shapes: int = 1) -> pd.DataFrame:
    """Boil the replications of one design down to one row an estimator.

    Parameters
    ----------
    frame : DataFrame
        From `run_design`.
    n_shapes : int
        How many profiles the models took in turn; the range is taken within each.

    Returns
    -------
    DataFrame
        ``range`` of the mean score over models that transfer alike, the largest over shapes (0 if
        the score does not depend on ability); ``bias``; ``rmse``; ``correlation`` of the error
        with source accuracy over models (mean over replications), with ``correlation_low`` and
        ``correlation_high``, the middle 95 % of the replications; ``coverage`` of the intervals,
        ``coverage_se`` (Monte-Carlo error, models of one replication counted as one),
        ``coverage_supported`` where the score is not flagged; ``width`` of the intervals;
        ``supported`` and ``scored``, shares of the scores; ``replications``.
    """
    rows = []
    for name, part in frame.groupby("estimator", sort=False):
        mean = part.groupby("model")["score"].mean()
        groups = mean.groupby(mean.index.to_numpy() % n_shapes)
        known = part["truth"].notna().any()
        error = part["score"] - part["truth"] if known else part["score"]
        correlations = _correlations(part.assign(error=error))
        covered = (part["low"] <= part["truth"]) & (part["truth"] <= part["high"])
        judged = part["low"].notna()
        fine = judged & (part["support"] >= 0.7)
        per_replication = covered[judged].groupby(part["replication"]).mean()
        rows.append(
            {
                "estimator": name,
                "range": float((groups.max() - groups.min()).max()),
                "bias": float(error.mean()) if known else np.nan,
                "rmse": float(np.sqrt((error**2).mean())) if known else np.nan,
                "correlation": float(np.nanmean(correlations)) if len(correlations) else np.nan,
                "correlation_low": _quantile(correlations, 0.025),
                "correlation_high": _quantile(correlations, 0.975),
                "coverage": float(covered[judged].mean()) if judged.any() else np.nan,
                "coverage_se": float(per_replication.std() / np.sqrt(len(per_replication)))
                if len(per_replication) > 1
                else np.nan,
                "coverage_supported": float(covered[fine].mean()) if fine.any() else np.nan,
                "width": float((part["high"] - part["low"])[judged].mean())
                if judged.any()
                else np.nan,
                "supported": float((part["support"] >= 0.7).mean()),
                "scored": float(part["score"].notna().mean()),
                "replications": int(part["replication"].nunique()),
            }
        )
    return pd.DataFrame(rows)


def _correlations(part: pd.DataFrame) -> Floats:
    """Correlation over models of error and source accuracy, one a replication."""
    values = []
    for _, one in part.dropna(subset=["error"]).groupby("replication"):
        if len(one) > 2 and one["error"].std() > 0:
            values.append(np.corrcoef(one["error"], one["source_accuracy"])[0, 1])
    return np.array(values)


def _quantile(values: Floats, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")


def run_study(
    *,
    replications: int = 40,
    draws: int = 200,
    chosen: Callable[[Design], bool] = lambda design: True,
    mapper: Callable[..., Any] = map,
) -> pd.DataFrame:
    """Run the study, or a part of it.

    Parameters
    ----------
    replications, draws : int
        As in `run_design`.
    chosen : callable
        Which designs to run.
    mapper : callable
        How to visit the designs; a process pool's ``map`` visits several at a time.

    Returns
    -------
    DataFrame
        One row a design × estimator: ``axis``, ``value``, ``profiles``, and the columns of `judge`.
    """
    tasks = [(design, replications, draws) for design in designs() if chosen(design)]
    return pd.concat(list(mapper(_task, tasks)), ignore_index=True)


def _task(task: tuple[Design, int, int]) -> pd.DataFrame:
    design, replications, draws = task
    # One answer an item fits an item-response model each time.
    n = replications if design.hardness == "self" else max(2, replications // 2)
    frame = judge(run_design(design, replications=n, draws=draws), len(design.profiles))
    frame.insert(0, "profiles", " / ".join(design.profiles))
    frame.insert(0, "value", design.value)
    frame.insert(0, "axis", design.axis)
    return frame


POWER_RESULTS = STUDIES["study-power"]
"""Where the power of paired comparisons is kept, below the data folder."""

#: Differences in HAT that the power study looks for.
DIFFERENCES = (0.0, 0.05, 0.1)

_POWER_ABILITIES = (-1.0, -0.5, 0.0, 0.0, 0.5, 1.0)
_PAIR = (2, 3)


def run_power(
    *,
    n_items: Sequence[int] = (100, 250, 588, 1200),
    n_trials: Sequence[int] = (2, 3, 5, 10, 20),
    differences: Sequence[float] = DIFFERENCES,
    replications: int = 100,
    draws: int = 200,
    mapper: Callable[..., Any] = map,
) -> pd.DataFrame:
    """How small a difference between two models can be seen.

    Six models answer; two of them have the same ability, and one of these transfers less by a
    known amount: its linear profile is lower. The two are compared on the same items.

    Parameters
    ----------
    n_items, n_trials : sequence of int
        Items, and answers an item and language, to try.
    differences : sequence of float
        True differences in HAT.
    replications, draws : int
        Simulations, and redraws of the items in each.
    mapper : callable
        How to visit the combinations.

    Returns
    -------
    DataFrame
        One row a combination: ``n_items``, ``n_trials``, ``difference``, ``estimate`` (mean),
        ``sd`` (over replications), ``se`` (mean of the stated standard errors), ``detected``
        (share of intervals without 0), ``smallest`` (the difference that 80 % of replications
        would detect, from ``sd``), ``replications``.

    Examples
    --------
    >>> frame = run_power(n_items=[100], n_trials=[5], differences=[0.0], replications=2)
    >>> frame["n_trials"].tolist()
    [5]
    """
    tasks = [
        (n, k, difference, replications, draws)
        for n in n_items
        for k in n_trials
        for difference in differences
    ]
    return pd.DataFrame(list(mapper(_power_task, tasks)))


def _power_task(task: tuple[int, int, float, int, int]) -> dict[str, Any]:
    n_items, n_trials, difference, replications, draws = task
    slopes = [0.7] * len(_POWER_ABILITIES)
    slopes[_PAIR[1]] -= difference
    profiles = [partial(_straight, slope) for slope in slopes]
    estimates, errors, detected = [], [], []
    for replication in range(replications):
        counts = simulate_answers(
            _POWER_ABILITIES,
            profiles=profiles,
            n_items=n_items,
            n_trials=n_trials,
            targets=["de"],
            rng=np.random.default_rng([n_items, n_trials, replication]),
        ).responses.counts("sim")
        found = score_counts(counts, draws=draws, reference="uniform", rng=replication)
        names = invented_names(len(slopes))
        i, j = (counts.models.index(names[m]) for m in _PAIR)
        assert found.draws is not None
        gap = found.draws[:, i, 0] - found.draws[:, j, 0]
        estimate, se = found.hat[i, 0] - found.hat[j, 0], gap.std(ddof=1)
        effective = found.effective_items[[i, j], 0].min()
        estimates.append(estimate)
        errors.append(se)
        detected.append(abs(estimate) > interval_quantile(effective, 0.95) * se)
    sd = float(np.std(estimates, ddof=1))
    return {
        "n_items": n_items,
        "n_trials": n_trials,
        "difference": difference,
        "estimate": float(np.mean(estimates)),
        "sd": sd,
        "se": float(np.mean(errors)),
        "detected": float(np.mean(detected)),
        "smallest": float(stats.norm.ppf([0.975, 0.8]).sum()) * sd,
        "replications": replications,
    }


def _straight(slope: float, u: Floats) -> Floats:
    return slope * u


def power_results() -> pd.DataFrame:
    """The power of paired comparisons as it was last measured, from the data of the book.

    Returns
    -------
    DataFrame
        As from `run_power`.

    Examples
    --------
    >>> bool((power_results()["smallest"] > 0).all())
    True
    """
    frame, _ = read_table(data_folder() / POWER_RESULTS)
    return frame.apply(pd.to_numeric)


def study_results() -> pd.DataFrame:
    """The full study as it was last run, from the data of the book.

    Returns
    -------
    DataFrame
        As from `run_study`.

    Examples
    --------
    >>> bool({"adaptive", "plugin"} <= set(study_results()["estimator"]))
    True
    """
    frame, _ = read_table(data_folder() / RESULTS)
    text = ("axis", "value", "profiles", "estimator")
    for column in frame.columns.difference(list(text)):
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    return frame
