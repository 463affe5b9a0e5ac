"""Simulated evaluations of many sizes, from which `hatlib.truth.planning` plans yours.

    python benchmarks/planning.py [--replications 40] [--draws 100] [--write]

Prints the error of the rule that is fitted to them, and its power on other evaluations. `--write`
keeps them in `data/studies/`; run `python -m hatlib.data.datapackage` after it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

import pandas as pd

from hatlib.data.tables import data_folder
from hatlib.truth.planning import RESULTS, check_rule, fit_rule, run_study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each process has one core
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        frame = run_study(replications=options.replications, draws=options.draws, mapper=pool.map)
    if options.write:
        path = data_folder() / RESULTS
        frame.round(5).to_csv(path, index=False, lineterminator="\n")
        print(f"data/{RESULTS}")
    check = check_rule(frame, fit_rule(frame))
    with pd.option_context("display.width", 160, "display.max_rows", None):
        print(check.rows.round(3).to_string(index=False))
    print(f"\n{check.summary()}\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
