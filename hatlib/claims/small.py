"""Small models: do they fall below the line that the larger ones draw?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.claims.ladders import SIZES, WORDS
from hatlib.errors import InputError
from hatlib.lines import distance
from hatlib.lines.points import Scale
from hatlib.show.words import counted, headline, signed
from hatlib.thresholds import BOOK

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

#: A model that is sold as "4B" has up to this many thousand million parameters.
THRESHOLD = BOOK["small"]

#: What becomes of a run, in the order of the legend.
ROLES = (
    "draws the line",
    "small",
    "small, near chance",
    "small, off the range",
    "larger, near chance",
    "size unknown",
    "doubtful",
)


@dataclass(frozen=True)
class SmallModels:
    """Small models against the line of the larger ones, set by set.

    Attributes
    ----------
    runs : DataFrame
        One row a run of a set that can answer; see `table`.
    sets : DataFrame
        One row a set: the mean over its small models, or the reason why there is none.
    size : str
        Column of the size.
    threshold : float
        Models below this size are small (10⁹ parameters).
    """

    runs: pd.DataFrame
    sets: pd.DataFrame
    size: str
    threshold: float

    def table(self) -> pd.DataFrame:
        """One row a small run: ``effective_transfer`` with ``low`` and ``high``, and ``role``.

        The role says whether the run enters the mean ("small") or not: near chance, or with a
        source accuracy outside the range of the models that draw the line.
        """
        columns = ["set", "set_name", "label", "lineage", self.size, "source_accuracy"]
        columns += ["target_accuracy", "effective_transfer", "low", "high", "role"]
        return self._small()[columns]

    def table_of_sets(self) -> pd.DataFrame:
        """One row a set: the mean effective transfer of its small models, with interval."""
        return self.sets.copy()

    def by(self, column: str, set_id: str = "") -> pd.DataFrame:
        """Mean effective transfer of the small models of one set, for each value of a column.

        Parameters
        ----------
        column : str
            ``lineage``, ``family``, or ``year`` of release.
        set_id : str
            The set; the one with most small runs if not given.
        """
        chosen = distance.choose(self._small().query("role == 'small'"), set_id)
        chosen = chosen.assign(year=chosen["release_date"].dt.year)
        grouped = chosen.dropna(subset=column).groupby(column)["effective_transfer"]
        return grouped.agg(runs="size", mean="mean", lowest="min", highest="max").reset_index()

    def chart(self, set_id: str = "") -> Figure | Notice:
        """All runs of one set with the line of the larger models."""
        from hatlib.show import charts

        chosen = self._chosen(set_id)
        if chosen.empty:
            return charts.Notice(self.summary())
        drawn_by = chosen[chosen["defines"]]
        ends = np.linspace(chosen["source_accuracy"].min(), chosen["source_accuracy"].max(), 40)
        slope, intercept = np.polyfit(
            drawn_by["source_accuracy"], drawn_by["target_accuracy"], deg=1
        )
        line = pd.DataFrame({"line": "larger models", "x": ends, "y": intercept + slope * ends})
        return charts.scatter(
            chosen,
            lines=line,
            color="role",
            chance="chance",
            name="small-models",
            caption=(
                f"{chosen['set_name'].iloc[0]}: the line is drawn by models of {self.threshold:g} "
                "billion parameters and more. Small models below it transfer worse than their "
                "accuracy in the source language lets expect."
            ),
        )

    def chart_of_ratio(self, set_id: str = "") -> Figure | Notice:
        """The ratio of target to source accuracy over size, in one set."""
        from hatlib.show import charts

        chosen = self._chosen(set_id)
        sized = chosen[chosen[self.size].notna()] if len(chosen) else chosen
        if sized.empty:
            return charts.Notice(self.summary(set_id))
        return charts.ladder(
            sized.assign(place=sized["unfit"].replace("", "above chance"), measure="Ratio"),
            x=self.size,
            y="ratio",
            series="place",
            lines=False,
            name="ratio-by-size",
            title_y="Ratio of target to source accuracy",
            caption=(
                f"{sized['set_name'].iloc[0]}: the ratio over model size. A model that guesses "
                "is as bad in every language, so its ratio is near 1."
            ),
        )

    def chart_of_runs(self, set_id: str = "", most: int = 60) -> Figure | Notice:
        """Effective transfer of the small runs of one set."""
        from hatlib.show import charts

        small = self._chosen(set_id)
        small = small[small["role"].str.startswith("small")] if len(small) else small
        if small.empty:
            return charts.Notice(self.summary(set_id))
        shown = small.sort_values("effective_transfer").iloc[:most]
        cut = f" The {most} lowest are shown." if len(small) > most else ""
        return charts.intervals(
            shown,
            value="effective_transfer",
            low="low",
            high="high",
            row="label",
            color="role",
            name="small-models-off-the-line",
            title_x="Effective transfer (points off the line)",
            caption=(
                f"{shown['set_name'].iloc[0]}: distance of each small model from the line of the "
                f"larger ones. Bars are 95 % bootstrap intervals.{cut}"
            ),
        )

    def chart_of_sets(self) -> Figure | Notice:
        """Mean effective transfer of the small models of every set."""
        from hatlib.show import charts

        known = self.sets[self.sets["effective_transfer"].notna()]
        if known.empty:
            return charts.Notice(self.summary())
        return charts.intervals(
            known,
            value="effective_transfer",
            low="low",
            high="high",
            row="set_name",
            name="small-models-by-set",
            title_x="Mean effective transfer of small models",
            caption=(
                "Mean distance of the small models from the line of the larger ones. Bars are "
                "95 % intervals over lineages; a dot without a bar has too few lineages."
            ),
        )

    def summary(self, set_id: str = "") -> str:
        """What one set shows about small models, in sentences written from the numbers."""
        if self.runs.empty:
            reasons = " ".join(dict.fromkeys(self.sets["reason"])) if len(self.sets) else ""
            return (
                f"These data cannot show whether small models fall below the line. {reasons} To "
                f"answer the question, add a models table with the column {self.size}, small "
                f"models, and at least {distance.MIN_RUNS} larger ones."
            )
        chosen = self._chosen(set_id)
        if chosen.empty:
            return distance.no_answer(self.sets, set_id)
        row = self.sets[self.sets["set"] == chosen["set"].iloc[0]].iloc[0]
        verdict = distance.verdict(
            row["effective_transfer"], row["p_value"], "no, they lie above it", "yes"
        )
        text = headline(row["set_name"], verdict) + " "
        about = (
            f" The line is drawn by {counted(row['n_line'], 'run')} of larger models. Of "
            f"{counted(row['n_small'], 'run')} of models below {self.threshold:g} billion "
            f"parameters, {row['n_used']} can be judged by it. {_left_out(row)}"
        ).rstrip()
        if not row["n_used"]:
            return text + about.lstrip()
        lies = "lies" if row["n_used"] == 1 else "lie"
        text += (
            f"{counted(row['n_used'], 'small run')} {lies} "
            f"{signed(row['effective_transfer'])} from the line on average"
        )
        if np.isnan(row["low"]):
            return text + ", without an interval, as there are too few lineages." + about
        text += (
            f" (95 % interval {signed(row['low'])} to {signed(row['high'])}), "
            f"{row['n_below']} of them below it."
        )
        if row["p_value"] >= distance.CLEAR and row["low"] < 0:
            text += f" A mean shortfall of more than {-row['low']:.3f} can be ruled out."
        return text + about

    def _small(self) -> pd.DataFrame:
        return self.runs[self.runs["role"].str.startswith("small")]

    def _chosen(self, set_id: str) -> pd.DataFrame:
        if self.runs.empty:
            return self.runs
        most = self._small().value_counts("set")
        return distance.choose(self.runs, set_id or (most.index[0] if len(most) else ""))


def small_models(
    table: pd.DataFrame,
    *,
    threshold: float = THRESHOLD,
    size: str = "params_total_b",
    scale: Scale = "linear",
    draws: int = 1000,
    seed: int = 0,
) -> SmallModels:
    """Judge small models by a line that only larger models draw.

    A run that is near chance, or whose source accuracy lies outside the range of the larger
    models, is shown and counted but does not enter the mean: the first cannot show transfer, and
    for the second the line is a guess.  Models of unknown size neither draw the line nor are
    judged.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    threshold : float
        Models below this size are small (10⁹ parameters).
    size : {"params_total_b", "params_active_b"}
        Which size.
    scale : {"linear", "logit", "probit"}
        Scale on which the line is straight.
    draws, seed : int
        Bootstrap draws and seed.

    Returns
    -------
    SmallModels

    Raises
    ------
    InputError
        If `size` is not a size column or the threshold not above 0.

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = small_models(table[table["source"] == "euroeval"], draws=200)
    >>> int(found.table_of_sets()["n_small"].iloc[0]) > 40
    True
    """
    if size not in SIZES:
        raise InputError(f"size is {size!r}. Use one of {', '.join(SIZES)}.")
    if not threshold > 0:
        raise InputError(f"threshold is {threshold!r}. Use a number above 0.")
    found = [
        _small_of_set(part, threshold, size, scale, draws, set_seed)
        for part, set_seed in distance.by_set(table, seed)
    ]
    columns = [*table.columns, "effective_transfer", "low", "high", "role", "defines"]
    return SmallModels(
        distance.stacked([f[0] for f in found], columns),
        pd.DataFrame([f[1] for f in found]),
        size,
        threshold,
    )


def small_sensitivity(
    table: pd.DataFrame, set_id: str = "", *, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """The mean of one set under other choices: threshold, kind of size, scale of the line.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    set_id : str
        The set; the one with most small runs if not given.
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
    >>> len(small_sensitivity(table, "euroeval/hellaswag/test-split", draws=100))
    12
    """
    part = distance.choose(table[table["params_total_b"] < THRESHOLD], set_id)
    part = table[table["set"].isin(part["set"])]
    rows = []
    for size in SIZES:
        for threshold in (2.5, THRESHOLD, 9.5):
            for scale in ("linear", "logit"):
                found = small_models(
                    part, threshold=threshold, size=size, scale=scale, draws=draws, seed=seed
                )
                choice = {"size": WORDS[size], "threshold": threshold, "scale": scale}
                rows += [choice | row for row in found.sets.to_dict("records")]
    columns = ["size", "threshold", "scale", "n_used", "effective_transfer", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "p_value"])


def _small_of_set(
    part: pd.DataFrame, threshold: float, size: str, scale: Scale, draws: int, seed: int
) -> tuple[pd.DataFrame, dict]:
    is_small = (part[size] < threshold).to_numpy()
    defines = (part[size] >= threshold).to_numpy()
    line = distance.off_line(part, defines=defines, scale=scale, draws=draws, rng=seed)
    runs = line.runs.assign(role=_roles(line.runs, is_small, defines))
    used = np.flatnonzero(
        (runs["role"] == "small") & np.isfinite(runs["effective_transfer"].to_numpy(float))
    )
    mean = distance.pooled(
        runs["effective_transfer"].to_numpy(float)[used],
        line.draws[:, used],
        line.weights[:, used],
        runs["lineage"].iloc[used].tolist(),
    )
    reason = ""
    if not part[size].notna().any():
        reason = f"No model has a size ({size})."
    elif not is_small.any():
        reason = f"No model is below {threshold:g} billion parameters."
    elif not np.isfinite(runs.loc[is_small, "expected"]).any():
        reason = f"Fewer than {distance.MIN_RUNS} larger models of other lineages draw the line."
    summary = {
        "set": part["set"].iloc[0],
        "set_name": part["set_name"].iloc[0],
        "n_line": int(runs["defines"].sum()),
        "n_small": int(is_small.sum()),
        "n_near_chance": int((runs["role"] == ROLES[2]).sum()),
        "n_off_range": int((runs["role"] == ROLES[3]).sum()),
        "n_no_line": int(((runs["role"] == "small") & runs["expected"].isna()).sum()),
        "n_used": len(used),
        "n_below": int((runs["effective_transfer"].iloc[used] < 0).sum()),
        **mean.row("effective_transfer"),
        "reason": reason,
    }
    return (runs.iloc[:0] if reason else runs), summary


def _roles(runs: pd.DataFrame, is_small: np.ndarray, defines: np.ndarray) -> np.ndarray:
    unfit = runs["unfit"] != ""
    return np.select(
        [
            runs["unfit"] == "doubtful",
            is_small & unfit,
            is_small & runs["extrapolated"],
            is_small,
            defines & unfit,
            defines,
        ],
        [ROLES[6], ROLES[2], ROLES[3], ROLES[1], ROLES[4], ROLES[0]],
        ROLES[5],
    )


def _left_out(row: pd.Series) -> str:
    """Say which small runs do not enter the mean."""
    parts = [
        f"{n} {'is' if n == 1 else 'are'} {what}"
        for n, what in (
            (row["n_near_chance"], "near chance in the source language"),
            (row["n_off_range"], "outside the range of the larger models"),
            (row["n_no_line"], "without enough larger models of other lineages to compare with"),
        )
        if n
    ]
    return f"Not in the mean: {' and '.join(parts)}. " if parts else ""
