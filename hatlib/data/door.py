"""One door for tables of strangers: CSV, TSV, JSON lines, JSON arrays, Parquet, spreadsheets.

`sniff` looks at the start of a file and says how it is read; a `Door` is a DuckDB connection that
reads such files, in or out of memory, and nothing else: it may open the given files and a scratch
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
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from hatlib.errors import InputError, Problem, listing

#: A longer line is refused, which bounds the memory that a line can take.
MAX_LINE = 16 << 20
#: A table with more columns than this is none.
MAX_COLUMNS = 10_000
#: Endings of tables, each perhaps followed by one of `PACKED`.
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".xls", ".ods")
#: Endings of packed files.
PACKED = (".gz", ".zst")

_START = 1 << 20  # bytes at the start of a file that say what it is
_LINES = 1000  # lines of JSON that say which keys there are
_BAD_LINES = 20  # listed of one file
_ZSTD = b"\x28\xb5\x2f\xfd"
_SHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
_COPY = "Copy it again."
_SAVE = "Save it as CSV in UTF-8."


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
    kinds : tuple of str
        What each column of a Parquet file holds: text, number, truth, or other.
    separator : str
    skip : int
        Empty lines before the header.
    """

    path: Path
    name: str
    kind: str
    packing: str = "none"
    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    separator: str = ","
    skip: int = 0


def is_table(name: str) -> bool:
    """Whether a file is a table, by its name.

    Examples
    --------
    >>> is_table("a.csv.gz"), is_table("b.JSONL"), is_table("notes.txt")
    (True, True, False)
    """
    return stem(name) != name


def stem(name: str) -> str:
    """The name of a file without the ending of a table.

    Examples
    --------
    >>> stem("quiz_de.csv.gz"), stem("part.0.parquet"), stem("notes.txt")
    ('quiz_de', 'part.0', 'notes.txt')
    """
    end = "|".join(map(re.escape, SUFFIXES))
    packed = "|".join(map(re.escape, PACKED))
    return re.sub(rf"({end})({packed})?$", "", name, flags=re.I)


def sniff(path: Path, name: str, problems: list[Problem], scratch: Path) -> Table | None:
    """How a file is read, by its start; None, and a problem, if it is no table.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What messages call it.
    problems : list of Problem
        Grows by what is wrong.
    scratch : Path
        A folder that a spreadsheet may be written to as a table.
    """

    def wrong(what: str, remedy: str = _SAVE, row: int | None = None) -> Any:
        problems.append(Problem(what, remedy, name, row))

    try:
        start, packing = _start(path)
    except (EOFError, zlib.error, gzip.BadGzipFile, InputError) as error:
        kind = "Zstandard" if isinstance(error, InputError) else "gzip"
        return wrong(f"the {kind} file is damaged or cut off.", _COPY)
    except OSError as error:
        return wrong(f"the file cannot be read: {error.strerror or error}.", "")
    end = path.suffix.lower() if packing == "none" else Path(path.stem).suffix.lower()
    if start[:42] == b"version https://git-lfs.github.com/spec/v1":
        return wrong("this is a pointer of Git LFS, not the table.", "Fetch it: git lfs pull.")
    if end in _SHEETS:
        return _sheet(path, name, problems, scratch)
    if start[:4] == b"PAR1" or end == ".parquet":
        if packing != "none":
            return wrong("this is a packed Parquet file.", "Unpack it.")
        return _parquet(path, name, problems)
    if start[:2] == b"PK":
        return wrong("this is a spreadsheet or a zip file.")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return wrong("the text is in UTF-16, not in UTF-8.")
    if b"\0" in start:
        return wrong("the file has NUL bytes: it is damaged or not text.")
    start = start.removeprefix(b"\xef\xbb\xbf")
    first = start.lstrip()[:2]
    if not first:
        return wrong("the file is empty: there are no rows.", "It needs rows.")
    is_json = end in (".jsonl", ".ndjson", ".json")
    if is_json or first[:1] == b"{":
        array = first[:1] == b"["
        columns = _keys(start, array)
        if not columns:
            what = "an array of objects" if array else "JSON objects, one a line"
            return wrong(f"the file is not JSON: it should hold {what}.", "It may be cut off.", 1)
        return Table(path, name, "array" if array else "lines", packing, columns)
    if first[:1] == b"[" and _keys(start, True):
        return Table(path, name, "array", packing, _keys(start, True))
    return _csv(path, name, start, packing, problems)


