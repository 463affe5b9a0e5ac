"""Read a table from a file, whatever state the file is in.

Files come from strangers: every way in which one can fail to be a table ends in an `InputError`
that says what it is instead, within a bounded amount of memory.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from hatlib.data import note_read
from hatlib.data.door import Door, Table, read_problem, sniff
from hatlib.data.schema import Place
from hatlib.errors import InputError, Problem, listing

#: A file that grows beyond this when unpacked is refused: as a table it is many times larger.
MAX_BYTES = 1 << 28
#: A table with more rows than this is refused.
MAX_LINES = 1 << 22

SMALLER = "Aggregate it to one row a model, language and item (hat aggregate), or split it."
"""What to do about a file that is too large to be read into memory."""

_PARTS = "*.parquet"  # a folder of these is what Spark writes
_BLOCK = 1 << 20
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}


def read_table(path: str | Path) -> tuple[pd.DataFrame, Place]:
    """Read a CSV, TSV, JSON (lines or array) or Parquet file as text, with the line of each row.

    The file may be packed with gzip or Zstandard, and may be a spreadsheet (with the package
    python-calamine) or a folder of Parquet files.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    frame : DataFrame
        Every cell is a stripped `str`; a missing cell is the empty string. Rows without any text
        are left out.
    place : Place
        The file's name and the line of each row.

    Raises
    ------
    InputError
        If it is not a file, not UTF-8 text, empty, or not a table.

    Examples
    --------
    >>> from hatlib.data import data_folder
    >>> frame, place = read_table(data_folder() / "languages.csv")
    >>> list(frame.columns), place.lines[0]
    (['language', 'name', 'script', 'family'], 2)
    """
    path = Path(path)
    parts = _parts(path)
    with tempfile.TemporaryDirectory(prefix="hat-") as folder:
        tables = [_opened(part, Path(folder)) for part in parts]
        with Door(tables, Path(folder)) as door:
            found = [_rows(door, table) for table in tables]
        frame = pd.concat([rows for rows, _ in found], ignore_index=True)
        if len(found) > 1:
            return frame, Place(path.name, range(2, len(frame) + 2))
        table, (_, numbers) = tables[0], found[0]
    return frame, Place(path.name, Lines(table, path, numbers))


def columns_of(path: str | Path) -> list[str]:
    """The names of the columns of a table, without its rows; none if it is not a table.

    Examples
    --------
    >>> from hatlib.data import data_folder
    >>> columns_of(data_folder() / "languages.csv")[0]
    'language'
    """
    try:
        with tempfile.TemporaryDirectory(prefix="hat-") as folder:
            table = sniff(_parts(Path(path))[0], "", [], Path(folder))
        return list(table.columns) if table else []
    except InputError:
        return []


class Lines(Sequence[int]):
    """The line of the file that each row comes from, looked up when it is first asked for."""

    def __init__(self, table: Table, path: Path, numbers: np.ndarray) -> None:
        self._table, self._path, self._numbers = table, path, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, row: Any) -> Any:
        number = int(self._numbers[row])
        return self._starts[number] if number < len(self._starts) else number + 1

    @cached_property
    def _starts(self) -> Sequence[int]:
        """The first line of each row of a text, counted from 0; the header comes before them."""
        if self._table.kind not in ("csv", "lines"):
            first = 0 if self._table.kind == "array" else 1  # an array has elements, not lines
            return range(first, len(self) + first + 1)
        with _unpacked(self._path, self._table.packing) as stream:
            text = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
            if self._table.kind == "lines":
                return [0, *(n for n, line in enumerate(text, 1) if line.strip())]
            starts, start = [], 1
            reader = csv.reader(text, delimiter=self._table.separator)
            for cells in reader:
                if cells:
                    starts.append(start)
                start = reader.line_num + 1
            return starts


def _parts(path: Path) -> list[Path]:
    """The file itself, or the Parquet files of a folder; noted for the runner."""
    if path.is_dir():
        parts = sorted(p for p in path.glob(_PARTS) if p.is_file())
        if not parts:
            what = "this is a folder without Parquet files."
            raise InputError(Problem(what, "Name the files in it.", str(path)))
    elif path.exists() and not path.is_file():
        # A pipe or a device may never end.
        raise InputError(Problem("this is not a regular file.", "Copy it to one.", str(path)))
    elif not path.is_file():
        raise InputError(Problem("there is no such file.", file=str(path)))
    else:
        parts = [path]
    for part in parts:
        note_read(part)
    return parts


def _opened(path: Path, folder: Path) -> Table:
    """A file that is a table of a bearable size."""
    problems: list[Problem] = []
    with path.open("rb") as stream:
        packing = _PACKED.get(stream.read(4)[:2], "none")
    size = path.stat().st_size
    if packing != "none":
        try:
            with _unpacked(path, packing) as stream:
                size = sum(len(block) for block in _blocks(stream))
        except (EOFError, OSError, zlib.error):
            kind = "gzip" if packing == "gzip" else "Zstandard"
            what = f"the {kind} file is damaged or cut off."
            raise InputError(Problem(what, "Copy it again.", path.name)) from None
    if size > MAX_BYTES:
        most = f"{MAX_BYTES / _BLOCK:,.0f} MiB"
        raise InputError(Problem(f"the file holds more than {most}.", SMALLER, path.name))
    table = sniff(path, path.name, problems, folder)
    if table is None:
        raise InputError(problems)
    unnamed = [number for number, name in enumerate(table.columns, 1) if not name.strip()]
    if unnamed:
        what = f"column {listing(unnamed)} has no name."
        raise InputError(Problem(what, "Name or remove it.", path.name, 1))
    return table


def _unpacked(path: Path, packing: str) -> IO[bytes]:
    if packing == "zstd":
        return arrow.CompressedInputStream(arrow.OSFile(str(path)), "zstd")
    return gzip.open(path) if packing == "gzip" else path.open("rb")  # type: ignore[return-value]


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The content piece by piece, and no more of it than shows that it is too large."""
    left = MAX_BYTES + 1
    while left > 0 and (block := stream.read(_BLOCK)):
        left -= len(block)
        yield block


