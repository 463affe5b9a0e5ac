"""Logs of HELM (``per_instance_stats.json``) and of OpenCompass (``predictions``, ``results``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hatlib.errors import listing
from hatlib.logs.answers import Format, Run
from hatlib.logs.fields import at, first_of, key_of, mapping, normalised, score_of
from hatlib.logs.languages import language_in
from hatlib.logs.reading import File, Found, clean, json_value
from hatlib.logs.settings import flat

_HELM = re.compile(r"per_instance_stats\.json(\.gz|\.zst)?")
_LANGUAGE = ("language", "lang", "locale", "subset")
_VERDICT = ("correct", "is_correct", "score", "cascade_correct")


class Helm(Format):
    """Instances of HELM; a file ``run_spec.json`` beside them says model, scenario and settings."""

    files = "per_instance_stats.json files"
    row = "instance"
    preferred = ("exact_match", "quasi_exact_match", "final_number_exact_match", "math_equiv")

    def wanted(self, name: str) -> bool:
        return bool(_HELM.fullmatch(name))

    def beside(self, name: str) -> bool:
        return name == "run_spec.json"

    def runs(self, found: Found) -> list[Run]:
        specs = {file.folder: file for file in found.beside}
        runs = []
        for file in found.files:
            spec: Mapping[str, Any] = {}
            if file.folder in specs:
                spec = mapping(json_value(specs[file.folder], self.notes))
            adapter, scenario = (
                mapping(spec.get("adapter_spec")),
                mapping(spec.get("scenario_spec")),
            )
            folder = file.folder.rsplit("/", 1)[-1]
            name, _, listed = clean(spec.get("name") or folder).partition(":")
            args = dict(part.split("=", 1) for part in listed.split(",") if "=" in part)
            model = clean(adapter.get("model") or args.get("model", "").replace("_", "/", 1))
            args |= {k: str(v) for k, v in mapping(scenario.get("args")).items()}
            rest = [v for k, v in args.items() if k in ("subject", "task", "dataset")]
            settings = {
                k: v
                for k, v in adapter.items()
                if k not in ("model", "model_deployment", "instructions", "reference_prefix")
                and not k.endswith(("_prefix", "_suffix", "_noun"))
            }
            about = {"language": first_of(args, *_LANGUAGE)}
            runs.append(Run(file, model, clean("_".join([name, *rest])), flat(settings), about))
        nameless = [run.file.name for run in runs if not run.model]
        if nameless and not self.options.model:
            what = "nothing says the model (there is no run_spec.json)."
            self.notes.problem(what, "Name it with --model.", listing(nameless, 3))
        return runs

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        value = json_value(run.file, self.notes)
        if value is not None and not isinstance(value, list):
            self.notes.problem("this is no list of instances of HELM.", file=run.file.name)
        perturbed = 0
        for instance in map(mapping, value if isinstance(value, list) else ()):
            item = first_of(instance, "instance_id")
            if not item or instance.get("perturbation"):
                perturbed += bool(item)
                continue
            scores = {}
            for stat in map(mapping, instance.get("stats") or ()):
                name = mapping(stat.get("name"))
                mean = score_of(stat.get("mean"))
                if not name.get("perturbation") and 0 <= mean <= 1:
                    scores[first_of(name, "name")] = mean
            stratum = self.options.stratum
            yield {
                "item": item,
                "fallback": run.about["language"],
                "trial": first_of(instance, "train_trial_index"),
                "stratum": clean(at(instance, stratum)) if stratum else "",
                "scores": scores,
            }
        if perturbed:
            self.notes.dropped.append(f"{run.file.name}: {perturbed:,} perturbed instances.")


class OpenCompass(Format):
    """Answers of OpenCompass, in ``predictions/MODEL/DATASET.json`` or the details of ``results``.

    A file of results has a verdict for each answer; predictions are compared with the right answer
    as `hatlib.logs.fields.normalised` gives both.
    """

    files = "predictions or results of OpenCompass"
    row = "answer"

    def wanted(self, name: str) -> bool:
        return name.endswith((".json", ".json.gz", ".json.zst"))

    def runs(self, found: Found) -> list[Run]:
        runs, plain = [], []
        for file in found.files:
            value = mapping(json_value(file, self.notes))
            details = value.get("details")
            listed = (
                enumerate(details)
                if isinstance(details, list)
                else mapping(details or value).items()
            )
            answers = {str(k): v for k, v in listed if isinstance(v, dict) and str(k).isdigit()}
            if not answers:
                what = "no answers in it (results without details)."
                self.notes.dropped.append(f"{file.name}: {what}")
                continue
            if not details:
                plain.append(file.name)
            stem = re.sub(r"\.json(\.gz|\.zst)?$", "", file.base)
            dataset, _, shard = re.fullmatch(r"(.+?)((?:_)(\d+))?", stem).groups()  # type: ignore[union-attr]
            about = {"answers": answers, "shard": shard or "", "judged": bool(details)}
            runs.append(Run(file, self._model(file), clean(dataset), about=about))
        judged = {(run.model, run.task) for run in runs if run.about["judged"]}
        kept = [r for r in runs if r.about["judged"] or (r.model, r.task) not in judged]
        if len(kept) < len(runs):
            n = len(runs) - len(kept)
            self.notes.dropped.append(f"{n} files of predictions: the results have their verdicts.")
        if any(not run.about["judged"] for run in kept):
            self.notes.chosen.append(
                "right: the prediction is the same as gold, both as numbers, letters, or text "
                "without case and punctuation; what cannot be read is wrong."
            )
        return kept

    def _model(self, file: File) -> str:
        folder = file.folder.rstrip("/").rsplit("/", 1)[-1]
        return "" if folder in ("predictions", "results") else clean(folder)

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        for item, answer in run.about["answers"].items():
            gold = next((answer[k] for k in ("gold", "answer", "references") if k in answer), None)
            said = next(
                (answer[k] for k in ("pred", "prediction", "predictions") if k in answer), None
            )
            if isinstance(gold, list) and len(gold) == 1:
                gold = gold[0]
            if isinstance(said, list) and len(said) == 1:
                said = said[0]
            verdict = next((answer[k] for k in _VERDICT if k in answer), None)
            if isinstance(verdict, list) and len(verdict) == 1:
                verdict = verdict[0]
            plain = normalised(said)
            same = float(bool(plain) and plain == normalised(gold))
            yield {
                "item": f"{run.about['shard']}/{item}" if run.about["shard"] else item,
                "key": key_of(gold),
                "language": language_in(first_of(answer, *_LANGUAGE[:2])),
                "stratum": clean(at(answer, self.options.stratum)) if self.options.stratum else "",
                "parsed": float(bool(plain)),
                "scores": {"correct": same if verdict is None else score_of(verdict)},
            }