def _start(path: Path) -> tuple[bytes, str]:
    """The first bytes of a file, unpacked, and how it is packed."""
    with path.open("rb") as stream:
        start = stream.read(_START)
    if start[:2] == b"\x1f\x8b":
        with gzip.open(path) as unpacked:
            return unpacked.read(_START), "gzip"
    if start[:4] == _ZSTD:
        import pyarrow as arrow

        try:
            with arrow.CompressedInputStream(arrow.OSFile(str(path)), "zstd") as unpacked:
                return unpacked.read(_START), "zstd"
        except (OSError, arrow.ArrowException):
            raise InputError("damaged") from None
    return start, "none"


def _keys(start: bytes, array: bool) -> tuple[str, ...]:
    """The fields of the first JSON objects of a text, those within others by a dotted path."""
    rows: list[Any] = []
    if array:
        text, decoder, at = start.decode("utf-8", "ignore"), json.JSONDecoder(), 1
        with contextlib.suppress(ValueError, RecursionError, IndexError):
            at = text.index("[") + 1
            while len(rows) < _LINES:
                at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]
                row, at = decoder.raw_decode(text, at)
                rows.append(row)
    else:
        for line in islice(start.split(b"\n"), _LINES):
            with contextlib.suppress(ValueError, RecursionError):
                rows.append(json.loads(line))
    keys: dict[str, None] = {}
    for row in rows:
        if isinstance(row, dict):
            keys |= dict.fromkeys(_paths(row))
    return tuple(key for key in keys if "\0" not in key and _encodes(key))


def _paths(row: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[str]:
    for name, value in row.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict) and depth < 4:
            yield from _paths(value, f"{prefix}{name}.", depth + 1)


def _encodes(text: str) -> bool:
    """Whether text has no half of a surrogate pair, which JSON allows and UTF-8 does not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _header(columns: Sequence[str], name: str, row: int, problems: list[Problem]) -> bool:
    """Whether columns have names that tell them apart."""
    small = [column.lower() for column in columns]
    twice = (
        sorted({c for c in small if c and small.count(c) > 1})
        if len(set(small)) < len(small)
        else []
    )
    if twice:
        problems.append(Problem(f"column {listing(twice)} stands twice.", "Keep one.", name, row))
    if len(columns) > MAX_COLUMNS:
        what = f"the table has {len(columns):,} columns."
        problems.append(Problem(what, "Make it long, with one row an answer.", name, row))
    return not twice and len(columns) <= MAX_COLUMNS


def _csv(
    path: Path, name: str, start: bytes, packing: str, problems: list[Problem]
) -> Table | None:
    # The start may end within a letter.
    text = start.decode("utf-8", "ignore" if len(start) >= _START - 3 else "replace")
    lines = text.split("\n")
    skip = next((n for n, line in enumerate(lines) if line.strip()), None)
    if skip is None:  # text knows more kinds of space than bytes do
        problems.append(Problem("the file is empty: there are no rows.", "It needs rows.", name))
        return None
    separator = max(",\t;", key=lines[skip].count)
    try:
        reader = csv.reader(io.StringIO("\n".join(lines[skip:]), newline=""), delimiter=separator)
        columns = [cell.strip() for cell in next(reader)]
    except csv.Error as error:
        problems.append(Problem(f"the first line is no header: {error}.", _SAVE, name, skip + 1))
        return None
    if not _header(columns, name, skip + 1, problems):
        return None
    return Table(path, name, "csv", packing, tuple(columns), separator=separator, skip=skip)


def _parquet(path: Path, name: str, problems: list[Problem]) -> Table | None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        found = parquet.read_schema(path)
    except (arrow.ArrowException, OSError, ValueError):
        problems.append(Problem("the Parquet file is damaged or cut off.", _COPY, name))
        return None
    if not _header(found.names, name, 1, problems):
        return None
    columns: dict[str, str] = {}

    def add(field: Any, prefix: str = "") -> None:
        columns[f"{prefix}{field.name}"] = _kind(field.type)
        if arrow.types.is_struct(field.type):
            for k in range(field.type.num_fields):
                add(field.type.field(k), f"{prefix}{field.name}.")

    for field in found:
        add(field)
    return Table(path, name, "parquet", columns=tuple(columns), kinds=tuple(columns.values()))


def _kind(found: Any) -> str:
    """What a column of a Parquet file holds."""
    from pyarrow import types

    if types.is_dictionary(found):
        found = found.value_type
    if types.is_boolean(found):
        return "truth"
    if types.is_integer(found) or types.is_floating(found) or types.is_decimal(found):
        return "number"
    text = types.is_string(found) or types.is_large_string(found) or types.is_string_view(found)
    return "text" if text or types.is_null(found) or types.is_temporal(found) else "other"


def _sheet(path: Path, name: str, problems: list[Problem], scratch: Path) -> Table | None:
    """The first sheet of a spreadsheet, as a Parquet file of texts."""
    import pandas as pd

    try:
        frame = pd.read_excel(path, engine="calamine", dtype=object)
    except ImportError:
        remedy = "Save it as CSV in UTF-8, or install python-calamine."
        problems.append(Problem("a reader of spreadsheets is not installed.", remedy, name))
        return None
    except Exception:  # of a package that may raise anything
        problems.append(Problem("the spreadsheet is damaged.", _SAVE, name))
        return None
    frame.columns = [str(column).strip() for column in frame.columns]
    if not _header(list(frame.columns), name, 1, problems):
        return None
    text = {c: [None if pd.isna(v) else _plain(v) for v in frame[c]] for c in frame.columns}
    copy = scratch / f"sheet-{len(list(scratch.iterdir()))}.parquet"
    pd.DataFrame(text, dtype=str).to_parquet(copy, index=False)
    columns = tuple(map(str, frame.columns))
    return Table(copy, name, "parquet", columns=columns, kinds=("text",) * len(columns))


def _plain(value: object) -> str:
    """A cell of a spreadsheet as text: whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def layout(table: Table, columns: Mapping[str, str]) -> tuple[Any, ...]:
    """What tables that are read together have in common."""
    kinds = dict(zip(table.columns, table.kinds, strict=False))
    same = (table.kind, table.packing, tuple(sorted(columns.items())))
    if table.kind == "csv":
        return (*same, table.columns, table.separator, table.skip)
    return (*same, *(kinds.get(theirs, "") for theirs in columns.values()))


