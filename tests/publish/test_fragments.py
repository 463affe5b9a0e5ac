"""Parts of the book that are made from the data and from executed notebooks."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import yaml
from small import play, repository

import hatlib
from hatlib.claims.verdict import decide
from hatlib.publish import address
from hatlib.publish.fragments import MAKERS, fragment
from hatlib.publish.places import Site
from hatlib.publish.records import read_records
from hatlib.show.conclusion import conclude

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def score() -> tuple[Any, dict[str, Any]]:
    """The page on the score up to its real models, and its variables."""
    return play("the-score", {"draws": 20}, until="the-score-28")


@pytest.fixture
def site(tmp_path: Path, score: tuple[Any, dict[str, Any]]) -> Site:
    root = repository(tmp_path, "the-score")
    site = Site(root, root / "book", root / "_build")
    site.executed.mkdir(parents=True)
    nbformat.write(score[0], site.executed / "the-score.ipynb")
    return site


@pytest.fixture(scope="module")
def page() -> str:
    return fragment("data-and-sources.md", Site(ROOT, ROOT, ROOT))


def test_every_source_and_set_stands_on_the_page_of_data(page):
    data = hatlib.load()
    named = {*data.sources["source"], *hatlib.summarise(data).table()["set"]}
    words = [*(f"`{name}`" for name in named), *data.sources["url"], "sha256"]
    words += ["DeepSeek-R1 Distill Llama 70B", "gpt-oss-card, simple-evals"]
    assert [each for each in words if each not in page] == []
    for block in re.findall(r"(?:^\|.*\n?)+", page, flags=re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}
        assert len(widths) == 1, block[:200]


@pytest.mark.parametrize("name", sorted(set(MAKERS) - {"data-and-sources.md"}))
def test_fragments_are_the_same_every_time(site, name):
    assert fragment(name, site) == fragment(name, site)


def test_every_public_name_has_a_place_on_the_pages_of_the_interface():
    pages = [*(ROOT / "book/api").glob("*.md"), ROOT / "book/api.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    found = re.findall(r"\.\. auto(class|function):: hatlib\.(\w+)", text)
    kinds = {True: "class", False: "function"}
    public = [(kinds[isinstance(getattr(hatlib, n), type)], n) for n in hatlib.__all__]
    assert sorted(found) == sorted(public)


def test_hat_stands_still_when_english_moves_and_follows_transfer(score):
    cells = score[1]["cells"]
    spread = cells.groupby("transfer")[["target_accuracy", "ratio", "hat"]].agg(np.ptp)
    assert (spread["hat"] < 0.12).all()
    assert (spread["target_accuracy"] > 0.45).all()
    assert (spread["ratio"] > spread["hat"]).all() and (spread["ratio"].iloc[:4] > 0.3).all()
    assert abs(cells["hat"] - cells["transfer"]).max() < 0.1
    assert cells["transfer"].between(cells["low"], cells["high"]).mean() > 0.9


def test_the_first_page_has_the_models_of_the_page_on_the_score(site, score):
    a, b = MAKERS["guess.md"](site)["models"]
    # Every usual metric prefers the model with better English.
    assert all(a[name] > b[name] for name in ("target_accuracy", "ratio"))
    assert a["xlt_gap"] < b["xlt_gap"]
    assert max(a["low"], b["low"]) < min(a["high"], b["high"])
    sliders = fragment("two-sliders.md", site)
    (found,) = re.findall(r'<script type="application/json">(.*?)</script>', sliders)
    data, cells = json.loads(found), score[1]["cells"]
    at = [[english, transfer] for transfer in data["transfer"] for english in data["english"]]
    assert [row[:2] for row in data["cells"]] == at
    shown = ["target_accuracy", "xlt_gap", "ratio", "hat", "low", "high"]
    np.testing.assert_allclose([row[2:] for row in data["cells"]], cells[shown], atol=6e-4)
    (site.executed / "the-score.ipynb").unlink()
    for name in ("guess.md", "two-sliders.md"):
        assert "has not run" in fragment(name, site)


def executed(folder: Path, page: str, *verdicts: Any) -> None:
    """An executed notebook that shows verdicts."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [shown._repr_mimebundle_() for shown in verdicts]
    made = [nbformat.v4.new_output("execute_result", d, metadata=about) for d, about in pairs]
    cells = [nbformat.v4.new_code_cell("x", outputs=[output]) for output in made]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{page}.ipynb")


