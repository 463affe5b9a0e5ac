"""The worked example of the book, from raw logs to a page: its commands, typed as they stand."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
from example_logs import FOLDER, write

from hatlib import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book/your-results.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.S)
    for line in block.strip().splitlines()
]


def run(monkeypatch, capsys, command: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_the_logs_of_the_page_are_the_ones_that_the_code_writes(tmp_path):
    write(tmp_path)
    ours = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = {p.relative_to(FOLDER): p.read_bytes() for p in FOLDER.rglob("*") if p.is_file()}
    assert ours == kept


@pytest.mark.notebook
def test_every_command_of_the_page_works(tmp_path, monkeypatch, capsys):
    (tmp_path / "book").mkdir()
    (tmp_path / "book/logs").symlink_to(FOLDER)
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) >= 8
    named = {line.split()[1] for line in COMMANDS}
    assert named == {"import", "check", "report", "score", "compare", "run"}
    for command in COMMANDS:
        code, out, err = run(monkeypatch, capsys, command)
        assert code == 0, (command, err)
        assert "Traceback" not in out + err
    page = (tmp_path / "my-page/all-models.html").read_text(encoding="utf-8")
    assert "invented/strong-7b" in page
    assert "invented/weak-1b" in page


@pytest.mark.parametrize("name", ["inspect", "eee"])
def test_formats_that_hold_the_same_answers_give_the_same_table(
    name, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(
        monkeypatch, capsys, f"hat import {name} {shlex.quote(str(FOLDER / name))} -o a.parquet"
    )
    assert code == 0, err
    long = pd.read_csv(FOLDER / "long.csv")
    right = long.assign(right=long["is_right"] == "yes").groupby(["model", "language"])["right"]
    found = pd.read_parquet("a.parquet").groupby(["model", "language"])
    assert found["n_correct"].sum().tolist() == right.sum().tolist()
    assert found["n_trials"].sum().tolist() == right.size().tolist()
