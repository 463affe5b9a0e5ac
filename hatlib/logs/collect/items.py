"""Items to ask, from a file of the user, checked before a call is paid for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from hatlib.data.files import read_table
from hatlib.data.languages import is_language, standard_language
from hatlib.errors import InputError, Problem
from hatlib.logs.collect.rules import LETTERS, letter_in, number_in
from hatlib.logs.fields import score_of
from hatlib.logs.reading import Notes, clean, value_of

Kind = Literal["number", "option", "fact"]

#: More problems than this are not listed.
MOST_PROBLEMS = 50

_NEEDED = ["id", "language", "question", "answer"]
_COLUMNS = [*_NEEDED, "options", "source_language"]


@dataclass(frozen=True)
class Item:
    """One question in one language.

    Attributes
    ----------
    id : str
        The same in every language.
    language, source_language : str
        Codes.
    question : str
    answers : tuple of str
        Any of them is right; for options the letter.
    options : tuple of str
        In the order of the letters; empty if the question is open.
    """

    id: str
    language: str
    question: str
    answers: tuple[str, ...]
    options: tuple[str, ...]
    source_language: str

    @property
    def is_source(self) -> bool:
        """Whether this is the item in its source language."""
        return self.language == self.source_language


def read_items(
    items: str | Path,
    kind: Kind,
    source: str = "en",
    languages: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    most: int = 0,
) -> tuple[Item, ...]:
    r"""Read items, all languages of one after the other.

    Parameters
    ----------
    items : path
        A JSONL, CSV or Parquet file with the columns ``id``, ``language``, ``question``,
        ``answer``, and perhaps ``options`` (a list, or text with ``|`` between the options) and
        ``source_language``.
    kind : {"number", "option", "fact"}
        What an answer is. A fact may have several right answers: a list, or text with ``|``.
    source : str
        Source language where the item does not name its own.
    languages : sequence of str
        Only these, and the source language of each item; empty: all.
    columns : mapping of str to str, optional
        Our name of a column to that in the file.
    most : int
        Only so many items, from the start; 0: all.

    Returns
    -------
    tuple of Item

    Raises
    ------
    InputError
        Listing everything that is wrong.

    Examples
    --------
    >>> import json, tempfile
    >>> rows = [{"id": 1, "language": c, "question": q, "answer": "3"}
    ...         for c, q in (("en", "One and two?"), ("de", "Eins und zwei?"))]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "sums.jsonl"
    ...     _ = path.write_text("\n".join(map(json.dumps, rows)))
    ...     [(item.id, item.language, item.answers) for item in read_items(path, "number")]
    [('1', 'en', ('3',)), ('1', 'de', ('3',))]
    """
    unknown = [code for code in (source, *languages) if not is_language(code)]
    _raise([Problem("this is no language code.", value=code) for code in unknown])
    given = _table(items, _COLUMNS, columns)
    rows = given.copy()
    rows["id"] = rows["id"].map(clean)
    rows["source_language"] = rows["source_language"].replace("", source)
    filled = (rows[_NEEDED] != "").all(axis=1)
    checks = [(rows[name] == "", f"there is no {name}.", name, "") for name in _NEEDED]
    for name in ("language", "source_language"):
        bad = ~rows[name].map(is_language) & (rows[name] != "")
        checks.append((bad, "this is no language code.", name, "Write a code such as de."))
        rows[name] = rows[name].map(standard_language)
    rows["answer"] = [_texts(cell, kind == "fact") for cell in rows["answer"]]
    rows["options"] = rows["options"].map(_texts)
    rows["key"] = [_key(*row, kind) for row in zip(rows["answer"], rows["options"], strict=True)]
    is_right = rows["key"].notna() | ~filled
    if kind == "option":
        many = rows["options"].map(len).between(2, len(LETTERS)) | ~filled
        checks.append((~many, f"there are not 2 to {len(LETTERS)} options.", "options", ""))
        checks.append((many & ~is_right, "the answer is none of the options.", "answer", ""))
        rows["answer"] = [(letter,) for letter in rows["key"]]
    else:
        checks.append((~is_right, f"the answer is no {kind}.", "answer", ""))
    again = rows.duplicated(["id", "language"]) & filled
    checks.append((again, "this item stands twice in one language.", "id", "Give each one id."))
    good = ~pd.concat([bad for bad, *_ in checks], axis=1).any(axis=1)
    rows["home"] = rows["language"] == rows["source_language"]
    by, first = rows[good].groupby("id"), ~rows[good].duplicated("id")
    several = by["source_language"].transform("nunique") > 1
    differ = by["key"].transform("nunique") > 1
    astray = ~by["home"].transform("any") & ~several
    for bad, what, remedy in (
        (several, "this item has several source languages.", ""),
        (astray, "this item is not there in its source language.", "Add it: a HAT needs it."),
        (differ, "its right answer is not the same in all languages.", "An id is one question."),
    ):
        checks.append((first & bad, what, "id", remedy))
    _raise(_wrong(given, checks))
    if rows.empty:
        raise InputError("there are no items.", file=str(items))
    wanted = [standard_language(code) for code in languages] or rows["language"].unique()
    rows = rows.assign(order=pd.factorize(rows["id"])[0], away=~rows["home"])
    rows = rows[rows["home"] | rows["language"].isin(wanted)]
    rows = rows[rows["order"] < (most or len(given))]
    kept = rows.sort_values(["order", "away"], kind="stable")[_COLUMNS]
    return tuple(Item(*row) for row in kept.itertuples(index=False, name=None))


def read_labels(path: str | Path, items: Sequence[Item]) -> list[tuple[Any, str, bool]]:
    """Read answers that people have labelled: the item, the answer, whether it is right.

    Parameters
    ----------
    path : path
        A JSONL, CSV or Parquet file with the columns ``item``, ``language``, ``answer`` and
        ``label`` (right or wrong, 1 or 0, yes or no).
    items : sequence of Item
        To which the answers are.

    Raises
    ------
    InputError
        Listing everything that is wrong.
    """
    rows = _table(path, ["item", "language", "answer", "label"])
    known = {(item.id, item.language): item for item in items}
    places = zip(rows["item"].map(clean), rows["language"].map(standard_language), strict=True)
    asked = pd.Series([known.get(place) for place in places], rows.index, dtype=object)
    right = rows["label"].map(score_of)
    checks = [
        (asked.isna(), "there is no such item.", "item", ""),
        (~right.isin([0, 1]), "this is no label.", "label", "Write right or wrong."),
    ]
    _raise(_wrong(rows, checks))
    if right.nunique() < 2:
        what = "the labels must hold right answers and wrong ones."
        raise InputError(what, "Label some of either kind.", file=str(path))
    return [*zip(asked, rows["answer"].map(str), right == 1, strict=True)]


def _table(
    path: str | Path, names: Sequence[str], columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Some columns of a file as text, empty if they are not there, and where each row stands."""
    here = Path(path).expanduser()
    if not here.exists():  # Inspect changes the folder while it loads a task from a file
        here = Path(os.environ.get("PWD", ".")) / here
    rows, place = read_table(here)
    rows = rows.assign(**{ours: rows.get(theirs, "") for ours, theirs in (columns or {}).items()})
    rows = rows.reindex(columns=list(names), fill_value="")
    return rows.assign(file=here.name, line=[place.line(row) for row in range(len(rows))])


