"""Simulating, scoring and comparing from the command line, as a person types it."""

import csv
import io
import json
import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import get_args, get_type_hints

import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import hatlib
from hatlib import cli
from hatlib.metric.answers import HARDNESS_NAMES, PROFILES
from hatlib.metric.flags import Flag
from hatlib.show.remarks import FLAGS

SCHEMAS = {
    name: json.loads((files("hatlib") / f"schemas/{name}-2.json").read_text(encoding="utf-8"))
    for name in ("score", "compare")
}
HOSTILE = ["<script>alert(1)</script>", '=cmd|"/c calc"!A0', "+1", "-1", "@SUM(A1)"]
HOSTILE += ["a|b\nc", "\x1b[31m"]


@pytest.fixture
def results(hat):
    """The results of a command as JSON that keeps to its schema, with no field unknown to it."""

    def call(command, *arguments):
        code, out, _ = hat(command, *arguments, "--format", "json")
        assert code == 0
        document, schema = json.loads(out), SCHEMAS[command]
        Draft202012Validator(schema).validate(document)
        result = schema["$defs"]["result"]["properties"]
        assert set(document) == set(schema["properties"])
        for found in document["results"]:
            assert set(found) == set(result)
            for name in {"scores", "models", "metrics", "left_out"} & result.keys():
                known = schema["$defs"]["score"] if name == "scores" else result[name]["items"]
                for row in found[name]:
                    assert set(known["properties"]) - {"sensitivity"} <= set(row)
                    assert set(row) <= set(known["properties"])
        return document["results"]

    return call


def write(folder, abilities, profiles="linear", **options):
    """A file of simulated answers."""
    options = {"n_items": 200, "n_trials": 5, "targets": ["de", "sw"]} | options
    simulated = hatlib.simulate_answers(abilities, profiles=profiles, **options)
    return simulated.write(folder, file_format="parquet")[0]


@pytest.fixture
def answers(tmp_path) -> Path:
    return write(tmp_path / "sim", [-1, 0, 1, 2])


@pytest.fixture
def two_benchmarks(tmp_path) -> Path:
    parts = [hatlib.simulate_answers([0, 1], n_items=80, benchmark=name) for name in ("a", "b")]
    path = tmp_path / "two.csv"
    pd.concat([part.responses.frame for part in parts]).to_csv(path, index=False)
    return path


@pytest.fixture
def fewer(tmp_path) -> Path:
    """Answers of three models, of which the best was asked in one language only."""
    frame = pd.read_parquet(write(tmp_path / "sim", [2, 0.5, -0.5], n_items=150))
    path = tmp_path / "fewer.parquet"
    frame[(frame["model"] != "Alder") | (frame["language"] != "sw")].to_parquet(path)
    return path


@pytest.fixture
def unlike(tmp_path) -> Path:
    """Answers of five models: two that transfer well, two that do not, and one that is hopeless."""
    profiles = ["linear", "linear", "strong shift", "strong shift", "linear"]
    return write(tmp_path / "unlike", [1, 0, 1, 0, -30], profiles)


PAPER = {"sim-factual": ("item", 0), "sim-free-form": ("en", 0), "sim-ten-options": ("en", 0.1)}
FACTS = [("--items 60 --models 3 --chance 0.25", {"sim": ("en", 0.25)})]
FACTS += [("--trials 2 --format parquet", PAPER)]


@pytest.mark.parametrize(("arguments", "facts"), FACTS)
def test_what_simulate_says_can_be_typed(hat, results, arguments, facts):
    _, _, err = hat("simulate", "-o", "sim", *arguments.split())
    (command,) = (line for line in err.splitlines() if line.startswith("  hat score"))
    found = results(*shlex.split(command)[1:], "--draws", "0")
    assert {each["benchmark"]: (each["source"], each["chance"]) for each in found} == facts


def test_simulate_with_options(hat):
    options = ["--items", 30, "--trials", 3, "--models", 3, "--targets", "de, fr", "--seed", 7]
    more = ["--profile", "linear", "--profile", "strong shift", "--difficulty", "bimodal"]
    assert hat("simulate", "-o", "sim", *options, *more)[0] == 0
    frame = pd.read_csv("sim/responses.csv.gz")
    assert (frame["model"].nunique(), frame["item"].nunique()) == (3, 30)
    assert (set(frame["language"]), set(frame["n_trials"])) == ({"en", "de", "fr"}, {3})
    truth = pd.read_csv("sim/truth.csv").query("target == 'macro'")["hat"].round(2).tolist()
    assert truth[0] == truth[2] == 0.7 > 0.3 > truth[1]
    before = Path("sim/responses.csv.gz").read_bytes()
    assert hat("simulate", "-o", "sim", *options, *more, "--force")[0] == 0
    assert Path("sim/responses.csv.gz").read_bytes() == before


