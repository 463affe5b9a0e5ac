"""Simulated evaluations of many sizes, from which `hatlib.truth.planning` plans yours.

    python benchmarks/planning.py [--replications 40] [--draws 100] [--write]

Prints how far the rule that is fitted to them misses other evaluations. `--write` keeps them in
`data/studies/`, and the rule in `hatlib/truth/planning.toml`; then run `python data/describe.py`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

from hatlib.data.responses import Counts
from hatlib.data.tables import STUDIES, data_folder
from hatlib.metric.score import interval_quantile, score_counts
from hatlib.truth import planning
from hatlib.truth.planning import Ability
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, true_transfer

Floats = NDArray[np.float64]

#: Abilities of the three pairs of models, in logits; the items spread by 1.5 around 0.
ABILITIES: dict[str, tuple[float, ...]] = {
    "middle": (-0.75, 0.0, 0.75),  # right in about a third to two thirds of the answers
    "strong": (1.5, 2.25, 3.0),  # right in about three quarters to nine tenths
}

#: Share of the scatter of an item that its languages have in common; in the sets of the book it is
#: this or less (`hatlib.truth.planning.item_scatter`).
COMMON = 0.25

CHANCES = (0.0, 0.1, 0.25, 0.5)

#: A design of the study holds eight languages; smaller numbers are parts of it.
CODES = ("de", "es", "fr", "it", "nl", "pt", "ru", "sv")


@dataclass(frozen=True)
class Design:
    """One evaluation to simulate: pairs of equally able models, one of which transfers less.

    Attributes
    ----------
    n_items, n_trials : int
        Items, and answers an item and language.
    scatter : float
        How far the items of one hardness scatter around the profile: target accuracies have the
        variance ``scatter · f · (1 - f)`` around it, each model apart.
    ability : {"middle", "strong"}
        Which abilities the models have.
    chance : float
    difference : float
        True difference in HAT within a pair.
    profile : str
        Of `hatlib.truth.simulate.PROFILES`; the second of a pair has a part of it.
    pairs : int
        Three, or one, or more that take the abilities in turn.
    n_languages : tuple of int
        Numbers of languages, out of eight, that are judged.
    purpose : {"fit", "check"}
        Whether the rule is fitted to it or judged by it.
    """

    n_items: int
    n_trials: int
    scatter: float = 0.2
    ability: Ability = "middle"
    chance: float = 0.0
    difference: float = 0.1
    profile: str = "linear"
    pairs: int = 3
    n_languages: tuple[int, ...] = (1, 2, 4, 8)
    purpose: Literal["fit", "check"] = "fit"


def designs() -> Iterator[Design]:
    """Every design of the study: those for the fit, then others that judge it."""
    # A Graeco-Latin square: each scatter and profile meets each number of items and of answers.
    for s, (ability, chance) in enumerate((a, c) for a in get_args(Ability) for c in CHANCES):
        for i, n_items in enumerate((100, 400, 1600)):
            for j, n_trials in enumerate((3, 6, 20)):
                scatter = (0.0, 0.2, 0.4)[(i + j + s) % 3]
                profile = ("linear", "shift", "steep")[(i + 2 * j + s) % 3]
                yield Design(n_items, n_trials, scatter, ability, chance, profile=profile)
    yield from _checks()


def _checks() -> Iterator[Design]:
    check = partial(Design, n_languages=(1, 3, 6), purpose="check")
    profiles = cycle(("linear", "square", "shift", "flat", "steep"))
    for n_items, n_trials, difference in (
        (150, 5, 0.15), (250, 4, 0.1), (250, 10, 0.1), (600, 3, 0.1), (600, 15, 0.05),
        (1000, 8, 0.05),
    ):  # fmt: skip
        yield check(n_items, n_trials, 0.1, difference=difference, profile=next(profiles))
        more = 1.5 * difference
        yield check(n_items, n_trials, 0.3, "strong", difference=more, profile=next(profiles))
        yield check(
            n_items, n_trials, 0.3, chance=0.2, difference=difference, profile=next(profiles)
        )
    for ability in get_args(Ability):
        for pairs in (1, 2, 6):
            yield check(250, 10, 0.1, ability, pairs=pairs, profile="shift")


def run_study(
    *,
    replications: int = 40,
    draws: int = 100,
    chosen: Callable[[Design], bool] = lambda design: True,
    mapper: Callable[..., Any] = map,
) -> pd.DataFrame:
    """Simulate the evaluations of the study, or some of them.

    Parameters
    ----------
    replications : int
        How often each.
    draws : int
        Redraws of the items, for standard errors and intervals.
    chosen : callable
        Which designs to run.
    mapper : callable
        How to visit them; a process pool's ``map`` visits several at a time.

    Returns
    -------
    DataFrame
        One row a design × number of languages: the fields of `Design`; ``estimate`` (mean
        difference), ``sd`` (over replications), ``se`` (mean of the stated standard errors),
        ``detected`` (share of 95 % intervals without 0), ``replications``.
    """
    tasks = [(design, replications, draws) for design in designs() if chosen(design)]
    return pd.concat(list(mapper(_task, tasks)), ignore_index=True)


def _task(task: tuple[Design, int, int]) -> pd.DataFrame:
    return run_design(*task)


def run_design(
    design: Design, replications: int, draws: int = 100, *, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Simulate one design again and again; the result is a part of that of `run_study`."""
    found: dict[int, list[tuple[Floats, ...]]] = {size: [] for size in design.n_languages}
    for replication in range(replications):
        numbers = (design.n_items, design.n_trials, round(100 * design.scatter), replication, seed)
        counts = _answers(design, np.random.default_rng(numbers))
        scored = score_counts(counts, hardness="self", reference="uniform", draws=draws, rng=0)
        assert scored.draws is not None
        for size in design.n_languages:
            hats = _over_languages(scored.hat[:, 1:], size)
            gaps = hats[::2] - hats[1::2]
            redrawn = _over_languages(scored.draws[..., 1:], size)
            errors = np.std(redrawn[:, ::2] - redrawn[:, 1::2], axis=0, ddof=1)
            effective = scored.effective_items[:, :1].reshape(-1, 2).min(axis=1)[:, None]
            seen = np.abs(gaps) > interval_quantile(effective, level) * errors
            found[size].append((gaps, errors, seen.astype(float)))
    rows = []
    for size, each in found.items():
        gaps, errors, seen = (np.array(values) for values in zip(*each, strict=True))
        rows.append(
            {
                "purpose": design.purpose,
                "profile": design.profile,
                "models": 2 * design.pairs,
                "ability": design.ability,
                "chance": design.chance,
                "scatter": design.scatter,
                "n_items": design.n_items,
                "n_trials": design.n_trials,
                "n_languages": size,
                "difference": design.difference,
                "estimate": float(gaps.mean()),
                "sd": float(np.sqrt(gaps.var(axis=0, ddof=1).mean())),
                "se": float(errors.mean()),
                "detected": float(seen.mean()),
                "replications": replications,
            }
        )
    return pd.DataFrame(rows)


