"""A plan of an evaluation in words and as text."""

from __future__ import annotations

import json

import pandas as pd

from hatlib.data.writing import csv_text
from hatlib.show import output
from hatlib.truth.planning import Plan
from hatlib.words import counted


def plan_words(found: Plan) -> str:
    """The answer in words.

    Examples
    --------
    >>> from hatlib.truth.planning import plan
    >>> plan_words(plan(0.01, n_items=100))[:66]
    'A difference of 0.01 in HAT between two models is not within reach'
    """
    best = found.cheapest
    between = "two models" if found.models == 2 else f"any two of {found.models} models"
    size = f"takes {_size(best)}" if best is not None else "is not within reach"
    parts = [f"A difference of {found.difference:g} in HAT between {between} {size}."]
    if best is not None:
        parts.append(
            f"That is the cheapest plan, with {best['calls']:,} calls: {best['power']:.0%} of such "
            "evaluations see the difference."
        )
    else:
        parts.append(_why_not(found))
    if found.pairs > 1:
        parts.append(
            f"The {found.pairs} pairs are all compared, so each interval has the level "
            f"{found.pair_level:.2%} (Bonferroni)."
        )
    return " ".join([*parts, *found.notes])


def _why_not(found: Plan) -> str:
    """What stands in the way: the budget, the items, or what was simulated."""
    best = found.sharpest
    if best is None:
        least = found.sizes["calls"].min()
        return f"The budget is less than the smallest plan, which takes {least:,} calls."
    text = (
        f"The sharpest plan, {_size(best)}, sees a difference of {best['smallest']:.3f} in "
        f"{found.power:.0%} of evaluations, and one of {found.difference:g} in {best['power']:.0%}."
    )
    if found.sizes["enough"].any():
        least = found.sizes.loc[found.sizes["enough"], "calls"].min()
        return f"{text} The budget is the limit: {least:,} calls would do."
    if found.n_items is not None and found.floor > found.difference:
        return (
            f"{text} The items are the limit: with answers without end these items would "
            f"still see no less than {found.floor:.3f}."
        )
    if found.n_items is not None:
        beyond = " than were simulated" if found.n_trials is None else ""
        return f"{text} More answers{beyond} would be needed, or more items."
    return f"{text} It would take a larger evaluation than was simulated."


def _size(row: pd.Series) -> str:
    return (
        f"{int(row['n_items']):,} items, {counted(int(row['n_trials']), 'answer')} "
        f"to each and {counted(int(row['n_languages']), 'target language')}"
    )


def plan_text(found: Plan, form: str) -> str:
    """A plan as text.

    Parameters
    ----------
    found : Plan
        From `hatlib.plan`.
    form : {"table", "csv", "md", "json"}
        For a terminal, as CSV or JSON with plain numbers, or as Markdown.

    Examples
    --------
    >>> from hatlib.truth.planning import plan
    >>> print(plan_text(plan(0.1, n_items=250, n_languages=4), "csv").splitlines()[0])
    n_items,n_trials,n_languages,calls,smallest,power,enough
    """
    table = found.table()
    rounded = table.assign(smallest=table["smallest"].round(4), power=table["power"].round(3))
    if form == "csv":
        return csv_text(rounded)
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
    title = f"Plans for a difference of {found.difference:g} at power {found.power:g}"
    return output.titled(title, world, plan_cells(rounded), form)


def plan_cells(table: pd.DataFrame) -> pd.DataFrame:
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
