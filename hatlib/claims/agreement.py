"""Do two measures rank the same models alike, and how sure is that?

Kendall's tau of two rankings, with an interval that allows for the noise in both.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hatlib import resample
from hatlib.show.words import headline
from hatlib.thresholds import BOOK, Thresholds

Floats = NDArray[np.float64]

AGREE, DIFFER, UNSURE = "rankings agree", "rankings differ", "cannot tell"

RELIABLE = BOOK["reliable"]
"""Rankings are judged only if this share of the variance among the models is no noise."""

MIN_RANKED = 3
"""Fewest models that make a ranking."""

_PARTIAL = 1e-6  # least share of a variance, so that matrices can be inverted


@dataclass(frozen=True)
class Agreement:
    """How far two rankings of the same models agree.

    Attributes
    ----------
    tau : float
        Kendall's tau-b of the two estimates; nan if there is no ranking.
    low, high : float
        Interval of the tau that scores without noise would have.
    models : int
        Models that are ranked.
    reliable : float
        Share of the variance among the models that is no noise, in the noisier ranking.
    """

    tau: float
    low: float
    high: float
    models: int
    reliable: float

    def verdict(self, rules: Thresholds = BOOK) -> str:
        """Judge the interval by the threshold ``tau``.

        Returns
        -------
        str
            `AGREE` if the interval lies above, `DIFFER` if it lies below, else `UNSURE`; also
            `UNSURE` if noise makes up most of what sets the models apart.
        """
        if not np.isfinite(self.tau) or not self.reliable >= RELIABLE:
            return UNSURE
        if self.low > rules["tau"]:
            return AGREE
        return DIFFER if self.high < rules["tau"] else UNSURE


def rank_agreement(
    a: ArrayLike,
    b: ArrayLike,
    draws_a: ArrayLike,
    draws_b: ArrayLike,
    *,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> Agreement:
    """Compare two rankings of the same models, and how sure the comparison is.

    A redraw carries the noise of the estimate and its own, so redrawn rankings agree less than
    rankings without noise would.  Estimates shrunk to the mean of the models (empirical Bayes)
    carry the noise once, but trust an estimated spread.  The interval covers both readings: it
    runs from the lower of the two lower ends to the higher of the two upper ends.

    Parameters
    ----------
    a, b : array_like, shape (n_models,)
        Two measures of the same models.
    draws_a, draws_b : array_like, shape (n_draws, n_models)
        Both measures of redrawn items, in each row the same items.
    level : float
        Nominal coverage.
    seed : int
        Random numbers of the shrunken redraws.

    Returns
    -------
    Agreement

    Examples
    --------
    >>> scores = np.arange(6.0)
    >>> noise = np.random.default_rng(0).normal(0, 0.2, (200, 6))
    >>> same = rank_agreement(scores, scores, scores + noise, scores + noise)
    >>> same.tau, same.verdict()
    (1.0, 'rankings agree')
    >>> rank_agreement(scores, -scores, scores + noise, noise - scores).verdict()
    'rankings differ'
    """
    values = np.stack([np.asarray(a, float), np.asarray(b, float)], axis=1)
    redrawn = np.stack([np.asarray(draws_a, float), np.asarray(draws_b, float)], axis=2)
    n = len(values)
    spread = values.std(axis=0, ddof=1) if n > 1 else np.zeros(2)
    if n < MIN_RANKED or not (spread > 0).all():
        return Agreement(np.nan, np.nan, np.nan, n, 0.0)
    # A ranking does not change if all models move together, nor with the unit.
    place = (values - values.mean(axis=0)) / spread
    noise = (redrawn - redrawn.mean(axis=0)) / spread
    noise -= noise.mean(axis=1, keepdims=True)
    error = np.einsum("dmi,dmj->mij", noise, noise) / max(len(noise) - 1, 1) * n / (n - 1)
    shrunken = _shrunken(place, noise, error, np.random.default_rng(seed))
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends = np.array(
        [np.quantile(_taus(rows), tails) for rows in (place + noise, shrunken)], dtype=float
    )
    return Agreement(
        float(_taus(place)),
        float(ends[:, 0].min()),
        float(ends[:, 1].max()),
        n,
        float(1 - np.diagonal(error.mean(axis=0)).max()),
    )


def _shrunken(place: Floats, noise: Floats, error: Floats, rng: np.random.Generator) -> Floats:
    """Draws of the true places, given a normal population of models and the noise of each."""
    values, vectors = np.linalg.eigh(np.cov(place.T) - error.mean(axis=0))
    values = np.maximum(values, _PARTIAL)
    population = (vectors * values) @ vectors.T
    truths = rng.standard_normal(noise.shape) * np.sqrt(values) @ vectors.T
    gain = population @ np.linalg.inv(population + error)
    # A draw of truth and estimate, moved by as much as the estimate differs from the one seen.
    return truths + np.einsum("mij,dmj->dmi", gain, place - truths - noise)


def _taus(places: Floats) -> Floats:
    """Kendall's tau-b of two measures, shape (..., n_models, 2)."""
    first, second = np.triu_indices(places.shape[-2], 1)
    sign = np.sign(places[..., first, :] - places[..., second, :])
    untied = np.sqrt((sign != 0).sum(axis=-2).prod(axis=-1))
    return np.asarray(sign.prod(axis=-1).sum(axis=-1) / np.maximum(untied, 1))


