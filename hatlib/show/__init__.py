"""A result to a chart, a table or a sentence: the only room that imports Altair."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Imported at first use: Altair takes a second or two, and words need none of it.
_MODULES = {
    "charts": "COLOURS TILES family family_scale figure guide names panels size_axis spans tooltip",
    "conclusion": "Conclusion conclude read_verdicts say unanswered verdict_table",
    "figures": "Figure Notice Table heading show_table",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "words":
        return import_module("hatlib.words")
    if name in _HOMES:
        return getattr(import_module(f"hatlib.show.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hatlib.show' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
