"""Comparisons off the line, against slow programs and against data of known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hatlib
from hatlib.lines import distance
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, identical_transfer, true_transfer


def runs(n_lineages=8, per_lineage=4, slope=0.8, size_effect=0.0, time_effect=0.0, seed=0):
    """Runs on a known line, with effects of size and time that we set."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n_lineages):
        own = rng.normal(0, 0.01)
        for j in range(per_lineage):
            log2_size = j + rng.uniform(0, 0.2)
            years = j * 0.5
            x = np.clip(0.4 + 0.1 * j + rng.normal(0, 0.03), 0, 1)
            y = 0.1 + slope * x + own + size_effect * log2_size + time_effect * years
            rows.append(
                {
                    "set": "s",
                    "set_name": "S",
                    "model": f"m{k}-{j}",
                    "display_name": f"m{k}-{j}",
                    "label": f"m{k}-{j}",
                    "setup": "",
                    "reasoning": "none",
                    "family": f"f{k}",
                    "lineage": f"l{k}",
                    "ladder": f"f{k}",
                    "variant": "base",
                    "params_total_b": 2.0**log2_size,
                    "params_active_b": 2.0**log2_size,
                    "release_date": pd.Timestamp(2024, 1, 1) + pd.Timedelta(days=365.25 * years),
                    "source_accuracy": x,
                    "target_accuracy": y + rng.normal(0, 0.002),
                    "source_se": 0.005,
                    "target_se": 0.005,
                    "chance": 0.0,
                }
            )
    frame = pd.DataFrame(rows)
    gap = frame["source_accuracy"] - frame["target_accuracy"]
    return frame.assign(xlt_gap=gap, ratio=frame["target_accuracy"] / frame["source_accuracy"])


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
    from hatlib.lines.lines import from_scale, to_scale

    exact = from_scale(0.9 * to_scale(table["source_accuracy"], scale)[0] - 0.1, scale)
    found = distance.off_line(table.assign(target_accuracy=exact), scale=scale, draws=5).runs
    np.testing.assert_allclose(found["effective_transfer"], 0, atol=1e-12)


def test_order_of_runs_and_names_of_lineages_change_nothing():
    table = runs()
    plain = distance.off_line(table, draws=5).runs.set_index("label")["effective_transfer"]
    mixed = table.sample(frac=1, random_state=1).assign(lineage=lambda d: "x" + d["lineage"])
    other = distance.off_line(mixed, draws=5).runs.set_index("label")["effective_transfer"]
    np.testing.assert_allclose(plain, other.loc[plain.index])


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
    assert "other lineages" in found.reason


# Known truth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [0.0, 0.03])
def test_ladders_find_the_size_effect_that_was_put_in(effect):
    found = hatlib.size_ladders(runs(n_lineages=12, size_effect=effect), draws=400)
    row = found.table_of_sets().iloc[0]
    assert row["n_ladders"] == 12
    assert (row["p_value"] < distance.CLEAR) == (effect > 0)
    # Size moves source accuracy too, so part of the effect is drawn into the line.
    ladders = found.table()
    np.testing.assert_allclose(
        ladders["target_gain"], ladders["expected_gain"] + ladders["off_line_gain"]
    )


def test_trends_find_the_change_a_year_that_was_put_in():
    table = runs(n_lineages=12, seed=2)
    rng = np.random.default_rng(0)
    shuffled = table["source_accuracy"].groupby(table["lineage"]).transform(rng.permutation)
    years = (table["release_date"] - pd.Timestamp(2024, 1, 1)).dt.days / 365.25
    table = table.assign(
        source_accuracy=shuffled,
        target_accuracy=0.1 + 0.8 * shuffled + 0.05 * years + rng.normal(0, 0.002, len(table)),
    ).assign(xlt_gap=0.0)
    row = hatlib.release_trends(table, draws=400).table_of_sets().iloc[0]
    assert row["low"] < 0.05 < row["high"]
    assert row["p_value"] < distance.CLEAR
    assert hatlib.shuffled_dates(table, draws=400).share < distance.CLEAR


def test_pairs_of_thinking_settings():
    table = runs()
    more = table.assign(reasoning="high", target_accuracy=table["target_accuracy"] + 0.05)
    both = pd.concat([table.assign(reasoning="low"), more], ignore_index=True)
    found = hatlib.thinking_pairs(both.assign(xlt_gap=0.0), draws=300)
    np.testing.assert_allclose(found.table()["off_line_gain"], 0.05)
    np.testing.assert_allclose(found.table()["expected_gain"], 0, atol=1e-12)
    assert len(found.table()) == len(table)


