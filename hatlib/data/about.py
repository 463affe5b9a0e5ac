"""What is known of a user's models and benchmarks: who made them, where transfer starts, chance.

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

from hatlib.data.book import book, known_models, with_model_columns
from hatlib.data.loading import BY_ITEM, Loading
from hatlib.data.schema import FORMS, MODEL_COLUMNS
from hatlib.errors import Problem, listing

#: The source language where nothing says which it is.
ENGLISH = "en"

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
    return next((k for pattern, k in _patterns() if f"-{pattern}-" in f"-{name}-"), None)


def own_models(path: str | Path | None, job: Loading) -> pd.DataFrame | None:
    """A user's models table, checked; None if there is none that can be used."""
    found = job.opened(Path(path)) if path else None
    frame = job.checked(*found, "models") if found else None
    return None if frame is None else with_model_columns(frame)


def own_benchmarks(path: str | Path | None, job: Loading) -> pd.DataFrame | None:
    """A user's table of benchmarks, checked; what it does not say is the empty text, or nan."""
    found = job.opened(Path(path)) if path else None
    frame = job.checked(*found, "benchmarks") if found else None
    return None if frame is None else frame[list(FORMS["benchmarks"].columns)]


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
    beside = [c for c in MODEL_COLUMNS if c in frame]
    if own is not None:
        missing = sorted(set(names["model"]) - set(own["model"]))
        if missing:
            job.assumed.append(f"Not described in the models table: {listing(missing)}.")
        return with_model_columns(names.merge(own, on="model", how="left"))
    if beside:
        values = frame[["model", *beside]].drop_duplicates()
        remedy = f"Give each model one value in {listing(beside)}."
        job.problems += [
            Problem("a model is described in two ways.", remedy, value=name)
            for name in sorted(set(values.loc[values["model"].duplicated(), "model"]))
        ]
        own = values.drop_duplicates("model")
        return with_model_columns(names.merge(own, on="model", how="left"))
    described = names.join(known_models(names["model"]))
    n_known = int(described["family"].notna().sum())
    if n_known:
        job.read.append(
            f"{n_known} of {len(names)} models recognised by name and described from the models "
            "table of the book."
        )
    else:
        job.assumed.append(
            "No model is known by name and no models table was given: sizes, families and "
            "release dates are unknown."
        )
    return with_model_columns(described)


