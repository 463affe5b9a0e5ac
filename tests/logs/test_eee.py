"""Instance-level files of Every Eval Ever, and their traps."""

import tracemalloc

import pytest
from logs_eee import MODEL, row, write

from hatlib.errors import InputError
from hatlib.logs import Trials, import_logs, read_trials
from hatlib.logs.common import Options


def read(path, **options) -> Trials:
    return read_trials("eee", [path], Options(**options))


def counts(trials):
    return sorted(trials.frame[["language", "item", "n_correct", "n_trials"]].to_numpy().tolist())


def failing(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    return str(caught.value)


@pytest.fixture
def log(tmp_path):
    """Write a file of some rows."""
    return lambda *rows, name="a.jsonl": write(tmp_path / name, rows)


def test_rows_are_answers(log):
    trials = read(log(row("q1"), row("q2", False), name="a_samples.jsonl.gz"))
    assert counts(trials) == [["de", "q1", 1, 1], ["de", "q2", 0, 1]]
    first = trials.frame.iloc[0]
    assert (first["model"], first["benchmark"], first["key"]) == (MODEL, "mgsm", "7")
    assert first["prompting"] == "direct"
    assert trials.notes.read == [f"{MODEL}: 1 task, 2 rows.", "Schema version 0.2.2."]
    asked = {"raw": "?", "reference": ["Bern"], "choices": ["Rom", "Bern"]}
    assert read(log(row(input=asked))).frame["key"].tolist() == ["B"]
    about = {"language": "Swahili", "item": "x", "source_language": "en", "prompting": "p"}
    said = read(log(row(task="facts", about=about))).frame.iloc[0]
    assert said[["benchmark", "language", "item"]].tolist() == ["facts", "sw", "x"]
    assert said[["source_language", "prompting"]].tolist() == ["en", "p"]


def test_versions_of_the_schema(log):
    old = row(schema_version="0.0.1", input={"raw": "?", "reference": "1,000"}, interactions=None)
    old["evaluation"] = {"score": True, "is_correct": True}
    trials = read(log(old))
    assert trials.frame[["n_correct", "key"]].to_numpy().tolist() == [[1, "1000"]]
    assert not trials.notes.assumed
    assert "9.9" in read(log(row(schema_version="9.9"))).notes.assumed[0]


def test_aggregate_results_are_not_needed(log, tmp_path):
    log(row(), name="a_samples.jsonl")
    (tmp_path / "a.json").write_text('{"evaluation_results": []}')
    log({"evaluation_results": [], "model_info": {}}, name="aggregate.jsonl")
    trials = read(tmp_path)
    assert len(trials.frame) == 1
    assert "no rows" in str(trials.notes.dropped)


def test_epochs_are_trials_and_copies_are_not(log, tmp_path):
    rows = [row("q1", e == 1, about={"epoch": str(e)}) for e in (1, 2, 3)]
    rows += [row("q2"), row("q2", False)]  # without epochs: trials within one file only
    log(*rows, name="a_samples.jsonl")
    log(*rows, name="copy/a_samples.jsonl.gz")
    log(row("q2"), row("q3"), name="b.jsonl")
    trials = read(tmp_path)
    assert counts(trials) == [["de", "q1", 1, 3], ["de", "q2", 1, 2], ["de", "q3", 1, 1]]
    assert "3 rows that repeat a trial." in trials.notes.dropped


def test_the_newest_of_two_evaluations(log, tmp_path):
    log(row("q1", False, evaluation_id="x/1900000000"))
    log(row("q1", True, evaluation_id="x/1900000001.5"), name="b.jsonl")
    trials = read(tmp_path)
    assert counts(trials) == [["de", "q1", 1, 1]]
    assert "1 row of items that another log holds, newer or complete." in trials.notes.dropped
    log(row("q1", True, evaluation_id="undated"), name="c.jsonl")
    assert "not dated" in failing(tmp_path)


def test_a_row_for_each_metric_or_filter(log):
    first = row()["evaluation_id"]
    path = log(
        *(
            row(f"q{i}", right, evaluation_result_id=f"{first}#{name}")
            for i in (1, 2)
            for name, right in (("accuracy", True), ("strict", False))
        )
    )
    said = failing(path)
    assert "accuracy" in said and "strict (0.00" in said
    for options in ({"metric": "strict"}, {"filter": "strict"}):
        assert counts(read(path, **options)) == [["de", "q1", 0, 1], ["de", "q2", 0, 1]]
    path = log(
        *(
            row("q1", right, evaluation_name=f"mgsm_direct_de/{name}", about={"filter": name})
            for name, right in (("first", False), ("flexible-extract", True))
        )
    )
    assert "--filter" in failing(path)
    assert counts(read(path, filter="flexible-extract")) == [["de", "q1", 1, 1]]
    codes = ("en", "de")  # results that are not of one answer are all read
    rows = [row("q1", task=f"mgsm_direct_{c}", evaluation_result_id=f"{c}-1") for c in codes]
    assert len(read(log(*rows)).frame) == 2


def test_fields_that_say_something_else_are_asked_for(log):
    path = log(row("q1", True, score=0.9), row("q2", False, score=0.4))
    assert "is_correct means little" in failing(path)
    assert read(path, threshold=0.3).frame["n_correct"].tolist() == [1, 1]
    assert read(path, metric="is_correct").frame["n_correct"].tolist() == [1, 0]
    path = log(row("q1", True, score=0.0))
    assert "differ" in failing(path)
    assert read(path, metric="score").frame["n_correct"].tolist() == [0]


def test_what_is_no_answer_is_dropped_and_counted(log):
    nan = row("q2", None, score=float("nan"))
    rows = [row("q1"), nan, row("q3", False, error="time is up"), row("q4", [1])]
    trials = read(log(*rows))
    assert counts(trials) == [["de", "q1", 1, 1]]
    said = " ".join(trials.notes.dropped)
    assert "1 row lost to an error." in said
    assert "2 answers without a value of is_correct" in said
    talk = row("q1", interaction_type="agentic", output=None, messages=[])
    assert any("several turns" in line for line in read(log(talk)).notes.read)


def test_choices_of_the_user(log):
    path = log(row(task="riddles-fr"), row(task="hellaswag"))
    assert "hellaswag" in failing(path)
    trials = read(path, language_from="riddles-(..)")
    assert trials.frame["language"].tolist() == ["fr"]
    assert "1 answer whose language nothing says" in trials.notes.dropped[0]
    assert "2 models" in failing(log(row("q1"), row("q1", model_id="other")), model="mine")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"doc_id": 1, "target": "2", "resps": [["2"]]}], "hat import lm-eval"),
        ([{"model_id": "m"}], "sample_id"),
        ([], ""),
        ([row(), [1], 3, None], ""),
        ([row(evaluation=[1])], "evaluation"),
    ],
)
def test_other_files(log, rows, told):
    assert told in failing(log(*rows))


