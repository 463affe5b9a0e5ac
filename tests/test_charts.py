"""Charts: the same bytes for the same data, text from data is only text, nothing is lost unsaid."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert

from hatlib.show import charts, drawing
from hatlib.show.charts import Figure, Notice

EVIL = [
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "a'b\"c",
    "x" * 200,
    "a.b[0]",
    "datum.x || alert(1)",
    "=1+2",
    "#747474",
    "líne\nbreak",
    "</script><!--",
]


def runs(names: list[str] | None = None, n: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = names or [f"model-{i}" for i in range(n)]
    n = len(names)
    source = np.sort(rng.uniform(0.3, 0.95, n))
    return pd.DataFrame(
        {
            "model": names,
            "display_name": names,
            "label": names,
            "lineage": [names[i % 10] for i in range(n)],
            "family": [names[i % 5] for i in range(n)],
            "set_name": [names[i % 3] for i in range(n)],
            "reasoning": ["none", "on"] * (n // 2) + ["none"] * (n % 2),
            "measure": [names[i % 2] for i in range(n)],
            "params_total_b": 2.0 ** np.arange(n) / 4,
            "release_date": pd.date_range("2024-01-01", periods=n, freq="MS"),
            "source_accuracy": source,
            "target_accuracy": source * 0.8 + rng.normal(0, 0.03, n),
            "low": source * 0.8 - 0.1,
            "high": source * 0.8 + 0.1,
            "chance": 0.25,
        }
    )


def lines(table: pd.DataFrame) -> pd.DataFrame:
    one = pd.DataFrame({"x": [0.3, 0.9], "y": [0.2, 0.7], "low": [0.1, 0.6], "high": [0.3, 0.8]})
    parts = [
        one.assign(set_name=s, line=f"line {k}") for s in table.set_name.unique() for k in (1, 2)
    ]
    return pd.concat(parts)


def every_chart(table: pd.DataFrame) -> dict[str, Any]:
    y = "target_accuracy"
    common = {"caption": "What to see."}
    ends = {"low": "low", "high": "high"}
    return {
        "scatter": charts.scatter(
            table, name="a", emphasise=table.model[:3], chance=0.25, lines=lines(table), **common
        ),
        "scatter-panels": charts.scatter(
            table,
            name="b",
            facet="set_name",
            lines=lines(table),
            shape="reasoning",
            chance="chance",
            emphasise=table.model[:2],
            **common,
        ),
        "intervals": charts.intervals(
            table, name="c", value=y, row="display_name", color="lineage", **ends, **common
        ),
        "intervals-panels": charts.intervals(
            table, name="d", value=y, row="family", color="reasoning", facet="set_name", **common
        ),
        "ladder": charts.ladder(table, name="e", y=y, **ends, **common),
        "timeline": charts.timeline(table, name="f", y=y, facet="set_name", zero=0, **common),
        "curves": charts.curves(
            table, name="g", x="source_accuracy", y=y, series="family", **ends, **common
        ),
        "heat": charts.heat(
            table.drop_duplicates(["family", "measure"]),
            name="i",
            x="family",
            y="measure",
            value=y,
            middle=0.5,
            **common,
        ),
    }


@pytest.mark.parametrize("names", [None, EVIL], ids=["plain", "hostile"])
def test_same_data_same_bytes_and_both_versions_draw(names: list[str] | None) -> None:
    first, second = every_chart(runs(names)), every_chart(runs(names))
    for kind, figure in first.items():
        assert isinstance(figure, Figure), kind
        spec = figure.spec()
        assert json.dumps(spec) == json.dumps(second[kind].spec()), kind
        assert spec["$schema"].endswith("v5.json")
        vl_convert.vegalite_to_vega(spec, "5.20")
        assert charts.static_svg(spec).startswith("<svg")


def _strings(part: Any, place: str = "") -> list[tuple[str, str]]:
    """Every text of a specification but those in the data, with its place."""
    if isinstance(part, dict):
        pairs = [(k, v) for k, v in part.items() if k != "datasets"]
        return [(k, "key") for k, _ in pairs] + [s for k, v in pairs for s in _strings(v, k)]
    if isinstance(part, list):
        return [s for v in part for s in _strings(v, place)]
    return [(part, place)] if isinstance(part, str) else []


def test_no_name_from_data_is_an_expression_or_a_field() -> None:
    for kind, figure in every_chart(runs(EVIL)).items():
        for text, place in _strings(figure.spec()):
            if text in EVIL and text != charts.INK:  # one of them is also a colour of ours
                assert place in ("domain", "sort"), (kind, place, text)
            assert place in ("domain", "sort") or not any(evil in text for evil in EVIL[:6]), text


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for key, value in attrs:
            self.attributes.setdefault(key, []).append(value or "")


def test_figure_html_escapes_and_holds_all() -> None:
    for kind, figure in every_chart(runs(EVIL)).items():
        bundle, metadata = figure._repr_mimebundle_()
        assert set(bundle) == {
            "application/vnd.vegalite.v5+json",
            "image/png",
            "text/plain",
        }
        about = metadata["hat"] | {"caption": EVIL[0], "alt": EVIL[0] + figure.alt}
        page = charts.figure_html(bundle["application/vnd.vegalite.v5+json"], **about)
        tags = _Tags(page)
        assert tags.tags.count("script") == 1, kind
        assert tags.attributes["id"] == [figure.name]
        assert tags.attributes["alt"][0].startswith(EVIL[0])
        assert tags.attributes["download"] == [f"{figure.name}.csv"]
        assert not [key for key in tags.attributes if key.startswith("on")]
        inner = re.search(r'class="hat-spec">(.*?)</script>', page, re.S)
        assert inner and json.loads(inner.group(1))["datasets"] == figure.spec()["datasets"]
        rows = list(csv.reader(io.StringIO(figure.csv())))
        assert len(rows) == len(figure.data) + 1


def test_csv_runs_no_formula_in_a_spreadsheet() -> None:
    figure = charts.scatter(runs(EVIL), name="a", caption="")
    assert isinstance(figure, Figure)
    assert ",=" not in figure.csv() and "\n=" not in figure.csv()
    assert "'=1+2" in figure.csv()


def test_a_name_that_looks_like_a_colour_keeps_its_text() -> None:
    figure = charts.intervals(
        runs(EVIL), value="target_accuracy", row="display_name", name="a", caption=""
    )
    assert isinstance(figure, Figure)
    assert "#747474" in charts.static_svg(figure.spec())


def test_missing_values_are_counted() -> None:
    table = runs()
    table.loc[[1, 2], "target_accuracy"] = np.nan
    table.loc[3, "source_accuracy"] = np.inf
    figure = charts.scatter(table, name="a", caption="See.")
    assert figure.caption == "See. 3 rows without a value are not drawn."  # type: ignore[union-attr]
    assert len(figure.data) == len(table) - 3  # type: ignore[union-attr]


def test_nothing_to_draw_is_a_notice() -> None:
    empty = runs().iloc[:0]
    blank = runs().assign(target_accuracy=np.nan, params_total_b=np.nan)
    y = "target_accuracy"
    for table in (empty, blank):
        for notice in (
            charts.scatter(table, name="a", caption=""),
            charts.intervals(table, value=y, row="model", name="a", caption=""),
            charts.ladder(table, y=y, name="a", caption=""),
            charts.timeline(table, y=y, name="a", caption=""),
            charts.curves(table, x="source_accuracy", y=y, series="model", name="a", caption=""),
            charts.heat(table, x="model", y="family", value=y, name="a", caption=""),
        ):
            assert isinstance(notice, Notice) and "Add" in notice.text
    assert isinstance(charts.show_table(empty, "None."), Notice)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        charts.scatter(runs(), y="nowhere", name="a", caption="")


def test_groups_that_are_not_known_still_draw() -> None:
    table = runs().iloc[:1].drop(columns=["family", "lineage"])
    y = "target_accuracy"
    for figure in (
        charts.scatter(table, name="a", caption=""),
        charts.ladder(table, y=y, name="a", caption=""),
        charts.timeline(table, y=y, name="a", caption=""),
        charts.timeline(table.assign(lineage=None), y=y, name="a", caption="", lines=False),
    ):
        assert isinstance(figure, Figure)
        assert charts.static_svg(figure.spec()).startswith("<svg")
        assert "0 line" not in figure.alt


def test_all_dots_are_inside_the_axis() -> None:
    table = runs(n=30)
    figure = charts.timeline(table, y="target_accuracy", name="a", caption="")
    assert isinstance(figure, Figure)
    layer = next(part for part in figure.spec()["layer"] if part.get("name") == "dots")
    low, high = (pd.Timestamp(**_day(d)) for d in layer["encoding"]["x"]["scale"]["domain"])
    assert low <= table.release_date.min() and table.release_date.max() <= high


def _day(date: dict[str, int]) -> dict[str, int]:
    return {"day" if key == "date" else key: value for key, value in date.items()}


def test_alternative_text_says_what_is_there() -> None:
    table = runs()
    figure = charts.scatter(table, facet="set_name", name="a", caption="")
    assert isinstance(figure, Figure)
    assert "24 dots in 3 panels" in figure.alt
    assert f"{table.source_accuracy.min():.3f}" in figure.alt
    other = charts.scatter(table.iloc[:10], facet="set_name", name="a", caption="")
    assert other.alt != figure.alt  # type: ignore[union-attr]


def test_at_most_eight_colours_and_a_grey() -> None:
    figure = charts.scatter(runs(), name="a", caption="")
    assert isinstance(figure, Figure)
    found = [s for s, place in _strings(figure.spec()) if place == "range" and s.startswith("#")]
    assert set(found) == {*drawing.PALETTE, drawing.OTHER}


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("colour", [*drawing.PALETTE, drawing.OTHER, charts.INK])
def test_colours_stand_out_on_white_and_on_the_dark_page(colour: str) -> None:
    assert 1.05 / (_luminance(colour) + 0.05) >= 3
    assert (_luminance(colour) + 0.05) / (_luminance("#121212") + 0.05) >= 3


def test_repeated_index_is_no_problem() -> None:
    table = pd.concat([runs(), runs()])
    for figure in every_chart(table).values():
        assert isinstance(figure, Figure)


def test_table_formats_and_hides() -> None:
    frame = pd.DataFrame(
        {
            "model": [EVIL[0], "b"],
            "accuracy": [0.12345, np.nan],
            "gap": [-0.0001, 0.5],
            "n_items": pd.array([5, None], dtype="Int64"),
            "release_date": pd.to_datetime(["2024-05-01", None]),
            "secret": [1, 2],
        }
    )
    table = charts.show_table(frame, "A <b> table.", formats={"gap": "{:.1f}"}, hide=["secret"])
    assert isinstance(table, charts.Table)
    page = table.markup
    tags = _Tags(page)
    assert "script" not in tags.tags and "b" not in tags.tags and "style" not in tags.tags
    assert tags.attributes["tabindex"] == ["0"] and tags.attributes["role"] == ["region"]
    for text in ("0.123", ">5<", "2024-05-01", "–", "0.5", "A &lt;b&gt; table."):
        assert text in page, text
    assert "secret" not in page
    again = charts.show_table(frame, "A <b> table.", formats={"gap": "{:.1f}"}, hide=["secret"])
    assert again._repr_html_() == page  # type: ignore[union-attr]


def test_table_is_readable() -> None:
    frame = pd.DataFrame(
        {
            "off_line_gain": [3e-16] * 20,
            "p_value": [1e-9] * 19 + [np.nan],
            "q_value": [0.25] * 20,
            "reason": ["too few lineages to draw a line"] * 20,
        }
    )
    table = charts.show_table(frame, "Long.")
    assert isinstance(table, charts.Table)
    for text in ("off line gain", ">0.000<", ">&lt;.001<", ">0.250<", "hat-tall", "hat-wide"):
        assert text in table.markup, text
    assert table.markup.count("hat-number") == 21 * 3
    assert "hat-tall" not in charts.show_table(frame.head(3), "Short.").markup  # type: ignore[union-attr]


def test_names_beside_lines_take_the_place_of_the_legend() -> None:
    table = runs()
    figure = charts.ladder(table, y="target_accuracy", facet=None, name="a", caption="")
    assert isinstance(figure, Figure)
    spec = figure.spec()
    assert spec["config"]["legend"]["disable"] and spec["usermeta"]["hat"]["margin"] > 60
    rows = [row for rows in spec["datasets"].values() for row in rows if row["kind"] == "end"]
    places = sorted(row["y_label"] for row in rows)
    layer = next(part for part in spec["layer"] if part.get("name") == "dots")
    low, high = layer["encoding"]["y"]["scale"]["domain"]
    assert low <= places[0] and places[-1] <= high
    assert min(np.diff(places)) > 14 / 360 * (high - low)
    assert layer["encoding"]["x"]["scale"]["domain"][1] < 2 * table.params_total_b.max()


@pytest.mark.parametrize(("panels", "columns"), [(1, None), (2, 2), (3, 3), (4, 2)])
def test_columns_of_panels_leave_no_hole(panels: int, columns: int | None) -> None:
    table = runs().assign(set_name=[f"set {i % panels}" for i in range(24)])
    figure = charts.scatter(table, facet="set_name", name="a", caption="")
    assert isinstance(figure, Figure)
    assert figure.spec().get("columns") == columns


def test_bundle_defines_what_the_page_needs(tmp_path: Any) -> None:
    path = charts.javascript_bundle(tmp_path / "vendor" / "vega-bundle.js")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("(function(){") and "window.vegaEmbed=" in text


def test_models_of_no_known_lineage_are_grey_and_named_other():
    frame = pd.DataFrame(
        {"source_accuracy": [0.5, 0.6], "target_accuracy": [0.4, 0.5], "lineage": ["A", ""]}
    )
    figure = charts.scatter(frame, name="n", caption="c")
    assert isinstance(figure, charts.Figure) and '"other"' in json.dumps(figure.spec())
    nobody = charts.scatter(frame.assign(lineage=""), name="n", caption="c")
    assert isinstance(nobody, charts.Figure) and '"other"' not in json.dumps(nobody.spec())


def test_dots_below_lines_and_grey_tiles():
    line = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0], "s": "a"})
    dots = pd.DataFrame({"x": [0.5], "y": [0.4], "s": "a", "n": [7]})
    look = {"x": "x", "y": "y", "series": "s", "name": "d", "caption": "D."}
    figure = charts.curves(line, points=dots, size="n", **look)
    assert [row["kind"] for row in _drawn(figure)].count("spot") == 1
    assert "1 dot below" in figure.alt
    assert figure.data["n"].dropna().tolist() == [7]
    tiles = pd.DataFrame({"a": ["p", "q"], "b": "r", "v": [0.1, 5.0], "weak": [False, True]})
    figure = charts.heat(tiles, x="a", y="b", value="v", grey="weak", name="t", caption="T.")
    assert [row["grey"] for row in _drawn(figure)] == [False, True]
    ramp = figure.spec()["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert max(ramp) < 1  # a weak value does not stretch the colours


def _drawn(figure):
    (rows,) = figure.spec()["datasets"].values()
    return rows
