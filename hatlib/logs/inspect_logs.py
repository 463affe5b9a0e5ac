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

from hatlib.errors import listing
from hatlib.logs import reading
from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import WHERE, at, first_of, key_of, listed, mapping, score_of
from hatlib.logs.reading import File, Found, clean, json_value, members, value_of
from hatlib.logs.settings import flat
from hatlib.words import counted

#: The newest form of the log that this module knows.
KNOWN_VERSION = 2
#: More scorers than this are no scorers.
MAX_SCORERS = 200

_HEADERS = ("header.json", "_journal/start.json")  # the second is all that a run has at its start
#: Arguments of a task that say which language and prompting, and are no settings.
_PLACES = ("language", "lang", "prompting", "prompt", "template")
_ENDED = {"error": "ended in an error", "cancelled": "was cancelled"}
_UNREAD = ("no_answer_found", "cut_off")
_SILENT = "no answer (N) counts as wrong, as Inspect counts it"
_LATE = "ended in an error and were scored all the same; they count"


class Inspect(Format):
    """Logs of Inspect."""

    files = "Inspect logs"
    row = "sample"
    metric = "scorer"
    where = WHERE["inspect"]

    def wanted(self, name: str) -> bool:
        return name.endswith((".eval", ".json"))

    def runs(self, found: Found) -> list[Run]:
        notes = self.notes
        runs = [run for file in found.files if (run := self._run(file)) is not None]
        if not runs and not notes.problems:
            names = listing((file.name for file in found.files), 3)
            notes.problem("there are no Inspect logs.", file=names)
        versions = {run.about["version"] for run in runs}
        newer = sorted(v for v in versions if isinstance(v, int) and v > KNOWN_VERSION)
        if newer:
            told = f"Version {listing(newer)} of the log is read as version {KNOWN_VERSION}."
            notes.assumed.append(told)
        return sorted(runs, key=_age, reverse=True)

    def _run(self, file: File) -> Run | None:
        """A file by the header of its log; None if it is no log."""
        notes, before = self.notes, len(self.notes.problems)
        header: Any
        packed = reading.is_zip(file.path) or file.base.endswith(".eval")
        if packed:
            found = dict(members(file.path, lambda name: name in _HEADERS, notes))
            name = next((name for name in _HEADERS if name in found), "")
            header = value_of(found[name], f"{file.name}, {name}", notes) if name else None
            header = ({} if name == _HEADERS[0] else {"status": "started"}) | dict(mapping(header))
        elif file.path.stat().st_size > reading.MAX_MEMBER:
            what = "the JSON log is too large to be read at once."
            remedy = "Make it an .eval file: inspect log convert LOG --to eval --output-dir DIR."
            return notes.problem(what, remedy, file.name)
        else:
            header = mapping(json_value(file, notes))
            if not file.named and not header.get("eval"):
                del notes.problems[before:]
                notes.dropped.append(f"{file.name}: a JSON file that is no Inspect log.")
                return None
        if len(notes.problems) > before:
            return None
        about = {ours: at(header, path) for ours, path in WHERE["inspect-log"].items()}
        task, model = clean(about["task"]), clean(about["model"])
        if not task:
            what = "this is no log of Inspect: it does not say its task."
            return notes.problem(what, "Name .eval or .json logs.", file.name)
        arguments = mapping(about["arguments"])
        steps = [mapping(step) for step in listed(about["steps"])]
        solvers = [(step.get("solver"), mapping(step.get("params"))) for step in steps]
        settings: dict[str, Any] = {k: v for k, v in arguments.items() if k not in _PLACES}
        for ours, path in WHERE["inspect-settings"].items():
            value = at(header, path)
            settings |= value if isinstance(value, dict) else {ours: value}
        for solver, params in reversed(solvers):
            if solver == "system_message":
                settings |= {"system_message": params.get("template")}
        about |= {
            "packed": packed,
            "arguments": arguments,
            # In the first versions a sample did not name its one scorer.
            "scorer": first_of(mapping([*listed(about["scores"]), about["scorer"]][0]), "name"),
            "shuffled": any(
                "shuffle" in str(name) and value
                for each in (arguments, *(params for _, params in solvers))
                for name, value in each.items()
            ),
        }
        model = "" if model in ("none", "none/none") else model
        return Run(file, model, task, flat(settings), about)

    def _samples(self, run: Run) -> Iterator[Mapping[str, Any]]:
        """The samples of a log, one after the other."""
        file = run.file
        if run.about["packed"]:
            for name, content in members(file.path, _is_sample, self.notes):
                yield mapping(value_of(content, f"{file.name}, {clean(name)}", self.notes))
        else:
            samples = mapping(json_value(file, self.notes)).get("samples")
            yield from map(mapping, listed(samples))

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        lost, noted = Counter[str](), Counter[str]()
        n = 0
        for sample in filter(None, self._samples(run)):
            n += 1
            said = self.said({**sample, "arguments": run.about["arguments"]})
            scores, target = _scores(run, sample), key_of(sample.get("target"))
            if not said["item"]:
                lost["without an id"] += 1
            elif sample.get("invalidation"):
                lost["declared invalid"] += 1
            elif sample.get("error") and not scores:
                lost["lost to an error"] += 1
            else:
                silent = any(score.get("value") == "N" for score in scores.values())
                unread = silent or any(score.get("reason") in _UNREAD for score in scores.values())
                noted[_SILENT] += silent
                noted[_LATE] += bool(sample.get("error"))
                yield said | {
                    # An id may come again with another item, language or prompting.
                    "trial": f"{clean(sample.get('id'))} {first_of(sample, 'epoch')}",
                    "key": key_of(at(sample, "metadata.key"))
                    or ("" if target.isalpha() and run.about["shuffled"] else target),
                    "parsed": float(not unread),
                    "scores": _numbers(scores),
                }
        self._say(run, n, lost, noted)

    def _say(self, run: Run, n: int, lost: Counter[str], noted: Counter[str]) -> None:
        """What was lost of a log, and what it left out itself."""
        name, about, asked = run.file.name, run.about, score_of(run.about["asked"])
        dropped = [f"{counted(k, 'sample')} {why}." for why, k in lost.items()]
        assumed = [f"{counted(k, 'sample')}: {what}." for what, k in noted.items() if k]
        if not n:
            dropped.append("no samples in it (logged without them?).")
        if about["status"] not in ("success", "", None):
            how = _ENDED.get(str(about["status"]), "did not finish")
            assumed.append(f"the run {how}; what is there was read ({counted(n, 'sample')}).")
        if n and n < asked < math.inf:
            of = f"{asked - n:,.0f} of {asked:,.0f} samples"
            dropped.append(f"{of} that were asked are not in the log.")
        if about["invalidated"] and not lost["declared invalid"]:
            assumed.append("the log is declared invalid, but none of its samples is.")
        self.notes.dropped += [f"{name}: {line}" for line in dropped]
        self.notes.assumed += [f"{name}: {line}" for line in assumed]

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Letters are no keys where options were shuffled; logs that make one run are said."""
        letters = rows["key"].str.fullmatch("[A-Z]").fillna(False).astype(bool)
        pairs = rows.loc[letters, ["benchmark", "language", "item", "key"]].drop_duplicates()
        several = pairs.duplicated(["benchmark", "language", "item"])
        names = sorted(pairs.loc[several, "benchmark"].unique())
        if names:
            what = "options were shuffled, so their letters are no answer keys."
            self.notes.assumed.append(f"{listing(names)}: {what}")
            rows = rows.assign(key=rows["key"].mask(letters & rows["benchmark"].isin(names), ""))
        cell = ["model", "task", "language", "prompting"]
        shards = rows[[*cell, "number"]].drop_duplicates().groupby(cell).size()
        for (model, task, code, _), n in dict(shards[shards > 1]).items():
            self.notes.chosen.append(f"{task} by {model} in {code}: put together from {n} logs.")
        read = rows.groupby("benchmark")["parsed"].transform("min")
        return rows.assign(parsed=rows["parsed"].where(read == 0))


def _age(run: Run) -> tuple[bool, float]:
    """Sorts runs: those that ended well after others, and then by date."""
    date = pd.to_datetime(str(run.about["created"]), utc=True, errors="coerce", format="ISO8601")
    return run.about["status"] == "success", 0.0 if pd.isna(date) else date.timestamp()


def _scores(run: Run, sample: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What each scorer says of a sample."""
    given = sample.get("scores")
    if given is None and sample.get("score") is not None:
        given = {run.about["scorer"] or "score": sample["score"]}
    return {
        clean(name): score if isinstance(score, dict) else {"value": score}
        for name, score in mapping(given).items()
    }


def _numbers(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Scores as numbers; a scorer that gives several has a name for each."""
    numbers: dict[str, float] = {}
    for name, score in scores.items():
        value = score.get("value")
        parts = (
            {f"{name}/{clean(k)}": v for k, v in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
        numbers |= {each: score_of(part) for each, part in parts.items()}
    return dict(islice(numbers.items(), MAX_SCORERS))


def _is_sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")
