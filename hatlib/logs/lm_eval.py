"""Read the sample logs of lm-evaluation-harness (``--log_samples``): ``samples_TASK_DATE.jsonl``.

A log holds one row an item and filter. The traps: an item once for each filter, labelled or not;
several metrics, some of them no 0 or 1; a filter that finds no answer at all; a run that was made
twice; a position in the file that is not the same item in every language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.schema import is_language
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.common import TRIAL_COLUMNS, Options, Trials
from hatlib.logs.languages import Task, language_code, task_of
from hatlib.logs.reading import clean, find_files, json_object, objects, shown
from hatlib.show.words import counted

#: Fields of a row that are no metrics.
FIELDS = frozenset(
    {
        *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
        *("doc_hash", "prompt_hash", "target_hash", "task", "task_name", "model", "sample_id"),
    }
)

#: Of several metrics that are 0 or 1, the first of these is taken.
PREFERRED = ("exact_match", "acc", "pass@1", "mc1")

#: A task with fewer items than this is not suspected of a wrong filter.
FEW_ITEMS = 20

_FILE = re.compile(
    r"(?:samples_)?(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl(?:\.gz)?"
)
_SAMPLES = re.compile(r"samples_.+\.jsonl(\.gz)?")
_RESULTS = re.compile(r"results(?P<date>_\d{4}-\d\d-\d\dT[\d.-]+)?\.json")
_NO_MODEL = re.compile(
    r"|results?|outputs?|out|logs?|samples?|evals?|lm[-_]?eval.*|runs?|data|tmp|temp|main", re.I
)
_OVERLAP = re.compile(r"bleu|rouge|chrf|f1|bert|meteor", re.I)


@dataclass(frozen=True)
class _Run:
    """One file: a task that one model answered, before and after its rows are read."""

    path: Path
    name: str  # of the task
    date: str
    model: str
    origin: str  # of the model's name
    filters: tuple[str, ...] = ()  # in the order of the configuration, if that is there
    task: Task | None = None
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)  # item, named, key, …, metrics
    metrics: tuple[str, ...] = ()

    @property
    def known(self) -> Task:
        assert self.task is not None
        return self.task

    @cached_property
    def seen(self) -> tuple[str, ...]:
        """The filters of its rows."""
        return tuple(dict.fromkeys(self.rows["filter"]))

    def values(self, metric: str, name: str) -> pd.Series:
        """A metric under a filter, without the rows that do not have it."""
        if metric not in self.metrics:
            return pd.Series(dtype=float)
        return self.rows.loc[self.rows["filter"] == name, f"={metric}"].dropna()


def read(paths: Sequence[str | Path], options: Options) -> Trials:
    """Read sample logs of lm-evaluation-harness.

    Parameters
    ----------
    paths : sequence of path
        Files, or folders in which every ``samples_*.jsonl`` (or ``.jsonl.gz``) is read. A file
        ``results_*.json`` beside them gives the model's name and the order of the filters.
    options : Options
        What the user says.

    Returns
    -------
    Trials

    Raises
    ------
    InputError
        Listing everything that is wrong, and every choice that only the user can make.
    """
    problems: list[Problem] = []
    read: list[str] = []
    assumed: list[str] = []
    chosen: list[str] = []
    found = find_files(paths, lambda name: bool(_SAMPLES.fullmatch(name)), "sample logs")
    dropped = [line for line in found.passed if "whose names" not in line]
    runs = _runs(found.files, options, problems, assumed)
    runs = _latest(runs, problems, dropped)
    runs = _with_tasks(runs, options, problems, assumed, dropped)
    if problems:  # of names: the files themselves may take long
        raise InputError(problems)
    runs = [_with_rows(run, problems, dropped, assumed) for run in runs]
    runs = [run for run in runs if len(run.rows)]
    if not runs and not problems:
        problems.append(Problem("the sample logs have no rows.", file=listing(paths, 3)))
    if problems:
        raise InputError(problems)
    for model in dict.fromkeys(run.model for run in runs):
        mine = [run for run in runs if run.model == model]
        n_rows = sum(len(run.rows) for run in mine)
        read.append(f"{model}: {counted(len(mine), 'task')}, {n_rows:,} rows.")
    frames: list[pd.DataFrame] = []
    names: dict[str, str] = {}
    for benchmark in dict.fromkeys(run.known.benchmark for run in runs):
        mine = [run for run in runs if run.known.benchmark == benchmark]
        names[benchmark] = _item_column(benchmark, mine, chosen, assumed)
    for benchmark, prompting in dict.fromkeys(
        (run.known.benchmark, run.known.prompting) for run in runs
    ):
        group = [
            run
            for run in runs
            if (run.known.benchmark, run.known.prompting) == (benchmark, prompting)
        ]
        what = f"{benchmark} ({prompting})" if prompting else benchmark
        name = _filter(what, group, options, problems)
        if name is None:
            continue
        metric = _metric(what, group, name, options, problems)
        if metric is None:
            continue
        chosen += _said(what, group, name, metric, options)
        _suspect(what, group, name, metric, options, problems, assumed)
        frames += [_counts(run, name, metric, names[benchmark], options, dropped) for run in group]
    if problems:
        raise InputError(problems)
    frame = pd.concat(frames, ignore_index=True)
    return Trials(frame, tuple(read), tuple(dropped), tuple(assumed), tuple(chosen))


# Files, models and tasks --------------------------------------------------------------------


def _runs(
    files: Iterable[Path], options: Options, problems: list[Problem], assumed: list[str]
) -> list[_Run]:
    """Whose answers each file holds, and to what, by names and results files alone."""
    files = list(files)
    beside = {folder: _results_beside(folder) for folder in {path.parent for path in files}}
    results: dict[Path, dict[str, Any] | None] = {}
    runs, nameless = [], []
    for path in files:
        match = _FILE.fullmatch(path.name)
        task, date = (match["task"], match["date"] or "") if match else (path.stem, "")
        about = _results(path, date, beside[path.parent], results, problems)
        model, origin = _model(path, about)
        if not (model or options.model):
            nameless.append(path)
        runs.append(_Run(path, clean(task), date, model, origin, _filter_order(about, task)))
    if nameless:
        problems.append(
            Problem(
                "the logs do not say the name of the model.",
                "Name it with --model, or put the results_*.json of the run beside them.",
                listing(map(shown, nameless), 3),
            )
        )
    # A folder of lm-evaluation-harness holds one model, and writes its / as __.
    models = sorted({run.model for run in runs if run.origin == "results" or "/" in run.model})
    if options.model:
        if len(models) > 1:
            what = f"the logs are of {len(models)} models, and --model names one."
            problems.append(Problem(what, "Import each by itself.", value=listing(models)))
        return [replace(run, model=clean(options.model), origin="given") for run in runs]
    guessed = sorted({run.model for run in runs if run.origin == "folder"} - {""})
    if guessed:
        assumed.append(f"Model, by the name of the folder: {listing(guessed)}.")
    return runs


def _results(
    path: Path,
    date: str,
    there: Sequence[Path],
    cache: dict[Path, dict[str, Any] | None],
    problems: list[Problem],
) -> dict[str, Any]:
    """The results file of a run: the one of its date, or the only one in the folder."""
    mine = [each for each in there if each.name == f"results_{date}.json"]
    if not mine and len(there) == 1:
        mine = list(there)
    if not mine:
        return {}
    if mine[0] not in cache:
        cache[mine[0]] = json_object(mine[0], problems)
    return cache[mine[0]] or {}


def _results_beside(folder: Path) -> list[Path]:
    """The results files in a folder that are no links out of it."""
    try:
        names = sorted(each for each in folder.iterdir() if _RESULTS.fullmatch(each.name))
    except OSError:
        return []
    root = folder.resolve()
    return [each for each in names if each.is_file() and each.resolve().is_relative_to(root)]


def _filter_order(about: Mapping[str, Any], task: str) -> tuple[str, ...]:
    """The filters of a task in the order of its configuration."""
    filters = _mapping(_mapping(about.get("configs")).get(task)).get("filter_list")
    if not isinstance(filters, list):
        return ()
    return tuple(clean(f["name"]) for f in filters if isinstance(f, dict) and f.get("name"))


def _model(path: Path, about: Mapping[str, Any]) -> tuple[str, str]:
    """The name of the model, and what says so; nothing if nothing does."""
    name = about.get("model_name")
    if not (isinstance(name, str) and name.strip()):
        given = _mapping(about.get("config")).get("model_args") or ""
        pairs = (
            given
            if isinstance(given, dict)
            else dict(part.split("=", 1) for part in str(given).split(",") if "=" in part)
        )
        keys = ("peft", "delta", "pretrained", "model", "path", "engine")
        name = next((pairs[key] for key in keys if isinstance(pairs.get(key), str)), "")
    if clean(name):
        return clean(name), "results"
    folder = path.absolute().parent.name
    code = re.split(r"[-_]", folder)[0]
    if _NO_MODEL.fullmatch(folder) or (is_language(folder) and len(code) <= 3):
        return "", ""
    return clean(folder.replace("__", "/", 1)), "folder"


def _latest(runs: list[_Run], problems: list[Problem], dropped: list[str]) -> list[_Run]:
    """One run of each task by each model: the latest."""
    kept = []
    older: dict[str, list[str]] = {}
    groups: dict[tuple[str, str], list[_Run]] = {}
    for run in runs:
        groups.setdefault((run.model, run.name), []).append(run)
    for (model, task), group in groups.items():
        group.sort(key=lambda run: run.date)
        last = group[-1]
        kept.append(last)
        if len(group) > 1 and not last.date:
            problems.append(
                Problem(
                    f"there are {len(group)} runs of {task} by {model or 'one model'}, and their "
                    "names have no date.",
                    "Name the file of one of them.",
                    listing((shown(run.path) for run in group), 3),
                )
            )
            continue
        for run in group[:-1]:
            if run.date == last.date:
                why = "a copy of a run that was read"
            elif last.path.stat().st_size < run.path.stat().st_size / 2:
                why = f"an older run, though a larger file; the one of {last.date} was read"
            else:
                why = f"an older run; the one of {last.date} was read"
            older.setdefault(why, []).append(shown(run.path))
    dropped += [f"{listing(files, 3)}: {why}." for why, files in older.items()]
    return kept


def _with_tasks(
    runs: list[_Run],
    options: Options,
    problems: list[Problem],
    assumed: list[str],
    dropped: list[str],
) -> list[_Run]:
    """What each task is; those that nothing can read are left out, unless they are all."""
    given = language_code(options.language) if options.language else ""
    if given and not is_language(given):
        remedy = "Write a code such as de."
        problems.append(Problem("language is not a language code.", remedy, value=given))
        return []
    placed, unknown = [], []
    for run in runs:
        task = task_of(run.name, options.language_from)
        if given:
            task = replace(task, language=given) if task else Task(run.name, run.name, given)
        if task is None:
            unknown.append(run.name)
            continue
        if options.prompting:
            task = replace(task, prompting=clean(options.prompting))
        placed.append(replace(run, task=task))
    unknown = sorted(set(unknown))
    remedy = (
        "Say where the language stands with --language-from, as in 'riddles_(?P<language>..)', or "
        "which it is with --language."
    )
    if unknown and not placed:
        what = "no rule knows the language of these tasks."
        problems.append(Problem(what, remedy, value=listing(unknown, 20)))
    elif unknown:
        lost = f"{counted(len(unknown), 'task')} whose language no rule knows"
        dropped.append(f"{lost}: {listing(unknown)}. {remedy}")
    benchmarks = sorted({run.known.benchmark for run in placed})
    if options.benchmark and len(benchmarks) > 1:
        what = f"the logs are of {len(benchmarks)} benchmarks, and --benchmark names one."
        remedy = "Import each by itself, or say more with --language-from."
        problems.append(Problem(what, remedy, value=listing(benchmarks)))
    elif options.benchmark:
        name = clean(options.benchmark)
        placed = [replace(r, task=replace(r.known, benchmark=name)) for r in placed]
    assumed += dict.fromkeys(
        r.known.rule.note for r in placed if r.known.rule and r.known.rule.note
    )
    cells: dict[tuple[str, ...], list[str]] = {}
    for run in placed:
        t = run.known
        cell = (run.model, t.benchmark, t.language, t.subject, t.prompting)
        cells.setdefault(cell, []).append(run.name)
    problems += [
        Problem(
            f"several tasks of {cell[0]} would be one: {cell[1]} in {cell[2]}.",
            "Import each by itself with its own --benchmark or --prompting.",
            value=listing(tasks),
        )
        for cell, tasks in cells.items()
        if len(tasks) > 1
    ]
    return placed


# Rows ---------------------------------------------------------------------------------------


def _with_rows(run: _Run, problems: list[Problem], dropped: list[str], assumed: list[str]) -> _Run:
    """Read the rows of a file, keeping names and numbers and no texts."""
    rule = run.known.rule
    columns: dict[str, list[Any]] = {
        c: [] for c in ("doc_id", "named", "key", "cluster", "filter", "resps", "all")
    }
    metrics: dict[str, list[float]] = {}
    n = several = 0
    bad: list[int] = []
    for number, row in objects(run.path, problems):
        doc_id = row.get("doc_id")
        if isinstance(doc_id, bool) or not isinstance(doc_id, int | str) or doc_id == "":
            bad.append(number)
            continue
        doc = _mapping(row.get("doc"))
        resps = row.get("resps")
        several += isinstance(resps, list) and any(
            isinstance(r, list) and len(r) > 1 for r in resps
        )
        values = _metrics_of(row)
        columns["doc_id"].append(clean(doc_id))
        columns["named"].append(_joined(doc, rule.item) if rule else "")
        columns["cluster"].append(_joined(doc, rule.cluster) if rule else "")
        columns["key"].append(_key(doc, row.get("target"), rule.key if rule else ()))
        columns["filter"].append(clean(row.get("filter")))
        same = hash(repr(resps))  # told apart without keeping the text
        columns["resps"].append(same)
        columns["all"].append(hash((same, repr(row.get("filtered_resps")), repr(values))))
        for name, value in values.items():
            if name not in metrics:
                metrics[name] = [math.nan] * n
            metrics[name].append(value)
        n += 1
        for column in metrics.values():
            if len(column) < n:
                column.append(math.nan)
    if bad:
        what = f"{counted(len(bad), 'row')} without a doc_id."
        remedy = "These are no sample logs of lm-evaluation-harness 0.4."
        problems.append(Problem(what, remedy, shown(run.path), bad[0]))
    rows = pd.DataFrame(columns)
    for name, column in metrics.items():
        rows[f"={name}"] = np.asarray(column, dtype=float)
    if n and not metrics:
        what = "no row has a metric."
        problems.append(Problem(what, "Log the samples again.", shown(run.path)))
    if not n:
        dropped.append(f"{shown(run.path)}: no rows.")
        return run
    if several:
        assumed.append(
            f"{run.name}: {counted(several, 'row')} with several responses; the metric judges "
            "them as one answer, so each row is one trial."
        )
    return replace(run, rows=_told_apart(rows, run, dropped), metrics=tuple(metrics))


def _metrics_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a row as numbers: nan if one is missing, infinite if one is no number."""
    listed = row.get("metrics")
    names = (
        [name for name in listed if isinstance(name, str) and name in row]
        if isinstance(listed, list) and listed
        else [name for name in row if name not in FIELDS]
    )
    values = {}
    for name in names:
        value = row[name]
        if value is None:
            values[clean(name)] = math.nan
        elif isinstance(value, int | float):
            try:
                values[clean(name)] = float(value)
            except OverflowError:
                values[clean(name)] = math.inf
        elif isinstance(listed, list) or isinstance(value, list):
            values[clean(name)] = math.inf
    return values


