"""Flaws of evaluations: functions from answers to answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.metric.judge import Judge
from hatlib.truth.nuisances.common import Floats, Ints
from hatlib.truth.nuisances.remedies import without


def erring_judge(
    counts: Counts, judge: Judge, rng: np.random.Generator | int = 0, *, within_item: float = 0.0
) -> Counts:
    """Answers as a judge sees them: some right ones lost, some wrong ones accepted.

    Parameters
    ----------
    counts : Counts
        The answers as they are.
    judge : Judge
        How often it is right, perhaps by language.
    rng : numpy.random.Generator or int
        Random numbers.
    within_item : float
        Correlation of the judge's errors within an item, 0 to below 1: an item whose key is unclear
        is misjudged again and again, in every language and for every model.

    Returns
    -------
    Counts

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0.0], n_items=2000).responses.counts("sim")
    >>> seen = erring_judge(counts, Judge(0.9, 1.0))
    >>> bool(abs(seen.source_correct.sum() / counts.source_correct.sum() - 0.9) < 0.02)
    True
    """
    generator = resample.generator(rng)
    ranks = generator.uniform(size=(2, len(counts.items)))

    def seen(correct: Ints, trials: Ints, language: str) -> Ints:
        mine = judge.of(language)
        kept = _around(mine.sensitivity, within_item, ranks[0])
        let_in = _around(1 - mine.specificity, within_item, ranks[1])
        return generator.binomial(correct, kept) + generator.binomial(trials - correct, let_in)

    targets = [
        seen(counts.target_correct[:, t], counts.target_trials[:, t], language)
        for t, language in enumerate(counts.targets)
    ]
    return replace(
        counts,
        source_correct=seen(counts.source_correct, counts.source_trials, counts.source_language),
        target_correct=np.stack(targets, axis=1),
    )


def _around(share: float, correlation: float, ranks: Floats) -> Floats:
    """Shares of the items: all alike, or beta-distributed around the mean by their ranks."""
    if correlation == 0 or share in (0.0, 1.0):
        return np.full(len(ranks), share)
    precision = 1 / correlation - 1
    return np.asarray(stats.beta.ppf(ranks, share * precision, (1 - share) * precision))


def self_preference(
    counts: Counts, own: ArrayLike, share: float, rng: np.random.Generator | int = 0
) -> Counts:
    """A judge that accepts a share of the wrong answers of its own family, and errs nowhere else.

    Parameters
    ----------
    counts : Counts
        The answers.
    own : array_like of bool, shape (n_models,)
        Models of the judge's family.
    share : float
        Share of their wrong answers that it accepts.
    rng : numpy.random.Generator or int
        Random numbers.

    Returns
    -------
    Counts
    """
    generator = resample.generator(rng)
    shares = np.where(np.asarray(own, dtype=bool), share, 0.0)

    source, target = counts.source_correct, counts.target_correct
    return replace(
        counts,
        source_correct=_raised(source, counts.source_trials, _by_model(shares, source), generator),
        target_correct=_raised(target, counts.target_trials, _by_model(shares, target), generator),
    )


def memorised(
    counts: Counts,
    items: ArrayLike,
    models: ArrayLike,
    rng: np.random.Generator | int = 0,
    *,
    recall: float = 1.0,
    in_targets: bool = False,
) -> Counts:
    """Items that models know by heart in the source language, perhaps everywhere.

    Parameters
    ----------
    counts : Counts
        The answers.
    items : array_like of bool, shape (n_items,)
        Which items.
    models : array_like of bool, shape (n_models,)
        Which models.
    rng : numpy.random.Generator or int
        Random numbers.
    recall : float
        How probably an answer that would have been wrong is remembered; 1: always right.
    in_targets : bool
        Whether they were memorised in the target languages as well.

    Returns
    -------
    Counts
    """
    generator = resample.generator(rng)
    share = recall * (np.asarray(models, bool)[:, None] & np.asarray(items, bool))
    source = _raised(counts.source_correct, counts.source_trials, share, generator)
    target = counts.target_correct
    if in_targets:
        target = _raised(target, counts.target_trials, share[:, None, :], generator)
    return replace(counts, source_correct=source, target_correct=target)


def broken_translations(
    counts: Counts, items: ArrayLike, rng: np.random.Generator | int = 0
) -> Counts:
    """Items that cannot be answered in a target language: all models guess.

    Parameters
    ----------
    counts : Counts
        The answers.
    items : array_like of bool, shape (n_targets, n_items)
        What is broken; the same for all models.
    rng : numpy.random.Generator or int
        Random numbers.

    Returns
    -------
    Counts
    """
    guesses = resample.generator(rng).binomial(counts.target_trials, counts.chance)
    return replace(
        counts, target_correct=np.where(np.asarray(items, bool), guesses, counts.target_correct)
    )


def lost_answers(
    counts: Counts,
    rng: np.random.Generator | int = 0,
    *,
    right_source: ArrayLike = 0.0,
    wrong_source: ArrayLike = 0.0,
    right_target: ArrayLike = 0.0,
    wrong_target: ArrayLike = 0.0,
) -> Counts:
    """Answers that are not there: each right one and each wrong one is lost with its own share.

    Parameters
    ----------
    counts : Counts
        The answers.
    rng : numpy.random.Generator or int
        Random numbers.
    right_source, wrong_source, right_target, wrong_target : array_like
        Shares, one for all or one a model.

    Returns
    -------
    Counts
        With fewer trials. `counted_wrong` turns what is lost into wrong answers.
    """
    generator = resample.generator(rng)

    def left(correct: Ints, trials: Ints, right: ArrayLike, wrong: ArrayLike) -> tuple[Ints, Ints]:
        rights = correct - generator.binomial(correct, _by_model(right, correct))
        wrongs = trials - correct
        return rights, rights + wrongs - generator.binomial(wrongs, _by_model(wrong, correct))

    source = left(counts.source_correct, counts.source_trials, right_source, wrong_source)
    target = left(counts.target_correct, counts.target_trials, right_target, wrong_target)
    return replace(
        counts,
        source_correct=source[0],
        source_trials=source[1],
        target_correct=target[0],
        target_trials=target[1],
    )


def lost_items(
    counts: Counts, probability: ArrayLike, rng: np.random.Generator | int = 0
) -> Counts:
    """Items that a model has no answer to in a target language.

    Parameters
    ----------
    counts : Counts
        The answers.
    probability : array_like, shape (n_models, n_targets, n_items) or what broadcasts to it
        How probably an item is lost with all its answers.
    rng : numpy.random.Generator or int
        Random numbers.

    Returns
    -------
    Counts
    """
    shape = counts.target_trials.shape
    lost = resample.generator(rng).uniform(size=shape) < np.asarray(probability)
    return without(counts, lost)


def _raised(correct: Ints, trials: Ints, share: Floats, generator: np.random.Generator) -> Ints:
    """Right answers, with a share of the wrong ones taken for right."""
    return np.asarray(correct + generator.binomial(trials - correct, share))


def _by_model(shares: ArrayLike, like: Ints) -> Floats:
    """Shares, one for all or one a model, in as many dimensions as an array has."""
    values = np.asarray(shares, dtype=float)
    return values.reshape(values.shape + (1,) * (like.ndim - 1)) if values.ndim else values
