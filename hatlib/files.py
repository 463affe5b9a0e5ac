"""Read a table from a file as text, whatever state the file is in.

Files come from strangers: every way in which one can fail to be a table ends in an `InputError`
that says what it is instead, within a bounded amount of memory.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from hatlib.errors import InputError, Problem, listing
from hatlib.schema import Place

#: A file that grows beyond this when unpacked is refused.
MAX_BYTES = 1 << 30


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
    >>> import hatlib.data
    >>> frame, place = read_table(hatlib.data.data_folder() / "languages.csv")
    >>> list(frame.columns), place.lines[0]
    (['language', 'name', 'script', 'family'], 2)
    """
    path = Path(path)
    content = _bytes(path)
    if path.suffix == ".parquet" or content[:4] == b"PAR1":
        frame = _read_parquet(content, path)
        return frame, Place(path.name, range(2, len(frame) + 2))
    return _read_csv(_decoded(content, path), path)


def _bytes(path: Path) -> bytes:
    """The content of a file, unpacked, with a limit on its size."""
    _note_read(path)
    name = path.name
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
        raise InputError(Problem("the file holds more than 1 GiB.", "Split it.", file=name))
    if not content.strip():
        raise InputError(Problem("the file is empty.", "It needs a header and rows.", file=name))
    return content


def _note_read(path: Path) -> None:
    """Tell the runner which files an analysis depends on."""
    log = os.environ.get("HATLIB_READS")
    if log:
        with Path(log).open("a", encoding="utf-8") as stream:
            stream.write(f"{path.resolve()}\n")


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
    header = text.lstrip("\r\n").split("\n", 1)[0]
    separator = next((s for s in ",;\t" if s in header), ",")
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype=str,
            keep_default_na=False,
            na_values=[],
            skip_blank_lines=False,
            index_col=False,
            on_bad_lines="error",
        )
    except pd.errors.ParserError as error:
        raise InputError(_parser_problem(str(error), path)) from None
    except (pd.errors.EmptyDataError, ValueError):
        raise InputError(Problem("there is no table in it.", file=path.name)) from None
    frame.columns = [str(c).strip() for c in frame.columns]
    # A repeated column is renamed by pandas ("a", "a.1"); the header tells.
    names = [name.strip().strip('"') for name in header.strip("\r\n").split(separator)]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(
            Problem(f"column {listing(twice)} stands twice.", "Keep one.", path.name, 1)
        )
    frame = frame.fillna("")
    # Line numbers stay right below quoted line breaks.
    breaks = sum((frame[c].str.count("\n") for c in frame), start=pd.Series(0, frame.index))
    lines = np.arange(2, len(frame) + 2) + breaks.cumsum().shift(fill_value=0).to_numpy(int)
    for column in frame:
        frame[column] = frame[column].str.strip()
    filled = (frame != "").any(axis=1).to_numpy()
    return frame[filled].reset_index(drop=True), Place(path.name, lines[filled].tolist())


def _parser_problem(message: str, path: Path) -> Problem:
    """A parse error of pandas, said plainly."""
    match = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    if match:
        expected, line, saw = map(int, match.groups())
        return Problem(
            f"the line has {saw} fields where the header has {expected}.",
            "Quote a text that holds the separator.",
            path.name,
            line,
        )
    return Problem("the file is not a table with commas.", "Check its quotes.", path.name)


def _read_parquet(content: bytes, path: Path) -> pd.DataFrame:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        frame = parquet.read_table(io.BytesIO(content)).to_pandas()
    except (arrow.ArrowException, OSError, ValueError):
        raise InputError(
            Problem("the Parquet file is damaged or cut off.", file=path.name)
        ) from None
    frame.columns = [str(c) for c in frame.columns]
    return frame.map(lambda value: "" if pd.isna(value) else str(value)).astype(str)
