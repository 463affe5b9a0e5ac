"""Every chart of the book with its address, data and pictures, and the slides made of them."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import yaml

_PICTURE = re.compile(
    r'<figure class="hat-chart" id="([^"]+)".*?src="data:image/svg\+xml,([^"]*)"', re.DOTALL
)


@dataclass(frozen=True)
class Chart:
    """A chart of an executed notebook.

    Attributes
    ----------
    page, name : str
        Its notebook and its id on the page.
    title, caption, alt, csv, svg : str
        Title of the page, and what belongs to the chart.
    png : bytes
    """

    page: str
    name: str
    title: str
    caption: str
    alt: str
    csv: str
    svg: str
    png: bytes

    def files(self) -> dict[str, bytes]:
        """Its data and pictures, by file name."""
        stem = f"{self.page}--{self.name}"
        found = {f"{stem}.csv": self.csv.encode(), f"{stem}.svg": self.svg.encode()}
        return found | ({f"{stem}.png": self.png} if self.png else {})


def charts_of(book: Path) -> Iterator[Chart]:
    """The charts of the executed notebooks, in the order of the contents.

    Parameters
    ----------
    book : Path
        Folder of the book, with `_toc.yml`, `_generated/executed` and `analyses`.

    Yields
    ------
    Chart

    Examples
    --------
    >>> list(charts_of(Path("nowhere")))
    []
    """
    contents = book / "_toc.yml"
    if not contents.is_file():
        return
    for page in re.findall(r"file: analyses/([\w-]+)", contents.read_text(encoding="utf-8")):
        executed = book / "_generated" / "executed" / f"{page}.ipynb"
        shown = book / "analyses" / f"{page}.ipynb"
        if executed.is_file() and shown.is_file():
            yield from _charts(
                page,
                nbformat.read(executed, as_version=4),
                nbformat.read(shown, as_version=4),
            )


def _charts(page: str, executed: Any, shown: Any) -> Iterator[Chart]:
    texts = [
        output.get("data", {}).get("text/html", "")
        for cell in shown.cells
        for output in cell.get("outputs", ())
    ]
    pictures = [found for text in texts for found in _PICTURE.findall(text)]
    outputs = [
        output
        for cell in executed.cells
        for output in cell.get("outputs", ())
        if "hat" in output.get("metadata", {})
    ]
    title = next((title_of(cell.source) for cell in executed.cells if title_of(cell.source)), page)
    for output, (name, svg) in zip(outputs, pictures, strict=False):
        about = output["metadata"]["hat"]
        png = base64.b64decode(output["data"].get("image/png", ""))
        words = (about["caption"], about["alt"], about["csv"])
        yield Chart(page, name, title, *words, unquote(svg), png)


def title_of(text: str) -> str:
    """The title that a Markdown cell begins with; empty if it has none."""
    found = re.match(r"# (.+)", text)
    return found.group(1).strip() if found else ""


def gallery(root: Path) -> str:
    """The page of all charts, as Markdown with raw HTML.

    Parameters
    ----------
    root : Path
        Root of the repository (of the copy that is built).

    Returns
    -------
    str
    """
    parts: list[str] = []
    page = ""
    for chart in charts_of(root / "book"):
        if chart.page != page:
            page = chart.page
            parts.append(f"## {chart.title}\n")
        parts.append(f"```{{raw}} html\n{_card(chart)}\n```\n")
    return "\n".join(parts) or "No notebook has been run yet.\n"


def _card(chart: Chart) -> str:
    address = f"analyses/{chart.page}.html#{chart.name}"
    names = {name.rpartition(".")[2].upper(): name for name in chart.files()}
    links = " · ".join(
        f'<a href="downloads/charts/{html.escape(name)}" download>{kind}</a>'
        for kind, name in names.items()
    )
    return (
        f'<figure class="hat-thumb"><a href="{address}"><img loading="lazy" '
        f'src="downloads/charts/{html.escape(names["SVG"])}" alt="{html.escape(chart.alt)}"></a>'
        f"<figcaption>{html.escape(chart.caption)}<br>{links} · "
        f'<a href="{address}">in its place</a><br><small>Cite as: The HAT book, '
        f"“{html.escape(chart.title)}”, chart {html.escape(chart.name)}.</small></figcaption>"
        "</figure>"
    )


def slides(root: Path) -> str:
    """The slides of the lesson, from `book/teach/slides.yml` and the charts of the book.

    Parameters
    ----------
    root : Path
        Root of the repository (of the copy that is built).

    Returns
    -------
    str
        Markdown with raw HTML; empty where there is no lesson.
    """
    source = root / "book" / "teach" / "slides.yml"
    if not source.is_file():
        return ""
    charts = {f"{chart.page}/{chart.name}": chart for chart in charts_of(root / "book")}
    parts = []
    for number, slide in enumerate(yaml.safe_load(source.read_text(encoding="utf-8")), start=1):
        points = "".join(f"<li>{html.escape(point)}</li>" for point in slide.get("points", ()))
        chart = charts.get(slide.get("chart", ""))
        picture = (
            f'<img loading="lazy" src="../downloads/charts/{chart.page}--{chart.name}.svg" '
            f'alt="{html.escape(chart.alt)}">'
            if chart
            else ""
        )
        parts.append(
            f'<section class="hat-slide" id="slide-{number}" tabindex="0" '
            f'aria-label="Slide {number}"><p class="hat-slide-title">{html.escape(slide["title"])}'
            f"</p>{picture}{f'<ul>{points}</ul>' if points else ''}</section>"
        )
    body = "\n".join(parts)
    return (
        '```{raw} html\n<div class="hat-slides"><p class="hat-choices" hidden>'
        f'<button type="button" class="hat-button">Present</button></p>\n{body}\n</div>\n'
        '<script defer src="../_static/hat-slides.js"></script>\n```\n'
    )
