"""Simulating, scoring and comparing from the command line, as a person types it."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import hatlib
from hatlib import cli
from hatlib.data import writing
from hatlib.metric.flags import Flag
from hatlib.metric.score import HARDNESS_NAMES, PROFILES
from hatlib.show.remarks import FLAGS

Hat = Callable[..., tuple[int, str, str]]

SCHEMAS = {
    name: json.loads((files("hatlib") / f"schemas/{name}-2.json").read_text(encoding="utf-8"))
    for name in ("score", "compare")
}
HOSTILE = (
    "<script>alert(1)</script>",
    '=cmd|"/c calc"!A0',
    "+1",
    "-1",
    "@SUM(A1)",
    "a|b\nc",
    "\x1b[31m",
)


@pytest.fixture
def hat(tmp_path, monkeypatch, capsys) -> Hat:
    """Call the command in this process, in an empty folder; get exit code, results, messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hat", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(end.value.code or 0), out, err

    return call


@pytest.fixture
def answers(tmp_path) -> Path:
    """Answers of four simulated models to 200 items."""
    simulated = hatlib.simulate_answers(
        [-1, 0, 1, 2], profiles="linear", n_items=200, n_trials=5, targets=["de", "sw"]
    )
    return simulated.write(tmp_path / "sim", file_format="parquet")[0]


@pytest.fixture
def two_benchmarks(tmp_path) -> Path:
    from hatlib.truth.simulate import together

    parts = [hatlib.simulate_answers([0, 1], n_items=80, benchmark=name) for name in ("a", "b")]
    return together(parts).write(tmp_path / "two")[0]


def valid(text: str, command: str = "score") -> dict[str, Any]:
    """JSON that keeps to its schema, with no field that the schema does not know."""
    document = json.loads(text)
    schema = SCHEMAS[command]
    Draft202012Validator(schema).validate(document)
    result = schema["$defs"]["result"]["properties"]
    parts = {"scores": schema["$defs"].get("score"), "models": None, "metrics": None}
    parts["left_out"] = None
    assert set(document) == set(schema["properties"])
    for found in document["results"]:
        assert set(found) == set(result)
        for name in parts.keys() & result.keys():
            known = parts[name] or result[name]["items"]
            for row in found[name]:
                assert set(row) >= set(known["properties"]) - {"sensitivity"}
                assert set(row) <= set(known["properties"])
    return document


# Simulating -------------------------------------------------------------------------------------


def test_simulate_writes_the_design_and_says_how_to_score_it(hat, tmp_path):
    code, out, err = hat("simulate", "-o", "new dir/sim", "--trials", "1", "--format", "parquet")
    assert code == 0
    paths = [Path(line) for line in out.splitlines()]
    assert [path.name for path in paths] == [
        "responses.parquet", "models.csv", "benchmarks.csv", "truth.csv",
    ]  # fmt: skip
    assert all(path.is_file() for path in paths)
    assert "a built-in transfer of" in err
    commands = [line.strip() for line in err.splitlines() if line.startswith("  hat score")]
    folder = "'new dir/sim/"
    assert commands == [
        f"hat score {folder}responses.parquet' --models {folder}models.csv' "
        f"--benchmarks {folder}benchmarks.csv'"
    ]


def test_what_simulate_says_can_be_typed(hat):
    for arguments, facts in (
        (["--items", "60", "--models", "3", "--chance", "0.25"], {"sim": ("en", 0.25)}),
        (
            ["--trials", "2", "--format", "parquet"],
            {
                "sim-factual": ("item", 0),
                "sim-free-form": ("en", 0),
                "sim-ten-options": ("en", 0.1),
            },
        ),
    ):
        _, _, err = hat("simulate", "-o", "sim", "--force", *arguments)
        (command,) = (line for line in err.splitlines() if line.startswith("  hat score"))
        code, out, err = hat(*shlex.split(command)[1:], "--draws", "0", "--format", "json")
        assert code == 0
        results = valid(out)["results"]
        found = {each["benchmark"]: (each["source"], each["chance"]) for each in results}
        assert found == facts
        assert "none was given" not in err


def test_what_is_typed_counts_more_than_the_files(hat):
    assert hat("simulate", "-o", "sim", "--items", "60", "--chance", "0.25")[0] == 0
    options = ["--benchmarks", "sim/benchmarks.csv", "--draws", 0, "--format", "json"]
    more = ["--source", "de", "--chance", 0.1]
    _, out, err = hat("score", "sim/responses.csv.gz", *options, *more)
    result = valid(out)["results"][0]
    assert (result["source"], result["chance"]) == ("de", 0.1)
    assert "column source_language, as de was chosen" in err


