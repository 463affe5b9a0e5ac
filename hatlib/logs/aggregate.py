"""Add up raw trials, however many, to answers item by item: out of core, on one machine.

One row a trial (model, language, item, right or not) becomes one row a model, language and item
with its number of right answers and of trials, which is the table that `load_responses` reads.
DuckDB reads the files piece by piece and spills to the disk what does not fit into memory.
`trials_expression` is the same as an Ibis expression, for logs that live in a warehouse.

Files come from strangers. No name from a file or of a file stands in a query unquoted; DuckDB may
open the given files and a scratch folder and nothing else, loads no extension, and its settings
are locked before it reads the first byte.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import gzip
import io
import json
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from hatlib.data import schema
from hatlib.data.responses import COLUMNS, SYNONYMS
from hatlib.data.tables import LoadReport, standard_language
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.reading import find_files, shown
from hatlib.show.output import check_free, csv_text
from hatlib.show.words import counted

if TYPE_CHECKING:
    import duckdb
    import ibis

#: A longer line is refused, which bounds the memory that a line can take.
MAX_LINE = 16 << 20
#: With more different values than this, a column holds no language codes.
MAX_CODES = 10_000
#: Endings of the files that are read from a folder.
SUFFIXES = (
    *(f"{end}{packed}" for end in (".jsonl", ".ndjson", ".csv", ".tsv") for packed in ("", ".gz")),
    ".parquet",
)

_NEEDED = ("model", "language", "item", "correct")
_KEYS = tuple(c for c in COLUMNS if c not in ("n_correct", "n_trials"))
_OURS = (*_KEYS, "chance_level", "correct")
_KNOWN = sorted({*COLUMNS, *SYNONYMS, "correct", "chance_level"})
_START = 1 << 20  # bytes at the start of a file that say what it is
_LINES = 1000  # lines of JSON that say which keys there are
_MOST_BROKEN = 1000  # files that are looked through for what is wrong with each
_SPACE = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace())

_DROP = "Mend them, or leave them out: drop=True, or --drop."
_NO_ROW = "has no model, language and item (an empty row, or a line that is no JSON object)"
_NEITHER = "has a correct that is neither 1 nor 0 (nor true, nor false)"


@dataclass(frozen=True)
class Aggregated:
    """Trials added up to answers item by item.

    Attributes
    ----------
    n_read : int
        Trials in the files.
    n_used : int
        Trials that count; the others are in `left_out`.
    n_rows : int
        Rows of answers that they make.
    left_out : mapping of str to int
        Trials that do not count, by the reason.
    report : LoadReport
        What was read, assumed and left out.
    path : Path or None
        The file that the answers were written to.
    held : DataFrame or None
        The answers, if they were not written to a file.
    """

    n_read: int
    n_used: int
    n_rows: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    report: LoadReport = field(default_factory=LoadReport)
    path: Path | None = None
    held: pd.DataFrame | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """The answers: `hatlib.data.responses.COLUMNS`, and ``chance_level`` if the trials have it.

        They are read from the file each time if they were written to one.
        """
        if self.held is not None:
            return self.held
        if self.path is None:
            raise InputError("The answers were neither kept nor written to a file.")
        if self.path.suffix == ".parquet":
            return pd.read_parquet(self.path)
        text = dict.fromkeys(_KEYS, str)
        return pd.read_csv(self.path, dtype=text, keep_default_na=False)

    def table(self) -> pd.DataFrame:
        """What became of the trials: one row a fate, with their number."""
        rows = [
            ("used", self.n_used),
            *((f"left out: {why}", n) for why, n in self.left_out.items()),
        ]
        return pd.DataFrame([("read", self.n_read), *rows], columns=["trials", "number"])

    def summary(self) -> str:
        """One sentence for a reader."""
        left = self.n_read - self.n_used
        lost = f"; {_many(left, 'trial')} left out" if left else ""
        return (
            f"{_many(self.n_used, 'trial')} added up to "
            f"{_many(self.n_rows, 'row')} of answers{lost}."
        )


def _many(n: int, noun: str) -> str:
    """A number with its noun, and commas.

    Examples
    --------
    >>> _many(1, "row"), _many(12345, "row")
    ('1 row', '12,345 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}" if n else f"no {noun}s"


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
    r"""Add up raw trials to answers item by item, out of core.

    The files have one row a trial with ``model``, ``language``, ``item`` and ``correct`` (1 or 0,
    true or false), and perhaps ``benchmark``, ``prompting``, ``source_language``, ``cluster`` and
    ``chance_level``. Rows that are alike are trials, and are counted. Names are read as
    `load_responses` reads them: without spaces around them, language codes in their standard form.

    Parameters
    ----------
    paths : path or sequence of paths
        JSON lines, CSV (both perhaps packed with gzip) and Parquet files; folders; patterns such
        as ``logs/*.jsonl``. They may be mixed.
    out : path, optional
        Where to write the answers: ``.parquet`` or ``.csv``. If not given, they are in
        `Aggregated.frame`.
    columns : mapping of str to str, optional
        Our name of a column to that in the files, as in ``{"item": "question_id"}``.
    benchmark : str
        Name of the benchmark where the files have no such column. If not given: the name of the
        file, or ``your benchmark`` if there are several files.
    drop : bool
        Whether to leave out the rows that cannot be used, and say so in the report. By default
        they are problems.
    memory_limit : str
        What DuckDB may hold in memory, as in ``"700MB"``; the rest goes to the disk (the folder
        of the environment variable ``TMPDIR``). The process takes some 200 MB more.
    threads : int
        Number of threads. Each holds a table of its own, and with too little memory for them the
        disk makes more threads the slower; if it does not suffice, one thread does the work.
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
        sources, notes = _sources(paths, Path(folder), dict(columns or {}), target)
        for_all = benchmark or (_stem(sources[0].path) if len(sources) == 1 else "your benchmark")
        job = _Job(sources, for_all, Path(folder), memory_limit, threads)
        try:
            return _aggregated(job, notes, drop, target)
        except MemoryError:
            if threads > 1:
                return aggregate_trials(
                    paths,
                    out=out,
                    columns=columns,
                    benchmark=benchmark,
                    drop=drop,
                    memory_limit=memory_limit,
                    force=force,
                )
            what = f"the trials do not fit into {memory_limit} and the disk."
            remedy = "Allow more memory, or point TMPDIR at a larger disk."
            raise InputError(Problem(what, remedy)) from None


# Files ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A file: where it is, how it is read, and which of its columns are ours."""

    path: Path
    staged: Path  # a link with a harmless name
    kind: str  # json, csv or parquet
    packed: bool
    theirs: tuple[tuple[str, str], ...]  # our name, and the column in the file
    types: tuple[tuple[str, str], ...] = ()  # text, number or truth, of a Parquet file
    width: int = 0  # number of columns of a CSV file
    separator: str = ","
    skip: int = 0  # empty lines before the header
    seen: frozenset[str] = frozenset()  # of our names, those that the start of the file has
    unused: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()

    @property
    def layout(self) -> tuple[Any, ...]:
        """Files with the same layout are read together."""
        same = (self.kind, self.packed, self.theirs, self.types)
        return (*same, self.width, self.separator, self.skip)


@dataclass
class _Notes:
    read: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


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
        raise InputError(
            Problem("answers are written as .parquet or .csv.", "Name one.", value=str(out))
        )
    check_free([path], force)
    return path


def _sources(
    paths: str | Path | Sequence[str | Path],
    folder: Path,
    columns: dict[str, str],
    target: Path | None,
) -> tuple[list[_Source], _Notes]:
    """Every file that is named or found, with what its start says of it."""
    named = [paths] if isinstance(paths, str | Path) else list(paths)
    try:
        found = find_files(
            list(_globbed(named)), lambda name: name.lower().endswith(SUFFIXES), "trials"
        )
    except RuntimeError:  # which is how a link to itself shows before Python 3.13
        raise InputError(Problem("a symbolic link leads to itself.", "Remove it.")) from None
    notes = _Notes(dropped=list(found.passed))
    problems: list[Problem] = []
    sources: list[_Source] = []
    seen: dict[tuple[int, int], Path] = {}
    empty = []
    for number, path in enumerate(found.files):
        about = path.stat()
        if (about.st_dev, about.st_ino) in seen:  # a hard link: its trials would count twice
            notes.dropped.append(f"{shown(path)}: the same file under another name.")
            continue
        seen[about.st_dev, about.st_ino] = path
        if target is not None and target.exists() and path.samefile(target):
            problems.append(Problem("the output is also an input.", "Choose another.", shown(path)))
            continue
        start = _start(path, problems)
        if start is None:
            continue
        if not start[0].strip():
            empty.append(path)
            continue
        source = _source(path, folder / f"{number}", *start, columns, problems)
        if source is not None:
            source.staged.symlink_to(path.resolve())
            sources.append(source)
    if empty:
        names = listing(map(shown, empty), 3)
        notes.dropped.append(f"{counted(len(empty), 'empty file')}: {names}.")
    if not sources and not problems:
        problems.append(
            Problem("the file is empty.", "It needs rows.", listing(map(shown, empty), 3))
        )
    if problems:
        raise InputError(problems)
    kinds = {"json": "JSON lines", "csv": "CSV", "parquet": "Parquet"}
    for kind, name in kinds.items():
        number = sum(source.kind == kind for source in sources)
        if number:
            notes.read.append(f"{_many(number, 'file')} of {name}.")
    unused = sorted({name for source in sources for name in source.unused})
    if unused:
        notes.dropped.append(f"Columns that no analysis uses: {listing(map(_plain, unused))}.")
    renamed = sorted({name for source in sources for name in source.renamed})
    if renamed:
        notes.assumed.append(f"Columns read under another name: {listing(map(_plain, renamed))}.")
    return sources, notes


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


def _start(path: Path, problems: list[Problem]) -> tuple[bytes, bool] | None:
    """The first bytes of a file, unpacked, and whether it is packed."""
    name = shown(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(_START)
        packed = start[:2] == b"\x1f\x8b"
        if packed:
            with gzip.open(path) as unpacked:
                start = unpacked.read(_START)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        what = "the gzip file is damaged or cut off."
        problems.append(Problem(what, "Copy it again.", file=name))
        return None
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}."
        problems.append(Problem(what, file=name))
        return None
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        problems.append(Problem("the text is in UTF-16.", "Save it in UTF-8.", file=name))
        return None
    if start[:2] == b"PK":
        what = "this is a spreadsheet or a zip file."
        problems.append(Problem(what, "Save it as CSV, JSON lines or Parquet.", file=name))
        return None
    if start[:4] == b"PAR1" and packed:
        problems.append(Problem("this is Parquet within gzip.", "Unpack it.", file=name))
        return None
    return start, packed


def _source(
    path: Path,
    staged: Path,
    start: bytes,
    packed: bool,
    columns: dict[str, str],
    problems: list[Problem],
) -> _Source | None:
    """How to read a file, from its start; None if it is no table of trials."""
    name = shown(path)
    end = path.name.lower().removesuffix(".gz")
    if start[:4] == b"PAR1" or end.endswith(".parquet"):
        return _parquet(path, staged, columns, problems)
    start = start.removeprefix(b"\xef\xbb\xbf")
    first = next((line for line in start.split(b"\n") if line.strip()), b"").strip()
    if first[:1] == b"[" and end.endswith((".json", ".jsonl", ".ndjson")):
        remedy = "Write one object a line, as `jq -c '.[]'` does."
        problems.append(Problem("this is one JSON array.", remedy, file=name))
        return None
    if b"\0" in start:
        what = "the file has NUL bytes: it is binary or in UTF-16."
        problems.append(Problem(what, "Save it as text in UTF-8.", file=name))
        return None
    if end.endswith((".jsonl", ".ndjson")) or first[:1] == b"{":
        keys = _keys(start)
        theirs = _theirs(keys, columns, name, problems, open_ended=True)
        if theirs is None:
            return None
        return _Source(path, staged, "json", packed, **theirs)
    return _csv(path, staged, start, packed, columns, problems)


def _keys(start: bytes) -> list[str]:
    """The keys of the first objects of JSON lines."""
    keys: dict[str, None] = {}
    for line in islice(start.split(b"\n"), _LINES):
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict):
                keys |= dict.fromkeys(row)
    return [key for key in keys if "\0" not in key and _encodes(key)]