def _told_apart(rows: pd.DataFrame, run: _Run, dropped: list[str]) -> pd.DataFrame:
    """Rows of one item: copies are dropped, filters without a name get one, repeats stay."""
    cell = ["doc_id", "filter"]
    again = rows.duplicated(cell)
    if again.any():
        first = rows.groupby(cell, sort=False)[["resps", "all"]].transform("first")
        if (rows["all"] == first["all"]).all():
            n = int(again.sum())
            dropped.append(f"{shown(run.path)}: {counted(n, 'row')} that repeat an earlier one.")
            rows = rows[~again]
        elif (rows["filter"] == "").all() and (rows["resps"] == first["resps"]).all():
            # Before version 0.4.8 the rows of the filters follow each other without a name.
            place = rows.groupby("doc_id", sort=False).cumcount()
            n_filters = int(place.max()) + 1
            names = (
                run.filters
                if len(run.filters) == n_filters
                else tuple(str(k + 1) for k in range(n_filters))
            )
            rows = rows.assign(filter=np.array(names, dtype=object)[place.to_numpy()])
    return rows.assign(filter=rows["filter"].replace("", "none")).reset_index(drop=True)


def _key(doc: Mapping[str, Any], target: Any, fields: Sequence[str]) -> str:
    """The right answer where it does not depend on the language; else empty.

    Examples
    --------
    >>> _key({}, "1,080.0", ()), _key({"answer": "b"}, "", ("answer",)), _key({}, "Paris", ())
    ('1080', 'B', '')
    """
    for value in (*(doc.get(name) for name in fields), target):
        text = clean(value).strip("() ")
        if isinstance(value, bool) or not text:
            continue
        if re.fullmatch(r"[A-Za-z]", text):
            return text.upper()
        number = text.replace(",", "")
        if re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,9})?", number):
            return f"{float(number):.10g}"
    return ""


