"""Results as text: tables for a terminal, CSV and Markdown, safe whatever the names in them hold.

Names of models and benchmarks come from strangers' files.  A terminal must not be steered by
them, a page not run them as HTML, and a spreadsheet not take them for formulas.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatlib.words import markdown_text

# pandas and rich are imported where they are needed: the command line uses this module at once.
if TYPE_CHECKING:
    import pandas as pd


_EVERY = 5.0  # seconds between lines of progress

#: What stands where there is no number.
NONE = "–"


def titled(
    title: str, about: str, cells: pd.DataFrame, form: str, *, spare: Sequence[str] = ()
) -> str:
    """A table under its title, for a terminal or in Markdown.

    Parameters
    ----------
    title, about : str
        What stands above it.
    cells : DataFrame
        Text.
    form : {"table", "md"}
        For a terminal, or as Markdown.
    spare : sequence of str
        Columns that a narrow terminal does without, in this order.

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
    width = terminal_width()
    about = textwrap.fill(about, width)
    return "\n".join((printable(title), about, plain_table(cells, width, spare=spare)))


def score_command(paths: Sequence[Path]) -> str:
    """The command that scores simulated answers.

    Parameters
    ----------
    paths : sequence of Path
        From `hatlib.truth.simulate.Simulated.write`: answers, models, benchmarks.

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


def plain_table(cells: pd.DataFrame, width: int, *, spare: Sequence[str] = ()) -> str:
    """A table for a terminal or a text file.

    Nothing is cut off: the first column and flags are folded, columns that can be spared are left
    out, and on fewer than `CARD` columns each row becomes a card.

    Parameters
    ----------
    cells : DataFrame
        Text. The first column gives way if the table is too wide.
    width : int
        Columns of the terminal.
    spare : sequence of str
        Columns that are left out, in this order, while the table is too wide.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"model": ["Alder"], "HAT": ["0.71"], "gap": ["0.20"]})
    >>> print(plain_table(cells, 80))
    model     HAT   gap
    Alder     0.71  0.20
    >>> print(plain_table(cells, 50))
    Alder
      HAT  0.71
      gap  0.20
    """
    for name in spare:
        if _narrowest(cells) > width and name in cells:
            cells = cells.drop(columns=name)
    if width < CARD or _narrowest(cells) > width:
        return "\n".join(_card(row, width) for row in cells.to_dict("records"))
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


CARD = 60
"""On narrower terminals each row of a table is a card."""


def _narrowest(cells: pd.DataFrame) -> int:
    """Columns of the terminal that a table needs, with long names and flags folded."""
    total = 0
    for place, name in enumerate(map(str, cells)):
        longest = max((len(str(cell)) for cell in cells[name]), default=0)
        folds = place == 0 or name == "flag"
        total += 2 + max(min(longest, 14) if folds else longest, len(name))
    return total - 2


def _card(row: Mapping[Any, Any], width: int) -> str:
    """One row of a table, a line a cell; long ones are folded."""
    first, *rest = row
    lines = textwrap.wrap(printable(str(row[first])), width) or [""]
    known = [name for name in rest if str(row[name])]
    wide = max((len(str(name)) for name in known), default=0)
    for name in known:
        start = f"  {name:<{wide}}  "
        text = start + printable(str(row[name]))
        lines += textwrap.wrap(text, width, subsequent_indent=" " * len(start))
    return "\n".join(lines)


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


@contextlib.contextmanager
def showing_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal, a line every few seconds elsewhere."""
    import rich.progress as bars
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False)
    on_terminal = console.is_terminal and not os.environ.get("CI")
    last = time.monotonic()
    text = bars.TextColumn("{task.description}", markup=False)
    columns = (text, bars.BarColumn(), bars.MofNCompleteColumn())
    with bars.Progress(
        *columns,
        bars.TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not on_terminal,
    ) as bar:
        task = bar.add_task("starting", total=None)

        def show(message: str, done: int, total: int) -> None:
            nonlocal last
            bar.update(task, description=message, completed=done, total=total)
            if not on_terminal and time.monotonic() - last > _EVERY:
                last = time.monotonic()
                print(printable(f"{message}: {done} of {total}"), file=sys.stderr, flush=True)

        yield show


def print_notebooks(found: Sequence[Any]) -> None:
    """List notebooks with their questions, needs and parameters."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for notebook in found:
        console.print(Text(notebook.name, style="bold"))
        needs = notebook.needs and f"\n  Needs: {notebook.needs}"
        console.print(Text(f"  {notebook.question or notebook.title}{needs}"))
        table = Table("parameter", "type", "default", "what it does", box=None, pad_edge=True)
        for each in notebook.parameters:
            table.add_row(*map(Text, (each.name, each.type, repr(each.default), each.help)))
        console.print(table)
        console.print()
