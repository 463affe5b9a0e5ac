"""What every load does: read files, turn text into values, and keep count of what it did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hatlib.data.door import importer_of, stem
from hatlib.data.files import Place, columns_of, read_table
from hatlib.data.languages import NOT_A_CODE, language_of, no_language, spellings
from hatlib.data.schema import FORMS, MODEL_COLUMNS, check
from hatlib.errors import InputError, Problem, listing

#: The source language of a benchmark where it varies by item.
BY_ITEM = "item"

#: A chance level that is not given; notebooks take plain numbers as parameters.
UNKNOWN = -1.0

#: Columns that count something.
WHOLE = frozenset(["n_items", "n_correct", "n_trials", "n_parsed", "correct"])
#: Columns that hold a number.
NUMBERS = WHOLE | {"accuracy", "margin", "params_total_b", "params_active_b", "chance_level"}

_DATE = "Write 2025-06-17, or 2025-06 if the day is not known."
_POINT = "Write it with a decimal point and without a sign for per cent, such as 0.87."


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

    def opened(self, path: Path) -> tuple[pd.DataFrame, Place] | None:
        """A file as text with column names in small letters; None if it is no table."""
        try:
            frame, place = read_table(path)
        except InputError as error:
            self.problems += error.problems
            return None
        lower = [plain(str(name)) for name in frame]
        changed = [old for old, new in zip(frame, lower, strict=True) if old != new]
        if not changed or len(set(lower)) < len(lower):
            return frame, place
        names = listing(changed)
        self.assumed.append(f"{place.file}: column names read in small letters: {names}.")
        return frame.set_axis(lower, axis=1), place

    def checked(
        self, frame: pd.DataFrame, place: Place, table: str, **more: str
    ) -> pd.DataFrame | None:
        """A table of a user with its defaults and types, held against its rules.

        `more` are defaults of this file. None if it lacks what it needs.
        """
        form, file = FORMS[table], place.file
        missing = [c for c in form.needed if c not in frame]
        if missing:
            remedy = f"{form.needs} Columns found: {listing(frame.columns, 20)}."
            program = importer_of(frame.columns)
            if program:
                remedy = f"It looks like a log: hat import {program} {file}. {remedy}"
            elif "accuracy" in frame and "item" in missing:
                remedy = f"These are accuracies. {remedy}"
            what = f"there is no column {listing(missing)}."
            self.problems.append(Problem(what, remedy, file, 1))
            return None
        if form.key:
            if not len(frame):
                what = "there is no row below the header."
                self.problems.append(Problem(what, "Add the data.", file))
                return None
            unused = [c for c in frame if c not in (*form.columns, *MODEL_COLUMNS)]
            if unused:
                names = listing(unused)
                self.dropped.append(f"{file}: columns that no analysis uses: {names}.")
                frame = frame.drop(columns=unused)
        for column in (c for c in (*more, *form.defaults) if c not in frame):
            frame[column] = {**form.defaults, **more}[column]
            if column == "benchmark":
                what = f"benchmark is {more[column]}, as there is no such column."
                self.assumed.append(f"{file}: {what}")
        frame, wrong = typed(frame, place)
        spelt = frame["language"].unique().tolist() if "language" in frame else []
        for column in form.languages:
            frame[column], found = self._languages(frame[column], place)
            wrong += found
        found = check(frame, form.columns, place, wrong)
        if form.key and "correct" not in frame:  # trials may be alike
            found += repeated(frame, form.key, [place], form.again, spelt)
        self.problems += sorted(found, key=lambda p: (p.row or 0, p.column))
        return frame

    def need_source(
        self, codes: Iterable[str], source: str, there: bool | None = None, of: str = ""
    ) -> None:
        """See that there is something in the source language, and in another; or stop."""
        languages = sorted(set(codes))
        noun = "answer" if of else "figure"
        there = source in languages if there is None else there
        if len(languages) == 1 and (there or of):
            what = f"the only language{of and f' of {of}'} is {languages[0]}: there is no target "
            remedy = f"Add the {noun}s in other languages."
            self.problems.append(Problem(f"{what}language.", remedy))
        elif not there:
            what = f"no {noun}{of and f' to {of}'} is in the source language {source}."
            remedy = f"Add the {noun}s in that language, or make another one the source_language "
            remedy += f"(languages read: {listing(languages, 20)})."
            self.problems.append(Problem(what, remedy))
        if not of:
            self.stop_if_wrong()

    def _languages(self, column: pd.Series, place: Place) -> tuple[pd.Series, list[Problem]]:
        """Language codes in their standard form, and what is none."""
        codes = {str(text): language_of(str(text)) for text in column.unique() if text}
        if column.name == "source_language":  # may vary by item
            codes |= {text: BY_ITEM for text in codes if text.lower() == BY_ITEM}
        problems = []
        for text in (text for text, code in codes.items() if not code):
            at = np.flatnonzero(column == text)
            what, remedy = no_language(text).what, no_language(text).remedy
            if len(at) > 1:
                what = f"{what[:-1]} (here and in {len(at) - 1:,} more rows)."
            problems.append(place.problem(int(at[0]), what, remedy, str(column.name), text))
        other = {text: code for text, code in codes.items() if code and text != code}
        if other:
            names = listing(f"{text} as {code}" for text, code in sorted(other.items()))
            self.assumed.append(f"{place.file}: {column.name} read in its standard form: {names}.")
        return column.replace(other), problems


def plain(name: str) -> str:
    """The name of a column in small letters, without spaces."""
    return name.strip().lower().replace(" ", "_")


def default_benchmark(path: Path, given: str) -> str:
    """What a benchmark is called whose file does not say it."""
    return given or stem(path.name) or "your benchmark"


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
    names = set(map(plain, columns_of(path)))
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
    """Text turned into numbers and dates, missing where it is empty; every cell that is neither.

    Examples
    --------
    >>> frame = pd.DataFrame({"n_items": ["3", "2.5", ""], "release_date": ["2025-02", "", ""]})
    >>> frame, found = typed(frame, Place("my.csv", [1, 2, 3]))
    >>> frame.dtypes.astype(str).tolist(), frame["n_items"].isna().tolist()
    (['Int64', 'datetime64[ns]'], [False, True, True])
    >>> print(found[0])
    my.csv, line 3, column n_items: the value is not a whole number. (found: 2.5)
    """
    frame, problems = frame.copy(), []
    for column in (c for c in frame if c in NUMBERS):
        text = frame[column]
        values = pd.to_numeric(text.where(text != ""), errors="coerce").astype(float)
        bad = (values.isna() & (text != "")) | np.isinf(values)
        what = "the value is not a number."
        if column in WHOLE:  # and small enough for a float to be exact
            bad |= values.notna() & ((values % 1 != 0) | (values.abs() > 2**53))
            what = "the value is not a whole number."
        if bad.any():
            comma = text.str.contains("[,%]")
            problems += place.problems(bad & comma, what, _POINT, column, text)
            problems += place.problems(bad & ~comma, what, "", column, text)
        values = values.mask(bad)
        frame[column] = values.astype("Int64") if column in WHOLE else values
    if "release_date" in frame:
        text = frame["release_date"]
        dates = pd.to_datetime(text.where(text != ""), format="ISO8601", errors="coerce")
        bad = dates.isna() & (text != "")
        problems += place.problems(bad, "the value is not a date.", _DATE, "release_date", text)
        frame["release_date"] = dates.astype("datetime64[ns]")
    return frame, problems


def repeated(
    frame: pd.DataFrame,
    key: Sequence[str],
    places: Sequence[Place],
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
    remedy : str
        How to mend it.
    spelt : sequence of str
        Languages as the file spells them: if one has several spellings, that is what is said.

    Examples
    --------
    >>> frame = pd.DataFrame({"model": ["a", "a"], "language": ["en", "en"]})
    >>> place = Place("my.csv", [1, 2])
    >>> print(repeated(frame, ["model", "language"], [place], "")[0].what)
    the row repeats the model and language of line 2.
    """
    again = frame.duplicated(list(key))
    if not again.any():
        return []
    problems = []
    forms = spellings(spelt)
    languages = frame["language"]
    for code in (code for code in languages[again].unique() if code in forms):
        kind = "row for an item" if "item" in key else "figure"
        what = f"{listing(forms[code])} are one language, {code}, with more than one {kind}."
        mend = "Keep one; name another version of the items in the column benchmark."
        problems.append(Problem(what, mend, places[0].file, column="language"))
    groups = frame.groupby(list(key), dropna=False, sort=False).ngroup().to_numpy()
    first = np.unique(groups, return_index=True)[1][groups]
    starts = np.cumsum([0, *(len(place.rows) for place in places)])
    shown = [c for c in ("model", "reasoning", "prompting", "language", "item") if c in key]
    *names, last = [c for c in ("model", "language", "item") if c in key]

    def found(row: int) -> tuple[Place, int]:
        which = int(np.searchsorted(starts, row, side="right")) - 1
        return places[which], places[which].line(row - int(starts[which]))

    for row in np.flatnonzero(again & ~languages.isin(forms)).tolist():
        (place, line), (origin, earlier) = found(row), found(int(first[row]))
        where = "" if origin is place else f"{origin.file}, "
        what = f"the row repeats the {', '.join(names)} and {last} of {where}line {earlier}."
        values = ", ".join(filter(None, frame.iloc[row][shown].astype(str)))
        problems.append(Problem(what, remedy, place.file, line, value=values))
    return problems
