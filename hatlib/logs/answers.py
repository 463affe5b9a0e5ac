"""From the rows of any log to counts of right answers: one engine for all formats.

A format (`Format`) says which files are its logs, whose answers they hold (`Run`), and what a row
says: item, trial, scores. All the rest is here, once: which benchmark and language a task is, runs
that are no repeats, which of several filters and metrics counts, answers that were never read.
"""

from __future__ import annotations

import filecmp
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.door import importer_of
from hatlib.errors import listing
from hatlib.logs.common import TRIAL_COLUMNS, Options
from hatlib.logs.fields import WHERE, at, short
from hatlib.logs.languages import Places, language_in
from hatlib.logs.reading import File, Found, Notes, clean, objects
from hatlib.logs.settings import compare_settings
from hatlib.words import counted

#: What a row of a log may say, as text; and whether its answer could be read (1, 0; nan if the row
#: does not say, which is 1 if another row of the benchmark does).
FIELDS = (
    *("model", "benchmark", "task", "run", "item", "named", "language", "fallback", "prompting"),
    *("source_language", "trial", "variant", "key", "cluster", "stratum", "chance_level", "parsed"),
    "settings",  # as JSON, of what rows of one file differ in
)
#: A language with fewer answers than this is not suspected of a wrong filter or scorer.
FEW_ANSWERS = 20

#: What one answer is to: several rows of a cell are its trials.
CELL = ["model", "benchmark", "language", "item", "prompting"]
_TRIAL = [*CELL, "variant", "trial"]
_OVERLAP = re.compile(r"bleu|rouge|chrf|f1|bert|meteor", re.I)


@dataclass(frozen=True)
class Run:
    """A file, and what is known of all its rows before they are read.

    Attributes
    ----------
    file : File
    model, task : str
        Empty if the rows say them.
    settings : mapping of str to str, or None
        How the model was run, from `hatlib.logs.settings.flat`; None if that is not known.
    about : mapping
        What else the format wants to know of it when it reads the rows. Used here, too, are
        ``filters``, the order of the filters, and ``age``, which is least for the newest.
    """

    file: File
    model: str = ""
    task: str = ""
    settings: Mapping[str, str] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


