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
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.door import importer_of
from hatlib.errors import listing
from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import WHERE, at, first_of, key_of, listed, mapping, score_of
from hatlib.logs.reading import File, Found, Notes, json_value, objects
from hatlib.logs.settings import flat
from hatlib.words import counted

#: Versions of the instance-level schema that this module was written for.
VERSIONS = ("0.0.1", "0.2.0", "0.2.1", "0.2.2")

_STAMP = re.compile(r"(\d{9,}(?:\.\d+)?)$")  # seconds since 1970, at the end of an evaluation_id
_BOTH = ("is_correct", "score")


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
        if found.beside:
            n = counted(len(found.beside), "file")
            self.notes.dropped.append(f"{n} of aggregate results: read for settings only.")
        if self.options.metric not in ("", *_BOTH):
            # Rows of one answer are told apart by filter or metric.
            wanted = self.options.filter or self.options.metric
            self.options = replace(self.options, metric="", filter=wanted)
        self._versions = Counter[str]()
        beside = {_stem(file): file for file in found.beside}
        return [Run(file, settings=_settings(beside.get(_stem(file)))) for file in found.files]

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        notes, name = self.notes, run.file.name
        bad: list[tuple[int, str, str]] = []
        turns = errors = 0
        for number, row in objects(run.file, notes):
            if "evaluation_results" in row and "sample_id" not in row:
                notes.dropped.append(f"{name}: aggregate results, not needed.")
                return
            said, scores = self.said(row), mapping(row.get("evaluation"))
            lacking = [self.where[ours][-1] for ours in ("model", "task", "item") if not said[ours]]
            if lacking or not scores:
                bad.append((number, listing(lacking or ["evaluation"]), importer_of(row)))
                continue
            self._versions[first_of(row, "schema_version")] += 1
            turns += row.get("interaction_type") in ("multi_turn", "agentic")
            if row.get("error"):
                errors += 1
                continue
            key = key_of(at(row, "metadata.key"))
            yield said | {
                "task": said["task"].removesuffix(f"/{said['variant']}"),
                "variant": _variant(row, said),
                "key": key or key_of(at(row, "input.reference"), at(row, "input.choices")),
                "scores": {k: score_of(scores[k]) for k in _BOTH if k in scores},
            }
        if bad:
            number, lacking_names, program = bad[0]
            what = f"{counted(len(bad), 'row')} without what an instance-level row needs."
            other = f"Use hat import {program}." if program else ""
            remedy = other or "Check the file against the schema of Every Eval Ever."
            notes.problem(what, remedy, name, row=number, value=lacking_names)
        if errors:
            notes.dropped.append(f"{name}: {counted(errors, 'row')} lost to an error.")
        if turns:
            n = counted(turns, "answer")
            notes.read.append(f"{n} of several turns, each judged, and counted, as one trial.")

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The newest evaluation first; without epochs, the rows of one file of it."""
        notes, versions = self.notes, sorted(self._versions)
        notes.read.append(f"Schema version {listing(v or 'none named' for v in versions)}.")
        other = [v or "none named" for v in versions if v not in VERSIONS]
        if other:
            notes.assumed.append(
                f"Schema version {listing(other)} is read as {VERSIONS[-1]}; "
                f"known are {listing(VERSIONS)}."
            )
        cell = ["model", "benchmark", "language", "item", "prompting"]
        date = rows["run"].str.extract(_STAMP)[0].astype(float)
        undated = date.isna().groupby([rows["model"], rows["task"]]).transform("any")
        first = rows.groupby([*cell, "run", "variant"])["number"].transform("min")
        again = (rows["number"] != first) & (rows["trial"] == "")
        if again.any():
            n = counted(int(again.sum()), "row")
            notes.dropped.append(f"{n} again, in another file of the evaluation.")
        rows = rows[~again].assign(age=(-date).mask(undated, 0))
        trial = [*cell, "run", "trial"]
        if (rows.duplicated(trial) & ~rows.duplicated([*trial, "variant"])).any():
            return rows
        return rows.assign(variant="")

    def wish(self, what: str, rows: pd.DataFrame) -> str | None:
        """``is_correct``, unless the score says more or something else."""
        if self.options.metric or "=score" not in rows:
            return self.options.metric
        score = rows["=score"][np.isfinite(rows["=score"])]
        graded = int((~score.isin([0.0, 1.0])).sum())
        if graded and self.options.threshold is not None:
            return "score"
        right = rows["=is_correct"].loc[score.index] if "=is_correct" in rows else score
        differ = int((np.isfinite(right) & (right != score)).sum())
        if graded or differ:
            why = (
                "score is neither 0 nor 1, and is_correct means little,"
                if graded
                else "is_correct and score differ"
            )
            return self.notes.problem(
                f"{why} in {counted(graded or differ, 'answer')} to {what}.",
                "Choose --metric is_correct, or --metric score, with --threshold if it is graded.",
            )
        return "is_correct"


def _settings(file: File | None) -> dict[str, str]:
    """How a run was set, by its aggregate results."""
    whole = mapping(json_value(file, Notes())) if file else {}
    found: dict[str, str] = {}
    for result in map(mapping, listed(whole.get("evaluation_results"))):
        config = mapping(result.get("generation_config"))
        found |= flat(mapping(config.get("generation_args") or config))
    return found


def _stem(file: File) -> tuple[str, str]:
    """What a file of answers and that of its aggregate results share."""
    return file.folder, re.sub(r"(_samples)?\.jsonl?(\.gz|\.zst)?$", "", file.base)


def _variant(row: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """Which of the rows of one answer it is: its filter and metric."""
    chosen = said["variant"] if said["task"].endswith(f"/{said['variant']}") else ""
    result = first_of(row, "evaluation_result_id")
    metric = result.removeprefix(said["run"]).strip("#:/_-. ") or result
    return "/".join(filter(None, (chosen, metric)))
