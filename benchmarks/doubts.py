"""How often a chance level or the pairing of items is doubted: false alarms, and power.

Simulated models of even ability from weak or middling to strong answer items whose difficulty is
normal, skewed or in two lumps; models may find other items hard (sd 1 logit); transfer is linear.

    python benchmarks/doubts.py [--replications 30]

The first table has one row a true chance level, number of models and answers an item: how often the
level, told rightly, is doubted (and would be at a gain of 5 in log likelihood instead of 8); how
often one that is told wrong is; and what becomes of one that nobody told: refused, flagged, or
scored at 0 without a word, which is right for free answers only. The second table says how often
items are called unrelated that are paired rightly, and how often those that are not.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from other_designs import answers
from scipy import special

from hatlib.metric import chance as doubts
from hatlib.metric.flags import Flag
from hatlib.metric.score import score_counts

CHANCES = (0.0, 0.25, 0.5)
MODELS = (1, 2, 5, 20)
TRIALS = (1, 5, 10)


def simulated(rng, chance, n_models, n_trials, n_items=400):
    lowest = rng.choice([-2.5, -1.0, 1.0])
    ability = np.linspace(lowest, 2.5, n_models + 2)[1:-1, None]
    spread = (
        rng.normal(0, 1.5, n_items),
        rng.gamma(1.2, 1.6, n_items) - 2,
        rng.choice([-2, 2.0], n_items),
    )
    own = rng.choice([0, 1]) * rng.normal(size=(n_models, n_items))
    u = special.expit(ability - spread[rng.integers(3)] + own)
    return answers(rng, u, lambda u: 0.7 * u, chance, n_trials)


def of_chance(chance, n_models, n_trials, replications):
    rows = []
    for replication in range(replications):
        rng = np.random.default_rng([int(100 * chance), n_models, n_trials, replication])
        counts = simulated(rng, chance, n_models, n_trials)
        wrong = rng.choice([c for c in CHANCES if c != chance])
        row = {"right": doubts.seen_chance(counts).likelier is not None}
        doubts.MUCH_LIKELIER, usual = 5.0, doubts.MUCH_LIKELIER
        row["right_at_5"] = doubts.seen_chance(counts).likelier is not None
        doubts.MUCH_LIKELIER = usual
        row["wrong"] = doubts.seen_chance(replace(counts, chance=wrong)).likelier is not None
        seen = doubts.seen_chance(replace(counts, chance=0.0))
        row["refused"] = seen.likelier is not None
        row["flagged"] = not row["refused"] and not seen.free
        row["scored"] = not row["refused"] and seen.free
        rows.append(row)
    about = {"chance": chance, "models": n_models, "answers": n_trials}
    return about | pd.DataFrame(rows).mean().to_dict()


def of_pairs(n_items, n_trials, replications):
    found = {"paired": [], "shuffled": []}
    for replication in range(replications):
        rng = np.random.default_rng([n_items, n_trials, replication])
        counts = simulated(rng, 0.0, 5, n_trials, n_items)
        other = replace(counts, target_correct=np.roll(counts.target_correct, 7, axis=2))
        for name, given in (("paired", counts), ("shuffled", other)):
            found[name].append(score_counts(given, draws=0).marks[Flag.UNRELATED][:, 0].mean())
    return {"items": n_items, "answers": n_trials} | {k: np.mean(v) for k, v in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=30)
    n = parser.parse_args().replications
    levels = [of_chance(*design, n) for design in product(CHANCES, MODELS, TRIALS)]
    pairs = [of_pairs(*design, n) for design in product((100, 400, 1000), TRIALS)]
    for rows in (levels, pairs):
        print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
