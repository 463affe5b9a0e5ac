"""The numbers on which verdicts turn."""

import datetime
import tomllib

import pytest
from small import refused, write

from hatlib.thresholds import BOOK, FILE, load_thresholds

ROOT = FILE.parents[1]


def test_every_threshold_says_what_it_decides_and_since_when():
    entries = tomllib.loads(FILE.read_text())
    assert {name: entry["value"] for name, entry in entries.items()} == BOOK
    for entry in entries.values():
        assert entry["value"] > 0
        assert entry["decides"].endswith(".")
        assert isinstance(entry["fixed"], datetime.date)


def test_every_threshold_is_used():
    files = [*ROOT.glob("hatlib/**/*.py"), *ROOT.glob("notebooks/*.ipynb")]
    text = "".join(path.read_text(encoding="utf-8") for path in files).replace("\\", "")
    assert [name for name in BOOK if f'["{name}"]' not in text] == []


def test_a_file_changes_some(tmp_path):
    file = write(tmp_path, "power = 0.7\n[clear]\nvalue = 0.01\n", "mine.toml")
    assert load_thresholds(file) == {**BOOK, "power": 0.7, "clear": 0.01}


def test_all_that_is_wrong_with_a_file_is_said_at_once(tmp_path):
    text = 'pover = 0.3\nclear = "5 %"\npower = -1\nsmall = true\n'
    found = refused(load_thresholds, write(tmp_path, text, "mine.toml"))
    assert len(found) == 4 and "there is no such threshold" in "".join(found)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"power 0.1", "this is not TOML"), (b"\xff\xfe", "UTF-8"), (None, "cannot be read")],
)
def test_a_file_that_is_none_is_refused(tmp_path, content, message):
    file = tmp_path / "mine.toml" if content is None else write(tmp_path, content, "mine.toml")
    assert message in str(refused(load_thresholds, file))
