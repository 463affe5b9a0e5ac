"""What the book knows of models, benchmarks, sources and languages."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data import data_folder, note_read, schema
from hatlib.data.loading import Loading, typed
from hatlib.errors import Problem

BUNDLED = {
    "accuracies": "published/accuracies.csv",
    "models": "models.csv",
    "benchmarks": "benchmarks.csv",
    "sources": "sources.csv",
    "languages": "languages.csv",
    "names": "names.csv",
    "corrections": "corrections.csv",
}


@dataclass(frozen=True)
class Book:
    """What the book knows of models, benchmarks, sources and languages.

    Attributes
    ----------
    models, benchmarks, sources, languages : DataFrame
        The validated tables, with those that have item-level answers only.
    """

    models: pd.DataFrame
    benchmarks: pd.DataFrame
    sources: pd.DataFrame
    languages: pd.DataFrame


@lru_cache(maxsize=1)
def book() -> Book:
    """The tables that describe what is evaluated, validated.

    Examples
    --------
    >>> "copa-dialects" in set(book().benchmarks["benchmark"])
    True
    """
    job = Loading()
    frames = {
        name: bundled_table(name, rules, job)
        for name, rules in (
            ("models", schema.MODELS),
            ("benchmarks", schema.BENCHMARKS),
            ("sources", schema.SOURCES),
            ("languages", schema.LANGUAGES),
        )
    }
    job.stop_if_wrong()
    frames["models"] = with_model_columns(frames["models"])
    return Book(**frames)


def bundled_table(name: str, rules: schema.Rules, job: Loading) -> pd.DataFrame:
    """A table of the book, typed and checked."""
    text = _text(name)
    place = schema.Place(BUNDLED[name], range(2, len(text) + 2))
    frame, wrong = typed(text, place)
    job.keep_rules(frame, rules, place, wrong)
    return frame


def _text(name: str) -> pd.DataFrame:
    """A table of the book as it is; that its file is sound is what its sha256 is for."""
    path = data_folder() / BUNDLED[name]
    note_read(path)
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@lru_cache(maxsize=1)
def _aliases() -> Mapping[str, str]:
    """Models by every name that a source or the book has for them."""
    names = _text("names")
    known = book().models
    pairs = [
        (names["name_in_source"], names["model"]),
        (known["display_name"], known["model"]),
        (known["model"], known["model"]),
    ]
    return {slug(name): model for a, b in pairs for name, model in zip(a, b, strict=True)}


def known_models(names: pd.Series) -> pd.DataFrame:
    """Columns of the models table for names that the book knows, missing for others."""
    aliases = _aliases()
    known = names.map(
        lambda name: aliases.get(slug(name)) or aliases.get(slug(_without_owner(name)))
    )
    columns = book().models.set_index("model")[list(schema.MODEL_COLUMNS)]
    return columns.reindex(known).set_axis(names.index)


def describe_languages(codes: Iterable[str]) -> pd.DataFrame:
    """One row for each language code; a language that the book does not know has its code as name.

    Examples
    --------
    >>> describe_languages(["de", "tlh"])["name"].tolist()
    ['German', 'tlh']
    """
    frame = pd.DataFrame({"language": list(codes)}).merge(
        book().languages, on="language", how="left"
    )
    frame["name"] = frame["name"].fillna(frame["language"])
    return frame.fillna({"script": "", "family": ""})


def with_model_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of the models table that are not there, empty, with their types."""
    empty: dict[str, Any] = {
        "params_total_b": np.nan,
        "params_active_b": np.nan,
        "release_date": pd.NaT,
    }
    frame = frame.copy()
    for column in schema.MODEL_COLUMNS:
        if column not in frame:
            frame[column] = empty.get(column, "")
        if column not in empty:
            frame[column] = frame[column].fillna("").astype(str)
    frame["release_date"] = frame["release_date"].astype("datetime64[ns]")
    # The sizes of a family make a ladder, unless the table says which models belong together;
    # a model of no known lineage stands for itself.
    for column, other in (("ladder", "family"), ("lineage", "family"), ("display_name", "model")):
        frame[column] = frame[column].where(frame[column] != "", frame[other])
    return frame


def undescribed(frame: pd.DataFrame) -> list[Problem]:
    """What a table of the book names and no other table describes."""
    problems = []
    for column, table in (
        ("model", "models"),
        ("benchmark", "benchmarks"),
        ("source", "sources"),
        ("language", "languages"),
    ):
        unknown = sorted(set(frame[column].unique()) - set(getattr(book(), table)[column]))
        what = f"{column} is not described in {BUNDLED[table]}."
        problems += [Problem(what, value=value) for value in unknown]
    return problems


def slug(text: str) -> str:
    """A short name of lower-case letters, digits, points and hyphens.

    Text that leaves nothing gets a name from its bytes, so that two sets never share one.
    """
    short = re.sub(r"[^a-z0-9.#]+", "-", text.lower()).strip("-.")
    return short or f"x{zlib.crc32(text.encode()):08x}"


def _without_owner(name: str) -> str:
    """`google/gemma-3-4b-it#no-thinking` without who publishes it and how it was run."""
    return name.split("/")[-1].split("#")[0]