def _encodes(text: str) -> bool:
    """Whether text has no half of a surrogate pair, which JSON allows and UTF-8 does not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv(
    path: Path,
    staged: Path,
    start: bytes,
    packed: bool,
    columns: dict[str, str],
    problems: list[Problem],
) -> _Source | None:
    name = shown(path)
    # The start may end within a letter.
    text = start.decode("utf-8", "ignore" if len(start) == _START else "replace")
    lines = text.split("\n")
    skip = next(n for n, line in enumerate(lines) if line.strip())
    separator = next((s for s in ",;\t" if s in lines[skip]), ",")
    try:
        reader = csv.reader(io.StringIO("\n".join(lines[skip:]), newline=""), delimiter=separator)
        header = [cell.strip() for cell in next(reader)]
    except csv.Error as error:
        problems.append(Problem(f"the first line is no header: {error}.", file=name, row=1))
        return None
    twice = sorted({cell for cell in header if cell and header.count(cell) > 1})
    if twice:
        what = f"column {listing(twice)} stands twice."
        problems.append(Problem(what, "Keep one.", name, skip + 1))
        return None
    theirs = _theirs(header, columns, name, problems)
    if theirs is None:
        return None
    # Columns are known by their place, so that no name of a file enters a query.
    place = {cell: f"c{number}" for number, cell in enumerate(header)}
    theirs["theirs"] = tuple((ours, place[cell]) for ours, cell in theirs["theirs"])
    return _Source(
        path,
        staged,
        "csv",
        packed,
        **theirs,
        width=len(header),
        separator=separator,
        skip=skip,
    )


def _parquet(
    path: Path, staged: Path, columns: dict[str, str], problems: list[Problem]
) -> _Source | None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    name = shown(path)
    try:
        found = parquet.read_schema(path)
    except (arrow.ArrowException, OSError, ValueError):
        what = "the Parquet file is damaged or cut off."
        problems.append(Problem(what, "Copy it again.", file=name))
        return None
    small = [each.lower() for each in found.names]
    if len(set(small)) < len(small):
        twice = sorted({each for each in small if small.count(each) > 1})
        problems.append(Problem(f"column {listing(twice)} stands twice.", "Keep one.", name))
        return None
    theirs = _theirs(found.names, columns, name, problems)
    if theirs is None:
        return None
    types = []
    for ours, column in theirs["theirs"]:
        kind = _kind(found.field(column).type)
        if kind is None:
            what = f"the column holds {found.field(column).type}, no text or number."
            problems.append(Problem(what, "Write it as text.", name, column=column))
        else:
            types.append((ours, kind))
    if len(types) < len(theirs["theirs"]):
        return None
    return _Source(path, staged, "parquet", False, **theirs, types=tuple(types))


def _kind(found: Any) -> str | None:
    """What a column of a Parquet file holds: text, a number, a truth value; None if neither."""
    from pyarrow import types

    if types.is_dictionary(found):
        found = found.value_type
    if types.is_boolean(found):
        return "truth"
    if types.is_integer(found) or types.is_floating(found) or types.is_decimal(found):
        return "number"
    is_text = types.is_string(found) or types.is_large_string(found) or types.is_string_view(found)
    return "text" if is_text or types.is_null(found) or types.is_temporal(found) else None


def _theirs(
    names: Sequence[str],
    columns: dict[str, str],
    file: str,
    problems: list[Problem],
    *,
    open_ended: bool = False,
) -> dict[str, Any] | None:
    """Which column of a file is which of ours; `open_ended` if others may follow further down."""
    chosen = {ours: theirs for ours, theirs in columns.items() if theirs in names}
    found: list[Problem] = []
    absent = [theirs for ours, theirs in columns.items() if ours not in chosen]
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
            found.append(Problem(what, "Keep one, or say which with columns.", file, 1))
        chosen[ours] = alike[0]
    if absent and not open_ended:
        known = f"Columns found: {listing(map(_plain, names), 20)}."
        found += [Problem("there is no such column.", known, file, 1, value=n) for n in absent]
    if open_ended:  # a key may be absent from the first lines
        chosen |= {ours: theirs for ours, theirs in columns.items() if ours not in chosen}
        taken = {theirs.lower() for theirs in chosen.values()}
        chosen |= {o: o for o in _OURS if o not in chosen and o not in taken and o != "benchmark"}
    counts = "n_correct" in by_plain and "correct" not in by_plain and "correct" not in columns
    missing = [c for c in _NEEDED if c not in chosen]
    if open_ended and names:
        missing = [c for c in _NEEDED if chosen.get(c) not in names]
    if counts and missing:
        remedy = "These are counts, already added up: load_responses and `hat score` read them."
        found.append(Problem("there is no column correct.", remedy, file, 1))
    elif missing:
        remedy = (
            "A file of trials needs the columns model, language, item and correct (1 or 0); "
            f"say which they are with columns (--column item=theirs). Columns found: "
            f"{listing(map(_plain, names), 20)}."
        )
        found.append(Problem(f"there is no column {listing(missing)}.", remedy, file, 1))
    small = [theirs.lower() for theirs in chosen.values()]
    if len(set(small)) < len(small) and not found:
        twice = sorted({n for n in small if small.count(n) > 1})
        what = f"column {listing(map(_plain, twice))} is taken for two of ours."
        found.append(Problem(what, "Say which is which with columns.", file, 1))
    problems += found
    if found:
        return None
    return {
        "theirs": tuple(sorted(chosen.items())),
        "seen": frozenset(ours for ours, theirs in chosen.items() if theirs in names),
        "unused": tuple(n for n in names if n not in chosen.values()),
        "renamed": tuple(f"{t} as {o}" for o, t in chosen.items() if o != t and t in names),
    }


def _stem(path: Path) -> str:
    ends = "|".join(re.escape(end) for end in SUFFIXES)
    return re.sub(rf"({ends})$", "", path.name, flags=re.IGNORECASE) or "your benchmark"


def _plain(name: str) -> str:
    """A name from a file for a message: printable, and not too long."""
    text = "".join(c if c.isprintable() else "�" for c in name)
    return text if len(text) <= 40 else f"{text[:39]}…"


# The queries ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """The files and the choices that a connection is made for."""

    sources: list[_Source]
    benchmark: str
    folder: Path
    memory_limit: str
    threads: int

    @contextlib.contextmanager
    def connected(self, *, in_order: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB that may read the files, use the scratch folder, and nothing else."""
        try:
            import duckdb
        except ImportError:
            raise InputError(
                Problem("DuckDB is not installed.", "Install it: pip install duckdb.")
            ) from None
        config: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": self.memory_limit,
            "threads": str(self.threads),
            "temp_directory": str(self.folder / "spilled"),
            "preserve_insertion_order": "true" if in_order else "false",
        }
        try:
            connection = duckdb.connect(":memory:", config=config)
        except duckdb.Error as error:
            what = f"DuckDB refuses its settings: {_first_line(error)}"
            raise InputError(Problem(what, "Write the memory as 700MB.")) from None
        with connection:
            files = ", ".join(_literal(str(source.path.resolve())) for source in self.sources)
            connection.execute(f"SET allowed_paths = [{files}]")
            connection.execute(f"SET allowed_directories = [{_literal(str(self.folder))}]")
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection

    def rows(self, sources: Iterable[_Source], *, with_file: bool = False) -> str:
        """A query for the trials in some files: our columns as text, and `ok`, 1, 0 or NULL."""
        groups: dict[tuple[Any, ...], list[_Source]] = {}
        for source in sources:
            groups.setdefault(source.layout, []).append(source)
        parts = [self._part(group, with_file) for group in groups.values()]
        return "\nUNION ALL\n".join(parts)

    def _part(self, group: list[_Source], with_file: bool) -> str:
        first = group[0]
        theirs, types = dict(first.theirs), dict(first.types)
        fields = []
        for ours in (*_KEYS, "chance_level"):
            if ours in theirs:
                fields.append(f"CAST({_name(theirs[ours])} AS VARCHAR) AS {ours}")
            else:
                other = _literal(self.benchmark) if ours == "benchmark" else "CAST('' AS VARCHAR)"
                fields.append(f"{other} AS {ours}")
        right = _name(theirs["correct"])
        fields.append(f"CAST({right} AS VARCHAR) AS correct" if with_file else "")
        fields.append(f"{_RIGHT[types.get('correct', 'text')].format(right)} AS ok")
        fields.append('"hat file"' if with_file else "")
        chosen = ",\n  ".join(filter(None, fields))
        return f"SELECT\n  {chosen}\nFROM {_scan(group, with_file)}"


