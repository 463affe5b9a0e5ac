"""The drill as HTML that unfolds without JavaScript; `hat-drill.js` adds buttons and a tally."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from hatlib.show.figures import Table, show_table
from hatlib.truth.drill import ABOUT_SAME, FIRST, OPEN, SECOND, Drill
from hatlib.words import signed

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TITLES: Mapping[str, str] = _WORDS["titles"]

#: What misleads a metric, and what keeps HAT from an answer.
WHY: Mapping[str, str] = _WORDS["why"]

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    (Path(__file__).parent / "drill.html").read_text(encoding="utf-8")
)


def drill_page(drill: Drill) -> Table:
    """The rounds of a drill, to be answered on a page.

    Examples
    --------
    >>> from hatlib.truth.drill import make_drill
    >>> page = drill_page(make_drill(1, draws=50)).markup
    >>> page.count('class="hat-round"'), page.count("<script")
    (1, 0)
    """
    rounds = [_round(drill, row) for row in drill.rounds.to_dict("records")]
    tally = [("you", "You", "")] + [(who, title, WHY[who]) for who, title in TITLES.items()]
    seen = drill.models.drop(columns="round")
    return Table(seen, "A drill; see it on a page.", _PAGE.render(rounds=rounds, tally=tally))


def _round(drill: Drill, row: Mapping[Any, Any]) -> dict[str, Any]:
    """What the template says of one round."""
    number, a, b = row["round"], row["model_a"], row["model_b"]
    models = drill.models[drill.models["round"] == number].drop(columns="round")
    says = drill.says[drill.says["round"] == number].set_index("measure")
    setting = (
        f"Round {number}, simulated: {row['n_items']} items, each answered {drill.n_trials} "
        "times in English, in German and in Swahili."
    )
    table = show_table(models.rename(columns={"xlt_gap": "gap"}), setting)
    names = {FIRST: f"{a} transfers better", SECOND: f"{b} transfers better"}
    hat = says.loc["hat"].to_dict()
    known = bool(np.isfinite(hat["lead"]))
    told = "HAT cannot tell the two apart" if hat["says"] == OPEN else "HAT: "
    return dict(row) | {
        "says_json": json.dumps(says["says"].to_dict()),
        "table": Markup(table.markup if isinstance(table, Table) else ""),
        "answer": {**names, ABOUT_SAME: f"{a} and {b} transfer about the same"}[row["right"]],
        "lines": [
            f"{TITLES[name]}: {_line(name, says.loc[name].to_dict(), models, row['right'])}"
            for name in TITLES
            if name != "hat"
        ],
        "verdict": told + names.get(hat["says"], ""),
        "hat": f"{signed(hat['lead'])} [{signed(hat['low'])}, {signed(hat['high'])}]"
        if known
        else "not known",
        "lead": signed(row["truth_a"] - row["truth_b"]),
        "note": f" A score is marked: {hat['note']}." if hat["note"] else "",
    }


def _line(measure: str, said: Mapping[Any, Any], models: pd.DataFrame, right: str) -> str:
    """What a metric says in one round, and why it is misled."""
    if said["says"] == OPEN:
        return "left open" + (", as it should be." if right == ABOUT_SAME else ".")
    named = said["model_a"] if said["says"] == FIRST else said["model_b"]
    if said["mark"] == "right":
        return f"{named}, which is right."
    english = models.set_index("model")["source_accuracy"]
    side = "stronger" if english[named] == english.max() else "weaker"
    return f"{named}, which is wrong{_WORDS['misled'][side].get(measure, '')}."
