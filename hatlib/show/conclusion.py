"""A verdict in words, and as the record by which other pages find it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from hatlib.claims.verdict import MOST_NEEDED, Verdict
from hatlib.resample import LEVEL
from hatlib.words import counted, joined, markdown_text, signed

if TYPE_CHECKING:
    from hatlib.show.figures import Notice, Table

_HELD_BACK = {
    "few clusters": "it rests on few model families",
    "not after correction": "it does not survive the correction for {family_size} tests",
}


def say(verdict: Verdict, *, loss: str = "loss", gain: str = "gain", digits: int = 3) -> str:
    """A verdict in one to three plain sentences, without its grade.

    Parameters
    ----------
    verdict : Verdict
        From `hatlib.claims.verdict.decide`.
    loss, gain : str
        What a number below and above 0 is called, such as "shortfall".
    digits : int
        Decimals of the numbers.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> from hatlib.claims.verdict import decide
    >>> say(decide(-0.01, -0.04, 0.02, margin=0.05, asks="loss", n_clusters=22), loss="shortfall")
    '−0.010 (95% interval −0.040 to +0.020; 22 model families). A shortfall of more than 0.05 \
is ruled out.'
    """
    v = verdict
    number = f"{signed(v.estimate, digits)}{f' {v.unit}' if v.unit else ''}"
    if not math.isfinite(v.estimate):
        return "There is no estimate."
    if not math.isfinite(v.low):
        few = ", as there are too few model families" if v.general else ""
        return f"{number}, without an interval{few}."
    basis = f"; {_basis(v)}" if v.n_clusters else ""
    ends = f"{signed(v.low, digits)} to {signed(v.high, digits)}"
    text = [f"{number} ({v.level:.0%} interval {ends}{basis}).", _told(v, loss, gain)]
    reasons = [_HELD_BACK[why] for why in v.held_back if why in _HELD_BACK]
    held = [reason.format(family_size=v.family_size) for reason in reasons]
    if held:
        text.append(f"This is no more than suggestive: {joined(held)}.")
    elif v.held_back == ("doubtful data",):
        text.append("This is no more than suggestive.")
    if v.doubtful:
        text.append(v.doubtful)
    if v.answer == "open" and v.needed:
        units = "model families" if v.general else "items"
        number_of = f"more than {v.needed:,}" if v.needed >= MOST_NEEDED else f"about {v.needed:,}"
        have = v.n_clusters if v.general else v.n_items
        text.append(f"To rule out both would take {number_of} {units} like these (here: {have:,}).")
    return " ".join(text)


def _told(v: Verdict, loss: str, gain: str) -> str:
    """What the interval rules out, in a sentence."""
    beyond = f"of more than {v.margin:g}"
    if v.answer == "open":
        return f"Neither a {loss} nor a {gain} {beyond} is ruled out."
    if v.direction:
        side, out = (loss, "loss") if v.direction == "lower" else (gain, "gain")
        if v.beyond:
            return f"The {side} exceeds {v.margin:g}."
        if out in v.rules_out:
            return f"There is a {side}, of less than {v.margin:g}."
        return f"There is a {side}; whether it exceeds {v.margin:g} stays open."
    what = {"same": "difference", "not lower": loss, "not higher": gain}[v.answer]
    return f"A {what} {beyond} is ruled out."


def _basis(v: Verdict) -> str:
    """What the interval rests on: families like these, or the models at hand."""
    of = counted(v.n_clusters or 0, "model family", "model families")
    if v.general:
        return of
    return f"these models, of {of}" if v.n_clusters else "these models"


@dataclass(frozen=True)
class Conclusion:
    """Verdicts as they stand on a page, with the records that other pages read.

    Attributes
    ----------
    verdicts : tuple of Verdict
    texts : tuple of str
        What is said of each, as Markdown.
    briefs : tuple of str
        The texts as other pages quote them: the sentence, its interval and what that rules out.
    """

    verdicts: tuple[Verdict, ...]
    texts: tuple[str, ...]
    briefs: tuple[str, ...]

    def __repr__(self) -> str:
        bullet = "- " if len(self.texts) > 1 else ""
        return "\n".join(f"{bullet}{text}" for text in self.texts)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        records = [
            verdict.as_record() | {"text": text, "brief": brief}
            for verdict, text, brief in zip(self.verdicts, self.texts, self.briefs, strict=True)
        ]
        return {"text/markdown": repr(self), "text/plain": repr(self)}, {"hat_verdicts": records}


def conclude(
    verdict: Verdict | Sequence[Verdict], says: str | Sequence[str] = "", **words: Any
) -> Conclusion:
    """Show a verdict: its grade, a sentence about it, and the numbers in words.

    Parameters
    ----------
    verdict : Verdict or sequence of Verdict
        From `hatlib.claims.verdict.decide`; several become a list.
    says : str or sequence of str
        What each means, in a sentence of plain text; by default its question.
    **words
        Of `say`.

    Returns
    -------
    Conclusion
        To be the last line of a cell.

    Examples
    --------
    >>> from hatlib.claims.verdict import decide
    >>> conclude(decide(0.03, 0.01, 0.05, margin=0.02), "Larger models transfer better.")
    <span class="hat-grade hat-firm">firm</span> **Larger models transfer better.** +0.030 \
