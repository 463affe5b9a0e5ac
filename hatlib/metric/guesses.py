"""Multiple choice whose chance level nobody has said: it must not be scored as free answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hatlib.data.about import options_by_name
from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem

Floats = NDArray[np.float64]

OPTIONS = (2, 3, 4, 5)
"""Numbers of options that accuracies are compared with."""

AT_CHANCE = 0.3
"""Share of the accuracies (of models in languages) that lie at 1/k, and none below, for a doubt."""

FEWEST = 3
"""So many accuracies at 1/k it must be at least."""

WITHIN = 0.03
"""Accuracies this close to 1/k lie at it, if they are known as well as that."""


def check_chance(counts: Counts) -> None:
    """Refuse to score what looks like multiple choice at an assumed chance level of 0.

    Raises
    ------
    InputError
        If the benchmark has the name of a known multiple-choice set, its accuracies pile up at
        1/k with none below, or even its hardest items are answered right about one time in k.

    Examples
    --------
    >>> import hatlib
    >>> counts = hatlib.load_responses(sets="copa-dialects").counts("copa-dialects")
    >>> check_chance(counts)
    Traceback (most recent call last):
        ...
    hatlib.errors.InputError: nobody has said the chance level of copa-dialects, and it has the \
name of a test with 2 options. Add --chance 0.5, or --chance 0 if answers are free (in Python: \
chance=…).
    """
    why = ""
    options = options_by_name(counts.benchmark)
    if options:
        why = f"it has the name of a test with {options} options"
    elif options := guessed_options(counts):
        why = f"its answers look like guesses among {options} options"
    if not options:
        return
    raise InputError(
        Problem(
            f"nobody has said the chance level of {counts.benchmark}, and {why}.",
            f"Add --chance {1 / options:.3g}, or --chance 0 if answers are free (in Python: "
            "chance=…).",
        )
    )


def guessed_options(counts: Counts) -> int | None:
    """The number of options that the answers look like guesses among; None if they do not.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> free = simulate_answers([-2, -1, 0, 1], n_items=200).responses.counts("sim")
    >>> two = simulate_answers([-4, -2, 0, 1], n_items=200, chance=0.5).responses.counts("sim")
    >>> guessed_options(free) is None, guessed_options(two)
    (True, 2)
    """
    correct = np.concatenate([counts.source_correct[:, None], counts.target_correct], axis=1)
    trials = np.concatenate([counts.source_trials[:, None], counts.target_trials], axis=1)
    k = correct.reshape(-1, correct.shape[-1])
    n = trials.reshape(k.shape)
    items = (n > 0).sum(axis=1)
    k, n, items = k[items >= 30], n[items >= 30], items[items >= 30]
    if not len(items):
        return None
    rate = k / np.maximum(n, 1)
    mean = rate.sum(axis=1) / items
    error = np.sqrt(np.maximum((rate**2).sum(axis=1) / items - mean**2, 1e-4) / items)
    sure = error < 0.75 * WITHIN
    for options in OPTIONS:
        chance = 1 / options
        at = sure & (np.abs(mean - chance) < WITHIN)
        below = mean < chance - np.maximum(WITHIN, 3 * error)
        if at.sum() >= max(FEWEST, AT_CHANCE * len(mean)) and not below.any():
            return options
        if _none_is_hard(k, n, mean, chance):
            return options
    return None


def _none_is_hard(k: NDArray[np.int64], n: NDArray[np.int64], mean: Floats, chance: float) -> bool:
    """Whether hardly an item is failed more often than by guessing, where many should be.

    Looks at the accuracies in the lower third of what is above chance, and asks them for no more
    items without a right answer than guesses leave. Answers to free questions have many.
    """
    several = (n >= 4).sum(axis=1) > 0.9 * (n > 0).sum(axis=1)
    weak = several & (mean < chance + 0.35 * (1 - chance))
    if weak.sum() < 2:
        return False
    if ((mean < chance - 0.03) & several).any():
        return False
    k, n = k[weak], n[weak]
    has = n > 0
    guesses = np.where(has, (1 - chance) ** n, 0)
    zeros, expected = ((k == 0) & has).sum(), guesses.sum()
    # Were all items at chance, there would be as many as expected; free answers have far more.
    spread = np.sqrt((guesses * (1 - guesses)).sum())
    likely = expected < 0.1 * has.sum()  # else the numbers cannot tell
    return bool(likely and has.sum() >= 60 and zeros <= expected + 2 * spread)
