"""From cells to a fitted profile, the references that it is averaged over, and what may be wrong.

Items may lie in strata (domains, topics).  Each stratum is then fitted by itself and the profiles
are averaged with fixed weights, the shares of the strata among all items, as mortality is adjusted
for age *and* sex.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.cells import Ledger, merged, plain_ledgers, prompted_cells, target_rates
from hatlib.metric.flags import Flag
from hatlib.metric.hardness import Hardness, hardness_of_cells, self_hardness
from hatlib.metric.pooled import pooled_hardness
from hatlib.metric.profile import ProfileFit, Shape, fit_profiles, profile_values
from hatlib.metric.reference import (
    NEARLY_ALWAYS,
    SUPPORTED,
    Standard,
    at_probability,
    effective_items,
    items_in_slices,
    support_of,
    uniform_reference,
)
from hatlib.metric.sufficient import SufficientTable, tabulate
from hatlib.thresholds import BOOK

Floats = NDArray[np.float64]
Marks = dict[Flag, NDArray[np.bool_]]

MIN_ITEMS = 10
"""With fewer items in source and target no score is given."""

MIN_STRATUM = 20
"""Smaller strata are put together."""

CLEAR_OF_CHANCE = BOOK["clear_of_chance"]
"""Source accuracy must be this many standard errors above chance."""

SURELY_WRONG = 0.2
"""Share of items that guesses drawn anew would hardly ever leave so often wrong."""

UNREAD = 0.10
"""Shares of unread answers that differ by more between source and target are flagged."""


@dataclass(frozen=True)
class Choices:
    """How the hardness of a benchmark is estimated.

    Attributes
    ----------
    method : str
        "self", or one of `hatlib.metric.pooled.donors`.
    one_out : ndarray of bool, shape (n_models,)
        Models for which one prompting is left out.
    correlation : float
        Of the answers to one item.
    interaction : float
        Of pooled hardness.
    """

    method: str
    one_out: NDArray[np.bool_]
    correlation: float = 0.0
    interaction: float = 0.0


@dataclass(frozen=True)
class Part:
    """The items of one stratum (or all), fitted.

    Attributes
    ----------
    items : ndarray of int
        Places of the items.
    share : float
        Weight of the stratum.
    """

    items: NDArray[np.intp]
    share: float
    ledgers: Sequence[Ledger]
    table: SufficientTable
    hardness: Hardness
    fit: ProfileFit


def measured(counts: Counts, how: Choices) -> tuple[Hardness, SufficientTable, Sequence[Ledger]]:
    """Hardness, the table of its cells, and the items in them."""
    if how.method != "self":
        found = pooled_hardness(counts, how.method, interaction=how.interaction)
        ledgers: Sequence[Ledger] = plain_ledgers(counts, found.cell)
        return found, tabulate(counts, found, ledgers), ledgers
    plain = self_hardness(counts, correlation=how.correlation)
    if not how.one_out.any():
        ledgers = plain_ledgers(counts, plain.cell)
        return plain, tabulate(counts, plain, ledgers), ledgers
    cells = prompted_cells(counts, how.one_out)
    found = hardness_of_cells(
        np.full((len(counts.models), 0), -1),
        cells.correct,
        cells.trials,
        cells.source_items(),
        counts.chance,
        correlation=how.correlation,
        judge=counts.judge.of(counts.source_language) if counts.judge else None,
    )
    table = tabulate(counts, found, cells.ledgers)
    return found, replace(table, whole=tabulate(counts, plain)), cells.ledgers


def fitted(counts: Counts, how: Choices, profile: str, start: Shape | None) -> list[Part]:
    """Every stratum fitted by itself; one part if there are no strata."""
    if counts.strata is None:
        hardness, table, ledgers = measured(counts, how)
        fit = fit_profiles(table, hardness, profile, start=start)
        items = np.arange(len(counts.items))
        return [Part(items, 1.0, ledgers, table, hardness, fit)]
    parts = []
    names = grouped_strata(counts.strata)
    for name in np.unique(names):
        items = np.flatnonzero(names == name)
        hardness, table, ledgers = measured(some_items(counts, items), how)
        fit = fit_profiles(table, hardness, profile, start=start)
        parts.append(Part(items, len(items) / len(names), ledgers, table, hardness, fit))
    return parts


def grouped_strata(strata: NDArray[np.str_]) -> NDArray[np.str_]:
    """The strata, with those put together that are too small to be fitted.

    Examples
    --------
    >>> grouped_strata(np.array(["a"] * 30 + ["b"] * 5 + ["c"] * 9))[-1].item()
    'other strata'
    """
    names, at, n = np.unique(strata, return_inverse=True, return_counts=True)
    small = n < MIN_STRATUM
    if n[small].sum() < MIN_STRATUM and not small.all() and small.any():
        small[np.flatnonzero(~small)[n[~small].argmin()]] = True
    names = names.astype(object)
    names[small] = names[small][0] if small.sum() == 1 else "other strata"
    return names[at].astype(str)


def some_items(counts: Counts, items: NDArray[np.intp]) -> Counts:
    """The answers to some items."""
    place = np.full(len(counts.items), -1)
    place[items] = np.arange(len(items))
    prompted = counts.prompted
    if prompted is not None:
        prompted = prompted.rows(place[prompted.item] >= 0)
        prompted = replace(prompted, item=place[prompted.item])
    arrays = ("source_correct", "source_trials", "target_correct", "target_trials")
    return replace(
        counts,
        items=tuple(counts.items[i] for i in items),
        clusters=counts.clusters[items],
        prompted=prompted,
        strata=None,
        **{name: getattr(counts, name)[..., items] for name in arrays},
    )


def curves_of(parts: Sequence[Part]) -> Floats:
    """Transfer profiles, (n_models, n_targets + 1, n_grid)."""
    return merged([profile_values(p.fit) for p in parts], [p.share for p in parts])


def distribution_of(parts: Sequence[Part]) -> Floats:
    """Distribution of *h* over the items of each model, (n_models, n_grid)."""
    return merged([p.hardness.distribution for p in parts], [p.share for p in parts])


# References ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """What the profiles of a benchmark are averaged over.

    Attributes
    ----------
    name : str
        Of the reference of the score.
    weight, pooled : ndarray, shape (n_grid,)
        Weights of the score's reference, and of the pooled one.
    members : ndarray of bool, shape (n_models,)
        Models over which the pooled one is averaged.
    nearly : ndarray, shape (n_grid,)
        Weights that read *f* off where an item is nearly always solved.
    """

    name: str
    weight: Floats
    pooled: Floats
    members: NDArray[np.bool_]
    nearly: Floats


def references(
    counts_table: SufficientTable,
    parts: Sequence[Part],
    reference: str | Standard,
) -> Base:
    """The reference that was asked for, and the pooled one beside it."""
    hardness = parts[0].hardness
    table = counts_table
    grid = hardness.grid
    distribution = distribution_of(parts)
    # Models without a score, such as those at chance, are no population to compare others at.
    marks = basic_marks(table, parts, paired_items(table))
    members = np.asarray(~withheld(marks).all(axis=1))
    if not members.any():
        members = table.source_items.sum(axis=1) > 0
    pooled = distribution[members].mean(axis=0)
    name, weight = "uniform", uniform_reference(grid, table.chance)
    if isinstance(reference, Standard):
        if reference.chance != table.chance:
            raise InputError(
                Problem(
                    f"the standard was made with chance level {reference.chance:g}, and "
                    f"{table.benchmark} has {table.chance:g}.",
                    "Use the standard of this benchmark.",
                )
            )
        name, weight = "standard", reference.on(grid)
    elif reference == "pooled":
        name, weight = "pooled", pooled
    return Base(name, weight, pooled, members, at_probability(grid, NEARLY_ALWAYS))


# What may be wrong --------------------------------------------------------------------------------


def paired_items(table: SufficientTable) -> Floats:
    """Items in source and target; the macro average rests on those of a typical target."""
    n = table.paired[0]
    return np.concatenate([n[:, 1:].mean(axis=1, keepdims=True), n[:, 1:]], axis=1)


def support(parts: Sequence[Part], weight: Floats) -> tuple[Floats, Floats]:
    """Share of the reference where there are items, and the items that count; models × targets."""
    shares, precision = [], []
    for part in parts:
        n = paired_items(part.table)
        slices = items_in_slices(weight, part.hardness.distribution[:, None, :], n)
        shares.append(support_of(slices))
        precision.append(np.minimum(effective_items(slices), n))
    if len(parts) == 1:
        return shares[0], precision[0]
    variance = [1 / np.maximum(n, 1e-9) for n in precision]
    total = merged(variance, [p.share**2 for p in parts])
    n = merged([paired_items(p.table) for p in parts], [1.0] * len(parts))
    return merged(shares, [p.share for p in parts]), np.minimum(1 / total, n)


def withheld(marks: Mapping[Flag, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Where there is no score."""
    found = np.array([mark for flag, mark in marks.items() if flag.withholds])
    return np.asarray(found.any(axis=0))


