"""The calculator gives the numbers of hatlib, says what `hat check` says, and runs no names."""

import itertools
import json
import re
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hatlib
from hatlib.data.languages import language_of

from .visit import AXE_TAGS, axe

pytestmark = [pytest.mark.browser]

ROOT = Path(__file__).parents[2]
EXACT = ("hat", "support", "effective_items", "n_items", "source_accuracy", "target_accuracy")
EXACT += ("xlt_gap", "ratio", "conditional_transfer", "f95")
HEAD = "model,language,item,n_correct,n_trials"
STATE = "() => document.querySelector('[data-part=status]').textContent"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the calculator, alone and from disk, with the rules of the book's pages."""
    folder = tmp_path_factory.mktemp("calculator")
    (folder / "_static").mkdir()
    for name in ("hat-core.js", "hat-calculator.js", "hat.css"):
        shutil.copy(ROOT / "book" / "assets" / name, folder / "_static" / name)
    layout = (ROOT / "book/assets/templates/layout.html").read_text()
    rules = re.search(r"<meta http-equiv.*?>", layout)
    source = (ROOT / "book" / "calculator.md").read_text(encoding="utf-8")
    markup = re.search(r"```\{raw\} html\n(.*?)\n```", source, flags=re.S)
    assert markup and rules
    (folder / "page.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8">{rules.group()}<title>Score</title>'
        f'<link rel="stylesheet" href="_static/hat.css"><main><h1>Score</h1>{markup.group(1)}'
        "</main></html>",
        encoding="utf-8",
    )
    return folder / "page.html"


@pytest.fixture(autouse=True)
def opened(page: Any, place: Path, troubles: list[str]) -> Iterator[None]:
    page.goto(place.as_uri())
    yield
    assert troubles == []


def _made_up(page: Any, what: str) -> None:
    page.get_by_role("button", name=f"Try made-up {what}").click()
    page.wait_for_function(f"() => /below/.test(({STATE})())")


def _rows(*rows: str) -> str:
    return "\n".join([HEAD, *rows])


def _give(page: Any, text: str) -> str:
    """Put a table in, and wait for what is said."""
    page.evaluate(
        """text => { const area = document.querySelector('[data-part=text]');
        document.querySelector('[data-part=status]').textContent = '';
        area.value = text; area.dispatchEvent(new Event('input')); }""",
        text,
    )
    page.wait_for_function(f"() => /below|found|could not/.test(({STATE})())")
    return str(page.evaluate(STATE))


