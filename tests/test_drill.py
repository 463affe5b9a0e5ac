"""The drill: its truth is the simulation's, its text is safe, its verdicts come out each way."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from hatlib.errors import InputError
from hatlib.truth import drill
from hatlib.truth.answers import simulate_answers

MEASURES = list(drill.TITLES)
HOSTILE = ["<script>alert(1)</script>", "\"'></details><img src=x onerror=alert(1)>"]


@pytest.fixture(scope="module")
def ten() -> drill.Drill:
    return drill.make_drill(10, draws=100)


# The rounds ---------------------------------------------------------------------------------------


def test_the_truth_is_that_of_the_simulation(ten):
    for each in ten.rounds:
        truth = each.simulated.truth.query("target == 'macro'").set_index("model")["hat"]
        assert each.models["truth"].tolist() == truth[list(each.names)].tolist()
        assert each.lead == pytest.approx(truth[each.names[0]] - truth[each.names[1]])
    table = ten.table()
    assert table["true_lead_of_a"].tolist() == [each.lead for each in ten.rounds]


def test_the_metrics_are_those_of_the_answers(ten):
    each = ten.rounds[0]
    frame = each.simulated.responses.frame
    frame = frame.assign(rate=frame["n_correct"] / frame["n_trials"])
    rates = frame.pivot_table(index="model", columns="language", values="rate")
    source, target = rates["en"], rates.drop(columns="en").mean(axis=1)
    shown = each.models.set_index("model")
    a, b = each.names
    for name in (a, b):
        assert shown.loc[name, "source_accuracy"] == pytest.approx(source[name])
        assert shown.loc[name, "target_accuracy"] == pytest.approx(target[name])
        assert shown.loc[name, "xlt_gap"] == pytest.approx(source[name] - target[name])
        assert shown.loc[name, "ratio"] == pytest.approx(target[name] / source[name])
    lead = each.answers.set_index("measure")["lead"]
    assert lead["target_accuracy"] == pytest.approx(target[a] - target[b])
    assert lead["ratio"] == pytest.approx(target[a] / source[a] - target[b] / source[b])
    # A smaller gap is better, so the lead is the other model's gap minus one's own.
    assert lead["xlt_gap"] == pytest.approx((source[b] - target[b]) - (source[a] - target[a]))


def test_a_metric_names_a_model_if_its_interval_excludes_zero(ten):
    answers = pd.concat([each.answers for each in ten.rounds])
    metrics = answers[answers["measure"] != "hat"]
    expected = np.select([metrics["low"] > 0, metrics["high"] < 0], ["a", "b"], "open")
    assert metrics["says"].tolist() == expected.tolist()


def test_the_interval_of_a_metric_is_that_of_a_paired_mean():
    simulated = simulate_answers([0, 1], n_items=400, targets=["de"])
    row = drill.compare_pairs(simulated, [("Alder", "Aspen")], draws=2000).iloc[0]
    counts = simulated.responses.counts("sim")
    items = counts.target_correct[:, 0] / counts.target_trials[:, 0]
    se = (items[0] - items[1]).std() / np.sqrt(400)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.966 * se, rel=0.08)


def test_hat_leaves_open_what_is_extrapolated():
    simulated = simulate_answers([0, 4.5], profiles=["linear", "strong shift"], n_items=150)
    row = drill.compare_pairs(simulated, [("Alder", "Aspen")]).iloc[-1]
    assert row["measure"] == "hat" and "extrapolated" in row["note"]
    assert row["says"] == drill.OPEN


@pytest.mark.parametrize("kind", drill.KINDS, ids=lambda kind: kind.name[:40])
def test_every_kind_is_what_it_is_called(kind):
    for seed in range(3):
        place, abilities, profiles = drill._pair_of(kind, np.random.default_rng(seed))
        a, b = (place.expected(*model) for model in zip(abilities, profiles, strict=True))
        models = [
            float(simulate_answers([0], profiles=f, targets=place.languages, n_items=1,
                                   target_shift=place.shifts).truth["hat"].iloc[0])
            for f in profiles
        ]  # fmt: skip
        lead = models[0] - models[1]
        low, high = sorted(map(abs, kind.lead))
        assert low - 1e-6 <= abs(lead) <= high + 1e-6
        for metric in kind.right:
            assert drill.METRICS[metric] * (a[metric] - b[metric]) * np.sign(lead) > 0
        for metric in kind.wrong:
            assert drill.METRICS[metric] * (a[metric] - b[metric]) * np.sign(lead) < 0


def test_expected_metrics_are_those_of_many_items():
    place = drill._Place(20_000, "normal", ("de", "sw"))
    profile = drill.profile_with(0.6, 0.9, place.shifts)
    simulated = drill._simulated(
        place, [0.7], [profile], ["Alder"], 20, 0.0, np.random.default_rng(0)
    )
    observed = drill._observed(simulated).iloc[0]
    expected = place.expected(0.7, profile)
    assert observed.to_dict() == pytest.approx(expected, abs=0.01)
    assert simulated.truth["hat"].iloc[0] == pytest.approx(0.6, abs=1e-6)


def test_ten_rounds_hold_every_kind_and_the_order_is_drawn():
    names = {kind.name for kind in drill.KINDS}
    orders = [[r.kind for r in drill.make_drill(10, draws=20, seed=s).rounds] for s in (1, 2)]
    assert set(orders[0]) == set(orders[1]) == names
    assert orders[0] != orders[1]


def test_the_same_seed_gives_the_same_drill(ten):
    again, other = drill.make_drill(10, draws=100), drill.make_drill(10, draws=100, seed=1)
    assert again._repr_html_() == ten._repr_html_()
    assert other._repr_html_() != ten._repr_html_()
    pd.testing.assert_frame_equal(again.table(), ten.table())


def test_correlated_answers_change_the_answers_and_not_the_models(ten):
    other = drill.make_drill(10, draws=100, overdispersion=0.3)
    same = ["model_a", "model_b", "true_lead_of_a", "kind"]
    pd.testing.assert_frame_equal(other.table()[same], ten.table()[same])
    assert not other.rounds[0].models.equals(ten.rounds[0].models)


def test_names_meet_once(ten):
    names = [name for each in ten.rounds for name in each.names]
    assert len(names) == len(set(names)) == 20


def test_marks_count_every_round(ten):
    marks = ten.marks()
    assert (marks[["right", "wrong", "left_open"]].sum(axis=1) == 10).all()
    assert drill.mark("open", "a") == "left open"
    assert (drill.mark("a", "b"), drill.mark("b", "b")) == ("wrong", "right")
    said = [drill.mark(each.says()["ratio"], each.right) for each in ten.rounds]
    row = marks.set_index("measure").loc["Ratio"]
    assert [row["right"], row["wrong"]] == [said.count("right"), said.count("wrong")]
    assert f"{marks['right'].iloc[3]} right" in ten.summary()


def test_the_right_answer_has_three_values(ten):
    each = ten.rounds[0]

    def with_truth(a: float, b: float) -> drill.Round:
        return replace(each, models=each.models.assign(truth=[a, b]))

    assert with_truth(0.7, 0.6).right == "a"
    assert with_truth(0.6, 0.7).right == "b"
    assert with_truth(0.7, 0.7 - drill.SAME / 2).right == "same"


def test_the_trap_is_the_round_with_most_wrong_metrics(ten):
    wrong = [
        sum(drill.mark(r.says()[m], r.right) == "wrong" for m in drill.METRICS) for r in ten.rounds
    ]
    assert ten.trap() is ten.rounds[int(np.argmax(wrong))]


def test_charts_are_drawn(ten):
    assert len(ten.chart().data) == 20
    assert set(ten.trap().profile_chart().data["model"]) == set(ten.trap().names)


# The page -----------------------------------------------------------------------------------------


def test_without_javascript_all_is_there_in_order(ten):
    soup = BeautifulSoup(ten._repr_html_(), "html.parser")
    boxes = soup.select(".hat-drill > .hat-round")
    assert len(boxes) == 10
    assert soup.find("script") is None
    for box, each in zip(boxes, ten.rounds, strict=True):
        text = box.get_text(" ")
        table, truth = box.find("table"), box.find("details", class_="hat-truth")
        answer = truth.find("details", class_="hat-answer")  # unfolds only after the truth
        assert table not in truth.descendants
        assert not truth.has_attr("open") and not answer.has_attr("open")
        assert [row.find("td").text for row in table.select("tbody tr")] == list(each.names)
        assert f"{each.models['source_accuracy'].iloc[0]:.3f}" in table.text
        order = ["Decide", "Show the truth", "The true scores", "Target accuracy:", "Show what HAT"]
        places = [text.index(word) for word in order]
        assert places == sorted(places)
        # Nothing before the fold says what is right.
        before = text[: text.index("Show the truth")]
        assert each.kind not in before and "true score" not in before
    for hidden in soup.select(".hat-choices, .hat-tally"):
        assert hidden.has_attr("hidden")  # they do nothing without JavaScript


def test_what_the_script_reads(ten):
    soup = BeautifulSoup(ten._repr_html_(), "html.parser")
    for box, each in zip(soup.select(".hat-round"), ten.rounds, strict=True):
        assert box["data-right"] == each.right
        assert json.loads(box["data-says"]) == each.says()
        assert [b["data-answer"] for b in box.select("button")] == ["a", "same", "b"]
    assert [row["data-who"] for row in soup.select("tr[data-who]")] == ["you", *MEASURES]


def test_accessible_markup(ten):
    soup = BeautifulSoup(ten._repr_html_(), "html.parser")
    assert all(button["type"] == "button" and button.text.strip() for button in soup("button"))
    labels = [group["aria-label"] for group in soup.select("[role=group]")]
    assert len(labels) == len(set(labels)) == 10
    assert len(soup.select(".hat-round [role=status]")) == 10
    assert all(svg["aria-label"] for svg in soup("svg"))
    summaries = [summary.text for summary in soup("summary")]
    assert len(summaries) == len(set(summaries))
    assert not [tag for tag in soup.find_all(True) if any(a.startswith("on") for a in tag.attrs)]
    assert not soup.select("[style]")


def test_names_are_escaped(ten):
    each = ten.rounds[0]
    bad = replace(each, models=each.models.assign(model=HOSTILE))
    page = replace(ten, rounds=(bad,))._repr_html_()
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find("script") and not soup.find("img")
    assert not [tag for tag in soup.find_all(True) if "onerror" in tag.attrs]
    assert soup.select("button")[0].text == f"{HOSTILE[0]} transfers better"
    assert len(soup.select("details")) == 2


def test_a_pair_without_a_score_is_shown():
    simulated = simulate_answers([-9, 0], n_items=60)
    pair = drill._round(drill.KINDS[0], simulated, ("Alder", "Aspen"), 50, 0.95, 0)
    page = drill.Drill((pair,), 10, 0.95, 0)
    assert "HAT cannot tell Alder and Aspen apart" in page._repr_html_()
    assert "left open" in page.summary() and page.marks()["left_open"].iloc[3] == 1


@pytest.mark.parametrize("rounds", [1, 3, 12])
def test_any_number_of_rounds(rounds):
    small = drill.make_drill(rounds, draws=20)
    assert len(small.table()) == rounds
    assert small._repr_html_().count('class="hat-round"') == rounds


@pytest.mark.parametrize("n_trials", [1, 2])
def test_few_answers(n_trials):
    small = drill.make_drill(1, n_trials=n_trials, draws=20)
    assert "once" in small._repr_html_() or "times" in small._repr_html_() or n_trials == 1
    assert small.summary().startswith("**HAT in 1 simulated round:")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: drill.make_drill(0),
        lambda: drill.tally_pairs(0),
        lambda: drill.tally_pairs(12, spread=0),
        lambda: drill.tally_pairs(12, n_trials=0),
        lambda: drill.make_drill(1, overdispersion=1),
    ],
)
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(InputError):
        wrong()


# The tally ----------------------------------------------------------------------------------------


def made(
    n: int = 60,
    right: dict[str, float] | None = None,
    apart: float = 0.05,
    drift: float = 0.0,
    noise: float = 0.0,
    overdispersion: float = 0.0,
) -> drill.PairTally:
    """A tally of `n` pairs a group; `right` is the share that the estimate of a measure orders."""
    shares = dict.fromkeys(MEASURES, 0.5) | (right or {})
    rng = np.random.default_rng(0)
    rows = []
    for g, group in enumerate((drill.BETTER, drill.WORSE, drill.EQUAL)):
        truth = {drill.BETTER: 0.1, drill.WORSE: -0.1, drill.EQUAL: 0.0}[group]
        source = rng.uniform(0.1, 0.5, n)
        for measure, share in shares.items():
            for i in range(n):
                sign = 1 if i < share * n else -1
                lead = sign * truth if truth else 10 * drift * source[i] + noise * rng.normal()
                says = "open"
                if not truth and i < apart * n:
                    says = "a"
                if truth and measure == "hat":
                    says = "a" if lead > 0 else "b"
                rows.append(
                    {"pair": g * n + i, "group": group, "model_a": "A", "model_b": "B",
                     "truth": truth, "source_lead": source[i], "measure": measure, "lead": lead,
                     "low": lead - 0.1, "high": lead + 0.1, "says": says, "note": ""}
                )  # fmt: skip
    return drill.PairTally(pd.DataFrame(rows), overdispersion, 0.0, 0.95)


def verdict(text: str) -> str:
    return text.split("**")[1]


def test_hat_wins():
    text = made(right={"hat": 1.0, "xlt_gap": 0.6}).summary()
    assert verdict(text).endswith("HAT is more often right than each of the metrics.")


def test_hat_ties():
    text = made(right={"hat": 0.9, "xlt_gap": 0.9}).summary()
    assert "HAT ties with the XLT gap." in verdict(text)


def test_hat_loses():
    text = made(right={"hat": 0.5, "ratio": 0.9, "target_accuracy": 0.5}).summary()
    assert "the ratio more often right than HAT." in verdict(text)


def test_too_few_pairs_are_a_tie():
    text = made(n=2, right={"hat": 1.0, "xlt_gap": 0.5}).summary()
    assert "HAT ties with" in verdict(text)


def test_the_mixture_from_which_a_metric_is_as_good():
    tally = made(right={"hat": 0.9, "target_accuracy": 1.0})
    frame = tally.frame.copy()
    flip = (frame["group"] == drill.WORSE) & (frame["measure"] == "target_accuracy")
    frame.loc[flip, "lead"] *= -1  # right everywhere in one group, nowhere in the other
    text = replace(tally, frame=frame).summary()
    # p + 0 (1 - p) = 0.9 at p = 0.9
    assert "more than 90% (target accuracy)" in text


def test_shares_are_counted_by_hand():
    table = made(n=20, right={"hat": 0.8}).table().set_index(["group", "measure"])
    better = table.loc[(drill.BETTER, "HAT")]
    assert better["pairs"] == 20
    assert better[["ordered_right", "right", "wrong", "left_open"]].tolist() == pytest.approx(
        [0.8, 0.8, 0.2, 0.0]
    )
    equal = table.loc[(drill.EQUAL, "HAT")]
    assert np.isnan(equal["right"]) and equal["wrong"] == pytest.approx(0.05)
    assert equal["left_open"] == pytest.approx(0.95)


def test_of_equal_pairs_any_name_is_wrong():
    tally = made(n=20, apart=0.5)
    frame = tally.frame.copy()
    equal = frame["group"] == drill.EQUAL
    frame.loc[equal & (frame["says"] == "a"), "says"] = "b"
    table = replace(tally, frame=frame).table()
    assert table[table["group"] == drill.EQUAL]["wrong"].tolist() == pytest.approx([0.5] * 4)


def test_errors_come_out_each_way():
    assert "err no more often than they say" in verdict(made(n=210, apart=0.05).errors())
    assert "they err more often than they say" in verdict(made(n=210, apart=0.3).errors())
    assert "too few pairs to see" in verdict(made(n=10, apart=0.0).errors())


def test_drift_is_the_slope_for_ten_points():
    drift = made(n=50, drift=0.03).drift().set_index("measure")
    assert drift["lead"].tolist() == pytest.approx([0.03] * 4)
    noisy = made(n=400, drift=0.03, noise=0.05).drift()
    assert (noisy["low"] < 0.03).all() and (noisy["high"] > 0.03).all()


def test_misled_comes_out_each_way():
    plain = made(n=210)

    def against(**changes: float) -> str:
        return verdict(drill.Misled(plain, made(**changes, overdispersion=0.2)).summary())

    assert against(n=210, drift=0.05).endswith("HAT is misled too.")
    assert against(n=210, apart=0.4).endswith("HAT is misled too.")
    assert against(n=210, drift=0.001).endswith("HAT is not misled.")
    assert against(n=10, noise=1.0, apart=0.0).endswith("cannot tell.")


def test_models_far_out_give_no_number_and_no_warning(recwarn):
    far = drill.tally_pairs(12, spread=12.0, draws=20)
    text = drill.Misled(far, far).summary() + far.summary() + far.errors()
    assert "nan" not in text and not recwarn.list


def test_the_tally_is_deterministic():
    first, again = (drill.tally_pairs(12, draws=20, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert not first.frame.equals(drill.tally_pairs(12, draws=20, seed=4).frame)


def test_the_pairs_are_what_their_group_says():
    tally = drill.tally_pairs(24, draws=20, seed=1)
    hat = tally.frame[tally.frame["measure"] == "hat"]
    assert hat["pair"].is_unique and len(hat) == 24
    assert (hat["source_lead"] > 0).mean() > 0.9  # A is the stronger one
    assert (hat.loc[hat["group"] == drill.BETTER, "truth"] >= 0.04 - 1e-6).all()
    assert (hat.loc[hat["group"] == drill.WORSE, "truth"] <= -0.04 + 1e-6).all()
    assert hat.loc[hat["group"] == drill.EQUAL, "truth"].abs().max() < 1e-9


def test_correlated_answers_mislead_and_telling_hat_helps():
    hidden = drill.tally_pairs(120, draws=100, overdispersion=0.2)
    known = drill.tally_pairs(120, draws=100, overdispersion=0.2, correlation=0.2)
    drift = [t.drift().set_index("measure").loc["HAT", "lead"] for t in (hidden, known)]
    assert drift[0] > 0.04 and abs(drift[1]) < 0.025
    assert "known to HAT" in drill.Misled(hidden, known).summary()


def test_charts_of_the_tally():
    tally = made(n=20)
    assert len(tally.chart().data) == 8
    assert len(tally.chart_of_errors().data) == 12
    assert len(drill.Misled(tally, made(n=20, overdispersion=0.2)).chart().data) == 8
