"""Run the notebooks, keep what is still true, and build the book.

Three kinds of work, each with one entry point:

- `run_notebook` runs one analysis on anyone's data and leaves a notebook and a web page;
- `build_book` reruns the notebooks that are out of date and builds the book;
- `serve` shows the built book in a browser.

A notebook is out of date when its text, its parameters, `hatlib`, the data that it read or the
installed versions changed since its last run. The record is kept in `state.json`.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import difflib
import functools
import hashlib
import http.server
import importlib.metadata
import json
import math
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hatlib.errors import InputError, Problem, listing

__all__ = [
    "Book",
    "Notebook",
    "Parameter",
    "Run",
    "RunError",
    "bind",
    "build_book",
    "find_root",
    "generators",
    "notebooks",
    "notebooks_markdown",
    "run_notebook",
    "serve",
]

Progress = Callable[[str, int, int], None]
"""Called with a message, how many steps are done, and how many there are."""

PACKAGE = Path(__file__).parent
VEGALITE = "application/vnd.vegalite.v5+json"
PATHS = ("data", "models")  # parameters that hold file names


class RunError(RuntimeError):
    """A notebook or the book did not get to its end; the message says where and why."""


# Where things are ------------------------------------------------------------------------------


def find_root(start: Path | None = None) -> Path | None:
    """Find the repository: the folder with `_config.yml` and `notebooks/`.

    Parameters
    ----------
    start : Path, optional
        Where to look first, then in its parents; by default the working directory. The folder
        that `hatlib` was installed from is looked at last.

    Returns
    -------
    Path or None
        None where `hatlib` was installed without its repository.

    Examples
    --------
    >>> root = find_root()
    >>> root is None or (root / "notebooks").is_dir()
    True
    """
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents, PACKAGE.parent):
        if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return None


def _notebook_folder(root: Path | None) -> Path:
    root = root or find_root()
    return root / "notebooks" if root else PACKAGE / "_notebooks"


@dataclass(frozen=True)
class _Site:
    """The folders of one book: the standard one, or one on a user's data."""

    root: Path
    book: Path  # the source of the book
    build: Path  # where the finished site goes
    parameters: Mapping[str, Any] = field(default_factory=dict)  # given to every notebook

    @property
    def generated(self) -> Path:
        return self.book / "_generated"

    @property
    def executed(self) -> Path:
        return self.generated / "executed"

    @property
    def analyses(self) -> Path:
        return self.book / "analyses"

    @property
    def vendor(self) -> Path:
        return self.book / "assets" / "vendor"

    @property
    def html(self) -> Path:
        return self.build / "html"

    @property
    def index(self) -> Path:
        return self.html / "index.html"


# What notebooks there are ----------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook.

    Attributes
    ----------
    name : str
        Its name.
    type : str
        `str`, `int`, `float`, `bool` or `list`, as its default has it.
    default : object
        The value it has when none is given.
    help : str
        What it does, in one sentence.
    """

    name: str
    type: str
    default: Any
    help: str


@dataclass(frozen=True)
class Notebook:
    """An analysis that can be run.

    Attributes
    ----------
    name : str
        The name that `hat run` takes.
    path : Path
        The notebook file.
    title : str
        Its first heading.
    question : str
        The question that it answers.
    needs : str
        What the data must hold for an answer.
    parameters : tuple of Parameter
        What can be set.
    """

    name: str
    path: Path
    title: str
    question: str
    needs: str
    parameters: tuple[Parameter, ...]


def notebooks(root: Path | None = None) -> list[Notebook]:
    """List the analyses and their parameters.

    Parameters
    ----------
    root : Path, optional
        The repository; by default the one around the working directory, or else the notebooks
        that were installed with `hatlib`.

    Returns
    -------
    list of Notebook
        In the order of their names.

    Examples
    --------
    >>> [notebook.name for notebook in notebooks() if not notebook.title]
    []
    """
    return [_read_notebook(path) for path in _notebook_files(_notebook_folder(root))]


def _notebook_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.ipynb") if path.is_file())


def _read_notebook(path: Path) -> Notebook:
    nb = json.loads(path.read_text(encoding="utf-8"))
    about = nb["metadata"].get("hat", {})
    return Notebook(
        name=path.stem,
        path=path,
        title=_title(nb["cells"]) or path.stem,
        question=about.get("question", ""),
        needs=about.get("needs", ""),
        parameters=_parameters(path),
    )


def _title(cells: Iterable[Mapping[str, Any]]) -> str:
    for cell in cells:
        if cell["cell_type"] == "markdown":
            found = re.search(r"^# +(.+)$", "".join(cell["source"]), re.MULTILINE)
            if found:
                return found[1].strip()
    return ""


def _parameters(path: Path) -> tuple[Parameter, ...]:
    import papermill

    found = papermill.inspect_notebook(_literal_path(path)).values()
    parameters = []
    for each in found:
        try:
            default = ast.literal_eval(each["default"])
        except (ValueError, SyntaxError) as error:
            raise RunError(
                f"{path}: the default of the parameter {each['name']} is not a literal."
            ) from error
        parameters.append(Parameter(each["name"], type(default).__name__, default, each["help"]))
    return tuple(parameters)


def _literal_path(path: Path) -> str:
    """Papermill fills in {names} in paths; ours are meant as they stand."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _notebook_named(name: str, root: Path | None) -> Notebook:
    paths = {path.stem: path for path in _notebook_files(_notebook_folder(root))}
    if name in paths:
        return _read_notebook(paths[name])
    stem = Path(name.replace("\\", "/")).stem
    raise InputError(
        Problem(
            "there is no notebook of this name.",
            _suggestion(stem, paths) + "`hat notebooks` lists them.",
            value=name,
        )
    )


