"""Habits of the repository: what is declared twice agrees, and notebooks are as they should be."""

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import hatlib
from hatlib.publish.catalogue import bind, notebook_named

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TAUGHT = {"hatlib", "IPython", "altair", "numpy", "pandas", "scipy", *sys.stdlib_module_names}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def tracked() -> list[Path]:
    """The files that git knows; all that are not generated where there is no git."""
    if shutil.which("git") and (ROOT / ".git").exists():
        names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    else:
        skip = {".venv", "_build", "_generated", "analyses", "vendor", "__pycache__"}
        names = [path for path in ROOT.rglob("*") if not skip & set(path.parts)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def requirements(conda: bool = False) -> dict[str, SpecifierSet]:
    """What the core and the book need; an environment of conda has both."""
    names = {"duckdb": "python-duckdb"}  # as conda calls it
    extras = PROJECT["optional-dependencies"]["book"]
    found = {}
    for need in map(Requirement, [*PROJECT["dependencies"], *extras]):
        name = canonicalize_name(need.name)
        found[names.get(name, name) if conda else name] = need.specifier
    return found


def test_conda_environment_agrees_with_the_project():
    from rattler import MatchSpec

    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *lines, last = environment["dependencies"]
    specs, pip = [MatchSpec(line, strict=True) for line in lines], last["pip"]
    found = {s.name.normalized: SpecifierSet(str(s.version)) for s in specs if s.version}
    found |= {need.name: need.specifier for need in map(Requirement, pip[:-1])}
    assert pip[-1] == "-e .[book]"
    assert found.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert found == requirements(conda=True)
    assert environment["channels"][0] == "conda-forge"


def test_constraints_pin_every_package_and_name_no_registry():
    text = (ROOT / "constraints.txt").read_text()
    assert re.findall("://|--", text) == []
    pins = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"==[^*,]+", str(pin.specifier)) for pin in pins)
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    needed = {canonicalize_name(Requirement(line).name) for line in extras} | set(requirements())
    assert needed <= {canonicalize_name(pin.name) for pin in pins}


def installed_for(name: str, seen: dict[str, Any] | None = None) -> dict[str, Any]:
    """A distribution and all that it needs without extras, as they are installed here."""
    seen = {} if seen is None else seen
    if canonicalize_name(name) not in seen:
        package = seen[canonicalize_name(name)] = importlib.metadata.distribution(name)
        for need in map(Requirement, package.requires or ()):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                installed_for(need.name, seen)
    return seen


def test_scoring_alone_is_a_small_installation():
    packages = installed_for(PROJECT["name"])
    assert len(packages) <= 35, sorted(packages)
    files = {Path(file.locate()) for each in packages.values() for file in each.files or ()}
    assert sum(file.stat().st_size for file in files if file.is_file()) < 600e6


def test_scoring_needs_nothing_of_the_book(tmp_path):
    """`hat score` where every package beyond the core cannot be imported."""
    core = {canonicalize_name(name) for name in installed_for(PROJECT["name"])}
    owners = importlib.metadata.packages_distributions().items()
    banned = {module for module, names in owners if not core & set(map(canonicalize_name, names))}
    program = f"""
import sys
class Ban:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {banned!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Ban())
sys.argv[0] = "hat"
from hatlib.cli import main
main()
"""
    demo = tmp_path / "demo"
    hat = [sys.executable, "-c", program]
    subprocess.check_call([*hat, "simulate", "-o", demo, "--items", "60"])
    score = [*hat, "score", demo / "responses.csv.gz", "--draws", "20"]
    assert "HAT" in subprocess.check_output(score, text=True)
    report = [*hat, "report", demo / "responses.csv.gz", "-o", tmp_path / "report.html"]
    refused = subprocess.run(report, capture_output=True, text=True)
    assert refused.returncode == 1 and refused.stderr.startswith("This needs nbformat, a package")


def test_the_version_is_said_once():
    assert hatlib.__version__ == PROJECT["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    assert PROJECT["version"] in (ROOT / "CHANGELOG.md").read_text()


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    nb = nbformat.read(path, as_version=4)
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def test_notebooks_are_stripped():
    command = [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", *NOTEBOOKS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"run: nbstripout --keep-id notebooks/*.ipynb\n{done.stdout}"


@each_notebook
def test_notebooks_have_stable_ids_and_say_what_they_ask(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(raw)
    assert (raw["nbformat"], raw["nbformat_minor"]) >= (4, 5)
    assert len({cell["id"] for cell in raw["cells"]}) == len(raw["cells"])
    first, about = raw["cells"][0], raw["metadata"]
    assert first["cell_type"] == "markdown" and first["source"][0].startswith("# ")
    assert about["kernelspec"]["name"] == "python3"
    assert about["hat"]["question"].endswith("?") and about["hat"]["needs"]


@each_notebook
def test_parameters_are_typed_literals_with_help_and_read_later(path):
    cells = code_cells(path)
    (at,) = (k for k, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", []))
    for line in cells[at].source.splitlines():
        assert re.fullmatch(r"[a-z_]+: (str|int|float|bool|list) = .+  # \S.+", line), line
    tree = ast.parse(cells[at].source)
    declared = {node.target.id: node for node in tree.body if isinstance(node, ast.AnnAssign)}
    parameters = notebook_named(path.stem, ROOT).parameters
    assert [each.name for each in parameters] == list(declared)
    for each in parameters:
        said = declared[each.name]
        assert (ast.literal_eval(said.value), said.annotation.id) == (each.default, each.type)
        assert bind([each], {each.name: each.default}) == {each.name: each.default}
    later = [node for cell in cells[at + 1 :] for node in ast.walk(ast.parse(cell.source))]
    read = {n.id for n in later if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    assert set(declared) <= read, f"never read: {sorted(set(declared) - read)}"


@each_notebook
def test_cells_are_short_define_nothing_and_need_only_what_a_student_knows(path):
    cells, folded = code_cells(path), {"hide-cell", "hide-input"}
    seen = [cell for cell in cells if not folded & set(cell.metadata.get("tags", []))]
    lengths = sorted(len(cell.source.splitlines()) for cell in seen)
    assert not lengths or (lengths[len(lengths) // 2] <= 12 and lengths[-1] <= 14)
    for node in (node for cell in cells for node in ast.walk(ast.parse(cell.source))):
        assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= TAUGHT
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in TAUGHT


def test_no_file_names_a_place_on_someones_machine():
    place = re.compile(r"(?<![\w./])/(?:root|home|Users|work|mnt)/\w|[A-Z]:\\\\?Users")
    for path in tracked():
        if path.suffix in {".py", ".md", ".ipynb", ".yml", ".toml", ".txt", ".json", ".cff", ""}:
            found = place.search(path.read_text(encoding="utf-8"))
            assert found is None or path == Path(__file__), f"{path}: {found}"


def test_nothing_generated_is_committed():
    made = ("_build/", "book/_generated/", "book/analyses/", "book/assets/vendor/", ".venv/")
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    if (ROOT / ".git").exists():
        assert not [name for name in names if name.startswith(made)]
    assert "uv.lock" not in names


def test_scripts_are_sound_and_make_lists_its_targets():
    assert os.access(ROOT / ".ci/run", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("book", "test", "lab", "lint", "serve", "clean", "help"):
        assert f"make {target} " in done.stdout
