"""Read a table from a file, whatever state the file is in.

Files come from strangers: every way in which one can fail to be a table ends in an `InputError`
that says what it is instead, within a bounded amount of memory.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from hatlib.data import note_read
from hatlib.data.door import SMALLER, Door, Table, lines_of, read_problem, sniff, split
from hatlib.errors import InputError, Problem, listing

#: A file that grows beyond this when unpacked is refused: as a table it is many times larger.
MAX_BYTES = 1 << 28
#: A table with more rows than this is refused.
MAX_LINES = 1 << 22


@dataclass(frozen=True)
class Place:
    """Where the rows of a frame come from.

    Attributes
    ----------
    file : str
        Name of the file.
    rows : sequence of int
        Number of each row in the file, from 1, without the header.
    table : Table, optional
        The file; without it, rows are counted as lines of a text with a header.
    cells : sequence of str, optional
        Column that each row's accuracy stood in, for a table with one column a language.
    """

    file: str
    rows: Sequence[int] | NDArray[np.int64]
    table: Table | None = None
    cells: Sequence[str] | None = None

    def line(self, row: int) -> int:
        """The line of the file that a row of the frame comes from."""
        number = int(self.rows[row])
        return self._lines[number - 1] if self._lines else number + 1

    @cached_property
    def _lines(self) -> list[int]:
        """The line of each row of the file, looked up when one is first asked for."""
        if self.table is None or not len(self.rows):
            return []
        return list(islice(lines_of(self.table), int(np.max(self.rows))))

    def problems(
        self, bad: pd.Series, what: str, remedy: str, column: str = "", values: Any = None
    ) -> list[Problem]:
        """A problem for each row that is bad, with the value of its cell."""
        rows = np.flatnonzero(bad.fillna(False).to_numpy(bool)).tolist()
        found = [None] * len(rows) if values is None else values.iloc[rows]
        return [
            self.problem(row, what, remedy, column, "" if pd.isna(value) else str(value))
            for row, value in zip(rows, found, strict=True)
        ]

    def problem(
        self, row: int, what: str, remedy: str, column: str = "", value: str = ""
    ) -> Problem:
        """What is wrong with one row."""
        if column == "accuracy" and self.cells is not None:
            column = self.cells[row]
        return Problem(what, remedy, self.file, self.line(row), column, value)


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
        The file's name and the number of each row.

    Raises
    ------
    InputError
        If it is not a file, not UTF-8 text, empty, or not a table.

    Examples
    --------
    >>> from hatlib.data import data_folder
    >>> frame, place = read_table(data_folder() / "languages.csv")
    >>> list(frame.columns), place.line(0)
    (['language', 'name', 'script', 'family'], 2)
    """
    path, found = Path(path), list[tuple[pd.DataFrame, Place]]()
    with tempfile.TemporaryDirectory(prefix="hat-") as folder:
        for part in _parts(path):
            table = sniff(part, part.name, Path(folder), MAX_BYTES)
            too_long = Problem(f"the file has more than {MAX_LINES:,} rows.", SMALLER, part.name)
            unnamed = [n for n, column in enumerate(table.columns, 1) if not column.strip()]
            if unnamed:
                what = f"column {listing(unnamed)} has no name."
                raise InputError(Problem(what, "Name or remove it.", part.name, 1))
            if table.kind == "parquet" and parquet.read_metadata(table.path).num_rows > MAX_LINES:
                raise InputError(too_long)
            outer = [c for c in table.columns if len(split(c, table.columns)) == 1]
            outer = [c for c in outer if not re.fullmatch(r"__index_level_\d+__", c)]
            door = Door(table, Path(folder))
            with door.connection as connection:
                query = door.rows({f"c{k}": name for k, name in enumerate(outer)}, numbered=True)
                try:
                    rows = connection.sql(f"{query} LIMIT {MAX_LINES + 1}").to_arrow_table()
                except duckdb.Error as error:
                    raise InputError(door.rejected() or read_problem(table, error)) from None
                problems = [too_long] if rows.num_rows > MAX_LINES else door.rejected()
            if problems:
                raise InputError(problems)
            texts = {arrow.string(): pd.StringDtype(na_value=np.nan)}
            frame = rows.to_pandas(types_mapper=texts.get)
            numbers = frame.pop("row")
            frame = frame.set_axis([column.strip() for column in outer], axis=1)
            frame = frame.apply(lambda cells: cells.fillna("").str.strip())
            filled = (frame != "").any(axis=1) | (not outer)
            place = Place(part.name, numbers[filled].to_numpy(), table)
            found.append((frame[filled].reset_index(drop=True), place))
    if len(found) == 1:
        return found[0]
    frame = pd.concat([rows for rows, _ in found], ignore_index=True)
    return frame, Place(path.name, range(1, len(frame) + 1))


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
            return list(sniff(_parts(Path(path))[0], "", Path(folder)).columns)
    except InputError:
        return []


def _parts(path: Path) -> list[Path]:
    """The file itself, or the Parquet files of a folder; noted for the runner."""
    parts, why = [path], ("there is no such file.", "")
    try:
        if path.is_dir():  # what Spark writes
            parts = sorted(p for p in path.iterdir() if p.suffix == ".parquet" and p.is_file())
            why = ("this is a folder without Parquet files.", "Name the files in it.")
        elif not path.is_file():
            parts = []
            if path.exists():  # a pipe or a device may never end
                why = ("this is not a regular file.", "Copy it to one.")
    except OSError as error:
        parts, why = [], (f"the file cannot be read: {error.strerror or error}.", "")
    if not parts:
        raise InputError(*why, file=str(path))
    for part in parts:
        note_read(part)
    return parts
