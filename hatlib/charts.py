"""Charts: one function for each kind, each taking a tidy frame and giving a `Figure`.

Text that comes from data (model names, above all) is hostile. It is only ever a *value* in the
specification: no field name, expression or identifier is built from it.
"""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from hatlib.figures import (
    HALO,
    INK,
    TIPS,
    Figure,
    Notice,
    Table,
    cut,
    figure_html,
    javascript_bundle,
    show_table,
    slug,
    static_svg,
)

__all__ = [
    "Figure",
    "Notice",
    "Table",
    "curves",
    "figure_html",
    "heat",
    "intervals",
    "javascript_bundle",
    "ladder",
    "scatter",
    "show_table",
    "slider",
    "static_svg",
    "timeline",
]

# At least 3:1 against white and against the dark page; told apart with the common colour
# blindnesses. Shapes repeat the colours, so that no chart needs colour to be read.
PALETTE = (
    "#3778c8",
    "#d95f02",
    "#12936f",
    "#c24f9d",
    "#8a6d1f",
    "#7d5fd3",
    "#d33f49",
    "#1593b5",
)
OTHER = "#8a8a8a"
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "cross",
    "triangle-right",
    "triangle-left",
)
FAINT = "#9a9a9a"
_WIDTH = 640  # pixels, of a single chart in the static picture
_MANY = 300  # dots of which tooltips say less, to keep the page light
_FEW_TIPS = ("display_name", "label", "reasoning", "lineage", "params_total_b")
_LABEL = 15  # pixels, height of a name beside a line
_LONGEST = 28  # letters of such a name


# --------------------------------------------------------------------------- charts
def scatter(
    table: pd.DataFrame,
    *,
    x: str = "source_accuracy",
    y: str = "target_accuracy",
    lines: pd.DataFrame | None = None,
    band: bool = True,
    facet: str | None = None,
    color: str | None = "lineage",
    shape: str | None = None,
    emphasise: Sequence[str] = (),
    diagonal: bool = True,
    chance: float | str | None = None,
    name: str,
    caption: str,
    title_x: str = "Accuracy in the source language",
    title_y: str = "Mean accuracy in the target languages",
) -> Figure | Notice:
    """Draw one dot a model run, with fitted lines.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a dot. Columns ``x_low``, ``x_high``, ``y_low``, ``y_high`` give error bars.
    x, y : str
        Numeric columns.
    lines : pandas.DataFrame, optional
        Columns ``line``, ``x``, ``y``, optionally ``low``, ``high`` and the facet column.
    band : bool
        Whether to draw ``low`` to ``high`` of the lines.
    facet, color, shape : str, optional
        Columns that split the dots into panels, colours and shapes.
    emphasise : sequence of str
        Models (by model, label or display name) whose name is written beside the dot.
    diagonal : bool
        Whether to draw where `x` equals `y`.
    chance : float or str, optional
        Accuracy of a guess, or the column that has it.
    name, caption, title_x, title_y : str
        Slug, caption and titles of the axes.

    Returns
    -------
    Figure or Notice
        A notice if no row has both values.

    Examples
    --------
    >>> frame = pd.DataFrame({"source_accuracy": [0.5, 0.9], "target_accuracy": [0.4, 0.8],
    ...                       "lineage": ["A", "B"], "display_name": ["a-1", "b-1"]})
    >>> print(scatter(frame, name="fit", caption="Two models.").alt)
    Scatter plot of 2 dots. Accuracy in the source language runs from 0.500 to 0.900. Mean \
accuracy in the target languages runs from 0.400 to 0.800. The highest is b-1.
    """
    facet = _if_many(table, facet)
    frame, lost = _tidy(
        table,
        {"x": x, "y": y, "facet": facet, "color": color, "shape": shape}
        | {end: end for end in ("x_low", "x_high", "y_low", "y_high") if end in table},
        numbers=("x", "y"),
    )
    if frame.empty:
        return _nothing(x, y)
    domain, colours = _colours(frame)
    curve, _ = _tidy(
        lines if lines is not None else pd.DataFrame(columns=["line", "x", "y"]),
        {"x": "x", "y": "y", "line": "line", "low": "low", "high": "high", "facet": facet},
        numbers=("x", "y"),
        tips=False,
    )
    guess = _chance_of(table, chance, facet)
    x_domain = _domain([frame.x, frame.get("x_low"), frame.get("x_high")])
    y_domain = _domain([frame.y, frame.get("y_low"), frame.get("y_high"), guess.get("y")])
    panels = _panels(frame)
    marked = frame[_is_named(frame, emphasise)].assign(kind="name")
    wide, tall = _width(facet, panels), 300 if facet else 400
    marked = _place_names(marked, frame, x_domain, y_domain, wide, tall)
    parts = [
        frame.assign(kind="dot"),
        curve.assign(kind="line"),
        _line_names(curve),
        marked,
        guess.assign(kind="chance"),
        _diagonal(x_domain, y_domain, panels) if diagonal else pd.DataFrame(),
    ]

    pick = alt.selection_point(name="pick", fields=["color"], bind="legend", on="click")
    axes = {
        "x": alt.X(
            "x:Q", title=_wrapped(title_x, wide), scale=alt.Scale(domain=x_domain, nice=False)
        ),
        "y": alt.Y(
            "y:Q", title=_wrapped(title_y, tall), scale=alt.Scale(domain=y_domain, nice=False)
        ),
    }
    fade = alt.when(pick).then(alt.value(0.85)).otherwise(alt.value(0.08))
    faint = alt.when(pick).then(alt.value(0.45)).otherwise(alt.value(0.05))
    paint = _paint(domain, colours)
    layers = []
    if diagonal:
        layers.append(_only("diagonal").mark_line(style="hat-guide", color=FAINT).encode(**axes))
    if len(guess):
        layers.append(_only("chance").mark_rule(style="hat-guide", color=FAINT).encode(y=axes["y"]))
        layers.append(
            _only("chance")
            .mark_text(style="hat-note", align="right", baseline="bottom", dx=-3, text="chance")
            .encode(y=axes["y"], x=alt.value("width"))
        )
    detail = alt.Detail("line:N")
    if band and len(curve) and {"low", "high"} <= set(curve):
        layers.append(
            _only("line")
            .mark_area(style="hat-band", color=INK, clip=True)
            .encode(x=axes["x"], y=alt.Y("low:Q"), y2="high:Q", detail=detail)
        )
    if len(curve):
        layers.append(
            _only("line")
            .mark_line(style="hat-line", color=INK, clip=True)
            .encode(**axes, detail=detail)
        )
    for end, axis in (("x", "y"), ("y", "x")):
        if {f"{end}_low", f"{end}_high"} <= set(frame):
            span = {end: alt.X(f"{end}_low:Q") if end == "x" else alt.Y(f"{end}_low:Q")}
            layers.append(
                _only("dot")
                .mark_rule(strokeWidth=1.2, clip=True)
                .encode(
                    **span,
                    **{f"{end}2": f"{end}_high:Q", axis: axes[axis]},
                    color=paint,
                    opacity=faint,
                )
            )
    symbols = (
        _symbols("shape", list(dict.fromkeys(sorted(frame["shape"]))), shape)
        if shape
        else _symbols("color", domain, color)
    )
    layers.append(
        _only("dot", view="dots")
        .mark_point(filled=True, size=62, strokeWidth=0, clip=True)
        .encode(
            **axes,
            color=paint,
            shape=symbols,
            opacity=fade,
            tooltip=_tips(frame, {"x": title_x, "y": title_y}),
        )
        .add_params(pick)
    )
    if len(curve) and len(set(curve.line)) > 1:
        layers.append(
            _only("line-name")
            .mark_text(style="hat-note", align="right", baseline="bottom", dx=-2, dy=-4)
            .encode(**axes, text="line:N")
        )
    if len(marked):
        ring = _only("name").mark_point(size=120, filled=False, color=INK, strokeWidth=1.4)
        layers.append(ring.encode(**axes))
        spot = {k: {"expr": f"datum.{k}"} for k in ("align", "dx", "dy")}
        layers += _written("name", "short:N", axes, paint, limit=260, **spot)
    chart = _assemble(layers, parts, facet, panels, height=tall)
    names = table.iloc[frame.index]
    best = _name_of(frame.iloc[int(frame.y.argmax())])
    text = [
        f"Scatter plot of {len(frame)} dots{_in_panels(panels)}.",
        f"{title_x} runs from {_span(frame.x)}.",
        f"{title_y} runs from {_span(frame.y)}.",
        _correlation(frame, panels),
        f"The highest is {best}." if best else "",
        _lines_in_words(curve),
    ]
    return _figure(name, chart, caption, text, lost, _drawn(names, [x, y, facet, color, shape]))


