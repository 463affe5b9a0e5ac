"""What transfer gains with size, time and thinking: by the HAT score, and by raw metrics.

Four questions, one estimate: the least-squares slope of the score on what differs (doublings of
size, years, more thinking, being small) among models that are alike in the rest (a *group*: a size
ladder, the releases of a lineage, one model with itself).  Groups keep a level of their own, so
that no difference between them enters.  The slopes of the traditional metrics stand beside it.

Uncertainty comes in two kinds, and each interval says which it is.  *For these models*: the redraws
of the items behind the scores.  *For models in general*: these crossed with redraws of lineages,
given only where there are at least `hatlib.resample.FEW_CLUSTERS` of them.

Scores that are flagged (extrapolated or withheld) do not enter; they are counted and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hatlib import resample
from hatlib.claims.ladders import SIZES, WORDS
from hatlib.claims.small import THRESHOLD
from hatlib.data.schema import REASONING
from hatlib.errors import InputError, Problem, listing
from hatlib.lines import distance
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import hat_scores
from hatlib.metric.sufficient import MACRO
from hatlib.show.words import counted, headline, joined, markdown_text, moves, signed
from hatlib.thresholds import BOOK
from hatlib.truth.design import Scenario, paper_design

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]
Places = NDArray[np.signedinteger]

#: The measures, HAT first, as they are called in charts.
MEASURES = {
    "hat": "HAT score",
    "source_accuracy": "Source accuracy",
    "target_accuracy": "Target accuracy",
    "xlt_gap": "XLT gap",
    "ratio": "Ratio",
}

#: A mean HAT score of small models this far below that of larger ones counts as broken transfer.
BROKEN = BOOK["broken"]

THESE = "these models"
GENERAL = "models in general"

_VISIBLE = 0.005  # a change of the gap that a reader would see
_LEAST_SPREAD = 1e-9  # of what differs, in a group that can tell anything


# The estimate -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contrast:
    """A least-squares slope within groups, as weights of the values that it is the slope of.

    Attributes
    ----------
    slopes : ndarray, shape (groups, n)
        Times values, the slope of each group.
    spread : ndarray, shape (groups,)
        How much each group counts: the sum of squares of what differs.
    groups : tuple of str
        The groups that can tell anything.
    """

    slopes: Floats
    spread: Floats
    groups: tuple[str, ...]

    @property
    def common(self) -> Floats:
        """Times values, the slope that all groups have in common; shape (n,)."""
        return self.spread @ self.slopes / self.spread.sum()


def within_groups(x: ArrayLike, groups: Sequence[str], held: ArrayLike | None = None) -> Contrast:
    """The least-squares slope on `x`, with a level for each group and `held` held fixed.

    Parameters
    ----------
    x : array_like, shape (n,)
        What differs.
    groups : sequence of str, length n
        What is alike.
    held : array_like, shape (n,), optional
        What else is held fixed.

    Returns
    -------
    Contrast

    Examples
    --------
    >>> contrast = within_groups([0, 1, 0, 2], ["a", "a", "b", "b"])
    >>> round(float(contrast.common @ np.array([0.5, 0.6, 0.1, 0.3])), 3)
    0.1
    """
    labels = np.asarray(groups, dtype=object)
    first = _centred(np.asarray(x, dtype=float), labels)
    if held is not None:
        other = _centred(np.asarray(held, dtype=float), labels)
        if other @ other > _LEAST_SPREAD:
            first = first - other * (other @ first) / (other @ other)
    names = [str(name) for name in dict.fromkeys(labels.tolist())]
    members = np.array([labels == name for name in names]).reshape(len(names), len(first))
    spread = members @ first**2
    tells = spread > _LEAST_SPREAD
    return Contrast(
        members[tells] * first / spread[tells, None],
        spread[tells],
        tuple(name for name, yes in zip(names, tells, strict=True) if yes),
    )


def _centred(values: Floats, labels: NDArray[np.object_]) -> Floats:
    """Values minus the mean of their group."""
    series = pd.Series(values)
    return (series - series.groupby(labels).transform("mean")).to_numpy(float)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, and for whom the interval speaks.

    Attributes
    ----------
    value, low, high, p_value : float
        The number, its interval, and the two-sided p-value that it is 0.
    about : str
        Whether the interval is for these models or for models in general.
    se, freedom : float
        Standard error, and the degrees of freedom of Student's t behind the interval.
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    p_value: float = np.nan
    about: str = ""
    se: float = np.nan
    freedom: float = np.nan


def _for_these(
    weights: Floats, b: BenchmarkScores, at: Places, level: float, measure: str = "hat"
) -> Estimate:
    """A weighted sum of a measure of the models, with the interval of redrawn items."""
    values, draws = _measured(b, at, measure)
    value = float(weights @ values)
    if draws is None:
        return Estimate(value)
    se = float(np.std(draws @ weights, ddof=1))
    # Student's t, with the degrees of freedom of the parts (Welch and Satterthwaite).
    parts = (weights * b.se[at, 0]) ** 2
    freedom = np.maximum(b.effective_items[at, 0], 11) - 1
    total = float((parts**2 / freedom).sum())
    degrees = float(parts.sum()) ** 2 / total if total > 0 else np.inf
    reach = float(stats.t.ppf((1 + level) / 2, degrees)) * se
    p = float(2 * stats.t.sf(abs(value) / se, degrees)) if se > 0 else np.nan
    return Estimate(value, value - reach, value + reach, p, THESE, se, degrees)


def _measured(b: BenchmarkScores, at: Places, measure: str) -> tuple[Floats, Floats | None]:
    """A measure of some models, and of their redraws if there are any.

    ``lag`` is target accuracy above chance, rescaled as HAT is, minus HAT: how much more a change
    of target accuracy says than one of transfer.
    """
    if measure == "hat":
        return b.hat[at, 0], None if b.draws is None else b.draws[:, at, 0]
    above = (b.metrics["target_accuracy"][at, 0] - b.chance) / (1 - b.chance)
    if b.draws is None or b.metric_draws is None:
        return above - b.hat[at, 0], None
    redrawn = (b.metric_draws["target_accuracy"][:, at] - b.chance) / (1 - b.chance)
    return above - b.hat[at, 0], redrawn - b.draws[:, at, 0]


def _estimate(
    contrast: Contrast,
    b: BenchmarkScores,
    at: Places,
    lineages: Sequence[str],
    level: float,
    rng: np.random.Generator,
    measure: str = "hat",
) -> Estimate:
    """The slope of a measure: for models in general if there are enough lineages."""
    values, draws = _measured(b, at, measure)
    few = len(set(lineages)) < resample.FEW_CLUSTERS
    if few or draws is None:
        return _for_these(contrast.common, b, at, level, measure)
    mean = distance.pooled(
        contrast.slopes @ values,
        draws @ contrast.slopes.T,
        resample.weights(rng, lineages, len(draws)),
        lineages,
        contrast.spread,
    )
    freedom = mean.n_lineages - 1
    se = (mean.high - mean.low) / 2 / float(stats.t.ppf(0.975, freedom))
    return Estimate(mean.estimate, mean.low, mean.high, mean.p_value, GENERAL, se, freedom)


# The result -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What is asked, in words.

    Attributes
    ----------
    name : str
        Slug of the charts.
    asks : str
        What the data cannot show if they do not answer.
    unit : str
        What a gain is a gain for.
    member, group, groups : str
        What is compared, and within what: one and several.
    yes, no : str
        Verdicts for a clear gain and a clear loss.
    needs : str
        What to add to data that cannot answer.
    margin : float
        A shortfall that is larger than this is called broken; 0 where that is not asked.
    """

    name: str
    asks: str
    unit: str
    member: str
    group: str
    groups: str
    yes: str
    no: str
    needs: str
    margin: float = 0.0

    @property
    def loss(self) -> str:
        """A change below 0, in words."""
        return "the shortfall" if self.margin else "the loss"

    def change(self, value: float) -> str:
        """How far a measure moves, or how far small models differ from larger ones."""
        if not self.margin:
            return moves(value)
        return f"is {'higher' if value > 0 else 'lower'} by {abs(value):.3f}"

    def verdict(self, gain: Estimate) -> str:
        """The answer in few words."""
        if not self.margin:
            return distance.verdict(gain.value, gain.p_value, self.yes, self.no)
        if gain.high < -self.margin:
            return self.yes
        if gain.low > -self.margin:
            lower = distance.verdict(gain.value, gain.p_value, "", "lower")
            return f"{self.no}, but lower than in larger ones" if lower == "lower" else self.no
        return "cannot tell"


