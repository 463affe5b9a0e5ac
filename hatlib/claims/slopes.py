"""Slopes within groups as weights, and their mean over lineages with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hatlib import resample
from hatlib.lines import distance

Floats = NDArray[np.float64]

_LEAST_SPREAD = 1e-9  # of what differs, in a group that can tell anything


@dataclass(frozen=True)
class Slopes:
    """Least-squares slopes within groups, as weights of the values that they are slopes of.

    Attributes
    ----------
    weights : ndarray, shape (groups, n)
        Times values, the slope of each group.
    spread : ndarray, shape (groups,)
        How much each group counts in a common slope: the sum of squares of what differs.
    groups : tuple of str
        The groups that can tell anything.
    """

    weights: Floats
    spread: Floats
    groups: tuple[str, ...]

    @property
    def common(self) -> Floats:
        """Times values, the slope that all groups have in common; shape (n,)."""
        return self.spread @ self.weights / self.spread.sum()

    def of(self, values: Floats) -> Floats:
        """The slope of each group, shape (..., groups); what is missing spoils its own group."""
        slopes = np.nan_to_num(values) @ self.weights.T
        return np.where(np.isnan(values) @ (self.weights != 0).T, np.nan, slopes)


def within_groups(x: ArrayLike, groups: Sequence[str], held: ArrayLike | None = None) -> Slopes:
    """The least-squares slope on `x`, with a level for each group and `held` held fixed.

    Parameters
    ----------
    x : array_like, shape (n,)
        What differs.
    groups : sequence of str, length n
        What is alike.
    held : array_like, shape (n,), optional
        What else is held fixed.

    Returns
    -------
    Slopes

    Examples
    --------
    >>> slopes = within_groups([0, 1, 0, 2], ["a", "a", "b", "b"])
    >>> round(float(slopes.common @ np.array([0.5, 0.6, 0.1, 0.3])), 3)
    0.1
    """
    labels = np.asarray(groups, dtype=object)
    both = pd.DataFrame({"x": x, "held": 0.0 if held is None else held}).astype(float)
    first, other = (both - both.groupby(labels).transform("mean")).to_numpy().T
    if other @ other > _LEAST_SPREAD:
        first = first - other * (other @ first) / (other @ other)
    names = [str(name) for name in dict.fromkeys(labels.tolist())]
    members = np.array([labels == name for name in names]).reshape(len(names), len(first))
    spread = members @ first**2
    tells = spread > _LEAST_SPREAD
    return Slopes(
        members[tells] * first / spread[tells, None],
        spread[tells],
        tuple(name for name, yes in zip(names, tells, strict=True) if yes),
    )


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes
    ----------
    estimate, low, high, p_value : float
        The number, its interval, and the two-sided p-value that it is 0.
    se, freedom : float
        Standard error, and degrees of freedom of Student's t behind the interval.
    general : bool
        Whether the interval speaks of models in general.
    n_lineages : int
        How many lineages there are.
    """

    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p_value: float = np.nan
    se: float = np.nan
    freedom: float = np.nan
    general: bool = False
    n_lineages: int = 0


def student(
    value: float, se: float, freedom: float, level: float, *, general: bool, n_lineages: int
) -> Estimate:
    """An estimate with the interval of Student's t."""
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * se
    p = float(2 * stats.t.sf(abs(value) / se, freedom)) if se > 0 else np.nan
    return Estimate(value, value - reach, value + reach, p, se, freedom, general, n_lineages)


def over_lineages(
    values: Floats,
    draws: Floats,
    weights: NDArray[np.int64],
    lineages: Sequence[object],
    importance: Floats | None = None,
    level: float = resample.LEVEL,
) -> Estimate:
    """The mean over groups, with lineages drawn with replacement.

    The interval is the mean plus or minus Student's *t* on (lineages - 1) degrees of freedom
    times the bootstrap standard error.  With few lineages percentiles of the draws are far too
    narrow (``benchmarks/pooled_intervals.py`` shows both).

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        One value a group; missing ones are left out.
    draws : ndarray of float, shape (draws, n)
        The same in every bootstrap draw.
    weights : ndarray of int, shape (draws, n)
        How often each group counts in every draw.
    lineages : sequence of length n
        Lineage of each.
    importance : ndarray of float, shape (n,), optional
        Weights of a weighted mean; all alike if not given.
    level : float
        Nominal coverage of the interval.

    Returns
    -------
    Estimate
        Without an interval if there are fewer than three lineages.

    Examples
    --------
    >>> values, draws = np.array([1.0, 3.0]), np.array([[1.0, 3.0]] * 4)
    >>> over_lineages(values, draws, np.ones((4, 2), int), ["a", "b"]).estimate
    2.0
    """
    kept = np.flatnonzero(np.isfinite(values))
    values, draws, weights = values[kept], draws[:, kept], weights[:, kept]
    share = np.ones(len(kept)) if importance is None else importance[kept]
    n = len({lineages[i] or i for i in kept.tolist()})
    value = float(np.average(values, weights=share)) if len(kept) else np.nan
    if n < distance.MIN_STEPS:
        return Estimate(value, general=True, n_lineages=n)
    used = weights * share * np.isfinite(draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (used * np.nan_to_num(draws)).sum(axis=1) / used.sum(axis=1)
    se = float(np.nanstd(means) * np.sqrt(n / (n - 1)))
    return student(value, se, n - 1, level, general=True, n_lineages=n)
