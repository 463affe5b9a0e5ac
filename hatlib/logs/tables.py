"""Read tables of strangers part by part: CSV and TSV, JSONL (each plain or gzip), and Parquet."""

from __future__ import annotations

import contextlib
import csv
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hatlib.errors import Problem, listing
from hatlib.logs import reading
from hatlib.logs.fields import MARK
from hatlib.logs.reading import clean, objects, opened, shown

#: The column of line numbers, under a name that no column of text can have.
LINE = "\0line"
#: Names of files end so, before ``.gz``.
SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")

_DAMAGED = (EOFError, OSError, zlib.error)
_ROWS = 50_000  # read at once, and
_CELLS = 1_000_000  # at most
_BATCH = 64 << 20  # bytes of a Parquet file, unpacked
_MOST_COLUMNS = 10_000


def chunks(
    path: Path, wanted: Callable[[str], bool], problems: list[Problem]
) -> Iterator[tuple[list[str], pd.DataFrame]]:
    r"""Read a table part by part, all of it as text.

    Parameters
    ----------
    path : Path
        The file.
    wanted : callable
        Says of a column of text in a Parquet file whether to read it.
    problems : list of Problem
        Grows by what is wrong.

    Yields
    ------
    header : list of str
        The names of the columns.
    rows : DataFrame
        Their cells, and in `LINE` the line of each row. Cells that are longer than a name are cut.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.csv"
    ...     _ = path.write_text("item,correct\n1,yes\n")
    ...     [(header, rows)] = chunks(path, bool, [])
    >>> header, rows["correct"].tolist(), rows[LINE].tolist()
    (['item', 'correct'], ['yes'], [2])
    """
    try:
        with opened(path) as stream:
            start = stream.read(4)
    except _DAMAGED:
        start = b""  # which the reader of the format says better
    name = path.name.lower().removesuffix(".gz")
    if start == b"PAR1" or name.endswith(".parquet"):
        yield from _parquet_chunks(path, wanted, problems)
    elif start[:2] == b"PK":
        what = "this is a spreadsheet or a zip file."
        problems.append(Problem(what, "Save it as CSV in UTF-8.", shown(path)))
    elif name.endswith((".jsonl", ".ndjson")) or start[:1] == b"{":
        yield from _json_chunks(path, problems)
    else:
        yield from _csv_chunks(path, problems)


