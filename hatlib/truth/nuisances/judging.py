"""A judge that errs, from near: what it does to scores, and what the correction leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.data.responses import Counts
from hatlib.errors import InputError
from hatlib.metric.judge import Judge
from hatlib.metric.score import score_counts
from hatlib.show.words import capital, headline, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.nuisances.common import HARMFUL, HARMLESS, UNCLEAR, Floats, replication_problems
from hatlib.truth.nuisances.effects import agreement, change_and_range, dose_verdict
from hatlib.truth.nuisances.flaws import erring_judge
from hatlib.truth.nuisances.world import TARGETS, World, known_models

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice


JUDGE = Judge(0.9, 0.9)
"""The simulated judge."""

OFF_BY = 0.05
"""How wrong a share of the judge is taken to be."""

LABELLED = 100
"""Right and wrong answers that people label to learn of the judge, each."""

TOGETHER = 0.5
"""Correlation of the judge's errors within an item, where they hang together."""

WORSE_BY = 0.15
"""How much lower both shares of the judge are in one language, where they differ."""


@dataclass(frozen=True)
class JudgeStudy:
    """What a judge that errs does to scores, and what the correction leaves of it.

    Attributes
    ----------
    cases : DataFrame
        One row a case: ``case``; ``change`` against the same answers judged by people, with
        ``low`` and ``high``; ``range`` over models that transfer alike, with ``range_low`` and
        ``range_high``; ``tau`` with the truth; ``held``, the share of intervals that hold the
        truth, with its Monte-Carlo error ``held_se``; ``width`` of the intervals.
    judge : Judge
    rules : Thresholds
    replications : int
    """

    cases: pd.DataFrame
    judge: Judge
    rules: Thresholds
    replications: int

    def table(self) -> pd.DataFrame:
        """Every case, with its verdict."""
        columns = ["case", "change", "low", "high", "range", "tau", "held", "held_se", "width"]
        return self.cases[columns].assign(
            intervals_hold=[self.covered(case) for case in self.cases["case"]],
            verdict=[self.verdict(case) for case in self.cases["case"]],
        )

    def verdict(self, case: str) -> str:
        """Whether a case is harmful."""
        rows = self.cases[self.cases["case"] == case]
        return dose_verdict(rows.assign(dose=1.0), self.rules["harm"]).word

    def covered(self, case: str) -> str:
        """Whether intervals hold the truth as often as they say: yes, "too rarely" or "too often".

        Two Monte-Carlo standard errors are allowed for.
        """
        row = self.cases.set_index("case").loc[case]
        slack = 2 * np.nan_to_num(row["held_se"], nan=1.0)
        if row["held"] < self.rules["coverage_low"] - slack:
            return "too rarely"
        return "too often" if row["held"] > self.rules["coverage_high"] + slack else "yes"

    def chart(self) -> Figure | Notice:
        """Change of HAT in every case."""
        from hatlib.show import charts

        return charts.intervals(
            self.cases,
            value="change",
            low="low",
            high="high",
            row="case",
            sort="table",
            name="nuisances-judge",
            title_x="Change of HAT",
            format_x="+.2f",
            caption=(
                "Simulated models: mean change of HAT against the same answers judged without "
                f"error. The judge has a sensitivity of {self.judge.sensitivity:g} and a "
                f"specificity of {self.judge.specificity:g}. Bars are Monte-Carlo intervals."
            ),
        )

    def summary(self) -> str:
        """What the correction does, where its assumptions hold and where not."""
        at = self.cases.set_index("case")
        facts = at.to_dict("index")
        raw, known, labelled = (facts[name] for name in (_RAW, _KNOWN, _FROM_LABELS))
        words = {name: self.verdict(name) for name in at.index}
        verdict = {HARMLESS: "it works", HARMFUL: "it does not work"}.get(words[_KNOWN], UNCLEAR)
        width = at["width"].astype(float) / facts[_CLEAN]["width"]
        text = (
            f"{headline('Correction for a judge, simulated', verdict)} With a sensitivity of "
            f"{self.judge.sensitivity:g} and a specificity of {self.judge.specificity:g}, HAT "
            f"changes by {signed(raw['change'], 2)} without and by {signed(known['change'], 2)} "
            f"with the correction.\n\nIntervals hold the truth in {raw['held']:.0%} of the cases "
            f"without and in {known['held']:.0%} with it (Monte-Carlo error "
            f"{np.nan_to_num(known['held_se']):.0%}). They are {width[_KNOWN]:.1f} times as wide "
            f"as without a judge, and {width[_FROM_LABELS]:.1f} times if the judge is known from "
            f"{LABELLED} right and {LABELLED} wrong answers; these hold the truth in "
            f"{labelled['held']:.0%}."
        )
        rest = [name for name in at.index if name not in (_CLEAN, _RAW, _KNOWN, _FROM_LABELS)]
        for word in (HARMFUL, UNCLEAR, HARMLESS):
            some = [name for name in rest if words[name] == word]
            if some:
                text += f" {capital(word)}: {'; '.join(some)}."
        rarely = [name for name in rest if self.covered(name) == "too rarely"]
        if rarely:
            text += f" Intervals hold the truth too rarely: {'; '.join(rarely)}."
        return text


