"""Promptings: the same wordings for every item and language, before and after the question.

The wordings stand in ``prompts.toml``. They are our own, in English and a few more languages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hatlib.errors import InputError, listing
from hatlib.logs.collect.items import Item, Kind
from hatlib.logs.collect.rules import LETTERS
from hatlib.logs.fields import listed, mapping


@dataclass(frozen=True)
class Prompting:
    """One way to ask.

    Attributes
    ----------
    name : str
        Number of the wording, and whether it stands before or after the question.
    texts : mapping of str to str
        Language of the instruction to the instruction.
    before : bool
    """

    name: str
    texts: Mapping[str, str]
    before: bool

    def language(self, item: Item, instructions: str) -> str:
        """Language of the instruction: English where there is no wording in the item's."""
        wanted = item.language if instructions == "item" else instructions
        return wanted if wanted in self.texts else "en"

    def ask(self, item: Item, instructions: str = "en") -> str:
        """The prompt for an item."""
        options = [f"{a}) {text}" for a, text in zip(LETTERS, item.options, strict=False)]
        question = "\n".join([item.question, *(["", *options] if options else [])])
        text = self.texts[self.language(item, instructions)]
        return f"{text}\n\n{question}" if self.before else f"{question}\n\n{text}"


def promptings(kind: Kind, n: int = 10, file: str | Path = "") -> tuple[Prompting, ...]:
    """The first `n` ways to ask.

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
    path = Path(file) if file else Path(__file__).with_name("prompts.toml")
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the wordings cannot be read: {error}", file=str(path)) from None
    texts: dict[str, list[str]] = {}
    for code, part in found.items():
        mine = mapping(mapping(part).get(kind))
        wordings = [
            f"{each} {mine.get('mark', '')}".strip() for each in listed(mine.get("wordings"))
        ]
        texts |= {code: wordings} if wordings else {}
    size = len(texts.get("en", ()))
    uneven = [code for code, wordings in texts.items() if len(wordings) != size]
    if not size or uneven:
        what = f"each language needs as many wordings for a {kind} as English, and English one."
        raise InputError(what, file=str(path), value=listing(uneven))
    if not 1 <= n <= 2 * size:
        raise InputError(f"there are {2 * size} promptings.", "Use repeats.", value=str(n))
    ways = []
    for k in range(n):
        turn, wording = divmod(k, size)
        before = (turn + wording) % 2 == 0
        name = f"{wording + 1}-{'before' if before else 'after'}"
        ways.append(Prompting(name, {code: each[wording] for code, each in texts.items()}, before))
    return tuple(ways)
