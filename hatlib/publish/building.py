"""Rerun the notebooks that are out of date, and build the book."""

from __future__ import annotations

import contextlib
import html
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatlib.errors import InputError, Problem, RunError
from hatlib.publish import address
from hatlib.publish.catalogue import Notebook, notebook_files, notebook_named
from hatlib.publish.page import book_page, mathjax
from hatlib.publish.places import (
    Progress,
    Site,
    copy_file,
    standard_site,
    write_notebook,
    write_text,
)
from hatlib.publish.run import execute, load_report
from hatlib.publish.stale import (
    inputs_of,
    read_state,
    sha_file,
    sha_of,
    sha_package,
    sha_tree,
    sha_versions,
    why_stale,
    write_state,
)

_ITEM_LEVEL = "answers item by item"  # how notebooks say that accuracies are not enough

ENDINGS = (".csv", ".csv.gz", ".parquet")  # of tables that a book on a user's data takes

LAST = ("findings",)
"""Notebooks that read what the others found, and so run after them."""


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
        A folder with `accuracies*.csv` or `answers*.csv` (or `.csv.gz`, `.parquet`), and perhaps
        `models.csv`. Pages that need answers item by item say so where there are none. The
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
    site = standard_site(root) if data is None else _site_on(Path(data), root)
    with _one_at_a_time(site):
        sources = {path.stem: path for path in notebook_files(site.root)}
        for name in only:
            if name not in sources:
                notebook_named(name, site.root)
        reasons = _Stale(site, jobs, tell).run(sources, only, force)
        built = _build_pages(site, tell)
    reused = tuple(name for name in sources if name not in reasons)
    return Book(site.index, reasons, reused, built, time.perf_counter() - started)


def _site_on(data: Path, root: Path | None) -> Site:
    """The book on a user's data: a copy of the sources, so that the standard book stays."""
    standard = standard_site(root)
    parameters = _data_parameters(data)
    load_report(parameters)
    slug = re.sub(r"[^a-z0-9]+", "-", data.absolute().name.lower()).strip("-") or "data"
    place = standard.build / f"book-{slug}"
    site = Site(standard.root, place / "book", place, parameters)
    ours = (standard.generated, standard.analyses, standard.vendor)
    for path in sorted(standard.book.rglob("*")):
        if path.is_file() and not any(map(path.is_relative_to, ours)):
            copy_file(path, site.book / path.relative_to(standard.book))
    return site


