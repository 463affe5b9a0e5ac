"""Two transfer profiles side by side: where two models differ, and where nobody can tell.

Two models have met the same items, and each redraw moves both profiles.  The band of their
difference comes from these paired redraws.  It is simultaneous: at all points at once it holds the
truth with the stated level, so the stretches where it excludes 0 need no further correction.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.errors import InputError, listing
from hatlib.metric.results import BenchmarkScores, HatScores, thinned

Floats = NDArray[np.float64]

ENOUGH = 10
"""With fewer items near a point, a profile there rests on its shape and on the other models."""

_NEAR = 0.05  # of the range of *h*


def profile_pairs(scores: HatScores, a: str = "", b: str = "") -> pd.DataFrame:
    """Every two models with a score, and how much of the range both have items in.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    a, b : str
        Names of the first and of the second model, where these are asked for.

    Returns
    -------
    DataFrame
        One row a dataset and pair, the higher score first unless a model is asked for:
        ``benchmark``, ``benchmark_name``, ``i`` and ``j`` (places of the models), ``model_a``,
        ``model_b``, ``name_a``,
        ``name_b``, ``lead`` in HAT, ``shared`` (share of the range of hardness where both have
        items), and whether both scores are ``sound``.

    Raises
    ------
    InputError
        If no pair has a model that is asked for.

    Examples
    --------
    >>> import hatlib
    >>> made = hatlib.simulate_answers([0.5, 0.5], profiles=["steep", "flat"], n_items=800)
    >>> pairs = profile_pairs(hatlib.hat_scores(made.responses, reference="uniform", draws=100))
    >>> pairs[["model_a", "model_b"]].values.tolist()
    [['Alder', 'Aspen']]
    """
    shown = scores.models.set_index("model")["display_name"]
    parts = []
    for chosen in scores.benchmarks:
        hat, enough = chosen.hat[:, 0], (items_near(chosen) >= ENOUGH).astype(float)
        order = np.argsort(-hat, kind="stable")[: np.isfinite(hat).sum()]
        all_pairs = 1 - np.eye(len(order))
        i, j = (order[side] for side in np.nonzero(all_pairs if a or b else np.triu(all_pairs)))
        ids = np.array(chosen.models, dtype=object)
        names = shown.reindex(ids).fillna(pd.Series(ids, ids)).to_numpy(object)
        same = names[i] == names[j]
        columns = {
            **{"i": i, "j": j, "model_a": ids[i], "model_b": ids[j], "lead": hat[i] - hat[j]},
            **{f"name_{s}": np.where(same, ids[k], names[k]) for s, k in (("a", i), ("b", j))},
            "shared": (enough[i] * enough[j]).mean(axis=1),
            "sound": chosen.sound[i, 0] & chosen.sound[j, 0],
        }
        name = scores.names.get(chosen.benchmark, chosen.benchmark)
        about = {"benchmark": chosen.benchmark, "benchmark_name": name}
        parts.append(pd.DataFrame(columns).assign(**about))
    found = pd.concat(parts, ignore_index=True)
    for side, wanted in (("a", a), ("b", b)):
        is_it = (found[[f"model_{side}", f"name_{side}"]] == wanted).any(axis=1)
        if wanted and not is_it.any():
            raise InputError(
                "no two models with scores have this name and the other.",
                f"There are: {listing(scores.models['model'], 40)}.",
                value=wanted,
            )
        found = found[is_it] if wanted else found
    return found


def profile_difference(b: BenchmarkScores, i: int, j: int, *, level: float) -> pd.DataFrame:
    """Two macro profiles at the kept points, and their difference with a simultaneous band.

    Parameters
    ----------
    b : BenchmarkScores
        Scores with redraws.
    i, j : int
        Places of the two models.
    level : float
        Share of differences that the band holds over its whole length.

    Returns
    -------
    DataFrame
        One row a point: ``source_probability``, ``expected_a``, ``expected_b``, ``difference``,
        ``low``, ``high``, ``items_a`` and ``items_b`` (how many items of each model are near),
        ``supported`` (both have `ENOUGH`).

    Raises
    ------
    InputError
        If the scores have no redraws.
    """
    if b.curve_draws is None:
        raise InputError("the scores have no redraws.", "Score with draws=2000.")
    kept = thinned(b.hardness.grid, b.chance)
    first, second = b.curves[i, 0, kept], b.curves[j, 0, kept]
    redrawn = b.curve_draws[:, i] - b.curve_draws[:, j]
    se = np.maximum(redrawn.std(axis=0, ddof=1), 1e-9)
    departure = np.abs(redrawn - redrawn.mean(axis=0)) / se
    reach = np.quantile(departure.max(axis=1), level) * se
    frame = pd.DataFrame(
        {"source_probability": b.hardness.grid[kept], "expected_a": first, "expected_b": second}
    )
    frame["difference"] = gap = first - second
    frame["low"], frame["high"] = gap - reach, gap + reach
    frame["items_a"], frame["items_b"] = items_near(b)[[i, j]]
    frame["supported"] = frame[["items_a", "items_b"]].min(axis=1) >= ENOUGH
    return frame


def items_near(b: BenchmarkScores) -> Floats:
    """Items of each model near each kept point, by the distribution of their hardness."""
    grid = b.hardness.grid
    near = np.abs(grid[thinned(grid, b.chance), None] - grid) <= _NEAR * (1 - b.chance)
    return np.asarray(b.n_items[:, :1] * (b.hardness.distribution @ near.T))


def stretches(points: pd.DataFrame) -> pd.DataFrame:
    """Where a band excludes 0 and both models have items: `start`, `end`, largest `difference`."""
    clear = (points["low"] > 0) | (points["high"] < 0)
    side = np.sign(points["difference"]) * (clear & points["supported"])
    found = points.assign(
        side=side, size=points["difference"].abs(), run=(side != side.shift()).cumsum()
    )[side != 0]
    about = {"start": ("source_probability", "first"), "end": ("source_probability", "last")}
    ends = found.groupby("run").agg(**about, side=("side", "first"), most=("size", "max"))
    ends["difference"] = ends["most"] * ends["side"]
    return ends[["start", "end", "difference"]].reset_index(drop=True)
