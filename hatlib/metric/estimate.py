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

from hatlib import resample
from hatlib.data.responses import BY_ITEM, Counts
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.answers import leave_one_out, once, repeated, told_by_promptings
from hatlib.metric.flags import Note, Remark
from hatlib.metric.hardness import Hardness, onto_grid, self_hardness
from hatlib.metric.judge import Judge
from hatlib.metric.pooled import LEAVE_ONE_OUT, LINEAGE, MIN_MODELS, pooled_hardness
from hatlib.metric.profile import PROFILE_NAMES, ProfileFit, Shape, fit_profiles
from hatlib.metric.reference import Reference, Standard, uniform_reference
from hatlib.metric.sufficient import Bools, Cells, Floats, SufficientTable, cells_of, tabulate

MIN_STRATUM = 20
"""Smaller strata are put together."""

FEW_ANSWERS = 5
"""Fewer answers an item show its hardness only roughly."""

MOST_DRAWN = 20_000_000
"""Redraws × models × languages that are kept; half a gigabyte of them."""

HARDNESS_NAMES = ("auto", "self", "pooled", LEAVE_ONE_OUT, "other-lineages")
REFERENCE_NAMES = ("auto", "uniform", "pooled")
PROFILES = ("auto", *PROFILE_NAMES)


@dataclass(frozen=True)
class Settings:
    """How to score, see `hat_scores`.

    What was left open is decided by `choose`, which also adds the models for which one prompting is
    left out. The interaction is that of pooled hardness.
    """

    hardness: str = "auto"
    profile: str = "auto"
    reference: str | Standard = "auto"
    correlation: float | None = None
    judge: Judge | None = None
    draws: int = 2000
    level: float = resample.LEVEL
    one_out: Bools | None = None
    interaction: float = 0.0

    def __post_init__(self) -> None:
        allowed = {
            "hardness": HARDNESS_NAMES,
            "profile": PROFILES,
            "reference": (*REFERENCE_NAMES, "a frozen standard"),
        }
        problems = [
            Problem(f"{name} is not known.", f"Use one of {', '.join(known)}.", value=str(value))
            for name, known in allowed.items()
            if not isinstance(value := getattr(self, name), Standard)
            and not (value in known or value.startswith(LINEAGE))
        ]
        wrong = (
            ("draws", 0 < self.draws < 20 or self.draws < 0, "below 20 and not 0", "2000, or 0"),
            ("correlation", not 0 <= (self.correlation or 0) < 1, "not from 0 to below 1", "0.1"),
            ("level", not 0 < self.level < 1, "not between 0 and 1", "0.95"),
        )
        problems += [
            Problem(f"{name} is {what}.", f"Use {remedy}.", value=str(getattr(self, name)))
            for name, is_wrong, what, remedy in wrong
            if is_wrong
        ]
        if problems:
            raise InputError(problems)

    @property
    def start(self) -> Shape | None:
        """The common shape of a frozen standard."""
        return self.reference.shape if isinstance(self.reference, Standard) else None


# Fitting ------------------------------------------------------------------------------------------


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
    cells: Cells
    table: SufficientTable
    hardness: Hardness
    fit: ProfileFit


@dataclass(frozen=True)
class Fitted:
    """A benchmark whose strata were fitted.

    Attributes
    ----------
    parts : tuple of Part
        The strata; one if there are none.
    table : SufficientTable
        Of all items.
    hardness : Hardness
        Of all items.
    curves : ndarray, shape (n_models, n_targets + 1, n_grid)
        Transfer profiles.
    distribution : ndarray, shape (n_models, n_grid)
        Distribution of *h* over the items of each model.
    """

    parts: tuple[Part, ...]
    table: SufficientTable
    hardness: Hardness
    curves: Floats
    distribution: Floats


def joined(parts: Sequence[Part], table: SufficientTable, hardness: Hardness) -> Fitted:
    """Average the profiles of strata; table and hardness are those of all items."""
    curves = np.sum([part.share * part.fit.values(part.fit.parameters) for part in parts], axis=0)
    distribution = np.sum([part.share * part.hardness.distribution for part in parts], axis=0)
    return Fitted(tuple(parts), table, hardness, curves, distribution)


