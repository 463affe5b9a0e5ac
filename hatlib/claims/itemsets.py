"""Score every item-level set, and say what each set can and cannot support.

Sets differ in benchmark, prompts, chance level and hardness, so they stand side by side and are
never pooled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.data.responses import SETS, Responses
from hatlib.data.tables import book
from hatlib.errors import InputError, Problem
from hatlib.lines.distance import seed_of
from hatlib.metric.compare import compare_all
from hatlib.metric.hardness import MIN_MODELS
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import EXTRAPOLATED, FLAGS, OTHER_LANGUAGES, hat_scores
from hatlib.resample import LEVEL
from hatlib.show.words import counted, headline, joined, markdown_text
from hatlib.thresholds import BOOK

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

NEAR_CEILING = BOOK["near_ceiling"]
"""A model that solves this share of the items in the source language has few hard ones."""

ABOVE_PERFECT = BOOK["above_perfect"]
"""If this share of the scores lies above perfect transfer, interval and all, a set is doubtful."""

_FLAGGED = {EXTRAPOLATED: "extrapolated", OTHER_LANGUAGES: "over other languages than most"}


@dataclass(frozen=True)
class ItemSets:
    """The scores of all item-level sets, and what each set rests on.

    Attributes
    ----------
    responses : Responses
        The answers.
    scores : HatScores
        Scores of all sets that the chosen method fits.
    reasons : mapping of str to str
        Why the other sets have no scores.
    """

    responses: Responses
    scores: HatScores
    reasons: Mapping[str, str]

    def table(self, benchmark: str = "") -> pd.DataFrame:
        """One row a model and set: HAT, what it rests on, and the traditional metrics.

        If `benchmark` is given, the models of that set, the best first.
        """
        columns = [
            "benchmark",
            "benchmark_name",
            "model",
            "display_name",
            *("hat", "low", "high", "support", "flag", "n_items", "n_trials"),
            *("source_accuracy", "target_accuracy", "xlt_gap", "ratio"),
        ]
        rows = self.scores.macro()[columns]
        if not benchmark:
            return rows
        rows = rows[rows["benchmark"] == self.scores.benchmark(benchmark).benchmark]
        return rows.sort_values("hat", ascending=False, ignore_index=True)

    def sets(self) -> pd.DataFrame:
        """One row a set: how much there is, what it can tell, and what it cannot.

        Returns
        -------
        DataFrame
            ``benchmark``, ``benchmark_name``; numbers of ``models``, of models ``scored``, and of
            those with ``support``; ``trials`` an item, ``languages`` besides the source; share of
            cells ``missing``; share of models ``at_ceiling``; ``pairs`` of scored models, and how
            many are ``told_apart``; ``above_perfect``, the scores whose interval lies above 1;
            ``limits``, in words.
        """
        return self._sets.copy()

    @cached_property
    def _sets(self) -> pd.DataFrame:
        return pd.DataFrame([self._row(str(b)) for b in self.responses.benchmarks["benchmark"]])

    def _row(self, benchmark: str) -> dict[str, object]:
        about = self.responses.benchmarks.set_index("benchmark").loc[benchmark]
        facts = self._facts.to_dict("index")[benchmark]
        row: dict[str, object] = {
            "benchmark": benchmark,
            "benchmark_name": str(about["name"]),
            "models": int(facts["models"]),
            "scored": 0,
            "support": 0,
            "trials": float(facts["trials_median"]),
            "languages": int(facts["languages"]) - 1,
            "missing": float(facts["missing"]),
            "at_ceiling": np.nan,
            "pairs": 0,
            "told_apart": 0,
            "above_perfect": 0,
            "limits": self.reasons.get(benchmark, ""),
        }
        if benchmark in self.reasons:
            return row
        rows = self.table(benchmark).join(self._methods.loc[benchmark], on="model")
        scored, apart = rows.dropna(subset="hat"), 0
        if len(scored) > 1 and self.scores.n_draws:
            apart = int(compare_all(self.scores, benchmark=benchmark).pairs["told_apart"].sum())
        return row | {
            "scored": len(scored),
            "support": int((scored["flag"] == "").sum()),
            "at_ceiling": float((rows["source_accuracy"] >= NEAR_CEILING).mean()),
            "pairs": len(scored) * (len(scored) - 1) // 2,
            "told_apart": apart,
            "above_perfect": int((scored["low"] > 1).sum()),
            "limits": _limits(rows, float(facts["missing"])),
        }

    @cached_property
    def _methods(self) -> pd.DataFrame:
        columns = ["benchmark", "model", "hardness", "reference"]
        return self.scores.macro()[columns].set_index(["benchmark", "model"])

    @cached_property
    def _facts(self) -> pd.DataFrame:
        return self.responses.table()

    def limits(self) -> pd.DataFrame:
        """What limits each set, in words made from its numbers."""
        return self._sets[["benchmark_name", "limits"]].copy()

    def caveats(self) -> pd.DataFrame:
        """What the sources of the book's sets say against them; empty for a user's own answers."""
        if not self.responses.bundled:
            return pd.DataFrame(columns=["set", "caveats"])
        sources = book().sources.set_index("source")
        names = self.responses.benchmarks.set_index("benchmark")["name"]
        there = list(dict.fromkeys(SETS[b] for b in names.index))
        return pd.DataFrame(
            {
                "set": [
                    joined([str(names[b]) for b in names.index if SETS[b] == s]) for s in there
                ],
                "caveats": sources.loc[there, "caveats"].tolist(),
            }
        )

    def chart(self) -> Figure | Notice:
        """HAT of every model, one panel a set; weak scores are named so."""
        from hatlib.show import charts

        rows = self.scores.macro().dropna(subset="hat")
        weak = np.where(rows["flag"] != "", "weak", "with support")
        return charts.intervals(
            rows.assign(support=weak),
            value="hat",
            low="low",
            high="high",
            row="display_name",
            color="support",
            facet="benchmark_name",
            zero=1.0,
            name="hat-of-every-model",
            title_x="HAT score (0 none, 1 perfect transfer)",
            caption=(
                "HAT of every model that can be scored, mean over the target languages. Bars are "
                f"{self.scores.level:.0%} intervals from redrawn items. Compare within a panel "
                "only. A weak score has a flag."
            ),
        )

    def lead(self, wanted: str = "") -> str:
        """The set to show in full: the one asked for, or the one with most supported scores.

        Sets in which many models transfer more than perfectly come last: there the target
        questions were easier or were judged more kindly, which is no transfer.

        Raises
        ------
        InputError
            If the set that is asked for has no scores.
        """
        if wanted:
            if wanted in self.reasons:
                raise InputError(
                    Problem(self.reasons[wanted], "Choose another lead.", value=wanted)
                )
            return self.scores.benchmark(wanted).benchmark
        rows = self._sets[~self._sets["benchmark"].isin(list(self.reasons))]
        doubtful = rows["above_perfect"] > ABOVE_PERFECT * rows["scored"]
        ranked = rows.assign(doubtful=doubtful).sort_values(
            ["doubtful", "support", "scored"], ascending=[True, False, False], kind="stable"
        )
        return str(ranked["benchmark"].iloc[0])

    def summary(self, lead: str = "") -> str:
        """What the sets can tell, in sentences made from the numbers."""
        sets = self.sets()
        able = int((sets["told_apart"] > 0).sum())
        some = sets[sets["scored"] > 0]
        verdict = f"{able} of {len(sets)} sets {'tells' if able == 1 else 'tell'} models apart"
        text = (
            f"{headline('Every set', verdict)} Scores: {len(some)} of {len(sets)} sets, "
            f"{int(sets['scored'].sum())} of {counted(int(sets['models'].sum()), 'model')} in "
            f"these sets; with support: {int(sets['support'].sum())}."
        )
        if some.empty:
            why = joined(sorted({limit.rstrip(".") for limit in sets["limits"]}))
            text += (
                f" Why: {markdown_text(why)}. A score needs several answers an item, or the "
                f"answers of {MIN_MODELS} models, and some right answers in the source language."
            )
        doubtful = some[some["above_perfect"] > ABOVE_PERFECT * some["scored"]]
        if len(doubtful):
            names = joined([markdown_text(name) for name in doubtful["benchmark_name"]])
            text += (
                f" In {names} many scores lie above perfect transfer: there the target languages "
                "were easier, or judged more kindly, than the source language."
            )
        return text


def score_sets(
    responses: Responses,
    *,
    hardness: str = "auto",
    profile: str = "adaptive",
    reference: str = "auto",
    draws: int = 1000,
    seed: int = 0,
) -> ItemSets:
    """Score every set; one that the method does not fit gets a reason in place of scores.

    Each set has a seed of its own, so that adding a set changes nothing in the others.

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
        If an option is not known, or no set fits.

    Examples
    --------
    >>> from hatlib import load_responses
    >>> sets = score_sets(load_responses(sets=["mgsm", "truthfulqa-human"]), draws=50)
    >>> sets.lead()
    'mgsm'
    >>> sets.sets().set_index("benchmark").loc["truthfulqa-human", "limits"]
    'No model can be scored: one answer an item.'
    """
    found: list[BenchmarkScores] = []
    reasons: dict[str, str] = {}
    problems: list[Problem] = []
    for benchmark in map(str, responses.benchmarks["benchmark"]):
        try:
            scores = hat_scores(
                responses,
                benchmarks=benchmark,
                hardness=hardness,
                profile=profile,
                reference=reference,
                draws=draws,
                rng=seed_of(seed, benchmark),
            )
        except InputError as error:
            reasons[benchmark] = str(error.problems[0])
            problems += error.problems
            continue
        found += scores.benchmarks
    if not found:
        raise InputError(list(dict.fromkeys(problems)))
    return ItemSets(
        responses,
        HatScores.of(found, responses, draws=draws, level=LEVEL, seed=seed),
        reasons,
    )


def _limits(rows: pd.DataFrame, missing: float) -> str:
    """What a set cannot support, in words made from its numbers."""
    scored = rows.dropna(subset="hat")
    if scored.empty:
        flags = sorted({flag for flag in rows["flag"] if flag})
        return f"No model can be scored: {joined(flags) if flags else 'no answers'}."
    parts = []
    if len(scored) == 1:
        parts.append("One model with a score: nothing to compare.")
    if (rows["hardness"] != "self").all():
        parts.append("Hardness is borrowed from the answers of all models.")
    high = int((rows["source_accuracy"] >= NEAR_CEILING).sum())
    if high:
        parts.append(
            f"{high} of {counted(len(rows), 'model')} near the ceiling of the source language."
        )
    for flag in (EXTRAPOLATED, OTHER_LANGUAGES):
        weak = int(scored["flag"].str.contains(flag, regex=False).sum())
        if weak:
            parts.append(f"{counted(weak, 'score')} {_FLAGGED[flag]}.")
    none = len(rows) - len(scored)
    if none:
        parts.append(f"{counted(none, 'model')} without a score.")
    above = int((scored["low"] > 1).sum())
    if above:
        parts.append(f"{counted(above, 'score')} above perfect transfer.")
    if missing >= 0.005:
        parts.append(f"{missing:.0%} of the cells missing.")
    if (rows["reference"] == "pooled").all():
        parts.append("Scores depend on the models compared (reference pooled).")
    return " ".join(parts)


def flag_table() -> pd.DataFrame:
    """What each flag of a score means.

    Examples
    --------
    >>> "extrapolated" in flag_table()["flag"].tolist()
    True
    """
    return pd.DataFrame({"flag": list(FLAGS), "meaning": list(FLAGS.values())})
