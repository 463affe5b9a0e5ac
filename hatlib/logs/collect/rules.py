r"""Find the answer in a model's reply, by the same rules in every language.

Every prompt asks for a last line with the mark ``ANSWER:``, which is not translated. The last mark
counts, then the last ``\boxed{}``, then the rules for replies without a mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

LETTERS = "ABCDEFGHIJ"

_MARK = re.compile(r"\banswer\b(?:\s*[*_`]*\s*[:：]|\s+is\b\s*[:：]?)[*_`]*[^\S\n]*\n?(.*)", re.I)
_BOXED = re.compile(r"\\boxed\{\s*(?:\\text\{)?([^{}]*)")
_GROUPED = r"\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?"  # 12 345,6
_NUMBER = re.compile(
    rf"(?:(?<![A-Za-z\d)])-[$€£¥]?)?(?<![A-Za-z\d.,])({_GROUPED}|\d+(?:[.,']\d+)*)"
)
_LETTER = re.compile(r"[^\w]*(?:(?:option|choice)\s+)?([A-J])\s*(?:$|[^\w\s'’])", re.I)
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
_SIGNS = str.maketrans({"٬": ",", "，": ",", "٫": ".", "．": ".", "−": "-", "’": "'"}) | _SPACES


def marked(reply: str) -> str | None:
    r"""What a reply marks as its answer; None if it marks nothing.

    Examples
    --------
    >>> marked("Three times six.\n**ANSWER:** 18"), marked(r"so \boxed{18}"), marked("18")
    ('18', '18', None)
    """
    for pattern in (_MARK, _BOXED):
        found = pattern.findall(reply)
        if found:
            return str(found[-1]).strip(" \t*_`")
    return None


def number_in(reply: str) -> Decimal | None:
    r"""The number that a reply gives as its answer: the marked one, else the last one.

    Digits of every script count. A point or comma before exactly three digits separates thousands
    (``1.234`` is 1234, ``0.125`` is not 125); otherwise it is a decimal sign. Numbers in words do
    not count.

    Examples
    --------
    >>> [str(number_in(t)) for t in ("ANSWER: $1,234.50", "das sind 1.234,5 kg", "১২ টি", "none")]
    ['1234.50', '1234.5', '12', 'None']
    """
    reply = reply.replace("\\,", " ").replace("{,}", ",")  # of LaTeX
    answer = marked(reply)
    text = reply if answer is None else answer.rsplit("=", 1)[-1]
    text = _ascii_digits(text.translate(_SIGNS))
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    one = found[-1] if answer is None else found[0]
    number = _value(one[1])
    return -number if one[0].startswith("-") else number


def letter_in(reply: str, options: Sequence[str]) -> str | None:
    r"""The letter of the option that a reply chooses; None if it names none.

    The marked answer counts, else the whole reply, else its last line. It is a letter that stands
    alone, or the full text of one option.

    Examples
    --------
    >>> options = ["Rome", "Paris", "Oslo"]
    >>> [letter_in(t, options) for t in ("ANSWER: (B)", "b", "It is\nC.", "Paris", "I am not sure")]
    ['B', 'B', 'C', 'B', None]
    """
    answer = marked(reply)
    lines = reply.strip().splitlines() or [""]
    for text in [answer] if answer is not None else [reply, lines[-1]]:
        text = re.sub(r"\\[a-z]+", "", unicodedata.normalize("NFKC", text)).strip()
        texts = [normalised(option) for option in options]
        known = dict(zip(LETTERS, texts, strict=False))
        for letter, option in known.items():
            alone = texts.count(option) == 1 and normalised(text) == option
            if alone or normalised(text) == f"{letter.lower()} {option}":
                return letter
        found = _LETTER.match(text)
        if found and found[1].upper() in known:
            return found[1].upper()
    return None


def same_fact(reply: str, answers: Iterable[str]) -> bool:
    """Whether the answer of a reply is one of some answers, but for case and punctuation.

    Examples
    --------
    >>> same_fact("ANSWER: «Paris».", ["paris"]), same_fact("In १९६९", ["1969"])
    (True, False)
    """
    answer = marked(reply)
    given = normalised(reply if answer is None else answer)
    return bool(given) and given in {normalised(text) for text in answers}


def normalised(text: str) -> str:
    """Text without case, punctuation and signs, with digits 0 to 9; accents stay.

    Examples
    --------
    >>> normalised(" «São  Paulo», १९६९! ")
    'são paulo 1969'
    """
    text = _ascii_digits(unicodedata.normalize("NFKC", text).casefold())
    kinds = ((c, unicodedata.category(c)) for c in text)
    return " ".join("".join(" " if k[0] in "PS" else c for c, k in kinds if k != "Cf").split())


def _ascii_digits(text: str) -> str:
    return re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text)


def _value(token: str) -> Decimal:
    """The number that some digits with separators stand for."""
    token = token.replace(" ", "").replace("'", "")
    last = max(token.rfind(","), token.rfind("."))
    if last < 0:
        return Decimal(token)
    head, tail = token[:last], token[last + 1 :]
    digits = re.sub(r"[.,]", "", head)
    if token[last] in head:
        decimal = False  # 1,234,567
    elif digits != head:
        decimal = True  # 1.234,5
    else:
        decimal = len(tail) != 3 or len(head) > 3 or set(head) == {"0"}
    return Decimal(f"{digits}.{tail}") if decimal else Decimal(digits + tail)
