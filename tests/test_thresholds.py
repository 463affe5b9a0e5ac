"""The numbers on which verdicts turn."""

from __future__ import annotations

import datetime

import pytest

from hatlib import resample
from hatlib.claims import itemsets
from hatlib.errors import InputError
from hatlib.lines import distance, shapes
from hatlib.metric import marks, reference
from hatlib.thresholds import BOOK, FILE, load_thresholds
from hatlib.truth import design


def test_every_threshold_says_what_it_decides_and_since_when():
    for threshold in BOOK.every.values():
        assert threshold.value > 0
        assert threshold.decides.endswith(".")
        assert isinstance(threshold.fixed, datetime.date)
    table = BOOK.table()
    assert len(table) == len(BOOK.every) == FILE.read_text().count("value = ")
    assert BOOK.table("broken", "small")["name"].tolist() == ["small", "broken"]


def test_verdicts_use_the_thresholds_of_the_file():
    assert BOOK["clear"] == shapes.CLEAR_P
    assert BOOK["doubtful"] == distance.DOUBTFUL
    assert BOOK["near_chance"] == distance.NEAR_CHANCE
    assert BOOK["near_ceiling"] == itemsets.NEAR_CEILING
    assert BOOK["above_perfect"] == itemsets.ABOVE_PERFECT
    assert BOOK["supported"] == reference.SUPPORTED
    assert BOOK["clear_of_chance"] == marks.CLEAR_OF_CHANCE
    assert BOOK["level"] == resample.LEVEL
    assert abs(design.BROKEN) > BOOK["broken"]  # the simulated break is one


def test_a_file_changes_some_and_says_which(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("broken = 0.3\n[clear]\nvalue = 0.05\n")
    rules = load_thresholds(file)
    assert rules["broken"] == 0.3
    assert rules.own == ("broken",)  # the other is as it was
    assert rules["small"] == BOOK["small"]
    own = rules.table().set_index("name")["own"]
    assert own["broken"] == "yes"
    assert own["small"] == ""
    assert BOOK["broken"] != 0.3


def test_all_that_is_wrong_with_a_file_is_said_at_once(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('brocken = 0.3\nclear = "5 %"\npower = -1\nsmall = true\n')
    with pytest.raises(InputError) as error:
        load_thresholds(file)
    assert len(error.value.problems) == 4
    assert "there is no such threshold" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"broken 0.1", "this is not TOML"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")],
)
def test_a_file_that_is_none_is_refused(tmp_path, content, message):
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_thresholds(file)
