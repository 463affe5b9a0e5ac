"""Every notebook on shipped, small and awkward data: it ends, and says nothing false or unsafe.

Two notebooks run through papermill. The other runs execute the same cells in this process, which
is much faster, and render the same page.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from IPython.core.formatters import DisplayFormatter
from small import outside

import hatlib
from hatlib import publish
from hatlib.errors import InputError
from hatlib.publish.page import web_page
from hatlib.truth import design, experiment

pytestmark = pytest.mark.notebook

ROOT = Path(__file__).parents[1]
ITEM_LEVEL = [  # they take answers item by item
    *("all-models", "hardness-measures", "languages", "validation"),
    *("failure-modes", "profile", "your-models"),
]
BOTH = [
    "scaling",
    "small-models",
    "time-trend",
]  # accuracies, and such answers
NOTEBOOKS = sorted(  # those that take accuracies
    path.stem
    for path in (ROOT / "notebooks").glob("*.ipynb")
    if path.stem not in ITEM_LEVEL and "data: list" in path.read_text(encoding="utf-8")
)
LANGUAGES = ["en", "de", "fr", "sw"]
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "../../etc",
    "[red]x[/]",
    "[a](javascript:alert(1))",
    "long " * 40,
    "🦙 llama",
    "a|b",
    "${x}",
    "{{x}}",
    "=1+1",
    "`code` *stars* $x$ _y_ # no heading",
    "datum.x + '\"",
]


Parameters = dict[str, Any]
FAST: Parameters = {"draws": 50}
SMALL: dict[str, Parameters] = {
    "validation": {"replications": 2, "n_items": 60},
}


# Awkward tables --------------------------------------------------------------------------------


def table(n: int = 8, languages: list[str] = LANGUAGES, names: list[str] | None = None) -> Any:
    """Accuracies of `n` models near a line, in one row a model and language."""
    rng = np.random.default_rng(0)
    names = names or [f"model {i}" for i in range(n)]
    rows = []
    for name, source in zip(names, np.linspace(0.35, 0.9, len(names)), strict=True):
        for language in languages:
            lost = 0 if language == languages[0] else 0.05 + rng.normal(0, 0.02)
            rows.append((name, language, round(float(source - lost), 4), 250))
    return pd.DataFrame(rows, columns=["model", "language", "accuracy", "n_items"])


def described(models: list[str]) -> pd.DataFrame:
    """A models table: ladders of four sizes, one release a quarter."""
    return pd.DataFrame(
        {
            "model": models,
            "family": [f"family {i // 4}" for i in range(len(models))],
            "lineage": [f"lineage {i // 8}" for i in range(len(models))],
            "variant": "instruct",
            "params_total_b": [[0.5, 2, 8, 32][i % 4] for i in range(len(models))],
            "release_date": [
                f"20{22 + i // 4 % 4}-{1 + 3 * (i % 4):02d}" for i in range(len(models))
            ],
        }
    )


def given(folder: Path, frame: pd.DataFrame, *, models: bool = False, **more: Any) -> Parameters:
    """Write accuracies, and perhaps a table of models; return the parameters to use them."""
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / "mine.csv", index=False)
    parameters: Parameters = {"data": [str(folder / "mine.csv")]}
    if models:
        described(list(dict.fromkeys(frame["model"]))).to_csv(folder / "models.csv", index=False)
        parameters["models"] = str(folder / "models.csv")
    return parameters | more


def hostile(folder: Path) -> Parameters:
    """Text that means something to a browser, a shell, a template, a terminal or a spreadsheet."""
    frame = table(names=[*HOSTILE, *(f"model {i}" for i in range(12))])
    for column in ("source", "benchmark", "version", "setup"):
        frame[column] = f"<b>{column}</b> a|b {{{{x}}}} ${{x}} [red]x[/]"
    parameters = given(folder, frame)
    models = described(list(dict.fromkeys(frame["model"])))
    for column in ("family", "lineage", "variant"):
        models[column] = "<script>alert(1)</script> {{x}} " + models[column].astype(str)
    models["developer"] = "<script>alert(1)</script>"
    models.to_csv(folder / "models.csv", index=False)
    return parameters | {"models": str(folder / "models.csv")}


def thinking(folder: Path) -> Parameters:
    """The same models without reasoning, with a little and with much."""
    parts = []
    for effort, gain in {"none": 0, "low": 0.02, "high": 0.05}.items():
        part = table(10)
        parts.append(part.assign(reasoning=effort, accuracy=part["accuracy"] + gain))
    return given(folder, pd.concat(parts), models=True)


CASES: dict[str, Callable[[Path], Parameters]] = {
    "ordinary": lambda folder: given(folder, table(), models=True),
    "wide": lambda folder: given(
        folder, table().pivot_table("accuracy", "model", "language").reset_index()
    ),
    "one model": lambda folder: given(folder, table(1), models=True),
    "two models": lambda folder: given(folder, table(2), models=True),
    "unknown names": lambda folder: given(folder, table(12)),
    "no items": lambda folder: given(folder, table(12).drop(columns="n_items"), models=True),
    "one target": lambda folder: given(folder, table(12, ["en", "de"]), models=True),
    "all 0": lambda folder: given(folder, table().assign(accuracy=0), models=True),
    "all 1": lambda folder: given(folder, table().assign(accuracy=1), models=True),
    "at chance": lambda folder: given(
        folder, table().assign(accuracy=0.25), models=True, chance=0.25
    ),
    "below chance": lambda folder: given(folder, table(), models=True, chance=0.95),
    "hostile": hostile,
    "400 models": lambda folder: given(folder, table(400), models=True),
    "thinking": thinking,
}


# Awkward answers -------------------------------------------------------------------------------


def answers(
    n: int = 6,
    languages: list[str] = LANGUAGES,
    names: list[str] | None = None,
    *,
    items: int = 60,
    trials: int = 5,
) -> Any:
    """Answers of `n` models item by item; transfer differs by model and by language."""
    rng = np.random.default_rng(0)
    names = names or [f"model {i}" for i in range(n)]
    difficulty = rng.normal(0, 1.5, items)
    rows = []
    for m, name in enumerate(names):
        h = 1 / (1 + np.exp(difficulty - m / 3))
        for place, language in enumerate(languages):
            p = h if place == 0 else h * (0.95 - 0.1 * place - 0.03 * m)
            right = rng.binomial(trials, np.clip(p, 0, 1))
            rows += [(name, language, f"q{i}", int(k), trials) for i, k in enumerate(right)]
    columns = ["model", "language", "item", "n_correct", "n_trials"]
    return pd.DataFrame(rows, columns=columns)


def hostile_answers(folder: Path) -> Parameters:
    """Hostile names of models, benchmarks, items and promptings."""
    frame = answers(names=HOSTILE)
    for column in ("benchmark", "prompting"):
        frame[column] = f"<b>{column}</b> a|b {{{{x}}}} ${{x}} [red]x[/]"
    frame["item"] = "<script>alert(1)</script>" + frame["item"]
    return given(folder, frame)


def source_by_item(folder: Path) -> Parameters:
    """Each item starts from a language of its own."""
    frame = answers()
    number = frame["item"].str[1:].astype(int)
    frame["source_language"] = np.array(LANGUAGES)[number % len(LANGUAGES)]
    return given(folder, frame, source_language="item")


def some_languages_missing(folder: Path) -> Parameters:
    """The weakest model was asked in one target language, the next in two."""
    frame = answers()
    gone = (frame["model"] == "model 0") & frame["language"].isin(["fr", "sw"])
    gone |= (frame["model"] == "model 1") & (frame["language"] == "sw")
    return given(folder, frame[~gone])


ANSWERS: dict[str, Callable[[Path], Parameters]] = {
    "ordinary": lambda folder: given(folder, answers(), models=True),
    "one model": lambda folder: given(folder, answers(1)),
    "two models": lambda folder: given(folder, answers(2), chance=0.0),
    "one answer an item": lambda folder: given(folder, answers(trials=1)),
    "one answer, two models": lambda folder: given(folder, answers(2, trials=1)),
    "one target": lambda folder: given(folder, answers(languages=["en", "de"])),
    "few items": lambda folder: given(folder, answers(items=6)),
    "all right": lambda folder: given(folder, answers().assign(n_correct=5)),
    "all wrong": lambda folder: given(folder, answers().assign(n_correct=0)),
    "at chance": lambda folder: given(folder, answers(), chance=0.6),
    "two benchmarks": lambda folder: given(
        folder,
        pd.concat([answers().assign(benchmark="a"), answers(3, trials=1).assign(benchmark="b")]),
    ),
    "languages missing": some_languages_missing,
    "source by item": source_by_item,
    "hostile": hostile_answers,
}


# Runs ------------------------------------------------------------------------------------------


def play(name: str, parameters: Parameters) -> Any:
    """Execute the code cells of a notebook in this process; return it with their outputs."""
    parameters = SMALL.get(name, {}) | parameters
    nb = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    space: Parameters = {"print": lambda *words: printed.append(" ".join(map(str, words)))}
    shown = DisplayFormatter()
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        printed: list[str] = []
        body = ast.parse(cell.source).body
        result = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), name, "exec"), space)
        value = eval(compile(result, name, "eval"), space) if result else None
        if "parameters" in cell.metadata.get("tags", []):
            assert set(parameters) <= set(space)
            space |= parameters
        if printed:
            cell.outputs.append(nbformat.v4.new_output("stream", text="\n".join(printed)))
        if value is not None:
            data, about = shown.format(value)
            output = nbformat.v4.new_output("execute_result", data, metadata=about)
            cell.outputs.append(output)
    nbformat.validate(nb)
    return nb


def sentences(nb: Any) -> list[str]:
    """What a notebook says: text that it printed or wrote, captions and alternative texts."""
    said = []
    for cell in nb.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            about = output.get("metadata", {}).get("hat", {})
            said += [output.get("text", ""), data.get("text/markdown", "")]
            said += [about.get("caption", ""), about.get("alt", "")]
    return [text for text in said if text]


def check(nb: Any, html: str) -> BeautifulSoup:
    """What is true of every notebook and page, whatever the data."""
    for text in sentences(nb):
        wrong = re.search(r"(?i)(?<![\w.])(nan|nat|inf|none|<na>)(?![\w.])", text)
        assert wrong is None or wrong[0] in ("none", "None"), text
        assert "Traceback" not in text
    assert outside(html) == []
    page = BeautifulSoup(html, "html.parser")
    assert not page.select("[onerror], a[href^=javascript]")
    for script in page.select("script:not([type='application/json'])"):
        assert not (script.string or "").startswith("alert(1)")
    assert not [tag for tag in page.select("main b") if tag.get_text() in ("source", "benchmark")]
    return page


@pytest.fixture
def quick_pictures(monkeypatch):
    """Leave out the PNG of each chart, which the page does not use."""
    import importlib

    for module in ("hatlib.show.figures", "hatlib.show.charts"):
        if hasattr(importlib.import_module(module), "_png"):
            monkeypatch.setattr(f"{module}._png", lambda spec: "")


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("case", CASES)
def test_awkward_data(case, name, tmp_path, quick_pictures):
    nb = play(name, FAST | CASES[case](tmp_path))
    page = check(nb, web_page(nb, name))
    if case == "hostile":
        text = page.get_text()
        assert "a|b" in text
        assert "{{x}}" in text


_kept: dict[str, tuple[Any, Any]] = {}


@pytest.fixture(autouse=True)
def simulate_once(monkeypatch):
    """Keep what pages simulate, whatever data they are given: once is enough for all cases.

    A call is known by the text of its arguments, and scores by the simulated responses, too.
    """

    def kept(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            made = {id(each) for pair in _kept.values() for each in pair}
            if name == "hat_scores" and id(arguments[0]) not in made:
                return function(*arguments, **options)
            said = [id(each) if id(each) in made else repr(each) for each in arguments]
            text = f"{name} {said} {sorted(options.items())}"
            if " at 0x" in text:  # something with a state, such as a generator
                return function(*arguments, **options)
            if text not in _kept:
                result = function(*arguments, **options)
                _kept[text] = (result, getattr(result, "responses", None))
            return _kept[text][0]

        return call

    for name in ("simulate_answers", "paper_design", "hat_scores"):
        monkeypatch.setattr(hatlib, name, kept(name, getattr(hatlib, name)), raising=False)
    monkeypatch.setattr(experiment, "run", kept("run", experiment.run))
    small = partial(design.paper_design, n_trials=4, n_items=(40, 36, 40))
    monkeypatch.setattr(hatlib, "paper_design", kept("paper_design", small), raising=False)


#: Pages that take long meet the cases that differ most; the shorter ones meet all.
LONG = ("failure-modes", "hardness-measures", "validation")
TELLING = ("ordinary", "one model", "one answer an item", "few items", "all right", "at chance")
TELLING += ("languages missing", "source by item", "hostile")
AWKWARD = [(c, n) for c in ANSWERS for n in ITEM_LEVEL if n not in LONG or c in TELLING]


@pytest.mark.parametrize(("case", "name"), AWKWARD)
def test_awkward_answers(case, name, tmp_path, quick_pictures):
    nb = play(name, FAST | ANSWERS[case](tmp_path))
    page = check(nb, web_page(nb, name))
    if case == "hostile":
        text = page.get_text()
        assert "a|b" in text
        assert "{{x}}" in text


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("case", [case for case in ANSWERS if case != "source by item"])
def test_awkward_answers_in_place_of_accuracies(case, name, tmp_path, quick_pictures):
    nb = play(name, FAST | ANSWERS[case](tmp_path))
    page = check(nb, web_page(nb, name))
    if case == "hostile":
        assert "a|b" in page.get_text()
    assert "Your data have accuracies only" not in page.get_text()


@pytest.mark.parametrize("name", BOTH)
def test_accuracies_alone_bring_no_answers_of_the_book(name, tmp_path, quick_pictures):
    text = web_page(play(name, FAST | given(tmp_path, table(), models=True)), name)
    assert "Your data have accuracies only" in text
    assert "GSM-Symbolic" not in text


@pytest.mark.parametrize("name", ITEM_LEVEL)
def test_answers_without_the_source_language_are_a_message(name, tmp_path):
    frame = answers(languages=["de", "fr"])
    with pytest.raises(InputError, match="source language en"):
        play(name, FAST | given(tmp_path, frame))


def test_models_of_a_profile_can_be_named(tmp_path, quick_pictures):
    named = {"model_a": "model 1", "model_b": "model 4"}
    nb = play("profile", FAST | given(tmp_path, answers()) | named)
    assert any("model 1 against model 4" in text for text in sentences(nb))
    with pytest.raises(InputError, match="model 9"):
        play("profile", FAST | given(tmp_path, answers()) | {"model_a": "model 9"})


@pytest.mark.parametrize("name", [*NOTEBOOKS, *ITEM_LEVEL])
def test_shipped_data(name, tmp_path, quick_pictures):
    nb = play(name, FAST)
    page = check(nb, web_page(nb, name))
    assert len(page.select("figure.hat-chart")) >= (1 if name == "failure-modes" else 2)
    answers = [cell for cell in nb.cells if "answer" in cell.metadata.get("tags", [])]
    assert answers
    assert all(len(cell.outputs[0].data["text/markdown"]) > 80 for cell in answers)


@pytest.mark.parametrize("name", ["fit", "scaling"])
def test_through_papermill(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = publish.run_notebook(name, FAST | given(Path("in"), table(), models=True))
    nb = nbformat.read(run.notebook, as_version=4)
    nbformat.validate(nb)
    assert not [out for cell in nb.cells for out in cell.get("outputs", ()) if "ename" in out]
    check(nb, run.page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_unknown_set_is_a_message(name, tmp_path, quick_pictures):
    with pytest.raises(InputError, match="nonsense"):
        play(name, FAST | given(tmp_path, table(), models=True, lead="nonsense"))


@pytest.mark.parametrize("name", ITEM_LEVEL)
def test_an_unknown_set_of_answers_is_a_message(name, tmp_path, quick_pictures):
    with pytest.raises(InputError, match="nonsense"):
        play(name, FAST | given(tmp_path, answers(), lead="nonsense"))
