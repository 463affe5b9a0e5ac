"""Score every item-level dataset, and count what each can and cannot support.

Datasets differ in benchmark, prompts, chance level, languages and hardness, so they stand side by
side and are never pooled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.responses import Responses
from hatlib.errors import InputError, Problem
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import hat_scores
from hatlib.resample import seed_of
from hatlib.thresholds import BOOK


@dataclass(frozen=True)
class ItemSets:
    """The scores of all item-level datasets.

    Attributes
    ----------
    scores : HatScores
        Scores of all datasets that the chosen method fits.
    reasons : mapping of str to str
        By benchmark, why the others have no scores.
    """

    scores: HatScores
    reasons: Mapping[str, str]

    def sets(self) -> pd.DataFrame:
        """What each dataset with scores can tell.

        Returns
        -------
        DataFrame
            One row a dataset, by ``benchmark``: ``benchmark_name``, numbers of models ``scored``
            and of those with ``support`` (no flag weakens them), of scores ``above_perfect``
            (whose interval lies above 1), and whether these are so many that the dataset is
            ``doubtful``.
        """
        macro = self.scores.macro()
        macro["support"] = np.concatenate([b.sound[:, 0] for b in self.scores.benchmarks])
        rows = macro.assign(scored=macro["hat"].notna(), above_perfect=macro["low"] > 1)
        counts = ["scored", "support", "above_perfect"]
        frame = rows.groupby(["benchmark", "benchmark_name"], sort=False)[counts].sum()
        doubtful = frame["above_perfect"] > BOOK["above_perfect"] * frame["scored"]
        return frame.assign(doubtful=doubtful).reset_index("benchmark_name")

    def lead(self, wanted: str = "") -> str:
        """The dataset to show in full: the one asked for, or the one with most supported scores.

        Doubtful ones come last: there the target questions were easier or were judged more kindly,
        which is no transfer.

        Raises
        ------
        InputError
            If the dataset that is asked for has no scores.
        """
        if wanted in self.reasons:
            raise InputError(self.reasons[wanted], "Choose another lead.", value=wanted)
        if wanted:
            return self.scores.benchmark(wanted).benchmark
        order = ["doubtful", "support", "scored"]
        ranked = self.sets().sort_values(order, ascending=[True, False, False], kind="stable")
        return str(ranked.index[0])


def score_sets(
    responses: Responses, *, draws: int = 1000, seed: int = 0, **options: Any
) -> ItemSets:
    """Score every dataset; one that the method does not fit gets a reason in place of scores.

    Each has a seed of its own, so that adding a dataset changes nothing in the others.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    draws, seed : int
        Redraws of the items, and their seed.
    **options
        Of `hatlib.hat_scores`, such as ``hardness``, ``profile`` and ``reference``.

    Returns
    -------
    ItemSets

    Raises
    ------
    InputError
        If an option is not known, or no dataset fits.

    Examples
    --------
    >>> from hatlib import load_responses
    >>> sets = score_sets(load_responses(sets=["mgsm", "truthfulqa-human"]), draws=50)
    >>> sets.lead()
    'mgsm'
    >>> int(sets.sets().loc["truthfulqa-human", "scored"])
    0
    """
    found: list[BenchmarkScores] = []
    reasons: dict[str, str] = {}
    problems: list[Problem] = []
    for benchmark in map(str, responses.benchmarks["benchmark"]):
        rng = seed_of(seed, benchmark)
        try:
            some = hat_scores(responses, benchmarks=benchmark, draws=draws, rng=rng, **options)
            found += some.benchmarks
        except InputError as error:
            reasons[benchmark] = str(error.problems[0])
            problems += error.problems
    if not found:
        raise InputError(list(dict.fromkeys(problems)))
    return ItemSets(replace(some, benchmarks=tuple(found), seed=seed), reasons)
