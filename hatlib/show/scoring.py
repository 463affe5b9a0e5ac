"""Scores and comparisons in tables, JSON and sentences."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.responses import Responses
from hatlib.data.writing import csv_text
from hatlib.metric.answers import excess_agreement
from hatlib.metric.checks import identity_control, sibtest
from hatlib.metric.compare import compare_all, compare_models
from hatlib.metric.flags import Flag, Remark
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.sufficient import MACRO
from hatlib.show.output import NONE, estimate, number, probability, terminal_width, titled
from hatlib.show.remarks import FLAGS, LEGEND, SHORT, note_text
from hatlib.words import markdown_text

SCHEMA = 2
"""Version of the JSON output. A change that breaks readers raises it."""

SPARE = ("ratio", "gap", "T", "S", "sd 0, 1, 2")
"""Columns that a narrow terminal does without, in this order."""

INTERVALS = ", with {percent:g}% intervals from {draws} redraws of the items"
_ROUND = 6  # decimals in JSON: the same seed gives the same text on any machine


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
    >>> print(scores_text(hatlib.hat_scores(answers, draws=0), "md").splitlines()[2][:65])
    source en, chance 0, hardness self, answers taken as independent,
    """
    if form == "json":
        return scores_json(scores)
    table = scores.table() if every else scores.macro()
    if form == "csv":
        return csv_text(table)
    parts = []
    for b in scores.benchmarks:
        rows = table[table["benchmark"] == b.benchmark].copy()
        if not every:
            rows = rows.sort_values("hat", ascending=False, kind="stable")
        shared, rows["flag"] = once(rows)
        cells = _score_cells(rows, b)
        if not every:
            cells = cells.drop(columns="target")
        about = settings(b) + (f"; every score: {_short(shared)}" if shared else "")
        name = scores.names.get(b.benchmark, b.benchmark)
        parts.append(titled(name, about, cells, form, spare=SPARE))
    return "\n\n".join([*parts, *flag_legend(table["flag"], form)])


def once(rows: pd.DataFrame) -> tuple[str, pd.Series]:
    """Flags that all scores of a benchmark have, to be said once, and the flags of each row.

    Parameters
    ----------
    rows : DataFrame
        Of `HatScores.table`, for one benchmark.

    Returns
    -------
    shared : str
        Flags of all rows with a score; none if fewer than two have one.
    flag : Series of str
        The column without them, in rows with a score.

    Examples
    --------
    >>> rows = pd.DataFrame({"hat": [0.7, 0.6], "flag": ["extrapolated; two", "two"]})
    >>> once(rows)[0], once(rows)[1].tolist()
    ('two', ['extrapolated', ''])
    """
    has = rows["hat"].notna()
    sets = [text.split("; ") for text in rows.loc[has, "flag"]]
    shared = [name for name in sets[0] if name and all(name in s for s in sets)] if sets[1:] else []
    left = ["; ".join(f for f in text.split("; ") if f not in shared) for text in rows["flag"]]
    return "; ".join(shared), rows["flag"].where(~has, pd.Series(left, rows.index, dtype=str))


def _score_cells(table: pd.DataFrame, b: BenchmarkScores) -> pd.DataFrame:
    places = zip(map(b.models.index, table["model"]), map(b.targets.index, table["target"]),
                 strict=True)  # fmt: skip
    others = [[number(values[at]) for values in b.sensitivity.values()] for at in places]
    shares = [f"{share:.0%}"[:-1] + " %" for share in table["support"]]
    cells = pd.DataFrame(
        {
            "model": table["model"],
            "target": table["target"],
            "HAT": _with_ends(table, "hat", "low", "high"),
            "sd 0, 1, 2": pd.Series(map(", ".join, others), table.index, dtype=str),
            "f(.95)": table["f95"].map(number),
            "support": pd.Series(shares, table.index, dtype=str),
            **{name: table[column].map(number) for name, column in _USUAL.items()},
            "flag": table["flag"].map(_short),
        }
    )
    cells["sd 0, 1, 2"] = cells["sd 0, 1, 2"].where(table["hat"].notna(), NONE)
    cells["support"] = cells["support"].where(table["support"].notna(), NONE)
    return cells if b.sensitivity else cells.drop(columns="sd 0, 1, 2")


_USUAL = {"S": "source_accuracy", "T": "target_accuracy", "gap": "xlt_gap", "ratio": "ratio"}


def _with_ends(table: pd.DataFrame, *columns: str) -> list[str]:
    """Estimates with their intervals, from the columns of the three numbers."""
    return [estimate(*numbers) for numbers in table[list(columns)].astype(float).to_numpy()]


def settings(b: BenchmarkScores) -> str:
    """How the scores of a benchmark were made, in one line."""
    said = {note.remark for note in b.notes}
    more = ", one prompting left out" if Remark.PROMPTING_LEFT_OUT in said else ""
    more += ", within strata" if Remark.STRATA in said else ""
    if Remark.UNNAMED_PROMPTS in said and Remark.CORRELATION_GIVEN not in said:
        more += ", answers taken as independent"
    return (
        f"source {b.source_language}, chance {b.chance:.3g}, hardness {b.hardness.method}{more}, "
        f"profile {b.profile}, reference {b.reference}"
    )


