"""What the book knows of models, benchmarks, sources and languages."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from hatlib.data import data_folder, note_read
from hatlib.data.files import Place
from hatlib.data.loading import typed
from hatlib.data.schema import MODEL_COLUMNS

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


def known_models(names: pd.Series) -> pd.DataFrame:
    """Columns of the models table for names that the book knows, missing for others."""
    # `google/gemma-3-4b-it#no-thinking` without who publishes it and how it was run
    bare = names.str.split("/").str[-1].str.split("#").str[0]
    known = names.map(slug).map(_aliases()).fillna(bare.map(slug).map(_aliases()))
    columns = book().models.set_index("model")[list(MODEL_COLUMNS)]
    return columns.reindex(known).set_axis(names.index)


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
