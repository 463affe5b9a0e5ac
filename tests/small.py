"""What many tests need: files, refusals, and a repository in small with tiny notebooks."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from IPython.core.formatters import DisplayFormatter

from hatlib.errors import InputError

ROOT = Path(__file__).parents[1]

PARAMETERS = """\
data: list = []  # your files
models: str = ""  # your models
factor: float = 1.0  # a factor
n: int = -2  # a count
fail: bool = False  # fail in the middle
name: str = "x"  # a name"""

READ = """\
import os

table = "data/table.csv"
with open(table) as lines, open(os.environ["HATLIB_READS"], "a") as log:
    rows = lines.read().split()
    log.write(os.path.abspath(table))
(data, models, factor, n, name, rows)"""

CHART = """\
import altair as alt
import pandas as pd
from hatlib import show

frame = pd.DataFrame({"x": [1, 2], "y": [0.1, 0.3], "model": [name, "b"]})
line = alt.Chart(frame).mark_point().encode(x="x:Q", y="y:Q", color="model:N")
show.figure(line, name="rise", caption="It rises.", alt="From 0.1 to 0.3.")"""


def code(text: str, *tags: str) -> Any:
    return nbformat.v4.new_code_cell(text, metadata={"tags": list(tags)} if tags else {})


def notebook(path: Path, *cells: Any, title: str = "Small") -> Path:
    """Write a notebook: a title, the parameters, and the cells."""
    first = nbformat.v4.new_markdown_cell(f"# {title}\n\nGoals.")
    every = [first, code(PARAMETERS, "parameters"), *cells]
    for number, cell in enumerate(every):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    about = {"kernelspec": kernel, "hat": {"question": "Is it small?", "needs": "Nothing."}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(metadata=about, cells=every), path)
    return path


def repository(root: Path, *names: str) -> Path:
    """Make a repository with a notebook of each name."""
    for name in names:
        notebook(root / "notebooks" / f"{name}.ipynb", code(READ), title=f"The {name}")
    toc = "".join(f"\n- file: analyses/{name}" for name in names)
    files = {
        "_config.yml": "title: Small\nexclude_patterns: ['_generated/**']\n"
        "execute:\n  execute_notebooks: 'off'\nsphinx:\n  config:\n    html_theme_options: {}\n",
        "CHANGELOG.md": "# Changes\n",
        "book/intro.md": "# Hello\n",
        "book/_toc.yml": f"format: jb-book\nroot: intro\nchapters:{toc}\n",
        "data/table.csv": "1\n2\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def outside(html: str | BeautifulSoup) -> list[str]:
    """What a page would ask of other hosts."""
    page = BeautifulSoup(html, "html.parser") if isinstance(html, str) else html
    names = ("src", "srcset", "data")
    asked = [tag.get(name) for name in names for tag in page.select(f"[{name}]")]
    asked += [tag.get("href") for tag in page.select("link[href]")]
    asked += re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", str(page.select("style")))
    return [str(address) for address in asked if not str(address).startswith(("data:", "#"))]


def write(folder: Path, text: str | bytes, name: str = "mine.csv") -> Path:
    """Write a file as it stands."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(load: Callable[..., object], *files: object, **options: object) -> list[str]:
    """What a load says is wrong."""
    with pytest.raises(InputError) as caught:
        load(*files, **options)
    return [str(problem) for problem in caught.value.problems]


def play(name: str, parameters: dict[str, Any], until: str = "") -> tuple[Any, dict[str, Any]]:
    """Execute the code cells of a notebook in this process: it with its outputs, its variables.

    It stops before the cell whose id is `until`.
    """
    nb = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    space: dict[str, Any] = {"print": lambda *words: printed.append(" ".join(map(str, words)))}
    shown = DisplayFormatter()
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        if cell.id == until:
            break
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
            cell.outputs.append(nbformat.v4.new_output("execute_result", data, metadata=about))
    return nb, space
