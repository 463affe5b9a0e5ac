"""The command line, as a person meets it: messages, exit codes, files left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import jsonschema
import pytest
from small import code, notebook, repository

from hatlib import __version__, cli
from hatlib.publish import places

GOOD = "model,language,accuracy\nm1,en,0.8\nm1,de,0.7\nm2,en,0.6\nm2,de,0.5\n"


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A small repository, the working directory."""
    root = repository(tmp_path / "root", "tiny", "other")
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "100")
    return root


@pytest.fixture
def hat(root, run_hat):
    return run_hat


def process(*arguments: str, **options: object) -> subprocess.Popen[str]:
    """Start the command as a process of its own."""
    command = [sys.executable, "-m", "hatlib.cli", *arguments]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]


def files(folder: Path) -> set[str]:
    """The names of all files below a folder, but not those that Python makes."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found if "__pycache__" not in path.parts}


def test_help_is_quick():
    def seconds() -> float:
        started = time.perf_counter()
        assert process("--help", stdout=subprocess.DEVNULL).wait() == 0
        return time.perf_counter() - started

    assert min(seconds() for _ in range(3)) < 0.6


def test_help_names_every_command(hat):
    assert hat("--version") == (0, f"hat {__version__}\n", "")
    listed = hat("--help")[1].split("Commands:\n")[1].split("\n\n")[0].splitlines()
    assert not [line for line in listed if line.endswith("...")]
    every = "book notebooks run check import aggregate score compare simulate plan report serve"
    assert {line.split()[0] for line in listed} == set(every.split())


WRONG = ["nonsense", "run", "run tiny --nonsense", "run tiny stray.csv", "check", "book --jobs 0"]
WRONG += ["book --jobs x", "notebooks --format xml", "serve --port 99999999"]


@pytest.mark.parametrize("command", WRONG)
def test_wrong_usage_exits_with_2(hat, command):
    code, out, err = hat(*command.split())
    assert (code, out) == (2, "")
    assert "Usage: hat" in err


def test_notebooks_are_listed(hat):
    assert re.search(r"factor +float +1\.0 +a factor", hat("notebooks")[1])
    out = hat("notebooks", "--json")[1]
    assert out == hat("notebooks", "--format", "json")[1]
    tiny = json.loads(out)[1]
    assert tiny["name"] == "tiny"
    assert tiny["parameters"][3] == {"name": "n", "type": "int", "default": -2, "help": "a count"}
    assert "| `name` | str | `'x'` | a name |" in hat("notebooks", "--format", "md")[1]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        *[(f"run tiny --data {name}", name) for name in ("none.csv", "data", "")],
        *[(f"check {name}", name) for name in ("none.csv", "data", "bad.csv", "empty.csv")],
        *[(f"{command} tini", "Did you mean tiny?") for command in ("run", "book --only")],
        *[("book --data none", "no such folder"), ("serve", "not built yet")],
        ("run tiny -p n=many", "the parameter n is a whole number. (found: many)"),
        ("run tiny -p n", "this is not name=value. (found: n)"),
        ("run tiny -p n=1 -p n=2", "given twice"),
        ("run tiny -p data=[1]", "a file name is text"),
    ],
)
def test_mistakes_exit_with_1_and_leave_nothing(hat, root, command, message):
    (root / "bad.csv").write_text("model,language,accuracy\nm,en,87\nm,xx-yy-zz,0.5\n")
    (root / "empty.csv").write_text("")
    before = files(root)
    code, out, err = hat(*command.split(" "))
    assert (code, out) == (1, "")
    assert message in err
    assert files(root) - before <= {"book/_generated/.lock"}


def test_a_long_list_of_problems_is_cut(hat, root):
    rows = [f"m{i},{language},87" for i in range(100) for language in ("en", "de")]
    (root / "bad.csv").write_text("model,language,accuracy\n" + "\n".join(rows))
    code, _, err = hat("check", "bad.csv")
    assert (code, len(err.splitlines())) == (1, 51)
    assert err.endswith("… and 150 more problems.\n")


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/]", "<script>alert(1)</script>", "\x1b[31m"])
def test_text_of_the_user_is_shown_as_it_is(hat, name):
    code, _, err = hat("run", name)
    assert code == 1 and name.replace("\x1b", "�") in err


def test_a_file_is_checked_in_words_in_json_or_in_silence(hat, root):
    schema = json.loads((Path(cli.__file__).parent / "schemas/check-1.json").read_text())
    (root / "good.csv").write_text(GOOD)
    (root / "bad.csv").write_text("model,language,accuracy\nm,en,87\nm,de,x\nm,de,0.5\n")
    code, out, err = hat("check", "good.csv")
    assert (code, err) == (0, "") and "good.csv: 4 rows" in out
    assert hat("check", "good.csv", "--quiet") == (0, "", "")
    code, out, err = hat("check", "bad.csv", "--quiet")
    assert (code, out, len(err.splitlines())) == (1, "", 3)
    assert "bad.csv, line 2, column accuracy" in err
    for name, wrong in (("good.csv", 0), ("bad.csv", 3)):
        code, out, err = hat("check", name, "--json")
        found = json.loads(out)
        jsonschema.validate(found, schema)
        assert (code, err, len(found["problems"])) == (int(wrong > 0), "", wrong)
    assert [problem["row"] for problem in found["problems"]] == [2, 3, 4]


def test_json_is_short_for_the_format(hat, root):
    cells = [(m, code, i) for m in "ab" for code in ("en", "de") for i in range(12)]
    rows = [f"{m},{code},{i},{(i + ord(m)) % 4},3" for m, code, i in cells]
    (root / "a.csv").write_text("\n".join(["model,language,item,n_correct,n_trials", *rows]))
    for arguments in (["score", "a.csv"], ["compare", "a.csv", "a", "b"], ["plan"]):
        more = ["--difference", "0.2"] if arguments == ["plan"] else ["--draws", "20"]
        code, out, _ = hat(*arguments, *more, "--json")
        assert code == 0 and json.loads(out)
        assert out == hat(*arguments, *more, "--format", "json")[1]


def test_outside_the_repository_the_book_says_so(hat, monkeypatch):
    monkeypatch.setattr(places, "find_root", lambda start=None: None)
    code, _, err = hat("book")
    assert code == 1 and "Clone the repository" in err


@pytest.mark.notebook
def test_a_run_on_ones_own_data(hat, root):
    for name in ("a.csv", "b, c.csv"):
        (root / name).write_text(GOOD.replace("m1", f"{name[0]}1").replace("m2", f"{name[0]}2"))
    more = ["-p", "n=-3", "-p", "name=[/] 'x' = \"y\"", "-o", "out"]
    result, out, err = hat("run", "tiny", *more, "--data", "a.csv", "b, c.csv")
    assert (result, out) == (0, "out/tiny.ipynb\nout/tiny.html\n") and "Read:" in err
    text = Path("out/tiny.ipynb").read_text()
    assert str(root / "b, c.csv") in text and "[/] 'x' = " in text
    result, out, err = hat("run", "tiny", *more)
    assert (result, out, err.count("is not overwritten")) == (1, "", 2)
    assert Path("out/tiny.ipynb").read_text() == text


@pytest.mark.notebook
def test_a_notebook_that_fails_in_the_middle(hat, root):
    notebook(root / "notebooks/bad.ipynb", code("print('so far')"), code("{}['[/red]']"))
    result, out, err = hat("run", "bad")
    assert (result, out) == (1, "")
    first, second = err.splitlines()
    assert first == "bad: cell 3 failed: KeyError: '[/red]'"
    kept = Path(second.removeprefix("The notebook up to there is in "))
    assert "so far" in kept.read_text()
    kept.unlink()
    kept.parent.rmdir()
    assert not Path("hat-output").exists()


@pytest.mark.notebook
@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("arguments", [["run", "slow"], ["book", "--only", "slow"]])
def test_ctrl_c_stops_quietly(root, arguments):
    sign = root / "started"
    slow = f"import pathlib, time\npathlib.Path({str(sign)!r}).touch()\ntime.sleep(60)"
    for name in ("tiny", "other"):
        (root / f"notebooks/{name}.ipynb").unlink()
    notebook(root / "notebooks/slow.ipynb", code(slow))
    with process(*arguments, cwd=root) as running:
        waited = time.monotonic()
        while not sign.exists():
            assert time.monotonic() - waited < 60
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert running.returncode == 130
    said = [line for line in err.split("\n") if not re.fullmatch(r"slow: \d of \d|", line)]
    assert (out, said) == ("", [])  # progress is said where the machine is busy
    assert not (root / "hat-output").exists()
    assert not (root / "book/analyses").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other pipes")
def test_a_reader_that_leaves_is_no_error(root):
    end, start = os.pipe()
    os.close(end)
    with process("notebooks", "--format", "json", cwd=root, stdout=start) as running:
        _, err = running.communicate(timeout=60)
    os.close(start)
    assert "Traceback" not in err and "Exception" not in err


def test_the_book_is_served_with_a_policy_until_ctrl_c(root, hat):
    (root / "_build/html").mkdir(parents=True)
    (root / "_build/html/index.html").write_text("Hello")
    with process("serve", "--port", "0", cwd=root) as running:
        assert running.stdout is not None
        address = running.stdout.readline().strip()
        port = re.sub(r"http://127\.0\.0\.1:(\d+)/", r"\1", address)
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"Hello"
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        code, _, err = hat("serve", "--port", port)
        assert code == 1 and port.isdigit() and f"port {port}" in err
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 0
