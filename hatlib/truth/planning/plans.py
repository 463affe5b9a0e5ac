"""The sizes that see a difference of two models, what they cost, and whether a plan holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from hatlib.errors import InputError, Problem, listing
from hatlib.show.words import counted, headline
from hatlib.truth.planning.rules import rule
from hatlib.truth.planning.simulated import (
    ABILITIES,
    CHANCES,
    CODES,
    RANGE,
    Ability,
    Design,
    run_design,
)

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

#: Answers an item that a plan has at least where it is free to choose. With fewer, the default
#: score moves with ability by more than its target in the estimator study.
FEWEST = 5

_CALLED = {
    "n_items": "items",
    "n_trials": "answers an item",
    "n_languages": "languages",
    "scatter": "scatter of the items",
}


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
        The world that is planned for, as in `Design`.
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
    sizes: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def pairs(self) -> int:
        """Pairs of models that are compared."""
        return self.models * (self.models - 1) // 2

    @property
    def pair_level(self) -> float:
        """Level of each interval, such that all pairs together keep to the level (Bonferroni)."""
        return 1 - (1 - self.level) / self.pairs

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
        within = self.affordable
        if self.n_languages is None:
            by = "n_languages"
        elif self.n_trials is None:
            by = "n_trials"
            within = self._thinned(within, by, (5, 6, 8, 10, 12, 15, 20))
        else:
            by = "n_items"
            few = np.geomspace(*RANGE["n_items"], 8).round().astype(int).tolist()
            within = self._thinned(within, by, few if self.n_items is None else [self.n_items])
        fine = within[within["enough"]].sort_values(["calls", "smallest"], kind="stable")
        weak = within[~within["enough"]].sort_values(["smallest", "calls"], kind="stable")
        best = pd.concat([fine, weak]).drop_duplicates(by)
        order = best.sort_values(["enough", "calls"], ascending=[False, True], kind="stable")
        return order.reset_index(drop=True)

    def _thinned(self, sizes: pd.DataFrame, by: str, few: Sequence[int]) -> pd.DataFrame:
        """A few values of a column, that of the cheapest plan among them."""
        keep = list(few)
        if self.cheapest is not None:
            keep.append(int(self.cheapest[by]))
        return sizes[sizes[by].isin(keep)]

    def chart(self) -> Figure | Notice:
        """The smallest difference over the items, a line a number of answers."""
        from hatlib.show import charts

        found = self.cheapest if self.cheapest is not None else self.sharpest
        languages = self.n_languages or (1 if found is None else int(found["n_languages"]))
        low, high = RANGE["n_items"]
        items = np.unique(np.geomspace(low, high, 40).round().astype(int))
        each = {*(5, 10, 20), *([self.n_trials] if self.n_trials else [])}
        if found is not None:
            each.add(int(found["n_trials"]))
        frame = pd.concat(
            pd.DataFrame(
                {
                    "items": items,
                    "smallest": rule().smallest(
                        items, k, languages, power=self.power, level=self.pair_level, **self._world
                    ),
                    "answers": f"{k} answers",
                }
            )
            for k in sorted(each)
        )
        return charts.curves(
            frame,
            x="items",
            y="smallest",
            series="answers",
            zero=self.difference,
            name="plan",
            title_x="Items",
            title_y="Smallest difference in HAT that is seen",
            caption=(
                f"Simulated: the smallest difference between two models that {self.power:.0%} of "
                f"evaluations see, with {counted(languages, 'target language')}. The horizontal "
                "line is the difference that is asked for."
            ),
        )

    @property
    def _world(self) -> dict[str, Any]:
        return {"scatter": self.scatter, "ability": self.ability, "chance": self.chance}

    def summary(self) -> str:
        """The answer in words."""
        found = self.cheapest
        between = "two models" if self.models == 2 else f"any two of {self.models} models"
        subject = f"A difference of {self.difference:g} in HAT between {between}"
        text = headline(subject, _size(found) if found is not None else "not within reach")
        if found is not None:
            text += (
                f" That is the cheapest plan, with {_calls(found['calls'])}: {found['power']:.0%} "
                "of such evaluations see the difference."
            )
        else:
            text += f" {self._why_not()}"
        if self.pairs > 1:
            text += (
                f" The {self.pairs} pairs are all compared, so each interval has the level "
                f"{self.pair_level:.2%} (Bonferroni)."
            )
        return " ".join([text, *self.notes])

    def _why_not(self) -> str:
        """What stands in the way: the budget, the items, or what was simulated."""
        best = self.sharpest
        if best is None:
            least = self.sizes["calls"].min()
            return f"The budget is less than the smallest plan, which takes {_calls(least)}."
        text = (
            f"The sharpest plan, {_size(best)}, sees a difference of {best['smallest']:.3f} in "
            f"{self.power:.0%} of evaluations, and one of {self.difference:g} in "
            f"{best['power']:.0%}."
        )
        if self.sizes["enough"].any():
            least = self.sizes.loc[self.sizes["enough"], "calls"].min()
            return f"{text} The budget is the limit: {_calls(least)} would do."
        floor = self.floor()
        if self.n_items is not None and floor > self.difference:
            return (
                f"{text} The items are the limit: with answers without end these items would "
                f"still see no less than {floor:.3f}."
            )
        if self.n_items is not None:
            beyond = " than were simulated" if self.n_trials is None else ""
            return f"{text} More answers{beyond} would be needed, or more items."
        return f"{text} It would take a larger evaluation than was simulated."

    def floor(self) -> float:
        """The difference that is seen with the most items and languages and endless answers."""
        n_items = self.n_items or RANGE["n_items"][1]
        languages = self.n_languages or RANGE["n_languages"][1]
        options = {"power": self.power, "level": self.pair_level, **self._world}
        return float(rule().smallest(n_items, 1e9, languages, **options))


def _size(row: pd.Series) -> str:
    return (
        f"{int(row['n_items']):,} items, {counted(int(row['n_trials']), 'answer')} "
        f"to each and {counted(int(row['n_languages']), 'target language')}"
    )


def _calls(n: float) -> str:
    return f"{int(n):,} calls"


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
    given = {"n_items": n_items, "n_trials": n_trials, "n_languages": n_languages}
    free = {**RANGE, "n_trials": (FEWEST, RANGE["n_trials"][1])}
    _check_numbers(difference, power, level, given, models, budget, scatter, ability, chance)
    items, answers, languages = (
        np.arange(free[name][0], free[name][1] + 1) if n is None else np.array([n])
        for name, n in given.items()
    )
    n, k, count = np.meshgrid(items, answers, languages, indexing="ij", sparse=True)
    world: dict[str, Any] = {"scatter": scatter, "ability": ability, "chance": chance}
    world["level"] = 1 - (1 - level) / (models * (models - 1) // 2)
    smallest = rule().smallest(n, k, count, power=power, **world)
    columns = {
        "n_items": n,
        "n_trials": k,
        "n_languages": count,
        "calls": n * (1 + count) * k * models,
        "smallest": smallest,
        "power": rule().power(difference, n, k, count, **world),
        "enough": smallest <= difference,
    }
    sizes = pd.DataFrame(
        {name: np.broadcast_to(column, smallest.shape).ravel() for name, column in columns.items()}
    )
    return Plan(
        difference, power, level, n_items, n_trials, n_languages, models, budget, scatter, ability,
        chance, sizes, _outside({**given, "scatter": scatter}),
    )  # fmt: skip


def _outside(given: dict[str, Any]) -> tuple[str, ...]:
    """A warning for each number beyond what was simulated."""
    notes = []
    for name, value in given.items():
        low, high = RANGE[name]
        if value is not None and not low <= value <= high:
            notes.append(
                f"Mind: {value:g} is beyond what was simulated ({_CALLED[name]}: {low:g} to "
                f"{high:g}), so the rule is extrapolated."
            )
    if given["n_trials"] is not None and given["n_trials"] < FEWEST:
        notes.append(
            f"Mind: with fewer than {FEWEST} answers an item, scores move with ability by more "
            "than the target of the estimator study, and steep profiles are seen less well than "
            "planned."
        )
    return tuple(notes)


def _check_numbers(
    difference: float,
    power: float,
    level: float,
    given: dict[str, int | None],
    models: int,
    budget: int | None,
    scatter: float,
    ability: str,
    chance: float,
) -> None:
    problems = []
    for name, value, low, high in (
        ("difference", difference, 0.001, 1.0),
        ("power", power, 0.5, 0.999),
        ("level", level, 0.5, 0.9999),
        ("scatter", scatter, 0.0, 0.99),
        ("chance", chance, min(CHANCES), max(CHANCES)),
    ):
        if not low <= value <= high:
            remedy = f"Use a number from {low:g} to {high:g}."
            problems.append(Problem(f"{name} is out of its range.", remedy, value=str(value)))
    for name, number, least in (
        ("items", given["n_items"], 20),
        ("answers", given["n_trials"], 2),
        ("languages", given["n_languages"], 1),
        ("models", models, 2),
        ("budget", budget, 1),
    ):
        if number is not None and number < least:
            remedy = f"Use {least} or more."
            if name == "answers":
                remedy += " With one, the hardness of an item comes from other models."
            problems.append(Problem(f"{name} is too small.", remedy, value=str(number)))
    if ability not in ABILITIES:
        known = f"Use {listing(ABILITIES)}."
        problems.append(Problem("ability is not known.", known, value=str(ability)))
    if problems:
        raise InputError(problems)


def plan_text(found: Plan, form: str) -> str:
    """A plan as text.

    Parameters
    ----------
    found : Plan
        From `plan`.
    form : {"table", "csv", "md", "json"}
        For a terminal, as CSV or JSON with plain numbers, or as Markdown.

    Examples
    --------
    >>> print(plan_text(plan(0.1, n_items=250, n_languages=4), "csv").splitlines()[0])
    n_items,n_trials,n_languages,calls,smallest,power,enough
    """
    from hatlib.show import output

    table = found.table()
    rounded = table.assign(smallest=table["smallest"].round(4), power=table["power"].round(3))
    if form == "csv":
        return output.csv_text(rounded)
    if form == "json":
        names = (
            "difference", "power", "level", "models", "budget", "scatter", "ability", "chance",
            "pairs", "pair_level", "notes",
        )  # fmt: skip
        document = {"schema": 1, **{name: getattr(found, name) for name in names}}
        rows = json.loads(rounded.to_json(orient="records"))
        return json.dumps({**document, "plans": rows}, indent=1, ensure_ascii=False)
    world = (
        f"scatter {found.scatter:g}, {found.ability} ability, chance {found.chance:g}, simulated"
    )
    cells = shown(rounded)
    title = f"Plans for a difference of {found.difference:g} at power {found.power:g}"
    return output.titled(title, world, cells, form)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Plan.table` as they are printed."""
    return pd.DataFrame(
        {
            "items": table["n_items"],
            "answers": table["n_trials"],
            "languages": table["n_languages"],
            "calls": table["calls"].map("{:,}".format),
            "smallest difference": table["smallest"].map("{:.3f}".format),
            "power": table["power"].map("{:.2f}".format),
            "enough": table["enough"].map({True: "yes", False: "no"}),
        }
    )


