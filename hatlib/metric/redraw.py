"""Redraws: what becomes of scores, profiles and metrics when items are drawn again.

Every model and every language is redrawn with the same weights, so that noise which models share
cancels in their differences.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.metric.cells import Ledger, mean_over_targets
from hatlib.metric.estimate import Base, Part
from hatlib.metric.hardness import Hardness, mixing_distribution, posterior_of
from hatlib.metric.profile import ProfileFit
from hatlib.metric.sufficient import RedrawnMetrics

Floats = NDArray[np.float64]

Task = TypeVar("Task")
Found = TypeVar("Found")

MEASURES = ("hat", "hat_pooled", "f95")
"""The numbers that are redrawn, in the order of their axis."""

_CHUNK = 500  # redraws at a time, so that their arrays fit into the processor's cache
_WEIGHTS = 4_000_000  # weights at a time, to bound memory
_EVIDENCE = 1_500_000  # numbers of evidence at a time, to bound memory
_DENSE = 20_000  # entries × cells × languages up to which all cells are summed in one product
_CURVES = 40_000_000  # numbers of redrawn profiles that are kept


@dataclass(frozen=True)
class Redrawn:
    """What becomes of the scores when items are redrawn.

    Attributes
    ----------
    values : mapping of str to ndarray, shape (n_draws, n_models, n_targets + 1)
        By the names of `MEASURES`.
    curves : ndarray, shape (n_draws, n_models, n_grid), or None
        Macro profiles; None if there are too many to be kept.
    metrics : mapping of str to ndarray, shape (n_draws, n_models)
        The traditional metrics.
    """

    values: Mapping[str, Floats]
    curves: Floats | None
    metrics: Mapping[str, Floats]


def redraw(
    counts: Counts, parts: Sequence[Part], base: Base, draws: int, rng: np.random.Generator
) -> Redrawn:
    """Redraw the items of a benchmark.

    Parameters
    ----------
    counts : Counts
        All answers.
    parts : sequence of Part
        Its strata, fitted.
    base : Base
        The references.
    draws : int
        How many redraws.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    Redrawn
    """
    n_models = len(counts.models)
    grid = parts[0].hardness.grid
    plans = [
        [_Plan.of(x, p.hardness.posterior.shape[1], p.items) for x in p.ledgers] for p in parts
    ]
    metrics = RedrawnMetrics(counts)
    n_clusters = int(counts.clusters.max()) + 1
    size = n_models * (len(counts.targets) + 1) * parts[0].fit.parameters.shape[-1]
    step = max(20, min(draws, _CHUNK, _WEIGHTS // max(n_clusters, 1), _EVIDENCE // size))
    keep = draws * n_models * len(grid) <= _CURVES
    values = np.empty((len(MEASURES), draws, n_models, len(counts.targets) + 1))
    curves = np.zeros((draws, n_models, len(grid))) if keep else None
    measured: dict[str, Floats] = {}
    fixed = np.column_stack([base.weight, base.nearly])
    for start in range(0, draws, step):
        n = min(step, draws - start)
        weights = resample.weights(rng, counts.clusters, n).astype(float)
        # Noise is drawn here and not in the threads, whose order is left to chance.
        noise = np.random.default_rng(rng.integers(2**63))
        with ThreadPoolExecutor(min(n_models, os.cpu_count() or 1)) as pool:  # one a model
            parameters, pooled = [], np.zeros((n, len(grid)))
            for part, plan in zip(parts, plans, strict=True):
                tasks = [(m, plan[m], weights, part.hardness, part.fit) for m in range(n_models)]
                found = _over(pool, _one_model, tasks)
                evidence = np.stack([each for each, _ in found])
                parameters.append(part.fit.update(evidence, noise))
                members = [found[m][1] for m in np.flatnonzero(base.members)]
                pooled += part.share * np.mean(members, axis=0)
            scoring = [
                (m, [(p.share, p.fit, parameters[i][m]) for i, p in enumerate(parts)], fixed,
                 pooled)
                for m in range(n_models)
            ]  # fmt: skip
            for m, (means, curve) in enumerate(_over(pool, _one_score, scoring)):
                values[:, start : start + n, m] = means
                if curves is not None:
                    curves[start : start + n, m] = curve
        c = counts.chance
        scale = [
            np.full((n, 1, 1), base.weight @ grid - c),
            (pooled @ grid - c)[:, None, None],
        ]
        if base.name == "pooled":
            values[0, start : start + n] = values[1, start : start + n]
            scale[0] = scale[1]
        for i in range(2):
            values[i, start : start + n] -= c
            values[i, start : start + n] /= scale[i]
        for name, found_metric in metrics.of(weights).items():
            row = measured.setdefault(name, np.empty((draws, n_models)))
            row[start : start + n] = found_metric
    return Redrawn(
        dict(zip(MEASURES, values, strict=True)),
        curves,
        measured,
    )


def _over(
    pool: ThreadPoolExecutor, function: Callable[[Task], Found], tasks: Sequence[Task]
) -> list[Found]:
    """Each task done, several at a time where there are many, as handing over takes a while."""
    size = 1 + len(tasks) // 64
    batches = [tasks[at : at + size] for at in range(0, len(tasks), size)]
    done = pool.map(lambda batch: [function(task) for task in batch], batches)
    return [found for batch in done for found in batch]


@dataclass(frozen=True)
class _Plan:
    """The entries of one model, sorted by cell, so that a redraw is one product a cell."""

    order: NDArray[np.intp]  # of items
    slices: tuple[tuple[int, slice], ...]  # cell and its entries
    source: Floats | None  # (n_entries,); None if all are 1
    rates: Floats  # (n_targets, n_entries)
    known: Floats | None  # (n_targets, n_entries); None if nothing is missing
    n_cells: int
    all_items: NDArray[np.intp]  # of the stratum
    dense: tuple[Floats, Floats, Floats] | None  # entries × cells (× targets), if they are few

    @staticmethod
    def of(ledger: Ledger, n_cells: int, items: NDArray[np.intp]) -> _Plan:
        order = np.argsort(ledger.cell, kind="stable")
        present, first = np.unique(ledger.cell[order], return_index=True)
        ends = np.append(first, len(order))[1:]
        slices = tuple(
            (int(c), slice(int(a), int(b))) for c, a, b in zip(present, first, ends, strict=True)
        )
        source, known = ledger.source[order], ledger.known[:, order]
        complete = bool(np.allclose(known, source, rtol=0, atol=1e-12))
        return _Plan(
            items[ledger.item[order]],
            slices,
            None if (source == 1).all() else source,
            ledger.rates[:, order],
            None if complete else known,
            n_cells,
            items,
            _dense(ledger, order, n_cells),
        )

    def sums(self, weights: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Weights of the source, of the targets and of any target in each cell, and rates."""
        n_draws, (n_targets, _) = len(weights), self.rates.shape
        source = np.zeros((n_draws, self.n_cells))
        items, rates = np.zeros((2, n_draws, n_targets, self.n_cells))
        some = np.zeros((n_draws, self.n_cells))
        mine = weights[:, self.order]
        if self.dense is not None:
            source = mine @ self.dense[0]
            items = (mine @ self.dense[1]).reshape(n_draws, n_targets + 1, self.n_cells)
            rates = (mine @ self.dense[2]).reshape(n_draws, n_targets, self.n_cells)
            return source, items[:, 1:], items[:, 0], rates
        for cell, part in self.slices:
            w = mine[:, part]
            source[:, cell] = w.sum(axis=1) if self.source is None else w @ self.source[part]
            rates[:, :, cell] = w @ self.rates[:, part].T
            if self.known is None:
                items[:, :, cell] = source[:, cell, None]
                some[:, cell] = source[:, cell]
            else:
                items[:, :, cell] = w @ self.known[:, part].T
                some[:, cell] = w @ self.known[:, part].max(axis=0)
        return source, items, some, rates


