"""Lines and shapes for every set of a table of accuracies, and for every language."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.lines.distance import unfit
from hatlib.lines.lines import LineWithInterval, effective_transfer, fit_line, fit_with_interval
from hatlib.lines.points import SMALLEST_SPREAD, Bools, Floats, Scale, from_scale, to_scale
from hatlib.lines.shapes import MODELS_PER_LINE, ShapeComparison, compare_shapes

GROUPS = {"reasoning": "thinking", "setup": "way of asking", "release_date": "generation"}
"""Columns of known groups, and what they are called."""

GRID_POINTS = 40
"""Points of a line for drawing."""


@dataclass(frozen=True)
class SetFit:
    """What is fitted to one set.

    Attributes
    ----------
    set, set_name : str
        Id and name of the set.
    models : pandas.DataFrame
        Its rows of the table with both accuracies, with `expected` (target accuracy on the line
        of the other families), `effective_transfer` (the distance from it), and its 95 % interval
        `low` to `high`: sampling error of the model's own accuracies, and the uncertainty of the
        line. The interval is nan if one of them is not known, or with few families.
    line : LineWithInterval
        One line with its intervals.
    slope_if_binomial, reliability_if_binomial : float
        The slope if the full binomial variance of x were noise, and the share of the spread of x
        that would not be; nan if no number of items is known.
    shapes : ShapeComparison
        Other shapes against one line.
    by_family : bool
        Whether whole families were left out to judge a model; with fewer than
        `resample.FEW_CLUSTERS` families only the model itself is.
    sound : LineWithInterval or None
        The line without the runs that are `hatlib.lines.distance.unfit`; None if there are none.
    """

    set: str
    set_name: str
    models: pd.DataFrame = field(repr=False)
    line: LineWithInterval
    slope_if_binomial: float
    reliability_if_binomial: float
    shapes: ShapeComparison
    by_family: bool
    sound: LineWithInterval | None = None

    def curves(self, shape: str = "one line") -> pd.DataFrame:
        """The lines of a shape for drawing: `shape`, `line`, `x`, `y`, and the band of one line."""
        fit = self.line.fit
        if shape == "one line":
            return self.line.band.assign(shape=shape, line="all models")
        (found,) = (each for each in self.shapes.fits if each.shape == shape)
        parts = []
        for part in found.segments:
            at = np.linspace(part.x_low, part.x_high, GRID_POINTS)
            values, _ = to_scale(at, fit.scale, chance=fit.chance)
            y = from_scale(part.intercept + part.slope * values, fit.scale, chance=fit.chance)
            parts.append(pd.DataFrame({"shape": shape, "line": part.line, "x": at, "y": y}))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@dataclass(frozen=True)
class SetFits:
    """Line fits of every suitable set of a table.

    Attributes
    ----------
    fits : mapping of str to SetFit
        The sets that could be fitted, those with most models first.
    table : pandas.DataFrame
        One row a set: the line with intervals, the noise bounds of the slope, `best_shape` and
        `outcome` of the comparison of shapes. Sets that were not fitted have a `reason` and no
        figures.
    """

    fits: Mapping[str, SetFit]
    table: pd.DataFrame = field(repr=False)

    def shapes(self) -> pd.DataFrame:
        """One row a set and shape; columns as in `ShapeComparison.table`."""
        parts = [
            one.shapes.table.assign(set=one.set, set_name=one.set_name)
            for one in self.fits.values()
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def residuals(self) -> pd.DataFrame:
        """The models of all fitted sets; columns as in `SetFit.models`."""
        parts = [one.models for one in self.fits.values()]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def fit_sets(
    table: pd.DataFrame,
    *,
    scale: Scale = "linear",
    chance: float | None = 0.0,
    min_models: int = 5,
    draws: int = 500,
    rng: np.random.Generator | int = 0,
) -> SetFits:
    """Fit lines to every set of a table of models, one set at a time.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a model run, as from `hatlib.summarise(...).table()`. Needed columns: `set`,
        `source_accuracy`, `target_accuracy`. Used if present: `set_name`, `family` (models without
        one are families of their own), `n_items`, `chance`, the columns of `GROUPS` (`reasoning`
        is split into thinking on and off, dates at their median), and `defines`: which models
        define the lines (all by default; all get a residual).
    scale : {"linear", "logit", "probit"}
        Scale of both accuracies.
    chance : float or None
        Accuracies are rescaled relative to this; None: as the column `chance` says.
    min_models : int
        A set with fewer defining models is not fitted; at least 3.
    draws : int
        Simulated data sets of each comparison of shapes.
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
    >>> fits.table[["set", "n", "slope", "r_squared"]].round(2).to_dict("records")
    [{'set': 'demo', 'n': 8, 'slope': 0.83, 'r_squared': 0.98}]
    """
    if min_models < 3:
        raise InputError(Problem("min_models is below 3.", "Use 5.", value=str(min_models)))
    fits, rows = [], []
    for (name,), who, part, reason, stream in _parts(table, ["set"], min_models, rng):
        if reason:
            rows.append(who | {"n": int(part["defines"].sum()), "reason": reason})
            continue
        level = _chance(part) if chance is None else chance
        one = _fit_set(str(name), who["set_name"], part, scale, level, draws, stream)
        fits.append(one)
        rows.append(
            who
            | one.line.record()
            | {"n_dropped": who["n_dropped"], "best_shape": one.shapes.best, "reason": ""}
            | {"outcome": one.shapes.outcome, "slope_if_binomial": one.slope_if_binomial}
            | {"reliability_if_binomial": one.reliability_if_binomial}
        )
    fits.sort(key=lambda one: -len(one.models))
    return SetFits({one.set: one for one in fits}, pd.DataFrame(rows).reindex(columns=_SET_COLUMNS))


def fit_languages(
    by_language: pd.DataFrame,
    *,
    scale: Scale = "linear",
    chance: float | None = 0.0,
    min_models: int = 5,
) -> pd.DataFrame:
    """Fit one line per set and target language.

    Parameters
    ----------
    by_language : pandas.DataFrame
        One row a model run and language, as from `hatlib.summarise(...).by_language()`. Needed
        columns: `set`, `language`, `source_accuracy`, `target_accuracy`.
    scale, chance, min_models
        As in `fit_sets`.

    Returns
    -------
    pandas.DataFrame
        One row a set and language: slope and explained share with intervals, `reason`.

    Raises
    ------
    InputError
        If a needed column is missing or an option is unknown.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "set": "demo", "language": ["de"] * 5, "source_accuracy": [0.2, 0.4, 0.5, 0.6, 0.8],
    ...     "target_accuracy": [0.1, 0.3, 0.4, 0.5, 0.7]})
    >>> fit_languages(table)[["language", "n"]].to_dict("records")
    [{'language': 'de', 'n': 5}]
    """
    rows = []
    for _, who, part, reason, _ in _parts(by_language, ["set", "language"], min_models, 0):
        if reason:
            rows.append(who | {"n": len(part), "reason": reason})
            continue
        found = fit_with_interval(
            part["source_accuracy"],
            part["target_accuracy"],
            clusters=_families(part),
            n_items=_column(part, "n_items_source" if "n_items_source" in part else "n_items"),
            scale=scale,
            chance=_chance(part) if chance is None else chance,
        )
        rows.append(who | found.record() | {"n_dropped": who["n_dropped"], "reason": ""})
    return pd.DataFrame(rows).reindex(columns=_LANGUAGE_COLUMNS)


_FIGURES = [
    "n", "n_clusters", "slope", "slope_low", "slope_high", "intercept", "intercept_low",
    "intercept_high", "r_squared", "r_squared_low", "r_squared_high", "residual_sd", "scale",
    "level", "noise_allowed", "n_moved", "n_dropped", "note", "flag", "reason",
]  # fmt: skip
_SET_COLUMNS = [
    "set", "set_name", *_FIGURES, "slope_if_binomial", "reliability_if_binomial", "best_shape",
    "outcome",
]  # fmt: skip
_LANGUAGE_COLUMNS = ["set", "set_name", "language", "language_name", *_FIGURES]


def _parts(
    table: pd.DataFrame, by: list[str], min_models: int, rng: np.random.Generator | int
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], pd.DataFrame, str, np.random.Generator]]:
    """Each set (and language): its key, names, usable rows, why it cannot be fitted, its stream."""
    problems = [
        Problem(f"there is no column {name!r}.", "Give the table of hatlib.summarise.")
        for name in [*by, "source_accuracy", "target_accuracy"]
        if name not in table
    ]
    if problems:
        raise InputError(problems)
    seed = resample.seed_from(rng)
    defines = table["defines"] if "defines" in table else pd.Series(True, index=table.index)
    if not pd.api.types.is_bool_dtype(defines):
        raise InputError(Problem("defines is not a mask.", "Give True or False for each model."))
    for key, rows in table.assign(defines=defines).groupby(by, sort=False):
        part = rows[rows["source_accuracy"].notna() & rows["target_accuracy"].notna()]
        used = part[part["defines"]]
        who: dict[str, Any] = {name: str(value) for name, value in zip(by, key, strict=True)}
        for name in by:
            names = rows.get(f"{name}_name", pd.Series(dtype=object)).dropna()
            who[f"{name}_name"] = str(names.iloc[0]) if len(names) else who[name]
        who["n_dropped"] = int(rows["defines"].sum() - len(used))
        reason = ""
        if rows["source_accuracy"].isna().all():
            reason = "No model has an accuracy in the source language."
        elif len(used) < min_models:
            reason = f"Models with both accuracies: {len(used)}; {min_models} are needed."
        elif float(np.ptp(used["source_accuracy"].to_numpy(dtype=float))) <= SMALLEST_SPREAD:
            reason = "All models have the same source accuracy."
        stream = np.random.default_rng([seed, zlib.crc32("\n".join(map(str, key)).encode())])
        yield key, who, part, reason, stream


def _fit_set(
    name: str,
    title: str,
    part: pd.DataFrame,
    scale: Scale,
    chance: float,
    draws: int,
    rng: np.random.Generator,
) -> SetFit:
    mask = part["defines"].to_numpy(dtype=bool)
    families, n_items = _families(part), _column(part, "n_items")
    source, target = _column(part, "source_accuracy"), _column(part, "target_accuracy")
    same: dict[str, Any] = {"scale": scale, "chance": chance, "n_items": n_items}
    line = fit_with_interval(source, target, clusters=families, defines=mask, **same)
    shapes = compare_shapes(
        np.where(mask, source, np.nan),
        np.where(mask, target, np.nan),
        groups={
            title: _grouping(part, column, mask)
            for column, title in GROUPS.items()
            if column in part
        },
        clusters=families,
        draws=draws,
        rng=rng,
        **same,
    )
    # With few families the lines without one of them rest on too little.
    by_family = line.n_clusters >= resample.FEW_CLUSTERS
    judged = effective_transfer(
        source, target, defines=mask, clusters=families if by_family else None, **same
    )
    reach = np.full(len(part), np.nan)
    if by_family:
        at = fit_with_interval(source, target, clusters=families, defines=mask, grid=source, **same)
        reach = _reach(part, at)
    sound = None
    enough = mask & _is_sound(part)
    if (mask & ~enough).any() and enough.sum() >= MODELS_PER_LINE:
        sound = fit_with_interval(source, target, clusters=families, defines=enough, **same)
    noisy = None
    if np.isfinite(n_items[mask]).any():  # where it is unknown, the fewest known is used
        filled = np.where(np.isfinite(n_items), n_items, np.nanmin(n_items))
        noisy = fit_line(source, target, method="eiv", defines=mask, **{**same, "n_items": filled})
    models = part.assign(
        expected=judged.expected,
        effective_transfer=judged.residual,
        left_out=judged.left_out,
        low=judged.residual - reach,
        high=judged.residual + reach,
    )
    return SetFit(
        name,
        title,
        models.reset_index(drop=True),
        line,
        noisy.slope if noisy else np.nan,
        noisy.reliability if noisy else np.nan,
        shapes,
        by_family,
        sound,
    )


def _is_sound(part: pd.DataFrame) -> Bools:
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


def _column(part: pd.DataFrame, name: str) -> Floats:
    """A numeric column as floats; nan if there is none."""
    if name not in part:
        return np.full(len(part), np.nan)
    return pd.to_numeric(part[name]).to_numpy(dtype=float, na_value=np.nan)


def _families(part: pd.DataFrame) -> NDArray[np.object_] | None:
    return part["family"].to_numpy(dtype=object) if "family" in part else None


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
