"""How a page of an executed notebook reads: code folded, and how long it takes."""

from __future__ import annotations

import copy
import re
from typing import Any

from hatlib.publish.gallery import title_of

WORDS_A_MINUTE, SECONDS_A_CHART = 200, 20
PROMPTS = {"answer": "the answer", "parameters": "the parameters", "code": "the code"}


def folded(nb: Any) -> Any:
    """A copy of an executed notebook with its code folded, each fold saying what is in it.

    Cells that hide under a heading with *exercise* in it are answers.

    Examples
    --------
    >>> import nbformat
    >>> code = nbformat.v4.new_code_cell("1 + 1", id="b")
    >>> cell = folded(nbformat.v4.new_notebook(cells=[code])).cells[0]
    >>> cell.metadata["tags"], cell.metadata["mystnb"]["code_prompt_show"]
    (['hide-input'], 'Show the code')
    """
    nb = copy.deepcopy(nb)
    exercises = False
    for cell in nb.cells:
        heading = re.search(r"^#+ (.+)", cell.source, flags=re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            exercises = "exercise" in heading.group(1).lower()
        if cell.cell_type != "code":
            continue
        tags = list(cell.metadata.get("tags", ()))
        if not any(tag.startswith(("hide-", "remove-")) for tag in tags):
            tags.append("hide-input")
        kind = "parameters" if "parameters" in tags else "code"
        if exercises and "hide-cell" in tags:
            kind = "answer"
            tags.append("exercise")
        cell.metadata["tags"] = tags
        cell.metadata["mystnb"] = {
            "code_prompt_show": f"Show {PROMPTS[kind]}",
            "code_prompt_hide": f"Hide {PROMPTS[kind]}",
        }
    return nb


def with_reading_time(nb: Any) -> Any:
    """A copy of an executed notebook that says below its title how long it takes to read.

    Examples
    --------
    >>> import nbformat
    >>> cell = nbformat.v4.new_markdown_cell("# Why? " + "word " * 600, id="a")
    >>> page = with_reading_time(nbformat.v4.new_notebook(cells=[cell]))
    >>> page.cells[0].source.splitlines()[-1]
    '3 minutes to read.'
    """
    nb = copy.deepcopy(nb)
    texts = [cell.source for cell in nb.cells if cell.cell_type == "markdown"]
    for cell in nb.cells:
        for output in cell.get("outputs", ()):
            texts.append("".join(output.get("data", {}).get("text/markdown", "")))
    charts = sum(
        'class="hat-chart"' in output.get("data", {}).get("text/html", "")
        for cell in nb.cells
        for output in cell.get("outputs", ())
    )
    words = len(" ".join(texts).split())
    minutes = max(1, round(words / WORDS_A_MINUTE + charts * SECONDS_A_CHART / 60))
    said = f"{{.hat-reading}}\n{minutes} {'minute' if minutes == 1 else 'minutes'} to read."
    for cell in nb.cells:
        if cell.cell_type == "markdown" and title_of(cell.source):
            cell.source = re.sub(r"\A(# .+)", rf"\1\n\n{said}", cell.source)
            break
    return nb
