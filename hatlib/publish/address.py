"""What the book says about where it is published: nothing, unless its publisher names it.

Two variables of the environment: ``HAT_BOOK_REPOSITORY`` (the address of the repository) turns on
the buttons for source, issues, edits, Colab and Binder; ``HAT_BOOK_ADDRESS`` (of the pages) gives
canonical links, pictures for previews and a sitemap.
"""

from __future__ import annotations

import html
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hatlib.publish.places import write_text

_PLAIN = re.compile(r"https://[\w.-]+(?:/[\w.~-]+)*/?")


def named(variable: str) -> str:
    """A web address from the environment, without a slash at its end; empty if there is none.

    Examples
    --------
    >>> named("HAT_NO_SUCH_VARIABLE")
    ''
    """
    found = os.environ.get(variable, "").strip()
    return found.rstrip("/") if _PLAIN.fullmatch(found) else ""


def configured(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the book with its version and the addresses that are known."""
    release = version("hat-score")
    dated = {"release": release, "html_last_updated_fmt": f"%d %B %Y, version {release}"}
    config["sphinx"]["config"] |= dated
    repository, address = named("HAT_BOOK_REPOSITORY"), named("HAT_BOOK_ADDRESS")
    theme = config["sphinx"]["config"]["html_theme_options"]
    if repository:
        buttons = ("use_repository_button", "use_issues_button", "use_edit_page_button")
        config["repository"] |= {"url": repository, "path_to_book": "book"}
        config["html"] |= dict.fromkeys(buttons, True)
        theme |= {"repository_url": repository, **dict.fromkeys(buttons, True)}
        config["launch_buttons"] |= {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }
    if address:
        config["html"]["baseurl"] = config["sphinx"]["config"]["html_baseurl"] = f"{address}/"
    return config


def finish(folder: Path) -> None:
    """Mend links to sources of analyses, and write the sitemap, in a book that was built."""
    repository = named("HAT_BOOK_REPOSITORY")
    if repository:  # pages of analyses are made from notebooks/
        for page in [*(folder / "analyses").glob("*.html"), folder / "rerun.html"]:
            text = page.read_text(encoding="utf-8").replace("/book/analyses/", "/notebooks/")
            write_text(page, text.replace("https://REPOSITORY", repository))
    address = named("HAT_BOOK_ADDRESS")
    if address:
        pages = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.html"))
        hidden = re.compile(r"(_static|_sources|downloads)/|(search|genindex)\.html$")
        places = [f"{address}/{page}" for page in pages if not hidden.match(page)]
        rows = "".join(f"<url><loc>{html.escape(place)}</loc></url>\n" for place in places)
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        head = '<?xml version="1.0" encoding="UTF-8"?>'
        write_text(folder / "sitemap.xml", f'{head}\n<urlset xmlns="{space}">\n{rows}</urlset>\n')
