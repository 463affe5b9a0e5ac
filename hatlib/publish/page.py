"""Make web pages of executed notebooks, for the book or to stand alone."""

from __future__ import annotations

import copy
import functools
import importlib.metadata
import re
import tempfile
from pathlib import Path
from typing import Any

from hatlib.errors import RunError
from hatlib.publish.places import PACKAGE

VEGALITE = "application/vnd.vegalite.v5+json"
TEMPLATE = Path(__file__).with_name("page.html.j2")


def with_figures(nb: Any) -> Any:
    """Copy a notebook, with each chart as HTML that needs no network."""
    from hatlib.show import figures

    nb = copy.deepcopy(nb)
    seen: set[str] = set()
    for cell in nb.cells:
        for output in cell.get("outputs", ()):
            about = output.get("metadata", {}).get("hat")
            spec = output.get("data", {}).get(VEGALITE)
            if about is None or spec is None:
                continue
            name = _unique(about["name"], seen)
            html = figures.figure_html(spec, **{**about, "name": name})
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


def _has_drill(nb: Any) -> bool:
    outputs = (output for cell in nb.cells for output in cell.get("outputs", ()))
    return any(
        'class="hat-drill"' in output.get("data", {}).get("text/html", "") for output in outputs
    )


def web_page(nb: Any, title: str) -> str:
    """Make one web page of an executed notebook: no other file, no network."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = ("remove-cell",)
    config.TagRemovePreprocessor.remove_input_tags = ("remove-input",)
    config.TagRemovePreprocessor.remove_all_outputs_tags = ("remove-output",)
    exporter = HTMLExporter(config=config, raw_template=TEMPLATE.read_text(encoding="utf-8"))
    exporter.exclude_anchor_links = True
    scripts: list[str] = []
    if _has_figures(nb):
        scripts += [_chart_libraries(), _asset("hat-charts.js")]
    if _has_drill(nb):
        scripts.append(_asset("hat-drill.js"))
    formulas = _has_formulas(nb)
    if formulas:
        scripts.append(mathjax().read_text(encoding="utf-8"))
    resources = {
        "hat_title": title,
        "hat_styles": _code_colours() + _asset("hat.css"),
        "hat_formulas": formulas,
        "hat_scripts": [script.replace("</script", "<\\/script") for script in scripts],
    }
    html, _ = exporter.from_notebook_node(with_figures(nb), resources)
    return _without_dead_links(html)


@functools.cache
def _chart_libraries() -> str:
    """Vega and its kin as one script."""
    from hatlib.show import figures

    with tempfile.TemporaryDirectory(prefix="hat-") as scratch:
        return figures.javascript_bundle(Path(scratch) / "vega.js").read_text(encoding="utf-8")


def _asset(name: str) -> str:
    """A script or style sheet of the book, which an installed wheel has too."""
    folder = PACKAGE / "_assets"
    folder = folder if folder.is_dir() else PACKAGE.parent / "book" / "assets"
    return (folder / name).read_text(encoding="utf-8")


def _has_formulas(nb: Any) -> bool:
    texts = (cell.source for cell in nb.cells if cell.cell_type == "markdown")
    return any(re.search(r"\$[^$]+\$|\\\(|\\\[|\\begin\{", text) for text in texts)


def mathjax() -> Path:
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
