"""Items to ask, and ways to ask them, checked before a call is paid for.

The wordings stand in ``prompts.toml``. They are our own, in English and a few more languages.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.files import Place, read_table
from hatlib.data.languages import is_language, standard_language
from hatlib.errors import InputError, listing
from hatlib.logs.collect.judging import LETTERS, Kind, letter_in, number_in
from hatlib.logs.fields import listed, mapping, score_of
from hatlib.logs.reading import clean, parsed

_NEEDED = ["id", "language", "question", "answer"]
_COLUMNS = [*_NEEDED, "options", "source_language"]


@dataclass(frozen=True)
class Prompting:
    """One way to ask: a wording in some languages, before or after the question."""

    texts: Mapping[str, str]
    wording: int
    before: bool

    @property
    def name(self) -> str:
        """Number of the wording, and where it stands."""
        return f"{self.wording + 1}-{'before' if self.before else 'after'}"

    def ask(self, item: Any, instructions: str = "en") -> str:
        """The prompt for an item, in English where there is no wording in the item's language."""
        language = item.language if instructions == "item" else instructions
        options = [f"{a}) {text}" for a, text in zip(LETTERS, item.options, strict=False)]
        question = "\n".join([item.question, *(["", *options] if options else [])])
        parts = [self.texts.get(language, self.texts["en"]), question]
        return "\n\n".join(parts if self.before else parts[::-1])


