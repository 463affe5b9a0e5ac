"""How to score, and what the answers show of it: repeats, and what promptings do.

Ten answers to an item are worth ten only if they are independent, given the item.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hatlib import resample
from hatlib.data.responses import Counts, Responses
from hatlib.errors import InputError, Problem
from hatlib.metric.flags import Note, Remark
from hatlib.metric.judge import Judge
from hatlib.metric.pooled import LEAVE_ONE_OUT, LINEAGE, MIN_MODELS
from hatlib.metric.profile import PROFILE_NAMES
from hatlib.metric.reference import Standard
from hatlib.metric.sufficient import Bools, Floats

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
    left out, if there are any. The interaction is that of pooled hardness.
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
        hardness = self.hardness in HARDNESS_NAMES or self.hardness.startswith(LINEAGE)
        reference = isinstance(self.reference, Standard) or self.reference in REFERENCE_NAMES
        right = [
            ("hardness", hardness, ", ".join(HARDNESS_NAMES)),
            ("profile", self.profile in PROFILES, ", ".join(PROFILES)),
            ("reference", reference, "uniform, pooled or a standard"),
            ("correlation", 0 <= (self.correlation or 0) < 1, "a number from 0 to below 1"),
            ("draws", self.draws == 0 or self.draws >= 20, "20 or more, or 0 for no interval"),
            ("level", 0 < self.level < 1, "a number between 0 and 1"),
        ]
        problems = [
            Problem(f"{name} cannot be this.", f"Use {use}.", value=str(getattr(self, name)))
            for name, fine, use in right
            if not fine
        ]
        if problems:
            raise InputError(problems)


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

    counts, same = repeats_once(counts)
    if same.any():
        note(Remark.REPEATED, models=np.array(counts.models)[same].tolist())
    trials = counts.source_trials[counts.source_trials > 0]
    if not len(trials):
        what = f"{counts.benchmark} has no answer in the source language {counts.source_language}."
        raise InputError(what)
    several, hardness = np.median(trials) >= 2, settings.hardness
    if hardness == "auto":
        hardness = "self"
        if not several and len(counts.models) >= MIN_MODELS:
            hardness = LEAVE_ONE_OUT
            note(Remark.ONE_ANSWER, models=len(counts.models))
    elif hardness == "self" and not several:
        again = " (those that only repeat one another count once)" if same.any() else ""
        what = f"{counts.benchmark} has one answer an item{again}, which cannot show its hardness."
        remedy = "Use hardness pooled with several models, or ask each item several times."
        raise InputError(what, remedy)
    elif hardness != "self" and counts.prompted is not None and several:
        note(Remark.PROMPTINGS_ADDED, method=hardness)
    settings = replace(settings, hardness=hardness)
    if hardness == "self" and several:  # what the promptings say of it
        names = counts.prompted.names if counts.prompted else ()
        one_out = None
        if not names:
            note(Remark.UNNAMED_PROMPTS)
        elif (shared := leave_one_out(counts) & ~same).any():
            one_out = shared
            models = np.array(counts.models)[one_out].tolist()
            note(Remark.PROMPTING_LEFT_OUT, promptings=len(names), models=models)
        elif len(names) > 1:
            note(Remark.PROMPTINGS_ADDED, method="self")
        correlation = settings.correlation
        if correlation:
            note(Remark.CORRELATION_GIVEN, correlation=correlation)
        elif correlation is None and names:
            within, correlation, _ = _correlation(_pairs(counts), one_out is not None)
            if np.isfinite(within):
                note(Remark.CORRELATION_FOUND, within=within, correlation=correlation)
        usual = int(np.median(trials[trials >= 2]))
        worth = usual / (1 + (usual - 1) * (correlation or 0))
        if usual > 2 and worth < FEW_ANSWERS:  # two are flagged
            note(Remark.FEW_ANSWERS, answers=usual, worth=worth, needed=FEW_ANSWERS)
        settings = replace(settings, one_out=one_out, correlation=correlation or 0.0)
    if isinstance(settings.reference, Standard):
        note(Remark.STANDARD, origin=settings.reference.origin)
    if settings.profile == "auto":
        # Who has a profile that others can borrow from? One answer an item shows none.
        answered = counts.source_trials > 0
        lend = answered.any(axis=1)
        if hardness == "self":
            enough = (counts.source_trials >= 2).sum(axis=1) >= answered.sum(axis=1) / 2
            lend = lend & enough if (lend & enough).any() else lend
        alone = not isinstance(settings.reference, Standard) and lend.sum() == 1
        settings = replace(settings, profile="direct" if alone else "adaptive")
        if alone:
            note(Remark.LONE_MODEL)
    return counts, settings, notes


# Repeats ------------------------------------------------------------------------------------------

REPEATED = 0.03
"""Two answers to an item disagree less often than this, for each time that answers to two items
do: the same answer again. Sets with usable repeats have .05 to .9."""

ENOUGH_TO_SEE = 5.0
"""Items' worth of variation that it takes to see anything in it."""


