"""What the fields of a log say: a score as right or wrong, an answer key, an answer in words."""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from hatlib.logs.reading import clean

#: Words for a score. Inspect writes C, I, P (partly) and N (no answer, which it counts as wrong).
WORDS = {
    **dict.fromkeys(("c", "correct", "right", "true", "t", "yes", "y", "pass", "passed"), 1.0),
    **dict.fromkeys(("i", "incorrect", "wrong", "false", "f", "no", "n", "fail", "failed"), 0.0),
    "p": 0.5,
}
#: Words for a score that is missing.
MISSING = frozenset(["", "na", "n/a", "nan", "none", "null", "<na>"])
#: What programs write where they found no answer in a reply.
UNREADABLE = frozenset([*MISSING, "[invalid]", "invalid", "[no answer]", "no answer", "error"])
#: Where the records of a program have our fields.
WHERE: Mapping[str, Mapping[str, Sequence[str]]] = tomllib.loads(
    resources.files("hatlib.logs").joinpath("formats.toml").read_text(encoding="utf-8")
)
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
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str):
        text = value.strip().lower()
        if text in MISSING:
            return math.nan
        if text in WORDS:
            return WORDS[text]
        if _NUMBER.fullmatch(text):
            return float(text)
    return math.inf


def key_of(value: object, choices: object = None) -> str:
    """A right answer as a key that does not depend on the language; else empty.

    Examples
    --------
    >>> key_of("1,080.0"), key_of(["b"]), key_of("Paris"), key_of("Paris", ["Rome", "Paris"])
    ('1080', 'B', '', 'B')
    >>> key_of("Two and two are four. #### 4")
    '4'
    """
    if isinstance(value, list | tuple):
        if len(value) != 1:
            return ""
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(choices, list) and len(choices) <= 26 and choices.count(value) == 1:
        return chr(ord("A") + choices.index(value))
    text = clean(str(value).rsplit(MARK, 1)[-1]).strip("() ")
    if re.fullmatch(r"[A-Za-z]", text):
        return text.upper()
    number = text.replace(",", "")
    if re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,9})?", number):
        return f"{float(number):.10g}"
    return ""


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
    if text.lower() in UNREADABLE:
        return ""
    key = key_of(text)
    if key:
        return key
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(
        "".join(" " if unicodedata.category(c)[0] in "PSZC" else c for c in folded).split()
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def first_of(fields: Mapping[str, Any], *names: str) -> str:
    """The first of some fields that holds a short value, as text; else empty.

    Examples
    --------
    >>> first_of({"lang": "de", "language": None}, "language", "lang")
    'de'
    """
    return next(filter(None, (short(fields.get(name)) for name in names)), "")


def short(value: object) -> str:
    """A text or number as text; empty for anything else."""
    is_short = isinstance(value, str | int | float) and not isinstance(value, bool)
    return clean(value) if is_short else ""


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
    if isinstance(row, dict) and head in row:
        value = row[head]
    elif isinstance(row, list) and head.isdigit() and int(head) < len(row):
        value = row[int(head)]
    else:
        return None
    return at(value, rest) if rest else value
