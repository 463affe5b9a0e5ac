"""The same answers scored under other choices: does a result depend on one of them?

A choice is a set of options of `hatlib.hat_scores`: a measure of hardness, an estimator of the
profile, a reference.  All choices redraw the same items, so their results can be compared redraw
by redraw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from hatlib.claims.rankings import METRICS, compare_rankings, ranking
from hatlib.data.responses import Responses
from hatlib.errors import InputError
from hatlib.metric.pooled import donors
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import hat_scores
from hatlib.resample import seed_of
from hatlib.thresholds import BOOK, Thresholds

AS_SHOWN = "as shown"

Options = Mapping[str, Any]

HARDNESS: Mapping[str, Options] = {
    name: {"hardness": name} for name in ("self", "pooled", "leave-one-out", "other-lineages")
}
"""Measures of hardness: from the model's own answers, those of all models, of all others, and of
all other families."""

CHOICES: Mapping[str, Options] = {
    AS_SHOWN: {},
    "profile direct": {"profile": "direct"},
    "profile shared": {"profile": "shared"},
    "profile adaptive": {"profile": "adaptive"},
    "reference uniform": {"reference": "uniform"},
    "reference pooled": {"reference": "pooled"},
    "hardness self": {"hardness": "self"},
    "hardness pooled": {"hardness": "pooled"},
    "hardness leave-one-out": {"hardness": "leave-one-out"},
}
"""What "does it hold?" tries: other estimators, references and measures of hardness."""


@dataclass(frozen=True)
class Variants:
    """The scores of one benchmark under several choices.

    Attributes
    ----------
    benchmark, benchmark_name : str
    scores : mapping of str to HatScores
        By choice; the first is the usual one.
    table : DataFrame
        One row a choice × model: ``choice``, and the columns of `HatScores.macro`.
    reasons : mapping of str to str
        Why other choices are not possible, or which they repeat.
    """

    benchmark: str
    benchmark_name: str
    scores: Mapping[str, HatScores]
    table: pd.DataFrame
    reasons: Mapping[str, str]

    def under(self, choice: str) -> BenchmarkScores:
        """The scores under one choice."""
        return self.scores[choice].benchmark(self.benchmark)


def variants(
    responses: Responses,
    benchmark: str,
    choices: Mapping[str, Options] = CHOICES,
    *,
    usual: HatScores | None = None,
    draws: int = 300,
    seed: int = 0,
    **shown: Any,
) -> Variants:
    """Score one benchmark under several choices, with the same redraws of the items.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which benchmark.
    choices : mapping of str to mapping
        Options of `hatlib.hat_scores` by the name of the choice, such as `CHOICES` or `HARDNESS`.
        One that comes to the same as an earlier one is left out.
    usual : HatScores, optional
        Scores under the first choice, if there are any, as from `hatlib.score_sets` with the same
        redraws and seed; they are not computed again.
    draws, seed : int
        Redraws of the items, and their seed.
    **shown
        Options that every choice starts from.

    Returns
    -------
    Variants
        Choices that the data do not allow are named with the reason.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> simulated = simulate_answers([0, 0.5, 1, 0, 0.5], profiles="linear", n_items=100)
    >>> found = variants(simulated.responses, "sim", HARDNESS, draws=50)
    >>> list(found.scores), found.reasons["other-lineages"]
    (['self', 'pooled', 'leave-one-out'], 'It comes to the same as leave-one-out.')
    """
    counts = responses.counts(benchmark)
    names = responses.benchmarks.set_index("benchmark")["name"].astype(str)
    scores: dict[str, HatScores] = {}
    reasons: dict[str, str] = {}
    done: dict[tuple[Any, ...], str] = {}
    for n, (choice, options) in enumerate(choices.items()):
        every = {**shown, **options, "draws": draws, "rng": seed_of(seed, benchmark)}
        try:
            found = usual if n == 0 else None
            found = found or hat_scores(responses, benchmarks=benchmark, **every)
        except InputError as error:
            reasons[choice] = error.problems[0].what
            continue
        b = found.benchmark(benchmark)
        method = b.hardness.method
        asked = b"" if method == "self" else donors(counts, method).tobytes()
        same = done.setdefault((b.profile, b.reference, asked), choice)
        if same == choice:
            scores[choice] = found
        else:
            reasons[choice] = f"It comes to the same as {same}."
    parts = [each.macro().assign(choice=choice) for choice, each in scores.items()]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"benchmark": []})
    table = table[table["benchmark"] == benchmark].reset_index(drop=True)
    return Variants(benchmark, names[benchmark], scores, table, reasons)


def agreements(found: Variants, rules: Thresholds = BOOK) -> pd.DataFrame:
    """Every two rankings of the models compared: choice against choice, and against the metrics.

    Parameters
    ----------
    found : Variants
        From `variants`.
    rules : Thresholds
        See `hatlib.claims.rankings.compare_rankings`.

    Returns
    -------
    DataFrame
        One row a pair of rankings, with the columns of `compare_rankings`; ``kind``: "choice", or
        "metric" where the usual choice is compared with a traditional metric; and for choices
        the ``largest_change`` of a score.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> profiles = ["linear", "square", "steep", "flat", "shift", "strong shift"]
    >>> simulated = simulate_answers([0, 0.5, 1, 0, 0.5, 1], profiles=profiles, n_items=400)
    >>> found = variants(simulated.responses, "sim", HARDNESS, draws=100)
    >>> agreements(found).query("kind == 'choice'")["verdict"].tolist()
    ['agree', 'agree', 'agree']
    """
    rankings = {c: ranking(s, found.benchmark, name=c) for c, s in found.scores.items()}
    rows = []
    for a, b in combinations(rankings.values(), 2):
        both = np.abs(a.estimates - b.estimates)[a.sound & b.sound]
        change = both.max(initial=-np.inf) if both.size else np.nan
        rows.append(compare_rankings(a, b, rules).assign(kind="choice", largest_change=change))
    for choice, scores in list(found.scores.items())[:1]:
        metrics = [ranking(scores, found.benchmark, measure=measure) for measure in METRICS]
        rows += [
            compare_rankings(rankings[choice], m, rules).assign(kind="metric") for m in metrics
        ]
    columns = ["first", "second", "models", "tau", "low", "high", "reliable", "pairs", "reversed",
               "clearly", "verdict", "kind", "largest_change"]  # fmt: skip
    return pd.concat(rows or [pd.DataFrame()], ignore_index=True).reindex(columns=columns)
