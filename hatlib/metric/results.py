"""What `metric.score` gives: scores with their intervals, profiles, and what they rest on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.data.responses import Responses
from hatlib.data.schema import MODEL_COLUMNS
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.hardness import Hardness
from hatlib.metric.profile import Shape
from hatlib.metric.reference import Standard
from hatlib.metric.sufficient import MACRO, SufficientTable
from hatlib.show.words import counted, headline, joined, markdown_text

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

SCHEMA = 1
"""Version of the JSON output. A change that breaks readers raises it."""

_ROUND = 6  # decimals in JSON: the same seed gives the same text on any machine


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
    flags : ndarray of str, same shape
        Empty, or why a score is missing or weak; see `hatlib.metric.score.FLAGS`.
    n_trials : ndarray of int, shape (n_models,)
        Usual number of answers an item in the source language.
    metrics : mapping
        The traditional metrics by name, each of the same shape.
    draws : ndarray, shape (n_draws, n_models, n_targets + 1), or None
        Scores of redrawn items, the same items for all models.
    notes : tuple of str
        What was chosen or assumed.
    curve_draws : ndarray, shape (n_draws, n_models, n_points), or None
        Macro profiles of redrawn items, the same items for all models, at the grid points that
        `thinned` names.
    metric_draws : mapping, or None
        ``source_accuracy``, ``target_accuracy``, ``xlt_gap``, ``ratio`` and
        ``conditional_transfer`` (macro) of the same redrawn items as `draws`, each of shape
        (n_draws, n_models).
    """

    benchmark: str
    source_language: str
    chance: float
    models: tuple[str, ...]
    targets: tuple[str, ...]
    hardness: Hardness
    table: SufficientTable
    profile: str
    reference: str
    weight: Floats
    shape: Shape | None
    curves: Floats
    bands: Floats | None
    hat: Floats
    low: Floats
    high: Floats
    se: Floats
    support: Floats
    effective_items: Floats
    flags: NDArray[np.str_]
    n_items: Floats
    n_trials: NDArray[np.int64]
    metrics: Mapping[str, Floats]
    draws: Floats | None
    notes: tuple[str, ...]
    curve_draws: Floats | None = None
    metric_draws: Mapping[str, Floats] | None = None


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

    @staticmethod
    def of(
        benchmarks: Sequence[BenchmarkScores],
        responses: Responses,
        *,
        draws: int,
        level: float,
        seed: int | None,
    ) -> HatScores:
        """Put the scores of several benchmarks together with what is known of their models."""
        names = responses.benchmarks.set_index("benchmark")["name"].astype(str)
        return HatScores(
            tuple(benchmarks),
            responses.models,
            responses.languages,
            {str(key): name for key, name in names.items()},
            draws,
            level,
            seed,
        )

    # Tables ---------------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """One row a benchmark × model × target.

        Returns
        -------
        DataFrame
            ``benchmark``, ``benchmark_name``, ``model``, ``display_name``, ``target`` ("macro" or
            a language code), ``target_name``; ``hat`` with ``low``, ``high`` and ``se``;
            ``support`` (share of the reference weight where the model has items),
            ``effective_items``, ``flag``; ``n_items``, ``n_trials``; ``source_accuracy``,
            ``target_accuracy``, ``xlt_gap``, ``ratio``, ``conditional_transfer``; ``source``,
            ``chance``, ``hardness``, ``profile``, ``reference``; and what is known of the model.
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        frame = pd.concat([self._rows(b) for b in self.benchmarks], ignore_index=True)
        columns = [c for c in MODEL_COLUMNS if c != "display_name"]
        about = self.models.set_index("model")[columns]
        return frame.join(about, on="model")

    def macro(self) -> pd.DataFrame:
        """The rows of `table` for the mean over all target languages."""
        return self._table[self._table["target"] == MACRO].reset_index(drop=True)

    def _rows(self, b: BenchmarkScores) -> pd.DataFrame:
        n_models, n_targets = b.hat.shape
        per_cell = {
            "hat": b.hat,
            "low": b.low,
            "high": b.high,
            "se": b.se,
            "support": b.support,
            "effective_items": b.effective_items,
            "flag": b.flags,
            "n_items": np.rint(b.n_items).astype(int),
            "n_trials": np.repeat(b.n_trials[:, None], n_targets, axis=1),
            **b.metrics,
        }
        frame = pd.DataFrame(
            {
                "benchmark": b.benchmark,
                "benchmark_name": self.names.get(b.benchmark, b.benchmark),
                "model": np.repeat(b.models, n_targets),
                "display_name": np.repeat([self._display(m) for m in b.models], n_targets),
                "target": np.tile(b.targets, n_models),
                "target_name": np.tile([self._target(t) for t in b.targets], n_models),
                **{name: np.asarray(values).ravel() for name, values in per_cell.items()},
                "source": b.source_language,
                "chance": b.chance,
                "hardness": b.hardness.method,
                "profile": b.profile,
                "reference": b.reference,
            }
        )
        text = ["model", "display_name", "target", "target_name", "flag"]
        return frame.astype(dict.fromkeys(text, "str"))

    @cached_property
    def _names(self) -> dict[str, str]:
        return dict(zip(self.models["model"], self.models["display_name"], strict=True))

    @cached_property
    def _language_names(self) -> dict[str, str]:
        return dict(zip(self.languages["language"], self.languages["name"], strict=True))

    def _display(self, model: str) -> str:
        return str(self._names.get(model, model))

    def _target(self, code: str) -> str:
        return "mean over languages" if code == MACRO else str(self._language_names.get(code, code))

    @property
    def draws(self) -> dict[str, Floats]:
        """Redrawn scores by benchmark, each of shape (n_draws, n_models, n_targets + 1)."""
        return {b.benchmark: b.draws for b in self.benchmarks if b.draws is not None}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen or assumed, benchmark by benchmark."""
        return tuple(f"{b.benchmark}: {note}" for b in self.benchmarks for note in b.notes)

    def benchmark(self, name: str = "") -> BenchmarkScores:
        """The scores of one benchmark; the first if none is named.

        Raises
        ------
        InputError
            If there is no such benchmark.
        """
        for b in self.benchmarks:
            if name in ("", b.benchmark):
                return b
        there = listing([b.benchmark for b in self.benchmarks], 20)
        raise InputError(
            Problem("no such benchmark was scored.", f"There are: {there}.", value=name)
        )

    def profiles(self, benchmark: str = "") -> pd.DataFrame:
        """Transfer profiles, one row a model × target × point of the grid.

        Returns
        -------
        DataFrame
            ``benchmark``, ``model``, ``display_name``, ``target``, ``source_probability``,
            ``expected_target``, and ``low`` and ``high`` for the macro average.
        """
        parts = []
        for b in self._some(benchmark):
            n_models, n_targets, n_grid = b.curves.shape
            band = np.full((2, *b.curves.shape), np.nan)
            if b.bands is not None:
                band[:, :, 0] = b.bands
            frame = self._model_target(b, n_grid)
            frame["source_probability"] = np.tile(b.hardness.grid, n_models * n_targets)
            frame["expected_target"] = b.curves.ravel()
            frame["low"], frame["high"] = band[0].ravel(), band[1].ravel()
            parts.append(frame)
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
        for b in self._some(benchmark):
            n_models, n_targets, n_cells = b.table.items.shape
            frame = self._model_target(b, n_cells)
            if len(b.table.trials):
                frame["source_rate"] = np.tile(
                    b.table.correct / b.table.trials, n_models * n_targets
                )
            else:
                frame["source_rate"] = np.nan
            frame["n_items"] = b.table.items.ravel()
            frame["target_rate"] = b.table.means().ravel()
            mean = np.repeat(b.hardness.mean()[:, None], n_targets, axis=1)
            frame["source_probability"] = mean.ravel()
            parts.append(frame[frame["n_items"] > 0])
        return pd.concat(parts, ignore_index=True)

    def hardness_distribution(self, benchmark: str = "") -> pd.DataFrame:
        """How the items of each model are distributed over *h*.

        Returns
        -------
        DataFrame
            ``benchmark``, ``model``, ``display_name``, ``source_probability``, ``share`` of the
            items at or below it, and ``reference``, the share of the reference weight.
        """
        parts = []
        for b in self._some(benchmark):
            n_grid = len(b.hardness.grid)
            parts.append(
                pd.DataFrame(
                    {
                        "benchmark": b.benchmark,
                        "model": np.repeat(b.models, n_grid),
                        "display_name": np.repeat([self._display(m) for m in b.models], n_grid),
                        "source_probability": np.tile(b.hardness.grid, len(b.models)),
                        "share": np.cumsum(b.hardness.distribution, axis=1).ravel(),
                        "reference": np.tile(np.cumsum(b.weight), len(b.models)),
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    def _some(self, benchmark: str) -> list[BenchmarkScores]:
        return [self.benchmark(benchmark)] if benchmark else list(self.benchmarks)

    def _model_target(self, b: BenchmarkScores, n: int) -> pd.DataFrame:
        names = [self._display(m) for m in b.models]
        n_models, n_targets = len(b.models), len(b.targets)
        return pd.DataFrame(
            {
                "benchmark": b.benchmark,
                "model": np.repeat(b.models, n_targets * n),
                "display_name": np.repeat(names, n_targets * n),
                "target": np.tile(np.repeat(b.targets, n), n_models),
            }
        )

    # Words, charts and files ----------------------------------------------------------------

    def summary(self, benchmark: str = "") -> str:
        """What the scores of one benchmark say, in sentences made from the numbers."""
        b = self.benchmark(benchmark)
        rows = self.macro()
        rows = rows[rows["benchmark"] == b.benchmark]
        name = str(rows["benchmark_name"].iloc[0])
        known = rows.dropna(subset=["hat"])
        if known.empty:
            reasons = joined(sorted(set(rows["flag"]) - {""})) if rows["flag"].any() else "no data"
            return f"{headline(name, 'no score')} No model can be scored: {reasons}."
        ranked = known.sort_values("hat")
        best, worst = ranked.iloc[-1], ranked.iloc[0]
        verdict = f"{counted(len(known), 'model')} scored"
        parts = [headline(name, verdict)]
        if len(known) > 1:
            parts.append(
                f"HAT runs from {_with_interval(worst)} to {_with_interval(best)} "
                f"(reference {b.reference}, hardness {b.hardness.method})."
            )
        else:
            parts.append(
                f"HAT is {_with_interval(best)} "
                f"(reference {b.reference}, hardness {b.hardness.method})."
            )
        weak = known[known["flag"].str.contains("extrapolated")]
        if len(weak):
            parts.append(
                f"{counted(len(weak), 'score')} {'is' if len(weak) == 1 else 'are'} extrapolated: "
                "the model has few items over much of the reference."
            )
        fewer = known[known["flag"].str.contains("other languages")]
        if len(fewer):
            names = joined([markdown_text(name) for name in fewer["display_name"]])
            parts.append(f"Over other languages than most, so not to be ranked: {names}.")
        left = rows[rows["hat"].isna()]
        if len(left):
            parts.append(
                f"Not scored: {joined([_because(row) for row in left.to_dict('records')])}."
            )
        return " ".join(parts)

    def chart(self, benchmark: str = "", target: str = MACRO) -> Figure | Notice:
        """HAT of every model with its interval, for one target."""
        from hatlib.show import charts

        b = self.benchmark(benchmark)
        rows = self._table
        rows = rows[(rows["benchmark"] == b.benchmark) & (rows["target"] == target)]
        name = self.names.get(b.benchmark, b.benchmark)
        what = "mean over target languages" if target == MACRO else self._target(target)
        notes = [f" ({flag})" if flag else "" for flag in rows["flag"]]
        rows = rows.assign(row=rows["display_name"] + notes)
        return charts.intervals(
            rows.dropna(subset=["hat"]),
            value="hat",
            low="low",
            high="high",
            row="row",
            color="lineage" if len(set(rows["lineage"])) > 1 else None,
            zero=1.0,
            name=f"hat-{b.benchmark}-{target}",
            title_x="HAT score (0 none, 1 perfect transfer)",
            caption=(
                f"HAT scores on {name}, {what}. Bars are {self.level:.0%} intervals from redrawn "
                "items. The line at 1 is perfect transfer."
            ),
        )

    def profile_chart(
        self, benchmark: str = "", models: Sequence[str] = (), target: str = MACRO
    ) -> Figure | Notice:
        """Transfer profiles of some models (by default all) for one target, with bands."""
        from hatlib.show import charts

        b = self.benchmark(benchmark)
        frame = self.profiles(b.benchmark)
        frame = frame[frame["target"] == target]
        if models:
            chosen = frame["model"].isin(models) | frame["display_name"].isin(models)
            frame = frame[chosen]
        frame = frame[frame["source_probability"] >= b.chance - 1e-9]
        grid = np.unique(frame["source_probability"])
        line = pd.DataFrame(
            {
                "source_probability": grid[[0, -1]],
                "expected_target": grid[[0, -1]],
                "low": grid[[0, -1]],
                "high": grid[[0, -1]],
                "display_name": "perfect transfer",
            }
        )
        name = self.names.get(b.benchmark, b.benchmark)
        return charts.curves(
            pd.concat([frame, line], ignore_index=True),
            x="source_probability",
            y="expected_target",
            low="low" if target == MACRO and b.bands is not None else None,
            high="high" if target == MACRO and b.bands is not None else None,
            series="display_name",
            name=f"profile-{b.benchmark}-{target}",
            title_x="Probability of a correct answer in the source language",
            title_y="Expected accuracy in the target languages",
            caption=(
                f"Transfer profiles on {name}. Hard items are on the left, easy ones on the right. "
                f"Bands are {self.level:.0%} intervals at each point, from redrawn items."
            ),
        )

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
            raise InputError(
                Problem("these profiles have no common shape.", "Use profile adaptive.")
            )
        has = np.isfinite(b.hat).any(axis=1)
        if not has.any():
            raise InputError(Problem("no model has a score.", "A standard is made from scores."))
        origin = (
            f"{counted(int(has.sum()), 'model')} on "
            f"{counted(int(b.table.source_items.sum(axis=1).max()), 'item')} of {b.benchmark}"
        )
        weight = b.hardness.distribution[has].mean(axis=0)
        return Standard(b.benchmark, b.chance, b.hardness.grid, weight, b.shape, origin)

    def to_json(self) -> str:
        """The scores as JSON, in the documented schema (version `SCHEMA`)."""
        from hatlib import __version__

        table = self._table
        results: list[dict[str, Any]] = []
        for b in self.benchmarks:
            rows = table[table["benchmark"] == b.benchmark]
            results.append(
                {
                    "benchmark": b.benchmark,
                    "source": b.source_language,
                    "chance": b.chance,
                    "hardness": b.hardness.method,
                    "profile": b.profile,
                    "reference": b.reference,
                    "notes": list(b.notes),
                    "scores": [_json_row(row) for row in rows.to_dict("records")],
                }
            )
        document = {
            "schema": SCHEMA,
            "draws": self.n_draws,
            "seed": self.seed,
            "level": self.level,
            "hatlib": __version__,
            "results": results,
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


_JSON_COLUMNS = (
    "model",
    "target",
    "hat",
    "low",
    "high",
    "support",
    "effective_items",
    "flag",
    "n_items",
    "n_trials",
    "source_accuracy",
    "target_accuracy",
    "xlt_gap",
    "ratio",
    "conditional_transfer",
)


def _json_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: _json_value(row[name]) for name in _JSON_COLUMNS}


def _json_value(value: Any) -> Any:
    if isinstance(value, str):
        return value or None
    if isinstance(value, (float, np.floating)):
        return round(float(value), _ROUND) if np.isfinite(value) else None
    return int(value)


def _with_interval(row: Any) -> str:
    text = f"{row['hat']:.2f}"
    if np.isfinite(row["low"]):
        text += f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{text} ({markdown_text(row['display_name'])})"


def _because(row: Mapping[Any, Any]) -> str:
    return f"{markdown_text(row['display_name'])} ({row['flag']})"
