"""What the pages found: the verdicts of executed notebooks, as records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hatlib.publish.places import find_root
from hatlib.show.conclusion import read_verdicts

COLUMNS = (
    *("page", "evidence", "about", "name", "question", "subject", "estimate", "low", "high"),
    *("margin", "unit", "grade", "answer", "text"),
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
        `hatlib.claims.verdict.Verdict`, with its ``text``. Pages that have not run are left out.

    Examples
    --------
    >>> read_records(["scaling"], "nowhere").empty
    True
    """
    import nbformat  # an extra of the book

    root = find_root()
    place = Path(folder) if folder else (root or Path()) / "book/_generated/executed"
    rows = []
    for page in pages:
        for path in sorted(place.rglob(f"{page}.ipynb"))[:1]:
            for record in read_verdicts(nbformat.read(path, as_version=4)):
                parts = str(record["name"]).split("/")
                evidence = parts[0] if parts[0] in ("line", "hat") and len(parts) > 1 else ""
                about = parts[1].split("-")[0] if evidence else ""
                rows.append({**record, "page": page, "evidence": evidence, "about": about})
    return pd.DataFrame(rows, columns=list(COLUMNS))