@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_loses_no_name_no_digit_and_no_flag(
    hat, results, fewer, monkeypatch, width
):
    options = ["score", fewer, "--draws", 20, "--all-targets"]
    rows = results(*options)[0]["scores"]
    monkeypatch.setenv("COLUMNS", str(width))
    for command in (options, ["compare", fewer, "Alder", "Beech", "--draws", 20]):
        out = hat(*command, "--quiet")[1]
        assert max(map(len, out.splitlines())) <= width
        words = " ".join(out.split())
        for row in rows if command is options else [r for r in rows if r["target"] == "macro"]:
            assert row["model"] in out
            if row["hat"] is not None:
                assert all(f"{row[name]:.2f}" in words for name in ("hat", "low", "high"))
        for flag in ("extrapolated", "other languages"):
            assert flag in words or flag.split()[-1] in words


def test_scores_that_cannot_be_given_are_null_with_a_flag(hat, results, tmp_path):
    path = write(tmp_path / "sim", [-30, 0, 1], n_items=40, n_trials=3)
    rows = results("score", path, "--draws", 30)[0]["scores"]
    lost = [row for row in rows if row["model"] == "Alder"]
    assert {row["hat"] for row in lost} == {None}
    assert [row["flags"] for row in lost] == [["no source answer is right"]] * len(lost)
    _, out, err = hat("score", path, "--draws", 30)
    meaning = "no source answer is right: The model solves nothing"
    assert re.search(r"Alder +– ", out) and meaning in " ".join(out.split())
    assert "The model solves nothing" not in err
    assert meaning in " ".join(hat("score", path, "--draws", 0, "--format", "csv")[2].split())


def test_the_schema_knows_every_flag_and_every_method():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    parts = SCHEMAS["score"]["$defs"]
    assert parts["flags"] == SCHEMAS["compare"]["$defs"]["flags"]
    assert parts["flags"]["items"]["enum"] == [flag.value for flag in Flag] == list(FLAGS)
    result, how = parts["result"]["properties"], get_type_hints(cli._How)
    methods = {"auto", *result["hardness"]["anyOf"][0]["enum"]}
    assert methods == set(HARDNESS_NAMES) == set(get_args(how["hardness"]))
    assert {"auto", *result["profile"]["enum"]} == set(PROFILES) == set(get_args(how["profile"]))


def test_scores_are_corrected_for_a_judge(hat, answers):
    judge = ["--judge", 0.95, 0.9, "--judge-labels", 50, 60, "--draws", 40]
    assert "a judge of sensitivity 0.95 and specificity 0.9" in hat("score", answers, *judge)[2]
    assert hat("score", answers, "--judge-labels", 5, 5)[0] == 2
    assert "hardly better than a coin" in hat("score", answers, "--judge", 0.4, 0.5)[2]


def test_a_file_is_named_by_the_option_and_comes_before_a_set_of_its_name(hat, results, answers):
    unsaid = ["benchmark", "source_language", "chance_level"]
    pd.read_parquet(answers).drop(columns=unsaid).to_csv("mgsm", index=False)
    options = ["score", "mgsm", "--draws", 0, "--benchmark", "ours"]
    assert [each["benchmark"] for each in results(*options)] == ["ours"]
    err = hat(*options)[2]
    assert "Source language of ours: en, as none was given" in err
    assert "Chance level of ours: 0, as none was given" in err


def test_a_standard_is_kept_and_used(hat, results, answers, two_benchmarks):
    several = hat("score", two_benchmarks, "--save-standard", "s")[2]
    assert "a standard is of one benchmark" in several
    kept = ["score", answers, "--draws", 0, "--save-standard", "standard.json"]
    assert [hat(*kept)[0], hat(*kept)[0]] == [0, 1]  # nothing is overwritten
    for data, reference in (("mgsm", "standard"), (answers, "standard.json")):
        found = results("score", data, "--draws", 0, "--reference", reference)
        assert found[0]["reference"] == "standard"


def test_compare_as_json(results, unlike):
    pairs = (("Alder", "Beech"), ("Beech", "Alder"), ("Alder", "Aspen"))
    found, back, tied = (results("compare", unlike, *pair, "--draws", 200)[0] for pair in pairs)
    assert found["low"] < found["difference"] < found["high"] and found["q_value"] < 0.01
    assert found["difference"] == pytest.approx(found["hat_a"] - found["hat_b"], abs=2e-6)
    assert (found["told_apart"], found["tie_group_a"], found["tie_group_b"]) == (True, "A", "B")
    assert [row["rank_low"] for row in found["models"]] == [1, 1, 3, 3]
    assert (back["difference"], back["q_value"]) == (-found["difference"], found["q_value"])
    assert tied["low"] < 0 < tied["high"] and tied["told_apart"] is False


