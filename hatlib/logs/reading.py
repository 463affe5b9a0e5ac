"""Read strangers' logs: bounded in time and memory, and never out of the folder that was given.

Nothing here is executed, unpickled or written.  Whatever a file holds instead of what it should
ends in a `Problem` that names the file and the line.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hatlib.errors import InputError, Problem, listing
from hatlib.show.words import counted

#: A line longer than this (bytes) is refused.
MAX_LINE = 64 << 20
#: Reading stops when a file has given this many bytes, unpacked.
MAX_FILE = 8 << 30
#: A JSON file, or a file in a zip file, larger than this (bytes, unpacked) is refused.
MAX_MEMBER = 256 << 20
#: A zip file whose list of contents is larger than this (bytes) is refused unread.
MAX_CONTENTS = 64 << 20
#: A folder with more files than this is refused.
MAX_FILES = 100_000
#: A file that has more bad lines than this is not read on.
MAX_BAD_LINES = 20
#: Names longer than this (characters) are cut.
MAX_NAME = 200

#: Called with what is read, how many bytes of it are done, and how many there are.
Progress = Callable[[str, int, int], None]

_WATCHER: ContextVar[Progress | None] = ContextVar("watcher", default=None)
_DAMAGED = (EOFError, OSError, zlib.error, gzip.BadGzipFile)


@contextlib.contextmanager
def watched(progress: Progress | None) -> Iterator[None]:
    """While this lasts, `progress` hears of every file that is read."""
    token = _WATCHER.set(progress)
    try:
        yield
    finally:
        _WATCHER.reset(token)


@dataclass(frozen=True)
class Found:
    """The files to read.

    Attributes
    ----------
    files : tuple of Path
        In the order of the paths given, sorted within each folder, each file once.
    passed : tuple of str
        What was passed over, and why, as lines for a report.
    """

    files: tuple[Path, ...]
    passed: tuple[str, ...] = ()


def find_files(
    paths: Sequence[str | Path], wanted: Callable[[str], bool], what: str = "logs"
) -> Found:
    """The files among some paths: each file that is named, and in each folder those wanted.

    A link that is named is followed. A link inside a folder is followed only if it ends inside
    this folder.

    Parameters
    ----------
    paths : sequence of path
        Files and folders.
    wanted : callable
        Says of the name of a file in a folder whether to read it.
    what : str
        What the files are called in a message.

    Returns
    -------
    Found

    Raises
    ------
    InputError
        If a path is not there or neither a file nor a folder, or there is no file to read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.jsonl").write_text("{}")
    ...     found = find_files([folder], lambda name: name.endswith(".jsonl"))
    >>> [path.name for path in found.files]
    ['a.jsonl']
    """
    problems: list[Problem] = []
    files: dict[str, Path] = {}
    twice = others = 0
    outside: list[str] = []
    for path in map(Path, paths):
        try:
            mode = path.stat().st_mode
            here = list(_inside(path, outside)) if stat.S_ISDIR(mode) else [path]
        except FileNotFoundError:
            problems.append(Problem("there is no such file or folder.", file=shown(path)))
            continue
        except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
            why = getattr(error, "strerror", None) or error
            problems.append(Problem(f"it cannot be read: {why}.", file=shown(path)))
            continue
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            problems.append(Problem("this is neither a file nor a folder.", file=shown(path)))
            continue
        chosen = [each for each in here if wanted(each.name)] if stat.S_ISDIR(mode) else here
        others += len(here) - len(chosen)
        for each in chosen:
            twice += os.path.realpath(each) in files
            files.setdefault(os.path.realpath(each), each)
    passed = []
    if twice:
        passed.append(f"{counted(twice, 'file')} named twice, and read once.")
    if outside:
        passed.append(
            f"{counted(len(outside), 'symbolic link')} out of the folder, not followed: "
            f"{listing(outside, 3)}. Name the files themselves to read them."
        )
    if others:
        passed.append(f"{counted(others, 'file')} whose names are not those of {what}.")
    if not files and not problems:
        where = listing(map(shown, map(Path, paths)), 3) if paths else ""
        remedy = " ".join(passed) or "The folder is empty." if paths else "Name a file or a folder."
        problems.append(Problem(f"there are no {what} to read.", remedy, file=where))
    if len(files) > MAX_FILES:
        problems.append(Problem(f"there are {len(files):,} {what}.", "Import them in parts."))
    if problems:
        raise InputError(problems)
    return Found(tuple(files.values()), tuple(passed))


def _inside(folder: Path, outside: list[str]) -> Iterator[Path]:
    """The regular files in a folder and its folders; `outside` grows by the links that leave it."""
    root = folder.resolve()
    n = 0
    for here, folders, names in os.walk(folder):  # which does not follow links to folders
        folders.sort()
        outside += [name for name in folders if (Path(here) / name).is_symlink()]
        for name in sorted(names):
            n += 1
            if n > MAX_FILES:
                what = f"the folder has more than {MAX_FILES:,} files."
                raise InputError(Problem(what, "Name a smaller one.", file=shown(folder)))
            path = Path(here) / name
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                outside.append(name)
            elif path.is_file():
                yield path


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file as bytes, unpacked if it is gzip.

    Raises
    ------
    InputError
        If it is not a regular file, or cannot be opened.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(Problem("this is not a file.", file=shown(path)))
        raw = path.open("rb")
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}."
        raise InputError(Problem(what, file=shown(path))) from None
    with raw:
        start = raw.read(2)
        raw.seek(0)
        counting = _Counting(raw, path)
        if start == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=counting) as unpacked, io.BufferedReader(unpacked) as stream:
                yield stream
        else:
            yield io.BufferedReader(counting, 1 << 20)


class _Counting(io.RawIOBase):
    """A stream that tells the watcher how much of the file is read."""

    def __init__(self, raw: IO[bytes], path: Path) -> None:
        self._raw, self._done, self._told = raw, 0, 0
        self._watcher = _WATCHER.get()
        self._name = clean(path.name)
        self._size = os.fstat(raw.fileno()).st_size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._raw.read(len(buffer))
        buffer[: len(block)] = block
        self._done += len(block)
        if self._watcher and (self._done - self._told > 1 << 20 or not block):
            self._told = self._done
            self._watcher(self._name, self._done, max(self._size, self._done))
        return len(block)


def lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    r"""The lines of a UTF-8 file, plain or gzip, with their numbers; empty lines are skipped.

    Parameters
    ----------
    path : Path
        The file.
    problems : list of Problem
        Grows by what is wrong. Reading goes on after a line that is no text, up to
        `MAX_BAD_LINES` problems, and stops at a line or a file that is too long.

    Yields
    ------
    number : int
        From 1.
    line : str

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     _ = path.write_bytes(b'{"a": 1}\n\n\xff\n')
    ...     problems = []
    ...     print(list(lines(path, problems)), problems[0].what)
    [(1, '{"a": 1}')] the text is not in UTF-8.
    """
    file = shown(path)
    number = total = bad = 0

    def note(what: str, remedy: str = "") -> None:
        problems.append(Problem(what, remedy, file, number))

    try:
        with opened(path) as stream:
            while block := stream.readline(MAX_LINE + 1):
                number += 1
                total += len(block)
                if len(block) > MAX_LINE:
                    note(f"the line is longer than {_size(MAX_LINE)}.", "This is no log.")
                    return
                if total > MAX_FILE:
                    note(f"the file holds more than {_size(MAX_FILE)}.", "Split it.")
                    return
                if number == 1 and (what := not_text(block)):
                    note(what)
                    return
                if number == 1:
                    block = block.removeprefix(b"\xef\xbb\xbf")
                if b"\0" in block:
                    note("the line has NUL bytes: the file is damaged or not text.")
                    bad += 1
                else:
                    try:
                        text = block.decode("utf-8").strip()
                    except UnicodeDecodeError:
                        note("the text is not in UTF-8.", "Save it in UTF-8.")
                        bad += 1
                    else:
                        if text:
                            yield number, text
                if bad > MAX_BAD_LINES:
                    note("too many lines are bad: the rest of the file was not read.")
                    return
    except InputError as error:
        problems += error.problems
    except _DAMAGED:
        number += 1
        note("the file is damaged or cut off from here on.", "Copy it again.")


def objects(path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    r"""The JSON objects of a file with one a line (JSONL), plain or gzip, with line numbers.

    Parameters
    ----------
    path : Path
        The file.
    problems : list of Problem
        Grows by what is wrong, as in `lines`.

    Yields
    ------
    number : int
        From 1.
    row : dict

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     _ = path.write_text('{"a": 1}\n[2]\n{"a"')
    ...     problems = []
    ...     print(list(objects(path, problems)), [p.row for p in problems])
    [(1, {'a': 1})] [2, 3]
    """
    bad = 0
    for number, text in lines(path, problems):
        row = parsed(text)
        if isinstance(row, dict):
            yield number, row
            continue
        what = "the line is not JSON." if row is None else "the line is not a JSON object."
        problems.append(Problem(what, "It may be cut off.", shown(path), number, value=text[:80]))
        bad += 1
        if bad > MAX_BAD_LINES:
            what = "too many lines are bad: the rest of the file was not read."
            problems.append(Problem(what, file=shown(path), row=number))
            return


def json_object(path: Path, problems: list[Problem]) -> dict[str, Any] | None:
    """The JSON object that a file holds, plain or gzip; None if it holds none.

    Parameters
    ----------
    path : Path
        The file.
    problems : list of Problem
        Grows by what is wrong.
    """
    try:
        with opened(path) as stream:
            content = stream.read(MAX_MEMBER + 1)
    except InputError as error:
        problems += error.problems
        return None
    except _DAMAGED:
        problems.append(
            Problem("the file is damaged or cut off.", "Copy it again.", file=shown(path))
        )
        return None
    return object_of(content, shown(path), problems)


def object_of(content: bytes, file: str, problems: list[Problem]) -> dict[str, Any] | None:
    """The JSON object that some bytes hold; None, and a problem, if they hold none.

    Examples
    --------
    >>> object_of(b'{"a": 1}', "a.json", [])
    {'a': 1}
    """
    what = not_text(content)
    if len(content) > MAX_MEMBER:
        what = f"the file holds more than {_size(MAX_MEMBER)}."
    elif not what:
        try:
            row = parsed(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            what = "the text is not in UTF-8."
        else:
            if isinstance(row, dict):
                return row
            what = "the file is not JSON." if row is None else "the file is not a JSON object."
    problems.append(Problem(what, "It may be cut off or of another kind.", file=file))
    return None


def parsed(text: str) -> Any:
    """The value of a JSON text; None if it is not JSON, whatever is wrong with it.

    Examples
    --------
    >>> parsed("[1]"), parsed("[" * 100_000), parsed("{'a': 1}")
    ([1], None, None)
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # a number of thousands of digits is a ValueError
        return None


