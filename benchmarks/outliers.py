"""How often the flag "estimators disagree" is raised: false alarms, and power against an outlier.

All models have one transfer profile, or one of them has another. For each design: the share of the
alike models that are flagged (false alarms), the share of outliers that are (power), the mean error
of the outlier's score, and how often its interval holds the truth, flagged ones left out.

    python benchmarks/outliers.py [--replications 30] [--draws 200]

Prints one row a design.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from hatlib import hat_scores
from hatlib.metric.flags import Flag
from hatlib.truth.simulate import simulate_answers

DESIGNS = [
    (models, trials, usual, other)
    for models in (5, 10, 20)
    for trials in (5, 10)
    for usual, other in (("shift", "shift"), ("shift", "strong shift"), ("linear", "strong shift"))
]


def of_design(models, trials, usual, other, replications, draws):
    """One row: the model in the middle is the outlier."""
    middle, rows = models // 2, []
    for replication in range(replications):
        simulated = simulate_answers(
            np.linspace(-1.5, 2, models),
            profiles=[other if k == middle else usual for k in range(models)],
            n_items=400,
            n_trials=trials,
            targets=["de", "sw"],
            rng=np.random.default_rng([models, trials, replication]),
        )
        scores = hat_scores(simulated.responses, draws=draws, rng=replication)
        table = scores.macro().merge(
            simulated.truth.query("target == 'macro'")[["model", "hat"]].rename(
                columns={"hat": "truth"}
            ),
            on="model",
        )
        table["flagged"] = table["flag"].str.contains(Flag.ESTIMATORS_DIFFER.value, regex=False)
        table["outlier"] = table["model"] == simulated.models["model"].iloc[middle]
        rows.append(table)
    table = pd.concat(rows)
    table["holds"] = table["truth"].between(table["low"], table["high"])
    odd, alike = table[table["outlier"]], table[~table["outlier"]]
    return {
        "models": models,
        "answers": trials,
        "profiles": usual,
        "outlier": other if other != usual else "none",
        "alike_flagged": alike["flagged"].mean(),
        "outlier_flagged": odd["flagged"].mean() if other != usual else np.nan,
        "outlier_error": (odd["hat"] - odd["truth"]).mean(),
        "outlier_coverage_unflagged": odd.loc[~odd["flagged"], "holds"].mean(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=30)
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    rows = [of_design(*design, options.replications, options.draws) for design in DESIGNS]
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
