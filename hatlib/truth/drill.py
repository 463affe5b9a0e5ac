"""What the usual metrics and HAT say of pairs of simulated models, beside the truth.

The *lead* of model A is how far it is ahead of model B: by the truth, or by a measure.  A measure
*names* a model if the interval of the lead excludes 0; else it leaves the question open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hatlib.metric.compare import compare_models
from hatlib.metric.flags import Flag
from hatlib.metric.results import HatScores
from hatlib.metric.score import interval_quantile
from hatlib.metric.sufficient import MACRO
from hatlib.thresholds import BOOK

SAME = BOOK["same"]
"""Two models whose true scores differ by less than this transfer about the same."""

#: The usual metrics, and whether more of it is better (1) or worse (-1).
METRICS: Mapping[str, int] = {"target_accuracy": 1, "xlt_gap": -1, "ratio": 1}

#: What a measure may say, and what may be true: the first model, the second, or neither.
FIRST, SECOND, ABOUT_SAME, OPEN = "a", "b", "same", "open"


def compare_pairs(
    scores: HatScores, truth: pd.DataFrame, pairs: Sequence[Sequence[str]]
) -> pd.DataFrame:
    """What the metrics and HAT say of pairs of simulated models, beside the truth.

    Parameters
    ----------
    scores : HatScores
        Of one simulated benchmark, with draws, and the uniform reference that the truth is stated
        for.
    truth : DataFrame
        As in `Simulated.truth`.
    pairs : sequence of (str, str)
        Names of the two models of each pair.

    Returns
    -------
    DataFrame
        One row a pair × measure: ``model_a``, ``model_b``, ``truth`` (lead of A in the true
        score), ``right`` ("a", "b" or "same"), ``source_lead`` (in source accuracy), ``measure``,
        ``lead`` with ``low`` and ``high`` (above 0 if the measure puts A ahead), ``says`` ("a",
        "b" or "open"), ``note`` (a flag of HAT that leaves the question open) and ``mark``
        ("right", "wrong", "left open").

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> made = simulate_answers([1, 1], profiles=["shift", "strong shift"], n_items=400)
    >>> scores = hat_scores(made.responses, reference="uniform", draws=200)
    >>> compare_pairs(scores, made.truth, [("Alder", "Aspen")])["says"].tolist()
    ['a', 'a', 'a', 'a']
    """
    b = scores.benchmark()
    assert b.metric_draws is not None
    i, j = np.array([[b.models.index(name) for name in pair] for pair in pairs]).T
    known = truth[truth["target"] == MACRO].set_index("model")["hat"].loc[list(b.models)].to_numpy()
    lead = known[i] - known[j]
    about = pd.DataFrame(list(pairs), columns=["model_a", "model_b"]).assign(
        truth=lead,
        right=np.select([lead >= SAME, lead <= -SAME], [FIRST, SECOND], ABOUT_SAME),
        source_lead=np.subtract(*b.metrics["source_accuracy"][[i, j], 0]),
        note="",
    )
    reach = interval_quantile(b.n_items[:, 0].min(), scores.level)
    frames = []
    for metric, sign in METRICS.items():
        lead = sign * np.subtract(*b.metrics[metric][[i, j], 0])
        with np.errstate(invalid="ignore"):  # there is no ratio to a source accuracy of 0
            redrawn = b.metric_draws[metric]
            half = reach * np.std(redrawn[:, i] - redrawn[:, j], axis=0, ddof=1)
        frames.append(about.assign(measure=metric, lead=lead, low=lead - half, high=lead + half))
    found = [compare_models(scores, *pair) for pair in pairs]
    ends = pd.DataFrame(
        [(f.difference, f.low, f.high) for f in found], columns=["lead", "low", "high"]
    )
    # The flags that keep a difference in HAT from naming a model.
    flags = ["; ".join(sorted({flag.value for flag in f.flags})) or "no score" for f in found]
    extrapolated = [Flag.EXTRAPOLATED.value * (Flag.EXTRAPOLATED in f.flags) for f in found]
    note = np.where(ends["lead"].notna(), extrapolated, flags)
    frames.append(about.assign(measure="hat", **ends, note=note))
    frame = pd.concat(frames).sort_index(kind="stable", ignore_index=True)
    firm = (frame["note"] == "") & ((frame["low"] > 0) | (frame["high"] < 0))
    frame["says"] = np.where(firm, np.where(frame["lead"] > 0, FIRST, SECOND), OPEN)
    right = frame["says"] == frame["right"]
    frame["mark"] = np.select([frame["says"] == OPEN, right], ["left open", "right"], "wrong")
    return frame
