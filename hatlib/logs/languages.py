"""What the name of a task says: its benchmark, its language, its subject.

The rules are in ``tasks.toml``: tasks of evaluation programs whose items are translations of each
other. A task that none of them reads needs `language_from` or `language` of `hatlib.logs.Options`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import pandas as pd

from hatlib.data.about import book
from hatlib.data.languages import COUNTRIES, NO_LANGUAGE, language_of, no_language
from hatlib.errors import Problem, listing
from hatlib.logs.common import Options
from hatlib.logs.reading import Notes, clean, facts_in, refusal
from hatlib.words import counted

_FILE = facts_in("tasks.toml")
_NAMES: Mapping[str, str] = _FILE["names"]
_ENDING = re.compile(f"{_FILE['endings']}$")
_GROUPS = {"NAMES": "|".join(sorted(_NAMES, key=len, reverse=True)), **_FILE["groups"]}


@dataclass(frozen=True)
class Rule:
    """Tasks of one benchmark; the fields are those of ``tasks.toml``."""

    pattern: str
    benchmark: str
    example: str
    chance: float | None = None
    language: str = ""
    item: list[str] = field(default_factory=list, hash=False)
    key: list[str] = field(default_factory=list, hash=False)
    cluster: list[str] = field(default_factory=list, hash=False)
    note: str = ""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern of a rule, with the groups of ``tasks.toml``."""
    for name, group in _GROUPS.items():
        pattern = pattern.replace(name, group)
    return re.compile(pattern)


RULES = tuple(Rule(**fields) for fields in _FILE["rule"])


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
    if found:  # the rest of the name is the benchmark or, if that is named, the subject
        spelt = _spelt(found)
        benchmark = clean(found.groupdict().get("benchmark") or "")
        spans = [found.span("language" if "language" in found.re.groupindex else 1)]
        spans += [found.span("benchmark")] if benchmark else []
        letters = ["_" if any(a <= k < b for a, b in spans) else c for k, c in enumerate(name)]
        rest = clean("_".join(filter(None, re.split(r"[_\-. ]+", "".join(letters)))))
        subject = rest if benchmark else ""
        task = Task(name, benchmark or rest or "tasks", language_in(spelt, codes), subject)
        return replace(task, spelt=spelt) if task.language else None
    short = _ENDING.sub("", name) if len(name) < 200 else name
    for rule in RULES:
        match = _compiled(rule.pattern).fullmatch(short)
        groups = {k: v or "" for k, v in match.groupdict().items()} if match else {}
        spelt = groups.get("language") or rule.language
        language = language_in(spelt, codes) or COUNTRIES.get(spelt.lower(), "")
        if match and language:
            prompting = "_".join(filter(None, (groups.get("prompting"), groups.get("more"))))
            # Three ways to ask and to count are three benchmarks, not three subjects.
            benchmark = "-".join(filter(None, (rule.benchmark, groups.get("variant"))))
            subject = groups.get("subject", "")
            return Task(name, benchmark, language, subject, prompting, rule, spelt)
    return None


@lru_cache(maxsize=8)
def expression(text: str) -> re.Pattern[str] | None:
    """The user's expression for the language; None if there is none."""
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError):
        pattern = re.compile("")
    if "language" in pattern.groupindex or pattern.groups == 1:
        return pattern
    raise refusal("expression", value=text)


def _spelt(found: re.Match[str]) -> str:
    """The language that the user's expression finds, as it is spelt."""
    return found["language" if "language" in found.re.groupindex else 1] or ""