def is_zip(path: Path) -> bool:
    """Whether a file starts like a zip file."""
    try:
        with opened(path) as stream:
            return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except (InputError, *_DAMAGED):
        return False


def members(
    path: Path, wanted: Callable[[str], bool], problems: list[Problem]
) -> Iterator[tuple[str, bytes]]:
    """The files in a zip file, one after the other, each unpacked in memory and nowhere else.

    Parameters
    ----------
    path : Path
        The zip file.
    wanted : callable
        Says of a name inside whether to unpack it.
    problems : list of Problem
        Grows by what is wrong: a file inside that is damaged, encrypted or too large, and a zip
        file that is damaged or gives too much in all.

    Yields
    ------
    name : str
        As the zip file has it. It is data: never open it as a path.
    content : bytes
        At most `MAX_MEMBER` bytes.
    """
    file = shown(path)
    damaged = Problem("the zip file is damaged or cut off.", "Copy it again.", file)
    total = 0
    try:
        with path.open("rb") as raw:
            if contents_size(raw) > MAX_CONTENTS:
                problems.append(Problem("the zip file holds too many files.", file=file))
                return
            with zipfile.ZipFile(raw) as archive:
                chosen = [entry for entry in archive.infolist() if wanted(entry.filename)]
                names = [entry.filename for entry in chosen]
                if len(set(names)) < len(names):
                    what = "the zip file holds two files of one name."
                    problems.append(Problem(what, "Write the log again.", file))
                    return
                watcher = _WATCHER.get()
                for k, entry in enumerate(chosen):
                    inside = f"{file}, {clean(entry.filename)}"
                    content = _unpacked(archive, entry, inside, problems)
                    if content is None:
                        continue
                    total += len(content)
                    if total > MAX_FILE:
                        what = f"the file holds more than {_size(MAX_FILE)}."
                        problems.append(Problem(what, "Split it.", file))
                        return
                    if watcher:
                        watcher(clean(path.name), k + 1, len(chosen))
                    yield entry.filename, content
    except OSError as error:
        why = f"the file cannot be read: {error.strerror}."
        problems.append(Problem(why, file=file) if error.strerror else damaged)
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, EOFError):
        problems.append(damaged)


