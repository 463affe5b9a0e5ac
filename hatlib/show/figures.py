"""What an analysis shows: a figure, a table or a notice, in notebooks and on web pages.

Text that comes from data (model names, above all) is hostile: it is escaped wherever it is shown.
"""

from __future__ import annotations

import csv as csvlib
import functools
import io
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import altair as alt
import numpy as np
import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from hatlib.data.writing import csv_text

INK = "#747474"  # legible on white and on the dark page: for JupyterLab, which tells us neither
PAPER_INK = "#333333"
HALO = "#ffffff00"  # invisible; the page behind, where that is known

_HEADINGS: dict[str, str] = tomllib.loads(
    (Path(__file__).parent / "headings.toml").read_text(encoding="utf-8")
)

_VL_VERSION = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
_SCHEMA = "https://vega.github.io/schema/vega-lite/{}.json"
_MIME = "application/vnd.vegalite.v5+json"
_MOST_ROWS = 100  # of the table under a chart; the CSV has all
_MANY = 15  # rows of a table that scrolls by itself
_WIDE, _PROSE = 28, 84  # letters of a cell that may wrap, and of one that needs more room
_P_VALUE = "p"
# Widths of Arial's letters, in its size; others take 0.556.
_ARIAL = {0.222: "ijl'|", 0.278: " !,./:;I[]ft", 0.333: "()-r", 0.5: "ckvsxyzJ", 0.584: "+<=>"}
_ARIAL |= {0.611: "FTZ", 0.667: "&ABEKPSVXY", 0.722: "CDHNRUw", 0.778: "GOQ", 0.833: "mM%"}
_WIDTHS = {letter: wide for wide, letters in _ARIAL.items() for letter in letters}
_PARTS: Any = (
    Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    .from_string(Path(__file__).with_name("figure.html").read_text(encoding="utf-8"))
    .module
)
_NUMBER = re.compile(r"[-+]?[\d.]*(e[-+]?\d+)?")


