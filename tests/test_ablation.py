"""Ablations: each variant against an independent computation, and every verdict both ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import hatlib
from hatlib.errors import InputError
from hatlib.metric.hardness import onto_grid
from hatlib.metric.profile import fit_profiles, profile_values
from hatlib.metric.score import score_counts
from hatlib.metric.sufficient import tabulate
from hatlib.show.charts import Notice
from hatlib.thresholds import load_thresholds
from hatlib.truth import ablation
from hatlib.truth.ablation import CANNOT_TELL, FULL, NEEDED, NOT_NEEDED, Ablation, Ablations, Run
from hatlib.truth.study import Design


@pytest.fixture(scope="module")
def counts():
    simulated = hatlib.simulate_answers(
        [-1.0, 0.0, 1.0, 2.0], profiles=["linear", "steep"] * 2, n_items=500, chance=0.25
    )
    return simulated.responses.counts("sim")


@pytest.fixture(scope="module")
def whole(counts):
    return score_counts(counts, reference="uniform", draws=0)


@pytest.fixture(scope="module")
def found(counts, whole):
    scores, reasons = ablation.variant_scores(counts, whole, list(ablation.VARIANTS))
    assert not reasons
    return scores


# Variants --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        (FULL, {}),
        ("direct", {"profile": "direct"}),
        ("plug-in", {"profile": "plugin"}),
        ("logit alone", {"profile": "logit"}),
        ("one shape", {"profile": "shared"}),
    ],
)
def test_other_profiles_are_those_of_the_score(variant, options, counts, found):
    expected = score_counts(counts, reference="uniform", draws=0, **options).hat[:, 0]
    np.testing.assert_allclose(found[variant], expected)


def test_own_hardness_of_the_plugin_is_the_ratio_above_chance(counts):
    # With the observed rates as hardness and as its distribution nothing is left but sums.
    whole = score_counts(counts, profile="plugin", reference="uniform", draws=0)
    table = whole.table
    rate = table.correct / table.trials
    seen = onto_grid(rate, whole.hardness.grid)
    share = table.source_items / table.source_items.sum(axis=1, keepdims=True)
    observed = replace(
        whole,
        hardness=replace(whole.hardness, distribution=share @ seen),
        curves=np.stack([np.interp(whole.hardness.grid, rate, r) for r in _rates(table)])[:, None],
    )
    s, t = (whole.metrics[name][:, 0] for name in ("source_accuracy", "target_accuracy"))
    scores = ablation.VARIANTS["own hardness"](counts, observed)
    np.testing.assert_allclose(scores, (t - 0.25) / (s - 0.25), atol=0.01)


def _rates(table):
    """Mean target rate by observed rate, gaps filled along the line between neighbours."""
    rate = table.correct / table.trials
    means = table.means()[:, 0]
    return [np.interp(rate, rate[np.isfinite(m)], m[np.isfinite(m)]) for m in means]


def test_own_hardness_is_close_to_the_ratio_above_chance(whole, found):
    s, t = (whole.metrics[name][:, 0] for name in ("source_accuracy", "target_accuracy"))
    np.testing.assert_allclose(found["own hardness"], (t - 0.25) / (s - 0.25), atol=0.03)


def test_observed_rate_puts_all_mass_at_what_was_seen(counts, whole, found):
    hardness = whole.hardness
    posterior = np.zeros_like(hardness.posterior)
    for cell, (k, n) in enumerate(zip(hardness.correct, hardness.trials, strict=True)):
        right = int(np.clip(np.searchsorted(hardness.grid, k / n), 1, len(hardness.grid) - 1))
        low, high = hardness.grid[[right - 1, right]]
        posterior[:, cell, right] = (k / n - low) / (high - low)
        posterior[:, cell, right - 1] = (high - k / n) / (high - low)
    np.testing.assert_allclose(posterior @ hardness.grid, np.tile(hardness.correct / 10, (4, 1)))
    seen = replace(hardness, posterior=posterior)
    curves = profile_values(fit_profiles(tabulate(counts, seen), seen))[:, 0]
    above = hardness.grid >= 0.25
    area = np.trapezoid(curves[:, above], hardness.grid[above], axis=1) / 0.75
    np.testing.assert_allclose(found["observed rate"], (area - 0.25) / (0.625 - 0.25), atol=1e-9)


def test_chance_0_is_the_score_of_a_benchmark_without_guessing(counts, found):
    expected = score_counts(replace(counts, chance=0.0), reference="uniform", draws=0).hat[:, 0]
    np.testing.assert_allclose(found["chance 0"], expected)
    assert (found["chance 0"] > found[FULL]).all()  # guesses pass for transfer


def test_free_direct_minimises_without_the_constraint(whole, found):
    # The same criterion by a general optimiser, for one model.
    m, knots = 0, np.linspace(0, 1, 13)
    grid, items = whole.hardness.grid, whole.table.items[0, 0]
    rates = np.nan_to_num(whole.table.means()[0, 0])
    expected_of = whole.hardness.posterior[m]

    def loss(heights):
        bends = np.diff(heights, 2)
        miss = expected_of @ np.interp(grid, knots, heights) - rates
        return items @ miss**2 + 0.3 * items.sum() / 10 * (bends @ bends)

    fit = optimize.minimize(loss, np.linspace(0.3, 0.8, 13), method="BFGS", options={"gtol": 1e-9})
    f = np.interp(grid, knots, fit.x).clip(0, 1)
    above = grid >= 0.25
    area = np.trapezoid(f[above], grid[above]) / 0.75
    assert found["direct, free"][m] == pytest.approx((area - 0.25) / 0.375, abs=1e-3)


def test_free_and_constrained_direct_agree_where_the_profile_rises_by_itself():
    run = ablation.run_design(
        Design(n_items=4000, profiles=("steep",), abilities=(0.0, 0.5)),
        [a for a in ablation.ABLATIONS if a.ingredient == "rise (direct)"],
        replications=2,
    )
    gap = run.scores[:, run.of("direct, free")] - run.scores[:, run.of("direct")]
    assert np.abs(gap).max() < 0.005


def test_forced_profiles_rise_and_one_that_rises_is_left_alone(counts, whole):
    rising = replace(whole, curves=np.sort(whole.curves, axis=2))
    scores = ablation.VARIANTS["forced to rise"](counts, rising)
    np.testing.assert_allclose(scores, _uniform(rising.curves[:, 0], rising))
    wild = replace(whole, curves=whole.curves[..., ::-1])  # it falls all the way
    level = (wild.curves[:, 0] * (whole.hardness.distribution + 1e-6)).sum(axis=1)
    level /= (whole.hardness.distribution + 1e-6).sum(axis=1)
    forced = ablation.VARIANTS["forced to rise"](counts, wild)
    np.testing.assert_allclose(forced, (level - 0.25) / 0.375, rtol=1e-6)


def _uniform(curves, whole):
    above = whole.hardness.grid >= 0.25
    area = np.trapezoid(curves[:, above], whole.hardness.grid[above], axis=1) / 0.75
    return (area - 0.25) / 0.375


def test_shuffled_items_leave_target_accuracy_on_another_scale(whole, found):
    t = whole.metrics["target_accuracy"][:, 0]
    np.testing.assert_allclose(found["items shuffled"], (t - 0.25) / 0.375, atol=0.12)
    errors = np.abs(found["items shuffled"] - (t - 0.25) / 0.375)
    assert errors.mean() < 0.06


def test_names_and_order_of_the_models_do_not_matter(found):
    np.testing.assert_allclose(found["models relabelled"], found[FULL], atol=1e-6)


def test_what_is_not_possible_has_a_reason():
    one = hatlib.simulate_answers(np.linspace(-1, 1, 6), n_items=200, n_trials=1)
    counts = one.responses.counts("sim")
    whole = score_counts(counts, draws=0)
    scores, reasons = ablation.variant_scores(counts, whole, list(ablation.VARIANTS))
    assert set(reasons) == {"observed rate", "plug-in", "chance 0"}
    assert "one answer" in reasons["observed rate"]
    assert np.isfinite(scores["items shuffled"]).all()


def test_models_without_a_full_score_get_none():
    weak = hatlib.simulate_answers([-9.0, 0.0, 1.0], n_items=100, n_trials=4)
    counts = weak.responses.counts("sim")
    whole = score_counts(counts, draws=0)
    missing = np.isnan(whole.hat[:, 0])
    assert missing.sum() == 1
    scores, _ = ablation.variant_scores(counts, whole, ["own hardness", "forced to rise", "direct"])
    for values in scores.values():
        assert (np.isnan(values) == missing).all()


# Measures --------------------------------------------------------------------------------------


def test_the_held_out_range_of_noise_is_0_on_average_and_that_of_a_difference_is_not():
    rng = np.random.default_rng(0)
    shape = np.arange(12) % 2
    noise = rng.normal(0, 0.1, (400, 6, 1, 12))
    ranges = np.array([ablation.held_out_range(each, shape).mean() for each in noise])
    assert abs(ranges.mean()) < 3 * ranges.std() / 20
    plain = np.array([np.ptp(each.mean(axis=0)) for each in noise])
    assert plain.mean() > 0.1  # what noise does to the range of a mean
    drift = noise + np.repeat(np.linspace(0, 1, 6), 2)
    found = np.array([ablation.held_out_range(each, shape).mean() for each in drift])
    assert found.mean() == pytest.approx(1, abs=0.03)


def test_the_range_is_taken_among_models_of_one_shape():
    errors = np.tile([0.0, 0.5, 0.1, 0.5, 0.2, 0.5], (4, 1, 1))  # shapes differ, models do not much
    ranges = ablation.held_out_range(errors, np.arange(6) % 2)
    np.testing.assert_allclose(ranges, 0.2)


def test_slope_bias_and_error_are_those_of_a_line():
    source = np.tile(np.linspace(0.2, 0.8, 5), (3, 1))
    scores = (0.5 + 0.3 * (source - 0.5))[:, None, :] + 0.02
    run = Run(
        Design(), (FULL,), scores, source, np.full(5, 0.5), np.zeros(5, int), np.zeros((3, 5))
    )
    values = {name: array.mean() for name, array in run.measures.items()}
    assert values["slope"] == pytest.approx(0.03)
    assert values["bias"] == pytest.approx(0.02)
    assert values["range"] == pytest.approx(0.18)
    assert values["rmse"] == pytest.approx(np.sqrt(np.mean((scores - 0.5) ** 2)))


def test_falls_are_measured_above_chance():
    grid = np.array([0, 0.25, 0.5, 1])
    assert ablation.largest_fall(np.array([0.9, 0.3, 0.5, 0.4]), grid, 0.25) == pytest.approx(0.1)
    assert ablation.largest_fall(np.array([0.1, 0.3, 0.3, 0.4]), grid, 0.0) == 0


def test_the_plugin_moves_as_integration_over_the_true_hardness_says():
    # No estimator of hatlib takes part in what is expected.
    z = 1.5 * stats.norm.ppf((np.arange(20000) + 0.5) / 20000)
    for trials in (10, 50):
        ends = []
        for ability in (-2.5, 2.5):
            p = special.expit(ability - z)
            likelihood = stats.binom.pmf(np.arange(trials + 1)[:, None], trials, p)
            rate = likelihood @ (0.7 * p) / likelihood.sum(axis=1)
            ends.append(2 * np.trapezoid(rate, np.arange(trials + 1) / trials))
        expected = ends[1] - ends[0]
        # The range at 50 answers still lies beyond the threshold: there the correction is needed.
        assert expected > load_thresholds()["harm"]
        design = Design(n_items=2000, n_trials=trials, abilities=(-2.5, 0.0, 2.5))
        run = ablation.run_design(design, ablation.CORRECTIONS, replications=4)
        assert run.measures["range"][:, run.of("plug-in")].mean() == pytest.approx(
            expected, abs=0.04
        )


# Verdicts --------------------------------------------------------------------------------------

PAIR = Ablation("thing", FULL, "direct", "Something.")


def made(drift: float, noise: float, *, helps: float = 0.0, n: int = 6, designs: int = 2):
    """Runs in which the variant without the ingredient moves by `drift` over ability."""
    rng = np.random.default_rng(1)
    runs = []
    for _ in range(designs):
        kept = rng.normal(0, noise, (n, 8))
        dropped = kept + drift * np.linspace(-0.5, 0.5, 8) + rng.normal(0, noise / 2, (n, 8))
        dropped += helps
        runs.append(
            Run(
                Design(),
                (FULL, "direct"),
                0.5 + np.stack([kept, dropped], axis=1),
                np.tile(np.linspace(0.2, 0.8, 8), (n, 1)),
                np.full(8, 0.5),
                np.zeros(8, dtype=int),
                np.zeros((n, 8)),
            )
        )
    return Ablations(tuple(runs), (PAIR,))


@pytest.mark.parametrize(
    ("runs", "verdict"),
    [
        (made(0.4, 0.01), NEEDED),
        (made(0.0, 0.002), NOT_NEEDED),
        (made(0.0, 0.2), CANNOT_TELL),
        (made(0.05, 0.005), CANNOT_TELL),
    ],
)
def test_verdicts_in_every_direction(runs, verdict):
    row = runs.verdicts().iloc[0]
    assert row["verdict"] == verdict
    assert f"1 {verdict}" in runs.summary().splitlines()[0]
    if verdict == NEEDED:
        assert row["low"] > 0.05
        assert "thing (+0." in runs.summary()
    if verdict == NOT_NEEDED:
        assert row["high"] < 0.05


def test_one_bad_design_among_good_ones_is_enough():
    good, bad = made(0.0, 0.002, designs=5), made(0.4, 0.01, designs=1)
    both = replace(good, runs=(*good.runs, *bad.runs))
    assert both.verdicts()["verdict"].tolist() == [NEEDED]
    assert good.verdicts()["verdict"].tolist() == [NOT_NEEDED]


def test_another_threshold_turns_the_verdict(tmp_path):
    runs = made(0.4, 0.01)
    file = tmp_path / "mine.toml"
    file.write_text("harm = 0.6\n")
    lenient = replace(runs, rules=load_thresholds(file))
    assert runs.verdicts()["verdict"].tolist() == [NEEDED]
    assert lenient.verdicts()["verdict"].tolist() == [NOT_NEEDED]


def test_an_ingredient_can_help_without_being_needed_or_hurt():
    assert made(0.0, 0.002, helps=0.03).verdicts().iloc[0][["verdict", "helps"]].tolist() == [
        NOT_NEEDED,
        "helps in 2",
    ]
    better = made(0.0, 0.01)
    runs = tuple(replace(r, scores=0.5 + (r.scores - 0.5) * [[[5.0], [1.0]]]) for r in better.runs)
    assert replace(better, runs=runs).verdicts()["helps"].tolist() == ["hurts in 2"]


def test_noise_in_many_designs_is_not_called_harm():
    found = [made_with(seed).verdicts().iloc[0]["verdict"] for seed in range(20)]
    assert found.count(NEEDED) <= 2


def made_with(seed: int):
    """Twenty designs of mere noise, as large with the ingredient as without."""
    rng = np.random.default_rng(seed)
    base = made(0.0, 0.05, designs=1).runs[0]
    runs = [replace(base, scores=0.5 + rng.normal(0, 0.05, base.scores.shape)) for _ in range(20)]
    return Ablations(tuple(runs), (PAIR,))


def test_no_design_and_no_score_end_in_cannot_tell():
    only_chance = [a for a in ablation.ABLATIONS if a.ingredient == "chance level"]
    runs = ablation.run_ablations([Design(n_items=50)], only_chance, replications=2)
    assert runs.verdicts()["verdict"].tolist() == [CANNOT_TELL]
    assert "1 cannot tell" in runs.summary()
    assert isinstance(runs.chart(), Notice)
    assert isinstance(runs.heat(), Notice)
    few = ablation.run_ablations([Design(n_items=5)], ablation.ABLATIONS, replications=2)
    assert set(few.verdicts()["verdict"]) == {CANNOT_TELL}
    assert "nan" not in few.summary() + few.fall_summary()


def test_one_replication_is_an_error():
    with pytest.raises(InputError, match="no noise"):
        ablation.run_ablations([Design(n_items=50)], replications=1)


# Simulated models ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lost():
    return ablation.run_ablations(list(ablation.designs())[:3], replications=6)


def test_what_must_be_needed_is_and_an_idle_ingredient_is_not(lost):
    verdict = lost.verdicts().set_index("ingredient")["verdict"]
    for ingredient in ("correction", "correction (direct)", "standardisation", "own shape"):
        assert verdict[ingredient] == NEEDED
    assert verdict["pairing of items"] == NEEDED
    assert verdict["rise (default)"] == NOT_NEEDED
    idle = ablation.run_ablations([Design(n_items=200)], [ablation.IDLE], replications=4)
    assert idle.verdicts()["verdict"].tolist() == [NOT_NEEDED]


def test_one_shape_harms_where_there_are_two_and_not_where_there_is_one(lost):
    rows = lost.table().query("ingredient == 'own shape'").set_index("profiles")
    assert rows.loc["steep / flat", "range_harm"] > 0.3
    assert (rows.loc[["linear", "steep"], "rmse_harm"] < 0.01).all()


def test_truth_and_shape_of_the_models_are_in_the_order_of_the_scores(lost):
    run = lost.runs[2]
    each = {"steep": run.truth[0], "flat": run.truth[1]}
    np.testing.assert_allclose(run.truth, [each["steep"], each["flat"]] * 5 + [each["steep"]])
    assert run.shape.tolist() == [0, 1] * 5 + [0]
    assert (np.diff(run.source.mean(axis=0)) > 0).all()
    table = ablation.beside(run, "items shuffled")
    assert np.corrcoef(table["items_shuffled"], table["source_accuracy"])[0, 1] > 0.9


def test_checks_report_what_failed():
    checks = ablation.run_checks([3], n_items=200, replications=4)
    assert checks.table().set_index("ingredient").loc["names of models", "passed"] == "yes"
    assert checks.table().set_index("ingredient").loc["correction", "passed"] == "no"
    text = checks.summary()
    assert "1 of 3 passed" in text
    assert "correction is needed" in text
    enough = ablation.run_checks([400], n_items=400, replications=4).table()
    assert enough.set_index("ingredient").loc["correction", "passed"] == "yes"


def test_charts_show_every_ingredient(lost):
    assert len(lost.chart().data) == len(ablation.ABLATIONS) - 1  # no design with guessing
    assert "threshold of harm" in lost.chart().caption
    assert set(lost.heat().data["design"]) == {"K 10, c 0"}


# Real answers ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated_sets():
    profiles = ["linear", "linear", "strong shift", "strong shift", "linear"]
    simulated = hatlib.simulate_answers([-1, 0, 0.5, 1.5, 2], profiles=profiles, n_items=500)
    return hatlib.score_sets(simulated.responses, draws=100)


def test_changes_ranks_and_reversals_are_counted_by_hand(simulated_sets):
    found = ablation.ablate_sets(simulated_sets)
    wide = found.scores.pivot_table("score", "display_name", "variant")
    row = found.table().set_index("ingredient").loc["pairing of items"]
    change = (wide["items shuffled"] - wide[FULL]).abs()
    assert row["typical_change"] == pytest.approx(change.median())
    assert row["largest_change"] == pytest.approx(change.max())
    assert row["tau"] == pytest.approx(wide[FULL].corr(wide["items shuffled"], method="kendall"))
    pairs = hatlib.compare_all(simulated_sets.scores).pairs.query("told_apart")
    turned = [
        wide.loc[a, "items shuffled"] < wide.loc[b, "items shuffled"]
        for a, b in zip(pairs["model_a"], pairs["model_b"], strict=True)
    ]
    assert (row["told_apart"], row["reversed"]) == (len(pairs), sum(turned))
    assert row["reversed"] > 0  # an able model that transfers less comes out ahead
    assert "pairs reverse without" in found.summary()
    assert found.reasons["ingredient"].tolist() == ["chance level"]


def test_what_hangs_on_an_ingredient_turns_with_the_threshold(simulated_sets, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("harm = 2.0\n")
    strict = ablation.ablate_sets(simulated_sets)
    lenient = ablation.ablate_sets(simulated_sets, rules=load_thresholds(file))
    assert "much hangs on" in strict.summary()
    still = lenient.table()
    assert (still["hangs_on_it"] == np.where(still["reversed"] > 0, "yes", "no")).all()
    idle = ablation.ablate_sets(simulated_sets, [ablation.IDLE])
    assert "little hangs on any" in idle.summary()
    assert idle.table()["tau"].tolist() == pytest.approx([1.0])


def test_one_model_and_one_answer_are_results():
    alone = hatlib.simulate_answers([0.0], n_items=200)
    found = ablation.ablate_sets(hatlib.score_sets(alone.responses, draws=50))
    assert found.table()["models"].max() == 1
    assert found.table()["tau"].isna().all()
    assert "No pair" in found.summary()
    none = hatlib.simulate_answers([0.0, 1.0], n_items=200, n_trials=1)
    found = ablation.ablate_sets(hatlib.score_sets(none.responses, draws=50))
    assert found.table().empty
    assert isinstance(found.chart(), Notice)
    assert isinstance(found.heat(), Notice)
    assert "nothing to compare" in found.summary()
    assert "nothing to compare" in found.sets_summary()
    assert found.fall_summary() == "No profile has support."
    assert found.reasons["reason"].tolist() == ["no model has a supported score"]


def test_one_answer_of_many_models_says_what_cannot_be_dropped():
    many = hatlib.simulate_answers(np.linspace(-1, 1, 6), n_items=300, n_trials=1)
    found = ablation.ablate_sets(hatlib.score_sets(many.responses, draws=50))
    assert "Not possible on this set" in found.summary()
    assert "correction" in found.summary()
    assert isinstance(found.reasons, pd.DataFrame)
    assert "observed rate" not in set(found.scores["variant"])
