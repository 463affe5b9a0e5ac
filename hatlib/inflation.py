"""How far the traditional metrics move with source accuracy, in real and in simulated data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib import distance
from hatlib.lines import fit_with_interval
from hatlib.simulate import DIFFICULTIES, PROFILES, identical_transfer
from hatlib.words import headline, joined, signed

if TYPE_CHECKING:
    from hatlib.charts import Figure, Notice

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
        from hatlib import charts

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
        from hatlib import charts

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


def _in_words(metric: str) -> str:
    """A metric inside a sentence."""
    return "the XLT gap" if metric == "xlt_gap" else METRICS[metric].lower()
