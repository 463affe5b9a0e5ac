"""Line fits: against other programs, brute force, known truth, and awkward input."""

from __future__ import annotations

import numpy as np
import odrpack
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import lines as oracle
from scipy import stats

from hatlib import resample
from hatlib.errors import InputError
from hatlib.lines import lines, points


def cloud(seed, n=40, sd=0.05, slope=0.8):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.2, 0.95, n)
    return x, 0.05 + slope * x + rng.normal(0, sd, n)


# --- one line, against other programs -------------------------------------------------------


@pytest.mark.parametrize("n", [3, 10, 176])
def test_ols_agrees_with_statsmodels(n):
    x, y = cloud(n, n)
    ours = lines.fit_line(x, y)
    theirs = sm.OLS(y, sm.add_constant(x)).fit()
    assert [ours.intercept, ours.slope] == pytest.approx(theirs.params, rel=1e-9)
    assert [ours.intercept_se, ours.slope_se] == pytest.approx(theirs.bse, rel=1e-8)
    assert ours.r_squared == pytest.approx(theirs.rsquared, rel=1e-9)
    assert ours.residual_sd == pytest.approx(np.sqrt(theirs.mse_resid), rel=1e-9)
    assert ours.loglik == pytest.approx(theirs.llf, rel=1e-9)
    # statsmodels does not count the variance as a parameter.
    assert ours.bic == pytest.approx(theirs.bic + np.log(n), rel=1e-9)


def test_logit_scale_agrees_with_statsmodels():
    x, y = cloud(1)
    ours = lines.fit_line(x, y, scale="logit")
    theirs = sm.OLS(np.log(y / (1 - y)), sm.add_constant(np.log(x / (1 - x)))).fit()
    assert [ours.intercept, ours.slope] == pytest.approx(theirs.params, rel=1e-9)
    line = theirs.params @ np.array([1, np.log(0.7 / 0.3)])
    assert ours.predict([0.7])[0] == pytest.approx(1 / (1 + np.exp(-line)))


