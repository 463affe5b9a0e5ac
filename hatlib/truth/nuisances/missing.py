"""Real answers that are missing: where, and what they could change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from hatlib.data.responses import BY_ITEM, Counts, Responses
from hatlib.errors import InputError
from hatlib.metric.reference import adjusted
from hatlib.metric.results import BenchmarkScores
from hatlib.metric.score import score_counts
from hatlib.metric.sufficient import source_rates, target_rates
from hatlib.show.words import capital, counted, headline, joined, markdown_text, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.nuisances.common import UNCLEAR, Floats, Ints, displayed, mean_known
from hatlib.truth.nuisances.remedies import fill_in

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice


def _share(value: float) -> str:
    """A share in percent; one that is not 0 does not become 0."""
    return "less than 1%" if 0 < value < 0.005 else f"{value:.0%}"


NOTHING_MISSING = "nothing is missing"
NO_TARGET = "no target answer is missing"
WHERE_LOW = "more is missing where accuracy is low"
WHERE_HIGH = "more is missing where accuracy is high"
COULD_MATTER = "what is missing could matter"
CANNOT_MATTER = "what is missing cannot matter"

MOST_BOUNDED = 30
"""Models whose bounds are computed, those with most holes first."""

_FEW = 5  # with fewer points nothing is said of a correlation


@dataclass(frozen=True)
class Holes:
    """Which answers of one benchmark are missing, and what they could change.

    Attributes
    ----------
    benchmark, name : str
        The benchmark, and its readable name.
    cells : DataFrame
        One row a model × language: ``model``, ``display_name``, ``language``, ``language_name``,
        ``is_source``; numbers of answers ``planned``, ``there``, missing from every item alike
        (``whole_runs``) and besides that (``scattered``); ``missing``, the share; ``items_gone``,
        the share of the items without any answer.
    patterns : DataFrame
        One row an axis (target languages, models, items): number ``n``, Spearman's ``correlation``
        of the missing share with accuracy, its ``p_value`` and a ``verdict``.
    models : DataFrame
        One row a model with a score: ``hat``, ``low``, ``high``; the ``missing`` share of the
        target answers; ``all_wrong`` and ``all_right``, the score if all that is missing were
        wrong, or right; ``unmatched``, the share of its target answers to promptings that it has
        not answered in the source language; ``flag``.
    reason : str
        Why there are no bounds; empty if there are.
    rules : Thresholds
    """

    benchmark: str
    name: str
    cells: pd.DataFrame
    patterns: pd.DataFrame
    models: pd.DataFrame
    reason: str
    rules: Thresholds

    @property
    def missing(self) -> float:
        """Share of the planned answers that are not there."""
        planned = self.cells["planned"].sum()
        return float(1 - self.cells["there"].sum() / planned) if planned else 0.0

    def table(self) -> pd.DataFrame:
        """One row a model × language with holes, most first."""
        columns = ["display_name", "language_name", "planned", "there", "missing", "items_gone"]
        rows = self.cells[self.cells["missing"] > 0].sort_values(
            ["missing", "display_name"], ascending=[False, True], kind="stable"
        )
        return rows[columns].reset_index(drop=True)

    def chart(self) -> Figure | Notice:
        """Missing share by model and language."""
        from hatlib.show import charts

        frame = self.cells
        if frame["model"].nunique() > MOST_BOUNDED:
            some = frame.groupby("model")["missing"].mean().nlargest(MOST_BOUNDED).index
            frame = frame[frame["model"].isin(some)]
        return charts.heat(
            frame.assign(percent=100 * frame["missing"]),
            x="language",
            y="display_name",
            value="percent",
            format_value=".0f",
            name="nuisances-holes",
            title_x="Language",
            title_y="Model",
            title_value="Missing, %",
            caption=(
                f"{self.name}, real: share of the planned answers that are not there, in percent. "
                "Planned is what the fullest model and language has of an item."
            ),
        )

    def bounds(self) -> pd.DataFrame:
        """One row a model: its score, and the bounds that missing target answers leave."""
        columns = ["display_name", "missing", "hat", "low", "high", "all_wrong", "all_right"]
        return self.models[[*columns, "unmatched", "flag"]].sort_values(
            "hat", ascending=False, ignore_index=True
        )

    def bounds_chart(self) -> Figure | Notice:
        """Every score with its interval and its bounds."""
        from hatlib.show import charts

        frame = self.bounds()
        kinds = {"interval": ("low", "high"), "bounds": ("all_wrong", "all_right")}
        parts = [
            frame.assign(from_=frame[ends[0]], to=frame[ends[1]], shown=kind)
            for kind, ends in kinds.items()
        ]
        return charts.intervals(
            pd.concat(parts, ignore_index=True),
            value="hat",
            low="from_",
            high="to",
            row="display_name",
            color="shown",
            sort=frame["display_name"].tolist(),
            zero=None,
            name="nuisances-bounds",
            title_x="HAT score",
            format_x=".2f",
            caption=(
                f"{self.name}, real: scores as reported, with their intervals over items, and with "
                "the bounds if all missing target answers were wrong, or all right."
            ),
        )

    def verdict(self) -> str:
        """Whether what is missing could move a score by more than the threshold of harm."""
        if self.missing == 0:
            return NOTHING_MISSING
        if self._lost_in_source() == 1:
            return NO_TARGET
        reach = self._reach()
        if not len(reach):
            return UNCLEAR
        return COULD_MATTER if reach.max() > self.rules["harm"] else CANNOT_MATTER

    def _lost_in_source(self) -> float:
        """Share of the missing answers that are missing in the source language."""
        lost = self.cells["whole_runs"] + self.cells["scattered"]
        return float(lost[self.cells["is_source"]].sum() / max(int(lost.sum()), 1))

    def _reach(self) -> pd.Series:
        """How far the bounds lie from each score at most."""
        models = self.models
        sides = pd.concat(
            [models["hat"] - models["all_wrong"], models["all_right"] - models["hat"]], axis=1
        )
        return sides.max(axis=1).dropna()

    def _unmatched(self) -> str:
        """Models whose target answers have no counterpart in the source language."""
        rows = self.models[self.models["unmatched"] > 0]
        if rows.empty:
            return ""
        names = [
            f"{markdown_text(row['display_name'])} {_share(row['unmatched'])}"
            for row in rows.to_dict("records")
        ]
        return (
            " Share of the target answers to promptings that the model has not answered in the "
            f"source language: {joined(names)}."
        )

    def pairs(self) -> tuple[int, int]:
        """Pairs of models, and those whose order no missing answer could change."""
        known = self.models.dropna(subset=["all_wrong", "all_right"])
        low, high = known["all_wrong"].to_numpy(), known["all_right"].to_numpy()
        apart = np.triu((low[:, None] > high) | (high[:, None] < low), 1)
        return len(known) * (len(known) - 1) // 2, int(apart.sum())

    def summary(self) -> str:
        """What is missing, where, and what it could change."""
        cells = self.cells
        subject = f"{self.name}, real"
        if self.missing == 0:
            return (
                f"{headline(subject, NOTHING_MISSING)} Every model has as many answers in every "
                "language as the fullest one."
            )
        lost = int(cells["planned"].sum() - cells["there"].sum())
        whole = int(cells["whole_runs"].sum())
        text = (
            f"{headline(subject, self.verdict())} {capital(_share(self.missing))} of the planned "
            f"answers are not there; of these {_share(whole / lost)} are missing from every item "
            "of a language alike, as when a whole run is missing."
        )
        reach, (pairs, certain) = self._reach(), self.pairs()
        if len(reach):
            who = self.models.iloc[self.models.index.get_loc(reach.idxmax())]
            text += (
                f" The widest bounds are those of {markdown_text(who['display_name'])}: "
                f"{who['all_wrong']:.2f} to {who['all_right']:.2f} around {who['hat']:.2f}."
            )
        if self.reason:
            text += f" There are no bounds: {self.reason}"
        text += "\n\n"
        if pairs:
            text += (
                f" {certain or 'None'} of {counted(pairs, 'pair')} of models "
                f"{'keeps its' if certain <= 1 else 'keep their'} order whatever is missing."
            )
        if whole == lost:
            text += (
                " No item is missing by itself, so these files do not show whether hard items were "
                "lost."
            )
        for row in self.patterns.to_dict("records"):
            if row["verdict"] in (WHERE_LOW, WHERE_HIGH):
                text += (
                    f" Over {row['axis']}, {row['verdict']} (Spearman's correlation "
                    f"{signed(row['correlation'], 2)}, p = {row['p_value']:.3f})."
                )
        unclear = [r["axis"] for r in self.patterns.to_dict("records") if r["verdict"] == UNCLEAR]
        if unclear:
            text += (
                f" Over {joined(unclear)}, it cannot be told whether more is missing where "
                "accuracy is low."
            )
        if source := self._lost_in_source():
            text += (
                f" {capital(_share(source))} of the missing answers are in the source language; "
                "the bounds leave these missing."
            )
        text += self._unmatched()
        return text.replace("\n\n ", "\n\n").strip()


def holes_by_set(responses: Responses) -> pd.DataFrame:
    """One row a benchmark: how much is missing, and whether whole runs are.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.

    Returns
    -------
    DataFrame
        ``benchmark``, ``benchmark_name``; answers ``planned``; the share ``missing``; and the share
        of these in ``whole_runs``.

    Examples
    --------
    >>> from hatlib import load_responses
    >>> rows = holes_by_set(load_responses(sets=["mgsm", "copa-dialects"]))
    >>> rows.set_index("benchmark")["missing"].round(1).to_dict()
    {'mgsm': 0.3, 'copa-dialects': 0.0}
    """
    rows = []
    for benchmark, name in zip(
        responses.benchmarks["benchmark"], responses.benchmarks["name"], strict=True
    ):
        cells = _cells(responses, responses.counts(str(benchmark)))
        planned, there = cells["planned"].sum(), cells["there"].sum()
        lost = planned - there
        rows.append(
            {
                "benchmark": str(benchmark),
                "benchmark_name": str(name),
                "planned": int(planned),
                "missing": float(lost / planned),
                "whole_runs": float(cells["whole_runs"].sum() / lost) if lost else np.nan,
            }
        )
    return pd.DataFrame(rows)


def holes(
    responses: Responses,
    benchmark: str = "",
    *,
    draws: int = 500,
    rules: Thresholds = BOOK,
    seed: int = 0,
) -> Holes:
    """Which answers are missing, where, and within which bounds they leave each score.

    The bounds fill the holes of one model at a time, with wrong and with right answers, and keep
    the reference of the score as reported. Items without an answer in the source language stay
    out, and hardness stays as it is: only target answers are filled in.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which; the one with most holes if not named.
    draws : int
        Redraws of the items for the intervals of the scores.
    rules : Thresholds
        ``harm``, ``clear`` and ``level`` are used.
    seed : int
        Seed of the redraws.

    Returns
    -------
    Holes

    Notes
    -----
    Worst-case bounds: Manski (1990), *Nonparametric bounds on treatment effects*.

    Examples
    --------
    >>> from hatlib import load_responses
    >>> found = holes(load_responses(sets="mgsm"), draws=50)
    >>> bool((found.models["all_wrong"] <= found.models["hat"]).all()), found.verdict()
    (True, 'what is missing could matter')
    """
    if not benchmark:
        every = holes_by_set(responses)
        benchmark = str(every["benchmark"].iloc[int(every["missing"].to_numpy().argmax())])
    counts = responses.counts(benchmark)
    name = responses.benchmarks.set_index("benchmark").loc[benchmark, "name"]
    cells = _cells(responses, counts)
    models, reason = _bounds(responses, counts, draws, rules, seed)
    patterns = _patterns(responses, counts, rules)
    return Holes(benchmark, str(name), cells, patterns, models, reason, rules)


def _planned(responses: Responses, counts: Counts) -> tuple[Ints, Ints]:
    """Answers of an item that the fullest model has: (items,) in the source, targets × items."""
    target = np.broadcast_to(
        counts.target_trials.max(axis=(0, 1)), counts.target_trials.shape[1:]
    ).copy()
    if counts.source_language == BY_ITEM:
        frame = responses.frame[responses.frame["benchmark"] == counts.benchmark]
        own = frame[frame["language"] == frame["source_language"]]
        own = own.drop_duplicates(["language", "item"])
        language = pd.Index(counts.targets).get_indexer(pd.Index(own["language"]))
        item = pd.Index(counts.items).get_indexer(pd.Index(own["item"]))
        target[language[language >= 0], item[language >= 0]] = 0  # nobody asks these as targets
    return counts.source_trials.max(axis=0), target


def _cells(responses: Responses, counts: Counts) -> pd.DataFrame:
    """One row a model × language, the source language first."""
    source, target = _planned(responses, counts)
    planned = np.concatenate([source[None], target])  # languages × items
    there = np.concatenate([counts.source_trials[:, None], counts.target_trials], axis=1)
    lost = np.maximum(planned - there, 0)
    asked = planned > 0
    least = np.where(asked, lost, np.iinfo(np.int64).max).min(axis=2)
    empty = there.sum(axis=2) == 0
    whole = np.where(empty, lost.sum(axis=2), least * asked.sum(axis=1))
    total = np.broadcast_to(planned.sum(axis=1), whole.shape)
    whole = np.where(total > 0, whole, 0)
    languages = ["source" if counts.source_language == BY_ITEM else counts.source_language]
    languages += counts.targets
    frame = pd.DataFrame(
        {
            "model": np.repeat(np.array(counts.models, dtype=object), len(languages)),
            "language": languages * len(counts.models),
            "is_source": ([True] + [False] * len(counts.targets)) * len(counts.models),
            "planned": total.ravel(),
            "there": there.sum(axis=2).ravel(),
            "whole_runs": whole.ravel(),
            "scattered": (lost.sum(axis=2) - whole).ravel(),
            "missing": (lost.sum(axis=2) / np.maximum(total, 1)).ravel(),
            "items_gone": (
                ((there == 0) & asked).sum(axis=2) / np.maximum(asked.sum(axis=1), 1)
            ).ravel(),
        }
    ).astype({"model": "str", "language": "str"})
    spoken = dict(zip(responses.languages["language"], responses.languages["name"], strict=True))
    frame.insert(1, "display_name", frame["model"].map(displayed(responses)).astype(str))
    frame.insert(3, "language_name", [str(spoken.get(code, code)) for code in frame["language"]])
    return frame


def _patterns(responses: Responses, counts: Counts, rules: Thresholds) -> pd.DataFrame:
    """Whether more is missing where accuracy is low: over languages, models and items."""
    _, planned = _planned(responses, counts)
    lost = np.maximum(planned - counts.target_trials, 0)
    by_model = lost.sum(axis=(1, 2)) / max(int(planned.sum()), 1)
    fullest = by_model == by_model.min()
    rates = target_rates(counts)[:, 1:]
    by_language = lost.sum(axis=(0, 2)) / np.maximum(planned.sum(axis=1) * len(lost), 1)
    # Accuracy of the models with fewest holes, or a language would look hard for want of the good.
    spoken = mean_known(mean_known(rates[fullest]).T)
    source = np.where(counts.source_trials > 0, source_rates(counts), np.nan)
    # What is missing besides runs that are missing whole, as those say nothing of single items.
    alike = np.where(planned > 0, lost, np.iinfo(np.int64).max).min(axis=2, keepdims=True)
    nothing = ~counts.target_trials.any(axis=2, keepdims=True)
    single = np.where(nothing | (planned == 0), 0, lost - alike)
    axes = (
        ("target languages", by_language, spoken),
        ("models", by_model, mean_known(source)),
        ("items", single.sum(axis=(0, 1)).astype(float), mean_known(source.T)),
    )
    return pd.DataFrame(
        [{"axis": axis} | _pattern(gone, accuracy, rules["clear"]) for axis, gone, accuracy in axes]
    )


def _pattern(gone: Floats, accuracy: Floats, clear: float) -> dict[str, object]:
    """Spearman's correlation of what is missing with accuracy, and what it says."""
    known = np.isfinite(accuracy)
    x, y = gone[known], accuracy[known]
    row: dict[str, object] = {"n": len(x), "correlation": np.nan, "p_value": np.nan}
    if not (gone > 0).any():
        return row | {"verdict": NOTHING_MISSING}
    if len(x) < _FEW or np.ptp(x) == 0 or np.ptp(y) == 0:
        return row | {"verdict": UNCLEAR}
    found = stats.spearmanr(x, y)
    correlation, p = float(found.statistic), float(found.pvalue)
    word = UNCLEAR if p >= clear else WHERE_LOW if correlation < 0 else WHERE_HIGH
    return row | {"correlation": correlation, "p_value": p, "verdict": word}


