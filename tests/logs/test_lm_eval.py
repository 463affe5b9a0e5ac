"""Sample logs of lm-evaluation-harness, with their traps."""

import json
import shutil
from functools import partial

import make_logs
import numpy as np
import pytest
from make_logs import DATE, MODELS, answer_keys, answers, lm_eval, lm_eval_rows, write_lines

from hatlib.errors import InputError
from hatlib.logs import import_logs

ALTERNATING = [i % 2 for i in range(40)]
read, refused = partial(import_logs, "lm-eval"), partial(make_logs.refused, "lm-eval")
BAD = """
{"acc": 1} | {"doc_id": null, "acc": 1} | {"doc_id": [1], "acc": 1} | {"doc_id": 1}
{"doc_id": 1, "acc": "yes"} | {"doc_id": 1, "acc": [1, 0]} | {"doc_id": 1, "acc": {"a": 1}}
{"doc_id": 1, "metrics": "acc"} | {"doc_id": 1, "metrics": [["x"]], "doc": 3, "target": {}}
"""
RESULTS = ["[]", "{", '{"configs": 3, "config": []}', '{"model_name": 7, "configs": {"a": 1}}']


def samples(folder, task, rows, date=DATE):
    return write_lines(folder / "invented__m" / f"samples_{task}_{date}.jsonl", rows)


def given(right=ALTERNATING, *metric, **more):
    """A maker of rows: those answers in every language."""
    return lambda _, keys: lm_eval_rows(right, keys, *metric, **more)


def both(folder, task="mgsm_direct_{}", make=None, languages="en de"):
    """One model's logs of a task in some languages; `make(language, keys)` gives the rows."""
    for code in languages.split():
        samples(folder, task.format(code), (make or given())(code, answer_keys(40)))
    return folder


def filters(**values):
    """A maker of rows: those of each filter follow each other, in every language."""
    return lambda code, keys: [
        row
        for name, right in values.items()
        for row in lm_eval_rows(right(code), keys, filter=name.replace("_", "-"))
    ]


def test_two_models_three_languages(tmp_path):
    found = answers()
    imported = read(lm_eval(tmp_path, found))
    shares = imported.frame.groupby(["model", "language"])["n_correct"].mean()
    for (model, language), right in found.items():
        assert shares[model, language] == pytest.approx(right.mean())
    for name, value in (("benchmark", "mgsm"), ("prompting", "direct"), ("chance_level", 0.0)):
        assert set(imported.frame[name]) == {value}
    told = ["mgsm: items by id; the keys agree with en in 100.0% (de), 100.0% (sw) of 60 items."]
    assert list(imported.report.paired) == told
    assert not imported.report.missing and not imported.report.dropped


def test_the_name_of_the_model(tmp_path):
    imported = read(lm_eval(tmp_path / "a", results=False))
    assert set(imported.frame["model"]) == set(MODELS)
    assert "by the name of the folder" in str(imported.report)
    assert "2 models" in refused(tmp_path / "a", model="mine")
    assert "2 models" in refused(lm_eval(tmp_path / "b"), model="mine")
    path = tmp_path / "c" / "en" / "samples_mgsm_direct_de.jsonl"
    assert "--model" in refused(write_lines(path, [{"doc_id": 0, "acc": 1}]))


def test_several_filters_count_once(tmp_path):
    rows = filters(
        strict_match=lambda _: [int(i < 10) for i in range(40)],
        flexible_extract=lambda _: [int(i < 30) for i in range(40)],
    )
    imported = read(both(tmp_path, make=rows))
    assert set(imported.frame["n_trials"]) == {1} and len(imported.frame) == 80
    assert imported.frame["n_correct"].sum() == 20
    told = "exact_match under strict-match; not exact_match under flexible-extract (0.75"
    assert told in str(imported.report)
    assert read(tmp_path, filter="flexible-extract").frame["n_correct"].sum() == 60
    assert "under lenient" in refused(tmp_path, filter="lenient")


def test_the_wrong_filter_is_refused_and_the_right_one_named(tmp_path):
    rows = filters(
        strict_match=lambda code: [0] * 40 if code == "de" else ALTERNATING,
        flexible_extract=lambda _: ALTERNATING,
    )
    assert "under flexible-extract (0.50 right)" in refused(both(tmp_path, make=rows))
    assert "look whether the parser" in str(read(tmp_path, filter="strict-match").report)
    both(tmp_path, make=given([0] * 40))
    assert "Were the answers read?" in refused(tmp_path)
    assert read(tmp_path, metric="exact_match").frame["n_correct"].sum() == 0