def test_weighted_lines_agree_with_statsmodels_wls():
    x, y = cloud(2, 15)
    w = resample.weights(0, [i // 2 for i in range(15)], draws=20)
    ours = lines.weighted_lines(points.usable_points(x, y), w, "ols")
    for row, intercept, slope, r2 in zip(
        w, ours.intercept, ours.slope, ours.r_squared, strict=True
    ):
        theirs = sm.WLS(y, sm.add_constant(x), weights=row).fit()
        assert [intercept, slope] == pytest.approx(theirs.params, rel=1e-8)
        assert r2 == pytest.approx(theirs.rsquared, rel=1e-8)


def test_york_agrees_with_odrpack_without_scatter():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.2, 0.9, 30)
    sx, sy = rng.uniform(0.01, 0.05, 30), rng.uniform(0.01, 0.05, 30)
    x, y = truth + rng.normal(0, sx), 0.1 + 0.8 * truth + rng.normal(0, sy)
    ours = lines.fit_line(x, y, method="york", x_var=sx**2, y_var=sy**2)
    theirs = odrpack.odr_fit(
        lambda u, b: b[0] + b[1] * u, x, y, np.array([0.1, 0.8]),
        weight_x=1 / sx**2, weight_y=1 / sy**2,
    )  # fmt: skip
    assert [ours.intercept, ours.slope] == pytest.approx(theirs.beta, rel=1e-5)


def test_york_reproduces_the_data_of_pearson_with_the_weights_of_york():
    # York et al. (2004), table II: slope -0.4805, intercept 5.4799, errors 0.0580 and 0.2950.
    x = [0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4]
    y = [5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5]
    wx = [1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1]
    wy = [1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500]
    fit = lines.fit_line(x, y, method="york", x_var=1 / np.array(wx), y_var=1 / np.array(wy))
    assert fit.slope == pytest.approx(-0.480533407, abs=1e-8)
    assert fit.intercept == pytest.approx(5.479910224, abs=1e-8)
    assert (fit.slope_se, fit.intercept_se) == pytest.approx((0.0579850, 0.2949707), abs=2e-5)


def test_moments_agree_with_the_slow_way():
    x, y = cloud(4)
    x_var, cov = np.linspace(0.001, 0.004, 40), 0.0005
    ours = lines.fit_line(x, y, method="eiv", x_var=x_var, y_var=0.0, xy_cov=cov)
    assert ours.slope == pytest.approx(oracle.moment_slope(x, y, x_var, cov), rel=1e-9)
    assert ours.intercept == pytest.approx(y.mean() - ours.slope * x.mean(), rel=1e-9)


# --- errors in variables, against the truth -------------------------------------------------


def noisy_fits(method, n=150, reps=300):
    rng = np.random.default_rng(5)
    out = []
    for _ in range(reps):
        truth = rng.uniform(0.3, 0.9, n)
        y = 0.8 * truth + rng.normal(0, 0.06, n)  # models scatter around the line
        sx, sy = rng.uniform(0.04, 0.1, n), np.full(n, 0.02)
        fit = lines.fit_line(
            truth + rng.normal(0, sx), y + rng.normal(0, sy), method=method,
            x_var=sx**2, y_var=sy**2,
        )  # fmt: skip
        out.append((fit.slope, fit.slope_se, fit.scatter_sd))
    return np.array(out)


def test_only_the_moments_recover_a_slope_with_scatter():
    eiv, ols, york = (noisy_fits(method) for method in ("eiv", "ols", "york"))
    error = eiv[:, 0].std() / np.sqrt(len(eiv))
    assert abs(eiv[:, 0].mean() - 0.8) < 4 * error + 0.003
    assert ols[:, 0].mean() < 0.72
    assert abs(york[:, 0].mean() - 0.8) > 0.02
    assert eiv[:, 1].mean() == pytest.approx(eiv[:, 0].std(), rel=0.12)
    assert np.median(eiv[:, 2]) == pytest.approx(0.06, abs=0.004)


def test_unknown_numbers_of_items_count_as_the_fewest_known():
    x, y = cloud(27, 30)
    n = np.where(np.arange(30) < 5, np.nan, np.where(np.arange(30) < 10, 100, 400))
    filled = np.where(np.isnan(n), 100, n)
    one, two = (lines.fit_with_interval(x, y, n_items=k) for k in (n, filled))
    assert one.slope_high == pytest.approx(two.slope_high)
    assert "5 models" in one.note and "models" not in two.note


def test_noise_as_large_as_the_spread_gives_no_slope():
    x = np.linspace(0.49, 0.51, 10)
    fit = lines.fit_line(x, x, method="eiv", n_items=100)
    assert np.isnan(fit.slope) and "noise" in fit.flag
    found = lines.fit_with_interval(x, x + 0.001 * np.sin(50 * x), n_items=100)
    assert "steeper" in found.flag and not found.noise_allowed


# --- scales ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["linear", "logit", "probit"])
@given(p=st.floats(0.002, 0.998), chance=st.sampled_from([0.0, 0.25, 0.5]))
@settings(max_examples=50, deadline=None)
def test_scales_are_inverted(scale, p, chance):
    accuracy = chance + (1 - chance) * p
    values, moved = points.to_scale([accuracy], scale, chance=chance)
    assert points.from_scale(values, scale, chance=chance)[0] == pytest.approx(accuracy, abs=1e-9)
    assert not moved[0]


def test_zero_one_rule():
    values, moved = points.to_scale([0, 1, 0.5, 1], "logit", n_items=[250, 250, 250, np.nan])
    assert points.from_scale(values, "logit") == pytest.approx([0.002, 0.998, 0.5, 0.999])
    assert moved.tolist() == [True, True, False, True]
    below, moved = points.to_scale([0.2, 0.25, 0.6], "probit", chance=0.25)
    assert np.isfinite(below).all() and moved.tolist() == [True, True, False]
    fit = lines.fit_line([0.0, 0.5, 1.0], [0.0, 0.4, 0.9], scale="logit", n_items=250)
    assert fit.n_moved == 3


def test_chance_does_not_change_a_linear_slope():
    x, y = cloud(7)
    assert lines.fit_line(x, y, chance=0.25).slope == pytest.approx(lines.fit_line(x, y).slope)
    plain, scaled = (lines.fit_line(x, y, chance=c).predict(x) for c in (0.0, 0.25))
    assert plain == pytest.approx(scaled)


# --- awkward input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([], [], "found: 0"),
        ([0.5], [0.5], "found: 1"),
        ([0.5, np.nan], [0.5, 0.4], "found: 1"),
        ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3], "same source"),
    ],
)
def test_no_line_is_flagged_not_raised(x, y, words):
    fit = lines.fit_line(x, y)
    assert np.isnan(fit.slope) and words in fit.flag
    assert np.isnan(lines.fit_with_interval(x, y).slope_low)
    assert np.isnan(lines.effective_transfer(x, y).residual).all()


