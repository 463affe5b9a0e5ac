"""Reading and checking tables, above all the ones that are wrong."""

import hashlib
import json
from importlib.util import module_from_spec, spec_from_file_location

import pandas as pd
import pytest
from small import refused, write

import hatlib
from hatlib.data import loading
from hatlib.data import tables as data
from hatlib.data.languages import is_language
from hatlib.data.loading import UNKNOWN

LONG = "model,language,accuracy,n_items\na,en,0.8,100\na,de,0.7,100\nb,en,0.6,100\nb,de,0.5,100\n"


def test_the_bundled_tables_are_what_their_readers_were_promised():
    tables = hatlib.load()
    assert len(tables.accuracies) == 8044 + 600 + 33
    assert not tables.accuracies.duplicated(list(loading.KEY)).any()
    assert set(tables.accuracies["model"]) == set(tables.models["model"])
    assert set(tables.accuracies["language"]) == set(tables.languages["language"])
    assert tables.accuracies["accuracy"].between(0, 1).all()
    assert tables.sources["caveats"].str.len().min() > 20


def test_the_tables_keep_their_rules_and_the_data_package_describes_them_as_they_are():
    where = spec_from_file_location("describe", data.data_folder() / "describe.py")
    describe = module_from_spec(where)
    where.loader.exec_module(describe)
    assert describe.problems() == []
    stored = json.loads((data.data_folder() / "datapackage.json").read_text(encoding="utf-8"))
    assert stored == describe.describe(), "run python data/describe.py"
    for resource in stored["resources"]:
        content = (data.data_folder() / resource["path"]).read_bytes()
        assert resource["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()


def test_frictionless_accepts_the_data_package():
    frictionless = pytest.importorskip("frictionless")
    report = frictionless.Package(str(data.data_folder() / "datapackage.json")).validate()
    assert report.valid, report.to_summary()


@pytest.mark.parametrize(
    ("source", "benchmark", "model", "language", "accuracy"),
    [  # read off the publications
        ("euroeval", "hellaswag", "gemma-4-31b-it", "de", 0.8270),
        ("simple-evals", "mmmlu", "o1-preview", "sw", 0.8479),
        ("gpt-oss-card", "mmmlu", "gpt-oss-120b", "ar", 0.75),
        ("llama-cards", "mmlu-translated", "llama-3.1-8b-instruct", "pt", 0.6212),
        ("idm-african", "winogrande-african", "o1-mini", "zu", 0.64),
        ("qwen-math-thesis", "math-translated", "qwen3-4b", "sw", 0.1106),
    ],
)
def test_figures_are_as_printed(source, benchmark, model, language, accuracy):
    frame = hatlib.load().accuracies
    frame = frame.set_index(["source", "benchmark", "model", "language"])["accuracy"].sort_index()
    assert accuracy in set(frame.loc[[(source, benchmark, model, language)]])


def test_a_wide_table_gives_the_figures_of_a_long_one(tmp_path):
    long = hatlib.load(write(tmp_path, LONG))
    assert not long.bundled
    text = "model,n_items,en,de\na,100,0.8,0.7\nb,100,0.6,0.5\n"
    wide = hatlib.load(write(tmp_path, text, "wide.csv"), benchmark="mine")
    columns = ["model", "language", "accuracy", "n_items", "benchmark"]
    one, two = (t.accuracies[columns].sort_values(columns, ignore_index=True) for t in (long, wide))
    pd.testing.assert_frame_equal(one, two)
    assert one["benchmark"].tolist() == ["mine"] * 4


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (
            "model,language,accuracy\na,en,87\na,klingon,0.5\na,de,\na,fr,half\n,it,0.4\n"
            "b,en,0.5\nb,en,0.6\nb,es,-0.1\n",
            [
                "line 2, column accuracy: the value is above 1. (found: 87.0) Accuracies are sh",
                "line 3, column language: the value is not a language code.",
                "line 4, column accuracy: the value is missing.",
                "line 5, column accuracy: the value is not a number.",
                "line 6, column model: the value is empty.",
                "line 8: the row repeats the model and language of line 7.",
                "line 9, column accuracy: the value is below 0.",
            ],
        ),
        ('model,language,accuracy\n"a\nb",en,0.5\n\n"a\nb",de,7\n', ["line 5, column accuracy"]),
        ("model,en,de,fr\na,1,70,1\nb,1,1,x\n", ["line 2, column de", "line 3, column fr"]),
    ],
)
def test_everything_that_is_wrong_is_said_at_once_with_its_place(tmp_path, text, where):
    found = refused(hatlib.load, write(tmp_path, text))
    assert len(found) == len(where)
    for problem, start in zip(found, where, strict=True):
        assert problem.startswith(f"mine.csv, {start}")


