"""How many items, answers and languages an evaluation needs, planned from simulated ones.

`benchmarks/planning.py` simulates evaluations of many sizes and keeps how much the difference of
two models scatters.  A rule of a few terms, fitted to that, says it for the sizes in between, and
`plan` turns it round: which sizes see a difference of a given size, and with how many calls.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem
from hatlib.metric.score import interval_quantile

Floats = NDArray[np.float64]

Ability = Literal["middle", "strong"]

#: What was simulated, and so where the rule holds.
RANGE = {"n_items": (100, 1600), "n_trials": (3, 20), "n_languages": (1, 8), "scatter": (0.0, 0.4)}

#: Answers an item that a plan has at least where it is free to choose. With fewer, the default
#: score moves with ability by more than its target in the estimator study.
FEWEST = 5

_FACTS = tomllib.loads(Path(__file__).with_name("planning.toml").read_text("utf-8"))
_CALLED = {"n_items": "items", "n_trials": "answers an item", "n_languages": "languages"}


# The rule -----------------------------------------------------------------------------------------


def width(
    what: Literal["sd", "se"],
    n_items: ArrayLike,
    n_trials: ArrayLike,
    n_languages: ArrayLike,
    *,
    scatter: ArrayLike = 0.2,
    ability: str = "middle",
    chance: float = 0.0,
) -> Floats:
    """How far the estimated difference of two models scatters, or the error stated for it.

    With ``N`` items, ``K`` answers, ``L`` languages and the scatter ``s`` of the items, its square
    is

    ``[(a₁ + a₂ / L) / K + (b₁ + b₂ / L) / K² + s (1 - 1 / K) (c₁ + c₂ / L)] / Nᵍ``

    The first two terms are noise of the answers; what the source language adds to it, it adds to
    all languages at once.  The third is what no number of answers removes.  ``g`` is below 1, as
    scores from few items are shrunk more.  Between two simulated chance levels the square is taken
    to be linear.

    Parameters
    ----------
    what : {"sd", "se"}
        The standard deviation, or the stated standard error, which is the larger of the two where
        scores are extrapolated.
    n_items, n_trials, n_languages, scatter : array-like
        Sizes; they broadcast.
    ability, chance
        The world, as in `plan`.

    Examples
    --------
    >>> few, many = width("sd", [100, 400], 5, 1)
    >>> bool(few > many > 0)
    True
    """
    rule = _FACTS[what][ability]
    by_chance = np.transpose(rule["weights"])
    weights = [np.interp(chance, _FACTS["chances"], each) for each in by_chance]
    squares = terms(n_trials, n_languages, scatter) @ weights
    return np.asarray(np.sqrt(squares / np.asarray(n_items, float) ** rule["power"]))


def terms(n_trials: ArrayLike, n_languages: ArrayLike, scatter: ArrayLike) -> Floats:
    """The six terms that the weights of the rule belong to, on the last axis."""
    k, n, s = np.broadcast_arrays(*(np.asarray(x, float) for x in (n_trials, n_languages, scatter)))
    left = s * (1 - 1 / k)
    return np.stack([1 / k, 1 / (k * n), 1 / k**2, 1 / (k**2 * n), left, left / n], axis=-1)


def detected(difference: ArrayLike, *sizes: ArrayLike, level: float = 0.95, **world: Any) -> Floats:
    """How often the interval of a difference is beyond 0, and on its side.

    Parameters
    ----------
    difference : array-like
        The true difference.
    *sizes : array-like
        Items, answers an item, languages.
    level : float
        Coverage of the interval.
    **world
        As in `width`: ``scatter``, ``ability``, ``chance``.
    """
    reach = interval_quantile(sizes[0], level) * width("se", *sizes, **world)
    beyond = (np.asarray(difference) - reach) / width("sd", *sizes, **world)
    return np.asarray(stats.norm.cdf(beyond))


def smallest(*sizes: ArrayLike, power: float = 0.8, level: float = 0.95, **world: Any) -> Floats:
    """The difference that is seen with this power; arguments as in `detected`."""
    reach = interval_quantile(sizes[0], level) * width("se", *sizes, **world)
    return np.asarray(reach + stats.norm.ppf(power) * width("sd", *sizes, **world))


# Plans --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Which sizes of an evaluation see a difference in HAT, and what they cost.

    Attributes
    ----------
    difference, power, level : float
        What is to be seen, how often, and the coverage of the intervals.
    n_items, n_trials, n_languages : int or None
        What is given; None is free.
    models : int
    budget : int or None
        Calls at most.
    scatter, ability, chance
        The world that is planned for.
    pairs : int
        Pairs of models that are compared.
    pair_level : float
        Level of each interval, such that all pairs together keep to the level (Bonferroni).
    floor : float
        The difference that is seen with the most items and languages and endless answers.
    sizes : DataFrame
        Every size within the limits: ``n_items``, ``n_trials``, ``n_languages``, ``calls``,
        ``smallest`` (the difference that is seen with this power), ``power`` (for the difference
        that is asked for) and ``enough``. The budget does not limit it.
    notes : tuple of str
        Warnings, such as of a size that was not simulated.
    """

    difference: float
    power: float
    level: float
    n_items: int | None
    n_trials: int | None
    n_languages: int | None
    models: int
    budget: int | None
    scatter: float
    ability: str
    chance: float
    pairs: int
    pair_level: float
    floor: float
    sizes: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def affordable(self) -> pd.DataFrame:
        """The sizes within the budget."""
        return self.sizes if self.budget is None else self.sizes[self.sizes["calls"] <= self.budget]

    @property
    def cheapest(self) -> pd.Series | None:
        """The size with the fewest calls that is enough, if there is one within the budget."""
        fine = self.affordable[self.affordable["enough"]]
        return fine.iloc[int(fine["calls"].argmin())] if len(fine) else None

    @property
    def sharpest(self) -> pd.Series | None:
        """The size within the budget that sees the smallest difference."""
        within = self.affordable
        return within.iloc[int(within["smallest"].argmin())] if len(within) else None

    def table(self) -> pd.DataFrame:
        """The options, cheapest first.

        Returns
        -------
        DataFrame
            One row a number of languages; if that is given, one a number of answers; and if both
            are, a few numbers of items. In each the cheapest size that is enough, or else the
            sharpest within the budget. Columns as in `sizes`.
        """
        within, best = self.affordable, self.cheapest
        if self.n_languages is None:
            by, few = "n_languages", within["n_languages"].tolist()
        elif self.n_trials is None:
            by, few = "n_trials", [5, 6, 8, 10, 12, 15, 20]
        else:
            by, few = "n_items", np.geomspace(*RANGE["n_items"], 8).round().tolist()
            few += [self.n_items]
        if best is not None:
            few.append(best[by])
        within = within[within[by].isin(few)]
        fine = within[within["enough"]].sort_values(["calls", "smallest"], kind="stable")
        weak = within[~within["enough"]].sort_values(["smallest", "calls"], kind="stable")
        rows = pd.concat([fine, weak]).drop_duplicates(by)
        order = ["enough", "calls"]
        return rows.sort_values(order, ascending=[False, True], kind="stable", ignore_index=True)


