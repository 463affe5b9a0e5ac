"""What a HAT score takes for granted, and what the answers at hand say about it.

Some assumptions can be looked at in the data, and some cannot: then the list says what would show
it, and the page that shows what happens if it fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib import resample
from hatlib.claims.itemsets import ItemSets, score_sets
from hatlib.data.responses import Counts, Responses
from hatlib.errors import InputError
from hatlib.metric.promptings import answer_correlation
from hatlib.metric.sufficient import source_rates, target_rates
from hatlib.show.words import counted, headline, joined, markdown_text, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.answers import simulate_answers
from hatlib.truth.experiment import kept

Floats = NDArray[np.float64]

FINE = "looks fine"
MIND = "mind"
FAILS = "fails"
UNSEEN = "cannot be seen"

ENOUGH_ANSWERS = 5
"""With fewer answers an item, intervals of steep profiles are known to be somewhat short."""

SOLVED = 0.8
"""A model whose source rate on an item is at least this, solves it."""

LOST = 0.2
"""A target rate above chance of at most this is lost."""

MANY_TIMES = 4.0
"""Items that all models lose are suspicious if there are this many times more than by chance.

That models find the same items hard raises their number, too: up to threefold in simulations
without any broken item and with one answer an item, less with several.
"""

_SHUFFLES = 40


@dataclass(frozen=True)
class Check:
    """One assumption, and what the answers say of it.

    Attributes
    ----------
    assumes : str
        What the score takes for granted.
    status : str
        "looks fine", "mind", "fails" or "cannot be seen".
    says : str
        What the data show, or what it would take to see it.
    page : str
        Where the book shows what happens if the assumption fails.
    """

    assumes: str
    status: str
    says: str
    page: str


@dataclass(frozen=True)
class Checklist:
    """The checks of every set.

    Attributes
    ----------
    checks : dict of str to tuple of Check
        By name of the set.
    """

    checks: dict[str, tuple[Check, ...]]

    def table(self, name: str = "") -> pd.DataFrame:
        """One row a check: of one set, or of all."""
        rows = [
            {"set": key, **vars(check)}
            for key, checks in self.checks.items()
            for check in checks
            if name in ("", key)
        ]
        frame = pd.DataFrame(rows, columns=["set", "assumes", "status", "says", "page"])
        return frame.drop(columns="set") if name else frame

    def overview(self) -> pd.DataFrame:
        """One row an assumption, one column a set: the status."""
        frame = self.table()
        return frame.pivot_table(
            "status", "assumes", "set", aggfunc="first", sort=False
        ).reset_index()

    def summary(self) -> str:
        """How much can be seen, and what fails where."""
        frame = self.table()
        if frame.empty:
            return headline("Assumptions", "nothing to check")
        n = frame["assumes"].nunique()
        unseen = frame.groupby("assumes")["status"].agg(lambda s: bool((s == UNSEEN).all()))
        failing = frame[frame["status"] == FAILS]
        verdict = (
            f"{int(unseen.sum())} of {counted(n, 'assumption')} cannot be seen in any of "
            f"{counted(len(self.checks), 'set')}"
        )
        text = [headline("What these scores take for granted", verdict)]
        if len(failing):
            parts = [
                f"{markdown_text(str(name).lower())} in "
                f"{joined([markdown_text(n) for n in part['set'].tolist()])}"
                for name, part in failing.groupby("assumes", sort=False)
            ]
            text.append(f"Known to fail: {'; '.join(parts)}.")
        else:
            text.append("None is known to fail.")
        mind = int((frame["status"] == MIND).sum())
        text.append(
            f"{counted(mind, 'further check')} of {len(frame)} "
            f"{'asks' if mind == 1 else 'ask'} for care."
        )
        return " ".join(text)


def check_sets(sets: ItemSets, *, rules: Thresholds = BOOK, seed: int = 0) -> Checklist:
    """Check what can be checked of the assumptions behind the scores of each set.

    Parameters
    ----------
    sets : ItemSets
        From `hatlib.score_sets`.
    rules : Thresholds
        When a model is near the ceiling, and how many scores may lie above perfect transfer.
    seed : int
        Seed of the shuffles and redraws.

    Returns
    -------
    Checklist

    Examples
    --------
    >>> import hatlib
    >>> sets = hatlib.score_sets(hatlib.load_responses(sets="xnli-first200"), draws=50)
    >>> found = check_sets(sets).table("XNLI, first 200 items, repeated")
    >>> found.set_index("assumes")["status"]["Several answers an item"]
    'looks fine'
    """
    found: dict[str, tuple[Check, ...]] = {}
    for row in sets.sets().to_dict("records"):
        benchmark = str(row["benchmark"])
        counts = sets.responses.counts(benchmark)
        about = sets.responses.benchmarks.set_index("benchmark").loc[benchmark]
        rng = np.random.default_rng(seed)
        found[str(row["benchmark_name"])] = (
            _several_answers(counts),
            _independent_answers(sets, benchmark),
            _hard_items(row, rules),
            _spread(row),
            _no_holes(counts, rng),
            _translations(counts, rng),
            _chance(counts),
            _not_above_perfect(row, rules),
            _lineages(counts),
            _judge(str(about["answer_format"])),
            _UNCONTAMINATED,
            _SAME_TASK,
            _power(counts),
        )
    return Checklist(found)


def _several_answers(counts: Counts) -> Check:
    trials = counts.source_trials[counts.source_trials > 0]
    k = float(np.median(trials)) if len(trials) else 0.0
    says = f"{k:g} answer{'s' if k != 1 else ''} an item in the source language (median)."
    status = FINE if k >= ENOUGH_ANSWERS else MIND if k > 1 else FAILS
    if k <= 1:
        says += " Hardness is borrowed from all models, by an item-response model."
    return Check("Several answers an item", status, says, "validation")


def _independent_answers(sets: ItemSets, benchmark: str) -> Check:
    assumes = "Answers to one item are independent draws"
    counts = sets.responses.counts(benchmark)
    if np.median(counts.source_trials[counts.source_trials > 0]) <= 1:
        says = "One answer an item: there is nothing to hang together."
        return Check(assumes, UNSEEN, says, "validation")
    try:
        found = answer_correlation(sets.responses, benchmark)
    except InputError:
        says = (
            "The counts cannot show it. It takes several answers to each of several prompts, one "
            "row a prompt."
        )
        return Check(assumes, UNSEEN, says, "validation")
    rho = float(found["correlation"].max())
    says = f"The largest correlation that the promptings show is {rho:.2f}."
    return Check(assumes, FINE if rho < 0.02 else MIND, says, "validation")


def _hard_items(row: dict, rules: Thresholds) -> Check:
    share = row["at_ceiling"]
    assumes = "Every model meets hard and easy items"
    if not row["scored"]:
        return Check(assumes, FAILS, "No model has a score.", "all-models")
    weak = int(row["scored"]) - int(row["support"])
    says = (
        f"{share:.0%} of the models solve {rules['near_ceiling']:.0%} or more in the source "
        f"language; {weak} of {counted(int(row['scored']), 'score')} "
        f"{'is' if weak == 1 else 'are'} weak."
    )
    status = FINE if share == 0 and weak == 0 else MIND
    return Check(assumes, status, says, "all-models")


def _spread(row: dict) -> Check:
    n = int(row["scored"])
    says = f"{counted(n, 'model')} with a score"
    status = FINE if n >= 5 else MIND
    says += "." if n >= 5 else ", so little can be borrowed, and a ranking says little."
    return Check("Models enough to borrow the shape of a profile", status, says, "validation")


def _no_holes(counts: Counts, rng: np.random.Generator) -> Check:
    """Do answers lack where items are hard?"""
    assumes = "Answers are not missing because they are hard"
    trials = counts.target_trials
    asked = np.asarray(trials.any(axis=2))
    most = trials.max(axis=2, keepdims=True)
    short = (1 - trials / np.maximum(most, 1)).mean(axis=(0, 1), where=asked[:, :, None])
    gone = int((~asked).sum())
    lost = float(short.mean())
    says = ""
    if gone:
        says = f"{counted(gone, 'pair')} of model and language wholly missing. "
    if lost < 1e-9:
        says += "No further answer is missing."
        return Check(assumes, MIND if gone else FINE, says, "nuisances")
    rate = _mean_source(counts)
    known = np.isfinite(rate)
    weights = resample.weights(rng, counts.clusters, 500).astype(float)[:, known]
    rate, short = rate[known], short[known]

    def gap(w: Floats) -> Floats:
        return (w * short) @ rate / np.maximum(w @ short, 1e-12) - w @ rate / w.sum(axis=-1)

    value, spread = float(gap(np.ones(len(rate)))), float(gap(weights).std())
    says += (
        f"{lost:.1%} of the answers are missing elsewhere; the items that lack them are solved "
        f"{signed(value, 2)} more often than others (standard error {spread:.2f})."
    )
    harder = value < -2 * spread
    return Check(assumes, FAILS if harder else MIND, says, "nuisances")


def _translations(counts: Counts, rng: np.random.Generator) -> Check:
    """Are there items that all models lose in one language, more than chance would have it?

    Models that solve an item lose it in a language one by one.  If the question is broken there,
    they lose it together: more often than after shuffling each model's answers among the items
    that it solves and that are about as easy for all models.
    """
    assumes = "Each item can be answered in each language"
    if len(counts.models) < 3:
        return Check(assumes, UNSEEN, "It takes three models to see it.", "nuisances")
    lost, known = _lost(counts)
    observed = int(_lost_by_all(lost, known).sum())
    strata = _strata(_mean_source(counts))
    shuffled = [
        _lost_by_all(_shuffled_within(strata, lost, known, rng), known).sum()
        for _ in range(_SHUFFLES)
    ]
    expected = float(np.mean(shuffled))
    judged = int((known.sum(axis=0) >= 3).sum())
    if not judged:
        return Check(assumes, UNSEEN, "No item is solved by three models.", "nuisances")
    says = (
        f"{observed} of {judged} pairs of item and language are lost by all (three or more) models "
        f"that solve the item in the source language; by chance it would be {expected:.1f}."
    )
    many = observed > MANY_TIMES * expected and observed - expected > 0.01 * judged
    return Check(assumes, MIND if many else FINE, says, "nuisances")


def _mean_source(counts: Counts) -> Floats:
    """Source rate of each item over the models that have it; nan where nobody has."""
    here = counts.source_trials > 0
    n = here.sum(axis=0)
    total = np.where(here, source_rates(counts), 0).sum(axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _strata(values: Floats) -> NDArray[np.int64]:
    """Up to ten groups of items of about the same value; equal values stay together."""
    filled = np.nan_to_num(values)
    edges = np.unique(np.quantile(filled, np.linspace(0, 1, 11)[1:-1]))
    return np.searchsorted(edges, filled, side="right")


def _shuffled_within(
    strata: NDArray[np.int64],
    lost: NDArray[np.bool_],
    known: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Which items each model loses, shuffled among those that it solves in each group."""
    mixed = np.zeros_like(lost)
    for m, t in np.ndindex(lost.shape[:2]):
        for group in np.unique(strata):
            here = np.flatnonzero(known[m, t] & (strata == group))
            mixed[m, t, here] = rng.permutation(lost[m, t, here])
    return mixed


