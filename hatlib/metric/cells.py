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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_ITEMS = 0.5
"""Share of a model's items that need enough promptings for one to be left out."""


@dataclass(frozen=True)
class Ledger:
    """The items of one model in cells; an item may stand in several, with weights that add up to 1.

    Attributes
    ----------
    item, cell : ndarray of int, shape (n_entries,)
    source : ndarray, shape (n_entries,)
        Weight of the entry among the answers in the source language.
    known : ndarray, shape (n_targets, n_entries)
        Its weight in each target language; 0 where there is no answer.
    rates : ndarray, shape (n_targets, n_entries)
        Target rate times that weight.
    """

    item: Ints
    cell: Ints
    source: Floats
    known: Floats
    rates: Floats


@dataclass(frozen=True)
class Cells:
    """The cells of a benchmark.

    Attributes
    ----------
    correct, trials : ndarray of int, shape (n_cells,)
        Counts in the source language that define them.
    ledgers : tuple of Ledger
        One a model.
    """

    correct: Ints
    trials: Ints
    ledgers: tuple[Ledger, ...]

    def source_items(self) -> Floats:
        """Items of each model in each cell, shape (n_models, n_cells)."""
        n = len(self.correct)
        return np.stack([np.bincount(x.cell, x.source, minlength=n) for x in self.ledgers])


def mean_over_targets(values: Floats) -> Floats:
    """Mean over the axis of the targets (the second from the end), leaving out nan.

    Examples
    --------
    >>> mean_over_targets(np.array([[1.0, np.nan], [3.0, 5.0]])).tolist()
    [2.0, 5.0]
    """
    known = np.isfinite(values)
    n = known.sum(axis=-2)
    total = np.where(known, values, 0).sum(axis=-2)
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
    macro = mean_over_targets(rates)
    return np.concatenate([macro[:, None, :], rates], axis=1)


def count_cells(correct: Ints, trials: Ints) -> tuple[Ints, Ints, Ints]:
    """Number the pairs of correct answers and trials that occur; -1 for no trial."""
    base = int(trials.max(initial=0)) + 1
    code = trials * base + correct
    answered = trials > 0
    known, index = np.unique(code[answered], return_inverse=True)
    cell = np.full(trials.shape, -1, dtype=np.int64)
    cell[answered] = index
    return cell, known % base, known // base


def plain_ledgers(counts: Counts, cell: Ints) -> tuple[Ledger, ...]:
    """Each item in one cell, by its number; -1 where the model has no answer in the source."""
    return tuple(
        _plain(row, rates[1:]) for row, rates in zip(cell, target_rates(counts), strict=True)
    )


def _plain(cell: Ints, rates: Floats) -> Ledger:
    item = np.flatnonzero(cell >= 0)
    mine = rates[:, item]
    known = np.isfinite(mine)
    return Ledger(
        item, cell[item], np.ones(len(item)), known.astype(float), np.where(known, mine, 0.0)
    )


def leave_one_out(counts: Counts) -> NDArray[np.bool_]:
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
    none = np.zeros(n_models, dtype=bool)
    p = counts.prompted
    if p is None or len(p.names) < 2:
        return none
    used = p.trials > 0
    source = used & (p.target < 0)
    most = np.zeros((n_models, n_items), dtype=np.int64)  # answers to one prompting
    np.maximum.at(most, (p.model[source], p.item[source]), p.trials[source])
    # Two answers must be left, or hardness could not be told from luck.
    enough = (counts.source_trials - most >= 2).sum(axis=1)
    several = enough > MOST_ITEMS * np.maximum((counts.source_trials > 0).sum(axis=1), 1)
    place = p.model * len(p.names) + p.prompting
    both = np.isin(place[used & (p.target >= 0)], place[source])
    shared = np.bincount(p.model[used & (p.target >= 0)], both, minlength=n_models) > 0
    return np.asarray(several & shared)


def prompted_cells(counts: Counts, whose: NDArray[np.bool_]) -> Cells:
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
    """
    p = counts.prompted
    assert p is not None
    n_models, n_items = counts.source_trials.shape
    n_targets = len(counts.targets)
    used = (p.trials > 0) & whose[p.model]
    p = p.rows(used)
    owner = p.model * n_items + p.item
    code = owner * len(p.names) + p.prompting
    in_source = p.target < 0
    # What the source has of each row's own prompting; the rows are sorted, so the codes may not be.
    order = np.argsort(code[in_source])
    there = code[in_source][order]
    at = np.minimum(np.searchsorted(there, code), len(there) - 1)
    found = there[at] == code
    own_right = np.where(found, p.correct[in_source][order][at], 0)
    own_trials = np.where(found, p.trials[in_source][order][at], 0)
    right = counts.source_correct.ravel()[owner] - own_right
    trials = counts.source_trials.ravel()[owner] - own_trials
    language = p.target + 1  # 0 is the source
    usable = (trials > 0) & (counts.source_trials.ravel()[owner] > 0)
    share = np.where(usable, p.trials, 0).astype(float)
    place = language * (n_models * n_items) + owner
    total = np.bincount(place, share, minlength=(n_targets + 1) * n_models * n_items)
    share[usable] /= total[place[usable]]
    rates = p.correct / p.trials
    if counts.judge:
        for t, name in enumerate(counts.targets):
            here = p.target == t
            rates[here] = counts.judge.corrected(rates[here], name)

    plain, _, _ = count_cells(counts.source_correct, counts.source_trials)
    plain[whose] = -1
    base = int(counts.source_trials.max()) + 1
    whole = counts.source_trials * base + counts.source_correct
    codes = np.unique(np.concatenate([(trials * base + right)[usable], whole[plain >= 0]]))
    cell = np.searchsorted(codes, trials * base + right)
    plain = np.where(plain >= 0, np.searchsorted(codes, whole), -1)
    ledgers = list(plain_ledgers(counts, plain))
    entry = owner * len(codes) + cell
    for m in np.flatnonzero(whose):
        mine = np.flatnonzero(usable & (p.model == m))
        keys, where = np.unique(entry[mine], return_inverse=True)
        n = len(keys)
        weight = np.zeros((n_targets + 1) * n)
        sums = np.zeros_like(weight)
        spot = language[mine] * n + where
        np.add.at(weight, spot, share[mine])
        np.add.at(sums, spot, share[mine] * rates[mine])
        weights, rows = weight.reshape(-1, n), sums.reshape(-1, n)
        item = keys // len(codes) - m * n_items
        ledgers[m] = Ledger(item, keys % len(codes), weights[0], weights[1:], rows[1:])
    return Cells(codes % base, codes // base, tuple(ledgers))


def merged(parts: Sequence[Floats], shares: Sequence[float]) -> Floats:
    """Weighted sum of arrays of one shape."""
    return np.asarray(sum(share * part for share, part in zip(shares, parts, strict=True)))
