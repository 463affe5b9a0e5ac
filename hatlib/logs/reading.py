"""Read strangers' logs: bounded in time and memory, and never out of the folder that was given.

Nothing here is executed or unpickled. Whatever a file holds instead of what it should ends in a
`Problem` that names the file and the line. Files in an archive are copied, within bounds, into a
scratch folder under names of our own; their names in the archive are data.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hatlib.errors import InputError, Problem, listing
from hatlib.words import counted

#: A line (or an object of a JSON array) longer than this (bytes) is refused.
MAX_LINE = 64 << 20
#: Reading stops when a file has given this many bytes, unpacked.
MAX_FILE = 8 << 30
#: A JSON file, or a file in an archive, larger than this (bytes, unpacked) is refused.
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
_DAMAGED = (EOFError, OSError, zlib.error, gzip.BadGzipFile, tarfile.TarError)
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst")
_ZSTD = 93  # how zip files name Zstandard, which zipfile knows from Python 3.14 on
_BLOCK = 1 << 20
_COPY = "Copy it again."


@contextlib.contextmanager
def watched(progress: Progress | None) -> Iterator[None]:
    """While this lasts, `progress` hears of every file that is read."""
    token = _WATCHER.set(progress)
    try:
        yield
    finally:
        _WATCHER.reset(token)


@dataclass
class Notes:
    """What an import has to say: problems, which stop it, and lines for its report."""

    problems: list[Problem] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

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
    """The files to read, those beside them, and what was passed over, as lines for a report."""

    files: tuple[File, ...]
    beside: tuple[File, ...] = ()
    passed: tuple[str, ...] = ()


def find_files(
    paths: Sequence[str | Path],
    wanted: Callable[[str], bool],
    what: str = "logs",
    *,
    scratch: Path | None = None,
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
    what : str
        What the files are called in a message.
    scratch : Path, optional
        A folder for the contents of archives.

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
    ...     found = find_files([folder], lambda name: name.endswith(".jsonl"))
    >>> [file.relative for file in found.files]
    ['a.jsonl']
    """
    notes = Notes()
    files: dict[str, File] = {}
    near: dict[str, File] = {}
    twice = others = 0
    outside: list[str] = []
    for path in map(Path, paths):
        for file in _below(path, outside, notes, scratch, lambda n: wanted(n) or beside(n)):
            about = file.path.stat()
            real = f"{about.st_dev}/{about.st_ino}"  # also of a link
            if wanted(file.base) or file.named:
                twice += real in files
                files.setdefault(real, file)
            elif beside(file.base):
                near.setdefault(real, file)
            else:
                others += 1
    for folder in {file.folder: file.path.parent for file in files.values() if file.named}.values():
        near |= {str(f.path): f for f in _siblings(folder, beside)}
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
    if not files and not notes.problems:
        where = listing(map(shown, map(Path, paths)), 3) if paths else ""
        remedy = " ".join(passed) or "The folder is empty." if paths else "Name a file or a folder."
        notes.problem(f"there are no {what} to read.", remedy, where)
    if len(files) > MAX_FILES:
        notes.problem(f"there are {len(files):,} {what}.", "Import them in parts.")
    pointers = [f.name for f in (*files.values(), *near.values()) if _is_pointer(f.path)]
    if pointers:
        n = f"{len(pointers)} of {counted(len(files) + len(near), 'file')}"
        remedy = "Fetch the logs themselves: git lfs pull."
        be = "is a pointer" if len(pointers) == 1 else "are pointers"
        notes.problem(f"{n} {be} of Git LFS, not the log.", remedy, listing(pointers, 3))
    notes.stop()
    return Found(tuple(files.values()), tuple(near.values()), tuple(passed))


def _below(
    path: Path,
    outside: list[str],
    notes: Notes,
    scratch: Path | None,
    wanted: Callable[[str], bool],
) -> Iterator[File]:
    """The files that a path stands for."""
    try:
        mode = path.stat().st_mode
        here = list(_inside(path, outside)) if stat.S_ISDIR(mode) else [path]
    except FileNotFoundError:
        return notes.problem("there is no such file or folder.", file=shown(path))
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = getattr(error, "strerror", None) or error
        return notes.problem(f"it cannot be read: {why}.", file=shown(path))
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        return notes.problem("this is neither a file nor a folder.", file=shown(path))
    for each in here:
        relative = each.relative_to(path).as_posix() if each != path else each.name
        if scratch is not None and each.name.lower().endswith(_ARCHIVES):
            yield from _archived(each, scratch, wanted, notes)
        else:
            yield File(each, relative, str(each.parent), shown(each), each == path)
    return None


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


