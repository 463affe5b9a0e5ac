"""Time: what later releases of a lineage gain, raw and off the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.errors import listing
from hatlib.lines import distance
from hatlib.lines.points import Scale
from hatlib.show.words import counted, headline, signed

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

_TREND_COLUMNS = [
    "set",
    "set_name",
    "lineage",
    "n_runs",
    "n_dates",
    "first",
    "last",
    "source_gain",
    "target_gain",
    "off_line_gain",
    "low",
    "high",
    "p_value",
]


@dataclass(frozen=True)
class Trends:
    """Change a year within lineages, set by set.

    Attributes
    ----------
    lineages : DataFrame
        One row a lineage; see `table`.
    runs : DataFrame
        One row a dated run of such a lineage, with its effective transfer.
    sets : DataFrame
        One row a set: the common trend within lineages, also at equal size.
    """

    lineages: pd.DataFrame
    runs: pd.DataFrame
    sets: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a lineage: changes a year.

        ``source_gain`` and ``target_gain`` in accuracy points a year, and ``off_line_gain``
        with ``low``, ``high`` and ``q_value``.
        """
        return self.lineages.copy()

    def table_of_sets(self) -> pd.DataFrame:
        """One row a set: the common trend within lineages, with interval."""
        return self.sets.copy()

    def chart_of_accuracy(self, set_id: str = "") -> Figure | Notice:
        """Target accuracy over release dates in one set."""
        from hatlib.show import charts

        chosen = distance.choose(self.runs, set_id)
        if chosen.empty:
            return charts.Notice(self.summary(set_id))
        return charts.timeline(
            chosen,
            y="target_accuracy",
            series="lineage",
            lines=False,
            name="target-accuracy-over-time",
            title_y="Mean accuracy in the target languages",
            caption=(
                f"{chosen['set_name'].iloc[0]}: target accuracy of every dated run in a lineage "
                "with several releases, by release date."
            ),
        )

    def chart(self, set_id: str = "") -> Figure | Notice:
        """Effective transfer over release dates in one set."""
        from hatlib.show import charts

        chosen = distance.choose(self.runs, set_id)
        if chosen.empty:
            return charts.Notice(self.summary(set_id))
        return charts.timeline(
            chosen,
            y="effective_transfer",
            low="low",
            high="high",
            series="lineage",
            lines=False,
            zero=0.0,
            name="effective-transfer-over-time",
            title_y="Effective transfer (points off the line)",
            caption=(
                f"{chosen['set_name'].iloc[0]}: effective transfer of every dated run in a "
                "lineage with several releases. 0 is the line of the other lineages. Bars are "
                "95 % bootstrap intervals."
            ),
        )

    def chart_of_lineages(self, set_id: str = "") -> Figure | Notice:
        """Change a year for every lineage of one set."""
        from hatlib.show import charts

        chosen = distance.choose(self.lineages, set_id)
        if chosen["off_line_gain"].isna().all():
            return charts.Notice(self.summary(set_id))
        return charts.intervals(
            chosen,
            value="off_line_gain",
            low="low",
            high="high",
            row="lineage",
            name="gain-a-year",
            title_x="Change of effective transfer a year",
            caption=(
                f"{chosen['set_name'].iloc[0]}: change of effective transfer a year within each "
                "lineage. Bars are 95 % bootstrap intervals for these runs."
            ),
        )

    def chart_of_sets(self) -> Figure | Notice:
        """The common trend within lineages in every set, as it is and at equal size."""
        from hatlib.show import charts

        known = self.sets[self.sets["off_line_gain"].notna()]
        if known.empty:
            return charts.Notice(self.summary())
        plain = known.assign(measure="as it is")
        columns = {f"{c}_equal_size": c for c in ("off_line_gain", "low", "high")}
        equal = known.drop(columns=list(columns.values())).rename(columns=columns)
        equal = equal.assign(measure="at equal size")
        return charts.intervals(
            pd.concat([plain, equal]).dropna(subset="off_line_gain"),
            value="off_line_gain",
            low="low",
            high="high",
            row="set_name",
            color="measure",
            name="gain-a-year-by-set",
            title_x="Change of effective transfer a year",
            caption=(
                "Common change a year within lineages, and the same with size held fixed. Bars "
                "are 95 % intervals over lineages; a dot without a bar has too few lineages."
            ),
        )

    def summary(self, set_id: str = "") -> str:
        """What time shows in one set, in sentences written from the numbers."""
        if self.lineages.empty:
            reasons = listing(dict.fromkeys(self.sets["reason"]), 3) if len(self.sets) else ""
            return (
                f"These data cannot show a trend over time. {reasons} To answer the question, "
                "add a models table with the columns model, lineage and release_date, and "
                f"{distance.MIN_STEPS} release dates of one lineage."
            )
        chosen = distance.choose(self.lineages, set_id)
        if chosen.empty:
            return distance.no_answer(self.sets, set_id)
        row = self.sets[self.sets["set"] == chosen["set"].iloc[0]].iloc[0]
        verdict = distance.verdict(row["off_line_gain"], row["p_value"], "yes", "no, worse")
        text = (
            f"{headline(row['set_name'], verdict)} Over {counted(len(chosen), 'lineage')} with "
            f"{distance.MIN_STEPS} or more release dates, target accuracy changes by "
            f"{signed(row['target_gain'])} a year. "
        )
        if np.isnan(row["off_line_gain"]):
            return text + str(row["reason"])
        text += f"Off the line the change is {signed(row['off_line_gain'])} a year"
        if np.isnan(row["low"]):
            return text + ", without an interval, as there are too few lineages."
        text += f" (95 % interval {signed(row['low'])} to {signed(row['high'])})."
        if not np.isnan(row["low_equal_size"]):
            text += (
                f" At equal size it is {signed(row['off_line_gain_equal_size'])} a year"
                f" ({signed(row['low_equal_size'])} to {signed(row['high_equal_size'])})."
            )
        return text


