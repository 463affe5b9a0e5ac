"""The best partition of models into two lines: every one is tried, or a search has many starts.

Up to `EXACT_UP_TO` models every partition is tried. Beyond that the search alternates between
fitting both lines and moving models to the nearer one. Each line keeps a least number of models
that spread over x by `LEAST_LINE_SPREAD` of the overall standard deviation: else a few models of
nearly the same source accuracy make an almost vertical line. All functions work on many rows of
y at once, as a bootstrap needs them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hatlib import resample
from hatlib.lines.lines import SMALLEST_SPREAD, Bools, Floats

LEAST_LINE_SPREAD = 0.25
"""Each line of a pair spreads over x by at least this share of the standard deviation of x."""

EXACT_UP_TO = 14
"""Up to this many models every partition into two lines is tried."""

RANDOM_STARTS = 24
"""Random starts of the search for a pair of lines, beside the planned ones."""

MOST_ROUNDS = 60
"""Rounds of alternation; a start that has not settled by then is taken as it is."""


def project_line(x: Floats, y: Floats) -> Floats:
    """Residuals of each row of y from its least-squares line on x."""
    u = x - x.mean()
    centred = y - y.mean(axis=1, keepdims=True)
    return np.asarray(centred - ((centred @ u) / (u @ u))[:, None] * u)


def pair_search(
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
    rows = max(1, 3_000_000 // (2 ** (n - 1) if n <= EXACT_UP_TO else n * 50))
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
    explained = np.zeros((len(y), len(second)))
    for mask in (second, ~second):
        m = mask.T.astype(float)
        explained += _explained(u, mask, y @ m, (y * u) @ m)
    best = explained.argmax(axis=1)
    return np.sum(y**2, axis=1) - explained.max(axis=1), second[best]


def _explained(u: Floats, mask: Bools, sy: Floats, suy: Floats) -> Floats:
    """Sum of squares that a line through the masked models explains, from their sums of y and uy.

    One row a mask; or, with many y for each mask, sums of shape (rows, masks).
    """
    m = mask.astype(float)
    count, su, suu = np.maximum(m.sum(axis=1), 1), m @ u, m @ u**2
    spread = np.maximum(suu - su**2 / count, SMALLEST_SPREAD)
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
    """Alternate from many starts; all rows of y at once."""
    rows, n = y.shape
    starts = np.concatenate([_planned_starts(u, y), _random_starts(u, y, pairs)], axis=1)
    count = starts.shape[1]
    data = np.repeat(y, count, axis=0)
    second = _alternate(u, data, starts.reshape(-1, n), least)
    rss = np.sum(data**2, axis=1)
    for mask in (second, ~second):
        held = np.where(mask, data, 0.0)
        rss -= _explained(u, mask, held.sum(axis=1), held @ u)
    rss = np.where(_allowed(u, second, least), rss, np.inf).reshape(rows, count)
    best, at = rss.argmin(axis=1), np.arange(rows)
    return rss[at, best], second.reshape(rows, count, n)[at, best]


def _planned_starts(u: Floats, y: Floats) -> Bools:
    """Cut the cloud along a tilted line and, for crossing lines, also at a source accuracy.

    The best partition always has this form: two lines are equally near along their mean line and
    where they cross.
    """
    residual = project_line(u, y)
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
