"""Read strangers' logs: bounded in time and memory, and never out of the folder that was given.

Nothing here is executed or unpickled. Whatever a file holds instead of what it should ends in a
`Problem` that names the file and the line. Files in an archive are copied, within bounds, into a
scratch folder under names of our own; their names in the archive are data.
"""

from __future__ import annotations

import copy
import io
import json
import os
import re
import stat
import struct
import tarfile
import tomllib
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import IO, Any

from hatlib.data.door import importer_of, unpacked
from hatlib.data.files import columns_of
from hatlib.errors import InputError, Problem, listing
from hatlib.words import counted

#: A line longer than this (bytes) is refused.
MAX_LINE = 64 << 20
#: Reading stops when a file has given this many bytes, unpacked.
MAX_FILE = 8 << 30
#: A JSON value, or a file in an archive, larger than this (bytes, unpacked) is refused.
MAX_MEMBER = 256 << 20
#: A folder with more files than this is refused.
MAX_FILES = 100_000
#: A file that has more bad lines than this is not read on.
MAX_BAD_LINES = 20
#: Names longer than this (characters) are cut.
MAX_NAME = 200

#: How files to read are called, and those beside them.
Names = tuple[re.Pattern[str], re.Pattern[str]]
#: Says of the name of a file whether it is read.
Wanted = Callable[[str], object]
#: Called with what is read, how many bytes of it are done, and how many there are.
Progress = Callable[[str, int, int], None]

#: What macOS, JupyterLab and Excel put beside files.
_HIDDEN = re.compile(r"(^|/)(\.(?!\.?/)|~\$|__MACOSX/)")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst")
_DAMAGED = (
    *(EOFError, OSError, ValueError, RuntimeError, zlib.error, struct.error),
    *(tarfile.TarError, zipfile.BadZipFile),
)
_ZSTD = 93  # how zip files name Zstandard, which zipfile knows from Python 3.14 on


def facts_in(name: str) -> dict[str, Any]:
    """The facts in a file beside this one."""
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


#: What an import says.
MESSAGES = facts_in("messages.toml")


def refusal(
    key: str, file: str = "", row: int | None = None, value: str = "", **words: Any
) -> InputError:
    """What is wrong, by its key in ``messages.toml``, and where."""
    what, remedy = (text.format(**words) for text in MESSAGES["refused"][key])
    return InputError(Problem(what, remedy, file, row, words.get("column", ""), value))


@dataclass
class ImportReport:
    """What an import did, in plain sentences.

    Attributes
    ----------
    read : list of str
        The files, and how much is in them.
    chosen : list of str
        What was chosen among several: filter, metric, the latest of some runs.
    assumed : list of str
        What was taken for granted because the logs do not say it.
    dropped : list of str
        What was left out and why, with numbers.
    paired : list of str
        How items were found again in other languages, and how that was checked.
    missing : list of str
        Items without an answer, for each model and language.
    """

    read: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    paired: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        titles = {"dropped": "Left out", "paired": "Paired across languages"}
        parts = ((each.name, getattr(self, each.name)) for each in fields(ImportReport))
        said = ((titles.get(name, name.capitalize()), lines) for name, lines in parts if lines)
        return "\n".join("\n  - ".join([f"{t}:", *_first(lines)]) for t, lines in said)


@dataclass
class Notes(ImportReport):
    """The report while it is written, with the problems that stop an import."""

    problems: list[Problem] = field(default_factory=list)
    progress: Progress = lambda name, done, size: None

    def refuse(self, key: str, *place: Any, **about: Any) -> Any:
        """Note what is wrong, as `refusal`; None."""
        self.problems += refusal(key, *place, **about).problems

    def note(self, part: str, key: str, **words: Any) -> None:
        """Add a line to a part of the report, by its key in ``messages.toml``."""
        getattr(self, part).append(MESSAGES[part][key].format(**words))

    def stop(self) -> None:
        """Raise what is wrong, if anything is."""
        if self.problems:
            raise InputError(list(dict.fromkeys(self.problems)))


@dataclass(frozen=True)
class File:
    """A file to read.

    Attributes
    ----------
    path : Path
        Where its bytes are.
    relative : str
        Its path below the folder or archive that was named; of a named file, its name.
    folder : str
        The folder that it is in, with ``/`` between its parts.
    named : bool
        Whether the user named it, not its folder.
    """

    path: Path
    relative: str
    folder: str
    named: bool = False

    @property
    def base(self) -> str:
        """Its name without folders."""
        return self.relative.rsplit("/", 1)[-1]

    @property
    def name(self) -> str:
        """What messages call it: its whole path, so that no two files have one name."""
        return clean(PurePosixPath(self.folder, self.base))


