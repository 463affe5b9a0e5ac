"""Logs of Every Eval Ever, of HELM (``per_instance_stats.json``) and of OpenCompass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.door import importer_of, stem
from hatlib.errors import listing
from hatlib.logs.answers import CELL, Format, Run
from hatlib.logs.fields import (
    accepted,
    at,
    facts,
    key_of,
    listed,
    mapping,
    normalised,
    score_of,
    short,
)
from hatlib.logs.reading import File, Found, clean, json_value
from hatlib.logs.settings import flat
from hatlib.words import counted

#: Versions of the instance-level schema that this module was written for.
VERSIONS = ("0.0.1", "0.2.0", "0.2.1", "0.2.2")

_STAMP = re.compile(r"(\d{9,}(?:\.\d+)?)$")  # seconds since 1970, at the end of an evaluation_id


#: What of the settings of HELM is no setting, or the wording.
_WORDING = re.compile(r"model(_deployment)?|instructions|\w+_(prefix|suffix|noun)")


class Eee(Format, name="eee"):
    """Instance-level files of Every Eval Ever: one JSON object a line, one answer each.

    The traps: one answer has a row for each metric or filter; ``is_correct`` is only meaningful
    where the score is 0 or 1; the same samples come again in epochs (``metadata.epoch``), in a
    copy of the file and in a later run. The aggregate results (``.json``) beside the file say how
    the model was run, and are not needed.
    """

    def runs(self, found: Found) -> list[Run]:
        if self.options.metric not in ("", "is_correct", "score"):
            # Rows of one answer are told apart by filter or metric.
            wanted = self.options.filter or self.options.metric
            self.options = replace(self.options, metric="", filter=wanted)
        self._newer: set[str] = set()
        settings: dict[tuple[str, str], dict[str, str] | None] = {}
        for file in found.beside:
            whole = mapping(json_value(file, self.notes))
            told = flat(mapping(at(whole, "model_info.additional_details")))
            for result in listed(whole.get("evaluation_results")):
                told |= flat(mapping(at(result, "generation_config")))
            settings[_stem(file)] = told
        return [Run(file, settings=settings.get(_stem(file))) for file in found.files]

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        scores, variant = mapping(record.get("evaluation")), said["variant"]
        if record.get("error") or not scores:
            return "lost to an error" if scores else "without evaluation"
        self._newer |= {short(record.get("schema_version")) or "none"} - {*VERSIONS}
        # Which of the rows of one answer it is: its filter and metric.
        result = short(record.get("evaluation_result_id"))
        metric = result.removeprefix(said["run"]).strip("#:/_-. ") or result
        part = variant if said["task"].endswith(f"/{variant}") else ""
        key, asked = key_of(said["key"]), mapping(record.get("input"))
        return {
            "task": said["task"].removesuffix(f"/{variant}"),
            "variant": "/".join(filter(None, (part, metric))),
            "key": key or key_of(asked.get("reference"), asked.get("choices")),
            "scores": {k: score_of(scores[k]) for k in ("is_correct", "score") if k in scores},
        }

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The newest evaluation first; without epochs, the rows of one file of it."""
        notes = self.notes
        if self._newer:
            names = listing(sorted(self._newer))
            notes.note("assumed", "schema", versions=names, last=VERSIONS[-1])
        cell = [*CELL, "run"]
        date = rows["run"].str.extract(_STAMP)[0].astype(float)
        undated = date.isna().groupby([rows["model"], rows["task"]]).transform("any")
        first = rows.groupby([*cell, "variant"])["number"].transform("min")
        again = (rows["number"] != first) & (rows["trial"] == "")
        if again.any():
            notes.note("dropped", "file-again", n=counted(int(again.sum()), "row"))
        rows = rows[~again].assign(age=(-date).mask(undated, 0))
        several = rows.duplicated([*cell, "trial"]) & ~rows.duplicated([*cell, "trial", "variant"])
        return rows if several.any() else rows.assign(variant="")

    def wish(self, what: str, rows: pd.DataFrame) -> str | None:
        """``is_correct``, unless the score says more or something else."""
        if self.options.metric or "=score" not in rows:
            return self.options.metric
        score, right = rows["=score"], rows.get("=is_correct", rows["=score"].round())
        differ = int((np.isfinite(score) & np.isfinite(right) & (right != score)).sum())
        if differ and self.options.threshold is None:
            return self.notes.refuse("graded-eee", n=counted(differ, "answer"), what=what)
        return "score" if differ else "is_correct"


