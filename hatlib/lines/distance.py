"""Differences between models that source accuracy does not explain.

Everything here rests on one quantity, the *effective transfer* of a run: its target accuracy
minus what the line of target on source accuracy gives for its source accuracy.  The line is
drawn by *other* models, never by the run's own lineage, so that no model helps to set the
standard that it is judged by.  Where the question is what size or time does, the line holds it
fixed.

Two kinds of uncertainty go into the intervals: which lineages happened to be evaluated (they
are drawn with replacement, and the line with them) and the sampling error of the run's own
accuracies (binomial, where the number of items is known).  Models answer the same items, so
part of that error is shared and cancels in differences; tables of accuracies do not show how
much, and the intervals are therefore wide rather than narrow.

This is not the HAT score, which needs answers item by item.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hatlib import resample
from hatlib.lines.lines import Scale, from_scale, to_scale
from hatlib.thresholds import BOOK
from hatlib.words import counted

Floats = NDArray[np.float64]

#: A line needs at least this many runs of other lineages.
MIN_RUNS = 5
#: A ladder needs at least this many sizes, a trend this many release dates.
MIN_STEPS = 3
#: A run whose accuracy is less than this share of the way from chance to 1 is near chance.
NEAR_CHANCE = BOOK["near_chance"]
#: A run whose target accuracy is above its source accuracy by more than this is doubtful.
DOUBTFUL = BOOK["doubtful"]
#: Source accuracy must keep this share of its variance when the control is held fixed. Below it
#: the two cannot be told apart, and the line would be a guess far from every run.
ENTANGLED = 0.01

DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class OffLine:
    """Effective transfer of every run of one set, with its bootstrap draws.

    Attributes
    ----------
    runs : DataFrame
        The rows of `hatlib.Metrics.table` for the set, with ``expected`` (the line's target
        accuracy at the run's source accuracy), ``effective_transfer``, ``low``, ``high``,
        ``unfit`` (why it is not used), ``extrapolated`` (outside the range of the runs that draw
        the line) and
        ``defines`` (draws the line).
    draws : ndarray of float, shape (draws, runs)
        Effective transfer in every draw.
    weights : ndarray of int, shape (draws, runs)
        How often each run counts in every draw; runs of one lineage count together.
    reason : str
        Why there is no line; empty if there is one.
    """

    runs: pd.DataFrame
    draws: Floats
    weights: NDArray[np.int64]
    reason: str = ""


def off_line(
    table: pd.DataFrame,
    *,
    defines: NDArray[np.bool_] | None = None,
    control: ArrayLike | None = None,
    scale: Scale = "linear",
    draws: int = 1000,
    rng: np.random.Generator | int = 0,
) -> OffLine:
    """Effective transfer of the runs of one set, each against the line of other lineages.

    Parameters
    ----------
    table : DataFrame
        Rows of `hatlib.Metrics.table` of one set.
    defines : array of bool, shape (runs,), optional
        Runs that may draw the line; all if not given.
    control : array of float, shape (runs,), optional
        What the line holds fixed, such as log size.  Without it, an effect of size would be
        drawn into the line, since larger models are also better in the source language, and
        the gain off the line would be too small.  Runs without a value draw no line.
    scale : {"linear", "logit", "probit"}
        Scale on which the line is straight.
    draws : int
        Bootstrap draws.
    rng : Generator or int
        Random numbers.

    Returns
    -------
    OffLine

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> lead = table[table["set"] == "euroeval/hellaswag/test-split"]
    >>> bool(abs(off_line(lead, draws=200).runs["effective_transfer"].mean()) < 0.05)
    True
    """
    generator = resample.generator(rng)
    runs = table.reset_index(drop=True)
    n = len(runs)
    runs["unfit"] = unfit(runs)
    # Runs near chance answer at chance in every language and would bend the line.
    may_define = (runs["unfit"] == "").to_numpy() & (True if defines is None else defines)
    codes = resample.cluster_codes(runs["lineage"].to_numpy(), n)
    weights = resample.weights(generator, codes, draws, n)
    held = np.zeros(n) if control is None else np.asarray(control, float)
    may_define = may_define & np.isfinite(held)
    x = runs["source_accuracy"].to_numpy(float)
    y = runs["target_accuracy"].to_numpy(float)
    noisy_x = _redraw(x, runs["source_se"], draws, generator)
    noisy_y = _redraw(y, runs["target_se"], draws, generator)

    line = _lines_without_own_cluster(x, y, held, codes, may_define, scale)
    expected = line(np.ones((1, n)), x[None])[0]
    values = noisy_y - line(weights.astype(float), noisy_x)
    drawn_by = x[may_define] if may_define.any() else np.full(1, np.nan)
    low, high = interval(values)
    runs = runs.assign(
        expected=expected,
        effective_transfer=y - expected,
        low=low,
        high=high,
        extrapolated=~((x >= drawn_by.min()) & (x <= drawn_by.max())),
        defines=may_define,
    )
    reason = "" if np.isfinite(expected).any() else _no_line(codes[may_define], n)
    return OffLine(runs, values, weights, reason)


def _no_line(lineages: NDArray[np.int64], n_runs: int) -> str:
    """Why the runs of these lineages draw no line for any of the runs of the set."""
    per_lineage = np.unique(lineages, return_counts=True)[1]
    if len(lineages) - min(per_lineage, default=0) >= MIN_RUNS:
        return (
            "No line can be drawn: the runs of other model families differ too little in source "
            "accuracy, once what the line holds fixed is taken out."
        )
    few, families = len(lineages), counted(len(per_lineage), "model family", "model families")
    return (
        f"No line can be drawn: it takes {MIN_RUNS} runs of other model families. Of "
        f"{counted(n_runs, 'run')} of the set, {few} can draw a line, of {families}."
    )


def unfit(table: pd.DataFrame) -> pd.Series:
    """Why a run says nothing about transfer; empty if it does.

    ``near chance``: it hardly beats a guess in the source language, so nothing could transfer.
    ``doubtful``: it is far better in the target languages than in the source language, which
    points to a failed evaluation in the source language.

    Examples
    --------
    >>> unfit(pd.DataFrame({"source_accuracy": [0.27, 0.9, 0.4], "chance": 0.25,
    ...                     "xlt_gap": [0.0, 0.1, -0.2]})).tolist()
    ['near chance', '', 'doubtful']
    """
    above = (table["source_accuracy"] - table["chance"]) / (1 - table["chance"])
    reasons = np.select(
        [table["xlt_gap"] < -DOUBTFUL, above < NEAR_CHANCE], ["doubtful", "near chance"], ""
    )
    return pd.Series(reasons, index=table.index, dtype=str)


def _lines_without_own_cluster(
    x: Floats,
    y: Floats,
    control: Floats,
    codes: NDArray[np.int64],
    defines: NDArray[np.bool_],
    scale: Scale,
) -> Callable[[Floats, Floats], Floats]:
    """Return a function (weights, x) -> target accuracy on the line of the other clusters.

    Least squares needs sums of products only; a cluster is left out by taking its sums away.
    """
    u, v = to_scale(x, scale)[0], to_scale(y, scale)[0]
    # The control is centred, so that leaving it out of the prediction holds it at its mean.
    z = np.where(defines, control - control[defines].mean() if defines.any() else 0, 0)
    products = np.stack([np.ones_like(u), u, v, z, u * u, u * v, u * z, v * z, z * z], axis=1)
    n_clusters = codes.max() + 1 if len(codes) else 0
    per_cluster = np.zeros((n_clusters, products.shape[1]))
    np.add.at(per_cluster, codes, products * defines[:, None])
    first = np.unique(codes, return_index=True)[1]
    n_others = defines.sum() - per_cluster[codes, 0]

    def line(weights: Floats, at: Floats) -> Floats:
        of_cluster = np.asarray(weights, float)[:, first]  # shape (draws, clusters)
        sums = (of_cluster @ per_cluster)[:, None, :] - of_cluster[..., None] * per_cluster
        s, su, sv, sz, suu, suv, suz, svz, szz = np.moveaxis(sums, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            cuu, cuv, czz = suu - su**2 / s, suv - su * sv / s, szz - sz**2 / s
            cuz, cvz = suz - su * sz / s, svz - sv * sz / s
            # Without spread, a control has nothing to hold fixed.
            gone = czz < 1e-9 * np.maximum(s, 1)
            cuz, cvz, czz = np.where(gone, 0, cuz), np.where(gone, 0, cvz), np.where(gone, 1, czz)
            own_spread = cuu - cuz**2 / czz  # spread of u at equal z
            known = (own_spread > 1e-9) & (own_spread > ENTANGLED * cuu)
            slope = np.where(known, (cuv - cuz * cvz / czz) / own_spread, np.nan)
            of_control = (cvz - slope * cuz) / czz
            intercept = (sv - slope * su - of_control * sz) / s
        fitted = intercept[:, codes] + slope[:, codes] * to_scale(at, scale)[0]
        return np.where(n_others >= MIN_RUNS, from_scale(fitted, scale), np.nan)

    return line


def _redraw(
    values: Floats, standard_errors: pd.Series, draws: int, rng: np.random.Generator
) -> Floats:
    """Accuracies with fresh sampling error; unchanged where it is not known."""
    errors = standard_errors.fillna(0).to_numpy(float)
    return np.clip(values + rng.normal(size=(draws, len(values))) * errors, 0, 1)


def interval(values: Floats) -> tuple[Floats, Floats]:
    """Percentile interval of each column; nan where most draws gave no value."""
    known = np.isfinite(values).mean(axis=0) > 0.5 if len(values) else np.zeros(values.shape[1:])
    ends = resample.percentile_interval(values)
    low, high = np.where(known, ends, np.nan)
    return low, high


def p_value(values: Floats) -> float:
    """Two-sided bootstrap p-value that a quantity is 0."""
    values = values[np.isfinite(values)]
    tail = min((values <= 0).sum(), (values >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(values) + 1))) if len(values) else np.nan
