"""Flaws of real evaluations, put into answers of known truth.

Each takes the rows of `hatlib.Responses.frame`, a dose (the share of answers or items that it
touches) and random numbers, and returns flawed rows.  A dose of 0 changes nothing, except where the
flaw is a way of asking and has no dose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


def _wrong(frame: pd.DataFrame) -> pd.Series:
    return frame["n_trials"] - frame["n_correct"]


def _readable(
    frame: pd.DataFrame, of_right: float, of_wrong: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Right and wrong answers that stay where these shares of the target answers are lost."""
    target = ~_is_source(frame)
    right = rng.binomial(frame["n_correct"], 1 - of_right * target)
    return right, rng.binomial(_wrong(frame), 1 - of_wrong * target)


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
    right = rng.binomial(frame["n_correct"], 1 - dose)
    return frame.assign(n_correct=right + rng.binomial(_wrong(frame), dose))


def judge_prefers(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """A judge accepts this share of the wrong answers of one family, and errs nowhere else."""
    right = rng.binomial(frame["n_correct"], 1.0)
    return frame.assign(n_correct=right + rng.binomial(_wrong(frame), dose * _own(frame)))


def source_memorised(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """One family knows this share of the items in the source language by heart."""
    known = _own(frame) & _some_items(frame, dose, rng) & _is_source(frame)
    return frame.assign(n_correct=frame["n_correct"].mask(known, frame["n_trials"]))


def all_memorised(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """One family knows this share of the items by heart, in all languages."""
    known = _own(frame) & _some_items(frame, dose, rng)
    return frame.assign(n_correct=frame["n_correct"].mask(known, frame["n_trials"]))


def broken_translations(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """Nobody can answer this share of the items in a target language; other items in each."""
    by_language = [part for _, part in frame.groupby("language", sort=True)]
    broken = pd.concat([_some_items(part, dose, rng) for part in by_language])
    return frame.assign(n_correct=frame["n_correct"].mask(broken & ~_is_source(frame), 0))


def unreadable(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """A share of the target answers cannot be read, and counts as wrong."""
    right, wrong = _readable(frame, dose, dose, rng)
    return frame.assign(n_correct=right, n_parsed=right + wrong)


def unreadable_dropped(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """A share of the target answers cannot be read, and is dropped in silence."""
    right, wrong = _readable(frame, dose, dose, rng)
    return frame.assign(n_correct=right, n_trials=right + wrong).query("n_trials > 0")


def unreadable_if_weak(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """Target answers of weak models cannot be read, and count as wrong."""
    source = frame[_is_source(frame)].groupby("model")[["n_correct", "n_trials"]].sum()
    rate = source["n_correct"] / source["n_trials"]
    weakness = 1 - frame["model"].map(rate / rate.max())
    share = np.where(_is_source(frame), 0.0, dose * weakness)
    return frame.assign(n_correct=rng.binomial(frame["n_correct"], 1 - share))


def hard_items_missing(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """The fewer answers to an item are right, the likelier it is missing in a target language."""
    source = frame[_is_source(frame)].groupby("item")[["n_correct", "n_trials"]].sum()
    rate = source["n_correct"] / source["n_trials"]
    gone = rng.random(len(frame)) < dose * (1 - frame["item"].map(rate))
    return frame[_is_source(frame) | ~gone].reset_index(drop=True)


def wrong_missing(frame: pd.DataFrame, dose: float, rng: np.random.Generator) -> pd.DataFrame:
    """A share of the wrong target answers is missing, and a quarter of it of the right ones."""
    right, wrong = _readable(frame, dose / 4, dose, rng)
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
    "source memorised": source_memorised,
    "all languages memorised": all_memorised,
    "broken translations": broken_translations,
    "unreadable answers": unreadable,
    "unreadable answers dropped": unreadable_dropped,
    "unreadable if weak": unreadable_if_weak,
    "hard items missing": hard_items_missing,
    "wrong answers missing": wrong_missing,
    "items shuffled": items_shuffled,
    "below chance": below_chance,
}
