"""What the pages found: the verdicts of executed notebooks, as records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hatlib.data import note_read
from hatlib.publish.places import find_root
from hatlib.show.conclusion import read_verdicts

COLUMNS = (
    *("page", "evidence", "about", "name", "question", "subject", "estimate", "low", "high"),
    *("margin", "unit", "grade", "answer", "text", "brief"),
)


def read_records(pages: Sequence[str], folder: str | Path = "") -> pd.DataFrame:
    """The verdicts of executed notebooks.

    Parameters
    ----------
    pages : sequence of str
        Names of the notebooks.
    folder : path, optional
        Where the executed notebooks are, at any depth; by default those of the book.

    Returns
    -------
    DataFrame
        One row a verdict, page by page and in the order of the page: ``page``; ``evidence``,
        "line" (published accuracies) or "hat" (item-level responses), and ``about``, such as
        "size", where the name of the verdict says so; and the fields of
        `hatlib.claims.verdict.Verdict`, with its ``text`` and a ``brief`` form of it. Pages that
        have not run are left out.

    Examples
    --------
    >>> read_records(["scaling"], "nowhere").empty
    True
    """
    import nbformat  # an extra of the book

    place = Path(folder) if folder else (find_root() or Path()) / "book/_generated/executed"
    rows = []
    for page in pages:
        for path in sorted(place.rglob(f"{page}.ipynb"))[:1]:
            note_read(path)
            found = read_verdicts(nbformat.read(path, as_version=4))
            rows += [{**record, "page": page} for record in found]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    parts = frame["name"].astype(str).str.extract(r"^(line|hat)/([^-/]*)").fillna("")
    return frame.assign(evidence=parts[0], about=parts[1])
