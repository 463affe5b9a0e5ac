"""Every notebook on shipped, small and awkward data: it ends, and says nothing false or unsafe.

They execute the cells in this process, which is much faster than papermill. Awkward data are
awkward in several ways at once, where one does not hide another.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import small
from bs4 import BeautifulSoup

import hatlib
from hatlib.errors import InputError
from hatlib.publish.page import outputs, web_page
from hatlib.truth import experiment

pytestmark = pytest.mark.notebook

ITEM_LEVEL = [  # they take answers item by item
    *("all-models", "hardness-measures", "languages", "validation"),
    *("failure-modes", "profile", "your-models"),
]
BOTH = ["scaling", "small-models", "time-trend"]  # accuracies, and such answers
ACCURACIES = ["fit", *BOTH]
LANGUAGES = ["en", "de", "fr", "sw"]
HOSTILE = [
    *("<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "../../etc"),
    *("[red]x[/]", "[a](javascript:alert(1))", "long " * 40, "🦙 llama", "a|b", "${x}", "{{x}}"),
    *("=1+1", "`code` *stars* $x$ _y_ # no heading", "datum.x + '\"'"),
]

Parameters = dict[str, Any]
FAST: Parameters = {"draws": 20}
SMALL: dict[str, Parameters] = {"validation": {"replications": 2, "n_items": 60}}


def table(n: int = 8, languages: list[str] = LANGUAGES, names: list[str] | None = None) -> Any:
    """Accuracies of `n` models near a line, in one row a model and language."""
    names = names or [f"model {i}" for i in range(n)]
    source = np.linspace(0.35, 0.9, len(names))[:, None]
    lost = 0.05 + np.random.default_rng(0).normal(0, 0.02, (len(names), len(languages)))
    lost[:, 0] = 0
    index = pd.MultiIndex.from_product([names, languages], names=["model", "language"])
    accuracy = (source - lost).round(4).ravel()
    return index.to_frame(index=False).assign(accuracy=accuracy, n_items=250)


def sets(**tables: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([each.assign(benchmark=name) for name, each in tables.items()])


def given(folder: Path, frame: pd.DataFrame, *, models: bool = True, **more: Any) -> Parameters:
    """Write data, and perhaps a table of models: ladders of four sizes, one release a quarter."""
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / "mine.csv", index=False)
    if not models:
        return {"data": [str(folder / "mine.csv")]} | more
    about = pd.DataFrame({"model": frame["model"].unique(), "variant": "instruct"})
    i = about.index
    about["family"] = [f"family {k // 4}" for k in i]
    about["lineage"] = [f"lineage {k // 8}" for k in i]
    about["params_total_b"] = np.array([0.5, 2, 8, 32])[i % 4]
    about["release_date"] = [f"20{22 + k // 4 % 4}-{1 + 3 * (k % 4):02d}" for k in i]
    if "developer" in more:  # text that means something to a browser or a template
        for column in ("family", "lineage", "variant"):
            about[column] = "<script>alert(1)</script> {{x}} " + about[column]
        about["developer"] = more.pop("developer")
    about.to_csv(folder / "models.csv", index=False)
    return {"data": [str(folder / "mine.csv")], "models": str(folder / "models.csv")} | more


def hostile() -> Any:
    """Hostile text in every column; each model without thinking, with a little and with much."""
    plain = table(names=[*HOSTILE, *(f"model {i}" for i in range(12))])
    efforts = {"none": 0, "low": 0.02, "high": 0.05}.items()
    runs = [plain.assign(reasoning=e, accuracy=plain["accuracy"] + more) for e, more in efforts]
    return spoilt(pd.concat(runs), "source", "benchmark", "version", "setup")


def spoilt(frame: pd.DataFrame, *columns: str) -> Any:
    return frame.assign(**{c: f"<b>{c}</b> a|b {{{{x}}}} ${{x}} [red]x[/]" for c in columns})


WIDE = table(12, ["en", "de"]).pivot_table("accuracy", "model", "language").reset_index()
ALL, NONE = table().assign(accuracy=1), table().assign(accuracy=0)
AT_CHANCE = sets(a=ALL.assign(accuracy=0.25), b=ALL.assign(accuracy=0.2))
CASES: dict[str, tuple[Any, Parameters]] = {
    "wide, one target, unknown models": (WIDE, {"models": False}),
    "one model": (table(1), {}),
    "two models, no sizes of samples": (table(2).drop(columns="n_items"), {}),
    "all 0": (sets(a=NONE, b=ALL), {}),
    "all 1": (sets(a=ALL, b=NONE), {}),
    "at and below chance": (AT_CHANCE, {"chance": 0.25}),
    "hostile": (hostile(), {"developer": "<script>alert(1)</script>"}),
    "400 models": (table(400), {}),
}


def answers(n=6, languages=LANGUAGES, names=None, *, items=60, trials=5) -> Any:
    """Answers of `n` models item by item; transfer differs by model and by language."""
    rng = np.random.default_rng(0)
    names = names or [f"model {i}" for i in range(n)]
    h = 1 / (1 + np.exp(rng.normal(0, 1.5, items) - np.arange(len(names))[:, None, None] / 3))
    place, m = np.arange(len(languages))[:, None], np.arange(len(names))[:, None, None]
    p = h * np.where(place == 0, 1, 0.95 - 0.1 * place - 0.03 * m)
    levels = [names, languages, [f"q{i}" for i in range(items)]]
    index = pd.MultiIndex.from_product(levels, names=["model", "language", "item"])
    right = rng.binomial(trials, np.clip(p, 0, 1)).ravel()
    return index.to_frame(index=False).assign(n_correct=right, n_trials=trials)


def several() -> Any:
    """Six benchmarks; in the first the weakest models were not asked in all languages."""
    first = answers()
    gone = (first["model"] == "model 0") & first["language"].isin(["fr", "sw"])
    gone |= (first["model"] == "model 1") & (first["language"] == "sw")
    some = {"missing": first[~gone], "once": answers(3, trials=1), "few": answers(items=6)}
    some |= {"right": answers().assign(n_correct=5), "wrong": answers(2).assign(n_correct=0)}
    return sets(**some, complete=answers())


def hostile_answers() -> Any:
    """Hostile names of models, benchmarks, items and promptings."""
    frame = spoilt(answers(names=HOSTILE), "benchmark", "prompting")
    return frame.assign(item="<script>alert(1)</script>" + frame["item"])


ALONE = {"models": False}
BY_ITEM = answers().assign(source_language=LANGUAGES * 360)  # an item's own source
ANSWERS: dict[str, tuple[Any, Parameters]] = {
    "several": (several(), ALONE),
    "one model, one target": (answers(1, ["en", "de"]), {}),
    "two models, one answer": (answers(2, trials=1), {"chance": 0.0}),
    "all wrong": (answers().assign(n_correct=0), ALONE),
    "at chance": (answers(), {"chance": 0.6}),
    "source by item": (BY_ITEM, ALONE | {"source_language": "item"}),
    "hostile": (hostile_answers(), ALONE),
}


def play(name: str, parameters: Parameters) -> tuple[Any, Parameters]:
    """Execute a notebook: it with its outputs, its variables; it says nothing that is no word."""
    nb, space = small.play(name, SMALL.get(name, {}) | parameters)
    nbformat.validate(nb)
    for text in sentences(nb):
        wrong = re.search(r"(?i)(?<![\w.])(nan|nat|inf|none|<na>)(?![\w.])", text)
        assert wrong is None or wrong[0] in ("none", "None"), text
        assert "Traceback" not in text
    return nb, space


def sentences(nb: Any) -> list[str]:
    """What a notebook says: text that it printed or wrote, captions and alternative texts."""
    said = []
    for output in outputs(nb):
        about = output.get("metadata", {}).get("hat", {})
        said += [output.get("text"), output.get("data", {}).get("text/markdown")]
        said += [about.get("caption"), about.get("alt")]
    return [text for text in said if text]


def read(html: str) -> BeautifulSoup:
    """A page that asks no other host and lets nobody's text act."""
    page = BeautifulSoup(html, "html.parser")
    assert small.outside(page) == []
    assert not page.select("[onerror], a[href^=javascript]")
    for script in page.select("script:not([type='application/json'])"):
        assert not (script.string or "").startswith("alert(1)")
    assert not [tag for tag in page.select("main b") if tag.get_text() in ("source", "benchmark")]
    return page


