"""What may be wrong with a score: facts, which `hatlib.show` puts into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Flag(StrEnum):
    """Why one score is missing, or not to be relied on. The value is its name in files."""

    NO_SUCCESS = "no source answer is right"
    NEAR_CHANCE = "source accuracy is not above chance"
    FEW_ITEMS = "too few items"
    ONE_ANSWER = "one answer an item"
    EXTRAPOLATED = "extrapolated"
    OTHER_LANGUAGES = "other languages than most"
    BELOW_CHANCE = "target accuracy below chance"
    UNPARSED = "unread answers differ"
    TWO_ANSWERS = "two answers an item"
    ONE_PROMPT = "hardness of one prompt"
    ESTIMATORS_DIFFER = "estimators disagree"
    REPEATED_GUESSES = "guesses repeated"
    OTHER_HARDNESS = "models disagree on hardness"
    CHANCE = "chance level doubtful"
    CHANCE_UNSAID = "chance level not said"
    UNRELATED = "source and target unrelated"


WITHHOLDING = (Flag.NO_SUCCESS, Flag.NEAR_CHANCE, Flag.FEW_ITEMS, Flag.ONE_ANSWER)
"""With one of these there is no score."""

HARMLESS = (Flag.ONE_PROMPT, Flag.OTHER_HARDNESS, Flag.CHANCE_UNSAID)
"""A score with one of these still enters verdicts."""


class Remark(StrEnum):
    """What was chosen, assumed or seen in all scores of a benchmark."""

    ONE_ANSWER = "one answer an item"
    CORRELATION_GIVEN = "correlation given"
    CORRELATION_FOUND = "correlation estimated"
    PROMPTING_LEFT_OUT = "one prompting left out"
    PROMPTINGS_ADDED = "promptings added up"
    UNNAMED_PROMPTS = "promptings not named"
    FEW_ANSWERS = "few answers an item"
    REPEATED = "the same answer repeated"
    LONE_MODEL = "nothing to borrow from"
    STANDARD = "frozen standard"
    JUDGE = "corrected for a judge"
    STRATA = "standardised within strata"
    INTERACTION = "models find other items hard"
    UNPARSED = "answers that could not be read"
    BELOW_CHANCE = "target accuracy below chance"
    CHANCE = "chance level doubtful"
    UNLIKE = "a profile unlike the others"
    UNRELATED = "source and target unrelated"


@dataclass(frozen=True)
class Note:
    """A remark with its numbers and names.

    Attributes
    ----------
    remark : Remark
    data : mapping
        Numbers, names of models and languages.
    """

    remark: Remark
    data: Mapping[str, Any] = field(default_factory=dict)