def intervals(
    table: pd.DataFrame,
    *,
    value: str,
    low: str | None = None,
    high: str | None = None,
    row: str,
    color: str | None = None,
    facet: str | None = None,
    zero: float | None = 0.0,
    sort: Sequence[str] | str | None = None,
    name: str,
    caption: str,
    title_x: str = "",
    title_row: str = "",
    format_x: str = "",
) -> Figure | Notice:
    """Draw a value with its interval in each row (a forest plot).

    Parameters
    ----------
    table : pandas.DataFrame
        One row a dot.
    value, low, high : str
        Numeric columns: the estimate and the ends of its interval.
    row : str
        Column that names the rows.
    color, facet : str, optional
        Columns that split the dots into colours and panels.
    zero : float, optional
        Where the reference line is; None for none.
    sort : sequence of str, column name, "table" or None
        Order of the rows from the top: as listed, by that column from high to low, as in the
        table, or (None) by value from high to low.
    name, caption, title_x, title_row : str
        Slug, caption and titles.
    format_x : str
        D3 format of the ticks, such as ``"+.2f"``.

    Returns
    -------
    Figure or Notice
        A notice if no row has a value.

    Examples
    --------
    >>> frame = pd.DataFrame({"who": ["a", "b"], "v": [0.1, -0.2], "l": [0.0, -0.4],
    ...                       "h": [0.2, -0.1]})
    >>> figure = intervals(frame, value="v", low="l", high="h", row="who", name="gain",
    ...                    caption="Two gains.", title_x="Gain")
    >>> print(figure.alt)
    Dot plot of 2 rows. Gain runs from -0.200 (b) to 0.100 (a). 1 of 2 intervals exclude 0.
    """
    title = title_x or value
    facet = _if_many(table, facet)
    frame, lost = _tidy(
        table,
        {"x": value, "x_low": low, "x_high": high, "row": row, "facet": facet, "color": color},
        numbers=("x",),
    )
    if frame.empty:
        return _nothing(value)
    domain, colours = _colours(frame)
    panels = _panels(frame)
    order = _order(frame, table, sort)
    colour_count = frame["color"].nunique() if color else 1
    by = ["row", "facet"] if facet else ["row"]
    dodge = bool(color) and bool(frame.duplicated(by).any())
    sparse = bool(facet) and len(frame.drop_duplicates(by)) < 0.6 * len(order) * len(panels)
    bars = "x_low" in frame and "x_high" in frame
    x_domain = _domain(
        [frame.x, frame.get("x_low"), frame.get("x_high"), zero], limit=False, pad=0.04
    )

    pick = alt.selection_point(name="pick", fields=["color"], bind="legend", on="click")
    scale = alt.Scale(domain=x_domain, nice=True)
    across = _wrapped(title, _width(facet, panels) if facet else _WIDTH - 150)
    tick = alt.Axis(format=format_x) if format_x else alt.Axis()
    rows: dict[str, Any] = {
        "y": alt.Y(
            "row:N",
            sort=None if sparse else order,
            title=title_row or None,
            axis=alt.Axis(grid=True, ticks=False, domain=False, labelPadding=8),
        )
    }
    if dodge:
        rows["yOffset"] = alt.YOffset("color:N", sort=domain, scale=alt.Scale(paddingOuter=0.4))
    fade = alt.when(pick).then(alt.value(1)).otherwise(alt.value(0.08))
    paint = _paint(domain, colours)
    layers = []
    if zero is not None:
        layers.append(_only("zero").mark_rule(style="hat-zero", color=INK).encode(x="x:Q"))
    if bars:
        layers.append(
            _only("dot")
            .mark_rule(strokeWidth=2)
            .encode(
                x=alt.X("x_low:Q", title=across, scale=scale, axis=tick),
                x2="x_high:Q",
                color=paint,
                opacity=fade,
                **rows,
            )
        )
    tips = {
        "row": title_row or "Row",
        "x": title,
        "x_low": "Interval from",
        "x_high": "Interval to",
    }
    layers.append(
        _only("dot", view="dots")
        .mark_point(filled=True, size=58)
        .encode(
            x=alt.X("x:Q", title=across, scale=scale, axis=tick),
            color=paint,
            shape=_symbols("color", domain, color),
            opacity=fade,
            tooltip=_tips(frame, tips),
            **rows,
        )
        .add_params(pick)
    )
    drawn = frame.sort_values("row", key=lambda s: s.map({r: i for i, r in enumerate(order)}))
    reference = pd.DataFrame(
        [{"kind": "zero", "x": zero, "facet": panel} for panel in panels]
        if zero is not None
        else []
    )
    chart = _assemble(
        layers,
        [drawn.assign(kind="dot"), reference],
        facet,
        panels,
        # The step is that of a row; the dots of a row share it.
        height=alt.Step(
            max(30, min(11 * colour_count, 60)) if dodge else 22, **{"for": "position"}
        ),
        resolve={"y": "independent"} if sparse else None,
        rows=True,
    )
    ends = f"{_number(frame.x.min())} ({cut(str(frame.row.iloc[int(frame.x.argmin())]), 40)})"
    ends += f" to {_number(frame.x.max())} ({cut(str(frame.row.iloc[int(frame.x.argmax())]), 40)})"
    text = [
        f"Dot plot of {len(order)} rows{_in_panels(panels)}.",
        f"{title} runs from {ends}.",
        _excluding(frame, zero) if bars else "",
    ]
    keep = [row, value, low, high, color, facet]
    return _figure(name, chart, caption, text, lost, _drawn(table.iloc[frame.index], keep))


