"""What the fields of a log say: a score as right or wrong, a language, an answer key.

`Scored` counts right answers under every metric of a log while it is read, so that the metric can
be chosen when all of it is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import langcodes
import pandas as pd

from hatlib.data.schema import is_language
from hatlib.data.tables import book
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.common import TRIAL_COLUMNS, Options, Tally
from hatlib.logs.languages import Task, language_code, task_of
from hatlib.logs.reading import clean
from hatlib.show.words import counted

#: Words for a score. Inspect writes C, I, P (partly) and N (no answer, which it counts as wrong).
WORDS = {
    **dict.fromkeys(("c", "correct", "right", "true", "t", "yes", "y", "pass", "passed"), 1.0),
    **dict.fromkeys(("i", "incorrect", "wrong", "false", "f", "no", "n", "fail", "failed"), 0.0),
    "p": 0.5,
}
#: Words for a score that is missing.
MISSING = frozenset(["", "na", "n/a", "nan", "none", "null", "<na>"])

#: GSM8K and its kin write the answer after this, at the end of a worked solution.
MARK = "####"

#: A language with fewer answers than this is not suspected of a wrong scorer.
FEW_ANSWERS = 20

_NUMBER = re.compile(r"[-+]?(\d{1,300}(\.\d*)?|\.\d+)(e[-+]?\d{1,3})?", re.I)


def score_of(value: object) -> float:
    """A score as a number: nan if it is missing, infinite if it is neither number nor word.

    Examples
    --------
    >>> [score_of(v) for v in ("C", "I", "P", True, 0, "0.5", "no", None, "NaN", "maybe", [1])]
    [1.0, 0.0, 0.5, 1.0, 0.0, 0.5, 0.0, nan, nan, inf, inf]
    """
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str):
        text = value.strip().lower()
        if text in MISSING:
            return math.nan
        if text in WORDS:
            return WORDS[text]
        if _NUMBER.fullmatch(text):
            return float(text)
    return math.inf


@lru_cache(maxsize=10_000)
def language_of(text: str) -> str:
    """The usual code of a language that a field names by a code or in English; else empty.

    A region that is the usual one of its language says nothing more.

    Examples
    --------
    >>> [language_of(t) for t in ("de", "EN_US", "zh-TW", "pt-PT", "German", "eng_Latn", "tlh?")]
    ['de', 'en', 'zh-Hant', 'pt-PT', 'de', 'en', '']
    """
    text = clean(text)
    for form in (text, text.lower(), text.replace("_", "-"), text.lower().replace(" ", "_")):
        code = language_code(form)
        if is_language(code):
            return _without_usual_region(code)
    return _names().get(text.lower(), "")


def _without_usual_region(code: str) -> str:
    tag = langcodes.Language.get(code)
    if not tag.territory:
        return code
    for script in (tag.script, tag.maximize().script):
        shorter = langcodes.Language.make(language=tag.language, script=script)
        if shorter.maximize().territory == tag.territory:
            return langcodes.standardize_tag(shorter.to_tag())
    return code


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    """The languages of the book by their English names."""
    table = book().languages
    return dict(zip(table["name"].str.lower(), table["language"], strict=True))


def key_of(value: object, choices: object = None) -> str:
    """A right answer as a key that does not depend on the language; else empty.

    Examples
    --------
    >>> key_of("1,080.0"), key_of(["b"]), key_of("Paris"), key_of("Paris", ["Rome", "Paris"])
    ('1080', 'B', '', 'B')
    >>> key_of("Two and two are four. #### 4")
    '4'
    """
    if isinstance(value, list | tuple):
        if len(value) != 1:
            return ""
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(choices, list) and len(choices) <= 26 and choices.count(value) == 1:
        return chr(ord("A") + choices.index(value))
    text = clean(str(value).rsplit(MARK, 1)[-1]).strip("() ")
    if re.fullmatch(r"[A-Za-z]", text):
        return text.upper()
    number = text.replace(",", "")
    if re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,9})?", number):
        return f"{float(number):.10g}"
    return ""


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def first_of(fields: Mapping[str, Any], *names: str) -> str:
    """The first of some fields that holds a short value, as text; else empty.

    Examples
    --------
    >>> first_of({"lang": "de", "language": None}, "language", "lang")
    'de'
    """
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and clean(value):
            return clean(value)
    return ""


class Places:
    """Finds the benchmark and language of answers, and remembers what it could not place.

    Parameters
    ----------
    options : Options

    Raises
    ------
    InputError
        If the options hold a language that is none.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._given = language_of(options.language) if options.language else ""
        if options.language and not self._given:
            what = "language is not a language code."
            raise InputError(Problem(what, "Write a code such as de.", value=options.language))
        self._known: dict[str, Task | None] = {}
        self._lost: dict[str, int] = {}
        self._benchmarks: set[str] = set()
        self._notes: dict[str, None] = {}

    def find(self, name: str, language: str = "", fallback: str = "") -> Task | None:
        """The task of one answer; None, and one more lost answer, if its language is not known.

        Parameters
        ----------
        name : str
            The task.
        language : str
            What the answer itself says; it comes before the name of the task.
        fallback : str
            What else may say it, if the name does not.
        """
        if name not in self._known:
            short = name.rsplit("/", 1)[-1]
            self._known[name] = task_of(name, self._options.language_from) or task_of(
                short, self._options.language_from
            )
        task = self._known[name]
        code = self._given or language_of(language)
        if not code and task is None:
            code = language_of(fallback)
        if code:
            task = replace(task or Task(name, name.rsplit("/", 1)[-1], code), language=code)
        if task is None:
            self._lost[name] = self._lost.get(name, 0) + 1
            return None
        self._benchmarks.add(task.benchmark)
        if task.rule and task.rule.note:
            self._notes[task.rule.note] = None
        if self._options.benchmark:
            task = replace(task, benchmark=clean(self._options.benchmark))
        if self._options.prompting:
            task = replace(task, prompting=clean(self._options.prompting))
        return task

    def settle(self, problems: list[Problem], assumed: list[str], dropped: list[str]) -> None:
        """Say what could not be placed, when all is read."""
        assumed += self._notes
        remedy = (
            "Say where the language stands with --language-from, as in 'riddles_(?P<language>..)', "
            "or which it is with --language."
        )
        names = sorted(self._lost)
        if names and not self._benchmarks:
            what = "nothing says the language of these tasks."
            problems.append(Problem(what, remedy, value=listing(names, 20)))
        elif names:
            lost = counted(sum(self._lost.values()), "answer")
            dropped.append(f"{lost} whose language nothing says: {listing(names)}. {remedy}")
        if self._options.benchmark and len(self._benchmarks) > 1:
            what = f"the logs are of {len(self._benchmarks)} benchmarks, and --benchmark names one."
            value = listing(sorted(self._benchmarks))
            problems.append(Problem(what, "Import each by itself.", value=value))


