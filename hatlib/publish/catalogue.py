"""What notebooks there are, and the parameters that a user gives them."""

from __future__ import annotations

import ast
import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import FiniteFloat, TypeAdapter

from hatlib.errors import InputError, Problem, listing
from hatlib.publish.places import PACKAGE, find_root

_KNOWN = tomllib.loads(Path(__file__).with_name("parameters.toml").read_text(encoding="utf-8"))
_TYPES: dict[str, Any] = {"str": str, "int": int, "float": FiniteFloat, "bool": bool}
_TYPES |= {"list": list[str | int | FiniteFloat]}


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
    return [_read_notebook(path) for path in notebook_files(root)]


def notebook_files(root: Path | None) -> list[Path]:
    """The notebooks of a repository, or else the installed ones, in the order of their names."""
    root = root or find_root()
    folder = root / "notebooks" if root else PACKAGE / "_notebooks"
    return sorted(path for path in folder.glob("*.ipynb") if path.is_file())


def _read_notebook(path: Path) -> Notebook:
    import papermill

    nb = json.loads(path.read_text(encoding="utf-8"))
    about = nb["metadata"].get("hat", {})
    text = "\n".join("".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "markdown")
    title = re.search(r"^# +(.+)$", text, re.MULTILINE)
    parameters = []
    for each in papermill.inspect_notebook(literal_path(path)).values():
        default = ast.literal_eval(each["default"])
        parameters.append(Parameter(each["name"], type(default).__name__, default, each["help"]))
    return Notebook(
        name=path.stem,
        path=path,
        title=title[1].strip() if title else path.stem,
        question=about.get("question", ""),
        needs=about.get("needs", ""),
        parameters=tuple(parameters),
    )


def literal_path(path: Path) -> str:
    """Papermill fills in {names} in paths; ours are meant as they stand."""
    return str(path).replace("{", "{{").replace("}", "}}")


def notebook_named(name: str, root: Path | None) -> Notebook:
    """Find a notebook by its name; InputError with a suggestion if there is none."""
    paths = {path.stem: path for path in notebook_files(root)}
    if name in paths:
        return _read_notebook(paths[name])
    stem = Path(name.replace("\\", "/")).stem
    if (moved := _KNOWN["moved"].get(stem)) in paths:
        what = f"the analysis {stem} is now part of {moved}."
        raise InputError(what, f"Run it with `hat run {moved}`.", value=name)
    remedy = f"{_suggestion(stem, paths)}`hat notebooks` lists them."
    raise InputError("there is no notebook of this name.", remedy, value=name)


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
    for name, given_value in given.items():
        if name not in known:
            remedy = f"{_suggestion(name, known)}Known: {listing(known, most=20)}."
            problems.append(Problem(f"there is no parameter {name!r}.", remedy))
            continue
        try:
            values[name] = _value(known[name], given_value)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return values


def _value(parameter: Parameter, given: Any) -> Any:
    """Read one value; InputError if it is of another type or is not one of the choices."""
    name, choices, least = parameter.name, parameter.choices, _KNOWN["least"]
    try:
        value = _typed(parameter.type, given)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        kind, example = _KNOWN["kinds"][parameter.type]
        what, remedy = f"is a {kind}.", f"Write it like this: {name}={example}"
    else:
        if choices and value not in choices:
            what = "has no such value."
            remedy = f"{_suggestion(value, choices)}It is one of {listing(choices)}."
        elif name in least and value < least[name]:
            what = f"is at least {least[name]}."
            remedy = f"Write it like this: {name}={parameter.default!r}"
        else:
            return value
    raise InputError(f"the parameter {name} {what}", remedy, value=str(given))


def _typed(kind: str, given: Any) -> Any:
    """Read one value as the type `kind`; ValueError if it is of another type."""
    if kind == "str" and "\0" in str(given):
        raise ValueError("no text for a file or a program")
    if kind == "list" and isinstance(given, str):
        text = given.strip()
        parts = (part.strip() for part in text.split(","))
        given = ast.literal_eval(text) if text[:1] in ("[", "(") else [*filter(None, parts)]
    return TypeAdapter(_TYPES[kind]).validate_python(given)
