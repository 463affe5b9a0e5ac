"""The logs of Inspect (inspect-ai): ``.eval``, which is a zip file of JSON, and ``.json``.

A log holds one task that one model answered. Its samples have an id, an epoch and scores by one or
more scorers. The epochs of a sample are trials of one item. What the metadata of a sample say comes
first: ``item``, ``language`` (or ``lang``), ``source_language``, ``prompting``, ``cluster``,
``key``.

inspect-ai is not needed. Its own reader is used, if it is installed, for a log whose form this
module does not know: it is slower, and does not bound what a hostile file may take.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pandas as pd

from hatlib.errors import listing
from hatlib.logs import reading
from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import at, first_of, key_of, mapping, score_of
from hatlib.logs.languages import language_in
from hatlib.logs.reading import File, Found, clean, json_value, members, value_of
from hatlib.logs.settings import flat
from hatlib.words import counted

#: The newest form of the log that this module knows.
KNOWN_VERSION = 2
#: More scorers than this are no scorers.
MAX_SCORERS = 200

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, reading._ZSTD)
_LANGUAGE = ("language", "lang")
_PROMPTING = ("prompting", "prompt", "template")
_ENDED = {"error": "ended in an error", "cancelled": "was cancelled"}
_UNREAD = ("no_answer_found", "cut_off")


class Inspect(Format):
    """Logs of Inspect."""

    files = "Inspect logs"
    row = "sample"
    metric = "scorer"

    def wanted(self, name: str) -> bool:
        return name.endswith((".eval", ".json"))

    def runs(self, found: Found) -> list[Run]:
        runs = [run for file in found.files if (run := self._run(file)) is not None]
        nameless = [run.file.name for run in runs if not run.model]
        if nameless and not self.options.model:
            what = "the log does not say the name of the model."
            self.notes.problem(what, "Name it with --model.", listing(nameless, 3))
        if not runs and not self.notes.problems:
            self.notes.problem(
                "there are no Inspect logs.", file=listing((f.name for f in found.files), 3)
            )
        newer = {
            str(r.about["version"])
            for r in runs
            if _is_newer(r.about["version"]) and r.about["form"] != "official"
        }
        if newer:
            self.notes.assumed.append(
                f"Version {listing(sorted(newer))} of the log is read as version {KNOWN_VERSION}; "
                "to be sure, install Inspect's own reader: pip install inspect-ai."
            )
        self._runs = runs
        return sorted(runs, key=_age, reverse=True)

    # Headers ----------------------------------------------------------------------------------

    def _run(self, file: File) -> Run | None:
        """The header of a file; None if it is no log."""
        notes = self.notes
        if reading.is_zip(file.path) or file.base.endswith(".eval"):
            unknown = reading.packings(file.path) - set(_PACKINGS)
            if unknown:
                kind = f"its files are packed in a way (number {listing(sorted(unknown))})"
                return self._official(file, kind)
            header, form = self._zip_header(file), "zip"
        elif file.path.stat().st_size > reading.MAX_MEMBER:
            what = "the JSON log is too large to be read at once."
            remedy = (
                "Turn it into an .eval file: inspect log convert LOG --to eval --output-dir DIR."
            )
            return notes.problem(what, remedy, file.name)
        else:
            before = len(notes.problems)
            header, form = json_value(file, notes), "json"
            if not file.named and not mapping(header).get("eval"):
                del notes.problems[before:]
                notes.dropped.append(f"{file.name}: a JSON file that is no Inspect log.")
                return None
        if header is None:
            return None
        run = _of_header(file, mapping(header), form)
        if run is None:
            what = "this is no log of Inspect: it does not say its task."
            return notes.problem(what, "Name .eval or .json logs.", file.name)
        if _is_newer(run.about["version"]) and _inspect_log() is not None:
            return self._official(file, "")
        return run

    def _zip_header(self, file: File) -> Any:
        """The header of a log in a zip file, or its start if the run did not finish."""
        names = ("header.json", "_journal/start.json")
        before = len(self.notes.problems)
        found = dict(members(file.path, lambda name: name in names, self.notes))
        if len(self.notes.problems) > before:
            return None
        for name in names:
            if name in found:
                header = value_of(found[name], f"{file.name}, {name}", self.notes)
                started = {"status": "started"} if name != names[0] else {}
                return None if header is None else {**started, **mapping(header)}
        what = "this is no log of Inspect: it has no header."
        return self.notes.problem(what, "Name .eval or .json logs.", file.name)

    def _official(self, file: File, why: str) -> Run | None:
        """The header of a log by Inspect's own reader."""
        reader = _inspect_log()
        if reader is None:
            what = f"the log needs Inspect's own reader: {why} that only it may know."
            remedy = "Install it with pip install inspect-ai, and import the log again."
            return self.notes.problem(what, remedy, file.name)
        try:
            whole = reader.read_eval_log(str(file.path), header_only=True).model_dump(mode="json")
        except Exception as error:  # of a package that may raise anything
            what = f"Inspect cannot read the log either: {clean(error)}."
            return self.notes.problem(what, file=file.name)
        return _of_header(file, whole, "official")

    # Samples ----------------------------------------------------------------------------------

    def _samples(self, run: Run) -> Iterator[Mapping[str, Any]]:
        """The samples of a log, one after the other."""
        file = run.file
        if run.about["form"] == "json":
            samples = mapping(json_value(file, self.notes)).get("samples")
            yield from filter(None, map(mapping, samples if isinstance(samples, list) else ()))
        elif run.about["form"] == "zip":
            for name, content in members(file.path, _is_sample, self.notes):
                sample = value_of(content, f"{file.name}, {clean(name)}", self.notes)
                if isinstance(sample, dict):
                    yield sample
        else:
            fields = {
                "id",
                "epoch",
                "target",
                "choices",
                "metadata",
                "scores",
                "error",
                "invalidation",
            }
            reader = _inspect_log()
            try:
                if reading.is_zip(file.path):
                    given = reader.read_eval_log_samples(str(file.path), all_samples_required=False)
                else:
                    given = reader.read_eval_log(str(file.path)).samples or ()
                for each in given:
                    yield each.model_dump(mode="json", include=fields)
            except Exception as error:  # of a package that may raise anything
                what = f"Inspect cannot read the log to its end: {clean(error)}."
                self.notes.problem(what, file=file.name)

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        lost: dict[str, int] = {}
        noted: dict[str, int] = {}
        n = 0
        for sample in self._samples(run):
            n += 1
            about, scores = mapping(sample.get("metadata")), _scores(run, sample)
            item = first_of(about, "item") or first_of(sample, "id")
            why = (
                "without an id"
                if not item
                else "declared invalid"
                if sample.get("invalidation")
                else "lost to an error"
                if sample.get("error") and not scores
                else ""
            )
            if why:
                lost[why] = lost.get(why, 0) + 1
                continue
            given = list(mapping(sample.get("scores")).values())
            silent = any(_value(score) == "N" for score in given)
            unread = silent or any(mapping(score).get("reason") in _UNREAD for score in given)
            for what, holds in (
                ("no answer (N) counts as wrong, as Inspect counts it", silent),
                ("ended in an error and were scored all the same; they count", sample.get("error")),
            ):
                if holds:
                    noted[what] = noted.get(what, 0) + 1
            key, source = key_of(about.get("key")), first_of(about, "source_language")
            if not key:
                key = key_of(sample.get("target"))
                key = "" if key.isalpha() and run.about["shuffled"] else key
            language = first_of(about, *_LANGUAGE)
            yield {
                "item": item,
                "language": language,
                "fallback": first_of(run.about["arguments"], *_LANGUAGE),
                "source_language": language_in(source) or source,
                "prompting": first_of(about, "prompting")
                or first_of(run.about["arguments"], *_PROMPTING),
                # An id may come again with another item, language or prompting: another answer.
                "trial": f"{clean(sample.get('id'))} {first_of(sample, 'epoch')}",
                "key": key,
                "cluster": first_of(about, "cluster"),
                "stratum": clean(at(sample, self.options.stratum)) if self.options.stratum else "",
                "parsed": float(not unread),
                "scores": scores,
            }
        self._say(run, n, lost, noted)

    def _say(self, run: Run, n: int, lost: Mapping[str, int], noted: Mapping[str, int]) -> None:
        """What was lost of a log, and what it left out itself."""
        name, notes, about = run.file.name, self.notes, run.about
        notes.dropped += [f"{name}: {counted(k, 'sample')} {why}." for why, k in lost.items()]
        notes.assumed += [f"{name}: {counted(k, 'sample')}: {what}." for what, k in noted.items()]
        if not n:
            notes.dropped.append(f"{name}: no samples in it (logged without them?).")
        if about["status"] not in ("success", ""):
            how = _ENDED.get(about["status"], "did not finish")
            notes.assumed.append(
                f"{name}: the run {how}; what is there was read ({counted(n, 'sample')})."
            )
        asked = score_of(mapping(about["results"]).get("total_samples"))
        if n and asked > n:
            notes.dropped.append(
                f"{name}: {int(asked) - n:,} of {int(asked):,} samples that were asked are not in "
                "the log."
            )
        if about["invalidated"] and not lost.get("declared invalid"):
            notes.assumed.append(
                f"{name}: the log is declared invalid, but none of its samples is."
            )

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Letters are no keys where options were shuffled; logs that make one run are said."""
        official = sum(run.about["form"] == "official" for run in self._runs)
        for n, whose in (
            (len(self._runs) - official, "the reader of hatlib"),
            (official, "Inspect's own reader"),
        ):
            self.notes.read += [f"{counted(n, 'log')} with {whose}."] if n else []
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


def _of_header(file: File, header: Mapping[str, Any], form: str) -> Run | None:
    """A run, by the header of its log; None if it says no task."""
    about, plan = mapping(header.get("eval")), mapping(header.get("plan"))
    if not clean(about.get("task")):
        return None
    arguments, model = mapping(about.get("task_args")), clean(about.get("model"))
    steps = plan.get("steps")
    params = [
        (clean(mapping(step).get("solver")), mapping(mapping(step).get("params")))
        for step in (steps if isinstance(steps, list) else ())
    ]
    config = mapping(about.get("config"))
    settings = {
        **{k: v for k, v in arguments.items() if k not in (*_LANGUAGE, *_PROMPTING)},
        **mapping(plan.get("config")),
        **mapping(about.get("model_generate_config")),
        **mapping(about.get("model_args")),
        "system_message": next(
            (p.get("template") for s, p in params if s == "system_message"), None
        ),
        **{name: config.get(name) for name in ("limit", "sample_id")},
        "version": about.get("task_version"),
    }
    shuffled = any(
        "shuffle" in str(name) and bool(value)
        for each in (arguments, *(p for _, p in params))
        for name, value in each.items()
    )
    known = {
        "form": form,
        "version": header.get("version"),
        "status": clean(header.get("status")),
        "created": str(about.get("created")),
        "results": mapping(header.get("results")),
        "invalidated": bool(header.get("invalidated")),
        "arguments": arguments,
        "shuffled": shuffled,
    }
    model = "" if model in ("none", "none/none") else model
    return Run(file, model, clean(about.get("task")), flat(settings), known)


def _age(run: Run) -> tuple[bool, float]:
    """Sorts runs: those that ended well after others, and then by date."""
    good = run.about["status"] == "success"
    try:
        date = datetime.fromisoformat(run.about["created"])
    except ValueError:
        return good, 0.0
    return good, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _scores(run: Run, sample: Mapping[str, Any]) -> dict[str, float]:
    """The scores of a sample as numbers; a scorer that gives several has a name for each."""
    given = sample.get("scores")
    if given is None and sample.get("score") is not None:  # the first versions had one only
        named = run.about["results"].get("scores")
        first = (
            named[0] if isinstance(named, list) and named else run.about["results"].get("scorer")
        )
        given = {first_of(mapping(first), "name") or "score": sample["score"]}
    scores: dict[str, float] = {}
    for name, score in mapping(given).items():
        value = _value(score)
        parts = (
            {f"{clean(name)}/{clean(k)}": v for k, v in value.items()}
            if isinstance(value, dict)
            else {clean(name): value}
        )
        for each, one in parts.items():
            if len(scores) < MAX_SCORERS:
                scores[each] = score_of(one)
    return scores


def _value(score: Any) -> Any:
    return score.get("value") if isinstance(score, dict) else score


def _is_newer(version: object) -> bool:
    return isinstance(version, int) and version > KNOWN_VERSION


def _is_sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")


def _inspect_log() -> Any:
    """The module that reads logs, if Inspect is installed."""
    try:
        return import_module("inspect_ai.log")
    except Exception:  # whatever keeps it from being imported
        return None