def test_filters_without_names_are_told_apart_and_asked_about(tmp_path):
    def rows(_, keys):
        first = lm_eval_rows(ALTERNATING, keys)
        return first + [r | {"filtered_resps": ["other"], "exact_match": 1} for r in first]

    both(tmp_path, "mgsm_native_cot_{}", rows)
    assert "exact_match under 2 (1.00 right)" in refused(tmp_path)
    assert set(read(tmp_path, filter="1").frame["n_trials"]) == {1}
    # The configuration names them in their order, and puts the last one last.
    named = {"filter_list": [{"name": "get-answer"}, {"name": "flexible"}]}
    configs = {f"mgsm_native_cot_{c}": named for c in ("en", "de")}
    about = tmp_path / "invented__m" / f"results_{DATE}.json"
    about.write_text(json.dumps({"model_name": "x/y", "configs": configs}))
    assert "under flexible; not" in str(read(tmp_path).report)


def test_metrics_are_chosen_or_asked_for(tmp_path):
    known = given(ALTERNATING, "acc_norm", acc=1.0, metrics=["acc", "acc_norm"])
    unknown = given(ALTERNATING, "bleu_acc", rouge1_acc=1)
    graded = given(np.linspace(0, 9, 40).tolist(), "bleu_max")
    assert "metric acc; not acc_norm" in str(read(both(tmp_path / "a", "xnli_{}", known)).report)
    both(tmp_path / "b", "xnli_{}", unknown)
    assert "bleu_acc (0.50 right), rouge1_acc (1.00 right)" in refused(tmp_path / "b")
    assert "accuracy" in refused(tmp_path / "b", metric="accuracy")
    read(tmp_path / "b", metric="bleu_acc")
    told = refused(both(tmp_path / "c", make=graded))
    assert "bleu_max (0 to 9)" in told and "--threshold" in told
    assert "--threshold" in refused(tmp_path / "c", metric="bleu_max")
    imported = read(tmp_path / "c", metric="bleu_max", threshold=4.5)
    assert imported.frame["n_correct"].sum() == 2 * 20
    assert "does not judge" in str(imported.report)


def test_copies_and_repeats_of_rows(tmp_path):
    imported = read(both(tmp_path, make=lambda _, keys: lm_eval_rows(ALTERNATING, keys) * 2))
    assert set(imported.frame["n_trials"]) == {1}
    assert "40 rows that repeat an earlier one" in str(imported.report)

    def repeats(_, keys):
        first = lm_eval_rows(ALTERNATING, keys, filter="none")
        return first + [r | {"resps": [["another"]], "exact_match": 1} for r in first]

    frame = read(both(tmp_path, make=repeats)).frame
    assert set(frame["n_trials"]) == {2} and set(frame["n_correct"]) == {1, 2}
    for share, n in ((0.25, 4), (1.0, 1)):  # several responses of one row
        rows = given([share * (i % 2) for i in range(40)], resps=[["x"] * 4])
        frame = read(both(tmp_path, make=rows), metric="exact_match").frame
        assert set(frame["n_trials"]) == {n} and set(frame["n_correct"]) == {0, 1}


def test_the_latest_complete_run_counts(tmp_path):
    both(tmp_path)
    keys, task = answer_keys(40), "mgsm_direct_de"
    samples(tmp_path, task, lm_eval_rows([1] * 40, keys), date="2031-01-01T00-00-00.1")
    short = [0] * 38 + [None, float("nan")]
    samples(tmp_path, task, lm_eval_rows(short, keys), date="2032-01-01T00-00-00.1")
    shutil.copytree(tmp_path / "invented__m", tmp_path / "again" / "invented__m")
    imported = read(tmp_path)
    assert set(imported.frame["n_trials"]) == {1}
    german = imported.frame.query("language == 'de'")["n_correct"]
    assert german.sum() == len(german) == 40
    assert f"{DATE}.jsonl: 40 rows; " in str(imported.report)
    for line in ("2032-01-01T00-00-00.1.jsonl: 40 rows; ", "2031-01-01T00-00-00.1.jsonl has"):
        assert line in str(imported.report)
    assert "a copy of" in str(imported.report)


