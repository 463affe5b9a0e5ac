"""What a log of a collection says of itself: ``python -m hatlib.logs.collect.report LOG…``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from inspect_ai.log import EvalLog, read_eval_log

from hatlib.errors import listing
from hatlib.logs.collect.judging import agreement, agreement_text

_REASONS = {
    "no_answer_found": ": no answer that the rule finds, counted as wrong",
    "cut_off": ": cut off before an answer, counted as wrong",
    "grader_failed": ": the verdict could not be read, counted as missing",
}


def lines(log: EvalLog) -> Iterator[str]:
    """Describe a log with its samples: how it was scored, what failed, whom to trust how far."""
    scores = [s for sample in log.samples or [] for s in (sample.scores or {}).values()]
    told: Any = pd.DataFrame([{**(s.metadata or {}), "why": str(s.reason or "")} for s in scores])
    about = log.eval.metadata or {}
    yield f"{log.eval.task}, {log.eval.model}: {len(told):,} answers, {log.status}."
    for (by, why), n in told.groupby(["by", "why"]).size().items() if len(told) else ():
        yield f"{n:,} by {by}{_REASONS.get(why, why)}."
    if about.get("instructions_in_english"):
        yield f"Instructions in English for {listing(about['instructions_in_english'], 30)}."
    if told.get("judged_by_itself", pd.Series(dtype=object)).eq(True).any():
        yield f"Warning: {about.get('judge')} judged its own answers."
    if "verdict" in told:
        told = told.dropna(subset="verdict")
        yield agreement_text(log.eval.model, agreement(told["label"], told["verdict"]))
    if "judge_prompt_sha256" in about:
        yield f"Prompt of the judge: {about['judge_prompt_sha256'][:12]}."


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        for file in sorted(path.rglob("*.eval")) if path.is_dir() else [path]:
            print("\n".join(lines(read_eval_log(str(file)))), end="\n\n")
