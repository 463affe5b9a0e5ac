"""Charts and tables: the same bytes for the same data, and text from data is only text."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from hatlib import show
from hatlib.show import charts, figures

EVIL = [
    "<script>alert(1)</script>", "../../etc/passwd", "a'b\"c", "x" * 200, "a.b[0]",
    "datum.x || alert(1)", "=1+2", "#747474", "líne\nbreak", "</script><!--",
]  # fmt: skip


def runs(names: list[str]) -> pd.DataFrame:
    hat = np.linspace(0.2, 0.9, len(names))
    frame = pd.DataFrame({"name": names, "group": [names[i % 3] for i in range(len(names))]})
    return frame.assign(hat=hat, low=hat - 0.1, high=hat + 0.1, size=2.0 ** np.arange(len(names)))


def every_chart(names: list[str]) -> dict[str, Any]:
    frame = runs(names)
    about: dict[str, Any] = {"caption": "What to see.", "alt": "What it shows."}
    rows = alt.Chart().encode(x="hat:Q", y="name:N", color="group:N")
    dots = alt.Chart(frame).mark_point().encode(x="size:Q", y="hat:Q", color="group:N")
    labels = show.names(frame.head(3), frame, x="size", y="hat", text="name")
    tiles = alt.Chart(frame).mark_rect().encode(x="group:N", y="name:N", color="hat:Q")
    told = show.spans(rows, "x", tips=["name:N", "hat:Q"])
    panels = show.panels(show.guide(x=0), told, data=frame, by="group", y="independent")
    layers = alt.layer(show.guide(x=0), told, data=frame)
    return {
        "panels": show.figure(panels, name="panels", **about),
        "rows": show.figure(layers, name=EVIL[0], columns=["name"], **about),
        "named": show.figure(dots + labels, name="named", data=frame, **about),
        "tiles": show.figure(tiles, name="tiles", **about),
    }


@pytest.fixture(scope="module")
def hostile() -> dict[str, Any]:
    return every_chart(EVIL)


@pytest.mark.parametrize("names", [[f"model-{i}" for i in range(10)], EVIL], ids=["plain", "evil"])
def test_same_data_same_bytes_and_both_versions_draw(names: list[str]) -> None:
    second = every_chart(names)
    for kind, figure in every_chart(names).items():
        spec = figure.spec()
        assert json.dumps(spec) == json.dumps(second[kind].spec()), kind
        vl_convert.vegalite_to_vega(spec, "5.20")
        assert figures.static_svg(spec).startswith("<svg")


def _strings(part: Any, place: str = "") -> list[tuple[str, str]]:
    """Every text of a specification but those in the data, with its place."""
    if isinstance(part, dict):
        pairs = [(k, v) for k, v in part.items() if k != "datasets"]
        return [(k, "key") for k, _ in pairs] + [s for k, v in pairs for s in _strings(v, k)]
    if isinstance(part, list):
        return [s for v in part for s in _strings(v, place)]
    return [(part, place)] if isinstance(part, str) else []


def test_no_name_from_data_is_an_expression_or_a_field(hostile: dict[str, Any]) -> None:
    for kind, figure in hostile.items():
        for text, place in _strings(figure.spec()):
            if text in EVIL and text != figures.INK:  # one of them is also a colour of ours
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


def test_figure_html_escapes_and_holds_all(hostile: dict[str, Any]) -> None:
    for kind, figure in hostile.items():
        bundle, metadata = figure._repr_mimebundle_()
        about = metadata["hat"] | {"caption": EVIL[0], "alt": EVIL[0] + figure.alt}
        page = figures.figure_html(bundle["application/vnd.vegalite.v5+json"], **about)
        tags = _Tags(page)
        assert tags.tags.count("script") == 1, kind
        assert tags.attributes["id"] == [figure.name]
        assert tags.attributes["alt"][0].startswith(EVIL[0])
        assert tags.attributes["download"] == [f"{figure.name}.csv"]
        assert not [key for key in tags.attributes if key.startswith("on")]
        inner = re.search(r'class="hat-spec">(.*?)</script>', page, re.S)
        assert inner and json.loads(inner.group(1))["datasets"] == figure.spec()["datasets"]
        assert len(list(csv.reader(io.StringIO(figure.csv())))) == len(figure.data) + 1


def test_no_formula_in_a_spreadsheet_and_a_name_like_a_colour_stays(hostile: Any) -> None:
    text = hostile["named"].csv()
    assert "\n=" not in text and "'=1+2" in text
    assert "#747474" in figures.static_svg(hostile["rows"].spec())


def test_nothing_to_draw_is_a_notice() -> None:
    empty = runs(EVIL).head(0)
    chart = alt.Chart(empty).mark_point().encode(x="hat:Q")
    assert isinstance(show.figure(chart, name="a", caption="", alt=""), show.Notice)
    assert isinstance(show.show_table(empty, "None."), show.Notice)
    with pytest.raises(TypeError, match="frame"):
        show.figure(alt.Chart().mark_point(), name="a", caption="", alt="")


def test_a_guide_and_intervals_share_the_data_of_their_panel() -> None:
    frame = runs([f"model-{i}" for i in range(9)])
    base = alt.Chart(frame).encode(x="hat:Q", y="name:N")
    chart = show.panels(show.guide(x=0.5), show.spans(base, "x"), data=frame, by="group")
    spec = chart.to_dict()
    assert len(spec["datasets"]) == 1 and "data" not in json.dumps(spec["spec"])
    svg = vl_convert.vegalite_to_svg(spec)
    assert svg.count('aria-roledescription="rule mark"') == len(frame)
    assert svg.count("mark-rule role-mark") == 2 * frame["group"].nunique()


def test_names_beside_dots_do_not_meet() -> None:
    rng = np.random.default_rng(1)
    dots = pd.DataFrame({"x": rng.normal(0.5, 0.03, 40), "y": rng.normal(0.5, 0.03, 40)})
    dots["text"] = "a model"
    placed = charts._placed(dots.head(8), dots, "x", "y", "text")
    scale = [charts.WIDTH, 360] / (dots[["x", "y"]].max() - dots[["x", "y"]].min())
    at = (placed[["x", "y"]] - dots[["x", "y"]].min()) * scale
    left = at["x"] + placed["dx"] - 6.6 * 7 * (placed["align"] == "right")
    height = at["y"] - placed["dy"]
    for i in range(8):
        near = (left - left[i]).abs().lt(6.6 * 7) & (height - height[i]).abs().lt(14)
        assert near.sum() == 1


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize(
    "colour", sorted({*charts.PALETTE, *charts.COLOURS.values()} - {"#9a9a9a"})
)
def test_colours_stand_out_on_white_and_on_the_dark_page(colour: str) -> None:
    assert 1.05 / (_luminance(colour) + 0.05) >= 3
    assert (_luminance(colour) + 0.05) / (_luminance("#121212") + 0.05) >= 3
    for tile in (*show.TILES, "#bdbdbd"):  # black text can be read on it
        assert (_luminance(tile) + 0.05) / (_luminance("#111111") + 0.05) >= 4.5


def test_tables_format_hide_and_escape() -> None:
    frame = pd.DataFrame(
        {
            "display_name": [EVIL[0], "b"], "accuracy": [0.12345, np.nan], "gap": [-0.0001, 0.5],
            "n_items": pd.array([5, None], dtype="Int64"), "p_value": [1e-9, 0.25],
            "release_date": pd.to_datetime(["2024-05-01", None]), "tiny": [3e-16, -3e-16],
            "secret": [1, 2],
        }
    )  # fmt: skip
    table = show.show_table(frame, "A <b> table.", formats={"gap": "{:.1f}"}, hide=["secret"])
    page = table._repr_html_()
    tags = _Tags(page)
    assert not {"script", "b", "style"} & set(tags.tags)
    assert tags.attributes["tabindex"] == ["0"] and tags.attributes["role"] == ["region"]
    texts = ("0.123", ">5<", "2024-05-01", "–", "0.5", "A &lt;b&gt; table.", "&lt;.001", ">0.250<")
    for text in (*texts, ">0.000<", ">model<", ">released<"):
        assert text in page, text
    ends = pd.DataFrame({"hat": [0.5, 0.4], "low": [0.4, np.nan], "high": [0.6, np.nan]})
    joined = show.show_table(ends, "")._repr_html_()
    assert joined.count("<th ") == 1 and ">0.500 [0.400, 0.600]<" in joined and ">0.400<" in joined
    assert "secret" not in page and "display_name" not in page


def test_bundle_defines_what_the_page_needs_and_is_kept_by_version(tmp_path) -> None:
    kept, old = tmp_path / "kept.js", tmp_path / "old.js"
    old.write_text("/* vl-convert 0 */\nold")
    mark, text = figures.javascript_bundle(old).split("\n", 1)
    assert text.startswith("(function(){") and "window.vegaEmbed=" in text
    kept.write_text(f"{mark}\nmine")
    assert figures.javascript_bundle(kept) == kept.read_text()
