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

from hatlib.claims.rankings import COLUMNS, METRICS, compare_rankings, ranking
from hatlib.data.responses import Responses
from hatlib.errors import InputError
from hatlib.metric.pooled import donors
from hatlib.metric.results import HatScores
from hatlib.metric.score import hat_scores
from hatlib.resample import seed_of
from hatlib.thresholds import BOOK, Thresholds

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Variants:
    """The scores of one benchmark under several choices.

    Attributes
    ----------
    benchmark : str
    scores : mapping of str to HatScores
        By choice; the first is the usual one.
    reasons : mapping of str to str
        Why other choices are not possible, or which they repeat.
    """

    benchmark: str
    scores: Mapping[str, HatScores]
    reasons: Mapping[str, str]


def variants(
    responses: Responses,
    benchmark: str,
    choices: Mapping[str, Options],
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
        Options of `hatlib.hat_scores` by the name of the choice.  One that comes to the same as an
        earlier one is left out.
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
    >>> names = ("self", "leave-one-out", "other-lineages")
    >>> choices = {name: {"hardness": name} for name in names}
    >>> found = variants(simulated.responses, "sim", choices, draws=50)
    >>> list(found.scores), found.reasons["other-lineages"]
    (['self', 'leave-one-out'], 'It comes to the same as leave-one-out.')
    """
    counts = responses.counts(benchmark)
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
    return Variants(benchmark, scores, reasons)


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
    >>> choices = {name: {"hardness": name} for name in ("self", "pooled", "leave-one-out")}
    >>> found = variants(simulated.responses, "sim", choices, draws=100)
    >>> agreements(found).query("kind == 'choice'")["verdict"].tolist()
    ['agree', 'agree', 'agree']
    """
    rankings = {c: ranking(s, found.benchmark, name=c) for c, s in found.scores.items()}
    rows = []
    for a, b in combinations(rankings.values(), 2):
        both = np.abs(a.estimates - b.estimates)[a.sound & b.sound]
        change = both.max(initial=-np.inf) if both.size else np.nan
        rows.append(compare_rankings(a, b, rules).assign(kind="choice", largest_change=change))
    for usual in list(found.scores)[:1]:
        for measure in METRICS:
            by_metric = ranking(found.scores[usual], found.benchmark, measure=measure)
            row = compare_rankings(rankings[usual], by_metric, rules)
            rows.append(row.assign(kind="metric"))
    columns = [*COLUMNS, "kind", "largest_change"]
    return pd.concat(rows or [pd.DataFrame()], ignore_index=True).reindex(columns=columns)
