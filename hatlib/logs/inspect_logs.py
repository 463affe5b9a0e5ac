"""Read the logs of Inspect (inspect-ai): ``.eval``, which is a zip file of JSON, and ``.json``.

A log holds one task that one model answered. Its samples have an id, an epoch and scores by one or
more scorers. The epochs of a sample are trials of one item. What the metadata of a sample say comes
first: ``item``, ``language`` (or ``lang``), ``source_language``, ``prompting``, ``cluster``,
``key``.

inspect-ai is not needed. Its own reader is used, if it is installed, for a log whose form this
module does not know: it is slower, and does not bound what a hostile file may take.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from hatlib.errors import InputError, Problem, listing
from hatlib.logs import reading
from hatlib.logs.common import Options, Trials
from hatlib.logs.fields import (
    Places,
    Scored,
    first_of,
    key_of,
    language_of,
    mapping,
    score_of,
    suspect,
)
from hatlib.logs.reading import clean, find_files, json_object, members, object_of, shown
from hatlib.show.words import counted

#: The newest form of the log that this module knows.
KNOWN_VERSION = 2
#: More scorers than this are no scorers.
MAX_SCORERS = 200

_ZSTD = 93  # how recent versions of Inspect pack; zipfile of this Python does not know it
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, _ZSTD)
_BLOCK = 1 << 20
_SETTINGS = ("reasoning_effort", "reasoning_tokens", "effort", "temperature", "system_message")
_LANGUAGE = ("language", "lang")
_PROMPTING = ("prompting", "prompt", "template")


@dataclass(frozen=True)
class _Log:
    """One file, and its header."""

    path: Path
    form: str  # zip, json or official
    version: object
    status: str
    about: Mapping[str, Any]  # of the evaluation
    plan: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def model(self) -> str:
        name = clean(self.about.get("model"))
        return "" if name in ("none", "none/none") else name

    @property
    def task(self) -> str:
        return clean(self.about.get("task"))

    @property
    def arguments(self) -> Mapping[str, Any]:
        return mapping(self.about.get("task_args"))

    @property
    def settings(self) -> str:
        """How the task was run, but for its language: runs that differ are no repeats."""
        asked = {k: v for k, v in self.arguments.items() if k not in _LANGUAGE}
        given = mapping(self.about.get("model_generate_config"))
        planned = mapping(self.plan.get("config"))
        for name in _SETTINGS:
            value = given.get(name) if given.get(name) is not None else planned.get(name)
            if value is not None:
                asked[name] = value
        return listing((f"{clean(k)}={clean(asked[k])}" for k in sorted(asked)), 20)

    @property
    def shuffled(self) -> bool:
        """Whether options may have been shuffled, so that their letters are no keys."""
        steps = self.plan.get("steps")
        listed = steps if isinstance(steps, list) else []
        asked = [mapping(mapping(step).get("params")) for step in listed]
        return any(
            "shuffle" in str(name) and bool(value)
            for each in (self.arguments, *asked)
            for name, value in each.items()
        )

    @property
    def age(self) -> tuple[bool, float]:
        """Sorts logs: those that ended well after others, and then by date."""
        try:
            date = datetime.fromisoformat(str(self.about.get("created")))
        except ValueError:
            return self.status == "success", 0.0
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return self.status == "success", date.timestamp()


def read(paths: Sequence[str | Path], options: Options) -> Trials:
    """Read logs of Inspect.

    Parameters
    ----------
    paths : sequence of path
        Files, or folders in which every ``.eval`` and ``.json`` is read.
    options : Options
        ``metric`` is the name of the scorer, or ``scorer/field`` if it gives several numbers.

    Returns
    -------
    Trials

    Raises
    ------
    InputError
        Listing everything that is wrong, and every choice that only the user can make.
    """
    problems: list[Problem] = []
    assumed: list[str] = []
    chosen: list[str] = []
    found = find_files(paths, lambda name: name.endswith((".eval", ".json")), "Inspect logs")
    dropped = [line for line in found.passed if "whose names" not in line]
    named = {Path(path) for path in paths}
    logs = []
    for path in found.files:
        log = _log(path, path in named, problems, dropped)
        if log is not None:
            logs.append(log)
    if not logs and not problems:
        problems.append(Problem("there are no Inspect logs.", file=listing(paths, 3)))
    _check_models(logs, options, problems)
    if problems:  # of names: the files themselves may take long
        raise InputError(problems)
    logs.sort(key=lambda log: log.age, reverse=True)
    counting = _Counting(options)
    for log in logs:
        counting.add(log, problems)
    counting.settle(problems, assumed, dropped)
    frame = counting.scored.choose(options, "scorer", problems, chosen, dropped)
    frame = _without_shuffled_keys(frame, assumed)
    if not problems:
        suspect(frame, bool(options.metric), problems, assumed)
    if problems:
        raise InputError(problems)
    return Trials(frame, counting.lines(logs), tuple(dropped), tuple(assumed), tuple(chosen))


def _without_shuffled_keys(frame: pd.DataFrame, assumed: list[str]) -> pd.DataFrame:
    """Leave out letters as keys where one item has several: its options were shuffled."""
    letters = frame[frame["key"].str.fullmatch("[A-Z]").fillna(False).astype(bool)]
    pairs = letters[["benchmark", "language", "item", "key"]].drop_duplicates()
    several = pairs.duplicated(["benchmark", "language", "item"])
    names = sorted(pairs.loc[several, "benchmark"].unique())
    if not names:
        return frame
    assumed.append(f"{listing(names)}: options were shuffled, so their letters are no answer keys.")
    lost = frame["benchmark"].isin(names) & frame.index.isin(letters.index)
    return frame.assign(key=frame["key"].mask(lost, ""))


def _check_models(logs: Sequence[_Log], options: Options, problems: list[Problem]) -> None:
    nameless = [shown(log.path) for log in logs if not log.model]
    models = sorted({log.model for log in logs} - {""})
    if nameless and not options.model:
        what = "the log does not say the name of the model."
        problems.append(Problem(what, "Name it with --model.", listing(nameless, 3)))
    if options.model and len(models) > 1:
        what = f"the logs are of {len(models)} models, and --model names one."
        problems.append(Problem(what, "Import each by itself.", value=listing(models)))


class _Counting:
    """Counts the samples of one log after the other, the newest first."""

    def __init__(self, options: Options) -> None:
        self.scored = Scored(options.threshold)
        self._options = options
        self._places = Places(options)
        self._from: dict[tuple[str, ...], int] = {}  # the log that each item was read from
        self._n = 0
        self._samples: dict[str, int] = {}
        self._tasks: dict[str, set[str]] = {}
        self._lost: dict[str, int] = {}
        self._notes: dict[str, int] = {}
        self._clashes: dict[str, list[str]] = {}
        self._logs: list[_Log] = []

    def add(self, log: _Log, problems: list[Problem]) -> None:
        """Count one log."""
        self._logs.append(log)
        model = clean(self._options.model) or log.model
        once: set[tuple[str, str, str]] = set()
        n = 0
        for sample in _samples(log, problems):
            n += 1
            self._sample(log, model, sample, once)
        self._samples[model] = self._samples.get(model, 0) + n
        self._tasks.setdefault(model, set()).add(log.task)
        if not n:
            self._lose(f"{shown(log.path)}: no samples in it (logged without them?)", 0)
        if log.status not in ("success", ""):
            how = {"error": "ended in an error", "cancelled": "was cancelled"}
            line = f"{shown(log.path)}: the run {how.get(log.status, 'did not finish')}"
            self._note(f"{line}; what is there was read", n)

    def _sample(
        self, log: _Log, model: str, sample: Mapping[str, Any], once: set[tuple[str, str, str]]
    ) -> None:
        about = mapping(sample.get("metadata"))
        item = first_of(about, "item") or first_of(sample, "id")
        if not item:
            return self._lose("without an id", 1)
        epoch = first_of(sample, "epoch")
        scores = _scores(log, sample)
        if sample.get("invalidation"):
            return self._lose("declared invalid", 1)
        if sample.get("error") and not scores:
            return self._lose("lost to an error", 1)
        language = first_of(about, *_LANGUAGE)
        task = self._places.find(log.task, language, first_of(log.arguments, *_LANGUAGE))
        if task is None:
            return None
        prompting = clean(self._options.prompting) or first_of(about, "prompting")
        prompting = prompting or first_of(log.arguments, *_PROMPTING) or task.prompting
        if task.subject:
            item = f"{task.subject}/{item}"
        # An id may come again with another language or prompting; it then is another answer.
        trial = (f"{clean(sample.get('id'))} {item}", epoch, f"{task.language} {prompting}")
        if trial in once:
            return self._lose("again, in the same log", 1)
        once.add(trial)
        cell = (model, task.benchmark, task.language, item, prompting)
        here = len(self._logs) - 1
        if any(math.isfinite(value) for value in scores.values()):
            newer = self._from.setdefault(cell, here)
            if newer != here:
                return self._again(log, self._logs[newer])
        if any(_value(s) == "N" for s in mapping(sample.get("scores")).values()):
            self._note("no answer (N) counts as wrong, as Inspect counts it", 1)
        key = key_of(about.get("key"))
        if not key:
            key = key_of(sample.get("target"))
            key = "" if key.isalpha() and log.shuffled else key
        source = first_of(about, "source_language")
        self.scored.add(
            scores,
            model,
            task.benchmark,
            task.language,
            item,
            prompting=prompting,
            key=key,
            source_language=language_of(source) or source,
            cluster=first_of(about, "cluster"),
            file=shown(log.path),
        )
        return None

    def _again(self, log: _Log, newer: _Log) -> None:
        """An item that a newer log of the same task and model holds, too."""
        if log.settings == newer.settings:
            return self._lose("of items that another log of the task holds, newer or complete", 1)
        where = f"{log.task} ({log.settings or 'nothing set'}; {newer.settings or 'nothing set'})"
        self._clashes.setdefault(where, [shown(log.path), shown(newer.path)])
        return None

    def _lose(self, why: str, n: int) -> None:
        self._lost[why] = self._lost.get(why, 0) + n

    def _note(self, what: str, n: int) -> None:
        self._notes[what] = self._notes.get(what, 0) + n

    def settle(self, problems: list[Problem], assumed: list[str], dropped: list[str]) -> None:
        """Say what was lost and taken for granted, when all is read."""
        self._places.settle(problems, assumed, dropped)
        dropped += [
            f"{counted(n, 'sample')} {why}." if n else f"{why}." for why, n in self._lost.items()
        ]
        assumed += [f"{what} ({counted(n, 'sample')})." for what, n in self._notes.items()]
        problems += [
            Problem(
                "two runs of one task by one model were set otherwise.",
                "Import each by itself, with its own --prompting or --model.",
                listing(files),
                value=where,
            )
            for where, files in self._clashes.items()
        ]
        newer = sorted({str(log.version) for log in self._logs if _is_newer(log.version)})
        own = [log for log in self._logs if log.form != "official"]
        if newer and own:
            assumed.append(
                f"Version {listing(newer)} of the log is read as version {KNOWN_VERSION}; to be "
                "sure, install Inspect's own reader: pip install inspect-ai."
            )

    def lines(self, logs: Sequence[_Log]) -> tuple[str, ...]:
        """What was read, by model, and with which reader."""
        official = sum(log.form == "official" for log in logs)
        lines = [
            f"{model}: {counted(len(self._tasks[model]), 'task')}, {counted(n, 'sample')}."
            for model, n in sorted(self._samples.items())
        ]
        own = len(logs) - official
        if own:
            lines.append(f"{counted(own, 'log')} with the reader of hatlib.")
        if official:
            lines.append(f"{counted(official, 'log')} with Inspect's own reader.")
        return tuple(lines)


def _scores(log: _Log, sample: Mapping[str, Any]) -> dict[str, float]:
    """The scores of a sample as numbers; a scorer that gives several has a name for each."""
    given = sample.get("scores")
    if given is None and sample.get("score") is not None:  # the first versions had one only
        given = {_first_scorer(log): sample["score"]}
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


def _first_scorer(log: _Log) -> str:
    named = log.results.get("scores")
    first = named[0] if isinstance(named, list) and named else log.results.get("scorer")
    return first_of(mapping(first), "name") or "score"


def _is_newer(version: object) -> bool:
    return isinstance(version, int) and version > KNOWN_VERSION


# Files --------------------------------------------------------------------------------------


def _log(path: Path, named: bool, problems: list[Problem], dropped: list[str]) -> _Log | None:
    """The header of a file; None if it is no log."""
    if reading.is_zip(path) or path.name.endswith(".eval"):
        unknown = _unknown_packing(path)
        if unknown:
            return _official_log(path, unknown, problems)
        header, form = _zip_header(path, problems), "zip"
    elif path.stat().st_size > reading.MAX_MEMBER:
        what = "the JSON log is too large to be read at once."
        remedy = "Turn it into an .eval file: inspect log convert LOG --to eval --output-dir DIR."
        problems.append(Problem(what, remedy, shown(path)))
        return None
    else:
        before = len(problems)
        whole, form = json_object(path, problems), "json"
        if not named and (whole is None or "eval" not in whole):
            del problems[before:]
            dropped.append(f"{shown(path)}: a JSON file that is no Inspect log.")
            return None
        header = whole
    if header is None:
        return None
    about = header.get("eval")
    if not isinstance(about, dict) or not clean(about.get("task")):
        what = "this is no log of Inspect: it does not say its task."
        problems.append(Problem(what, "Name .eval or .json logs.", shown(path)))
        return None
    log = _Log(
        path=path,
        form=form,
        version=header.get("version"),
        status=clean(header.get("status")),
        about=about,
        plan=mapping(header.get("plan")),
        results=mapping(header.get("results")),
    )
    if _is_newer(log.version) and _inspect_log() is not None:
        return _official_log(path, "", problems)
    return log


def _zip_header(path: Path, problems: list[Problem]) -> dict[str, Any] | None:
    """The header of a log in a zip file, or its start if the run did not finish."""
    names = ("header.json", "_journal/start.json")
    before = len(problems)
    found = dict(_members(path, lambda name: name in names, problems))
    if len(problems) > before:
        return None
    for name in names:
        if name in found:
            header = object_of(found[name], f"{shown(path)}, {name}", problems)
            if header is not None and name != names[0]:
                header = {"status": "started", **header}
            return header
    what = "this is no log of Inspect: it has no header."
    problems.append(Problem(what, "Name .eval or .json logs.", shown(path)))
    return None


def _samples(log: _Log, problems: list[Problem]) -> Iterator[Mapping[str, Any]]:
    """The samples of a log, one after the other."""
    if log.form == "official":
        yield from _official_samples(log.path, problems)
    elif log.form == "json":
        whole = json_object(log.path, problems) or {}
        samples = whole.get("samples")
        yield from filter(None, map(mapping, samples if isinstance(samples, list) else ()))
    else:
        for name, content in _members(log.path, _is_sample, problems):
            sample = object_of(content, f"{shown(log.path)}, {clean(name)}", problems)
            if sample is not None:
                yield sample


def _is_sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")


def _members(
    path: Path, wanted: Callable[[str], bool], problems: list[Problem]
) -> Iterator[tuple[str, bytes]]:
    """As `hatlib.logs.reading.members`, also for files that are packed with Zstandard."""
    if _ZSTD not in _packings(path):
        yield from members(path, wanted, problems)
        return
    total = 0
    with path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
        chosen = [entry for entry in archive.infolist() if wanted(entry.filename)]
        if len({entry.filename for entry in chosen}) < len(chosen):
            what = "the zip file holds two files of one name."
            problems.append(Problem(what, "Write the log again.", shown(path)))
            return
        for entry in chosen:
            content = _unpacked(raw, archive, entry)
            inside = f"{shown(path)}, {clean(entry.filename)}"
            if content is None:
                problems.append(Problem("the file is damaged.", file=inside))
                continue
            if len(content) > reading.MAX_MEMBER:
                problems.append(Problem("the file is too large.", file=inside))
                continue
            total += len(content)
            if total > reading.MAX_FILE:
                problems.append(Problem("the log is too large.", "Split it.", shown(path)))
                return
            yield entry.filename, content


def _unpacked(
    raw: io.BufferedReader, archive: zipfile.ZipFile, entry: zipfile.ZipInfo
) -> bytes | None:
    """One file in a zip file, and at most one byte more than it may have; None if damaged."""
    import pyarrow as arrow

    most = reading.MAX_MEMBER
    parts: list[bytes] = []
    try:
        if entry.compress_type != _ZSTD:
            with archive.open(entry) as stream:
                return stream.read(most + 1)
        raw.seek(entry.header_offset)
        start = raw.read(30)
        if start[:4] != b"PK\x03\x04" or entry.flag_bits & 1:
            return None
        raw.seek(sum(struct.unpack("<HH", start[26:30])), io.SEEK_CUR)
        packed = raw.read(min(entry.compress_size, most))
        with arrow.CompressedInputStream(arrow.BufferReader(packed), "zstd") as unpacking:
            size = 0
            while size <= most and (block := unpacking.read(_BLOCK)):
                parts.append(block)
                size += len(block)
    except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError, struct.error):
        return None
    except zlib.error:
        return None
    content = b"".join(parts)
    if len(content) <= most and zlib.crc32(content) != entry.CRC:
        return None
    return content


def _packings(path: Path) -> set[int]:
    """How the files of a zip file are packed; nothing if it cannot be told."""
    try:
        with path.open("rb") as raw:
            if reading.contents_size(raw) > reading.MAX_CONTENTS:
                return set()
            with zipfile.ZipFile(raw) as archive:
                return {entry.compress_type for entry in archive.infolist()}
    except (OSError, zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, EOFError):
        return set()


def _unknown_packing(path: Path) -> str:
    """What keeps this module from unpacking a log; empty if nothing does."""
    kinds = _packings(path) - set(_PACKINGS)
    return f"its files are packed in a way (number {listing(sorted(kinds))})" if kinds else ""


# Inspect's own reader -----------------------------------------------------------------------


def _inspect_log() -> Any:
    """The module that reads logs, if Inspect is installed."""
    try:
        return import_module("inspect_ai.log")
    except Exception:  # whatever keeps it from being imported
        return None


def _official_log(path: Path, why: str, problems: list[Problem]) -> _Log | None:
    """The header of a log by Inspect's own reader."""
    reader = _inspect_log()
    if reader is None:
        what = f"the log needs Inspect's own reader: {why} that only it may know."
        remedy = "Install it with pip install inspect-ai, and import the log again."
        problems.append(Problem(what, remedy, shown(path)))
        return None
    try:
        whole = reader.read_eval_log(str(path), header_only=True).model_dump(mode="json")
    except Exception as error:  # of a package that may raise anything
        what = f"Inspect cannot read the log either: {clean(error)}."
        problems.append(Problem(what, file=shown(path)))
        return None
    return _Log(
        path=path,
        form="official",
        version=whole.get("version"),
        status=clean(whole.get("status")),
        about=mapping(whole.get("eval")),
        plan=mapping(whole.get("plan")),
        results=mapping(whole.get("results")),
    )


def _official_samples(path: Path, problems: list[Problem]) -> Iterator[Mapping[str, Any]]:
    """The samples of a log by Inspect's own reader."""
    fields = {"id", "epoch", "target", "choices", "metadata", "scores", "error", "invalidation"}
    reader = _inspect_log()
    try:
        if reading.is_zip(path):
            samples = reader.read_eval_log_samples(str(path), all_samples_required=False)
        else:
            samples = reader.read_eval_log(str(path)).samples or ()
        for sample in samples:
            yield sample.model_dump(mode="json", include=fields)
    except Exception as error:  # of a package that may raise anything
        what = f"Inspect cannot read the log to its end: {clean(error)}."
        problems.append(Problem(what, file=shown(path)))