def _joined(doc: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Fields of a document as one name; empty if one is missing or no short value."""
    values = [doc.get(name) for name in fields]
    if any(value in (None, "") or not isinstance(value, int | str) for value in values):
        return ""
    return "#".join(map(clean, values))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


# Choices ------------------------------------------------------------------------------------


def _item_column(benchmark: str, runs: list[_Run], chosen: list[str], assumed: list[str]) -> str:
    """What names an item in every language: a field of the document, or its position."""
    fields = runs[0].known.rule.item if runs[0].known.rule else ()
    if not fields:
        return "doc_id"
    name = " and ".join(fields)
    for run in runs:
        pairs = run.rows[["doc_id", "named"]].drop_duplicates()
        twice = pairs["named"].duplicated().any() or pairs["doc_id"].duplicated().any()
        if twice or (pairs["named"] == "").any():
            why = "does not tell its items apart" if twice else "is not there"
            assumed.append(
                f"Items of {benchmark}: by doc_id, the position in the task, as {name} {why} in "
                f"{run.name}."
            )
            return "doc_id"
    chosen.append(f"Items of {benchmark}: by {name} of the document.")
    return "named"


def _filter(what: str, runs: list[_Run], options: Options, problems: list[Problem]) -> str | None:
    """The filter whose rows count, one for all models and languages."""
    everywhere = [f for f in runs[0].seen if all(f in run.seen for run in runs)]
    seen = list(dict.fromkeys(f for run in runs for f in run.seen))
    if options.filter:
        lacking = [run for run in runs if options.filter not in run.seen]
        if not lacking:
            return options.filter
        problems.append(
            Problem(
                f"{what} has no filter of this name in {listing((r.name for r in lacking), 4)}.",
                f"There is: {listing(seen)}.",
                value=options.filter,
            )
        )
        return None
    if len(everywhere) == 1:
        return everywhere[0]
    if not everywhere:
        problems.append(
            Problem(
                f"no filter of {what} is in every task.",
                "Import the tasks with one filter by themselves, or run them all again.",
                value=listing(f"{run.name}: {listing(run.seen)}" for run in runs),
            )
        )
        return None
    if "strict-match" in everywhere:
        return "strict-match"
    order = [f for f in runs[0].filters if f in everywhere]
    if len(order) == len(everywhere):
        return order[-1]
    unnamed = all(f.isdigit() for f in everywhere)
    problems.append(
        Problem(
            f"{what} has the rows of {len(everywhere)} filters"
            f"{', which the log does not name' if unnamed else ''}.",
            f"Choose one with --filter: {listing(_rates(runs, everywhere))}.",
        )
    )
    return None


def _rates(runs: list[_Run], filters: Sequence[str]) -> list[str]:
    """Filters with the share right under each, where a metric says it."""
    told = []
    for name in filters:
        binary = [m for m in runs[0].metrics if _is_binary(runs, m, name)]
        if not binary:
            told.append(name)
            continue
        values = pd.concat([run.values(binary[0], name) for run in runs])
        told.append(f"{name} ({binary[0]} {values.mean():.2f})")
    return told


def _is_binary(runs: list[_Run], metric: str, name: str) -> bool:
    """Whether a metric is 0 or 1 in every row that has it, and every run has some."""
    values = [run.values(metric, name) for run in runs]
    return all(len(v) > 0 and bool(v.isin([0.0, 1.0]).all()) for v in values)


def _metric(
    what: str, runs: list[_Run], name: str, options: Options, problems: list[Problem]
) -> str | None:
    """The metric that says whether an answer is right, one for all models and languages."""
    metrics = list(dict.fromkeys(m for run in runs for m in run.metrics))
    binary = [m for m in metrics if _is_binary(runs, m, name)]
    numbers = [m for m in metrics if m not in binary and _is_number(runs, m, name)]
    graded = [m for m in numbers if all(m in run.metrics for run in runs)]
    wanted = options.metric
    if not wanted:
        wanted = next((m for m in PREFERRED if m in binary), "")
        if not wanted and len(binary) == 1:
            wanted = binary[0]
        if not wanted and not binary and len(graded) == 1 and options.threshold is not None:
            wanted = graded[0]
    if wanted in binary or (wanted in graded and options.threshold is not None):
        return wanted
    ranges = listing(f"{m} ({_range(runs, m, name)})" for m in [*binary, *numbers]) or "none"
    if wanted and wanted not in metrics:
        problem = Problem(
            f"{what} has no metric of this name.", f"There is: {ranges}.", value=wanted
        )
    elif wanted in graded:
        problem = Problem(
            f"the metric {wanted} of {what} is not 0 or 1: {_range(runs, wanted, name)}.",
            "Say from which value on an answer is right with --threshold.",
        )
    elif wanted:
        problem = Problem(
            f"the metric {wanted} of {what} is no number in every task.", f"There is: {ranges}."
        )
    elif binary:
        problem = Problem(
            f"several metrics of {what} are 0 or 1.", f"Choose one with --metric: {ranges}."
        )
    else:
        problem = Problem(
            f"no metric of {what} is 0 or 1 in every task.",
            "Choose one with --metric, and with --threshold from which value on an answer is "
            f"right. There is: {ranges}.",
        )
    problems.append(problem)
    return None


def _is_number(runs: list[_Run], metric: str, name: str) -> bool:
    values = pd.concat([run.values(metric, name) for run in runs])
    return len(values) > 0 and bool(np.isfinite(values).all())


def _range(runs: list[_Run], metric: str, name: str) -> str:
    values = pd.concat([run.values(metric, name) for run in runs])
    if values.isin([0.0, 1.0]).all():
        return f"{values.mean():.2f} right"
    return f"{values.min():.3g} to {values.max():.3g}"


def _said(what: str, runs: list[_Run], name: str, metric: str, options: Options) -> list[str]:
    """What was chosen, and what else there was."""
    there = [f for f in runs[0].seen if f != name]
    others = [m for m in runs[0].metrics if m != metric]
    values = pd.concat([run.values(metric, name) for run in runs])
    graded = not values.isin([0.0, 1.0]).all()
    line = f"{what}: metric {metric}"
    if graded:
        line += f", right from {options.threshold:g} on"
    if others:
        line += f" (not {listing(others)})"
    line += f", filter {name}" if there or name != "none" else ""
    if there:
        line += f" (not {listing(_rates(runs, there))})"
    lines = [f"{line}."]
    if options.threshold is not None and not graded:
        lines.append(f"{what}: the threshold is not used, as {metric} is 0 or 1.")
    if _OVERLAP.search(metric):
        lines.append(
            f"{what}: {metric} compares the words of answers; it does not judge what they say."
        )
    return lines


def _suspect(
    what: str,
    runs: list[_Run],
    name: str,
    metric: str,
    options: Options,
    problems: list[Problem],
    assumed: list[str],
) -> None:
    """Tasks in which no answer is right, or every one: probably the wrong filter or parser."""
    refused = False
    none_right: dict[str, int] = {}
    for run in runs:
        values = run.values(metric, name)
        if len(values) < FEW_ITEMS or (values != values.iloc[0]).any():
            continue
        if _right(values, options).any():
            assumed.append(
                f"{run.model}, {run.name}: every answer is right ({counted(len(values), 'row')}); "
                "look whether the parser takes all answers."
            )
            continue
        none_right[run.model] = none_right.get(run.model, 0) + 1
        filters = [f for f in run.seen if f != name and run.values(metric, f).gt(0).any()]
        metrics = [
            other
            for other in run.metrics
            if other != metric and _is_binary([run], other, name) and run.values(other, name).any()
        ]
        better = listing(
            [f"filter {f} ({run.values(metric, f).mean():.2f})" for f in filters]
            + [f"metric {m} ({run.values(m, name).mean():.2f})" for m in metrics]
        )
        line = f"no answer of {len(values)} is right by {metric}, filter {name}"
        if (filters and not options.filter) or (metrics and not options.metric):
            refused = True
            problems.append(
                Problem(
                    f"{line}: probably the wrong filter or metric for {run.name}.",
                    f"Choose with --filter or --metric; there is {better}.",
                    shown(run.path),
                )
            )
        else:
            hint = f"; there is {better}" if better else ""
            assumed.append(
                f"{run.model}, {run.name}: {line}; look whether the parser finds answers{hint}."
            )
    if refused or options.metric or options.filter:
        return
    problems += [
        Problem(
            f"no answer of {model} to {what} is right in any language.",
            f"Probably the wrong parser. Name the metric with --metric {metric} if it is so.",
        )
        for model, n in none_right.items()
        if n == sum(run.model == model for run in runs)
    ]


def _right(values: pd.Series, options: Options) -> pd.Series:
    """Which values count as right."""
    if values.isin([0.0, 1.0]).all():
        return values == 1
    return values >= (math.inf if options.threshold is None else options.threshold)


def _counts(
    run: _Run, name: str, metric: str, item: str, options: Options, dropped: list[str]
) -> pd.DataFrame:
    """Right answers and trials of each item, under the chosen filter and metric."""
    task = run.known
    rows = run.rows[run.rows["filter"] == name]
    values = rows[f"={metric}"]
    missing = int(values.isna().sum())
    if missing:
        dropped.append(
            f"{run.model}, {run.name}: {counted(missing, 'row')} without a value of {metric}."
        )
    rows = rows[values.notna()]
    right = _right(rows[f"={metric}"], options)
    named = f"{task.subject}/" + rows[item] if task.subject else rows[item]
    frame = pd.DataFrame(
        {
            "item": named,
            "n_correct": right.astype(np.int64),
            "n_trials": np.int64(1),
            "key": rows["key"],
            "cluster": rows["cluster"] if item == "named" else "",
        }
    )
    keys = ["item", "key", "cluster"]
    frame = frame.groupby(keys, sort=False, as_index=False)[["n_correct", "n_trials"]].sum()
    frame = frame.assign(
        model=run.model,
        benchmark=task.benchmark,
        language=task.language,
        prompting=task.prompting,
        source_language="",
        file=shown(run.path),
    )
    return frame[list(TRIAL_COLUMNS)]