def _saved(page: Any, form: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Results as {form}").click()
    return Path(download.value.path())


def _dataset(case: int) -> tuple[pd.DataFrame, float]:
    """A set of one to twelve models; in the second dozen, asked another number of times each."""
    rng = np.random.default_rng(case)
    n_models, mixed = (1, 2, 4, 7, 12)[case % 5], case >= 12
    chance = float(rng.choice([0.0, 0.25]))
    n_items, n_trials = int(rng.integers(30, 200)), int(rng.choice([2, 3, 5, 10]))
    if n_models == 12:  # one is unlike the others
        n_items, n_trials = 300, 10
    targets = ["de", "sw", "fr"][: 1 + case % 3]
    like: dict[str, Any] = {"n_items": n_items, "targets": targets, "rng": case, "item_spread": 0.1}
    abilities = np.sort(rng.uniform(-2, 3, n_models))
    profiles = list(rng.choice(["shift", "linear", "square", "steep", "flat"], n_models))
    if n_models == 12:
        profiles[:] = 11 * ["linear"] + ["strong shift"]
    asked = [(1, 10, 3, 5, 2, 10, 1)[m % 7] if mixed else n_trials for m in range(n_models)]
    sets = [
        hatlib.simulate_answers(
            [abilities[m]], profiles=[profiles[m]], n_trials=asked[m], chance=chance, **like
        ).responses.frame.assign(model=f"model {m}")
        for m in range(n_models)
    ]
    frame = pd.concat(sets)[HEAD.split(",")]
    if case % 5 == 4:  # other questions in the target languages
        frame["item"] = frame["item"].where(
            frame["language"] == "en", frame["item"].to_numpy()[::-1]
        )
    # A third of the sets have answers missing.
    return frame.sample(frac=0.9, random_state=case) if case % 3 == 0 else frame, chance


def test_the_numbers_are_those_of_hatlib(page: Any, tmp_path: Path) -> None:
    ratios: list[float] = []
    path = tmp_path / "set.csv"
    for case in range(24):
        frame, chance = _dataset(case)
        frame.to_csv(path, index=False)
        ours = hatlib.hat_scores(hatlib.load_responses(path, chance=chance), draws=300).table()
        problems, rows = page.evaluate(
            """([text, chance]) => { const core = hatCore(), read = core.readTable(text, 'x');
            const [done] = core.scoreAll(read, {chance, draws: 300, seed: 3});
            return [read.problems, JSON.parse(JSON.stringify(done.rows))]; }""",
            [path.read_text(), chance],
        )
        both = ours.merge(pd.DataFrame(rows), on=["model", "target"], suffixes=("", "_page"))
        assert problems == [] and len(both) == len(ours) == len(rows)
        for name in EXACT:
            pair = both[name].astype(float), both[f"{name}_page"].astype(float)
            np.testing.assert_allclose(*pair, atol=1e-6, err_msg=f"{name} of set {case}")
        luck = "(; )?estimators disagree"  # this flag hangs on the luck of the redraws
        flags = both[["flag", "flag_page"]].replace(luck, "", regex=True)
        assert flags["flag"].equals(flags["flag_page"])
        ratios += [r for r in both["se_page"].astype(float) / both["se"] if np.isfinite(r)]
    assert 0.97 < np.mean(ratios) < 1.03  # intervals agree but for the luck of the redraws
    assert min(ratios) > 0.75 and max(ratios) < 1.3


def test_it_knows_the_names_and_codes_of_hatlib(page: Any) -> None:
    names = tomllib.loads((ROOT / "hatlib/data/multiple_choice.toml").read_text())["options"]
    assert {k: v.split(" ") for k, v in page.evaluate("hatCore().choices").items()} == names
    levels = pd.read_csv(ROOT / "data/benchmarks.csv").set_index("benchmark")["chance_level"]
    assert page.evaluate("hatCore().bookChance") == levels.to_dict()
    words = tomllib.loads((ROOT / "hatlib/data/languages.toml").read_text())
    there = page.evaluate("hatCore().words")
    assert there["usual"].pop("twi") == language_of("twi")  # which browsers call Akan
    assert there == words
    codes = pd.read_csv(ROOT / "data/languages.csv")["language"].to_list()
    codes += ["eng_Latn", "zho_Hans", "zh-TW", "zh_CN", "pt-BR", "pt_PT", "EN_US", "srp_Cyrl"]
    codes += ["German", "aka", "twi", "plt", "mlg", "kmr", "ydd", "yid", "kau", "sme", "kr", "se"]
    codes += ["in", "xx", "all", "en1", "__proto__", "constructor"]
    assert page.evaluate("c => c.map(hatCore().languageOf)", codes) == [*map(language_of, codes)]


def test_it_asks_for_the_chance_level_and_counts_repeats_once(page: Any) -> None:
    rng = np.random.default_rng(2)
    pairs = [(language, item) for language in ("en", "de") for item in range(80)]
    rows = [f"xcopa,a,{code},{item},{rng.binomial(5, 0.7)},5" for code, item in pairs]
    assert _give(page, "\n".join([f"benchmark,{HEAD}", *rows])) == "One problem was found."
    said = page.locator("[data-part=problems] li").inner_text()
    assert "the name of a test with 2 options. Set the chance level to 0.5" in said
    _give(page, _rows(*(f"a,{c},{item},{10 * (rng.random() < 0.6)},10" for c, item in pairs)))
    shown = page.locator("[data-part=results]").inner_text()
    assert "so they count as one answer" in shown and "one answer an item" in shown


PAIR = "a,en,1,1,2\na,de,1,1,2\n"
FAULTS = {
    "several": f"{HEAD}\na,en,1,9,10\na,en,1,9,10\na,de,1,11,10\na,xx9,2,1,10\n,de,3,1,10\n"
    "a,de,4,-1,10\na,de,5,1.5,10\na,de,7,,10\na,,8,1,2\na,de,,0x1,2\na,de,9,1,0\n",
    "one trial a row": "model,language,item,correct\na,en,1,2\na,de,1,yes\na,de,2,TRUE\n",
    "no source": f"{HEAD}\na,de,1,1,2\na,sw,1,1,2\n",
    "no target": f"{HEAD}\na,en,1,1,2\na,en,2,1,2\n",
    "languages": f"{HEAD}\n{PAIR}a,jp,1,1,2\na,jp,2,1,2\na,kr,1,1,2\na,all,1,1,2\na,xx,1,1,2\n",
    "one language twice": f"{HEAD}\n{PAIR}a,deu_Latn,1,1,2\n",
    "prompting twice": f"{HEAD},prompting\na,en,1,1,2,p\na,de,1,1,2,p\na,de,1,1,2,p\n",
    "unread": f"{HEAD},n_parsed\na,en,1,1,2,0\na,de,1,1,2,3\na,de,2,0,2,-1\n",
    "chance": f"{HEAD},chance_level\na,en,1,1,2,1.5\na,de,1,1,2,few\na,de,2,0,2,-0.1\n",
    "two chances": f"{HEAD},chance_level\na,en,1,1,2,0.5\na,de,1,1,2,0.25\n",
    "source unsaid": f"{HEAD},source_language\na,en,1,1,2,en\na,de,1,1,2,\n",
    "source elsewhere": f"{HEAD},source_language\na,en,1,1,2,fr\na,de,1,1,2,fr\n",
    "header only": f"{HEAD}\n",
    "empty": "",
    "no item": f"{HEAD.replace('item,', '')}\na,en,1,2\n",
    "no trials": f"{HEAD.replace(',n_trials', '')}\na,en,1,2\n",
    "column twice": f"{HEAD},item\na,en,1,1,2,3\n",
    "column unnamed": f"{HEAD},\na,en,1,1,2,3\n",
    "quote": f'{HEAD}\na,en,"1"b,1,2\na,en,2,1,2\n',
    "accuracy": "model,language,accuracy\na,en,1.2\na,de,abc\na,fr,-0.5\na,,0.5\na,sw,87%\n",
    "accuracy twice": "model,language,accuracy\na,en,0.2\na,de,0.1\na,de,0.2\n",
    "accuracy, comma": "model;en;de\na;0,5;0,4\n",
    "accuracy, no target": "model,language,accuracy\na,en,0.2\nb,en,0.2\n",
    "accuracy, no source": "model,de,fr\na,0.2,0.1\n",
    "accuracy, other head": "model,lang,accuracy\na,en,0.2\n",
}


def test_it_says_what_hat_check_says(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    for name, text in FAULTS.items():
        path.write_text(text)
        with pytest.raises(hatlib.errors.InputError) as refused:
            hatlib.load(path) if "accuracy" in name else hatlib.load_responses(path)
        said = page.evaluate(
            """([text, name]) => { const core = hatCore(), read = core.readTable(text, name);
            core.scoreAll(read, {}); return read.problems; }""",
            [text, path.name],
        )
        assert said == [str(problem) for problem in refused.value.problems], name


def test_files_in_any_usual_form_give_the_same_scores(page: Any) -> None:
    text = page.evaluate("hatCore().example()")
    heads = text.replace("n_correct,n_trials", "N Correct,n_samples").replace("item", "item_id")
    forms = [
        text,
        "\ufeff" + text.replace("\n", "\r\n"),
        text.replace(",", ";"),
        text.replace(",", "\t").replace("\n", "\n\n"),
        "\n".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"' for line in text.split()),
        text + ",,,,\n",
        heads.replace(",sw,", ",swh_Latn,"),
    ]
    found = page.evaluate(
        """forms => forms.map(text => { const core = hatCore(), read = core.readTable(text, 'x');
        const rows = core.scoreAll(read, {draws: 20}).map(found => found.rows);
        return JSON.stringify([rows, read.problems]) })""",
        forms,
    )
    assert len(set(found)) == 1 and found[0].endswith(",[]]") and "Birch" in found[0]


def test_the_made_up_models_show_what_the_lesson_says(page: Any) -> None:
    asked = """([items, only]) => { const core = hatCore(), text = core.example(items).split('\\n');
    const kept = text.filter((line, i) => !i || only.some(name => line.startsWith(name)));
    return core.scoreAll(core.readTable(kept.join('\\n')), {})[0].rows; }"""
    names = ["Ash", "Birch", "Cedar", "Dogwood", "Elm", "Fir"]

    def scored(items: int, *only: str) -> dict[str, Any]:
        rows = page.evaluate(asked, [items, only])
        return {row["model"]: row for row in rows if row["target"] == "macro"}

    def tied(table: dict[str, Any], one: str, other: str) -> bool:
        return bool(set(table[one]["tie_group"].split()) & set(table[other]["tie_group"].split()))

    full, quarter, two = scored(120, *names), scored(30, *names), scored(120, "Birch", "Elm")
    by = {key: sorted(names, key=lambda n: full[n][key]) for key in ("ratio", "hat")}
    assert by["ratio"][-1] == "Fir" and by["ratio"][1] == "Ash"
    assert by["hat"][-1] == "Cedar" and by["hat"][0] == "Dogwood"
    assert tied(full, "Ash", "Birch") and tied(full, "Birch", "Elm")
    held = [n for n in names if full["Fir"]["low"] < full[n]["hat"] < full["Fir"]["high"]]
    assert held == ["Ash", "Birch", "Cedar", "Elm", "Fir"]
    assert [n for n in names if full[n]["flag"] == "extrapolated"] == ["Fir"]
    assert all("extrapolated" in quarter[n]["flag"] for n in names)
    for name in ("Ash", "Birch"):
        assert tied(quarter, "Dogwood", name) and not tied(full, "Dogwood", name)
    assert not any(tied(quarter, "Cedar", name) for name in ("Ash", "Birch", "Dogwood"))
    assert two["Birch"]["high"] > two["Elm"]["low"] and not tied(two, "Birch", "Elm")


@pytest.mark.parametrize("extra", ["prompting", "stratum", "source_language", ""])
def test_what_it_leaves_to_the_command_line_gets_no_score_but_the_command(
    page: Any, extra: str
) -> None:
    n, models = 2 if extra else 1, [f"m{m}" for m in range(5)]
    said = {"": "", "source_language": ["en", "de"]}.get(extra, ["p", "q"])
    rng = np.random.default_rng(1)
    rows = [f"{HEAD},{extra}" if extra else HEAD]
    for item in range(40):
        for model, code in itertools.product(models, ("en", "de")):
            right = rng.binomial(n, 0.2 + 0.6 * rng.random())
            rows.append(f"{model},{code},{item},{right},{n}" + (extra and f",{said[item % 2]}"))
    page.locator("[data-part=chance]").fill("0")
    _give(page, "\n".join(rows))
    shown = page.locator("[data-part=results], [data-part=problems]").all_inner_texts()
    assert "hat score responses.csv" in "".join(shown)
    assert page.locator(".hat-intervals").count() == 0


def test_a_table_with_problems_lists_them_and_gives_no_score(page: Any) -> None:
    said = _give(page, _rows("a,en,1,3,2", "a,zz,1,1,2"))
    assert said == "2 problems were found."
    listed = page.locator("[data-part=problems] li").all_text_contents()
    assert "line 2: the row has more correct answers than trials." in listed[0]
    assert page.locator("[data-part=results]").text_content() == ""


def test_a_link_brings_the_data_and_the_same_scores_back(page: Any, place: Path) -> None:
    _give(page, page.evaluate("hatCore().example().split('\\n').slice(0, 401).join('\\n')"))
    before = page.locator("[data-part=results] table").first.inner_text()
    page.get_by_role("button", name="Link to these data").click()
    page.wait_for_function("() => location.hash.startsWith('#data=')")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_function(f"() => /below/.test(({STATE})())")
    assert page.locator("[data-part=results] table").first.inner_text() == before
    page.goto("about:blank")
    page.goto(f"{address}!")
    page.locator("[data-part=problems] li", has_text="cannot be read").wait_for()
    empty = {"name": "a.csv", "mimeType": "text/csv", "buffer": b" "}
    page.locator("[data-part=file]").set_input_files(empty)
    page.locator("[data-part=problems] li", has_text="the file is empty").wait_for()


def test_results_can_be_saved_and_used_by_everybody(page: Any) -> None:
    _made_up(page, "responses")
    assert axe(page, {"type": "tag", "values": AXE_TAGS}) == []
    table = pd.read_csv(_saved(page, "CSV"))
    assert {"model", "target", "hat", "low", "high", "f95", "tie_group"} <= set(table)
    assert table["hat"].between(0, 1.2).all()
    assert len(json.loads(_saved(page, "JSON").read_text())) == len(table)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_small_table_can_be_edited(page: Any) -> None:
    _made_up(page, "accuracies")
    page.locator("summary", has_text="Edit cell by cell").click()
    page.locator(".hat-editor input").nth(2).fill("0.10")
    page.keyboard.press("Tab")
    page.wait_for_function(
        "() => document.querySelector('[data-part=results] table').innerText.includes('0.100')"
    )


def test_hundred_thousand_rows_in_three_seconds_without_freezing(page: Any, tmp_path: Path) -> None:
    targets = ["de", "sw", "fr", "es", "it", "ja", "ru", "zh", "bn"]
    simulated = hatlib.simulate_answers(np.linspace(-1, 2, 10), n_items=1000, targets=targets)
    text = simulated.responses.frame[HEAD.split(",")].to_csv(index=False)
    assert text.count("\n") > 100_000
    path = tmp_path / "large.csv"
    path.write_text(text)
    page.evaluate(
        "() => { window.longest = 0; let last = performance.now();"
        " setInterval(() => { const now = performance.now();"
        " window.longest = Math.max(window.longest, now - last); last = now; }, 10); }"
    )
    slowness = _slowness()
    started = time.perf_counter()
    page.locator("[data-part=file]").set_input_files(path)
    page.wait_for_function(f"() => /below|found|could not/.test(({STATE})())")
    took = time.perf_counter() - started
    slowness = max(slowness, _slowness())
    assert page.locator("[data-part=results] tbody tr").count() >= 10
    assert took < 5 * slowness, took  # 2 s of processor time; tests run beside one another
    assert page.evaluate("window.longest") < 500 * slowness


def _slowness() -> float:
    """How much slower than the machine of the target this one is just now (others share it)."""
    started = time.perf_counter()
    sum(range(10_000_000))
    return max(1.0, (time.perf_counter() - started) / 0.12)


def test_hostile_names_run_nothing(page: Any) -> None:
    names = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "=cmd()", "__proto__"]
    names += ["constructor", "+1", "@a"]
    cells = [(n, c, i, i % k) for n in names for i in range(30) for c, k in (("en", 6), ("de", 5))]
    page.locator("[data-part=chance]").fill("0")
    _give(page, _rows(*(f"{name},{code},{i},{right},5" for name, code, i, right in cells)))
    shown = page.locator("[data-part=results]").inner_text()
    assert all(name in shown for name in names)
    assert page.locator("[data-part=results] :is(script, img)").count() == 0
    saved = _saved(page, "CSV").read_text()
    assert {f",{name}," in saved for name in ("'=cmd()", "'+1", "'@a", "__proto__")} == {True}
    assert not re.search("(^|,)[=+@]", saved, flags=re.M)