class Format:
    """What is special about the logs of one program; much of it stands in ``formats.toml``."""

    #: What its files, rows and metrics are called in messages, and how its files are named.
    files = "logs"
    row = "row"
    metric = "metric"
    hint = ""
    #: Names of files that are read in a folder, and of those that say something about them.
    wanted, beside = re.compile(""), re.compile("")
    #: Where its records have our fields.
    where: Mapping[str, Sequence[str]] = MappingProxyType({})
    #: Of several metrics that are 0 or 1, the first of these is taken.
    preferred: Sequence[str] = ()
    #: Whether each prompting may have filters and metrics of its own.
    by_prompting = False
    #: Whether a trial with two results is a problem, not a copy.
    torn = False
    #: What to do about a metric that is a share.
    shares = ""
    #: An answer that was called wrong, where this module says so.
    example = ""

    def __init_subclass__(cls, name: str = "") -> None:
        for fact, value in WHERE["formats"].get(name, {}).items():
            setattr(cls, fact, re.compile(value) if fact in ("wanted", "beside") else value)
        cls.where = WHERE.get(name, cls.where)

    def __init__(self, options: Options, notes: Notes, places: Places) -> None:
        self.options, self.notes, self.places = options, notes, places

    def runs(self, found: Found) -> list[Run]:
        """The files by names and headers alone; the newest first, where `frame` gives no age."""
        return [Run(file) for file in found.files]

    def records(self, run: Run) -> Iterable[Mapping[str, Any]]:
        """What a file holds, one after the other."""
        return (record for _, record in objects(run.file, self.notes))

    def row_of(self, run: Run, record: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
        """What a record says beside what `where` finds, with ``scores``; or why it is no answer."""
        raise NotImplementedError

    def rows(self, run: Run) -> Iterator[Mapping[str, Any]]:
        """What each row of a file says: `FIELDS`, and ``scores``."""
        lost, needed = Counter[str](), {"model", "task", "item"} & {*self.where}
        for record in self.records(run):
            said = self.said(record)
            lacking = sorted(self.where[name][-1] for name in needed if not said[name])
            row = f"without {listing(lacking)}" if lacking else self.row_of(run, record, said)
            if isinstance(row, str):
                other = importer_of(record) if lacking else ""
                lost[f"{row} (use hat import {other})" if other else row] += 1
            else:
                yield said | row
        name = run.file.name
        self.notes.dropped += [f"{name}: {counted(n, self.row)} {why}." for why, n in lost.items()]

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
        said = {"stratum": clean(at(record, self.options.stratum))}
        for ours, paths in self.where.items():
            said[ours] = next(filter(None, (short(at(record, path)) for path in paths)), "")
        return said


def gather(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a table that keeps names and numbers: `FIELDS`, ``n``, and ``=metric`` for each.

    Examples
    --------
    >>> frame = gather([{"item": "1", "scores": {"acc": 1.0}}, {"item": "2", "scores": {}}])
    >>> frame[["item", "=acc", "n"]].to_numpy().tolist()
    [['1', 1.0, 1], ['2', nan, 1]]
    """
    columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
    scores: dict[str, dict[int, float]] = {}
    once: dict[Any, Any] = {}  # each text is kept once
    for n, row in enumerate(rows):
        for name, column in columns.items():
            value = row.get(name, math.nan if name == "parsed" else "")
            column.append(once.setdefault(value, value))
        for name, value in row["scores"].items():
            scores.setdefault(f"={name}", {})[n] = value
    frame = pd.DataFrame(columns, dtype=object).astype({"parsed": float})
    return frame.assign(n=1, **{name: pd.Series(s, dtype=float) for name, s in scores.items()})


def counts(reader: Format, found: Found) -> pd.DataFrame:
    """The right answers and trials in some files: `hatlib.logs.common.TRIAL_COLUMNS`, and more."""
    notes, options = reader.notes, reader.options
    runs = unlike(reader.runs(found), notes)
    notes.stop()  # of names: the files themselves may take long
    frames, size, done = [], sum(run.file.path.stat().st_size for run in runs), 0
    for number, run in enumerate(runs):
        frame = reader.frame(run)
        done += run.file.path.stat().st_size
        notes.progress(run.file.name, done, size)
        if len(frame):
            frame = frame.assign(number=number, file=run.file.name)
            frame["model"] = frame["model"] if frame["model"].any() else run.model
            frame["task"] = run.task or frame["task"]
            frame["age"] = frame.get("age", run.about.get("age", number))  # the newest comes first
            frames.append(frame)
        else:
            notes.note("dropped", "none", file=run.file.name, row=reader.row)
    if not frames:
        if not notes.problems:
            dropped = " ".join(notes.dropped[:8])
            notes.refuse("empty", files=reader.files, of=reader.row, dropped=dropped)
        notes.stop()
    rows = place(pd.concat(frames, ignore_index=True), reader)
    del frames
    for name in ("model", "benchmark"):
        own, unnamed = clean(getattr(options, name)), rows.loc[rows[name] == "", "file"].unique()
        theirs = sorted({*rows[name]} - {"", own})
        if own and len(theirs) > 1:
            about = {"files": reader.files, "n": len(theirs), "name": name}
            notes.refuse("several-names", value=listing(theirs), **about)
        elif not own and len(unnamed):
            notes.refuse(f"no-{name}", listing(unnamed, 3))
        rows[name] = own or rows[name]
    if rows.empty:
        notes.stop()
        return pd.DataFrame(columns=list(TRIAL_COLUMNS))
    for model, mine in rows.groupby("model", sort=True):
        tasks = f"{counted(mine['task'].nunique(), 'task')}, " if rows["task"].any() else ""
        n = int(mine["n"].sum())
        notes.read.append(f"{model}: {tasks}{n:,} {reader.row}{'' if n == 1 else 's'}.")
    rows = reader.settle(rows)
    known = rows.groupby(["benchmark", "way", "variant"])["parsed"].transform("count") > 0
    rows["parsed"] = rows["parsed"].mask(known & rows["parsed"].isna(), 1)
    placed = rows[["number", "settings", *CELL, "spelt"]].drop(columns="item").drop_duplicates()
    each = placed[["number", "settings"]].drop_duplicates()
    settings = [
        {**(runs[n].settings or {}), **json.loads(text)} if text else runs[n].settings
        for n, text in each.to_numpy()
    ]
    placed = placed.merge(each.assign(run=range(len(each)))).assign(number=lambda p: p["run"])
    compare_settings(placed, settings, options.mixed, notes)
    pairs = rows[[*_TRIAL, "task"]].drop_duplicates()
    both = pairs[pairs.duplicated(_TRIAL, keep=False)]
    for (who, benchmark, code), mine in both.groupby(["model", "benchmark", "language"]):
        names = listing(sorted(mine["task"].unique()))
        notes.refuse("several-tasks", value=names, model=who, benchmark=benchmark, code=code)
    notes.stop()
    rows = _once(rows, reader)
    parts = [
        _chosen(f"{benchmark} ({way})" if way else str(benchmark), mine, reader, runs)
        for (benchmark, way), mine in rows.groupby(["benchmark", "way"], sort=False)
    ]
    notes.stop()
    return _added(pd.concat(parts, ignore_index=True))


def unlike(runs: Sequence[Run], notes: Notes) -> list[Run]:
    """Runs without copies: those with the bytes of another one of which the same is known."""
    kept, alike = list[Run](), defaultdict[str, list[File]](list)
    for run in runs:
        file, size = run.file, run.file.path.stat().st_size
        twins = alike[repr((size, run.model, run.task, run.settings, run.about))]
        if twin := next((t for t in twins if filecmp.cmp(t.path, file.path, False)), None):
            notes.note("dropped", "copy", file=file.name, twin=twin.name)
        else:
            twins.append(file)
            kept.append(run)
    return kept


def place(rows: pd.DataFrame, reader: Format) -> pd.DataFrame:
    """The rows with their benchmark, language and prompting; those without a language are lost."""
    where = ["task", "language", "fallback"]
    tasks = rows[where].drop_duplicates()
    found = [reader.places.find(*place) for place in tasks.itertuples(index=False)]
    fields = ("benchmark", "language", "subject", "prompting", "spelt")
    named = {f"_{name}": [getattr(task, name, "") for task in found] for name in fields}
    rows = rows.merge(tasks.assign(**named), on=where, how="left")
    lost = rows["_language"] == ""
    reader.places.settle(Counter(rows.loc[lost, "task"]))
    rows = rows[~lost]
    own, codes = clean(reader.options.prompting), reader.options.language_codes
    subject = rows["_subject"].where(rows["_subject"] == "", rows["_subject"] + "/")
    sources = {text: language_in(text, codes) or text for text in rows["source_language"].unique()}
    return rows.assign(
        benchmark=rows["benchmark"].where(rows["benchmark"] != "", rows["_benchmark"]),
        language=rows["_language"],
        spelt=rows["_spelt"],
        source_language=rows["source_language"].map(sources),
        subject=subject,
        item=subject + rows["item"],
        way=rows["_prompting"] if reader.by_prompting else "",
        prompting=own or rows["prompting"].where(rows["prompting"] != "", rows["_prompting"]),
    ).drop(columns=list(named))


def _once(rows: pd.DataFrame, reader: Format) -> pd.DataFrame:
    """Each answer from the run of the most items, of these the newest; each numbered trial once."""
    notes, scores = reader.notes, _metrics(rows)
    finite = np.isfinite(rows[scores].to_numpy(float)).any(axis=1)
    of, cell = ([rows[c] for c in names] for names in (["age", *CELL[:3], CELL[4]], CELL))
    size = rows["item"].where(finite).groupby(of).transform("nunique")
    order = rows.groupby([-size, "age"]).ngroup()
    first = order.where(finite).groupby(cell).transform("min")
    again = first.notna() & (order != first)
    kept = rows["file"].where(order == first).groupby(cell).transform("first")
    replaced = Counter(zip(rows.loc[again, "file"], kept[again], strict=True))
    for (file, other), k in replaced.items():
        notes.note("dropped", "older", file=file, n=counted(k, reader.row), kept=other)
    rows = rows[~again]
    several = rows[rows.groupby(CELL)["run"].transform("nunique") > 1]
    for (model, task), mine in several.groupby(["model", "task"]):
        names = listing(mine["file"].unique(), 3)
        notes.refuse("several-runs", names=names, task=task, model=model)
    notes.stop()
    numbered = rows[rows["trial"] != ""]
    copies = numbered.index[numbered.duplicated(_TRIAL)]
    if len(copies):
        results = numbered.groupby(_TRIAL, sort=False)[scores].nunique()
        torn = results[(results > 1).any(axis=1)].index
        if reader.torn and len(torn):
            where = listing((f"{t[3]} in {t[2]}, trial {t[6]}" for t in torn), 3)
            n = counted(len(torn), "trial")
            notes.refuse("two-results", column="trial", value=where, n=n)
        notes.note("dropped", "repeated", n=counted(len(copies), reader.row))
    return rows.drop(index=copies)


def _added(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts of right answers, of trials and of answers that were read."""
    right, parsed = (rows[name] * rows["n"] for name in ("right", "parsed"))
    rows = rows.assign(n_correct=right.round(), n_trials=rows["n"], n_parsed=parsed)
    numbers = ["n_correct", "n_trials", *(["n_parsed"] if rows["parsed"].notna().all() else [])]
    more = [c for c in ("stratum", "chance_level") if (rows[c] != "").any()]
    keys = [*(c for c in TRIAL_COLUMNS if c not in numbers), *more]
    sums = rows.groupby(keys, sort=False, as_index=False)[numbers].sum()
    return sums.astype(dict.fromkeys(numbers, np.int64))


# Filters and metrics --------------------------------------------------------------------------


def _metrics(rows: pd.DataFrame) -> list[str]:
    """The columns of metrics that some row has."""
    return [c for c in map(str, rows) if c.startswith("=") and rows[c].notna().any()]


def _candidates(rows: pd.DataFrame) -> pd.DataFrame:
    """Each filter with each metric that gives numbers: in every task or not, 0 or 1 or not."""
    long = rows.melt(["variant", "number", "task", "n"], _metrics(rows), "metric")
    long = long[np.isfinite(long["value"].astype(float))]
    right = long["value"] * long["n"]  # a row may be a count of several trials
    long["binary"] = (abs(right - right.round()) < 1e-6) & long["value"].between(0, 1)
    long["task"] = long["number"].astype(str) + " " + long["task"]
    groups = long.groupby(["variant", "metric"], sort=False)
    found = groups.agg(
        n_tasks=("task", "nunique"),
        binary=("binary", "all"),
        low=("value", "min"),
        high=("value", "max"),
        mean=("value", "mean"),
    ).reset_index()
    complete = found["n_tasks"] == rows.groupby(["number", "task"]).ngroups
    return found.assign(metric=found["metric"].str[1:], complete=complete)


def _told(found: pd.DataFrame) -> str:
    """Candidates for a message, each with the share that is right, or its range."""
    return listing(
        _named(str(c.variant), str(c.metric))
        + (f" ({c.mean:.2f} right" if c.binary else f" ({c.low:.3g} to {c.high:.3g}")
        + (")" if c.complete else ", not in every task)")
        for c in found.itertuples()
    )


def _named(variant: str, metric: str) -> str:
    return f"{metric} under {variant}" if variant not in ("", "none") else metric


def _chosen(what: str, rows: pd.DataFrame, reader: Format, runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of a benchmark under one filter, with `right` by one metric."""
    threshold, notes = reader.options.threshold, reader.notes
    found = _candidates(rows)
    first = runs[int(rows["number"].iloc[0])]
    fits = _fitting(what, rows, found, reader, first.about.get("filters", ()))
    if fits is None:
        return rows[:0]
    variant, metric, graded = fits["variant"], fits["metric"], not fits["binary"]
    mine = rows[rows["variant"] == variant]
    values = mine[f"={metric}"]
    rest = _told(found.drop(index=fits.name))
    line = f"{what}: {reader.metric} {_named(variant, metric)}"
    line += f", right from {threshold:g} on" if graded else ""
    if rest or graded or reader.preferred or reader.options.metric:
        notes.chosen.append(f"{line}{f'; not {rest}' if rest else ''}.")
    if threshold is not None and not graded:
        notes.note("chosen", "threshold", what=what, metric=metric)
    if _OVERLAP.search(metric):
        notes.note("chosen", "overlap", what=what, metric=metric)
    known = np.isfinite(values)
    if not known.all():
        n = counted(int(mine.loc[~known, "n"].sum()), "answer")
        notes.note("dropped", "no-value", what=what, n=n, metric=metric)
    right = values >= threshold if graded else values
    mine = mine.assign(right=right.astype(float))[known]
    _suspect(what, rows, mine, fits, reader)
    return mine.drop(columns=[c for c in map(str, mine) if c.startswith("=")])


def _fitting(
    what: str, rows: pd.DataFrame, found: pd.DataFrame, reader: Format, order: Sequence[str]
) -> pd.Series | None:
    """The candidate that says what is right, one for all models and languages."""
    options, word = reader.options, reader.metric
    wished = reader.wish(what, rows)
    if wished is None:
        return None
    metric = wished if wished and options.metric not in set(found["metric"]) else options.metric
    fits = found[found["complete"]]
    if metric:
        fits = fits[fits["metric"] == metric]
    if options.filter:
        exact = fits["variant"] == options.filter
        part = [options.filter in variant.split("/") for variant in fits["variant"]]
        fits = fits[exact if exact.any() else part]
    elif "strict-match" in set(fits["variant"]):
        fits = fits[fits["variant"] == "strict-match"]
    elif order and set(fits["variant"]) <= set(order):  # the last one
        last = max(fits["variant"], key=list(order).index, default="")
        fits = fits[fits["variant"] == last]
    if not metric and reader.preferred:
        binary = fits[fits["binary"]]
        first = next((m for m in reader.preferred if m in set(binary["metric"])), "")
        alone = len(set(binary["metric"])) == 1
        fits = binary[binary["metric"] == first] if first else binary if alone else fits
    elif not metric:  # each that gives a number is a rival
        fits = found[found["variant"].isin(fits["variant"])]
    graded = len(fits) == 1 and not fits["binary"].all()
    if len(fits) == 1 and fits["complete"].all() and not (graded and options.threshold is None):
        return fits.iloc[0]
    key = "not-there" if fits.empty else "graded" if graded else "several"
    about = {"word": word, "name": _named(options.filter, metric or word), "n": len(fits)}
    about |= {"there": _told(found), "those": _told(fits), "shares": reader.shares}
    return reader.notes.refuse("no-number" if found.empty else key, what=what, **about)


def _suspect(
    what: str, rows: pd.DataFrame, mine: pd.DataFrame, taken: pd.Series, reader: Format
) -> None:
    """Languages in which no answer is right, or every one: probably the wrong filter or scorer."""
    options, notes = reader.options, reader.notes
    sums = mine.assign(right=mine["right"] * mine["n"]).groupby(["model", "language"], sort=False)
    cells = sums[["right", "n"]].sum().query("n >= @FEW_ANSWERS").reset_index("language")
    for model, cell in cells.groupby("model", sort=False):
        every = listing(cell.loc[cell["right"] == cell["n"], "language"], 20)
        none = cell.loc[cell["right"] == 0, "language"]
        if every:
            notes.note("assumed", "all-right", model=model, what=what, codes=every)
        if none.empty:
            continue
        better = _candidates(rows[(rows["model"] == model) & rows["language"].isin(none)])
        better = better[better["binary"] & (better["mean"] > 0)]
        for name, given in (("variant", options.filter), ("metric", options.metric)):
            better = better[better[name] == taken[name]] if given else better
        about = {"model": model, "what": what, "codes": listing(none, 20)}
        if len(better):
            about["taken"] = _named(taken["variant"], taken["metric"])
            notes.refuse("wrong-one", those=_told(better), **about)
        elif len(none) == len(cell) and not (options.metric or options.filter or notes.problems):
            notes.refuse("unread", value=reader.example, metric=taken["metric"], **about)
        else:
            notes.note("assumed", "none-right", **about)
