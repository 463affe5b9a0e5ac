"""From the rows of any log to counts of right answers: one engine for all formats.

A format (`Format`) says which files are its logs, whose answers they hold (`Run`), and what a row
says: item, trial, scores. All the rest is here, once: which benchmark and language a task is, runs
that are no repeats, which of several filters and metrics counts, answers that were never read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hatlib.errors import listing
from hatlib.logs.common import MORE_COLUMNS, TRIAL_COLUMNS, Options
from hatlib.logs.fields import at, short
from hatlib.logs.places import Places
from hatlib.logs.reading import File, Found, Notes, clean
from hatlib.logs.settings import compare_settings
from hatlib.words import counted

#: What a row of a log may say, as text; and whether its answer could be read (1, 0 or nan).
FIELDS = (
    *("model", "benchmark", "task", "run", "item", "named", "language", "fallback"),
    "source_language",
    *("prompting", "trial", "variant", "key", "cluster", "stratum", "chance_level", "parsed"),
)
#: A language with fewer answers than this is not suspected of a wrong filter or scorer.
FEW_ANSWERS = 20

_CELL = ["model", "benchmark", "language", "item", "prompting"]
_OVERLAP = re.compile(r"bleu|rouge|chrf|f1|bert|meteor", re.I)


@dataclass(frozen=True)
class Run:
    """A file, and what is known of all its rows before they are read.

    Attributes
    ----------
    file : File
    model, task : str
        Empty if the rows say them.
    settings : mapping of str to str
        How the model was run, from `hatlib.logs.settings.flat`; empty if that is not known.
    about : mapping
        What else the format wants to know of it when it reads the rows.
    """

    file: File
    model: str = ""
    task: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


class Format:
    """What is special about the logs of one program."""

    #: What its files, rows and metrics are called in messages.
    files: ClassVar[str] = "logs"
    row: ClassVar[str] = "row"
    metric: ClassVar[str] = "metric"
    #: Where its records have our fields (`hatlib.logs.fields.WHERE`).
    where: ClassVar[Mapping[str, Sequence[str]]] = {}
    #: Of several metrics that are 0 or 1, the first of these is taken.
    preferred: ClassVar[tuple[str, ...]] = ()
    #: Whether each prompting may have filters and metrics of its own.
    by_prompting: ClassVar[bool] = False
    #: Whether a trial with two results is a problem, not a copy.
    torn: ClassVar[bool] = False

    def __init__(self, options: Options, notes: Notes, places: Places) -> None:
        self.options, self.notes, self.places = options, notes, places

    def wanted(self, name: str) -> bool:
        """Whether a file in a folder is read."""
        raise NotImplementedError

    def beside(self, name: str) -> bool:
        """Whether a file says something about those beside it."""
        return False

    def runs(self, found: Found) -> list[Run]:
        """The files, the newest first, by names and headers alone."""
        return [Run(file) for file in found.files]

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        """What each row of a file says: `FIELDS`, and ``scores``."""
        raise NotImplementedError

    def frame(self, run: Run) -> pd.DataFrame:
        """The rows of a file as a table."""
        return gather(self.rows(run))

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of all files, placed, before one filter and metric is chosen."""
        return rows

    def wish(self, what: str, rows: pd.DataFrame) -> str | None:
        """The metric that the format itself would take; None if there is a problem."""
        return ""

    def said(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What a record says, by `where`, and its stratum."""
        said = {
            ours: next(filter(None, (short(at(record, path)) for path in paths)), "")
            for ours, paths in self.where.items()
        }
        return said | {"stratum": clean(at(record, self.options.stratum))}


def gather(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a table that keeps names and numbers: `FIELDS`, ``n``, and ``=metric`` for each.

    Examples
    --------
    >>> frame = gather([{"item": "1", "scores": {"acc": 1.0}}, {"item": "2", "scores": {}}])
    >>> frame[["item", "=acc", "n"]].to_numpy().tolist()
    [['1', 1.0, 1], ['2', nan, 1]]
    """
    columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
    metrics: dict[str, list[float]] = {}
    texts: dict[str, str] = {}
    for n, row in enumerate(rows):
        for name, column in columns.items():
            value = row.get(name, math.nan if name == "parsed" else "")
            column.append(texts.setdefault(value, value) if isinstance(value, str) else value)
        for name, value in row["scores"].items():
            if name not in metrics:
                metrics[name] = [math.nan] * n
            metrics[name].append(value)
        for column in metrics.values():
            if len(column) <= n:
                column.append(math.nan)
    frame = pd.DataFrame(columns, dtype=object).astype({"parsed": float})
    scores = {f"={name}": np.asarray(column, dtype=float) for name, column in metrics.items()}
    return frame.assign(n=1, **scores)


def metrics_of(rows: pd.DataFrame) -> list[str]:
    """The names of the metrics that some row has."""
    return [c[1:] for c in map(str, rows) if c.startswith("=") and rows[c].notna().any()]


def counts(reader: Format, found: Found) -> pd.DataFrame:
    """The right answers and trials in some files, as the frame of `hatlib.logs.Trials`."""
    notes = reader.notes
    runs = reader.runs(found)
    _check_models(sorted({run.model for run in runs} - {""}), reader)
    notes.stop()  # of names: the files themselves may take long
    frames = []
    models: dict[str, None] = {}
    for number, run in enumerate(runs):
        frame = reader.frame(run)
        if frame.empty:
            continue
        models |= dict.fromkeys(frame["model"].unique())
        given = {"model": clean(reader.options.model) or run.model, "task": run.task}
        frame = frame.assign(number=number, file=run.file.name)
        if "age" not in frame:
            frame["age"] = number  # the newest comes first
        for name, value in given.items():
            if value and (name == "task" or reader.options.model or not frame[name].any()):
                frame[name] = value
        frames.append(frame)
    if not frames:
        if not notes.problems:
            notes.problem(f"the {reader.files} hold no {reader.row}s.", " ".join(notes.dropped))
        notes.stop()
    _check_models(sorted(set(models) - {"", reader.options.model}), reader)
    rows = pd.concat(frames, ignore_index=True)
    del frames
    rows = place(rows, reader)
    reader.places.settle()
    if rows.empty:
        notes.stop()
        return pd.DataFrame(columns=list(TRIAL_COLUMNS))
    _read_lines(rows, reader)
    rows = reader.settle(rows)
    placed = rows[["number", "model", "benchmark", "prompting", "language", "spelt"]]
    placed = placed.drop_duplicates().rename(columns={"number": "run"})
    compare_settings(placed, [run.settings for run in runs], reader.options.mixed, notes)
    _check_tasks(rows, notes)
    notes.stop()
    rows = _once(rows, reader)
    parts = [
        part
        for (benchmark, way), mine in rows.groupby(["benchmark", "way"], sort=False)
        if (part := _chosen(f"{benchmark} ({way})" if way else f"{benchmark}", mine, reader, runs))
        is not None
    ]
    notes.stop()
    return _added(pd.concat(parts, ignore_index=True))


def _check_models(models: Sequence[str], reader: Format) -> None:
    if reader.options.model and len(models) > 1:
        what = f"the {reader.files} are of {len(models)} models, and --model names one."
        reader.notes.problem(what, "Import each by itself.", value=listing(models))


def place(rows: pd.DataFrame, reader: Format) -> pd.DataFrame:
    """The rows with their benchmark, language and prompting; those without a language are lost."""
    where = ["task", "language", "fallback"]
    tasks = rows[where].drop_duplicates()
    found = [reader.places.find(*place) for place in tasks.itertuples(index=False)]
    fields = ("benchmark", "language", "subject", "prompting", "spelt")
    named = {f"_{f}": [getattr(t, f) if t else "" for t in found] for f in fields}
    rows = rows.merge(tasks.assign(**named, _lost=[t is None for t in found]), on=where, how="left")
    for name, n in rows.loc[rows["_lost"], "task"].value_counts().items():
        reader.places.lose(str(name), int(n))
    rows = rows[~rows["_lost"]]
    own = clean(reader.options.prompting)
    prompting = own or rows["prompting"].where(rows["prompting"] != "", rows["_prompting"])
    subject = rows["_subject"].where(rows["_subject"] == "", rows["_subject"] + "/")
    return rows.assign(
        benchmark=rows["benchmark"].where(rows["benchmark"] != "", rows["_benchmark"]),
        language=rows["_language"],
        spelt=rows["_spelt"],
        subject=subject,
        item=subject + rows["item"],
        way=rows["_prompting"] if reader.by_prompting else "",
        prompting=prompting,
    ).drop(columns=[c for c in map(str, rows) if c.startswith("_")])


def _read_lines(rows: pd.DataFrame, reader: Format) -> None:
    """What was read, by model."""
    groups = rows.groupby("model", sort=True).agg(tasks=("task", "nunique"), n=("n", "sum"))
    reader.notes.read += [
        f"{model}: {_tasks(tasks, rows)}{int(n):,} {reader.row}{'' if n == 1 else 's'}."
        for model, tasks, n in groups.itertuples()
    ]


def _tasks(n: int, rows: pd.DataFrame) -> str:
    return f"{counted(int(n), 'task')}, " if rows["task"].any() else ""


def _check_tasks(rows: pd.DataFrame, notes: Notes) -> None:
    """Refuse tasks of two names that would be one."""
    cell = [*_CELL, "variant", "trial"]
    pairs = rows[[*cell, "task"]].drop_duplicates()
    both = pairs[pairs.duplicated(cell, keep=False)]
    for (model, benchmark, code), mine in both.groupby(["model", "benchmark", "language"]):
        notes.problem(
            f"several tasks of {model} would be one: {benchmark} in {code}.",
            "Import each by itself with its own --benchmark or --prompting.",
            value=listing(sorted(mine["task"].unique())),
        )


def _once(rows: pd.DataFrame, reader: Format) -> pd.DataFrame:
    """Each answer from its newest run, and each numbered trial once."""
    notes, scores = reader.notes, [c for c in map(str, rows) if c.startswith("=")]
    finite = pd.Series(np.isfinite(rows[scores].to_numpy(float)).any(axis=1), rows.index)
    newest = rows["age"].where(finite).groupby([rows[c] for c in _CELL]).transform("min")
    again = newest.notna() & (rows["age"] != newest)
    if again.any():
        lost = counted(int(again.sum()), reader.row)
        notes.dropped.append(f"{lost} of items that another log holds, newer or complete.")
        rows = rows[~again]
    cell = [*_CELL, "variant", "trial"]
    numbered = rows["trial"] != ""
    copies = numbered & rows.duplicated(cell)
    if copies.any() and reader.torn:
        mine = rows[numbered].groupby(cell, sort=False)[scores]
        torn = (mine.max() != mine.min()).any(axis=1) & mine.count().gt(0).any(axis=1)
        torn &= mine.count().gt(1).any(axis=1)
        if torn.any():
            where = listing((f"{t[3]} in {t[2]}, trial {t[6]}" for t in torn[torn].index), 3)
            remedy = "Say what else tells them apart, as in --column prompting=THEIRS."
            what = f"{counted(int(torn.sum()), 'trial')} with two results."
            notes.problem(what, remedy, column="trial", value=where)
    if copies.any():
        notes.dropped.append(f"{counted(int(copies.sum()), reader.row)} that repeat a trial.")
        rows = rows[~copies]
    return rows


def _added(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts of right answers, of trials and of answers that were read."""
    keys = [c for c in TRIAL_COLUMNS if c not in ("n_correct", "n_trials")]
    keys += [c for c in ("stratum", "chance_level") if (rows[c] != "").any()]
    known = rows["parsed"].notna().all()
    rows = rows.assign(
        n_correct=(rows["right"] * rows["n"]).round(),
        n_trials=rows["n"],
        n_parsed=(rows["parsed"].fillna(0) * rows["n"]),
    )
    numbers = ["n_correct", "n_trials", *(["n_parsed"] if known else [])]
    sums = rows.groupby(keys, sort=False, as_index=False)[numbers].sum()
    order = [*TRIAL_COLUMNS, *(c for c in (*MORE_COLUMNS, "chance_level") if c in sums)]
    return sums.astype(dict.fromkeys(numbers, np.int64))[order]


# Filters and metrics --------------------------------------------------------------------------


def _chosen(
    what: str, rows: pd.DataFrame, reader: Format, runs: Sequence[Run]
) -> pd.DataFrame | None:
    """The rows of a benchmark under one filter, with `right` by one metric; None if none fits."""
    variant = _variant(what, rows, reader, runs)
    if variant is None:
        return None
    mine = rows[rows["variant"] == variant]
    metric = _metric(what, mine, reader)
    if metric is None:
        return None
    options, notes = reader.options, reader.notes
    values = mine[f"={metric}"]
    graded = not _is_binary(mine, metric)
    _say_choice(what, rows, mine, variant, metric, reader)
    for lost, why in ((values.isna(), "without a value of"), (np.isinf(values), "")):
        if lost.any():
            n = counted(int(mine.loc[lost, "n"].sum()), "answer")
            tail = f"{why} {metric}" if why else f"whose {metric} is no number"
            notes.dropped.append(f"{what}: {n} {tail}.")
    mine = mine[np.isfinite(values)]
    right = _right(mine[f"={metric}"], graded, options)
    mine = mine.assign(right=right.astype(float))
    _suspect(what, rows, mine, variant, metric, reader)
    return mine[[c for c in mine if not c.startswith("=")]]


def _right(values: pd.Series, graded: bool, options: Options) -> pd.Series:
    """The share right of each row: 0 or 1, but for rows that are counts of several trials."""
    if not graded:
        return values
    return values >= (math.inf if options.threshold is None else options.threshold)


def _variant(what: str, rows: pd.DataFrame, reader: Format, runs: Sequence[Run]) -> str | None:
    """The filter whose rows count, one for all models and languages."""
    wanted, notes = reader.options.filter, reader.notes
    pairs = rows[["number", "task", "variant"]].drop_duplicates()
    n_parts = len(pairs[["number", "task"]].drop_duplicates())
    sizes = pairs.groupby("variant", sort=False).size()
    seen = [str(v) for v in sizes.index]
    everywhere = [v for v in seen if sizes[v] == n_parts]
    if wanted:
        fits = [v for v in seen if wanted == v] or [v for v in seen if wanted in v.split("/")]
        if len(fits) == 1 and fits[0] in everywhere:
            return fits[0]
        lacking = pairs.loc[~pairs["task"].isin(pairs.loc[pairs["variant"] == wanted, "task"])]
        where = listing(lacking["task"].unique(), 4)
        notes.problem(
            f"{what} has no filter of this name in {where}.",
            f"There is: {listing(seen)}.",
            value=wanted,
        )
        return None
    if len(everywhere) == 1:
        return everywhere[0]
    if not everywhere:
        told = pairs.groupby("task", sort=False)["variant"].agg(lambda v: listing(v))
        notes.problem(
            f"no filter of {what} is in every task.",
            "Import the tasks with one filter by themselves, or run them all again.",
            value=listing(f"{task}: {names}" for task, names in told.items()),
        )
        return None
    if "strict-match" in everywhere:
        return "strict-match"
    order = runs[int(rows["number"].iloc[0])].about.get("filters", ())
    order = [name for name in order if name in everywhere]
    if len(order) == len(everywhere):
        return str(order[-1])
    nameless = all(name.isdigit() for name in everywhere)
    notes.problem(
        f"{what} has the rows of {len(everywhere)} filters"
        f"{', which the log does not name' if nameless else ''}.",
        f"Choose one with --filter: {listing(_rates(rows, everywhere))}.",
    )
    return None


def _rates(rows: pd.DataFrame, variants: Sequence[str]) -> list[str]:
    """Filters with the share right under each, where a metric says it."""
    told = []
    for name in variants:
        mine = rows[rows["variant"] == name]
        binary = [m for m in metrics_of(mine) if _is_binary(mine, m)]
        rate = f" ({binary[0]} {mine[f'={binary[0]}'].mean():.2f})" if binary else ""
        told.append(f"{name or 'without a name'}{rate}")
    return told


def _is_binary(rows: pd.DataFrame, metric: str) -> bool:
    """Whether a metric is 0 or 1 wherever it is a number, or a share of a row's trials."""
    values = rows[f"={metric}"]
    finite = np.isfinite(values)
    values, n = values[finite], rows.loc[finite, "n"]
    whole = (values * n - (values * n).round()).abs() < 1e-6
    return len(values) > 0 and bool(
        (values.isin([0.0, 1.0]) | (whole & values.between(0, 1))).all()
    )


def _metric(what: str, rows: pd.DataFrame, reader: Format) -> str | None:
    """The metric that says whether an answer is right, one for all models and languages."""
    options, notes, word = reader.options, reader.notes, reader.metric
    metrics = metrics_of(rows)
    finite = {m: np.isfinite(rows[f"={m}"]) for m in metrics}
    usable = [m for m in metrics if finite[m].any()]
    complete = [m for m in usable if finite[m].groupby([rows["number"], rows["task"]]).any().all()]
    binary = [m for m in complete if _is_binary(rows, m)]
    wished = reader.wish(what, rows)
    if wished is None:
        return None
    wanted = options.metric if options.metric in metrics or not wished else wished
    if not wanted:
        wanted = next((m for m in reader.preferred if m in binary), wished)
    if not wanted and reader.preferred and len(binary) == 1:
        wanted = binary[0]
    if not wanted and len(complete) == 1 and len(usable) == 1:
        wanted = complete[0]
    if wanted in binary or (wanted in complete and options.threshold is not None):
        return wanted
    ranges = listing(f"{m} ({_range(rows, m)})" for m in usable)
    if not usable:
        tail = (
            f"no {word} of {what} gives a number."
            if metrics
            else f"no answer to {what} has a score."
        )
        notes.problem(tail, "Score the log first.", value=listing(metrics))
    elif wanted and wanted not in metrics:
        notes.problem(f"{what} has no {word} of this name.", f"There is: {ranges}.", value=wanted)
    elif wanted and wanted not in complete:
        notes.problem(
            f"the {word} {wanted} of {what} is no number in every task.", f"There is: {ranges}."
        )
    elif wanted:
        values = rows[f"={wanted}"]
        between = np.isfinite(values) & ~values.isin([0.0, 1.0])
        n = f"{int(rows.loc[between, 'n'].sum()):,} of {counted(int(rows['n'].sum()), 'answer')}"
        notes.problem(
            f"the {word} {wanted} of {what} is more than right and wrong: {n} are neither 0 nor 1 "
            f"({_range(rows, wanted)}).",
            "Say from which value on an answer is right with --threshold.",
        )
    elif binary or not reader.preferred:
        notes.problem(
            f"{len(usable)} {word}s say what is right of {what}.",
            f"Choose one with --metric: {ranges}.",
        )
    else:
        notes.problem(
            f"no {word} of {what} is 0 or 1 in every task.",
            "Choose one with --metric, and with --threshold from which value on an answer is "
            f"right. There is: {ranges}.",
        )
    return None


def _range(rows: pd.DataFrame, metric: str) -> str:
    values = rows[f"={metric}"]
    values = values[np.isfinite(values)]
    if values.isin([0.0, 1.0]).all():
        return f"{values.mean():.2f} right"
    return f"{values.min():.3g} to {values.max():.3g}"


def _say_choice(
    what: str, rows: pd.DataFrame, mine: pd.DataFrame, variant: str, metric: str, reader: Format
) -> None:
    """What was chosen, and what else there was."""
    options, chosen = reader.options, reader.notes.chosen
    graded = not _is_binary(mine, metric)
    others = [m for m in metrics_of(mine) if m != metric]
    variants = [v for v in rows["variant"].unique() if v != variant]
    line = f"{what}: {reader.metric} {metric}"
    line += f", right from {options.threshold:g} on" if graded else ""
    line += f" (not {listing(others)})" if others else ""
    line += f", filter {variant}" if variants or variant not in ("", "none") else ""
    line += f" (not {listing(_rates(rows, variants))})" if variants else ""
    if others or variants or graded or reader.preferred or options.metric:
        chosen.append(f"{line}.")
    if options.threshold is not None and not graded:
        chosen.append(f"{what}: the threshold is not used, as {metric} is 0 or 1.")
    if _OVERLAP.search(metric):
        chosen.append(
            f"{what}: {metric} compares the words of answers; it does not judge what they say."
        )


def _suspect(
    what: str, rows: pd.DataFrame, mine: pd.DataFrame, variant: str, metric: str, reader: Format
) -> None:
    """Languages in which no answer is right, or every one: probably the wrong filter or scorer."""
    options, notes = reader.options, reader.notes
    by_hand = bool(options.metric or options.filter)
    weighted = mine.assign(right=mine["right"] * mine["n"])
    sums = weighted.groupby(["model", "language"], sort=False)[["right", "n"]].sum().reset_index()
    sums = sums[sums["n"] >= FEW_ANSWERS]
    refused = False
    for model, cells in sums.groupby("model", sort=False):
        every = cells.loc[cells["right"] == cells["n"], "language"]
        none = cells.loc[cells["right"] == 0, "language"]
        if len(every):
            notes.assumed.append(
                f"{model}, {what}: every answer is right in {listing(every, 20)}; look whether "
                "the parser takes all answers."
            )
        if not len(none):
            continue
        here = rows[(rows["model"] == model) & rows["language"].isin(none)]
        filters, metrics = _better(here, variant, metric)
        better = listing([*filters.values(), *metrics.values()])
        line = f"no answer of {model} to {what} is right in {listing(none, 20)}"
        if (filters and not options.filter) or (metrics and not options.metric):
            refused = True
            notes.problem(
                f"{line}, by {metric}{f', filter {variant}' if variant else ''}: probably the "
                "wrong filter or metric.",
                f"Choose with --filter or --metric; there is {better}.",
            )
        elif len(none) == len(cells) and not by_hand and not refused:
            notes.problem(
                f"no answer of {model} to {what} is right in any language.",
                f"Probably the answers were not read. Say --metric {metric} if it is so.",
            )
        else:
            hint = f"; there is {better}" if better else ""
            notes.assumed.append(f"{line}; look whether the parser finds the answers{hint}.")


def _better(rows: pd.DataFrame, variant: str, metric: str) -> tuple[dict[str, str], dict[str, str]]:
    """Filters and metrics under which some answer is right."""
    filters = {}
    for name, mine in rows.groupby("variant", sort=False):
        values = mine[f"={metric}"]
        if name != variant and (values > 0).any():
            filters[str(name)] = f"filter {name} ({values.mean():.2f})"
    mine = rows[rows["variant"] == variant]
    metrics = {
        m: f"metric {m} ({mine[f'={m}'].mean():.2f})"
        for m in metrics_of(mine)
        if m != metric and _is_binary(mine, m) and (mine[f"={m}"] == 1).any()
    }
    return filters, metrics