def ladder(
    table: pd.DataFrame,
    *,
    x: str = "params_total_b",
    y: str,
    low: str | None = None,
    high: str | None = None,
    series: str = "family",
    facet: str | None = "measure",
    lines: bool = True,
    share_y: bool = False,
    zero: float | None = None,
    name: str,
    caption: str,
    title_x: str = "Parameters, billion (log scale)",
    title_y: str = "",
) -> Figure | Notice:
    """Draw one line a family over model size.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a dot.
    x, y : str
        Columns: size (above 0) and measure.
    low, high : str, optional
        Ends of the interval of `y`.
    series, facet : str
        Columns that split the dots into lines and panels; a facet that is not there is ignored.
    lines : bool
        Whether to join the dots of a series.
    share_y : bool
        Whether the panels have one vertical scale.
    zero : float, optional
        Where to draw a reference line.
    name, caption, title_x, title_y : str
        Slug, caption and titles of the axes.

    Returns
    -------
    Figure or Notice
        A notice if no row has a size and a measure.

    Examples
    --------
    >>> frame = pd.DataFrame({"params_total_b": [1, 8], "gap": [0.3, 0.1], "family": ["A", "A"]})
    >>> print(ladder(frame, y="gap", name="size", caption="One ladder.", title_y="Gap").alt)
    Line chart of 1 line and 2 dots. Parameters, billion (log scale) runs from 1 to 8. Gap runs \
from 0.100 to 0.300. 0 of 1 lines end higher than they start.
    """
    sizes = table.assign(**{x: pd.to_numeric(table[x], errors="coerce").where(lambda s: s > 0)})
    return _lines_chart(
        sizes,
        x=x,
        y=y,
        low=low,
        high=high,
        series=series,
        facet=facet if facet in table else None,
        share_y=share_y,
        zero=zero,
        kind="log",
        join=lines,
        name=name,
        caption=caption,
        title_x=title_x,
        title_y=title_y,
    )


def timeline(
    table: pd.DataFrame,
    *,
    x: str = "release_date",
    y: str,
    low: str | None = None,
    high: str | None = None,
    series: str = "lineage",
    facet: str | None = None,
    lines: bool = True,
    share_y: bool = False,
    zero: float | None = None,
    name: str,
    caption: str,
    title_x: str = "Release date",
    title_y: str = "",
) -> Figure | Notice:
    """Draw a measure over the release date, one line a lineage.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a dot.
    x, y : str
        Columns: date and measure.
    low, high : str, optional
        Ends of the interval of `y`.
    series, facet : str
        Columns that split the dots into lines and panels.
    lines : bool
        Whether to join the dots of a series.
    share_y : bool
        Whether the panels have one vertical scale.
    zero : float, optional
        Where to draw a reference line.
    name, caption, title_x, title_y : str
        Slug, caption and titles of the axes.

    Returns
    -------
    Figure or Notice
        A notice if no row has a date and a measure.

    Examples
    --------
    >>> frame = pd.DataFrame({"release_date": pd.to_datetime(["2024-01-01", "2025-01-01"]),
    ...                       "gap": [0.3, 0.1], "lineage": ["A", "A"]})
    >>> print(timeline(frame, y="gap", name="time", caption="Two releases.", title_y="Gap").alt)
    Line chart of 1 line and 2 dots. Release date runs from 2024-01-01 to 2025-01-01. Gap runs \
from 0.100 to 0.300. 0 of 1 lines end higher than they start.
    """
    dates = table.assign(**{x: pd.to_datetime(table[x], errors="coerce")})
    return _lines_chart(
        dates,
        x=x,
        y=y,
        low=low,
        high=high,
        series=series,
        facet=facet,
        share_y=share_y,
        zero=zero,
        kind="time",
        join=lines,
        name=name,
        caption=caption,
        title_x=title_x,
        title_y=title_y,
    )


def curves(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    series: str,
    low: str | None = None,
    high: str | None = None,
    facet: str | None = None,
    share_y: bool = True,
    zero: float | None = None,
    name: str,
    caption: str,
    title_x: str = "",
    title_y: str = "",
) -> Figure | Notice:
    """Draw lines, with bands if there are `low` and `high`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a point of a line.
    x, y, low, high : str
        Numeric columns.
    series, facet : str
        Columns that split the points into lines and panels.
    share_y : bool
        Whether the panels have one vertical scale.
    zero : float, optional
        Where to draw a reference line.
    name, caption, title_x, title_y : str
        Slug, caption and titles of the axes.

    Returns
    -------
    Figure or Notice
        A notice if no row has both values.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": [1, 2], "v": [0.1, 0.3], "s": ["a", "a"]})
    >>> print(curves(frame, x="n", y="v", series="s", name="rise", caption="It rises.").alt)
    Line chart of 1 line. n runs from 1 to 2. v runs from 0.100 to 0.300. 1 of 1 lines end higher \
than they start.
    """
    return _lines_chart(
        table,
        x=x,
        y=y,
        low=low,
        high=high,
        series=series,
        facet=facet,
        share_y=share_y,
        zero=zero,
        kind="linear",
        dots=False,
        name=name,
        caption=caption,
        title_x=title_x,
        title_y=title_y,
    )