@dataclass(frozen=True)
class Gains:
    """What the HAT score and the traditional metrics gain, benchmark by benchmark.

    Attributes
    ----------
    question : Question
        What is asked.
    models : DataFrame
        One row a benchmark × model; see `table_of_models`.
    sets : DataFrame
        One row a benchmark; see `table`.
    level : float
        Nominal coverage of the intervals.
    simulated : bool
        Whether the models are simulated.
    estimates : mapping of str to mapping
        By benchmark that can answer: the change of ``hat`` and of ``lag``, target accuracy (above
        chance, rescaled as HAT is) minus HAT.
    """

    question: Question
    models: pd.DataFrame
    sets: pd.DataFrame
    level: float = resample.LEVEL
    simulated: bool = False
    estimates: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """One row a benchmark: the gain in HAT and in each traditional metric, or a reason.

        ``n_models``, ``n_groups`` and ``n_lineages`` that enter, ``n_flagged`` models that do not
        because their score is weak or missing; ``hat_gain`` with ``low``, ``high``, ``p_value`` and
        ``q_value``; ``interval_for``, the models that the interval speaks of; ``source_gain``,
        ``target_gain``, ``gap_gain`` and ``ratio_gain``; ``true_gain`` if the truth is known;
        ``n_above``, models above perfect transfer with their whole interval; ``span``, the
        largest difference within a group; ``verdict`` and ``reason``.
        """
        return self.sets.copy()

    def table_of_models(self, benchmark: str = "") -> pd.DataFrame:
        """One row a benchmark × model: its group, its score, and why it does not enter, if so."""
        columns = ["benchmark_name", "display_name", "group", "hat", "low", "high", "left_out"]
        columns += ["source_accuracy", "target_accuracy", "xlt_gap", "ratio", "support"]
        chosen = self.models
        if benchmark:
            chosen = chosen[chosen["benchmark"] == benchmark]
        return chosen[columns].reset_index(drop=True)

    def chart(self, benchmark: str = "") -> Figure | Notice:
        """Target accuracy, XLT gap and HAT of the models that enter, on one benchmark."""
        from hatlib.show import charts

        name = benchmark or self.lead
        frame = self.models[(self.models["benchmark"] == name) & self.models["used"]]
        if frame.empty:
            return charts.Notice(self._nothing)
        return _DRAWN[self.question.name](self, frame)

    def chart_of_gains(self) -> Figure | Notice:
        """The gain in every measure on every benchmark that can answer."""
        from hatlib.show import charts

        known = self.sets[self.sets["hat_gain"].notna()]
        if known.empty:
            return charts.Notice(self._nothing)
        parts = [
            known.assign(measure="HAT score", kind="adjusted", gain=known["hat_gain"]),
            *(
                known.assign(
                    measure=MEASURES[measure], kind="raw", gain=known[gain], low=np.nan, high=np.nan
                )
                for measure, gain in _GAINS.items()
                if measure != "hat"
            ),
        ]
        if "true_gain" in known:
            truth = known.assign(measure="HAT, built in", kind="truth", gain=known["true_gain"])
            parts.insert(1, truth.assign(low=np.nan, high=np.nan))
        frame = pd.concat(parts, ignore_index=True)
        return charts.intervals(
            frame,
            value="gain",
            low="low",
            high="high",
            row="measure",
            color="kind",
            facet="benchmark_name",
            sort=list(dict.fromkeys(frame["measure"])),
            name=f"{self._slug}-gains",
            title_x=f"Change {self.question.unit}",
            caption=(
                f"{self._whose}: change of each measure {self.question.unit}, within "
                f"{self.question.groups}. A larger XLT gap is worse. Only HAT has a bar, its "
                f"{self.level:.0%} interval{_for_whom(known)}."
            ),
        )

    def summary(self, benchmark: str = "") -> str:
        """The answer in words: of one benchmark, or of all that can answer and why others cannot.

        Raises
        ------
        InputError
            If there is no such benchmark.
        """
        if self.sets.empty:
            return f"These data cannot show {self.question.asks}. No answers item by item are here."
        if benchmark:
            rows = self.sets[self.sets["benchmark"] == benchmark]
            if rows.empty:
                there = listing(self.sets["benchmark"], 20)
                raise InputError(
                    Problem("no such benchmark was scored.", f"There are: {there}.", "", None, "",
                            benchmark)
                )  # fmt: skip
            row = rows.iloc[0]
            if np.isfinite(row["hat_gain"]):
                return self._sentence(row)
            name = markdown_text(row["benchmark_name"])
            return f"**{name}** cannot answer this. {row['reason']}"
        known = self.sets[self.sets["hat_gain"].notna()]
        parts = [self._sentence(row) for _, row in known.iterrows()]
        parts.append(self._silent())
        if known.empty:
            parts.insert(0, f"**These data cannot show {self.question.asks}.**")
            parts.append(self.question.needs)
        return "\n\n".join(filter(None, parts))

    @property
    def lead(self) -> str:
        """The benchmark that most models enter, none above perfect transfer if possible."""
        known = self.sets[self.sets["hat_gain"].notna()]
        if known.empty:
            return ""
        ranked = known.assign(doubtful=known["n_above"] > 0).sort_values(
            ["doubtful", "n_models"], ascending=[True, False], kind="stable"
        )
        return str(ranked["benchmark"].iloc[0])

    @property
    def _nothing(self) -> str:
        """What stands in place of a chart; `summary` says why."""
        if self.sets.empty:
            return "Nothing to draw: there are no answers item by item."
        return f"Nothing to draw: these data cannot show {self.question.asks}."

    @property
    def _whose(self) -> str:
        return "Simulated models" if self.simulated else "Real models"

    @property
    def _slug(self) -> str:
        return f"{'simulated' if self.simulated else 'real'}-hat-{self.question.name}"

    def _sentence(self, row: pd.Series) -> str:
        asked = self.question
        name = str(row["benchmark_name"]) + (", simulated" if self.simulated else "")
        who = ""
        if row["interval_for"] == THESE and row["verdict"] != "cannot tell":
            who = f", in these {counted(row['n_models'], asked.member)}"
        text = [headline(name, row["verdict"] + who)]
        if asked.margin:
            text.append(_levels(row))
        text.append(
            f"{asked.unit[:1].upper()}{asked.unit[1:]}, HAT {asked.change(row['hat_gain'])}"
            f"{_interval(row, self.level)}, in {counted(row['n_models'], asked.member)} of "
            f"{counted(row['n_groups'], asked.group, asked.groups)}."
        )
        if asked.margin:
            text.append(_against_margin(row, asked.margin))
        if "true_gain" in row:
            inside = row["low"] <= row["true_gain"] <= row["high"]
            text.append(
                f"Built in is a change of {signed(row['true_gain'])}, which the interval "
                f"{'holds' if inside else 'does not hold'}."
            )
        text.append(_raw(row, asked))
        if row["interval_for"] == THESE:
            text.append(
                f"The interval speaks of these {asked.member}s only: for models in general it "
                f"takes {resample.FEW_CLUSTERS} lineages, and here is "
                f"{counted(row['n_lineages'], 'lineage')}."
                if row["n_lineages"] == 1
                else f"The interval speaks of these {asked.member}s only: for models in general it "
                f"takes {resample.FEW_CLUSTERS} lineages, and here are {row['n_lineages']}."
            )
        if asked.name == "date" and row["span"] < 1:
            text.append(
                f"The releases compared are at most {row['span']:.1f} years apart, so a change a "
                "year reaches beyond the data."
            )
        if row["n_above"]:
            text.append(
                f"{row['n_above']} of {counted(row['n_models'], asked.member)} score above perfect "
                "transfer, interval and all: answers in the target languages were easier or were "
                "judged more kindly, which is no transfer."
            )
        if row["n_flagged"]:
            is_are = "is" if row["n_flagged"] == 1 else "are"
            text.append(
                f"{counted(row['n_flagged'], 'model')} {is_are} left out for a weak or missing "
                "score."
            )
        return " ".join(filter(None, text))

    def _silent(self) -> str:
        """Which benchmarks cannot answer, and why; empty if all can."""
        silent = self.sets[self.sets["hat_gain"].isna()]
        return " ".join(
            f"Cannot answer: {joined([markdown_text(name) for name in part['benchmark_name']])}. "
            f"{reason}"
            for reason, part in silent.groupby("reason", sort=False)
        )


