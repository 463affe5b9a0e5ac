"""What is known of a user's benchmarks: where transfer starts, and how often a guess is right.

The caller may say it for all benchmarks, a column of the answers or a table of benchmarks for each.
What nobody says is assumed, and reported.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data import schema
from hatlib.data.files import read_table
from hatlib.data.tables import (
    book,
    describe_benchmarks,
    lower_case_columns,
    standard_language,
    typed,
)
from hatlib.errors import InputError, Problem, listing

#: The source language of a benchmark where it varies by item.
BY_ITEM = "item"

#: The source language where nothing says which it is.
ENGLISH = "en"

_COLUMNS = ("benchmark", "name", "source_language", "chance_level")
_TABLE = "table of benchmarks"
_OPTIONS = Path(__file__).with_name("multiple_choice.toml")


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, int]]:
    """Names of multiple-choice benchmarks with their options, the longest first."""
    table = tomllib.loads(_OPTIONS.read_text(encoding="utf-8"))["options"]
    every = [(name, int(k)) for k, names in table.items() for name in names]
    return sorted(every, key=lambda pair: -len(pair[0]))


def options_by_name(benchmark: str) -> int | None:
    """How many options a benchmark has, if its name is that of a known multiple-choice set.

    Examples
    --------
    >>> options_by_name("global_mmlu_full_de"), options_by_name("winogrande-african")
    (4, 2)
    >>> options_by_name("mgsm") is None
    True
    """
    name = re.sub(r"[^a-z0-9]+", "-", benchmark.lower()).strip("-")
    for pattern, options in _patterns():
        if f"-{pattern}-" in f"-{name}-":
            return options
    return None


def own_benchmarks(path: Path, problems: list[Problem]) -> pd.DataFrame | None:
    """A user's table of benchmarks, checked; None if it cannot be used.

    Parameters
    ----------
    path : Path
        A file with the column ``benchmark``, and any of ``name``, ``source_language`` (a code, or
        ``item``) and ``chance_level``.
    problems : list
        Grows by what is wrong.

    Returns
    -------
    DataFrame or None
        These four columns; what the file does not say is the empty text, or nan.
    """
    try:
        frame, place = read_table(path)
    except InputError as error:
        problems += error.problems
        return None
    frame = lower_case_columns(frame, place.file, [])
    if "benchmark" not in frame:
        problems.append(
            Problem(
                "there is no column benchmark.",
                f"A table of benchmarks needs it. Columns found: {listing(frame.columns, 20)}.",
                place.file,
                1,
            )
        )
        return None
    found: list[Problem] = []
    unsaid = {column: "" for column in _COLUMNS if column not in frame}
    frame = typed(frame.assign(**unsaid)[list(_COLUMNS)], place, found)
    frame["source_language"] = frame["source_language"].map(standard_language).astype(str)
    found += schema.check(frame, schema.OWN_BENCHMARKS, place)
    problems += found
    return None if found else frame


def about_benchmarks(
    frame: pd.DataFrame,
    table: pd.DataFrame | None,
    source_language: str,
    chance: float | None,
    problems: list[Problem],
    read: list[str],
    assumed: list[str],
) -> pd.DataFrame:
    """One row for each benchmark of a table of answers.

    Parameters
    ----------
    frame : DataFrame
        Answers with ``benchmark``, ``item``, ``source_language`` (empty if it is not said) and
        ``chance_level`` (nan if it is not said).
    table : DataFrame, optional
        From `own_benchmarks`.
    source_language : str
        What the caller says of all benchmarks: a code, ``item``, or nothing.
    chance : float, optional
        What the caller says of all benchmarks.
    problems, read, assumed : list
        Grow by what is wrong, and by what the report has to say.

    Returns
    -------
    DataFrame
        As from `hatlib.data.tables.describe_benchmarks`, and ``chance_assumed``: whether nobody
        said the chance level.

    Examples
    --------
    >>> frame = pd.DataFrame({"benchmark": ["a", "a"], "item": ["1", "2"],
    ...                       "source_language": ["en", "de"], "chance_level": [0.25, 0.25]})
    >>> read: list[str] = []
    >>> about_benchmarks(frame, None, "", None, [], read, [])["source_language"].tolist()
    ['item']
    >>> read[0]
    'Source language of a: its own for each item (column source_language).'
    """
    rows_of_table = {} if table is None else table.set_index("benchmark").to_dict("index")
    answers = {str(name): there for name, there in frame.groupby("benchmark")}
    sources: dict[str, tuple[str, str]] = {}
    levels: dict[str, tuple[float | None, str]] = {}
    described = []
    for name, there in answers.items():
        row = rows_of_table.get(name, {})
        sources[name] = _source_language(name, there, row, source_language, problems)
        levels[name] = _chance_level(name, there, row, chance, problems)
        about = describe_benchmarks(
            there[["benchmark"]], sources[name][0], levels[name][0], assumed
        )
        about["name"] = row.get("name") or about["name"]
        known = name in set(book().benchmarks["benchmark"])
        about["chance_assumed"] = levels[name][0] is None and not known
        described.append(about.assign(n_items=there["item"].nunique()))
    read += _said("Source language", sources) + _said("Chance level", levels)
    nobody = [name for name, (_, origin) in sources.items() if not origin]
    if nobody:
        assumed.append(f"Source language of {listing(nobody)}: {ENGLISH}, as none was given.")
    unknown = [name for name in answers if name not in rows_of_table]
    if table is not None and unknown:
        assumed.append(f"Not in the {_TABLE}: {listing(unknown)}.")
    return pd.concat(described, ignore_index=True).astype({"n_items": "Int64"})


def source_of_items(frame: pd.DataFrame, about: pd.DataFrame) -> pd.Series:
    """The source language of each row: that of its benchmark, or of its item.

    Examples
    --------
    >>> frame = pd.DataFrame({"benchmark": ["a", "b"], "source_language": ["de", "de"]})
    >>> about = pd.DataFrame({"benchmark": ["a", "b"], "source_language": ["item", "en"]})
    >>> source_of_items(frame, about).tolist()
    ['de', 'en']
    """
    fixed = frame["benchmark"].map(about.set_index("benchmark")["source_language"])
    return frame["source_language"].where(fixed == BY_ITEM, fixed).astype(str)


def _source_language(
    name: str, there: pd.DataFrame, row: Mapping[Any, Any], given: str, problems: list[Problem]
) -> tuple[str, str]:
    """The source language of one benchmark, and what says so (nothing if it is assumed)."""
    column = set(there["source_language"])
    codes = column - {""}
    by_table = row.get("source_language", "")
    wanted = given == BY_ITEM or (not given and (codes or by_table == BY_ITEM))
    if wanted and "" in column:
        problems.append(
            Problem(
                f"{'some' if codes else 'the'} rows of {name} have no source_language.",
                "Fill the column in for all rows of the benchmark, or name one source language.",
                column="source_language",
            )
        )
    if given:
        return given, "as given"
    by_column = BY_ITEM if len(codes) > 1 else next(iter(codes), "")
    if by_column and by_table not in ("", BY_ITEM, by_column):
        problems.append(
            Problem(
                f"the source language of {name} is {by_table} in the {_TABLE}, and not in the "
                "answers.",
                "Correct one of them.",
                column="source_language",
                value=by_column,
            )
        )
    if by_table == BY_ITEM or (by_table and not by_column):
        return by_table, _TABLE
    return by_column or ENGLISH, "column source_language" if by_column else ""


def _chance_level(
    name: str,
    there: pd.DataFrame,
    row: Mapping[Any, Any],
    given: float | None,
    problems: list[Problem],
) -> tuple[float | None, str]:
    """The chance level of one benchmark, and what says so; None if nothing does."""
    if given is not None:
        return given, "as given"
    column = sorted(there["chance_level"].dropna().unique().tolist())
    by_table = float(row.get("chance_level", np.nan))
    if len(column) > 1:
        problems.append(
            Problem(
                f"{name} has more than one chance_level.",
                "Give a benchmark one, the same in all rows.",
                column="chance_level",
                value=listing(column),
            )
        )
    elif column and abs(column[0] - by_table) > 1e-9:
        problems.append(
            Problem(
                f"the chance level of {name} is {by_table:g} in the {_TABLE}, and not in the "
                "answers.",
                "Correct one of them.",
                column="chance_level",
                value=f"{column[0]:g}",
            )
        )
    if column:
        return column[0], "column chance_level"
    return (None, "") if np.isnan(by_table) else (by_table, _TABLE)


def _said(what: str, facts: Mapping[str, tuple[Any, str]]) -> list[str]:
    """Lines of a report: what the files say of each benchmark, like ones together."""
    alike: dict[tuple[Any, str], list[str]] = {}
    for name, fact in facts.items():
        alike.setdefault(fact, []).append(name)
    return [
        f"{what} of {listing(names)}: {_shown(value)} ({origin})."
        for (value, origin), names in alike.items()
        if origin and origin != "as given"
    ]


def _shown(value: str | float) -> str:
    if isinstance(value, str):
        return "its own for each item" if value == BY_ITEM else value
    return f"{value:.3g}"
