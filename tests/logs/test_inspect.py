"""Logs of Inspect, as zip files and JSON, and their traps."""

import tracemalloc
import zipfile
from functools import partial

import make_logs
import pytest
from make_logs import EEE_MODEL as MODEL
from make_logs import counts, header, members, sample, write_log, write_zip

from hatlib.errors import InputError
from hatlib.logs import reading

DE = "mgsm_direct_de"
read, failing = partial(make_logs.read, "inspect"), partial(make_logs.refused, "inspect")


@pytest.fixture
def log(tmp_path):
    """Write a log of some samples."""

    def write(*samples, head=None, form="zip", name=""):
        name = name or ("a.json" if form == "json" else "a.eval")
        return write_log(tmp_path / name, head or header(), samples, form)

    return write


@pytest.mark.parametrize("form", ["zip", "zstd", "json"])
def test_epochs_are_trials_of_one_item(log, form):
    samples = [sample(i, "CI"[(i + e) % 2], e) for i in (1, 2) for e in (1, 2, 3)]
    trials = read(log(*samples, form=form))
    assert counts(trials) == [["de", "1", 2, 3], ["de", "2", 1, 3]]
    assert set(trials.frame["model"]) == {MODEL} and set(trials.frame["benchmark"]) == {"mgsm"}
    trials = read(log(*[sample(1)] * 3, form="json"))
    assert counts(trials) == [["de", "1", 1, 1]]
    assert "2 samples that repeat a trial." in trials.report.dropped


def test_values_of_scores(log):
    values = ["C", True, 1, "yes", "I", "N", False, 0.0]
    trials = read(log(*map(sample, range(8), values)))
    assert trials.frame["n_correct"].tolist() == [1] * 4 + [0] * 4
    assert "1 sample: no answer (N) counts as wrong" in str(trials.report)


def test_what_counts_as_right_is_asked_for(log):
    path = log(sample(1, "P"), sample(2, "C"), sample(3, 0.2))
    assert "--threshold" in failing(path)
    assert [n for *_, n, _ in counts(read(path, threshold=0.5))] == [1, 1, 0]
    both = {"match": "C", "judge": "I"}
    path = log(*(sample(i, both, scorer="*") for i in (1, 2)))
    said = failing(path)
    assert "match (1.00 right)" in said and "judge (0.00 right)" in said
    assert read(path, metric="judge").frame["n_correct"].sum() == 0
    assert "There is" in failing(path, metric="other")
    path = log(sample(1, {"exact": 1, "f1": 0.4}), sample(2, {"exact": 0, "f1": 0.2}))
    assert read(path, metric="match/exact").frame["n_correct"].sum() == 1


def test_what_is_no_answer_is_dropped_and_counted(log):
    error = sample(4, error={"message": "the call failed"}) | {"scores": {}}
    samples = [sample(1, "C"), sample(2, float("nan")), sample(3, None), error]
    samples += [sample(5, "C", invalidation={"reason": "leak"}), sample(6, "perhaps")]
    samples += [sample(7, "C", error={"message": "late"})]
    head = header(DE, results={"total_samples": 9})
    trials = read(log(*samples, head=head, form="json"))
    assert counts(trials) == [["de", "1", 1, 1], ["de", "7", 1, 1]]
    said = str(trials.report)
    for line in ("1 sample lost to an error.", "1 sample declared invalid.", "without a value of"):
        assert line in said
    assert "2 of 9 samples that were asked are not in the log" in said
    assert "1 sample with an error and with scores, which count." in said


def test_logs_that_lack_something(log, tmp_path):
    assert "Score the log first" in failing(log(*(sample(i) | {"scores": None} for i in range(3))))
    assert "no samples" in failing(log())
    path = log(sample(1), head=header("puzzles"))
    assert "--language-from" in failing(path)
    assert read(path, language="fr").frame["language"].tolist() == ["fr"]
    files = members(header(), [sample(1), sample(2)])
    del files["header.json"]
    trials = read(write_zip(tmp_path / "a.eval", files))
    assert len(trials.frame) == 2 and "did not finish" in trials.report.assumed[0]
    first = {"version": 1, "score": {"value": "C"}, "scores": None}
    results = {"scorer": {"name": "match"}}
    assert counts(read(log(sample(1) | first, head=header(DE, results=results))))[0][2] == 1


def test_metadata_comes_before_the_task_and_its_arguments_last(log):
    about = {"item": "q1", "language": "German", "source_language": "en", "cluster": "c"}
    path = log(sample("de-1", metadata=about | {"prompting": "second"}), head=header("mgsm"))
    row = read(path).frame.iloc[0]
    assert (row["language"], row["item"], row["source_language"]) == ("de", "q1", "en")
    assert (row["benchmark"], row["prompting"], row["cluster"]) == ("mgsm", "second", "c")
    head = header("inspect_evals/mmlu_0_shot", task_args={"language": "DE_DE"})
    row = read(log(sample(1), head=head)).frame.iloc[0]
    assert (row["benchmark"], row["language"]) == ("mmlu_0_shot", "de")


