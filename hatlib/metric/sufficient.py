"""From answers to the sufficient table: all that the HAT score needs to know of them.

Items that show the same of their hardness share a *cell*.  Once items are sorted so, only three
sums a cell matter: how many items it has, and the sum and the sum of squares of their target rates.
Tables of disjoint sets of items (shards) add up, so answers that are too many for one machine need
not meet.

With hardness from a model's own answers, a cell is a count of right answers among trials.  Where
source and target were asked with the *same promptings*, a prompting that suits (or does not suit)
an item in both languages would pass for transfer.  There, each prompting of an item is related to
what the *other* promptings show (leave one prompting out): the target answer under prompting *b*
goes to the cell of the counts without *b*, with the weight of its share in the item.  This is the
remedy of replicate measurements, an instrument from the other replicates (Carroll et al. 2006,
*Measurement Error in Nonlinear Models*, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Counts
from hatlib.errors import InputError
from hatlib.metric.judge import Judge

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MACRO = "macro"
"""Name of the target that stands for the mean over all target languages."""

METRICS = ("source_accuracy", "target_accuracy", "xlt_gap", "ratio", "conditional_transfer")
"""The traditional metrics; the last is the mean target rate weighted by the source rate."""

# Rates of items -----------------------------------------------------------------------------------


def mean_over(values: Floats, axis: int) -> Floats:
    """Mean over an axis, leaving out nan.

    Examples
    --------
    >>> mean_over(np.array([[1.0, np.nan], [3.0, 5.0]]), axis=0).tolist()
    [2.0, 5.0]
    """
    known = np.isfinite(values)
    n = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def mean_rates(rates: Floats, items: Floats) -> Floats:
    """Mean target rates from sums of rates and items, (n_models, ..., n_targets + 1, n_cells).

    nan in a cell without items. The macro average is the mean of the languages' means, so that
    languages with missing items still count alike.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        means = rates / items
    means[..., 0, :] = mean_over(means[..., 1:, :], axis=-2)
    return means


def source_rates(counts: Counts) -> Floats:
    """Source rate of each item, corrected for a judge; 0 where unanswered; models × items."""
    rates = counts.source_correct / np.maximum(counts.source_trials, 1)
    return counts.judge.corrected(rates) if counts.judge else rates


def target_rates(counts: Counts) -> Floats:
    """Target rate of each item, corrected for a judge; nan where source or target has no answer.

    Returns
    -------
    ndarray, shape (n_models, n_targets + 1, n_items)
        The mean over targets first.
    """
    trials = counts.target_trials
    paired = (trials > 0) & (counts.source_trials > 0)[:, None, :]
    rates = np.where(paired, counts.target_correct / np.maximum(trials, 1), np.nan)
    if counts.judge:
        rates = counts.judge.corrected(rates)
    return np.concatenate([mean_over(rates, axis=1)[:, None], rates], axis=1)


def paired_sums(counts: Counts) -> Floats:
    """What each item adds to `SufficientTable.paired`, (4, n_models, n_targets + 1, n_items)."""
    rates = target_rates(counts)
    known, source = np.isfinite(rates), source_rates(counts)[:, None]
    target = np.where(known, rates, 0)
    return np.stack([known, known * source, target, target * source])


def traditional(sums: Floats) -> dict[str, Floats]:
    """The traditional metrics from sums (4, ..., n_targets) as in `SufficientTable.paired`.

    By the names of `METRICS`, each (..., n_targets + 1), the macro average first, whose accuracies
    are the means over the target languages.
    """
    n, source, target, both = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.stack([source / n, target / n, both / source])
        s, t, conditional = np.concatenate([mean_over(each, axis=-1)[..., None], each], axis=-1)
        return dict(zip(METRICS, (s, t, s - t, t / s, conditional), strict=True))


# Cells --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ledger:
    """The items of one model in cells; an item may stand in several, with weights that add up to 1.

    Attributes
    ----------
    item, cell : ndarray of int, shape (n_entries,)
        Sorted by cell.
    columns : ndarray, shape (n_entries, 1 + 2 (n_targets + 1))
        Weight of the entry in the source language; its weight in each target (0 where there is no
        answer), the macro average first; and the target rates times these weights.
    """

    item: Ints
    cell: Ints
    columns: Floats

    def sums(self, weights: Floats, n_cells: int, power: int = 1) -> Floats:
        """Sums in each cell for weights (n_draws, n_items); (n_columns, n_draws, n_cells)."""
        columns, mine = self.columns**power, weights[:, self.item]
        found = np.zeros((columns.shape[1], len(weights), n_cells))
        bounds = np.searchsorted(self.cell, np.arange(n_cells + 1))
        for c, (start, end) in enumerate(pairwise(bounds)):
            found[:, :, c] = (mine[:, start:end] @ columns[start:end]).T
        return found


