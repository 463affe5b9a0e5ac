"""Other shapes than one line: a pair of lines, a broken stick, known groups, and which fits.

More lines always fit better. So every shape is judged against data that are simulated from one
line, with the same scatter and the same families; see `compare_shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.lines.lines import (
    SMALLEST_SPREAD,
    SMALLEST_VARIANCE,
    Bools,
    Floats,
    Points,
    Scale,
    fit_points,
    from_scale,
    no_line_reason,
    normal_loglik,
    usable_points,
)
from hatlib.show.words import capital, joined, markdown_text
from hatlib.thresholds import BOOK

MODELS_PER_LINE = 5
"""Least number of models on each line of a pair, side of a stick, or known group."""

LEAST_LINE_SPREAD = 0.25
"""Each line of a pair spreads over x by at least this share of the standard deviation of x."""

LEAST_SIDE_SHARE = 0.1
"""Each side of a broken stick covers at least this share of the range of x."""

EXACT_UP_TO = 13
"""Up to this many models every partition into two lines is tried."""

CLEAR_P = BOOK["clear"]
"""A shape fits better than chance would if its adjusted p-value is at most this."""

UNCLEAR_P = BOOK["unclear"]
"""One line is enough only if every adjusted p-value is above this."""

CLEAR_BIC = BOOK["clear_bic"]
"""Of several shapes that beat chance one is named if its BIC is lower by at least this."""

MODELS_FOR_ONE_LINE = 15
"""With fewer models than this, failing to see a second line says little."""

RANDOM_STARTS = 12
"""Random starts of the search for a pair of lines, beside the planned ones."""

KEPT_STARTS = 3
"""Solutions of the alternation that are improved further by moving single models."""

MOST_ROUNDS = 60
"""Rounds of alternation; a start that has not settled by then is taken as it is."""


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
    points = usable_points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    reason = no_line_reason(points) or _no_pair(points, min_models)
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
    points = usable_points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    knots = _knots(points.x, min_models)
    reason = no_line_reason(points) or ("" if knots.size else _no_stick(min_models))
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
        label counts as "other". If "other" is still too small, the largest group takes it in and
        is called so, for example "newer or other".
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
    points = usable_points(x, y, scale=scale, n_items=n_items, chance=chance)
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
    points = usable_points(x, y, scale=scale, n_items=n_items, chance=chance)
    reason = no_line_reason(points)
    return _no_shape("one line", points, 3, reason) if reason else _one_fit(points)


def _check_min_models(min_models: int) -> None:
    if min_models < 3:
        raise InputError(
            Problem(
                "min_models is below 3.", "A line fits two models always.", value=str(min_models)
            )
        )


def _no_pair(points: Points, min_models: int) -> str:
    if len(points.x) < 2 * min_models:
        return f"Two lines need {2 * min_models} models, {min_models} on each."
    return ""


def _no_stick(min_models: int) -> str:
    return f"No knot leaves {min_models} models and some spread on each side."


def _shape(
    shape: str,
    points: Points,
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
    loglik = float(normal_loglik(rss, n))
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


def _no_shape(shape: str, points: Points, n_parameters: int, reason: str) -> ShapeFit:
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


def _one_fit(points: Points) -> ShapeFit:
    fit = fit_points(points, "ols")
    return _shape(
        "one line",
        points,
        fit.intercept + fit.slope * points.x,
        ["all models"] * len(points.x),
        [("all models", fit.intercept, fit.slope)],
        3,
    )


# --- shapes: pair of lines ------------------------------------------------------------------


def _pair_fit(points: Points, second: Bools) -> ShapeFit:
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


def _stick_fit(points: Points, knot: float) -> ShapeFit:
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
    points: Points, labels: ArrayLike, name: str, least: int
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
    counts = text.value_counts()
    if counts.get("other", least) < least and len(counts) > 1:
        largest = str(counts.drop("other").idxmax())
        text = text.mask(text.isin(["other", largest]), f"{largest} or other")
        counts = text.value_counts()
    groups = text.to_numpy(dtype=object)
    if len(counts) < 2:
        return groups, f"Fewer than two groups of {name} have {least} models."
    return groups, no_line_reason(points)


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
    points: Points, groups: NDArray[np.object_], design: Floats, shape: str, parallel: bool
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
                text.append(f"{capital(markdown_text(row['shape']))}: not fitted. {row['reason']}")
                continue
            text.append(
                f"{capital(markdown_text(row['shape']))}: explains "
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
    points = usable_points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    reason = no_line_reason(points)
    if reason:
        fits = [_no_shape("one line", points, 3, reason)]
        return _comparison(fits, np.full((1, 1), np.nan), np.ones(1), draws, 0.0, 1.0, min_models)
    random = resample.generator(rng)
    codes = resample.cluster_codes(clusters, points.n_given)[points.position]
    residual = _project_line(points.x, points.y[None, :])[0]
    sd, share = _scatter(points.x, residual, codes, uneven)
    noise = random.standard_normal((resample.checked_draws(draws), len(points.x)))
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
    points: Points,
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
    loglik = normal_loglik(rss, n)
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
        names = joined([_article(name) for name in clear["shape"].iloc[:2]])
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