def fitted(counts: Counts, settings: Settings) -> Fitted:
    """Every stratum fitted by itself; all items together if there are no strata."""
    strata = np.zeros(len(counts.items)) if counts.strata is None else grouped_strata(counts.strata)
    names, at = np.unique(strata, return_inverse=True)
    parts = []
    for place in range(len(names)):
        items = np.flatnonzero(at == place)
        cells, table, hardness = measured(some_items(counts, items), settings)
        fit = fit_profiles(table, hardness, settings.profile, start=settings.start)
        parts.append(Part(items, len(items) / len(at), cells, table, hardness, fit))
    if len(parts) > 1:
        _, table, hardness = measured(counts, settings)
    return joined(parts, table, hardness)


def measured(counts: Counts, settings: Settings) -> tuple[Cells, SufficientTable, Hardness]:
    """Items in cells, what is known of the cells, and how hard their items are."""
    if settings.hardness != "self":
        method, interaction = settings.hardness, settings.interaction
        hardness, cells = pooled_hardness(counts, method, interaction=interaction)
        return cells, tabulate(counts, cells), hardness
    cells = cells_of(counts, settings.one_out)
    table = tabulate(counts, cells)
    if settings.one_out is not None and settings.one_out.any():
        table = replace(table, whole=tabulate(counts))
    return cells, table, self_hardness(table, correlation=settings.correlation or 0)


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
    if len(items) == len(counts.items):
        return counts
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
        **{name: getattr(counts, name)[..., items] for name in arrays},
    )


def reference_of(found: Fitted, settings: Settings, scored: Bools) -> Reference:
    """The reference that was asked for, and the pooled one beside it.

    Models without a score (models × targets), such as those at chance, are no population to compare
    others at.
    """
    table, grid, asked = found.table, found.hardness.grid, settings.reference
    members = np.asarray(scored.any(axis=1))
    if not members.any():
        members = table.source_items.sum(axis=1) > 0
    pooled = found.distribution[members].mean(axis=0)
    name, weight = "uniform", uniform_reference(grid, table.chance)
    if asked == "pooled":
        name, weight = "pooled", pooled
    if isinstance(asked, Standard):
        if asked.chance != table.chance:
            raise InputError(
                f"the standard was made with chance level {asked.chance:g}, and "
                f"{table.benchmark} has {table.chance:g}.",
                "Use the standard of this benchmark.",
            )
        name, weight = "standard", asked.weight @ onto_grid(asked.grid, grid)
    return Reference(name, grid, table.chance, weight, pooled, members)


# What nobody has said -----------------------------------------------------------------------------


def check(counts: Counts, settings: Settings) -> None:
    """Refuse what would not fit into memory, and a judge of other languages."""
    size = settings.draws * len(counts.models) * (len(counts.targets) + 1)
    if size > MOST_DRAWN:
        fewer = MOST_DRAWN * settings.draws // size // 100 * 100
        raise InputError(
            f"{len(counts.models):,} models in {len(counts.targets)} target languages are too "
            f"many for {settings.draws} redraws in memory.",
            f"Use {max(fewer, 20)} redraws (--draws), or score fewer models at a time.",
        )
    judged = settings.judge.languages if settings.judge else {}
    refuse_unknown(
        f"{counts.benchmark} has no language of this name.",
        list(judged),
        sorted({counts.source_language, *counts.targets}),
    )
    if judged and counts.source_language == BY_ITEM:
        what = "the judge differs by language, and the source language by item."
        raise InputError(what, "Give one judge for all languages.")


def refuse_unknown(what: str, asked: Sequence[str], there: Sequence[str]) -> None:
    """Refuse names that are not there."""
    remedy = f"There are: {listing(there, 40)}."
    if problems := [Problem(what, remedy, value=name) for name in asked if name not in there]:
        raise InputError(problems)


