"""Shapes: against brute force, other programs, known truth, and awkward input."""

import numpy as np
import pytest
import statsmodels.api as sm
from line_tables import cloud
from oracles import lines as oracle
from scipy import stats

from hatlib.lines import pairs, shapes
from hatlib.lines.lines import GRID_POINTS, fit_line


def fitted(x, y, name="pair of lines", **options):
    """One of the shapes that are compared, and its row of the table."""
    found = shapes.compare_shapes(x, y, draws=1, **options)
    return found.fits[name], found.table.set_index("shape").loc[name]


def groups(x, y, labels, kind="separate"):
    return fitted(x, y, f"{kind} lines by g", groups={"g": labels})


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [11, 14])
def test_pair_of_lines_finds_the_best_partition(seed, n):
    x, y = cloud(seed, n, 0.08)
    rss, _ = oracle.best_pair(x, y, 5, pairs.LEAST_LINE_SPREAD)
    found, row = fitted(x, y)
    assert found.rss[0] == pytest.approx(rss, rel=1e-8)
    assert found.lines["n"].min() >= 5
    share = found.lines["n"][0] / n
    cost = -2 * n * (share * np.log(share) + (1 - share) * np.log(1 - share))
    assert row["bic"] == pytest.approx(6 * np.log(n) - 2 * row["loglik"] + cost)


def test_search_finds_two_crossing_lines_and_is_repeatable():
    rng = np.random.default_rng(17)
    x = rng.uniform(0.1, 0.9, 80)
    member = rng.random(80) < 0.5
    y = np.where(member, 0.1 + 0.8 * x, 0.7 - 0.4 * x) + rng.normal(0, 0.01, 80)
    found, again, other = (fitted(x, y, rng=seed)[0] for seed in (3, 3, 4))
    assert sorted(found.lines["slope"]) == pytest.approx([-0.4, 0.8], abs=0.03)
    assert (again.member == found.member).all()
    assert other.rss[0] == pytest.approx(found.rss[0])


def test_pair_refuses_an_almost_vertical_line():
    rng = np.random.default_rng(18)
    x = np.concatenate([np.full(12, 0.25) + rng.normal(0, 1e-4, 12), rng.uniform(0.3, 0.9, 20)])
    y = np.concatenate([rng.uniform(0.2, 0.5, 12), x[12:] * 0.9])
    found, _ = fitted(x, y)
    for name in ("upper line", "lower line"):
        assert x[found.member == name].std() >= pairs.LEAST_LINE_SPREAD * x.std() * 0.999
    assert found.lines["slope"].abs().max() < 5


def test_broken_stick_agrees_with_a_fine_search():
    rng = np.random.default_rng(20)
    x = rng.uniform(0.2, 0.9, 60)
    y = 0.25 + np.clip(x - 0.5, 0, None) + rng.normal(0, 0.02, 60)
    found, _ = fitted(x, y, "broken stick")
    ordered = np.sort(x)
    fine = min(oracle.stick_rss(x, y, k) for k in np.linspace(ordered[4], ordered[-5], 4000))
    assert fine * (1 - 1e-4) <= found.rss[0] <= fine * 1.003
    below, above = found.lines.to_dict("records")
    assert below["x_high"] == above["x_low"] == pytest.approx(0.5, abs=0.05)
    ends = [line["intercept"] + line["slope"] * below["x_high"] for line in (below, above)]
    assert ends[0] == pytest.approx(ends[1])