_kept: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Draw no charts, and keep what pages simulate, whatever data they are given.

    A call is known by the text of its arguments, and scores by the simulated responses, too.
    """

    def kept(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            made = {id(each): text for text, each in _kept.items()}
            made |= {id(getattr(each, "responses", each)): text for text, each in _kept.items()}
            said = [made.get(id(each)) or repr(each) for each in arguments]
            text = f"{name} {said} {sorted(options.items())}"
            real = name == "hat_scores" and id(arguments[0]) not in made
            if real or " at 0x" in text:  # or something with a state, such as a generator
                return function(*arguments, **options)
            if text not in _kept:
                _kept[text] = function(*arguments, **options)
            return _kept[text]

        return call

    svg = '<svg width="9" height="9"></svg>'
    monkeypatch.setattr("hatlib.show.figures.static_svg", lambda spec: svg)
    monkeypatch.setattr("hatlib.show.figures.javascript_bundle", lambda kept: "")
    design, less = hatlib.paper_design, {"n_trials": 4, "n_items": (40, 36, 40)}
    smaller = lambda rng=0, **options: design(rng, **options | less)  # noqa: E731
    for name in ("simulate_answers", "hat_scores"):
        monkeypatch.setattr(hatlib, name, kept(name, getattr(hatlib, name)), raising=False)
    monkeypatch.setattr(experiment, "run", kept("run", experiment.run))
    monkeypatch.setattr(hatlib, "paper_design", kept("paper_design", smaller), raising=False)


RUNS = [(name, case, CASES) for name in ACCURACIES for case in CASES]
RUNS += [(name, case, ANSWERS) for name in ITEM_LEVEL for case in ANSWERS]


@pytest.mark.parametrize(("name", "case", "cases"), RUNS)
def test_awkward_data(name, case, cases, tmp_path):
    frame, options = cases[case]
    nb, _ = play(name, FAST | given(tmp_path, frame, **options))
    if case == "hostile":
        text = read(web_page(nb, name)).get_text()
        assert "a|b" in text and "{{x}}" in text


@pytest.mark.parametrize("name", BOTH)
def test_accuracies_and_answers_in_their_place(name, tmp_path):
    alone = "Your data have accuracies only"
    said = nbformat.writes(play(name, FAST | given(tmp_path / "a", table()))[0])
    assert alone in said and "GSM-Symbolic" not in said
    assert alone not in nbformat.writes(play(name, FAST | given(tmp_path, several(), **ALONE))[0])
    nb, _ = play(name, FAST | given(tmp_path / "c", hostile_answers(), **ALONE))
    assert "a|b" in read(web_page(nb, name)).get_text()


@pytest.mark.parametrize("name", [*ACCURACIES, *ITEM_LEVEL])
def test_what_is_not_there_is_a_message(name, tmp_path):
    frame = answers(3, items=20) if name in ITEM_LEVEL else table()
    with pytest.raises(InputError, match="nonsense"):
        play(name, FAST | given(tmp_path, frame, lead="nonsense"))
    if name in ITEM_LEVEL:
        with pytest.raises(InputError, match="source language en"):
            play(name, FAST | given(tmp_path, frame[frame["language"] != "en"]))


def test_models_of_a_profile_can_be_named(tmp_path):
    data = FAST | given(tmp_path, answers()) | {"model_a": "model 1", "model_b": "model 4"}
    assert any("model 1 against model 4" in text for text in sentences(play("profile", data)[0]))
    with pytest.raises(InputError, match="model 9"):
        play("profile", data | {"model_a": "model 9"})


@pytest.mark.book
@pytest.mark.parametrize("name", [*ACCURACIES, *ITEM_LEVEL])
def test_shipped_data(name, built_book):
    nb = nbformat.read(small.ROOT / f"book/_generated/executed/{name}.ipynb", as_version=4)
    page = read(web_page(nb, name))
    assert len(page.select("figure.hat-chart")) >= (1 if name == "failure-modes" else 2)
    answers = [cell for cell in nb.cells if "answer" in cell.metadata.get("tags", [])]
    assert answers and all(len(cell.outputs[0].data["text/markdown"]) > 80 for cell in answers)


@cache
def as_shipped(name: str) -> Parameters:
    return play(name, {})[1]


IDEA: list[tuple[str, Parameters]] = [
    ("why-hard", {"n_trials": 1, "n_items": 60, "profile": "linear", "lead": "xnli-first200"}),
    ("why-hard", {"profile": "flat", "difficulty": "bimodal", "lead": "mgsm"}),
    ("the-score", {"draws": 50, "lead": "xnli-first200", "n_items": 60, "profile": "linear"}),
    ("the-score", {"draws": 50, "lead": "mgsm", "n_trials": 2}),
    ("ten-samples", {"repeats": 1, "n_trials": 2, "n_items": 30, "difficulty": "skewed"}),
    ("drill", {"rounds": 2, "pairs": 12, "draws": 50, "hidden": 0.0}),
    ("drill", {"rounds": 1, "pairs": 6, "draws": 50, "spread": 0.1, "n_trials": 2}),
    ("planning", {}),
    ("planning", {"difference": 0.01, "n_items": 100, "n_models": 30, "n_languages": 1}),
    ("planning", {"budget": 10, "ability": "strong", "chance": 0.5, "power": 0.95}),
]


@pytest.mark.parametrize(("name", "parameters"), IDEA)
def test_other_parameters(name, parameters):
    play(name, parameters)


def test_ten_items_by_hand():
    found = as_shipped("why-hard")
    # 5 · 2 + 3 · 6 + 2 · 10 = 48 right of 100 in English, 5 · 1 + 3 · 4 + 2 · 8 = 33 in Swahili;
    # 1 · 2 + 2 · 6 + 7 · 10 = 84, and 1 · 1 + 2 · 4 + 7 · 8 = 65.
    assert found["totals"].loc["weak"].tolist() == pytest.approx([0.48, 0.33, 0.15, 33 / 48])
    assert found["totals"].loc["strong"].tolist() == pytest.approx([0.84, 0.65, 0.19, 65 / 84])
    assert found["same_mix"] == pytest.approx((1 + 4 + 8) / (2 + 6 + 10))
    # The ratio is the mean of what crosses over, weighted by where the right answers lie.
    parts = found["sums"]["crosses_over"] * found["sums"]["share"]
    weighted = parts.groupby(found["sums"]["model"]).sum()
    assert weighted.to_dict() == pytest.approx(found["ratio"].to_dict())


def test_the_score_by_hand_agrees_with_the_package():
    found = as_shipped("the-score")
    assert found["by_hand"] == pytest.approx(found["one"]["hat"], abs=0.05)
    assert found["one"]["low"] < found["truth"] < found["one"]["high"]
    flat = found["check"][["hat", "ratio"]].agg(lambda values: values.max() - values.min())
    assert flat["hat"] < 0.1 < flat["ratio"]


def test_items_regress_to_the_mean_of_their_model():
    found = as_shipped("ten-samples")
    assert 1 < found["weak"]["mean"] < found["strong"]["mean"]
    assert found["worst"]["posterior_mean"] < 0.03 < found["worst"]["looks_like"]
    spread = found["spread"].set_index(["score", "answers"])["spread"]
    assert (spread["corrected"] < spread["as it looks"]).all()
