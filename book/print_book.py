"""The whole book as one PDF with contents, printed by a Chromium: ``make pdf``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from hatlib.errors import RunError
from hatlib.publish.building import build_book, run_jupyter_book
from hatlib.publish.places import standard_site, write

SYSTEM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

FOOTER = '<p style="font-size: 8px; width: 100%; text-align: center" class="pageNumber"></p>'


def chromium_path(playwright: Any) -> str | None:
    """The Chromium that HAT_CHROMIUM names, else Playwright's, else the system's."""
    named = os.environ.get("HAT_CHROMIUM")
    known = (named,) if named else (playwright.chromium.executable_path, *SYSTEM)
    return next((found for name in known if (found := shutil.which(name))), None)


def print_book(root: Path | None = None) -> Path:
    """Print the book, which is built if it is out of date, to `_build/hat-book.pdf`."""
    from playwright.sync_api import sync_playwright

    build_book(root=root)
    site = standard_site(root)
    (one,) = (p for p in run_jupyter_book(site, "singlehtml").glob("*.html") if p.stem != "index")
    page, target = site.html / "whole.html", site.build / "hat-book.pdf"
    write(page, one.read_text(encoding="utf-8").replace('"../downloads/', '"downloads/'))
    try:
        with sync_playwright() as playwright:
            path = chromium_path(playwright)
            if path is None:
                raise RunError("No Chromium was found; set HAT_CHROMIUM to its path.")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            sheet = browser.new_page()
            sheet.goto(page.as_uri())
            sheet.evaluate((site.book / "assets/hat-print.js").read_text(encoding="utf-8"))
            sheet.wait_for_load_state("networkidle")
            sheet.pdf(
                path=target,
                format="A4",
                outline=True,
                tagged=True,
                display_header_footer=True,
                header_template="<p></p>",
                footer_template=FOOTER,
                margin={"top": "18mm", "bottom": "18mm", "left": "15mm", "right": "15mm"},
            )
            browser.close()
    finally:
        page.unlink()
    return target


if __name__ == "__main__":
    print(print_book())
