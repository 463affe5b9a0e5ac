"""What the fields of a log say: a score as right or wrong, an answer key, an answer in words."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from hatlib.logs.reading import clean, facts_in, parsed

#: What other programs call things: scores, columns, settings.
NAMES: Mapping[str, Any] = facts_in("names.toml")
#: Where the records of a program have our fields.
WHERE: Mapping[str, Mapping[str, Any]] = facts_in("formats.toml")
_VALUES = {"right": 1.0, "wrong": 0.0, "half": 0.5, "missing": math.nan}
_WORDS = {word: value for kind, value in _VALUES.items() for word in NAMES["scores"][kind]}
#: What programs write where they found no answer in a reply.
UNREADABLE = frozenset(NAMES["scores"]["missing"] + NAMES["scores"]["unreadable"])
#: GSM8K and its kin write the answer after this, at the end of a worked solution.
MARK = "####"

_NUMBER = re.compile(r"[-+]?(\d{1,300}(\.\d*)?|\.\d+)(e[-+]?\d{1,3})?", re.I)


def score_of(value: object) -> float:
    """A score as a number: nan if it is missing, infinite if it is neither number nor word.

    Examples
    --------
    >>> [score_of(v) for v in ("C", "I", "P", True, 0, "0.5", "no", None, "NaN", "maybe", [1])]
    [1.0, 0.0, 0.5, 1.0, 0.0, 0.5, 0.0, nan, nan, inf, inf]
    """
    if value is None or isinstance(value, float):
        return math.nan if value is None else value
    text = str(int(value) if isinstance(value, bool) else value).strip().lower()
    if isinstance(value, str) and text in _WORDS:
        return _WORDS[text]
    return float(text) if isinstance(value, str | int) and _NUMBER.fullmatch(text) else math.inf


def key_of(value: object, choices: object = None) -> str:
    """A right answer as a key that does not depend on the language; else empty.

    Examples
    --------
    >>> key_of("1,080.0"), key_of(["b"]), key_of("Paris"), key_of("Paris", ["Rome", "Paris"])
    ('1080', 'B', '', 'B')
    >>> key_of("Two and two are four. #### 4")
    '4'
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(choices, list) and len(choices) <= 26 and choices.count(value) == 1:
        return chr(ord("A") + choices.index(value))
    text = clean(str(value).rsplit(MARK, 1)[-1]).strip("() ")
    if re.fullmatch(r"[A-Za-z]", text):
        return text.upper()
    number = text.replace(",", "")
    return f"{float(number):.10g}" if re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,9})?", number) else ""


def normalised(value: object) -> str:
    """An answer for comparison with another: a number or letter as `key_of` gives it, else text.

    Text loses case, punctuation and repeated spaces; accents stay. An answer that a program could
    not read (`UNREADABLE`) is empty.

    Examples
    --------
    >>> [normalised(t) for t in ("1,080.0", "(b)", " «São  Paulo»! ", "[invalid]", None, True)]
    ['1080', 'B', 'são paulo', '', '', 'true']
    """
    text = "" if value is None else str(value).rsplit(MARK, 1)[-1].strip()
    return "" if text.lower() in UNREADABLE else key_of(text) or folded(text)


def alternatives(value: object) -> list[Any]:
    """The texts in a list, or in the JSON of one; else the value alone.

    Examples
    --------
    >>> alternatives('["Paris", "Lutetia"]'), alternatives(["a"]), alternatives("[invalid]")
    (['Paris', 'Lutetia'], ['a'], ['[invalid]'])
    """
    several = parsed(value) if isinstance(value, str) and value.startswith("[") else value
    texts = isinstance(several, list) and several and all(isinstance(e, str) for e in several)
    return several if texts else [value]  # type: ignore[return-value]


def accepted(value: object) -> set[str]:
    """The right answers that a value holds, each as `normalised`."""
    return {*map(normalised, alternatives(value))} - {""}


def folded(text: str) -> str:
    """Text without case, punctuation and signs, with digits 0 to 9; accents stay.

    Examples
    --------
    >>> folded(" «São  Paulo», १९६९! ")
    'são paulo 1969'
    """
    text = ascii_digits(unicodedata.normalize("NFKC", text).casefold())
    kinds = ((c, unicodedata.category(c)) for c in text)
    return " ".join("".join(" " if k[0] in "PS" else c for c, k in kinds if k != "Cf").split())


def ascii_digits(text: str) -> str:
    """Text with the digits 0 to 9 in place of those of other scripts."""
    return re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text)


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def short(value: object) -> str:
    """A text or number as text; empty for anything else."""
    return clean(value) if type(value) in (str, int, float) else ""


def facts(record: Mapping[str, Any], table: str) -> dict[str, Any]:
    """What a record says by a table of ``formats.toml``: the first of some paths with a value."""
    return {
        ours: next((value for path in paths if (value := at(record, path)) not in (None, "")), None)
        for ours, paths in WHERE[table].items()
    }


def at(row: Any, path: str) -> Any:
    """The value at a dotted path: of a field of that very name, else of one within another.

    Examples
    --------
    >>> at({"doc": {"id": 3, "tags": ["x"]}, "a.b": 1}, "doc.id"), at({"a.b": 1}, "a.b")
    (3, 1)
    >>> at({"doc": {"tags": ["x"]}}, "doc.tags.0"), at({}, "doc.id")
    ('x', None)
    """
    if isinstance(row, dict) and path in row:
        return row[path]
    head, _, rest = path.partition(".")
    if isinstance(row, list) and head.isdigit() and int(head) < len(row):
        row = {head: row[int(head)]}
    if not isinstance(row, dict) or head not in row:
        return None
    return at(row[head], rest) if rest else row[head]
