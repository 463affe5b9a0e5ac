"""What the examples of the three pages share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hatlib.errors import InputError, Problem
from hatlib.truth.simulate import DIFFICULTIES, PROFILES

Floats = NDArray[np.float64]

#: Abilities, in logits, of the simulated models.
ABILITIES = {"weak": -1.5, "middle": 0.0, "strong": 1.5}

#: Groups of items by the probability of a correct answer in the source language.
GROUPS = ("0 to .2", ".2 to .4", ".4 to .6", ".6 to .8", ".8 to 1")

TITLE_H = "Probability of a correct answer in the source language"
TITLE_F = "Expected accuracy in the target language"


def expected_h(ability: float, difficulty: str, n: int = 2000) -> Floats:
    """Source probabilities of equally likely items."""
    u = (np.arange(n) + 0.5) / n
    h: Floats = special.expit(ability - DIFFICULTIES[difficulty](u))
    return h


def check(
    *,
    profile: str | None = None,
    difficulty: str | None = None,
    chance: float = 0.0,
    n_trials: int = 2,
) -> None:
    """List everything that is not known or out of its range."""
    problems = [
        Problem(f"{what} is not known.", f"Use one of {', '.join(known)}.", value=str(value))
        for what, value, known in (
            ("profile", profile, PROFILES),
            ("difficulty", difficulty, DIFFICULTIES),
        )
        if value is not None and value not in known
    ]
    if not 0 <= chance < 1:
        problems.append(Problem("chance is not from 0 to below 1.", value=str(chance)))
    if n_trials < 2:
        problems.append(
            Problem(
                "n_trials is below 2.",
                "One answer does not show how hard an item is for a model.",
                value=str(n_trials),
            )
        )
    if problems:
        raise InputError(problems)
