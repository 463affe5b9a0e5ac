"""Are known scores found again? Estimates of simulated answers beside the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hatlib.claims.languages import LanguageEffects
from hatlib.metric.results import HatScores
from hatlib.metric.sufficient import MACRO
from hatlib.show.words import counted, markdown_text
from hatlib.truth.answers import Simulated

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

#: What is held against the truth, and how it is called.
MEASURES = {
    "hat": "HAT score",
    "target_accuracy": "Target accuracy",
    "xlt_gap": "XLT gap",
    "ratio": "Ratio",
}

STEP = 0.1
"""Changes are given for this rise of source accuracy."""


@dataclass(frozen=True)
class Recovery:
    """Estimates beside the truth, one row a model or a language.

    Attributes
    ----------
    frame : DataFrame
        ``benchmark_name``, ``display_name``, ``truth``, ``hat`` with ``low`` and ``high``,
        ``holds`` (whether the interval holds the truth), ``flag``, and for models the traditional
        metrics.
    what : str
        What a row is: model or language.
    level : float
        Nominal coverage of the intervals.
    """

    frame: pd.DataFrame
    what: str
    level: float

    def table(self) -> pd.DataFrame:
        """One row a benchmark: how many estimates, how far off, how many intervals hold the truth.

        Returns
        -------
        DataFrame
            ``n``, ``bias`` (mean error), ``rms_error``, ``held`` (share of the intervals that hold
            the truth) and Kendall's ``tau`` of estimate and truth.
        """
        rows = []
        for name, part in self.frame.groupby("benchmark_name", sort=False):
            error = part["hat"] - part["truth"]
            rows.append(
                {
                    "benchmark_name": name,
                    "n": len(part),
                    "bias": float(error.mean()),
                    "rms_error": float(np.sqrt((error**2).mean())),
                    "held": float(part["holds"].mean()),
                    "tau": float(stats.kendalltau(part["hat"], part["truth"]).statistic),
                }
            )
        return pd.DataFrame(rows)

    def correlations(self) -> pd.DataFrame:
        """How each measure goes with the truth, and with source accuracy where the truth is equal.

        Returns
        -------
        DataFrame
            One row a benchmark × measure: ``with_truth`` (Pearson); ``with_source_accuracy``, the
            partial correlation given the truth; and ``per_ten_points``, the change of the measure
            for ten points of source accuracy at equal truth. A partial correlation says how
            regular the rest is, the change says how much it matters.
        """
        rows = []
        for name, part in self.frame.groupby("benchmark_name", sort=False):
            truth = part["truth"].to_numpy(float)
            source = part["source_accuracy"].to_numpy(float)
            for column, title in MEASURES.items():
                values = part[column].to_numpy(float)
                rest, source_rest = (_rest(v, truth) for v in (values, source))
                rows.append(
                    {
                        "benchmark_name": name,
                        "measure": title,
                        "with_truth": _correlation(values, truth),
                        "with_source_accuracy": _correlation(rest, source_rest),
                        "per_ten_points": STEP
                        * float(rest @ source_rest)
                        / max(float(source_rest @ source_rest), 1e-12),
                    }
                )
        return pd.DataFrame(rows)

    def chart(self) -> Figure | Notice:
        """Estimate against truth; on the diagonal they agree."""
        from hatlib.show import charts

        frame = self.frame.rename(columns={"low": "y_low", "high": "y_high"})
        n = self.frame["benchmark_name"].nunique()
        return charts.scatter(
            frame,
            x="truth",
            y="hat",
            color=None,
            facet="benchmark_name",
            emphasise=[] if n > 1 else frame["display_name"].iloc[[0, -1]].tolist(),
            name=f"truth-and-estimate-{self.what}",
            title_x="Transfer that was built in",
            title_y="HAT score",
            caption=(
                f"Simulated answers: the HAT of each {self.what} against the transfer that was "
                f"built in. Bars are {self.level:.0%} intervals. On the dashed line the two agree."
            ),
        )

    def summary(self) -> str:
        """How often and how closely the truth is found, in sentences made from the numbers."""
        error = self.frame["hat"] - self.frame["truth"]
        held, n = int(self.frame["holds"].sum()), len(self.frame)
        text = (
            f"**Simulated, with known truth: {held} of {counted(n, 'interval')} hold it.** "
            f"They should hold {self.level:.0%} of the time. The estimates are off by "
            f"{np.sqrt((error**2).mean()):.3f} (root mean square)."
        )
        if "source_accuracy" not in self.frame:
            return text
        table = self.correlations()
        low = table.groupby("measure", sort=False)["with_truth"].agg(["min", "max"])
        moved = table.groupby("measure", sort=False)["per_ten_points"].agg(
            lambda v: v.iloc[int(np.abs(v).argmax())]
        )
        parts = "; ".join(
            f"{markdown_text(measure)} {_number(row['min'])} to {_number(row['max'])}"
            for measure, row in low.iterrows()
        )
        worst = "; ".join(f"{markdown_text(m)} {abs(v):.3f}" for m, v in moved.items())
        return (
            f"{text} Correlation with the truth, over the benchmarks: {parts}. At equal truth, ten "
            f"points of source accuracy move them by at most: {worst}."
        )


def recover_models(scores: HatScores, simulated: Simulated) -> Recovery:
    """Put the scores of simulated models beside the truth.

    Parameters
    ----------
    scores : HatScores
        Scores of `simulated`, with ``reference="uniform"``, which is what its truth is stated for.
    simulated : Simulated
        From `hatlib.simulate_answers` or `hatlib.paper_design`.

    Returns
    -------
    Recovery
        Models without a score are left out.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers(n_items=400)
    >>> scores = hat_scores(simulated.responses, reference="uniform", draws=200)
    >>> found = recover_models(scores, simulated)
    >>> bool(found.table()["rms_error"].iloc[0] < 0.05)
    True
    """
    truth = simulated.truth[simulated.truth["target"] == MACRO].rename(columns={"hat": "truth"})
    frame = scores.macro().merge(truth[["benchmark", "model", "truth"]], on=["benchmark", "model"])
    columns = ["benchmark_name", "display_name", "truth", "hat", "low", "high", "flag"]
    frame = frame[[*columns, "source_accuracy", *(m for m in MEASURES if m != "hat")]]
    return Recovery(_held(frame), "model", scores.level)


def recover_languages(effects: LanguageEffects, simulated: Simulated) -> Recovery:
    """Put means over simulated models beside the truth, language by language.

    Parameters
    ----------
    effects : LanguageEffects
        Of the scores of `simulated`, with ``reference="uniform"``.
    simulated : Simulated
        From `hatlib.simulate_answers` or `hatlib.paper_design`.

    Returns
    -------
    Recovery

    Examples
    --------
    >>> from hatlib import hat_scores, language_effects, simulate_answers
    >>> simulated = simulate_answers(targets=["de", "sw"], target_shift=[0.5, -1.0], n_items=400)
    >>> scores = hat_scores(simulated.responses, reference="uniform", draws=200)
    >>> recover_languages(language_effects(scores), simulated).table()["tau"].tolist()
    [1.0]
    """
    truth = simulated.truth
    mine = (truth["benchmark"] == effects.benchmark) & truth["model"].isin(effects.models)
    mean = truth[mine].groupby("target")["hat"].mean()
    frame = effects.languages.rename(columns={"name": "display_name"}).assign(
        benchmark_name=effects.benchmark_name,
        truth=effects.languages["language"].map(mean),
        flag="",
    )
    columns = ["benchmark_name", "language", "display_name", "truth", "hat", "low", "high", "flag"]
    return Recovery(_held(frame[columns]), "language", effects.level)


def _held(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.dropna(subset=["hat", "truth"]).reset_index(drop=True)
    holds = (frame["low"] <= frame["truth"]) & (frame["truth"] <= frame["high"])
    return frame.assign(holds=holds)


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _rest(values: Floats, given: Floats) -> Floats:
    """What a straight line on `given` leaves of the values."""
    design = np.column_stack([np.ones(len(given)), given])
    fitted, *_ = np.linalg.lstsq(design, values, rcond=None)
    return values - design @ fitted


def _correlation(a: Floats, b: Floats) -> float:
    if len(a) < 3 or np.ptp(a) < 1e-12 or np.ptp(b) < 1e-12:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
