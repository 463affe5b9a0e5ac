"""Run one notebook: on a user's data for `hat run`, or for the book."""

from __future__ import annotations

import contextlib
import html
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatlib.data.writing import check_free, sole_writer, write_text
from hatlib.errors import InputError, Problem, RunError
from hatlib.publish.catalogue import bind, literal_path, notebook_named
from hatlib.publish.page import web_page, with_pictures
from hatlib.publish.places import Progress, copy_file, find_root

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
    seconds: float
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
        The folder for the results; by default `hat-output/NAME`.
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
    folder = Path(out) if out is not None else Path("hat-output") / name
    targets = [folder / f"{name}.ipynb", folder / f"{name}.html"]
    values = dict(parameters or {})
    if data:
        values["data"] = [str(path) for path in data]
    return _run_to(targets, name, values, force, root, progress, sole_writer(folder))


def report(
    data: Sequence[str | Path],
    out: str | Path = "report.html",
    parameters: Mapping[str, Any] | None = None,
    *,
    force: bool = False,
    root: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Make one self-contained page on a user's models, with the notebook `your-models`.

    Parameters
    ----------
    data : sequence of path
        Item-level responses, as `hat import` writes them.
    out : path
        The page. The notebook is written beside it, to be rerun and changed.
    parameters, force, root, progress
        As in `run_notebook`.

    Returns
    -------
    Run
        Where the page and the notebook are.

    Raises
    ------
    InputError
        If the data or a parameter cannot be used, or if a file is in the way.
    RunError
        If the notebook fails for another reason.
    """
    page = Path(out)
    if page.suffix.lower() not in (".html", ".htm"):
        problem = Problem("a report is a web page.", "Write -o report.html.", value=str(out))
        raise InputError(problem)
    values = {**(parameters or {}), "data": [str(path) for path in data]}
    targets = [page.with_suffix(".ipynb"), page]
    return _run_to(targets, "your-models", values, force, root, progress, code=False)


def _run_to(
    targets: Sequence[Path],
    name: str,
    parameters: Mapping[str, Any],
    force: bool,
    root: Path | None,
    progress: Progress | None,
    alone: contextlib.AbstractContextManager[Any] | None = None,
    code: bool = True,
) -> Run:
    """Run a notebook and write it and its page to two files."""
    import nbformat

    started = time.perf_counter()
    notebook = notebook_named(name, root)
    values = _absolute_paths(bind(notebook.parameters, parameters))
    given = (values.get(each) or [] for each in PATHS)
    inputs = [Path(p) for each in given for p in (each if isinstance(each, list) else [each])]
    check_free(targets, force, inputs)
    found = load_report(values)
    with alone or contextlib.nullcontext():
        nb = execute(notebook.path, values, cwd=root or find_root(), progress=progress).notebook
        page = web_page(nb, notebook.title, code)
        # A page that is sent to others does not say where on this machine a file was.
        for path in sorted(inputs, key=lambda path: -len(str(path))):
            for text in (str(path), html.escape(str(path))):
                page = page.replace(text, html.escape(path.name))
        for target, text in zip(targets, (nbformat.writes(nb), page), strict=True):
            write_text(target, text, force=force, inputs=inputs)
    return Run(targets[0], targets[1], time.perf_counter() - started, found)


def _absolute_paths(values: dict[str, Any]) -> dict[str, Any]:
    """The notebook runs elsewhere: a file name must mean the same file there."""

    def absolute(path: Any) -> str:
        if not isinstance(path, str):
            raise InputError(Problem("a file name is text.", "Put it in quotes.", value=str(path)))
        return str(Path(path).expanduser().absolute())

    given = {name: values[name] for name in (*PATHS, "pages") if values.get(name)}
    return values | {
        name: list(map(absolute, paths)) if isinstance(paths, list) else absolute(paths)
        for name, paths in given.items()
    }


def load_report(values: Mapping[str, Any]) -> Any:
    """Read the user's data once before the run, so that mistakes are found at once."""
    if not any(values.get(name) for name in ("data", "answers", "models")):
        return None
    import hatlib
    from hatlib.data.responses import has_items

    options = {key: values[key] for key in ("models", "source_language", "chance") if key in values}
    data, answers = values.get("data"), values.get("answers")
    if data and all(map(has_items, data)):
        data, answers = answers, data  # as item-level pages take them
    report = hatlib.load_responses(answers, **options).report if answers else None
    return hatlib.load(data, **options).report if data or not answers else report


@dataclass(frozen=True)
class Executed:
    """An executed notebook, and the files that it used: data, and modules of hatlib."""

    notebook: Any
    used: list[Path]


def execute(
    source: Path,
    parameters: Mapping[str, Any],
    *,
    cwd: Path | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Executed:
    """Execute a notebook; if it fails, it is kept in the folder `keep`, or a temporary one."""
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    from hatlib.publish.kernels import Manager

    code = [c for c in nbformat.read(source, as_version=4).cells if c.cell_type == "code"]
    total, done = len(code) + bool(parameters), 0
    tell: Progress = progress or (lambda message, done, total: None)

    def step(**_: Any) -> None:
        nonlocal done
        done += 1
        tell(source.stem, done, total)

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
                on_cell_executed=step,
            )
        except papermill.PapermillExecutionError as error:
            raise _failure(error, target, keep) from None
        except (DeadKernelError, CellTimeoutError, RuntimeError) as error:
            raise RunError(f"{source.stem}: the Python that ran it stopped: {error}") from error
        lines = (work / "used.txt").read_text(encoding="utf-8").splitlines()
        return Executed(with_pictures(_neutral(nb)), sorted({Path(line) for line in lines}))


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
        for noise in ("papermill", "execution"):
            cell.metadata.pop(noise, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
            cell.metadata.tags.append("hide-input")
    return nb
