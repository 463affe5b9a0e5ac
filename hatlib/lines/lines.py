"""Line fits across models: target accuracy on source accuracy, from accuracy tables alone.

A *set* is a group of models that are comparable. Each model has a source accuracy `x` and a target
accuracy `y`. This module fits one line; `lines.shapes` asks whether another shape fits better.

Scales
    On the logit and probit scales an accuracy of 0 or 1 has no place. An accuracy below
    `1 / (2 n)` or above `1 - 1 / (2 n)` is moved to that bound, where `n` is the number of items,
    or to `CLIP` where `n` is unknown. With a chance level `c` the accuracy is first rescaled,
    `(accuracy - c) / (1 - c)`. Every result counts the moved values.

Noise in the source accuracy
    Ordinary least squares gives a slope that is a little too flat, because `x` holds sampling
    noise. Errors in variables take known noise variances out of the moments of `x` and `y`;
    models may scatter around the line by any amount (Fuller 1987, *Measurement Error Models*,
    3.1; Akritas and Bershady 1996, *ApJ* 470, 706).

    The binomial variance `p (1 - p) / n` is too large for this. It counts how much items differ in
    difficulty, and all models answered the same items. An accuracy table cannot tell the two parts
    apart, so an interval holds both ends: no noise, and the full binomial variance.

Which interval
    `benchmarks/line_intervals.py` draws answers item by item, for models in families, publishes
    accuracies only, and counts how often an interval holds the true slope. Coverage at a nominal
    95% (600 tables each, 399 draws; Monte-Carlo standard error about .01):

    ======================================  =====  =====  =====  =====  =====  =====  =====  =====
    families                                5             10            10            20
    models                                  20            14            60            180
    items                                   250    2000   250    2000   250    2000   250    2000
    ======================================  =====  =====  =====  =====  =====  =====  =====  =====
    models taken as independent, t          .797   .808   .935   .930   .708   .725   .610   .642
    bootstrap of families, percentile       .880   .878   .897   .905   .882   .915   .852   .913
    bootstrap of families, basic            .762   .768   .878   .880   .777   .813   .800   .852
    bootstrap of families, BCa              .820   .825   .888   .893   .838   .865   .833   .873
    bootstrap of families, studentised      .877   .877   .917   .927   .872   .885   .878   .912
    wild bootstrap of families              .802   .813   .903   .902   .847   .880   .880   .925
    two-way (families, redraw), percentile  .928   .900   .948   .915   .865   .918   .810   .913
    two-way (families, redraw), basic       .882   .790   .942   .898   .830   .813   .845   .852
    jackknife of families, t                .943   .928   .945   .942   .910   .935   .895   .942
    the same with noise bounds (default)    .963   .930   .963   .943   .948   .937   .955   .948
    ======================================  =====  =====  =====  =====  =====  =====  =====  =====

    A bootstrap of few unequal families is too short. A redraw adds noise that the accuracies
    already hold, and pulls the slope further towards 0. The jackknife is long enough; what it
    misses with 250 items is the slope pulled towards 0 by noise in x. So the default runs from
    the lower end without noise to the upper end with the full binomial noise. It is the only
    interval between 93% and 97% in every design. Fewer than 8 families are flagged all the
    same: these designs draw families from a normal distribution, and real ones need not be.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from hatlib import resample
from hatlib.errors import InputError, Problem, listing

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Scale = Literal["linear", "logit", "probit"]

CLIP = 0.001
"""Nearest an accuracy may come to 0 or 1 on the logit and probit scales, if n is unknown."""

SMALLEST_SPREAD = 1e-9
"""Source accuracies closer together than this have no spread."""

LEAST_RELIABILITY = 0.2
"""Errors in variables give no slope if less than this share of the spread of x is not noise."""

GRID_POINTS = 40
"""Points of a line for drawing."""


# --- scales ---------------------------------------------------------------------------------


def to_scale(
    accuracy: ArrayLike,
    scale: Scale = "linear",
    *,
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> tuple[Floats, Bools]:
    """Put accuracies on a scale, with the zero/one rule of this module.

    Parameters
    ----------
    accuracy : array_like of shape (n,)
        Accuracies, 0 to 1.
    scale : {"linear", "logit", "probit"}
        The scale.
    n_items : array_like of shape (n,) or scalar, optional
        Number of items behind each accuracy; nan where unknown.
    chance : float
        Accuracy of a guess, 0 to below 1.

    Returns
    -------
    values : ndarray of shape (n,)
        The accuracies on the scale.
    moved : ndarray of bool, shape (n,)
        Which accuracies the zero/one rule moved.

    Raises
    ------
    InputError
        If the scale is unknown, an accuracy is not in 0 to 1, or chance is not in 0 to below 1.

    Examples
    --------
    >>> values, moved = to_scale([0.5, 1.0], "logit", n_items=250)
    >>> values.round(3).tolist(), moved.tolist()
    ([0.0, 6.213], [False, True])
    """
    p = resample.as_float(accuracy)
    outside = p[(p < 0) | (p > 1)] if scale != "linear" else p[:0]
    checks = (
        (scale in ("linear", "logit", "probit"), "the scale is unknown.",
         "Use linear, logit or probit.", scale),
        (0 <= chance < 1, "the chance level is not in 0 to below 1.", "Give a share.", chance),
        (not outside.size, f"{outside.size} accuracies are not in 0 to 1.",
         "Divide percentages by 100.", listing(outside, 3)),
    )  # fmt: skip
    problems = [Problem(what, do, value=str(value)) for fine, what, do, value in checks if not fine]
    if problems:
        raise InputError(problems)
    share = (p - chance) / (1 - chance)
    if scale == "linear":
        return share, np.zeros(p.shape, dtype=bool)
    n = resample.as_float(np.nan if n_items is None else n_items)
    bound = np.where(n >= 1, np.minimum(0.5 / n, 0.5), CLIP)
    inside = np.clip(share, bound, 1 - bound)
    moved = np.isfinite(share) & (np.abs(inside - share) > 1e-12)
    return np.asarray(special.logit(inside) if scale == "logit" else special.ndtri(inside)), moved


def from_scale(values: ArrayLike, scale: Scale = "linear", *, chance: float = 0.0) -> Floats:
    """Back from a scale to accuracies; the inverse of `to_scale`.

    On the linear scale they are not held inside 0 to 1.

    Examples
    --------
    >>> from_scale([0.0, 6.213], "logit").round(3).tolist()
    [0.5, 0.998]
    """
    v = np.asarray(values, dtype=float)
    share = v if scale == "linear" else special.expit(v) if scale == "logit" else special.ndtr(v)
    return np.asarray(chance + (1 - chance) * share)


@dataclass(frozen=True)
class Points:
    """The models with both accuracies, on the scale.

    Attributes
    ----------
    x, y : ndarray of shape (n,)
        Source and target accuracy on the scale.
    x_raw : ndarray of shape (n,)
        Source accuracy as given.
    x_var : ndarray of shape (n,)
        Binomial variance of x on the scale, with the fewest known items where the number is
        unknown; 0 if none is known.
    position : ndarray of int, shape (n,)
        Place among the models given.
    codes : ndarray of int, shape (n,)
        The family of each model, as 0, 1, ...; where none is given, each is its own.
    n_given, n_moved : int
        Models given; accuracies that the zero/one rule moved.
    scale, chance
        As asked for.
    reason : str
        Why there is no line through them; empty if there is one.
    """

    x: Floats
    y: Floats
    x_raw: Floats
    x_var: Floats
    position: NDArray[np.int64]
    codes: Ints
    n_given: int
    n_moved: int
    scale: Scale
    chance: float
    reason: str = ""


def usable_points(
    x: ArrayLike,
    y: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> Points:
    """Check the input, drop what is missing, go to the scale."""
    xs, ys = resample.as_float(x), resample.as_float(y)
    n = resample.as_float(np.nan if n_items is None else n_items)
    if xs.ndim != 1 or xs.shape != ys.shape or n.shape not in ((), xs.shape) or (n < 1).any():
        raise InputError(
            f"x has shape {xs.shape}, y {ys.shape} and n_items {n.shape}.",
            "Give one source and one target accuracy a model, and 1 item or more.",
        )
    n = np.broadcast_to(n, xs.shape)
    (u, v), moved = to_scale(np.stack([xs, ys]), scale, n_items=n, chance=chance)
    at = np.flatnonzero(np.isfinite(xs + ys))
    known = n[np.isfinite(n)]
    filled = np.where(np.isfinite(n), n, known.min() if known.size else np.inf)
    share = np.clip(xs, 0, 1)
    # How much the scale stretches a small change of a share (delta method).
    stretch = {"linear": 1.0, "logit": 2 + 2 * np.cosh(u), "probit": 1 / stats.norm.pdf(u)}[scale]
    variance = share * (1 - share) / filled * (stretch / (1 - chance)) ** 2
    codes = np.unique(resample.cluster_codes(clusters, len(xs))[at], return_inverse=True)[1]
    reason = ""
    if len(at) < 2:
        reason = f"No line: two models are needed (found: {len(at)})."
    elif np.ptp(u[at]) <= SMALLEST_SPREAD:
        reason = "No line: all models have the same source accuracy."
    return Points(
        x=u[at], y=v[at], x_raw=xs[at], x_var=variance[at], position=at, codes=codes,
        n_given=len(xs), n_moved=int(moved[:, at].sum()), scale=scale, chance=chance, reason=reason,
    )  # fmt: skip


# --- many weighted lines at once ------------------------------------------------------------


@dataclass(frozen=True)
class WeightedLines:
    """Lines from many weightings of the same points; arrays of shape (draws,)."""

    slope: Floats
    intercept: Floats
    r_squared: Floats
    reliability: Floats


def weighted_lines(points: Points, weights: ArrayLike, noisy: bool = False) -> WeightedLines:
    """One line for each row of weights: all draws, or all left-out families, at once.

    Weights count models; `noisy` takes the variance of x out of its spread. Points are centred
    first, so that sums of products stay exact.
    """
    w = np.asarray(weights, dtype=float)
    n = len(points.x)
    cx, cy = (points.x.mean(), points.y.mean()) if n else (0.0, 0.0)
    x, y = points.x - cx, points.y - cy
    sums = w @ np.column_stack([np.ones(n), x, y, x * x, x * y, y * y, points.x_var * noisy])
    total, sx, sy, sxx, sxy, syy, vx = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        sxx, sxy, syy = sxx - sx * sx / total, sxy - sx * sy / total, syy - sy * sy / total
        noise = (total - 1) / total * vx
        reliability = np.where(sxx > total * SMALLEST_SPREAD**2, 1 - noise / sxx, np.nan)
        slope = np.where(reliability >= LEAST_RELIABILITY, sxy / (sxx - noise), np.nan)
        intercept = cy + sy / total - slope * (cx + sx / total)
        rss = syy - 2 * slope * sxy + slope**2 * sxx
        r_squared = np.where(syy > 0, 1 - rss / syy, np.nan)
    return WeightedLines(slope, intercept, r_squared, reliability)


def without_each(codes: Ints) -> Floats:
    """Weights that leave out one family a row."""
    return (codes[None, :] != np.arange(codes.max(initial=-1) + 1)[:, None]).astype(float)


# --- one line with its intervals ------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line across models, with intervals that know families.

    Attributes
    ----------
    slope, intercept : float
        The line on the scale of the fit; nan if there is none (see `flag`).
    r_squared : float
        Share of the variance of y that the line explains, on the scale.
    slope_low, slope_high, intercept_low, intercept_high, r_squared_low, r_squared_high : float
        Intervals. The estimand is the line of accuracies without sampling noise, over families
        like these; those of slope and intercept hold whatever share of the binomial variance of x
        is noise, where the number of items is known.
    residual_sd : float
        Standard deviation of the models around the line, `sqrt(RSS / (n - 2))`, on the scale.
    n, n_clusters : int
        Models that define the line, and their families.
    band : DataFrame
        The line for drawing: `x`, `y`, `low`, `high`, as accuracies. The band is for one x at a
        time. Its estimand is the mean target accuracy at an *observed* source accuracy, so it
        needs no correction for noise in x.
    n_moved : int
        Accuracies that the zero/one rule moved.
    scale : {"linear", "logit", "probit"}
        As asked for.
    slope_if_binomial : float
        The slope if the full binomial variance of x were noise; nan if no number of items is known.
    flag : str
        What a reader must know, or empty.
    """

    slope: float
    intercept: float
    r_squared: float
    slope_low: float
    slope_high: float
    intercept_low: float
    intercept_high: float
    r_squared_low: float
    r_squared_high: float
    residual_sd: float
    n: int
    n_clusters: int
    band: pd.DataFrame = field(repr=False)
    n_moved: int
    scale: Scale
    slope_if_binomial: float = np.nan
    flag: str = ""