def literal(text: str) -> str:
    """Text as a value in a query."""
    return "'" + text.replace("'", "''") + "'"


def quoted(text: str) -> str:
    """Text as a name in a query."""
    return '"' + text.replace('"', '""') + '"'


class Door:
    """A DuckDB connection that reads some files and nothing else.

    Parameters
    ----------
    tables : sequence of Table
        What it may read.
    scratch : Path
        A folder for what does not fit into memory.
    memory_limit : str
        What it may hold in memory, as in ``"700MB"``.
    threads : int
    ordered : bool
        Whether rows come in the order of the file.

    Raises
    ------
    InputError
        If DuckDB refuses a setting.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     _ = path.write_text('{"doc": {"id": 7}, "ok": true}')
    ...     table = sniff(path, "a.jsonl", [], Path(folder))
    ...     with Door([table], Path(folder)) as door:
    ...         rows = door.rows(table, {"item": "doc.id", "correct": "ok"})
    ...         door.connection.execute(f"SELECT item, correct FROM ({rows})").fetchall()
    [('7', 'true')]
    """

    def __init__(
        self,
        tables: Iterable[Table],
        scratch: Path,
        memory_limit: str = "1GB",
        threads: int = 1,
        ordered: bool = True,
    ) -> None:
        # Names of files may hold what DuckDB takes for a pattern: it gets links instead.
        self._links: dict[Path, Path] = {}
        for number, path in enumerate(dict.fromkeys(table.path for table in tables)):
            link = scratch / f"table-{number}"
            link.unlink(missing_ok=True)
            try:
                link.symlink_to(path.resolve())
            except OSError:  # Windows lets few users make links
                shutil.copyfile(path, link)
            self._links[path] = link
        config: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": memory_limit,
            "threads": str(threads),
            "temp_directory": str(scratch / "spilled"),
            "preserve_insertion_order": "true" if ordered else "false",
        }
        try:
            self.connection = duckdb.connect(":memory:", config=config)
        except duckdb.Error as error:
            what = f"DuckDB refuses its settings: {str(error).splitlines()[0][:200]}"
            raise InputError(Problem(what, "Write the memory as 700MB.")) from None
        with contextlib.suppress(duckdb.Error):  # Jupyter has none without ipywidgets
            self.connection.execute("SET enable_progress_bar = false")
        files = ", ".join(literal(str(path.resolve())) for path in self._links)
        for setting in (
            f"allowed_paths = [{files}]",
            f"allowed_directories = [{literal(str(scratch))}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self.connection.execute(f"SET {setting}")

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()

    def rows(
        self,
        tables: Table | Sequence[Table],
        columns: Mapping[str, str],
        *,
        numbered: bool = False,
    ) -> str:
        """A query for some columns of tables, as text, under our names.

        Parameters
        ----------
        tables : Table or sequence of Table
            Those that `layout` finds alike.
        columns : mapping of str to str
            Our names to those in the file; a dotted path goes into nested fields.
        numbered : bool
            Whether to number the rows from 1, as ``row``.
        """
        several = [tables] if isinstance(tables, Table) else list(tables)
        table = several[0]
        fields = [
            f"{self._field(table, theirs)} AS {quoted(ours)}" for ours, theirs in columns.items()
        ]
        fields += ["row_number() OVER () AS row"] if numbered else []
        return f"SELECT {', '.join(fields) or '1'} FROM {self._scan(several, columns.values())}"

    def _field(self, table: Table, theirs: str) -> str:
        if table.kind == "csv":
            return f"c{table.columns.index(theirs)}"  # no name of a file enters a query
        if table.kind == "parquet":
            text = f"CAST({'.'.join(map(quoted, _split(theirs, table.columns)))} AS VARCHAR)"
            if table.kinds[table.columns.index(theirs)] == "number":
                text = f"regexp_replace({text}, '\\.0$', '')"  # whole numbers with gaps are floats
            return text
        top, *rest = _split(theirs, table.columns)
        if not rest:
            return quoted(top)
        path = "".join("." + json.dumps(part) for part in rest)
        return f"json_extract_string({quoted(top)}, {literal('$' + path)})"

    def _scan(self, tables: Sequence[Table], wanted: Iterable[str]) -> str:
        """The function that reads files of one layout."""
        table = tables[0]
        files = ", ".join(literal(str(self._links[each.path])) for each in tables)
        if table.kind == "parquet":
            return f"read_parquet([{files}], hive_partitioning = false)"
        options = [f"compression = '{table.packing}'", "hive_partitioning = false"]
        if table.kind == "csv":
            types = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(table.columns)))
            options += [
                "auto_detect = false",
                "header = true",
                f"skip = {table.skip}",
                f"delim = {literal(table.separator)}",
                "quote = '\"'",
                "escape = '\"'",
                f"columns = {{{types}}}",
                "strict_mode = true",
                "null_padding = false",
                "store_rejects = true",
                f"rejects_limit = {_BAD_LINES + 1}",
                f"max_line_size = {MAX_LINE}",
            ]
            return f"read_csv([{files}], {', '.join(options)})"
        split = [_split(theirs, table.columns) for theirs in wanted]
        nested = {top for top, *rest in split if rest}
        tops = dict.fromkeys(top for top, *_ in split)
        types = ", ".join(
            f"{literal(top)}: '{'JSON' if top in nested else 'VARCHAR'}'" for top in tops
        )
        options += [
            f"format = '{'array' if table.kind == 'array' else 'newline_delimited'}'",
            f"columns = {{{types}}}",
            "records = true",
            f"maximum_object_size = {MAX_LINE}",
            # Such a line is a row of NULL.
            f"ignore_errors = {'true' if table.kind == 'lines' else 'false'}",
        ]
        return f"read_json([{files}], {', '.join(options)})"

    def rejected(self, names: Mapping[Path, str] | None = None) -> list[Problem]:
        """What CSV files had lines that are no rows for, and forget it."""
        with contextlib.suppress(duckdb.Error):
            found = self.connection.execute(
                "SELECT DISTINCT file_path, line, error_type, error_message FROM reject_errors "
                "JOIN reject_scans USING (scan_id, file_id) "
                "WHERE trim(csv_line, ' \t\r\n') <> '' ORDER BY ALL"  # a blank line is no row
            ).fetchall()
            self.connection.execute("DELETE FROM reject_errors")
            self.connection.execute("DELETE FROM reject_scans")
            by_link = {str(link): path for path, link in self._links.items()}
            problems: list[Problem] = []
            for k, (file, line, kind, message) in enumerate(found):
                name = (names or {}).get(by_link.get(file, Path(file)), "")
                if k == _BAD_LINES:
                    what = "more lines are bad, and are not listed."
                    return [*problems, Problem(what, "", name, line)]
                problems.append(_line_problem(name, line, kind, message))
            return problems
        return []