@dataclass
class _Metric:
    """Right answers by one metric, if it is 0 or 1 (`exact`), and from a threshold on (`above`)."""

    exact: Tally = field(default_factory=Tally)
    above: Tally = field(default_factory=Tally)
    n: int = 0
    right: int = 0
    between: int = 0  # neither 0 nor 1
    unreadable: int = 0
    low: float = math.inf
    high: float = -math.inf

    def __str__(self) -> str:
        if not self.n:
            return "no number"
        if not self.between:
            return f"{self.right / self.n:.2f} right"
        return f"{self.low:.3g} to {self.high:.3g}"


class Scored:
    """Counts right answers under each metric of each benchmark.

    Parameters
    ----------
    threshold : float or None
        From this value on a metric that is not 0 or 1 counts as right.

    Examples
    --------
    >>> scored = Scored(None)
    >>> scored.add({"match": 1.0, "f1": 0.4}, "m", "riddles", "de", "1", key="7")
    >>> problems, chosen, dropped = [], [], []
    >>> frame = scored.choose(Options(metric="match"), "scorer", problems, chosen, dropped)
    >>> frame[["item", "n_correct", "n_trials"]].values.tolist(), chosen
    ([['1', 1, 1]], ['riddles: scorer match (not f1).'])
    """

    def __init__(self, threshold: float | None) -> None:
        self._threshold = threshold
        self._metrics: dict[str, dict[str, _Metric]] = {}
        self._seen: dict[str, int] = {}

    def add(
        self,
        scores: Mapping[str, float],
        model: str,
        benchmark: str,
        language: str,
        item: str,
        **more: Any,
    ) -> None:
        """Count one trial by each of its scores, as `score_of` gives them."""
        self._seen[benchmark] = self._seen.get(benchmark, 0) + 1
        metrics = self._metrics.setdefault(benchmark, {})
        for name, value in scores.items():
            metric = metrics.setdefault(name, _Metric())
            if math.isnan(value):
                continue
            if math.isinf(value):
                metric.unreadable += 1
                continue
            metric.n += 1
            metric.right += value == 1
            metric.between += value not in (0.0, 1.0)
            metric.low, metric.high = min(metric.low, value), max(metric.high, value)
            metric.exact.add(model, benchmark, language, item, value == 1, **more)
            if self._threshold is not None:
                right = value >= self._threshold
                metric.above.add(model, benchmark, language, item, right, **more)

    def cells(self) -> set[tuple[str, ...]]:
        """The model, benchmark, language, item and prompting of each answer that has a score."""
        columns = ["model", "benchmark", "language", "item", "prompting"]
        counted_by = [m.exact.frame() for each in self._metrics.values() for m in each.values()]
        return {tuple(row) for frame in counted_by for row in frame[columns].to_numpy()}

    def summary(self, benchmark: str) -> Mapping[str, str]:
        """What is known of each metric of a benchmark."""
        return {name: str(metric) for name, metric in self._metrics.get(benchmark, {}).items()}

    def choose(
        self,
        options: Options,
        word: str,
        problems: list[Problem],
        chosen: list[str],
        dropped: list[str],
    ) -> pd.DataFrame:
        """The counts under one metric for each benchmark, as the frame of `Trials`.

        Parameters
        ----------
        options : Options
            The metric that the user names.
        word : str
            What a metric is called: scorer, field of the score.
        problems, chosen, dropped : list
            Grow by what is to be chosen, what was, and what was lost by it.
        """
        frames = [pd.DataFrame(columns=list(TRIAL_COLUMNS))]
        for benchmark, metrics in self._metrics.items():
            name = self._one(benchmark, metrics, options.metric, word, problems)
            if not name:
                continue
            metric = metrics[name]
            others = [each for each in metrics if each != name]
            line = f"{benchmark}: {word} {name}"
            if metric.between:
                line += f", right from {self._threshold:g} on"
            if others:
                line += f" (not {listing(others)})"
            if others or metric.between or options.metric:
                chosen.append(f"{line}.")
            if self._threshold is not None and not metric.between:
                chosen.append(f"{benchmark}: the threshold is not used, as {name} is 0 or 1.")
            if metric.unreadable:
                lost = counted(metric.unreadable, "answer")
                dropped.append(f"{benchmark}: {lost} whose {name} is no number.")
            missing = self._seen[benchmark] - metric.n - metric.unreadable
            if missing:
                lost = counted(missing, "answer")
                dropped.append(f"{benchmark}: {lost} without a value of {name}.")
            frames.append((metric.above if metric.between else metric.exact).frame())
        filled = [frame for frame in frames[1:] if len(frame)]
        return pd.concat(filled, ignore_index=True) if filled else frames[0]

    def _one(
        self,
        benchmark: str,
        metrics: Mapping[str, _Metric],
        wanted: str,
        word: str,
        problems: list[Problem],
    ) -> str:
        """The metric of a benchmark; empty, and a problem, if the user must say it."""
        known = listing(f"{name} ({metric})" for name, metric in metrics.items())
        usable = [name for name, metric in metrics.items() if metric.n]
        if not usable:
            what = f"no answer to {benchmark} has a score."
            if metrics:
                what = f"no {word} of {benchmark} gives a number."
            remedy = "Score the log first."
            problems.append(Problem(what, remedy, value=listing(metrics)))
            return ""
        if not wanted and len(usable) == 1:
            wanted = usable[0]
        if not wanted:
            what = f"there are {len(usable)} values of {word} for the answers to {benchmark}."
            if word == "scorer":
                what = f"{len(usable)} scorers judge the answers to {benchmark}."
            problems.append(Problem(what, f"Choose one with --metric: {known}."))
            return ""
        if wanted not in usable:
            what = f"no {word} of {benchmark} has this name."
            if wanted in metrics:
                what = f"the {word} of {benchmark} gives no number."
            problems.append(Problem(what, f"There is: {known}.", value=wanted))
            return ""
        metric = metrics[wanted]
        if metric.between and self._threshold is None:
            what = (
                f"the {word} {wanted} of {benchmark} gives more than right and wrong: "
                f"{metric.between:,} of {counted(metric.n, 'answer')} are neither 0 nor 1 "
                f"({metric.low:.3g} to {metric.high:.3g})."
            )
            remedy = "Say from which value on an answer is right with --threshold."
            problems.append(Problem(what, remedy))
            return ""
        return wanted


