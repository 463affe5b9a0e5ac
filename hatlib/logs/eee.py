"""Read the instance-level files of Every Eval Ever: one JSON object a line, one answer each.

Known versions of the schema: `VERSIONS`. A row has ``model_id``, ``evaluation_name`` (the task),
``sample_id`` and ``evaluation`` with ``is_correct`` and ``score``. The traps: one answer has a row
for each metric or filter; ``is_correct`` is only meaningful where the score is 0 or 1; the same
samples come again in epochs (``metadata.epoch``), in a copy of the file and in a later run. The
aggregate results (``.json``) beside the file are not needed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from hatlib.errors import InputError, Problem, listing
from hatlib.logs.common import TRIAL_COLUMNS, Options, Trials
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
from hatlib.logs.reading import clean, find_files, objects, shown
from hatlib.show.words import counted

#: Versions of the instance-level schema that this module was written for.
VERSIONS = ("0.0.1", "0.2.0", "0.2.1", "0.2.2")

_NEEDED = ("model_id", "evaluation_name", "sample_id", "evaluation")
_SAMPLES = re.compile(r".+\.jsonl(\.gz)?")
_AGGREGATE = re.compile(r".+\.json(\.gz)?")
_STAMP = re.compile(r"(\d{9,}(?:\.\d+)?)$")  # seconds since 1970, at the end of an evaluation_id
_LANGUAGE = ("language", "lang")


def read(paths: Sequence[str | Path], options: Options) -> Trials:
    """Read instance-level files of Every Eval Ever.

    Parameters
    ----------
    paths : sequence of path
        Files, or folders in which every ``.jsonl`` (or ``.jsonl.gz``) is read.
    options : Options
        ``metric`` is the field of ``evaluation`` that says what is right: ``is_correct`` or
        ``score``. ``filter`` names one of several rows of an answer.

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
    aggregates: list[str] = []

    def wanted(name: str) -> bool:
        if _AGGREGATE.fullmatch(name):
            aggregates.append(name)
        return bool(_SAMPLES.fullmatch(name))

    found = find_files(paths, wanted, "instance-level files")
    dropped = [line for line in found.passed if "whose names" not in line]
    if aggregates:
        dropped.append(f"{counted(len(aggregates), 'file')} of aggregate results: not needed.")
    counting = _Counting(options)
    for path in sorted(found.files, key=_age, reverse=True):
        counting.add(path, problems, dropped)
    counting.settle(problems, assumed, dropped)
    frames = counting.frames(problems, chosen, dropped)
    if not counting.n and not problems:
        problems.append(Problem("the files hold no rows.", file=listing(paths, 3)))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=TRIAL_COLUMNS)
    if not problems:
        suspect(frame, bool(options.metric), problems, assumed)
    if problems:
        raise InputError(problems)
    return Trials(frame, counting.lines(), tuple(dropped), tuple(assumed), tuple(chosen))


def _age(path: Path) -> float:
    """Seconds since 1970 at which the evaluation in a file was dated; 0 if it does not say."""
    _, row = next(objects(path, []), (0, {}))
    return _stamp(first_of(row, "evaluation_id")) or 0.0


def _stamp(evaluation: str) -> float | None:
    match = _STAMP.search(evaluation)
    return float(match[1]) if match else None


