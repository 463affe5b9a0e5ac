"""What simulated models are made of: profiles stand for what they say, names are new."""

from __future__ import annotations

import numpy as np
import pytest

import hatlib
from hatlib.truth.simulate import PROFILES, invented_names, true_transfer


@pytest.mark.parametrize("profile", PROFILES)
def test_built_in_transfer_is_the_integral_of_the_profile(profile):
    from scipy.integrate import quad

    expected = 2 * quad(lambda h: float(PROFILES[profile](np.array(h))), 1e-9, 1 - 1e-9)[0]
    assert true_transfer(profile) == pytest.approx(expected, abs=1e-4)


def test_perfect_transfer_would_give_one_and_none_gives_zero(monkeypatch):
    monkeypatch.setitem(PROFILES, "perfect", lambda h: h)
    monkeypatch.setitem(PROFILES, "none", lambda h: 0 * h)
    assert true_transfer("perfect") == pytest.approx(1)
    assert true_transfer("none") == 0


def test_no_simulated_model_has_a_real_name():
    real = hatlib.load().models
    words = {w.lower() for name in real["display_name"] for w in name.split()}
    assert not {name.split()[0].lower() for name in invented_names(60)} & words
