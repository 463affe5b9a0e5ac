"""Line fits: against other programs, brute force, known truth, and awkward input."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from line_tables import cloud
from oracles import lines as oracle
from scipy import special, stats

from hatlib import resample
from hatlib.errors import InputError
from hatlib.lines import lines
from hatlib.lines.lines import expected_by_others, fit_line, from_scale, to_scale


@pytest.mark.parametrize(("n", "scale"), [(3, "linear"), (176, "linear"), (40, "logit")])
def test_least_squares_agrees_with_statsmodels(n, scale):
    x, y = cloud(n, n)
    ours = fit_line(x, y, scale=scale)
    u, v = (a if scale == "linear" else special.logit(a) for a in (x, y))
    theirs = sm.OLS(v, sm.add_constant(u)).fit()
    wanted = pytest.approx([*theirs.params, theirs.rsquared, np.sqrt(theirs.mse_resid)], rel=1e-9)
    assert [ours.intercept, ours.slope, ours.r_squared, ours.residual_sd] == wanted
    at = ours.band["x"].to_numpy()
    line = theirs.params @ np.stack([np.ones(40), at if scale == "linear" else special.logit(at)])
    drawn = line if scale == "linear" else special.expit(line)
    assert ours.band["y"].to_numpy() == pytest.approx(drawn)


def test_weighted_lines_agree_with_statsmodels_wls():
    x, y = cloud(2, 15)
    w = resample.weights(0, [i // 2 for i in range(15)], draws=20)
    ours = lines.weighted_lines(lines.usable_points(x, y), w)
    for row, *numbers in zip(w, ours.intercept, ours.slope, ours.r_squared, strict=True):
        theirs = sm.WLS(y, sm.add_constant(x), weights=row).fit()
        assert numbers == pytest.approx([*theirs.params, theirs.rsquared], rel=1e-8)


def test_moments_agree_with_the_slow_way():
    x, y = cloud(4)
    n = np.linspace(50, 400, 40)
    slope = fit_line(x, y, n_items=n).slope_if_binomial
    assert slope == pytest.approx(oracle.moment_slope(x, y, x * (1 - x) / n), rel=1e-9)


def test_the_moments_recover_a_slope_with_noise_and_scatter():
    rng = np.random.default_rng(5)
    plain, corrected = [], []
    for _ in range(300):
        truth = rng.uniform(0.3, 0.9, 150)
        y = 0.8 * truth + rng.normal(0, 0.06, 150)  # models scatter around the line
        found = fit_line(rng.binomial(30, truth) / 30, y, n_items=30)
        plain.append(found.slope)
        corrected.append(found.slope_if_binomial)
    error = np.std(corrected) / np.sqrt(300)
    assert abs(np.mean(corrected) - 0.8) < 4 * error + 0.003
    assert np.mean(plain) < 0.72


def test_noise_as_large_as_the_spread_gives_no_slope():
    x = np.linspace(0.49, 0.51, 10)
    found = fit_line(x, x + 0.001 * np.sin(50 * x), n_items=100)
    assert np.isnan(found.slope_if_binomial) and "steeper" in found.flag


@pytest.mark.parametrize("scale", ["linear", "logit", "probit"])
@given(p=st.floats(0.002, 0.998), chance=st.sampled_from([0.0, 0.25, 0.5]))
@settings(max_examples=50, deadline=None)
def test_scales_are_inverted(scale, p, chance):
    accuracy = chance + (1 - chance) * p
    values, moved = to_scale([accuracy], scale, chance=chance)
    assert from_scale(values, scale, chance=chance)[0] == pytest.approx(accuracy, abs=1e-9)
    assert not moved[0]


def test_zero_one_rule():
    values, moved = to_scale([0, 1, 0.5, 1], "logit", n_items=[250, 250, 250, np.nan])
    assert from_scale(values, "logit") == pytest.approx([0.002, 0.998, 0.5, 0.999])
    assert moved.tolist() == [True, True, False, True]
    below, moved = to_scale([0.2, 0.25, 0.6], "probit", chance=0.25)
    assert np.isfinite(below).all() and moved.tolist() == [True, True, False]
    assert fit_line([0.0, 0.5, 1.0], [0.0, 0.4, 0.9], scale="logit", n_items=250).n_moved == 3


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [([], [], "found: 0"), ([0.5], [0.5], "found: 1"), ([0.5, np.nan], [0.5, 0.4], "found: 1"),
     ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3], "same source")],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_no_line_is_flagged_not_raised(x, y, words):
    fit = fit_line(x, y)
    assert np.isnan([fit.slope, fit.slope_low]).all()
    assert words in fit.flag
    assert np.isnan(expected_by_others(x, y)).all()


def test_missing_values_are_dropped():
    x, y = cloud(8, 20)
    y[3], x[5] = np.nan, np.nan
    keep = np.isfinite(x + y)
    fit, kept = fit_line(x, y), fit_line(x[keep], y[keep])
    assert (fit.n, fit.slope) == (18, pytest.approx(kept.slope))
    assert np.flatnonzero(np.isnan(expected_by_others(x, y))).tolist() == [3, 5]


@pytest.mark.parametrize(
    "wrong",
    [{"y": [0.1]}, {"scale": "log"}, {"x": [10, 20], "scale": "logit"}, {"chance": 1.0},
     {"n_items": [0, 9]}, {"n_items": [9, 9, 9]}, {"clusters": ["a"]}],
)  # fmt: skip
def test_wrong_input_says_so(wrong):
    with pytest.raises(InputError):
        fit_line(**({"x": [0.1, 0.2], "y": [0.1, 0.3]} | wrong))


tables = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=4, max_size=25
).filter(lambda rows: len({a for a, _ in rows}) > 2)


@given(rows=tables, seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_order_and_affine_change_do_not_matter(rows, seed):
    x, y = np.array(rows).T / 1000
    fit = fit_line(x, y)
    order = np.random.default_rng(seed).permutation(len(x))
    again = fit_line(x[order], y[order])
    assert (again.slope, again.intercept) == pytest.approx((fit.slope, fit.intercept), abs=1e-9)
    moved = fit_line(0.5 * x + 0.1, 0.3 * y + 0.2)
    assert moved.slope == pytest.approx(fit.slope * 0.3 / 0.5, abs=1e-9)
    assert moved.residual_sd == pytest.approx(0.3 * fit.residual_sd, abs=1e-9)
    expected = expected_by_others(x, y)[order]
    assert expected_by_others(x[order], y[order]) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_jackknife_agrees_with_the_slow_way_whatever_families_are_called():
    x, y = cloud(10, 30)
    found = fit_line(x, y, clusters=[f"f{i % 9}" for i in range(30)])
    reach = stats.t.ppf(0.975, 8) * oracle.jackknife(x, y, [f"f{i % 9}" for i in range(30)])
    ends = (found.slope - reach, found.slope + reach)
    assert (found.slope_low, found.slope_high) == pytest.approx(ends)
    other = fit_line(x, y, clusters=[99 - i % 9 for i in range(30)])
    assert (other.slope_low, other.slope_high) == pytest.approx(ends)
    assert (found.flag, other.n_clusters) == ("", 9)


def test_noise_widens_the_interval_upwards():
    x, y = cloud(11, 40)
    none, both = fit_line(x, y), fit_line(x, y, n_items=100)
    assert both.slope == none.slope < both.slope_if_binomial
    assert both.slope_low == pytest.approx(none.slope_low)
    assert both.slope_high > none.slope_high
    assert both.band.equals(none.band)


def test_few_families_are_flagged():
    x, y = cloud(13, 20)
    assert "fewer than 8" in fit_line(x, y, clusters=np.arange(20) % 4).flag
    alone = fit_line(x, y, clusters=["one"] * 20)
    assert np.isnan(alone.slope_low) and "one family" in alone.flag


def test_coverage_with_families():
    rng = np.random.default_rng(14)
    hits = {"families": 0, "models": 0}
    for _ in range(400):
        codes = rng.integers(0, 15, 60)
        x = np.clip(0.55 + rng.normal(0, 0.12, 15)[codes] + rng.normal(0, 0.08, 60), 0.02, 0.98)
        y = 0.8 * x + rng.normal(0, 0.05, 15)[codes] + rng.normal(0, 0.03, 60)
        for name, clusters in (("families", codes), ("models", None)):
            found = fit_line(x, y, clusters=clusters)
            hits[name] += found.slope_low <= 0.8 <= found.slope_high
    assert 0.91 <= hits["families"] / 400 <= 0.985
    assert hits["models"] / 400 < 0.88


@pytest.mark.parametrize("families", [None, [f"f{i % 6}" for i in range(25)]])
def test_lines_of_the_others_agree_with_the_slow_way(families):
    x, y = cloud(15, 25)
    slow = oracle.left_out_residuals(x, y, families or list(range(25)))
    assert y - expected_by_others(x, y, clusters=families) == pytest.approx(slow, abs=1e-10)