def _texts(cell: str, several: bool = True) -> tuple[str, ...]:
    """The texts in a cell: those of a JSON list, or with ``|`` between."""
    found = value_of(cell.encode(), "", Notes()) if cell.startswith("[") else None
    texts = found if isinstance(found, list) else cell.split("|") if several else [cell]
    return tuple(text for each in texts if each is not None and (text := str(each).strip()))


def _key(answers: tuple[str, ...], options: tuple[str, ...], kind: Kind) -> Any:
    """What must be the same in all languages: a number or a letter; None if it is neither."""
    if kind == "fact":
        return "" if answers else None
    if len(answers) != 1:
        return None
    if kind == "option":
        return letter_in(answers[0], options)
    return None if re.search(r"[^\W\d_]", answers[0]) else number_in(answers[0])


def _wrong(rows: pd.DataFrame, checks: Iterable[tuple[pd.Series, str, str, str]]) -> list[Problem]:
    """A problem for each row that fails a check: which rows, what, in which column, the remedy."""
    return [
        Problem(what, remedy, row["file"], int(row["line"]), column, str(row[column]))
        for bad, what, column, remedy in checks
        for row in rows.loc[bad[bad].index].to_dict("records")
    ]


def _raise(problems: list[Problem]) -> None:
    """Raise what is wrong, if anything is."""
    more = len(problems) - MOST_PROBLEMS
    if problems:
        last = [Problem(f"and {more} problems more.")] if more > 0 else []
        raise InputError([*problems[:MOST_PROBLEMS], *last])
