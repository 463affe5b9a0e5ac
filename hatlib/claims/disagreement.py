"""Which measure of hardness finds the transfer that was built in, and which fails where?

Answers are simulated: once as the item-response model behind pooled hardness says, and once with
lineages of models that disagree about which items are hard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hatlib.claims import rankings
from hatlib.claims.agreement import UNSURE, rank_agreement, two_digits
from hatlib.claims.alternatives import MEASURES, Alternatives, AlternativeSets
from hatlib.claims.swaps import OWN, follows, shared_hardness
from hatlib.data.responses import Responses
from hatlib.data.tables import describe_models
from hatlib.errors import InputError, Problem
from hatlib.lines.distance import seed_of
from hatlib.metric.score import hat_scores
from hatlib.metric.sufficient import MACRO
from hatlib.show.words import counted, headline, joined, markdown_text
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.answers import Simulated, simulate_answers

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

_ABILITIES = (-1.0, 0.0, 1.0)
_RAW = rankings.METRICS["target_accuracy"]


@dataclass(frozen=True)
class TruthByMeasure:
    """Which measure of hardness finds the transfer that was built in.

    Attributes
    ----------
    found : Alternatives
        Scores of simulated answers, with the uniform reference, for which the truth is stated.
    truth : ndarray, shape (n_models,)
    """

    found: Alternatives
    truth: Floats

    def table(self) -> pd.DataFrame:
        """One row a measure, and one for target accuracy: error, and tau with the truth.

        Returns
        -------
        DataFrame
            ``measure``, ``models`` (unflagged under all), ``bias``, ``rms_error``, ``held``
            (share of intervals that hold the truth), ``tau`` with ``low`` and ``high``.
        """
        f, fine = self.found, self.found.sound()
        rows = []
        for measure in f.measures:
            b = f.under(measure)
            error = (b.hat[:, 0] - self.truth)[fine]
            held = ((b.low[:, 0] <= self.truth) & (self.truth <= b.high[:, 0]))[fine]
            rows.append(
                {
                    "measure": measure,
                    "models": int(fine.sum()),
                    "bias": _mean(error),
                    "rms_error": np.sqrt(_mean(error**2)),
                    "held": _mean(held),
                }
                | self._tau(*f.redrawn(measure), fine)
            )
        if rows:
            metric = "target_accuracy"
            values = f.under(f.measures[0]).metrics[metric][:, 0]
            rows.append(
                {"measure": _RAW, "models": int(fine.sum())}
                | self._tau(values, f.metrics[metric], fine)
            )
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def _tau(self, values: Floats, draws: Floats, fine: NDArray[np.bool_]) -> dict[str, float]:
        level = self.found.rules["level"]
        still = np.tile(self.truth[fine], (len(draws), 1))
        found = rank_agreement(values[fine], self.truth[fine], draws[:, fine], still, level=level)
        return {"tau": found.tau, "low": found.low, "high": found.high}

    def chart(self) -> Figure | Notice:
        """Kendall's tau with the truth, by measure."""
        from hatlib.show import charts

        return charts.intervals(
            self.table(),
            value="tau",
            low="low",
            high="high",
            row="measure",
            sort="table",
            zero=1.0,
            name="tau-with-truth",
            title_x="Kendall's tau with the truth",
            title_row="Ranking by",
            caption=(
                f"{self.found.title}: how well each ranking agrees with the transfer that was "
                "built in. At the line every pair of models is in the true order. Bars are "
                "intervals from redrawn items."
            ),
        )

    def summary(self) -> str:
        """Which measure is closest to the truth, in sentences made from the numbers."""
        table = self.table()
        scored = table.dropna(subset="rms_error").sort_values("rms_error", kind="stable")
        if scored.empty:
            return f"{headline('Simulated, with known truth', UNSURE)} No model has a score."
        best, *_, worst = scored.to_dict("records") * 2
        close = scored["rms_error"] <= self.found.rules["rms_error"]
        verdict = (
            "every measure finds it"
            if close.all()
            else f"{int(close.sum())} of {len(scored)} measures find it"
        )
        text = (
            f"{headline('Simulated, with known truth', verdict)} The root mean square error is "
            f"smallest with hardness {best['measure']} ({best['rms_error']:.3f}) and largest with "
            f"{worst['measure']} ({worst['rms_error']:.3f}); up to "
            f"{self.found.rules['rms_error']:g} counts as found."
        )
        ranked = table.dropna(subset="tau").set_index("measure")
        if len(ranked) > 1:
            hats = ranked.drop(index=_RAW)["tau"]
            raw = ranked["tau"][_RAW]
            text += (
                f" Kendall's tau with the true ranking is at least {two_digits(hats.min())} for "
                f"HAT, and {two_digits(raw)} for target accuracy."
            )
        return text


