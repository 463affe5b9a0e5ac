"""Other shapes than one line: a pair of lines, a broken stick, known groups, and which fits.

More lines always fit better. So every shape is judged against data that are simulated from one
line, with the same scatter and the same families; see `compare_shapes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hatlib import resample
from hatlib.lines.lines import (
    GRID_POINTS,
    SMALLEST_SPREAD,
    Floats,
    Points,
    Scale,
    from_scale,
    to_scale,
    usable_points,
)
from hatlib.lines.pairs import pair_search, project_line
from hatlib.thresholds import BOOK

Outcome = Literal["better", "tie", "unclear", "too few", "one line", "none"]
Names = NDArray[np.object_]

MODELS_PER_LINE = 5
"""Least number of models on each line of a pair, side of a stick, or known group."""

LEAST_SIDE_SHARE = 0.1
"""Each side of a broken stick covers at least this share of the range of x."""

SMALLEST_VARIANCE = 1e-12
"""A residual variance below this counts as a perfect fit, so that log-likelihoods stay finite."""

CLEAR_P = BOOK["clear"]
"""A shape fits better than chance would if its adjusted p-value is at most this."""

UNCLEAR_P = BOOK["unclear"]
"""One line is enough only if every adjusted p-value is above this."""

CLEAR_BIC = BOOK["clear_bic"]
"""Of several shapes that beat chance one is named if its BIC is lower by at least this."""

MODELS_FOR_ONE_LINE = 15
"""With fewer models than this, failing to see a second line says little."""


@dataclass(frozen=True)
class Shape:
    """A shape fitted to the models of a set.

    Attributes
    ----------
    name : str
        For example "pair of lines".
    lines : DataFrame
        One row a straight piece: ``line`` (its name, for example "upper line" or a group),
        ``intercept`` and ``slope`` on the scale of the fit, the range of source accuracy where it
        is drawn (``x_low``, ``x_high``), and ``n``, the models on it. A broken stick bends where
        its first piece ends.
    member : ndarray of str, shape (n,)
        The line each model given is on; empty where an accuracy is missing.
    rss : ndarray, shape (1 + draws,)
        Residual sum of squares on the scale, of the data and of every simulated dataset.
    n_parameters : int
        Free parameters, with the residual variance.
    cost : float
        What the BIC charges beside them, see `_pair`.
    reason : str
        Why there is no fit, or an empty text.
    """

    name: str
    lines: pd.DataFrame
    member: Names = field(repr=False)
    rss: Floats = field(repr=False)
    n_parameters: int
    cost: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Shapes:
    """Shapes against one line.

    Attributes
    ----------
    fits : mapping of str to Shape
        One line first, then the alternatives.
    table : DataFrame
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
    scale, chance
        Of the fit.
    """

    fits: Mapping[str, Shape]
    table: pd.DataFrame = field(repr=False)
    outcome: Outcome
    best: str
    scale: Scale
    chance: float

    def curves(self, name: str) -> pd.DataFrame:
        """The lines of a shape for drawing: `shape`, `line`, `x` and `y`."""
        parts = [pd.DataFrame(columns=["shape", "line", "x", "y"])]
        for line in self.fits[name].lines.to_dict("records"):
            x = np.linspace(line["x_low"], line["x_high"], GRID_POINTS)
            scaled = to_scale(x, self.scale, chance=self.chance)[0]
            y = line["intercept"] + line["slope"] * scaled
            y = from_scale(y, self.scale, chance=self.chance)
            parts.append(pd.DataFrame({"shape": name, "line": line["line"], "x": x, "y": y}))
        return pd.concat(parts[1:] or parts, ignore_index=True)


# --- shapes ---------------------------------------------------------------------------------

Columns = Callable[[Floats, Names], Floats]


def _fitted(
    name: str, points: Points, member: Names, names: Sequence[str], columns: Columns, rss: Floats
) -> Shape:
    """Least squares on the columns that a shape makes of x and the line each model is on."""
    beta = np.linalg.lstsq(columns(points.x, member), points.y, rcond=None)[0]
    every = np.full(points.n_given, "", dtype=object)
    every[points.position] = member
    rows = []
    for line in names:
        level = columns(np.array([0.0, 1.0]), np.array([line, line], dtype=object)) @ beta
        on = points.x_raw[member == line]
        rows.append((line, level[0], level[1] - level[0], on.min(), on.max(), on.size))
    lines = pd.DataFrame(rows, columns=["line", "intercept", "slope", "x_low", "x_high", "n"])
    return Shape(name, lines, every, rss, len(beta) + 1)


def _not_fitted(name: str, points: Points, reason: str) -> Shape:
    nobody = np.full(points.n_given, "", dtype=object)
    return Shape(name, pd.DataFrame(), nobody, np.full(1, np.nan), 0, reason=reason)


def _by_line(names: Sequence[str], parallel: bool = False) -> Columns:
    """A level for each line, and a slope for each or one for all."""

    def columns(x: Floats, member: Names) -> Floats:
        dummies = (member[:, None] == np.asarray(names, dtype=object)).astype(float)
        return np.column_stack([dummies, x if parallel else dummies * x[:, None]])

    return columns


def _pair(points: Points, left: Floats, rng: np.random.Generator) -> Shape:
    """Two lines with the membership that fits best.

    The BIC charges memberships, which are chosen to fit and so not free. A partition with shares
    `s` and `1 - s` costs `-2 n (s log s + (1 - s) log(1 - s))`, as in the integrated completed
    likelihood (Biernacki, Celeux and Govaert 2000, *IEEE PAMI* 22, 719). Six parameters are
    counted: two slopes, two intercepts, the share, the variance.
    """
    n, name = len(points.x), "pair of lines"
    if n < 2 * MODELS_PER_LINE:
        few = f"Two lines need {2 * MODELS_PER_LINE} models, {MODELS_PER_LINE} on each."
        return _not_fitted(name, points, few)
    rss, second = pair_search(points.x, left, rng, MODELS_PER_LINE)
    if not np.isfinite(rss[0]):
        none = "No partition into two lines has enough spread on both."
        return _not_fitted(name, points, none)
    sides = (~second[0], second[0])
    heights = [np.polyval(np.polyfit(points.x[s], points.y[s], 1), points.x.mean()) for s in sides]
    lower = sides[1] if heights[1] <= heights[0] else sides[0]
    names = ("upper line", "lower line")
    member = np.where(lower, names[1], names[0]).astype(object)
    fit = _fitted(name, points, member, names, _by_line(names), rss)
    share = lower.mean()
    cost = 2 * n * float(np.sum(special.entr([share, 1 - share])))
    return replace(fit, n_parameters=6, cost=cost)


def _stick(points: Points, left: Floats) -> Shape:
    """One line with a bend, where it fits best."""
    x = points.x
    knots = _knots(x)
    if not knots.size:
        none = f"No knot leaves {MODELS_PER_LINE} models and some spread on each side."
        return _not_fitted("broken stick", points, none)
    # For each knot the unit vector that a bend there adds to a line.
    bend = project_line(x, np.maximum(x - knots[:, None], 0.0))
    gains = (left @ (bend / np.linalg.norm(bend, axis=1, keepdims=True)).T) ** 2
    knot = float(knots[int(gains[0].argmax())])
    names = ("below the bend", "above the bend")

    def columns(at: Floats, member: Names) -> Floats:
        return np.column_stack([np.ones_like(at), at, (at - knot) * (member == names[1])])

    member = np.where(x <= knot, *names).astype(object)
    rss = np.sum(left**2, axis=1) - gains.max(axis=1)
    fit = _fitted("broken stick", points, member, names, columns, rss)
    at = float(from_scale(knot, points.scale, chance=points.chance))
    ends = {"x_low": [fit.lines["x_low"][0], at], "x_high": [at, fit.lines["x_high"][1]]}
    return replace(fit, lines=fit.lines.assign(**ends), n_parameters=5)


def _knots(x: Floats) -> Floats:
    """Where a stick may bend: enough models and enough range on both sides."""
    ordered = np.sort(x)
    if len(ordered) < 2 * MODELS_PER_LINE:
        return np.empty(0)
    reach = LEAST_SIDE_SHARE * np.ptp(x)
    low = max(ordered[MODELS_PER_LINE - 1], ordered[0] + reach)
    high = min(ordered[-MODELS_PER_LINE], ordered[-1] - reach)
    inner = ordered[(ordered >= low) & (ordered <= high)]
    grid = np.linspace(low, high, 101) if high >= low else np.empty(0)
    knots = np.unique(np.concatenate([inner, (inner[1:] + inner[:-1]) / 2, grid]))
    sides = [(np.unique(x[x <= k]).size > 2) and (np.unique(x[x > k]).size > 2) for k in knots]
    return np.asarray(knots[np.array(sides, dtype=bool)])


def _known_groups(points: Points, left: Floats, labels: ArrayLike, name: str) -> Iterator[Shape]:
    """A line for each known group, parallel and separate; small groups are joined."""
    given = pd.Series(np.asarray(labels, dtype=object)).iloc[points.position]
    text = given.where(given.isna(), given.astype(str)).fillna("").str.strip()
    text = text.mask((text.map(text.value_counts()) < MODELS_PER_LINE) | (text == ""), "other")
    counts = text.value_counts()
    if counts.get("other", MODELS_PER_LINE) < MODELS_PER_LINE and len(counts) > 1:
        largest = str(counts.drop("other").idxmax())
        text = text.mask(text.isin(["other", largest]), f"{largest} or other")
    member = text.to_numpy(dtype=object)
    names = pd.unique(member).tolist()
    few = (
        f"Fewer than two groups of {name} have {MODELS_PER_LINE} models." if len(names) < 2 else ""
    )
    flat = any(np.ptp(points.x[member == each]) <= SMALLEST_SPREAD for each in names)
    for parallel in (True, False):
        shape = f"{'parallel' if parallel else 'separate'} lines by {name}"
        if few or (flat and not parallel):
            none = few or f"A group of {name} has no spread in source accuracy."
            yield _not_fitted(shape, points, none)
            continue
        columns = _by_line(names, parallel)
        basis = np.linalg.qr(columns(points.x, member))[0]
        rss = np.sum(left**2, axis=1) - np.sum((left @ basis) ** 2, axis=1)
        yield _fitted(shape, points, member, names, columns, rss)


# --- comparing shapes -----------------------------------------------------------------------


def compare_shapes(
    x: ArrayLike,
    y: ArrayLike,
    *,
    groups: Mapping[str, ArrayLike] | None = None,
    clusters: ArrayLike | None = None,
    scale: Scale = "linear",
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
    draws: int = 500,
    rng: np.random.Generator | int = 0,
) -> Shapes:
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
        As in `hatlib.lines.lines.fit_line`.
    groups : mapping of str to array_like of shape (n,), optional
        Known groupings by name, for example {"thinking": labels}.
    clusters : array_like of shape (n,), optional
        Family of each model; models of one family share part of their scatter.
    draws : int
        Simulated data sets.
    rng : numpy.random.Generator or int
        Random numbers.

    Returns
    -------
    Shapes

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> x = random.uniform(0.2, 0.9, 40)
    >>> y = 0.9 * x - 0.1 * (np.arange(40) % 2) + random.normal(0, 0.01, 40)
    >>> found = compare_shapes(x, y, draws=100)
    >>> found.outcome, found.best
    ('better', 'pair of lines')
    """
    points = usable_points(x, y, clusters=clusters, scale=scale, n_items=n_items, chance=chance)
    n, codes = len(points.x), points.codes
    if points.reason:
        none = _not_fitted("one line", points, points.reason)
        table = pd.DataFrame({"shape": [none.name], "reason": [none.reason]})
        return Shapes({none.name: none}, table, "none", "", scale, chance)
    random = resample.generator(rng)
    residual = project_line(points.x, points.y[None, :])[0]
    sd, share = _scatter(points.x, residual, codes)
    noise = random.standard_normal((resample.checked_draws(draws), n))
    shared = random.standard_normal((draws, int(codes.max()) + 1))[:, codes]
    noise = sd * (np.sqrt(1 - share) * noise + np.sqrt(share) * shared)
    # Row 0 holds the data; all rows go through the same search. All shapes hold a line, so
    # fitting what a line leaves gives the same sum of squares.
    data = np.vstack([points.y, points.y - residual + noise])
    left = project_line(points.x, data)
    spread = np.sum((data - data.mean(axis=1, keepdims=True)) ** 2, axis=1)
    everyone, names = np.full(n, "all models", dtype=object), ["all models"]
    rss = np.sum(left**2, axis=1)
    found = [
        _fitted("one line", points, everyone, names, _by_line(names), rss),
        _pair(points, left, random),
        _stick(points, left),
    ]
    for name, labels in (groups or {}).items():
        found += _known_groups(points, left, labels, name)
    return _judged(found, points, spread, draws)


