"""From values of simulations to changes, ranges and verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from hatlib.truth.nuisances.common import (
    HARMFUL,
    HARMLESS,
    UNCLEAR,
    Bools,
    Floats,
    Ints,
    mean_known,
)

Row = dict[str, float]


@dataclass(frozen=True)
class DoseVerdict:
    """From which dose on a flaw does harm.

    Attributes
    ----------
    word : str
        "harmful" if it is at some dose, "harmless" if it is at no dose, else "cannot tell".
    harmful_from, harmless_to : float
        Smallest harmful dose; largest dose up to which it is harmless. nan if there is none.
    """

    word: str
    harmful_from: float
    harmless_to: float

    @property
    def text(self) -> str:
        """In words, short."""
        if self.word == HARMFUL:
            return f"harmful from {self.harmful_from:.0%}"
        if np.isfinite(self.harmless_to):
            unclear = "" if self.word == HARMLESS else ", above it cannot tell"
            return f"harmless up to {self.harmless_to:.0%}{unclear}"
        return UNCLEAR

    @property
    def full(self) -> str:
        """In words, with the doses that are harmless below a harmful one."""
        if self.word == HARMFUL and np.isfinite(self.harmless_to):
            return f"{self.text}, harmless up to {self.harmless_to:.0%}"
        return self.text


def dose_verdict(effects: pd.DataFrame, harm: float) -> DoseVerdict:
    """From which dose on harm is done, Monte-Carlo intervals allowed for.

    Parameters
    ----------
    effects : DataFrame
        One row a dose, with ``dose``, and the interval of the change, ``low`` and ``high``, and of
        the range over models that transfer alike, ``range_low`` and ``range_high``.
    harm : float
        What either must exceed.

    Returns
    -------
    DoseVerdict

    Examples
    --------
    >>> effects = pd.DataFrame({"dose": [0.1, 0.2], "low": [-0.02, -0.2], "high": [0.02, -0.1],
    ...                         "range_low": 0.0, "range_high": 0.01})
    >>> dose_verdict(effects, 0.05).text, dose_verdict(effects, 0.3).text
    ('harmful from 20%', 'harmless up to 20%')
    """
    rows = effects[effects["dose"] > 0].sort_values("dose")
    dose = rows["dose"].to_numpy(float)
    above = (rows["low"] > harm) | (rows["high"] < -harm) | (rows["range_low"] > harm)
    within = (rows["low"] >= -harm) & (rows["high"] <= harm) & (rows["range_high"] <= harm)
    harmful = dose[above.to_numpy()]
    fine = int(np.cumprod(within.to_numpy()).sum())
    return DoseVerdict(
        HARMFUL if len(harmful) else HARMLESS if len(dose) and fine == len(dose) else UNCLEAR,
        float(harmful[0]) if len(harmful) else float("nan"),
        float(dose[fine - 1]) if fine else float("nan"),
    )


def monte_carlo(values: Floats, level: float) -> tuple[float, float, float]:
    """Mean over replications with its interval; no interval from a single one.

    Parameters
    ----------
    values : ndarray, shape (n_replications,)
        nan is left out.
    level : float
        Coverage of the interval.

    Returns
    -------
    mean, low, high : float

    Examples
    --------
    >>> [round(value, 2) for value in monte_carlo(np.array([0.1, 0.2, 0.3]), 0.95)]
    [0.2, -0.05, 0.45]
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan"), float("nan")
    mean = float(known.mean())
    if len(known) < 2:
        return mean, float("nan"), float("nan")
    reach = (
        special.stdtrit(len(known) - 1, (1 + level) / 2) * known.std(ddof=1) / np.sqrt(len(known))
    )
    return mean, float(mean - reach), float(mean + reach)


def change_and_range(change: Floats, level_of: Ints, affected: Bools, level: float) -> Row:
    """The mean change of the affected models and its range over models that transfer alike.

    Parameters
    ----------
    change : ndarray, shape (n_replications, n_models)
        What changes.
    level_of : ndarray of int, shape (n_models,)
        Models with the same number transfer alike.
    affected : ndarray of bool, shape (n_models,)
        Whose change is averaged; the range is over all.
    level : float
        Coverage of the Monte-Carlo intervals.

    Returns
    -------
    dict
        ``change``, ``low``, ``high``, ``range``, ``range_low``, ``range_high``.
    """
    mean = monte_carlo(mean_known(change[:, affected]), level)
    span = monte_carlo(range_alike(change, level_of), level)
    names = ("change", "low", "high", "range", "range_low", "range_high")
    return dict(zip(names, (*mean, *span), strict=True))


def range_alike(change: Floats, level: ArrayLike) -> Floats:
    """Range over models that transfer alike, one value a replication, mean over their groups.

    The largest and smallest are found in the other replications: else noise alone would make a
    range.

    Parameters
    ----------
    change : ndarray, shape (n_replications, n_models)
        What changes, by replication.
    level : array_like of int, shape (n_models,)
        Models with the same number transfer alike.

    Returns
    -------
    ndarray, shape (n_replications,)
        nan if there is one replication.

    Examples
    --------
    >>> range_alike(np.array([[0.0, 0.1, 0.3], [0.0, 0.1, 0.3]]), [0, 0, 0]).round(2).tolist()
    [0.3, 0.3]
    """
    values = np.asarray(change, dtype=float)
    groups = [np.flatnonzero(np.asarray(level) == number) for number in np.unique(level)]
    found = np.full((len(values), len(groups)), np.nan)
    for r in range(len(values)):
        others = np.delete(values, r, axis=0)
        if not len(others):
            continue
        means = mean_known(others.T)
        for g, mine in enumerate(groups):
            known = mine[np.isfinite(means[mine])]
            if len(known):
                usual = means[known]
                found[r, g] = values[r, known[usual.argmax()]] - values[r, known[usual.argmin()]]
    return mean_known(found)


def agreement(values: ArrayLike, truth: ArrayLike) -> float:
    """Kendall's tau over the pairs whose truth differs; 0 if there is none.

    Parameters
    ----------
    values, truth : array_like, shape (n_models,)
        What is measured, nan where it is not known, and what is true.

    Examples
    --------
    >>> agreement([1, 2, 3], [0.1, 0.1, 0.5]), agreement([3, 2, 1], [0.1, 0.1, 0.5])
    (1.0, -1.0)
    """
    x, t = np.asarray(values, dtype=float), np.asarray(truth, dtype=float)
    known = np.isfinite(x)
    first, second = np.triu_indices(int(known.sum()), 1)
    gaps = np.round((t[known][first] - t[known][second]), 9)
    signs = np.sign(gaps) * np.sign(x[known][first] - x[known][second])
    return float(signs[gaps != 0].mean()) if (gaps != 0).any() else 0.0
