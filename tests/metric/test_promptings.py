"""The correlation of answers to one item, against simulated promptings of known correlation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hatlib import load_responses
from hatlib.errors import InputError
from hatlib.metric.answers import answer_correlation


def prompted(folder, within: float, *, n_items=4000, promptings=3, answers=4):
    """Answers whose rate differs by prompting, by a beta distribution around the item's rate."""
    rng = np.random.default_rng(1)
    h = rng.uniform(0.1, 0.9, n_items)
    scale = 1 / within - 1
    rows = []
    for j in range(promptings):
        rate = rng.beta(h * scale, (1 - h) * scale)
        for language in ("en", "de"):
            right = rng.binomial(answers, rate)
            rows.append(
                pd.DataFrame(
                    {"model": "m", "language": language, "item": np.arange(n_items),
                     "prompting": f"p{j}", "n_correct": right, "n_trials": answers}
                )
            )  # fmt: skip
    path = folder / "prompted.csv"
    pd.concat(rows).to_csv(path, index=False)
    return load_responses(path)


@pytest.mark.parametrize("within", [0.05, 0.3])
def test_a_known_correlation_is_found(tmp_path, within):
    row = answer_correlation(prompted(tmp_path, within)).iloc[0]
    assert row["within"] == pytest.approx(within, abs=0.03)
    # Three pairs of eleven are answers to the same prompt.
    assert row["correlation"] == pytest.approx(row["within"] * 3 / 11)
    assert row["n_items"] == 4000


def test_one_answer_a_prompting_is_independent_by_design(tmp_path):
    row = answer_correlation(prompted(tmp_path, 0.1, n_items=50, answers=1)).iloc[0]
    assert (row["correlation"], row["by_design"], row["n_items"]) == (0, True, 50)
    assert np.isnan(row["within"])


def test_without_promptings_the_correlation_cannot_be_told(tmp_path):
    with pytest.raises(InputError, match="no item with several promptings"):
        answer_correlation(prompted(tmp_path, 0.1, n_items=50, promptings=1))


def test_an_unknown_benchmark_is_named(tmp_path):
    with pytest.raises(InputError, match="no benchmark of this name"):
        answer_correlation(prompted(tmp_path, 0.1, n_items=50), "mgsm-x")
