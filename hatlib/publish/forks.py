"""A program that imports what notebooks need, once, and forks a kernel for each order it reads.

It is run, not imported, and imports nothing of hatlib: a kernel notes what its notebook uses.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
from pathlib import Path

NEEDED = ("ipykernel.kernelapp", "altair", "pandera.pandas", "duckdb", "scipy.optimize")


def kernel(arguments: list[str]) -> None:
    """Be a kernel until it is shut down; then note the modules of hatlib that were imported."""
    from ipykernel.kernelapp import launch_new_instance

    work = Path(arguments[1]).parent  # of the connection file
    os.environ |= {"HATLIB_READS": f"{work}/used.txt", "IPYTHONDIR": str(work), "PYTHONSTARTUP": ""}
    launch_new_instance(arguments)
    ours = (each for name, each in list(sys.modules.items()) if name.startswith("hatlib"))
    with (work / "used.txt").open("a", encoding="utf-8") as log:
        log.writelines(f"{each.__file__}\n" for each in ours if getattr(each, "__file__", None))


def _reap(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Answer each order, a line of JSON, with the number of a new process."""
    for name in NEEDED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, _reap)
    for order in sys.stdin:
        if (number := os.fork()) == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(2, 1)
            arguments, folder = json.loads(order)
            os.chdir(folder)
            # A kernel ends with its parent.
            return kernel([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
        print(number, flush=True)


if __name__ == "__main__":
    os.environ |= {"HATLIB_PICTURES": "later", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    # Scores have threads of their own; those of the matrix library would get in their way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    kernel(sys.argv[1:]) if sys.argv[1:] else main()
