"""Add up raw trials, however many, to item-level responses: out of core, on one machine.

One row a trial (model, language, item, right or not) becomes one row a model, language and item
with its number of right answers and of trials, which is the table that `load_responses` reads.
It is the reader of long tables (`hatlib.logs.long`) with stricter rules and without pairing:
DuckDB reads the files piece by piece and spills to the disk what does not fit into memory.
The page *Large logs and warehouses* has the same for logs in a warehouse, as an Ibis expression.
"""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from hatlib.data.door import stem
from hatlib.data.responses import COLUMNS
from hatlib.data.writing import check_free
from hatlib.logs.answers import place, unlike
from hatlib.logs.common import Imported, Options, check_output
from hatlib.logs.languages import Places
from hatlib.logs.long import Long
from hatlib.logs.reading import Notes, find_files, refusal
from hatlib.words import counted

_KEYS = [c for c in COLUMNS if c not in ("n_correct", "n_trials")]
_COUNTS = ["n_correct", "n_trials"]


class _Trials(Long):
    """Tables with one row a trial, which is right or not."""

    files = "trials"
    ours = frozenset((*_KEYS, "chance_level", "correct", "trial"))
    binary = True
    mend = "Mend them, or leave them out: drop=True, or --drop."


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
) -> Imported:
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
    Imported
        Its frame has `hatlib.data.responses.COLUMNS`, and ``chance_level`` if the trials have it.

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
    notes = Notes()
    with tempfile.TemporaryDirectory(prefix="hat-aggregate-") as folder:
        listed = [file for path in named for file in _fitting(path)]
        reads = (_Trials.wanted, _Trials.beside)
        found = find_files(listed, reads, notes, Path(folder), _Trials.files)
        if target is not None:
            check_free([target], force, [file.path for file in found.files])
        alone = stem(found.files[0].base) if len(found.files) == 1 else ""
        benchmark = benchmark or alone or "your benchmark"
        options = Options(columns=columns or {}, benchmark=benchmark)
        reader = _Trials(options, notes, Places(options, notes))
        reader.drop, reader.memory_limit, reader.threads = drop, memory_limit, threads
        frames = [reader.frame(run) for run in unlike(reader.runs(found), notes)]
    notes.stop()
    rows = pd.concat(frames, ignore_index=True)
    if rows.empty:
        raise refusal("no-trials", dropped=" ".join(notes.dropped))
    rows = place(rows, reader)
    notes.stop()
    rows = rows.assign(n_correct=rows["=correct"] * rows["n"], n_trials=rows["n"])
    keys = [*_KEYS, *(["chance_level"] if rows["chance_level"].any() else [])]
    sums = rows.groupby(keys, as_index=False)[_COUNTS].sum().astype(dict.fromkeys(_COUNTS, int))
    sums = sums[[*COLUMNS, *keys[len(_KEYS) :]]]
    if "chance_level" in sums:
        sums["chance_level"] = pd.to_numeric(sums["chance_level"])
    if (sums["benchmark"] == benchmark).all():
        notes.note("assumed", "benchmark", benchmark=benchmark)
    used = counted(int(sums["n_trials"].sum()), "trial")
    notes.read.append(f"{used} added up to {counted(len(sums), 'row')}.")
    added = Imported(sums, notes, tuple(file.path for file in found.files))
    if target is not None:
        added.write(target, force=force)
    return added


def _fitting(path: str | Path) -> Sequence[str | Path]:
    """The files that a pattern fits; anything else as it is."""
    if not glob.has_magic(str(path)) or Path(path).exists():
        return [path]
    fitting = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (it may be absolute)
    if not fitting:
        raise refusal("pattern", value=str(path))
    return fitting