def read_items(
    items: str | Path,
    kind: Kind,
    source: str = "en",
    languages: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    most: int = 0,
) -> list[Any]:
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
    list of namedtuple
        Items with the fields ``id``, ``language``, ``question``, ``answer`` (a tuple: any of them
        is right; for options the letter), ``options`` (a tuple), ``source_language``, and
        ``references``: the right answers in the language and in the source language.

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
    ...     [(item.id, item.language, item.answer) for item in read_items(path, "number")]
    [('1', 'en', ('3',)), ('1', 'de', ('3',))]
    """
    unknown = [code for code in (source, *languages) if not is_language(code)]
    if unknown:
        raise InputError("this is no language code.", value=listing(unknown))
    given, place = _table(items, _COLUMNS, columns)
    rows = given.assign(
        id=given["id"].map(clean),
        language=given["language"].map(standard_language),
        source_language=given["source_language"].replace("", source).map(standard_language),
        answer=given["answer"].map(lambda cell: _texts(cell, kind == "fact")),
        options=given["options"].map(_texts),
    )
    rows["key"] = [_key(*row, kind) for row in zip(rows["answer"], rows["options"], strict=True)]
    if kind == "option":
        rows["answer"] = [(letter,) for letter in rows["key"]]
    filled, codes = (given[_NEEDED] != "").all(axis=1), ("language", "source_language")
    rows["home"] = rows["language"] == rows["source_language"]
    again = rows.duplicated(["id", "language"])
    no_code = "this is no language code."
    checks = [(given[name] == "", f"there is no {name}.", name, "") for name in _NEEDED]
    checks += [(~rows[c].map(is_language) & (rows[c] != ""), no_code, c, "") for c in codes]
    what = f"the answer is no {kind}{' of 2 to 10' if kind == 'option' else ''}."
    checks += [
        (filled & rows["key"].isna(), what, "answer", ""),
        (filled & again, "this item stands twice in one language.", "id", "Give each one id."),
    ]
    name = rows["id"].mask(np.logical_or.reduce([bad for bad, *_ in checks]))
    by, first = rows.groupby(name), name.notna() & ~name.duplicated()
    astray = (by["home"].transform("sum") != 1) | (by["source_language"].transform("nunique") > 1)
    differ = by["key"].transform("nunique") > 1
    what = "this item is not there in one source language."
    checks += [
        (first & astray, what, "id", "Add it: a HAT needs it."),
        (first & differ, "its right answer is not the same in all languages.", "id", ""),
    ]
    _refuse(given, place, checks)
    rows["order"] = pd.factorize(rows["id"])[0]
    asked = [standard_language(code) for code in languages] or rows["language"]
    at_home = rows[rows["home"]].set_index("id")["answer"]
    rows["references"] = rows["answer"] + rows["id"].map(at_home)
    kept = (rows["home"] | rows["language"].isin(asked)) & (rows["order"] < (most or len(rows)))
    rows = rows[kept].sort_values(["order", "home"], ascending=[True, False], kind="stable")
    return [*rows[[*_COLUMNS, "references"]].itertuples(index=False, name="Item")]


def read_labels(path: str | Path, items: Sequence[Any]) -> list[tuple[Any, str, bool]]:
    """Read answers that people have labelled: the item, the answer, whether it is right.

    Parameters
    ----------
    path : path
        A JSONL, CSV or Parquet file with the columns ``item``, ``language``, ``answer`` and
        ``label`` (right or wrong, 1 or 0, yes or no).
    items : sequence of namedtuple
        To which the answers are.

    Raises
    ------
    InputError
        Listing everything that is wrong.
    """
    rows, place = _table(path, ["item", "language", "answer", "label"])
    known = {(item.id, item.language): item for item in items}
    places = zip(rows["item"].map(clean), rows["language"].map(standard_language), strict=True)
    asked = pd.Series([known.get(place) for place in places], rows.index, dtype=object)
    right = rows["label"].map(score_of)
    checks = [(asked.isna(), "there is no such item.", "item", "")]
    checks += [(~right.isin([0, 1]), "this is no label.", "label", "Write right or wrong.")]
    _refuse(rows, place, checks)
    if right.nunique() < 2:
        what = "the labels must hold right answers and wrong ones."
        raise InputError(what, "Label some of either kind.", file=str(path))
    return [*zip(asked, rows["answer"], right == 1, strict=True)]


def promptings(kind: Kind, n: int = 10, file: str | Path = "") -> list[Prompting]:
    """The first `n` ways to ask: the same wordings for every item and language.

    Parameters
    ----------
    kind : {"number", "option", "fact"}
        What an answer is.
    n : int
        At most twice the number of wordings.
    file : path
        Own wordings, laid out as ``prompts.toml``; empty: those of this package.

    Raises
    ------
    InputError
        If there are not so many, or the file cannot be used.

    Examples
    --------
    >>> ways = promptings("number", 3)
    >>> [way.name for way in ways], sorted(ways[0].texts)
    (['1-before', '2-after', '3-before'], ['de', 'en', 'es', 'fr'])
    """
    path = Path(file or Path(__file__).with_name("prompts.toml"))
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the wordings cannot be read: {error}", file=str(path)) from None
    parts = {code: mapping(mapping(part).get(kind)) for code, part in found.items()}
    texts = {
        code: [f"{text} {part.get('mark', '')}".strip() for text in listed(part.get("wordings"))]
        for code, part in parts.items()
        if part
    }
    size = min(map(len, texts.values())) if "en" in texts else 0
    if not 1 <= n <= 2 * size:
        what = f"there are {2 * size} promptings for a {kind} in English and all its languages."
        raise InputError(what, "Use repeats.", file=str(path), value=str(n))
    places = [(k % size, (k // size + k % size) % 2 == 0) for k in range(n)]
    return [Prompting({code: each[k] for code, each in texts.items()}, k, b) for k, b in places]


def _table(
    path: str | Path, names: Sequence[str], columns: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, Place]:
    """Some columns of a file as text, empty if they are not there, and where each row stands."""
    here = Path(path).expanduser()
    if not here.exists():  # Inspect changes the folder while it loads a task from a file
        here = Path(os.environ.get("PWD", ".")) / here
    rows, place = read_table(here)
    rows = rows.assign(**{ours: rows.get(theirs, "") for ours, theirs in (columns or {}).items()})
    return rows.reindex(columns=list(names), fill_value=""), place


def _texts(cell: str, several: bool = True) -> tuple[str, ...]:
    """The texts in a cell: those of a JSON list, or with ``|`` between."""
    found = parsed(cell) if cell.startswith("[") else None
    texts = found if isinstance(found, list) else cell.split("|") if several else [cell]
    return tuple(text for each in texts if each is not None and (text := str(each).strip()))


def _key(answers: tuple[str, ...], options: tuple[str, ...], kind: Kind) -> Any:
    """What must be the same in all languages: a number or a letter; None if it is neither."""
    if kind == "fact" or len(answers) != 1:
        return "" if kind == "fact" and answers else None
    if kind == "option":
        return letter_in(answers[0], options) if 2 <= len(options) <= len(LETTERS) else None
    return None if re.search(r"[^\W\d_]", answers[0]) else number_in(answers[0])


def _refuse(rows: pd.DataFrame, place: Place, checks: Sequence[tuple[Any, str, str, str]]) -> None:
    """Refuse rows that fail a check: which rows, what, in which column, the remedy."""
    problems = [
        problem
        for bad, what, column, remedy in checks
        for problem in place.problems(bad, what, remedy, column, rows[column])
    ]
    if problems:
        raise InputError(problems)
