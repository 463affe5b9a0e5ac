"""Which benchmark and language an answer belongs to: by its task, its fields and the user."""

from __future__ import annotations

from dataclasses import replace

from hatlib.errors import InputError, Problem, listing
from hatlib.logs.common import Options
from hatlib.logs.languages import (
    Task,
    ask_language,
    expression,
    is_doubtful,
    language_in,
    task_of,
)
from hatlib.logs.reading import Notes, clean
from hatlib.words import counted


class Places:
    """Finds the benchmark and language of answers, and remembers what it could not place."""

    def __init__(self, options: Options, notes: Notes) -> None:
        self._options, self._notes = options, notes
        self._codes = options.language_codes
        self._given = language_in(options.language, self._codes) if options.language else ""
        if options.language and not self._given:
            what = "language is not a language code."
            raise InputError(Problem(what, "Write a code such as de.", value=options.language))
        self._expression = expression(options.language_from)
        self._known: dict[tuple[str, str, str], Task | None] = {}
        self._lost: dict[str, int] = {}
        self._doubtful: dict[str, None] = {}
        self._spelt: dict[tuple[str, str], dict[str, None]] = {}

    def find(self, name: str, language: str = "", fallback: str = "") -> Task | None:
        """The task of an answer; None if its language is not known.

        Parameters
        ----------
        name : str
            The task.
        language : str
            What the answer itself says; it comes before the name of the task.
        fallback : str
            What else may say it, if the name does not.
        """
        place = (name, language, fallback)
        if place not in self._known:
            self._known[place] = self._found(*place)
        return self._known[place]

    def _found(self, name: str, language: str, fallback: str) -> Task | None:
        options = self._options
        task = task_of(name, options.language_from, self._codes)
        task = task or task_of(name.rsplit("/", 1)[-1], options.language_from, self._codes)
        code, spelt = self._given, language
        for text in (language, fallback if task is None else ""):
            if not code and text:
                code, spelt = language_in(text, self._codes), text
                if not code and is_doubtful(text):
                    self._doubtful[text] = None
                    return None
        if code:
            short = name.rsplit("/", 1)[-1]
            task = replace(task or Task(name, short, code), language=code, spelt=spelt)
        if task is None:
            found = self._expression.search(name) if self._expression else None
            if found:
                text = found["language"] if "language" in found.re.groupindex else found[1]
                if is_doubtful(text or ""):
                    self._doubtful[text] = None
            return None
        if task.rule and task.rule.note and task.rule.note not in self._notes.assumed:
            self._notes.assumed.append(task.rule.note)
        if options.benchmark:
            task = replace(task, benchmark=clean(options.benchmark))
        if options.prompting:
            task = replace(task, prompting=clean(options.prompting))
        self._spelt.setdefault((task.benchmark, task.language), {})[task.spelt] = None
        return task

    def lose(self, name: str, n: int) -> None:
        """Remember answers (or, of unread files, tasks) that could not be placed."""
        self._lost[name] = self._lost.get(name, 0) + n

    def settle(self, noun: str = "answer") -> None:
        """Say what could not be placed, and what is spelt in two ways, when all is read."""
        remedy = (
            "Say where the language stands with --language-from, as in 'riddles_(?P<language>..)', "
            "or which it is with --language."
        )
        for text in self._doubtful:
            problem = ask_language(text)
            if "--language-code" in problem.remedy:
                self._notes.problems.append(problem)
            else:
                self._notes.dropped.append(f"Answers in {clean(text)}: {problem.what}")
        names = sorted(self._lost)
        placed = [task for task in self._known.values() if task]
        if names and not placed and not self._doubtful:
            what = "nothing says the language of these tasks."
            self._notes.problem(what, remedy, value=listing(names, 20))
        elif names and not self._doubtful:
            lost = counted(sum(self._lost.values()), noun)
            self._notes.dropped.append(
                f"{lost} whose language nothing says: {listing(names)}. {remedy}"
            )
        named = {t.rule.benchmark if t.rule else t.name for t in placed}
        own = {task_of(t.name, self._options.language_from, self._codes) or t for t in placed}
        benchmarks = sorted({t.benchmark for t in own})
        if self._options.benchmark and len(benchmarks) > 1 and len(named) > 1:
            what = f"the logs are of {len(benchmarks)} benchmarks, and --benchmark names one."
            remedy = "Import each by itself, or say more with --language-from."
            self._notes.problem(what, remedy, value=listing(benchmarks))
        for (benchmark, code), forms in self._spelt.items():
            if len(forms) > 1:
                where = f"{benchmark}: " if benchmark else ""
                self._notes.assumed.append(
                    f"{where}{listing(map(repr, forms))} are read as one language, {code}."
                )
