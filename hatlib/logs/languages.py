"""What the name of a task says: its benchmark, its language, its subject.

The rules are in ``tasks.toml``: tasks of evaluation programs whose items are translations of each
other. A task that none of them reads needs `language_from` or `language` of `hatlib.logs.Options`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import Any

import pandas as pd

from hatlib.data.languages import COUNTRIES, NO_LANGUAGE, language_of, no_language
from hatlib.data.tables import book
from hatlib.errors import InputError, Problem
from hatlib.logs.reading import clean

_FILE: dict[str, Any] = tomllib.loads(
    resources.files("hatlib.logs").joinpath("tasks.toml").read_text(encoding="utf-8")
)
_NAMES: Mapping[str, str] = _FILE["names"]
_ENDING = re.compile(f"{_FILE['endings']}$")


@dataclass(frozen=True)
class Rule:
    """Tasks of one benchmark; the fields are those of ``tasks.toml``."""

    pattern: str
    benchmark: str
    example: str
    chance: float | None = None
    language: str = ""
    item: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    note: str = ""
    regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern = self.pattern.replace("NAMES", "|".join(sorted(_NAMES, key=len, reverse=True)))
        for name, group in _FILE["groups"].items():
            pattern = pattern.replace(name, group)
        object.__setattr__(self, "regex", re.compile(pattern))


def _rule(fields: Mapping[str, Any]) -> Rule:
    return Rule(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})  # type: ignore[arg-type]


RULES = tuple(map(_rule, _FILE["rule"]))


@dataclass(frozen=True)
class Task:
    """What the name of a task says.

    Attributes
    ----------
    name : str
        As the log has it.
    benchmark, language : str
        The language is a standard code.
    subject : str
        Part of the benchmark; items are numbered within it.
    prompting : str
        How it was asked.
    rule : Rule or None
        The rule that read it, if one did.
    spelt : str
        The language as the name has it.
    """

    name: str
    benchmark: str
    language: str
    subject: str = ""
    prompting: str = ""
    rule: Rule | None = None
    spelt: str = ""


def task_of(
    name: str, language_from: str = "", codes: Mapping[str, str] | None = None
) -> Task | None:
    """What the name of a task says; None if nothing can read it.

    Parameters
    ----------
    name : str
        The task.
    language_from : str
        As in `hatlib.logs.Options`; it comes before the table.
    codes : mapping of str to str, optional
        Languages as the user reads them, as in ``{"jp": "ja"}``.

    Returns
    -------
    Task or None

    Raises
    ------
    InputError
        If `language_from` is no regular expression with such a group.

    Examples
    --------
    >>> task = task_of("mmlu_prox_lite_de_law")
    >>> task.benchmark, task.language, task.subject
    ('mmlu-prox-lite', 'de', 'law')
    >>> task_of("belebele_zho_Hant").language, task_of("xnli_es_spanish_bench").benchmark
    ('zh-Hant', 'xnli')
    >>> task = task_of("riddles_fr_hard", "riddles_(.+?)_")
    >>> task.benchmark, task.language
    ('riddles_hard', 'fr')
    >>> task_of("hellaswag")
    """
    given = expression(language_from)
    found = given.search(name) if given else None
    if found:
        return _from_expression(name, found, codes)
    short = _ENDING.sub("", name) if len(name) < 200 else name
    for rule in RULES:
        match = rule.regex.fullmatch(short)
        if match is None:
            continue
        groups = {k: v or "" for k, v in match.groupdict().items()}
        spelt = groups.get("language") or rule.language
        language = language_in(spelt, codes) or COUNTRIES.get(spelt.lower(), "")
        if not language:
            continue
        prompting = "_".join(filter(None, (groups.get("prompting"), groups.get("more"))))
        # Three ways to ask and to count are three benchmarks, not three subjects.
        benchmark = "-".join(filter(None, (rule.benchmark, groups.get("variant"))))
        return Task(name, benchmark, language, groups.get("subject", ""), prompting, rule, spelt)
    return None


def language_in(text: str, codes: Mapping[str, str] | None = None) -> str:
    """The usual code of a language as a log spells it, or as the user reads that; else empty.

    Examples
    --------
    >>> [language_in(t) for t in ("eng_Latn", "zho_Hant", "north_macedonian", "swh", "all", "kr")]
    ['en', 'zh-Hant', 'mk', 'sw', '', '']
    >>> language_in("kr", {"kr": "ko"})
    'ko'
    """
    text = (codes or {}).get(text, text)
    return language_of(_NAMES.get(text, text))


def ask_language(text: str) -> Problem:
    """Why some text is no language, and how to say which one is meant.

    Examples
    --------
    >>> print(ask_language("jp").remedy)
    If ja is meant: --language-code jp=ja.
    """
    likely, problem = COUNTRIES.get(text.lower()), no_language(text)
    if likely:
        remedy = f"If {likely} is meant: --language-code {text}={likely}."
        own = re.search(r", or (\w+)\.$", problem.remedy)
        remedy += f" If not: --language-code {text}={own[1]}." if own else ""
        return replace(problem, remedy=remedy)
    return replace(problem, value=text or "nothing")


def is_doubtful(text: str) -> bool:
    """Whether some text is the code of a country, or stands for several languages or none."""
    return text.lower() in COUNTRIES or text.lower() in NO_LANGUAGE


def known_chance(benchmark: str) -> float:
    """Accuracy of a guess at a benchmark that the book or the rules know; nan for others.

    Examples
    --------
    >>> known_chance("belebele"), known_chance("xcopa"), known_chance("riddles")
    (0.25, 0.5, nan)
    """
    known = book().benchmarks.set_index("benchmark")["chance_level"]
    if benchmark in known:
        return float(known[benchmark])
    levels = [r.chance for r in RULES if r.benchmark == benchmark and r.chance is not None]
    return float(levels[0]) if levels else float("nan")


def rules_table() -> pd.DataFrame:
    """The rules as a table for people: tasks, an example, what it is read as.

    Examples
    --------
    >>> rules_table()["benchmark"].nunique() >= 20
    True
    """
    rows = []
    for rule in RULES:
        task = task_of(rule.example)
        assert task is not None
        rows.append(
            {
                "task": rule.example,
                "benchmark": task.benchmark,
                "language": task.language,
                "subject": task.subject,
                "prompting": task.prompting,
                "item": ", ".join(rule.item) or "doc_id",
                "note": rule.note,
            }
        )
    return pd.DataFrame(rows)


@lru_cache(maxsize=8)
def expression(text: str) -> re.Pattern[str] | None:
    """The user's expression for the language; None if there is none."""
    if not text:
        return None
    remedy = "Write a group for the language, as in 'riddles_(?P<language>..)_.*'."
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError):
        what = "language_from is not a regular expression."
        raise InputError(Problem(what, remedy, value=text)) from None
    if "language" not in pattern.groupindex and pattern.groups != 1:
        what = "language_from does not say which group is the language."
        raise InputError(Problem(what, remedy, value=text))
    return pattern


def _from_expression(
    name: str, found: re.Match[str], codes: Mapping[str, str] | None
) -> Task | None:
    """A task that the user's expression reads; the rest of the name is benchmark or subject."""
    group: str | int = "language" if "language" in found.re.groupindex else 1
    spelt = found[group] or ""
    language = language_in(spelt, codes)
    if not language:
        return None
    benchmark = clean(found.groupdict().get("benchmark") or "")
    letters = list(name)
    for start, end in [found.span(group)] + ([found.span("benchmark")] if benchmark else []):
        letters[start:end] = "\0" * (end - start)
    rest = "_".join(filter(None, re.split(r"[\0_\-. ]+", "".join(letters))))
    if benchmark:
        return Task(name, benchmark, language, clean(rest), spelt=spelt)
    return Task(name, clean(rest) or "tasks", language, spelt=spelt)