def test_simulate_with_options(hat):
    options = ["--items", 30, "--trials", 3, "--models", 3, "--targets", "de, fr", "--seed", 7]
    more = ["--profile", "linear", "--profile", "strong shift", "--difficulty", "bimodal"]
    assert hat("simulate", "-o", "sim", *options, *more)[0] == 0
    frame = pd.read_csv("sim/responses.csv.gz")
    assert frame["model"].nunique() == 3
    assert set(frame["language"]) == {"en", "de", "fr"}
    assert frame["item"].nunique() == 30
    assert set(frame["n_trials"]) == {3}
    truth = pd.read_csv("sim/truth.csv").query("target == 'macro'")["hat"].round(2).tolist()
    assert truth[0] == truth[2] == 0.7
    assert truth[1] < 0.3
    before = Path("sim/responses.csv.gz").read_bytes()
    assert hat("simulate", "-o", "sim", *options, *more, "--force")[0] == 0
    assert Path("sim/responses.csv.gz").read_bytes() == before


def test_simulate_a_scenario(hat):
    assert hat("simulate", "-o", "sim", "--scenario", "no-trend", "--trials", 1)[0] == 0
    truth = pd.read_csv("sim/truth.csv").query("target == 'macro'")
    assert truth.groupby("benchmark")["hat"].agg(lambda v: v.max() - v.min()).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "expected", "message"),
    [
        ([], 2, "Missing option"),
        (["-o", "sim", "--format", "xlsx"], 2, "'xlsx' is not one of"),
        (["-o", "sim", "--scenario", "magic"], 2, "'magic' is not one of"),
        (["-o", "sim", "--paper", "--items", "5"], 2, "--paper and --scenario go with no option"),
        (["-o", "sim", "--items", "many"], 2, "valid integer"),
        (["-o", "sim", "--chance", "1.5"], 1, "chance is not from 0 to below 1. (found: 1.5)"),
        (["-o", "sim", "--profile", "magic"], 1, "profile is not known. (found: magic) Use one"),
        (["-o", "sim", "--difficulty", "odd"], 1, "difficulty is not known"),
        (["-o", "sim", "--targets", "klingon"], 1, "not a language code. (found: klingon)"),
        (["-o", "sim", "--targets", "en"], 1, "source language is among the targets"),
        (["-o", "sim", "--targets", ","], 1, "targets has no languages"),
        (["-o", "sim", "--models", "0"], 1, "abilities are not finite numbers, one a model"),
        (["-o", "sim", "--models", "-1"], 1, "abilities are not finite numbers, one a model"),
        (["-o", "sim", "--items", "0"], 1, "n_items must be at least 1"),
        (["-o", "sim", "--seed", "-1", "--items", "5"], 1, "seed is below 0"),
        (["-o", "here.txt"], 1, "this is a file"),
        (["-o", "."], 1, "this file exists and is not overwritten"),
    ],
)
def test_simulate_refuses(hat, tmp_path, arguments, expected, message):
    (tmp_path / "here.txt").write_text("mine")
    (tmp_path / "truth.csv").write_text("mine")
    code, out, err = hat("simulate", *arguments)
    assert (code, out) == (expected, "")
    assert message in " ".join(err.split())
    assert {path.name for path in tmp_path.iterdir()} == {"here.txt", "truth.csv"}
    assert (tmp_path / "truth.csv").read_text() == "mine"


# Scoring ----------------------------------------------------------------------------------------


def test_score_as_a_table(hat, answers):
    code, out, err = hat("score", answers, "--draws", 50)
    assert code == 0
    table, *legend = out.split("\n\n")
    lines = table.splitlines()
    assert lines[0] == "sim"
    assert lines[1].startswith("source en, chance 0, hardness self, profile")
    columns = ["model", "HAT", "f(.95)", "support", "S", "T", "gap", "ratio"]
    assert lines[2].split()[:8] == columns
    assert len(lines) == 3 + 4
    for line in lines[3:]:
        row = (
            r"\w+ +\d\.\d\d \[\d\.\d\d, \d\.\d\d\] +(\d\.\d\d|–) +\d+ %( +-?\d\.\d\d){4}"
            r"( +(extrapolated|estimators disagree))*"
        )
        assert re.fullmatch(row, line), line
    scores = [float(line.split()[1]) for line in lines[3:]]
    assert scores == sorted(scores, reverse=True)
    assert bool(legend) == ("extrapolated" in table or "disagree" in table)
    assert "Source language of sim: en (column source_language)" in err
    assert "Chance level of sim: 0 (column chance_level)" in err
    assert "HAT: 0 no transfer, 1 perfect transfer, with 95 % intervals from 50 redraws" in err


