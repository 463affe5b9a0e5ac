"""A judge of free answers: its prompt, how its verdict is read, how far it agrees with people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from hatlib.errors import InputError
from hatlib.metric.judge import Judge
from hatlib.words import counted

JUDGE_PROMPT = Path(__file__).with_name("judge.txt").read_text("utf-8")

#: An answer is cut to so many characters for the judge.
MOST_CHARACTERS = 4000

_VERDICT = re.compile(r"\s*VERDICT: (RIGHT|WRONG)\s*")


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
    found = _VERDICT.fullmatch(reply)
    return None if found is None else found[1] == "RIGHT"


def same_model(judge: str, model: str) -> bool:
    """Whether two names are of one model, perhaps by two providers.

    Examples
    --------
    >>> same_model("openai/o9", "openrouter/openai/o9"), same_model("a/o9", "a/o9-mini")
    (True, False)
    """
    return judge.rsplit("/", 1)[-1].lower() == model.rsplit("/", 1)[-1].lower()


def agreement(right: Sequence[bool], accepted: Sequence[bool]) -> dict[str, float]:
    """How far the rule, and then a judge, agree with people.

    Answers whose verdict could not be read are left out before.

    Examples
    --------
    >>> agreement([1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0])
    {'sensitivity': 0.75, 'specificity': 1.0, 'labelled_right': 4, 'labelled_wrong': 2}
    """
    truth, said = np.asarray(right, dtype=bool), np.asarray(accepted, dtype=bool)
    accepts, rejects = said[truth], ~said[~truth]
    return {
        "sensitivity": float(accepts.mean()) if accepts.size else math.nan,
        "specificity": float(rejects.mean()) if rejects.size else math.nan,
        "labelled_right": accepts.size,
        "labelled_wrong": rejects.size,
    }


def agreement_text(judge: str, found: Mapping[str, float]) -> str:
    """An agreement in a sentence, and the option of ``hat score`` that corrects for it.

    Examples
    --------
    >>> print(agreement_text("a/judge", agreement([1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0])))
    a/judge accepts 75.0 % of 4 right answers and rejects 100.0 % of 2 wrong ones. Correct \
scores for it: hat score --judge 0.75 1 --judge-labels 4 2
    """
    accepts, rejects = found["sensitivity"], found["specificity"]
    n_right, n_wrong = int(found["labelled_right"]), int(found["labelled_wrong"])
    text = (
        f"{judge} accepts {accepts:.1%} of {counted(n_right, 'right answer')} "
        f"and rejects {rejects:.1%} of {n_wrong} wrong ones."
    ).replace("%", " %")
    try:
        Judge(accepts, rejects, n_right, n_wrong)
    except InputError as error:  # too bad a judge is a finding, not a mistake
        return f"{text} Scores cannot be corrected for it: {error}"
    return (
        f"{text} Correct scores for it: hat score --judge {accepts:.4g} {rejects:.4g} "
        f"--judge-labels {n_right} {n_wrong}"
    )
