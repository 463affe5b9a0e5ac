"""Sample logs of lm-evaluation-harness (``--log_samples``): ``samples_TASK_DATE.jsonl``.

A log holds one row an item and filter; versions before 0.4.3 wrote one JSON array, named
``pretrained__ORG__MODEL_TASK.jsonl``. A file ``results_*.json`` beside it gives the model's name,
its settings and the order of the filters. The traps: an item once for each filter, labelled or
not; several metrics, some of them no 0 or 1; a run that was made twice, or with other settings, or
of some items only; a position in the file that is not the same item in every language.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.door import stem
from hatlib.errors import listing
from hatlib.logs.answers import Format, Run, gather
from hatlib.logs.fields import UNREADABLE, WHERE, facts, key_of, listed, mapping, score_of, short
from hatlib.logs.languages import Rule, task_of
from hatlib.logs.reading import File, Found, clean, json_value
from hatlib.logs.settings import flat
from hatlib.words import counted


class LmEval(Format, name="lm-eval"):
    """Sample logs of lm-evaluation-harness."""

    def runs(self, found: Found) -> list[Run]:
        near: dict[str, dict[str, Any]] = {}
        for file in found.beside:
            date = self.beside.fullmatch(file.base)["date"] or ""  # type: ignore[index]
            near.setdefault(file.folder, {})[date] = mapping(json_value(file, self.notes))
        runs = [self._run(file, near.get(file.folder, {})) for file in found.files]
        names = sorted({run.model for run in runs if run.about["guessed"]})
        if names:
            self.notes.note("assumed", "folder", names=listing(names))
        known, lost = list[Run](), Counter[str]()  # these need not be read
        for run in runs:
            if self.places.find(run.task):
                known.append(run)
            elif self.wanted.fullmatch(run.file.base):
                lost[run.task] += 1
            else:
                self.notes.refuse("no-sample-log", run.file.name)
        self.places.settle(lost, "task")
        return known

    def _run(self, file: File, near: Mapping[str, Any]) -> Run:
        """Whose answers a file holds, and to what, by its name and its results file alone."""
        named = self.wanted.fullmatch(file.base)
        found = named.groupdict("") if named else {"task": stem(file.base), "date": "", "old": ""}
        model, task, date = "", found["task"] or found["old"], found["date"]
        if found["old"]:  # the longest end that is a known task
            cuts = (k for k, sign in enumerate(task) if sign == "_" and task_of(task[k + 1 :]))
            if cut := next(cuts, 0):
                model, task = task[:cut], task[cut + 1 :]
        # The results of another date are of another run, perhaps of an adapter.
        about = near.get(date, near.get("", {}))
        args = mapping(about.get("config")).get("model_args") or about.get("model_args")
        if isinstance(args, str):
            args = dict(part.split("=", 1) for part in args.split(",") if "=" in part)
        args = mapping(args)
        here = {name: mapping(part).get(task) for name, part in about.items()}
        whole = {**about, "args": args, "here": here}
        said = facts(whole, "lm-eval-run")
        model = model.replace("__", "/", 1)
        adapter = str(args.get("peft") or args.get("delta") or "")
        # Since version 0.4.5 a model is called by its adapter.
        called = said["base"] if adapter and said["base"] else said["model"]
        model = clean(called if isinstance(called, str) else model)
        folder = file.path.absolute().parent.name if file.named else file.folder.rsplit("/", 1)[-1]
        guess = clean(folder.replace("__", "/", 1)) if "__" in folder and not model else ""
        if adapter and model:
            model = clean(f"{model}+{adapter.rstrip('/').rsplit('/', 1)[-1].lstrip('.')}")
        known = {
            "guessed": bool(guess),
            "filters": [clean(mapping(each).get("name")) for each in listed(said["filters"])],
            "age": -int(re.sub(r"\D", "", date)[:14] or 0),  # to the second
        }
        settings = flat(facts(whole, "lm-eval-settings")) if about else None
        return Run(file, model or guess, clean(task), settings, known)

    # Rows -------------------------------------------------------------------------------------

    def frame(self, run: Run) -> pd.DataFrame:
        rows = gather(self.rows(run))
        if rows.empty:
            return rows
        rows = _told_apart(rows, run, self)
        repeats = rows["trial"].astype(int)
        if (repeats > 1).any():
            shares = rows[[c for c in map(str, rows) if c.startswith("=")]]
            shares = shares.where(np.isfinite(shares) & shares.ge(0) & shares.le(1))
            right = shares.mul(repeats, axis=0)
            whole = ((right - right.round()).abs() < 1e-6).all(axis=None)
            rows["n"] = repeats if whole and (shares % 1 > 0).any(axis=None) else 1
            how = "counts, the metric being the share right" if rows["n"].max() > 1 else "one trial"
            about = {"n": counted(int((repeats > 1).sum()), "row"), "most": repeats.max()}
            self.notes.note("assumed", "responses", task=run.task, how=how, **about)
        return rows.assign(trial="", run=str(run.file.path))

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        task = self.places.find(run.task)
        rule = task.rule if task and task.rule else Rule("", "", "")
        doc, scores = mapping(record.get("doc")), _scores(record)
        filtered, replies = record.get("filtered_resps"), listed(record.get("resps"))
        texts = [v.strip().lower() for v in listed(filtered) or [filtered] if isinstance(v, str)]
        unread = texts and all(text and text in UNREADABLE for text in texts)
        keys = [*(doc.get(name) for name in rule.key), record.get("target")]
        same = hash(repr(record.get("resps")))  # told apart without keeping the text
        return {
            "named": _joined(doc, rule.item),
            "cluster": _joined(doc, rule.cluster),
            "key": next(filter(None, map(key_of, keys)), ""),
            "trial": max(1, *(len(listed(each)) for each in replies), 1),
            "parsed": 0.0 if unread else math.nan,
            "run": same,  # until `frame` is done with them
            "fallback": hash((same, repr(filtered), repr(scores))),
            "scores": scores,
        }

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Items by the fields of the document that name them, where those do."""
        pairs = rows[["benchmark", "number", "item", "named"]].drop_duplicates()
        bad = pairs["named"] == ""
        for name in ("named", "item"):
            bad |= pairs.duplicated(["benchmark", "number", name])
        sure = ~bad.groupby(pairs["benchmark"]).any()
        for benchmark, tasks in rows.groupby("benchmark", sort=False)["task"]:
            task = self.places.find(tasks.iloc[0])
            fields = " and ".join(task.rule.item) if task and task.rule else ""
            how = f"by {fields} of the document"
            if not sure[benchmark]:
                how = f"by doc_id, the position in the task, as {fields} does not tell them apart"
            if fields:
                self.notes.note("assumed", "items", benchmark=benchmark, how=how)
        named = rows["benchmark"].map(sure)
        return rows.assign(
            item=rows["item"].where(~named, rows["subject"] + rows["named"]),
            cluster=rows["cluster"].where(named, ""),
        )


