"""Writes: beside and renamed, never over an input, one run a folder."""

import errno
import os
from pathlib import Path

import pytest

from hatlib.data.writing import check_free, replacing, sole_writer, write_text
from hatlib.errors import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_write_that_fails_leaves_the_earlier_file_and_names_it(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text("good\n")

    def full():
        with replacing(path, force=True) as beside:
            beside.write_text("ha")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(InputError, match=r"o\.csv.*No space left on device"):
        full()
    assert (path.read_text(), names(tmp_path)) == ("good\n", ["o.csv"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_device_is_named():
    with pytest.raises(InputError, match=r"/dev/full.*No space left"):
        write_text(Path("/dev/full"), "text", force=True)


def test_an_error_that_is_not_of_the_write_stays_what_it_is(tmp_path):
    with pytest.raises(InputError, match="of the data"), replacing(tmp_path / "a", force=False):
        raise InputError("of the data")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a", force=False):
        (tmp_path / "elsewhere").read_text()
    assert names(tmp_path) == []


def test_an_input_is_not_overwritten_even_with_force(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("answers")
    hard, soft = tmp_path / "hard.csv", tmp_path / "soft.csv"
    os.link(path, hard)
    soft.symlink_to(path)
    for out in (path, tmp_path / "." / "a.csv", hard, soft):
        with pytest.raises(InputError, match="is an input"):
            write_text(out, "result", force=True, inputs=[path])
    assert path.read_text() == "answers"


def test_what_is_there_is_overwritten_only_when_told(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_text(path, "one", force=False)
    path.chmod(0o640)
    with pytest.raises(InputError, match="--force"):
        write_text(path, "two", force=False)
    write_text(path, "two", force=True)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two\n", 0o640)
    with pytest.raises(InputError) as caught:
        check_free([tmp_path / "new", path / "b.txt"], force=True)
    assert len(caught.value.problems) == 2


def test_two_runs_do_not_write_to_one_folder(tmp_path):
    with sole_writer(tmp_path / "out"):
        with pytest.raises(InputError, match="another run"), sole_writer(tmp_path / "out"):
            pass
        with sole_writer(tmp_path / "other"):
            pass
    with sole_writer(tmp_path / "out"):
        assert names(tmp_path / "out") == []
