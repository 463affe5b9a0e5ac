"""Scores and comparisons in tables, JSON and sentences."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.responses import Responses
from hatlib.data.writing import csv_text
from hatlib.metric.answers import excess_agreement
from hatlib.metric.checks import sibtest
from hatlib.metric.compare import compare_all, compare_models
from hatlib.metric.flags import Flag, Remark
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import identity_control
from hatlib.metric.sufficient import MACRO
from hatlib.show.output import (
    NONE,
    estimate,
    number,
    probability,
    terminal_width,
    titled,
)
from hatlib.show.remarks import FLAGS, SHORT, note_text
from hatlib.words import markdown_text

SCHEMA = 2
"""Version of the JSON output. A change that breaks readers raises it."""

_ROUND = 6  # decimals in JSON: the same seed gives the same text on any machine

# Scores -------------------------------------------------------------------------------------------


def score_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `hatlib.HatScores.table` that are read first, as text.

    Parameters
    ----------
    table : DataFrame
        Rows of one benchmark.

    Returns
    -------
    DataFrame
        ``model``, ``target``, ``HAT`` with its interval, ``f(.95)``, ``support`` in per cent, ``S``
        and ``T`` (source and target accuracy), ``gap``, ``ratio``, ``flag``.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([1, 2], profiles="linear", n_items=400).responses
    >>> score_cells(hatlib.hat_scores(answers, draws=0).macro())["model"].tolist()
    ['Alder', 'Aspen']
    """
    rows = [
        {
            "model": row["model"],
            "target": row["target"],
            "HAT": estimate(row["hat"], row["low"], row["high"]),
            "f(.95)": number(row["f95"]),
            "support": NONE if isnan(row["support"]) else f"{row['support']:.0%}"[:-1] + " %",
            "S": number(row["source_accuracy"]),
            "T": number(row["target_accuracy"]),
            "gap": number(row["xlt_gap"]),
            "ratio": number(row["ratio"]),
            "flag": short_flags(named_flags(row["flag"])),
        }
        for row in table.to_dict("records")
    ]
    columns = ["model", "target", "HAT", "f(.95)", "support", "S", "T", "gap", "ratio", "flag"]
    return pd.DataFrame(rows, columns=columns)


def scores_text(scores: HatScores, form: str, *, every: bool = False) -> str:
    """Scores as text, benchmark by benchmark.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    form : {"table", "csv", "json", "md"}
        For a terminal, as CSV with all columns, as JSON that keeps to
        ``hatlib/schemas/score-2.json``, or as Markdown.
    every : bool
        Whether each target language has a row, too.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([1, 2], profiles="linear", n_items=400).responses
    >>> print(scores_text(hatlib.hat_scores(answers, draws=0), "md").splitlines()[2])
    source en, chance 0, hardness self, profile adaptive, reference uniform
    """
    if form == "json":
        return scores_json(scores)
    table = scores.table() if every else scores.macro()
    if form == "csv":
        return csv_text(table)
    parts = []
    for b in scores.benchmarks:
        rows = table[table["benchmark"] == b.benchmark]
        if not every:
            rows = rows.sort_values("hat", ascending=False, kind="stable")
        cells = score_cells(rows)
        if b.sensitivity:
            cells.insert(3, "sd 0, 1, 2", _under(b, rows))
        if not every:
            cells = cells.drop(columns="target")
        parts.append(titled(_name(scores, b), settings(b), cells, form, spare=SPARE))
    shown = (flag for text in table["flag"].unique() for flag in named_flags(text))
    return "\n\n".join([*parts, *flag_legend(shown, form)])


SPARE = ("ratio", "gap", "T", "S", "sd 0, 1, 2")
"""Columns that a narrow terminal does without, in this order."""


def _under(b: BenchmarkScores, rows: pd.DataFrame) -> list[str]:
    """Scores if models find other items hard, for the rows of a table."""
    texts = []
    for model, target in zip(rows["model"], rows["target"], strict=True):
        place = b.models.index(model), b.targets.index(target)
        missing = not np.isfinite(b.hat[place])
        found = [number(float(values[place])) for values in b.sensitivity.values()]
        texts.append(NONE if missing else ", ".join(found))
    return texts


