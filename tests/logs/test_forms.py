"""Forms in which logs come: archives, old versions, other programs, pointers."""

import io
import json
import re
import shutil
import tarfile
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
from make_logs import answer_keys, lm_eval, lm_eval_rows, refused, table, write_lines

from hatlib.logs import import_logs

zstd = partial(pyarrow.compress, codec="zstd", asbytes=True)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.zst"])
def test_archives_are_folders(tmp_path, kind):
    logs, path = lm_eval(tmp_path / "logs"), tmp_path / f"logs.{kind}"
    if kind == "zip":
        shutil.make_archive(str(tmp_path / "logs"), "zip", logs)
    else:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz" if kind == "tar.gz" else "w") as archive:
            archive.add(logs, "x")
        path.write_bytes(zstd(buffer.getvalue()) if kind == "tar.zst" else buffer.getvalue())
    whole, packed = import_logs("lm-eval", logs).frame, import_logs("lm-eval", path).frame
    pd.testing.assert_frame_equal(packed, whole)
    for log in list(logs.rglob("*.jsonl")):
        log.with_suffix(".jsonl.zst").write_bytes(zstd(log.read_bytes()))
        log.unlink()
    pd.testing.assert_frame_equal(import_logs("lm-eval", logs).frame, whole)
    path.write_bytes(path.read_bytes()[:1500])
    assert re.search("damaged|cut off", refused("lm-eval", path))


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


def test_details_of_lighteval(tmp_path):
    page = Path(__file__).parents[2] / "book/import.md"
    command = re.search(r"--language-from '(.*?)'", page.read_text("utf-8"))
    for code in ("en", "de"):
        path = tmp_path / f"acme/m-7b/2025-11-05T14/details_mgsm:{code}|0_2025-11-05T14.parquet"
        doc = [{"id": str(i), "task_name": f"mgsm:{code}|0"} for i in range(6)]
        metric = [{"extractive_match": float(i % 2)} for i in range(6)]
        table(path, {"doc": doc, "metric": metric})
    columns = {"item": "doc.id", "correct": "metric.extractive_match"}
    options: Any = {"columns": columns, "language_from": command[1] if command else ""}
    frame = import_logs("long", tmp_path, **options).frame
    assert frame.groupby(["benchmark", "model", "language"])["n_correct"].sum().to_dict() == {
        ("mgsm", "acme/m-7b", code): 3 for code in ("de", "en")
    }


def test_pointers_of_git_lfs_are_named_once(tmp_path):
    logs = lm_eval(tmp_path)
    for path in [*logs.rglob("*.json*"), tmp_path / "a.csv"]:
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    said = refused("lm-eval", logs)
    assert "git lfs pull" in said and len(said.splitlines()) == 1
    assert "git lfs pull" in refused("long", tmp_path / "a.csv")


def test_files_of_another_program_are_told_apart(tmp_path):
    path = write_lines(tmp_path / "samples_mgsm_direct_en.jsonl", [{"doc_id": 1, "resps": []}])
    assert "Use hat import lm-eval" in refused("inspect", path)
    (tmp_path / "a.7z").write_bytes(b"7z")
    assert "not the name of a sample log" in refused("lm-eval", tmp_path / "a.7z")
    assert "have no items" in refused("euroeval", path)
    for program in ("helm", "eee"):
        assert "hat import lm-eval" in refused(program, tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "results_2030-01-01T00-00-00.json").write_text("{}")
    assert "written with --log_samples" in refused("lm-eval", tmp_path / "m")
    for code in ("en", "kr"):
        rows = lm_eval_rows([1, 0], ["1", "2"])
        write_lines(tmp_path / "x__m" / f"samples_riddles_{code}.jsonl", rows)
    said = refused("lm-eval", tmp_path / "x__m", language_from="riddles_(..)")
    assert "--language-code kr=ko" in said


def test_helm(tmp_path):
    for code, shots in (("en", 5), ("de", 5), ("de", 0)):
        folder = tmp_path / "suite" / f"mgsm:language={code},model=acme_m-7b"
        right, size = {"name": {"name": "exact_match", "split": "test"}}, {"name": "num_bytes"}
        rows: list[dict[str, Any]] = [
            {"instance_id": f"id{i}", "stats": [right | {"mean": i % 2}, {"name": size, "mean": 9}]}
            for i in range(6)
        ]
        rows.append(rows[0] | {"perturbation": {"name": "typos"}})
        adapter = {"model": "acme/m-7b", "max_train_instances": shots}
        spec = {"scenario_spec": {"args": {"language": code}}, "adapter_spec": adapter}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "per_instance_stats.json").write_text(json.dumps(rows))
        (folder / "run_spec.json").write_text(json.dumps({"name": folder.name, **spec}))
        if (code, shots) == ("de", 5):
            imported = import_logs("helm", tmp_path)
            assert imported.frame.groupby("language")["n_correct"].mean().tolist() == [0.5, 0.5]
            assert set(imported.frame["model"]) == {"acme/m-7b"}
            assert "1 instance perturbed" in str(imported.report)
    assert "max_train_instances=0 (de)" in refused("helm", tmp_path)
    shutil.rmtree(tmp_path / "suite" / "mgsm:language=de,model=acme_m-7b")
    shutil.copytree(tmp_path / "suite", tmp_path / "again")
    path = next((tmp_path / "again").rglob("per_instance_stats.json"))
    path.write_text(path.read_text() + " ")  # a second suite has no date
    assert "again/mgsm:language=en,model=acme_m-7b/per_" in refused("helm", tmp_path)


@pytest.mark.parametrize(
    ("predicted", "judged", "right", "told"),
    [
        *[("en de", "", 3, "the prediction is the same as gold"), ("", "en de", 2, "")],
        ("en de", "en de", 2, "Predictions: the results of OpenCompass have their verdicts"),
        ("en de", "en", 0, "results have verdicts, and there are none of m-7b-hf/mgsm_de"),
        ("fr", "en de", 0, "none of m-7b-hf/mgsm_fr"),
    ],
)
def test_predictions_and_results_of_opencompass(tmp_path, predicted, judged, right, told):
    answers = {str(i): {"prediction": "AB"[i % 2], "gold": ["A", "C"]} for i in range(6)}
    results = {"details": {k: v | {"correct": k in "04"} for k, v in answers.items()}}
    files = {f"predictions/m-7b-hf/mgsm_{code}.json": answers for code in predicted.split()}
    files |= {f"results/m-7b-hf/mgsm_{code}.json": results for code in judged.split()}
    for name, content in files.items():
        write_lines(tmp_path / name, [content])
    if not right:
        assert told in refused("opencompass", tmp_path)
        return
    imported = import_logs("opencompass", tmp_path)
    assert imported.frame.groupby("language")["n_correct"].sum().tolist() == [right, right]
    assert set(imported.frame["model"]) == {"m-7b-hf"} and "n_parsed" in imported.frame
    assert told in str(imported.report)


def test_the_newest_run_of_opencompass_is_told_by_its_folder(tmp_path):
    for date in ("20300101_000000", "20300102_000000"):
        answers = {str(i): {"prediction": "AB"[date[7] == "1"], "gold": "B"} for i in range(6)}
        for code in ("en", "de"):
            write_lines(tmp_path / date / "predictions" / "m" / f"mgsm_{code}.json", [answers])
    imported = import_logs("opencompass", tmp_path)
    assert imported.frame["n_correct"].sum() == 0
    assert "20300101_000000/predictions/m/mgsm_de.json: 6 answers" in str(imported.report)
