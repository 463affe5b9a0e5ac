"""A plan of an evaluation in words and as text."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pandas as pd

from hatlib.data.writing import csv_text
from hatlib.show import output
from hatlib.truth.planning import Plan
from hatlib.words import counted

_SAID = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def plan_words(found: Plan) -> str:
    """The answer in words.

    Examples
    --------
    >>> from hatlib.truth.planning import plan
    >>> plan_words(plan(0.01, n_items=100))[:66]
    'A difference of 0.01 in HAT between two models is not within reach'
    """
    best, sizes = found.cheapest, found.sizes
    facts = vars(found) | {
        "between": "two models" if found.models == 2 else f"any two of {found.models} models",
        "least": sizes["calls"].min(),
        "would_do": sizes.loc[sizes["enough"], "calls"].min(),
    }
    shown = found.sharpest if best is None else best
    if shown is not None:
        facts |= {"size": _size(shown), "seen": shown["power"], **shown[["calls", "smallest"]]}
    told = ["takes"] if best is not None else ["out_of_reach", *_limits(found)]
    told += ["pairs"] if found.pairs > 1 else []
    return " ".join([*(_SAID[key].format(**facts) for key in told), *found.notes])


def _limits(found: Plan) -> list[str]:
    """Why no plan is enough: the sharpest, and what is the limit."""
    if found.sharpest is None:
        return ["nothing"]
    if found.sizes["enough"].any():
        return ["sharpest", "budget"]
    if found.n_items is None:
        return ["sharpest", "larger"]
    if found.floor > found.difference:
        return ["sharpest", "items"]
    return ["sharpest", "answers" if found.n_trials is None else "given_answers"]


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
    forms = {"calls": "{:,}", "smallest": "{:.3f}", "power": "{:.2f}"}
    written = {name: table[name].map(form.format) for name, form in forms.items()}
    enough = table["enough"].map({True: "yes", False: "no"})
    return table.assign(**written, enough=enough)[list(_HEADS)].rename(columns=_HEADS)


_HEADS = {"n_items": "items", "n_trials": "answers", "n_languages": "languages", "calls": "calls",
          "smallest": "smallest difference", "power": "power", "enough": "enough"}  # fmt: skip
