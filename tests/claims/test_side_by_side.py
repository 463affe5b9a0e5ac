"""Profiles, languages and datasets side by side, against direct recomputation."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

import hatlib
from hatlib.claims.profiles import items_near, profile_difference, profile_pairs, stretches
from hatlib.errors import InputError
from hatlib.metric.results import thinned
from hatlib.metric.score import interval_quantile
from hatlib.truth.simulate import together

DRAWS = 150


@pytest.fixture(scope="module")
def simulated():
    return hatlib.simulate_answers(
        [-0.5, 0.5, 1.0, 1.5], profiles=["linear", "square", "flat", "steep"], n_items=400,
        targets=["hr", "hr-x-ckm", "mk", "sr"], target_shift=[0.4, -0.8, 0.0, 0.2],
    )  # fmt: skip


@pytest.fixture(scope="module")
def scores(simulated):
    return hatlib.hat_scores(simulated.responses, reference="uniform", draws=DRAWS)


def test_difference_and_band_come_from_the_same_redraws(scores):
    b = scores.benchmark()
    kept = thinned(b.hardness.grid, b.chance)
    points = profile_difference(b, 0, 1, level=0.95)
    gap = b.curves[0, 0, kept] - b.curves[1, 0, kept]
    redrawn = b.curve_draws[:, 0] - b.curve_draws[:, 1]
    se = np.maximum(redrawn.std(axis=0, ddof=1), 1e-9)
    reach = np.quantile((np.abs(redrawn - redrawn.mean(axis=0)) / se).max(axis=1), 0.95) * se
    expected = np.stack([gap, gap - reach, gap + reach], axis=1)
    np.testing.assert_allclose(points[["difference", "low", "high"]], expected)
    # About one redraw in twenty leaves the band anywhere.
    outside = (np.abs(redrawn - redrawn.mean(axis=0)) > reach + 1e-12).any(axis=1)
    assert outside.mean() <= 0.055


def test_pairs_have_the_higher_score_first_and_the_range_that_both_share(scores, simulated):
    b = scores.benchmark()
    enough, pairs = items_near(b) >= 10, profile_pairs(scores)
    assert len(pairs) == 6
    for pair in pairs.itertuples():
        assert (b.models[pair.i], b.models[pair.j]) == (pair.model_a, pair.model_b)
        assert 0 < pair.lead == pytest.approx(b.hat[pair.i, 0] - b.hat[pair.j, 0])
        assert pair.shared == pytest.approx((enough[pair.i] & enough[pair.j]).mean())
        assert pair.sound == b.sound[[pair.i, pair.j], 0].all()
    alone = hatlib.hat_scores(hatlib.simulate_answers([0.0], n_items=100).responses, draws=50)
    assert profile_pairs(alone).empty
    with pytest.raises(InputError, match="redraws"):
        bare = hatlib.hat_scores(simulated.responses, draws=0).benchmark()
        profile_difference(bare, 0, 1, level=0.95)


def test_stretches_are_where_the_profiles_truly_differ():
    crossing = hatlib.simulate_answers([0.5, 0.5], profiles=["steep", "flat"], n_items=1500)
    b = hatlib.hat_scores(crossing.responses, draws=DRAWS).benchmark()
    points = profile_difference(b, 0, 1, level=0.95)
    low, high = stretches(points).to_dict("records")
    assert low["difference"] < 0 < high["difference"]
    assert low["end"] < high["start"]
    assert stretches(points.head(0)).empty


def test_bands_hold_the_truth_of_simulated_profiles(simulated, scores):
    truth = simulated.profiles().query("target == 'macro'").set_index("model")
    b, held = scores.benchmark(), []
    for i, j in combinations(range(4), 2):
        points = profile_difference(b, i, j, level=0.95)
        one, other = (
            np.interp(points["source_probability"], m["source_probability"], m["expected_target"])
            for m in (truth.loc[b.models[i]], truth.loc[b.models[j]])
        )
        held.append((points["low"] <= one - other) & (one - other <= points["high"]))
    assert np.mean(held) > 0.8


def test_means_over_models_and_their_intervals(scores):
    b = scores.benchmark()
    found = hatlib.language_effects(scores)
    table = found.languages.set_index("language").loc[list(b.targets[1:])]
    hat, draws = b.hat[:, 1:].mean(axis=0), b.draws[:, :, 1:].mean(axis=1)
    se = draws.std(axis=0, ddof=1)
    reach = interval_quantile(b.effective_items[:, 1:].min(axis=0), 0.95) * se
    np.testing.assert_allclose(table["hat"], hat)
    np.testing.assert_allclose(table["high"] - table["hat"], reach)
    others = [(hat.sum() - h) / (len(hat) - 1) for h in hat]
    np.testing.assert_allclose(table["from_others"], hat - others)
    moved = draws - (draws.sum(axis=1, keepdims=True) - draws) / (len(hat) - 1)
    half = (table["from_others_high"] - table["from_others_low"]) / 2
    np.testing.assert_allclose(half, reach / se * moved.std(axis=0, ddof=1))
    np.testing.assert_allclose(table["q_value"], stats.false_discovery_control(table["p_value"]))
    assert found.languages["hat"].is_monotonic_decreasing


def test_differences_and_dialects_are_those_of_the_means(scores):
    found = hatlib.language_effects(scores)
    hat = found.languages.set_index("name")["hat"]
    pairs = found.differences(combinations(found.languages["language"], 2))
    assert len(pairs) == 6
    by_hand = hat[pairs["first"]].to_numpy() - hat[pairs["second"]].to_numpy()
    np.testing.assert_allclose(pairs["difference"], by_hand)
    assert found.dialects() == [("hr-x-ckm", "hr")]
    (row,) = found.differences(found.dialects()).to_dict("records")
    codes = found.languages["language"].tolist()
    i, j = codes.index("hr-x-ckm"), codes.index("hr")
    se = (found.draws[:, i] - found.draws[:, j]).std(ddof=1)
    reach = interval_quantile(found.effective[[i, j]].min(), 0.95) * se
    assert row["high"] - row["difference"] == pytest.approx(reach)
    assert row["high"] < 0


def test_languages_are_averaged_over_the_same_models(simulated):
    frame = simulated.responses.frame
    first = str(frame["model"].iloc[0])
    gone = (frame["model"] == first) & (frame["language"] == "mk")
    part = replace(simulated.responses, frame=frame[~gone].reset_index(drop=True))
    found = hatlib.language_effects(hatlib.hat_scores(part, draws=50))
    assert first not in found.models and len(found.models) == 3


def test_one_target_or_no_score_is_a_result(simulated):
    one = hatlib.hat_scores(simulated.responses, targets=["mk"], draws=50)
    found = hatlib.language_effects(one)
    none = hatlib.language_effects(hatlib.hat_scores(simulated.responses, draws=50), models=[])
    assert found.languages.empty and none.languages.empty
    assert (found.models, none.models, found.dialects()) == ((), (), [])
    assert found.differences([]).empty


def test_known_language_effects_are_recovered(scores, simulated):
    found = hatlib.language_effects(scores).languages.set_index("language")
    truth = simulated.truth.groupby("target")["hat"].mean()[found.index]
    assert found["hat"].idxmin() == truth.idxmin() == "hr-x-ckm"
    assert np.sqrt(((found["hat"] - truth) ** 2).mean()) < 0.03


def test_sets_say_what_they_have_and_why_some_have_no_scores():
    responses = hatlib.load_responses(sets=["mgsm", "truthfulqa-human"])
    sets = hatlib.score_sets(responses, hardness="self", draws=50)
    assert sets.sets()["scored"].to_dict() == {"mgsm": 4}
    assert list(sets.reasons) == ["truthfulqa-human"]
    assert sets.lead() == sets.lead("mgsm") == "mgsm"
    for wanted, why in (("nonsense", "nonsense"), ("truthfulqa-human", "one answer an item")):
        with pytest.raises(InputError, match=why):
            sets.lead(wanted)
    with pytest.raises(InputError, match="profile"):
        hatlib.score_sets(responses, profile="nonsense")


def test_a_set_above_perfect_transfer_does_not_lead():
    easy = hatlib.simulate_answers(
        [-1.0, -0.5, 0.0, 0.5], profiles=[np.sqrt] * 4, n_items=400, benchmark="easy"
    )
    plain = hatlib.simulate_answers([0.0, 0.5], n_items=400, benchmark="plain")
    sets = hatlib.score_sets(together([easy, plain]).responses, draws=50)
    table = sets.sets()
    assert table["doubtful"].to_dict() == {"easy": True, "plain": False}
    assert table.loc["easy", "support"] > table.loc["plain", "support"]
    assert sets.lead() == "plain"
