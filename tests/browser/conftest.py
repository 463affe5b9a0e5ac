"""A built book, served, and one visit of each of its pages in each of its forms."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .visit import DESK, Visit, visit_page

ROOT = Path(__file__).parents[2]


def _pages() -> list[str]:
    """Pages of the book: those that are there if it is built, else those of its contents."""
    built = os.environ.get("HAT_BOOK_HTML")
    if built:
        folder = Path(built)
        found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.html"))
        return [p for p in found if p != "index.html" and "_static" not in p and _telling(p)]
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    chapters = [c["file"] for part in contents["parts"] for c in part["chapters"]]
    return [f"{name}.html" for name in [contents["root"], *chapters, "search"] if _telling(name)]


def _telling(page: str) -> bool:
    """Pages of the interface are made alike: one stands for all."""
    return not page.startswith(("api/", "genindex", "py-modindex")) or "api/metric" in page


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", _pages(), scope="session")


@pytest.fixture(scope="session")
def address(built_book: Path) -> Iterator[str]:
    """Where the book is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def copyfile(self, source: Any, outputfile: Any) -> None:
            with contextlib.suppress(ConnectionError):  # the page was closed
                super().copyfile(source, outputfile)

    handler = functools.partial(Quiet, directory=str(built_book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="session")
def desk(chromium: Any) -> Iterator[Any]:
    """One browser window for all pages."""
    context = chromium.new_context(viewport=DESK)
    yield context
    context.close()


@pytest.fixture(scope="session")
def plain(chromium: Any) -> Iterator[Any]:
    """A page that runs no scripts."""
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def page(desk: Any, troubles: list[str]) -> Iterator[Any]:
    """A new page; what goes wrong on it is noted."""
    page = desk.new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda m: m.type == "error" and troubles.append(m.text))
    page.on("pageerror", lambda e: troubles.append(str(e)))
    page.on("dialog", lambda d: (troubles.append(d.message), d.dismiss()))
    yield page
    page.close()


@pytest.fixture
def troubles() -> list[str]:
    return []


@pytest.fixture(scope="session")
def _visits() -> dict[str, Visit]:
    return {}


@pytest.fixture
def visit(
    page_name: str, desk: Any, plain: Any, built_book: Path, address: str, _visits: dict[str, Visit]
) -> Visit:
    """What was seen on a page; it is visited once, whatever the number of tests."""
    if page_name not in _visits:
        from_disk = sum(bool(seen.figures_disk) for seen in _visits.values()) < 2
        page = desk.new_page()
        _visits[page_name] = visit_page(page, plain, built_book, address, page_name, from_disk)
        page.close()
    return _visits[page_name]
