"""Checks of a score: on itself, against its ancestor, and against its own assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.metric.cells import source_rates, target_rates
from hatlib.metric.estimate import Base, Choices, Part, curves_of, fitted
from hatlib.metric.profile import Shape
from hatlib.metric.reference import adjusted

Floats = NDArray[np.float64]

INTERACTIONS = (0.0, 1.0, 2.0)
"""Standard deviations (logits) of what is hard for one model and not for the others."""


def halves(counts: Counts, rng: np.random.Generator | int = 0) -> Counts:
    """One half of the source answers to each item as the source, the other as the only target.

    The identity control: a score of these must be 1 within its interval. Named promptings stay
    whole where there are two or more; else single answers are dealt out.

    Parameters
    ----------
    counts : Counts
        With two source answers an item or more; models with one have none then.
    rng : numpy.random.Generator or int
        Random numbers of the split.

    Returns
    -------
    Counts
        With the one target ``half``.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0.0], n_items=50, n_trials=6).responses.counts("sim")
    >>> half = halves(counts)
    >>> half.targets, int(half.source_trials[0, 0]), int(half.target_trials[0, 0, 0])
    (('half',), 3, 3)
    """
    random = resample.generator(rng)
    k, n = counts.source_correct, counts.source_trials
    size = n // 2
    right = random.hypergeometric(k, n - k, size)
    if counts.prompted is not None and len(counts.prompted.names) > 1:
        p = counts.prompted
        p = p.rows(p.target < 0)
        place = random.permutation(len(p.names))[p.prompting] % 2 == 0
        size, right = (np.zeros(n.shape, dtype=np.int64) for _ in range(2))
        np.add.at(size, (p.model[place], p.item[place]), p.trials[place])
        np.add.at(right, (p.model[place], p.item[place]), p.correct[place])
    keep = (size > 0) & (size < n)
    judge = counts.judge
    return replace(
        counts,
        targets=("half",),
        source_correct=np.where(keep, right, 0),
        source_trials=np.where(keep, size, 0),
        target_correct=np.where(keep, k - right, 0)[:, None],
        target_trials=np.where(keep, n - size, 0)[:, None],
        prompted=None,
        unparsed=None,
        judge=judge.of(counts.source_language) if judge else None,
    )


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


def excess_log_odds(counts: Counts, parts: Sequence[Part]) -> Floats:
    """What a model's own answer says of its target answers, beyond what other models' answers say.

    For pooled hardness. The log odds ratio of own source answer and target answer within cells of
    equal hardness (Mantel and Haenszel), minus what hardness itself leads one to expect. It is 0
    if models find the same items hard.

    Returns
    -------
    ndarray, shape (n_models,)
    """
    seen, expected = np.zeros((2, 2, len(counts.models)))
    for part in parts:
        x = source_rates(counts)[:, part.items]
        y = target_rates(counts)[:, 1:, part.items]
        for m, cell in enumerate(part.hardness.cell):
            h, f = part.hardness.posterior[m], part.fit.values(m, part.fit.parameters[m])
            h = h / np.maximum(h.sum(axis=1, keepdims=True), 1e-12)
            p, q = h @ part.hardness.grid, h @ f[1:].T
            both = (h * part.hardness.grid) @ f[1:].T
            for t in range(y.shape[1]):
                has = (cell >= 0) & np.isfinite(y[m, t])
                tables = np.zeros((4, len(h)))
                a, b = x[m, has], y[m, t, has]
                for row, value in enumerate((a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b))):
                    tables[row] = np.bincount(cell[has], value, minlength=len(h))
                n = np.maximum(tables.sum(axis=0), 1e-12)
                seen[:, m] += (tables[0] * tables[3] / n).sum(), (tables[1] * tables[2] / n).sum()
                model = n * np.array(
                    [both[:, t], p - both[:, t], q[:, t] - both[:, t], 1 - p - q[:, t] + both[:, t]]
                )
                expected[:, m] += (model[0] * model[3] / n).sum(), (model[1] * model[2] / n).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(seen[0] / seen[1]) - np.log(expected[0] / expected[1])
    return np.where(np.isfinite(found), found, np.nan)


def sensitivity(
    counts: Counts, how: Choices, profile: str, start: Shape | None, base: Base
) -> Mapping[float, Floats]:
    """Scores under pooled hardness with an item × model interaction of several sizes.

    Returns
    -------
    mapping of float to ndarray, shape (n_models, n_targets + 1)
        By the standard deviation of the interaction, in logits.
    """
    found = {}
    for sd in INTERACTIONS:
        parts = fitted(counts, replace(how, interaction=sd), profile, start)
        curves = curves_of(parts)
        grid = parts[0].hardness.grid
        found[sd] = adjusted(curves @ base.weight, base.weight, grid, counts.chance)
    return found
