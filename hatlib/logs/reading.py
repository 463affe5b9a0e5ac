"""Read strangers' logs: bounded in time and memory, and never out of the folder that was given.

Nothing here is executed or unpickled. Whatever a file holds instead of what it should ends in a
`Problem` that names the file and the line. Files in an archive are copied, within bounds, into a
scratch folder under names of our own; their names in the archive are data.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import hashlib
import io
import json
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from hatlib.errors import InputError, Problem, listing
from hatlib.words import counted

#: A line longer than this (bytes) is refused.
MAX_LINE = 64 << 20
#: Reading stops when a file has given this many bytes, unpacked.
MAX_FILE = 8 << 30
#: A JSON value, or a file in an archive, larger than this (bytes, unpacked) is refused.
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

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst")
_DAMAGED = (
    *(EOFError, OSError, ValueError, zlib.error, struct.error, NotImplementedError),
    *(tarfile.TarError, zipfile.BadZipFile),
)
_ZSTD = 93  # how zip files name Zstandard, which zipfile knows from Python 3.14 on
_COPY = "Copy it again."


@dataclass
class Notes:
    """What an import has to say: problems, which stop it, and lines for its report."""

    problems: list[Problem] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    progress: Progress = lambda name, done, size: None

    def problem(self, what: str, remedy: str = "", file: str = "", **place: Any) -> Any:
        """Note what is wrong; None."""
        self.problems.append(Problem(what, remedy, file, **place))

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
        Tells apart the folders that files are in.
    name : str
        What messages call it.
    named : bool
        Whether the user named it, not its folder.
    """

    path: Path
    relative: str
    folder: str
    name: str
    named: bool = False

    @property
    def base(self) -> str:
        """Its name without folders."""
        return self.relative.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Found:
    """The files to read, and those beside them."""

    files: tuple[File, ...]
    beside: tuple[File, ...] = ()


# Finding --------------------------------------------------------------------------------------


def find_files(
    paths: Sequence[str | Path],
    wanted: Callable[[str], bool],
    notes: Notes,
    scratch: Path | None = None,
    *,
    what: str = "logs",
    beside: Callable[[str], bool] = lambda name: False,
) -> Found:
    """The files among some paths: each file that is named, and in each folder those wanted.

    A link that is named is followed. A link inside a folder is followed only if it ends inside
    this folder. Archives (zip; tar, plain or packed) are folders, if there is a scratch folder.

    Parameters
    ----------
    paths : sequence of path
        Files, folders and archives.
    wanted, beside : callable
        Say of the name of a file whether to read it, or to list it apart.
    notes : Notes
        Learns what was passed over.
    scratch : Path, optional
        A folder for the contents of archives.
    what : str
        What the files are called in a message.

    Returns
    -------
    Found

    Raises
    ------
    InputError
        If a path is not there or neither a file nor a folder, if there is no file to read, or if
        files are pointers of Git LFS.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.jsonl").write_text("{}")
    ...     found = find_files([folder], lambda name: name.endswith(".jsonl"), Notes())
    >>> [file.relative for file in found.files]
    ['a.jsonl']
    """
    outside: list[str] = []
    listed: list[File] = []
    for file in (file for path in map(Path, paths) for file in _below(path, outside, notes)):
        if scratch and file.base.lower().endswith(_ARCHIVES):
            either = lambda name: wanted(name) or beside(name)  # noqa: E731
            listed += _archived(file.path, scratch, either, notes)
            continue
        listed.append(file)
        for path in sorted(file.path.parent.glob("*")) if file.named else ():
            if beside(path.name) and path.is_file() and not path.is_symlink():
                listed.append(File(path, path.name, file.folder, shown(path)))
    files: dict[tuple[int, int], File] = {}
    near: dict[tuple[int, int], File] = {}
    others = 0
    for file in listed:
        if not (file.named or wanted(file.base) or beside(file.base)):
            others += 1
            continue
        if not os.access(file.path, os.R_OK):
            notes.problem("it cannot be read: permission denied.", file=file.name)
            continue
        about = file.path.stat()
        real = (about.st_dev, about.st_ino)  # one also for a link
        if file.named or wanted(file.base):
            if files.setdefault(real, file) is not file:
                notes.dropped.append(f"{file.name}: named twice, and read once.")
        else:
            near[real] = file
    if outside:
        notes.dropped.append(
            f"{counted(len(outside), 'symbolic link')} out of the folder, not followed: "
            f"{listing(outside, 3)}. Name the files themselves to read them."
        )
    if others:
        line = f"{counted(others, 'file')} whose names are not those of {what}."
        notes.dropped.append(line)
    if not files and not notes.problems:
        remedy = " ".join(notes.dropped) or "The folder is empty."
        where = listing(map(shown, map(Path, paths)), 3)
        remedy = remedy if where else "Name a file or a folder."
        notes.problem(f"there are no {what} to read.", remedy, where)
    every = [*files.values(), *near.values()]
    pointers = [file.name for file in every if _is_pointer(file.path)]
    if pointers:
        told = (
            f"{len(pointers)} of {counted(len(every), 'file')} are pointers of Git LFS, not logs."
        )
        notes.problem(told, "Fetch the logs themselves: git lfs pull.", listing(pointers, 3))
    notes.stop()
    return Found(tuple(files.values()), tuple(near.values()))


