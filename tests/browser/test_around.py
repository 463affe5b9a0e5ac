"""What is around the pages: search, first view, previews, prose, the first page's widgets."""

import gzip
import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import CHAPTERS

pytestmark = [pytest.mark.browser, pytest.mark.book]

FIRST_VIEW = 400_000  # bytes, gzipped
PAGE = 150_000  # bytes, gzipped

QUERIES = {
    "analyses/why-hard": "why hat",
    "analyses/small-models": "small models; 1B models",
    "analyses/the-score": "hat score formula; what does HAT mean; definition of hat",
    "analyses/planning": "how many samples; sample size; power analysis; minimum detectable effect",
    "your-results import": "import lm-eval; inspect; evaluate my model",
    "your-results": "install; getting started",
    "analyses/validation": "confidence interval; bootstrap",
    "analyses/all-models": "significance; statistical significance; leaderboard; ranking; p-value",
    "analyses/languages": "low-resource languages; dialects; yoruba",
    "analyses/profile": "transfer profile",
    "analyses/scaling": "scaling; scaling laws",
    "analyses/time-trend": "thinking; chain of thought",
    "calculator": "calculator; upload my csv; spreadsheet",
    "analyses/hardness-measures": "item response theory; item difficulty",
    "analyses/failure-modes": "llm judge; machine translation",
    "analyses/findings": "reproduce the paper",
    "cite": "cite; doi",
    "teach/lesson": "lesson plan",
    "teach/misconceptions": "simpson's paradox",
    "other-tools": "euroeval",
    "rerun": "jupyterlab; rerun notebook",
    "glossary": "extrapolated; tie group; f(.95)",
}


def test_search_finds_the_page_about_it_first(page: Any, address: str) -> None:
    wrong = []
    for wanted, queries in QUERIES.items():
        for query in queries.split("; "):
            page.goto(f"{address}search.html?q={query.replace(' ', '+')}")
            page.wait_for_selector("#search-results li a")
            link = page.locator("#search-results li a").first.get_attribute("href") or ""
            if re.sub(r"\.html.*", "", link) not in wanted.split():
                wrong.append((query, link))
    assert wrong == []


def test_the_first_view_is_light(chromium: Any, address: str, built_book: Path) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("?")[0]))
    page.goto(f"{address}intro.html", wait_until="networkidle")
    context.close()
    sizes = {}
    for url in (url for url in asked if url.startswith(address)):
        path = built_book / url.removeprefix(address)
        raw = path.read_bytes()
        sizes[path.name] = len(raw) if path.suffix == ".woff2" else len(gzip.compress(raw, 6))
    assert sum(sizes.values()) <= FIRST_VIEW, sorted(sizes.items(), key=lambda kv: -kv[1])[:8]
    assert not any("tex-svg" in name or "vega" in name for name in sizes)


def test_pages_are_light_have_their_script_and_say_what_they_are_about(built_book: Path) -> None:
    weights, descriptions = {}, {}
    for path in (path for path in built_book.rglob("*.html") if "_static" not in path.parts):
        text = path.read_text(encoding="utf-8")
        weights[path] = len(gzip.compress(text.encode(), 6))
        assert ("tex-svg-full.js" in text) == ('class="math' in text), path.name
        if path.name in ("index.html", "search.html", "genindex.html"):
            continue
        found = re.search(r'<meta name="description" content="([^"]*)"', text)
        assert found and len(found.group(1)) > 20, path.name
        assert '<meta property="og:title"' in text, path.name
        descriptions[path.name] = found.group(1)
    assert {path: weight for path, weight in weights.items() if weight > PAGE} == {}
    assert len(set(descriptions.values())) > 0.8 * len(descriptions)


def test_the_guess_and_the_sliders_by_keyboard(page: Any, address: str) -> None:
    page.goto(f"{address}intro.html")
    page.locator(".hat-guess button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".hat-said").inner_text() == "You ranked English."
    bars = page.locator(".hat-bar-value")
    before = bars.all_inner_texts()
    english = page.locator(".hat-slider input").first
    english.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    after = bars.all_inner_texts()
    assert english.get_attribute("aria-valuetext") == "75 percent"
    moves = [abs(float(a[:4]) - float(b[:4])) for a, b in zip(before, after, strict=True)]
    assert moves[0] > 0.2 and moves[2] > 0.1 and moves[3] < 0.08, moves
    page.locator(".hat-slider input").nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert float(bars.nth(3).inner_text()[:4]) - float(after[3][:4]) > 0.1
    page.locator(".hat-explorer [role=status]", has_text="HAT 0.").wait_for(state="attached")


def test_the_first_page_without_javascript(plain: Any, address: str) -> None:
    plain.goto(f"{address}intro.html")
    assert plain.locator(".hat-explorer table").is_visible()
    assert plain.locator(".hat-reveal summary").is_visible()


def test_nothing_jumps_while_the_first_page_loads(page: Any, address: str) -> None:
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(e => {"
        " if (!e.hadRecentInput) window.moved += e.value; }))"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    page.goto(f"{address}intro.html", wait_until="networkidle")
    assert page.evaluate("window.moved") < 0.1


def test_a_chart_of_the_gallery_is_saved_as_png(page: Any, address: str) -> None:
    page.goto(f"{address}gallery.html")
    with page.expect_download() as download:
        page.locator("a[data-png]").first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


@pytest.mark.printed
def test_the_book_is_printed_with_all_chapters(built_book: Path) -> None:
    root = built_book.parents[1]
    # A process of its own, as Playwright runs one loop in each.
    done = subprocess.run(
        [sys.executable, "book/print_book.py"], cwd=root, capture_output=True, text=True, check=True
    )
    data = (root / done.stdout.strip()).read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", data)) > 150
    outline = ""
    for text, code in re.findall(rb"/Title\s*(?:\(((?:\\.|[^)])*)\)|<([0-9A-F]+)>)", data):
        outline += bytes.fromhex(code.decode()).decode("utf-16") if code else text.decode("latin-1")
    for name in CHAPTERS:  # a title that takes two lines loses a space
        page = (built_book / f"{name}.html").read_text(encoding="utf-8")
        title = html.unescape(re.sub("<.*?>", "", page.split("<h1>")[-1].split("<a")[0]))
        assert re.sub(r"\s", "", title) in re.sub(r"[\s\\]", "", outline), name