def _flags(text: str) -> list[Flag]:
    """The flags of a cell of the column ``flag``."""
    return [Flag(name) for name in text.split("; ") if name]


def _short(text: str) -> str:
    """The flags of a cell as they stand in a table."""
    return "; ".join(SHORT.get(flag, flag.value) for flag in _flags(text))


def flag_legend(cells: Iterable[str], form: str) -> list[str]:
    """What flags mean; nothing if there are none.

    Parameters
    ----------
    cells : iterable of str
        The column ``flag`` of a table.
    form : {"table", "csv", "json", "md"}
        The form of the table: CSV and JSON have the flags in full.

    Returns
    -------
    list of str
        One text, or none.

    Examples
    --------
    >>> print(flag_legend(["one answer an item", ""], "md")[0][:48])
    - **one answer an item**: Each item was answered
    """
    short = SHORT if form in ("table", "md") else {}
    there = {flag for text in set(cells) for flag in _flags(text)}
    lines = []
    for flag in (flag for flag in Flag if flag in there):
        called, meaning = short.get(flag, flag.value), FLAGS[flag]
        if form == "md":
            lines.append(f"- **{called}**: {markdown_text(meaning)}")
        else:
            text = f"{called}: {meaning}"
            lines.append(textwrap.fill(text, terminal_width(), subsequent_indent="  "))
    return ["\n".join(lines)] if lines else []


def notes(scores: HatScores) -> list[str]:
    """What a reader of scores must know: how to read them, and what was chosen.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([1, 2], n_items=400).responses
    >>> notes(hatlib.hat_scores(answers, draws=0))[0][:30]
    'HAT: 0 no transfer, 1 perfect '
    """
    interval = INTERVALS if scores.n_draws else ", without intervals"
    about = {"percent": 100 * scores.level, "draws": scores.n_draws}
    legend = LEGEND["scores"].format(interval=interval.format(**about))
    return [legend, *benchmark_notes(scores)]


def benchmark_notes(scores: HatScores) -> list[str]:
    """What was chosen, assumed or seen, benchmark by benchmark."""
    return [f"{b.benchmark}: {note_text(note)}" for b in scores.benchmarks for note in b.notes]


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
        agreement = excess_agreement(counts).set_index("model")
        frame = pd.DataFrame({"benchmark": b.benchmark, "model": b.models})
        numbers = {"hat_pooled": b.hat_pooled, "f95": b.f95, "control": control}
        for name, found in numbers.items():
            for end, values in (("", "value"), ("_low", "low"), ("_high", "high")):
                frame[name + end] = np.nan if found is None else getattr(found, values)[:, 0]
        frame["sibtest"] = sibtest(counts)[:, 0]
        frame["agreement"] = frame["model"].map(agreement["covariance"]).astype(float)
        frame["agreement_z"] = frame["model"].map(agreement["z"]).astype(float)
        for sd in (0, 1, 2):
            frame[f"hat_sd{sd}"] = b.sensitivity[sd][:, 0] if sd in b.sensitivity else np.nan
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
        rows = table[table["benchmark"] == b.benchmark]
        three = rows[["hat_sd0", "hat_sd1", "hat_sd2"]].map(number)
        sds = three.agg(", ".join, axis=1)
        cells = pd.DataFrame(
            {
                "model": rows["model"],
                "pooled": _with_ends(rows, "hat_pooled", "hat_pooled_low", "hat_pooled_high"),
                "f(.95)": _with_ends(rows, "f95", "f95_low", "f95_high"),
                "SIBTEST": rows["sibtest"].map(number),
                "control": _with_ends(rows, "control", "control_low", "control_high"),
                "z": [number(z, 1) for z in rows["agreement_z"]],
                "sd 0, 1, 2": sds.mask(three.eq(NONE).any(axis=1), NONE),
            }
        )
        cells = cells[[c for c in cells if c == "model" or (cells[c] != NONE).any()]]
        name = scores.names.get(b.benchmark, b.benchmark)
        texts.append(titled(f"{name}: more", LEGEND["more"], cells, form, spare=("SIBTEST",)))
    return "\n\n".join(texts)


_SCORE_COLUMNS = ("model", "hat", "low", "high")
_RANK_COLUMNS = (*_SCORE_COLUMNS, "tie_group", "rank_low", "rank_high")
_JSON_COLUMNS = (
    *("model", "target", "hat", "low", "high", "hat_pooled", "hat_pooled_low", "hat_pooled_high"),
    *("f95", "f95_low", "f95_high", "support", "effective_items", "n_items", "n_trials"),
    *("source_accuracy", "target_accuracy", "xlt_gap", "ratio", "conditional_transfer"),
)


def scores_json(scores: HatScores) -> str:
    """Scores as JSON, in the schema ``hatlib/schemas/score-2.json``."""
    table = scores.table()
    results: list[dict[str, Any]] = []
    for b in scores.benchmarks:
        rows = _listed(table[table["benchmark"] == b.benchmark], _JSON_COLUMNS)
        for sd, values in b.sensitivity.items():
            for score, value in zip(rows, values.ravel(), strict=True):
                score.setdefault("sensitivity", {})[f"{sd:g}"] = _plain(value)
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
                "scores": rows,
            }
        )
    return _document(scores, results)


