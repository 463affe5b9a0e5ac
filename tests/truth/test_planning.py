"""Planning an evaluation: the rule, plans made from it, and whether simulations bear them out."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import planning as benchmark
from hatlib import InputError, simulate_answers
from hatlib.show import plans
from hatlib.thresholds import BOOK
from hatlib.truth import planning
from hatlib.truth.experiment import kept

ABILITIES = ("middle", "strong")
CHANCES = (0.0, 0.1, 0.25, 0.5)


def test_a_rule_that_holds_is_found_again(monkeypatch):
    weights = [0.3, 1.0, 0.8, 0.1, 0.3, 0.7]
    true = {key: {"power": 0.9, "weights": [weights] * len(CHANCES)} for key in ABILITIES}
    frame = kept("planning").query("purpose == 'fit'")
    sizes = (frame[name] for name in ("n_items", "n_trials", "n_languages"))
    with monkeypatch.context() as patch:
        patch.setitem(planning._FACTS, "sd", true)
        sd = planning.width("sd", *sizes, scatter=frame["scatter"])
    fitted = benchmark.fit_rule(frame.assign(sd=sd))["sd"]["strong"]
    assert fitted["power"] == pytest.approx(0.9, abs=1e-3)
    assert fitted["weights"][2] == pytest.approx(weights, rel=0.05)


def test_the_rule_is_the_one_that_fits_the_kept_study():
    for what, abilities in benchmark.fit_rule(kept("planning")).items():
        for ability, part in abilities.items():
            stored = planning._FACTS[what][ability]
            assert part["power"] == pytest.approx(stored["power"], rel=1e-4)
            np.testing.assert_allclose(part["weights"], stored["weights"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("ability", ABILITIES)
def test_more_of_anything_sees_more_and_guessing_costs(ability):
    for chance in (0.0, 0.2, 0.5):
        world = {"ability": ability, "chance": chance}
        base = planning.smallest(250, 5, 2, **world)
        for size in ((500, 5, 2), (250, 10, 2), (250, 5, 4)):
            assert planning.smallest(*size, **world) < base
        assert planning.smallest(250, 5, 2, scatter=0.4, **world) > base
    each = [planning.width("sd", 400, 5, 2, chance=chance) for chance in CHANCES]
    assert each == sorted(each)
    smallest = planning.smallest(300, 6, 3, power=0.9, level=0.99)
    assert planning.detected(smallest, 300, 6, 3, level=0.99) == pytest.approx(0.9)


def test_the_rule_on_evaluations_that_it_was_not_fitted_to():
    off, miss = [], []
    for row in kept("planning").query("purpose == 'check'").to_dict("records"):
        sizes = [row[name] for name in ("n_items", "n_trials", "n_languages")]
        world = {name: row[name] for name in ("scatter", "ability", "chance")}
        off.append(planning.width("sd", *sizes, **world) / row["sd"] - 1)
        miss.append(planning.detected(row["difference"], *sizes, **world) - row["detected"])
    assert np.sqrt(np.mean(np.square(off))) < 0.2
    assert np.abs(miss).mean() < 0.1 and np.abs(miss).max() < 0.35


def test_the_rule_on_the_power_study():
    """Other models, simulated by other code: one language, no scatter."""
    rows = kept("power").query("difference > 0 and n_trials >= 3 and n_items <= 1600")
    power = planning.detected(rows["difference"], rows["n_items"], rows["n_trials"], 1, scatter=0.0)
    miss = power - rows["detected"]
    assert abs(miss.mean()) < 0.06 and miss.abs().mean() < 0.08


def test_the_kept_study_is_the_one_that_the_code_runs():
    design = next(benchmark.designs())
    again = benchmark.run_study(replications=40, chosen=lambda d: d == design)
    stored = kept("planning").head(len(again))
    pd.testing.assert_frame_equal(again.round(5), stored, check_dtype=False, atol=2e-5)


def test_the_cheapest_plan_is_enough_and_nothing_cheaper_is():
    found = planning.plan(0.06)
    best = found.cheapest
    calls = best["n_items"] * (1 + best["n_languages"]) * best["n_trials"] * 2
    assert best["smallest"] <= 0.06 and best["calls"] == calls
    assert not found.sizes.query("calls < @best.calls")["enough"].any()
    assert "cheapest plan" in plans.plan_words(found)


def test_table_has_a_row_for_what_is_free():
    for given, free in (({}, "n_languages"), ({"n_languages": 3}, "n_trials"),
                        ({"n_languages": 3, "n_trials": 5}, "n_items")):  # fmt: skip
        table = planning.plan(0.06, **given).table()
        assert table[free].is_unique and table["enough"].iloc[0]
        assert all(set(table[name]) == {value} for name, value in given.items())


@pytest.mark.parametrize(
    ("difference", "given", "why"),
    [(0.03, {"n_items": 250, "n_languages": 1, "scatter": 0.4}, "The items are the limit"),
     (0.03, {"n_items": 250, "n_languages": 1, "scatter": 0.0}, "More answers than were"),
     (0.05, {"budget": 20_000}, "The budget is the limit"),
     (0.05, {"budget": 10}, "less than the smallest plan")],
)  # fmt: skip
def test_what_limits_a_plan_is_said(difference, given, why):
    found = planning.plan(difference, **given)
    assert found.cheapest is None
    assert why in plans.plan_words(found)
    assert not found.table()["enough"].any()
    assert (found.table()["calls"] <= given.get("budget", np.inf)).all()
    plans.plan_text(found, "table")


def test_many_models_are_corrected_for():
    two, ten = (planning.plan(0.06, models=n) for n in (2, 10))
    assert ten.pair_level == pytest.approx(1 - 0.05 / 45)
    assert ten.cheapest["calls"] / 10 > two.cheapest["calls"] / 2
    assert ["Bonferroni" in plans.plan_words(each) for each in (two, ten)] == [False, True]


def test_few_answers_are_not_planned_for_a_reason():
    """The fewest answers with which the default score meets its target in the estimator study."""
    rows = kept("estimators").query("group == 'answers an item' and estimator == 'default'")
    most = rows.groupby("name")["range"].max()
    assert most[f"K = {planning.FEWEST}"] < BOOK["range_one_shape"] < most["K = 3"]
    assert planning.plan(0.05).sizes["n_trials"].min() == planning.FEWEST
    assert "fewer than" in plans.plan_words(planning.plan(0.1, n_trials=4))


@pytest.mark.parametrize(
    "given",
    [{"n_items": 50}, {"n_items": 9000}, {"n_trials": 2}, {"n_trials": 40}, {"n_languages": 20},
     {"scatter": 0.6}],
)  # fmt: skip
def test_beyond_what_was_simulated_it_says_so(given):
    assert "extrapolated" in plans.plan_words(planning.plan(0.1, **given))
    assert not planning.plan(0.1, n_items=100, n_trials=5, n_languages=8, scatter=0.4).notes


def test_all_wrong_numbers_are_listed():
    with pytest.raises(InputError) as error:
        planning.plan(
            0, power=1.2, level=2, n_items=0, n_trials=1, n_languages=0, models=1, budget=0,
            scatter=-1, ability="weak", chance=0.9,  # type: ignore[arg-type]
        )  # fmt: skip
    assert len(error.value.problems) == 11
    with pytest.raises(InputError):
        planning.plan(float("nan"))


@pytest.mark.parametrize("scatter", [0.0, 0.2, 0.5])
def test_scatter_is_found_again(scatter):
    world = {"profiles": "shift", "n_items": 1500, "item_spread": scatter, "rng": 3}
    counts = simulate_answers([-0.5, 0.0, 0.5], **world).responses.counts("sim")
    row = planning.item_scatter(counts)
    assert row["scatter"] == pytest.approx(scatter, abs=0.04)
    assert row["common_models"] == pytest.approx(0, abs=0.03)


def test_one_answer_an_item_shows_no_scatter():
    counts = simulate_answers([0.0, 1.0], n_trials=1).responses.counts("sim")
    assert planning.item_scatter(counts) is None


def test_the_command(hat):
    document = json.loads(hat("plan", "--difference", "0.05", "--format", "json")[1])
    assert document["plans"][0]["enough"] is True
    said = hat("plan", "--difference", "0.05", "--items", "250", "--format", "csv")[1]
    assert set(pd.read_csv(io.StringIO(said))["n_items"]) == {250}