def _below(path: Path, outside: list[str], notes: Notes) -> Iterator[File]:
    """The files that a path stands for."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = getattr(error, "strerror", None) or error
        return notes.problem(f"it cannot be read: {str(why).lower()}.", file=shown(path))
    if stat.S_ISREG(mode):
        yield File(path, path.name, str(path.parent), shown(path), named=True)
    elif not stat.S_ISDIR(mode):
        notes.problem("this is neither a file nor a folder.", file=shown(path))
    else:
        for each in _inside(path, outside):
            yield File(each, each.relative_to(path).as_posix(), str(each.parent), shown(each))
    return None


def _inside(folder: Path, outside: list[str]) -> Iterator[Path]:
    """The regular files in a folder; `outside` grows by the links that leave it."""
    n, root = 0, folder.resolve()
    for here, folders, names in os.walk(folder):  # which does not follow links to folders
        folders.sort()
        for path in (Path(here) / name for name in (*folders, *sorted(names))):
            n += 1
            if n > MAX_FILES:
                what = f"the folder has more than {MAX_FILES:,} files."
                raise InputError(Problem(what, "Name a smaller one.", file=shown(folder)))
            leaves = path.is_dir() or not Path(os.path.realpath(path)).is_relative_to(root)
            if path.is_symlink() and leaves:
                outside.append(path.name)
            elif path.is_file():
                yield path


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(42) == b"version https://git-lfs.github.com/spec/v1"


def _archived(
    path: Path, scratch: Path, wanted: Callable[[str], bool], notes: Notes
) -> Iterator[File]:
    """The files wanted in an archive, copied into the scratch folder."""
    for name, content in members(path, lambda n: wanted(n.rsplit("/", 1)[-1]), notes):
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        copied = scratch / f"{len(list(scratch.iterdir()))}{Path(parts[-1]).suffix[:9]}"
        copied.write_bytes(content)
        where = "/".join([str(path), *parts[:-1]])
        yield File(copied, "/".join(parts), where, f"{path.name}, {clean('/'.join(parts[-2:]))}")


def members(path: Path, wanted: Callable[[str], bool], notes: Notes) -> Iterator[tuple[str, bytes]]:
    """The files in a zip or tar file, one after the other, each unpacked in memory.

    Parameters
    ----------
    path : Path
        The archive.
    wanted : callable
        Says of a name inside whether to unpack it.
    notes : Notes
        Learns what is wrong: a file inside that is damaged, encrypted or too large, and an
        archive that is damaged or gives too much in all.

    Yields
    ------
    name : str
        As the archive has it. It is data: never open it as a path.
    content : bytes
        At most `MAX_MEMBER` bytes.
    """
    file, total = shown(path), 0
    try:
        for name, content in (_zipped if is_zip(path) else _tarred)(path, wanted):
            if isinstance(content, str):
                notes.problem(content, file=f"{file}, {clean(name)}")
                continue
            total += len(content)
            if total > MAX_FILE:
                raise InputError(Problem(_too_large(MAX_FILE), "Split it."))
            notes.progress(clean(path.name), min(total, path.stat().st_size), path.stat().st_size)
            yield name, content
    except InputError as error:
        notes.problems += [replace(problem, file=file) for problem in error.problems]
    except _DAMAGED as error:
        notes.problem(_why(error), _COPY, file)


def _zipped(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes | str]]:
    """The files in a zip file, or what is wrong with one."""
    with path.open("rb") as raw:
        if _contents_size(raw) > MAX_CONTENTS:
            raise InputError(Problem("the zip file holds too many files."))
        with zipfile.ZipFile(raw) as archive:
            chosen = [e for e in archive.infolist() if not e.is_dir() and wanted(e.filename)]
            if len({e.filename for e in chosen}) < len(chosen):
                what = "the zip file holds two files of one name."
                raise InputError(Problem(what, "Write the log again."))
            for entry in chosen:
                yield entry.filename, _unpacked(archive, entry)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | str:
    """The content of one file in a zip file, whatever size it claims; or what is wrong with it."""
    packed = copy.copy(entry)
    if entry.compress_type == _ZSTD:  # for zipfile these are bytes that it need not unpack
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, entry.compress_size
        packed.CRC = None  # type: ignore[assignment]
    try:
        with archive.open(packed) as stream:
            source = _unzstd(stream) if entry.compress_type == _ZSTD else stream
            content = source.read(MAX_MEMBER + 1)
    except NotImplementedError:
        return "the file is packed in an unknown way."
    except RuntimeError:
        return "the file is encrypted."
    except _DAMAGED:
        return "the file is damaged."
    if len(content) > MAX_MEMBER:
        return _too_large(MAX_MEMBER)
    return content if zlib.crc32(content) == entry.CRC else "the file is damaged."


def _contents_size(raw: IO[bytes]) -> int:
    """Bytes of the list of contents of a zip file, by its last record; 0 if there is none."""
    raw.seek(max(0, raw.seek(0, os.SEEK_END) - (1 << 17)))
    tail = raw.read()
    end, end64 = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    size = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if size == 0xFFFFFFFF:
        size = int.from_bytes(tail[end64 + 40 : end64 + 48], "little")
    return size


def _tarred(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes | str]]:
    """The regular files in a tar file, plain or packed."""
    total = 0
    with opened(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            total += max(entry.size, 512)
            if total > MAX_FILE:
                raise InputError(Problem(_too_large(MAX_FILE), "Split it."))
            if entry.isreg() and wanted(entry.name):
                content = archive.extractfile(entry) if entry.size <= MAX_MEMBER else None
                yield entry.name, content.read() if content else _too_large(MAX_MEMBER)


def is_zip(path: Path) -> bool:
    """Whether a file starts like a zip file."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def sums(files: Sequence[File]) -> dict[File, str]:
    """What tells the bytes of files apart; a file whose size no other has is not read."""
    often = Counter(file.path.stat().st_size for file in files)
    found = {}
    for file in files:
        found[file] = str(file.path)
        if often[file.path.stat().st_size] > 1:
            with file.path.open("rb") as stream:
                found[file] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


