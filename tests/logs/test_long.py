"""Long tables of any program, and their traps."""

from __future__ import annotations

import csv
import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hatlib.data import door
from hatlib.errors import InputError
from hatlib.logs import Trials, import_logs, read_trials
from hatlib.logs.common import Options
from hatlib.logs.long import SYNONYMS

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


def test_words_for_right_wrong_and_missing(tmp_path: Path) -> None:
    words = ["1", "True", "yes", "1.0", "correct", "0", "FALSE", "No", "0.0", "wrong", "NaN", ""]
    path = table(tmp_path / "a.csv", pd.DataFrame({"item": range(12), "correct": words}))
    trials = read([path], OPTIONS)
    assert trials.frame["n_correct"].tolist() == [1] * 5 + [0] * 5
    assert "2 answers without a value of correct." in trials.notes.dropped[0]


@pytest.mark.parametrize(
    ("frame", "options", "told"),
    [
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


def test_numbers_need_a_threshold(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", pd.DataFrame({"id": [1, 2, 3], "score": [0.2, 0.8, 1]}))
    assert "correct (0.2 to 1)" in failing([path], OPTIONS)
    trials = read([path], Options(model="m", benchmark="b", language="de", threshold=0.5))
    assert trials.frame["n_correct"].tolist() == [0, 1, 1]
    assert "b: column correct, right from 0.5 on." in trials.notes.chosen
    whole = table(tmp_path / "a.csv", pd.DataFrame({"id": [1, 2], "score": [0, 1]}))
    trials = read([whole], Options(model="m", benchmark="b", language="de", threshold=5))
    assert trials.frame["n_correct"].tolist() == [0, 1]
    assert "not used" in trials.notes.chosen[-1]


def test_everything_that_is_missing_is_listed_at_once(tmp_path: Path) -> None:
    said = failing([table(tmp_path / "a.csv", pd.DataFrame({"x": [1], "y": ["z"]}))], Options())
    for name in ("model", "benchmark", "language", "item", "correct"):
        assert name in said
    assert "The columns are x, y." in said


def test_columns_of_the_user(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", pd.DataFrame({"id": [1], "name": ["q"], "ok": [1]}))
    given = {"model": "m", "benchmark": "b", "language": "de"}
    trials = read([path], Options(**given, columns={"item": "name", "correct": "ok"}))
    assert counts(trials) == [["de", "q", 1, 1]]
    assert read([path], Options(**given, metric="ok")).frame["item"].tolist() == ["1"]


@pytest.mark.parametrize(
    ("frame", "found", "told"),
    [
        (
            {"item": [1, 1, 2], "correct": [1, 0, 1]},
            [["de", "1", 1, 2], ["de", "2", 1, 1]],
            "1 item with several rows: taken for repeats.",
        ),
        (
            {"item": [1, 1, 1], "epoch": [1, 1, 2], "correct": [1, 1, 0]},
            [["de", "1", 1, 2]],
            "a.csv: 1 row that repeat a trial.",
        ),
        (
            {"item": [1, 2], "n_correct": [3, 0], "n_trials": [5, 5]},
            [["de", "1", 3, 5], ["de", "2", 0, 5]],
            "",
        ),
    ],
)
def test_repeats_trials_and_counts(
    tmp_path: Path, frame: dict[str, Any], found: list[Any], told: str
) -> None:
    trials = read([table(tmp_path / "a.csv", pd.DataFrame(frame))], OPTIONS)
    assert counts(trials) == found
    assert told in " ".join(trials.notes.assumed + trials.notes.dropped)


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


def test_long_texts_with_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["item", "output", "correct"])
        writer.writerow(["1", 'a "quoted"\n\ntext, ' * 20_000, "1"])
        writer.writerow(["2", "", "0"])
    before = csv.field_size_limit()
    assert counts(read([path], OPTIONS)) == [["de", "1", 1, 1], ["de", "2", 0, 1]]
    assert csv.field_size_limit() == before


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


def test_long_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"item,correct\n" + b"1" * 5_000_000 + b",1\n", mtime=0))
    monkeypatch.setattr(door, "MAX_LINE", 1_000_000)
    tracemalloc.start()
    assert "longer than" in failing([path], OPTIONS)
    assert tracemalloc.get_traced_memory()[1] < 12_000_000
    tracemalloc.stop()


def test_hostile_names(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "item": ["=cmd|x!A1", "../../x", "a\nb\x1b[31m", "y" * 5000 + "1", "y" * 5000 + "2"],
            "correct": [1, 0, 1, 0, 1],
            "model": ["<script>\u202e", "@m", "m", "m", "m"],
        }
    )
    given = Options(benchmark="riddles", language="de")
    for name in ("a.csv", "a.parquet", "a.jsonl"):
        trials = read([table(tmp_path / name, frame)], given)
        assert trials.frame["item"].nunique() == 5
        for column in ("item", "model"):
            texts = trials.frame[column]
            assert all(len(text) <= 200 and text.isprintable() for text in texts)


# To the end ---------------------------------------------------------------------------------


def test_from_tables_to_answers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.MultiIndex.from_product(
        [["m/one", "m/two"], ["en", "de"], range(40), range(3)],
        names=["model", "language", "item", "trial"],
    ).to_frame(index=False)
    frame = frame.assign(correct=rng.integers(0, 2, len(frame)), key=frame["item"] % 7)
    path = table(tmp_path / "a.parquet", frame)
    imported = import_logs("long", path, benchmark="riddles")
    assert imported.frame["n_trials"].tolist() == [3] * 160
    assert imported.frame["n_correct"].sum() == frame["correct"].sum()
    assert "agree with en in 100.0% (de) of 40" in str(imported.report)


def test_synonyms_name_one_column_each() -> None:
    names = [name for synonyms in SYNONYMS.values() for name in synonyms]
    assert len(names) == len(set(names))
    assert all(ours == theirs[0] for ours, theirs in SYNONYMS.items())


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_many_rows_stay_small_in_memory(tmp_path: Path, name: str) -> None:
    n = 20_000
    frame = pd.DataFrame(
        {"item": np.arange(n) % 500, "output": "x" * 1000, "correct": 1, "model": "m"}
    )
    path = table(tmp_path / name, frame)
    del frame
    tracemalloc.start()
    trials = read([path], Options(benchmark="b", language="de"))
    assert tracemalloc.get_traced_memory()[1] < 90_000_000
    tracemalloc.stop()
    assert trials.frame["n_trials"].sum() == n
