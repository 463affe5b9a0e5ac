"""Where the parts of the book are, and how its files are written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hatlib.errors import InputError, Problem

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
    """

    root: Path
    book: Path
    build: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def generated(self) -> Path:
        """Everything that is made on the way: fragments, records, executed notebooks."""
        return self.book / "_generated"

    @property
    def executed(self) -> Path:
        """Executed notebooks as readers may download them."""
        return self.generated / "executed"

    @property
    def analyses(self) -> Path:
        """Executed notebooks as pages of the book, with charts as HTML."""
        return self.book / "analyses"

    @property
    def vendor(self) -> Path:
        """Scripts of others that the pages need."""
        return self.book / "assets" / "vendor"

    @property
    def html(self) -> Path:
        """The finished site."""
        return self.build / "html"

    @property
    def index(self) -> Path:
        """Its first page."""
        return self.html / "index.html"


def standard_site(root: Path | None) -> Site:
    """The book on the bundled data; InputError where its sources are not here."""
    root = root or find_root()
    if root is None:
        remedy = "Clone the repository and run `hat book` there."
        raise InputError(Problem("the sources of the book are not here.", remedy))
    return Site(root, root / "book", root / "_build")


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step; leave it alone if it says the same already."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def notebook_text(nb: Any) -> str:
    """A notebook as it stands in its file."""
    import nbformat

    return str(nbformat.writes(nb))


def write_notebook(nb: Any, path: Path) -> None:
    """Write a notebook in one step."""
    write_text(path, notebook_text(nb) + "\n")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file unless the same one is there."""
    if not target.is_file() or target.read_bytes() != source.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
