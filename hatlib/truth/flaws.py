"""Flaws of real evaluations, put into answers of known truth.

Each takes the rows of `hatlib.Responses.frame`, a dose (the share of answers or items that it
touches) and random numbers, and returns flawed rows.  A dose of 0 changes nothing, except where the
flaw is a way of asking and has no dose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

Flaw = Callable[[pd.DataFrame, float, np.random.Generator], pd.DataFrame]

#: Of models in the order of their names, every fourth is of the family that a flaw concerns.
EVERY = 4


def _is_source(frame: pd.DataFrame) -> pd.Series:
    return frame["language"] == frame["source_language"]


def _own(frame: pd.DataFrame) -> pd.Series:
    """Rows of the one family that some flaws concern."""
    return pd.Series(pd.factorize(frame["model"], sort=True)[0] % EVERY == 1, frame.index)


def _weakness(frame: pd.DataFrame) -> pd.Series:
    """0 for the model with the most right answers in the source language, towards 1 for others."""
    source = frame[_is_source(frame)]
    right = source.groupby("model")["n_correct"].sum() / source.groupby("model")["n_trials"].sum()
    return 1 - frame["model"].map(right / right.max())


def _some_items(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.Series:
    items = np.sort(frame["item"].unique())
    return frame["item"].isin(rng.permutation(items)[: round(dose * len(items))])


def one_answer_repeated(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """Temperature 0, or a cache: one answer is logged again and again.

    Examples
    --------
    >>> frame = pd.DataFrame({"n_correct": [3, 7], "n_trials": [10, 10]})
    >>> repeated = one_answer_repeated(frame, 0, np.random.default_rng(0))
    >>> set(repeated["n_correct"]) <= {0, 10}
    True
    """
    right = rng.random(len(frame)) < frame["n_correct"] / frame["n_trials"]
    return frame.assign(n_correct=frame["n_trials"] * right)


def greedy_and_sampled(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """The most frequent answer and one that is sampled, counted as two answers."""
    rate = frame["n_correct"] / frame["n_trials"]
    return frame.assign(n_correct=(rate > 0.5) + (rng.random(len(frame)) < rate) * 1, n_trials=2)


def judge_errs(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """A judge rejects this share of the right answers and accepts it of the wrong ones."""
    return _judged(frame, dose, np.full(len(frame), dose), rng)


def judge_prefers(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """A judge accepts this share of the wrong answers of one family, and errs nowhere else."""
    return _judged(frame, 0, np.where(_own(frame), dose, 0.0), rng)


def _judged(
    frame: pd.DataFrame, rejected: float, accepted: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    right = rng.binomial(frame["n_correct"], 1 - rejected)
    wrong = rng.binomial(frame["n_trials"] - frame["n_correct"], accepted)
    return frame.assign(n_correct=right + wrong)


def memorised(
    frame: pd.DataFrame, dose: float, rng: np.random.Generator, *, everywhere: bool = False
) -> pd.DataFrame:
    """One family knows this share of the items by heart, in the source language or in all."""
    known = _own(frame) & _some_items(frame, dose, rng)
    if not everywhere:
        known &= _is_source(frame)
    return frame.assign(n_correct=frame["n_correct"].mask(known, frame["n_trials"]))


def broken_translations(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """Nobody can answer this share of the items in a target language; other items in each."""
    parts = []
    for _, part in frame.groupby("language", sort=True):
        broken = _some_items(part, dose, rng) & ~_is_source(part)
        parts.append(part.assign(n_correct=part["n_correct"].mask(broken, 0)))
    return pd.concat(parts).sort_index()


def unreadable(
    frame: pd.DataFrame, dose: float, rng: np.random.Generator, *, dropped: bool = False
) -> pd.DataFrame:
    """A share of the target answers cannot be read: counted as wrong, or dropped in silence."""
    share = np.where(_is_source(frame), 0.0, dose)
    right = rng.binomial(frame["n_correct"], 1 - share)
    wrong = rng.binomial(frame["n_trials"] - frame["n_correct"], 1 - share)
    if dropped:
        return frame.assign(n_correct=right, n_trials=right + wrong).query("n_trials > 0")
    return frame.assign(n_correct=right, n_parsed=right + wrong)


def unreadable_if_weak(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """Target answers of weak models cannot be read, and count as wrong."""
    share = np.where(_is_source(frame), 0.0, dose * _weakness(frame))
    return frame.assign(n_correct=rng.binomial(frame["n_correct"], 1 - share))


def hard_items_missing(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """The fewer answers to an item are right, the likelier it is missing in a target language."""
    source = frame[_is_source(frame)]
    rate = source.groupby("item")["n_correct"].sum() / source.groupby("item")["n_trials"].sum()
    gone = rng.random(len(frame)) < dose * (1 - frame["item"].map(rate))
    return frame[_is_source(frame) | ~gone].reset_index(drop=True)


def wrong_answers_missing(
    frame: pd.DataFrame, dose: float, rng: np.random.Generator
) -> pd.DataFrame:
    """A share of the wrong target answers is missing, and a quarter of it of the right ones."""
    share = np.where(_is_source(frame), 0.0, dose)
    right = rng.binomial(frame["n_correct"], 1 - share / 4)
    wrong = rng.binomial(frame["n_trials"] - frame["n_correct"], 1 - share)
    flawed = frame.assign(n_correct=right, n_trials=right + wrong)
    return flawed.query("n_trials > 0").reset_index(drop=True)


def items_shuffled(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """Target answers belong to other items, as if the benchmark were not parallel."""
    items = np.sort(frame["item"].unique())
    other = dict(zip(items, rng.permutation(items), strict=True))
    moved = frame["item"].where(_is_source(frame), frame["item"].map(other))
    return frame.assign(item=moved)


def below_chance(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """Target answers are right with this probability, whatever the item: below that of a guess."""
    right = rng.binomial(frame["n_trials"], dose)
    return frame.assign(n_correct=frame["n_correct"].where(_is_source(frame), right))


#: Every flaw, by the name that `designs.toml` uses.
FLAWS: Mapping[str, Flaw] = {
    "one answer repeated": one_answer_repeated,
    "greedy and sampled": greedy_and_sampled,
    "judge errs": judge_errs,
    "judge prefers a family": judge_prefers,
    "source memorised": memorised,
    "all languages memorised": partial(memorised, everywhere=True),
    "broken translations": broken_translations,
    "unreadable answers": unreadable,
    "unreadable answers dropped": partial(unreadable, dropped=True),
    "unreadable if weak": unreadable_if_weak,
    "hard items missing": hard_items_missing,
    "wrong answers missing": wrong_answers_missing,
    "items shuffled": items_shuffled,
    "below chance": below_chance,
}