def _over_languages(hats: Floats, size: int) -> Floats:
    """Means over groups of languages that do not overlap: shape (…, groups)."""
    groups = hats.shape[-1] // size
    return hats[..., : groups * size].reshape(*hats.shape[:-1], groups, size).mean(axis=-1)


def _answers(design: Design, rng: np.random.Generator) -> Counts:
    """Simulated counts; models 0 and 1 are a pair, and so on."""
    levels = ABILITIES[design.ability]
    # A single pair has the ability in the middle.
    ability = np.resize(levels, design.pairs) if design.pairs > 1 else levels[1:2]
    hardness = DIFFICULTIES["normal"](rng.uniform(size=design.n_items))
    u = special.expit(np.repeat(ability, 2)[:, None] - hardness)
    part = 1 - design.difference / true_transfer(design.profile)
    f = (PROFILES[design.profile](u) * np.resize([1.0, part], len(u))[:, None])[:, None]
    shape = (len(u), len(CODES), design.n_items)
    rates = _scattered(np.broadcast_to(f, shape), design.scatter, rng)
    source, target = (design.chance + (1 - design.chance) * rate for rate in (u, rates))
    return Counts(
        benchmark="simulated",
        source_language="en",
        chance=design.chance,
        models=tuple(f"m{m:02d}" for m in range(len(u))),
        targets=CODES,
        items=tuple(map(str, range(design.n_items))),
        clusters=np.arange(design.n_items),
        source_correct=rng.binomial(design.n_trials, source),
        source_trials=np.full(u.shape, design.n_trials),
        target_correct=rng.binomial(design.n_trials, target),
        target_trials=np.full(shape, design.n_trials),
    )