def _data_parameters(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        remedy = "Name a folder with accuracies.csv in it."
        raise InputError(Problem("there is no such folder.", remedy, file=str(folder)))
    folder = folder.absolute()
    found = {
        kind: sorted(str(p) for end in ENDINGS for p in folder.glob(f"{kind}*{end}"))
        for kind in ("accuracies", "answers")
    }
    if not any(found.values()):
        what = "the folder has no file accuracies* or answers* (.csv, .csv.gz or .parquet)."
        raise InputError(Problem(what, "Put your table there.", file=str(folder)))
    models = folder / "models.csv"
    given = {
        "data": found["accuracies"] or found["answers"],
        "answers": found["answers"],
        "models": str(models) if models.is_file() else "",
    }
    return {name: value for name, value in given.items() if value}


def _parameters_for(site: Site, notebook: Notebook) -> dict[str, Any] | None:
    """The parameters of a notebook in this book; None if the data are not what it needs."""
    known = {parameter.name for parameter in notebook.parameters}
    parameters = {name: value for name, value in site.parameters.items() if name in known}
    if "pages" in known and site.parameters:
        parameters["pages"] = _relative(site.executed, site.root)
    if "data" in parameters and notebook.needs.startswith(_ITEM_LEVEL):
        if "answers" not in site.parameters:
            return None
        parameters["data"] = site.parameters["answers"]
    return parameters


@contextlib.contextmanager
def _one_at_a_time(site: Site) -> Iterator[None]:
    """Let a second build of the same book wait until the first is done."""
    site.generated.mkdir(parents=True, exist_ok=True)
    with (site.generated / ".lock").open("w") as lock:
        with contextlib.suppress(ImportError):  # there is no fcntl on Windows
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class _Stale:
    """The notebooks of a book that must run again, and how they are run."""

    site: Site
    jobs: int
    tell: Progress

    def run(self, sources: Mapping[str, Path], only: Sequence[str], force: bool) -> dict[str, str]:
        """Run what is out of date; return it with the reasons."""
        site, state = self.site, read_state(self.site)
        records = state["notebooks"] = {n: r for n, r in state["notebooks"].items() if n in sources}
        for path in (*site.executed.glob("*.ipynb"), *site.analyses.glob("*.ipynb")):
            if path.stem not in sources:
                path.unlink()
        first = [name for name in sources if name not in LAST]
        reasons: dict[str, str] = {}
        for batch in (first, [name for name in LAST if name in sources]):
            inputs = {name: inputs_of(sources[name], site.parameters) for name in batch}
            if batch is not first:
                others = sha_of(*(sha_file(site.executed / f"{name}.ipynb") for name in first))
                for name in batch:
                    inputs[name]["what other pages found"] = others
            due = {}
            for name in batch:
                missing = not (site.executed / f"{name}.ipynb").is_file()
                why = why_stale(inputs[name], records.get(name, {}), site)
                why = why or missing * "its page is missing" or force * "you asked for it"
                if why and (not only or name in only or missing):
                    due[name] = why
            for name, found in _run_all(self, [sources[name] for name in due]):
                records[name] = {"inputs": inputs[name], **found}
                write_state(site, state)
            reasons |= due
        write_state(site, state)
        return reasons


def _run_all(stale: _Stale, sources: Sequence[Path]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Run notebooks side by side; all of them, so that every failure is reported at once."""
    if not sources:
        return
    failures: list[str] = []
    stale.tell("running notebooks", 0, len(sources))
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max(1, min(stale.jobs, len(sources))),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C is the parent's
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        tasks = {pool.submit(_run_for_book, stale.site, path): path.stem for path in sources}
        for done, task in enumerate(as_completed(tasks), start=1):
            try:
                yield tasks[task], task.result()
            except InputError as error:
                failures.append(f"{tasks[task]}: {error}")
            except RunError as error:
                failures.append(str(error))
            except BrokenProcessPool as error:
                raise RunError(f"{tasks[task]}: the process that ran it was ended.") from error
            stale.tell(tasks[task], done, len(sources))
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    if failures:
        raise RunError("\n".join([*failures, "The book was not built again."]))


def _run_for_book(site: Site, source: Path) -> dict[str, dict[str, str]]:
    """Run one notebook and put it in place; return the sha256 of what it read and imported."""
    started = time.time()
    notebook = notebook_named(source.stem, site.root)
    parameters = _parameters_for(site, notebook)
    if parameters is None:
        write_notebook(_without_data(notebook), site.executed / source.name)
        return {"reads": {}, "modules": {}}
    keep = site.generated / "failed"
    ran = execute(source, parameters, cwd=site.root, keep=keep)
    (keep / source.name).unlink(missing_ok=True)
    write_notebook(ran.notebook, site.executed / source.name)

    def shas(paths: Iterable[Path]) -> dict[str, str]:
        # A file that changed while the notebook ran counts as changed the next time.
        return {
            _relative(path, site.root): sha_file(path) if path.stat().st_mtime < started else ""
            for path in paths
        }

    return {"reads": shas(ran.reads), "modules": shas(ran.modules)}


def _without_data(notebook: Notebook) -> Any:
    """What stands for a notebook that a book on a user's accuracies cannot run."""
    import nbformat

    text = (
        f"# {notebook.title}\n\nThis page needs {notebook.needs}. The data of this book have "
        "accuracies only. Put a file `answers.csv` beside them, with the columns model, language, "
        "item, n_correct and n_trials."
    )
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text, id="no-answers")])


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _build_pages(site: Site, tell: Progress) -> bool:
    """Build the pages if anything in them changed; say whether it did."""
    state = read_state(site)
    key = _site_key(site)
    if state["site"] == key and site.index.is_file():
        return False
    from hatlib.publish.fragments import MAKERS, charts_of, fragment
    from hatlib.show.figures import javascript_bundle

    tell("building the pages", 0, 1)
    downloads = {path.name: path for path in site.executed.glob("*.ipynb")}
    for name, record in state["notebooks"].items():
        read = {_download(site.root / file, site): site.root / file for file in record["reads"]}
        _make_page(site, name, read)
        downloads |= read
    for name in MAKERS:
        write_text(site.generated / name, fragment(name, site))
    scripts = sha_of(sha_package(), sha_versions())
    if state["scripts"] != scripts or not site.vendor.is_dir():
        javascript_bundle(site.vendor / "vega-bundle.js")
        copy_file(mathjax(), site.vendor / "tex-svg-full.js")
    made = _run_jupyter_book(site)
    address.finish(made)
    for name, path in downloads.items():
        copy_file(path, made / "downloads" / name)
    for chart in charts_of(site):
        for kind in ("csv", "svg"):
            write_text(made / "downloads/charts" / f"{chart['stem']}.{kind}", chart[kind])
    shutil.rmtree(site.html, ignore_errors=True)
    made.rename(site.html)
    shutil.rmtree(site.build / "work", ignore_errors=True)
    write_state(site, {**state, "site": _site_key(site), "scripts": scripts})
    tell("building the pages", 1, 1)
    return True