def suspect(
    frame: pd.DataFrame, by_hand: bool, problems: list[Problem], assumed: list[str]
) -> None:
    """Note models none of whose answers is right, or all are: probably the wrong scorer.

    Parameters
    ----------
    frame : DataFrame
        That of `Trials`.
    by_hand : bool
        Whether the user chose the scorer: then it is only a remark.
    problems, assumed : list
        Grow by what is found.
    """
    if frame.empty:
        return
    cell = ["benchmark", "model", "language"]
    sums = frame.groupby(cell, sort=False)[["n_correct", "n_trials"]].sum().reset_index()
    many = sums["n_trials"] >= FEW_ANSWERS
    sums["none"] = many & (sums["n_correct"] == 0)
    sums["all"] = many & (sums["n_correct"] == sums["n_trials"])
    for (benchmark, model), mine in sums.groupby(["benchmark", "model"], sort=False):
        none, every = mine.loc[mine["none"], "language"], mine.loc[mine["all"], "language"]
        if len(none) == len(mine) and not by_hand:
            problems.append(
                Problem(
                    f"no answer of {model} to {benchmark} is right in any language.",
                    "Probably the scorer finds no answers. Name it with --metric if it is so.",
                )
            )
        elif len(none):
            assumed.append(
                f"{model}, {benchmark}: no answer is right in {listing(none, 20)}; look whether "
                "the scorer finds the answers."
            )
        if len(every):
            assumed.append(
                f"{model}, {benchmark}: every answer is right in {listing(every, 20)}; look "
                "whether the scorer takes all answers."
            )
