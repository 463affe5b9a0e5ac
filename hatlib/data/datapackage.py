"""Write ``data/datapackage.json``: what each file holds, its columns and its sha256.

Run it after a change of the data: ``python -m hatlib.data.datapackage``.
The form is that of a Frictionless data package.
"""

from __future__ import annotations

import csv
import hashlib
import json
from typing import Any

import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from hatlib.data import schema
from hatlib.data.responses import SETS, item_file
from hatlib.data.tables import BUNDLED, STUDIES, data_folder
from hatlib.metric.standards import STANDARDS, standard_file

SCHEMAS: dict[str, pa.DataFrameSchema] = {
    "accuracies": schema.ACCURACIES,
    "models": schema.MODELS,
    "benchmarks": schema.BENCHMARKS,
    "sources": schema.SOURCES,
    "languages": schema.LANGUAGES,
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
}

_NUMBERS = {"accuracy", "margin", "params_total_b", "params_active_b", "chance_level"}


def describe() -> dict[str, Any]:
    """The data package of the bundled files, as a dictionary.

    Examples
    --------
    >>> [resource["name"] for resource in describe()["resources"]][:2]
    ['accuracies', 'models']
    """
    return {
        "profile": "data-package",
        "name": "hat-book-data",
        "title": "Published accuracies and item-level answers of language models by language",
        "resources": [
            *(_resource(name, path) for name, path in {**BUNDLED, **STUDIES}.items()),
            *(_item_resource(source) for source in sorted(set(SETS.values()))),
            *(_standard_resource(benchmark) for benchmark in STANDARDS),
        ],
    }


def _resource(name: str, place: str) -> dict[str, Any]:
    path = data_folder() / place
    content = path.read_bytes()
    with path.open(encoding="utf-8", newline="") as stream:
        columns = next(csv.reader(stream))
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "path": place,
        "description": DESCRIPTIONS[name],
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "schema": {"fields": [_field(name, column) for column in columns], "missingValues": [""]},
    }


def _item_resource(source: str) -> dict[str, Any]:
    """A Parquet file of item-level answers."""
    path = item_file(source)
    content = path.read_bytes()
    columns = parquet.read_schema(path)
    benchmarks = ", ".join(b for b, s in SETS.items() if s == source)
    return {
        # Checks of the table itself are for text; the hash keeps this one as it is.
        "profile": "data-resource",
        "type": "file",
        "name": f"items-{source}",
        "path": path.relative_to(data_folder()).as_posix(),
        "description": f"Answers item by item, see sources.csv; benchmarks: {benchmarks}.",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "schema": {"fields": [_item_field(column) for column in columns]},
    }


def _standard_resource(benchmark: str) -> dict[str, Any]:
    """The JSON file of a frozen standard."""
    path = standard_file(benchmark)
    content = path.read_bytes()
    return {
        "profile": "data-resource",
        "type": "file",
        "name": f"standard-{benchmark}",
        "path": path.relative_to(data_folder()).as_posix(),
        "description": f"Frozen standard of {benchmark}: reference hardness and common shape.",
        "format": "json",
        "mediatype": "application/json",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
    }


def _item_field(column: arrow.Field) -> dict[str, Any]:
    kinds = {"string": "string", "uint8": "integer", "bool": "boolean"}
    field: dict[str, Any] = {"name": column.name, "type": kinds[str(column.type)]}
    about = COLUMNS.get(column.name, "")
    if field["type"] == "boolean":
        about = "whether this model, see models.csv, was right in its one trial"
    return field | {"description": about, "constraints": {"required": True}}


def _field(table: str, column: str) -> dict[str, Any]:
    if table in STUDIES:
        text = (
            *(
                "group",
                "name",
                "profiles",
                "estimator",
                "status",
                "said",
                "listed",
                "before_status",
            ),
            *("purpose", "profile", "ability"),
        )
        kind = "string" if column in text else "number"
    else:
        kind = "number" if column in _NUMBERS else "integer" if column == "n_items" else "string"
    field: dict[str, Any] = {"name": column, "type": kind}
    if column in COLUMNS:
        field["description"] = COLUMNS[column]
    rules = SCHEMAS.get(table)
    if rules is not None and column in rules.columns and not rules.columns[column].nullable:
        field["constraints"] = {"required": True}
    return field


def main() -> None:
    """Write the file."""
    target = data_folder() / "datapackage.json"
    text = json.dumps(describe(), indent=1, ensure_ascii=False) + "\n"
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
