"""Rerun the notebooks that are out of date, and build the book."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatlib.data.writing import sole_writer
from hatlib.errors import InputError, RunError
from hatlib.publish import address, stale
from hatlib.publish.catalogue import Notebook, notebook_files, notebook_named
from hatlib.publish.page import book_page, mathjax
from hatlib.publish.places import (
    Progress,
    Site,
    copy_file,
    rendered,
    standard_site,
    write,
    write_notebook,
)
from hatlib.publish.run import execute, load_report

_ITEM_LEVEL = "item-level responses"  # how notebooks say that accuracies are not enough

ENDINGS = (".csv", ".csv.gz", ".parquet")  # of tables that a book on a user's data takes

LAST = ("findings",)
"""Notebooks that read what the others found, and so run after them."""

# Jupyter Book has no option for it, and not all of its parts say that they may be read in parallel;
# the pages come out the same, byte by byte.
_JUPYTER_BOOK = """
from functools import partial
from jupyter_book import sphinx
from jupyter_book.cli.main import main
from sphinx.application import Sphinx
Sphinx.is_parallel_allowed = lambda self, kind: True
sphinx.build_sphinx = partial(sphinx.build_sphinx, jobs=2)
main()
"""


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
    site = standard_site(root)
    if data is not None:
        site = _site_on(Path(data).absolute(), site)
    with sole_writer(site.generated, wait=True):
        sources = {path.stem: path for path in notebook_files(site.root)}
        for name in only:
            if name not in sources:
                notebook_named(name, site.root)
        reasons = _rerun(site, sources, only, jobs, force, tell)
        built = _build_pages(site, tell)
    reused = tuple(name for name in sources if name not in reasons)
    return Book(site.index, reasons, reused, built, time.perf_counter() - started)


def _site_on(data: Path, standard: Site) -> Site:
    """The book on a user's data: a copy of the sources, so that the standard book stays."""
    parameters = _data_parameters(data)
    load_report(parameters)
    slug = re.sub(r"[^a-z0-9]+", "-", data.name.lower()).strip("-") or "data"
    place = standard.build / f"book-{slug}"
    ours = shutil.ignore_patterns("_generated", "analyses", "vendor")
    shutil.copytree(standard.book, place / "book", ignore=ours, dirs_exist_ok=True)
    return Site(standard.root, place / "book", place, parameters)