def test_a_card_says_what_the_verdict_of_its_page_says(site):
    verdict = decide(0.03, 0.01, 0.05, margin=0.02, subject="A set (of tests).")
    shown = conclude(verdict, "Larger models (of both kinds). They transfer better.")
    executed(site.executed, "scaling", shown)
    text = fragment("findings-cards.md", site)
    assert r"**Larger models \(of both kinds\).** They transfer better." in text
    for words in (r"A set \(of tests\).", "hat-firm", "analyses/scaling.ipynb"):
        assert words in text
    assert 'aria-label="+0.030, interval from +0.010 to +0.050"' in text
    assert "(95% interval" not in text and "stays open" not in text


def test_records_are_found_page_by_page(tmp_path):
    def shown(*names: str) -> list[Any]:
        about = {"margin": 0.02, "subject": "a | <b>"}
        return [conclude(decide(0.1, 0.05, 0.15, name=name, **about)) for name in names]

    executed(tmp_path / "b", "size", *shown("line/size/x", "hat/size/y", "other"))
    executed(tmp_path / "a", "time", *shown("line/date/x"))
    found = read_records(["time", "size", "unknown"], tmp_path)
    assert found[["page", "evidence", "about", "grade"]].to_numpy().tolist() == [
        *(["time", "line", "date", "firm"], ["size", "line", "size", "firm"]),
        *(["size", "hat", "size", "firm"], ["size", "", "", "firm"]),
    ]
    assert found["subject"].iloc[0] == "a | <b>" and "<b>" not in found["text"].iloc[0]


def test_a_book_on_ones_own_data_says_so_and_all_else_the_same_every_time(page, tmp_path):
    table = tmp_path / "accuracies.csv"
    table.write_text("model,language,accuracy\nm,en,0.5\nm,de,0.4\n")
    site = Site(ROOT, tmp_path, tmp_path, {"data": [str(table)]})
    text = fragment("data-and-sources.md", site)
    assert "stand on your own data" in text and "2 rows." in text
    assert text.partition("published acc")[2] == page.partition("published acc")[2]


def test_a_publisher_names_the_addresses(tmp_path, monkeypatch):
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    plain = address.configured(copy.deepcopy(config))
    # The options of the theme stand for those of Jupyter Book, which it does not read beside them.
    options = plain["sphinx"]["config"]["html_theme_options"]
    assert not options["repository_url"] and plain["html"]["baseurl"] == ""
    assert "colab_url" not in options["launch_buttons"]
    monkeypatch.setenv("HAT_BOOK_REPOSITORY", "https://example.org/a/b")
    monkeypatch.setenv("HAT_BOOK_ADDRESS", "https://example.org/book/")
    named = address.configured(config)
    options = named["sphinx"]["config"]["html_theme_options"]
    assert options["repository_url"] == "https://example.org/a/b"
    assert options["path_to_docs"] == "book" and options["launch_buttons"]["colab_url"]
    assert options["article_header_end"] == ["article-header-buttons.html"]  # which has them
    for page in ("rerun.html", "search.html", "downloads/x.html", "analyses/fit.html"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text('<a href="/book/analyses/fit.ipynb">')
    address.finish(tmp_path)
    listed = re.findall("<loc>(.*)</loc>", (tmp_path / "sitemap.xml").read_text())
    assert listed == [f"https://example.org/book/{p}.html" for p in ("analyses/fit", "rerun")]
    assert "/notebooks/fit.ipynb" in (tmp_path / "analyses/fit.html").read_text()
