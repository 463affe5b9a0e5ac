"""The tasks, as Inspect runs them: ``inspect eval hatlib/mgsm -T items=my.jsonl --model …``.

Each takes the options of `Collection` with ``-T``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import wraps
from hashlib import sha256
from logging import getLogger
from typing import Annotated, Any

from inspect_ai import Epochs, Task, task
from inspect_ai import scorer as scoring
from inspect_ai._util.error import PrerequisiteError
from inspect_ai._util.logger import warn_once
from inspect_ai._util.package import get_installed_package_name
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, accuracy, metric, scorer
from inspect_ai.solver import TaskState
from pydantic import BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass
from rich.markup import escape

from hatlib.errors import InputError, Problem, listing
from hatlib.logs.collect import judging
from hatlib.logs.collect.items import promptings, read_items, read_labels
from hatlib.logs.collect.judging import Kind, judge_prompt, judged, verdict_of

_LOG = getLogger(__name__)
_ABOUT_JUDGE = {
    "judge_prompt": judging.JUDGE_PROMPT,
    "judge_prompt_sha256": sha256(judging.JUDGE_PROMPT.encode()).hexdigest(),
}
#: How a judge answers.
JUDGING = GenerateConfig(temperature=0.0)


class RefusedError(PrerequisiteError, InputError):
    """An input that cannot be used; Inspect shows what is wrong with it, and no call stack."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        InputError.__init__(self, problems)
        lines = str(self).splitlines()
        lines[50:] = [f"… and {len(lines) - 50} more problems."] * (len(lines) > 50)
        self.message = escape("\n".join(lines))


def asked(make: Callable[..., Task]) -> Callable[..., Task]:
    """Register a task as ``hatlib/…``, and have Inspect show errors of its input as its own."""

    @wraps(make)
    def made(**options: Any) -> Task:
        try:
            return make(**{k: v for k, v in options.items() if k != "model"})  # of Inspect's own
        except ValidationError as error:
            known = f"There are: {listing((each.name for each in fields(Collection)), 20)}."
            said = [f"option {e['loc'][0]}: {e['msg'].lower()}." for e in error.errors()]
            raise RefusedError([Problem(each, known) for each in said]) from None
        except InputError as error:
            raise RefusedError(error.problems) from None

    # Inspect adds the package only where a distribution has its name; ours has another one.
    known = get_installed_package_name(make)
    return task(name=make.__name__ if known else f"hatlib/{make.__name__}")(made)


def _listed(value: Any) -> list[str]:
    """Words that Inspect may have read as YAML, where no is False: the code of Norwegian."""
    values = value.split(",") if isinstance(value, str) else value
    values = values if isinstance(values, Iterable) else [values]
    return ["no" if v is False else text for v in values if (text := str(v).strip())]


_Words = Annotated[list[str], BeforeValidator(_listed)]
_Code = Annotated[str, BeforeValidator(lambda value: "".join(_listed(value)[:1]))]


