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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.languages import is_language
from hatlib.errors import listing
from hatlib.logs.answers import Format, Run, gather
from hatlib.logs.fields import UNREADABLE, at, key_of, mapping, score_of
from hatlib.logs.languages import task_of
from hatlib.logs.reading import File, Found, clean, json_value, objects, same_bytes
from hatlib.logs.settings import flat
from hatlib.words import counted

#: Fields of a row that are no metrics.
FIELDS = frozenset(
    {
        *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
        *("doc_hash", "prompt_hash", "target_hash", "task", "task_name", "model", "sample_id"),
    }
)

_DATE = r"\d{4}-\d\d-\d\dT[\d.-]+"
_END = r"\.jsonl(\.gz|\.zst)?"
_SAMPLES = re.compile(rf"samples_(?P<task>.+?)(_(?P<date>{_DATE}))?{_END}")
_OLD = re.compile(rf"(pretrained|model|peft)__(?P<model>.+?){_END}")
_RESULTS = re.compile(rf"results(?P<date>_{_DATE})?\.json")
_NO_MODEL = re.compile(
    r"|results?|outputs?|out|logs?|samples?|evals?|lm[-_]?eval.*|runs?|data|tmp|temp|main", re.I
)
#: What makes a model another one, and so belongs into its name.
_ADAPTERS = ("peft", "delta")


@dataclass(frozen=True)
class _Sample:
    """A file: a task that one model answered."""

    file: File
    task: str
    date: str
    model: str
    origin: str  # of the model's name
    settings: Mapping[str, str]
    filters: tuple[str, ...] = ()
    limited: bool = False

    @property
    def age(self) -> tuple[bool, str]:
        return not self.limited, self.date


