"""Rankings under other measures of hardness: intervals, verdicts each way, swaps by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hatlib
from hatlib.claims import agreement, alternatives, disagreement, families, rankings, swaps
from hatlib.claims.agreement import AGREE, DIFFER, UNSURE, rank_agreement
from hatlib.errors import InputError
from hatlib.metric import score
from hatlib.metric.compare import compare_all
from hatlib.resample import weights
from hatlib.show.charts import Notice
from hatlib.thresholds import BOOK

RNG = np.random.default_rng
DRAWS = 100


# Two rankings ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noise():
    return RNG(1).normal(0, 0.2, (300, 12))


def test_tau_is_kendalls_tau_b_with_and_without_ties(noise):
    a, b = RNG(0).normal(size=(2, 12)).round(0)
    found = rank_agreement(a, b, a + noise, b + noise)
    assert found.tau == pytest.approx(stats.kendalltau(a, b).statistic)
    assert found.low <= found.tau <= found.high


@pytest.mark.parametrize(
    ("sign", "scale", "verdict"),
    [(1, 1, AGREE), (-1, 1, DIFFER), (1, 30, UNSURE), (-1, 30, UNSURE)],
)
def test_verdicts_come_out_each_way(noise, sign, scale, verdict):
    a = np.arange(12.0)
    found = rank_agreement(a, sign * a, a + scale * noise, sign * a + scale * noise[::-1])
    assert found.verdict() == verdict


def test_few_models_or_none_that_differ_have_no_verdict(noise):
    for a in ([0.0, 1.0], [1.0, 1.0, 1.0], [0.5], []):
        n = len(a)
        found = rank_agreement(a, a, np.zeros((20, n)), np.zeros((20, n)))
        assert np.isnan(found.tau)
        assert found.verdict() == UNSURE


def test_measures_without_noise_have_an_interval_without_width():
    a, b = np.arange(6.0), np.array([0.0, 2, 1, 3, 4, 5])
    found = rank_agreement(a, b, np.tile(a, (50, 1)), np.tile(b, (50, 1)))
    assert found.low <= found.tau <= found.high
    assert found.high - found.low < 0.2


def test_unit_and_common_shift_change_nothing(noise):
    a, b = RNG(5).normal(size=(2, 12))
    plain = rank_agreement(a, b, a + noise, b + noise)
    common = RNG(6).normal(size=(300, 1))
    other = rank_agreement(3 * a + 7, b, 3 * (a + noise + common) + 7, b + noise)
    assert (other.tau, other.low, other.high) == pytest.approx((plain.tau, plain.low, plain.high))


def test_intervals_of_tau_hold_the_truth():
    frame = agreement.coverage_of_tau(
        models=[8], correlations=[0.5, 0.95], noises=[0.3], replications=80, draws=100
    )
    assert (frame["held"] >= 0.88).all()
    assert (frame["wrong"] <= 0.05).all()
    assert "Simulated" in agreement.coverage_summary(frame)


def test_a_threshold_turns_the_verdict(noise):
    a, b = np.arange(12.0), np.array([1.0, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10])
    found = rank_agreement(a, b, a + noise / 10, b + noise / 10)

    class Rules:
        def __init__(self, tau):
            self.tau = tau

        def __getitem__(self, name):
            return self.tau

    assert found.verdict(Rules(0.5)) == AGREE
    assert found.verdict(Rules(0.95)) == DIFFER


# One set under several measures ----------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated():
    """Six models that differ widely in transfer, in two lineages and two single ones."""
    slopes = [0.9, 0.5, 0.75, 0.4, 0.6, 0.3]
    models = pd.DataFrame(
        {"model": [f"m{i}" for i in range(6)], "lineage": ["A", "A", "B", "B", "C", "D"]}
    )
    return hatlib.simulate_answers(
        [-0.5, 1.0, 0.0, 0.5, 1.0, -0.5],
        profiles=[partial(_line, slope) for slope in slopes],
        n_items=400,
        models=models,
        targets=["de"],
    )


def _line(slope, u):
    return slope * u


@pytest.fixture(scope="module")
def found(simulated):
    return alternatives.alternatives(simulated.responses, "sim", draws=DRAWS, kind="simulated")


def test_all_measures_are_redrawn_with_the_same_items(simulated, monkeypatch):
    seen = []

    def recorded(*args, **options):
        seen.append(weights(*args, **options))
        return seen[-1]

    monkeypatch.setattr(score.resample, "weights", recorded)
    alternatives.alternatives(simulated.responses, "sim", draws=40)
    assert len(seen) == 4  # measures; the metrics come with them
    for each in seen[1:]:
        np.testing.assert_array_equal(each, seen[0])


def test_identical_measures_agree_and_reversed_scores_differ(found):
    assert found.verdict() == AGREE
    b = found.under("pooled")
    turned = replace(b, hat=-b.hat, draws=-b.draws)
    scores = dict(found.scores) | {"pooled": replace(found.scores["pooled"], benchmarks=(turned,))}
    other = replace(found, scores=scores)
    assert other.verdict() == DIFFER
    # Every pair turns round, and every pair that is told apart does so clearly.
    apart = compare_all(found.scores["self"]).pairs["told_apart"].to_numpy(bool)
    mine = other.swaps.pairs.query("first == 'self' and second == 'pooled'")
    assert len(mine) == 15
    assert mine["clear"].sum() >= apart.sum() - 2
    assert "clear reversals" in other.swaps.summary()
    assert "rankings differ" in other.summary()


def test_little_data_cannot_tell():
    tiny = hatlib.simulate_answers([0.0] * 6, profiles="linear", n_items=20, n_trials=4)
    got = alternatives.alternatives(tiny.responses, "sim", draws=50, kind="simulated")
    assert got.verdict() == UNSURE


def test_swaps_by_hand(found):
    """Two models change places under one measure: one swap a pair of measures with that one."""
    b = found.under("pooled")
    i, j = (b.models.index(m) for m in ("m0", "m2"))
    swapped = b.hat.copy(), b.draws.copy()
    for values in swapped:
        values[..., [i, j], :] = values[..., [j, i], :]
    turned = replace(b, hat=swapped[0], draws=swapped[1])
    scores = dict(found.scores) | {"pooled": replace(found.scores["pooled"], benchmarks=(turned,))}
    pairs = replace(found, scores=scores).swaps
    with_pooled = pairs.pairs[pairs.pairs[["first", "second"]].eq("pooled").any(axis=1)]
    assert set(map(frozenset, zip(with_pooled["id_a"], with_pooled["id_b"], strict=True))) == {
        frozenset({"m0", "m2"})
    }
    largest = pairs.largest
    assert {largest["id_a"], largest["id_b"]} == {"m0", "m2"}
    gap = abs(b.hat[i, 0] - b.hat[j, 0])
    assert min(largest["first_difference"], -largest["second_difference"]) <= gap + 1e-9
    row = pairs.ingredients().query("measure == 'self'").iloc[0]
    assert row["donors"] == 1
    assert pairs.chart().alt


def test_flagged_models_are_not_ranked(found):
    b = found.under("self")
    flags = b.flags.copy()
    flags[0, 0] = score.EXTRAPOLATED
    scores = dict(found.scores)
    scores["self"] = replace(found.scores["self"], benchmarks=(replace(b, flags=flags),))
    other = replace(found, scores=scores)
    assert other.sound().sum() == 5
    assert other.between().query("first == 'self'")["models"].tolist() == [5, 5, 5]
    assert other.between().query("first == 'pooled'")["models"].tolist() == [6, 6]


def test_shared_donors(found):
    assert found.shared_donors("self", "leave-one-out") == 0
    assert found.shared_donors("self", "pooled") == pytest.approx(1 / 6)
    assert found.shared_donors("pooled", "leave-one-out") == pytest.approx(5 / 6)
    assert not found.same_donors()


def test_a_measure_that_asks_the_same_models_is_left_out(simulated):
    models = simulated.responses.models.assign(lineage=simulated.responses.models["model"])
    alone = replace(simulated.responses, models=models)
    got = alternatives.alternatives(alone, "sim", draws=40)
    assert got.measures == ["self", "pooled", "leave-one-out"]
    assert "same models" in got.reasons["other-lineages"]


def test_the_gap_is_ranked_with_small_gaps_first(found):
    rows = found.with_metrics().set_index("second")
    b = found.under("self")
    tau = stats.kendalltau(b.hat[:, 0], -b.metrics["xlt_gap"][:, 0]).statistic
    assert rows.loc["XLT gap", "tau"] == pytest.approx(tau)


# Raw accuracy ----------------------------------------------------------------------------------


def test_hat_against_accuracy_each_way():
    ability = np.linspace(-1, 1.5, 8)
    rising, falling = (np.linspace(*ends, 8) for ends in ((0.3, 0.95), (0.95, 0.3)))
    words = {}
    for name, slopes in (("same", rising), ("other", falling)):
        answers = hatlib.simulate_answers(
            ability, profiles=[partial(_line, s) for s in slopes], n_items=500, targets=["de"]
        )
        sets = alternatives.alternative_sets(answers.responses, draws=DRAWS, reference="uniform")
        row = sets.with_metrics().query("second == 'target accuracy'").iloc[0]
        words[name] = row["verdict"], sets.metric_summary()
    assert words["same"][0] == AGREE
    assert "the same ranking" in words["same"][1]
    assert "adds nothing" in words["same"][1]
    assert words["other"][0] == DIFFER
    assert "another ranking" in words["other"][1]
    assert "adds nothing" not in words["other"][1]
    assert "not one and the same" in words["other"][1]
    assert "not one and the same" not in words["same"][1]


def test_clear_reversals_are_those_of_rankings(found, simulated):
    sets = alternatives.AlternativeSets(simulated.responses, (found,), "simulated", DRAWS, 0, BOOK)
    expected = rankings.reversals(simulated.responses, found.scores["self"], draws=DRAWS)
    clear = expected.counts().set_index("metric")["clear"]
    rows = sets.with_metrics().set_index("second")["clearly"]
    assert rows["target accuracy"] == clear["target accuracy"]


# Families --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.3, "favoured"),
        (-0.3, -0.01, "put behind"),
        (-0.04, 0.04, "no favour to speak of"),
        (-0.2, 0.2, "cannot tell"),
    ],
)
def test_favour_each_way(low, high, verdict):
    assert families.favour_verdict(low, high, 0.05) == verdict


def test_a_family_that_gains_by_its_own_hardness_is_found(simulated):
    got = families.family_hardness(simulated.responses, "sim", draws=DRAWS, kind="simulated")
    assert got.lineages == ["A", "B"]
    table = got.favour().set_index("hardness_from")
    assert table.index.tolist() == ["A", "B", "all"]
    assert table["verdict"]["all"] in ("no favour to speak of", "cannot tell")
    b = got.found.under("lineage:A")
    own = np.array([lineage == "A" for lineage in got.found.counts.lineages])[:, None]
    for gain, word in ((0.3, "favoured"), (-0.3, "put behind")):
        moved = replace(b, hat=b.hat + gain * own, draws=b.draws + gain * own)
        scores = dict(got.found.scores)
        scores["lineage:A"] = replace(scores["lineage:A"], benchmarks=(moved,))
        other = families.Families(replace(got.found, scores=scores)).favour()
        row = other.set_index("hardness_from").loc["A"]
        assert row["verdict"] == word
        assert row["favour"] - table["favour"]["A"] == pytest.approx(gain)


def test_no_lineages_no_families():
    plain = hatlib.simulate_answers([-1, -0.5, 0, 0.5, 1], n_items=100)
    got = families.family_hardness(plain.responses, "sim", draws=40)
    assert got.lineages == []
    assert got.table().empty
    assert isinstance(got.chart(), Notice)
    assert isinstance(got.favour_chart(), Notice)
    assert "cannot tell" in got.summary()


# Known truth -----------------------------------------------------------------------------------


def test_lineages_disagree_as_far_as_they_are_told_to():
    for share in (0.0, 1.0):
        part = disagreement.disagreeing_lineages(share, n_items=400, n_trials=50)
        counts = part.responses.counts("sim")
        rates = counts.source_correct / counts.source_trials
        same = np.corrcoef(rates[0], rates[1])[0, 1]
        other = np.corrcoef(rates[0], rates[3])[0, 1]
        assert same > 0.8
        assert other > 0.8 if share == 0 else abs(other) < 0.2


def test_borrowed_hardness_fails_where_lineages_disagree_and_not_where_they_agree():
    study = disagreement.disagreement_study([0.0, 0.9], replications=3, n_items=200)
    verdicts = study.compared().set_index("measure")["verdict"]
    assert verdicts["other-lineages"] == "worse"
    assert "no measure" not in study.summary()
    alike = disagreement.Disagreement(study.frame[study.frame["share"] == 0])
    assert alike.compared().set_index("measure")["verdict"]["other-lineages"] != "worse"
    assert "no measure clearly worse than self" in alike.summary()
    table = study.table().set_index(["share", "measure"])
    assert table.loc[(0.9, "other-lineages"), "with_accuracy"] > 0.8


def test_correlations_show_who_disagrees():
    alike, apart = (
        swaps.follows(
            alternatives.alternatives(
                disagreement.disagreeing_lineages(share, n_items=200).responses,
                "sim",
                measures=["self"],
                draws=20,
            )
        )
        for share in (0.0, 0.9)
    )
    assert (alike["shared"] > 0.9).all()
    assert (apart["shared_high"] < swaps.OWN).all()


def test_a_correlation_without_noise_is_that_of_the_probabilities():
    """Against the correlation of the probabilities themselves, which only a simulation knows."""
    rng = RNG(3)
    expected = rng.uniform(0.1, 0.9, 4000)
    true = np.clip(0.5 + 0.6 * (expected - 0.5) + rng.normal(0, 0.15, 4000), 0, 1)
    trials = np.full(4000, 5)
    seen = rng.binomial(trials, true) / trials
    raw, shared = swaps._correlations(swaps._moments(expected, seen, trials).mean(axis=0))
    assert raw == pytest.approx(np.corrcoef(expected, seen)[0, 1])
    assert shared == pytest.approx(np.corrcoef(expected, true)[0, 1], abs=0.03)
    _, once = swaps._correlations(swaps._moments(expected, seen, trials * 0 + 1).mean(axis=0))
    assert np.isnan(once)


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "yes"), (0.9, "not quite")])
def test_sets_are_placed_where_they_were_made(share, verdict):
    study = disagreement.disagreement_study([0.0, 0.9], replications=2, n_items=200)
    part = disagreement.disagreeing_lineages(share, seed=7)
    sets = alternatives.alternative_sets(part.responses, draws=20, reference="uniform")
    placed = disagreement.place(sets, study)
    assert placed.table()["share"].iloc[0] == pytest.approx(share, abs=0.15)
    assert verdict in placed.summary()


def test_a_share_outside_0_to_1_is_refused():
    with pytest.raises(InputError, match="share"):
        disagreement.disagreeing_lineages(1.5)


def test_truth_by_measure_reports_errors_by_hand(found, simulated):
    truth = disagreement.truth_by_measure(found, simulated)
    row = truth.table().set_index("measure").loc["self"]
    built = simulated.truth.query("target == 'macro'").set_index("model")["hat"]
    b = found.under("self")
    error = b.hat[:, 0] - built.loc[list(b.models)].to_numpy()
    assert row["rms_error"] == pytest.approx(np.sqrt((error**2).mean()))
    assert truth.chart().alt