def settings(b: BenchmarkScores) -> str:
    """How the scores of a benchmark were made, in one line."""
    said = {note.remark for note in b.notes}
    more = ", one prompting left out" if Remark.PROMPTING_LEFT_OUT in said else ""
    more += ", within strata" if Remark.STRATA in said else ""
    return (
        f"source {b.source_language}, chance {b.chance:.3g}, hardness {b.hardness.method}{more}, "
        f"profile {b.profile}, reference {b.reference}"
    )


def _name(scores: HatScores, b: BenchmarkScores) -> str:
    return scores.names.get(b.benchmark, b.benchmark)


def named_flags(text: str) -> list[Flag]:
    """The flags of a cell of the column ``flag``.

    Examples
    --------
    >>> [flag.name for flag in named_flags("extrapolated; too few items")]
    ['EXTRAPOLATED', 'FEW_ITEMS']
    """
    return [Flag(name) for name in text.split("; ") if name]


def short_flags(flags: Iterable[Flag]) -> str:
    """Flags as they stand in a table."""
    return "; ".join(SHORT.get(flag, flag.value) for flag in flags)


def flags_in(scores: HatScores) -> list[Flag]:
    """All flags that some score has."""
    return [
        flag
        for flag in Flag
        if any(b.marks[flag].any() for b in scores.benchmarks if flag in b.marks)
    ]


def flag_legend(flags: Iterable[Flag], form: str) -> list[str]:
    """What flags mean; nothing if there are none.

    Parameters
    ----------
    flags : iterable of Flag
        All flags of the table.
    form : {"table", "csv", "json", "md"}
        The form of the table: CSV and JSON have the flags in full.

    Returns
    -------
    list of str
        One text, or none.

    Examples
    --------
    >>> print(flag_legend([Flag.ONE_ANSWER], "md")[0][:48])
    - **one answer an item**: Each item was answered
    """
    short = SHORT if form in ("table", "md") else {}
    meanings = [(short.get(flag, flag.value), FLAGS[flag]) for flag in dict.fromkeys(flags)]
    if not meanings:
        return []
    if form == "md":
        lines = [f"- **{flag}**: {markdown_text(meaning)}" for flag, meaning in meanings]
    else:
        lines = [
            textwrap.fill(f"{flag}: {meaning}", terminal_width(), subsequent_indent="  ")
            for flag, meaning in meanings
        ]
    return ["\n".join(lines)]


def notes(scores: HatScores) -> list[str]:
    """What a reader of scores must know: how to read them, and what was chosen.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([1, 2], n_items=400).responses
    >>> notes(hatlib.hat_scores(answers, draws=0))[0][:30]
    'HAT: 0 no transfer, 1 perfect '
    """
    interval = (
        f", with {100 * scores.level:g} % intervals from {scores.n_draws} redraws of the items"
        if scores.n_draws
        else ", without intervals"
    )
    legend = (
        f"HAT: 0 no transfer, 1 perfect transfer{interval}. f(.95): target accuracy on items that "
        "the model nearly always solves in the source language. support: share of the reference "
        "where the model has items. S, T: accuracy in the source and target languages. gap: S - T. "
        "ratio: T / S."
    )
    return [legend, *benchmark_notes(scores)]


def benchmark_notes(scores: HatScores) -> list[str]:
    """What was chosen, assumed or seen, benchmark by benchmark."""
    return [f"{b.benchmark}: {note_text(note)}" for b in scores.benchmarks for note in b.notes]


# More ---------------------------------------------------------------------------------------------


