"""Sample logs of lm-evaluation-harness, with their traps."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from make_logs import DATE, LADDER, MODELS, answer_keys, answers, lm_eval, lm_eval_rows, write_lines

import hatlib
from hatlib.errors import InputError
from hatlib.logs import import_logs

STRONG, WEAK = MODELS


def samples(folder: Path, task: str, rows: list, model: str = "invented__m", date: str = DATE):
    return write_lines(folder / model / f"samples_{task}_{date}.jsonl", rows)


def both(folder: Path, task: str, make, languages: str = "en de") -> Path:
    """One model's logs of a task in some languages; `make(language, keys)` gives the rows."""
    keys = answer_keys(40)
    for code in languages.split():
        samples(folder, task.format(code), make(code, keys))
    return folder


def alternating(n: int = 40) -> list[int]:
    return [i % 2 for i in range(n)]


def plain(_, keys):
    return lm_eval_rows(alternating(), keys)


def read(folder, **options):
    return import_logs("lm-eval", folder, **options)


def refused(folder, **options) -> str:
    with pytest.raises(InputError) as error:
        read(folder, **options)
    return str(error.value)


def test_two_models_three_languages(tmp_path):
    found = answers()
    imported = read(lm_eval(tmp_path, found))
    table = imported.table().set_index(["model", "language"])
    for (model, language), right in found.items():
        assert table.loc[(model, language), "right"] == pytest.approx(right.mean())
    assert set(imported.frame["benchmark"]) == {"mgsm"}
    assert set(imported.frame["prompting"]) == {"direct"}
    assert set(imported.frame["chance_level"]) == {0.0}
    assert imported.report.paired == (
        "mgsm: items by id; the keys agree with en in all of 60 items in de, sw.",
    )
    assert imported.report.missing == imported.report.dropped == ()


def test_written_answers_load_and_score(tmp_path):
    imported = read(lm_eval(tmp_path / "logs", answers(LADDER)))
    for name in ("a.parquet", "a.csv", "a.csv.gz"):
        path = imported.write(tmp_path / name)
        responses = hatlib.load_responses(path)
        assert len(responses.frame) == len(imported.frame)
        with pytest.raises(InputError, match="not overwritten"):
            imported.write(path)
        imported.write(path, force=True)
    scores = hatlib.hat_scores(responses, hardness="pooled", draws=20)
    assert set(scores.table()["model"]) == set(LADDER)


def test_the_name_of_the_model(tmp_path):
    imported = read(lm_eval(tmp_path / "a", results=False))
    assert set(imported.frame["model"]) == set(MODELS)
    assert "by the name of the folder" in str(imported.report)
    assert "2 models" in refused(tmp_path / "a", model="mine")
    assert "2 models" in refused(lm_eval(tmp_path / "b"), model="mine")
    for folder in ("en", "results", "de-AT", "zh_Hant"):
        rows = [{"doc_id": 0, "acc": 1}]
        write_lines(tmp_path / "c" / folder / "samples_mgsm_direct_de.jsonl", rows)
        assert "--model" in refused(tmp_path / "c")


def test_several_filters_count_once(tmp_path):
    def rows(_, keys):
        strict = lm_eval_rows([int(i < 10) for i in range(40)], keys, filter="strict-match")
        loose = lm_eval_rows([int(i < 30) for i in range(40)], keys, filter="flexible-extract")
        return strict + loose

    both(tmp_path, "mgsm_native_cot_{}", rows)
    imported = read(tmp_path)
    assert set(imported.frame["n_trials"]) == {1} and len(imported.frame) == 80
    assert imported.frame["n_correct"].sum() == 20
    assert "exact_match under strict-match; not exact_match under flexible-extract (0.75" in str(
        imported.report
    )
    loose = read(tmp_path, filter="flexible-extract")
    assert loose.frame["n_correct"].sum() == 60
    assert "under lenient" in refused(tmp_path, filter="lenient")