def _siblings(folder: Path, beside: Callable[[str], bool]) -> Iterator[File]:
    """The files in a folder that are wanted beside others, and are no links out of it."""
    with contextlib.suppress(OSError):
        root = folder.resolve()
        for path in sorted(each for each in folder.iterdir() if beside(each.name)):
            if path.is_file() and path.resolve().is_relative_to(root):
                yield File(path, path.name, str(folder), shown(path))


def _is_pointer(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as stream:
        return stream.read(42) == b"version https://git-lfs.github.com/spec/v1"
    return False


def _archived(
    path: Path, scratch: Path, wanted: Callable[[str], bool], notes: Notes
) -> Iterator[File]:
    """The files wanted in an archive, copied into the scratch folder."""
    unpack = members if is_zip(path) else _tar_members
    for name, content in unpack(path, lambda n: wanted(n.rsplit("/", 1)[-1]), notes):
        relative = "/".join(part for part in name.split("/") if part not in ("", ".", ".."))
        copy = scratch / f"{len(list(scratch.iterdir()))}{Path(relative).suffix[:9]}"
        copy.write_bytes(content)
        where = f"{path}/{relative.rpartition('/')[0]}"
        yield File(
            copy, relative, where, f"{path.name}, {clean('/'.join(Path(relative).parts[-2:]))}"
        )


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file as bytes, unpacked if it is gzip or Zstandard.

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
        start = raw.read(4)
        raw.seek(0)
        counting = _Counting(raw, path)
        if start[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=counting) as unpacked, io.BufferedReader(unpacked) as stream:
                yield stream
        elif start == b"\x28\xb5\x2f\xfd":
            import pyarrow as arrow

            with arrow.CompressedInputStream(arrow.PythonFile(counting), "zstd") as packed:
                yield io.BufferedReader(_Reading(packed), _BLOCK)
        else:
            yield io.BufferedReader(counting, _BLOCK)


class _Reading(io.RawIOBase):
    """Any stream with `read` as one that can be buffered."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._raw.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


class _Counting(_Reading):
    """A stream that tells the watcher how much of the file is read."""

    def __init__(self, raw: IO[bytes], path: Path) -> None:
        super().__init__(raw)
        self._done = self._told = 0
        self._watcher = _WATCHER.get()
        self._name = clean(path.name)
        self._size = os.fstat(raw.fileno()).st_size

    def readinto(self, buffer: Any) -> int:
        n = super().readinto(buffer)
        self._done += n
        if self._watcher and (self._done - self._told > _BLOCK or not n):
            self._told = self._done
            self._watcher(self._name, self._done, max(self._size, self._done))
        return n


def objects(file: File, notes: Notes) -> Iterator[tuple[int, dict[str, Any]]]:
    r"""The JSON objects of a file, one a line or all in one array, with line numbers.

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
        From 1.
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
        with opened(file.path) as stream:
            start = stream.peek(_BLOCK)[:_BLOCK].lstrip(b"\xef\xbb\xbf \t\r\n")  # type: ignore[attr-defined]
            array = start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"]")
            for number, text, what in (_elements if array else _lines)(stream):
                row = parsed(text) if not what else None
                if isinstance(row, dict):
                    yield number, row
                    continue
                if what:
                    remedy = "Save it in UTF-8." if "UTF-8" in what else ""
                    notes.problem(what, remedy, file.name, row=number)
                else:
                    kind = "line" if not array else "object"
                    what = (
                        f"the {kind} is not JSON." if row is None else "this is not a JSON object."
                    )
                    notes.problem(
                        what, "It may be cut off.", file.name, row=number, value=text[:80]
                    )
                bad += 1
                if bad > MAX_BAD_LINES:
                    what = "too many lines are bad: the rest of the file was not read."
                    return notes.problem(what, file=file.name, row=number)
    except InputError as error:
        notes.problems += [Problem(p.what, p.remedy, file.name, p.row) for p in error.problems]
    except _DAMAGED:
        what = "the file is damaged or cut off from here on."
        notes.problem(what, _COPY, file.name, row=number + 1)


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, str, str]]:
    """The lines that are not empty, with their numbers; or what is wrong with one."""
    number = total = 0
    while block := stream.readline(MAX_LINE + 1):
        number += 1
        total += len(block)
        _within(len(block), total, number)
        if number == 1:
            block = block.removeprefix(b"\xef\xbb\xbf")
            if what := not_text(block):
                raise InputError(Problem(what, row=number))
        if b"\0" in block:
            yield number, "", "the line has NUL bytes: the file is damaged or not text."
            continue
        try:
            text = block.decode("utf-8").strip()
        except UnicodeDecodeError:
            yield number, "", "the text is not in UTF-8."
            continue
        if text:
            yield number, text, ""


