"""The logs of Inspect (inspect-ai): ``.eval``, which is a zip file of JSON, and ``.json``.

A log holds one task that one model answered. Its samples have an id, an epoch and scores by one or
more scorers. The epochs of a sample are trials of one item. What the metadata of a sample say comes
first: ``item``, ``language`` (or ``lang``), ``source_language``, ``prompting``, ``cluster``,
``key``. inspect-ai is not needed, and not used: it does not bound what a hostile file may take.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pandas as pd

from hatlib.logs.answers import CELL, Format, Run
from hatlib.logs.fields import at, facts, key_of, listed, mapping, score_of, short
from hatlib.logs.reading import (
    File,
    Found,
    clean,
    is_zip,
    json_value,
    members,
    remedy_for,
    value_of,
)
from hatlib.logs.settings import flat
from hatlib.words import counted

#: More scorers than this are no scorers.
MAX_SCORERS = 200

_START = "_journal/start.json"  # all that a run has at its start
_SAMPLE = re.compile(r"samples/.*\.json").fullmatch
#: Arguments of a task that say which language and prompting, and are no settings.
_PLACES = ("language", "lang", "prompting", "prompt", "template")
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
            return notes.refuse("no-inspect", file.name, remedy=remedy_for(header))
        arguments = mapping(about["arguments"])
        steps = [(at(s, "solver"), mapping(at(s, "params"))) for s in listed(about["steps"])]
        settings = {k: v for k, v in arguments.items() if k not in _PLACES}
        settings |= facts(header, "inspect-settings")
        settings["solvers"] = " → ".join(clean(solver) for solver, _ in steps)
        settings |= {solver: p.get("template") for solver, p in steps if solver in _TEMPLATES}
        given = [each for part in (arguments, *(p for _, p in steps)) for each in part.items()]
        about |= {"packed": packed, "arguments": arguments}
        about["shuffled"] = any("shuffle" in str(name) and value for name, value in given)
        model = "" if model in ("none", "none/none") else model
        return Run(file, model, task, flat(settings), about)

    def records(self, run: Run) -> Iterator[Mapping[str, Any]]:
        file, arguments = run.file, {"arguments": run.about["arguments"]}
        n, self._noted = 0, Counter[str]()
        if run.about["packed"]:
            found = members(file.path, _SAMPLE, self.notes)
            samples = (value_of(c, f"{file.name}, {clean(name)}", self.notes) for name, c in found)
        else:
            samples = (s for s in listed(mapping(json_value(file, self.notes)).get("samples")))
        for sample in map(mapping, samples):
            n += 1
            yield {**sample, **arguments}
        notes, asked, status = self.notes, score_of(run.about["asked"]), run.about["status"]
        if status not in ("success", None):
            self._noted[status if status in ("error", "cancelled") else "unfinished"] = n
        if n < asked < math.inf:
            notes.note("dropped", "asked", file=file.name, missing=asked - n, asked=asked)
        for key, k in (+self._noted).items():
            notes.note("assumed", key, file=file.name, n=counted(k, "sample"))

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        scores = record.get("scores")
        if scores is None and record.get("score") is not None:
            # In the first versions a sample did not name its one scorer.
            scores = {clean(run.about["scorer"]) or "score": record["score"]}
        if record.get("invalidation"):
            return "declared invalid"
        if record.get("error") and not scores:
            return "lost to an error"
        numbers: dict[str, float] = {}
        silent = unread = False
        for name, score in mapping(scores).items():
            name, score = clean(name), score if isinstance(score, dict) else {"value": score}
            value = score.get("value")
            # A scorer that gives several values has a name for each.
            several = {f"{name}/{clean(k)}": v for k, v in mapping(value).items()} or {name: value}
            numbers |= {each: score_of(part) for each, part in several.items()}
            silent |= value == "N"
            unread |= value == "N" or score.get("reason") in ("no_answer_found", "cut_off")
        self._noted["silent"] += silent
        self._noted["late"] += bool(record.get("error"))
        key, target = key_of(said["key"]), key_of(record.get("target"))
        return {
            # An id may come again with another item, language or prompting.
            "trial": f"{clean(record.get('id'))} {short(record.get('epoch'))}",
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
