"""Running notebooks, knowing which are out of date, and building the book."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import CHART, READ, code, notebook, outside, repository

from hatlib import publish
from hatlib.errors import InputError
from hatlib.publish import Parameter, RunError, bind, building, stale
from hatlib.publish.places import write_notebook

# Parameters ------------------------------------------------------------------------------------

KINDS = [
    Parameter("text", "str", "en", ""),
    Parameter("count", "int", 1, ""),
    Parameter("share", "float", 0.5, ""),
    Parameter("flag", "bool", False, ""),
    Parameter("names", "list", [], ""),
]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("text", "de", "de"),
        ("text", "", ""),
        ("text", "1", "1"),
        ("text", "'quoted' \"twice\" \\n=", "'quoted' \"twice\" \\n="),
        ("count", "-3", -3),
        ("count", " 1_000 ", 1000),
        ("share", "-1", -1.0),
        ("share", "1e-3", 0.001),
        ("flag", "true", True),
        ("flag", "FALSE", False),
        ("flag", True, True),
        ("names", "['a', \"b,c\"]", ["a", "b,c"]),
        ("names", "a, b", ["a", "b"]),
        ("names", "", []),
        ("names", "[]", []),
        ("names", ["a"], ["a"]),
    ],
)
def test_parameters_are_read_as_literals(name, given, value):
    bound = bind(KINDS, {name: given})
    assert bound == {name: value}
    assert type(bound[name]) is type(value)


WRONG = {
    "count": ["2.5", "True", "x", "", "__import__('os').getcwd()"],
    "share": ["half", "nan", "1e999", "10" * 400],
    "flag": ["maybe", "1"],
    "names": ["[[1]]", "[1", "[" * 500],
    "text": [3, "a\0b"],
}


@pytest.mark.parametrize(
    ("name", "given"), [(name, each) for name in WRONG for each in WRONG[name]]
)
def test_a_value_of_the_wrong_type_is_refused(name, given):
    with pytest.raises(InputError, match=f"the parameter {name} is a .*Write it like this"):
        bind(KINDS, {name: given})


@pytest.mark.parametrize(("name", "given"), [("draws", "0"), ("seed", "-1")])
def test_a_common_parameter_that_is_too_small_is_refused(name, given):
    with pytest.raises(InputError, match=f"the parameter {name} is at least .*{name}=7"):
        bind([Parameter(name, "int", 7, "")], {name: given})


def test_all_wrong_parameters_are_listed():
    with pytest.raises(InputError) as caught:
        bind(KINDS, {"cuont": "1", "share": "x", "zzz": ""})
    first, second, third = caught.value.problems
    assert "Did you mean count?" in str(first)
    assert "share is a number" in str(second)
    assert "Did you mean" not in str(third)


@given(st.sampled_from([each.name for each in KINDS]), st.text())
def test_any_text_is_read_or_refused(name, text):
    try:
        bound = bind(KINDS, {name: text})
    except InputError:
        return
    assert type(bound[name]).__name__ == next(each.type for each in KINDS if each.name == name)


# What notebooks there are ----------------------------------------------------------------------


def test_notebooks_are_described(tmp_path):
    (found,) = publish.notebooks(repository(tmp_path, "tiny"))
    assert (found.name, found.title) == ("tiny", "The tiny")
    assert (found.question, found.needs) == ("Is it small?", "Nothing.")
    assert found.parameters[3] == Parameter("n", "int", -2, "a count")
    assert [each.name for each in found.parameters] == [
        *("data", "models", "factor", "n", "fail", "name")
    ]


def test_the_root_is_found_from_below(tmp_path, monkeypatch):
    root = repository(tmp_path / "a {b}", "tiny")
    monkeypatch.chdir(root / "notebooks")
    assert publish.find_root() == root


# One run ---------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A repository with braces and a space in its path; the working directory is elsewhere."""
    root = repository(tmp_path / "the {root}", "tiny")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return root