def slider(
    table: pd.DataFrame,
    *,
    slider: str = "ability",
    value: str = "value",
    metric: str = "metric",
    emphasise: Sequence[str] = (),
    start: float | None = None,
    name: str,
    caption: str,
    title_slider: str = "Ability in the source language",
    title_value: str = "Value",
) -> Figure | Notice:
    """Draw a slider and the value that each metric has there, above the curves of the metrics.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each step of the slider and each metric.
    slider, value, metric : str
        Columns: position of the slider, value there (numbers) and name of the metric.
    emphasise : sequence of str
        Metrics to draw in the accent colour; by default the one that moves least.
    start : float, optional
        Where the slider stands at first; by default three quarters of the way.
    name, caption, title_slider, title_value : str
        Slug, caption and titles.

    Returns
    -------
    Figure or Notice
        A notice if there are fewer than two positions.

    Examples
    --------
    >>> frame = pd.DataFrame({"ability": [0, 1, 0, 1], "value": [0.2, 0.8, 0.5, 0.5],
    ...                       "metric": ["Accuracy", "Accuracy", "Transfer", "Transfer"]})
    >>> print(slider(frame, name="drag", caption="One moves.").alt)
    Chart with a slider, Ability in the source language, from 0 to 1. As it rises, Accuracy goes \
from 0.200 to 0.800; Transfer goes from 0.500 to 0.500.
    """
    frame, lost = _tidy(
        table, {"s": slider, "x": value, "row": metric}, numbers=("s", "x"), tips=False
    )
    steps = np.sort(frame.s.unique()) if len(frame) else np.array([])
    if len(steps) < 2:
        return _nothing(slider, value)
    edges = np.concatenate([[-1e9], (steps[1:] + steps[:-1]) / 2, [1e9]])
    place = np.searchsorted(steps, frame.s)
    wanted = start if start is not None else steps[0] + 0.75 * (steps[-1] - steps[0])
    begin = _rounded(steps[np.abs(steps - wanted).argmin()])
    frame = frame.assign(s_from=edges[place], s_to=edges[place + 1])
    order = list(dict.fromkeys(frame.row))
    spread = frame.groupby("row").x.agg(lambda v: v.max() - v.min())
    still = set(emphasise) or {str(spread.idxmin())}
    frame["color"] = ["stays" if row in still else "moves" for row in frame.row]
    first = frame.sort_values("s").groupby("row").x.first()
    frame["x_first"] = frame.row.map(first)
    ends = frame[frame.s == steps[-1]].assign(kind="end")
    domain = _domain([frame.x, 0.0], limit=False, pad=0.06)
    ends = ends.assign(
        short=[cut(row, _LONGEST) for row in ends.row],
        y_label=_spread(list(ends.x), (domain[1] - domain[0]) * _LABEL / 200, *domain),
    )
    margin = _margin(ends["short"])

    step = float(np.diff(steps).min())
    knob = alt.param(
        name="knob",
        value=begin,
        bind=alt.binding_range(
            min=_rounded(steps[0]),
            max=_rounded(steps[-1]),
            step=_rounded(step),
            name=title_slider + " ",
        ),
    )
    here = "datum.s_from <= knob && knob < datum.s_to"
    paint = alt.Color(
        "color:N",
        legend=None,
        scale=alt.Scale(domain=["moves", "stays"], range=[PALETTE[1], PALETTE[0]]),
    )
    rows = alt.Y(
        "row:N",
        sort=order,
        title=None,
        axis=alt.Axis(labels=False, ticks=False, domain=False, grid=True),
    )
    across = alt.X("x:Q", title=title_value, scale=alt.Scale(domain=domain, nice=False))
    now = _only("dot").transform_filter(here)
    tips = [
        alt.Tooltip("row:N", title="Metric"),
        alt.Tooltip("s:Q", title=title_slider, format=".2f"),
        alt.Tooltip("x:Q", title=title_value, format=".3f"),
    ]
    upper = alt.layer(
        now.mark_rule(strokeWidth=5, opacity=0.35, strokeCap="round").encode(
            x=alt.X("x_first:Q", title=title_value), x2="x:Q", y=rows, color=paint
        ),
        now.mark_point(size=60, opacity=0.7, strokeWidth=1.5).encode(
            x="x_first:Q", y=rows, color=paint
        ),
        now.mark_point(filled=True, size=170, opacity=1).encode(
            x=across, y=rows, color=paint, tooltip=tips
        ),
        now.mark_text(style="hat-label", align="left", dx=13).encode(
            x=across, y=rows, text=alt.Text("x:Q", format=".2f")
        ),
        # The name stands on its row, not left of it: a phone has no room there.
        now.mark_text(align="left", dx=2, dy=-15, fontSize=12.5, color=INK).encode(
            x=alt.value(0), y=rows, text="row:N"
        ),
        name="now",
    ).properties(width=_WIDTH - 60, height=alt.Step(48))
    along = alt.X(
        "s:Q",
        title=title_slider,
        scale=alt.Scale(domain=[float(steps[0]), float(steps[-1])], nice=False),
    )
    up = alt.Y("x:Q", title=title_value, scale=alt.Scale(domain=domain, nice=False))
    spot = {"x": along, "y": alt.Y("y_label:Q", title=title_value)}
    lower = alt.layer(
        _only("dot").mark_line(strokeWidth=2.2).encode(x=along, y=up, color=paint, detail="row:N"),
        now.mark_rule(style="hat-guide", color=FAINT).encode(x=along),
        now.mark_point(filled=True, size=70, opacity=1).encode(
            x=along, y=up, color=paint, tooltip=tips
        ),
        *_written("end", "short:N", spot, paint, align="left", dx=6),
        name="all",
    ).properties(width=_WIDTH - 50 - margin, height=200)
    chart = (
        alt.vconcat(upper, lower, data=_values([frame.assign(kind="dot"), ends]), spacing=24)
        .add_params(knob)
        .configure(**_config())
        .properties(usermeta={"hat": {"layout": "concat", "margin": margin}})
    )
    moves = "; ".join(
        f"{cut(row, 60)} goes from {_number(part.x.iloc[0])} to {_number(part.x.iloc[-1])}"
        for row, part in ((r, frame[frame.row == r].sort_values("s")) for r in order)
    )
    text = [
        f"Chart with a slider, {title_slider}, from {_plain(steps[0])} to {_plain(steps[-1])}.",
        f"As it rises, {moves}.",
    ]
    keep = [slider, metric, value]
    return _figure(name, chart, caption, text, lost, _drawn(table.iloc[frame.index], keep))


def heat(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    value: str,
    middle: float | None = None,
    format_value: str = ".2f",
    name: str,
    caption: str,
    title_x: str = "",
    title_y: str = "",
    title_value: str = "",
) -> Figure | Notice:
    """Draw a small chart of tiles, with the values printed on them.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a tile.
    x, y, value : str
        Columns: where the tile is, and its number.
    middle : float, optional
        Neutral value of a two-sided colour scale; by default the scale is one-sided.
    format_value : str
        D3 format of the printed numbers.
    name, caption, title_x, title_y, title_value : str
        Slug, caption and titles.

    Returns
    -------
    Figure or Notice
        A notice if no row has a value.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": ["p", "q"], "b": ["r", "r"], "v": [0.1, 0.9]})
    >>> print(heat(frame, x="a", y="b", value="v", name="tiles", caption="Two tiles.").alt)
    Tile chart of 2 tiles, 2 across and 1 down. v runs from 0.100 (p, r) to 0.900 (q, r).
    """
    title = title_value or value
    frame, lost = _tidy(table, {"column": x, "row": y, "v": value}, numbers=("v",), tips=False)
    if frame.empty:
        return _nothing(value)
    low, high = float(frame.v.min()), float(frame.v.max())
    if middle is not None:
        reach = max(abs(high - middle), abs(low - middle)) or 1.0
        low, high = middle - reach, middle + reach
        ramp = ["#b35806", "#e9a35c", "#f4f1ec", "#7fa9dd", "#1f5aa6"]
    else:
        ramp = ["#eef3fa", "#a9c6ea", "#5f93d3", "#2c64ac", "#153e75"]
    share = (frame.v - low) / ((high - low) or 1.0)
    dark = (share - 0.5).abs() > 0.3 if middle is not None else share > 0.45
    frame["dark"] = dark.astype(bool)
    columns, rows = list(dict.fromkeys(frame.column)), list(dict.fromkeys(frame.row))
    across = alt.X(
        "column:N",
        sort=columns,
        title=title_x or None,
        axis=alt.Axis(
            orient="top",
            labelPadding=6,
            labelAngle=0 if len(columns) < 7 else -45,
            ticks=False,
            domain=False,
        ),
    )
    down = alt.Y(
        "row:N",
        sort=rows,
        title=title_y or None,
        axis=alt.Axis(ticks=False, domain=False, labelPadding=8),
    )
    scale = alt.Scale(
        domain=list(np.linspace(low, high, 5).round(6)), range=ramp, clamp=True, interpolate="rgb"
    )
    tips = [
        alt.Tooltip("column:N", title=title_x or "Column"),
        alt.Tooltip("row:N", title=title_y or "Row"),
        alt.Tooltip("v:Q", title=title, format=".3f"),
    ]
    layers = [
        _only("tile")
        .mark_rect(cornerRadius=3, stroke="transparent", strokeWidth=2)
        .encode(x=across, y=down, color=alt.Color("v:Q", scale=scale, legend=None), tooltip=tips),
        *(
            _only("tile")
            .transform_filter(test)
            .mark_text(fontSize=12, color=ink)
            .encode(x=across, y=down, text=alt.Text("v:Q", format=format_value))
            for test, ink in (("datum.dark", "#ffffff"), ("!datum.dark", "#111111"))
        ),
    ]
    chart = _assemble(
        layers, [frame.assign(kind="tile")], None, [""], height=alt.Step(30), rows=True
    )
    at = [f"{cut(str(r.column), 40)}, {cut(str(r.row), 40)}" for r in frame.itertuples()]
    least, most = int(frame.v.argmin()), int(frame.v.argmax())
    text = [
        f"Tile chart of {len(frame)} tiles, {len(columns)} across and {len(rows)} down.",
        f"{title} runs from {_number(frame.v.min())} ({at[least]}) to "
        f"{_number(frame.v.max())} ({at[most]}).",
    ]
    return _figure(name, chart, caption, text, lost, _drawn(table.iloc[frame.index], [x, y, value]))


