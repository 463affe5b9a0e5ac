"""A verdict in words, and as the record by which other pages find it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hatlib.claims.verdict import MOST_NEEDED, Verdict
from hatlib.show.words import joined, markdown_text, signed

_HELD_BACK = {
    "few clusters": "it rests on few {cluster}",
    "not after correction": "it does not survive the correction for {family_size} tests",
    "doubtful data": "the data are doubtful",
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
    '−0.010 (95% interval −0.040 to +0.020; 22 lineages). A shortfall of more than 0.05 is ruled \
out.'
    """
    v = verdict
    number = f"{signed(v.estimate, digits)}{f' {v.unit}' if v.unit else ''}"
    if not math.isfinite(v.estimate):
        return "There is no estimate."
    if not math.isfinite(v.low):
        few = f", as there are too few {v.cluster}" if v.general else ""
        return f"{number}, without an interval{few}."
    basis = f"; {v.n_clusters} {_one(v.cluster, v.n_clusters)}" if v.n_clusters else ""
    text = [
        f"{number} ({v.level:.0%} interval {signed(v.low, digits)} to {signed(v.high, digits)}"
        f"{basis})."
    ]
    told = _told(v, loss, gain)
    if told:
        text.append(told)
    held = [_HELD_BACK[why].format(cluster=v.cluster, family_size=v.family_size)
            for why in v.held_back if why in _HELD_BACK]  # fmt: skip
    if held:
        text.append(f"This is no more than suggestive: {joined(held)}.")
    if v.doubtful:
        text.append(v.doubtful)
    if v.answer == "open" and v.needed:
        units = v.cluster if v.general else "items"
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


def _one(plural: str, n: int) -> str:
    if n != 1:
        return plural
    return plural[:-3] + "y" if plural.endswith("ies") else plural.removesuffix("s")


@dataclass(frozen=True)
class Conclusion:
    """A verdict as it stands on a page, with the record that other pages read.

    Attributes
    ----------
    verdict : Verdict
    text : str
        Markdown.
    """

    verdict: Verdict
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        record = self.verdict.as_record() | {"text": self.text}
        return {"text/markdown": self.text, "text/plain": self.text}, {"hat_verdict": record}


def conclude(verdict: Verdict, says: str = "", *, badge: bool = True, **words: Any) -> Conclusion:
    """Show a verdict: its grade, a sentence about it, and the numbers in words.

    Parameters
    ----------
    verdict : Verdict
        From `hatlib.claims.verdict.decide`.
    says : str
        What it means, in a sentence of Markdown; by default the question.
    badge : bool
        Whether the grade stands in front.
    **words
        Of `say`.

    Returns
    -------
    Conclusion
        To be the last line of a cell.

    Examples
    --------
    >>> from hatlib.claims.verdict import decide
    >>> conclude(decide(0.03, 0.01, 0.05, margin=0.02), "Larger models transfer better.").text
    '<span class="hat-grade hat-firm">firm</span> **Larger models transfer better.** +0.030 \
(95% interval +0.010 to +0.050). There is a gain; whether it exceeds 0.02 stays open.'
    """
    grade = f'<span class="hat-grade hat-{verdict.grade}">{verdict.grade}</span> ' if badge else ""
    head = says or markdown_text(verdict.question)
    head = f"**{head}** " if head else ""
    subject = f"{markdown_text(verdict.subject)}: " if verdict.subject else ""
    return Conclusion(verdict, f"{grade}{head}{subject}{say(verdict, **words)}")


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
        dict(output["metadata"]["hat_verdict"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if "hat_verdict" in output.get("metadata", {})
    ]
