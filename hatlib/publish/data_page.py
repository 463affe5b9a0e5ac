"""What stands on the page that describes every dataset, source, correction and file."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from hatlib.data.about import BUNDLED, BY_ITEM, book
from hatlib.data.files import read_table
from hatlib.data.responses import SETS, Responses, load_responses
from hatlib.data.tables import Tables, data_folder, load
from hatlib.lines.distance import DOUBTFUL, unfit
from hatlib.lines.metrics import summarise

#: Unread answers of a model are named from this share on.
_UNREAD = 0.02


def data_and_sources() -> dict[str, Any]:
    """All that the page says of datasets, sources, corrections and files."""
    tables, responses = load(), load_responses(sets=list(SETS))
    figures, metrics = tables.accuracies, summarise(tables)
    runs = metrics.table()
    chance = runs.groupby("set", as_index=False)["chance"].first()
    here = figures.groupby("source").agg(
        figures=("model", "size"), models=("model", "nunique"), languages=("language", "nunique")
    )
    spoken = responses.languages.set_index("language")["name"]
    corrections, _ = read_table(data_folder() / BUNDLED["corrections"])
    package = json.loads((data_folder() / "datapackage.json").read_text(encoding="utf-8"))
    return {
        "unique": figures.nunique(),
        "answers": responses.frame["n_trials"].sum(),
        "answering": responses.frame["model"].nunique(),
        "item_sets": _item_sets(responses).to_dict("records"),
        "spoken": {**spoken, BY_ITEM: "own language of the item"},
        "source_of": SETS,
        "published": metrics.coverage().merge(chance, on="set").to_dict("records"),
        "sources": book().sources.join(here, on="source").fillna({"figures": 0}).to_dict("records"),
        "benchmarks": book().benchmarks.to_dict("records"),
        "corrections": corrections.to_dict("records"),
        "doubt": DOUBTFUL,
        "doubtful": runs[unfit(runs) == "doubtful"].to_dict("records"),
        "twice": _printed_twice(tables).to_dict("records"),
        "files": package["resources"],
    }


def _item_sets(responses: Responses) -> pd.DataFrame:
    """Each dataset: how much of it there is, and the model of which most is unread, if much is."""
    known = responses.frame.dropna(subset="n_parsed")
    sums = known.groupby(["benchmark", "model"])[["n_parsed", "n_trials"]].sum()
    unread = (1 - sums["n_parsed"] / sums["n_trials"]).astype(float).rename("unread")
    worst = unread[unread >= _UNREAD].reset_index("model").sort_values("unread")
    worst = worst.groupby(level="benchmark").tail(1)
    names = responses.models.set_index("model")["display_name"]
    about = responses.benchmarks.set_index("benchmark")
    found = responses.table().join(about[["name", "use", "source_language", "chance_level"]])
    found = found.join(worst.assign(least_read=worst["model"].map(names)).drop(columns="model"))
    return found.fillna({"unread": 0}).rename_axis("benchmark").reset_index()


def _printed_twice(tables: Tables) -> pd.DataFrame:
    """Runs of which two sources print figures, and how far these differ."""
    run = ["benchmark", "model", "reasoning"]
    cells = tables.accuracies.query("prompting == ''").groupby([*run, "version", "language"])
    found = cells.agg(
        sources=("source", lambda names: ", ".join(sorted(set(names)))),
        n=("source", "nunique"),
        spread=("accuracy", lambda printed: printed.max() - printed.min()),
    )
    twice = found.query("n > 1").reset_index().groupby(run, as_index=False)
    told = {"sources": ("sources", "first"), "languages": ("language", "nunique")}
    runs = twice.agg(**told, largest=("spread", "max"))
    return runs.merge(tables.models[["model", "display_name"]], on="model")
