"""Forms in which logs come: archives, arrays, folders a language, other programs, predictions."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
from make_logs import answer_keys, lm_eval, lm_eval_rows, write_lines

from hatlib.errors import InputError
from hatlib.logs import import_logs

QUIZ = {"model": "m", "benchmark": "quiz"}


def refused(program: str, path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        import_logs(program, path, **options)
    return str(error.value)


def quiz(n: int = 6) -> list[dict[str, Any]]:
    return [
        {"item": i, "language": code, "correct": (i + k) % 2}
        for k, code in enumerate(("en", "de"))
        for i in range(n)
    ]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_is_a_table(tmp_path, indent):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(quiz(), indent=indent))
    assert len(import_logs("long", path, **QUIZ).frame) == 12
    path.write_text(json.dumps(quiz(), indent=indent)[:-40])
    assert "JSON array" in refused("long", path, **QUIZ)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.zst"])
def test_archives_are_folders(tmp_path, kind):
    logs = lm_eval(tmp_path / "logs")
    path = tmp_path / f"logs.{kind}"
    if kind == "zip":
        shutil.make_archive(str(tmp_path / "logs"), "zip", logs)
    else:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz" if kind == "tar.gz" else "w") as archive:
            archive.add(logs, "x")
        data = buffer.getvalue()
        if kind == "tar.zst":
            data = pyarrow.compress(data, "zstd", asbytes=True)
        path.write_bytes(data)
    whole, packed = import_logs("lm-eval", logs).frame, import_logs("lm-eval", path).frame
    pd.testing.assert_frame_equal(packed, whole)
    for log in list(logs.rglob("*.jsonl")):
        log.with_suffix(".jsonl.zst").write_bytes(
            pyarrow.compress(log.read_bytes(), "zstd", asbytes=True)
        )
        log.unlink()
    pd.testing.assert_frame_equal(import_logs("lm-eval", logs).frame, whole)
    path.write_bytes(path.read_bytes()[:1500])
    assert "damaged" in refused("lm-eval", path) or "cut off" in refused("lm-eval", path)


def test_names_in_an_archive_stay_names(tmp_path):
    path = tmp_path / "logs.zip"
    rows = "\n".join(json.dumps(r) for r in lm_eval_rows([1, 0], ["1", "2"]))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil/samples_mgsm_direct_en.jsonl", rows)
        archive.writestr("/samples_mgsm_direct_de.jsonl", rows)
    assert len(import_logs("lm-eval", path, model="m").frame) == 4
    assert sorted(p.name for p in tmp_path.parent.rglob("evil*")) == []


def test_old_logs_of_lm_eval_and_answers_that_were_not_read(tmp_path):
    for code in ("en", "de"):
        rows = lm_eval_rows([i % 2 for i in range(30)], answer_keys(30))
        path = tmp_path / "old" / f"pretrained__acme__m-7b_mgsm_direct_{code}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(rows, indent=2))  # one array, before version 0.4.3
        rows[0] |= {"filtered_resps": ["[invalid]"]}
        write_lines(tmp_path / "unread__m" / f"samples_mgsm_direct_{code}.jsonl", rows)
    frame = import_logs("lm-eval", tmp_path / "old").frame
    assert set(frame["model"]) == {"acme/m-7b"} and len(frame) == 60
    frame = import_logs("lm-eval", tmp_path / "unread__m").frame
    assert frame["n_parsed"].sum() == 58 and frame.loc[0, "n_parsed"] == 0


@pytest.mark.parametrize("named", [False, True])
def test_a_folder_a_language_and_a_file_a_model(tmp_path, named):
    for code in ("en", "de"):
        for model in ("alpha", "beta"):
            rows = [{"uuid": 500 + i, "id": i, "res": "A", "ok": i % 2 == 0} for i in range(4)]
            write_lines(tmp_path / "in" / code / f"{model}.jsonl", rows)
    options = {
        "columns": {"item": "uuid", "correct": "ok"},
        "benchmark": "b",
        "language_from": r"(?P<language>[a-z]+)/(?P<model>\w+)$",
    }
    paths: Any = sorted((tmp_path / "in").rglob("*.jsonl")) if named else tmp_path / "in"
    frame = import_logs("long", paths, **options).frame
    assert set(frame["model"]) == {"alpha", "beta"} and set(frame["language"]) == {"en", "de"}
    assert len(frame) == 16 and set(frame["n_trials"]) == {1}
    said = refused("long", tmp_path / "in", **(options | {"language_from": r"x(?P<language>..)x"}))
    assert "--language-from finds nothing in de/alpha" in said


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.json"])
def test_fields_within_fields(tmp_path, name):
    rows = [
        {
            "doc": {"id": r["item"], "meta": {"lang": r["language"], "kind": "x"}},
            "metric": {"acc": float(r["correct"])},
        }
        for r in quiz()
    ]
    path = tmp_path / name
    if name.endswith("parquet"):
        pd.DataFrame(rows).to_parquet(path)
    elif name.endswith("jsonl"):
        write_lines(path, rows)
    else:
        path.write_text(json.dumps(rows))
    columns = {"item": "doc.id", "language": "doc.meta.lang", "correct": "metric.acc"}
    imported = import_logs("long", path, **QUIZ, columns=columns, stratum="doc.meta.kind")
    assert len(imported.frame) == 12 and set(imported.frame["stratum"]) == {"x"}
    assert set(imported.frame["n_trials"]) == {1}


def test_details_of_lighteval(tmp_path):
    page = Path(__file__).parents[2] / "book/import.md"
    command = re.search(r"--language-from '(.*?)'", page.read_text("utf-8"))
    for code in ("en", "de"):
        path = tmp_path / f"acme/m-7b/2025-11-05T14/details_mgsm:{code}|0_2025-11-05T14.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        doc = [{"id": str(i), "task_name": f"mgsm:{code}|0"} for i in range(6)]
        metric = [{"extractive_match": float(i % 2)} for i in range(6)]
        pd.DataFrame({"doc": doc, "metric": metric}).to_parquet(path)
    columns = {"item": "doc.id", "correct": "metric.extractive_match"}
    options: Any = {"columns": columns, "language_from": command[1] if command else ""}
    frame = import_logs("long", tmp_path, **options).frame
    assert frame.groupby(["benchmark", "model", "language"])["n_correct"].sum().to_dict() == {
        ("mgsm", "acme/m-7b", code): 3 for code in ("de", "en")
    }


def test_predictions_are_compared_with_the_right_answers(tmp_path):
    said = ["1,080", "(b)", "«Paris».", "", "[invalid]", "7"]
    gold = ["1080.0", "B", "paris", "3", "4", "8"]
    rows = [
        {"item": i, "language": code, "prediction": p, "answer": g}
        for code in ("en", "de")
        for i, (p, g) in enumerate(zip(said, gold, strict=True))
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    imported = import_logs("long", path, **QUIZ, gold="answer")
    assert imported.frame["n_correct"].tolist() == [1, 1, 1, 0, 0, 0] * 2
    assert imported.frame["n_parsed"].tolist() == [1, 1, 1, 0, 0, 1] * 2
    assert "33.3%" in str(imported.report) and "without case" in str(imported.report)
    assert "prediction" in refused("long", path, **QUIZ)


def test_repeats_as_counts(tmp_path):
    rows = [{**r, "n_correct": 2 * r.pop("correct"), "repeats": 3} for r in quiz()]
    path = write_lines(tmp_path / "a.jsonl", rows)
    frame = import_logs("long", path, **QUIZ).frame
    assert set(frame["n_trials"]) == {3} and set(frame["n_correct"]) == {0, 2}


def test_one_name_for_several_languages_models_or_benchmarks_is_refused(tmp_path):
    rows = [{**r, "benchmark": b, "model": m} for b, m in (("b", "m"), ("c", "n")) for r in quiz()]
    path = write_lines(tmp_path / "a.jsonl", rows)
    assert "2 models" in refused("long", path, model="mine")
    assert "2 benchmarks" in refused("long", path, benchmark="mine")
    for code in ("en", "de"):  # files of equal bytes are two languages if their names are
        write_lines(tmp_path / "same" / f"q_{code}.jsonl", [{"item": 1, "correct": 1}])
    found = import_logs("long", tmp_path / "same", **QUIZ, language_from="q_(?P<language>..)")
    assert found.frame["language"].tolist() == ["de", "en"]
    rows = [*quiz(), {"item": 1, "language": "all", "correct": 1}]
    imported = import_logs("long", write_lines(tmp_path / "b.jsonl", rows), **QUIZ)
    assert set(imported.frame["language"]) == {"en", "de"}
    assert "1 row: this stands for several languages or none" in str(imported.report)


def test_pointers_of_git_lfs_are_named_once(tmp_path):
    logs = lm_eval(tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    for path in logs.rglob("*.json*"):
        path.write_text(pointer)
    said = refused("lm-eval", logs)
    assert "git lfs pull" in said and len(said.splitlines()) == 1
    (tmp_path / "a.csv").write_text(pointer)
    assert "git lfs pull" in refused("long", tmp_path / "a.csv", **QUIZ)


def test_what_is_no_table_is_told_its_importer(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", lm_eval_rows([1, 0], ["1", "2"]))
    assert "hat import lm-eval" in refused("long", path, **QUIZ)
    path = write_lines(tmp_path / "b.jsonl", [{"euroeval_version": "1", "dataset": "d"}])
    assert "have no items" in refused("long", path, **QUIZ)
    assert "have no items" in refused("euroeval", path)


def test_helm(tmp_path):
    for code, shots in (("en", 5), ("de", 5), ("de", 0)):
        folder = tmp_path / "suite" / f"mgsm:language={code},model=acme_m-7b"
        stats = [
            {"name": {"name": "exact_match", "split": "test"}, "count": 1, "mean": 0},
            {"name": {"name": "num_bytes"}, "count": 1, "mean": 300},
        ]
        rows = [
            {"instance_id": f"id{i}", "stats": [stats[0] | {"mean": i % 2}, stats[1]]}
            for i in range(6)
        ]
        rows.append(rows[0] | {"perturbation": {"name": "typos"}})
        adapter = {"model": "acme/m-7b", "max_train_instances": shots}
        args = {"scenario_spec": {"args": {"language": code}}, "adapter_spec": adapter}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "per_instance_stats.json").write_text(json.dumps(rows))
        (folder / "run_spec.json").write_text(json.dumps({"name": folder.name, **args}))
        if (code, shots) == ("de", 5):
            imported = import_logs("helm", tmp_path)
            assert imported.frame.groupby("language")["n_correct"].mean().tolist() == [0.5, 0.5]
            assert set(imported.frame["model"]) == {"acme/m-7b"}
            assert "1 instance perturbed" in str(imported.report)
    assert "max_train_instances=0 (de)" in refused("helm", tmp_path)


@pytest.mark.parametrize("judged", [False, True])
def test_opencompass(tmp_path, judged):
    folder = tmp_path / ("results" if judged else "predictions") / "m-7b-hf"
    folder.mkdir(parents=True)
    answers: Any = {str(i): {"prediction": "AB"[i % 2], "gold": "A"} for i in range(6)}
    if judged:
        answers = {"details": {k: v | {"correct": k in "024"} for k, v in answers.items()}}
    for code in ("en", "de"):
        (folder / f"mgsm_{code}.json").write_text(json.dumps(answers))
    frame = import_logs("opencompass", tmp_path).frame
    assert frame.groupby("language")["n_correct"].mean().tolist() == [0.5, 0.5]
    assert set(frame["model"]) == {"m-7b-hf"} and "n_parsed" in frame


def test_codes_of_countries_are_asked_about(tmp_path):
    rows = [{**r, "language": {"de": "jp"}.get(r["language"], "en")} for r in quiz()]
    path = write_lines(tmp_path / "a.jsonl", rows)
    assert "--language-code jp=ja" in refused("long", path, **QUIZ)
    frame = import_logs("long", path, **QUIZ, language_codes={"jp": "ja"}).frame
    assert set(frame["language"]) == {"en", "ja"}
    for code in ("en", "kr"):
        rows = lm_eval_rows([1, 0], ["1", "2"])
        write_lines(tmp_path / "x__m" / f"samples_riddles_{code}.jsonl", rows)
    said = refused("lm-eval", tmp_path / "x__m", language_from="riddles_(..)")
    assert "--language-code kr=ko" in said
    rows = [*quiz(), {"item": 1, "language": "unk", "correct": 1}]
    imported = import_logs("long", write_lines(tmp_path / "c.jsonl", rows), **QUIZ)
    assert set(imported.frame["language"]) == {"en", "de"}


def test_one_language_under_two_spellings(tmp_path):
    rows = [{**r, "model": "m", "language": {"de": "zh"}.get(r["language"], "en")} for r in quiz()]
    other = [{**r, "model": "n", "language": r["language"].replace("zh", "zh-CN")} for r in rows]
    path = write_lines(tmp_path / "a.jsonl", rows + other)
    imported = import_logs("long", path, benchmark="quiz")
    assert "read as one language, zh" in str(imported.report)
    both = [r | {"language": "zh_Hans"} for r in rows if r["language"] == "zh"]
    path = write_lines(tmp_path / "b.jsonl", rows + both)
    assert "several spellings of zh" in refused("long", path, benchmark="quiz")


def test_names_of_benchmarks_in_a_column_are_not_read_as_tasks(tmp_path):
    rows = [{**r, "benchmark": "copa", "model": "m"} for r in quiz()]
    imported = import_logs("long", write_lines(tmp_path / "a.jsonl", rows))
    assert set(imported.frame["benchmark"]) == {"copa"}
    # A task beside them still says the subject, without which items would be one.
    rows = [
        {**r, "benchmark": "b", "model": "m", "task": f"mmlu_prox_{r['language']}_{subject}"}
        for subject in ("law", "math")
        for r in quiz()
    ]
    frame = import_logs("long", write_lines(tmp_path / "b.jsonl", rows)).frame
    assert frame["item"].nunique() == 12 and set(frame["n_trials"]) == {1}
    assert set(frame["benchmark"]) == {"b"}
