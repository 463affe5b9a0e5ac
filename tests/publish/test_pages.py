"""Pages of the book that are made from the data and from executed notebooks."""

from __future__ import annotations

import re

import pytest

import hatlib
from hatlib.publish import pages


def test_every_source_stands_on_the_page_of_sources(tmp_path):
    page = pages.data_and_sources(tmp_path)
    for row in hatlib.load().sources.to_dict("records"):
        assert f"`{row['source']}`" in page
        assert row["url"] in page
    for word in ("Publisher", "Licence or terms", "Found in", "Date", "Mind", "sha256"):
        assert word in page


def test_every_set_of_the_metrics_stands_on_the_page_of_sources(tmp_path):
    page = pages.data_and_sources(tmp_path)
    for set_id in set(hatlib.summarise(hatlib.load()).table()["set"]):
        assert f"`{set_id}`" in page


def test_doubtful_runs_and_figures_printed_twice_are_named(tmp_path):
    page = pages.data_and_sources(tmp_path)
    assert "DeepSeek-R1 Distill Llama 70B" in page
    assert "gpt-oss-card, simple-evals" in page


def test_tables_have_the_same_number_of_cells_in_every_row(tmp_path):
    for block in re.findall(r"(?:^\|.*\n?)+", pages.data_and_sources(tmp_path), flags=re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}
        assert len(widths) == 1, block[:200]


@pytest.mark.parametrize("name", pages.MAKERS)
def test_pages_are_the_same_every_time(tmp_path, name):
    assert pages.MAKERS[name](tmp_path) == pages.MAKERS[name](tmp_path)


def test_the_book_makes_every_fragment():
    from hatlib.publish.building import generators

    assert set(pages.MAKERS) <= set(generators)
