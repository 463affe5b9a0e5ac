"""Running notebooks, knowing which are out of date, and building the book."""

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import CHART, READ, code, notebook, outside, repository

from hatlib.errors import InputError, RunError
from hatlib.publish import building, stale
from hatlib.publish.building import build_book
from hatlib.publish.catalogue import Parameter, bind, notebooks
from hatlib.publish.places import find_root, standard_site, write, write_notebook
from hatlib.publish.run import run_notebook

# Parameters ------------------------------------------------------------------------------------

DEFAULTS = {"text": "en", "count": 1, "share": 0.5, "flag": False, "names": []}
KINDS = [Parameter(name, type(value).__name__, value, "") for name, value in DEFAULTS.items()]
QUOTED = "'quoted' \"twice\" \\n="
RIGHT = {
    "text": [("de", "de"), ("", ""), ("1", "1"), (QUOTED, QUOTED)],
    "count": [("-3", -3), (" 1_000 ", 1000)],
    "share": [("-1", -1.0), ("1e-3", 0.001)],
    "flag": [("true", True), ("FALSE", False), (True, True)],
    "names": [("['a', \"b,c\"]", ["a", "b,c"]), ("a, b", ["a", "b"]), ("", []), (["a"], ["a"])],
}
WRONG = {
    "count": ["2.5", "True", "x", "", "__import__('os').getcwd()"],
    "share": ["half", "nan", "1e999", "10" * 400],
    "flag": ["maybe", "2"],
    "names": ["[[1]]", "[1", "[" * 500],
    "text": [3, "a\0b"],
}


@pytest.mark.parametrize(("name", "pair"), [(n, pair) for n in RIGHT for pair in RIGHT[n]])
def test_parameters_are_read_as_literals(name, pair):
    assert repr(bind(KINDS, {name: pair[0]})) == repr({name: pair[1]})  # of the same type, too


@pytest.mark.parametrize(("name", "given"), [(n, each) for n in WRONG for each in WRONG[n]])
def test_a_value_of_the_wrong_type_is_refused(name, given):
    with pytest.raises(InputError, match=f"the parameter {name} is a .*Write it like this"):
        bind(KINDS, {name: given})


def test_all_wrong_parameters_are_listed():
    draws = Parameter("draws", "int", 7, "")
    with pytest.raises(InputError) as caught:
        bind([*KINDS, draws], {"cuont": "1", "share": "x", "zzz": "", "draws": "0"})
    first, second, third, fourth = map(str, caught.value.problems)
    assert "Did you mean count?" in first and "share is a number" in second
    assert "Did you mean" not in third and "draws is at least 1" in fourth


