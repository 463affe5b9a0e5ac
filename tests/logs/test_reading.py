"""What all importers share: safe reading, names of tasks, pairing, the result."""

import gzip
import json
import os
import random
import re
import tracemalloc
from pathlib import Path

import make_logs
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_logs import answers, eee_row, lm_eval, lm_eval_rows, write_lines

from hatlib import load_responses
from hatlib.data.languages import is_language
from hatlib.errors import InputError
from hatlib.logs import FORMATS, import_logs, pairing, reading
from hatlib.logs.common import TRIAL_COLUMNS
from hatlib.logs.languages import RULES, language_in, rules_table, task_of

NAME = "samples_mgsm_direct_de_2030-01-01T00-00-00.jsonl"
ROW, ONES = b'{"doc_id": 1, "acc": 1}\n', b"item,correct\n" + b"1,1\n" * 9999
NOISE = gzip.compress(random.Random(0).randbytes(5000), mtime=0)[:3000]
HOSTILE_BYTES = {  # what lm-eval says of files that hold such bytes
    "no rows": [b"", b"\n\n"],
    "doc_id": [b"{}\n" * 30, b'{"eval": 1}'],
    "not a JSON object": [b"[1, 2]\n"],
    "UTF-8": [ROW + b'{"doc_id": "caf\xe9"}\n', b"\xff" * 300, '{"doc_id": 1}'.encode("utf-16")],
    "cut off": [gzip.compress(ROW * 5000, mtime=0)[:60], gzip.compress(ONES, mtime=0)[:-40]],
    "damaged": [NOISE, b"\x1f\x8b" + b"junk" * 20, b"\x28\xb5\x2f\xfdrest"],
    "not JSON": [
        *(ROW + b'{"doc_id": 2, "ac', b'{"doc_id": 1, "acc": "\0"}\n', b"null\n", b"\0\0", b"no"),
        *(b"[" * 100_000, b'{"doc_id": ' + b"9" * 5000 + b"}", b"<!DOCTYPE html><html>" * 100),
        *(b"BZh91AYrest", b"PK\x03\x04 x", b"PK\x05\x06", b"PAR1" + b"\0" * 100 + b"PAR1"),
        *(b"PAR1 x", b"item,correct\n", b"item,item\n1,1\n", b"item,correct\n\xff,1\n"),
        *(b"item,correct\n1,\0\n", b'item,correct\n"1,1\n', b"item,correct\n1,1,1\n" * 100),
    ],
    "": [b"[]", b"{}", b'{"item": "\\ud800", "correct": 1, "\\ud800": 2}'],
}
NAMES = [NAME, "a.csv", "a.parquet", "a.jsonl", "a.eval", "a.json"]
HOSTILE = ["<script>alert(1)</script>", "../../etc", "=cmd|' /c calc'!A0", "\x1b[31mred"]
HOSTILE += ["a\nb\0", "x" * 9999, "\ud800"]
FIELDS = st.sampled_from(["doc_id", "doc", "target", "resps", "filter", "metrics", "acc", "x"])
PLAIN = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=8),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
BYTES = st.binary(max_size=300)
TASKS = """
mgsm_en_cot_de | mgsm | de | | en_cot
mgsm_native_cot_en | mgsm | en | | native_cot
mmlu_prox_lite_wo_law | mmlu-prox-lite | wo | law |
global_mmlu_full_fil_us_foreign_policy | global-mmlu | fil | us_foreign_policy |
belebele_arb_Arab | belebele | ar | |
belebele_arb_Latn | belebele | ar-Latn | |
xnli_eu_native | xnli-eu-native | eu | |
copa | xcopa | en | |
include_base_44_greek_medical_license | include | el | medical_license |
include_base_44_german_few_shot_og_stem | include | de | stem | few_shot_og
include_base_44_indonesian_stem | include | id | stem |
truthfulqa-multi_mc1_gl | truthfulqa-multi-mc1 | gl | |
"""
NO_TASKS = ["hellaswag", "mgsm_direct_qq", "xcopa_google_id_en", "", "x" * 9**5]
LETTERS, OTHERS = np.random.default_rng(0).choice(list("ABCD"), (2, 200)).tolist()
SKEWED = ["A"] * 190 + list("BCDBCDBCDB")
UNLIKE = [(LETTERS, OTHERS), (SKEWED, SKEWED[::-1])]
UNLIKE += [(LETTERS, [*LETTERS[:60], *LETTERS[61:], "A"])]  # half in step: better than chance