# --------------------------------------------------------------------------- shared parts
def _lines_chart(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    low: str | None,
    high: str | None,
    series: str,
    facet: str | None,
    share_y: bool,
    zero: float | None,
    kind: str,
    name: str,
    caption: str,
    title_x: str,
    title_y: str,
    dots: bool = True,
    join: bool = True,
) -> Figure | Notice:
    """Draw lines over a size, a date or a number, named at their ends."""
    title_x, title_y = title_x or x, title_y or y
    facet = _if_many(table, facet)
    frame, lost = _tidy(
        table,
        {"x": x, "y": y, "y_low": low, "y_high": high, "color": series, "facet": facet},
        numbers=("y",) if kind == "time" else ("x", "y"),
        needed=("x",),
    )
    if frame.empty:
        return _nothing(x, y)
    frame["series"] = frame.get("color", "")
    domain, colours = _colours(frame)
    panels = _panels(frame)
    frame = frame.sort_values(["facet", "series", "x"] if facet else ["series", "x"], kind="stable")
    bars = "y_low" in frame and "y_high" in frame
    means = _means(frame, dots) if join else pd.DataFrame()
    if dots and 0 < len(means) < len(frame):
        caption = f"{caption} Where a line meets several dots, it runs through their mean."
    if kind == "time" and join:
        means = means[means["color"] != "other"]  # unlike models: no line
    x_domain = _along_domain(frame.x, kind)
    y_ends = [frame.y, frame.get("y_low"), frame.get("y_high"), zero]
    y_scale = (
        alt.Scale(zero=False, nice=True)
        if facet and not share_y
        else alt.Scale(domain=_domain(y_ends, limit=False), nice=True)
    )
    wide, tall = _width(facet, panels), 240 if facet else 360
    named = means if join and facet is None else pd.DataFrame()
    ends = _line_ends(named, _domain(y_ends, limit=False), tall)
    margin = _margin(ends["short"]) if len(ends) else 0

    pick = alt.selection_point(name="pick", fields=["color"], bind="legend", on="click")
    axes: dict[str, Any] = {
        "x": _along(kind, _wrapped(title_x, wide), x_domain),
        "y": alt.Y("y:Q", title=_wrapped(title_y, tall), scale=y_scale),
    }
    ends_y = alt.Y("y_low:Q", title=_wrapped(title_y, tall), scale=y_scale)
    paint = _paint(domain, colours)
    fade = alt.when(pick).then(alt.value(0.95)).otherwise(alt.value(0.07))
    faint = alt.when(pick).then(alt.value(0.16 if not dots else 0.5)).otherwise(alt.value(0.03))
    layers = []
    if zero is not None:
        layers.append(_only("zero").mark_rule(style="hat-zero", color=INK).encode(y=axes["y"]))
    if bars:
        mark = _only("dot").mark_rule(strokeWidth=1.4) if dots else _only("dot").mark_area()
        layers.append(
            mark.encode(
                x=axes["x"], y=ends_y, y2="y_high:Q", color=paint, opacity=faint, detail="series:N"
            )
        )
    tips = {"series": "Series", "x": title_x, "y": title_y, "y_low": "Interval from"}
    tooltip = _tips(frame, tips | {"y_high": "Interval to"}, time=kind == "time")
    if join:
        line = _only("mean", view=None if dots else "dots").mark_line(strokeWidth=1.8)
        encoded = line.encode(**axes, color=paint, opacity=fade, detail="series:N")
        layers.append(encoded if dots else encoded.encode(tooltip=tooltip).add_params(pick))
    if dots:
        layers.append(
            _only("dot", view="dots")
            .mark_point(filled=True, size=55)
            .encode(
                **axes,
                color=paint,
                opacity=fade,
                shape=_symbols("color", domain, series),
                tooltip=tooltip,
            )
            .add_params(pick)
        )
    if len(ends):
        beside = {"y": alt.Y("y_label:Q", title=_wrapped(title_y, tall), scale=y_scale)}
        leader = _only("end", view="label-leaders").mark_rule(strokeWidth=0.9, x2Offset=6)
        layers.insert(
            0,
            leader.encode(
                **axes,
                x2=alt.value("width"),
                y2=alt.Y2("y_label:Q"),
                color=paint,
                opacity=alt.when(pick).then(alt.value(0.55)).otherwise(alt.value(0.05)),
            ),
        )
        spot = beside | {"x": alt.value("width")}
        layers += _written("end", "short:N", spot, paint, fade, align="left", dx=9)
    reference = pd.DataFrame(
        [{"kind": "zero", "y": zero, "facet": panel} for panel in panels]
        if zero is not None
        else []
    )
    chart = _assemble(
        layers,
        [frame.assign(kind="dot"), means.assign(kind="mean"), ends.assign(kind="end"), reference],
        facet,
        panels,
        height=tall,
        margin=margin,
        resolve=None if share_y or not facet else {"y": "independent"},
    )
    groups = (means if join else frame).groupby(
        ["facet", "series"] if facet else ["series"], sort=False
    )
    many = [part for _, part in groups if len(part) > 1]
    rising = sum(part.y.iloc[-1] > part.y.iloc[0] for part in many)
    count = len(set(means.series)) if join else 0
    shown = [f"Line chart of {count} line{'s' * (count > 1)}" if count else "Chart"]
    if dots:
        shown = [*shown, f"{len(frame)} dots"] if count else [f"Chart of {len(frame)} dots"]
    text = [
        f"{' and '.join(shown)}{_in_panels(panels)}.",
        f"{title_x} runs from {_ends_in_words(frame.x, kind)}.",
        f"{title_y} runs from {_span(frame.y)}.",
        f"{rising} of {len(many)} lines end higher than they start." if many and join else "",
    ]
    keep = [series, facet, x, y, low, high]
    return _figure(name, chart, caption, text, lost, _drawn(table.iloc[frame.index], keep))


