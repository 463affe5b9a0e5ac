"""Flags and notes of scores in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hatlib.metric.flags import Flag, Note, Remark
from hatlib.metric.marks import CLEAR_OF_CHANCE, MIN_ITEMS, UNREAD
from hatlib.metric.pooled import MIN_MODELS
from hatlib.metric.reference import ENOUGH_ITEMS, SUPPORTED
from hatlib.words import counted

FLAGS: Mapping[Flag, str] = {
    Flag.NO_SUCCESS: "The model solves nothing in the source language, so there is nothing to "
    "transfer. No score is given.",
    Flag.NEAR_CHANCE: f"Source accuracy is less than {CLEAR_OF_CHANCE:g} standard errors above "
    "chance. No score is given.",
    Flag.FEW_ITEMS: f"Fewer than {MIN_ITEMS} items have answers in source and target. "
    "No score is given.",
    Flag.ONE_ANSWER: "Each item was answered once, which does not show how hard it is for the "
    f"model, and there are fewer than {MIN_MODELS} models to show it. No score is given.",
    Flag.EXTRAPOLATED: f"Less than {SUPPORTED:.0%} of the reference weight lies where the model "
    f"has items ({ENOUGH_ITEMS} in a fifth of the weight count fully). The score rests on the "
    "shape of the profile elsewhere; its interval allows for that only in part. f(.95) and the "
    "pooled score need no items there.",
    Flag.OTHER_LANGUAGES: "The mean covers other target languages than that of most models, so "
    "the model is not ranked with them.",
    Flag.BELOW_CHANCE: "Target accuracy is clearly below chance, which no amount of guessing "
    "explains: look for swapped answer keys, or answers that were not read.",
    Flag.UNPARSED: f"The share of answers that could not be read differs by more than {UNREAD:.0%} "
    "between source and target, and they count as wrong. The score says how the format transfers, "
    "too.",
    Flag.TWO_ANSWERS: "Two answers an item hardly show how hard it is, and nothing if they come "
    "from different settings, such as a greedy answer and a sample.",
    Flag.ONE_PROMPT: "All answers to an item come from one prompt, so that hardness is that of the "
    "prompt. Whether other prompts would say the same cannot be seen in these data.",
    Flag.ESTIMATORS_DIFFER: "The model's own profile (profile direct) gives a score more than two "
    "standard errors away: what is borrowed from the other models may not fit this one.",
    Flag.REPEATED_GUESSES: "The model is nearly always wrong on more items than it knows, which "
    "guesses drawn anew would not be. If it gives the same guess each time, items look easy or "
    "hard by luck; wrong keys look alike. It takes answers that can differ, with the options in "
    "another order each time, or more options.",
}
"""What each flag means."""

SHORT: Mapping[Flag, str] = {
    Flag.OTHER_LANGUAGES: "other languages",
    Flag.NEAR_CHANCE: "source at chance",
    Flag.BELOW_CHANCE: "target below chance",
    Flag.UNPARSED: "unread answers",
    Flag.ONE_PROMPT: "one prompt",
    Flag.TWO_ANSWERS: "two answers",
    Flag.REPEATED_GUESSES: "guesses repeated",
}
"""Flags that are shorter in a table."""


def note_text(note: Note) -> str:
    """A note in a sentence or two.

    Examples
    --------
    >>> note_text(Note(Remark.CORRELATION_GIVEN, {"correlation": 0.1}))
    'Answers to one item taken to be correlated by 0.1.'
    """
    return _WORDS[note.remark](note.data)


def _some(names: Sequence[str], most: int = 4) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _judge(data: Mapping[str, Any]) -> str:
    judge = data["judge"]
    known = judge.n_right and judge.n_wrong
    return (
        f"Corrected for a judge of sensitivity {judge.sensitivity:.3g} and specificity "
        f"{judge.specificity:.3g}"
        + (", whose own uncertainty the intervals hold." if known else ", taken as known.")
    )


def _unparsed(data: Mapping[str, Any]) -> str:
    rows = [
        f"{model} {language} {there:.0%} (source {here:.0%})"
        for model, language, there, here in data["where"]
    ]
    return (
        f"Answers that could not be read count as wrong, and differ between languages: "
        f"{_some(rows)}. Mend how answers are read, or say so beside the score."
    )


def _below(data: Mapping[str, Any]) -> str:
    rows = [f"{model} in {language}" for model, language in data["where"]]
    return f"Target accuracy is below the chance level {data['chance']:.3g}: {_some(rows)}."


def _interaction(data: Mapping[str, Any]) -> str:
    excess = np.asarray(data["excess"], dtype=float)
    excess = excess[np.isfinite(excess)]
    if not len(excess):
        return "Whether models find the same items hard cannot be seen."
    return (
        "One answer an item shows hardness only if models find the same items hard. A model's own "
        f"source answer says {np.mean(excess):+.2f} (log odds, mean of "
        f"{counted(len(excess), 'model')}) more of its target answer than that; 0 if they do. The "
        "scores under an item × model interaction of sd 0, 1 and 2 logits are their sensitivity."
    )


_WORDS: Mapping[Remark, Any] = {
    Remark.ONE_ANSWER: lambda d: (
        "One answer an item: hardness comes from the answers of the other models (leave-one-out)."
    ),
    Remark.NO_HARDNESS: lambda d: (
        f"One answer an item and fewer than {d['needed']} models: hardness cannot be estimated."
    ),
    Remark.CORRELATION_GIVEN: lambda d: (
        f"Answers to one item taken to be correlated by {d['correlation']:g}."
    ),
    Remark.CORRELATION_FOUND: lambda d: (
        f"Answers to one prompt are correlated by {d['within']:.2f} beyond the item, estimated "
        f"from promptings with several answers; {d['correlation']:.2f} for an average pair is "
        "allowed for."
    ),
    Remark.PROMPTING_LEFT_OUT: lambda d: (
        "Source and target share promptings: hardness comes from the other promptings (one "
        f"prompting of {d['promptings']} left out"
        + (f"; {_some(d['models'])})." if len(d["models"]) < 4 else ").")
    ),
    Remark.PROMPTINGS_ADDED: lambda d: (
        "Promptings of an item are added up: hardness comes from the other models."
        if d["method"] != "self"
        else "Source and target share no promptings from which one could be left out; they are "
        "added up."
    ),
    Remark.ONE_PROMPT: lambda d: "Hardness is that of one prompt.",
    Remark.UNNAMED_PROMPTS: lambda d: (
        "Promptings are not named. If all answers to an item come from one prompt, hardness is "
        "that of the prompt; name promptings in a column prompting."
    ),
    Remark.FEW_ANSWERS: lambda d: (
        f"{d['answers']} answers an item show only roughly how hard it is. Where transfer falls "
        "steeply with hardness, weak models may then score too low, by more than their intervals "
        f"say. It takes {d['needed']} answers an item, better ten; more items do not help."
    ),
    Remark.REPEATED: lambda d: (
        "Nearly all answers of "
        f"{_some(d['models'])} to an item are the same, as at temperature 0 or from a cache. They "
        "count as one answer an item."
    ),
    Remark.LONE_MODEL: lambda d: (
        "One model alone has nobody to borrow a profile from: its own is used (profile direct)."
    ),
    Remark.STANDARD: lambda d: f"Scored against a frozen standard made from {d['origin']}.",
    Remark.JUDGE: _judge,
    Remark.STRATA: lambda d: (
        f"Standardised within {d['strata']} strata of items, then averaged by their shares."
    ),
    Remark.INTERACTION: _interaction,
    Remark.UNPARSED: _unparsed,
    Remark.BELOW_CHANCE: _below,
}
