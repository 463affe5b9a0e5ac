"""Two choices behind the score: the kind of interval, and when to stop the EM algorithm.

1. From the same redraws: coverage of estimate ± t · se (the default), of the quantiles of the
   redraws (percentile) and of these reflected at the estimate (basic).
2. Error of the score by the number of items and of EM steps; the default takes one step for ten
   items, at least 40 and at most 1,500.

    python benchmarks/score_choices.py [--replications 60] [--output FILE]

Prints two tables, and writes JSON if asked.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from hatlib import resample
from hatlib.metric import hardness
from hatlib.metric.score import score_counts
from hatlib.truth.simulate import simulate_answers, true_transfer

ABILITIES = np.linspace(-2.5, 2.5, 11)
DESIGNS = {
    "K = 10, N = 400, shift": ("shift", 400, 10, 0.0),
    "K = 3, N = 400, square": ("square", 400, 3, 0.0),
    "K = 5, N = 250, steep": ("steep", 250, 5, 0.0),
    "K = 10, N = 588, c = .1, flat": ("flat", 588, 10, 0.1),
}
STEPS = (20, 40, 100, 400, 1500)
ITEMS = (400, 5_000, 40_000)


def simulated(profile, n_items, n_trials, chance, seed):
    return simulate_answers(
        ABILITIES, profiles=profile, n_items=n_items, n_trials=n_trials, chance=chance,
        targets=["de"], item_spread=0.1, rng=np.random.default_rng([n_items, n_trials, seed]),
    ).responses.counts("sim")  # fmt: skip


def intervals(replications):
    rows = []
    for name, (profile, *design) in DESIGNS.items():
        truth, inside = true_transfer(profile), []
        for seed in range(replications):
            found = score_counts(
                simulated(profile, *design, seed), draws=600, reference="uniform", rng=seed
            )
            hat, draws = found.hat[:, 0], found.draws[:, :, 0]
            ends = {
                "t": (found.low[:, 0], found.high[:, 0]),
                "percentile": resample.percentile_interval(draws),
                "basic": 2 * hat - resample.percentile_interval(draws)[::-1],
            }
            inside.append({k: ((a <= truth) & (truth <= b)).mean() for k, (a, b) in ends.items()})
        frame = pd.DataFrame(inside)
        rows.append(
            {"design": name, **frame.mean(), "mc_error": (frame.std() / len(frame) ** 0.5).max()}
        )
    return pd.DataFrame(rows)


def steps(replications):
    rows = []
    for n_trials in (5, 10):
        for n_items in ITEMS:
            n = max(2, replications * ITEMS[0] // n_items)
            errors = {step: [] for step in STEPS}
            for seed in range(n):
                counts = simulated("shift", n_items, n_trials, 0.0, seed)
                default = score_counts(counts, draws=0).hardness.steps
                for step in STEPS:
                    with mock.patch.object(hardness, "EM_STEPS", (step, step)):
                        found = score_counts(counts, profile="adaptive", draws=0).hat[:, 0]
                    errors[step].append(found - true_transfer("shift"))
            root = {f"{s} steps": np.sqrt(np.mean(np.square(e))) for s, e in errors.items()}
            rows.append({"answers": n_trials, "items": n_items, **root, "default": default})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    tables = {"intervals": intervals(options.replications), "steps": steps(options.replications)}
    print("Coverage of 95 % intervals\n" + tables["intervals"].round(3).to_string(index=False))
    print("\nRoot mean square error\n" + tables["steps"].round(4).to_string(index=False))
    if options.output:
        content = {name: table.to_dict("records") for name, table in tables.items()}
        options.output.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