def _tidy(
    table: pd.DataFrame,
    columns: Mapping[str, str | None],
    numbers: Sequence[str],
    needed: Sequence[str] = (),
    tips: bool = True,
) -> tuple[pd.DataFrame, int]:
    """Rename the columns that a chart uses to fixed names, and drop rows that cannot be drawn."""
    table = table.reset_index(drop=True)
    taken = {new: table[old] for new, old in columns.items() if old is not None and old in table}
    must = {*numbers, "facet", "shape", "row", "column"}
    absent = [old for new, old in columns.items() if new in must and old and old not in table]
    if absent and len(table):
        raise KeyError(f"The table has no column {absent[0]!r}.")
    frame = pd.DataFrame(taken, index=table.index)
    if tips:
        used = set(columns.values())
        wished = _FEW_TIPS if len(table) > _MANY else TIPS
        for column in [c for c in wished if c in table and c not in used and c not in frame]:
            # What is the same for all rows tells nothing.
            if column == "display_name" or len(set(table[column])) > 1:
                frame[column] = table[column]
    for column in {*numbers, "x_low", "x_high", "y_low", "y_high", "low", "high"} & set(frame):
        frame[column] = pd.to_numeric(frame[column], errors="coerce").astype(float)
        frame[column] = frame[column].where(np.isfinite(frame[column]))
    keep = frame[[c for c in (*numbers, *needed) if c in frame]].notna().all(axis=1)
    for column in ("facet", "color", "shape", "row", "column", "line"):
        if column in frame:
            frame[column] = frame[column].astype(object).where(frame[column].notna(), "unknown")
            frame[column] = frame[column].map(str)
    return frame[keep].copy(), int((~keep).sum())


def _colours(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Give a colour to the most frequent groups; the rest become "other", in place."""
    if "color" not in frame:
        frame["color"] = ""
        return [""], [PALETTE[0]]
    counts = frame["color"].value_counts()
    ranked = sorted(counts.index, key=lambda group: (-counts[group], group))
    known = [group for group in ranked if group not in ("unknown", "other")]
    chosen = known[: len(PALETTE)]
    frame["color"] = frame["color"].where(frame["color"].isin(chosen), "other")
    rest = ["other"] if (frame["color"] == "other").any() else []
    return chosen + rest, [*PALETTE[: len(chosen)], *([OTHER] if rest else [])]


def _paint(domain: list[str], colours: list[str]) -> alt.Color:
    """Colour by group; the legend is left out if there is one group."""
    legend = alt.Undefined if len(domain) > 1 else None
    return alt.Color("color:N", scale=alt.Scale(domain=domain, range=colours), legend=legend)


def _symbols(field: str, domain: list[str], column: str | None) -> alt.Shape | Any:
    """Give a shape to each group; beyond eight they repeat."""
    if column is None or len(domain) < 2:
        return alt.value("circle")
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(domain))]
    if domain[-1] == "other":
        shapes[-1] = "circle"
    legend: Any = alt.Undefined
    if field != "color":
        legend = alt.Legend(symbolFillColor=INK, symbolStrokeColor=INK)
    return alt.Shape(f"{field}:N", scale=alt.Scale(domain=domain, range=shapes), legend=legend)


def _if_many(table: pd.DataFrame, facet: str | None) -> str | None:
    """The facet, unless it makes one panel only: that is a chart of its own."""
    return None if facet in table and len(set(table[facet])) == 1 else facet


def _panels(frame: pd.DataFrame) -> list[str]:
    """Panels in the order of the table; one empty name if there are none."""
    return list(dict.fromkeys(frame["facet"])) if "facet" in frame else [""]


def _only(kind: str, view: str | None = None) -> Any:
    """A layer of the rows of one kind (a constant of this module). The data come from above."""
    chart = alt.Chart(name=view) if view else alt.Chart()
    return chart.transform_filter(f"datum.kind == '{kind}'")


def _values(parts: Sequence[pd.DataFrame]) -> alt.InlineData:
    """All rows of a chart as one list of records without empty cells."""
    records: list[dict[str, Any]] = []
    for part in parts:
        for row in part.to_dict("records"):
            records.append(
                {str(k): v for k, v in ((k, _cell(v)) for k, v in row.items()) if v is not None}
            )
    return alt.InlineData(values=records)


def _cell(value: Any) -> Any:
    """One cell as JSON; None if it is empty."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%dT00:00:00")
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            return None
        number = float(value)
        return float(f"{number:.5g}") if number < 1e6 else number
    return str(value)


def _tips(frame: pd.DataFrame, main: Mapping[str, str], time: bool = False) -> list[alt.Tooltip]:
    """Tooltip: what is drawn, then what else is known of the row."""
    tips = []
    if "display_name" in frame:
        tips.append(alt.Tooltip("display_name:N", title=TIPS["display_name"]))
    for field, title in main.items():
        if field not in frame:
            continue
        if field == "x" and time:
            tips.append(alt.Tooltip("x:T", title=title, format="%Y-%m-%d"))
        elif pd.api.types.is_numeric_dtype(frame[field]):
            whole = bool((frame[field] == frame[field].round()).all())
            tips.append(alt.Tooltip(f"{field}:Q", title=title, format="~g" if whole else ".3f"))
        else:
            tips.append(alt.Tooltip(f"{field}:N", title=title))
    for column, title in TIPS.items():
        if column == "display_name" or column not in frame or frame[column].isna().all():
            continue
        if pd.api.types.is_datetime64_any_dtype(frame[column]):
            tips.append(alt.Tooltip(f"{column}:T", title=title, format="%Y-%m-%d"))
        elif pd.api.types.is_float_dtype(frame[column]):
            form = "~g" if column.startswith("params") else ".3f"
            tips.append(alt.Tooltip(f"{column}:Q", title=title, format=form))
        else:
            tips.append(alt.Tooltip(f"{column}:N", title=title))
    return tips


def _width(facet: str | None, panels: list[str]) -> int:
    """Pixels of a panel in the static picture."""
    return _WIDTH if facet is None else 175 if len(panels) == 3 else 270


def _wrapped(title: str, pixels: int) -> str | list[str]:
    """A title on as many lines as it needs."""
    lines = textwrap.wrap(title, max(12, int(pixels / 6.3)))
    return lines if len(lines) > 1 else title


def _assemble(
    layers: list[Any],
    parts: Sequence[pd.DataFrame],
    facet: str | None,
    panels: list[str],
    *,
    height: Any,
    margin: int = 0,
    resolve: dict[str, Any] | None = None,
    rows: bool = False,
) -> Any:
    """Put layers, data and panels together. `hat-charts.js` reads `usermeta` to fit the page."""
    data = _values(parts)
    layout = "facet" if facet else "rows" if rows else "single"
    columns = 3 if len(panels) == 3 else min(2, len(panels))
    wished = {"layout": layout, "columns": columns, "rows": rows, "margin": margin}
    config = _config()
    if facet is None:
        width = _WIDTH - 150 if rows else _WIDTH
        chart: Any = alt.layer(*layers, data=data).properties(width=width, height=height)
        if not rows:
            fit = alt.AutoSizeParams(type="fit-x", contains="padding")
            chart = chart.properties(autosize=fit)
        if margin:  # names beside the lines take the place of the legend
            config["legend"]["disable"] = True
    else:
        width = _width(facet, panels)
        cell = alt.layer(*layers).properties(width=width, height=height)
        header = alt.Header(title=None, labelLimit=width)
        chart = alt.FacetChart(
            data=data,
            spec=cell,
            facet=alt.Facet("facet:N", sort=panels, header=header),
            columns=columns,
        )
        # An axis under each panel: the last row may be short.
        chart = chart.resolve_axis(x="independent")
        if resolve:
            chart = chart.resolve_scale(**resolve)
    return chart.configure(**config).properties(usermeta={"hat": wished})


