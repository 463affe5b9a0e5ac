"""Files from strangers: every loader ends in a clear error, soon, and within bounded memory."""

import gzip
import io
import os
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import refused, write

import hatlib
from hatlib.data import files
from hatlib.errors import InputError
from hatlib.show.scoring import scores_json

ANSWERS = "model,language,item,n_correct,n_trials\n"
ROWS = "".join(f"m,{code},{i},1,2\n" for code in ("en", "de") for i in range(20))
PACKED = gzip.compress((ANSWERS + ROWS).encode(), mtime=0)

LOADERS: dict[str, Callable[[Path], object]] = {
    "answers": hatlib.load_responses,
    "models table": lambda path: hatlib.load(good(path.parent), models=path),
    "thresholds": hatlib.load_thresholds,
}


def good(folder: Path, name: str = "m") -> Path:
    """A file of answers by one model."""
    rows = "".join(f'"{name}",{code},{i},{i % 3},2\n' for code in ("en", "de") for i in range(20))
    return write(folder, ANSWERS + rows, "good.csv")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../etc/passwd", ANSWERS + ROWS)
    return buffer.getvalue()


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\n\t\n",
    "truncated gzip": PACKED[:40],
    "gzip of nothing": gzip.compress(b"", mtime=0),
    "gzip with a wrong checksum": PACKED[:-8] + b"\0" * 8,
    "NUL bytes": (ANSWERS + ROWS).encode().replace(b"m", b"\0"),
    "UTF-16": (ANSWERS + ROWS).encode("utf-16"),
    "mixed encodings": (ANSWERS + "modèle,en,1,1,2\n").encode() + "é,en,1,1,2\n".encode("latin-1"),
    "a zip file": zipped(),
    "a spreadsheet": b"PK\x03\x04" + bytes(range(1, 200)),
    "cut off Parquet": b"PAR1" + b"\x15\x04" * 30,
    "Parquet from both ends": b"PAR1" + os.urandom(200).replace(b"\0", b"1") + b"PAR1",
    "an unclosed quote": (ANSWERS + 'm,"en,1,1,2\n' * 40).encode(),
    "fields too many": (ANSWERS + "m,en,1,1,2,3,4\n").encode(),
    "a column twice": b"model,model,language,accuracy\nm,m,en,0.5\n",
    "a pickle": b"\x80\x04\x95\x1a\x00cos\nsystem\n(S'true'\ntR.",
    "HTML": b"<html><script>alert(1)</script></html>",
    "a long line": b"m" * 500_000,
}
CASES = [(kind, loader) for kind in MALFORMED for loader in LOADERS]
CASES.remove(("empty", "thresholds"))  # a file without changes
CASES.remove(("blank", "thresholds"))


@pytest.mark.parametrize(("kind", "loader"), CASES)
def test_malformed_files_end_in_a_clear_error(tmp_path, kind, loader):
    name = "bad.parquet" if "Parquet" in kind else "bad.csv"
    path = write(tmp_path, MALFORMED[kind], name)
    start = time.monotonic()
    found = refused(LOADERS[loader], path)
    assert time.monotonic() - start < 10
    assert all(found) and "Traceback" not in str(found)


@pytest.mark.parametrize("kind", ["empty", "NUL bytes", "a pickle", "an unclosed quote"])
def test_the_command_says_it_without_a_traceback(tmp_path, run_hat, kind):
    code, out, err = run_hat("check", write(tmp_path, MALFORMED[kind], "bad.csv"))
    assert code == 1 and "bad.csv" in out + err and "Traceback" not in out + err


@settings(max_examples=30)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_an_error(tmp_path_factory, content):
    path = write(tmp_path_factory.mktemp("any"), content)
    for loader in (hatlib.load, hatlib.load_responses):
        try:
            loader(path)
        except InputError as error:
            assert error.problems


@settings(max_examples=20)
@given(st.integers(0, 300), st.binary(min_size=1, max_size=3))
def test_a_damaged_parquet_file_is_a_table_or_an_error(tmp_path_factory, place, damage):
    content = bytearray(pd.read_csv(io.StringIO(ANSWERS + ROWS)).to_parquet())
    at = place * len(content) // 301
    content[at : at + len(damage)] = damage
    path = write(tmp_path_factory.mktemp("parquet"), bytes(content), "bad.parquet")
    try:
        hatlib.load_responses(path)
    except InputError as error:
        assert error.problems


def test_a_bomb_and_too_many_rows_are_refused_before_they_fill_the_memory(tmp_path, monkeypatch):
    bomb = gzip.compress(b"0" * (files.MAX_BYTES + (1 << 20)), compresslevel=1, mtime=0)
    assert len(bomb) < 3 << 20
    (tmp_path / "bomb.csv.gz").write_bytes(bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="more than 256 MiB"):
        hatlib.load_responses(tmp_path / "bomb.csv.gz")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 3 * files.MAX_BYTES / (1 << 20)
    monkeypatch.setattr(files, "MAX_LINES", 30)
    with pytest.raises(InputError, match="more than 30 rows"):
        hatlib.load_responses(good(tmp_path))


def test_a_two_gigabyte_line_is_refused(tmp_path):
    path = tmp_path / "line.csv"
    with path.open("wb") as stream:
        stream.write(b"model,language,item,n_correct,n_trials\nm")
        stream.truncate(2 << 30)  # a hole in the file: no disk is used
    start = time.monotonic()
    with pytest.raises(InputError, match="more than 256 MiB"):
        hatlib.load_responses(path)
    assert time.monotonic() - start < 20


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_and_a_device_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a regular file"):
            hatlib.load_responses(path)


def test_symbolic_links_are_read_if_they_end_in_a_file(tmp_path):
    (tmp_path / "link.csv").symlink_to(good(tmp_path))
    assert len(hatlib.load_responses(tmp_path / "link.csv").frame) == 40
    (tmp_path / "round.csv").symlink_to(tmp_path / "round.csv")
    (tmp_path / "nowhere.csv").symlink_to(tmp_path / "nothing.csv")
    for name in ("round.csv", "nowhere.csv"):
        with pytest.raises(InputError):
            hatlib.load_responses(tmp_path / name)


NAMES = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\tx"]
NAMES += ["../../etc/passwd", "a/b", "<img src=x>", "CON", "a\\b", "%2e%2e"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_models_never_become_formulas_or_paths(tmp_path, run_hat, name):
    code, out, _ = run_hat("score", good(tmp_path, name), "--draws", 0, "--format", "csv")
    assert code == 0
    shown = str(pd.read_csv(io.StringIO(out))["model"][0])
    assert not shown.startswith(("=", "+", "-", "@", "\t"))
    responses = hatlib.load_responses(tmp_path / "good.csv")
    assert responses.models["model"].tolist() == [name.strip()]
    scores_json(hatlib.hat_scores(responses, draws=0))
    assert [path.name for path in tmp_path.rglob("*")] == ["good.csv"]