# What counts as right, by what the column holds.  The short forms come first, as they are fast.
_RIGHT = {
    "truth": "CAST({0} AS TINYINT)",
    "number": "CASE WHEN {0} = 1 THEN 1::TINYINT WHEN {0} = 0 THEN 0::TINYINT END",
    "text": "CASE WHEN {0} IN ('1', 'true') THEN 1::TINYINT"
    " WHEN {0} IN ('0', 'false') THEN 0::TINYINT"
    " WHEN lower(trim({0})) = 'true' OR TRY_CAST(trim({0}) AS DOUBLE) = 1 AND"
    " NOT regexp_matches({0}, '[a-df-zA-DF-Z_]') THEN 1::TINYINT"
    " WHEN lower(trim({0})) = 'false' OR TRY_CAST(trim({0}) AS DOUBLE) = 0 AND"
    " NOT regexp_matches({0}, '[a-df-zA-DF-Z_]') THEN 0::TINYINT END",
}


def _scan(group: Sequence[_Source], with_file: bool) -> str:
    """The function that reads files of one layout."""
    first = group[0]
    files = ", ".join(_literal(str(source.staged)) for source in group)
    options = ["hive_partitioning = false"]
    if with_file:
        options.append("filename = 'hat file'")
    if first.kind == "parquet":
        return f"read_parquet([{files}], {', '.join(options)})"
    options.append(f"compression = '{'gzip' if first.packed else 'none'}'")
    if first.kind == "json":
        wanted = ", ".join(f"{_literal(theirs)}: 'VARCHAR'" for _, theirs in first.theirs)
        options += [
            "format = 'newline_delimited'",
            f"columns = {{{wanted}}}",
            "ignore_errors = true",  # such a line is a row of NULL, and counted
            f"maximum_object_size = {MAX_LINE}",
        ]
        return f"read_json([{files}], {', '.join(options)})"
    wanted = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(first.width))
    options += [
        "auto_detect = false",
        "header = true",
        f"skip = {first.skip}",
        f"delim = {_literal(first.separator)}",
        "quote = '\"'",
        "escape = '\"'",
        f"columns = {{{wanted}}}",
        "strict_mode = true",
        "null_padding = false",
        f"max_line_size = {MAX_LINE}",
    ]
    return f"read_csv([{files}], {', '.join(options)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _aggregated(job: _Job, notes: _Notes, drop: bool, target: Path | None) -> Aggregated:
    """The answers; MemoryError if there is too little."""
    with job.connected() as connection:
        import duckdb

        try:
            return _answers(connection, job, notes, drop, target)
        except duckdb.OutOfMemoryException:
            raise MemoryError from None
        except duckdb.Error as error:
            raise InputError(_file_problems(connection, job, error)) from None


