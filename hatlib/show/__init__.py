"""A result to a chart, a table or a sentence: the only room that imports Altair."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Imported at first use: Altair takes a second or two, and words need none of it.
_HOMES = {
    "COLOURS": "charts",
    "TILES": "charts",
    "family": "charts",
    "family_scale": "charts",
    "figure": "charts",
    "guide": "charts",
    "names": "charts",
    "panels": "charts",
    "size_axis": "charts",
    "spans": "charts",
    "tooltip": "charts",
    "Conclusion": "conclusion",
    "conclude": "conclusion",
    "read_verdicts": "conclusion",
    "say": "conclusion",
    "unanswered": "conclusion",
    "verdict_table": "conclusion",
    "Figure": "figures",
    "Notice": "figures",
    "Table": "figures",
    "heading": "figures",
    "show_table": "figures",
}


def __getattr__(name: str) -> Any:
    if name == "words":
        return import_module("hatlib.words")
    if name in _HOMES:
        return getattr(import_module(f"hatlib.show.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hatlib.show' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
