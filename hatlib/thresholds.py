"""The numbers on which verdicts turn: fixed in one file, before the runs that they judge.

The file is ``hatlib/thresholds.toml``, with what each number decides and the day on which it was
set.  A page can be given another file, which may change any of the numbers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from hatlib.errors import InputError, Problem, listing

FILE = Path(__file__).with_name("thresholds.toml")

Thresholds = Mapping[str, float]
"""All numbers on which verdicts turn, by name."""


def load_thresholds(file: str | Path = "") -> Thresholds:
    """The thresholds of the book, or with changes from a file.

    Parameters
    ----------
    file : path, optional
        A TOML file with one table a threshold and a number ``value`` in it, or with lines
        ``name = number``.

    Returns
    -------
    mapping of str to float

    Raises
    ------
    InputError
        Listing every threshold that is not known or not a number above 0.

    Examples
    --------
    >>> load_thresholds()["clear"]
    0.05
    """
    known = {key: float(e["value"]) for key, e in tomllib.loads(FILE.read_text("utf-8")).items()}
    if not file:
        return known
    name, problems = str(file), []
    try:
        given = tomllib.loads(Path(file).read_text("utf-8"))
    except OSError as error:
        what = f"this file cannot be read: {error.strerror}."
        raise InputError(what, "Check the path.", file=name) from None
    except ValueError as error:
        what = f"this is not TOML in UTF-8: {error}."
        raise InputError(what, "Write lines like: power = 0.8", file=name) from None
    for key, entry in given.items():
        value = entry.get("value") if isinstance(entry, dict) else entry
        if key not in known:
            there = f"There are: {listing(known, 40)}."
            problems.append(Problem("there is no such threshold.", there, name, value=key))
        elif isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            remedy = f"Write: {key} = {known[key]:g}"
            problems.append(Problem(f"{key} is not a number above 0.", remedy, name))
    if problems:
        raise InputError(problems)
    changed = {k: float(e["value"] if isinstance(e, dict) else e) for k, e in given.items()}
    return known | changed


#: The thresholds of the book.
BOOK = load_thresholds()
