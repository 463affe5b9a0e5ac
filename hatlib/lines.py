"""Line fits across models: target accuracy on source accuracy, from accuracy tables alone.

A *set* is a group of models that are comparable. Each model has a source accuracy `x` and a target
accuracy `y`. This module fits one line, and asks whether another shape would fit better.

Scales and the zero/one rule
    On the logit and probit scales an accuracy of 0 or 1 has no place. An accuracy below
    `1 / (2 n)` or above `1 - 1 / (2 n)` is moved to that bound, where `n` is the number of items.
    Where `n` is unknown the bound is `CLIP`. With a chance level `c` the accuracy is first
    rescaled, `(accuracy - c) / (1 - c)`; models at or below chance are then moved by the same
    rule. Every result counts the moved values. The linear scale moves nothing.

Noise in the source accuracy
    Ordinary least squares (`"ols"`) gives a slope that is a little too flat, because `x` holds
    sampling noise. `"eiv"` (errors in variables) takes known noise variances out of the moments of
    `x` and `y`. Models may scatter around the line by any amount (Fuller 1987, *Measurement Error
    Models*, 3.1; Akritas and Bershady 1996, *ApJ* 470, 706). `"york"` (York et al. 2004, *Am. J.
    Phys.* 72, 367) is right only if models would lie exactly on the line but for noise. Models do
    not, and then its slope is wrong. It is here for comparison.

    The binomial variance `p (1 - p) / n` is too large for this. It counts how much items differ in
    difficulty, and all models answered the same items. An accuracy table cannot tell the two parts
    apart, so `slope_bounds` gives both ends: no noise, and the full binomial variance.

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

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hatlib import resample
from hatlib.errors import InputError, Problem, listing

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Scale = Literal["linear", "logit", "probit"]
Method = Literal["ols", "eiv", "york"]
Interval = Literal["jackknife", "percentile", "bca"]

CLIP = 0.001
"""Nearest an accuracy may come to 0 or 1 on the logit and probit scales, if n is unknown."""

SMALLEST_SPREAD = 1e-9
"""Source accuracies closer together than this have no spread."""

SMALLEST_VARIANCE = 1e-12
"""A residual variance below this counts as a perfect fit, so that log-likelihoods stay finite."""

LEAST_RELIABILITY = 0.2
"""Errors-in-variables gives no slope if less than this share of the spread of x is not noise."""

MODELS_PER_LINE = 5
"""Least number of models on each line of a pair, side of a stick, or known group."""

LEAST_LINE_SPREAD = 0.25
"""Each line of a pair spreads over x by at least this share of the standard deviation of x."""

LEAST_SIDE_SHARE = 0.1
"""Each side of a broken stick covers at least this share of the range of x."""

EXACT_UP_TO = 13
"""Up to this many models every partition into two lines is tried."""

CLEAR_P = 0.05
"""A shape fits better than chance would if its adjusted p-value is at most this."""

UNCLEAR_P = 0.20
"""One line is enough only if every adjusted p-value is above this."""

CLEAR_BIC = 2.0
"""Of several shapes that beat chance one is named if its BIC is lower by at least this."""

MODELS_FOR_ONE_LINE = 15
"""With fewer models than this, failing to see a second line says little."""

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
    p = resample._as_float(accuracy)
    problems = _scale_problems(scale, chance) + _accuracy_problems(p, "accuracy", scale)
    if problems:
        raise InputError(problems)
    share = (p - chance) / (1 - chance)
    if scale == "linear":
        return share, np.zeros(p.shape, dtype=bool)
    bound = _clip_bound(n_items, p.shape)
    inside = np.clip(share, bound, 1 - bound)
    moved = np.isfinite(share) & (np.abs(inside - share) > 1e-12)
    return np.asarray(special.logit(inside) if scale == "logit" else special.ndtri(inside)), moved


def from_scale(values: ArrayLike, scale: Scale = "linear", *, chance: float = 0.0) -> Floats:
    """Back from a scale to accuracies; the inverse of `to_scale`.

    Parameters
    ----------
    values : array_like
        Values on the scale.
    scale : {"linear", "logit", "probit"}
        The scale.
    chance : float
        Accuracy of a guess.

    Returns
    -------
    ndarray
        Accuracies. On the linear scale they are not held inside 0 to 1.

    Examples
    --------
    >>> from_scale([0.0, 6.213], "logit").round(3).tolist()
    [0.5, 0.998]
    """
    v = np.asarray(values, dtype=float)
    share = v if scale == "linear" else special.expit(v) if scale == "logit" else special.ndtr(v)
    return np.asarray(chance + (1 - chance) * share)


def binomial_variance(accuracy: ArrayLike, n_items: ArrayLike, n_targets: ArrayLike = 1) -> Floats:
    """Binomial sampling variance `p (1 - p) / n` of accuracies.

    Parameters
    ----------
    accuracy : array_like of shape (n,)
        Accuracies, 0 to 1.
    n_items : array_like of shape (n,) or scalar
        Number of items.
    n_targets : array_like of shape (n,) or scalar
        Number of languages that the accuracy is the mean of.

    Returns
    -------
    ndarray of shape (n,)
        Variances in squared accuracy units. It includes how much items differ, which is not
        noise between models.

    Examples
    --------
    >>> binomial_variance([0.5, 1.0], 250).tolist()
    [0.001, 0.0]
    """
    p = np.clip(resample._as_float(accuracy), 0, 1)
    return np.asarray(p * (1 - p) / (resample._as_float(n_items) * resample._as_float(n_targets)))


def _clip_bound(n_items: ArrayLike | None, shape: tuple[int, ...]) -> Floats:
    n = np.full(shape, np.nan)
    if n_items is not None:
        n = np.broadcast_to(resample._as_float(n_items), shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(n) & (n >= 1), np.minimum(0.5 / n, 0.5), CLIP)


def _steepness(values: Floats, scale: Scale, chance: float) -> Floats:
    """How much the scale stretches a small change of accuracy (for the delta method)."""
    if scale == "linear":
        return np.full(values.shape, 1 / (1 - chance))
    if scale == "logit":
        share = special.expit(values)
        return np.asarray(1 / (share * (1 - share)) / (1 - chance))
    return np.asarray(np.sqrt(2 * np.pi) * np.exp(values**2 / 2) / (1 - chance))


def _scale_problems(scale: str, chance: float) -> list[Problem]:
    problems = []
    if scale not in ("linear", "logit", "probit"):
        problems.append(
            Problem("the scale is unknown.", "Use linear, logit or probit.", value=str(scale))
        )
    if not 0 <= chance < 1:
        problems.append(
            Problem("the chance level is not in 0 to below 1.", "Give a share.", value=str(chance))
        )
    return problems


def _accuracy_problems(values: Floats, name: str, scale: str) -> list[Problem]:
    wrong = values[np.isfinite(values) & ((values < 0) | (values > 1))]
    if scale == "linear" or not wrong.size:
        return []
    return [
        Problem(
            f"{wrong.size} values of {name} are not in 0 to 1.",
            "Divide percentages by 100.",
            value=listing(wrong, 3),
        )
    ]


# --- points ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Points:
    """The usable models: on the scale (x, y) and as accuracies (x_raw, y_raw)."""

    x: Floats
    y: Floats
    x_raw: Floats
    y_raw: Floats
    x_var: Floats
    y_var: Floats
    xy_cov: Floats
    moved: NDArray[np.int64]
    defines: Bools
    position: NDArray[np.int64]
    n_given: int
    n_dropped: int
    scale: Scale
    chance: float
    noise_known: bool

    def only(self, mask: Bools) -> _Points:
        arrays = {
            name: getattr(self, name)[mask]
            for name in (
                "x", "y", "x_raw", "y_raw", "x_var", "y_var", "xy_cov", "moved", "defines",
                "position",
            )
        }  # fmt: skip
        return replace(self, **arrays)

    @property
    def defining(self) -> _Points:
        return self.only(self.defines)


def _points(
    x: ArrayLike,
    y: ArrayLike,
    *,
    scale: Scale = "linear",
    x_var: ArrayLike | None = None,
    y_var: ArrayLike | None = None,
    xy_cov: ArrayLike = 0.0,
    defines: ArrayLike | None = None,
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> _Points:
    """Check the input, drop what is missing, go to the scale."""
    xs, ys = resample._as_float(x), resample._as_float(y)
    problems = _scale_problems(scale, chance)
    if xs.ndim != 1 or ys.ndim != 1 or len(xs) != len(ys):
        problems.append(
            Problem(
                f"x has shape {xs.shape} and y has shape {ys.shape}.",
                "Give one source and one target accuracy per model.",
            )
        )
        raise InputError(problems)
    size = len(xs)
    mask = np.ones(size, dtype=bool) if defines is None else _as_mask(defines)
    given = {"x_var": x_var, "y_var": y_var, "xy_cov": xy_cov, "n_items": n_items}
    columns = {k: resample._as_float(v) for k, v in given.items() if v is not None}
    columns["defines"] = mask.astype(float)
    for name, values in columns.items():
        if values.shape not in ((), (size,)):
            problems.append(
                Problem(f"{name} has shape {values.shape}.", f"Give {size} values, one a model.")
            )
        elif name in ("x_var", "y_var") and bool(np.any(values < 0)):
            problems.append(Problem(f"{name} has values below 0.", "Give variances."))
        elif name == "n_items" and bool(np.any(values < 1)):
            problems.append(Problem("n_items has values below 1.", "Leave unknown numbers empty."))
    problems += _accuracy_problems(xs, "x", scale) + _accuracy_problems(ys, "y", scale)
    if problems:
        raise InputError(problems)
    n = columns.get("n_items")
    vx, known_x = _noise(columns.get("x_var"), xs, n)
    vy, known_y = _noise(columns.get("y_var"), ys, n)
    keep = np.isfinite(xs) & np.isfinite(ys)
    sx, moved_x = to_scale(xs, scale, n_items=n, chance=chance)
    sy, moved_y = to_scale(ys, scale, n_items=n, chance=chance)
    dx, dy = _steepness(sx, scale, chance), _steepness(sy, scale, chance)
    every = _Points(
        x=sx,
        y=sy,
        x_raw=xs,
        y_raw=ys,
        x_var=vx * dx**2,
        y_var=vy * dy**2,
        xy_cov=np.broadcast_to(columns["xy_cov"], (size,)) * dx * dy,
        moved=moved_x.astype(np.int64) + moved_y.astype(np.int64),
        defines=mask,
        position=np.arange(size),
        n_given=size,
        n_dropped=int((mask & ~keep).sum()),
        scale=scale,
        chance=chance,
        noise_known=known_x and known_y,
    )
    return every.only(keep)


def _noise(variance: Floats | None, accuracy: Floats, n: Floats | None) -> tuple[Floats, bool]:
    """Sampling variance as given, else binomial from the number of items, else none."""
    if variance is not None:
        return np.broadcast_to(variance, accuracy.shape).astype(float), True
    if n is not None and np.isfinite(n).any():
        every = np.broadcast_to(n, accuracy.shape)
        known = bool(np.isfinite(every[np.isfinite(accuracy)]).all())
        return binomial_variance(accuracy, _fill_items(every)), known
    return np.zeros(accuracy.shape), False


def _fill_items(n: Floats) -> Floats:
    """Where the number of items is unknown, the fewest known: that allows for most noise."""
    return np.where(np.isfinite(n), n, np.nanmin(n))


def _as_mask(defines: ArrayLike) -> Bools:
    array = np.asarray(defines)
    if array.dtype != bool:
        kinds = {type(value) for value in array.ravel().tolist()}
        if not kinds <= {bool, np.bool_}:
            raise InputError(
                Problem("defines is not a mask.", "Give True or False for each model.")
            )
    return array.astype(bool)


# --- one line -------------------------------------------------------------------------------


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

    def table(self) -> pd.DataFrame:
        """The fit as one row."""
        return pd.DataFrame([{name: getattr(self, name) for name in self.__dataclass_fields__}])


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
    points = _points(
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
    return _fit(points.defining, method)


def _fit(points: _Points, method: Method) -> LineFit:
    """Fit a line to checked points."""
    reason = _no_line(points)
    lines = _weighted_lines(points, np.ones((1, len(points.x))), method)
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
    loglik = _loglik(rss, n) if method == "ols" else _noisy_loglik(residual, noise, excess, method)
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


def _no_line(points: _Points) -> str:
    """Why there is no line, or an empty text."""
    if len(points.x) < 2:
        return f"No line: two models are needed (found: {len(points.x)})."
    if np.ptp(points.x) <= SMALLEST_SPREAD:
        return "No line: all models have the same source accuracy."
    return ""


def _loglik(rss: Any, n: int) -> Any:
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
    points: _Points, slope: float, intercept: float, residual: Floats, method: Method
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
class _Lines:
    """Lines from many weightings of the same points; arrays of shape (draws,)."""

    slope: Floats
    intercept: Floats
    r_squared: Floats
    reliability: Floats


def _weighted_lines(points: _Points, weights: ArrayLike, method: Method) -> _Lines:
    """One line for each row of weights: all draws, or all left-out families, at once.

    Weights count models. Points are centred first, so that sums of products stay exact.
    """
    w = np.asarray(weights, dtype=float)
    if method == "york":
        return _york_lines(points, w)
    n = len(points.x)
    if not n:
        empty = np.full(len(w), np.nan)
        return _Lines(empty, empty, empty, empty)
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
    return _Lines(slope, intercept, r_squared, reliability)


def _york_lines(points: _Points, w: Floats) -> _Lines:
    """York et al. (2004), equations 13a to 13c, written in variances so that they may be 0."""
    start = _weighted_lines(points, w, "ols")
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
    noise = _weighted_lines(points, w, "eiv").reliability
    return _Lines(slope, intercept, r_squared, noise)


def _york_errors(points: _Points, slope: float, intercept: float) -> tuple[float, float]:
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
    interval : {"jackknife", "percentile", "bca"}
        How the interval was made.
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
    interval: Interval
    level: float
    noise_allowed: bool = False
    note: str = ""
    flag: str = ""

    def predict(self, x: ArrayLike) -> Floats:
        """Target accuracy on the line at source accuracies `x`."""
        return self.fit.predict(x)

    def table(self) -> pd.DataFrame:
        """The fit with its intervals as one row."""
        own = {
            name: getattr(self, name)
            for name in (
                "slope_low", "slope_high", "intercept_low", "intercept_high", "r_squared_low",
                "r_squared_high", "n_clusters", "interval", "level", "noise_allowed", "note",
            )
        }  # fmt: skip
        return self.fit.table().assign(**own, slope_se=self.slope_se, flag=self.flag)


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
    interval: Interval = "jackknife",
    allow_noise: bool = True,
    level: float = resample.LEVEL,
    draws: int = 1000,
    rng: np.random.Generator | int = 0,
    grid: ArrayLike | None = None,
) -> LineWithInterval:
    """Fit one line, with intervals for slope, intercept, explained share and the line itself.

    Parameters
    ----------
    x, y, scale, method, x_var, y_var, xy_cov, defines, n_items, chance
        As in `fit_line`.
    clusters : array_like of shape (n,), optional
        Family of each model. Models of one family are not independent.
    interval : {"jackknife", "percentile", "bca"}
        Leave out one family at a time; or draw families with replacement.
    allow_noise : bool
        With ordinary least squares: make the interval of slope and intercept hold whatever share
        of the binomial variance of x is noise, from none (least squares) to all (errors in
        variables). It needs `n_items` or `x_var`.
    level : float
        Nominal coverage.
    draws : int
        Bootstrap draws; the jackknife needs none.
    rng : numpy.random.Generator or int
        Random numbers; the jackknife needs none.
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
    if interval not in ("jackknife", "percentile", "bca"):
        raise InputError(
            Problem(
                "the interval is unknown.", "Use jackknife, percentile or bca.", value=str(interval)
            )
        )
    fit = fit_line(
        x, y, scale=scale, method=method, x_var=x_var, y_var=y_var, xy_cov=xy_cov,
        defines=defines, n_items=n_items, chance=chance,
    )  # fmt: skip
    points = _points(
        x, y, scale=scale, x_var=x_var, y_var=y_var, xy_cov=xy_cov, defines=defines,
        n_items=n_items, chance=chance,
    )  # fmt: skip
    codes = resample.cluster_codes(clusters, points.n_given)[points.position][points.defines]
    used = points.defining
    at = np.linspace(fit.x_low, fit.x_high, GRID_POINTS) if grid is None else np.asarray(grid)
    seed = _seed(rng)
    found = _with_interval(used, codes, fit, interval, level, draws, seed, at)
    if method != "ols" or not allow_noise or not np.isfinite(found.slope_low):
        return found
    if not (used.x_var > 0).any():
        return replace(found, note="The noise in the source accuracy is unknown and left out.")
    other = _with_interval(used, codes, _fit(used, "eiv"), interval, level, draws, seed, at)
    unknown = 0
    if n_items is not None and x_var is None:
        n = np.broadcast_to(resample._as_float(n_items), (points.n_given,))
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
    points: _Points,
    codes: NDArray[np.int64],
    fit: LineFit,
    interval: Interval,
    level: float,
    draws: int,
    seed: int,
    at: Floats,
) -> LineWithInterval:
    codes = np.unique(codes, return_inverse=True)[1]
    size = int(codes.max()) + 1 if codes.size else 0
    left_out = _weighted_lines(points, _without_each(codes), fit.method) if size else None
    scaled = to_scale(at, fit.scale, chance=fit.chance)[0]
    centre = _quantities(
        np.array([fit.intercept]), np.array([fit.slope]), np.array([fit.r_squared]), scaled
    )[0]
    ends, se, failed = np.full((2, centre.size), np.nan), np.nan, 0.0
    if left_out is not None and size > 1 and np.isfinite(fit.slope):
        out = _quantities(left_out.intercept, left_out.slope, left_out.r_squared, scaled)
        ends, errors = resample.jackknife_interval(centre, out, level)
        se = float(errors[1])
        if interval != "jackknife":
            drawn = _weighted_lines(points, resample.weights(seed, codes, draws), fit.method)
            values = _quantities(drawn.intercept, drawn.slope, drawn.r_squared, scaled)
            failed = float(np.mean(~np.isfinite(drawn.slope)))
            ends = _bootstrap_ends(values, centre, out, interval, level)
    flags = [fit.flag, resample.few_clusters_flag(size)]
    if failed > resample.MOST_FAILED_DRAWS:
        flags.append(f"{failed:.0%} of the draws gave no line.")
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
        interval=interval,
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


