"""The tasks, as Inspect runs them: ``inspect eval hatlib/mgsm -T items=my.jsonl --model …``.

Each takes the options of `Collection` with ``-T``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from logging import getLogger
from typing import Annotated, Any

from inspect_ai import Epochs, Task, task
from inspect_ai import scorer as scoring
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, accuracy, metric, scorer
from inspect_ai.solver import TaskState
from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass
from rich.markup import escape

from hatlib.errors import InputError, Problem, listing
from hatlib.logs.collect import judging
from hatlib.logs.collect.items import Item, Kind, read_items, read_labels
from hatlib.logs.collect.judging import fingerprint, judge_prompt
from hatlib.logs.collect.prompts import promptings
from hatlib.logs.collect.rules import letter_in, marked, number_in, same_fact

_ABOUT_JUDGE = {
    "judge_prompt": judging.JUDGE_PROMPT,
    "judge_prompt_sha256": fingerprint(judging.JUDGE_PROMPT),
}


#: How a judge answers.
JUDGING = GenerateConfig(temperature=0.0)
_BY_LANGUAGE = scoring.grouped(accuracy(), "language")


@metric
def agreement() -> Metric:
    """Sensitivity and specificity of a judge, and the answers behind them."""

    def of(scores: list[SampleScore]) -> Any:
        told = [each.score.metadata or {} for each in scores]
        return judging.agreement([t["label"] for t in told], [t["verdict"] for t in told])

    return of


class RefusedError(PrerequisiteError, InputError):
    """An input that cannot be used; Inspect shows what is wrong with it, and no call stack."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        InputError.__init__(self, problems)
        self.message = escape(str(self))


@contextmanager
def _refusing() -> Iterator[None]:
    """Have Inspect show errors of the input as its own."""
    try:
        yield
    except InputError as error:
        raise RefusedError(error.problems) from None


@dataclass(frozen=True, config={"extra": "forbid"})
class Collection:
    """What to ask, and how.

    Attributes
    ----------
    items : str
        File or hub name, as `hatlib.logs.collect.items.read_items` takes it.
    source : str
        Source language of items that name none.
    languages : str or sequence of str
        Only these and the source languages, with commas between; empty: all.
    promptings : int
        How many ways of asking, each once for every item and language.
    instructions : str
        Language of the instructions: a code, or ``item`` for that of the item. Where there are no
        wordings in it, English.
    prompts : str
        File with own wordings.
    temperature : float
        0 is greedy: one prompt then has one answer, and only the wordings vary.
    repeats : int
        Answers to each prompt.
    most_items : int
        Only so many items, in all their languages; 0: all. (Inspect's ``--limit`` would cut items
        apart.)
    columns : str or sequence of str
        Our name of a column to that in the file: ``answer=answer_number``, with commas between.
    benchmark : str
        Its name in the log; empty: that of the task.
    """

    items: str
    source: Any = "en"
    languages: Any = ""
    promptings: int = 10
    instructions: Any = "en"
    prompts: str = ""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    repeats: Annotated[int, Field(ge=1)] = 1
    most_items: int = 0
    columns: Any = ""
    benchmark: str = ""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Collection:
        """From options by name; those that there are not are refused."""
        try:
            self = cls(**{k: v for k, v in options.items() if k != "model"})  # Inspect may pass it
        except ValidationError as error:
            known = f"There are: {listing((each.name for each in fields(cls)), 20)}."
            said = [f"option {e['loc'][0]}: {e['msg'].lower()}." for e in error.errors()]
            raise InputError([Problem(each, known) for each in said]) from None
        if self.repeats > 1 and self.temperature == 0:
            raise InputError(
                "with temperature 0 a repeated prompt brings the same answer again.",
                "Raise the temperature, or leave repeats at 1.",
            )
        return self

    def read(self, kind: Kind) -> tuple[Item, ...]:
        """The items."""
        columns = dict(pair.split("=", 1) for pair in _listed(self.columns) if "=" in pair)
        (source,) = _listed(self.source)[:1]
        return read_items(
            self.items, kind, source, _listed(self.languages), columns, self.most_items
        )

    def task(self, kind: Kind, benchmark: str, scorer: Scorer, **about: Any) -> Task:
        """The task that asks every item in every language and prompting."""
        items, ways = self.read(kind), promptings(kind, self.promptings, self.prompts)
        known, (instructions,) = ways[0].texts, _listed(self.instructions)[:1]
        if instructions != "item" and instructions not in known:
            remedy = f"There are: item, {listing(known, 30)}."
            what = "there are no wordings in the language of the instructions."
            raise InputError(what, remedy, value=instructions)
        in_english = sorted({i.language for i in items} - set(known)) * (instructions == "item")
        if in_english:
            getLogger(__name__).warning(
                "Instructions are in English for %s.", listing(in_english, 30)
            )
        name = self.benchmark or benchmark
        samples = [
            Sample(
                id=f"{item.id} {item.language} {way.name}",
                input=way.ask(item, instructions),
                choices=list(item.options) or None,
                target=list(item.answers) if len(item.answers) > 1 else item.answers[0],
                metadata={
                    "benchmark": name,
                    "item": item.id,
                    "language": item.language,
                    "source_language": item.source_language,
                    "prompting": way.name,
                    "instruction_language": way.language(item, instructions),
                    "question": item.question,
                    "references": references,
                },
            )
            for item, references in _with_references(items)
            for way in ways
        ]
        wordings = [(way.name, sorted(way.texts.items())) for way in ways]
        return Task(
            name=name,
            dataset=samples,
            scorer=scorer,
            config=GenerateConfig(temperature=self.temperature),
            epochs=Epochs(self.repeats),
            metadata={
                "benchmark": name,
                # Tells whether two runs asked the same items, wherever their file is.
                "items_sha256": fingerprint(repr([sorted(vars(item).items()) for item in items])),
                "promptings": [way.name for way in ways],
                "wordings_sha256": fingerprint(repr(wordings)),
                "instructions": instructions,
                "instructions_in_english": in_english,
                "temperature": self.temperature,
                **about,
            },
        )


