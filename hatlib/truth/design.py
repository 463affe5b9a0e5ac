"""Answers of known truth in the shape of the paper's design: its size, not its results.

Twenty models with invented names answer three benchmarks with invented names, as many items,
languages and promptings as in the paper.  Three effects on transfer are set by us: of size, of the
release date and of thinking.  With ``scenario="findings"`` they have the direction of the paper's
findings, which are thereby a known truth to be found again, and no evidence for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from hatlib import resample
from hatlib.data.responses import BY_ITEM
from hatlib.errors import InputError, Problem
from hatlib.thresholds import BOOK
from hatlib.truth.answers import POINTS, WEIGHTS, Simulated, simulate_answers, together

Floats = NDArray[np.float64]

Scenario = Literal["findings", "no-trend", "small-broken"]

#: What is added to the true score, where there is a trend: for a doubling of the size, for a year,
#: for thinking at its highest, and, if they are broken, for models of up to 4 B.
PER_DOUBLING = 0.008
PER_YEAR = 0.08
THINKING = 0.02
BROKEN = -0.25

#: What is added to the ability, in logits, whatever the scenario.
ABILITY_PER_DOUBLING = 0.35
ABILITY_PER_YEAR = 0.7
ABILITY_THINKING = 0.4

#: The model to which effects are relative: 8 B, released at the start of 2025, not thinking.
_SIZE, _DATE = 8.0, pd.Timestamp(2025, 1, 1)

#: How much of the effect of thinking each setting has.
_EFFORT = {"none": 0.0, "minimal": 0.25, "low": 0.5, "high": 1.0, "on": 1.0}

#: Logit shift of a language; the others have none.
# fmt: off
LANGUAGE_SHIFTS = {
    "de": 0.3, "es": 0.3, "fr": 0.3, "it": 0.3, "nl": 0.3, "pt": 0.3,
    "ar": -0.1, "hi": -0.1, "ja": -0.1, "ko": -0.1, "th": -0.2, "hu": -0.1,
    "bn": -0.4, "mr": -0.4, "ne": -0.4, "te": -0.5, "ur": -0.4, "sw": -0.6, "af": 0.1,
    "wo": -1.3, "yo": -1.1, "zu": -0.9,
}
# fmt: on


#: Lineages whose sizes have their effect but are not in the models table.
_SECRETIVE = ("Alder", "Cedar")


@dataclass(frozen=True)
class _Benchmark:
    """A benchmark: its size in the paper, and how hard it and its translations are."""

    name: str
    n_items: int
    languages: str
    source_language: str
    chance: float
    easiness: float
    level: float


_BENCHMARKS = (
    _Benchmark("sim-free-form", 250, "bn de es fr ja ru sw te th zh", "en", 0.0, 1.0, 0.78),
    _Benchmark("sim-factual", 384, "ar de en es fr hi id it ja ko pt zh", BY_ITEM, 0.0, -0.6, 0.52),
    _Benchmark(
        "sim-ten-options",
        588,
        "af ar bn cs de es fr hi hu id it ja ko mr ne pt ru sr sw te th uk ur vi wo yo zh zu",
        "en",
        0.1,
        0.2,
        0.68,
    ),
)

# name, lineage, family, size and active size (10⁹ parameters), reasoning, released
_MODELS = (
    ("Alder 1", "Alder", "Alder 1", 60, 60, "none", "2024-04-16"),
    ("Alder 1 thinking", "Alder", "Alder 1", 60, 60, "on", "2024-04-16"),
    ("Alder 2 minimal", "Alder", "Alder 2", 90, 90, "minimal", "2025-11-18"),
    ("Alder 2 low", "Alder", "Alder 2", 90, 90, "low", "2025-11-18"),
    ("Alder 2 high", "Alder", "Alder 2", 90, 90, "high", "2025-11-18"),
    ("Birch 1 1B", "Birch", "Birch 1", 1, 1, "none", "2024-03-12"),
    ("Birch 1 4B", "Birch", "Birch 1", 4, 4, "none", "2024-03-12"),
    ("Birch 1 12B", "Birch", "Birch 1", 12, 12, "none", "2024-03-12"),
    ("Birch 1 27B", "Birch", "Birch 1", 27, 27, "none", "2024-03-12"),
    ("Birch 2 2B", "Birch", "Birch 2", 2, 2, "none", "2025-12-02"),
    ("Birch 2 4B", "Birch", "Birch 2", 4, 4, "none", "2025-12-02"),
    ("Birch 2 26B", "Birch", "Birch 2", 26, 4, "none", "2025-12-02"),
    ("Birch 2 31B", "Birch", "Birch 2", 31, 31, "none", "2025-12-02"),
    ("Cedar 1", "Cedar", "Cedar 1", 120, 120, "none", "2023-11-21"),
    ("Cedar 2", "Cedar", "Cedar 2", 120, 120, "none", "2024-10-22"),
    ("Cedar 3", "Cedar", "Cedar 3", 120, 120, "none", "2025-09-29"),
    ("Larch 4B", "Larch", "Larch", 4, 4, "none", "2024-09-19"),
    ("Larch 30B", "Larch", "Larch", 30, 3, "none", "2024-09-19"),
    ("Rowan 20B", "Rowan", "Rowan", 20, 4, "on", "2025-08-05"),
    ("Rowan 120B", "Rowan", "Rowan", 120, 5, "on", "2025-08-05"),
)


def paper_design(
    rng: np.random.Generator | int = 0,
    n_trials: int = 10,
    *,
    scenario: Scenario = "findings",
    n_items: Sequence[int] | None = None,
    item_spread: float = 0.1,
    overdispersion: float = 0.0,
) -> Simulated:
    """Simulate twenty models on three benchmarks, in the shape of the paper's design.

    The benchmarks are ``sim-free-form`` (11 languages, from English), ``sim-factual`` (12
    languages, each item from a language of its own) and ``sim-ten-options`` (29 languages, from
    English, chance level 0.1).  Ability grows with size, release date and thinking. The true score
    of a model is the level of the benchmark plus what the scenario says.

    Parameters
    ----------
    rng : numpy.random.Generator or int
        Random numbers: items and answers. Models and truth are the same for all.
    n_trials : int
        Promptings of an item in each language; the counts add them up.
    scenario : {"findings", "no-trend", "small-broken"}
        ``findings``: transfer grows by .008 with a doubling of size, by .08 a year, by .02 with
        thinking, and small models are on the same line as the others. ``no-trend``: all models
        transfer equally well. ``small-broken``: as ``findings``, but models of up to 4 B have .25
        less.
    n_items : sequence of int, optional
        Items of each benchmark; 250, 384 and 588 if not given.
    item_spread, overdispersion : float
        As in `simulate_answers`.

    Returns
    -------
    Simulated

    Raises
    ------
    InputError
        If a name is not known or a number is out of its range.

    Examples
    --------
    >>> simulated = paper_design(n_items=(25, 24, 30), n_trials=2)
    >>> simulated.responses.table()[["models", "languages"]].values.tolist()
    [[20, 11], [20, 12], [20, 29]]
    >>> equal = paper_design(n_items=(25, 24, 30), n_trials=2, scenario="no-trend")
    >>> equal.truth.query("target == 'macro'").groupby("benchmark")["hat"].mean().round(3).to_dict()
    {'sim-factual': 0.52, 'sim-free-form': 0.78, 'sim-ten-options': 0.68}
    """
    sizes = [each.n_items for each in _BENCHMARKS] if n_items is None else list(n_items)
    problems = []
    if scenario not in get_args(Scenario):
        known = ", ".join(get_args(Scenario))
        problems.append(Problem("scenario is not known.", f"Use one of {known}.", value=scenario))
    if len(sizes) != len(_BENCHMARKS):
        problems.append(
            Problem(
                f"n_items has {len(sizes)} values.", f"Give {len(_BENCHMARKS)}, one a benchmark."
            )
        )
    if problems:
        raise InputError(problems)
    generator = resample.generator(rng)
    models = design_models()
    abilities = _effects(ABILITY_PER_DOUBLING, ABILITY_PER_YEAR, ABILITY_THINKING)
    parts = []
    for place, (benchmark, n) in enumerate(zip(_BENCHMARKS, sizes, strict=True)):
        targets = benchmark.languages.split()
        parts.append(
            simulate_answers(
                abilities + benchmark.easiness,
                profiles=_profiles(place, scenario),
                n_items=n,
                n_trials=n_trials,
                targets=targets,
                target_shift={c: s for c, s in LANGUAGE_SHIFTS.items() if c in targets},
                chance=benchmark.chance,
                item_spread=item_spread,
                overdispersion=overdispersion,
                source_language=benchmark.source_language,
                models=models,
                benchmark=benchmark.name,
                rng=generator,
            )
        )
    return together(parts)


def design_models() -> pd.DataFrame:
    """The models of the design: invented names, with the columns of the models table.

    Examples
    --------
    >>> models = design_models()
    >>> len(models), models["lineage"].nunique(), int(models["params_total_b"].notna().sum())
    (20, 5, 12)
    """
    columns = ["model", "lineage", "family", "params_total_b", "params_active_b"]
    frame = pd.DataFrame(_MODELS, columns=[*columns, "reasoning", "release_date"])
    thinks = frame["reasoning"] != "none"
    sizes = frame[["params_total_b", "params_active_b"]].astype(float)
    frame[sizes.columns] = sizes.mask(frame["lineage"].isin(_SECRETIVE), axis=0)
    return frame.assign(
        display_name=frame["model"],
        developer="simulated",
        ladder=frame["family"],
        variant=np.where(thinks, "reasoning", "instruct"),
        release_date=pd.to_datetime(frame["release_date"]).astype("datetime64[ns]"),
    )


def _effects(per_doubling: float, per_year: float, thinking: float) -> Floats:
    """Sum of the effects of size, release date and thinking for each model."""
    models = design_models()
    years = (models["release_date"] - _DATE) / pd.Timedelta(days=365.25)
    effort = models["reasoning"].map(_EFFORT)
    doublings = np.log2(_sizes() / _SIZE)
    return per_doubling * doublings + per_year * years.to_numpy() + thinking * effort.to_numpy()


def _sizes() -> Floats:
    """Sizes in 10⁹ parameters, also of the lineages that do not publish them."""
    return np.array([float(row[3]) for row in _MODELS])


def _true_scores(level: float, scenario: Scenario) -> Floats:
    if scenario == "no-trend":
        return np.full(len(_MODELS), level)
    scores = level + _effects(PER_DOUBLING, PER_YEAR, THINKING)
    return scores + BROKEN * (_sizes() < BOOK["small"]) if scenario == "small-broken" else scores


@lru_cache(maxsize=9)
def _profiles(benchmark: int, scenario: Scenario) -> tuple[partial, ...]:
    """Profiles with the true scores, each of a somewhat different shape.

    They are straight on the logit scale; the slopes are spread evenly and without regard to size
    and date, and the shifts are solved for so that the mean over the languages has the true score.
    """
    about = _BENCHMARKS[benchmark]
    wanted = _true_scores(about.level, scenario)
    slopes = 0.8 + 0.4 * (np.arange(len(wanted)) * (np.sqrt(5) - 1) / 2 % 1)
    languages = np.array([LANGUAGE_SHIFTS.get(code, 0.0) for code in about.languages.split()])
    straight = slopes[:, None, None] * special.logit(POINTS) + languages[:, None]
    shifts = np.zeros(len(wanted))
    for _ in range(20):  # Newton's steps; the score rises smoothly with the shift
        f = special.expit(straight + shifts[:, None, None])
        score = 2 * f.mean(axis=1) @ WEIGHTS
        rise = 2 * (f * (1 - f)).mean(axis=1) @ WEIGHTS
        step = (wanted - score) / rise
        shifts = shifts + step
        if np.abs(step).max() < 1e-9:
            break
    return tuple(
        partial(_straight, slope, shift) for slope, shift in zip(slopes, shifts, strict=True)
    )


def _straight(slope: float, shift: float, h: Floats) -> Floats:
    """A profile that is a straight line on the logit scale."""
    return special.expit(slope * special.logit(h) + shift)