def _frame(header: Sequence[str], rows: list[list[str]], numbers: list[int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(header), dtype=object)
    frame[LINE] = numbers
    return frame


def _csv_chunks(path: Path, problems: list[Problem]) -> Iterator[tuple[list[str], pd.DataFrame]]:
    file = shown(path)
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad = 0
    with _long_fields():
        text = _text_lines(path, problems)
        first = next((line for line in text if line.strip()), "")
        if not first:
            return
        reader = csv.reader(_again(first, text), delimiter=max(",\t;", key=first.count))
        try:
            for row in reader:
                cells = [_cell(cell) for cell in row]
                if not any(cells):
                    continue
                if not header:
                    header = cells
                    if not _is_header(header, file, problems):
                        return
                    continue
                if len(cells) != len(header):
                    what = f"the line has {len(cells)} fields where the header has {len(header)}."
                    remedy = "Quote a text that holds the separator."
                    problems.append(Problem(what, remedy, file, reader.line_num))
                    bad += 1
                    if bad > reading.MAX_BAD_LINES:
                        what = "too many lines are bad: the rest of the file was not read."
                        problems.append(Problem(what, file=file, row=reader.line_num))
                        return
                    continue
                rows.append(cells)
                numbers.append(reader.line_num)
                if len(rows) >= _ROWS or len(rows) * len(header) > _CELLS:
                    yield header, _frame(header, rows, numbers)
                    rows, numbers = [], []
        except csv.Error as error:
            what = f"the text is no table: {error}."
            problems.append(Problem(what, "Check its quotes.", file, reader.line_num))
            return
    if rows:
        yield header, _frame(header, rows, numbers)


def _is_header(header: Sequence[str], file: str, problems: list[Problem]) -> bool:
    """Whether the names of the columns are there, each once."""
    before = len(problems)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        what = f"column {listing(map(clean, twice))} stands twice."
        problems.append(Problem(what, "Keep one.", file, 1))
    if len(header) > _MOST_COLUMNS:
        what = f"the table has {len(header):,} columns."
        problems.append(Problem(what, "Make it long, with one row an answer.", file, 1))
    return len(problems) == before


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """While this lasts, a field of a CSV file may be as long as a line of a log."""
    before = csv.field_size_limit(reading.MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _text_lines(path: Path, problems: list[Problem]) -> Iterator[str]:
    """The lines of a text with their ends, which count within quotes."""
    file = shown(path)
    number = total = 0
    what = remedy = ""
    try:
        with opened(path) as stream:
            while block := stream.readline(reading.MAX_LINE + 1):
                number += 1
                total += len(block)
                if number == 1:
                    what = reading.not_text(block)
                    block = block.removeprefix(b"\xef\xbb\xbf")
                if len(block) > reading.MAX_LINE:
                    what = "the line is too long."
                elif total > reading.MAX_FILE:
                    what, remedy = "the file holds too much.", "Split it."
                elif not what and b"\0" in block:
                    what = "the line has NUL bytes: the file is damaged or not text."
                if what:
                    break
                try:
                    yield block.decode("utf-8")
                except UnicodeDecodeError:
                    what, remedy = "the text is not in UTF-8.", "Save it in UTF-8."
                    break
    except _DAMAGED:
        number += 1
        what, remedy = "the file is damaged or cut off from here on.", "Copy it again."
    if what:
        problems.append(Problem(what, remedy, file, number))


def _json_chunks(path: Path, problems: list[Problem]) -> Iterator[tuple[list[str], pd.DataFrame]]:
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    header: dict[str, None] = {}

    def chunk() -> pd.DataFrame:
        names = list(header)
        return _frame(names, [[row.get(name, "") for name in names] for row in rows], numbers)

    for number, row in objects(path, problems):
        flat = dict(_flat(row))
        header.update(dict.fromkeys(flat))
        if len(header) > _MOST_COLUMNS:
            what = f"the rows have more than {_MOST_COLUMNS:,} fields."
            problems.append(Problem(what, "This is no table.", shown(path), number))
            return
        rows.append(flat)
        numbers.append(number)
        if len(rows) >= _ROWS or len(rows) * len(header) > _CELLS:
            yield list(header), chunk()
            rows, numbers = [], []
    if rows:
        yield list(header), chunk()


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The short fields of an object as text; those of an object in it as ``outer.inner``."""
    for name, value in row.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        for part, each in inner:
            if isinstance(each, dict | list):
                continue
            yield _cell(f"{name}.{part}" if part else name), _cell(each)


def _cell(value: Any) -> str:
    """A cell as text; what is long is cut, as it is no name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if len(value) > reading.MAX_NAME and MARK in value:
            value = MARK + value.rsplit(MARK, 1)[1]  # the answer at the end of a worked one
        if len(value) <= reading.MAX_NAME and value.isprintable():
            return value.strip()
    return clean(value)


def _parquet_chunks(
    path: Path, wanted: Callable[[str], bool], problems: list[Problem]
) -> Iterator[tuple[list[str], pd.DataFrame]]:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as table:
            schema = table.schema_arrow
            header = [_cell(name) for name in schema.names]
            if not _is_header(header, shown(path), problems):
                return
            names = [f.name for f in schema if _is_worth_it(f.name, f.type, wanted)]
            about = table.metadata
            size = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
            n_rows = max(1, min(_ROWS, _BATCH * about.num_rows // max(1, size)))
            line = 2
            for batch in table.iter_batches(batch_size=n_rows, columns=names):
                columns = [[_cell(v) for v in batch.column(name).to_pylist()] for name in names]
                frame = pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object)
                frame[LINE] = range(line, line + len(frame))
                line += len(frame)
                yield header, frame
    except (arrow.ArrowException, OSError, ValueError, OverflowError):
        problems.append(Problem("the Parquet file is damaged or cut off.", file=shown(path)))


def _is_worth_it(name: str, kind: Any, wanted: Callable[[str], bool]) -> bool:
    """Whether to read a column of a Parquet file: most texts are not."""
    import pyarrow as arrow

    if arrow.types.is_nested(kind) or not name.isprintable():
        return False
    return wanted(name) or arrow.types.is_boolean(kind) or arrow.types.is_integer(kind)
