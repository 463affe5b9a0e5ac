"""Profiles, languages and rankings of item-level sets, against direct recomputation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hatlib
from hatlib.claims import itemsets, languages, profiles, rankings
from hatlib.errors import InputError
from hatlib.metric.results import thinned
from hatlib.metric.score import interval_quantile
from hatlib.show.charts import Notice, curves, heat

DRAWS = 200


@pytest.fixture(scope="module")
def simulated():
    return hatlib.simulate_answers(
        [-0.5, 0.5, 1.0, 1.5],
        profiles=["linear", "square", "flat", "steep"],
        targets=["hr", "hr-x-ckm", "mk", "sr"],
        target_shift=[0.4, -0.8, 0.0, 0.2],
        n_items=500,
    )


@pytest.fixture(scope="module")
def scores(simulated):
    return hatlib.hat_scores(simulated.responses, reference="uniform", draws=DRAWS)


# Profiles --------------------------------------------------------------------------------------


def test_kept_draws_have_the_quantiles_of_the_bands(scores):
    b = scores.benchmark()
    kept = thinned(b.hardness.grid, b.chance)
    assert b.curve_draws.shape == (DRAWS, len(b.models), len(kept))
    low, high = np.quantile(b.curve_draws, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(low, b.bands[0][:, kept])
    np.testing.assert_allclose(high, b.bands[1][:, kept])


@pytest.mark.parametrize("n", [1, 2, 9, 10])
def test_kept_points_end_at_1_and_begin_at_chance_or_next_to_it(n):
    grid = np.concatenate([[0.0, 0.1], np.linspace(0.25, 1, n)])
    kept = thinned(grid, 0.25)
    assert kept[-1] == len(grid) - 1
    assert kept[0] in (2, 3)
    assert (np.diff(kept) == 2).all()


def test_difference_and_band_come_from_the_same_redraws(scores):
    b = scores.benchmark()
    kept = thinned(b.hardness.grid, b.chance)
    points = hatlib.profile_difference(scores, b.models[0], b.models[1])
    gap = b.curves[0, 0, kept] - b.curves[1, 0, kept]
    redrawn = b.curve_draws[:, 0] - b.curve_draws[:, 1]
    se = redrawn.std(axis=0, ddof=1)
    largest = (np.abs(redrawn - redrawn.mean(axis=0)) / np.maximum(se, 1e-9)).max(axis=1)
    reach = np.quantile(largest, 0.95) * np.maximum(se, 1e-9)
    np.testing.assert_allclose(points["difference"], gap)
    np.testing.assert_allclose(points["low"], gap - reach)
    np.testing.assert_allclose(points["high"], gap + reach)
    # At most one redraw in twenty leaves the band anywhere.
    outside = (np.abs(redrawn - redrawn.mean(axis=0)) > reach + 1e-12).any(axis=1)
    assert outside.mean() <= 0.05


def test_items_near_a_point_add_up_over_the_whole_range(scores):
    b = scores.benchmark()
    points = hatlib.profile_difference(scores, b.models[0], b.models[1])
    h = points["source_probability"].to_numpy()
    near = np.abs(h[:, None] - b.hardness.grid) <= 0.05
    expected = [float(500 * b.hardness.distribution[0, row].sum()) for row in near]
    np.testing.assert_allclose(points["items_a"], expected)


def test_the_two_furthest_apart_are_chosen_and_names_are_kept(scores):
    macro = scores.macro().sort_values("hat")
    worst, best = macro["model"].iloc[[0, -1]]
    assert hatlib.profile_pair(scores).models == (best, worst)
    assert hatlib.profile_pair(scores, worst, best).models == (worst, best)
    assert hatlib.profile_pair(scores, worst).models == (worst, best)
    assert hatlib.profile_pair(scores, "", worst).models == (best, worst)


def test_scores_without_support_are_not_chosen(scores):
    b = scores.benchmark()
    best = int(b.hat[:, 0].argmax())
    flags = b.flags.copy()
    flags[best, 0] = "extrapolated"
    weak = replace(scores, benchmarks=(replace(b, flags=flags),))
    assert b.models[best] not in hatlib.profile_pair(weak).models


def test_wrong_names_and_missing_redraws_are_errors(scores, simulated):
    first = scores.benchmark().models[0]
    with pytest.raises(InputError, match="nobody"):
        hatlib.profile_pair(scores, "nobody")
    with pytest.raises(InputError, match="itself"):
        hatlib.profile_pair(scores, first, first)
    with pytest.raises(InputError, match="redraws"):
        hatlib.profile_pair(hatlib.hat_scores(simulated.responses, draws=0))


def test_one_model_is_a_result_and_not_an_error():
    alone = hatlib.simulate_answers([0.0], n_items=100)
    pair = hatlib.profile_pair(hatlib.hat_scores(alone.responses, draws=50))
    assert pair.comparison() is None
    assert isinstance(pair.difference_chart(), Notice)
    assert "Two models" in pair.summary()
    assert pair.measures().empty
    assert pair.stretches.empty


def test_stretches_are_where_the_profiles_truly_differ():
    crossing = hatlib.simulate_answers([0.5, 0.5], profiles=["steep", "flat"], n_items=2000)
    found = hatlib.profile_pair(
        hatlib.hat_scores(crossing.responses, draws=DRAWS), "Alder", "Aspen"
    )
    assert found.stretches["better"].tolist() == ["Aspen", "Alder"]
    low, high = found.stretches.iloc[0], found.stretches.iloc[1]
    assert low["end"] < high["start"]
    assert "cross" in found.summary()


def test_bands_hold_the_truth_of_simulated_profiles(simulated, scores):
    table = profiles.band_check(scores, simulated)
    assert table["pairs"].tolist() == [6]
    assert table["each_point"].iloc[0] > 0.8
    assert "95%" in profiles.band_summary(scores, simulated)


def test_charts_of_a_pair_show_dots_lines_and_truth(scores, simulated):
    pair = hatlib.profile_pair(scores)
    figure = pair.chart()
    assert set(figure.data["display_name"]) == set(pair.names)
    assert figure.data["n_items"].sum() == pytest.approx(2 * 500)
    both = pair.truth_chart(simulated)
    assert "2 panels" in both.alt
    assert set(pair.difference_chart(simulated).data["line"]) == {"estimate", "built in"}
    assert profiles.pair_table(scores)["model_a"].tolist() == [pair.names[0]]


# Languages -------------------------------------------------------------------------------------


def test_means_over_models_and_their_intervals(scores):
    b = scores.benchmark()
    found = hatlib.language_effects(scores)
    table = found.table().set_index("language").loc[list(b.targets[1:])]
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
    assert table["hat"].is_monotonic_decreasing or found.languages["hat"].is_monotonic_decreasing


def test_pairs_and_dialects_are_differences_of_the_means(scores):
    found = hatlib.language_effects(scores)
    hat = found.languages.set_index("name")["hat"]
    pairs = found.pairs()
    assert len(pairs) == 6
    np.testing.assert_allclose(
        pairs["difference"], hat[pairs["better"]].to_numpy() - hat[pairs["worse"]].to_numpy()
    )
    (dialect,) = found.dialects().to_dict("records")
    assert dialect["standard"] == "Croatian"
    code = found.languages.set_index("language")["hat"]
    assert dialect["difference"] == pytest.approx(code["hr-x-ckm"] - code["hr"])
    assert dialect["high"] < 0
    assert "−" in found.dialect_summary()


def test_groups_are_means_over_their_languages(scores):
    found = hatlib.language_effects(scores)
    groups = found.by("script").set_index("script")
    code = found.languages.set_index("language")["hat"]
    assert groups.loc["Latin", "hat"] == pytest.approx((code["hr"] + code["hr-x-ckm"]) / 2)
    assert groups["n_languages"].sum() == 4


def test_languages_are_averaged_over_the_same_models(simulated):
    responses = simulated.responses
    frame = responses.frame
    first = str(frame["model"].iloc[0])
    gone = (frame["model"] == first) & (frame["language"] == "mk")
    part = replace(responses, frame=frame[~gone].reset_index(drop=True))
    found = hatlib.language_effects(hatlib.hat_scores(part, draws=50))
    assert first not in found.models
    assert len(found.models) == 3
    table = found.languages.set_index("language")
    assert table.loc["mk", "n_models"] == 3
    assert table.loc["sr", "n_models"] == 4
    assert found.missing()["name"].tolist() == ["Macedonian"]
    assert found.missing()["n_missing"].tolist() == [1]
    assert "Macedonian" in found.missing_summary()


def test_one_target_or_no_score_is_a_result(simulated):
    one = hatlib.hat_scores(simulated.responses, targets=["mk"], draws=50)
    found = hatlib.language_effects(one)
    assert "Two target languages" in found.reason
    for table in (found.pairs(), found.dialects(), found.by("script"), found.naive()):
        assert table.empty
    assert isinstance(found.chart(), Notice)
    assert "cannot tell" in found.summary()
    assert languages.language_sets(one)["note"].iloc[0] == found.reason


def test_known_language_effects_are_recovered(scores, simulated):
    found = hatlib.recover_languages(hatlib.language_effects(scores), simulated)
    frame = found.frame.set_index("language")
    assert frame["hat"].idxmin() == frame["truth"].idxmin() == "hr-x-ckm"
    truth = simulated.truth.groupby("target")["hat"].mean()
    np.testing.assert_allclose(frame["truth"], truth[frame.index])
    assert found.table()["rms_error"].iloc[0] < 0.03


def test_known_scores_of_models_are_recovered(scores, simulated):
    found = hatlib.recover_models(scores, simulated)
    macro = simulated.truth.query("target == 'macro'").set_index("model")["hat"]
    names = scores.macro().set_index("display_name")["model"]
    np.testing.assert_allclose(
        found.frame["truth"], macro[names[found.frame["display_name"]].to_numpy()]
    )
    hat = found.correlations().query("measure == 'HAT score'").iloc[0]
    assert hat["with_truth"] == pytest.approx(
        np.corrcoef(found.frame["hat"], found.frame["truth"])[0, 1]
    )
    # With a term for the truth, the change is that of a regression on both.
    x = np.column_stack([np.ones(4), found.frame["truth"], found.frame["source_accuracy"]])
    slope = np.linalg.lstsq(x, found.frame["hat"].to_numpy(), rcond=None)[0][2]
    assert hat["per_ten_points"] == pytest.approx(0.1 * slope)


# Rankings and choices --------------------------------------------------------------------------


def test_metrics_of_one_redrawn_cluster_are_those_of_the_data(simulated):
    counts = simulated.responses.counts("sim")
    one = replace(counts, clusters=np.zeros(len(counts.items), dtype=np.int64))
    redrawn = rankings.metric_draws(one, draws=3)
    scored = hatlib.score_counts(counts, draws=0)
    for name, values in redrawn.items():
        np.testing.assert_allclose(values, np.tile(scored.metrics[name][:, 0], (3, 1)))


def test_a_built_in_reversal_is_found():
    # The first is better in the source language and transfers worse.
    simulated = hatlib.simulate_answers(
        [2.5, -0.5], profiles=["strong shift", "linear"], n_items=800, target_shift=1.0
    )
    scores = hatlib.hat_scores(simulated.responses, reference="uniform", draws=DRAWS)
    result = hatlib.reversals(simulated.responses, scores, metrics=["target_accuracy"])
    hat = scores.macro().set_index("display_name")
    (row,) = result.pairs.to_dict("records")
    ahead, behind = row["ahead_by_hat"], row["ahead_by_metric"]
    assert hat.loc[ahead, "hat"] > hat.loc[behind, "hat"]
    assert hat.loc[ahead, "target_accuracy"] < hat.loc[behind, "target_accuracy"]
    assert row["clear"]
    assert max(row["hat_q_value"], row["metric_q_value"]) < 0.05
    assert "outside noise" in result.summary()
    assert len(result.table()) == result.counts()["clear"].sum() == 1


def test_a_difference_that_is_noise_is_no_clear_reversal():
    simulated = hatlib.simulate_answers([0.0, 0.0, 0.0, 0.0], n_items=300)
    scores = hatlib.hat_scores(simulated.responses, reference="uniform", draws=DRAWS)
    result = hatlib.reversals(simulated.responses, scores)
    assert not result.pairs["clear"].any()
    assert "no reversal outside noise" in result.summary()


def test_fewer_than_two_scores_make_no_ranking():
    alone = hatlib.simulate_answers([0.0], n_items=100)
    scores = hatlib.hat_scores(alone.responses, draws=50)
    found = hatlib.reversals(alone.responses, scores)
    assert found.table().empty
    assert found.counts().empty
    assert "no ranking" in found.summary()


def test_other_choices_keep_or_turn_rankings(simulated):
    found = hatlib.other_choices(simulated.responses, "sim", draws=50)
    table = found.models().set_index("choice")
    assert table.loc["as shown", "tau"] == pytest.approx(1)
    assert "profile adaptive" not in table.index
    assert "hardness pooled" in found.reasons  # four models are too few
    direct = found.scores["profile direct"].macro().set_index("model")["hat"]
    base = found.scores["as shown"].macro().set_index("model")["hat"]
    assert table.loc["profile direct", "tau"] == pytest.approx(
        stats.kendalltau(base, direct).statistic
    )
    change = (direct - base).abs().max()
    assert table.loc["profile direct", "largest_change"] == pytest.approx(change)
    assert found.languages()["languages"].eq(4).all()
    pair = found.pair(list(base.index[:2]))
    assert pair["difference"].iloc[0] == pytest.approx(base.iloc[0] - base.iloc[1])
    assert found.pair([]).empty
    for text in (found.summary(), found.language_summary(), found.pair_summary(base.index[:2])):
        assert "Not possible on these data" in text


# Sets ------------------------------------------------------------------------------------------


def test_sets_say_what_they_cannot_support():
    responses = hatlib.load_responses(sets=["mgsm", "xnli-first200", "truthfulqa-human"])
    sets = hatlib.score_sets(responses, draws=50)
    table = sets.sets().set_index("benchmark")
    assert table.loc["xnli-first200", "limits"].startswith("One model")
    assert "No model can be scored" in table.loc["truthfulqa-human", "limits"]
    assert "cells missing" in table.loc["mgsm", "limits"]
    assert table["scored"].to_dict() == {"mgsm": 4, "xnli-first200": 1, "truthfulqa-human": 0}
    assert sets.lead() == "mgsm"
    assert sets.lead("xnli-first200") == "xnli-first200"
    with pytest.raises(InputError, match="nonsense"):
        sets.lead("nonsense")
    assert len(sets.caveats()) == 3
    assert "extrapolated" in set(itemsets.flag_table()["flag"])


def test_a_method_that_does_not_fit_a_set_is_its_reason():
    responses = hatlib.load_responses(sets=["mgsm", "truthfulqa-human"])
    sets = hatlib.score_sets(responses, hardness="self", draws=50)
    assert list(sets.reasons) == ["truthfulqa-human"]
    assert sets.sets().set_index("benchmark").loc["truthfulqa-human", "scored"] == 0
    with pytest.raises(InputError, match="one answer an item"):
        sets.lead("truthfulqa-human")
    with pytest.raises(InputError, match="profile"):
        hatlib.score_sets(responses, profile="nonsense")


def test_a_set_above_perfect_transfer_does_not_lead():
    easy = hatlib.simulate_answers(
        [-1.0, -0.5, 0.0, 0.5], profiles=[_better] * 4, n_items=400, benchmark="easy"
    )
    plain = hatlib.simulate_answers([0.0, 0.5], n_items=400, benchmark="plain")
    from hatlib.truth.answers import together

    sets = hatlib.score_sets(together([easy, plain]).responses, draws=50)
    table = sets.sets().set_index("benchmark")
    assert table.loc["easy", "above_perfect"] > 0
    assert table.loc["easy", "support"] > table.loc["plain", "support"]
    assert sets.lead() == "plain"
    assert "perfect transfer" in sets.summary()


def _better(h):
    """More than the source language can do."""
    return np.sqrt(h)


# Charts ----------------------------------------------------------------------------------------


def test_dots_below_lines_and_grey_tiles():
    line = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0], "s": "a"})
    dots = pd.DataFrame({"x": [0.5], "y": [0.4], "s": "a", "n": [7]})
    figure = curves(line, x="x", y="y", series="s", points=dots, size="n", name="d", caption="D.")
    assert [row["kind"] for row in _rows(figure)].count("spot") == 1
    assert "1 dot below" in figure.alt
    assert figure.data["n"].dropna().tolist() == [7]
    tiles = pd.DataFrame({"a": ["p", "q"], "b": "r", "v": [0.1, 5.0], "weak": [False, True]})
    figure = heat(tiles, x="a", y="b", value="v", grey="weak", name="t", caption="T.")
    assert [row["grey"] for row in _rows(figure)] == [False, True]
    ramp = figure.spec()["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert max(ramp) < 1  # a weak value does not stretch the colours


def _rows(figure):
    (rows,) = figure.spec()["datasets"].values()
    return rows
