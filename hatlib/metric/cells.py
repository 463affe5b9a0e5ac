"""Items sorted into cells: those that show the same of their hardness share a cell.

With hardness from a model's own answers, a cell is a count of right answers among trials.  Where
source and target were asked with the *same promptings*, a prompting that suits (or does not suit)
an item in both languages would pass for transfer.  There, each prompting of an item is related to
what the *other* promptings show (leave one prompting out): the target answer under prompting *b*
goes to the cell of the counts without *b*, with the weight of its share in the item.  This is the
remedy of replicate measurements, an instrument from the other replicates (Carroll et al. 2006,
*Measurement Error in Nonlinear Models*, chapter 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MOST_ITEMS = 0.5
"""Share of a model's items that need enough promptings for one to be left out."""


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

    @staticmethod
    def of(item: Ints, cell: Ints, source: Floats, known: Floats, rates: Floats) -> Ledger:
        """From the weights in the source, and weights and weighted rates of targets × entries."""
        macro = rates.sum(axis=0) / np.maximum((known > 0).sum(axis=0), 1)
        columns = np.vstack([source, known.max(axis=0, initial=0), known, macro, rates]).T
        order = np.argsort(cell, kind="stable")
        return Ledger(item[order], cell[order], columns[order])

    def sums(self, weights: Floats, n_cells: int, power: int = 1) -> Floats:
        """Sums in each cell for weights (n_draws, n_items); (n_columns, n_draws, n_cells)."""
        columns, mine = self.columns**power, weights[:, self.item]
        found = np.zeros((columns.shape[1], len(weights), n_cells))
        bounds = np.searchsorted(self.cell, np.arange(n_cells + 1))
        for c, (start, end) in enumerate(pairwise(bounds)):
            found[:, :, c] = (mine[:, start:end] @ columns[start:end]).T
        return found


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


def source_rates(counts: Counts) -> Floats:
    """Source rate of each item, corrected for the judge if there is one; 0 where unanswered.

    Returns
    -------
    ndarray, shape (n_models, n_items)
    """
    rates = counts.source_correct / np.maximum(counts.source_trials, 1)
    return counts.judge.corrected(rates, counts.source_language) if counts.judge else rates


def target_rates(counts: Counts) -> Floats:
    """Target rate of each item, nan where source or target has no answer; macro first.

    Rates are corrected for the judge, if there is one.

    Returns
    -------
    ndarray, shape (n_models, n_targets + 1, n_items)
    """
    trials = counts.target_trials
    paired = (trials > 0) & (counts.source_trials > 0)[:, None, :]
    rates = np.where(paired, counts.target_correct / np.maximum(trials, 1), np.nan)
    if counts.judge:
        for place, language in enumerate(counts.targets):
            rates[:, place] = counts.judge.corrected(rates[:, place], language)
    return np.concatenate([mean_over(rates, axis=1)[:, None], rates], axis=1)


def count_cells(correct: Ints, trials: Ints) -> tuple[Ints, Ints, Ints]:
    """Number the pairs of correct answers and trials that occur; -1 for no trial."""
    base = int(trials.max(initial=0)) + 1
    answered = trials > 0
    known, index = np.unique((trials * base + correct)[answered], return_inverse=True)
    cell = np.full(trials.shape, -1, dtype=np.int64)
    cell[answered] = index
    return cell, known % base, known // base


def plain_ledgers(counts: Counts, cell: Ints) -> tuple[Ledger, ...]:
    """Each item in one cell, by its number; -1 where the model has no answer in the source."""
    ledgers = []
    for row, rates in zip(cell, target_rates(counts), strict=True):
        item = np.flatnonzero(row >= 0)
        mine = rates[1:, item]
        known = np.isfinite(mine)
        filled = np.where(known, mine, 0.0)
        ledgers.append(Ledger.of(item, row[item], np.ones(len(item)), known.astype(float), filled))
    return tuple(ledgers)