class LmEval(Format):
    """Sample logs of lm-evaluation-harness."""

    files = "sample logs"
    preferred = ("exact_match", "acc", "pass@1", "mc1")
    by_prompting = True

    def wanted(self, name: str) -> bool:
        return bool(_SAMPLES.fullmatch(name) or _OLD.fullmatch(name))

    def beside(self, name: str) -> bool:
        return bool(_RESULTS.fullmatch(name))

    def runs(self, found: Found) -> list[Run]:
        beside: dict[str, list[File]] = {}
        for file in found.beside:
            beside.setdefault(file.folder, []).append(file)
        cache: dict[str, dict[str, Any]] = {}
        samples = [self._sample(f, beside.get(f.folder, []), cache) for f in found.files]
        samples = self._named(samples)
        known = [s for s in samples if self.places.find(s.task)]
        for sample in samples:
            if not self.places.find(sample.task):
                self.places.lose(sample.task, 1)
        if len(known) < len(samples):
            self.places.settle("task")
        return [
            Run(s.file, s.model, s.task, s.settings, {"filters": s.filters})
            for s in self._latest(known)
        ]

    def _sample(
        self, file: File, there: Sequence[File], cache: dict[str, dict[str, Any]]
    ) -> _Sample:
        """Whose answers a file holds, and to what, by its name and its results file alone."""
        found = _SAMPLES.fullmatch(file.base)
        old = _OLD.fullmatch(file.base)
        stem = re.sub(f"{_END}$", "", file.base)
        task, date = (found["task"], found["date"] or "") if found else (stem, "")
        model = ""
        if old and not found:
            model, task = _old_name(old["model"], task)
        mine = [f for f in there if f.base == f"results_{date}.json"] or list(there)
        about: dict[str, Any] = {}
        if mine and (mine[0].base == f"results_{date}.json" or len(there) == 1):
            path = str(mine[0].path)
            if path not in cache:
                value = json_value(mine[0], self.notes)
                if value is not None and not isinstance(value, dict):
                    self.notes.problem("this is not a JSON object.", file=mine[0].name)
                cache[path] = value if isinstance(value, dict) else {}
            about = cache[path]
        settings, adapter, limited = _settings(about, task)
        name, origin = _model(file, about, adapter)
        filters = mapping(mapping(about.get("configs")).get(task)).get("filter_list")
        order = tuple(
            clean(f["name"])
            for f in (filters if isinstance(filters, list) else ())
            if isinstance(f, dict) and f.get("name")
        )
        if model and origin != "results":
            name, origin = model, "results"
        return _Sample(file, clean(task), date, name, origin, settings, order, limited)

    def _named(self, samples: list[_Sample]) -> list[_Sample]:
        """Samples whose model is known, or given."""
        nameless = [s.file.name for s in samples if not (s.model or self.options.model)]
        if nameless:
            self.notes.problem(
                "the logs do not say the name of the model.",
                "Name it with --model, or put the results_*.json of the run beside them.",
                listing(nameless, 3),
            )
        adapted = {
            f"{name}={s.settings[name]}": s.model
            for s in samples
            for name in _ADAPTERS
            if s.settings.get(name) and s.origin == "results"
        }
        self.notes.chosen += [
            f"A model with an adapter is another one: with {what} it is named {name}."
            for what, name in adapted.items()
            if not self.options.model
        ]
        guessed = sorted({s.model for s in samples if s.origin == "folder"} - {""})
        if guessed and not self.options.model:
            self.notes.assumed.append(f"Model, by the name of the folder: {listing(guessed)}.")
        if self.options.model:
            # A folder of lm-evaluation-harness holds one model, and writes its / as __.
            return [
                s if s.origin == "results" or "/" in s.model else replace(s, model="")
                for s in samples
            ]
        return samples

    def _latest(self, samples: list[_Sample]) -> list[_Sample]:
        """One run of each task by each model: the latest of those that asked all items."""
        kept: list[_Sample] = []
        older: dict[str, list[str]] = {}
        groups: dict[tuple[str, str], list[_Sample]] = {}
        copies = {
            f.path: d for d, files in same_bytes(s.file for s in samples).items() for f in files
        }
        for sample in samples:
            groups.setdefault((sample.model, sample.task), []).append(sample)
        for (model, task), group in groups.items():
            group.sort(key=lambda s: s.age)
            last = group[-1]
            kept.append(last)
            for sample in group[:-1]:
                if copies[sample.file.path] == copies[last.file.path]:
                    why = "a copy of a run that was read"
                elif sample.date == last.date:
                    self.notes.problem(
                        f"there are {len(group)} runs of {task} by {model or 'one model'}, and "
                        f"their names have {'one' if last.date else 'no'} date.",
                        "Name the file of one of them.",
                        listing((s.file.name for s in group), 3),
                    )
                    break
                elif sample.limited and not last.limited:
                    why = "a run of some items only (--limit); a complete one was read"
                else:
                    why = f"an older run; the one of {last.date} was read"
                    if sample.settings != last.settings:
                        differ = sorted(set(sample.settings.items()) ^ set(last.settings.items()))
                        text = listing((f"{k}={v}" for k, v in differ), 4)
                        kept.append(sample)  # for the comparison of settings to refuse
                        why = f"an older run that was set otherwise ({text})"
                older.setdefault(why, []).append(sample.file.name)
        self.notes.dropped += [f"{listing(files, 3)}: {why}." for why, files in older.items()]
        return kept

    def frame(self, run: Run) -> pd.DataFrame:
        rows = gather(self.rows(run))
        if rows.empty:
            self.notes.dropped.append(f"{run.file.name}: no rows.")
            return rows
        scores = [c for c in map(str, rows) if c.startswith("=")]
        if not scores:
            self.notes.problem("no row has a metric.", "Log the samples again.", run.file.name)
        rows = self._told_apart(rows, run)
        repeats = rows.pop("trial").replace("", 1).astype(int)
        many = int((repeats > 1).sum())
        shares = rows[scores].where(
            np.isfinite(rows[scores]) & rows[scores].ge(0) & rows[scores].le(1)
        )
        told = shares.mul(repeats, axis=0)
        if (
            many
            and (shares % 1 > 0).any(axis=None)
            and ((told - told.round()).abs() < 1e-6).all(axis=None)
        ):
            rows["n"] = repeats
            self.notes.assumed.append(
                f"{run.task}: {counted(many, 'row')} are counts, of {int(repeats.max())} responses "
                "each: the metric is the share that is right."
            )
        elif many:
            self.notes.assumed.append(
                f"{run.task}: {counted(many, 'row')} with several responses; the metric judges "
                "them as one answer, so each row is one trial."
            )
        return rows.assign(trial="")

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        task = self.places.find(run.task)
        rule = task.rule if task else None
        bad: list[int] = []
        for number, row in objects(run.file, self.notes):
            doc_id = row.get("doc_id")
            if isinstance(doc_id, bool) or not isinstance(doc_id, int | str) or doc_id == "":
                bad.append(number)
                continue
            doc, resps = mapping(row.get("doc")), row.get("resps")
            several = (
                max((len(r) for r in resps if isinstance(r, list)), default=1)
                if isinstance(resps, list)
                else 1
            )
            scores = _scores(row)
            keys = [doc.get(name) for name in (rule.key if rule else ())]
            filtered = row.get("filtered_resps")
            same = hash(repr(resps))  # told apart without keeping the text
            yield {
                "item": clean(doc_id),
                "named": _joined(doc, rule.item) if rule else "",
                "cluster": _joined(doc, rule.cluster) if rule else "",
                "key": next(filter(None, map(key_of, (*keys, row.get("target")))), ""),
                "variant": clean(row.get("filter")),
                "stratum": clean(at(row, self.options.stratum)) if self.options.stratum else "",
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

    def _told_apart(self, rows: pd.DataFrame, run: Run) -> pd.DataFrame:
        """Rows of one item: copies are dropped, filters without a name get one, repeats stay."""
        cell = ["item", "variant"]
        again = rows.duplicated(cell)
        if again.any():
            first = rows.groupby(cell, sort=False)[["run", "fallback"]].transform("first")
            if (rows["fallback"] == first["fallback"]).all():
                n = counted(int(again.sum()), "row")
                self.notes.dropped.append(f"{run.file.name}: {n} that repeat an earlier one.")
                rows = rows[~again]
            elif (rows["variant"] == "").all() and (rows["run"] == first["run"]).all():
                # Before version 0.4.8 the rows of the filters follow each other without a name.
                place = rows.groupby("item", sort=False).cumcount().to_numpy()
                n_filters = int(place.max()) + 1
                names = run.about["filters"]
                if len(names) != n_filters:
                    names = tuple(str(k + 1) for k in range(n_filters))
                rows = rows.assign(variant=np.array(names, dtype=object)[place])
        return rows.assign(variant=rows["variant"].replace("", "none"), run="", fallback="")

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Items by the fields of the document that name them, where those do."""
        read = rows.groupby(["benchmark", "way", "variant"])["parsed"].transform("min")
        rows = rows.assign(parsed=rows["parsed"].where(read == 0))
        named = pd.Series(False, rows.index)
        for benchmark, mine in rows.groupby("benchmark", sort=False):
            rule = next((t.rule for t in map(task_of, mine["task"].unique()) if t), None)
            if rule is None or not rule.item:
                continue
            name = " and ".join(rule.item)
            pairs = mine[["number", "item", "named"]].drop_duplicates()
            twice = pairs.duplicated(["number", "named"]) | pairs.duplicated(["number", "item"])
            bad = twice | (pairs["named"] == "")
            if bad.any():
                where = mine.loc[bad[bad].index[0], "task"]
                why = (
                    "is not there"
                    if (pairs["named"] == "").any()
                    else "does not tell its items apart"
                )
                self.notes.assumed.append(
                    f"Items of {benchmark}: by doc_id, the position in the task, as {name} {why} "
                    f"in {where}."
                )
                continue
            self.notes.chosen.append(f"Items of {benchmark}: by {name} of the document.")
            named |= rows["benchmark"] == benchmark
        return rows.assign(
            item=rows["item"].where(~named, rows["subject"] + rows["named"]),
            cluster=rows["cluster"].where(named, ""),
        )


def _old_name(text: str, task: str) -> tuple[str, str]:
    """Model and task in ``pretrained__ORG__MODEL_TASK``: the longest end that is a known task."""
    parts = text.split("_")
    for k in range(1, len(parts)):
        name = "_".join(parts[k:])
        if parts[k] and task_of(name):
            return clean("_".join(parts[:k]).replace("__", "/", 1)), name
    return "", task


def _settings(about: Mapping[str, Any], task: str) -> tuple[dict[str, str], str, bool]:
    """How a run was set, its adapter, and whether it asked some items only."""
    config = mapping(about.get("config"))
    given = config.get("model_args") or about.get("model_args") or ""
    if isinstance(given, str):
        given = dict(part.split("=", 1) for part in given.split(",") if "=" in part)
    args = dict(mapping(given))
    asked = mapping(mapping(about.get("configs")).get(task))
    kwargs = {
        k: v for k, v in mapping(asked.get("generation_kwargs")).items() if k not in ("until",)
    }
    shots = mapping(about.get("n-shot")).get(task, asked.get("num_fewshot"))
    whole = mapping(mapping(about.get("n-samples")).get(task))
    limited = config.get("limit") is not None or bool(config.get("samples"))
    limited |= score_of(whole.get("effective")) < score_of(whole.get("original"))
    settings = {
        "gen": kwargs,
        "gen_kwargs": config.get("gen_kwargs"),
        "num_fewshot": shots,
        "repeats": asked.get("repeats") if asked.get("repeats") != 1 else None,
        "limit": config.get("limit"),
        "samples": config.get("samples"),
        **{
            name: about.get(name) or config.get(name)
            for name in (
                *("system_instruction", "apply_chat_template", "chat_template_sha"),
                *("fewshot_as_multiturn", "enable_thinking"),
            )
        },
        **args,
    }
    adapter = next((clean(args[name]) for name in _ADAPTERS if args.get(name)), "")
    return flat(settings), adapter, limited


def _model(file: File, about: Mapping[str, Any], adapter: str) -> tuple[str, str]:
    """The name of the model, and what says so; nothing if nothing does."""
    name = about.get("model_name")
    if not (isinstance(name, str) and name.strip()):
        given = mapping(about.get("config")).get("model_args") or ""
        pairs = (
            given
            if isinstance(given, dict)
            else dict(part.split("=", 1) for part in str(given).split(",") if "=" in part)
        )
        keys = ("pretrained", "model", "path", "engine")
        name = next((pairs[key] for key in keys if isinstance(pairs.get(key), str)), "")
    if clean(name):
        part = clean(adapter.rstrip("/").rsplit("/", 1)[-1].lstrip("."))
        return clean(f"{clean(name)}+{part}" if part else name), "results"
    folder = (
        file.folder.rsplit("/", 1)[-1] if "/" in file.relative else file.path.absolute().parent.name
    )
    code = re.split(r"[-_]", folder)[0]
    if _NO_MODEL.fullmatch(folder) or (is_language(folder) and len(code) <= 3):
        return "", ""
    return clean(folder.replace("__", "/", 1)), "folder"


def _scores(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a row as numbers: nan if one is missing, infinite if one is no number."""
    listed = row.get("metrics")
    named = isinstance(listed, list) and bool(listed)
    names = (
        [name for name in listed or () if isinstance(name, str) and name in row]
        if named
        else [name for name in row if name not in FIELDS]
    )
    return {
        clean(name): score_of(row[name])
        for name in names
        if named or row[name] is None or isinstance(row[name], int | float | list)
    }


def _is_unreadable(filtered: Any) -> bool:
    """Whether the filter found no answer."""
    values = filtered if isinstance(filtered, list) else [filtered]
    texts = [v for v in values if isinstance(v, str)]
    return bool(texts) and all(text.strip().lower() in UNREADABLE - {""} for text in texts)


def _joined(doc: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Fields of a document as one name; empty if one is missing or no short value."""
    values = [doc.get(name) for name in fields]
    if any(value in (None, "") or not isinstance(value, int | str) for value in values):
        return ""
    return "#".join(map(clean, values))
