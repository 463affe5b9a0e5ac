"""Real answers: what a judge with known errors would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from hatlib import resample
from hatlib.data.responses import Counts, Responses
from hatlib.errors import InputError
from hatlib.metric.judge import Judge
from hatlib.metric.score import score_counts
from hatlib.metric.sufficient import source_rates, target_rates
from hatlib.show.words import capital, counted, headline, markdown_text
from hatlib.truth.nuisances.common import displayed, mean_known


@dataclass(frozen=True)
class Rejudged:
    """Scores of real answers as they are, and corrected for a judge.

    Attributes
    ----------
    name : str
        Readable name of the benchmark.
    judge : Judge
    models : DataFrame
        One row a supported model: ``hat``, ``low``, ``high`` and ``rank`` as reported, the same
        ``corrected``, ``corrected_low``, ``corrected_high``, ``corrected_rank``.
    pairs, reversed, clear : int
        Pairs of models; those that change their order; and of these those that are clear in both.
    impossible : int
        Models of which the judge has accepted more, or fewer, answers than it could: corrected, an
        accuracy is below 0 or above 1 by more than two standard errors.
    reason : str
        Why there is no correction; empty if there is one.
    """

    name: str
    judge: Judge
    models: pd.DataFrame
    pairs: int
    reversed: int
    clear: int
    impossible: int
    reason: str

    def table(self) -> pd.DataFrame:
        """One row a model, the best as reported first."""
        return self.models.drop(columns="model").sort_values("rank", ignore_index=True)

    def verdict(self) -> str:
        """What the correction does to the ranking."""
        if self.reason:
            return "no correction"
        if self.judge == Judge():
            return "no correction asked for"
        if self.impossible:
            return "this judge does not fit the answers"
        if not self.pairs:
            return "no ranking"
        if not self.reversed:
            return "the ranking stays"
        return "the ranking changes" if self.clear else "the ranking changes, not clearly"

    def summary(self) -> str:
        """What would change, in sentences made from the numbers."""
        text = headline(f"{self.name}, real, corrected for a judge", self.verdict())
        if self.reason:
            return f"{text} {markdown_text(capital(self.reason))}"
        about = f" Sensitivity {self.judge.sensitivity:g}, specificity {self.judge.specificity:g}:"
        if self.judge == Judge():
            return (
                f"{text} The judge is taken to be perfect. Set `sensitivity` and `specificity` to "
                "those of your judge."
            )
        moved = (self.models["corrected"] - self.models["hat"]).abs()
        if moved.notna().any():
            text += f"{about} the largest change of a score is {moved.max():.2f}."
        if self.pairs:
            text += (
                f" {self.reversed} of {counted(self.pairs, 'pair')} of models change their order, "
                f"{self.clear} of them clearly."
            )
        if self.impossible:
            text += (
                f" {counted(self.impossible, 'model')} would have an accuracy below 0 or above 1, "
                "so that the judge cannot be as bad as that."
            )
        return text


def rejudged(
    responses: Responses,
    benchmark: str,
    judge: Judge,
    *,
    draws: int = 500,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> Rejudged:
    """Score real answers as they are and corrected for a judge, and compare the rankings.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which.
    judge : Judge
        Who judged the answers.
    draws, level, seed : int, float, int
        Redraws of the items, coverage of the intervals, and the seed.

    Returns
    -------
    Rejudged

    Examples
    --------
    >>> from hatlib import load_responses
    >>> same = rejudged(load_responses(sets="mgsm"), "mgsm", Judge(), draws=50)
    >>> same.reversed, bool((same.models["hat"] == same.models["corrected"]).all())
    (0, True)
    """
    counts = responses.counts(benchmark)
    name = str(responses.benchmarks.set_index("benchmark").loc[benchmark, "name"])
    columns = ["model", "display_name", "hat", "low", "high", "rank"]
    columns += ["corrected", "corrected_low", "corrected_high", "corrected_rank"]
    try:
        before = score_counts(counts, draws=draws, level=level, rng=seed)
        # The same reference, or the correction might change what the scores are averaged over.
        after = score_counts(
            counts, judge=judge, reference=before.reference, draws=draws, level=level, rng=seed
        )
    except InputError as error:
        return Rejudged(
            name, judge, pd.DataFrame(columns=columns), 0, 0, 0, 0, str(error.problems[0])
        )
    sound = np.isfinite(before.hat[:, 0]) & (before.flags[:, 0] == "")
    sound &= np.isfinite(after.hat[:, 0])
    places = np.flatnonzero(sound)
    shown = displayed(responses)
    frame = pd.DataFrame(
        {
            "model": [counts.models[m] for m in places],
            "display_name": [shown.get(counts.models[m], counts.models[m]) for m in places],
            "hat": before.hat[places, 0],
            "low": before.low[places, 0],
            "high": before.high[places, 0],
            "corrected": after.hat[places, 0],
            "corrected_low": after.low[places, 0],
            "corrected_high": after.high[places, 0],
        }
    )
    for value, rank in (("hat", "rank"), ("corrected", "corrected_rank")):
        frame[rank] = frame[value].rank(ascending=False, method="min").astype(int)
    first, second = (places[at] for at in np.triu_indices(len(places), 1))
    gaps, sure = [], []
    for scores in (before, after):
        gap = scores.hat[first, 0] - scores.hat[second, 0]
        gaps.append(gap)
        if scores.draws is None:
            sure.append(np.zeros(len(gap), dtype=bool))
        else:
            noise = (scores.draws[:, first, 0] - scores.draws[:, second, 0]).std(axis=0, ddof=1)
            sure.append(np.abs(gap) > stats.norm.ppf((1 + level) / 2) * noise)
    turned = gaps[0] * gaps[1] < 0
    return Rejudged(
        name,
        judge,
        frame[columns],
        len(first),
        int(turned.sum()),
        int((turned & sure[0] & sure[1]).sum()),
        _impossible(counts, judge),
        "" if len(places) else "No model has a supported score.",
    )


def _impossible(counts: Counts, judge: Judge) -> int:
    """Models of which this judge cannot have accepted so many, or so few, answers."""
    told = replace(counts, judge=judge)
    source = np.where(counts.source_trials > 0, source_rates(told), np.nan)
    outside = np.zeros(len(counts.models), dtype=bool)
    for rates in (source, target_rates(told)[:, 0]):
        mean = mean_known(rates)
        n = np.maximum(np.isfinite(rates).sum(axis=1), 1)
        slack = 2 * np.sqrt(mean_known((rates - mean[:, None]) ** 2) / n)
        outside |= (mean < -slack - 1e-9) | (mean > 1 + slack + 1e-9)
    return int(outside.sum())


def other_judges(
    responses: Responses, benchmark: str, judges: Sequence[Judge] = ()
) -> pd.DataFrame:
    """How a ranking would change under several judges: what must be known of one.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which.
    judges : sequence of Judge
        By default a judge that errs in one or both ways, a little and more.

    Returns
    -------
    DataFrame
        One row a judge: ``sensitivity``, ``specificity``, the ``largest_change`` of a score, pairs
        of models ``reversed``, and models for which the judge is ``impossible``.
    """
    assumed = judges or [
        Judge(s, t) for s, t in ((0.98, 1.0), (1.0, 0.98), (0.95, 1.0), (1.0, 0.95), (0.95, 0.95))
    ]
    rows = []
    for judge in assumed:
        found = rejudged(responses, benchmark, judge, draws=0)
        if found.reason:
            continue
        moved = (found.models["corrected"] - found.models["hat"]).abs()
        rows.append(
            {
                "sensitivity": judge.sensitivity,
                "specificity": judge.specificity,
                "largest_change": float(moved.max()),
                "pairs": found.pairs,
                "reversed": found.reversed,
                "impossible": found.impossible,
            }
        )
    return pd.DataFrame(rows)
