"""The frozen standards of the book: they never move, and they serve their purpose."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from hatlib import bundled_standard, hat_scores, load_responses
from hatlib.data.tables import data_folder
from hatlib.errors import InputError
from hatlib.metric.reference import STANDARDS


def standard_file(benchmark):
    return data_folder() / f"standards/{benchmark}.json"


#: They are frozen: if this fails, restore the files. Do not change the numbers.
FROZEN = {
    "mgsm": "cc56fd37f8069aad8c093703a0aed349682b706dcdfa65541240a34714beedf4",
    "copa-dialects": "672b37cbac0b58c16cbaf1d740c46692c20e9342f1193cfd5c619d799ce2b1d3",
    "truthfulqa-bleu": "915737f4ca2fac49d37aa87e41be2e8c211c1f81ad569d2dbab374edb5884a6a",
}


@pytest.mark.parametrize("benchmark", STANDARDS)
def test_a_standard_is_frozen(benchmark):
    assert hashlib.sha256(standard_file(benchmark).read_bytes()).hexdigest() == FROZEN[benchmark]


@pytest.mark.parametrize("benchmark", STANDARDS)
def test_a_standard_is_used_as_it_is_and_not_fitted_again(benchmark):
    stored = json.loads(standard_file(benchmark).read_text())
    responses = load_responses(sets=benchmark)
    scores = hat_scores(responses, reference=bundled_standard(benchmark), draws=0).benchmark()
    grid, weight = scores.hardness.grid, np.array(stored["weight"])
    assert scores.reference == "standard"
    mean = weight @ np.array(stored["source_probability"]) / weight.sum()
    assert scores.weight @ grid == pytest.approx(mean, abs=1e-6)
    at = [stored["targets"].index(code) for code in scores.targets]
    assert scores.shape is not None
    for name, kept in (("common", scores.shape.common), ("spread", scores.shape.spread)):
        assert kept == pytest.approx(np.array(stored[name])[at], abs=1e-9)
    assert scores.shape.offset == pytest.approx(np.array(stored["level"])[at], abs=1e-9)


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


def test_there_is_none_of_another_benchmark():
    with pytest.raises(InputError, match="no frozen standard of this benchmark"):
        bundled_standard("nothing")
