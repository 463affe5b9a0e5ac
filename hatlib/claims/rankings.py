"""Two rankings of the same models: how far they agree, and which pairs they put in opposite order.

A ranking is a measure of every model with its redraws: HAT under some choice, or a traditional
metric.  Rankings that were redrawn with the same items are compared redraw by redraw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hatlib import resample
from hatlib.errors import InputError
from hatlib.metric.compare import p_values
from hatlib.metric.results import HatScores
from hatlib.thresholds import BOOK, Thresholds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

METRICS = {"target_accuracy": "target accuracy", "ratio": "ratio", "xlt_gap": "gap"}
"""The traditional metrics that rank models, and what they are called."""

AGREE, DIFFER, OPEN = "agree", "differ", "open"

COLUMNS = ("first", "second", "models", "tau", "low", "high", "reliable", "pairs", "reversed",
           "clearly", "verdict")  # fmt: skip

MIN_RANKED = 3
"""Fewest models that make a ranking."""

_PARTIAL = 1e-6  # least share of a variance, so that matrices can be inverted


@dataclass(frozen=True)
class Ranking:
    """A measure of each model, of which more is better.

    Attributes
    ----------
    name : str
    models : tuple of str
        Readable names.
    estimates : ndarray, shape (n_models,)
    draws : ndarray, shape (n_draws, n_models)
        The same of redrawn items.
    effective : ndarray, shape (n_models,)
        Effective items behind each value; infinite where they are not counted.
    sound : ndarray of bool, shape (n_models,)
        Models with a value without a flag.
    """

    name: str
    models: tuple[str, ...]
    estimates: Floats
    draws: Floats
    effective: Floats
    sound: Bools


def ranking(
    scores: HatScores, benchmark: str = "", *, measure: str = "hat", name: str = ""
) -> Ranking:
    """The ranking by HAT or by a traditional metric, of the models with a supported score.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`, with redraws; all measures were redrawn with the same items.
    benchmark : str
        Which benchmark; the first if none is named.
    measure : str
        "hat", or a key of `METRICS`. The XLT gap is negated, so that more is better.
    name : str
        What to call it; by default what the measure is called.

    Raises
    ------
    InputError
        If there are no redraws.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> scores = hat_scores(simulate_answers([0.0, 1.0], n_items=200).responses, draws=50)
    >>> ranking(scores).draws.shape
    (50, 2)
    >>> bool(ranking(scores, measure="xlt_gap").estimates.max() <= 0)
    True
    """
    b = scores.benchmark(benchmark)
    sign = -1 if measure == "xlt_gap" else 1
    if measure == "hat":
        values, effective = b.hat[:, 0], b.effective_items[:, 0]
        draws = None if b.draws is None else b.draws[:, :, 0]
    else:
        values, effective = b.metrics[measure][:, 0], np.full(len(b.models), np.inf)
        draws = None if b.metric_draws is None else b.metric_draws[measure]
    sound = b.sound[:, 0]
    if draws is None and sound.any():
        raise InputError("the scores have no redraws.", "Score with draws=1000.")
    drawn = np.zeros((0, len(b.models))) if draws is None else sign * draws
    name = name or METRICS.get(measure, "HAT")
    shown = scores.models.set_index("model")["display_name"]
    models = tuple(str(shown.get(model, model)) for model in b.models)
    return Ranking(name, models, sign * values, drawn, effective, sound)


def compare_rankings(first: Ranking, second: Ranking, rules: Thresholds = BOOK) -> pd.DataFrame:
    """How far two rankings agree, in one row.

    Parameters
    ----------
    first, second : Ranking
        Of the same models; those count that are sound in both.
    rules : Thresholds
        ``tau``, ``reliable``, ``level`` and ``clear`` are used.

    Returns
    -------
    DataFrame
        ``first``, ``second``; number of ``models``; Kendall's ``tau`` with ``low`` and ``high``;
        share of the variance among the models that is ``reliable``; ``pairs``, how many are
        ``reversed``, and how many of these ``clearly`` (see `reversed_pairs`); ``verdict``:
        "agree" if the interval of tau lies above the threshold, "differ" if below, else "open".

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> profiles = ["linear", "square", "steep", "flat", "shift"]
    >>> simulated = simulate_answers([0, 1, 2, -1, 0], profiles=profiles, n_items=300)
    >>> scores = hat_scores(simulated.responses, draws=100)
    >>> row = compare_rankings(ranking(scores), ranking(scores)).iloc[0]
    >>> float(row["tau"]), row["verdict"]
    (1.0, 'agree')
    """
    fine = first.sound & second.sound
    a, b = first.estimates[fine], second.estimates[fine]
    draws = first.draws[:, fine], second.draws[:, fine]
    tau, low, high, reliable = rank_agreement(a, b, *draws, level=rules["level"])
    pairs = reversed_pairs(first, second, rules)
    verdict = OPEN
    if np.isfinite(tau) and reliable >= rules["reliable"]:
        verdict = AGREE if low > rules["tau"] else DIFFER if high < rules["tau"] else OPEN
    n = int(fine.sum())
    row = (first.name, second.name, n, tau, low, high, reliable, n * (n - 1) // 2, len(pairs),
           int(pairs["clear"].sum()), verdict)  # fmt: skip
    return pd.DataFrame([row], columns=list(COLUMNS))


def reversed_pairs(first: Ranking, second: Ranking, rules: Thresholds = BOOK) -> pd.DataFrame:
    """Pairs of models that two rankings put in opposite order.

    Returns
    -------
    DataFrame
        One row a pair, the clear ones first, then by size: ``ahead_by_first``,
        ``ahead_by_second``; ``first_difference`` and ``second_difference``, both as the one ahead
        by the first minus the other, with their q-values ``first_q`` and ``second_q`` (Benjamini
        and Hochberg, over all pairs); ``clear``: both q-values are below ``clear``.

    Examples
    --------
    >>> names, one = ("a", "b"), np.ones(2)
    >>> up = Ranking("up", names, np.array([0.0, 1.0]), np.eye(2) / 10, one * 99, one > 0)
    >>> down = Ranking("down", names, np.array([1.0, 0.0]), np.eye(2) / 10, one * 99, one > 0)
    >>> reversed_pairs(up, down)[["ahead_by_first", "ahead_by_second", "clear"]].to_numpy().tolist()
    [['b', 'a', True]]
    """
    at = np.flatnonzero(first.sound & second.sound)
    i, j = (at[side] for side in np.triu_indices(len(at), 1))
    sign = np.where(first.estimates[i] >= first.estimates[j], 1, -1)
    names = np.array(first.models, dtype=object)
    columns = {"ahead_by_first": names[np.where(sign > 0, i, j)],
               "ahead_by_second": names[np.where(sign > 0, j, i)]}  # fmt: skip
    for which, one in (("first", first), ("second", second)):
        gap = one.estimates[i] - one.estimates[j]
        # From covariances: the redraws of all pairs at once would fill the memory.
        shared = np.atleast_2d(np.cov(one.draws, rowvar=False)) if len(i) else np.zeros((1, 1))
        se = np.sqrt(np.maximum(shared[i, i] + shared[j, j] - 2 * shared[i, j], 0))
        p = p_values(gap, se, np.minimum(one.effective[i], one.effective[j]))
        columns[f"{which}_difference"] = sign * gap
        columns[f"{which}_q"] = stats.false_discovery_control(p) if len(p) else p
    frame = pd.DataFrame(columns)
    clear = (frame["first_q"] < rules["clear"]) & (frame["second_q"] < rules["clear"])
    size = np.minimum(frame["first_difference"], -frame["second_difference"])
    frame = frame.assign(clear=clear, size=size)[frame["second_difference"] < 0]
    ranked = frame.sort_values(["clear", "size"], ascending=False, kind="stable")
    return ranked.drop(columns="size").reset_index(drop=True)


def rank_agreement(
    a: ArrayLike,
    b: ArrayLike,
    draws_a: ArrayLike,
    draws_b: ArrayLike,
    *,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> tuple[float, float, float, float]:
    """Kendall's tau-b of two measures of the same models, and how sure it is.

    A redraw carries the noise of the estimate and its own, so redrawn rankings agree less than
    rankings without noise would.  Estimates shrunk to the mean of the models (empirical Bayes)
    carry the noise once, but trust an estimated spread.  The interval spans both readings.

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
    tau, low, high : float
        nan if there is no ranking.
    reliable : float
        Share of the variance among the models that is no noise, in the noisier measure.

    Examples
    --------
    >>> scores = np.arange(6.0)
    >>> noise = np.random.default_rng(0).normal(0, 0.2, (200, 6))
    >>> tau, low, _, _ = rank_agreement(scores, scores, scores + noise, scores + noise)
    >>> tau, low > 0.7
    (1.0, True)
    """
    values = np.stack([np.asarray(a, float), np.asarray(b, float)], axis=1)
    n = len(values)
    spread = values.std(axis=0, ddof=1) if n > 1 else np.zeros(2)
    if n < MIN_RANKED or not (spread > 0).all():
        return np.nan, np.nan, np.nan, 0.0
    redrawn = np.stack([np.asarray(draws_a, float), np.asarray(draws_b, float)], axis=2)
    # A ranking does not change if all models move together, nor with the unit.
    place = (values - values.mean(axis=0)) / spread
    noise = (redrawn - redrawn.mean(axis=0)) / spread
    noise -= noise.mean(axis=1, keepdims=True)
    error = np.einsum("dmi,dmj->mij", noise, noise) / max(len(noise) - 1, 1) * n / (n - 1)
    shrunken = _shrunken(place, noise, error, np.random.default_rng(seed))
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends = np.array([np.quantile(_taus(rows), tails) for rows in (place + noise, shrunken)])
    reliable = 1 - np.diagonal(error.mean(axis=0)).max()
    return float(_taus(place)), float(ends[:, 0].min()), float(ends[:, 1].max()), float(reliable)


def _shrunken(place: Floats, noise: Floats, error: Floats, rng: np.random.Generator) -> Floats:
    """Draws of the true places, given a normal population of models and the noise of each."""
    values, vectors = np.linalg.eigh(np.cov(place.T) - error.mean(axis=0))
    values = np.maximum(values, _PARTIAL)
    population = (vectors * values) @ vectors.T
    truths = rng.standard_normal(noise.shape) * np.sqrt(values) @ vectors.T
    gain = population @ np.linalg.inv(population + error)
    # A draw of truth and estimate, moved by as much as the estimate differs from the one seen.
    return np.asarray(truths + np.einsum("mij,dmj->dmi", gain, place - truths - noise))


def _taus(places: Floats) -> Floats:
    """Kendall's tau-b of two measures, shape (..., n_models, 2)."""
    first, second = np.triu_indices(places.shape[-2], 1)
    sign = np.sign(places[..., first, :] - places[..., second, :])
    untied = np.sqrt((sign != 0).sum(axis=-2).prod(axis=-1))
    return np.asarray(sign.prod(axis=-1).sum(axis=-1) / np.maximum(untied, 1))
