"""What a HAT score takes for granted, and what the responses at hand say about it.

Some assumptions can be looked at in the data, and some cannot: then the list says what would show
it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib import resample
from hatlib.data.responses import Counts, Responses
from hatlib.errors import InputError
from hatlib.metric.answers import answer_correlation
from hatlib.metric.score import hat_scores
from hatlib.thresholds import BOOK, Thresholds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Check = tuple[str, str, str]

FINE, MIND, FAILS, UNSEEN = "looks fine", "mind", "fails", "cannot be seen"

ENOUGH_ANSWERS = 5
"""With fewer answers an item, intervals of steep profiles are known to be somewhat short."""

ENOUGH_MODELS = 5
"""With fewer there is little to borrow the shape of a profile from."""

CORRELATED = 0.02
"""From this correlation of the answers to an item on, mind it."""

UNPARSED = 0.1
"""A larger difference between languages in the share of answers that cannot be parsed matters."""

SOLVED, LOST = 0.8, 0.2
"""An item with this source rate is solved; one with at most this target rate is lost."""

MANY_TIMES = 4.0
"""Items that all models lose are suspicious if there are this many times more than by chance.

That models find the same items hard raises their number, too: up to threefold in simulations
without any broken item and with one answer an item, less with several.
"""

_SHUFFLES = 40
_SEEN_FOUR_IN_FIVE = 1.96 + 0.84  # standard errors of a difference


def check_sets(
    responses: Responses, *, draws: int = 200, seed: int = 0, rules: Thresholds = BOOK
) -> pd.DataFrame:
    """Go through what a score takes for granted, on each dataset.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    draws : int
        Bootstrap draws of the scores.
    seed : int
        Seed of the random numbers.
    rules : Thresholds
        ``near_ceiling`` and ``above_perfect`` are used.

    Returns
    -------
    DataFrame
        One row a dataset × assumption: ``set``, ``assumes``, ``status`` ("looks fine", "mind",
        "fails" or "cannot be seen"), and what the data ``say``, or what it would take to see it.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> found = check_sets(simulate_answers(n_items=100, n_trials=1).responses, draws=50)
    >>> found.set_index("assumes").loc["Several answers an item", "status"]
    'fails'
    """
    rows = []
    for about in responses.benchmarks.to_dict("records"):
        counts = responses.counts(about["benchmark"])
        rng = np.random.default_rng(seed)
        try:
            found = hat_scores(responses, benchmarks=about["benchmark"], draws=draws, rng=seed)
            scores, refused = found.macro(), ""
        except InputError as error:
            scores, refused = pd.DataFrame(), str(error.problems[0].what)
        checks: list[Check] = [
            ("There is a score", FAILS, f"Not scored: {refused}")
            if refused
            else ("There is a score", *_scored(scores)),
            *_of_answers(counts, responses, rng),
            *(_of_scores(scores, rules) if not refused else ()),
            _judge(str(about["answer_format"])),
            *_INVISIBLE,
        ]
        rows += [(about["name"], *check) for check in checks]
    return pd.DataFrame(rows, columns=["set", "assumes", "status", "say"])


def _scored(scores: pd.DataFrame) -> tuple[str, str]:
    n, sound = int(scores["hat"].notna().sum()), int(_sound(scores).sum())
    flags = sorted({flag for flag in scores["flag"] if flag})
    says = f"{sound} of {len(scores)} models have a score without a flag."
    if flags:
        says += f" Flags: {', '.join(flags)}."
    return (FAILS if not n else FINE if sound == len(scores) else MIND), says


def _sound(scores: pd.DataFrame) -> pd.Series:
    return scores["hat"].notna() & (scores["flag"] == "")


def _of_answers(counts: Counts, responses: Responses, rng: np.random.Generator) -> Iterator[Check]:
    """What can be seen in the answers themselves."""
    trials = counts.source_trials[counts.source_trials > 0]
    k = float(np.median(trials)) if len(trials) else 0.0
    yield (
        "Several answers an item",
        FINE if k >= ENOUGH_ANSWERS else MIND if k > 1 else FAILS,
        f"{k:g} in the source language (median)."
        + (" Hardness is borrowed from the answers of other models." if k <= 1 else ""),
    )
    yield "Answers to one item are independent draws", *_independent(counts, responses)
    n = len(counts.models)
    yield (
        "Models enough to borrow the shape of a profile",
        FINE if n >= ENOUGH_MODELS else MIND,
        f"{n} model{'s' * (n != 1)}." + (" Little can be borrowed." if n < ENOUGH_MODELS else ""),
    )
    lineages = len(set(counts.lineages))
    yield (
        "The models stand for models in general",
        FINE if lineages >= resample.FEW_CLUSTERS else MIND,
        f"{lineages} model famil{'y' if lineages == 1 else 'ies'} (lineages).",
    )
    yield "The chance level is right", *_chance(counts)
    yield "Answers are parsed equally well in all languages", *_parsed(counts, responses)
    yield "Answers are not missing because they are hard", *_missing(counts, rng)
    yield "Each item can be answered in each language", *_translations(counts, rng)


def _independent(counts: Counts, responses: Responses) -> tuple[str, str]:
    try:
        found = answer_correlation(responses, counts.benchmark)
    except InputError:
        return UNSEEN, "It takes several promptings, one row each."
    if found["by_design"].all():
        return FINE, "One answer to each prompting: independent by design."
    rho = float(found["correlation"].max())
    return (FINE if rho < CORRELATED else MIND), f"The largest correlation is {rho:.2f}."


def _chance(counts: Counts) -> tuple[str, str]:
    if counts.chance == 0:
        return FINE, "A guess is never right (chance level 0)."
    n = (counts.target_trials > 0).sum(axis=2)
    mean = np.nansum(_rate(counts.target_correct, counts.target_trials), axis=2) / np.maximum(n, 1)
    error = np.sqrt(counts.chance * (1 - counts.chance) / np.maximum(n, 1))
    below = int(((n > 0) & (mean < counts.chance - 3 * error)).sum())
    says = (
        f"A guess is right with probability {counts.chance:.3g}; {below} of {int((n > 0).sum())} "
        "pairs of model and language are clearly below."
    )
    return (MIND if below else FINE), says


def _parsed(counts: Counts, responses: Responses) -> tuple[str, str]:
    frame = responses.frame[responses.frame["benchmark"] == counts.benchmark]
    if "n_parsed" not in frame or frame["n_parsed"].isna().all():
        return UNSEEN, "It takes a column n_parsed: how many answers could be parsed."
    frame = frame[frame["n_parsed"].notna()]
    kind = np.where(frame["language"] == frame["source_language"], "source", frame["language"])
    sums = frame.groupby(kind)[["n_parsed", "n_trials"]].sum().astype(float)
    lost = 1 - sums["n_parsed"] / sums["n_trials"]
    gap = float(lost.max() - lost.min())
    says = f"Not parsed: {lost.min():.0%} to {lost.max():.0%} of the answers, by language."
    return (FAILS if gap > UNPARSED else FINE), says


def _missing(counts: Counts, rng: np.random.Generator) -> tuple[str, str]:
    """Do answers lack where items are hard?"""
    trials = counts.target_trials
    asked = np.asarray(trials.any(axis=2))
    most = np.maximum(trials.max(axis=2, keepdims=True), 1)
    short = (1 - trials / most).mean(axis=(0, 1), where=asked[:, :, None])
    gone, lost = int((~asked).sum()), float(short.mean())
    says = f"{gone} pairs of model and language are wholly missing. " if gone else ""
    if lost < 1e-9:
        return (MIND if gone else FINE), says + "No further answer is missing."
    rate = _mean_source(counts)
    known = np.isfinite(rate)
    weights = resample.weights(rng, counts.clusters, 500).astype(float)[:, known]
    rate, short = rate[known], short[known]

    def gap(w: Floats) -> Floats:
        return (w * short) @ rate / np.maximum(w @ short, 1e-12) - w @ rate / w.sum(axis=-1)

    value, spread = float(gap(np.ones(len(rate)))), float(gap(weights).std())
    says += (
        f"{lost:.1%} of the answers are missing; the items that lack them are solved "
        f"{value:+.2f} more often than others (standard error {spread:.2f})."
    )
    return (FAILS if value < -2 * spread else MIND), says


def _translations(counts: Counts, rng: np.random.Generator) -> tuple[str, str]:
    """Are there items that all models lose in one language, more than chance would have it?

    Models that solve an item lose it in a language one by one.  If the question is broken there,
    they lose it together: more often than after shuffling each model's answers among the items
    that it solves and that are about as easy for all models.
    """
    if len(counts.models) < 3:
        return UNSEEN, "It takes three models to see it."
    lost, known = _lost(counts)
    judged = int((known.sum(axis=0) >= 3).sum())
    if not judged:
        return UNSEEN, "No item is solved by three models."
    observed = int(_lost_by_all(lost, known).sum())
    strata = _strata(_mean_source(counts))
    shuffled = [
        _lost_by_all(_shuffled_within(strata, lost, known, rng), known).sum()
        for _ in range(_SHUFFLES)
    ]
    expected = float(np.mean(shuffled))
    many = observed > MANY_TIMES * expected and observed - expected > 0.01 * judged
    says = (
        f"{observed} of {judged} pairs of item and language are lost by all models (three or more) "
        f"that solve the item in the source language; by chance it would be {expected:.1f}."
    )
    return (MIND if many else FINE), says


def _of_scores(scores: pd.DataFrame, rules: Thresholds) -> Iterator[Check]:
    """What can be seen in the scores."""
    n = int(scores["hat"].notna().sum())
    ceiling = float((scores["source_accuracy"] >= rules["near_ceiling"]).mean())
    yield (
        "Every model meets hard and easy items",
        FINE if not ceiling else MIND,
        f"{ceiling:.0%} of the models solve {rules['near_ceiling']:.0%} or more in the source "
        "language.",
    )
    above = int((scores["low"] > 1).sum())
    yield (
        "Target items are as hard, and judged as strictly, as source items",
        UNSEEN
        if not n
        else FAILS
        if above > rules["above_perfect"] * n
        else MIND
        if above
        else FINE,
        f"{above} of {n} scores lie above perfect transfer, interval and all.",
    )
    se = float(np.nanmedian(scores["se"])) if n else np.nan
    smallest = _SEEN_FOUR_IN_FIVE * np.sqrt(2) * se
    yield (
        "Items and answers enough to tell models apart",
        UNSEEN if not np.isfinite(se) else FINE if smallest < 0.1 else MIND,
        f"Two models must differ by about {smallest:.2f} to be told apart four times in five."
        if np.isfinite(se)
        else "There is no interval.",
    )


def _judge(answer_format: str) -> Check:
    assumes = "Answers are judged without error"
    if "option" in answer_format or "number" in answer_format:
        return assumes, FINE, f"Scored by rule ({answer_format})."
    return assumes, UNSEEN, "It takes answers that people have judged, too."


_INVISIBLE: tuple[Check, ...] = (
    (
        "No model has seen the items, or all languages alike",
        UNSEEN,
        "Right answers look the same. It takes items that are known to be new.",
    ),
    (
        "An item measures the same in each language",
        UNSEEN,
        "A question can be natural in one language and odd in another. It takes people who know "
        "both.",
    ),
)


def suspects(responses: Responses) -> pd.DataFrame:
    """Items to look at: solved by three models or more, and lost by all of them in a language.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.

    Returns
    -------
    DataFrame
        One row a dataset and item: ``set``, ``item``, ``languages`` in which it is lost, their
        number ``n_languages``, and ``n_models`` that solve it; those lost in most languages first.

    Examples
    --------
    >>> import hatlib
    >>> found = suspects(hatlib.load_responses(sets="mgsm"))
    >>> bool((found["n_models"] >= 3).all())
    True
    """
    rows = []
    for about in responses.benchmarks.to_dict("records"):
        counts = responses.counts(about["benchmark"])
        lost, known = _lost(counts)
        gone = _lost_by_all(lost, known)
        solved = known.any(axis=1).sum(axis=0)
        rows += [
            {
                "set": about["name"],
                "item": counts.items[i],
                "languages": ", ".join(np.array(counts.targets)[gone[:, i]]),
                "n_languages": int(gone[:, i].sum()),
                "n_models": int(solved[i]),
            }
            for i in np.flatnonzero(gone.any(axis=0))
        ]
    frame = pd.DataFrame(rows, columns=["set", "item", "languages", "n_languages", "n_models"])
    order = ["n_languages", "n_models"]
    return frame.sort_values(order, ascending=False, kind="stable", ignore_index=True)


# Rates ------------------------------------------------------------------------------------------


def _rate(correct: NDArray[np.int64], trials: NDArray[np.int64]) -> Floats:
    """Share of right answers; nan without an answer."""
    return np.where(trials > 0, correct / np.maximum(trials, 1), np.nan)


def _mean_source(counts: Counts) -> Floats:
    """Source rate of each item over the models that have it; nan where nobody has."""
    n = (counts.source_trials > 0).sum(axis=0)
    total = np.nansum(_rate(counts.source_correct, counts.source_trials), axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _lost(counts: Counts) -> tuple[Bools, Bools]:
    """Which items a model loses in a language, and which it solves in the source language."""
    target = _rate(counts.target_correct, counts.target_trials)
    above = (target - counts.chance) / (1 - counts.chance)
    solved = _rate(counts.source_correct, counts.source_trials) >= SOLVED
    known = np.isfinite(above) & solved[:, None, :]
    return (above <= LOST) & known, known


def _lost_by_all(lost: Bools, known: Bools) -> Bools:
    """Pairs of language and item that all models lose, of at least three that solve the item."""
    n = known.sum(axis=0)
    return np.asarray((lost.sum(axis=0) == n) & (n >= 3))


def _strata(values: Floats) -> NDArray[np.int64]:
    """Up to ten groups of items of about the same value; equal values stay together."""
    filled = np.nan_to_num(values)
    edges = np.unique(np.quantile(filled, np.linspace(0, 1, 11)[1:-1]))
    return np.searchsorted(edges, filled, side="right")


def _shuffled_within(
    strata: NDArray[np.int64], lost: Bools, known: Bools, rng: np.random.Generator
) -> Bools:
    """Which items each model loses, shuffled among those that it solves in each group."""
    mixed = np.zeros_like(lost)
    for m, t in np.ndindex(lost.shape[:2]):
        for group in np.unique(strata):
            here = np.flatnonzero(known[m, t] & (strata == group))
            mixed[m, t, here] = rng.permutation(lost[m, t, here])
    return mixed