def test_documents_name_items_and_what_they_share(tmp_path):
    def asked(_, keys):
        doc = lambda i: {"question_id": 7 * i, "answer": "ABC"[i % 3]}  # noqa: E731
        rows = lm_eval_rows(ALTERNATING, keys, filter="custom-extract")
        return [row | {"doc": doc(row["doc_id"])} for row in rows]

    def passages(_, keys):
        doc = lambda i: {"link": f"https://x.org/{i // 2}", "question_number": i % 2 + 1}  # noqa: E731
        return [row | {"doc": doc(row["doc_id"])} for row in lm_eval_rows(ALTERNATING, keys, "acc")]

    for subject in ("law", "computer_science"):
        both(tmp_path / "a", f"mmlu_prox_lite_{{}}_{subject}", asked)
    imported = read(tmp_path / "a")
    assert imported.frame["item"].nunique() == 80 and "law/7" in set(imported.frame["item"])
    assert "by question_id" in str(imported.report)
    assert set(imported.frame["chance_level"]) == {0.1}
    frame = read(both(tmp_path / "b", "belebele_{}", passages, "eng_Latn zho_Hant")).frame
    assert set(frame["language"]) == {"en", "zh-Hant"} and frame["cluster"].nunique() == 20


@pytest.mark.parametrize("with_ids", [True, False])
def test_ids_of_the_document_pair_what_positions_would_not(tmp_path, with_ids):
    """A filter dropped an item in one language: positions shift, and ids do not."""

    def rows(code, _):
        labels = np.random.default_rng(3).integers(0, 2, 101).tolist()
        kept = [i for i in range(101) if not (code == "de" and i == 0)]
        docs = [{"label": labels[i]} | ({"id": i} if with_ids else {}) for i in kept]
        return [
            {"doc_id": k, "doc": docs[k], "resps": [[str(i)]], "acc": i % 2}
            for k, i in enumerate(kept)
        ]

    both(tmp_path, "paws_{}", rows)
    if with_ids:
        report = str(read(tmp_path).report)
        assert "(de) of 100 items" in report and "of 101 items: de 1." in report
    else:
        assert "other questions" in refused(tmp_path)


def test_keys_that_differ_or_cannot_be_compared(tmp_path):
    def others(code, _):
        return lm_eval_rows(ALTERNATING, answer_keys(40, seed=len(code) + ord(code[0])))

    def free(code, keys):
        return [r | {"doc": {}, "target": f"{code} text"} for r in lm_eval_rows(ALTERNATING, keys)]

    assert "other questions" in refused(both(tmp_path / "a", make=others))
    imported = read(both(tmp_path / "b", "truthfulqa-multi_gen_{}", free, "en eu"))
    assert "could not be checked in eu, as the right answers are free text" in str(imported.report)


def test_tasks_that_no_rule_knows(tmp_path):
    both(tmp_path, "riddles_{}_hard")
    assert "--language-from" in refused(tmp_path)
    frame = read(tmp_path, language_from="(?P<benchmark>riddles)_(?P<language>..)_").frame
    assert set(frame["benchmark"]) == {"riddles"} and frame["item"].iloc[0] == "hard/0"
    frame = read(tmp_path, language_from="riddles_(..)").frame
    assert set(frame["benchmark"]) == {"riddles_hard"}
    assert "regular expression" in refused(tmp_path, language_from="((")
    assert "with a group for the language" in refused(tmp_path, language_from="riddles")
    imported = read(both(tmp_path))  # beside tasks that are known they are left out, and named
    assert set(imported.frame["benchmark"]) == {"mgsm"}
    assert "riddles_de_hard" in str(imported.report.dropped)
    path = next(tmp_path.rglob("samples_riddles_de*"))
    imported = read(path, language="deu", benchmark="p")
    assert set(imported.frame["language"]) == {"de"} and set(imported.frame["benchmark"]) == {"p"}
    assert "Kept all the same" in str(imported.report)
    assert "not a language code" in refused(path, language="klingonese")
    for variant in ("direct", "native_cot"):  # two tasks are not made one
        both(tmp_path / "two", f"mgsm_{variant}_{{}}")
    assert set(read(tmp_path / "two").frame["prompting"]) == {"direct", "native_cot"}
    assert "would be one" in refused(tmp_path / "two", prompting="mine")


def test_rows_and_results_of_the_wrong_shape(tmp_path):
    for row in map(json.loads, BAD.replace("\n", "|")[1:-1].split("|")):
        samples(tmp_path / "a", "mgsm_direct_de", [row] * 3)
        assert refused(tmp_path / "a"), row
    for about in RESULTS:
        (both(tmp_path) / "invented__m" / f"results_{DATE}.json").write_text(about)
        try:
            assert set(read(tmp_path / "invented__m").frame["model"]) == {"invented/m"}
        except InputError as error:
            assert "results_" in str(error)
