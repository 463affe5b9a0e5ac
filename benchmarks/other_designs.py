"""The default score on designs that it was not developed on.

Source probabilities are drawn from beta distributions (U-shaped, wide, easy) or from items that
differ in discrimination; profiles have an offset, a plateau, a ceiling or a steep end; numbers of
items and answers are odd. None of this is in `hatlib/truth/designs.toml`.

    python benchmarks/other_designs.py [--replications 12] [--draws 200] [--output FILE]

Prints, for each design and profile: bias, root mean square error, range of the mean score over
models that transfer alike, and coverage of the 95 % intervals. Writes JSON if asked.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

from hatlib.data.responses import Counts
from hatlib.metric.score import score_counts

PROFILES = {
    "sine": lambda u: 0.85 * np.sin(u * np.pi / 2),
    "offset": lambda u: 0.15 + 0.6 * u,
    "cube": lambda u: u**3,
    "plateau": lambda u: np.clip(1.6 * u - 0.3, 0, 0.75),
    "perfect": lambda u: u,
    "none": lambda u: 0 * u,
    "half": lambda u: 0.5 * u,
}
HARDNESS = ("U-shaped", "wide", "easy", "discrimination")
SIZES = [(0.0, 7, 333, 8), (0.2, 4, 500, 6), (0.0, 10, 120, 15)]  # chance, answers, items, models
EVEN = (np.arange(20_000) + 0.5) / 20_000


def source_probabilities(rng, kind, n_items, n_models):
    """Source probability above chance of each model and item; models share the items."""
    ease = rng.normal(0, 1, n_items)
    if kind == "discrimination":
        discrimination = rng.lognormal(0, 0.4, n_items)
        ability = np.linspace(-2, 2, n_models + 2)[1:-1]
        return special.expit(discrimination * (ability[:, None] + 1.3 * ease))
    rows = []
    for share in np.linspace(0, 1, n_models + 2)[1:-1]:
        place = stats.norm.cdf((ease + rng.normal(0, 0.3, n_items)) / np.sqrt(1.09))
        shape = {
            "U-shaped": (0.6 * share, 0.6 * (1 - share)),
            "wide": (0.5 + 4 * share, 0.5 + 4 * (1 - share)),
            "easy": (0.5 + 3 * share, 1.0),
        }[kind]
        rows.append(stats.beta.ppf(place, *shape))
    return np.array(rows)


def answers(rng, u, f, chance, n_trials):
    """Counts of simulated answers in one target language."""
    n_models, n_items = u.shape
    source, target = (chance + (1 - chance) * rate for rate in (u, f(u)))
    trials = np.full((n_models, n_items), n_trials)
    return Counts(
        "simulated", "en", chance, tuple(f"m{m:02d}" for m in range(n_models)), ("de",),
        tuple(map(str, range(n_items))), np.arange(n_items), rng.binomial(n_trials, source), trials,
        rng.binomial(n_trials, target)[:, None], trials[:, None],
    )  # fmt: skip


def judge(kind, name, size, replications, draws):
    chance, n_trials, n_items, n_models = size
    truth = 2 * PROFILES[name](EVEN).mean()
    errors, covered = [], []
    for replication in range(replications):
        rng = np.random.default_rng([replication, n_items])
        u = source_probabilities(rng, kind, n_items, n_models)
        counts = answers(rng, u, PROFILES[name], chance, n_trials)
        found = score_counts(counts, draws=draws, reference="uniform", rng=replication)
        hat = found.hat[:, 0]
        errors.append(hat - truth)
        inside = (found.low[:, 0] <= truth + 1e-9) & (truth <= found.high[:, 0])
        covered.append(np.where(np.isfinite(hat), inside, np.nan))
    errors = np.array(errors)
    return {
        "hardness": kind,
        "chance": chance,
        "answers": n_trials,
        "items": n_items,
        "models": n_models,
        "profile": name,
        "truth": truth,
        "bias": np.nanmean(errors),
        "rmse": np.sqrt(np.nanmean(errors**2)),
        "range": np.ptp(np.nanmean(errors, axis=0)),
        "coverage": np.nanmean(covered),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=12)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    frame = pd.DataFrame(
        [
            judge(kind, name, size, options.replications, options.draws)
            for kind in HARDNESS
            for size in SIZES
            for name in PROFILES
        ]
    )
    with pd.option_context("display.width", 160, "display.max_rows", None):
        print(frame.round(3).to_string(index=False))
    worst = frame[frame["profile"] != "none"]
    print(
        f"\n{len(frame)} designs: |bias| {worst['bias'].abs().median():.3f} (median), "
        f"{worst['bias'].abs().max():.3f} (largest); coverage {worst['coverage'].mean():.3f} "
        f"(mean), {worst['coverage'].min():.2f} to {worst['coverage'].max():.2f}"
    )
    if options.output:
        options.output.write_text(json.dumps(frame.to_dict("records"), indent=1) + "\n")


if __name__ == "__main__":
    main()