def test_keys(log):
    samples = [sample(1, target="1,200"), sample(2, target="B", choices=["x", "y"])]
    samples += [sample(3, target="Bern")]
    assert read(log(*samples)).frame["key"].tolist() == ["1200", "B", ""]
    shuffled = {"steps": [{"solver": "multiple_choice", "params": {"shuffle": True}}]}
    path = log(*samples, head=header(DE, plan=shuffled))
    assert read(path).frame["key"].tolist() == ["1200", "", ""]


def test_a_retried_run_is_counted_once(log, tmp_path):
    first = header(DE, status="error", created="2030-01-01T00:00:00+00:00")
    log(sample(1, "I"), sample(2, "I"), head=first, name="1.eval")
    log(sample(1, "C"), sample(3, "C"), name="2.eval")
    trials = read(tmp_path)
    assert counts(trials) == [["de", "1", 1, 1], ["de", "2", 0, 1], ["de", "3", 1, 1]]
    assert "1.eval: 1 sample; " in str(trials.report.dropped)


def test_runs_that_differ(log, tmp_path):
    for k in ("one", "two"):
        log(sample(1), head=header(DE, task_args={"prompting": k}), name=f"{k}.eval")
    frame = read(tmp_path).frame
    assert sorted(frame["prompting"]) == ["one", "two"] and frame["n_trials"].tolist() == [1, 1]
    for k in ("one", "two"):
        log(sample(1), head=header(DE, task_args={"cot": k == "one"}), name=f"{k}.eval")
    assert "cot=True" in failing(tmp_path)
    log(sample(1), head=header(DE, "a/one"), name="one.eval")
    log(sample(1), head=header(DE, "none/none"), name="two.eval")
    assert "--model" in failing(tmp_path)
    log(sample(1), head=header(DE, "a/two"), name="two.eval")
    assert "2 models" in failing(tmp_path, model="mine") and len(read(tmp_path).frame) == 2


@pytest.mark.parametrize("form", ["zip", "zstd"])
def test_truncated_or_damaged_anywhere(log, form):
    path = log(sample(1), form=form)
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 30)):
        path.write_bytes(content[:place])
        assert failing(path)
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read(path)
        except InputError as error:
            assert str(error)


@pytest.mark.parametrize("form", ["zip", "zstd"])
def test_bombs_stay_small(log, form, monkeypatch):
    path = log(sample(1) | {"messages": "x" * 30_000_000}, form=form)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(reading, "MAX_MEMBER", 1_000_000)
    tracemalloc.start()
    said = failing(path)
    assert tracemalloc.get_traced_memory()[1] < 12_000_000
    tracemalloc.stop()
    assert "samples/1_epoch_1.json" in said
    monkeypatch.setattr(reading, "MAX_FILE", 1_000_000)
    path = log(*(sample(i) | {"messages": "x" * 100_000} for i in range(20)), form=form)
    assert "Split it" in failing(path)


def test_hostile_names_are_one_line(log):
    head = header(DE, "evil\n\x1b[31m\u202e" + "x" * 1000)
    samples = [sample("a\nb" + "y" * 10_000), sample(True), sample([1]), sample(None)]
    trials = read(log(*samples, head=head, form="json"))
    for name in ("model", "item"):
        assert all(len(text) <= 200 and text.isprintable() for text in trials.frame[name])
    assert "3 samples without id." in trials.report.dropped[0]


def test_mixed_types_and_other_json(log, tmp_path):
    odd = [sample(1) | {"metadata": [1], "scores": {"match": "C"}}, sample(2) | {"scores": [1]}]
    odd += [sample(3, [1, 0]), sample(4, 10**400), sample(5, target=["1", "2"]), [1], None]
    head = header(DE, task_args=[1], plan={"steps": 1.5}, created=None, results="x")
    log(*odd, head=head, form="json")
    (tmp_path / "eval-set.json").write_text("{}")
    (tmp_path / "broken.json").write_text("{")
    trials = read(tmp_path)
    assert [item for _, item, *_ in counts(trials)] == ["1", "5"]
    assert sum("no Inspect log" in line for line in trials.report.dropped) == 2


def test_odd_archives_and_newer_logs(log, tmp_path):
    path = log(sample(1))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("samples/1_epoch_1.json", "{}")
    assert "two files of one name" in failing(path)
    whole = log(sample(1)).read_bytes()  # two names for one file
    path.write_bytes(whole.replace(b"samples/1", b"samples/2", 1))
    assert failing(path)
    path = write_zip(tmp_path / "a.eval", members(header(), [sample(1)]), number=95)
    assert "packed in an unknown way" in failing(path)
    path = log(sample(1), head=header(DE, version=3))
    assert "Version 3" in read(path).report.assumed[0]
