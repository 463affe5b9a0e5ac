"""Lines and shapes for every set of a table, with charts and sentences.

`fit_sets` fits one line and the other shapes to each set, `fit_languages` one line to each target
language of each set, `fit_sensitivity` the line of one set under other choices.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hatlib import resample
from hatlib.errors import InputError, Problem, listing
from hatlib.lines.distance import unfit
from hatlib.lines.lines import (
    GRID_POINTS,
    SMALLEST_SPREAD,
    Bools,
    EffectiveTransfer,
    Floats,
    Interval,
    LineFit,
    LineWithInterval,
    Scale,
    SlopeBounds,
    as_mask,
    effective_transfer,
    fit_with_interval,
    from_scale,
    slope_bounds,
    to_scale,
)
from hatlib.lines.shapes import (
    CLEAR_P,
    MODELS_PER_LINE,
    Segment,
    ShapeComparison,
    ShapeFit,
    compare_shapes,
)
from hatlib.show.words import capital, counted, headline, joined, markdown_text

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

CLOSELY, LOOSELY = 0.8, 0.4
"""Shares of variance from which models are said to follow a line closely, or loosely."""

PAPER_MODELS = (
    "gemma-3-1b-it",
    "gemma-3-27b-it",
    "gemma-4-31b-it",
    "qwen3-30b-a3b",
    "gpt-oss-20b",
    "gpt-oss-120b",
    "gemini-2.5-flash",
    "gemini-3-flash-preview",
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-6",
    "gemma-3-4b-it",
    "gemma-3-12b-it",
    "gemma-4-e2b-it",
    "gemma-4-e4b-it",
    "gemma-4-26b-a4b-it",
    "qwen3-4b",
)
"""Models of the paper, as in `data/models.csv`; the first ones are named first in charts."""

MOST_NAMES = 7
"""Names written in one chart, so that it stays legible."""

GROUPS = {"reasoning": "thinking", "setup": "way of asking", "release_date": "generation"}
"""Columns of known groups, and what they are called."""

SCALES: tuple[Scale, ...] = ("linear", "logit", "probit")
"""Scales that `fit_sensitivity` tries."""


@dataclass(frozen=True)
class SetFit:
    """What is fitted to one set.

    Attributes
    ----------
    set, set_name : str
        Id and name of the set.
    models : pandas.DataFrame
        Its rows of the table, those without an accuracy left out.
    line : LineWithInterval
        One line with its intervals.
    bounds : SlopeBounds or None
        The slope without and with binomial noise; None if no number of items is known.
    shapes : ShapeComparison
        Other shapes against one line.
    transfer : EffectiveTransfer
        Distance of each model from the line of the other families; of the other models if there
        are fewer than `resample.FEW_CLUSTERS` families.
    by_family : bool
        Whether whole families were left out for that.
    reach : ndarray of shape (n,)
        Half the length of the 95 % interval of each distance; nan where it is not known.
    sound : LineWithInterval or None
        The line without the runs that are `hatlib.lines.distance.unfit`; None if there are none.
    """

    set: str
    set_name: str
    models: pd.DataFrame = field(repr=False)
    line: LineWithInterval
    bounds: SlopeBounds | None
    shapes: ShapeComparison
    transfer: EffectiveTransfer
    by_family: bool
    reach: Floats = field(repr=False)
    sound: LineWithInterval | None = None

    def residuals(self) -> pd.DataFrame:
        """One row a model: its description, `expected`, `effective_transfer`, `low`, `high`."""
        found = self.transfer.table()[["expected", "effective_transfer", "left_out"]]
        found = found.assign(
            low=found["effective_transfer"] - self.reach,
            high=found["effective_transfer"] + self.reach,
        )
        return self.models.reset_index(drop=True).join(found)


@dataclass(frozen=True)
class SetFits:
    """Line fits of every suitable set of a table.

    Attributes
    ----------
    fits : tuple of SetFit
        The sets that could be fitted.
    unsuitable : pandas.DataFrame
        `set`, `set_name`, `n`, `reason` of the others.
    scale : {"linear", "logit", "probit"}
        The scale.
    x, y : str
        Columns of source and target accuracy.
    """

    fits: tuple[SetFit, ...]
    unsuitable: pd.DataFrame = field(repr=False)
    scale: Scale
    x: str
    y: str

    def table(self, brief: bool = False) -> pd.DataFrame:
        """One row a set: the line with intervals, the noise bounds of the slope, the verdict.

        `slope_if_binomial` is the slope if the full binomial variance of x were noise. Sets
        that were not fitted have a `reason` and no figures.

        Parameters
        ----------
        brief : bool
            True: only the columns for a page.
        """
        rows = []
        for one in self.fits:
            row = one.line.record()
            eiv = one.bounds.eiv if one.bounds else None
            row |= {
                "set": one.set,
                "set_name": one.set_name,
                "slope_if_binomial": eiv.slope if eiv else np.nan,
                "reliability_if_binomial": eiv.reliability if eiv else np.nan,
                "verdict": one.shapes.verdict,
                "best_shape": one.shapes.best,
                "reason": "",
            }
            rows.append(row)
        frame = pd.concat([pd.DataFrame(rows), self.unsuitable], ignore_index=True)
        return frame.reindex(columns=_BRIEF_SET if brief else _SET_COLUMNS)

    def shapes(self, fitted: bool = False) -> pd.DataFrame:
        """One row a set and shape; columns as in `ShapeComparison.table`.

        Parameters
        ----------
        fitted : bool
            True: only shapes that could be fitted, without the column `reason`.
        """
        parts = [_named(one, one.shapes.table()) for one in self.fits]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        if not fitted or frame.empty:
            return frame
        return frame[frame["reason"] == ""].drop(columns="reason").reset_index(drop=True)

    def shapes_left_out(self) -> str:
        """Why shapes could not be fitted, reason by reason, as Markdown."""
        found: dict[str, list[str]] = {}
        for one in self.fits:
            for reason in dict.fromkeys(s.reason for s in one.shapes.fits if s.reason):
                found.setdefault(reason, []).append(markdown_text(one.set_name))
        text = []
        for reason, names in found.items():
            every = len(names) == len(self.fits)
            where = "" if every else f" In: {'; '.join(names)}."
            text.append(f"- {reason}{where}")
        if not self.fits:
            return "No set was fitted."
        return "\n".join(text) if text else "Every shape was fitted to every set."

    def residuals(self) -> pd.DataFrame:
        """One row a model: its description, `expected`, `effective_transfer`, `low`, `high`.

        The interval holds the sampling error of the model's own accuracies and the uncertainty
        of the line. It is empty if one of them is not known, or with few families.
        """
        parts = [one.residuals() for one in self.fits]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def members(self) -> pd.DataFrame:
        """Which line of each shape every model is on: `set`, `label`, `model`, `shape`, `line`."""
        parts = []
        for one in self.fits:
            who = one.models.reset_index(drop=True).reindex(columns=["label", "model"])
            parts += [
                _named(one, who.assign(shape=shape.shape, line=shape.member, fitted=shape.fitted))
                for shape in one.shapes.fits
                if shape.segments
            ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def lines_frame(self) -> pd.DataFrame:
        """The lines for drawing: `set`, `set_name`, `shape`, `line`, `x`, `y`, `low`, `high`.

        `low` and `high` are the band of the one line; other shapes have none.
        """
        parts = []
        for one in self.fits:
            band = one.line.band.assign(shape="one line", line="all models")
            parts.append(_named(one, band))
            for shape in one.shapes.fits[1:]:
                parts += [
                    _named(one, _segment_frame(shape.shape, segment, one.line.fit))
                    for segment in shape.segments
                ]
        columns = ["set", "set_name", "shape", "line", "x", "y", "low", "high"]
        return (
            pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
        )

    def summary(self) -> str:
        """What was found, set by set, as Markdown sentences written from the numbers."""
        text = [f"- {_set_sentences(one)}" for one in self.fits]
        for row in self.unsuitable.to_dict("records"):
            text.append(f"- **{markdown_text(row['set_name'])}**: not fitted. {row['reason']}")
        return "\n".join(text) if text else "There is no set to fit."

    def residuals_of(self, set_id: str = "") -> pd.DataFrame:
        """The rows of `residuals` of one set, the highest first.

        Parameters
        ----------
        set_id : str
            The set; the one with most models if not given.
        """
        one = self._chosen(set_id)
        if one is None:
            return pd.DataFrame(columns=_RESIDUAL_COLUMNS)
        return one.residuals().sort_values("effective_transfer", ascending=False)

    def answer(self, set_id: str = "") -> str:
        """What was found in one set, as Markdown; or why nothing was.

        Parameters
        ----------
        set_id : str
            The set; the one with most models if not given.
        """
        one = self._chosen(set_id)
        return _set_sentences(one) if one else self._why_not(set_id)

    def answer_of_next(self, set_id: str = "") -> str:
        """As `answer`, for the set with most models besides the one named."""
        other = self.next_largest(set_id)
        return self.answer(other) if other else "There is no other set."

    def paper_models(self) -> pd.DataFrame:
        """The runs of `PAPER_MODELS` in all fitted sets, with their effective transfer."""
        rows = self.residuals()
        if not {"model", "label"} <= set(rows):
            return pd.DataFrame()
        columns = ["set_name", "label", self.x, self.y, "xlt_gap", "ratio", "effective_transfer"]
        found = rows[rows["model"].isin(PAPER_MODELS)].reindex(columns=[*columns, "low", "high"])
        return found.sort_values(["set_name", "label"], ignore_index=True)

    def chart(self, set_id: str = "") -> Figure | Notice:
        """The models of one set with their line; models of the paper are named.

        Parameters
        ----------
        set_id : str
            The set; the one with most models if not given.
        """
        from hatlib.show import charts, figures

        one = self._chosen(set_id)
        if one is None:
            return charts.Notice(self._why_not(set_id))
        named = _paper_runs(one.models)
        text = f"{one.set_name}: each dot is one run of a model. "
        text += "The line is fitted to all of them" if one.models["defines"].all() else "The line"
        text += ", with its 95 % band. " if np.isfinite(one.line.slope_low) else ". "
        text += _EQUAL + (" The named dots are runs of models of the paper." if named else "")
        return charts.scatter(
            _with_labels(one.models),
            x=self.x,
            y=self.y,
            lines=one.line.band.assign(line="all models"),
            color="lineage" if "lineage" in one.models else None,
            emphasise=named,
            chance=_chance(one.models),
            name=figures.slug(f"line of {one.set}"),
            caption=text,
        )

    def chart_of_next(self, set_id: str = "") -> Figure | Notice:
        """As `chart`, for the set with most models besides the one named."""
        from hatlib.show import charts

        other = self.next_largest(set_id)
        return self.chart(other) if other else charts.Notice("There is no other set.")

    def chart_of_sets(self) -> Figure | Notice:
        """The models of every fitted set with their lines, one panel a set."""
        from hatlib.show import charts

        if not self.fits:
            return charts.Notice(self._why_not(""))
        if len(self.fits) == 1:
            name = markdown_text(self.fits[0].set_name)
            return charts.Notice(f"Only one set was fitted, **{name}**; it has a chart of its own.")
        models = pd.concat([one.models for one in self.fits], ignore_index=True)
        models["set_name"] = np.repeat(self._titles(), [len(one.models) for one in self.fits])
        bands = [
            _trusted_band(one.line).assign(line="all models", set_name=title)
            for one, title in zip(self.fits, self._titles(), strict=True)
        ]
        slopes = [one.line.fit.slope for one in self.fits]
        names = [one.set_name for one in self.fits]
        low, high = int(np.argmin(slopes)), int(np.argmax(slopes))
        text = (
            "The models of each set with their line. The 95 % band is drawn for sets with at least "
            f"{resample.FEW_CLUSTERS} families."
        )
        text += (
            f" The slope runs from {_two(slopes[low])} ({names[low]}) to {_two(slopes[high])} "
            f"({names[high]})."
        )
        return charts.scatter(
            models,
            x=self.x,
            y=self.y,
            lines=pd.concat(bands, ignore_index=True),
            facet="set_name",
            color=None,
            chance="chance" if "chance" in models else None,
            name="lines-of-sets",
            caption=f"{text} {_EQUAL}",
        )

    def chart_of_shapes(self, set_id: str = "") -> Figure | Notice:
        """Every shape that was fitted to one set, one panel a shape.

        Of parallel and separate lines by the same groups, the one with the lower BIC is drawn.

        Parameters
        ----------
        set_id : str
            The set; the one with most models if not given.
        """
        from hatlib.show import charts

        one = self._chosen(set_id)
        if one is None:
            return charts.Notice(self._why_not(set_id))
        models, lines = _shape_panels(one)
        return charts.scatter(
            models,
            x=self.x,
            y=self.y,
            lines=lines,
            facet="panel",
            color="line",
            diagonal=False,
            name="shapes",
            caption=_shape_caption(one),
        )

    def chart_of_residuals(self, set_id: str = "", most: int = 30) -> Figure | Notice:
        """The models of one set that lie farthest from the line.

        Parameters
        ----------
        set_id : str
            The set; the one with most models if not given.
        most : int
            Models to show: half of them the highest, half the lowest.
        """
        from hatlib.show import charts

        one = self._chosen(set_id)
        if one is None:
            return charts.Notice(self._why_not(set_id))
        frame = self.residuals_of(set_id).dropna(subset="effective_transfer")
        if frame.empty:
            return charts.Notice(
                f"{markdown_text(one.set_name)} has no line without one family: {_FEW}"
            )
        half = max(most // 2, 1)
        shown = frame if len(frame) <= most else pd.concat([frame.iloc[:half], frame.iloc[-half:]])
        row = "label" if "label" in shown else "model"
        if row not in shown:
            shown, row = shown.assign(label=[f"row {i + 1}" for i in shown.index]), "label"
        bars = bool(shown["low"].notna().any())
        return charts.intervals(
            shown,
            value="effective_transfer",
            low="low" if bars else None,
            high="high" if bars else None,
            row=row,
            name="farthest-from-the-line",
            title_x="Effective transfer (accuracy minus the line)",
            format_x="+.2f",
            caption=_residual_caption(one, len(frame), len(shown), bars),
        )

    def _titles(self) -> list[str]:
        """Names of the fitted sets; ids where a name would occur twice."""
        names = [one.set_name for one in self.fits]
        return [one.set if names.count(one.set_name) > 1 else one.set_name for one in self.fits]

    def _chosen(self, set_id: str) -> SetFit | None:
        """The fit of the set asked for, or of the one with most models."""
        if not set_id:
            return max(self.fits, key=lambda one: one.line.fit.n, default=None)
        known = [one.set for one in self.fits] + [str(v) for v in self.unsuitable["set"]]
        if set_id not in known:
            text = f"Use one of: {listing(known)}." if known else "There is no set in the table."
            raise InputError(Problem("there is no such set.", text, value=set_id))
        return next((one for one in self.fits if one.set == set_id), None)

    def next_largest(self, set_id: str = "") -> str:
        """The set with most models besides the one named, or besides the largest; "" if none."""
        lead = self._chosen(set_id)
        others = [one for one in self.fits if one is not lead]
        return max(others, key=lambda one: one.line.fit.n).set if others else ""

    def _why_not(self, set_id: str) -> str:
        """Why there is no fit."""
        left = self.unsuitable
        rows = (left[left["set"].astype(str) == set_id] if set_id else left).to_dict("records")
        if not rows:
            return f"There is nothing to fit: the table has no models. {_ADD}"
        text = [f"**{markdown_text(r['set_name'])}** was not fitted. {r['reason']}" for r in rows]
        return f"{' '.join(text)} {_ADD}"


_EQUAL = "Dots on the dashed diagonal are as accurate in the target languages as in the source."
_FEW = "more families of models are needed."
_ADD = (
    "Add models, with different accuracies in the source language, that were evaluated in the "
    "source language and in others."
)
_BRIEF_SET = [
    "set_name", "n", "n_clusters", "slope", "slope_low", "slope_high", "slope_if_binomial",
    "r_squared", "residual_sd", "n_moved", "verdict", "flag", "reason",
]  # fmt: skip
_BRIEF_LANGUAGE = [
    "language_name", "n", "n_clusters", "slope", "slope_low", "slope_high", "r_squared",
    "residual_sd", "flag", "reason",
]  # fmt: skip
_SHAPE_LINE = ["panel", "line", "x", "y"]
_RESIDUAL_COLUMNS = [
    "label", "source_accuracy", "target_accuracy", "expected", "effective_transfer", "low", "high",
]  # fmt: skip

_SET_COLUMNS = [
    "set", "set_name", "n", "n_clusters", "slope", "slope_low", "slope_high", "slope_if_binomial",
    "intercept", "intercept_low", "intercept_high", "r_squared", "r_squared_low",
    "r_squared_high", "residual_sd", "reliability_if_binomial", "verdict", "best_shape", "scale",
    "interval", "level", "noise_allowed", "n_moved", "n_dropped", "note", "flag", "reason",
]  # fmt: skip


def fit_sets(
    table: pd.DataFrame,
    *,
    scale: Scale = "linear",
    x: str = "source_accuracy",
    y: str = "target_accuracy",
    cluster_column: str = "family",
    group_columns: Sequence[str] = tuple(GROUPS),
    defines: ArrayLike | None = None,
    chance: float | None = 0.0,
    min_models: int = 5,
    interval: Interval = "jackknife",
    draws: int = 500,
    rng: np.random.Generator | int = 0,
) -> SetFits:
    """Fit lines to every set of a table of models, one set at a time.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a model run, as from `hatlib.summarise(...).table()`. Needed columns: `set`, `x`
        and `y`. Used if present: `set_name`, `label`, `model`, `family`, `n_items`, `n_targets`,
        `chance` and the group columns.
    scale : {"linear", "logit", "probit"}
        Scale of both accuracies.
    x, y : str
        Columns of source and target accuracy.
    cluster_column : str
        Column of families. Models without one are families of their own.
    group_columns : sequence of str
        Known groupings to compare with. `reasoning` is split into thinking on and off, dates and
        numbers at their median; columns that are missing are skipped.
    defines : array_like of bool, one a row of the table, optional
        Which models define the lines. All models get a residual. Shapes use the defining models.
    chance : float or None
        Accuracies are rescaled relative to this; None: as the column `chance` says.
    min_models : int
        A set with fewer defining models is not fitted; at least 3.
    interval : {"jackknife", "percentile", "bca"}
        See `fit_with_interval`.
    draws : int
        Simulated data sets and bootstrap draws.
    rng : numpy.random.Generator or int
        Random numbers. Each set has its own stream: its figures do not depend on other sets.

    Returns
    -------
    SetFits

    Raises
    ------
    InputError
        If a needed column is missing or an option is unknown.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "set": "demo", "model": list("abcdefgh"), "source_accuracy": np.linspace(0.2, 0.9, 8),
    ...     "target_accuracy": [0.18, 0.21, 0.35, 0.41, 0.45, 0.6, 0.62, 0.77]})
    >>> fits = fit_sets(table, draws=50)
    >>> fits.table()[["set", "n", "slope", "r_squared"]].round(2).to_dict("records")
    [{'set': 'demo', 'n': 8, 'slope': 0.83, 'r_squared': 0.98}]
    """
    _check_table(table, ["set", x, y])
    if min_models < 3:
        raise InputError(Problem("min_models is below 3.", "Use 5.", value=str(min_models)))
    mask = np.ones(len(table), dtype=bool) if defines is None else as_mask(defines)
    if len(mask) != len(table):
        raise InputError(
            Problem(f"defines has {len(mask)} values for {len(table)} rows.", "Give one a row.")
        )
    seed = resample.seed_from(rng)
    frame = table.assign(**{_DEFINES: mask})
    fits, unsuitable = [], []
    for name, rows in frame.groupby("set", sort=False):
        label = str(rows["set_name"].iloc[0]) if "set_name" in rows else str(name)
        reason, part = _suitable(rows, x, y, min_models)
        if reason:
            unsuitable.append(
                {"set": name, "set_name": label, "n": int(part[_DEFINES].sum()), "reason": reason}
            )
            continue
        level = _chance(part) if chance is None else chance
        stream = np.random.default_rng([seed, zlib.crc32(str(name).encode())])
        one = _fit_set(
            part, x, y, scale, cluster_column, group_columns, level, interval, draws, stream
        )
        dropped = int((rows[_DEFINES] & rows[[x, y]].isna().any(axis=1)).sum())
        line = replace(one.line, fit=replace(one.line.fit, n_dropped=dropped))
        fits.append(replace(one, set=str(name), set_name=label, line=line))
    left = pd.DataFrame(unsuitable, columns=["set", "set_name", "n", "reason"])
    return SetFits(tuple(fits), left, scale, x, y)


_DEFINES = "_defines"


def _fit_set(
    part: pd.DataFrame,
    x: str,
    y: str,
    scale: Scale,
    cluster_column: str,
    group_columns: Sequence[str],
    chance: float,
    interval: Interval,
    draws: int,
    rng: np.random.Generator,
) -> SetFit:
    mask = part[_DEFINES].to_numpy(dtype=bool)
    clusters = part[cluster_column].to_numpy(dtype=object) if cluster_column in part else None
    n_items = _column(part, "n_items")
    source, target = _column(part, x), _column(part, y)
    same: dict[str, Any] = {"scale": scale, "chance": chance}
    line = fit_with_interval(
        source, target, clusters=clusters, n_items=n_items, defines=mask, interval=interval,
        draws=draws, rng=rng, **same,
    )  # fmt: skip
    bounds = None
    if np.isfinite(n_items[mask]).any():
        n_targets = np.nan_to_num(_column(part, "n_targets"), nan=1.0)
        bounds = slope_bounds(
            source, target, n_items=n_items, n_targets=np.maximum(n_targets, 1), defines=mask,
            **same,
        )  # fmt: skip
    shapes = compare_shapes(
        np.where(mask, source, np.nan),
        np.where(mask, target, np.nan),
        groups={
            GROUPS.get(column, column): _grouping(part, column, mask)
            for column in group_columns
            if column in part
        },
        clusters=clusters,
        n_items=n_items,
        draws=draws,
        rng=rng,
        **same,
    )
    # With few families the lines without one of them rest on too little.
    by_family = line.n_clusters >= resample.FEW_CLUSTERS
    transfer = effective_transfer(
        source,
        target,
        defines=mask,
        clusters=clusters if by_family else None,
        n_items=n_items,
        **same,
    )
    reach = np.full(len(part), np.nan)
    if by_family:
        at = fit_with_interval(
            source, target, clusters=clusters, n_items=n_items, defines=mask, grid=source, **same
        )
        reach = _reach(part, at)
    sound = None
    fit_for_it = mask & _is_fit(part)
    if (mask & ~fit_for_it).sum() > 0 and fit_for_it.sum() >= MODELS_PER_LINE:
        sound = fit_with_interval(
            source, target, clusters=clusters, n_items=n_items, defines=fit_for_it,
            interval=interval, draws=draws, rng=rng, **same,
        )  # fmt: skip
    models = part.drop(columns=_DEFINES).assign(defines=mask)
    return SetFit("", "", models, line, bounds, shapes, transfer, by_family, reach, sound)


def _is_fit(part: pd.DataFrame) -> Bools:
    """Which runs say something about transfer; all, if the table does not tell."""
    if not {"source_accuracy", "xlt_gap", "chance"} <= set(part):
        return np.ones(len(part), dtype=bool)
    reasons = unfit(part.assign(chance=part["chance"].fillna(0.0)))
    return np.asarray(reasons == "", dtype=bool)


def _reach(part: pd.DataFrame, at: LineWithInterval) -> Floats:
    """Half the length of the 95 % interval of each model's distance from the line.

    The sampling errors of both accuracies and the jackknife band of the line are added as squares.
    """
    x, step = at.band["x"].to_numpy(dtype=float), 1e-4
    slope = (at.predict(x + step) - at.predict(x - step)) / (2 * step)
    own = np.hypot(_column(part, "target_se"), slope * _column(part, "source_se"))
    band = (at.band["high"] - at.band["low"]).to_numpy(dtype=float) / 2
    return np.asarray(np.hypot(1.96 * own, band))


def _suitable(rows: pd.DataFrame, x: str, y: str, min_models: int) -> tuple[str, pd.DataFrame]:
    """Why a set cannot be fitted (or an empty text), and its usable rows."""
    part = rows[rows[x].notna() & rows[y].notna()]
    used = part[part[_DEFINES]]
    if rows[x].isna().all():
        return "No model has an accuracy in the source language.", part
    if len(used) < min_models:
        have = "has" if len(used) == 1 else "have"
        found = counted(len(used), "model")
        return f"{capital(found)} {have} both accuracies; {min_models} are needed.", part
    if float(np.ptp(used[x].to_numpy(dtype=float))) <= SMALLEST_SPREAD:
        return "All models have the same source accuracy.", part
    return "", part


def _check_table(table: pd.DataFrame, needed: Sequence[str]) -> None:
    problems = [
        Problem(f"there is no column {name!r}.", "Give the table of hatlib.summarise.")
        for name in needed
        if name not in table
    ]
    if problems:
        raise InputError(problems)


def _column(part: pd.DataFrame, name: str) -> Floats:
    """A numeric column as floats; nan if there is none."""
    if name not in part:
        return np.full(len(part), np.nan)
    return pd.to_numeric(part[name]).to_numpy(dtype=float, na_value=np.nan)


def _chance(part: pd.DataFrame) -> float:
    values = _column(part, "chance")
    values = values[np.isfinite(values)]
    return float(values[0]) if values.size else 0.0


def _grouping(part: pd.DataFrame, column: str, mask: Bools) -> NDArray[np.object_]:
    """Labels of a known grouping, made from a column."""
    values = part[column]
    if column == "reasoning":
        off = values.isna() | values.astype(str).str.strip().isin(["none", "", "off"])
        return np.where(off, "thinking off", "thinking on").astype(object)
    date = pd.api.types.is_datetime64_any_dtype(values)
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not (date or number):
        return values.to_numpy(dtype=object)
    words = ("older", "newer") if date else ("lower half", "upper half")
    above = values > values[mask].median()
    text = pd.Series(np.where(above.fillna(False), words[1], words[0]), dtype=object)
    return text.mask(values.isna().to_numpy(), None).to_numpy(dtype=object)


def _named(one: SetFit, frame: pd.DataFrame) -> pd.DataFrame:
    """Put the set before the other columns."""
    names = {"set": one.set, "set_name": one.set_name}
    return frame.assign(**names)[[*names, *(c for c in frame if c not in names)]]


def _segment_frame(shape: str, segment: Segment, fit: LineFit) -> pd.DataFrame:
    at = np.linspace(segment.x_low, segment.x_high, GRID_POINTS)
    values, _ = to_scale(at, fit.scale, chance=fit.chance)
    y = from_scale(segment.intercept + segment.slope * values, fit.scale, chance=fit.chance)
    return pd.DataFrame(
        {"shape": shape, "line": segment.line, "x": at, "y": y, "low": np.nan, "high": np.nan}
    )


def _trusted_band(line: LineWithInterval) -> pd.DataFrame:
    """The line for drawing; without a band if there are few families."""
    if line.n_clusters >= resample.FEW_CLUSTERS:
        return line.band
    return line.band.assign(low=np.nan, high=np.nan)


def _with_labels(models: pd.DataFrame) -> pd.DataFrame:
    """Models with the label of the run as name, so that thinking runs can be told apart."""
    return models.assign(display_name=models["label"]) if "label" in models else models


def _paper_runs(models: pd.DataFrame) -> list[str]:
    """Labels of the runs of `PAPER_MODELS` to name: one of every model first, then thinking."""
    if not {"model", "label"} <= set(models):
        return []
    place = {name: i for i, name in enumerate(PAPER_MODELS)}
    held = models[models["model"].isin(place)]
    if held.empty:
        return []
    thinks = (
        _grouping(held, "reasoning", np.ones(len(held), dtype=bool)) if "reasoning" in held else ""
    )
    held = held.assign(thinks=thinks).drop_duplicates(["model", "thinks"])
    order = held.assign(
        again=held.groupby("model").cumcount(), place=held["model"].map(place)
    ).sort_values(["again", "place"])
    return order["label"].astype(str).tolist()[:MOST_NAMES]


def _drawn_shapes(one: SetFit) -> list[ShapeFit]:
    """The fitted shapes; of two by the same groups, the one with the lower BIC."""
    best: dict[str, ShapeFit] = {}
    for shape in one.shapes.fits:
        if not shape.segments:
            continue
        key = shape.shape.split(" lines by ")[-1]
        if key not in best or shape.bic < best[key].bic:
            best[key] = shape
    return list(best.values())


def _shape_panels(one: SetFit) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Dots and lines of each drawn shape. Lines are numbered; the title of a panel names them."""
    models = _with_labels(one.models.reset_index(drop=True))
    dots, lines = [], []
    for shape in _drawn_shapes(one):
        number = {s.line: f"line {i + 1}" for i, s in enumerate(shape.segments)}
        title = capital(
            shape.shape.replace("parallel lines by ", "").replace("separate lines by ", "")
        )
        if len(number) > 1:
            short = [
                line.removesuffix(" line").removesuffix(" the knot").removeprefix("thinking ")
                for line in number
            ]
            title += ": " + ", ".join(f"{i + 1} {name}" for i, name in enumerate(short))
        on = models.assign(panel=title, line=pd.Series(shape.member, dtype=object).map(number))
        dots.append(on[on["line"].notna()])
        lines += [
            _segment_frame(shape.shape, s, one.line.fit).assign(
                line=number[s.line].removeprefix("line "), panel=title
            )
            for s in shape.segments
        ]
    return pd.concat(dots, ignore_index=True), pd.concat(lines, ignore_index=True)[_SHAPE_LINE]


