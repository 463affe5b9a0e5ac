"""Long tables of any program, in all forms, and their traps."""

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import make_logs
import pandas as pd
import pytest
from make_logs import counts, lm_eval_rows, sheet, table, write_lines

from hatlib.logs import import_logs

read, refused = partial(make_logs.read, "long"), partial(make_logs.refused, "long")
load = partial(import_logs, "long")
QUIZ = {"model": "m", "benchmark": "quiz"}
DE = {"model": "m", "benchmark": "b", "language": "de"}
ROW = {"Model Name": "m", "dataset": "riddles", "lang": "en", "question_id": 1, "is_correct": True}
ROWS = [ROW, ROW | {"lang": "German", "is_correct": False}, ROW | {"lang": "de", "question_id": 2}]
FORMS = ["csv", "csv.gz", "tsv", "tsv.gz", "parquet", "json", "jsonl", "jsonl.gz"]
WORDS = ["1", "True", "yes", "1.0", "correct", "0", "FALSE", "No", "0.0", "wrong", "NaN", ""]
TWO, NAMED = {"item": [1, 2]}, {"id": [1], "name": ["q"], "ok": [1]}
FIVE = {"item": [1], "n_trials": [5]}


def quiz(**more: Any) -> list[dict[str, Any]]:
    """Six items in two languages; `more` is in every row."""
    pairs = [(i, k, code) for k, code in enumerate(("en", "de")) for i in range(6)]
    return [{"item": i, "language": code, "correct": (i + k) % 2} | more for i, k, code in pairs]


@pytest.mark.parametrize("end", FORMS)
def test_forms_of_tables(tmp_path, end):
    trials = read(table(tmp_path / f"a.{end}", ROWS))
    assert counts(trials) == [["de", "1", 0, 1], ["de", "2", 1, 1], ["en", "1", 1, 1]]
    assert set(trials.frame["model"]) == {"m"} and set(trials.frame["benchmark"]) == {"riddles"}
    assert "item: column question_id." in trials.report.chosen and len(read(tmp_path).frame) == 3


def test_a_spreadsheet_is_a_table(tmp_path, monkeypatch):
    path = sheet(tmp_path / "a.xlsx", [["item", "language", "correct"], *map(dict.values, quiz())])
    assert load(path, **QUIZ).frame["n_correct"].sum() == 6
    path.write_bytes(path.read_bytes()[:900])
    assert "damaged" in refused(path, **QUIZ)
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    assert "python -m pip install python-calamine" in refused(path, **QUIZ)


UNDER = {"model": "m", "config": {"temperature": 1}, "accuracy": 0.5, "results": quiz()}
COLUMNS = {"item": {"0": 1, "1": 2}, "language": {"0": "en", "1": "de"}}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        *[(quiz(), ""), ({"data": quiz()}, ""), (UNDER, "")],
        (COLUMNS, "one JSON object, not rows. Write one object a row"),
        ({"en": quiz(), "de": quiz()}, "one JSON object, not rows"),
        ({"0": {"origin_prompt": "?", "prediction": "A"}}, "hat import opencompass"),
        ({"eval": {}, "samples": [{}]}, "hat import inspect"),
        ([{"instance_id": "a", "stats": []}], "hat import helm"),
        (lm_eval_rows([1, 0], ["1", "2"]), "hat import lm-eval"),
        ([{"euroeval_version": "1", "dataset": "d"}], "have no items"),
        ({"model": "m", "score": 1}, "nothing says the item"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_json_of_other_shapes(tmp_path, value, told, indent):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value, indent=indent))
    if told:
        said = refused(path, **QUIZ)
        assert told in said and (len(said.splitlines()) == 1 or "nothing" in told)
        return
    assert len(load(path, **QUIZ).frame) == 12
    path.write_text(json.dumps(value, indent=indent)[:-40])
    assert refused(path, **QUIZ)


