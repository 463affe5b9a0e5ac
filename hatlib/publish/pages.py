"""Pages and fragments of the book that are made from the data and from executed notebooks."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from hatlib.data.files import read_table
from hatlib.data.responses import SETS, item_file, load_responses
from hatlib.data.tables import BUNDLED, STUDIES, book, data_folder, load
from hatlib.lines.metrics import summarise
from hatlib.metric.standards import STANDARDS, standard_file
from hatlib.publish.gallery import gallery, slides
from hatlib.publish.interface import ROOMS, interface_maker
from hatlib.publish.landing import findings_cards, guess, two_sliders
from hatlib.show.words import counted, markdown_text


def counts(root: Path) -> str:
    """How much data the book stands on, in one sentence.

    Examples
    --------
    >>> counts(Path()).startswith("The book stands on")
    True
    """
    tables = load()
    runs = summarise(tables).table()
    return (
        f"The book stands on {len(tables.accuracies):,} published accuracies of "
        f"{tables.accuracies['model'].nunique()} models in "
        f"{tables.accuracies['language'].nunique()} languages on "
        f"{tables.accuracies['benchmark'].nunique()} benchmarks, from {len(tables.sources)} "
        f"sources. They form {counted(runs['set'].nunique(), 'set')} within which models can be "
        "compared.\n"
    )


def task_rules(root: Path) -> str:
    """Names of tasks whose benchmark and language the import knows.

    Parameters
    ----------
    root : Path
        Not used; every page maker has it.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> "mgsm_native_cot_sw" in task_rules(Path())
    True
    """
    from hatlib.logs.languages import rules_table

    records = rules_table().to_dict("records")
    rows = [
        [f"`{row['task']}`", *(markdown_text(row[c]) for c in ("benchmark", "language", "item"))]
        for row in records
    ]
    notes = [f"- {markdown_text(row['note'])}" for row in records if row["note"]]
    return "\n".join([_table(["such as", "benchmark", "language", "item"], rows), "", *notes, ""])


def data_and_sources(root: Path) -> str:
    """The page that describes every source, set, correction and file.

    Examples
    --------
    >>> page = data_and_sources(Path())
    >>> all(word in page for word in ("EuroEval", "sha256", "Corrections"))
    True
    """
    tables = load()
    metrics = summarise(tables)
    coverage = metrics.coverage()
    parts = [
        "# Data and sources",
        "All figures in the analyses were published by others. They stand here as printed, with "
        "where each one stands in its source (column `locator` of `accuracies.csv`) and what the "
        "source calls each model (`names.csv`). Only the tables in `studies/` are simulated.",
        counts(root),
        "## Sources",
        *[
            _source(row, _figures(row["source"], tables.accuracies))
            for row in tables.sources.to_dict("records")
        ],
        "## Sets",
        "A *set* holds figures that can be compared: one source, one benchmark, one version. Sets "
        "are never pooled. Averages over target languages use the languages that every model of "
        "the set has.",
        _sets(coverage, metrics.table()),
        "## Item-level sets",
        "These sets hold the answer to every single item, paired across languages, which is what "
        "the HAT score needs. Nothing but right, wrong and how often was kept: no question and no "
        "answer. *Trials* are answers to an item in a language by one model, all promptings "
        "together; *source accuracy* is that of the worst and of the best model in the source "
        "language; *missing* is the share of model × language × item without an answer. What each "
        "set can and cannot support stands under its source.",
        _item_sets(),
        *[
            _source(row, ", ".join(f"`{b}`" for b, s in SETS.items() if s == row["source"]))
            for row in book().sources.to_dict("records")
            if row["source"] in SETS.values()
        ],
        "## Benchmarks",
        _benchmarks(book().benchmarks),
        "## Corrections and doubts",
        "Where the tables differ from what a source prints:",
        _corrections(),
        _doubtful(metrics.table()),
        "Figures that two sources print for the same model and language stay apart, as each is "
        "compared within its own set only:",
        _printed_twice(tables.accuracies, tables.models),
        "## Files",
        "The files are CSV in UTF-8 and, for the item-level sets, Parquet, described in "
        "[`datapackage.json`](https://specs.frictionlessdata.io/data-package/) with the type of "
        "each column and the sha256 of each file.",
        _files(),
    ]
    return "\n\n".join(parts) + "\n"


def _figures(source: str, accuracies: pd.DataFrame) -> str:
    mine = accuracies[accuracies["source"] == source]
    return (
        f"{len(mine):,} figures, {counted(mine['model'].nunique(), 'model')}, "
        f"{counted(mine['language'].nunique(), 'language')}"
    )


def _source(row: dict, here: str) -> str:
    host = urlsplit(row["url"]).netloc
    facts = {
        "Publisher": row["publisher"],
        "Address": f"[{host}]({row['url']})",
        "Found in": row["revision"],
        "Date": row["date"],
        "Licence or terms": row["licence"],
        "Here": here,
        "Mind": row["caveats"],
    }
    cells = "\n".join(
        f"{name}\n: {value if name in ('Address', 'Here') else markdown_text(value)}\n"
        for name, value in facts.items()
    )
    return f"### {markdown_text(row['title'])}\n\n`{row['source']}`\n\n{cells}"


def _sets(coverage: pd.DataFrame, runs: pd.DataFrame) -> str:
    chance = runs.groupby("set")["chance"].first()
    rows = [
        (
            markdown_text(row["set_name"]),
            f"`{row['set']}`",
            row["models"],
            row["targets"].replace(" ", ", "),
            f"{chance[row['set']]:.2f}",
            markdown_text(row["left_out"]),
        )
        for row in coverage.to_dict("records")
    ]
    return _table(
        ["set", "name in parameters", "runs", "target languages", "chance", "left out"], rows
    )


def _item_sets() -> str:
    responses = load_responses(sets=list(SETS))
    names = dict(zip(responses.benchmarks["benchmark"], responses.benchmarks["name"], strict=True))
    rows = [
        (
            markdown_text(names[benchmark]),
            f"`{benchmark}`",
            row["models"],
            f"{row['items']:,}",
            row["languages"],
            row["promptings"],
            _range(row["trials_min"], row["trials_max"], "d"),
            _range(row["source_min"], row["source_max"], ".3f"),
            f"{row['missing']:.2%}" if row["missing"] else "none",
        )
        for benchmark, row in responses.table().to_dict("index").items()
    ]
    head = ["set", "name in parameters", "models", "items", "languages", "promptings", "trials"]
    return _table([*head, "source accuracy", "missing"], rows)


def _range(low: float, high: float, form: str) -> str:
    return f"{low:{form}}" if low == high else f"{low:{form}} to {high:{form}}"


def _benchmarks(benchmarks: pd.DataFrame) -> str:
    rows = [
        (
            markdown_text(row["name"]),
            row["answer_format"],
            f"{row['chance_level']:.3g}",
            markdown_text(row["translation"]),
            f"{{cite}}`{row['reference']}`",
        )
        for row in benchmarks.to_dict("records")
    ]
    return _table(["benchmark", "answers", "chance", "how it was translated", "reference"], rows)


def _corrections() -> str:
    frame, _ = read_table(data_folder() / BUNDLED["corrections"])
    rows = [
        [markdown_text(row[c]) for c in ("date", "source", "what", "as_printed", "now", "reason")]
        for row in frame.to_dict("records")
    ]
    return _table(["date", "source", "what", "as printed", "here", "why"], rows)


def _doubtful(runs: pd.DataFrame) -> str:
    from hatlib.lines.distance import DOUBTFUL, unfit

    found = runs[unfit(runs) == "doubtful"]
    rows = [
        (
            markdown_text(row["set_name"]),
            markdown_text(row["label"]),
            f"{row['source_accuracy']:.3f}",
            f"{row['target_accuracy']:.3f}",
        )
        for row in found.to_dict("records")
    ]
    if not rows:
        return ""
    return (
        f"A run that is better in the target languages than in the source language by more than "
        f"{DOUBTFUL:.0%} is kept as printed and shown, but it draws no line and enters no gain, as "
        "its evaluation in the source language has probably failed:\n\n"
        + _table(["set", "run", "source accuracy", "target accuracy"], rows)
    )


def _printed_twice(accuracies: pd.DataFrame, models: pd.DataFrame) -> str:
    key = ["benchmark", "version", "model", "reasoning", "language"]
    plain = accuracies[accuracies["prompting"] == ""]
    shared = plain[plain.groupby(key)["source"].transform("nunique") > 1]
    if shared.empty:
        return "There are none."
    names = dict(zip(models["model"], models["display_name"], strict=True))
    rows = []
    for _, part in shared.groupby(["benchmark", "model", "reasoning"]):
        first = part.iloc[0]
        spread = part.groupby("language")["accuracy"].agg(lambda a: a.max() - a.min())
        rows.append(
            (
                first["benchmark"],
                f"{markdown_text(names[first['model']])} ({first['reasoning']})",
                ", ".join(sorted(set(part["source"]))),
                len(spread),
                f"{spread.max():.4f}",
            )
        )
    return _table(["benchmark", "model", "sources", "languages", "largest difference"], rows)


def _files() -> str:
    import hashlib

    rows = []
    items = sorted({item_file(source) for source in SETS.values()})
    tables = [data_folder() / name for name in (*BUNDLED.values(), *STUDIES.values())]
    standards = [standard_file(benchmark) for benchmark in STANDARDS]
    for path in [*tables, *items, *standards]:
        content = path.read_bytes()
        rows.append(
            (
                f"`data/{path.relative_to(data_folder()).as_posix()}`",
                f"{len(content) / 1000:,.0f} kB",
                f"`{hashlib.sha256(content).hexdigest()}`",
            )
        )
    return _table(["file", "size", "sha256"], rows)


def _table(head: list[str], rows: list) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


#: File name below ``book/_generated`` and the function that makes it.
MAKERS = {
    "guess.md": guess,
    "two-sliders.md": two_sliders,
    "gallery.md": gallery,
    **{f"api-{room}.md": interface_maker(room) for room in (*ROOMS, "")},
    "slides.md": slides,
    "findings-cards.md": findings_cards,
    "counts.md": counts,
    "data-and-sources.md": data_and_sources,
    "task-rules.md": task_rules,
}
