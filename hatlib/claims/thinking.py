"""Thinking: what one model gains with more reasoning, raw and off the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.data.schema import REASONING
from hatlib.errors import listing
from hatlib.lines import distance
from hatlib.lines.points import Scale
from hatlib.show.words import counted, headline, signed

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

_PAIR_COLUMNS = [
    "set",
    "set_name",
    "pair",
    "model",
    "lineage",
    "lower",
    "higher",
    "source_gain",
    "target_gain",
    "expected_gain",
    "off_line_gain",
    "low",
    "high",
    "p_value",
]


@dataclass(frozen=True)
class Thinking:
    """The same model with less and with more reasoning, in every set that has such pairs.

    Attributes
    ----------
    pairs : DataFrame
        One row a pair; see `table`.
    sets : DataFrame
        One row a set: the mean over its pairs.
    """

    pairs: pd.DataFrame
    sets: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a pair of runs of one model.

        ``lower`` and ``higher`` are the reasoning settings.  Gains are higher minus lower:
        ``source_gain``, ``target_gain``, ``expected_gain`` and ``off_line_gain`` with
        ``low``, ``high`` and ``q_value``.
        """
        return self.pairs.copy()

    def table_of_sets(self) -> pd.DataFrame:
        """One row a set: the mean gains over its pairs, with interval."""
        return self.sets.copy()

    def chart(self, set_id: str = "") -> Figure | Notice:
        """Gain of every pair of one set, raw and off the line."""
        from hatlib.show import charts

        chosen = distance.choose(self.pairs, set_id)
        if chosen.empty:
            return charts.Notice(self.summary(set_id))
        return distance.chart_of_gains(
            chosen,
            row="pair",
            name="gain-with-thinking",
            title="Gain in target accuracy with more reasoning",
            caption=(
                f"{chosen['set_name'].iloc[0]}: the same model with more reasoning minus with "
                "less. Bars are 95 % bootstrap intervals of the gain off the line."
            ),
        )

    def summary(self, set_id: str = "") -> str:
        """What thinking shows in one set, in sentences written from the numbers."""
        if self.pairs.empty:
            return (
                "These data cannot show what thinking does: no model has two reasoning settings. "
                "To answer the question, add a column reasoning with "
                f"{listing(REASONING)}, and the same model with two of them."
            )
        chosen = distance.choose(self.pairs, set_id)
        if chosen.empty:
            return distance.no_answer(self.sets, set_id)
        row = self.sets[self.sets["set"] == chosen["set"].iloc[0]].iloc[0]
        verdict = distance.verdict(row["off_line_gain"], row["p_value"], "yes", "no, worse")
        text = (
            f"{headline(row['set_name'], verdict)} Over {counted(len(chosen), 'pair')} of runs of "
            f"one model, more reasoning changes source accuracy by {signed(row['source_gain'])} "
            f"and target accuracy by {signed(row['target_gain'])} on average. "
        )
        if np.isnan(row["off_line_gain"]):
            return text + "Too few runs of other lineages are there to draw a line."
        text += f"Off the line the change is {signed(row['off_line_gain'])}"
        if np.isnan(row["low"]):
            return text + ", without an interval, as there are too few lineages."
        return text + f" (95 % interval {signed(row['low'])} to {signed(row['high'])})."


def thinking_pairs(
    table: pd.DataFrame, *, scale: Scale = "linear", draws: int = 1000, seed: int = 0
) -> Thinking:
    """Pair every model with itself at its lowest reasoning setting.

    Runs that are `hatlib.lines.distance.unfit` are left out: they say nothing about transfer.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    scale : {"linear", "logit", "probit"}
        Scale on which the line is straight.
    draws, seed : int
        Bootstrap draws and seed.

    Returns
    -------
    Thinking

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = thinking_pairs(table[table["source"] == "euroeval"], draws=200)
    >>> "Gemini 3 Flash preview: none to on" in set(found.table()["pair"])
    True
    """
    found = [
        _pairs_of_set(part, scale, draws, set_seed)
        for part, set_seed in distance.by_set(table, seed)
    ]
    return Thinking(
        distance.with_q_values(distance.stacked([f[0] for f in found], _PAIR_COLUMNS)),
        pd.DataFrame([f[1] for f in found]),
    )


def _pairs_of_set(
    part: pd.DataFrame, scale: Scale, draws: int, seed: int
) -> tuple[pd.DataFrame, dict]:
    thinks = (part["reasoning"] != "none").astype(float)
    line = distance.off_line(part, control=thinks, scale=scale, draws=draws, rng=seed)
    runs = line.runs.assign(level=line.runs["reasoning"].map(REASONING.index))
    runs = runs[runs["unfit"] == ""]
    rows, gains, first_runs = [], [], []
    for _, group in runs.sort_values("level").groupby(["model", "setup"], sort=False):
        lowest = group.index[0]
        for higher in group.index[1:]:
            gain = line.draws[:, higher] - line.draws[:, lowest]
            low, high = distance.interval(gain[:, None])
            a, b = runs.loc[lowest], runs.loc[higher]
            rows.append(
                {
                    "set": a["set"],
                    "set_name": a["set_name"],
                    "pair": f"{a['display_name']}: {a['reasoning']} to {b['reasoning']}",
                    "model": a["model"],
                    "lineage": a["lineage"],
                    "lower": a["reasoning"],
                    "higher": b["reasoning"],
                    "source_gain": b["source_accuracy"] - a["source_accuracy"],
                    "target_gain": b["target_accuracy"] - a["target_accuracy"],
                    "expected_gain": b["expected"] - a["expected"],
                    "off_line_gain": b["effective_transfer"] - a["effective_transfer"],
                    "low": low[0],
                    "high": high[0],
                    "p_value": distance.p_value(gain),
                }
            )
            gains.append(gain)
            first_runs.append(lowest)
    frame = pd.DataFrame(rows, columns=_PAIR_COLUMNS)
    mean = distance.pooled(
        frame["off_line_gain"].to_numpy(float),
        np.stack(gains, axis=1) if gains else np.zeros((1, 0)),
        line.weights[:, first_runs] if gains else np.zeros((1, 0), int),
        frame["lineage"].tolist(),
    )
    summary = {
        "set": part["set"].iloc[0],
        "set_name": part["set_name"].iloc[0],
        "n_pairs": len(frame),
        "source_gain": frame["source_gain"].mean() if len(frame) else np.nan,
        "target_gain": frame["target_gain"].mean() if len(frame) else np.nan,
        **mean.row("off_line_gain"),
        "reason": "" if len(frame) else "No model has two reasoning settings above chance.",
    }
    return frame, summary
