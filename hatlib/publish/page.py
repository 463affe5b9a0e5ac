"""Make web pages of executed notebooks, for the book or to stand alone."""

from __future__ import annotations

import copy
import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hatlib.publish.places import PACKAGE

VEGALITE, SVG = "application/vnd.vegalite.v5+json", "image/svg+xml"
_VEGA = PACKAGE.parent / "book/assets/vendor/vega-bundle.js"  # of the book, once it is built
WORDS_A_MINUTE, SECONDS_A_CHART = 200, 20


def outputs(nb: Any) -> Iterator[Any]:
    """What the cells of a notebook show."""
    return (output for cell in nb.cells for output in cell.get("outputs", ()))


def charts(nb: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """The charts of an executed notebook: what is known of each, named once, and its output."""
    seen: dict[str, int] = {}
    for output in outputs(nb):
        about = output.get("metadata", {}).get("hat")
        if about and VEGALITE in output.get("data", {}):
            number = seen[about["name"]] = seen.get(about["name"], 0) + 1
            name = about["name"] if number == 1 else f"{about['name']}-{number}"
            yield {**about, "name": name}, output


def with_pictures(nb: Any) -> Any:
    """An executed notebook whose charts have a picture for readers that know no Vega-Lite."""
    from hatlib.show import figures

    for _, output in charts(nb):
        if SVG not in output.data:
            output.data[SVG] = figures.static_svg(output.data[VEGALITE])
    return nb


def with_figures(nb: Any) -> Any:
    """Copy a notebook, with each chart as HTML that needs no network."""
    from hatlib.show import figures

    nb = copy.deepcopy(nb)
    for about, output in list(charts(nb)):
        html = figures.figure_html(output.data[VEGALITE], svg=output.data[SVG], **about)
        output["data"] = {"text/html": html, "text/plain": about["alt"]}
        output["metadata"] = {}
    return nb


def title_of(text: str) -> str:
    """The title that a Markdown cell begins with; empty if it has none."""
    found = re.match(r"# +(.+)", text)
    return found.group(1).strip() if found else ""


def book_page(nb: Any) -> Any:
    """A page of the book: charts as HTML, code folded, and how long it takes to read.

    Code that shows nothing is folded with the code after it. Cells that hide under a heading with
    *exercise* in it are answers.

    Examples
    --------
    >>> import nbformat
    >>> text = nbformat.v4.new_markdown_cell("# Why? " + "word " * 600, id="a")
    >>> code = nbformat.v4.new_code_cell("1 + 1", id="b")
    >>> text, code = book_page(nbformat.v4.new_notebook(cells=[text, code])).cells
    >>> text.source.splitlines()[-1]
    '3 minutes to read.'
    >>> code.metadata["tags"], code.metadata["mystnb"]["code_prompt_show"]
    (['hide-input'], 'Show the code')
    """
    n_charts = len(list(charts(nb)))
    nb = with_figures(nb)
    nb.cells = _folds(nb.cells)
    exercises = False
    for cell in nb.cells:
        if cell.cell_type == "code":
            _fold(cell, exercises)
        elif headings := re.findall(r"^#+ (.+)", cell.source, flags=re.MULTILINE):
            exercises = "exercise" in headings[-1].lower()
    texts = [cell.source for cell in nb.cells if cell.cell_type == "markdown"]
    for output in outputs(nb):
        said = output.get("data", {}).get("text/markdown", "")
        texts.append(said)
        if said:  # Sphinx mends links in text, but not in what code has written
            linked = re.sub(r"(\]\([\w./-]+)\.(?:ipynb|md)(?=[#)])", r"\1.html", said)
            output["data"]["text/markdown"] = linked
    words = len(" ".join(texts).split())
    minutes = max(1, round(words / WORDS_A_MINUTE + n_charts * SECONDS_A_CHART / 60))
    said = f"{{.hat-reading}}\n{minutes} {'minute' if minutes == 1 else 'minutes'} to read."
    for cell in nb.cells:
        if cell.cell_type == "markdown" and title_of(cell.source):
            cell.source = re.sub(r"\A(# .+)", rf"\1\n\n{said}", cell.source)
            break
    return nb


def _folds(cells: Sequence[Any]) -> list[Any]:
    """The cells, those that show nothing together with the code that follows on them."""
    kept: list[Any] = []
    for cell in cells:
        before = kept[-1] if kept else None
        if before and before.cell_type == cell.cell_type == "code" and not before.outputs:
            parameters = {"parameters"} & {*before.metadata.get("tags", ())}
            cell.source = f"{before.source}\n\n{cell.source}"
            cell.metadata.setdefault("tags", []).extend(parameters)
            kept.pop()
        kept.append(cell)
    return kept


def _fold(cell: Any, exercises: bool) -> None:
    """Fold the code of a cell, and say what is in the fold."""
    tags = cell.metadata.setdefault("tags", [])
    if not any(tag.startswith("hide-") for tag in tags):
        tags.append("hide-input")
    kind = "code and the parameters" if "parameters" in tags else "code"
    if "hide-output" in tags:  # the code is short, and is read in JupyterLab
        tags[tags.index("hide-output")] = "hide-cell"
    if "hide-cell" in tags and cell.outputs:
        kind = "table" if "<table" in str(cell.outputs) else "details"
    if exercises and "hide-cell" in tags:
        kind = "answer"
        tags.append("exercise")
    cell.metadata["mystnb"] = {
        "code_prompt_show": f"Show the {kind}",
        "code_prompt_hide": f"Hide the {kind}",
    }


def web_page(nb: Any, title: str, code: bool = True) -> str:
    """Make one web page of an executed notebook: no other file, no network; perhaps no code."""
    from nbconvert import HTMLExporter

    from hatlib.show.figures import javascript_bundle

    template = Path(__file__).with_name("templates") / "page.html.j2"
    exporter = HTMLExporter(raw_template=template.read_text(encoding="utf-8"))
    exporter.exclude_anchor_links = True
    exporter.exclude_input = not code
    scripts = []
    if any(charts(nb)):
        scripts += [javascript_bundle(_VEGA), _asset("hat-charts.js")]
    if any('class="hat-drill"' in o.get("data", {}).get("text/html", "") for o in outputs(nb)):
        scripts.append(_asset("hat-drill.js"))
    texts = (cell.source for cell in nb.cells if cell.cell_type == "markdown")
    formulas = any(re.search(r"\$[^$]+\$|\\\(|\\\[|\\begin\{", text) for text in texts)
    if formulas:
        scripts.append(mathjax().read_text(encoding="utf-8"))
    resources = {
        "hat_title": title,
        "hat_styles": _code_colours() + _asset("hat.css"),
        "hat_formulas": formulas,
        "hat_code": code,
        "hat_scripts": [script.replace("</script", "<\\/script") for script in scripts],
    }
    html, _ = exporter.from_notebook_node(with_figures(nb), resources)
    # Keep the text but not the link where a page of the book is meant.
    link = re.compile(r"<a\b[^>]*\bhref=\"(?![a-z]+:|#)[^\"]*\"[^>]*>(.*?)</a>", re.DOTALL)
    return link.sub(r"\1", html)


def _asset(name: str) -> str:
    """A script or style sheet of the book, which an installed wheel has too."""
    folder = PACKAGE / "_assets"
    folder = folder if folder.is_dir() else PACKAGE.parent / "book" / "assets"
    return (folder / name).read_text(encoding="utf-8")


def mathjax() -> Path:
    """The MathJax file that comes with the package sphinx-mathjax-offline."""
    files = importlib.metadata.distribution("sphinx-mathjax-offline").files or ()
    return next(Path(str(f.locate())) for f in files if f.name == "tex-svg-full.js")


def _code_colours() -> str:
    from pygments.formatters import HtmlFormatter

    dark = 'html[data-theme="dark"] .highlight'
    light = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    return light + "\n" + HtmlFormatter(style="a11y-high-contrast-dark").get_style_defs(dark)
