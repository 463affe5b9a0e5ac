"""Score every item-level dataset, and count what each can and cannot support.

Datasets differ in benchmark, prompts, chance level, languages and hardness, so they stand side by
side and are never pooled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from hatlib.data.responses import Responses
from hatlib.errors import InputError, Problem
from hatlib.metric.compare import compare_all
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import hat_scores
from hatlib.resample import seed_of
from hatlib.thresholds import BOOK

NEAR_CEILING = BOOK["near_ceiling"]
"""A model that solves this share of the items in the source language has few hard ones."""

ABOVE_PERFECT = BOOK["above_perfect"]
"""If this share of the scores lies above perfect transfer, interval and all, a set is doubtful."""


@dataclass(frozen=True)
class ItemSets:
    """The scores of all item-level datasets.

    Attributes
    ----------
    responses : Responses
        The item-level responses.
    scores : HatScores
        Scores of all datasets that the chosen method fits.
    reasons : mapping of str to str
        By benchmark, why the others have no scores.
    """

    responses: Responses
    scores: HatScores
    reasons: Mapping[str, str]

    def table(self, benchmark: str = "") -> pd.DataFrame:
        """One row a model and dataset: HAT, what it rests on, and the traditional metrics.

        If `benchmark` is given, the models of that dataset, the best first. ``n_targets`` is the
        number of target languages behind the mean: scores over different ones do not compare.
        """
        columns = [
            *("benchmark", "benchmark_name", "model", "display_name", "family"),
            *("hat", "low", "high", "support", "flag", "n_items", "n_trials"),
            *("source_accuracy", "target_accuracy", "xlt_gap", "ratio"),
        ]
        every = self.scores.table()
        asked = every[(every["target"] != "macro") & every["target_accuracy"].notna()]
        targets = asked.groupby(["benchmark", "model"]).size().rename("n_targets")
        rows = self.scores.macro()[columns].join(targets, on=["benchmark", "model"])
        if benchmark:
            rows = rows[rows["benchmark"] == self.scores.benchmark(benchmark).benchmark]
            rows = rows.sort_values("hat", ascending=False, ignore_index=True)
        return rows

    def sets(self) -> pd.DataFrame:
        """One row a dataset: how much there is, and what it can tell.

        Returns
        -------
        DataFrame
            ``benchmark``, ``benchmark_name``; numbers of ``models``, of models ``scored``, and of
            those with ``support`` (no flag weakens them); ``trials`` an item; target
            ``languages``; share of cells ``missing``; share of models ``at_ceiling``; ``pairs``
            of scored models, and how
            many are ``told_apart``; ``above_perfect``, the scores whose interval lies above 1, and
            whether there are so many that the dataset is ``doubtful``; ``reason``, why it has no
            scores.
        """
        facts = self.responses.table()
        frame = self._brief()
        frame.insert(2, "models", facts["models"].astype(int))
        frame["trials"] = facts["trials_median"].astype(float)
        frame["languages"] = facts["languages"].astype(int) - 1
        frame["missing"] = facts["missing"].astype(float)
        strong = self.scores.macro().set_index("benchmark")["source_accuracy"] >= NEAR_CEILING
        frame["at_ceiling"] = strong.groupby(level=0).mean()
        frame["pairs"] = frame["scored"] * (frame["scored"] - 1) // 2
        compared = self.scores.benchmarks if self.scores.n_draws else ()
        apart = {
            b.benchmark: compare_all(self.scores, benchmark=b.benchmark).pairs["told_apart"].sum()
            for b in compared
        }
        frame["told_apart"] = frame["benchmark"].map(apart).fillna(0).astype(int)
        frame["reason"] = [self.reasons.get(name, "") for name in frame["benchmark"]]
        return frame.reset_index(drop=True)

    def _brief(self) -> pd.DataFrame:
        """One row a dataset: its scores, and how many lie above perfect transfer."""
        names = self.responses.benchmarks.set_index("benchmark")["name"].astype(str)
        frame = names.rename("benchmark_name").reset_index().set_index("benchmark", drop=False)
        macro = self.scores.macro().set_index("benchmark")
        sound = {b.benchmark: int(b.sound[:, 0].sum()) for b in self.scores.benchmarks}
        counts = {
            "scored": macro["hat"].groupby(level=0).count(),
            "support": pd.Series(sound),
            "above_perfect": (macro["low"] > 1).groupby(level=0).sum(),
        }
        frame = frame.assign(**counts).fillna(dict.fromkeys(counts, 0))
        frame = frame.astype(dict.fromkeys(counts, int)).rename_axis(None)
        doubtful = frame["above_perfect"] > ABOVE_PERFECT * frame["scored"]
        return frame.assign(doubtful=doubtful)

    def lead(self, wanted: str = "") -> str:
        """The dataset to show in full: the one asked for, or the one with most supported scores.

        Doubtful ones come last: there the target questions were easier or were judged more kindly,
        which is no transfer.

        Raises
        ------
        InputError
            If the dataset that is asked for has no scores.
        """
        if wanted:
            if wanted in self.reasons:
                problem = Problem(self.reasons[wanted], "Choose another lead.", value=wanted)
                raise InputError(problem)
            return self.scores.benchmark(wanted).benchmark
        rows = self._brief().loc[[b.benchmark for b in self.scores.benchmarks]]
        order = ["doubtful", "support", "scored"]
        ranked = rows.sort_values(order, ascending=[True, False, False], kind="stable")
        return str(ranked["benchmark"].iloc[0])


def score_sets(
    responses: Responses,
    *,
    hardness: str = "auto",
    profile: str = "auto",
    reference: str = "auto",
    draws: int = 1000,
    seed: int = 0,
) -> ItemSets:
    """Score every dataset; one that the method does not fit gets a reason in place of scores.

    Each has a seed of its own, so that adding a dataset changes nothing in the others.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    hardness, profile, reference, draws : str, str, str, int
        As in `hatlib.hat_scores`.
    seed : int
        Seed of the redraws.

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
    >>> int(sets.sets().set_index("benchmark").loc["truthfulqa-human", "scored"])
    0
    """
    found: list[BenchmarkScores] = []
    reasons: dict[str, str] = {}
    problems: list[Problem] = []
    options = {"hardness": hardness, "profile": profile, "reference": reference, "draws": draws}
    for benchmark in map(str, responses.benchmarks["benchmark"]):
        try:
            rng = seed_of(seed, benchmark)
            some = hat_scores(responses, benchmarks=benchmark, rng=rng, **options)  # type: ignore[arg-type]
        except InputError as error:
            reasons[benchmark] = str(error.problems[0])
            problems += error.problems
            continue
        found += some.benchmarks
    if not found:
        raise InputError(list(dict.fromkeys(problems)))
    scores = replace(some, benchmarks=tuple(found), seed=seed)
    return ItemSets(responses, scores, reasons)
