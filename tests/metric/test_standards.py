"""The frozen standards of the book: they are what the data give, and they serve their purpose."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hatlib import bundled_standard, cli, hat_scores, load_responses
from hatlib.errors import InputError
from hatlib.metric.standards import STANDARDS, make_standard, standard_file


@pytest.mark.parametrize("benchmark", STANDARDS)
def test_the_stored_standard_is_what_the_data_give(benchmark):
    stored, made = bundled_standard(benchmark), make_standard(benchmark)
    assert stored.origin == made.origin, "run python -m hatlib.metric.standards"
    assert stored.weight == pytest.approx(made.weight, abs=1e-4)
    assert stored.shape.common == pytest.approx(made.shape.common, abs=1e-3)


def test_a_model_alone_keeps_the_score_that_it_has_among_others():
    responses = load_responses(sets="truthfulqa-bleu")
    standard = bundled_standard("truthfulqa-bleu")
    # One answer an item: the hardness still needs all models, the reference and shape do not.
    together = hat_scores(responses, reference=standard, draws=0).macro()
    some = responses.subset(models=sorted(set(together["model"]))[:8])
    apart = hat_scores(some, reference=standard, draws=0).macro()
    both = together.merge(apart, on="model")
    assert np.abs(both["hat_x"] - both["hat_y"]).max() < 0.1
    assert (both["reference_x"] == "standard").all()


def test_the_standard_is_close_to_the_pool_that_it_was_made_from():
    responses = load_responses(sets="mgsm")
    frozen = hat_scores(responses, reference=bundled_standard("mgsm"), draws=0).macro()
    pooled = hat_scores(responses, reference="pooled", draws=0).macro()
    assert frozen["hat"].to_numpy() == pytest.approx(pooled["hat"].to_numpy(), abs=0.02)


def test_there_is_none_of_another_benchmark():
    with pytest.raises(InputError, match="no frozen standard of this benchmark"):
        bundled_standard("nothing")


def test_the_command_takes_it_by_name(capsys, monkeypatch):
    arguments = [
        "hat",
        "score",
        "mgsm",
        "--reference",
        "standard",
        "--draws",
        "20",
        "--format",
        "json",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as end:
        cli.main()
    out = json.loads(capsys.readouterr().out)
    assert not end.value.code
    assert out["results"][0]["reference"] == "standard"
    assert any("frozen standard" in note for note in out["results"][0]["notes"])


def test_files_are_text_of_the_documented_form():
    for benchmark in STANDARDS:
        assert json.loads(standard_file(benchmark).read_text())["hat_standard"] == 1
