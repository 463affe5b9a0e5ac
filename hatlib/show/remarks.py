"""Flags and notes of scores in words; the words themselves are in remarks.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from hatlib.errors import listing
from hatlib.metric import marks, pooled, reference
from hatlib.metric.flags import Flag, Note, Remark
from hatlib.words import counted

_TEXTS = tomllib.loads((Path(__file__).parent / "remarks.toml").read_text(encoding="utf-8"))
_LIMITS = vars(marks) | vars(pooled) | vars(reference)  # which the texts name

FLAGS: Mapping[Flag, str] = {
    Flag[name]: text.format(**_LIMITS) for name, text in _TEXTS["flags"].items()
}
"""What each flag means."""

SHORT: Mapping[Flag, str] = {Flag[name]: text for name, text in _TEXTS["short"].items()}
"""Flags that are shorter in a table."""

LEGEND: Mapping[str, str] = _TEXTS["legend"]
"""How to read tables of scores, of checks and of comparisons."""


def note_text(note: Note) -> str:
    """A note in a sentence or two.

    Examples
    --------
    >>> note_text(Note(Remark.CORRELATION_GIVEN, {"correlation": 0.1}))
    'Answers to one item taken to be correlated by 0.1.'
    """
    name, more = note.remark.name, {}
    data = note.data
    if note.remark is Remark.JUDGE:
        known = data["judge"].n_right and data["judge"].n_wrong
        more = {"known": "whose own uncertainty the intervals hold" if known else "taken as known"}
    elif note.remark is Remark.PROMPTING_LEFT_OUT:
        more = {"listed": f"; {_some(data['models'])}" if len(data["models"]) < 4 else ""}
    elif note.remark is Remark.PROMPTINGS_ADDED and data["method"] != "self":
        name += "_TO_OTHERS"
    elif note.remark is Remark.FEW_ANSWERS:
        fewer = data["worth"] < data["answers"]
        more = {"alike": f", worth {data['worth']:.2g} independent ones," if fewer else ""}
    elif note.remark is Remark.UNNAMED_PROMPTS and data:
        name += "_MOVED"
    elif note.remark is Remark.CHANCE:
        name += "_LOW" if data["likelier"] > data["told"] else "_HIGH"
    elif note.remark in (Remark.REPEATED, Remark.UNLIKE):
        more = {"listed": _some(data["models"])}
    elif note.remark is Remark.UNRELATED:
        more = {"listed": _some(data["where"])}
    elif note.remark is Remark.UNPARSED:
        rows = (f"{m} {to} {there:.0%} (source {here:.0%})" for m, to, there, here in data["where"])
        more = {"listed": _some(rows)}
    elif note.remark is Remark.BELOW_CHANCE:
        more = {"listed": _some(f"{model} in {language}" for model, language in data["where"])}
    elif note.remark is Remark.INTERACTION:
        excess = np.asarray(data["excess"], dtype=float)
        excess = excess[np.isfinite(excess)]
        if len(excess):
            more = {"mean": excess.mean(), "models": counted(len(excess), "model")}
            size = "LARGE" if data["sd"] >= max(pooled.INTERACTIONS) else "SOME"
            name += "" if not data["sd"] >= 0.25 else f"_{size}"
        else:
            name += "_UNSEEN"
    return str(_TEXTS["notes"][name].format(**{**data, **more}))


def _some(names: Iterable[str]) -> str:
    return listing(dict.fromkeys(names), 4)