@dataclass(frozen=True)
class Figure:
    """A chart with all that must stand beside it.

    Attributes
    ----------
    name : str
        Slug, unique on its page (no heading may have the same one); the id of the figure.
    chart : altair.TopLevelMixin
        The Altair chart.
    caption : str
        What to see, in one or two sentences of plain text.
    alt : str
        Alternative text, written from the data.
    data : pandas.DataFrame
        What is drawn, one row a mark.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": [1, 2], "v": [0.1, 0.3]})
    >>> line = alt.Chart(frame).mark_line().encode(x="n", y="v")
    >>> figure = Figure("rise", line, "It rises.", "A line from 0.1 to 0.3.", frame)
    >>> figure.name, figure.caption
    ('rise', 'It rises.')
    """

    name: str
    chart: alt.TopLevelMixin
    caption: str
    alt: str
    data: pd.DataFrame

    def spec(self) -> dict[str, Any]:
        """Vega-Lite specification, the same bytes for the same data."""
        spec: dict[str, Any] = self.chart.to_dict()
        spec["$schema"] = _SCHEMA.format("v5")
        return spec

    def csv(self) -> str:
        """The data that are drawn, as CSV."""
        return csv_text(self.data, float_format="%.6g", date_format="%Y-%m-%d") + "\n"

    def __repr__(self) -> str:
        return f"{self.caption}\n[{self.alt}]"

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What JupyterLab, papermill and nbviewer show, with no network."""
        spec = self.spec()
        bundle = {_MIME: spec, "text/plain": repr(self)}
        if os.environ.get("HATLIB_PICTURES") != "later":  # whoever runs the notebook adds them
            bundle["image/svg+xml"] = static_svg(spec)
        about = {"name": self.name, "caption": self.caption, "alt": self.alt, "csv": self.csv()}
        return bundle, {"hat": about}


@dataclass(frozen=True)
class Notice:
    """A result that cannot be drawn: what is missing and what to add.

    Attributes
    ----------
    text : str
        Markdown.

    Examples
    --------
    >>> Notice("No model has a known size. Add a column `params_total_b`.")
    No model has a known size. Add a column `params_total_b`.
    """

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """A table for display, which scrolls sideways where the page is narrow.

    Attributes
    ----------
    frame : pandas.DataFrame
        What is shown.
    caption : str
        Plain text.
    markup : str
        HTML.
    """

    frame: pd.DataFrame
    caption: str
    markup: str

    def __repr__(self) -> str:
        return f"{self.caption}\n{self.frame.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return self.markup


def show_table(
    frame: pd.DataFrame,
    caption: str,
    formats: Mapping[str, str] | None = None,
    hide: Sequence[str] = (),
) -> Table | Notice:
    """Show a frame as a table that follows the theme of the page.

    Parameters
    ----------
    frame : pandas.DataFrame
        What to show; the index is left out.
    caption : str
        What to see. Plain text.
    formats : mapping of column to format, optional
        Python format strings, such as ``{"share": "{:.0%}"}``. By default numbers with
        fractions have three decimals, sizes four digits and dates no time; p- and q-values
        below a thousandth are "<.001", and what is missing is "–". Columns ``low`` and
        ``high`` behind an estimate stand in one column with it.
    hide : sequence of str
        Columns to leave out.

    Returns
    -------
    Table or Notice
        A notice if there is no row.

    Examples
    --------
    >>> show_table(pd.DataFrame({"model": ["<b>"], "accuracy": [0.5]}), "One model.")
    One model.
    model  accuracy
      <b>       0.5
    >>> "&lt;b&gt;" in _.markup and "0.500" in _.markup and _.markup.startswith("<p ")
    True
    """
    shown = frame.drop(columns=[column for column in hide if column in frame])
    shown = shown.reset_index(drop=True)
    if shown.empty:
        return Notice("There is nothing to show in this table.")
    shown = shown.infer_objects()
    heads, columns, numeric = [], [], []
    left = [str(c) for c in shown]
    while left:
        column, *left = left
        form = (formats or {}).get(column) or _format_of(column, shown[column])
        cells = [_written(value, form) for value in shown[column]]
        head, number = heading(column), pd.api.types.is_numeric_dtype(shown[column])
        if number and left[:2] in (["low", "high"], [f"{column}_low", f"{column}_high"]):
            low, high, *left = left
            ends = [[_written(value, form) for value in shown[end]] for end in (low, high)]
            cells = [
                cell if "–" in (a, b) else f"{cell} [{a}, {b}]"
                for cell, a, b in zip(cells, *ends, strict=True)
            ]
            head += " [interval]"
        heads.append(head)
        columns.append(cells)
        numeric.append(number)
    markup = _html_table(heads, list(zip(*columns, strict=True)), numeric, caption)
    words = Markup('<p class="hat-caption">{}</p>\n').format(caption) if caption else ""
    return Table(shown, caption, words + markup)


def _format_of(column: str, values: pd.Series[Any]) -> str:
    """Choose how a column is written."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return "{:%Y-%m-%d}"
    if not pd.api.types.is_numeric_dtype(values):
        return "{}"
    known = values.dropna().abs()
    if len(known) and known.max() >= 10_000:
        return "{:,.0f}"
    if not pd.api.types.is_float_dtype(values):
        return "{}"
    if column.startswith(("p_value", "q_value")) or column.endswith((" p", " q")):
        return _P_VALUE
    if column.startswith("params") or (len(known) and known.max() >= 1000):
        return "{:.4g}"
    if len(known) and known.max() > 1 and np.allclose(known, known.round(), rtol=0, atol=1e-9):
        return "{:.0f}"
    return "{:z.3f}"