class _Counting:
    """Counts the rows of one file after the other, those of the newest evaluation first."""

    def __init__(self, options: Options) -> None:
        self.n = 0
        self._options = options
        self._places = Places(options)
        # One for each benchmark and each kind of row that an answer has.
        self._scored: dict[tuple[str, str], Scored] = {}
        self._run: dict[tuple[str, ...], str] = {}  # the evaluation that each item was read from
        self._file: dict[tuple[str, ...], int] = {}  # the file that each evaluation began in
        self._once: set[tuple[str, ...]] = set()
        self._rows: dict[str, int] = {}
        self._named: dict[str, None] = {}
        self._tasks: dict[str, set[str]] = {}
        self._versions: dict[str, int] = {}
        self._turns = 0
        self._graded: dict[str, int] = {}
        self._differ: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        self._clashes: dict[str, str] = {}
        self._n_files = 0

    def add(self, path: Path, problems: list[Problem], dropped: list[str]) -> None:
        """Count the rows of one file."""
        self._n_files += 1
        before = self.n
        bad: list[tuple[int, str]] = []
        for number, row in objects(path, problems):
            if "evaluation_results" in row and "sample_id" not in row:
                dropped.append(f"{shown(path)}: aggregate results, not needed.")
                return
            if "doc_id" in row and "evaluation" not in row:
                what = "this is a sample log of lm-evaluation-harness."
                problems.append(Problem(what, "Use hat import lm-eval.", shown(path), number))
                return
            lacking = [name for name in _NEEDED if row.get(name) in (None, "")]
            if lacking or not isinstance(row["evaluation"], dict):
                bad.append((number, listing(lacking or ["evaluation"])))
                continue
            self.n += 1
            self._row(path, row)
        if bad:
            what = f"{counted(len(bad), 'row')} without what an instance-level row needs."
            remedy = "Check the file against the schema of Every Eval Ever."
            problems.append(Problem(what, remedy, shown(path), bad[0][0], value=bad[0][1]))
        elif self.n == before:
            dropped.append(f"{shown(path)}: no rows.")

    def _row(self, path: Path, row: Mapping[str, Any]) -> None:
        about = mapping(row.get("metadata"))
        model = clean(self._options.model) or clean(row["model_id"])
        name, variant = _task(row, about)
        self._named[clean(row["model_id"])] = None
        self._rows[model] = self._rows.get(model, 0) + 1
        self._tasks.setdefault(model, set()).add(name)
        version = first_of(row, "schema_version")
        self._versions[version] = self._versions.get(version, 0) + 1
        self._turns += row.get("interaction_type") in ("multi_turn", "agentic")
        if row.get("error"):
            return self._lose("lost to an error")
        task = self._places.find(name, first_of(about, *_LANGUAGE))
        if task is None:
            return None
        item = first_of(about, "item") or clean(row["sample_id"])
        if task.subject:
            item = f"{task.subject}/{item}"
        prompting = clean(self._options.prompting) or first_of(about, "prompting") or task.prompting
        cell = (model, task.benchmark, task.language, item, prompting)
        if self._is_again(name, variant, cell, row, about):
            return None
        given = row["evaluation"]
        scores = {n: score_of(given.get(n)) for n in ("is_correct", "score") if n in given}
        score, right = scores.get("score", 0.0), scores.get("is_correct", 0.0)
        if math.isfinite(score) and score not in (0.0, 1.0):
            self._graded[task.benchmark] = self._graded.get(task.benchmark, 0) + 1
        elif math.isfinite(score) and len(scores) == 2 and math.isfinite(right) and score != right:
            self._differ[task.benchmark] = self._differ.get(task.benchmark, 0) + 1
        asked = mapping(row.get("input"))
        source = first_of(about, "source_language")
        scored = self._scored.setdefault((task.benchmark, variant), Scored(self._options.threshold))
        scored.add(
            scores,
            *cell[:4],
            prompting=prompting,
            key=key_of(about.get("key")) or key_of(asked.get("reference"), asked.get("choices")),
            source_language=language_of(source) or source,
            cluster=first_of(about, "cluster"),
            file=shown(path),
        )
        return None

    def _is_again(
        self,
        name: str,
        variant: str,
        cell: tuple[str, ...],
        row: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> bool:
        """Whether an answer was counted before: in a copy of its file or a newer evaluation."""
        evaluation = first_of(row, "evaluation_id")
        began = self._file.setdefault((evaluation, variant, cell[0], name), self._n_files)
        known = cell in self._run
        newest = self._run.setdefault(cell, evaluation)
        if newest != evaluation:
            if _stamp(newest) is None or _stamp(evaluation) is None:
                self._clashes[f"{name} by {cell[0]}"] = f"{newest}, {evaluation}"
            self._lose("of items that a newer evaluation holds, too")
            return True
        epoch = first_of(about, "epoch")
        if epoch:
            trial = (evaluation, variant, *cell, epoch)
            again = trial in self._once
            self._once.add(trial)
        else:
            again = known and began != self._n_files
        if again:
            self._lose("again")
        return again

    def _lose(self, why: str) -> None:
        self._lost[why] = self._lost.get(why, 0) + 1

    def settle(self, problems: list[Problem], assumed: list[str], dropped: list[str]) -> None:
        """Say what was lost and taken for granted, when all is read."""
        self._places.settle(problems, assumed, dropped)
        dropped += [f"{counted(n, 'row')} {why}." for why, n in self._lost.items()]
        problems += [
            Problem(
                f"there are two evaluations of {what}, and they are not dated.",
                "Name the file of one of them.",
                value=ids,
            )
            for what, ids in self._clashes.items()
        ]
        if self._options.model and len(self._named) > 1:
            what = f"the rows are of {len(self._named)} models, and --model names one."
            problems.append(Problem(what, "Import each by itself.", value=listing(self._named)))
        other = sorted(version for version in self._versions if version not in VERSIONS)
        if other:
            names = listing(version or "none named" for version in other)
            assumed.append(
                f"Schema version {names} is read as {VERSIONS[-1]}; known are {listing(VERSIONS)}."
            )

    def frames(
        self, problems: list[Problem], chosen: list[str], dropped: list[str]
    ) -> list[pd.DataFrame]:
        """The counts of each benchmark, under one kind of row and one field."""
        frames = []
        for benchmark in dict.fromkeys(name for name, _ in self._scored):
            kinds = {kind: s for (name, kind), s in self._scored.items() if name == benchmark}
            wanted = self._options.metric
            if len(kinds) > 1 and _overlap(kinds.values()):
                kind = self._kind(benchmark, kinds, problems)
                if kind is None:
                    continue
                chosen.append(
                    f"{benchmark}: rows {kind} (not {listing(k for k in kinds if k != kind)})."
                )
                kinds = {kind: kinds[kind]}
                wanted = "" if wanted not in ("is_correct", "score") else wanted
            field = wanted or self._field(benchmark, problems)
            if not field:
                continue
            said: list[str] = []
            for scored in kinds.values():
                given = replace(self._options, metric=field)
                frames.append(scored.choose(given, "field", problems, said, dropped))
            if self._options.metric or field == "score":
                chosen += dict.fromkeys(said)
        return frames

    def _kind(
        self, benchmark: str, kinds: Mapping[str, Scored], problems: list[Problem]
    ) -> str | None:
        """The one of several rows of an answer that counts."""
        wanted = self._options.filter or self._options.metric
        fits = [kind for kind in kinds if wanted and wanted in (kind, *kind.split("/"))]
        if len(fits) == 1:
            return fits[0]
        told = [
            f"{kind or 'no name'} ({scored.summary(benchmark).get('is_correct', 'no number')})"
            for kind, scored in kinds.items()
        ]
        problems.append(
            Problem(
                f"each answer to {benchmark} has several rows, one for each metric or filter.",
                f"Choose one with --filter: {listing(told)}.",
                value=wanted,
            )
        )
        return None

    def _field(self, benchmark: str, problems: list[Problem]) -> str:
        """The field that says what is right; empty, and a problem, if the user must say it."""
        graded, differ = self._graded.get(benchmark, 0), self._differ.get(benchmark, 0)
        if graded and self._options.threshold is not None:
            return "score"
        if not graded and not differ:
            return "is_correct"
        what = (
            f"score is neither 0 nor 1 in {counted(graded, 'answer')} to {benchmark}, where "
            "is_correct means little."
            if graded
            else f"is_correct and score differ in {counted(differ, 'answer')} to {benchmark}."
        )
        remedy = (
            "Say from which score on an answer is right with --threshold, or trust is_correct with "
            "--metric is_correct."
            if graded
            else "Choose one with --metric is_correct or --metric score."
        )
        problems.append(Problem(what, remedy))
        return ""

    def lines(self) -> tuple[str, ...]:
        """What was read, by model, and in which version of the schema."""
        lines = [
            f"{model}: {counted(len(self._tasks[model]), 'task')}, {counted(n, 'row')}."
            for model, n in sorted(self._rows.items())
        ]
        versions = listing(version or "none named" for version in sorted(self._versions))
        lines.append(f"Schema version {versions}.")
        if self._turns:
            n = counted(self._turns, "answer")
            lines.append(f"{n} of several turns, each judged, and counted, as one trial.")
        return tuple(lines)


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


def _overlap(kinds: Iterable[Scored]) -> bool:
    """Whether some answer has rows of two kinds."""
    seen: set[tuple[str, ...]] = set()
    for scored in kinds:
        cells = scored.cells()
        if seen & cells:
            return True
        seen |= cells
    return False
