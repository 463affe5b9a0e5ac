"""Logs of HELM (``per_instance_stats.json``) and of OpenCompass (``predictions``, ``results``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import WHERE, facts, first_of, key_of, listed, mapping, normalised, score_of
from hatlib.logs.reading import Found, clean, json_value
from hatlib.logs.settings import flat

#: What of the settings of HELM is no setting, or the wording.
_WORDING = re.compile(r"model(_deployment)?|instructions|\w+_(prefix|suffix|noun)")
#: How answers are compared with the right ones, for the report.
COMPARED = (
    "right: {}, both as numbers, letters, or text without case and punctuation; what cannot be "
    "read is wrong."
)


class Helm(Format):
    """Instances of HELM; a file ``run_spec.json`` beside them says model, scenario and settings."""

    files = "per_instance_stats.json files"
    row = "instance"
    where = WHERE["helm"]
    preferred = ("exact_match", "quasi_exact_match", "final_number_exact_match", "math_equiv")

    def wanted(self, name: str) -> bool:
        return bool(re.fullmatch(r"per_instance_stats\.json(\.gz|\.zst)?", name))

    def beside(self, name: str) -> bool:
        return name == "run_spec.json"

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
            adapter = mapping(spec.get("adapter_spec"))
            settings = flat({k: v for k, v in adapter.items() if not _WORDING.fullmatch(k)})
            rest = [str(args[k]) for k in args if k in ("subject", "task", "dataset")]
            task = clean("_".join([name, *rest]))
            runs.append(Run(file, clean(said["model"]), task, settings, said))
        return runs

    def records(self, run: Run) -> list[Mapping[str, Any]]:
        value = json_value(run.file, self.notes)
        if not isinstance(value, list):
            self.notes.problem("this is no list of instances of HELM.", file=run.file.name)
        return [mapping(instance) for instance in listed(value)]

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        if record.get("perturbation"):
            return "perturbed"
        scores = {}
        for stat in map(mapping, listed(record.get("stats"))):
            name, mean = mapping(stat.get("name")), score_of(stat.get("mean"))
            if not name.get("perturbation") and 0 <= mean <= 1:
                scores[first_of(name, "name")] = mean
        return {"fallback": clean(run.about["language"]), "scores": scores}


class OpenCompass(Format):
    """Answers of OpenCompass, in ``predictions/MODEL/DATASET.json`` or the details of ``results``.

    A file of results has a verdict for each answer; predictions are compared with the right answer
    as `hatlib.logs.fields.normalised` gives both.
    """

    files = "predictions or results of OpenCompass"
    row = "answer"
    where = WHERE["opencompass"]

    def wanted(self, name: str) -> bool:
        return name.endswith((".json", ".json.gz", ".json.zst"))

    def runs(self, found: Found) -> list[Run]:
        runs: dict[bool, list[Run]] = {True: [], False: []}
        for file in found.files:
            value = json_value(file, self.notes)
            details = mapping(value).get("details")
            stem = re.sub(r"\.json(\.gz|\.zst)?$", "", file.base)
            dataset, shard = re.fullmatch(r"(.+?)(?:_(\d+))?", stem).groups("")  # type: ignore[union-attr]
            folder = clean(file.folder.rstrip("/").rsplit("/", 1)[-1])
            model = "" if folder in ("predictions", "results") else folder
            answers = details or value
            if isinstance(answers, list):
                answers = {str(number): answer for number, answer in enumerate(answers)}
            about = {
                "answers": [
                    {**answer, "item": f"{shard}/{number}" if shard else number}
                    for number, answer in mapping(answers).items()
                    if number.isdigit() and mapping(answer)
                ]
            }
            if not about["answers"]:
                what = f"{file.name}: no answers in it (results without details)."
                self.notes.dropped.append(what)
                continue
            runs[bool(details)].append(Run(file, model, clean(dataset), about=about))
        judged = {(run.model, run.task) for run in runs[True]}
        rest = [run for run in runs[False] if (run.model, run.task) not in judged]
        if len(rest) < len(runs[False]):
            self.notes.dropped.append(
                "Predictions: the results of OpenCompass have their verdicts."
            )
        if rest:
            self.notes.chosen.append(COMPARED.format("the prediction is the same as gold"))
        return runs[True] + rest

    def records(self, run: Run) -> list[Mapping[str, Any]]:
        return run.about["answers"]

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        found = facts(record, "opencompass-answer")
        gold, given, verdict = (
            v[0] if isinstance(v, list) and len(v) == 1 else v for v in found.values()
        )
        answer = normalised(given)
        same = float(bool(answer) and answer == normalised(gold))
        return {
            "key": key_of(gold),
            "parsed": float(bool(answer)),
            "scores": {"correct": same if verdict is None else score_of(verdict)},
        }
