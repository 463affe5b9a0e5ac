"""Item-level simulation: the answers against closed forms, the truth against quadrature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special
from scipy.integrate import quad
from scipy.stats import binom

import hatlib
from hatlib.metric.sufficient import MACRO
from hatlib.truth.design import BROKEN, PER_DOUBLING, PER_YEAR, THINKING, design_models
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, invented_names, true_transfer

SMALL = {"n_items": (50, 48, 40), "n_trials": 2}


def integral(function):
    return quad(lambda h: float(function(np.array(h))), 0, 1, limit=500)[0]


def scores(simulated, target=MACRO):
    return simulated.truth.query("target == @target").set_index(["benchmark", "model"])["hat"]


# Truth ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [*PROFILES, np.sqrt, lambda h: 0 * h, lambda h: h])
def test_the_true_score_is_the_integral_of_the_profile(profile):
    simulated = hatlib.simulate_answers([0.0], profiles=profile, n_items=1, targets=["de"])
    function = PROFILES[profile] if isinstance(profile, str) else profile
    expected = 2 * integral(function)
    assert scores(simulated).item() == pytest.approx(expected, abs=1e-5)
    assert true_transfer(profile) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("chance", [0.0, 0.25])
def test_languages_are_shifted_and_the_macro_score_is_their_mean(chance):
    shift = {"sw": -1.0, "yo": 0.5}
    simulated = hatlib.simulate_answers(
        [0.0], profiles="square", targets=["de", "sw", "yo"], target_shift=shift, chance=chance
    )
    expected = {
        code: 2 * integral(lambda h, s=s: special.expit(special.logit(h**2) + s))
        for code, s in (shift | {"de": 0.0}).items()
    }
    expected[MACRO] = np.mean(list(expected.values()))
    found = simulated.truth.set_index("target")["hat"].to_dict()
    assert found == pytest.approx(expected, abs=1e-5)
    assert next(iter(found)) == MACRO


def test_profiles_are_those_that_were_asked_for():
    simulated = hatlib.simulate_answers(
        [0.0, 1.0], profiles=["linear", "square"], chance=0.2, targets=["de", "fr"]
    )
    frame = simulated.profiles()
    assert list(frame) == [
        "benchmark", "model", "target", "source_probability", "expected_target",
    ]  # fmt: skip
    h = (frame["source_probability"] - 0.2) / 0.8
    linear = frame["model"] == "Alder"
    expected = 0.2 + 0.8 * np.where(linear, 0.7 * h, h**2)
    np.testing.assert_allclose(frame["expected_target"], expected, atol=1e-12)
    assert set(frame["target"]) == {MACRO, "de", "fr"}


# Answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize(
    "extra",
    [{}, {"item_spread": 0.3}, {"overdispersion": 0.2}, {"chance": 0.1, "item_spread": 0.2}],
)
def test_mean_accuracies_are_the_expected_ones(difficulty, extra):
    abilities = [-2.0, 0.0, 3.0]
    simulated = hatlib.simulate_answers(
        abilities, profiles="shift", difficulty=difficulty, n_items=20_000, rng=3, **extra
    )
    counts = simulated.responses.counts("sim")
    source = counts.source_correct.sum(axis=1) / counts.source_trials.sum(axis=1)
    target = counts.target_correct.sum(axis=2) / counts.target_trials.sum(axis=2)
    b = DIFFICULTIES[difficulty]((np.arange(100_000) + 0.5) / 100_000)
    u = special.expit(np.array(abilities)[:, None] - b)
    c = extra.get("chance", 0.0)
    np.testing.assert_allclose(source, c + (1 - c) * u.mean(axis=1), atol=0.012)
    f = PROFILES["shift"](u).mean(axis=1)
    np.testing.assert_allclose(target.T, np.tile(c + (1 - c) * f, (2, 1)), atol=0.012)


def test_target_accuracy_follows_the_profile_at_every_hardness():
    # Two kinds of items only, so that the items of one hardness can be told apart.
    simulated = hatlib.simulate_answers(
        [0.5],
        profiles=["steep"],
        difficulty=lambda u: np.where(u < 0.5, -1.0, 1.0),
        n_items=10_000,
        item_spread=0.3,
        targets=["de"],
        rng=0,
    )
    counts = simulated.responses.counts("sim")
    rate = counts.target_correct[0, 0] / 10
    easy = counts.source_correct[0] >= 6
    mixed = special.expit(0.5 - np.array([-1.0, 1.0]))
    seen_easy = binom.sf(5, 10, mixed)
    f = PROFILES["steep"](mixed)
    for chosen, weight in ((easy, seen_easy), (~easy, 1 - seen_easy)):
        assert rate[chosen].mean() == pytest.approx(weight @ f / weight.sum(), abs=0.015)


def test_overdispersion_is_the_correlation_of_answers_to_one_item():
    p, rho, trials = 0.3, 0.25, 12
    simulated = hatlib.simulate_answers(
        [special.logit(p)],
        profiles=[lambda h: h],
        difficulty=lambda u: 0 * u,
        n_items=40_000,
        n_trials=trials,
        overdispersion=rho,
        rng=1,
    )
    counts = simulated.responses.counts("sim")
    expected = trials * p * (1 - p) * (1 + (trials - 1) * rho)
    assert counts.source_correct.var() == pytest.approx(expected, rel=0.03)
    for target in counts.target_correct[0]:
        assert target.var() == pytest.approx(expected, rel=0.03)
    # One draw an item and language: languages are independent given the hardness.
    assert abs(np.corrcoef(counts.target_correct[0])[0, 1]) < 0.02


def test_item_spread_is_between_items_and_not_between_answers():
    p, spread = 0.4, 0.2
    simulated = hatlib.simulate_answers(
        [special.logit(p)],
        profiles=[lambda h: h],
        difficulty=lambda u: 0 * u,
        n_items=40_000,
        n_trials=400,
        item_spread=spread,
        targets=["de"],
    )
    counts = simulated.responses.counts("sim")
    answers = p * (1 - p) / 400
    assert (counts.source_correct / 400).var() == pytest.approx(answers, rel=0.03)
    expected = spread * p * (1 - p) + answers
    assert (counts.target_correct / 400).var() == pytest.approx(expected, rel=0.05)


def test_a_profile_at_zero_and_one_stays_there_in_spite_of_scatter():
    simulated = hatlib.simulate_answers(
        [0.0], profiles=[lambda h: (h > 0.5) * 1.0], item_spread=0.5, overdispersion=0.5, rng=2
    )
    counts = simulated.responses.counts("sim")
    assert set(np.unique(counts.target_correct)) <= {0, 10}


def test_source_and_target_may_have_different_numbers_of_trials():
    simulated = hatlib.simulate_answers([0.0], n_items=20, n_trials=10, target_trials=1)
    counts = simulated.responses.counts("sim")
    assert set(counts.source_trials.ravel()) == {10}
    assert set(counts.target_trials.ravel()) == {1}


def test_the_seed_decides_everything():
    def frame(rng):
        return hatlib.simulate_answers([0.0, 1.0], n_items=30, item_spread=0.1, rng=rng).responses

    pd.testing.assert_frame_equal(frame(5).frame, frame(5).frame)
    pd.testing.assert_frame_equal(frame(5).frame, frame(np.random.default_rng(5)).frame)
    assert not frame(5).frame.equals(frame(6).frame)


def test_each_item_may_start_from_a_language_of_its_own():
    codes = ["de", "en", "fr", "hi"]
    simulated = hatlib.simulate_answers(
        [1.0, 2.0], profiles=lambda h: 0 * h, n_items=40, targets=codes, source_language="item"
    )
    frame = simulated.responses.frame
    starts = frame.drop_duplicates("item")["source_language"].value_counts()
    assert starts.to_dict() == dict.fromkeys(codes, 10)
    assert len(frame[["item", "source_language"]].drop_duplicates()) == 40
    right = frame.groupby(frame["language"] == frame["source_language"])["n_correct"].sum()
    assert right[False] == 0  # nothing transfers
    assert right[True] > 0
    counts = simulated.responses.counts("sim")
    assert counts.source_language == "item"
    assert counts.targets == tuple(codes)
    assert ((counts.target_trials == 0).sum(axis=1) == 1).all()


def test_the_responses_are_as_if_they_were_loaded(tmp_path):
    simulated = hatlib.simulate_answers([0.0, 1.0, 2.0], n_items=12, chance=0.25, benchmark="sim")
    for kind in ("csv", "parquet"):
        folder = tmp_path / kind
        paths = simulated.write(folder, file_format=kind)
        assert {path.name for path in folder.iterdir()} == {path.name for path in paths}
        models = folder / "models.csv"
        loaded = hatlib.load_responses(paths[0], models=models, chance=0.25)
        pd.testing.assert_frame_equal(loaded.frame, simulated.responses.frame)
        pd.testing.assert_frame_equal(loaded.benchmarks, simulated.responses.benchmarks)
        pd.testing.assert_frame_equal(loaded.languages, simulated.responses.languages)
        truth = pd.read_csv(folder / "truth.csv")
        pd.testing.assert_frame_equal(truth, simulated.truth)


def test_files_are_not_overwritten_unless_told(tmp_path):
    first, *_ = hatlib.simulate_answers([0.0], n_items=5).write(tmp_path)
    before = first.read_bytes()
    other = hatlib.simulate_answers([0.0], n_items=6)
    with pytest.raises(hatlib.InputError, match="is not overwritten") as caught:
        other.write(tmp_path)
    assert len(caught.value.problems) == 4
    assert first.read_bytes() == before
    other.write(tmp_path, force=True)
    assert first.read_bytes() != before
    with pytest.raises(hatlib.InputError, match="file_format"):
        other.write(tmp_path, file_format="xlsx", force=True)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(hatlib.InputError) as caught:
        hatlib.simulate_answers(
            [np.nan], profiles=["magic", "linear"], n_items=0, n_trials=0, target_trials=0,
            targets=["de", "de", "en", "klingon"], target_shift=[1.0], chance=1.0,
            difficulty="odd", item_spread=1.0, overdispersion=-0.1,
            models=pd.DataFrame({"model": ["a", "a"]}), benchmark="",
        )  # fmt: skip
    said = [str(problem) for problem in caught.value.problems]
    about = [
        "abilities", "n_items", "n_trials", "target_trials", "chance", "item_spread",
        "overdispersion", "klingon", "a target stands twice", "source language is among",
        "1 values for 4 targets", "2 profiles for 1", "magic", "difficulty", "2 rows for 1",
        "a model stands twice", "benchmark is empty",
    ]  # fmt: skip
    assert len(said) == len(about)
    assert [words for words in about if not any(words in line for line in said)] == []


NO_PROBABILITY = "a profile does not give one number from 0 to 1"
REAL = hatlib.load().models.iloc[0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"profiles": lambda h: 2 * h}, NO_PROBABILITY),
        ({"profiles": lambda h: h - 0.1}, NO_PROBABILITY),
        ({"profiles": lambda h: 0.5}, NO_PROBABILITY),
        ({"target_shift": {"fr": 1.0}}, "target_shift"),
        ({"target_shift": float("nan")}, "target_shift"),
        ({"target_shift": float("inf")}, "target_shift"),
        ({"models": pd.DataFrame({"model": [REAL["model"]]})}, "the name of a real one"),
        ({"models": pd.DataFrame({"model": [REAL["display_name"].upper()]})}, "of a real one"),
        ({"interaction": -1}, "interaction is below 0"),
        ({"promptings": -1}, "promptings is below 0"),
        ({"promptings": 2, "item_spread": 0.1}, "does not go with promptings"),
        ({"favourite": 0.5}, "needs a chance level"),
    ],
)
def test_what_cannot_be_is_refused(wrong, said):
    with pytest.raises(hatlib.InputError, match=said):
        hatlib.simulate_answers([0.0], **wrong)


def test_no_invented_name_is_real():
    real = hatlib.load().models
    words = set(" ".join(real["model"] + " " + real["display_name"]).lower().split())
    invented = [*invented_names(60), *design_models()["family"]]
    assert not {name.split()[0].lower() for name in invented} & words


# Promptings, luck and letters -------------------------------------------------------------------


def test_promptings_are_named_and_their_effect_is_the_same_in_all_languages():
    options = {"profiles": lambda h: h, "n_items": 3000, "n_trials": 1, "promptings": 4}
    shared, own = (
        hatlib.simulate_answers(
            [0.0], targets=["de"], prompting_sd=2.0, own_promptings=apart, rng=1, **options
        ).responses
        for apart in (False, True)
    )
    assert shared.table()["promptings"].tolist() == [4]

    def excess(responses):
        """Agreement of the languages under one prompting, beyond that under two."""
        right = responses.frame.pivot_table("n_correct", ["item", "prompting"], "language")
        by_item = right - right.groupby("item").transform("mean")
        return float((by_item["de"] * by_item["en"]).mean())

    assert excess(shared) > 0.03
    assert abs(excess(own)) < 0.005


def test_truth_with_promptings_is_the_mean_over_them():
    simulated = hatlib.simulate_answers(
        [0.5], profiles="shift", n_items=20, targets=["de"], promptings=2, prompting_sd=1.5
    )
    rng = np.random.default_rng(0)
    logit = np.linspace(-12, 12, 400)[:, None] + 1.5 * rng.normal(size=20_000)
    h, f = special.expit(logit).mean(axis=1), special.expit(logit - 1).mean(axis=1)
    assert scores(simulated).item() == pytest.approx(2 * np.trapezoid(f, h), abs=0.01)


def test_correlated_answers_of_a_prompting_are_seen_by_the_estimate():
    simulated = hatlib.simulate_answers(
        [0.0, 0.5], n_items=2000, n_trials=5, promptings=2, overdispersion=0.3, rng=2
    )
    found = hatlib.answer_correlation(simulated.responses)
    assert found["within"].to_numpy() == pytest.approx([0.3, 0.3], abs=0.05)


def test_greedy_answers_have_the_same_luck_in_all_languages():
    simulated = hatlib.simulate_answers(
        [0.0], profiles=lambda h: h, n_items=200, n_trials=3, greedy=True
    )
    counts = simulated.responses.counts("sim")
    np.testing.assert_array_equal(counts.target_correct[0, 0], counts.source_correct[0])
    assert 0 < counts.source_correct.mean() < 3


def test_a_favourite_letter_keeps_the_chance_level_and_moves_the_items():
    simulated = hatlib.simulate_answers(
        [-20.0], n_items=8000, targets=["de"], chance=0.25, favourite=0.8, rng=3
    )
    counts = simulated.responses.counts("sim")
    source, target = counts.source_correct[0] / 10, counts.target_correct[0, 0] / 10
    assert source.mean() == pytest.approx(0.25, abs=0.02)
    assert target.mean() == pytest.approx(0.25, abs=0.02)
    assert np.corrcoef(source, target)[0, 1] < -0.2


def test_interaction_makes_models_disagree_on_what_is_hard():
    options = {"n_items": 2000, "n_trials": 30, "targets": ["de"]}
    alike, apart = (
        hatlib.simulate_answers([0.0, 0.0], interaction=sd, **options).responses.counts("sim")
        for sd in (0.0, 2.0)
    )
    assert np.corrcoef(alike.source_correct)[0, 1] > 0.9
    assert np.corrcoef(apart.source_correct)[0, 1] < 0.5


# The shape of the paper -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def designs():
    return {
        scenario: hatlib.paper_design(**SMALL, scenario=scenario)
        for scenario in ("findings", "no-trend", "small-broken")
    }


def test_the_design_has_the_size_of_the_papers():
    simulated = hatlib.paper_design(3)
    table = simulated.responses.table()
    assert table.index.tolist() == ["sim-free-form", "sim-factual", "sim-ten-options"]
    assert table["items"].tolist() == [250, 384, 588]
    assert table["languages"].tolist() == [11, 12, 29]
    assert set(table["models"]) == {20}
    assert table[["trials_min", "trials_max"]].eq(10).all().all()
    assert (table["source_max"] - table["source_min"] > 0.3).all()
    benchmarks = simulated.responses.benchmarks.set_index("benchmark")
    assert benchmarks["chance_level"].tolist() == [0.0, 0.0, 0.1]
    assert benchmarks["source_language"].tolist() == ["en", "item", "en"]
    frame = simulated.responses.frame
    assert frame["n_correct"].dtype == np.int64
    assert not frame.duplicated(["benchmark", "model", "language", "item"]).any()


def regression(simulated, benchmark):
    """Effects of doubling the size, of a year and of thinking on the true score."""
    models = design_models()
    sized = models.dropna(subset="params_total_b")
    models = models[models["lineage"].isin(sized["lineage"])]
    effort = models["reasoning"].map({"none": 0.0, "on": 1.0})
    years = (models["release_date"] - pd.Timestamp(2025, 1, 1)) / pd.Timedelta(days=365.25)
    x = np.column_stack([np.ones(len(models)), np.log2(models["params_total_b"]), years, effort])
    y = scores(simulated)[benchmark].loc[models["model"]]
    fit, residual, *_ = np.linalg.lstsq(x, y.to_numpy(), rcond=None)
    return fit[1:], float(np.sqrt(residual.item() / len(y)))


@pytest.mark.parametrize("benchmark", ["sim-free-form", "sim-factual", "sim-ten-options"])
def test_findings_slow_with_size_clear_with_time_a_little_with_thinking(designs, benchmark):
    effects, off = regression(designs["findings"], benchmark)
    np.testing.assert_allclose(effects, [PER_DOUBLING, PER_YEAR, THINKING], atol=1e-6)
    assert off < 1e-6  # small models are on the line of the others
    hat = scores(designs["findings"])[benchmark]
    assert hat["Alder 1 thinking"] - hat["Alder 1"] == pytest.approx(THINKING, abs=1e-6)
    assert hat["Alder 2 minimal"] < hat["Alder 2 low"] < hat["Alder 2 high"]
    # Four years of small steps in size are worth less than one in time.
    assert hat["Birch 1 27B"] - hat["Birch 1 1B"] < hat["Birch 2 4B"] - hat["Birch 1 4B"]


def test_without_a_trend_all_models_transfer_alike(designs):
    hat = scores(designs["no-trend"])
    assert hat.groupby("benchmark").agg(np.ptp).max() < 1e-6
    # They differ in the shape of their profiles all the same.
    profiles = (
        designs["no-trend"].profiles().query("target == 'macro' and benchmark == 'sim-factual'")
    )
    half = profiles[np.isclose(profiles["source_probability"], 0.2)]
    assert np.ptp(half["expected_target"]) > 0.03


def test_small_models_are_broken_where_the_scenario_says_so(designs):
    change = scores(designs["small-broken"]) - scores(designs["findings"])
    small = set(design_models().query("params_total_b <= 4")["model"])
    assert len(small) == 5
    is_small = change.index.get_level_values("model").isin(small)
    np.testing.assert_allclose(change[is_small], BROKEN, atol=1e-6)
    np.testing.assert_allclose(change[~is_small], 0, atol=1e-6)


def test_ability_grows_with_size_and_date_in_every_scenario(designs):
    for simulated in designs.values():
        for column in simulated.models.filter(like="ability_"):
            ability = simulated.models.set_index("model")[column]
            assert ability[[f"Birch 1 {s}B" for s in (1, 4, 12, 27)]].is_monotonic_increasing
            assert ability[["Cedar 1", "Cedar 2", "Cedar 3"]].is_monotonic_increasing
            assert ability["Alder 1 thinking"] > ability["Alder 1"]


def test_languages_lose_differently(designs):
    hat = designs["findings"].truth.query("benchmark == 'sim-ten-options' and model == 'Cedar 2'")
    hat = hat.set_index("target")["hat"]
    assert hat["de"] > hat["ru"] > hat["sw"] > hat["wo"]


def test_seeds_change_the_answers_and_not_the_truth(designs):
    again = hatlib.paper_design(0, **SMALL)
    other = hatlib.paper_design(1, **SMALL)
    pd.testing.assert_frame_equal(again.responses.frame, designs["findings"].responses.frame)
    pd.testing.assert_frame_equal(again.truth, other.truth)
    assert not again.responses.frame.equals(other.responses.frame)


@pytest.mark.parametrize("wrong", [{"scenario": "magic"}, {"n_items": (1, 2)}, {"n_trials": 0}])
def test_a_wrong_design_is_refused(wrong):
    with pytest.raises(hatlib.InputError):
        hatlib.paper_design(**wrong)
