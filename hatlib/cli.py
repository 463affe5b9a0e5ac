"""The command `hat`: each command is one call of a public function.

Results go to standard output, messages to standard error. The exit code is 0 if all is well, 1 if
the input is wrong, 2 if the command is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatlib.errors import InputError, Problem, RunError

if TYPE_CHECKING:
    from rich.console import Console

    from hatlib.publish import Notebook
    from hatlib.publish.places import Progress

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure cross-lingual transfer: run the analyses of the book, on its data or on yours.",
)


class Format(StrEnum):
    """How a list is written."""

    TABLE = "table"
    JSON = "json"
    MD = "md"


def _version(wanted: bool) -> None:
    if wanted:
        from hatlib import __version__

        typer.echo(f"hat {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def book(
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with your accuracies*.csv and models.csv; the book is on these."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Rerun these analyses only.", metavar="NAME…")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Analyses that run at the same time.")] = 2,
    force: Annotated[bool, typer.Option(help="Rerun analyses that are up to date.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the book in the browser.")] = False,
) -> None:
    """Rerun the analyses that are out of date, and build the book."""
    from hatlib import publish

    names = _with_trailing("--only", only, more)
    with _progress() as progress:
        built = publish.build_book(data=data, only=names, jobs=jobs, force=force, progress=progress)
    for name, why in built.executed.items():
        _say(f"{name}: run, because {why}")
    pages = "pages built" if built.built else "nothing changed"
    _say(f"{len(built.executed)} run, {len(built.reused)} reused, {pages}, {built.seconds:.1f} s")
    typer.echo(built.index)
    if open_:
        _open(built.index)


@app.command()
def notebooks(
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """List the analyses, what they need and their parameters."""
    from hatlib import publish

    found = publish.notebooks()
    if format_ is Format.JSON:
        typer.echo(_as_json(found))
    elif format_ is Format.MD:
        typer.echo(publish.notebooks_markdown(found))
    else:
        _print_notebooks(found)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="The analysis; `hat notebooks` lists them.")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Your accuracies: CSV, CSV.gz or Parquet.", metavar="FILE…"),
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Your table of models.", metavar="FILE")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="Set a parameter.", metavar="NAME=VALUE"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the results. [default: hat-output/NAME]"),
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite the results of an earlier run.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Run one analysis on other data or with other parameters."""
    from hatlib import publish

    values = _pairs(parameter or [])
    if models is not None:
        values["models"] = models
    files = _with_trailing("--data", data, more)
    with _progress() as progress:
        result = publish.run_notebook(
            name, values, data=files, out=out, force=force, progress=progress
        )
    if result.report is not None:
        _say(str(result.report))
    _say(f"{name}: done in {result.seconds:.1f} s")
    typer.echo(result.notebook)
    typer.echo(result.page)
    if open_:
        _open(result.page)


@app.command()
def check(
    files: Annotated[
        list[str], typer.Argument(help="Accuracies: CSV, CSV.gz or Parquet.", metavar="FILE…")
    ],
    models: Annotated[
        str | None, typer.Option(help="Your table of models.", metavar="FILE")
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--source-language", help="Language that transfer starts from.", metavar="CODE"
        ),
    ] = "en",
    chance: Annotated[
        float | None, typer.Option(help="Accuracy of a guess, 0 to 1, on your benchmark.")
    ] = None,
) -> None:
    """Check files before a run; list everything that is wrong with them."""
    import hatlib

    tables = hatlib.load(files, models=models, source_language=source, chance=chance)
    typer.echo(str(tables.report))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    open_: Annotated[bool, typer.Option("--open", help="Open the book in the browser.")] = False,
) -> None:
    """Show the built book on this machine."""
    from hatlib import publish

    with contextlib.suppress(KeyboardInterrupt), publish.serve(port) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        typer.echo(address)
        sys.stdout.flush()
        _say("Stop with Ctrl-C.")
        if open_:
            typer.launch(address)
        server.serve_forever()


# Help with options and messages ----------------------------------------------------------------


def _with_trailing(option: str, given: list[str] | None, more: list[str] | None) -> list[str]:
    """Let an option take several words, as in `--data a.csv b.csv` or `--data *.csv`."""
    if more and not given:
        raise typer.BadParameter(f"unexpected: {' '.join(more)}. Did you mean {option} {more[0]}?")
    return [*(given or []), *(more or [])]


def _pairs(texts: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems = []
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not name:
            problems.append(Problem("this is not name=value.", "Write -p draws=200.", value=text))
        elif name in values:
            problems.append(Problem(f"the parameter {name} is given twice.", "Keep one."))
        values[name] = value
    if problems:
        raise InputError(problems)
    return values


def _problems(error: InputError, most: int = 50) -> str:
    """One line a problem, and how many more there are."""
    lines = [str(problem) for problem in error.problems]
    if len(lines) > most:
        lines[most:] = [f"… and {len(lines) - most} more problems."]
    return "\n".join(lines)


def _say(text: str) -> None:
    """Write a message to standard error, as it stands."""
    typer.echo(_printable(text), err=True)


def _printable(text: str) -> str:
    """Text from files must not steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def _open(path: Path) -> None:
    typer.launch(path.absolute().as_uri())


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False)


@contextlib.contextmanager
def _progress() -> Iterator[Progress | None]:
    """A progress bar on a terminal; nothing elsewhere."""
    console = _console()
    if not console.is_terminal or os.environ.get("CI"):
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(message: str, done: int, total: int) -> None:
            bar.update(task, description=message, completed=done, total=total)

        yield show


def _as_json(found: Sequence[Notebook]) -> str:
    import dataclasses
    import json

    rows = [dataclasses.asdict(notebook) | {"path": str(notebook.path)} for notebook in found]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _print_notebooks(found: Sequence[Notebook]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for notebook in found:
        console.print(Text(notebook.name, style="bold"))
        for line in (
            notebook.question or notebook.title,
            notebook.needs and f"Needs: {notebook.needs}",
        ):
            if line:
                console.print(Text(f"  {line}"))
        table = Table("parameter", "type", "default", "what it does", box=None, pad_edge=True)
        for each in notebook.parameters:
            table.add_row(*map(Text, (each.name, each.type, repr(each.default), each.help)))
        console.print(table)
        console.print()


def main() -> None:
    """Run the command line; turn a user's mistake into a message and an exit code."""
    try:
        app(prog_name="hat")
    except InputError as error:
        _say(_problems(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{error.strerror or error}.")
    except MemoryError:
        _say("There is not enough memory for this.")
    except RunError as error:
        _say(str(error))
    sys.exit(1)


if __name__ == "__main__":
    main()
