"""`hat import` as a person types it, and the commands of the page *Your results*."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from example_logs import FOLDER, write
from make_logs import LADDER, answer_keys, answers, lm_eval, lm_eval_rows, write_lines

PAGE = (Path(__file__).parents[2] / "book/your-results.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^hat .*", "".join(re.findall(r"```console\n.*?```", PAGE, re.S)), re.M)


def test_from_logs_to_a_score(hat, tmp_path):
    lm_eval(tmp_path / "logs", answers(LADDER))
    for name in ("mine.parquet", "mine.csv", "new/mine.csv.gz"):
        code, out, err = hat("import", "lm-eval", "logs", "-o", name)
        assert (code, out) == (0, f"{name}\n")
        assert "Paired across languages" in err and max(map(len, err.splitlines())) < 200
    assert hat("check", name)[0] == 0
    code, out, _ = hat("score", name, "--draws", "20", "--hardness", "pooled", "--format", "csv")
    assert code == 0 and "invented/strong-7b" in out
    code, out, err = hat("import", "lm-eval", "logs", "-o", name)
    assert (code, out) == (1, "") and "--force" in err
    assert hat("import", "lm-eval", "logs", "-o", name, "--force")[0] == 0


def test_options_reach_the_reader(hat, tmp_path):
    keys = answer_keys(40)
    for language in ("fr", "en"):
        for name, share in (("a", 2), ("b", 4)):
            values = [(i % share) / 2 for i in range(40)]
            rows = lm_eval_rows(values, keys, "grade", filter=name) + lm_eval_rows(
                values, keys, "grade", filter="other"
            )
            write_lines(tmp_path / name / f"samples_quiz-{language}.jsonl", rows)
    options = ["--model", "mine", "--benchmark", "q", "--language-from", "quiz-(..)"]
    options += ["--metric", "grade", "--threshold", "0.5", "--filter", "b", "--source", "fr"]
    options += ["--pair-by", "order", "--prompting", "p"]
    code, _, err = hat("import", "lm-eval", "b", "-o", "a.csv", *options)
    assert code == 0 and "right from 0.5 on" in err and "items by order" in err
    row = (tmp_path / "a.csv").read_text().splitlines()[1].split(",")
    assert row == ["q", "mine", "en", "1", "0", "1", "p", "fr", ""]


def test_mistakes(hat, tmp_path):
    code, _, err = hat("import", "lm-eval", ".", "-o", "a.xlsx")
    assert code == 1 and ".parquet" in err
    lines = ["lm-eval nowhere -o a.csv", "lm-eval . -o a.csv", "lm-eval .", "lm-eval -o a.csv"]
    lines += ["other . -o a.csv", "lm-eval . -o a.csv --pair-by luck"]
    assert [hat("import", *line.split())[0] for line in lines] == [1, 1, 2, 2, 1, 2]
    code, _, err = hat("import", "lm-eval", ".", "-o", "a.csv", "--column", "item")
    assert code == 1 and "--column item=question_id" in err


def test_messages_do_not_steer_the_terminal(hat, tmp_path):
    write_lines(tmp_path / "logs" / "samples_\x1b[31m<b>_de.jsonl", [{"doc_id": 0, "acc": 1}])
    code, _, err = hat("import", "lm-eval", "logs", "-o", "a.csv", "--model", "m")
    assert code == 1 and "\x1b" not in err


def test_the_logs_of_the_page_are_the_ones_that_the_code_writes(tmp_path):
    write(tmp_path)
    ours = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = {p.relative_to(FOLDER): p.read_bytes() for p in FOLDER.rglob("*") if p.is_file()}
    assert ours == kept


@pytest.mark.notebook
def test_every_command_of_the_page_works(hat, tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book/logs").symlink_to(FOLDER)
    assert len(COMMANDS) >= 8 and "hat report inspect.parquet -o report.html" in COMMANDS
    for command in COMMANDS:
        # Of the notebooks one is run here, on imported logs; the others have tests of their own.
        if not re.match("hat run|hat report demo", command):
            code, _, err = hat(*shlex.split(command)[1:])
            assert code == 0, (command, err)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "invented/strong-7b" in page and "invented/weak-1b" in page
    long = pd.read_csv(FOLDER / "long.csv")
    right = long.assign(right=long["is_right"] == "yes").groupby(["model", "language"])["right"]
    for name in ("inspect", "eee"):  # which hold the same answers
        found = pd.read_parquet(f"{name}.parquet").groupby(["model", "language"])
        assert found["n_correct"].sum().tolist() == right.sum().tolist()
        assert found["n_trials"].sum().tolist() == right.size().tolist()
