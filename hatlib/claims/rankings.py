"""Where a ranking by HAT reverses one by a traditional metric, and whether that is noise.

A pair of models counts as clearly reversed if HAT puts one ahead and the metric the other, and both
differences are clear after correction for their number.  Both are redrawn with items that the two
models share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hatlib import resample
from hatlib.data.responses import Counts, Responses
from hatlib.lines import distance
from hatlib.metric.compare import compare_all
from hatlib.metric.results import HatScores
from hatlib.metric.sufficient import RedrawnMetrics
from hatlib.show.words import counted, headline, joined, markdown_text

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

#: Metrics that HAT is compared with, and what they are called.
METRICS = {"target_accuracy": "target accuracy", "ratio": "ratio", "xlt_gap": "XLT gap"}

#: Metrics of which less is better.
_LESS_IS_BETTER = ("xlt_gap",)

_NAMED = 2  # reversals whose models are named in a chart


@dataclass(frozen=True)
class Reversals:
    """Pairs of models that HAT and a traditional metric rank in opposite order.

    Attributes
    ----------
    benchmark_name : str
    models : DataFrame
        One row a scored model: ``display_name``, ``hat`` with ``low`` and ``high``, the metrics,
        and its rank by each measure.
    pairs : DataFrame
        One row a pair and metric: ``metric``, ``ahead_by_hat``, ``ahead_by_metric``,
        ``hat_difference`` and ``metric_difference`` (both as the first minus the second) with
        their q-values ``hat_q_value`` and ``metric_q_value``, ``reversed``, and ``clear``.
    """

    benchmark_name: str
    models: pd.DataFrame
    pairs: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """The pairs that are clearly reversed."""
        return self.pairs[self.pairs["clear"].astype(bool)].drop(columns=["reversed", "clear"])

    def by(self, metric: str) -> pd.DataFrame:
        """The models ranked by a traditional metric, the best first."""
        columns = ["display_name", "source_accuracy", "target_accuracy", "xlt_gap", "ratio"]
        up = metric in _LESS_IS_BETTER
        return self.models.sort_values(metric, ascending=up, ignore_index=True)[columns]

    def counts(self) -> pd.DataFrame:
        """One row a metric: ``pairs``, how many ``reversed`` and ``clear``, Kendall's ``tau``."""
        rows = []
        for metric, part in self.pairs.groupby("metric", sort=False):
            column = next(c for c, name in METRICS.items() if name == metric)
            sign = -1 if column in _LESS_IS_BETTER else 1
            tau = stats.kendalltau(self.models["hat"], sign * self.models[column]).statistic
            rows.append(
                {
                    "metric": metric,
                    "pairs": len(part),
                    "reversed": int(part["reversed"].sum()),
                    "clear": int(part["clear"].sum()),
                    "tau": float(tau),
                }
            )
        return pd.DataFrame(rows, columns=["metric", "pairs", "reversed", "clear", "tau"])

    def chart(self, metric: str = "target_accuracy") -> Figure | Notice:
        """HAT of each model against a metric; models of clear reversals are named."""
        from hatlib.show import charts

        mine = self.pairs[self.pairs["reversed"].astype(bool)]
        mine = mine[mine["metric"] == METRICS[metric]]
        clear = mine[mine["clear"].astype(bool)]
        # The largest reversals; if none is clear, the largest of all.
        largest = (clear if len(clear) else mine).copy()
        largest["size"] = largest["hat_difference"].abs().astype(float)
        largest = largest.nlargest(_NAMED, "size") if len(clear) else largest.nlargest(1, "size")
        named = [*largest["ahead_by_hat"], *largest["ahead_by_metric"]]
        frame = self.models.rename(columns={"low": "y_low", "high": "y_high"})
        return charts.scatter(
            frame,
            x=metric,
            y="hat",
            color=None,
            diagonal=False,
            emphasise=named,
            name=f"hat-against-{metric.replace('_', '-')}",
            title_x=METRICS[metric].capitalize() if metric != "xlt_gap" else "XLT gap",
            title_y="HAT score",
            caption=(
                f"{self.benchmark_name}: HAT of each model, with its interval, against its "
                f"{METRICS[metric]}. Were the two rankings the same, the dots would rise from "
                "left to right without a step down."
                + (f" Named: the largest {'clear ' * bool(len(clear))}reversal." if named else "")
            ),
        )

    def summary(self) -> str:
        """Where the rankings differ, in sentences made from the numbers."""
        if self.pairs.empty:
            return (
                f"{headline(self.benchmark_name, 'no ranking')} Fewer than two models have a "
                "supported score."
            )
        counts = self.counts()
        clear = int(counts["clear"].sum())
        verdict = "rankings reverse, outside noise" if clear else "no reversal outside noise"
        parts = [
            f"{row['metric']} orders {row['reversed']} otherwise than HAT, {row['clear']} of them "
            "clearly"
            for row in counts.to_dict("records")
        ]
        text = (
            f"{headline(self.benchmark_name, verdict)} Of "
            f"{counted(int(counts['pairs'].iloc[0]), 'pair')} of models, {joined(parts)}."
        )
        if clear:
            pairs = self.table()
            size = pairs["hat_difference"].abs()
            row = pairs.iloc[int(size.argmax())]
            text += (
                f" The largest: {markdown_text(row['ahead_by_hat'])} is ahead of "
                f"{markdown_text(row['ahead_by_metric'])} by {size.max():.2f} in HAT, and behind "
                f"it in {row['metric']}."
            )
        return text


