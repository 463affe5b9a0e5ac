"""What charts are made of: tidy rows, colours, axes, places for names, panels and words.

For `hatlib.show.charts` only. Text from data is only ever a value in what is made here.
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

from hatlib.show.figures import HALO, INK, TIPS, Figure, Notice, cut, slug

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
WIDTH = 640  # pixels, of a single chart in the static picture
_MANY = 300  # dots of which tooltips say less, to keep the page light
_FEW_TIPS = ("display_name", "label", "reasoning", "lineage", "params_total_b")
LABEL = 15  # pixels, height of a name beside a line
LONGEST = 28  # letters of such a name


def tidy(
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
            known = frame[column].notna() & (frame[column].astype(str).str.strip() != "")
            frame[column] = frame[column].astype(object).where(known, "unknown").map(str)
    return frame[keep].copy(), int((~keep).sum())


def colours_of(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Give a colour to the most frequent groups; the rest become "other", in place."""
    if "color" not in frame or (frame["color"] == "unknown").all():
        frame["color"] = ""
        return [""], [PALETTE[0]]
    counts = frame["color"].value_counts()
    ranked = sorted(counts.index, key=lambda group: (-counts[group], group))
    known = [group for group in ranked if group not in ("unknown", "other")]
    chosen = known[: len(PALETTE)]
    frame["color"] = frame["color"].where(frame["color"].isin(chosen), "other")
    rest = ["other"] if (frame["color"] == "other").any() else []
    return chosen + rest, [*PALETTE[: len(chosen)], *([OTHER] if rest else [])]


def paint(domain: list[str], colours: list[str]) -> alt.Color:
    """Colour by group; the legend is left out if there is one group."""
    legend = alt.Undefined if len(domain) > 1 else None
    return alt.Color("color:N", scale=alt.Scale(domain=domain, range=colours), legend=legend)


def symbols(field: str, domain: list[str], column: str | None) -> alt.Shape | Any:
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


def if_many(table: pd.DataFrame, facet: str | None) -> str | None:
    """The facet, unless it makes one panel only: that is a chart of its own."""
    return None if facet in table and len(set(table[facet])) == 1 else facet


def panels_of(frame: pd.DataFrame) -> list[str]:
    """Panels in the order of the table; one empty name if there are none."""
    return list(dict.fromkeys(frame["facet"])) if "facet" in frame else [""]


def only(kind: str, view: str | None = None) -> Any:
    """A layer of the rows of one kind (a constant of this module). The data come from above."""
    chart = alt.Chart(name=view) if view else alt.Chart()
    return chart.transform_filter(f"datum.kind == '{kind}'")


def records(parts: Sequence[pd.DataFrame]) -> alt.InlineData:
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


def tips(frame: pd.DataFrame, main: Mapping[str, str], time: bool = False) -> list[alt.Tooltip]:
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


def panel_width(facet: str | None, panels: list[str]) -> int:
    """Pixels of a panel in the static picture."""
    return WIDTH if facet is None else 175 if len(panels) == 3 else 270


def wrapped(title: str, pixels: int) -> str | list[str]:
    """A title on as many lines as it needs."""
    lines = textwrap.wrap(title, max(12, int(pixels / 6.3)))
    return lines if len(lines) > 1 else title