def _dense(
    ledger: Ledger, order: NDArray[np.intp], n_cells: int
) -> tuple[Floats, Floats, Floats] | None:
    """One matrix for all cells, which is faster than cell by cell where items are few."""
    n_targets, n = ledger.rates.shape
    if not 0 < n * n_cells * (n_targets + 1) <= _DENSE:
        return None
    member = np.zeros((n, n_cells))
    member[np.arange(n), ledger.cell[order]] = 1
    known = np.vstack([ledger.known.max(axis=0, initial=0)[None], ledger.known])[:, order]
    rates = ledger.rates[:, order]
    return (
        ledger.source[order][:, None] * member,
        (known.T[:, :, None] * member[:, None]).reshape(n, -1),
        (rates.T[:, :, None] * member[:, None]).reshape(n, -1),
    )


def _one_model(
    task: tuple[int, _Plan, Floats, Hardness, ProfileFit],
) -> tuple[Floats, Floats]:
    """Evidence and hardness distribution of one model in the redraws."""
    m, plan, weights, hardness, fit = task
    source, known, some, sums = plan.sums(weights)
    items = np.concatenate([some[:, None], known], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / known
    macro = mean_over_targets(means) if plan.known is not None else means.mean(axis=1)
    rates = np.nan_to_num(np.concatenate([macro[:, None], means], axis=1))
    if hardness.likelihood is None:
        # Other items give the model another ability, and its items another place.
        assert hardness.influence is not None and hardness.drift is not None
        move = (weights[:, plan.all_items] - 1) @ hardness.influence[m]
        posterior = hardness.posterior[m] + move[:, None, None] * hardness.drift[m]
        share = source / np.maximum(source.sum(axis=1, keepdims=True), 1)
        distribution = np.einsum("bc,bcg->bg", share, posterior)
    else:
        distribution = mixing_distribution(source, hardness.likelihood, hardness.steps)
        posterior = posterior_of(distribution, hardness.likelihood)
    return fit.evidence(m, items, rates, posterior), distribution


def _one_score(
    args: tuple[int, Sequence[tuple[float, ProfileFit, Floats]], Floats, Floats],
) -> tuple[Floats, Floats]:
    """Means over the references, *f(.95)*, and the macro profile of one model in the redraws."""
    m, parts, fixed, pooled = args
    values: Floats | None = None
    for share, fit, parameters in parts:
        each = fit.values(m, parameters)
        values = each if len(parts) == 1 else share * each + (0 if values is None else values)
    assert values is not None
    means = values @ fixed
    over_pool = np.matmul(values, pooled[:, :, None])[..., 0]
    return np.stack([means[..., 0], over_pool, means[..., 1]]), values[:, 0].copy()