_GAINS = {
    "hat": "hat_gain",
    "source_accuracy": "source_gain",
    "target_accuracy": "target_gain",
    "xlt_gap": "gap_gain",
    "ratio": "ratio_gain",
}


def _interval(row: pd.Series, level: float) -> str:
    if not np.isfinite(row["low"]):
        return " (no interval without redraws)"
    return f" ({level:.0%} interval {signed(row['low'])} to {signed(row['high'])})"


def _for_whom(rows: pd.DataFrame) -> str:
    about = [a for a in dict.fromkeys(rows["interval_for"]) if a]
    return f" for {' or '.join(about)}" if about else ""


def _raw(row: pd.Series, asked: Question) -> str:
    """What the traditional metrics do in the same comparison, and how that misleads."""
    target, gap, loss = row["target_gain"], row["gap_gain"], asked.loss
    text = (
        f"In the same comparison source accuracy {asked.change(row['source_gain'])}, target "
        f"accuracy {asked.change(target)} and the XLT gap {asked.change(gap)}."
    )
    if not np.isfinite(row["low"]):
        return text
    if target > row["high"]:
        text += (
            f" Target accuracy {'overstates the gain' if target > 0 else 'understates ' + loss}."
        )
    elif target < row["low"]:
        text += (
            f" Target accuracy {'overstates ' + loss if target < 0 else 'understates the gain'}."
        )
    if gap > _VISIBLE and row["high"] > 0:
        text += " The larger gap alone would look like worse transfer."
    elif gap < -_VISIBLE and row["low"] < 0:
        text += " The smaller gap alone would look like better transfer."
    return text