def basic_marks(table: SufficientTable, parts: Sequence[Part], n_items: Floats) -> Marks:
    """What withholds a score, and which means are over other languages than most."""
    n, source, _, _ = table.paired
    shape = n.shape
    marks: Marks = {flag: np.zeros(shape, dtype=bool) for flag in Flag}
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = source / n
    error = _source_error(table, parts[0].hardness.likelihood is None)[:, None]
    marks[Flag.NEAR_CHANCE] = (accuracy - table.chance) < CLEAR_OF_CHANCE * error
    for part in parts if parts[0].hardness.likelihood is not None else ():
        marks[Flag.ONE_ANSWER] |= part.table.answered_once()[:, None]
    marks[Flag.NO_SUCCESS] = source <= 0  # below 0 by the correction for a judge
    few = n_items < MIN_ITEMS
    for part in parts if len(parts) > 1 else ():
        few |= paired_items(part.table) < MIN_ITEMS
    # One reason is enough: no items before no success before one answer before chance.
    marks[Flag.FEW_ITEMS] = few
    taken = few.copy()
    for flag in (Flag.NO_SUCCESS, Flag.ONE_ANSWER, Flag.NEAR_CHANCE):
        marks[flag] = marks[flag] & ~taken
        taken |= marks[flag]
    # Means over other languages do not compare: most models say which languages count.
    scored = ~taken[:, 0]
    asked = [tuple(row) for row in ~few[:, 1:]]
    usual = Counter(asked[m] for m in np.flatnonzero(scored))
    most = max(usual, key=lambda languages: (usual[languages], sum(languages)), default=())
    for m in np.flatnonzero(scored):
        marks[Flag.OTHER_LANGUAGES][m, 0] = asked[m] != most
    return marks