def refused(*paths, **options) -> str:
    return make_logs.refused("lm-eval", list(paths), **({"model": "m"} | options))


@pytest.mark.parametrize("program", FORMATS)
def test_files_that_are_no_logs(tmp_path, program):
    given = {"model": "m", "benchmark": "riddles", "language": "de"}
    for content, told in ((each, told) for told, some in HOSTILE_BYTES.items() for each in some):
        for name in NAMES:
            (tmp_path / name).write_bytes(content)
            said = make_logs.refused(program, tmp_path / name, **given)
            assert said and (told in said or (program, name) != ("lm-eval", NAME)), (content, said)


def test_a_long_line_a_long_file_and_a_bomb_end_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_LINE", 1000)
    monkeypatch.setattr(reading, "MAX_FILE", 5000)
    path = tmp_path / NAME
    path.write_bytes(b'{"doc_id": 1, "text": "' + b"a" * 2000 + b'"}')
    assert "longer than 1,000 bytes" in refused(path)
    path.write_bytes(b'{"doc_id": 1, "acc": 1}\n' * 1000)
    assert "more than 5,000 bytes" in refused(path)
    path.write_bytes(gzip.compress(b'{"doc_id": 1, "acc": 1}\n' * 1_000_000, mtime=0))
    assert "more than 5,000 bytes" in refused(path)
    for line in (b"bad\n", b"\xff\n"):  # they do not fill the screen
        path.write_bytes(line * 1200)
        assert len(refused(path).splitlines()) <= reading.MAX_BAD_LINES + 2


def test_links_are_not_followed_out_of_the_folder(tmp_path):
    outside, folder, inside = (tmp_path / name for name in ("outside", "logs", "inside"))
    for path in (outside / NAME, inside / "blobs" / "x"):
        write_lines(path, lm_eval_rows([1, 0], ["1", "2"]))
    folder.mkdir()
    links = {NAME: outside / NAME, "more": outside, "loop": folder, "gone": tmp_path / "nowhere"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    assert "out of the folder" in refused(folder)
    # A link that is named is followed, and so is one that stays inside.
    (inside / NAME).symlink_to(inside / "blobs" / "x")
    for path in (folder / NAME, inside):
        assert len(import_logs("lm-eval", path, model="m").frame) == 2


def test_paths_that_are_no_logs_and_a_closed_folder_is_not_called_empty(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / NAME)
    assert "neither a file nor a folder" in refused(tmp_path / NAME)
    assert "no sample logs" in refused(tmp_path)
    told = refused(tmp_path / "nowhere", "a\0b")
    assert "no such file" in told and "cannot be read" in told
    assert "Name a file" in refused()
    scandir = os.scandir

    def closed(folder):
        if str(folder) == str(tmp_path):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", closed)
        told = refused(tmp_path)
    assert tmp_path.name in told and "permission denied" in told and "empty" not in told


def test_a_file_that_is_named_twice_is_read_once_and_progress_is_told(tmp_path):
    path = write_lines(tmp_path / NAME, lm_eval_rows([1, 0], ["1", "2"]))
    told: list = []
    given = {"model": "m", "progress": lambda *args: told.append(args)}
    imported = import_logs("lm-eval", [path, tmp_path], **given)
    assert set(imported.frame["n_trials"]) == {1} and "named twice" in str(imported.report)
    assert told and all(done <= total for _, done, total in told)


def test_names_are_data(tmp_path):
    folder = lm_eval(tmp_path / "logs", answers({"m": 1}, ("en", "de")), results=False)
    for path in folder.rglob("*.jsonl"):
        text = path.read_text()
        for k, name in enumerate(HOSTILE):
            text = text.replace(f'"doc_id": {k},', f'"doc_id": {json.dumps(name)},')
        path.write_text(text)
    imported = import_logs("lm-eval", folder, model="m", benchmark="".join(HOSTILE[:-1]))
    for column in ("benchmark", "item"):
        names = imported.frame[column]
        assert names.map(len).max() <= reading.MAX_NAME
        assert all(name.isprintable() for name in names)
    assert imported.frame["item"].nunique() == 60
    for form in (".csv", ".parquet"):
        path = imported.write(tmp_path / f"answers{form}")
        assert len(load_responses(path).frame) == len(imported.frame)
    assert "\n=" not in (tmp_path / "answers.csv").read_text()
    assert str(imported.report).isprintable() or "\n" in str(imported.report)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(BYTES, BYTES.map(gzip.compress), JSON))
