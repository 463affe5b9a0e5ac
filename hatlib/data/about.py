"""What is known of models, benchmarks and languages: by the book, and by a user of their own.

The caller may say it for all benchmarks, a column of the answers or a table of benchmarks for each.
What nobody says is assumed, and reported.
"""

from __future__ import annotations

import csv
import re
import tomllib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data import data_folder, note_read
from hatlib.data.files import Place
from hatlib.data.loading import BY_ITEM, MODEL_COLUMNS, Loading, typed
from hatlib.errors import Problem, listing

#: The tables of the book.
BUNDLED = {
    "accuracies": "published/accuracies.csv",
    "models": "models.csv",
    "benchmarks": "benchmarks.csv",
    "sources": "sources.csv",
    "languages": "languages.csv",
    "names": "names.csv",
    "corrections": "corrections.csv",
}

_SIZES = ("params_total_b", "params_active_b")

#: The source language where nothing says which it is.
ENGLISH = "en"

_TABLE = "table of benchmarks"
_GIVEN = "as given"
_NOBODY = ", as none was given"
_IN_BOOK = ", as in the benchmarks table of the book"
_NAMES = Path(__file__).with_name("multiple_choice.toml").read_text(encoding="utf-8")
_OPTIONS: Mapping[str, list[str]] = tomllib.loads(_NAMES)["options"]


@dataclass(frozen=True)
class Book:
    """What the book knows of models, benchmarks, sources and languages.

    Attributes
    ----------
    models, benchmarks, sources, languages : DataFrame
        The tables, with those that have item-level answers only.
    """

    models: pd.DataFrame
    benchmarks: pd.DataFrame
    sources: pd.DataFrame
    languages: pd.DataFrame


@lru_cache(maxsize=1)
def book() -> Book:
    """The tables that describe what is evaluated.

    Examples
    --------
    >>> "copa-dialects" in set(book().benchmarks["benchmark"])
    True
    """
    frames = {name: bundled(name) for name in ("models", "benchmarks", "sources", "languages")}
    return Book(**(frames | {"models": with_model_columns(frames["models"])}))


def bundled_rows(name: str) -> list[dict[str, str]]:
    """A table of the book, row by row, as text."""
    with (data_folder() / BUNDLED[name]).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def bundled(name: str) -> pd.DataFrame:
    """A table of the book as it is; that it keeps the rules is tested, and its sha256 kept."""
    path = data_folder() / BUNDLED[name]
    note_read(path)
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return typed(frame, Place(BUNDLED[name], range(1, len(frame) + 1)))[0]


@lru_cache(maxsize=1)
def _aliases() -> Mapping[str, str]:
    """Models by every name that a source or the book has for them."""
    names, known = bundled("names"), book().models
    called = pd.concat([names["name_in_source"], known["display_name"], known["model"]])
    models = pd.concat([names["model"], known["model"], known["model"]])
    return dict(zip(called.map(slug), models, strict=True))


def describe_languages(codes: Iterable[str]) -> pd.DataFrame:
    """One row for each language code; a language that the book does not know has its code as name.

    Examples
    --------
    >>> describe_languages(["tlh", "de"])["name"].tolist()
    ['German', 'tlh']
    """
    frame = pd.DataFrame({"language": sorted(set(codes))})
    frame = frame.merge(book().languages, on="language", how="left")
    frame["name"] = frame["name"].fillna(frame["language"])
    return frame.fillna({"script": "", "family": ""})


