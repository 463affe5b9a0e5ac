"""The examples of Part 1: their numbers, recomputed, and their pages with other parameters."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from scipy import special, stats

import hatlib
from hatlib.errors import InputError
from hatlib.show import lessons
from hatlib.show.charts import Figure
from hatlib.truth.simulate import PROFILES

ROOT = Path(__file__).parents[1]


# Why transfer is hard to measure ------------------------------------------------------------------


def test_ten_items_by_hand():
    weak, strong = lessons.ten_items().metrics().to_dict("records")
    # 5 · 2 + 3 · 6 + 2 · 10 = 48 right of 100 in English, 5 · 1 + 3 · 4 + 2 · 8 = 33 in Swahili.
    assert (weak["source_accuracy"], weak["target_accuracy"]) == (0.48, 0.33)
    # 1 · 2 + 2 · 6 + 7 · 10 = 84, and 1 · 1 + 2 · 4 + 7 · 8 = 65.
    assert (strong["source_accuracy"], strong["target_accuracy"]) == (0.84, 0.65)
    assert weak["xlt_gap"] == pytest.approx(0.15)
    assert strong["xlt_gap"] == pytest.approx(0.19)
    assert weak["ratio"] == pytest.approx(33 / 48)
    assert strong["ratio"] == pytest.approx(65 / 84)


def test_ten_items_transfer_alike():
    ten = lessons.ten_items()
    table = ten.by_hardness()
    assert table["weak_right_in_Swahili"].tolist() == table["strong_right_in_Swahili"].tolist()
    assert table[["weak_items", "strong_items"]].sum().tolist() == [10, 10]
    assert ten.same_mix() == pytest.approx((1 + 4 + 8) / (2 + 6 + 10))


def test_the_metrics_rank_real_models_differently():
    responses = hatlib.load_responses(sets="gsm-symbolic")
    table = lessons.rankings(responses, "gsm-symbolic").table()
    scored = hatlib.hat_scores(responses, draws=0).macro().set_index("display_name")
    for name in ("source_accuracy", "target_accuracy", "xlt_gap", "ratio"):
        np.testing.assert_allclose(table[name], scored.loc[table["display_name"], name])
    assert table["rank_by_target"].tolist() == sorted(table["rank_by_target"])
    assert table["rank_by_gap"].tolist() != table["rank_by_target"].tolist()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_ratio_is_the_mean_of_what_crosses_over_weighted_by_right_answers(profile):
    mix = lessons.hardness_mix(profile)
    for row in mix.models.to_dict("records"):
        groups = mix.groups[mix.groups["model"] == row["model"]]
        assert groups["items"].sum() == pytest.approx(1)
        assert groups["right_answers"].sum() == pytest.approx(1)
        ratio = (groups["right_answers"] * groups["crosses_over"]).sum()
        assert ratio == pytest.approx(row["ratio"])
    stays = "the ratio stays" in mix.summary()
    assert stays == (profile == "linear")


# The score, step by step --------------------------------------------------------------------------


def test_the_landmarks_score_one_and_zero_at_every_chance_level():
    for chance in (0.0, 0.25, 0.5):
        table = lessons.profile_shapes(chance).table().set_index("shape")
        assert table.loc["perfect transfer", "hat"] == 1
        assert table.loc["no transfer", "hat"] == 0
        assert table.loc["no transfer", "target_accuracy"] == pytest.approx(chance)
        assert table.loc["same share of all", "hat"] == pytest.approx(0.7)


def test_standardisation_turns_both_orders_round():
    towns, models = lessons.two_towns(), lessons.two_models()
    for example in (towns, models):
        np.testing.assert_allclose(example.shares.sum(axis=1), 1)
        assert example.standard.sum() == pytest.approx(1)
        assert (example.crude[0] < example.crude[1]) != (example.adjusted[0] < example.adjusted[1])
    assert (towns.rates[1] < towns.rates[0]).all()
    assert (models.rates[1] > models.rates[0]).all()
    assert towns.crude[0] == pytest.approx(0.2 * 0.5 + 0.5 + 0.2 * 4 + 0.08 * 20 + 0.02 * 100)
    scores = models.scores().set_index("model")
    assert scores.loc["weak model", "hat"] == pytest.approx(
        np.mean([0.05, 0.19, 0.37, 0.60, 0.86]) / 0.5
    )


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5])
def test_the_worked_score_is_the_ratio_of_the_areas(chance):
    worked = lessons.worked_score("square", chance)
    h = np.linspace(chance, 1, 20_001)
    f = chance + (1 - chance) * ((h - chance) / (1 - chance)) ** 2
    assert worked.mean_f == pytest.approx(f.mean(), abs=1e-3)
    assert worked.hat == pytest.approx((f.mean() - chance) / (h.mean() - chance), abs=1e-3)
    assert worked.hat == pytest.approx(
        (worked.mean_f - chance) / (worked.mean_h - chance), abs=1e-9
    )
    assert f"{worked.hat:.2f}" in worked.summary()


def test_the_macro_score_is_the_mean_of_the_languages():
    table = lessons.language_profiles("shift", chance=0.25).table().set_index("language")["hat"]
    assert table["macro average"] == pytest.approx(table.drop("macro average").mean())
    assert table["German"] > table["Hindi"] > table["Swahili"]


def test_where_profiles_cross_the_reference_decides():
    found = lessons.references()
    assert found.weights.groupby("reference")["share"].sum().tolist() == pytest.approx([1] * 3)
    table = found.table().set_index("reference")
    assert table.loc["uniform", "hard items lost"] == pytest.approx(2 / 3, abs=1e-3)
    assert "depends on the reference" in found.summary()


def test_support_needs_items_everywhere():
    many, few = (lessons.support_example(n).table() for n in (5000, 30))
    assert many["flag"].iloc[0] == ""
    assert (few["support"] <= many["support"] + 1e-9).all()


def test_a_score_by_hand_is_the_score():
    responses = hatlib.load_responses(sets="xnli-first200")
    scores = hatlib.hat_scores(responses, draws=0)
    parts = lessons.score_by_hand(scores, "xnli-first200").set_index("step")["value"]
    assert parts["HAT score"] == pytest.approx(scores.macro()["hat"][0])
    assert parts["chance level c"] == pytest.approx(1 / 3, abs=1e-3)
    with pytest.raises(InputError, match="no such model"):
        lessons.score_by_hand(scores, "xnli-first200", "nobody")


# Seeing only ten samples --------------------------------------------------------------------------


def test_regression_to_the_mean_is_bayes_rule():
    found = lessons.regression_to_the_mean(5)
    u = (np.arange(20_000) + 0.5) / 20_000
    for model, ability in (("weak model", -1.5), ("strong model", 1.5)):
        p = special.expit(ability - 1.5 * stats.norm.ppf(u))
        groups = found.groups[found.groups["model"] == model].set_index("count")
        for count in range(6):
            weight = stats.binom.pmf(count, 5, p)
            exact = (weight * p).sum() / weight.sum()
            assert groups.loc[count, "true_mean"] == pytest.approx(exact, abs=0.02)
            assert groups.loc[count, "posterior_mean"] == pytest.approx(exact, abs=0.04)


def test_the_same_count_means_more_in_a_strong_model():
    groups = lessons.regression_to_the_mean(10).groups
    wide = groups.pivot_table("true_mean", "count", "model")
    assert (wide["strong model"] > wide["weak model"]).all()


def test_recovered_spread_is_nearer_to_the_truth_than_the_seen_one():
    spreads = lessons.regression_to_the_mean(4).spreads
    wide = spreads.pivot_table("spread", "model", "what")
    assert (wide["seen"] > wide["true"] + 0.03).all()
    assert ((wide["recovered"] - wide["true"]).abs() < 0.02).all()


def test_the_plug_in_drifts_and_the_corrected_scores_do_not():
    found = lessons.drift("square", n_trials=5, estimators=("plugin", "direct", "adaptive"))
    ranges = found.table().set_index("estimator")["range"]
    assert ranges["plug-in"] > 0.3
    assert ranges["corrected, alone"] < ranges["plug-in"] / 3
    assert ranges["corrected, borrowing"] < ranges["plug-in"] / 3
    plugin = found.frame[found.frame["estimator"] == "plug-in"]["mean"]
    assert plugin.is_monotonic_increasing


def test_fewer_answers_more_drift():
    table = lessons.sample_sizes(sizes=(2, 20), repeats=4).table()
    plugin = table[table["estimator"] == "plug-in"].set_index("n_trials")["range"]
    assert plugin[2] > 2 * plugin[20]


def test_one_shape_for_all_breaks_where_shapes_differ():
    found = lessons.borrowing(repeats=4)
    table = found.table().set_index("situation")
    mixed = table.loc["half steep, half flat"]
    assert mixed["shared"] > 2 * mixed["adaptive"]
    alike = table.loc["all alike, few hard items"]
    assert alike["direct"] > alike["adaptive"]


def test_most_intervals_hold_the_truth():
    found = lessons.repeated_studies(studies=20, draws=100)
    assert found.frame["holds"].sum() >= 16
    assert f"{found.frame['holds'].sum()} of 20" in found.summary()


def test_more_items_tell_a_close_pair_apart():
    few, many = (lessons.close_pair(0.03, n_items=n, draws=200) for n in (100, 6000))
    assert many.low > 0
    # The standard error shrinks with the square root of the number of items.
    assert few.se / many.se == pytest.approx(np.sqrt(60), rel=0.4)


def test_wrong_parameters_are_named():
    with pytest.raises(InputError, match="profile is not known"):
        lessons.hardness_mix("cubic")
    with pytest.raises(InputError, match="n_trials is below 2"):
        lessons.drift(n_trials=1)
    with pytest.raises(InputError, match="chance is not"):
        lessons.profile_shapes(1.0)
    with pytest.raises(InputError, match="difference is not"):
        lessons.close_pair(0.9)


# The pages ----------------------------------------------------------------------------------------

PAGES: dict[str, list[dict[str, Any]]] = {
    "why-hard": [
        {},
        {"n_trials": 1, "n_items": 60, "profile": "linear", "lead": "xnli-first200"},
        {"profile": "flat", "difficulty": "bimodal", "lead": "mgsm"},
    ],
    "the-score": [
        {"draws": 50},
        {"draws": 50, "lead": "xnli-first200", "chance": 0.0, "n_items": 60, "profile": "linear"},
        {"draws": 50, "lead": "truthfulqa-human", "difficulty": "uniform"},
    ],
    "ten-samples": [
        {"draws": 50, "studies": 3},
        {"draws": 50, "studies": 3, "n_trials": 3},
        {"draws": 50, "studies": 3, "n_items": 60, "profile": "linear", "difficulty": "skewed"},
        {"draws": 50, "studies": 1, "n_trials": 2, "n_items": 20},
    ],
}


def play(name: str, parameters: dict[str, Any]) -> list[Any]:
    """Run the code cells of a page in this process; return what they show."""
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
    return shown


@pytest.mark.notebook
@pytest.mark.parametrize(
    ("name", "parameters"),
    [(name, each) for name, cases in PAGES.items() for each in cases],
    ids=[f"{name}-{i}" for name, cases in PAGES.items() for i in range(len(cases))],
)
def test_pages_hold_with_other_parameters(name, parameters):
    shown = play(name, parameters)
    figures = [each for each in shown if isinstance(each, Figure)]
    assert len(figures) >= 3
    assert len({figure.name for figure in figures}) == len(figures)
    texts = [each.data for each in shown if type(each).__name__ == "Markdown"]
    texts += itertools.chain.from_iterable((f.caption, f.alt) for f in figures)
    for text in texts:
        assert not re.search(r"(?i)(?<![\w.])(nan|inf|nat)(?![\w.])", text), text


@pytest.mark.parametrize("name", PAGES)
def test_pages_say_what_a_student_needs(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    first = notebook.cells[0].source
    goals = re.findall(r"^\d\. ", first, flags=re.MULTILINE)
    assert 1 <= len(goals) <= 3
    assert "Time to read" in first
    assert "You need" in first
    solutions = [c for c in notebook.cells if "hide-cell" in c.metadata.get("tags", [])]
    assert 2 <= len(solutions) <= 3