def _stem(file: File) -> tuple[str, str]:
    """What a file of answers and that of its aggregate results share."""
    return file.folder, stem(file.base).removesuffix("_samples")


class Helm(Format, name="helm"):
    """Instances of HELM; a file ``run_spec.json`` beside them says model, scenario and settings."""

    def runs(self, found: Found) -> list[Run]:
        specs = {file.folder: mapping(json_value(file, self.notes)) for file in found.beside}
        runs = []
        for file in found.files:
            spec = specs.get(file.folder, {})
            name = clean(spec.get("name") or file.folder.rsplit("/", 1)[-1])
            name, _, given = name.partition(":")
            args = dict(part.split("=", 1) for part in given.split(",") if "=" in part)
            args["model"] = args.get("model", "").replace("_", "/", 1)
            args |= mapping(mapping(spec.get("scenario_spec")).get("args"))
            said = facts({**spec, "args": args}, "helm-run")
            adapter = mapping(spec.get("adapter_spec")).items()
            settings = flat({k: v for k, v in adapter if not _WORDING.fullmatch(k)}) or None
            rest = [str(args[k]) for k in args if k in ("subject", "task", "dataset")]
            task = clean("_".join([name, *rest]))
            runs.append(Run(file, clean(said["model"]), task, settings, said | {"age": 0}))
        return runs

    def records(self, run: Run) -> list[Mapping[str, Any]]:
        value = json_value(run.file, self.notes)
        if not isinstance(value, list):
            self.notes.refuse("no-instances", run.file.name)
        return [mapping(instance) for instance in listed(value)]

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        if record.get("perturbation"):
            return "perturbed"
        scores = {}
        for stat in map(mapping, listed(record.get("stats"))):
            name, mean = mapping(stat.get("name")), score_of(stat.get("mean"))
            if not name.get("perturbation") and 0 <= mean <= 1:
                scores[short(name.get("name"))] = mean
        about = {"run": str(run.file.path), "fallback": clean(run.about["language"])}
        return about | {"scores": scores}


class OpenCompass(Format, name="opencompass"):
    """Answers of OpenCompass, in ``predictions/MODEL/DATASET.json`` or the details of ``results``.

    A file of results has a verdict for each answer; predictions are compared with the right answer
    as `hatlib.logs.fields.normalised` gives both.
    """

    def runs(self, found: Found) -> list[Run]:
        runs: dict[bool, list[Run]] = {True: [], False: []}
        for file in found.files:
            value = json_value(file, self.notes)
            details = mapping(value).get("details")
            dataset, shard = re.fullmatch(r"(.+?)(?:_(\d+))?", stem(file.base)).groups("")  # type: ignore[union-attr]
            folder = clean(file.folder.rstrip("/").rsplit("/", 1)[-1])
            model = "" if folder in ("predictions", "results") else folder
            answers = details or value
            if isinstance(answers, list):
                answers = {str(number): answer for number, answer in enumerate(answers)}
            stamps = re.findall(r"\d{8}_\d{6}", file.folder)  # of the run
            age = -int(stamps[-1].replace("_", "")) if stamps else 0
            kept = [
                {**answer, "item": f"{shard}/{number}" if shard else number}
                for number, answer in mapping(answers).items()
                if number.isdigit() and mapping(answer) and importer_of(answer) != "helm"
            ]
            run = Run(file, model, clean(dataset), about={"answers": kept, "age": age})
            if kept:
                runs[bool(details)].append(run)
            else:
                self.notes.note("dropped", "details", file=file.name)
        judged = {(run.model, run.task) for run in runs[True]}
        rest = [run for run in runs[False] if (run.model, run.task) not in judged]
        if len(rest) < len(runs[False]):
            self.notes.note("dropped", "predictions")
        if rest and judged:  # two rules of what is right
            names = listing(dict.fromkeys(f"{run.model}/{run.task}" for run in rest), 5)
            self.notes.refuse("no-verdicts", names=names)
        elif rest:
            self.notes.note("chosen", "compared", what="the prediction is the same as gold")
        return runs[True] + rest

    def records(self, run: Run) -> list[Mapping[str, Any]]:
        return run.about["answers"]

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        found = facts(record, "opencompass-answer").values()
        gold, given, verdict = (v[0] if isinstance(v, list) and len(v) == 1 else v for v in found)
        answer = normalised(given)
        right = float(answer in accepted(gold)) if verdict is None else score_of(verdict)
        about = {"run": str(run.file.path), "key": key_of(gold), "parsed": float(bool(answer))}
        return about | {"scores": {"correct": right}}