def test_what_stands_beside_the_rows_of_an_object_holds_for_them(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(UNDER))
    assert set(load(path, benchmark="quiz").frame["model"]) == {"m"}
    other = UNDER | {"config": {"temperature": 0}, "results": quiz(language="fr")}
    (tmp_path / "b.json").write_text(json.dumps(other))
    assert "temperature=0 (fr)" in refused(tmp_path, benchmark="quiz")
    (tmp_path / "b.json").write_text("\n".join(json.dumps(r, indent=1) for r in quiz()))
    assert "Write one object a line" in refused(tmp_path / "b.json", **QUIZ)


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.json"])
def test_fields_within_fields(tmp_path, name):
    rows = [
        {"doc": {"id": r["item"], "meta": {"lang": r["language"], "kind": "x"}}}
        | {"metric": {"acc": float(r["correct"])}}
        for r in quiz()
    ]
    columns = {"item": "doc.id", "language": "doc.meta.lang", "correct": "metric.acc"}
    path = table(tmp_path / name, rows)
    frame = load(path, **QUIZ, columns=columns, stratum="doc.meta.kind").frame
    assert len(frame) == 12 and set(frame["stratum"]) == {"x"} and set(frame["n_trials"]) == {1}


def test_a_row_that_holds_others_is_one_row_and_a_name_is_one_name(tmp_path):
    row = {"item": "e\u0301", "correct": 1, "data": [{"correct": 0}, {"correct": 0}]}
    for name in ("a.jsonl", "a.json"):
        assert counts(read(write_lines(tmp_path / name, [row]), **DE)) == [["de", "é", 1, 1]]


@pytest.mark.parametrize(
    ("rows", "options", "right", "told"),
    [
        ({"item": range(12), "correct": WORDS}, {}, [1] * 5 + [0] * 5, "2 answers without a value"),
        ({"item": [1, 1, 2], "correct": [1, 0, 1]}, {}, [1, 1], "1 item with several rows: taken"),
        ({"item": [1, 1], "epoch": [1, 1], "correct": [1, 1]}, {}, [1], "1 row that repeat a"),
        (TWO | {"n_correct": [3, 0], "n_trials": [5, 5]}, {}, [3, 0], ""),
        (TWO | {"n_correct": [2, 0], "repeats": [3, 3]}, {}, [2, 0], ""),
        (TWO | {"score": [0.2, 0.8]}, {"threshold": 0.5}, [0, 1], "right from 0.5 on"),
        (TWO | {"score": [0, 1]}, {"threshold": 5}, [0, 1], "the threshold is not used"),
        (NAMED, {"metric": "ok"}, [1], "item: column id."),
        (NAMED, {"columns": {"item": "name"}, "metric": "ok"}, [1], ""),
    ],
)
def test_what_says_that_an_answer_is_right(tmp_path, rows, options, right, told):
    trials = read(table(tmp_path / "a.csv", rows), **DE, **options)
    assert trials.frame["n_correct"].tolist() == right and told in str(trials.report)


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        ({"id": [1, 2, 3], "score": [0.2, 0.8, 1]}, {}, "correct (0.2 to 1)"),
        ({"id": [1, 2], "score": [0.2, 1], "n_trials": [5, 5]}, {}, "write n_correct and n_trials"),
        ({"x": [1]}, {}, "the item of a row. Name the column with --column item=THEIRS. The"),
        ({"x": [1]}, {}, "nothing says the correct of a row"),
        ({"item": [1, 2], "correct": [1, "maybe"]}, {}, "line 3, column correct"),
        ({"item": ["", "1"], "correct": [1, 1]}, {}, "line 2, column item"),
        (TWO | {"correct": 1, "lang": ["en", "Klingonese"]}, {}, "--language-code Klingonese=CODE"),
        ({"item": [1], "exact_match": [1], "acc": [0]}, {}, "--metric"),
        ({"item": [1], "correct": [1]}, {"columns": {"thing": "name"}}, "source_language"),
        ({"item": [1], "correct": [1]}, {"columns": {"item": "q"}}, "The columns are item"),
        ({"item": [1, 1], "epoch": [1, 1], "correct": [1, 0]}, {}, "two results"),
        *[(FIVE | {"n_correct": [n]}, {}, "whole number") for n in (6, -1, 0.5)],
        ({"item": [1], "n_correct": [1]}, {}, "n_trials"),
        ({"question_id": [1], "en": [1], "de": [0]}, {}, "must be made long first"),
        ({"item": range(30), "pred": "is B", "gold": "B"}, {"gold": "gold"}, "'is B' is not 'B'"),
        (TWO | {"pred": '["A", "B"]', "gold": "A"}, {"gold": "gold"}, "pandas: explode"),
        (TWO | {"pred": "A", "gold": ["A", ""]}, {"gold": "gold"}, "no right answer"),
        (TWO | {"prediction": "A", "answer": "A"}, {}, "--column prediction=THEIRS --gold THEIRS"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path, rows, options, told):
    given = DE | ({"language": ""} if "lang" in rows else {})
    assert told in refused(table(tmp_path / "a.csv", rows), **given, **options)