def _scatter(x: Floats, residual: Floats, codes: NDArray[np.int64]) -> tuple[Floats, float]:
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
    for _ in range(30):
        excess = squared / np.maximum(level * np.exp(slope * u), SMALLEST_VARIANCE) - 1
        slope = float(np.clip(slope + (u @ excess) / n, -2, 2))
        level = max(float(np.mean(squared / np.exp(slope * u))), SMALLEST_VARIANCE)
    sd = np.sqrt(level * np.exp(slope * u))
    z = residual / sd
    total, own = np.bincount(codes, weights=z), np.bincount(codes, weights=z**2)
    size = np.bincount(codes)
    pairs = float(np.sum(size * (size - 1)))
    if not pairs:
        return sd, 0.0
    share = float(np.sum(total**2 - own)) / pairs / max(float(np.mean(z**2)), 1e-12)
    return sd, float(np.clip(share, 0.0, 0.95))


def _judged(found: list[Shape], points: Points, spread: Floats, draws: int) -> Shapes:
    """The table of all shapes, and what it says; column 0 of sums of squares holds the data."""
    n = len(points.x)
    rss = np.stack([np.broadcast_to(shape.rss, spread.shape) for shape in found])
    rss = np.minimum(rss, rss[0])  # no search does worse than one line
    loglik = -n / 2 * (np.log(2 * np.pi * np.maximum(rss / n, SMALLEST_VARIANCE)) + 1)
    lr = 2 * (loglik - loglik[0])
    other = np.where(np.arange(len(found)) > 0, 0.0, np.nan) * lr[:, 0]  # nan where not tested
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = (rss[0] - rss) / spread + other[:, None]
        r_squared = 1 - rss[:, 0] / spread[0]
    p = (1 + np.sum(lr[:, 1:] >= lr[:, :1] - 1e-9, axis=1)) / (1 + draws) + other
    parameters = np.array([shape.n_parameters for shape in found])
    bic = parameters * np.log(n) - 2 * loglik[:, 0] + [shape.cost for shape in found]
    table = pd.DataFrame(
        {
            "shape": [shape.name for shape in found],
            "n_parameters": parameters,
            "loglik": loglik[:, 0],
            "bic": bic,
            "delta_bic": bic - bic[0],
            "lr": lr[:, 0],
            "p_value": p,
            "p_se": np.sqrt(p * (1 - p) / (1 + draws)),
            "p_adjusted": resample.holm(p),
            "r_squared": r_squared,
            "r_squared_gain": gain[:, 0],
            "gain_by_chance": gain[:, 1:].mean(axis=1),
            "gain_by_chance_high": np.quantile(gain[:, 1:], 0.95, axis=1),
            "reason": [shape.reason for shape in found],
        }
    )
    fits = {shape.name: shape for shape in found}
    return Shapes(fits, table, *_outcome(table, n), points.scale, points.chance)


def _outcome(table: pd.DataFrame, n: int) -> tuple[Outcome, str]:
    """What the p-values and the BIC say, and the shape that they name."""
    tested = table[table["p_adjusted"].notna()]
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
