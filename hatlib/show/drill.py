"""The drill as HTML that unfolds without JavaScript; `hat-drill.js` adds buttons and a tally."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from hatlib.show.figures import Table, show_table
from hatlib.truth.drill import METRICS
from hatlib.words import signed

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TITLES: Mapping[str, str] = _WORDS["titles"]

#: What misleads a metric, and what keeps HAT from an answer.
WHY: Mapping[str, str] = _WORDS["why"]

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
)


def drill_page(models: pd.DataFrame, says: pd.DataFrame, n_trials: int) -> Table:
    """The rounds of a drill, to be answered on a page.

    Parameters
    ----------
    models : DataFrame
        One row a round × model: ``round``, ``model``, ``source_accuracy``, the metrics as
        observed, ``truth`` (the true score) and ``n_items``.
    says : DataFrame
        One row a round × measure: ``round``, and the columns of
        `hatlib.truth.drill.compare_pairs`.
    n_trials : int
        Answers an item and language.
    """
    seen = models[["round", "model", "source_accuracy", *METRICS]]
    rounds = []
    for number, each in says.groupby("round"):
        pair, said = models[models["round"] == number], each.set_index("measure")
        setting = (
            f"Round {number}, simulated: {pair['n_items'].iloc[0]} items, each answered {n_trials} "
            "times in English, in German and in Swahili."
        )
        observed = seen.loc[pair.index].rename(columns={"xlt_gap": "gap"})
        table = show_table(observed, setting, hide=["round"])
        rounds.append(
            {
                "number": number,
                "table": Markup(getattr(table, "markup", "")),
                "says_json": json.dumps(said["says"].to_dict()),
                "models": pair.to_dict("records"),
                "said": said.to_dict("index"),
            }
        )
    page = _PAGE.render(rounds=rounds, words=_WORDS, signed=signed)
    return Table(seen, "A drill; see it on a page.", page)
