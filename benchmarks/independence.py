"""Attacks on the independence of the HAT score from source accuracy, with many replications.

    python benchmarks/independence.py [--replications 100] [--seed 0] [--write]

Prints one row an attack and measure. `--write` keeps them in `data/studies/`, which the book shows;
run `python -m hatlib.data.datapackage` after it.
"""

from __future__ import annotations

import argparse

import pandas as pd

from hatlib.data.tables import data_folder
from hatlib.truth.attacks import RESULTS, every_attack, run_attacks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    runs = run_attacks(
        every_attack(), replications=options.replications, seed=options.seed, plugin=True
    )
    table = runs.table()
    with pd.option_context("display.width", 220, "display.max_rows", None):
        print(table.round(3).to_string(index=False))
    if options.write:
        path = data_folder() / RESULTS
        table.drop(columns="verdict").round(5).to_csv(path, index=False, lineterminator="\n")
        print(f"data/{RESULTS}")


if __name__ == "__main__":
    main()
