"""Item-level simulation: the answers against closed forms, the truth against quadrature."""

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


def integral(function):
    return quad(lambda h: float(function(np.array(h))), 0, 1, limit=500)[0]


def counts_of(*abilities, **options):
    """Counts of simulated answers."""
    return hatlib.simulate_answers(abilities, **options).responses.counts("sim")


def scores(simulated, target=MACRO):
    return simulated.truth.query("target == @target").set_index(["benchmark", "model"])["hat"]


@pytest.mark.parametrize("profile", [*PROFILES, np.sqrt, lambda h: 0 * h, lambda h: h])
def test_the_true_score_is_the_integral_of_the_profile(profile):
    simulated = hatlib.simulate_answers([0.0], profiles=profile, n_items=1, targets=["de"])
    function = PROFILES[profile] if isinstance(profile, str) else profile
    assert scores(simulated).item() == pytest.approx(2 * integral(function), abs=1e-5)
    assert true_transfer(profile) == pytest.approx(2 * integral(function), abs=1e-4)


@pytest.mark.parametrize("chance", [0.0, 0.25])
def test_languages_are_shifted_and_the_macro_score_is_their_mean(chance):
    shift = {"de": 0.0, "sw": -1.0, "yo": 0.5}
    simulated = hatlib.simulate_answers(
        [0.0], profiles="square", targets=list(shift), target_shift=[*shift.values()], chance=chance
    )
    expected = {
        code: 2 * integral(lambda h, s=s: special.expit(special.logit(h**2) + s))
        for code, s in shift.items()
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
    h = (frame["source_probability"] - 0.2) / 0.8
    expected = 0.2 + 0.8 * np.where(frame["model"] == "Alder", 0.7 * h, h**2)
    np.testing.assert_allclose(frame["expected_target"], expected, atol=1e-12)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize(
    "extra",
    [{}, {"item_spread": 0.3}, {"overdispersion": 0.2}, {"chance": 0.1, "item_spread": 0.2}],
)
def test_mean_accuracies_are_the_expected_ones(difficulty, extra):
    abilities = [-2.0, 0.0, 3.0]
    world = {"profiles": "shift", "difficulty": difficulty, "n_items": 20_000, "rng": 3}
    counts = counts_of(*abilities, **world, **extra)
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
    counts = counts_of(
        0.5, profiles="steep", difficulty=lambda u: np.where(u < 0.5, -1.0, 1.0), n_items=10_000,
        item_spread=0.3, targets=["de"],
    )  # fmt: skip
    rate = counts.target_correct[0, 0] / 10
    easy = counts.source_correct[0] >= 6
    mixed = special.expit(0.5 - np.array([-1.0, 1.0]))
    seen_easy = binom.sf(5, 10, mixed)
    f = PROFILES["steep"](mixed)
    for chosen, weight in ((easy, seen_easy), (~easy, 1 - seen_easy)):
        assert rate[chosen].mean() == pytest.approx(weight @ f / weight.sum(), abs=0.015)


def test_scatter_is_between_the_answers_to_an_item_or_between_items():
    p, rho, spread, trials = 0.3, 0.25, 0.2, 12
    one = dict(profiles=lambda h: h, difficulty=lambda u: 0 * u, n_items=40_000, n_trials=trials)
    ability, variance = special.logit(p), p * (1 - p) / trials
    counts = counts_of(ability, overdispersion=rho, rng=1, **one)
    expected = variance * (1 + (trials - 1) * rho)
    for correct in (counts.source_correct[0], *counts.target_correct[0]):
        assert (correct / trials).var() == pytest.approx(expected, rel=0.03)
    # One draw an item and language: languages are independent given the hardness.
    assert abs(np.corrcoef(counts.target_correct[0])[0, 1]) < 0.02
    counts = counts_of(ability, item_spread=spread, **one)
    assert (counts.source_correct / trials).var() == pytest.approx(variance, rel=0.03)
    expected = variance + (1 - 1 / trials) * spread * p * (1 - p)
    assert (counts.target_correct / trials).var() == pytest.approx(expected, rel=0.03)


def test_a_profile_at_zero_and_one_stays_there_in_spite_of_scatter():
    world = {"item_spread": 0.5, "overdispersion": 0.5, "rng": 2}
    counts = counts_of(0.0, profiles=lambda h: (h > 0.5) * 1.0, **world)
    assert set(np.unique(counts.target_correct)) <= {0, 10}


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
    assert right[False] == 0 < right[True]  # nothing transfers
    assert ((simulated.responses.counts("sim").target_trials == 0).sum(axis=1) == 1).all()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_are_as_if_they_were_loaded_and_not_overwritten_unless_told(kind, tmp_path):
    simulated = hatlib.simulate_answers([0.0, 1.0, 2.0], n_items=12, chance=0.25)
    paths = simulated.write(tmp_path, file_format=kind)
    assert set(tmp_path.iterdir()) == set(paths)
    loaded = hatlib.load_responses(paths[0], models=paths[1], chance=0.25)
    for name in ("frame", "benchmarks", "languages"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(simulated.responses, name))
    pd.testing.assert_frame_equal(pd.read_csv(paths[3]), simulated.truth)
    before = paths[0].read_bytes()
    paths[0].write_bytes(b"mine")
    with pytest.raises(hatlib.InputError, match="is not overwritten") as caught:
        simulated.write(tmp_path, file_format=kind)
    assert (len(caught.value.problems), paths[0].read_bytes()) == (4, b"mine")
    simulated.write(tmp_path, file_format=kind, force=True)
    assert paths[0].read_bytes() == before
    with pytest.raises(hatlib.InputError, match="file_format"):
        simulated.write(tmp_path, file_format="xlsx", force=True)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(hatlib.InputError) as caught:
        hatlib.simulate_answers(
            [np.nan], profiles=["magic", "linear"], n_items=0, n_trials=0, target_shift=[1.0],
            targets=["de", "de", "en", "klingon"], chance=1.0, difficulty="odd", item_spread=1.0,
            overdispersion=-0.1, models=pd.DataFrame({"model": ["a", "a"]}), benchmark="",
        )  # fmt: skip
    assert len(caught.value.problems) == 16
    assert "(found: klingon)" in str(caught.value)


REAL = hatlib.load().models.iloc[0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"profiles": lambda h: 2 * h}, "one number from 0 to 1"),
     ({"profiles": lambda h: h - 0.1}, "one number from 0 to 1"),
     ({"profiles": lambda h: 0.5}, "one number from 0 to 1"),
     ({"models": pd.DataFrame({"model": [REAL["model"]]})}, "name of a real one"),
     ({"models": pd.DataFrame({"model": [REAL["display_name"].upper()]})}, "of a real one"),
     ({"target_shift": float("inf")}, "target_shift"), ({"favourite": 0.5}, "needs a chance level"),
     ({"interaction": -1}, "interaction is below 0"), ({"promptings": -1}, "promptings is below 0"),
     ({"promptings": 2, "item_spread": 0.1}, "does not go with promptings")],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong, said):
    with pytest.raises(hatlib.InputError, match=said):
        hatlib.simulate_answers([0.0], **wrong)


