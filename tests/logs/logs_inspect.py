"""Small logs of Inspect, with invented tasks, items and models."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """As versions of Inspect before 2026 pack it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_zstd(path: Path, files: Mapping[str, bytes], number: int = 93) -> Path:
    """As recent versions pack it, with Zstandard, which zipfile of Python 3.13 cannot write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body, contents = b"", b""
    for name, content in files.items():
        packed = pyarrow.compress(content, "zstd", asbytes=True)
        sizes = (zlib.crc32(content), len(packed), len(content), len(name.encode()), 0)
        start = len(body)
        body += struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 63, 0, number, 0, 0, *sizes)
        body += name.encode() + packed
        contents += struct.pack(
            "<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 63, 63, 0, number, 0, 0, *sizes, 0, 0, 0, 0, start
        )
        contents += name.encode()
    end = struct.pack(
        "<4sHHHHLLH", b"PK\5\6", 0, 0, len(files), len(files), len(contents), len(body), 0
    )
    path.write_bytes(body + contents + end)
    return path


def write_log(
    path: Path, head: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], form: str = "zip"
) -> Path:
    """A log as a zip file, a zip file with Zstandard, or JSON."""
    if form == "json":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**head, "samples": list(samples)}), encoding="utf-8")
        return path
    return (write_zstd if form == "zstd" else write_zip)(path, members(head, samples))