def test_a_model_without_a_score_cannot_be_compared(hat, results, unlike):
    options = ["compare", unlike, "Alder", "Cedar", "--draws", 50]
    (found,) = results(*options)
    missing = ("hat_b", "difference", "p_value", "q_value", "told_apart", "tie_group_b")
    assert {found[name] for name in missing} == {None}
    assert (found["flags_a"], found["flags_b"]) == ([], ["no source answer is right"])
    assert [row["model"] for row in found["left_out"]] == ["Cedar"]
    for form in ("table", "md", "csv"):
        assert hat(*options, "--format", form)[0] == 0


def test_two_models_of_one_display_name_are_told_apart(hat, results, unlike):
    table = "model,display_name\nAlder,Twin\nAspen,Other\nBeech,Twin\nBirch,Last\nCedar,None\n"
    Path("models.csv").write_text(table)
    options = ["--models", "models.csv", "--draws", 200]
    for other, meant in (("Beech", "Beech"), ("Last", "Birch")):
        (found,) = results("compare", unlike, "Alder", other, *options)
        assert (found["model_a"], found["model_b"]) == ("Alder", meant)
        assert (found["tie_group_a"], found["tie_group_b"]) == ("A", "B")
    code, out, err = hat("compare", unlike, "Twin", "Other", *options)
    assert (code, out) == (1, "")
    assert "several models are called so. (found: Twin) Name one of: Alder, Beech." in err


def test_compare_on_every_benchmark_that_has_both(hat, results, two_benchmarks):
    frame = pd.read_csv(two_benchmarks)
    frame[(frame["benchmark"] == "a") | (frame["model"] == "Alder")].to_csv("less.csv", index=False)
    options, b = ["Alder", "Aspen", "--draws", 50], ["--benchmark", "b"]
    files = ((two_benchmarks, [], ["a", "b"]), (two_benchmarks, b, ["b"]), ("less.csv", [], ["a"]))
    for file, more, names in files:
        assert [r["benchmark"] for r in results("compare", file, *options, *more)] == names
    code, out, err = hat("compare", "less.csv", *options, *b)
    assert (code, out) == (1, "")
    assert "no benchmark has answers of both models" in err


SIMULATE, SCORE, COMPARE = "simulate -o sim", "score {file}", "compare {file} Alder Aspen"
EXISTS = "this file exists and is not overwritten"


