"""The drill: its truth is the simulation's, each metric fails for its reason, its text is safe."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from scipy import special
from small import play

from hatlib import hat_scores
from hatlib.errors import InputError
from hatlib.publish.catalogue import bind, notebook_named
from hatlib.show.drill import TITLES, drill_page
from hatlib.truth import drill
from hatlib.truth.simulate import DIFFICULTIES, simulate_answers, true_transfer

HOSTILE = ["<script>alert(1)</script>", "\"'></details><img src=x onerror=alert(1)>"]
PAIR = ["Alder", "Aspen"]
DRAWN, SHOWN = "drill-27", "drill-04"  # cells before which there are pairs, and all rounds


def rounds(until: str = SHOWN, **parameters: Any) -> dict[str, Any]:
    """The variables of the notebook of the drill."""
    return play("drill", {"draws": 50, **parameters}, until)[1]


@pytest.fixture(scope="module")
def ten() -> dict[str, Any]:
    return rounds()


def page(found: dict[str, Any]) -> BeautifulSoup:
    return BeautifulSoup(drill_page(found["models"], found["says"], 10).markup, "html.parser")


def said(simulated, draws=200):
    """What each measure says of the first two models."""
    scores = hat_scores(simulated.responses, reference="uniform", draws=draws, rng=0)
    return drill.compare_pairs(scores, simulated.truth, [PAIR]).set_index("measure")


def test_leads_and_intervals_are_those_of_paired_means():
    simulated = simulate_answers([0, 1], n_items=400)
    says = said(simulated, 2000)
    frame = simulated.responses.frame
    rates = frame.assign(rate=frame["n_correct"] / frame["n_trials"])
    means = rates.pivot_table("rate", "model", "language")
    source, target = means["en"], means[["de", "sw"]].mean(axis=1)
    # A smaller gap is better, so the lead is the other model's gap minus one's own.
    assert says.loc["xlt_gap", "lead"] == pytest.approx(-np.subtract(*(source - target)))
    assert says.loc["ratio", "lead"] == pytest.approx(np.subtract(*(target / source)))
    items = rates[rates["language"] != "en"].groupby(["model", "item"])["rate"].mean()
    se = (items["Alder"] - items["Aspen"]).std() / np.sqrt(400)
    row = says.loc["target_accuracy"]
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.966 * se, rel=0.08)


def test_a_measure_names_a_model_if_its_interval_excludes_zero(ten):
    says = ten["says"][ten["says"]["note"] == ""]
    expected = np.select([says["low"] > 0, says["high"] < 0], ["a", "b"], "open")
    assert says["says"].tolist() == expected.tolist()
    truths = ten["models"].pivot_table("truth", "round", "model")
    for row in says.to_dict("records"):
        lead = np.subtract(*truths.loc[row["round"], [row["model_a"], row["model_b"]]])
        assert row["truth"] == pytest.approx(lead)
        sides = {"a": lead >= drill.SAME, "b": lead <= -drill.SAME, "same": abs(lead) < drill.SAME}
        assert sides[row["right"]]
    assert ((says["mark"] == "right") == (says["says"] == says["right"])).all()
    assert ((says["mark"] == "left open") == (says["says"] == drill.OPEN)).all()


def test_hat_leaves_open_what_is_extrapolated():
    simulated = simulate_answers([0, 4.5], profiles=["linear", "strong shift"], n_items=150)
    hat = said(simulated).loc["hat"]
    assert "extrapolated" in hat["note"] and hat["says"] == drill.OPEN


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_is_what_it_is_called(seed):
    found = rounds(DRAWN, seed=seed)
    kinds = found["kinds"].set_index("kind")
    names = [kind for _, kind, *_ in found["drawn"]]
    assert sorted(names) == sorted(kinds.index) and names != kinds.index.tolist()
    item = np.random.default_rng(0).uniform(size=20_000)
    for _, name, _, difficulty, ability, profiles in found["drawn"]:
        kind = kinds.loc[name]
        gap = np.subtract(*map(true_transfer, profiles))
        low, high = sorted(map(abs, kind["lead"]))
        assert low - 1e-6 <= abs(gap) <= high + 1e-6
        u = special.expit(np.subtract.outer(ability, DIFFICULTIES[difficulty](item)))
        source, target = u.mean(axis=1), np.array([profiles[m](u[m]).mean() for m in (0, 1)])
        metrics = {"target": target, "gap": target - source, "ratio": target / source}
        side = np.sign(round(gap, 6))
        for metric, (first, second) in metrics.items():
            lead = first - second
            assert metric not in kind["right"].split() or side * lead > 0
            wrong = side * lead < 0 if side else abs(lead) > 0.02
            assert metric not in kind["wrong"].split() or wrong


def test_the_seed_decides_and_more_answers_change_what_is_seen_alone(ten):
    names = ten["says"].drop_duplicates("round")[["model_a", "model_b"]].to_numpy()
    assert len(set(names.flat)) == 20
    first, again, other = (rounds(rounds=2, n_trials=n) for n in (4, 4, 10))
    assert page(again) == page(first)
    same = ["round", "model", "truth", "n_items"]
    pd.testing.assert_frame_equal(other["models"][same], first["models"][same])
    assert not other["models"]["xlt_gap"].equals(first["models"]["xlt_gap"])


def test_a_drill_of_no_rounds_is_refused():
    with pytest.raises(InputError, match="rounds is at least 1"):
        bind(notebook_named("drill", None).parameters, {"rounds": 0})


def test_without_javascript_all_is_there_in_order_and_the_script_has_what_it_reads(ten):
    soup = page(ten)
    assert soup.find("script") is None
    boxes, every = soup.select(".hat-drill > .hat-round"), ten["says"].groupby("round")
    for box, (_, says) in zip(boxes, every, strict=True):
        text, row = box.get_text(" "), says.iloc[0]
        table, truth = box.find("table"), box.find("details", class_="hat-truth")
        answer = truth.find("details", class_="hat-answer")  # unfolds only after the truth
        assert table not in truth.descendants
        assert not truth.has_attr("open") and not answer.has_attr("open")
        names = [row["model_a"], row["model_b"]]
        assert [line.find("td").text for line in table.select("tbody tr")] == names
        # Nothing before the fold says what is right.
        before = text[: text.index("Show the truth")]
        assert row["kind"] not in before and "true score" not in before
        assert box["data-right"] == row["right"]
        assert json.loads(box["data-says"]) == says.set_index("measure")["says"].to_dict()
        assert [b["data-answer"] for b in box.select("button")] == ["a", "same", "b"]
    assert [row["data-who"] for row in soup.select("tr[data-who]")] == ["you", *TITLES]


def test_names_are_escaped(ten):
    swap = dict(zip(ten["says"].loc[0, ["model_a", "model_b"]], HOSTILE, strict=True))
    soup = page({name: ten[name].query("round == 1").replace(swap) for name in ("models", "says")})
    assert not soup.find("script") and not soup.find("img")
    assert soup.select("button")[0].text == f"{HOSTILE[0]} transfers better"
    assert len(soup.select("details")) == 2
