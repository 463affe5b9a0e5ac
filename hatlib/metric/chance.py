"""Chance levels: multiple choice must not be scored as free answers, nor the other way round.

What was told is compared with what the answers show of guesses: models that guess are right at the
chance level on the hardest items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hatlib.data.about import options_by_name
from hatlib.data.responses import Counts
from hatlib.errors import InputError
from hatlib.metric.answers import repeats_once
from hatlib.metric.pooled import fit_item_response, one_thread
from hatlib.metric.sufficient import Floats

OPTIONS = (2, 3, 4, 5)
"""Numbers of options that accuracies are compared with."""

AT_CHANCE = 0.3
"""Share of the accuracies (of models in languages) that lie at 1/k, and none below, for a doubt."""

FEWEST = 3
"""So many accuracies at 1/k it must be at least, and so many models to compare levels."""

WITHIN = 0.03
"""Accuracies this close to 1/k lie at it, if they are known as well as that."""

LEVELS = (0.0, 0.1, *(1 / k for k in reversed(OPTIONS)))
"""Chance levels that the one that was told is compared with."""

MUCH_LIKELIER = 8.0
"""Gain in log likelihood from which on another chance level is believed. A right level hardly ever
loses by 5 (`benchmarks/doubts.py`), on the real sets of the book by 6 at most."""

WORTH = 3
"""Several answers to an item count as so many: models do not find quite the same items hard."""

SOME_ITEMS, SOME_MODELS = 400, 20
"""So many items and weakest models show the chance level well enough."""

LOW = 0.35
"""Accuracies up to this share of the way from chance to 1 show how guesses come out."""


@dataclass(frozen=True)
class Chance:
    """What the answers show of the chance level.

    Attributes
    ----------
    likelier : float or None
        A level that they fit much better than the one that was told, if there is one.
    free : bool
        Whether they rule out guesses among five options or fewer.
    """

    likelier: float | None = None
    free: bool = False


def doubts(counts: Counts, seen: Chance) -> bool:
    """Whether a chance level that nobody has told may be another one than the assumed 0.

    Raises
    ------
    InputError
        If it must be: the benchmark has the name of a known multiple-choice set, or its answers
        look like guesses.

    Examples
    --------
    >>> import hatlib
    >>> doubts(hatlib.load_responses(sets="mgsm").counts("mgsm"), Chance())
    False
    >>> doubts(hatlib.load_responses(sets="copa-dialects").counts("copa-dialects"), Chance())
    Traceback (most recent call last):
        ...
    hatlib.errors.InputError: nobody has said the chance level of copa-dialects, and it has the \
name of a test with 2 options. Add --chance 0.5, or --chance 0 if answers are free (in Python: \
chance=…).
    """
    options, why = options_by_name(counts.benchmark), "it has the name of a test with"
    level = f"{1 / (options or 1):.3g}"
    if options is None and seen.likelier:
        options, why = round(1 / seen.likelier), "its answers look like guesses among"
        level = f"1 / number of options ({1 / options:.3g} fits best)"
    if options:
        unsaid = f"nobody has said the chance level of {counts.benchmark}"
        remedy = f"Add --chance {level}, or --chance 0 if answers are free (in Python: chance=…)."
        raise InputError(f"{unsaid}, and {why} {options} options.", remedy)
    return options is None and not seen.free


def seen_chance(counts: Counts) -> Chance:
    """Compare the chance level that was told with others.

    An item-response model is fitted at each of `LEVELS`: guesses leave a floor under the weak
    models' answers to hard items. A higher level must have a weak model to show it, a lower one
    must be 0 or have an accuracy clearly below what was told, as wrong keys also lower the floor.
    Beside an assumed 0, accuracies at 1/k show guesses, too (`guessed_options`).

    Examples
    --------
    >>> from dataclasses import replace
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers(n_items=300, chance=0.25).responses.counts("sim")
    >>> seen_chance(counts).likelier is None, seen_chance(replace(counts, chance=0.0)).likelier
    (True, 0.25)
    """
    counts, _ = repeats_once(counts)
    k, n = counts.source_correct, counts.source_trials
    asked, told = np.flatnonzero((n > 0).any(axis=1)), counts.chance
    if counts.judge:  # one that errs leaves a floor, too
        return Chance()
    options = None if told else guessed_options(counts)
    if len(asked) < FEWEST:
        return Chance(1 / options if options else None)
    mean = k.sum(axis=1) / np.maximum(n.sum(axis=1), 1)
    weakest = asked[np.argsort(mean[asked])][:SOME_MODELS]
    items = np.linspace(0, k.shape[1], min(SOME_ITEMS, k.shape[1]), endpoint=False).astype(int)
    here = np.ix_(weakest, items)
    part = replace(counts, source_correct=k[here], source_trials=n[here])
    levels = [told, *(level for level in LEVELS if abs(level - told) > WITHIN)]
    with one_thread():
        fits = (fit_item_response(replace(part, chance=c), steps=30, most=WORTH) for c in levels)
        likelihood = np.array([fit.log_likelihood() for fit in fits])
    best, gain = levels[int(likelihood.argmax())], likelihood.max() - likelihood[0]
    if best > told:
        weak = bool(mean[weakest[0]] < best + LOW * (1 - best))
        return Chance(best if options or (weak and gain > MUCH_LIKELIER) else None)
    guessed = max(each for each, c in zip(likelihood, levels, strict=True) if c >= 1 / OPTIONS[-1])
    free = best == 0 and bool(likelihood.max() - guessed > MUCH_LIKELIER)
    accuracy, error = _accuracies(counts)
    seen = best == 0 or bool((accuracy + 3 * error < told).any())
    return Chance(best if seen and gain > MUCH_LIKELIER else None, free)


def _accuracies(counts: Counts) -> tuple[Floats, Floats]:
    """Of models in languages with thirty items or more, with their standard errors."""
    k = np.concatenate([counts.source_correct, *counts.target_correct.swapaxes(0, 1)])
    n = np.concatenate([counts.source_trials, *counts.target_trials.swapaxes(0, 1)])
    items = (n > 0).sum(axis=1)
    rate, items = (k / np.maximum(n, 1))[items >= 30], items[items >= 30]
    mean = rate.sum(axis=1) / items
    return mean, np.sqrt(np.maximum((rate**2).sum(axis=1) / items - mean**2, 1e-4) / items)


def guessed_options(counts: Counts) -> int | None:
    """The number of options at whose chance level many accuracies lie, and none below.

    None if there is no such number. Models and languages count alike.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> free = simulate_answers([-2, -1, 0, 1], n_items=200).responses.counts("sim")
    >>> two = simulate_answers([-5, -4, -3, 1], n_items=200, chance=0.5).responses.counts("sim")
    >>> guessed_options(free) is None, guessed_options(two)
    (True, 2)
    """
    mean, error = _accuracies(counts)
    sure = error < 0.75 * WITHIN
    for options in OPTIONS:
        chance = 1 / options
        at = sure & (np.abs(mean - chance) < WITHIN)
        below = mean < chance - np.maximum(WITHIN, 3 * error)
        if at.sum() >= max(FEWEST, AT_CHANCE * len(mean)) and not below.any():
            return options
    return None