@pytest.mark.parametrize(
    ("command", "more", "expected", "message"),
    [
        ("simulate", "", 2, "Missing option"),
        (SIMULATE, "--paper --items 5", 2, "--paper and --scenario go with no option"),
        (SIMULATE, "--chance 1.5", 1, "chance is not from 0 to below 1. (found: 1.5)"),
        (SIMULATE, "--profile magic", 1, "profile is not known. (found: magic) Use one"),
        (SIMULATE, "--targets en", 1, "source language is among the targets"),
        (SIMULATE, "--seed -1 --items 5", 1, "seed is below 0"),
        *[("simulate", "-o here.txt", 1, "this is a file"), ("simulate", "-o .", 1, EXISTS)],
        (SCORE, "--format xml", 2, "'xml' is not one of"),
        (SCORE, "--chance 1.5", 1, "chance is not a share. (found: 1.5)"),
        (SCORE, "--benchmark b", 1, "there is no such benchmark. (found: b) There are: sim."),
        (SCORE, "--target fr", 1, "no language of this name. (found: fr) There are de, en, sw."),
        (SCORE, "--source fr", 1, "no answer to sim is in the source language fr"),
        (SCORE, "--reference odd", 1, "no such reference. (found: odd) Use auto, uniform"),
        (SCORE, "--reference bad.csv", 1, "bad.csv: this is not a frozen standard"),
        (SCORE, "--draws -1", 1, "draws cannot be this. (found: -1)"),
        (SCORE, "--benchmarks bad.csv", 1, "bad.csv, line 1: there is no column benchmark"),
        (SCORE, "none.csv", 1, "none.csv: there is no such file, and no set of the book of this"),
        (SCORE, "mgsm", 1, "sets of the book and files cannot be mixed"),
        (SCORE, "bad.csv", 1, "bad.csv, line 1: there is no column language, item"),
        *[(command, "-o bad.csv", 1, f"bad.csv: {EXISTS}") for command in (SCORE, COMPARE)],
        ("compare {file}", "Alder", 2, "name two models after the files"),
        ("compare {file}", "Alder No", 1, "there is no such model. (found: No) There are: A"),
        ("compare {file}", "Alder Alder", 1, "a model is compared with itself"),
        (COMPARE, "--benchmark b", 1, "there is no such benchmark"),
        (COMPARE, "--draws 0", 1, "the scores have no redraws"),
    ],
)
def test_what_is_refused_leaves_all_files_as_they_were(
    hat, answers, tmp_path, command, more, expected, message
):
    for name in ("bad.csv", "here.txt", "truth.csv"):
        (tmp_path / name).write_text("model,accuracy\nm,0.5\n")
    before = {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")}
    code, out, err = hat(*command.format(file=answers).split(), *more.split())
    assert (code, out) == (expected, "")
    assert message in " ".join(err.split())
    assert {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("form", ["table", "csv", "md", "json"])
@pytest.mark.parametrize("command", ["score", "compare"])
def test_names_do_no_harm(hat, tmp_path, command, form):
    frame = pd.read_parquet(write(tmp_path / "x", [k / 2 for k in range(len(HOSTILE))], n_items=60))
    names = dict(zip(sorted(set(frame["model"])), HOSTILE, strict=True))
    frame = frame.assign(model=frame["model"].map(names), benchmark="=1+<b>")
    frame.to_parquet("hostile.parquet")
    models = [] if command == "score" else HOSTILE[:2]
    code, out, err = hat(command, "hostile.parquet", *models, "--draws", 20, "--format", form)
    assert code == 0 and "\x1b" not in out + err
    if form == "csv":  # a spreadsheet gets no formulas
        rows = list(csv.DictReader(io.StringIO(out)))
        assert len(rows) == (len(HOSTILE) if command == "score" else 1)
        texts = {"benchmark", "benchmark_name", "model", "display_name", "model_a", "model_b"}
        values = [value for row in rows for name, value in row.items() if name in texts]
        assert not any(value.startswith(tuple("=+-@\t\r")) for value in values)
        assert "'=cmd" in out
    if form == "md":  # a page gets no HTML, and no more columns
        assert "<script" not in out and "<b>" not in out
        table = [line for line in out.split("\n\n")[-2 if "- **" in out else -1].splitlines()]
        rows = [line for line in table if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1


def test_the_result_in_all_its_forms(hat, results, answers):
    options = ["score", answers, "--draws", 40, "--seed", 3, "--level", 0.8]
    code, table, err = hat(*options)
    assert (code, bool(err)) == (0, True)
    assert hat(*options, "--quiet") == (0, table, "")
    _, out, _ = hat(*options, "--format", "json")
    document = json.loads(out)
    assert (document["draws"], document["seed"], document["level"]) == (40, 3, 0.8)
    for chosen in ([], ["--target", "sw,de"], ["--target", "sw", "--target", "de"]):
        rows = results(*options, *chosen)[0]["scores"]
        assert {row["target"] for row in rows} == {"macro", "de", "sw"}
    assert out == hat(*options, "--format", "json")[1]
    more = hat(*options, "--more")[1].split("sim: more")[1].splitlines()
    header = next(line for line in more if line.startswith("model"))
    assert header.split() == ["model", "pooled", "f(.95)", "SIBTEST", "control"]
    assert all(re.search(r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]", line) for line in more[-4:])
    assert hat(*options, "--format", "md", "-o", "scores.md")[1] == "scores.md\n"
    text = Path("scores.md").read_text()
    assert text.startswith("### sim\n\nsource en, chance 0")
    assert hat(*options, "-o", "scores.md")[0] == 1
    assert Path("scores.md").read_text() == text
    assert hat(*options, "-o", "scores.md", "--force")[0] == 0


def test_what_is_typed_counts_more_than_the_files(hat, results, answers):
    Path("b.csv").write_text("benchmark,name,source_language\nsim,My test,sw\n")
    code, out, err = hat("check", answers, "--benchmarks", "b.csv")
    assert (code, out) == (1, "")
    assert "the source language of sim is sw in the table of benchmarks" in err
    options = ["--source", "de", "--chance", 0.1, "--correlation", 0.2, "--draws", 0]
    (result,) = results("score", answers, "--benchmarks", "b.csv", *options)
    assert (result["source"], result["chance"]) == ("de", 0.1)
    assert "Answers to one item taken to be correlated by 0.2." in result["notes"]


def test_sets_of_the_book_by_name(hat, results):
    for arguments in (["mgsm-forced"], ["--benchmark", "mgsm-forced"]):
        found = results("score", *arguments, "--draws", 0)
        assert [each["benchmark"] for each in found] == ["mgsm-forced"]
    assert "Sets of the book: mgsm, " in hat("score", "msgm")[2]
    found = results("compare", "gpt-5-2025-08-07", "gemini-2.5-pro", "--draws", 20)
    assert [each["benchmark"] for each in found] == ["copa-dialects"]