def checks(scores: HatScores, responses: Responses, *, seed: int = 0) -> pd.DataFrame:
    """Second numbers and checks of scores, one row a benchmark and model.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    responses : Responses
        What they were made from.
    seed : int
        Of the split into halves.

    Returns
    -------
    DataFrame
        ``benchmark``, ``model``; ``hat_pooled`` and ``f95`` with intervals; ``sibtest`` (SIBTEST
        with uniform weights, on the scale of HAT); ``control`` with its interval (a split half of
        the source language as its own target; must be 1); ``agreement`` and ``agreement_z`` (of
        source and target under the same prompting, beyond the item); ``hat_sd0``, ``hat_sd1``,
        ``hat_sd2`` (one answer an item: scores if models find other items hard).
    """
    parts = []
    for b in scores.benchmarks:
        counts = responses.counts(b.benchmark)
        control = identity_control(counts, draws=200 if scores.n_draws else 0, rng=seed)
        found = excess_agreement(counts).set_index("model")
        frame = pd.DataFrame({"benchmark": b.benchmark, "model": b.models})
        for name, each in (("hat_pooled", b.hat_pooled), ("f95", b.f95)):
            frame[name], frame[f"{name}_low"], frame[f"{name}_high"] = (
                values[:, 0] for values in (each.value, each.low, each.high)
            )
        frame["sibtest"] = sibtest(counts)[:, 0]
        for column in ("control", "control_low", "control_high"):
            frame[column] = np.nan
        if control is not None:
            frame["control"], frame["control_low"], frame["control_high"] = (
                values[:, 0] for values in (control.value, control.low, control.high)
            )
        frame["agreement"] = frame["model"].map(found["covariance"]).astype(float)
        frame["agreement_z"] = frame["model"].map(found["z"]).astype(float)
        for sd in (0.0, 1.0, 2.0):
            values = b.sensitivity.get(sd)
            frame[f"hat_sd{sd:g}"] = np.nan if values is None else values[:, 0]
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def more_text(scores: HatScores, responses: Responses, form: str, *, seed: int = 0) -> str:
    """The checks of scores as text.

    Parameters
    ----------
    scores, responses, seed
        As in `checks`.
    form : {"table", "md"}
        For a terminal, or as Markdown.
    """
    table, texts = checks(scores, responses, seed=seed), []
    for b in scores.benchmarks:
        rows = []
        for row in table[table["benchmark"] == b.benchmark].to_dict("records"):
            sds = [number(row[f"hat_sd{sd}"]) for sd in (0, 1, 2)]
            rows.append(
                {
                    "model": row["model"],
                    "pooled": _with_ends(row, "hat_pooled"),
                    "f(.95)": _with_ends(row, "f95"),
                    "SIBTEST": number(row["sibtest"]),
                    "control": _with_ends(row, "control"),
                    "z": number(row["agreement_z"], 1),
                    "sd 0, 1, 2": NONE if NONE in sds else ", ".join(sds),
                }
            )
        cells = pd.DataFrame(rows)
        cells = cells[[c for c in cells if c == "model" or (cells[c] != NONE).any()]]
        texts.append(titled(f"{_name(scores, b)}: more", _MORE, cells, form, spare=("SIBTEST",)))
    return "\n\n".join(texts)


_MORE = (
    "pooled: HAT over the hardness that these models meet. control: one half of the source answers "
    "as the target of the other, must be 1. z: do source and target agree under the same prompting "
    "beyond the item? sd 0, 1, 2: HAT if models find other items hard"
)


def _with_ends(row: Mapping[Any, Any], name: str) -> str:
    return estimate(row[name], row[f"{name}_low"], row[f"{name}_high"])


# JSON ---------------------------------------------------------------------------------------------


