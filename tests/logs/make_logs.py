"""Self-made logs of each format, of invented models: small, with known answers.

`answers` says who is right where; each writer turns that into the files of one program.
"""

import gzip
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow
import pytest

from hatlib.errors import InputError
from hatlib.logs import import_logs, read_trials
from hatlib.logs.common import Options

DATE = "2030-01-02T03-04-05.678901"
MODELS = {"invented/strong-7b": 1.5, "invented/weak-1b": -0.5}
#: Enough models for hardness that is pooled over them.
LADDER = MODELS | {f"invented/rung-{k}b": k / 2 - 1 for k in range(4)}
LANGUAGES = ("en", "de", "sw")
EEE_MODEL = "invented/strong-1b"

Answers = dict[tuple[str, str], np.ndarray]


def answers(
    models: Mapping[str, float] = MODELS,
    languages: Sequence[str] = LANGUAGES,
    n_items: int = 60,
    n_trials: int = 1,
    seed: int = 0,
) -> Answers:
    """Right (1) or wrong (0): items × trials; each language after the first costs half a logit."""
    rng = np.random.default_rng(seed)
    hardness = rng.normal(size=(n_items, 1))
    found = {}
    for model, ability in models.items():
        for k, language in enumerate(languages):
            logit = ability - 0.5 * k - hardness
            right = rng.random((n_items, n_trials)) < 1 / (1 + np.exp(-logit))
            found[model, language] = right.astype(int)
    return found


def answer_keys(n_items: int, seed: int = 1) -> list[str]:
    """A number for each item, the same in every language."""
    return [str(k) for k in np.random.default_rng(seed).integers(2, 500, n_items)]


def write_lines(path: Path, rows: Iterable[object]) -> Path:
    """JSON lines, packed if the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


def lm_eval_rows(
    right: Sequence[Any], keys: Sequence[str], metric: str = "exact_match", **more: Any
) -> list[dict[str, Any]]:
    """Rows of a sample log of lm-evaluation-harness 0.4."""
    found = []
    for i, value in enumerate(right):
        asked = f"Invented question {i}"
        row = {"doc_id": i, "doc": {"question": asked, "answer_number": int(keys[i])}}
        row |= {"target": keys[i], "arguments": {"gen_args_0": {"arg_0": asked}}}
        row |= {"resps": [[f"I think {i}"]], "filtered_resps": [f"{i}"], "doc_hash": f"d{i}"}
        row |= {"prompt_hash": f"p{i}", "target_hash": f"t{i}", metric: value}
        found.append(row | more)
    return found


def lm_eval(
    folder: Path,
    found: Answers | None = None,
    task: str = "mgsm_direct_{}",
    results: bool = True,
    date: str = DATE,
) -> Path:
    """Sample logs of lm-evaluation-harness, a folder a model, and the results files beside them."""
    found = answers() if found is None else found
    keys = answer_keys(len(next(iter(found.values()))))
    for (model, language), right in found.items():
        here = folder / model.replace("/", "__")
        rows = lm_eval_rows(right[:, 0].tolist(), keys)
        write_lines(here / f"samples_{task.format(language)}_{date}.jsonl", rows)
        if results:
            config = {"model_args": f"pretrained={model},dtype=auto"}
            about = {"model_name": model, "config": config, "configs": {}}
            (here / f"results_{date}.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def eee_row(item: str = "q1", right: Any = True, task: str = "mgsm_direct_de", **more: Any) -> Any:
    """A row of Every Eval Ever, version 0.2.2; `more` replaces fields, ``about`` its metadata."""
    about = more.pop("about", None)
    score = more.pop("score", float(right) if isinstance(right, bool) else right)
    found = {"schema_version": "0.2.2", "evaluation_id": f"{task}/{EEE_MODEL}/1900000000.5"}
    found |= {"model_id": EEE_MODEL, "evaluation_name": task, "sample_id": item}
    found |= {"sample_hash": "0" * 64, "interaction_type": "single_turn"}
    asked = {"raw": f"Invented riddle {item}", "reference": ["7"], "choices": None}
    found |= {"input": asked, "output": {"raw": ["7"], "reasoning_trace": []}, "messages": None}
    verdict = {"score": score, "is_correct": right, "num_turns": None}
    found |= {"answer_attribution": [], "evaluation": verdict, "error": None, "metadata": about}
    return found | more


def header(task: str = "mgsm_direct_de", model: str = EEE_MODEL, **more: Any) -> dict[str, Any]:
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
    scored = {name: {"value": v, "answer": "x"} for name, v in scores.items()}
    found = {"id": item, "epoch": epoch, "input": f"Invented riddle {item}", "target": str(item)}
    found |= {"scores": scored, "metadata": {}}
    return found | {"messages": [{"role": "user", "content": "x" * 200}]} | more


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


def table(path: Path, rows: Any) -> Path:
    """Rows as a table in the form that the name says."""
    frame, name = pd.DataFrame(rows), path.name.removesuffix(".gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith(("json", "jsonl")):
        frame.to_json(path, orient="records", lines=name.endswith("l"))
    else:
        frame.to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
    return path


def sheet(path: Path, rows: Iterable[Iterable[object]]) -> Path:
    """A spreadsheet of Excel, with the least that it needs."""
    formats, cell = "http://schemas.openxmlformats.org", '<c t="inlineStr"><is><t>{}</t></is></c>'
    main = f"{formats}/spreadsheetml/2006/main"
    kind = f"{formats}/officeDocument/2006/relationships"
    link = f'<Relationships xmlns="{formats}/package/2006/relationships">'
    link += f'<Relationship Id="a" Type="{kind}/{{}}" Target="{{}}"/></Relationships>'
    data = "".join(f"<row>{''.join(map(cell.format, row))}</row>" for row in rows)
    files = {
        "_rels/.rels": link.format("officeDocument", "xl/workbook.xml"),
        "xl/_rels/workbook.xml.rels": link.format("worksheet", "a.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kind}"><sheets>'
        '<sheet name="a" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/a.xml": f'<worksheet xmlns="{main}"><sheetData>{data}</sheetData></worksheet>',
    }
    return write_zip(path, {name: content.encode() for name, content in files.items()})


def read(program: str, path: Any, **options: Any) -> Any:
    """What the reader of a format makes of its logs, before items are paired."""
    return read_trials(program, [path], Options(**options))


def counts(trials: Any) -> list[list[Any]]:
    """What was read as one row an item."""
    return sorted(trials.frame[["language", "item", "n_correct", "n_trials"]].to_numpy().tolist())


def refused(program: str, path: Any, **options: Any) -> str:
    """Why logs are refused."""
    with pytest.raises(InputError) as error:
        import_logs(program, path, **options)
    return str(error.value)