def _without(code: str, name: str) -> str:
    """The name of a task without the language at its start or end.

    Examples
    --------
    >>> _without("de", "quiz_de"), _without("de", "quiz-deu_Latn"), _without("de", "de")
    ('quiz', 'quiz', 'de')
    """
    cuts = [(name[: m.start()], name[m.end() :]) for m in re.finditer(r"[_\-.:/ ]", name)]
    tries = (*cuts, *(cut[::-1] for cut in reversed(cuts)))
    return next((rest for rest, part in tries if rest and language_in(part) == code), name)


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
    Write ja if that is meant: --language-code jp=ja.
    """
    problem, likely = no_language(text), COUNTRIES.get(text.lower())
    if likely:
        remedy = f"{problem.remedy.rstrip('.')}: --language-code {text}={likely}."
        return replace(problem, remedy=remedy)
    if 0 < len(text) <= 20 and text.lower() not in NO_LANGUAGE:
        remedy = f"{problem.remedy} Or say what it stands for: --language-code {text}=CODE."
        problem = replace(problem, remedy=remedy)
    return replace(problem, value=text or "nothing")


def known_chance(benchmark: str) -> float:
    """Accuracy of a guess at a benchmark that the book or the rules know; nan for others.

    Examples
    --------
    >>> known_chance("belebele"), known_chance("xcopa"), known_chance("riddles")
    (0.25, 0.5, nan)
    """
    ruled = {r.benchmark: r.chance for r in RULES[::-1] if r.chance is not None}
    known = book().benchmarks.set_index("benchmark")["chance_level"].to_dict()
    return float((ruled | known).get(benchmark, float("nan")))


def rules_table() -> pd.DataFrame:
    """The rules as a table for people: tasks, an example, what it is read as.

    Examples
    --------
    >>> rules_table()["benchmark"].nunique() >= 20
    True
    """
    tasks = (task_of(rule.example) for rule in RULES)
    frame = pd.DataFrame([vars(task) for task in tasks if task])
    item = [", ".join(rule.item) or "doc_id" for rule in RULES]
    frame = frame.assign(item=item, note=[rule.note for rule in RULES])
    columns = ["name", "benchmark", "language", "subject", "prompting", "item", "note"]
    return frame[columns].rename(columns={"name": "task"})


class Places:
    """Finds the benchmark and language of answers, and remembers what it could not place."""

    def __init__(self, options: Options, notes: Notes) -> None:
        self._options, self._notes = options, notes
        self._given = language_in(options.language, options.language_codes)
        if options.language and not self._given:
            raise refusal("language", value=options.language)
        self._pattern = expression(options.language_from)
        self._known: dict[tuple[str, str, str], Task | None] = {}
        self._doubtful: dict[str, None] = {}

    def find(self, name: str, language: str = "", fallback: str = "") -> Task | None:
        """The task of an answer by its name and language; None if its language is not known.

        What the answer itself says of its language comes before the name of the task, and that
        before what else may say it (`fallback`).
        """
        place = (name, language, fallback)
        if place not in self._known:
            self._known[place] = self._found(*place)
        return self._known[place]

    def _found(self, name: str, language: str, fallback: str) -> Task | None:
        options, codes, short = self._options, self._options.language_codes, name.rsplit("/", 1)[-1]
        tries = (task_of(each, options.language_from, codes) for each in (name, short))
        task = next(filter(None, tries), None)
        if task and task.rule and task.rule.note not in ("", *self._notes.assumed):
            self._notes.assumed.append(task.rule.note)
        found = self._pattern.search(name) if self._pattern else None
        code, spelt = self._given, language
        texts = (language,) if task else (language, fallback, _spelt(found) if found else "")
        for text in filter(None, () if code else texts):
            code, spelt = language_in(text, codes), text
            if not code and text.lower() in {*COUNTRIES, *NO_LANGUAGE}:
                self._doubtful[text] = None
                return None
            if code:
                break
        bare = clean(options.benchmark) or _without(code, short)
        task = task or (Task(name, bare, code) if code else None)
        return replace(task, language=code, spelt=spelt) if task and code else task

    def settle(self, lost: Mapping[str, int], what: str = "answer") -> None:
        """Say what could not be placed, and what is spelt in two ways.

        `lost` are answers (or other things) without a language, by their task.
        """
        notes, forms = self._notes, dict[tuple[str, str], dict[str, None]]()
        placed = [task for task in self._known.values() if task]
        for problem in map(ask_language, self._doubtful):
            if problem.value.lower() in NO_LANGUAGE:
                notes.note("dropped", "language", value=clean(problem.value), what=problem.what)
            else:
                notes.problems.append(problem)
        if lost and not self._doubtful:
            names, n = listing(sorted(lost), 20), counted(sum(lost.values()), what)
            (problem,) = refusal("no-language", n=n, names=names).problems
            if placed:
                notes.dropped.append(f"{problem.what} {problem.remedy}")
            else:
                notes.problems.append(problem)
        for task in placed:
            forms.setdefault((task.benchmark, task.language), {})[task.spelt] = None
        for (benchmark, code), spelt in forms.items():
            if len(spelt) > 1:
                about = f"{benchmark}: {listing(map(repr, spelt))}".removeprefix(": ")
                notes.note("assumed", "spelt", forms=about, code=code)