def release_trends(
    table: pd.DataFrame,
    *,
    scale: Scale = "linear",
    min_dates: int = distance.MIN_STEPS,
    draws: int = 1000,
    seed: int = 0,
) -> Trends:
    """Change a year within lineages, raw and off the line.

    Runs that are `hatlib.lines.distance.unfit` are left out: they say nothing about transfer.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    scale : {"linear", "logit", "probit"}
        Scale on which the line is straight.
    min_dates : int
        Different release dates that a lineage needs.
    draws, seed : int
        Bootstrap draws and seed.

    Returns
    -------
    Trends

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = release_trends(table[table["source"] == "euroeval"], draws=200)
    >>> "Qwen" in set(found.table()["lineage"])
    True
    """
    found = [
        _trends_of_set(part, scale, min_dates, draws, set_seed)
        for part, set_seed in distance.by_set(table, seed)
    ]
    return Trends(
        distance.with_q_values(distance.stacked([f[0] for f in found], _TREND_COLUMNS)),
        distance.stacked([f[1] for f in found], [*table.columns, "effective_transfer"]),
        pd.DataFrame([f[2] for f in found]),
    )


@dataclass(frozen=True)
class ShuffledDates:
    """The common trend of one set beside those with shuffled dates.

    Attributes
    ----------
    set_name : str
        The set; empty if none can answer.
    seen : float
        The common change a year off the line.
    shuffled : ndarray of float, shape (draws,)
        The same with release dates shuffled among the releases of each lineage.
    """

    set_name: str
    seen: float
    shuffled: distance.Floats

    def table(self) -> pd.DataFrame:
        """Quantiles of the shuffled trends, and the one seen."""
        shares = [0.025, 0.25, 0.5, 0.75, 0.975]
        quantiles = np.quantile(self.shuffled, shares) if len(self.shuffled) else [np.nan] * 5
        return pd.DataFrame(
            {
                "what": [*(f"shuffled, {s:.1%}" for s in shares), "seen"],
                "change": [*quantiles, self.seen],
            }
        )

    @property
    def share(self) -> float:
        """Share of shuffles with a trend at least as large as the one seen."""
        more = np.sum(np.abs(self.shuffled) >= abs(self.seen))
        return float((1 + more) / (1 + len(self.shuffled)))

    def chart(self) -> Figure | Notice:
        """The middle 95 % of the shuffled trends, and the one seen."""
        from hatlib.show import charts

        if not self.set_name:
            return charts.Notice(self.summary())
        low, high = np.quantile(self.shuffled, [0.025, 0.975])
        frame = pd.DataFrame(
            {
                "what": ["with the true dates", "with shuffled dates"],
                "change": [self.seen, float(np.median(self.shuffled))],
                "low": [np.nan, low],
                "high": [np.nan, high],
            }
        )
        return charts.intervals(
            frame,
            value="change",
            low="low",
            high="high",
            row="what",
            sort="table",
            name="shuffled-dates",
            title_x="Common change of effective transfer a year",
            caption=(
                f"{self.set_name}: the common change a year, beside what shuffled dates give; the "
                "bar holds the middle 95 % of these."
            ),
        )

    def summary(self) -> str:
        """How often luck alone does as much, in one sentence."""
        if not self.set_name:
            return "No set has a lineage with enough release dates and a line to compare with."
        return (
            f"With the true dates the common change is {signed(self.seen)} a year. Of "
            f"{len(self.shuffled)} shuffles, {self.share:.0%} give a change at least as large: "
            + (
                "dates carry information that luck would rarely give."
                if self.share < distance.CLEAR
                else "luck alone does as much often enough."
            )
        )