def _answers(
    connection: duckdb.DuckDBPyConnection,
    job: _Job,
    notes: _Notes,
    drop: bool,
    target: Path | None,
) -> Aggregated:
    keys = _group(connection, job)
    _standardise(connection, job, keys, notes)
    left, merge = _weigh(connection, keys)
    if left and not drop:
        raise InputError(_row_problems(connection, job, keys, left))
    _add_up(connection, job, keys, bool(left), merge)
    n_read = _numbers(connection, "SELECT sum(n) FROM raw")[0]
    n_rows, n_used = _numbers(connection, "SELECT count(*), sum(n_trials) FROM answers")
    if n_rows == 0:
        reasons = _row_problems(connection, job, keys, left)
        raise InputError(reasons or [Problem("there is no row of trials.", "Add some.")])
    by_default = [s for s in job.sources if "benchmark" not in dict(s.theirs)]
    if by_default:
        notes.assumed.append(
            f"benchmark is {_plain(job.benchmark)} where the files have no such column "
            f"({_many(len(by_default), 'file')})."
        )
    notes.read.append(f"{_many(n_used, 'trial')} added up to {_many(n_rows, 'row')}.")
    notes.read += _overview(connection)
    if left:
        found = _row_problems(connection, job, keys, left, "")
        notes.dropped += [str(each) for each in found]
    order = ", ".join(key for key in keys if key != "chance_level")
    frame = _deliver(connection, job, f"SELECT * FROM answers ORDER BY {order}", target)
    report = LoadReport(tuple(notes.read), tuple(notes.assumed), tuple(notes.dropped))
    return Aggregated(n_read, n_used, n_rows, left, report, target, frame)


