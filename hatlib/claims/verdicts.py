"""What the estimator study says: targets that were fixed beforehand, tables and charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.show.words import counted, headline, joined
from hatlib.thresholds import BOOK
from hatlib.truth.study import ESTIMATORS, power_results, study_results

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

DEFAULT = "adaptive"
"""The estimator that is the default, with the uniform reference."""

_MOST = 0.5  # larger errors are all the same to a user

#: What a narrow page has room for.
_COMPARED = ("plugin", "quadratic", "direct", "shared", "adaptive", "ratio")

UNIFORM = tuple(name for name, options in ESTIMATORS.items() if options["reference"] == "uniform")


@dataclass(frozen=True)
class Target:
    """Something that the default estimator should reach, fixed before the study was run.

    Attributes
    ----------
    what : str
        In words.
    axis, value : str
        Which designs.
    measure : str
        Column of the study.
    low, high : float
        Where the measure should lie.
    """

    what: str
    axis: str
    value: str
    measure: str
    low: float
    high: float


TARGETS = (
    Target(
        "range over abilities, one shape",
        "base",
        "K = 10, N = 400",
        "range",
        0,
        BOOK["range_one_shape"],
    ),
    Target(
        "root mean square error, one shape", "base", "K = 10, N = 400", "rmse", 0, BOOK["rms_error"]
    ),
    Target(
        "range over abilities, chance .1",
        "chance",
        "c = .1, N = 588",
        "range",
        0,
        BOOK["range_one_shape"],
    ),
    Target(
        "range within each of two shapes", "two shapes", "", "range", 0, BOOK["range_two_shapes"]
    ),
    Target(
        "correlation of error and source accuracy", "base", "K = 10, N = 400", "correlation", 0, 0
    ),
    Target(
        "coverage of 95 % intervals, one shape",
        "base",
        "K = 10, N = 400",
        "coverage_supported",
        BOOK["coverage_low"],
        BOOK["coverage_high"],
    ),
    Target(
        "coverage of 95 % intervals, two shapes",
        "two shapes",
        "",
        "coverage_supported",
        BOOK["coverage_low"],
        BOOK["coverage_high"],
    ),
)


@dataclass(frozen=True)
class Study:
    """The estimator study, as it was last run in full.

    Attributes
    ----------
    results : DataFrame
        One row a design × estimator, as from `hatlib.truth.study.run_study`.
    power : DataFrame
        As from `hatlib.truth.study.run_power`.
    """

    results: pd.DataFrame
    power: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Every design and estimator."""
        return self.results.copy()

    def targets(self) -> pd.DataFrame:
        """Each target for the default estimator: the worst and best design, and whether it is met.

        A coverage within two Monte-Carlo standard errors of its bounds counts as met. A correlation
        should have 0 among the middle 95 % of the replications.
        """
        mine = self.results[self.results["estimator"] == DEFAULT]
        rows = []
        for target in TARGETS:
            part = mine[mine["axis"] == target.axis]
            if target.value:
                part = part[part["value"] == target.value]
            values = part[target.measure]
            slack = 2 * part["coverage_se"] if target.measure.startswith("coverage") else 0.0
            met = (values >= target.low - slack) & (values <= target.high + slack)
            plainly = (values >= target.low) & (values <= target.high)
            should_be = (
                f"{target.low:g} to {target.high:g}" if target.low else (f"at most {target.high:g}")
            )
            if target.measure == "correlation":
                met = (part["correlation_low"] <= 0) & (part["correlation_high"] >= 0)
                plainly = met
                should_be = "0 within its interval"
            rows.append(
                {
                    "target": target.what,
                    "should_be": should_be,
                    "lowest": values.min(),
                    "highest": values.max(),
                    "designs": len(part),
                    "met": int(met.sum()),
                    "within_error": int((met & ~plainly).sum()),
                    "missed_by": joined(part["profiles"][~met].tolist()) if (~met).any() else "",
                }
            )
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """How many targets the default meets, and which not."""
        table = self.targets()
        missed = table[table["met"] < table["designs"]]
        within = int(table["within_error"].sum())
        verdict = (
            ("all targets met" + (", within Monte-Carlo error" if within else ""))
            if missed.empty
            else f"{len(table) - len(missed)} of {counted(len(table), 'target')} met"
        )
        base = self.results[self.results["axis"] == "base"].set_index("estimator")
        text = (
            f"{headline('The default estimator', verdict)} When only ability differs, its score "
            f"moves by at most {base.loc[[DEFAULT], 'range'].max():.3f}; the plug-in by "
            f"{base.loc[['plugin'], 'range'].min():.2f} to "
            f"{base.loc[['plugin'], 'range'].max():.2f}, and the ratio by up to "
            f"{base.loc[['ratio'], 'range'].max():.2f}. The correlation of its error with source "
            f"accuracy is {base.loc[[DEFAULT], 'correlation'].mean():.2f} on average, that of the "
            f"plug-in {base.loc[['plugin'], 'correlation'].mean():.2f}."
        )
        for row in missed.to_dict("records"):
            text += (
                f" Not met everywhere: {row['target']} (should be {row['should_be']}, is "
                f"{row['lowest']:.3f} to {row['highest']:.3f}; missed with {row['missed_by']})."
            )
        return text

    def _of(self, axis: str) -> pd.DataFrame:
        part = self.results[self.results["axis"] == axis]
        return part.assign(design=part["value"] + ", " + part["profiles"])

    def chart_of_range(self, axis: str = "base") -> Figure | Notice:
        """How far the mean score moves with ability alone, by estimator."""
        from hatlib.show import charts

        part = self._of(axis)
        part = part[part["estimator"].isin(_COMPARED)]
        return charts.heat(
            part.assign(
                estimator=part["estimator"].str.replace("_", " "),
                row=part["profiles"] if axis in ("base", "two shapes") else part["design"],
            ),
            x="estimator",
            y="row",
            value="range",
            name=f"study-range-{axis}",
            title_x="Estimator",
            title_y="True profile",
            title_value="Range",
            caption=(
                "Simulated models that transfer alike: how far the mean score moves over ability. "
                "0 is what a score of transfer should do."
            ),
        )

    def chart_of_error(self) -> Figure | Notice:
        """Root mean square error of every estimator, the worst over profiles of each design."""
        from hatlib.show import charts

        part = self.results[self.results["estimator"].isin(UNIFORM)]
        part = part[~part["axis"].isin(["base", "two shapes", "models"])]
        worst = part.groupby(["axis", "value", "estimator"], sort=False)["rmse"].max().reset_index()
        worst["design"] = _short_names(worst)
        return charts.heat(
            worst.assign(rmse=worst["rmse"].clip(upper=_MOST)),
            x="estimator",
            y="design",
            value="rmse",
            name="study-error",
            title_x="Estimator",
            title_y="Design",
            title_value="Error",
            caption=(
                "Root mean square error, the largest over three profiles, when one thing at a time "
                f"differs from the base design. {_MOST:.2f} stands for all errors from there on."
            ),
        )

    def chart_of_coverage(self) -> Figure | Notice:
        """How often the intervals of the default hold the truth."""
        from hatlib.show import charts

        part = self.results[self.results["estimator"] == DEFAULT].dropna(subset=["coverage"])
        grouped = part.groupby(["axis", "value"], sort=False)
        frame = grouped.agg(
            coverage=("coverage_supported", "mean"),
            se=("coverage_se", lambda v: float(np.sqrt((v**2).sum()) / len(v))),
        ).reset_index()
        frame["design"] = _short_names(frame)
        frame["low"] = frame["coverage"] - 2 * frame["se"]
        frame["high"] = (frame["coverage"] + 2 * frame["se"]).clip(upper=1)
        return charts.intervals(
            frame,
            value="coverage",
            low="low",
            high="high",
            row="design",
            zero=0.95,
            sort="table",
            name="study-coverage",
            title_x="Share of 95 % intervals that hold the truth",
            format_x=".2f",
            caption=(
                "Coverage of the default's intervals where the score is not extrapolated, mean "
                "over profiles. Bars are two Monte-Carlo standard errors. The line is what the "
                "intervals promise."
            ),
        )

    def chart_of_power(self) -> Figure | Notice:
        """The smallest difference between two models that most evaluations would detect."""
        from hatlib.show import charts

        frame = self.power[self.power["difference"] == self.power["difference"].max()]
        frame = frame.assign(
            items=frame["n_items"].astype(int).astype(str) + " items",
            trials=frame["n_trials"].astype(int).astype(str) + " answers",
        )
        return charts.heat(
            frame,
            x="trials",
            y="items",
            value="smallest",
            name="study-power",
            title_x="Answers an item and language",
            title_y="Items",
            title_value="Difference",
            caption=(
                "Smallest difference in HAT between two equally able models that four of five "
                "evaluations would tell apart, with one target language."
            ),
        )

    def table_of(self, axis: str, estimators: tuple[str, ...] = UNIFORM) -> pd.DataFrame:
        """The designs of one axis with the measures that matter."""
        part = self.results[
            (self.results["axis"] == axis) & self.results["estimator"].isin(estimators)
        ]
        columns = ["value", "profiles", "estimator", "range", "bias", "rmse", "coverage"]
        return part[columns].reset_index(drop=True)


