"""How does transfer change with size, time, thinking or smallness?  One engine for all four.

A *contrast* asks how a measure y changes with x within groups that are alike in the rest: the sizes
of a ladder, the releases of a lineage, one model with less and with more thinking.  Groups keep a
level of their own, so that no difference between groups enters.  Each group gives the least-squares
slope of y on x; the answer of a set is their mean.

There are two measures, never pooled.  `on_scores` takes the HAT score of item-level responses.
`on_line` takes published accuracies, and asks of the distance of each run from the line that other
lineages draw (`hatlib.lines.distance`).

An interval speaks of *models in general* if lineages were redrawn, with at least three of them (on
the line) or eight (HAT); else of the models at hand, with redrawn items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib import resample
from hatlib.claims import placing
from hatlib.claims.slopes import Estimate, Slopes, over_lineages, student, within_groups
from hatlib.claims.verdict import Asks, Verdict, decide_together
from hatlib.errors import listing
from hatlib.lines import distance
from hatlib.lines.lines import Scale
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.sufficient import MACRO
from hatlib.thresholds import BOOK

Floats = NDArray[np.float64]
Question = Literal["size", "date", "thinking", "small"]
QUESTIONS: tuple[Question, ...] = ("size", "date", "thinking", "small")

SIZES = ("params_total_b", "params_active_b")

#: How a set is told that it cannot answer.
_NOTHING = {
    "size": "No size ladder has {steps} sizes of one variant",
    "date": "No model family has {steps} release dates that can be told from size",
    "thinking": "No model was run with two thinking settings above chance",
    "small": "No small model can be compared with a larger",
}
_GAINS = {"source_accuracy": "source_gain", "target_accuracy": "target_gain",
          "expected": "expected_gain", "truth": "true_gain"}  # fmt: skip


@dataclass(frozen=True)
class Contrasts:
    """The answers to one question, set by set.

    Attributes
    ----------
    question : {"size", "date", "thinking", "small"}
    evidence : {"line", "hat"}
        Whether y is the distance from the line, or the HAT score.
    rows : DataFrame
        One row a run (or model): what is known of it, ``x``, ``group``, ``y`` with ``low`` and
        ``high``, and ``left_out``: why it does not enter; empty if it does.
    groups : DataFrame
        One row a group: ``estimate`` with ``low``, ``high`` and ``p_value``, and the change of
        source and target accuracy (``source_gain``, ``target_gain``; on the line
        ``expected_gain``, what the line gives for the change of source accuracy; of simulated
        models ``true_gain``). Only on the line do groups have intervals.
    sets : DataFrame
        One row a set: the mean over its groups with ``low``, ``high``, ``p_value``, ``se`` and
        ``freedom``, how many models, groups and lineages enter, whether the interval speaks of
        models in ``general``, the change of accuracies, and the ``reason`` if there is no
        answer.
    level : float
        Nominal coverage of the intervals.
    """

    question: Question
    evidence: Literal["line", "hat"]
    rows: pd.DataFrame
    groups: pd.DataFrame
    sets: pd.DataFrame
    level: float = resample.LEVEL


Parts = tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]
"""Rows, groups and the answer of one set."""


def _contrasts(
    question: Question, evidence: Literal["line", "hat"], parts: Sequence[Parts], level: float
) -> Contrasts:
    """Sets below one another; without a set, empty tables with the columns that are used."""
    text = dict.fromkeys(["set", "set_name", "group", "lineage", "left_out", "reason"], "str")
    numbers = ["n", "n_steps", "n_groups", "n_above", "x", "y", "estimate", "low", "high"]
    numbers += ["p_value", *SIZES, *_GAINS, *_GAINS.values()]
    empty = pd.DataFrame(columns=[*text, *numbers]).astype(text | dict.fromkeys(numbers, "float"))
    rows = pd.concat([each[0] for each in parts] or [empty], ignore_index=True)
    groups = pd.concat([each[1] for each in parts] or [empty], ignore_index=True)
    sets = pd.DataFrame([each[2] for each in parts]) if parts else empty
    return Contrasts(question, evidence, rows, groups, sets, level)


def _by_group(used: pd.DataFrame, slopes: Slopes) -> pd.DataFrame:
    """One row a group: its estimate, and the change of each metric."""
    told = {"set": ("set", "first"), "set_name": ("set_name", "first"), "lineage": ("lineage", set),
            "n": ("x", "size"), "n_steps": ("x", "nunique"), "x_low": ("x", "min"),
            "x_high": ("x", "max")}  # fmt: skip
    frame = used.groupby("group", sort=False).agg(**told).loc[list(slopes.groups)].reset_index()
    # A group counts for itself where it has several families, or none that is known.
    families = [names - {""} for names in frame["lineage"]]
    own = zip(families, frame["group"], strict=True)
    frame["lineage"] = [next(iter(names)) if len(names) == 1 else group for names, group in own]
    for measure, gain in [("y", "estimate"), *_GAINS.items()]:
        known = used.reindex(columns=[measure]).to_numpy(dtype=float)
        frame[gain] = slopes.of(known[:, 0])
    return frame


def _answer(groups: pd.DataFrame, mean: Estimate, importance: Floats) -> dict[str, Any]:
    """The mean over groups, and the mean changes of the accuracies over the same groups."""
    told = groups["estimate"].notna().to_numpy()
    told = told if told.any() else ~told
    gains = groups.loc[told, list(_GAINS.values())].to_numpy(dtype=float)
    means = np.average(gains, axis=0, weights=importance[told]) if len(gains) else [np.nan] * 4
    gains_of = dict(zip(_GAINS.values(), map(float, means), strict=True))
    return {**vars(mean), "n_groups": len(groups), **gains_of, "reason": ""}


def _why_not(rows: pd.DataFrame, nothing: str) -> str:
    """That nothing can be compared, with how many runs are left out for what."""
    reasons = rows.loc[(rows["left_out"] != "") & (rows["group"] != ""), "left_out"]
    parts = [f"{count} × {reason}" for reason, count in reasons.value_counts().items()]
    return f"{nothing}{f' (left out: {listing(parts, 9)})' if parts else ''}."


# Published accuracies ---------------------------------------------------------------------------


def on_line(
    table: pd.DataFrame,
    question: Question,
    *,
    size: str = "params_total_b",
    threshold: float = BOOK["small"],
    scale: Scale = "linear",
    equal_size: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> Contrasts:
    """Answer a question on published accuracies: by the distance of runs from a line.

    - ``size``: the slope on log2 of the size, within a generation, variant and reasoning setting;
      the mean over ladders. The line holds size fixed.
    - ``date``: the slope on the years, within a lineage; the common slope. The line holds the date
      fixed.
    - ``thinking``: each run against the same model at its lowest setting; the mean over pairs.
    - ``small``: the mean distance of small models from the line of the larger ones.

    Runs that are `hatlib.lines.distance.unfit` say nothing about transfer and are left out.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.Metrics.table`.
    question : {"size", "date", "thinking", "small"}
        What differs.
    size : {"params_total_b", "params_active_b"}
        Which size.
    threshold : float
        Models below this size are small (10⁹ parameters).
    scale : {"linear", "logit", "probit"}
        Scale on which the line is straight.
    equal_size : bool
        Whether the change a year is at equal size, among runs of known size.
    draws, seed : int
        Bootstrap draws and seed.

    Returns
    -------
    Contrasts

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = on_line(table[table["source"] == "euroeval"], "size", draws=100)
    >>> "Gemma 3 instruct" in set(found.groups["group"])
    True
    """
    parts = []
    for name, of_set in table.groupby("set", sort=False):
        part = of_set.reset_index(drop=True)
        thinks = (part["reasoning"] != "none").astype(float)
        held = {"size": part[size].astype(float).map(np.log2), "date": placing.years(part),
                "thinking": thinks.mask(part["reasoning"] == placing.UNKNOWN)}  # fmt: skip
        defines = (part[size] >= threshold).to_numpy() if question == "small" else None
        rng = resample.seed_of(seed, name)
        line = distance.off_line(
            part, defines=defines, control=held.get(question), scale=scale, draws=draws, rng=rng
        )
        y, unfit = line.runs["effective_transfer"], line.runs["unfit"]
        runs = line.runs.assign(at=np.arange(len(part)), y=y, left_out=unfit)
        if question == "date":
            dated = runs["release_date"].notna()
            rows = runs.assign(x=placing.years(runs), group=runs["lineage"].where(dated, ""))
        elif question == "thinking":
            rows = placing.pairs(runs)
        else:
            place = placing.ladders if question == "size" else placing.small
            rows = place(runs, size, threshold)
        if equal_size:
            rows["held"] = rows["params_total_b"].astype(float).map(np.log2)
        parts.append(_answer_on_line(rows, line, question))
    return _contrasts(question, "line", parts, resample.LEVEL)


def _answer_on_line(rows: pd.DataFrame, line: distance.OffLine, question: Question) -> Parts:
    """The rows, groups and answer of one set; `rows` holds runs by their place, ``at``."""
    in_group, fit = rows["group"] != "", rows["left_out"] == ""
    n_steps = rows["x"].where(in_group & fit).groupby(rows["group"]).transform("nunique")
    steps = {"thinking": 2, "small": 1}.get(question, distance.MIN_STEPS)
    used = rows[in_group & fit & (n_steps >= steps)]
    if "held" in rows:  # the common change a year with size held fixed
        used = used[used["held"].notna() & used["y"].notna()]
    slopes = within_groups(used["x"], used["group"].tolist(), used.get("held"))
    if question == "small":
        slopes = Slopes(np.eye(len(used)), np.ones(len(used)), tuple(used["group"]))
    groups = _by_group(used, slopes)
    draws = slopes.of(line.draws[:, used["at"]])
    groups["low"], groups["high"] = distance.interval(draws)
    groups["p_value"] = [distance.p_value(each) for each in draws.T]
    unfit = rows[in_group & ~fit].groupby("group").size()
    groups["n_left_out"] = groups["group"].map(unfit).fillna(0).astype(int)
    importance = slopes.spread if question == "date" else np.ones(len(groups))
    first = used.drop_duplicates("group").set_index("group")["at"][list(slopes.groups)]
    estimates, lineages = groups["estimate"].to_numpy(), groups["lineage"].tolist()
    mean = over_lineages(estimates, draws, line.weights[:, first], lineages, importance)
    about = {"set": line.runs["set"].iloc[0], "set_name": line.runs["set_name"].iloc[0]}
    answer = about | _answer(groups, mean, importance) | {"n": int(used["y"].notna().sum())}
    if np.isnan(answer["estimate"]):
        judged = rows["expected"].notna() & in_group
        nobody = in_group.any() and not judged.any()
        few = line.reason or "Too few runs of other model families to draw a line."
        answer["reason"] = few if nobody else _why_not(rows, _NOTHING[question].format(steps=steps))
    return rows.drop(columns=["at", "held"], errors="ignore"), groups, answer


# HAT scores -------------------------------------------------------------------------------------


def on_scores(
    scores: HatScores,
    question: Question,
    *,
    size: str = "params_total_b",
    threshold: float = BOOK["small"],
    truth: pd.DataFrame | None = None,
    rng: np.random.Generator | int = 0,
) -> Contrasts:
    """Answer a question on item-level responses: by the HAT score.

    The slope is common to all groups.  Models whose score is missing or flagged do not enter.

    - ``size``: on log2 of the size, within a generation and variant.
    - ``date``: on the years, within a lineage, at equal size where that is known; base, fine-tuned
      and quantised models apart.
    - ``thinking``: more thinking against the lowest setting of the same model.
    - ``small``: small minus larger models, within lineages that have both, else among all.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`, with redraws for an interval.
    question : {"size", "date", "thinking", "small"}
        What differs.
    size, threshold
        As in `on_line`.
    truth : DataFrame, optional
        `hatlib.Simulated.truth`, where the models are simulated; gives ``true_gain``.
    rng : numpy.random.Generator or int
        Random numbers of the redraws of lineages.

    Returns
    -------
    Contrasts

    Examples
    --------
    >>> import hatlib
    >>> simulated = hatlib.paper_design(n_items=(200, 20, 20))
    >>> scores = hatlib.hat_scores(simulated.responses, benchmarks="sim-free-form", draws=100)
    >>> found = on_scores(scores, "size", truth=simulated.truth)
    >>> found.sets["true_gain"].round(3).tolist(), found.sets["general"].tolist()
    ([0.008], [False])
    """
    generator = resample.generator(rng)
    macro = scores.macro() if scores.benchmarks else pd.DataFrame()
    if truth is not None:
        known = truth[truth["target"] == MACRO].rename(columns={"hat": "truth"})
        macro = macro.merge(known.drop(columns="target"), "left", on=["benchmark", "model"])
    parts = []
    for b in scores.benchmarks:
        rows = macro[macro["benchmark"] == b.benchmark].reset_index(drop=True)
        rows = rows.rename(columns={"benchmark": "set", "benchmark_name": "set_name"})
        flags = rows["flag"].mask(rows["flag"] == "", "no score")
        rows = rows.assign(y=rows["hat"], weak=flags.mask(b.sound[:, 0], ""), left_out="")
        if question == "date":
            placed = placing.score_lineages(rows)
        elif question == "thinking":
            placed = placing.score_pairs(rows, scores.models)
        else:
            place = placing.ladders if question == "size" else placing.score_small
            placed = place(rows.assign(reasoning="", setup=""), size, threshold)
        rows = _entering(placed)
        used = rows[rows["left_out"] == ""]
        slopes = within_groups(used["x"], used["group"].tolist(), used.get("held"))
        groups, mean = _by_group(used, slopes), Estimate()
        if len(used):
            lineages = groups["lineage"].tolist()
            mean = _mean_of_scores(
                slopes, b, used.index.to_numpy(), lineages, scores.level, generator
            )
        answer = {
            "set": b.benchmark,
            "set_name": rows["set_name"].iloc[0],
            **_answer(groups, mean, slopes.spread),
            "n": len(used),
            "n_items": int(np.nanmax(b.n_items)),
            "n_above": int((used["low"] > 1).sum()),
            "span": float((groups["x_high"] - groups["x_low"]).max()),
        }
        if used.empty:
            answer["reason"] = _why_not(rows, _NOTHING[question].format(steps=2))
        dropped = ["held", "weak", "reasoning", "setup"]
        parts.append((rows.drop(columns=dropped, errors="ignore"), groups, answer))
    return _contrasts(question, "hat", parts, scores.level)


def _mean_of_scores(
    slopes: Slopes,
    b: BenchmarkScores,
    at: NDArray[np.signedinteger],
    lineages: Sequence[str],
    level: float,
    rng: np.random.Generator,
) -> Estimate:
    """The common slope: for models in general if there are enough lineages, else for these."""
    values, draws = b.hat[at, 0], None if b.draws is None else b.draws[:, at, 0]
    n, value = len(set(lineages)), float(slopes.common @ values)
    if draws is None:
        return Estimate(value, n_lineages=n)
    if n >= resample.FEW_CLUSTERS:
        weights = resample.weights(rng, lineages, len(draws))
        return over_lineages(slopes.weights @ values, draws @ slopes.weights.T, weights, lineages,
                             slopes.spread, level)  # fmt: skip
    # Student's t, with the degrees of freedom of the parts (Welch and Satterthwaite).
    parts = (slopes.common * b.se[at, 0]) ** 2
    freedom = np.maximum(b.effective_items[at, 0], 11) - 1
    total = float((parts**2 / freedom).sum())
    degrees = float(parts.sum()) ** 2 / total if total > 0 else np.inf
    se = float(np.std(draws @ slopes.common, ddof=1))
    return student(value, se, degrees, level, general=False, n_lineages=n)


def _entering(rows: pd.DataFrame) -> pd.DataFrame:
    """Which models enter, and why the others do not."""
    why = rows["weak"].where(rows["weak"] != "", rows["left_out"])
    why = why.mask((why == "") & (rows["group"] == ""), "not described enough")
    kept = rows[why == ""]
    alone = kept.groupby("group")["x"].transform("nunique") < 2
    why = why.mask(alone.reindex(rows.index, fill_value=False), "nothing to compare with")
    good = rows[why == ""]
    if len(good):
        slopes = within_groups(good["x"], good["group"].tolist(), good.get("held"))
        mixed = ~good["group"].isin(slopes.groups)
        entangled = "date and size cannot be told apart"
        why = why.mask(mixed.reindex(rows.index, fill_value=False), entangled)
    return rows.assign(left_out=why.astype(str))


# Both -------------------------------------------------------------------------------------------


def verdicts(
    found: Contrasts,
    *,
    margin: float,
    asks: Asks = "difference",
    question: str = "",
    unit: str = "",
    doubtful: Mapping[str, str] | None = None,
) -> dict[str, Verdict]:
    """Judge the answer of every set that has one, corrected (Holm) for the number of sets.

    Parameters
    ----------
    found : Contrasts
        From `on_line` or `on_scores`.
    margin : float
        The smallest change that matters.
    asks : {"difference", "loss", "gain"}
        See `hatlib.claims.verdict.decide`.
    question, unit : str
        In words.
    doubtful : mapping of str to str, optional
        By set: why its data are doubtful.

    Returns
    -------
    dict of str to Verdict
        By set, named ``evidence/question/set``.

    Examples
    --------
    >>> import hatlib
    >>> table = hatlib.summarise(hatlib.load()).table()
    >>> found = on_line(table[table["source"] == "euroeval"], "small", draws=100)
    >>> {each.asks for each in verdicts(found, margin=0.05, asks="loss").values()}
    {'loss'}
    """
    known = found.sets[found.sets["estimate"].notna()]
    names = {"set_name": "subject", "n_lineages": "n_clusters"}
    told = ["estimate", "low", "high", "general", *names]
    told += ["n_items"] if "n_items" in known else []
    rows = known.reindex(columns=told).rename(columns=names)
    about = {"margin": margin, "asks": asks, "question": question, "unit": unit}
    tests: list[dict[Any, Any]] = [
        about | row | {
            "name": f"{found.evidence}/{found.question}/{name}", "level": found.level,
            "doubtful": (doubtful or {}).get(str(name), ""),
        }
        for name, row in zip(known["set"], rows.to_dict("records"), strict=True)
    ]  # fmt: skip
    judged = decide_together(tests, freedom=known.reindex(columns=["freedom"])["freedom"].tolist())
    return dict(zip(known["set"].astype(str), judged, strict=True))


def lead(found: Contrasts, wish: str = "") -> str:
    """The set to show in full: the one asked for, else the one with most models, or none.

    Sets without a score above perfect transfer come first.

    Examples
    --------
    >>> sets = pd.DataFrame({"set": ["a", "b"], "estimate": [0.1, 0.2], "n": [3, 9]})
    >>> lead(Contrasts("size", "hat", sets, sets, sets))
    'b'
    """
    known = found.sets[found.sets["estimate"].notna()]
    return wish or ("" if known.empty else str(known.nlargest(1, "n")["set"].iloc[0]))