def test_known_groups_agree_with_statsmodels_and_the_f_test():
    x, y = cloud(21, 50)
    labels = np.where(np.arange(50) % 3 == 0, "a", "b")
    y = y + 0.03 * (labels == "a")
    dummy = (labels == "a").astype(float)
    one = sm.OLS(y, sm.add_constant(x)).fit()
    full = sm.OLS(y, np.column_stack([np.ones(50), x, dummy, dummy * x])).fit()
    ours, row = groups(x, y, labels)
    assert [ours.rss[0], row["loglik"]] == pytest.approx([full.ssr, full.llf])
    first = ours.lines.set_index("line").loc["a", ["intercept", "slope"]]
    assert first.tolist() == pytest.approx(full.params[:2] + full.params[2:])
    found = shapes.compare_shapes(x, y, groups={"g": labels}, draws=1000, rng=1).table
    row = found.set_index("shape").loc["separate lines by g"]
    assert abs(row["p_value"] - full.compare_f_test(one)[1]) < 4 * row["p_se"] + 1e-3
    parallel = sm.OLS(y, np.column_stack([np.ones(50), x, dummy])).fit()
    assert groups(x, y, labels, "parallel")[0].rss[0] == pytest.approx(parallel.ssr)


def test_small_groups_are_joined_or_refused():
    x, y = cloud(22, 20)
    joined, _ = groups(x, y, ["a"] * 8 + ["b"] * 7 + ["c"] * 3 + [None] * 2)
    assert dict(joined.lines[["line", "n"]].to_numpy()) == {"a": 8, "b": 7, "other": 5}
    taken, _ = groups(x, y, ["a"] * 9 + ["b"] * 8 + ["c"] * 2 + [None])
    assert dict(taken.lines[["line", "n"]].to_numpy()) == {"a or other": 12, "b": 8}
    for labels in (["a"] * 17 + ["b"] * 3, ["a"] * 20):
        assert "Fewer than two" in groups(x, y, labels)[0].reason


def test_p_values_are_uniform_under_one_line():
    p = []
    for seed in range(150):
        x, y = cloud(1000 + seed, 25)
        p.append(shapes.compare_shapes(x, y, draws=59, rng=seed).table["p_value"].to_numpy()[1:])
    for column in np.array(p).T:
        assert stats.kstest(column, "uniform").pvalue > 0.005
        assert np.mean(column <= 0.05) <= 0.11


def test_two_true_lines_are_found():
    best = []
    for seed in range(12):
        x, y = cloud(seed, 50, 0.02)
        y = y - 0.15 * (np.random.default_rng(500 + seed).random(50) < 0.5)
        best.append(shapes.compare_shapes(x, y, draws=99).best)
    assert best.count("pair of lines") >= 11


def test_scatter_that_grows_is_not_two_lines():
    rng = np.random.default_rng(24)
    small = 0
    for seed in range(40):
        x = rng.uniform(0.2, 0.9, 60)
        y = 0.8 * x + rng.normal(0, 1, 60) * 0.01 * np.exp(3 * x)
        small += shapes.compare_shapes(x, y, draws=39, rng=seed).table["p_value"][1] <= 0.05
    assert small <= 6


def test_comparison_reports_gain_by_chance_and_draws_every_shape():
    x, y = cloud(25, 60)
    found = shapes.compare_shapes(x, y, draws=199, clusters=np.arange(60) % 12)
    for name, shape in found.fits.items():
        drawn = found.curves(name).groupby("line").size()
        assert drawn.tolist() == [GRID_POINTS] * len(shape.lines)
    one, pair = found.table.iloc[0], found.table.iloc[1]
    assert one["r_squared"] == pytest.approx(fit_line(x, y).r_squared)
    assert 0 < pair["gain_by_chance"] < pair["gain_by_chance_high"]
    assert pair["r_squared_gain"] == pytest.approx(pair["r_squared"] - one["r_squared"])
    assert pair["lr"] == pytest.approx(2 * (pair["loglik"] - one["loglik"]), rel=1e-6)


@pytest.mark.parametrize(
    ("x", "y"),
    [([], []), ([0.5], [0.5]), ([0.5, np.nan], [0.5, 0.4]), ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])],
)
def test_too_few_models_have_no_shape(x, y):
    found = shapes.compare_shapes(x, y, draws=5)
    assert (found.outcome, found.best, list(found.fits)) == ("none", "", ["one line"])
    assert found.fits["one line"].reason
