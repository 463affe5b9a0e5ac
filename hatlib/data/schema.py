"""The tables: their columns and keys, and their rules, which `check` holds a frame against."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from hatlib.data.files import Place
from hatlib.errors import Problem

_FACTS = tomllib.loads(Path(__file__).with_name("tables.toml").read_text(encoding="utf-8"))
_WHAT: dict[str, tuple[str, Any, str]] = _FACTS.pop("what")
_ABOVE: dict[str, tuple[str, str, str]] = _FACTS.pop("above")


@dataclass(frozen=True)
class Form:
    """What a table of a user has; `tables.toml` says it of each."""

    needed: list[str]
    needs: str
    columns: dict[str, list[str]]
    synonyms: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    again: str = ""


FORMS: Mapping[str, Form] = {name: Form(**about) for name, about in _FACTS.items()}

REASONING: tuple[str, ...] = tuple(_WHAT["is not a known reasoning setting"][1])

#: What makes a row of accuracies unique.
KEY = tuple(FORMS["accuracies"].key)

#: What makes a row of responses unique.
RESPONSE_KEY = tuple(FORMS["responses"].key)

#: Columns of the models table that a user may put beside the accuracies instead.
MODEL_COLUMNS = tuple(FORMS["models"].columns)[1:]


def check(
    frame: pd.DataFrame,
    columns: Mapping[str, list[str]],
    place: Place,
    found: list[Problem] | None = None,
) -> list[Problem]:
    """Everything that is wrong with a frame, a cell once, in the order of its lines.

    Parameters
    ----------
    frame : DataFrame
        Its columns have their types.
    columns : mapping of str to list of str
        What breaks each column, in the words of ``tables.toml``.
    place : Place
        Where the rows come from.
    found : list of Problem, optional
        What is wrong with cells already, of which no more is said.

    Examples
    --------
    >>> place = Place("mine.csv", [1, 2])
    >>> found = check(pd.DataFrame({"n_items": [5, 0]}), {"n_items": ["is zero"]}, place)
    >>> [(p.file, p.row, p.column, p.value) for p in found]
    [('mine.csv', 3, 'n_items', '0')]
    """
    import pandera.pandas as pa  # takes 0.3 s, which pages on the data of the book need not wait

    of_cells = {
        column: pa.Column(
            checks=[
                getattr(pa.Check, test)(limit, error=what)
                for what, (test, limit, _) in _WHAT.items()
                if what in broken and hasattr(pa.Check, test)
            ],
            nullable="is missing" not in broken,
            unique="stands in more than one row" in broken,
            required=False,
        )
        for column, broken in columns.items()
    }
    of_rows = [
        pa.Check(partial(_not_above, one=one, other=other), error=what)
        for what, (one, other, _) in _ABOVE.items()
        if {one, other} <= set(frame)
    ]
    cases: list[dict[Any, Any]] = []
    try:
        pa.DataFrameSchema(of_cells, of_rows).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.to_dict("records")
    of_column = {test: what for what, (test, *_) in _WHAT.items()}
    cells = {(p.row, p.column): p for p in found or []}
    rows = set()
    for case in cases:
        what, row, column = str(case["check"]), int(case["index"]), str(case["column"])
        what = of_column.get(what, what)
        if what in _ABOVE:
            rows.add(place.problem(row, f"the row {what}.", _ABOVE[what][2]))
        else:
            value = "" if pd.isna(case["failure_case"]) else str(case["failure_case"])
            p = place.problem(row, f"the value {what}.", _WHAT[what][2], column, value)
            cells.setdefault((p.row, p.column), p)
    wrong = {row for row, _ in cells}
    rows = {p for p in rows if p.row not in wrong}
    return sorted([*cells.values(), *rows], key=lambda p: (p.row or 0, p.column, p.what))


def _not_above(frame: pd.DataFrame, one: str, other: str) -> pd.Series:
    return ~(frame[one] > frame[other]).fillna(False)
