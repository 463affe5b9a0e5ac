"""Results as text: tables for a terminal, CSV and Markdown, safe whatever the names in them hold.

Names of models and benchmarks come from strangers' files.  A terminal must not be steered by
them, a page not run them as HTML, and a spreadsheet not take them for formulas.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from hatlib.errors import InputError, Problem
from hatlib.words import markdown_text

# pandas and rich are imported where they are needed: the command line uses this module at once.
if TYPE_CHECKING:
    import pandas as pd

    from hatlib.answers import Simulated
    from hatlib.results import HatScores

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
            "flag": row["flag"],
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
        first = rows.iloc[0]
        settings = (
            f"source {first['source']}, chance {first['chance']:.3g}, "
            f"hardness {first['hardness']}, profile {first['profile']}, "
            f"reference {first['reference']}"
        )
        parts.append(titled(str(name), settings, cells, form))
    return "\n\n".join(parts)


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


def notes(scores: HatScores) -> list[str]:
    """What a reader of scores must know: how to read them, what was chosen, what the flags mean.

    Examples
    --------
    >>> import hatlib
    >>> answers = hatlib.simulate_answers([1, 2], n_items=400).responses
    >>> notes(hatlib.hat_scores(answers, draws=0))[0][:30]
    'HAT: 0 no transfer, 1 perfect '
    """
    from hatlib.score import FLAGS

    flags = set(scores.table()["flag"])
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
    return [
        legend,
        *scores.notes,
        *(f"{flag}: {meaning}" for flag, meaning in FLAGS.items() if flag in flags),
    ]


def score_commands(simulated: Simulated, paths: Sequence[Path]) -> list[str]:
    """The commands that score simulated answers, one a benchmark.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> score_commands(simulate_answers([1, 2], chance=0.1), [Path("a b.csv"), Path("models.csv")])
    ["hat score 'a b.csv' --models models.csv --chance 0.1"]
    """
    answers, models = (shlex.quote(str(path)) for path in paths[:2])
    commands = []
    benchmarks = simulated.responses.benchmarks
    for row in benchmarks.to_dict("records"):
        words = ["hat score", answers, "--models", models]
        if len(benchmarks) > 1:
            words += ["--benchmark", shlex.quote(row["benchmark"])]
        if row["source_language"] != "en":
            words += ["--source", shlex.quote(row["source_language"])]
        if row["chance_level"]:
            words += ["--chance", f"{row['chance_level']:g}"]
        commands.append(" ".join(words))
    return commands


def number(value: float, digits: int = 2) -> str:
    """A number for a table.

    Examples
    --------
    >>> number(-0.126), number(float("nan"))
    ('-0.13', '–')
    """
    return NONE if isnan(value) else f"{value:.{digits}f}"


def estimate(value: float, low: float, high: float, digits: int = 2) -> str:
    """An estimate with its interval.

    Examples
    --------
    >>> estimate(0.5, 0.4, 0.6), estimate(0.5, float("nan"), float("nan"))
    ('0.50 [0.40, 0.60]', '0.50')
    """
    if isnan(value) or isnan(low):
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


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


def check_free(files: Iterable[Path], force: bool) -> None:
    """Refuse folders that are none, and files that would be overwritten without being told.

    Examples
    --------
    >>> check_free([Path("new/truth.csv")], force=False)
    """
    files = list(files)
    problems = [
        Problem("this is a file.", "Name a folder.", str(folder))
        for folder in dict.fromkeys(path.parent for path in files)
        if folder.exists() and not folder.is_dir()
    ]
    for path in files:
        if path.is_symlink() or path.is_dir():
            what = "this is a link or a folder, and is not overwritten."
            problems.append(Problem(what, "Choose another name.", str(path)))
        elif path.exists() and not force:
            what = "this file exists and is not overwritten."
            remedy = "Choose another name, or overwrite with --force."
            problems.append(Problem(what, remedy, str(path)))
    if problems:
        raise InputError(problems)


def write_text(path: Path, text: str, *, force: bool) -> None:
    """Write a result to a file, which is not overwritten unless told.

    Raises
    ------
    InputError
        If the file is there already.
    """
    check_free([path], force)
    path.write_text(text + "\n", encoding="utf-8")
