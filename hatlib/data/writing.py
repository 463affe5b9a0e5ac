"""Write results safely: beside the file and renamed, never over an input, one run a folder."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatlib.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd


def check_free(files: Iterable[Path], force: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse outputs that are folders, links or inputs, or would be overwritten without being told.

    Parameters
    ----------
    files : iterable of Path
        The files that will be written.
    force : bool
        Whether files that are there may be overwritten; inputs never are.
    inputs : iterable of Path
        The files that are read.

    Raises
    ------
    InputError
        Listing every file that cannot be written.

    Examples
    --------
    >>> check_free([Path("new/truth.csv")], force=False)
    """
    files, read = list(files), [path for path in inputs if path.exists()]
    folders = dict.fromkeys(path.parent for path in files)
    wrong = [(f, "this is a file.", "Name a folder.") for f in folders if f.is_file()]
    for path in files:
        is_input = path.exists() and any(map(path.samefile, read))  # under whatever name
        if is_input or path.is_symlink() or path.is_dir():
            what = "file is an input" if is_input else "is a link or a folder"
            wrong.append((path, f"this {what}, and is not overwritten.", "Choose another name."))
        elif path.exists() and not force:
            remedy = "Choose another name, or overwrite with --force."
            wrong.append((path, "this file exists and is not overwritten.", remedy))
    if wrong:
        raise InputError([Problem(what, remedy, str(path)) for path, what, remedy in wrong])


@contextlib.contextmanager
def replacing(path: Path, *, force: bool, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """A file to write to, which takes the place of another one when it is complete.

    Parameters
    ----------
    path : Path
        Where the result belongs; its folder is made.
    force : bool
        Whether a file that is there may be replaced.
    inputs : iterable of Path
        Files that must not be.

    Yields
    ------
    Path
        A new name beside `path`, with the same ending. If the block fails, the earlier file is
        as it was and the new one is gone.

    Raises
    ------
    InputError
        If `path` is not free, or cannot be written (a full disk, no permission).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.csv"
    ...     with replacing(path, force=False) as beside:
    ...         _ = beside.write_text("new")
    ...     path.read_text(), len(list(Path(folder).iterdir()))
    ('new', 1)
    """
    check_free([path], force, inputs)
    beside = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    if path.exists() and not path.is_file():  # a device or a pipe
        beside = path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        if path.is_file():
            beside.chmod(path.stat().st_mode & 0o777)
        if beside != path:
            beside.replace(path)
    except OSError as error:
        if error.filename and Path(error.filename) not in (beside, path, path.parent):
            raise  # of something else that was read or written
        what = f"the file cannot be written: {error.strerror or error}."
        raise InputError(
            Problem(what, "The earlier one is as it was." if path.is_file() else "", str(path))
        ) from None
    finally:
        if beside != path:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, force: bool, inputs: Iterable[Path] = ()) -> None:
    """Write a text with a last line end, as `replacing` does."""
    with replacing(path, force=force, inputs=inputs) as beside:
        beside.write_text(text + "\n", encoding="utf-8", newline="\n")


@contextlib.contextmanager
def sole_writer(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder while a run writes to it; a second run into it waits or is refused.

    Where the system cannot lock a folder (Windows), it is not held.

    Raises
    ------
    InputError
        If another run holds the folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, sole_writer(Path(folder)):
    ...     pass
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            what = "another run writes to this folder."
            remedy = "Wait for it, or name another folder."
            raise InputError(Problem(what, remedy, str(folder))) from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(held)
        for each in made:  # and still empty, as the run failed
            with contextlib.suppress(OSError):
                each.rmdir()


def csv_text(frame: pd.DataFrame, **how: Any) -> str:
    """A table as CSV that a spreadsheet takes for data, not for formulas.

    Text that starts like a formula gets an apostrophe before it, which spreadsheets hide. `how`
    goes to `DataFrame.to_csv`.

    Examples
    --------
    >>> import pandas as pd
    >>> print(csv_text(pd.DataFrame({"model": ["=1+1", "b"], "hat": [-0.5, float("nan")]})))
    model,hat
    '=1+1,-0.5
    b,
    """
    import pandas as pd

    text = [str(c) for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    safe = frame.assign(**{c: frame[c].map(_no_formula, na_action="ignore") for c in text})
    return safe.to_csv(index=False, lineterminator="\n", **how).rstrip("\n")


def _no_formula(value: object) -> object:
    if not isinstance(value, str):
        return value
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