def test_a_table_fits_into_eighty_columns(hat, answers, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = hat("score", answers, "--draws", 50, "--all-targets")
    assert max(map(len, out.splitlines())) <= 80
    assert len(out.split("\n\n")[0].splitlines()) == 3 + 4 * 3


@pytest.mark.parametrize("width", [40, 50, 60, 72, 80, 100])
def test_a_narrow_terminal_loses_no_name_no_digit_and_no_flag(hat, fewer, monkeypatch, width):
    options = ["score", fewer, "--draws", 20, "--all-targets"]
    rows = valid(hat(*options, "--format", "json")[1])["results"][0]["scores"]
    monkeypatch.setenv("COLUMNS", str(width))
    for command in (options, ["compare", fewer, "Alder", "Beech", "--draws", 20]):
        out = hat(*command, "--quiet")[1]
        assert max(map(len, out.splitlines())) <= width
        words = " ".join(out.split())
        for row in rows:
            if command is not options and row["target"] != "macro":
                continue
            assert row["model"] in out
            if row["hat"] is not None:
                for name in ("hat", "low", "high"):
                    assert f"{row[name]:.2f}" in words
        for flag in ("extrapolated", "other languages"):
            assert flag in words or flag.split()[-1] in words


def test_quiet_is_the_result_alone(hat, answers):
    _, out, err = hat("score", answers, "--draws", 20)
    code, again, nothing = hat("score", answers, "--draws", 20, "--quiet")
    assert (code, again, nothing) == (0, out, "")
    assert err
    assert hat("compare", answers, "Alder", "Aspen", "--draws", 20, "--quiet")[2] == ""


def test_more_says_more(hat, answers):
    code, out, _ = hat("score", answers, "--draws", 60, "--more")
    assert code == 0
    more = out.split("sim: more")[1].splitlines()
    header = next(line for line in more if line.startswith("model"))
    assert header.split() == ["model", "pooled", "f(.95)", "SIBTEST", "control"]
    assert all(re.search(r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]", line) for line in more[-4:])


def test_targets_are_chosen_and_shown(hat, answers):
    rows = list(csv.DictReader(io.StringIO(
        hat("score", answers, "--draws", 0, "--target", "sw", "--format", "csv")[1]
    )))  # fmt: skip
    assert {row["target"] for row in rows} == {"macro", "sw"}
    macro, sw = ([r["hat"] for r in rows if r["target"] == name] for name in ("macro", "sw"))
    assert macro == sw
    both = hat("score", answers, "--draws", 0, "--target", "sw,de", "--format", "csv")[1]
    again = hat("score", answers, "--draws", 0, "--target", "sw", "--target", "de",
                "--format", "csv")[1]  # fmt: skip
    assert both == again
    assert len(both.splitlines()) == 1 + 4 * 3


def test_score_as_json(hat, answers):
    code, out, _ = hat("score", answers, "--draws", 40, "--seed", 3, "--level", 0.8,
                       "--format", "json")  # fmt: skip
    assert code == 0
    document = valid(out)
    assert (document["draws"], document["seed"], document["level"]) == (40, 3, 0.8)
    rows = document["results"][0]["scores"]
    assert {row["target"] for row in rows} == {"macro", "de", "sw"}
    assert all(row["low"] <= row["high"] for row in rows)
    assert out == hat("score", answers, "--draws", 40, "--seed", 3, "--level", 0.8,
                      "--format", "json")[1]  # fmt: skip
    assert all(row["low"] is None for row in valid(
        hat("score", answers, "--draws", 0, "--format", "json")[1]
    )["results"][0]["scores"])  # fmt: skip


def test_scores_that_cannot_be_given_are_null_with_a_flag(hat, tmp_path):
    simulated = hatlib.simulate_answers([-30, 0, 1], n_items=40, n_trials=3)
    path = simulated.write(tmp_path / "sim")[0]
    rows = valid(hat("score", path, "--draws", 30, "--format", "json")[1])["results"][0]["scores"]
    lost = [row for row in rows if row["model"] == "Alder"]
    assert {row["hat"] for row in lost} == {None}
    assert [row["flags"] for row in lost] == [["no source answer is right"]] * len(lost)
    code, out, err = hat("score", path, "--draws", 30)
    assert code == 0
    assert re.search(r"Alder +– ", out)
    assert "no source answer is right: The model solves nothing" in " ".join(out.split())
    assert "The model solves nothing" not in err
    code, _, err = hat("score", path, "--draws", 0, "--format", "csv")
    assert "no source answer is right: The model solves nothing" in " ".join(err.split())
    _, out, _ = hat("score", path, "--draws", 0, "--format", "md")
    assert "\n\n- **no source answer is right**: The model solves nothing" in out


@pytest.fixture
def fewer(tmp_path) -> Path:
    """Answers of three models, of which the best was asked in one language only."""
    frame = hatlib.simulate_answers(
        [2, 0.5, -0.5], profiles="linear", n_items=150, targets=["de", "sw"]
    ).responses.frame
    path = tmp_path / "fewer.parquet"
    frame[(frame["model"] != "Alder") | (frame["language"] != "sw")].to_parquet(path)
    return path


def test_two_flags_in_one(hat, fewer):
    options = ["--draws", 20, "--reference", "uniform"]
    rows = valid(hat("score", fewer, *options, "--format", "json")[1])["results"][0]["scores"]
    (flags,) = (r["flags"] for r in rows if (r["model"], r["target"]) == ("Alder", "macro"))
    assert flags == ["extrapolated", "other languages than most"]
    _, out, _ = hat("score", fewer, *options)
    assert re.search(r"Alder .* extrapolated; other languages$", out, re.MULTILINE)
    legend = " ".join(out.split("\n\n")[-1].split())
    assert "extrapolated: Less than" in legend
    assert "other languages: The mean covers other" in legend
    _, out, _ = hat("score", fewer, *options, "--format", "md")
    legend = [line for line in out.splitlines() if line.startswith("- ")]
    assert [line.split("**")[1] for line in legend] == ["extrapolated", "other languages"]
    _, out, err = hat("score", fewer, *options, "--format", "csv")
    assert "extrapolated; other languages than most" in out
    assert "other languages than most: The mean covers other" in " ".join(err.split())


def test_the_schema_knows_every_flag_and_every_method():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    parts = SCHEMAS["score"]["$defs"]
    assert parts["flags"] == SCHEMAS["compare"]["$defs"]["flags"]
    assert parts["flags"]["items"]["enum"] == [flag.value for flag in Flag]
    assert set(FLAGS) == set(Flag)
    result = parts["result"]["properties"]
    assert {"auto", *result["profile"]["enum"]} == set(PROFILES)
    assert {"auto", *result["hardness"]["anyOf"][0]["enum"]} == set(HARDNESS_NAMES)


def test_the_command_offers_what_the_functions_take():
    from hatlib.truth.design import Scenario

    def choices(command: Callable[..., None], name: str) -> set[str]:
        hint = get_type_hints(command)[name]
        inner = [part for part in get_args(hint) if part is not type(None)] or [hint]
        return {word for part in inner for word in (get_args(part) or [part])}

    for command in (cli.score, cli.compare):
        assert choices(command, "hardness") == set(HARDNESS_NAMES)
        assert choices(command, "profile") == set(PROFILES)
    assert choices(cli.simulate, "scenario") == set(get_args(Scenario))


def test_scores_are_corrected_for_a_judge(hat, answers):
    plain = json.loads(hat("score", answers, "--draws", 0, "--format", "json")[1])
    code, out, err = hat(
        *("score", answers, "--draws", 100, "--format", "json"),
        *("--judge", 0.95, 0.9, "--judge-labels", 50, 60),
    )
    assert code == 0
    assert "Corrected for a judge of sensitivity 0.95 and specificity 0.9" in err

    def first(text):
        return text["results"][0]["scores"][0]["source_accuracy"]

    expected = (first(plain) - 0.1) / 0.85
    assert first(json.loads(out)) == pytest.approx(expected, abs=1e-5)
    assert hat("score", answers, "--judge-labels", 5, 5)[0] == 2
    code, _, err = hat("score", answers, "--judge", 0.4, 0.5)
    assert code == 1
    assert "hardly better than a coin" in err


def test_score_as_markdown_and_to_a_file(hat, answers, tmp_path):
    code, out, _ = hat("score", answers, "--draws", 0, "--format", "md", "-o", "scores.md")
    assert (code, out) == (0, "scores.md\n")
    text = (tmp_path / "scores.md").read_text()
    assert text.startswith("### sim\n\nsource en, chance 0")
    assert "| model | HAT | f\\(.95\\) | support | S | T | gap | ratio | flag |\n|---|" in text
    assert hat("score", answers, "--draws", 0, "-o", "scores.md")[0] == 1
    assert (tmp_path / "scores.md").read_text() == text
    assert hat("score", answers, "--draws", 0, "-o", "scores.md", "--force")[0] == 0
    assert (tmp_path / "scores.md").read_text() != text


def test_one_benchmark_of_several(hat, two_benchmarks):
    code, out, _ = hat("score", two_benchmarks, "--draws", 0)
    assert code == 0
    assert [line for line in out.splitlines() if line in ("a", "b")] == ["a", "b"]
    _, out, _ = hat("score", two_benchmarks, "--draws", 0, "--benchmark", "b", "--format", "json")
    assert [result["benchmark"] for result in valid(out)["results"]] == ["b"]


def test_a_file_without_a_benchmark_is_named_by_the_option(hat, answers, tmp_path):
    unsaid = ["benchmark", "source_language", "chance_level"]
    pd.read_parquet(answers).drop(columns=unsaid).to_csv("mine.csv", index=False)
    _, out, err = hat("score", "mine.csv", "--draws", 0, "--benchmark", "ours", "--format", "json")
    assert valid(out)["results"][0]["benchmark"] == "ours"
    assert "Source language of ours: en, as none was given" in err
    assert "Chance level of ours: 0, as none was given" in err


def test_benchmarks_are_checked_with_the_answers(hat, answers):
    Path("b.csv").write_text("benchmark,name,source_language\nsim,My test,sw\n")
    code, out, err = hat("check", answers, "--benchmarks", "b.csv")
    assert (code, out) == (1, "")
    assert "the source language of sim is sw in the table of benchmarks" in err
    code, out, err = hat("check", answers, "--benchmarks", "b.csv", "--source", "de")
    assert (code, err) == (0, "")
    assert "column source_language, as de was chosen" in out
    code, out, err = hat("check", answers)
    assert "Source language of sim: en (column source_language)" in out
    Path("accuracies.csv").write_text("model,language,accuracy\nm,en,0.5\nm,de,0.4\n")
    code, out, err = hat("check", "accuracies.csv", "--benchmarks", "b.csv")
    assert (code, out) == (1, "")
    assert "a table of benchmarks goes with answers item by item" in err
    assert hat("check", "accuracies.csv", "--source", "de")[0] == 0


def test_sets_of_the_book_by_name(hat):
    code, out, err = hat("score", "xnli-first200", "--draws", 0, "--format", "json")
    assert code == 0
    assert valid(out)["results"][0]["chance"] > 0.3
    assert "1 set of the book" in err
    _, out, _ = hat("score", "--benchmark", "xnli-first200", "--draws", 0, "--format", "json")
    assert len(valid(out)["results"]) == 1


def test_the_sets_of_the_book_without_a_file(hat, monkeypatch):
    asked = []
    load = hatlib.load_responses

    def note(*args: Any, **options: Any) -> Any:
        asked.append(options["sets"])
        return load(sets="mgsm-forced")

    monkeypatch.setattr("hatlib.data.responses.load_responses", note)
    assert hat("score", "--draws", 0)[0] == 0
    assert asked == [None]


def test_a_file_comes_before_a_set_of_its_name(hat, answers):
    pd.read_parquet(answers).to_csv("mgsm", index=False)
    _, out, _ = hat("score", "mgsm", "--draws", 0, "--format", "json")
    assert valid(out)["results"][0]["benchmark"] == "sim"


def test_each_item_from_a_language_of_its_own(hat, tmp_path):
    simulated = hatlib.simulate_answers(
        [0, 1, 2], n_items=90, targets=["de", "en", "fr"], source_language="item"
    )
    path = simulated.write(tmp_path / "sim")[0]
    _, out, _ = hat("score", path, "--source", "item", "--draws", 0, "--format", "json")
    assert valid(out)["results"][0]["source"] == "item"


def test_a_standard_is_kept_and_used(hat, answers, tmp_path):
    assert hat("score", answers, "--draws", 0, "--save-standard", "standard.json")[0] == 0
    again = hat("score", answers, "--draws", 0, "--save-standard", "standard.json")
    assert again[0] == 1
    assert "is not overwritten" in again[2]
    code, out, _ = hat("score", answers, "--draws", 0, "--reference", "standard.json",
                       "--format", "json")  # fmt: skip
    assert code == 0
    assert valid(out)["results"][0]["reference"] == "standard"


def test_a_standard_is_of_one_benchmark(hat, two_benchmarks, tmp_path):
    code, out, err = hat("score", two_benchmarks, "--draws", 0, "--save-standard", "s.json")
    assert (code, out) == (1, "")
    assert "a standard is of one benchmark" in err
    assert not (tmp_path / "s.json").exists()


@pytest.mark.parametrize(
    ("arguments", "expected", "message"),
    [
        (["--format", "xml"], 2, "'xml' is not one of"),
        (["--hardness", "odd"], 2, "'odd' is not one of"),
        (["--profile", "odd"], 2, "'odd' is not one of"),
        (["--nonsense"], 2, "No such option"),
        (["--draws", "x"], 2, "valid integer"),
        (["--chance", "1.5"], 1, "chance is not a share. (found: 1.5)"),
        (["--benchmark", "b"], 1, "there is no such benchmark. (found: b) There are: sim."),
        (["--target", "fr"], 1, "this is not a target language. (found: fr) There are: de, sw."),
        (["--target", "en"], 1, "this is not a target language. (found: en) There are: de, sw."),
        (["--target", ","], 1, "no target language is named"),
        (["--source", "fr"], 1, "no answer to sim is in the source language fr"),
        (["--source", "klingon"], 1, "source_language is not a language code"),
        (["--reference", "odd"], 1, "there is no such reference. (found: odd) Use auto, uniform"),
        (["--reference", "bad.csv"], 1, "bad.csv: this is not a frozen standard"),
        (["--draws", "-1"], 1, "draws is not 0 and below 20"),
        (["--level", "95"], 1, "level is not between 0 and 1"),
        (["--seed", "-1"], 1, "seed is below 0"),
        (["--models", "none.csv"], 1, "none.csv: there is no such file"),
        (["--benchmarks", "none.csv"], 1, "none.csv: there is no such file"),
        (["--benchmarks", "bad.csv"], 1, "bad.csv, line 1: there is no column benchmark"),
        (["none.csv"], 1, "none.csv: there is no such file, and no set of the book of this name."),
        (["mgsm"], 1, "sets of the book and files cannot be mixed"),
        (["bad.csv"], 1, "bad.csv, line 1: there is no column language, item"),
        (["-o", "bad.csv"], 1, "bad.csv: this file exists and is not overwritten"),
    ],
)
def test_score_refuses(hat, answers, tmp_path, arguments, expected, message):
    (tmp_path / "bad.csv").write_text("model,accuracy\nm,0.5\n")
    before = {path.name for path in tmp_path.iterdir()}
    code, out, err = hat("score", answers, *arguments)
    assert (code, out) == (expected, "")
    assert message in " ".join(err.split())
    assert {path.name for path in tmp_path.iterdir()} == before


def test_an_unknown_set_is_answered_with_those_there_are(hat):
    code, out, err = hat("score", "--benchmark", "nosuch")
    assert (code, out) == (1, "")
    assert "mgsm" in err
    code, out, err = hat("score", "msgm")
    assert (code, out) == (1, "")
    assert "Sets of the book: mgsm, " in err


# Comparing --------------------------------------------------------------------------------------


@pytest.fixture
def unlike(tmp_path) -> Path:
    """Answers of five models: two that transfer well, two that do not, and one that is hopeless."""
    profiles = ["linear", "linear", "strong shift", "strong shift", "linear"]
    simulated = hatlib.simulate_answers(
        [1, 0, 1, 0, -30], profiles=profiles, n_items=200, targets=["de", "sw"]
    )
    return simulated.write(tmp_path / "unlike", file_format="parquet")[0]


def test_compare_as_a_table(hat, unlike):
    code, out, err = hat("compare", unlike, "Alder", "Beech", "--draws", 200)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "sim, mean over the targets"
    assert re.fullmatch(r"model +Alder +Beech", lines[3])
    number = r"-?\d\.\d\d"
    assert re.fullmatch(
        rf"HAT +{number} +{number} +{number} \[{number}, {number}\] +<0\.001 +<0\.001", lines[4]
    )
    assert re.fullmatch(r"tie group +A +B", lines[9])
    rest = lines[lines.index("All models") + 3 :]
    ranks = [line.split() for line in rest[: rest.index("")]]
    assert {row[0] for row in ranks[:2]} == {"Alder", "Aspen"}
    assert [row[-1] for row in ranks[:4]] == ["A", "A", "B", "B"]
    assert ranks[4] == ["Cedar", *"–––", "no", "source", "answer", "is", "right"]
    assert "Models that share a letter" in err
    assert "no source answer is right: The model solves nothing" in out


def test_compare_as_json(hat, unlike):
    options = ["--draws", 200, "--format", "json"]
    code, out, _ = hat("compare", unlike, "Alder", "Beech", *options)
    assert code == 0
    (found,) = valid(out, "compare")["results"]
    assert found["low"] < found["difference"] < found["high"]
    assert found["difference"] == pytest.approx(found["hat_a"] - found["hat_b"], abs=2e-6)
    assert found["told_apart"] is True
    assert (found["tie_group_a"], found["tie_group_b"]) == ("A", "B")
    assert found["q_value"] < 0.01
    assert [row["rank_low"] for row in found["models"]] == [1, 1, 3, 3]
    (back,) = valid(hat("compare", unlike, "Beech", "Alder", *options)[1], "compare")["results"]
    assert back["difference"] == -found["difference"]
    assert back["q_value"] == found["q_value"]
    (tied,) = valid(hat("compare", unlike, "Alder", "Aspen", *options)[1], "compare")["results"]
    assert tied["low"] < 0 < tied["high"]
    assert tied["told_apart"] is False


def test_a_model_without_a_score_cannot_be_compared(hat, unlike):
    options = ["compare", unlike, "Alder", "Cedar", "--draws", 50]
    (found,) = valid(hat(*options, "--format", "json")[1], "compare")["results"]
    assert (found["hat_b"], found["difference"], found["p_value"], found["q_value"]) == (None,) * 4
    assert (found["told_apart"], found["tie_group_b"]) == (None, None)
    assert (found["flags_a"], found["flags_b"]) == ([], ["no source answer is right"])
    assert "Cedar" not in {row["model"] for row in found["models"]}
    assert [row["model"] for row in found["left_out"]] == ["Cedar"]
    for form in ("table", "md", "csv"):
        assert hat(*options, "--format", form)[0] == 0


def test_a_mean_over_fewer_languages_is_compared_but_not_ranked(hat, fewer):
    options = ["compare", fewer, "Alder", "Beech", "--draws", 50, "--reference", "uniform"]
    (found,) = valid(hat(*options, "--format", "json")[1], "compare")["results"]
    assert found["flags_a"] == ["extrapolated", "other languages than most"]
    assert found["difference"] is not None
    assert (found["q_value"], found["tie_group_a"]) == (None, None)
    assert [row["model"] for row in found["left_out"]] == ["Alder"]
    _, out, _ = hat(*options)
    assert re.search(r"flag +extrapolated; other languages", out)
    assert "other languages: The mean covers other" in " ".join(out.split())


def test_two_models_of_one_display_name_are_told_apart(hat, unlike):
    frame = pd.read_parquet(unlike)
    frame[frame["model"] != "Cedar"].to_parquet("twins.parquet")
    Path("models.csv").write_text(
        "model,display_name\nAlder,Twin\nAspen,Other\nBeech,Twin\nBirch,Last\n"
    )
    options = ["--models", "models.csv", "--draws", 200, "--format", "json"]
    (found,) = valid(hat("compare", "twins.parquet", "Alder", "Beech", *options)[1], "compare")[
        "results"
    ]
    assert (found["model_a"], found["model_b"]) == ("Alder", "Beech")
    assert (found["tie_group_a"], found["tie_group_b"]) == ("A", "B")
    assert found["q_value"] < 0.01
    (found,) = valid(hat("compare", "twins.parquet", "Alder", "Last", *options)[1], "compare")[
        "results"
    ]
    assert (found["model_b"], found["tie_group_b"]) == ("Birch", "B")
    code, out, err = hat("compare", "twins.parquet", "Twin", "Other", *options)
    assert (code, out) == (1, "")
    assert "several models are called so. (found: Twin) Name one of: Alder, Beech." in err


def test_compare_as_csv_and_markdown(hat, unlike):
    options = ["compare", unlike, "Alder", "Beech", "--draws", 50, "--target", "sw"]
    (row,) = csv.DictReader(io.StringIO(hat(*options, "--format", "csv")[1]))
    assert (row["model_a"], row["model_b"], row["target"]) == ("Alder", "Beech", "sw")
    assert float(row["low"]) < float(row["difference"])
    _, out, _ = hat(*options, "--format", "md", "-o", "compared.md")
    assert out == "compared.md\n"
    assert "### sim, target sw" in Path("compared.md").read_text()


def test_compare_on_every_benchmark_that_has_both(hat, two_benchmarks, tmp_path):
    options = ["Alder", "Aspen", "--draws", 50, "--format", "json"]
    found = valid(hat("compare", two_benchmarks, *options)[1], "compare")["results"]
    assert [each["benchmark"] for each in found] == ["a", "b"]
    found = valid(hat("compare", two_benchmarks, *options, "--benchmark", "b")[1], "compare")
    assert [each["benchmark"] for each in found["results"]] == ["b"]
    frame = pd.read_csv(two_benchmarks)
    frame[(frame["benchmark"] == "a") | (frame["model"] == "Alder")].to_csv("less.csv", index=False)
    found = valid(hat("compare", "less.csv", *options)[1], "compare")["results"]
    assert [each["benchmark"] for each in found] == ["a"]
    code, out, err = hat("compare", "less.csv", *options, "--benchmark", "b")
    assert (code, out) == (1, "")
    assert "no benchmark has answers of both models" in err


def test_models_of_the_book_are_compared_without_a_file(hat):
    code, out, _ = hat("compare", "mgsm", "s1.1-7b", "s1.1-32b", "--draws", 30, "--format", "json")
    assert code == 0
    assert valid(out, "compare")["results"][0]["benchmark"] == "mgsm"
    options = ["gpt-5-2025-08-07", "gemini-2.5-pro", "--draws", 20, "--format", "json"]
    code, out, _ = hat("compare", *options)
    assert code == 0
    assert [r["benchmark"] for r in valid(out, "compare")["results"]] == ["copa-dialects"]


@pytest.mark.parametrize(
    ("arguments", "expected", "message"),
    [
        ([], 2, "Missing argument"),
        (["Alder"], 2, "name two models after the files"),
        (["{file}", "Alder"], 2, "name two models after the files"),
        (["{file}", "Alder", "Aspen", "--format", "xml"], 2, "'xml' is not one of"),
        (["{file}", "Alder", "Nosuch"], 1, "there is no such model. (found: Nosuch) There are: A"),
        (["{file}", "X", "Y"], 1, "(found: Y) There are: Alder, Aspen, Beech, Birch"),
        (["{file}", "Alder", "Alder"], 1, "a model is compared with itself"),
        (["{file}", "Alder", "Aspen", "--benchmark", "b"], 1, "there is no such benchmark"),
        (["{file}", "Alder", "Aspen", "--chance", "1.5"], 1, "chance is not a share"),
        (["{file}", "Alder", "Aspen", "--target", "fr"], 1, "this is not a target language"),
        (["{file}", "Alder", "Aspen", "--draws", "0"], 1, "the scores have no redraws"),
        (["none.csv", "Alder", "Aspen"], 1, "none.csv: there is no such file"),
        (["{file}", "Alder", "Aspen", "-o", "bad.csv"], 1, "bad.csv: this file exists"),
    ],
)
def test_compare_refuses(hat, answers, tmp_path, arguments, expected, message):
    (tmp_path / "bad.csv").write_text("mine")
    code, out, err = hat("compare", *(text.format(file=answers) for text in arguments))
    assert (code, out) == (expected, "")
    assert message in " ".join(err.split())
    assert (tmp_path / "bad.csv").read_text() == "mine"


# Names from strangers ---------------------------------------------------------------------------


@pytest.fixture
def hostile(tmp_path) -> Path:
    """Answers of models whose names are meant to do harm."""
    n = len(HOSTILE)
    frame = hatlib.simulate_answers([float(k) / 2 for k in range(n)], n_items=60).responses.frame
    names = dict(zip(sorted(set(frame["model"])), HOSTILE, strict=True))
    path = tmp_path / "hostile.parquet"
    frame.assign(model=frame["model"].map(names), benchmark="=1+<b>").to_parquet(path)
    return path


def test_a_spreadsheet_gets_no_formulas(hat, hostile):
    code, out, _ = hat("score", hostile, "--draws", 0, "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == len(HOSTILE)
    numbers = {"hat", "low", "high", "se", "xlt_gap"}
    numbers |= {f"{name}{end}" for name in ("hat_pooled", "f95") for end in ("", "_low", "_high")}
    for row in rows:
        for name, value in row.items():
            assert name in numbers or value[:1] not in tuple("=+-@\t\r") or not value
    assert "'=cmd" in out


def test_a_page_gets_no_html(hat, hostile):
    code, out, _ = hat("score", hostile, "--draws", 0, "--format", "md")
    assert code == 0
    assert "<script" not in out
    assert "<b>" not in out
    table = [line for line in out.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(HOSTILE)
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_a_terminal_is_not_steered(hat, hostile):
    code, out, err = hat("score", hostile, "--draws", 0)
    assert code == 0
    assert "\x1b" not in out + err
    assert "<script>alert(1)</script>" in out


@pytest.mark.parametrize("form", ["table", "csv", "md", "json"])
def test_comparisons_are_safe_too(hat, hostile, form):
    options = ["compare", hostile, HOSTILE[0], HOSTILE[1], "--draws", 20, "--format", form]
    code, out, err = hat(*options)
    assert code == 0
    assert "\x1b" not in out + err
    if form == "csv":
        (row,) = csv.DictReader(io.StringIO(out))
        assert row["model_b"] == f"'{HOSTILE[1]}"
        assert row["benchmark"].startswith("'=")
    if form == "md":
        assert "<script" not in out
        assert "<b>" not in out


def test_json_holds_names_as_they_are(hat, hostile):
    _, out, _ = hat("score", hostile, "--draws", 0, "--format", "json")
    assert {row["model"] for row in valid(out)["results"][0]["scores"]} == set(HOSTILE)
    assert "\x1b" not in out


# Small pieces -----------------------------------------------------------------------------------


def test_text_that_looks_like_a_formula_is_quoted_and_numbers_are_not():
    frame = pd.DataFrame({"a": ["=x", "x=", None, "-"], "b": [-1.5, 2, None, 0]})
    rows = list(csv.reader(io.StringIO(writing.csv_text(frame))))
    assert rows[1:] == [["'=x", "-1.5"], ["x=", "2.0"], ["", ""], ["'-", "0.0"]]


def test_a_correlation_is_told_to_the_score(hat, answers):
    code, out, err = hat(
        "score", answers, "--draws", 50, "--correlation", "0.2", "--format", "json"
    )
    assert code == 0
    notes = valid(out)["results"][0]["notes"]
    assert notes[-1] == "Answers to one item taken to be correlated by 0.2."
    code, _, err = hat("score", answers, "--draws", 50, "--correlation", "2")
    assert code == 1
    assert "correlation is not from 0 to below 1" in err