def _short_names(frame: pd.DataFrame) -> pd.Series:
    """Names of designs that fit beside a chart on a phone."""
    short = frame["value"].replace(
        {
            "K = 10, N = 400": "base",
            "c = .1, N = 588": "c = 0.1",
            "up to saturated, N = 250": "saturated",
            "correlation 0.1": "correlated .1",
            "correlation 0.3": "correlated .3",
            "correlation 0.1, known": "… .1, known",
            "correlation 0.3, known": "… .3, known",
            "pooled hardness": "K = 1, pooled",
            "leave-one-out": "K = 1, l.-o.-o.",
        }
    )
    return short.where(frame["axis"] != "difficulty", short + " items")


_SHOWN = ("plugin", "direct", "shared", "adaptive", "ratio")


def chart_of_drift(frame: pd.DataFrame) -> Figure | Notice:
    """Mean score against mean source accuracy, from `hatlib.truth.study.run_design`."""
    from hatlib.show import charts

    means = frame.groupby(["estimator", "model"], sort=False)[
        ["source_accuracy", "score", "truth"]
    ].mean()
    means = means.reset_index()
    truth = means[means["estimator"] == DEFAULT].assign(estimator="truth")
    truth["score"] = truth["truth"]
    shown = means[means["estimator"].isin(_SHOWN)]
    return charts.curves(
        pd.concat([shown, truth], ignore_index=True),
        x="source_accuracy",
        y="score",
        series="estimator",
        name="study-drift",
        title_x="Source accuracy",
        title_y="Mean score",
        caption=(
            "Simulated models that transfer alike: mean score against source accuracy. A score "
            "of transfer stays on the line of the truth."
        ),
    )


def short(judged: pd.DataFrame) -> pd.DataFrame:
    """The columns of `hatlib.truth.study.judge` that are read first."""
    columns = ["estimator", "range", "bias", "rmse", "correlation", "coverage", "supported"]
    return judged[columns]


def live_summary(judged: pd.DataFrame) -> str:
    """What a short run says, in one or two sentences."""
    moved = judged.set_index("estimator")["range"]
    known = [name for name in ("plugin", DEFAULT, "ratio") if name in moved]
    parts = [f"{name} {moved[name]:.3f}" for name in known]
    names = judged.dropna(subset=["rmse"]).sort_values("rmse")["estimator"]
    text = f"Range over ability in this run: {joined(parts)}."
    if len(names):
        text += f" Smallest error: {names.iloc[0]}."
    return text


def study() -> Study:
    """The full study, from the data of the book.

    Returns
    -------
    Study

    Examples
    --------
    >>> study().targets()["designs"].min() > 0
    np.True_
    """
    return Study(study_results(), power_results())
