"""The drill: its truth is the simulation's, each metric fails for its reason, its text is safe."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from hatlib import hat_scores
from hatlib.errors import InputError
from hatlib.show.drill import TITLES, drill_page
from hatlib.truth import drill
from hatlib.truth.simulate import profile_with, simulate_answers, true_transfer

HOSTILE = ["<script>alert(1)</script>", "\"'></details><img src=x onerror=alert(1)>"]
PAIR = ["Alder", "Aspen"]


@pytest.fixture(scope="module")
def ten() -> drill.Drill:
    return drill.make_drill(10, draws=50)


@pytest.fixture(scope="module")
def page(ten) -> BeautifulSoup:
    return BeautifulSoup(drill_page(ten).markup, "html.parser")


def said(simulated, draws=200):
    """What each measure says of the first two models."""
    scores = hat_scores(simulated.responses, reference="uniform", draws=draws, rng=0)
    return drill.compare_pairs(scores, simulated.truth, [PAIR])


# The rounds ---------------------------------------------------------------------------------------


def test_leads_and_intervals_are_those_of_paired_means():
    simulated = simulate_answers([0, 1], n_items=400)
    says = said(simulated, 2000).set_index("measure")
    frame = simulated.responses.frame
    rates = frame.assign(rate=frame["n_correct"] / frame["n_trials"])
    means = rates.pivot_table("rate", "model", "language")
    source, target = means["en"], means[["de", "sw"]].mean(axis=1)
    # A smaller gap is better, so the lead is the other model's gap minus one's own.
    assert says.loc["xlt_gap", "lead"] == pytest.approx(-np.subtract(*(source - target)))
    assert says.loc["ratio", "lead"] == pytest.approx(np.subtract(*(target / source)))
    items = rates[rates["language"] != "en"].groupby(["model", "item"])["rate"].mean()
    se = (items["Alder"] - items["Aspen"]).std() / np.sqrt(400)
    row = says.loc["target_accuracy"]
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.966 * se, rel=0.08)


def test_a_measure_names_a_model_if_its_interval_excludes_zero(ten):
    says = ten.says[ten.says["note"] == ""]
    expected = np.select([says["low"] > 0, says["high"] < 0], ["a", "b"], "open")
    assert says["says"].tolist() == expected.tolist()
    right = says["round"].map(ten.rounds.set_index("round")["right"])
    assert ((says["mark"] == "right") == (says["says"] == right)).all()
    assert ((says["mark"] == "left open") == (says["says"] == drill.OPEN)).all()


def test_hat_leaves_open_what_is_extrapolated():
    row = said(simulate_answers([0, 4.5], profiles=["linear", "strong shift"], n_items=150)).iloc[
        -1
    ]
    assert row["measure"] == "hat" and "extrapolated" in row["note"]
    assert row["says"] == drill.OPEN


@pytest.mark.parametrize("kind", drill.KINDS, ids=lambda kind: kind["name"][:40])
def test_every_kind_is_what_it_is_called(kind):
    for seed in range(3):
        difficulty, models = drill.draw_pair(kind, np.random.default_rng(seed))
        a, b = (drill.expected_metrics(*model, difficulty) for model in models)
        gap = np.subtract(*(true_transfer(profile) for _, profile in models))
        low, high = sorted(map(abs, kind["lead"]))
        assert low - 1e-6 <= abs(gap) <= high + 1e-6
        side = np.sign(round(gap, 6))
        for metric, sign in drill.METRICS.items():
            lead = sign * (a[metric] - b[metric])
            assert metric not in kind["right"] or side * lead > 0
            assert metric not in kind["wrong"] or (side * lead < 0 if side else abs(lead) > 0.02)


def test_expected_metrics_are_those_of_many_items():
    profile = profile_with(0.6, 0.9)
    simulated = simulate_answers([0.7], profiles=profile, n_items=20_000, n_trials=20)
    b = hat_scores(simulated.responses, draws=0, profile="plugin").benchmark()
    observed = {metric: b.metrics[metric][0, 0] for metric in drill.METRICS}
    assert observed == pytest.approx(drill.expected_metrics(0.7, profile, "normal"), abs=0.01)
    assert simulated.truth["hat"].iloc[0] == pytest.approx(0.6, abs=1e-6)


def test_ten_rounds_hold_every_kind_in_an_order_that_is_drawn(ten):
    other = drill.make_drill(10, draws=20, seed=1)
    names = {kind["name"] for kind in drill.KINDS}
    assert set(ten.rounds["kind"]) == set(other.rounds["kind"]) == names
    assert ten.rounds["kind"].tolist() != other.rounds["kind"].tolist()
    assert len(set(ten.rounds[["model_a", "model_b"]].to_numpy().flat)) == 20


def test_the_seed_decides_and_correlated_answers_change_the_answers_alone():
    first, again, other = (drill.make_drill(2, draws=20, overdispersion=x) for x in (0, 0, 0.3))
    assert drill_page(again).markup == drill_page(first).markup
    same = ["model_a", "model_b", "truth_a", "truth_b", "kind"]
    pd.testing.assert_frame_equal(other.rounds[same], first.rounds[same])
    assert not other.models.equals(first.models)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"rounds": 1, "overdispersion": 1}])
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(InputError):
        drill.make_drill(**wrong)


# The page -----------------------------------------------------------------------------------------


def test_without_javascript_all_is_there_in_order_and_the_script_has_what_it_reads(ten, page):
    boxes = page.select(".hat-drill > .hat-round")
    assert page.find("script") is None
    for box, row in zip(boxes, ten.rounds.to_dict("records"), strict=True):
        text = box.get_text(" ")
        table, truth = box.find("table"), box.find("details", class_="hat-truth")
        answer = truth.find("details", class_="hat-answer")  # unfolds only after the truth
        assert table not in truth.descendants
        assert not truth.has_attr("open") and not answer.has_attr("open")
        names = [row["model_a"], row["model_b"]]
        assert [line.find("td").text for line in table.select("tbody tr")] == names
        # Nothing before the fold says what is right.
        before = text[: text.index("Show the truth")]
        assert row["kind"] not in before and "true score" not in before
        says = ten.says[ten.says["round"] == row["round"]]
        assert box["data-right"] == row["right"]
        assert json.loads(box["data-says"]) == says.set_index("measure")["says"].to_dict()
        assert [b["data-answer"] for b in box.select("button")] == ["a", "same", "b"]
    assert [row["data-who"] for row in page.select("tr[data-who]")] == ["you", *TITLES]


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
