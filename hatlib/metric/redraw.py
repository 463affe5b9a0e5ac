"""Redraws: what becomes of scores, profiles and metrics when items are drawn again.

Every model and every language is redrawn with the same weights, so that noise which models share
cancels in their differences.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.metric.estimate import Part
from hatlib.metric.reference import MEASURES, Base
from hatlib.metric.sufficient import Floats, RedrawnMetrics, mean_over

_CHUNK = 500  # redraws at a time, so that their arrays fit into the processor's cache
_WEIGHTS = 4_000_000  # weights at a time, to bound memory
_EVIDENCE = 1_500_000  # numbers of evidence at a time, to bound memory
_ROWS = 800  # models × redraws that are worth a call
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
    """Redraw the items of a benchmark, whose strata were fitted.

    Parameters
    ----------
    counts : Counts
        All answers.
    parts : sequence of Part
        Its strata.
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
    n_models, n_targets, n_grid = len(counts.models), len(counts.targets) + 1, len(base.grid)
    n_clusters = int(counts.clusters.max()) + 1
    size = n_models * n_targets * parts[0].fit.parameters.shape[-1]
    step = max(20, min(draws, _CHUNK, _WEIGHTS // n_clusters, _EVIDENCE // size))
    some = max(1, _ROWS // step)
    batches = [slice(m, min(m + some, n_models)) for m in range(0, n_models, some)]
    metrics = RedrawnMetrics(counts)
    found = {name: np.empty((draws, n_models, n_targets)) for name in MEASURES}
    curves = np.empty((draws, n_models, n_grid)) if draws * n_models * n_grid <= _CURVES else None
    measured = []
    with ThreadPoolExecutor(min(len(batches), os.cpu_count() or 1)) as pool:
        for start in range(0, draws, step):
            here = slice(start, min(start + step, draws))
            n = here.stop - start
            weights = resample.weights(rng, counts.clusters, n).astype(float)
            # Noise is drawn here and not in the threads, whose order is left to chance.
            noise = np.random.default_rng(rng.integers(2**63))
            parameters, pooled = [], np.zeros((n, n_grid))
            for part in parts:
                seen = list(pool.map(partial(_evidence, part, weights[:, part.items]), batches))
                parameters.append(part.fit.update(np.concatenate([e for e, _ in seen]), noise))
                hardness = np.concatenate([distribution for _, distribution in seen])
                pooled += part.share * hardness[base.members].mean(axis=0)
            again = partial(_scores, parts, parameters, replace(base, pooled=pooled))
            for models, (values, macro) in zip(batches, pool.map(again, batches), strict=True):
                for name, each in values.items():
                    found[name][here, models] = each.swapaxes(0, 1)
                if curves is not None:
                    curves[here, models] = macro.swapaxes(0, 1)
            measured.append(metrics.of(weights))
    together = {name: np.concatenate([each[name] for each in measured]) for name in measured[0]}
    return Redrawn(found, curves, together)


def _evidence(part: Part, weights: Floats, models: slice) -> tuple[Floats, Floats]:
    """Evidence of the profiles and distribution of hardness of some models in the redraws."""
    hardness, fit = part.hardness, part.fit
    n_cells, n_targets = hardness.posterior.shape[1], part.table.items.shape[1]
    sums = np.stack([x.sums(weights, n_cells) for x in hardness.ledgers[models]])
    distribution, expect = hardness.redrawn(models, weights, sums[:, 0])
    items = sums[:, 1 : n_targets + 1].swapaxes(1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = sums[:, n_targets + 1 :].swapaxes(1, 2) / items
    rates[:, :, 0] = mean_over(rates[:, :, 1:], axis=2)
    return fit.evidence(models, items, np.nan_to_num(rates), expect), distribution


def _scores(
    parts: Sequence[Part], parameters: Sequence[Floats], base: Base, models: slice
) -> tuple[dict[str, Floats], Floats]:
    """The measures and the macro profiles of some models in the redraws."""
    curves = sum(
        part.share * part.fit.values(models, p[models])
        for part, p in zip(parts, parameters, strict=True)
    )
    curves = np.asarray(curves)
    return base.scores(curves), curves[:, :, 0]