def _levels(row: pd.Series) -> str:
    small, larger = row["n_small"], row["n_models"] - row["n_small"]
    interval = ""
    if np.isfinite(row["small_low"]):
        interval = f" [{row['small_low']:.2f}, {row['small_high']:.2f}]"
    return (
        f"The mean HAT of {counted(small, 'small model')} is {row['small_hat']:.2f}{interval}, "
        f"that of {counted(larger, 'larger one')} is {row['larger_hat']:.2f}."
    )


def _against_margin(row: pd.Series, margin: float) -> str:
    if not np.isfinite(row["low"]):
        return ""
    if row["high"] < -margin:
        where = "lies wholly beyond"
    elif row["low"] > -margin:
        where = "excludes"
    else:
        where = "does not exclude"
    none = "excludes" if row["small_low"] > 0 else "does not exclude"
    return (
        f"A shortfall of {margin:g} counts as broken here; the interval {where} it. The interval "
        f"of small models {none} no transfer at all."
    )


# The questions ----------------------------------------------------------------------------------

#: Puts models in groups: adds ``x``, ``group``, and perhaps ``held`` and ``left_out``.
_Place = Callable[[pd.DataFrame], pd.DataFrame]


def hat_by_size(
    scores: HatScores,
    *,
    size: str = "params_total_b",
    truth: pd.DataFrame | None = None,
    rng: np.random.Generator | int = 0,
) -> Gains:
    """Gain of HAT for each doubling of size, within size ladders.

    A ladder holds the models of one generation (column ``ladder``) and variant. It needs two sizes.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    size : {"params_total_b", "params_active_b"}
        Which size.
    truth : DataFrame, optional
        `hatlib.Simulated.truth`, where the models are simulated.
    rng : numpy.random.Generator or int
        Random numbers of the redraws of lineages.

    Returns
    -------
    Gains

    Raises
    ------
    InputError
        If `size` is not a size column.

    Examples
    --------
    >>> import hatlib
    >>> simulated = hatlib.paper_design(n_items=(200, 20, 20))
    >>> scores = hatlib.hat_scores(simulated.responses, benchmarks="sim-free-form", draws=100)
    >>> found = hat_by_size(scores, truth=simulated.truth).table()
    >>> found["true_gain"].round(3).tolist(), found["interval_for"].tolist()
    ([0.008], ['these models'])
    """
    _check_size(size)

    def place(rows: pd.DataFrame) -> pd.DataFrame:
        known = rows[size].notna() & (rows["ladder"] != "")
        return rows.assign(
            x=np.log2(rows[size].astype(float)),
            group=(rows["ladder"] + " " + rows["variant"]).str.strip().where(known, ""),
        )

    question = Question(
        name="size",
        asks="gains of HAT with size",
        unit="for each doubling of size",
        member="model",
        group="size ladder",
        groups="size ladders",
        yes="HAT rises with size",
        no="HAT falls with size",
        needs=(
            "To answer the question, add a models table with the columns model, family and "
            f"{size}, and two sizes of one family and variant."
        ),
    )
    return _ask(scores, question, place, truth, rng, "No size ladder has two sizes")


