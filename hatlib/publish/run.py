"""Run one notebook: on a user's data for `hat run`, or for the book."""

from __future__ import annotations

import contextlib
import html
import itertools
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hatlib.data.writing import check_free, sole_writer, write_text
from hatlib.errors import InputError, Problem, RunError
from hatlib.publish.catalogue import bind, literal_path, notebook_named
from hatlib.publish.page import web_page, with_pictures
from hatlib.publish.places import Progress, copy_file, find_root

PAGES = (".html", ".htm")
PATHS = ("data", "answers", "models", "benchmarks", "thresholds")  # parameters that name files


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    notebook : Path
        The executed notebook.
    page : Path
        The same as a web page that needs no other file and no network.
    seconds : float
        How long it took.
    report : object or None
        What was read, assumed and dropped (`data.tables.LoadReport`); None for the bundled data.
    """

    notebook: Path
    page: Path
    seconds: float = 0
    report: Any = None


def run_notebook(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    data: Sequence[str | Path] = (),
    out: str | Path | None = None,
    force: bool = False,
    root: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run one analysis and write its notebook and its web page.

    Parameters
    ----------
    name : str
        The name of the analysis, as `notebooks` lists it.
    parameters : mapping, optional
        Parameters to set; see `bind`.
    data : sequence of path, optional
        Files of accuracies to use in place of the bundled data.
    out : path, optional
        The folder for the results, by default `hat-output/NAME`; or a name that ends in .html, for
        one page to send, without code, and the notebook beside it.
    force : bool
        Whether results of an earlier run may be overwritten.
    root : Path, optional
        The repository; see `notebooks`.
    progress : callable, optional
        Called with a message, the number of cells done and the number of cells.

    Returns
    -------
    Run
        Where the results are.

    Raises
    ------
    InputError
        If the name, a parameter or the data cannot be used, or if results are in the way.
    RunError
        If the notebook fails for another reason.
    """
    import nbformat

    started = time.perf_counter()
    folder = Path("hat-output", name) if out is None else Path(out)
    to_send = folder.suffix.lower() in PAGES
    page = folder if to_send else folder / f"{name}.html"
    run = Run(page.with_suffix(".ipynb"), page)
    notebook = notebook_named(name, root)
    given = {**(parameters or {})} | ({"data": list(map(str, data))} if data else {})
    values = _absolute_paths(bind(notebook.parameters, given))
    files = (values.get(each) or [] for each in PATHS)
    inputs = [Path(p) for each in files for p in (each if isinstance(each, list) else [each])]
    check_free([run.notebook, page], force, inputs)
    found = load_report(values)
    with contextlib.nullcontext() if to_send else sole_writer(folder):
        nb, _ = execute(notebook.path, values, cwd=root or find_root(), progress=progress)
        text = web_page(nb, notebook.title, code=not to_send)
        # A page that is sent to others does not say where on this machine a file was.
        for path in sorted(inputs, key=lambda path: -len(str(path))):
            for said in (str(path), html.escape(str(path))):
                text = text.replace(said, html.escape(path.name))
        write_text(run.notebook, nbformat.writes(nb), force=force, inputs=inputs)
        write_text(page, text, force=force, inputs=inputs)
    return replace(run, seconds=time.perf_counter() - started, report=found)


def report(data: Sequence[str | Path], out: str | Path = "report.html", **options: Any) -> Run:
    """Make one page on a user's models: `run_notebook` of `your-models`, with its options."""
    if Path(out).suffix.lower() not in PAGES:
        raise InputError("a report is a web page.", "Write -o report.html.", value=str(out))
    return run_notebook("your-models", data=data, out=out, **options)


def _absolute_paths(values: dict[str, Any]) -> dict[str, Any]:
    """The notebook runs elsewhere: a file name must mean the same file there."""

    def absolute(path: Any) -> Any:
        if isinstance(path, list):
            return list(map(absolute, path))
        if not isinstance(path, str):
            raise InputError("a file name is text.", "Put it in quotes.", value=str(path))
        return str(Path(path).expanduser().absolute())

    given = {name: values[name] for name in (*PATHS, "pages") if values.get(name)}
    return values | {name: absolute(paths) for name, paths in given.items()}


def load_report(values: Mapping[str, Any]) -> Any:
    """Read the user's data once before the run, so that mistakes are found at once."""
    if not any(values.get(name) for name in ("data", "answers", "models")):
        return None
    import hatlib
    from hatlib.data.loading import has_items

    options = {key: values[key] for key in ("models", "source_language", "chance") if key in values}
    data, answers = values.get("data"), values.get("answers")
    if data and all(map(has_items, data)):
        data, answers = answers, data  # as item-level pages take them
    report = hatlib.load_responses(answers, **options).report if answers else None
    return hatlib.load(data, **options).report if data or not answers else report


def execute(
    source: Path,
    parameters: Mapping[str, Any],
    *,
    cwd: Path | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Any, list[Path]]:
    """Execute a notebook; return it with the files that it used: data, and modules of hatlib.

    If it fails, it is kept in the folder `keep`, or a temporary one.
    """
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    from hatlib.publish.kernels import Manager

    code = [c for c in nbformat.read(source, as_version=4).cells if c.cell_type == "code"]
    total, steps = len(code) + bool(parameters), itertools.count(1)
    tell: Progress = progress or (lambda message, done, total: None)

    tell(source.stem, 0, total)
    with tempfile.TemporaryDirectory(prefix="hat-") as folder:
        work = Path(folder)
        target = work / source.name
        try:
            nb = papermill.execute_notebook(
                literal_path(source),
                literal_path(target),
                dict(parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                kernel_manager_class=Manager,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                config=Config({"Manager": {"connection_file": str(work / "kernel.json")}}),
                resources={"metadata": {"path": str(cwd or work)}},
                record_timing=False,
                on_cell_executed=lambda **_: tell(source.stem, next(steps), total),
            )
        except papermill.PapermillExecutionError as error:
            raise _failure(error, target, keep) from None
        except (DeadKernelError, CellTimeoutError, RuntimeError) as error:
            raise RunError(f"{source.stem}: the Python that ran it stopped: {error}") from error
        lines = (work / "used.txt").read_text(encoding="utf-8").splitlines()
        return with_pictures(_neutral(nb)), sorted({Path(line) for line in lines})


def _failure(error: Any, target: Path, keep: Path | None) -> Exception:
    """Say in the user's terms why a notebook stopped."""
    if error.ename == "InputError":
        return InputError([Problem(line) for line in error.evalue.splitlines()])
    kept = (keep or Path(tempfile.mkdtemp(prefix="hat-failed-"))) / target.name
    copy_file(target, kept)
    why = f"{error.ename}: {error.evalue}".strip(": ")
    return RunError(
        f"{target.stem}: cell {error.exec_count} failed: {why}\n"
        f"The notebook up to there is in {kept}"
    )


def _neutral(nb: Any) -> Any:
    """Drop what differs from run to run: times and the paths of this machine."""
    nb.metadata.pop("papermill", None)
    for cell in nb.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
            cell.metadata.tags.append("hide-input")
    return nb
