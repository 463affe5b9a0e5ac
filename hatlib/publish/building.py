"""Rerun the notebooks that are out of date, and build the book."""

from __future__ import annotations

import contextlib
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatlib.errors import InputError, Problem, RunError
from hatlib.publish import address
from hatlib.publish.catalogue import (
    Notebook,
    notebook_files,
    notebook_named,
    notebooks,
    notebooks_markdown,
)
from hatlib.publish.gallery import charts_of
from hatlib.publish.interface import ROOMS
from hatlib.publish.page import mathjax, with_figures
from hatlib.publish.places import (
    Progress,
    Site,
    copy_file,
    standard_site,
    write_notebook,
    write_text,
)
from hatlib.publish.reading import folded, with_reading_time
from hatlib.publish.run import execute, load_report
from hatlib.publish.stale import (
    inputs_of,
    read_state,
    sha_file,
    sha_of,
    sha_package,
    sha_page_maker,
    sha_tree,
    sha_versions,
    why_stale,
    write_state,
)
from hatlib.words import markdown_text

_ITEM_LEVEL = "answers item by item"  # how notebooks say that accuracies are not enough


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
        sources = {path.stem: path for path in notebook_files(site.root / "notebooks")}
        for name in only:
            if name not in sources:
                notebook_named(name, site.root)
        reasons = _run_stale(site, sources, only, jobs, force, tell)
        built = _build_pages(site, tell)
    reused = tuple(name for name in sources if name not in reasons)
    return Book(site.index, reasons, reused, built, time.perf_counter() - started)


def _site_on(data: Path, root: Path | None) -> Site:
    """The book on a user's data: a copy of the sources, so that the standard book stays."""
    standard = standard_site(root)
    parameters = _data_parameters(data)
    load_report(parameters)
    place = standard.build / f"book-{_slug(data.absolute().name)}"
    site = Site(standard.root, place / "book", place, parameters)
    for path in sorted(standard.book.rglob("*")):
        ours = (standard.generated, standard.analyses, standard.vendor)
        if path.is_file() and not any(map(path.is_relative_to, ours)):
            copy_file(path, site.book / path.relative_to(standard.book))
    return site