# JSON -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(path: Path, notes: Notes | None = None) -> Iterator[IO[bytes]]:
    """A file as bytes, unpacked if it is gzip or Zstandard."""
    with path.open("rb") as raw:
        start = raw.peek(4)[:4]
        if start[:2] == b"\x1f\x8b":
            yield io.BufferedReader(gzip.GzipFile(fileobj=raw))
        else:
            yield _unzstd(raw) if start == b"\x28\xb5\x2f\xfd" else raw
        if notes:
            notes.progress(clean(path.name), raw.tell(), max(raw.tell(), path.stat().st_size))


def _unzstd(raw: IO[bytes]) -> IO[bytes]:
    import pyarrow as arrow

    return io.BufferedReader(arrow.CompressedInputStream(arrow.PythonFile(raw), "zstd"))


def objects(file: File, notes: Notes) -> Iterator[tuple[int, dict[str, Any]]]:
    r"""The JSON objects of a file, one a line or all in one array, with their numbers.

    Parameters
    ----------
    file : File
        Plain, gzip or Zstandard.
    notes : Notes
        Learns what is wrong. Reading goes on after a bad line, up to `MAX_BAD_LINES`, and stops
        at a line or a file that is too long.

    Yields
    ------
    number : int
        Of the line, or of the element of an array, from 1.
    row : dict

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     notes = Notes()
    ...     _ = path.write_text('{"a": 1}\n[2]\n{"a"')
    ...     print(list(objects(File(path, "a", "", "a"), notes)), [p.row for p in notes.problems])
    ...     _ = path.write_text('[{"a": 1},\n {"a": 2}]')
    ...     print(list(objects(File(path, "a", "", "a"), notes)))
    [(1, {'a': 1})] [2, 3]
    [(1, {'a': 1}), (2, {'a': 2})]
    """
    bad = number = 0
    try:
        with opened(file.path, notes) as stream:
            for number, row, what in _values(stream):
                if isinstance(row, dict):
                    yield number, row
                    continue
                what = what or "this is not a JSON object."
                remedy = "Save it in UTF-8." if "UTF-8" in what else "It may be cut off."
                notes.problem(what, remedy, file.name, row=number, value=str(row)[:80])
                bad += 1
                if bad > MAX_BAD_LINES:
                    what = "too many lines are bad: the rest of the file was not read."
                    return notes.problem(what, file=file.name, row=number)
    except InputError as error:
        notes.problems += [replace(p, file=file.name, row=number + 1) for p in error.problems]
    except _DAMAGED as error:
        notes.problem(_why(error), _COPY, file.name, row=number + 1)


