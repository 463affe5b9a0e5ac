"""Parts of the book that are made from code, data and executed notebooks.

Each is a template of the folder `templates` and a function that finds what stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

import nbformat
import yaml

from hatlib.logs.languages import rules_table
from hatlib.publish import data_page, landing
from hatlib.publish.catalogue import notebooks
from hatlib.publish.page import SVG, charts, title_of
from hatlib.publish.places import Site, rendered
from hatlib.publish.run import load_report


def charts_of(site: Site) -> Iterator[dict[str, Any]]:
    """The charts of the book in the order of its contents: page, title, name, words and files."""
    contents = (site.book / "_toc.yml").read_text(encoding="utf-8")
    for page in re.findall(r"file: analyses/([\w-]+)", contents):
        executed = site.executed / f"{page}.ipynb"
        if executed.is_file():
            nb = nbformat.read(executed, as_version=4)
            title = next(filter(None, (title_of(cell.source) for cell in nb.cells)), page)
            for about, output in charts(nb):
                found = {"page": page, "title": title, "stem": f"{page}--{about['name']}"}
                yield about | found | {"svg": output.data[SVG]}


def _gallery(site: Site) -> dict[str, Any]:
    pages = groupby(charts_of(site), key=lambda chart: chart["title"])
    return {"pages": [(title, list(charts)) for title, charts in pages]}


def _slides(site: Site) -> dict[str, Any]:
    """The slides of the lesson, from `book/teach/slides.yml` and the charts of the book."""
    source = site.book / "teach" / "slides.yml"
    slides = yaml.safe_load(source.read_text(encoding="utf-8")) if source.is_file() else ()
    known = {f"{chart['page']}/{chart['name']}": chart for chart in charts_of(site)}
    shown = [(slide, known.get(slide.get("chart"))) for slide in slides]
    return {"slides": shown} | (landing.guess() if shown else {})


def _counts(site: Site) -> dict[str, Any]:
    """What the analyses stand on: the data of the book, or the user's own."""
    if not site.parameters:
        return data_page.counts()
    report = load_report(site.parameters)
    return {"read": [*report.read, *report.assumed, *report.dropped]}


MAKERS: Mapping[str, Callable[[Site], dict[str, Any]]] = {
    "notebooks.md": lambda site: {"notebooks": notebooks(site.root)},
    "changelog.md": lambda site: {"text": (site.root / "CHANGELOG.md").read_text(encoding="utf-8")},
    "counts.md": _counts,
    "data-and-sources.md": lambda site: data_page.data_and_sources(),
    "task-rules.md": lambda site: {"rules": rules_table().to_dict("records")},
    "guess.md": lambda site: landing.guess(),
    "two-sliders.md": lambda site: landing.two_sliders(),
    "findings-cards.md": lambda site: landing.findings_cards(site.executed),
    "gallery.md": _gallery,
    "slides.md": _slides,
}
"""File name below ``book/_generated``, and what stands in its template."""


def fragment(name: str, site: Site) -> str:
    """One part of the book as Markdown.

    Examples
    --------
    >>> from pathlib import Path
    >>> site = Site(Path("nowhere"), Path("nowhere"), Path("nowhere"))
    >>> "mgsm_native_cot_sw" in fragment("task-rules.md", site)
    True
    """
    return rendered(name, MAKERS[name](site))
