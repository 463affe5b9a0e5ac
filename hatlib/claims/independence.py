"""Does a score still depend on source accuracy?  Tests on the answers of real models.

**Across models.**  The slope of a score on source accuracy over models.  It is weak: better models
may truly transfer better, so a slope proves no fault and none proves no virtue.

**Within a model.**  The same model on easier and on harder items.  Its transfer is the same, its
source accuracy is not.  Which items are easier is decided by the *other* models: a model's own
counts hold luck, which does not return in the target languages (regression to the mean).

A slope is given for ten points of source accuracy and judged by the threshold ``drift``.  Models
of known truth are in `hatlib.truth.attacks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hatlib import resample
from hatlib.claims.itemsets import ItemSets
from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.lines.distance import seed_of
from hatlib.metric.profile import PROFILE_NAMES
from hatlib.metric.reference import Standard
from hatlib.metric.results import BenchmarkScores
from hatlib.metric.score import EXTRAPOLATED, interval_quantile, score_counts
from hatlib.show.words import counted, headline, joined, markdown_text, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.recovery import STEP

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: What is tested, and how it is called.
MEASURES = {
    "hat": "HAT score",
    "target_accuracy": "Target accuracy",
    "xlt_gap": "XLT gap",
    "ratio": "Ratio",
    "conditional_transfer": "Conditional transfer",
}
HAT = MEASURES["hat"]

INDEPENDENT, DEPENDENT, UNCLEAR = "independent", "dependent", "cannot tell"

MIN_MODELS = 4
"""With fewer models there is no slope across models."""

MIN_DESCRIBED = 8
"""With fewer models of known size and date there is no partial correlation."""

_EVERY = 4  # one item in so many changes sides, so that both parts cover all hardness
_TINY = 1e-12


def verdict_of(low: float, high: float, drift: float) -> str:
    """Judge the interval of a slope for ten points of source accuracy.

    Parameters
    ----------
    low, high : float
        Ends of the interval; nan if there is none.
    drift : float
        A smaller slope counts as none.

    Returns
    -------
    str
        "independent" if the interval lies within plus or minus `drift`, "dependent" if wholly
        outside, else "cannot tell".

    Examples
    --------
    >>> verdict_of(-0.01, 0.01, 0.02), verdict_of(0.03, 0.05, 0.02), verdict_of(0.01, 0.05, 0.02)
    ('independent', 'dependent', 'cannot tell')
    """
    if -drift < low and high < drift:
        return INDEPENDENT
    return DEPENDENT if low > drift or high < -drift else UNCLEAR


def holm(p_values: Sequence[float]) -> Floats:
    """p-values corrected for their number (Holm 1979); missing ones do not count.

    Examples
    --------
    >>> holm([0.01, 0.04, float("nan")]).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p_values, dtype=float)
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = np.arange(len(order), 0, -1) * p[order]
    out[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return out


def _outside(slope: float, se: float, freedom: float, drift: float) -> float:
    """p-value that a slope is no larger than `drift`; two-sided, to match the interval."""
    if not se > 0:
        return float("nan")
    return float(min(1.0, 2 * stats.t.sf((abs(slope) - drift) / se, freedom)))


def _with_verdicts(rows: pd.DataFrame, rules: Thresholds) -> pd.DataFrame:
    """Add ``holm_p`` over the sets of each measure, and ``verdict``."""
    drift = rules["drift"]
    corrected = pd.Series(np.nan, index=rows.index)
    for _, p_values in rows.groupby("measure")["p_value"]:
        corrected[p_values.index] = holm(p_values.to_list())
    rows = rows.assign(holm_p=corrected)
    words = []
    for low, high, p in rows[["low", "high", "holm_p"]].itertuples(index=False):
        word = verdict_of(low, high, drift)
        words.append(UNCLEAR if word == DEPENDENT and not p < rules["clear"] else word)
    return rows.assign(verdict=pd.Series(words, index=rows.index, dtype=str))


# Slopes ------------------------------------------------------------------------------------------


def slope_and_correlation(x: Floats, y: Floats, given: Floats | None = None) -> tuple[Any, Any]:
    """Least-squares slope of `y` on `x`, and their correlation, with `given` held fixed.

    Parameters
    ----------
    x, y : ndarray, shape (..., n)
        Values of n models.
    given : ndarray, shape (n, k), optional
        What is held fixed, besides a constant.

    Returns
    -------
    slope, correlation : ndarray, shape (...)
        nan where `x` does not vary.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0])
    >>> slope, r = slope_and_correlation(x, np.array([0.0, 2.0, 1.0]))
    >>> float(slope.round(3)), float(r.round(3))
    (0.5, 0.5)
    """
    x, y = (_rest(v, given) for v in (x, y))
    xx, yy, xy = (x * x).sum(-1), (y * y).sum(-1), (x * y).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(xx > _TINY, xy / xx, np.nan)
        r = np.where((xx > _TINY) & (yy > _TINY), xy / np.sqrt(xx * yy), np.nan)
    return slope, r


def _rest(values: Floats, given: Floats | None) -> Floats:
    """What a constant and `given` leave of the values (last axis)."""
    n = values.shape[-1]
    columns = [np.ones((n, 1))] if given is None else [np.ones((n, 1)), given]
    z = np.column_stack(columns)
    rest: Floats = values - (values @ z) @ np.linalg.pinv(z.T @ z) @ z.T
    return rest


def _estimate(
    x: Floats,
    y: Floats,
    redrawn_x: Floats,
    redrawn_y: Floats,
    clusters: NDArray[np.int64],
    rules: Thresholds,
    given: Floats | None = None,
) -> dict[str, float]:
    """Slope and correlation over models, with two-way intervals.

    Two variances are added: over models, by leaving out one cluster at a time (delete-one-cluster
    jackknife), and over items, by their redraws.  That counts some noise twice, and so is rather
    too wide than too narrow.
    """
    slope, r = slope_and_correlation(x, y, given)
    found: list[Floats] = []
    n_clusters = int(clusters.max()) + 1
    for left in range(n_clusters):
        kept = clusters != left
        part = None if given is None else given[kept]
        found.append(np.array(slope_and_correlation(x[kept], y[kept], part)))
    left_out = np.array(found)
    left_out[:, 1] = _fisher(left_out[:, 1])
    items = np.array(slope_and_correlation(redrawn_x, redrawn_y, given))
    items[1] = _fisher(items[1])
    centre = np.array([slope, _fisher(r)])
    _, across = resample.jackknife_interval(centre, left_out, rules["level"])
    se = np.hypot(across, items.std(axis=1, ddof=1))
    freedom = max(n_clusters - 1 - (0 if given is None else given.shape[1]), 1)
    reach = stats.t.ppf((1 + rules["level"]) / 2, freedom) * se
    low, high = centre - reach, centre + reach
    # What the noise of the items adds to the products of x and y.
    noise_x, noise_y = (_rest(v - v.mean(axis=0), given) for v in (redrawn_x, redrawn_y))
    xx, xy = ((_rest(x, given) * _rest(v, given)).sum() for v in (x, y))
    true_xx = xx - (noise_x**2).sum(axis=1).mean()
    true_xy = xy - (noise_x * noise_y).sum(axis=1).mean()
    return {
        "per_ten_points": STEP * float(slope),
        "low": STEP * float(low[0]),
        "high": STEP * float(high[0]),
        "p_value": _outside(STEP * float(slope), STEP * float(se[0]), freedom, rules["drift"]),
        "without_noise": STEP * float(true_xy / true_xx) if true_xx > 0 else np.nan,
        "reliability": float(max(true_xx / xx, 0)) if xx > _TINY else np.nan,
        "correlation": float(r),
        "correlation_low": float(np.tanh(low[1])),
        "correlation_high": float(np.tanh(high[1])),
    }


def _fisher(r: Any) -> Any:
    return np.arctanh(np.clip(r, -1 + 1e-6, 1 - 1e-6))


def _redrawn(b: BenchmarkScores) -> dict[str, Floats]:
    """HAT, source accuracy and the metrics of the same redrawn items, (draws, n_models) each."""
    assert b.draws is not None
    assert b.metric_draws is not None
    found = {**b.metric_draws, "hat": b.draws[:, :, 0]}
    # A model that solves nothing in a redraw has no ratio there.
    return {name: np.where(np.isfinite(v), v, np.nan) for name, v in found.items()}


# Across models -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class AcrossModels:
    """How each measure goes with source accuracy over the models of each set.

    Attributes
    ----------
    sets : DataFrame
        One row a set × measure; see `table`.
    models : DataFrame
        One row a set × model with a supported score: ``hat`` and ``source_accuracy`` with their
        ends, ``hat_residual`` (minus the mean) and ``target_residual`` (off the line on source
        accuracy), both with ``_low`` and ``_high``.
    reasons : mapping of str to str
        By name of a set, why it has no slope.
    rules : Thresholds
        On which the verdicts turn.
    """

    sets: pd.DataFrame
    models: pd.DataFrame
    reasons: Mapping[str, str]
    rules: Thresholds = BOOK

    def table(self) -> pd.DataFrame:
        """One row a set × measure.

        Returns
        -------
        DataFrame
            ``models``; ``clusters`` that are left out in turn (``unit``: models or lineages);
            ``source_low`` and ``source_high``, the range of source accuracy;
            ``per_ten_points``, the change of the measure for ten points of source accuracy, with
            ``low`` and ``high``; ``without_noise``, the same without what the noise of the items
            adds, and ``reliability``, the share of the variance of source accuracy that is no
            such noise; ``correlation`` with its ends; ``p_value`` and ``holm_p`` of a slope
            beyond drift; ``verdict``.
        """
        return self.sets.drop(columns=_PARTIAL)

    def partial(self) -> pd.DataFrame:
        """Partial correlation with source accuracy, given log size and release date.

        Returns
        -------
        DataFrame
            One row a set × measure: ``described`` models (size and date known), ``partial`` with
            ``partial_low`` and ``partial_high``, and a ``note`` where it cannot be computed.
        """
        return self.sets[["benchmark_name", "measure", *_PARTIAL]].copy()

    def residuals(self) -> pd.DataFrame:
        """One row a set × model: source accuracy, and what is left of HAT and target accuracy."""
        return self.models.drop(columns=["benchmark", "model"])

    def chart(self, benchmark: str = "") -> Figure | Notice:
        """Residuals against source accuracy on one set: the first if none is named."""
        from hatlib.show import charts

        there = self.models["benchmark"]
        chosen = benchmark or (str(there.iloc[0]) if len(there) else "")
        frame = self.models[there == chosen]
        if frame.empty:
            return charts.Notice(self._none(chosen))
        panels = [
            _residual(frame, "hat_residual", "HAT minus its mean"),
            _residual(frame, "target_residual", "Target accuracy off its line"),
        ]
        name = frame["benchmark_name"].iloc[0]
        return charts.scatter(
            pd.concat(panels, ignore_index=True),
            x="source_accuracy",
            y="residual",
            color=None,
            facet="panel",
            diagonal=False,
            name="independence-residuals",
            title_y="Residual",
            caption=(
                f"{name}, real models. A HAT that does not go with source accuracy lies level. "
                "Target accuracy is shown as its distance from its own line, which lies level by "
                f"construction. Bars: {self.rules['level']:.0%} intervals from redrawn items."
            ),
        )

    def overview(self) -> Figure | Notice:
        """HAT minus its mean against source accuracy, one panel a set."""
        from hatlib.show import charts

        if self.models.empty:
            return charts.Notice(self._none(""))
        frame = _residual(self.models, "hat_residual", "")
        return charts.scatter(
            frame,
            x="source_accuracy",
            y="residual",
            color=None,
            facet="benchmark_name",
            diagonal=False,
            name="independence-overview",
            title_y="HAT minus its mean",
            caption=(
                "Real models: HAT minus the mean of its set, against source accuracy, for every "
                "set that can be tested. Look for a rise or a fall that is larger than the bars "
                f"({self.rules['level']:.0%} intervals from redrawn items)."
            ),
        )

    def chart_of_slopes(self) -> Figure | Notice:
        """The slope of each measure on each set."""
        return _slopes_chart(self.sets, "independence-across", "real models", self.rules)

    def summary(self) -> str:
        """The verdicts, in sentences made from the numbers."""
        rows = self.sets[self.sets["measure"] == HAT]
        text = _answer("Across real models", rows, self.rules)
        for row in rows.to_dict("records"):
            text += (
                f"\n\n{markdown_text(row['benchmark_name'])}: **{row['verdict']}**. HAT changes by "
                f"{_slope_text(row)}, over {counted(row['models'], 'model')} with source "
                f"accuracies from {row['source_low']:.2f} to {row['source_high']:.2f}."
                f"{_needed(row, self.rules)}"
            )
        if len(rows):
            text += "\n\nA slope over models may be true transfer, so this test is weak."
        return text + _why_not(self.reasons)

    def partial_summary(self) -> str:
        """The partial correlations of HAT, or why there are none, in a sentence."""
        rows = self.sets[self.sets["measure"] == HAT]
        if rows.empty:
            return "No set has enough supported scores for a partial correlation."
        known = rows.dropna(subset=["partial"])
        parts = [
            f"{markdown_text(row['benchmark_name'])}: {_number(row['partial'])} "
            f"[{_number(row['partial_low'])}, {_number(row['partial_high'])}], "
            f"{counted(row['described'], 'model')}"
            for row in known.to_dict("records")
        ]
        rest = [markdown_text(name) for name in rows.loc[rows["partial"].isna(), "benchmark_name"]]
        text = ""
        if parts:
            text = (
                "Partial correlation of HAT with source accuracy, given the logarithm of size and "
                f"the release date. {'; '.join(parts)}. "
            )
        if rest:
            text += (
                f"It cannot be computed for {joined(rest)}: it takes {MIN_DESCRIBED} models of "
                "known size and date that differ in both."
            )
        return text.strip()

    def _none(self, benchmark: str) -> str:
        return self.reasons.get(benchmark) or (
            f"Nothing to draw: no set has {MIN_MODELS} models with supported scores."
        )


_PARTIAL = ["described", "partial", "partial_low", "partial_high", "note"]


def across_models(sets: ItemSets, *, rules: Thresholds = BOOK) -> AcrossModels:
    """The slope of HAT and the traditional metrics on source accuracy, set by set.

    Only supported scores enter.  Scores, metrics and source accuracy are redrawn with the same
    items; models are left out one at a time, or one lineage at a time if there are at least
    `hatlib.resample.FEW_CLUSTERS`.

    Parameters
    ----------
    sets : ItemSets
        From `hatlib.score_sets`, with redraws.
    rules : Thresholds
        ``drift``, ``clear`` and ``level`` are used.

    Returns
    -------
    AcrossModels

    Examples
    --------
    >>> from hatlib import score_sets, simulate_answers
    >>> simulated = simulate_answers([-2, -1, 0, 0, 1, 1, 2], profiles="steep", n_items=500)
    >>> found = across_models(score_sets(simulated.responses, reference="uniform", draws=100))
    >>> found.sets.set_index("measure")["verdict"]["Ratio"]
    'dependent'
    """
    rows: list[dict[str, object]] = []
    models: list[pd.DataFrame] = []
    reasons = {_name(sets, b): why for b, why in sets.reasons.items()}
    described = sets.responses.models.set_index("model")
    for b in sets.scores.benchmarks:
        name = _name(sets, b.benchmark)
        at = np.flatnonzero(np.isfinite(b.hat[:, 0]) & (b.flags[:, 0] == ""))
        if len(at) < MIN_MODELS or b.draws is None:
            reasons[name] = (
                f"{counted(len(at), 'supported score')}, and a slope takes {MIN_MODELS}"
                if b.draws is not None
                else "there are no redraws"
            )
            continue
        if np.ptp(b.metrics["source_accuracy"][at, 0]) < _TINY:
            reasons[name] = "all models have the same source accuracy"
            continue
        found = _across_one(sets, b, at, described, rules)
        rows += [{"benchmark": b.benchmark, "benchmark_name": name} | row for row in found[0]]
        models.append(found[1].assign(benchmark=b.benchmark, benchmark_name=name))
    columns = ["benchmark", "benchmark_name", "measure", *_ACROSS, *_PARTIAL]
    frame = _with_verdicts(pd.DataFrame(rows, columns=columns), rules)
    shown = ["benchmark", "benchmark_name", "model", "display_name", *_MODEL_COLUMNS]
    every = pd.concat(models, ignore_index=True) if models else pd.DataFrame(columns=shown)
    return AcrossModels(frame, every[shown], reasons, rules)


_ACROSS = (
    *("models", "clusters", "unit", "source_low", "source_high", "per_ten_points", "low", "high"),
    *("without_noise", "reliability", "correlation", "correlation_low", "correlation_high"),
    "p_value",
)
_MODEL_COLUMNS = [
    f"{name}{end}"
    for name in ("source_accuracy", "hat", "hat_residual", "target_residual")
    for end in ("", "_low", "_high")
]


def _across_one(
    sets: ItemSets,
    b: BenchmarkScores,
    at: NDArray[np.intp],
    described: pd.DataFrame,
    rules: Thresholds,
) -> tuple[list[dict[str, object]], pd.DataFrame]:
    """Rows of one set, one a measure, and the residuals of its models."""
    every = _redrawn(b)
    redrawn = {name: values[:, at] for name, values in every.items()}
    values = {name: np.asarray(v)[at, 0] for name, v in b.metrics.items()} | {"hat": b.hat[at, 0]}
    about = described.loc[[b.models[m] for m in at]]
    lineages = resample.cluster_codes(about["lineage"], len(at))
    by_lineage = int(lineages.max()) + 1 >= resample.FEW_CLUSTERS
    clusters = lineages if by_lineage else np.arange(len(at))
    known, given = _size_and_date(about)
    x, redrawn_x = values["source_accuracy"], redrawn["source_accuracy"]
    rows = []
    for column, measure in MEASURES.items():
        found = _estimate(x, values[column], redrawn_x, redrawn[column], clusters, rules)
        row: dict[str, object] = {
            "measure": measure,
            "models": len(at),
            "clusters": int(clusters.max()) + 1,
            "unit": "lineages" if by_lineage else "models",
            "source_low": float(x.min()),
            "source_high": float(x.max()),
            "described": int(known.sum()),
            "partial": np.nan,
            "partial_low": np.nan,
            "partial_high": np.nan,
            "note": "",
        }
        if given is None:
            row["note"] = f"needs {MIN_DESCRIBED} models of known size and date"
        else:
            part = _estimate(
                x[known],
                values[column][known],
                redrawn_x[:, known],
                redrawn[column][:, known],
                resample.cluster_codes(clusters[known], int(known.sum())),
                rules,
                given,
            )
            for end in ("", "_low", "_high"):
                row[f"partial{end}"] = part[f"correlation{end}"]
        rows.append(row | found)
    return rows, _residual_frame(b, at, values, redrawn, sets, rules)


def _size_and_date(about: pd.DataFrame) -> tuple[Bools, Floats | None]:
    """Models of known size and date, and both as columns; None if too few or all alike."""
    size = pd.to_numeric(about["params_total_b"], errors="coerce").to_numpy(float)
    known = np.isfinite(size) & (size > 0) & about["release_date"].notna().to_numpy()
    if known.sum() < MIN_DESCRIBED:
        return known, None
    days = (pd.to_datetime(about["release_date"]) - pd.Timestamp(2025, 1, 1)).dt.days
    given = np.column_stack([np.log(size[known]), days.to_numpy(float)[known] / 365.25])
    return known, given if (np.ptp(given, axis=0) > 0).all() else None


def _residual_frame(
    b: BenchmarkScores,
    at: NDArray[np.intp],
    values: Mapping[str, Floats],
    redrawn: Mapping[str, Floats],
    sets: ItemSets,
    rules: Thresholds,
) -> pd.DataFrame:
    """Residuals of HAT and of target accuracy, with bars from redrawn items."""
    names = sets.scores.models.set_index("model")["display_name"]
    ids = [b.models[m] for m in at]
    x = values["source_accuracy"]
    line = _rest(values["target_accuracy"], x[:, None])
    moved = redrawn["target_accuracy"] - redrawn["target_accuracy"].mean(axis=1, keepdims=True)
    slope, _ = slope_and_correlation(redrawn["source_accuracy"], redrawn["target_accuracy"])
    across = redrawn["source_accuracy"] - redrawn["source_accuracy"].mean(axis=1, keepdims=True)
    reach = interval_quantile(b.effective_items[at, 0], rules["level"])
    frame = pd.DataFrame({"model": ids, "display_name": names.loc[ids].to_numpy()})
    hat = redrawn["hat"]
    parts = {
        "source_accuracy": (x, redrawn["source_accuracy"]),
        "hat": (values["hat"], hat),
        "hat_residual": (
            values["hat"] - values["hat"].mean(),
            hat - hat.mean(axis=1, keepdims=True),
        ),
        "target_residual": (line, moved - slope[:, None] * across),
    }
    for name, (value, draws) in parts.items():
        half = reach * draws.std(axis=0, ddof=1)
        frame[name], frame[f"{name}_low"], frame[f"{name}_high"] = value, value - half, value + half
    ends = ["source_accuracy_low", "source_accuracy_high"]
    frame[ends] = frame[ends].clip(0, 1)
    return frame


def _residual(frame: pd.DataFrame, column: str, panel: str) -> pd.DataFrame:
    """Columns that a scatter with error bars needs."""
    names = {
        column: "residual",
        f"{column}_low": "y_low",
        f"{column}_high": "y_high",
        "source_accuracy_low": "x_low",
        "source_accuracy_high": "x_high",
    }
    kept = ["benchmark_name", "display_name", "source_accuracy", *names]
    return frame[kept].rename(columns=names).assign(panel=panel)


# Within a model ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class WithinModels:
    """The same models on easier and on harder items.

    Attributes
    ----------
    sets : DataFrame
        One row a set × measure; see `table`.
    models : DataFrame
        One row a set × model; see `table_of_models`.
    reasons : mapping of str to str
        By name of a set, why it cannot be tested.
    simulated : bool
    profile : str
        Estimator of the profile behind HAT.
    rules : Thresholds
        On which the verdicts turn.
    """

    sets: pd.DataFrame
    models: pd.DataFrame
    reasons: Mapping[str, str]
    simulated: bool = False
    profile: str = "adaptive"
    rules: Thresholds = BOOK

    def table(self) -> pd.DataFrame:
        """One row a set × measure.

        Returns
        -------
        DataFrame
            ``models`` that enter, and ``left_out`` because a part has no supported score;
            ``source_difference``, how much higher source accuracy is on the easier part;
            ``difference`` of the measure, easier minus harder; ``per_ten_points``, their ratio,
            with ``low`` and ``high`` from redrawn items; ``p_value`` and ``holm_p`` of a slope
            beyond drift; ``verdict``.
        """
        return self.sets.copy()

    def table_of_models(self) -> pd.DataFrame:
        """One row a set × model.

        Returns
        -------
        DataFrame
            ``source_easier`` and ``source_harder`` accuracy, ``hat_easier`` and ``hat_harder``,
            their ``difference``, and why a model is ``left_out``, if so.
        """
        return self.models.drop(columns=["benchmark", "model"])

    def chart(self) -> Figure | Notice:
        """The slope of each measure within models, one panel a set."""
        whose = "simulated models" if self.simulated else "real models"
        slug = f"independence-within-{'simulated' if self.simulated else 'real'}"
        return _slopes_chart(self.sets, slug, f"within {whose}", self.rules)

    def summary(self) -> str:
        """The verdicts, in sentences made from the numbers."""
        rows = self.sets[self.sets["measure"] == HAT]
        subject = f"Within a model, {'simulated' if self.simulated else 'real'} sets"
        score = "HAT" if self.profile == "adaptive" else f"HAT with profile {self.profile}"
        text = _answer(subject, rows, self.rules, score)
        for row in rows.to_dict("records"):
            text += (
                f"\n\n{markdown_text(row['benchmark_name'])}: **{row['verdict']}**. On the easier "
                f"part source accuracy is {row['source_difference']:.3f} higher, and {score} "
                f"changes by {_slope_text(row)} of source accuracy "
                f"({counted(row['models'], 'model')})."
            )
        return text + _why_not(self.reasons)


def within_models(
    sets: ItemSets,
    *,
    profile: str = "adaptive",
    split: str = "others",
    draws: int = 200,
    seed: int = 0,
    rules: Thresholds = BOOK,
) -> WithinModels:
    """Score every model on an easier and on a harder part of the items, and compare.

    Items are ranked by how often the other models solve them in the source language. The easier
    part has three of four items of the easier half and one of four of the harder half, so that both
    parts cover all hardness; the item of four that changes sides takes each place in turn, and the
    results are averaged. Both parts are scored with one measure of hardness, one reference and one
    common shape, frozen from the whole set.

    Hardness from a model's own answers is estimated in each part anew, as the parts differ in it.
    Hardness from the answers of all models is kept, as the same answers sort the items.

    Parameters
    ----------
    sets : ItemSets
        From `hatlib.score_sets`.
    profile : str
        Estimator of the profile.
    split : {"others", "own"}
        Whose answers say which items are easier. "own" is wrong, to show what it does.
    draws, seed : int
        Redraws of the items, and their seed.
    rules : Thresholds
        ``drift``, ``clear`` and ``level`` are used.

    Returns
    -------
    WithinModels

    Examples
    --------
    >>> from hatlib import score_sets, simulate_answers
    >>> simulated = simulate_answers([-1, 0, 1], profiles="steep", targets=["de"], n_items=400)
    >>> sets = score_sets(simulated.responses, draws=0)
    >>> plugin = within_models(sets, profile="plugin", draws=100)
    >>> plugin.sets.set_index("measure")["verdict"].loc["HAT score"]
    'dependent'
    """
    reasons = {_name(sets, b): why for b, why in sets.reasons.items()}
    tested = {}
    for b in sets.scores.benchmarks:
        if np.isfinite(b.hat[:, 0]).any():
            counts = sets.responses.counts(b.benchmark)
            tested[b.benchmark] = (_name(sets, b.benchmark), counts, b.hardness.method, 0.0)
        else:
            reasons[_name(sets, b.benchmark)] = "no model has a score"
    display = sets.scores.models.set_index("model")["display_name"]
    return compare_parts(
        tested,
        display,
        reasons,
        profile=profile,
        split=split,
        draws=draws,
        seed=seed,
        simulated=False,
        rules=rules,
    )


def compare_parts(
    tested: Mapping[str, tuple[str, Counts, str, float]],
    display: pd.Series,
    reasons: Mapping[str, str],
    *,
    profile: str,
    split: str,
    draws: int,
    seed: int,
    simulated: bool,
    rules: Thresholds,
) -> WithinModels:
    """The test of `within_models` on any answers.

    Parameters
    ----------
    tested : mapping
        By set: its readable name, the answers, the measure of hardness (self or pooled), and the
        correlation of the answers to one item that the score is told.
    display : Series
        Readable names of the models.
    reasons : mapping of str to str
        By readable name, why other sets cannot be tested.
    profile, split, draws, seed, rules
        As in `within_models`.
    simulated : bool
        Whether the models are simulated.

    Returns
    -------
    WithinModels

    Raises
    ------
    InputError
        If `split` or `profile` is not known.
    """
    problems = []
    if split not in ("others", "own"):
        problems.append(Problem("split is not known.", "Use others or own.", value=split))
    if profile not in PROFILE_NAMES:
        known = ", ".join(PROFILE_NAMES)
        problems.append(Problem("profile is not known.", f"Use one of {known}.", value=profile))
    if problems:
        raise InputError(problems)
    reasons = dict(reasons)
    draws = max(resample.checked_draws(draws), 20)
    rows: list[dict[str, object]] = []
    models: list[pd.DataFrame] = []
    for benchmark, (name, counts, method, told) in tested.items():
        about = {"benchmark": benchmark, "benchmark_name": name}
        if len(counts.models) < 2:
            reasons[name] = "one model, so no other can say which items are easy"
            continue
        try:
            parts = _Parts.of(counts, method, profile, split, told, draws, seed_of(seed, benchmark))
        except InputError as error:
            reasons[name] = error.problems[0].what
            continue
        models.append(parts.models(display).assign(**about))
        found, why = parts.rows(rules)
        rows += [about | row for row in found]
        if why:
            reasons[name] = why
    columns = ["benchmark", "benchmark_name", "measure", *_WITHIN]
    frame = _with_verdicts(pd.DataFrame(rows, columns=columns), rules)
    shown = ["benchmark", "benchmark_name", "model", "display_name", *_PART_COLUMNS]
    every = pd.concat(models, ignore_index=True) if models else pd.DataFrame(columns=shown)
    return WithinModels(frame, every[shown], reasons, simulated, profile, rules)


_WITHIN = (
    *("models", "left_out", "source_difference", "difference", "per_ten_points", "low", "high"),
    "p_value",
)
_PART_COLUMNS = [
    *("source_easier", "source_harder", "hat_easier", "hat_harder", "difference", "left_out"),
]


@dataclass(frozen=True)
class _Parts:
    """Easier minus harder part, mean over the ways to split.

    ``value`` and ``redrawn`` are by measure, source accuracy included, of shapes (n_models,) and
    (draws, n_models); ``ends`` has source accuracy and HAT of both parts, (4, n_models).
    """

    names: tuple[str, ...]
    value: Mapping[str, Floats]
    redrawn: Mapping[str, Floats]
    ends: Floats
    effective: Floats
    flags: tuple[str, ...]

    @staticmethod
    def of(
        counts: Counts,
        method: str,
        profile: str,
        split: str,
        told: float,
        draws: int,
        seed: int,
    ) -> _Parts:
        options: dict[str, Any] = {"hardness": method, "correlation": told}
        whole = score_counts(counts, reference="pooled", draws=0, **options)
        has = np.isfinite(whole.hat[:, 0])
        if whole.shape is None or not has.any():
            raise InputError(Problem("no model has a score."))
        weight = whole.hardness.distribution[has].mean(axis=0)
        standard = Standard(
            counts.benchmark, counts.chance, whole.hardness.grid, weight, whole.shape, "all items"
        )
        splits = [
            easier_and_harder(counts, turn=turn, split=split, seed=seed) for turn in range(_EVERY)
        ]
        options |= {"profile": profile, "reference": standard, "draws": draws, "rng": seed}
        pairs = [[_score_part(counts, part, options) for part in parts] for parts in splits]
        return _Parts(
            counts.models,
            {k: np.mean([e[0][k] - h[0][k] for e, h in pairs], axis=0) for k in _ALL},
            {k: np.mean([e[1][k] - h[1][k] for e, h in pairs], axis=0) for k in _ALL},
            np.array(
                [
                    np.mean([pair[side][0][k] for pair in pairs], axis=0)
                    for k in ("source_accuracy", "hat")
                    for side in (0, 1)
                ]
            ),
            np.min([part[2] for pair in pairs for part in pair], axis=0),
            tuple(
                next((part[3][m] for pair in pairs for part in pair if part[3][m]), "")
                for m in range(len(counts.models))
            ),
        )

    def models(self, display: pd.Series) -> pd.DataFrame:
        """One row a model."""
        frame = pd.DataFrame({"model": self.names})
        frame["display_name"] = display.loc[list(self.names)].to_numpy()
        for name, values in zip(_PART_COLUMNS[:4], self.ends, strict=True):
            frame[name] = values
        return frame.assign(difference=self.value["hat"], left_out=list(self.flags))

    def rows(self, rules: Thresholds) -> tuple[list[dict[str, object]], str]:
        """One row a measure, or why there is none."""
        used = np.array([not flag for flag in self.flags])
        if not used.any():
            why = joined(sorted(set(self.flags)))
            return [], f"no model has a supported score on both parts: {why}"
        effective = float(self.effective[used].min())
        quantile = float(interval_quantile(effective, rules["level"]))
        source = float(self.value["source_accuracy"][used].mean())
        moved = self.redrawn["source_accuracy"][:, used].mean(axis=1)
        if not source > quantile * moved.std(ddof=1):
            return [], "the two parts do not clearly differ in source accuracy"
        rows = []
        for column, measure in MEASURES.items():
            difference = float(self.value[column][used].mean())
            slope = STEP * difference / source
            with np.errstate(invalid="ignore", divide="ignore"):
                redrawn = STEP * self.redrawn[column][:, used].mean(axis=1) / moved
            se = float(np.nanstd(redrawn, ddof=1))
            rows.append(
                {
                    "measure": measure,
                    "models": int(used.sum()),
                    "left_out": int((~used).sum()),
                    "source_difference": source,
                    "difference": difference,
                    "per_ten_points": slope,
                    "low": slope - quantile * se,
                    "high": slope + quantile * se,
                    "p_value": _outside(slope, se, max(effective, 11) - 1, rules["drift"]),
                }
            )
        return rows, ""


_ALL = ("source_accuracy", *MEASURES)


def easier_and_harder(
    counts: Counts, *, turn: int = 0, split: str = "others", seed: int = 0
) -> tuple[Bools, Bools]:
    """Which items of each model are in its easier and in its harder part.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark of at least two models.
    turn : int
        Which item of four changes sides, 0 to 3.
    split : {"others", "own"}
        Whose answers rank the items; see `within_models`.
    seed : int
        Items that are equally easy are ordered by chance.

    Returns
    -------
    easier, harder : ndarray of bool, shape (n_models, n_items)
        An item is in neither if the model or all others have no answer to it.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0.0, 1.0], n_items=80).responses.counts("sim")
    >>> easier, harder = easier_and_harder(counts)
    >>> easier.sum(axis=1).tolist(), bool((easier & harder).any())
    ([40, 40], False)
    """
    answered = counts.source_trials > 0
    rate = counts.source_correct / np.maximum(counts.source_trials, 1)
    mean = (rate * answered).sum(axis=1) / np.maximum(answered.sum(axis=1), 1)
    # Off the mean of a model, so that an item is not easy for having been asked of good models.
    above = (rate - mean[:, None]) * answered
    ease: Floats
    if split == "own":
        ease, known = above, answered.astype(int)
    else:
        ease = above.sum(axis=0) - above
        known = answered.sum(axis=0) - answered
    ease = ease / np.maximum(known, 1)
    usable = answered & (known > 0) & (counts.target_trials > 0).any(axis=1)
    random = np.random.default_rng(resample.checked_seed(seed))
    luck = random.random(size=(answered.shape[1],))
    easier = np.zeros(answered.shape, dtype=bool)
    for m in range(len(usable)):
        items = np.flatnonzero(usable[m])
        # Rounded, so that sums of the same numbers in another order tie.
        items = items[np.lexsort((luck[items], ease[m, items].round(9)))]
        place = np.arange(len(items))
        easier[m, items] = (place >= len(items) / 2) ^ (place % _EVERY == turn)
    return easier, usable & ~easier


def _score_part(
    counts: Counts, part: Bools, options: Mapping[str, Any]
) -> tuple[dict[str, Floats], dict[str, Floats], Floats, list[str]]:
    """Values, redraws, effective items and flags of all models on a part of the items."""
    change: dict[str, Any] = {
        "target_trials": counts.target_trials * part[:, None],
        "target_correct": counts.target_correct * part[:, None],
    }
    if options["hardness"] == "self":
        change |= {
            "source_trials": counts.source_trials * part,
            "source_correct": counts.source_correct * part,
        }
    some = replace(counts, **change)
    found = score_counts(some, **options)
    values = {name: np.asarray(v)[:, 0] for name, v in found.metrics.items()}
    flags = [
        # Whether all languages are there does not matter to a model beside itself.
        EXTRAPOLATED if EXTRAPOLATED in flag else "" if np.isfinite(hat) else flag or "no score"
        for flag, hat in zip(found.flags[:, 0].tolist(), found.hat[:, 0], strict=True)
    ]
    return (
        values | {"hat": found.hat[:, 0]},
        _redrawn(found),
        found.effective_items[:, 0],
        flags,
    )


# Words and charts --------------------------------------------------------------------------------


def _name(sets: ItemSets, benchmark: str) -> str:
    names = sets.responses.benchmarks.set_index("benchmark")["name"]
    return str(names[benchmark])


def verdicts_in(rows: pd.DataFrame, unit: str) -> str:
    """How often each verdict falls, in few words.

    Examples
    --------
    >>> verdicts_in(pd.DataFrame({"verdict": ["independent", "cannot tell"]}), "set")
    'independent in 1 of 2 sets, cannot tell in 1'
    >>> verdicts_in(pd.DataFrame({"verdict": ["dependent"]}), "set")
    'dependent in the only set'
    """
    tally = rows["verdict"].value_counts()
    parts = [f"{word} in {tally[word]}" for word in _WORDS if word in tally]
    if len(rows) == 1:
        return f"{rows['verdict'].iloc[0]} in the only {unit}"
    first, *rest = parts
    return ", ".join([f"{first} of {len(rows)} {unit}s", *rest])


_WORDS = (INDEPENDENT, DEPENDENT, UNCLEAR)


def _answer(subject: str, rows: pd.DataFrame, rules: Thresholds, score: str = "HAT") -> str:
    """The short first paragraph of an answer."""
    if rows.empty:
        return f"{headline(subject, 'cannot tell')} No set can be tested."
    verdict = f"{score} is {verdicts_in(rows, 'set')}"
    if set(rows["verdict"]) == {UNCLEAR}:
        verdict = "cannot tell"
    return (
        f"{headline(subject, verdict)} {counted(len(rows), 'set')} can be tested. Less than "
        f"{rules['drift']:g} for ten points of source accuracy counts as none. Claims of "
        "dependence are corrected for the number of sets (Holm), those of independence are not."
    )


def _why_not(reasons: Mapping[str, str]) -> str:
    if not reasons:
        return ""
    parts = [f"{markdown_text(n)} ({markdown_text(w.rstrip('.'))})" for n, w in reasons.items()]
    return f"\n\nNot tested: {'; '.join(parts)}."


def _needed(row: Mapping[Any, Any], rules: Thresholds) -> str:
    """Roughly how many models would decide, if they spread as these do."""
    half = (row["high"] - row["low"]) / 2
    if row["verdict"] != UNCLEAR or not half > rules["drift"]:
        return ""
    models = float(f"{row['models'] * (half / rules['drift']) ** 2:.1g}")
    return f" About {models:,.0f} models of the same spread could decide."


def _slope_text(row: Mapping[Any, Any]) -> str:
    text = signed(float(row["per_ten_points"]))
    if np.isfinite(row["low"]):
        text += f" [{signed(float(row['low']))}, {signed(float(row['high']))}]"
    return f"{text} for ten points"


def _number(value: float) -> str:
    return signed(float(value), 2)


def _slopes_chart(rows: pd.DataFrame, slug: str, what: str, rules: Thresholds) -> Figure | Notice:
    """Slopes with intervals, one panel a set."""
    from hatlib.show import charts

    if rows.empty:
        return charts.Notice("Nothing to draw: no set can be tested.")
    return charts.intervals(
        rows,
        value="per_ten_points",
        low="low",
        high="high",
        row="measure",
        facet="benchmark_name",
        sort=list(MEASURES.values()),
        name=slug,
        title_x="Change for ten points of source accuracy",
        format_x="+.2f",
        caption=(
            f"{what[:1].upper()}{what[1:]}: change of each measure for ten points of source "
            f"accuracy. Bars are {rules['level']:.0%} intervals. HAT passes if its bar lies within "
            f"{rules['drift']:g} of the line at 0."
        ),
    )