@dataclass(frozen=True)
class Cells:
    """The items of each model in cells.

    Attributes
    ----------
    number : int
        Of cells.
    correct, trials : ndarray of int, shape (n_cells,)
        Counts in the source language that define the cells; empty for pooled hardness.
    ledgers : tuple of Ledger
        One a model.
    """

    number: int
    correct: Ints
    trials: Ints
    ledgers: tuple[Ledger, ...]


def plain_ledgers(counts: Counts, cell: Ints) -> list[Ledger]:
    """Each item in one cell, by its number; -1 where the model has no answer in the source."""
    ledgers = []
    for row, rates in zip(cell, target_rates(counts), strict=True):
        item = np.flatnonzero(row >= 0)
        item = item[np.argsort(row[item], kind="stable")]
        mine = rates[:, item]
        columns = np.vstack([np.ones(len(item)), np.isfinite(mine), np.nan_to_num(mine)])
        ledgers.append(Ledger(item, row[item], columns.T))
    return ledgers


def cells_of(counts: Counts, one_out: Bools | None = None) -> Cells:
    """A cell for each pair of right answers and trials in the source language that occurs.

    For the models of `one_out`, entries are promptings, in the cell of what the source has of the
    item without the prompting. A target answer under a prompting that the source language lacks is
    related to all promptings of the source. An item with one prompting in the source, which is the
    target's too, is left out: nothing shows its hardness but the prompting itself.
    """
    base = int(counts.source_trials.max(initial=0)) + 1
    whole = counts.source_trials * base + counts.source_correct
    if one_out is None or not one_out.any() or counts.prompted is None:
        codes = np.unique(whole[whole > 0])
        cell = np.where(whole > 0, np.searchsorted(codes, whole), -1)
        ledgers = plain_ledgers(counts, cell)
        return Cells(len(codes), codes % base, codes // base, tuple(ledgers))
    p = counts.prompted.rows((counts.prompted.trials > 0) & one_out[counts.prompted.model])
    n_models, n_items = whole.shape
    owner = p.model * n_items + p.item
    # What the source has of each row's own prompting is taken away from what it has of the item.
    code, mine = owner * len(p.names) + p.prompting, p.target < 0
    size = n_models * n_items * len(p.names)
    own = np.bincount(code[mine], (p.trials * base + p.correct)[mine], size)
    left = whole.ravel()[owner] - own[code].astype(np.int64)
    usable = left >= base
    p, owner, left = p.rows(usable), owner[usable], left[usable]
    language = p.target + 1  # 0 is the source
    place = language * (n_models * n_items) + owner
    share = p.trials / np.bincount(place, p.trials)[place]
    rates = p.correct / p.trials
    if counts.judge:
        rates = counts.judge.corrected(rates)
    others = (whole > 0) & ~one_out[:, None]
    codes = np.unique(np.concatenate([left, whole[others]]))
    ledgers = plain_ledgers(counts, np.where(others, np.searchsorted(codes, whole), -1))
    # Rows of one item in one cell are one entry.
    place = (p.model * len(codes) + np.searchsorted(codes, left)) * n_items + p.item
    keys, where = np.unique(place, return_inverse=True)
    (model, cell), item = np.divmod(keys // n_items, len(codes)), keys % n_items
    spot, shape = language * len(keys) + where, (len(counts.targets) + 1, len(keys))
    weight, sums = (
        np.bincount(spot, each, np.prod(shape)).astype(float).reshape(shape)
        for each in (share, share * rates)
    )
    for m in np.flatnonzero(one_out):
        at = model == m
        known, right = weight[1:, at], sums[1:, at]
        macro = right.sum(axis=0) / np.maximum((known > 0).sum(axis=0), 1)
        rows = [weight[0, at], known.max(axis=0, initial=0), known, macro, right]
        ledgers[m] = Ledger(item[at], cell[at], np.vstack(rows).T)
    return Cells(len(codes), codes % base, codes // base, tuple(ledgers))


# The table ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SufficientTable:
    """Sums over the items of each cell.

    Axis *target* has the macro average first, then each target language.

    Attributes
    ----------
    benchmark, source_language : str
    chance : float
    models, targets : tuple of str
        `targets` starts with "macro".
    correct, trials : ndarray of int, shape (n_cells,)
        Source counts that define the cells; empty for pooled hardness, whose tables do not add up.
    source_items : ndarray, shape (n_models, n_cells)
        Items with an answer in the source language.
    items, rates, squares : ndarray, shape (n_models, n_targets + 1, n_cells)
        Items with answers in source and target, the sum of their target rates, and of the squares.
        For the macro average the rate of an item is its mean over the targets that it has.
    paired : ndarray, shape (4, n_models, n_targets + 1)
        Over items with both: their number, sum of source rates, of target rates, of products.
    judge : Judge or None
        The judge that all rates are corrected for, if there is one.
    whole : SufficientTable or None
        The table with whole items, where these are cells with one prompting left out. How much
        items vary within cells is a matter of whole items.
    """

    benchmark: str
    source_language: str
    chance: float
    models: tuple[str, ...]
    targets: tuple[str, ...]
    correct: Ints
    trials: Ints
    source_items: Floats
    items: Floats
    rates: Floats
    squares: Floats
    paired: Floats
    judge: Judge | None = None
    whole: SufficientTable | None = None

    def paired_items(self) -> Floats:
        """Items in source and target; the macro average rests on those of a typical target."""
        n = self.paired[0].copy()
        n[:, 0] = n[:, 1:].mean(axis=1)
        return n

    def answered_once(self) -> Bools:
        """Models that answered most items once, shape (n_models,); nobody for pooled hardness."""
        single = self.source_items[:, : len(self.trials)] @ (self.trials == 1)
        return np.asarray(single > self.source_items.sum(axis=1) / 2)


def tabulate(counts: Counts, cells: Cells | None = None) -> SufficientTable:
    """Sum the answers to one benchmark within cells of equal hardness.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    cells : Cells, optional
        By default one for each count of right answers among trials in the source language.

    Returns
    -------
    SufficientTable

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers(abilities=[0.0], n_items=50, n_trials=4).responses.counts("sim")
    >>> table = tabulate(counts)
    >>> int(table.items[0, 0].sum()), table.trials.tolist()
    (50, [4, 4, 4, 4, 4])
    """
    cells = cells or cells_of(counts)
    every, n = np.ones((1, len(counts.items))), len(counts.targets) + 1
    both = [[x.sums(every, cells.number, power)[:, 0] for x in cells.ledgers] for power in (1, 2)]
    sums, squares = np.array(both)
    items, rates, squares = sums[:, 1 : n + 1], sums[:, n + 1 :], squares[:, n + 1 :]
    paired, targets = paired_sums(counts).sum(axis=3), (MACRO, *counts.targets)
    facts = [counts.benchmark, counts.source_language, counts.chance, counts.models, targets]
    known = [cells.correct, cells.trials, sums[:, 0], items, rates, squares, paired]
    fields: list[Any] = [*facts, *known, counts.judge]
    return SufficientTable(*fields)


def merge_tables(tables: Sequence[SufficientTable]) -> SufficientTable:
    """Add up the tables of disjoint sets of items of one benchmark.

    Models, targets and cells need not be the same or in the same order.

    Parameters
    ----------
    tables : sequence of SufficientTable
        From `tabulate`.

    Returns
    -------
    SufficientTable

    Raises
    ------
    InputError
        If the tables are of different benchmarks, or of pooled hardness.
    """
    if not tables:
        raise InputError("There is no table to merge.")
    first = tables[0]
    if len({(t.benchmark, t.source_language, t.chance, t.judge) for t in tables}) > 1:
        what = "the tables differ in benchmark, source language, chance level or judge."
        raise InputError(what, "Merge the tables of one benchmark only.")
    if any(len(t.trials) != t.items.shape[2] for t in tables):
        what = "tables of pooled hardness do not add up."
        raise InputError(what, "Use hardness self for shards.")
    counts = [list(zip(t.trials.tolist(), t.correct.tolist(), strict=True)) for t in tables]
    models = list(dict.fromkeys(name for t in tables for name in t.models))
    targets = [MACRO, *sorted({name for t in tables for name in t.targets[1:]})]
    cells = sorted({cell for each in counts for cell in each})
    source_items = np.zeros((len(models), len(cells)))
    paired = np.zeros((4, len(models), len(targets)))
    sums = np.zeros((3, len(models), len(targets), len(cells)))
    for t, own in zip(tables, counts, strict=True):
        m, at = [models.index(x) for x in t.models], [targets.index(x) for x in t.targets]
        c = [cells.index(x) for x in own]
        source_items[np.ix_(m, c)] += t.source_items
        paired[np.ix_(range(4), m, at)] += t.paired
        sums[np.ix_(range(3), m, at, c)] += [t.items, t.rates, t.squares]
    trials, correct = np.array(cells, dtype=np.int64).T
    whole = None if first.whole is None else merge_tables([t.whole or t for t in tables])
    facts = [first.benchmark, first.source_language, first.chance, tuple(models), tuple(targets)]
    fields: list[Any] = [*facts, correct, trials, source_items, *sums, paired, first.judge, whole]
    return SufficientTable(*fields)