def _split(theirs: str, columns: Sequence[str]) -> list[str]:
    """A dotted path as the field that it starts in and those within; a column of this very name."""
    if "." not in theirs or any(c == theirs for c in columns if not _is_nested(c, columns)):
        return [theirs]
    parts = theirs.split(".")
    for k in range(len(parts) - 1, 0, -1):
        if ".".join(parts[:k]) in columns:
            return (
                [".".join(parts[:k]), *parts[k:]]
                if k == 1
                else [*_split(".".join(parts[:k]), columns), *parts[k:]]
            )
    return [theirs]


def _is_nested(column: str, columns: Sequence[str]) -> bool:
    """Whether a name with points is a path within another column."""
    return any(column.startswith(f"{other}.") for other in columns if other != column)


def _line_problem(name: str, line: int, kind: str, message: str) -> Problem:
    """One line of a CSV file that is no row, said plainly."""
    width = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if width:
        what = f"the line has {width[2]} fields where the header has {width[1]}."
        return Problem(what, "Quote a text that holds the separator.", name, line)
    said = {
        "UNQUOTED VALUE": "a quote does not end where the field does.",
        "INVALID ENCODING": "the text is not in UTF-8.",
        "LINE SIZE OVER MAXIMUM": f"a line is longer than {MAX_LINE >> 20} MiB.",
        "INVALID STATE": "a quote does not end where the field does.",
    }
    return Problem(said.get(kind, "the line is no row of the table."), _SAVE, name, line)


