"""Every dataset scored, with what it can and cannot support."""

from __future__ import annotations

import numpy as np
import pytest

import hatlib
from hatlib.errors import InputError
from hatlib.truth.simulate import together


def test_sets_say_what_they_have():
    responses = hatlib.load_responses(sets=["mgsm", "xnli-first200", "truthfulqa-human"])
    sets = hatlib.score_sets(responses, draws=50)
    table = sets.sets().set_index("benchmark")
    assert table["scored"].to_dict() == {"mgsm": 4, "xnli-first200": 1, "truthfulqa-human": 0}
    assert table.loc["mgsm", "missing"] > 0.1
    assert table.loc["mgsm", "pairs"] == 6
    assert sets.lead() == "mgsm"
    assert sets.lead("xnli-first200") == "xnli-first200"
    with pytest.raises(InputError, match="nonsense"):
        sets.lead("nonsense")


def test_scores_over_other_languages_are_marked():
    sets = hatlib.score_sets(hatlib.load_responses(sets="mgsm"), draws=50)
    table = sets.table("mgsm").set_index("model")
    assert table.loc["s1.1-14b", "n_targets"] == 10
    assert table.loc["s1.1-3b", "n_targets"] == 3
    assert table.loc["s1.1-3b", "flag"] != ""
    assert table["hat"].is_monotonic_decreasing


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
        [-1.0, -0.5, 0.0, 0.5], profiles=[np.sqrt] * 4, n_items=400, benchmark="easy"
    )
    plain = hatlib.simulate_answers([0.0, 0.5], n_items=400, benchmark="plain")
    sets = hatlib.score_sets(together([easy, plain]).responses, draws=50)
    table = sets.sets().set_index("benchmark")
    assert table.loc["easy", "doubtful"]
    assert table.loc["easy", "support"] > table.loc["plain", "support"]
    assert sets.lead() == "plain"
