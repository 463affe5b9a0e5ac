"""Long tables of any program, and their traps."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hatlib.errors import InputError
from hatlib.logs import Trials, read_trials
from hatlib.logs.common import Options

ROWS = pd.DataFrame(
    {
        "Model Name": ["m", "m", "m"],
        "dataset": ["riddles"] * 3,
        "lang": ["en", "German", "de"],
        "question_id": [1, 1, 2],
        "is_correct": [True, False, True],
    }
)
OPTIONS = Options(model="m", benchmark="riddles", language="de")


def read(paths: list[Path], options: Options) -> Trials:
    return read_trials("long", paths, options)


def counts(trials: Trials) -> list[list[Any]]:
    return trials.frame[["language", "item", "n_correct", "n_trials"]].to_numpy().tolist()


def failing(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(*args, **kwargs)
    return str(caught.value)


def table(path: Path, frame: pd.DataFrame) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith(".jsonl"):
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
    return path


@pytest.mark.parametrize(
    "name", ["a.csv", "a.csv.gz", "a.tsv", "a.tsv.gz", "a.parquet", "a.jsonl", "a.jsonl.gz"]
)
def test_formats(tmp_path: Path, name: str) -> None:
    trials = read([table(tmp_path / name, ROWS)], Options())
    assert counts(trials) == [["en", "1", 1, 1], ["de", "1", 0, 1], ["de", "2", 1, 1]]
    assert set(trials.frame["model"]) == {"m"}
    assert set(trials.frame["benchmark"]) == {"riddles"}
    assert "item: column question_id." in trials.notes.chosen
    assert len(read([tmp_path], Options()).frame) == 3


WORDS = ["1", "True", "yes", "1.0", "correct", "0", "FALSE", "No", "0.0", "wrong", "NaN", ""]
TWO = {"item": [1, 2]}


@pytest.mark.parametrize(
    ("frame", "options", "right", "told"),
    [
        ({"item": range(12), "correct": WORDS}, {}, [1] * 5 + [0] * 5, "2 answers without a value"),
        ({"item": [1, 1, 2], "correct": [1, 0, 1]}, {}, [1, 1], "1 item with several rows: taken"),
        ({"item": [1, 1], "epoch": [1, 1], "correct": [1, 1]}, {}, [1], "1 row that repeat a"),
        (TWO | {"n_correct": [3, 0], "n_trials": [5, 5]}, {}, [3, 0], ""),
        (TWO | {"score": [0.2, 0.8]}, {"threshold": 0.5}, [0, 1], "right from 0.5 on"),
        (TWO | {"score": [0, 1]}, {"threshold": 5}, [0, 1], "the threshold is not used"),
        ({"id": [1], "name": ["q"], "ok": [1]}, {"metric": "ok"}, [1], "item: column id."),
        (
            {"id": [1], "name": ["q"], "ok": [1]},
            {"columns": {"item": "name"}, "metric": "ok"},
            [1],
            "",
        ),
    ],
)
def test_what_says_that_an_answer_is_right(tmp_path, frame, options, right, told) -> None:
    given = {"model": "m", "benchmark": "b", "language": "de"}
    path = table(tmp_path / "a.csv", pd.DataFrame(frame))
    trials = read([path], Options(**given, **options))
    assert trials.frame["n_correct"].tolist() == right
    assert told in str(trials.notes)


@pytest.mark.parametrize(
    ("frame", "options", "told"),
    [
        ({"id": [1, 2, 3], "score": [0.2, 0.8, 1]}, {}, "correct (0.2 to 1)"),
        ({"x": [1]}, {}, "the item of a row. Name the column with --column item=THEIRS. The"),
        ({"x": [1]}, {}, "nothing says the correct of a row"),
        ({"item": [1, 2], "correct": [1, "maybe"]}, {}, "line 3, column correct"),
        ({"item": ["", "1"], "correct": [1, 1]}, {}, "line 2, column item"),
        ({"item": [1, 2], "correct": [1, 1], "lang": ["en", "Klingonese"]}, {}, "Klingonese"),
        ({"item": [1], "exact_match": [1], "acc": [0]}, {}, "--metric"),
        ({"item": [1], "correct": [1]}, {"columns": {"thing": "name"}}, "source_language"),
        ({"item": [1], "correct": [1]}, {"columns": {"item": "q"}}, "The columns are item"),
        ({"item": [1, 1], "epoch": [1, 1], "correct": [1, 0]}, {}, "two results"),
        ({"item": [1], "n_correct": [6], "n_trials": [5]}, {}, "whole number"),
        ({"item": [1], "n_correct": [-1], "n_trials": [5]}, {}, "whole number"),
        ({"item": [1], "n_correct": [0.5], "n_trials": [5]}, {}, "whole number"),
        ({"item": [1], "n_correct": [1]}, {}, "n_trials"),
        ({"question_id": [1], "en": [1], "de": [0]}, {}, "must be made long first"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, frame: dict[str, Any], options: dict[str, Any], told: str
) -> None:
    language = {} if "lang" in frame else {"language": "de"}
    given = Options(model="m", benchmark="b", **language, **options)
    assert told in failing([table(tmp_path / "a.csv", pd.DataFrame(frame))], given)


def test_what_a_table_may_say_of_its_items(tmp_path: Path) -> None:
    more = {"source_language": ["en", "en", "Swahili"], "passage": ["a", "a", "b"]}
    frame = ROWS.assign(**more, target=["Two and two. #### 4", "4", "B"])
    path = table(tmp_path / "a.csv", frame)
    found = read([path], Options()).frame
    assert found["source_language"].tolist() == ["en", "en", "sw"]
    assert found["cluster"].tolist() == ["a", "a", "b"] and found["key"].tolist() == ["4", "4", "B"]
    table(tmp_path / "copy.csv", frame)
    trials = read([tmp_path], Options(columns={"key": ""}))
    assert set(trials.frame["key"]) == {""} and trials.frame["n_trials"].sum() == 3
    assert "a copy of" in trials.notes.dropped[-1]


def test_the_name_of_the_file(tmp_path: Path) -> None:
    for code in ("dan", "eng"):
        frame = pd.DataFrame({"name": [7], "task_duration": [0.5], "correct": [code == "eng"]})
        table(tmp_path / f"m-sums_{code}_Invented-8B_v1.csv", frame)
    options = Options(
        benchmark="sums",
        columns={"item": "name"},
        language_from=r"_(?P<language>...)_(?P<model>.+)_v",
    )
    trials = read([tmp_path], options)
    assert counts(trials) == [["da", "7", 0, 1], ["en", "7", 1, 1]]
    assert set(trials.frame["model"]) == {"Invented-8B"}
    bad = Options(benchmark="sums", columns={"item": "name"}, language_from="_(v1)", model="m")
    assert "not a language code" in failing([tmp_path], bad)
    assert "not a regular expression" in failing([tmp_path], Options(language_from="("))


def test_a_column_of_tasks(tmp_path: Path) -> None:
    tasks = ["mgsm_direct_de", "mmlu_prox_lite_de_law"]
    frame = pd.DataFrame({"task": tasks, "item": [1, 1], "correct": [1, 0], "model": "m"})
    trials = read([table(tmp_path / "a.csv", frame)], Options())
    assert trials.frame["benchmark"].tolist() == ["mgsm", "mmlu-prox-lite"]
    assert counts(trials) == [["de", "1", 1, 1], ["de", "law/1", 0, 1]]
    other = table(tmp_path / "a.csv", frame.assign(task=["hellaswag", "riddles fr"]))
    assert "hellaswag" in failing([other], Options())


# Hostile files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"item,correct\n",
        b"item,item\n1,1\n",
        b"\xff\xfei\0",
        b"item,correct\n\xff,1\n",
        b"item,correct\n1,\0\n",
        b'item,correct\n"1,1\n',
        b"item,correct\n1,1,1\n" * 100,
        b"PK\x03\x04rest",
        b"BZh91AYrest",
        b"<!DOCTYPE html><html>item,correct",
        b"PAR1",
        b"PAR1" + b"\0" * 100 + b"PAR1",
        b"\x28\xb5\x2f\xfdrest",
        b"\x1f\x8b\x08rest",
        gzip.compress(b"item,correct\n" + b"1,1\n" * 9999, mtime=0)[:-40],
        b'{"item": "\\ud800", "correct": 1, "\\ud800": 2}',
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_files_that_are_no_tables(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert failing([path], OPTIONS)


# To the end ---------------------------------------------------------------------------------
