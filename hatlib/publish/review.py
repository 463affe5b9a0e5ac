"""What the public review of the paper asked for, point by point, and what the paper's figures show.

The answers are not typed here: they are the verdicts of executed notebooks, from cells with the tag
that a point names.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from hatlib.data.tables import load
from hatlib.lines.metrics import summarise
from hatlib.show.words import markdown_text

NOT_RUN = "not in this build"


@dataclass(frozen=True)
class Evidence:
    """Where a point is answered.

    Attributes
    ----------
    page : str
        Name of the notebook.
    figure : str
        Slug of the chart to look at; empty if it is a table.
    tag : str
        Tag of the cell whose verdict is the answer; empty if there is no number to give.
    says : str
        The answer where there is no number to give.
    whole : bool
        Whether the whole first paragraph is the answer, and not its verdict in bold alone.
    """

    page: str
    figure: str = ""
    tag: str = ""
    says: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Point:
    """Something that the review asks for.

    Attributes
    ----------
    name : str
        Where it stands in the review.
    asks : str
        What it asks, in our words.
    evidence : tuple of Evidence
    """

    name: str
    asks: str
    evidence: tuple[Evidence, ...]


POINTS = (
    Point(
        "Major 1",
        "Print the formula.",
        (
            Evidence(
                "the-score",
                "score-as-areas",
                says="Printed and worked through by hand, each choice with its owner. It is our "
                "operationalisation: the paper's own equations are not in our sources.",
            ),
        ),
    ),
    Point(
        "Major 1",
        "Show by an ablation or a partial correlation that the adjustment removes the dependence "
        "on source accuracy.",
        (Evidence("validation", "range-by-measure", "point-study"),),
    ),
    Point(
        "Major 2",
        "For the trends in size and time, report the partial correlation with source accuracy, "
        "correlation tables and residual plots.",
        (Evidence("validation", "live-drift", "point-real"),),
    ),
    Point(
        "Minor 1",
        "List the models, with sizes and details.",
        (
            Evidence(
                "all-models",
                "hat-of-every-model",
                says="The paper's twenty models stand below; the models scored here, with sizes "
                "and dates, in the tables of the analyses and in `models.csv`.",
            ),
        ),
    ),
    Point(
        "Minor 2",
        "Say in captions what error bars mean: several runs, or one.",
        (
            Evidence(
                "validation",
                "live-drift",
                says="Each caption says it. No bar stands for several runs of a whole evaluation: "
                "items are redrawn, and models where it says so.",
            ),
        ),
    ),
    Point(
        "Premise",
        "The score removes all dependence on source accuracy and hardness, and adds no new "
        "confounder.",
        (
            Evidence("validation", "range-by-measure", "point-study"),
            Evidence("nuisances", "nuisances-doses", "point-nuisances"),
            Evidence("limits", "", "point-limits"),
        ),
    ),
    Point(
        "What would settle it",
        "Sets on which rankings by HAT are those by raw accuracy.",
        (
            Evidence("hardness-measures", "tau-with-metrics", "point-raw"),
            Evidence("all-models", "hat-against-target-accuracy", "point-reversals"),
        ),
    ),
    Point(
        "What would settle it",
        "Sets on which rankings turn round under another measure of hardness.",
        (
            Evidence("hardness-measures", "tau-between-measures", "point-measures"),
            Evidence("hardness-measures", "lineages-disagree", "point-known-measures"),
        ),
    ),
    Point(
        "Circularity",
        "The metric must not be fitted from the data whose trend it then explains.",
        (
            Evidence(
                "hardness-measures",
                "tau-between-measures",
                says="Hardness can come from other lineages only, the reference and the shape of "
                "profiles from a frozen standard; the page compares the rankings.",
            ),
        ),
    ),
    Point(
        "Conclusions",
        "Small models transfer; size helps less than it seems; later releases transfer better.",
        (Evidence("findings", "claim-small", "point-findings", whole=True),),
    ),
    Point(
        "Reach",
        "Other kinds of transfer; whether HAT predicts usefulness better than raw accuracy.",
        (Evidence("limits", "", says="Not answered here: there are no data on it."),),
    ),
)

#: The paper's models, as its design is known to us, and what they are called in our tables.
PAPER_MODELS = (
    ("Gemini 2.5 Flash", "gemini-2.5-flash", "on"),
    ("Gemini 2.5 Flash, thinking off", "gemini-2.5-flash", "none"),
    ("Gemini 3 Flash", "gemini-3-flash-preview", "on"),
    ("Gemini 3 Flash, low", "gemini-3-flash-preview", "low"),
    ("Gemini 3 Flash, minimal", "gemini-3-flash-preview", "minimal"),
    ("Gemma 3 1B", "gemma-3-1b-it", ""),
    ("Gemma 3 4B", "gemma-3-4b-it", ""),
    ("Gemma 3 12B", "gemma-3-12b-it", ""),
    ("Gemma 3 27B", "gemma-3-27b-it", ""),
    ("Gemma 4 E2B", "gemma-4-e2b-it", ""),
    ("Gemma 4 E4B", "gemma-4-e4b-it", ""),
    ("Gemma 4 26B-A4B", "gemma-4-26b-a4b-it", ""),
    ("Gemma 4 31B", "gemma-4-31b-it", ""),
    ("Claude Haiku 4.5", "claude-haiku-4-5-20251001", ""),
    ("Claude Sonnet 4.6", "claude-sonnet-4-6", ""),
    ("Claude Opus 4.7", "", ""),
    ("Qwen3 4B", "qwen3-4b", ""),
    ("Qwen3 30B-A3B", "qwen3-30b-a3b", ""),
    ("GPT-OSS 20B", "gpt-oss-20b", ""),
    ("GPT-OSS 120B", "gpt-oss-120b", ""),
)


def review_table(root: Path) -> str:
    """The review's points, each with page, figure and answer.

    Parameters
    ----------
    root : Path
        Root of the repository, with ``book/_generated/executed``.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> review_table(Path("nowhere")).startswith("| point | asks | where | answer |")
    True
    """
    executed = root / "book/_generated/executed"
    lines = ["| point | asks | where | answer |", "|---|---|---|---|"]
    for point in POINTS:
        for number, evidence in enumerate(point.evidence):
            notebook = executed / f"{evidence.page}.ipynb"
            says = evidence.says or verdict_of(notebook, evidence.tag, whole=evidence.whole)
            head = (point.name, point.asks) if number == 0 else ("", "")
            lines.append(f"| {' | '.join((*head, _where(executed, evidence), says))} |")
    return "\n".join(lines) + "\n"


def _where(executed: Path, evidence: Evidence) -> str:
    """A link to the page, and to the chart on it."""
    link = f"[{evidence.page.replace('-', ' ')}](analyses/{evidence.page}.ipynb)"
    if not evidence.figure or evidence.figure not in _charts(executed / f"{evidence.page}.ipynb"):
        return link
    # An anchor inside a page that Sphinx does not know, as charts are raw HTML.
    return f'{link}, <a href="analyses/{evidence.page}.html#{evidence.figure}">chart</a>'


def verdict_of(notebook: Path, tag: str, *, whole: bool = False) -> str:
    """The verdicts in bold of a cell of an executed notebook, one after the other.

    Parameters
    ----------
    notebook : Path
        The executed notebook.
    tag : str
        Tag of the cell.
    whole : bool
        Whether the whole first paragraph is wanted.

    Returns
    -------
    str
        Markdown that fits into a cell of a table.

    Examples
    --------
    >>> verdict_of(Path("nowhere.ipynb"), "point-null")
    'not in this build'
    """
    if not notebook.is_file():
        return NOT_RUN
    for cell in _cells(notebook):
        if tag in cell.metadata.get("tags", []):
            text = "\n\n".join(
                output.get("data", {}).get("text/markdown", "") for output in cell.outputs
            )
            bold = re.findall(r"^\*\*(.+?)\*\*", text, flags=re.M)
            said = text.split("\n\n")[0].replace("**", "") if whole else " ".join(bold)
            return " ".join(said.split()).replace("|", "\\|") or NOT_RUN
    return NOT_RUN


@lru_cache(maxsize=64)
def _read(notebook: Path, changed: int) -> nbformat.NotebookNode:
    return nbformat.read(notebook, as_version=4)


def _cells(notebook: Path) -> list[nbformat.NotebookNode]:
    cells = _read(notebook, notebook.stat().st_mtime_ns).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def _charts(notebook: Path) -> set[str]:
    """Slugs of the charts of an executed notebook."""
    if not notebook.is_file():
        return set()
    outputs = [output for cell in _cells(notebook) for output in cell.outputs]
    return {output.get("metadata", {}).get("hat", {}).get("name", "") for output in outputs}


def paper_models(root: Path) -> str:
    """The paper's twenty models, with what our tables know of each.

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
    >>> len(paper_models(Path()).splitlines()) == len(PAPER_MODELS) + 2
    True
    """
    tables = load()
    about = {str(row["model"]): row for row in tables.models.to_dict("records")}
    runs = summarise(tables).table()
    head = ("model", "developer", "parameters, total (active), 10⁹", "released")
    lines = [f"| {' | '.join(head)} | published accuracies here |", "|---|---|---|---|---|"]
    for name, model, reasoning in PAPER_MODELS:
        cells = [name, "", "", "", "none"]
        if model in about:
            row = about[model]
            mine = runs[runs["model"] == model]
            if reasoning:
                mine = mine[mine["reasoning"] == reasoning]
            sets = sorted(set(mine["set_name"]))
            cells = [
                name,
                markdown_text(row["developer"]),
                _sizes(row),
                f"{row['release_date']:%Y-%m}" if pd.notna(row["release_date"]) else "",
                ", ".join(markdown_text(each) for each in sets) or "none at this setting",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _sizes(row: Mapping[Hashable, Any]) -> str:
    total, active = row["params_total_b"], row["params_active_b"]
    if pd.isna(total):
        return "not published"
    return f"{total:.3g}" + (f" ({active:.2g})" if pd.notna(active) and active != total else "")