def choose(counts: Counts, settings: Settings) -> tuple[Counts, Settings, list[Note]]:
    """Decide what was left open.

    Returns
    -------
    counts : Counts
        With answers that only repeat counted once.
    settings : Settings
        Without "auto" for hardness and profile.
    notes : list of Note
        What there is to say of it.
    """
    notes: list[Note] = []
    same = repeated(counts)
    if same.any():
        counts = once(counts, same)
        notes.append(Note(Remark.REPEATED, {"models": named(counts, same)}))
    settings, more = _hardness(counts, settings, same)
    notes += more
    if isinstance(settings.reference, Standard):
        notes.append(Note(Remark.STANDARD, {"origin": settings.reference.origin}))
    if settings.profile == "auto":
        # Who has a profile that others can borrow from? One answer an item shows none.
        answered = counts.source_trials > 0
        lend = answered.any(axis=1)
        if settings.hardness == "self":
            several = (counts.source_trials >= 2).sum(axis=1) >= answered.sum(axis=1) / 2
            lend = lend & several if (lend & several).any() else lend
        alone = settings.start is None and lend.sum() == 1
        settings = replace(settings, profile="direct" if alone else "adaptive")
        notes += [Note(Remark.LONE_MODEL)] if alone else []
    return counts, settings, notes


def named(counts: Counts, chosen: Bools) -> list[str]:
    """Names of some models."""
    return [name for name, each in zip(counts.models, chosen, strict=True) if each]


def _hardness(counts: Counts, settings: Settings, same: Bools) -> tuple[Settings, list[Note]]:
    """Where the hardness comes from."""
    hardness, correlation = settings.hardness, settings.correlation
    notes: list[Note] = []
    trials = counts.source_trials[counts.source_trials > 0]
    if not len(trials):
        what = f"{counts.benchmark} has no answer in the source language {counts.source_language}."
        raise InputError(what)
    several = np.median(trials) >= 2
    if hardness == "self" and not several:
        again = " (those that only repeat one another count once)" if same.any() else ""
        raise InputError(
            f"{counts.benchmark} has one answer an item{again}, which cannot show how hard an "
            "item is for a model.",
            "Use hardness pooled with several models, or ask each item several times.",
        )
    if hardness == "auto" and not several:
        models = {"models": len(counts.models)}
        if len(counts.models) < MIN_MODELS:  # the flag of one answer an item withholds every score
            return replace(settings, hardness="self", correlation=0.0), [
                Note(Remark.NO_HARDNESS, models | {"needed": MIN_MODELS})
            ]
        notes.append(Note(Remark.ONE_ANSWER, models))
        hardness = LEAVE_ONE_OUT
    if hardness not in ("auto", "self"):
        if counts.prompted is not None and several:
            notes.append(Note(Remark.PROMPTINGS_ADDED, {"method": hardness}))
        return replace(settings, hardness=hardness), notes
    # From a model's own answers: what the promptings say of it.
    one_out = leave_one_out(counts) & ~same
    if counts.prompted is None:
        notes.append(Note(Remark.UNNAMED_PROMPTS))
    elif one_out.any():
        data = {"promptings": len(counts.prompted.names), "models": named(counts, one_out)}
        notes.append(Note(Remark.PROMPTING_LEFT_OUT, data))
    elif len(counts.prompted.names) > 1:
        notes.append(Note(Remark.PROMPTINGS_ADDED, {"method": "self"}))
    usual = int(np.median(trials[trials >= 2]))
    if 2 < usual < FEW_ANSWERS:  # two are flagged
        notes.append(Note(Remark.FEW_ANSWERS, {"answers": usual, "needed": FEW_ANSWERS}))
    if correlation is None:
        within, correlation = told_by_promptings(counts, bool(one_out.any()))
        if np.isfinite(within):
            data = {"within": within, "correlation": correlation}
            notes.append(Note(Remark.CORRELATION_FOUND, data))
    elif correlation:
        notes.append(Note(Remark.CORRELATION_GIVEN, {"correlation": correlation}))
    return replace(settings, hardness="self", one_out=one_out, correlation=correlation), notes
