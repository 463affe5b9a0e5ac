"""How the hardness of a benchmark is estimated, as far as nobody has said it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.cells import leave_one_out
from hatlib.metric.estimate import UNREAD, Choices, below_chance
from hatlib.metric.flags import Note, Remark
from hatlib.metric.pooled import LEAVE_ONE_OUT, MIN_MODELS
from hatlib.metric.promptings import told_by_promptings

Floats = NDArray[np.float64]

REPEATED = 0.03
"""Two answers to an item disagree less often than this, for each time that answers to two items
do: the same answer again. Sets with usable repeats have .05 to .9."""

FEW_ANSWERS = 5
"""Fewer answers an item show its hardness only roughly."""

ENOUGH_TO_SEE = 5.0
"""Items' worth of variation that it takes to see whether answers repeat."""


def repeated(counts: Counts) -> NDArray[np.bool_]:
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


def once(counts: Counts, whose: NDArray[np.bool_]) -> Counts:
    """The source answers of some models counted as one an item."""
    k, n = counts.source_correct, counts.source_trials
    pick = whose[:, None] & (n > 0)
    return replace(
        counts,
        source_correct=np.where(pick, 2 * k > n, k).astype(np.int64),
        source_trials=np.where(pick, 1, n).astype(np.int64),
    )


def choose(
    counts: Counts, hardness: str, correlation: float | None
) -> tuple[Counts, Choices, list[Note]]:
    """The hardness to use.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    hardness : str
        As in `hatlib.hat_scores`.
    correlation : float or None
        What is told; None if it is to be estimated where it can.

    Returns
    -------
    counts : Counts
        With answers that only repeat counted once.
    choices : Choices
    notes : list of Note
    """
    notes: list[Note] = []
    same = repeated(counts)
    if same.any():
        counts = once(counts, same)
        names = [m for m, is_same in zip(counts.models, same, strict=True) if is_same]
        notes.append(Note(Remark.REPEATED, {"models": names}))
    trials = counts.source_trials[counts.source_trials > 0]
    if not len(trials):
        what = f"{counts.benchmark} has no answer in the source language {counts.source_language}."
        raise InputError(Problem(what))
    several = np.median(trials) >= 2
    none = np.zeros(len(counts.models), dtype=bool)
    method = hardness
    if hardness == "auto":
        if not several and len(counts.models) < MIN_MODELS:
            data = {"models": len(counts.models), "needed": MIN_MODELS}
            # The flag of one answer an item withholds every score.
            return counts, Choices("self", none), [*notes, Note(Remark.NO_HARDNESS, data)]
        method = "self" if several else LEAVE_ONE_OUT
        if not several:
            notes.append(Note(Remark.ONE_ANSWER, {"models": len(counts.models)}))
    elif hardness == "self" and not several:
        again = " (those that only repeat one another count once)" if same.any() else ""
        raise InputError(
            Problem(
                f"{counts.benchmark} has one answer an item{again}, which cannot show how hard an "
                "item is for a model.",
                "Use hardness pooled with several models, or ask each item several times.",
            )
        )
    if method != "self":
        if counts.prompted is not None and several:
            notes.append(Note(Remark.PROMPTINGS_ADDED, {"method": method}))
        return counts, Choices(method, none), notes
    return _own(counts, same, correlation, notes)


def _own(
    counts: Counts, same: NDArray[np.bool_], correlation: float | None, notes: list[Note]
) -> tuple[Counts, Choices, list[Note]]:
    """Hardness from a model's own answers: what the promptings say of it."""
    one_out = leave_one_out(counts) & ~same
    if one_out.any():
        assert counts.prompted is not None
        names = [m for m, chosen in zip(counts.models, one_out, strict=True) if chosen]
        data = {"promptings": len(counts.prompted.names), "models": names}
        notes.append(Note(Remark.PROMPTING_LEFT_OUT, data))
    elif counts.prompted is None:
        notes.append(Note(Remark.UNNAMED_PROMPTS))
    elif len(counts.prompted.names) > 1:
        notes.append(Note(Remark.PROMPTINGS_ADDED, {"method": "self"}))
    asked = counts.source_trials[counts.source_trials >= 2]
    if 2 < (usual := int(np.median(asked))) < FEW_ANSWERS:  # two are flagged
        notes.append(Note(Remark.FEW_ANSWERS, {"answers": usual, "needed": FEW_ANSWERS}))
    if correlation is not None:
        if correlation:
            notes.append(Note(Remark.CORRELATION_GIVEN, {"correlation": correlation}))
        return counts, Choices("self", one_out, correlation), notes
    within, value = told_by_promptings(counts, bool(one_out.any()))
    if np.isfinite(within):
        data = {"within": within, "correlation": value}
        notes.append(Note(Remark.CORRELATION_FOUND, data))
    return counts, Choices("self", one_out, value), notes


def one_prompt(counts: Counts) -> NDArray[np.bool_]:
    """Models that answered each item several times under one named prompting."""
    found = np.zeros(len(counts.models), dtype=bool)
    p = counts.prompted
    if p is None:
        return found
    source = (p.target < 0) & (p.trials > 0)
    for m in range(len(found)):
        mine = source & (p.model == m)
        several = counts.source_trials[m][counts.source_trials[m] > 0]
        named = np.unique(p.prompting[mine])
        found[m] = len(named) == 1 and len(several) > 0 and np.median(several) >= 2
    return found


def seen(counts: Counts) -> list[Note]:
    """What the answers themselves show to be wrong, by model and language."""
    notes = []
    low = below_chance(counts)[:, 1:]
    if low.any():
        pairs = [(counts.models[m], counts.targets[t]) for m, t in np.argwhere(low)]
        notes.append(Note(Remark.BELOW_CHANCE, {"where": pairs, "chance": counts.chance}))
    if counts.unparsed is not None:
        gap = np.nan_to_num(counts.unparsed[:, 1:] - counts.unparsed[:, :1])
        rows = [
            (counts.models[m], counts.targets[t], counts.unparsed[m, t + 1], counts.unparsed[m, 0])
            for m, t in np.argwhere(np.abs(gap) > UNREAD)
        ]
        if rows:
            notes.append(Note(Remark.UNPARSED, {"where": rows}))
    return notes


def lone(counts: Counts, method: str, profile: str, standard: bool) -> tuple[str, Sequence[Note]]:
    """The profile where none is named: adaptive, unless there is nobody to borrow from."""
    if profile != "auto":
        return profile, []
    answered = counts.source_trials > 0
    lend = answered.any(axis=1)
    if method == "self":  # one answer an item shows no profile that could be lent
        several = lend & ((counts.source_trials >= 2).sum(axis=1) >= answered.sum(axis=1) / 2)
        lend = several if several.any() else lend
    alone = int(lend.sum()) == 1 and not standard
    return ("direct", [Note(Remark.LONE_MODEL)]) if alone else ("adaptive", [])
