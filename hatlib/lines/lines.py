"""Line fits across models: target accuracy on source accuracy, from accuracy tables alone.

A *set* is a group of models that are comparable. Each model has a source accuracy `x` and a target
accuracy `y`. This module fits one line; `lines.shapes` asks whether another shape fits better,
and `hatlib.lines.fits` does both for every set of a table.

Noise in the source accuracy
    Ordinary least squares (`"ols"`) gives a slope that is a little too flat, because `x` holds
    sampling noise. `"eiv"` (errors in variables) takes known noise variances out of the moments of
    `x` and `y`. Models may scatter around the line by any amount (Fuller 1987, *Measurement Error
    Models*, 3.1; Akritas and Bershady 1996, *ApJ* 470, 706). `"york"` (York et al. 2004, *Am. J.
    Phys.* 72, 367) is right only if models would lie exactly on the line but for noise. Models do
    not, and then its slope is wrong. It is here for comparison.

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
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.lines.points import (
    SMALLEST_SPREAD,
    Bools,
    Floats,
    Points,
    Scale,
    as_mask,
    from_scale,
    to_scale,
    usable_points,
)

Method = Literal["ols", "eiv", "york"]
SMALLEST_VARIANCE = 1e-12
"""A residual variance below this counts as a perfect fit, so that log-likelihoods stay finite."""

LEAST_RELIABILITY = 0.2
"""Errors-in-variables gives no slope if less than this share of the spread of x is not noise."""

GRID_POINTS = 40
"""Points of a line for drawing."""


@dataclass(frozen=True)
class LineFit:
    """One line across models.

    Attributes
    ----------
    slope, intercept : float
        The line on the scale of the fit; nan if there is no line (see `flag`).
    slope_se, intercept_se : float
        Standard errors that treat models as independent. For intervals use
        `fit_with_interval`, which knows families.
    residual_sd : float
        Standard deviation of the models around the line, `sqrt(RSS / (n - 2))`, on the scale.
    scatter_sd : float
        What is left of it without the known sampling noise; nan if no noise is known.
    r_squared : float
        Share of the variance of y that the line explains, on the scale.
    reliability : float
        Share of the variance of x that is not noise; 1 for ordinary least squares.
    n : int
        Models that define the line.
    n_parameters : int
        Slope, intercept and residual variance.
    loglik, bic : float
        Normal log-likelihood and BIC on the scale. Compare them within one scale and method only.
    scale, method, chance
        As asked for.
    n_moved : int
        Accuracies that the zero/one rule moved.
    n_dropped : int
        Models left out because an accuracy is missing.
    x_low, x_high : float
        Range of the source accuracy of the models that define the line.
    flag : str
        What a reader must know, or an empty text.
    """

    slope: float
    intercept: float
    slope_se: float
    intercept_se: float
    residual_sd: float
    scatter_sd: float
    r_squared: float
    reliability: float
    n: int
    n_parameters: int
    loglik: float
    bic: float
    scale: Scale
    method: Method
    chance: float
    n_moved: int
    n_dropped: int
    x_low: float
    x_high: float
    flag: str = ""

    def predict(self, x: ArrayLike) -> Floats:
        """Target accuracy on the line at source accuracies `x` (both on the accuracy scale)."""
        values, _ = to_scale(x, self.scale, chance=self.chance)
        return from_scale(self.intercept + self.slope * values, self.scale, chance=self.chance)


def fit_line(
    x: ArrayLike,
    y: ArrayLike,
    *,
    scale: Scale = "linear",
    method: Method = "ols",
    x_var: ArrayLike | None = None,
    y_var: ArrayLike | None = None,
    xy_cov: ArrayLike = 0.0,
    defines: ArrayLike | None = None,
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> LineFit:
    """Fit one line of target accuracy on source accuracy.

    Parameters
    ----------
    x, y : array_like of shape (n,)
        Source and target accuracy of each model. Missing values are dropped and counted.
    scale : {"linear", "logit", "probit"}
        Scale of both accuracies.
    method : {"ols", "eiv", "york"}
        Ordinary least squares; errors in variables with scatter around the line (moments);
        errors in variables without scatter (York). See the head of this module.
    x_var, y_var : array_like of shape (n,) or scalar, optional
        Sampling variances, in squared accuracy units. If missing: binomial, from `n_items`.
    xy_cov : array_like of shape (n,) or scalar
        Sampling covariance of x and y, in squared accuracy units.
    defines : array_like of bool, shape (n,), optional
        Which models define the line; all by default.
    n_items : array_like of shape (n,) or scalar, optional
        Number of items, for the zero/one rule and the binomial variance.
    chance : float
        Accuracy of a guess; accuracies are rescaled relative to it.

    Returns
    -------
    LineFit

    Raises
    ------
    InputError
        If shapes differ, an option is unknown, or `"eiv"` or `"york"` lacks variances.

    Examples
    --------
    >>> fit = fit_line([0.2, 0.4, 0.6, 0.9], [0.15, 0.3, 0.5, 0.7])
    >>> round(fit.slope, 3), round(fit.r_squared, 3), fit.predict([0.5]).round(3).tolist()
    (0.799, 0.994, [0.393])
    """
    if method not in ("ols", "eiv", "york"):
        raise InputError(
            Problem("the method is unknown.", "Use ols, eiv or york.", value=str(method))
        )
    points = usable_points(
        x, y, scale=scale, x_var=x_var, y_var=y_var, xy_cov=xy_cov, defines=defines,
        n_items=n_items, chance=chance,
    )  # fmt: skip
    if method != "ols" and not points.noise_known:
        raise InputError(
            Problem(
                f"method {method!r} needs the sampling variance of every model.",
                "Give x_var and y_var, or n_items.",
            )
        )
    return fit_points(points.defining, method)


def fit_points(points: Points, method: Method) -> LineFit:
    """Fit a line to checked points."""
    reason = no_line_reason(points)
    lines = weighted_lines(points, np.ones((1, len(points.x))), method)
    slope, intercept = float(lines.slope[0]), float(lines.intercept[0])
    if not reason and not np.isfinite(slope):
        reason = (
            f"No line: less than {LEAST_RELIABILITY:.0%} of the spread of x is more than noise."
        )
    if reason:
        slope = intercept = np.nan
    n = len(points.x)
    residual = points.y - intercept - slope * points.x
    rss = float(residual @ residual)
    noise = points.y_var + slope**2 * points.x_var - 2 * slope * points.xy_cov
    spread = float(np.sum((points.y - points.y.mean()) ** 2)) if n else np.nan
    excess = rss / (n - 2) - float(noise.mean()) if n > 2 else np.nan
    loglik = (
        normal_loglik(rss, n) if method == "ols" else _noisy_loglik(residual, noise, excess, method)
    )
    se = _standard_errors(points, slope, intercept, residual, method)
    parameters = 2 if method == "york" else 3
    return LineFit(
        slope=slope,
        intercept=intercept,
        slope_se=se[0],
        intercept_se=se[1],
        residual_sd=float(np.sqrt(rss / (n - 2))) if n > 2 else np.nan,
        scatter_sd=float(np.sqrt(max(excess, 0.0))) if points.noise_known and n > 2 else np.nan,
        r_squared=1 - rss / spread if spread > 0 else np.nan,
        reliability=1.0 if method == "ols" else float(lines.reliability[0]),
        n=n,
        n_parameters=parameters,
        loglik=loglik,
        bic=parameters * np.log(n) - 2 * loglik if n else np.nan,
        scale=points.scale,
        method=method,
        chance=points.chance,
        n_moved=int(points.moved.sum()),
        n_dropped=points.n_dropped,
        x_low=float(points.x_raw.min()) if n else np.nan,
        x_high=float(points.x_raw.max()) if n else np.nan,
        flag=reason or ("Two models always lie on a line." if n == 2 else ""),
    )


def no_line_reason(points: Points) -> str:
    """Why there is no line, or an empty text."""
    if len(points.x) < 2:
        return f"No line: two models are needed (found: {len(points.x)})."
    if np.ptp(points.x) <= SMALLEST_SPREAD:
        return "No line: all models have the same source accuracy."
    return ""


def normal_loglik(rss: Any, n: int) -> Any:
    """Normal log-likelihood with the variance at its maximum, RSS / n."""
    if not n:
        return np.nan * rss
    return -n / 2 * (np.log(2 * np.pi * np.maximum(rss / n, SMALLEST_VARIANCE)) + 1)


def _noisy_loglik(residual: Floats, noise: Floats, excess: float, method: Method) -> float:
    """Normal log-likelihood around the line with known noise and, but for York, scatter."""
    scatter = 0.0 if method == "york" or not np.isfinite(excess) else max(excess, 0.0)
    variance = np.maximum(noise + scatter, SMALLEST_VARIANCE)
    return float(-0.5 * np.sum(np.log(2 * np.pi * variance) + residual**2 / variance))


def _standard_errors(
    points: Points, slope: float, intercept: float, residual: Floats, method: Method
) -> tuple[float, float]:
    """Standard errors of slope and intercept for independent models."""
    n = len(points.x)
    if n < 3 or not np.isfinite(slope):
        return np.nan, np.nan
    centre = points.x.mean()
    sxx = float(np.sum((points.x - centre) ** 2))
    if method == "ols":
        variance = float(residual @ residual) / (n - 2)
        return float(np.sqrt(variance / sxx)), float(np.sqrt(variance * (1 / n + centre**2 / sxx)))
    if method == "york":
        return _york_errors(points, slope, intercept)
    # Akritas and Bershady (1996), equations 24 to 27.
    signal = sxx / (n - 1) - points.x_var.mean()
    pull = ((points.x - centre) * residual + slope * points.x_var - points.xy_cov) / signal
    level = points.y - slope * points.x - centre * pull
    return (
        float(np.std(pull, ddof=1) / np.sqrt(n)),
        float(np.std(level, ddof=1) / np.sqrt(n)),
    )


# --- many weighted lines at once ------------------------------------------------------------


@dataclass(frozen=True)
class WeightedLines:
    """Lines from many weightings of the same points; arrays of shape (draws,)."""

    slope: Floats
    intercept: Floats
    r_squared: Floats
    reliability: Floats


def weighted_lines(points: Points, weights: ArrayLike, method: Method) -> WeightedLines:
    """One line for each row of weights: all draws, or all left-out families, at once.

    Weights count models. Points are centred first, so that sums of products stay exact.
    """
    w = np.asarray(weights, dtype=float)
    if method == "york":
        return _york_lines(points, w)
    n = len(points.x)
    if not n:
        empty = np.full(len(w), np.nan)
        return WeightedLines(empty, empty, empty, empty)
    cx, cy = points.x.mean(), points.y.mean()
    x, y = points.x - cx, points.y - cy
    sums = w @ np.column_stack([np.ones(n), x, y, x * x, x * y, y * y, points.x_var, points.xy_cov])
    total, sx, sy, sxx, sxy, syy, vx, vc = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        sxx, sxy, syy = sxx - sx * sx / total, sxy - sx * sy / total, syy - sy * sy / total
        plain = sxx > total * SMALLEST_SPREAD**2
        noise = (total - 1) / total * vx if method == "eiv" else np.zeros(len(w))
        shared = (total - 1) / total * vc if method == "eiv" else np.zeros(len(w))
        reliability = np.where(plain, 1 - noise / sxx, np.nan)
        usable = plain & (reliability >= LEAST_RELIABILITY)
        slope = np.where(usable, (sxy - shared) / (sxx - noise), np.nan)
        intercept = cy + sy / total - slope * (cx + sx / total)
        rss = syy - 2 * slope * sxy + slope**2 * sxx
        r_squared = np.where(syy > 0, 1 - rss / syy, np.nan)
    return WeightedLines(slope, intercept, r_squared, reliability)


def _york_lines(points: Points, w: Floats) -> WeightedLines:
    """York et al. (2004), equations 13a to 13c, written in variances so that they may be 0."""
    start = weighted_lines(points, w, "ols")
    slope = start.slope.copy()
    x, y = points.x[None, :], points.y[None, :]
    vx, vy, c = points.x_var[None, :], points.y_var[None, :], points.xy_cov[None, :]
    centre_x = centre_y = np.zeros((len(w), 1))
    for _ in range(200):
        b = slope[:, None]
        weight = w / np.maximum(vy + b**2 * vx - 2 * b * c, SMALLEST_VARIANCE**2)
        total = weight.sum(axis=1, keepdims=True)
        centre_x = (weight * x).sum(axis=1, keepdims=True) / total
        centre_y = (weight * y).sum(axis=1, keepdims=True) / total
        u, v = x - centre_x, y - centre_y
        scale = vy + b**2 * vx - 2 * b * c
        beta = (u * vy + b * v * vx - (b * u + v) * c) / np.maximum(scale, SMALLEST_VARIANCE**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = (weight * beta * v).sum(axis=1) / (weight * beta * u).sum(axis=1)
        done = np.nanmax(np.abs(new - slope), initial=0.0) < 1e-14
        slope = new
        if done:
            break
    intercept = centre_y[:, 0] - slope * centre_x[:, 0]
    residual = y - intercept[:, None] - slope[:, None] * x
    mean = (w * y).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)
    spread = (w * (y - mean) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        r_squared = 1 - (w * residual**2).sum(axis=1) / spread
    noise = weighted_lines(points, w, "eiv").reliability
    return WeightedLines(slope, intercept, r_squared, noise)


def _york_errors(points: Points, slope: float, intercept: float) -> tuple[float, float]:
    """York et al. (2004), equations 13d and 13e: errors from the known variances alone."""
    scale = points.y_var + slope**2 * points.x_var - 2 * slope * points.xy_cov
    weight = 1 / np.maximum(scale, SMALLEST_VARIANCE**2)
    cx, cy = np.average(points.x, weights=weight), np.average(points.y, weights=weight)
    u, v = points.x - cx, points.y - cy
    beta = weight * (u * points.y_var + slope * v * points.x_var - (slope * u + v) * points.xy_cov)
    adjusted = cx + beta
    centre = np.average(adjusted, weights=weight)
    variance = 1 / float(np.sum(weight * (adjusted - centre) ** 2))
    return float(np.sqrt(variance)), float(np.sqrt(1 / weight.sum() + centre**2 * variance))


# --- intervals ------------------------------------------------------------------------------


@dataclass(frozen=True)
class LineWithInterval:
    """A line with intervals that know families.

    Attributes
    ----------
    fit : LineFit
        The line.
    slope_low, slope_high, intercept_low, intercept_high : float
        Interval of slope and intercept, on the scale of the fit. The estimand is the line of
        accuracies without sampling noise, over families like these.
    slope_se : float
        Standard error of the slope between families.
    r_squared_low, r_squared_high : float
        Interval of the explained share.
    band : pandas.DataFrame
        The line for drawing: `x`, `y`, `low`, `high`, as accuracies. The band is for one x at
        a time. Its estimand is the mean target accuracy at an *observed* source accuracy, so it
        needs no correction for noise in x.
    n_clusters : int
        Families (clusters) among the models that define the line.
    level : float
        Nominal coverage.
    noise_allowed : bool
        Whether the interval holds for any share of binomial noise in x.
    note : str
        What the interval does and does not hold, in one sentence.
    flag : str
        What a reader must know, or an empty text.
    """

    fit: LineFit
    slope_low: float
    slope_high: float
    intercept_low: float
    intercept_high: float
    slope_se: float
    r_squared_low: float
    r_squared_high: float
    band: pd.DataFrame = field(repr=False)
    n_clusters: int
    level: float
    noise_allowed: bool = False
    note: str = ""
    flag: str = ""

    def predict(self, x: ArrayLike) -> Floats:
        """Target accuracy on the line at source accuracies `x`."""
        return self.fit.predict(x)

    def record(self) -> dict[str, Any]:
        """The fit with its intervals, a row of a table."""
        own = {name: value for name, value in vars(self).items() if name not in ("fit", "band")}
        return {**vars(self.fit), **own}


def fit_with_interval(
    x: ArrayLike,
    y: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    scale: Scale = "linear",
    method: Method = "ols",
    x_var: ArrayLike | None = None,
    y_var: ArrayLike | None = None,
    xy_cov: ArrayLike = 0.0,
    defines: ArrayLike | None = None,
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
    allow_noise: bool = True,
    level: float = resample.LEVEL,
    grid: ArrayLike | None = None,
) -> LineWithInterval:
    """Fit one line, with intervals for slope, intercept, explained share and the line itself.

    The intervals leave out one family at a time (jackknife); the head of this module says why.

    Parameters
    ----------
    x, y, scale, method, x_var, y_var, xy_cov, defines, n_items, chance
        As in `fit_line`.
    clusters : array_like of shape (n,), optional
        Family of each model. Models of one family are not independent.
    allow_noise : bool
        With ordinary least squares: make the interval of slope and intercept hold whatever share
        of the binomial variance of x is noise, from none (least squares) to all (errors in
        variables). It needs `n_items` or `x_var`.
    level : float
        Nominal coverage.
    grid : array_like, optional
        Source accuracies at which the band is given.

    Returns
    -------
    LineWithInterval

    Raises
    ------
    InputError
        As `fit_line`, and if there is not one cluster label per model.

    Examples
    --------
    >>> x = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    >>> y = [0.18, 0.21, 0.35, 0.41, 0.45, 0.6, 0.62, 0.77]
    >>> found = fit_with_interval(x, y)
    >>> round(found.slope_low, 2), round(found.fit.slope, 2), round(found.slope_high, 2)
    (0.68, 0.83, 0.98)
    """
    fit = fit_line(
        x, y, scale=scale, method=method, x_var=x_var, y_var=y_var, xy_cov=xy_cov,
        defines=defines, n_items=n_items, chance=chance,
    )  # fmt: skip
    points = usable_points(
        x, y, scale=scale, x_var=x_var, y_var=y_var, xy_cov=xy_cov, defines=defines,
        n_items=n_items, chance=chance,
    )  # fmt: skip
    codes = resample.cluster_codes(clusters, points.n_given)[points.position][points.defines]
    used = points.defining
    at = np.linspace(fit.x_low, fit.x_high, GRID_POINTS) if grid is None else np.asarray(grid)
    found = _with_interval(used, codes, fit, level, at)
    if method != "ols" or not allow_noise or not np.isfinite(found.slope_low):
        return found
    if not (used.x_var > 0).any():
        return replace(found, note="The noise in the source accuracy is unknown and left out.")
    other = _with_interval(used, codes, fit_points(used, "eiv"), level, at)
    unknown = 0
    if n_items is not None and x_var is None:
        n = np.broadcast_to(resample.as_float(n_items), (points.n_given,))
        unknown = int(np.isnan(n[used.position]).sum())
    return _widened(found, other, unknown)


def _widened(found: LineWithInterval, full: LineWithInterval, unknown: int) -> LineWithInterval:
    """Intervals that hold both without noise in x and with the full binomial noise."""
    if not np.isfinite(full.slope_low):
        text = "Noise in the source accuracy could explain its spread; the slope may be steeper."
        return replace(found, flag=f"{found.flag} {text}".strip())
    note = "The interval holds whatever share of the binomial variance of x is noise."
    if unknown:
        note += f" {_unknown_items(unknown)}"
    return replace(
        found,
        slope_low=min(found.slope_low, full.slope_low),
        slope_high=max(found.slope_high, full.slope_high),
        intercept_low=min(found.intercept_low, full.intercept_low),
        intercept_high=max(found.intercept_high, full.intercept_high),
        noise_allowed=True,
        note=note,
    )


def _unknown_items(count: int) -> str:
    return f"Number of items unknown: {count} models; the fewest known is used for them."


def _with_interval(
    points: Points, codes: NDArray[np.int64], fit: LineFit, level: float, at: Floats
) -> LineWithInterval:
    codes = np.unique(codes, return_inverse=True)[1]
    size = int(codes.max()) + 1 if codes.size else 0
    left_out = weighted_lines(points, without_each(codes), fit.method) if size else None
    scaled = to_scale(at, fit.scale, chance=fit.chance)[0]
    centre = _quantities(
        np.array([fit.intercept]), np.array([fit.slope]), np.array([fit.r_squared]), scaled
    )[0]
    ends, se = np.full((2, centre.size), np.nan), np.nan
    if left_out is not None and size > 1 and np.isfinite(fit.slope):
        out = _quantities(left_out.intercept, left_out.slope, left_out.r_squared, scaled)
        ends, errors = resample.jackknife_interval(centre, out, level)
        se = float(errors[1])
    flags = [fit.flag, resample.few_clusters_flag(size)]
    if not fit.flag and not np.isfinite(ends[:, 1]).all():
        flags.append("There is no interval: the line rests on one family.")
    low, high = ends
    back = {
        name: from_scale(values, fit.scale, chance=fit.chance)
        for name, values in (("y", centre[3:]), ("low", low[3:]), ("high", high[3:]))
    }
    return LineWithInterval(
        fit=fit,
        slope_low=float(low[1]),
        slope_high=float(high[1]),
        intercept_low=float(low[0]),
        intercept_high=float(high[0]),
        slope_se=se,
        r_squared_low=_square(low[2]),
        r_squared_high=_square(high[2]),
        band=pd.DataFrame({"x": at, **back}),
        n_clusters=size,
        level=level,
        flag=" ".join(flag for flag in flags if flag),
    )


def _quantities(intercept: Floats, slope: Floats, r_squared: Floats, grid: Floats) -> Floats:
    """What gets an interval, one row a draw: intercept, slope, Fisher z of the fit, the line.

    The explained share is bounded and skewed. Its square root on Fisher's scale is nearly normal.
    """
    root = np.sqrt(np.clip(r_squared, 0, 1 - 1e-12))
    line = intercept[:, None] + slope[:, None] * grid
    return np.column_stack([intercept, slope, np.arctanh(root), line])


def _square(z: float) -> float:
    """Back from Fisher's scale to the explained share; below 0 means none."""
    return float(np.tanh(max(z, 0.0)) ** 2) if np.isfinite(z) else np.nan