def _shape_caption(one: SetFit) -> str:
    """Which shapes beat one line by more than chance, in words."""
    table = one.shapes.table()
    p_value = dict(zip(table["shape"], table["p_adjusted"].astype(float), strict=True))
    drawn = [shape.shape for shape in _drawn_shapes(one)][1:]
    clear = [name for name in drawn if p_value[name] <= CLEAR_P]
    rest = [name for name in drawn if name not in clear]

    def said(names: list[str]) -> str:
        return joined([f"{name} (p = {_p(p_value[name])})" for name in names])

    text = [
        f"{one.set_name}: the shapes that were fitted. Colours and numbers tell the lines apart."
    ]
    if not drawn:
        text.append("Only one line could be fitted.")
    if clear:
        text.append(f"Better than one line by more than chance would: {said(clear)}.")
    if rest:
        text.append(f"Not clearly better than chance would: {said(rest)}.")
    return " ".join(text)


def _two(value: float) -> str:
    """A number with two decimals and a true minus."""
    return f"{value:.2f}".replace("-", "−")


def _p(value: float) -> str:
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _residual_caption(one: SetFit, n: int, shown: int, bars: bool) -> str:
    others = "families" if one.by_family else "models"
    text = f"{one.set_name}: distance of each model from the line of the other {others}."
    if shown < n:
        text += (
            f" Of {n} models, the {shown - shown // 2} highest and {shown // 2} lowest are shown."
        )
    if bars:
        return text + (
            " Bars are 95 % intervals: sampling error of the model's own accuracies, and the "
            "uncertainty of the line."
        )
    if not one.by_family:
        return f"{text} There are no intervals: {_FEW}"
    return f"{text} There are no intervals: the number of items is not known."