@dataclass(frozen=True)
class Found:
    """The files to read, and those beside them."""

    files: tuple[File, ...]
    beside: tuple[File, ...] = ()


def _first(lines: Sequence[str], most: int = 30) -> list[str]:
    """The first of some lines, each once, and how many there are more."""
    once = list(dict.fromkeys(lines))
    return once if len(once) <= most else [*once[: most - 1], f"… and {len(once) - most + 1} more."]


# Finding --------------------------------------------------------------------------------------


def find_files(
    paths: Sequence[str | Path], named: Names, notes: Notes, scratch: Path, what: str = "logs"
) -> Found:
    r"""The files among some paths: each file that is named, and in each folder those wanted.

    A link that is named is followed. A link inside a folder is followed only if it ends inside
    this folder. Archives (zip; tar, plain or packed) are folders, whose files go to `scratch`.
    The two patterns are of the names of files to read, and of those to list apart; `what` the
    files are called in messages. `InputError` if there is nothing to read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     here = Path(folder)
    ...     _ = (here / "a.jsonl").write_text("{}")
    ...     named = re.compile(r".*\.jsonl"), re.compile("")
    ...     found = find_files([here], named, Notes(), here)
    >>> [file.relative for file in found.files]
    ['a.jsonl']
    """
    wanted, beside = (pattern.fullmatch for pattern in named)
    listed: list[File] = []
    for file in (file for path in map(Path, paths) for file in _below(path, notes)):
        if not os.access(file.path, os.R_OK):
            notes.refuse("unreadable", file.name, why="permission denied")
        elif file.base.lower().endswith(_ARCHIVES) and not _is_pointer(file.path):
            listed += _archived(file.path, scratch, lambda n: wanted(n) or beside(n), notes)
        else:
            near = sorted(file.path.parent.glob("*")) if file.named else []
            near = [p for p in near if beside(p.name) and p.is_file() and not p.is_symlink()]
            listed += [file, *(File(p, p.name, file.folder) for p in near)]
    found: dict[bool, dict[tuple[int, int], File]] = {True: {}, False: {}}
    others: list[File] = []
    for file in listed:
        is_wanted = file.named or bool(wanted(file.base))
        about, hidden = file.path.stat(), not file.named and _HIDDEN.search(file.relative)
        if hidden or not (is_wanted or beside(file.base)):
            others.append(file)
        else:
            first = found[is_wanted].setdefault((about.st_dev, about.st_ino), file)
            if is_wanted and first is not file:
                notes.note("dropped", "twice", file=file.name)
    if not found[True]:
        others += found[False].values()
    if others:
        n, files = counted(len(others), "file"), what.partition(" (")[0]
        program = next(filter(None, map(_program, others[:3])), "")
        key = "other-logs" if program else "others"
        notes.note("dropped", key, n=n, files=files, program=program)
    if not found[True] and not notes.problems:
        where = listing(map(clean, paths), 3)
        remedy = " ".join(notes.dropped) or "The folder or archive holds none."
        remedy = remedy if where else "Name a file or a folder."
        notes.refuse("nothing", where, files=what, remedy=remedy)
    every = [file for files in found.values() for file in files.values()]
    pointers = [file.name for file in every if _is_pointer(file.path)]
    if pointers:
        what = f"{len(pointers)} of {counted(len(every), 'file')}"
        notes.refuse("pointers", listing(pointers, 3), n=what)
    notes.stop()
    return Found(*(tuple(files.values()) for files in found.values()))


def _below(path: Path, notes: Notes) -> Iterator[File]:
    """The files that a path stands for: itself, or the regular files in a folder."""

    def unread(error: OSError | ValueError) -> None:  # a name with a NUL is a ValueError
        place, why = getattr(error, "filename", path), getattr(error, "strerror", None) or error
        notes.refuse("unreadable", clean(place or path), why=str(why).lower())

    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        return unread(error)
    if stat.S_ISREG(mode):
        yield File(path, path.name, path.parent.as_posix(), named=True)
        return None
    if not stat.S_ISDIR(mode):
        return notes.refuse("no-file", clean(path))
    outside, n, root = [], 0, path.resolve()
    for here, folders, names in os.walk(path, onerror=unread):  # it does not follow links
        folders.sort()
        for each in (Path(here) / name for name in (*folders, *sorted(names))):
            leaves = each.is_dir() or not Path(os.path.realpath(each)).is_relative_to(root)
            if each.is_symlink() and leaves:
                outside.append(each.name)
            elif each.is_file():
                yield File(each, each.relative_to(path).as_posix(), each.parent.as_posix())
        n += len(folders) + len(names)
        if n > MAX_FILES:
            raise refusal("many-files", clean(path), most=MAX_FILES)
    if outside:
        links = counted(len(outside), "symbolic link")
        notes.note("dropped", "links", n=links, links=listing(outside, 3))
    return None


