"""Sample logs of lm-evaluation-harness (``--log_samples``): ``samples_TASK_DATE.jsonl``.

A log holds one row an item and filter; versions before 0.4.3 wrote one JSON array, named
``pretrained__ORG__MODEL_TASK.jsonl``. A file ``results_*.json`` beside it gives the model's name,
its settings and the order of the filters. The traps: an item once for each filter, labelled or
not; several metrics, some of them no 0 or 1; a run that was made twice, or with other settings, or
of some items only; a position in the file that is not the same item in every language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.languages import is_language
from hatlib.errors import listing
from hatlib.logs.answers import Format, Run, gather
from hatlib.logs.fields import UNREADABLE, WHERE, first_of, key_of, listed, mapping, score_of
from hatlib.logs.languages import task_of
from hatlib.logs.reading import File, Found, clean, json_value, objects
from hatlib.logs.settings import flat
from hatlib.words import counted

_DATE = r"\d{4}-\d\d-\d\dT[\d.-]+"
_END = r"\.jsonl(\.gz|\.zst)?"
_SAMPLES = re.compile(rf"samples_(?P<task>.+?)(_(?P<date>{_DATE}))?{_END}")
_OLD = re.compile(rf"(pretrained|model|peft)__(?P<model>.+?){_END}")
_RESULTS = re.compile(rf"results(_{_DATE})?\.json")
_NO_MODEL = re.compile(
    r"|results?|outputs?|out|logs?|samples?|evals?|lm[-_]?eval.*|runs?|data|tmp|temp|main", re.I
)
#: What makes a model another one, and so belongs into its name.
_ADAPTERS = ("peft", "delta")
_FACTS = WHERE["lm-eval-row"]


class LmEval(Format):
    """Sample logs of lm-evaluation-harness."""

    files = "sample logs"
    preferred = ("exact_match", "acc", "pass@1", "mc1")
    by_prompting = True
    where = WHERE["lm-eval"]

    def wanted(self, name: str) -> bool:
        return bool(_SAMPLES.fullmatch(name) or _OLD.fullmatch(name))

    def beside(self, name: str) -> bool:
        return bool(_RESULTS.fullmatch(name))

    def runs(self, found: Found) -> list[Run]:
        notes = self.notes
        self._cache: dict[File, Any] = {}
        beside: dict[str, list[File]] = {}
        for file in found.beside:
            beside.setdefault(file.folder, []).append(file)
        runs = [self._run(file, beside.get(file.folder, [])) for file in found.files]
        if not self.options.model:
            guessed = sorted({run.model for run in runs if run.about["guessed"]} - {""})
            told = f"Model, by the name of the folder: {listing(guessed)}."
            notes.assumed += [told] if guessed else []
            adapted = {run.about["adapter"]: run.model for run in runs if run.about["adapter"]}
            told = "A model with an adapter is another one: with {} it is named {}."
            notes.chosen += [told.format(*each) for each in adapted.items()]
        known = [run for run in runs if self.places.find(run.task)]
        for run in runs:
            if not self.places.find(run.task):
                self.places.lose(run.task, 1)
        if len(known) < len(runs):
            self.places.settle("task")
        whole = {(run.model, run.task) for run in known if not run.about["some"]}
        some = [r for r in known if r.about["some"] and (r.model, r.task) in whole]
        if some:
            what = "a run of some items only (--limit); a complete one was read"
            notes.dropped.append(f"{listing((r.file.name for r in some), 3)}: {what}.")
        self._dates = sorted({run.about["date"] for run in runs}, reverse=True)
        return [run for run in known if run not in some]

    def _run(self, file: File, there: Sequence[File]) -> Run:
        """Whose answers a file holds, and to what, by its name and its results file alone."""
        found, old = _SAMPLES.fullmatch(file.base), _OLD.fullmatch(file.base)
        model, task, date = "", re.sub(f"{_END}$", "", file.base), ""
        if found:
            task, date = found["task"], found["date"] or ""
        elif old:
            model, task = _old_name(old["model"], task)
        mine = [f for f in there if f.base == f"results_{date}.json"] or there
        about: Mapping[str, Any] = {}
        if len(mine) == 1:
            if mine[0] not in self._cache:
                value = json_value(mine[0], self.notes)
                if value is not None and not isinstance(value, dict):
                    self.notes.problem("this is not a JSON object.", file=mine[0].name)
                self._cache[mine[0]] = value
            about = mapping(self._cache[mine[0]])
        settings, known = _described(about, task)
        guess = "" if known["model"] or model else _of_folder(file)
        if self.options.model and "/" not in guess:
            guess = ""  # a folder of lm-evaluation-harness holds one model, and writes / as __
        name = known["model"] or model or guess
        return Run(
            file, name, clean(task), flat(settings), known | {"date": date, "guessed": bool(guess)}
        )

    # Rows -------------------------------------------------------------------------------------

    def frame(self, run: Run) -> pd.DataFrame:
        rows = gather(self.rows(run))
        if rows.empty:
            self.notes.dropped.append(f"{run.file.name}: no rows.")
            return rows
        scores = rows[[c for c in map(str, rows) if c.startswith("=")]]
        if scores.empty:
            self.notes.problem("no row has a metric.", "Log the samples again.", run.file.name)
        rows = _told_apart(rows, run, self)
        repeats = rows["trial"].replace("", 1).astype(int)
        if (repeats > 1).any():
            scores = scores.loc[rows.index]
            shares = scores.where(np.isfinite(scores) & scores.ge(0) & scores.le(1))
            right = shares.mul(repeats, axis=0)
            is_count = ((right - right.round()).abs() < 1e-6).all(axis=None)
            is_count &= (shares % 1 > 0).any(axis=None)
            rows["n"] = repeats if is_count else 1
            n = f"{run.task}: {counted(int((repeats > 1).sum()), 'row')}"
            self.notes.assumed.append(
                f"{n} are counts, of {repeats.max()} responses each: the metric is the share right."
                if is_count
                else f"{n} with several responses, judged, and counted, as one trial."
            )
        age = self._dates.index(run.about["date"])
        return rows.assign(trial="", run=str(run.file.path), age=age)

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        task = self.places.find(run.task)
        rule = task.rule if task else None
        bad: list[int] = []
        for number, row in objects(run.file, self.notes):
            said = self.said(row)
            if not said["item"]:
                bad.append(number)
                continue
            doc, scores, filtered = mapping(row.get("doc")), _scores(row), row.get("filtered_resps")
            several = max((len(listed(each)) for each in listed(row.get("resps"))), default=1)
            keys = [*(doc.get(name) for name in (rule.key if rule else ())), row.get("target")]
            same = hash(repr(row.get("resps")))  # told apart without keeping the text
            yield said | {
                "named": _joined(doc, rule.item) if rule else "",
                "cluster": _joined(doc, rule.cluster) if rule else "",
                "key": next(filter(None, map(key_of, keys)), ""),
                "trial": several if several > 1 else "",  # for `frame`
                "parsed": float(not _is_unreadable(filtered)),
                "run": same,
                "fallback": hash((same, repr(filtered), repr(scores))),
                "scores": scores,
            }
        if bad:
            what = f"{counted(len(bad), 'row')} without a doc_id."
            remedy = "These are no sample logs of lm-evaluation-harness 0.4."
            self.notes.problem(what, remedy, run.file.name, row=bad[0])

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Items by the fields of the document that name them, where those do."""
        read = rows.groupby(["benchmark", "way", "variant"])["parsed"].transform("min")
        rows = rows.assign(parsed=rows["parsed"].where(read == 0))
        pairs = rows[["benchmark", "number", "item", "named"]].drop_duplicates()
        bad = pairs["named"] == ""
        for name in ("named", "item"):
            bad |= pairs.duplicated(["benchmark", "number", name])
        sure = ~bad.groupby(pairs["benchmark"]).any()
        for benchmark, tasks in rows.groupby("benchmark", sort=False)["task"]:
            task = self.places.find(tasks.iloc[0])
            fields = " and ".join(task.rule.item) if task and task.rule else ""
            if fields and sure[benchmark]:
                self.notes.chosen.append(f"Items of {benchmark}: by {fields} of the document.")
            elif fields:
                self.notes.assumed.append(
                    f"Items of {benchmark}: by doc_id, the position in the task, as {fields} is "
                    "not there or does not tell them apart."
                )
        named = rows["benchmark"].map(sure)
        return rows.assign(
            item=rows["item"].where(~named, rows["subject"] + rows["named"]),
            cluster=rows["cluster"].where(named, ""),
        )


