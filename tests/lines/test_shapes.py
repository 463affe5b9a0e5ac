"""Shapes: against brute force, other programs, known truth, and awkward input."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from oracles import lines as oracle
from scipy import stats

from hatlib.errors import InputError
from hatlib.lines import pairs, shapes


def cloud(seed, n=40, sd=0.05, slope=0.8):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.2, 0.95, n)
    return x, 0.05 + slope * x + rng.normal(0, sd, n)


def fitted(x, y, shape, **options):
    """One of the shapes that are compared."""
    found = shapes.compare_shapes(x, y, draws=1, **options)
    return next(each for each in found.fits if each.shape == shape)


def pair_of_lines(x, y, **options):
    return fitted(x, y, "pair of lines", **options)


def groups(x, y, labels, kind="separate"):
    return fitted(x, y, f"{kind} lines by g", groups={"g": labels})


# --- shapes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [11, 14])
def test_pair_of_lines_finds_the_best_partition(seed, n):
    x, y = cloud(seed, n, 0.08)
    least = 5 if n == 11 else 4
    rss, _ = oracle.best_pair(x, y, least, pairs.LEAST_LINE_SPREAD)
    found = pair_of_lines(x, y, min_models=least)
    assert found.rss == pytest.approx(rss, rel=1e-8)
    assert min(segment.n for segment in found.segments) >= least


def test_search_finds_two_crossing_lines_and_is_repeatable():
    rng = np.random.default_rng(17)
    x = rng.uniform(0.1, 0.9, 80)
    member = rng.random(80) < 0.5
    y = np.where(member, 0.1 + 0.8 * x, 0.7 - 0.4 * x) + rng.normal(0, 0.01, 80)
    found = pair_of_lines(x, y, rng=3)
    slopes = sorted(segment.slope for segment in found.segments)
    assert slopes == pytest.approx([-0.4, 0.8], abs=0.03)
    again = pair_of_lines(x, y, rng=3)
    assert (again.member == found.member).all()
    assert pair_of_lines(x, y, rng=4).rss == pytest.approx(found.rss)


def test_pair_refuses_an_almost_vertical_line():
    rng = np.random.default_rng(18)
    x = np.concatenate([np.full(12, 0.25) + rng.normal(0, 1e-4, 12), rng.uniform(0.3, 0.9, 20)])
    y = np.concatenate([rng.uniform(0.2, 0.5, 12), x[12:] * 0.9])
    found = pair_of_lines(x, y)
    for name in ("upper line", "lower line"):
        assert x[found.member == name].std() >= pairs.LEAST_LINE_SPREAD * x.std() * 0.999
    assert max(abs(segment.slope) for segment in found.segments) < 5


def test_bic_of_a_pair_charges_memberships():
    x, y = cloud(19, 40)
    found = pair_of_lines(x, y)
    share = found.segments[0].n / 40
    cost = -2 * 40 * (share * np.log(share) + (1 - share) * np.log(1 - share))
    assert found.bic == pytest.approx(6 * np.log(40) - 2 * found.loglik + cost)
    assert found.bic > fitted(x, y, "one line").bic


def test_broken_stick_agrees_with_a_fine_search():
    rng = np.random.default_rng(20)
    x = rng.uniform(0.2, 0.9, 60)
    y = 0.25 + np.clip(x - 0.5, 0, None) + rng.normal(0, 0.02, 60)
    found = fitted(x, y, "broken stick")
    ordered = np.sort(x)
    fine = min(oracle.stick_rss(x, y, k) for k in np.linspace(ordered[4], ordered[-5], 4000))
    assert fine * (1 - 1e-4) <= found.rss <= fine * 1.003
    assert found.knot == pytest.approx(0.5, abs=0.05)
    below, above = found.segments
    assert below.intercept + below.slope * found.knot == pytest.approx(
        above.intercept + above.slope * found.knot
    )


def test_known_groups_agree_with_statsmodels_and_the_f_test():
    x, y = cloud(21, 50)
    labels = np.where(np.arange(50) % 3 == 0, "a", "b")
    y = y + 0.03 * (labels == "a")
    dummy = (labels == "a").astype(float)
    one = sm.OLS(y, sm.add_constant(x)).fit()
    full = sm.OLS(y, np.column_stack([np.ones(50), x, dummy, dummy * x])).fit()
    ours = groups(x, y, labels)
    assert ours.rss == pytest.approx(full.ssr) and ours.loglik == pytest.approx(full.llf)
    found = shapes.compare_shapes(x, y, groups={"g": labels}, uneven=False, draws=2000, rng=1).table
    row = found.set_index("shape").loc["separate lines by g"]
    f_test = full.compare_f_test(one)[1]
    assert abs(row["p_value"] - f_test) < 4 * row["p_se"] + 1e-3
    parallel = sm.OLS(y, np.column_stack([np.ones(50), x, dummy])).fit()
    assert groups(x, y, labels, "parallel").rss == pytest.approx(parallel.ssr)


def test_small_groups_are_joined_or_refused():
    x, y = cloud(22, 20)
    joined = groups(x, y, ["a"] * 8 + ["b"] * 7 + ["c"] * 3 + [None] * 2)
    assert {segment.line: segment.n for segment in joined.segments} == {"a": 8, "b": 7, "other": 5}
    taken = groups(x, y, ["a"] * 9 + ["b"] * 8 + ["c"] * 2 + [None])
    assert {segment.line: segment.n for segment in taken.segments} == {"a or other": 12, "b": 8}
    assert "Fewer than two" in groups(x, y, ["a"] * 17 + ["b"] * 3).reason
    assert "Fewer than two" in groups(x, y, ["a"] * 20).reason


# --- comparing shapes -----------------------------------------------------------------------


def null_p_values(reps=150, n=25, **options):
    found = []
    for seed in range(reps):
        x, y = cloud(1000 + seed, n)
        table = shapes.compare_shapes(x, y, draws=99, rng=seed, **options).table
        found.append(table["p_value"].to_numpy()[1:])
    return np.array(found)


@pytest.mark.parametrize("uneven", [True, False])
def test_p_values_are_uniform_under_one_line(uneven):
    p = null_p_values(uneven=uneven)
    for column in p.T:
        assert stats.kstest(column, "uniform").pvalue > 0.005
        assert np.mean(column <= 0.05) <= 0.11


def test_two_true_lines_are_found():
    best = []
    for seed in range(12):
        x, y = cloud(seed, 50, 0.02)
        y = y - 0.15 * (np.random.default_rng(500 + seed).random(50) < 0.5)
        best.append(shapes.compare_shapes(x, y, draws=99).best)
    assert best.count("pair of lines") >= 11


def test_a_bend_is_called_a_bend():
    rng = np.random.default_rng(23)
    x = rng.uniform(0.2, 0.9, 80)
    y = 0.25 + np.clip(x - 0.5, 0, None) + rng.normal(0, 0.03, 80)
    assert shapes.compare_shapes(x, y, draws=199).best == "broken stick"


def test_scatter_that_grows_is_not_two_lines():
    rng = np.random.default_rng(24)
    small = 0
    for seed in range(40):
        x = rng.uniform(0.2, 0.9, 80)
        y = 0.8 * x + rng.normal(0, 1, 80) * 0.01 * np.exp(3 * x)
        p = shapes.compare_shapes(x, y, draws=99, rng=seed).table["p_value"][1]
        small += p <= 0.05
    assert small <= 6


def test_comparison_reports_gain_by_chance():
    x, y = cloud(25, 60)
    found = shapes.compare_shapes(x, y, draws=199, clusters=np.arange(60) % 12)
    pair = found.table.iloc[1]
    assert 0 < pair["gain_by_chance"] < pair["gain_by_chance_high"]
    assert pair["r_squared_gain"] == pytest.approx(pair["r_squared"] - found.fits[0].r_squared)
    assert pair["lr"] == pytest.approx(2 * (found.fits[1].loglik - found.fits[0].loglik), rel=1e-6)
    assert 0 <= found.family_share < 1


def test_holm():
    assert shapes._holm(np.array([np.nan, 0.01, 0.04, 0.03])) == pytest.approx(
        [np.nan, 0.03, 0.06, 0.06], nan_ok=True
    )


@pytest.mark.parametrize(
    ("x", "y"),
    [([], []), ([0.5], [0.5]), ([0.5, np.nan], [0.5, 0.4]), ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])],
)
def test_too_few_models_have_no_shape(x, y):
    found = shapes.compare_shapes(x, y, draws=5)
    assert (found.outcome, found.best) == ("none", "")
    assert [fit.shape for fit in found.fits] == ["one line"] and found.fits[0].reason


@pytest.mark.parametrize(
    "call",
    [
        lambda: shapes.compare_shapes([0.1, 0.2], [0.1, 0.3], draws=0),
        lambda: pair_of_lines([0.1, 0.2], [0.1, 0.3], min_models=1),
        lambda: groups([0.1, 0.2, 0.3], [0.1, 0.3, 0.2], ["a"]),
    ],
)
def test_wrong_input_says_so(call):
    with pytest.raises(InputError):
        call()