def test_two_models_and_constant_y():
    fit = lines.fit_line([0.2, 0.6], [0.1, 0.5])
    assert fit.slope == pytest.approx(1) and np.isnan(fit.slope_se) and "Two models" in fit.flag
    flat = lines.fit_line([0.2, 0.4, 0.6], [0.3, 0.3, 0.3])
    assert flat.slope == pytest.approx(0) and np.isnan(flat.r_squared) and np.isfinite(flat.loglik)


def test_missing_values_are_dropped_and_counted():
    x, y = cloud(8, 20)
    y[3], x[5] = np.nan, np.nan
    keep = np.isfinite(x + y)
    fit = lines.fit_line(x, y)
    assert fit.n == 18 and fit.n_dropped == 2
    assert fit.slope == pytest.approx(lines.fit_line(x[keep], y[keep]).slope)
    assert np.flatnonzero(np.isnan(lines.effective_transfer(x, y).residual)).tolist() == [3, 5]


@pytest.mark.parametrize(
    "call",
    [
        lambda: lines.fit_line([0.1, 0.2], [0.1]),
        lambda: lines.fit_line([0.1, 0.2], [0.1, 0.2], scale="log"),
        lambda: lines.fit_line([10, 20], [10, 30], scale="logit"),
        lambda: lines.fit_line([0.1, 0.2], [0.1, 0.3], method="eiv"),
        lambda: lines.fit_line([0.1, 0.2], [0.1, 0.3], method="best"),
        lambda: lines.fit_line([0.1, 0.2], [0.1, 0.3], chance=1.0),
        lambda: lines.fit_line([0.1, 0.2], [0.1, 0.3], x_var=[-1, 0]),
        lambda: lines.fit_line([0.1, 0.2], [0.1, 0.3], defines=[1, 0]),
        lambda: lines.fit_with_interval([0.1, 0.2], [0.1, 0.3], clusters=["a"]),
    ],
)
def test_wrong_input_says_so(call):
    with pytest.raises(InputError):
        call()


# --- properties -----------------------------------------------------------------------------

tables = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=4, max_size=25
).filter(lambda rows: len({a for a, _ in rows}) > 2)