def leave_one_out(counts: Counts) -> Bools:
    """Which models share named promptings between source and target, with others to learn from.

    Returns
    -------
    ndarray of bool, shape (n_models,)

    Examples
    --------
    >>> import hatlib
    >>> leave_one_out(hatlib.load_responses(sets="mgsm").counts("mgsm")).tolist()
    [True, True, False, True]
    """
    n_models, n_items = counts.source_trials.shape
    p = counts.prompted
    if p is None or len(p.names) < 2:
        return np.zeros(n_models, dtype=bool)
    used = p.trials > 0
    source, target = used & (p.target < 0), used & (p.target >= 0)
    most = np.zeros((n_models, n_items), dtype=np.int64)  # answers to one prompting
    np.maximum.at(most, (p.model[source], p.item[source]), p.trials[source])
    # Two answers must be left, or hardness could not be told from luck.
    enough = (counts.source_trials - most >= 2).sum(axis=1)
    several = enough > MOST_ITEMS * np.maximum((counts.source_trials > 0).sum(axis=1), 1)
    place = p.model * len(p.names) + p.prompting
    both = np.isin(place[target], place[source])
    shared = np.bincount(p.model[target], both, minlength=n_models) > 0
    return np.asarray(several & shared)


def prompted_cells(counts: Counts, whose: Bools) -> tuple[Ints, Ints, tuple[Ledger, ...]]:
    """Cells with one prompting left out, for some models; the others' items stay whole.

    A target answer under a prompting that the source language lacks is related to all promptings
    of the source. An item with one prompting in the source, which is the target's too, is left
    out: nothing shows its hardness but the prompting itself.

    Parameters
    ----------
    counts : Counts
        With `Counts.prompted`.
    whose : ndarray of bool, shape (n_models,)
        From `leave_one_out`.

    Returns
    -------
    correct, trials : ndarray of int, shape (n_cells,)
        Counts in the source language that define the cells.
    ledgers : tuple of Ledger
        One a model.
    """
    assert counts.prompted is not None
    p = counts.prompted.rows((counts.prompted.trials > 0) & whose[counts.prompted.model])
    n_models, n_items = counts.source_trials.shape
    base = int(counts.source_trials.max()) + 1
    whole = counts.source_trials * base + counts.source_correct
    owner = p.model * n_items + p.item
    # What the source has of each row's own prompting is taken away from what it has of the item.
    code, mine = owner * len(p.names) + p.prompting, p.target < 0
    own = np.bincount(
        code[mine], (p.trials * base + p.correct)[mine], n_models * n_items * len(p.names)
    )
    left = whole.ravel()[owner] - own[code].astype(np.int64)
    usable = left >= base
    p, owner, left = p.rows(usable), owner[usable], left[usable]
    language = p.target + 1  # 0 is the source
    place = language * (n_models * n_items) + owner
    share = p.trials / np.bincount(place, p.trials)[place]
    rates = p.correct / p.trials
    if counts.judge:
        for t, name in enumerate(counts.targets):
            rates[p.target == t] = counts.judge.corrected(rates[p.target == t], name)

    others = (counts.source_trials > 0) & ~whose[:, None]
    codes = np.unique(np.concatenate([left, whole[others]]))
    ledgers = list(plain_ledgers(counts, np.where(others, np.searchsorted(codes, whole), -1)))
    # Rows of one item in one cell are one entry.
    entry = owner * len(codes) + np.searchsorted(codes, left)
    keys, where = np.unique(entry, return_inverse=True)
    spot, shape = language * len(keys) + where, (len(counts.targets) + 1, len(keys))
    weight, sums = (
        np.bincount(spot, each, np.prod(shape)).astype(float).reshape(shape)
        for each in (share, share * rates)
    )
    model, item = np.divmod(keys // len(codes), n_items)
    for m in np.flatnonzero(whose):
        at = model == m
        ledgers[m] = Ledger.of(
            item[at], keys[at] % len(codes), weight[0, at], weight[1:, at], sums[1:, at]
        )
    return codes % base, codes // base, tuple(ledgers)
