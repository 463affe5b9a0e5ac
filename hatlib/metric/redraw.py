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
from hatlib.metric.estimate import Fitted, Part
from hatlib.metric.reference import MEASURES, Reference
from hatlib.metric.sufficient import Floats, mean_over, paired_sums, traditional

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
        The macro average of the traditional metrics.
    """

    values: Mapping[str, Floats]
    curves: Floats | None
    metrics: Mapping[str, Floats]


def redraw(
    counts: Counts, found: Fitted, reference: Reference, draws: int, rng: np.random.Generator
) -> Redrawn:
    """Redraw the items of a benchmark that was fitted."""
    n_models, n_targets, n_grid = found.curves.shape
    sums = paired_sums(counts)
    known = sums[0] > 0
    # With no gaps, all languages share their items, and their mean rate is enough.
    targets = slice(0, 1) if (known[:, 1:] == known[:, :1]).all() else slice(1, None)
    sums = np.ascontiguousarray(sums[:, :, targets])
    size = n_models * n_targets * found.parts[0].fit.parameters.shape[-1]
    n_clusters = int(counts.clusters.max()) + 1
    step = max(20, min(draws, _CHUNK, _WEIGHTS // n_clusters, _EVIDENCE // size))
    some = max(1, _ROWS // step)
    batches = [slice(m, min(m + some, n_models)) for m in range(0, n_models, some)]
    values = {name: np.empty((draws, n_models, n_targets)) for name in MEASURES}
    curves = np.empty((draws, n_models, n_grid)) if draws * n_models * n_grid <= _CURVES else None
    metrics: dict[str, Floats] = {}
    with ThreadPoolExecutor(min(len(batches), os.cpu_count() or 1)) as pool:
        for start in range(0, draws, step):
            here = slice(start, min(start + step, draws))
            n = here.stop - start
            weights = resample.weights(rng, counts.clusters, n).astype(float)
            # Noise is drawn here and not in the threads, whose order is left to chance.
            noise = np.random.default_rng(rng.integers(2**63))
            parameters, pooled = [], np.zeros((n, n_grid))
            for part in found.parts:
                seen = list(pool.map(partial(_evidence, part, weights[:, part.items]), batches))
                parameters.append(part.fit.update(np.concatenate([e for e, _ in seen]), noise))
                hardness = np.concatenate([distribution for _, distribution in seen])
                pooled += part.share * hardness[reference.members].mean(axis=0)
            again = partial(_scores, found.parts, parameters, replace(reference, pooled=pooled))
            for models, (scores, macro) in zip(batches, pool.map(again, batches), strict=True):
                for name, each in scores.items():
                    values[name][here, models] = each.swapaxes(0, 1)
                if curves is not None:
                    curves[here, models] = macro.swapaxes(0, 1)
            again_paired = np.moveaxis(np.tensordot(sums, weights, axes=(3, 1)), 3, 1)
            for name, each in traditional(again_paired).items():
                metrics.setdefault(name, np.empty((draws, n_models)))[here] = each[..., 0]
    return Redrawn(values, curves, metrics)


def _evidence(part: Part, weights: Floats, models: slice) -> tuple[Floats, Floats]:
    """Evidence of the profiles and distribution of hardness of some models in the redraws."""
    n_targets = part.table.items.shape[1]
    sums = np.stack([x.sums(weights, part.cells.number) for x in part.cells.ledgers[models]])
    distribution, expect = part.hardness.redrawn(models, weights, sums[:, 0])
    items = sums[:, 1 : n_targets + 1].swapaxes(1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = sums[:, n_targets + 1 :].swapaxes(1, 2) / items
    rates[:, :, 0] = mean_over(rates[:, :, 1:], axis=2)
    return part.fit.evidence(models, items, np.nan_to_num(rates), expect), distribution


def _scores(
    parts: Sequence[Part], parameters: Sequence[Floats], reference: Reference, models: slice
) -> tuple[dict[str, Floats], Floats]:
    """The measures and the macro profiles of some models in the redraws."""
    curves = np.zeros(())
    for part, mine in zip(parts, parameters, strict=True):
        curves = curves + part.share * part.fit.values(mine[models])
    return reference.scores(curves), curves[:, :, 0]