@dataclass(frozen=True, config={"extra": "forbid"})
class Collection:
    """What to ask, and how.

    Attributes
    ----------
    items : str
        File, as `hatlib.logs.collect.items.read_items` takes it.
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
    source: _Code = "en"
    languages: _Words = Field(default_factory=list)
    promptings: int = 10
    instructions: _Code = "en"
    prompts: str = ""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    repeats: Annotated[int, Field(ge=1)] = 1
    most_items: int = 0
    columns: _Words = Field(default_factory=list)
    benchmark: str = ""

    def read(self, kind: Kind) -> list[Any]:
        """The items."""
        columns = dict(pair.split("=", 1) for pair in self.columns if "=" in pair)
        where = (self.items, kind, self.source, self.languages)
        return read_items(*where, columns, self.most_items)

    def task(self, kind: Kind, benchmark: str, judge: str = "none") -> Task:
        """The task that asks every item in every language and prompting."""
        items, ways = self.read(kind), promptings(kind, self.promptings, self.prompts)
        known, name = ways[0].texts, self.benchmark or benchmark
        if self.instructions not in ("item", *known):
            remedy = f"There are: item, {listing(known, 30)}."
            what = "there are no wordings in the language of the instructions."
            raise InputError(what, remedy, value=self.instructions)
        in_english = sorted({i.language for i in items} - set(known))
        in_english *= self.instructions == "item"
        if self.repeats > 1 and self.temperature == 0:
            what = "with temperature 0 a repeated prompt brings the same answer again."
            raise InputError(what, "Raise the temperature, or leave repeats at 1.")
        samples = [
            Sample(
                id=f"{item.id} {item.language} {way.name}",
                input=way.ask(item, self.instructions),
                choices=list(item.options) or None,
                target=list(item.answer),
                metadata=item._asdict()
                | {"benchmark": name, "item": item.id, "prompting": way.name},
            )
            for item in items
            for way in ways
        ]
        told = {"benchmark": name, "instructions_in_english": in_english, "judge": judge}
        told |= {} if judge == "none" else _ABOUT_JUDGE
        return Task(
            name=name,
            dataset=samples,
            scorer=SCORERS[kind](judge),
            config=GenerateConfig(temperature=self.temperature),
            epochs=Epochs(self.repeats),
            metadata=told,
        )


@asked
def mgsm(**options: Any) -> Task:
    """Problems whose answer is a number, such as MGSM."""
    return Collection(**options).task("number", "mgsm")


@asked
def mmlu_prox_lite(**options: Any) -> Task:
    """Questions with up to ten options, such as MMLU-ProX-Lite, in the order of the file."""
    return Collection(**options).task("option", "mmlu-prox-lite")


@asked
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
    collection = Collection(**options)
    if not judge:
        what = "no judge is named for answers in free words."
        remedy = "Name one: judge=provider/model. With judge=none only exact answers count."
        raise InputError(what, remedy)
    return collection.task("fact", "facts", judge)


@asked
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
    samples: list[Sample] = []
    for item, reply, right in read_labels(labels, Collection(**options).read("fact")):
        answer, by_rule = judged("fact", reply, item.answer)
        samples.append(
            Sample(
                id=len(samples) + 1,
                input=judge_prompt(item.question, item.references, answer or ""),
                target="RIGHT" if right else "WRONG",
                metadata={"labelled_language": item.language, "by_rule": by_rule},
            )
        )
    return Task(dataset=samples, scorer=agrees(), config=JUDGING, metadata=_ABOUT_JUDGE)


# Scorers --------------------------------------------------------------------------------------


def _scorer(kind: Kind) -> Callable[..., Scorer]:
    """The scorer of a kind of answers: by rule, and what that calls wrong by a judge, if any."""

    @scorer(metrics=[scoring.grouped(accuracy(), "language")], name=kind)
    def make(judge: str = "none") -> Scorer:
        model = None if judge == "none" else get_model(judge, config=JUDGING)

        async def score(state: TaskState, target: Target) -> Score:
            reply, about = state.output.completion, state.metadata
            answer, right = judged(kind, reply, target, [c.value for c in state.choices])
            if model is None or answer is None or right:
                cut = state.output.stop_reason in ("max_tokens", "model_length")
                why = None if answer is not None else "cut_off" if cut else "no_answer_found"
                return _score(right, why, answer=answer, metadata={"by": "rule"})
            asking = judge_prompt(about["question"], about["references"], answer)
            said = (await model.generate(asking)).completion
            itself = judge.lower().split("/")[-1] == str(state.model).lower().split("/")[-1]
            if itself:
                warn_once(_LOG, f"{judge} judges its own answers. Use another judge.")
            told = {"by": "judge", "judge": judge, "judged_by_itself": itself}
            return _score(verdict_of(said), answer=answer, explanation=said, metadata=told)

        return score

    return make


SCORERS = {kind: _scorer(kind) for kind in ("number", "option", "fact")}


@metric
def agreement() -> Metric:
    """Sensitivity and specificity of a judge, and the answers behind them."""

    def of(scores: list[SampleScore]) -> Any:
        told = [each.score.metadata or {} for each in scores]
        return judging.agreement([t["label"] for t in told], [t["verdict"] for t in told])

    return of


@scorer(metrics=[accuracy(), agreement()])
def agrees() -> Scorer:
    """Right if the verdict is that of people; missing if it cannot be read."""

    async def score(state: TaskState, target: Target) -> Score:
        said, label, by_rule = state.output.completion, target.text, state.metadata["by_rule"]
        verdict = True if by_rule else verdict_of(said)
        told = {"label": label == "RIGHT", "verdict": verdict, "by": "rule" if by_rule else "judge"}
        agreed = None if verdict is None else verdict == told["label"]
        return _score(agreed, explanation=said, metadata=told)

    return score


def _score(right: bool | None, why: str | None = None, **about: Any) -> Score:
    """A score, which is missing if nothing says whether the answer is right."""
    if right is None:
        return Score.unscored(reason="grader_failed", **about)
    value = scoring.CORRECT if right else scoring.INCORRECT
    return Score(value=value, reason=why, **about)
