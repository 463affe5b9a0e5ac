"""What notebooks there are, and the parameters that a user gives them."""

from __future__ import annotations

import ast
import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatlib.errors import InputError, Problem, RunError, listing
from hatlib.publish.places import PACKAGE, find_root

MOVED = {
    "inflation": "fit",
    "estimator-study": "validation",
    "independence": "validation",
    "ablation": "validation",
    "nuisances": "failure-modes",
    "limits": "failure-modes",
    "review": "findings",
}
"""Analyses of earlier editions, and where they went."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook.

    Attributes
    ----------
    name : str
        Its name.
    type : str
        `str`, `int`, `float`, `bool` or `list`, as its default has it.
    default : object
        The value it has when none is given.
    help : str
        What it does, in one sentence.
    """

    name: str
    type: str
    default: Any
    help: str

    @property
    def choices(self) -> tuple[str, ...]:
        """All values that it may have, if its help ends in a list of them: "scale: a, b or c"."""
        listed = re.search(r"(?::|^) *([^:;()]+?),? or ([^,:;()]+)$", self.help)
        if self.type != "str" or listed is None:
            return ()
        found = (*(part.strip() for part in listed[1].split(",")), listed[2].strip())
        return found if self.default in found else ()


@dataclass(frozen=True)
class Notebook:
    """An analysis that can be run.

    Attributes
    ----------
    name : str
        The name that `hat run` takes.
    path : Path
        The notebook file.
    title : str
        Its first heading.
    question : str
        The question that it answers.
    needs : str
        What the data must hold for an answer.
    parameters : tuple of Parameter
        What can be set.
    """

    name: str
    path: Path
    title: str
    question: str
    needs: str
    parameters: tuple[Parameter, ...]


def notebooks(root: Path | None = None) -> list[Notebook]:
    """List the analyses and their parameters.

    Parameters
    ----------
    root : Path, optional
        The repository; by default the one around the working directory, or else the notebooks
        that were installed with `hatlib`.

    Returns
    -------
    list of Notebook
        In the order of their names.

    Examples
    --------
    >>> [notebook.name for notebook in notebooks() if not notebook.title]
    []
    """
    return [_read_notebook(path) for path in notebook_files(_notebook_folder(root))]


def _notebook_folder(root: Path | None) -> Path:
    root = root or find_root()
    return root / "notebooks" if root else PACKAGE / "_notebooks"


def notebook_files(folder: Path) -> list[Path]:
    """The notebooks of a folder, in the order of their names."""
    return sorted(path for path in folder.glob("*.ipynb") if path.is_file())


def _read_notebook(path: Path) -> Notebook:
    nb = json.loads(path.read_text(encoding="utf-8"))
    about = nb["metadata"].get("hat", {})
    return Notebook(
        name=path.stem,
        path=path,
        title=_title(nb["cells"]) or path.stem,
        question=about.get("question", ""),
        needs=about.get("needs", ""),
        parameters=read_parameters(path),
    )


def _title(cells: Iterable[Mapping[str, Any]]) -> str:
    for cell in cells:
        if cell["cell_type"] == "markdown":
            found = re.search(r"^# +(.+)$", "".join(cell["source"]), re.MULTILINE)
            if found:
                return found[1].strip()
    return ""


def read_parameters(path: Path) -> tuple[Parameter, ...]:
    """The parameters that a notebook declares."""
    import papermill

    found = papermill.inspect_notebook(literal_path(path)).values()
    parameters = []
    for each in found:
        try:
            default = ast.literal_eval(each["default"])
        except (ValueError, SyntaxError) as error:
            raise RunError(
                f"{path}: the default of the parameter {each['name']} is not a literal."
            ) from error
        parameters.append(Parameter(each["name"], type(default).__name__, default, each["help"]))
    return tuple(parameters)


def literal_path(path: Path) -> str:
    """Papermill fills in {names} in paths; ours are meant as they stand."""
    return str(path).replace("{", "{{").replace("}", "}}")


def notebook_named(name: str, root: Path | None) -> Notebook:
    """Find a notebook by its name; InputError with a suggestion if there is none."""
    paths = {path.stem: path for path in notebook_files(_notebook_folder(root))}
    if name in paths:
        return _read_notebook(paths[name])
    stem = Path(name.replace("\\", "/")).stem
    if MOVED.get(stem) in paths:
        what = f"the analysis {stem} is now part of {MOVED[stem]}."
        raise InputError(Problem(what, f"Run it with `hat run {MOVED[stem]}`.", value=name))
    raise InputError(
        Problem(
            "there is no notebook of this name.",
            _suggestion(stem, paths) + "`hat notebooks` lists them.",
            value=name,
        )
    )


def _suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}? " if near else ""