def test_promptings_are_named_and_their_effect_is_the_same_in_all_languages():
    responses = hatlib.simulate_answers(
        [0.0], profiles=lambda h: h, n_items=3000, n_trials=1, promptings=4, prompting_sd=2.0,
        targets=["de"], rng=1,
    ).responses  # fmt: skip
    assert responses.table()["promptings"].tolist() == [4]
    # Languages agree under one prompting beyond how they do under two.
    right = responses.frame.pivot_table("n_correct", ["item", "prompting"], "language")
    by_item = right - right.groupby("item").transform("mean")
    assert (by_item["de"] * by_item["en"]).mean() > 0.03


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
    counts = counts_of(0.0, profiles=lambda h: h, n_items=200, n_trials=3, greedy=True)
    np.testing.assert_array_equal(counts.target_correct[0, 0], counts.source_correct[0])
    assert 0 < counts.source_correct.mean() < 3


def test_a_favourite_letter_keeps_the_chance_level_and_moves_the_items():
    counts = counts_of(-20.0, n_items=8000, targets=["de"], rng=3, chance=0.25, favourite=0.8)
    source, target = counts.source_correct[0] / 10, counts.target_correct[0, 0] / 10
    assert [source.mean(), target.mean()] == pytest.approx([0.25, 0.25], abs=0.02)
    assert np.corrcoef(source, target)[0, 1] < -0.2