def shuffled_dates(
    table: pd.DataFrame, set_id: str = "", *, draws: int = 1000, seed: int = 0
) -> ShuffledDates:
    """Shuffle release dates among the releases of each lineage, and look at the common trend.

    Runs of one release keep one date, as they are not independent.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    set_id : str
        The set; the one with most dated runs if not given.
    draws, seed : int
        Shuffles and seed.

    Returns
    -------
    ShuffledDates

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = shuffled_dates(table, "euroeval/hellaswag/test-split", draws=99)
    >>> 0 < found.share <= 1
    True
    """
    runs = distance.choose(release_trends(table, draws=1, seed=seed).runs, set_id)
    runs = runs[runs["effective_transfer"].notna()] if len(runs) else runs
    if runs.empty:
        return ShuffledDates("", np.nan, np.zeros(0))
    rng = np.random.default_rng(seed)
    day = runs["release_date"].map(pd.Timestamp.toordinal).to_numpy(float)
    lineages = pd.factorize(runs["lineage"])[0]
    effect = runs["effective_transfer"].to_numpy(float)
    effect = effect - pd.Series(effect).groupby(lineages).transform("mean").to_numpy()
    drawn = np.stack([_shuffled(day, lineages, rng) for _ in range(draws)] + [day])
    years = drawn / distance.DAYS_A_YEAR
    for code in np.unique(lineages):
        members = lineages == code
        years[:, members] -= years[:, members].mean(axis=1, keepdims=True)
    slopes = years @ effect / (years**2).sum(axis=1)
    return ShuffledDates(runs["set_name"].iloc[0], float(slopes[-1]), slopes[:-1])


