"""The look of the charts that notebooks build, and the few layers that many of them share.

A notebook builds an `altair.Chart` in a cell; `figure` gives it the look of the book, its caption,
its alternative text and its data for download.  Names of fields are fixed: text from data (model
names, above all) is hostile, and only ever a value.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from hatlib.show.figures import HALO, INK, Figure, Notice, cut, heading, slug

_FOLDER = Path(__file__).parent
_PAINT = tomllib.loads((_FOLDER / "colours.toml").read_text(encoding="utf-8"))

COLOURS: dict[str, str] = _PAINT["meaning"]
"""One meaning a colour through the whole book."""

FAMILIES: dict[str, str] = _PAINT["families"]
"""Families with a colour of their own."""

PALETTE = tuple(FAMILIES.values())
WIDTH = 640  # pixels, of a single chart in the static picture
_LOOK = tomllib.loads((_FOLDER / "look.toml").read_text(encoding="utf-8"))
_LOOK |= {"range": {"category": list(PALETTE)}}
_LOOK["legend"]["title"] = None

TILES = ("#e9a35c", "#ececec", "#8fb4e0")
"""Low, middle, high: the colours of tiles, on which black text can be read."""


def family(names: Iterable[object]) -> list[str]:
    """The family with a colour that each name begins with, or "other".

    Parameters
    ----------
    names : iterable
        Names of families, lineages or models.

    Returns
    -------
    list of str

    Examples
    --------
    >>> family(["Qwen 3", "gemma-2", "Bielik"])
    ['Qwen', 'Gemma', 'other']
    """
    known = {name.casefold(): name for name in FAMILIES}
    return [
        next((name for low, name in known.items() if str(each).casefold().startswith(low)), "other")
        for each in names
    ]


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
    domain = sorted({str(name) for name in families}, key=lambda name: (name == "other", name))
    return alt.Scale(
        domain=domain, range=[FAMILIES.get(name, COLOURS["open"]) for name in family(domain)]
    )


def figure(
    chart: Any,
    *,
    name: str,
    caption: str,
    alt: str,
    data: pd.DataFrame | None = None,
    columns: Sequence[str] = (),
) -> Figure | Notice:
    """Finish a chart that was built in a cell: look of the book, caption, alternative text, data.

    Parameters
    ----------
    chart : altair chart
        A plain or layered chart, or a facet. Field names must be fixed; text from
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
    Figure or Notice
        A notice if there is no row to draw.

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
    if rows.empty:
        return Notice("There is nothing to draw: no row has the values that it takes.")
    if columns:
        rows = rows[list(columns)]
    spec = chart.to_dict()
    wish: dict[str, Any] = {"layout": "facet" if "facet" in spec else "single"}
    if "facet" in spec:
        wish["columns"] = spec.get("columns", 2)
    else:
        fit = {"type": "fit-x", "contains": "padding"}
        chart = chart.properties(autosize=fit, width=spec.get("width", WIDTH))
    chart = chart.configure(**_LOOK).properties(usermeta={"hat": wish})
    return Figure(slug(name), chart, caption, alt, rows.reset_index(drop=True))


def panels(*layers: Any, data: pd.DataFrame, by: str, columns: int = 2, **scales: str) -> Any:
    """Layers in one panel for each group of the data.

    Parameters
    ----------
    *layers : altair charts
        Without data of their own, or with `data`.
    data : pandas.DataFrame
        What is drawn.
    by : str
        The column of the groups, which are drawn in the order of the data.
    columns : int
        Panels side by side.
    **scales : str
        Of ``resolve_scale``, such as ``y="independent"``.

    Returns
    -------
    altair.FacetChart
    """
    chart = alt.layer(*layers, data=data)
    groups = list(dict.fromkeys(data[by]))
    columns = min(columns, max(len(groups), 1))
    width = {1: WIDTH - 200, 2: 270}.get(columns, 175)
    facet = alt.Facet(f"{by}:N", sort=groups, header=alt.Header(title=None, labelLimit=width))
    chart = chart.properties(width=width).facet(facet, columns=columns)
    # An axis under each panel: the last row may be short.
    return chart.resolve_axis(x="independent").resolve_scale(**scales)


def guide(**at: float) -> alt.Chart:
    """A line of reference, as in ``alt.layer(show.guide(x=0), …, data=frame)``."""
    place = {axis: alt.datum(value) for axis, value in at.items()}
    return alt.Chart().mark_rule(color=COLOURS["guide"], strokeWidth=1.2).encode(**place)


def size_axis(column: str) -> alt.X:
    """Sizes of models in billion parameters, on a log scale."""
    return alt.X(
        f"{column}:Q",
        title="Parameters, billion (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(
            values=[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500],
            format="~g",
            tickCount=12,  # with fewer, Vega would leave out every other value
            labelOverlap="greedy",
        ),
    )


