"""From answers to fitted profiles, all items together or stratum by stratum.

Items may lie in strata (domains, topics).  Each stratum is then fitted by itself and the profiles
are averaged with fixed weights, the shares of the strata among all items, as mortality is adjusted
for age *and* sex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.cells import Bools, Floats
from hatlib.metric.hardness import Hardness, self_hardness
from hatlib.metric.marks import basic_marks, withheld
from hatlib.metric.pooled import pooled_hardness
from hatlib.metric.profile import ProfileFit, Shape, fit_profiles, profile_values
from hatlib.metric.reference import Base, Standard, uniform_reference
from hatlib.metric.sufficient import SufficientTable, tabulate

MIN_STRATUM = 20
"""Smaller strata are put together."""


@dataclass(frozen=True)
class Method:
    """How the profiles of a benchmark are estimated.

    Attributes
    ----------
    hardness : str
        "self", or one of `hatlib.metric.pooled.donors`.
    one_out : ndarray of bool, shape (n_models,)
        Models for which one prompting is left out.
    correlation : float
        Of the answers to one item.
    interaction : float
        Of pooled hardness.
    profile : str
        One of `hatlib.metric.profile.PROFILE_NAMES`.
    start : Shape or None
        A frozen common shape.
    """

    hardness: str
    one_out: Bools
    correlation: float = 0.0
    interaction: float = 0.0
    profile: str = "adaptive"
    start: Shape | None = None


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
    hardness: Hardness
    table: SufficientTable
    fit: ProfileFit


def measured(counts: Counts, method: Method) -> tuple[Hardness, SufficientTable]:
    """Hardness, and the table of its cells."""
    if method.hardness != "self":
        pooled = pooled_hardness(counts, method.hardness, interaction=method.interaction)
        return pooled, tabulate(counts, pooled)
    plain = self_hardness(counts, correlation=method.correlation)
    if not method.one_out.any():
        return plain, tabulate(counts, plain)
    left = self_hardness(counts, correlation=method.correlation, one_out=method.one_out)
    return left, replace(tabulate(counts, left), whole=tabulate(counts, plain))


def fitted(counts: Counts, method: Method) -> list[Part]:
    """Every stratum fitted by itself; one part if there are no strata."""
    strata = np.zeros(len(counts.items)) if counts.strata is None else grouped_strata(counts.strata)
    names, at = np.unique(strata, return_inverse=True)
    parts = []
    for place in range(len(names)):
        items = np.flatnonzero(at == place)
        some = counts if len(names) == 1 else some_items(counts, items)
        hardness, table = measured(some, method)
        fit = fit_profiles(table, hardness, method.profile, start=method.start)
        parts.append(Part(items, len(items) / len(at), hardness, table, fit))
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
    return np.asarray(sum(part.share * profile_values(part.fit) for part in parts))


def distribution_of(parts: Sequence[Part]) -> Floats:
    """Distribution of *h* over the items of each model, (n_models, n_grid)."""
    return np.asarray(sum(part.share * part.hardness.distribution for part in parts))


def base_of(table: SufficientTable, parts: Sequence[Part], reference: str | Standard) -> Base:
    """The reference that was asked for, and the pooled one beside it."""
    grid, distribution = parts[0].hardness.grid, distribution_of(parts)
    # Models without a score, such as those at chance, are no population to compare others at.
    members = (~withheld(basic_marks(table, parts))).max(axis=1)
    if not members.any():
        members = table.source_items.sum(axis=1) > 0
    pooled = distribution[members].mean(axis=0)
    name, weight = "uniform", uniform_reference(grid, table.chance)
    if reference == "pooled":
        name, weight = "pooled", pooled
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
    return Base(name, grid, table.chance, weight, pooled, members)
