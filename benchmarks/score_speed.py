"""How long do scores with intervals take, how much memory, and how does that grow?

The paper's design: 20 models on three benchmarks (11, 12 and 29 languages; 250, 384 and 588 items;
10 promptings), every target and the macro average, with 2,000 redraws of the items. Counts are made
before the clock starts. Each benchmark is scored in a process of its own, whose largest memory is
reported, beside that of the process before it scored.

In the same run, what the same intervals would take with `scipy.stats.bootstrap`, which calls an
estimator for each resample: ours, without redraws, on the resampled items. It is timed for a few
resamples of a few models, and multiplied up to all (costs of resamples add up, so this is linear).
What is scored in one call is one model and target, as each interval needs; for fairness also one
model with all its targets, and everything at once.

    python benchmarks/score_speed.py [--draws 2000] [--repeats 3] [--resamples 20] [--output FILE]

Times are the best of `--repeats`, by the clock and of the processor. Other work on the machine
makes the first longer, and the second less so: factors and growth are of processor time, and the
load is printed. Prints tables, and writes JSON if asked.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import platform
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import hatlib
from hatlib.data.about import book

BASE = {"models": 10, "items": 300, "languages": 8, "draws": 500}
DOUBLINGS = 3
CODES = [code for code in book().languages["language"] if code != "en"]
MIB = 1 / 1024  # of the KiB in which Linux reports memory


def best_of(repeats, task):
    """The shortest of several times in seconds: by the clock, and of the processor."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter(), time.process_time()
        task()
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    clock, processor = np.min(times, axis=0)
    return {"seconds": float(clock), "cpu_seconds": float(processor)}


def peak():
    """The largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MIB


def score(counts, draws, repeats):
    """Time and memory of one benchmark; runs in a process of its own."""
    hatlib.score_counts(part(counts, [0], [0]), draws=20)  # what is imported at first use
    before = peak()
    times = best_of(repeats, lambda: hatlib.score_counts(counts, draws=draws))
    return {**times, "before_mib": before, "peak_mib": peak()}


def part(counts, models, targets, items=slice(None)):
    """Some models, targets and items; an item may stand in it several times."""
    return dataclasses.replace(
        counts,
        models=tuple(counts.models[m] for m in models),
        targets=tuple(counts.targets[t] for t in targets),
        items=tuple(np.array(counts.items)[items]),
        clusters=np.arange(len(counts.items)),
        source_correct=counts.source_correct[models][:, items],
        source_trials=counts.source_trials[models][:, items],
        target_correct=counts.target_correct[np.ix_(models, targets)][..., items],
        target_trials=counts.target_trials[np.ix_(models, targets)][..., items],
    )


def bootstrap(counts, models, targets, resamples):
    """Processor seconds of `scipy.stats.bootstrap` for one resample of some models and targets."""

    def estimator(items):
        return hatlib.score_counts(part(counts, models, targets, items), draws=0).hat[0, 0]

    started = time.process_time()
    stats.bootstrap(
        (np.arange(len(counts.items)),),
        estimator,
        n_resamples=resamples,
        vectorized=False,
        paired=True,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return (time.process_time() - started) / resamples


def one_by_one(counts, draws, resamples, n_models=3):
    """Processor seconds of all intervals of one benchmark by scipy, multiplied up."""
    m, t = len(counts.models), len(counts.targets)
    some = np.linspace(0, m - 1, n_models).round().astype(int)
    every = list(range(t))
    pair = np.mean([bootstrap(counts, [k], [k % t], resamples) for k in some])
    model = np.mean([bootstrap(counts, [k], every, resamples) for k in some])
    whole = bootstrap(counts, list(range(m)), every, max(resamples // 4, 2))
    return {
        "a model and target": pair * draws * m * (t + 1),
        "a model": model * draws * m,
        "everything": whole * draws,
    }


def paper(draws, repeats, resamples):
    """One row a benchmark of the paper's design."""
    responses = hatlib.paper_design().responses
    rows = []
    for name in responses.benchmarks["benchmark"]:
        counts = responses.counts(name)
        with fresh_process() as pool:
            row = pool.apply(score, (counts, draws, repeats))
        shape = counts.target_trials.shape
        row = {"benchmark": name, "models": shape[0], "targets": shape[1], "items": shape[2], **row}
        for what, seconds in one_by_one(counts, draws, resamples).items():
            row[f"{what}, s"] = seconds
        rows.append(row)
        print(f"{name}: done", flush=True)
    return pd.DataFrame(rows)


def fresh_process():
    """One process that has none of our memory: ru_maxrss of a child starts from its parent's."""
    return multiprocessing.get_context("forkserver").Pool(1, maxtasksperchild=1)


def growth(repeats):
    """Times as one size is doubled three times from half of `BASE`, the others at `BASE`."""
    rows = []
    for what in BASE:
        for step in range(DOUBLINGS + 1):
            size = {**BASE, what: BASE[what] // 2 * 2**step}
            simulated = hatlib.simulate_answers(
                np.linspace(-1.5, 2.5, size["models"]),
                n_items=size["items"],
                targets=CODES[: size["languages"]],
            )
            counts = simulated.responses.counts("sim")
            draws = size["draws"]
            found = best_of(repeats, lambda c=counts, n=draws: hatlib.score_counts(c, draws=n))
            rows.append({"doubled": what, "times": 2**step, "size": size[what], **found})
        print(f"{what}: done", flush=True)
    return pd.DataFrame(rows)


def slopes(times):
    """Slope of log time on log size: 1 is linear, less is better."""
    rows = []
    for what, group in times.groupby("doubled", sort=False):
        fit = stats.linregress(np.log(group["size"]), np.log(group["cpu_seconds"]))
        rows.append({"doubled": what, "slope": fit.slope, "slope_se": fit.stderr})
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--resamples", type=int, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    # Threads of linear algebra beside our own, a model each, may hinder more than they help.
    machine += f", OPENBLAS_NUM_THREADS {os.environ.get('OPENBLAS_NUM_THREADS', 'not set')}"
    print(f"{machine}; load average {load:.1f} before the run")
    table = paper(options.draws, options.repeats, options.resamples)
    clock, ours = table["seconds"].sum(), table["cpu_seconds"].sum()
    print(table.round(1).to_string(index=False))
    print(f"all benchmarks: {clock:.1f} s by the clock, {ours:.1f} s of the processor, at most "
          f"{table['peak_mib'].max():.0f} MiB")  # fmt: skip
    factors = {}
    for column in table.filter(like=", s"):
        what = column.removesuffix(", s")
        factors[what] = float(table[column].sum() / ours)
        hours = table[column].sum() / 3600
        print(f"scipy.stats.bootstrap, {what} a call: {hours:.2f} h of the processor "
              f"(extrapolated), {factors[what]:.0f} times as long")  # fmt: skip
    times = growth(options.repeats)
    found = slopes(times)
    print(f"processor seconds, one size doubled from half of {BASE}, the others at that:")
    grown = times.pivot_table(index="doubled", columns="times", values="cpu_seconds", sort=False)
    print(grown.round(2).to_string())
    print(found.round(2).to_string(index=False))
    if options.output:
        record = {
            "machine": machine,
            "load_before": load,
            "load_after": os.getloadavg()[0],
            "draws": options.draws,
            "repeats": options.repeats,
            "resamples": options.resamples,
            "design": table.to_dict("records"),
            "total_seconds": float(clock),
            "total_cpu_seconds": float(ours),
            "factors": factors,
            "times": times.to_dict("records"),
            "slopes": found.to_dict("records"),
        }
        options.output.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
