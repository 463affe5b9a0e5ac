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
from hatlib.words import counted, markdown_text

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
    return counts() | {
        "item_sets": _item_sets(responses),
        "published": _published(metrics.coverage(), runs),
        "sources": _sources(tables),
        "benchmarks": _benchmarks(),
        "corrections": corrections[["date", "source", "what", "as_printed", "now", "reason"]]
        .map(markdown_text)
        .to_numpy(),
        "doubt": DOUBTFUL,
        "doubtful": _doubtful(runs),
        "twice": _printed_twice(tables),
        "files": [
            (f"`data/{f['path']}`", f"{f['bytes'] / 1000:,.0f} kB", f"`{f['hash'][7:]}`")
            for f in package["resources"]
        ],
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
    rows = []
    for row in book().sources.to_dict("records"):
        mine = tables.accuracies[tables.accuracies["source"] == row["source"]]
        here = [f"`{name}`" for name, source in SETS.items() if source == row["source"]]
        if len(mine):
            figures = (
                f"{len(mine):,} figures, {counted(mine['model'].nunique(), 'model')}, "
                f"{counted(mine['language'].nunique(), 'language')}"
            )
            here.insert(0, figures)
        rows.append({**row, "here": "; ".join(here)})
    return rows


def _published(coverage: pd.DataFrame, runs: pd.DataFrame) -> Any:
    chance = coverage["set"].map(runs.groupby("set")["chance"].first())
    return coverage.assign(
        set_name=coverage["set_name"].map(markdown_text),
        set="`" + coverage["set"] + "`",
        targets=coverage["targets"].str.replace(" ", ", "),
        chance=chance.map("{:.2f}".format),
        left_out=coverage["left_out"].map(markdown_text),
    )[["set_name", "set", "models", "targets", "chance", "left_out"]].to_numpy()


def _benchmarks() -> Any:
    rows = book().benchmarks
    return rows.assign(
        name=rows["name"].map(markdown_text),
        chance_level=rows["chance_level"].map("{:.3g}".format),
        translation=rows["translation"].map(markdown_text),
        reference="{cite}`" + rows["reference"] + "`",
    )[["name", "answer_format", "chance_level", "translation", "reference"]].to_numpy()


def _doubtful(runs: pd.DataFrame) -> Any:
    columns = ["set_name", "label", "source_accuracy", "target_accuracy"]
    found = runs.loc[unfit(runs) == "doubtful", columns].to_numpy()
    return [
        [markdown_text(name), markdown_text(run), f"{source:.3f}", f"{target:.3f}"]
        for name, run, source, target in found
    ]


def _printed_twice(tables: Tables) -> Any:
    key = ["benchmark", "version", "model", "reasoning", "language"]
    plain = tables.accuracies[tables.accuracies["prompting"] == ""]
    shared = plain[plain.groupby(key)["source"].transform("nunique") > 1]
    names = dict(zip(tables.models["model"], tables.models["display_name"], strict=True))
    rows = []
    for (benchmark, model, reasoning), part in shared.groupby(["benchmark", "model", "reasoning"]):
        spread = part.groupby("language")["accuracy"].agg(lambda a: a.max() - a.min())
        run = f"{markdown_text(names[model])} ({reasoning})"
        sources = ", ".join(sorted(part["source"].unique()))
        rows.append((benchmark, run, sources, len(spread), f"{spread.max():.4f}"))
    return rows
