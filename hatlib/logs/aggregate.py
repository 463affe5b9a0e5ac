"""Add up raw trials, however many, to item-level responses: out of core, on one machine.

One row a trial (model, language, item, right or not) becomes one row a model, language and item
with its number of right answers and of trials, which is the table that `load_responses` reads.
It is the reader of long tables (`hatlib.logs.long`) with stricter rules and without pairing:
DuckDB reads the files piece by piece and spills to the disk what does not fit into memory.
`trials_expression` is the same as an Ibis expression, for logs in a warehouse.
"""

from __future__ import annotations

import glob
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from hatlib.data.door import Table, stem
from hatlib.data.responses import COLUMNS
from hatlib.data.tables import LoadReport
from hatlib.data.writing import check_free
from hatlib.errors import InputError, listing
from hatlib.logs.answers import Run, place, unlike
from hatlib.logs.common import Options, check_output, write_frame
from hatlib.logs.fields import score_of
from hatlib.logs.languages import Places
from hatlib.logs.long import SYNONYMS, Long
from hatlib.logs.reading import Notes, find_files

if TYPE_CHECKING:
    import ibis

_KEYS = [c for c in COLUMNS if c not in ("n_correct", "n_trials")]
_COUNTS = ["n_correct", "n_trials"]


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
    frame : DataFrame
        `hatlib.data.responses.COLUMNS`, and ``chance_level`` if the trials have it.
    left_out : mapping of str to int
        Trials that do not count, by the reason.
    report : LoadReport
        What was read, assumed and left out.
    path : Path or None
        The file that the responses were written to.
    """

    n_read: int
    n_used: int
    n_rows: int
    frame: pd.DataFrame
    left_out: Mapping[str, int] = field(default_factory=dict)
    report: LoadReport = field(default_factory=LoadReport)
    path: Path | None = None


class _Trials(Long):
    """Tables with one row a trial, which is right or not."""

    files = "trials"
    ours = frozenset((*_KEYS, "chance_level", "correct", "trial"))
    no_score = "a correct that is neither 1 nor 0"
    mend = "Mend them, or leave them out: drop=True, or --drop."
    benchmark = ""

    def _known(self, run: Run, by_task: bool) -> dict[str, str]:
        return super()._known(run, by_task) | {"benchmark": self.benchmark}

    @staticmethod
    def score(value: object) -> float:
        """1 or 0 as a number or truth value; words are none."""
        text = str(value).strip().lower()
        return score_of(text) if text in ("true", "false") or not text.isalpha() else math.inf

    def _bad_score(self, values: pd.Series) -> pd.Series:
        return ~values.isin([0.0, 1.0])

    def _counted(self, rows: pd.DataFrame, run: Run, table: Table) -> pd.DataFrame:
        if "chance_level" in rows:
            given = rows["chance_level"].fillna("") != ""
            bad = given & ~pd.to_numeric(rows["chance_level"], errors="coerce").between(
                0, 1, "left"
            )
            what = "a chance_level that is not a share from 0 to below 1"
            rows = self._without(rows, bad, what, table, column="chance_level")
        return super()._counted(rows, run, table)


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
    target = None if out is None else Path(out)
    if target is not None:
        check_output(target, force)
    named = [paths] if isinstance(paths, str | Path) else paths
    notes, options = Notes(), Options(columns=columns or {})
    reader = _Trials(options, notes, Places(options, notes))
    reader.drop, reader.memory_limit, reader.threads = drop, memory_limit, threads
    with tempfile.TemporaryDirectory(prefix="hat-aggregate-") as folder:
        listed = [file for path in named for file in _fitting(path)]
        found = find_files(listed, reader.wanted, notes, Path(folder), what=reader.files)
        if target is not None:
            check_free([target], force, [file.path for file in found.files])
        alone = stem(found.files[0].base) if len(found.files) == 1 else ""
        reader.benchmark = benchmark or alone or "your benchmark"
        frames = [
            frame for run in unlike(reader.runs(found), notes) if len(frame := reader.frame(run))
        ]
    notes.stop()
    if not frames:
        raise InputError("there is no row of trials.", " ".join(notes.dropped))
    rows = place(pd.concat(frames, ignore_index=True), reader)
    reader.places.settle()
    notes.stop()
    keys = [*_KEYS, *(["chance_level"] if rows["chance_level"].any() else [])]
    rows = rows.assign(n_correct=rows["=correct"] * rows["n"], n_trials=rows["n"])
    sums = rows.groupby(keys, as_index=False)[_COUNTS].sum()
    sums = sums.astype(dict.fromkeys(_COUNTS, "int64"))[[*COLUMNS, *keys[len(_KEYS) :]]]
    if "chance_level" in sums:
        sums["chance_level"] = pd.to_numeric(sums["chance_level"])
    if (sums["benchmark"] == reader.benchmark).all():
        notes.assumed.append(f"benchmark is {reader.benchmark} where there is no such column.")
    n_used = int(sums["n_trials"].sum())
    read = (*notes.read, f"{n_used:,} trials added up to {len(sums):,} rows.")
    assumed = (*dict.fromkeys(notes.chosen), *notes.assumed)
    report = LoadReport(read, assumed, tuple(notes.dropped))
    if target is not None:
        write_frame(sums, target)
    return Aggregated(reader.n_read, n_used, len(sums), sums, reader.left_out, report, target)


def _fitting(path: str | Path) -> Sequence[str | Path]:
    """The files that a pattern fits; anything else as it is."""
    if not glob.has_magic(str(path)) or Path(path).exists():
        return [path]
    fitting = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (it may be absolute)
    if not fitting:
        raise InputError("no file fits this pattern.", "Check it.", value=str(path))
    return fitting


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

    plain = {name.strip().lower().replace(" ", "_"): name for name in table.columns}
    theirs = {
        ours: next((plain[name] for name in SYNONYMS[ours] if name in plain), "")
        for ours in (*_KEYS, "chance_level", "correct")
    } | dict(columns or {})
    needed = ("model", "language", "item", "correct")
    missing = [ours for ours in needed if theirs[ours] not in table.columns]
    if missing:
        known = f"Columns found: {listing(table.columns, 20)}."
        raise InputError(f"there is no column {listing(missing)}.", known)
    fields = {
        ours: table[theirs[ours]].cast("string").strip().fill_null("")
        if theirs[ours]
        else ibis.literal(benchmark if ours == "benchmark" else "")
        for ours in _KEYS
    }
    if theirs["chance_level"]:
        fields["chance_level"] = table[theirs["chance_level"]].cast("float64")
    right = table[theirs["correct"]]
    text = right.cast("string").strip().lower()
    is_one, is_zero = text.isin(["1", "true", "1.0"]), text.isin(["0", "false", "0.0"])
    if right.type().is_numeric():
        is_one, is_zero = right == 1, right == 0
    rows = table.select(**fields, ok=ibis.cases((is_one, 1), (is_zero, 0)))
    good = rows.filter(*(rows[c] != "" for c in ("benchmark", "model", "language", "item")))
    good = good.filter(good.ok.notnull())  # noqa: PD004
    sums = good.group_by(list(fields)).agg(
        n_correct=good.ok.sum().cast("int64"), n_trials=good.ok.count().cast("int64")
    )
    return sums.select(*COLUMNS, *list(fields)[len(_KEYS) :])
