"""The one resampler: which models or items a bootstrap draw counts, and how often.

A draw is a row of *weights*: how often each model (or item) is counted. Every estimate of one
analysis uses the same weights, so shared noise cancels in differences. Models of one family are
not independent, so families are drawn, not models.
"""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hatlib.errors import InputError
from hatlib.thresholds import BOOK

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEW_CLUSTERS = 8
"""With fewer families than this, no interval across models is trustworthy."""

LEVEL = BOOK["level"]
"""Nominal coverage of an interval."""


def generator(rng: np.random.Generator | int = 0) -> np.random.Generator:
    """The generator itself, or a new one from a seed.

    Examples
    --------
    >>> bool(generator(1).integers(10) == generator(1).integers(10))
    True
    """
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(checked_seed(rng))


def checked_seed(seed: int) -> int:
    """A seed, which must be a whole number of 0 or more.

    Raises
    ------
    InputError
        If it is below 0.

    Examples
    --------
    >>> checked_seed(7)
    7
    """
    if seed < 0:
        raise InputError("seed is below 0.", "Use a whole number, 0 or more.", value=str(seed))
    return int(seed)


def seed_of(seed: int, name: object) -> int:
    """A seed for one dataset, so that adding a dataset changes nothing in the others.

    Examples
    --------
    >>> seed_of(0, "a") == seed_of(0, "a"), seed_of(0, "a") == seed_of(0, "b")
    (True, False)
    """
    own = [checked_seed(seed), zlib.crc32(str(name).encode())]
    return int(np.random.SeedSequence(own).generate_state(1)[0])


def cluster_codes(clusters: ArrayLike | None, n: int) -> Ints:
    """Number the clusters 0, 1, ... in order of first appearance.

    Parameters
    ----------
    clusters : array_like of shape (n,) or None
        A label for each model, for example its family. None: each model is its own cluster.
        A missing label (None, nan, empty) also makes a model its own cluster.
    n : int
        Number of models.

    Returns
    -------
    ndarray of int, shape (n,)

    Raises
    ------
    InputError
        If there are not `n` labels.

    Examples
    --------
    >>> cluster_codes(["a", "b", "a", None, None], 5).tolist()
    [0, 1, 0, 2, 3]
    """
    if clusters is None:
        return np.arange(n)
    labels = pd.Series(np.asarray(clusters, dtype=object))
    if len(labels) != n:
        raise InputError(
            f"there are {len(labels)} cluster labels for {n} models.", "Give one each."
        )
    missing = labels.isna() | (labels.astype(str).str.strip() == "")
    own = pd.Series([f"own\0{i}" for i in range(n)], dtype=object)
    return pd.factorize(labels.astype(str).mask(missing, own))[0].astype(np.int64)


def weights(
    rng: np.random.Generator | int, clusters: ArrayLike | None, draws: int, n: int | None = None
) -> Ints:
    """Draw families with replacement; count each model as often as its family was drawn.

    Parameters
    ----------
    rng : numpy.random.Generator or int
        Random numbers.
    clusters : array_like of shape (n,) or None
        Family of each model. None: every model is its own family; `n` is then needed.
    draws : int
        Number of bootstrap draws.
    n : int, optional
        Number of models, if `clusters` is None.

    Returns
    -------
    ndarray of int, shape (draws, n)
        In each row the weights of one model per family sum to the number of families.

    Examples
    --------
    >>> w = weights(0, ["a", "a", "b", "c"], draws=100)
    >>> bool((w[:, 0] == w[:, 1]).all()), set(w[:, 1:].sum(axis=1).tolist())
    (True, {3})
    """
    size = int(n or 0) if clusters is None else len(np.asarray(clusters, dtype=object))
    codes = cluster_codes(clusters, size)
    if not size:
        return np.zeros((checked_draws(draws), 0), dtype=np.int64)
    families = int(codes.max()) + 1
    even = np.full(families, 1 / families)
    return generator(rng).multinomial(families, even, size=checked_draws(draws))[:, codes]