def test_whatever_the_file_holds(tmp_path, content):
    path = tmp_path / NAME
    path.write_bytes(content)
    try:
        assert len(import_logs("lm-eval", path, model="m").frame)
    except InputError as error:
        assert str(error)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.example)
def test_every_rule_reads_its_example(rule):
    task = task_of(rule.example)
    assert task is not None and task.rule is rule and is_language(task.language)


def test_names_of_tasks_and_languages():
    for line in TASKS.strip().splitlines():
        name, *expected = (part.strip() for part in line.split("|"))
        task = task_of(name)
        assert task and [task.benchmark, task.language, task.subject, task.prompting] == expected
    assert not any(map(task_of, [*NO_TASKS, "xnli_7b-5shot_th_en"]))
    codes = "arb_Arab arb_Latn ben_Beng ben_Latn hin_Deva hin_Latn npi_Deva npi_Latn sin_Sinh "
    codes += "sin_Latn urd_Arab urd_Latn zho_Hans zho_Hant acm_Arab ary_Arab pes_Arab nob_Latn"
    standard = [language_in(code) for code in codes.split()]
    assert len(set(standard)) == len(standard) and all(map(is_language, standard))
    assert len(rules_table()) == len(RULES)


def trials(keys: dict[str, list[str]], name: str = "{1}") -> pd.DataFrame:
    """Answers with those keys, in each language; items are called by language and number."""
    rows = [
        ("m", "b", code, name.format(code, i), "", 1, 2, key, "", "", "f")
        for code, column in keys.items()
        for i, key in enumerate(column)
    ]
    return pd.DataFrame(rows, columns=list(TRIAL_COLUMNS))


def pair(frame: pd.DataFrame, by: str = "id", source_language: str = "en"):
    """The paired answers, and what is said of them."""
    notes = reading.Notes()
    return pairing.pair(frame, by, source_language, notes), notes.paired


@pytest.mark.parametrize("source, target", UNLIKE)
def test_keys_that_agree_by_chance_are_refused(source, target):
    with pytest.raises(InputError, match=r"in de are other questions.*by chance"):
        pair(trials({"en": source, "de": target, "fr": source}))


def test_keys_that_agree_in_part_or_cannot_be_checked_are_told():
    for keys in (LETTERS[:19], ["A"] * 50, [""] * 50):
        assert "could not be checked in de" in pair(trials({"en": keys, "de": keys}))[1][0]
    frame = trials({"en": LETTERS, "de": [*LETTERS[:180], *OTHERS[180:]]})
    row = pairing.agreement(frame.assign(source_language="en")).iloc[0]
    assert row["keys"] == 200 and 0.8 < row["same"] < 0.95 < 1 - row["p"]
    assert "look at de" in pair(frame)[1][1]
    frame = trials({"en": LETTERS, "de": LETTERS})
    other = frame.assign(model="n", key=frame["key"].where(frame.index % 10 > 0, "D"))
    assert "other versions" in pair(pd.concat([frame, other]))[1][-1]


def test_ids_that_differ_between_languages():
    paired, lines = pair(trials({"en": LETTERS, "de": LETTERS}, "q_{}_{}"))
    assert paired["item"].nunique() == 200 and "q_de_0 is q_*_0" in lines[0]
    with pytest.raises(InputError, match="other questions"):
        pair(trials({"en": LETTERS, "de": OTHERS}, "q_{}_{}"))
    frame = trials({"en": LETTERS, "de": LETTERS}, "{0}{0}-{1}")
    with pytest.raises(InputError, match="--pair-by order"):
        pair(frame)
    paired, lines = pair(frame, "order")
    assert set(paired["item"]) == {str(i + 1) for i in range(200)}
    assert "items by order; the keys agree with en in 100.0% (de) of 200" in lines[0]
    with pytest.raises(InputError, match="numbers differ"):
        pair(frame.iloc[:-1], "order")
    with pytest.raises(InputError, match="other questions"):
        pair(trials({"en": LETTERS, "de": OTHERS}, "{0}{0}-{1}"), "order")