def _data_parameters(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        remedy = "Name a folder with accuracies.csv in it."
        raise InputError(Problem("there is no such folder.", remedy, file=str(folder)))
    accuracies, answers = (
        sorted(
            str(path.absolute())
            for ending in (".csv", ".csv.gz", ".parquet")
            for path in folder.glob(f"{kind}*{ending}")
        )
        for kind in ("accuracies", "answers")
    )
    if not accuracies and not answers:
        what = "the folder has no file accuracies* or answers* (.csv, .csv.gz or .parquet)."
        raise InputError(Problem(what, "Put your table there.", file=str(folder)))
    models = folder / "models.csv"
    return {
        "data": accuracies or answers,
        **({"answers": answers} if answers else {}),
        **({"models": str(models.absolute())} if models.is_file() else {}),
    }


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


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"


@contextlib.contextmanager
def _one_at_a_time(site: Site) -> Iterator[None]:
    """Let a second build of the same book wait until the first is done."""
    site.generated.mkdir(parents=True, exist_ok=True)
    with (site.generated / ".lock").open("w") as lock:
        with contextlib.suppress(ImportError):  # there is no fcntl on Windows
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run_stale(
    site: Site,
    sources: Mapping[str, Path],
    only: Sequence[str],
    jobs: int,
    force: bool,
    tell: Progress,
) -> dict[str, str]:
    """Run the notebooks that are out of date; return them with the reasons."""
    state = read_state(site)
    records = state["notebooks"]
    _forget_others(site, sources, records)
    inputs: dict[str, dict[str, str]] = {}
    reasons: dict[str, str] = {}

    def finished(name: str, found: Mapping[str, Mapping[str, str]]) -> None:
        records[name] = {"inputs": inputs[name], **found}
        write_state(site, state)

    for batch in ([n for n in sources if n not in LAST], [n for n in LAST if n in sources]):
        due = {}
        for name in batch:
            inputs[name] = inputs_of(sources[name], site.parameters)
            if name in LAST:
                others = [site.executed / f"{n}.ipynb" for n in sorted(sources) if n not in LAST]
                inputs[name]["what other pages found"] = sha_of(*map(sha_file, others))
            missing = not (site.executed / f"{name}.ipynb").is_file()
            why = "its page is missing" if missing else ""
            why = why_stale(inputs[name], records.get(name, {}), site) or why
            if force and (not only or name in only):
                why = why or "you asked for it"
            if why and (not only or name in only or missing):
                due[name] = why
        _run_parallel(site, {name: sources[name] for name in due}, jobs, finished, tell)
        reasons |= due
    write_state(site, state)
    return reasons


def _forget_others(site: Site, sources: Mapping[str, Path], records: dict[str, Any]) -> None:
    """Delete the pages of notebooks that are gone."""
    for folder in (site.executed, site.analyses):
        for path in folder.glob("*.ipynb"):
            if path.stem not in sources:
                path.unlink()
    for name in set(records) - set(sources):
        del records[name]


def _run_parallel(
    site: Site,
    sources: Mapping[str, Path],
    jobs: int,
    finished: Callable[[str, Mapping[str, Mapping[str, str]]], None],
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


def _run_for_book(site: Site, source: Path) -> dict[str, dict[str, str]]:
    """Run one notebook and put it in place; return the sha256 of what it read and imported."""
    started = time.time()
    notebook = notebook_named(source.stem, site.root)
    parameters = _parameters_for(site, notebook)
    keep = site.generated / "failed"
    reads: list[Path] = []
    modules: list[Path] = []
    if parameters is None:
        nb = _without_data(notebook)
    else:
        with tempfile.TemporaryDirectory(prefix="hat-") as scratch:
            nb, reads, modules = execute(
                source, parameters, Path(scratch), cwd=site.root, keep=keep
            )
    (keep / source.name).unlink(missing_ok=True)
    write_notebook(nb, site.executed / source.name)

    def shas(paths: Iterable[Path]) -> dict[str, str]:
        # A file that changed while the notebook ran counts as changed the next time.
        return {
            _relative(path, site.root): sha_file(path) if path.stat().st_mtime < started else ""
            for path in paths
        }

    found = {"reads": shas(reads), "modules": shas(modules)}
    _make_page(site, source.stem, found["reads"])
    return found


def _make_page(site: Site, name: str, reads: Iterable[str]) -> None:
    """Make the page of an executed notebook: charts as HTML, and downloads."""
    import nbformat

    executed = nbformat.read(site.executed / f"{name}.ipynb", as_version=4)
    page = with_reading_time(folded(with_figures(executed)))
    for cell in page.cells:  # Sphinx mends links in text, but not in what code has written
        for output in cell.get("outputs", ()):
            said = output.get("data", {}).get("text/markdown")
            if said:
                linked = re.sub(r"(\]\([\w./-]+)\.(?:ipynb|md)(?=[#)])", r"\1.html", said)
                output["data"]["text/markdown"] = linked
    data = _downloads(site, (site.root / file for file in reads))
    page.cells.append(_downloads_cell(f"{name}.ipynb", data))
    write_notebook(page, site.analyses / f"{name}.ipynb")


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


def _downloads(site: Site, reads: Iterable[Path]) -> dict[str, Path]:
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


def _notebook_table(site: Site) -> str:
    return notebooks_markdown(notebooks(site.root))


def _changelog(site: Site) -> str:
    path = site.root / "CHANGELOG.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _counts(site: Site) -> str:
    """What the analyses stand on: the data of the book, or the user's own."""
    if not site.parameters:
        return _made("counts.md")(site)
    report = load_report(site.parameters)
    said = [*report.read, *report.assumed, *report.dropped]
    lines = "\n".join(f"- {markdown_text(line)}" for line in said)
    return f"The analyses of this copy of the book stand on your own data.\n\n{lines}\n"


def _made(name: str) -> Callable[[Site], str]:
    """A maker of `hatlib.publish.pages`, which is imported when it is needed."""

    def make(site: Site) -> str:
        from hatlib.publish import pages

        return pages.MAKERS[name](site.book.parent)

    return make


generators: dict[str, Callable[[Site], str]] = {
    "notebooks.md": _notebook_table,
    "changelog.md": _changelog,
    "counts.md": _counts,
    **{
        name: _made(name)
        for name in (
            "guess.md",
            "two-sliders.md",
            "gallery.md",
            *(f"api-{room}.md" for room in (*ROOMS, "")),
            "slides.md",
            "findings-cards.md",
            "data-and-sources.md",
            "task-rules.md",
        )
    },
}
"""Fragments of the book that are made from code: file name and the function that makes it."""


def _build_pages(site: Site, tell: Progress) -> bool:
    """Build the pages if anything in them changed; say whether it did."""
    state = read_state(site)
    key = _site_key(site)
    if state["site"] == key and site.index.is_file():
        return False
    tell("building the pages", 0, 1)
    maker = sha_page_maker()
    for name, record in state["notebooks"].items():
        if state.get("maker") != maker or not (site.analyses / f"{name}.ipynb").is_file():
            _make_page(site, name, record["reads"])
    for name, make in generators.items():
        write_text(site.generated / name, make(site))
    scripts = sha_of(sha_package(), sha_versions())
    if state.get("scripts") != scripts or not site.vendor.is_dir():
        _copy_scripts(site)
    _run_jupyter_book(site)
    write_state(site, {**state, "site": _site_key(site), "scripts": scripts, "maker": maker})
    tell("building the pages", 1, 1)
    return True


def _site_key(site: Site) -> str:
    """The sha256 of everything that the pages are made of."""
    made = (site.analyses, site.generated, site.vendor)
    around = sorted(path for path in site.root.iterdir() if path.suffix in (".md", ".cff", ".yml"))
    return sha_of(
        sha_tree(site.book, skip=made),
        sha_tree(*around, site.root / "data", site.root / "notebooks"),
        sha_tree(site.executed),
        sha_tree(site.analyses),
        address.named("HAT_BOOK_REPOSITORY") + " " + address.named("HAT_BOOK_ADDRESS"),
        sha_package(),
        sha_versions(),
    )


def _copy_scripts(site: Site) -> None:
    """Put the scripts that the pages need beside them, so that no other host is asked."""
    from hatlib.show import figures

    figures.javascript_bundle(site.vendor / "vega-bundle.js")
    copy_file(mathjax(), site.vendor / "tex-svg-full.js")


def _run_jupyter_book(site: Site) -> None:
    """Build in a folder of its own; replace the last book only if all went well."""
    work = site.build / "work"
    shutil.rmtree(work, ignore_errors=True)
    import yaml

    program = "import hatlib; from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build"]
    config = site.generated / "config.yml"
    known = yaml.safe_load((site.root / "_config.yml").read_text(encoding="utf-8"))
    write_text(config, yaml.safe_dump(address.configured(known), allow_unicode=True))
    command += [str(site.book), "--config", str(config)]
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
    address.finish(html)
    _copy_downloads(site, html / "downloads")
    shutil.rmtree(site.html, ignore_errors=True)
    html.rename(site.html)
    shutil.rmtree(work, ignore_errors=True)


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


def _copy_downloads(site: Site, target: Path) -> None:
    """Put the executed notebooks and the data beside the pages."""
    for path in sorted(site.executed.glob("*.ipynb")):
        copy_file(path, target / path.name)
    records = read_state(site)["notebooks"].values()
    reads = {site.root / file for record in records for file in record["reads"]}
    for name, path in _downloads(site, sorted(reads)).items():
        copy_file(path, target / name)
    for chart in charts_of(site.book):
        for name, content in chart.files().items():
            place = target / "charts" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
