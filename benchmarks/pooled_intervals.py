"""Coverage of intervals for a mean over lineages: percentiles against Student's t.

Lineages have effects of their own around a true mean; each has one or a few ladders with noise.
The table shows how often a nominal 95 % interval holds the true mean, and how long it is.
Run: ``python benchmarks/pooled_intervals.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from hatlib import resample
from hatlib.claims.contrast import over_lineages

TRIALS = 2000
DRAWS = 300
TRUTH = 0.02


def one_trial(rng: np.random.Generator, n_lineages: int) -> tuple[bool, bool, float, float]:
    sizes = rng.integers(1, 4, n_lineages)
    lineage = np.repeat(np.arange(n_lineages), sizes)
    own = rng.normal(0, 0.03, n_lineages)[lineage]
    values = TRUTH + own + rng.normal(0, 0.01, len(lineage))
    weights = resample.weights(rng, lineage.astype(str), DRAWS)
    draws = values + rng.normal(0, 0.01, (DRAWS, len(values)))
    t = over_lineages(values, draws, weights, list(lineage.astype(str)))
    with np.errstate(invalid="ignore"):
        means = (weights * draws).sum(axis=1) / weights.sum(axis=1)
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return low <= TRUTH <= high, t.low <= TRUTH <= t.high, high - low, t.high - t.low


def main() -> None:
    rng = np.random.default_rng(0)
    rows = []
    print(f"{'lineages':>8} {'percentile':>11} {'t':>6} {'length, percentile':>19} {'t':>6}")
    for n in (3, 4, 5, 8, 12, 20):
        trials = np.array([one_trial(rng, n) for _ in range(TRIALS)], dtype=float)
        percentile, t, length, length_t = trials.mean(axis=0)
        print(f"{n:8d} {percentile:11.3f} {t:6.3f} {length:19.3f} {length_t:6.3f}")
        rows.append({"lineages": n, "percentile": percentile, "t": t})
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
