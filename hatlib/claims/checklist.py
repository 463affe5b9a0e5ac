"""What a HAT score takes for granted, and what the responses at hand say about it.

Some assumptions can be looked at in the data, and some cannot: then the list says what would show
it.  The words are in ``checks.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib import resample
from hatlib.data.responses import Counts, Responses
from hatlib.errors import InputError
from hatlib.metric.answers import answer_correlation
from hatlib.metric.score import hat_scores
from hatlib.thresholds import BOOK, Thresholds
from hatlib.words import counted

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FINE, MIND, FAILS, UNSEEN = "looks fine", "mind", "fails", "cannot be seen"

_WORDS = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))

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
        form = str(about["answer_format"])
        by_rule = {"format": form} if "option" in form or "number" in form else None
        scores, refused = pd.DataFrame(), ""
        try:
            found = hat_scores(responses, benchmarks=about["benchmark"], draws=draws, rng=rng)
            scores = found.macro().assign(sound=found.benchmark().sound[:, 0])
        except InputError as error:
            refused = str(error.problems[0].what)
        checks = [
            _scored(scores, refused),
            *_of_answers(counts, responses, rng),
            *(() if refused else _of_scores(scores, rules)),
            _check("judge", by_rule),
            _check("new"),
            _check("same"),
        ]
        rows += [(about["name"], *check) for check in checks]
    return pd.DataFrame(rows, columns=["set", "assumes", "status", "say"])


def _check(
    name: str, facts: dict[str, Any] | None = None, mind: object = False, fails: object = False
) -> tuple[str, str, str]:
    """One row of the list: what is assumed, how it ends, and the words for that."""
    words = _WORDS[name]
    if facts is None:
        return words["assumes"], UNSEEN, words["unseen"]
    status, which = (FAILS, "fails") if fails else (MIND, "mind") if mind else (FINE, "fine")
    return words["assumes"], status, words.get(which, words["says"]).format(**facts)


def _scored(scores: pd.DataFrame, refused: str) -> tuple[str, str, str]:
    if refused:
        return _check("score", {"flags": refused}, fails=True)
    has = scores["hat"].notna()
    sound = int(scores["sound"].sum())
    flags = "; ".join(sorted({flag for each in scores["flag"] for flag in each.split("; ")} - {""}))
    facts = {"sound": sound, "n": len(scores), "flags": flags}
    return _check("score", facts, sound < len(scores), not has.any())


def _of_answers(
    counts: Counts, responses: Responses, rng: np.random.Generator
) -> Iterator[tuple[str, str, str]]:
    """What can be seen in the answers themselves."""
    trials = counts.source_trials[counts.source_trials > 0]
    k = float(np.median(trials)) if len(trials) else 0.0
    yield _check("answers", {"k": k}, k < ENOUGH_ANSWERS, k <= 1)
    try:
        rho = float(answer_correlation(responses, counts.benchmark)["correlation"].max())
        yield _check("independent", {"rho": np.nan_to_num(rho)}, rho >= CORRELATED)
    except InputError:
        yield _check("independent")
    n, families = len(counts.models), len(set(counts.lineages))
    yield _check("models", {"models": counted(n, "model")}, n < ENOUGH_MODELS)
    named = counted(families, "model family", "model families")
    yield _check("families", {"families": named}, families < resample.FEW_CLUSTERS)
    items = (counts.target_trials > 0).sum(axis=2)
    mean = np.nansum(_rate(counts.target_correct, counts.target_trials), axis=2)
    mean = mean / np.maximum(items, 1)
    error = np.sqrt(counts.chance * (1 - counts.chance) / np.maximum(items, 1))
    below = int(((items > 0) & (mean < counts.chance - 3 * error)).sum())
    facts = {"chance": counts.chance, "below": below, "pairs": int((items > 0).sum())}
    yield _check("chance", facts, below)
    yield _parsed(counts, responses)
    yield _missing(counts, rng)
    yield _translations(counts, rng)


def _parsed(counts: Counts, responses: Responses) -> tuple[str, str, str]:
    frame = responses.frame[responses.frame["benchmark"] == counts.benchmark]
    if "n_parsed" not in frame or frame["n_parsed"].isna().all():
        return _check("parsed")
    frame = frame[frame["n_parsed"].notna()]
    kind = np.where(frame["language"] == frame["source_language"], "source", frame["language"])
    sums = frame.groupby(kind)[["n_parsed", "n_trials"]].sum().astype(float)
    lost = 1 - sums["n_parsed"] / sums["n_trials"]
    facts = {"least": lost.min(), "most": lost.max()}
    return _check("parsed", facts, fails=lost.max() - lost.min() > UNPARSED)


def _missing(counts: Counts, rng: np.random.Generator) -> tuple[str, str, str]:
    """Do answers lack where items are hard?"""
    trials = counts.target_trials
    asked = np.asarray(trials.any(axis=2))
    most = np.maximum(trials.max(axis=2, keepdims=True), 1)
    short = (1 - trials / most).mean(axis=(0, 1), where=asked[:, :, None])
    gone, lost = int((~asked).sum()), float(short.mean())
    if lost < 1e-9:
        return _check("gone", {"gone": gone}, gone)
    rate = _mean_source(counts)
    known = np.isfinite(rate)
    weights = resample.weights(rng, counts.clusters, 500).astype(float)[:, known]
    rate, short = rate[known], short[known]

    def gap(w: Floats) -> Floats:
        return (w * short) @ rate / np.maximum(w @ short, 1e-12) - w @ rate / w.sum(axis=-1)

    value, spread = float(gap(np.ones(len(rate)))), float(gap(weights).std())
    facts = {"gone": gone, "lost": lost, "gap": value, "spread": spread}
    return _check("missing", facts, True, value < -2 * spread)


def _translations(counts: Counts, rng: np.random.Generator) -> tuple[str, str, str]:
    """Are there items that all models lose in one language, more than chance would have it?

    Models that solve an item lose it in a language one by one.  If the question is broken there,
    they lose it together: more often than after shuffling each model's answers among the items
    that it solves and that are about as easy for all models.
    """
    lost, known = _lost(counts)
    judged = int((known.sum(axis=0) >= 3).sum())
    if not judged:
        return _check("translations")
    observed = int(_lost_by_all(lost, known).sum())
    # Up to ten groups of items of about the same rate; equal rates stay together.
    rates = np.nan_to_num(_mean_source(counts))
    edges = np.unique(np.quantile(rates, np.linspace(0, 1, 11)[1:-1]))
    strata = np.searchsorted(edges, rates, side="right")
    shuffled, mixed = [], np.zeros_like(lost)
    for _ in range(_SHUFFLES):
        for m, t in np.ndindex(lost.shape[:2]):
            for group in np.unique(strata):
                here = np.flatnonzero(known[m, t] & (strata == group))
                mixed[m, t, here] = rng.permutation(lost[m, t, here])
        shuffled.append(_lost_by_all(mixed, known).sum())
    expected = float(np.mean(shuffled))
    many = observed > MANY_TIMES * expected and observed - expected > 0.01 * judged
    facts = {"observed": observed, "judged": judged, "expected": expected}
    return _check("translations", facts, many)


def _of_scores(scores: pd.DataFrame, rules: Thresholds) -> Iterator[tuple[str, str, str]]:
    """What can be seen in the scores."""
    n, ceiling = int(scores["hat"].notna().sum()), rules["near_ceiling"]
    share = float((scores["source_accuracy"] >= ceiling).mean())
    yield _check("ceiling", {"share": share, "ceiling": ceiling}, share)
    above = int((scores["low"] > 1).sum())
    facts = {"above": above, "n": n} if n else None
    yield _check("strict", facts, above, above > rules["above_perfect"] * n)
    smallest = _SEEN_FOUR_IN_FIVE * np.sqrt(2) * scores["se"].median()
    facts = {"smallest": smallest} if np.isfinite(smallest) else None
    yield _check("apart", facts, smallest >= 0.1)


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
    parts = [pd.DataFrame(columns=["set", "item", "languages", "n_languages", "n_models"])]
    for about in responses.benchmarks.to_dict("records"):
        counts = responses.counts(about["benchmark"])
        lost, known = _lost(counts)
        language, item = np.nonzero(_lost_by_all(lost, known))
        named = pd.Series(np.array(counts.targets)[language]).groupby(item)
        frame = named.agg(languages=", ".join, n_languages="size")
        frame.insert(0, "item", np.array(counts.items)[frame.index])
        frame["n_models"] = known.any(axis=1).sum(axis=0)[frame.index]
        parts.append(frame.assign(set=about["name"]))
    found = pd.concat(parts)
    order = ["n_languages", "n_models"]
    return found.sort_values(order, ascending=False, kind="stable", ignore_index=True)


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
