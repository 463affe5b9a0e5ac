"""The traditional metrics, by hand and by what must always hold."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hatlib

OF_A = {"en": (0.8, 0.6), "de": (0.5, 0.7), "fr": (0.4, 0.2), "sw": (0.1,)}
OF_B = {"en": 0.9, "de": 0.6, "fr": 0.3, "sw": 0.3}
ROWS = [(*("a", code, f"p{k}"), v) for code, by in OF_A.items() for k, v in enumerate(by, 1)]
ROWS += [("b", code, "p1", v) for code, v in OF_B.items()] + [("c", "de", "p1", 0.3)]


def load(tmp_path, rows, columns="model language prompting accuracy", **options):
    path = tmp_path / "mine.csv"
    pd.DataFrame(rows, columns=columns.split()).to_csv(path, index=False)
    return hatlib.load(path, **options)


def test_averages_by_hand_are_over_the_same_languages_and_promptings(tmp_path):
    metrics = hatlib.summarise(load(tmp_path, ROWS))
    table = metrics.table().set_index("model")
    # sw was asked with one prompt of a only, so the common targets are de and fr.
    assert table.loc["a", "targets"] == "de fr"
    found = table.loc["a", ["source_accuracy", "target_accuracy", "xlt_gap", "ratio"]].tolist()
    assert found == pytest.approx([0.7, (0.6 + 0.3) / 2, 0.7 - 0.45, 0.45 / 0.7])
    assert table.loc["b", "target_accuracy"] == pytest.approx(0.45)
    assert "c" not in table.index
    left_out = metrics.coverage()["left_out"].iloc[0]
    assert "sw" in left_out and "c" in left_out
    source = metrics.by_language().set_index(["model", "language"])["source_accuracy"]
    assert [source["a", "sw"], source["a", "de"]] == pytest.approx([0.8, 0.7])


def test_a_model_with_few_languages_does_not_cost_the_others_theirs(tmp_path):
    rows = [(m, lang, "", 0.5) for m in "abc" for lang in ("en", "de", "fr", "es", "it")]
    rows += [("odd", lang, "", 0.5) for lang in ("en", "sw")]
    metrics = hatlib.summarise(load(tmp_path, rows))
    assert set(metrics.table()["model"]) == {"a", "b", "c"}
    assert metrics.table()["n_targets"].unique().tolist() == [4]
    assert "odd" in metrics.coverage()["left_out"].iloc[0]


def test_standard_errors_are_binomial(tmp_path):
    rows = [("a", "en", 100, 0.8), ("a", "de", 100, 0.5), ("a", "fr", 400, 0.5)]
    row = hatlib.summarise(load(tmp_path, rows, "model language n_items accuracy")).table().iloc[0]
    assert row["source_se"] == pytest.approx(0.04)
    assert row["target_se"] == pytest.approx(np.sqrt(0.05**2 + 0.025**2) / 2)


def test_labels_tell_runs_apart(tmp_path):
    rows = [("a", lang, r, 0.5) for lang in ("en", "de") for r in ("none", "on")]
    labels = hatlib.summarise(load(tmp_path, rows, "model language reasoning accuracy")).table()
    assert set(labels["label"]) == {"a (no thinking)", "a (thinking)"}
    assert not hatlib.summarise(hatlib.load()).table().duplicated(["set", "label"]).any()


shares = st.floats(0, 1).map(lambda value: round(value, 4))


@settings(max_examples=6, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.fixed_dictionaries({lang: shares for lang in ("en", "de", "fr")}),
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_order_and_names_of_models_change_nothing(tmp_path_factory, cells, random):
    folder = tmp_path_factory.mktemp("order")
    rows = [(m, lang, "", value) for m, by in cells.items() for lang, value in by.items()]
    table = hatlib.summarise(load(folder, rows)).table().set_index("model").sort_index()
    shuffled = list(rows)
    random.shuffle(shuffled)
    renamed = [(f"z{m}", *rest) for m, *rest in shuffled]
    other = hatlib.summarise(load(folder, renamed)).table().set_index("model").sort_index()
    for column in ("source_accuracy", "target_accuracy", "xlt_gap", "ratio"):
        np.testing.assert_allclose(table[column].to_numpy(float), other[column].to_numpy(float))
    expected = [np.mean([by["de"], by["fr"]]) for _, by in sorted(cells.items())]
    np.testing.assert_allclose(table["target_accuracy"].to_numpy(float), expected)