def hat_by_date(
    scores: HatScores,
    *,
    truth: pd.DataFrame | None = None,
    rng: np.random.Generator | int = 0,
) -> Gains:
    """Change of HAT a year, between the releases of a lineage, at equal size where that is known.

    Base models, fine-tuned and quantised ones are compared among themselves; models that think and
    models that do not, together. It takes two release dates.

    Parameters
    ----------
    scores, truth, rng
        As in `hat_by_size`.

    Returns
    -------
    Gains

    Examples
    --------
    >>> import hatlib
    >>> simulated = hatlib.paper_design(n_items=(200, 20, 20))
    >>> scores = hatlib.hat_scores(simulated.responses, benchmarks="sim-free-form", draws=100)
    >>> found = hat_by_date(scores, truth=simulated.truth)
    >>> found.table()["verdict"].tolist()
    ['HAT rises over the years']
    """

    def place(rows: pd.DataFrame) -> pd.DataFrame:
        date = rows["release_date"]
        years = (date - pd.Timestamp(2020, 1, 1)).dt.days / distance.DAYS_A_YEAR
        group = _track(rows)
        # A lineage with a size that is not known counts as one of equal size.
        log_size = rows["params_total_b"].astype(float).map(np.log2)
        unknown = log_size.isna().groupby(group).transform("any")
        return rows.assign(
            x=years,
            group=group.where(date.notna() & (rows["lineage"] != ""), ""),
            held=log_size.mask(unknown, 0.0),
        )

    question = Question(
        name="date",
        asks="a trend of HAT over time",
        unit="for each year",
        member="model",
        group="release line",
        groups="release lines",
        yes="HAT rises over the years",
        no="HAT falls over the years",
        needs=(
            "To answer the question, add a models table with the columns model, lineage and "
            "release_date, and two release dates of one lineage."
        ),
    )
    return _ask(
        scores, question, place, truth, rng, "No lineage has two release dates at equal size"
    )


def hat_by_thinking(
    scores: HatScores,
    *,
    truth: pd.DataFrame | None = None,
    rng: np.random.Generator | int = 0,
) -> Gains:
    """Change of HAT when one model thinks more, against itself at its lowest setting.

    Models are one and the same if lineage, family and size agree, and their settings stand in the
    column ``reasoning`` of the models table. Item-level sets rarely have such pairs.

    Parameters
    ----------
    scores, truth, rng
        As in `hat_by_size`.

    Returns
    -------
    Gains

    Examples
    --------
    >>> import hatlib
    >>> simulated = hatlib.paper_design(n_items=(200, 20, 20))
    >>> scores = hatlib.hat_scores(simulated.responses, benchmarks="sim-free-form", draws=100)
    >>> found = hat_by_thinking(scores, truth=simulated.truth)
    >>> sorted(set(found.table_of_models()["group"]) - {""})
    ['Alder 1', 'Alder 2']
    """
    settings = dict(zip(scores.models["model"], _reasoning(scores.models), strict=True))

    def place(rows: pd.DataFrame) -> pd.DataFrame:
        setting = rows["model"].map(settings).fillna("")
        size = rows["params_total_b"].map(lambda s: "" if pd.isna(s) else f" {s:g}B")
        key = rows["lineage"] + "\n" + rows["family"] + "\n" + size
        key = key.where((setting != "") & (rows["family"] != ""), "")
        rank = setting.map(lambda word: REASONING.index(word) if word else 0)
        several = (key != "") & (rank.groupby(key).transform("nunique") > 1)
        name = (rows["family"] + size).where(several, "")
        twice = several & rows.assign(key=key, rank=rank).duplicated(["key", "rank"], keep=False)
        lowest = rank.groupby(key).transform("min")
        return rows.assign(
            x=(rank > lowest).astype(float),
            group=name,
            left_out=np.where(
                twice, "another model of its family and size has the same setting", ""
            ),
        )

    question = Question(
        name="thinking",
        asks="what thinking does to HAT",
        unit="with more thinking",
        member="setting",
        group="model",
        groups="models",
        yes="thinking raises HAT",
        no="thinking lowers HAT",
        needs=(
            "To answer the question, run one model with two settings, under two names, and add a "
            "models table with the columns model, family and reasoning "
            f"({listing(REASONING, 6)})."
        ),
    )
    return _ask(scores, question, place, truth, rng, "No model was run with two thinking settings")


def hat_of_small(
    scores: HatScores,
    threshold: float = THRESHOLD,
    *,
    size: str = "params_total_b",
    broken: float = BROKEN,
    truth: pd.DataFrame | None = None,
    rng: np.random.Generator | int = 0,
) -> Gains:
    """HAT of small models minus that of larger ones, within lineages where they have both.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    threshold : float
        Models below this size are small (10⁹ parameters).
    size : {"params_total_b", "params_active_b"}
        Which size.
    broken : float
        A shortfall of HAT that counts as broken transfer.
    truth, rng
        As in `hat_by_size`.

    Returns
    -------
    Gains
        With ``small_hat``, ``small_low``, ``small_high`` and ``larger_hat`` in its table.

    Raises
    ------
    InputError
        If `size` is not a size column, or `threshold` or `broken` not above 0.

    Examples
    --------
    >>> import hatlib
    >>> simulated = hatlib.paper_design(n_items=(400, 20, 20), scenario="small-broken")
    >>> scores = hatlib.hat_scores(simulated.responses, benchmarks="sim-free-form", draws=100)
    >>> hat_of_small(scores).table()["verdict"].tolist()
    ['yes, broken']
    """
    _check_size(size)
    for name, value in (("threshold", threshold), ("broken", broken)):
        if not value > 0:
            raise InputError(f"{name} is {value!r}. Use a number above 0.")

    def place(rows: pd.DataFrame) -> pd.DataFrame:
        known = rows[size].notna()
        small = rows[size] < threshold
        group = _track(rows).where(known & (rows["lineage"] != ""), "")
        good = small[known & (_weak(rows) == "")]
        if not (good.groupby(group[good.index]).nunique()[lambda n: n > 1].index != "").any():
            group = pd.Series("all models", rows.index).where(known, "")
        return rows.assign(x=small.astype(float), group=group)

    question = Question(
        name="small",
        asks="whether transfer in small models is broken",
        unit=f"below {threshold:g} billion parameters",
        member="model",
        group="release line",
        groups="release lines",
        yes="yes, broken",
        no="no, not broken",
        needs=(
            "To answer the question, add a models table with the columns model, lineage and "
            f"{size}, and small and larger models of one lineage."
        ),
        margin=broken,
    )
    found = _ask(
        scores, question, place, truth, rng, "No small model can be compared with a larger"
    )
    return replace(found, sets=_with_levels(found, scores))


