"""Instance-level files of Every Eval Ever, and their traps."""

from functools import partial

import make_logs
import pytest
from make_logs import EEE_MODEL as MODEL
from make_logs import counts, write_lines
from make_logs import eee_row as row

read, failing = partial(make_logs.read, "eee"), partial(make_logs.refused, "eee")


@pytest.fixture
def log(tmp_path):
    """Write a file of some rows."""
    return lambda *rows, name="a.jsonl": write_lines(tmp_path / name, rows)


def test_rows_are_answers(log):
    trials = read(log(row("q1"), row("q2", False), name="a_samples.jsonl.gz"))
    assert counts(trials) == [["de", "q1", 1, 1], ["de", "q2", 0, 1]]
    first = trials.frame.iloc[0][["model", "benchmark", "key", "prompting"]]
    assert first.tolist() == [MODEL, "mgsm", "7", "direct"]
    assert trials.report.read == [f"{MODEL}: 1 task, 2 rows."]
    asked = {"raw": "?", "reference": ["Bern"], "choices": ["Rom", "Bern"]}
    assert read(log(row(input=asked))).frame["key"].tolist() == ["B"]
    about = {"language": "Swahili", "item": "x", "source_language": "en", "prompting": "p"}
    said = read(log(row(task="facts", about=about))).frame.iloc[0]
    assert said[["benchmark", "language", "item"]].tolist() == ["facts", "sw", "x"]
    assert said[["source_language", "prompting"]].tolist() == ["en", "p"]


def test_versions_and_aggregate_results(log, tmp_path):
    old = row(schema_version="0.0.1", input={"raw": "?", "reference": "1,000"}, interactions=None)
    old["evaluation"] = {"score": True, "is_correct": True}
    trials = read(log(old))
    assert trials.frame[["n_correct", "key"]].to_numpy().tolist() == [[1, "1000"]]
    assert not trials.report.assumed
    assert "9.9" in read(log(row(schema_version="9.9"))).report.assumed[0]
    (tmp_path / "a.json").write_text('{"evaluation_results": []}')
    log({"evaluation_results": [], "model_info": {}}, name="aggregate.jsonl")
    trials = read(tmp_path)
    assert len(trials.frame) == 1 and "no rows" in str(trials.report.dropped)


def test_epochs_are_trials_and_copies_are_not(log, tmp_path):
    rows = [row("q1", e == 1, about={"epoch": str(e)}) for e in (1, 2, 3)]
    rows += [row("q2"), row("q2", False)]  # without epochs: trials within one file only
    log(*rows, name="a_samples.jsonl")
    log(*rows, name="copy/a_samples.jsonl.gz")
    log(row("q2"), row("q3"), name="b.jsonl")
    trials = read(tmp_path)
    assert counts(trials) == [["de", "q1", 1, 3], ["de", "q2", 1, 2], ["de", "q3", 1, 1]]
    assert "3 rows that repeat a trial." in trials.report.dropped


def test_the_newest_of_two_evaluations(log, tmp_path):
    log(row("q1", False, evaluation_id="x/1900000000"))
    log(row("q1", True, evaluation_id="x/1900000001.5"), name="b.jsonl")
    trials = read(tmp_path)
    assert counts(trials) == [["de", "q1", 1, 1]]
    assert "b.jsonl has the same items, and is newer" in str(trials.report.dropped)
    log(row("q1", True, evaluation_id="undated"), name="c.jsonl")
    assert "not dated" in failing(tmp_path)


def test_a_row_for_each_metric_or_filter(log):
    first, names = row()["evaluation_id"], {"accuracy": True, "strict": False}
    told = {name: {"evaluation_result_id": f"{first}#{name}"} for name in names}
    path = log(*(row(f"q{i}", names[k], **told[k]) for i in (1, 2) for k in names))
    said = failing(path)
    assert "accuracy" in said and "strict (0.00" in said
    for options in ({"metric": "strict"}, {"filter": "strict"}):
        assert counts(read(path, **options)) == [["de", "q1", 0, 1], ["de", "q2", 0, 1]]
    names = {"first": False, "flexible-extract": True}
    named = {k: {"evaluation_name": f"mgsm_direct_de/{k}", "about": {"filter": k}} for k in names}
    path = log(*(row("q1", names[k], **named[k]) for k in names))
    assert "--filter" in failing(path)
    assert counts(read(path, filter="flexible-extract")) == [["de", "q1", 1, 1]]
    codes = ("en", "de")  # results that are not of one answer are all read
    rows = [row("q1", task=f"mgsm_direct_{c}", evaluation_result_id=f"{c}-1") for c in codes]
    assert len(read(log(*rows)).frame) == 2


def test_fields_that_say_something_else_or_nothing(log):
    path = log(row("q1", True, score=0.9), row("q2", False, score=0.4))
    assert "is_correct means little" in failing(path)
    assert read(path, threshold=0.3).frame["n_correct"].tolist() == [1, 1]
    assert read(path, metric="is_correct").frame["n_correct"].tolist() == [1, 0]
    path = log(row("q1", True, score=0.0))
    assert "differ" in failing(path)
    assert read(path, metric="score").frame["n_correct"].tolist() == [0]
    nan = row("q2", None, score=float("nan"))
    rows = [row("q1"), nan, row("q3", False, error="time is up"), row("q4", [1])]
    trials = read(log(*rows))
    assert counts(trials) == [["de", "q1", 1, 1]]
    said = " ".join(trials.report.dropped)
    assert "1 row lost to an error." in said and "without a value of is_correct" in said


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"doc_id": 1, "target": "2", "resps": [["2"]]}], "hat import lm-eval"),
        *[([{"model_id": "m"}], "sample_id"), ([], ""), ([row(), [1], 3, None], "")],
        *[([row(evaluation=[1])], "evaluation"), ([row(task="hellaswag")], "hellaswag")],
    ],
)
def test_other_files(log, rows, told):
    assert told in failing(log(*rows))


def test_odd_types_and_hostile_names(log):
    odd = {"metadata": [1], "input": "x", "evaluation_id": None, "schema_version": 3, "error": 0}
    rows = [row("=1+1\n\x1b[0m" + "y" * 9999, model_id="m\nn\u202e"), row(5, **odd)]  # type: ignore[arg-type]
    rows += [row("q", 10**400, score=10**400), row("r", {"a": 1})]
    trials = read(log(*rows), metric="is_correct")
    assert len(trials.frame) == 2
    for name in ("model", "item"):
        assert all(len(text) <= 200 and text.isprintable() for text in trials.frame[name])
