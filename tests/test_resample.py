"""The resampler: weights, intervals, and what they are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hatlib import resample
from hatlib.errors import InputError

labels = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=30)


@given(clusters=labels, seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_a_family_is_drawn_as_a_whole(clusters, seed):
    w = resample.weights(seed, clusters, draws=20)
    first = [clusters.index(name) for name in dict.fromkeys(clusters)]
    assert (w[:, first].sum(axis=1) == len(first)).all()
    for i, name in enumerate(clusters):
        assert (w[:, i] == w[:, clusters.index(name)]).all()


@given(clusters=labels, seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_names_of_families_do_not_matter(clusters, seed):
    renamed = [f"family {ord(name)}" for name in clusters]
    assert (resample.weights(seed, clusters, 5) == resample.weights(seed, renamed, 5)).all()


@given(n=st.integers(1, 50))
@settings(max_examples=20, deadline=None)
def test_without_families_weights_sum_to_n(n):
    assert (resample.weights(0, None, draws=10, n=n).sum(axis=1) == n).all()
    assert (resample.item_weights(0, n, draws=10).sum(axis=1) == n).all()


def test_weights_have_the_moments_of_a_multinomial():
    w = resample.item_weights(1, 10, draws=40_000)
    assert w.mean(axis=0) == pytest.approx(1, abs=0.02)
    assert w.var(axis=0) == pytest.approx(0.9, abs=0.04)
    assert np.cov(w.T)[0, 1] == pytest.approx(-0.1, abs=0.02)


def test_a_missing_family_is_a_family_of_its_own():
    clusters = pd.Series(["a", None, "a", float("nan"), " ", pd.NA, "1"], dtype=object)
    assert resample.cluster_codes(clusters, 7).tolist() == [0, 1, 0, 2, 3, 4, 5]


def test_the_same_seed_gives_the_same_draws():
    first = resample.weights(np.random.default_rng(3), ["a", "b", "c"], 4)
    assert (first == resample.weights(3, ["a", "b", "c"], 4)).all()


def test_percentile_interval_leaves_out_failed_draws():
    values = np.column_stack([np.arange(101.0), np.full(101, np.nan)])
    values[::10, 0] = np.nan
    low, high = resample.percentile_interval(values, 0.9)
    kept = values[np.isfinite(values[:, 0]), 0]
    assert [low[0], high[0]] == pytest.approx(np.quantile(kept, [0.05, 0.95]))
    assert np.isnan([low[1], high[1]]).all()
    along = resample.percentile_interval(values.T, 0.9, axis=1)
    assert along == pytest.approx(np.stack([low, high]), nan_ok=True)


def test_basic_interval_mirrors_the_percentile_interval():
    draws = np.random.default_rng(0).gamma(2, size=999)
    low, high = resample.percentile_interval(draws)
    assert resample.basic_interval(draws, 2.0) == pytest.approx([4 - high, 4 - low])


def test_bca_agrees_with_scipy():
    data = np.random.default_rng(0).exponential(size=60)
    w = resample.item_weights(1, 60, draws=20_000)
    out = (data.sum() - data) / 59
    ours = resample.bca_interval(w @ data / 60, data.mean(), out)
    theirs = stats.bootstrap(
        (data,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.01)


def test_jackknife_of_a_mean_is_the_t_interval():
    data = np.random.default_rng(0).normal(size=12)
    interval, se = resample.jackknife_interval(data.mean(), (data.sum() - data) / 11)
    assert se == pytest.approx(stats.sem(data))
    expected = stats.t.interval(0.95, 11, loc=data.mean(), scale=stats.sem(data))
    assert interval == pytest.approx(expected)
    assert np.isnan(resample.jackknife_interval(1.0, [1.0])[0]).all()


def test_redraw_has_binomial_noise():
    drawn = resample.redraw(0, [0.3, 0.0, 1.0, np.nan], [200, 50, 50, 50], draws=20_000)
    assert drawn[:, 0].mean() == pytest.approx(0.3, abs=0.002)
    assert drawn[:, 0].var() == pytest.approx(0.3 * 0.7 / 200, rel=0.05)
    assert (drawn[:, 1] == 0).all() and (drawn[:, 2] == 1).all() and np.isnan(drawn[:, 3]).all()


def test_two_way_says_what_it_resampled():
    x, y = np.linspace(0.2, 0.8, 6), np.linspace(0.1, 0.7, 6)
    both = resample.two_way(0, x, y, x_items=100, y_items=[100] * 6, draws=8)
    assert both.items_known and "every accuracy" in both.note
    assert both.x.shape == both.y.shape == both.weights.shape == (8, 6)
    none = resample.two_way(0, x, y, draws=8)
    assert not none.items_known and "Only models" in none.note and (none.x == x).all()
    nullable = pd.Series([100, None, 100, 100, 100, 100], dtype="Int64")
    some = resample.two_way(0, x, y, x_items=nullable, y_items=100, draws=8)
    assert not some.items_known and (some.x[:, 1] == x[1]).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: resample.weights(0, None, 5),
        lambda: resample.weights(0, ["a"], 0),
        lambda: resample.item_weights(0, 0, 5),
        lambda: resample.percentile_interval([1, 2], 95),
        lambda: resample.cluster_codes(["a"], 2),
    ],
)
def test_wrong_input_says_so(call):
    with pytest.raises(InputError):
        call()