def test_the_wrong_filter_is_refused_and_the_right_one_named(tmp_path):
    def rows(code, keys):
        strict = [0] * 40 if code == "de" else alternating()
        return lm_eval_rows(strict, keys, filter="strict-match") + lm_eval_rows(
            alternating(), keys, filter="flexible-extract"
        )

    both(tmp_path, "mgsm_native_cot_{}", rows)
    told = refused(tmp_path)
    assert "under flexible-extract (0.50 right)" in told
    by_hand = read(tmp_path, filter="strict-match")
    assert "look whether the parser" in str(by_hand.report)


def test_filters_without_names_are_told_apart_and_asked_about(tmp_path):
    def rows(_, keys):
        first = lm_eval_rows(alternating(), keys)
        second = [r | {"filtered_resps": ["other"], "exact_match": 1} for r in first]
        return first + second

    both(tmp_path, "mgsm_native_cot_{}", rows)
    told = refused(tmp_path)
    assert "exact_match under 2 (1.00 right)" in told
    assert set(read(tmp_path, filter="1").frame["n_trials"]) == {1}
    # The configuration names them in their order, and puts the last one last.
    filters = [{"name": "get-answer"}, {"name": "flexible"}]
    configs = {f"mgsm_native_cot_{c}": {"filter_list": filters} for c in ("en", "de")}
    about = tmp_path / "invented__m" / f"results_{DATE}.json"
    about.write_text(json.dumps({"model_name": "x/y", "configs": configs}))
    assert "under flexible; not" in str(read(tmp_path).report)


def test_a_log_that_was_written_twice_counts_once(tmp_path):
    both(tmp_path, "mgsm_direct_{}", lambda _, keys: lm_eval_rows(alternating(), keys) * 2)
    imported = read(tmp_path)
    assert set(imported.frame["n_trials"]) == {1}
    assert "40 rows that repeat an earlier one" in str(imported.report)


def test_repeats_are_trials(tmp_path):
    def rows(_, keys):
        first = lm_eval_rows(alternating(), keys, filter="none")
        return first + [r | {"resps": [["another"]], "exact_match": 1} for r in first]

    both(tmp_path, "mgsm_direct_{}", rows)
    frame = read(tmp_path).frame
    assert set(frame["n_trials"]) == {2} and set(frame["n_correct"]) == {1, 2}


def test_the_latest_run_counts(tmp_path):
    keys = answer_keys(40)
    both(tmp_path, "mgsm_direct_{}", plain)
    samples(tmp_path, "mgsm_direct_de", lm_eval_rows([1] * 40, keys), date="2031-01-01T00-00-00.1")
    shutil.copytree(tmp_path / "invented__m", tmp_path / "again" / "invented__m")
    imported = read(tmp_path)
    assert len(imported.frame) == 80 and set(imported.frame["n_trials"]) == {1}
    german = imported.frame[imported.frame["language"] == "de"]
    assert german["n_correct"].eq(1).all()
    told = str(imported.report)
    assert "another log holds" in told and "a copy of" in told and "every answer is right" in told


def test_metrics_that_are_not_0_or_1_are_refused(tmp_path):
    values = np.linspace(0, 9, 40).tolist()
    both(tmp_path, "mgsm_direct_{}", lambda _, keys: lm_eval_rows(values, keys, "bleu_max"))
    told = refused(tmp_path)
    assert "bleu_max (0 to 9)" in told and "--threshold" in told
    assert "not only 0 and 1" in refused(tmp_path, metric="bleu_max")
    imported = read(tmp_path, metric="bleu_max", threshold=4.5)
    assert imported.frame["n_correct"].sum() == 2 * 20
    assert "does not judge" in str(imported.report)