def _told_apart(rows: pd.DataFrame, run: Run, reader: Format) -> pd.DataFrame:
    """Rows of one item: copies are dropped, filters without a name get one, repeats stay."""
    cell = ["item", "variant"]
    again = rows.duplicated(cell)
    if again.any():
        first = rows.groupby(cell, sort=False)[["run", "fallback"]].transform("first")
        if (rows["fallback"] == first["fallback"]).all():
            n = counted(int(again.sum()), "row")
            reader.notes.dropped.append(f"{run.file.name}: {n} that repeat an earlier one.")
            rows = rows[~again]
        elif (rows["variant"] == "").all() and (rows["run"] == first["run"]).all():
            # Before version 0.4.8 the rows of the filters follow each other without a name.
            place = rows.groupby("item", sort=False).cumcount().to_numpy()
            names = run.about["filters"]
            if len(names) != place.max() + 1:
                names = [str(k + 1) for k in range(place.max() + 1)]
            rows = rows.assign(variant=np.array(names, dtype=object)[place])
    return rows.assign(variant=rows["variant"].replace("", "none"), fallback="")


def _old_name(text: str, task: str) -> tuple[str, str]:
    """Model and task in ``pretrained__ORG__MODEL_TASK``: the longest end that is a known task."""
    parts = text.split("_")
    for k in range(1, len(parts)):
        name = "_".join(parts[k:])
        if parts[k] and task_of(name):
            return clean("_".join(parts[:k]).replace("__", "/", 1)), name
    return "", task