def _rows(door: Door, table: Table) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of a table as text, and the number of each in the file, counted from 1."""
    if table.kind == "parquet":
        n_rows = parquet.read_metadata(table.path).num_rows
        if n_rows > MAX_LINES:
            raise InputError(Problem(f"the file has {n_rows:,} rows.", SMALLER, table.name))
    outer = [c for c in table.columns if not _is_within(c, table.columns)]
    outer = [c for c in outer if not re.fullmatch(r"__index_level_\d+__", c)]
    query = door.rows(table, {f"c{k}": name for k, name in enumerate(outer)}, numbered=True)
    try:
        found = door.connection.sql(f"{query} LIMIT {MAX_LINES + 1}").to_arrow_table()
    except duckdb.Error as error:
        raise InputError(
            door.rejected({table.path: table.name}) or read_problem(table, error)
        ) from None
    problems = door.rejected({table.path: table.name})
    if found.num_rows > MAX_LINES:
        problems = [Problem(f"the file has more than {MAX_LINES:,} rows.", SMALLER, table.name)]
    if problems:
        raise InputError(problems)
    text = pd.StringDtype(na_value=np.nan)
    frame = found.to_pandas(types_mapper={arrow.string(): text}.get)
    numbers = frame.pop("row").to_numpy()
    frame = frame.set_axis([name.strip() for name in outer], axis=1)
    frame = frame.apply(lambda cells: cells.fillna("").str.strip())
    if len(outer):
        filled = (frame != "").any(axis=1).to_numpy()
        if not filled.all():
            frame, numbers = frame[filled].reset_index(drop=True), numbers[filled]
    return frame, numbers


def _is_within(name: str, names: Sequence[str]) -> bool:
    """Whether a dotted name is a field of another column."""
    return any(name.startswith(f"{other}.") for other in names if other != name)
