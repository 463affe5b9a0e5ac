"""Logs of Inspect, as zip files and JSON, and their traps."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from logs_inspect import MODEL, header, members, sample, write_log, write_zip, write_zstd

from hatlib.errors import InputError
from hatlib.logs import Trials, import_logs, read_trials, reading
from hatlib.logs.common import Options

FORMS = {"zip": "a.eval", "zstd": "a.eval", "json": "a.json"}


def read(paths: list[Path], options: Options) -> Trials:
    return read_trials("inspect", paths, options)


def counts(trials: Trials) -> list[list[Any]]:
    return sorted(trials.frame[["language", "item", "n_correct", "n_trials"]].to_numpy().tolist())


def failing(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_epochs_are_trials_of_one_item(tmp_path: Path, form: str) -> None:
    samples = [sample(i, "CI"[(i + e) % 2], e) for i in (1, 2) for e in (1, 2, 3)]
    trials = read([write_log(tmp_path / FORMS[form], header(), samples, form)], Options())
    assert counts(trials) == [["de", "1", 2, 3], ["de", "2", 1, 3]]
    assert trials.frame["model"].unique().tolist() == [MODEL]
    assert trials.frame["benchmark"].unique().tolist() == ["mgsm"]


@pytest.mark.parametrize(
    ("value", "right"),
    [("C", 1), ("I", 0), ("N", 0), (True, 1), (False, 0), (1, 1), (0.0, 0), ("yes", 1)],
)
def test_values_of_scores(tmp_path: Path, value: object, right: int) -> None:
    path = write_log(tmp_path / "a.eval", header(), [sample(1, value)])
    assert read([path], Options()).frame["n_correct"].tolist() == [right]


def test_no_answer_counts_as_wrong_and_is_said(tmp_path: Path) -> None:
    samples = [sample(1, "N"), sample(2, "C")]
    trials = read([write_log(tmp_path / "a.eval", header(), samples)], Options())
    assert any("no answer (N)" in line for line in trials.notes.assumed)


def test_partial_credit_needs_a_threshold(tmp_path: Path) -> None:
    samples = [sample(1, "P"), sample(2, "C"), sample(3, 0.2)]
    path = write_log(tmp_path / "a.eval", header(), samples)
    assert "--threshold" in failing([path], Options())
    trials = read([path], Options(threshold=0.5))
    assert [n for *_, n, _ in counts(trials)] == [1, 1, 0]
    assert trials.notes.chosen == ["mgsm: scorer match, right from 0.5 on."]


def test_several_scorers_are_asked_for(tmp_path: Path) -> None:
    both = [sample(i, {"match": "C", "judge": "I"}, scorer="*") for i in (1, 2)]
    path = write_log(tmp_path / "a.eval", header(), both)
    said = failing([path], Options())
    assert "match (1.00 right)" in said
    assert "judge (0.00 right)" in said
    assert read([path], Options(metric="judge")).frame["n_correct"].sum() == 0
    assert "There is" in failing([path], Options(metric="other"))


def test_a_scorer_that_gives_several_numbers(tmp_path: Path) -> None:
    samples = [sample(1, {"exact": 1, "f1": 0.4}), sample(2, {"exact": 0, "f1": 0.2})]
    path = write_log(tmp_path / "a.eval", header(), samples)
    assert read([path], Options(metric="match/exact")).frame["n_correct"].sum() == 1


def test_what_is_no_answer_is_dropped_and_counted(tmp_path: Path) -> None:
    nan = [sample(2, float("nan")), sample(3, None)]
    error = sample(4, error={"message": "the call failed"}) | {"scores": {}}
    invalid = sample(5, "C", invalidation={"reason": "leak"})
    words = sample(6, "perhaps")
    samples = [sample(1, "C"), *nan, error, invalid, words]
    path = write_log(tmp_path / "a.json", header(), samples, "json")
    trials = read([path], Options())
    assert counts(trials) == [["de", "1", 1, 1]]
    said = " ".join(trials.notes.dropped)
    for line in ("1 sample lost to an error.", "1 sample declared invalid."):
        assert line in said
    assert "2 answers without a value of match" in said
    assert "1 answer whose match is no number" in said


def test_a_log_without_scores(tmp_path: Path) -> None:
    samples = [sample(i) | {"scores": None} for i in range(3)]
    path = write_log(tmp_path / "a.eval", header(), samples)
    assert "Score the log first" in failing([path], Options())


def test_a_log_without_samples(tmp_path: Path) -> None:
    said = failing([write_log(tmp_path / "a.eval", header(), [])], Options())
    assert "no samples in it" in said


def test_a_run_that_did_not_finish(tmp_path: Path) -> None:
    files = members(header(), [sample(1), sample(2)])
    del files["header.json"]
    trials = read([write_zip(tmp_path / "a.eval", files)], Options())
    assert len(trials.frame) == 2
    assert "did not finish" in trials.notes.assumed[0]


def test_metadata_comes_before_the_task(tmp_path: Path) -> None:
    about = {"item": "q1", "language": "German", "source_language": "en", "cluster": "c"}
    one = sample("de-1", metadata=about | {"prompting": "second"})
    path = write_log(tmp_path / "a.eval", header("mgsm"), [one])
    row = read([path], Options()).frame.iloc[0]
    assert (row["language"], row["item"], row["source_language"]) == ("de", "q1", "en")
    assert (row["benchmark"], row["prompting"], row["cluster"]) == ("mgsm", "second", "c")


def test_the_language_of_the_arguments_is_the_last_resort(tmp_path: Path) -> None:
    head = header("inspect_evals/mmlu_0_shot", task_args={"language": "DE_DE"})
    row = read([write_log(tmp_path / "a.eval", head, [sample(1)])], Options()).frame.iloc[0]
    assert (row["benchmark"], row["language"]) == ("mmlu_0_shot", "de")


def test_no_language_is_asked_for(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.eval", header("puzzles"), [sample(1)])
    assert "--language-from" in failing([path], Options())
    assert read([path], Options(language="fr")).frame["language"].tolist() == ["fr"]


def test_keys(tmp_path: Path) -> None:
    samples = [
        sample(1, target="1,200"),
        sample(2, target="B", choices=["x", "y"]),
        sample(3, target="Bern"),
    ]
    path = write_log(tmp_path / "a.eval", header(), samples)
    assert read([path], Options()).frame["key"].tolist() == ["1200", "B", ""]
    shuffled = {"steps": [{"solver": "multiple_choice", "params": {"shuffle": True}}]}
    head = header("mgsm_direct_de", plan=shuffled)
    path = write_log(tmp_path / "a.eval", head, samples)
    assert read([path], Options()).frame["key"].tolist() == ["1200", "", ""]


def test_letters_that_differ_between_runs_are_no_keys(tmp_path: Path) -> None:
    for model, letter in (("m/one", "A"), ("m/two", "B")):
        samples = [sample(1, target=letter, choices=["x", "y"])]
        write_log(tmp_path / f"{letter}.eval", header("mgsm_direct_de", model), samples)
    trials = read([tmp_path], Options())
    assert set(trials.frame["key"]) == {""}
    assert "shuffled" in trials.notes.assumed[-1]


def test_a_retried_run_is_counted_once(tmp_path: Path) -> None:
    first = header("mgsm_direct_de", status="error", created="2030-01-01T00:00:00+00:00")
    write_log(tmp_path / "1.eval", first, [sample(1, "I"), sample(2, "I")])
    write_log(tmp_path / "2.eval", header(), [sample(1, "C"), sample(3, "C")])
    trials = read([tmp_path], Options())
    assert counts(trials) == [["de", "1", 1, 1], ["de", "2", 0, 1], ["de", "3", 1, 1]]
    assert any("another log holds" in line for line in trials.notes.dropped)


def test_runs_that_were_set_otherwise_are_no_repeats(tmp_path: Path) -> None:
    for k, cot in enumerate((True, False)):
        head = header("mgsm_direct_de", task_args={"cot": cot})
        write_log(tmp_path / f"{k}.eval", head, [sample(1)])
    assert "cot=True" in failing([tmp_path], Options())


def test_promptings_by_arguments(tmp_path: Path) -> None:
    for k in ("one", "two"):
        head = header("mgsm_direct_de", task_args={"prompting": k})
        write_log(tmp_path / f"{k}.eval", head, [sample(1)])
    frame = read([tmp_path], Options()).frame
    assert sorted(frame["prompting"]) == ["one", "two"]
    assert frame["n_trials"].tolist() == [1, 1]


def test_one_sample_twice_in_a_log_is_counted_once(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.json", header(), [sample(1)] * 3, "json")
    trials = read([path], Options())
    assert trials.frame["n_trials"].tolist() == [1]
    assert "2 samples that repeat a trial." in trials.notes.dropped


def test_models(tmp_path: Path) -> None:
    write_log(tmp_path / "1.eval", header("mgsm_direct_de", "a/one"), [sample(1)])
    write_log(tmp_path / "2.eval", header("mgsm_direct_de", "none/none"), [sample(1)])
    assert "--model" in failing([tmp_path], Options())
    write_log(tmp_path / "2.eval", header("mgsm_direct_de", "a/two"), [sample(1)])
    assert "2 models" in failing([tmp_path], Options(model="mine"))
    assert len(read([tmp_path], Options()).frame) == 2


# Hostile files ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["zip", "zstd"])
def test_truncated_anywhere(tmp_path: Path, form: str) -> None:
    path = write_log(tmp_path / "a.eval", header(), [sample(1)], form)
    content = path.read_bytes()
    for end in range(0, len(content), max(1, len(content) // 60)):
        path.write_bytes(content[:end])
        assert failing([path], Options())


@pytest.mark.parametrize("form", ["zip", "zstd"])
def test_damaged_anywhere(tmp_path: Path, form: str) -> None:
    path = write_log(tmp_path / "a.eval", header(), [sample(1)], form)
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 120)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read([path], Options())
        except InputError as error:
            assert str(error)


@pytest.mark.parametrize("form", ["zip", "zstd"])
def test_bombs_stay_small(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = sample(1) | {"messages": "x" * 30_000_000}
    path = write_log(tmp_path / "a.eval", header(), [bomb], form)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(reading, "MAX_MEMBER", 1_000_000)
    tracemalloc.start()
    said = failing([path], Options())
    assert tracemalloc.get_traced_memory()[1] < 12_000_000
    tracemalloc.stop()
    assert "samples/1_epoch_1.json" in said


@pytest.mark.parametrize("form", ["zip", "zstd"])
def test_many_large_files_in_one(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [sample(i) | {"messages": "x" * 100_000} for i in range(20)]
    path = write_log(tmp_path / "a.eval", header(), samples, form)
    monkeypatch.setattr(reading, "MAX_FILE", 1_000_000)
    assert "Split it" in failing([path], Options())


@pytest.mark.parametrize("write", [write_zip, write_zstd])
def test_names_with_paths_are_never_written(tmp_path: Path, write: Any) -> None:
    inside = tmp_path / "logs"
    files = members(header(), [sample(1)])
    files |= {
        "samples/../../../evil.json": json.dumps(sample("<script>")).encode(),
        "/etc/evil.json": b"{}",
    }
    trials = read([write(inside / "a.eval", files)], Options())
    assert len(trials.frame) == 2
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.eval", "logs"]


def test_hostile_names_are_one_line(tmp_path: Path) -> None:
    head = header("mgsm_direct_de", "evil\n\x1b[31m\u202e" + "x" * 1000)
    samples = [sample("a\nb" + "y" * 10_000), sample(True), sample([1]), sample(None)]
    trials = read([write_log(tmp_path / "a.json", head, samples, "json")], Options())
    assert all(len(text) <= 200 and text.isprintable() for text in trials.frame["model"])
    assert all(len(text) <= 200 and text.isprintable() for text in trials.frame["item"])
    assert "3 samples without an id." in trials.notes.dropped[0]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"eval": 1}', b"nonsense", b"\0\0", b"PK\x03\x04", b"[" * 9999]
)
@pytest.mark.parametrize("name", ["a.eval", "a.json"])
def test_files_that_are_no_logs(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert failing([path], Options())


def test_mixed_types(tmp_path: Path) -> None:
    odd: list[Any] = [
        sample(1) | {"metadata": [1], "scores": {"match": "C"}},
        sample(2) | {"scores": [1]},
        sample(3, [1, 0]),
        sample(4, 10**400),
        sample(5, target=["1", "2"]),
        [1],
        None,
    ]
    head = header("mgsm_direct_de", task_args=[1], plan={"steps": 1.5}, created=None, results="x")
    trials = read([write_log(tmp_path / "a.json", head, odd, "json")], Options())
    assert [item for _, item, *_ in counts(trials)] == ["1", "5"]


def test_other_json_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    write_log(tmp_path / "a.eval", header(), [sample(1)])
    (tmp_path / "eval-set.json").write_text("{}")
    (tmp_path / "broken.json").write_text("{")
    trials = read([tmp_path], Options())
    assert len(trials.frame) == 1
    assert sum("no Inspect log" in line for line in trials.notes.dropped) == 2


def test_two_files_of_one_name(tmp_path: Path) -> None:
    import zipfile

    path = write_log(tmp_path / "a.eval", header(), [sample(1)])
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("samples/1_epoch_1.json", "{}")
    assert "two files of one name" in failing([path], Options())


# Newer logs ---------------------------------------------------------------------------------


def test_a_packing_and_a_version_that_are_not_known(tmp_path: Path) -> None:
    path = write_zstd(tmp_path / "a.eval", members(header(), [sample(1)]), number=95)
    assert "packed in an unknown way" in failing([path], Options())
    path = write_log(tmp_path / "a.eval", header("mgsm_direct_de", version=3), [sample(1)])
    assert "Version 3" in read([path], Options()).notes.assumed[0]


# To the end ---------------------------------------------------------------------------------


def test_from_logs_to_answers(tmp_path: Path) -> None:
    for k, code in enumerate(("en", "de")):
        samples = [
            sample(f"q{i}", "CI"[(i + e * k) % 2], e, target=str(i % 9))
            for i in range(30)
            for e in (1, 2)
        ]
        write_log(tmp_path / f"{code}.eval", header(f"mgsm_direct_{code}"), samples, "zstd")
    imported = import_logs("inspect", tmp_path)
    assert imported.frame["n_trials"].tolist() == [2] * 60
    assert "agree with en in all" in str(imported.report)


def test_a_large_log_stays_small_in_memory(tmp_path: Path) -> None:
    samples = [sample(i, "C", e) | {"messages": "x" * 20_000} for i in range(1000) for e in (1, 2)]
    path = write_log(tmp_path / "a.eval", header(), samples, "zip")
    del samples
    tracemalloc.start()
    assert read([path], Options()).frame["n_trials"].sum() == 2000
    assert tracemalloc.get_traced_memory()[1] < 15_000_000
    tracemalloc.stop()