def _config() -> dict[str, Any]:
    """The look of every chart: transparent, and legible on light and on dark."""
    text: dict[str, Any] = {"labelColor": INK, "titleColor": INK}
    return {
        "background": "transparent",
        "padding": 8,
        "font": "Arial, Liberation Sans, Helvetica, sans-serif",
        "view": alt.ViewConfig(stroke=None),
        "axis": alt.AxisConfig(
            **text,
            labelFontSize=12,
            titleFontSize=12.5,
            titleFontWeight="normal",
            titlePadding=8,
            labelLimit=210,
            gridColor=FAINT,
            gridOpacity=0.25,
            domainColor=FAINT,
            tickColor=FAINT,
            tickCount=5,
        ),
        "header": alt.HeaderConfig(
            labelColor=INK,
            labelFontSize=13,
            labelFontWeight="bold",
            labelPadding=6,
            labelAnchor="start",
        ),
        "legend": alt.LegendConfig(
            **text,
            title=None,
            orient="bottom",
            columns=5,
            labelFontSize=12.5,
            labelLimit=140,
            symbolSize=90,
            symbolOpacity=1,
            rowPadding=6,
            columnPadding=16,
            offset=12,
        ),
        "text": alt.MarkConfig(color=INK, fontSize=12),
        "style": {
            "hat-guide": {"strokeDash": [4, 4], "strokeWidth": 1.2},
            "hat-zero": {"strokeWidth": 1.2},
            "hat-line": {"strokeWidth": 2.2},
            "hat-band": {"fillOpacity": 0.16, "strokeWidth": 0},
            "hat-note": {"fill": INK, "fontSize": 11.5, "fontStyle": "italic"},
            "hat-label": {"fontSize": 12, "fontWeight": 600},
            "hat-halo": {
                "fontSize": 12,
                "fontWeight": 600,
                "strokeWidth": 4,
                "strokeJoin": "round",
            },
        },
    }


def _written(
    kind: str, text: str, encoding: dict[str, Any], paint: Any, fade: Any = None, **mark: Any
) -> list[Any]:
    """Text in the colour of its group, on a halo that keeps it off the lines behind."""
    layers = []
    for style, look in (("hat-halo", {"stroke": HALO, "color": HALO}), ("hat-label", {})):
        layer = _only(kind).mark_text(style=style, baseline="middle", **look, **mark)
        layer = layer.encode(**encoding, text=text)
        layer = layer.encode(color=paint) if style == "hat-label" else layer
        layers.append(layer.encode(opacity=fade) if fade is not None else layer)
    return layers


def _figure(
    name: str,
    chart: Any,
    caption: str,
    text: Sequence[str],
    lost: int,
    data: pd.DataFrame,
) -> Figure:
    """Finish a figure: count the rows that are not drawn, join the alternative text."""
    if lost:
        rows, are = ("row", "is") if lost == 1 else ("rows", "are")
        caption = f"{caption} {lost} {rows} without a value {are} not drawn."
    return Figure(slug(name), chart, caption, " ".join(filter(None, text)), data)


def _nothing(*columns: str) -> Notice:
    wanted = " and ".join(f"`{re.sub(r'[^A-Za-z0-9_ -]', '', c)}`" for c in columns)
    return Notice(f"There is nothing to draw: no row has {wanted}. Add the missing values.")


def _drawn(table: pd.DataFrame, columns: Sequence[str | None]) -> pd.DataFrame:
    """What is drawn, with the columns that say which row is which in front."""
    who = [c for c in ("set_name", "display_name", "label", "reasoning") if c in table]
    bars = [c for c in ("x_low", "x_high", "y_low", "y_high") if c in table]
    chosen = [c for c in dict.fromkeys([*who, *columns, *bars]) if c is not None and c in table]
    return table[chosen].reset_index(drop=True)


