"""Fixtures that more than one folder of tests needs."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine must not fail a test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]


def _without_browser(reason: str) -> None:
    if os.environ.get("HAT_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def run_hat(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Call the command in this process; get exit code, results and messages."""
    from hatlib import cli

    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hat", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(end.value.code or 0), out, err

    return call


@pytest.fixture
def hat(tmp_path, monkeypatch, run_hat) -> Callable[..., tuple[int, str, str]]:
    """The command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return run_hat


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One running Chromium for the whole session."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _without_browser("Playwright is not installed; install hatlib[dev].")
    from print_book import chromium_path

    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            _without_browser("No Chromium was found; set HAT_CHROMIUM to its path.")
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def built_book() -> Path:
    """Folder of the HTML: HAT_BOOK_HTML if it is set, else the book is built."""
    named = os.environ.get("HAT_BOOK_HTML")
    if named:
        return Path(named)
    from hatlib.publish.building import build_book

    return build_book(root=Path(__file__).parents[1]).index.parent
