"""Other shapes than one line: a pair of lines, a broken stick, known groups, and which fits.

More lines always fit better. So every shape is judged against data that are simulated from one
line, with the same scatter and the same families; see `compare_shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.lines.lines import SMALLEST_VARIANCE, fit_points, no_line_reason, normal_loglik
from hatlib.lines.pairs import pair_search, project_line
from hatlib.lines.points import (
    SMALLEST_SPREAD,
    Bools,
    Floats,
    Points,
    Scale,
    from_scale,
    usable_points,
)
from hatlib.thresholds import BOOK

Outcome = Literal["better", "tie", "unclear", "too few", "one line", "none"]

MODELS_PER_LINE = 5
"""Least number of models on each line of a pair, side of a stick, or known group."""

LEAST_SIDE_SHARE = 0.1
"""Each side of a broken stick covers at least this share of the range of x."""

CLEAR_P = BOOK["clear"]
"""A shape fits better than chance would if its adjusted p-value is at most this."""

UNCLEAR_P = BOOK["unclear"]
"""One line is enough only if every adjusted p-value is above this."""

CLEAR_BIC = BOOK["clear_bic"]
"""Of several shapes that beat chance one is named if its BIC is lower by at least this."""

MODELS_FOR_ONE_LINE = 15
"""With fewer models than this, failing to see a second line says little."""


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
        `_pair_fit`).
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
    """Two lines with the membership that fits best.

    The BIC charges memberships, which are chosen to fit and so not free. A partition with shares
    `s` and `1 - s` costs `-2 n (s log s + (1 - s) log(1 - s))`, as in the integrated completed
    likelihood (Biernacki, Celeux and Govaert 2000, *IEEE PAMI* 22, 719). Six parameters are
    counted: two slopes, two intercepts, the share, the variance.
    """
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


# --- shapes: broken stick and known groups --------------------------------------------------


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
    bend = project_line(x, np.maximum(x - knots[:, None], 0.0))
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
    table : pandas.DataFrame
        One row a shape: `shape`, `n_parameters`, `loglik`, `bic`, `delta_bic` (minus one line),
        `lr` (likelihood ratio, twice the gain of log-likelihood), `p_value` and `p_se` (its
        Monte-Carlo standard error), `p_adjusted` (Holm, over the shapes), `r_squared`,
        `r_squared_gain`, what the gain is in data simulated from one line (`gain_by_chance`, the
        mean, and `gain_by_chance_high`, the 95th percentile), and `reason` (why there is no fit).
    outcome : {"better", "tie", "unclear", "too few", "one line", "none"}
        A shape fits better than one line by more than chance; two do and cannot be told apart;
        another shape fits somewhat better; too few models to see a second line; one line is
        enough; no other shape could be fitted.
    best : str
        The shape that fits better, or "one line"; empty if none can be named.
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
    table: pd.DataFrame = field(repr=False)
    outcome: Outcome
    best: str
    n: int
    draws: int
    family_share: float
    unevenness: float


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
    >>> found = compare_shapes(x, y, draws=100)
    >>> found.outcome, found.best
    ('better', 'pair of lines')
    """
    points = usable_points(x, y, scale=scale, n_items=n_items, chance=chance)
    _check_min_models(min_models)
    reason = no_line_reason(points)
    if reason:
        fits = [_no_shape("one line", points, 3, reason)]
        return _comparison(fits, np.full((1, 1), np.nan), np.ones(1), draws, 0.0, 1.0)
    random = resample.generator(rng)
    codes = resample.cluster_codes(clusters, points.n_given)[points.position]
    residual = project_line(points.x, points.y[None, :])[0]
    sd, share = _scatter(points.x, residual, codes, uneven)
    noise = random.standard_normal((resample.checked_draws(draws), len(points.x)))
    shared = random.standard_normal((draws, int(codes.max()) + 1))[:, codes]
    noise = sd * (np.sqrt(1 - share) * noise + np.sqrt(share) * shared)
    # Row 0 holds the data; all rows go through the same search.
    data = np.vstack([points.y, points.y - residual + noise])
    left = project_line(points.x, data)
    spread = np.sum((data - data.mean(axis=1, keepdims=True)) ** 2, axis=1)
    fits, rss = [_one_fit(points)], [np.sum(left**2, axis=1)]
    for fit, values in _alternatives(points, left, groups or {}, min_models, random):
        fits.append(fit)
        rss.append(np.minimum(values, rss[0]))
    ratio = float(sd[points.x.argmax()] / sd[points.x.argmin()])
    return _comparison(fits, np.stack(rss), spread, draws, share, ratio)


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
        rss, second = pair_search(points.x, left, rng, least)
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
    outcome, best = _outcome(frame, n)
    return ShapeComparison(tuple(fits), frame, outcome, best, n, draws, share, ratio)


def _holm(p: Floats) -> Floats:
    """Holm's adjustment for several tests; nan stays nan."""
    out = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return out


def _outcome(frame: pd.DataFrame, n: int) -> tuple[Outcome, str]:
    """What the p-values and the BIC say, and the shape that they name."""
    tested = frame[frame["p_adjusted"].notna()]
    if tested.empty:
        return "none", ""
    clear = tested[tested["p_adjusted"] <= CLEAR_P].sort_values("bic")
    if len(clear) > 1 and clear["bic"].iloc[1] - clear["bic"].iloc[0] < CLEAR_BIC:
        return "tie", ""
    if len(clear):
        return "better", str(clear["shape"].iloc[0])
    if tested["p_adjusted"].min() <= UNCLEAR_P:
        return "unclear", ""
    return ("too few", "") if n < MODELS_FOR_ONE_LINE else ("one line", "one line")