def repeated(counts: Counts) -> Bools:
    """Models whose several answers to an item are one answer again and again.

    So it is at temperature 0, or with a cache: nearly all counts are 0 or all.

    Returns
    -------
    ndarray of bool, shape (n_models,)

    Examples
    --------
    >>> from dataclasses import replace
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0, 1], n_trials=1, n_items=100).responses.counts("sim")
    >>> ten = replace(counts, source_correct=counts.source_correct * 10,
    ...               source_trials=counts.source_trials * 10)
    >>> repeated(counts).tolist(), repeated(ten).tolist()
    ([False, False], [True, True])
    """
    k, n = counts.source_correct, counts.source_trials
    several = n >= 2
    items = several.sum(axis=1)
    usual = items > 0.5 * (n > 0).sum(axis=1)
    k, n = np.where(several, k, 0), np.where(several, n, 2)
    disagree = (2 * k * (n - k) / (n * (n - 1))).sum(axis=1)
    rate = (k / n).sum(axis=1) / np.maximum(items, 1)
    possible = 2 * rate * (1 - rate) * items
    return np.asarray(usual & (possible > 2 * ENOUGH_TO_SEE) & (disagree < REPEATED * possible))


def repeats_once(counts: Counts) -> tuple[Counts, Bools]:
    """Answers that only repeat count once; with the models whose answers do, see `repeated`."""
    same = repeated(counts)
    if not same.any():
        return counts, same
    k, n = counts.source_correct, counts.source_trials
    many = same[:, None] & (n > 0)
    k, n = np.where(many, 2 * k > n, k).astype(np.int64), np.where(many, 1, n)
    return replace(counts, source_correct=k, source_trials=n), same


# Promptings ---------------------------------------------------------------------------------------


MOST = 0.95
"""Answers are taken to be correlated by no more than this."""

MOST_ITEMS = 0.5
"""Share of a model's items that need enough promptings for one to be left out."""


def leave_one_out(counts: Counts) -> Bools:
    """Which models share named promptings between source and target, with others to learn from.

    Examples
    --------
    >>> import hatlib
    >>> leave_one_out(hatlib.load_responses(sets="mgsm").counts("mgsm")).tolist()
    [True, True, False, True]
    """
    n_models, n_items = counts.source_trials.shape
    p = counts.prompted
    if p is None or len(p.names) < 2:
        return np.zeros(n_models, dtype=bool)
    used = p.trials > 0
    source, target = used & (p.target < 0), used & (p.target >= 0)
    most = np.zeros((n_models, n_items), dtype=np.int64)  # answers to one prompting
    np.maximum.at(most, (p.model[source], p.item[source]), p.trials[source])
    # Two answers must be left, or hardness could not be told from luck.
    enough = (counts.source_trials - most >= 2).sum(axis=1)
    several = enough > MOST_ITEMS * np.maximum((counts.source_trials > 0).sum(axis=1), 1)
    place = p.model * len(p.names) + p.prompting
    both = np.isin(place[target], place[source])
    shared = np.bincount(p.model[target], both, minlength=n_models) > 0
    return np.asarray(several & shared)


def answer_correlation(responses: Responses, benchmark: str = "") -> pd.DataFrame:
    """How correlated are a model's answers to one item in the source language?

    Answers to the same prompt are, if the model does better with some prompts than with others.
    Pairs of answers to *one* prompt agree more often, then, than pairs of answers to *different*
    prompts, and the two shares give the correlation without bias. With one answer a prompt there
    are no pairs of the first kind and none are needed: as far as prompts are drawn at random, the
    answers are independent by design.

    Parameters
    ----------
    responses : Responses
        With promptings.
    benchmark : str
        Which benchmark; the first if none is named.

    Returns
    -------
    DataFrame
        One row a model: ``model``; ``within``, the correlation of two answers to one prompt (nan
        where no prompt has two); ``correlation``, what it comes to for an average pair of all
        answers to an item, which `hatlib.hat_scores` uses unasked; ``by_design``, whether that is
        0 as each prompt has one answer; ``n_items`` that it rests on.

    Raises
    ------
    InputError
        If the benchmark has no item with several promptings.

    Examples
    --------
    >>> import hatlib
    >>> found = answer_correlation(hatlib.load_responses(sets="mgsm"))
    >>> found[["correlation", "by_design"]].drop_duplicates().to_dict("records")
    [{'correlation': 0.0, 'by_design': True}]
    """
    name = benchmark or responses.benchmarks["benchmark"].iloc[0]
    counts = responses.counts(name)
    each = [_correlation(sums) for sums in _pairs(counts).swapaxes(0, 1)]
    found = pd.DataFrame(each, columns=["within", "correlation", "n_items"])
    found.insert(0, "model", pd.Series(counts.models, dtype="str"))
    found.insert(3, "by_design", found["within"].isna())
    found = found[found["n_items"] > 0].reset_index(drop=True)
    if found.empty:
        what = f"{name} has no item with several promptings in the source language."
        raise InputError(what, "Name the promptings in the column prompting.")
    return found


