"""The one rule that turns an estimate with its interval into a conclusion.

Every conclusion of the book is a `Verdict`, made by `decide`.  It holds the estimate, what the
interval rules out, and a grade of evidence.  The words are made in `hatlib.show`.

The rule.  A *margin* says, before the numbers are seen, how large a difference matters.

- **firm**: the interval lies wholly on one side of 0, or wholly within the margin on both sides, or
  rules out the loss (the gain) beyond the margin that was asked about.  Where there are several
  tests, this must hold after Holm's correction; where the claim is about models in general, there
  must be at least `FEW_CLUSTERS` clusters.
- **suggestive**: the same, but on few clusters, or before the correction only, or on doubtful data;
  or the interval rules out a loss or a gain that matters, though another question was asked.
- **open**: the interval rules out nothing that matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Literal

import numpy as np
from scipy import stats

from hatlib.errors import InputError
from hatlib.resample import FEW_CLUSTERS, LEVEL, holm
from hatlib.thresholds import BOOK

Asks = Literal["difference", "loss", "gain"]
Answer = Literal["higher", "lower", "same", "not lower", "not higher", "open"]
Grade = Literal["firm", "suggestive", "open"]

MOST_NEEDED = 100_000
"""More clusters or items than this are not worth naming."""

_TOLD = ("answer", "direction", "beyond", "rules_out", "grade", "held_back", "needed", "p_value")


@dataclass(frozen=True)
class Verdict:
    """A conclusion: the estimate, what is ruled out, and how good the evidence is.

    Attributes
    ----------
    estimate, low, high : float
        The number and its interval, not corrected for the number of tests; nan if there is none.
    margin : float
        The smallest difference that matters.
    asks : {"difference", "loss", "gain"}
        Which kind of answer settles the question.
    name : str
        Short name by which other pages find the verdict.
    question, subject : str
        What was asked, in words, and of what, such as the name of a dataset.
    unit : str
        What the number is a change for, such as "per doubling of size".
    general : bool
        Whether the claim is about models in general, and not about those at hand alone.
    n_clusters, n_items : int or None
        How many model families and items the interval rests on.
    adjusted : mapping of str to float or None
        P-values after correction, see `decide`.
    family_size : int
        How many tests were corrected for together.
    doubtful : str
        Why the data are doubtful; empty if they are not.
    level : float
        Nominal coverage of the interval.
    """

    estimate: float
    low: float
    high: float
    _: KW_ONLY
    margin: float
    asks: Asks = "difference"
    name: str = ""
    question: str = ""
    subject: str = ""
    unit: str = ""
    general: bool | None = None
    n_clusters: int | None = None
    n_items: int | None = None
    adjusted: Mapping[str, float] | None = None
    family_size: int = 1
    doubtful: str = ""
    level: float = LEVEL

    def __post_init__(self) -> None:
        if not self.margin > 0:
            value = str(self.margin)
            raise InputError("the margin must be above 0.", "Say what matters.", value=value)
        if self.general is None:
            object.__setattr__(self, "general", self.n_clusters is not None)

    @property
    def direction(self) -> Literal["higher", "lower", ""]:
        """On which side of 0 the interval lies wholly, if it does."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else ""

    @property
    def beyond(self) -> bool:
        """Whether the interval lies wholly beyond the margin."""
        return bool(self.low > self.margin or self.high < -self.margin)

    @property
    def rules_out(self) -> tuple[str, ...]:
        """Of "loss" and "gain", those beyond the margin that the interval rules out."""
        ruled = (("loss", self.low > -self.margin), ("gain", self.high < self.margin))
        return tuple(word for word, out in ruled if out)

    @property
    def _asked(self) -> Answer:
        """The answer to what was asked."""
        if self.asks == "difference":
            return self.direction or ("same" if len(self.rules_out) == 2 else "open")
        if self.asks in self.rules_out:
            return "not lower" if self.asks == "loss" else "not higher"
        side = "lower" if self.asks == "loss" else "higher"
        return self.direction or "open" if self.beyond and self.direction == side else "open"

    @property
    def answer(self) -> Answer:
        """What the interval says; that something else than what was asked is shown, or ruled out.

        "higher" or "lower" than 0; "same", a difference beyond the margin is ruled out; "not
        lower" (or "not higher"), a loss (gain) beyond the margin is ruled out; or "open".
        """
        if self._asked != "open" or not (self.rules_out or self.direction):
            return self._asked
        return self.direction or ("not lower" if "loss" in self.rules_out else "not higher")

    @property
    def held_back(self) -> tuple[str, ...]:
        """Why an answer is not firm."""
        if self.answer == "open":
            return ()
        tests = {"higher": ("zero",), "lower": ("zero",), "same": ("loss", "gain"),
                 "not lower": ("loss",), "not higher": ("gain",)}[self.answer]  # fmt: skip
        lost = [(self.adjusted or {}).get(test, 0.0) >= BOOK["clear"] for test in tests]
        reasons = {
            "other question": self._asked == "open",
            "few clusters": self.general and (self.n_clusters or 0) < FEW_CLUSTERS,
            "not after correction": any(lost),
            "doubtful data": self.doubtful,
        }
        return tuple(reason for reason, holds in reasons.items() if holds)

    @property
    def grade(self) -> Grade:
        """The evidence."""
        if self.answer == "open":
            return "open"
        return "suggestive" if self.held_back else "firm"

    @property
    def p_value(self) -> float:
        """Holm-corrected p-value that the number is 0; nan if there was no correction."""
        return float((self.adjusted or {}).get("zero", np.nan))

    @property
    def needed(self) -> int | None:
        """How many clusters would make the interval narrow enough to rule out both margins.

        Items, if the claim is about the models at hand; None if that cannot be said.
        """
        half, n = (self.high - self.low) / 2, self.n_clusters if self.general else self.n_items
        if not half > 0 or not n or n < 2:
            return None
        if not self.general:
            return min(math.ceil(n * (half / self.margin) ** 2), MOST_NEEDED)
        # Student's t has few degrees of freedom where clusters are few.
        counts = np.array([n, *range(2, MOST_NEEDED + 1)])
        reach = stats.t.ppf((1 + self.level) / 2, counts - 1) / np.sqrt(counts)
        enough = reach[1:] <= reach[0] * self.margin / half
        return int(counts[1:][enough][0]) if enough.any() else MOST_NEEDED

    def as_record(self) -> dict[str, Any]:
        """The verdict as JSON: numbers to six significant digits, what is not known as None.

        Examples
        --------
        >>> decide(0.1, 0.05, 0.15, margin=0.02).as_record()["grade"]
        'firm'
        """
        names = [f.name for f in fields(self) if f.name != "adjusted"]
        return {name: _plain(getattr(self, name)) for name in (*names, *_TOLD)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return list(value) if isinstance(value, tuple) else value


def decide(estimate: float, low: float, high: float, *, margin: float, **about: Any) -> Verdict:
    """Judge one estimate by its interval.

    Parameters
    ----------
    estimate, low, high : float
        The number and the ends of its interval; nan if there is no interval.
    margin : float
        The smallest difference that matters, above 0.
    **about
        What else a `Verdict` holds: ``name``, ``question``, ``subject`` and ``unit``; and
    asks : {"difference", "loss", "gain"}
        What settles the question: a difference (or that there is none that matters), or that a loss
        (a gain) beyond the margin is there or is ruled out.
    general : bool, optional
        Whether the claim is about models in general; by default if `n_clusters` is given.
    n_clusters, n_items : int, optional
        What the interval rests on.
    adjusted : mapping, optional
        Corrected p-values: ``zero``, that the number is 0; ``loss`` and ``gain``, that it is the
        lower or the upper margin. `decide_together` makes them.
    family_size : int
        How many tests were corrected for together.
    doubtful : str
        Why the data are doubtful, if they are.
    level : float
        Nominal coverage of the interval.

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        If the margin is not above 0.

    Examples
    --------
    >>> decide(0.025, 0.01, 0.04, margin=0.02, n_clusters=12).grade
    'firm'
    >>> small = decide(-0.01, -0.04, 0.02, margin=0.05, asks="loss", n_clusters=22)
    >>> small.grade, small.answer
    ('firm', 'not lower')
    >>> wide = decide(0.0, -0.2, 0.2, margin=0.1, n_clusters=10)
    >>> wide.grade, wide.needed
    ('open', 33)
    """
    return Verdict(float(estimate), float(low), float(high), margin=float(margin), **about)


def decide_together(
    tests: Sequence[Mapping[str, Any]], *, freedom: Sequence[float] | None = None
) -> list[Verdict]:
    """Judge several estimates of one claim, corrected (Holm) for their number.

    Parameters
    ----------
    tests : sequence of mappings
        The arguments of `decide`, ``estimate``, ``low`` and ``high`` among them. The intervals are
        taken as the estimate plus or minus Student's t times its standard error.
    freedom : sequence of float, optional
        Degrees of freedom behind each interval; by default clusters minus 1 where the claim is
        about models in general, and otherwise without limit.

    Returns
    -------
    list of Verdict

    Examples
    --------
    >>> tests = [dict(estimate=e, low=e - 0.04, high=e + 0.04, margin=0.02, n_clusters=30)
    ...          for e in (0.2, 0.041, 0.0)]
    >>> [each.grade for each in decide_together(tests)]
    ['firm', 'suggestive', 'open']
    """
    if not tests:
        return []
    clusters = [test.get("n_clusters") for test in tests]
    if freedom is None:
        freedom = [c - 1 if c and c > 1 and t.get("general", True) else np.inf
                   for c, t in zip(clusters, tests, strict=True)]  # fmt: skip
    value, low, high, margin = (
        np.array([test[key] for test in tests], float)
        for key in ("estimate", "low", "high", "margin")
    )
    level = np.array([test.get("level", LEVEL) for test in tests])
    degrees = np.asarray(freedom, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        se = (high - low) / 2 / stats.t.ppf((1 + level) / 2, degrees)
        p = {
            name: holm(2 * stats.t.sf(np.abs(value - at) / se, degrees))
            for name, at in (("zero", 0 * margin), ("loss", -margin), ("gain", margin))
        }
    return [
        decide(**test, adjusted={k: float(v[i]) for k, v in p.items()}, family_size=len(tests))
        for i, test in enumerate(tests)
    ]
