"""Two profiles and the band of their difference, against direct recomputation."""

from __future__ import annotations

import numpy as np
import pytest

import hatlib
from hatlib.claims.profiles import items_near, profile_difference, profile_pairs, stretches
from hatlib.errors import InputError
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


def test_pairs_have_the_higher_score_first_and_the_range_that_both_share(scores, simulated):
    b = scores.benchmark()
    enough, pairs = items_near(b) >= 10, profile_pairs(scores)
    assert len(pairs) == 6
    for pair in pairs.itertuples():
        assert (b.models[pair.i], b.models[pair.j]) == (pair.model_a, pair.model_b)
        assert pair.lead == pytest.approx(b.hat[pair.i, 0] - b.hat[pair.j, 0])
        assert pair.lead > 0
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