def truth_by_measure(found: Alternatives, simulated: Simulated) -> TruthByMeasure:
    """Put scores under every measure of hardness beside the truth.

    Parameters
    ----------
    found : Alternatives
        Scores of the simulated answers, with the uniform reference, for which the truth is stated.
    simulated : Simulated
        Has the truth.

    Returns
    -------
    TruthByMeasure

    Examples
    --------
    >>> from hatlib.claims.alternatives import alternatives
    >>> simulated = disagreeing_lineages(0.0, n_items=100)
    >>> found = alternatives(simulated.responses, "sim", reference="uniform", draws=50)
    >>> truth_by_measure(found, simulated).table()["measure"].tolist()[:2]
    ['self', 'pooled']
    """
    truth = simulated.truth
    mine = (truth["benchmark"] == found.benchmark) & (truth["target"] == MACRO)
    hats = truth[mine].set_index("model")["hat"].loc[list(found.counts.models)]
    return TruthByMeasure(found, hats.to_numpy(float))


def disagreeing_lineages(
    share: float,
    *,
    lineages: Sequence[str] = ("Alder", "Birch", "Cedar", "Larch"),
    n_items: int = 300,
    n_trials: int = 10,
    seed: int = 0,
) -> Simulated:
    """Simulate lineages that disagree about which items are hard.

    Each lineage has three models of different ability.  The difficulty of an item is the sum of a
    part that all lineages share and a part of the lineage's own; its spread is the same for all.
    A model of lineage and item alone (Rasch) is then false.  The true scores are spread without
    regard to ability and lineage.

    Parameters
    ----------
    share : float
        Share of the variance of difficulty that is a lineage's own, 0 to 1.
    lineages : sequence of str
        Names.
    n_items, n_trials, seed : int
        Items, answers to each, and the seed.

    Returns
    -------
    Simulated
        The benchmark is called ``sim``.

    Examples
    --------
    >>> simulated = disagreeing_lineages(0.5, n_items=50)
    >>> simulated.responses.counts("sim").lineages[:4]
    ('Alder', 'Alder', 'Alder', 'Birch')
    """
    if not 0 <= share <= 1:
        raise InputError(Problem("share is not from 0 to 1.", "Use 0.5.", value=str(share)))
    rng = np.random.default_rng([seed, round(share * 1000)])
    common, *own = rng.normal(0, 1.5, (1 + len(lineages), n_items))
    n = len(_ABILITIES)
    slopes = 0.5 + 0.4 * (np.arange(n * len(lineages)) * (np.sqrt(5) - 1) / 2 % 1)
    parts = []
    for place, lineage in enumerate(lineages):
        difficulty = np.sqrt(1 - share) * common + np.sqrt(share) * own[place]
        names = [f"{lineage} {m + 1}" for m in range(n)]
        models = pd.DataFrame({"model": names, "display_name": names, "lineage": lineage})
        parts.append(
            simulate_answers(
                _ABILITIES,
                profiles=[partial(_line, slope) for slope in slopes[place * n : (place + 1) * n]],
                n_items=n_items,
                n_trials=n_trials,
                targets=["de"],
                difficulty=partial(_as_given, difficulty),
                models=models,
                rng=rng,
            )
        )
    models = pd.concat([part.models for part in parts], ignore_index=True)
    first = parts[0].responses
    about = describe_models(models[["model"]], models, [], [], [])
    return Simulated(
        responses=Responses(
            frame=pd.concat([part.responses.frame for part in parts], ignore_index=True),
            benchmarks=first.benchmarks,
            models=about,
            languages=first.languages,
            report=first.report,
        ),
        models=models,
        truth=pd.concat([part.truth for part in parts], ignore_index=True),
        curves={"sim": np.concatenate([part.curves["sim"] for part in parts])},
    )


