"""What is known of a user's models and benchmarks: who made them, where transfer starts, chance.

The caller may say it for all benchmarks, a column of the answers or a table of benchmarks for each.
What nobody says is assumed, and reported.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data import schema
from hatlib.data.book import book, known_models, with_model_columns
from hatlib.data.loading import Loading, typed
from hatlib.errors import Problem, listing

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


def own_models(path: Path, job: Loading) -> pd.DataFrame | None:
    """A user's models table, checked; None if it cannot be used."""
    found = job.table(path)
    if found is None or job.lacks(*found, ["model"], "A models table needs it."):
        return None
    frame, wrong = typed(*found)
    frame = with_model_columns(frame)
    job.keep_rules(frame, schema.MODELS, found[1], wrong)
    return frame


def own_benchmarks(path: Path, job: Loading) -> pd.DataFrame | None:
    """A user's table of benchmarks, checked; None if it cannot be used.

    It has the column ``benchmark``, and any of ``name``, ``source_language`` (a code, or ``item``)
    and ``chance_level``; what it does not say is the empty text, or nan.
    """
    found = job.table(path)
    if found is None or job.lacks(*found, ["benchmark"], "A table of benchmarks needs it."):
        return None
    frame, place = found
    unsaid = {column: "" for column in _COLUMNS if column not in frame}
    frame, wrong = typed(frame.assign(**unsaid)[list(_COLUMNS)], place)
    by_item = frame["source_language"].str.lower() == BY_ITEM
    frame, none = job.languages(frame, ["source_language"], place)
    frame.loc[by_item, "source_language"] = BY_ITEM
    what = "the value is neither a language code nor the word item."
    wrong += [replace(p, what=what) for p in none if p.value.lower() != BY_ITEM]
    job.keep_rules(frame, schema.OWN_BENCHMARKS, place, wrong)
    return frame


def describe_models(
    frame: pd.DataFrame, own: pd.DataFrame | None = None, job: Loading | None = None
) -> pd.DataFrame:
    """One row for each model of a table, from the best description there is.

    Parameters
    ----------
    frame : DataFrame
        Any table with a column ``model``; it may have those of the models table beside it.
    own : DataFrame, optional
        The user's models table.
    job : Loading, optional
        Is told what is assumed or wrong.

    Examples
    --------
    >>> frame = describe_models(pd.DataFrame({"model": ["gpt-4o-mini"]}))
    >>> list(frame["family"])
    ['GPT-4o']
    """
    job = job or Loading()
    names = pd.DataFrame({"model": sorted(frame["model"].unique())})
    beside = [c for c in schema.MODEL_COLUMNS if c in frame]
    if own is not None:
        described = names.merge(own, on="model", how="left")
        missing = sorted(set(names["model"]) - set(own["model"]))
        if missing:
            job.assumed.append(f"Not described in the models table: {listing(missing)}.")
    elif beside:
        values = frame[["model", *beside]].drop_duplicates()
        remedy = f"Give each model one value in {listing(beside)}."
        job.problems += [
            Problem("a model is described in two ways.", remedy, value=name)
            for name in sorted(set(values.loc[values["model"].duplicated(), "model"]))
        ]
        described = names.merge(values.drop_duplicates("model"), on="model", how="left")
    else:
        described = names.join(known_models(names["model"]))
        n_known = int(described["family"].notna().sum())
        if n_known:
            job.read.append(
                f"{n_known} of {len(names)} models recognised by name and described from the "
                "models table of the book."
            )
        else:
            job.assumed.append(
                "No model is known by name and no models table was given: sizes, families and "
                "release dates are unknown."
            )
    return with_model_columns(described)


def describe_benchmarks(
    names: pd.Series,
    source_language: str,
    chance: float | None = None,
    job: Loading | None = None,
) -> pd.DataFrame:
    """One row for each benchmark of a column, from the book's own where the name is known.

    Parameters
    ----------
    names : Series of str
        Names of benchmarks.
    source_language : str
        Language that transfer starts from.
    chance : float, optional
        Accuracy of a guess; without it, what the book knows, or 0.
    job : Loading, optional
        Is told the chance levels that were taken for granted.

    Examples
    --------
    >>> frame = describe_benchmarks(pd.Series(["xnli"]), "en")
    >>> frame["chance_level"].round(2).tolist()
    [0.33]
    """
    job = job or Loading()
    in_book = book().benchmarks.set_index("benchmark")
    rows = []
    for name in sorted(names.unique()):
        known: Mapping[Any, Any] = in_book.loc[name] if name in in_book.index else {}
        level = chance
        if level is None:
            level = float(known.get("chance_level", 0.0))
            origin = "as in the benchmarks table of the book" if len(known) else "as none was given"
            job.assumed.append(f"Chance level of {name}: {level:.3g}, {origin}.")
        rows.append(
            {
                "benchmark": name,
                "name": known.get("name", name),
                "source_language": source_language,
                "chance_level": level,
                "n_items": pd.NA,
                "answer_format": known.get("answer_format", ""),
                "reference": known.get("reference", ""),
                "chance_assumed": chance is None and not len(known),
            }
        )
    return pd.DataFrame(rows).astype({"n_items": "Int64"})


