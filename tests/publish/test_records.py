"""Verdicts travel from executed pages as records."""

from __future__ import annotations

import nbformat

from hatlib import show
from hatlib.claims.verdict import decide
from hatlib.publish.records import read_records


def executed(folder, page, *names):
    """An executed notebook that shows a verdict of each name."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = []
    for name in names:
        found = show.conclude(decide(0.1, 0.05, 0.15, margin=0.02, name=name, subject="a | <b>"))
        data, about = found._repr_mimebundle_()
        cell = nbformat.v4.new_code_cell("x")
        cell.outputs = [nbformat.v4.new_output("execute_result", data, metadata=about)]
        cells.append(cell)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{page}.ipynb")


def test_records_are_found_page_by_page(tmp_path):
    executed(tmp_path / "b", "size", "line/size/x", "hat/size/y", "other")
    executed(tmp_path / "a", "time", "line/date/x")
    found = read_records(["time", "size", "unknown"], tmp_path)
    assert found["page"].tolist() == ["time", "size", "size", "size"]
    assert found["evidence"].tolist() == ["line", "line", "hat", ""]
    assert found["about"].tolist() == ["date", "size", "size", ""]
    assert set(found["grade"]) == {"firm"}
    assert found["subject"].iloc[0] == "a | <b>"
    assert "<b>" not in found["text"].iloc[0]