def _told_apart(rows: pd.DataFrame, run: Run, reader: Format) -> pd.DataFrame:
    """Rows of one item: copies are dropped, filters without a name get one, repeats stay."""
    cell = ["item", "variant"]
    first = rows.groupby(cell, sort=False)[["run", "fallback"]].transform("first")
    again, place = rows.duplicated(cell), rows.groupby("item", sort=False).cumcount().to_numpy()
    if again.any() and (rows["fallback"] == first["fallback"]).all():
        n = counted(int(again.sum()), "row")
        reader.notes.note("dropped", "rows-again", file=run.file.name, n=n)
        rows = rows[~again]
    elif again.any() and not rows["variant"].any() and (rows["run"] == first["run"]).all():
        # Before version 0.4.8 the rows of the filters follow each other without a name.
        names = run.about["filters"]
        if len(names) != place.max() + 1:
            names = [str(k + 1) for k in range(place.max() + 1)]
        rows = rows.assign(variant=np.array(names, dtype=object)[place])
    return rows.assign(variant=rows["variant"].replace("", "none"), fallback="")


def _scores(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a row as numbers: nan if one is missing, infinite if one is no number."""
    kinds = int | float | list | None
    others = WHERE["lm-eval-row"]["others"]
    names = [name for name in listed(row.get("metrics")) if isinstance(name, str) and name in row]
    names = names or [k for k, v in row.items() if k not in others and isinstance(v, kinds)]
    return {clean(name): score_of(row[name]) for name in names}


def _joined(doc: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Fields of a document as one name; empty if one is missing or no short value."""
    values = [short(doc.get(name)) for name in fields]
    return "#".join(values) if all(values) else ""
