"""Runs that differ are never one model without a word."""

import json
import shutil
from pathlib import Path
from typing import Any

import make_logs
import pytest
from make_logs import answer_keys, eee_row, lm_eval_rows, refused, write_lines

from hatlib.logs import import_logs
from hatlib.logs.settings import flat

MODEL = "acme/m-7b"
STEP = {"solver": "system_message", "params": {"template": "Hm"}}
DATES = {"en": "2030-01-01T00-00-00.1", "de": "2030-01-02T00-00-00.1"}


def run(folder: Path, code: str, args: str = "", n: int = 30, date: str = "", **about: Any) -> Path:
    """A run of lm-evaluation-harness of one language, as it is written."""
    date = date or DATES[code]
    here = folder / "acme__m-7b"
    rows = lm_eval_rows([i % 2 for i in range(n)], answer_keys(n))
    write_lines(here / f"samples_mgsm_direct_{code}_{date}.jsonl", rows)
    config = {"model_args": f"pretrained={MODEL}{args}", **about.pop("config", {})}
    whole = {"model_name": MODEL, "config": config, "configs": {}, **about}
    (here / f"results_{date}.json").write_text(json.dumps(whole))
    return folder


def inspect(folder: Path, code: str, ids: Any = range(4), part: Any = "", **about: Any) -> None:
    """A log of Inspect of one language."""
    head = make_logs.header(f"mgsm_direct_{code}", **about)
    samples = [make_logs.sample(i, "CI"[i % 2]) for i in ids]
    make_logs.write_log(folder / f"{code}{part}.eval", head, samples)


def config(**fields: Any) -> dict[str, Any]:
    return {"configs": {f"mgsm_direct_{code}": fields for code in DATES}}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({}, {"args": ",load_in_4bit=True"}, "load_in_4bit=True (de)"),
        ({}, {"args": ",revision=step1000"}, "revision=step1000"),
        ({}, {"args": ",enable_thinking=True"}, "enable_thinking"),
        (config(num_fewshot=0), config(num_fewshot=8), "num_fewshot=8"),
        (config(generation_kwargs={"t": 0.0}), config(generation_kwargs={"t": 0.7}), "t=0.7"),
        ({}, {"config": {"gen_kwargs": "temperature=1"}}, "gen_kwargs"),
        ({}, {"system_instruction": "Think hard."}, "system_instruction"),
    ],
)
def test_settings_of_lm_eval_that_differ_are_refused(tmp_path, one, other, told):
    run(run(tmp_path, "en", **one), "de", **other)
    said = refused("lm-eval", tmp_path)
    assert told in said and "--mixed" in said
    report = str(import_logs("lm-eval", tmp_path, mixed=True).report)
    assert told in report and "count as one model" in report


def test_what_does_not_change_an_answer_is_not_compared(tmp_path):
    stops = {"until": ["Frage:"], "temperature": 0.0}
    run(tmp_path, "en", ",device=cuda:0", **config(generation_kwargs=stops | {"until": []}))
    run(tmp_path, "de", ",device=cuda:1", **config(generation_kwargs=stops))
    assert "differ" not in str(import_logs("lm-eval", tmp_path).report)
    assert flat({"batch_size": 8, "seed": 1, "temperature": 0.5}) == {"temperature": "0.5"}


def test_a_setting_that_names_the_language_is_none(tmp_path):
    for code in ("en", "de"):
        task = {"dataset": f"mgsm_{code}.csv", "language": code, "lang_name": code}
        inspect(tmp_path, code, task_args=task)
    assert len(import_logs("inspect", tmp_path).frame) == 8


def test_an_adapter_is_another_model(tmp_path):
    run(run(tmp_path, "en"), "de", ",peft=./adapter-de")
    imported = import_logs("lm-eval", tmp_path)
    assert set(imported.frame["model"]) == {MODEL, f"{MODEL}+adapter-de"}
    for code in DATES:  # an adapter is the name of its model since 0.4.5
        run(tmp_path, code, ",peft=./adapter-de", model_name="./adapter-de")
    assert set(import_logs("lm-eval", tmp_path).frame["model"]) == {f"{MODEL}+adapter-de"}
    # Two adapters of one name are not one.
    shutil.rmtree(tmp_path / "acme__m-7b")
    run(run(tmp_path, "en", ",peft=./a/final"), "de", ",peft=./b/final")
    assert "peft=./a/final" in refused("lm-eval", tmp_path)


def test_the_results_of_another_run_say_nothing_of_this_one(tmp_path):
    run(run(tmp_path, "en"), "de", ",load_in_4bit=True")
    path = tmp_path / "acme__m-7b" / f"results_{DATES['de']}.json"
    path.rename(path.with_name(f"any_name_{DATES['de']}.json"))  # if the output path was a file
    assert "load_in_4bit=True (de)" in refused("lm-eval", tmp_path)
    path.with_name(f"any_name_{DATES['de']}.json").unlink()
    report = str(import_logs("lm-eval", tmp_path).report)
    assert "settings of 1 of 2 runs are not known" in report


