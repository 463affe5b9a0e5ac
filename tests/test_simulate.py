"""Simulated accuracies of models of identical transfer, against integrals and expectations."""

from __future__ import annotations

import numpy as np
import pytest

import hatlib
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, identical_transfer, true_transfer


@pytest.mark.parametrize("profile", PROFILES)
def test_built_in_transfer_is_the_integral_of_the_profile(profile):
    from scipy.integrate import quad

    expected = 2 * quad(lambda h: float(PROFILES[profile](np.array(h))), 1e-9, 1 - 1e-9)[0]
    assert true_transfer(profile) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_simulated_accuracies_approach_their_expectation(difficulty):
    exact = identical_transfer("shift", difficulty=difficulty, chance=0.25)
    drawn = identical_transfer(
        "shift", difficulty=difficulty, chance=0.25, n_items=40_000, n_trials=5, rng=1
    )
    for column in ("source_accuracy", "target_accuracy"):
        np.testing.assert_allclose(exact.models[column], drawn.models[column], atol=0.01)


def test_perfect_transfer_would_give_one_and_none_gives_zero(monkeypatch):
    monkeypatch.setitem(PROFILES, "perfect", lambda h: h)
    monkeypatch.setitem(PROFILES, "none", lambda h: 0 * h)
    assert true_transfer("perfect") == pytest.approx(1)
    assert true_transfer("none") == 0
    perfect = identical_transfer("perfect").table()
    np.testing.assert_allclose(perfect["xlt_gap"], 0, atol=1e-12)


def test_simulations_refuse_what_they_do_not_know():
    with pytest.raises(hatlib.InputError) as caught:
        identical_transfer("magic", difficulty="odd", chance=2, n_items=-1)
    assert len(caught.value.problems) == 4


def test_no_simulated_model_has_a_real_name():
    real = hatlib.load().models
    words = {w.lower() for name in real["display_name"] for w in name.split()}
    from hatlib.truth.simulate import invented_names

    assert not {name.split()[0].lower() for name in invented_names(60)} & words