(95% interval +0.010 to +0.050). There is a gain; whether it exceeds 0.02 stays open.
    """
    several = (verdict,) if isinstance(verdict, Verdict) else tuple(verdict)
    heads = [says or v.question for v in several] if isinstance(says, str) else list(says)
    texts, briefs = [], []
    for each, head in zip(several, heads, strict=True):
        opens = f'<span class="hat-grade hat-{each.grade}">{each.grade}</span> '
        opens += (f"**{markdown_text(head)}** " if head else "") + _place(each.subject, head)
        texts.append(f"{opens}{say(each, **words)}")
        briefs.append(f"{opens}{_brief(each, **words)}" if head else texts[-1])
        if len(several) > 1 and each.answer != "open":
            texts[-1] = briefs[-1]
    return Conclusion(several, tuple(texts), tuple(briefs))


def _place(subject: str, head: str) -> str:
    """What a verdict is about, before its numbers; of a family that its sentence names, where."""
    name, _, inside = subject.partition(" (")
    if inside and head.startswith(name):
        subject = inside.removesuffix(")")
    mark = "" if subject.endswith("?") else ":"
    return f"{markdown_text(subject)}{mark} " if subject else ""


def _brief(v: Verdict, loss: str = "loss", gain: str = "gain", digits: int = 3) -> str:
    """The interval, what it rules out, and a reservation, after a sentence with the number."""
    if not math.isfinite(v.low):
        return say(v, loss=loss, gain=gain, digits=digits)
    ends = f"{v.level:.0%} interval {signed(v.low, digits)} to {signed(v.high, digits)}."
    return " ".join(filter(None, [ends, _told(v, loss, gain), v.doubtful]))


def verdict_table(verdicts: Iterable[Verdict], caption: str) -> Table | Notice:
    """Several verdicts as a table: one row each, with what it rests on and what it rules out.

    Parameters
    ----------
    verdicts : iterable of Verdict
        Of one question, as from `hatlib.claims.contrast.verdicts`.
    caption : str
        What to see. Plain text.

    Returns
    -------
    Table or Notice
        A notice if there is none.

    Examples
    --------
    >>> from hatlib.claims.verdict import decide
    >>> table = verdict_table([decide(0.03, 0.01, 0.05, margin=0.02, subject="XNLI")], "One.")
    >>> table.frame[["dataset", "rests on", "evidence"]].values.tolist()
    [['XNLI', 'these models', 'firm']]
    """
    from hatlib.show.figures import show_table

    rows = []
    for v in verdicts:
        ends, told = f" [{signed(v.low)}, {signed(v.high)}]", _told(v, "loss", "gain")
        if not math.isfinite(v.low):
            ends, told = "", "Too little for an interval."
        rows.append((v.subject, v.grade, signed(v.estimate) + ends, _basis(v), told))
    heads = ["dataset", "evidence", f"estimate [{LEVEL:.0%} interval]", "rests on", "what it says"]
    return show_table(pd.DataFrame(rows, columns=heads), caption)


def unanswered(sets: pd.DataFrame, needs: str) -> Notice:
    """Say that data cannot answer a question, why, and what to add.

    Parameters
    ----------
    sets : DataFrame
        `hatlib.claims.contrast.Contrasts.sets`.
    needs : str
        What it takes. Plain text.

    Returns
    -------
    Notice

    Examples
    --------
    >>> sets = pd.DataFrame({"set_name": ["XNLI"], "reason": ["No model has a size."]})
    >>> unanswered(sets, "Add the sizes.")
    **These data cannot answer the question.** XNLI: No model has a size. Add the sizes.
    """
    from hatlib.show.figures import Notice

    silent = sets[sets["reason"].fillna("") != ""] if len(sets) else sets
    reasons = [
        f"{joined([markdown_text(name) for name in part['set_name']])}: {markdown_text(reason)}"
        for reason, part in silent.groupby("reason", sort=False)
    ]
    told = reasons or ["There are none of the kind that it takes."]
    return Notice(" ".join(["**These data cannot answer the question.**", *told, needs]))


def read_verdicts(notebook: Any) -> list[dict[str, Any]]:
    """The records of all verdicts of an executed notebook, in order.

    Parameters
    ----------
    notebook : NotebookNode or dict
        As read by nbformat (or JSON).

    Returns
    -------
    list of dict
        As from `Verdict.as_record`, with ``text``.

    Examples
    --------
    >>> read_verdicts({"cells": []})
    []
    """
    return [
        dict(record)
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        for record in output.get("metadata", {}).get("hat_verdicts", ())
    ]