def _with_levels(found: Gains, scores: HatScores) -> pd.DataFrame:
    """The mean scores of small and of larger models beside their difference."""
    rows = []
    for b in scores.benchmarks:
        mine = found.models[found.models["benchmark"] == b.benchmark]
        used = mine["used"].to_numpy(bool)
        small = (mine["x"] == 1).to_numpy(bool)
        levels = {"small_hat": np.nan, "small_low": np.nan, "small_high": np.nan}
        if (used & small).any():
            at = np.flatnonzero(used & small)
            mean = _for_these(np.full(len(at), 1 / len(at)), b, at, scores.level)
            levels = {"small_hat": mean.value, "small_low": mean.low, "small_high": mean.high}
        levels["larger_hat"] = float(mine.loc[used & ~small, "hat"].mean())
        levels["n_small"] = int((used & small).sum())
        rows.append(levels)
    return pd.concat([found.sets, pd.DataFrame(rows, index=found.sets.index)], axis=1)


def _check_size(size: str) -> None:
    if size not in SIZES:
        raise InputError(f"size is {size!r}. Use one of {', '.join(SIZES)}.")


def _track(rows: pd.DataFrame) -> pd.Series:
    """The lineage; base, fine-tuned and quantised models stand apart from those that chat."""
    chats = rows["variant"].isin(["instruct", "reasoning", ""])
    return rows["lineage"].where(chats, rows["lineage"] + " " + rows["variant"])


def _reasoning(models: pd.DataFrame) -> pd.Series:
    """The setting of each model; empty where the models table does not say it."""
    given = models.get("reasoning", pd.Series("", models.index))
    return given.where(given.isin(REASONING), "").fillna("")


def _weak(rows: pd.DataFrame) -> pd.Series:
    """Why the score of a model does not enter; empty if it does."""
    missing = rows["hat"].isna() & (rows["flag"] == "")
    return rows["flag"].mask(missing, "no score")


def _ask(
    scores: HatScores,
    question: Question,
    place: _Place,
    truth: pd.DataFrame | None,
    rng: np.random.Generator | int,
    nothing: str,
) -> Gains:
    generator = resample.generator(rng)
    macro = scores.macro() if scores.benchmarks else pd.DataFrame()
    models, sets = [], []
    estimates: dict[str, dict[str, Estimate]] = {}
    for b in scores.benchmarks:
        rows = place(macro[macro["benchmark"] == b.benchmark].reset_index(drop=True))
        rows = _used(rows)
        used = rows[rows["used"]]
        row = {
            "benchmark": b.benchmark,
            "benchmark_name": rows["benchmark_name"].iloc[0],
            "n_models": 0,
            "n_flagged": int(((_weak(rows) != "") & _varied(rows)).sum()),
            "n_groups": 0,
            "n_lineages": 0,
            "n_above": 0,
            "span": np.nan,
        }
        if truth is not None:
            row["true_gain"] = np.nan
        gain, raw = Estimate(np.nan), dict.fromkeys(_GAINS, np.nan)
        if len(used):
            contrast = within_groups(used["x"], used["group"].tolist(), used.get("held"))
            lineages = [_lineage(used, group) for group in contrast.groups]
            at = used.index.to_numpy()
            gain = _estimate(contrast, b, at, lineages, scores.level, generator)
            # A generator of its own, so that asking for more does not change the rest.
            lag = _estimate(
                contrast, b, at, lineages, scores.level, np.random.default_rng(len(at)), "lag"
            )
            estimates[b.benchmark] = {"hat": gain, "lag": lag}
            raw = {name: float(contrast.common @ used[name].to_numpy(float)) for name in _GAINS}
            row |= {
                "n_models": len(used),
                "n_groups": len(contrast.groups),
                "n_lineages": len(set(lineages)),
                "n_above": int((used["low"] > 1).sum()),
                "span": float(used.groupby("group")["x"].agg(np.ptp).max()),
            }
            if truth is not None:
                row["true_gain"] = float(contrast.common @ _truth(truth, b, used))
        row |= {
            "hat_gain": gain.value,
            "low": gain.low,
            "high": gain.high,
            "p_value": gain.p_value,
            "interval_for": gain.about,
            **{column: raw[name] for name, column in _GAINS.items() if name != "hat"},
            "verdict": question.verdict(gain) if len(used) else "",
            "reason": "" if len(used) else _reason(rows, nothing),
        }
        models.append(rows)
        sets.append(row)
    frame = pd.DataFrame(sets) if sets else pd.DataFrame(columns=_SET_COLUMNS)
    frame = frame[[*_SET_COLUMNS, *(c for c in frame if c not in _SET_COLUMNS)]]
    developers = scores.models.get("developer", pd.Series(dtype=str))
    return Gains(
        question,
        pd.concat(models, ignore_index=True) if models else pd.DataFrame(columns=_MODEL_COLUMNS),
        distance.with_q_values(frame) if sets else frame,
        scores.level,
        truth is not None or (len(developers) > 0 and bool((developers == "simulated").all())),
        estimates,
    )


