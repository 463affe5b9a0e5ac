"""One door for tables: every form gives the same rows, and what is no table is said."""

import gzip
import json

import pandas as pd
import pyarrow as arrow
import pytest
from small import refused, write

import hatlib
from hatlib.data.files import columns_of, read_table

ROWS = [
    {"model": "a", "language": code, "item": f"q{i}", "n_correct": i % 3, "n_trials": 2}
    for code in ("en", "de")
    for i in range(2)
]
FRAME = pd.DataFrame(ROWS)
CSV = FRAME.to_csv(index=False)
LINES = "\n".join(map(json.dumps, ROWS)) + "\n"


def zst(text: str) -> bytes:
    return arrow.compress(text.encode(), "zstd", asbytes=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *[("a.csv", CSV), ("a.txt", CSV.replace(",", ";")), ("a.tsv", CSV.replace(",", "\t"))],
        *[("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)), ("a.csv.zst", zst(CSV))],
        *[("a.jsonl", LINES), ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0))],
        *[("a.ndjson", LINES.replace("\n", "\n\n")), ("a.json", json.dumps(ROWS, indent=1))],
        ("a.json.zst", zst(json.dumps(ROWS))),
    ],
)
def test_every_form_gives_the_same_rows(tmp_path, name, content):
    path = write(tmp_path, content, name)
    frame, place = read_table(path)
    pd.testing.assert_frame_equal(frame, FRAME.astype(str), check_dtype=False)
    assert (place.file, columns_of(path)) == (name, list(FRAME))
    assert len(hatlib.load_responses(path).frame) == 4


def test_parquet_alone_and_in_parts_is_a_table(tmp_path):
    folder = tmp_path / "spark"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    FRAME[:2].to_parquet(folder / "part-00000.parquet")
    FRAME[2:].to_parquet(folder / "part-00001.parquet")
    FRAME.to_parquet(tmp_path / "one.parquet", index=False)
    for path in (folder, tmp_path / "one.parquet"):
        pd.testing.assert_frame_equal(read_table(path)[0], FRAME.astype(str), check_dtype=False)
    assert hatlib.load_responses(folder).benchmarks["benchmark"].tolist() == ["spark"]


def test_lines_of_the_file_are_named_and_a_blank_line_is_no_row(tmp_path):
    text = "\n\n" + "\n".join(map(json.dumps, [*ROWS[:3], ROWS[3] | {"n_correct": 5}]))
    (found,) = refused(hatlib.load_responses, write(tmp_path, text, "a.jsonl"))
    assert found.startswith("a.jsonl, line 6: the row has more correct")
    assert len(read_table(write(tmp_path, CSV + " \t \n\n", "a.csv"))[0]) == 4


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.jsonl", '{"doc_id": 1, "resps": [[""]], "acc": 1}\n', "hat import lm-eval a.jsonl"),
        ("a.parquet", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.json", '[{"model": "a"}', "not one JSON array of objects to its end"),
        ("a.json", '{"model": ', "not JSON"),
        ("a.csv", "model,,language\na,b,c\n", "column 2 has no name"),
    ],
)
def test_what_is_no_table_of_answers_is_told_what_it_is(tmp_path, name, text, message):
    assert message in refused(hatlib.load_responses, write(tmp_path, text, name))[0]


def answers(*codes: str) -> str:
    rows = [f"a,{code},{i},1,2" for code in codes for i in range(3)]
    return "\n".join(["model,language,item,n_correct,n_trials", *rows]) + "\n"


def test_rows_that_sum_languages_up_and_codes_of_countries_are_asked_about(tmp_path):
    found = refused(hatlib.load_responses, write(tmp_path, answers("en", "de", "all", "kr", "jp")))
    assert len(found) == 3, "one for each word, not for each row"
    assert "line 8, column language: this stands for several languages" in found[0]
    assert "here and in 2 more rows" in found[0]
    assert "Write ko if that is meant, or kau." in found[1]
    assert "Write ja if that is meant." in found[2]
    text = "model,en,de,jp,all\na,0.8,0.7,0.6,0.7\n"
    assert "Write ja" in refused(hatlib.load, write(tmp_path, text, "wide.csv"))[0]


def test_one_language_spelt_twice_is_one_language(tmp_path):
    (tmp_path / "a.csv").write_text(answers("en", "zh", "zh-CN", "zh_Hans", "zh-TW", "pt", "pt-BR"))
    found = refused(hatlib.load_responses, tmp_path / "a.csv")
    assert len(found) == 2
    assert "zh, zh-CN, zh_Hans are one language, zh, with more than one row" in found[0]
    loaded = hatlib.load_responses(write(tmp_path, answers("en", "zh_CN", "zh-TW", "German")))
    assert sorted(loaded.languages["language"]) == ["de", "en", "zh", "zh-Hant"]
    assert any("German as de" in line for line in loaded.report.assumed)