def _set_sentences(one: SetFit) -> str:
    """The set in a few sentences. Directions are chosen here, not typed."""
    found, fit = one.line, one.line.fit
    families = counted(found.n_clusters, "family", "families")
    text = [
        headline(one.set_name, _how_closely(fit.r_squared)),
        f"Over {counted(fit.n, 'run')} of {families}, the line explains {fit.r_squared:.0%} of the "
        "variance between models.",
    ]
    points = fit.scale == "linear"
    unit = "points" if points else f"units on the {fit.scale} scale"
    lead = "One point" if points else f"One unit on the {fit.scale} scale"
    way = "less" if fit.slope < 0 else "more"
    text.append(
        f"{lead} more of source accuracy goes with {abs(fit.slope):.2f} {unit} {way} of target "
        f"accuracy (slope {_slope(found)}){_beside_one(found)}"
    )
    if one.sound is not None:
        n = fit.n - one.sound.fit.n
        text.append(
            f"Without the {counted(n, 'run')} near chance or doubtful the slope is "
            f"{_slope(one.sound)}{_beside_one(one.sound)}"
        )
    text.append(f"Other shapes: {one.shapes.verdict}.")
    return " ".join(part for part in [*text, _ends(one), found.flag] if part)


def _how_closely(r_squared: float) -> str:
    """How well a line describes the models, in a word."""
    if r_squared >= CLOSELY:
        return "closely"
    return "loosely" if r_squared >= LOOSELY else "hardly"


