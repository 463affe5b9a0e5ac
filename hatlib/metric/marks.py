"""What may be wrong with each score: what withholds it, and what weakens it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hatlib.data.responses import Counts
from hatlib.metric.flags import Flag, Note, Remark
from hatlib.metric.reference import ENOUGH_ITEMS, items_in_slices, support_of
from hatlib.metric.sufficient import Bools, Floats, Ints, SufficientTable, mean_over, target_rates
from hatlib.thresholds import BOOK

if TYPE_CHECKING:
    from hatlib.metric.estimate import Fitted

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


def paired_items(table: SufficientTable) -> Floats:
    """Items in source and target; the macro average rests on those of a typical target."""
    n = table.paired[0].copy()
    n[:, 0] = n[:, 1:].mean(axis=1)
    return n


def support(found: Fitted, weight: Floats) -> tuple[Floats, Floats, Bools]:
    """Share of the reference with items, the items that count, and gaps; models × targets."""
    gaps = np.zeros(found.table.paired.shape[1:], dtype=bool)
    shares, variance, n_items = np.zeros((3, *found.table.paired.shape[1:]))
    for part in found.parts:
        n = paired_items(part.table)
        slices = items_in_slices(weight, part.hardness.distribution[:, None, :], n)
        share, effective, gap = support_of(slices)
        gaps |= gap
        shares += part.share * share
        variance += part.share**2 / np.maximum(np.minimum(effective, n), 1e-9)
        n_items += n
    return shares, np.minimum(1 / variance, n_items), gaps


def nearly_solved(found: Fitted) -> Bools:
    """Where enough items are solved nearly always in the source language for *f(.95)*."""
    near = found.distribution[:, found.hardness.grid >= NEARBY].sum(axis=1)
    return near[:, None] * paired_items(found.table) >= ENOUGH_ITEMS


def withheld(marks: Marks) -> Bools:
    """Where there is no score."""
    return np.asarray(np.any([mark for flag, mark in marks.items() if flag.withholds], axis=0))


def basic_marks(table: SufficientTable, strata: Sequence[SufficientTable]) -> Marks:
    """What withholds a score, and which means are over other languages than most."""
    n, source, _, _ = table.paired
    marks: Marks = {flag: np.zeros(n.shape, dtype=bool) for flag in Flag}
    few = marks[Flag.FEW_ITEMS]
    for each in [table, *strata]:
        few |= paired_items(each) < MIN_ITEMS
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


def weak_marks(found: Fitted, counts: Counts, trials: Ints) -> Marks:
    """What the answers show to weaken a score, models × (macro + targets)."""
    rates = target_rates(counts)
    n, mean = np.isfinite(rates).sum(axis=2), mean_over(rates, axis=2)
    error = np.sqrt(np.maximum(mean_over(rates**2, axis=2) - mean**2, 0) / np.maximum(n, 1))
    clear = mean + CLEAR_OF_CHANCE * np.maximum(error, 1e-9) < counts.chance
    marks = {Flag.BELOW_CHANCE: clear & (n > 1)}
    if counts.unparsed is not None:
        gap = counts.unparsed[:, 1:] - counts.unparsed[:, :1]
        gap = np.column_stack([mean_over(gap, axis=1), gap])
        marks[Flag.UNPARSED] = np.abs(gap) > UNREAD
    if found.hardness.likelihood is None:
        return marks
    every = np.ones(len(found.table.targets), dtype=bool)
    marks[Flag.TWO_ANSWERS] = np.outer(trials == 2, every)
    if (p := counts.prompted) is not None:
        asked = np.zeros((len(counts.models), len(p.names)), dtype=bool)
        source = (p.target < 0) & (p.trials > 0)
        asked[p.model[source], p.prompting[source]] = True
        marks[Flag.ONE_PROMPT] = np.outer((asked.sum(axis=1) == 1) & (trials >= 2), every)
    grid, chance = found.hardness.grid, counts.chance
    guesses = repeated_guesses(found.distribution, grid, chance)
    return marks | {Flag.REPEATED_GUESSES: np.outer(guesses, every)}


def repeated_guesses(distribution: Floats, grid: Floats, chance: float) -> Bools:
    """Models that are nearly always wrong on more items than they know, shape (n_models,).

    Guesses that are drawn anew are right at the chance level on every item. Far below it are only
    those that come out the same each time; others are then right each time, by luck.

    Examples
    --------
    >>> grid = np.array([0, 0.5, 1])
    >>> repeated_guesses(np.array([[0.4, 0.1, 0.5], [0.0, 0.8, 0.2]]), grid, 0.5).tolist()
    [True, False]
    """
    wrong = distribution[:, grid <= chance / 2 + 1e-9].sum(axis=1)
    known = (distribution @ grid - chance) / (1 - chance)
    return np.asarray((chance > 0) & (wrong > np.maximum(known, SURELY_WRONG)))


def notes_of(marks: Marks, counts: Counts) -> list[Note]:
    """What the answers themselves show to be wrong, by model and language."""
    notes, models, targets = [], counts.models, counts.targets
    if len(low := np.argwhere(marks[Flag.BELOW_CHANCE][:, 1:])):
        where = [(models[m], targets[t]) for m, t in low]
        notes.append(Note(Remark.BELOW_CHANCE, {"where": where, "chance": counts.chance}))
    share, gaps = counts.unparsed, np.argwhere(marks[Flag.UNPARSED][:, 1:])
    if len(gaps) and share is not None:
        rows = [(models[m], targets[t], share[m, t + 1], share[m, 0]) for m, t in gaps]
        notes.append(Note(Remark.UNPARSED, {"where": rows}))
    return notes
