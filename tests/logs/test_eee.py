"""Instance-level files of Every Eval Ever, and their traps."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from logs_eee import MODEL, row, write

from hatlib.errors import InputError
from hatlib.logs import Trials, import_logs, read_trials
from hatlib.logs.common import Options


def read(paths: list[Path], options: Options) -> Trials:
    return read_trials("eee", paths, options)


def counts(trials: Trials) -> list[list[Any]]:
    return sorted(trials.frame[["language", "item", "n_correct", "n_trials"]].to_numpy().tolist())


def failing(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(*args, **kwargs)
    return str(caught.value)


def test_rows_are_answers(tmp_path: Path) -> None:
    path = write(tmp_path / "a_samples.jsonl.gz", [row("q1"), row("q2", False)])
    trials = read([path], Options())
    assert counts(trials) == [["de", "q1", 1, 1], ["de", "q2", 0, 1]]
    first = trials.frame.iloc[0]
    assert (first["model"], first["benchmark"], first["key"]) == (MODEL, "mgsm", "7")
    assert first["prompting"] == "direct"
    assert trials.notes.read == [f"{MODEL}: 1 task, 2 rows.", "Schema version 0.2.2."]


def test_the_first_version_of_the_schema(tmp_path: Path) -> None:
    old = row(schema_version="0.0.1", input={"raw": "?", "reference": "1,000"}, interactions=None)
    old["evaluation"] = {"score": True, "is_correct": True}
    trials = read([write(tmp_path / "a.jsonl", [old])], Options())
    assert trials.frame[["n_correct", "key"]].to_numpy().tolist() == [[1, "1000"]]
    assert not trials.notes.assumed
    trials = read([write(tmp_path / "a.jsonl", [row(schema_version="9.9")])], Options())
    assert "9.9" in trials.notes.assumed[0]


def test_options_as_keys(tmp_path: Path) -> None:
    asked = {"raw": "?", "reference": ["Bern"], "choices": ["Rom", "Bern"]}
    trials = read([write(tmp_path / "a.jsonl", [row(input=asked)])], Options())
    assert trials.frame["key"].tolist() == ["B"]


def test_aggregate_results_are_not_needed(tmp_path: Path) -> None:
    write(tmp_path / "a_samples.jsonl", [row()])
    (tmp_path / "a.json").write_text('{"evaluation_results": []}')
    write(tmp_path / "aggregate.jsonl", [{"evaluation_results": [], "model_info": {}}])
    trials = read([tmp_path], Options())
    assert len(trials.frame) == 1
    assert sum("aggregate results" in line for line in trials.notes.dropped) == 2


def test_epochs_are_trials_and_copies_are_not(tmp_path: Path) -> None:
    rows = [row("q1", e == 1, about={"epoch": str(e)}) for e in (1, 2, 3)]
    write(tmp_path / "a_samples.jsonl", rows)
    write(tmp_path / "copy" / "a_samples.jsonl.gz", rows)
    trials = read([tmp_path], Options())
    assert counts(trials) == [["de", "q1", 1, 3]]
    assert "3 rows that repeat a trial." in trials.notes.dropped


def test_rows_of_one_item_without_epochs_are_trials_in_one_file_only(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [row("q1"), row("q1", False)])
    write(tmp_path / "b.jsonl", [row("q1"), row("q2")])
    assert counts(read([tmp_path], Options())) == [["de", "q1", 1, 2], ["de", "q2", 1, 1]]


def test_the_newest_of_two_evaluations(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [row("q1", False, evaluation_id="x/1900000000")])
    write(tmp_path / "b.jsonl", [row("q1", True, evaluation_id="x/1900000001.5")])
    trials = read([tmp_path], Options())
    assert counts(trials) == [["de", "q1", 1, 1]]
    assert "1 row of items that another log holds, newer or complete." in trials.notes.dropped
    write(tmp_path / "c.jsonl", [row("q1", True, evaluation_id="undated")])
    assert "not dated" in failing([tmp_path], Options())


def test_a_row_for_each_metric(tmp_path: Path) -> None:
    first = row()["evaluation_id"]
    rows = [
        row(f"q{i}", right, evaluation_result_id=f"{first}#{name}")
        for i in (1, 2)
        for name, right in (("accuracy", True), ("strict", False))
    ]
    path = write(tmp_path / "a.jsonl", rows)
    said = failing([path], Options())
    assert "under accuracy (1.00 right)" in said
    assert "under strict (0.00 right)" in said
    for options in (Options(metric="strict"), Options(filter="strict")):
        trials = read([path], options)
        assert counts(trials) == [["de", "q1", 0, 1], ["de", "q2", 0, 1]]


def test_a_row_for_each_filter(tmp_path: Path) -> None:
    rows = [
        row("q1", right, evaluation_name=f"mgsm_direct_de/{name}", about={"filter": name})
        for name, right in (("first", False), ("flexible-extract", True))
    ]
    path = write(tmp_path / "a.jsonl", rows)
    assert "--filter" in failing([path], Options())
    assert counts(read([path], Options(filter="flexible-extract"))) == [["de", "q1", 1, 1]]


def test_results_that_are_not_of_one_answer_are_all_read(tmp_path: Path) -> None:
    rows = [
        row("q1", task=f"mgsm_direct_{code}", evaluation_result_id=f"{code}-1")
        for code in ("en", "de")
    ]
    assert len(read([write(tmp_path / "a.jsonl", rows)], Options()).frame) == 2


def test_graded_scores_need_a_threshold(tmp_path: Path) -> None:
    rows = [row("q1", True, score=0.9), row("q2", False, score=0.4)]
    path = write(tmp_path / "a.jsonl", rows)
    assert "is_correct means little" in failing([path], Options())
    assert read([path], Options(threshold=0.3)).frame["n_correct"].tolist() == [1, 1]
    assert read([path], Options(metric="is_correct")).frame["n_correct"].tolist() == [1, 0]


def test_fields_that_differ_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row("q1", True, score=0.0)])
    assert "differ" in failing([path], Options())
    assert read([path], Options(metric="score")).frame["n_correct"].tolist() == [0]


def test_what_is_no_answer_is_dropped_and_counted(tmp_path: Path) -> None:
    nan = row("q2", None, score=float("nan"))
    rows = [row("q1"), nan, row("q3", False, error="time is up"), row("q4", [1])]
    trials = read([write(tmp_path / "a.jsonl", rows)], Options())
    assert counts(trials) == [["de", "q1", 1, 1]]
    said = " ".join(trials.notes.dropped)
    assert "1 row lost to an error." in said
    assert "1 answer without a value of is_correct" in said
    assert "1 answer whose is_correct is no number" in said


def test_conversations_are_one_trial_each(tmp_path: Path) -> None:
    rows = [row("q1", interaction_type="agentic", output=None, messages=[])]
    assert "several turns" in read([write(tmp_path / "a.jsonl", rows)], Options()).notes.read[0]


def test_metadata_comes_before_the_task(tmp_path: Path) -> None:
    about = {"language": "Swahili", "item": "x", "source_language": "en", "prompting": "p"}
    trials = read([write(tmp_path / "a.jsonl", [row(task="facts", about=about)])], Options())
    said = trials.frame.iloc[0]
    assert said[["benchmark", "language", "item"]].tolist() == ["facts", "sw", "x"]
    assert said[["source_language", "prompting"]].tolist() == ["en", "p"]


def test_choices_of_the_user(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(task="riddles-fr"), row(task="hellaswag")])
    assert "hellaswag" in failing([path], Options())
    trials = read([path], Options(language_from="riddles-(..)"))
    assert trials.frame["language"].tolist() == ["fr"]
    assert "1 answer whose language nothing says" in trials.notes.dropped[0]
    two = write(tmp_path / "b.jsonl", [row("q1"), row("q1", model_id="other")])
    assert "2 models" in failing([two], Options(model="mine"))


def test_other_files(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", [{"doc_id": 1, "target": "2", "resps": [["2"]]}])
    assert "hat import lm-eval" in failing([log], Options())
    assert "sample_id" in failing([write(tmp_path / "a.jsonl", [{"model_id": "m"}])], Options())
    assert failing([write(tmp_path / "a.jsonl", [])], Options())
    assert failing([write(tmp_path / "a.jsonl", [row(), [1], 3, None])], Options())
    assert failing([write(tmp_path / "a.jsonl", [row(evaluation=[1])])], Options())
    packed = write(tmp_path / "a.jsonl.gz", [row(f"q{i}") for i in range(500)])
    packed.write_bytes(packed.read_bytes()[:-200])
    assert "cut off" in failing([packed], Options())


def test_odd_types_and_hostile_names(tmp_path: Path) -> None:
    rows = [
        row("=1+1\n\x1b[0m" + "y" * 9999, model_id="m\nn\u202e"),
        row(5, metadata=[1], input="x", evaluation_id=None, schema_version=3, error=0),  # type: ignore[arg-type]
        row("q", 10**400, score=10**400),
        row("r", {"a": 1}),
    ]
    trials = read([write(tmp_path / "a.jsonl", rows)], Options(metric="is_correct"))
    assert len(trials.frame) == 2
    for name in ("model", "item"):
        assert all(len(text) <= 200 and text.isprintable() for text in trials.frame[name])


def test_from_files_to_answers(tmp_path: Path) -> None:
    for code in ("en", "de"):
        rows = [
            row(f"q{i}", i % 2 == 0, f"mgsm_direct_{code}", input={"reference": [str(i % 9)]})
            for i in range(30)
        ]
        write(tmp_path / code / "x_samples.jsonl", rows)
    imported = import_logs("eee", tmp_path)
    assert len(imported.frame) == 60
    assert "agree with en in all" in str(imported.report)


def test_many_rows_stay_small_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, (row(f"q{i // 2}", about={"pad": "x" * 2000}) for i in range(10_000)))
    tracemalloc.start()
    assert read([path], Options()).frame["n_trials"].sum() == 10_000
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()
