"""Every dataset scored, with what it can and cannot support."""

from __future__ import annotations

import numpy as np
import pytest

import hatlib
from hatlib.errors import InputError
from hatlib.truth.simulate import together


def test_sets_say_what_they_have_and_why_some_have_no_scores():
    responses = hatlib.load_responses(sets=["mgsm", "truthfulqa-human"])
    sets = hatlib.score_sets(responses, hardness="self", draws=50)
    assert sets.sets()["scored"].to_dict() == {"mgsm": 4}
    assert list(sets.reasons) == ["truthfulqa-human"]
    assert sets.lead() == sets.lead("mgsm") == "mgsm"
    for wanted, why in (("nonsense", "nonsense"), ("truthfulqa-human", "one answer an item")):
        with pytest.raises(InputError, match=why):
            sets.lead(wanted)
    with pytest.raises(InputError, match="profile"):
        hatlib.score_sets(responses, profile="nonsense")


def test_a_set_above_perfect_transfer_does_not_lead():
    easy = hatlib.simulate_answers(
        [-1.0, -0.5, 0.0, 0.5], profiles=[np.sqrt] * 4, n_items=400, benchmark="easy"
    )
    plain = hatlib.simulate_answers([0.0, 0.5], n_items=400, benchmark="plain")
    sets = hatlib.score_sets(together([easy, plain]).responses, draws=50)
    table = sets.sets()
    assert table["doubtful"].to_dict() == {"easy": True, "plain": False}
    assert table.loc["easy", "support"] > table.loc["plain", "support"]
    assert sets.lead() == "plain"
