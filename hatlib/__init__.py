"""hatlib: measure cross-lingual transfer apart from how good a model is in English."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatlib.data import LoadReport, Tables, load
    from hatlib.errors import InputError, Problem
    from hatlib.fits import (
        LanguageFits,
        SetFit,
        SetFits,
        fit_languages,
        fit_sensitivity,
        fit_sets,
    )
    from hatlib.ladders import Ladders, ladder_sensitivity, size_ladders
    from hatlib.metrics import Metrics, summarise
    from hatlib.simulate import Simulation, identical_transfer
    from hatlib.small import SmallModels, small_models, small_sensitivity
    from hatlib.thinking import Thinking, thinking_pairs
    from hatlib.trends import Trends, release_trends, shuffled_dates

__version__ = "0.1.0"

# Public names and their modules.  They are imported at first use, so that the command line
# answers at once.
_HOMES = {
    "InputError": "errors",
    "Ladders": "ladders",
    "LanguageFits": "fits",
    "LoadReport": "data",
    "Metrics": "metrics",
    "Problem": "errors",
    "SetFit": "fits",
    "SetFits": "fits",
    "Simulation": "simulate",
    "SmallModels": "small",
    "Tables": "data",
    "Thinking": "thinking",
    "Trends": "trends",
    "fit_languages": "fits",
    "fit_sensitivity": "fits",
    "fit_sets": "fits",
    "identical_transfer": "simulate",
    "ladder_sensitivity": "ladders",
    "load": "data",
    "release_trends": "trends",
    "shuffled_dates": "trends",
    "size_ladders": "ladders",
    "small_models": "small",
    "small_sensitivity": "small",
    "summarise": "metrics",
    "thinking_pairs": "thinking",
}

__all__ = [
    "InputError",
    "Ladders",
    "LanguageFits",
    "LoadReport",
    "Metrics",
    "Problem",
    "SetFit",
    "SetFits",
    "Simulation",
    "SmallModels",
    "Tables",
    "Thinking",
    "Trends",
    "fit_languages",
    "fit_sensitivity",
    "fit_sets",
    "identical_transfer",
    "ladder_sensitivity",
    "load",
    "release_trends",
    "shuffled_dates",
    "size_ladders",
    "small_models",
    "small_sensitivity",
    "summarise",
    "thinking_pairs",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"hatlib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hatlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
