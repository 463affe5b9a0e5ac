"""Answers of known truth in the shape of the paper's design: its size, not its results.

Twenty models with invented names answer three benchmarks with invented names, as many items,
languages and promptings as in the paper (``paper.toml``).  Three effects on transfer are set by us:
of size, of release date and of thinking.  With ``scenario="findings"`` they have the direction of
the paper's findings, which are thereby a known truth to be found again, and no evidence for them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from hatlib import resample
from hatlib.errors import InputError
from hatlib.thresholds import BOOK
from hatlib.truth.simulate import Floats, Simulated, profile_with, simulate_answers, together

Scenario = Literal["findings", "no-trend", "small-broken"]

_PAPER: dict[str, Any] = tomllib.loads(Path(__file__).with_name("paper.toml").read_text("utf-8"))

#: What is added to the true score, where there is a trend: for a doubling of the size, for a year,
#: for thinking at its highest, and, if they are broken, for models of up to 4 B.
PER_DOUBLING, PER_YEAR, THINKING, BROKEN = 0.008, 0.08, 0.02, -0.25

#: What a doubling, a year and thinking add to the ability, in logits, whatever the scenario.
ABILITY = (0.35, 0.7, 0.4)


def paper_design(
    rng: np.random.Generator | int = 0,
    n_trials: int = 10,
    *,
    scenario: Scenario = "findings",
    n_items: Sequence[int] | None = None,
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
    benchmarks = _PAPER["benchmarks"]
    sizes = [each["n_items"] for each in benchmarks] if n_items is None else list(n_items)
    if scenario not in get_args(Scenario):
        known = ", ".join(get_args(Scenario))
        raise InputError("scenario is not known.", f"Use one of {known}.", value=scenario)
    if len(sizes) != len(benchmarks):
        raise InputError(f"n_items has {len(sizes)} values.", "Give 3, one a benchmark.")
    generator = resample.generator(rng)
    models = design_models()
    # Somewhat different shapes: slopes are spread evenly, without regard to size and date.
    slopes = 0.8 + 0.4 * (np.arange(len(models)) * (np.sqrt(5) - 1) / 2 % 1)
    small = _all_models()["params_total_b"].to_numpy() < BOOK["small"]
    effects = (scenario != "no-trend") * _effects(PER_DOUBLING, PER_YEAR, THINKING)
    effects += BROKEN * (small & (scenario == "small-broken"))
    parts = []
    for about, n in zip(benchmarks, sizes, strict=True):
        targets = about["targets"].split()
        shifts = tuple(_PAPER["languages"].get(code, 0.0) for code in targets)
        parts.append(
            simulate_answers(
                _effects(*ABILITY) + about["easiness"],
                profiles=[
                    profile_with(*pair, shifts)
                    for pair in zip(about["level"] + effects, slopes, strict=True)
                ],
                n_items=n,
                n_trials=n_trials,
                targets=targets,
                target_shift=shifts,
                chance=about["chance"],
                item_spread=0.1,
                source_language=about["source_language"],
                models=models,
                benchmark=about["name"],
                rng=generator,
            )
        )
    return together(parts)


def _all_models() -> pd.DataFrame:
    """The models with their sizes, also of the lineages that do not publish them."""
    frame = pd.DataFrame(_PAPER["models"]["rows"], columns=_PAPER["models"]["columns"])
    return frame.astype({"params_total_b": float, "params_active_b": float})


def design_models() -> pd.DataFrame:
    """The models of the design: invented names, with the columns of the models table.

    Examples
    --------
    >>> models = design_models()
    >>> len(models), models["lineage"].nunique(), int(models["params_total_b"].notna().sum())
    (20, 5, 12)
    """
    frame = _all_models()
    secret = frame["lineage"].isin(_PAPER["models"]["secretive"])
    sizes = ["params_total_b", "params_active_b"]
    frame[sizes] = frame[sizes].mask(secret)
    return frame.assign(
        display_name=frame["model"],
        developer="simulated",
        ladder=frame["family"],
        variant=np.where(frame["reasoning"] == "none", "instruct", "reasoning"),
        release_date=pd.to_datetime(frame["release_date"]).astype("datetime64[ns]"),
    )


def _effects(per_doubling: float, per_year: float, thinking: float) -> Floats:
    """What each model has beyond one of 8 B, of the start of 2025, that does not think."""
    models = _all_models()
    years = (pd.to_datetime(models["release_date"]) - pd.Timestamp(2025, 1, 1)).dt.days / 365.25
    doublings = np.log2(models["params_total_b"] / 8)
    effort = models["reasoning"].map(_PAPER["effort"])
    return (per_doubling * doublings + per_year * years + thinking * effort).to_numpy()