def test_predictions_are_compared_with_the_right_answers(tmp_path):
    pairs = [("1,080", "1080.0"), ("(b)", "B"), ("«Paris».", ["Lutetia", "paris"])]
    pairs += [("", "3"), ("[invalid]", "4"), ("7", "8")]
    rows = [
        {"item": i, "language": code, "prediction": p, "answer": g}
        for code in ("en", "de")
        for i, (p, g) in enumerate(pairs)
    ]
    imported = load(write_lines(tmp_path / "a.jsonl", rows), **QUIZ, gold="answer")
    assert imported.frame["n_correct"].tolist() == [1, 1, 1, 0, 0, 0] * 2
    assert imported.frame["n_parsed"].tolist() == [1, 1, 1, 0, 0, 1] * 2
    assert "33.3%" in str(imported.report) and "without case" in str(imported.report)


def test_what_a_table_may_say_of_its_items(tmp_path):
    more = {"passage": list("aab"), "source_language": ["en", "en", "Swahili"]}
    more["target"] = ["Two and two. #### 4", "4", "B"]
    frame = pd.DataFrame(ROWS).assign(**more)
    found = read(table(tmp_path / "a.csv", frame)).frame
    assert found["source_language"].tolist() == ["en", "en", "sw"]
    assert found["cluster"].tolist() == ["a", "a", "b"] and found["key"].tolist() == ["4", "4", "B"]
    table(tmp_path / "copy.csv", frame)
    trials = read(tmp_path, columns={"key": ""})
    assert set(trials.frame["key"]) == {""} and trials.frame["n_trials"].sum() == 3
    assert "a copy of" in trials.report.dropped[-1]


def test_the_name_of_the_file(tmp_path):
    for code in ("dan", "eng"):
        rows = [{"name": 7, "task_duration": 0.5, "correct": code == "eng"}]
        table(tmp_path / f"m-sums_{code}_Invented-8B_v1.csv", rows)
    given = {"benchmark": "sums", "columns": {"item": "name"}}
    trials = read(tmp_path, **given, language_from=r"_(?P<language>...)_(?P<model>.+)_v")
    assert counts(trials) == [["da", "7", 0, 1], ["en", "7", 1, 1]]
    assert set(trials.frame["model"]) == {"Invented-8B"}
    assert "not a language code" in refused(tmp_path, **given, language_from="_(v1)", model="m")
    assert "not a regular expression" in refused(tmp_path, language_from="(")


@pytest.mark.parametrize("named", [False, True])
def test_a_folder_a_language_and_a_file_a_model(tmp_path, named):
    for code in ("en", "de"):
        for model in ("alpha", "beta"):
            rows = [{"uuid": 500 + i, "id": i, "res": "A", "ok": i % 2 == 0} for i in range(4)]
            write_lines(tmp_path / "in" / code / f"{model}.jsonl", rows)
    options = {"columns": {"item": "uuid", "correct": "ok"}, "benchmark": "b"}
    options["language_from"] = r"(?P<language>[a-z]+)/(?P<model>\w+)$"
    paths: Any = sorted((tmp_path / "in").rglob("*.jsonl")) if named else tmp_path / "in"
    for given in (paths, sorted((tmp_path / "in").iterdir())):
        frame = load(given, **options).frame
        assert set(frame["model"]) == {"alpha", "beta"} and set(frame["language"]) == {"en", "de"}
    assert len(frame) == 16 and set(frame["n_trials"]) == {1}
    said = refused(tmp_path / "in", **(options | {"language_from": r"x(?P<language>..)x"}))
    assert "--language-from finds nothing in de/alpha" in said


