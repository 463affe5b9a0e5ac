"""Small instance-level files of Every Eval Ever, with invented tasks, items and models."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MODEL = "invented/strong-1b"


def row(
    item: str = "q1", right: object = True, task: str = "mgsm_direct_de", **more: Any
) -> dict[str, Any]:
    """One answer in version 0.2.2 of the schema; `more` replaces fields, ``about`` its metadata."""
    about = more.pop("about", None)
    score = more.pop("score", float(right) if isinstance(right, bool) else right)
    given = {
        "schema_version": "0.2.2",
        "evaluation_id": f"{task}/{MODEL}/1900000000.5",
        "model_id": MODEL,
        "evaluation_name": task,
        "sample_id": item,
        "sample_hash": "0" * 64,
        "interaction_type": "single_turn",
        "input": {"raw": f"Invented riddle {item}", "reference": ["7"], "choices": None},
        "output": {"raw": ["7"], "reasoning_trace": []},
        "messages": None,
        "answer_attribution": [],
        "evaluation": {"score": score, "is_correct": right, "num_turns": None},
        "error": None,
        "metadata": about,
    }
    return given | more


def write(path: Path, rows: Iterable[object]) -> Path:
    """The rows as JSONL, packed if the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(each) + "\n" for each in rows).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path
