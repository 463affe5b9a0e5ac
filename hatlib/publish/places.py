"""Where the parts of the book are, and how its files are written."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hatlib.data.writing import write_text
from hatlib.errors import InputError
from hatlib.words import counted, markdown_text

Progress = Callable[[str, int, int], None]
"""Called with a message, how many steps are done, and how many there are."""

PACKAGE = Path(__file__).parents[1]


def find_root(start: Path | None = None) -> Path | None:
    """Find the repository: the folder with `_config.yml` and `notebooks/`.

    Parameters
    ----------
    start : Path, optional
        Where to look first, then in its parents; by default the working directory. The folder
        that `hatlib` was installed from is looked at last.

    Returns
    -------
    Path or None
        None where `hatlib` was installed without its repository.

    Examples
    --------
    >>> root = find_root()
    >>> root is None or (root / "notebooks").is_dir()
    True
    """
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents, PACKAGE.parent):
        if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return None


@dataclass(frozen=True)
class Site:
    """The folders of one book: the standard one, or one on a user's data.

    Attributes
    ----------
    root : Path
        The repository.
    book : Path
        The source of the book.
    build : Path
        Where the finished site goes.
    parameters : mapping
        Given to every notebook.
    generated : Path
        Everything that is made on the way: fragments, records, executed notebooks.
    executed : Path
        Executed notebooks as readers may download them.
    analyses : Path
        Executed notebooks as pages of the book, with charts as HTML.
    vendor : Path
        Scripts of others that the pages need.
    html, index : Path
        The finished site, and its first page.
    """

    root: Path
    book: Path
    build: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)

    generated = property(lambda self: self.book / "_generated")
    executed = property(lambda self: self.generated / "executed")
    analyses = property(lambda self: self.book / "analyses")
    vendor = property(lambda self: self.book / "assets" / "vendor")
    html = property(lambda self: self.build / "html")
    index = property(lambda self: self.html / "index.html")


def standard_site(root: Path | None) -> Site:
    """The book on the bundled data; InputError where its sources are not here."""
    root = root or find_root()
    if root is None:
        remedy = "Clone the repository and run `hat book` there."
        raise InputError("the sources of the book are not here.", remedy)
    return Site(root, root / "book", root / "_build")


@functools.cache
def _templates() -> Any:
    import jinja2

    folder = jinja2.FileSystemLoader(Path(__file__).with_name("templates"))
    made = jinja2.Environment(
        loader=folder, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"md": markdown_text, "counted": counted, "code": "`{}`".format}
    return made


def rendered(template: str, about: Mapping[str, Any]) -> str:
    """A template of the folder `templates`, filled in."""
    return str(_templates().get_template(f"{template}.j2").render(about)).rstrip()


def write(path: Path, text: str) -> None:
    """Write a file of the book, in place of the last one."""
    write_text(path, text, force=True)


def write_notebook(nb: Any, path: Path) -> None:
    """Write a notebook of the book."""
    import nbformat

    write(path, nbformat.writes(nb))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file into a folder, which is made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