def test_limited_and_newer_runs_do_not_replace_others_without_a_word(tmp_path):
    for code in DATES:
        run(tmp_path / "said", code, config={"limit": 10, "model_sha": hash(code)}, n=10)
    assert f"model_sha={hash('de')} (de)" in str(import_logs("lm-eval", tmp_path / "said").report)
    run(tmp_path / "said", "en", config={"limit": 10}, n=10)
    run(tmp_path / "said", "de", versions={"mgsm_direct_de": 2})
    report = str(import_logs("lm-eval", tmp_path / "said").report)
    for told in ("limit=10 (en)", "limit=not set (de)", "version=2 (de)"):
        assert told in report
    run(tmp_path / "said", "de", config={"limit": 10}, n=10)
    report = str(import_logs("lm-eval", tmp_path / "said").report)
    assert "asked with a limit: limit=10 (de, en)" in report
    newer = {"date": "2031-01-01T00-00-00.1"}
    run(run(tmp_path / "logs", "en"), "de")
    run(tmp_path / "logs", "en", n=2, config={"limit": 2.0}, **newer)
    imported = import_logs("lm-eval", tmp_path / "logs")
    assert imported.frame["language"].value_counts().to_dict() == {"de": 30, "en": 30}
    assert "2031-01-01T00-00-00.1.jsonl: 2 rows; " in str(imported.report)
    run(tmp_path / "logs", "de", **config(num_fewshot=5), **newer)
    assert "num_fewshot=5" in refused("lm-eval", tmp_path / "logs")


def test_two_runs_of_one_date_are_no_copies_unless_their_bytes_are(tmp_path):
    run(run(tmp_path, "en"), "de")
    shutil.copytree(tmp_path / "acme__m-7b", tmp_path / "copy" / "acme__m-7b")
    report = import_logs("lm-eval", tmp_path).report
    assert "a copy of" in str(report.dropped)
    path = next((tmp_path / "copy").rglob("samples_*_de_*"))
    path.write_text(path.read_text().replace('"exact_match": 1', '"exact_match": 0'))
    assert "several runs of mgsm_direct_de" in refused("lm-eval", tmp_path)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model_generate_config": {"reasoning_effort": "high"}}, "reasoning_effort=high (de)"),
        ({"plan": {"steps": [], "config": {"temperature": 0.9}}}, "temperature=0.9"),
        ({"task_args": {"fewshot": 5}}, "fewshot=5"),
        ({"model_args": {"quantization": "awq"}}, "quantization=awq"),
        ({"model_roles": {"grader": {"model": "a/judge"}}}, "grader=a/judge (de)"),
        ({"config": {"token_limit": 100}}, "token_limit=100"),
        ({"plan": {"steps": [{"solver": "chain_of_thought"}]}}, "solvers=chain_of_thought"),
        ({"plan": {"steps": [STEP]}}, "system_message=Hm"),
        ({"config": {"epochs": 4}}, "count as one model: epochs="),
        ({"model_base_url": "http://b"}, "count as one model: base_url="),
    ],
)
def test_settings_of_inspect_that_differ_are_refused_or_said(tmp_path, settings, told):
    for code, more in (("en", {}), ("de", settings)):
        inspect(tmp_path, code, **more)
    if "count as" in told:
        assert told in str(import_logs("inspect", tmp_path).report)
    else:
        assert told in refused("inspect", tmp_path)


def test_shards_of_a_run_are_put_together_and_said(tmp_path):
    for code in ("en", "de"):
        for k in range(2):
            limit = [2 * k, 2 * k + 2]
            inspect(tmp_path, code, range(*limit), k, config={"limit": limit})
    imported = import_logs("inspect", tmp_path)
    assert len(imported.frame) == 8
    assert "put together from 2 logs" in str(imported.report.chosen)
    for code in ("en", "de"):  # runs that are replaced as a whole are no part of another one
        inspect(tmp_path, code, created="2031-01-01T00:00:00+00:00")
    assert "put together" not in str(import_logs("inspect", tmp_path).report)


def test_settings_of_every_eval_ever_stand_in_the_aggregate_results(tmp_path):
    for code, effort in (("en", "low"), ("de", "high")):
        rows = [eee_row(f"q{i}", i % 2 == 0, f"mgsm_direct_{code}") for i in range(4)]
        write_lines(tmp_path / f"{code}_samples.jsonl", rows)
        config = {"generation_args": {"temperature": 0.0, "reasoning_effort": effort}}
        config["additional_details"] = {"num_fewshot": len(effort)}
        about = {"additional_details": {"quantization": f"awq-{effort}"}}
        whole = {"evaluation_results": [{"generation_config": config}], "model_info": about}
        (tmp_path / f"{code}.json").write_text(json.dumps(whole))
    said = refused("eee", tmp_path)
    assert "quantization=awq-high (de)" in said and "num_fewshot=4 (de)" in said


@pytest.mark.parametrize(
    ("column", "en", "de", "told"),
    [
        ("temperature", "0.0", 1, "temperature=1 (de)"),
        ("num-fewshot", 5, 0, "num_fewshot=0 (de)"),
        ("reasoning_effort", "low", "high", "reasoning_effort=high"),
        ("adapter", "", "lora", "adapter=lora (de)"),
        *[("limit", 10, "", ""), ("temperature", "0.0", 0, ""), ("seed", 1, 2, "")],
        ("config.temperature", 0, 1, "temperature=1 (de)"),
    ],
)
def test_columns_of_tables_that_are_settings(tmp_path, column, en, de, told):
    for code, value in (("en", en), ("de", de)):
        rows = [{"item": i, "language": code, "correct": i % 2, column: value} for i in range(4)]
        write_lines(tmp_path / f"{code}.jsonl", rows)
    options = {"model": "m", "benchmark": "b"}
    if told:
        assert told in refused("long", tmp_path, **options)
        theirs = {"columns": {"prompting": column}} if en else {"mixed": True}
        assert len(import_logs("long", tmp_path, **options, **theirs).frame) == 8
    else:
        report = str(import_logs("long", tmp_path, **options).report)
        assert ("count as one model" in report) == (column == "limit")
