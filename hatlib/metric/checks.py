"""Checks of a score: on itself, and against its ancestor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.metric.results import Estimate
from hatlib.metric.score import score_counts
from hatlib.metric.sufficient import Floats, source_rates, target_rates


def identity_control(
    counts: Counts, *, draws: int = 200, rng: np.random.Generator | int = 0
) -> Estimate | None:
    """Score one half of the source answers as the target of the other half: it must be 1.

    Named promptings stay whole where there are two or more; else single answers are dealt out.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    draws, rng
        As in `hatlib.hat_scores`.

    Returns
    -------
    Estimate or None
        For each model and the one target ``half`` (with the macro average first); None with fewer
        than four source answers an item.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0.0, 1.0], n_items=400).responses.counts("sim")
    >>> found = identity_control(counts)
    >>> bool(((found.low < 1) & (found.high > 1)).all())
    True
    """
    random = resample.generator(rng)
    k, n = counts.source_correct, counts.source_trials
    size = n // 2
    right = random.hypergeometric(k, n - k, size)
    if counts.prompted is not None and len(counts.prompted.names) > 1:
        p = counts.prompted.rows(counts.prompted.target < 0)
        place = random.permutation(len(p.names))[p.prompting] % 2 == 0
        size, right = np.zeros((2, *n.shape), dtype=np.int64)
        np.add.at(size, (p.model[place], p.item[place]), p.trials[place])
        np.add.at(right, (p.model[place], p.item[place]), p.correct[place])
    keep = (size > 0) & (size < n)
    if not keep.any() or np.median(size[keep]) < 2:
        return None
    right, rest = np.where(keep, right, 0), np.where(keep, k - right, 0)
    size, others = np.where(keep, size, 0), np.where(keep, n - size, 0)
    split = replace(counts, targets=("half",), source_correct=right, source_trials=size)
    split = replace(split, target_correct=rest[:, None], target_trials=others[:, None])
    split = replace(split, prompted=None, unparsed=None)
    found = score_counts(split, draws=draws, rng=rng)
    return found.score if found.hardness.method == "self" else None


def sibtest(counts: Counts) -> Floats:
    """SIBTEST with uniform weights, as a level: twice the mean regression-corrected target rate.

    Differences of two models are the *β* of SIBTEST (Shealy and Stout 1993) with weights that are
    even over the matched scores instead of those of the focal group. Observed source rates are
    pulled to their mean by the reliability (Kelley), and the target rates in the groups of one
    corrected rate are joined by straight lines.

    Parameters
    ----------
    counts : Counts
        With several source answers an item.

    Returns
    -------
    ndarray, shape (n_models, n_targets + 1)
        On the scale of HAT: 0 no transfer, 1 perfect transfer. nan with one answer an item.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([-1, 1], profiles="linear", n_items=600).responses.counts("sim")
    >>> bool((abs(sibtest(counts)[:, 0] - 0.7) < 0.1).all())
    True
    """
    rates, source = target_rates(counts), source_rates(counts)
    found = np.full(rates.shape[:2], np.nan)
    points = np.linspace(counts.chance, 1, 101)
    for m, t in np.ndindex(found.shape):
        has = np.isfinite(rates[m, t]) & (counts.source_trials[m] >= 2)
        if has.sum() < 10:
            continue
        x, y = source[m, has], rates[m, t, has]
        k, n = counts.source_correct[m, has], counts.source_trials[m, has]
        total = x.var()
        noise = (k * (n - k) / (n**2 * (n - 1))).mean()
        reliability = float(np.clip(1 - noise / total, 0.05, 1)) if total > 0 else 1.0
        corrected = x.mean() + reliability * (x - x.mean())
        level, group = np.unique(corrected.round(9), return_inverse=True)
        mean = np.bincount(group, y) / np.bincount(group)
        f = np.interp(points, level, mean)
        found[m, t] = 2 * (np.trapezoid(f, points) / (1 - counts.chance) - counts.chance)
        found[m, t] /= 1 - counts.chance
    return found