def test_of_several_metrics_one_is_chosen_or_asked_for(tmp_path):
    def rows(_, keys):
        return lm_eval_rows(alternating(), keys, "acc_norm", acc=1.0, metrics=["acc", "acc_norm"])

    both(tmp_path / "a", "xnli_{}", rows)
    assert "metric acc; not acc_norm" in str(read(tmp_path / "a").report)
    both(
        tmp_path / "b",
        "xnli_{}",
        lambda _, keys: lm_eval_rows(alternating(), keys, "bleu_acc", rouge1_acc=1),
    )
    assert "2 metrics may say what is right" in refused(tmp_path / "b")
    assert "no accuracy" in refused(tmp_path / "b", metric="accuracy")
    read(tmp_path / "b", metric="bleu_acc")


def test_nothing_right_anywhere_is_refused(tmp_path):
    both(tmp_path, "mgsm_direct_{}", lambda _, keys: lm_eval_rows([0] * 40, keys))
    assert "Were the answers read?" in refused(tmp_path)
    assert read(tmp_path, metric="exact_match").frame["n_correct"].sum() == 0


def test_values_that_are_missing_are_dropped_with_their_number(tmp_path):
    values = [None, float("nan"), *alternating(38)]
    both(tmp_path, "mgsm_direct_{}", lambda _, keys: lm_eval_rows(values, keys))
    imported = read(tmp_path)
    assert len(imported.frame) == 76
    assert "4 answers without a value of exact_match" in str(imported.report)


def test_tasks_by_subject_keep_their_items_apart(tmp_path):
    def rows(_, keys):
        return [
            r | {"doc": {"question_id": 7 * r["doc_id"], "answer": "ABC"[r["doc_id"] % 3]}}
            for r in lm_eval_rows(alternating(), keys, filter="custom-extract")
        ]

    for subject in ("law", "computer_science"):
        both(tmp_path, f"mmlu_prox_lite_{{}}_{subject}", rows)
    imported = read(tmp_path)
    assert imported.frame["item"].nunique() == 80
    assert "law/7" in set(imported.frame["item"])
    assert "by question_id" in str(imported.report)
    assert set(imported.frame["chance_level"]) == {0.1}


def test_ids_of_the_document_pair_what_positions_would_not(tmp_path):
    """A filter dropped an item in one language: positions shift, and ids do not."""

    def rows(code, keys, with_ids):
        labels = np.random.default_rng(3).integers(0, 2, 101)
        kept = [i for i in range(101) if not (code == "de" and i == 0)]
        return [
            {
                "doc_id": k,
                "doc": {"label": int(labels[i])} | ({"id": i} if with_ids else {}),
                "resps": [[str(i)]],
                "acc": i % 2,
            }
            for k, i in enumerate(kept)
        ]

    both(tmp_path / "ids", "paws_{}", lambda code, keys: rows(code, keys, True))
    imported = read(tmp_path / "ids")
    assert "all of 100 items" in str(imported.report)
    assert "of 101 items: de 1." in str(imported.report)
    both(tmp_path / "positions", "paws_{}", lambda code, keys: rows(code, keys, False))
    assert "other questions" in refused(tmp_path / "positions")


def test_items_of_a_passage_belong_together(tmp_path):
    def rows(_, keys):
        return [
            {
                "doc_id": i,
                "doc": {
                    "link": f"https://example.org/{i // 2}",
                    "question_number": i % 2 + 1,
                    "correct_answer_num": str(int(keys[i]) % 4 + 1),
                },
                "resps": [["x"]],
                "acc": i % 2,
            }
            for i in range(40)
        ]

    both(tmp_path, "belebele_{}", rows, "eng_Latn zho_Hant")
    frame = read(tmp_path).frame
    assert set(frame["language"]) == {"en", "zh-Hant"} and frame["cluster"].nunique() == 20