def _program(file: File) -> str:
    """The format of a file that is not read, by its name or its first record."""
    return "inspect" if file.base.endswith(".eval") else importer_of(columns_of(file.path))


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(42) == b"version https://git-lfs.github.com/spec/v1"


# Archives -------------------------------------------------------------------------------------


def _archived(path: Path, scratch: Path, wanted: Wanted, notes: Notes) -> Iterator[File]:
    """The files wanted in an archive, copied into the scratch folder."""
    shown = lambda n: wanted(n.rsplit("/", 1)[-1]) and not _HIDDEN.search(n)  # noqa: E731
    for name, content in members(path, shown, notes):
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        copied = scratch / f"{len(list(scratch.iterdir()))}{Path(parts[-1]).suffix[:9]}"
        copied.write_bytes(content)
        where = "/".join([path.as_posix(), *parts[:-1]])
        yield File(copied, "/".join(parts), where)


def members(path: Path, wanted: Wanted, notes: Notes) -> Iterator[tuple[str, bytes]]:
    """The files in a zip or tar file that are wanted by name, each unpacked in memory.

    A name is data: never open it as a path. A content has at most `MAX_MEMBER` bytes; files that
    are damaged, encrypted or too large, and archives that are or give too much, are problems.
    """
    file, total = clean(path.as_posix()), 0
    try:
        for name, content in (_zipped if is_zip(path) else _tarred)(path, wanted):
            if len(content) > MAX_MEMBER:
                notes.refuse("large", f"{file}, {clean(name)}", most=MAX_MEMBER)
                continue
            total += len(content)
            if total > MAX_FILE:
                raise refusal("large", most=MAX_FILE)
            yield name, content
    except _DAMAGED as error:
        notes.refuse("damaged", file, why=_why(error))


