"""Small logs of Inspect, with invented tasks, items and models."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow

MODEL = "invented/strong-1b"


def header(task: str = "mgsm_direct_de", model: str = MODEL, **more: Any) -> dict[str, Any]:
    """The header of a log; `more` goes into its evaluation, but for the fields of the log."""
    top = {k: more.pop(k) for k in ("status", "version", "plan", "results") if k in more}
    created = more.pop("created", "2030-01-02T03:04:05+00:00")
    about = {"task": task, "model": model, "created": created, "task_args": {}, **more}
    return {"version": 2, "status": "success", "eval": about, "plan": {"steps": []}, **top}


def sample(
    item: object, value: object = "C", epoch: int = 1, scorer: str = "match", **more: Any
) -> dict[str, Any]:
    """One sample; `value` is that of its score, or a mapping of scorers to values."""
    scores = value if isinstance(value, dict) and scorer == "*" else {scorer: value}
    return {
        "id": item,
        "epoch": epoch,
        "input": f"Invented riddle {item}",
        "target": str(item),
        "scores": {name: {"value": v, "answer": "x"} for name, v in scores.items()},
        "metadata": {},
        "messages": [{"role": "user", "content": "x" * 200}],
        **more,
    }


def members(head: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """The files in an ``.eval`` log."""
    files = {"_journal/start.json": {k: head[k] for k in ("version", "eval", "plan")}}
    files |= {f"samples/{s['id']}_epoch_{s['epoch']}.json": dict(s) for s in samples}
    files["header.json"] = dict(head)
    return {name: json.dumps(content).encode() for name, content in files.items()}


class _Zstd:
    """The packing of recent versions, which zipfile of Python 3.13 lacks."""

    data = b""

    def compress(self, data: bytes) -> bytes:
        self.data += data
        return b""

    def flush(self) -> bytes:
        return pyarrow.compress(self.data, "zstd", asbytes=True)


def write_zip(path: Path, files: Mapping[str, bytes], number: int = 8) -> Path:
    """A zip file: 8 is the packing of versions before 2026, 93 that of later ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {"_check_compression": lambda number: None}
    known |= {"_get_compressor": lambda *number: _Zstd()} if number != 8 else {}
    with mock.patch.multiple(zipfile, **known), zipfile.ZipFile(path, "w", number) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_log(
    path: Path, head: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], form: str = "zip"
) -> Path:
    """A log as a zip file, a zip file with Zstandard, or JSON."""
    if form == "json":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**head, "samples": list(samples)}), encoding="utf-8")
        return path
    return write_zip(path, members(head, samples), {"zip": 8, "zstd": 93}[form])
