"""Check the tables and write ``datapackage.json``: what each file holds, its columns, its sha256.

Run it after a change of the data: ``python data/describe.py``.
The form is that of a Frictionless data package.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from hatlib.data import loading
from hatlib.data.about import BUNDLED
from hatlib.data.files import Place
from hatlib.data.languages import is_language, language_of
from hatlib.data.loading import repeated, typed
from hatlib.data.responses import SETS
from hatlib.data.tables import STUDIES
from hatlib.errors import InputError, Problem
from hatlib.metric.reference import STANDARDS

HERE = Path(__file__).resolve().parent

_FILLED = ["is empty"]
_NAME = ["is empty", "stands in more than one row"]
_TEXTS = ("title", "publisher", "url", "revision", "date", "licence", "caveats")

#: What breaks the columns of each table, in the words of hatlib/data/tables.toml.
RULES: dict[str, dict[str, list[str]]] = {
    "accuracies": loading.FORMS["accuracies"].columns,
    "models": loading.FORMS["models"].columns | {"display_name": _FILLED},
    "benchmarks": {
        "benchmark": _NAME,
        "name": _FILLED,
        "source_language": _FILLED,
        "chance_level": ["is missing", "is not below 1", "is below 0"],
        "n_items": ["is not above 0"],
    },
    "sources": {"source": _NAME, **dict.fromkeys(_TEXTS, _FILLED)},
    "languages": {"language": _NAME, **dict.fromkeys(["name", "script", "family"], _FILLED)},
}

DESCRIPTIONS = {
    "accuracies": "Published accuracies by model and language, as printed.",
    "models": "Names, families, sizes and release dates of the models, with the evidence.",
    "benchmarks": "Source language, chance level and answer format of the benchmarks.",
    "sources": "Where the figures come from: publisher, address, terms and caveats.",
    "languages": "Name, script and family of each language.",
    "names": "How each source calls each model, and which model that is here.",
    "corrections": "Where the tables differ from what a source prints, and why.",
    "study-estimators": "Simulated: error and coverage of each estimator of the HAT score.",
    "study-power": "Simulated: how small a difference between two models can be seen.",
    "study-situations": "Simulated: what breaks the HAT score, and what is said of it.",
    "study-planning": "Simulated: scatter of the difference of two models, by size and world.",
}

COLUMNS = {
    "source": "the source, see sources.csv",
    "benchmark": "the benchmark, see benchmarks.csv",
    "version": "version or split of the benchmark; figures compare within one only",
    "setup": "how the model was asked: shots, decoding",
    "model": "the model, see models.csv",
    "reasoning": "thinking off (none), on without a level, or its effort level",
    "prompting": "which of several prompts, if the source tells them apart",
    "language": "language code, ISO 639",
    "accuracy": "share of items answered correctly, 0 to 1",
    "n_items": "number of items asked, if known",
    "item": "the item; the same in every language",
    "n_correct": "number of right answers",
    "n_trials": "number of times the item was asked",
    "n_parsed": "answers that could be read; one that could not counts as wrong",
    "n_missing": "empty answers, which are not counted as trials",
    "source_language": "where the transfer of the item starts; item in benchmarks.csv if it varies",
    "cluster": "items with the same value belong together",
    "margin": "half width that the source prints beside the accuracy, 0 to 1",
    "locator": "where in the source the figure stands",
    "family": "models that were released together under one name",
    "lineage": "families that follow one another",
    "ladder": "models of one generation that differ in size, if not simply the family",
    "params_total_b": "parameters, in thousand millions",
    "params_active_b": "parameters active per token, in thousand millions",
    "release_date": "date of release",
    "date_precision": "whether the date is known to the day or to the month",
    "date_evidence": "what the release date rests on",
    "chance_level": "accuracy of a guess, 0 to 1",
    "caveats": "what to mind when using the figures",
    "items": "name of the file with answers item by item, if the book has it",
    "use": "what the set is good for",
}

#: Columns of numbers; every column of a study is one, unless it is named here.
NUMBERS = {"accuracy", "margin", "params_total_b", "params_active_b", "chance_level"}
STUDY_TEXT = {
    "group",
    "name",
    "profiles",
    "estimator",
    "status",
    "said",
    "listed",
    "remarks",
    "before_status",
    "purpose",
    "profile",
    "ability",
}


def problems() -> list[Problem]:
    """Everything that is wrong with the tables.

    They keep the rules, no key repeats, codes are in their standard form, and what a table names
    is described in another.
    """
    frames: dict[str, pd.DataFrame] = {}
    found: list[Problem] = []
    for name, rules in RULES.items():
        text = pd.read_csv(HERE / BUNDLED[name], dtype=str, keep_default_na=False)
        place = Place(BUNDLED[name], range(1, len(text) + 1))
        frames[name], wrong = typed(text, place)
        found += loading.check(frames[name], rules, place, wrong)
        if name == "accuracies":
            found += repeated(frames[name], loading.KEY, [place], "Keep one.")
    names = pd.read_csv(HERE / BUNDLED["names"], dtype=str, keep_default_na=False)
    for table, column in (
        *((frames["accuracies"], c) for c in ("model", "benchmark", "source", "language")),
        (names, "model"),
    ):
        known = set(frames[f"{column}s"][column])
        for value in sorted(set(table[column].unique()) - known):
            found.append(Problem(f"{column} is not described in {column}s.csv.", value=value))
    for code in frames["benchmarks"]["source_language"]:
        if code != "item" and not is_language(code):
            found.append(Problem("the code is no language.", value=code))
    for code in frames["languages"]["language"]:
        if language_of(code) != code:
            found.append(Problem("the code is not the standard one.", value=code))
    return found


def describe() -> dict[str, Any]:
    """The data package of the bundled files, as a dictionary."""
    return {
        "profile": "data-package",
        "name": "hat-book-data",
        "title": "Published accuracies and item-level answers of language models by language",
        "resources": [
            *(_table(name, path) for name, path in {**BUNDLED, **STUDIES}.items()),
            *(_items(source) for source in sorted(set(SETS.values()))),
            *(_standard(benchmark) for benchmark in STANDARDS),
        ],
    }


def _resource(name: str, place: str, description: str, form: str, kind: str) -> dict[str, Any]:
    content = (HERE / place).read_bytes()
    return {
        "name": name,
        "path": place,
        "description": description,
        "format": form,
        "mediatype": kind,
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
    }


def _table(name: str, place: str) -> dict[str, Any]:
    """A CSV file."""
    with (HERE / place).open(encoding="utf-8", newline="") as stream:
        columns = next(csv.reader(stream))
    return {
        "profile": "tabular-data-resource",
        **_resource(name, place, DESCRIPTIONS[name], "csv", "text/csv"),
        "encoding": "utf-8",
        "schema": {"fields": [_field(name, column) for column in columns], "missingValues": [""]},
    }


def _field(table: str, column: str) -> dict[str, Any]:
    kind = "number" if column in NUMBERS else "integer" if column == "n_items" else "string"
    if table in STUDIES:
        kind = "string" if column in STUDY_TEXT else "number"
    field: dict[str, Any] = {"name": column, "type": kind}
    if column in COLUMNS:
        field["description"] = COLUMNS[column]
    filled = {"is empty", "is missing", "is not a known reasoning setting"}
    if filled & set(RULES.get(table, {}).get(column, ())):
        field["constraints"] = {"required": True}
    return field


def _items(source: str) -> dict[str, Any]:
    """A Parquet file of item-level answers."""
    place = f"items/{source}.parquet"
    benchmarks = ", ".join(b for b, s in SETS.items() if s == source)
    about = f"Answers item by item, see sources.csv; benchmarks: {benchmarks}."
    fields = [_item_field(column) for column in parquet.read_schema(HERE / place)]
    return {
        # Checks of the table itself are for text; the hash keeps this one as it is.
        "profile": "data-resource",
        "type": "file",
        **_resource(f"items-{source}", place, about, "parquet", "application/vnd.apache.parquet"),
        "schema": {"fields": fields},
    }


def _item_field(column: arrow.Field) -> dict[str, Any]:
    kinds = {"string": "string", "uint8": "integer", "bool": "boolean"}
    kind = kinds[str(column.type)]
    about = "whether this model, see models.csv, was right in its one trial"
    about = COLUMNS.get(column.name, about if kind == "boolean" else "")
    constraints = {"required": True}
    return {"name": column.name, "type": kind, "description": about, "constraints": constraints}


def _standard(benchmark: str) -> dict[str, Any]:
    """The JSON file of a frozen standard."""
    about = (
        f"Standard of {benchmark}, frozen in edition 0.3.0: reference hardness and common shape."
    )
    place = f"standards/{benchmark}.json"
    resource = _resource(f"standard-{benchmark}", place, about, "json", "application/json")
    return {"profile": "data-resource", "type": "file", **resource, "encoding": "utf-8"}


def main() -> None:
    """Check the tables and write the file."""
    found = problems()
    if found:
        raise InputError(found)
    text = json.dumps(describe(), indent=1, ensure_ascii=False) + "\n"
    (HERE / "datapackage.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
