"""The drill as readers meet it: clicked, by keyboard, on a phone, and without JavaScript."""

import re
from typing import Any

import pytest
from small import play

from hatlib.publish.page import web_page

from .visit import AXE_TAGS, axe

pytestmark = [pytest.mark.browser]

CHECK = """addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.blockedURI))"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A drill on a page that stands alone, as `hat run -o page.html` makes it."""
    nb, _ = play("drill", {"rounds": 4, "draws": 50, "seed": 3}, until="drill-05")
    page = tmp_path_factory.mktemp("drill") / "drill.html"
    page.write_text(web_page(nb, "Drill", code=False), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(params=["alone", pytest.param("book", marks=pytest.mark.book)])
def where(request: pytest.FixtureRequest) -> str:
    """The address of a page with a drill, alone and in the book."""
    if request.param == "alone":
        return str(request.getfixturevalue("alone"))
    return f"{request.getfixturevalue('address')}analyses/drill.html"


@pytest.fixture
def page(page: Any, where: str) -> Any:
    """A page with a drill: alone on a wide screen, in the book on a phone."""
    width = 1280 if where.startswith("file:") else 390
    page.set_viewport_size({"width": width, "height": 844})
    page.add_init_script(CHECK)
    page.goto(where)
    page.locator(".hat-tally").wait_for(timeout=30_000)
    return page


def tally(page: Any, who: str) -> list[int]:
    """Right, wrong and left open."""
    cells = page.locator(f".hat-tally tr[data-who={who}] td.hat-number")
    return [*map(int, cells.all_text_contents())]


def answer(page: Any, number: int, said: str) -> Any:
    """Give an answer to a round: "right", "wrong", or one of its three."""
    one = page.locator(".hat-round").nth(number)
    right = str(one.get_attribute("data-right"))
    wrong = next(each for each in ("a", "same", "b") if each != right)
    said = {"right": right, "wrong": wrong}.get(said, said)
    button = one.locator(f"button[data-answer={said}]")
    button.click(force=True)
    return button


def test_a_click_opens_the_truth_and_counts_once(page: Any, troubles: list[str]) -> None:
    first = page.locator(".hat-round").first
    assert tally(page, "you") == [0, 0, 0]
    answer(page, 0, "right")
    assert tally(page, "you") == [1, 0, 0]
    assert sum(tally(page, "ratio")) == 1 and sum(tally(page, "hat")) == 0
    assert first.locator(".hat-said").text_content().startswith("You are right.")
    assert first.locator(".hat-truth > p").is_visible()
    assert not first.locator(".hat-answer > p").first.is_visible()  # the second step is one's own
    first.locator(".hat-answer > summary").click()
    assert first.locator(".hat-answer > p").first.is_visible()
    page.locator(".hat-tally tr[data-who=hat] td", has_text=re.compile("^1$")).first.wait_for()
    assert "HAT" in first.locator(".hat-said").text_content()
    wrong = answer(page, 1, "wrong")
    answer(page, 1, "right")  # but an answer stands
    assert tally(page, "you") == [1, 1, 0]
    assert wrong.get_attribute("aria-pressed") == "true"
    for number in range(2, page.locator(".hat-round").count()):
        answer(page, number, "same")
    for who in ("target_accuracy", "xlt_gap", "ratio"):  # the tally says why a metric was wrong
        why = page.locator(f".hat-why[data-who={who}]")
        assert why.is_visible() == (tally(page, who)[1] > 0)
    page.locator(".hat-again").click()
    assert tally(page, "you") == [0, 0, 0]
    assert not page.locator(".hat-truth > p").first.is_visible()
    assert page.evaluate("document.activeElement.dataset.answer") == "a"
    first.locator(".hat-truth > summary").click()  # a round that was opened first does not count
    page.locator(".hat-said:not(:empty)").first.wait_for(state="attached")
    answer(page, 0, "a")
    assert tally(page, "you") == [0, 0, 0]
    assert "does not count" in first.locator(".hat-said").text_content()
    answer(page, 1, "right")
    assert tally(page, "you") == [1, 0, 0]
    assert troubles == []


def test_by_keyboard_alone(page: Any, troubles: list[str]) -> None:
    page.evaluate("document.querySelector('.hat-round button').focus()")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    focused = "document.activeElement"
    assert page.evaluate(f"{focused}.dataset.answer") == "a"
    assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert sum(tally(page, "you")) == 1
    page.keyboard.press("Tab")  # the third answer
    page.keyboard.press("Tab")
    assert "Show the truth" in page.evaluate(f"{focused}.textContent")
    page.keyboard.press("Tab")
    assert "Show what HAT" in page.evaluate(f"{focused}.textContent")
    page.keyboard.press("Enter")
    assert page.locator(".hat-answer > p").first.is_visible()
    assert troubles == []


def test_narrow_and_accessible(page: Any) -> None:
    for number in range(4):
        answer(page, number, "same")
        page.locator(".hat-answer > summary").nth(number).click()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    over = """[...document.querySelectorAll('.hat-drill :is(button, p, svg, table)')]
      .filter(e => e.getBoundingClientRect().right > innerWidth).length"""
    assert page.evaluate(over) == 0
    page.add_style_tag(content="* { transition: none !important }")
    # The rest of the page has tests of its own.
    page.evaluate("document.querySelectorAll('figure.hat-chart').forEach(f => f.remove())")
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert axe(page, {"type": "tag", "values": AXE_TAGS}) == []


def test_without_javascript_it_unfolds_in_two_steps(plain: Any, where: str) -> None:
    plain.goto(where)
    first = plain.locator(".hat-round").first
    button, table = first.locator("button").first, plain.locator(".hat-tally")
    steps = first.locator(".hat-truth > p"), first.locator(".hat-answer > p").first
    assert not button.is_visible() and not table.is_visible() and not steps[0].is_visible()
    first.locator(".hat-truth > summary").click()
    assert [step.is_visible() for step in steps] == [True, False]
    first.locator(".hat-answer > summary").click()
    assert steps[1].is_visible()
