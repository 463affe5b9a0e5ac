"""The sufficient table: all that the HAT score needs to know of the answers.

Once items are sorted into cells that share a hardness posterior, only three sums a cell matter:
how many items it has, and the sum and the sum of squares of their target rates.  Tables of
disjoint sets of items (shards) add up, so answers that are too many for one machine need not meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.cells import (
    Ledger,
    mean_over_targets,
    plain_ledgers,
    source_rates,
    target_rates,
)
from hatlib.metric.hardness import Hardness
from hatlib.metric.judge import Judge

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MACRO = "macro"
"""Name of the target that stands for the mean over all target languages."""


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

    def answered_once(self) -> NDArray[np.bool_]:
        """Models that answered most items once, shape (n_models,)."""
        single = self.source_items[:, self.trials == 1].sum(axis=1)
        return np.asarray(single > self.source_items.sum(axis=1) / 2)

    def means(self) -> Floats:
        """Mean target rate in each cell, nan where it has no item.

        The macro average is the mean of the languages' means, so that languages with missing
        items still count alike.

        Returns
        -------
        ndarray, shape (n_models, n_targets + 1, n_cells)
        """
        with np.errstate(invalid="ignore"):
            means = self.rates / self.items
        means[:, 0] = mean_over_targets(means[:, 1:])
        return means

    def metrics(self) -> dict[str, Floats]:
        """The traditional metrics, each of shape (n_models, n_targets + 1).

        ``source_accuracy``, ``target_accuracy``, ``xlt_gap``, ``ratio`` and
        ``conditional_transfer``, the mean target rate weighted by the source rate.
        The macro value of an accuracy is the mean over the target languages.
        """
        n, source, target, both = self.paired
        with np.errstate(invalid="ignore", divide="ignore"):
            s, t, conditional = source / n, target / n, both / source
            for values in (s, t, conditional):
                values[:, 0] = _mean(values[:, 1:])
            return {
                "source_accuracy": s,
                "target_accuracy": t,
                "xlt_gap": s - t,
                "ratio": t / s,
                "conditional_transfer": conditional,
            }

    def __add__(self, other: SufficientTable) -> SufficientTable:
        return merge_tables([self, other])


def _mean(values: Floats) -> Floats:
    return mean_over_targets(values.T).T


class RedrawnMetrics:
    """The traditional metrics of redrawn items, from what does not change between redraws.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    """

    def __init__(self, counts: Counts) -> None:
        rates = target_rates(counts)
        known = np.isfinite(rates[:, 1:])
        source = source_rates(counts)
        here = np.asarray(known.any(axis=1))
        self._shape = rates.shape[:2]
        # With no gaps, all languages share their items, and their mean rate is enough.
        self._whole = bool((known == here[:, None]).all())
        if self._whole:
            parts = (here, here * source, np.where(here, rates[:, 0], 0))
        else:
            parts = (known, known * source[:, None], np.where(known, rates[:, 1:], 0))
        every = (*parts, parts[1] * parts[2])
        self._parts = tuple(part.reshape(-1, part.shape[-1]).T.astype(float) for part in every)

    def of(self, weights: Floats) -> dict[str, Floats]:
        """The metrics for weights of the items of shape (draws, n_items).

        Returns
        -------
        dict of str to ndarray, shape (draws, n_models)
            ``source_accuracy``, ``target_accuracy``, ``xlt_gap``, ``ratio`` and
            ``conditional_transfer``: the macro average, as in `SufficientTable.metrics`.
        """
        n, s, t, both = (weights @ part for part in self._parts)
        with np.errstate(invalid="ignore", divide="ignore"):
            s, t, conditional = s / n, t / n, both / s
            if not self._whole:
                n_models, n_targets = self._shape[0], self._shape[1] - 1
                s, t, conditional = (
                    mean_over_targets(v.reshape(-1, n_models, n_targets).transpose(0, 2, 1))
                    for v in (s, t, conditional)
                )
            return {
                "source_accuracy": s,
                "target_accuracy": t,
                "xlt_gap": s - t,
                "ratio": t / s,
                "conditional_transfer": conditional,
            }


def tabulate(
    counts: Counts, hardness: Hardness, ledgers: Sequence[Ledger] | None = None
) -> SufficientTable:
    """Sum the answers to one benchmark within the cells of its hardness.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    hardness : Hardness
        Its cells.
    ledgers : sequence of Ledger, optional
        The items of each model in the cells; by default, each item whole in its `hardness.cell`.

    Returns
    -------
    SufficientTable

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> from hatlib.metric.hardness import self_hardness
    >>> counts = simulate_answers(abilities=[0.0], n_items=50, n_trials=4).responses.counts("sim")
    >>> table = tabulate(counts, self_hardness(counts))
    >>> int(table.items[0, 0].sum())
    50
    """
    n_cells = hardness.posterior.shape[1]
    shape = (len(counts.models), len(counts.targets) + 1, n_cells)
    items, sums, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    source_items = np.zeros((shape[0], n_cells))
    for m, mine in enumerate(ledgers or plain_ledgers(counts, hardness.cell)):
        source_items[m] = np.bincount(mine.cell, mine.source, minlength=n_cells)
        # Rows of a one-hot matrix add up what belongs to a cell.
        member = np.zeros((len(mine.cell), n_cells))
        member[np.arange(len(member)), mine.cell] = 1
        known = np.vstack([mine.known.max(axis=0, initial=0)[None], mine.known])
        n = np.maximum((mine.known > 0).sum(axis=0), 1)
        rates = np.vstack([(mine.rates.sum(axis=0) / n)[None], mine.rates])
        items[m], sums[m], squares[m] = known @ member, rates @ member, rates**2 @ member
    rates = target_rates(counts)
    known = np.isfinite(rates)
    source = source_rates(counts)[:, None, :]
    target = np.where(known, rates, 0)
    pieces = (known, known * source, target, target * source)
    return SufficientTable(
        counts.benchmark,
        counts.source_language,
        counts.chance,
        counts.models,
        (MACRO, *counts.targets),
        hardness.correct,
        hardness.trials,
        source_items,
        items,
        sums,
        squares,
        np.stack([piece.sum(axis=2) for piece in pieces]),
        counts.judge,
    )


def merge_tables(tables: Sequence[SufficientTable]) -> SufficientTable:
    """Add up the tables of disjoint sets of items of one benchmark.

    Models, targets and cells need not be the same or in the same order.

    Parameters
    ----------
    tables : sequence of SufficientTable
        From `tabulate` with hardness "self".

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
    facts = {(t.benchmark, t.source_language, t.chance) for t in tables}
    if len(facts) > 1 or any(t.judge != first.judge for t in tables):
        raise InputError(
            Problem(
                "the tables differ in benchmark, source language, chance level or judge.",
                "Merge the tables of one benchmark only.",
            )
        )
    if any(len(t.trials) != t.items.shape[2] for t in tables):
        raise InputError(
            Problem("tables of pooled hardness do not add up.", "Use hardness self for shards.")
        )
    models = tuple(dict.fromkeys(name for t in tables for name in t.models))
    targets = (MACRO, *sorted({name for t in tables for name in t.targets[1:]}))
    cells = sorted({(n, k) for t in tables for n, k in _cells_of(t)})
    shape = (len(models), len(targets), len(cells))
    source_items = np.zeros((shape[0], shape[2]))
    items, rates, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    paired = np.zeros((4, *shape[:2]))
    for t in tables:
        m = np.array([models.index(name) for name in t.models])
        at = np.array([targets.index(name) for name in t.targets])
        c = np.array([cells.index(cell) for cell in _cells_of(t)])
        source_items[np.ix_(m, c)] += t.source_items
        for total, part in ((items, t.items), (rates, t.rates), (squares, t.squares)):
            total[np.ix_(m, at, c)] += part
        paired[np.ix_(np.arange(4), m, at)] += t.paired
    trials, correct = (np.array(column, dtype=np.int64) for column in zip(*cells, strict=True))
    return SufficientTable(
        first.benchmark,
        first.source_language,
        first.chance,
        models,
        targets,
        correct,
        trials,
        source_items,
        items,
        rates,
        squares,
        paired,
        first.judge,
        None if first.whole is None else merge_tables([t.whole or t for t in tables]),
    )


def _cells_of(table: SufficientTable) -> list[tuple[int, int]]:
    return list(zip(table.trials.tolist(), table.correct.tolist(), strict=True))