@given(st.sampled_from(list(DEFAULTS)), st.text())
def test_any_text_is_read_or_refused(name, text):
    try:
        bound = bind(KINDS, {name: text})
    except InputError:
        return
    assert type(bound[name]) is type(DEFAULTS[name])


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A repository with braces and a space in its path; the working directory is elsewhere."""
    root = repository(tmp_path / "the {root}", "tiny")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return root


def test_notebooks_are_described_and_found_from_below(place, monkeypatch):
    (found,) = notebooks(place)
    said = found.name, found.title, found.question, found.needs
    assert said == ("tiny", "The tiny", "Is it small?", "Nothing.")
    assert found.parameters[3] == Parameter("n", "int", -2, "a count")
    monkeypatch.chdir(place / "notebooks")
    assert find_root() == place


@pytest.mark.notebook
def test_a_run_leaves_a_notebook_and_a_page(place):
    cells = code(READ), code(CHART, "hide-cell")
    notebook(place / "notebooks/chart.ipynb", *cells, title="A <b>chart</b> $x$")
    given, steps = {"n": "-7", "name": "</script><script>alert(1)</script>"}, []
    run = run_notebook("chart", given, root=place, progress=lambda *step: steps.append(step))
    assert run.notebook == Path("hat-output/chart/chart.ipynb")
    assert (steps[0], steps[-1]) == (("chart", 0, 4), ("chart", 4, 4))
    nb = nbformat.read(run.notebook, as_version=4)
    nbformat.validate(nb)
    assert "-7" in nb.cells[3].outputs[0].data["text/plain"]
    assert "papermill" not in nb.metadata
    assert "the {root}" not in run.notebook.read_text().replace(str(place / "data"), "")
    html = run.page.read_text()
    assert outside(html) == []
    assert "<title>A &lt;b&gt;chart&lt;/b&gt; $x$</title>" in html and "MathJax" in html
    assert html.count('<figure class="hat-chart" id="rise"') == 1
    assert "<script>alert(1)" not in html
    assert html.count("<details><summary>Show</summary>") == 1
    assert sorted(path.name for path in run.page.parent.iterdir()) == ["chart.html", "chart.ipynb"]
    page = run_notebook("chart", root=place, out="sent/mine.html").page  # one page without code
    assert 'class="code"' in html and 'class="code"' not in page.read_text()
    assert page.with_suffix(".ipynb").is_file()


@pytest.mark.notebook
def test_a_python_that_ends_and_a_mistake_of_the_user_are_told(place):
    notebook(place / "notebooks/bad.ipynb", code("import os\nos._exit(3)"))
    with pytest.raises(RunError, match="bad: the Python that ran it stopped"):
        run_notebook("bad", root=place)
    raising = "from hatlib.errors import InputError\nraise InputError('no sizes.\\nno dates.')"
    notebook(place / "notebooks/bad.ipynb", code(raising))
    with pytest.raises(InputError) as mistake:
        run_notebook("bad", root=place)
    assert [str(problem) for problem in mistake.value.problems] == ["no sizes.", "no dates."]


NEAR = ["tini", "../tiny", "tiny.ipynb", "notebooks/tiny", "tiny\0"]


@pytest.mark.parametrize("name", [*NEAR, "", ".", "/", "qqqqqqq"])
def test_an_unknown_notebook_gets_a_message(place, name):
    with pytest.raises(InputError, match="Did you mean" if name in NEAR else "of this name"):
        run_notebook(name, root=place)


@pytest.fixture
def rerun(monkeypatch) -> Callable[..., list[str]]:
    """Build a book, but record which notebooks would run in place of running them."""
    ran: list[str] = []

    def run_all(site, sources, jobs, tell):
        for path in sources:
            ran.append(path.stem)
            write_notebook(nbformat.read(path, as_version=4), site.executed / path.name)
            last = ["book/_generated/executed/one.ipynb"] if path.stem == "findings" else []
            files = ["data/table.csv", f"{path.stem}.py", *last]
            used = {file: stale.sha_file(site.root / file) for file in files}
            yield path.stem, stale.inputs_of(path, site) | used

    def rerun(root: Path, **options: object) -> list[str]:
        ran.clear()
        build_book(root=root, **options)
        return list(ran)

    monkeypatch.setattr(building, "_run_all", run_all)
    monkeypatch.setattr(building, "_build_pages", lambda site, tell: False)
    return rerun


def test_only_what_changed_runs(tmp_path, rerun, monkeypatch):
    root = repository(tmp_path, "a", "b")
    assert [rerun(root), rerun(root)] == [["a", "b"], []]
    assert rerun(root, force=True, only=["b"]) == ["b"]
    path = root / "notebooks/a.ipynb"
    notebook(path, code("1"))
    assert [rerun(root, only=["b"]), rerun(root)] == [[], ["a"]]
    nb = json.loads(path.read_text())  # outputs and counts do not matter
    output = {"output_type": "stream", "name": "stdout", "text": "x"}
    source = "".join(nb["cells"][-1]["source"])
    nb["cells"][-1] |= {"execution_count": 3, "outputs": [output], "source": source}
    nb["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
    path.write_text(json.dumps(nb, indent=3))
    (root / "data/other.csv").write_text("not read")
    assert rerun(root) == []
    for file, due in {"data/table.csv": ["a", "b"], "a.py": ["a"]}.items():
        (root / file).write_text("changed = 3")
        assert build_book(root=root).executed == dict.fromkeys(due, f"{file} changed")
    for name, what in {"tables": "what hatlib knows", "versions": "the installed versions"}.items():
        with monkeypatch.context() as change:
            change.setattr(stale, f"sha_{name}", lambda: "other")
            assert build_book(root=root).executed["a"] == f"{what} changed"
        rerun(root)
    (root / "book/_generated/executed/a.ipynb").unlink()
    assert rerun(root, only=["b"]) == ["a"]
    (root / "notebooks/b.ipynb").unlink()
    assert rerun(root) == []
    assert [path.name for path in (root / "book/_generated/executed").iterdir()] == ["a.ipynb"]
    assert '"b"' not in (root / "book/_generated/state.json").read_text()


def test_findings_run_last_and_again_when_another_page_changed(tmp_path, rerun):
    root = repository(tmp_path, "one", "findings")
    assert [rerun(root), rerun(root)] == [["one", "findings"], []]
    notebook(root / "notebooks/one.ipynb", code("1 + 1"))
    again = build_book(root=root).executed
    assert list(again.items())[1] == ("findings", "book/_generated/executed/one.ipynb changed")


def test_a_broken_record_means_a_fresh_start(tmp_path, rerun):
    root = repository(tmp_path, "a")
    for text in ("", "{", "[]", '{"schema": 0}', "\xff"):
        rerun(root)
        (root / "book/_generated/state.json").write_text(text, encoding="latin-1")
        assert rerun(root) == ["a"]


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
    book = build_book(root=root)
    assert book.index.is_file() and set(book.executed) == {"one", "two"}
    page = (book.index.parent / "analyses/one.html").read_text()
    for file in ("one.ipynb", "data/table.csv"):
        assert f'href="../downloads/{file}"' in page
    downloads = book.index.parent / "downloads"
    assert (downloads / "data/table.csv").read_text() == "1\n2\n"
    assert "tmp" not in (downloads / "one.ipynb").read_text()
    started = time.perf_counter()
    again = build_book(root=root)
    assert (again.executed, again.reused, again.built) == ({}, ("one", "two"), False)
    assert time.perf_counter() - started < 3
    state = json.loads((root / "book/_generated/state.json").read_text())
    used = {name: {Path(file).name for file in kept} for name, kept in state["notebooks"].items()}
    assert used["one"] ^ used["two"] == {"table.csv", "__init__.py", "errors.py"}
    assert not any("hatlib/publish" in file for file in state["notebooks"]["two"])
    good = (root / "book/analyses/one.ipynb").read_text()
    notebook(root / "notebooks/one.ipynb", code("1 / 0"))
    notebook(root / "notebooks/two.ipynb", code("2"))
    with pytest.raises(RunError, match="one: cell 2 failed") as caught:
        build_book(root=root)
    assert "Traceback" not in str(caught.value)
    assert (root / "book/_generated/failed/one.ipynb").is_file()
    assert (root / "book/analyses/one.ipynb").read_text() == good
    assert (book.index.parent / "analyses/one.html").read_text() == page
    repository(root, "one")
    (root / "book/_toc.yml").write_text("format: jb-book\nroot: intro\nchapters:\n- file: none\n")
    with pytest.raises(RunError, match=r"(?s)could not be built.*none.*log is in"):
        build_book(root=root)
    assert (book.index.parent / "analyses/one.html").read_text() == page


def test_a_book_on_ones_own_data_is_beside_the_standard_one(tmp_path, rerun):
    root = repository(tmp_path / "root", "a")
    rerun(root)
    mine = tmp_path / "My data!"
    for what in ("no such folder", "no file accuracies"):
        with pytest.raises(InputError, match=what):
            build_book(root=root, data=mine)
        mine.mkdir(exist_ok=True)
    rows = [f"m{i},{language},0.{9 - i}" for i in range(1, 5) for language in ("en", "de")]
    (mine / "accuracies.csv").write_text("model,language,accuracy\n" + "\n".join(rows))
    assert [rerun(root, data=mine), rerun(root, data=mine), rerun(root)] == [["a"], [], []]
    (mine / "accuracies-2.csv").write_text("model,language,accuracy\nm9,en,0.5\nm9,de,0.4\n")
    assert rerun(root, data=mine) == ["a"]
    assert build_book(root=root, data=mine).index.parts[-3:-1] == ("book-my-data", "html")


def test_each_page_of_a_book_gets_the_data_that_it_needs(tmp_path):
    every, standard = notebooks(), standard_site(None)

    def found(*files: str) -> dict[str, object]:
        for file in files:
            (tmp_path / file).write_text("model,language\n")
        given = building._data_parameters(tmp_path) if files else {}
        site = dataclasses.replace(standard, parameters=given)
        return {each.name: building._parameters_for(site, each) for each in every}

    none, some = found(), found("accuracies.csv")
    assert none["languages"] == {}
    assert some["languages"] is None and some["scaling"] is not None  # the first needs answers
    both = found("answers.csv", "models.csv")
    places = json.loads(json.dumps(both).replace(f"{tmp_path}/", ""))
    assert places["fit"] == {"data": ["accuracies.csv"], "models": "models.csv"}
    assert places["profile"] == {"data": ["answers.csv"], "models": "models.csv"}
    assert (places["scaling"]["answers"], places["why-hard"]) == (["answers.csv"], {})


# An extension that notes which process reads, and does not say that two may.
READERS = """
import os, pathlib
def note(app, name, source):
    with pathlib.Path(__file__).with_suffix(".txt").open("a") as file:
        print(os.getpid(), file=file)
