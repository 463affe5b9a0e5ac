"""What a log of a collection says of itself: ``python -m hatlib.logs.collect.report LOG…``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from inspect_ai.log import EvalLog, read_eval_log

from hatlib.errors import listing
from hatlib.logs.collect.judging import agreement, agreement_text
from hatlib.words import counted

_REASONS = {
    "no_answer_found": "without an answer that the rule finds, counted as wrong",
    "cut_off": "cut off before an answer, counted as wrong",
    "grader_failed": "whose verdict could not be read, counted as missing",
}


def lines(log: EvalLog) -> Iterator[str]:
    """Describe a log with its samples: how it was scored, what failed, whom to trust how far."""
    samples, about = log.samples or [], log.eval.metadata or {}
    scores = [score for sample in samples for score in (sample.scores or {}).values()]
    told = [score.metadata or {} for score in scores]
    yield f"{log.eval.task}, {log.eval.model}: {counted(len(samples), 'answer')}, {log.status}."
    by = Counter(each.get("by") for each in told)
    yield f"Scored by rule: {by['rule']:,}; by a judge: {by['judge']:,}."
    for reason, n in Counter(str(score.reason) for score in scores if score.reason).items():
        yield f"{counted(n, 'answer')} {_REASONS.get(reason, reason)}."
    if about.get("instructions_in_english"):
        yield f"Instructions in English for {listing(about['instructions_in_english'], 30)}."
    if any(each.get("judged_by_itself") for each in told):
        yield f"Warning: {about.get('judge')} judged its own answers."
    pairs = [(each["label"], each["verdict"]) for each in told if each.get("verdict") is not None]
    if pairs:
        yield agreement_text(log.eval.model, agreement(*zip(*pairs, strict=True)))
    if "judge_prompt_sha256" in about:
        yield f"Prompt of the judge: {about['judge_prompt_sha256'][:12]}."


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        for file in sorted(path.rglob("*.eval")) if path.is_dir() else [path]:
            print("\n".join(lines(read_eval_log(str(file)))), end="\n\n")
