"""A judge of free answers: its prompt, how its verdict is read, how far it agrees with people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import pandas as pd

from hatlib.errors import InputError
from hatlib.metric.judge import Judge
from hatlib.words import counted

JUDGE_PROMPT = Path(__file__).with_name("judge.txt").read_text("utf-8")

#: An answer is cut to so many characters for the judge.
MOST_CHARACTERS = 4000


def fingerprint(text: str) -> str:
    """The SHA-256 of a text, by which one can tell that it is the same."""
    return sha256(text.encode()).hexdigest()


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