def _scattered(f: Floats, scatter: float, rng: np.random.Generator) -> Floats:
    """Rates around `f` (models × languages × items) that the languages share in part."""
    if scatter == 0:
        return f
    models, languages, items = f.shape
    normal = np.sqrt(COMMON) * rng.standard_normal((models, 1, items)) + np.sqrt(
        1 - COMMON
    ) * rng.standard_normal((models, languages, items))
    size = 1 / scatter - 1
    return np.asarray(stats.beta.ppf(stats.norm.cdf(normal), f * size, (1 - f) * size))


def fit_rule(frame: pd.DataFrame) -> dict[str, Any]:
    """Fit the rule to simulated evaluations, such that its relative error is smallest.

    As in `hatlib/truth/planning.toml`: of "sd" and "se", by ability, the power of the number of
    items, and by chance level the weights of the terms, none of them negative.
    """
    rows = frame[frame["purpose"] == "fit"]
    return {
        what: {str(ability): _fit(part, what) for ability, part in rows.groupby("ability")}
        for what in ("sd", "se")
    }


def _fit(rows: pd.DataFrame, column: str) -> dict[str, Any]:
    groups: Any = [group for _, group in rows.groupby("chance")]

    def fitted(power: float) -> list[tuple[Floats, float]]:
        """Weights by chance level, and the size of the relative errors."""
        found = []
        for part in groups:
            terms = planning.terms(part["n_trials"], part["n_languages"], part["scatter"])
            scale = (part[column] ** 2 * part["n_items"] ** power).to_numpy()[:, None]
            found.append(optimize.nnls(terms / scale, np.ones(len(part))))
        return found

    def loss(power: float) -> float:
        return float(sum(error**2 for _, error in fitted(power)))

    power = float(optimize.minimize_scalar(loss, bounds=(0.4, 1.2), method="bounded").x)
    return {"power": power, "weights": [weights.tolist() for weights, _ in fitted(power)]}


def as_toml(rule: dict[str, Any]) -> str:
    """The rule as it stands at the end of `hatlib/truth/planning.toml`."""
    lines = []
    for what, abilities in rule.items():
        for ability, part in abilities.items():
            lines += [f"[{what}.{ability}]", f"power = {part['power']:.12g}", "weights = ["]
            lines += [f"    [{', '.join(f'{w:.12g}' for w in each)}]," for each in part["weights"]]
            lines += ["]", ""]
    return "\n".join(lines[:-1]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each process has one core
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        frame = run_study(replications=options.replications, draws=options.draws, mapper=pool.map)
    if options.write:
        path = data_folder() / STUDIES["study-planning"]
        frame.round(5).to_csv(path, index=False, lineterminator="\n")
        print(f"data/{STUDIES['study-planning']}")
        facts = Path(planning.__file__).with_suffix(".toml")
        before, _, _ = facts.read_text("utf-8").partition("[sd.middle]")
        facts.write_text(before + as_toml(fit_rule(frame)), encoding="utf-8")
    rows = frame[frame["purpose"] == "check"]
    power = [
        float(
            planning.detected(
                row.difference, row.n_items, row.n_trials, row.n_languages,
                scatter=row.scatter, ability=row.ability, chance=row.chance,
            )
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    checked = rows.assign(power=power, miss=power - rows["detected"])
    with pd.option_context("display.width", 160, "display.max_rows", None):
        print(checked.round(3).to_string(index=False))
    print(
        f"\nPower by the rule minus simulated power: {checked['miss'].mean():+.3f} on average, "
        f"{checked['miss'].abs().mean():.3f} without sign. {time.perf_counter() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