def coverage_of_tau(
    *,
    models: Sequence[int] = (5, 10, 20),
    correlations: Sequence[float] = (0.5, 0.95),
    noises: Sequence[float] = (0.3, 0.5),
    shared: float = 0.8,
    replications: int = 100,
    draws: int = 200,
    seed: int = 0,
    rules: Thresholds = BOOK,
) -> pd.DataFrame:
    """How often the interval of `rank_agreement` holds the tau of scores without noise.

    Parameters
    ----------
    models : sequence of int
        Models that are ranked.
    correlations : sequence of float
        Correlation of the two true measures over models.
    noises : sequence of float
        Standard error of a measure, in spreads of the models.
    shared : float
        Correlation of the noise of the two measures, as both rest on the same answers.
    replications, draws, seed : int
        Simulations of each design, redraws in each, and the seed.
    rules : Thresholds
        For the verdicts.

    Returns
    -------
    DataFrame
        One row a design: ``models``, ``correlation``, ``noise``, mean ``true_tau``, ``held``
        (share of intervals that hold the truth), ``wrong`` (share of verdicts that contradict
        it), ``told`` (share of verdicts other than "cannot tell"),
        ``simulations``.

    Examples
    --------
    >>> frame = coverage_of_tau(models=[8], correlations=[0.9], noises=[0.3], replications=20)
    >>> bool(frame["held"].iloc[0] > 0.8)
    True
    """
    rng = np.random.default_rng(seed)
    rows = []
    for n in models:
        for correlation in correlations:
            for noise in noises:
                design = (n, correlation, noise, shared, replications, draws)
                rows.append(_coverage(rng, *design, rules))
    return pd.DataFrame(rows)


def _coverage(
    rng: np.random.Generator,
    n: int,
    correlation: float,
    noise: float,
    shared: float,
    replications: int,
    draws: int,
    rules: Thresholds,
) -> dict[str, float]:
    held, wrong, told, truths = [], [], [], []

    def correlated(r: float, *shape: int) -> Floats:
        values = rng.standard_normal((*shape, 2))
        values[..., 1] = r * values[..., 0] + np.sqrt(1 - r**2) * values[..., 1]
        return values

    for _ in range(replications):
        truth = correlated(correlation, n)
        seen = truth + noise * correlated(shared, n)
        redrawn = seen + noise * correlated(shared, draws, n)
        found = rank_agreement(
            seen[:, 0], seen[:, 1], redrawn[..., 0], redrawn[..., 1], level=rules["level"]
        )
        tau, verdict = float(_taus(truth)), found.verdict(rules)
        truths.append(tau)
        held.append(found.low - 1e-9 <= tau <= found.high + 1e-9)
        wrong.append(verdict == (AGREE if tau < rules["tau"] else DIFFER))
        told.append(verdict != UNSURE)
    return {
        "models": n,
        "correlation": correlation,
        "noise": noise,
        "true_tau": float(np.mean(truths)),
        "held": float(np.mean(held)),
        "wrong": float(np.mean(wrong)),
        "told": float(np.mean(told)),
        "simulations": replications,
    }


def coverage_summary(frame: pd.DataFrame, level: float = resample.LEVEL) -> str:
    """What `coverage_of_tau` says, in sentences made from the numbers."""
    least = frame.sort_values("held").to_dict("records")[0]
    error = 2 * np.sqrt(level * (1 - level) / least["simulations"])
    kept = least["held"] >= level - error
    verdict = "they hold" if kept else "some hold too seldom"
    return (
        f"{headline('Simulated intervals of tau', verdict)} "
        f"They hold the truth in {frame['held'].min():.0%} to {frame['held'].max():.0%} of the "
        f"simulations of a design, where {level:.0%} are promised, give or take {error:.0%} of "
        f"Monte-Carlo error; least with {int(least['models'])} models, a correlation of "
        f"{least['correlation']:g} and a noise of {least['noise']:g} spreads. At most "
        f"{frame['wrong'].max():.0%} of the verdicts of a design are wrong, and "
        f"{frame['told'].min():.0%} to {frame['told'].max():.0%} are other than *cannot tell*."
    )


def two_digits(value: float) -> str:
    """A number with two decimals and a true minus.

    Examples
    --------
    >>> two_digits(-0.5)
    '−0.50'
    """
    return f"{value:.2f}".replace("-", "−")


def tau_text(row: Mapping[Hashable, Any]) -> str:
    """Kendall's tau with its interval, from a row with ``tau``, ``low`` and ``high``.

    Examples
    --------
    >>> tau_text({"tau": 0.5, "low": -0.1, "high": 0.9})
    '0.50 [−0.10, 0.90]'
    """
    return f"{two_digits(row['tau'])} [{two_digits(row['low'])}, {two_digits(row['high'])}]"
