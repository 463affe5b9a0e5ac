"""The look of a chart that a notebook builds by itself: `figure` finishes it, `COLOURS` names it.

A notebook builds an `altair.Chart` in a cell; `figure` gives it the look of the book, its caption,
its alternative text and its data for download.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import pandas as pd

from hatlib.show.drawing import FAINT, OTHER, PALETTE, WIDTH, look
from hatlib.show.figures import INK, Figure, slug

COLOURS = {
    "hat": "#d95f02",
    "metric": "#3778c8",  # target accuracy, gap, ratio: what is usually reported
    "source": "#8a6d1f",
    "truth": INK,
    "firm": "#12936f",
    "suggestive": "#7d5fd3",
    "open": OTHER,
    "against": "#d33f49",
    "guide": FAINT,
    "ink": INK,
}
"""One meaning a colour through the whole book."""

_FAMILIES = ("Gemma", "Gemini", "Qwen", "Llama", "GPT", "Claude", "OLMo", "Mistral")


def family_scale(families: Iterable[object]) -> alt.Scale:
    """The colour of each model family: the same on every page, grey for families without one.

    Parameters
    ----------
    families : iterable
        Names of families (or lineages that begin with one).

    Returns
    -------
    altair.Scale

    Examples
    --------
    >>> family_scale(["Qwen 3", "Gemma", "Qwen 3"]).to_dict()
    {'domain': ['Gemma', 'Qwen 3'], 'range': ['#3778c8', '#12936f']}
    """
    domain = sorted({str(name) for name in families})
    known = {name.casefold(): PALETTE[i] for i, name in enumerate(_FAMILIES)}
    colours = [
        next((c for name, c in known.items() if family.casefold().startswith(name)), OTHER)
        for family in domain
    ]
    return alt.Scale(domain=domain, range=colours)


def figure(
    chart: Any,
    *,
    name: str,
    caption: str,
    alt: str,
    data: pd.DataFrame | None = None,
    columns: Sequence[str] = (),
) -> Figure:
    """Finish a chart that was built in a cell: look of the book, caption, alternative text, data.

    Parameters
    ----------
    chart : altair chart
        A plain or layered chart, a facet or a concatenation. Field names must be fixed; text from
        data may only be a value.
    name : str
        Slug, unique on its page; the id of the figure and its permalink.
    caption : str
        What to see, one or two sentences of plain text.
    alt : str
        What the chart shows ("HAT is flat while the ratio rises from .48 to .87").
    data : pandas.DataFrame, optional
        What is drawn, for the download; else the data of the chart.
    columns : sequence of str, optional
        Columns of `data` to offer; all by default.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import altair
    >>> frame = pd.DataFrame({"hardness": [0.0, 1.0], "accuracy": [1.0, 0.0]})
    >>> line = altair.Chart(frame).mark_line().encode(x="hardness", y="accuracy")
    >>> figure(line, name="falls", caption="It falls.", alt="Accuracy falls from 1 to 0.").name
    'falls'
    """
    rows = chart.data if data is None else data
    if not isinstance(rows, pd.DataFrame):
        raise TypeError("give the frame that is drawn as `data`")
    if columns:
        rows = rows[list(columns)]
    kind = type(chart).__name__
    layout = {"FacetChart": "facet", "VConcatChart": "stack", "HConcatChart": "stack"}
    wish: dict[str, Any] = {"layout": layout.get(kind, "single"), "columns": 2, "rows": False}
    if wish["layout"] == "single":
        chart = chart.properties(autosize={"type": "fit-x", "contains": "padding"})
        if not isinstance(chart.to_dict().get("width"), int | float):
            chart = chart.properties(width=WIDTH)
    if wish["layout"] == "facet":
        wish["columns"] = chart.to_dict().get("columns", 2)
    chart = chart.configure(**look()).properties(usermeta={"hat": wish | {"margin": 0}})
    return Figure(slug(name), chart, caption, alt, rows.reset_index(drop=True))