_BOUND_COLUMNS = (
    *("model", "display_name", "missing", "hat", "low", "high"),
    *("all_wrong", "all_right", "unmatched", "flag"),
)


def _bounds(
    responses: Responses, counts: Counts, draws: int, rules: Thresholds, seed: int
) -> tuple[pd.DataFrame, str]:
    """Scores with their bounds, or why there are none."""
    empty = pd.DataFrame(columns=list(_BOUND_COLUMNS))
    try:
        scores = score_counts(counts, draws=draws, level=rules["level"], rng=seed)
    except InputError as error:
        return empty, str(error.problems[0])
    scored = np.flatnonzero(np.isfinite(scores.hat[:, 0]))
    if not len(scored):
        flags = sorted({str(flag) for flag in scores.flags[:, 0] if flag})
        return empty, f"no model has a score ({joined(flags)})."
    _, planned = _planned(responses, counts)
    lost = np.maximum(planned - counts.target_trials, 0).sum(axis=(1, 2))
    share = lost / max(int(planned.sum()), 1)
    first = scored[np.argsort(-lost[scored], kind="stable")][:MOST_BOUNDED]
    ends = np.stack([scores.hat[:, 0]] * 2)
    for m in first[lost[first] > 0]:
        for right in (False, True):
            ends[int(right), m] = _score_filled(counts, scores, int(m), planned, right)
    left_out = np.setdiff1d(scored, first)
    ends[:, left_out[lost[left_out] > 0]] = np.nan
    shown, unmatched = displayed(responses), _unmatched(responses, counts.benchmark)
    frame = pd.DataFrame(
        {
            "model": [counts.models[m] for m in scored],
            "display_name": [shown.get(counts.models[m], counts.models[m]) for m in scored],
            "missing": share[scored],
            "hat": scores.hat[scored, 0],
            "low": scores.low[scored, 0],
            "high": scores.high[scored, 0],
            "all_wrong": ends[0, scored],
            "all_right": ends[1, scored],
            "unmatched": [unmatched.get(counts.models[m], 0.0) for m in scored],
            "flag": [str(flag) for flag in scores.flags[scored, 0]],
        }
    )
    return frame.astype({"model": "str", "display_name": "str", "flag": "str"}), ""


def _unmatched(responses: Responses, benchmark: str) -> dict[str, float]:
    """Share of a model's target answers to promptings that it has not in the source language."""
    frame = responses.frame[responses.frame["benchmark"] == benchmark]
    is_source = frame["language"] == frame["source_language"]
    pairs = pd.MultiIndex.from_frame(frame[["model", "prompting"]])
    target = frame[~is_source]
    without_source = ~pairs[~is_source].isin(pairs[is_source].unique())
    answers = target.groupby("model")["n_trials"].sum()
    alone = target[without_source].groupby("model")["n_trials"].sum()
    share = alone.reindex(answers.index, fill_value=0) / answers
    return {str(model): float(value) for model, value in share.items()}


def _score_filled(
    counts: Counts, scores: BenchmarkScores, model: int, planned: Ints, right: bool
) -> float:
    """The macro score of one model with its holes filled, at the reference as reported."""
    filled = score_counts(
        fill_in(counts, model, planned, right),
        hardness=scores.hardness.method,
        profile=scores.profile,
        reference="uniform",
        draws=0,
    )
    mean = filled.curves[model, 0] @ scores.weight
    return float(adjusted(mean, scores.weight, scores.hardness.grid, counts.chance))
