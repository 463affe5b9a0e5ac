"""Pages and fragments of the book that are made from the data and from executed notebooks."""

from __future__ import annotations

from pathlib import Path

from hatlib.publish.data_page import counts, data_and_sources, table
from hatlib.publish.gallery import gallery, slides
from hatlib.publish.interface import ROOMS, interface_maker
from hatlib.publish.landing import findings_cards, guess, two_sliders
from hatlib.words import markdown_text


def task_rules(root: Path) -> str:
    """Names of tasks whose benchmark and language the import knows.

    Parameters
    ----------
    root : Path
        Not used; every page maker has it.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> "mgsm_native_cot_sw" in task_rules(Path())
    True
    """
    from hatlib.logs.languages import rules_table

    records = rules_table().to_dict("records")
    rows = [
        [f"`{row['task']}`", *(markdown_text(row[c]) for c in ("benchmark", "language", "item"))]
        for row in records
    ]
    notes = [f"- {markdown_text(row['note'])}" for row in records if row["note"]]
    return "\n".join([table(["such as", "benchmark", "language", "item"], rows), "", *notes, ""])


#: File name below ``book/_generated`` and the function that makes it.
MAKERS = {
    "guess.md": guess,
    "two-sliders.md": two_sliders,
    "gallery.md": gallery,
    **{f"api-{room}.md": interface_maker(room) for room in (*ROOMS, "")},
    "slides.md": slides,
    "findings-cards.md": findings_cards,
    "counts.md": counts,
    "data-and-sources.md": data_and_sources,
    "task-rules.md": task_rules,
}
