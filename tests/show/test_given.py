"""Answers item by item in place of accuracies, and which answers a page uses."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from small import write

import hatlib
from hatlib.show.given import NO_ANSWERS


@pytest.fixture
def answers(tmp_path):
    """Two models, three languages, four items, two promptings; one item not asked in Swahili."""
    rng = np.random.default_rng(0)
    models, ways = {"tree 1B": 1.0, "tree 8B": 8.0}, {"a": 2, "b": 3}
    keys = [key for key in product(models, ("en", "de", "sw"), range(4), ways)
            if key[1:3] != ("sw", 3)]  # fmt: skip
    frame = pd.DataFrame(keys, columns=["model", "language", "item", "prompting"])
    frame["n_trials"] = frame["prompting"].map(ways)
    frame["n_correct"] = rng.binomial(frame["n_trials"], 0.6)
    frame["params_total_b"] = frame["model"].map(models)
    frame["family"] = "tree"
    return write(tmp_path, frame.to_csv(index=False), "answers.csv")


@pytest.fixture
def accuracies(tmp_path):
    text = "model,language,accuracy\na,en,0.8\na,de,0.7\nb,en,0.6\nb,de,0.4\n"
    return write(tmp_path, text, "accuracies.csv")


def test_answers_become_accuracies(answers):
    tables = hatlib.load(answers)
    given = pd.read_csv(answers)
    sums = given.groupby(["model", "language", "item"])[["n_correct", "n_trials"]].sum()
    wanted = (sums["n_correct"] / sums["n_trials"]).groupby(["model", "language"]).mean()
    found = tables.accuracies.set_index(["model", "language"]).sort_index()
    pd.testing.assert_series_equal(found["accuracy"], wanted, check_names=False)
    assert found["n_items"]["tree 1B"][["sw", "de"]].tolist() == [3, 4]
    assert hatlib.summarise(tables).table()["params_total_b"].tolist() == [1.0, 8.0]


def test_answers_come_first_and_accuracies_alone_have_none(answers, accuracies):
    assert hatlib.answers_of(accuracies, answers).responses is not None
    assert hatlib.answers_of([answers]).responses.frame["model"].nunique() == 2
    given = hatlib.answers_of([accuracies])
    assert (given.responses, given.report) == (None, NO_ANSWERS)
    assert given.scores().benchmarks == ()


def test_nothing_given_means_the_sets_of_the_book():
    assert hatlib.answers_of(sets=["copa-dialects"]).responses.bundled
    assert "in tlh" in hatlib.answers_of(sets=["mgsm"], source_language="tlh").report


def test_models_are_compared_in_languages_that_all_have():
    for keep, models, languages in (("languages", 3, 8), ("models", 4, 3)):
        frame = hatlib.answers_of(sets=["mgsm"], keep=keep).responses.frame
        has = pd.crosstab(frame["model"], frame["language"]) > 0
        assert has.shape == (models, languages + 1) and has.to_numpy().all()
