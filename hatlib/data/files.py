"""Read a table from a file, whatever state the file is in.

Files come from strangers: every way in which one can fail to be a table ends in an `InputError`
that says what it is instead, within a bounded amount of memory.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zlib
from collections.abc import Hashable, Iterable
from pathlib import Path

import pandas as pd

from hatlib.data.schema import Place
from hatlib.errors import InputError, Problem, listing

#: A file that grows beyond this when unpacked is refused: as a table it is many times larger.
MAX_BYTES = 1 << 28
#: A text with more rows than this is refused.
MAX_LINES = 1 << 22
#: A Parquet file with more rows than this is refused: a few bytes can stand for any number of them.
MAX_ROWS = 1 << 25

SMALLER = "Aggregate it to one row a model, language and item, or split it."
"""What to do about a file that is too large to be read into memory."""


def read_table(path: str | Path) -> tuple[pd.DataFrame, Place]:
    """Read a CSV, CSV.gz or Parquet file as text, with the line number of each row.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    frame : DataFrame
        Every cell is a stripped `str`; a missing cell is the empty string.
    place : Place
        The file's name and the line of each row.

    Raises
    ------
    InputError
        If it is not a file, not UTF-8 text, empty, or not a table.

    Examples
    --------
    >>> import hatlib.data.tables
    >>> frame, place = read_table(hatlib.data.tables.data_folder() / "languages.csv")
    >>> list(frame.columns), place.lines[0]
    (['language', 'name', 'script', 'family'], 2)
    """
    frame, place = read_typed(path)
    return _with_text(
        frame, [c for c in frame if not isinstance(frame[c].dtype, pd.StringDtype)]
    ), place


def read_typed(path: str | Path) -> tuple[pd.DataFrame, Place]:
    """Read a table as `read_table` does, but leave the numbers of a Parquet file numbers.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    frame : DataFrame
        Text is stripped, and empty where it is missing; a column of numbers or truth values in a
        Parquet file keeps its type, with ``NA`` where it is missing.
    place : Place
        The file's name and the line of each row.

    Raises
    ------
    InputError
        If it is not a file, not UTF-8 text, empty, or not a table.

    Examples
    --------
    >>> import hatlib.data.tables
    >>> frame, _ = read_typed(hatlib.data.tables.data_folder() / "items/copa-south-slavic.parquet")
    >>> int(frame["n_trials"].max())
    1
    """
    path = Path(path)
    content = _bytes(path)
    if path.suffix == ".parquet" or content[:4] == b"PAR1":
        frame = _read_parquet(content, path)
        return frame, Place(path.name, range(2, len(frame) + 2))
    return _read_csv(_decoded(content, path), path)


def columns_of(path: str | Path) -> list[str]:
    """The names of the columns of a table, without its rows; none if it is not a table.

    Examples
    --------
    >>> import hatlib.data.tables
    >>> columns_of(hatlib.data.tables.data_folder() / "languages.csv")[0]
    'language'
    """
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = Path(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
        if path.suffix == ".parquet" or start == b"PAR1":
            return [str(name) for name in parquet.read_schema(path).names]
        opened = gzip.open if start[:2] == b"\x1f\x8b" else open
        with opened(path, "rb") as stream:
            lines = stream.read(1 << 16).decode("utf-8-sig", "replace").splitlines()
        return list(map(str, _read_csv(next(filter(str.strip, lines)), path)[0]))
    except (OSError, EOFError, ValueError, StopIteration, zlib.error, arrow.ArrowException):
        return []


def _bytes(path: Path) -> bytes:
    """The content of a file, unpacked, with a limit on its size."""
    _note_read(path)
    name = path.name
    if path.exists() and not (path.is_file() or path.is_dir()):
        # A pipe or a device may never end.
        raise InputError(Problem("this is not a regular file.", "Copy it to one.", file=str(path)))
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(Problem("there is no such file.", file=str(path))) from None
    except IsADirectoryError:
        raise InputError(
            Problem("this is a folder.", "Name the files in it.", file=str(path))
        ) from None
    except OSError as error:
        raise InputError(
            Problem(f"the file cannot be read: {error.strerror}.", file=str(path))
        ) from None
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(MAX_BYTES + 1)
        except (EOFError, OSError, zlib.error):
            raise InputError(
                Problem("the gzip file is damaged or cut off.", "Copy it again.", file=name)
            ) from None
    if len(content) > MAX_BYTES:
        most = f"{MAX_BYTES / (1 << 20):,.0f} MiB"
        raise InputError(Problem(f"the file holds more than {most}.", SMALLER, file=name))
    if not content.strip():
        raise InputError(Problem("the file is empty.", "It needs a header and rows.", file=name))
    return content


def _note_read(path: Path) -> None:
    """Tell the runner which files an analysis depends on."""
    log = os.environ.get("HATLIB_READS")
    if log:
        with Path(log).open("a", encoding="utf-8") as stream:
            stream.write(f"{os.path.realpath(path)}\n")


def _decoded(content: bytes, path: Path) -> str:
    """UTF-8 text, or a message that says what else it looks like."""
    remedy = "Save it as CSV in UTF-8."
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(Problem("the text is in UTF-16.", remedy, file=path.name))
    if content[:2] == b"PK":
        raise InputError(Problem("this is a spreadsheet or a zip file.", remedy, file=path.name))
    if b"\0" in content:
        raise InputError(
            Problem("the file has NUL bytes: it is binary or in UTF-16.", remedy, file=path.name)
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            Problem("the text is not in UTF-8.", remedy, file=path.name, row=line)
        ) from None


def _read_csv(text: str, path: Path) -> tuple[pd.DataFrame, Place]:
    """A table with commas, semicolons or tabs, whichever its first line has."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = next((s for s in ",;\t" if s in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1  # a row that spans lines is named by its first
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append(cells)
                lines.append(start)
            if len(rows) > MAX_LINES:
                problem = Problem(f"the file has more than {MAX_LINES:,} rows.", SMALLER, path.name)
                raise InputError(problem)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            Problem(f"the text is no table: {error}.", "Check its quotes.", path.name, start)
        ) from None
    if not rows:
        raise InputError(Problem("there is no table in it.", file=path.name))
    header, body = rows[0], rows[1:]
    problems = _header_problems(header, path, lines[0])
    problems += [
        Problem(
            f"the line has {len(row)} fields where the header has {len(header)}.",
            "Quote a text that holds the separator.",
            path.name,
            line,
        )
        for row, line in zip(body, lines[1:], strict=True)
        if len(row) != len(header)
    ]
    if problems:
        raise InputError(problems)
    frame = pd.DataFrame(body, columns=header, dtype=str)
    return frame, Place(path.name, lines[1:])