def _written(value: Any, form: str) -> str:
    """One cell as text."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return "–"
    if form == _P_VALUE:
        return "<.001" if value < 0.001 else f"{value:.3f}"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    text = form.format(value)
    return text.replace("-", "−") if isinstance(value, (int, float, np.number)) else text


def _html_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], label: str
) -> Markup:
    """A table that scrolls by itself; numbers stand at the right, long text may wrap."""
    looks = ["hat-number" if number else "" for number in numeric]
    for i, number in enumerate(numeric):
        longest = max((len(row[i]) for row in rows), default=0)
        if not number and longest > _WIDE:
            looks[i] = "hat-wide hat-prose" if longest > _PROSE else "hat-wide"
    marks = [Markup(f' class="{look}"') if look else "" for look in looks]
    return Markup(_PARTS.table(heads, marks, rows, cut(label, 120), len(rows) > _MANY).strip())


def figure_html(
    spec: dict[str, Any], *, name: str, caption: str, alt: str, csv: str, svg: str = ""
) -> str:
    """Make the figure for the book and for stand-alone pages.

    `assets/hat-charts.js` draws it; without JavaScript, and in print, the static picture stays.

    Parameters
    ----------
    spec : dict
        Vega-Lite specification, as in the executed notebook.
    name, caption, alt, csv : str
        As in the metadata ``hat`` of the output.
    svg : str
        The static picture, where it has been drawn already.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": [1, 2], "v": [0.1, 0.3], "s": ["<b>", "<b>"]})
    >>> line = alt.Chart(frame).mark_line().encode(x="n", y="v", color="s")
    >>> about = {"name": "rise", "caption": "It rises.", "alt": "<b> rises."}
    >>> page = figure_html(line.to_dict(), csv=frame.to_csv(), **about)
    >>> page.startswith('<figure class="hat-chart" id="rise"'), "<b>" in page
    (True, False)
    """
    svg = svg or static_svg(spec)
    size = re.search(r'<svg[^>]*?width="([\d.]+)"[^>]*?height="([\d.]+)"', svg)
    width, height = (round(float(n)) for n in size.groups()) if size else (640, 400)
    picture, data = (Markup(quote(text, safe=" !$'()*+,-./:;=?@_~")) for text in (svg, csv))
    own = json.dumps(
        spec | {"$schema": _SCHEMA.format(f"v{_VL_VERSION.split('.')[0]}")}, separators=(",", ":")
    )
    own = own.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    rows = list(csvlib.reader(io.StringIO(csv))) or [[]]
    body = [[cut(cell, 80) for cell in row] for row in rows[1 : _MOST_ROWS + 1]]
    numeric = [all(_NUMBER.fullmatch(row[i]) for row in body) for i in range(len(rows[0]))]
    heads = [heading(column) for column in rows[0]]
    table = _html_table(heads, body, numeric, f"Data of the chart: {caption}")
    more = len(rows) - 1 - _MOST_ROWS
    about = (slug(name), width, height, alt, picture, Markup(own), caption, table, more, data)
    return str(_PARTS.figure(*about)).strip()


def static_svg(spec: dict[str, Any]) -> str:
    """Draw a specification as SVG in the colours of paper, with no network.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": [1, 2], "v": [0.1, 0.3]})
    >>> static_svg(alt.Chart(frame).mark_line().encode(x="n", y="v").to_dict())[:4]
    '<svg'
    """
    import vl_convert

    paper = _recolour(spec, {INK: PAPER_INK, HALO: "#ffffff"})
    paper["$schema"] = _SCHEMA.format(f"v{_VL_VERSION}")
    drawn = vl_convert.vegalite_to_svg(paper, _VL_VERSION, allowed_base_urls=[])
    drawn = re.sub(r"<[a-z]+ [^<>]*>", _lighter, drawn)
    return re.sub(r"(<text [^<>]*font-size='([\d.]+)px'[^<>]*)>([^<>]{8,})</text>", _held, drawn)


def _held(text: re.Match[str]) -> str:
    """A text as wide as it was measured, so that no other font runs over the edge."""
    tag, size, words = text.groups()
    if "font-weight" in tag or not words.replace("…", "").isascii():
        return text.group()
    wide = float(size) * sum(_WIDTHS.get(letter, 0.556) for letter in unescape(words))
    return f"{tag} textLength='{wide:.0f}' lengthAdjust='spacingAndGlyphs'>{words}</text>"


def _lighter(tag: re.Match[str]) -> str:
    """A tag without what one picture with one alternative text does not need."""
    text = re.sub(r' (?:class|role|aria-[a-z]+)="[^"]*"', "", tag.group())
    text = re.sub(r"(\d\.\d)\d+", r"\1", text)  # a tenth of a pixel is fine enough
    return text if "'" in text else text.replace('"', "'")  # which a web address need not escape


@functools.cache
def javascript_bundle(kept: Path | None = None) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, for charts without a network.

    To make it takes a second or two; a file `kept` that these versions made is read instead.
    """
    import vl_convert

    mark = f"/* vl-convert {version('vl-convert-python')}, Vega-Lite {_VL_VERSION}, quiet */\n"
    if kept and kept.is_file() and (script := kept.read_text(encoding="utf-8")).startswith(mark):
        return script
    code = vl_convert.javascript_bundle(vl_version=_VL_VERSION)  # type: ignore[call-arg]
    # Wrapped, so that its many top-level names do not meet those of the theme. Vega-Lite warns of
    # layouts that are meant, such as panels with scales of their own: that is no news to a reader.
    quiet = "const console = Object.assign(Object.create(window.console), {warn() {}});"
    return f"{mark}(function(){{\n{quiet}\n{code}\n}})();"


def _recolour(part: Any, colours: Mapping[str, str]) -> Any:
    """Swap colours everywhere but in the data."""
    if isinstance(part, dict):
        data = ("datasets", "domain", "sort")
        return {k: v if k in data else _recolour(v, colours) for k, v in part.items()}
    if isinstance(part, list):
        return [_recolour(v, colours) for v in part]
    return colours.get(part, part) if isinstance(part, str) else part


def heading(column: str) -> str:
    """What a column is called where people read it."""
    return _HEADINGS.get(column, column.replace("_", " "))


def cut(text: str, most: int) -> str:
    """Shorten text that is drawn, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def slug(text: str) -> str:
    """Letters, digits and hyphens, for an id or a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "chart"
