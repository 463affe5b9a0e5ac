"""What the book says about where it is published: nothing, unless its publisher names it.

Two variables of the environment: ``HAT_BOOK_REPOSITORY`` (the address of the repository) turns on
the buttons for source, issues, edits, Colab and Binder; ``HAT_BOOK_ADDRESS`` (of the pages) gives
canonical links, pictures for previews and a sitemap.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hatlib.publish.places import rendered, write

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
    sphinx, release = config["sphinx"]["config"], version("hat-score")
    sphinx |= {"release": release, "html_last_updated_fmt": f"%d %B %Y, version {release}"}
    if repository := named("HAT_BOOK_REPOSITORY"):
        theme = sphinx["html_theme_options"]
        theme |= {f"use_{each}_button": True for each in ("repository", "issues", "edit_page")}
        theme |= {
            "repository_url": repository,
            "article_header_end": ["article-header-buttons.html"],
        }
        theme["launch_buttons"]["binderhub_url"] = "https://mybinder.org"
        theme["launch_buttons"]["colab_url"] = "https://colab.research.google.com"
    if address := named("HAT_BOOK_ADDRESS"):
        config["html"]["baseurl"] = sphinx["html_baseurl"] = f"{address}/"
    return config


def finish(folder: Path) -> None:
    """Mend links to sources of analyses, and write the sitemap, in a book that was built."""
    pages = {page.relative_to(folder).as_posix(): page for page in folder.rglob("*.html")}
    if repository := named("HAT_BOOK_REPOSITORY"):  # pages of analyses are made from notebooks/
        for page in pages.values():
            text = page.read_text(encoding="utf-8").replace("/book/analyses/", "/notebooks/")
            write(page, text.replace("https://REPOSITORY", repository))
    if address := named("HAT_BOOK_ADDRESS"):
        hidden = re.compile(r"(_static|_sources|downloads)/|(search|genindex)\.html$")
        places = [f"{address}/{page}" for page in sorted(pages) if not hidden.match(page)]
        write(folder / "sitemap.xml", rendered("sitemap.xml", {"places": places}))