def _numbers(connection: duckdb.DuckDBPyConnection, query: str) -> list[int]:
    return [int(value or 0) for value in connection.execute(query).fetchone() or ()]


def _group(connection: duckdb.DuckDBPyConnection, job: _Job) -> list[str]:
    """A table of the trials by their names as they stand, and the columns that tell them apart."""
    some = {ours for source in job.sources for ours, _ in source.theirs}
    keys = [c for c in _OURS if c != "correct" and any(c in s.seen for s in job.sources)]
    late = [c for c in _OURS if c != "correct" and c in some and c not in keys]
    while True:
        marks = "".join(f", bool_or({c} <> '') AS late_{c}" for c in late)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE raw AS SELECT {', '.join(keys)}, count(*) AS n, "
            "count(ok) AS n_ok, count(nullif(ok, 0)) AS n_right"
            f"{marks} FROM ({job.rows(job.sources)}) GROUP BY {', '.join(keys)}"
        )
        # A key of JSON lines that the first lines do not have is rare: then once more with it.
        came = [
            c for c in late if _numbers(connection, f"SELECT bool_or(late_{c}) FROM raw") == [1]
        ]
        if not came:
            return keys
        keys = [c for c in _OURS if c in keys or c in came]
        late = [c for c in late if c not in came]