def _document(scores: HatScores, results: list[dict[str, Any]]) -> str:
    """What scores and comparisons share as JSON."""
    from hatlib import __version__

    about = {"draws": scores.n_draws, "seed": scores.seed, "level": scores.level}
    document = {"schema": SCHEMA, **about, "hatlib": __version__, "results": results}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


def _listed(table: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a table with the column ``flag`` for JSON."""
    flags = [[flag.value for flag in _flags(text)] for text in table["flag"]]
    rows = zip(table[list(columns)].to_dict("records"), flags, strict=True)
    return [{name: _plain(row[name]) for name in columns} | {"flags": own} for row, own in rows]


def _plain(value: Any) -> Any:
    """A value of JSON: no number is None, and the same seed gives the same text anywhere."""
    if isinstance(value, str):
        return value or None
    if not isfinite(float(value)):
        return None
    return int(value) if isinstance(value, int | np.integer) else round(float(value), _ROUND)


_MEASURES = {
    "source_accuracy": "source accuracy",
    "target_accuracy": "target accuracy",
    "xlt_gap": "gap",
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
    rows = scores.table().query("benchmark == @benchmark and target == @target")
    flags = rows.set_index("model")["flag"]
    # A display name that stands for two models was refused above.
    names = dict(zip(rows["display_name"], rows["model"], strict=True))
    id_a, id_b = (name if name in flags else names[name] for name in (a, b))
    pair = every.pairs[every.pairs[["id_a", "id_b"]].isin([id_a, id_b]).all(axis=1)]
    groups = every.models.set_index("model")["tie_group"]
    ranked = every.models.assign(flag=every.models["model"].map(flags))
    numbers = ("hat_a", "hat_b", "difference", "low", "high", "p_value")
    return {
        "benchmark": benchmark,
        "target": target,
        "settings": settings(scores.benchmark(benchmark)),
        "model_a": id_a,
        "model_b": id_b,
        **{name: _plain(getattr(two, name)) for name in numbers},
        "q_value": _plain(pair["q_value"].iloc[0]) if len(pair) else None,
        "told_apart": bool(pair["told_apart"].iloc[0]) if len(pair) else None,
        "tie_group_a": groups.get(id_a) or None,
        "tie_group_b": groups.get(id_b) or None,
        "flags_a": [flag.value for flag in _flags(flags[id_a])],
        "flags_b": [flag.value for flag in _flags(flags[id_b])],
        "metrics": [
            {str(name): _plain(value) for name, value in row.items()}
            for row in two.metrics.to_dict("records")
        ],
        "models": _listed(ranked, _RANK_COLUMNS),
        "left_out": _listed(rows[~rows["model"].isin(groups.index)], _SCORE_COLUMNS),
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
    if form == "json":
        return _document(scores, [_without(each, "settings") for each in found])
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


def flags_of(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """All flags that stand in some comparisons.

    Examples
    --------
    >>> flags_of([{"models": [{"flags": []}], "left_out": [{"flags": ["too few items"]}]}])
    ['too few items']
    """
    rows = (row for each in found for row in (*each["models"], *each["left_out"]))
    return [flag for row in rows for flag in row["flags"]]


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _pair_cells(found: Mapping[str, Any]) -> pd.DataFrame:
    """One row a measure: both models and their difference."""
    gap = estimate(found["difference"], found["low"], found["high"])
    chance = probability(found["p_value"]), probability(found["q_value"])
    rows: list[tuple[str, ...]] = [
        ("model", found["model_a"], found["model_b"], "", "", ""),
        ("HAT", number(found["hat_a"]), number(found["hat_b"]), gap, *chance),
    ]
    for each in found["metrics"]:
        numbers = (number(each[name]) for name in ("a", "b", "difference"))
        rows.append((_MEASURES.get(each["measure"], each["measure"]), *numbers, "", ""))
    groups = (found[name] or NONE for name in ("tie_group_a", "tie_group_b"))
    rows.append(("tie group", *groups, "", "", ""))
    flags = [_short("; ".join(found[name])) for name in ("flags_a", "flags_b")]
    if any(flags):
        rows.append(("flag", *flags, "", "", ""))
    return pd.DataFrame(rows, columns=["measure", "A", "B", "A - B", "p", "q"])


def _rank_cells(found: Mapping[str, Any]) -> pd.DataFrame:
    """One row a model: its score, the ranks that it may have, its tie groups."""
    rows = []
    for each in (*found["models"], *found["left_out"]):
        first, last = each.get("rank_low", NONE), each.get("rank_high", NONE)
        score = estimate(each["hat"], each["low"], each["high"])
        rank = f"{first}" if first == last else f"{first} to {last}"
        flag = _short("; ".join(each["flags"]))
        rows.append((each["model"], score, rank, each.get("tie_group") or NONE, flag))
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
    return [*notes(scores), LEGEND["comparison"].format(percent=100 * scores.level)]
