"""The first page: what its sliders show is what the book says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hatlib.publish import landing


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