_SET_COLUMNS = [
    "benchmark", "benchmark_name", "verdict", "hat_gain", "low", "high", "interval_for",
]  # fmt: skip
_MODEL_COLUMNS = [
    "benchmark", "benchmark_name", "display_name", "group", "hat", "low", "high", "support",
    "source_accuracy", "target_accuracy", "xlt_gap", "ratio", "left_out", "used",
]  # fmt: skip


def _used(rows: pd.DataFrame) -> pd.DataFrame:
    """Which models enter, and why the others do not."""
    own = rows["left_out"] if "left_out" in rows else pd.Series("", rows.index)
    why = _weak(rows).where(_weak(rows) != "", own)
    why = why.mask((why == "") & (rows["group"] == ""), "not described enough")
    alone = ~_varied(rows[why == ""])
    why = why.mask(alone.reindex(rows.index, fill_value=False), "nothing to compare with")
    good = rows[why == ""]
    if len(good):
        contrast = within_groups(good["x"], good["group"].tolist(), good.get("held"))
        mixed = ~good["group"].isin(contrast.groups)
        entangled = "date and size cannot be told apart"
        why = why.mask(mixed.reindex(rows.index, fill_value=False), entangled)
    return rows.assign(left_out=why.astype(str), used=why == "")


def _varied(rows: pd.DataFrame) -> pd.Series:
    """Whether the group of a model has others that differ in what is asked."""
    return (rows["group"] != "") & (rows.groupby("group")["x"].transform("nunique") > 1)


def _lineage(used: pd.DataFrame, group: str) -> str:
    """The lineage of a group; the group itself where it has several, or none that is known."""
    names = set(used.loc[used["group"] == group, "lineage"]) - {""}
    return names.pop() if len(names) == 1 else group


def _truth(truth: pd.DataFrame, b: BenchmarkScores, used: pd.DataFrame) -> Floats:
    rows = truth[(truth["benchmark"] == b.benchmark) & (truth["target"] == MACRO)]
    return used["model"].map(rows.set_index("model")["hat"]).to_numpy(float)


def _reason(rows: pd.DataFrame, nothing: str) -> str:
    """Why no model enters, with how many are left out for what."""
    reasons = rows.loc[(rows["left_out"] != "") & (rows["group"] != ""), "left_out"]
    parts = [f"{count} × {reason}" for reason, count in reasons.value_counts().items()]
    return f"{nothing}{f' (models left out: {joined(parts)})' if parts else ''}."


# Charts -----------------------------------------------------------------------------------------