def describe_benchmarks(
    frame: pd.DataFrame,
    source_language: str = "",
    chance: float | None = None,
    job: Loading | None = None,
    table: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row for each benchmark of a table of accuracies or answers.

    Parameters
    ----------
    frame : DataFrame
        Has ``benchmark`` and, of answers, ``item``, ``source_language`` (empty if it is not said)
        and ``chance_level`` (nan if it is not said).
    source_language : str
        What the caller says of all benchmarks: a code, ``item``, or nothing.
    chance : float, optional
        What the caller says of all benchmarks.
    job : Loading, optional
        Is told what is assumed or wrong.
    table : DataFrame, optional
        From `own_benchmarks`.

    Examples
    --------
    >>> frame = pd.DataFrame({"benchmark": ["a", "a", "xnli"], "item": ["1", "2", "1"],
    ...     "source_language": ["en", "de", "en"], "chance_level": [0.25, 0.25, float("nan")]})
    >>> job = Loading()
    >>> about = describe_benchmarks(frame, job=job)
    >>> about[["source_language", "chance_level"]].round(2).values.tolist()
    [['item', 0.25], ['en', 0.33]]
    >>> job.read[0]
    'Source language of a: its own for each item (column source_language).'
    """
    job = job or Loading()
    in_table = {} if table is None else table.set_index("benchmark").to_dict("index")
    in_book = book().benchmarks.set_index("benchmark").to_dict("index")
    said = [c for c in ("benchmark", "source_language", "chance_level") if c in frame]
    answers = {
        str(name): there for name, there in frame[said].drop_duplicates().groupby("benchmark")
    }
    items = frame.groupby("benchmark")["item"].nunique() if "item" in frame else pd.Series()
    sources: dict[str, tuple[str, str]] = {}
    levels: dict[str, tuple[float, str]] = {}
    rows = []
    for name, there in answers.items():
        row, known = in_table.get(name, {}), in_book.get(name, {})
        sources[name] = _source_language(name, there, row, source_language, job)
        level, origin = _chance_level(name, there, row, chance, job)
        if not origin:
            level = float(known.get("chance_level", 0.0))
            why = "as in the benchmarks table of the book" if known else "as none was given"
            job.assumed.append(f"Chance level of {name}: {level:.3g}, {why}.")
        levels[name] = level, origin
        rows.append(
            {
                "benchmark": name,
                "name": row.get("name") or known.get("name", name),
                "source_language": sources[name][0],
                "chance_level": level,
                "n_items": items.get(name, pd.NA),
                "answer_format": known.get("answer_format", ""),
                "reference": known.get("reference", ""),
                "chance_assumed": not origin and not known,
            }
        )
    job.read += _said("Source language", sources) + _said("Chance level", levels)
    nobody = [name for name, (_, origin) in sources.items() if not origin]
    if nobody:
        job.assumed.append(f"Source language of {listing(nobody)}: {ENGLISH}, as none was given.")
    unknown = [name for name in answers if name not in in_table]
    if table is not None and unknown:
        job.assumed.append(f"Not in the {_TABLE}: {listing(unknown)}.")
    return pd.DataFrame(rows).astype({"n_items": "Int64"})


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
    column = set(there["source_language"]) if "source_language" in there else {""}
    codes = column - {""}
    by_table = row.get("source_language", "")
    by_item = given == BY_ITEM or (not given and (codes or by_table == BY_ITEM))
    if by_item and "" in column:
        what = f"{'some' if codes else 'the'} rows of {name} have no source_language."
        remedy = "Fill the column in for all rows of the benchmark, or name one source language."
        job.problems.append(Problem(what, remedy, column="source_language"))
    if given:
        return given, "as given"
    by_column = BY_ITEM if len(codes) > 1 else "".join(codes)
    if by_column and by_table not in ("", BY_ITEM, by_column):
        job.problems.append(_contradiction("source_language", name, by_table, by_column))
    if by_table and (by_table == BY_ITEM or not by_column):
        return by_table, _TABLE
    return by_column or ENGLISH, "column source_language" if by_column else ""


def _chance_level(
    name: str, there: pd.DataFrame, row: Mapping[Any, Any], given: float | None, job: Loading
) -> tuple[float, str]:
    """The chance level of one benchmark, and what says so (nothing if it is assumed)."""
    if given is not None:
        return given, "as given"
    column = sorted(there["chance_level"].dropna().unique()) if "chance_level" in there else []
    by_table = float(row.get("chance_level", np.nan))
    found = listing(f"{level:g}" for level in column)
    if len(column) > 1:
        what = f"{name} has more than one chance_level."
        remedy = "Give a benchmark one, the same in all rows."
        job.problems.append(Problem(what, remedy, column="chance_level", value=found))
    elif column and abs(column[0] - by_table) > 1e-9:
        job.problems.append(_contradiction("chance_level", name, f"{by_table:g}", found))
    if column:
        return float(column[0]), "column chance_level"
    return by_table, "" if np.isnan(by_table) else _TABLE


def _contradiction(column: str, name: str, in_table: str, in_answers: str) -> Problem:
    what = (
        f"the {column.replace('_', ' ')} of {name} is {in_table} in the {_TABLE}, and not in the "
        "answers."
    )
    return Problem(what, "Correct one of them.", column=column, value=in_answers)


def _said(what: str, facts: Mapping[str, tuple[str | float, str]]) -> list[str]:
    """Lines of a report: what the files say of each benchmark, like ones together."""
    alike: dict[tuple[str | float, str], list[str]] = {}
    for name, fact in facts.items():
        alike.setdefault(fact, []).append(name)
    shown = {value: f"{value:.3g}" if isinstance(value, float) else value for value, _ in alike} | {
        BY_ITEM: "its own for each item"
    }
    return [
        f"{what} of {listing(names)}: {shown[value]} ({origin})."
        for (value, origin), names in alike.items()
        if origin and origin != "as given"
    ]