def _is_named(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series[bool]:
    """Which rows are one of the named models."""
    chosen = pd.Series(False, index=frame.index)
    for column in ("model", "label", "display_name"):
        if column in frame:
            chosen |= frame[column].isin(list(names))
    return chosen


def _name_of(row: Any) -> str:
    """The short name of a row, for words beside a chart."""
    for column in ("display_name", "label", "model"):
        if column in row and isinstance(row[column], str):
            return cut(row[column], 60)
    return ""


def _place_names(
    frame: pd.DataFrame,
    dots: pd.DataFrame,
    x_domain: list[float],
    y_domain: list[float],
    width: int,
    height: int,
) -> pd.DataFrame:
    """Put each name where it meets no other name, few dots, and stays inside."""
    dots_x = (dots.x - x_domain[0]) / (x_domain[1] - x_domain[0]) * width
    dots_y = (dots.y - y_domain[0]) / (y_domain[1] - y_domain[0]) * height
    taken: list[tuple[float, float, float, float]] = []
    placed = []
    for row in frame.to_dict("records"):
        short = cut(_name_of(row), 34 if width == _WIDTH else 22)
        near = dots.facet == row["facet"] if "facet" in row else dots.x == dots.x
        xs, ys = dots_x[near], dots_y[near]
        long = 6.6 * len(short)
        px = (row["x"] - x_domain[0]) / (x_domain[1] - x_domain[0]) * width
        py = (row["y"] - y_domain[0]) / (y_domain[1] - y_domain[0]) * height
        spots = [
            (align, dx, dy)
            for dy in (0, -14, 14, -28, 28, -44, 44)
            for align, dx in (("left", 8), ("right", -8))
        ]

        def cost(
            spot: tuple[str, int, int],
            px: float = px,
            py: float = py,
            long: float = long,
            xs: pd.Series[float] = xs,
            ys: pd.Series[float] = ys,
        ) -> float:
            left = px + spot[1] - (long if spot[0] == "right" else 0)
            box = (left, py - spot[2] - 7, left + long, py - spot[2] + 7)
            hits = sum(_overlap(box, other) for other in taken)
            outside = max(0.0, -box[0]) + max(0.0, box[2] - width)
            outside += max(0.0, -box[1]) + max(0.0, box[3] - height)
            covered = xs.between(box[0] - 4, box[2] + 4) & ys.between(box[1] - 3, box[3] + 3)
            return 1000 * hits + 100 * outside + 12 * int(covered.sum()) + abs(spot[2])

        align, dx, dy = min(spots, key=cost)
        left = px + dx - (long if align == "right" else 0)
        taken.append((left, py - dy - 7, left + long, py - dy + 7))
        placed.append(row | {"short": short, "align": align, "dx": dx, "dy": dy})
    return pd.DataFrame(placed)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _line_names(curve: pd.DataFrame) -> pd.DataFrame:
    """The right end of each line, where its name goes."""
    if curve.empty:
        return pd.DataFrame()
    by = ["facet", "line"] if "facet" in curve else ["line"]
    last = curve.sort_values("x").groupby(by, sort=False).tail(1)
    return last.drop(columns=["low", "high"], errors="ignore").assign(kind="line-name")


def _means(frame: pd.DataFrame, dots: bool) -> pd.DataFrame:
    """What the lines run through: the mean, where a series has several dots at one place."""
    if not dots:
        return frame
    by = [c for c in ("facet", "color", "series", "x") if c in frame]
    ends = {c: (c, "mean") for c in ("y", "y_low", "y_high") if c in frame}
    return frame.groupby(by, sort=False, as_index=False).agg(**ends)


def _along(kind: str, title: str | list[str], domain: list[Any]) -> alt.X:
    """Horizontal axis of sizes, dates or numbers."""
    if kind == "log":
        scale = alt.Scale(type="log", domain=domain, nice=False)
        axis = alt.Axis(values=_log_ticks(domain), format="~g", labelOverlap="greedy")
        return alt.X("x:Q", title=title, scale=scale, axis=axis)
    field = "x:T" if kind == "time" else "x:Q"
    return alt.X(field, title=title, scale=alt.Scale(domain=domain, nice=False))


def _along_axis(values: pd.Series[Any], kind: str) -> pd.Series[float]:
    """Where values are along their axis."""
    if kind == "time":
        return values.astype("int64").astype(float)
    return values.astype(float).map(math.log10) if kind == "log" else values.astype(float)


def _along_domain(values: pd.Series[Any], kind: str) -> list[Any]:
    """A domain a little wider than the data."""
    at = _along_axis(values, kind)
    low, high = float(at.min()), float(at.max())
    reach = (high - low) or (abs(high) * 0.1 or 1.0)
    if kind == "time":
        unit = values.dt.unit
        day = pd.Timedelta(days=1).as_unit(unit).value
        pad = 0.03 * (high - low) or 180 * day
        ends = [pd.Timestamp(int(v), unit=unit) for v in (low - pad, high + pad + day)]
        return [{"year": t.year, "month": t.month, "date": t.day} for t in ends]
    bottom, top = low - 0.03 * reach, high + 0.03 * reach
    if kind == "log":
        return [float(f"{10**bottom:.4g}"), float(f"{10**top:.4g}")]
    return [float(f"{bottom:.5g}"), float(f"{top:.5g}")]


def _line_ends(lines: pd.DataFrame, y_domain: list[float], height: int) -> pd.DataFrame:
    """The last point of each line, with its name and where that stands in the right margin."""
    if lines.empty:
        return lines
    ends = lines.sort_values("x", kind="stable").groupby("series", sort=False).tail(1)
    ends = ends[(ends["color"] != "other") & (ends["series"] != "")]
    gap = _LABEL * (y_domain[1] - y_domain[0]) / height
    return ends.assign(
        short=[cut(s, _LONGEST) for s in ends.series],
        y_label=_spread(list(ends.y), gap, *y_domain),
    )


def _margin(names: Sequence[str] | pd.Series[str]) -> int:
    """Pixels that names need beside a chart."""
    return 24 + round(6.9 * max(len(name) for name in names))


def _spread(
    values: list[float], gap: float, low: float = -math.inf, high: float = math.inf
) -> list[float]:
    """Move numbers apart until neighbours are at least `gap` apart, keeping their order."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    moved = list(values)
    for _ in range(200):
        calm = True
        moved = [min(max(value, low), high) for value in moved]
        for a, b in itertools.pairwise(order):
            lack = gap - (moved[b] - moved[a])
            if lack > gap * 1e-3:
                moved[a] -= lack / 2
                moved[b] += lack / 2
                calm = False
        if calm:
            break
    return moved


def _diagonal(x_domain: list[float], y_domain: list[float], panels: list[str]) -> pd.DataFrame:
    """Two ends of the line where x equals y, for each panel."""
    low, high = max(x_domain[0], y_domain[0]), min(x_domain[1], y_domain[1])
    if low >= high:
        return pd.DataFrame()
    ends = [{"kind": "diagonal", "x": v, "y": v, "facet": p} for p in panels for v in (low, high)]
    return pd.DataFrame(ends)


def _chance_of(table: pd.DataFrame, chance: float | str | None, facet: str | None) -> pd.DataFrame:
    """Chance level of each panel; none where it is 0 or not known."""
    if chance is None:
        return pd.DataFrame()
    if isinstance(chance, str):
        known = table[[c for c in (facet, chance) if c]].drop_duplicates().dropna()
        rows = known[known[chance] > 0].rename(
            columns={chance: "y"} | ({facet: "facet"} if facet else {})
        )
        return rows.astype({"facet": str}) if facet else rows
    if not chance > 0:
        return pd.DataFrame()
    panels = _panels(pd.DataFrame({"facet": table[facet].map(str)})) if facet else [""]
    return pd.DataFrame([{"y": chance, "facet": panel} for panel in panels])


def _domain(values: Sequence[Any], limit: bool = True, pad: float = 0.05) -> list[float]:
    """A domain round all values, kept in 0 to 1 if they are accuracies."""
    parts = [np.atleast_1d(np.asarray(v, dtype=float)) for v in values if v is not None]
    every = np.concatenate(parts)
    every = every[np.isfinite(every)]
    low, high = float(every.min()), float(every.max())
    reach = (high - low) or 0.1
    bottom, top = low - pad * reach, high + pad * reach
    if limit and low >= 0 and high <= 1:
        bottom, top = max(bottom, -0.01), min(top, 1.01)
    return [float(f"{bottom:.4g}"), float(f"{top:.4g}")]


def _log_ticks(domain: list[Any]) -> list[float]:
    """1, 3, 10, 30 … inside the domain."""
    ticks = [m * 10.0**e for e in range(-3, 7) for m in (1, 3)]
    inside = [t for t in ticks if domain[0] <= t <= domain[1]]
    return [float(f"{t:.3g}") for t in inside] or [float(domain[0])]


def _order(frame: pd.DataFrame, table: pd.DataFrame, sort: Sequence[str] | str | None) -> list[str]:
    """Rows from the top."""
    rows = list(dict.fromkeys(frame["row"]))
    if isinstance(sort, str) and sort != "table":
        key = table[sort].iloc[frame.index].groupby(list(frame["row"])).mean()
    elif sort is None:
        key = frame.groupby("row").x.mean()
    else:
        wanted = [] if isinstance(sort, str) else [str(s) for s in sort]
        return [r for r in wanted if r in rows] + [r for r in rows if r not in wanted]
    return [str(r) for r in key.sort_values(ascending=False, kind="stable").index]


# --------------------------------------------------------------------------- words and text
def _in_panels(panels: list[str]) -> str:
    return f" in {len(panels)} panels" if len(panels) > 1 else ""


def _span(values: pd.Series[Any]) -> str:
    return f"{_number(values.min())} to {_number(values.max())}"


def _ends_in_words(values: pd.Series[Any], kind: str) -> str:
    if kind == "time":
        return f"{values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}"
    return f"{_plain(values.min())} to {_plain(values.max())}"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _correlation(frame: pd.DataFrame, panels: list[str]) -> str:
    """How closely y follows x, over all panels."""
    found = []
    for _, part in frame.groupby("facet", sort=False) if "facet" in frame else [("", frame)]:
        if len(part) > 2 and np.ptp(part.x) > 0 and np.ptp(part.y) > 0:
            found.append(float(np.corrcoef(part.x, part.y)[0, 1]))
    if not found:
        return ""
    if len(found) == 1:
        return f"Their correlation is {found[0]:.2f}."
    return f"Their correlation within a panel is {min(found):.2f} to {max(found):.2f}."


def _lines_in_words(curve: pd.DataFrame) -> str:
    if curve.empty:
        return ""
    names = list(dict.fromkeys(curve.line))
    return f"Lines: {', '.join(cut(n, 40) for n in names[:4])}."


def _excluding(frame: pd.DataFrame, zero: float | None) -> str:
    known = frame.dropna(subset=["x_low", "x_high"])
    if zero is None or known.empty:
        return ""
    out = int(((known.x_low > zero) | (known.x_high < zero)).sum())
    return f"{out} of {len(known)} intervals exclude {_plain(zero)}."
