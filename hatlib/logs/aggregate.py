"""Add up raw trials, however many, to item-level responses: out of core, on one machine.

One row a trial (model, language, item, right or not) becomes one row a model, language and item
with its number of right answers and of trials, which is the table that `load_responses` reads.
DuckDB (`hatlib.data.door`) reads the files piece by piece and spills to the disk what does not fit
into memory. `trials_expression` is the same as an Ibis expression, for logs in a warehouse.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

from hatlib.data.door import (
    Door,
    Table,
    importer_of,
    is_table,
    layout,
    line_of,
    quoted,
    read_problem,
    sniff,
    stem,
)
from hatlib.data.languages import language_of
from hatlib.data.responses import COLUMNS, SYNONYMS
from hatlib.data.tables import LoadReport
from hatlib.data.writing import check_free
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.common import write_frame
from hatlib.logs.reading import clean, find_files
from hatlib.show.words import counted

if TYPE_CHECKING:
    import ibis

_KEYS = tuple(c for c in COLUMNS if c not in ("n_correct", "n_trials"))
_OURS = (*_KEYS, "chance_level", "correct")
_NEEDED = ("model", "language", "item", "correct")
#: What counts as right, by what the column holds. The short forms come first, as they are fast.
_RIGHT = (
    "CASE WHEN correct IN ('1', 'true') THEN 1 WHEN correct IN ('0', 'false') THEN 0"
    " WHEN regexp_matches(correct, '[a-df-zA-DF-Z_]') THEN"
    " CASE lower(trim(correct)) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
    " WHEN TRY_CAST(trim(correct) AS DOUBLE) = 1 THEN 1"
    " WHEN TRY_CAST(trim(correct) AS DOUBLE) = 0 THEN 0 END"
)
_SAID = ("model", "item", "language", "prompting")
_DROP = "Mend them, or leave them out: drop=True, or --drop."
_NO_ROW = "has no model, language and item (an empty row, or a line that is no JSON object)"
_NEITHER = "has a correct that is neither 1 nor 0 (nor true, nor false)"


@dataclass(frozen=True)
class Aggregated:
    """Trials added up to item-level responses.

    Attributes
    ----------
    n_read : int
        Trials in the files.
    n_used : int
        Trials that count; the others are in `left_out`.
    n_rows : int
        Rows of responses that they make.
    left_out : mapping of str to int
        Trials that do not count, by the reason.
    report : LoadReport
        What was read, assumed and left out.
    path : Path or None
        The file that the responses were written to.
    frame : DataFrame
        `hatlib.data.responses.COLUMNS`, and ``chance_level`` if the trials have it.
    """

    n_read: int
    n_used: int
    n_rows: int
    frame: pd.DataFrame
    left_out: Mapping[str, int] = field(default_factory=dict)
    report: LoadReport = field(default_factory=LoadReport)
    path: Path | None = None


@dataclass(frozen=True)
class _Source:
    """A table, and which of its columns are ours."""

    table: Table
    columns: Mapping[str, str]


def aggregate_trials(
    paths: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    benchmark: str = "",
    drop: bool = False,
    memory_limit: str = "700MB",
    threads: int = 1,
    force: bool = False,
) -> Aggregated:
    r"""Add up raw trials to item-level responses, out of core.

    The files have one row a trial with ``model``, ``language``, ``item`` and ``correct`` (1 or 0,
    true or false), and perhaps ``benchmark``, ``prompting``, ``source_language``, ``cluster`` and
    ``chance_level``. Rows that are alike are trials, and are counted. Names are read as
    `load_responses` reads them: without spaces around them, language codes in their standard form.

    Parameters
    ----------
    paths : path or sequence of paths
        JSON lines or arrays, CSV (perhaps packed with gzip or Zstandard) and Parquet files;
        folders; patterns such as ``logs/*.jsonl``. They may be mixed.
    out : path, optional
        Where to write the responses: ``.parquet`` or ``.csv``.
    columns : mapping of str to str, optional
        Our name of a column to that in the files, as in ``{"item": "question_id"}``; a dotted
        path goes into nested fields.
    benchmark : str
        Name of the benchmark where the files have no such column. If not given: the name of the
        file, or ``your benchmark`` if there are several files.
    drop : bool
        Whether to leave out the rows that cannot be used, and say so in the report. By default
        they are problems.
    memory_limit : str
        What DuckDB may hold in memory, as in ``"700MB"``; the rest goes to the disk (the folder
        of the environment variable ``TMPDIR``). The responses themselves must fit into memory.
    threads : int
        Number of threads, each of which holds a table of its own; if memory does not suffice, one
        thread does the work.
    force : bool
        Whether to overwrite `out`.

    Returns
    -------
    Aggregated

    Raises
    ------
    InputError
        If a file cannot be read, a column is missing, or, without `drop`, a row cannot be used;
        with the number of such rows and a line that shows it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = Path(folder) / "log.jsonl"
    ...     trial = '{"model": "m", "language": "%s", "item": 1, "correct": %s}'
    ...     _ = log.write_text("\n".join([trial % ("en", "true"), trial % ("en", 0)]))
    ...     found = aggregate_trials(log)
    >>> found.frame[["model", "language", "item", "n_correct", "n_trials"]].values.tolist()
    [['m', 'en', '1', 1, 2]]
    """
    _check_options(columns, threads)
    target = _target(out, force)
    with tempfile.TemporaryDirectory(prefix="hat-aggregate-") as folder:
        scratch = Path(folder)
        sources, report = _sources(paths, scratch, dict(columns or {}), target)
        try:
            raw = _grouped(sources, scratch, memory_limit, threads)
        except MemoryError:
            if threads == 1:
                what = f"the trials do not fit into {memory_limit} and the disk."
                remedy = "Allow more memory, or point TMPDIR at a larger disk."
                raise InputError(Problem(what, remedy)) from None
            raw = _grouped(sources, scratch, memory_limit, 1)
        name = benchmark or "your benchmark"
        if not benchmark and len(sources) == 1:
            name = stem(sources[0].table.path.name) or name
        return _answers(raw, sources, scratch, name, drop, target, report)


def _check_options(columns: Mapping[str, str] | None, threads: int = 1) -> None:
    problems = [
        Problem("there is no such column of ours.", f"Use {listing(_OURS, 20)}.", value=str(name))
        for name in columns or ()
        if name not in _OURS
    ]
    for name in (columns or {}).values():
        if not isinstance(name, str) or not name or "\0" in name:
            problems.append(Problem("this names no column.", "Write its name.", value=repr(name)))
    if not (isinstance(threads, int) and 1 <= threads <= 1024):
        problems.append(Problem("threads is not a number from 1.", "Write 2.", value=str(threads)))
    if problems:
        raise InputError(problems)


def _target(out: str | Path | None, force: bool) -> Path | None:
    if out is None:
        return None
    path = Path(out)
    if path.suffix not in (".parquet", ".csv"):
        what = "answers are written as .parquet or .csv."
        raise InputError(Problem(what, "Name one.", value=str(out)))
    check_free([path], force)
    return path


# Files ----------------------------------------------------------------------------------------


def _sources(
    paths: str | Path | Sequence[str | Path],
    scratch: Path,
    columns: Mapping[str, str],
    target: Path | None,
) -> tuple[list[_Source], LoadReport]:
    """Every file that is named or found, with what its start says of it."""
    named = [paths] if isinstance(paths, str | Path) else list(paths)
    try:
        found = find_files(list(_globbed(named)), is_table, "trials", scratch=scratch)
    except RuntimeError:  # which is how a link to itself shows before Python 3.13
        raise InputError(Problem("a symbolic link leads to itself.", "Remove it.")) from None
    if target is not None:
        check_free([target], True, [file.path for file in found.files])
    dropped = list(found.passed)
    problems: list[Problem] = []
    sources: list[_Source] = []
    seen: set[tuple[int, int]] = set()
    empty = []
    for file in found.files:
        about = file.path.stat()
        if (about.st_dev, about.st_ino) in seen:  # a hard link: its trials would count twice
            dropped.append(f"{file.name}: the same file under another name.")
            continue
        seen.add((about.st_dev, about.st_ino))
        before: list[Problem] = []
        table = sniff(file.path, file.name, before, scratch)
        if before and "is empty" in before[0].what:
            empty.append(file.name)
        elif table is None:
            problems += before
        elif (theirs := _columns(table, columns, problems)) is not None:
            sources.append(_Source(table, theirs))
    if empty:
        dropped.append(f"{counted(len(empty), 'empty file')}: {listing(empty, 3)}.")
    if not sources and not problems:
        problems.append(Problem("the file is empty.", "It needs rows.", listing(empty, 3)))
    if problems:
        raise InputError(problems)
    kinds = {"lines": "JSON lines", "array": "JSON", "csv": "CSV", "parquet": "Parquet"}
    numbers = {name: sum(s.table.kind == kind for s in sources) for kind, name in kinds.items()}
    read = [f"{_many(n, 'file')} of {name}." for name, n in numbers.items() if n]
    tops = {c for s in sources for c in s.table.columns if "." not in c}
    unused = sorted(tops - {t.split(".")[0] for s in sources for t in s.columns.values()})
    if unused:
        dropped.append(f"Columns that no analysis uses: {listing(map(clean, unused))}.")
    renamed = sorted(
        {
            f"{t} as {o}"
            for s in sources
            for o, t in s.columns.items()
            if o != t and t in s.table.columns
        }
    )
    assumed = (
        [f"Columns read under another name: {listing(map(clean, renamed))}."] if renamed else []
    )
    return sources, LoadReport(tuple(read), tuple(assumed), tuple(dropped))


def _globbed(paths: Iterable[str | Path]) -> Iterator[str | Path]:
    """Paths, with those that are patterns and no files replaced by the files that they fit."""
    for path in paths:
        text = os.fspath(path)
        if "\0" in text or not glob.has_magic(text) or os.path.lexists(text):
            yield path
            continue
        fitting = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 (a pattern may be absolute)
        if not fitting:
            raise InputError(Problem("no file fits this pattern.", "Check it.", value=text))
        yield from fitting


def _columns(
    table: Table, columns: Mapping[str, str], problems: list[Problem]
) -> dict[str, str] | None:
    """Which column of a file is which of ours; None, and problems, if some are missing."""
    file, names = table.name, table.columns
    is_json = table.kind in ("lines", "array")
    before = len(problems)
    chosen = {ours: theirs for ours, theirs in columns.items() if theirs in names}
    by_plain: dict[str, list[str]] = {}
    for name in names:
        if name not in chosen.values():
            by_plain.setdefault(name.strip().lower().replace(" ", "_"), []).append(name)
    for plain, alike in by_plain.items():
        ours = plain if plain in _OURS else SYNONYMS.get(plain, "")
        if ours not in _OURS or ours in chosen or (ours != plain and ours in by_plain):
            continue
        if len(alike) > 1:
            what = f"column {ours} stands twice: {listing(map(repr, alike))}."
            problems.append(Problem(what, "Keep one, or say which with columns.", file, 1))
        chosen[ours] = alike[0]
    known = f"Columns found: {listing(map(clean, names), 20)}."
    problems += [
        Problem("there is no such column.", known, file, 1, value=theirs)
        for theirs in columns.values()
        if theirs not in names
    ]
    missing = [c for c in _NEEDED if c not in chosen]
    program = importer_of(names)
    if missing and program:
        what = f"this looks like a log that hat import {program} reads."
        problems.append(Problem(what, "Use it.", file))
    elif missing and "n_correct" in by_plain:
        remedy = "These are counts, already added up: load_responses and `hat score` read them."
        problems.append(Problem("there is no column correct.", remedy, file, 1))
    elif missing:
        remedy = (
            "A file of trials needs the columns model, language, item and correct (1 or 0); "
            f"say which they are with columns (--column item=theirs). {known}"
        )
        problems.append(Problem(f"there is no column {listing(missing)}.", remedy, file, 1))
    kinds = dict(zip(names, table.kinds, strict=False))
    problems += [
        Problem("the column holds no text or number.", "Write it as text.", file, column=theirs)
        for theirs in chosen.values()
        if kinds.get(theirs) == "other"
    ]
    if len(problems) > before:
        return None
    if is_json:  # a key may be absent from the first lines
        taken = {theirs.lower() for theirs in chosen.values()}
        chosen |= {o: o for o in _OURS if o not in chosen and o not in taken and o != "benchmark"}
    return chosen


# Trials ---------------------------------------------------------------------------------------


def _grouped(
    sources: Sequence[_Source], scratch: Path, memory_limit: str, threads: int
) -> pd.DataFrame:
    """The trials by their names as they stand: number, usable, right. MemoryError if too many."""
    tables = [source.table for source in sources]
    keys = [c for c in _OURS if c != "correct" and any(c in s.columns for s in sources)]
    groups: dict[tuple[Any, ...], list[_Source]] = {}
    for source in sources:
        groups.setdefault(layout(source.table, source.columns), []).append(source)
    with Door(tables, scratch, memory_limit, threads, ordered=False) as door:
        try:
            parts = [_part(door, [s.table for s in g], g[0].columns, keys) for g in groups.values()]
            named = ", ".join(keys)
            frame: pd.DataFrame = door.connection.execute(
                f"SELECT {named}, count(*) AS n, count(ok) AS n_ok, "
                "count(nullif(ok, 0)) AS n_right "
                f"FROM ({' UNION ALL '.join(parts)}) GROUP BY {named}"
            ).df()
            rejected = door.rejected({t.path: t.name for t in tables})
            if rejected:
                raise InputError(rejected)
        except duckdb.OutOfMemoryException:
            raise MemoryError from None
        except duckdb.Error as error:
            raise InputError(_broken(door, sources, error)) from None
    late = [c for c in keys if c not in _NEEDED and frame[c].isna().all()]
    return frame.drop(columns=[c for c in late if all(c not in s.table.columns for s in sources)])


def _part(door: Door, tables: Sequence[Table], columns: Mapping[str, str], keys: list[str]) -> str:
    fields = ", ".join(c if c in columns else f"CAST(NULL AS VARCHAR) AS {c}" for c in keys)
    return f"SELECT {fields}, {_RIGHT} AS ok FROM ({door.rows(tables, columns)})"


def _broken(door: Door, sources: Sequence[_Source], error: Exception) -> list[Problem]:
    """What is wrong with each file that cannot be read to its end."""
    problems = []
    for source in sources:
        try:
            rows = door.rows(source.table, source.columns)
            largest = ", ".join(f"max({quoted(c)})" for c in source.columns)
            door.connection.execute(f"SELECT {largest} FROM ({rows})").fetchall()
        except duckdb.Error as found:
            problems.append(read_problem(source.table, found))
    problems += door.rejected({s.table.path: s.table.name for s in sources})
    return problems or [Problem(f"the trials cannot be added up: {clean(error)}")]


def _answers(
    raw: pd.DataFrame,
    sources: Sequence[_Source],
    scratch: Path,
    benchmark: str,
    drop: bool,
    target: Path | None,
    report: LoadReport,
) -> Aggregated:
    """The responses, or why rows cannot be used."""
    if raw.empty:
        raise InputError(Problem("there is no row of trials.", "Add some."))
    keys = [c for c in map(str, raw) if c not in ("n", "n_ok", "n_right")]
    read, assumed, dropped = list(report.read), list(report.assumed), list(report.dropped)
    frame = raw[["n", "n_ok", "n_right"]].assign(**{c: _mapped(raw[c], str.strip) for c in keys})
    spoken = [c for c in ("language", "source_language") if c in frame]
    codes = {text: language_of(text) for c in spoken for text in frame[c].unique() if text}
    changed = [f"{clean(a)} as {b}" for a, b in sorted(codes.items()) if b and a != b]
    if changed:
        assumed.append(f"Language codes read in their standard form: {listing(changed)}.")
    reason = _reasons(frame, keys, codes)
    left = {str(why): int(n) for why, n in frame["n"].groupby(reason).sum().items()}
    neither = int((frame["n"] - frame["n_ok"])[reason == ""].sum())
    left = {why: n for why, n in left.items() if why} | ({_NEITHER: neither} if neither else {})
    left = dict(sorted(left.items(), key=lambda pair: (-pair[1], pair[0])))
    problems = _row_problems(raw, reason, keys, left, sources, scratch, "" if drop else _DROP)
    if left and not drop:
        raise InputError(problems)
    dropped += map(str, problems)
    n_read = int(frame["n"].sum())
    for column in spoken:
        frame[column] = _mapped(frame[column], lambda text: codes.get(text, ""))
    frame = frame[(reason == "") & (frame["n_ok"] > 0)]
    if frame.empty:
        raise InputError(problems or [Problem("there is no row of trials.", "Add some.")])
    by_default = sum("benchmark" not in source.columns for source in sources)
    for column in _KEYS:
        if column not in frame:
            frame[column] = benchmark if column == "benchmark" else ""
    if by_default:
        frame["benchmark"] = frame["benchmark"].replace("", benchmark)
        files = _many(by_default, "file")
        assumed.append(
            f"benchmark is {clean(benchmark)} where the files have no such column ({files})."
        )
    if "chance_level" in frame:
        frame["chance_level"] = pd.to_numeric(frame["chance_level"].replace("", np.nan))
    more = ["chance_level"] if "chance_level" in frame else []
    sums = frame.groupby([*_KEYS, *more], sort=True, dropna=False)[["n_right", "n_ok"]].sum()
    sums = sums.rename(columns={"n_right": "n_correct", "n_ok": "n_trials"}).reset_index()
    sums = sums[[*COLUMNS, *more]]
    n_used = int(sums["n_trials"].sum())
    read.append(f"{_many(n_used, 'trial')} added up to {_many(len(sums), 'row')}.")
    read += [
        f"{clean(name)}: {listing(_many(mine[c].nunique(), c) for c in _SAID)}."
        for name, mine in sums.groupby("benchmark")
    ][:10]
    if target is not None:
        write_frame(sums, target)
    final = LoadReport(tuple(read), tuple(assumed), tuple(dropped))
    return Aggregated(n_read, n_used, len(sums), sums, left, final, target)


def _mapped(column: pd.Series, function: Callable[[str], str]) -> pd.Series:
    """Text through a function that is called once for each value; missing is empty."""
    text = column.astype(object).where(column.notna(), "")
    return text.map({value: function(value) for value in text.unique()})


def _reasons(frame: pd.DataFrame, keys: Sequence[str], codes: Mapping[str, str]) -> pd.Series:
    """Why rows cannot be used: the first reason that holds, or nothing."""
    conditions = [((frame[["model", "language", "item"]] == "").all(axis=1), _NO_ROW)]
    needed = [c for c in ("model", "language", "item") if c in keys]
    conditions += [(frame[c] == "", f"has no {c}") for c in needed]
    conditions += [
        (
            (frame[c] != "") & (frame[c].map(codes).fillna("") == ""),
            f"has a {c} that is not a language code",
        )
        for c in ("language", "source_language")
        if c in keys
    ]
    conditions += [
        (frame[c].str.contains("\0", regex=False), f"has a {c} with a NUL") for c in keys
    ]
    if "chance_level" in keys:
        share = pd.to_numeric(frame["chance_level"], errors="coerce")
        bad = (frame["chance_level"] != "") & ~((share >= 0) & (share < 1))
        conditions.append((bad, "has a chance_level that is not a share from 0 to below 1"))
    tests, reasons = zip(*conditions, strict=True)
    return pd.Series(np.select(list(tests), list(reasons), ""), frame.index)


def _row_problems(
    raw: pd.DataFrame,
    reason: pd.Series,
    keys: Sequence[str],
    left: Mapping[str, int],
    sources: Sequence[_Source],
    scratch: Path,
    remedy: str,
) -> list[Problem]:
    """One problem a reason: how many rows, and where one stands."""
    problems = []
    for why, n in left.items():
        mine = (reason == "") & (raw["n_ok"] < raw["n"]) if why == _NEITHER else reason == why
        first = raw.loc[mine, list(keys)].iloc[0]
        example = {key: None if pd.isna(first[key]) else first[key] for key in keys}
        test = f"({_RIGHT}) IS NULL" if why == _NEITHER else "true"
        name, line, correct = _place(example, sources, scratch, test)
        column = next((c for c in (*keys, "correct") if f" {c}" in why and why != _NO_ROW), "")
        value = correct if why == _NEITHER else example.get(column)
        have = why if n == 1 else why.replace("has ", "have ", 1)
        what = f"{_many(n, 'row')} {have}; this is one."
        problems.append(Problem(what, remedy, name, line, column, str(value or "")))
    return problems


def _place(
    example: Mapping[str, Any], sources: Sequence[_Source], scratch: Path, test: str
) -> tuple[str, int | None, str]:
    """The file and line of a row that has the raw keys of an example, and its `correct`."""
    with Door([source.table for source in sources], scratch) as door:
        for source in sources:
            there = [key for key in example if key in source.columns]
            if any(example[key] is not None for key in set(example) - set(there)):
                continue
            same = [f"{key} IS NOT DISTINCT FROM ${n + 1}" for n, key in enumerate(there)]
            rows = door.rows(source.table, source.columns, numbered=True)
            where = " AND ".join([*same, test])
            query = f"SELECT row, correct FROM ({rows}) WHERE {where} LIMIT 1"
            try:
                found = door.connection.execute(query, [example[key] for key in there]).fetchone()
            except duckdb.Error:
                continue
            if found:
                return source.table.name, line_of(source.table, int(found[0])), found[1] or ""
    return "", None, ""


def _many(n: int, noun: str) -> str:
    """A number with its noun, and commas.

    Examples
    --------
    >>> _many(1, "row"), _many(12345, "row")
    ('1 row', '12,345 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}" if n else f"no {noun}s"


# The same in a warehouse ----------------------------------------------------------------------


def trials_expression(
    table: ibis.Table, columns: Mapping[str, str] | None = None, *, benchmark: str = "trials"
) -> ibis.Table:
    """The aggregation as an Ibis expression, which runs where the logs are.

    It counts the rows that can be used: those that name model, language and item and are right or
    not. Language codes stay as they stand, but for spaces around them.

    Parameters
    ----------
    table : ibis.Table
        One row a trial, as for `aggregate_trials`.
    columns : mapping of str to str, optional
        Our name of a column to that in the table.
    benchmark : str
        Name of the benchmark if the table has no such column.

    Returns
    -------
    ibis.Table
        `data.responses.COLUMNS`, and ``chance_level`` if the table has it. Nothing is computed
        before it is asked for, as with ``.to_parquet("responses.parquet")``.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> import ibis
    >>> trials = ibis.memtable({"model": ["m"] * 3, "language": ["en"] * 3, "item": [1, 1, 2],
    ...                         "correct": [True, False, True]})
    >>> trials_expression(trials).order_by("item").to_pandas()[["n_correct", "n_trials"]].values
    array([[1, 2],
           [1, 1]])
    """
    import ibis

    _check_options(columns)
    problems: list[Problem] = []
    theirs = _columns(
        Table(Path(), "the table", "table", columns=tuple(table.columns)), columns or {}, problems
    )
    if theirs is None:
        raise InputError(problems)
    fields = {
        ours: table[theirs[ours]].cast("string").strip().fill_null("")
        if ours in theirs
        else ibis.literal(benchmark if ours == "benchmark" else "")
        for ours in _KEYS
    }
    if "chance_level" in theirs:
        fields["chance_level"] = table[theirs["chance_level"]].cast("float64")
    right = table[theirs["correct"]]
    if right.type().is_numeric():
        fields["ok"] = ibis.cases((right == 1, 1), (right == 0, 0))
    else:
        text = right.cast("string").strip().lower()
        one, zero = ["1", "true", "1.0"], ["0", "false", "0.0"]
        fields["ok"] = ibis.cases((text.isin(one), 1), (text.isin(zero), 0))
    rows = table.select(**fields)
    good = rows.filter(*(rows[c] != "" for c in ("benchmark", "model", "language", "item")))
    good = good.filter(good.ok.notnull())  # noqa: PD004
    keys = [*_KEYS, *(["chance_level"] if "chance_level" in rows.columns else [])]
    sums = good.group_by(keys).agg(
        n_correct=good.ok.sum().cast("int64"), n_trials=good.ok.count().cast("int64")
    )
    return sums.select(*COLUMNS, *keys[len(_KEYS) :])
