"""The paper's findings as claims: every verdict can come out each way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

import hatlib
from hatlib.claims import findings
from hatlib.claims.findings import CANNOT_TELL, CONTRADICTED, HAT, LINE, SUPPORTED, Measured, judge
from hatlib.thresholds import BOOK, Thresholds

NAMES = [claim.name for claim in findings.CLAIMS]


def straight(level):
    return lambda h: level * h


def models(sizes, dates, reasoning, lineage="Elm"):
    """A table of invented models of one lineage."""
    n = len(sizes)
    return pd.DataFrame(
        {
            "model": [f"{lineage} {i}" for i in range(n)],
            "family": lineage,
            "ladder": lineage,
            "lineage": lineage,
            "variant": "instruct",
            "developer": "simulated",
            "params_total_b": np.array(sizes, float),
            "params_active_b": np.array(sizes, float),
            "release_date": pd.to_datetime(dates),
            "reasoning": reasoning,
        }
    )


def scored(levels, about, n_items=400, abilities=None, seed=0):
    """Scores of models whose profile is a straight line of the given level."""
    abilities = np.linspace(-0.5, 0.5, len(levels)) if abilities is None else abilities
    simulated = hatlib.simulate_answers(
        abilities,
        profiles=[straight(level) for level in levels],
        n_items=n_items,
        targets=["de", "sw"],
        models=about,
        rng=seed,
    )
    return hatlib.hat_scores(simulated.responses, reference="uniform", draws=200, rng=seed)


SIZES = [1, 2, 8, 16, 32, 64]
DATES = ["2022-01-01", "2023-01-01", "2024-01-01", "2025-01-01", "2026-01-01", "2026-06-01"]
SAME_DATE, SAME_SIZE, NO_THOUGHT = ["2025-01-01"] * 6, [8.0] * 6, ["none"] * 6
RISING = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


def by_size(levels, **more):
    return scored(levels, models(SIZES, SAME_DATE, NO_THOUGHT), **more)


def by_date(levels, **more):
    return scored(levels, models(SAME_SIZE, DATES, NO_THOUGHT), **more)


def by_thought(levels, **more):
    about = models(SAME_SIZE, SAME_DATE, ["none", "on"] * 3)
    about["family"] = ["a", "a", "b", "b", "c", "c"]
    return scored(levels, about, **more)


# --- data built to support, to contradict, and to be too weak --------------------------------

NOTHING = [0.6] * 6
THINKING = [0.4, 0.7, 0.45, 0.75, 0.4, 0.7]


@pytest.mark.parametrize(
    ("claim", "scores", "verdict"),
    [
        ("small", lambda: by_size(NOTHING), SUPPORTED),
        ("small", lambda: by_size([0.2, 0.2, 0.8, 0.8, 0.8, 0.8]), CONTRADICTED),
        ("small", lambda: by_size([0.5, 0.5, 0.64, 0.64, 0.64, 0.64], n_items=40), CANNOT_TELL),
        ("size", lambda: by_size(RISING), SUPPORTED),
        ("size", lambda: by_size(RISING[::-1]), CONTRADICTED),
        ("size", lambda: by_size(NOTHING), CANNOT_TELL),
        ("time", lambda: by_date(RISING), SUPPORTED),
        ("time", lambda: by_date(RISING[::-1]), CONTRADICTED),
        ("time", lambda: by_date(NOTHING), CANNOT_TELL),
        ("thinking", lambda: by_thought(THINKING), SUPPORTED),
        ("thinking", lambda: by_thought(THINKING[::-1]), CONTRADICTED),
        ("thinking", lambda: by_thought(NOTHING), CANNOT_TELL),
        # Ability grows and transfer does not: target accuracy runs ahead.
        ("slower", lambda: by_size(NOTHING, abilities=np.linspace(-2, 2, 6)), SUPPORTED),
        ("slower", lambda: by_size(NOTHING, abilities=np.linspace(2, -2, 6)), CONTRADICTED),
        ("slower", lambda: by_size(NOTHING, abilities=np.zeros(6), n_items=60), CANNOT_TELL),
    ],
)
def test_every_verdict_can_come_out_each_way(claim, scores, verdict):
    found = findings.weigh_findings(scores(), simulated=True)
    row = found.table(claim).iloc[0]
    assert row["verdict"] == verdict, row.to_dict()
    overall = found.verdict(claim)
    assert overall.startswith(verdict)
    assert overall in found.summary(claim)


@pytest.mark.parametrize("draw", [by_size, by_date])
def test_turning_the_models_round_turns_the_verdict(draw):
    claim = "size" if draw is by_size else "time"
    scores = draw(RISING)
    before = findings.weigh_findings(scores).table(claim).iloc[0]
    turned = replace(scores, models=findings.turn_round(scores.models))
    after = findings.weigh_findings(turned).table(claim).iloc[0]
    assert (before["verdict"], after["verdict"]) == (SUPPORTED, CONTRADICTED)
    if claim == "time":  # the dates are mirrored exactly
        assert after["estimate"] == pytest.approx(-before["estimate"])


def test_known_truth_of_the_paper_design():
    found = findings.findings_under_known_truth(("no-trend", "small-broken"), draws=100)
    assert found["no-trend"].verdict("small").startswith(SUPPORTED)
    assert found["small-broken"].verdict("small").startswith(CONTRADICTED)
    assert found["no-trend"].verdict("size") == CANNOT_TELL
    assert found["no-trend"].verdict("time") == CANNOT_TELL
    text = findings.known_summary(found)
    assert "Simulated, no-trend" in text
    assert findings.known_table(found).shape == (len(NAMES), 3)


# --- published accuracies -------------------------------------------------------------------


def accuracies(gain, seed=1, n_lineages=6, noise=0.005):
    """Accuracies of ladders of six lineages: off the line by `gain` for each doubling."""
    rng = np.random.default_rng(seed)
    rows = []
    for lineage in range(n_lineages):
        for step, size in enumerate([1, 2, 4, 8, 16]):
            source = 0.4 + 0.1 * step + rng.normal(0, 0.04)
            target = 0.1 + 0.7 * source + gain * (step - 2) + rng.normal(0, noise)
            for language, value in (("en", source), ("de", target), ("fr", target)):
                rows.append((f"m{lineage}-{step}", language, value, 5000, lineage, size))
    columns = ["model", "language", "accuracy", "n_items", "lineage", "params_total_b"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        lineage="lineage " + frame["lineage"].astype(str),
        family="family " + frame["lineage"].astype(str),
        variant="instruct",
    )


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.03, SUPPORTED), (-0.03, CONTRADICTED), (0.0, CANNOT_TELL)]
)
def test_published_accuracies_can_come_out_each_way(tmp_path, gain, verdict):
    accuracies(gain).to_csv(tmp_path / "mine.csv", index=False)
    table = hatlib.summarise(hatlib.load(tmp_path / "mine.csv")).table()
    found = findings.weigh_findings(accuracies=table, draws=300)
    row = found.tests[(found.tests["claim"] == "size") & (found.tests["evidence"] == LINE)].iloc[0]
    assert row["verdict"] == verdict
    assert findings.NOT_FOR_LINES in set(found.silent["reason"])


# --- the judgement itself -------------------------------------------------------------------


def numbers(values, claim="size", se=0.01, freedom=20, evidence=HAT):
    return [
        Measured(claim, evidence, f"s{i}", f"Set {i}", value, se, freedom, "", "these models")
        for i, value in enumerate(values)
    ]


def test_intervals_p_values_and_power_against_scipy_by_hand():
    row = judge(numbers([0.025])).iloc[0]
    assert row["high"] - row["low"] == pytest.approx(2 * stats.t.ppf(0.975, 20) * 0.01)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(2.5, 20))
    # Power by simulation: estimates of a true .02 with their own standard errors.
    rng = np.random.default_rng(0)
    z, chi = rng.standard_normal(200_000), rng.chisquare(20, 200_000)
    t = (0.02 / 0.01 + z) / np.sqrt(chi / 20)
    assert row["power"] == pytest.approx((t > stats.t.ppf(0.975, 20)).mean(), abs=0.005)
    # A true excess of `smallest` is seen with about the power that is asked for.
    seen = stats.nct.sf(stats.t.ppf(0.975, 20), 20, row["smallest"] / 0.01)
    assert seen == pytest.approx(BOOK["power"], abs=0.01)


def test_holm_agrees_with_statsmodels():
    p = np.random.default_rng(1).uniform(0, 0.1, 12)
    assert findings.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert findings.holm(np.array([])).tolist() == []


def test_more_sets_ask_for_more_evidence():
    alone = judge(numbers([0.022]))
    many = judge(numbers([0.022] + [0.0] * 9))
    assert alone["verdict"].iloc[0] == SUPPORTED
    assert many["verdict"].iloc[0] == CANNOT_TELL
    # Another claim, or another kind of evidence, does not count among them.
    apart = judge(numbers([0.022]) + numbers([0.0] * 9, claim="time"))
    assert apart["verdict"].iloc[0] == SUPPORTED


def test_false_claims_are_supported_no_more_often_than_stated():
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(1500):
        t = rng.standard_t(20, 5)
        found = judge(numbers(t * 0.01))
        wrong += (found["verdict"] != CANNOT_TELL).any()
    assert wrong / 1500 < BOOK["clear"] + 3 * np.sqrt(0.05 * 0.95 / 1500)


def test_the_margin_of_small_models_counts():
    inside = judge(numbers([-0.05], "small"))
    beyond = judge(numbers([-0.25], "small"))
    at = judge(numbers([-0.15], "small"))
    assert [f["verdict"].iloc[0] for f in (inside, beyond, at)] == [
        SUPPORTED,
        CONTRADICTED,
        CANNOT_TELL,
    ]
    stricter = Thresholds({**BOOK.every, "broken": replace(BOOK.every["broken"], value=0.01)})
    assert judge(numbers([-0.05], "small"), stricter)["verdict"].iloc[0] == CONTRADICTED


def test_sets_that_disagree_are_said_to_disagree():
    tests = judge(numbers([0.1, -0.1, 0.0]))
    found = findings.Findings(tests, pd.DataFrame(columns=["claim", "evidence", "set_name"]))
    assert found.verdict("size") == findings.MIXED
    text = found.summary("size")
    assert "Set 0 supports it" in text
    assert "Set 1 contradicts it" in text
    assert found.verdict("time") == findings.NOT_TESTED
    votes = found.votes().iloc[0]
    assert (votes["sets"], votes["on_the_claimed_side"], votes["clearly"]) == (3, 1, 1)


def test_names_from_data_are_escaped():
    tests = judge(numbers([0.1])).assign(set_name="<b>*x*</b>")
    found = findings.Findings(tests, pd.DataFrame(columns=["claim", "evidence", "set_name"]))
    assert "<b>" not in found.summary("size")


def test_a_doubtful_set_is_not_tested():
    # Targets easier than the source language: scores above perfect transfer.
    scores = by_size([0.6] * 6)
    b = scores.benchmarks[0]
    doubtful = replace(scores, benchmarks=(replace(b, low=b.low + 1.0, high=b.high + 1.0),))
    found = findings.weigh_findings(doubtful)
    assert found.tests.empty
    assert any("above perfect transfer" in reason for reason in found.silent["reason"])


def test_without_redraws_nothing_is_tested():
    simulated = hatlib.simulate_answers(
        [0.0, 0.5], n_items=60, models=models([1, 8], SAME_DATE[:2], NO_THOUGHT[:2])
    )
    found = findings.weigh_findings(hatlib.hat_scores(simulated.responses, draws=0))
    assert found.tests.empty
    assert any("without redraws" in reason for reason in found.silent["reason"])
    assert "no set can speak to it" in found.answer()
    assert found.chart("size").text.startswith("Nothing to draw")


def test_the_book_has_a_verdict_on_every_claim():
    given = hatlib.answers_of(keep="models")
    table = hatlib.summarise(hatlib.load()).table()
    found = findings.weigh_findings(given.scores(draws=100), table, draws=100)
    assert set(found.verdicts()["claim"]) == set(NAMES)
    assert len(found.tests) + len(found.silent) == len(
        found.tests[["claim", "evidence", "set"]].drop_duplicates()
    ) + len(found.silent[["claim", "evidence", "set"]].drop_duplicates())
    assert found.chart("small").alt
    for claim in findings.CLAIMS:
        assert claim.says in found.answer()