def _elements(stream: IO[bytes]) -> Iterator[tuple[int, str, str]]:
    """The elements of a JSON array, as text, with the line that each begins in."""
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    decoder = json.JSONDecoder()
    number, total, buffer, at = 1, 0, "", 0
    try:
        while True:
            while at < len(buffer) and buffer[at] in "[, \t\r\n":
                number += buffer[at] == "\n"
                at += 1
            try:
                if buffer[at : at + 1] == "]":
                    return
                end = decoder.raw_decode(buffer, at)[1]
            except (ValueError, RecursionError):
                _within(len(buffer) - at, total, number)
                block = text.read(_BLOCK)
                total += len(block)
                if not block:
                    yield number, buffer[at : at + 80] or "]", ""
                    return
                buffer, at = buffer[at:] + block, 0
                continue
            yield number, buffer[at:end], ""
            number += buffer.count("\n", at, end)
            at = end
    except UnicodeDecodeError:
        yield number, "", "the text is not in UTF-8."


def _within(length: int, total: int, number: int) -> None:
    if length > MAX_LINE:
        what = f"the line is longer than {_size(MAX_LINE)}."
        raise InputError(Problem(what, "This is no log.", row=number))
    if total > MAX_FILE:
        what = f"the file holds more than {_size(MAX_FILE)}."
        raise InputError(Problem(what, "Split it.", row=number))


def json_value(file: File, notes: Notes) -> Any:
    """The JSON value that a file holds, plain or packed; None if it holds none."""
    try:
        with opened(file.path) as stream:
            content = stream.read(MAX_MEMBER + 1)
    except InputError as error:
        notes.problems += error.problems
        return None
    except _DAMAGED:
        return notes.problem("the file is damaged or cut off.", _COPY, file.name)
    return value_of(content, file.name, notes)


def value_of(content: bytes, file: str, notes: Notes) -> Any:
    """The JSON value that some bytes hold; None, and a problem, if they hold none.

    Examples
    --------
    >>> value_of(b'{"a": 1}', "a.json", Notes())
    {'a': 1}
    """
    what = not_text(content)
    if len(content) > MAX_MEMBER:
        what = f"the file holds more than {_size(MAX_MEMBER)}."
    elif not what:
        try:
            value = parsed(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            what = "the text is not in UTF-8."
        else:
            if value is not None:
                return value
            what = "the file is not JSON."
    return notes.problem(what, "It may be cut off or of another kind.", file)


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


def members(path: Path, wanted: Callable[[str], bool], notes: Notes) -> Iterator[tuple[str, bytes]]:
    """The files in a zip file, one after the other, each unpacked in memory.

    Parameters
    ----------
    path : Path
        The zip file.
    wanted : callable
        Says of a name inside whether to unpack it.
    notes : Notes
        Learns what is wrong: a file inside that is damaged, encrypted or too large, and a zip
        file that is damaged or gives too much in all.

    Yields
    ------
    name : str
        As the zip file has it. It is data: never open it as a path.
    content : bytes
        At most `MAX_MEMBER` bytes.
    """
    file = shown(path)
    total = 0
    try:
        with path.open("rb") as raw:
            if _contents_size(raw) > MAX_CONTENTS:
                return notes.problem("the zip file holds too many files.", file=file)
            with zipfile.ZipFile(raw) as archive:
                chosen = [e for e in archive.infolist() if not e.is_dir() and wanted(e.filename)]
                if len({e.filename for e in chosen}) < len(chosen):
                    what = "the zip file holds two files of one name."
                    return notes.problem(what, "Write the log again.", file)
                for k, entry in enumerate(chosen):
                    inside = f"{file}, {clean(entry.filename)}"
                    content, what = _unpacked(raw, archive, entry)
                    if what:
                        notes.problem(what, file=inside)
                        continue
                    total += len(content)
                    if total > MAX_FILE:
                        what = f"the file holds more than {_size(MAX_FILE)}."
                        return notes.problem(what, "Split it.", file)
                    if watcher := _WATCHER.get():
                        watcher(clean(path.name), k + 1, len(chosen))
                    yield entry.filename, content
    except OSError as error:
        why = f"the file cannot be read: {error.strerror}." if error.strerror else ""
        notes.problem(why or "the zip file is damaged or cut off.", "" if why else _COPY, file)
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, EOFError):
        notes.problem("the zip file is damaged or cut off.", _COPY, file)