def scores_json(scores: HatScores) -> str:
    """Scores as JSON, in the schema ``hatlib/schemas/score-2.json``."""
    from hatlib import __version__

    table = scores.table()
    results: list[dict[str, Any]] = []
    for b in scores.benchmarks:
        rows = table[table["benchmark"] == b.benchmark]
        results.append(
            {
                "benchmark": b.benchmark,
                "source": b.source_language,
                "chance": b.chance,
                "hardness": b.hardness.method,
                "profile": b.profile,
                "reference": b.reference,
                "notes": [note_text(note) for note in b.notes],
                "remarks": [note.remark.value for note in b.notes],
                "scores": [_json_row(row) for row in rows.to_dict("records")],
            }
        )
        for sd, values in b.sensitivity.items():
            for score, value in zip(results[-1]["scores"], values.ravel(), strict=True):
                score.setdefault("sensitivity", {})[f"{sd:g}"] = _plain(float(value))
    document = {
        "schema": SCHEMA,
        "draws": scores.n_draws,
        "seed": scores.seed,
        "level": scores.level,
        "hatlib": __version__,
        "results": results,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


_JSON_COLUMNS = (
    *("model", "target", "hat", "low", "high", "hat_pooled", "hat_pooled_low", "hat_pooled_high"),
    *("f95", "f95_low", "f95_high", "support", "effective_items", "n_items", "n_trials"),
    *("source_accuracy", "target_accuracy", "xlt_gap", "ratio", "conditional_transfer"),
)


def _json_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    found = {name: _plain(row[name]) for name in _JSON_COLUMNS}
    return {**found, "flags": [flag.value for flag in named_flags(row["flag"])]}


def _plain(value: Any) -> Any:
    """A value of JSON: no number is None, and the same seed gives the same text anywhere."""
    if isinstance(value, str):
        return value or None
    if not isfinite(float(value)):
        return None
    return int(value) if isinstance(value, int | np.integer) else round(float(value), _ROUND)


# Two models ---------------------------------------------------------------------------------------

_SCORE_COLUMNS = ("model", "hat", "low", "high")
_RANK_COLUMNS = (*_SCORE_COLUMNS, "tie_group", "rank_low", "rank_high")
_MEASURES = {
    "source_accuracy": "source accuracy",
    "target_accuracy": "target accuracy",
    "xlt_gap": "XLT gap",
    "ratio": "ratio",
}


def comparison(scores: HatScores, a: str, b: str, *, benchmark: str, target: str) -> dict[str, Any]:
    """Two models on one benchmark, among all the others.

    Parameters
    ----------
    scores : HatScores
        With redraws.
    a, b : str
        Two models, by name or display name.
    benchmark, target : str
        The benchmark; ``macro`` or a language code.

    Returns
    -------
    dict
        An entry of ``results`` in ``hatlib/schemas/compare-2.json``.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([0, 2], profiles=["linear", "square"]).responses
    >>> scores = hatlib.hat_scores(answers, draws=100)
    >>> found = comparison(scores, "Alder", "Aspen", benchmark="sim", target="macro")
    >>> found["model_a"], found["tie_group_a"] in ("A", "B", "A B")
    ('Alder', True)
    """
    two = compare_models(scores, a, b, benchmark=benchmark, target=target)
    every = compare_all(scores, benchmark=benchmark, target=target)
    models, pairs = every.models, every.pairs
    chosen = scores.benchmark(benchmark)
    t = chosen.targets.index(target)
    rows = scores.table().query("benchmark == @benchmark and target == @target")
    # A display name that stands for two models was refused above.
    names = dict(zip(rows["display_name"], rows["model"], strict=True))
    id_a, id_b = (name if name in set(rows["model"]) else names[name] for name in (a, b))
    pair = pairs[pairs["id_a"].isin([id_a, id_b]) & pairs["id_b"].isin([id_a, id_b])]
    groups = dict(zip(models["model"], models["tie_group"], strict=True))
    flags = {
        name: [flag.value for flag in chosen.flags_of(m, t)] for m, name in enumerate(chosen.models)
    }

    def listed(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {**{c: _plain(row[c]) for c in columns}, "flags": flags[row["model"]]}
            for row in frame.to_dict("records")
        ]

    return {
        "benchmark": benchmark,
        "target": target,
        "settings": settings(chosen),
        "model_a": id_a,
        "model_b": id_b,
        "hat_a": _plain(two.hat_a),
        "hat_b": _plain(two.hat_b),
        "difference": _plain(two.difference),
        "low": _plain(two.low),
        "high": _plain(two.high),
        "p_value": _plain(two.p_value),
        "q_value": _plain(pair["q_value"].iloc[0]) if len(pair) else None,
        "told_apart": bool(pair["told_apart"].iloc[0]) if len(pair) else None,
        "tie_group_a": groups.get(id_a) or None,
        "tie_group_b": groups.get(id_b) or None,
        "flags_a": flags[id_a],
        "flags_b": flags[id_b],
        "metrics": [
            {str(name): _plain(value) for name, value in row.items()}
            for row in two.metrics.to_dict("records")
        ],
        "models": listed(models, _RANK_COLUMNS),
        "left_out": listed(rows[~rows["model"].isin(models["model"])], _SCORE_COLUMNS),
    }


def comparisons_text(scores: HatScores, found: Sequence[Mapping[str, Any]], form: str) -> str:
    """Comparisons of two models as text.

    Parameters
    ----------
    scores : HatScores
        What they were made from.
    found : sequence of dict
        From `comparison`.
    form : {"table", "csv", "json", "md"}
        CSV has one row a benchmark, without the other models; JSON keeps to
        ``hatlib/schemas/compare-2.json``.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([0, 2], profiles=["linear", "square"]).responses
    >>> scores = hatlib.hat_scores(answers, draws=100)
    >>> found = comparison(scores, "Alder", "Aspen", benchmark="sim", target="macro")
    >>> comparisons_text(scores, [found], "csv").splitlines()[1][:20]
    'sim,macro,Alder,Aspe'
    """
    from hatlib import __version__

    if form == "json":
        document = {
            "schema": SCHEMA,
            "draws": scores.n_draws,
            "seed": scores.seed,
            "level": scores.level,
            "hatlib": __version__,
            "results": [_without(each, "settings") for each in found],
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    if form == "csv":
        rows = [_without(each, "settings", "metrics", "models", "left_out") for each in found]
        both = {name: ["; ".join(row[name]) for row in rows] for name in ("flags_a", "flags_b")}
        return csv_text(pd.DataFrame(rows).assign(**both))
    parts = []
    for each in found:
        name = scores.names.get(each["benchmark"], each["benchmark"])
        over = "mean over the targets" if each["target"] == MACRO else f"target {each['target']}"
        parts.append(titled(f"{name}, {over}", each["settings"], _pair_cells(each), form))
        parts.append(titled("All models", "from the best", _rank_cells(each), form))
    return "\n\n".join([*parts, *flag_legend(flags_of(found), form)])


def flags_of(found: Sequence[Mapping[str, Any]]) -> list[Flag]:
    """All flags that stand in some comparisons.

    Examples
    --------
    >>> flags_of([{"models": [{"flags": []}], "left_out": [{"flags": ["too few items"]}]}])
    [<Flag.FEW_ITEMS: 'too few items'>]
    """
    rows = [row for each in found for row in (*each["models"], *each["left_out"])]
    return [Flag(name) for name in dict.fromkeys(name for row in rows for name in row["flags"])]


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _pair_cells(found: Mapping[str, Any]) -> pd.DataFrame:
    """One row a measure: both models and their difference."""

    def row(measure: str, a: str, b: str, difference: str, p: str = "", q: str = "") -> list[str]:
        return [measure, a, b, difference, p, q]

    columns = ["measure", "A", "B", "A - B", "p", "q"]
    hat = row(
        "HAT",
        number(found["hat_a"]),
        number(found["hat_b"]),
        estimate(found["difference"], found["low"], found["high"]),
        probability(found["p_value"]),
        probability(found["q_value"]),
    )
    metrics = [
        row(
            _MEASURES.get(each["measure"], each["measure"]),
            *(number(each[name]) for name in ("a", "b", "difference")),
        )
        for each in found["metrics"]
    ]
    groups = row("tie group", found["tie_group_a"] or NONE, found["tie_group_b"] or NONE, "")
    names = row("model", found["model_a"], found["model_b"], "")
    flag_a, flag_b = (short_flags(map(Flag, found[name])) for name in ("flags_a", "flags_b"))
    last = [row("flag", flag_a, flag_b, "")] if flag_a or flag_b else []
    return pd.DataFrame([names, hat, *metrics, groups, *last], columns=columns)


def _rank_cells(found: Mapping[str, Any]) -> pd.DataFrame:
    """One row a model: its score, the ranks that it may have, its tie groups."""
    rows = []
    for each in (*found["models"], *found["left_out"]):
        first, last = each.get("rank_low", NONE), each.get("rank_high", NONE)
        rows.append(
            {
                "model": each["model"],
                "HAT": estimate(each["hat"], each["low"], each["high"]),
                "rank": f"{first}" if first == last else f"{first} to {last}",
                "tie group": each.get("tie_group") or NONE,
                "flag": short_flags(map(Flag, each["flags"])),
            }
        )
    return pd.DataFrame(rows, columns=["model", "HAT", "rank", "tie group", "flag"])


def comparison_notes(scores: HatScores) -> list[str]:
    """What a reader of a comparison must know.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([1, 2]).responses
    >>> comparison_notes(hatlib.hat_scores(answers, draws=20))[-1][:18]
    'p: of no differenc'
    """
    return [
        *notes(scores),
        "p: of no difference between A and B. q: the same, corrected for all pairs of models "
        "(Benjamini and Hochberg). Models that share a letter of their tie groups cannot be told "
        f"apart, at {100 * scores.level:g} % for all pairs together.",
    ]