def spans(
    base: alt.Chart, axis: str, low: str = "low", high: str = "high", *, tips: Sequence[str] = ()
) -> alt.LayerChart:
    """A dot with its interval in each row of the data.

    Parameters
    ----------
    base : altair.Chart
        With the channels that all marks share, and the dot itself as `x` or `y`.
    axis : str
        ``"x"`` or ``"y"``: along which the intervals lie.
    low, high : str
        Columns of the ends of the intervals.
    tips : sequence of str
        Columns that a tooltip tells of, such as ``"display_name:N"``.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> frame = pd.DataFrame({"model": ["a"], "hat": [0.5], "low": [0.4], "high": [0.6]})
    >>> base = alt.Chart(frame).encode(x="hat:Q", y="model:N")
    >>> [layer["mark"]["type"] for layer in spans(base, "x").to_dict()["layer"]]
    ['rule', 'point']
    """
    at = base.encoding[axis]
    ends = at.copy()
    ends.shorthand = f"{low}:Q"
    base = base.encode(tooltip=tooltip(*tips)) if tips else base
    bars = base.mark_rule(strokeWidth=2).encode(**{axis: ends, f"{axis}2": f"{high}:Q"})
    return bars + base.mark_point(filled=True, size=60, opacity=1)


def tooltip(*columns: str) -> list[alt.Tooltip]:
    """What a mark tells of itself: columns such as ``"display_name:N"`` and ``"hat:Q"``."""
    forms: dict[str, Any] = {c: "~g" if "params" in c else ".3f" for c in columns}
    forms |= {column: alt.Undefined for column in columns if column.endswith(":N")}
    return [alt.Tooltip(c, title=heading(c[:-2]), format=form) for c, form in forms.items()]


def names(chosen: pd.DataFrame, dots: pd.DataFrame, *, x: str, y: str, text: str) -> alt.LayerChart:
    """Names beside some of the dots of a scatter plot, on a halo that keeps them off the others.

    Parameters
    ----------
    chosen : pandas.DataFrame
        The dots to name.
    dots : pandas.DataFrame
        All dots.
    x, y, text : str
        Columns of both.

    Returns
    -------
    altair.LayerChart
        Each name is where it meets no other name and few dots.
    """
    placed = _placed(chosen, dots, x, y, text)
    base = alt.Chart(placed).encode(x=f"{x}:Q", y=f"{y}:Q", text="short:N")
    spot: dict[str, Any] = {k: alt.expr(f"datum.{k}") for k in ("align", "dx", "dy")}
    halo = base.mark_text(style="hat-halo", baseline="middle", stroke=HALO, color=HALO, **spot)
    return halo + base.mark_text(style="hat-label", baseline="middle", color=INK, **spot)


_SPOTS = [(side, dy) for dy in (0, -14, 14, -28, 28, -44, 44) for side in ("left", "right")]
_LETTER, _LINE = 6.6, 7  # pixels: the width of a letter, half the height of a line
_SIZES = ((WIDTH - 60, 320), (250, 320))  # the inside of a chart, and of one on a phone


def _placed(chosen: pd.DataFrame, dots: pd.DataFrame, x: str, y: str, text: str) -> pd.DataFrame:
    """The rows to name, with how each name lies to its dot: good on a wide page and on a phone."""
    every = dots[[x, y]].to_numpy(float) if len(dots) else np.zeros((1, 2))
    start, reach = every.min(axis=0), np.ptp(every, axis=0)
    reach[reach == 0] = 1
    rows, taken = [], np.empty((0, len(_SIZES), 4))  # left, bottom, right, top
    for row in chosen.to_dict("records"):
        short = cut(str(row[text]), 34)
        wide = _LETTER * len(short)
        best = (np.inf, "left", 0, taken)
        for side, dy in _SPOTS:
            boxes, cost = np.empty((1, len(_SIZES), 4)), float(abs(dy))
            for i, size in enumerate(_SIZES):
                at_x, at_y = (np.array([row[x], row[y]]) - start) / reach * size
                left = at_x + (8 if side == "left" else -8 - wide)
                boxes[0, i] = left, at_y - dy - _LINE, left + wide, at_y - dy + _LINE
                box, near = boxes[0, i], (every - start) / reach * size
                inside = (near > box[:2] - 4).all(axis=1) & (near < box[2:] + 4).all(axis=1)
                outside = max(0.0, -box[0]) + max(0.0, box[2] - size[0])
                cost += 12 * inside.sum() + 100 * outside
            meets = (taken[..., :2] < boxes[..., 2:]) & (boxes[..., :2] < taken[..., 2:])
            cost += 1000 * meets.all(axis=2).sum()
            if cost < best[0]:
                best = (cost, side, dy, boxes)
        _, side, dy, boxes = best
        taken = np.concatenate([taken, boxes])
        lies = {"align": side, "dx": 8 if side == "left" else -8, "dy": dy}
        rows.append({x: row[x], y: row[y], "short": short, **lies})
    return pd.DataFrame(rows, columns=[x, y, "short", "align", "dx", "dy"])
