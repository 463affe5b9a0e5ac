"""hatlib: measure cross-lingual transfer apart from how good a model is in English."""

from __future__ import annotations

__version__ = "0.1.0"