def _source_error(table: SufficientTable, pooled: bool) -> Floats:
    """Standard error of source accuracy over items, shape (n_models,)."""
    table = table.whole or table
    n = np.maximum(table.source_items.sum(axis=1), 1)
    if pooled:  # one answer an item, or nearly
        accuracy = table.paired[1, :, 0] / np.maximum(table.paired[0, :, 0], 1)
        return np.sqrt(np.clip(accuracy * (1 - accuracy), 0, None) / n)
    rate = table.correct / table.trials
    if table.judge:
        rate = table.judge.corrected(rate, table.source_language)
    mean = table.source_items @ rate / n
    square = table.source_items @ rate**2 / n
    return np.sqrt(np.maximum(square - mean**2, 0) / n)


def below_chance(counts: Counts) -> NDArray[np.bool_]:
    """Where target accuracy is clearly below chance, models × (macro + targets)."""
    rates = target_rates(counts)
    n = np.maximum(np.isfinite(rates).sum(axis=2), 1)
    filled = np.nan_to_num(rates)
    mean = filled.sum(axis=2) / n
    error = np.sqrt(np.maximum((filled**2).sum(axis=2) / n - mean**2, 0) / n)
    return (mean + CLEAR_OF_CHANCE * np.maximum(error, 1e-9) < counts.chance) & (n > 1)


def unread(counts: Counts) -> NDArray[np.bool_]:
    """Where many more answers could not be read in one language than in the other."""
    shape = (len(counts.models), len(counts.targets) + 1)
    if counts.unparsed is None:
        return np.zeros(shape, dtype=bool)
    gap = counts.unparsed[:, 1:] - counts.unparsed[:, :1]
    known = np.isfinite(gap)
    mean = np.where(known, gap, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.abs(np.column_stack([mean, np.nan_to_num(gap)])) > UNREAD


def repeated_guesses(distribution: Floats, grid: Floats, chance: float) -> NDArray[np.bool_]:
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


def extrapolated(support: Floats) -> NDArray[np.bool_]:
    """Where too little of the reference has items."""
    return np.asarray(support < SUPPORTED)