@dataclass(frozen=True)
class Disagreement:
    """Error of each measure of hardness, the more lineages disagree about which items are hard.

    Attributes
    ----------
    frame : DataFrame
        One row a share, replication and measure: ``share``, ``replication``, ``measure``,
        ``rms_error``; ``with_accuracy``, correlation over models of the error with source
        accuracy; ``tau`` of the score with the truth, and ``accuracy_tau`` of target accuracy;
        ``shared``, how far models find the same items hard (`hatlib.claims.swaps.shared_hardness`).
    rules : Thresholds
    """

    frame: pd.DataFrame
    rules: Thresholds = BOOK

    def table(self) -> pd.DataFrame:
        """Means over the replications, one row a share and measure."""
        columns = ["shared", "rms_error", "with_accuracy", "tau", "accuracy_tau"]
        return self.frame.groupby(["share", "measure"], sort=False, as_index=False)[columns].mean()

    def chart(self) -> Figure | Notice:
        """Error of each measure against the share of difficulty that lineages do not share."""
        from hatlib.show import charts

        return charts.curves(
            self.table(),
            x="share",
            y="rms_error",
            series="measure",
            zero=self.rules["rms_error"],
            name="lineages-disagree",
            title_x="Share of difficulty that is a lineage's own",
            title_y="Root mean square error of HAT",
            caption=(
                "Simulated answers: error of HAT under each measure of hardness. On the left all "
                "models find the same items hard; to the right lineages disagree. Below the line "
                "the truth counts as found. K = 1: one answer an item."
            ),
        )

    def compared(self) -> pd.DataFrame:
        """Each measure against self at the largest share, replication by replication.

        Returns
        -------
        DataFrame
            ``measure``, ``share``, ``error``, ``self_error`` (means), ``more`` (error more than
            self) with ``low`` and ``high`` over replications, ``verdict``: "worse", "better" or
            "cannot tell".
        """
        most = self.frame["share"].max()
        wide = self.frame[self.frame["share"] == most].pivot_table(
            index="replication", columns="measure", values="rms_error", sort=False
        )
        rows = []
        for measure in wide.columns.drop("self"):
            more = (wide[measure] - wide["self"]).to_numpy(float)
            n = len(more)
            se = more.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
            reach = stats.t.ppf((1 + self.rules["level"]) / 2, max(n - 1, 1)) * se
            low, high = more.mean() - reach, more.mean() + reach
            rows.append(
                {
                    "measure": measure,
                    "share": most,
                    "error": wide[measure].mean(),
                    "self_error": wide["self"].mean(),
                    "more": more.mean(),
                    "low": low,
                    "high": high,
                    "verdict": "worse" if low > 0 else "better" if high < 0 else UNSURE,
                }
            )
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Which measures fail if lineages disagree, in sentences made from the numbers."""
        rows = self.compared().to_dict("records")
        several = [row for row in rows if row["measure"] != ONE_ANSWER]
        worse = [row["measure"] for row in several if row["verdict"] == "worse"]
        verdict = "no measure clearly worse than self"
        if worse:
            verdict = f"{joined(worse)} {'does' if len(worse) == 1 else 'do'} worse than self"
        table = self.table()
        least, most = float(table["share"].min()), float(table["share"].max())
        alike, apart = (table[table["share"] == s].set_index("measure") for s in (least, most))
        before, after = alike["rms_error"], apart["rms_error"]
        parts = [f"{row['error']:.3f} with {row['measure']} ({row['verdict']})" for row in several]
        same = [f"{before[row['measure']]:.3f} with {row['measure']}" for row in several]
        text = (
            f"{headline('Simulated lineages that disagree', verdict)} With {most:.0%} of the "
            f"difficulty a lineage's own, the error is {after['self']:.3f} with hardness self, "
            f"{joined(parts)}. With {least:.0%} it is {before['self']:.3f} with self, "
            f"{joined(same)}."
        )
        last = str(after.drop(ONE_ANSWER, errors="ignore").idxmax())
        if last in worse:
            text += (
                f" At its worst the error with {last} goes with source accuracy "
                f"(correlation {two_digits(apart['with_accuracy'][last])})."
            )
        if ONE_ANSWER in after:
            text += (
                f" Pooled hardness from one answer an item is off by {before[ONE_ANSWER]:.3f} "
                f"and {after[ONE_ANSWER]:.3f}."
            )
        return (
            f"{text} Transfer has nothing to do with ability here. With {least:.0%}, "
            f"Kendall's tau with the true ranking is {two_digits(alike['tau']['self'])} for HAT "
            f"(self) and {two_digits(alike['accuracy_tau']['self'])} for target accuracy."
        )


@dataclass(frozen=True)
class Placed:
    """Where sets of answers lie on the scale of lineages that disagree.

    Attributes
    ----------
    frame : DataFrame
        One row a set with several answers an item of at least five models: ``benchmark``,
        ``benchmark_name``, ``models`` (unflagged, with a known correlation), ``shared`` (median
        correlation with the others), ``share`` of difficulty that simulated lineages have of
        their own at that correlation, and the ``error`` that hardness from other lineages has
        there.
    kind : str
        "real" or "your data".
    """

    frame: pd.DataFrame
    kind: str

    def table(self) -> pd.DataFrame:
        """One row a set."""
        return self.frame.copy()

    def summary(self) -> str:
        """Where the sets lie, in sentences made from the numbers."""
        subject = f"Do models find the same items hard, {self.kind}"
        if self.frame.empty:
            return (
                f"{headline(subject, UNSURE)} No set has several answers an item from five models "
                "with scores."
            )
        low = self.frame["shared"].min()
        verdict = "not quite" if low < OWN else "yes"
        parts = [
            f"{markdown_text(row['benchmark_name'])}: {two_digits(row['shared'])} over "
            f"{counted(int(row['models']), 'model')}, as with {row['share']:.0%} of difficulty a "
            f"lineage's own, where hardness other-lineages is off by {row['error']:.3f}"
            for row in self.frame.to_dict("records")
        ]
        return (
            f"{headline(subject, verdict)} Median correlation of a model with all others, where "
            f"1 is full agreement: {'; '.join(parts)}. The comparison with simulated lineages is "
            "rough, as their number and size differ."
        )


def place(sets: AlternativeSets, study: Disagreement) -> Placed:
    """Find the simulated disagreement that looks like that of each set.

    Parameters
    ----------
    sets : AlternativeSets
        Sets of answers.
    study : Disagreement
        From `disagreement_study`.

    Returns
    -------
    Placed

    Examples
    --------
    >>> from hatlib.claims.alternatives import alternative_sets
    >>> study = disagreement_study([0.0, 0.9], replications=1, n_items=150)
    >>> alike = disagreeing_lineages(0.0, n_items=150, seed=1).responses
    >>> place(alternative_sets(alike, draws=20), study).table()["share"].round(1).tolist()
    [0.0]
    """
    table = study.table()
    scale = table[table["measure"] == "other-lineages"].sort_values("shared")
    rows = []
    for each in sets.sets:
        fit = follows(each)
        if fit.empty or not each.measures:
            continue
        known = fit["shared"][each.sound(each.measures[0])].dropna()
        if known.empty:
            continue
        shared = float(known.median())
        share, error = (
            float(np.interp(shared, scale["shared"], scale[column]))
            for column in ("share", "rms_error")
        )
        rows.append((each.benchmark, each.benchmark_name, len(known), shared, share, error))
    return Placed(pd.DataFrame(rows, columns=list(_PLACED)), sets.kind)


ONE_ANSWER = "K = 1, pooled"
"""Pooled hardness where each item was answered once."""


def disagreement_study(
    shares: Sequence[float] = (0.0, 0.4, 0.8),
    *,
    replications: int = 4,
    n_items: int = 250,
    n_trials: int = 10,
    seed: int = 0,
    rules: Thresholds = BOOK,
) -> Disagreement:
    """Score lineages that disagree about which items are hard, under every measure.

    Pooled hardness is also tried with one answer an item, where nothing but other models can tell
    how hard an item is.

    Parameters
    ----------
    shares : sequence of float
        Shares of the variance of difficulty that is a lineage's own, see `disagreeing_lineages`.
    replications : int
        Simulations for each share.
    n_items, n_trials, seed : int
        Items, answers to each, and the seed.
    rules : Thresholds
        For the verdicts.

    Returns
    -------
    Disagreement

    Examples
    --------
    >>> study = disagreement_study([0.0, 0.8], replications=3, n_items=200)
    >>> study.compared().set_index("measure").loc["other-lineages", "verdict"]
    'worse'
    """
    tried = {measure: (measure, n_trials) for measure in list(MEASURES)[:-1]}
    tried[ONE_ANSWER] = ("pooled", 1)
    rows = []
    for share in shares:
        for replication in range(replications):
            parts = {
                n: disagreeing_lineages(
                    share, n_items=n_items, n_trials=n, seed=seed_of(seed, replication)
                )
                for n in {n_trials, 1}
            }
            several = parts[n_trials].responses.counts("sim")
            shared = float(shared_hardness(several)["shared"].mean())
            for name, (measure, n) in tried.items():
                row = {"share": share, "replication": replication, "measure": name}
                rows.append(row | {"shared": shared} | _errors(parts[n], measure))
    return Disagreement(pd.DataFrame(rows), rules)


def _errors(simulated: Simulated, measure: str) -> dict[str, float]:
    """How far scores of simulated answers are from the truth."""
    scores = hat_scores(simulated.responses, hardness=measure, reference="uniform", draws=0)
    b = scores.benchmark()
    truth = simulated.truth[simulated.truth["target"] == MACRO].set_index("model")["hat"]
    true = truth.loc[list(b.models)].to_numpy(float)
    fine = np.isfinite(b.hat[:, 0])
    hat, true = b.hat[fine, 0], true[fine]
    source, target = (b.metrics[name][fine, 0] for name in ("source_accuracy", "target_accuracy"))
    return {
        "rms_error": float(np.sqrt(((hat - true) ** 2).mean())),
        "with_accuracy": float(np.corrcoef(hat - true, source)[0, 1]),
        "tau": float(stats.kendalltau(hat, true).statistic),
        "accuracy_tau": float(stats.kendalltau(target, true).statistic),
    }


def _line(slope: float, u: Floats) -> Floats:
    return slope * u


def _as_given(difficulty: Floats, u: Floats) -> Floats:
    """Difficulties that are set beforehand, in place of quantiles of a distribution."""
    return difficulty


def _mean(values: ArrayLike) -> float:
    values = np.asarray(values, dtype=float)
    return float(values.mean()) if len(values) else float("nan")


_PLACED: Sequence[str] = (*("benchmark", "benchmark_name", "models", "shared", "share", "error"),)
_COLUMNS: Sequence[str] = (
    *("measure", "models", "bias", "rms_error", "held", "tau", "low", "high"),
)
