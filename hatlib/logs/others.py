"""Logs of HELM (``per_instance_stats.json``) and of OpenCompass (``predictions``, ``results``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import WHERE, first_of, key_of, mapping, normalised, score_of
from hatlib.logs.reading import Found, clean, json_value
from hatlib.logs.settings import flat
from hatlib.words import counted


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
            adapter = mapping(spec.get("adapter_spec"))
            name = clean(spec.get("name") or file.folder.rsplit("/", 1)[-1])
            name, _, listed = name.partition(":")
            args = dict(part.split("=", 1) for part in listed.split(",") if "=" in part)
            model = clean(adapter.get("model") or args.get("model", "").replace("_", "/", 1))
            args |= mapping(mapping(spec.get("scenario_spec")).get("args"))
            rest = [str(args[k]) for k in args if k in ("subject", "task", "dataset")]
            text = r"model(_deployment)?|instructions|\w+_(prefix|suffix|noun)"
            settings = flat({k: v for k, v in adapter.items() if not re.fullmatch(text, k)})
            language = {"language": first_of(args, "language", "lang", "locale", "subset")}
            runs.append(Run(file, model, clean("_".join([name, *rest])), settings, language))
        return runs

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        value = json_value(run.file, self.notes)
        if not isinstance(value, list):
            self.notes.problem("this is no list of instances of HELM.", file=run.file.name)
            return
        perturbed = 0
        for instance in map(mapping, value):
            said = self.said(instance)
            if not said["item"] or instance.get("perturbation"):
                perturbed += bool(said["item"])
                continue
            scores = {}
            for stat in map(mapping, instance.get("stats") or ()):
                name, mean = mapping(stat.get("name")), score_of(stat.get("mean"))
                if not name.get("perturbation") and 0 <= mean <= 1:
                    scores[first_of(name, "name")] = mean
            yield {**said, "fallback": run.about["language"], "scores": scores}
        if perturbed:
            what = counted(perturbed, "perturbed instance")
            self.notes.dropped.append(f"{run.file.name}: {what}.")


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
        runs = []
        for file in found.files:
            value = mapping(json_value(file, self.notes))
            details = value.get("details") or value
            if isinstance(details, list):
                details = {str(k): answer for k, answer in enumerate(details)}
            answers = {k: v for k, v in mapping(details).items() if k.isdigit() and mapping(v)}
            if not answers:
                what = f"{file.name}: no answers in it (results without details)."
                self.notes.dropped.append(what)
                continue
            stem = re.sub(r"\.json(\.gz|\.zst)?$", "", file.base)
            dataset, shard = re.fullmatch(r"(.+?)(?:_(\d+))?", stem).groups("")  # type: ignore[union-attr]
            folder = clean(file.folder.rstrip("/").rsplit("/", 1)[-1])
            model = "" if folder in ("predictions", "results") else folder
            about = {"answers": answers, "shard": shard, "judged": details is not value}
            runs.append(Run(file, model, clean(dataset), about=about))
        judged = {(run.model, run.task) for run in runs if run.about["judged"]}
        kept = [r for r in runs if r.about["judged"] or (r.model, r.task) not in judged]
        if len(kept) < len(runs):
            n = counted(len(runs) - len(kept), "file")
            self.notes.dropped.append(f"{n} of predictions: the results have their verdicts.")
        if any(not run.about["judged"] for run in kept):
            self.notes.chosen.append(COMPARED.format("the prediction is the same as gold"))
        return kept

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        for number, answer in run.about["answers"].items():
            gold = _one(answer, "gold", "answer", "references")
            said = normalised(_one(answer, "pred", "prediction", "predictions"))
            verdict = _one(answer, "correct", "is_correct", "score", "cascade_correct")
            same = float(bool(said) and said == normalised(gold))
            yield {
                **self.said(answer),
                "item": "/".join(filter(None, (run.about["shard"], number))),
                "key": key_of(gold),
                "parsed": float(bool(said)),
                "scores": {"correct": same if verdict is None else score_of(verdict)},
            }


#: How answers are compared with the right ones, for the report.
COMPARED = (
    "right: {}, both as numbers, letters, or text without case and punctuation; what cannot be "
    "read is wrong."
)


def _one(answer: Mapping[str, Any], *names: str) -> Any:
    """The first of some fields that is there; the only element of a list."""
    value = next((answer[name] for name in names if name in answer), None)
    return value[0] if isinstance(value, list) and len(value) == 1 else value
