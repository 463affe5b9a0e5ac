"""What the book says, as text: short pages, plain words, one meaning a word."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted([*(ROOT / "book").glob("*.md"), *(ROOT / "book" / "teach").glob("*.md")])
MOST_WORDS, MOST_WORDS_BOOK, MOST_TABLES, MOST_FOLDS = 1300, 30_000, 4, 2
#: Pages that are looked up and not read, and the landing page.
OTHER_LIMITS = {
    "intro": 450, "data-and-sources": 2900, "gallery": 1700, "glossary": 1600, "changelog": 1900,
    "bibliography": 1500,
}  # fmt: skip
UNREAD = "details, table, pre, script, style, svg, .headerlink, .hat-round"

#: Sentences that readers stumbled over, and words of our own where the field has one.
RIDDLES = """
excludes no transfer at all; luck alone does as much; by way of asking;
interval and all; alone lets the line expect; of either sort, which is our choice;
Words in question are; hang together; stops to matter; for a licence;
thousand million parameters; can any number of answers show; answers item by item;
told apart; redrawn items
"""


def _prose(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    return re.sub(r"<[^>]*>|\$[^$]*\$|`[^`]*`", " ", text)


@pytest.mark.book
def test_pages_are_short_and_the_book_is_read_in_a_sitting(built_book: Path) -> None:
    """Words as a reader sees them: without what is folded, tables and code."""
    words, tables, folds = {}, {}, {}
    for path in sorted(built_book.rglob("*.html")):
        name = path.relative_to(built_book).with_suffix("").as_posix()
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").article
        if name.startswith(("_static", "api")) or page is None or path.stem == "genindex":
            continue
        for part in page.select("details, .hat-round"):
            part.clear()
        tables[name] = len(page.select("table"))
        answer = page.select_one(".tag_answer .cell_output, figure.hat-chart, .hat-drill")
        folds[name] = len(answer.find_all_previous("details", class_="hide")) if answer else 0
        for part in page.select(UNREAD):
            part.clear()
        words[name] = sum(any(map(str.isalnum, word)) for word in page.get_text(" ").split())
    assert {n: w for n, w in words.items() if w > OTHER_LIMITS.get(n, MOST_WORDS)} == {}
    assert sum(words.values()) <= MOST_WORDS_BOOK
    analyses = [name for name in words if name.startswith("analyses/")]
    assert {name: tables[name] for name in analyses if tables[name] > MOST_TABLES} == {}
    assert {name: folds[name] for name in analyses if folds[name] > MOST_FOLDS} == {}


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda path: path.stem)
def test_no_riddles_and_no_measured_number_is_typed(path: Path) -> None:
    """Three decimals are a result; results come from the run."""
    text = _prose(path)
    assert [r for r in RIDDLES.split(";") if r.strip().casefold() in text.casefold()] == []
    assert re.findall(r"(?<![\w.])[-+−]?\d?\.\d{3,}(?!\d*[\w-])", text) == []


def test_every_page_is_in_the_contents() -> None:
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter for part in contents["parts"] for chapter in part["chapters"]]
    files = {contents["root"], *(chapter["file"] for chapter in chapters)}
    files |= {each["file"] for chapter in chapters for each in chapter.get("sections", ())}
    pages = {path.relative_to(ROOT / "book").with_suffix("").as_posix() for path in PAGES}
    assert pages | {f"analyses/{path.stem}" for path in NOTEBOOKS} <= files


def test_every_term_that_a_page_uses_is_in_the_glossary() -> None:
    glossary = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    terms = set(re.findall(r"^(\S[^\n]*)\n  ", glossary, flags=re.MULTILINE))
    for path in [*NOTEBOOKS, *PAGES]:
        used = re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", path.read_text(encoding="utf-8"))
        assert {term.strip() for term in used} <= terms, path.name