def _slope(found: LineWithInterval) -> str:
    """A slope with its interval, if it has one."""
    text = _two(found.fit.slope)
    if np.isfinite(found.slope_low):
        text += f"; {found.level:.0%} interval {_two(found.slope_low)} to {_two(found.slope_high)}"
    return text


def _beside_one(found: LineWithInterval) -> str:
    """Where the slope lies beside 1, if the interval can say it."""
    if not np.isfinite(found.slope_low) or resample.few_clusters_flag(found.n_clusters):
        return "."
    if found.slope_low > 1:
        return ", clearly more than one for one."
    if found.slope_high < 1:
        return ", clearly less than one for one."
    return "; one for one cannot be ruled out."


def _ends(one: SetFit) -> str:
    """The models farthest above and below the line of the other families."""
    residual = one.transfer.residual
    if not np.isfinite(residual).any():
        return ""
    column = "label" if "label" in one.models else "model"
    if column not in one.models:
        return ""
    names = one.models[column].to_numpy(dtype=object)
    words = []
    if np.nanmax(residual) > 0:
        top = int(np.nanargmax(residual))
        words.append(f"{markdown_text(names[top])} lies {100 * residual[top]:.1f} points above")
    if np.nanmin(residual) < 0:
        low = int(np.nanargmin(residual))
        words.append(f"{markdown_text(names[low])} lies {-100 * residual[low]:.1f} points below")
    if not words:
        return ""
    others = "families" if one.by_family else "models"
    return f"{joined(words)} the line of the other {others}."