_CLEAN = "no judge"
_RAW = "not corrected"
_KNOWN = "corrected, judge known"
_FROM_LABELS = "corrected, judge from labels"


def study_judge(
    judge: Judge = JUDGE,
    *,
    replications: int = 6,
    n_items: int = 300,
    n_trials: int = 10,
    draws: int = 60,
    rules: Thresholds = BOOK,
    seed: int = 0,
) -> JudgeStudy:
    """Judge simulated answers with errors, and correct for these, rightly and wrongly.

    Parameters
    ----------
    judge : Judge
        How often it is right.
    replications : int
        How often to simulate.
    n_items, n_trials : int
        Items, and answers an item and language.
    draws : int
        Redraws of the items for intervals.
    rules : Thresholds
        ``harm`` and ``level`` are used.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    JudgeStudy

    Examples
    --------
    >>> found = study_judge(replications=2, n_items=100, draws=20)
    >>> len(found.table()) > 8
    True
    """
    if problems := replication_problems(replications):
        raise InputError(problems)
    hats: dict[str, list[Floats]] = {}
    held: dict[str, list[float]] = {}
    width: dict[str, list[float]] = {}
    for replication in range(replications):
        rng = np.random.default_rng([seed, replication])
        world = known_models(n_items, n_trials, rng)
        for case, counts, told in _judge_cases(world, judge, rng):
            scores = score_counts(
                counts,
                judge=told,
                reference="uniform",
                draws=draws,
                level=rules["level"],
                rng=replication,
            )
            low, high = scores.low[:, 0], scores.high[:, 0]
            known = np.isfinite(low)
            inside = (low <= world.transfer) & (world.transfer <= high)
            hats.setdefault(case, []).append(scores.hat[:, 0])
            held.setdefault(case, []).append(float(inside[known].mean()))
            width.setdefault(case, []).append(float((high - low)[known].mean()))
    everyone = np.ones(len(world.transfer), dtype=bool)
    rows = []
    for case, found in hats.items():
        change = np.stack(found) - np.stack(hats[_CLEAN])
        error = np.std(held[case], ddof=1) / np.sqrt(replications) if replications > 1 else np.nan
        rows.append(
            {
                "case": case,
                **change_and_range(change, world.level, everyone, rules["level"]),
                "tau": float(np.mean([agreement(hat, world.transfer) for hat in found])),
                "held": float(np.mean(held[case])),
                "held_se": float(error),
                "width": float(np.mean(width[case])),
            }
        )
    return JudgeStudy(pd.DataFrame(rows), judge, rules, replications)


def _judge_cases(
    world: World, judge: Judge, rng: np.random.Generator
) -> Iterator[tuple[str, Counts, Judge | None]]:
    """Answers as a judge sees them, and the judge that the correction is told of."""
    s, t = judge.sensitivity, judge.specificity
    seen = erring_judge(world.counts, judge, rng)
    yield _CLEAN, world.counts, None
    yield _RAW, seen, None
    yield _KNOWN, seen, judge
    found = rng.binomial(LABELLED, [s, t]) / LABELLED
    yield _FROM_LABELS, seen, Judge(float(found[0]), float(found[1]), LABELLED, LABELLED)
    for share in ("sensitivity", "specificity"):
        for off, word in ((OFF_BY, "high"), (-OFF_BY, "low")):
            wrong = min(getattr(judge, share) + off, 1.0)
            yield f"{share} {OFF_BY:g} too {word}", seen, replace(judge, **{share: wrong})
    worse = Judge(s - WORSE_BY, t - WORSE_BY)
    uneven = replace(judge, languages={TARGETS[-1]: worse})
    seen = erring_judge(world.counts, uneven, rng)
    part = 1 / (len(TARGETS) + 1)
    yield "worse in a language, not corrected", seen, None
    yield "worse in a language, by language", seen, uneven
    average = Judge(s - part * WORSE_BY, t - part * WORSE_BY)
    yield "worse in a language, one judge", seen, average
    seen = erring_judge(world.counts, judge, rng, within_item=TOGETHER)
    yield "errors together, not corrected", seen, None
    yield "errors together, corrected", seen, judge
