"""The drill: its truth is the simulation's, each metric fails for its reason, its text is safe."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from hatlib.errors import InputError
from hatlib.show.drill import TITLES, drill_page
from hatlib.truth import drill
from hatlib.truth.answers import simulate_answers

HOSTILE = ["<script>alert(1)</script>", "\"'></details><img src=x onerror=alert(1)>"]


@pytest.fixture(scope="module")
def ten() -> drill.Drill:
    return drill.make_drill(10, draws=100)


# The rounds ---------------------------------------------------------------------------------------


def test_the_metrics_are_those_of_the_answers(ten):
    simulated = simulate_answers([0, 1], n_items=300)
    shown = drill._observed(simulated, ("Alder", "Aspen")).set_index("model")
    frame = simulated.responses.frame
    rates = frame.assign(rate=frame["n_correct"] / frame["n_trials"])
    means = rates.pivot_table("rate", "model", "language")
    source, target = means["en"], means[["de", "sw"]].mean(axis=1)
    np.testing.assert_allclose(shown["xlt_gap"], source - target)
    np.testing.assert_allclose(shown["ratio"], target / source)
    says = drill.compare_pairs(simulated, [("Alder", "Aspen")], draws=50).set_index("measure")
    # A smaller gap is better, so the lead is the other model's gap minus one's own.
    assert says.loc["xlt_gap", "lead"] == pytest.approx(-np.subtract(*shown["xlt_gap"]))
    assert says.loc["ratio", "lead"] == pytest.approx(np.subtract(*shown["ratio"]))


def test_a_measure_names_a_model_if_its_interval_excludes_zero(ten):
    says = ten.says[ten.says["note"] == ""]
    expected = np.select([says["low"] > 0, says["high"] < 0], ["a", "b"], "open")
    assert says["says"].tolist() == expected.tolist()
    right = says["round"].map(ten.rounds.set_index("round")["right"])
    assert ((says["mark"] == "right") == (says["says"] == right)).all()
    assert ((says["mark"] == "left open") == (says["says"] == drill.OPEN)).all()


def test_the_interval_of_a_metric_is_that_of_a_paired_mean():
    simulated = simulate_answers([0, 1], n_items=400, targets=["de"])
    row = drill.compare_pairs(simulated, [("Alder", "Aspen")], draws=2000).iloc[0]
    counts = simulated.responses.counts("sim")
    items = counts.target_correct[:, 0] / counts.target_trials[:, 0]
    se = (items[0] - items[1]).std() / np.sqrt(400)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.966 * se, rel=0.08)


def test_hat_leaves_open_what_is_extrapolated():
    simulated = simulate_answers([0, 4.5], profiles=["linear", "strong shift"], n_items=150)
    row = drill.compare_pairs(simulated, [("Alder", "Aspen")]).iloc[-1]
    assert row["measure"] == "hat" and "extrapolated" in row["note"]
    assert row["says"] == drill.OPEN


@pytest.mark.parametrize("kind", drill.KINDS, ids=lambda kind: kind.name[:40])
def test_every_kind_is_what_it_is_called(kind):
    for seed in range(3):
        difficulty, models = drill._pair_of(kind, np.random.default_rng(seed))
        a, b = (drill.expected_metrics(*model, difficulty) for model in models)
        scores = [2 * profile(drill.POINTS) @ drill.WEIGHTS for _, profile in models]
        low, high = sorted(map(abs, kind.lead))
        assert low - 1e-6 <= abs(scores[0] - scores[1]) <= high + 1e-6
        side = np.sign(round(scores[0] - scores[1], 6))
        for metric, sign in drill.METRICS.items():
            lead = sign * (a[metric] - b[metric])
            assert metric not in kind.right or side * lead > 0
            assert metric not in kind.wrong or (side * lead < 0 if side else abs(lead) > 0.02)


def test_no_metric_wins_and_each_fails_where_another_does_not():
    wrong = {metric: {kind.name for kind in drill.KINDS if metric in kind.wrong}
             for metric in drill.METRICS}  # fmt: skip
    assert all(len(kinds) >= 4 for kinds in wrong.values())
    assert wrong["target_accuracy"] - wrong["ratio"] and wrong["xlt_gap"] - wrong["ratio"]
    assert wrong["ratio"] - wrong["xlt_gap"] and wrong["target_accuracy"] - wrong["xlt_gap"]


def test_expected_metrics_are_those_of_many_items():
    profile = drill.profile_with(0.6, 0.9)
    simulated = simulate_answers([0.7], profiles=profile, n_items=20_000, n_trials=20)
    observed = drill._observed(simulated, ["Alder"]).iloc[0].drop("model").to_dict()
    assert observed == pytest.approx(drill.expected_metrics(0.7, profile, "normal"), abs=0.01)
    assert simulated.truth["hat"].iloc[0] == pytest.approx(0.6, abs=1e-6)


def test_ten_rounds_hold_every_kind_in_an_order_that_is_drawn(ten):
    other = drill.make_drill(10, draws=20, seed=1)
    names = {kind.name for kind in drill.KINDS}
    assert set(ten.rounds["kind"]) == set(other.rounds["kind"]) == names
    assert ten.rounds["kind"].tolist() != other.rounds["kind"].tolist()
    models = ten.rounds[["model_a", "model_b"]].to_numpy().ravel()
    assert len(set(models)) == 20


def test_the_same_seed_gives_the_same_drill(ten):
    again = drill.make_drill(10, draws=100)
    assert drill_page(again).markup == drill_page(ten).markup
    pd.testing.assert_frame_equal(again.says, ten.says)


def test_correlated_answers_change_the_answers_and_not_the_models(ten):
    other = drill.make_drill(10, draws=20, overdispersion=0.3)
    same = ["model_a", "model_b", "truth_a", "truth_b", "kind"]
    pd.testing.assert_frame_equal(other.rounds[same], ten.rounds[same])
    assert not other.models.equals(ten.models)


@pytest.mark.parametrize(
    "wrong",
    [lambda: drill.make_drill(0), lambda: drill.make_drill(1, overdispersion=1)],
)
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(InputError):
        wrong()


# The page -----------------------------------------------------------------------------------------


def test_without_javascript_all_is_there_in_order(ten):
    soup = BeautifulSoup(drill_page(ten).markup, "html.parser")
    boxes = soup.select(".hat-drill > .hat-round")
    assert len(boxes) == 10
    assert soup.find("script") is None
    for box, row in zip(boxes, ten.rounds.to_dict("records"), strict=True):
        text = box.get_text(" ")
        table, truth = box.find("table"), box.find("details", class_="hat-truth")
        answer = truth.find("details", class_="hat-answer")  # unfolds only after the truth
        assert table not in truth.descendants
        assert not truth.has_attr("open") and not answer.has_attr("open")
        names = [row["model_a"], row["model_b"]]
        assert [line.find("td").text for line in table.select("tbody tr")] == names
        order = ["Decide", "Show the truth", "The true scores", "Target accuracy:", "Show what HAT"]
        places = [text.index(word) for word in order]
        assert places == sorted(places)
        # Nothing before the fold says what is right.
        before = text[: text.index("Show the truth")]
        assert row["kind"] not in before and "true score" not in before
    for hidden in soup.select(".hat-choices, .hat-tally, .hat-why"):
        assert hidden.has_attr("hidden")  # they do nothing without JavaScript


def test_what_the_script_reads(ten):
    soup = BeautifulSoup(drill_page(ten).markup, "html.parser")
    for box, row in zip(soup.select(".hat-round"), ten.rounds.to_dict("records"), strict=True):
        says = ten.says[ten.says["round"] == row["round"]]
        assert box["data-right"] == row["right"]
        assert json.loads(box["data-says"]) == says.set_index("measure")["says"].to_dict()
        assert [b["data-answer"] for b in box.select("button")] == ["a", "same", "b"]
    assert [row["data-who"] for row in soup.select("tr[data-who]")] == ["you", *TITLES]


def test_accessible_markup(ten):
    soup = BeautifulSoup(drill_page(ten).markup, "html.parser")
    assert all(button["type"] == "button" and button.text.strip() for button in soup("button"))
    labels = [group["aria-label"] for group in soup.select("[role=group]")]
    assert len(labels) == len(set(labels)) == 10
    assert len(soup.select(".hat-round [role=status]")) == 10
    summaries = [summary.text for summary in soup("summary")]
    assert len(summaries) == len(set(summaries))
    assert not [tag for tag in soup.find_all(True) if any(a.startswith("on") for a in tag.attrs)]
    assert not soup.select("[style]")


def test_names_are_escaped(ten):
    swap = dict(zip(ten.rounds.loc[0, ["model_a", "model_b"]], HOSTILE, strict=True))
    parts = {
        name: frame[frame["round"] == 1].replace(swap)
        for name, frame in (("rounds", ten.rounds), ("models", ten.models), ("says", ten.says))
    }
    soup = BeautifulSoup(drill_page(replace(ten, **parts)).markup, "html.parser")
    assert not soup.find("script") and not soup.find("img")
    assert soup.select("button")[0].text == f"{HOSTILE[0]} transfers better"
    assert len(soup.select("details")) == 2


def test_a_pair_without_a_score_is_shown(ten):
    simulated = simulate_answers([-9, 0], n_items=60)
    says = drill.compare_pairs(simulated, [("Alder", "Aspen")], draws=50).assign(round=1)
    models = drill._observed(simulated, ("Alder", "Aspen")).assign(round=1)
    rounds = ten.rounds.iloc[:1].assign(model_a="Alder", model_b="Aspen")
    page = drill_page(drill.Drill(rounds, models, says, 10, 0.95)).markup
    assert "HAT cannot tell the two apart" in page and ">nan<" not in page