def _pairs(counts: Counts) -> Floats:
    """Sums over the answers to each item in the source language, (5, n_models, n_items).

    Right answers, answers; pairs of answers to one prompt, both right and all; prompts. Zeros
    without named promptings.
    """
    if counts.prompted is None:
        return np.zeros((5, *counts.source_trials.shape))
    p = counts.prompted.rows((counts.prompted.target < 0) & (counts.prompted.trials > 0))
    shape = counts.source_trials.shape
    place = np.ravel_multi_index((p.model, p.item), shape)
    k, n = p.correct.astype(float), p.trials.astype(float)
    each = (k, n, k * (k - 1), n * (n - 1), np.ones_like(k))
    sums = [np.bincount(place, value, np.prod(shape)) for value in each]
    return np.array(sums, dtype=float).reshape(5, *shape)


def _correlation(pairs: Floats, one_out: bool = False) -> tuple[float, float, int]:
    """Correlation of two answers to one prompt, of two of an item, and the items behind it.

    From the `_pairs` of one model or, which is steadier, of all. The first is nan and the second 0
    where they are not known. With `one_out`, the two answers of an item are among those that are
    left without one prompt.
    """
    right, total, same_right, same, prompts = pairs
    across = total * (total - 1) - same
    usable = (same > 0) & (across > 0)
    if not usable.any():
        return float("nan"), 0.0, int(((prompts > 1) & (across > 0)).sum())
    right, total, same_right, same = pairs[:4, usable]
    across_right = right * (right - 1) - same_right
    within, between = (same_right / same).mean(), (across_right / across[usable]).mean()
    mean = (right / total).mean()
    rho = (within - between) / (mean - between) if mean > between else 0.0
    rho = float(np.clip(rho, 0, MOST))
    share = (same / (total * (total - 1))).mean()
    if one_out:
        _, total, _, same, prompts = pairs[:, (pairs[4] > 1) & (pairs[3] > 0)]
        left = total - total / prompts
        share = (same * (1 - 1 / prompts) / np.maximum(left * (left - 1), 1)).mean()
    return rho, rho * float(share), int(usable.sum())


def excess_agreement(counts: Counts) -> pd.DataFrame:
    """Do source and target go right together under the same prompting, more than the item says?

    The covariance, within an item, of the source and the target answer under one prompting, after
    the means of the item and of the prompting. Where it is clear of 0, hardness seen under the
    same prompting would pass for transfer; leaving one prompting out does not let it.

    Parameters
    ----------
    counts : Counts
        With `Counts.prompted`.

    Returns
    -------
    DataFrame
        One row a model and one (``model`` is "all") for all: ``covariance``, mean over items and
        targets; ``se``, over items; ``z``; ``n_items``. Empty without shared promptings.

    Examples
    --------
    >>> import hatlib
    >>> counts = hatlib.load_responses(sets="mgsm").counts("mgsm")
    >>> excess_agreement(counts)["model"].tolist()[-2:]
    ['s1.1-7b', 'all']
    """
    p = counts.prompted
    columns = ["model", "covariance", "se", "z", "n_items"]
    if p is None:
        return pd.DataFrame(columns=columns)
    p = p.rows(p.trials > 0)
    rows = {"m": p.model, "t": p.target, "i": p.item, "b": p.prompting, "r": p.correct / p.trials}
    frame = pd.DataFrame(rows)
    source = frame[frame["t"] < 0].drop(columns="t").rename(columns={"r": "x"})
    both = frame[frame["t"] >= 0].merge(source, on=["m", "i", "b"])
    item = ["m", "t", "i"]
    both["n"] = both.groupby(item)["x"].transform("size")
    both = both[both["n"] > 1]
    for name in ("x", "r"):
        both[name] -= both.groupby(item)[name].transform("mean")
        both[name] -= both.groupby(["m", "t", "b"])[name].transform("mean")
    both["c"] = both["x"] * both["r"] / (both["n"] - 1)
    mean = both.groupby(item)["c"].sum().groupby(["m", "i"]).mean().reset_index()
    mean["model"] = np.array(counts.models)[mean["m"]]
    every = mean.groupby("i", as_index=False)["c"].mean().assign(model="all")
    found = pd.concat([mean, every]).groupby("model", sort=False)["c"].agg(["mean", "sem", "size"])
    found = found.reset_index().set_axis(["model", "covariance", "se", "n_items"], axis=1)
    return found.assign(z=found["covariance"] / found["se"].where(found["se"] > 0))[columns]
