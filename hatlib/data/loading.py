"""What every load does: read files, turn text into values, check them, and keep count of it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.door import importer_of, stem
from hatlib.data.files import Place, columns_of, read_table
from hatlib.data.languages import NOT_A_CODE, language_of, no_language, spellings
from hatlib.errors import InputError, Problem, listing

#: The source language of a benchmark where it varies by item.
BY_ITEM = "item"

#: A chance level that is not given; notebooks take plain numbers as parameters.
UNKNOWN = -1.0

#: Columns that count something.
WHOLE = frozenset(["n_items", "n_correct", "n_trials", "n_parsed", "correct"])
#: Columns that hold a number.
NUMBERS = WHOLE | {"accuracy", "margin", "params_total_b", "params_active_b", "chance_level"}

_FACTS = tomllib.loads(Path(__file__).with_name("tables.toml").read_text(encoding="utf-8"))
_WHAT: dict[str, tuple[str, Any, str]] = _FACTS.pop("what")
_ABOVE: dict[str, tuple[str, str, str]] = _FACTS.pop("above")


@dataclass(frozen=True)
class Form:
    """What a table of a user has; `tables.toml` says it of each."""

    needed: list[str]
    needs: str
    columns: dict[str, list[str]]
    synonyms: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    again: str = ""


FORMS: Mapping[str, Form] = {name: Form(**about) for name, about in _FACTS.items()}

REASONING: tuple[str, ...] = tuple(_WHAT["is not a known reasoning setting"][1])

#: What makes a row of accuracies unique.
KEY = tuple(FORMS["accuracies"].key)

#: What makes a row of responses unique.
RESPONSE_KEY = tuple(FORMS["responses"].key)

#: Columns of the models table that a user may put beside the accuracies instead.
MODEL_COLUMNS = tuple(FORMS["models"].columns)[1:]

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


@dataclass
class Loading:
    """One load: what it read, assumed and left out, and everything that is wrong."""

    read: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def report(self) -> LoadReport:
        """What has been said; everything that is wrong is raised, if anything is."""
        if self.problems:
            raise InputError(self.problems)
        return LoadReport(tuple(self.read), tuple(self.assumed), tuple(self.dropped))

    def table(
        self,
        path: str | Path | None,
        name: str,
        prepare: Callable[[pd.DataFrame, Place], tuple[pd.DataFrame, Place]] | None = None,
        benchmark: str = "",
    ) -> tuple[pd.DataFrame, Place] | None:
        """A file of a user: read, typed and held against its rules; None if it cannot be used.

        `prepare` brings its columns into our form first; `benchmark` is the name of the benchmark
        where no column says it.
        """
        if not path:
            return None
        form = FORMS[name]
        try:
            frame, place = read_table(path)
        except InputError as error:
            self.problems += error.problems
            return None
        names = [str(column).strip().lower().replace(" ", "_") for column in frame]
        frame = frame if len(set(names)) < len(names) else frame.set_axis(names, axis=1)
        other = {c: ours for c, ours in form.synonyms.items() if c in frame and ours not in frame}
        if other:
            found = listing(f"{theirs} as {ours}" for theirs, ours in other.items())
            self.assumed.append(f"{place.file}: columns read under another name: {found}.")
            frame = frame.rename(columns=other)
        if form.key:
            self.read.append(f"{place.file}: {len(frame):,} rows.")
        if prepare:
            frame, place = prepare(frame, place)
        missing = [c for c in form.needed if c not in frame]
        if missing or (form.key and not len(frame)):
            self.problems.append(_no_table(frame, place.file, missing, form))
            return None
        unused = [c for c in frame if c not in (*form.columns, *MODEL_COLUMNS)]
        if form.key and unused:
            self.dropped.append(f"{place.file}: columns that no analysis uses: {listing(unused)}.")
            frame = frame.drop(columns=unused)
        for column, default in form.defaults.items():
            if column in frame:
                continue
            if column == "benchmark":
                default = benchmark or stem(Path(path).name) or "your benchmark"
            frame[column] = default
            if column in form.assumed:
                said = form.assumed[column].format(default)
                self.assumed.append(f"{place.file}: {said}, as there is no column {column}.")
        frame, wrong = typed(frame, place)
        spelt = frame["language"].unique().tolist() if "language" in frame else []
        for column in form.languages:
            frame[column], found_wrong = self._languages(frame[column], place)
            wrong += found_wrong
        wrong = check(frame, form.columns, place, wrong)
        if form.key and "correct" not in frame:  # trials may be alike
            wrong += repeated(frame, form.key, [place], form.again, spelt)
        self.problems += sorted(wrong, key=lambda p: (p.row or 0, p.column))
        return frame, place

    def _languages(self, column: pd.Series, place: Place) -> tuple[pd.Series, list[Problem]]:
        """Language codes in their standard form, and what is none."""
        codes = {text: language_of(text) for text in column.unique() if text}
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


def _no_table(frame: pd.DataFrame, file: str, missing: Sequence[str], form: Form) -> Problem:
    """Why a file is no table of a form: it lacks columns, or rows."""
    if not missing:
        return Problem("there is no row below the header.", "Add the data.", file)
    remedy = f"{form.needs} Columns found: {listing(frame.columns, 20)}."
    program = importer_of(frame.columns)
    if program:
        remedy = f"It looks like a log: hat import {program} {file}. {remedy}"
    elif "accuracy" in frame and "item" in missing:
        remedy = f"These are accuracies. {remedy}"
    return Problem(f"there is no column {listing(missing)}.", remedy, file, 1)


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
    names = {column.strip().lower().replace(" ", "_") for column in columns_of(path)}
    return bool(names & {"item", "item_id"}) and "accuracy" not in names


def asked(source_language: str, chance: float | None, also: str = "") -> tuple[str, float | None]:
    """What the caller says: a language in its standard form, or `also`; and a chance level."""
    code = source_language if source_language == also else language_of(source_language)
    if not code:
        remedy = no_language(source_language).remedy or NOT_A_CODE
        remedy += f" Write {also} if it varies by item." if also else ""
        what = "source_language is not a language code."
        raise InputError(what, remedy, value=source_language)
    if chance is None or chance == UNKNOWN:
        return code, None
    if not 0 <= chance < 1:
        remedy = "Give a number from 0 to below 1."
        raise InputError("chance is not a share.", remedy, value=str(chance))
    return code, chance


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
        remedy = "" if column in WHOLE else _POINT
        problems += place.problems(bad, what, remedy, column, text)
        values = values.mask(bad)
        frame[column] = values.astype("Int64") if column in WHOLE else values
    if "release_date" in frame:
        text = frame["release_date"]
        dates = pd.to_datetime(text.where(text != ""), format="ISO8601", errors="coerce")
        bad = dates.isna() & (text != "")
        problems += place.problems(bad, "the value is not a date.", _DATE, "release_date", text)
        frame["release_date"] = dates.astype("datetime64[ns]")
    return frame, problems


def check(
    frame: pd.DataFrame,
    columns: Mapping[str, list[str]],
    place: Place,
    found: list[Problem] | None = None,
) -> list[Problem]:
    """Everything that is wrong with a frame, a cell once, in the order of its lines.

    Parameters
    ----------
    frame : DataFrame
        Its columns have their types.
    columns : mapping of str to list of str
        What breaks each column, in the words of ``tables.toml``.
    place : Place
        Where the rows come from.
    found : list of Problem, optional
        What is wrong with cells already, of which no more is said.

    Examples
    --------
    >>> place = Place("mine.csv", [1, 2])
    >>> found = check(pd.DataFrame({"n_items": [5, 0]}), {"n_items": ["is zero"]}, place)
    >>> [(p.file, p.row, p.column, p.value) for p in found]
    [('mine.csv', 3, 'n_items', '0')]
    """
    import pandera.pandas as pa  # takes 0.3 s, which pages on the data of the book need not wait

    of_cells = {
        column: pa.Column(
            checks=[
                getattr(pa.Check, test)(limit, error=what)
                for what, (test, limit, _) in _WHAT.items()
                if what in broken and hasattr(pa.Check, test)
            ],
            nullable="is missing" not in broken,
            unique="stands in more than one row" in broken,
            required=False,
        )
        for column, broken in columns.items()
    }
    of_rows = [
        pa.Check(
            lambda rows, one=one, other=other: ~(rows[one] > rows[other]).fillna(False), error=what
        )
        for what, (one, other, _) in _ABOVE.items()
        if {one, other} <= set(frame)
    ]
    cases: list[dict[Any, Any]] = []
    try:
        pa.DataFrameSchema(of_cells, of_rows).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.to_dict("records")
    of_column = {test: what for what, (test, *_) in _WHAT.items()}
    cells = {(p.row, p.column): p for p in found or []}
    rows = set()
    for case in cases:
        what, row, column = str(case["check"]), int(case["index"]), str(case["column"])
        what = of_column.get(what, what)
        if what in _ABOVE:
            rows.add(place.problem(row, f"the row {what}.", _ABOVE[what][2]))
        else:
            value = "" if pd.isna(case["failure_case"]) else str(case["failure_case"])
            p = place.problem(row, f"the value {what}.", _WHAT[what][2], column, value)
            cells.setdefault((p.row, p.column), p)
    wrong = {row for row, _ in cells}
    rows = {p for p in rows if p.row not in wrong}
    return sorted([*cells.values(), *rows], key=lambda p: (p.row or 0, p.column, p.what))


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
    where = [(place, row) for place in places for row in range(len(place.rows))]
    shown = [c for c in ("model", "reasoning", "prompting", "language", "item") if c in key]
    *names, last = [c for c in ("model", "language", "item") if c in key]
    for row in np.flatnonzero(again & ~languages.isin(forms)).tolist():
        (place, here), (origin, there) = where[row], where[first[row]]
        earlier = f"{'' if origin is place else f'{origin.file}, '}line {origin.line(there)}"
        what = f"the row repeats the {', '.join(names)} and {last} of {earlier}."
        values = ", ".join(filter(None, frame.iloc[row][shown].astype(str)))
        problems.append(place.problem(here, what, remedy, value=values))
    return problems