def fit_line(
    x: ArrayLike,
    y: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> Line:
    """Fit one line of target accuracy on source accuracy, with intervals.

    The line is that of least squares.  The intervals leave out one family at a time (jackknife);
    the head of this module says why.

    Parameters
    ----------
    x, y : array_like of shape (n,)
        Source and target accuracy of each model. Missing values are dropped.
    clusters : array_like of shape (n,), optional
        Family of each model. Models of one family are not independent.
    scale : {"linear", "logit", "probit"}
        Scale of both accuracies.
    n_items : array_like of shape (n,) or scalar, optional
        Number of items, for the zero/one rule and the binomial variance; where it is not known,
        the fewest known.
    chance : float
        Accuracy of a guess; accuracies are rescaled relative to it.

    Returns
    -------
    Line

    Raises
    ------
    InputError
        If shapes differ, an option is unknown, or accuracies cannot be put on the scale.

    Examples
    --------
    >>> x = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    >>> y = [0.18, 0.21, 0.35, 0.41, 0.45, 0.6, 0.62, 0.77]
    >>> found = fit_line(x, y)
    >>> round(found.slope_low, 2), round(found.slope, 2), round(found.slope_high, 2)
    (0.68, 0.83, 0.98)
    """
    points = usable_points(x, y, clusters=clusters, scale=scale, n_items=n_items, chance=chance)
    found = _jackknifed(points)
    if not (points.x_var > 0).any():
        return found
    full = _jackknifed(points, noisy=True)
    found = replace(found, slope_if_binomial=full.slope)
    if not np.isfinite(found.slope_low):
        return found
    if not np.isfinite(full.slope_low):
        text = "Noise in the source accuracy could explain its spread; the slope may be steeper."
        return replace(found, flag=f"{found.flag} {text}".strip())
    return replace(
        found,
        slope_low=min(found.slope_low, full.slope_low),
        slope_high=max(found.slope_high, full.slope_high),
        intercept_low=min(found.intercept_low, full.intercept_low),
        intercept_high=max(found.intercept_high, full.intercept_high),
    )


def _jackknifed(points: Points, noisy: bool = False) -> Line:
    """One line with its interval, by leaving out one family at a time."""
    n, size = len(points.x), int(points.codes.max(initial=-1)) + 1
    weights = np.vstack([np.ones((1, n)), without_each(points.codes)])
    lines = weighted_lines(points, weights, noisy)
    slope, intercept = float(lines.slope[0]), float(lines.intercept[0])
    # What gets an interval. The explained share is bounded and skewed; its square root on
    # Fisher's scale is nearly normal.
    root = np.arctanh(np.sqrt(np.clip(lines.r_squared, 0, 1 - 1e-12)))
    ends = points.x_raw if n else np.full(1, np.nan)
    at = np.linspace(ends.min(), ends.max(), GRID_POINTS)
    scaled = to_scale(at, points.scale, chance=points.chance)[0]
    on_line = lines.intercept[:, None] + lines.slope[:, None] * scaled
    values = np.column_stack([lines.intercept, lines.slope, root, on_line])
    interval = resample.jackknife_interval(values[0], values[1:])[0]
    drawn = from_scale([values[0, 3:], *interval[:, 3:]], points.scale, chance=points.chance)
    interval[:, 2] = np.tanh(np.maximum(interval[:, 2], 0)) ** 2
    low, high = interval[:, :3].tolist()
    residual = points.y - intercept - slope * points.x
    flag = points.reason
    if not flag and np.isnan(slope):
        flag = f"No line: less than {LEAST_RELIABILITY:.0%} of the spread of x is more than noise."
    elif not flag and n == 2:
        flag = "Two models always lie on a line."
    elif not flag and size == 1:
        flag = "There is no interval: the line rests on one family."
    return Line(
        slope=slope,
        intercept=intercept,
        r_squared=float(lines.r_squared[0]),
        slope_low=low[1],
        slope_high=high[1],
        intercept_low=low[0],
        intercept_high=high[0],
        r_squared_low=low[2],
        r_squared_high=high[2],
        residual_sd=float(np.sqrt(residual @ residual / (n - 2))) if n > 2 else np.nan,
        n=n,
        n_clusters=size,
        band=pd.DataFrame({"x": at, "y": drawn[0], "low": drawn[1], "high": drawn[2]}),
        n_moved=points.n_moved,
        scale=points.scale,
        flag=" ".join(filter(None, [flag, resample.few_clusters_flag(size)])),
    )


def expected_by_others(
    x: ArrayLike,
    y: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> Floats:
    """Target accuracy that the line of the *other* families leads to expect of each model.

    After effective robustness (Taori et al. 2020, *NeurIPS*, section 2). No model is judged by a
    line that it helped to define; with `clusters`, nor by one that its family helped to define.

    Parameters
    ----------
    x, y, clusters, scale, n_items, chance
        As in `fit_line`.

    Returns
    -------
    ndarray of shape (n,)
        Accuracies; nan where one is missing or there is no line.

    Examples
    --------
    >>> expected_by_others([0.2, 0.4, 0.6, 0.8], [0.1, 0.3, 0.5, 0.8]).round(3).tolist()
    [0.033, 0.314, 0.557, 0.7]
    """
    points = usable_points(x, y, clusters=clusters, scale=scale, n_items=n_items, chance=chance)
    lines = weighted_lines(points, without_each(points.codes))
    expected = np.full(points.n_given, np.nan)
    on_scale = lines.intercept[points.codes] + lines.slope[points.codes] * points.x
    expected[points.position] = from_scale(on_scale, scale, chance=chance)
    return expected
