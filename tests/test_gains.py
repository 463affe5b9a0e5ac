"""Gains of HAT with size, time and thinking: against least squares, and against known truth."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import hatlib
from hatlib import resample
from hatlib.claims import gains
from hatlib.errors import InputError
from hatlib.lines import distance
from hatlib.metric.flags import Flag

ASKS = {
    "size": hatlib.hat_by_size,
    "date": hatlib.hat_by_date,
    "thinking": hatlib.hat_by_thinking,
    "small": hatlib.hat_of_small,
}
each_ask = pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
LEAD = "sim-free-form"


@lru_cache
def design(scenario="findings", n_items=400, draws=200, seed=0):
    """Scores of the paper-shaped design on its first benchmark, and the truth."""
    simulated = hatlib.paper_design(seed, scenario=scenario, n_items=(n_items, 20, 20))
    scores = hatlib.hat_scores(
        simulated.responses, benchmarks=LEAD, reference="uniform", draws=draws, rng=seed
    )
    return scores, simulated.truth


def least_squares(found, measure):
    """The slope by statsmodels, with a dummy for each group."""
    used = found.models[found.models["used"]]
    columns = [used["x"].astype(float)]
    if "held" in used:
        columns.append(used["held"].astype(float))
    dummies = pd.get_dummies(used["group"], dtype=float)
    fit = sm.OLS(used[measure].astype(float), pd.concat([*columns, dummies], axis=1)).fit()
    return fit.params["x"]


@each_ask
@pytest.mark.parametrize("measure", gains.MEASURES)
def test_gains_are_least_squares_slopes_with_ladder_dummies(ask, measure):
    scores, _ = design()
    found = ask(scores)
    seen = found.table()[gains._GAINS[measure]].iloc[0]
    assert seen == pytest.approx(least_squares(found, measure), abs=1e-10)


def test_a_group_without_a_step_tells_nothing():
    contrast = gains.within_groups([0, 1, 5, 5], ["a", "a", "b", "b"])
    assert contrast.groups == ("a",)
    assert contrast.common @ np.array([0.2, 0.5, 9, 7]) == pytest.approx(0.3)


def test_what_is_held_fixed_cannot_be_told_apart_from_what_it_equals():
    contrast = gains.within_groups([0, 1, 2], ["a"] * 3, held=[3, 4, 5])
    assert contrast.groups == ()


def test_the_true_gain_is_what_the_design_says():
    scores, truth = design()
    assert hatlib.hat_by_size(scores, truth=truth).table()["true_gain"].iloc[0] == pytest.approx(
        0.008, abs=1e-6
    )


VERDICTS = [
    (hatlib.hat_by_size, "findings", "HAT rises with size"),
    (hatlib.hat_by_size, "no-trend", "cannot tell"),
    (hatlib.hat_by_date, "findings", "HAT rises over the years"),
    (hatlib.hat_by_date, "no-trend", "cannot tell"),
    (hatlib.hat_of_small, "no-trend", "no, not broken"),
    (hatlib.hat_of_small, "small-broken", "yes, broken"),
]


@pytest.mark.parametrize(("ask", "scenario", "verdict"), VERDICTS)
def test_with_enough_items_the_verdict_follows_the_truth(ask, scenario, verdict):
    # One interval in twenty may miss; two of three may not.
    found = [
        ask(scores, truth=t) for scores, t in (design(scenario, 1500, 200, s) for s in range(3))
    ]
    verdicts = [each.table()["verdict"].iloc[0] for each in found]
    assert verdicts.count(verdict) >= 2, verdicts
    assert all(v in each.summary(LEAD) for v, each in zip(verdicts, found, strict=True))


def test_small_models_on_the_common_line_are_not_broken():
    scores, truth = design("findings", 1500, 200, 0)
    assert hatlib.hat_of_small(scores, truth=truth).table()["verdict"].iloc[0].startswith("no")


def test_a_loss_is_called_one():
    scores, _ = design()
    start = pd.Timestamp(2020, 1, 1)
    turned = scores.models.assign(release_date=start - (scores.models["release_date"] - start))
    found = hatlib.hat_by_date(replace(scores, models=turned))
    assert found.table()["verdict"].tolist() == ["HAT falls over the years"]


@pytest.mark.parametrize("ask", [hatlib.hat_by_size, hatlib.hat_by_date, hatlib.hat_of_small])
def test_intervals_hold_the_truth_mostly(ask):
    held = []
    for seed in range(20):
        scores, truth = design.__wrapped__("findings", 250, 100, seed)
        row = ask(scores, truth=truth).table().iloc[0]
        held.append(row["low"] <= row["true_gain"] <= row["high"])
    assert np.mean(held) >= 0.75


# For whom the interval speaks ------------------------------------------------------------------


def many_lineages(n):
    """Two sizes each of `n` lineages, with equal transfer."""
    models = pd.DataFrame(
        {
            "model": [f"tree {i} {size}B" for i in range(n) for size in (2, 16)],
            "family": [f"tree {i}" for i in range(n) for _ in range(2)],
            "lineage": [f"tree {i}" for i in range(n) for _ in range(2)],
            "variant": "instruct",
            "params_total_b": [2.0, 16.0] * n,
        }
    )
    simulated = hatlib.simulate_answers([-0.5, 0.5] * n, n_items=300, models=models, targets=["de"])
    return hatlib.hat_scores(simulated.responses, draws=200), simulated.truth


def test_few_lineages_give_the_interval_of_these_models_and_say_so():
    scores, _ = design()
    found = hatlib.hat_by_size(scores)
    assert found.table()["n_lineages"].iloc[0] < resample.FEW_CLUSTERS
    assert found.table()["interval_for"].iloc[0] == "these models"
    assert "speaks of these models only" in found.summary()


def test_many_lineages_give_the_two_way_interval():
    scores, truth = many_lineages(resample.FEW_CLUSTERS)
    found = hatlib.hat_by_size(scores, truth=truth, rng=3)
    row = found.table().iloc[0]
    assert row["interval_for"] == "models in general"
    assert "only" not in found.summary()
    used = found.models[found.models["used"]]
    contrast = gains.within_groups(used["x"], used["group"].tolist())
    b = scores.benchmarks[0]
    lineages = list(contrast.groups)
    mean = distance.pooled(
        contrast.slopes @ used["hat"].to_numpy(),
        b.draws[:, used.index, 0] @ contrast.slopes.T,
        resample.weights(3, lineages, 200),
        lineages,
        contrast.spread,
    )
    assert (row["low"], row["high"]) == pytest.approx((mean.low, mean.high))
    assert row["low"] < row["true_gain"] < row["high"]


def test_the_seed_decides_the_interval():
    scores, _ = many_lineages(resample.FEW_CLUSTERS)
    lows = [hatlib.hat_by_size(scores, rng=seed).table()["low"].iloc[0] for seed in (1, 1, 2)]
    assert lows[0] == lows[1] != lows[2]


# Who enters ------------------------------------------------------------------------------------


def test_flagged_scores_do_not_enter_and_are_counted():
    scores, _ = design()
    b = scores.benchmarks[0]
    marks = {flag: mark.copy() for flag, mark in b.marks.items()}
    marks[Flag.EXTRAPOLATED][b.models.index("Birch 1 4B"), 0] = True
    weak = replace(scores, benchmarks=(replace(b, marks=marks),))
    before, after = (hatlib.hat_by_size(s).table().iloc[0] for s in (scores, weak))
    assert after["n_models"] == before["n_models"] - 1
    assert after["n_flagged"] == before["n_flagged"] + 1
    models = hatlib.hat_by_size(weak).table_of_models().set_index("display_name")
    assert models.loc["Birch 1 4B", "left_out"] == "extrapolated"


def test_models_without_a_description_are_a_reason():
    simulated = hatlib.simulate_answers([0, 1], n_items=100)
    scores = hatlib.hat_scores(simulated.responses, draws=50)
    for ask in ASKS.values():
        found = ask(scores)
        assert found.table()["hat_gain"].isna().all()
        assert found.table()["reason"].str.len().gt(10).all()
        assert "To answer the question" in found.summary()
        assert str(found.chart()).startswith("Nothing to draw")
        assert str(found.chart_of_gains()).startswith("Nothing to draw")


def test_one_setting_twice_is_no_pair():
    scores, _ = design()
    models = scores.models.copy()
    models.loc[models["model"] == "Alder 1 thinking", "reasoning"] = "none"
    found = hatlib.hat_by_thinking(replace(scores, models=models))
    assert "Alder 1" not in set(found.models.loc[found.models["used"], "group"])


def test_base_models_are_compared_among_themselves():
    rows = pd.DataFrame({"lineage": ["L"] * 4, "variant": ["instruct", "base", "reasoning", ""]})
    assert gains._track(rows).tolist() == ["L", "L base", "L", "L"]


def test_without_redraws_there_is_no_interval_and_no_verdict():
    scores, _ = design(draws=0)
    for ask in ASKS.values():
        found = ask(scores)
        assert found.table()["low"].isna().all()
        assert found.table()["verdict"].tolist() == ["cannot tell"]
        assert "nan" not in found.summary()


def test_no_answers_are_a_sentence():
    nothing = hatlib.answers_of("accuracies.csv").scores()
    for ask in ASKS.values():
        found = ask(nothing)
        assert found.table().empty
        assert found.table_of_models().empty
        assert "No answers item by item" in found.summary()
        assert "no answers item by item" in str(found.chart())


def test_wrong_choices_are_refused():
    scores, _ = design()
    with pytest.raises(InputError, match="params_total_b"):
        hatlib.hat_by_size(scores, size="length")
    with pytest.raises(InputError, match="threshold"):
        hatlib.hat_of_small(scores, threshold=0)
    with pytest.raises(InputError, match="broken"):
        hatlib.hat_of_small(scores, broken=-1)
    with pytest.raises(InputError, match="no such benchmark"):
        hatlib.hat_by_size(scores).summary("nonsense")


@each_ask
def test_charts_and_sentences_name_what_is_simulated(ask):
    scores, truth = design()
    found = ask(scores, truth=truth)
    assert found.chart().caption.startswith("Simulated models")
    assert found.chart_of_gains().caption.startswith("Simulated models")
    assert "simulated" in found.summary()


def test_the_real_sets_answer_or_say_why_not():
    scores = hatlib.answers_of(sets=["mgsm", "gsm-symbolic"], keep="models").scores(draws=100)
    found = hatlib.hat_by_size(scores)
    assert found.table()["interval_for"].tolist() == ["these models"] * 2
    assert found.chart().caption.startswith("Real models")
    assert hatlib.hat_by_thinking(scores).table()["hat_gain"].isna().all()


# Known truth -----------------------------------------------------------------------------------


def test_every_scenario_stands_beside_its_truth():
    gains.scored_design.cache_clear()
    known = hatlib.under_known_truth(hatlib.hat_by_size, draws=50)
    table = known.table()
    assert len(table) == 9
    none = table[table["scenario"] == "no-trend"]
    assert none["true_gain"].abs().max() < 1e-6
    assert (none["target_gain"] > 0.02).all()
    assert "9" in known.summary()
    assert known.chart().caption.startswith("Simulated")
