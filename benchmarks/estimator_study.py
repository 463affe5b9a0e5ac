"""Every estimator of the HAT score on data of known transfer: null, error, coverage.

    python benchmarks/estimator_study.py [--replications 40] [--draws 200] [--axis NAME …] [--write]

Prints one table a design axis, then the power of paired comparisons. `--write` keeps both in
`data/studies/`, which the book shows; run `python -m hatlib.data.datapackage` after it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

import pandas as pd

from hatlib.data.tables import data_folder
from hatlib.truth.study import POWER_RESULTS, RESULTS, run_power, run_study

SHOWN = [
    "value", "profiles", "estimator", "range", "bias", "rmse", "correlation", "coverage",
    "coverage_se", "coverage_supported", "supported",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--axis", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.write and options.axis:
        parser.error("--write keeps the full study: leave out --axis")
    started = time.perf_counter()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each process has one core
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        frame = run_study(
            replications=options.replications,
            draws=options.draws,
            chosen=lambda design: not options.axis or design.axis in options.axis,
            mapper=pool.map,
        )
        power = pd.DataFrame()
        if not options.axis:
            power = run_power(
                replications=options.replications, draws=options.draws, mapper=pool.map
            )
    with pd.option_context("display.width", 220, "display.max_rows", None):
        for axis, part in frame.groupby("axis", sort=False):
            print(f"\n{axis}")
            print(part[SHOWN].round(3).to_string(index=False))
        if len(power):
            print(f"\npower\n{power.round(3).to_string(index=False)}")
    print(f"\n{time.perf_counter() - started:.0f} s")
    if options.write:
        for table, name in ((frame, RESULTS), (power, POWER_RESULTS)):
            path = data_folder() / name
            path.parent.mkdir(exist_ok=True)
            table.round(5).to_csv(path, index=False, lineterminator="\n")
            print(f"data/{name}")


if __name__ == "__main__":
    main()
