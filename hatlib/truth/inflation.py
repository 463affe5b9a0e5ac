"""How far the traditional metrics move with source accuracy, in real and in simulated data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib import resample
from hatlib.lines import distance
from hatlib.lines.lines import fit_with_interval
from hatlib.metric.results import HatScores
from hatlib.metric.score import hat_scores
from hatlib.show.words import counted, headline, joined, markdown_text, signed
from hatlib.truth.answers import simulate_answers
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, identical_transfer, true_transfer

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

#: The traditional metrics, as they are called in charts.
METRICS = {"target_accuracy": "Target accuracy", "xlt_gap": "XLT gap", "ratio": "Ratio"}

#: Slopes are given for this rise of source accuracy.
STEP = 0.1

_COLUMNS = ["set", "set_name", "metric", "n_models", "change", "low", "high", "flag"]


@dataclass(frozen=True)
class MetricSlopes:
    """Change of each metric with source accuracy, set by set.

    Attributes
    ----------
    runs : DataFrame
        Rows of `hatlib.Metrics.table`, of the sets that could be fitted.
    slopes : DataFrame
        One row a set × metric; see `table`.
    reasons : dict of str to str
        Why the other sets could not be fitted.
    """

    runs: pd.DataFrame
    slopes: pd.DataFrame
    reasons: dict[str, str]

    def table(self) -> pd.DataFrame:
        """One row a set × metric: ``change`` for ten points of source accuracy, ``low``, ``high``.

        The flag says where the interval cannot be trusted.
        """
        return self.slopes.replace({"metric": METRICS})

    def chart(self, set_id: str = "") -> Figure | Notice:
        """The three metrics of every run of one set against source accuracy."""
        from hatlib.show import charts

        chosen = distance.choose(self.runs, set_id)
        if chosen.empty:
            return charts.Notice(self.summary(set_id))
        long = pd.concat(
            [chosen.assign(metric=title, value=chosen[column]) for column, title in METRICS.items()]
        )
        return charts.scatter(
            long.dropna(subset="value"),
            y="value",
            facet="metric",
            diagonal=False,
            name="metrics-against-source-accuracy",
            title_y="Value of the metric",
            caption=(
                f"{chosen['set_name'].iloc[0]}: each traditional metric against source accuracy, "
                "one dot a run of a model. A measure of transfer alone would not need to move."
            ),
        )

    def summary(self, set_id: str = "") -> str:
        """What moves in one set, in sentences written from the numbers."""
        shown = distance.choose(self.runs, set_id)["set"]
        chosen = self.slopes[self.slopes["set"].isin(shown)]
        if chosen.empty:
            why = self.reasons.get(set_id) or " ".join(dict.fromkeys(self.reasons.values()))
            return f"These data cannot show how the metrics move. {why}"
        parts = []
        for row in chosen.to_dict("records"):
            text = f"{_in_words(row['metric'])} changes by {signed(row['change'])}"
            if not np.isnan(row["low"]):
                text += f" ({signed(row['low'])} to {signed(row['high'])})"
            parts.append(text)
        flag = next((f for f in chosen["flag"] if f), "")
        verdict = "they move" if (chosen["low"] * chosen["high"] > 0).any() else "cannot tell"
        return (
            f"{headline(chosen['set_name'].iloc[0], verdict)} On these real data, for ten points "
            f"more in source accuracy, {joined(parts)}. {flag}"
        ).strip()


def metric_slopes(table: pd.DataFrame, *, draws: int = 1000, seed: int = 0) -> MetricSlopes:
    """Least-squares slope of each traditional metric on source accuracy, for each set.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    draws, seed : int
        Bootstrap draws and seed.

    Returns
    -------
    MetricSlopes

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = metric_slopes(table[table["source"] == "euroeval"])
    >>> sorted(set(found.table()["metric"]))
    ['Ratio', 'Target accuracy', 'XLT gap']
    """
    rows: list[dict] = []
    reasons: dict[str, str] = {}
    for part, set_seed in distance.by_set(table, seed):
        set_id, set_name = part["set"].iloc[0], part["set_name"].iloc[0]
        if len(part) < distance.MIN_RUNS:
            reasons[set_id] = f"{set_name} has fewer than {distance.MIN_RUNS} models."
            continue
        if np.ptp(part["source_accuracy"]) == 0:
            reasons[set_id] = f"All models of {set_name} have the same source accuracy."
            continue
        for metric in METRICS:
            line = fit_with_interval(
                part["source_accuracy"],
                part[metric],
                clusters=part["family"],
                draws=draws,
                rng=set_seed,
            )
            rows.append(
                {
                    "set": set_id,
                    "set_name": set_name,
                    "metric": metric,
                    "n_models": len(part),
                    "change": STEP * line.fit.slope,
                    "low": STEP * line.slope_low,
                    "high": STEP * line.slope_high,
                    "flag": line.flag,
                }
            )
    slopes = pd.DataFrame(rows, columns=_COLUMNS)
    return MetricSlopes(table[table["set"].isin(slopes["set"])], slopes, reasons)


@dataclass(frozen=True)
class Ranges:
    """How far each metric moves over simulated models of identical transfer.

    Attributes
    ----------
    frame : DataFrame
        One row a profile × difficulty × metric: ``range``.
    """

    frame: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a profile × difficulty × metric."""
        return self.frame.copy()

    def chart(self) -> Figure | Notice:
        """Tiles: the largest range over the difficulties, for each profile and metric."""
        from hatlib.show import charts

        worst = self.frame.groupby(["profile", "metric"], sort=False)["range"].max().reset_index()
        worst["metric"] = worst["metric"].replace(METRICS | {"transfer": "Transfer (built in)"})
        return charts.heat(
            worst,
            x="metric",
            y="profile",
            value="range",
            name="ranges-by-profile",
            title_x="Metric",
            title_y="Transfer profile",
            title_value="Range",
            caption=(
                "How far each metric moves while the built-in transfer stands still: the largest "
                "range over the distributions of item difficulty. A good measure would show 0."
            ),
        )

    def summary(self) -> str:
        """The smallest and the largest range of each metric, in one sentence."""
        parts = []
        for metric in METRICS:
            values = self.frame.loc[self.frame["metric"] == metric, "range"]
            parts.append(f"{_in_words(metric)} moves by {values.min():.2f} to {values.max():.2f}")
        return (
            f"Over {self.frame['profile'].nunique()} profiles and "
            f"{self.frame['difficulty'].nunique()} distributions of difficulty, "
            f"{joined(parts)}, although transfer is the same for all models."
        )