def plan(
    difference: float,
    *,
    power: float = 0.8,
    level: float = 0.95,
    n_items: int | None = None,
    n_trials: int | None = None,
    n_languages: int | None = None,
    models: int = 2,
    budget: int | None = None,
    scatter: float = 0.2,
    ability: Ability = "middle",
    chance: float = 0.0,
) -> Plan:
    """Plan an evaluation that sees a difference in HAT between two models on the same items.

    Parameters
    ----------
    difference : float
        True difference that is to be seen, above 0.
    power : float
        How often it should be seen, 0.5 to below 1.
    level : float
        Coverage of the intervals, for all pairs of models together.
    n_items, n_trials, n_languages : int, optional
        Items, answers an item and language, and target languages; what is not given is free,
        but for at least five answers.
        The score is the mean over the languages, so their number changes what is measured.
    models : int
        Models that are all compared with one another.
    budget : int, optional
        Calls at most: items × (1 + languages) × answers × models.
    scatter : float
        How far items of one hardness scatter around the profile, as `item_scatter` measures it on
        the data of a pilot; 0 if hardness says it all.
    ability : {"middle", "strong"}
        Whether the models are right in about half of the answers, or in most.
    chance : float
        Accuracy of a guess, 0 to 0.5.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        Listing every number that is out of its range.

    Notes
    -----
    The rule knows simulated models whose judge does not err, whose answers to one item are
    independent, and which are equally able in pairs. Judge error, correlated answers and missing
    ones are not in it.

    Examples
    --------
    >>> found = plan(0.05)
    >>> bool(found.cheapest["smallest"] <= 0.05), bool(found.table()["enough"].any())
    (True, True)
    >>> plan(0.01, n_items=100).cheapest is None
    True
    """
    given = dict(locals())
    problems = [
        Problem(
            f"{_CALLED.get(name, name)} is out of range.",
            f"Use a number from {low:g} to {high:g}." if high < np.inf else f"Use {low} or more.",
            value=str(given[name]),
        )
        for name, (low, high) in _FACTS["limits"].items()
        if given[name] is not None and not low <= given[name] <= high
    ]
    if ability not in get_args(Ability):
        problems.append(Problem("ability is not known.", "Use middle, strong.", value=ability))
    if problems:
        raise InputError(problems)
    pairs = models * (models - 1) // 2
    pair_level = 1 - (1 - level) / pairs
    world: dict[str, Any] = {"scatter": scatter, "ability": ability, "chance": chance}
    world["level"] = pair_level
    free = {**RANGE, "n_trials": (FEWEST, RANGE["n_trials"][1])}
    every = (
        np.arange(free[each][0], free[each][1] + 1) if given[each] is None else [given[each]]
        for each in _CALLED
    )
    n, k, count = grid = np.ix_(*every)
    columns = [*grid, n * (1 + count) * k * models]
    columns += [smallest(*grid, power=power, **world), detected(difference, *grid, **world)]
    names = [*_CALLED, "calls", "smallest", "power"]
    flat = (each.ravel() for each in np.broadcast_arrays(*columns))
    sizes = pd.DataFrame(dict(zip(names, flat, strict=True)))
    sizes["enough"] = sizes["smallest"] <= difference
    most = (n_items or RANGE["n_items"][1], 1e9, n_languages or RANGE["n_languages"][1])
    return Plan(
        **given,
        pairs=pairs,
        pair_level=pair_level,
        floor=float(smallest(*most, power=power, **world)),
        sizes=sizes,
        notes=_outside(given),
    )