@dataclass(frozen=True)
class LanguageFits:
    """One line per set and target language.

    Attributes
    ----------
    frame : pandas.DataFrame
        See `table`.
    bands : pandas.DataFrame
        See `lines_frame`.
    """

    frame: pd.DataFrame
    bands: pd.DataFrame = field(repr=False)

    def table(self) -> pd.DataFrame:
        """One row a set and language: slope and explained share with intervals, `reason`."""
        return self.frame.copy()

    def table_of(self, set_id: str = "", brief: bool = False) -> pd.DataFrame:
        """The rows of `table` of one set, the steepest language first.

        Parameters
        ----------
        set_id : str
            The set; the one with most models if not given.
        brief : bool
            True: only the columns for a page.
        """
        known = self.frame["set"].unique().tolist()
        if set_id and set_id not in known:
            text = f"Use one of: {listing(known)}."
            raise InputError(Problem("there is no such set.", text, value=set_id))
        fitted = self.frame[self.frame["slope"].notna()]
        most = fitted.groupby("set", sort=False)["n"].max()
        chosen = set_id or (str(most.idxmax()) if len(most) else "")
        rows = self.frame[self.frame["set"] == chosen]
        rows = rows.sort_values("slope", ascending=False, kind="stable").reset_index(drop=True)
        return rows[_BRIEF_LANGUAGE] if brief else rows

    def lines_frame(self) -> pd.DataFrame:
        """The lines for drawing: `set`, `set_name`, `language`, `x`, `y`, `low`, `high`."""
        return self.bands.copy()

    def chart(self, set_id: str = "") -> Figure | Notice:
        """The slope of each target language of one set, with its interval.

        Parameters
        ----------
        set_id : str
            The set; the one with most models if not given.
        """
        from hatlib.show import charts

        shown = self.table_of(set_id).dropna(subset="slope")
        if shown.empty:
            left = self.frame[self.frame["set"] == set_id] if set_id else self.frame
            reasons = " ".join(dict.fromkeys(left["reason"].dropna().astype(str)))
            return charts.Notice(f"No language has a line. {reasons} {_ADD}".replace("  ", " "))
        below = int((shown["slope_high"] < 1).sum())
        above = int((shown["slope_low"] > 1).sum())
        bars = bool(shown["slope_low"].notna().any())
        flag = next((str(f) for f in shown["flag"] if f), "")
        text = f"{shown['set_name'].iloc[0]}: slope of the line of each target language."
        if bars:
            text += (
                f" Bars are 95 % intervals. At 1, accuracies rise one for one: {below or 'none'} "
                f"of {counted(len(shown), 'slope')} {'is' if below == 1 else 'are'} clearly below "
                f"1, and {above or 'none'} clearly above."
            )
        return charts.intervals(
            shown,
            value="slope",
            low="slope_low" if bars else None,
            high="slope_high" if bars else None,
            row="language_name",
            zero=1.0,
            name="slope-by-language",
            title_x="Slope: points of target accuracy for one point of source accuracy",
            caption=f"{text} {flag}".strip(),
        )

    def summary(self) -> str:
        """The steepest and the flattest language of each set, as Markdown."""
        text = []
        fitted = self.frame[self.frame["slope"].notna()]
        for name, rows in fitted.groupby("set_name", sort=False):
            low = rows.iloc[int(rows["slope"].to_numpy().argmin())]
            high = rows.iloc[int(rows["slope"].to_numpy().argmax())]
            if len(rows) == 1:
                text.append(
                    f"- **{markdown_text(name)}**: one language, "
                    f"{markdown_text(low['language_name'])}, with a slope of {_two(low['slope'])}."
                )
                continue
            text.append(
                f"- **{markdown_text(name)}**: the slope runs from {_two(low['slope'])} "
                f"({markdown_text(low['language_name'])}) to {_two(high['slope'])} "
                f"({markdown_text(high['language_name'])})."
            )
        return "\n".join(text) if text else "No set has enough models for a line per language."