def _suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}? " if near else ""


# Parameters that a user gives ------------------------------------------------------------------


def bind(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters that a user gives, and turn their text into values.

    Only literals are read; nothing is evaluated.

    Parameters
    ----------
    parameters : sequence of Parameter
        The parameters that the notebook has.
    given : mapping
        Names and values. A value is of the type of the default, or is text to be read as such.

    Returns
    -------
    dict
        The given parameters, with values of the right types.

    Raises
    ------
    InputError
        If a name is unknown or a value has the wrong type; all of them are listed.

    Examples
    --------
    >>> draws = Parameter("draws", "int", 1000, "bootstrap draws")
    >>> bind([draws], {"draws": "200"})
    {'draws': 200}
    >>> bind([draws], {"draw": "200"})
    Traceback (most recent call last):
        ...
    hatlib.errors.InputError: there is no parameter 'draw'. Did you mean draws? Known: draws.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values, problems = {}, []
    for name, value in given.items():
        if name not in known:
            remedy = f"{_suggestion(name, known)}Known: {listing(known, most=20)}."
            problems.append(Problem(f"there is no parameter {name!r}.", remedy))
            continue
        try:
            values[name] = _value(known[name].type, value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, OverflowError):
            kind, example = _KINDS.get(known[name].type, ("literal", repr(known[name].default)))
            remedy = f"Write it like this: {name}={example}"
            problem = Problem(f"the parameter {name} is a {kind}.", remedy, value=str(value))
            problems.append(problem)
    if problems:
        raise InputError(problems)
    return values


_KINDS = {
    "str": ("text", "en"),
    "int": ("whole number", "200"),
    "float": ("number", "0.25"),
    "bool": ("choice of True or False", "True"),
    "list": ("list", "['de', 'fr'] or de,fr"),
}


def _value(kind: str, given: Any) -> Any:
    """Read one value as the type `kind`; ValueError if it is of another type."""
    if kind == "str":
        if not isinstance(given, str) or "\0" in given:
            raise ValueError
        return given
    if isinstance(given, str):
        given = _literal(kind, given.strip())
    if kind == "float" and type(given) is int:
        given = float(given)
    if kind == "list" and isinstance(given, tuple):
        given = list(given)
    if kind != "NoneType" and type(given).__name__ != kind:
        raise ValueError
    if kind == "float" and not math.isfinite(given):
        raise ValueError
    if kind == "list" and not all(isinstance(item, str | int | float) for item in given):
        raise ValueError
    return given


def _literal(kind: str, text: str) -> Any:
    if kind == "bool":
        text = text.capitalize()  # true and TRUE are fine as well
    if kind == "list" and not text.startswith(("[", "(")):
        return [part.strip() for part in text.split(",") if part.strip()]
    return ast.literal_eval(text)


# One run on a user's data ----------------------------------------------------------------------


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
        What was read, assumed and dropped (`hatlib.data.LoadReport`); None for the bundled data.
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
    started = time.perf_counter()
    notebook = _notebook_named(name, root)
    values = dict(parameters or {})
    if data:
        values["data"] = [str(path) for path in data]
    values = _absolute_paths(bind(notebook.parameters, values))
    folder = Path(out) if out is not None else Path("hat-output") / name
    targets = [folder / f"{name}.ipynb", folder / f"{name}.html"]
    _check_free(folder, targets, force)
    report = _load_report(values)
    with tempfile.TemporaryDirectory(prefix="hat-") as scratch:
        work = Path(scratch)
        nb, _ = _execute(notebook.path, values, work, cwd=root or find_root(), progress=progress)
        _write_notebook(nb, work / targets[0].name)
        (work / targets[1].name).write_text(_page(nb, notebook.title), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        for target in targets:
            _move(work / target.name, target)
    return Run(targets[0], targets[1], time.perf_counter() - started, report)


def _absolute_paths(values: dict[str, Any]) -> dict[str, Any]:
    """The notebook runs elsewhere: a file name must mean the same file there."""

    def absolute(path: Any) -> str:
        if not isinstance(path, str):
            raise InputError(Problem("a file name is text.", "Put it in quotes.", value=str(path)))
        return str(Path(path).expanduser().absolute())

    values = dict(values)
    for name in PATHS:
        given = values.get(name)
        if isinstance(given, list):
            values[name] = [absolute(path) for path in given]
        elif given:
            values[name] = absolute(given)
    return values


def _check_free(folder: Path, targets: Sequence[Path], force: bool) -> None:
    problems = []
    if folder.exists() and not folder.is_dir():
        problems.append(Problem("this is a file.", "Name a folder.", file=str(folder)))
    for target in targets:
        if target.is_symlink() or target.is_dir():
            what = "this is a link or a folder, and is not overwritten."
            problems.append(Problem(what, "Choose another folder with -o.", file=str(target)))
        elif target.exists() and not force:
            what = "this file exists and is not overwritten."
            remedy = "Choose another folder with -o, or overwrite with --force."
            problems.append(Problem(what, remedy, file=str(target)))
    if problems:
        raise InputError(problems)


def _load_report(values: Mapping[str, Any]) -> Any:
    """Read the user's data once before the run, so that mistakes are found at once."""
    if not any(values.get(name) for name in PATHS):
        return None
    import hatlib

    options = {key: values[key] for key in ("models", "source_language") if values.get(key)}
    if values.get("chance", -1) >= 0:
        options["chance"] = values["chance"]
    return hatlib.load(values.get("data") or None, **options).report


def _move(source: Path, target: Path) -> None:
    """Put a finished file in its place in one step."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    """Write a text file in one step; leave it alone if it says the same already."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8", newline="\n")
    beside.replace(path)


def _write_notebook(nb: Any, path: Path) -> None:
    import nbformat

    _write(path, nbformat.writes(nb) + "\n")


# Execution -------------------------------------------------------------------------------------


def _execute(
    source: Path,
    parameters: Mapping[str, Any],
    work: Path,
    *,
    cwd: Path | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Any, list[Path]]:
    """Execute a notebook in the folder `work`; return it with the data files that it read.

    If it fails, it is kept in the folder `keep`, by default a temporary one.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    target, reads = work / source.name, work / "reads.txt"
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    total = sum(cell["cell_type"] == "code" for cell in cells) + bool(parameters)
    done = 0

    def step(**_: Any) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(source.stem, done, total)

    if progress:
        progress(source.stem, 0, total)
    with _kernel_environment(work, reads):
        try:
            nb = papermill.execute_notebook(
                _literal_path(source),
                _literal_path(target),
                dict(parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=cwd or work,
                on_cell_executed=step,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            )
        except papermill.PapermillExecutionError as error:
            raise _failure(error, target, keep) from None
        except (DeadKernelError, CellTimeoutError, RuntimeError) as error:
            raise RunError(f"{source.stem}: the Python that ran it stopped: {error}") from error
    return _neutral(nb), _paths_read(reads)


@contextlib.contextmanager
def _kernel_environment(work: Path, reads: Path) -> Iterator[None]:
    """Run this Python, whatever kernels, profiles and start-up files the user has."""
    changes = {
        "HATLIB_READS": str(reads),
        "IPYTHONDIR": str(work / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(work / "runtime"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    before = dict(os.environ)
    os.environ.update(changes)
    for name in ("JUPYTER_PATH", "PYTHONSTARTUP"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _failure(error: Any, target: Path, keep: Path | None) -> Exception:
    """Say in the user's terms why a notebook stopped."""
    if error.ename == "InputError":
        return InputError([Problem(line) for line in error.evalue.splitlines()])
    kept = (keep or Path(tempfile.mkdtemp(prefix="hat-failed-"))) / target.name
    _copy(target, kept)
    why = f"{error.ename}: {error.evalue}".strip(": ")
    return RunError(
        f"{target.stem}: cell {error.exec_count} failed: {why}\n"
        f"The notebook up to there is in {kept}"
    )


def _paths_read(reads: Path) -> list[Path]:
    if not reads.is_file():
        return []
    lines = reads.read_text(encoding="utf-8").splitlines()
    return sorted({Path(line) for line in lines if line})


def _neutral(nb: Any) -> Any:
    """Drop what differs from run to run: times and the paths of this machine."""
    nb.metadata.pop("papermill", None)
    for cell in nb.cells:
        for noise in ("papermill", "execution"):
            cell.metadata.pop(noise, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
    return nb


# Pages -----------------------------------------------------------------------------------------


def _with_figures(nb: Any) -> Any:
    """Copy a notebook, with each chart as HTML that needs no network."""
    from hatlib import charts

    nb = copy.deepcopy(nb)
    seen: set[str] = set()
    for cell in nb.cells:
        for output in cell.get("outputs", ()):
            about = output.get("metadata", {}).get("hat")
            spec = output.get("data", {}).get(VEGALITE)
            if about is None or spec is None:
                continue
            name = _unique(about["name"], seen)
            html = charts.figure_html(spec, **{**about, "name": name})
            output["data"] = {"text/html": html, "text/plain": about["alt"]}
            output["metadata"] = {}
    return nb


def _unique(name: str, seen: set[str]) -> str:
    """Number a name that the page has already."""
    candidate, number = name, 1
    while candidate in seen:
        number += 1
        candidate = f"{name}-{number}"
    seen.add(candidate)
    return candidate


def _has_figures(nb: Any) -> bool:
    outputs = (output for cell in nb.cells for output in cell.get("outputs", ()))
    return any(VEGALITE in output.get("data", {}) for output in outputs)


def _page(nb: Any, title: str) -> str:
    """Make one web page of an executed notebook: no other file, no network."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = ("remove-cell",)
    config.TagRemovePreprocessor.remove_input_tags = ("remove-input",)
    config.TagRemovePreprocessor.remove_all_outputs_tags = ("remove-output",)
    exporter = HTMLExporter(config=config, raw_template=_PAGE, exclude_anchor_links=True)
    scripts: list[str] = []
    if _has_figures(nb):
        scripts += [_chart_libraries(), _asset("hat-charts.js")]
    if _has_formulas(nb):
        scripts += [_MATHJAX_SETTINGS, _mathjax().read_text(encoding="utf-8")]
    resources = {
        "hat_title": title,
        "hat_styles": _STYLES + _code_colours() + _asset("hat.css"),
        "hat_theme": _THEME,
        "hat_scripts": [script.replace("</script", "<\\/script") for script in scripts],
    }
    html, _ = exporter.from_notebook_node(_with_figures(nb), resources)
    return _without_dead_links(html)


def _chart_libraries() -> str:
    """Vega and its kin as one script."""
    from hatlib import charts

    with tempfile.TemporaryDirectory(prefix="hat-") as scratch:
        return charts.javascript_bundle(Path(scratch) / "vega.js").read_text(encoding="utf-8")


def _asset(name: str) -> str:
    """A script or style sheet of the book, which an installed wheel has too."""
    folder = PACKAGE / "_assets"
    folder = folder if folder.is_dir() else PACKAGE.parent / "book" / "assets"
    return (folder / name).read_text(encoding="utf-8")


def _has_formulas(nb: Any) -> bool:
    texts = (cell.source for cell in nb.cells if cell.cell_type == "markdown")
    return any(re.search(r"\$[^$]+\$|\\\(|\\\[|\\begin\{", text) for text in texts)


def _mathjax() -> Path:
    """The MathJax file that comes with the package sphinx-mathjax-offline."""
    wheel = importlib.metadata.distribution("sphinx-mathjax-offline")
    for file in wheel.files or ():
        if file.name == "tex-svg-full.js":
            return Path(str(file.locate()))
    raise RunError("sphinx-mathjax-offline has no tex-svg-full.js; install it again.")


def _code_colours() -> str:
    from pygments.formatters import HtmlFormatter

    dark = 'html[data-theme="dark"] .highlight'
    return "\n".join(
        (
            HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight"),
            HtmlFormatter(style="a11y-high-contrast-dark").get_style_defs(dark),
        )
    )


def _without_dead_links(html: str) -> str:
    """Keep the text but not the link where a page of the book is meant."""
    link = re.compile(r"<a\b[^>]*\bhref=\"(?![a-z]+:|#)[^\"]*\"[^>]*>(.*?)</a>", re.DOTALL)
    return link.sub(r"\1", html)


_MATHJAX_SETTINGS = r"""
window.MathJax = {
  tex: {inlineMath: [["$", "$"], ["\\(", "\\)"]]},
  options: {enableMenu: false}
};
"""

# The names of the colours are those of the book's theme, as the charts use them.
_STYLES = """
:root { color-scheme: light; --pst-color-text-base: #222; --pst-color-background: #fff;
  --pst-color-text-muted: #555; --pst-color-border: #c9c9c9; --pst-color-link: #0a6170;
  --pst-color-primary: #0a7d91; --soft: #f5f5f5; }
:root[data-theme="dark"] { color-scheme: dark; --pst-color-text-base: #ced6dd;
  --pst-color-background: #14181e; --pst-color-text-muted: #9ca4af; --pst-color-border: #48566b;
  --pst-color-link: #7cc7d6; --pst-color-primary: #3fb1c5; --soft: #1f252d; }
body { max-width: 52rem; margin: 0 auto; padding: 1rem; font: 1rem/1.55 system-ui, sans-serif;
  color: var(--pst-color-text-base); background: var(--pst-color-background); }
h1, h2, h3 { line-height: 1.25; }
a { color: var(--pst-color-link); }
img, svg { max-width: 100%; height: auto; }
pre { overflow-x: auto; padding: .6rem .8rem; margin: .4rem 0; background: var(--soft); }
details.code > summary { width: fit-content; cursor: pointer; font-size: .85rem; }
.output { overflow-x: auto; }
table { border: 0; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .2rem .6rem; border: 0; border-bottom: 1px solid var(--pst-color-border); }
@media print { details.code { display: none; } }
"""

_THEME = """
(function () {
  var dark = matchMedia("(prefers-color-scheme: dark)");
  function show() { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; }
  dark.addEventListener("change", show);
  show();
})();
"""

# The policy lets the page run what it holds, and ask nothing of anyone.
_PAGE = """
{%- extends 'base/display_priority.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
img-src data: blob:; font-src data:; connect-src data: blob:">
<title>{{ resources.hat_title | escape_html }}</title>
<style>{{ resources.hat_styles }}</style>
<script>{{ resources.hat_theme }}</script>
</head>
<body>
<main>
{% endblock header -%}
{%- block codecell -%}
{%- if 'hide-cell' in cell.metadata.get('tags', []) -%}
<details><summary>Show</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock codecell -%}
{%- block input -%}
<details class="code"{{ '' if 'hide-input' in cell.metadata.get('tags', []) else ' open' }}>
<summary>Code</summary>
{{ cell.source | highlight_code(metadata=cell.metadata) }}
</details>
{% endblock input -%}
{%- block output_group -%}
{%- if 'hide-output' in cell.metadata.get('tags', []) -%}
<details><summary>Result</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock output_group -%}
{%- block output -%}<div class="output">{{ super() }}</div>
{% endblock output -%}
{%- block execute_result -%}
{%- block data_priority scoped -%}{{ super() }}{%- endblock data_priority -%}
{%- endblock execute_result -%}
{%- block markdowncell -%}{{ cell.source | markdown2html }}{%- endblock markdowncell -%}
{%- block stream -%}<pre>{{ output.text | ansi2html }}</pre>{%- endblock stream -%}
{%- block data_html -%}{{ output.data['text/html'] }}{%- endblock data_html -%}
{%- block data_markdown -%}
{{ output.data['text/markdown'] | markdown2html }}
{%- endblock data_markdown -%}
{%- block data_png -%}
<img alt="{{ output.data.get('text/plain', '') | escape_html }}" \
src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}">
{%- endblock data_png -%}
{%- block data_text -%}
<pre>{{ output.data['text/plain'] | escape_html }}</pre>
{%- endblock data_text -%}
{%- block footer -%}
</main>
{% for script in resources.hat_scripts %}<script>{{ script }}</script>
{% endfor %}</body>
</html>
{% endblock footer -%}
"""


# What is still true ----------------------------------------------------------------------------


def _sha(*parts: bytes | str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _sha_file(path: Path) -> str:
    """The sha256 of a file; empty if there is none."""
    return _sha(path.read_bytes()) if path.is_file() else ""


def _sha_tree(*roots: Path, skip: Sequence[Path] = ()) -> str:
    """The sha256 of the names and the contents of all files that are not hidden."""
    parts: list[bytes | str] = []
    for root in roots:
        for path in sorted([root] if root.is_file() else root.rglob("*")):
            inner = path.relative_to(root).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inner)
            if path.is_file() and not hidden and not any(map(path.is_relative_to, skip)):
                parts += [f"{root.name}/{'/'.join(inner)}", path.read_bytes()]
    return _sha(*parts)


def _sha_notebook(path: Path) -> str:
    """The sha256 of what a person wrote: cells and metadata, no outputs."""
    nb = json.loads(path.read_text(encoding="utf-8"))
    nb["metadata"].pop("language_info", None)
    for cell in nb["cells"]:
        for made in ("outputs", "execution_count"):
            cell.pop(made, None)
        cell["source"] = "".join(cell["source"])
    return _sha(json.dumps(nb, sort_keys=True))


def _sha_package() -> str:
    """The sha256 of the source of hatlib."""
    return _sha_tree(PACKAGE, skip=(PACKAGE / "_data", PACKAGE / "_notebooks"))


@functools.cache
def _versions() -> Mapping[str, str]:
    """The versions of Python and of every package that hatlib needs, directly or not."""
    from packaging.requirements import Requirement

    found = {"python": sys.version}
    seen: set[tuple[str, str]] = set()
    todo = [("hatlib", "")]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = package.version
        for line in package.requires or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(need.name.lower(), each) for each in ("", *need.extras)]
    return found


def _inputs(source: Path, parameters: Mapping[str, Any], package: str) -> dict[str, str]:
    """What a run depends on, apart from the data that it reads."""
    return {
        "its text": _sha_notebook(source),
        "its parameters": _sha(json.dumps(dict(parameters), sort_keys=True)),
        "hatlib": package,
        "the installed versions": _sha(json.dumps(dict(_versions()), sort_keys=True)),
    }


def _why_stale(inputs: Mapping[str, str], record: Mapping[str, Any], site: _Site) -> str:
    """Say why a notebook must run again; empty if it need not."""
    if not record:
        return "it has not run yet"
    for what, sha in inputs.items():
        if record["inputs"].get(what) != sha:
            return f"{what} changed"
    for file, sha in record["reads"].items():
        if _sha_file(site.root / file) != sha:
            return f"{file} changed"
    return ""


def _read_state(site: _Site) -> dict[str, Any]:
    """The record of the last run; an empty one if there is none that we can read."""
    empty: dict[str, Any] = {"schema": 1, "notebooks": {}, "site": ""}
    try:
        state = json.loads((site.generated / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return empty
    return state if isinstance(state, dict) and state.get("schema") == 1 else empty


def _write_state(site: _Site, state: Mapping[str, Any]) -> None:
    _write(site.generated / "state.json", json.dumps(state, indent=1, sort_keys=True) + "\n")


# The book --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Book:
    """A built book.

    Attributes
    ----------
    index : Path
        Its first page.
    executed : mapping
        The notebooks that were run, each with the reason.
    reused : tuple of str
        The notebooks whose last run is still true.
    built : bool
        Whether pages were built; False if nothing changed.
    seconds : float
        How long it took.
    """

    index: Path
    executed: Mapping[str, str]
    reused: tuple[str, ...]
    built: bool
    seconds: float


def build_book(
    *,
    root: Path | None = None,
    data: str | Path | None = None,
    only: Sequence[str] = (),
    jobs: int = 2,
    force: bool = False,
    progress: Progress | None = None,
) -> Book:
    """Run the notebooks that are out of date and build the book.

    If a notebook fails, the last book stays as it was.

    Parameters
    ----------
    root : Path, optional
        The repository; by default the one around the working directory.
    data : path, optional
        A folder with `accuracies*.csv` (or `.csv.gz`, `.parquet`) and perhaps `models.csv`. The
        book is then built on these in place of the bundled data, beside the standard book.
    only : sequence of str
        The notebooks that may be rerun; by default all. One that never ran is run anyway.
    jobs : int
        How many notebooks run at the same time.
    force : bool
        Whether to rerun notebooks that are up to date.
    progress : callable, optional
        Called with a message, the number of steps done and the number of steps.

    Returns
    -------
    Book
        Where the book is and what was done.

    Raises
    ------
    InputError
        If the repository, a notebook of `only` or the user's data cannot be used.
    RunError
        If a notebook or the build of the pages fails.
    """
    started = time.perf_counter()
    tell: Progress = progress or (lambda message, done, total: None)
    site = _standard_site(root) if data is None else _site_on(Path(data), root)
    with _one_at_a_time(site):
        sources = {path.stem: path for path in _notebook_files(site.root / "notebooks")}
        for name in only:
            if name not in sources:
                _notebook_named(name, site.root)
        reasons = _run_stale(site, sources, only, jobs, force, tell)
        built = _build_pages(site, tell)
    reused = tuple(name for name in sources if name not in reasons)
    return Book(site.index, reasons, reused, built, time.perf_counter() - started)


def _standard_site(root: Path | None) -> _Site:
    root = root or find_root()
    if root is None:
        remedy = "Clone the repository and run `hat book` there."
        raise InputError(Problem("the sources of the book are not here.", remedy))
    return _Site(root, root / "book", root / "_build")


def _site_on(data: Path, root: Path | None) -> _Site:
    """The book on a user's data: a copy of the sources, so that the standard book stays."""
    standard = _standard_site(root)
    parameters = _data_parameters(data)
    _load_report(parameters)
    place = standard.build / f"book-{_slug(data.absolute().name)}"
    site = _Site(standard.root, place / "book", place, parameters)
    for path in sorted(standard.book.rglob("*")):
        ours = (standard.generated, standard.analyses, standard.vendor)
        if path.is_file() and not any(map(path.is_relative_to, ours)):
            _copy(path, site.book / path.relative_to(standard.book))
    return site


def _data_parameters(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        remedy = "Name a folder with accuracies.csv in it."
        raise InputError(Problem("there is no such folder.", remedy, file=str(folder)))
    found = [folder.glob(f"accuracies*{ending}") for ending in (".csv", ".csv.gz", ".parquet")]
    files = sorted(str(path.absolute()) for paths in found for path in paths)
    if not files:
        what = "the folder has no file accuracies*.csv, accuracies*.csv.gz or accuracies*.parquet."
        raise InputError(Problem(what, "Put your table there.", file=str(folder)))
    models = folder / "models.csv"
    return {"data": files} | ({"models": str(models.absolute())} if models.is_file() else {})


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"


def _copy(source: Path, target: Path) -> None:
    """Copy a file unless the same one is there."""
    if not target.is_file() or target.read_bytes() != source.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


@contextlib.contextmanager
def _one_at_a_time(site: _Site) -> Iterator[None]:
    """Let a second build of the same book wait until the first is done."""
    site.generated.mkdir(parents=True, exist_ok=True)
    with (site.generated / ".lock").open("w") as lock:
        with contextlib.suppress(ImportError):  # there is no fcntl on Windows
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run_stale(
    site: _Site,
    sources: Mapping[str, Path],
    only: Sequence[str],
    jobs: int,
    force: bool,
    tell: Progress,
) -> dict[str, str]:
    """Run the notebooks that are out of date; return them with the reasons."""
    state = _read_state(site)
    records = state["notebooks"]
    package = _sha_package()
    inputs = {name: _inputs(path, site.parameters, package) for name, path in sources.items()}
    reasons = {}
    for name in sources:
        outputs = (site.executed / f"{name}.ipynb", site.analyses / f"{name}.ipynb")
        missing = not all(path.is_file() for path in outputs)
        why = "its page is missing" if missing else ""
        why = _why_stale(inputs[name], records.get(name, {}), site) or why
        if force and (not only or name in only):
            why = why or "you asked for it"
        if why and (not only or name in only or missing):
            reasons[name] = why
    _forget_others(site, sources, records)

    def finished(name: str, reads: Mapping[str, str]) -> None:
        records[name] = {"inputs": inputs[name], "reads": dict(reads)}
        _write_state(site, state)

    _run_parallel(site, {name: sources[name] for name in reasons}, jobs, finished, tell)
    _write_state(site, state)
    return reasons


def _forget_others(site: _Site, sources: Mapping[str, Path], records: dict[str, Any]) -> None:
    """Delete the pages of notebooks that are gone."""
    for folder in (site.executed, site.analyses):
        for path in folder.glob("*.ipynb"):
            if path.stem not in sources:
                path.unlink()
    for name in set(records) - set(sources):
        del records[name]


def _run_parallel(
    site: _Site,
    sources: Mapping[str, Path],
    jobs: int,
    finished: Callable[[str, Mapping[str, str]], None],
    tell: Progress,
) -> None:
    """Run notebooks side by side; all of them, so that every failure is reported at once."""
    if not sources:
        return
    failures: list[str] = []
    tell("running notebooks", 0, len(sources))
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max(1, min(jobs, len(sources))),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_leave_ctrl_c_to_parent,
    )
    try:
        tasks = {
            pool.submit(_run_for_book, site, path): name for name, path in sorted(sources.items())
        }
        for done, task in enumerate(as_completed(tasks), start=1):
            name = tasks[task]
            try:
                finished(name, task.result())
            except (InputError, RunError) as error:
                failures.append(f"{error}" if isinstance(error, RunError) else f"{name}: {error}")
            except BrokenProcessPool as error:
                raise RunError(f"{name}: the process that ran it was ended.") from error
            tell(name, done, len(sources))
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    if failures:
        failures.append("The book was not built again.")
        raise RunError("\n".join(failures))


def _leave_ctrl_c_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_for_book(site: _Site, source: Path) -> dict[str, str]:
    """Run one notebook, put its two copies in place, and return the sha256 of what it read."""
    started = time.time()
    known = {parameter.name for parameter in _parameters(source)}
    parameters = {name: value for name, value in site.parameters.items() if name in known}
    with tempfile.TemporaryDirectory(prefix="hat-") as scratch:
        keep = site.generated / "failed"
        nb, reads = _execute(source, parameters, Path(scratch), cwd=site.root, keep=keep)
    (keep / source.name).unlink(missing_ok=True)
    _write_notebook(nb, site.executed / source.name)
    page = _with_figures(nb)
    page.cells.append(_downloads_cell(source.name, _downloads(site, reads)))
    _write_notebook(page, site.analyses / source.name)
    # A file that changed while the notebook ran counts as changed the next time.
    shas = {path: _sha_file(path) if path.stat().st_mtime < started else "" for path in reads}
    return {_relative(path, site.root): sha for path, sha in shas.items()}


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _downloads(site: _Site, reads: Iterable[Path]) -> dict[str, Path]:
    """Name the data files as they are offered beside the pages."""
    data = site.root / "data"
    return {
        f"data/{_relative(path, data)}" if path.is_relative_to(data) else f"data/{path.name}": path
        for path in reads
    }


def _downloads_cell(notebook: str, data: Iterable[str]) -> Any:
    """The last cell of a page of the book: the notebook and its data to take away."""
    import html

    import nbformat

    def link(path: str) -> str:
        name = html.escape(path)
        return f'<a href="../downloads/{name}" download>{html.escape(Path(path).name)}</a>'

    text = f"**Take it away.** This notebook, as it was run: {link(notebook)}."
    tables = ", ".join(link(path) for path in data)
    if tables:
        text += f" The data that it read: {tables}."
    return nbformat.v4.new_markdown_cell(text, id="downloads")


# The pages of the book -------------------------------------------------------------------------


def notebooks_markdown(found: Sequence[Notebook]) -> str:
    """Describe analyses and their parameters in Markdown.

    Parameters
    ----------
    found : sequence of Notebook
        What `notebooks` lists.

    Returns
    -------
    str
        A heading, a sentence and a table for each.

    Examples
    --------
    >>> draws = Parameter("draws", "int", 1000, "bootstrap draws")
    >>> print(notebooks_markdown([Notebook("fit", Path(), "Fit", "Is it a line?", "", (draws,))]))
    ### `fit`
    <BLANKLINE>
    Is it a line?
    <BLANKLINE>
    | parameter | type | default | what it does |
    |---|---|---|---|
    | `draws` | int | `1000` | bootstrap draws |
    <BLANKLINE>
    """
    lines = []
    for notebook in found:
        lines += [f"### `{notebook.name}`", "", notebook.question or notebook.title, ""]
        if notebook.needs:
            lines += [f"Needs: {notebook.needs}", ""]
        lines += ["| parameter | type | default | what it does |", "|---|---|---|---|"]
        for each in notebook.parameters:
            help_ = each.help.replace("|", "\\|")
            lines.append(f"| `{each.name}` | {each.type} | `{each.default!r}` | {help_} |")
        lines.append("")
    return "\n".join(lines)


def _notebook_table(root: Path) -> str:
    return notebooks_markdown(notebooks(root))


def _changelog(root: Path) -> str:
    path = root / "CHANGELOG.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _made(name: str) -> Callable[[Path], str]:
    """A maker of `hatlib.pages`, which is imported when it is needed."""

    def make(root: Path) -> str:
        from hatlib import pages

        return pages.MAKERS[name](root)

    return make


generators: dict[str, Callable[[Path], str]] = {
    "notebooks.md": _notebook_table,
    "changelog.md": _changelog,
    **{
        name: _made(name)
        for name in ("landing-chart.md", "counts.md", "answers.md", "data-and-sources.md")
    },
}
"""Fragments of the book that are made from code: file name and the function that makes it."""


def _build_pages(site: _Site, tell: Progress) -> bool:
    """Build the pages if anything in them changed; say whether it did."""
    state = _read_state(site)
    key = _site_key(site)
    if state["site"] == key and site.index.is_file():
        return False
    tell("building the pages", 0, 1)
    for name, make in generators.items():
        _write(site.generated / name, make(site.root))
    scripts = _sha(_sha_package(), json.dumps(dict(_versions()), sort_keys=True))
    if state.get("scripts") != scripts or not site.vendor.is_dir():
        _copy_scripts(site)
    _run_jupyter_book(site)
    _write_state(site, {**state, "site": key, "scripts": scripts})
    tell("building the pages", 1, 1)
    return True


def _site_key(site: _Site) -> str:
    """The sha256 of everything that the pages are made of."""
    made = (site.analyses, site.generated, site.vendor)
    around = sorted(path for path in site.root.iterdir() if path.suffix in (".md", ".cff", ".yml"))
    return _sha(
        _sha_tree(site.book, skip=made),
        _sha_tree(*around, site.root / "data", site.root / "notebooks"),
        _sha_tree(site.executed),
        _sha_tree(site.analyses),
        _sha_package(),
        json.dumps(dict(_versions()), sort_keys=True),
    )


def _copy_scripts(site: _Site) -> None:
    """Put the scripts that the pages need beside them, so that no other host is asked."""
    from hatlib import charts

    charts.javascript_bundle(site.vendor / "vega-bundle.js")
    _copy(_mathjax(), site.vendor / "tex-svg-full.js")


def _run_jupyter_book(site: _Site) -> None:
    """Build in a folder of its own; replace the last book only if all went well."""
    work = site.build / "work"
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    command += [str(site.book), "--config", str(site.root / "_config.yml")]
    command += ["--path-output", str(work), "-W", "--keep-going"]
    result = subprocess.run(
        command,
        cwd=site.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
    )
    html = work / "_build" / "html"
    if result.returncode or not (html / "index.html").is_file():
        raise RunError(_build_failure(result.stdout, site.generated / "build.log"))
    _copy_downloads(site, html / "downloads")
    shutil.rmtree(site.html, ignore_errors=True)
    html.rename(site.html)
    shutil.rmtree(work, ignore_errors=True)


def _build_failure(log: str, path: Path) -> str:
    """The lines that say what is wrong, and where the others are."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", log)
    _write(path, log)
    lines = log.splitlines()
    telling = [line for line in lines if "WARNING" in line or "ERROR" in line]
    if not telling:  # it broke off: show what comes after the traceback
        last = max((i for i, line in enumerate(lines) if re.match(r"\S*Error", line)), default=-20)
        telling = [line for line in lines[last:] if line.strip("= ")]
    return "\n".join(["The pages could not be built:", *telling[:40], f"The full log is in {path}"])


def _copy_downloads(site: _Site, target: Path) -> None:
    """Put the executed notebooks and the data beside the pages."""
    for path in sorted(site.executed.glob("*.ipynb")):
        _copy(path, target / path.name)
    records = _read_state(site)["notebooks"].values()
    reads = {site.root / file for record in records for file in record["reads"]}
    for name, path in _downloads(site, sorted(reads)).items():
        _copy(path, target / name)


# A look at the book ----------------------------------------------------------------------------

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serve files with a policy that lets pages ask nothing of other hosts."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


def serve(port: int = 8000, *, root: Path | None = None) -> http.server.ThreadingHTTPServer:
    """Serve the built book on this machine only.

    Parameters
    ----------
    port : int
        The port to listen on; 0 takes a free one.
    root : Path, optional
        The repository; by default the one around the working directory.

    Returns
    -------
    http.server.ThreadingHTTPServer
        Ready to `serve_forever()`; its address is in `server_address`.

    Raises
    ------
    InputError
        If there is no built book, or the port is taken.
    """
    site = _standard_site(root)
    if not site.index.is_file():
        raise InputError(Problem("the book is not built yet.", "Build it with `hat book`."))
    handler = functools.partial(_Handler, directory=str(site.html))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        remedy = "Choose another one with --port."
        raise InputError(
            Problem(f"cannot listen on port {port}: {error.strerror}.", remedy)
        ) from error
