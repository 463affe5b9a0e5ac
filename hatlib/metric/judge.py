"""A judge that errs: what it makes of accuracies, and how to take it out again.

A judge with sensitivity *s* (the share of right answers that it accepts) and specificity *t* (the
share of wrong answers that it rejects) turns the probability *p* of a right answer into

    p* = (1 - t) + (s + t - 1) · p.

The correction of Rogan and Gladen (1978) solves this for *p*.  Target rates are corrected so; the
hardness of an item is found with the judge inside the binomial likelihood.  Both assume that the
judge errs independently from answer to answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hatlib.errors import InputError, Problem

Floats = NDArray[np.float64]

LEAST_INFORMED = 0.05
"""Sensitivity and specificity must add up to this much more than 1."""


@dataclass(frozen=True)
class Judge:
    """How often a judge is right, and how well that is known.

    Attributes
    ----------
    sensitivity : float
        Share of the right answers that it accepts, above 0 to 1.
    specificity : float
        Share of the wrong answers that it rejects, above 0 to 1.
    n_right, n_wrong : int
        Right and wrong answers, as people see them, behind the two shares; 0 if a share is known
        exactly. They widen the intervals of corrected scores.

    Raises
    ------
    InputError
        If a share is out of its range, or the judge is no better than a coin.

    Examples
    --------
    >>> judge = Judge(sensitivity=0.9, specificity=0.8)
    >>> judge.observed([0.0, 1.0]).round(3).tolist(), judge.corrected([0.2, 0.9]).round(3).tolist()
    ([0.2, 0.9], [0.0, 1.0])
    """

    sensitivity: float = 1.0
    specificity: float = 1.0
    n_right: int = 0
    n_wrong: int = 0

    def __post_init__(self) -> None:
        shares = {"sensitivity": self.sensitivity, "specificity": self.specificity}
        numbers = {"n_right": self.n_right, "n_wrong": self.n_wrong}
        what, remedy = "not above 0 and at most 1", "Give a share."
        wrong = [(n, what, v, remedy) for n, v in shares.items() if not 0 < v <= 1]
        wrong += [
            (n, "below 0", v, "Give the number of answers.") for n, v in numbers.items() if v < 0
        ]
        if wrong:
            raise InputError([Problem(f"{n} is {w}.", r, value=f"{v:g}") for n, w, v, r in wrong])
        if self.informed < LEAST_INFORMED:
            what = "this judge is hardly better than a coin: sensitivity and specificity add up to"
            remedy = "No correction can help; use another judge."
            raise InputError(f"{what} {sum(shares.values()):g}.", remedy)

    @property
    def informed(self) -> float:
        """Sensitivity plus specificity minus 1: 1 is a perfect judge, 0 a coin."""
        return self.sensitivity + self.specificity - 1

    def observed(self, rate: ArrayLike) -> Floats:
        """The share that the judge accepts, where `rate` is right."""
        return (1 - self.specificity) + self.informed * np.asarray(rate, dtype=float)

    def corrected(self, rate: ArrayLike) -> Floats:
        """The share that is right, where the judge accepts `rate`; may leave [0, 1] by chance."""
        return (np.asarray(rate, dtype=float) - (1 - self.specificity)) / self.informed

    def unknowns(self) -> Iterator[tuple[Judge, Judge, float]]:
        """The judge with one share a standard error lower and higher, and the errors' step.

        Yields
        ------
        lower, higher : Judge
            One share moved down and up by the same step.
        steps : float
            The distance of the two, in standard errors.
        """
        for share, number in (("sensitivity", "n_right"), ("specificity", "n_wrong")):
            value, n = getattr(self, share), getattr(self, number)
            if n:
                # One answer more on each side keeps an error in judges that were never wrong.
                shrunk = (value * n + 1) / (n + 2)
                error = float(np.sqrt(shrunk * (1 - shrunk) / (n + 2)))
                low, high = max(value - error, 1e-6), min(value + error, 1.0)
                moved = (replace(self, **{share: end}) for end in (low, high))
                yield *moved, (high - low) / error
