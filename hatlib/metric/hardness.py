"""How hard is an item for a model, as far as a few answers can show it.

Hardness is one minus the probability *h* that the model answers the item correctly in the source
language.  A handful of answers does not show *h*, only a posterior distribution of it.  Two ways
to get one:

- **self**: from the model's own answers in the source language. The distribution of *h* over the
  items is estimated by nonparametric maximum likelihood; the posterior of an item then depends on
  its count of correct answers only.
- **pooled**: from the answers of all models, by an item-response model
  (`hatlib.metric.pooled`). It works with one answer an item. *Leave-one-out* keeps a model
  from helping to define the hardness that it is judged by, *other-lineages* keeps its relatives
  from it, too, and *lineage:NAME* takes the hardness from the models of one lineage.

Both give the same thing: for each cell of items (`hatlib.metric.sufficient`) a posterior on a grid
of *h*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hatlib.metric.sufficient import Floats, SufficientTable

Expect = Callable[[Floats], Floats]
"""From functions on the grid, (n_models, n_functions, n_grid), to their means in the cells."""

GRID_POINTS = 41
"""Points of the grid from chance to 1."""

EM_STEPS = (40, 1500)
"""Fewest and most steps of expectation and maximisation: one for every ten items.

Stopping early keeps the distribution smooth where few items cannot say better. Many items can, and
there the same number of steps would leave an avoidable error (`benchmarks/score_choices.py`).
"""


@dataclass(frozen=True)
class Hardness:
    """Posterior distributions of the probability of a correct answer in the source language.

    Attributes
    ----------
    method : str
        "self", or one of `hatlib.metric.pooled.donors`.
    grid : ndarray, shape (n_grid,)
        Probabilities *h*, from 0 to 1.
    posterior : ndarray, shape (n_models, n_cells, n_grid)
        P(h | cell); rows sum to 1.
    distribution : ndarray, shape (n_models, n_grid)
        Distribution of *h* over the items of the model.
    likelihood : ndarray, shape (n_cells, n_grid), or None
        P(cell | h), for "self", with which a redraw estimates its own distribution.
    steps : int
        Steps of the EM algorithm behind the distribution; 0 for pooled hardness.
    influence : ndarray, shape (n_models, n_items), or None
        For pooled hardness: by how much one more copy of an item moves the ability of a model
        (logits).
    drift : ndarray, shape (n_models, n_cells, n_grid), or None
        For pooled hardness: change of the posterior for each logit of ability.
    """

    method: str
    grid: Floats
    posterior: Floats
    distribution: Floats
    likelihood: Floats | None = None
    steps: int = 0
    influence: Floats | None = None
    drift: Floats | None = None

    def redrawn(self, models: slice, weights: Floats, source: Floats) -> tuple[Floats, Expect]:
        """Some models when items are drawn again.

        Parameters
        ----------
        models : slice
            Which models.
        weights : ndarray, shape (n_draws, n_items)
            How often each item is drawn.
        source : ndarray, shape (n_models, n_draws, n_cells)
            What that comes to in the cells.

        Returns
        -------
        distribution : ndarray, shape (n_models, n_draws, n_grid)
        expect : callable
            Gives the posterior means, (n_models, n_draws, n_functions, n_cells).
        """
        if self.likelihood is not None:
            likelihood = self.likelihood
            distribution = mixing_distribution(source, likelihood, self.steps)

            def bayes(f: Floats) -> Floats:  # without the posterior of every redraw
                joint = f[:, :, None] * likelihood  # models × functions × cells × grid
                flat = joint.reshape(len(f), -1, joint.shape[3]).swapaxes(1, 2)
                total = (distribution @ flat).reshape(*distribution.shape[:2], *joint.shape[1:3])
                return np.asarray(total / (distribution @ likelihood.T)[:, :, None])

            return distribution, bayes
        # Other items give the model another ability, and its items another place.
        assert self.influence is not None and self.drift is not None
        move = ((weights - 1) @ self.influence[models].T).T
        posterior, drift = self.posterior[models], self.drift[models]
        share = source / np.maximum(source.sum(axis=2, keepdims=True), 1)
        distribution = share @ posterior + move[..., None] * (share @ drift)

        def shift(f: Floats) -> Floats:
            still, moved = (f @ part.swapaxes(1, 2) for part in (posterior, drift))
            return np.asarray(still[:, None] + move[..., None, None] * moved[:, None])

        return distribution, shift


def hardness_grid(chance: float = 0.0, points: int = GRID_POINTS) -> Floats:
    """Probabilities of a correct answer, dense near chance and near 1, where real items pile up.

    Parameters
    ----------
    chance : float
        Accuracy of a guess, 0 to below 1. If it is above 0, four points lie below it.
    points : int
        Points from chance to 1.

    Returns
    -------
    ndarray
        Increasing, from 0 to 1; `chance` is one of the points.

    Examples
    --------
    >>> hardness_grid(0, points=5).round(2).tolist()
    [0.0, 0.15, 0.5, 0.85, 1.0]
    >>> hardness_grid(0.5, points=3).round(3).tolist()
    [0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0]
    """
    above = chance + (1 - chance) * np.sin(np.linspace(0, np.pi / 2, points)) ** 2
    below = chance * np.array([0.0, 0.25, 0.5, 0.75]) if chance > 0 else np.array([])
    return np.concatenate([below, above])


def binomial_likelihood(
    correct: ArrayLike, trials: ArrayLike, grid: Floats, correlation: float = 0.0
) -> Floats:
    """P(correct | trials, h) for every cell and grid point.

    Parameters
    ----------
    correct, trials : array_like of int, shape (n_cells,)
        Counts of each cell.
    grid : ndarray, shape (n_grid,)
        Probabilities *h*.
    correlation : float
        Correlation of the answers to one item beyond its *h*, 0 to below 1. Above 0 the counts
        are beta-binomial: ten answers then show less than ten.

    Returns
    -------
    ndarray, shape (n_cells, n_grid)

    Examples
    --------
    >>> binomial_likelihood([0, 1, 2], [2, 2, 2], np.array([0.0, 0.5, 1.0])).round(9).tolist()
    [[1.0, 0.25, 0.0], [0.0, 0.5, 0.0], [0.0, 0.25, 1.0]]
    """
    k, n = np.asarray(correct)[:, None], np.asarray(trials)[:, None]
    if correlation == 0:
        return stats.binom.pmf(k, n, grid[None, :])
    inner = grid.clip(1e-6, 1 - 1e-6)[None, :]
    scale = 1 / correlation - 1
    mixed = stats.betabinom.pmf(k, n, inner * scale, (1 - inner) * scale)
    mixed[:, grid <= 0] = k == 0
    mixed[:, grid >= 1] = k == n
    return mixed


def mixing_distribution(items: ArrayLike, likelihood: Floats, steps: int) -> Floats:
    """The distribution of *h* over items that best explains how many items each cell has.

    Nonparametric maximum likelihood of a binomial mixture (Laird 1978) by the EM algorithm, all
    rows at once.

    Parameters
    ----------
    items : array_like, shape (..., n_cells)
        Number (or weight) of items in each cell.
    likelihood : ndarray, shape (n_cells, n_grid)
        P(cell | h).
    steps : int
        Steps from the even distribution on the grid.

    Returns
    -------
    ndarray, shape (..., n_grid)
        Sums to 1 in each row; even where a row has no item.

    Examples
    --------
    >>> grid = hardness_grid()
    >>> likelihood = binomial_likelihood([0, 1, 2], [2, 2, 2], grid)
    >>> pi = mixing_distribution([25, 0, 75], likelihood, steps=200)
    >>> bool(pi[grid < 0.1].sum() > 0.24), bool(pi[grid > 0.9].sum() > 0.74)
    (True, True)
    """
    items = np.asarray(items, dtype=float)
    rows = items.reshape(-1, items.shape[-1]).T
    total = rows.sum(axis=0)
    share = rows / np.where(total > 0, total, 1)
    n_grid = likelihood.shape[1]
    forth, back = np.ascontiguousarray(likelihood), np.ascontiguousarray(likelihood.T)
    pi = np.full((n_grid, rows.shape[1]), 1 / n_grid)
    expected, factor = np.empty(share.shape), np.empty(pi.shape)
    for _ in range(steps):
        np.matmul(forth, pi, out=expected)
        np.maximum(expected, 1e-300, out=expected)
        np.divide(share, expected, out=expected)
        pi *= np.matmul(back, expected, out=factor)
    pi[:, total == 0] = 1 / n_grid
    np.maximum(pi, 1e-200, out=pi)  # what is ruled out here keeps a posterior: its likelihood
    return pi.T.reshape(*items.shape[:-1], n_grid)


def self_hardness(table: SufficientTable, *, correlation: float = 0.0) -> Hardness:
    """Hardness from how many items each cell of right answers and trials has.

    Parameters
    ----------
    table : SufficientTable
        From `hatlib.tabulate`. If it is corrected for a judge, the judge's errors enter the
        likelihood, and the grid stays that of right answers.
    correlation : float
        Correlation of the answers to one item, see `binomial_likelihood`.

    Returns
    -------
    Hardness

    Examples
    --------
    >>> from hatlib import simulate_answers, tabulate
    >>> counts = simulate_answers(abilities=[0.0], n_items=50, n_trials=4).responses.counts("sim")
    >>> self_hardness(tabulate(counts)).posterior.shape
    (1, 5, 41)
    """
    grid = hardness_grid(table.chance)
    accepted = table.judge.observed(grid) if table.judge else grid
    likelihood = binomial_likelihood(table.correct, table.trials, accepted, correlation)
    steps = int(np.clip(np.median(table.source_items.sum(axis=1)) / 10, *EM_STEPS))
    distribution = mixing_distribution(table.source_items, likelihood, steps)
    joint = distribution[:, None, :] * likelihood
    posterior = joint / joint.sum(axis=2, keepdims=True)
    return Hardness("self", grid, posterior, distribution, likelihood, steps)


def onto_grid(points: Floats, grid: Floats) -> Floats:
    """The matrix (n_points, n_grid) that moves mass from points onto the grid and keeps its mean.

    Examples
    --------
    >>> onto_grid(np.array([0.1]), np.array([0.0, 0.4, 1.0])).tolist()
    [[0.75, 0.25, 0.0]]
    """
    right = np.clip(np.searchsorted(grid, points), 1, len(grid) - 1)
    share = np.clip((points - grid[right - 1]) / (grid[right] - grid[right - 1]), 0, 1)
    matrix = np.zeros((len(points), len(grid)))
    rows = np.arange(len(points))
    matrix[rows, right - 1] = 1 - share
    matrix[rows, right] += share
    return matrix
