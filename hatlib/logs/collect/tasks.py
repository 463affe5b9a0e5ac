"""The tasks, as Inspect runs them: ``inspect eval hatlib/mgsm -T items=my.jsonl --model …``.

Each takes the options of `hatlib.logs.collect.collection.Collection` with ``-T``.
"""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample

from hatlib.errors import InputError, Problem
from hatlib.logs.collect.collection import Collection, refusing
from hatlib.logs.collect.judging import JUDGE_PROMPT, fingerprint, judge_prompt, read_labels
from hatlib.logs.collect.rules import same_fact
from hatlib.logs.collect.scorers import JUDGING, agrees, answer_to_judge, fact, number, option

_ABOUT_JUDGE = {"judge_prompt": JUDGE_PROMPT, "judge_prompt_sha256": fingerprint(JUDGE_PROMPT)}


@task
def mgsm(**options: Any) -> Task:
    """Problems whose answer is a number, such as MGSM."""
    with refusing():
        return Collection.of(options).task("number", "mgsm", number())


@task
def mmlu_prox_lite(**options: Any) -> Task:
    """Questions with up to ten options, such as MMLU-ProX-Lite, in the order of the file."""
    with refusing():
        return Collection.of(options).task("option", "mmlu-prox-lite", option())


@task
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
    with refusing():
        collection = Collection.of(options)
        if not judge:
            what = "no judge is named for answers in free words."
            remedy = "Name one: judge=provider/model. With judge=none only exact answers count."
            raise InputError(Problem(what, remedy))
        about = {"judge": judge}
        if judge != "none":
            about |= _ABOUT_JUDGE
        return collection.task("fact", "facts", fact(judge), **about)


@task
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
    with refusing():
        items = Collection.of(options).read("fact")
        sources = {item.id: item for item in items if item.is_source}
        samples = [
            Sample(
                id=i,
                input=judge_prompt(
                    label.item.question,
                    [*label.item.answers, *sources[label.item.id].answers],
                    answer_to_judge(label.answer),
                ),
                target="RIGHT" if label.right else "WRONG",
                # Other names than those of a collection: these answers are not the model's own.
                metadata={
                    "labelled_item": label.item.id,
                    "labelled_language": label.item.language,
                    "by_rule": same_fact(label.answer, label.item.answers),
                },
            )
            for i, label in enumerate(read_labels(labels, items), 1)
        ]
        return Task(
            dataset=samples,
            scorer=agrees(),
            config=JUDGING,
            metadata=_ABOUT_JUDGE,
        )