def assemble(
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
    data = records(parts)
    layout = "facet" if facet else "rows" if rows else "single"
    columns = 3 if len(panels) == 3 else min(2, len(panels))
    if rows and resolve:  # panels with rows of their own need room for the names
        columns = 1
    wished = {"layout": layout, "columns": columns, "rows": rows, "margin": margin}
    config = look()
    if facet is None:
        width = WIDTH - 150 if rows else WIDTH
        chart: Any = alt.layer(*layers, data=data).properties(width=width, height=height)
        if not rows:
            fit = alt.AutoSizeParams(type="fit-x", contains="padding")
            chart = chart.properties(autosize=fit)
        if margin:  # names beside the lines take the place of the legend
            config["legend"]["disable"] = True
    else:
        width = panel_width(facet, panels) if columns > 1 else WIDTH - 200
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


def look() -> dict[str, Any]:
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


def written(
    kind: str, text: str, encoding: dict[str, Any], paint: Any, fade: Any = None, **mark: Any
) -> list[Any]:
    """Text in the colour of its group, on a halo that keeps it off the lines behind."""
    layers = []
    for style, look in (("hat-halo", {"stroke": HALO, "color": HALO}), ("hat-label", {})):
        layer = only(kind).mark_text(style=style, baseline="middle", **look, **mark)
        layer = layer.encode(**encoding, text=text)
        layer = layer.encode(color=paint) if style == "hat-label" else layer
        layers.append(layer.encode(opacity=fade) if fade is not None else layer)
    return layers


def finish(
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


def nothing(*columns: str) -> Notice:
    """What to say if no row can be drawn."""
    wanted = " and ".join(f"`{re.sub(r'[^A-Za-z0-9_ -]', '', c)}`" for c in columns)
    return Notice(f"There is nothing to draw: no row has {wanted}. Add the missing values.")


def drawn_columns(table: pd.DataFrame, columns: Sequence[str | None]) -> pd.DataFrame:
    """What is drawn, with the columns that say which row is which in front."""
    who = [c for c in ("set_name", "display_name", "label", "reasoning") if c in table]
    bars = [c for c in ("x_low", "x_high", "y_low", "y_high") if c in table]
    chosen = [c for c in dict.fromkeys([*who, *columns, *bars]) if c is not None and c in table]
    return table[chosen].reset_index(drop=True)


def is_named(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series[bool]:
    """Which rows are one of the named models."""
    chosen = pd.Series(False, index=frame.index)
    for column in ("model", "label", "display_name"):
        if column in frame:
            chosen |= frame[column].isin(list(names))
    return chosen


def name_of(row: Any) -> str:
    """The short name of a row, for words beside a chart."""
    for column in ("display_name", "label", "model"):
        if column in row and isinstance(row[column], str):
            return cut(row[column], 60)
    return ""


def place_names(
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
        short = cut(name_of(row), 34 if width == WIDTH else 22)
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


def line_names(curve: pd.DataFrame) -> pd.DataFrame:
    """The right end of each line, where its name goes."""
    if curve.empty:
        return pd.DataFrame()
    by = ["facet", "line"] if "facet" in curve else ["line"]
    last = curve.sort_values("x").groupby(by, sort=False).tail(1)
    return last.drop(columns=["low", "high"], errors="ignore").assign(kind="line-name")


def means_of(frame: pd.DataFrame, dots: bool) -> pd.DataFrame:
    """What the lines run through: the mean, where a series has several dots at one place."""
    if not dots:
        return frame
    by = [c for c in ("facet", "color", "series", "x") if c in frame]
    ends = {c: (c, "mean") for c in ("y", "y_low", "y_high") if c in frame}
    return frame.groupby(by, sort=False, as_index=False).agg(**ends)


def along(kind: str, title: str | list[str], domain: list[Any]) -> alt.X:
    """Horizontal axis of sizes, dates or numbers."""
    if kind == "log":
        scale = alt.Scale(type="log", domain=domain, nice=False)
        axis = alt.Axis(values=_log_ticks(domain), format="~g", labelOverlap="greedy")
        return alt.X("x:Q", title=title, scale=scale, axis=axis)
    scale = alt.Scale(domain=domain, nice=False)
    if kind == "time" and domain[1]["year"] - domain[0]["year"] <= 2:
        # Over so short a time the ticks are months, and no label would say the year.
        axis = alt.Axis(format="%b %Y", labelOverlap="greedy", tickCount=4)
        return alt.X("x:T", title=title, scale=scale, axis=axis)
    return alt.X("x:T" if kind == "time" else "x:Q", title=title, scale=scale)


def _along_axis(values: pd.Series[Any], kind: str) -> pd.Series[float]:
    """Where values are along their axis."""
    if kind == "time":
        return values.astype("int64").astype(float)
    return values.astype(float).map(math.log10) if kind == "log" else values.astype(float)


def along_domain(values: pd.Series[Any], kind: str) -> list[Any]:
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


def line_ends(lines: pd.DataFrame, y_domain: list[float], height: int) -> pd.DataFrame:
    """The last point of each line, with its name and where that stands in the right margin."""
    if lines.empty:
        return lines
    ends = lines.sort_values("x", kind="stable").groupby("series", sort=False).tail(1)
    ends = ends[(ends["color"] != "other") & (ends["series"] != "")]
    gap = LABEL * (y_domain[1] - y_domain[0]) / height
    return ends.assign(
        short=[cut(s, LONGEST) for s in ends.series],
        y_label=spread(list(ends.y), gap, *y_domain),
    )


def name_margin(names: Sequence[str] | pd.Series[str]) -> int:
    """Pixels that names need beside a chart."""
    return 24 + round(6.9 * max(len(name) for name in names))


def spread(
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


def diagonal(x_domain: list[float], y_domain: list[float], panels: list[str]) -> pd.DataFrame:
    """Two ends of the line where x equals y, for each panel."""
    low, high = max(x_domain[0], y_domain[0]), min(x_domain[1], y_domain[1])
    if low >= high:
        return pd.DataFrame()
    ends = [{"kind": "diagonal", "x": v, "y": v, "facet": p} for p in panels for v in (low, high)]
    return pd.DataFrame(ends)


def chance_of(table: pd.DataFrame, chance: float | str | None, facet: str | None) -> pd.DataFrame:
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
    panels = panels_of(pd.DataFrame({"facet": table[facet].map(str)})) if facet else [""]
    return pd.DataFrame([{"y": chance, "facet": panel} for panel in panels])


def domain_of(values: Sequence[Any], limit: bool = True, pad: float = 0.05) -> list[float]:
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


def row_order(
    frame: pd.DataFrame, table: pd.DataFrame, sort: Sequence[str] | str | None
) -> list[str]:
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


# Words ------------------------------------------------------------------------------------------


def in_panels(panels: list[str]) -> str:
    """How many panels, if several."""
    return f" in {len(panels)} panels" if len(panels) > 1 else ""


def span_in_words(values: pd.Series[Any]) -> str:
    """Least and greatest."""
    return f"{number_text(values.min())} to {number_text(values.max())}"


def ends_in_words(values: pd.Series[Any], kind: str) -> str:
    """Both ends of an axis."""
    if kind == "time":
        return f"{values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}"
    return f"{plain_number(values.min())} to {plain_number(values.max())}"


def number_text(value: float) -> str:
    """A number with three decimals; none if it is large."""
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def rounded(value: float) -> float:
    """Six digits."""
    return float(f"{value:.6g}")


def plain_number(value: float) -> str:
    """A number with four digits."""
    return f"{value:.4g}"


def correlation(frame: pd.DataFrame, panels: list[str]) -> str:
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


def lines_in_words(curve: pd.DataFrame) -> str:
    """Names of the lines."""
    if curve.empty:
        return ""
    names = list(dict.fromkeys(curve.line))
    return f"Lines: {', '.join(cut(n, 40) for n in names[:4])}."


def excluding(frame: pd.DataFrame, zero: float | None) -> str:
    """How many intervals exclude the reference."""
    known = frame.dropna(subset=["x_low", "x_high"])
    if zero is None or known.empty:
        return ""
    out = int(((known.x_low > zero) | (known.x_high < zero)).sum())
    return f"{out} of {len(known)} intervals exclude {plain_number(zero)}."