def read_problem(table: Table, error: Exception) -> Problem:
    """Why a file could not be read to its end."""
    message = str(error)
    if table.packing != "none" and table.packing in message.lower():
        return Problem(f"the {table.packing} file is damaged or cut off.", _COPY, table.name)
    if table.kind == "parquet":
        return Problem("the Parquet file is damaged or cut off.", _COPY, table.name)
    if "maximum_object_size" in message or "aximum line size" in message:
        return Problem(
            f"a line is longer than {MAX_LINE >> 20} MiB.", "This is no log.", table.name
        )
    at = re.search(r"CSV Error on Line: (\d+)", message)
    line = int(at[1]) + table.skip if at else None
    for sign, kind in (
        ("unterminated quote", "UNQUOTED VALUE"),
        ("not utf-8", "INVALID ENCODING"),
    ):
        if sign in message:
            return _line_problem(table.name, line or 0, kind, message)
    what = "the file cannot be read as a table."
    if table.kind == "array":
        what = "the file is not one JSON array of objects to its end."
    return Problem(what, "It may be damaged or cut off.", table.name, line)


def line_of(table: Table, row: int) -> int | None:
    """The line of the n-th row of a file; those of a Parquet file count from 2, as elsewhere."""
    if table.kind == "parquet":
        return row + 1
    if table.kind == "array" or table.packing == "zstd":
        return row
    with contextlib.suppress(OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError):
        opened: Any = gzip.open if table.packing == "gzip" else open
        with opened(table.path, "rb") as stream:
            if table.kind == "lines":
                for line in range(1, 1 << 62):
                    block = stream.readline(MAX_LINE)
                    if not block:
                        return None
                    row -= bool(block.strip())
                    if row == 0:
                        return line
            text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
            reader = csv.reader(text, delimiter=table.separator)
            start = 1
            for cells in reader:
                if cells:
                    row -= 1
                    if row < 0:
                        return start
                start = reader.line_num + 1
    return None


#: Fields that only the logs of one program have, and the importer that reads them.
_PROGRAMS = {
    "lm-eval": {"doc_id", "resps"},
    "eee": {"evaluation", "sample_id", "model_id"},
    "inspect": {"eval", "samples"},
    "helm": {"instance_id", "stats"},
    "opencompass": {"origin_prompt", "prediction"},
}


def importer_of(columns: Iterable[str]) -> str:
    """The format of `hat import` that reads files with some fields; empty if it is none of ours.

    Examples
    --------
    >>> importer_of(["doc_id", "resps", "acc"]), importer_of(["item", "correct"])
    ('lm-eval', '')
    """
    names = set(columns)
    return next((program for program, needed in _PROGRAMS.items() if needed <= names), "")
