"""The built book as readers meet it: online, offline, dark, on a phone, printed, by keyboard."""

import contextlib
import html
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pandas as pd
import pytest

from .visit import Visit

pytestmark = [pytest.mark.browser, pytest.mark.book]

MOST_BYTES = 1_500_000
MOST_CHARTS = 6
ROOT = Path(__file__).parents[2]


def test_a_page_is_sound(visit: Visit) -> None:
    assert visit.abroad == visit.errors == visit.cut_in_print == []
    assert visit.weight < MOST_BYTES
    assert visit.overflow <= 0, "wider than a phone"
    there = [True] * len(visit.figures["light"])
    assert visit.static == {"print": there, "no script": there}
    if visit.page.startswith("analyses/"):
        assert len(there) <= MOST_CHARTS


def test_every_chart_is_drawn(visit: Visit) -> None:
    for form, figures in visit.figures.items():
        for figure in figures:
            about = form, figure["id"], figure["over"]
            assert figure["state"] == "live" and figure["marks"] > 0, about
            assert figure["width"] > 150 and figure["height"] > 60 and figure["over"] <= 4, about


def test_charts_have_words_and_data(visit: Visit) -> None:
    ids = [figure["id"] for figure in visit.figures["light"]]
    assert len(ids) == len(set(ids))
    for figure in visit.figures["light"]:
        assert len(figure["alt"]) > 30 and figure["named"] == figure["alt"], figure["id"]
        assert figure["caption"] and figure["download"].endswith(".csv"), figure["id"]
        assert len(pd.read_csv(io.StringIO(figure["csv"]))) > 0, figure["id"]


def test_light_and_dark_are_legible(visit: Visit) -> None:
    grounds = {theme: ground for theme, (_, ground) in visit.colours.items()}
    assert all(_contrast(*pair) >= 7 for pair in visit.colours.values())
    assert _luminance(grounds["dark"]) < 0.1 < _luminance(grounds["light"])
    for light, dark in zip(visit.figures["light"], visit.figures["dark"], strict=True):
        assert light["ink"] != dark["ink"], f"{light['id']} was not drawn again"
    for theme, ground in grounds.items():
        for figure in visit.figures[theme]:
            inks = [figure["ink"], *figure["inks"]]
            assert [ink for ink in inks if _contrast(ink, ground) < 4.5] == [], figure["id"]
    assert visit.axe == {"dark": [], "light": []}


@pytest.fixture(scope="module")
def pages(built_book: Path) -> dict[Path, tuple[list[str], list[str]]]:
    """The links and the ids of each page."""
    found = {}
    for path in built_book.resolve().rglob("*.html"):
        if "_static" not in path.parts:
            text = re.sub("(?s)<script.*?</script>", "", path.read_text(encoding="utf-8"))
            links = re.findall(r'<a\s[^>]*?\bhref="([^"]+)"', text)
            found[path] = [*map(html.unescape, links)], re.findall(r'<[^>]*\sid="([^"]+)"', text)
    return found


def test_links_and_anchors_resolve(pages: dict[Path, Any]) -> None:
    broken = []
    for path, (links, _) in pages.items():
        for href in links:
            parts = urlsplit(href)
            if parts.scheme or href.startswith("//"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place, known = unquote(parts.fragment), target in pages
            if not target.exists() or (place and known and place not in pages[target][1]):
                broken.append(f"{path.name}: {href}")
    assert broken == []


def test_no_id_twice(pages: dict[Path, Any]) -> None:
    twice = {path.name: {i for i in ids if ids.count(i) > 1} for path, (_, ids) in pages.items()}
    # The theme has a search field in the header and another one on the page of results.
    twice["search.html"] -= {"search-input"}
    assert {name: ids for name, ids in twice.items() if ids} == {}


def test_every_caption_says_what_its_bars_are(built_book: Path) -> None:
    """The review of the paper asks for it, and the book promises it."""
    silent = []
    for path in sorted((ROOT / "book/_generated/executed").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                spec = dict(output.get("data", {}).get("application/vnd.vegalite.v5+json", {}))
                spec.pop("datasets", None)
                bars = re.search(r'"field": "\w*low\b', json.dumps(spec))
                caption = output.get("data", {}).get("text/plain", "").split("\n[")[0]
                if bars and not re.search(r"interval|\bbars?\b|band|area", caption, flags=re.I):
                    silent.append((path.stem, caption))
    assert not silent


def test_highlighting_one_group_fades_the_others(page: Any, address: str, built_book: Path) -> None:
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    every = sorted(built_book.rglob("*.html"))
    for path in (path for path in every if '"name":"pick"' in path.read_text()):
        page.goto(address + path.relative_to(built_book).as_posix())
        page.locator("figure.hat-chart").first.scroll_into_view_if_needed()
        choice = page.locator(".hat-pick select").first
        with contextlib.suppress(PlaywrightTimeout):  # that page's first charts have one group
            choice.wait_for(timeout=3000)
            figure = choice.locator("xpath=ancestor::figure")
            canvas = figure.locator(".hat-canvas svg").element_handle()
            before = canvas.inner_html()
            choice.select_option(index=1)
            page.wait_for_function("([c, b]) => c.innerHTML !== b", arg=[canvas, before])
            return
    pytest.fail("No page has a chart with a choice of groups.")


def test_hostile_names_run_nothing(page: Any, troubles: list[str], tmp_path: Path) -> None:
    """Names that look like code are drawn as text, under the rules of the book's pages."""
    import altair as alt

    from hatlib import show
    from hatlib.show.figures import figure_html, javascript_bundle

    names = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "../../etc", "a'b\"c"]
    names += ["x" * 200, "a.b[c]", "${alert(1)}", "</script><script>alert(1)</script>"]
    frame = pd.DataFrame({"display_name": names, "lineage": names})
    axes = {"x": "source_accuracy", "y": "target_accuracy"}
    frame[[*axes.values()]] = [[i / 10, i / 12] for i in range(1, 9)]
    tips = show.tooltip("display_name:N", "lineage:N")
    dots = alt.Chart(frame).mark_point().encode(**axes, color="lineage:N", tooltip=tips)
    written = show.names(frame, frame, **axes, text="display_name")
    figure = show.figure(
        alt.layer(dots.properties(name="dots"), written, data=frame),
        name="names", caption=names[1], alt=names[1],
    )  # fmt: skip
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "vega-bundle.js").write_text(javascript_bundle())
    shutil.copy(ROOT / "book/assets/hat-charts.js", tmp_path)
    about = figure._repr_mimebundle_()[1]["hat"]  # type: ignore[union-attr]
    table = show.show_table(frame, names[0])._repr_html_()  # type: ignore[union-attr]
    body = f"{figure_html(figure.spec(), **about)}{table}"  # type: ignore[union-attr]
    (tmp_path / "page.html").write_text(
        f'<!doctype html><meta charset="utf-8">{body}<script src="hat-charts.js"></script>'
    )
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector("figure.hat-chart[data-state=live]", timeout=60_000)
    shown = page.locator(".hat-canvas svg").text_content()
    for mark in page.query_selector_all(".hat-canvas svg .dots path, .hat-canvas .role-mark path"):
        mark.dispatch_event("mousemove")
    assert troubles == []
    assert "<script>alert(1)</script>" in shown


def _luminance(colour: str) -> float:
    rgb = [float(n) / 255 for n in re.findall(r"[\d.]+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
