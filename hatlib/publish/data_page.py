"""What stands on the page that describes every dataset, source, correction and file."""

from __future__ import annotations

import functools
import json
from typing import Any

import pandas as pd

from hatlib.data.about import BY_ITEM
from hatlib.data.book import BUNDLED, book
from hatlib.data.files import read_table
from hatlib.data.responses import SETS, Responses, load_responses
from hatlib.data.tables import Tables, data_folder, load
from hatlib.lines.distance import DOUBTFUL, unfit
from hatlib.lines.metrics import Metrics, summarise

#: Unread answers of a model are named from this share on.
_UNREAD = 0.02


@functools.cache
def _everything() -> tuple[Tables, Responses, Metrics]:
    tables = load()
    return tables, load_responses(sets=list(SETS)), summarise(tables)


def counts() -> dict[str, Any]:
    """How much data the book stands on."""
    tables, responses, metrics = _everything()
    return {
        "figures": len(tables.accuracies),
        "unique": {**tables.accuracies.nunique(), "source": len(tables.sources)},
        "sets": metrics.table()["set"].nunique(),
        "datasets": len(SETS),
        "answers": responses.frame["n_trials"].sum(),
        "models": responses.frame["model"].nunique(),
    }


def data_and_sources() -> dict[str, Any]:
    """All that the page says of datasets, sources, corrections and files."""
    tables, responses, metrics = _everything()
    runs = metrics.table()
    corrections, _ = read_table(data_folder() / BUNDLED["corrections"])
    package = json.loads((data_folder() / "datapackage.json").read_text(encoding="utf-8"))
    chance = runs.groupby("set", as_index=False)["chance"].first()
    return counts() | {
        "item_sets": _item_sets(responses),
        "published": metrics.coverage().merge(chance, on="set").to_dict("records"),
        "sources": _sources(tables),
        "benchmarks": book().benchmarks.to_dict("records"),
        "corrections": corrections.to_dict("records"),
        "doubt": DOUBTFUL,
        "doubtful": runs[unfit(runs) == "doubtful"].to_dict("records"),
        "twice": _printed_twice(tables),
        "files": package["resources"],
    }


def _item_sets(responses: Responses) -> Any:
    """What each dataset is good for, and how much of it there is."""
    about = responses.benchmarks.set_index("benchmark")[
        ["name", "use", "source_language", "chance_level"]
    ]
    found = responses.table().join(about).join(_unread(responses)).fillna({"unread": 0})
    spoken = dict(zip(responses.languages["language"], responses.languages["name"], strict=True))
    spoken[BY_ITEM] = "own language of the item"
    found["spoken"] = found["source_language"].map(spoken)
    found["source"] = found.index.map(SETS)
    return found.rename_axis("benchmark").reset_index().to_dict("records")


def _unread(responses: Responses) -> pd.DataFrame:
    """The model with the most unread answers of each dataset, where they are many."""
    known = responses.frame.dropna(subset="n_parsed")
    sums = known.groupby(["benchmark", "model"])[["n_parsed", "n_trials"]].sum()
    share = (1 - sums["n_parsed"] / sums["n_trials"]).rename("unread").reset_index("model")
    worst = share.sort_values("unread").groupby(level="benchmark").tail(1)
    worst = worst.query("unread >= @_UNREAD")
    names = responses.models.set_index("model")["display_name"]
    return pd.DataFrame(
        {"unread": worst["unread"].astype(float), "least_read": worst["model"].map(names)}
    )


def _sources(tables: Tables) -> Any:
    """The sources, with how much of each is here."""
    sources = book().sources.set_index("source", drop=False)
    here = tables.accuracies.groupby("source").agg(
        figures=("model", "size"), models=("model", "nunique"), languages=("language", "nunique")
    )
    sources["datasets"] = [[n for n, of in SETS.items() if of == each] for each in sources.index]
    return sources.join(here).fillna({"figures": 0}).to_dict("records")


def _printed_twice(tables: Tables) -> Any:
    """Runs of which two sources print figures, and how far these differ."""
    run = ["benchmark", "model", "reasoning"]
    plain = tables.accuracies.query("prompting == ''")
    found = plain.groupby([*run, "version", "language"]).agg(
        sources=("source", lambda names: ", ".join(sorted(set(names)))),
        n=("source", "nunique"),
        low=("accuracy", "min"),
        high=("accuracy", "max"),
    )
    found = found.assign(spread=found["high"] - found["low"]).query("n > 1").reset_index()
    runs = found.groupby(run, as_index=False).agg(
        sources=("sources", "first"), languages=("language", "nunique"), largest=("spread", "max")
    )
    return runs.merge(tables.models[["model", "display_name"]], on="model").to_dict("records")
