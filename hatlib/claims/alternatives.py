"""Does the ranking of models hang on how hardness is measured?

The same answers are scored with hardness from a model's own answers, from all models, from all
others, from other lineages, or from one family.  Rankings are compared by Kendall's tau, and pairs
of models that turn round are named.  The items that are redrawn are the same under every measure,
so that two rankings can be compared redraw by redraw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hatlib.claims import rankings
from hatlib.claims.agreement import (
    AGREE,
    DIFFER,
    MIN_RANKED,
    RELIABLE,
    UNSURE,
    rank_agreement,
    tau_text,
)
from hatlib.claims.swaps import Swaps, find_swaps
from hatlib.data.responses import Counts, Responses
from hatlib.errors import InputError, Problem
from hatlib.lines.distance import seed_of
from hatlib.metric.hardness import donors
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import hat_scores
from hatlib.show.words import counted, headline, joined, markdown_text
from hatlib.thresholds import BOOK, Thresholds

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Measures of hardness that are compared, and what they ask.
MEASURES = {
    "self": "How often does the model itself solve the item?",
    "pooled": "How often do all models solve it, given how able they are?",
    "leave-one-out": "How often do all other models solve it?",
    "other-lineages": "How often do models of other lineages solve it?",
    "lineage:NAME": "How often do the models of one lineage solve it?",
}


# One set under several measures -------------------------------------------------------------------


@dataclass(frozen=True)
class Alternatives:
    """The scores of one set of answers under several measures of hardness.

    Attributes
    ----------
    benchmark, benchmark_name : str
    kind : str
        "real", "simulated", or "your data".
    counts : Counts
        The answers.
    scores : dict of str to HatScores
        By measure.
    metrics : dict of str to ndarray, shape (n_draws, n_models)
        Redrawn target accuracy, ratio and XLT gap; the gap is negative, so that more is better.
    reasons : dict of str to str
        Why other measures are not possible.
    rules : Thresholds
    """

    benchmark: str
    benchmark_name: str
    kind: str
    counts: Counts
    scores: dict[str, HatScores]
    metrics: dict[str, Floats]
    reasons: dict[str, str]
    rules: Thresholds = BOOK

    @property
    def measures(self) -> list[str]:
        """Measures of hardness under which there are scores; the first is the usual one."""
        return list(self.scores)

    @property
    def title(self) -> str:
        """Name of the set and its kind."""
        return f"{self.benchmark_name} ({self.kind})"

    def under(self, measure: str) -> BenchmarkScores:
        """The scores under one measure."""
        return self.scores[measure].benchmark(self.benchmark)

    def sound(self, *measures: str) -> Bools:
        """Which models have a score without a flag under all of the measures."""
        every = [self.under(measure) for measure in measures or self.measures]
        fine = [np.isfinite(b.hat[:, 0]) & (b.flags[:, 0] == "") for b in every]
        return np.asarray(np.all(fine, axis=0)) if fine else np.zeros(0, dtype=bool)

    @cached_property
    def names(self) -> list[str]:
        """Readable names of the models, in the order of the answers."""
        if not self.scores:
            return list(self.counts.models)
        about = self.scores[self.measures[0]].models.set_index("model")["display_name"]
        return [str(about.get(model, model)) for model in self.counts.models]

    def donors(self, measure: str) -> Bools:
        """Whose answers tell how hard an item is for each model, shape (n_models, n_models)."""
        if measure == "self":
            return np.eye(len(self.counts.models), dtype=bool)
        return donors(self.counts, measure)

    def shared_donors(self, first: str, second: str) -> float:
        """Share of the models asked by one of two measures that both ask, mean over models."""
        a, b = self.donors(first), self.donors(second)
        return float(((a & b).sum(axis=1) / (a | b).sum(axis=1)).mean())

    def table(self) -> pd.DataFrame:
        """One row a model and measure: ``hat`` with its interval, ``rank``, ``support``, ``flag``.

        The rank is among the models whose score has no flag under any measure; also the
        ``target_accuracy`` is given.
        """
        parts = []
        fine = self.sound()
        for measure in self.measures:
            b = self.under(measure)
            rank = np.full(len(b.models), np.nan)
            rank[fine] = stats.rankdata(-b.hat[fine, 0])
            parts.append(
                pd.DataFrame(
                    {
                        "display_name": self.names,
                        "measure": measure,
                        "hat": b.hat[:, 0],
                        "low": b.low[:, 0],
                        "high": b.high[:, 0],
                        "rank": rank,
                        "support": b.support[:, 0],
                        "flag": b.flags[:, 0].tolist(),
                        "target_accuracy": b.metrics["target_accuracy"][:, 0],
                    }
                )
            )
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(_SCORES))

    def side_by_side(self) -> pd.DataFrame:
        """One row a model: its target accuracy, and its score under each measure."""
        table = self.table()
        wide = table.pivot_table(
            index="display_name", columns="measure", values="hat", sort=False, dropna=False
        )
        wide = wide.reindex(columns=self.measures)
        wide.insert(0, "target_accuracy", table.groupby("display_name")["target_accuracy"].first())
        return wide.reset_index().rename_axis(columns=None)

    def rank_chart(self) -> Figure | Notice:
        """The rank of each model under each measure, and by target accuracy."""
        from hatlib.show import charts

        table = self.table().dropna(subset="rank")
        if not table.empty:
            first = table[table["measure"] == self.measures[0]].sort_values("rank")
            accuracy = first.assign(
                measure="accuracy", rank=first["target_accuracy"].rank(ascending=False)
            )
            order = {name: place for place, name in enumerate(first["display_name"])}
            table = pd.concat([table, accuracy], ignore_index=True)
            table = table.sort_values(
                "display_name", key=lambda names: names.map(order), kind="stable"
            )
        return charts.heat(
            table,
            x="measure",
            y="display_name",
            value="rank",
            format_value=".3~g",
            name=f"ranks-by-hardness-{self.benchmark}",
            title_x="HAT by hardness, and accuracy",
            title_value="Rank",
            caption=(
                f"{self.title}: rank of each model by HAT (1 is best) under each measure of "
                "hardness, and by target accuracy in the last column. A row of one colour is a "
                "model whose place does not hang on the measure. Flagged models are left out."
            ),
        )

    def agreements(self) -> pd.DataFrame:
        """Every two rankings compared.

        Returns
        -------
        DataFrame
            ``first`` and ``second`` (a measure, or a traditional metric), ``tau`` with ``low``
            and ``high``, number of ``models`` with unflagged scores under both, share of the
            variance that is ``reliable``, ``shared_donors`` of two measures, ``verdict``.
        """
        return self._agreements.copy()

    @cached_property
    def _agreements(self) -> pd.DataFrame:
        rows = []
        for first, second in combinations(self.measures, 2):
            fine = self.sound(first, second)
            row = self._compared(first, second, fine, *self.redrawn(second))
            rows.append(row | {"shared_donors": self.shared_donors(first, second)})
        for first in self.measures:
            b = self.under(first)
            for metric, draws in self.metrics.items():
                sign = -1 if metric == _GAP else 1
                values = sign * b.metrics[metric][:, 0]
                name = rankings.METRICS[metric]
                rows.append(self._compared(first, name, self.sound(first), values, draws))
        return pd.DataFrame(rows, columns=list(_AGREEMENTS))

    def redrawn(self, measure: str) -> tuple[Floats, Floats]:
        """Scores under one measure, and those of redrawn items (draws × models)."""
        b = self.under(measure)
        assert b.draws is not None
        return b.hat[:, 0], b.draws[:, :, 0]

    def _compared(
        self, first: str, second: str, fine: Bools, values: Floats, draws: Floats
    ) -> dict[str, object]:
        mine, redrawn = self.redrawn(first)
        found = rank_agreement(
            mine[fine], values[fine], redrawn[:, fine], draws[:, fine], level=self.rules["level"]
        )
        return {
            "first": first,
            "second": second,
            "tau": found.tau,
            "low": found.low,
            "high": found.high,
            "models": found.models,
            "reliable": found.reliable,
            "verdict": found.verdict(self.rules),
        }

    def between(self) -> pd.DataFrame:
        """The comparisons of two measures of hardness, see `agreements`."""
        table = self._agreements
        return table[table["second"].isin(self.measures)].reset_index(drop=True)

    def with_metrics(self) -> pd.DataFrame:
        """The comparisons of the usual measure with traditional metrics, see `agreements`."""
        table = self._agreements
        usual = table["first"] == (self.measures[0] if self.measures else "")
        return table[usual & ~table["second"].isin(self.measures)].reset_index(drop=True)

    @cached_property
    def swaps(self) -> Swaps:
        """Pairs of models that two measures put in opposite order."""
        return find_swaps(self)

    def verdict(self) -> str:
        """`DIFFER` if two measures give different rankings, `AGREE` if all agree, or `UNSURE`."""
        return _together(self.between()["verdict"].tolist())

    def summary(self) -> str:
        """Whether the measures give one ranking, in sentences made from the numbers."""
        between = self.between().dropna(subset="tau")
        text = headline(self.title, self.verdict())
        if between.empty:
            return f"{text} {self._why_not()}"
        least = between.sort_values("tau").to_dict("records")[0]
        number = tally(between["verdict"].tolist())
        text += (
            f" Of {counted(len(between), 'pair')} of measures {number}. Kendall's tau is "
            f"lowest between {markdown_text(least['first'])} and "
            f"{markdown_text(least['second'])}: {tau_text(least)}, over "
            f"{counted(int(least['models']), 'model')}."
        )
        weak = between[between["reliable"] < RELIABLE]
        if len(weak):
            text += f" In {len(weak)} of them noise makes up most of the spread of the models."
        if self.verdict() == AGREE and self.same_donors():
            text += (
                f" The measures share {between['shared_donors'].min():.0%} or more of the models "
                "that they ask, so that they agree is weak evidence."
            )
        return text + self._not_possible()

    def same_donors(self) -> bool:
        """Whether every two measures ask mostly the same models."""
        return bool((self.between()["shared_donors"] > _MOSTLY).all())

    def _why_not(self) -> str:
        if len(self.measures) < 2:
            return f"Fewer than two measures of hardness fit these data.{self._not_possible()}"
        return f"Fewer than {MIN_RANKED} models have scores without a flag."

    def _not_possible(self) -> str:
        if not self.reasons:
            return ""
        return f" Not possible here: {joined([markdown_text(m) for m in self.reasons])}."


def alternatives(
    responses: Responses,
    benchmark: str,
    *,
    measures: Sequence[str] = tuple(MEASURES)[:-1],
    reference: str = "auto",
    draws: int = 300,
    seed: int = 0,
    kind: str = "real",
    rules: Thresholds = BOOK,
) -> Alternatives:
    """Score one set of answers under several measures of hardness.

    All measures get the same estimator, the same rule for the reference (what ``reference``
    settles on under the first measure), and the same redraws of the items.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which benchmark.
    measures : sequence of str
        Measures of hardness, see `hatlib.hat_scores`.
    reference : str
        "auto", "uniform" or "pooled".
    draws, seed : int
        Redraws of the items, at least 20, and their seed.
    kind : str
        "real", "simulated" or "your data"; said in every chart and sentence.
    rules : Thresholds
        For the verdicts.

    Returns
    -------
    Alternatives
        Measures that the data do not allow are named with the reason.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> profiles = ["linear", "square", "steep", "flat", "shift", "strong shift"]
    >>> simulated = simulate_answers([0, 0.5, 1, 0, 0.5, 1], profiles=profiles, n_items=400)
    >>> found = alternatives(simulated.responses, "sim", draws=100, kind="simulated")
    >>> found.measures, found.verdict()
    (['self', 'pooled', 'leave-one-out'], 'rankings agree')
    """
    counts = responses.counts(benchmark)
    own_seed = seed_of(seed, benchmark)
    scores: dict[str, HatScores] = {}
    reasons: dict[str, str] = {}
    asked: dict[bytes, str] = {}
    for measure in measures:
        try:
            if measure != "self":
                key = donors(counts, measure).tobytes()
                if key in asked:
                    reasons[measure] = f"It asks the same models as {asked[key]}."
                    continue
                asked[key] = measure
            found = hat_scores(
                responses,
                benchmarks=benchmark,
                hardness=measure,
                reference=reference,
                draws=draws,
                level=rules["level"],
                rng=own_seed,
            )
        except InputError as error:
            reasons[measure] = error.problems[0].what
            continue
        scores[measure] = found
        if reference == "auto":
            reference = found.benchmark().reference
    # The same seed redraws the same items under every measure, and so for the metrics.
    redrawn = next((s.benchmark().metric_draws for s in scores.values()), None)
    if redrawn is None:
        redrawn = rankings.metric_draws(counts, draws=draws, seed=own_seed)
    metrics = {name: (-1 if name == _GAP else 1) * redrawn[name] for name in rankings.METRICS}
    names = responses.benchmarks.set_index("benchmark")["name"].astype(str)
    return Alternatives(benchmark, names[benchmark], kind, counts, scores, metrics, reasons, rules)


# All sets -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AlternativeSets:
    """Every set under several measures of hardness, side by side.

    Attributes
    ----------
    responses : Responses
    sets : tuple of Alternatives
    kind : str
        "real" or "your data".
    draws, seed : int
    rules : Thresholds
    """

    responses: Responses
    sets: tuple[Alternatives, ...]
    kind: str
    draws: int
    seed: int
    rules: Thresholds

    def lead(self, wanted: str = "") -> Alternatives:
        """The set to show in full: the one asked for, or the one with most unflagged scores.

        Sets in which many models transfer more than perfectly come last, as in
        `hatlib.claims.itemsets.ItemSets.lead`.

        Raises
        ------
        InputError
            If there is no set of this name.
        """
        for each in self.sets:
            if wanted and wanted == each.benchmark:
                return each
        if wanted:
            there = joined([each.benchmark for each in self.sets])
            raise InputError(Problem("there is no such set.", f"There are: {there}.", value=wanted))

        def rank(each: Alternatives) -> tuple[bool, int, int]:
            ranked = int(each.sound().sum())
            return ranked >= MIN_RANKED and not self._doubtful(each), ranked, len(each.measures)

        return max(self.sets, key=rank)

    def _doubtful(self, each: Alternatives) -> bool:
        if not each.measures:
            return False
        low = each.under(each.measures[0]).low[:, 0]
        scored = np.isfinite(low)
        return bool((low > 1).sum() > self.rules["above_perfect"] * max(int(scored.sum()), 1))

    def _called(self, each: Alternatives) -> str:
        """Name of a set in a sentence."""
        return markdown_text(each.benchmark_name) + (" (doubtful)" if self._doubtful(each) else "")

    def table(self) -> pd.DataFrame:
        """One row a set.

        Returns
        -------
        DataFrame
            ``benchmark_name``; numbers of ``models`` and of those ``ranked`` (a score without a
            flag under every measure); the ``measures`` that fit; ``lowest_tau`` between two of
            them; ``verdict``; pairs of models that are ``swapped``, and how many ``clearly``;
            ``doubtful``, if many scores lie above perfect transfer.
        """
        rows = []
        for each in self.sets:
            rows.append(
                {
                    "benchmark_name": each.benchmark_name,
                    "models": len(each.counts.models),
                    "ranked": int(each.sound().sum()),
                    "measures": ", ".join(each.measures),
                    "lowest_tau": each.between()["tau"].min(),
                    "verdict": each.verdict(),
                    "swapped": each.swaps.count(),
                    "clearly": each.swaps.count(clear=True),
                    "doubtful": "yes" if self._doubtful(each) else "",
                }
            )
        return pd.DataFrame(rows)

    def not_possible(self) -> pd.DataFrame:
        """Which measures do not fit a set, and why: ``benchmark``, ``measure``, ``why``."""
        rows = [
            (each.benchmark, measure, why)
            for each in self.sets
            for measure, why in each.reasons.items()
        ]
        return pd.DataFrame(rows, columns=["benchmark", "measure", "why"])

    def agreements(self) -> pd.DataFrame:
        """Every two measures on every set, see `Alternatives.agreements`."""
        return self._stacked([each.between() for each in self.sets])

    def with_metrics(self) -> pd.DataFrame:
        """HAT of the usual measure against traditional metrics on every set.

        Returns
        -------
        DataFrame
            As `Alternatives.agreements`, with ``clearly``: pairs of models that both tell apart,
            and in opposite order (`hatlib.claims.rankings.reversals`; nan for the XLT gap of a set
            without a ranking).
        """
        return self._with_metrics.copy()

    @cached_property
    def _with_metrics(self) -> pd.DataFrame:
        frames = []
        for each in self.sets:
            frame = each.with_metrics()
            frame["clearly"] = 0
            if each.measures and each.sound(each.measures[0]).sum() > 1:
                found = rankings.reversals(
                    self.responses,
                    each.scores[each.measures[0]],
                    benchmark=each.benchmark,
                    metrics=list(rankings.METRICS),
                    draws=self.draws,
                    seed=self.seed,
                )
                clear = found.counts().set_index("metric")["clear"]
                frame["clearly"] = frame["second"].map(clear)
            frames.append(frame)
        return self._stacked(frames)

    def _stacked(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        named = [
            frame.assign(benchmark=each.benchmark)
            for frame, each in zip(frames, self.sets, strict=True)
        ]
        full = [frame for frame in named if len(frame)] or named[:1]
        frame = pd.concat(full, ignore_index=True)
        return frame[["benchmark", *frame.columns.drop("benchmark")]]

    def chart(self) -> Figure | Notice:
        """Kendall's tau of every two measures, one panel a set."""
        return _tau_chart(
            self.agreements(),
            self.rules,
            name="tau-between-measures",
            caption=(
                f"{self.kind.capitalize()} answers: Kendall's tau of the rankings that two "
                "measures of hardness give, with "
            ),
        )

    def metric_chart(self) -> Figure | Notice:
        """Kendall's tau of HAT with target accuracy, ratio and gap, one panel a set."""
        return _tau_chart(
            self.with_metrics(),
            self.rules,
            name="tau-with-metrics",
            caption=(
                f"{self.kind.capitalize()} answers: Kendall's tau of the ranking by HAT with "
                "rankings by target accuracy, by ratio, and by the XLT gap (small gaps first), "
                "with "
            ),
        )

    def summary(self) -> str:
        """On how many sets the ranking holds, in sentences made from the numbers."""
        able = [each for each in self.sets if each.between()["tau"].notna().any()]
        subject = f"The ranking under other measures of hardness, {self.kind}"
        if not able:
            return (
                f"{headline(subject, UNSURE)} No set has {MIN_RANKED} models with scores under "
                "two measures."
            )
        verdicts = [each.verdict() for each in able]
        parts = [f"{self._called(each)}: {each.verdict()}" for each in able]
        n_clear = sum(each.swaps.count(clear=True) for each in able)
        same = sum(each.verdict() == AGREE and each.same_donors() for each in able)
        few = len(self.sets) - len(able)
        verdict = _holds(verdicts)
        if same and same == verdicts.count(AGREE):
            verdict += ", on weak evidence"
        text = (
            f"{headline(subject, verdict)} {'; '.join(parts)}. Clearly reversed: "
            f"{counted(n_clear, 'pair')} of models."
        )
        if same:
            text += (
                f" In {same} of the sets where it holds the measures ask mostly the same models, "
                "which makes agreement weak evidence."
            )
        if few:
            text += f" Too few models or measures to compare: {few} of {len(self.sets)} sets."
        return text

    def metric_summary(self) -> str:
        """Whether HAT ranks as accuracy does, in sentences made from the numbers."""
        table = self.with_metrics()
        table = table[(table["second"] == rankings.METRICS["target_accuracy"])]
        table = table.dropna(subset="tau")
        subject = f"HAT against raw accuracy, {self.kind}"
        if table.empty:
            return (
                f"{headline(subject, UNSURE)} No set has {MIN_RANKED} models with a score "
                "without a flag."
            )
        verdicts = table["verdict"].tolist()
        called = {each.benchmark: self._called(each) for each in self.sets}
        word = {AGREE: "the same ranking", DIFFER: "another ranking", UNSURE: UNSURE}
        parts = [
            f"{called[row['benchmark']]}: {word[row['verdict']]} (tau "
            f"{tau_text(row)}, {int(row['clearly'])} clearly reversed)"
            for row in table.to_dict("records")
        ]
        number = table["verdict"].value_counts()
        verdict = joined(
            [f"{word[v]} in {number[v]}" for v in (AGREE, DIFFER, UNSURE) if v in number]
        )
        verdict += f" of {counted(len(table), 'set')}"
        text = f"{headline(subject, verdict)} {'; '.join(parts)}."
        if AGREE in verdicts:
            text += " Where the two match, HAT adds nothing to the order of the models."
        if DIFFER in verdicts:
            text += " Where they do not, HAT says something that accuracy does not."
        reversed_in = [called[name] for name in table["benchmark"][table["clearly"] > 0]]
        if reversed_in:
            text += (
                " The clear reversals show that the two rankings are not one and the same in "
                f"{joined(reversed_in)}."
            )
        if set(verdicts) == {UNSURE}:
            text += " If the two matched, HAT would add nothing. These data leave that open."
        return text


