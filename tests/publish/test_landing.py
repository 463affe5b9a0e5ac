"""The first page: what its sliders show is what the book says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat

from hatlib.claims.verdict import decide
from hatlib.publish import landing
from hatlib.show.conclusion import conclude


def test_hat_stands_still_when_english_moves_and_follows_transfer() -> None:
    cells = landing.explore().cells
    spread = cells.groupby("transfer")[["target_accuracy", "ratio", "hat"]].agg(
        lambda v: v.max() - v.min()
    )
    assert (spread["hat"] < 0.12).all()
    assert (spread["target_accuracy"] > 0.45).all()
    assert (spread["ratio"] > spread["hat"]).all() and (spread["ratio"].iloc[:4] > 0.3).all()
    assert abs(cells["hat"] - cells["transfer"]).max() < 0.1
    inside = (cells["low"] <= cells["transfer"]) & (cells["transfer"] <= cells["high"])
    assert inside.mean() > 0.9


def test_every_usual_metric_prefers_the_model_with_better_english() -> None:
    a, b = (landing.explore().at(*pair) for pair in landing.GUESS.values())
    assert a["target_accuracy"] > b["target_accuracy"]
    assert a["xlt_gap"] < b["xlt_gap"] and a["ratio"] > b["ratio"]
    assert max(a["low"], b["low"]) < min(a["high"], b["high"])


def test_the_grid_has_a_cell_for_each_pair_of_positions() -> None:
    text = landing.two_sliders(Path())
    found = re.search(r'<script type="application/json">(.*?)</script>', text)
    assert found
    data = json.loads(found.group(1))
    assert len(data["cells"]) == len(data["english"]) * len(data["transfer"])
    assert all(len(row) == 8 for row in data["cells"])


def test_a_card_says_what_the_verdict_of_its_page_says(tmp_path: Path) -> None:
    folder = tmp_path / "book/_generated/executed"
    folder.mkdir(parents=True)
    verdict = decide(0.03, 0.01, 0.05, margin=0.02, subject="A set (of tests).")
    shown = conclude(verdict, "Larger models (of both kinds). They transfer better.")
    data, about = shown._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", data, metadata=about)
    cell = nbformat.v4.new_code_cell("x", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "scaling.ipynb")
    text = landing.findings_cards(tmp_path)
    assert r"**Larger models \(of both kinds\). They transfer better.**" in text
    assert "(95% interval +0.010 to +0.050).\n" in text
    assert "hat-firm" in text and "analyses/scaling.ipynb" in text
    assert "stays open" not in text
