"""Size ladders: what a larger model of the same generation gains, raw and off the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.errors import InputError, listing
from hatlib.lines import distance
from hatlib.lines.points import Scale
from hatlib.show.words import counted, headline, moves, signed

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

SIZES = ("params_total_b", "params_active_b")
WORDS = {"params_total_b": "total", "params_active_b": "active"}


@dataclass(frozen=True)
class Ladders:
    """Gains with size in every set that has size ladders.

    Attributes
    ----------
    ladders : DataFrame
        One row a ladder; see `table`.
    runs : DataFrame
        One row a run that stands on a ladder, with its effective transfer.
    sets : DataFrame
        One row a set: the mean over its ladders, or the reason why there is none.
    size : str
        Column of the size.
    """

    ladders: pd.DataFrame
    runs: pd.DataFrame
    sets: pd.DataFrame
    size: str

    def table(self) -> pd.DataFrame:
        """One row a ladder.

        ``n_runs``, ``n_left_out`` (runs of it that say nothing about transfer), ``smallest`` and
        ``largest`` (10⁹ parameters); gains for each doubling of size: ``source_gain``,
        ``target_gain``, ``expected_gain`` (what the line gives for the gain in source accuracy)
        and ``off_line_gain`` with ``low``, ``high`` and ``q_value``.
        The target gain is the expected gain plus the gain off the line.
        """
        return self.ladders.copy()

    def table_of_sets(self) -> pd.DataFrame:
        """One row a set: the mean gains over its ladders, with intervals."""
        return self.sets.copy()

    def chart(self, set_id: str = "") -> Figure | Notice:
        """Raw gain and gain off the line for every ladder of one set."""
        from hatlib.show import charts

        chosen = distance.choose(self.ladders, set_id)
        if chosen.empty:
            return charts.Notice(self.summary(set_id))
        return distance.chart_of_gains(
            chosen,
            row="ladder_name",
            name="gain-with-size",
            title="Gain in target accuracy for each doubling of size",
            caption=(
                f"{chosen['set_name'].iloc[0]}: what target accuracy gains when size doubles, "
                "raw and off the line. Bars are 95 % bootstrap intervals of the gain off the line."
            ),
        )

    def chart_of_runs(self, set_id: str = "") -> Figure | Notice:
        """Source accuracy, target accuracy and effective transfer over size, in one set."""
        from hatlib.show import charts

        chosen = distance.choose(self.runs, set_id)
        if chosen.empty:
            return charts.Notice(self.summary(set_id))
        measures = {
            "source_accuracy": "Source accuracy",
            "target_accuracy": "Target accuracy",
            "effective_transfer": "Effective transfer",
        }
        keep = ["ladder_name", "label", self.size, "lineage"]
        long = pd.concat(
            [
                chosen[keep].assign(
                    measure=title,
                    value=chosen[column],
                    low=chosen["low"] if column == "effective_transfer" else np.nan,
                    high=chosen["high"] if column == "effective_transfer" else np.nan,
                )
                for column, title in measures.items()
            ]
        )
        return charts.ladder(
            long,
            x=self.size,
            y="value",
            low="low",
            high="high",
            series="ladder_name",
            facet="measure",
            name="size-ladders",
            title_y="Accuracy, or points off the line",
            caption=(
                f"{chosen['set_name'].iloc[0]}: accuracy over size, one line a ladder. "
                "Effective transfer is what the line of the other lineages does not explain. Its "
                "bars are 95 % intervals from redrawn lineages and items."
            ),
        )

    def chart_of_sets(self) -> Figure | Notice:
        """Mean gain off the line in every set that has ladders."""
        from hatlib.show import charts

        known = self.sets[self.sets["off_line_gain"].notna()]
        if known.empty:
            return charts.Notice(self.summary())
        return charts.intervals(
            known,
            value="off_line_gain",
            low="low",
            high="high",
            row="set_name",
            name="gain-with-size-by-set",
            title_x="Mean gain off the line for each doubling of size",
            caption=(
                "Mean gain off the line over the ladders of each set. Bars are 95 % bootstrap "
                "intervals over lineages; a dot without a bar has too few lineages for one."
            ),
        )

    def summary(self, set_id: str = "") -> str:
        """What the ladders of a set show, in sentences written from the numbers."""
        if self.ladders.empty:
            return _nothing(self.sets, self.size)
        chosen = distance.choose(self.ladders, set_id)
        if chosen.empty:
            return distance.no_answer(self.sets, set_id)
        known = chosen[chosen["off_line_gain"].notna()]
        row = self.sets[self.sets["set"] == chosen["set"].iloc[0]].iloc[0]
        gain, off = chosen["target_gain"].mean(), row["off_line_gain"]
        verdict = distance.verdict(
            off,
            row["p_value"],
            f"yes, by {off / gain:.0%} of the gain in accuracy" if gain > off else "yes",
            "no, it falls",
        )
        text = (
            f"{headline(row['set_name'], verdict)} For each doubling of size, over "
            f"{counted(len(chosen), 'size ladder')}, target accuracy {moves(gain)} on "
            "average. "
        )
        if known.empty:
            return text + str(row["reason"])
        text += (
            "The gain in source accuracy alone lets the line expect "
            f"{signed(known['expected_gain'].mean())}. What is left off the line is {signed(off)}"
        )
        if np.isnan(row["low"]):
            return text + ", without an interval, as there are too few lineages."
        clear_gains = known.loc[known["q_value"] < distance.CLEAR, "off_line_gain"].to_numpy(float)
        up, down = int((clear_gains > 0).sum()), int((clear_gains < 0).sum())
        return text + (
            f" (95 % interval {signed(row['low'])} to {signed(row['high'])}). "
            f"Taken alone, {up} of {counted(len(known), 'ladder')} rise off the line and {down} "
            "fall, beyond sampling error and after correction for their number."
        )


def size_ladders(
    table: pd.DataFrame,
    *,
    size: str = "params_total_b",
    scale: Scale = "linear",
    keep_all: bool = False,
    min_sizes: int = distance.MIN_STEPS,
    draws: int = 1000,
    seed: int = 0,
) -> Ladders:
    """Gains with size within ladders: one generation, one variant, one reasoning setting.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    size : {"params_total_b", "params_active_b"}
        Which size.
    scale : {"linear", "logit", "probit"}
        Scale on which the line is straight.
    keep_all : bool
        Whether runs that are `hatlib.lines.distance.unfit` stay on their ladder.
    min_sizes : int
        Different sizes that a ladder needs.
    draws, seed : int
        Bootstrap draws and seed.

    Returns
    -------
    Ladders

    Raises
    ------
    InputError
        If `size` is not a size column.

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = size_ladders(table[table["source"] == "euroeval"], draws=200)
    >>> "Gemma 3 instruct" in set(found.table()["ladder_name"])
    True
    """
    if size not in SIZES:
        raise InputError(f"size is {size!r}. Use one of {', '.join(SIZES)}.")
    found = [
        _ladders_of_set(part, size, scale, keep_all, min_sizes, draws, set_seed)
        for part, set_seed in distance.by_set(table, seed)
    ]
    return Ladders(
        distance.with_q_values(distance.stacked([f[0] for f in found], _COLUMNS)),
        distance.stacked([f[1] for f in found], [*table.columns, "effective_transfer"]),
        pd.DataFrame([f[2] for f in found]),
        size,
    )


def ladder_sensitivity(
    table: pd.DataFrame, set_id: str = "", *, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """The mean gain of one set under other choices: size, scale of the line, unfit runs.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    set_id : str
        The set; the one with most ladders if not given.
    draws, seed : int
        Bootstrap draws and seed.

    Returns
    -------
    DataFrame
        One row a choice.

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> len(ladder_sensitivity(table, "euroeval/hellaswag/test-split", draws=100))
    8
    """
    chosen = set_id or _set_with_most_ladders(table)
    part = table[table["set"] == chosen]
    rows = []
    scales: tuple[Scale, Scale] = ("linear", "logit")
    for size in SIZES:
        for scale in scales:
            for keep in (False, True):
                found = size_ladders(
                    part, size=size, scale=scale, keep_all=keep, draws=draws, seed=seed
                )
                choice = {
                    "size": WORDS[size],
                    "scale": scale,
                    "unfit_runs": "in" if keep else "out",
                }
                rows += [choice | row for row in found.sets.to_dict("records")]
    columns = ["size", "scale", "unfit_runs", "n_ladders", "target_gain", "off_line_gain"]
    return pd.DataFrame(rows, columns=[*columns, "low", "high"])


def _set_with_most_ladders(table: pd.DataFrame) -> str:
    """The set that `Ladders.chart` shows when none is asked for."""
    counts = size_ladders(table, draws=1).ladders["set"].value_counts()
    return str(counts.idxmax()) if len(counts) else ""


_COLUMNS = [
    "set",
    "set_name",
    "ladder_name",
    "lineage",
    "n_runs",
    "n_left_out",
    "smallest",
    "largest",
    "source_gain",
    "target_gain",
    "expected_gain",
    "off_line_gain",
    "low",
    "high",
    "p_value",
]


def _ladders_of_set(
    part: pd.DataFrame,
    size: str,
    scale: Scale,
    keep_all: bool,
    min_sizes: int,
    draws: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    line = distance.off_line(
        part,
        control=part[size].astype(float).map(np.log2),
        scale=scale,
        keep_all=keep_all,
        draws=draws,
        rng=seed,
    )
    runs = line.runs.assign(ladder_name=_names(line.runs))
    on_ladder = runs[(runs["ladder"] != "") & runs[size].notna()]
    n_unfit = (on_ladder["unfit"] != "").groupby(on_ladder["ladder_name"]).transform("sum")
    on_ladder = on_ladder.assign(n_left_out=0 if keep_all else n_unfit)
    if not keep_all:
        on_ladder = on_ladder[on_ladder["unfit"] == ""]
    n_sizes = on_ladder.groupby("ladder_name")[size].transform("nunique")
    on_ladder = on_ladder[n_sizes >= min_sizes]
    rows, gains = [], []
    for _, group in on_ladder.groupby("ladder_name", sort=False):
        contrast = _per_doubling(np.log2(group[size].to_numpy(float)))
        gain = line.draws[:, group.index] @ contrast
        low, high = distance.interval(gain[:, None])
        first = group.iloc[0]
        rows.append(
            {
                **{c: first[c] for c in ("set", "set_name", "ladder_name", "lineage")},
                "n_runs": len(group),
                "n_left_out": int(first["n_left_out"]),
                "smallest": group[size].min(),
                "largest": group[size].max(),
                "source_gain": contrast @ group["source_accuracy"],
                "target_gain": contrast @ group["target_accuracy"],
                "expected_gain": contrast @ group["expected"],
                "off_line_gain": contrast @ group["effective_transfer"],
                "low": low[0],
                "high": high[0],
                "p_value": distance.p_value(gain),
            }
        )
        gains.append((group.index[0], gain))
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    summary = {
        "set": part["set"].iloc[0],
        "set_name": part["set_name"].iloc[0],
        "n_ladders": len(frame),
        "target_gain": frame["target_gain"].mean() if len(frame) else np.nan,
        **_mean_gain(frame, gains, line),
        "reason": _reason(frame, line, size, min_sizes),
    }
    return frame, on_ladder, summary


def _mean_gain(frame: pd.DataFrame, gains: list, line: distance.OffLine) -> dict:
    """Mean over ladders, with lineages drawn with replacement."""
    first_runs = [index for index, _ in gains]
    mean = distance.pooled(
        frame["off_line_gain"].to_numpy(float),
        np.stack([gain for _, gain in gains], axis=1) if gains else np.zeros((1, 0)),
        line.weights[:, first_runs] if gains else np.zeros((1, 0), int),
        frame["lineage"].tolist(),
    )
    return mean.row("off_line_gain")


def _reason(frame: pd.DataFrame, line: distance.OffLine, size: str, min_sizes: int) -> str:
    if frame.empty:
        if not line.runs[size].notna().any():
            return f"No model has a size ({size})."
        return f"No generation has {min_sizes} sizes of one variant.{distance.left_out(line.runs)}"
    if frame["off_line_gain"].isna().all():
        return line.reason or "Too few runs of other lineages to draw a line."
    return ""


def _names(runs: pd.DataFrame) -> list[str]:
    """Name a ladder by generation, variant, reasoning and, if there are two, setup."""
    words = runs["reasoning"].replace({"none": "", "on": "thinking"})
    n_setups = runs.groupby(["ladder", "variant", "reasoning"])["setup"].transform("nunique")
    setup = runs["setup"].where(n_setups > 1, "")
    parts = zip(runs["ladder"], runs["variant"], words, setup, strict=True)
    return [" ".join(filter(None, part)) for part in parts]


def _per_doubling(log2_size: np.ndarray) -> np.ndarray:
    """Weights that turn values into their least-squares slope on log₂ size."""
    centred = log2_size - log2_size.mean()
    return centred / (centred @ centred)


def _nothing(sets: pd.DataFrame, size: str) -> str:
    reasons = listing(dict.fromkeys(sets["reason"]), 3) if len(sets) else "There are no data."
    return (
        f"These data cannot show gains with size. {reasons} To answer the question, add a models "
        f"table with the columns model, family and {size}, and at least three sizes of one "
        "family."
    )
