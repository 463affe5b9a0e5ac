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
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from hatlib.errors import InputError, Problem
from hatlib.resample import FEW_CLUSTERS, LEVEL, holm
from hatlib.thresholds import BOOK

Asks = Literal["difference", "loss", "gain"]
Answer = Literal["higher", "lower", "same", "not lower", "not higher", "open"]
Grade = Literal["firm", "suggestive", "open"]

MOST_NEEDED = 100_000
"""More clusters or items than this are not worth naming."""


@dataclass(frozen=True)
class Verdict:
    """A conclusion: the estimate, what is ruled out, and how good the evidence is.

    Attributes
    ----------
    name : str
        Short name by which other pages find the verdict.
    question : str
        What was asked, in words.
    asks : {"difference", "loss", "gain"}
        Which kind of answer settles the question.
    estimate, low, high : float
        The number and its interval, not corrected for the number of tests; nan if there is none.
    level : float
        Nominal coverage of the interval.
    margin : float
        The smallest difference that matters.
    unit : str
        What the number is a change for, such as "per doubling of size".
    answer : str
        "higher" or "lower" than 0; "same", a difference beyond the margin is ruled out; "not
        lower" (or "not higher"), a loss (gain) beyond the margin is ruled out; or "open".
    direction : str
        "higher" or "lower" if the interval lies wholly on one side of 0, else empty.
    beyond : bool
        Whether the interval lies wholly beyond the margin.
    rules_out : tuple of str
        Of "loss" and "gain", those beyond the margin that the interval rules out.
    grade : {"firm", "suggestive", "open"}
        The evidence.
    held_back : tuple of str
        Why it is not firm: "few clusters", "not after correction", "doubtful data", "other
        question".
    general : bool
        Whether the claim is about models in general, and not about those at hand alone.
    n_clusters, n_items : int or None
        How many lineages (or other clusters), and items, the interval rests on.
    cluster : str
        What a cluster is, in the plural.
    needed : int or None
        How many clusters (items, if the claim is about the models at hand) would make the interval
        narrow enough to rule out both margins around 0; None if that cannot be said.
    p_value : float
        Holm-corrected p-value that the number is 0; nan if there was no correction.
    family_size : int
        How many tests were corrected for together.
    doubtful : str
        Why the data are doubtful; empty if they are not.
    subject : str
        What the verdict speaks of, such as the name of a dataset.
    """

    name: str
    question: str
    asks: Asks
    estimate: float
    low: float
    high: float
    level: float
    margin: float
    unit: str
    answer: Answer
    direction: str
    beyond: bool
    rules_out: tuple[str, ...]
    grade: Grade
    held_back: tuple[str, ...]
    general: bool
    n_clusters: int | None
    n_items: int | None
    cluster: str
    needed: int | None
    p_value: float
    family_size: int
    doubtful: str
    subject: str

    def as_record(self) -> dict[str, Any]:
        """The verdict as JSON: numbers to six significant digits, what is not known as None.

        Examples
        --------
        >>> decide(0.1, 0.05, 0.15, margin=0.02).as_record()["grade"]
        'firm'
        """
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, np.bool_):
        return bool(value)
    return list(value) if isinstance(value, tuple) else value