def _zipped(path: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """The files in a zip file, whatever sizes it claims, each up to a byte too much."""
    with zipfile.ZipFile(path) as archive:
        entries = [e for e in archive.infolist() if not e.is_dir() and wanted(e.filename)]
        if len({entry.filename for entry in entries}) < len(entries):
            raise refusal("two-names")
        for entry in entries:
            packed, is_zstd = copy.copy(entry), entry.compress_type == _ZSTD
            if is_zstd:  # for zipfile these are bytes that it need not unpack
                packed.compress_type, packed.file_size = zipfile.ZIP_STORED, entry.compress_size
                packed.CRC = None  # type: ignore[assignment]  # zipfile then checks none
            with archive.open(packed) as stream:
                content = (_unzstd(stream) if is_zstd else stream).read(MAX_MEMBER + 1)
            if is_zstd and len(content) <= MAX_MEMBER and zlib.crc32(content) != entry.CRC:
                raise zipfile.BadZipFile
            yield entry.filename, content


def _unzstd(stream: Any) -> IO[bytes]:
    import pyarrow as arrow

    return io.BufferedReader(arrow.CompressedInputStream(arrow.PythonFile(stream), "zstd"))


def _tarred(path: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """The regular files in a tar file, plain or packed, each up to a byte too much."""
    total = 0
    with opened(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            total += max(entry.size, 512)
            if total > MAX_FILE:
                raise refusal("large", most=MAX_FILE)
            if entry.isreg() and wanted(entry.name) and (content := archive.extractfile(entry)):
                yield entry.name, content.read(MAX_MEMBER + 1)


def is_zip(path: Path) -> bool:
    """Whether a file starts like a zip file."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


# JSON -----------------------------------------------------------------------------------------


def opened(path: Path) -> io.BufferedReader:
    """A file as bytes, unpacked if it is gzip or Zstandard."""
    return io.BufferedReader(unpacked(path)[0])


def objects(file: File, notes: Notes) -> Iterator[tuple[int, dict[str, Any]]]:
    r"""The JSON objects of a file, one a line or all in one array, with their numbers from 1.

    The file is plain, gzip or Zstandard. Reading goes on after a bad line, up to `MAX_BAD_LINES`,
    and stops at a line or a file that is too long.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     notes = Notes()
    ...     _ = path.write_text('{"a": 1}\n[2]\n{"a"')
    ...     print(list(objects(File(path, "a", ""), notes)), [p.row for p in notes.problems])
    ...     _ = path.write_text('[{"a": 1},\n {"a": 2}]')
    ...     print(list(objects(File(path, "a", ""), notes)))
    [(1, {'a': 1})] [2, 3]
    [(1, {'a': 1}), (2, {'a': 2})]
    """
    bad = number = 0
    try:
        with opened(file.path) as stream:
            start = stream.peek(1 << 16).removeprefix(b"\xef\xbb\xbf")
            is_array = re.match(rb"\s*\[\s*[{\]]", start)
            for number, row, text in (_elements if is_array else _lines)(stream):
                if isinstance(row, dict):
                    yield number, row
                    continue
                key = "not-json" if row is None else "no-object"
                notes.refuse(key, file.name, number, _start(text), remedy=_CUT)
                bad += 1
                if bad > MAX_BAD_LINES:
                    return notes.refuse("bad-lines", file.name, number)
    except _DAMAGED as error:
        notes.refuse("damaged", file.name, number + 1, why=_why(error))


_CUT = "It may be cut off, packed or of another kind."


def _elements(stream: IO[bytes]) -> Iterator[tuple[int, Any, bytes]]:
    """The elements of a JSON array, each with its number and how it starts."""
    text = stream.read(MAX_MEMBER + 1)
    array = parsed(text)
    if not isinstance(array, list):
        yield 1, array, text
        return
    for number, row in enumerate(array, 1):
        yield number, row, b""


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, Any, bytes]]:
    """The JSON values of a text, one a line, each with the number of the line and its text."""
    total = 0
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
        total += len(line)
        if len(line) > MAX_LINE:
            raise refusal("long-line", most=MAX_LINE)
        if total > MAX_FILE:
            raise refusal("large", most=MAX_FILE)
        if line.strip():
            yield number, parsed(line), line


def json_value(file: File, notes: Notes) -> Any:
    """The JSON value that a file holds, plain or packed; None, and a problem, if it holds none."""
    try:
        with opened(file.path) as stream:
            return value_of(stream.read(MAX_MEMBER + 1), file.name, notes)
    except _DAMAGED as error:
        return notes.refuse("damaged", file.name, why=_why(error))


def value_of(content: bytes, file: str, notes: Notes) -> Any:
    """The JSON value that some bytes hold; None, and a problem, if they hold none.

    Examples
    --------
    >>> value_of(b'{"a": 1}', "a.json", Notes())
    {'a': 1}
    """
    value = parsed(content)
    if value is None:
        first = parsed(content.split(b"\n", 1)[0])
        key = "json-lines" if isinstance(first, dict) else "not-json"
        about = {"remedy": remedy_for(first), "most": MAX_MEMBER}
        key = "large" if len(content) > MAX_MEMBER else key
        notes.refuse(key, file, value=_start(content), **about)
    return value


def remedy_for(record: Any) -> str:
    """What to do about a record that is of another program, or of none."""
    program = importer_of(record) if isinstance(record, dict) else ""
    return f"Use hat import {program}." if program else _CUT


def parsed(text: str | bytes) -> Any:
    r"""The value of a JSON text; None if it is not JSON in UTF-8, whatever is wrong with it.

    Examples
    --------
    >>> parsed("[1]"), parsed(b"[" * 100_000), parsed("{'a': 1}"), parsed(b'"\xff"')
    ([1], None, None, None)
    """
    try:
        return json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError):  # a number of thousands of digits is a ValueError
        return None


# Words ----------------------------------------------------------------------------------------


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
    text = unicodedata.normalize("NFC", " ".join(str(value).split()))
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "�" for c in text)
    if len(text) <= most:
        return text
    return f"{text[: most - 9]}…{zlib.crc32(text.encode()):08x}"


def _start(text: bytes) -> str:
    return text[:80].decode("utf-8", "replace")


def _why(error: Exception) -> str:
    """Why a file could not be read to its end."""
    if isinstance(error, InputError):
        return error.problems[0].what
    if isinstance(error, OSError) and error.strerror:
        return f"the file cannot be read: {error.strerror}."
    return "the file is damaged, cut off, encrypted or packed in an unknown way."
