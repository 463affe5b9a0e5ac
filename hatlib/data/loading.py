"""What every load does: read files, turn text into values, and keep count of what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hatlib.data import schema
from hatlib.data.door import importer_of
from hatlib.data.files import columns_of, read_table
from hatlib.data.languages import NOT_A_CODE, language_of, no_language, spellings
from hatlib.data.schema import Place
from hatlib.errors import InputError, Problem, listing

#: A chance level that is not given; notebooks take plain numbers as parameters.
UNKNOWN = -1.0

#: Columns that count something.
WHOLE = frozenset(["n_items", "n_correct", "n_trials", "n_parsed", "correct"])
#: Columns that hold a number.
NUMBERS = (
    *("accuracy", "n_items", "margin"),
    *("params_total_b", "params_active_b", "chance_level"),
)


@dataclass(frozen=True)
class LoadReport:
    """What a load did, in plain sentences.

    Attributes
    ----------
    read, assumed, dropped : tuple of str
        What was read; what was taken for granted because the files do not say it; what was
        left out, and why.
    """

    read: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (("Read", self.read), ("Assumed", self.assumed), ("Left out", self.dropped))
        return "\n".join(
            f"{title}:\n" + "\n".join(f"  - {line}" for line in lines)
            for title, lines in parts
            if lines
        )


class Loading:
    """One load: what it read, assumed and left out, and everything that is wrong.

    The steps are its methods; each says what it has to say here, and returns what it made.
    """

    def __init__(self) -> None:
        self.read: list[str] = []
        self.assumed: list[str] = []
        self.dropped: list[str] = []
        self.problems: list[Problem] = []

    def report(self) -> LoadReport:
        """What has been said."""
        return LoadReport(tuple(self.read), tuple(self.assumed), tuple(self.dropped))

    def stop_if_wrong(self) -> None:
        """Raise everything that is wrong, if anything is."""
        if self.problems:
            raise InputError(self.problems)

    def table(self, path: Path) -> tuple[pd.DataFrame, Place] | None:
        """A file as text with column names in small letters; None if it is no table."""
        try:
            frame, place = read_table(path)
        except InputError as error:
            self.problems += error.problems
            return None
        lower = [str(name).lower().replace(" ", "_") for name in frame]
        changed = [str(old) for old, new in zip(frame, lower, strict=True) if old != new]
        if not changed or len(set(lower)) < len(lower):
            return frame, place
        self.assumed.append(
            f"{place.file}: column names read in small letters: {listing(changed)}."
        )
        return frame.set_axis(lower, axis=1), place

    def lacks(self, frame: pd.DataFrame, place: Place, columns: Sequence[str], needs: str) -> bool:
        """Whether a table lacks some columns that it needs."""
        missing = [c for c in columns if c not in frame]
        if missing:
            program = importer_of(frame.columns)
            remedy = f"{needs} Columns found: {listing(frame.columns, 20)}."
            if program:
                remedy = f"It looks like a log: hat import {program} {place.file}. {remedy}"
            what = f"there is no column {listing(missing)}."
            self.problems.append(Problem(what, remedy, place.file, 1))
        return bool(missing)

    def keep_rules(
        self,
        frame: pd.DataFrame,
        rules: schema.Rules,
        place: Place,
        found: Sequence[Problem] = (),
        whole: Sequence[Problem] = (),
    ) -> None:
        """Note what breaks the rules of a table.

        Of a cell that could not be read (`found`) they say nothing more; `whole` is whatever else
        is wrong with the file.
        """
        noted = {(p.row, p.column) for p in found}
        rest = [p for p in schema.check(frame, rules, place) if (p.row, p.column) not in noted]
        self.problems += sorted([*found, *rest, *whole], key=lambda p: (p.row or 0, p.column))

    def languages(
        self, frame: pd.DataFrame, columns: Sequence[str], place: Place
    ) -> tuple[pd.DataFrame, list[Problem]]:
        """Language codes in their standard form, and what is none."""
        said: dict[str, str] = {}
        problems = []
        for column in columns:
            standard: dict[str, str] = {}
            for text, rows in frame.groupby(column, sort=False).indices.items():
                code = language_of(str(text)) if text else ""
                standard[str(text)] = code or str(text)
                if text and not code:
                    problem = no_language(str(text))
                    problems += [
                        replace(problem, file=place.file, row=place.lines[i], column=column)
                        for i in rows[:1]
                    ]
                    if len(rows) > 1:
                        more = f"{problem.what[:-1]} (here and in {len(rows) - 1:,} more rows)."
                        problems[-1] = replace(problems[-1], what=more)
            said |= {a: b for a, b in standard.items() if a != b}
            frame = frame.assign(**{column: frame[column].map(standard).astype(str)})
        if said:
            names = listing(f"{a} as {b}" for a, b in sorted(said.items()))
            self.assumed.append(
                f"{place.file}: language codes read in their standard form: {names}."
            )
        return frame, problems


def has_items(path: str | Path) -> bool:
    """Whether the columns of a file are those of answers item by item.

    Examples
    --------
    >>> from hatlib.data import data_folder
    >>> has_items(data_folder() / "items/idm-african.parquet")
    True
    >>> has_items(data_folder() / "models.csv")
    False
    """
    names = {name.strip().lower().replace(" ", "_") for name in columns_of(path)}
    return bool(names & {"item", "item_id"}) and "accuracy" not in names


def asked_language(text: str, also: str = "") -> str:
    """A language that the caller names, in its standard form; InputError if it is none."""
    code = language_of(text)
    if not code:
        what = "source_language is not a language code."
        remedy = f"{no_language(text).remedy or NOT_A_CODE}{also}"
        raise InputError(Problem(what, remedy, value=text))
    return code


def asked_chance(chance: float | None) -> float | None:
    """A chance level that the caller names; InputError if it is no share."""
    if chance is None or chance == UNKNOWN:
        return None
    if not 0 <= chance < 1:
        remedy = "Give a number from 0 to below 1."
        raise InputError(Problem("chance is not a share.", remedy, value=str(chance)))
    return chance


def typed(frame: pd.DataFrame, place: Place) -> tuple[pd.DataFrame, list[Problem]]:
    """Text turned into numbers and dates, and every cell that is neither.

    Examples
    --------
    >>> frame = pd.DataFrame({"params_total_b": ["7.6"], "release_date": ["2025-02"]})
    >>> typed(frame, Place("my.csv", [2]))[0].dtypes.astype(str).tolist()
    ['float64', 'datetime64[ns]']
    """
    frame, problems = frame.copy(), []
    for column in NUMBERS:
        if column in frame:
            frame[column], found = numbers(frame[column], column, place)
            problems += found
    if "release_date" in frame:
        text = frame["release_date"]
        dates = pd.to_datetime(text.where(text != ""), format="ISO8601", errors="coerce")
        remedy = "Write 2025-06-17, or 2025-06 if the day is not known."
        problems += [
            Problem(
                "the value is not a date.",
                remedy,
                place.file,
                place.lines[i],
                "release_date",
                text.iloc[i],
            )
            for i in np.flatnonzero(dates.isna() & (text != "")).tolist()
        ]
        frame["release_date"] = dates.astype("datetime64[ns]")
    return frame, problems


def numbers(text: pd.Series, column: str, place: Place) -> tuple[pd.Series, list[Problem]]:
    """Numbers from text, missing where it is empty, and each cell that holds something else.

    Examples
    --------
    >>> cells = pd.Series(["3", "2.5", ""])
    >>> values, found = numbers(cells, "n_items", Place("my.csv", [2, 3, 4]))
    >>> values.isna().tolist()
    [False, True, True]
    >>> print(found[0])
    my.csv, line 3, column n_items: the value is not a whole number. (found: 2.5)
    """
    values = pd.to_numeric(text.where(text != ""), errors="coerce").astype(float)
    bad = (values.isna() & (text != "")) | np.isinf(values)
    whole = column in WHOLE
    if whole:  # and small enough for a float to be exact
        bad |= values.notna() & ((values % 1 != 0) | (values.abs() > 2**53))
    problems = []
    for i in np.flatnonzero(bad).tolist():
        cell = text.iloc[i]
        remedy = "Write it with a decimal point and without a sign for per cent, such as 0.87."
        problems.append(
            Problem(
                f"the value is not a {'whole ' if whole else ''}number.",
                remedy if "," in cell or "%" in cell else "",
                place.file,
                place.lines[i],
                place.column(column, i),
                cell,
            )
        )
    values = values.mask(bad)
    return (values.astype("Int64") if whole else values), problems


def repeated(
    frame: pd.DataFrame,
    key: Sequence[str],
    places: Sequence[Place],
    subject: str,
    remedy: str,
    spelt: Sequence[str] = (),
) -> list[Problem]:
    """Rows that repeat the key of an earlier one, each named with it.

    Parameters
    ----------
    frame : DataFrame
        The rows of one or more files, one below the other.
    key : sequence of str
        Columns that make a row unique.
    places : sequence of Place
        Where the rows come from: a place for each file, in the order of the rows.
    subject, remedy : str
        What is repeated, and how to mend it.
    spelt : sequence of str
        Languages as the file spells them: if one has several spellings, that is what is said.

    Examples
    --------
    >>> frame = pd.DataFrame({"model": ["a", "a"], "language": ["en", "en"]})
    >>> place = Place("my.csv", [2, 3])
    >>> print(repeated(frame, ["model", "language"], [place], "model", "")[0].what)
    the row repeats the model of line 2.
    """
    again = np.flatnonzero(frame.duplicated(list(key)))
    if not len(again):
        return []
    problems = []
    met = {
        code: forms
        for code, forms in spellings(spelt).items()
        if code in set(frame["language"].iloc[again])
    }
    for code, forms in met.items():
        what = f"{listing(forms)} are one language, {code}, with more than one row for an item."
        if "item" not in key:
            what = f"{listing(forms)} are one language, {code}, with more than one figure."
        mend = "Keep one; name another version of the items in the column benchmark."
        problems.append(Problem(what, mend, places[0].file, column="language"))
    groups = frame.groupby(list(key), dropna=False, sort=False).ngroup().to_numpy()
    first = np.unique(groups, return_index=True)[1][groups]
    starts = np.cumsum([0, *(len(place.lines) for place in places)])
    shown = [c for c in ("model", "reasoning", "prompting", "language", "item") if c in key]

    def origin(row: int) -> tuple[str, int]:
        which = int(np.searchsorted(starts, row, side="right")) - 1
        return places[which].file, places[which].lines[row - int(starts[which])]

    for row in again[~frame["language"].iloc[again].isin(list(met)).to_numpy()].tolist():
        (file, line), (first_file, first_line) = origin(row), origin(int(first[row]))
        where = f"line {first_line}" if file == first_file else f"{first_file}, line {first_line}"
        values = ", ".join(filter(None, frame.iloc[row][shown].astype(str)))
        what = f"the row repeats the {subject} of {where}."
        problems.append(Problem(what, remedy, file, line, value=values))
    return problems
