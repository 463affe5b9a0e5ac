"""Checks of a score: on itself, against its ancestor, and against its own assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.metric.estimate import Method, Part, curves_of, fitted
from hatlib.metric.pooled import summing
from hatlib.metric.profile import profile_values
from hatlib.metric.reference import Base, adjusted
from hatlib.metric.sufficient import Floats, source_rates, target_rates

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
        p = counts.prompted.rows(counts.prompted.target < 0)
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
    n_targets = len(counts.targets) + 1
    seen, expected = np.zeros((2, 2, len(counts.models)))
    for part in parts:
        source, curves = source_rates(counts)[:, part.items], profile_values(part.fit)
        grid = part.hardness.grid
        for m, ledger in enumerate(part.hardness.ledgers):
            h, f = part.hardness.posterior[m], curves[m, 1:]
            own = source[m, ledger.item, None]
            known, right = ledger.columns[:, 2 : n_targets + 1], ledger.columns[:, n_targets + 2 :]
            wrong, cells = known - right, summing(ledger.cell, len(h))
            # Both right, source only, target only, neither: as seen, and as hardness alone has it.
            four = (own * right, own * wrong, (1 - own) * right, (1 - own) * wrong)
            tables = np.stack([cells @ each for each in four])
            n = np.maximum(tables.sum(axis=0), 1e-12)
            p, q, both = (h @ grid)[:, None], h @ f.T, (h * grid) @ f.T
            model = n * np.stack([both, p - both, q - both, 1 - p - q + both])
            for odds, each in ((seen, tables), (expected, model)):
                odds[:, m] += (each[0] * each[3] / n).sum(), (each[1] * each[2] / n).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(seen[0] / seen[1]) - np.log(expected[0] / expected[1])
    return np.where(np.isfinite(found), found, np.nan)


def sensitivity(counts: Counts, method: Method, base: Base, hat: Floats) -> Mapping[float, Floats]:
    """Scores under pooled hardness with an item × model interaction of several sizes.

    Parameters
    ----------
    counts, method, base
        As the scores were made.
    hat : ndarray, shape (n_models, n_targets + 1)
        The scores without interaction.

    Returns
    -------
    mapping of float to ndarray, shape (n_models, n_targets + 1)
        By the standard deviation of the interaction, in logits.
    """
    found = {0.0: hat}
    for sd in INTERACTIONS[1:]:
        parts = fitted(counts, replace(method, interaction=sd))
        found[sd] = adjusted(curves_of(parts), base.weight, base.grid, base.chance)
    return found
