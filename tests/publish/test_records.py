"""Verdicts travel from executed pages as records, and the page that reads them runs last."""

from __future__ import annotations

import json

import nbformat
from small import code, repository

from hatlib import show
from hatlib.claims.verdict import decide
from hatlib.publish import building
from hatlib.publish.places import Site
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


def test_findings_run_last_and_again_when_another_page_changed(tmp_path):
    root = repository(tmp_path, "one", "findings")
    site = Site(root, root / "book", root / "_build")
    sources = {path.stem: path for path in (root / "notebooks").glob("*.ipynb")}
    told = []

    def run():
        return building._run_stale(site, sources, (), 1, False, lambda what, *_: told.append(what))

    assert set(run()) == {"one", "findings"}
    assert told.index("one") < told.index("findings")
    assert run() == {}
    notebook = json.loads(sources["one"].read_text(encoding="utf-8"))
    notebook["cells"].append(code("1 + 1") | {"id": "more"})
    sources["one"].write_text(json.dumps(notebook), encoding="utf-8")
    again = run()
    assert set(again) == {"one", "findings"}
    assert again["findings"] == "what other pages found changed"