def _without_each(codes: NDArray[np.int64]) -> Floats:
    """Weights that leave out one cluster a row."""
    return (codes[None, :] != np.arange(int(codes.max()) + 1)[:, None]).astype(float)


def _bootstrap_ends(
    values: Floats, centre: Floats, out: Floats, interval: Interval, level: float
) -> Floats:
    if interval == "percentile":
        return resample.percentile_interval(values, level)
    return np.column_stack(
        [
            resample.bca_interval(values[:, j], centre[j], out[:, j], level)
            for j in range(values.shape[1])
        ]
    )


@dataclass(frozen=True)
class SlopeBounds:
    """How much noise in the source accuracy can matter for the slope.

    Attributes
    ----------
    ols : LineFit
        The line if the source accuracy held no noise.
    eiv : LineFit
        The line if its noise were the full binomial variance.
    chosen : LineFit
        The line if a share `noise_share` of the binomial variance were noise.
    noise_share : float
        That share, 0 to 1.
    flag : str
        What a reader must know, or an empty text.
    """

    ols: LineFit
    eiv: LineFit
    chosen: LineFit
    noise_share: float
    flag: str = ""

    @property
    def low(self) -> float:
        """The lower of the two slopes."""
        return min(self.ols.slope, self.eiv.slope)

    @property
    def high(self) -> float:
        """The higher of the two slopes."""
        return max(self.ols.slope, self.eiv.slope)

    def table(self) -> pd.DataFrame:
        """One row for each assumed share of noise: 0, `noise_share`, 1."""
        rows = []
        for share, fit in ((0.0, self.ols), (self.noise_share, self.chosen), (1.0, self.eiv)):
            rows.append(
                {"noise_share": share, "slope": fit.slope, "intercept": fit.intercept,
                 "reliability": fit.reliability, "scatter_sd": fit.scatter_sd, "flag": fit.flag}
            )  # fmt: skip
        return pd.DataFrame(rows)