def setup(app):
    app.connect("source-read", note)
"""
SMALL = """
title: Small
execute: {execute_notebooks: "off"}
sphinx: {local_extensions: {readers: .}, config: {}}
"""


@pytest.mark.book
def test_two_processes_read_the_pages_and_make_the_same(tmp_path, monkeypatch):
    """Fails where a later Sphinx no longer has what `building` overrides."""
    files, readers = [], []
    for jobs in ("2", "1"):
        site = standard_site(tmp_path / jobs)
        place = {site.root / "_config.yml": SMALL, site.root / "readers.py": READERS}
        names = [f"page{i}" for i in range(8)]
        toc = "".join(f"- file: {name}\n" for name in names[1:])
        place |= {site.book / "_toc.yml": f"format: jb-book\nroot: page0\nchapters:\n{toc}"}
        place |= {site.book / f"{name}.md": f"# {name}\n\n{{doc}}`page7`\n" for name in names}
        for path, text in place.items():
            write(path, text)
        script = building._JUPYTER_BOOK.replace("jobs=2", f"jobs={jobs}")
        monkeypatch.setattr(building, "_JUPYTER_BOOK", script)
        made = building.run_jupyter_book(site)
        files.append({path.name: path.read_bytes() for path in made.glob("*.html")})
        readers.append({*(site.root / "readers.txt").read_text(encoding="utf-8").split()})
    assert len(readers[0]) == 2 and len(readers[1]) == 1
    assert files[0] == files[1] and len(files[0]) >= 8
