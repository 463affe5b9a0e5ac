"""Charts: one function for each kind, each taking a tidy frame and giving a `Figure`.

Text that comes from data (model names, above all) is hostile. It is only ever a *value* in the
specification: no field name, expression or identifier is built from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from hatlib.show import drawing
from hatlib.show.drawing import FAINT
from hatlib.show.figures import (
    INK,
    Figure,
    Notice,
    Table,
    cut,
    figure_html,
    javascript_bundle,
    show_table,
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
    "static_svg",
    "timeline",
]


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
    facet = drawing.if_many(table, facet)
    frame, lost = drawing.tidy(
        table,
        {"x": x, "y": y, "facet": facet, "color": color, "shape": shape}
        | {end: end for end in ("x_low", "x_high", "y_low", "y_high") if end in table},
        numbers=("x", "y"),
    )
    if frame.empty:
        return drawing.nothing(x, y)
    domain, colours = drawing.colours_of(frame)
    curve, _ = drawing.tidy(
        lines if lines is not None else pd.DataFrame(columns=["line", "x", "y"]),
        {"x": "x", "y": "y", "line": "line", "low": "low", "high": "high", "facet": facet},
        numbers=("x", "y"),
        tips=False,
    )
    guess = drawing.chance_of(table, chance, facet)
    x_domain = drawing.domain_of([frame.x, frame.get("x_low"), frame.get("x_high")])
    y_domain = drawing.domain_of([frame.y, frame.get("y_low"), frame.get("y_high"), guess.get("y")])
    panels = drawing.panels_of(frame)
    marked = frame[drawing.is_named(frame, emphasise)].assign(kind="name")
    wide, tall = drawing.panel_width(facet, panels), 300 if facet else 400
    marked = drawing.place_names(marked, frame, x_domain, y_domain, wide, tall)
    parts = [
        frame.assign(kind="dot"),
        curve.assign(kind="line"),
        drawing.line_names(curve),
        marked,
        guess.assign(kind="chance"),
        drawing.diagonal(x_domain, y_domain, panels) if diagonal else pd.DataFrame(),
    ]

    pick = alt.selection_point(name="pick", fields=["color"], bind="legend", on="click")
    axes = {
        "x": alt.X(
            "x:Q",
            title=drawing.wrapped(title_x, wide),
            scale=alt.Scale(domain=x_domain, nice=False),
        ),
        "y": alt.Y(
            "y:Q",
            title=drawing.wrapped(title_y, tall),
            scale=alt.Scale(domain=y_domain, nice=False),
        ),
    }
    fade = alt.when(pick).then(alt.value(0.85)).otherwise(alt.value(0.08))
    faint = alt.when(pick).then(alt.value(0.45)).otherwise(alt.value(0.05))
    paint = drawing.paint(domain, colours)
    layers = []
    if diagonal:
        layers.append(
            drawing.only("diagonal").mark_line(style="hat-guide", color=FAINT).encode(**axes)
        )
    if len(guess):
        layers.append(
            drawing.only("chance").mark_rule(style="hat-guide", color=FAINT).encode(y=axes["y"])
        )
        layers.append(
            drawing.only("chance")
            .mark_text(style="hat-note", align="right", baseline="bottom", dx=-3, text="chance")
            .encode(y=axes["y"], x=alt.value("width"))
        )
    detail = alt.Detail("line:N")
    if band and len(curve) and {"low", "high"} <= set(curve):
        layers.append(
            drawing.only("line")
            .mark_area(style="hat-band", color=INK, clip=True)
            .encode(x=axes["x"], y=alt.Y("low:Q"), y2="high:Q", detail=detail)
        )
    if len(curve):
        layers.append(
            drawing.only("line")
            .mark_line(style="hat-line", color=INK, clip=True)
            .encode(**axes, detail=detail)
        )
    for end, axis in (("x", "y"), ("y", "x")):
        if {f"{end}_low", f"{end}_high"} <= set(frame):
            # Its own scale, or this layer would draw 0 into the axis.
            scale = alt.Scale(domain=x_domain if end == "x" else y_domain, nice=False)
            channel = alt.X if end == "x" else alt.Y
            span = {end: channel(f"{end}_low:Q", scale=scale)}
            layers.append(
                drawing.only("dot")
                .mark_rule(strokeWidth=1.2, clip=True)
                .encode(
                    **span,
                    **{f"{end}2": f"{end}_high:Q", axis: axes[axis]},
                    color=paint,
                    opacity=faint,
                )
            )
    symbols = (
        drawing.symbols("shape", list(dict.fromkeys(sorted(frame["shape"]))), shape)
        if shape
        else drawing.symbols("color", domain, color)
    )
    layers.append(
        drawing.only("dot", view="dots")
        .mark_point(filled=True, size=62, strokeWidth=0, clip=True)
        .encode(
            **axes,
            color=paint,
            shape=symbols,
            opacity=fade,
            tooltip=drawing.tips(frame, {"x": title_x, "y": title_y}),
        )
        .add_params(pick)
    )
    if len(curve) and len(set(curve.line)) > 1:
        layers.append(
            drawing.only("line-name")
            .mark_text(style="hat-note", align="right", baseline="bottom", dx=-2, dy=-4)
            .encode(**axes, text="line:N")
        )
    if len(marked):
        ring = drawing.only("name").mark_point(size=120, filled=False, color=INK, strokeWidth=1.4)
        layers.append(ring.encode(**axes))
        spot = {k: {"expr": f"datum.{k}"} for k in ("align", "dx", "dy")}
        layers += drawing.written("name", "short:N", axes, paint, limit=260, **spot)
    chart = drawing.assemble(layers, parts, facet, panels, height=tall)
    names = table.iloc[frame.index]
    best = drawing.name_of(frame.iloc[int(frame.y.argmax())])
    text = [
        f"Scatter plot of {len(frame)} dots{drawing.in_panels(panels)}.",
        f"{title_x} runs from {drawing.span_in_words(frame.x)}.",
        f"{title_y} runs from {drawing.span_in_words(frame.y)}.",
        drawing.correlation(frame, panels),
        f"The highest is {best}." if best else "",
        drawing.lines_in_words(curve),
    ]
    return drawing.finish(
        name, chart, caption, text, lost, drawing.drawn_columns(names, [x, y, facet, color, shape])
    )


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
    facet = drawing.if_many(table, facet)
    frame, lost = drawing.tidy(
        table,
        {"x": value, "x_low": low, "x_high": high, "row": row, "facet": facet, "color": color},
        numbers=("x",),
    )
    if frame.empty:
        return drawing.nothing(value)
    domain, colours = drawing.colours_of(frame)
    panels = drawing.panels_of(frame)
    order = drawing.row_order(frame, table, sort)
    colour_count = frame["color"].nunique() if color else 1
    by = ["row", "facet"] if facet else ["row"]
    dodge = bool(color) and bool(frame.duplicated(by).any())
    sparse = bool(facet) and len(frame.drop_duplicates(by)) < 0.6 * len(order) * len(panels)
    bars = "x_low" in frame and "x_high" in frame
    x_domain = drawing.domain_of(
        [frame.x, frame.get("x_low"), frame.get("x_high"), zero], limit=False, pad=0.04
    )

    pick = alt.selection_point(name="pick", fields=["color"], bind="legend", on="click")
    scale = alt.Scale(domain=x_domain, nice=True)
    across = drawing.wrapped(
        title, drawing.panel_width(facet, panels) if facet else drawing.WIDTH - 150
    )
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
    paint = drawing.paint(domain, colours)
    layers = []
    if zero is not None:
        # With the scale of the others: by default a rule would stretch the axis down to 0.
        place = alt.X("x:Q", title=across, scale=scale, axis=tick)
        layers.append(drawing.only("zero").mark_rule(style="hat-zero", color=INK).encode(x=place))
    if bars:
        layers.append(
            drawing.only("dot")
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
        drawing.only("dot", view="dots")
        .mark_point(filled=True, size=58)
        .encode(
            x=alt.X("x:Q", title=across, scale=scale, axis=tick),
            color=paint,
            shape=drawing.symbols("color", domain, color),
            opacity=fade,
            tooltip=drawing.tips(frame, tips),
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
    chart = drawing.assemble(
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
    least, most = (frame.iloc[int(at)] for at in (frame.x.argmin(), frame.x.argmax()))
    ends = " to ".join(
        f"{drawing.number_text(end.x)} ({cut(str(end.row), 40)})" for end in (least, most)
    )
    text = [
        f"Dot plot of {len(order)} rows{drawing.in_panels(panels)}.",
        f"{title} runs from {ends}.",
        drawing.excluding(frame, zero) if bars else "",
    ]
    keep = [row, value, low, high, color, facet]
    return drawing.finish(
        name, chart, caption, text, lost, drawing.drawn_columns(table.iloc[frame.index], keep)
    )


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
    points: pd.DataFrame | None = None,
    size: str | None = None,
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
    points : pandas.DataFrame, optional
        Dots to draw under the lines: `x`, `y`, `series`, `facet` and `size` as columns.
    size : str, optional
        Column of `points` that says how large a dot is.
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
        points=points,
        size=size,
        name=name,
        caption=caption,
        title_x=title_x,
        title_y=title_y,
    )


def heat(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    value: str,
    middle: float | None = None,
    grey: str | None = None,
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
    grey : str, optional
        Column that says which tiles are drawn without colour, as their numbers are weak.
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
    frame, lost = drawing.tidy(
        table, {"column": x, "row": y, "v": value, "grey": grey}, numbers=("v",), tips=False
    )
    if frame.empty:
        return drawing.nothing(value)
    weak = frame["grey"].astype(bool) if grey else pd.Series(False, frame.index)
    sure = frame.v[~weak] if (~weak).any() else frame.v
    low, high = float(sure.min()), float(sure.max())
    if middle is not None:
        reach = max(abs(high - middle), abs(low - middle)) or 1.0
        low, high = middle - reach, middle + reach
        ramp = ["#b35806", "#e9a35c", "#f4f1ec", "#7fa9dd", "#1f5aa6"]
    else:
        # Hue tells low from high: a ramp of one hue would turn round on a dark page.
        ramp = ["#b35806", "#e9a35c", "#d9d9d9", "#7fa9dd", "#1f5aa6"]
    share = (frame.v - low) / ((high - low) or 1.0)
    dark = (share - 0.5).abs() > 0.3
    frame["dark"] = dark.astype(bool) & ~weak
    frame["grey"] = weak
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
        drawing.only("tile")
        .mark_rect(cornerRadius=3, stroke="transparent", strokeWidth=2)
        .transform_filter("!datum.grey")
        .encode(x=across, y=down, color=alt.Color("v:Q", scale=scale, legend=None), tooltip=tips),
        drawing.only("tile")
        .transform_filter("datum.grey")
        .mark_rect(cornerRadius=3, stroke="transparent", strokeWidth=2, color=FAINT, opacity=0.28)
        .encode(x=across, y=down, tooltip=tips),
        *(
            drawing.only("tile")
            .transform_filter(test)
            .mark_text(fontSize=12, color=ink)
            .encode(x=across, y=down, text=alt.Text("v:Q", format=format_value), tooltip=tips)
            for test, ink in (
                ("datum.dark", "#ffffff"),
                ("!datum.dark && !datum.grey", "#111111"),
                ("datum.grey", INK),
            )
        ),
    ]
    chart = drawing.assemble(
        layers, [frame.assign(kind="tile")], None, [""], height=alt.Step(30), rows=True
    )
    at = [f"{cut(str(r.column), 40)}, {cut(str(r.row), 40)}" for r in frame.itertuples()]
    least, most = int(frame.v.argmin()), int(frame.v.argmax())
    text = [
        f"Tile chart of {len(frame)} tiles, {len(columns)} across and {len(rows)} down.",
        f"{title} runs from {drawing.number_text(frame.v.min())} ({at[least]}) to "
        f"{drawing.number_text(frame.v.max())} ({at[most]}).",
    ]
    return drawing.finish(
        name,
        chart,
        caption,
        text,
        lost,
        drawing.drawn_columns(table.iloc[frame.index], [x, y, value]),
    )


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
    points: pd.DataFrame | None = None,
    size: str | None = None,
) -> Figure | Notice:
    """Draw lines over a size, a date or a number, named at their ends."""
    title_x, title_y = title_x or x, title_y or y
    facet = drawing.if_many(table, facet)
    frame, lost = drawing.tidy(
        table,
        {"x": x, "y": y, "y_low": low, "y_high": high, "color": series, "facet": facet},
        numbers=("y",) if kind == "time" else ("x", "y"),
        needed=("x",),
    )
    if frame.empty:
        return drawing.nothing(x, y)
    frame["series"] = frame.get("color", "")
    domain, colours = drawing.colours_of(frame)
    panels = drawing.panels_of(frame)
    frame = frame.sort_values(["facet", "series", "x"] if facet else ["series", "x"], kind="stable")
    bars = "y_low" in frame and "y_high" in frame
    means = drawing.means_of(frame, dots) if join else pd.DataFrame()
    if dots and 0 < len(means) < len(frame):
        caption = f"{caption} Where a line meets several dots, it runs through their mean."
    if kind == "time" and join:
        means = means[means["color"] != "other"]  # unlike models: no line
    spots = pd.DataFrame()
    if points is not None:
        spots, _ = drawing.tidy(
            points,
            {"x": x, "y": y, "size": size, "color": series, "facet": facet},
            numbers=("x", "y"),
            tips=False,
        )
    x_domain = drawing.along_domain(pd.concat([frame.x, spots.get("x")]), kind)
    y_ends = [frame.y, frame.get("y_low"), frame.get("y_high"), spots.get("y"), zero]
    y_scale = (
        alt.Scale(zero=False, nice=True)
        if facet and not share_y
        else alt.Scale(domain=drawing.domain_of(y_ends, limit=False), nice=True)
    )
    wide, tall = drawing.panel_width(facet, panels), 240 if facet else 360
    named = means if join and facet is None else pd.DataFrame()
    ends = drawing.line_ends(named, drawing.domain_of(y_ends, limit=False), tall)
    margin = drawing.name_margin(ends["short"]) if len(ends) else 0

    pick = alt.selection_point(name="pick", fields=["color"], bind="legend", on="click")
    axes: dict[str, Any] = {
        "x": drawing.along(kind, drawing.wrapped(title_x, wide), x_domain),
        "y": alt.Y("y:Q", title=drawing.wrapped(title_y, tall), scale=y_scale),
    }
    ends_y = alt.Y("y_low:Q", title=drawing.wrapped(title_y, tall), scale=y_scale)
    paint = drawing.paint(domain, colours)
    fade = alt.when(pick).then(alt.value(0.95)).otherwise(alt.value(0.07))
    faint = alt.when(pick).then(alt.value(0.16 if not dots else 0.5)).otherwise(alt.value(0.03))
    layers = []
    if zero is not None:
        layers.append(
            drawing.only("zero").mark_rule(style="hat-zero", color=INK).encode(y=axes["y"])
        )
    if bars:
        mark = (
            drawing.only("dot").mark_rule(strokeWidth=1.4)
            if dots
            else drawing.only("dot").mark_area()
        )
        layers.append(
            mark.encode(
                x=axes["x"], y=ends_y, y2="y_high:Q", color=paint, opacity=faint, detail="series:N"
            )
        )
    if len(spots):
        room = alt.Size("size:Q", legend=None, scale=alt.Scale(type="linear", range=[12, 420]))
        layers.append(
            drawing.only("spot", view="spots")
            .mark_point(filled=True, strokeWidth=0)
            .encode(
                **axes,
                color=paint,
                opacity=alt.when(pick).then(alt.value(0.45)).otherwise(alt.value(0.05)),
                size=room if size else alt.value(50),
                tooltip=drawing.tips(
                    spots,
                    {"color": "Series", "x": title_x, "y": title_y}
                    | ({"size": size.replace("_", " ")} if size else {}),
                ),
            )
        )
    tips = {"series": "Series", "x": title_x, "y": title_y, "y_low": "Interval from"}
    tooltip = drawing.tips(frame, tips | {"y_high": "Interval to"}, time=kind == "time")
    if join:
        line = drawing.only("mean", view=None if dots else "dots").mark_line(strokeWidth=1.8)
        encoded = line.encode(**axes, color=paint, opacity=fade, detail="series:N")
        layers.append(encoded if dots else encoded.encode(tooltip=tooltip).add_params(pick))
    if dots:
        layers.append(
            drawing.only("dot", view="dots")
            .mark_point(filled=True, size=55)
            .encode(
                **axes,
                color=paint,
                opacity=fade,
                shape=drawing.symbols("color", domain, series),
                tooltip=tooltip,
            )
            .add_params(pick)
        )
    if len(ends):
        beside = {"y": alt.Y("y_label:Q", title=drawing.wrapped(title_y, tall), scale=y_scale)}
        leader = drawing.only("end", view="label-leaders").mark_rule(strokeWidth=0.9, x2Offset=6)
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
        layers += drawing.written("end", "short:N", spot, paint, fade, align="left", dx=9)
    reference = pd.DataFrame(
        [{"kind": "zero", "y": zero, "facet": panel} for panel in panels]
        if zero is not None
        else []
    )
    chart = drawing.assemble(
        layers,
        [
            frame.assign(kind="dot"),
            means.assign(kind="mean"),
            ends.assign(kind="end"),
            spots.assign(kind="spot"),
            reference,
        ],
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
        f"{' and '.join(shown)}{drawing.in_panels(panels)}.",
        f"{title_x} runs from {drawing.ends_in_words(frame.x, kind)}.",
        f"{title_y} runs from {drawing.span_in_words(frame.y)}.",
        f"{rising} of {len(many)} lines end higher than they start." if many and join else "",
        f"{len(spots)} dot{'s' * (len(spots) > 1)} below the lines." if len(spots) else "",
    ]
    keep = [series, facet, x, y, low, high, size]
    drawn = table.iloc[frame.index]
    if points is not None:
        drawn = pd.concat([drawn, points.iloc[spots.index]], ignore_index=True)
    return drawing.finish(name, chart, caption, text, lost, drawing.drawn_columns(drawn, keep))
