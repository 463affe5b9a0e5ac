"""How the profiles of a benchmark are estimated, as far as nobody has said it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.cells import Bools, leave_one_out
from hatlib.metric.estimate import Method
from hatlib.metric.flags import Note, Remark
from hatlib.metric.marks import UNREAD, below_chance, unread
from hatlib.metric.pooled import LEAVE_ONE_OUT, MIN_MODELS
from hatlib.metric.promptings import told_by_promptings
from hatlib.metric.reference import Standard

REPEATED = 0.03
"""Two answers to an item disagree less often than this, for each time that answers to two items
do: the same answer again. Sets with usable repeats have .05 to .9."""

FEW_ANSWERS = 5
"""Fewer answers an item show its hardness only roughly."""

ENOUGH_TO_SEE = 5.0
"""Items' worth of variation that it takes to see whether answers repeat."""


def repeated(counts: Counts) -> Bools:
    """Models whose several answers to an item are one answer again and again.

    So it is at temperature 0, or with a cache: nearly all counts are 0 or all.

    Returns
    -------
    ndarray of bool, shape (n_models,)

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0, 1], n_trials=1, n_items=100).responses.counts("sim")
    >>> ten = replace(counts, source_correct=counts.source_correct * 10,
    ...               source_trials=counts.source_trials * 10)
    >>> repeated(counts).tolist(), repeated(ten).tolist()
    ([False, False], [True, True])
    """
    k, n = counts.source_correct, counts.source_trials
    several = n >= 2
    pairs = np.where(several, n * (n - 1), 1)
    disagree = np.where(several, 2 * k * (n - k) / pairs, 0).sum(axis=1)
    items = np.maximum(several.sum(axis=1), 1)
    rate = np.where(several, k / np.maximum(n, 1), 0).sum(axis=1) / items
    possible = 2 * rate * (1 - rate) * items
    usual = several.sum(axis=1) > 0.5 * (n > 0).sum(axis=1)
    return np.asarray(usual & (possible > 2 * ENOUGH_TO_SEE) & (disagree < REPEATED * possible))


def once(counts: Counts, whose: Bools) -> Counts:
    """The source answers of some models counted as one an item."""
    k, n = counts.source_correct, counts.source_trials
    pick = whose[:, None] & (n > 0)
    return replace(
        counts,
        source_correct=np.where(pick, 2 * k > n, k).astype(np.int64),
        source_trials=np.where(pick, 1, n).astype(np.int64),
    )


def choose(
    counts: Counts,
    hardness: str,
    profile: str,
    correlation: float | None,
    standard: Standard | None,
) -> tuple[Counts, Method, list[Note]]:
    """The method to use, with what there is to say of it.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    hardness, profile : str
        As in `hatlib.hat_scores`.
    correlation : float or None
        What is told; None if it is to be estimated where it can.
    standard : Standard or None
        A frozen standard, if it is the reference.

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
    method = _hardness(counts, hardness, correlation, same, notes)
    if standard:
        notes.append(Note(Remark.STANDARD, {"origin": standard.origin}))
    if profile == "auto":
        alone = _lenders(counts, method.hardness) == 1 and not standard
        profile = "direct" if alone else "adaptive"
        notes += [Note(Remark.LONE_MODEL)] if alone else []
    method = replace(method, profile=profile, start=standard.shape if standard else None)
    return counts, method, [*notes, *_seen(counts)]


def _names(counts: Counts, chosen: Bools) -> list[str]:
    return [name for name, each in zip(counts.models, chosen, strict=True) if each]


def _hardness(
    counts: Counts, hardness: str, correlation: float | None, same: Bools, notes: list[Note]
) -> Method:
    """Where the hardness comes from; notes are added to."""
    trials = counts.source_trials[counts.source_trials > 0]
    if not len(trials):
        what = f"{counts.benchmark} has no answer in the source language {counts.source_language}."
        raise InputError(Problem(what))
    several, none = np.median(trials) >= 2, np.zeros(len(counts.models), dtype=bool)
    if hardness == "self" and not several:
        again = " (those that only repeat one another count once)" if same.any() else ""
        raise InputError(
            Problem(
                f"{counts.benchmark} has one answer an item{again}, which cannot show how hard an "
                "item is for a model.",
                "Use hardness pooled with several models, or ask each item several times.",
            )
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
