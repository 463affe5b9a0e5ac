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
from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.answers import once, repeated, told_by_promptings
from hatlib.metric.flags import Note, Remark
from hatlib.metric.hardness import Hardness, self_hardness
from hatlib.metric.judge import Judge
from hatlib.metric.marks import UNREAD, basic_marks, below_chance, unread, withheld
from hatlib.metric.pooled import LEAVE_ONE_OUT, LINEAGE, MIN_MODELS, pooled_hardness
from hatlib.metric.profile import PROFILE_NAMES, ProfileFit, Shape, fit_profiles, profile_values
from hatlib.metric.reference import Base, Standard, uniform_reference
from hatlib.metric.sufficient import Bools, Floats, SufficientTable, leave_one_out, tabulate

MIN_STRATUM = 20
"""Smaller strata are put together."""


FEW_ANSWERS = 5
"""Fewer answers an item show its hardness only roughly."""


HARDNESS_NAMES = ("auto", "self", "pooled", LEAVE_ONE_OUT, "other-lineages")
REFERENCE_NAMES = ("auto", "uniform", "pooled")
PROFILES = ("auto", *PROFILE_NAMES)


@dataclass(frozen=True)
class Settings:
    """How to score, see `hat_scores`."""

    hardness: str = "auto"
    profile: str = "auto"
    reference: str | Standard = "auto"
    correlation: float | None = None
    judge: Judge | None = None
    draws: int = 2000
    level: float = resample.LEVEL

    @property
    def start(self) -> Shape | None:
        """The common shape of a frozen standard."""
        return self.reference.shape if isinstance(self.reference, Standard) else None

    def __post_init__(self) -> None:
        problems = [
            Problem(f"{what} is not known.", f"Use one of {', '.join(known)}.", value=str(value))
            for what, value, known in (
                ("hardness", self.hardness, HARDNESS_NAMES),
                ("profile", self.profile, PROFILES),
                ("reference", self.reference, (*REFERENCE_NAMES, "a frozen standard")),
            )
            if not (isinstance(value, Standard) or value in known or value.startswith(LINEAGE))
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


def base_of(table: SufficientTable, parts: Sequence[Part], settings: Settings) -> Base:
    """The reference that was asked for, and the pooled one beside it."""
    reference = settings.reference
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
                f"the standard was made with chance level {reference.chance:g}, and "
                f"{table.benchmark} has {table.chance:g}.",
                "Use the standard of this benchmark.",
            )
        name, weight = "standard", reference.on(grid)
    return Base(name, grid, table.chance, weight, pooled, members)


# What nobody has said -----------------------------------------------------------------------------


def choose(counts: Counts, settings: Settings) -> tuple[Counts, Method, list[Note]]:
    """The method to use, with what there is to say of it.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    settings : Settings
        What was asked for.

    Returns
    -------
    counts : Counts
        With answers that only repeat counted once.
    method : Method
    notes : list of Note
    """
    notes: list[Note] = []
    same = repeated(counts)
    if same.any():
        counts = once(counts, same)
        notes.append(Note(Remark.REPEATED, {"models": _names(counts, same)}))
    method = _hardness(counts, settings, same, notes)
    if isinstance(settings.reference, Standard):
        notes.append(Note(Remark.STANDARD, {"origin": settings.reference.origin}))
    profile = settings.profile
    if profile == "auto":
        alone = settings.start is None and _lenders(counts, method.hardness) == 1
        profile = "direct" if alone else "adaptive"
        notes += [Note(Remark.LONE_MODEL)] if alone else []
    method = replace(method, profile=profile, start=settings.start)
    return counts, method, [*notes, *_seen(counts)]


def _names(counts: Counts, chosen: Bools) -> list[str]:
    return [name for name, each in zip(counts.models, chosen, strict=True) if each]


def _hardness(counts: Counts, settings: Settings, same: Bools, notes: list[Note]) -> Method:
    """Where the hardness comes from; notes are added to."""
    hardness, correlation = settings.hardness, settings.correlation
    trials = counts.source_trials[counts.source_trials > 0]
    if not len(trials):
        what = f"{counts.benchmark} has no answer in the source language {counts.source_language}."
        raise InputError(what)
    several, none = np.median(trials) >= 2, np.zeros(len(counts.models), dtype=bool)
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
            notes.append(Note(Remark.NO_HARDNESS, models | {"needed": MIN_MODELS}))
            return Method("self", none)
        notes.append(Note(Remark.ONE_ANSWER, models))
        hardness = LEAVE_ONE_OUT
    if hardness not in ("auto", "self"):
        if counts.prompted is not None and several:
            notes.append(Note(Remark.PROMPTINGS_ADDED, {"method": hardness}))
        return Method(hardness, none)
    # From a model's own answers: what the promptings say of it.
    one_out = leave_one_out(counts) & ~same
    if one_out.any() and counts.prompted:
        data = {"promptings": len(counts.prompted.names), "models": _names(counts, one_out)}
        notes.append(Note(Remark.PROMPTING_LEFT_OUT, data))
    elif counts.prompted is None:
        notes.append(Note(Remark.UNNAMED_PROMPTS))
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
    return Method("self", one_out, correlation)


def _lenders(counts: Counts, hardness: str) -> int:
    """How many models have a profile that others can borrow from."""
    answered = counts.source_trials > 0
    lend = answered.any(axis=1)
    if hardness == "self":  # one answer an item shows no profile that could be lent
        several = lend & ((counts.source_trials >= 2).sum(axis=1) >= answered.sum(axis=1) / 2)
        lend = several if several.any() else lend
    return int(lend.sum())


def _seen(counts: Counts) -> list[Note]:
    """What the answers themselves show to be wrong, by model and language."""
    notes, models, targets = [], counts.models, counts.targets
    low = np.argwhere(below_chance(counts)[:, 1:])
    if len(low):
        where = [(models[m], targets[t]) for m, t in low]
        notes.append(Note(Remark.BELOW_CHANCE, {"where": where, "chance": counts.chance}))
    gaps = np.argwhere(np.abs(unread(counts)[:, 1:]) > UNREAD)
    if len(gaps) and counts.unparsed is not None:
        share = counts.unparsed
        rows = [(models[m], targets[t], share[m, t + 1], share[m, 0]) for m, t in gaps]
        notes.append(Note(Remark.UNPARSED, {"where": rows}))
    return notes
