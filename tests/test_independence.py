"""Dependence of scores on source accuracy: slopes by hand, and every verdict in each direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hatlib
from hatlib.claims import independence
from hatlib.claims.independence import DEPENDENT, HAT, INDEPENDENT, UNCLEAR
from hatlib.errors import InputError
from hatlib.show.charts import Notice
from hatlib.thresholds import BOOK
from hatlib.truth import attacks
from hatlib.truth.attacks import Attack, NullRuns, run_attacks, within_simulated

DRAWS = 100
ABILITIES = np.linspace(-1.5, 2, 16)


def scaled(size):
    """A profile of transfer `size`, straight."""
    return lambda u: size * u


def answered(sizes, *, abilities=ABILITIES, n_items=400, **more):
    """Answers of models with straight profiles of these sizes."""
    simulated = hatlib.simulate_answers(
        abilities, profiles=[scaled(s) for s in sizes], targets=["de"], n_items=n_items, **more
    )
    return simulated.responses


def across(responses, **more):
    sets = hatlib.score_sets(responses, reference="uniform", draws=DRAWS)
    return hatlib.across_models(sets, **more)


def verdicts(found):
    return found.sets.set_index("measure")["verdict"].to_dict()


@pytest.fixture(scope="module")
def alike():
    return across(answered([0.7] * len(ABILITIES)))


@pytest.fixture(scope="module")
def rising():
    return across(answered(np.linspace(0.3, 0.95, len(ABILITIES))))


# Slopes and intervals ----------------------------------------------------------------------------


def test_slope_and_correlation_are_those_of_a_regression():
    rng = np.random.default_rng(0)
    x, z, y = rng.normal(size=(3, 12))
    slope, r = independence.slope_and_correlation(x, y)
    by_hand = stats.linregress(x, y)
    assert (slope, r) == (pytest.approx(by_hand.slope), pytest.approx(by_hand.rvalue))
    slope, r = independence.slope_and_correlation(x, y, z[:, None])
    design = np.column_stack([np.ones(12), z, x])
    assert slope == pytest.approx(np.linalg.lstsq(design, y, rcond=None)[0][2])
    rxy, rxz, ryz = (np.corrcoef(a, b)[0, 1] for a, b in ((x, y), (x, z), (y, z)))
    partial = (rxy - rxz * ryz) / np.sqrt((1 - rxz**2) * (1 - ryz**2))
    assert r == pytest.approx(partial)


def test_a_slope_on_what_does_not_vary_is_missing():
    slope, r = independence.slope_and_correlation(np.ones(4), np.arange(4.0))
    assert np.isnan(slope)
    assert np.isnan(r)


def test_verdicts_by_the_interval():
    assert independence.verdict_of(-0.019, 0.019, 0.02) == INDEPENDENT
    assert independence.verdict_of(-0.05, -0.021, 0.02) == DEPENDENT
    assert independence.verdict_of(0.021, 0.05, 0.02) == DEPENDENT
    assert independence.verdict_of(-0.05, 0.05, 0.02) == UNCLEAR
    assert independence.verdict_of(0.005, 0.03, 0.02) == UNCLEAR
    assert independence.verdict_of(np.nan, np.nan, 0.02) == UNCLEAR


def test_holm_is_that_of_the_definition():
    p = [0.01, 0.04, 0.03, np.nan, 0.005]
    assert independence.holm(p)[:3].tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(independence.holm(p)[3])
    assert independence.holm(p)[4] == pytest.approx(0.02)


def test_a_claim_that_does_not_survive_holm_is_unclear():
    clear = {"measure": "m", "low": 0.021, "high": 0.05, "p_value": 0.04}
    one = independence._with_verdicts(pd.DataFrame([clear]), BOOK)
    assert one["verdict"].tolist() == [DEPENDENT]
    three = independence._with_verdicts(pd.DataFrame([clear] * 3), BOOK)
    assert three["verdict"].tolist() == [UNCLEAR] * 3
    assert independence._with_verdicts(pd.DataFrame([clear]).iloc[:0], BOOK).empty


def test_intervals_hold_a_known_slope():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        x = rng.uniform(0.3, 0.9, 10)
        y = 0.5 + 0.1 * x + 0.05 * rng.normal(size=10) + 0.03 * rng.normal(size=10)
        noise = 0.03 * rng.normal(size=(100, 10))
        found = independence._estimate(x, y, np.tile(x, (100, 1)), y + noise, np.arange(10), BOOK)
        held.append(found["low"] <= 0.01 <= found["high"])
    assert np.mean(held) > 0.92


def test_noise_of_the_items_is_taken_out_of_both_axes():
    rng = np.random.default_rng(0)
    plain, mended = [], []
    for _ in range(100):
        truth = rng.normal(0.5, 0.1, 40)
        error = 0.06 * rng.normal(size=40)  # shared by both axes, as in a ratio
        x, y = truth + error, 0.7 + 0.5 * error
        again = 0.06 * rng.normal(size=(200, 40))
        found = independence._estimate(x, y, x + again, y + 0.5 * again, np.arange(40), BOOK)
        plain.append(found["per_ten_points"])
        mended.append(found["without_noise"])
    assert np.mean(plain) > 0.01
    assert abs(np.mean(mended)) < 0.003


def test_scores_and_metrics_are_redrawn_with_the_same_items():
    counts = answered([0.7, 0.4, 0.5], abilities=[0.0, 1.0, 2.0]).counts("sim")
    counts = replace(counts, target_correct=counts.source_correct[:, None].copy())
    found = hatlib.score_counts(counts, draws=700, rng=3)
    redrawn = independence._redrawn(found)
    assert {len(values) for values in redrawn.values()} == {700}
    # With the rates of the source language as those of the target, both are functions of these.
    rate = counts.source_correct / counts.source_trials
    weights = hatlib.resample.weights(3, counts.clusters, 500)  # the scores take so many at a time
    s, square = weights @ rate.T, weights @ (rate**2).T
    redrawn = {name: values[:500] for name, values in redrawn.items()}
    np.testing.assert_allclose(redrawn["conditional_transfer"], square / s)
    np.testing.assert_allclose(redrawn["source_accuracy"], s / len(counts.items))


# Across models -----------------------------------------------------------------------------------


def test_models_that_transfer_alike_are_independent_and_target_accuracy_is_not(alike):
    assert verdicts(alike)[HAT] == INDEPENDENT
    assert verdicts(alike)["Target accuracy"] == DEPENDENT
    assert "HAT is independent in the only set" in alike.summary()


def test_transfer_that_rises_with_ability_is_dependent(rising):
    assert verdicts(rising)[HAT] == DEPENDENT
    assert "HAT is dependent in the only set" in rising.summary()


def test_turning_transfer_round_turns_the_slope_round(rising):
    falling = across(answered(np.linspace(0.95, 0.3, len(ABILITIES))))
    assert verdicts(falling)[HAT] == DEPENDENT
    up, down = (found.sets.set_index("measure").loc[HAT] for found in (rising, falling))
    assert up["per_ten_points"] > BOOK["drift"]
    assert down["per_ten_points"] < -BOOK["drift"]
    assert up["correlation"] > 0 > down["correlation"]


def test_few_models_and_items_cannot_tell():
    weak = across(answered([0.3, 0.9, 0.5, 0.7], abilities=[0, 0.2, 0.4, 0.6], n_items=150))
    assert verdicts(weak)[HAT] == UNCLEAR
    assert "**Across real models: cannot tell.**" in weak.summary()
    assert "models of the same spread could decide" in weak.summary()


def test_slopes_of_a_set_are_recomputed_from_its_scores(rising):
    responses = answered(np.linspace(0.3, 0.95, len(ABILITIES)))
    b = hatlib.score_sets(responses, reference="uniform", draws=DRAWS).scores.benchmark()
    used = b.flags[:, 0] == ""
    table = rising.sets.set_index("measure")
    for column, measure in independence.MEASURES.items():
        values = b.hat if column == "hat" else b.metrics[column]
        by_hand = stats.linregress(b.metrics["source_accuracy"][used, 0], values[used, 0])
        assert table.loc[measure, "per_ten_points"] == pytest.approx(by_hand.slope / 10)
        assert table.loc[measure, "correlation"] == pytest.approx(by_hand.rvalue)


def test_residuals_have_no_mean_and_target_residuals_no_slope(rising):
    frame = rising.residuals()
    assert frame["hat_residual"].mean() == pytest.approx(0, abs=1e-12)
    slope = stats.linregress(frame["source_accuracy"], frame["target_residual"]).slope
    assert slope == pytest.approx(0, abs=1e-10)
    assert (frame["hat_residual_low"] < frame["hat_residual"]).all()


def test_names_of_models_do_not_matter(rising):
    responses = answered(np.linspace(0.3, 0.95, len(ABILITIES)))
    names = {m: f"model {len(m)} {m[::-1]}" for m in responses.models["model"]}
    renamed = replace(
        responses,
        frame=responses.frame.assign(model=responses.frame["model"].map(names)),
        models=responses.models.assign(model=responses.models["model"].map(names)),
    )
    again = across(renamed)
    columns = ["per_ten_points", "correlation"]
    np.testing.assert_allclose(again.sets[columns], rising.sets[columns], atol=1e-6)
    assert verdicts(again) == verdicts(rising)


def test_partial_correlation_takes_models_of_known_size_and_date(rising):
    assert rising.sets["partial"].isna().all()
    assert "cannot be computed" in rising.partial_summary()
    simulated = hatlib.paper_design(0, n_trials=6, n_items=(150, 24, 30), scenario="no-trend")
    part = simulated.responses.subset(benchmarks="sim-free-form")
    found = across(part)
    row = found.sets.set_index("measure").loc["Target accuracy"]
    about = part.models.set_index("model").loc[found.models["model"]]
    known = about["params_total_b"].notna().to_numpy()
    assert row["described"] == known.sum() >= independence.MIN_DESCRIBED
    assert "Partial correlation of HAT" in found.partial_summary()
    scores = hatlib.score_sets(part, reference="uniform", draws=DRAWS).scores.macro()
    rows = scores.set_index("model").loc[found.models["model"]][known]
    days = (pd.to_datetime(about["release_date"]) - pd.Timestamp(2020, 1, 1)).dt.days[known]
    z = np.column_stack(
        [np.ones(known.sum()), np.log(about["params_total_b"][known].astype(float)), days]
    )
    rest = [
        v - z @ np.linalg.lstsq(z, v, rcond=None)[0]
        for v in (rows["source_accuracy"].to_numpy(), rows["target_accuracy"].to_numpy())
    ]
    assert row["partial"] == pytest.approx(np.corrcoef(*rest)[0, 1], abs=1e-6)


def test_lineages_are_left_out_if_there_are_enough():
    responses = answered([0.7] * len(ABILITIES))
    n = len(responses.models)
    pairs = replace(
        responses, models=responses.models.assign(lineage=[f"l{i // 2}" for i in range(n)])
    )
    table = across(pairs).sets
    assert set(table["unit"]) == {"lineages"}
    assert set(table["clusters"]) == {8}


def test_sets_that_cannot_be_tested_say_why():
    responses = hatlib.load_responses(sets=["mgsm", "xnli-first200", "truthfulqa-human"])
    sets = hatlib.score_sets(responses, draws=50)
    found = hatlib.across_models(sets)
    assert found.table().empty
    assert len(found.reasons) == 3
    assert "No set can be tested" in found.summary()
    assert isinstance(found.chart(), Notice)
    assert isinstance(found.overview(), Notice)
    assert isinstance(found.chart_of_slopes(), Notice)
    within = hatlib.within_models(sets, draws=50)
    assert "one model" in within.summary()
    assert within.sets["benchmark"].unique().tolist() == ["mgsm"]


# Within models -----------------------------------------------------------------------------------


def test_parts_are_balanced_disjoint_and_made_by_others():
    counts = answered([0.7] * 3, abilities=[-1, 0, 1]).counts("sim")
    easier, harder = independence.easier_and_harder(counts)
    assert not (easier & harder).any()
    assert (easier | harder).all()
    assert easier.sum(axis=1).tolist() == [200, 200, 200]
    rate = counts.source_correct / counts.source_trials
    for m in range(3):
        assert rate[m, easier[m]].mean() > rate[m, harder[m]].mean() + 0.05
    # A model's own counts do not move its own parts.
    turned = counts.source_correct.copy()
    turned[0] = turned[0, ::-1]
    other, _ = independence.easier_and_harder(replace(counts, source_correct=turned))
    assert (other[0] == easier[0]).all()
    assert (other[1] != easier[1]).any()


def test_each_item_of_four_changes_sides_once():
    counts = answered([0.7] * 2, abilities=[0, 1]).counts("sim")
    turns = np.array([independence.easier_and_harder(counts, turn=t)[0] for t in range(4)])
    assert set(turns.sum(axis=0).ravel().tolist()) == {1, 3}


def test_items_without_answers_of_others_are_in_no_part():
    counts = answered([0.7] * 2, abilities=[0, 1]).counts("sim")
    trials = counts.source_trials.copy()
    trials[1, :100] = 0
    some = replace(
        counts, source_trials=trials, source_correct=counts.source_correct * (trials > 0)
    )
    easier, harder = independence.easier_and_harder(some)
    assert not (easier | harder)[:, :100].any()


def test_within_models_each_verdict():
    base = Attack(profile="steep")
    found = within_simulated([base, replace(base, name="weak", n_items=60)], draws=DRAWS)
    table = found.sets[found.sets["measure"] == HAT].set_index("benchmark")["verdict"]
    assert table["no attack"] == INDEPENDENT
    assert table.get("weak", UNCLEAR) == UNCLEAR
    ratio = found.sets[found.sets["measure"] == "Ratio"].set_index("benchmark")["verdict"]
    assert ratio["no attack"] == DEPENDENT
    assert "simulated" in found.summary()
    plugin = within_simulated(base, profile="plugin", draws=DRAWS)
    assert verdicts(plugin)[HAT] == DEPENDENT
    assert "HAT with profile plugin is dependent" in plugin.summary()


def test_a_model_that_splits_by_its_own_luck_fails():
    found = within_simulated(Attack(profile="steep"), split="own", draws=DRAWS)
    row = found.sets.set_index("measure").loc[HAT]
    assert row["high"] < -BOOK["drift"]


def test_items_that_others_solve_and_that_cross_over_are_seen():
    """Two kinds of items, equally hard for a model by its own account, and one does not transfer.

    Which kind an item is shows in the answers of the others, and not in those of the model.
    """
    counts = answered([0.9] * 6, abilities=np.linspace(-0.5, 0.5, 6), n_items=600).counts("sim")
    rng = np.random.default_rng(0)
    kind = rng.random(600) < 0.5
    h = rng.uniform(0.1, 0.9, (6, 600))
    p = np.clip(h + np.where(kind, 0.08, -0.08), 0, 1)
    source = rng.binomial(10, p)
    for rates, sign in ((np.where(kind, 0.9, 0.5), 1), (np.where(kind, 0.5, 0.9), -1), (0.7, 0)):
        target = rng.binomial(10, p * rates)
        mixed = replace(counts, source_correct=source, target_correct=target[:, None])
        found = independence.compare_parts(
            {"mixed": ("mixed", mixed, "self", 0.0)},
            pd.Series(mixed.models, index=mixed.models),
            {},
            profile="adaptive",
            split="others",
            draws=DRAWS,
            seed=0,
            simulated=True,
            rules=BOOK,
        )
        row = found.sets.set_index("measure").loc[HAT]
        assert (row["verdict"] == DEPENDENT) == bool(sign)
        assert int(row["low"] > 0) - int(row["high"] < 0) == sign


def test_table_of_models_adds_up():
    found = within_simulated(Attack(), draws=DRAWS)
    rows = found.table_of_models()
    np.testing.assert_allclose(rows["difference"], rows["hat_easier"] - rows["hat_harder"])
    used = rows[rows["left_out"] == ""]
    row = found.sets.set_index("measure").loc[HAT]
    assert row["models"] == len(used)
    assert row["difference"] == pytest.approx(used["difference"].mean())
    shift = (used["source_easier"] - used["source_harder"]).mean()
    assert row["per_ten_points"] == pytest.approx(0.1 * used["difference"].mean() / shift)


def test_wrong_names_are_errors():
    with pytest.raises(InputError, match="split") as caught:
        within_simulated(Attack(), split="luck", profile="nonsense")
    assert len(caught.value.problems) == 2


# Known truth -------------------------------------------------------------------------------------


def test_default_is_independent_and_plugin_and_metrics_are_not():
    runs = run_attacks(Attack(), replications=6, plugin=True)
    judged = runs.table().set_index("measure")["verdict"]
    assert judged[HAT] == INDEPENDENT
    assert judged[attacks.PLUGIN] == DEPENDENT
    assert judged["Ratio"] == DEPENDENT
    assert "independent in the only design" in runs.summary()
    assert "dependent in the only design" in runs.summary(attacks.PLUGIN)
    assert "Plug-in score" in runs.others()


def runs_of(score, *, noise=0.01, replications=6):
    """Runs with a score that is a function of source accuracy."""
    rng = np.random.default_rng(0)
    source = np.linspace(0.1, 0.9, 9)
    frames = [
        pd.DataFrame(
            {
                "design": "d",
                "measure": HAT,
                "replication": r,
                "model": np.arange(9),
                "source_accuracy": source,
                "truth": 0.7,
                "score": score(source) + noise * rng.normal(size=9),
                "supported": True,
            }
        )
        for r in range(replications)
    ]
    return NullRuns(pd.concat(frames, ignore_index=True), "t", "Test", {})


def test_slope_bend_and_noise_have_their_verdicts():
    def verdict(runs):
        return runs.table()["verdict"].tolist()

    assert verdict(runs_of(lambda s: 0.7 + 0 * s)) == [INDEPENDENT]
    assert verdict(runs_of(lambda s: 0.5 + 0.3 * s)) == [DEPENDENT]
    assert verdict(runs_of(lambda s: 0.9 - 0.3 * s)) == [DEPENDENT]
    # A bend has no slope, and is seen all the same.
    bend = runs_of(lambda s: 0.7 - 0.8 * (s - 0.5) ** 2)
    assert abs(bend.table()["per_ten_points"].iloc[0]) < BOOK["drift"]
    assert verdict(bend) == [DEPENDENT]
    assert verdict(runs_of(lambda s: 0.7 + 0 * s, noise=0.3)) == [UNCLEAR]
    assert verdict(runs_of(lambda s: 0.5 + 0.3 * s, replications=1)) == [UNCLEAR]


def test_slope_of_runs_by_hand():
    runs = runs_of(lambda s: 0.5 + 0.3 * s)
    slopes = [
        stats.linregress(part["source_accuracy"], part["score"]).slope / 10
        for _, part in runs.frame.groupby("replication")
    ]
    row = runs.table().iloc[0]
    assert row["per_ten_points"] == pytest.approx(np.mean(slopes))
    reach = stats.t.ppf(0.975, 5) * np.std(slopes, ddof=1) / np.sqrt(6)
    assert row["high"] == pytest.approx(np.mean(slopes) + reach)


def test_truth_is_held_fixed_where_models_differ():
    runs = runs_of(lambda s: 0.2 + 0.5 * s, noise=0.01)
    truth = 0.2 + 0.5 * runs.frame["source_accuracy"] + 0.05 * (runs.frame["model"] % 2)
    frame = runs.frame.assign(truth=truth, score=truth + 0.1 * runs.frame["source_accuracy"])
    row = replace(runs, frame=frame).table().iloc[0]
    assert row["per_ten_points"] == pytest.approx(0.01)
    assert row["given_truth"] == pytest.approx(1)
    assert np.isnan(row["thirds"])


def test_without_supported_scores_there_is_no_verdict():
    runs = runs_of(lambda s: s)
    none = replace(runs, frame=runs.frame.assign(supported=False, score=np.nan))
    assert none.table()["verdict"].tolist() == [UNCLEAR]
    assert "cannot tell" in none.summary()


def test_paper_design_is_found_independent_also_with_its_trends(monkeypatch):
    def small(rng, **options):
        return hatlib.paper_design(rng, n_items=(250, 240, 250), **options)

    monkeypatch.setattr(attacks, "paper_design", small)
    null = attacks.paper_runs(replications=4)
    assert null.frame["measure"].drop_duplicates().tolist()[:2] == [HAT, attacks.PLUGIN]
    judged = null.table().set_index(["measure", "design"])["per_ten_points"]
    assert judged[HAT].abs().max() < BOOK["drift"] < judged[attacks.PLUGIN].min()
    trend = attacks.paper_runs("findings", replications=2).table()
    assert trend["range"].isna().all()
    assert trend.set_index("measure")["per_ten_points"][HAT].abs().max() < BOOK["drift"]
    with pytest.raises(InputError, match="scenario"):
        attacks.paper_runs("nonsense")


def test_attacks_that_succeed_are_called_so():
    every = {attack.name: attack for attack in attacks.every_attack()}
    chosen = [every[name] for name in ("correlated answers", "hard items lose more")]
    table = run_attacks(chosen, replications=5).attacks().set_index("design")
    assert table["verdict"].tolist() == [DEPENDENT, DEPENDENT]
    assert table.loc["correlated answers", "hat_slope"] > 0
    assert table.loc["hard items lose more", "hat_slope"] < 0


def test_shapes_that_go_with_ability_have_one_truth():
    for profile in (attacks.FOLLOWS, attacks.OPPOSES):
        attack = Attack(profile=profile)
        each = attack.profiles()
        grid = (np.arange(20_000) + 0.5) / 20_000
        sizes = [2 * float(np.mean(f(grid))) for f in each]
        np.testing.assert_allclose(sizes, attack.truth(), atol=1e-4)
        middle = [float(f(np.array([0.9]))[0] - f(np.array([0.1]))[0]) for f in each]
        rises = np.diff(middle) > 0
        assert rises.all() if profile == attacks.FOLLOWS else not rises.any()


def test_simulated_answers_have_the_rates_that_were_asked_for():
    attack = Attack(profile="linear", abilities=(0.0,) * 4, n_items=4000, chance=0.25)
    counts = attack.answers(1)
    source = counts.source_correct.mean() / 10
    target = counts.target_correct.mean() / 10
    assert source == pytest.approx(0.25 + 0.75 * 0.5, abs=0.02)
    assert (target - 0.25) / (source - 0.25) == pytest.approx(0.7, abs=0.02)


def test_overdispersion_widens_counts():
    plain, wide = (
        Attack(abilities=(0.0,) * 4, n_items=4000, overdispersion=rho).answers(1)
        for rho in (0.0, 0.3)
    )
    assert wide.source_correct.var() > plain.source_correct.var() + 0.5


def test_wrong_attacks_list_every_problem():
    wrong = Attack(profile="x", difficulty="y", chance=1.0, n_items=3, abilities=(0.0,))
    with pytest.raises(InputError) as caught:
        wrong.answers()
    assert len(caught.value.problems) == 5
    with pytest.raises(InputError, match="replications"):
        run_attacks(Attack(), replications=0)


def test_seeds_reproduce():
    first, again, other = (
        run_attacks(Attack(n_items=60), replications=2, seed=s) for s in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert not first.frame["score"].equals(other.frame["score"])
    one, two = (within_simulated(Attack(n_items=200), draws=50, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one.sets, two.sets)


def test_own_thresholds_change_the_verdict(tmp_path, rising):
    file = tmp_path / "mine.toml"
    file.write_text("drift = 0.5\n", encoding="utf-8")
    loose = across(
        answered(np.linspace(0.3, 0.95, len(ABILITIES))), rules=hatlib.load_thresholds(file)
    )
    assert verdicts(rising)[HAT] == DEPENDENT
    assert verdicts(loose)[HAT] == INDEPENDENT


def test_the_conclusion_follows_the_verdicts(alike, rising):
    within = within_simulated(Attack(), draws=50)
    fine, failed = runs_of(lambda s: 0.7 + 0 * s), runs_of(lambda s: 0.5 + 0.3 * s)
    ratio = [each.frame.assign(measure="Ratio") for each in (fine, failed)]
    fine, failed = (
        replace(each, frame=pd.concat([each.frame, more]))
        for each, more in zip((fine, failed), ratio, strict=True)
    )
    text = attacks.conclusion(alike, within, fine, fine)
    assert "it holds under the assumptions" in text
    assert "0 of 1 attack" in text
    assert "Real models, across: independent in the only set" in text
    text = attacks.conclusion(rising, within, failed, failed)
    assert "it fails even under the assumptions" in text
    assert "1 of 1 attack" in text
    assert "Real models, across: dependent in the only set" in text
    vague = runs_of(lambda s: 0.7 + 0 * s, noise=0.3)
    assert "cannot tell even" in attacks.conclusion(alike, within, vague, fine)


def test_charts_are_named_and_say_whose_models_they_show(rising):
    figures = [
        rising.chart(),
        rising.overview(),
        rising.chart_of_slopes(),
        within_simulated(Attack(), draws=50).chart(),
        run_attacks([Attack(), Attack("b", n_items=60)], replications=2).chart("hat", "ratio"),
    ]
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        assert "real" in figure.caption.lower() or "simulated" in figure.caption.lower()


def test_kept_attacks_are_those_of_the_page_and_are_found_again():
    kept = attacks.kept_attacks()
    every = {attack.name: attack for attack in attacks.every_attack()}
    table = kept.attacks().set_index("design")
    assert table.index.tolist() == list(every)
    assert (table["breaks"] != "").all()
    chosen = [every[name] for name in ("correlated answers", "hard items lose more")]
    live = run_attacks(chosen, replications=4).attacks().set_index("design")
    gap = live["hat_slope"] - table.loc[live.index, "hat_slope"]
    assert gap.abs().max() < 0.02
    assert kept.chart("hat", "ratio").name == "independence-attacks-kept"
    assert "Plug-in score" in kept.others()


def test_verdicts_of_kept_attacks_follow_the_thresholds(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("drift = 0.9\nharm = 0.9\n", encoding="utf-8")
    loose = attacks.kept_attacks(hatlib.load_thresholds(file)).attacks()
    assert set(loose["verdict"]) == {INDEPENDENT}
    file.write_text("drift = 0.0001\nharm = 0.0001\n", encoding="utf-8")
    strict = attacks.kept_attacks(hatlib.load_thresholds(file)).attacks()
    assert set(strict["verdict"]) == {DEPENDENT}