def _lost(counts: Counts) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which items a model loses in a language, and which it solves in the source language."""
    rates = (target_rates(counts)[:, 1:] - counts.chance) / (1 - counts.chance)
    known = np.isfinite(rates) & (source_rates(counts) >= SOLVED)[:, None, :]
    return (rates <= LOST) & known, known


def _lost_by_all(lost: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pairs of language and item that all models lose, of at least three that solve the item."""
    n = known.sum(axis=0)
    return np.asarray((lost.sum(axis=0) == n) & (n >= 3))


def suspects(responses: Responses) -> pd.DataFrame:
    """Questions to look at: solved by three models or more, and lost by all of them in a language.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.

    Returns
    -------
    DataFrame
        One row a set and item: ``set``, ``item``, ``languages`` in which it is lost, their number
        ``n_languages``, and ``n_models`` that solve it; those lost in most languages first.

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
        gone = _lost_by_all(*_lost(counts))
        solved = (source_rates(counts) >= SOLVED).sum(axis=0)
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


def _chance(counts: Counts) -> Check:
    assumes = "The chance level is right"
    if counts.chance == 0:
        return Check(assumes, FINE, "A guess is never right (chance level 0).", "validation")
    rates = target_rates(counts)[:, 1:]
    n = np.isfinite(rates).sum(axis=2)
    mean = np.nanmean(np.where(n[..., None] > 0, rates, np.nan), axis=2)
    error = np.sqrt(counts.chance * (1 - counts.chance) / np.maximum(n, 1))
    below = int((mean < counts.chance - 3 * error).sum())
    says = f"A guess is right with probability {counts.chance:.3g}; "
    says += (
        f"{below} of {counted(int((n > 0).sum()), 'pair')} of model and language "
        f"{'lies' if below == 1 else 'lie'} clearly below."
    )
    return Check(assumes, MIND if below else FINE, says, "validation")


def _not_above_perfect(row: dict, rules: Thresholds) -> Check:
    n, scored = int(row["above_perfect"]), int(row["scored"])
    assumes = "Target questions are as hard, and judged as strictly, as source questions"
    if not scored:
        return Check(assumes, UNSEEN, "No model has a score.", "nuisances")
    says = f"{n} of {counted(scored, 'score')} above perfect transfer, interval and all."
    status = FAILS if n > rules["above_perfect"] * max(scored, 1) else MIND if n else FINE
    return Check(assumes, status, says, "nuisances")


def _lineages(counts: Counts) -> Check:
    n = len(set(counts.lineages))
    enough = n >= resample.FEW_CLUSTERS
    says = f"{counted(n, 'lineage')}" + (
        "." if enough else ", so trends speak of these models only, not of models in general."
    )
    assumes = "The models stand for models in general"
    return Check(assumes, FINE if enough else MIND, says, "findings")


def _judge(answer_format: str) -> Check:
    assumes = "Answers are judged without error"
    if "option" in answer_format or "number" in answer_format:
        says = f"Scored by rule ({answer_format}); an answer that cannot be read counts as wrong."
        return Check(assumes, FINE, says, "nuisances")
    says = "The answers themselves are not here. It takes answers that people have judged, too."
    return Check(assumes, UNSEEN, says, "nuisances")


_UNCONTAMINATED = Check(
    "No model has seen the items, or all languages alike",
    UNSEEN,
    "Right answers look the same. It takes items that are known to be new.",
    "nuisances",
)

_SAME_TASK = Check(
    "An item measures the same in each language",
    UNSEEN,
    "A question can be natural in one language and odd in another. It takes people who know both.",
    "nuisances",
)


def _power(counts: Counts) -> Check:
    """The smallest difference of two models, in the design of the study that is nearest."""
    table = kept("power")
    table = table[table["difference"] == 0]
    n = len(counts.items)
    trials = counts.source_trials[counts.source_trials > 0]
    k = max(float(np.median(trials)) if len(trials) else 1.0, 1.0)
    distance = np.log(table["n_items"] / n) ** 2 + np.log(table["n_trials"] / k) ** 2
    near = table.loc[distance.idxmin()]
    says = (
        f"Simulated pairs with {near['n_items']:.0f} items and {near['n_trials']:.0f} answers each "
        f"are told apart four times in five if they differ by {near['smallest']:.2f}."
    )
    status = FINE if near["smallest"] < 0.1 else MIND
    return Check("Items and answers enough to tell models apart", status, says, "validation")


def flawed_checks(*, seed: int = 0) -> pd.DataFrame:
    """The list on simulated answers with one flaw each: does it object?

    Parameters
    ----------
    seed : int
        Seed of the simulations.

    Returns
    -------
    DataFrame
        One row a flaw: ``flaw``, the ``assumes`` that it breaks, ``without`` it and ``with`` it the
        status, and what the list ``says`` with it.

    Examples
    --------
    >>> found = flawed_checks()
    >>> bool((found["without"] == "looks fine").all() and (found["with"] != "looks fine").all())
    True
    """
    sound = _simulated(seed)
    before = {check.assumes: check for check in _checks_of(sound, seed)}
    rows = []
    for flaw, (assumes, broken) in _flaws(seed).items():
        after = {check.assumes: check for check in _checks_of(broken, seed)}[assumes]
        rows.append(
            {
                "flaw": flaw,
                "assumes": assumes,
                "without": before[assumes].status,
                "with": after.status,
                "says": after.says,
            }
        )
    return pd.DataFrame(rows)


def _simulated(seed: int, **more: Any) -> Responses:
    """Answers of nine models, without a flaw but those that are asked for."""
    options: dict[str, Any] = {
        "abilities": np.linspace(-1.5, 1.5, 9),
        "profiles": "shift",
        "n_items": 400,
        "targets": ["de", "sw"],
        "rng": seed,
    } | more
    return simulate_answers(**options).responses


def _flaws(seed: int) -> dict[str, tuple[str, Responses]]:
    """Answers with one flaw each, and the assumption that it breaks."""
    rng = np.random.default_rng(seed)
    sound = _simulated(seed)
    frame = sound.frame
    gone = rng.choice(frame["item"].unique(), size=40, replace=False)
    broken = frame.assign(
        n_correct=frame["n_correct"].mask(frame["item"].isin(gone) & (frame["language"] == "sw"), 0)
    )
    # The fewer models solve an item, the likelier is its answer in the target language missing.
    rate = frame[frame["language"] == "en"].groupby("item")["n_correct"].mean() / 10
    lost = rng.uniform(size=len(frame)) < 0.6 * (1 - frame["item"].map(rate))
    holes = frame[(frame["language"] == "en") | ~lost].reset_index(drop=True)
    return {
        "a tenth of the questions broken in one language": (
            "Each item can be answered in each language",
            replace(sound, frame=broken),
        ),
        "answers to hard items missing": (
            "Answers are not missing because they are hard",
            replace(sound, frame=holes),
        ),
        "one answer an item": ("Several answers an item", _simulated(seed, n_trials=1)),
        "two models": (
            "Models enough to borrow the shape of a profile",
            _simulated(seed, abilities=[0.0, 1.0]),
        ),
        "nearly everything solved": (
            "Every model meets hard and easy items",
            _simulated(seed, abilities=np.linspace(4, 6, 9)),
        ),
        "sixty items": (
            "Items and answers enough to tell models apart",
            _simulated(seed, n_items=60),
        ),
    }


def _checks_of(responses: Responses, seed: int) -> tuple[Check, ...]:
    sets = score_sets(responses, draws=50, seed=seed)
    return next(iter(check_sets(sets, seed=seed).checks.values()))
