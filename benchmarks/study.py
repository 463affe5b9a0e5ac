"""The kept studies: every design of `hatlib/truth/designs.toml`, run many times.

    python benchmarks/study.py estimators|situations|power [--group NAME …] [--name NAME …]
        [--replications 40] [--draws 200] [--jobs 1] [--write]

Prints one row a design and estimator.  `--write` keeps them in `data/studies/`, where the pages
read them; rows of other designs stay as they are.  Run `python data/describe.py` after it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from hatlib import compare_models, hat_scores, simulate_answers
from hatlib.claims.checklist import FAILS, MIND, check_sets
from hatlib.data.tables import STUDIES, data_folder
from hatlib.thresholds import BOOK
from hatlib.truth import experiment

ESTIMATORS = {
    "estimators": ("plugin", "direct", "shared", "default"),
    "situations": ("default",),
}
KEYS = {"estimators": ["group", "name", "profiles", "estimator"], "situations": ["name"]}
#: Checks of the list that object to a flaw, and not to a small study.
TELLING = (
    "Answers to one item are independent draws",
    "The chance level is right",
    "Answers are parsed equally well in all languages",
    "Answers are not missing because they are hard",
    "Each item can be answered in each language",
    "Target items are as hard, and judged as strictly, as source items",
)
FEWEST_UNFLAGGED = 0.1
"""A design in which fewer scores are free of flags is called flagged."""

BEFORE = "before_"
"""Columns of the situations that say what edition 0.3.0 said; they are never run again."""


def status(row, design, *, harm, coverage, listed=""):
    """Whether a score is right, or wrong with or without a word.

    Parameters
    ----------
    row : mapping
        A row of `judge`.
    design : Design
        What was simulated; its ``about`` may say that nothing in the data can show it.
    harm : float
        A bias above this, or a range over models that transfer alike clearly (two Monte-Carlo
        standard errors) above it, is wrong.
    coverage : float
        An interval is too short if its coverage is clearly below this.
    listed : str
        What `hatlib.check_sets` objects to, if anything.
    """
    if row["refused"] > 0.5:
        return experiment.REFUSED
    if row["scored"] - row["flagged"] < FEWEST_UNFLAGGED:
        return experiment.FLAGGED
    # Two Monte-Carlo standard errors in favour of the score.
    least_range = row["range_unflagged"] - 2 * np.nan_to_num(row["range_unflagged_se"])
    most_coverage = row["coverage_unflagged"] + 2 * np.nan_to_num(row["coverage_unflagged_se"])
    wrong = least_range > harm or abs(row["bias"]) > harm
    if not wrong and most_coverage >= coverage:
        return experiment.RIGHT
    if listed:
        return experiment.LISTED
    if design.about.get("remark", "-") in row.get("remarks", ""):
        return experiment.SAID
    if design.about.get("unseen"):
        return experiment.UNSEEN
    return experiment.SILENT if wrong else experiment.SHORT


def of_design(design, study, replications, draws):
    """One row an estimator."""
    if study == "estimators" and design.told.get("hardness"):
        replications = max(2, replications // 2)  # an item-response model each time
    names = ESTIMATORS[study]
    if design.simulate.get("n_trials") == 1 and "promptings" not in design.simulate:
        names = [name for name in names if name != "plugin"]
    frame = experiment.run(design, names, replications=replications, draws=draws)
    judged = experiment.judge(frame)
    judged.insert(0, "profiles", design.label)
    judged.insert(0, "name", design.name)
    judged.insert(0, "group", design.group)
    if study == "situations":
        judged = judged[judged["estimator"] == "default"].drop(columns=["estimator", "profiles"])
        judged["listed"] = listed(design)
        judged["status"] = status(
            judged.iloc[0].to_dict(),
            design,
            harm=BOOK["harm"],
            coverage=BOOK["coverage_low"],
            listed=judged["listed"].iloc[0],
        )
        flags = frame.loc[frame["flag"] != "", "flag"]
        said = frame.loc[frame["refused"] != "", "refused"]
        judged["said"] = (said if len(said) else flags.mode()).head(1).sum() or ""
    return judged


def listed(design, times=3):
    """What the checklist objects to, each time."""
    found = []
    for replication in range(times):
        responses, _ = design.answers(np.random.default_rng([0, replication]))
        checks = check_sets(responses, draws=50)
        checks = checks[checks["assumes"].isin(TELLING)]
        found.append(set(checks.loc[checks["status"].isin([MIND, FAILS]), "assumes"]))
    return "; ".join(sorted(set.intersection(*found)))


def power(task, replications, draws):
    """Two of six models differ by a known amount: how often is it seen?"""
    n_items, n_trials, difference = task
    abilities = (-1.0, -0.5, 0.0, 0.0, 0.5, 1.0)
    heights = [0.7, 0.7, 0.7, 0.7 - difference, 0.7, 0.7]
    found = []
    for replication in range(replications):
        simulated = simulate_answers(
            abilities,
            profiles=[partial(np.multiply, height) for height in heights],
            n_items=n_items,
            n_trials=n_trials,
            targets=["de"],
            rng=np.random.default_rng([n_items, n_trials, replication]),
        )
        scores = hat_scores(simulated.responses, reference="uniform", draws=draws, rng=replication)
        a, b = simulated.models["model"].iloc[[2, 3]]
        pair = compare_models(scores, a, b)
        found.append((pair.difference, pair.se, pair.low > 0 or pair.high < 0))
    values = pd.DataFrame(found, columns=["estimate", "se", "detected"]).astype(float)
    sd = float(values["estimate"].std())
    return {
        "n_items": n_items,
        "n_trials": n_trials,
        "difference": difference,
        "estimate": values["estimate"].mean(),
        "sd": sd,
        "se": values["se"].mean(),
        "detected": values["detected"].mean(),
        "smallest": float(stats.norm.ppf([0.975, 0.8]).sum()) * sd,
        "replications": replications,
    }


def run(options, mapper):
    if options.study == "power":
        sizes = product((100, 250, 588, 1200), (2, 3, 5, 10, 20), (0.0, 0.05, 0.1))
        work = partial(power, replications=options.replications, draws=options.draws)
        return pd.DataFrame(list(mapper(work, sizes)))
    chosen = [
        design
        for design in experiment.designs(options.study)
        if (not options.group or design.group in options.group)
        and (not options.name or design.name in options.name)
    ]
    work = partial(
        of_design, study=options.study, replications=options.replications, draws=options.draws
    )
    frames = []
    for design, frame in zip(chosen, mapper(work, chosen), strict=True):
        print(f"{design.group}: {design.name}, {design.label}", flush=True)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def merged(frame, study, path):
    """New rows in the place of those of the same key; what was said before is kept."""
    if study == "power" or not path.exists():
        return frame
    old = pd.read_csv(path)
    keys = KEYS[study]
    before = [column for column in old if column.startswith(BEFORE)]
    if before:
        frame = frame.merge(old[[*keys, *before]], on=keys, how="left")
    known = {(d.group, d.name) for d in experiment.designs(study)}
    stays = ~old.set_index(keys).index.isin(frame.set_index(keys).index)
    stays &= [pair in known for pair in zip(old["group"], old["name"], strict=True)]
    both = pd.concat([frame, old[stays]], ignore_index=True)
    order = {(d.group, d.name): i for i, d in enumerate(experiment.designs(study))}
    place = [order[pair] for pair in zip(both["group"], both["name"], strict=True)]
    return both.assign(place=place).sort_values("place", kind="stable").drop(columns="place")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=["estimators", "situations", "power"])
    parser.add_argument("--group", nargs="*", default=[])
    parser.add_argument("--name", nargs="*", default=[])
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each process has one core
    if options.jobs == 1:
        frame = run(options, map)
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
            frame = run(options, pool.map)
    with pd.option_context("display.width", 250, "display.max_rows", None):
        print(frame.round(3).to_string(index=False))
    print(f"\n{time.perf_counter() - started:.0f} s")
    if options.write:
        name = STUDIES[f"study-{options.study}"]
        path = data_folder() / name
        path.parent.mkdir(exist_ok=True)
        merged(frame, options.study, path).round(5).to_csv(path, index=False, lineterminator="\n")
        print(f"data/{name}")


if __name__ == "__main__":
    main()