def _standardise(
    connection: duckdb.DuckDBPyConnection, job: _Job, keys: list[str], notes: _Notes
) -> None:
    """A table of the language codes that occur, and a view that says what is wrong with a row."""
    spoken = [c for c in ("language", "source_language") if c in keys]
    distinct = " UNION ".join(f"SELECT DISTINCT {c} FROM raw" for c in spoken)
    found = connection.execute(f"{distinct} LIMIT {MAX_CODES + 1}").fetchall()
    if len(found) > MAX_CODES:
        what = f"there are more than {MAX_CODES:,} different languages."
        raise InputError(Problem(what, "Does the column hold codes such as en?", column="language"))
    codes = sorted(code for (code,) in found if code is not None)
    standard = [standard_language(code.strip()) for code in codes]
    valid = [schema.is_language(code) for code in standard]
    changed = [
        f"{_plain(a)} as {b}"
        for a, b, is_code in zip(codes, standard, valid, strict=True)
        if a != b and is_code
    ]
    if changed:
        notes.assumed.append(f"Language codes read in their standard form: {listing(changed)}.")
    connection.execute("CREATE TEMP TABLE codes (raw VARCHAR, code VARCHAR, valid BOOLEAN)")
    connection.execute(
        "INSERT INTO codes SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]), "
        "unnest($3::BOOLEAN[])",
        [codes, standard, valid],
    )
    clean = {c: _trimmed(c) for c in keys}
    clean |= {c: f"coalesce({c}_code.code, '')" for c in spoken}
    valid_too = "".join(f", coalesce({c}_code.valid, true) AS valid_{c}" for c in spoken)
    joins = " ".join(f"LEFT JOIN codes AS {c}_code ON raw.{c} = {c}_code.raw" for c in spoken)
    fields = ", ".join(f"{how} AS clean_{c}" for c, how in clean.items())
    chance = "TRY_CAST(clean_chance_level AS DOUBLE)"
    reasons = [
        ("item", "clean_model = '' AND clean_language = '' AND clean_item = ''", _NO_ROW),
        *((c, f"clean_{c} = ''", f"has no {c}") for c in ("benchmark", *_NEEDED[:3])),
        *((c, f"NOT valid_{c}", f"has a {c} that is not a language code") for c in spoken),
        *((c, f"contains(clean_{c}, chr(0))", f"has a {c} with a NUL") for c in _KEYS),
        (
            "chance_level",
            f"clean_chance_level <> '' AND NOT coalesce({chance} >= 0 AND {chance} < 1, false)",
            "has a chance_level that is not a share from 0 to below 1",
        ),
    ]
    cases = " ".join(f"WHEN {test} THEN {_literal(w)}" for c, test, w in reasons if c in keys)
    connection.execute(
        f"""CREATE TEMP VIEW checked AS
        SELECT *, CASE {cases} END AS reason FROM (
          SELECT raw.*, {fields}{valid_too} FROM raw {joins}
        )"""
    )


def _trimmed(column: str) -> str:
    """Text without white space around it, as `str.strip` gives it."""
    # The function is slow, and few names need it: white space is at most U+3000.
    ends = " AND ".join(
        f"(ord({end}) BETWEEN 33 AND 126 OR ord({end}) > 12288)"
        for end in (f"raw.{column}", f"right(raw.{column}, 1)")
    )
    return (
        f"CASE WHEN raw.{column} IS NULL OR raw.{column} = '' THEN '' WHEN {ends} "
        f"THEN raw.{column} ELSE trim(raw.{column}, '{_SPACE}') END"
    )


def _weigh(connection: duckdb.DuckDBPyConnection, keys: list[str]) -> tuple[dict[str, int], bool]:
    """Rows that cannot be used, by the reason; and whether names coincide once they are clean."""
    changed = " OR ".join(f"coalesce({c}, '') <> clean_{c}" for c in keys)
    missing = "".join(f", bool_or({c} IS NULL), bool_or({c} = '')" for c in keys)
    rows = connection.execute(
        f"SELECT reason, sum(n), sum(n - n_ok), bool_or({changed}){missing} "
        "FROM checked GROUP BY reason"
    ).fetchall()
    left = {why: int(n) for why, n, *_ in rows if why is not None}
    usable = [row for row in rows if row[0] is None]
    neither = sum(int(row[2]) for row in usable)
    if neither:
        left[_NEITHER] = neither
    merge = "chance_level" in keys
    for _, _, _, is_changed, *flags in usable:  # a name may be NULL here and empty there
        merge |= is_changed or any(map(all, zip(flags[::2], flags[1::2], strict=True)))
    return dict(sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))), merge


def _add_up(
    connection: duckdb.DuckDBPyConnection, job: _Job, keys: list[str], some_left: bool, merge: bool
) -> None:
    """The answers: a view of the grouped trials, or a table where names have coincided."""
    constant = {c: _literal(job.benchmark if c == "benchmark" else "") for c in _KEYS}
    columns = [
        c if c in (*keys, "n_correct", "n_trials") else f"{constant[c]} AS {c}" for c in COLUMNS
    ]
    columns += ["chance_level"] if "chance_level" in keys else []
    chosen = ", ".join(columns)
    if not merge:
        names = ", ".join(f"coalesce({c}, '') AS {c}" for c in keys)
        where = "FROM checked WHERE reason IS NULL AND n_ok > 0" if some_left else "FROM raw"
        connection.execute(
            f"CREATE TEMP VIEW answers AS SELECT {chosen} FROM "
            f"(SELECT {names}, n_right AS n_correct, n_ok AS n_trials {where})"
        )
        return
    names = ", ".join(
        f"TRY_CAST(clean_{c} AS DOUBLE) AS {c}" if c == "chance_level" else f"clean_{c} AS {c}"
        for c in keys
    )
    connection.execute(
        f"CREATE TEMP TABLE answers AS SELECT {chosen} FROM (SELECT {names}, "
        "CAST(sum(n_right) AS BIGINT) AS n_correct, CAST(sum(n_ok) AS BIGINT) AS n_trials "
        "FROM checked WHERE reason IS NULL AND n_ok > 0 GROUP BY ALL)"
    )


