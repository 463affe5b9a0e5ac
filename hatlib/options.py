"""Options of the command `hat`: parameters of functions, with their words in `options.toml`."""

from __future__ import annotations

import contextlib
import inspect
import io
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from hatlib.errors import InputError, Problem

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_LOGS = tomllib.loads((Path(__file__).parent / "logs/formats.toml").read_text(encoding="utf-8"))
_WORDS["import"]["format_"]["help"] = ", ".join(each["help"] for each in _LOGS["formats"].values())


class _Grouped(TyperCommand):
    """A command whose help lists its options by group."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            kind = "Arguments" if param.param_type_name == "argument" else "Options"
            name = getattr(param, "rich_help_panel", None) or kind
            groups.setdefault(name, []).extend(filter(None, [param.get_help_record(ctx)]))
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


def command(
    app: typer.Typer, name: str, callbacks: Mapping[tuple[str, str], Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function: its parameters are the options, `options.toml` has their words.

    A parameter that is a dataclass stands for the options that are its fields. Every command can be
    `--quiet`.
    """
    words = _WORDS["shared"] | _WORDS.get(name, {})
    epilog = _WORDS["epilogs"].get(name)

    def option(each: str, kind: Any, default: Any) -> inspect.Parameter:
        said = dict(words[each])
        make = typer.Argument if said.pop("argument", False) else typer.Option
        said["rich_help_panel"] = said.pop("group", None)
        info: Any = make(*said.pop("flags", ()), **said, callback=callbacks.get((name, each)))
        where = inspect.Parameter.KEYWORD_ONLY
        default = inspect.Parameter.empty if default is MISSING else default
        return inspect.Parameter(each, where, default=default, annotation=Annotated[kind, info])

    def register(function: Callable[..., None]) -> Callable[..., None]:
        hints, options = get_type_hints(function), []
        several: dict[str, Any] = {each: kind for each, kind in hints.items() if is_dataclass(kind)}
        for each in inspect.signature(function).parameters.values():
            if each.name in several:
                kind = several[each.name]
                inner = get_type_hints(kind)
                options += [option(f.name, inner[f.name], f.default) for f in fields(kind)]
            else:
                options.append(option(each.name, hints[each.name], each.default))

        own = "quiet" in {each.name for each in options}
        options += [] if own else [option("quiet", bool, False)]

        def call(**values: Any) -> None:
            silent = not own and values.pop("quiet")
            for each, kind in several.items():
                values[each] = kind(**{f.name: values.pop(f.name) for f in fields(kind)})
            with contextlib.redirect_stderr(io.StringIO()) if silent else contextlib.nullcontext():
                function(**values)  # what it raises is said all the same

        call.__doc__ = function.__doc__
        call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        call.__annotations__ = {each.name: each.annotation for each in options}
        app.command(name, cls=_Grouped, epilog=epilog)(call)
        return function

    return register


def with_trailing(option: str, given: list[str] | None, more: list[str] | None) -> list[str]:
    """Let an option take several words, as in `--data a.csv b.csv` or `--data *.csv`."""
    if more and not given:
        raise typer.BadParameter(f"unexpected: {' '.join(more)}. Did you mean {option} {more[0]}?")
    return [*(given or []), *(more or [])]


def split_codes(texts: Sequence[str]) -> list[str]:
    """Words that commas separate, each once."""
    words = (word.strip() for text in texts for word in text.split(","))
    return list(dict.fromkeys(word for word in words if word))


def pairs(
    texts: Sequence[str] | None, example: str = "-p draws=200", what: str = "parameter"
) -> dict[str, Any]:
    """Words like name=value."""
    values: dict[str, Any] = {}
    problems = []
    for text in texts or ():
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not name:
            problems.append(Problem("this is not name=value.", f"Write {example}.", value=text))
        elif name in values:
            problems.append(Problem(f"the {what} {name} is given twice.", "Keep one."))
        values[name] = value
    if problems:
        raise InputError(problems)
    return values
