"""The numbers on which verdicts turn: fixed in one file, before the runs that they judge.

The file is ``hatlib/thresholds.toml``.  A page can be given another file, which may change any of
the numbers; it then prints the changed ones.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hatlib.errors import InputError, Problem, listing

if TYPE_CHECKING:
    import pandas as pd

FILE = Path(__file__).with_name("thresholds.toml")


@dataclass(frozen=True)
class Threshold:
    """One number on which verdicts turn.

    Attributes
    ----------
    name : str
    value : float
    decides : str
        What it decides, in words.
    fixed : datetime.date
        When the value was set.
    looked : bool
        Whether some of the data had been looked at before.
    """

    name: str
    value: float
    decides: str
    fixed: datetime.date
    looked: bool = False


@dataclass(frozen=True)
class Thresholds:
    """All numbers on which verdicts turn.

    Attributes
    ----------
    every : mapping of str to Threshold
        By name.
    own : tuple of str
        Those that a user's file has changed.
    """

    every: Mapping[str, Threshold]
    own: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.every[name].value

    def table(self, *names: str) -> pd.DataFrame:
        """One row a threshold: ``name``, ``value``, ``decides``, ``fixed`` and ``own``.

        Parameters
        ----------
        *names : str
            Which; by default all.
        """
        import pandas as pd

        rows = [
            {
                "name": each.name,
                "value": each.value,
                "decides": each.decides,
                "fixed": each.fixed.isoformat() + (", after a look" if each.looked else ""),
                "own": "yes" if each.name in self.own else "",
            }
            for each in self.every.values()
            if not names or each.name in names
        ]
        return pd.DataFrame(rows)


def load_thresholds(file: str | Path = "") -> Thresholds:
    """The thresholds of the book, or with changes from a file.

    Parameters
    ----------
    file : path, optional
        A TOML file with one table a threshold and a number ``value`` in it, or with lines
        ``name = number``.

    Returns
    -------
    Thresholds

    Raises
    ------
    InputError
        Listing every threshold that is not known or not a number above 0.

    Examples
    --------
    >>> load_thresholds()["clear"]
    0.05
    """
    every = _bundled()
    if not file:
        return Thresholds(every)
    name = str(file)
    try:
        given = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            Problem(f"this file cannot be read: {error.strerror}.", "Check the path.", name)
        ) from None
    except UnicodeDecodeError:
        raise InputError(
            Problem("this file is not UTF-8 text.", "Save it as UTF-8.", name)
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            Problem(f"this is not TOML: {error}.", "Write lines like: broken = 0.1", name)
        ) from None
    problems, changed = [], dict(every)
    for key, entry in given.items():
        value = entry.get("value") if isinstance(entry, dict) else entry
        if key not in every:
            problems.append(
                Problem(
                    "there is no such threshold.",
                    f"There are: {listing(every, 40)}.",
                    name,
                    value=key,
                )
            )
        elif isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            problems.append(
                Problem(
                    f"{key} is not a number above 0.", f"Write: {key} = {every[key].value:g}", name
                )
            )
        else:
            old = every[key]
            changed[key] = Threshold(key, float(value), old.decides, datetime.date.today())
    if problems:
        raise InputError(problems)
    own = tuple(key for key in given if changed[key].value != every[key].value)
    return Thresholds(changed, own)


@lru_cache(maxsize=1)
def _bundled() -> Mapping[str, Threshold]:
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: Threshold(
            name, float(e["value"]), e["decides"], e["fixed"], bool(e.get("looked", False))
        )
        for name, e in entries.items()
    }


#: The thresholds of the book.
BOOK = load_thresholds()