def reversals(
    responses: Responses,
    scores: HatScores,
    *,
    benchmark: str = "",
    metrics: Sequence[str] = ("target_accuracy", "ratio"),
    draws: int = 1000,
    seed: int = 0,
) -> Reversals:
    """Find the pairs of models that HAT and traditional metrics rank in opposite order.

    Only supported scores enter.

    Parameters
    ----------
    responses : Responses
        The answers behind the scores.
    scores : HatScores
        From `hatlib.hat_scores`, with redraws.
    benchmark : str
        Which benchmark; the first if none is named.
    metrics : sequence of str
        Keys of `METRICS`.
    draws, seed : int
        Redraws of the items for the metrics, and their seed.

    Returns
    -------
    Reversals

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers([2.0, -1.0], profiles=["square", "linear"], n_items=800)
    >>> scores = hat_scores(simulated.responses, draws=200)
    >>> found = reversals(simulated.responses, scores, metrics=["target_accuracy"])
    >>> found.models["hat"].round(1).tolist(), bool(found.pairs["hat_difference"].abs().max() < 0.2)
    ([0.7, 0.7], True)
    """
    b = scores.benchmark(benchmark)
    name = scores.names.get(b.benchmark, b.benchmark)
    rows = scores.macro()
    rows = rows[(rows["benchmark"] == b.benchmark) & rows["hat"].notna() & (rows["flag"] == "")]
    models = rows.sort_values("hat", ascending=False, ignore_index=True)
    for measure in ("hat", *metrics):
        sign = 1 if measure in _LESS_IS_BETTER else -1
        models[f"rank_by_{measure}"] = (sign * models[measure]).rank().astype(int)
    if len(models) < 2:
        return Reversals(name, models, pd.DataFrame(columns=list(_PAIR_COLUMNS)))
    hat = compare_all(scores, benchmark=b.benchmark).pairs
    hat = hat[hat["id_a"].isin(models["model"]) & hat["id_b"].isin(models["model"])]
    hat = distance.with_q_values(hat)
    redrawn = metric_draws(responses.counts(b.benchmark), draws=draws, seed=seed)
    place = {model: m for m, model in enumerate(b.models)}
    first = hat["id_a"].map(place).to_numpy()
    second = hat["id_b"].map(place).to_numpy()
    pairs = []
    for metric in metrics:
        sign = -1 if metric in _LESS_IS_BETTER else 1
        values = sign * b.metrics[metric][:, 0]
        gap = values[first] - values[second]
        se = (redrawn[metric][:, first] - redrawn[metric][:, second]).std(axis=0, ddof=1)
        p = 2 * stats.norm.sf(np.abs(gap) / np.maximum(se, 1e-12))
        q = distance.with_q_values(pd.DataFrame({"p_value": p}))["q_value"].to_numpy()
        turned = gap < 0  # the first of a pair is the one ahead by HAT
        hat_q = hat["q_value"].to_numpy()
        pairs.append(
            pd.DataFrame(
                {
                    "metric": METRICS[metric],
                    "ahead_by_hat": hat["model_a"].to_numpy(),
                    "ahead_by_metric": np.where(turned, hat["model_b"], hat["model_a"]),
                    "hat_difference": hat["difference"].to_numpy(),
                    "metric_difference": sign * gap,
                    "hat_q_value": hat_q,
                    "metric_q_value": q,
                    "reversed": turned,
                    "clear": turned & (hat_q < distance.CLEAR) & (q < distance.CLEAR),
                }
            )
        )
    return Reversals(name, models, pd.concat(pairs, ignore_index=True))


def reversal_sets(
    responses: Responses, scores: HatScores, *, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """How often HAT reverses a traditional ranking, on every benchmark; see `reversals`.

    Returns
    -------
    DataFrame
        ``benchmark_name``, and the columns of `Reversals.counts`. Benchmarks with fewer than two
        supported scores are left out.
    """
    parts = []
    for each in scores.benchmarks:
        found = reversals(responses, scores, benchmark=each.benchmark, draws=draws, seed=seed)
        counts = found.counts()
        counts.insert(0, "benchmark_name", found.benchmark_name)
        parts.append(counts)
    return pd.concat(parts, ignore_index=True)


def metric_draws(counts: Counts, *, draws: int = 1000, seed: int = 0) -> dict[str, Floats]:
    """The traditional metrics of redrawn items, the same items for all models.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    draws, seed : int
        Number of redraws, and the seed.

    Returns
    -------
    dict of str to ndarray, shape (draws, n_models)
        As from `metric.sufficient.RedrawnMetrics`: the macro average over the target languages.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0.0, 1.0], n_items=100).responses.counts("sim")
    >>> metric_draws(counts, draws=20)["ratio"].shape
    (20, 2)
    """
    weights = resample.weights(seed, counts.clusters, draws).astype(float)
    return RedrawnMetrics(counts).of(weights)


_PAIR_COLUMNS = (
    *("metric", "ahead_by_hat", "ahead_by_metric", "hat_difference", "metric_difference"),
    *("hat_q_value", "metric_q_value", "reversed", "clear"),
)
