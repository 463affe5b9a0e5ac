"""What `metric.score` gives: scores with their intervals, profiles, and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.data.loading import MODEL_COLUMNS
from hatlib.errors import InputError, listing
from hatlib.metric.flags import HARMLESS, Flag, Note
from hatlib.metric.hardness import Hardness
from hatlib.metric.profile import Shape
from hatlib.metric.reference import Standard
from hatlib.metric.sufficient import MACRO, Bools, Floats, Ints, SufficientTable, mean_rates

ABOUT = [column for column in MODEL_COLUMNS if column not in ("model", "display_name")]
"""What is known of a model, in tables of scores."""


@dataclass(frozen=True)
class Estimate:
    """A number for each model and target, with its interval.

    Attributes
    ----------
    value, low, high, se : ndarray, shape (n_models, n_targets + 1)
    draws : ndarray, shape (n_draws, n_models, n_targets + 1), or None
        Of redrawn items, the same for all models.
    """

    value: Floats
    low: Floats
    high: Floats
    se: Floats
    draws: Floats | None


@dataclass(frozen=True)
class BenchmarkScores:
    """The scores of one benchmark, as arrays of models × targets; the macro average comes first.

    Attributes
    ----------
    benchmark, source_language : str
    chance : float
    models, targets : tuple of str
    hardness : Hardness
    table : SufficientTable
    profile, reference : str
        Names of the estimator and of the reference that were used.
    weight : ndarray, shape (n_grid,)
        Reference weight of each grid point.
    shape : Shape or None
        Common shape of the profiles, where the estimator has one.
    curves : ndarray, shape (n_models, n_targets + 1, n_grid)
        Transfer profiles.
    bands : ndarray, shape (2, n_models, n_grid), or None
        Interval of the macro profile, point by point.
    hat, low, high, se, support, effective_items, n_items : ndarray, shape (n_models, n_targets + 1)
    marks : mapping of Flag to ndarray of bool, same shape
        Which flags each score has.
    n_trials : ndarray of int, shape (n_models,)
        Usual number of answers an item in the source language.
    metrics : mapping
        The traditional metrics by name, each of the same shape.
    draws : ndarray, shape (n_draws, n_models, n_targets + 1), or None
        Scores of redrawn items, the same items for all models.
    notes : tuple of Note
        What was chosen, assumed or seen.
    hat_pooled, f95 : Estimate
        The score over the pooled hardness, and the expected target accuracy where an item is solved
        with probability .95 in the source language; f95 is nan with too few such items.
    distribution : ndarray, shape (n_models, n_grid)
        Distribution of *h* over the items of each model.
    sensitivity : mapping of float to ndarray, shape (n_models, n_targets + 1)
        For one answer an item: scores if models find other items hard, by how much (standard
        deviation in logits).
    curve_draws : ndarray, shape (n_draws, n_models, n_points), or None
        Macro profiles of redrawn items, the same items for all models, at the grid points that
        `thinned` names; None if there are too many.
    metric_draws : mapping, or None
        ``source_accuracy``, ``target_accuracy``, ``xlt_gap``, ``ratio`` and
        ``conditional_transfer`` (macro) of the same redrawn items as `draws`, each of shape
        (n_draws, n_models).
    """

    table: SufficientTable
    hardness: Hardness
    profile: str
    reference: str
    weight: Floats
    shape: Shape | None
    curves: Floats
    bands: Floats | None
    score: Estimate
    hat_pooled: Estimate
    f95: Estimate
    support: Floats
    effective_items: Floats
    marks: Mapping[Flag, Bools]
    n_items: Floats
    n_trials: Ints
    metrics: Mapping[str, Floats]
    distribution: Floats
    curve_draws: Floats | None = None
    metric_draws: Mapping[str, Floats] | None = None
    sensitivity: Mapping[float, Floats] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    benchmark = property(attrgetter("table.benchmark"))
    source_language = property(attrgetter("table.source_language"))
    chance = property(attrgetter("table.chance"))
    models = property(attrgetter("table.models"))
    targets = property(attrgetter("table.targets"))
    hat = property(attrgetter("score.value"))
    low = property(attrgetter("score.low"))
    high = property(attrgetter("score.high"))
    se = property(attrgetter("score.se"))
    draws = property(attrgetter("score.draws"))

    def flags_of(self, model: int, target: int) -> tuple[Flag, ...]:
        """The flags of one score."""
        return tuple(flag for flag in Flag if self.marks[flag][model, target])

    @cached_property
    def flags(self) -> NDArray[np.str_]:
        """The flags of each score by name, joined by a semicolon; empty where there is none."""
        n_models, n_targets = self.hat.shape
        rows = [["; ".join(self.flags_of(m, t)) for t in range(n_targets)] for m in range(n_models)]
        return np.array(rows, dtype=str).reshape(n_models, n_targets)

    @cached_property
    def sound(self) -> Bools:
        """Where there is a score that no flag weakens."""
        weak = [mark for flag, mark in self.marks.items() if flag not in HARMLESS]
        return np.asarray(np.isfinite(self.hat) & ~np.any(weak, axis=0))


def thinned(grid: Floats, chance: float) -> NDArray[np.intp]:
    """Every second point of the grid from chance to 1, at which redrawn profiles are kept.

    Examples
    --------
    >>> thinned(np.array([0.0, 0.25, 0.5, 0.6, 0.7, 0.9, 1.0]), 0.5).tolist()
    [2, 4, 6]
    """
    above = np.flatnonzero(grid >= chance - 1e-12)
    return above[(len(above) - 1) % 2 :: 2]


@dataclass(frozen=True)
class HatScores:
    """HAT scores of models on benchmarks, with intervals, support and the traditional metrics.

    Attributes
    ----------
    benchmarks : tuple of BenchmarkScores
    models, languages, names : DataFrame, DataFrame, mapping
        Descriptions of models and languages, and readable names of the benchmarks.
    n_draws : int
        Redraws of the items behind each interval; 0 if there are none.
    level : float
        Nominal coverage of the intervals.
    seed : int or None
        Seed of the redraws; None if a generator was passed in.
    """

    benchmarks: tuple[BenchmarkScores, ...]
    models: pd.DataFrame
    languages: pd.DataFrame
    names: Mapping[str, str]
    n_draws: int
    level: float
    seed: int | None

    def table(self) -> pd.DataFrame:
        """One row a benchmark × model × target.

        Returns
        -------
        DataFrame
            ``benchmark``, ``benchmark_name``, ``model``, ``display_name``, ``target`` ("macro" or
            a language code), ``target_name``; ``hat`` with ``low``, ``high`` and ``se``;
            ``support`` (share of the reference weight where the model has items),
            ``effective_items``, ``flag``; ``hat_pooled`` (over the hardness that these models
            meet) and ``f95`` (target accuracy where an item is nearly always solved in the source
            language), each with ``_low`` and ``_high``; ``n_items``, ``n_trials``;
            ``source_accuracy``, ``target_accuracy``, ``xlt_gap``, ``ratio``,
            ``conditional_transfer``; ``source``, ``chance``, ``hardness``, ``profile``,
            ``reference``; and what is known of the model.
        """
        frame = pd.concat([self._rows(b) for b in self.benchmarks], ignore_index=True)
        return frame.join(self.models.set_index("model")[ABOUT], on="model")

    def macro(self) -> pd.DataFrame:
        """The rows of `table` for the mean over all target languages."""
        table = self.table()
        return table[table["target"] == MACRO].reset_index(drop=True)

    def shown(self, b: BenchmarkScores) -> list[str]:
        """Readable names of the models of a benchmark."""
        names = dict(zip(self.models["model"], self.models["display_name"], strict=True))
        return [str(names.get(model, model)) for model in b.models]

    def _rows(self, b: BenchmarkScores) -> pd.DataFrame:
        names = dict(zip(self.languages["language"], self.languages["name"], strict=True))
        names[MACRO] = "mean over languages"
        frame = self._models_and_targets(b, 1)
        frame.insert(1, "benchmark_name", self.names.get(b.benchmark, b.benchmark))
        columns = {"target_name": np.tile([str(names.get(t, t)) for t in b.targets], len(b.models))}
        columns |= {"hat": b.hat, "low": b.low, "high": b.high, "se": b.se, "support": b.support}
        columns |= {"effective_items": b.effective_items, "flag": b.flags}
        for name, each in (("hat_pooled", b.hat_pooled), ("f95", b.f95)):
            columns |= {name: each.value, f"{name}_low": each.low, f"{name}_high": each.high}
        columns["n_items"] = np.rint(b.n_items).astype(int)
        columns["n_trials"] = np.broadcast_to(b.n_trials[:, None], b.hat.shape)
        frame = frame.assign(**{name: v.ravel() for name, v in (columns | {**b.metrics}).items()})
        facts = {"source": b.source_language, "chance": b.chance, "hardness": b.hardness.method}
        frame = frame.assign(**facts, profile=b.profile, reference=b.reference)
        return frame.astype({"target_name": "str", "flag": "str"})

    def _models_and_targets(self, b: BenchmarkScores, n: int) -> pd.DataFrame:
        """Rows for each model and target, `n` of each pair."""
        models, shown = (np.repeat(x, len(b.targets) * n) for x in (b.models, self.shown(b)))
        targets = np.tile(np.repeat(b.targets, n), len(b.models))
        columns = {"model": models, "display_name": shown, "target": targets}
        return pd.DataFrame({"benchmark": b.benchmark, **columns}).astype("str")

    def benchmark(self, name: str = "") -> BenchmarkScores:
        """The scores of one benchmark; the first if none is named.

        Raises
        ------
        InputError
            If there is no such benchmark.
        """
        found = {b.benchmark: b for b in self.benchmarks}
        if name and name not in found:
            there = f"There are: {listing(found, 20)}."
            raise InputError("no such benchmark was scored.", there, value=name)
        return found[name] if name else self.benchmarks[0]

    def profiles(self, benchmark: str = "") -> pd.DataFrame:
        """Transfer profiles, one row a model × target × point of the grid.

        Returns
        -------
        DataFrame
            ``benchmark``, ``model``, ``display_name``, ``target``, ``source_probability``,
            ``expected_target``, and ``low`` and ``high`` for the macro average.
        """
        parts = []
        for b in [self.benchmark(benchmark)] if benchmark else self.benchmarks:
            low, high = np.full((2, *b.curves.shape), np.nan)
            if b.bands is not None:
                low[:, 0], high[:, 0] = b.bands
            frame = self._models_and_targets(b, len(b.hardness.grid))
            frame["source_probability"] = np.tile(b.hardness.grid, b.hat.size)
            frame["expected_target"] = b.curves.ravel()
            parts.append(frame.assign(low=low.ravel(), high=high.ravel()))
        return pd.concat(parts, ignore_index=True)

    def bins(self, benchmark: str = "") -> pd.DataFrame:
        """What was observed: items grouped by their rate of correct answers in the source language.

        Returns
        -------
        DataFrame
            ``benchmark``, ``model``, ``display_name``, ``target``, ``source_rate`` (nan for pooled
            hardness), ``n_items``, ``target_rate`` and ``source_probability``, the posterior mean
            of the probability that the items of the group are answered correctly.
        """
        parts = []
        for b in [self.benchmark(benchmark)] if benchmark else self.benchmarks:
            table, (_, n_targets, n_cells) = b.table, b.table.items.shape
            rate = table.correct / table.trials if len(table.trials) else np.full(n_cells, np.nan)
            means = np.repeat(b.hardness.posterior @ b.hardness.grid, n_targets, axis=0)
            frame = self._models_and_targets(b, n_cells).assign(
                source_rate=np.tile(rate, b.hat.size),
                n_items=table.items.ravel(),
                target_rate=mean_rates(table.rates, table.items).ravel(),
                source_probability=means.ravel(),
            )
            parts.append(frame[frame["n_items"] > 0])
        return pd.concat(parts, ignore_index=True)

    def standard(self, benchmark: str = "") -> Standard:
        """Freeze the pooled hardness and the common shape of one benchmark, to score later models.

        Raises
        ------
        InputError
            If the profiles have no common shape (profile adaptive or shared has one), or no model
            has a score.
        """
        b = self.benchmark(benchmark)
        if b.shape is None:
            raise InputError("these profiles have no common shape.", "Use profile adaptive.")
        has = np.isfinite(b.hat).any(axis=1)
        if not has.any():
            raise InputError("no model has a score.", "A standard is made from scores.")
        n_items = int(b.table.paired[0].max())
        origin = f"{int(has.sum())} models on {n_items} items of {b.benchmark}"
        weight = b.distribution[has].mean(axis=0)
        return Standard(b.benchmark, b.chance, b.hardness.grid, weight, b.shape, origin)
