"""The sufficient table: all that the HAT score needs to know of the answers.

Once items are sorted into cells that share a hardness posterior, only three sums a cell matter:
how many items it has, and the sum and the sum of squares of their target rates.  Tables of
disjoint sets of items (shards) add up, so answers that are too many for one machine need not meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.cells import Bools, Floats, Ints, mean_over, source_rates, target_rates
from hatlib.metric.hardness import Hardness
from hatlib.metric.judge import Judge

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

    def answered_once(self) -> Bools:
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
        means[:, 0] = mean_over(means[:, 1:], axis=1)
        return means

    def metrics(self) -> dict[str, Floats]:
        """The traditional metrics, each of shape (n_models, n_targets + 1).

        ``source_accuracy``, ``target_accuracy``, ``xlt_gap``, ``ratio`` and
        ``conditional_transfer``, the mean target rate weighted by the source rate.
        The macro value of an accuracy is the mean over the target languages.
        """
        return traditional(self.paired[..., 1:])

    def __add__(self, other: SufficientTable) -> SufficientTable:
        return merge_tables([self, other])


def traditional(sums: Floats) -> dict[str, Floats]:
    """The traditional metrics from sums (4, ..., n_targets) as in `SufficientTable.paired`.

    Returns
    -------
    dict of str to ndarray, shape (..., n_targets + 1)
        The macro average first.
    """
    n, source, target, both = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.stack([source / n, target / n, both / source])
        s, t, conditional = np.concatenate([mean_over(each, axis=-1)[..., None], each], axis=-1)
        return {
            "source_accuracy": s,
            "target_accuracy": t,
            "xlt_gap": s - t,
            "ratio": t / s,
            "conditional_transfer": conditional,
        }


class RedrawnMetrics:
    """The macro average of the traditional metrics when items are drawn again.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    """

    def __init__(self, counts: Counts) -> None:
        rates = target_rates(counts)
        known = np.isfinite(rates)
        here = known.max(axis=1, keepdims=True)
        # With no gaps, all languages share their items, and their mean rate is enough.
        targets = slice(0, 1) if (known[:, 1:] == here).all() else slice(1, None)
        self._pieces = _pieces(known[:, targets], source_rates(counts), rates[:, targets])

    def of(self, weights: Floats) -> dict[str, Floats]:
        """The metrics for weights (n_draws, n_items) of the items, each (n_draws, n_models)."""
        shape = (len(weights), *self._pieces.shape[1:3])
        flat = self._pieces.reshape(4, -1, weights.shape[1])
        sums = np.stack([(weights @ piece.T).reshape(shape) for piece in flat])
        return {name: values[..., 0] for name, values in traditional(sums).items()}


def _pieces(known: Bools, source: Floats, rates: Floats) -> Floats:
    """What is summed for the traditional metrics, (4, n_models, n_targets, n_items)."""
    target = np.where(known, rates, 0)
    return np.stack([known, known * source[:, None], target, target * source[:, None]])


def tabulate(counts: Counts, hardness: Hardness) -> SufficientTable:
    """Sum the answers to one benchmark within the cells of its hardness.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    hardness : Hardness
        Its cells.

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
    n_cells, n = hardness.posterior.shape[1], len(counts.targets) + 1
    every = np.ones((1, len(counts.items)))
    sums, squares = (
        np.stack([ledger.sums(every, n_cells, power)[:, 0] for ledger in hardness.ledgers])
        for power in (1, 2)
    )
    rates = target_rates(counts)
    pieces = _pieces(np.isfinite(rates), source_rates(counts), rates)
    return SufficientTable(
        counts.benchmark,
        counts.source_language,
        counts.chance,
        counts.models,
        (MACRO, *counts.targets),
        hardness.correct,
        hardness.trials,
        source_items=sums[:, 0],
        items=sums[:, 1 : n + 1],
        rates=sums[:, n + 1 :],
        squares=squares[:, n + 1 :],
        paired=pieces.sum(axis=3),
        judge=counts.judge,
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
    cells = sorted({cell for t in tables for cell in _cells_of(t)})
    shape = (len(models), len(targets), len(cells))
    source_items, paired = np.zeros((shape[0], shape[2])), np.zeros((4, *shape[:2]))
    sums = np.zeros((3, *shape))
    for t in tables:
        m = np.array([models.index(name) for name in t.models])
        at = np.array([targets.index(name) for name in t.targets])
        c = np.array([cells.index(cell) for cell in _cells_of(t)])
        source_items[np.ix_(m, c)] += t.source_items
        paired[np.ix_(np.arange(4), m, at)] += t.paired
        sums[np.ix_(np.arange(3), m, at, c)] += np.stack([t.items, t.rates, t.squares])
    trials, correct = np.array(cells, dtype=np.int64).T
    return replace(
        first,
        models=models,
        targets=targets,
        correct=correct,
        trials=trials,
        source_items=source_items,
        items=sums[0],
        rates=sums[1],
        squares=sums[2],
        paired=paired,
        whole=None if first.whole is None else merge_tables([t.whole or t for t in tables]),
    )


def _cells_of(table: SufficientTable) -> list[tuple[int, int]]:
    return list(zip(table.trials.tolist(), table.correct.tolist(), strict=True))
