"""A built book, served, and one visit of each of its pages in each of its forms."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hatlib.publish.server import Handler

from .visit import DESK, PHONE, Visit, visit_page

CONTENTS = yaml.safe_load((Path(__file__).parents[2] / "book/_toc.yml").read_text())
CHAPTERS = [chapter["file"] for part in CONTENTS["parts"] for chapter in part["chapters"]]
# Pages of the interface are made alike: one stands for all.
PAGES = [name for name in CHAPTERS if not name.startswith("api/") or name == "api/metric"]
FROM_DISK = ("analyses/fit", "analyses/profile")


@pytest.fixture(scope="session")
def address(built_book: Path) -> Iterator[str]:
    """Where the book is served."""
    handler = functools.partial(Handler, directory=str(built_book))
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
    context = chromium.new_context(java_script_enabled=False, viewport=PHONE)
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


@pytest.fixture(scope="session", params=[CONTENTS["root"], *PAGES, "search"])
def visit(request: Any, desk: Any, plain: Any, built_book: Path, address: str) -> Iterator[Visit]:
    """What was seen on a page; it is visited once, whatever the number of tests."""
    page = desk.new_page()
    disk = request.param in FROM_DISK
    yield visit_page(page, plain, built_book, address, f"{request.param}.html", disk)
    page.close()
