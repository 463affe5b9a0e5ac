"""How often the flag "estimators disagree" is raised: false alarms, and power against an outlier.

All models have one transfer profile, or one of them, in the middle or the strongest, has another.
For each design: the share of the alike models that are flagged (false alarms), of those with no
other flag, and of the outliers (power); how often a profile is said to be unlike the others; and
the error of the outlier's score, and how often its interval holds the truth.

    python benchmarks/outliers.py [--replications 30] [--draws 200]

Prints one row a design.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from hatlib import hat_scores
from hatlib.metric.flags import Flag, Remark
from hatlib.truth.simulate import simulate_answers

ALIKE = [
    *((models, 10, "steep", {}) for models in (2, 5, 10, 20)),
    *((10, trials, "linear", {}) for trials in (3, 5, 20)),
    (10, 10, "strong shift", {}),
    (10, 10, "steep", {"difficulty": "skewed"}),
    (10, 10, "linear", {"chance": 0.25}),
    *((7, 1, "steep", {"promptings": n, "prompting_sd": sd}) for n in (5, 10) for sd in (0, 1, 2)),
    (7, 1, "shift", {"promptings": 5, "prompting_sd": 2}),
    (7, 1, "linear", {"promptings": 5, "prompting_sd": 2}),
    (7, 1, "steep", {"promptings": 5, "prompting_sd": 2, "greedy": True}),
]
#: Models, answers, profile of most and of the outlier, its place, and more for the simulation.
DESIGNS = [
    *((models, trials, usual, usual, None, more) for models, trials, usual, more in ALIKE),
    *(
        (models, trials, "linear", "strong shift", place, {})
        for models in (5, 10, 20)
        for trials in (5, 10)
        for place in (models // 2, models - 1)
    ),
    (7, 1, "linear", "strong shift", 6, {"promptings": 5, "prompting_sd": 2}),
]


def of_design(models, trials, usual, other, place, more, replications, draws):
    """One row."""
    rows = []
    for replication in range(replications):
        simulated = simulate_answers(
            np.linspace(-1.5, 2, models),
            profiles=[other if k == place else usual for k in range(models)],
            n_items=400,
            n_trials=trials,
            targets=["de"],
            rng=np.random.default_rng([models, trials, replication]),
            **more,
        )
        scores = hat_scores(simulated.responses, draws=draws, rng=replication)
        truth = simulated.truth.query("target == 'macro'").set_index("model")["hat"]
        table = scores.macro().assign(truth=lambda t, truth=truth: t["model"].map(truth))
        notes = [note for note in scores.benchmarks[0].notes if note.remark is Remark.UNLIKE]
        table["named"] = table["model"].isin([m for note in notes for m in note.data["models"]])
        table["outlier"] = table["model"].eq(simulated.models["model"].get(place, ""))
        rows.append(table)
    table = pd.concat(rows)
    table["flagged"] = table["flag"].str.contains(Flag.ESTIMATORS_DIFFER.value, regex=False)
    table["alone"] = table["flag"] == Flag.ESTIMATORS_DIFFER.value
    table["holds"] = table["truth"].between(table["low"], table["high"])
    odd, alike = table[table["outlier"]], table[~table["outlier"]]
    return {
        "models": models,
        "answers": trials,
        "profiles": usual,
        "outlier": "none" if place is None else f"{other}, {place + 1}",
        "more": " ".join(f"{name} {value}" for name, value in more.items()),
        "alike_flagged": alike["flagged"].mean(),
        "with_no_other_flag": alike["alone"].mean(),
        "alike_named": alike["named"].mean(),
        "alike_coverage": alike["holds"].mean(),
        "outlier_flagged": odd["flagged"].mean(),
        "outlier_named": odd["named"].mean(),
        "outlier_error": (odd["hat"] - odd["truth"]).mean(),
        "outlier_coverage": odd["holds"].mean(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=30)
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    rows = [of_design(*design, options.replications, options.draws) for design in DESIGNS]
    with pd.option_context("display.width", 250, "display.max_rows", None):
        print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
