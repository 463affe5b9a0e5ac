"""What simulated models are made of: transfer profiles, difficulties of items, invented names.

A model solves an item of difficulty ``b`` in the source language with probability
``h = sigmoid(ability - b)`` above chance, and in the target language with ``f(h)``, where ``f`` is
its *transfer profile*.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Floats = NDArray[np.float64]

#: Transfer profiles on the scale of h, the source accuracy of an item above chance (0 to 1).
PROFILES: dict[str, Callable[[Floats], Floats]] = {
    "linear": lambda h: 0.7 * h,
    "shift": lambda h: special.expit(special.logit(h) - 1),
    "strong shift": lambda h: special.expit(special.logit(h) - 3),
    "square": lambda h: h**2,
    "steep": lambda h: special.expit(2 * special.logit(h) - 1),
    "flat": lambda h: special.expit(0.5 * special.logit(h) - 1),
}

#: Distributions of item difficulty, as quantile functions with mean near 0 and spread near 1.5.
DIFFICULTIES: dict[str, Callable[[Floats], Floats]] = {
    "normal": lambda u: 1.5 * stats.norm.ppf(u),
    "uniform": lambda u: 5.2 * (u - 0.5),
    "skewed": lambda u: 1.5 * (stats.expon.ppf(u) - 1),
    "bimodal": lambda u: np.where(u < 0.5, -1.4, 1.4) + 0.5 * stats.norm.ppf((2 * u) % 1),
}

# fmt: off
_TREES = [
    "Alder", "Aspen", "Beech", "Birch", "Cedar", "Cherry", "Elder", "Elm", "Fir", "Hazel", "Holly",
    "Juniper", "Larch", "Linden", "Maple", "Oak", "Pine", "Poplar", "Rowan", "Spruce", "Sycamore",
    "Tamarack", "Walnut", "Willow", "Yew",
]
# fmt: on


def true_transfer(profile: str) -> float:
    """Transfer that a profile stands for: 1 if perfect, 0 if none.

    The mean of the profile over hardnesses that are all equally frequent, times two, since the
    mean of perfect transfer is one half.  Chance cancels, as profiles are stated above chance.

    Examples
    --------
    >>> round(true_transfer("square"), 3)
    0.667
    """
    h = (np.arange(100_000) + 0.5) / 100_000
    return float(2 * PROFILES[profile](h).mean())


def invented_names(n: int) -> list[str]:
    """Names for simulated models, which no real model has.

    Examples
    --------
    >>> invented_names(2)
    ['Alder', 'Aspen']
    """
    rounds = -(-n // len(_TREES))
    names = [f"{tree}{f' {k + 1}' if k else ''}" for k in range(rounds) for tree in _TREES]
    return names[:n]
