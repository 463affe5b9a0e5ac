"""The instance-level files of Every Eval Ever: one JSON object a line, one answer each.

Known versions of the schema: `VERSIONS`. A row has ``model_id``, ``evaluation_name`` (the task),
``sample_id`` and ``evaluation`` with ``is_correct`` and ``score``. The traps: one answer has a row
for each metric or filter; ``is_correct`` is only meaningful where the score is 0 or 1; the same
samples come again in epochs (``metadata.epoch``), in a copy of the file and in a later run. The
aggregate results (``.json``) beside the file say how the model was run, and are not needed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hatlib.errors import listing
from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import WHERE, at, first_of, key_of, listed, mapping, score_of
from hatlib.logs.reading import File, Found, json_value
from hatlib.logs.settings import flat
from hatlib.words import counted

#: Versions of the instance-level schema that this module was written for.
VERSIONS = ("0.0.1", "0.2.0", "0.2.1", "0.2.2")

_STAMP = re.compile(r"(\d{9,}(?:\.\d+)?)$")  # seconds since 1970, at the end of an evaluation_id


class Eee(Format):
    """Instance-level files of Every Eval Ever."""

    files = "instance-level files"
    metric = "field"
    where = WHERE["eee"]

    def wanted(self, name: str) -> bool:
        return name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst"))

    def beside(self, name: str) -> bool:
        return name.endswith((".json", ".json.gz"))

    def runs(self, found: Found) -> list[Run]:
        if self.options.metric not in ("", "is_correct", "score"):
            # Rows of one answer are told apart by filter or metric.
            wanted = self.options.filter or self.options.metric
            self.options = replace(self.options, metric="", filter=wanted)
        self._versions = Counter[str]()
        settings: dict[tuple[str, str], dict[str, str]] = {}
        for file in found.beside:
            for result in listed(mapping(json_value(file, self.notes)).get("evaluation_results")):
                config = mapping(at(result, "generation_config"))
                told = flat(mapping(config.get("generation_args") or config))
                settings[_stem(file)] = settings.get(_stem(file), {}) | told
        return [Run(file, settings=settings.get(_stem(file), {})) for file in found.files]

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        scores, variant = mapping(record.get("evaluation")), said["variant"]
        if record.get("error") or not scores:
            return "lost to an error" if scores else "without evaluation"
        self._versions[first_of(record, "schema_version") or "none named"] += 1
        # Which of the rows of one answer it is: its filter and metric.
        result = first_of(record, "evaluation_result_id")
        metric = result.removeprefix(said["run"]).strip("#:/_-. ") or result
        part = variant if said["task"].endswith(f"/{variant}") else ""
        key, asked = key_of(at(record, "metadata.key")), mapping(record.get("input"))
        return {
            "task": said["task"].removesuffix(f"/{variant}"),
            "variant": "/".join(filter(None, (part, metric))),
            "key": key or key_of(asked.get("reference"), asked.get("choices")),
            "scores": {k: score_of(scores[k]) for k in ("is_correct", "score") if k in scores},
        }

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The newest evaluation first; without epochs, the rows of one file of it."""
        notes, versions = self.notes, listing(sorted(self._versions))
        known = self._versions.keys() <= {*VERSIONS}
        notes.read.append(f"Schema version {versions}.")
        notes.assumed += [] if known else [f"Schema {versions} is read as {VERSIONS[-1]}."]
        cell = ["model", "benchmark", "language", "item", "prompting", "run"]
        date = rows["run"].str.extract(_STAMP)[0].astype(float)
        undated = date.isna().groupby([rows["model"], rows["task"]]).transform("any")
        first = rows.groupby([*cell, "variant"])["number"].transform("min")
        again = (rows["number"] != first) & (rows["trial"] == "")
        if again.any():
            n = counted(int(again.sum()), "row")
            notes.dropped.append(f"{n} again, in another file of the evaluation.")
        rows = rows[~again].assign(age=(-date).mask(undated, 0))
        trial = [*cell, "trial"]
        if (rows.duplicated(trial) & ~rows.duplicated([*trial, "variant"])).any():
            return rows
        return rows.assign(variant="")

    def wish(self, what: str, rows: pd.DataFrame) -> str | None:
        """``is_correct``, unless the score says more or something else."""
        if self.options.metric or "=score" not in rows:
            return self.options.metric
        score, right = rows["=score"], rows.get("=is_correct", rows["=score"].round())
        differ = int((np.isfinite(score) & np.isfinite(right) & (right != score)).sum())
        if differ and self.options.threshold is None:
            return self.notes.problem(
                f"is_correct and score differ in {counted(differ, 'answer')} to {what}: is_correct "
                "means little where the score is graded.",
                "Choose --metric is_correct, or --metric score, with --threshold if it is graded.",
            )
        return "score" if differ else "is_correct"


def _stem(file: File) -> tuple[str, str]:
    """What a file of answers and that of its aggregate results share."""
    return file.folder, re.sub(r"(_samples)?\.jsonl?(\.gz|\.zst)?$", "", file.base)