def alternative_sets(
    responses: Responses,
    *,
    reference: str = "auto",
    draws: int = 300,
    seed: int = 0,
    kind: str = "",
    rules: Thresholds = BOOK,
) -> AlternativeSets:
    """Score every set under every measure of hardness that it allows.

    Parameters are those of `alternatives`; without `kind` it is "real" for the answers of the book
    and "your data" for others.

    Returns
    -------
    AlternativeSets

    Examples
    --------
    >>> from hatlib import load_responses
    >>> found = alternative_sets(load_responses(sets=["mgsm", "copa-dialects"]), draws=50)
    >>> found.lead().benchmark, found.table()["ranked"].tolist()
    ('copa-dialects', [2, 10])
    """
    kind = kind or ("real" if responses.bundled else "your data")
    found = tuple(
        alternatives(
            responses,
            str(benchmark),
            reference=reference,
            draws=draws,
            seed=seed,
            kind=kind,
            rules=rules,
        )
        for benchmark in responses.benchmarks["benchmark"]
    )
    return AlternativeSets(responses, found, kind, draws, seed, rules)


def measure_table() -> pd.DataFrame:
    """What each measure of hardness asks.

    Examples
    --------
    >>> measure_table()["measure"].tolist()[0]
    'self'
    """
    return pd.DataFrame({"measure": list(MEASURES), "question": list(MEASURES.values())})


