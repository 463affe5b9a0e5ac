"""The resampler: weights, intervals, and what they are worth."""

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
def test_a_family_is_drawn_as_a_whole_whatever_its_name(clusters, seed):
    w = resample.weights(seed, clusters, 20)
    first = [clusters.index(name) for name in dict.fromkeys(clusters)]
    assert (w[:, first].sum(axis=1) == len(first)).all()
    for i, name in enumerate(clusters):
        assert (w[:, i] == w[:, clusters.index(name)]).all()
    renamed = [f"family {ord(name)}" for name in clusters]
    again = resample.weights(np.random.default_rng(seed), renamed, 20)  # a generator is as a seed
    assert (w == again).all()


@given(n=st.integers(1, 50))
@settings(max_examples=20, deadline=None)
def test_without_families_weights_sum_to_n(n):
    assert (resample.weights(0, None, draws=10, n=n).sum(axis=1) == n).all()


def test_weights_have_the_moments_of_a_multinomial():
    w = resample.weights(1, None, draws=40_000, n=10)
    assert w.mean(axis=0) == pytest.approx(1, abs=0.02)
    assert w.var(axis=0) == pytest.approx(0.9, abs=0.04)
    assert np.cov(w.T)[0, 1] == pytest.approx(-0.1, abs=0.02)


def test_a_missing_family_is_a_family_of_its_own():
    clusters = pd.Series(["a", None, "a", float("nan"), " ", pd.NA, "1"], dtype=object)
    assert resample.cluster_codes(clusters, 7).tolist() == [0, 1, 0, 2, 3, 4, 5]


def test_percentile_interval_leaves_out_failed_draws():
    values = np.column_stack([np.arange(101.0), np.full(101, np.nan)])
    values[::10, 0] = np.nan
    low, high = resample.percentile_interval(values, 0.9)
    kept = values[np.isfinite(values[:, 0]), 0]
    assert [low[0], high[0]] == pytest.approx(np.quantile(kept, [0.05, 0.95]))
    assert np.isnan([low[1], high[1]]).all()


def test_jackknife_of_a_mean_is_the_t_interval():
    data = np.random.default_rng(0).normal(size=12)
    interval, se = resample.jackknife_interval(data.mean(), (data.sum() - data) / 11)
    assert se == pytest.approx(stats.sem(data))
    assert interval == pytest.approx(stats.t.interval(0.95, 11, data.mean(), stats.sem(data)))
    assert np.isnan(resample.jackknife_interval(1.0, [1.0])[0]).all()


WRONG = {"weights": (0, ["a"], 0), "percentile_interval": ([1, 2], 95), "cluster_codes": (["a"], 2)}


@pytest.mark.parametrize(("name", "arguments"), WRONG.items())
def test_wrong_input_says_so(name, arguments):
    with pytest.raises(InputError):
        getattr(resample, name)(*arguments)
