"""Results as text: tables for a terminal, CSV and Markdown, safe whatever the names in them hold.

Names of models and benchmarks come from strangers' files.  A terminal must not be steered by
them, a page not run them as HTML, and a spreadsheet not take them for formulas.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatlib.data.writing import check_free, write_text  # noqa: F401  until commands call it there
from hatlib.show.words import markdown_text

# pandas and rich are imported where they are needed: the command line uses this module at once.
if TYPE_CHECKING:
    import pandas as pd

    from hatlib.metric.results import HatScores

#: What stands where there is no number.
NONE = "–"


def score_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `hatlib.HatScores.table` that are read first, as text.

    Parameters
    ----------
    table : DataFrame
        Rows of one benchmark.

    Returns
    -------
    DataFrame
        ``model``, ``target``, ``HAT`` with its interval, ``support`` in per cent, ``S`` and ``T``
        (source and target accuracy), ``gap``, ``ratio``, ``flag``.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"model": "Alder", "target": "macro", "hat": 0.712, "low": 0.66, "high": 0.75,
    ...        "support": 0.93, "source_accuracy": 0.81, "target_accuracy": 0.63, "xlt_gap": 0.18,
    ...        "ratio": 0.78, "flag": ""}
    >>> score_cells(pd.DataFrame([row])).iloc[0].tolist()[:5]
    ['Alder', 'macro', '0.71 [0.66, 0.75]', '93 %', '0.81']
    """
    import pandas as pd

    rows = [
        {
            "model": row["model"],
            "target": row["target"],
            "HAT": estimate(row["hat"], row["low"], row["high"]),
            "support": NONE if isnan(row["support"]) else f"{row['support']:.0%}"[:-1] + " %",
            "S": number(row["source_accuracy"]),
            "T": number(row["target_accuracy"]),
            "gap": number(row["xlt_gap"]),
            "ratio": number(row["ratio"]),
            "flag": short_flag(row["flag"]),
        }
        for row in table.to_dict("records")
    ]
    columns = ["model", "target", "HAT", "support", "S", "T", "gap", "ratio", "flag"]
    return pd.DataFrame(rows, columns=columns)


def scores_text(table: pd.DataFrame, form: str) -> str:
    """Scores as text, benchmark by benchmark.

    Parameters
    ----------
    table : DataFrame
        From `hatlib.HatScores.table` or `macro`. If it is one row a model, the best comes first.
    form : {"table", "csv", "md"}
        For a terminal, as CSV with all columns, or as Markdown.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([1, 2], profiles="linear", n_items=400).responses
    >>> table = hatlib.hat_scores(answers, draws=0).macro()
    >>> print(scores_text(table, "md").splitlines()[2])
    source en, chance 0, hardness self, profile adaptive, reference uniform
    """
    if form == "csv":
        return csv_text(table)
    parts = []
    for name, rows in table.groupby("benchmark_name", sort=False):
        macro_only = not rows["model"].duplicated().any()
        if macro_only:
            rows = rows.sort_values("hat", ascending=False, kind="stable")
        cells = score_cells(rows)
        if macro_only:
            cells = cells.drop(columns="target")
        parts.append(titled(str(name), _settings(rows.iloc[0]), cells, form))
    return "\n\n".join([*parts, *flag_legend(table["flag"], form)])