def _unpacked(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, inside: str, problems: list[Problem]
) -> bytes | None:
    """The content of one file in a zip file, whatever size it claims to have."""
    what = ""
    try:
        with archive.open(entry) as stream:
            content = stream.read(MAX_MEMBER + 1)
        if len(content) <= MAX_MEMBER:
            return content
        what = f"the file holds more than {_size(MAX_MEMBER)}."
    except RuntimeError as error:  # NotImplementedError is one
        kind = "packed in an unknown way" if isinstance(error, NotImplementedError) else "encrypted"
        what = f"the file is {kind}."
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, zlib.error, struct.error):
        what = "the file is damaged."
    problems.append(Problem(what, file=inside))
    return None


def contents_size(raw: IO[bytes]) -> int:
    """Bytes of the list of contents of a zip file, by its last record; 0 if there is none."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - (1 << 17)))
    tail = raw.read()
    raw.seek(0)
    end, end64 = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    short = tail[end + 12 : end + 16] if end >= 0 else b""
    long = tail[end64 + 40 : end64 + 48] if end64 >= 0 else b""
    sizes = [int.from_bytes(field, "little") for field in (short, long)]
    return sizes[1] if sizes[0] == 0xFFFFFFFF else sizes[0]


def not_text(start: bytes) -> str:
    """What a file is that is no UTF-8 text, by its first bytes; empty if it may be."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "the text is in UTF-16, not in UTF-8."
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "this is a zip file."
    if start[:4] == b"PAR1":
        return "this is a Parquet file."
    if start[:4] == b"\x28\xb5\x2f\xfd":
        return "this is a Zstandard file. Unpack it first."
    return ""


def shown(path: Path) -> str:
    """A file as messages call it: its name and that of its folder.

    Examples
    --------
    >>> shown(Path("/logs/model-a/samples.jsonl"))
    'model-a/samples.jsonl'
    """
    parts = [part for part in path.parts if part != path.anchor]
    return clean("/".join(parts[-2:]) or str(path))


def clean(value: object, most: int = MAX_NAME) -> str:
    r"""A name from a log, as one line of printable text of bounded length.

    Two long names stay two: what is cut off is replaced by a sum of it.

    Examples
    --------
    >>> clean(" a\tb\x1b[31m "), clean(None), clean(12), clean(3.0)
    ('a b�[31m', '', '12', '3')
    >>> len(clean("x" * 1000))
    200
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = " ".join(str(value).split())
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "�" for c in text)
    if len(text) <= most:
        return text
    return f"{text[: most - 9]}…{zlib.crc32(text.encode()):08x}"


def _size(n: int) -> str:
    """A number of bytes for a message.

    Examples
    --------
    >>> _size(64 << 20), _size(8 << 30), _size(1000)
    ('64 MiB', '8 GiB', '1,000 bytes')
    """
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB")):
        if n >= unit:
            return f"{n / unit:.3g} {name}"
    return f"{n:,} bytes"
