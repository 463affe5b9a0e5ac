"""Rankings and choices: taus, reversals and the interval of their agreement, by hand."""

from dataclasses import replace
from functools import partial
from operator import mul

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import hatlib
from hatlib.claims import rankings
from hatlib.claims.rankings import Ranking, compare_rankings, ranking, reversed_pairs
from hatlib.claims.variants import agreements, variants
from hatlib.metric.compare import compare_all

DRAWS = 150
CHOICES = ("self", "pooled", "leave-one-out", "other-lineages")
HARDNESS = {name: {"hardness": name} for name in CHOICES}


def fake(values, noise=0.02, sound=None, name="x"):
    values = np.asarray(values, float)
    draws = values + noise * np.random.default_rng(0).normal(size=(200, len(values)))
    fine = np.ones(len(values), bool) if sound is None else np.asarray(sound)
    names = tuple(f"m{i}" for i in range(len(values)))
    return Ranking(name, names, values, draws, np.full(len(values), 300.0), fine)


@pytest.fixture(scope="module")
def simulated():
    """Six models that differ widely in transfer, in two lineages and two single ones."""
    models = pd.DataFrame({"model": [f"m{i}" for i in range(6)], "lineage": list("AABBCD")})
    return hatlib.simulate_answers(
        [-0.5, 1.0, 0.0, 0.5, 1.0, -0.5], n_items=400, models=models, targets=["de"],
        profiles=[partial(mul, slope) for slope in (0.9, 0.5, 0.75, 0.4, 0.6, 0.3)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(simulated):
    return variants(simulated.responses, "sim", HARDNESS, draws=DRAWS)


@given(st.lists(st.integers(0, 50), min_size=4, max_size=9, unique=True), st.randoms())
def test_tau_and_reversals_are_those_of_the_definition(values, random):
    other = values.copy()
    random.shuffle(other)
    a, b = fake(values), fake(other)
    row = compare_rankings(a, b).iloc[0]
    assert row["tau"] == pytest.approx(stats.kendalltau(values, other).statistic)
    # Every pair counts for or against.
    assert row["tau"] == pytest.approx(1 - 2 * row["reversed"] / row["pairs"])
    assert row["low"] <= row["high"]
    turned = reversed_pairs(a, b)
    for pair in turned.itertuples():
        i, j = (int(name[1:]) for name in (pair.ahead_by_first, pair.ahead_by_second))
        gaps = values[i] - values[j], other[i] - other[j]
        assert gaps[0] > 0 > gaps[1]
        assert (pair.first_difference, pair.second_difference) == pytest.approx(gaps)


def test_the_verdict_goes_by_the_interval_of_tau():
    row = compare_rankings(fake(range(5), sound=[True] * 4 + [False]), fake(range(5)))
    assert (row["models"].item(), row["pairs"].item()) == (4, 6)
    up = np.arange(8.0)
    assert compare_rankings(fake(up), fake(up))["verdict"].item() == "agree"
    assert compare_rankings(fake(up), fake(-up))["verdict"].item() == "differ"
    assert compare_rankings(fake(up, noise=9), fake(up, noise=9))["verdict"].item() == "open"
    assert compare_rankings(fake(up[:2]), fake(up[:2]))["verdict"].item() == "open"


def test_intervals_hold_the_tau_of_scores_without_noise():
    rng = np.random.default_rng(0)

    def correlated(r, *shape):
        values = rng.standard_normal((*shape, 2))
        values[..., 1] = r * values[..., 0] + np.sqrt(1 - r**2) * values[..., 1]
        return values

    held = []
    for correlation in (0.5, 0.95):
        for _ in range(40):
            truth = correlated(correlation, 10)
            seen = truth + 0.3 * correlated(0.8, 10)
            redrawn = seen + 0.3 * correlated(0.8, 150, 10)
            _, low, high, _ = rankings.rank_agreement(*seen.T, redrawn[..., 0], redrawn[..., 1])
            tau = stats.kendalltau(*truth.T).statistic
            held.append(low - 1e-9 <= tau <= high + 1e-9)
    assert np.mean(held) > 0.9


def test_a_built_in_reversal_is_found_and_noise_is_none():
    # The first is better in the source language and transfers worse.
    simulated = hatlib.simulate_answers(
        [2.5, -0.5], profiles=["strong shift", "linear"], n_items=800, target_shift=1.0
    )
    scores = hatlib.hat_scores(simulated.responses, reference="uniform", draws=DRAWS)
    pairs = reversed_pairs(ranking(scores), ranking(scores, measure="target_accuracy"))
    hat = scores.macro().set_index("display_name")
    (row,) = pairs.to_dict("records")
    ahead, behind = row["ahead_by_first"], row["ahead_by_second"]
    assert hat.loc[ahead, "hat"] > hat.loc[behind, "hat"]
    assert hat.loc[ahead, "target_accuracy"] < hat.loc[behind, "target_accuracy"]
    assert row["clear"]
    alike = hatlib.simulate_answers([0.0] * 4, n_items=300)
    scores = hatlib.hat_scores(alike.responses, reference="uniform", draws=DRAWS)
    pairs = reversed_pairs(ranking(scores), ranking(scores, measure="ratio"))
    assert not pairs["clear"].any()


def test_measures_of_simulated_models_agree_and_turned_scores_differ(found):
    choices = agreements(found).query("kind == 'choice'")
    assert choices["verdict"].tolist() == ["agree"] * 6
    b = found.scores["pooled"].benchmark()
    turned = replace(b, score=replace(b.score, value=-b.hat, draws=-b.draws))
    scores = {**found.scores, "pooled": replace(found.scores["pooled"], benchmarks=(turned,))}
    row = agreements(replace(found, scores=scores)).query("first == 'self' and second == 'pooled'")
    assert (row["verdict"].item(), row["reversed"].item()) == ("differ", 15)
    apart = compare_all(found.scores["self"]).pairs["told_apart"].sum()
    assert row["clearly"].item() >= apart - 2


def test_largest_change_and_tau_by_hand(found):
    row = agreements(found).query("first == 'self' and second == 'leave-one-out'").iloc[0]
    a, b = (found.scores[c].benchmark().hat[:, 0] for c in ("self", "leave-one-out"))
    assert row["largest_change"] == pytest.approx(np.abs(a - b).max())
    assert row["tau"] == pytest.approx(stats.kendalltau(a, b).statistic)
    gap = agreements(found).query("second == 'gap'")["tau"].item()
    gaps = found.scores["self"].benchmark().metrics["xlt_gap"][:, 0]
    assert gap == pytest.approx(stats.kendalltau(a, -gaps).statistic)


def test_a_choice_that_comes_to_the_same_or_does_not_fit_is_named(simulated):
    models = simulated.responses.models.assign(lineage=simulated.responses.models["model"])
    got = variants(replace(simulated.responses, models=models), "sim", HARDNESS, draws=40)
    assert list(got.scores) == ["self", "pooled", "leave-one-out"]
    assert "same as leave-one-out" in got.reasons["other-lineages"]
    few = hatlib.simulate_answers([0.0, 1.0], n_items=100)
    got = variants(few.responses, "sim", HARDNESS, draws=40)
    assert list(got.scores) == ["self"] and "5" in got.reasons["pooled"]