def test_a_source_language_for_each_item():
    frame = trials({"en": LETTERS, "de": LETTERS})
    by_item = frame["item"].astype(int).mod(2).map({0: "en", 1: "de"})
    _, lines = pair(frame.assign(source_language=by_item), source_language="item")
    assert "their source language" in lines[0] and "(de)" in lines[0] and "(en)" in lines[0]
    two = frame.assign(source_language=np.where(frame.index % 3 > 0, "en", "de"))
    with pytest.raises(InputError, match="more than one source language"):
        pair(two, source_language="item")
    with pytest.raises(InputError, match="do not say the source language"):
        pair(frame, source_language="item")


def test_what_is_missing_or_has_nothing_to_compare_is_told(tmp_path):
    folder = lm_eval(tmp_path)
    path = next(folder.rglob("*direct_sw*.jsonl"))
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:50]))
    lone = folder / "invented__strong-7b" / "samples_xnli_de.jsonl"
    write_lines(lone, lm_eval_rows([1, 0], "12"))
    imported = import_logs("lm-eval", folder)
    assert len(imported.report.missing) == 1 and "of 60 items: sw 10." in imported.report.missing[0]
    assert set(imported.frame["benchmark"]) == {"mgsm"}
    assert "xnli, 2 items: all in de, and transfer is from en" in str(imported.report.dropped)


def test_options_are_checked_at_once(tmp_path):
    with pytest.raises(InputError) as error:
        import_logs("lm_eval", tmp_path, source_language="?", language_codes={"x": "?"})
    assert len(error.value.problems) == 3
    with pytest.raises(InputError, match=r"\.parquet"):
        import_logs("lm-eval", lm_eval(tmp_path)).write(tmp_path / "answers.xlsx")
    with pytest.raises(TypeError, match="unexpected"):
        import_logs("lm-eval", tmp_path, nonsense=1)


@pytest.mark.parametrize("program", ["eee", "inspect"])
def test_from_logs_to_answers_in_little_memory(tmp_path, program):
    for k, code in enumerate(("en", "de")):
        task, pad, n = f"mgsm_direct_{code}", "x" * 20_000, 30
        pairs = [(i, e, (i + e * k) % 2 == 0) for i in range(n) for e in range(1, 9)]
        if program == "eee":
            asked = [{"reference": [str(i % 9)]} for i in range(n)]
            about = [{"epoch": str(e), "pad": pad} for e in range(9)]
            more = {"task": task, "schema_version": "0.2.2"}
            rows = [
                eee_row(f"q{i}", ok, input=asked[i], about=about[e], **more) for i, e, ok in pairs
            ]
            write_lines(tmp_path / f"{code}.jsonl", rows)
        else:
            more = [{"target": str(i % 9), "messages": pad} for i in range(n)]
            rows = [make_logs.sample(f"q{i}", "IC"[ok], e, **more[i]) for i, e, ok in pairs]
            make_logs.write_log(tmp_path / f"{code}.eval", make_logs.header(task), rows)
    tracemalloc.start()
    imported = import_logs(program, tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert imported.frame["n_trials"].tolist() == [8] * 60
    assert "agree with en in 100.0%" in str(imported.report)


def test_every_message_is_there_and_is_used():
    code = "".join(p.read_text("utf-8") for p in Path(reading.__file__).parent.glob("*.py"))
    wanted = {*re.findall(r'\bnote\(\s*"(\w+)", "([\w-]+)"', code)}
    for key in re.findall(r'(?:refuse|refusal|wrong)\(\s*"([\w-]+)"', code):
        wanted.add(("refused", key))
    known = {(part, key) for part, texts in reading.MESSAGES.items() for key in texts}
    assert wanted <= known and len(wanted) > 80
    idle = {key for _, key in known if f'"{key}"' not in code}
    assert idle == {"no-model", "no-benchmark"}  # whose keys are made