def range_table(chance: float = 0.0) -> Ranges:
    """Range of each metric for every profile and difficulty that we can simulate.

    Parameters
    ----------
    chance : float
        Chance level.

    Returns
    -------
    Ranges

    Examples
    --------
    >>> frame = range_table().table()
    >>> bool((frame.query("metric == 'transfer'")["range"] == 0).all())
    True
    """
    frames = [
        identical_transfer(profile, difficulty=difficulty, chance=chance)
        .ranges()
        .assign(profile=profile, difficulty=difficulty)
        for profile in PROFILES
        for difficulty in DIFFICULTIES
    ]
    return Ranges(pd.concat(frames, ignore_index=True))


@dataclass(frozen=True)
class AdjustedRanges:
    """How far the HAT score moves over simulated models of identical transfer.

    Attributes
    ----------
    frame : DataFrame
        One row a model × metric: ``ability``, ``source_accuracy``, ``metric``, ``value`` (mean over
        repeats) and ``n_scores``, the repeats that gave a score with support.
    profile : str
        The transfer profile of all models.
    n_items, n_trials, repeats : int
        Items, answers an item, and how often it was simulated.
    """

    frame: pd.DataFrame
    profile: str
    n_items: int
    n_trials: int
    repeats: int

    def table(self) -> pd.DataFrame:
        """How far each metric moves over the models: lowest, highest, range."""
        values = self.frame.dropna(subset="value").groupby("metric", sort=False)["value"]
        frame = values.agg(lowest="min", highest="max").reset_index()
        return frame.assign(range=frame["highest"] - frame["lowest"])

    def chart(self) -> Figure | Notice:
        """Every metric against source accuracy."""
        from hatlib.show import charts

        return charts.curves(
            self.frame,
            x="source_accuracy",
            y="value",
            series="metric",
            name=f"identical-transfer-hat-{self.profile}",
            title_x="Source accuracy",
            title_y="Value of the metric",
            caption=(
                f"Simulated models of identical transfer (profile: {self.profile}), mean of "
                f"{self.repeats} simulations of {self.n_items} items and {self.n_trials} answers "
                "each. What lies level with the built-in transfer measures transfer alone."
            ),
        )

    def summary(self) -> str:
        """Which metrics move although transfer does not, in two sentences."""
        moved = self.table().set_index("metric")["range"]
        hat, plug = moved[_HAT], moved[_PLUGIN]
        raw = min(moved[title] for title in METRICS.values())
        verdict = "HAT moves least" if hat <= min(plug, raw) else "HAT does not move least"
        built = self.frame.loc[self.frame["metric"] == _BUILT_IN, "value"].iloc[0]
        weak = int((self.repeats - self.frame.query("metric == @_HAT")["n_scores"]).sum())
        text = (
            f"{headline('Simulated models of identical transfer', verdict)} The built-in transfer "
            f"is {built:.2f}. Over the abilities the HAT score moves by {hat:.2f}, and its plug-in "
            f"estimate, which takes observed rates for probabilities, by {plug:.2f}. "
            f"Target accuracy moves by {moved['Target accuracy']:.2f}, the XLT gap by "
            f"{moved['XLT gap']:.2f} and the ratio by {moved['Ratio']:.2f}."
        )
        if weak:
            every = self.repeats * self.frame["ability"].nunique()
            verb = "is" if weak == 1 else "are"
            text += f" Of {every} scores, {weak} {verb} left out for too little support."
        return text