def test_interaction_makes_models_disagree_on_what_is_hard():
    options = {"n_items": 2000, "n_trials": 30, "targets": ["de"]}
    alike, apart = (counts_of(0.0, 0.0, interaction=sd, **options) for sd in (0.0, 2.0))
    assert np.corrcoef(alike.source_correct)[0, 1] > 0.9
    assert np.corrcoef(apart.source_correct)[0, 1] < 0.5


@pytest.fixture(scope="module")
def designs():
    small = {"n_items": (50, 48, 40), "n_trials": 2}
    names = ("findings", "no-trend", "small-broken")
    return {name: hatlib.paper_design(**small, scenario=name) for name in names}


def test_the_design_has_the_size_of_the_papers_and_a_wrong_one_is_refused():
    simulated = hatlib.paper_design(3)
    table = simulated.responses.table()
    columns = ["models", "items", "languages", "trials_min", "trials_max"]
    assert table[columns].to_numpy().tolist() == [
        [20, 250, 11, 10, 10], [20, 384, 12, 10, 10], [20, 588, 29, 10, 10],
    ]  # fmt: skip
    assert (table["source_max"] - table["source_min"] > 0.3).all()
    for wrong in ({"scenario": "magic"}, {"n_items": (1, 2)}, {"n_trials": 0}):
        with pytest.raises(hatlib.InputError):
            hatlib.paper_design(**wrong)


@pytest.mark.parametrize("benchmark", ["sim-free-form", "sim-factual", "sim-ten-options"])
def test_findings_slow_with_size_clear_with_time_a_little_with_thinking(designs, benchmark):
    models = design_models()
    sized = models.dropna(subset="params_total_b")
    models = models[models["lineage"].isin(sized["lineage"])]
    effort = models["reasoning"].map({"none": 0.0, "on": 1.0})
    years = (models["release_date"] - pd.Timestamp(2025, 1, 1)) / pd.Timedelta(days=365.25)
    x = np.column_stack([np.ones(len(models)), np.log2(models["params_total_b"]), years, effort])
    hat = scores(designs["findings"])[benchmark]
    fit, residual, *_ = np.linalg.lstsq(x, hat[models["model"]].to_numpy(), rcond=None)
    np.testing.assert_allclose(fit[1:], [PER_DOUBLING, PER_YEAR, THINKING], atol=1e-6)
    assert residual.item() < 1e-12 * len(x)  # small models are on the line of the others
    assert hat["Alder 1 thinking"] - hat["Alder 1"] == pytest.approx(THINKING, abs=1e-6)
    assert hat["Alder 2 minimal"] < hat["Alder 2 low"] < hat["Alder 2 high"]
    # Four years of small steps in size are worth less than one in time.
    assert hat["Birch 1 27B"] - hat["Birch 1 1B"] < hat["Birch 2 4B"] - hat["Birch 1 4B"]


def test_without_a_trend_all_models_transfer_alike(designs):
    hat = scores(designs["no-trend"])
    assert hat.groupby("benchmark").agg(np.ptp).max() < 1e-6
    # They differ in the shape of their profiles all the same.
    wanted = "target == 'macro' and benchmark == 'sim-factual'"
    profiles = designs["no-trend"].profiles().query(wanted)
    half = profiles[np.isclose(profiles["source_probability"], 0.2)]
    assert np.ptp(half["expected_target"]) > 0.03


def test_small_models_are_broken_where_the_scenario_says_so(designs):
    change = scores(designs["small-broken"]) - scores(designs["findings"])
    small = set(design_models().query("params_total_b <= 4")["model"])
    assert len(small) == 5
    is_small = change.index.get_level_values("model").isin(small)
    np.testing.assert_allclose(change[is_small], BROKEN, atol=1e-6)
    np.testing.assert_allclose(change[~is_small], 0, atol=1e-6)


def test_no_simulated_model_is_real():
    real = hatlib.load().models
    words = set(" ".join(real["model"] + " " + real["display_name"]).lower().split())
    words |= {part for word in words for part in word.split("-")}
    invented = {*invented_names(60), *design_models()["family"]}
    assert not {name.split()[0].lower() for name in invented} & words
