"""Parts of the book that are made from code, data and executed notebooks.

Each is a template of the folder `templates` and a function that finds what stands in it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

import nbformat
import pandas as pd
import yaml

from hatlib.logs.languages import rules_table
from hatlib.publish.catalogue import notebooks
from hatlib.publish.data_page import data_and_sources
from hatlib.publish.page import SVG, charts, title_of
from hatlib.publish.places import Site, rendered
from hatlib.publish.records import read_records
from hatlib.publish.run import load_report
from hatlib.words import joined, markdown_text

MODELS = "the-score--any-transfer"
"""The chart that has the simulated models of the first page."""

GUESS = {"Alder": (0.6, 85), "Birch": (0.6, 45)}
"""The two of the guess: transfer and English accuracy, in percent."""

CARD_PAGES = ("small-models", "scaling", "time-trend", "languages", "all-models", "validation")
"""Pages whose first verdict makes a card, the most wanted first."""


def charts_of(site: Site) -> Iterator[dict[str, Any]]:
    """The charts of the book in the order of its contents: page, title, name, words and files."""
    contents = (site.book / "_toc.yml").read_text(encoding="utf-8")
    for page in re.findall(r"file: analyses/([\w-]+)", contents):
        executed = site.executed / f"{page}.ipynb"
        if executed.is_file():
            nb = nbformat.read(executed, as_version=4)
            title = next(filter(None, (title_of(cell.source) for cell in nb.cells)), page)
            for about, output in charts(nb):
                found = {"page": page, "title": title, "stem": f"{page}--{about['name']}"}
                yield about | found | {"svg": output.data[SVG]}


def _gallery(site: Site) -> dict[str, Any]:
    pages = groupby(charts_of(site), key=lambda chart: chart["title"])
    return {"pages": [(title, list(charts)) for title, charts in pages]}


def _simulated(site: Site) -> pd.DataFrame:
    """Models by their transfer and English accuracy; none if their page has not run."""
    texts = (chart["csv"] for chart in charts_of(site) if chart["stem"] == MODELS)
    index = ["transfer", "english"]
    text = next(texts, "transfer,english")
    return pd.read_csv(io.StringIO(text)).set_index(index, drop=False)


def _guess(site: Site) -> dict[str, Any]:
    """The two models of the guess."""
    cells: Any = _simulated(site)
    models = [{"name": name, **cells.loc[at]} for name, at in GUESS.items() if at in cells.index]
    return {"models": models}


def _two_sliders(site: Site) -> dict[str, Any]:
    """The chart with two sliders, and the models that stand for it without JavaScript."""
    cells = _simulated(site)
    measures = ["target_accuracy", "xlt_gap", "ratio", "hat", "low", "high"]
    table = cells.reindex(columns=["english", "transfer", *measures]).round(3)
    data = {name: cells[name].unique().tolist() for name in ("english", "transfer")}
    shown = cells[cells.index.isin([(0.6, 40), (0.6, 80), (0.9, 80)])]
    return {
        "data": json.dumps(data | {"cells": table.to_numpy().tolist()}),
        "shown": shown.to_dict("records"),
    }


def _findings_cards(site: Site) -> dict[str, Any]:
    """Three findings with their evidence, from the verdicts of executed notebooks."""
    records = read_records(CARD_PAGES, site.executed).dropna(subset=["low", "high"])
    cards = records.drop_duplicates("page").head(3).to_dict("records")
    for card in cards:  # the sentence, whose number the chart draws; the rest stands on its page
        found = re.match(r"(<span.*?</span>) \*\*(.*?)\.?\*\*", card["brief"])
        grade, said = found.groups() if found else ("", "")
        first, _, rest = said.partition(". ")
        place = card["subject"].rstrip(".")
        if card["about"] == "date":  # the sentence has named the family
            place = re.sub(r".*\((.*)\)$", r"\1", place)
        words = [grade, f"**{first}.**", f"{rest}." if rest else "", f"{markdown_text(place)}."]
        card["said"] = " ".join(filter(None, words)) if first else card["text"]
        same = records[(records["page"] == card["page"]) & (records["about"] == card["about"])]
        fell = same[same["answer"] == "lower"]
        if card["about"] == "date" and card["answer"] == "higher" and len(fell):
            names = joined(fell["subject"].str.split(" (", regex=False).str[0].tolist())
            sure = (fell["grade"] == "firm").all()
            card["said"] += f" {names} {'fell back' if sure else 'may have fallen back'}."
    return {"cards": cards}


def _slides(site: Site) -> dict[str, Any]:
    """The slides of the lesson, from `book/teach/slides.yml` and the charts of the book."""
    source = site.book / "teach" / "slides.yml"
    slides = yaml.safe_load(source.read_text(encoding="utf-8")) if source.is_file() else ()
    known = {f"{chart['page']}/{chart['name']}": chart for chart in charts_of(site)}
    charts = [(slide, known.get(slide.get("chart"))) for slide in slides]
    return {"slides": charts, **_guess(site), **_findings_cards(site)}


def _data(site: Site) -> dict[str, Any]:
    """What the analyses stand on: the data of the book, and the user's own."""
    report = load_report(site.parameters)
    read = [*report.read, *report.assumed, *report.dropped] if report else []
    return data_and_sources() | {"read": read}


MAKERS: Mapping[str, Callable[[Site], dict[str, Any]]] = {
    "notebooks.md": lambda site: {"notebooks": notebooks(site.root)},
    "changelog.md": lambda site: {"text": (site.root / "CHANGELOG.md").read_text(encoding="utf-8")},
    "data-and-sources.md": _data,
    "task-rules.md": lambda site: {"rules": rules_table().to_dict("records")},
    "guess.md": _guess,
    "two-sliders.md": _two_sliders,
    "findings-cards.md": _findings_cards,
    "gallery.md": _gallery,
    "slides.md": _slides,
}
"""File name below ``book/_generated``, and what stands in its template."""


def fragment(name: str, site: Site) -> str:
    """One part of the book as Markdown.

    Examples
    --------
    >>> from pathlib import Path
    >>> site = Site(Path("nowhere"), Path("nowhere"), Path("nowhere"))
    >>> "mgsm_native_cot_sw" in fragment("task-rules.md", site)
    True
    """
    return rendered(name, MAKERS[name](site))