def about_benchmarks(
    frame: pd.DataFrame,
    table: pd.DataFrame | None,
    source_language: str,
    chance: float | None,
    job: Loading,
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
    job : Loading
        Is told what is assumed or wrong.

    Returns
    -------
    DataFrame
        As from `describe_benchmarks`.

    Examples
    --------
    >>> frame = pd.DataFrame({"benchmark": ["a", "a"], "item": ["1", "2"],
    ...                       "source_language": ["en", "de"], "chance_level": [0.25, 0.25]})
    >>> job = Loading()
    >>> about_benchmarks(frame, None, "", None, job)["source_language"].tolist()
    ['item']
    >>> job.read[0]
    'Source language of a: its own for each item (column source_language).'
    """
    rows_of_table = {} if table is None else table.set_index("benchmark").to_dict("index")
    answers = {str(name): there for name, there in frame.groupby("benchmark")}
    sources: dict[str, tuple[str, str]] = {}
    levels: dict[str, tuple[float | None, str]] = {}
    described = []
    for name, there in answers.items():
        row = rows_of_table.get(name, {})
        sources[name] = _source_language(name, there, row, source_language, job)
        levels[name] = _chance_level(name, there, row, chance, job)
        about = describe_benchmarks(there["benchmark"], sources[name][0], levels[name][0], job)
        about["name"] = row.get("name") or about["name"]
        described.append(about.assign(n_items=there["item"].nunique()))
    job.read += _said("Source language", sources) + _said("Chance level", levels)
    nobody = [name for name, (_, origin) in sources.items() if not origin]
    if nobody:
        job.assumed.append(f"Source language of {listing(nobody)}: {ENGLISH}, as none was given.")
    unknown = [name for name in answers if name not in rows_of_table]
    if table is not None and unknown:
        job.assumed.append(f"Not in the {_TABLE}: {listing(unknown)}.")
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
    name: str, there: pd.DataFrame, row: Mapping[Any, Any], given: str, job: Loading
) -> tuple[str, str]:
    """The source language of one benchmark, and what says so (nothing if it is assumed)."""
    column = set(there["source_language"].unique())
    codes = column - {""}
    by_table = row.get("source_language", "")
    wanted = given == BY_ITEM or (not given and (codes or by_table == BY_ITEM))
    if wanted and "" in column:
        what = f"{'some' if codes else 'the'} rows of {name} have no source_language."
        remedy = "Fill the column in for all rows of the benchmark, or name one source language."
        job.problems.append(Problem(what, remedy, column="source_language"))
    if given:
        return given, "as given"
    by_column = BY_ITEM if len(codes) > 1 else next(iter(codes), "")
    if by_column and by_table not in ("", BY_ITEM, by_column):
        what = (
            f"the source language of {name} is {by_table} in the {_TABLE}, and not in the answers."
        )
        remedy = "Correct one of them."
        job.problems.append(Problem(what, remedy, column="source_language", value=by_column))
    if by_table == BY_ITEM or (by_table and not by_column):
        return by_table, _TABLE
    return by_column or ENGLISH, "column source_language" if by_column else ""


def _chance_level(
    name: str, there: pd.DataFrame, row: Mapping[Any, Any], given: float | None, job: Loading
) -> tuple[float | None, str]:
    """The chance level of one benchmark, and what says so; None if nothing does."""
    if given is not None:
        return given, "as given"
    column = sorted(there["chance_level"].dropna().unique().tolist())
    by_table = float(row.get("chance_level", np.nan))
    what = remedy = ""
    if len(column) > 1:
        what = f"{name} has more than one chance_level."
        remedy = "Give a benchmark one, the same in all rows."
    elif column and abs(column[0] - by_table) > 1e-9:
        what = (
            f"the chance level of {name} is {by_table:g} in the {_TABLE}, and not in the answers."
        )
        remedy = "Correct one of them."
    if what:
        value = listing(f"{level:g}" for level in column)
        job.problems.append(Problem(what, remedy, column="chance_level", value=value))
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
