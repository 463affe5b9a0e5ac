"""hatlib: measure cross-lingual transfer apart from how good a model is in English."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatlib.data import LoadReport, Tables, load
    from hatlib.errors import InputError, Problem
    from hatlib.metrics import Metrics, summarise

__version__ = "0.1.0"

# Public names and their modules.  They are imported at first use, so that the command line
# answers at once.
_HOMES = {
    "InputError": "errors",
    "LoadReport": "data",
    "Metrics": "metrics",
    "Problem": "errors",
    "Tables": "data",
    "load": "data",
    "summarise": "metrics",
}

__all__ = ["InputError", "LoadReport", "Metrics", "Problem", "Tables", "load", "summarise"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"hatlib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hatlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