def _shuffled(day: np.ndarray, lineages: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute the distinct dates of each lineage."""
    result = day.copy()
    for code in np.unique(lineages):
        members = lineages == code
        dates, which = np.unique(day[members], return_inverse=True)
        result[members] = rng.permutation(dates)[which]
    return result


def _trends_of_set(
    part: pd.DataFrame, scale: Scale, min_dates: int, draws: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    years = (part["release_date"] - pd.Timestamp(2020, 1, 1)).dt.days / distance.DAYS_A_YEAR
    line = distance.off_line(part, control=years, scale=scale, draws=draws, rng=seed)
    runs = line.runs
    dated = runs[runs["release_date"].notna() & (runs["lineage"] != "") & (runs["unfit"] == "")]
    n_dates = dated.groupby("lineage")["release_date"].transform("nunique")
    dated = dated[n_dates >= min_dates]
    rows = []
    for lineage, group in dated.groupby("lineage", sort=False):
        contrast = _slope_weights(years[group.index].to_numpy(float))
        gain = line.draws[:, group.index] @ contrast
        low, high = distance.interval(gain[:, None])
        rows.append(
            {
                "set": part["set"].iloc[0],
                "set_name": part["set_name"].iloc[0],
                "lineage": lineage,
                "n_runs": len(group),
                "n_dates": group["release_date"].nunique(),
                "first": group["release_date"].min(),
                "last": group["release_date"].max(),
                "source_gain": contrast @ group["source_accuracy"],
                "target_gain": contrast @ group["target_accuracy"],
                "off_line_gain": contrast @ group["effective_transfer"],
                "low": low[0],
                "high": high[0],
                "p_value": distance.p_value(gain),
            }
        )
    frame = pd.DataFrame(rows, columns=_TREND_COLUMNS)
    return frame, dated, _common_trend(part, frame, dated, years, line, min_dates)


def _common_trend(
    part: pd.DataFrame,
    frame: pd.DataFrame,
    dated: pd.DataFrame,
    years: pd.Series,
    line: distance.OffLine,
    min_dates: int,
) -> dict:
    """One slope within all lineages of a set, as it is and at equal size."""
    reason = ""
    if frame.empty:
        reason = f"No lineage has {min_dates} release dates.{distance.left_out(line.runs)}"
    elif frame["off_line_gain"].isna().all():
        reason = line.reason or "Too few runs of other lineages to draw a line."
    target_gain = _within_slope(dated, years) if len(dated) else np.nan
    dated = dated[dated["effective_transfer"].notna()]
    plain = _within(dated, [years], line)
    sized = dated[dated["params_total_b"].notna()]
    log_size = line.runs["params_total_b"].astype(float).map(np.log2)
    equal = _within(sized, [years, log_size], line)
    return {
        "set": part["set"].iloc[0],
        "set_name": part["set_name"].iloc[0],
        "n_runs": len(dated),
        "target_gain": target_gain,
        **plain.row("off_line_gain"),
        **{f"{k}_equal_size": v for k, v in equal.row("off_line_gain").items()},
        "reason": reason,
    }


def _within(
    runs: pd.DataFrame, predictors: list[pd.Series], line: distance.OffLine
) -> distance.Pooled:
    """Slope on the first predictor, with an intercept a lineage and the others held fixed."""
    nothing = distance.Pooled(np.nan, np.nan, np.nan, np.nan, 0, 0)
    if runs.empty:
        return nothing
    x = np.stack([p[runs.index].to_numpy(float) for p in predictors], axis=1)
    lineage = runs["lineage"].to_numpy()
    x -= pd.DataFrame(x).groupby(lineage).transform("mean").to_numpy()
    # With other predictors held fixed, the slope is that on what they leave of the first.
    first = x[:, 0] - x[:, 1:] @ np.linalg.lstsq(x[:, 1:], x[:, 0], rcond=None)[0]
    if first @ first < 1e-6:
        return nothing
    spread = pd.Series(first**2).groupby(lineage).sum()
    spread = spread[spread > 1e-9]
    members = [np.flatnonzero(lineage == name) for name in spread.index]
    effect = runs["effective_transfer"].to_numpy(float)
    draws = line.draws[:, runs.index]
    # The common slope is the mean of the slopes of the lineages, weighted by their spread.
    slopes = np.array([first[m] @ effect[m] for m in members]) / spread.to_numpy()
    drawn = np.stack([draws[:, m] @ first[m] for m in members], axis=1) / spread.to_numpy()
    weights = np.stack([line.weights[:, runs.index[m[0]]] for m in members], axis=1)
    return distance.pooled(slopes, drawn, weights, list(spread.index), spread.to_numpy())


def _within_slope(runs: pd.DataFrame, years: pd.Series) -> float:
    centred = years[runs.index] - years[runs.index].groupby(runs["lineage"]).transform("mean")
    return float((centred * runs["target_accuracy"]).sum() / (centred**2).sum())


def _slope_weights(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean()
    return centred / (centred @ centred)
