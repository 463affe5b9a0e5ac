"""Two transfer profiles side by side: where two models differ, and where nobody can tell.

A score is one number; a profile says on which items a model transfers.  Two models with the same
score may differ on hard and on easy items in opposite directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.claims.rankings import readable
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.results import BenchmarkScores, HatScores, thinned

Floats = NDArray[np.float64]

ENOUGH = 10
"""With fewer items near a point, a profile there rests on its shape and on the other models."""

WIDE = 0.75
"""A share of the range of hardness that is wide enough to compare profiles."""

_NEAR = 0.05  # of the range of *h*


@dataclass(frozen=True)
class ProfilePair:
    """The transfer profiles of two models on the same items, and their difference.

    Attributes
    ----------
    benchmark, benchmark_name : str
    models, names : tuple of str
        The two models, and their readable names; fewer if there are no two with a score.
    points : DataFrame
        One row a point of the profiles: ``source_probability``, ``expected_a``, ``expected_b``,
        their ``difference`` with ``low`` and ``high``, about how many items each model has
        within a twentieth of the range (``items_a``, ``items_b``), and ``supported``: both have
        enough. The band holds for all points at once.
    stretches : DataFrame
        Where both models have items and the band excludes 0: ``start``, ``end``, ``better``
        (readable name), and the largest ``difference``.
    reason : str
        Why there is no pair; empty if there is one.
    """

    benchmark: str
    benchmark_name: str
    models: tuple[str, ...]
    names: tuple[str, ...]
    points: pd.DataFrame
    stretches: pd.DataFrame
    reason: str


def profile_pair(
    scores: HatScores, a: str = "", b: str = "", *, benchmark: str = ""
) -> ProfilePair:
    """Put the profiles of two models side by side.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`, with redraws.
    a, b : str
        Two models, by name or display name. An empty name is chosen among the models with
        supported scores (or else with any): the two for which the difference of the scores, times
        the share of the range where both have items, is largest.
    benchmark : str
        Which benchmark; the first if none is named.

    Returns
    -------
    ProfilePair

    Raises
    ------
    InputError
        If a name is not known, the models are the same, or there are no redraws.

    Notes
    -----
    The band is the estimate ± *c* standard errors. The standard errors come from redraws of the
    items, the same for both models, and *c* is the quantile of the largest standardised departure
    of a redraw over all points, so that the band holds everywhere at once.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers([0, 0], profiles=["linear", "square"], n_items=800)
    >>> pair = profile_pair(hat_scores(simulated.responses, draws=200))
    >>> pair.names, bool(pair.points["low"].le(pair.points["difference"]).all())
    (('Alder', 'Aspen'), True)
    """
    chosen = scores.benchmark(benchmark)
    names = readable(scores, chosen)
    title = scores.names.get(chosen.benchmark, chosen.benchmark)
    named = [_place(chosen, names, name) for name in (a, b) if name]
    if len(named) == 2 and named[0] == named[1]:
        raise InputError(Problem("a model is compared with itself.", "Name two.", value=a))
    at = _pair(chosen, named)
    at = at[::-1] if b and not a else at
    models, shown = tuple(chosen.models[m] for m in at), tuple(names[m] for m in at)
    shown = shown if len(set(shown)) == len(shown) else models
    points = pd.DataFrame(columns=list(_POINTS), dtype=float)
    if len(at) == 2:
        points = profile_difference(chosen, *at, level=scores.level)
    reason = "" if len(at) == 2 else (
        f"Two models with a score are needed, and there are {len(at)}. Add responses of "
        "another model, or several answers an item."
    )  # fmt: skip
    return ProfilePair(
        chosen.benchmark, title, models, shown, points, _stretches(points, shown), reason
    )


_POINTS = (
    *("source_probability", "expected_a", "expected_b", "difference", "low", "high"),
    *("items_a", "items_b", "supported"),
)


def profile_difference(b: BenchmarkScores, i: int, j: int, *, level: float) -> pd.DataFrame:
    """Two macro profiles at the kept points, and their difference with a simultaneous band.

    Parameters
    ----------
    b : BenchmarkScores
        With redrawn profiles.
    i, j : int
        Places of the two models.
    level : float
        Coverage of the band at all points together.

    Returns
    -------
    DataFrame
        The points of `ProfilePair`.

    Raises
    ------
    InputError
        If there are no redraws.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers([0, 0], profiles=["linear", "square"], n_items=400)
    >>> b = hat_scores(simulated.responses, draws=50).benchmark()
    >>> len(profile_difference(b, 0, 1, level=0.95))
    21
    """
    if b.curve_draws is None:
        raise InputError(Problem("the scores have no redraws.", "Score with draws=2000."))
    kept = thinned(b.hardness.grid, b.chance)
    first, second = b.curves[i, 0, kept], b.curves[j, 0, kept]
    redrawn = b.curve_draws[:, i] - b.curve_draws[:, j]
    se = np.maximum(redrawn.std(axis=0, ddof=1), 1e-9)
    departure = np.abs(redrawn - redrawn.mean(axis=0)) / se
    reach = np.quantile(departure.max(axis=1), level) * se
    items = items_near(b)[[i, j]]
    gap = first - second
    columns = (b.hardness.grid[kept], first, second, gap, gap - reach, gap + reach, *items,
               (items >= ENOUGH).all(axis=0))  # fmt: skip
    return pd.DataFrame(dict(zip(_POINTS, columns, strict=True)))


def items_near(b: BenchmarkScores) -> Floats:
    """About how many items each model has near each kept point, shape (n_models, n_points)."""
    grid = b.hardness.grid
    near = np.abs(grid[thinned(grid, b.chance), None] - grid) <= _NEAR * (1 - b.chance)
    return np.asarray(b.n_items[:, :1] * (b.hardness.distribution @ near.T))


def widest(scores: HatScores) -> str:
    """The benchmark to look at profiles on: many models that share a wide range of hardness.

    Of the benchmarks on which two models share `WIDE` of the range, it is the one with most
    supported scores; if there is none, the one on which two models share most.

    Examples
    --------
    >>> from hatlib import hat_scores, load_responses
    >>> responses = load_responses(sets=["mgsm", "gsm-symbolic"])
    >>> widest(hat_scores(responses, draws=50))
    'gsm-symbolic'
    """
    reach = {}
    for b in scores.benchmarks:
        at, shared = _pair(b, []), _shared(b)
        least = min(shared[at[0], at[1]], WIDE) if len(at) == 2 else 0.0
        reach[b.benchmark] = (least, int(b.sound[:, 0].sum()))
    return max(reach, key=lambda name: reach[name])


def _shared(b: BenchmarkScores) -> Floats:
    """Share of the kept points near which both of two models have enough items."""
    enough = (items_near(b) >= ENOUGH).astype(float)
    return np.asarray(enough @ enough.T / enough.shape[1])


def _pair(b: BenchmarkScores, named: list[int]) -> list[int]:
    """The two models to show, the better one first; those named are kept."""
    if len(named) == 2:
        return named
    hat, shared = b.hat[:, 0], _shared(b)
    pool = np.flatnonzero(b.sound[:, 0]).tolist()
    if len({*pool, *named}) < 2:
        pool = np.flatnonzero(np.isfinite(hat)).tolist()
    others = [(named[0], m) for m in pool if m != named[0]] if named else combinations(pool, 2)
    pairs = [pair for pair in others if np.isfinite(hat[list(pair)]).all()]
    if not pairs:
        return pool[:1]
    first, second = max(pairs, key=lambda pair: shared[pair] * abs(hat[pair[0]] - hat[pair[1]]))
    return [first, second] if named or hat[first] >= hat[second] else [second, first]


def _stretches(points: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Runs of supported points at which the band excludes 0 on the same side."""
    clear = (points["low"] > 0) | (points["high"] < 0)
    side = np.sign(points["difference"]) * (clear & points["supported"])
    run = (side != side.shift()).cumsum()
    known = points.assign(better=np.where(side > 0, names[:1] or "", names[1:] or ""), run=run)
    known["size"] = known["difference"].abs()
    ends = known[side != 0].groupby("run").agg(
        start=("source_probability", "first"), end=("source_probability", "last"),
        better=("better", "first"), most=("size", "max"), sign=("difference", "first"),
    )  # fmt: skip
    ends["difference"] = ends["most"].astype(float) * np.sign(ends["sign"].astype(float))
    return ends[["start", "end", "better", "difference"]].reset_index(drop=True)


def _place(b: BenchmarkScores, names: tuple[str, ...], name: str) -> int:
    """The place of a model that is named."""
    if name in b.models:
        return b.models.index(name)
    if names.count(name) == 1:
        return names.index(name)
    there = f"There are: {listing(b.models, 40)}."
    raise InputError(Problem(f"there is no such model on {b.benchmark}.", there, value=name))
