"""The instance-level files of Every Eval Ever: one JSON object a line, one answer each.

Known versions of the schema: `VERSIONS`. A row has ``model_id``, ``evaluation_name`` (the task),
``sample_id`` and ``evaluation`` with ``is_correct`` and ``score``. The traps: one answer has a row
for each metric or filter; ``is_correct`` is only meaningful where the score is 0 or 1; the same
samples come again in epochs (``metadata.epoch``), in a copy of the file and in a later run. The
aggregate results (``.json``) beside the file are not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hatlib.errors import listing
from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import at, first_of, key_of, mapping, score_of
from hatlib.logs.languages import language_in
from hatlib.logs.reading import File, Found, Notes, clean, json_value, objects
from hatlib.logs.settings import flat
from hatlib.words import counted

#: Versions of the instance-level schema that this module was written for.
VERSIONS = ("0.0.1", "0.2.0", "0.2.1", "0.2.2")

_NEEDED = ("model_id", "evaluation_name", "sample_id", "evaluation")
_STAMP = re.compile(r"(\d{9,}(?:\.\d+)?)$")  # seconds since 1970, at the end of an evaluation_id
_BOTH = ("is_correct", "score")


class Eee(Format):
    """Instance-level files of Every Eval Ever."""

    files = "instance-level files"
    metric = "field"

    def wanted(self, name: str) -> bool:
        return name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst"))

    def beside(self, name: str) -> bool:
        return name.endswith((".json", ".json.gz"))

    def runs(self, found: Found) -> list[Run]:
        if found.beside:
            n = counted(len(found.beside), "file")
            self.notes.dropped.append(f"{n} of aggregate results: read for settings only.")
        beside = {(f.folder, _stem(f.base)): f for f in found.beside}
        if self.options.metric and self.options.metric not in _BOTH:
            # Rows of one answer are told apart by filter or metric.
            self.options = replace(
                self.options, metric="", filter=self.options.filter or self.options.metric
            )
        self._versions: dict[str, int] = {}
        return [
            Run(file, settings=self._settings(beside.get((file.folder, _stem(file.base)))))
            for file in found.files
        ]

    def _settings(self, file: File | None) -> dict[str, str]:
        """How a run was set, by its aggregate results."""
        whole = mapping(json_value(file, Notes())) if file else {}
        results = whole.get("evaluation_results")
        found: dict[str, str] = {}
        for result in map(mapping, results if isinstance(results, list) else ()):
            config = mapping(result.get("generation_config"))
            found |= flat(mapping(config.get("generation_args") or config))
        return found

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        bad: list[tuple[int, str]] = []
        turns = errors = 0
        for number, row in objects(run.file, self.notes):
            if "evaluation_results" in row and "sample_id" not in row:
                self.notes.dropped.append(f"{run.file.name}: aggregate results, not needed.")
                return
            if "doc_id" in row and "evaluation" not in row:
                what = "this is a sample log of lm-evaluation-harness."
                self.notes.problem(what, "Use hat import lm-eval.", run.file.name, row=number)
                return
            lacking = [name for name in _NEEDED if row.get(name) in (None, "")]
            if lacking or not isinstance(row["evaluation"], dict):
                bad.append((number, listing(lacking or ["evaluation"])))
                continue
            version = first_of(row, "schema_version")
            self._versions[version] = self._versions.get(version, 0) + 1
            turns += row.get("interaction_type") in ("multi_turn", "agentic")
            if row.get("error"):
                errors += 1
                continue
            about, asked = mapping(row.get("metadata")), mapping(row.get("input"))
            task, variant = _task(row, about)
            source, stratum = first_of(about, "source_language"), self.options.stratum
            yield {
                "model": clean(row["model_id"]),
                "task": task,
                "run": first_of(row, "evaluation_id"),
                "item": first_of(about, "item") or clean(row["sample_id"]),
                "language": first_of(about, "language", "lang"),
                "source_language": language_in(source) or source,
                "prompting": first_of(about, "prompting"),
                "trial": first_of(about, "epoch"),
                "variant": variant,
                "key": key_of(about.get("key"))
                or key_of(asked.get("reference"), asked.get("choices")),
                "cluster": first_of(about, "cluster"),
                "stratum": clean(at(row, stratum)) if stratum else "",
                "scores": {
                    n: score_of(row["evaluation"].get(n)) for n in _BOTH if n in row["evaluation"]
                },
            }
        if bad:
            what = f"{counted(len(bad), 'row')} without what an instance-level row needs."
            remedy = "Check the file against the schema of Every Eval Ever."
            self.notes.problem(what, remedy, run.file.name, row=bad[0][0], value=bad[0][1])
        if errors:
            self.notes.dropped.append(
                f"{run.file.name}: {counted(errors, 'row')} lost to an error."
            )
        if turns:
            n = counted(turns, "answer")
            self.notes.read.append(f"{n} of several turns, each judged, and counted, as one trial.")

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The newest evaluation first; without epochs, the rows of one file of it."""
        self._say_versions()
        stamps = {name: _stamp(name) for name in rows["run"].unique()}
        order = sorted(stamps, key=lambda name: stamps[name] or 0.0, reverse=True)
        cell = ["model", "benchmark", "language", "item", "prompting"]
        pairs = rows[[*cell, "task", "run"]].drop_duplicates([*cell, "run"])
        pairs = pairs[pairs.duplicated(cell, keep=False)]
        for (task, model), mine in pairs.groupby(["task", "model"], sort=False):
            if any(stamps[name] is None for name in mine["run"].unique()):
                self.notes.problem(
                    f"there are two evaluations of {task} by {model}, and they are not dated.",
                    "Name the file of one of them.",
                    value=listing(mine["run"].unique()),
                )
        again = rows["number"] != rows.groupby([*cell, "run", "variant"])["number"].transform("min")
        again &= rows["trial"] == ""
        if again.any():
            n = counted(int(again.sum()), "row")
            self.notes.dropped.append(f"{n} again, in another file of the evaluation.")
        rows = rows[~again].assign(age=rows["run"].map({n: k for k, n in enumerate(order)}))
        overlap = rows.duplicated([*cell, "run", "trial"]) & ~rows.duplicated(
            [*cell, "run", "trial", "variant"]
        )
        return rows if overlap.any() else rows.assign(variant="")

    def wish(self, what: str, rows: pd.DataFrame) -> str | None:
        """``is_correct``, unless the score says more or something else."""
        if self.options.metric:
            return self.options.metric
        if "=score" not in rows:
            return ""
        score = rows["=score"][np.isfinite(rows["=score"])]
        graded = int((~score.isin([0.0, 1.0])).sum())
        differ = 0
        if "=is_correct" in rows:
            right = rows["=is_correct"].loc[score.index]
            differ = int((np.isfinite(right) & (right != score)).sum())
        if graded and self.options.threshold is not None:
            return "score"
        if graded:
            self.notes.problem(
                f"score is neither 0 nor 1 in {counted(graded, 'answer')} to {what}, where "
                "is_correct means little.",
                "Say from which score on an answer is right with --threshold, or trust is_correct "
                "with --metric is_correct.",
            )
            return None
        if differ:
            self.notes.problem(
                f"is_correct and score differ in {counted(differ, 'answer')} to {what}.",
                "Choose one with --metric is_correct or --metric score.",
            )
            return None
        return "is_correct"

    def _say_versions(self) -> None:
        names = listing(version or "none named" for version in sorted(self._versions))
        self.notes.read.append(f"Schema version {names}.")
        other = sorted(version for version in self._versions if version not in VERSIONS)
        if other:
            names = listing(version or "none named" for version in other)
            self.notes.assumed.append(
                f"Schema version {names} is read as {VERSIONS[-1]}; known are {listing(VERSIONS)}."
            )


def _stem(name: str) -> str:
    """What the names of a file of answers and of its aggregate results share."""
    return re.sub(r"(_samples)?\.jsonl?(\.gz|\.zst)?$", "", name)


def _stamp(evaluation: str) -> float | None:
    match = _STAMP.search(evaluation)
    return float(match[1]) if match else None


def _task(row: Mapping[str, Any], about: Mapping[str, Any]) -> tuple[str, str]:
    """The task of a row, and which of the rows of one answer it is: its filter and metric."""
    name = clean(row["evaluation_name"])
    kind = []
    chosen = first_of(about, "filter")
    if chosen and name.endswith(f"/{chosen}"):
        name = name.removesuffix(f"/{chosen}")
        kind.append(chosen)
    result = first_of(row, "evaluation_result_id")
    if result:
        kind.append(result.removeprefix(first_of(row, "evaluation_id")).strip("#:/_-. ") or result)
    return name, "/".join(kind)