def bind(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters that a user gives, and turn their text into values.

    Only literals are read; nothing is evaluated.

    Parameters
    ----------
    parameters : sequence of Parameter
        The parameters that the notebook has.
    given : mapping
        Names and values. A value is of the type of the default, or is text to be read as such.

    Returns
    -------
    dict
        The given parameters, with values of the right types.

    Raises
    ------
    InputError
        If a name is unknown, or a value has the wrong type or is too small; all are listed.

    Examples
    --------
    >>> draws = Parameter("draws", "int", 1000, "bootstrap draws")
    >>> bind([draws], {"draws": "200"})
    {'draws': 200}
    >>> bind([draws], {"draw": "200"})
    Traceback (most recent call last):
        ...
    hatlib.errors.InputError: there is no parameter 'draw'. Did you mean draws? Known: draws.
    >>> bind([Parameter("scale", "str", "logit", "of the line: linear or logit")], {"scale": "log"})
    Traceback (most recent call last):
        ...
    hatlib.errors.InputError: the parameter scale has no such value. (found: log) \
Did you mean logit? It is one of linear, logit.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values, problems = {}, []
    for name, value in given.items():
        if name not in known:
            remedy = f"{_suggestion(name, known)}Known: {listing(known, most=20)}."
            problems.append(Problem(f"there is no parameter {name!r}.", remedy))
            continue
        try:
            values[name] = _value(known[name].type, value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, OverflowError):
            kind, example = _KINDS.get(known[name].type, ("literal", repr(known[name].default)))
            remedy = f"Write it like this: {name}={example}"
            problem = Problem(f"the parameter {name} is a {kind}.", remedy, value=str(value))
            problems.append(problem)
            continue
        choices = known[name].choices
        if choices and values[name] not in choices:
            what = f"the parameter {name} has no such value."
            remedy = f"{_suggestion(values[name], choices)}It is one of {listing(choices)}."
            problems.append(Problem(what, remedy, value=str(value)))
        if name in _LEAST and values[name] < _LEAST[name]:
            remedy = f"Write it like this: {name}={known[name].default!r}"
            what = f"the parameter {name} is at least {_LEAST[name]}."
            problems.append(Problem(what, remedy, value=str(value)))
    if problems:
        raise InputError(problems)
    return values


# Parameters that mean the same in every notebook.
_LEAST = {"draws": 1, "seed": 0}

_KINDS = {
    "str": ("text", "en"),
    "int": ("whole number", "200"),
    "float": ("number", "0.25"),
    "bool": ("choice of True or False", "True"),
    "list": ("list", "['de', 'fr'] or de,fr"),
}


def _value(kind: str, given: Any) -> Any:
    """Read one value as the type `kind`; ValueError if it is of another type."""
    if kind == "str":
        if not isinstance(given, str) or "\0" in given:
            raise ValueError
        return given
    if isinstance(given, str):
        given = _literal(kind, given.strip())
    if kind == "float" and type(given) is int:
        given = float(given)
    if kind == "list" and isinstance(given, tuple):
        given = list(given)
    if kind != "NoneType" and type(given).__name__ != kind:
        raise ValueError
    if kind == "float" and not math.isfinite(given):
        raise ValueError
    if kind == "list" and not all(isinstance(item, str | int | float) for item in given):
        raise ValueError
    return given


def _literal(kind: str, text: str) -> Any:
    if kind == "bool":
        text = text.capitalize()  # true and TRUE are fine as well
    if kind == "list" and not text.startswith(("[", "(")):
        return [part.strip() for part in text.split(",") if part.strip()]
    return ast.literal_eval(text)


def notebooks_markdown(found: Sequence[Notebook]) -> str:
    """Describe analyses and their parameters in Markdown.

    Parameters
    ----------
    found : sequence of Notebook
        What `notebooks` lists.

    Returns
    -------
    str
        A heading, a sentence and a table for each.

    Examples
    --------
    >>> draws = Parameter("draws", "int", 1000, "bootstrap draws")
    >>> print(notebooks_markdown([Notebook("fit", Path(), "Fit", "Is it a line?", "", (draws,))]))
    ### `fit`
    <BLANKLINE>
    Is it a line?
    <BLANKLINE>
    | parameter | type | default | what it does |
    |---|---|---|---|
    | `draws` | int | `1000` | bootstrap draws |
    <BLANKLINE>
    """
    lines = []
    for notebook in found:
        lines += [f"### `{notebook.name}`", "", notebook.question or notebook.title, ""]
        if notebook.needs:
            lines += [f"Needs: {notebook.needs}", ""]
        lines += ["| parameter | type | default | what it does |", "|---|---|---|---|"]
        for each in notebook.parameters:
            help_ = each.help.replace("|", "\\|")
            lines.append(f"| `{each.name}` | {each.type} | `{each.default!r}` | {help_} |")
        lines.append("")
    return "\n".join(lines)
