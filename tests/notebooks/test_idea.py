"""The pages on the idea, with their own and with awkward parameters: they run, and add up."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.notebook


def play(name: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Run the code cells of a page in this process; return its variables and what it shows."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    space: dict[str, Any] = {}
    shown = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        body = ast.parse(cell.source).body
        last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), name, "exec"), space)
        if last is not None:
            shown.append(eval(compile(last, name, "eval"), space))
        if "parameters" in cell.metadata.get("tags", []):
            assert set(parameters) <= set(space)
            space |= parameters
    return space, shown


@cache
def as_shipped(name: str) -> dict[str, Any]:
    return play(name, {})[0]


def check_words(shown: list[Any]) -> None:
    """What a page says has no number that is not one."""
    for each in shown:
        words = [getattr(each, part, "") for part in ("data", "caption", "alt")]
        for text in (word for word in words if isinstance(word, str)):
            assert not re.search(r"\b(nan|inf|None)\b", text), text
        if hasattr(each, "spec"):
            each.spec()


PAGES: list[tuple[str, dict[str, Any]]] = [
    ("why-hard", {"n_trials": 1, "n_items": 60, "profile": "linear", "lead": "xnli-first200"}),
    ("why-hard", {"profile": "flat", "difficulty": "bimodal", "lead": "mgsm"}),
    ("the-score", {"draws": 50, "lead": "xnli-first200", "n_items": 60, "profile": "linear"}),
    ("the-score", {"draws": 50, "lead": "mgsm", "n_trials": 2}),
    ("ten-samples", {"repeats": 1, "n_trials": 3, "profile": "linear", "difficulty": "skewed"}),
    ("ten-samples", {"repeats": 1, "n_trials": 2, "n_items": 30}),
    ("drill", {"rounds": 2, "pairs": 12, "draws": 50, "hidden": 0.0}),
    ("drill", {"rounds": 1, "pairs": 6, "draws": 50, "spread": 0.1, "n_trials": 2}),
    ("planning", {}),
    ("planning", {"difference": 0.01, "n_items": 100, "n_models": 30, "n_languages": 1}),
    ("planning", {"budget": 10, "ability": "strong", "chance": 0.5, "power": 0.95}),
]


@pytest.mark.parametrize(("name", "parameters"), PAGES)
def test_other_parameters(name: str, parameters: dict[str, Any]) -> None:
    check_words(play(name, parameters)[1])


def test_ten_items_by_hand() -> None:
    found = as_shipped("why-hard")
    # 5 · 2 + 3 · 6 + 2 · 10 = 48 right of 100 in English, 5 · 1 + 3 · 4 + 2 · 8 = 33 in Swahili;
    # 1 · 2 + 2 · 6 + 7 · 10 = 84, and 1 · 1 + 2 · 4 + 7 · 8 = 65.
    assert found["totals"].loc["weak"].tolist() == pytest.approx([0.48, 0.33, 0.15, 33 / 48])
    assert found["totals"].loc["strong"].tolist() == pytest.approx([0.84, 0.65, 0.19, 65 / 84])
    assert found["same_mix"] == pytest.approx((1 + 4 + 8) / (2 + 6 + 10))
    # The ratio is the mean of what crosses over, weighted by where the right answers lie.
    sums = found["sums"].assign(part=lambda s: s["crosses_over"] * s["share"])
    weighted = sums.groupby("model")["part"].sum()
    assert weighted.to_dict() == pytest.approx(found["ratio"].to_dict())


def test_the_score_by_hand_agrees_with_the_package() -> None:
    found = as_shipped("the-score")
    assert found["by_hand"] == pytest.approx(found["one"]["hat"], abs=0.05)
    assert found["one"]["low"] < found["truth"] < found["one"]["high"]
    flat = found["check"][["hat", "ratio"]].agg(lambda values: values.max() - values.min())
    assert flat["hat"] < 0.1 < flat["ratio"]


def test_items_regress_to_the_mean_of_their_model() -> None:
    found = as_shipped("ten-samples")
    assert 1 < found["weak"]["mean"] < found["strong"]["mean"]
    assert found["worst"]["posterior_mean"] < 0.03 < found["worst"]["looks_like"]
    spread = found["spread"].set_index(["score", "answers"])["spread"]
    assert (spread["corrected"] < spread["as it looks"]).all()