def _listed(value: Any) -> list[str]:
    """Words that Inspect may have read as YAML, where no is False: the code of Norwegian."""
    values = value.split(",") if isinstance(value, str) else value
    values = values if isinstance(values, Iterable) else [values]
    return ["no" if v is False else text for v in values if (text := str(v).strip())]


def _with_references(items: Sequence[Item]) -> Iterator[tuple[Item, list[str]]]:
    """Items with their right answers, in their language and in the source language."""
    sources = {item.id: item.answers for item in items if item.is_source}
    return ((item, [*item.answers, *sources[item.id]]) for item in items)


@task
@_refusing()
def mgsm(**options: Any) -> Task:
    """Problems whose answer is a number, such as MGSM."""
    return Collection.of(options).task("number", "mgsm", number())


@task
@_refusing()
def mmlu_prox_lite(**options: Any) -> Task:
    """Questions with up to ten options, such as MMLU-ProX-Lite, in the order of the file."""
    return Collection.of(options).task("option", "mmlu-prox-lite", option())


@task
@_refusing()
def facts(judge: str = "", **options: Any) -> Task:
    """Questions of fact whose source language varies by item, such as ECLeKTic.

    Parameters
    ----------
    judge : str
        Model that judges answers which are no right answer word for word, as ``provider/model``;
        ``none``: these are wrong.
    **options
        Those of `Collection`.
    """
    collection = Collection.of(options)
    if not judge:
        what = "no judge is named for answers in free words."
        remedy = "Name one: judge=provider/model. With judge=none only exact answers count."
        raise InputError(what, remedy)
    about = {} if judge == "none" else _ABOUT_JUDGE
    return collection.task("fact", "facts", fact(judge), judge=judge, **about)