def fit_languages(
    by_language: pd.DataFrame,
    *,
    scale: Scale = "linear",
    x: str = "source_accuracy",
    y: str = "target_accuracy",
    cluster_column: str = "family",
    chance: float | None = 0.0,
    min_models: int = 5,
    interval: Interval = "jackknife",
    draws: int = 1000,
    rng: np.random.Generator | int = 0,
) -> LanguageFits:
    """Fit one line per set and target language.

    Parameters
    ----------
    by_language : pandas.DataFrame
        One row a model run and language, as from `hatlib.summarise(...).by_language()`. Needed
        columns: `set`, `language`, `x` and `y`.
    scale, x, y, cluster_column, chance, min_models, interval, draws, rng
        As in `fit_sets`.

    Returns
    -------
    LanguageFits

    Raises
    ------
    InputError
        If a needed column is missing or an option is unknown.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "set": "demo", "language": ["de"] * 5, "source_accuracy": [0.2, 0.4, 0.5, 0.6, 0.8],
    ...     "target_accuracy": [0.1, 0.3, 0.4, 0.5, 0.7]})
    >>> fit_languages(table).table()[["language", "n"]].to_dict("records")
    [{'language': 'de', 'n': 5}]
    """
    _check_table(by_language, ["set", "language", x, y])
    seed = resample.seed_from(rng)
    rows, bands = [], []
    frame = by_language.assign(**{_DEFINES: True})
    for (name, language), given in frame.groupby(["set", "language"], sort=False):
        label = str(given["set_name"].iloc[0]) if "set_name" in given else str(name)
        who = {"set": str(name), "set_name": label, "language": str(language)}
        who["language_name"] = str(language)
        if "language_name" in given and given["language_name"].notna().any():
            who["language_name"] = str(given["language_name"].dropna().iloc[0])
        reason, part = _suitable(given, x, y, min_models)
        if reason:
            rows.append({**who, "n": len(part), "reason": reason})
            continue
        stream = np.random.default_rng([seed, zlib.crc32(f"{name}\n{language}".encode())])
        found = fit_with_interval(
            _column(part, x),
            _column(part, y),
            clusters=part[cluster_column].to_numpy(dtype=object)
            if cluster_column in part
            else None,
            n_items=_column(part, "n_items_source" if "n_items_source" in part else "n_items"),
            scale=scale,
            chance=_chance(part) if chance is None else chance,
            interval=interval,
            draws=draws,
            rng=stream,
        )
        line = replace(found, fit=replace(found.fit, n_dropped=len(given) - len(part)))
        rows.append({**line.record(), **who, "reason": ""})
        bands.append(found.band.assign(**who))
    columns = [
        "set", "set_name", "language", "language_name", "n", "n_clusters", "slope",
        "slope_low", "slope_high", "intercept", "intercept_low", "intercept_high", "r_squared",
        "r_squared_low", "r_squared_high", "residual_sd", "scale", "interval", "level",
        "noise_allowed", "n_moved", "n_dropped", "note", "flag", "reason",
    ]  # fmt: skip
    drawn = ["set", "set_name", "language", "x", "y", "low", "high"]
    return LanguageFits(
        pd.DataFrame(rows, columns=columns),
        pd.concat(bands, ignore_index=True)[drawn] if bands else pd.DataFrame(columns=drawn),
    )