def _panels(frame: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """One row a model × measure; an interval for HAT only."""
    return pd.concat(
        [
            frame.assign(
                measure=MEASURES[name],
                value=frame[name],
                low=frame["low"] if name == "hat" else np.nan,
                high=frame["high"] if name == "hat" else np.nan,
            )
            for name in measures
        ],
        ignore_index=True,
    )


def _caption(gains: Gains, frame: pd.DataFrame, text: str) -> str:
    return (
        f"{gains._whose}, {frame['benchmark_name'].iloc[0]}: {text} Bars are {gains.level:.0%} "
        "intervals from redrawn items."
    )


def _size_chart(gains: Gains, frame: pd.DataFrame) -> Figure | Notice:
    from hatlib.show import charts

    size = SIZES[0] if np.allclose(np.log2(frame[SIZES[0]].astype(float)), frame["x"]) else SIZES[1]
    return charts.ladder(
        _panels(frame, ("target_accuracy", "xlt_gap", "hat")),
        x=size,
        y="value",
        low="low",
        high="high",
        series="group",
        facet="measure",
        name=f"{gains._slug}-ladders",
        title_x=f"Parameters ({WORDS[size]}), billion (log scale)",
        title_y="Value of the measure",
        caption=_caption(
            gains,
            frame,
            "three measures over size, one line a ladder. Compare how steeply target accuracy and "
            "HAT rise, and whether the XLT gap falls.",
        ),
    )


def _date_chart(gains: Gains, frame: pd.DataFrame) -> Figure | Notice:
    from hatlib.show import charts

    return charts.timeline(
        _panels(frame, ("target_accuracy", "xlt_gap", "hat")),
        y="value",
        low="low",
        high="high",
        series="group",
        facet="measure",
        name=f"{gains._slug}-releases",
        title_y="Value of the measure",
        caption=_caption(
            gains, frame, "three measures over release dates. A line joins the means of a lineage."
        ),
    )


def _thinking_chart(gains: Gains, frame: pd.DataFrame) -> Figure | Notice:
    from hatlib.show import charts

    ordered = frame.sort_values(["group", "x"], kind="stable")
    ordered = ordered.assign(thinks=np.where(ordered["x"] > 0, "more thinking", "least thinking"))
    return charts.intervals(
        ordered,
        value="hat",
        low="low",
        high="high",
        row="display_name",
        color="thinks",
        zero=None,
        sort="table",
        name=f"{gains._slug}-pairs",
        title_x="HAT score",
        caption=_caption(gains, frame, "HAT of each model with less and with more thinking."),
    )


def _small_chart(gains: Gains, frame: pd.DataFrame) -> Figure | Notice:
    from hatlib.show import charts

    small = frame.assign(role=np.where(frame["x"] == 1, "small", "larger"))
    return charts.ladder(
        _panels(small, ("target_accuracy", "ratio", "hat")),
        x="params_total_b",
        y="value",
        low="low",
        high="high",
        series="role",
        facet="measure",
        lines=False,
        name=f"{gains._slug}-models",
        title_y="Value of the measure",
        caption=_caption(
            gains,
            frame,
            "three measures over size. Broken transfer would show as small models far below the "
            "larger ones in the last panel.",
        ),
    )


_DRAWN: dict[str, Callable[[Gains, pd.DataFrame], Figure | Notice]] = {
    "size": _size_chart,
    "date": _date_chart,
    "thinking": _thinking_chart,
    "small": _small_chart,
}


# Known truth ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KnownTruth:
    """The same question asked of simulated models under every scenario of `paper_design`.

    Attributes
    ----------
    scenarios : dict of str to Gains
        The answer under each scenario.
    """

    scenarios: dict[str, Gains] = field(default_factory=dict)

    def of(self, scenario: str) -> Gains:
        """The answer under one scenario."""
        return self.scenarios[scenario]

    def table(self) -> pd.DataFrame:
        """One row a scenario × benchmark: the true gain, the estimate, and the verdict."""
        frame = pd.concat(
            [gains.table().assign(scenario=name) for name, gains in self.scenarios.items()],
            ignore_index=True,
        )
        frame["holds_truth"] = frame["true_gain"].between(frame["low"], frame["high"])
        columns = ["scenario", "benchmark_name", "true_gain", "hat_gain", "low", "high", "verdict"]
        return frame[[*columns, "holds_truth", "target_gain", "gap_gain", "n_models"]]

    def chart(self) -> Figure | Notice:
        """Estimate, truth and the raw gain in target accuracy, scenario by scenario."""
        from hatlib.show import charts

        frame = self.table()
        nothing = {"low": np.nan, "high": np.nan}
        long = pd.concat(
            [
                frame.assign(what="HAT", gain=frame["hat_gain"]),
                frame.assign(what="built in", gain=frame["true_gain"], **nothing),
                frame.assign(what="target accuracy", gain=frame["target_gain"], **nothing),
            ]
        )
        first = next(iter(self.scenarios.values()))
        if frame["hat_gain"].isna().all():
            return charts.Notice("Nothing to draw: no simulated model has a score.")
        return charts.intervals(
            long.dropna(subset="gain"),
            value="gain",
            low="low",
            high="high",
            row="benchmark_name",
            color="what",
            facet="scenario",
            sort="table",
            name=f"known-truth-{first.question.name}",
            title_x=f"Change {first.question.unit}",
            caption=(
                f"Simulated models, three truths: change {first.question.unit}. Bars are "
                f"{first.level:.0%} intervals of HAT for these models. HAT should follow what is "
                "built in, whatever target accuracy does."
            ),
        )

    def summary(self) -> str:
        """How often the intervals hold the truth, and how far each measure is from it."""
        frame = self.table().dropna(subset=["hat_gain", "low"])
        if frame.empty:
            return "No simulated model has a score with an interval to hold against the truth."
        error = (frame["hat_gain"] - frame["true_gain"]).abs()
        raw = (frame["target_gain"] - frame["true_gain"]).abs()
        return (
            f"Over {counted(len(self.scenarios), 'truth')} and "
            f"{counted(frame['benchmark_name'].nunique(), 'simulated benchmark')}, "
            f"{int(frame['holds_truth'].sum())} of {counted(len(frame), 'interval')} hold the gain "
            f"that is built in. HAT is off by {error.mean():.3f} on average, target accuracy by "
            f"{raw.mean():.3f}."
        )


def under_known_truth(
    ask: Callable[..., Gains], *, draws: int = 1000, seed: int = 0, **options: float | str
) -> KnownTruth:
    """Ask one question of simulated models, under every scenario of `paper_design`.

    Parameters
    ----------
    ask : callable
        `hat_by_size`, `hat_by_date`, `hat_by_thinking` or `hat_of_small`.
    draws, seed : int
        Redraws of the items, and seed of items, answers and redraws.
    **options
        Of the question, such as a threshold.

    Returns
    -------
    KnownTruth

    Examples
    --------
    >>> found = under_known_truth(hat_by_size, draws=50)
    >>> found.table()["scenario"].unique().tolist()
    ['findings', 'no-trend', 'small-broken']
    """
    scenarios = {}
    for scenario in get_args(Scenario):
        scores, truth = scored_design(scenario, draws, seed)
        scenarios[scenario] = ask(scores, truth=truth, rng=seed, **options)
    return KnownTruth(scenarios)


@lru_cache(maxsize=6)
def scored_design(scenario: Scenario, draws: int, seed: int) -> tuple[HatScores, pd.DataFrame]:
    """Scores of one scenario, kept for the next question; against the uniform reference."""
    simulated = paper_design(seed, scenario=scenario)
    scores = hat_scores(simulated.responses, reference="uniform", draws=draws, rng=seed)
    return scores, simulated.truth