@pytest.mark.notebook
def test_a_run_leaves_a_notebook_and_a_page(place):
    notebook(
        place / "notebooks/chart.ipynb",
        code(READ),
        code(CHART, "hide-cell"),
        title="A <b>chart</b> $x$",
    )
    hostile = "</script><script>alert(1)</script>"
    steps: list[tuple[str, int, int]] = []
    run = publish.run_notebook(
        "chart", {"n": "-7", "name": hostile}, root=place, progress=lambda *step: steps.append(step)
    )
    assert run.notebook == Path("hat-output/chart/chart.ipynb")
    assert steps[0] == ("chart", 0, 4)
    assert steps[-1] == ("chart", 4, 4)
    nb = nbformat.read(run.notebook, as_version=4)
    nbformat.validate(nb)
    assert "-7" in nb.cells[3].outputs[0].data["text/plain"]
    text = run.notebook.read_text()
    assert "papermill" not in nb.metadata
    assert "the {root}" not in text.replace(str(place / "data"), "")
    html = run.page.read_text()
    assert outside(html) == []
    assert "<title>A &lt;b&gt;chart&lt;/b&gt; $x$</title>" in html
    assert html.count('<figure class="hat-chart" id="rise"') == 1
    assert "<script>alert(1)" not in html
    assert "MathJax" in html
    assert html.count("<details><summary>Show</summary>") == 1
    assert sorted(path.name for path in run.page.parent.iterdir()) == ["chart.html", "chart.ipynb"]


@pytest.mark.notebook
def test_a_failure_leaves_nothing_but_the_half_run_notebook(place, tmp_path):
    notebook(place / "notebooks/bad.ipynb", code("1 / 0"))
    with pytest.raises(RunError, match="bad: cell 2 failed: ZeroDivisionError") as caught:
        publish.run_notebook("bad", root=place, out="out")
    kept = Path(str(caught.value).split()[-1])
    assert kept.is_file()
    shutil.rmtree(kept.parent)
    assert not Path("out").exists()


@pytest.mark.notebook
def test_a_mistake_found_by_a_notebook_is_the_users(place):
    raising = "from hatlib.errors import InputError\nraise InputError('no sizes.\\nno dates.')"
    notebook(place / "notebooks/bad.ipynb", code(raising))
    with pytest.raises(InputError) as caught:
        publish.run_notebook("bad", root=place)
    assert [str(problem) for problem in caught.value.problems] == ["no sizes.", "no dates."]


def test_results_are_not_overwritten(place):
    for name in ("tiny.ipynb", "tiny.html"):
        (Path("out") / name).parent.mkdir(exist_ok=True)
        (Path("out") / name).write_text("mine")
    with pytest.raises(InputError) as caught:
        publish.run_notebook("tiny", root=place, out="out")
    assert len(caught.value.problems) == 2
    assert "--force" in str(caught.value)


UNKNOWN = dict.fromkeys(
    ["tini", "../tiny", "tiny.ipynb", "notebooks/tiny", "tiny\0"], "Did you mean"
)
UNKNOWN |= dict.fromkeys(["", ".", "/", "qqqqqqq"], "no notebook of this name")


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_notebook_gets_a_message(place, name):
    with pytest.raises(InputError, match=UNKNOWN[name]):
        publish.run_notebook(name, root=place)


# What is out of date ---------------------------------------------------------------------------


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """Record which notebooks would run, in place of running them."""
    ran: list[str] = []

    def run_all(site, sources, jobs, tell):
        for path in sources:
            ran.append(path.stem)
            write_notebook(nbformat.read(path, as_version=4), site.executed / path.name)
            files = ["data/table.csv", f"{path.stem}.py"]
            if path.stem == "findings":
                files.append("book/_generated/executed/one.ipynb")
            used = {file: stale.sha_file(site.root / file) for file in files}
            yield path.stem, stale.inputs_of(path, site) | used

    monkeypatch.setattr(building, "_run_all", run_all)
    monkeypatch.setattr(building, "_build_pages", lambda site, tell: False)
    return ran


def rerun(root: Path, runs: list[str], **options: object) -> list[str]:
    """The notebooks that a build runs."""
    runs.clear()
    publish.build_book(root=root, **options)
    return list(runs)