def with_model_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of the models table that are not there, empty, with their types."""
    frame = frame.reindex(columns=list(dict.fromkeys([*frame, *MODEL_COLUMNS])))
    texts = [c for c in MODEL_COLUMNS if c not in (*_SIZES, "release_date")]
    frame[texts] = frame[texts].astype(str).fillna("")
    frame = frame.astype({**dict.fromkeys(_SIZES, float), "release_date": "datetime64[ns]"})
    # The sizes of a family make a ladder, unless the table says which models belong together;
    # a model of no known lineage stands for itself.
    for column, other in (("ladder", "family"), ("lineage", "family"), ("display_name", "model")):
        frame[column] = frame[column].where(frame[column] != "", frame[other])
    return frame


def slug(text: str) -> str:
    """A short name of lower-case letters, digits, points and hyphens.

    Text that leaves nothing gets a name from its bytes, so that two sets never share one.
    """
    short = re.sub(r"[^a-z0-9.#]+", "-", text.lower()).strip("-.")
    return short or f"x{zlib.crc32(text.encode()):08x}"


def options_by_name(benchmark: str) -> int | None:
    """How many options a benchmark has, if its name is that of a known set; 0 for free answers.

    Examples
    --------
    >>> options_by_name("global_mmlu_full_de"), options_by_name("winogrande-african")
    (4, 2)
    >>> options_by_name("mgsm"), options_by_name("my-quiz")
    (0, None)
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
    for _, twins in names.groupby(names["model"].map(slug)):
        if len(twins) > 1:
            job.assumed.append(f"{listing(twins['model'])}: {len(twins)} models by their names.")
    beside = [c for c in MODEL_COLUMNS if c in frame]
    if own is not None:
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
        own = values.drop_duplicates("model")
    else:
        # `google/gemma-3-4b-it#no-thinking` without who publishes it and how it was run
        bare = names["model"].str.split("/").str[-1].str.split("#").str[0]
        known = names["model"].map(slug).map(_aliases()).fillna(bare.map(slug).map(_aliases()))
        columns = book().models.set_index("model")[list(MODEL_COLUMNS)]
        own = columns.reindex(known).reset_index(drop=True).assign(model=names["model"])
        n_known = int(own["family"].notna().sum())
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
    return with_model_columns(names.merge(own, on="model", how="left"))


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
    rows, facts = [], dict[tuple[str, str, str], list[str]]()
    for name, said in frame[columns].drop_duplicates().groupby("benchmark"):
        row, known = in_table.get(name, {}), in_book.get(name, {})
        guess = (float(known["chance_level"]), _IN_BOOK) if known else (0.0, _NOBODY)
        of = partial(_said_of, name=str(name), said=said, row=row, job=job)
        source, why = of("source_language", source_language) or (ENGLISH, _NOBODY)
        level, origin = of("chance_level", chance) or guess
        empty = "source_language" not in said or (said["source_language"] == "").any()
        if empty and (source == BY_ITEM or "column" in why):
            what = f"{'some' if 'column' in why else 'the'} rows of {name} have no source_language."
            remedy = "Fill the column in for all rows, or name one source language."
            job.problems.append(Problem(what, remedy, column="source_language"))
        shown = "its own for each item" if source == BY_ITEM else source
        facts.setdefault(("Source language", shown, why), []).append(str(name))
        facts.setdefault(("Chance level", f"{level:.3g}", origin), []).append(str(name))
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
    for (what, value, told), names in facts.items():
        if told != _GIVEN:
            lines = job.assumed if told.startswith(",") else job.read
            lines.append(f"{what} of {listing(names)}: {value}{told}.")
    unknown = sorted(set(frame["benchmark"]) - set(in_table))
    if table is not None and unknown:
        job.assumed.append(f"Not in the {_TABLE}: {listing(unknown)}.")
    return pd.DataFrame(rows).astype({"n_items": "Int64"})


def _said_of(
    column: str, given: Any, name: str, said: pd.DataFrame, row: Mapping[Any, Any], job: Loading
) -> tuple[Any, str] | None:
    """A fact of one benchmark, and what says so; None if nothing does."""
    if given or given == 0:
        return given, _GIVEN
    there = said[column].replace("", np.nan).dropna() if column in said else pd.Series()
    values, in_table = sorted(there.unique()), row.get(column, "")
    in_table = "" if pd.isna(in_table) else in_table
    value = values[0] if len(values) == 1 else BY_ITEM if values else ""
    if value == BY_ITEM and column == "chance_level":
        what = f"{name} has more than one chance_level."
        remedy = "Give a benchmark one, the same in all rows; where the number of options differs, "
        remedy += "the mean of 1 / their number."
        job.problems.append(Problem(what, remedy, column=column, value=listing(values)))
        value = values[0]
    if "" not in (value, in_table) and in_table not in (BY_ITEM, value):
        what = f"the {column.replace('_', ' ')} of {name} is {in_table} in the {_TABLE}, "
        what += "and not in the answers."
        job.problems.append(Problem(what, "Correct one of them.", column=column, value=str(value)))
    if value == "" or in_table == BY_ITEM:
        return None if in_table == "" else (in_table, f" ({_TABLE})")
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