def decide(
    estimate: float,
    low: float,
    high: float,
    *,
    margin: float,
    name: str = "",
    question: str = "",
    subject: str = "",
    asks: Asks = "difference",
    unit: str = "",
    general: bool | None = None,
    n_clusters: int | None = None,
    n_items: int | None = None,
    cluster: str = "lineages",
    adjusted: Mapping[str, float] | None = None,
    family_size: int = 1,
    doubtful: str = "",
    level: float = LEVEL,
) -> Verdict:
    """Judge one estimate by its interval.

    Parameters
    ----------
    estimate, low, high : float
        The number and the ends of its interval; nan if there is no interval.
    margin : float
        The smallest difference that matters, above 0.
    name, question, subject, unit : str
        See `Verdict`.
    asks : {"difference", "loss", "gain"}
        What settles the question: a difference (or that there is none that matters), or that a loss
        (a gain) beyond the margin is there or is ruled out.
    general : bool, optional
        Whether the claim is about models in general; by default if `n_clusters` is given.
    n_clusters, n_items : int, optional
        What the interval rests on.
    cluster : str
        What a cluster is, in the plural.
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
    if not margin > 0:
        raise InputError(
            Problem("the margin must be above 0.", "Say what matters.", value=str(margin))
        )
    general = n_clusters is not None if general is None else general
    seen = _Seen.of(low, high, margin)
    answer = _answer(seen, asks)
    held: list[str] = []
    if answer == "open" and (seen.rules_out or seen.direction):
        # Something that matters is ruled out, or shown, though not what was asked.
        answer = seen.other(asks)
        held.append("other question")
    if answer != "open":
        if general and (n_clusters is None or n_clusters < FEW_CLUSTERS):
            held.append("few clusters")
        if not _survives(answer, adjusted):
            held.append("not after correction")
        if doubtful:
            held.append("doubtful data")
    return Verdict(
        name=name,
        question=question,
        asks=asks,
        estimate=float(estimate),
        low=float(low),
        high=float(high),
        level=level,
        margin=float(margin),
        unit=unit,
        answer=answer,
        direction=seen.direction,
        beyond=seen.beyond,
        rules_out=seen.rules_out,
        grade="open" if answer == "open" else "suggestive" if held else "firm",
        held_back=tuple(held),
        general=general,
        n_clusters=None if n_clusters is None else int(n_clusters),
        n_items=None if n_items is None else int(n_items),
        cluster=cluster,
        needed=_needed(low, high, margin, level, general, n_clusters, n_items),
        p_value=float((adjusted or {}).get("zero", np.nan)),
        family_size=int(family_size),
        doubtful=doubtful,
        subject=subject,
    )


@dataclass(frozen=True)
class _Seen:
    """What an interval shows."""

    direction: Literal["higher", "lower", ""]
    beyond: bool
    rules_out: tuple[str, ...]

    @classmethod
    def of(cls, low: float, high: float, margin: float) -> _Seen:
        ruled = (("loss", low > -margin), ("gain", high < margin))
        return cls(
            "higher" if low > 0 else "lower" if high < 0 else "",
            low > margin or high < -margin,
            tuple(word for word, out in ruled if out),
        )

    def other(self, asks: Asks) -> Answer:
        """The answer to another question than the one that was asked."""
        if self.direction:
            return self.direction
        return "not lower" if "loss" in self.rules_out else "not higher"


def _answer(seen: _Seen, asks: Asks) -> Answer:
    if asks == "loss":
        if "loss" in seen.rules_out:
            return "not lower"
        return "lower" if seen.beyond and seen.direction == "lower" else "open"
    if asks == "gain":
        if "gain" in seen.rules_out:
            return "not higher"
        return "higher" if seen.beyond and seen.direction == "higher" else "open"
    if seen.direction:
        return seen.direction
    return "same" if len(seen.rules_out) == 2 else "open"


def _survives(answer: Answer, adjusted: Mapping[str, float] | None) -> bool:
    """Whether the answer holds after correction for the number of tests."""
    if not adjusted:
        return True
    tests = {
        "higher": ("zero",), "lower": ("zero",), "same": ("loss", "gain"),
        "not lower": ("loss",), "not higher": ("gain",),
    }[answer]  # fmt: skip
    return all(adjusted.get(test, 0.0) < BOOK["clear"] for test in tests)


def _needed(
    low: float,
    high: float,
    margin: float,
    level: float,
    general: bool,
    n_clusters: int | None,
    n_items: int | None,
) -> int | None:
    """How many clusters or items make the interval as narrow as the margin on each side."""
    half, n = (high - low) / 2, n_clusters if general else n_items
    if not half > 0 or not n or n < 2:
        return None
    share = (1 + level) / 2

    def reach(count: float) -> float:
        """Student's t has few degrees of freedom where clusters are few."""
        return float(stats.t.ppf(share, count - 1)) / math.sqrt(count)

    if not general:
        return min(math.ceil(n * (half / margin) ** 2), MOST_NEEDED)
    wanted = reach(n) * margin / half
    candidates = np.arange(2, MOST_NEEDED + 1)
    enough = stats.t.ppf(share, candidates - 1) / np.sqrt(candidates) <= wanted
    return int(candidates[np.argmax(enough)]) if enough.any() else MOST_NEEDED


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
