"""A result to a chart, a table or a sentence: the only room that imports Altair."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatlib.show.charts import curves, heat, intervals, ladder, scatter, timeline
    from hatlib.show.conclusion import (
        Conclusion,
        conclude,
        read_verdicts,
        say,
        unanswered,
        verdict_table,
    )
    from hatlib.show.figures import Figure, Notice, Table, show_table
    from hatlib.show.theme import COLOURS, family_scale, figure

__all__ = [
    "COLOURS",
    "Conclusion",
    "Figure",
    "Notice",
    "Table",
    "conclude",
    "curves",
    "family_scale",
    "figure",
    "heat",
    "intervals",
    "ladder",
    "read_verdicts",
    "say",
    "scatter",
    "show_table",
    "timeline",
    "unanswered",
    "verdict_table",
]

# Imported at first use: Altair takes a second or two, and words need none of it.
_HOMES = {
    "charts": {"curves", "heat", "intervals", "ladder", "scatter", "timeline"},
    "conclusion": {
        "Conclusion",
        "conclude",
        "read_verdicts",
        "say",
        "unanswered",
        "verdict_table",
    },
    "figures": {"Figure", "Notice", "Table", "show_table"},
    "theme": {"COLOURS", "family_scale", "figure"},
}


def __getattr__(name: str) -> Any:
    if name == "words":
        return import_module("hatlib.words")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"hatlib.show.{module}"), name)
    raise AttributeError(f"module 'hatlib.show' has no attribute {name!r}")
