"""The errors that a user meets: an input that is wrong, and a run that did not get to its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input, where it is, and how to mend it.

    Attributes
    ----------
    what : str
        What is wrong, in one sentence.
    remedy : str
        What the user can do about it.
    file : str
        The file, as the user named it; empty if the input is not a file.
    row : int or None
        Line number in the file, counting the header as line 1.
    column : str
        Name of the column; empty if the problem is not in one column.
    value : str
        The offending value; empty if there is none.
    """

    what: str
    remedy: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""

    def __str__(self) -> str:
        line = f"line {self.row}" if self.row is not None else ""
        column = f"column {self.column}" if self.column else ""
        place = ", ".join(filter(None, (self.file, line, column)))
        text = f"{place}: {self.what}" if place else self.what
        if self.value:
            text += f" (found: {_shorten(self.value)})"
        if self.remedy:
            text += f" {self.remedy}"
        return text


class InputError(ValueError):
    """The input cannot be used; `problems` says everything that is wrong with it.

    Parameters
    ----------
    problems : sequence of Problem, Problem or str
        What is wrong.
    remedy, value, file : str
        As in `Problem`, where `problems` is the text of one.

    Examples
    --------
    >>> raise InputError(Problem("there is no column 'language'.", "Add it.", file="my.csv"))
    Traceback (most recent call last):
        ...
    hatlib.errors.InputError: my.csv: there is no column 'language'. Add it.
    """

    def __init__(
        self,
        problems: Sequence[Problem] | Problem | str,
        remedy: str = "",
        *,
        value: str = "",
        file: str = "",
    ) -> None:
        if isinstance(problems, str):
            problems = Problem(problems, remedy, file, value=value)
        if isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def _render_traceback_(self) -> list[str]:
        """What Jupyter shows: the problems, not our call stack."""
        return ["The input cannot be used:", *(f"- {problem}" for problem in self.problems)]


class RunError(RuntimeError):
    """A notebook or the book did not get to its end; the message says where and why."""


def listing(words: Iterable[object], most: int = 8) -> str:
    """Join words for a message, cutting a long list.

    Examples
    --------
    >>> listing(["de", "fr"])
    'de, fr'
    >>> listing(range(12), most=3)
    '0, 1, 2 and 9 more'
    """
    items = [str(word) for word in words]
    if len(items) <= most:
        return ", ".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"


def _shorten(value: str, most: int = 80) -> str:
    """Keep a message on one printable line whatever the value holds."""
    text = "".join(c if c.isprintable() else "�" for c in value)
    return text if len(text) <= most else text[: most - 1] + "…"
