"""Two profiles and the band of their difference, against direct recomputation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hatlib
from hatlib.claims.profiles import items_near, profile_difference, profile_pair, widest
from hatlib.errors import InputError
from hatlib.metric.flags import Flag
from hatlib.metric.results import thinned

DRAWS = 150


@pytest.fixture(scope="module")
def simulated():
    return hatlib.simulate_answers(
        [-0.5, 0.5, 1.0, 1.5],
        profiles=["linear", "square", "flat", "steep"],
        targets=["hr", "mk"],
        n_items=400,
    )


@pytest.fixture(scope="module")
def scores(simulated):
    return hatlib.hat_scores(simulated.responses, reference="uniform", draws=DRAWS)


def test_kept_draws_have_the_quantiles_of_the_bands(scores):
    b = scores.benchmark()
    kept = thinned(b.hardness.grid, b.chance)
    assert b.curve_draws.shape == (DRAWS, len(b.models), len(kept))
    low, high = np.quantile(b.curve_draws, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(low, b.bands[0][:, kept])
    np.testing.assert_allclose(high, b.bands[1][:, kept])


def test_difference_and_band_come_from_the_same_redraws(scores):
    b = scores.benchmark()
    kept = thinned(b.hardness.grid, b.chance)
    points = profile_difference(b, 0, 1, level=0.95)
    gap = b.curves[0, 0, kept] - b.curves[1, 0, kept]
    redrawn = b.curve_draws[:, 0] - b.curve_draws[:, 1]
    se = np.maximum(redrawn.std(axis=0, ddof=1), 1e-9)
    reach = np.quantile((np.abs(redrawn - redrawn.mean(axis=0)) / se).max(axis=1), 0.95) * se
    np.testing.assert_allclose(points["difference"], gap)
    np.testing.assert_allclose(points["low"], gap - reach)
    np.testing.assert_allclose(points["high"], gap + reach)
    # About one redraw in twenty leaves the band anywhere.
    outside = (np.abs(redrawn - redrawn.mean(axis=0)) > reach + 1e-12).any(axis=1)
    assert outside.mean() <= 0.055


def test_items_near_a_point_are_counted_by_their_distribution(scores):
    b = scores.benchmark()
    h = b.hardness.grid[thinned(b.hardness.grid, b.chance)]
    near = np.abs(h[:, None] - b.hardness.grid) <= 0.05
    expected = [float(400 * b.hardness.distribution[0, row].sum()) for row in near]
    np.testing.assert_allclose(items_near(b)[0], expected)


def test_models_are_chosen_by_difference_and_shared_range_and_names_are_kept(scores):
    b = scores.benchmark()
    enough = items_near(b) >= 10
    size = {
        (i, j): (enough[i] & enough[j]).mean() * (b.hat[i, 0] - b.hat[j, 0])
        for i in range(4)
        for j in range(4)
    }
    first, second = max(size, key=size.get)
    assert profile_pair(scores).models == (b.models[first], b.models[second])
    one, other = b.models[second], b.models[first]
    assert profile_pair(scores, one, other).models == (one, other)
    assert profile_pair(scores, one).models[0] == one
    assert profile_pair(scores, "", one).models[1] == one


def test_scores_without_support_are_not_chosen(scores):
    b = scores.benchmark()
    best = b.models.index(profile_pair(scores).models[0])
    marks = {flag: mark.copy() for flag, mark in b.marks.items()}
    marks[Flag.EXTRAPOLATED][best, 0] = True
    weak = replace(scores, benchmarks=(replace(b, marks=marks),))
    assert b.models[best] not in profile_pair(weak).models


def test_wrong_names_and_missing_redraws_are_errors(scores, simulated):
    first = scores.benchmark().models[0]
    with pytest.raises(InputError, match="nobody"):
        profile_pair(scores, "nobody")
    with pytest.raises(InputError, match="itself"):
        profile_pair(scores, first, first)
    with pytest.raises(InputError, match="redraws"):
        profile_pair(hatlib.hat_scores(simulated.responses, draws=0))


def test_one_model_is_a_result_and_not_an_error():
    alone = hatlib.hat_scores(hatlib.simulate_answers([0.0], n_items=100).responses, draws=50)
    pair = profile_pair(alone)
    assert "Two models" in pair.reason
    assert pair.points.empty
    assert pair.stretches.empty
    assert widest(alone) == "sim"


def test_stretches_are_where_the_profiles_truly_differ():
    crossing = hatlib.simulate_answers([0.5, 0.5], profiles=["steep", "flat"], n_items=1500)
    found = profile_pair(hatlib.hat_scores(crossing.responses, draws=DRAWS), "Alder", "Aspen")
    assert found.stretches["better"].tolist() == ["Aspen", "Alder"]
    low, high = found.stretches.iloc[0], found.stretches.iloc[1]
    assert low["end"] < high["start"]


def test_bands_hold_the_truth_of_simulated_profiles(simulated, scores):
    truth = simulated.profiles().query("target == 'macro'").set_index("model")
    b, held = scores.benchmark(), []
    for i in range(4):
        for j in range(i):
            points = profile_difference(b, i, j, level=0.95)
            h = points["source_probability"]
            one, other = (
                np.interp(h, truth.loc[m, "source_probability"], truth.loc[m, "expected_target"])
                for m in (b.models[i], b.models[j])
            )
            held.append((points["low"] <= one - other) & (one - other <= points["high"]))
    assert np.mean(held) > 0.8