def test_a_file_that_is_cut_off(log):
    packed = log(*(row(f"q{i}") for i in range(500)), name="a.jsonl.gz")
    packed.write_bytes(packed.read_bytes()[:-200])
    assert "cut off" in failing(packed)


def test_odd_types_and_hostile_names(log):
    odd = {"metadata": [1], "input": "x", "evaluation_id": None, "schema_version": 3, "error": 0}
    rows = [row("=1+1\n\x1b[0m" + "y" * 9999, model_id="m\nn\u202e"), row(5, **odd)]  # type: ignore[arg-type]
    rows += [row("q", 10**400, score=10**400), row("r", {"a": 1})]
    trials = read(log(*rows), metric="is_correct")
    assert len(trials.frame) == 2
    for name in ("model", "item"):
        assert all(len(text) <= 200 and text.isprintable() for text in trials.frame[name])


def test_from_files_to_answers(log, tmp_path):
    for code in ("en", "de"):
        asked = [{"reference": [str(i % 9)]} for i in range(30)]
        rows = [row(f"q{i}", i % 2 == 0, f"mgsm_direct_{code}", input=asked[i]) for i in range(30)]
        log(*rows, name=f"{code}/x_samples.jsonl")
    imported = import_logs("eee", tmp_path)
    assert len(imported.frame) == 60
    assert "agree with en in 100.0%" in str(imported.report)


def test_many_rows_stay_small_in_memory(log):
    path = log(*(row(f"q{i // 2}", about={"pad": "x" * 2000}) for i in range(1500)))
    tracemalloc.start()
    assert read(path).frame["n_trials"].sum() == 1500
    assert tracemalloc.get_traced_memory()[1] < 6_000_000
    tracemalloc.stop()
