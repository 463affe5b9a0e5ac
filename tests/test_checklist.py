"""The list of what a score takes for granted: each check can object, and can keep quiet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hatlib
from hatlib.claims import checklist
from hatlib.claims.checklist import FAILS, FINE, MIND, UNSEEN


def sets_of(responses):
    return hatlib.score_sets(responses, draws=50)


def checks(responses, **more):
    found = hatlib.check_sets(sets_of(responses), **more).checks
    return {check.assumes: check for check in next(iter(found.values()))}


def simulated(**more):
    options = {"n_items": 300, "targets": ["de", "sw"], "rng": 1} | more
    abilities = options.pop("abilities", np.linspace(-1.5, 1.5, 9))
    return hatlib.simulate_answers(abilities, **options).responses


def test_every_built_in_flaw_is_found_and_sound_answers_are_left_alone():
    found = hatlib.flawed_checks(seed=1)
    assert set(found["without"]) == {FINE}
    assert FINE not in set(found["with"])
    assert len(found) >= 6


@pytest.mark.parametrize("profile", ["linear", "steep", "strong shift"])
def test_poor_transfer_is_not_taken_for_broken_questions(profile):
    for seed in range(3):
        responses = simulated(profiles=profile, target_shift=[0, -1.5], rng=seed)
        assert checks(responses)["Each item can be answered in each language"].status == FINE


def test_broken_questions_are_named():
    responses = simulated(profiles="shift")
    frame = responses.frame
    gone = frame["item"].isin(["003", "017"]) & (frame["language"] == "sw")
    easy = frame["item"].isin(["003", "017"]) & (frame["language"] == "en")
    broken = frame.assign(n_correct=frame["n_correct"].mask(gone, 0).mask(easy, 10))
    found = checklist.suspects(replace(responses, frame=broken))
    named = found.set_index("item")["languages"]
    assert "sw" in named["003"]
    assert "sw" in named["017"]
    assert (found["n_models"] >= 3).all()


def test_strata_keep_equal_values_together_and_shuffling_keeps_numbers():
    values = np.array([0.0, 0.0, 0.5, 0.5, 1.0, np.nan])
    strata = checklist._strata(values)
    assert strata[0] == strata[1]
    assert strata[2] == strata[3] != strata[4]
    rng = np.random.default_rng(0)
    known = rng.uniform(size=(4, 2, 60)) < 0.8
    lost = known & (rng.uniform(size=known.shape) < 0.3)
    groups = rng.integers(0, 3, 60)
    mixed = checklist._shuffled_within(groups, lost, known, rng)
    assert (mixed & ~known).sum() == 0
    for group in range(3):
        here = groups == group
        assert (mixed[..., here].sum(axis=2) == lost[..., here].sum(axis=2)).all()


def test_lost_by_all_by_hand():
    known = np.array([[[1, 1, 0]], [[1, 1, 1]], [[1, 1, 1]]], dtype=bool)
    lost = np.array([[[1, 1, 0]], [[1, 0, 1]], [[1, 1, 1]]], dtype=bool)
    # Only the first item is solved by three models and lost by all of them.
    assert checklist._lost_by_all(lost, known).tolist() == [[True, False, False]]


def test_answers_that_hang_together_are_seen_with_promptings():
    rng = np.random.default_rng(3)
    responses = simulated(abilities=[0.0, 0.5, 1.0], n_trials=5)
    parts = []
    for name in ("a", "b"):
        part = responses.frame.copy()
        level = rng.choice([-0.35, 0.35], size=len(part))
        rate = np.clip(part["n_correct"] / part["n_trials"] + level, 0, 1)
        parts.append(part.assign(prompting=name, n_correct=rng.binomial(5, rate)))
    import pandas as pd

    together = replace(responses, frame=pd.concat(parts, ignore_index=True))
    assumes = "Answers to one item are independent draws"
    assert checks(responses)[assumes].status == UNSEEN
    assert checks(together)[assumes].status == MIND


def test_a_wrong_chance_level_is_seen():
    responses = simulated(abilities=np.linspace(-4, 0, 6), chance=0.0)
    wrong = responses.benchmarks.assign(chance_level=0.5)
    found = checks(replace(responses, benchmarks=wrong))["The chance level is right"]
    assert found.status == MIND
    assert checks(simulated(chance=0.25))["The chance level is right"].status == FINE


def test_the_summary_counts_what_cannot_be_seen():
    found = hatlib.check_sets(sets_of(simulated()))
    table = found.table()
    unseen = int((table["status"] == UNSEEN).sum())
    assert f"{unseen} of {len(table)} assumptions cannot be seen" in found.summary()
    assert "None is known to fail" in found.summary()
    bad = hatlib.check_sets(sets_of(simulated(n_trials=1)))
    assert FAILS in set(bad.table()["status"])
    assert "Known to fail" in bad.summary()


def test_every_page_that_is_named_is_there():
    from pathlib import Path

    found = hatlib.check_sets(sets_of(simulated()))
    notebooks = {path.stem for path in (Path(__file__).parents[1] / "notebooks").glob("*.ipynb")}
    assert set(found.table()["page"]) <= notebooks


def test_one_model_one_item_and_hostile_names_end_well():
    one = simulated(abilities=[0.0], n_items=12)
    assert len(checks(one)) == 13
    named = replace(one, benchmarks=one.benchmarks.assign(name="<script>*x*</script>"))
    assert "<script>" not in hatlib.check_sets(sets_of(named)).summary()