_HAT, _PLUGIN, _BUILT_IN = "HAT score", "HAT, plug-in", "Transfer (built in)"


def adjusted_ranges(
    profile: str = "shift",
    *,
    n_items: int = 400,
    n_trials: int = 10,
    repeats: int = 10,
    seed: int = 0,
) -> AdjustedRanges:
    """The HAT score of simulated models that differ in ability and share one transfer profile.

    Parameters
    ----------
    profile : str
        Name of a transfer profile in `hatlib.truth.simulate.PROFILES`.
    n_items, n_trials : int
        Items, and answers an item and language.
    repeats : int
        Simulations to average, so that what is left is bias and not chance.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    AdjustedRanges

    Examples
    --------
    >>> moved = adjusted_ranges("square", repeats=3).table().set_index("metric")["range"]
    >>> bool(moved["HAT score"] < moved["HAT, plug-in"] < moved["Target accuracy"])
    True
    """
    abilities = np.linspace(-2.5, 2.5, 11)
    rng = resample.generator(seed)
    parts = []
    for repeat in range(repeats):
        simulated = simulate_answers(
            abilities, profiles=profile, n_items=n_items, n_trials=n_trials, targets=["de"], rng=rng
        )
        for title, estimator in ((_HAT, "adaptive"), (_PLUGIN, "plugin")):
            scores = hat_scores(
                simulated.responses, profile=estimator, reference="uniform", draws=0
            ).macro()
            scores["hat"] = scores["hat"].where(scores["flag"] == "")
            ability = dict(zip(simulated.models["model"], abilities, strict=True))
            parts.append(
                scores.assign(ability=scores["model"].map(ability), repeat=repeat, estimator=title)
            )
    every = pd.concat(parts, ignore_index=True)
    raw = every[every["estimator"] == _HAT]
    source = raw.groupby("ability")["source_accuracy"].mean()
    series = {
        **{title: raw.groupby("ability")[name] for name, title in METRICS.items()},
        **{t: every[every["estimator"] == t].groupby("ability")["hat"] for t in (_PLUGIN, _HAT)},
    }
    rows = [
        pd.DataFrame({"metric": t, "value": g.mean(), "n_scores": g.count()})
        for t, g in series.items()
    ]
    truth = {"metric": _BUILT_IN, "value": true_transfer(profile), "n_scores": repeats}
    rows.append(pd.DataFrame(truth, index=source.index))
    frame = pd.concat(rows).rename_axis("ability").reset_index()
    frame["source_accuracy"] = frame["ability"].map(source)
    return AdjustedRanges(frame, profile, n_items, n_trials, repeats)


