"""The page that describes every dataset, source, correction and file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from hatlib.data.about import BY_ITEM
from hatlib.data.book import BUNDLED, book
from hatlib.data.files import read_table
from hatlib.data.responses import SETS, Responses, load_responses
from hatlib.data.tables import Tables, data_folder, load
from hatlib.lines.distance import DOUBTFUL, unfit
from hatlib.lines.metrics import summarise
from hatlib.words import counted, markdown_text

#: Unread answers of a model are named from this share on.
_UNREAD = 0.02


def counts(root: Path) -> str:
    """How much data the book stands on, in two sentences.

    Examples
    --------
    >>> counts(Path()).startswith("The book stands on")
    True
    """
    tables = load()
    figures, items = tables.accuracies, load_responses(sets=list(SETS)).frame
    sets = summarise(tables).table()["set"].nunique()
    return (
        f"The book stands on {len(figures):,} published accuracies of "
        f"{figures['model'].nunique()} models in {figures['language'].nunique()} languages on "
        f"{figures['benchmark'].nunique()} benchmarks, from {len(tables.sources)} sources, which "
        f"form {counted(sets, 'set')} within which models can be compared. For "
        f"{counted(len(SETS), 'dataset')} it also has the answers item by item: "
        f"{items['n_trials'].sum():,} of {items['model'].nunique()} models.\n"
    )


def data_and_sources(root: Path) -> str:
    """The page that describes every dataset, source, correction and file.

    Examples
    --------
    >>> page = data_and_sources(Path())
    >>> all(word in page for word in ("EuroEval", "sha256", "Corrections"))
    True
    """
    tables, responses = load(), load_responses(sets=list(SETS))
    metrics = summarise(tables)
    parts = [
        "# Data and sources",
        counts(root),
        "All of it was published by others. Figures stand here as printed, with where each one "
        "stands in its source (column `locator` of `accuracies.csv`) and what the source calls "
        "each model (`names.csv`). Only the tables in `studies/` are simulated. A source that "
        "states no licence is included as facts (counts and figures), and this page says so.",
        "## Item-level responses",
        "These datasets hold the answer to every single item, paired across languages, which is "
        "what the HAT score needs. Nothing but right, wrong and how often was kept: no question "
        "and no answer. The name in code is what `sets` in a notebook and `hat score` take. "
        "*English 0.17 to 0.77* is the accuracy of the worst and of the best model in the source "
        "language; what to mind stands under the source.",
        _item_sets(responses),
        "## Published sets",
        "A *set* holds figures that can be compared: one source, one benchmark, one version. Sets "
        "are never pooled. Averages over target languages use the languages that every model of "
        "the set has.",
        _published(metrics.coverage(), metrics.table()),
        "## Sources",
        *[_source(row, tables, responses) for row in book().sources.to_dict("records")],
        "## Benchmarks",
        _benchmarks(),
        "## Corrections and doubts",
        "Where the tables differ from what a source prints:",
        _corrections(),
        _doubtful(metrics.table()),
        "Figures that two sources print for the same model and language stay apart, as each is "
        "compared within its own set only:",
        _printed_twice(tables),
        "## Files",
        "The files are CSV in UTF-8 and, for item-level responses, Parquet, described in "
        "[`datapackage.json`](https://specs.frictionlessdata.io/data-package/) with the type of "
        "each column and the sha256 of each file.",
        _files(),
    ]
    return "\n\n".join(parts) + "\n"


def _item_sets(responses: Responses) -> str:
    """A definition list: what a dataset is good for, and how much of it there is."""
    about = responses.benchmarks.set_index("benchmark")
    languages = responses.languages.set_index("language")["name"]
    entries = []
    for benchmark, row in responses.table().to_dict("index").items():
        name = str(benchmark)
        mine = responses.frame[responses.frame["benchmark"] == name]
        said = about.loc[name]
        source = said["source_language"]
        named = "own language of the item" if source == BY_ITEM else languages[source]
        chance = f", where a guess is right in {said['chance_level']:.3g}"
        facts = [
            counted(row["models"], "model"),
            f"{row['items']:,} items",
            f"{row['languages']} languages",
            f"{_range(row['trials_min'], row['trials_max'], 'd')} "
            f"answer{'s' if row['trials_max'] > 1 else ''} an item and language"
            + (f" in {row['promptings']} promptings" if row["promptings"] > 1 else ""),
            f"{named} {_range(row['source_min'], row['source_max'], '.2f')}"
            + (chance if said["chance_level"] else ""),
            *([f"{row['missing']:.2%} missing"] if row["missing"] else []),
            *_unread(mine, responses.models),
        ]
        entries.append(
            f"{markdown_text(said['name'])} (`{name}`)\n"
            f": Good for: {markdown_text(said['use'])}. Here: {'; '.join(facts)}. "
            f"Source: `{SETS[name]}`.\n"
        )
    return "\n".join(entries)


def _unread(frame: pd.DataFrame, models: pd.DataFrame) -> list[str]:
    """The model with the most unread answers, if they are many."""
    if "n_parsed" not in frame or frame["n_parsed"].isna().any():
        return []
    sums = frame.groupby("model")[["n_parsed", "n_trials"]].sum()
    share = 1 - sums["n_parsed"] / sums["n_trials"]
    if share.max() < _UNREAD:
        return []
    name = dict(zip(models["model"], models["display_name"], strict=True))[str(share.idxmax())]
    return [f"up to {share.max():.0%} of a model's answers unread ({markdown_text(name)})"]


def _source(row: dict, tables: Tables, responses: Responses) -> str:
    mine = tables.accuracies[tables.accuracies["source"] == row["source"]]
    here = [f"`{b}`" for b, source in SETS.items() if source == row["source"]]
    if len(mine):
        here.insert(
            0,
            f"{len(mine):,} figures, {counted(mine['model'].nunique(), 'model')}, "
            f"{counted(mine['language'].nunique(), 'language')}",
        )
    host = urlsplit(row["url"]).netloc
    facts = {
        "Publisher": markdown_text(row["publisher"]),
        "Address": f"[{host}]({row['url']})",
        "Found in": markdown_text(row["revision"]),
        "Date": markdown_text(row["date"]),
        "Licence or terms": markdown_text(row["licence"]),
        "Here": "; ".join(here),
        "Mind": markdown_text(row["caveats"]),
    }
    cells = "\n".join(f"{name}\n: {value}\n" for name, value in facts.items())
    return f"### {markdown_text(row['title'])}\n\n`{row['source']}`\n\n{cells}"


def _published(coverage: pd.DataFrame, runs: pd.DataFrame) -> str:
    chance = runs.groupby("set")["chance"].first()
    rows = (
        (
            markdown_text(row["set_name"]),
            f"`{row['set']}`",
            row["models"],
            row["targets"].replace(" ", ", "),
            f"{chance[row['set']]:.2f}",
            markdown_text(row["left_out"]),
        )
        for row in coverage.to_dict("records")
    )
    head = ["set", "name in parameters", "runs", "target languages", "chance", "left out"]
    return table(head, rows)


def _benchmarks() -> str:
    rows = (
        (
            markdown_text(row["name"]),
            row["answer_format"],
            f"{row['chance_level']:.3g}",
            markdown_text(row["translation"]),
            f"{{cite}}`{row['reference']}`",
        )
        for row in book().benchmarks.to_dict("records")
    )
    return table(["benchmark", "answers", "chance", "how it was translated", "reference"], rows)


def _corrections() -> str:
    frame, _ = read_table(data_folder() / BUNDLED["corrections"])
    columns = ["date", "source", "what", "as_printed", "now", "reason"]
    rows = (map(markdown_text, row) for row in frame[columns].itertuples(index=False))
    return table(["date", "source", "what", "as printed", "here", "why"], rows)


def _doubtful(runs: pd.DataFrame) -> str:
    found = runs[unfit(runs) == "doubtful"]
    if found.empty:
        return ""
    rows = (
        (
            markdown_text(row["set_name"]),
            markdown_text(row["label"]),
            f"{row['source_accuracy']:.3f}",
            f"{row['target_accuracy']:.3f}",
        )
        for row in found.to_dict("records")
    )
    return (
        f"A run that is better in the target languages than in the source language by more than "
        f"{DOUBTFUL:.0%} is kept as printed and shown, but it draws no line and enters no gain, as "
        "its evaluation in the source language has probably failed:\n\n"
        + table(["set", "run", "source accuracy", "target accuracy"], rows)
    )


def _printed_twice(tables: Tables) -> str:
    key = ["benchmark", "version", "model", "reasoning", "language"]
    plain = tables.accuracies[tables.accuracies["prompting"] == ""]
    shared = plain[plain.groupby(key)["source"].transform("nunique") > 1]
    if shared.empty:
        return "There are none."
    names = dict(zip(tables.models["model"], tables.models["display_name"], strict=True))
    rows = []
    for (benchmark, model, reasoning), part in shared.groupby(["benchmark", "model", "reasoning"]):
        spread = part.groupby("language")["accuracy"].agg(lambda a: a.max() - a.min())
        run = f"{markdown_text(names[model])} ({reasoning})"
        sources = ", ".join(sorted(part["source"].unique()))
        rows.append((benchmark, run, sources, len(spread), f"{spread.max():.4f}"))
    return table(["benchmark", "model", "sources", "languages", "largest difference"], rows)


def _files() -> str:
    package = json.loads((data_folder() / "datapackage.json").read_text(encoding="utf-8"))
    rows = (
        (
            f"`data/{file['path']}`",
            f"{file['bytes'] / 1000:,.0f} kB",
            f"`{file['hash'].removeprefix('sha256:')}`",
        )
        for file in package["resources"]
    )
    return table(["file", "size", "sha256"], rows)


def _range(low: float, high: float, form: str) -> str:
    return f"{low:{form}}" if low == high else f"{low:{form}} to {high:{form}}"


def table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown; the cells are Markdown.

    Examples
    --------
    >>> print(table(["a"], [["b"]]))
    | a |
    | --- |
    | b |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
