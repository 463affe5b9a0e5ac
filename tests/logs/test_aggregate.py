"""Raw trials added up: as pandas and `load_responses` do, from any file, shard by shard."""

import gzip
import json
import re
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_logs import table
from typer.testing import CliRunner

import hatlib
from hatlib import cli
from hatlib.data.door import Door, sniff
from hatlib.data.responses import COLUMNS
from hatlib.errors import InputError
from hatlib.logs.aggregate import aggregate_trials
from hatlib.metric.sufficient import tabulate

KEYS = [c for c in COLUMNS if c not in ("n_correct", "n_trials")]
HOSTILE = ["'; DROP TABLE raw; --", '"quoted" "" name', "=HYPERLINK(1)", "a,b;c\td"]
HOSTILE += ["read_csv('/etc/passwd')", "$1 ? {x} %s", "<b>&amp;</b>", "ünï—中文🙂"]
HOSTILE += ["../../etc/passwd", "NULL", "-1e3"]
ENDS = [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet"]
HEADS = {".jsonl": '{"model":"m","language":"en","item":1,"correct":1}'}
HEADS |= {".csv": "model,language,item,correct\nm,en,1,1"}


def trials(n: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Trials of three models in four languages, with everything that a trial may have."""
    rng = np.random.default_rng(seed)
    item = rng.integers(40, size=n)
    found = {"benchmark": "quiz", "model": rng.choice(["one", "two", "three"], n)}
    found |= {"language": rng.choice(["en", "de", "sw", "zh-Hant"], n)}
    found |= {"item": [f"q{k:02}" for k in item], "prompting": rng.choice(["a", "b"], n)}
    found |= {"source_language": np.where(item % 2, "en", "de"), "chance_level": 0.25}
    found |= {"cluster": [f"text {k // 4}" for k in item], "correct": rng.integers(2, size=n)}
    return pd.DataFrame(found)


def summed(frame: pd.DataFrame) -> pd.DataFrame:
    """The same by pandas."""
    keys = [key for key in (*KEYS, "chance_level") if key in frame]
    sums = frame.groupby(keys)["correct"].agg(n_correct="sum", n_trials="count").reset_index()
    return ordered(sums.astype({"n_correct": "int64"}))


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    columns = [c for c in (*COLUMNS, "chance_level") if c in frame]
    return frame[columns].sort_values([c for c in KEYS if c in frame], ignore_index=True)


def same(found: pd.DataFrame, expected: pd.DataFrame, **options: bool) -> None:
    pd.testing.assert_frame_equal(ordered(found), ordered(expected), **options)


def refused(*arguments: object, **options: object) -> str:
    with pytest.raises(InputError) as error:
        aggregate_trials(*arguments, **options)  # type: ignore[arg-type]
    return str(error.value)


@pytest.mark.parametrize("end", ENDS)
def test_every_form_gives_what_pandas_and_load_responses_give(tmp_path, end):
    frame = trials()
    path, out = table(tmp_path / f"log{end}", frame), tmp_path / "answers.parquet"
    found = aggregate_trials(path, out=out, benchmark="ignored")
    same(found.frame, summed(frame))
    assert found.frame["n_trials"].sum() == len(frame) and not found.report.dropped
    whole, added = hatlib.load_responses(path), hatlib.load_responses(out)
    same(added.frame, whole.frame)
    pd.testing.assert_frame_equal(added.benchmarks, whole.benchmarks)


def test_many_files_of_all_forms_are_one_log(tmp_path):
    frame = trials()
    for k, end in enumerate(ENDS):
        table(tmp_path / f"part{k}{end}", frame.iloc[k::5])
    (tmp_path / "notes.txt").write_text("not a log")
    (tmp_path / "empty.jsonl").write_text("\n")
    found = aggregate_trials(tmp_path)
    same(found.frame, summed(frame))
    assert "the file is empty" in str(found.report)
    again = aggregate_trials([str(tmp_path / "part*"), str(tmp_path / "part0.jsonl")])
    pd.testing.assert_frame_equal(again.frame, found.frame)
    assert "named twice" in str(again.report)


def test_what_columns_say(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "model,language,item,correct\n m , EN ,1,TRUE\nm,en,1, 0\nm,eng,1,1.0\n"
        "m,deu,1,False\nm,de,1,1e0\n\u00a0m,de,1,01\n"
    )
    found = aggregate_trials(path)
    same(found.frame, hatlib.load_responses(path).frame.assign(source_language=""))
    assert found.frame["n_trials"].tolist() == [3, 3]
    assert "read as one language, en" in str(found.report)
    frame = trials(400).drop(columns="prompting").assign(temperature=np.arange(400) % 2)
    path = table(tmp_path / "log.csv", frame)
    assert "Not told apart by temperature" in str(aggregate_trials(path).report)
    found = aggregate_trials(path, columns={"prompting": "temperature"})
    assert set(found.frame["prompting"]) == {"0", "1"} and "temperature" not in str(found.report)
    row = {"model": "m", "language": "en", "item": 1, "correct": 1}
    rows = [row] * 5000 + [{**row, "prompting": "late"}]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert aggregate_trials(path).frame["prompting"].tolist() == ["", "late"]


def test_types_of_parquet(tmp_path):
    frame = trials(400)[["model", "language", "item", "correct"]]
    for kind in ("int8", "bool", "float32", "str", "Int64", "boolean"):
        theirs = frame.astype({"correct": kind, "model": "category"})
        found = aggregate_trials(table(tmp_path / f"{kind}.parquet", theirs)).frame
        same(found[summed(frame).columns], summed(frame))
    lists = frame.assign(item=[[1]] * len(frame))
    assert "no text or number" in refused(table(tmp_path / "lists.parquet", lists))


def broken_rows() -> list[str]:
    good = {"model": "m", "language": "en", "item": "1", "correct": 1}
    bad = [{"model": None}, {"language": "Klingon"}, {"item": "  "}]
    bad += [{"correct": value} for value in ("perhaps", 2, [1])]
    rows = [good, *(good | each for each in bad), {**good}, good | {"chance_level": 3}]
    del rows[7]["correct"]
    rows += [good | {"source_language": "xx-nothing"}, good | {"language": "de", "correct": 1.0}]
    return [*map(json.dumps, rows), "no json", "[1]", "3", '{"model": "m"', "\xff"]


def test_rows_that_cannot_be_used(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("\n\n" + "\n".join(broken_rows()) + "\n", encoding="latin-1")
    with pytest.raises(InputError) as error:
        aggregate_trials(path)
    found = [(p.what, p.row, p.column) for p in error.value.problems]
    wanted = {"4 rows: a correct that is neither 1 nor 0": (7, 8, 9, 10), "no model": (4,)}
    wanted |= {"not a language code": (5,), "no item": (6,)}
    wanted |= dict.fromkeys(["5 rows: no JSON object", "chance_level"], range(3, 20))
    for what, lines in wanted.items():
        assert any(what in told and row in lines for told, row, _ in found), (what, found)
    found = aggregate_trials(path, drop=True)  # they can be left out, and are counted
    counts = found.frame[["language", "n_correct", "n_trials"]].to_numpy().tolist()
    assert counts == [["de", 1, 1], ["en", 1, 1]]
    assert "2 trials added up to 2 rows." in str(found.report)
    assert "neither 1 nor 0" in str(found.report)
    for row, told in (("", "no row"), ("m,en,1,x\n", "neither")):  # nothing is left
        (tmp_path / "log.csv").write_text(f"model,language,item,correct\n{row}")
        assert told in refused(tmp_path / "log.csv", drop=True)


def test_files_that_break_further_down(tmp_path):
    head, good = b"model,language,item,correct\n", b"m,en,1,1\n" * 50_000
    cut = gzip.compress(head + b"odd name " + good, mtime=0)[:-100]
    content = {
        "short.csv": (head + good + b"m,en,1\n", "3 fields where the header has 4", 50_002),
        "utf8.csv": (head + good + b"\xff,en,1,1\n", "not in UTF-8", 50_002),
        "quote.csv": (head + good + b'm,en,"1,1\n', "quote", 50_002),
        "cut.csv.gz": (cut, "cut off", None),
        "long.csv": (head + good + b"m" * (20 << 20) + b",en,1,1\n", "longer than 16", None),
        "long.jsonl": (b'{"model":"' + b"m" * (20 << 20) + b'"}\n', "longer than 16", None),
    }
    for name, (data, why, line) in content.items():
        (tmp_path / name).write_bytes(data)
        told = refused(tmp_path / name, drop=True)
        assert (why in told or name == "long.jsonl") and "\n" not in told, told
        assert not line or f"line {line}" in told, told


@pytest.mark.parametrize("end", ENDS)
def test_hostile_names_are_names(tmp_path, end):
    columns = ["model", "item", "cluster", "prompting", "benchmark"]
    rows = [dict.fromkeys(columns, m) | {"language": c} for m in HOSTILE for c in ("en", "de")]
    frame = pd.DataFrame(rows).assign(correct=1)
    folder = tmp_path / "it's * [a] 'folder'; --"
    folder.mkdir()
    path = table(folder / f"$(x) 'a' [b] *?{end}", frame)
    out = tmp_path / "o'ut \"x.parquet"
    found = aggregate_trials(path, out=out)
    names = {" ".join(name.split()) for name in HOSTILE}
    assert set(found.frame["model"]) == names == set(found.frame["item"])
    assert found.frame["n_trials"].sum() == len(frame)
    assert len(aggregate_trials(folder).frame) == len(frame)


def test_hostile_columns_are_columns(tmp_path):
    for k, column in enumerate([*HOSTILE[:5], "hat file", "filename", "ok", "raw", "n"]):
        frame = trials(50)[["model", "language", "correct"]].assign(**{column: "x", "b'": "y"})
        path = table(tmp_path / f"log{ENDS[k % 5]}", frame)
        found = aggregate_trials(path, columns={"item": column})
        assert found.frame["item"].unique().tolist() == ["x"]


def test_no_other_file_can_be_opened(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    path = table(tmp_path / "log.csv", trials(10))
    (tmp_path / "scratch").mkdir()
    door = Door(sniff(path, "log.csv", tmp_path / "scratch"), tmp_path / "scratch")
    with door.connection:
        rows = door.rows({"item": "item"})
        assert door.connection.execute(f"SELECT count(*) FROM ({rows})").fetchone() == (10,)
        asked = [f"SELECT * FROM read_csv('{secret}')", f"COPY (SELECT 1) TO '{tmp_path}/new.csv'"]
        asked += ["INSTALL httpfs", "SELECT * FROM 'https://example.org/x.csv'"]
        asked += [f"SET allowed_directories = ['{tmp_path}']", "SELECT * FROM secret"]
        for statement in [*asked, "SET enable_external_access = true"]:
            with pytest.raises(duckdb.Error):
                door.connection.execute(statement)
    assert not [*tmp_path.glob("new.*")]


@given(st.lists(st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1"))), max_size=8))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_ends_in_a_table_or_an_input_error(tmp_path, lines):
    for end, head in HEADS.items():
        path = tmp_path / f"log{end}"
        path.write_text("\n".join([head, *lines]), encoding="utf-8", errors="surrogateescape")
        try:
            found = aggregate_trials(path, drop=True, threads=1)
        except InputError:
            continue
        assert found.frame["n_trials"].min() >= 1


def test_options_are_checked(tmp_path):
    path = table(tmp_path / "log.csv", trials(10))
    assert "DuckDB refuses" in refused(path, memory_limit="lots'; --")
    assert "at least 1 thread" in refused(path, threads=0)
    assert "no file fits" in refused(str(tmp_path / "none*.csv"))
    assert "no column for item" in refused(path, columns={"item": "x"})
    assert "does not say a format" in refused(path, out=tmp_path / "x.txt")
    (tmp_path / "there.csv").write_text("mine")
    assert "not overwritten" in refused(path, out=tmp_path / "there.csv")
    assert "is an input" in refused(path, out=path, force=True)
    aggregate_trials(path, out=tmp_path / "there.csv", force=True)
    assert not list(tmp_path.glob(".*"))


def test_more_than_memory_goes_to_the_disk_or_is_said(tmp_path):
    n = 120_000
    frame = pd.DataFrame({"model": "m", "language": "en", "correct": 1}, index=range(n))
    frame["item"] = [f"a rather long name of an item, as some have: {k}" for k in range(n)]
    path = table(tmp_path / "log.parquet", frame)
    assert len(aggregate_trials(path, memory_limit="60MB").frame) == n
    assert "do not fit" in refused(path, memory_limit="2MB")


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("is_dirty", [False, True])
def test_the_lines_of_the_page_give_the_same_on_each_engine(tmp_path, is_dirty):
    ibis, polars = pytest.importorskip("ibis"), pytest.importorskip("polars")
    page = (Path(__file__).parents[2] / "book/scale.md").read_text(encoding="utf-8")
    lines = re.search(r"```python\n(keys = .*?)```", page, re.S)[1]
    frame = trials()[["benchmark", "model", "language", "item", "correct"]]
    if is_dirty:
        frame["correct"] = frame["correct"].map({0: "0", 1: "True"})
        frame.loc[:4, "correct"] = ["yes?", None, " 1 ", "false", "1.0"]
        frame.loc[5:8, "model"] = ["", None, "  ", " one"]
    connection = duckdb.connect()
    connection.register("log", frame)
    connection.execute("CREATE TABLE trials AS SELECT * FROM log")
    expected = aggregate_trials(table(tmp_path / "log.parquet", frame), drop=True)
    engines = [ibis.duckdb.from_connection(connection)]
    engines += [ibis.polars.connect({"trials": polars.from_pandas(frame).lazy()})]
    for engine in engines:
        names = {"ibis": ibis, "trials": engine.table("trials")}
        exec(lines, names)
        found = names["responses"].to_pandas()
        same(found, expected.frame[found.columns], check_dtype=False)
        assert names["lost"] == len(frame) - expected.frame["n_trials"].sum()


def test_shards_add_up_to_the_scores_of_the_whole(tmp_path):
    given = {"abilities": [-1.0, 0.0, 1.0, 2.0], "n_items": 120, "n_trials": 4}
    answers = hatlib.simulate_answers(**given, targets=["de", "sw"], rng=3).responses.frame
    each = answers.loc[answers.index.repeat(answers["n_trials"])]
    right = each.groupby(level=0).cumcount() < each["n_correct"]
    each = each[["benchmark", "model", "language", "item"]].assign(correct=right.astype(int))
    each = each.sample(frac=1, random_state=0)

    def added(frame, name):
        out = tmp_path / f"{name}-answers.parquet"
        aggregate_trials(table(tmp_path / f"{name}.jsonl", frame), out=out)
        counts = hatlib.load_responses(out).counts("sim")
        return counts, tabulate(counts)

    counts, whole = added(each, "whole")
    shard = pd.util.hash_array(each["item"].to_numpy(dtype=object)) % 3
    merged = hatlib.merge_tables([added(each[shard == k], f"shard{k}")[1] for k in range(3)])
    merged, whole = hatlib.score_table(merged), hatlib.score_table(whole)
    direct = hatlib.score_counts(counts, hardness="self", draws=0)
    pairs = [(merged.hat, whole.hat), (merged.hat, direct.hat)]
    pairs += [(merged.metrics[name], values) for name, values in whole.metrics.items()]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hat = partial(CliRunner().invoke, cli.app)
    frame = trials()
    table(tmp_path / "a.jsonl", frame.iloc[::2])
    table(tmp_path / "b.csv.gz", frame.iloc[1::2].rename(columns={"item": "item_id"}))
    done = hat(["aggregate", "a.jsonl", "b.csv.gz", "-o", "answers.parquet"])
    assert (done.exit_code, done.stdout) == (0, "answers.parquet\n")
    assert "2,000 trials added up" in done.stderr
    same(pd.read_parquet("answers.parquet"), summed(frame))
    Path("log.jsonl").write_text("\n".join(broken_rows()), encoding="latin-1")
    with pytest.raises(InputError, match=r"log.jsonl, line 5, column correct: 4 rows.*--drop"):
        hat(["aggregate", "log.jsonl", "-o", "x.parquet"], catch_exceptions=False)
    assert not Path("x.parquet").exists()
    done = hat(["aggregate", "log.jsonl", "-o", "x.parquet", "--drop", "--threads", "1"])
    assert (done.exit_code, done.stdout) == (0, "x.parquet\n") and "Left out" in done.stderr