@pytest.mark.parametrize(("shortfall", "clear"), [(0.0, False), (0.06, True)])
def test_small_models_below_the_line_are_found(shortfall, clear):
    table = runs(n_lineages=12)
    small = table["params_total_b"] < 3
    table["source_accuracy"] = np.random.default_rng(1).uniform(0.4, 0.8, len(table))
    table["target_accuracy"] = (
        0.1 + 0.8 * table["source_accuracy"] - shortfall * small
        + np.random.default_rng(2).normal(0, 0.01, len(table))
    )  # fmt: skip
    found = hatlib.small_models(table.assign(xlt_gap=0.0), threshold=3, draws=400)
    row = found.table_of_sets().iloc[0]
    assert (row["p_value"] < distance.CLEAR) == clear
    assert row["effective_transfer"] == pytest.approx(-shortfall, abs=0.01)
    assert (": yes.**" in found.summary()) == clear


def test_pooled_needs_three_lineages_and_widens_with_few():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(500, 3))
    weights = np.ones((500, 3), int)
    two = distance.pooled(np.zeros(3), draws, weights, ["a", "a", "b"])
    three = distance.pooled(np.zeros(3), draws, weights, ["a", "b", "c"])
    assert np.isnan(two.low)
    expected = stats.t.ppf(0.975, 2) * draws.mean(axis=1).std() * np.sqrt(3 / 2)
    assert three.high == pytest.approx(expected)


def test_the_same_seed_gives_the_same_figures_and_sets_do_not_meddle():
    one = hatlib.size_ladders(runs(), draws=50, seed=1).table()
    two = pd.concat([runs().assign(set="r", set_name="R"), runs()], ignore_index=True)
    again = hatlib.size_ladders(two, draws=50, seed=1).table().query("set == 's'")
    for column in ("low", "high", "off_line_gain"):
        np.testing.assert_array_equal(one[column], again[column])


# Data that cannot answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        runs().iloc[:0],
        runs().iloc[:1],
        runs(n_lineages=1),
        runs().assign(
            params_total_b=np.nan, params_active_b=np.nan, release_date=pd.NaT, lineage="",
            family="", ladder="",
        ),
        runs().assign(source_accuracy=0.5),
        runs().assign(source_accuracy=0.0, target_accuracy=0.0),
        runs().assign(source_accuracy=1.0, target_accuracy=1.0),
        runs().assign(source_se=np.nan, target_se=np.nan),
    ],
    ids=["empty", "one model", "one lineage", "undescribed", "no spread", "all wrong",
         "all right", "no items"],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_awkward_tables_give_a_sentence_and_never_an_error(table):
    results = [
        hatlib.size_ladders(table, draws=20),
        hatlib.release_trends(table, draws=20),
        hatlib.thinking_pairs(table, draws=20),
        hatlib.small_models(table, threshold=3, draws=20),
        hatlib.shuffled_dates(table, draws=20),
    ]
    for result in results:
        assert "nan" not in result.summary().lower().split()
        assert len(result.summary()) > 20
        assert isinstance(result.table(), pd.DataFrame)
        assert repr(result.chart())


# Simulation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_built_in_transfer_is_the_integral_of_the_profile(profile):
    from scipy.integrate import quad

    expected = 2 * quad(lambda h: float(PROFILES[profile](np.array(h))), 1e-9, 1 - 1e-9)[0]
    assert true_transfer(profile) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_simulated_accuracies_approach_their_expectation(difficulty):
    exact = identical_transfer("shift", difficulty=difficulty, chance=0.25)
    drawn = identical_transfer(
        "shift", difficulty=difficulty, chance=0.25, n_items=40_000, n_trials=5, rng=1
    )
    for column in ("source_accuracy", "target_accuracy"):
        np.testing.assert_allclose(exact.models[column], drawn.models[column], atol=0.01)


def test_perfect_transfer_would_give_one_and_none_gives_zero(monkeypatch):
    monkeypatch.setitem(PROFILES, "perfect", lambda h: h)
    monkeypatch.setitem(PROFILES, "none", lambda h: 0 * h)
    assert true_transfer("perfect") == pytest.approx(1)
    assert true_transfer("none") == 0
    perfect = identical_transfer("perfect").table()
    np.testing.assert_allclose(perfect["xlt_gap"], 0, atol=1e-12)


def test_simulations_refuse_what_they_do_not_know():
    with pytest.raises(hatlib.InputError) as caught:
        identical_transfer("magic", difficulty="odd", chance=2, n_items=-1)
    assert len(caught.value.problems) == 4


def test_no_simulated_model_has_a_real_name():
    real = hatlib.load().models
    words = {w.lower() for name in real["display_name"] for w in name.split()}
    from hatlib.truth.simulate import invented_names

    assert not {name.split()[0].lower() for name in invented_names(60)} & words