def _site_key(site: Site) -> str:
    """The sha256 of everything that the pages are made of."""
    made = (site.analyses, site.generated, site.vendor)
    around = sorted(path for path in site.root.iterdir() if path.suffix in (".md", ".cff", ".yml"))
    return sha_of(
        sha_tree(site.book, skip=made),
        sha_tree(*around, site.root / "data", site.root / "notebooks", site.executed),
        address.named("HAT_BOOK_REPOSITORY") + " " + address.named("HAT_BOOK_ADDRESS"),
        sha_package(),
        sha_versions(),
    )


def _make_page(site: Site, name: str, data: Iterable[str]) -> None:
    """Make the page of an executed notebook, which offers the notebook and its data."""
    import nbformat

    def link(path: str) -> str:
        file = html.escape(path)
        return f'<a href="../downloads/{file}" download>{html.escape(Path(path).name)}</a>'

    page = book_page(nbformat.read(site.executed / f"{name}.ipynb", as_version=4))
    text = f"**Take it away.** This notebook, as it was run: {link(f'{name}.ipynb')}."
    if tables := ", ".join(map(link, data)):
        text += f" The data that it read: {tables}."
    page.cells.append(nbformat.v4.new_markdown_cell(text, id="downloads"))
    write_notebook(page, site.analyses / f"{name}.ipynb")


def _download(path: Path, site: Site) -> str:
    """The name under which a data file is offered beside the pages."""
    data = site.root / "data"
    return f"data/{_relative(path, data) if path.is_relative_to(data) else path.name}"


def _run_jupyter_book(site: Site) -> Path:
    """Build in a folder of its own, so that the last book stays if this one fails."""
    import yaml

    work = site.build / "work"
    shutil.rmtree(work, ignore_errors=True)
    config = site.generated / "config.yml"
    known = yaml.safe_load((site.root / "_config.yml").read_text(encoding="utf-8"))
    write_text(config, yaml.safe_dump(address.configured(known), allow_unicode=True))
    program = "import hatlib; from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", str(site.book), "--config", str(config)]
    result = subprocess.run(
        [*command, "--path-output", str(work), "-W", "--keep-going"],
        cwd=site.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
    )
    pages = work / "_build" / "html"
    if result.returncode or not (pages / "index.html").is_file():
        raise RunError(_build_failure(result.stdout, site.generated / "build.log"))
    return pages


def _build_failure(log: str, path: Path) -> str:
    """The lines that say what is wrong, and where the others are."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", log)
    write_text(path, log)
    lines = log.splitlines()
    telling = [line for line in lines if re.search("WARNING|ERROR|CRITICAL", line)]
    if not telling:  # it broke off: show what comes after the traceback
        last = max((i for i, line in enumerate(lines) if re.match(r"\S*Error", line)), default=-20)
        telling = [line for line in lines[last:] if line.strip("= ")]
    return "\n".join(["The pages could not be built:", *telling[:40], f"The full log is in {path}"])
