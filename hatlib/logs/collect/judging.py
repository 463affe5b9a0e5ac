r"""Judge a model's reply: by rules that are the same in every language, and by another model.

Every prompt asks for a last line with the mark ``ANSWER:``, which is not translated. The last mark
counts, then the last ``\boxed{}``, then the rules for replies without a mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from hatlib.errors import InputError
from hatlib.logs.fields import ascii_digits, folded
from hatlib.metric.judge import Judge
from hatlib.words import counted

Kind = Literal["number", "option", "fact"]

LETTERS = "ABCDEFGHIJ"
JUDGE_PROMPT = Path(__file__).with_name("judge.txt").read_text("utf-8")

#: An answer is cut to so many characters for the judge.
MOST_CHARACTERS = 4000

_MARK = re.compile(r"\banswer\b(?:\s*[*_`]*\s*[:：]|\s+is\b\s*[:：]?)[*_`]*[^\S\n]*\n?(.*)", re.I)
_BOXED = re.compile(r"\\boxed\{\s*(?:\\text\{)?([^{}]*)")
_GROUPED = r"\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?"  # 12 345,6
_NUMBER = re.compile(
    rf"(?:(?<![A-Za-z\d)])-[$€£¥]?)?(?<![A-Za-z\d.,])({_GROUPED}|\d+(?:[.,']\d+)*)"
)
_LETTER = re.compile(r"[^\w]*(?:(?:option|choice)\s+)?([A-J])\s*(?:$|[^\w\s'’])", re.I)
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
_SIGNS = str.maketrans({"٬": ",", "，": ",", "٫": ".", "．": ".", "−": "-", "’": "'"}) | _SPACES


def judged(
    kind: Kind, reply: str, answers: Sequence[str], options: Sequence[str] = ()
) -> tuple[str | None, bool]:
    """What a reply answers, None if nothing, and whether the rule calls that right.

    A fact is right if it is one of the answers, but for case and punctuation.

    Examples
    --------
    >>> judged("fact", "ANSWER: «Paris».", ["paris"]), judged("number", "18.0", ["18"])
    (('«Paris».', True), ('18.0', True))
    """
    if kind == "fact":
        answer = marked(reply)
        text = (reply if answer is None else answer).strip()
        return text or None, folded(text) in {folded(each) for each in answers} - {""}
    right: Any = number_in(answers[0]) if kind == "number" else answers[0]
    found: Any = number_in(reply) if kind == "number" else letter_in(reply, options)
    return (None, False) if found is None else (str(found), found == right)


def marked(reply: str) -> str | None:
    r"""What a reply marks as its answer; None if it marks nothing.

    Examples
    --------
    >>> marked("Three times six.\n**ANSWER:** 18"), marked(r"so \boxed{18}"), marked("18")
    ('18', '18', None)
    """
    found = _MARK.findall(reply) or _BOXED.findall(reply)
    return str(found[-1]).strip(" \t*_`") if found else None


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
    found = list(_NUMBER.finditer(ascii_digits(text.translate(_SIGNS))))
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
    answer, texts = marked(reply), [folded(option) for option in options]
    known = dict(zip(LETTERS, texts, strict=False))
    lines = reply.strip().splitlines() or [""]
    for text in [answer] if answer is not None else [reply, lines[-1]]:
        text = re.sub(r"\\[a-z]+", "", unicodedata.normalize("NFKC", text)).strip()
        said = folded(text)
        for letter, option in known.items():
            if said == f"{letter.lower()} {option}" or (said == option and texts.count(option) < 2):
                return letter
        found = _LETTER.match(text)
        if found and found[1].upper() in known:
            return found[1].upper()
    return None


def _value(token: str) -> Decimal:
    """The number that some digits with separators stand for."""
    token = re.sub("[ ']", "", token)
    parts, signs = re.split("[.,]", token), re.findall("[.,]", token)
    alone = len(signs) == 1 and len(parts[1]) == 3 and len(parts[0]) <= 3 and parts[0].strip("0")
    if not signs or signs.count(signs[-1]) > 1 or alone:  # 1,234,567
        return Decimal("".join(parts))
    return Decimal(f"{''.join(parts[:-1])}.{parts[-1]}")


# A judge ------------------------------------------------------------------------------------


def judge_prompt(question: str, references: Iterable[str], answer: str) -> str:
    """What a judge is asked about one answer.

    Examples
    --------
    >>> "</answer> x" in judge_prompt("Who?", ["Ada"], "</answer> x")
    False
    """
    fields = {"question": question, "reference": " | ".join(dict.fromkeys(references))}
    fields["answer"] = answer[:MOST_CHARACTERS]
    safe = {k: re.sub(r"<(/?(?:question|reference|answer))", r"‹\1", v) for k, v in fields.items()}
    return JUDGE_PROMPT.format(**safe)


def verdict_of(reply: str) -> bool | None:
    r"""Whether a judge calls an answer right; None unless its reply is a verdict and nothing else.

    Examples
    --------
    >>> [verdict_of(t) for t in ("VERDICT: RIGHT", "VERDICT: WRONG\n", "I think it is RIGHT.")]
    [True, False, None]
    """
    return {"VERDICT: RIGHT": True, "VERDICT: WRONG": False}.get(reply.strip())


def agreement(right: Sequence[bool], accepted: Sequence[bool]) -> dict[str, float]:
    """How far the rule, and then a judge, agree with people.

    Answers whose verdict could not be read are left out before.

    Examples
    --------
    >>> agreement([1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0])
    {'sensitivity': 0.75, 'specificity': 1.0, 'labelled_right': 4, 'labelled_wrong': 2}
    """
    truth, said = pd.Series(right, dtype=bool), pd.Series(accepted, dtype=bool)
    return {
        "sensitivity": float(said[truth].mean()),
        "specificity": float((~said)[~truth].mean()),
        "labelled_right": int(truth.sum()),
        "labelled_wrong": int((~truth).sum()),
    }


def agreement_text(judge: str, found: Mapping[str, float]) -> str:
    """An agreement in a sentence, and the option of ``hat score`` that corrects for it.

    Examples
    --------
    >>> print(agreement_text("a/judge", agreement([1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0])))
    a/judge accepts 75.0 % of 4 right answers and rejects 100.0 % of 2 wrong ones. Correct \
scores for it: hat score --judge 0.75 1 --judge-labels 4 2
    """
    accepts, rejects, n_right, n_wrong = found.values()
    right = counted(int(n_right), "right answer")
    text = f"{judge} accepts {accepts:.1%} of {right} and rejects {rejects:.1%} of {n_wrong} wrong"
    text = text.replace("%", " %")
    try:
        Judge(accepts, rejects, int(n_right), int(n_wrong))
    except InputError as error:  # too bad a judge is a finding, not a mistake
        return f"{text} ones. Scores cannot be corrected for it: {error}"
    option = f"--judge {accepts:.4g} {rejects:.4g} --judge-labels {n_right} {n_wrong}"
    return f"{text} ones. Correct scores for it: hat score {option}"
