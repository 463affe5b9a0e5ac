"""What is known of a user's models and benchmarks: who made them, where transfer starts, chance.

The caller may say it for all benchmarks, a column of the answers or a table of benchmarks for each.
What nobody says is assumed, and reported.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.book import book, known_models, with_model_columns
from hatlib.data.loading import BY_ITEM, Loading
from hatlib.data.schema import MODEL_COLUMNS
from hatlib.errors import Problem, listing

#: The source language where nothing says which it is.
ENGLISH = "en"

_TABLE = "table of benchmarks"
_GIVEN = "as given"
_NOBODY = ", as none was given"
_NAMES = Path(__file__).with_name("multiple_choice.toml").read_text(encoding="utf-8")
_OPTIONS: Mapping[str, list[str]] = tomllib.loads(_NAMES)["options"]


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
    found = {p: int(k) for k, names in _OPTIONS.items() for p in names if f"-{p}-" in f"-{name}-"}
    return found[max(found, key=len)] if found else None


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
        A user's table of benchmarks.

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
    items = frame.groupby("benchmark")["item"].nunique() if "item" in frame else pd.Series()
    columns = [c for c in ("benchmark", "source_language", "chance_level") if c in frame]
    rows, facts = [], []
    for name, said in frame[columns].drop_duplicates().groupby("benchmark"):
        row, known = in_table.get(name, {}), in_book.get(name, {})
        source, why = _said_of("source_language", str(name), said, row, source_language, job)
        level, origin = _said_of("chance_level", str(name), said, row, chance, job)
        empty = "source_language" not in said or (said["source_language"] == "").any()
        if empty and (source == BY_ITEM or "column" in why):
            what = f"{'some' if 'column' in why else 'the'} rows of {name} have no source_language."
            remedy = "Fill the column in for all rows, or name one source language."
            job.problems.append(Problem(what, remedy, column="source_language"))
        if not why:
            source, why = ENGLISH, _NOBODY
        if not origin and known:
            level, origin = float(known["chance_level"]), ", as in the benchmarks table of the book"
        elif not origin:
            level, origin = 0.0, _NOBODY
        shown = "its own for each item" if source == BY_ITEM else source
        facts += [
            ("Source language", shown, why, name),
            ("Chance level", f"{level:.3g}", origin, name),
        ]
        rows.append(
            {
                "benchmark": name,
                "name": row.get("name") or known.get("name", name),
                "source_language": source,
                "chance_level": float(level),
                "n_items": items.get(name, pd.NA),
                "answer_format": known.get("answer_format", ""),
                "reference": known.get("reference", ""),
                "chance_assumed": origin == _NOBODY,
            }
        )
    fact = ["what", "value", "origin"]
    for key, names in pd.DataFrame(facts, columns=[*fact, "name"]).groupby(fact, sort=False)[
        "name"
    ]:
        what, value, told = map(str, key)
        if told != _GIVEN:
            lines = job.assumed if told.startswith(",") else job.read
            lines.append(f"{what} of {listing(names)}: {value}{told}.")
    unknown = sorted(set(frame["benchmark"]) - set(in_table))
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


def _said_of(
    column: str, name: str, said: pd.DataFrame, row: Mapping[Any, Any], given: Any, job: Loading
) -> tuple[Any, str]:
    """A fact of one benchmark, and what says so: nothing, if it is not said."""
    if given or given == 0:
        return given, _GIVEN
    there = said[column].replace("", np.nan).dropna() if column in said else pd.Series()
    values, in_table = sorted(there.unique()), row.get(column, "")
    in_table = "" if pd.isna(in_table) else in_table
    value = values[0] if len(values) == 1 else BY_ITEM if values else ""
    if value == BY_ITEM and column == "chance_level":
        what = f"{name} has more than one chance_level."
        remedy = "Give a benchmark one, the same in all rows."
        job.problems.append(Problem(what, remedy, column=column, value=listing(values)))
        value = values[0]
    if "" not in (value, in_table) and in_table not in (BY_ITEM, value):
        what = (
            f"the {column.replace('_', ' ')} of {name} is {in_table} in the {_TABLE}, and not in "
        )
        what += "the answers."
        job.problems.append(Problem(what, "Correct one of them.", column=column, value=str(value)))
    if value == "" or in_table == BY_ITEM:
        return in_table, "" if in_table == "" else f" ({_TABLE})"
    return value, f" (column {column})"


def need_sources(frame: pd.DataFrame, job: Loading, noun: str = "answer") -> None:
    """See that each benchmark has answers in its source language, and in another."""
    pairs = frame[["benchmark", "language", "source_language"]].drop_duplicates()
    for name, part in pairs.groupby("benchmark"):
        benchmark = str(name)
        languages, sources = sorted(part["language"].unique()), part["source_language"].unique()
        if len(languages) == 1:
            what = f"the only language{benchmark and f' of {benchmark}'} is {languages[0]}: "
            what += "there is no target language."
            job.problems.append(Problem(what, f"Add the {noun}s in other languages."))
        elif "" not in sources and not (part["language"] == part["source_language"]).any():
            what = f"no {noun}{benchmark and f' to {benchmark}'} is in the source language "
            what += f"{sources[0] if len(sources) == 1 else 'of its items'}."
            remedy = f"Add the {noun}s in that language, or make another one the source_language "
            remedy += f"(languages read: {listing(languages, 20)})."
            job.problems.append(Problem(what, remedy))
