"""The runner: it measures what it says, and its verdicts can come out each way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.study import status
from hatlib import InputError
from hatlib.truth import experiment
from hatlib.truth.experiment import Design
from hatlib.truth.flaws import FLAWS
from hatlib.truth.simulate import PROFILES, true_transfer

NULL = Design("null", "own", profiles=("steep",), simulate={"n_items": 200})


@pytest.fixture
def frame() -> pd.DataFrame:
    """Answers without a flaw."""
    return NULL.answers(np.random.default_rng(1))[0].frame


def rows(**columns):
    base = {
        "estimator": "e", "flag": "", "refused": "", "low": np.nan, "high": np.nan, "shape": 0,
        "source_accuracy": 0.5, "remarks": "",
    }  # fmt: skip
    return pd.DataFrame(base | columns)


def test_a_known_error_is_measured():
    model = np.tile(np.arange(4), 4)
    frame = rows(
        replication=np.repeat(np.arange(4), 4), model=model, source_accuracy=model / 4,
        score=0.5 + 0.1 * model, truth=0.5, low=0.4, high=0.5 + 0.1 * (model < 2),
    )  # fmt: skip
    row = experiment.judge(frame).iloc[0]
    expected = {
        "range": 0.3, "range_without_noise": 0.3, "bias": 0.15, "slope": 0.04, "coverage": 1,
        "rmse": np.sqrt(np.mean([0, 0.01, 0.04, 0.09])), "replications": 4,
    }  # fmt: skip
    assert row[list(expected)].to_dict() == pytest.approx(expected)


def test_noise_alone_has_no_range():
    model, replication = np.tile(np.arange(12), 20), np.repeat(np.arange(20), 12)
    noise = (np.random.default_rng(seed).normal(size=240) for seed in range(20))
    frames = [rows(model=model, replication=replication, score=e, truth=0.0) for e in noise]
    means = pd.concat(map(experiment.judge, frames))[["range", "range_without_noise"]].mean()
    assert means["range"] > 0.5
    assert abs(means["range_without_noise"]) < 0.2


def test_the_range_is_taken_within_shapes_and_flags_and_refusals_are_counted():
    frame = rows(
        replication=0, model=[0, 1, 2, 3], shape=[0, 1, 0, 1], truth=[0.8, 0.2, 0.8, 0.2],
        score=[0.8, 0.2, 0.9, 0.25], flag=["", "extrapolated", "none", ""],
        refused=["", "", "", "chance"],
    )  # fmt: skip
    row = experiment.judge(frame).iloc[0]
    assert row["range"] == pytest.approx(0.1)
    assert row[["flagged", "scored", "refused"]].tolist() == [0.5, 1.0, 0.25]


def test_the_plug_in_follows_ability_and_the_default_does_not():
    live = experiment.run(NULL, ["plugin", "default"], replications=4, draws=50)
    judged = experiment.judge(live).set_index("estimator")
    assert judged.loc["plugin", "range"] > 0.3
    assert judged.loc["default", "range"] < 0.1
    assert judged.loc["plugin", "slope"] > 0.02 > abs(judged.loc["default", "slope"])
    assert judged.loc["ratio", "range"] > 0.5


def test_every_design_of_the_catalogue_can_be_simulated():
    for study in ("estimators", "situations"):
        for design in experiment.designs(study):
            small = replace(design, simulate=dict(design.simulate) | {"n_items": 24})
            responses, truth = small.answers(np.random.default_rng(0))
            assert len(truth) == len(design.abilities), design.name
            assert (responses.frame["n_correct"] <= responses.frame["n_trials"]).all(), design.name
            assert truth["truth"].between(0, 1.0001).all()
            assert set(design.judged) <= set(range(len(design.abilities)))


def test_the_catalogue_covers_the_specification():
    every, situations = experiment.designs("estimators"), experiment.designs("situations")
    assert {d.profiles[0] for d in every if d.group == "base"} == set(PROFILES)
    for name, wanted in (("n_trials", {1, 2, 3, 5, 20}), ("chance", {0.1, 0.25, 0.5})):
        assert wanted <= {d.simulate.get(name) for d in every}
    assert {1, 2, 5, 20} <= {len(d.abilities) for d in every}
    assert len({d.name for d in situations}) == len(situations)
    assert all({"breaks", "shows", "helps"} <= set(d.about) for d in situations)


def test_a_flaw_of_no_dose_changes_nothing_but_ways_of_asking(frame):
    kinds = {"one answer repeated", "greedy and sampled", "items shuffled", "below chance"}
    for name in FLAWS.keys() - kinds:
        flawed = FLAWS[name](frame, 0.0, np.random.default_rng(2))
        pd.testing.assert_frame_equal(flawed[list(frame)], frame, check_dtype=False)


def test_doses_do_what_they_say(frame):
    rng, target = np.random.default_rng(2), frame["language"] == "de"
    before = frame["n_correct"].sum()
    read = FLAWS["unreadable answers"](frame, 0.4, rng)
    kept = read["n_parsed"] / frame["n_trials"]
    assert kept[target].mean() == pytest.approx(0.6, abs=0.02) and (kept[~target] == 1).all()
    known = FLAWS["source memorised"](frame, 0.5, rng)
    changed = known["n_correct"] != frame["n_correct"]
    assert known["n_correct"].sum() > before and not (changed & target).any()
    assert frame.loc[changed, "model"].nunique() == 3  # models 2, 6 and 10 of eleven
    broken = FLAWS["broken translations"](frame, 0.3, rng)
    lost = broken[target].groupby("item")["n_correct"].sum() == 0
    assert lost.mean() == pytest.approx(0.3, abs=0.1)
    shuffled = FLAWS["items shuffled"](frame, 0.0, rng)
    assert shuffled[target]["n_correct"].tolist() == frame[target]["n_correct"].tolist()
    assert shuffled[target]["item"].tolist() != frame[target]["item"].tolist()


def test_models_of_one_transfer_have_one_truth_whatever_their_shape():
    for kind in ("steep with ability", "flat with ability"):
        design = Design("own", "own", profiles=(kind,), simulate={"n_items": 30})
        _, truth = design.answers(np.random.default_rng(0))
        assert np.ptp(truth["truth"]) < 1e-3
    _, truth = Design("own", "own", profiles=(0.6,)).answers(np.random.default_rng(0))
    assert truth["truth"].to_numpy() == pytest.approx(0.6)


def test_domains_have_the_mean_of_their_truths_and_may_be_told():
    parts = ({"profile": "linear", "ability": 1}, {"profile": "square", "ability": -1})
    design = Design("own", "own", strata=parts, simulate={"n_items": 40})
    responses, truth = design.answers(np.random.default_rng(0))
    expected = (true_transfer("linear") + true_transfer("square")) / 2
    assert truth["truth"].to_numpy() == pytest.approx(expected, abs=1e-4)
    assert responses.frame["item"].nunique() == 40
    told = replace(design, told={"strata": True}).answers(np.random.default_rng(0))[0]
    assert set(told.frame["stratum"]) == {"domain 1", "domain 2"}


@pytest.mark.parametrize(
    ("change", "word"),
    [({}, experiment.RIGHT), ({"refused": 0.9}, experiment.REFUSED),
     ({"flagged": 0.95}, experiment.FLAGGED), ({"range_unflagged": 0.08}, experiment.SILENT),
     ({"range_unflagged": 0.06}, experiment.RIGHT), ({"bias": -0.08}, experiment.SILENT),
     ({"coverage_unflagged": 0.8}, experiment.SHORT),
     ({"coverage_unflagged": 0.91, "coverage_unflagged_se": 0.02}, experiment.RIGHT)],
)  # fmt: skip
def test_a_status_can_come_out_each_way(change, word):
    row = {
        "refused": 0.0, "scored": 1.0, "flagged": 0.0, "bias": 0.0, "range_unflagged": 0.02,
        "range_unflagged_se": 0.01, "coverage_unflagged": 0.95, "coverage_unflagged_se": 0.01,
    }  # fmt: skip
    limits = {"harm": 0.05, "coverage": 0.93}
    assert status(row | change, NULL, **limits) == word
    unseen = replace(NULL, about={"unseen": True})
    if word in (experiment.SILENT, experiment.SHORT):
        said = replace(NULL, about={"remark": "one answer"})
        assert status(row | change | {"remarks": "one answer"}, said, **limits) == experiment.SAID
        assert status(row | change, NULL, listed="parsed", **limits) == experiment.LISTED
        assert status(row | change, unseen, **limits) == experiment.UNSEEN


def test_what_cannot_be_run_is_refused():
    with pytest.raises(InputError, match="replications is below 1"):
        experiment.run(NULL, replications=0)


def test_the_kept_studies_are_those_of_the_designs():
    for study, columns in (("estimators", ["group", "name", "profiles"]), ("situations", ["name"])):
        stored = experiment.kept(study)
        mine = {
            tuple({"group": d.group, "name": d.name, "profiles": d.label}[c] for c in columns)
            for d in experiment.designs(study)
        }
        assert set(stored[columns].itertuples(index=False, name=None)) == mine, study


def test_no_new_situation_is_wrong_without_a_word():
    stored = experiment.kept("situations").set_index("name")
    silent = stored.index[stored["status"] == experiment.SILENT]
    assert set(silent) <= {"few skewed items, four answers"}
    assert (stored["before_status"] == experiment.SILENT).sum() > 10
