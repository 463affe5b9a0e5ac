"""Languages within the same models and items, against direct recomputation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

import hatlib
from hatlib.metric.score import interval_quantile

DRAWS = 150


@pytest.fixture(scope="module")
def simulated():
    return hatlib.simulate_answers(
        [-0.5, 0.5, 1.0, 1.5],
        profiles=["linear", "square", "flat", "steep"],
        targets=["hr", "hr-x-ckm", "mk", "sr"],
        target_shift=[0.4, -0.8, 0.0, 0.2],
        n_items=400,
    )


@pytest.fixture(scope="module")
def scores(simulated):
    return hatlib.hat_scores(simulated.responses, reference="uniform", draws=DRAWS)


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
    q = stats.false_discovery_control(table["p_value"])
    np.testing.assert_allclose(table["q_value"], q)
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
    assert first not in found.models
    assert len(found.models) == 3


def test_one_target_or_no_score_is_a_result(simulated):
    one = hatlib.hat_scores(simulated.responses, targets=["mk"], draws=50)
    found = hatlib.language_effects(one)
    none = hatlib.language_effects(hatlib.hat_scores(simulated.responses, draws=50), models=[])
    assert found.languages.empty
    assert none.languages.empty
    assert found.models == none.models == ()
    assert found.dialects() == []
    assert found.differences([]).empty


def test_known_language_effects_are_recovered(scores, simulated):
    found = hatlib.language_effects(scores).languages.set_index("language")
    truth = simulated.truth.groupby("target")["hat"].mean()[found.index]
    assert found["hat"].idxmin() == truth.idxmin() == "hr-x-ckm"
    assert np.sqrt(((found["hat"] - truth) ** 2).mean()) < 0.03
