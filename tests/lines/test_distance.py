"""Distance of runs from the line of the others, against slow programs."""

import numpy as np
import pandas as pd
import pytest
from line_tables import runs
from scipy import stats

from hatlib.lines import distance
from hatlib.lines.lines import from_scale, to_scale


def test_effective_transfer_is_the_residual_from_the_line_of_the_other_lineages():
    table = runs()
    found = distance.off_line(table, draws=10).runs
    for i, row in table.iterrows():
        others = table[table["lineage"] != row["lineage"]]
        line = stats.linregress(others["source_accuracy"], others["target_accuracy"])
        expected = row["target_accuracy"] - (line.intercept + line.slope * row["source_accuracy"])
        assert found.loc[i, "effective_transfer"] == pytest.approx(expected)


def test_every_draw_is_a_weighted_line_without_the_own_lineage():
    table = runs().assign(source_se=0.0, target_se=0.0)
    found = distance.off_line(table, draws=20, rng=3)
    x, y = table["source_accuracy"].to_numpy(), table["target_accuracy"].to_numpy()
    for draw in (0, 7, 19):
        for i in (0, 13):
            weight = found.weights[draw] * (table["lineage"] != table["lineage"][i]).to_numpy()
            repeated = np.repeat(np.arange(len(table)), weight)
            line = stats.linregress(x[repeated], y[repeated])
            expected = y[i] - (line.intercept + line.slope * x[i])
            assert found.draws[draw, i] == pytest.approx(expected)


@pytest.mark.parametrize("scale", ["linear", "logit", "probit"])
def test_models_on_one_line_have_no_effective_transfer(scale):
    table = runs()
    exact = from_scale(0.9 * to_scale(table["source_accuracy"], scale)[0] - 0.1, scale)
    found = distance.off_line(table.assign(target_accuracy=exact), scale=scale, draws=5).runs
    np.testing.assert_allclose(found["effective_transfer"], 0, atol=1e-12)


def test_runs_that_say_nothing_draw_no_line():
    table = runs()
    guess = table.iloc[:3].assign(
        label=["g1", "g2", "g3"], lineage="guess", source_accuracy=0.05, target_accuracy=0.9
    )
    failed = table.iloc[:1].assign(
        label="f", lineage="failed", source_accuracy=0.3, target_accuracy=0.9, xlt_gap=-0.6
    )
    both = pd.concat([table, guess.assign(xlt_gap=0.0), failed])
    plain = distance.off_line(table, draws=5).runs["effective_transfer"]
    found = distance.off_line(both, draws=5).runs
    np.testing.assert_allclose(found["effective_transfer"][: len(table)], plain)
    assert found["unfit"].tolist()[-4:] == ["near chance"] * 3 + ["doubtful"]


def test_a_set_of_one_lineage_has_no_line():
    found = distance.off_line(runs(n_lineages=1, per_lineage=9), draws=5)
    assert found.runs["effective_transfer"].isna().all()
    assert "other model families" in found.reason