def test_only_what_changed_runs(tmp_path, runs, monkeypatch):
    root = repository(tmp_path, "a", "b")
    assert rerun(root, runs) == ["a", "b"]
    assert rerun(root, runs) == []
    assert rerun(root, runs, force=True, only=["b"]) == ["b"]
    path = root / "notebooks/a.ipynb"
    notebook(path, code("1"))
    assert rerun(root, runs, only=["b"]) == []
    assert rerun(root, runs) == ["a"]

    nb = json.loads(path.read_text())  # outputs and counts do not matter
    nb["cells"][-1]["execution_count"] = 3
    nb["cells"][-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    nb["cells"][-1]["source"] = nb["cells"][-1]["source"].splitlines(keepends=True)
    nb["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
    path.write_text(json.dumps(nb, indent=3))
    assert rerun(root, runs) == []

    (root / "data/other.csv").write_text("not read")
    assert rerun(root, runs) == []
    changes = {"data/table.csv": ["a", "b"], "a.py": ["a"]}
    for file, due in changes.items():
        (root / file).write_text("changed = 3")
        assert publish.build_book(root=root).executed == dict.fromkeys(due, f"{file} changed")
    for name, what in {"tables": "what hatlib knows", "versions": "the installed versions"}.items():
        with monkeypatch.context() as change:
            change.setattr(stale, f"sha_{name}", lambda: "other")
            assert publish.build_book(root=root).executed["a"] == f"{what} changed"
        rerun(root, runs)
    (root / "book/_generated/executed/a.ipynb").unlink()
    assert rerun(root, runs, only=["b"]) == ["a"]


def test_findings_run_last_and_again_when_another_page_changed(tmp_path, runs):
    root = repository(tmp_path, "one", "findings")
    assert rerun(root, runs) == ["one", "findings"]
    assert rerun(root, runs) == []
    notebook(root / "notebooks/one.ipynb", code("1 + 1"))
    again = publish.build_book(root=root).executed
    assert list(again) == ["one", "findings"]
    assert again["findings"] == "book/_generated/executed/one.ipynb changed"


def test_pages_of_deleted_notebooks_go(tmp_path, runs):
    root = repository(tmp_path, "a", "b")
    rerun(root, runs)
    (root / "notebooks/b.ipynb").unlink()
    assert rerun(root, runs) == []
    assert [path.name for path in (root / "book/_generated/executed").iterdir()] == ["a.ipynb"]
    assert '"b"' not in (root / "book/_generated/state.json").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 0}', "\xff"])
def test_a_broken_record_means_a_fresh_start(tmp_path, runs, text):
    root = repository(tmp_path, "a")
    rerun(root, runs)
    (root / "book/_generated/state.json").write_text(text, encoding="latin-1")
    assert rerun(root, runs) == ["a"]


def test_versions_cover_what_hatlib_needs():
    versions = stale.versions()
    assert {"python", "numpy", "pandas", "jupyter-book", "papermill"} <= set(versions)
    assert "ruff" not in versions


# The book --------------------------------------------------------------------------------------

IMPORTING = """\
import itertools, sys, threading
def import_on():
    for i in itertools.count():
        sys.modules[f"made.{i % 50_000}"] = sys
        sys.modules.pop(f"made.{(i + 99) % 50_000}", None)
threading.Thread(target=import_on, daemon=True).start()
"""


@pytest.mark.book
@pytest.mark.notebook
def test_a_book_from_start_to_failure_and_back(tmp_path):
    root = repository(tmp_path / "a {b} c", "one", "two")
    notebook(root / "notebooks/two.ipynb", code("import hatlib.errors"), code(IMPORTING))
    book = publish.build_book(root=root)
    assert book.index.is_file()
    assert set(book.executed) == {"one", "two"}
    page = (book.index.parent / "analyses/one.html").read_text()
    assert 'href="../downloads/one.ipynb"' in page
    assert 'href="../downloads/data/table.csv"' in page
    downloads = book.index.parent / "downloads"
    assert (downloads / "data/table.csv").read_text() == "1\n2\n"
    assert "tmp" not in (downloads / "one.ipynb").read_text()

    started = time.perf_counter()
    again = publish.build_book(root=root)
    assert (again.executed, again.reused, again.built) == ({}, ("one", "two"), False)
    assert time.perf_counter() - started < 3
    state = json.loads((root / "book/_generated/state.json").read_text())
    used = {name: {Path(file).name for file in kept} for name, kept in state["notebooks"].items()}
    assert used["one"] ^ used["two"] == {"table.csv", "__init__.py", "errors.py"}
    assert not any("publish" in file for file in state["notebooks"]["two"])

    good = (root / "book/analyses/one.ipynb").read_text()
    notebook(root / "notebooks/one.ipynb", code("1 / 0"))
    notebook(root / "notebooks/two.ipynb", code("2"))
    with pytest.raises(RunError, match="one: cell 2 failed") as caught:
        publish.build_book(root=root)
    assert "Traceback" not in str(caught.value)
    assert (root / "book/_generated/failed/one.ipynb").is_file()
    assert (root / "book/analyses/one.ipynb").read_text() == good
    assert (book.index.parent / "analyses/one.html").read_text() == page

    repository(root, "one")
    (root / "book/_toc.yml").write_text("format: jb-book\nroot: intro\nchapters:\n- file: none\n")
    with pytest.raises(RunError, match=r"(?s)could not be built.*none.*log is in"):
        publish.build_book(root=root)
    assert (book.index.parent / "analyses/one.html").read_text() == page


def test_a_book_on_ones_own_data_needs_a_table(tmp_path):
    root = repository(tmp_path / "root", "a")
    with pytest.raises(InputError, match="no such folder"):
        publish.build_book(root=root, data=tmp_path / "none")
    with pytest.raises(InputError, match="no file accuracies"):
        publish.build_book(root=root, data=tmp_path)


def test_a_book_on_ones_own_data_is_beside_the_standard_one(tmp_path, runs):
    root = repository(tmp_path / "root", "a")
    rerun(root, runs)
    mine = tmp_path / "My data!"
    mine.mkdir()
    rows = [f"m{i},{language},0.{9 - i}" for i in range(1, 5) for language in ("en", "de")]
    (mine / "accuracies.csv").write_text("model,language,accuracy\n" + "\n".join(rows))
    assert rerun(root, runs, data=mine) == ["a"]
    assert rerun(root, runs, data=mine) == []
    assert rerun(root, runs) == []
    shutil.copy(mine / "accuracies.csv", mine / "accuracies-2.csv")
    (mine / "accuracies-2.csv").write_text("model,language,accuracy\nm9,en,0.5\nm9,de,0.4\n")
    assert rerun(root, runs, data=mine) == ["a"]
    assert publish.build_book(root=root, data=mine).index.parts[-3:-1] == ("book-my-data", "html")


# A look at the book ----------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path) -> Iterator[Path]:
    root = repository(tmp_path, "a")
    (root / "_build/html").mkdir(parents=True)
    (root / "_build/html/index.html").write_text("Hello")
    return root


def test_the_book_is_served_with_a_policy(built):
    with publish.serve(0, root=built) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"Hello"
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        with pytest.raises(InputError, match=f"port {port}"):
            publish.serve(port, root=built)
        server.shutdown()


def test_there_must_be_a_book_to_serve(tmp_path):
    with pytest.raises(InputError, match="hat book"):
        publish.serve(0, root=repository(tmp_path, "a"))


def folder_with(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("model,language\n")
    return folder


def test_each_page_of_a_book_gets_the_data_that_it_needs(tmp_path):
    site = publish.building.standard_site(None)
    by_name = {each.name: each for each in publish.notebooks(site.root)}
    both = folder_with(tmp_path / "both", "accuracies.csv", "answers.csv", "models.csv")
    mine = dataclasses.replace(site, parameters=building._data_parameters(both))
    fit = building._parameters_for(mine, by_name["fit"])
    assert [Path(file).name for file in fit["data"]] == ["accuracies.csv"]
    assert "answers" not in fit
    scaling = building._parameters_for(mine, by_name["scaling"])
    assert [Path(file).name for file in scaling["answers"]] == ["answers.csv"]
    profile = building._parameters_for(mine, by_name["profile"])
    assert [Path(file).name for file in profile["data"]] == ["answers.csv"]
    assert profile["models"].endswith("models.csv")
    assert building._parameters_for(mine, by_name["why-hard"]) == {}


def test_a_page_that_needs_answers_says_so_in_a_book_of_accuracies(tmp_path):
    site = publish.building.standard_site(None)
    by_name = {each.name: each for each in publish.notebooks(site.root)}
    folder = folder_with(tmp_path / "some", "accuracies.csv")
    mine = dataclasses.replace(site, parameters=building._data_parameters(folder))
    assert building._parameters_for(mine, by_name["scaling"]) is not None
    assert building._parameters_for(mine, by_name["languages"]) is None
    page = building._without_data(by_name["languages"])
    assert by_name["languages"].title in page.cells[0].source
    assert "answers.csv" in page.cells[0].source
    assert building._parameters_for(site, by_name["languages"]) == {}
