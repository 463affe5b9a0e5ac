"""The estimator study: it measures what it says, and its verdicts can come out each way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hatlib.claims import verdicts
from hatlib.truth import study
from hatlib.truth.simulate import PROFILES


@pytest.fixture(scope="module")
def live() -> pd.DataFrame:
    design = study.Design(profiles=("steep",), n_items=200)
    return study.run_design(design, replications=4, draws=50)


def test_a_known_error_is_measured():
    rows = [
        {"estimator": "e", "replication": r, "model": m, "source_accuracy": m / 4,
         "score": 0.5 + 0.1 * m, "truth": 0.5, "low": 0.4, "high": 0.5 + 0.1 * (m < 2),
         "support": 1.0}
        for r in range(3)
        for m in range(4)
    ]  # fmt: skip
    row = study.judge(pd.DataFrame(rows)).iloc[0]
    assert row["range"] == pytest.approx(0.3)
    assert row["bias"] == pytest.approx(0.15)
    assert row["rmse"] == pytest.approx(np.sqrt(np.mean([0, 0.01, 0.04, 0.09])))
    assert row["correlation"] == pytest.approx(1)
    assert row["coverage"] == pytest.approx(1)
    assert row["replications"] == 3


def test_the_range_is_taken_within_shapes():
    frame = pd.DataFrame(
        {
            "estimator": "e", "replication": 0, "model": [0, 1, 2, 3],
            "source_accuracy": [0.1, 0.2, 0.3, 0.4], "score": [0.8, 0.2, 0.9, 0.25],
            "truth": [0.8, 0.2, 0.8, 0.2], "low": np.nan, "high": np.nan, "support": 1.0,
        }
    )  # fmt: skip
    assert study.judge(frame, n_shapes=2)["range"].iloc[0] == pytest.approx(0.1)
    assert study.judge(frame, n_shapes=1)["range"].iloc[0] == pytest.approx(0.7)


def test_the_plug_in_follows_ability_and_the_default_does_not(live):
    judged = study.judge(live).set_index("estimator")
    assert judged.loc["plugin", "range"] > 0.3
    assert judged.loc["adaptive", "range"] < 0.1
    assert judged.loc["plugin", "correlation"] > 0.9
    assert judged.loc["ratio", "range"] > 0.5


def test_the_pooled_truth_is_what_many_items_give():
    design = study.Design(profiles=("square",), abilities=(0.0, 1.5), n_items=20_000, n_trials=40)
    found = study.run_design(design, replications=1, draws=0, estimators=["adaptive, pooled"])
    mine = found[found["estimator"] == "adaptive, pooled"]
    assert mine["score"].to_numpy() == pytest.approx(design.pooled_truth(), abs=0.02)


def test_every_profile_of_the_specification_is_in_the_study():
    base = [d for d in study.designs() if d.axis == "base"]
    assert [d.profiles[0] for d in base] == list(PROFILES)
    trials = {d.n_trials for d in study.designs()}
    assert {1, 2, 3, 5, 10, 20} <= trials
    assert {0, 0.1, 0.25, 0.5} == {d.chance for d in study.designs()}
    assert {"normal", "uniform", "bimodal", "skewed"} == {d.difficulty for d in study.designs()}
    assert {1, 2, 5, 20} <= {len(d.abilities) for d in study.designs()}


def test_the_stored_study_is_that_of_the_present_designs():
    stored = study.study_results()
    mine = {(d.axis, d.value, " / ".join(d.profiles)) for d in study.designs()}
    theirs = set(zip(stored["axis"], stored["value"], stored["profiles"], strict=True))
    assert theirs == mine, "run python benchmarks/estimator_study.py --write"


@pytest.mark.parametrize(("value", "met"), [(0.01, True), (0.2, False)])
def test_a_verdict_can_come_out_each_way(value, met):
    full = verdicts.study()
    results = full.results.copy()
    results.loc[results["estimator"] == verdicts.DEFAULT, ["range", "rmse"]] = value
    results.loc[results["estimator"] == verdicts.DEFAULT, "coverage_supported"] = 0.95
    changed = verdicts.Study(results, full.power)
    table = changed.targets()
    accuracy = table[table["target"].str.startswith(("range", "root"))]
    assert (accuracy["met"] == (accuracy["designs"] if met else 0)).all()
    assert ("all targets met" in changed.summary()) is met
    assert ("Not met everywhere" in changed.summary()) is not met


def test_power_finds_what_is_there():
    frame = study.run_power(
        n_items=[400], n_trials=[10], differences=[0.0, 0.2], replications=8, draws=100
    ).set_index("difference")
    assert frame.loc[0.2, "estimate"] == pytest.approx(0.2, abs=0.04)
    assert frame.loc[0.2, "detected"] == 1
    assert frame.loc[0.0, "detected"] <= 0.25
    assert 0.4 < frame["se"].mean() / frame["sd"].mean() < 2.5


def test_correlated_answers_are_corrected_if_known():
    told, not_told = (
        study.judge(
            study.run_design(
                study.Design(n_items=300, overdispersion=0.2, assumed_correlation=rho),
                replications=4,
                estimators=["adaptive"],
                with_intervals=[],
            )
        ).set_index("estimator")
        for rho in (0.2, 0.0)
    )
    assert told.loc["adaptive", "range"] < 0.15 < not_told.loc["adaptive", "range"]


@pytest.mark.parametrize(
    "chart", ["chart_of_range", "chart_of_error", "chart_of_coverage", "chart_of_power"]
)
def test_charts_draw(chart):
    assert "<figure" in getattr(verdicts.study(), chart)().html()


def test_the_chart_of_a_run_draws(live):
    assert "<figure" in verdicts.chart_of_drift(live).html()
    assert "plugin" in verdicts.live_summary(study.judge(live))
