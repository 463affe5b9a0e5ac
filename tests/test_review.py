"""What the review asked for: every point is answered by the verdict of an executed notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

import hatlib
from hatlib.publish import review

ROOT = Path(__file__).parents[1]


def executed(folder, name, tag, text, figure="rise"):
    """An executed notebook with one tagged answer and one chart."""
    folder.mkdir(parents=True, exist_ok=True)
    cell = nbformat.v4.new_code_cell("x", metadata={"tags": ["answer", tag]})
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/markdown": text})]
    chart = nbformat.v4.new_code_cell("y")
    about = {"hat": {"name": figure}}
    chart.outputs = [nbformat.v4.new_output("display_data", {"text/plain": "x"}, metadata=about)]
    title = nbformat.v4.new_markdown_cell("# Is it so?\n\nGoals.")
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[title, cell, chart]), path)
    return path


def test_the_verdict_is_the_bold_beginning_of_the_tagged_cell(tmp_path):
    text = "**A: yes.** Because **of** this.\n\n**B | C: no.** And that."
    path = executed(tmp_path, "page", "point-null", text)
    assert review.verdict_of(path, "point-null") == "A: yes. B \\| C: no."
    assert review.verdict_of(path, "point-other") == review.NOT_RUN
    assert review.verdict_of(tmp_path / "none.ipynb", "point-null") == review.NOT_RUN


def test_an_answer_of_another_run_is_another_answer(tmp_path):
    folder = tmp_path / "book/_generated/executed"
    executed(folder, "validation", "point-study", "**Simulated: independent.**")
    assert "Simulated: independent." in review.review_table(tmp_path)
    import os

    path = executed(folder, "validation", "point-study", "**Simulated: dependent.**")
    os.utime(path, ns=(1, 1))
    assert "Simulated: dependent." in review.review_table(tmp_path)


def test_a_chart_is_linked_only_where_it_is(tmp_path):
    folder = tmp_path / "book/_generated/executed"
    executed(folder, "validation", "point-study", "**It.**", figure="range-by-measure")
    table = review.review_table(tmp_path)
    assert 'href="analyses/validation.html#range-by-measure"' in table
    assert "#live-drift" not in table


@pytest.mark.parametrize(
    "evidence", [e for p in review.POINTS for e in p.evidence], ids=lambda e: f"{e.page}-{e.tag}"
)
def test_every_point_is_answered_by_a_page_with_such_a_cell(evidence):
    path = ROOT / "notebooks" / f"{evidence.page}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    assert evidence.says or evidence.tag
    if evidence.tag:
        found = [c for c in cells if evidence.tag in c.metadata.get("tags", [])]
        assert len(found) == 1
        assert "Markdown(" in found[0].source or "conclude(" in found[0].source


def test_both_major_and_both_minor_points_are_there():
    names = {point.name for point in review.POINTS}
    assert {"Major 1", "Major 2", "Minor 1", "Minor 2", "What would settle it"} <= names


def test_the_paper_has_twenty_models_and_all_but_one_are_known_here():
    assert len(review.PAPER_MODELS) == 20
    known = set(hatlib.load().models["model"])
    assert [name for name, model, _ in review.PAPER_MODELS if model not in known] == [
        "Claude Opus 4.7"
    ]


def test_the_page_names_every_figure_of_the_paper():
    page = (ROOT / "book/review.md").read_text(encoding="utf-8")
    for row in ("| 1 |", "| 2 |", "| 3 |", "| 4 |", "| 5 |", "| 6, 7 |", "| 8 |", "| 9 |", "| app"):
        assert row in page
