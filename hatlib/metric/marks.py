"""What may be wrong with each score: what withholds it, and what weakens it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hatlib.data.responses import Counts
from hatlib.metric import sufficient
from hatlib.metric.answers import ENOUGH_TO_SEE
from hatlib.metric.flags import Flag, Note, Remark
from hatlib.metric.reference import ENOUGH_ITEMS, SUPPORTED, Fitted, items_in_slices, support_of
from hatlib.metric.sufficient import Bools, Floats, Ints, SufficientTable, mean_over
from hatlib.thresholds import BOOK

Marks = dict[Flag, Bools]

MIN_ITEMS = 10
"""With fewer items in source and target no score is given."""

CLEAR_OF_CHANCE = BOOK["clear_of_chance"]
"""Source accuracy must be this many standard errors above chance."""

NEARBY = 0.85
"""From here on, items count as nearly always solved; *f(.95)* needs `ENOUGH_ITEMS` of them."""

SURELY_WRONG = 0.2
"""Share of items that guesses drawn anew would hardly ever leave so often wrong."""

UNREAD = 0.10
"""Shares of unread answers that differ by more between source and target are flagged."""

UNRELATED = 0.5
"""Source and target must go together by clearly less than this share of what is expected."""


def support(found: Fitted) -> tuple[Floats, Floats, Bools]:
    """Share of the reference with items, the items that count, and where a score is extrapolated.

    Each is models × targets. Items that were answered once support nothing.
    """
    shares, variance, n_items, gaps = (np.zeros(found.withheld.shape) for _ in range(4))
    for part in found.parts:
        n, distribution = part.table.paired_items(), part.hardness.distribution[:, None, :]
        slices = items_in_slices(found.reference.weight, distribution, n)
        share, effective, gap = support_of(slices)
        shares += part.share * share
        variance += part.share**2 / np.maximum(np.minimum(effective, n), 1e-9)
        n_items += n
        gaps += part.share * gap
    once = found.marks[Flag.ONE_ANSWER]
    shares = np.where(once, 0, shares)
    effective = np.where(once, 0, np.minimum(1 / variance, n_items))
    return shares, effective, (shares < SUPPORTED) | (gaps > 1 - SUPPORTED)


def nearly_solved(found: Fitted) -> Bools:
    """Where enough items are solved nearly always in the source language for *f(.95)*."""
    near = found.distribution[:, found.hardness.grid >= NEARBY].sum(axis=1)
    return near[:, None] * found.table.paired_items() >= ENOUGH_ITEMS


def basic_marks(table: SufficientTable, strata: Sequence[SufficientTable]) -> Marks:
    """What withholds a score, and which means are over other languages than most."""
    n, source, _, _ = table.paired
    marks: Marks = {flag: np.zeros(n.shape, dtype=bool) for flag in Flag}
    few = marks[Flag.FEW_ITEMS]
    for each in [table, *strata]:
        few |= each.paired_items() < MIN_ITEMS
        marks[Flag.ONE_ANSWER] |= each.answered_once()[:, None]
    marks[Flag.NO_SUCCESS] = source <= 0  # below 0 by the correction for a judge
    whole = table.whole or table
    n_items = np.maximum(whole.source_items.sum(axis=1), 1)
    if len(whole.trials):
        rate = whole.correct / whole.trials
        rate = whole.judge.corrected(rate) if whole.judge else rate
        accuracy, squares = (whole.source_items @ np.stack([rate, rate**2]).T).T / n_items
        variance = squares - accuracy**2
    else:  # one answer an item, or nearly
        accuracy = table.paired[1, :, 0] / np.maximum(table.paired[0, :, 0], 1)
        variance = accuracy * (1 - accuracy)
    error = np.sqrt(np.maximum(variance, 0) / n_items)
    with np.errstate(invalid="ignore", divide="ignore"):
        marks[Flag.NEAR_CHANCE] = source / n - table.chance < CLEAR_OF_CHANCE * error[:, None]
    # One reason is enough: no items before no success before one answer before chance.
    taken = few.copy()
    for flag in (Flag.NO_SUCCESS, Flag.ONE_ANSWER, Flag.NEAR_CHANCE):
        marks[flag] &= ~taken
        taken |= marks[flag]
    # Means over other languages do not compare: most models say which languages count.
    scored = np.flatnonzero(~taken[:, 0])
    asked = [tuple(row) for row in ~few[:, 1:]]
    usual = Counter(asked[m] for m in scored)
    most = max(usual, key=lambda languages: (usual[languages], sum(languages)), default=())
    marks[Flag.OTHER_LANGUAGES][scored, 0] = [asked[m] != most for m in scored]
    return marks


def weak_marks(found: Fitted, counts: Counts, trials: Ints) -> tuple[Marks, list[Note]]:
    """What the answers show to weaken a score, models × (macro + targets), with notes."""
    notes, models, targets, chance = [], counts.models, counts.targets, counts.chance
    rates = sufficient.target_rates(counts)
    n, mean = np.isfinite(rates).sum(axis=2), mean_over(rates, axis=2)
    error = np.sqrt(np.maximum(mean_over(rates**2, axis=2) - mean**2, 0) / np.maximum(n, 1))
    low = (mean + CLEAR_OF_CHANCE * np.maximum(error, 1e-9) < chance) & (n > 1)
    marks = {Flag.BELOW_CHANCE: low}
    if where := [(models[m], targets[t]) for m, t in np.argwhere(low[:, 1:])]:
        notes.append(Note(Remark.BELOW_CHANCE, {"where": where, "chance": chance}))
    apart = _unrelated(found, counts, rates, mean)
    if apart.any():
        notes.append(Note(Remark.UNRELATED, {"where": np.array(targets)[apart[1:]].tolist()}))
    marks[Flag.UNRELATED] = np.tile(apart, (len(models), 1))
    if (share := counts.unparsed) is not None:
        gap = share[:, 1:] - share[:, :1]
        unread = np.abs(np.column_stack([mean_over(gap, axis=1), gap])) > UNREAD
        marks[Flag.UNPARSED], places = unread, np.argwhere(unread[:, 1:])
        if rows := [(models[m], targets[t], share[m, t + 1], share[m, 0]) for m, t in places]:
            notes.append(Note(Remark.UNPARSED, {"where": rows}))
    if found.hardness.likelihood is None:
        return marks, notes
    if (p := counts.prompted) is not None:
        asked = np.zeros((len(models), len(p.names)), dtype=bool)
        source = (p.target < 0) & (p.trials > 0)
        asked[p.model[source], p.prompting[source]] = True
        one = (asked.sum(axis=1) == 1) & (trials >= 2)
        marks[Flag.ONE_PROMPT] = np.tile(one[:, None], found.withheld.shape[1])
    return marks, notes


def table_marks(found: Fitted, trials: Ints) -> Marks:
    """What can be seen without the answers: two to an item, and guesses that come out the same.

    Guesses that are drawn anew are right at the chance level on every item. Far below it are only
    those that come out the same each time; others are then right each time, by luck.
    """
    if found.hardness.likelihood is None:
        return {}
    distribution, grid, chance = found.distribution, found.hardness.grid, found.table.chance
    wrong = distribution[:, grid <= chance / 2 + 1e-9].sum(axis=1)
    known = (distribution @ grid - chance) / (1 - chance)
    guesses = (chance > 0) & (wrong > np.maximum(known, SURELY_WRONG))
    seen = {Flag.TWO_ANSWERS: trials == 2, Flag.REPEATED_GUESSES: guesses}
    return {flag: np.tile(m[:, None], found.withheld.shape[1]) for flag, m in seen.items()}


def _unrelated(found: Fitted, counts: Counts, rates: Floats, mean: Floats) -> Bools:
    """Targets that hardly go together with the source, item by item, as if items were shuffled.

    If transfer fell in proportion to hardness, their covariance would be the variance of hardness,
    times the ratio of the accuracies above chance. All models have the same items. The mean over
    targets is among them if one of these is.
    """
    known = np.isfinite(rates) & ~found.withheld[..., None]
    source = np.where(known, sufficient.source_rates(counts)[:, None], np.nan)
    x, y = source - mean_over(source, axis=2)[..., None], rates - mean[..., None]
    vary = np.minimum(np.nansum(x**2, axis=2), np.nansum(y**2, axis=2)).max(axis=0)
    together = mean_over(x * y, axis=0)
    covariance = mean_over(together, axis=1)
    square, n = mean_over(together**2, axis=1), np.isfinite(together).sum(axis=1)
    error = np.sqrt((square - covariance**2) / np.maximum(n, 1))
    grid, level = found.hardness.grid, found.distribution @ found.hardness.grid
    spread = (found.distribution @ grid**2 - level**2) / np.maximum(level - counts.chance, 1e-9)
    slope = np.where(known.any(axis=2), (mean - counts.chance) * spread[:, None], np.nan)
    least = UNRELATED * mean_over(slope, axis=0) - 2 * error
    apart = (vary > ENOUGH_TO_SEE) & (least > 0) & (covariance < np.minimum(2 * error, least))
    apart[0] |= apart[1:].any()
    return np.asarray(apart)