def _described(about: Mapping[str, Any], task: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """How a run was set by its results file, and what else that says: model, filters, limits."""
    config, asked = mapping(about.get("config")), mapping(mapping(about.get("configs")).get(task))
    args = config.get("model_args") or about.get("model_args")
    if isinstance(args, str):
        args = dict(part.split("=", 1) for part in args.split(",") if "=" in part)
    args = mapping(args)
    adapter = next((name for name in _ADAPTERS if args.get(name)), "")
    part = clean(str(args.get(adapter, "")).rstrip("/").rsplit("/", 1)[-1].lstrip("."))
    given = [{**args, "model_name": about.get("model_name")}.get(k) for k in _FACTS["model"]]
    model = next((clean(name) for name in given if isinstance(name, str) and clean(name)), "")
    sizes = mapping(mapping(about.get("n-samples")).get(task))
    known = {
        "model": clean(f"{model}+{part}" if model and part else model),
        "adapter": f"{adapter}={clean(args[adapter])}" if adapter and model else "",
        "filters": [first_of(mapping(each), "name") for each in listed(asked.get("filter_list"))],
        "some": config.get("limit") is not None
        or bool(config.get("samples"))
        or score_of(sizes.get("effective")) < score_of(sizes.get("original")),
    }
    settings = {
        "gen": asked.get("generation_kwargs"),
        "num_fewshot": mapping(about.get("n-shot")).get(task, asked.get("num_fewshot")),
        "repeats": asked.get("repeats") if asked.get("repeats") != 1 else None,
        **{name: config.get(name) for name in ("gen_kwargs", "limit", "samples")},
        **{name: about.get(name) or config.get(name) for name in _FACTS["settings"]},
        **args,
    }
    return settings, known


def _of_folder(file: File) -> str:
    """The model by the name of the folder; empty if that names none."""
    folder = file.folder.rsplit("/", 1)[-1]
    if "/" not in file.relative:
        folder = file.path.absolute().parent.name
    is_code = is_language(folder) and len(re.split(r"[-_]", folder)[0]) <= 3
    if is_code or _NO_MODEL.fullmatch(folder):
        return ""
    return clean(folder.replace("__", "/", 1))


def _scores(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a row as numbers: nan if one is missing, infinite if one is no number."""
    kinds = int | float | list | None
    names = [name for name in listed(row.get("metrics")) if isinstance(name, str) and name in row]
    if not listed(row.get("metrics")):
        names = [k for k, v in row.items() if k not in _FACTS["others"] and isinstance(v, kinds)]
    return {clean(name): score_of(row[name]) for name in names}


def _is_unreadable(filtered: Any) -> bool:
    """Whether the filter found no answer."""
    values = filtered if isinstance(filtered, list) else [filtered]
    texts = [v.strip().lower() for v in values if isinstance(v, str)]
    return bool(texts) and all(text and text in UNREADABLE for text in texts)


def _joined(doc: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Fields of a document as one name; empty if one is missing or no short value."""
    values = [doc.get(name) for name in fields]
    if any(value in (None, "") or not isinstance(value, int | str) for value in values):
        return ""
    return "#".join(map(clean, values))