def without_each(codes: NDArray[np.int64]) -> Floats:
    """Weights that leave out one cluster a row."""
    return (codes[None, :] != np.arange(int(codes.max()) + 1)[:, None]).astype(float)


# --- effective transfer ---------------------------------------------------------------------


@dataclass(frozen=True)
class EffectiveTransfer:
    """How far each model lies above or below the line (never called HAT).

    Attributes
    ----------
    fit : LineFit
        The line from all models that define it.
    x, y : ndarray of shape (n,)
        Accuracies as given.
    expected : ndarray of shape (n,)
        Target accuracy on the line that judges the model.
    residual : ndarray of shape (n,)
        `y - expected`, in accuracy units (0.01 is one point); nan where there is no line.
    defines : ndarray of bool, shape (n,)
        Which models define the line.
    left_out : ndarray of int, shape (n,)
        How many defining models were left out to judge this one.
    flag : str
        What a reader must know, or an empty text.
    """

    fit: LineFit
    x: Floats
    y: Floats
    expected: Floats
    residual: Floats
    defines: Bools
    left_out: NDArray[np.int64]
    flag: str = ""


def effective_transfer(
    x: ArrayLike,
    y: ArrayLike,
    *,
    defines: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    loo: bool = True,
    scale: Scale = "linear",
    method: Method = "ols",
    x_var: ArrayLike | None = None,
    y_var: ArrayLike | None = None,
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> EffectiveTransfer:
    """Target accuracy minus what the line of the *other* models leads to expect.

    After effective robustness (Taori et al. 2020, *NeurIPS*, section 2). No model is judged by a
    line that it helped to define; with `clusters`, nor by one that its family helped to define.

    Parameters
    ----------
    x, y, scale, method, x_var, y_var, n_items, chance
        As in `fit_line`.
    defines : array_like of bool, shape (n,), optional
        Which models define the line. All models are judged.
    clusters : array_like of shape (n,), optional
        Family of each model; the whole family is left out.
    loo : bool
        False: judge every model by the line of all defining models.

    Returns
    -------
    EffectiveTransfer

    Raises
    ------
    InputError
        As `fit_line`.

    Examples
    --------
    >>> found = effective_transfer([0.2, 0.4, 0.6, 0.8], [0.1, 0.3, 0.5, 0.8])
    >>> found.residual.round(3).tolist()
    [0.067, -0.014, -0.057, 0.1]
    """
    fit = fit_line(
        x, y, scale=scale, method=method, x_var=x_var, y_var=y_var, defines=defines,
        n_items=n_items, chance=chance,
    )  # fmt: skip
    points = usable_points(
        x, y, scale=scale, x_var=x_var, y_var=y_var, defines=defines, n_items=n_items,
        chance=chance,
    )  # fmt: skip
    size = points.n_given
    expected, left_out = np.full(size, np.nan), np.zeros(size, dtype=np.int64)
    if np.isfinite(fit.slope):
        slope = np.full(len(points.x), fit.slope)
        intercept = np.full(len(points.x), fit.intercept)
        if loo:
            codes = resample.cluster_codes(clusters, size)[points.position]
            codes = np.unique(codes, return_inverse=True)[1]
            every = weighted_lines(points.defining, without_each(codes)[:, points.defines], method)
            out = np.bincount(codes, weights=points.defines, minlength=len(every.slope))
            left_out[points.position] = out[codes].astype(np.int64)
            slope, intercept = every.slope[codes], every.intercept[codes]
        on_scale = intercept + slope * points.x
        expected[points.position] = from_scale(on_scale, scale, chance=chance)
    xs, ys = resample.as_float(x), resample.as_float(y)
    mask = np.ones(size, dtype=bool) if defines is None else as_mask(defines)
    lost = int(np.isfinite(xs + ys).sum() - np.isfinite(expected).sum())
    flag = fit.flag
    if not flag and lost:
        flag = f"{lost} models have no line without their own family."
    return EffectiveTransfer(fit, xs, ys, expected, ys - expected, mask, left_out, flag)