def test_what_systems_put_beside_files_is_not_read(tmp_path):
    rows = [{"item": i, "correct": 1} for i in range(4)]
    for name in ("de.jsonl", ".ipynb_checkpoints/de-checkpoint.jsonl", "__MACOSX/._de.jsonl"):
        write_lines(tmp_path / "logs" / name, rows)
    (tmp_path / "logs" / "~$a.xlsx").write_bytes(b"\0")
    shutil.make_archive(str(tmp_path / "logs"), "zip", tmp_path / "logs")
    for path in (tmp_path / "logs", tmp_path / "logs.zip"):
        assert counts(read(path, **DE)) == [["de", str(i), 1, 1] for i in range(4)]


def test_a_column_of_tasks(tmp_path):
    tasks = ["mgsm_direct_de", "mmlu_prox_lite_de_law"]
    rows = {"task": tasks, "item": [1, 1], "correct": [1, 0], "model": "m"}
    trials = read(table(tmp_path / "a.csv", rows))
    assert trials.frame["benchmark"].tolist() == ["mgsm", "mmlu-prox-lite"]
    assert counts(trials) == [["de", "1", 1, 1], ["de", "law/1", 0, 1]]
    other = table(tmp_path / "a.csv", rows | {"task": ["hellaswag", "riddles fr"]})
    assert "hellaswag" in refused(other)
    # Names of benchmarks are not read as tasks; a task beside them still says the subject.
    frame = load(write_lines(tmp_path / "b.jsonl", quiz(benchmark="copa", model="m"))).frame
    assert set(frame["benchmark"]) == {"copa"}
    rows = [
        row | {"task": f"mmlu_prox_{row['language']}_{subject}"}
        for subject in ("law", "math")
        for row in quiz(benchmark="b", model="m")
    ]
    frame = load(write_lines(tmp_path / "b.jsonl", rows)).frame
    assert frame["item"].nunique() == 12 and set(frame["n_trials"]) == {1}
    assert set(frame["benchmark"]) == {"b"}


def test_one_name_for_several_languages_models_or_benchmarks_is_refused(tmp_path):
    rows = quiz(benchmark="b", model="m") + quiz(benchmark="c", model="n")
    path = write_lines(tmp_path / "a.jsonl", rows)
    assert "2 models" in refused(path, model="mine")
    assert "2 benchmarks" in refused(path, benchmark="mine")
    for code in ("en", "de"):  # files of equal bytes are two languages if their names are
        write_lines(tmp_path / "same" / f"q_{code}.jsonl", [{"item": 1, "correct": 1}])
    found = load(tmp_path / "same", **QUIZ, language_from="q_(?P<language>..)")
    assert found.frame["language"].tolist() == ["de", "en"]
    task = {"task": "", "language": "de", "item": 1, "correct": 1, "model": "m"}
    said = refused(write_lines(tmp_path / "a.jsonl", [task]))
    assert "a.jsonl: " in said and "the name of the benchmark. Name it with --benchmark" in said


def test_languages_as_logs_spell_them(tmp_path):
    def spelt(*codes: str, **more: Any) -> Path:
        names = dict(zip(("en", "de"), codes, strict=True))
        rows = [row | {"language": names[row["language"]]} for row in quiz(**more)]
        return write_lines(tmp_path / "a.jsonl", rows)

    assert "--language-code jp=ja" in refused(spelt("en", "jp"), **QUIZ)
    frame = load(spelt("en", "jp"), **QUIZ, language_codes={"jp": "ja"}).frame
    assert set(frame["language"]) == {"en", "ja"}
    for word in ("all", "unk"):
        rows = [*quiz(), {"item": 1, "language": word, "correct": 1}]
        imported = load(write_lines(tmp_path / "b.jsonl", rows), **QUIZ)
        assert set(imported.frame["language"]) == {"en", "de"}
        assert "1 row: this stands for several languages or none" in str(imported.report)
    lines = [spelt("en", code, model=code).read_text() for code in ("zh", "zh-CN")]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    told = str(load(tmp_path / "a.jsonl", benchmark="quiz").report)
    assert "read as one language, zh" in told
    (tmp_path / "a.jsonl").write_text("".join(lines).replace('"model": "zh-CN"', '"model": "zh"'))
    assert "several spellings of zh" in refused(tmp_path / "a.jsonl", benchmark="quiz")
