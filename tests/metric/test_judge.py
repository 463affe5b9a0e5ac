"""A judge that errs, and whose answers tell how hard an item is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hatlib
from hatlib.errors import InputError
from hatlib.metric.hardness import self_hardness
from hatlib.metric.judge import Judge
from hatlib.metric.pooled import donors
from hatlib.metric.score import score_counts, score_table
from hatlib.metric.sufficient import merge_tables, tabulate

share = st.floats(0.6, 1.0)


def judged(counts, judge, seed=0):
    """Answers as a judge sees them: each right answer may be lost, each wrong one accepted."""
    rng, seen = np.random.default_rng(seed), {}
    for side in ("source", "target"):
        right, trials = getattr(counts, f"{side}_correct"), getattr(counts, f"{side}_trials")
        kept = rng.binomial(right, judge.sensitivity)
        seen[f"{side}_correct"] = kept + rng.binomial(trials - right, 1 - judge.specificity)
    return replace(counts, **seen)


def simulated(seed=0, **more):
    options = {"n_items": 600, "targets": ["de"], "rng": seed} | more
    return hatlib.simulate_answers(np.linspace(-1.5, 1.5, 6), **options)


def answers(seed=0, **more):
    made = simulated(seed, **more)
    truth = made.truth.query("target == 'macro'").set_index("model")["hat"]
    counts = made.responses.counts("sim")
    return counts, truth.loc[list(counts.models)].to_numpy()


@given(share, share, st.floats(0, 1))
def test_correction_undoes_what_a_judge_does(sensitivity, specificity, rate):
    judge = Judge(sensitivity, specificity)
    assert judge.corrected(judge.observed(rate)) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(((0.5, 0.5), "hardly better than a coin"), ((0.9, 0.9, -1), "n_right is below 0")),
        ((1.2, 0.9), "sensitivity is not above 0 and at most 1"),
        ((0.9, 0.0), "specificity is not above 0 and at most 1"),
    ],
)
def test_impossible_judges_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Judge(*options)
    with pytest.raises(InputError) as error:
        Judge(2.0, -1.0, -3, -4)
    assert len(error.value.problems) == 4


def test_a_perfect_judge_changes_nothing():
    counts, _ = answers()
    plain, same = (score_counts(counts, draws=100, **how) for how in ({}, {"judge": Judge()}))
    assert same.hat == pytest.approx(plain.hat, abs=1e-12)
    assert same.se == pytest.approx(plain.se, abs=1e-12)
    assert same.metrics["ratio"] == pytest.approx(plain.metrics["ratio"])


@pytest.mark.parametrize("profile", ["adaptive", "direct", "shared", "logit"])
def test_the_corrected_score_finds_the_truth_that_the_judge_hides(profile):
    judge, raw, corrected = Judge(0.9, 0.85), [], []
    for seed in range(6):
        counts, truth = answers(seed, profiles="steep")
        seen = judged(counts, judge, seed)
        options = {"profile": profile, "reference": "uniform", "draws": 0}
        raw.append(score_counts(seen, **options).hat[:, 0])
        corrected.append(score_counts(seen, judge=judge, **options).hat[:, 0])
    error = np.abs(np.mean(corrected, axis=0) - truth)
    assert error.max() < 0.06
    assert error.max() < np.abs(np.mean(raw, axis=0) - truth).max()


def test_metrics_are_corrected_as_rogan_and_gladen_say():
    judge = Judge(0.9, 0.8)
    counts, _ = answers()
    seen = judged(counts, judge)
    raw, corrected = (score_counts(seen, draws=0, judge=j).metrics for j in (None, judge))
    for name in ("source_accuracy", "target_accuracy"):
        assert corrected[name] == pytest.approx((raw[name] - 0.2) / 0.7)
    assert corrected["xlt_gap"] == pytest.approx(raw["xlt_gap"] / 0.7)
    redrawn = score_counts(seen, judge=judge, draws=200).metric_draws
    assert redrawn["xlt_gap"].mean(axis=0) == pytest.approx(corrected["xlt_gap"][:, 0], abs=0.01)


def test_hardness_stays_that_of_right_answers():
    judge = Judge(0.9, 0.8)
    counts, _ = answers(n_items=4000)
    honest = self_hardness(tabulate(counts))
    found = self_hardness(tabulate(replace(judged(counts, judge), judge=judge)))
    # Mean and spread of the hardness, not those of what the judge accepts.
    for power in (1, 2):
        moment = found.distribution @ found.grid**power
        assert moment == pytest.approx(honest.distribution @ honest.grid**power, abs=0.02)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    held, wider = [], []
    for seed in range(30):
        counts, truth = answers(seed, n_items=250, profiles="linear")
        seen = judged(counts, Judge(0.9, 0.85), seed)
        known = Judge(rng.binomial(150, 0.9) / 150, rng.binomial(150, 0.85) / 150, 150, 150)
        scores = score_counts(seen, judge=known, reference="uniform", draws=100, rng=seed)
        sure = replace(known, n_right=0, n_wrong=0)
        exact = score_counts(seen, judge=sure, reference="uniform", draws=100, rng=seed)
        held.append((scores.low[:, 0] <= truth) & (truth <= scores.high[:, 0]))
        wider.append(scores.se[:, 0] / exact.se[:, 0])
    assert 0.9 <= np.mean(held) <= 0.99
    assert np.mean(wider) > 1.03


def test_a_frozen_standard_keeps_its_shape_under_an_uncertain_judge():
    counts, _ = answers(n_items=300)
    standard = hatlib.hat_scores(simulated(n_items=300).responses, draws=0).standard()
    judges, how = (Judge(0.9, 0.9, 60, 60), Judge(0.9, 0.9)), {"reference": standard, "draws": 200}
    known, sure = (score_counts(counts, judge=judge, **how) for judge in judges)
    assert known.hat == pytest.approx(sure.hat)
    assert (known.se[:, 0] >= sure.se[:, 0] * 0.98).all()
    assert np.isfinite(known.se).all()


def test_tables_of_a_judge_add_up_and_score_the_same():
    counts, _ = answers()
    table = tabulate(replace(counts, judge=Judge(0.95, 0.9)))
    whole = score_counts(counts, judge=Judge(0.95, 0.9), draws=0)
    assert score_table(table).hat == pytest.approx(whole.hat)
    with pytest.raises(InputError, match="chance level or judge"):
        merge_tables([table, tabulate(counts)])


def test_what_a_judge_does_not_go_with():
    counts, _ = answers(n_items=100)
    for options, message in (
        ({"hardness": "pooled"}, "needs hardness self"),
        ({"profile": "quadratic"}, "profile quadratic cannot be corrected"),
    ):
        with pytest.raises(InputError, match=message):
            score_counts(counts, judge=Judge(0.9, 0.9), draws=0, **options)


def test_donors_by_hand():
    plain = answers(n_items=80)[0]
    counts = replace(plain, lineages=tuple("aabbbc"))
    assert donors(counts, "pooled").all()
    assert donors(counts, "leave-one-out").sum(axis=1).tolist() == [5] * 6
    others = donors(counts, "other-lineages")[[0, 5]].tolist()
    assert others == [[False, False, True, True, True, True], [True] * 5 + [False]]
    assert donors(counts, "lineage:b").tolist() == [[False, False, True, True, True, False]] * 6
    alone = donors(replace(plain, lineages=()), "other-lineages")
    assert (alone == donors(counts, "leave-one-out")).all()
    for method in ("other-lineages", "lineage:z"):
        with pytest.raises(InputError, match="no answers from which"):
            donors(replace(plain, lineages=("a",) * 6), method)


@pytest.mark.parametrize("method", ["other-lineages", "lineage:b"])
def test_known_transfer_is_found_with_the_hardness_of_other_models(method):
    counts, truth = answers(n_items=800, n_trials=10, profiles="linear")
    counts = replace(counts, lineages=tuple("aabbbc"))
    scores = score_counts(counts, hardness=method, reference="uniform", draws=100)
    assert scores.hardness.method == method
    assert np.abs(scores.hat[:, 0] - truth).max() < 0.1