# Small pieces -------------------------------------------------------------------------------------

_GAP = "xlt_gap"
_SHORT = {"leave-one-out": "l.-o.-o.", "target accuracy": "accuracy"}
_MOSTLY = 0.5  # of the models that two measures ask
_SCORES: Sequence[str] = (
    *("display_name", "measure", "hat", "low", "high", "rank", "support", "flag"),
    "target_accuracy",
)
_AGREEMENTS: Sequence[str] = (
    *("first", "second", "tau", "low", "high", "models", "reliable", "shared_donors", "verdict"),
)


def _together(verdicts: Sequence[str]) -> str:
    if DIFFER in verdicts:
        return DIFFER
    return AGREE if verdicts and set(verdicts) == {AGREE} else UNSURE


def _holds(verdicts: Sequence[str]) -> str:
    words = {AGREE: "it holds", DIFFER: "it hangs on the measure", UNSURE: UNSURE}
    parts = [
        f"{words[verdict]} in {verdicts.count(verdict)}"
        for verdict in (AGREE, DIFFER, UNSURE)
        if verdict in verdicts
    ]
    return f"{joined(parts)} of {counted(len(verdicts), 'set')}"


def tally(verdicts: Sequence[str]) -> str:
    """How many comparisons have each verdict, in words.

    Examples
    --------
    >>> tally([AGREE, UNSURE, AGREE])
    '2 agree and 1 cannot be told'
    """
    words = {AGREE: "agree", DIFFER: "differ", UNSURE: "cannot be told"}
    found = [(verdicts.count(verdict), word) for verdict, word in words.items()]
    return joined([f"{n} {word}" for n, word in found if n])


def _tau_chart(
    table: pd.DataFrame, rules: Thresholds, *, name: str, caption: str
) -> Figure | Notice:
    from hatlib.show import charts

    table = table.dropna(subset="tau")
    first, second = (table[c].astype(str).replace(_SHORT) for c in ("first", "second"))
    table = table.assign(pair=first + " / " + second)
    return charts.intervals(
        table,
        value="tau",
        low="low",
        high="high",
        row="pair",
        color="verdict",
        facet="benchmark",
        zero=rules["tau"],
        sort="table",
        name=name,
        title_x="Kendall's tau",
        caption=(
            f"{caption}{rules['level']:.0%} intervals. Right of the line two rankings agree, left "
            "of it they differ; a bar across it leaves the question open, and so does a spread "
            "of the models that is mostly noise. l.-o.-o.: leave-one-out."
        ),
    )