def percentile_interval(values: ArrayLike, level: float = LEVEL) -> Floats:
    """The middle `level` of the draws.

    Parameters
    ----------
    values : array_like
        Estimates, one a draw along the first axis. Draws without an estimate (nan) are left out.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    ndarray of shape (2, ...)
        Low and high end; nan where no draw gave an estimate.

    Examples
    --------
    >>> percentile_interval(range(101), level=0.9).round(9).tolist()
    [5.0, 95.0]
    """
    array = np.asarray(values, dtype=float)
    tail = (1 - _level(level)) / 2
    good = np.isfinite(array)
    if good.all() and len(array):
        return np.asarray(np.quantile(array, [tail, 1 - tail], axis=0))
    out, some = np.full((2, *array.shape[1:]), np.nan), good.any(axis=0)
    cells = np.where(good, array, np.nan)[:, some]
    if cells.size:
        out[:, some] = np.nanquantile(cells, [tail, 1 - tail], axis=0)
    return out


def jackknife_interval(
    estimate: ArrayLike, left_out: ArrayLike, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Interval from the estimates without each cluster in turn (delete-one-cluster jackknife).

    The variance is `(G - 1) / G` times the summed squared distances from the estimate, the
    multiplier is Student's t with `G - 1` degrees of freedom (CV3 in MacKinnon, Nielsen and
    Webb 2023, *Journal of Econometrics* 232, section 2).

    Parameters
    ----------
    estimate : array_like of shape (...)
        The estimate from all clusters.
    left_out : array_like of shape (G, ...)
        The estimate without cluster 0, 1, ..., G - 1.
    level : float
        Nominal coverage.

    Returns
    -------
    interval : ndarray of shape (2, ...)
        Low and high end; nan with fewer than two clusters.
    se : ndarray of shape (...)
        Standard error.

    Examples
    --------
    >>> interval, se = jackknife_interval(2.0, [1.5, 2.0, 2.5])
    >>> float(se.round(3)), interval.round(2).tolist()
    (0.577, [-0.48, 4.48])
    """
    centre, out = np.asarray(estimate, dtype=float), np.asarray(left_out, dtype=float)
    size = len(out)
    if size < 2:
        empty = np.full(centre.shape, np.nan)
        return np.stack([empty, empty]), empty
    se = np.sqrt((size - 1) / size * np.sum((out - centre) ** 2, axis=0))
    reach = stats.t.ppf((1 + _level(level)) / 2, size - 1) * se
    return np.stack([centre - reach, centre + reach]), np.asarray(se)


def with_q_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``q_value``: p-values corrected for their number, by Benjamini and Hochberg.

    Parameters
    ----------
    frame : DataFrame
        With a column ``p_value``; missing ones stay and do not count.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> with_q_values(pd.DataFrame({"p_value": [0.01, 0.04, np.nan]}))["q_value"].tolist()
    [0.02, 0.04, nan]
    """
    q = np.full(len(frame), np.nan)
    known = frame["p_value"].notna().to_numpy()
    if known.any():
        q[known] = stats.false_discovery_control(frame.loc[known, "p_value"].to_numpy(float))
    return frame.assign(q_value=q)


def holm(p: ArrayLike) -> Floats:
    """P-values corrected for their number (Holm 1979); missing ones stay and do not count.

    Parameters
    ----------
    p : array_like, shape (n,)
        P-values.

    Returns
    -------
    ndarray of float, shape (n,)

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=float)
    found = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = np.maximum.accumulate(values[order] * (len(order) - np.arange(len(order))))
    found[order] = np.minimum(steps, 1)
    return found


def few_clusters_flag(n_clusters: int, unit: str = "families") -> str:
    """A sentence if there are too few clusters to trust an interval, else an empty text.

    Examples
    --------
    >>> few_clusters_flag(3)
    'The interval is not trustworthy: fewer than 8 families (found: 3).'
    >>> few_clusters_flag(20)
    ''
    """
    if n_clusters >= FEW_CLUSTERS:
        return ""
    return (
        f"The interval is not trustworthy: fewer than {FEW_CLUSTERS} {unit} (found: {n_clusters})."
    )


def as_float(values: ArrayLike) -> Floats:
    """Floats with nan for missing, also from a nullable pandas column."""
    if isinstance(values, pd.Series):
        return values.to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(values, dtype=float)


def checked_draws(draws: int) -> int:
    """The number of draws, if it is at least 1."""
    if draws < 1:
        raise InputError("draws must be at least 1.", "Use 1000.", value=str(draws))
    return int(draws)


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise InputError("level must be between 0 and 1.", "Use 0.95.", value=str(level))
    return float(level)
