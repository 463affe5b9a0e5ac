"""From answers to fitted profiles, all items together or stratum by stratum.

Items may lie in strata (domains, topics).  Each stratum is then fitted by itself and the profiles
are averaged with fixed weights, the shares of the strata among all items, as mortality is adjusted
for age *and* sex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.answers import leave_one_out, repeated, told_by_promptings
from hatlib.metric.flags import Note, Remark
from hatlib.metric.hardness import Hardness, onto_grid, self_hardness
from hatlib.metric.judge import Judge
from hatlib.metric.marks import Marks, basic_marks, withheld
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
        own = isinstance(self.reference, Standard)
        known = self.hardness in HARDNESS_NAMES or self.hardness.startswith(LINEAGE)
        right = {
            "hardness": (known, ", ".join(HARDNESS_NAMES)),
            "profile": (self.profile in PROFILES, ", ".join(PROFILES)),
            "reference": (
                own or self.reference in REFERENCE_NAMES,
                "uniform, pooled or a standard",
            ),
            "correlation": (0 <= (self.correlation or 0) < 1, "a number from 0 to below 1"),
            "draws": (self.draws == 0 or self.draws >= 20, "20 or more, or 0 for no interval"),
            "level": (0 < self.level < 1, "a number between 0 and 1"),
        }
        problems = [
            Problem(f"{name} cannot be this.", f"Use {use}.", value=str(getattr(self, name)))
            for name, (fine, use) in right.items()
            if not fine
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
    marks : dict of Flag to ndarray of bool, shape (n_models, n_targets + 1)
        What withholds a score.
    reference : Reference
        What the profiles are averaged over.
    """

    parts: tuple[Part, ...]
    table: SufficientTable
    hardness: Hardness
    curves: Floats
    distribution: Floats
    marks: Marks
    reference: Reference


def joined(
    parts: Sequence[Part], table: SufficientTable, hardness: Hardness, settings: Settings
) -> Fitted:
    """Average the profiles of strata; table and hardness are those of all items.

    Beside the reference that was asked for stands the pooled one.
    """
    curves = np.sum([part.share * part.fit.values(part.fit.parameters) for part in parts], axis=0)
    distribution = np.sum([part.share * part.hardness.distribution for part in parts], axis=0)
    marks = basic_marks(table, [part.table for part in parts])
    # Models without a score, such as those at chance, are no population to compare others at.
    members = np.asarray(~withheld(marks).all(axis=1))
    if not members.any():
        members = table.source_items.sum(axis=1) > 0
    grid, asked, pooled = hardness.grid, settings.reference, distribution[members].mean(axis=0)
    name, weight = "uniform", uniform_reference(grid, table.chance)
    if asked == "pooled":
        name, weight = "pooled", pooled
    if isinstance(asked, Standard):
        if asked.chance != table.chance:
            what = f"the standard was made with chance level {asked.chance:g}"
            remedy = "Use the standard of this benchmark."
            raise InputError(f"{what}, and {table.benchmark} has {table.chance:g}.", remedy)
        name, weight = "standard", asked.weight @ onto_grid(asked.grid, grid)
    reference = Reference(name, grid, table.chance, weight, pooled, members)
    return Fitted(tuple(parts), table, hardness, curves, distribution, marks, reference)


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
    return joined(parts, table, hardness, settings)


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


# What nobody has said -----------------------------------------------------------------------------


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
    size = settings.draws * len(counts.models) * (len(counts.targets) + 1)
    if size > MOST_DRAWN:
        fewer = MOST_DRAWN * settings.draws // size // 100 * 100
        shape = f"{len(counts.models):,} models in {len(counts.targets)} target languages"
        remedy = f"Use {max(fewer, 20)} redraws (--draws), or score fewer models at a time."
        raise InputError(f"{shape} are too many for {settings.draws} redraws in memory.", remedy)
    notes: list[Note] = []

    def note(remark: Remark, **data: Any) -> None:
        notes.append(Note(remark, data))

    same = repeated(counts)
    if same.any():
        k, n = counts.source_correct, counts.source_trials
        many = same[:, None] & (n > 0)
        k, n = np.where(many, 2 * k > n, k), np.where(many, 1, n)
        counts = replace(counts, source_correct=k.astype(np.int64), source_trials=n)
        note(Remark.REPEATED, models=np.array(counts.models)[same].tolist())
    trials = counts.source_trials[counts.source_trials > 0]
    if not len(trials):
        what = f"{counts.benchmark} has no answer in the source language {counts.source_language}."
        raise InputError(what)
    several, hardness = np.median(trials) >= 2, settings.hardness
    if hardness == "self" and not several:
        again = " (those that only repeat one another count once)" if same.any() else ""
        what = f"{counts.benchmark} has one answer an item{again}, which cannot show its hardness."
        remedy = "Use hardness pooled with several models, or ask each item several times."
        raise InputError(what, remedy)
    if hardness == "auto" and several:
        hardness = "self"
    elif hardness == "auto" and len(counts.models) >= MIN_MODELS:
        note(Remark.ONE_ANSWER, models=len(counts.models))
        hardness = LEAVE_ONE_OUT
    elif hardness == "auto":  # the flag of one answer an item withholds every score
        note(Remark.NO_HARDNESS, models=len(counts.models), needed=MIN_MODELS)
        hardness = "self"
    elif hardness != "self" and counts.prompted is not None and several:
        note(Remark.PROMPTINGS_ADDED, method=hardness)
    settings = replace(settings, hardness=hardness)
    if hardness == "self" and several:  # what the promptings say of it
        names = counts.prompted.names if counts.prompted else ()
        one_out = leave_one_out(counts) & ~same
        if not names:
            note(Remark.UNNAMED_PROMPTS)
        elif one_out.any():
            models = np.array(counts.models)[one_out].tolist()
            note(Remark.PROMPTING_LEFT_OUT, promptings=len(names), models=models)
        elif len(names) > 1:
            note(Remark.PROMPTINGS_ADDED, method="self")
        usual = int(np.median(trials[trials >= 2]))
        if 2 < usual < FEW_ANSWERS:  # two are flagged
            note(Remark.FEW_ANSWERS, answers=usual, needed=FEW_ANSWERS)
        correlation = settings.correlation
        if correlation is None:
            within, correlation = told_by_promptings(counts, bool(one_out.any()))
            if np.isfinite(within):
                note(Remark.CORRELATION_FOUND, within=within, correlation=correlation)
        elif correlation:
            note(Remark.CORRELATION_GIVEN, correlation=correlation)
        settings = replace(settings, one_out=one_out, correlation=correlation)
    if isinstance(settings.reference, Standard):
        note(Remark.STANDARD, origin=settings.reference.origin)
    if settings.profile == "auto":
        # Who has a profile that others can borrow from? One answer an item shows none.
        answered = counts.source_trials > 0
        lend = answered.any(axis=1)
        if hardness == "self":
            enough = (counts.source_trials >= 2).sum(axis=1) >= answered.sum(axis=1) / 2
            lend = lend & enough if (lend & enough).any() else lend
        alone = settings.start is None and lend.sum() == 1
        settings = replace(settings, profile="direct" if alone else "adaptive")
        if alone:
            note(Remark.LONE_MODEL)
    return counts, settings, notes
