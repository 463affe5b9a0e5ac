"""Items to ask, from a file of the user or a hub, checked before a call is paid for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from hatlib.data.files import read_table
from hatlib.data.languages import is_language, standard_language
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.collect.rules import LETTERS, letter_in, number_in
from hatlib.logs.reading import File, Notes, clean, objects

Kind = Literal["number", "option", "fact"]

#: More problems than this are not listed.
MOST_PROBLEMS = 50

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


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
    items : path or str
        A JSONL, CSV or Parquet file with the columns ``id``, ``language``, ``question``,
        ``answer``, and perhaps ``options`` (a list, or text with ``|`` between the options) and
        ``source_language``. Or the name of a data set on the Hugging Face hub (``owner/name``)
        with one configuration a language.
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
    problems: list[Problem] = []
    found: dict[tuple[str, str], Item] = {}
    unknown = [code for code in (source, *languages) if not is_language(code)]
    problems += [Problem("this is no language code.", value=code) for code in unknown]
    for place, row in _rows(str(items), languages, columns or {}, problems):
        item = _item(row, kind, source, place, problems)
        if item is None:
            continue
        if (item.id, item.language) in found:
            what = f"item {item.id} stands twice in {item.language}."
            problems.append(Problem(what, "Give each item one id.", *place))
        found[item.id, item.language] = item
    problems += _incomparable(found.values(), kind)
    if not found and not problems:
        problems.append(Problem("there are no items.", file=str(items)))
    if problems:
        more = len(problems) - MOST_PROBLEMS
        last = [Problem(f"and {more} problems more.")] if more > 0 else []
        raise InputError([*problems[:MOST_PROBLEMS], *last])
    order = {name: i for i, name in enumerate(dict.fromkeys(item.id for item in found.values()))}
    wanted = {standard_language(code) for code in languages}
    kept = [
        item
        for item in found.values()
        if (not wanted or item.is_source or item.language in wanted)
        and (not most or order[item.id] < most)
    ]
    return tuple(sorted(kept, key=lambda item: (order[item.id], not item.is_source)))


def read_rows(
    path: str | Path, problems: list[Problem]
) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """The rows of a JSONL, CSV or Parquet file, each with the file's name and its line.

    Parameters
    ----------
    path : path
        Relative to the folder where the command was started, too: Inspect changes it while it
        loads a task from a file.
    problems : list of Problem
        Grows by what is wrong.
    """
    here = Path(path).expanduser()
    if not here.exists():
        here = Path(os.environ.get("PWD", ".")) / here
    if ".json" in here.name:
        notes = Notes()
        for number, row in objects(File(here, here.name, "", here.name), notes):
            yield (here.name, number), row
        problems += notes.problems
        return
    frame, place = read_table(here)
    for number, record in zip(place.lines, frame.to_dict("records"), strict=True):
        yield (here.name, int(number)), {str(k): v for k, v in record.items()}


def _rows(
    items: str, languages: Sequence[str], columns: Mapping[str, str], problems: list[Problem]
) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    is_hub = _HUB_NAME.fullmatch(items) and Path(items).suffix.lower() not in _SUFFIXES
    if is_hub and not Path(items).exists():
        rows = _hub_rows(items, languages)
    else:
        rows = read_rows(items, problems)
    for place, row in rows:
        yield place, {**row, **{ours: row.get(theirs) for ours, theirs in columns.items()}}


_SUFFIXES = {".jsonl", ".json", ".csv", ".gz", ".parquet", ".tsv", ".txt"}


def _hub_rows(
    name: str, languages: Sequence[str]
) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """The test set of each language; the row is the id where there is no other."""
    try:
        load = import_module("datasets").load_dataset
    except ImportError:
        what = "a data set of the hub needs the package datasets, which is not installed."
        remedy = "Install it with pip install datasets, or name a file with your items."
        raise InputError(Problem(what, remedy, value=name)) from None
    if not languages:
        what = "the languages of the data set are not named."
        raise InputError(Problem(what, "Name them: languages=en,de,sw.", value=name))
    for code in languages:
        try:
            rows = load(name, code, split="test")
        except Exception as error:  # of a package that may raise anything
            what = f"the test set in {code} cannot be loaded: {clean(error)}."
            raise InputError(Problem(what, file=name)) from None
        for i, row in enumerate(rows, 1):
            lettered = [row[k] for k in (f"option_{j}" for j in range(10)) if row.get(k)]
            yield (f"{name}/{code}", i), {"id": i, "language": code, "options": lettered, **row}


def _item(
    row: Mapping[str, Any], kind: Kind, source: str, place: tuple[str, int], problems: list[Problem]
) -> Item | None:
    """One item; None, and problems, if it cannot be asked."""
    before = len(problems)

    def wrong(what: str, column: str, remedy: str = "") -> None:
        value = clean(row.get(column), 80)
        problems.append(Problem(what, remedy, *place, column=column, value=value))

    for name in ("id", "language", "question", "answer"):
        if not clean(row.get(name)):
            wrong(f"there is no {name}.", name)
    codes = [clean(row.get("language")), clean(row.get("source_language")) or source]
    for name, code in zip(("language", "source_language"), codes, strict=True):
        if code and not is_language(code):
            wrong("this is no language code.", name, "Write a code such as de.")
    answers, options = _texts(row.get("answer"), kind == "fact"), _texts(row.get("options"))
    is_number = len(answers) == 1 and not re.search(r"[^\W\d_]", answers[0])
    if kind == "number" and not (is_number and number_in(answers[0]) is not None):
        wrong("the answer is no number.", "answer")
    if kind == "option":
        letter = letter_in(answers[0], options) if len(answers) == 1 else None
        if not 2 <= len(options) <= len(LETTERS):
            wrong(f"there are {len(options)} options, not 2 to {len(LETTERS)}.", "options")
        elif letter is None:
            wrong("the answer is none of the options.", "answer", "Give its letter or its text.")
        answers = (letter or "",)
    if len(problems) > before:
        return None
    codes = [standard_language(code) for code in codes]
    return Item(
        clean(row["id"]), codes[0], str(row["question"]).strip(), answers, options, codes[1]
    )


def _texts(value: Any, several: bool = True) -> tuple[str, ...]:
    if isinstance(value, str) and several:
        value = value.split("|")
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(text for text in (str(v).strip() for v in values if v is not None) if text)


def _incomparable(items: Iterable[Item], kind: Kind) -> Iterator[Problem]:
    """Items that are not the same question in all languages, or have no source."""
    by_id: dict[str, list[Item]] = {}
    for item in items:
        by_id.setdefault(item.id, []).append(item)
    for name, versions in by_id.items():
        sources = sorted({item.source_language for item in versions})
        if len(sources) > 1:
            yield Problem(f"item {name} has several source languages.", value=listing(sources))
        elif not any(item.is_source for item in versions):
            what = f"item {name} is not there in its source language {sources[0]}."
            yield Problem(what, "A HAT needs it. Add it, or name the source language.")
        keys = {number_in(i.answers[0]) if kind == "number" else i.answers[0] for i in versions}
        if kind != "fact" and len(keys) > 1:
            what = f"the right answer to item {name} is not the same in all languages."
            yield Problem(what, "Check that an id means one question.", value=listing(keys))