def _values(stream: IO[bytes]) -> Iterator[tuple[int, Any, str]]:
    """The JSON values of a file, with their numbers; or what is wrong with one."""
    start = stream.peek(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")  # type: ignore[attr-defined]
    if start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"]"):
        array, what = _parsed(stream.read(MAX_MEMBER + 1))
        if what:
            raise InputError(Problem(what, "It may be cut off."))
        yield from ((number, row, "") for number, row in enumerate(array, 1))
    total = 0
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
        total += len(line)
        if len(line) > MAX_LINE:
            what = f"the line is longer than {_size(MAX_LINE)}."
            raise InputError(Problem(what, "This is no log."))
        if total > MAX_FILE:
            raise InputError(Problem(_too_large(MAX_FILE), "Split it."))
        if number == 1 and (what := _not_text(line)):
            raise InputError(Problem(what))
        if line.strip():
            yield number, *_parsed(line)


def json_value(file: File, notes: Notes) -> Any:
    """The JSON value that a file holds, plain or packed; None, and a problem, if it holds none."""
    try:
        with opened(file.path) as stream:
            content = stream.read(MAX_MEMBER + 1)
    except _DAMAGED as error:
        return notes.problem(_why(error), _COPY, file.name)
    return value_of(content, file.name, notes)


def value_of(content: bytes, file: str, notes: Notes) -> Any:
    """The JSON value that some bytes hold; None, and a problem, if they hold none.

    Examples
    --------
    >>> value_of(b'{"a": 1}', "a.json", Notes())
    {'a': 1}
    """
    value, what = _parsed(content)
    remedy = "It may be cut off or of another kind."
    return notes.problem(what, remedy, file) if what else value


def _parsed(content: bytes) -> tuple[Any, str]:
    """The JSON value that some bytes hold; or their start, and what is wrong with them."""
    start = content[:80].decode("utf-8", "replace")
    if len(content) > MAX_MEMBER:
        return start, _too_large(MAX_MEMBER)
    try:
        value = parsed(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return start, _not_text(content) or "the text is not in UTF-8."
    return (start, _not_text(content) or "the text is not JSON.") if value is None else (value, "")


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


def _not_text(start: bytes) -> str:
    """What a file is that is no UTF-8 text, by its first bytes; empty if it may be."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "the text is in UTF-16, not in UTF-8."
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "this is a zip file."
    return "this is a Parquet file." if start[:4] == b"PAR1" else ""


# Words ----------------------------------------------------------------------------------------


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


def _why(error: Exception) -> str:
    """Why a file could not be read to its end."""
    if isinstance(error, OSError) and error.strerror:
        return f"the file cannot be read: {error.strerror}."
    return "the file is damaged or cut off."


def _too_large(most: int) -> str:
    return f"the file holds more than {_size(most)}."


def _size(n: int) -> str:
    return f"{n >> 20:,} MiB" if n >> 20 else f"{n:,} bytes"
