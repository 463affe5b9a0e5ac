"""One door for tables of strangers: CSV, TSV, JSON lines, JSON arrays, Parquet, spreadsheets.

`sniff` looks at the start of a file and says how it is read; a `Door` is a DuckDB connection that
reads such a file, in or out of memory, and nothing else: it may open the file and a scratch
folder, loads no extension, and its settings are locked before it reads the first byte. No name
from a file or of a file stands in a query unquoted.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import shutil
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from hatlib.errors import InputError, Problem, listing

#: A longer line is refused, which bounds the memory that a line can take.
MAX_LINE = 16 << 20
#: What to do about a file that is too large to be read into memory.
SMALLER = "Aggregate it to one row a model, language and item (hat aggregate), or split it."
#: A table with more columns than this is none.
MAX_COLUMNS = 10_000

_ENDING = r"\.(csv|tsv|jsonl|ndjson|json|parquet|xlsx|xls|ods)(\.gz|\.zst)?$"
_START = 1 << 20  # bytes at the start of a file that say what it is
_ROWS = 1000  # rows of JSON that say which keys there are
_MOST_WITHIN = 64 << 20  # bytes of a JSON object that has rows under a key
_BAD_LINES = 20  # listed of one file
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}
_NAME, _VALUE = '"', "'"  # marks around names and values in a query
_COPY = "Copy it again."
_SAVE = "Save it as CSV in UTF-8."
_FACTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Table:
    """A table in a file: what it is called, how it is read, and its columns.

    Attributes
    ----------
    path : Path
        Where its bytes are.
    name : str
        What messages call it.
    kind : {"csv", "lines", "array", "parquet"}
    packing : {"none", "gzip", "zstd"}
    columns : tuple of str
        As the header has them; of JSON, the fields that its start has, those within others by a
        dotted path.
    kinds : mapping of str to str
        What each column of a Parquet file holds: text, number, or other.
    separator, skip : str, int
        Between the cells; empty lines before the header.
    """

    path: Path
    name: str
    kind: str
    packing: str = "none"
    columns: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    separator: str = ","
    skip: int = 0


def stem(name: str) -> str:
    """The name of a file without the ending of a table.

    Examples
    --------
    >>> stem("quiz_de.csv.gz"), stem("part.0.PARQUET"), stem("notes.txt")
    ('quiz_de', 'part.0', 'notes.txt')
    """
    return re.sub(_ENDING, "", name, flags=re.I)


def unpacked(path: Path) -> tuple[Any, str]:
    """A file as a stream of its unpacked bytes, and how it is packed: none, gzip or zstd."""
    with path.open("rb") as stream:
        packing = _PACKED.get(stream.read(2), "none")
    if packing == "zstd":
        import pyarrow as arrow

        return arrow.CompressedInputStream(arrow.OSFile(str(path)), packing), packing
    return (gzip.open(path) if packing == "gzip" else path.open("rb")), packing


@contextlib.contextmanager
def _read(path: Path, name: str) -> Iterator[tuple[Any, str]]:
    """As `unpacked`; what a damaged file raises becomes an InputError."""
    packing = "none"
    try:
        stream, packing = unpacked(path)
        with stream:
            yield stream, packing
    except (EOFError, OSError, zlib.error) as error:
        if packing != "none":
            what = f"the {packing} file is damaged or cut off."
            raise InputError(what, _COPY, file=name) from None
        what = f"the file cannot be read: {getattr(error, 'strerror', '') or error}."
        raise InputError(what, file=name) from None


def sniff(path: Path, name: str, scratch: Path, most: int = 0) -> Table:
    """How a file is read, by its start.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What messages call it.
    scratch : Path
        A folder that a spreadsheet may be written to as a table.
    most : int
        How many bytes it may hold when unpacked; 0 for any number.

    Raises
    ------
    InputError
        If it is no table.
    """

    def wrong(what: str, remedy: str = _SAVE, row: int | None = None) -> InputError:
        return InputError(Problem(what, remedy, name, row))

    with _read(path, name) as (stream, packing):
        start = stream.read(_START)
        size = len(start) if packing != "none" else path.stat().st_size
        while packing != "none" and size <= most and (block := stream.read(_START)):
            size += len(block)
    if 0 < most < size:
        raise wrong(f"the file holds more than {most / (1 << 20):,.0f} MiB.", SMALLER)
    end = Path(path.name if packing == "none" else path.stem).suffix.lower()
    is_sheet = end in (".xlsx", ".xlsm", ".xls", ".ods")
    for sign, said in _FACTS["starts"].items():
        if start.startswith(sign.encode("latin-1")) and not (is_sheet and sign == "PK"):
            raise wrong(*said)
    if is_sheet:
        return _sheet(path, name, scratch)
    if start[:4] == b"PAR1" or end == ".parquet":
        if packing != "none":
            raise wrong("this is a packed Parquet file.", "Unpack it.")
        return _parquet(path, name)
    if b"\0" in start:
        raise wrong("the file has NUL bytes: it is damaged or not text.")
    # The start may end within a letter.
    text = start.decode("utf-8-sig", "ignore" if len(start) >= _START - 3 else "replace")
    first = text.lstrip()[:1]
    if not first:
        raise wrong("the file is empty: there are no rows.", "It needs rows.")
    is_json = end in (".jsonl", ".ndjson", ".json") or first == "{"
    if is_json or first == "[":
        kind = "array" if first == "[" else "lines"
        keys = _keys(text, kind)
        if keys:
            within = _within(path, name, text, scratch) if kind + end == "lines.json" else None
            return within or Table(path, name, kind, packing, keys)
        if is_json:
            form = "an array of objects" if kind == "array" else "JSON objects, one a line"
            raise wrong(f"the file is not JSON: it should hold {form}.", "It may be cut off.", 1)
    lines = text.split("\n")
    skip = next(n for n, line in enumerate(lines) if line.strip())
    separator = max(",\t;", key=lines[skip].count)
    try:
        reader = csv.reader(io.StringIO("\n".join(lines[skip:]), newline=""), delimiter=separator)
        header = [cell.strip() for cell in next(reader)]
    except csv.Error as error:
        raise wrong(f"the first line is no header: {error}.", _SAVE, skip + 1) from None
    columns = _checked(header, name, skip + 1)
    return Table(path, name, "csv", packing, columns, separator=separator, skip=skip)


def _within(path: Path, name: str, start: str, scratch: Path) -> Table | None:
    """The rows under a key of one JSON object, as an array of their own; None if it is a table."""
    start = start.lstrip()
    with contextlib.suppress(ValueError, RecursionError):  # it may be longer than its start
        if start[json.JSONDecoder().raw_decode(start)[1] :].strip():
            return None  # more objects follow
    with _read(path, name) as (stream, _):
        content = stream.read(_MOST_WITHIN)
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict) or importer_of(whole):
        return None
    says = " ".join(k for k, value in whole.items() if not isinstance(value, dict | list))
    if re.search(_FACTS["names"], says) and re.search(_FACTS["sums"], says):
        return None  # it is one row, with others in it
    # What stands beside the rows is said of each of them, unless it sums them up.
    beside = {k: v for k, v in whole.items() if not re.search(_FACTS["sums"], k)}
    rows = next((whole[key] for key in _FACTS["within"] if _is_rows(whole.get(key))), None)
    if rows:
        beside = {k: v for k, v in beside.items() if not isinstance(v, list)}
        copy, text = scratch / "rows.json", json.dumps([beside | row for row in rows])
        copy.write_text(text, encoding="utf-8")
        return Table(copy, name, "array", columns=_keys(text[:_START], "array"))
    if beside and all(isinstance(value, dict | list) for value in beside.values()):
        first = next(iter(beside.values()))
        program = importer_of(first) if isinstance(first, dict) else ""
        remedy = f"It looks like a log: hat import {program}." if program else _FACTS["as_rows"]
        raise InputError("the file is one JSON object, not rows.", remedy, file=name)
    return None


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(row, dict) for row in value)


def _keys(text: str, kind: str) -> tuple[str, ...]:
    """The fields of the first JSON objects of a text, those within others by a dotted path."""
    decoder, between, at = json.JSONDecoder(), re.compile(r"[\s,\[]*"), 0
    keys: dict[str, None] = {}
    for _ in range(_ROWS):
        at = between.match(text, at).end()  # type: ignore[union-attr]
        try:
            row, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("\n", at)
            if kind == "array" or at < 0:
                break
        else:
            keys |= dict.fromkeys(_paths(row) if isinstance(row, dict) else ())
    return tuple(key for key in keys if "\0" not in key and not re.search("[\ud800-\udfff]", key))


def _paths(row: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[str]:
    for name, value in row.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict) and depth < 4:
            yield from _paths(value, f"{prefix}{name}.", depth + 1)


def _checked(columns: Sequence[str], name: str, row: int = 1) -> tuple[str, ...]:
    """Names of columns that tell them apart."""
    twice = sorted(c for c, n in Counter(c.lower() for c in columns).items() if c and n > 1)
    if len(columns) > MAX_COLUMNS:
        what = f"the table has {len(columns):,} columns."
        raise InputError(Problem(what, "Make it long.", name, row))
    if twice:
        raise InputError(Problem(f"column {listing(twice)} stands twice.", "Keep one.", name, row))
    return tuple(columns)


def _parquet(path: Path, name: str) -> Table:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        found = parquet.read_schema(path)
    except (arrow.ArrowException, OSError, ValueError):
        raise InputError("the Parquet file is damaged or cut off.", _COPY, file=name) from None
    _checked(found.names, name)
    kinds = _kinds(found)
    return Table(path, name, "parquet", columns=tuple(kinds), kinds=kinds)


def _kinds(fields: Iterable[Any], prefix: str = "") -> dict[str, str]:
    """What the columns of a Parquet file hold, also those within others."""
    from pyarrow import types

    kinds: dict[str, str] = {}
    for field_ in fields:
        name, kind = f"{prefix}{field_.name}", field_.type
        kind = kind.value_type if types.is_dictionary(kind) else kind
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
            kinds[name] = "number"
        else:
            kinds[name] = "other" if types.is_nested(kind) or types.is_binary(kind) else "text"
        if types.is_struct(kind):
            kinds |= _kinds(kind, f"{name}.")
    return kinds


def _sheet(path: Path, name: str, scratch: Path) -> Table:
    """The first sheet of a spreadsheet, as a Parquet file of texts."""
    import pandas as pd

    try:
        frame = pd.read_excel(path, engine="calamine", dtype=object)
    except ImportError:
        remedy = "Install it: python -m pip install python-calamine. Or save the table as CSV."
        what = "a reader of spreadsheets is not installed."
        raise InputError(what, remedy, file=name) from None
    except Exception:  # of a package that may raise anything
        raise InputError("the spreadsheet is damaged.", _SAVE, file=name) from None

    def plain(value: object) -> str:  # whole numbers have no point
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

    frame.columns = _checked([str(column).strip() for column in frame.columns], name)
    copy = scratch / "sheet.parquet"
    frame.map(plain, na_action="ignore").astype("str").to_parquet(copy, index=False)
    columns = tuple(frame.columns)
    return Table(copy, name, "parquet", columns=columns, kinds=dict.fromkeys(columns, "text"))


def _quoted(text: str | Path, mark: str = _NAME) -> str:
    """Text as a name in a query, or as a value."""
    return mark + str(text).replace(mark, 2 * mark) + mark


class Door:
    """A DuckDB connection that reads one table and nothing else.

    Parameters
    ----------
    table : Table
        What it may read.
    scratch : Path
        A folder for what does not fit into memory.
    memory_limit : str
        What it may hold in memory, as in ``"700MB"``.
    threads : int

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     _ = path.write_text('{"doc": {"id": 7}, "ok": true}')
    ...     door = Door(sniff(path, "a.jsonl", Path(folder)), Path(folder))
    ...     with door.connection:
    ...         rows = door.rows({"item": "doc.id", "correct": "ok"})
    ...         door.connection.execute(f"SELECT item, correct FROM ({rows})").fetchall()
    [('7', 'true')]
    """

    def __init__(
        self, table: Table, scratch: Path, memory_limit: str = "1GB", threads: int = 1
    ) -> None:
        self.table = table
        # Names of files may hold what DuckDB takes for a pattern: it gets a link instead.
        self._link = scratch / "table"
        self._link.unlink(missing_ok=True)
        try:
            self._link.symlink_to(table.path.resolve())
        except OSError:  # Windows lets few users make links
            shutil.copyfile(table.path, self._link)
        try:
            self.connection = duckdb.connect(
                ":memory:",
                config={
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "python_enable_replacements": "false",
                    "memory_limit": memory_limit,
                    "threads": str(threads),
                    "temp_directory": str(scratch / "spilled"),
                },
            )
        except duckdb.Error as error:
            what = f"DuckDB refuses its settings: {str(error).splitlines()[0][:200]}"
            raise InputError(Problem(what, "Write the memory as 700MB.")) from None
        with contextlib.suppress(duckdb.Error):  # Jupyter has none without ipywidgets
            self.connection.execute("SET enable_progress_bar = false")
        self.connection.execute(
            f"SET allowed_paths = [{_quoted(self._link.resolve(), _VALUE)}]; "
            f"SET allowed_directories = [{_quoted(scratch, _VALUE)}]; "
            "SET enable_external_access = false; SET lock_configuration = true"
        )

    def rows(self, columns: Mapping[str, str], *, numbered: bool = False) -> str:
        """A query for some columns of the table, as text, under our names.

        Parameters
        ----------
        columns : mapping of str to str
            Our names to those in the file; a dotted path goes into nested fields.
        numbered : bool
            Whether to number the rows from 1, as ``row``.
        """
        table, options = self.table, ["hive_partitioning = false"]
        paths = {ours: split(theirs, table.columns) for ours, theirs in columns.items()}
        if table.kind == "parquet":
            reader = "parquet"
            fields = {ours: ".".join(map(_quoted, path)) for ours, path in paths.items()}
            fields = {ours: f"CAST({field} AS VARCHAR)" for ours, field in fields.items()}
            for ours in (ours for ours in fields if table.kinds[columns[ours]] == "number"):
                # Whole numbers with gaps are floats.
                fields[ours] = f"regexp_replace({fields[ours]}, '\\.0$', '')"
        elif table.kind == "csv":  # no name of a file enters the query
            reader = "csv"
            fields = {ours: f"c{table.columns.index(theirs)}" for ours, theirs in columns.items()}
            types = {f"c{number}": "VARCHAR" for number in range(len(table.columns))}
            options += ["auto_detect = false", "header = true", "quote = '\"'", "escape = '\"'"]
            options += ["strict_mode = true", "null_padding = false", "store_rejects = true"]
            options += [f"skip = {table.skip}", f"delim = '{table.separator}'"]
            options += [f"rejects_limit = {_BAD_LINES + 1}", f"max_line_size = {MAX_LINE}"]
        else:
            reader = "json"
            fields = {ours: _quoted(top) for ours, (top, *_) in paths.items()}
            types = dict.fromkeys((top for top, *_ in paths.values()), "VARCHAR")
            for ours, (top, *rest) in ((ours, path) for ours, path in paths.items() if path[1:]):
                within = "$" + "".join("." + json.dumps(part) for part in rest)
                fields[ours] = f"json_extract_string({fields[ours]}, {_quoted(within, _VALUE)})"
                types[top] = "JSON"
            options += ["records = true", f"maximum_object_size = {MAX_LINE}"]
            if table.kind == "array":
                options += ["format = 'array'", "ignore_errors = false"]
            else:  # a line that is no object is a row of NULL
                options += ["format = 'newline_delimited'", "ignore_errors = true"]
        if table.kind != "parquet":
            texts = [f"{_quoted(name, _VALUE)}: '{kind}'" for name, kind in types.items()]
            options += [f"columns = {{{', '.join(texts)}}}", f"compression = '{table.packing}'"]
        scan = f"read_{reader}({', '.join([_quoted(self._link, _VALUE), *options])})"
        # One name may be written in two ways, with an accent as a sign of its own or not.
        wanted = [f"nfc_normalize({field}) AS {_quoted(ours)}" for ours, field in fields.items()]
        wanted += ["row_number() OVER () AS row"] if numbered else []
        return f"SELECT {', '.join(wanted) or '1'} FROM {scan}"

    def rejected(self) -> list[Problem]:
        """Lines of a CSV file that are no rows."""
        found = []
        with contextlib.suppress(duckdb.Error):
            found = self.connection.execute(  # a blank line is no row
                "SELECT DISTINCT ON (line) line, error_type, error_message FROM reject_errors "
                "WHERE trim(csv_line, ' \t\r\n') <> '' ORDER BY line, error_message DESC"
            ).fetchall()
        problems = [
            read_problem(self.table, f"{kind}: {message}", line)
            for line, kind, message in found[:_BAD_LINES]
        ]
        for line, *_ in found[_BAD_LINES : _BAD_LINES + 1]:
            what = "more lines are bad, and are not listed."
            problems.append(Problem(what, "", self.table.name, line))
        return problems


def split(theirs: str, columns: Sequence[str]) -> list[str]:
    """A dotted path as the column that it starts in and the fields within; a column is itself."""
    parts = theirs.split(".")
    tops = (".".join(parts[:k]) for k in range(1, len(parts)))
    top = next((top for top in tops if top in columns), None)
    return [theirs] if top is None else [top, *theirs.removeprefix(f"{top}.").split(".")]


def read_problem(table: Table, error: object, line: int | None = None) -> Problem:
    """Why a file could not be read to its end, or a line of it not at all."""
    message = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        remedy = "Allow more memory, or point TMPDIR at a larger disk."
        return Problem("the rows do not fit into memory and the disk.", remedy, table.name)
    if table.packing != "none" and table.packing in message.lower():
        return Problem(f"the {table.packing} file is damaged or cut off.", _COPY, table.name)
    if table.kind == "parquet":
        return Problem("the Parquet file is damaged or cut off.", _COPY, table.name)
    at = re.search(r"CSV Error on Line: (\d+)", message)
    line = int(at[1]) + table.skip if at and line is None else line
    for sign, (what, remedy) in _FACTS["reasons"].items():
        found = re.search(sign, message)
        if found:
            return Problem(what.format(*found.groups()), remedy, table.name, line)
    what = "the file cannot be read as a table."
    if table.kind == "array":
        what = "the file is not one JSON array of objects to its end."
    return Problem(what, "It may be damaged or cut off.", table.name, line)


def lines_of(table: Table) -> Iterator[int]:
    """The line that each row of a file starts in; where there are no lines, they are counted.

    The header of a table without lines counts as one, the elements of an array are counted from 1.
    """
    if table.kind in ("parquet", "array"):
        yield from count(1 if table.kind == "array" else 2)
    with unpacked(table.path)[0] as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
        if table.kind == "lines":
            yield from (n for n, line in enumerate(text, 1) if line.strip())
        reader, start, header = csv.reader(text, delimiter=table.separator), 1, True
        with contextlib.suppress(csv.Error):  # a cell that is too long for Python
            for cells in reader:
                if cells and not header:
                    yield start
                header, start = header and not cells, reader.line_num + 1
        yield from count(start)


def importer_of(columns: Iterable[str]) -> str:
    """The format of `hat import` that reads files with some fields; empty if it is none of ours.

    Examples
    --------
    >>> importer_of(["doc_id", "resps", "acc"]), importer_of(["item", "correct"])
    ('lm-eval', '')
    """
    programs = _FACTS["programs"].items()
    return next((program for program, needed in programs if set(needed) <= set(columns)), "")
