"""Contrasts, by HAT and off the line: against least squares, slow programs and known truth."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from line_tables import runs
from scipy import stats

import hatlib
from hatlib import resample
from hatlib.claims import contrast
from hatlib.claims.contrast import QUESTIONS, on_line, on_scores, over_lineages, within_groups
from hatlib.metric.flags import Flag

LEAD = "sim-free-form"
USUAL = {"hat": "estimate", "source_accuracy": "source_gain", "target_accuracy": "target_gain"}


@lru_cache
def design(scenario="findings", n_items=400, draws=100, seed=0):
    """Scores of the paper-shaped design on its first benchmark, and the truth."""
    simulated = hatlib.paper_design(seed, scenario=scenario, n_items=(n_items, 20, 20))
    scores = hatlib.hat_scores(
        simulated.responses, benchmarks=LEAD, reference="uniform", draws=draws, rng=seed
    )
    return scores, simulated.truth


def only(found):
    """The answer of the only set."""
    (row,) = found.sets.to_dict("records")
    return row


def verdict(found, **options):
    (each,) = contrast.verdicts(found, **{"margin": 0.05} | options).values()
    return each


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("measure", USUAL)
def test_slopes_are_least_squares_with_a_dummy_for_each_group(question, measure):
    scores, _ = design()
    found = on_scores(scores, question)
    used = found.rows[found.rows["left_out"] == ""].astype({measure: float})
    columns = [used["x"].astype(float)]
    if question == "date":
        rows = scores.macro().set_index("model").loc[used["model"]]
        held = pd.Series(np.log2(rows["params_total_b"].astype(float)).to_numpy(), used.index)
        gaps = held.isna().groupby(used["group"]).transform("any")
        columns.append(held.mask(gaps, 0.0).rename("held"))
    dummies = pd.get_dummies(used["group"], dtype=float)
    fit = sm.OLS(used[measure], pd.concat([*columns, dummies], axis=1)).fit()
    assert only(found)[USUAL[measure]] == pytest.approx(fit.params["x"], abs=1e-10)


def test_a_group_without_a_step_or_with_what_is_held_fixed_tells_nothing():
    slopes = within_groups([0, 1, 5, 5], ["a", "a", "b", "b"])
    assert slopes.groups == ("a",)
    assert slopes.common @ np.array([0.2, 0.5, 9, 7]) == pytest.approx(0.3)
    assert within_groups([0, 1, 2], ["a"] * 3, held=[3, 4, 5]).groups == ()


def test_the_mean_over_lineages_needs_three_and_widens_with_few():
    draws = np.random.default_rng(0).normal(size=(500, 3))
    weights = np.ones((500, 3), int)
    assert np.isnan(over_lineages(np.zeros(3), draws, weights, ["a", "a", "b"]).low)
    three = over_lineages(np.zeros(3), draws, weights, ["a", "b", "c"])
    expected = stats.t.ppf(0.975, 2) * draws.mean(axis=1).std() * np.sqrt(3 / 2)
    assert three.high == pytest.approx(expected)


@pytest.mark.parametrize(
    ("question", "scenario", "direction"),
    [("size", "findings", "higher"), ("date", "findings", "higher"), ("date", "no-trend", ""),
     ("small", "no-trend", ""), ("small", "small-broken", "lower")],
)  # fmt: skip
def test_with_enough_items_the_verdict_follows_the_truth(question, scenario, direction):
    # One interval in twenty may miss; two of three may not.
    found = [
        verdict(on_scores(scores, question, truth=truth), margin=0.15)
        for scores, truth in (design(scenario, 1500, 100, s) for s in range(3))
    ]
    assert [each.direction for each in found].count(direction) >= 2
    broken = [each.beyond for each in found]
    assert sum(broken) >= 2 if scenario == "small-broken" else sum(broken) <= 1


def test_intervals_hold_the_truth_mostly():
    held = []
    for seed in range(8):
        scores, truth = design.__wrapped__("findings", 150, 40, seed)
        rows = [only(on_scores(scores, q, truth=truth)) for q in ("size", "date", "small")]
        held.append([row["low"] <= row["true_gain"] <= row["high"] for row in rows])
    assert (np.mean(held, axis=0) >= 0.75).all()


@pytest.mark.parametrize("effect", [0.0, 0.03])
def test_ladders_find_the_size_effect_that_was_put_in(effect):
    found = on_line(runs(n_lineages=12, size_effect=effect), "size", draws=300)
    row, ladders = only(found), found.groups
    assert (row["n_groups"], row["p_value"] < 0.05) == (12, effect > 0)
    expected = ladders["expected_gain"] + ladders["estimate"]
    np.testing.assert_allclose(ladders["target_gain"], expected)


def test_lineages_find_the_change_a_year_that_was_put_in():
    table = runs(n_lineages=12, seed=2)
    rng = np.random.default_rng(0)
    shuffled = table["source_accuracy"].groupby(table["lineage"]).transform(rng.permutation)
    years = (table["release_date"] - pd.Timestamp(2024, 1, 1)).dt.days / 365.25
    table = table.assign(
        source_accuracy=shuffled,
        target_accuracy=0.1 + 0.8 * shuffled + 0.05 * years + rng.normal(0, 0.002, len(table)),
    ).assign(xlt_gap=0.0)
    row = only(on_line(table, "date", draws=300))
    assert row["low"] < 0.05 < row["high"] and row["p_value"] < 0.05


def test_pairs_of_thinking_settings():
    table = runs()
    more = table.assign(reasoning="high", target_accuracy=table["target_accuracy"] + 0.05)
    both = pd.concat([table.assign(reasoning="low"), more], ignore_index=True)
    found = on_line(both.assign(xlt_gap=0.0), "thinking", draws=200)
    np.testing.assert_allclose(found.groups["estimate"], 0.05)
    np.testing.assert_allclose(found.groups["expected_gain"], 0, atol=1e-12)
    assert len(found.groups) == len(table)
    unknown = both.assign(xlt_gap=0.0, reasoning=both["reasoning"].replace("low", "unknown"))
    assert on_line(unknown, "thinking", draws=20).groups.empty


@pytest.mark.parametrize("shortfall", [0.0, 0.06])
def test_small_models_below_the_line_are_found(shortfall):
    table = runs(n_lineages=12)
    small = table["params_total_b"] < 3
    table["source_accuracy"] = np.random.default_rng(1).uniform(0.4, 0.8, len(table))
    table["target_accuracy"] = (
        0.1 + 0.8 * table["source_accuracy"] - shortfall * small
        + np.random.default_rng(2).normal(0, 0.01, len(table))
    )  # fmt: skip
    found = on_line(table.assign(xlt_gap=0.0), "small", threshold=3, draws=300)
    judged = verdict(found, asks="loss")
    assert judged.estimate == pytest.approx(-shortfall, abs=0.01)
    assert (judged.direction == "lower") == (shortfall > 0)
    assert ("loss" in judged.rules_out) == (shortfall == 0)


@lru_cache
def many_lineages(n):
    """Two sizes each of `n` lineages, with equal transfer."""
    trees = [f"tree {i}" for i in range(n) for _ in range(2)]
    names = [f"tree {i} {size}B" for i in range(n) for size in (2, 16)]
    models = pd.DataFrame({"model": names, "family": trees, "lineage": trees})
    models = models.assign(variant="instruct", params_total_b=[2.0, 16.0] * n)
    simulated = hatlib.simulate_answers([-0.5, 0.5] * n, n_items=200, models=models, targets=["de"])
    return hatlib.hat_scores(simulated.responses, draws=100), simulated.truth


def test_many_lineages_give_the_two_way_interval_and_the_seed_decides_it():
    few = only(on_scores(design()[0], "size"))
    assert few["n_lineages"] < resample.FEW_CLUSTERS and not few["general"]
    scores, truth = many_lineages(resample.FEW_CLUSTERS)
    row = only(on_scores(scores, "size", truth=truth, rng=3))
    assert row["general"] and row["low"] < row["true_gain"] < row["high"]
    lows = [only(on_scores(scores, "size", rng=seed))["low"] for seed in (1, 1, 2)]
    assert lows[0] == lows[1] != lows[2]


def test_flagged_scores_do_not_enter_and_are_counted():
    scores, _ = design()
    b = scores.benchmarks[0]
    marks = {flag: mark.copy() for flag, mark in b.marks.items()}
    marks[Flag.EXTRAPOLATED][b.models.index("Birch 1 4B"), 0] = True
    weak = on_scores(replace(scores, benchmarks=(replace(b, marks=marks),)), "size")
    before, after = only(on_scores(scores, "size")), only(weak)
    assert after["n"] == before["n"] - 1
    assert weak.rows.set_index("model").loc["Birch 1 4B", "left_out"] == "extrapolated"


def test_without_redraws_there_is_no_interval_and_no_verdict():
    scores, _ = design(draws=0)
    for found in (on_scores(scores, question) for question in QUESTIONS):
        assert found.sets["low"].isna().all() and verdict(found).grade == "open"


def test_no_answers_are_empty_tables():
    nothing = hatlib.answers_of("accuracies.csv").scores()
    for question in QUESTIONS:
        found = on_scores(nothing, question)
        assert found.sets.empty and found.rows.empty
        assert (contrast.verdicts(found, margin=0.05), contrast.lead(found)) == ({}, "")


NOTHING = {"params_total_b": np.nan, "params_active_b": np.nan, "release_date": pd.NaT,
           "lineage": "", "family": "", "ladder": ""}  # fmt: skip
AWKWARD = {
    "empty": runs().iloc[:0],
    "one model": runs().iloc[:1],
    "one lineage": runs(n_lineages=1),
    "undescribed": runs().assign(**NOTHING),
    "no spread": runs().assign(source_accuracy=0.5),
    "all wrong": runs().assign(source_accuracy=0.0, target_accuracy=0.0),
    "all right": runs().assign(source_accuracy=1.0, target_accuracy=1.0),
    "no items": runs().assign(source_se=np.nan, target_se=np.nan),
}


@pytest.mark.parametrize("table", AWKWARD.values(), ids=AWKWARD)
@pytest.mark.filterwarnings("error")
def test_awkward_tables_give_an_answer_or_a_reason(table):
    for question in QUESTIONS:
        for equal_size in {False, question == "date"}:
            found = on_line(table, question, threshold=3, equal_size=equal_size, draws=20)
            assert len(found.sets) == table["set"].nunique()
            silent = found.sets[found.sets["estimate"].isna()]
            assert equal_size or silent["reason"].str.len().gt(10).all()
            contrast.verdicts(found, margin=0.05)