@dataclass(frozen=True)
class Correlations:
    """Correlation of each metric with source accuracy over the models of each set.

    Attributes
    ----------
    frame : DataFrame
        One row a set × metric; see `table`.
    reasons : dict of str to str
        By name of a set, why it has none.
    simulated : bool
        Whether the models are simulated.
    """

    frame: pd.DataFrame
    reasons: dict[str, str]
    simulated: bool = False

    def table(self) -> pd.DataFrame:
        """One row a set × metric: ``correlation``, with ``low`` and ``high`` for HAT.

        The interval is that of redrawn items, for these models.
        """
        return self.frame.copy()

    def chart(self) -> Figure | Notice:
        """Correlation of each metric with source accuracy, one panel a set."""
        from hatlib.show import charts

        if self.frame.empty:
            return charts.Notice(self.summary())
        whose = "Simulated models" if self.simulated else "Real models"
        return charts.intervals(
            self.frame,
            value="correlation",
            low="low",
            high="high",
            row="metric",
            facet="benchmark_name",
            sort="table",
            name=f"{'simulated' if self.simulated else 'real'}-correlations",
            title_x="Correlation with source accuracy",
            caption=(
                f"{whose}: correlation of each metric with source accuracy. The bar of HAT is the "
                "interval of redrawn items, for these models."
            ),
        )

    def summary(self) -> str:
        """What correlates in each set, and how few models that rests on."""
        parts = []
        for name, rows in self.frame.groupby("benchmark_name", sort=False):
            value = rows.set_index("metric")["correlation"]
            first = rows.iloc[0]
            few = ""
            if first["n_lineages"] < resample.FEW_CLUSTERS:
                few = (
                    f" These are {counted(first['n_models'], 'model')} of "
                    f"{counted(first['n_lineages'], 'lineage')}, too few to speak of models in "
                    "general."
                )
            values = [f"{metric} {signed(value[metric], 2)}" for metric in rows["metric"]]
            hat = rows[(rows["metric"] == _HAT) & rows["low"].notna()]
            if len(hat):
                low, high = hat["low"].iloc[0], hat["high"].iloc[0]
                values[0] += f" [{signed(low, 2)}, {signed(high, 2)}]"
            found = joined(values)
            title = str(name) + (", simulated" if self.simulated else "")
            parts.append(
                f"**{markdown_text(title)}**, correlation with source accuracy: {found}.{few}"
            )
        silent = " ".join(
            f"{markdown_text(name)} has {reason}." for name, reason in self.reasons.items()
        )
        none = "These data have no answers item by item to correlate."
        return "\n\n".join(filter(None, [*parts, silent])) or none


def hat_correlations(scores: HatScores, *, simulated: bool = False) -> Correlations:
    """Correlate HAT and the traditional metrics with source accuracy over the models of each set.

    Scores with a flag do not enter. It takes `hatlib.lines.distance.MIN_RUNS` models.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    simulated : bool
        Whether the models are simulated.

    Returns
    -------
    Correlations

    Examples
    --------
    >>> import hatlib
    >>> simulated = simulate_answers(profiles="square", n_items=400)
    >>> found = hat_correlations(hatlib.hat_scores(simulated.responses, draws=50)).table()
    >>> found["metric"].tolist()
    ['HAT score', 'Target accuracy', 'XLT gap', 'Ratio']
    """
    rows: list[dict] = []
    reasons: dict[str, str] = {}
    macro = scores.macro() if scores.benchmarks else pd.DataFrame()
    for b in scores.benchmarks:
        mine = macro[macro["benchmark"] == b.benchmark].reset_index(drop=True)
        used = mine[mine["hat"].notna() & (mine["flag"] == "")]
        name = str(mine["benchmark_name"].iloc[0])
        if len(used) < distance.MIN_RUNS:
            reasons[name] = (
                f"{counted(len(used), 'model')} with a score that can be relied on, and it takes "
                f"{distance.MIN_RUNS}"
            )
            continue
        source = used["source_accuracy"].to_numpy(float)
        drawn = np.zeros((0, len(used))) if b.draws is None else b.draws[:, used.index, 0]
        low, high = distance.interval(_correlations(drawn, source)[:, None])
        about = {
            "benchmark": b.benchmark,
            "benchmark_name": name,
            "n_models": len(used),
            "n_lineages": used["lineage"].replace("", np.nan).nunique(),
            "n_left_out": len(mine) - len(used),
        }
        for metric, title in ({"hat": _HAT} | METRICS).items():
            value = _correlations(used[metric].to_numpy(float)[None], source)[0]
            ends = {"low": low[0], "high": high[0]} if metric == "hat" else {}
            rows.append(about | {"metric": title, "correlation": value, **ends})
    columns = ["benchmark", "benchmark_name", "metric", "n_models", "n_lineages", "n_left_out"]
    frame = pd.DataFrame(rows, columns=[*columns, "correlation", "low", "high"])
    return Correlations(frame.dropna(subset="correlation"), reasons, simulated)


def _correlations(values: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Correlation of each row with source accuracy; nan where one does not vary."""
    centred = values - values.mean(axis=1, keepdims=True)
    against = source - source.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt((centred**2).sum(axis=1) * (against**2).sum())
        return np.where(scale > 1e-12, centred @ against / scale, np.nan)


def _in_words(metric: str) -> str:
    """A metric inside a sentence."""
    return "the XLT gap" if metric == "xlt_gap" else METRICS[metric].lower()