def fit_sensitivity(
    table: pd.DataFrame,
    set_id: str = "",
    *,
    x: str = "source_accuracy",
    y: str = "target_accuracy",
    cluster_column: str = "family",
    interval: Interval = "jackknife",
    draws: int = 1000,
    rng: np.random.Generator | int = 0,
) -> pd.DataFrame:
    """The line of one set under other choices: the scale, and which runs define it.

    Parameters
    ----------
    table : pandas.DataFrame
        As in `fit_sets`.
    set_id : str
        The set; the one with most models if not given.
    x, y, cluster_column, interval, draws, rng
        As in `fit_sets`.

    Returns
    -------
    pandas.DataFrame
        One row a choice: `scale`, `runs`, `n`, `slope` with its interval, `r_squared`, `n_moved`,
        and `flag`. Slopes of different scales are in different units.

    Raises
    ------
    InputError
        If a needed column is missing.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "set": "demo", "source_accuracy": np.linspace(0.2, 0.9, 8),
    ...     "target_accuracy": [0.18, 0.21, 0.35, 0.41, 0.45, 0.6, 0.62, 0.77]})
    >>> fit_sensitivity(table)[["scale", "n", "slope"]].round(2).to_dict("list")
    {'scale': ['linear', 'logit', 'probit'], 'n': [8, 8, 8], 'slope': [0.83, 0.77, 0.79]}
    """
    _check_table(table, ["set", x, y])
    usable = table[table[x].notna() & table[y].notna()]
    chosen = set_id or (str(usable["set"].value_counts().idxmax()) if len(usable) else "")
    part = usable[usable["set"] == chosen]
    masks = {"all": np.ones(len(part), dtype=bool)}
    sound = _is_fit(part)
    if not sound.all():
        masks["without those near chance or doubtful"] = sound
    rows = []
    for name, mask in masks.items():
        for scale in SCALES if len(part) else ():
            found = fit_with_interval(
                _column(part, x),
                _column(part, y),
                clusters=part[cluster_column].to_numpy(dtype=object)
                if cluster_column in part
                else None,
                n_items=_column(part, "n_items"),
                defines=mask,
                scale=scale,
                interval=interval,
                draws=draws,
                rng=resample.seed_from(rng),
            )
            rows.append({"runs": name, **found.record()})
    columns = ["scale", "runs", "n", "slope", "slope_low", "slope_high", "r_squared", "n_moved"]
    frame = pd.DataFrame(rows, columns=[*columns, "note", "flag"])
    return frame if frame["slope"].notna().any() else frame.iloc[:0]