def _header_problems(header: list[str], path: Path, line: int) -> list[Problem]:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    problems = []
    if twice:
        problems.append(
            Problem(f"column {listing(twice)} stands twice.", "Keep one.", path.name, line)
        )
    if "" in header:
        place = header.index("") + 1
        problems.append(
            Problem(f"column {place} has no name.", "Name or remove it.", path.name, line)
        )
    return problems


def _read_parquet(content: bytes, path: Path) -> pd.DataFrame:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    damaged = Problem("the Parquet file is damaged or cut off.", file=path.name)
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        n_rows = file.metadata.num_rows
        if n_rows > MAX_ROWS:
            raise InputError(Problem(f"the file has {n_rows:,} rows.", SMALLER, path.name))
        table = file.read()
        # Whole numbers with gaps stay whole numbers.
        whole = {getattr(arrow, name.lower())(): getattr(pd, f"{name}Dtype")() for name in _WHOLE}
        # What pandas wrote about the table is no part of it, and may be damaged on its own.
        frame = table.to_pandas(types_mapper=whole.get, ignore_metadata=True)
    except InputError:
        raise
    except (arrow.ArrowException, OSError, ValueError):
        raise InputError(damaged) from None
    frame.columns = [str(c) for c in frame.columns]
    frame = frame.loc[:, [not re.fullmatch(r"__index_level_\d+__", c) for c in frame.columns]]
    if not frame.columns.is_unique:
        raise InputError(_header_problems(list(frame.columns), path, 1))
    frame = frame.reset_index(drop=True)
    return _with_text(frame, [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])])


_WHOLE = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")


def _with_text(frame: pd.DataFrame, columns: Iterable[Hashable]) -> pd.DataFrame:
    return frame.assign(**{str(c): _as_text(frame[c]) for c in columns})


def _as_text(values: pd.Series) -> pd.Series:
    """Text without spaces around it; a missing value is the empty text."""
    missing = values.isna()
    if not isinstance(values.dtype, pd.StringDtype):
        values = values.map(str).astype(str)
    return values.mask(missing, "").str.strip()
