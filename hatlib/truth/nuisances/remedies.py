"""Remedies: what to leave out or fill in before answers are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from hatlib.data.responses import Counts
from hatlib.metric.sufficient import source_rates
from hatlib.truth.nuisances.common import Bools


def without(counts: Counts, out: ArrayLike) -> Counts:
    """Leave out answers in target languages.

    Parameters
    ----------
    counts : Counts
        The answers.
    out : array_like of bool, shape (n_models, n_targets, n_items) or what broadcasts to it
        What to leave out.

    Returns
    -------
    Counts
    """
    keep = ~np.broadcast_to(np.asarray(out, dtype=bool), counts.target_trials.shape)
    return replace(
        counts,
        target_correct=counts.target_correct * keep,
        target_trials=counts.target_trials * keep,
    )


def without_items(counts: Counts, items: ArrayLike) -> Counts:
    """Leave out items in all languages, such as those that models may have seen in training.

    Parameters
    ----------
    counts : Counts
        The answers.
    items : array_like of bool, shape (n_items,)
        Which items.

    Returns
    -------
    Counts
    """
    keep = ~np.asarray(items, dtype=bool)
    fewer = without(counts, ~keep)
    return replace(
        fewer,
        source_correct=counts.source_correct * keep,
        source_trials=counts.source_trials * keep,
    )


def counted_wrong(counts: Counts, planned: Counts) -> Counts:
    """Count what is missing as wrong.

    Parameters
    ----------
    counts : Counts
        The answers that are there.
    planned : Counts
        As many answers as there should be.

    Returns
    -------
    Counts
        With the right answers of `counts` and the trials of `planned`.
    """
    return replace(counts, source_trials=planned.source_trials, target_trials=planned.target_trials)


MUCH_WORSE = 0.2
"""An item is suspect if it is right less often than this share of what its language expects."""

ENOUGH_EXPECTED = 10
"""Right answers of all models together that must be expected before an item can be suspect."""


def suspect_translations(counts: Counts) -> Bools:
    """Items that all models together get right far less often than the source language suggests.

    The rate in a target language, above chance, is held against the rate in the source language
    times what is usual in this target language.

    Parameters
    ----------
    counts : Counts
        The answers.

    Returns
    -------
    ndarray of bool, shape (n_targets, n_items)

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> from hatlib.truth.nuisances import broken_translations
    >>> counts = simulate_answers(n_items=100, targets=["de"]).responses.counts("sim")
    >>> broken = np.arange(100)[None] < 10
    >>> found = suspect_translations(broken_translations(counts, broken))
    >>> bool((found <= broken).all())
    True
    """
    trials = counts.target_trials
    source = np.maximum(source_rates(counts) - counts.chance, 0)[:, None, :]
    hoped = (trials * source).sum(axis=0)
    right = (counts.target_correct - counts.chance * trials).sum(axis=0)
    usual = right.sum(axis=1, keepdims=True) / np.maximum(hoped.sum(axis=1, keepdims=True), 1)
    expected = usual * hoped
    return np.asarray((right < MUCH_WORSE * expected) & (expected >= ENOUGH_EXPECTED))


def of_models(counts: Counts, places: ArrayLike) -> Counts:
    """The answers of some models only.

    Parameters
    ----------
    counts : Counts
        The answers.
    places : array_like of int
        Their places in ``counts.models``.

    Returns
    -------
    Counts
    """
    at = np.asarray(places, dtype=np.intp)
    return replace(
        counts,
        models=tuple(counts.models[m] for m in at),
        lineages=tuple(counts.lineages[m] for m in at) if counts.lineages else (),
        source_correct=counts.source_correct[at],
        source_trials=counts.source_trials[at],
        target_correct=counts.target_correct[at],
        target_trials=counts.target_trials[at],
    )


def fill_in(counts: Counts, model: int, planned: ArrayLike, right: bool) -> Counts:
    """Put answers in place of the missing target answers of one model.

    Parameters
    ----------
    counts : Counts
        The answers.
    model : int
        Its place in ``counts.models``.
    planned : array_like of int, shape (n_targets, n_items)
        Answers that should be there.
    right : bool
        Whether all that is filled in is right, or wrong.

    Returns
    -------
    Counts
    """
    lost = np.zeros_like(counts.target_trials)
    lost[model] = np.maximum(np.asarray(planned) - counts.target_trials[model], 0)
    return replace(
        counts,
        target_trials=counts.target_trials + lost,
        target_correct=counts.target_correct + (lost if right else 0),
    )
