"""Lines and shapes for every set of a table of accuracies."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.lines.lines import (
    SMALLEST_SPREAD,
    Floats,
    Line,
    Scale,
    expected_by_others,
    fit_line,
)
from hatlib.lines.shapes import Shapes, compare_shapes

GROUPS = {"reasoning": "thinking", "setup": "way of asking", "release_date": "generation"}
"""Columns of known groups, and what they are called."""


@dataclass(frozen=True)
class SetFit:
    """What is fitted to one set.

    Attributes
    ----------
    set, set_name : str
        Id and name of the set.
    models : DataFrame
        Its rows of the table with both accuracies, with `expected` (target accuracy on the line
        of the other families), `effective_transfer` (the distance from it), and its 95 % interval
        `low` to `high`: sampling error of the model's own accuracies, and the uncertainty of the
        line. The interval is nan if one of them is not known, or with few families.
    line : Line
        One line with its intervals.
    shapes : Shapes
        Other shapes against one line.
    by_family : bool
        Whether whole families were left out to judge a model; with fewer than
        `resample.FEW_CLUSTERS` families only the model itself is.
    """

    set: str
    set_name: str
    models: pd.DataFrame = field(repr=False)
    line: Line
    shapes: Shapes
    by_family: bool

    def curves(self, shape: str = "one line") -> pd.DataFrame:
        """The lines of a shape for drawing: `shape`, `line`, `x`, `y`, and the band of one line."""
        if shape == "one line":
            return self.line.band.assign(shape=shape, line="all models")
        return self.shapes.curves(shape)


@dataclass(frozen=True)
class SetFits:
    """Line fits of every suitable set of a table.

    Attributes
    ----------
    fits : mapping of str to SetFit
        The sets that could be fitted, those with most models first.
    table : DataFrame
        One row a set: the line with intervals, the noise bounds of the slope, `best_shape` and
        `outcome` of the comparison of shapes. Sets that were not fitted have a `reason` and no
        figures.
    """

    fits: Mapping[str, SetFit]
    table: pd.DataFrame = field(repr=False)

    def shapes(self) -> pd.DataFrame:
        """One row a set and shape; columns as in `hatlib.lines.shapes.Shapes.table`."""
        return _below([f.shapes.table.assign(set=f.set, set_name=f.set_name)
                       for f in self.fits.values()])  # fmt: skip

    def residuals(self) -> pd.DataFrame:
        """The models of all fitted sets; columns as in `SetFit.models`."""
        return _below([one.models for one in self.fits.values()])


def _below(parts: list[pd.DataFrame]) -> pd.DataFrame:
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
    table : DataFrame
        One row a model run, as from `hatlib.summarise(...).table()`. Needed columns: `set`,
        `source_accuracy`, `target_accuracy`. Used if present: `set_name`, `family` (models without
        one are families of their own), `n_items`, `source_se`, `target_se`, `chance`, and the
        columns of `GROUPS` (`reasoning` is split into thinking on and off, dates at their median).
    scale : {"linear", "logit", "probit"}
        Scale of both accuracies.
    chance : float or None
        Accuracies are rescaled relative to this; None: as the column `chance` says.
    min_models : int
        A set with fewer models is not fitted; at least 3.
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
    missing = {"set", "source_accuracy", "target_accuracy"} - set(table)
    if missing or min_models < 3:
        what = f"there is no column {sorted(missing)[0]!r}" if missing else "min_models is below 3"
        raise InputError(Problem(f"{what}.", "Give the table of hatlib.summarise, 3 or more."))
    seed = resample.seed_from(rng)
    defaults: dict[str, Any] = {"set_name": table["set"], "family": None, "chance": np.nan}
    defaults |= dict.fromkeys(("n_items", "source_se", "target_se"), np.nan)
    table = table.assign(**{name: v for name, v in defaults.items() if name not in table})
    fits, rows = [], []
    for key, runs in table.groupby("set", sort=False):
        who = {"set": str(key), "set_name": str(runs["set_name"].iloc[0])}
        part = runs.dropna(subset=["source_accuracy", "target_accuracy"]).reset_index(drop=True)
        dropped = {"n_dropped": len(runs) - len(part), "reason": _no_fit(runs, part, min_models)}
        if dropped["reason"]:
            rows.append(who | dropped | {"n": len(part)})
            continue
        level = float(part["chance"].iloc[0]) if chance is None else chance
        stream = np.random.default_rng([seed, zlib.crc32(str(key).encode())])
        one = _fit_set(part, scale, level if np.isfinite(level) else 0.0, draws, stream, **who)
        fits.append(one)
        best = {"best_shape": one.shapes.best, "outcome": one.shapes.outcome}
        rows.append(who | one.line.record() | dropped | best)
    fits.sort(key=lambda one: -len(one.models))
    return SetFits({one.set: one for one in fits}, pd.DataFrame(rows).reindex(columns=_COLUMNS))


_COLUMNS = [
    "set", "set_name", "n", "n_clusters", "slope", "slope_low", "slope_high", "intercept",
    "intercept_low", "intercept_high", "r_squared", "r_squared_low", "r_squared_high",
    "residual_sd", "scale", "level", "noise_allowed", "n_moved", "n_dropped", "note", "flag",
    "reason", "slope_if_binomial", "reliability_if_binomial", "best_shape", "outcome",
]  # fmt: skip


def _no_fit(runs: pd.DataFrame, part: pd.DataFrame, min_models: int) -> str:
    """Why a set is not fitted, or an empty text."""
    if runs["source_accuracy"].isna().all():
        return "No model has an accuracy in the source language."
    if len(part) < min_models:
        return f"Models with both accuracies: {len(part)}; {min_models} are needed."
    if np.ptp(part["source_accuracy"].to_numpy(dtype=float)) <= SMALLEST_SPREAD:
        return "All models have the same source accuracy."
    return ""


def _fit_set(
    part: pd.DataFrame,
    scale: Scale,
    chance: float,
    draws: int,
    rng: np.random.Generator,
    **who: str,
) -> SetFit:
    source, target, n_items, source_se, target_se = (
        resample.as_float(part[name])
        for name in ("source_accuracy", "target_accuracy", "n_items", "source_se", "target_se")
    )
    families = part["family"].to_numpy(dtype=object) if part["family"].notna().any() else None
    same: dict[str, Any] = {"scale": scale, "chance": chance, "n_items": n_items}
    line = fit_line(source, target, clusters=families, **same)
    groups = {title: _grouping(part[name]) for name, title in GROUPS.items() if name in part}
    shapes = compare_shapes(
        source, target, groups=groups, clusters=families, draws=draws, rng=rng, **same
    )
    # With few families the lines without one of them rest on too little.
    by_family = line.n_clusters >= resample.FEW_CLUSTERS
    judges = families if by_family else None
    expected = expected_by_others(source, target, clusters=judges, **same)
    distance, reach = target - expected, np.full(len(part), np.nan)
    if by_family:
        # The sampling errors of both accuracies and the band of the line, added as squares.
        at = fit_line(source, target, clusters=families, grid=source, noise="none", **same)
        slope = (at.predict(source + 1e-4) - at.predict(source - 1e-4)) / 2e-4
        band = (at.band["high"] - at.band["low"]).to_numpy(dtype=float) / 2
        reach = np.hypot(1.96 * np.hypot(target_se, slope * source_se), band)
    judged: dict[str, Floats] = {"expected": expected, "effective_transfer": distance}
    models = part.assign(**judged, low=distance - reach, high=distance + reach)
    return SetFit(**who, models=models, line=line, shapes=shapes, by_family=by_family)


def _grouping(values: pd.Series) -> pd.Series:
    """Labels of a known grouping, made from a column."""
    if values.name == "reasoning":
        off = values.isna() | values.astype(str).str.strip().isin(["none", "", "off"])
        return off.map({True: "thinking off", False: "thinking on"}).astype(object)
    if not pd.api.types.is_datetime64_any_dtype(values):
        return values
    newer = (values > values.median()).map({True: "newer", False: "older"})
    return newer.astype(object).mask(values.isna(), None)
