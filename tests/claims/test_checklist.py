"""The list of what a score takes for granted: each check can object, and can keep quiet."""

from dataclasses import replace

import numpy as np
import pytest

import hatlib
from hatlib.claims import checklist
from hatlib.claims.checklist import FAILS, FINE, MIND, UNSEEN
from hatlib.truth.flaws import FLAWS

TRANSLATED = "Each item can be answered in each language"
PARSED = "Answers are parsed equally well in all languages"
MISSING = "Answers are not missing because they are hard"
CORRELATED = "Answers to one item are independent draws"


def checks(responses):
    return checklist.check_sets(responses, draws=50).set_index("assumes")


def simulated(**more):
    usual = {"abilities": np.linspace(-1.5, 1.5, 9), "n_items": 300, "targets": ["de", "sw"]}
    return hatlib.simulate_answers(**usual | {"rng": 1} | more).responses


def flawed(name, dose):
    responses = simulated()
    return replace(responses, frame=FLAWS[name](responses.frame, dose, np.random.default_rng(1)))


def test_sound_answers_are_left_alone_and_counts_alone_cannot_show_correlation():
    sound = checks(simulated())["status"]
    assert set(sound) == {FINE, UNSEEN} and sound[CORRELATED] == UNSEEN
    named = simulated(n_items=600, n_trials=5, promptings=3)
    assert checks(named).loc[CORRELATED, "status"] in (FINE, MIND)


FLAWED = [
    (TRANSLATED, MIND, lambda: flawed("broken translations", 0.1)),
    (PARSED, FAILS, lambda: flawed("unreadable answers", 0.4)),
    (MISSING, FAILS, lambda: flawed("hard items missing", 0.6)),
    ("Several answers an item", FAILS, lambda: simulated(n_trials=1)),
    ("Models enough to borrow the shape of a profile", MIND, lambda: simulated(abilities=[0, 1])),
    ("Every model meets hard and easy items", MIND, lambda: simulated(abilities=[4, 5, 6, 6, 6])),
    ("Items and answers enough to see differences", MIND, lambda: simulated(n_items=60)),
    (CORRELATED, MIND, lambda: simulated(n_trials=5, promptings=3, overdispersion=0.3)),
    ("There is a score", FAILS, lambda: simulated(abilities=[-9.0], n_items=40)),
]


@pytest.mark.parametrize(("assumes", "status", "responses"), FLAWED)
def test_a_built_in_flaw_is_found(assumes, status, responses):
    assert checks(responses()).loc[assumes, "status"] == status


@pytest.mark.parametrize("profile", ["linear", "steep", "strong shift"])
def test_poor_transfer_is_not_taken_for_broken_questions(profile):
    responses = simulated(profiles=profile, target_shift=[0, -1.5])
    assert checks(responses).loc[TRANSLATED, "status"] == FINE


def test_broken_questions_are_named():
    responses = simulated(profiles="shift")
    frame = responses.frame
    gone = frame["item"].isin(["003", "017"]) & (frame["language"] == "sw")
    easy = frame["item"].isin(["003", "017"]) & (frame["language"] == "en")
    broken = frame.assign(n_correct=frame["n_correct"].mask(gone, 0).mask(easy, 10))
    found = checklist.suspects(replace(responses, frame=broken))
    named = found.set_index("item")["languages"]
    assert "sw" in named["003"] and "sw" in named["017"]
    assert (found["n_models"] >= 3).all()


def test_a_wrong_chance_level_is_seen():
    responses = simulated(abilities=np.linspace(-4, 0, 6), chance=0.0)
    wrong = replace(responses, benchmarks=responses.benchmarks.assign(chance_level=0.5))
    assumes = "The chance level is right"
    assert checks(wrong).loc[assumes, "status"] == MIND
    assert checks(simulated(chance=0.25)).loc[assumes, "status"] == FINE


def test_every_dataset_has_every_check_and_one_model_ends_well():
    assert checks(simulated(abilities=[0.0], n_items=12)).index.is_unique