def _settings(row: pd.Series) -> str:
    """How a score was made, in one line."""
    return (
        f"source {row['source']}, chance {row['chance']:.3g}, hardness {row['hardness']}, "
        f"profile {row['profile']}, reference {row['reference']}"
    )


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
        An entry of ``results`` in ``hatlib/schemas/compare-1.json``.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([0, 2], profiles=["linear", "square"]).responses
    >>> scores = hatlib.hat_scores(answers, draws=100)
    >>> found = comparison(scores, "Alder", "Aspen", benchmark="sim", target="macro")
    >>> found["model_a"], found["tie_group_a"] in ("A", "B", "A B")
    ('Alder', True)
    """
    import hatlib

    two = hatlib.compare_models(scores, a, b, benchmark=benchmark, target=target)
    every = hatlib.compare_all(scores, benchmark=benchmark, target=target)
    models, pairs = every.ranks(), every.table()
    rows = scores.table().query("benchmark == @benchmark and target == @target")
    # A display name that stands for two models was refused above.
    names = dict(zip(rows["display_name"], rows["model"], strict=True))
    id_a, id_b = (name if name in set(rows["model"]) else names[name] for name in (a, b))
    pair = pairs[pairs["id_a"].isin([id_a, id_b]) & pairs["id_b"].isin([id_a, id_b])]
    groups = dict(zip(models["model"], models["tie_group"], strict=True))
    flags = dict(zip(rows["model"], rows["flag"], strict=True))
    return {
        "benchmark": benchmark,
        "target": target,
        "settings": _settings(rows.iloc[0]),
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
        "tie_group_a": groups.get(id_a),
        "tie_group_b": groups.get(id_b),
        "flag_a": _plain(flags[id_a]),
        "flag_b": _plain(flags[id_b]),
        "flags": flag_parts(two.flags),
        "metrics": [_plain_row(row) for row in two.metrics.to_dict("records")],
        "models": _plain_rows(models, _RANK_COLUMNS),
        "left_out": _plain_rows(rows[~rows["model"].isin(models["model"])], _SCORE_COLUMNS),
    }


_SCORE_COLUMNS = ("model", "hat", "low", "high", "flag")
_RANK_COLUMNS = (*_SCORE_COLUMNS, "tie_group", "rank_low", "rank_high")

_MEASURES = {
    "source_accuracy": "source accuracy",
    "target_accuracy": "target accuracy",
    "xlt_gap": "XLT gap",
    "ratio": "ratio",
}


def _plain(value: Any) -> Any:
    """A value of JSON: no number is None, and the same seed gives the same text anywhere."""
    if isinstance(value, str):
        return value or None
    number = float(value)
    if not isfinite(number):
        return None
    return int(value) if isinstance(value, int) else round(number, 6)


def _plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in row.items()}


def _plain_rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    return [_plain_row(row) for row in frame[list(columns)].to_dict("records")]


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
        ``hatlib/schemas/compare-1.json``.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([0, 2], profiles=["linear", "square"]).responses
    >>> scores = hatlib.hat_scores(answers, draws=100)
    >>> found = comparison(scores, "Alder", "Aspen", benchmark="sim", target="macro")
    >>> comparisons_text(scores, [found], "csv").splitlines()[1][:20]
    'sim,macro,Alder,Aspe'
    """
    import pandas as pd

    from hatlib import __version__

    if form == "json":
        document = {
            "schema": 1,
            "draws": scores.n_draws,
            "seed": scores.seed,
            "level": scores.level,
            "hatlib": __version__,
            "results": [_without(each, "settings") for each in found],
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    if form == "csv":
        rows = [_without(each, "settings", "metrics", "models", "left_out") for each in found]
        return csv_text(pd.DataFrame(rows).assign(flags=["; ".join(row["flags"]) for row in rows]))
    parts = []
    for each in found:
        name = scores.names.get(each["benchmark"], each["benchmark"])
        over = "mean over the targets" if each["target"] == "macro" else f"target {each['target']}"
        parts.append(titled(f"{name}, {over}", each["settings"], _pair_cells(each), form))
        parts.append(titled("All models", "from the best", _rank_cells(each), form))
    return "\n\n".join([*parts, *flag_legend(flags_of(found), form)])


def flags_of(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """All flags that stand in some comparisons.

    Examples
    --------
    >>> flags_of([{"models": [{"flag": None}], "left_out": [{"flag": "too few items"}]}])
    ['too few items']
    """
    rows = [row for each in found for row in (*each["models"], *each["left_out"])]
    return flag_parts(row["flag"] or "" for row in rows)


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _pair_cells(found: Mapping[str, Any]) -> pd.DataFrame:
    """One row a measure: both models and their difference."""
    import pandas as pd

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
    flag_a, flag_b = (short_flag(found[name] or "") for name in ("flag_a", "flag_b"))
    last = [row("flag", flag_a, flag_b, "")] if flag_a or flag_b else []
    return pd.DataFrame([names, hat, *metrics, groups, *last], columns=columns)


def _rank_cells(found: Mapping[str, Any]) -> pd.DataFrame:
    """One row a model: its score, the ranks that it may have, its tie groups."""
    import pandas as pd

    rows = []
    for each in (*found["models"], *found["left_out"]):
        first, last = each.get("rank_low", NONE), each.get("rank_high", NONE)
        rows.append(
            {
                "model": each["model"],
                "HAT": estimate(each["hat"], each["low"], each["high"]),
                "rank": f"{first}" if first == last else f"{first} to {last}",
                "tie group": each.get("tie_group", NONE),
                "flag": short_flag(each["flag"] or ""),
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


def titled(title: str, about: str, cells: pd.DataFrame, form: str) -> str:
    """A table under its title, for a terminal or in Markdown.

    Examples
    --------
    >>> import pandas as pd
    >>> print(titled("MGSM", "source en", pd.DataFrame({"HAT": ["0.7"]}), "md"))
    ### MGSM
    <BLANKLINE>
    source en
    <BLANKLINE>
    | HAT |
    |---|
    | 0.7 |
    """
    if form == "md":
        return "\n\n".join((f"### {markdown_text(title)}", about, markdown_table(cells)))
    return "\n".join((printable(title), about, plain_table(cells, terminal_width())))


def flag_parts(flags: Iterable[str]) -> list[str]:
    """The single flags that stand in some flags, each once; two in one are joined by a semicolon.

    Examples
    --------
    >>> flag_parts(["extrapolated; other languages than most", "", "extrapolated"])
    ['extrapolated', 'other languages than most']
    """
    return list(dict.fromkeys(part for flag in flags for part in flag.split("; ") if part))


def short_flag(flag: str) -> str:
    """A flag as it stands in a table.

    Examples
    --------
    >>> short_flag("extrapolated; other languages than most")
    'extrapolated; other languages'
    """
    return "; ".join(_SHORT.get(part, part) for part in flag_parts([flag]))


_SHORT = {"other languages than most": "other languages"}


def flag_legend(flags: Iterable[str], form: str) -> list[str]:
    """What the flags of a table mean; nothing if it has none.

    Parameters
    ----------
    flags : iterable of str
        All flags of the table, in any number.
    form : {"table", "csv", "json", "md"}
        The form of the table: CSV and JSON have the flags in full.

    Returns
    -------
    list of str
        One text, or none.

    Examples
    --------
    >>> print(flag_legend(["one answer an item; extrapolated"], "md")[0][:48])
    - **one answer an item**: Each item was answered
    """
    from hatlib.metric.score import FLAGS

    short = _SHORT if form in ("table", "md") else {}
    meanings = [(short.get(part, part), FLAGS[part]) for part in flag_parts(flags)]
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
        f"HAT: 0 no transfer, 1 perfect transfer{interval}. support: share of the reference where "
        "the model has items. S, T: accuracy in the source and target languages. gap: S - T. "
        "ratio: T / S."
    )
    return [legend, *scores.notes]


def score_command(paths: Sequence[Path]) -> str:
    """The command that scores simulated answers.

    Parameters
    ----------
    paths : sequence of Path
        From `hatlib.truth.answers.Simulated.write`: answers, models, benchmarks.

    Examples
    --------
    >>> score_command([Path("a b.csv"), Path("models.csv"), Path("benchmarks.csv")])
    "hat score 'a b.csv' --models models.csv --benchmarks benchmarks.csv"
    """
    answers, models, benchmarks = paths[:3]
    words = ["hat", "score", answers, "--models", models, "--benchmarks", benchmarks]
    return shlex.join(map(str, words))


def number(value: float | None, digits: int = 2) -> str:
    """A number for a table.

    Examples
    --------
    >>> number(-0.126), number(float("nan")), number(None)
    ('-0.13', '–', '–')
    """
    return NONE if value is None or isnan(value) else f"{value:.{digits}f}"


def probability(value: float | None) -> str:
    """A p-value for a table.

    Examples
    --------
    >>> probability(0.0401), probability(1e-9), probability(None)
    ('0.040', '<0.001', '–')
    """
    return "<0.001" if value is not None and value < 0.0005 else number(value, 3)


def estimate(value: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    """An estimate with its interval.

    Examples
    --------
    >>> estimate(0.5, 0.4, 0.6), estimate(0.5, float("nan"), float("nan"))
    ('0.50 [0.40, 0.60]', '0.50')
    """
    middle, ends = number(value, digits), [number(end, digits) for end in (low, high)]
    return middle if NONE in (middle, *ends) else f"{middle} [{', '.join(ends)}]"


def plain_table(cells: pd.DataFrame, width: int) -> str:
    """A table for a terminal or a text file.

    Parameters
    ----------
    cells : DataFrame
        Text. The first column gives way if the table is too wide.
    width : int
        Columns of the terminal.

    Examples
    --------
    >>> import pandas as pd
    >>> print(plain_table(pd.DataFrame({"model": ["Alder"], "HAT": ["0.71"]}), 80))
    model     HAT
    Alder     0.71
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="")
    for place, name in enumerate(map(str, cells)):
        folds = place == 0 or name == "flag"
        table.add_column(name, no_wrap=not folds, overflow="fold", min_width=8 if folds else None)
    for row in cells.itertuples(index=False):
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def markdown_table(cells: pd.DataFrame) -> str:
    r"""A table in Markdown.

    Examples
    --------
    >>> import pandas as pd
    >>> print(markdown_table(pd.DataFrame({"model": ["a|b"], "HAT": ["0.71 [0.66, 0.75]"]})))
    | model | HAT |
    |---|---|
    | a\|b | 0.71 [0.66, 0.75] |
    """
    rows = [list(cells), *cells.itertuples(index=False)]
    lines = [f"| {' | '.join(_markdown_cell(cell) for cell in row)} |" for row in rows]
    lines.insert(1, "|" + "---|" * len(cells.columns))
    return "\n".join(lines)


def _markdown_cell(value: object) -> str:
    text = printable(str(value)).replace("\n", " ")
    # Numbers and intervals read better without escapes.
    return text if re.fullmatch(r"[\d .,\[\]%–-]*", text) else markdown_text(text)


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV that a spreadsheet takes for data, not for formulas.

    Text that starts like a formula gets an apostrophe before it, which spreadsheets hide.

    Examples
    --------
    >>> import pandas as pd
    >>> print(csv_text(pd.DataFrame({"model": ["=1+1", "b"], "hat": [-0.5, float("nan")]})))
    model,hat
    '=1+1,-0.5
    b,
    """
    import pandas as pd

    text = [str(c) for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    safe = frame.assign(**{c: frame[c].map(_no_formula, na_action="ignore") for c in text})
    return safe.to_csv(index=False, lineterminator="\n").rstrip("\n")


def _no_formula(value: object) -> object:
    if not isinstance(value, str):
        return value
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def printable(text: str) -> str:
    r"""Text that does not steer the terminal.

    Examples
    --------
    >>> printable("\x1b[31mred")
    '�[31mred'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def terminal_width() -> int:
    """Columns of the terminal; 100 where there is none.

    Examples
    --------
    >>> terminal_width() >= 40
    True
    """
    return max(40, shutil.get_terminal_size((100, 24)).columns)