def _overview(connection: duckdb.DuckDBPyConnection, most: int = 10) -> list[str]:
    """One sentence a benchmark."""
    # Counting distinct values within a group does not go to the disk; grouping twice does.
    counts = {
        column: dict(
            connection.execute(
                f"SELECT benchmark, count(*) FROM (SELECT benchmark, {column} FROM answers "
                "GROUP BY ALL) GROUP BY benchmark ORDER BY benchmark"
            ).fetchall()
        )
        for column in ("model", "item", "language", "prompting")
    }
    lines = [
        f"{_plain(name)}: {listing(_many(n[name], column) for column, n in counts.items())}."
        for name in islice(counts["model"], most)
    ]
    more = len(counts["model"]) - most
    return lines + ([f"… and {more} more benchmarks."] if more > 0 else [])


def _deliver(
    connection: duckdb.DuckDBPyConnection, job: _Job, query: str, target: Path | None
) -> pd.DataFrame | None:
    """The answers as a table, or written to a file that is complete as soon as it is there."""
    if target is None:
        frame: pd.DataFrame = connection.execute(query).df()
        return frame.astype(dict.fromkeys(_KEYS, str))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        if target.suffix == ".parquet":
            written = job.folder / "answers.parquet"
            connection.execute(
                f"COPY ({query}) TO {_literal(str(written))} (FORMAT parquet, COMPRESSION zstd)"
            )
            shutil.copyfile(written, part)
        else:
            frame = connection.execute(query).df()
            part.write_text(csv_text(frame) + "\n", encoding="utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return None


# What is wrong, and where ---------------------------------------------------------------------


def _row_problems(
    connection: duckdb.DuckDBPyConnection,
    job: _Job,
    keys: list[str],
    left: Mapping[str, int],
    remedy: str = _DROP,
) -> list[Problem]:
    """One problem a reason: how many rows, and where the first that was found stands."""
    import duckdb

    problems = []
    for why, n in left.items():
        test = "reason IS NULL AND n_ok < n" if why == _NEITHER else f"reason = {_literal(why)}"
        row = connection.execute(f"SELECT {', '.join(keys)} FROM checked WHERE {test} LIMIT 1")
        example = row.fetchone()
        place: tuple[str, int | None, str] = ("", None, "")
        with contextlib.suppress(duckdb.Error):
            place = _place(job, keys, example or (), "ok IS NULL" if why == _NEITHER else "true")
        file, line, correct = place
        column = next((c for c in (*keys, "correct") if f" {c}" in why and why != _NO_ROW), "")
        value = (
            correct if why == _NEITHER else dict(zip(keys, example or (), strict=False)).get(column)
        )
        what = f"{_many(n, 'row')} {why if n == 1 else _plural(why)}; this is one."
        problems.append(Problem(what, remedy, file, line, column, value or ""))
    return problems


def _plural(why: str) -> str:
    return re.sub(r"^has ", "have ", why)


def _place(
    job: _Job, keys: Sequence[str], example: Sequence[Any], test: str
) -> tuple[str, int | None, str]:
    """The file and line of a row that has the raw keys of an example, and its `correct`."""
    same = " AND ".join(f"{key} IS NOT DISTINCT FROM ${n + 1}" for n, key in enumerate(keys))
    where = f"WHERE {same} AND {test} LIMIT 1"
    with job.connected(in_order=True) as connection:
        rows = job.rows(job.sources, with_file=True)
        query = f'SELECT "hat file", correct FROM ({rows}) {where}'
        found = connection.execute(query, list(example)).fetchone()
        if found is None:
            return "", None, ""
        source = next(s for s in job.sources if str(s.staged) == found[0])
        one = job.rows([source], with_file=True)
        query = (
            f"SELECT number, correct FROM (SELECT row_number() OVER () AS number, * FROM ({one})) "
            f"{where}"
        )
        row = connection.execute(query, list(example)).fetchone()
    if row is None:
        return shown(source.path), None, found[1] or ""
    return shown(source.path), _line(source, int(row[0])), row[1] or ""


def _line(source: _Source, number: int) -> int | None:
    """The line of the n-th row of a file; those of a Parquet file count from 2, as elsewhere."""
    if source.kind == "parquet":
        return number + 1
    with contextlib.suppress(OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError):
        opened: Any = gzip.open if source.packed else open
        with opened(source.path, "rb") as stream:
            if source.kind == "json":
                return _nth(stream, number)
            text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
            reader = csv.reader(text, delimiter=source.separator)
            start = 1
            for row in reader:
                if row:
                    number -= 1
                    if number < 0:
                        return start
                start = reader.line_num + 1
    return None


def _nth(stream: IO[bytes], number: int) -> int | None:
    """The line of the n-th line that is not empty."""
    line = 0
    while block := stream.readline(MAX_LINE):
        line += 1
        number -= bool(block.strip())
        if number == 0:
            return line
    return None


def _file_problems(
    connection: duckdb.DuckDBPyConnection, job: _Job, error: Exception
) -> list[Problem]:
    """What is wrong with each file that cannot be read to its end."""
    import duckdb

    problems = []
    for source in job.sources[:_MOST_BROKEN]:
        try:
            rows = job.rows([source])
            largest = ", ".join(f"max({c})" for c in (*_KEYS, "chance_level", "ok"))
            connection.execute(f"SELECT {largest} FROM ({rows})")
        except duckdb.Error as found:
            problems.append(_file_problem(source, str(found)))
    return problems or [Problem(f"the trials cannot be added up: {_first_line(error)}")]


def _file_problem(source: _Source, message: str) -> Problem:
    file = shown(source.path)
    if "gzip" in message.lower():
        return Problem("the gzip file is damaged or cut off.", "Copy it again.", file)
    if source.kind == "parquet":
        return Problem("the Parquet file is damaged or cut off.", "Copy it again.", file)
    long = f"a line is longer than {MAX_LINE >> 20} MiB."
    if "maximum_object_size" in message:
        return Problem(long, "This is no log of trials.", file)
    at = re.search(r"CSV Error on Line: (\d+)", message)
    line = int(at[1]) + source.skip if at else None
    width = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if width:
        what = f"the line has {width[2]} fields where the header has {width[1]}."
        return Problem(what, "Quote a text that holds the separator.", file, line)
    for sign, what in (
        ("unterminated quote", "a quote does not end where the field does."),
        ("not utf-8", "the text is not in UTF-8."),
        ("aximum line size", long),
    ):
        if sign in message:
            return Problem(what, "Save it as CSV in UTF-8.", file, line)
    return Problem("the file cannot be read as a table.", "Save it as CSV in UTF-8.", file, line)


def _first_line(error: Exception) -> str:
    return _plain(str(error).strip().split("\n")[0][:200])


# The same in a warehouse ----------------------------------------------------------------------


def trials_expression(
    table: ibis.Table, columns: Mapping[str, str] | None = None, *, benchmark: str = "trials"
) -> ibis.Table:
    """The aggregation as an Ibis expression, which runs where the logs are.

    It counts the rows that can be used; `trials_left_out` says how many cannot. Language codes
    stay as they stand, but for spaces around them.

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
    rows = _typed(table, columns, benchmark)
    good = rows.filter(*(rows[c] != "" for c in ("benchmark", "model", "language", "item")))
    good = good.filter(good.ok.notnull())  # noqa: PD004
    keys = [*_KEYS, *(["chance_level"] if "chance_level" in rows.columns else [])]
    sums = good.group_by(keys).agg(
        n_correct=good.ok.sum().cast("int64"), n_trials=good.ok.count().cast("int64")
    )
    return sums.select(*COLUMNS, *keys[len(_KEYS) :])


def trials_left_out(
    table: ibis.Table, columns: Mapping[str, str] | None = None, *, benchmark: str = "trials"
) -> ibis.Table:
    """How many trials `trials_expression` cannot use, as an Ibis expression of one row.

    Parameters are those of `trials_expression`.

    Returns
    -------
    ibis.Table
        Columns ``n_read``, ``n_used``, ``no_benchmark``, ``no_model``, ``no_language``,
        ``no_item`` and ``not_0_or_1``. A row may lack more than one thing.

    Examples
    --------
    >>> import ibis
    >>> trials = ibis.memtable({"model": ["m", ""], "language": ["en"] * 2, "item": [1, 1],
    ...                         "correct": ["1", "yes"]})
    >>> trials_left_out(trials).to_pandas().loc[0, ["n_read", "n_used", "no_model"]].tolist()
    [2, 1, 1]
    """
    rows = _typed(table, columns, benchmark)
    needed = ("benchmark", "model", "language", "item")
    used = rows.ok.notnull()  # noqa: PD004
    for column in needed:
        used &= rows[column] != ""
    return rows.agg(
        n_read=rows.count(),
        n_used=used.sum().cast("int64"),
        **{f"no_{column}": (rows[column] == "").sum().cast("int64") for column in needed},
        not_0_or_1=rows.ok.isnull().sum().cast("int64"),  # noqa: PD003
    )


def _typed(table: ibis.Table, columns: Mapping[str, str] | None, benchmark: str) -> ibis.Table:
    """Our columns as text without spaces around it, and `ok`: 1, 0 or NULL."""
    import ibis

    _check_options(columns)
    problems: list[Problem] = []
    found = _theirs(table.columns, dict(columns or {}), "the table", problems)
    if found is None:
        raise InputError(problems)
    theirs = dict(found["theirs"])
    fields = {}
    for ours in _KEYS:
        if ours in theirs:
            fields[ours] = table[theirs[ours]].cast("string").strip().fill_null("")
        else:
            fields[ours] = ibis.literal(benchmark if ours == "benchmark" else "")
    if "chance_level" in theirs:
        fields["chance_level"] = table[theirs["chance_level"]].cast("float64")
    right = table[theirs["correct"]]
    if right.type().is_boolean():
        fields["ok"] = right.cast("int8")
    elif right.type().is_numeric():
        fields["ok"] = ibis.cases((right == 1, 1), (right == 0, 0))
    else:
        text = right.cast("string").strip().lower()
        one, zero = ["1", "true", "1.0"], ["0", "false", "0.0"]
        fields["ok"] = ibis.cases((text.isin(one), 1), (text.isin(zero), 0))
    return table.select(**fields)