def _unpacked(
    raw: io.BufferedReader, archive: zipfile.ZipFile, entry: zipfile.ZipInfo
) -> tuple[bytes, str]:
    """The content of one file in a zip file, whatever size it claims; or what is wrong with it."""
    import pyarrow as arrow

    try:
        if entry.compress_type == _ZSTD:
            content = _unpacked_zstd(raw, entry)
        else:
            with archive.open(entry) as stream:
                content = stream.read(MAX_MEMBER + 1)
        if len(content) > MAX_MEMBER:
            return b"", f"the file holds more than {_size(MAX_MEMBER)}."
        if zlib.crc32(content) == entry.CRC:
            return content, ""
    except NotImplementedError:
        return b"", "the file is packed in an unknown way."
    except RuntimeError:
        return b"", "the file is encrypted."
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, zlib.error, struct.error):
        pass
    except arrow.ArrowException:
        pass
    return b"", "the file is damaged."


def _unpacked_zstd(raw: io.BufferedReader, entry: zipfile.ZipInfo) -> bytes:
    """A file in a zip file that is packed with Zstandard, and at most a block more than allowed."""
    import pyarrow as arrow

    raw.seek(entry.header_offset)
    start = raw.read(30)
    if start[:4] != b"PK\x03\x04" or entry.flag_bits & 1:
        raise zipfile.BadZipFile
    raw.seek(sum(struct.unpack("<HH", start[26:30])), io.SEEK_CUR)
    packed = raw.read(min(entry.compress_size, MAX_MEMBER))
    parts: list[bytes] = []
    size = 0
    with arrow.CompressedInputStream(arrow.BufferReader(packed), "zstd") as unpacking:
        while size <= MAX_MEMBER and (block := unpacking.read(_BLOCK)):
            parts.append(block)
            size += len(block)
    return b"".join(parts)


def packings(path: Path) -> set[int]:
    """How the files of a zip file are packed; nothing if it cannot be told."""
    try:
        with path.open("rb") as raw:
            if _contents_size(raw) > MAX_CONTENTS:
                return set()
            with zipfile.ZipFile(raw) as archive:
                return {entry.compress_type for entry in archive.infolist()}
    except (OSError, zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, EOFError):
        return set()


def _contents_size(raw: IO[bytes]) -> int:
    """Bytes of the list of contents of a zip file, by its last record; 0 if there is none."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - (1 << 17)))
    tail = raw.read()
    raw.seek(0)
    end, end64 = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    short = tail[end + 12 : end + 16] if end >= 0 else b""
    long = tail[end64 + 40 : end64 + 48] if end64 >= 0 else b""
    sizes = [int.from_bytes(part, "little") for part in (short, long)]
    return sizes[1] if sizes[0] == 0xFFFFFFFF else sizes[0]


def _tar_members(
    path: Path, wanted: Callable[[str], bool], notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """As `members`, of a tar file, plain or packed; only regular files."""
    total = 0
    try:
        with opened(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for entry in archive:
                total += max(entry.size, 512)
                if total > MAX_FILE:
                    what = f"the file holds more than {_size(MAX_FILE)}."
                    return notes.problem(what, "Split it.", shown(path))
                if not (entry.isreg() and wanted(entry.name)):
                    continue
                if entry.size > MAX_MEMBER:
                    what = f"the file holds more than {_size(MAX_MEMBER)}."
                    notes.problem(what, file=f"{shown(path)}, {clean(entry.name)}")
                    continue
                content = archive.extractfile(entry)
                yield entry.name, content.read() if content else b""
    except (InputError, *_DAMAGED, ValueError):
        notes.problem("the archive is damaged or cut off.", _COPY, shown(path))


def not_text(start: bytes) -> str:
    """What a file is that is no UTF-8 text, by its first bytes; empty if it may be."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "the text is in UTF-16, not in UTF-8."
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "this is a zip file."
    if start[:4] == b"PAR1":
        return "this is a Parquet file."
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


def same_bytes(files: Iterable[File]) -> dict[str, list[File]]:
    """Files by a sum of their bytes; only those whose size some other file has are read."""
    import hashlib

    by_size: dict[int, list[File]] = {}
    for file in files:
        by_size.setdefault(file.path.stat().st_size, []).append(file)
    groups: dict[str, list[File]] = {}
    for alike in by_size.values():
        for file in alike:
            digest = str(file.path)
            if len(alike) > 1:
                with file.path.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
            groups.setdefault(digest, []).append(file)
    return groups


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
