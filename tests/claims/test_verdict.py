"""The one rule for conclusions: every case of it, its symmetry, and how far it can be trusted."""

import json

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from hatlib import show
from hatlib.claims.verdict import decide, decide_together
from hatlib.errors import InputError
from hatlib.resample import holm

nan = float("nan")

CASES = {
    # asks: low, high, clusters -> grade, answer
    "difference": [
        (0.06, 0.14, 9, "firm", "higher"), (-0.14, -0.01, 9, "firm", "lower"),
        (0.06, 0.14, 7, "suggestive", "higher"), (-0.04, 0.04, 9, "firm", "same"),
        (-0.04, 0.08, 9, "suggestive", "not lower"), (-0.08, 0.04, 9, "suggestive", "not higher"),
        (-0.08, 0.08, 9, "open", "open"), (nan, nan, 1, "open", "open"),
    ],
    "loss": [
        (-0.04, 0.20, 22, "firm", "not lower"), (-0.04, -0.01, 22, "firm", "not lower"),
        (-0.20, -0.06, 22, "firm", "lower"), (-0.20, -0.01, 22, "suggestive", "lower"),
        (-0.20, 0.01, 22, "suggestive", "not higher"), (-0.20, 0.20, 22, "open", "open"),
    ],
    "gain": [(-0.20, 0.04, 22, "firm", "not higher")],
}  # fmt: skip


@pytest.mark.parametrize(("asks", "case"), [(asks, row) for asks in CASES for row in CASES[asks]])
def test_the_rule(asks, case):
    low, high, n, *said = case
    found = decide((low + high) / 2, low, high, margin=0.05, asks=asks, n_clusters=n)
    assert [found.grade, found.answer] == said


ends = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted)
PAIRS = {"higher": "lower", "not lower": "not higher", "loss": "gain"}
MIRROR = PAIRS | {back: there for there, back in PAIRS.items()}


@given(ends, st.floats(0.01, 0.5), st.sampled_from(["difference", "loss", "gain"]))
def test_a_verdict_turns_round_and_is_open_if_nothing_is_ruled_out(interval, margin, asks):
    low, high = interval
    there = decide(0, low, high, margin=margin, asks=asks, n_clusters=20)
    back = decide(0, -high, -low, margin=margin, asks=MIRROR.get(asks, asks), n_clusters=20)
    assert back.grade == there.grade
    if there.answer not in ("not lower", "not higher") or there.grade == "firm":
        assert back.answer == MIRROR.get(there.answer, there.answer)
    found = decide(0, low, high, margin=margin, asks=asks)
    assert (found.grade == "open") == (low <= -margin and high >= margin)
    assert len(show.say(found)) > 20


def test_doubtful_data_and_lost_corrections_hold_a_verdict_back():
    firm = {"estimate": 0.1, "low": 0.06, "high": 0.14, "margin": 0.02}
    assert decide(**firm).grade == "firm"
    assert decide(**firm, doubtful="Judged kindly.").held_back == ("doubtful data",)
    lost = decide(**firm, adjusted={"zero": 0.2}, family_size=9)
    assert lost.held_back == ("not after correction",)
    assert "9 tests" in show.say(lost)


def test_of_many_idle_tests_few_are_firm():
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(200):
        values = rng.normal(size=10)
        tests = [{"estimate": v, "low": v - 1.96, "high": v + 1.96, "margin": 0.1} for v in values]
        seen += any(each.grade == "firm" for each in decide_together(tests))
    assert seen / 200 < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(1).uniform(size=12)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([0.01, nan, 0.02])[[0, 2]] == pytest.approx([0.02, 0.02])


def test_what_is_needed_makes_the_interval_as_narrow_as_the_margin():
    def half(n):
        return stats.t.ppf(0.975, n - 1) * 0.3 / np.sqrt(n)

    needed = decide(0, -half(9), half(9), margin=0.1, n_clusters=9).needed
    assert half(needed) <= 0.1 < half(needed - 1)
    assert decide(0, -0.2, 0.2, margin=0.1, n_items=250).needed == 1000


def test_a_page_hands_its_verdicts_on():
    found = decide(0.1, 0.06, 0.14, margin=0.02, name="size", n_items=200)
    shown = show.conclude(found, "Larger models transfer better.")
    data, metadata = shown._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data, metadata=metadata)
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    nb = nbformat.reads(nbformat.writes(nb), as_version=4)
    (record,) = show.read_verdicts(nb)
    said = {"text": shown.texts[0], "brief": shown.briefs[0]}
    assert record == json.loads(json.dumps(found.as_record())) | said
    assert (record["grade"], record["p_value"]) == ("firm", None)


def test_a_margin_of_nothing_is_refused():
    with pytest.raises(InputError, match="margin"):
        decide(0.1, 0, 0.2, margin=0)
