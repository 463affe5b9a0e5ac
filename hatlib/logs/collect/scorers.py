"""Score answers by rule, or else by a judge; an answer whose verdict cannot be read is missing."""

from __future__ import annotations

from logging import getLogger
from typing import Any

from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    accuracy,
    grouped,
    metric,
    scorer,
)
from inspect_ai.solver import TaskState

from hatlib.logs.collect.judging import Agreement, judge_prompt, same_model, verdict_of
from hatlib.logs.collect.rules import letter_in, marked, number_in, same_fact

logger = getLogger(__name__)

#: How a judge answers.
JUDGING = GenerateConfig(temperature=0.0)
_BY_LANGUAGE = grouped(accuracy(), "language")


@scorer(metrics=[_BY_LANGUAGE])
def number() -> Scorer:
    """Right if the number is that of the item."""

    async def score(state: TaskState, target: Target) -> Score:
        found = number_in(state.output.completion)
        right = found is not None and found == number_in(target.text)
        return _by_rule(state, right, None if found is None else f"{found:f}")

    return score


@scorer(metrics=[_BY_LANGUAGE])
def option() -> Scorer:
    """Right if the letter is that of the item."""

    async def score(state: TaskState, target: Target) -> Score:
        found = letter_in(state.output.completion, [choice.value for choice in state.choices])
        return _by_rule(state, found == target.text, found)

    return score


@scorer(metrics=[_BY_LANGUAGE])
def fact(judge: str = "none") -> Scorer:
    """Right if the answer is one of the item, word for word, or by a judge; missing if it fails."""
    model = None if judge == "none" else get_model(judge, config=JUDGING)

    async def score(state: TaskState, target: Target) -> Score:
        reply = state.output.completion
        answer = answer_to_judge(reply)
        if model is None or not answer or same_fact(reply, target):
            return _by_rule(state, same_fact(reply, target), answer or None)
        about = state.metadata
        asked = judge_prompt(about["question"], about["references"], answer)
        said = (await model.generate(asked)).completion
        right = verdict_of(said)
        itself = same_model(judge, str(state.model))
        if itself:
            warn_of_itself(judge)
        told = {"by": "judge", "judge": judge, "judged_by_itself": itself}
        if right is None:
            return Score.unscored(
                reason="grader_failed", answer=answer, explanation=said, metadata=told
            )
        value = CORRECT if right else INCORRECT
        return Score(value=value, answer=answer, explanation=said, metadata=told)

    return score


@metric
def agreement() -> Metric:
    """Sensitivity and specificity of a judge, and the answers behind them."""

    def of(scores: list[SampleScore]) -> Any:
        told = [each.score.metadata or {} for each in scores]
        return Agreement.of([t["label"] for t in told], [t["verdict"] for t in told]).numbers()

    return of


@scorer(metrics=[accuracy(), agreement()])
def agrees() -> Scorer:
    """Right if the verdict is that of people; missing if it cannot be read."""

    async def score(state: TaskState, target: Target) -> Score:
        said = state.output.completion
        label, by_rule = target.text == "RIGHT", bool(state.metadata["by_rule"])
        verdict = True if by_rule else verdict_of(said)
        if verdict is None:
            return Score.unscored(reason="grader_failed", explanation=said)
        told = {"label": label, "verdict": verdict, "by": "rule" if by_rule else "judge"}
        return Score(value=CORRECT if verdict == label else INCORRECT, metadata=told)

    return score


def answer_to_judge(reply: str) -> str:
    """What a reply marks as its answer, else all of it."""
    answer = marked(reply)
    return (reply if answer is None else answer).strip()


_WARNED: set[str] = set()


def warn_of_itself(judge: str) -> None:
    """Say, once, that a model judges its own answers."""
    if judge not in _WARNED:
        _WARNED.add(judge)
        logger.warning("%s judges its own answers. Use another judge.", judge)


def _by_rule(state: TaskState, right: bool, answer: str | None) -> Score:
    reason = None
    if answer is None:
        cut = state.output.stop_reason in ("max_tokens", "model_length")
        reason = "cut_off" if cut else "no_answer_found"
    value = CORRECT if right else INCORRECT
    return Score(value=value, answer=answer, reason=reason, metadata={"by": "rule"})