def test_tasks_that_no_rule_knows(tmp_path):
    both(tmp_path, "riddles_{}_hard", plain)
    assert "--language-from" in refused(tmp_path)
    expression = "(?P<benchmark>riddles)_(?P<language>..)_"
    frame = read(tmp_path, language_from=expression).frame
    assert set(frame["benchmark"]) == {"riddles"} and frame["item"].iloc[0] == "hard/0"
    frame = read(tmp_path, language_from="riddles_(..)").frame
    assert set(frame["benchmark"]) == {"riddles_hard"}
    assert "regular expression" in refused(tmp_path, language_from="((")
    assert "which group" in refused(tmp_path, language_from="riddles")
    # Beside tasks that are known they are left out, and named.
    both(tmp_path, "mgsm_direct_{}", plain)
    imported = read(tmp_path)
    assert set(imported.frame["benchmark"]) == {"mgsm"}
    assert "riddles_de_hard" in str(imported.report.dropped)


def test_one_language_a_file(tmp_path):
    keys = answer_keys(40)
    path = samples(tmp_path, "puzzles", lm_eval_rows(alternating(), keys))
    imported = read(path, language="deu", benchmark="p")
    assert set(imported.frame["language"]) == {"de"} and set(imported.frame["benchmark"]) == {"p"}
    assert "Kept all the same" in str(imported.report)
    assert "not a language code" in refused(path, language="klingonese")


def test_two_tasks_are_not_made_one(tmp_path):
    for variant in ("direct", "native_cot"):
        both(tmp_path, f"mgsm_{variant}_{{}}", plain)
    frame = read(tmp_path).frame
    assert set(frame["prompting"]) == {"direct", "native_cot"}
    assert "would be one" in refused(tmp_path, prompting="mine")


def test_other_questions_are_refused(tmp_path):
    def rows(code, _):
        keys = answer_keys(40, seed=len(code) + ord(code[0]))
        return lm_eval_rows(alternating(), keys)

    both(tmp_path, "mgsm_direct_{}", rows)
    assert "other questions" in refused(tmp_path)


def test_free_text_cannot_be_checked(tmp_path):
    def rows(code, keys):
        return [r | {"doc": {}, "target": f"{code} text"} for r in lm_eval_rows([1, 0] * 20, keys)]

    both(tmp_path, "truthfulqa-multi_gen_{}", rows, "en eu")
    imported = read(tmp_path)
    assert "could not be checked in eu, as the right answers are free text" in str(imported.report)


def test_gzip_and_bom_are_read(tmp_path):
    logs = lm_eval(tmp_path)
    for path in list(logs.rglob("*.jsonl")):
        content = b"\xef\xbb\xbf" + path.read_bytes()
        path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(content, mtime=0))
        path.unlink()
    assert len(read(logs).frame) == 2 * 3 * 60


@pytest.mark.parametrize(
    "row",
    [
        {"exact_match": 1},
        {"doc_id": None, "exact_match": 1},
        {"doc_id": [1], "exact_match": 1},
        {"doc_id": 1},
        {"doc_id": 1, "exact_match": "yes"},
        {"doc_id": 1, "exact_match": [1, 0]},
        {"doc_id": 1, "exact_match": {"a": 1}},
        {"doc_id": 1, "metrics": "exact_match"},
        {"doc_id": 1, "metrics": [["x"]], "doc": 3, "target": {}},
        {"doc_id": 1, "exact_match": 10**400},
    ],
)
def test_rows_of_the_wrong_shape(tmp_path, row):
    samples(tmp_path, "mgsm_direct_de", [row] * 3)
    assert refused(tmp_path)


@pytest.mark.parametrize(
    "about", ["[]", "{", '{"configs": 3, "config": []}', '{"model_name": 7, "configs": {"a": 1}}']
)
def test_results_of_the_wrong_shape(tmp_path, about):
    logs = both(tmp_path, "mgsm_direct_{}", plain)
    (logs / "invented__m" / f"results_{DATE}.json").write_text(about)
    try:
        assert set(read(logs).frame["model"]) == {"invented/m"}
    except InputError as error:
        assert "results_" in str(error)
