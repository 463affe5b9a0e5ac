"""The logs of Inspect (inspect-ai): ``.eval``, which is a zip file of JSON, and ``.json``.

A log holds one task that one model answered. Its samples have an id, an epoch and scores by one or
more scorers. The epochs of a sample are trials of one item. What the metadata of a sample say comes
first: ``item``, ``language`` (or ``lang``), ``source_language``, ``prompting``, ``cluster``,
``key``. inspect-ai is not needed, and not used: it does not bound what a hostile file may take.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pandas as pd

from hatlib.logs.answers import CELL, Format, Run
from hatlib.logs.fields import at, facts, first_of, key_of, listed, mapping, score_of
from hatlib.logs.reading import (
    File,
    Found,
    clean,
    is_zip,
    json_value,
    members,
    other_importer,
    value_of,
)
from hatlib.logs.settings import flat
from hatlib.words import counted

#: More scorers than this are no scorers.
MAX_SCORERS = 200

_START = "_journal/start.json"  # all that a run has at its start
#: Arguments of a task that say which language and prompting, and are no settings.
_PLACES = ("language", "lang", "prompting", "prompt", "template")
_ENDED = {"error": "ended in an error", "cancelled": "was cancelled"}
_UNREAD = ("no_answer_found", "cut_off")
_SILENT = "no answer (N) counts as wrong, as Inspect counts it"
_LATE = "ended in an error and were scored all the same; they count"


_TEMPLATES = ("system_message", "prompt_template")


class Inspect(Format, name="inspect"):
    """Logs of Inspect."""

    def runs(self, found: Found) -> list[Run]:
        runs = [run for file in found.files if (run := self._run(file)) is not None]
        return sorted(runs, key=_age, reverse=True)

    def _run(self, file: File) -> Run | None:
        """A file by the header of its log; None if it is no log."""
        notes, before = self.notes, len(self.notes.problems)
        packed = is_zip(file.path) or file.base.endswith(".eval")
        if packed:
            found = dict(members(file.path, lambda name: name in ("header.json", _START), notes))
            header: Any = {"status": "started"}
            for name in sorted(found):  # what stands in the header comes last
                header |= mapping(value_of(found[name], f"{file.name}, {name}", notes))
        else:
            header = mapping(json_value(file, notes))
            if not (file.named or header.get("eval")):
                del notes.problems[before:]
                notes.note("dropped", "no-inspect", file=file.name)
                return None
        if len(notes.problems) > before:
            return None
        about = facts(header, "inspect-run")
        task, model = clean(about["task"]), clean(about["model"])
        version = about["version"]
        if isinstance(version, int) and version > 2:
            notes.note("assumed", "version", version=version)
        if not task:
            remedy = other_importer(header, "Name .eval or .json logs.")
            return notes.refuse("no-inspect", file.name, remedy=remedy)
        arguments = mapping(about["arguments"])
        steps = [
            (at(step, "solver"), mapping(at(step, "params"))) for step in listed(about["steps"])
        ]
        settings = {k: v for k, v in arguments.items() if k not in _PLACES}
        settings |= facts(header, "inspect-settings")
        settings["solvers"] = " → ".join(clean(solver) for solver, _ in steps)
        settings |= {solver: p.get("template") for solver, p in steps if solver in _TEMPLATES}
        given = [each for part in (arguments, *(p for _, p in steps)) for each in part.items()]
        about |= {"packed": packed, "arguments": arguments}
        about["shuffled"] = any("shuffle" in str(name) and value for name, value in given)
        return Run(
            file, "" if model in ("none", "none/none") else model, task, flat(settings), about
        )

    def records(self, run: Run) -> Iterator[Mapping[str, Any]]:
        file, arguments = run.file, {"arguments": run.about["arguments"]}
        n, self._noted = 0, Counter[str]()
        if run.about["packed"]:
            found = members(
                file.path,
                lambda name: name.startswith("samples/") and name.endswith(".json"),
                self.notes,
            )
            samples = (value_of(c, f"{file.name}, {clean(name)}", self.notes) for name, c in found)
        else:
            samples = (s for s in listed(mapping(json_value(file, self.notes)).get("samples")))
        for sample in map(mapping, samples):
            n += 1
            yield {**sample, **arguments}
        notes, asked = self.notes, score_of(run.about["asked"])
        if run.about["status"] not in ("success", None):
            how = _ENDED.get(str(run.about["status"]), "did not finish")
            self._noted[f"the run {how}; what is there was read"] = n
        if n < asked < math.inf:
            notes.note("dropped", "asked", file=file.name, missing=asked - n, asked=asked)
        said = (f"{counted(k, 'sample')}: {what}" for what, k in self._noted.items() if k)
        notes.assumed += [f"{file.name}: {line}." for line in said]

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        scores = record.get("scores")
        if scores is None and record.get("score") is not None:
            # In the first versions a sample did not name its one scorer.
            scores = {clean(run.about["scorer"]) or "score": record["score"]}
        if record.get("invalidation"):
            return "declared invalid"
        if record.get("error") and not scores:
            return "lost to an error"
        parts = [
            (clean(k), each if isinstance(each, dict) else {"value": each})
            for k, each in mapping(scores).items()
        ]
        numbers: dict[str, float] = {}
        for name, score in parts:  # a scorer that gives several has a name for each
            value = score.get("value")
            several = {f"{name}/{clean(k)}": v for k, v in mapping(value).items()} or {name: value}
            numbers |= {each: score_of(part) for each, part in several.items()}
        silent = any(score.get("value") == "N" for _, score in parts)
        self._noted[_SILENT] += silent
        self._noted[_LATE] += bool(record.get("error"))
        key, target = key_of(said["key"]), key_of(record.get("target"))
        unread = silent or any(score.get("reason") in _UNREAD for _, score in parts)
        return {
            # An id may come again with another item, language or prompting.
            "trial": f"{clean(record.get('id'))} {first_of(record, 'epoch')}",
            "key": key or ("" if target.isalpha() and run.about["shuffled"] else target),
            "parsed": 0.0 if unread else math.nan,
            "scores": dict(islice(numbers.items(), MAX_SCORERS)),
        }

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Logs that make one run are said."""
        newest = rows["age"] == rows.groupby(CELL)["age"].transform("min")
        of = ["model", "task", "language", "prompting"]
        shards = rows[newest].groupby(of)["number"].nunique()
        for (model, task, code, _), n in dict(shards[shards > 1]).items():
            self.notes.note("chosen", "shards", task=task, model=model, code=code, n=n)
        return rows


def _age(run: Run) -> tuple[bool, float]:
    """Sorts runs: those that ended well after others, and then by date."""
    date = pd.to_datetime(str(run.about["created"]), utc=True, errors="coerce", format="ISO8601")
    return run.about["status"] == "success", 0.0 if pd.isna(date) else date.timestamp()
