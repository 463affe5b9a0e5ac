"""Flaws of the data: each by hand at a known dose, verdicts each way, remedies, bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import hatlib
from hatlib.errors import InputError
from hatlib.metric.judge import Judge
from hatlib.thresholds import BOOK
from hatlib.truth import nuisances as n
from hatlib.truth.nuisances import catalogue, rejudging

SMALL = {"n_items": 120, "n_trials": 10}


@pytest.fixture(scope="module")
def world():
    return n.known_models(1500, 10, 0)


@pytest.fixture(scope="module")
def study():
    return n.study_flaws(doses=[0.1, 0.4], replications=3, n_items=200)


def same(a, b):
    names = ("source_correct", "source_trials", "target_correct", "target_trials")
    return all((getattr(a, name) == getattr(b, name)).all() for name in names)


def rate(correct, trials):
    return correct.sum() / trials.sum()


# Simulated models ------------------------------------------------------------------------------


def test_known_models_have_each_transfer_with_each_ability(world):
    pairs = set(zip(world.level.tolist(), world.ability.tolist(), strict=True))
    assert len(pairs) == 12
    for family in range(4):
        assert sorted(world.level[world.family == family]) == [0, 1, 2]
    assert world.transfer == pytest.approx(np.tile([0.6, 0.7, 0.8], 4), abs=1e-6)
    # Names in the order of the truth: else a model would be held against another's.
    seen = world.counts.source_correct / world.counts.source_trials
    assert seen.mean(axis=1) == pytest.approx(world.solved.mean(axis=1), abs=0.01)
    assert n.measured(world.counts)[0] == pytest.approx(world.transfer, abs=0.05)


# Flaws by hand ---------------------------------------------------------------------------------


@pytest.mark.parametrize("flaw", n.FLAWS, ids=[flaw.key for flaw in n.FLAWS])
def test_no_dose_is_no_flaw(flaw):
    small = n.known_models(60, 4, 1)
    clean = flaw.spoil(small, 0.0, np.random.default_rng(0))
    assert same(clean, small.counts)
    values = flaw.usual[1](small, 0.0, clean)
    again = flaw.usual[1](small, 0.0, small.counts)
    assert np.array_equal(values, again, equal_nan=True)


@pytest.mark.parametrize("flaw", n.FLAWS, ids=[flaw.key for flaw in n.FLAWS])
def test_flaws_leave_sound_counts_and_the_original_alone(flaw):
    small = n.known_models(60, 4, 1)
    before = small.counts.target_correct.copy()
    spoiled = flaw.spoil(small, 0.4, np.random.default_rng(0))
    assert not same(spoiled, small.counts)
    assert (small.counts.target_correct == before).all()
    for side in ("source", "target"):
        correct, trials = getattr(spoiled, f"{side}_correct"), getattr(spoiled, f"{side}_trials")
        assert (correct >= 0).all()
        assert (correct <= trials).all()


def test_a_judge_accepts_the_expected_share(world):
    clean = world.counts
    judge = Judge(0.9, 0.8, languages={"sw": Judge(0.7, 0.95)})
    seen = n.erring_judge(clean, judge, 0)
    p = rate(clean.source_correct, clean.source_trials)
    assert rate(seen.source_correct, seen.source_trials) == pytest.approx(
        0.9 * p + 0.2 * (1 - p), abs=0.005
    )
    q = rate(clean.target_correct[:, 1], clean.target_trials[:, 1])
    assert rate(seen.target_correct[:, 1], seen.target_trials[:, 1]) == pytest.approx(
        0.7 * q + 0.05 * (1 - q), abs=0.005
    )
    assert same(n.erring_judge(clean, Judge(), 0), clean)


def test_errors_that_hang_together_keep_their_mean_and_scatter_more(world):
    clean = replace(
        world.counts,
        source_correct=world.counts.source_trials,
        target_correct=world.counts.target_trials,
    )
    apart = n.erring_judge(clean, Judge(0.8, 1.0), 0)
    together = n.erring_judge(clean, Judge(0.8, 1.0), 0, within_item=0.5)
    assert rate(together.source_correct, together.source_trials) == pytest.approx(0.8, abs=0.02)
    by_item = [c.source_correct.mean(axis=0).std() for c in (apart, together)]
    assert by_item[1] > 5 * by_item[0]


def test_preference_concerns_one_family_and_its_wrong_answers(world):
    clean = world.counts
    seen = n.self_preference(clean, world.own, 0.3, 0)
    others = ~world.own
    assert (seen.target_correct[others] == clean.target_correct[others]).all()
    won = (seen.target_correct - clean.target_correct)[world.own].sum()
    wrong = (clean.target_trials - clean.target_correct)[world.own].sum()
    assert won / wrong == pytest.approx(0.3, abs=0.01)


def test_memorised_items_are_right_in_the_source_only(world):
    items = np.arange(len(world.counts.items)) < 100
    seen = n.memorised(world.counts, items, world.own)
    assert (seen.source_correct == seen.source_trials)[np.ix_(world.own, items)].all()
    assert (seen.source_correct == world.counts.source_correct)[:, ~items].all()
    assert (seen.source_correct == world.counts.source_correct)[~world.own].all()
    assert (seen.target_correct == world.counts.target_correct).all()
    everywhere = n.memorised(world.counts, items, world.own, in_targets=True)
    right = everywhere.target_correct == everywhere.target_trials
    assert right[world.own][:, :, items].all()
    partly = n.memorised(world.counts, np.ones_like(items), world.own, recall=0.8)
    wrong = (world.counts.source_trials - world.counts.source_correct)[world.own].sum()
    left = (partly.source_trials - partly.source_correct)[world.own].sum()
    assert left / wrong == pytest.approx(0.2, abs=0.01)


def test_broken_items_are_guesses_for_all_models(world):
    counts = replace(world.counts, chance=0.25)
    items = np.zeros(counts.target_trials.shape[1:], dtype=bool)
    items[0, :400] = True
    seen = n.broken_translations(counts, items, 0)
    assert rate(seen.target_correct[:, 0, :400], seen.target_trials[:, 0, :400]) == pytest.approx(
        0.25, abs=0.01
    )
    assert (seen.target_correct[:, 1] == counts.target_correct[:, 1]).all()
    assert (seen.target_correct[:, 0, 400:] == counts.target_correct[:, 0, 400:]).all()


def test_lost_answers_by_kind(world):
    clean = world.counts
    left = n.lost_answers(clean, 0, wrong_target=0.4, right_target=0.1, right_source=0.2)
    assert rate(left.target_correct, clean.target_correct) == pytest.approx(0.9, abs=0.005)
    wrong = [c.target_trials - c.target_correct for c in (left, clean)]
    assert rate(*wrong) == pytest.approx(0.6, abs=0.005)
    assert rate(left.source_correct, clean.source_correct) == pytest.approx(0.8, abs=0.005)
    by_model = np.zeros(12)
    by_model[3] = 1.0
    one = n.lost_answers(clean, 0, wrong_target=by_model, right_target=by_model)
    assert not one.target_trials[3].any()
    assert (np.delete(one.target_trials, 3, 0) == np.delete(clean.target_trials, 3, 0)).all()
    refilled = n.counted_wrong(left, clean)
    assert (refilled.target_trials == clean.target_trials).all()
    assert (refilled.target_correct == left.target_correct).all()


def test_hard_items_are_lost_more_often(world):
    spoiled = catalogue._hard_items_lost(world, 0.4, np.random.default_rng(0))
    gone = spoiled.target_trials == 0
    expected = 0.4 * (1 - world.solved)
    assert gone[:, 1].mean() == pytest.approx(expected.mean(), abs=0.01)
    assert gone[:, 0].mean() == pytest.approx(expected.mean() / 2, abs=0.01)
    assert np.corrcoef(gone[:, 1].mean(axis=0), world.solved.mean(axis=0))[0, 1] < -0.5


# Remedies --------------------------------------------------------------------------------------


def test_suspect_items_are_broken_ones(world):
    items = np.random.default_rng(0).random(world.counts.target_trials.shape[1:]) < 0.1
    found = n.suspect_translations(n.broken_translations(world.counts, items, 0))
    assert (found & ~items).mean() < 0.002
    easy = world.solved.mean(axis=0) > 0.4
    assert found[:, easy][items[:, easy]].mean() > 0.95
    assert n.suspect_translations(world.counts).mean() < 0.002


def test_left_out_items_have_no_answers(world):
    items = np.arange(len(world.counts.items)) < 10
    fewer = n.without_items(world.counts, items)
    assert not fewer.source_trials[:, items].any()
    assert not fewer.target_trials[:, :, items].any()
    assert (fewer.source_trials[:, ~items] == world.counts.source_trials[:, ~items]).all()


def test_groups_are_scored_with_their_own_judge(world):
    group = world.own.astype(int)
    values = n.measured_by_group(world.counts, group, {0: Judge(), 1: Judge()})
    alone = n.measured(n.of_models(world.counts, np.flatnonzero(world.own)))
    assert values[:, world.own] == pytest.approx(alone)
    assert np.isfinite(values).all()


def test_the_correction_leaves_a_bias_within_its_monte_carlo_error():
    found = n.study_judge(replications=6, n_items=250, draws=40)
    rows = found.cases.set_index("case")
    known = rows.loc["corrected, judge known"]
    error = (known["high"] - known["low"]) / 2
    assert abs(known["change"]) <= max(2 * error, 0.01)
    assert rows.loc["not corrected", "change"] > 0.03
    assert found.verdict("corrected, judge known") == n.HARMLESS
    assert found.verdict("worse in a language, not corrected") == n.HARMFUL
    assert abs(rows.loc["errors together, corrected", "change"]) > 0.02
    assert rows.loc["corrected, judge from labels", "width"] > known["width"]
    assert found.covered("not corrected") == "too rarely"
    assert "it works" in found.summary()
    assert "too rarely: " in found.summary()
    assert len(found.chart().data) == len(rows)


def test_a_correction_that_fails_is_said_to_fail():
    found = n.study_judge(replications=2, n_items=100, draws=20)
    cases = found.cases.copy()
    at = cases["case"] == "corrected, judge known"
    cases.loc[at, ["change", "low", "high"]] = [0.2, 0.15, 0.25]
    assert "it does not work" in replace(found, cases=cases).summary()
    cases.loc[at, ["change", "low", "high"]] = [0.04, -0.1, 0.2]
    assert "cannot tell" in replace(found, cases=cases).summary()


@pytest.mark.parametrize(
    ("held", "word"), [(0.5, "too rarely"), (0.95, "yes"), (1.0, "too often"), (0.91, "yes")]
)
def test_coverage_is_judged_with_its_error(held, word):
    cases = pd.DataFrame({"case": ["x"], "held": [held], "held_se": [0.01]})
    assert n.JudgeStudy(cases, n.JUDGE, BOOK, 5).covered("x") == word


# Verdicts --------------------------------------------------------------------------------------


def effects(*rows):
    columns = ["dose", "low", "high", "range_low", "range_high"]
    return pd.DataFrame(rows, columns=columns)


def test_verdicts_come_out_each_way():
    nothing = (0.1, -0.01, 0.01, -0.01, 0.01)
    assert n.dose_verdict(effects(nothing), 0.05).word == n.HARMLESS
    falls = n.dose_verdict(effects(nothing, (0.2, -0.2, -0.06, 0.0, 0.0)), 0.05)
    assert (falls.word, falls.harmful_from, falls.harmless_to) == (n.HARMFUL, 0.2, 0.1)
    assert falls.full == "harmful from 20%, harmless up to 10%"
    rises = n.dose_verdict(effects((0.1, 0.06, 0.2, 0.0, 0.0)), 0.05)
    assert (rises.word, rises.full) == (n.HARMFUL, "harmful from 10%")
    apart = n.dose_verdict(effects((0.1, -0.01, 0.01, 0.06, 0.2)), 0.05)
    assert apart.word == n.HARMFUL
    weak = n.dose_verdict(effects((0.1, -0.2, 0.2, -0.1, 0.3)), 0.05)
    assert (weak.word, weak.text) == (n.UNCLEAR, "cannot tell")
    later = n.dose_verdict(effects(nothing, (0.2, -0.2, 0.2, 0.0, 0.0)), 0.05)
    assert later.text == "harmless up to 10%, above it cannot tell"


def test_verdicts_flip_with_the_data_and_the_threshold():
    rows = effects((0.1, -0.2, -0.1, 0.0, 0.01))
    assert n.dose_verdict(rows, 0.05).word == n.HARMFUL
    assert n.dose_verdict(rows, 0.3).word == n.HARMLESS
    assert n.dose_verdict(rows, 0.15).word == n.UNCLEAR


def test_a_dose_of_zero_or_none_decides_nothing():
    assert n.dose_verdict(effects((0.0, 0.0, 0.0, 0.0, 0.0)), 0.05).word == n.UNCLEAR
    missing = effects((0.1, np.nan, np.nan, np.nan, np.nan))
    assert n.dose_verdict(missing, 0.05).word == n.UNCLEAR


def test_the_study_finds_what_must_be_so(study):
    zero = study.effects[study.effects["dose"] == 0]
    usual = zero[zero["treatment"].isin(["not corrected", "counted as wrong", "items in both"])]
    assert (usual["change"] == 0).all()
    # Target accuracy cannot change with what is memorised in the source alone.
    rows = study._of("memorised-partly", measure="target_accuracy")
    assert (rows["change"] == 0).all()
    assert study._at("memorised-partly", 0.4)["change"] < -0.05
    # Broken items cost about their share of the score.
    assert study._at("translations", 0.4)["change"] == pytest.approx(-0.4 * 0.7, abs=0.05)
    # The average judge is no help to a comparison, that of the family is.
    biased = study._at("family", 0.4, "corrected for the average judge")
    mended = study._at("family", 0.4, "corrected by family")
    assert biased["change"] - biased["others"] > 0.1
    assert abs(mended["change"]) < 0.05
    # Where wrong answers are missing, the truth lies between the two ways to score.
    between = study.between.set_index(["flaw", "dose"])["between"]
    assert between["wrong-answers", 0.4] == 1


def test_the_study_writes_tables_charts_and_sentences(study):
    table = study.table()
    assert len(table) == len(n.FLAWS) == len(study.metrics()) == len(study.remedies())
    assert len(study.changes_of("judge", "family")) == 5
    assert "flaw" not in study.changes_of("judge")
    assert study.verdict("translations").word == n.HARMFUL
    for flaw in n.FLAWS:
        text = study.summary_of(flaw.key)
        assert text.startswith(f"**{flaw.name}, simulated: ")
        assert "nan" not in text
        assert len(study.measures_of(flaw.key)) == len(n.MEASURES)
    assert "harmful" in study.summary()
    assert len(study.table_of("judge")) == 4
    assert "flaw" in study.table_of("judge", "family")
    assert "11 panels" in study.chart().alt
    assert len(study.chart_by_ability("ratio").data) == 8
    with pytest.raises(InputError, match="no such flaw"):
        study.verdict("nonsense")


def test_one_replication_cannot_tell():
    found = n.study_flaws(n.FLAWS[:1], doses=[0.4], replications=1, n_items=100)
    assert found.verdict("judge").word == n.UNCLEAR
    assert "nan" not in found.summary()


@pytest.mark.parametrize("wrong", [{"doses": [0.7]}, {"doses": [-0.1]}, {"replications": 0}])
def test_impossible_studies_are_refused(wrong):
    with pytest.raises(InputError):
        n.study_flaws(n.FLAWS[:1], **wrong)


def test_the_same_seed_gives_the_same_and_other_flaws_change_nothing():
    options = {"doses": [0.2], "replications": 2, "n_items": 80}
    one = n.study_flaws(n.FLAWS[1:2], **options).effects
    two = n.study_flaws(n.FLAWS[:2], **options).effects
    pd.testing.assert_frame_equal(
        one, two[two["flaw"] == n.FLAWS[1].key].reset_index(drop=True), check_exact=True
    )


def test_a_dose_of_zero_that_changes_answers_is_seen():
    def always(world, dose, rng):
        return n.erring_judge(world.counts, Judge(0.8, 0.8), rng)

    wrong = replace(n.FLAWS[0], spoil=always)
    found = n.study_flaws([wrong], doses=[0.1], replications=2, n_items=80)
    assert found._at("judge", 0.0)["change"] > 0.01


def test_the_same_answers_are_scored_once(monkeypatch):
    small = n.known_models(60, 4, 1)
    once = small.measured(small.counts)
    assert np.array_equal(once, n.measured(small.counts), equal_nan=True)
    others = [
        small.measured(small.counts, Judge(0.9, 0.9)),
        small.measured(n.without(small.counts, np.arange(60) < 9)),
    ]
    assert not any(np.array_equal(once, other, equal_nan=True) for other in others)
    monkeypatch.setattr("hatlib.truth.nuisances.world.measured", None)
    assert small.measured(replace(small.counts)) is once


def test_noise_makes_no_range():
    rng = np.random.default_rng(0)
    spans = [
        n.range_alike(rng.normal(0, 0.1, (6, 12)), np.tile([0, 1, 2], 4)).mean() for _ in range(200)
    ]
    assert np.mean(spans) < 0.01
    assert np.isnan(n.range_alike(np.zeros((1, 4)), [0, 0, 1, 1])).all()


# Real answers ----------------------------------------------------------------------------------


def answers(missing=None, trials=4, names="abcdef", items=40):
    """Six models, four languages, 40 items; `missing` says which rows go."""
    rng = np.random.default_rng(0)
    difficulty = np.linspace(-2, 2, items)
    rows = []
    for m, name in enumerate(names):
        for place, language in enumerate(["en", "de", "fr", "sw"]):
            p = 1 / (1 + np.exp(difficulty - m / 3)) * (1 - 0.1 * place)
            rows += [
                (name, language, f"q{i:02d}", int(k), trials)
                for i, k in enumerate(rng.binomial(trials, p))
            ]
    frame = pd.DataFrame(rows, columns=["model", "language", "item", "n_correct", "n_trials"])
    return frame if missing is None else frame[~missing(frame)]


def loaded(tmp_path, frame):
    frame.to_csv(tmp_path / "mine.csv", index=False)
    return hatlib.load_responses([str(tmp_path / "mine.csv")])


def test_nothing_missing_is_said(tmp_path):
    found = n.holes(loaded(tmp_path, answers()), draws=40)
    assert found.missing == 0
    assert found.verdict() == n.NOTHING_MISSING
    assert found.table().empty
    assert (found.bounds()["all_wrong"] == found.bounds()["hat"]).all()
    assert set(found.patterns["verdict"]) == {n.NOTHING_MISSING}


def test_a_missing_run_is_known_as_one(tmp_path):
    frame = answers(lambda f: (f["model"] == "a") & (f["language"] == "sw"))
    found = n.holes(loaded(tmp_path, frame), draws=40)
    assert found.missing == pytest.approx(1 / 24)
    assert found.cells["whole_runs"].sum() == 160
    assert found.cells["scattered"].sum() == 0
    assert found.verdict() == n.COULD_MATTER
    models = found.models.set_index("model")
    assert models.loc["a", "missing"] == pytest.approx(1 / 3)
    assert (models["all_wrong"] <= models["hat"]).all()
    assert (models["hat"] <= models["all_right"]).all()
    assert models.loc["b", "all_wrong"] == models.loc["b", "hat"] == models.loc["b", "all_right"]
    assert "No item is missing by itself" in found.summary()


@pytest.mark.parametrize(("hard", "verdict"), [(True, n.WHERE_LOW), (False, n.WHERE_HIGH)])
def test_where_items_are_missing_is_seen_each_way(hard, verdict, tmp_path):
    def gone(frame):
        number = frame["item"].str[1:].astype(int)
        wanted = number >= 28 if hard else number < 12
        return wanted & (frame["language"] == "sw") & frame["model"].isin(list("abc"))

    found = n.holes(loaded(tmp_path, answers(gone)), draws=40)
    rows = found.patterns.set_index("axis")
    assert rows.loc["items", "verdict"] == verdict
    assert verdict in found.summary()
    assert found.cells["whole_runs"].sum() == 0
    assert found.cells["scattered"].sum() == 3 * 12 * 4


def test_a_few_items_missing_cannot_be_told_or_cannot_matter(tmp_path):
    frame = answers(lambda f: (f["model"] == "f") & (f["language"] == "sw") & (f["item"] == "q20"))
    found = n.holes(loaded(tmp_path, frame), draws=40)
    assert found.patterns.set_index("axis").loc["items", "verdict"] == n.UNCLEAR
    assert found.verdict() == n.CANNOT_MATTER


def test_source_answers_are_no_target_answers(tmp_path):
    frame = answers(lambda f: (f["model"] == "a") & (f["language"] == "en") & (f["item"] < "q05"))
    found = n.holes(loaded(tmp_path, frame), draws=40)
    assert found.verdict() == n.NO_TARGET
    assert "in the source language" in found.summary()


def test_filled_counts_by_hand():
    counts = n.known_models(10, 4, 0).counts
    holed = n.without(counts, np.arange(10) < 3)
    planned = counts.target_trials.max(axis=0)
    right, wrong = (n.fill_in(holed, 2, planned, side) for side in (True, False))
    assert (right.target_correct[2, :, :3] == 4).all()
    assert (wrong.target_correct[2, :, :3] == 0).all()
    assert (wrong.target_trials[2] == 4).all()
    assert (right.target_trials[3] == holed.target_trials[3]).all()


def test_items_that_start_from_their_own_language_are_not_missing(tmp_path):
    frame = answers()
    number = frame["item"].str[1:].astype(int)
    frame["source_language"] = np.array(["en", "de", "fr", "sw"])[number % 4]
    frame.to_csv(tmp_path / "mine.csv", index=False)
    responses = hatlib.load_responses([str(tmp_path / "mine.csv")], source_language="item")
    found = n.holes(responses, draws=40)
    assert found.missing == 0


def test_promptings_without_a_source_are_named():
    found = n.holes(hatlib.load_responses(sets="mgsm"), draws=40)
    unmatched = found.models.set_index("model")["unmatched"]
    assert unmatched["s1.1-3b"] > 0
    assert unmatched["s1.1-32b"] == 0
    # All that is missing in these files are runs.
    assert found.cells["scattered"].sum() == 0
    assert len(found.chart().data) == 44


def test_one_answer_an_item_and_few_models_have_no_bounds(tmp_path):
    frame = answers(lambda f: (f["model"] == "a") & (f["language"] == "sw"), 1, "ab")
    found = n.holes(loaded(tmp_path, frame), draws=40)
    assert found.bounds().empty
    assert found.verdict() == n.UNCLEAR
    assert "There are no bounds" in found.summary()


# A judge of real answers -----------------------------------------------------------------------


def test_a_perfect_judge_changes_nothing(tmp_path):
    responses = loaded(tmp_path, answers())
    found = n.rejudged(responses, "mine", Judge(), draws=40)
    assert (found.models["hat"] == found.models["corrected"]).all()
    assert (found.reversed, found.clear) == (0, 0)
    assert "no correction asked for" in found.summary()


def test_a_judge_that_errs_changes_scores_and_may_not_fit(tmp_path):
    responses = loaded(tmp_path, answers(items=200))
    some = n.rejudged(responses, "mine", Judge(0.95, 0.98, 50, 50), draws=40)
    assert (some.models["corrected"] != some.models["hat"]).any()
    assert some.verdict() in ("the ranking stays", "the ranking changes, not clearly")
    never = loaded(tmp_path, answers().assign(n_correct=4))
    assert rejudging._impossible(never.counts("mine"), Judge(0.8, 1.0)) == 6
    assert rejudging._impossible(responses.counts("mine"), Judge()) == 0
    table = n.other_judges(responses, "mine")
    assert len(table) == 5
    assert len(n.other_judges(responses, "mine", [Judge(0.99, 1.0)])) == 1


def verdict_of(**facts):
    models = pd.DataFrame(columns=["hat", "corrected"], dtype=float)
    base = {"pairs": 3, "reversed": 0, "clear": 0, "impossible": 0, "reason": ""}
    return n.Rejudged("x", facts.pop("judge", Judge(0.9, 0.9)), models, **(base | facts)).verdict()


def test_the_words_on_a_ranking_come_out_each_way():
    assert verdict_of() == "the ranking stays"
    assert verdict_of(reversed=1) == "the ranking changes, not clearly"
    assert verdict_of(reversed=2, clear=1) == "the ranking changes"
    assert verdict_of(impossible=1) == "this judge does not fit the answers"
    assert verdict_of(pairs=0) == "no ranking"
    assert verdict_of(reason="why") == "no correction"
    assert verdict_of(judge=Judge()) == "no correction asked for"


def test_pooled_hardness_cannot_be_corrected_and_says_so():
    responses = hatlib.load_responses(sets="copa-dialects")
    found = n.rejudged(responses, "copa-dialects", Judge(0.9, 0.9), draws=0)
    assert found.verdict() == "no correction"
    assert "hardness self" in found.summary()
    assert n.other_judges(responses, "copa-dialects").empty


# Checks ----------------------------------------------------------------------------------------


def test_checks_hold_and_can_fail(study, tmp_path):
    responses = loaded(tmp_path, answers(lambda f: (f["model"] == "a") & (f["language"] == "sw")))
    holes = n.holes(responses, draws=40)
    checks = n.check(study, holes, responses)
    assert "all hold" in checks.summary()
    effects = study.effects.copy()
    effects.loc[effects["dose"] == 0, "change"] = 0.2
    holes.models.loc[0, "all_right"] = -1.0
    failed = n.check(replace(study, effects=effects), holes, responses)
    assert (failed.rows["holds"] == "no").sum() == 3
    assert "Not:" in failed.summary()