TABLE = "model,language,accuracy"
WRONG = [
    (f"{TABLE}\n", "", "no row below the header"),
    ("model,language\na,en\n", "", "no column accuracy"),
    ("name,lang,score\na,en,0.5\n", "", "no column model, language, accuracy"),
    (f"{TABLE},accuracy\na,en,0.5,0.5\n", "", "stands twice"),
    (f"{TABLE}\na,de,0.5\na,fr,0.5\n", "", "no figure is in the source language"),
    (f"{TABLE}\na,en,0.5\nb,en,0.6\n", "", "no target language"),
    (f'{TABLE}\na,en,"0,87"\na,de,0.5\n', "", "decimal point"),
    (f"{TABLE}\na,en,nan\na,de,0.5\n", "", "accuracy"),
    (f"{TABLE}\na,en,inf\na,de,0.5\n", "", "not a number"),
    (f"{TABLE},n_items\na,en,0.5,-3\na,de,0.5,2.5\n", "", "not above 0"),
    (f"{TABLE},reasoning\na,en,0.5,maximal\na,de,0.5,none\n", "", "reasoning"),
    (f"{TABLE},params_total_b\na,en,0.8,7\na,de,0.7,8\n", "", "two ways"),
    (LONG, "name,family\na,A\n", "no column model"),
    (LONG, "model,params_total_b\na,big\n", "not a number"),
    (LONG, "model,params_total_b\na,-1\n", "not above 0"),
    (LONG, "model,release_date\na,last year\n", "not a date"),
    (LONG, "model,family\na,A\na,B\n", "more than one row"),
    (LONG, "model,params_total_b,params_active_b\na,3,30\n", "params_active_b above"),
]


@pytest.mark.parametrize(("text", "models", "message"), WRONG)
def test_tables_of_accuracies_and_of_models_that_are_wrong(tmp_path, text, models, message):
    described = write(tmp_path, models, "m.csv") if models else None
    found = refused(hatlib.load, write(tmp_path, text), models=described)
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        *[("nothing.csv", {}, "no such file"), ("", {}, "a folder")],
        ("mine.csv", {"source_language": "klingon!"}, "not a language code"),
        ("mine.csv", {"source_language": "sw"}, "source_language"),
        ("mine.csv", {"chance": 25}, "not a share"),
    ],
)
def test_files_and_options_that_are_not_there_are_refused(tmp_path, name, options, message):
    write(tmp_path, LONG)
    assert message in refused(hatlib.load, tmp_path / name, **options)[0]


def test_a_folder_that_may_not_be_read_is_not_called_empty(tmp_path, monkeypatch):
    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "iterdir", forbidden)
    (found,) = refused(hatlib.load, tmp_path)
    assert found.endswith("the file cannot be read: Permission denied.")


def test_chance_is_known_given_or_assumed(tmp_path):
    text = LONG.replace("n_items\n", "n_items,benchmark\n").replace(",100\n", ",100,xnli\n")
    path = write(tmp_path, text)
    assert hatlib.load(path).benchmarks["chance_level"].iloc[0] == pytest.approx(1 / 3, abs=1e-6)
    assert hatlib.load(path, chance=0.2).benchmarks["chance_level"].iloc[0] == 0.2
    unknown = hatlib.load(write(tmp_path, LONG, "new.csv"), chance=UNKNOWN)
    assert unknown.benchmarks["chance_level"].iloc[0] == 0
    assert any("Chance level of new" in line for line in unknown.report.assumed)


def test_models_known_by_name_are_described(tmp_path):
    text = "model,en,de\ngoogle/gemma-3-27b-it,0.8,0.7\nMy own 7B,0.6,0.5\nGPT-4.1,0.9,0.8\n"
    text += "meta-llama/Llama-3.1-8B-Instruct,0.7,0.6\n"
    tables = hatlib.load(write(tmp_path, text))
    models = tables.models.set_index("model")
    assert models.loc["google/gemma-3-27b-it", "params_total_b"] == pytest.approx(27.432)
    assert models.loc["GPT-4.1", "lineage"] == "GPT"
    assert models.loc["My own 7B", "display_name"] == "My own 7B"
    assert any("3 of 4 models recognised" in line for line in tables.report.read)


def test_a_models_table_and_columns_beside_the_accuracies(tmp_path):
    path = write(tmp_path, LONG)
    table = write(tmp_path, "model,family,params_total_b,release_date\na,A,7,2025-06\n", "m.csv")
    models = hatlib.load(path, models=table).models.set_index("model")
    columns = ["params_total_b", "release_date", "lineage"]
    assert models.loc["a", columns].tolist() == [7, pd.Timestamp(2025, 6, 1), "A"]
    beside = "model,language,accuracy,params_total_b\na,en,0.8,7\na,de,0.7,7\n"
    models = hatlib.load(write(tmp_path, beside, "beside.csv")).models
    assert models["params_total_b"].tolist() == [7]


def test_files_are_noted_for_the_runner_and_their_problems_reported_together(tmp_path, monkeypatch):
    log = tmp_path / "reads"
    monkeypatch.setenv("HATLIB_READS", str(log))
    one = write(tmp_path, LONG.replace("0.8", "87"), "one.csv")
    two = write(tmp_path, "\xff\xfe".encode("latin-1"), "two.csv")
    found = refused(hatlib.load, [one, two])
    assert [problem[:7] for problem in found] == ["one.csv", "two.csv"]
    assert str(one.resolve()) in log.read_text(encoding="utf-8").splitlines()


def test_an_average_in_a_wide_table_is_not_a_language(tmp_path):
    assert is_language("std"), "std is the code of a language; that is the trap"
    text = "model,en,de,fr,std,all\na,0.8,0.7,0.6,0.7,0.7\n"
    tables = hatlib.load(write(tmp_path, text))
    assert set(tables.accuracies["language"]) == {"en", "de", "fr"}
    assert any("std, all" in line for line in tables.report.dropped)