@given(rows=tables, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_order_and_affine_change_do_not_matter(rows, seed):
    x, y = np.array(rows).T / 1000
    fit = lines.fit_line(x, y)
    order = np.random.default_rng(seed).permutation(len(x))
    again = lines.fit_line(x[order], y[order])
    assert (again.slope, again.intercept) == pytest.approx((fit.slope, fit.intercept), abs=1e-9)
    moved = lines.fit_line(0.5 * x + 0.1, 0.3 * y + 0.2)
    assert moved.slope == pytest.approx(fit.slope * 0.3 / 0.5, abs=1e-9)
    assert moved.residual_sd == pytest.approx(0.3 * fit.residual_sd, abs=1e-9)
    residual = lines.effective_transfer(x, y).residual
    again = lines.effective_transfer(x[order], y[order]).residual
    assert again == pytest.approx(residual[order], abs=1e-9, nan_ok=True)


@given(rows=tables, slope=st.floats(-1, 1))
@settings(max_examples=40, deadline=None)
def test_a_perfect_line_leaves_nothing(rows, slope):
    x = np.array(rows).T[0] / 1000
    y = 0.3 + slope * x
    found = lines.effective_transfer(x, y)
    kept = np.isfinite(found.residual)
    assert found.residual[kept] == pytest.approx(0, abs=1e-9)
    assert lines.fit_line(x, y).slope == pytest.approx(slope, abs=1e-9)


def test_names_of_families_do_not_matter():
    x, y = cloud(9, 30)
    codes = np.arange(30) % 11
    one = lines.fit_with_interval(x, y, clusters=codes, n_items=500)
    two = lines.fit_with_interval(x, y, clusters=[f"f{99 - c}" for c in codes], n_items=500)
    assert (one.slope_low, one.slope_high) == pytest.approx((two.slope_low, two.slope_high))
    assert one.n_clusters == two.n_clusters == 11


# --- intervals ------------------------------------------------------------------------------


def test_jackknife_agrees_with_the_slow_way():
    x, y = cloud(10, 30)
    clusters = [f"f{i % 9}" for i in range(30)]
    found = lines.fit_with_interval(x, y, clusters=clusters, allow_noise=False)
    se = oracle.jackknife(x, y, clusters)
    assert found.slope_se == pytest.approx(se, rel=1e-9)
    reach = stats.t.ppf(0.975, 8) * se
    assert found.slope_low == pytest.approx(found.fit.slope - reach)
    assert found.slope_high == pytest.approx(found.fit.slope + reach)
    assert found.flag == ""


def test_noise_widens_the_interval_upwards():
    x, y = cloud(11, 40)
    plain = lines.fit_with_interval(x, y, allow_noise=False)
    wide = lines.fit_with_interval(x, y, n_items=100)
    eiv = lines.fit_with_interval(x, y, n_items=100, method="eiv")
    assert wide.noise_allowed and not plain.noise_allowed
    assert wide.slope_low == pytest.approx(min(plain.slope_low, eiv.slope_low))
    assert wide.slope_high == pytest.approx(max(plain.slope_high, eiv.slope_high))
    assert wide.band.equals(plain.band)
    assert "unknown" in lines.fit_with_interval(x, y).note


@pytest.mark.parametrize("scale", ["linear", "logit"])
def test_band_and_ends_hold_the_estimate(scale):
    x, y = cloud(12, 40)
    found = lines.fit_with_interval(x, y, scale=scale)
    assert found.slope_low < found.fit.slope < found.slope_high
    assert found.r_squared_low < found.fit.r_squared < found.r_squared_high
    assert found.band["y"].between(found.band["low"], found.band["high"]).all()
    assert found.band["y"].to_numpy() == pytest.approx(found.predict(found.band["x"]))


def test_few_families_are_flagged():
    x, y = cloud(13, 20)
    assert "fewer than 8" in lines.fit_with_interval(x, y, clusters=np.arange(20) % 4).flag
    alone = lines.fit_with_interval(x, y, clusters=["one"] * 20)
    assert np.isnan(alone.slope_low) and "one family" in alone.flag


def test_coverage_with_families():
    rng = np.random.default_rng(14)
    hits = {"families": 0, "models": 0}
    for _ in range(400):
        codes = rng.integers(0, 15, 60)
        x = np.clip(0.55 + rng.normal(0, 0.12, 15)[codes] + rng.normal(0, 0.08, 60), 0.02, 0.98)
        y = 0.8 * x + rng.normal(0, 0.05, 15)[codes] + rng.normal(0, 0.03, 60)
        for name, clusters in (("families", codes), ("models", None)):
            found = lines.fit_with_interval(x, y, clusters=clusters)
            hits[name] += found.slope_low <= 0.8 <= found.slope_high
    assert 0.91 <= hits["families"] / 400 <= 0.985
    assert hits["models"] / 400 < 0.88


# --- effective transfer ---------------------------------------------------------------------


def test_left_out_residuals_agree_with_the_slow_way():
    x, y = cloud(15, 25)
    families = [f"f{i % 6}" for i in range(25)]
    for clusters in (None, families):
        labels = clusters or list(range(25))
        ours = lines.effective_transfer(x, y, clusters=clusters)
        assert ours.residual == pytest.approx(oracle.left_out_residuals(x, y, labels), abs=1e-10)


def test_shown_models_do_not_move_the_line():
    x, y = cloud(16, 20)
    defines = np.arange(20) < 15
    found = lines.effective_transfer(x, y, defines=defines)
    plain = lines.fit_line(x[:15], y[:15])
    assert found.fit.slope == pytest.approx(plain.slope)
    assert found.residual[15:] == pytest.approx(y[15:] - plain.predict(x[15:]))
    inside = lines.effective_transfer(x[:15], y[:15])
    assert found.residual[:15] == pytest.approx(inside.residual)
    assert found.left_out.tolist() == [1] * 15 + [0] * 5
    own = lines.effective_transfer(x, y, loo=False).residual
    assert own == pytest.approx(y - lines.fit_line(x, y).predict(x))