def _outside(given: dict[str, Any]) -> tuple[str, ...]:
    """A warning for each number beyond what was simulated."""
    notes = [
        f"Mind: {given[name]:g} is beyond what was simulated ({_CALLED.get(name, 'scatter')}: "
        f"{low:g} to {high:g}), so the rule is extrapolated."
        for name, (low, high) in RANGE.items()
        if given[name] is not None and not low <= given[name] <= high
    ]
    if given["n_trials"] is not None and given["n_trials"] < FEWEST:
        notes.append(
            f"Mind: with fewer than {FEWEST} answers an item, scores move with ability by more "
            "than the target of the estimator study, and steep profiles are seen less well than "
            "planned."
        )
    return tuple(notes)


# Scatter ------------------------------------------------------------------------------------------


def item_scatter(counts: Counts) -> dict[str, float] | None:
    """How far the items of a pilot, or of any dataset, scatter around the transfer profile.

    Parameters
    ----------
    counts : Counts
        Of one benchmark, as from `Responses.counts`, with several answers an item.

    Returns
    -------
    dict or None
        ``models``, ``languages`` and ``answers`` that were used; ``scatter``, the variance of
        target accuracies around a parabola in the source accuracy of the item, less the noise of
        the answers, as a part of ``f · (1 - f)``; the part of it that other models share
        (``common_models``); and ``own``, which a comparison of models does not cancel. Models and
        languages of which less than half of the items have two answers, or whose accuracies lie
        below .05 or above .98, are left out; None if none is left.

    Examples
    --------
    >>> from hatlib import load_responses
    >>> counts = load_responses(sets="xnli-attacked").counts("xnli-attacked")
    >>> round(item_scatter(counts)["scatter"], 3)
    0.152
    """
    models, languages, items = counts.target_trials.shape
    left = np.full((models, languages, items), np.nan)
    noise = np.full((2, models, languages), np.nan)  # of the source language, and of the target
    for m, t in np.ndindex(models, languages):
        both = (counts.source_trials[m] > 1) & (counts.target_trials[m, t] > 1)
        k, n = counts.source_trials[m, both], counts.target_trials[m, t, both]
        u, v = counts.source_correct[m, both] / k, counts.target_correct[m, t, both] / n
        if both.sum() < max(20, items / 2) or not all(0.05 < x.mean() < 0.98 for x in (u, v)):
            continue
        curve = np.polynomial.Polynomial.fit(u, v, 2)
        expected = np.clip(curve(u), 0, 1)
        unit = np.mean(expected * (1 - expected))
        noise[0, m, t] = np.mean(curve.deriv()(u) ** 2 * u * (1 - u) / (k - 1)) / unit
        noise[1, m, t] = np.mean(v * (1 - v) / (n - 1)) / unit
        left[m, t, both] = (v - curve(u)) / np.sqrt(unit)
    used = np.isfinite(noise[0])
    if not used.any():
        return None
    scatter = float((np.nanmean(left[used] ** 2, axis=1) - noise[:, used].sum(axis=0)).mean())
    shared = pd.Series([_common(left[used[:, t], t]) for t in range(languages)]).mean()
    return {
        "models": int(used.any(axis=1).sum()),
        "languages": int(used.any(axis=0).sum()),
        "answers": float(np.median(counts.target_trials[counts.target_trials > 0])),
        "scatter": scatter,
        "common_models": float(shared),
        "own": scatter - float(np.nan_to_num(shared)),
    }


def _common(rows: Floats) -> float:
    """Mean product of different rows over the columns that both have."""
    a, b = np.triu_indices(len(rows), 1)
    return float(np.nanmean(rows[a] * rows[b])) if len(rows) > 1 else np.nan