@dataclass(frozen=True)
class Verified:
    """A plan that was carried out on simulated models, again and again.

    Attributes
    ----------
    planned, detected : float
        Power by the plan, and the share of simulated intervals without 0.
    error : float
        Monte-Carlo standard error of the latter if the plan is right, each pair counted once.
    size : str
        The plan in words.
    replications : int
    """

    planned: float
    detected: float
    error: float
    size: str
    replications: int

    def table(self) -> pd.DataFrame:
        """One row."""
        return pd.DataFrame([vars(self)])

    @property
    def holds(self) -> bool:
        """Whether the two powers agree within two standard errors."""
        return abs(self.planned - self.detected) <= 2 * self.error

    def summary(self) -> str:
        """Whether the simulation bears the plan out."""
        verdict = "the plan holds"
        if not self.holds:
            less = self.detected < self.planned
            verdict = f"the plan promises too {'much' if less else 'little'}"
        return (
            f"{headline('Carried out', verdict)} With {self.size}, {self.detected:.0%} of "
            f"simulated comparisons saw the difference; the plan says {self.planned:.0%}. The "
            f"standard error of {self.replications} simulated evaluations is {self.error:.0%}."
        )


def verify(found: Plan, *, replications: int = 10, seed: int = 0) -> Verified | None:
    """Carry a plan out on simulated models, and count how often the difference is seen.

    Parameters
    ----------
    found : Plan
        Its cheapest size is carried out, or the sharpest if none is enough; each pair of models
        is compared at the level of the plan.
    replications : int
        Simulated evaluations, of three pairs of models each.
    seed : int
        Seed of the simulations.

    Returns
    -------
    Verified or None
        None if no size is within the budget, or has more languages than can be simulated.
    """
    row = found.cheapest if found.cheapest is not None else found.sharpest
    if row is None or row["n_languages"] > len(CODES):
        return None
    size = int(row["n_languages"])
    design = Design(
        int(row["n_items"]),
        int(row["n_trials"]),
        found.scatter,
        found.ability,  # type: ignore[arg-type]
        found.chance,
        found.difference,
        "shift",
        n_languages=(size,),
        purpose="check",
    )
    rows = run_design(design, replications, level=found.pair_level, seed=seed)
    detected = float(rows["detected"].iloc[0])
    planned = float(row["power"])
    # Languages share the answers in the source language, so a pair counts once.
    error = float(np.sqrt(planned * (1 - planned) / (3 * replications)))
    return Verified(planned, detected, error, _size(row), replications)


def tempting(n_items: int, n_trials: int, difference: float) -> str:
    """What the standard error of an accuracy seems to promise, in a sentence.

    Parameters
    ----------
    n_items, n_trials : int
        Items, and answers an item and language.
    difference : float
        In HAT, that is to be seen.
    """
    naive = float(stats.norm.ppf([0.975, 0.8]).sum() * np.sqrt(0.5 / (n_items * n_trials)))
    real = float(rule().smallest(n_items, n_trials, 1))
    return (
        f"{n_items:,} items with {n_trials} answers are {n_items * n_trials:,} coin flips a "
        f"language. A difference of {naive:.3f} between two accuracies is then seen four times in "
        f"five, and {difference:g} looks {'easy' if naive < difference else 'hard'}. For a "
        f"difference in HAT, the simulations of this page say {real:.3f}."
    )