def slope_bounds(
    x: ArrayLike,
    y: ArrayLike,
    *,
    n_items: ArrayLike,
    noise_share: float = 0.5,
    n_targets: ArrayLike = 1,
    scale: Scale = "linear",
    defines: ArrayLike | None = None,
    chance: float = 0.0,
) -> SlopeBounds:
    """The slope with no noise in x, and with the full binomial variance as noise.

    The truth lies between: some of the binomial variance is how much items differ, which all
    models share and which is not noise between them. An accuracy table cannot say how much.

    Parameters
    ----------
    x, y, scale, defines, chance
        As in `fit_line`.
    n_items : array_like of shape (n,) or scalar
        Number of items behind each accuracy. Where unknown, the fewest known is used.
    noise_share : float
        Share of the binomial variance that is noise, for the slope in between. 0.5 is a
        convention, not an estimate.
    n_targets : array_like of shape (n,) or scalar
        Number of target languages that y is the mean of.

    Returns
    -------
    SlopeBounds

    Raises
    ------
    InputError
        As `fit_line`, and if `noise_share` is not in 0 to 1.

    Examples
    --------
    >>> bounds = slope_bounds([0.2, 0.4, 0.6, 0.9], [0.15, 0.3, 0.5, 0.7], n_items=250)
    >>> round(bounds.low, 3), round(bounds.high, 3)
    (0.799, 0.806)
    """
    if not 0 <= noise_share <= 1:
        raise InputError(
            Problem("noise_share is not in 0 to 1.", "Use 0.5.", value=str(noise_share))
        )
    xs, ys, n = (resample._as_float(v) for v in (x, y, n_items))
    if xs.shape != ys.shape or n.shape not in ((), xs.shape):
        raise InputError(
            Problem(
                f"x, y and n_items have shapes {xs.shape}, {ys.shape} and {n.shape}.",
                "Give one value of each per model.",
            )
        )
    if not np.isfinite(n).any():
        raise InputError(Problem("no number of items is known.", "Give n_items."))
    n = np.broadcast_to(n, xs.shape)
    vx = binomial_variance(xs, _fill_items(n))
    vy = binomial_variance(ys, _fill_items(n), n_targets)

    def line(share: float) -> LineFit:
        return fit_line(
            xs, ys, scale=scale, method="eiv", x_var=share * vx, y_var=share * vy, defines=defines,
            n_items=n, chance=chance,
        )  # fmt: skip

    ols = line(0.0)
    full = line(1.0)
    flags = [full.flag] if full.flag else []
    unknown = int((~np.isfinite(n) & np.isfinite(xs + ys)).sum())
    if unknown:
        flags.append(_unknown_items(unknown))
    return SlopeBounds(ols, full, line(noise_share), noise_share, " ".join(flags))


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

    def table(self) -> pd.DataFrame:
        """One row a model, in the order given."""
        return pd.DataFrame(
            {
                "source_accuracy": self.x,
                "target_accuracy": self.y,
                "expected": self.expected,
                "effective_transfer": self.residual,
                "defines": self.defines,
                "left_out": self.left_out,
            }
        )


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
    points = _points(
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
            every = _weighted_lines(
                points.defining, _without_each(codes)[:, points.defines], method
            )
            out = np.bincount(codes, weights=points.defines, minlength=len(every.slope))
            left_out[points.position] = out[codes].astype(np.int64)
            slope, intercept = every.slope[codes], every.intercept[codes]
        on_scale = intercept + slope * points.x
        expected[points.position] = from_scale(on_scale, scale, chance=chance)
    xs, ys = resample._as_float(x), resample._as_float(y)
    mask = np.ones(size, dtype=bool) if defines is None else _as_mask(defines)
    lost = int(np.isfinite(xs + ys).sum() - np.isfinite(expected).sum())
    flag = fit.flag
    if not flag and lost:
        flag = f"{lost} models have no line without their own family."
    return EffectiveTransfer(fit, xs, ys, expected, ys - expected, mask, left_out, flag)


# --- shapes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    """One straight piece of a shape, on the scale of the fit.

    Attributes
    ----------
    line : str
        Name of the line, for example "upper line" or a group.
    intercept, slope : float
        The line on the scale of the fit.
    x_low, x_high : float
        Where it is drawn, in source accuracy.
    n : int
        Models on it.
    """

    line: str
    intercept: float
    slope: float
    x_low: float
    x_high: float
    n: int


@dataclass(frozen=True)
class ShapeFit:
    """A shape fitted to the models of a set.

    Attributes
    ----------
    shape : str
        Name of the shape.
    segments : tuple of Segment
        Its lines.
    fitted : ndarray of shape (n,)
        Fitted target accuracy of each model given; nan where an accuracy is missing.
    member : ndarray of str, shape (n,)
        The line each model is on; empty where an accuracy is missing.
    rss : float
        Residual sum of squares, on the scale.
    r_squared : float
        Explained share of the variance, on the scale.
    loglik : float
        Normal log-likelihood with one residual variance.
    n_parameters : int
        Free parameters, with the residual variance.
    bic : float
        `n_parameters log n - 2 loglik`, plus the cost of unknown memberships (see
        `pair_of_lines`).
    n : int
        Models fitted.
    knot : float
        Source accuracy at which a broken stick bends; nan for other shapes.
    reason : str
        Why there is no fit, or an empty text.
    """

    shape: str
    segments: tuple[Segment, ...]
    fitted: Floats = field(repr=False)
    member: NDArray[np.object_] = field(repr=False)
    rss: float
    r_squared: float
    loglik: float
    n_parameters: int
    bic: float
    n: int
    knot: float = np.nan
    reason: str = ""

    def table(self) -> pd.DataFrame:
        """One row a line."""
        rows = [{"shape": self.shape, **vars(segment)} for segment in self.segments]
        return pd.DataFrame(
            rows, columns=["shape", "line", "intercept", "slope", "x_low", "x_high", "n"]
        ).assign(r_squared=self.r_squared, loglik=self.loglik, bic=self.bic)


def pair_of_lines(
    x: ArrayLike,
    y: ArrayLike,
    *,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
    min_models: int = MODELS_PER_LINE,
    rng: np.random.Generator | int = 0,
) -> ShapeFit:
    """Two lines with unknown membership: the partition with the least squared distance.

    Up to `EXACT_UP_TO` models every partition is tried. Beyond that the search alternates between
    fitting both lines and moving models to the nearer one, from many starts, and then moves single
    models while that helps. Each line keeps `min_models` models that spread over x by
    `LEAST_LINE_SPREAD` of the overall standard deviation: else a few models of nearly the same
    source accuracy make an almost vertical line.

    The BIC charges memberships. They are chosen to fit, so they are not free. A partition with
    shares `s` and `1 - s` costs `-2 n (s log s + (1 - s) log(1 - s))`, as in the integrated
    completed likelihood (Biernacki, Celeux and Govaert 2000, *IEEE PAMI* 22, 719). Six parameters
    are counted: two slopes, two intercepts, the share, the variance. Prefer the p-value of
    `compare_shapes`.

    Parameters
    ----------
    x, y, scale, n_items, chance
        As in `fit_line`.
    min_models : int
        Least number of models on each line.
    rng : numpy.random.Generator or int
        Random numbers for the random starts.

    Returns
    -------
    ShapeFit

    Raises
    ------
    InputError
        As `fit_line`.

    Examples
    --------
    >>> x = [0.2, 0.3, 0.4, 0.5, 0.6] * 2
    >>> y = [0.2, 0.3, 0.4, 0.5, 0.6, 0.1, 0.2, 0.3, 0.4, 0.5]
    >>> [(s.line, round(s.slope, 3), s.n) for s in pair_of_lines(x, y).segments]
    [('upper line', 1.0, 5), ('lower line', 1.0, 5)]
    """
    points = _points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    reason = _no_line(points) or _no_pair(points, min_models)
    if reason:
        return _no_shape("pair of lines", points, 6, reason)
    _, second = _pair_search(points.x, points.y[None, :], rng, min_models)
    return _pair_fit(points, second[0])


def broken_stick(
    x: ArrayLike,
    y: ArrayLike,
    *,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
    min_models: int = MODELS_PER_LINE,
) -> ShapeFit:
    """A line that bends once, at the knot that fits best.

    Parameters
    ----------
    x, y, scale, n_items, chance
        As in `fit_line`.
    min_models : int
        Least number of models on each side of the knot. Each side also covers
        `LEAST_SIDE_SHARE` of the range of x.

    Returns
    -------
    ShapeFit
        Five parameters: intercept, two slopes, knot, variance.

    Raises
    ------
    InputError
        As `fit_line`.

    Examples
    --------
    >>> x = [0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]
    >>> y = [max(0.25, v - 0.15) for v in x]
    >>> stick = broken_stick(x, y)
    >>> round(stick.knot, 2), [round(s.slope, 2) for s in stick.segments]
    (0.4, [0.0, 1.0])
    """
    points = _points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    knots = _knots(points.x, min_models)
    reason = _no_line(points) or ("" if knots.size else _no_stick(min_models))
    if reason:
        return _no_shape("broken stick", points, 5, reason)
    residual = _project_line(points.x, points.y[None, :])
    gains = (residual @ _hinges(points.x, knots).T) ** 2
    return _stick_fit(points, float(knots[int(gains[0].argmax())]))


def known_groups(
    x: ArrayLike,
    y: ArrayLike,
    labels: ArrayLike,
    *,
    parallel: bool = False,
    name: str = "groups",
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
    min_models: int = MODELS_PER_LINE,
) -> ShapeFit:
    """One line per known group, with slopes of their own or the same slope.

    Parameters
    ----------
    x, y, scale, n_items, chance
        As in `fit_line`.
    labels : array_like of shape (n,)
        Group of each model. Groups of fewer than `min_models` are joined as "other"; a missing
        label counts as "other".
    parallel : bool
        True: all groups share one slope.
    name : str
        Name of the grouping.
    min_models : int
        Least number of models in a group.

    Returns
    -------
    ShapeFit

    Raises
    ------
    InputError
        As `fit_line`, and if there is not one label per model.

    Examples
    --------
    >>> x = [0.2, 0.3, 0.4, 0.5, 0.6] * 2
    >>> y = [0.2, 0.3, 0.4, 0.5, 0.6, 0.1, 0.2, 0.3, 0.4, 0.5]
    >>> fit = known_groups(x, y, ["new"] * 5 + ["old"] * 5, parallel=True)
    >>> [(s.line, round(s.intercept, 3) + 0.0) for s in fit.segments]
    [('new', 0.0), ('old', -0.1)]
    """
    points = _points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    groups, reason = _groups(points, labels, name, min_models)
    design = None if reason else _group_design(points.x, groups, parallel)
    if design is None and not reason:
        reason = f"A group of {name} has no spread in source accuracy."
    shape = _group_shape(name, parallel)
    if design is None:
        return _no_shape(shape, points, 0, reason)
    return _group_fit(points, groups, design, shape, parallel)


def one_line(
    x: ArrayLike,
    y: ArrayLike,
    *,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> ShapeFit:
    """Ordinary least squares as a shape, to set beside the other shapes.

    Parameters
    ----------
    x, y, scale, n_items, chance
        As in `fit_line`.

    Returns
    -------
    ShapeFit

    Examples
    --------
    >>> one_line([0.2, 0.4, 0.6], [0.1, 0.3, 0.5]).segments[0].line
    'all models'
    """
    points = _points(x, y, scale=scale, n_items=n_items, chance=chance)
    reason = _no_line(points)
    return _no_shape("one line", points, 3, reason) if reason else _one_fit(points)


def _check_min_models(min_models: int) -> None:
    if min_models < 3:
        raise InputError(
            Problem(
                "min_models is below 3.", "A line fits two models always.", value=str(min_models)
            )
        )


def _no_pair(points: _Points, min_models: int) -> str:
    if len(points.x) < 2 * min_models:
        return f"{len(points.x)} models are too few for two lines of {min_models} each."
    return ""


def _no_stick(min_models: int) -> str:
    return f"No knot leaves {min_models} models and some spread on each side."


def _shape(
    shape: str,
    points: _Points,
    fitted: Floats,
    member: Sequence[str] | NDArray[Any],
    lines: Sequence[tuple[str, float, float]],
    n_parameters: int,
    extra: float = 0.0,
    knot: float = np.nan,
) -> ShapeFit:
    """Make the result of a shape from its fitted values (on the scale)."""
    n = len(points.x)
    rss = float(np.sum((points.y - fitted) ** 2))
    spread = float(np.sum((points.y - points.y.mean()) ** 2))
    names = np.asarray(member, dtype=object)
    every_fit = np.full(points.n_given, np.nan)
    every_fit[points.position] = from_scale(fitted, points.scale, chance=points.chance)
    every_name = np.full(points.n_given, "", dtype=object)
    every_name[points.position] = names
    loglik = float(_loglik(rss, n))
    segments = []
    for line, intercept, slope in lines:
        on = points.x_raw[names == line]
        low, high = (float(on.min()), float(on.max())) if on.size else (np.nan, np.nan)
        segments.append(Segment(line, float(intercept), float(slope), low, high, int(on.size)))
    return ShapeFit(
        shape=shape,
        segments=tuple(segments),
        fitted=every_fit,
        member=every_name,
        rss=rss,
        r_squared=1 - rss / spread if spread > 0 else np.nan,
        loglik=loglik,
        n_parameters=n_parameters,
        bic=n_parameters * float(np.log(n)) - 2 * loglik + extra,
        n=n,
        knot=knot,
    )


def _no_shape(shape: str, points: _Points, n_parameters: int, reason: str) -> ShapeFit:
    return ShapeFit(
        shape,
        (),
        np.full(points.n_given, np.nan),
        np.full(points.n_given, "", dtype=object),
        *(np.nan,) * 3,
        n_parameters,
        np.nan,
        len(points.x),
        reason=reason,
    )


def _one_fit(points: _Points) -> ShapeFit:
    fit = _fit(points, "ols")
    return _shape(
        "one line",
        points,
        fit.intercept + fit.slope * points.x,
        ["all models"] * len(points.x),
        [("all models", fit.intercept, fit.slope)],
        3,
    )


# --- shapes: pair of lines ------------------------------------------------------------------


def _pair_fit(points: _Points, second: Bools) -> ShapeFit:
    lines = [_plain_line(points.x[side], points.y[side]) for side in (~second, second)]
    centre = points.x.mean()
    height = [intercept + slope * centre for intercept, slope in lines]
    if height[1] > height[0]:
        second, lines = ~second, lines[::-1]
    member = np.where(second, "lower line", "upper line")
    fitted = np.where(
        second, lines[1][0] + lines[1][1] * points.x, lines[0][0] + lines[0][1] * points.x
    )
    named = [("upper line", *lines[0]), ("lower line", *lines[1])]
    cost = 2 * len(second) * float(np.sum(special.entr([second.mean(), 1 - second.mean()])))
    return _shape("pair of lines", points, fitted, member, named, 6, extra=cost)


def _plain_line(x: Floats, y: Floats) -> tuple[float, float]:
    cx, cy = x.mean(), y.mean()
    slope = float((x - cx) @ (y - cy) / ((x - cx) @ (x - cx)))
    return float(cy - slope * cx), slope


def _pair_search(
    x: Floats, y: Floats, rng: np.random.Generator | int, least: int
) -> tuple[Floats, Bools]:
    """Best partition into two lines for each row of y (rows, n).

    Returns the sums of squares (rows,), infinite where no partition is allowed, and who is on
    the second line (rows, n).
    """
    n = len(x)
    u = (x - x.mean()) / x.std()
    centred = y - y.mean(axis=1, keepdims=True)
    random = resample.generator(rng)
    pairs = np.array([random.permutation(n)[:4] for _ in range(RANDOM_STARTS)])
    rows = max(1, 3_000_000 // (n * (2 ** (n - 1) if n <= EXACT_UP_TO else 40)))
    found = [
        _pair_exact(u, part, least) if n <= EXACT_UP_TO else _pair_climb(u, part, pairs, least)
        for part in (centred[i : i + rows] for i in range(0, len(y), rows))
    ]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _pair_exact(u: Floats, y: Floats, least: int) -> tuple[Floats, Bools]:
    """Try every partition. Model 0 stays on the first line: names do not matter."""
    n = len(u)
    codes = np.arange(2 ** (n - 1))
    second = np.column_stack(
        [np.zeros(len(codes), dtype=bool), (codes[:, None] >> np.arange(n - 1)) & 1 == 1]
    )
    allowed = _allowed(u, second, least)
    if not allowed.any():
        return np.full(len(y), np.inf), np.zeros(y.shape, dtype=bool)
    second = second[allowed]
    explained = _explained(u, y, second) + _explained(u, y, ~second)
    best = explained.argmax(axis=1)
    return np.sum(y**2, axis=1) - explained.max(axis=1), second[best]


def _explained(u: Floats, y: Floats, mask: Bools) -> Floats:
    """Sum of squares of y explained by a line through the masked models; (rows, masks)."""
    m = mask.astype(float)
    count, su, suu = m.sum(axis=1), m @ u, m @ u**2
    spread = suu - su**2 / count
    sy, suy = y @ m.T, (y * u) @ m.T
    return sy**2 / count + (suy - su * sy / count) ** 2 / spread


def _allowed(u: Floats, second: Bools, least: int) -> Bools:
    """Enough models and enough spread of x on both lines (x has standard deviation 1)."""
    fine = np.ones(len(second), dtype=bool)
    for mask in (second, ~second):
        m = mask.astype(float)
        count = m.sum(axis=1)
        held = np.maximum(count, 1)
        spread = m @ u**2 / held - (m @ u / held) ** 2
        fine &= (count >= least) & (spread >= LEAST_LINE_SPREAD**2)
    return fine


RANDOM_STARTS = 12
"""Random starts of the search for a pair of lines, beside the planned ones."""

KEPT_STARTS = 3
"""Solutions of the alternation that are improved further by moving single models."""

MOST_ROUNDS = 60
"""Rounds of alternation; a start that has not settled by then is taken as it is."""


def _pair_climb(u: Floats, y: Floats, pairs: NDArray[np.int64], least: int) -> tuple[Floats, Bools]:
    """Alternate from many starts, then move single models; all rows of y at once."""
    rows, n = y.shape
    starts = np.concatenate([_planned_starts(u, y), _random_starts(u, y, pairs)], axis=1)
    count = starts.shape[1]
    data = np.repeat(y, count, axis=0)
    second = _alternate(u, data, starts.reshape(-1, n), least)
    rss = _pair_rss(u, data, second, least).reshape(rows, count)
    best = np.argsort(rss, axis=1, kind="stable")[:, :KEPT_STARTS]
    second = np.take_along_axis(second.reshape(rows, count, n), best[:, :, None], axis=1)
    data = np.repeat(y, KEPT_STARTS, axis=0)
    second = _move_single(u, data, second.reshape(-1, n), least)
    rss = _pair_rss(u, data, second, least).reshape(rows, KEPT_STARTS)
    top = rss.argmin(axis=1)
    at = np.arange(rows)
    return rss[at, top], second.reshape(rows, KEPT_STARTS, n)[at, top]


def _planned_starts(u: Floats, y: Floats) -> Bools:
    """Cut the cloud along a tilted line and, for crossing lines, also at a source accuracy.

    The best partition always has this form: two lines are equally near along their mean line and
    where they cross.
    """
    residual = _project_line(u, y)
    residual = residual / np.maximum(residual.std(axis=1, keepdims=True), 1e-300)
    cuts: list[tuple[float, float, float | None]] = [(tilt, 0.0, None) for tilt in (-0.7, 0.0, 0.7)]
    cuts += [(0.0, shift, None) for shift in (-0.8, 0.8)]
    cuts += [(tilt, 0.0, q) for tilt in (-0.5, 0.0, 0.5) for q in (0.25, 0.5, 0.75)]
    out = []
    for tilt, shift, q in cuts:
        above = residual - tilt * u - shift > 0
        out.append(above if q is None else above ^ (u > np.quantile(u, q)))
    return np.stack(out, axis=1)


def _random_starts(u: Floats, y: Floats, pairs: NDArray[np.int64]) -> Bools:
    """Nearest of two lines, each through two random models."""
    i, j, k, m = pairs.T

    def line(a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
        step = u[b] - u[a]
        safe = np.where(np.abs(step) > SMALLEST_SPREAD, step, 1.0)
        slope = np.where(np.abs(step) > SMALLEST_SPREAD, (y[:, b] - y[:, a]) / safe, 0.0)
        return np.asarray(y[:, a, None] + slope[:, :, None] * (u - u[a][:, None]))

    here = y[:, None, :]
    return np.abs(here - line(i, j)) > np.abs(here - line(k, m))


def _alternate(u: Floats, y: Floats, second: Bools, least: int) -> Bools:
    """Fit both lines, give each model to the nearer one, repeat (k-lines)."""
    second = second.copy()
    n = len(u)
    basis = np.column_stack([np.ones(n), u, u**2])
    active = np.arange(len(y))
    for _ in range(MOST_ROUNDS):
        mask, data = second[active], y[active]
        held = mask.astype(float)
        sums = held @ basis
        held *= data
        sy, suy = held.sum(axis=1), held @ u
        b2, s2 = _line_from_sums(sums, sy, suy)
        b1, s1 = _line_from_sums(basis.sum(axis=0) - sums, data.sum(axis=1) - sy, data @ u - suy)
        gap = (b2 - b1)[:, None] + (s2 - s1)[:, None] * u
        data -= ((b1 + b2) / 2)[:, None] + ((s1 + s2) / 2)[:, None] * u
        gap *= data
        nearer = gap > 0
        count = nearer.sum(axis=1)
        wrong = (count < least) | (count > n - least)
        if wrong.any():  # keep the required number: the models that lose least by moving
            keep = np.clip(count[wrong], least, n - least)
            rank = np.argsort(np.argsort(-gap[wrong], axis=1, kind="stable"), axis=1)
            nearer[wrong] = rank < keep[:, None]
        changed = (nearer != mask).any(axis=1)
        second[active] = nearer
        active = active[changed]
        if not active.size:
            break
    return second


def _line_from_sums(sums: Floats, sy: Floats, suy: Floats) -> tuple[Floats, Floats]:
    """Intercept and slope from count, sum of u, sum of u²; slope 0 without spread."""
    count, su, suu = np.maximum(sums[:, 0], 1), sums[:, 1], sums[:, 2]
    spread = suu - su**2 / count
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(spread > SMALLEST_SPREAD, (suy - su * sy / count) / spread, 0.0)
    return (sy - slope * su) / count, slope


def _pair_rss(u: Floats, y: Floats, second: Bools, least: int) -> Floats:
    """Residual sum of squares of each row's partition; infinite if it is not allowed."""
    total = np.zeros(len(y))
    for mask in (second, ~second):
        held = mask.astype(float)
        sums = np.column_stack([held.sum(axis=1), held @ u, held @ u**2])
        sy, suy = (held * y).sum(axis=1), (held * y) @ u
        intercept, slope = _line_from_sums(sums, sy, suy)
        residual = held * (y - intercept[:, None] - slope[:, None] * u)
        total += (residual**2).sum(axis=1)
    return np.where(_allowed(u, second, least), total, np.inf)


def _move_single(u: Floats, y: Floats, second: Bools, least: int) -> Bools:
    """Move the one model that lowers the sum of squares most, while there is one (Hartigan)."""
    second = second.copy()
    active = np.arange(len(y))
    for _ in range(4 * len(u)):
        mask, data = second[active], y[active]
        own, other = _leave_and_join(u, data, mask, least)
        own2, other2 = _leave_and_join(u, data, ~mask, least)
        change = np.where(mask, own + other2, own2 + other)
        best = change.argmin(axis=1)
        row = np.arange(len(active))
        better = change[row, best] < -1e-10 * (data**2).sum(axis=1)
        moved = active[better]
        second[moved, best[better]] ^= True
        active = moved
        if not active.size:
            break
    return second


def _leave_and_join(u: Floats, y: Floats, mask: Bools, least: int) -> tuple[Floats, Floats]:
    """Change of a line's sum of squares if a model leaves it, and if a model joins it."""
    held = mask.astype(float)
    sums = np.column_stack([held.sum(axis=1), held @ u, held @ u**2])
    sy, suy = (held * y).sum(axis=1), (held * y) @ u
    intercept, slope = _line_from_sums(sums, sy, suy)
    count = sums[:, :1]
    centre = sums[:, 1:2] / np.maximum(count, 1)
    spread = sums[:, 2:] - count * centre**2
    apart = (u - centre) ** 2
    squared = (y - intercept[:, None] - slope[:, None] * u) ** 2
    leverage = 1 / np.maximum(count, 1) + apart / np.maximum(spread, SMALLEST_SPREAD)
    floor = LEAST_LINE_SPREAD**2
    fewer = spread - apart * count / np.maximum(count - 1, 1)
    may_leave = (count > least) & (fewer >= floor * (count - 1))
    may_join = spread + apart * count / (count + 1) >= floor * (count + 1)
    leave = np.where(may_leave, -squared / np.maximum(1 - leverage, 1e-9), np.inf)
    join = np.where(may_join, squared / (1 + leverage), np.inf)
    return leave, join


# --- shapes: broken stick and known groups --------------------------------------------------


def _project_line(x: Floats, y: Floats) -> Floats:
    """Residuals of each row of y from its least-squares line on x."""
    u = x - x.mean()
    centred = y - y.mean(axis=1, keepdims=True)
    return np.asarray(centred - ((centred @ u) / (u @ u))[:, None] * u)


def _knots(x: Floats, least: int) -> Floats:
    """Where a stick may bend: enough models and enough range on both sides."""
    ordered = np.sort(x)
    if len(ordered) < 2 * least or np.ptp(x) <= SMALLEST_SPREAD:
        return np.empty(0)
    reach = LEAST_SIDE_SHARE * np.ptp(x)
    low = max(ordered[least - 1], ordered[0] + reach)
    high = min(ordered[-least], ordered[-1] - reach)
    inner = ordered[(ordered >= low) & (ordered <= high)]
    grid = np.linspace(low, high, 101) if high >= low else np.empty(0)
    knots = np.unique(np.concatenate([inner, (inner[1:] + inner[:-1]) / 2, grid]))
    sides = [(np.unique(x[x <= k]).size > 2) and (np.unique(x[x > k]).size > 2) for k in knots]
    return knots[np.asarray(sides, dtype=bool)] if knots.size else knots


def _hinges(x: Floats, knots: Floats) -> Floats:
    """For each knot the unit vector that a bend there adds to a line; shape (knots, n)."""
    bend = _project_line(x, np.maximum(x - knots[:, None], 0.0))
    return np.asarray(bend / np.linalg.norm(bend, axis=1, keepdims=True))


def _stick_fit(points: _Points, knot: float) -> ShapeFit:
    design = np.column_stack([np.ones(len(points.x)), points.x, np.maximum(points.x - knot, 0.0)])
    (a, b, bend), *_ = np.linalg.lstsq(design, points.y, rcond=None)
    member = np.where(points.x <= knot, "below the knot", "above the knot")
    lines = [("below the knot", a, b), ("above the knot", a - bend * knot, b + bend)]
    at = float(from_scale(knot, points.scale, chance=points.chance))
    fit = _shape("broken stick", points, design @ [a, b, bend], member, lines, 5, knot=at)
    below, above = fit.segments
    return replace(fit, segments=(replace(below, x_high=at), replace(above, x_low=at)))


def _group_shape(name: str, parallel: bool) -> str:
    return f"{'parallel' if parallel else 'separate'} lines by {name}"


def _groups(
    points: _Points, labels: ArrayLike, name: str, least: int
) -> tuple[NDArray[np.object_], str]:
    """Group of each usable model, small groups joined; and why that does not work."""
    given = pd.Series(np.asarray(labels, dtype=object))
    if len(given) != points.n_given:
        raise InputError(
            Problem(
                f"{name} has {len(given)} labels for {points.n_given} models.", "Give one each."
            )
        )
    kept = given.iloc[points.position].reset_index(drop=True)
    text = kept.where(kept.isna(), kept.astype(str)).fillna("").str.strip()
    sizes = text.map(text.value_counts())
    text = text.mask((sizes < least) | (text == ""), "other")
    groups = text.to_numpy(dtype=object)
    counts = text.value_counts()
    if len(counts) < 2 or counts.min() < least:
        return groups, f"Not all groups of {name} have {least} models."
    return groups, _no_line(points)


def _group_design(x: Floats, groups: NDArray[np.object_], parallel: bool) -> Floats | None:
    """Columns of the group model, or None if a group has no spread in x."""
    names = pd.unique(groups)
    member = (groups[:, None] == names[None, :]).astype(float)
    if parallel:
        return np.column_stack([member, x])
    if any(np.ptp(x[groups == name]) <= SMALLEST_SPREAD for name in names):
        return None
    return np.column_stack([member, member * x[:, None]])


def _group_fit(
    points: _Points, groups: NDArray[np.object_], design: Floats, shape: str, parallel: bool
) -> ShapeFit:
    beta, *_ = np.linalg.lstsq(design, points.y, rcond=None)
    names = [str(name) for name in pd.unique(groups)]
    slopes = [beta[-1]] * len(names) if parallel else list(beta[len(names) :])
    lines = list(zip(names, beta[: len(names)], slopes, strict=True))
    return _shape(shape, points, design @ beta, groups, lines, design.shape[1] + 1)


# --- comparing shapes -----------------------------------------------------------------------


@dataclass(frozen=True)
class ShapeComparison:
    """Shapes against one line.

    Attributes
    ----------
    fits : tuple of ShapeFit
        One line first, then the alternatives.
    frame : pandas.DataFrame
        See `table`.
    verdict : str
        One sentence, chosen by the thresholds of this module.
    best : str
        The shape that the verdict names; "one line" or empty if none.
    n : int
        Models.
    draws : int
        Simulated data sets.
    family_share : float
        Share of the scatter that models of one family have in common, as used in the simulation.
    unevenness : float
        Standard deviation of the scatter at the highest fitted source accuracy over that at the
        lowest, as used in the simulation.
    """

    fits: tuple[ShapeFit, ...]
    frame: pd.DataFrame = field(repr=False)
    verdict: str
    best: str
    n: int
    draws: int
    family_share: float
    unevenness: float

    def table(self) -> pd.DataFrame:
        """One row a shape.

        Columns: `shape`, `n_parameters`, `loglik`, `bic`, `delta_bic` (minus one line), `lr`
        (likelihood ratio, twice the gain of log-likelihood), `p_value` and `p_se` (its
        Monte-Carlo standard error), `p_adjusted` (Holm, over the shapes), `r_squared`,
        `r_squared_gain`, and what the gain is in data simulated from one line: `gain_by_chance`
        (mean), `gain_by_chance_high` (95th percentile), `reason` (why there is no fit).
        """
        return self.frame.copy()

    def summary(self) -> str:
        """The verdict and what speaks for it, as Markdown."""
        text = [f"{self.verdict[0].upper()}{self.verdict[1:]}."] if self.verdict else []
        for row in self.frame.to_dict("records")[1:]:
            if not np.isfinite(row["p_value"]):
                text.append(f"{_capital(escape(row['shape']))}: not fitted. {row['reason']}")
                continue
            text.append(
                f"{_capital(escape(row['shape']))}: explains "
                f"{100 * row['r_squared_gain']:.1f} points more of the variance than one line; "
                f"in data simulated from one line the gain is "
                f"{100 * row['gain_by_chance']:.1f} points on average "
                f"(p = {row['p_value']:.3f} ± {row['p_se']:.3f})."
            )
        return "\n".join(f"- {line}" if i else line for i, line in enumerate(text))


def compare_shapes(
    x: ArrayLike,
    y: ArrayLike,
    *,
    groups: Mapping[str, ArrayLike] | None = None,
    clusters: ArrayLike | None = None,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
    min_models: int = MODELS_PER_LINE,
    uneven: bool = True,
    draws: int = 500,
    rng: np.random.Generator | int = 0,
) -> ShapeComparison:
    """Does another shape fit better than one line, by more than chance?

    A pair of lines always explains more than one line, and the chi-squared distribution does not
    say how much more (the share of the second line is on the edge of its range if there is only
    one). So data are simulated from the fitted *one* line and every shape is fitted to them by
    the same search (parametric bootstrap, McLachlan 1987, *Applied Statistics* 36, 318). The
    p-value is `(1 + draws at least as large) / (1 + draws)`. Known groups use the same simulated
    data instead of an F test, because those can hold family scatter; without `clusters` and with
    even scatter both agree.

    Scatter that models of one family share, and scatter that grows or shrinks with x, also look
    like two lines. Both are estimated and put into the simulation.

    Parameters
    ----------
    x, y, scale, n_items, chance
        As in `fit_line`.
    groups : mapping of str to array_like of shape (n,), optional
        Known groupings by name, for example {"thinking": labels}.
    clusters : array_like of shape (n,), optional
        Family of each model; models of one family share part of their scatter.
    min_models : int
        Least number of models on a line, side or group.
    uneven : bool
        Let the scatter in the simulation depend on x.
    draws : int
        Simulated data sets.
    rng : numpy.random.Generator or int
        Random numbers.

    Returns
    -------
    ShapeComparison

    Raises
    ------
    InputError
        As `fit_line`.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> x = random.uniform(0.2, 0.9, 40)
    >>> y = 0.9 * x - 0.1 * (np.arange(40) % 2) + random.normal(0, 0.01, 40)
    >>> compare_shapes(x, y, draws=100).verdict
    'a pair of lines fits better than chance would'
    """
    points = _points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    reason = _no_line(points)
    if reason:
        fits = [_no_shape("one line", points, 3, reason)]
        return _comparison(fits, np.full((1, 1), np.nan), np.ones(1), draws, 0.0, 1.0, min_models)
    random = resample.generator(rng)
    codes = resample.cluster_codes(clusters, points.n_given)[points.position]
    residual = _project_line(points.x, points.y[None, :])[0]
    sd, share = _scatter(points.x, residual, codes, uneven)
    noise = random.standard_normal((resample._draws(draws), len(points.x)))
    shared = random.standard_normal((draws, int(codes.max()) + 1))[:, codes]
    noise = sd * (np.sqrt(1 - share) * noise + np.sqrt(share) * shared)
    # Row 0 holds the data; all rows go through the same search.
    data = np.vstack([points.y, points.y - residual + noise])
    left = _project_line(points.x, data)
    spread = np.sum((data - data.mean(axis=1, keepdims=True)) ** 2, axis=1)
    fits, rss = [_one_fit(points)], [np.sum(left**2, axis=1)]
    for fit, values in _alternatives(points, left, groups or {}, min_models, random):
        fits.append(fit)
        rss.append(np.minimum(values, rss[0]))
    ratio = float(sd[points.x.argmax()] / sd[points.x.argmin()])
    return _comparison(fits, np.stack(rss), spread, draws, share, ratio, min_models)


def _alternatives(
    points: _Points,
    left: Floats,
    groups: Mapping[str, ArrayLike],
    least: int,
    rng: np.random.Generator,
) -> list[tuple[ShapeFit, Floats]]:
    """Each other shape: its fit to the data (row 0), and its sum of squares in every row.

    All shapes hold a line, so fitting what a line leaves gives the same sum of squares.
    """
    none = np.full(len(left), np.nan)
    one = np.sum(left**2, axis=1)
    found: list[tuple[ShapeFit, Floats]] = []
    reason = _no_pair(points, least)
    if not reason:
        rss, second = _pair_search(points.x, left, rng, least)
        if np.isfinite(rss[0]):
            found.append((_pair_fit(points, second[0]), rss))
        else:
            reason = "No partition into two lines has enough spread on both."
    if reason:
        found.append((_no_shape("pair of lines", points, 6, reason), none))
    knots = _knots(points.x, least)
    if knots.size:
        gains = (left @ _hinges(points.x, knots).T) ** 2
        stick = _stick_fit(points, float(knots[int(gains[0].argmax())]))
        found.append((stick, one - gains.max(axis=1)))
    else:
        found.append((_no_shape("broken stick", points, 5, _no_stick(least)), none))
    for name, labels in groups.items():
        members, why = _groups(points, labels, name, least)
        for parallel in (True, False):
            shape = _group_shape(name, parallel)
            design = None if why else _group_design(points.x, members, parallel)
            if design is None:
                text = why or f"A group of {name} has no spread in source accuracy."
                found.append((_no_shape(shape, points, 0, text), none))
                continue
            basis = np.linalg.qr(design)[0]
            fit = _group_fit(points, members, design, shape, parallel)
            found.append((fit, one - np.sum((left @ basis) ** 2, axis=1)))
    return found


def _scatter(
    x: Floats, residual: Floats, codes: NDArray[np.int64], uneven: bool
) -> tuple[Floats, float]:
    """Scatter around the line: its size at each x, and the share common to a family.

    The variance is `exp(a + b x)`, by Fisher scoring (Harvey 1976, *Econometrica* 44, 461). The
    share is the mean product of two standardised residuals of one family.
    """
    n = len(x)
    u = (x - x.mean()) / x.std()
    leverage = (1 + u**2) / n
    squared = residual**2 / np.clip(1 - leverage, 0.05, None)
    level = max(float(squared.mean()), SMALLEST_VARIANCE)
    slope = 0.0
    if uneven:
        for _ in range(30):
            variance = level * np.exp(slope * u)
            excess = squared / np.maximum(variance, SMALLEST_VARIANCE) - 1
            slope = float(np.clip(slope + (u @ excess) / n, -2, 2))
            shape = np.exp(slope * u)
            level = max(float(np.mean(squared / shape)), SMALLEST_VARIANCE)
    sd = np.sqrt(level * np.exp(slope * u))
    z = residual / sd
    total = np.bincount(codes, weights=z)
    size = np.bincount(codes)
    own = np.bincount(codes, weights=z**2)
    pairs = float(np.sum(size * (size - 1)))
    if not pairs:
        return sd, 0.0
    share = float(np.sum(total**2 - own)) / pairs / max(float(np.mean(z**2)), 1e-12)
    return sd, float(np.clip(share, 0.0, 0.95))


def _comparison(
    fits: Sequence[ShapeFit],
    rss: Floats,
    spread: Floats,
    draws: int,
    share: float,
    ratio: float,
    least: int,
) -> ShapeComparison:
    n = fits[0].n
    loglik = _loglik(rss, n)
    lr = 2 * (loglik - loglik[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = (rss[0] - rss) / spread
    rows = []
    for i, fit in enumerate(fits):
        row: dict[str, Any] = {
            "shape": fit.shape,
            "n_parameters": fit.n_parameters,
            "loglik": fit.loglik,
            "bic": fit.bic,
            "delta_bic": fit.bic - fits[0].bic,
            "lr": lr[i, 0] if fit.segments else np.nan,
        }
        tested = i > 0 and bool(fit.segments)
        p = (1 + np.sum(lr[i, 1:] >= lr[i, 0] - 1e-9)) / (1 + draws) if tested else np.nan
        row |= {"p_value": p, "p_se": np.sqrt(p * (1 - p) / (1 + draws))}
        row |= {"r_squared": fit.r_squared, "r_squared_gain": gain[i, 0] if tested else np.nan}
        row["gain_by_chance"] = float(np.mean(gain[i, 1:])) if tested else np.nan
        row["gain_by_chance_high"] = float(np.quantile(gain[i, 1:], 0.95)) if tested else np.nan
        rows.append(row | {"reason": fit.reason})
    frame = pd.DataFrame(rows)
    frame.insert(8, "p_adjusted", _holm(frame["p_value"].to_numpy(dtype=float)))
    verdict, best = _verdict(frame, n, least)
    return ShapeComparison(tuple(fits), frame, verdict, best, n, draws, share, ratio)


def _holm(p: Floats) -> Floats:
    """Holm's adjustment for several tests; nan stays nan."""
    out = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return out


def _verdict(frame: pd.DataFrame, n: int, least: int) -> tuple[str, str]:
    """One sentence, and the shape it names."""
    tested = frame[frame["p_adjusted"].notna()]
    if tested.empty:
        return "cannot tell: no other shape could be fitted", ""
    clear = tested[tested["p_adjusted"] <= CLEAR_P].sort_values("bic")
    if len(clear) > 1 and clear["bic"].iloc[1] - clear["bic"].iloc[0] < CLEAR_BIC:
        names = " and ".join(_article(name) for name in clear["shape"].iloc[:2])
        return f"cannot tell: {names} both fit better than chance would", ""
    if len(clear):
        best = str(clear["shape"].iloc[0])
        verb = "fit" if best.startswith(("parallel", "separate")) else "fits"
        return f"{_article(best)} {verb} better than chance would", best
    if tested["p_adjusted"].min() <= UNCLEAR_P:
        return "cannot tell: another shape fits somewhat better than one line", ""
    if n < MODELS_FOR_ONE_LINE:
        return f"cannot tell: {n} models are too few to see a second line", ""
    return "one line is enough", "one line"


def _article(shape: str) -> str:
    return shape if shape.startswith(("parallel", "separate")) else f"a {shape}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def escape(text: object) -> str:
    r"""Make a name from data harmless in Markdown: on one line, with every mark escaped.

    Examples
    --------
    >>> print(escape("a_b*[x](y)"))
    a\_b\*\[x\]\(y\)
    """
    line = "".join(c if c.isprintable() else " " for c in str(text))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~$^])", r"\\\1", line)


# --- all sets of a table --------------------------------------------------------------------


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
    """

    set: str
    set_name: str
    models: pd.DataFrame = field(repr=False)
    line: LineWithInterval
    bounds: SlopeBounds | None
    shapes: ShapeComparison
    transfer: EffectiveTransfer
    by_family: bool


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

    def table(self) -> pd.DataFrame:
        """One row a set: the line with intervals, the noise bounds of the slope, the verdict.

        `slope_if_binomial` is the slope if the full binomial variance of x were noise. Sets
        that were not fitted have a `reason` and no figures.
        """
        rows = []
        for one in self.fits:
            row = one.line.table().iloc[0].to_dict()
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
        return frame.reindex(columns=_SET_COLUMNS)

    def shapes(self) -> pd.DataFrame:
        """One row a set and shape; columns as in `ShapeComparison.table`."""
        parts = [_named(one, one.shapes.table()) for one in self.fits]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def residuals(self) -> pd.DataFrame:
        """One row a model: its description, `expected` and `effective_transfer`."""
        parts = []
        for one in self.fits:
            found = one.transfer.table()[["expected", "effective_transfer", "left_out"]]
            parts.append(one.models.reset_index(drop=True).join(found))
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
            text.append(f"- **{escape(row['set_name'])}**: not fitted. {row['reason']}")
        return "\n".join(text) if text else "There is no set to fit."


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
    group_columns: Sequence[str] = ("reasoning", "release_date"),
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
    mask = np.ones(len(table), dtype=bool) if defines is None else _as_mask(defines)
    if len(mask) != len(table):
        raise InputError(
            Problem(f"defines has {len(mask)} values for {len(table)} rows.", "Give one a row.")
        )
    seed = _seed(rng)
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
            _group_name(column): _grouping(part, column, mask)
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
    models = part.drop(columns=_DEFINES).assign(defines=mask)
    return SetFit("", "", models, line, bounds, shapes, transfer, by_family)


def _suitable(rows: pd.DataFrame, x: str, y: str, min_models: int) -> tuple[str, pd.DataFrame]:
    """Why a set cannot be fitted (or an empty text), and its usable rows."""
    part = rows[rows[x].notna() & rows[y].notna()]
    used = part[part[_DEFINES]]
    if rows[x].isna().all():
        return "No model has an accuracy in the source language.", part
    if len(used) < min_models:
        return f"{len(used)} models have both accuracies; {min_models} are needed.", part
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


def _seed(rng: np.random.Generator | int) -> int:
    """One whole number from which each set makes its own stream."""
    return int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else int(rng)


def _column(part: pd.DataFrame, name: str) -> Floats:
    """A numeric column as floats; nan if there is none."""
    if name not in part:
        return np.full(len(part), np.nan)
    return pd.to_numeric(part[name]).to_numpy(dtype=float, na_value=np.nan)


def _chance(part: pd.DataFrame) -> float:
    values = _column(part, "chance")
    values = values[np.isfinite(values)]
    return float(values[0]) if values.size else 0.0


def _group_name(column: str) -> str:
    return {"reasoning": "thinking", "release_date": "release date"}.get(column, column)


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


def _set_sentences(one: SetFit) -> str:
    """The set in a few sentences. Directions are chosen here, not typed."""
    found, fit = one.line, one.line.fit
    families = "family" if found.n_clusters == 1 else "families"
    text = [f"**{escape(one.set_name)}**: {fit.n} models of {found.n_clusters} {families}."]
    points = fit.scale == "linear"
    unit = "points" if points else f"units on the {fit.scale} scale"
    lead = "One point" if points else f"One unit on the {fit.scale} scale"
    way = "less" if fit.slope < 0 else "more"
    held = np.isfinite(found.slope_low)
    interval = f"; {found.level:.0%} interval {found.slope_low:.2f} to {found.slope_high:.2f}"
    text.append(
        f"{lead} more of source accuracy goes with {abs(fit.slope):.2f} {unit} {way} of target "
        f"accuracy (slope {fit.slope:.2f}{interval if held else ''}){_beside_one(found)}"
    )
    text.append(f"The line explains {fit.r_squared:.0%} of the variance between models.")
    text.append(f"Other shapes: {one.shapes.verdict}.")
    return " ".join(part for part in [*text, _ends(one), found.flag] if part)


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
        words.append(f"{escape(names[top])} lies {100 * residual[top]:.1f} points above")
    if np.nanmin(residual) < 0:
        low = int(np.nanargmin(residual))
        words.append(f"{escape(names[low])} lies {-100 * residual[low]:.1f} points below")
    if not words:
        return ""
    others = "families" if one.by_family else "models"
    return f"{' and '.join(words)} the line of the other {others}."


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

    def lines_frame(self) -> pd.DataFrame:
        """The lines for drawing: `set`, `set_name`, `language`, `x`, `y`, `low`, `high`."""
        return self.bands.copy()

    def summary(self) -> str:
        """The steepest and the flattest language of each set, as Markdown."""
        text = []
        fitted = self.frame[self.frame["slope"].notna()]
        for name, rows in fitted.groupby("set_name", sort=False):
            low = rows.iloc[int(rows["slope"].to_numpy().argmin())]
            high = rows.iloc[int(rows["slope"].to_numpy().argmax())]
            if len(rows) == 1:
                text.append(
                    f"- **{escape(name)}**: one language, {escape(low['language'])}, with a slope "
                    f"of {low['slope']:.2f}."
                )
                continue
            text.append(
                f"- **{escape(name)}**: the slope runs from {low['slope']:.2f} "
                f"({escape(low['language'])}) to {high['slope']:.2f} "
                f"({escape(high['language'])})."
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
    seed = _seed(rng)
    rows, bands = [], []
    frame = by_language.assign(**{_DEFINES: True})
    for (name, language), given in frame.groupby(["set", "language"], sort=False):
        label = str(given["set_name"].iloc[0]) if "set_name" in given else str(name)
        who = {"set": str(name), "set_name": label, "language": str(language)}
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
            n_items=_column(part, "n_items"),
            scale=scale,
            chance=_chance(part) if chance is None else chance,
            interval=interval,
            draws=draws,
            rng=stream,
        )
        line = replace(found, fit=replace(found.fit, n_dropped=len(given) - len(part)))
        record = line.table().to_dict("records")[0]
        rows.append({**{str(k): v for k, v in record.items()}, **who, "reason": ""})
        bands.append(found.band.assign(**who))
    columns = [
        "set", "set_name", "language", "n", "n_clusters", "slope", "slope_low", "slope_high",
        "intercept", "intercept_low", "intercept_high", "r_squared", "r_squared_low",
        "r_squared_high", "residual_sd", "scale", "interval", "level", "noise_allowed",
        "n_moved", "n_dropped", "note", "flag", "reason",
    ]  # fmt: skip
    drawn = ["set", "set_name", "language", "x", "y", "low", "high"]
    return LanguageFits(
        pd.DataFrame(rows, columns=columns),
        pd.concat(bands, ignore_index=True)[drawn] if bands else pd.DataFrame(columns=drawn),
    )