@task
@_refusing()
def judge_check(labels: str, **options: Any) -> Task:
    """How far a judge agrees with people: the judge is the model that is run.

    As in `facts`, an answer that is right word for word needs no judge.

    Parameters
    ----------
    labels : str
        File with ``item``, ``language``, ``answer``, ``label``.
    **options
        Those of `Collection`; only the ones about items matter.
    """
    items = Collection.of(options).read("fact")
    references = dict(_with_references(items))
    samples = [
        Sample(
            id=i,
            input=judge_prompt(item.question, references[item], _to_judge(answer)),
            target="RIGHT" if right else "WRONG",
            # Other names than those of a collection: these answers are not the model's own.
            metadata={
                "labelled_item": item.id,
                "labelled_language": item.language,
                "by_rule": same_fact(answer, item.answers),
            },
        )
        for i, (item, answer, right) in enumerate(read_labels(labels, items), 1)
    ]
    return Task(dataset=samples, scorer=agrees(), config=JUDGING, metadata=_ABOUT_JUDGE)


# Scorers --------------------------------------------------------------------------------------


@scorer(metrics=[_BY_LANGUAGE])
def number() -> Scorer:
    """Right if the number is that of the item."""
    return _by_rule(lambda state: number_in(state.output.completion), number_in)


@scorer(metrics=[_BY_LANGUAGE])
def option() -> Scorer:
    """Right if the letter is that of the item."""
    return _by_rule(
        lambda state: letter_in(state.output.completion, [c.value for c in state.choices]), str
    )


@scorer(metrics=[_BY_LANGUAGE])
def fact(judge: str = "none") -> Scorer:
    """Right if the answer is one of the item, word for word, or by a judge; missing if it fails."""
    model = None if judge == "none" else get_model(judge, config=JUDGING)

    async def score(state: TaskState, target: Target) -> Score:
        reply = state.output.completion
        answer, same = _to_judge(reply), same_fact(reply, target)
        if model is None or not answer or same:
            return _ruled(state, same, answer or None)
        about = state.metadata
        asked = judge_prompt(about["question"], about["references"], answer)
        said = (await model.generate(asked)).completion
        itself = judging.same_model(judge, str(state.model))
        if itself:
            _warn_of_itself(judge)
        told = {"by": "judge", "judge": judge, "judged_by_itself": itself}
        return _verdict(judging.verdict_of(said), said, told, answer)

    return score


@scorer(metrics=[accuracy(), agreement()])
def agrees() -> Scorer:
    """Right if the verdict is that of people; missing if it cannot be read."""

    async def score(state: TaskState, target: Target) -> Score:
        said, label = state.output.completion, target.text == "RIGHT"
        by_rule = bool(state.metadata["by_rule"])
        verdict = True if by_rule else judging.verdict_of(said)
        told = {"label": label, "verdict": verdict, "by": "rule" if by_rule else "judge"}
        return _verdict(None if verdict is None else verdict == label, said, told)

    return score


def _verdict(
    right: bool | None, said: str, told: Mapping[str, Any], answer: str | None = None
) -> Score:
    """What a judge said as a score, which is missing if it cannot be read."""
    about: Any = {"answer": answer, "explanation": said, "metadata": dict(told)}
    if right is None:
        return Score.unscored(reason="grader_failed", **about)
    return Score(value=scoring.CORRECT if right else scoring.INCORRECT, **about)


def _by_rule(find: Callable[[TaskState], Any], read: Callable[[str], Any]) -> Scorer:
    """Right if what is found in a reply is what the item says."""

    async def score(state: TaskState, target: Target) -> Score:
        found = find(state)
        right = found is not None and found == read(target.text)
        return _ruled(state, right, None if found is None else str(found))

    return score


def _ruled(state: TaskState, right: bool, answer: str | None) -> Score:
    """What a rule found as a score; an answer that is not there is wrong."""
    cut = state.output.stop_reason in ("max_tokens", "model_length")
    return Score(
        value=scoring.CORRECT if right else scoring.INCORRECT,
        answer=answer,
        reason=None if answer is not None else "cut_off" if cut else "no_answer_found",
        metadata={"by": "rule"},
    )


def _to_judge(reply: str) -> str:
    """What a reply marks as its answer, else all of it."""
    answer = marked(reply)
    return (reply if answer is None else answer).strip()


@cache
def _warn_of_itself(judge: str) -> None:
    """Say, once, that a model judges its own answers."""
    getLogger(__name__).warning("%s judges its own answers. Use another judge.", judge)