def _data_parameters(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        remedy = "Name a folder with accuracies.csv in it."
        raise InputError("there is no such folder.", remedy, file=str(folder))
    accuracies, answers = (
        sorted(str(path) for end in ENDINGS for path in folder.glob(f"{kind}*{end}"))
        for kind in ("accuracies", "answers")
    )
    if not accuracies + answers:
        what = "the folder has no file accuracies* or answers* (.csv, .csv.gz or .parquet)."
        raise InputError(what, "Put your table there.", file=str(folder))
    given: dict[str, Any] = {"data": accuracies or answers}
    if answers:
        given["answers"] = answers
    if (models := folder / "models.csv").is_file():
        given["models"] = str(models)
    return given


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


def _rerun(
    site: Site,
    sources: Mapping[str, Path],
    only: Sequence[str],
    jobs: int,
    force: bool,
    tell: Progress,
) -> dict[str, str]:
    """Run the notebooks that are out of date; return them with the reasons."""
    state = stale.read_state(site)
    records = state["notebooks"] = {n: r for n, r in state["notebooks"].items() if n in sources}
    for path in (*site.executed.glob("*.ipynb"), *site.analyses.glob("*.ipynb")):
        if path.stem not in sources:
            path.unlink()
    reasons: dict[str, str] = {}
    for last in (False, True):
        due: dict[str, str] = {}
        for name in (name for name in sources if (name in LAST) == last):
            missing = not (site.executed / f"{name}.ipynb").is_file()
            why = stale.why_stale(stale.inputs_of(sources[name], site), records.get(name), site)
            why = why or missing * "its page is missing" or force * "you asked for it"
            if why and (not only or name in only or missing):
                due[name] = why
        for name, record in _run_all(site, [sources[name] for name in due], jobs, tell):
            records[name] = record
            stale.write_state(site, state)
        reasons |= due
    stale.write_state(site, state)
    return reasons


def _run_all(
    site: Site, sources: Sequence[Path], jobs: int, tell: Progress
) -> Iterator[tuple[str, dict[str, str]]]:
    """Run notebooks side by side; all of them, so that every failure is reported at once."""
    if not sources:
        return
    from hatlib.publish.kernels import stop

    failures: list[str] = []
    tell("running notebooks", 0, len(sources))
    with ThreadPoolExecutor(jobs) as pool:
        tasks = {pool.submit(_run_for_book, site, path): path.stem for path in sources}
        try:
            for done, task in enumerate(as_completed(tasks), start=1):
                try:
                    yield tasks[task], task.result()
                except InputError as error:
                    failures.append(f"{tasks[task]}: {error}")
                except RunError as error:
                    failures.append(str(error))
                tell(tasks[task], done, len(sources))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
    if failures:
        raise RunError("\n".join([*failures, "The book was not built again."]))


def _run_for_book(site: Site, source: Path) -> dict[str, str]:
    """Run one notebook and put it in place; return the sha256 of all that it depends on."""
    import nbformat

    started = time.time()
    record = stale.inputs_of(source, site)
    notebook = notebook_named(source.stem, site.root)
    parameters = _parameters_for(site, notebook)
    if parameters is None:
        page = nbformat.v4.new_notebook()
        _add_text(page, "without-data.md", title=notebook.title, needs=notebook.needs)
        write_notebook(page, site.executed / source.name)
        return record
    keep = site.generated / "failed"
    nb, used = execute(source, parameters, cwd=site.root, keep=keep)
    (keep / source.name).unlink(missing_ok=True)
    write_notebook(nb, site.executed / source.name)
    for path in used:  # what changed while the notebook ran counts as changed the next time
        done = path.stat().st_mtime < started
        record[_relative(path, site.root)] = stale.sha_file(path) if done else ""
    return record


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _build_pages(site: Site, tell: Progress) -> bool:
    """Build the pages if anything in them changed; say whether it did."""
    state = stale.read_state(site)
    key = _site_key(site)
    if state["site"] == key and site.index.is_file():
        return False
    import nbformat

    from hatlib.publish.fragments import MAKERS, charts_of, fragment
    from hatlib.show.figures import javascript_bundle

    tell("building the pages", 0, 1)
    downloads = {path.name: path for path in site.executed.glob("*.ipynb")}
    for name, record in state["notebooks"].items():
        files = [site.root / file for file in record if file.endswith(ENDINGS)]
        read = {_download(file, site): file for file in files}
        page = book_page(nbformat.read(site.executed / f"{name}.ipynb", as_version=4))
        _add_text(page, "take-away.md", name=name, data=list(read))
        write_notebook(page, site.analyses / f"{name}.ipynb")
        downloads |= read
    for name in MAKERS:
        write(site.generated / name, fragment(name, site))
    scripts = stale.sha([stale.sha_package(), stale.sha_versions()])
    if state["scripts"] != scripts or not site.vendor.is_dir():
        write(site.vendor / "vega-bundle.js", javascript_bundle())
        copy_file(mathjax(), site.vendor / "tex-svg-full.js")
    made = run_jupyter_book(site)
    address.finish(made)
    for name, path in downloads.items():
        copy_file(path, made / "downloads" / name)
    for chart in charts_of(site):
        for kind in ("csv", "svg"):
            write(made / "downloads/charts" / f"{chart['stem']}.{kind}", chart[kind])
    shutil.rmtree(site.html, ignore_errors=True)
    made.rename(site.html)
    stale.write_state(site, state | {"site": key, "scripts": scripts})
    tell("building the pages", 1, 1)
    return True


def _site_key(site: Site) -> str:
    """The sha256 of everything that the pages are made of."""
    made = (site.analyses, site.generated, site.vendor)
    around = [path for path in site.root.iterdir() if path.suffix in (".md", ".cff", ".yml")]
    addresses = [address.named("HAT_BOOK_REPOSITORY"), address.named("HAT_BOOK_ADDRESS")]
    sources = stale.sha_tree(site.book, skip=made)
    rest = stale.sha_tree(*around, site.root / "data", site.root / "notebooks", site.executed)
    return stale.sha([sources, rest, addresses, stale.sha_package(), stale.sha_versions()])


def _add_text(nb: Any, template: str, **about: Any) -> None:
    import nbformat

    text = rendered(template, about)
    nb.cells.append(nbformat.v4.new_markdown_cell(text, id=template.removesuffix(".md")))


def _download(path: Path, site: Site) -> str:
    """The name under which a data file is offered beside the pages."""
    data = site.root / "data"
    return f"data/{_relative(path, data) if path.is_relative_to(data) else path.name}"


def run_jupyter_book(site: Site, builder: str = "html") -> Path:
    """Build in a folder of its own, so that the last book stays if this one fails."""
    import yaml

    work = site.build / "work"
    if builder == "html":  # others use again what was read for it
        shutil.rmtree(work, ignore_errors=True)
    config = site.generated / "config.yml"
    known = yaml.safe_load((site.root / "_config.yml").read_text(encoding="utf-8"))
    write(config, yaml.safe_dump(address.configured(known), allow_unicode=True))
    places = ["build", str(site.book), "--config", str(config), "--path-output", str(work)]
    result = subprocess.run(
        [sys.executable, "-c", _JUPYTER_BOOK, *places, "--builder", builder, "-W", "--keep-going"],
        cwd=site.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
    )
    pages = work / "_build" / builder
    if result.returncode or not (pages / "index.html").is_file():
        raise RunError(_build_failure(result.stdout, site.generated / "build.log"))
    return pages


def _build_failure(log: str, path: Path) -> str:
    """The lines that say what is wrong, and where the others are."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", log)
    write(path, log)
    lines = log.splitlines()
    telling = [line for line in lines if re.search("WARNING|ERROR|CRITICAL", line)] or lines[-20:]
    return "\n".join(["The pages could not be built:", *telling[:40], f"The full log is in {path}"])
