"""Hardness from the answers of all models, for items that each model answered once.

A Rasch model with a free distribution of difficulty, fitted to the answers in the source language.
It assumes that models find the same items hard.  Where they do not, a model's own hardness differs
from what the others show; the *interaction* says by how much (standard deviation in logits).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from hatlib.data.responses import Counts
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.hardness import Floats, Hardness, Ints, hardness_grid, onto_grid

MIN_MODELS = 5
"""Fewest models from which the pooled hardness is estimated."""

MAX_CELLS = 30
"""Most cells that items are sorted into by their pooled difficulty."""

LINEAGE = "lineage:"
"""Hardness from the models of one lineage is called by this and the lineage's name."""

LEAVE_ONE_OUT = "leave-one-out"

_STEP = 0.1  # logits, over which the change of a posterior is measured
_DIFFICULTIES = np.linspace(-8.0, 8.0, 81)
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


@dataclass(frozen=True)
class ItemResponse:
    """A Rasch model with a free distribution of difficulty, fitted to one benchmark.

    Attributes
    ----------
    ability : ndarray, shape (n_models,)
        In logits; the mean is 0.
    difficulty : ndarray, shape (n_grid,)
        Grid of item difficulties, in logits.
    share : ndarray, shape (n_grid,)
        Share of the items at each difficulty.
    right, trials : ndarray, shape (n_models, n_items)
        The answers.
    solved, failed : ndarray, shape (n_models, n_grid)
        Log of the probability that a model solves and fails an item of each difficulty.
    """

    ability: Floats
    difficulty: Floats
    share: Floats
    right: Floats
    trials: Floats
    solved: Floats
    failed: Floats

    def influence(self, right: Floats, trials: Floats, chance: float) -> Floats:
        """By how much one more copy of an item would move each ability (logits).

        Scores of the marginal likelihood times the inverse of their information.

        Returns
        -------
        ndarray, shape (n_models, n_items)
        """
        s = special.expit(self.ability[:, None] - self.difficulty)
        p = np.clip(chance + (1 - chance) * s, 1e-9, 1 - 1e-9)
        slope = (1 - chance) * s * (1 - s) / (p * (1 - p))
        weight = self.posterior()
        score = right * (slope @ weight.T) - trials * ((slope * p) @ weight.T)
        information = score @ score.T + np.eye(len(score)) / 9
        move = np.linalg.solve(information, score)
        return np.asarray(move - move.mean(axis=0), dtype=np.float64)

    def posterior(self, of: ArrayLike | None = None) -> Floats:
        """P(difficulty | answers) of each item, from all models or from some.

        Parameters
        ----------
        of : array_like of bool, shape (n_models,), optional
            The models whose answers count.

        Returns
        -------
        ndarray, shape (n_items, n_grid)
        """
        some = slice(None) if of is None else np.asarray(of, dtype=bool)
        return self._bayes(self._logs(some))

    def without(self, model: int, logs: Floats) -> Floats:
        """P(difficulty | answers of all but one model), given the logs of all, from `logs`."""
        return self._bayes(logs - self._logs(slice(model, model + 1)))

    def logs(self) -> Floats:
        """Log likelihood of the difficulty of each item, from all models."""
        return self._logs(slice(None))

    def _logs(self, some: slice | NDArray[np.bool_]) -> Floats:
        # A product sums over the models at once, without an array of models × items × grid.
        right, trials = self.right[some], self.trials[some]
        logs: Floats = right.T @ self.solved[some] + (trials - right).T @ self.failed[some]
        return logs

    def _bayes(self, logs: Floats) -> Floats:
        found = special.softmax(logs + np.log(np.maximum(self.share, 1e-300)), axis=1)
        return np.asarray(found, dtype=np.float64)


def fit_item_response(
    counts: Counts, *, steps: int = 100, interaction: float = 0.0
) -> ItemResponse:
    """Fit item difficulty and model ability to the answers in the source language.

    Marginal maximum likelihood by EM (Bock and Aitkin 1981), with abilities held loosely to their
    mean (standard deviation 3 logits), so that a model with everything right stays finite. A model
    of ability *t* answers an item of difficulty *b* correctly with probability
    ``c + (1 - c) · sigmoid(t - b)``.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    steps : int
        Steps of the EM algorithm.
    interaction : float
        Standard deviation (logits) of what is hard for one model and not for the others.

    Returns
    -------
    ItemResponse

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> simulated = simulate_answers(abilities=[-1, -0.5, 0, 0.5, 1], n_items=200, n_trials=1)
    >>> fit = fit_item_response(simulated.responses.counts("sim"))
    >>> bool((np.diff(fit.ability) > 0).all())
    True
    """
    right, trials = counts.source_correct.astype(float), counts.source_trials.astype(float)
    rate = (right.sum(axis=1) + 0.5) / (trials.sum(axis=1) + 1)
    above = np.clip((rate - counts.chance) / (1 - counts.chance), 0.01, 0.99)
    ability = special.logit(above)
    ability -= ability.mean()
    share = stats.norm.pdf(_DIFFICULTIES, scale=2)
    share /= share.sum()
    for _ in range(steps):
        solved, failed = _log_probabilities(ability, counts.chance, interaction)
        logs = right.T @ solved + (trials - right).T @ failed
        weight = special.softmax(logs + np.log(share), axis=1)
        share = np.maximum(weight.mean(axis=0), 1e-12)
        share /= share.sum()
        counted = (right @ weight, trials @ weight)
        ability = _ability_step(ability, *counted, counts.chance, interaction)
        ability -= ability.mean()
    solved, failed = _log_probabilities(ability, counts.chance, interaction)
    return ItemResponse(ability, _DIFFICULTIES, share, right, trials, solved, failed)


def _solves(logit: Floats, interaction: float) -> tuple[Floats, Floats]:
    """Probability of solving an item, averaged over the interaction, and its slope."""
    if not interaction:
        s = special.expit(logit)
        return s, s * (1 - s)
    s = special.expit(logit[..., None] + interaction * _NODES)
    return s @ _NODE_WEIGHTS, (s * (1 - s)) @ _NODE_WEIGHTS


def _log_probabilities(ability: Floats, chance: float, interaction: float) -> tuple[Floats, Floats]:
    """Logs of solving and of failing an item of each difficulty, (n_models, n_grid) each."""
    p = chance + (1 - chance) * _solves(ability[:, None] - _DIFFICULTIES, interaction)[0]
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return np.log(p), np.log1p(-p)


def _ability_step(
    ability: Floats, right: Floats, trials: Floats, chance: float, interaction: float
) -> Floats:
    """One Fisher step for the abilities, given expected counts at each difficulty."""
    s, slope = _solves(ability[:, None] - _DIFFICULTIES, interaction)
    p = np.clip(chance + (1 - chance) * s, 1e-9, 1 - 1e-9)
    slope = (1 - chance) * slope
    score = ((right - trials * p) * slope / (p * (1 - p))).sum(axis=1)
    information = (trials * slope**2 / (p * (1 - p))).sum(axis=1)
    # A model that has everything right or wrong would drift away without end.
    step = (score - ability / 9) / (information + 1 / 9)
    return ability + np.clip(step, -1, 1)


def donors(counts: Counts, method: str) -> NDArray[np.bool_]:
    """Whose answers tell how hard an item is for each model.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    method : str
        "pooled" (all models), "leave-one-out" (all others), "other-lineages" (all of other
        lineages) or "lineage:NAME" (those of one lineage, whether the model is one of them or
        not).

    Returns
    -------
    ndarray of bool, shape (n_models, n_models)
        Row: the model that is judged; column: a model whose answers count.

    Raises
    ------
    InputError
        If the method is not known, or leaves no answers for a model.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers(abilities=[0, 1, 2], n_items=20).responses.counts("sim")
    >>> donors(counts, "leave-one-out").sum(axis=1).tolist()
    [2, 2, 2]
    """
    n = len(counts.models)
    lineages = np.array(counts.lineages or counts.models, dtype=object)
    if method == "pooled":
        return np.ones((n, n), dtype=bool)
    if method == LEAVE_ONE_OUT:
        return ~np.eye(n, dtype=bool)
    if method == "other-lineages":
        found = lineages[:, None] != lineages[None, :]
    elif method.startswith(LINEAGE):
        found = np.tile(lineages == method.removeprefix(LINEAGE), (n, 1))
    else:
        raise InputError(Problem("hardness is not known.", value=method))
    if not found.any(axis=1).all():
        there = sorted(set(lineages.tolist()))
        raise InputError(
            Problem(
                f"{counts.benchmark} has no answers from which hardness {method} could come.",
                f"Lineages there: {listing(there)}. Fill in the column lineage of the models "
                "table, or use hardness pooled.",
            )
        )
    return found


def pooled_hardness(
    counts: Counts, method: str = "pooled", *, interaction: float = 0.0
) -> Hardness:
    """Hardness of each item for a model from the answers of several models.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark of at least `MIN_MODELS` models.
    method : str
        Whose answers count, see `donors`. The ability of a model always comes from its own.
    interaction : float
        As in `fit_item_response`.

    Returns
    -------
    Hardness
        At most `MAX_CELLS` cells a model, of items of similar difficulty.

    Raises
    ------
    InputError
        If there are too few models, or a judge is to be corrected for.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> simulated = simulate_answers(abilities=[-1, -0.5, 0, 0.5, 1], n_items=200, n_trials=1)
    >>> hardness = pooled_hardness(simulated.responses.counts("sim"))
    >>> easy, hard = hardness.mean()[2][[0, hardness.cell[2].max()]]
    >>> bool(easy > hard)
    True
    """
    if len(counts.models) < MIN_MODELS:
        raise InputError(
            Problem(
                f"{counts.benchmark} has {len(counts.models)} models, and pooled hardness needs "
                f"{MIN_MODELS}.",
                "Add models, or give several answers an item and use hardness self.",
            )
        )
    if counts.judge:
        raise InputError(
            Problem(
                "the correction for a judge needs hardness self.",
                "Give several answers an item, or leave the correction out.",
            )
        )
    whose = donors(counts, method)
    fit = fit_item_response(counts, interaction=interaction)
    grid = hardness_grid(counts.chance)
    n_models, n_items = counts.source_trials.shape
    answered = counts.source_trials > 0
    cell = np.full((n_models, n_items), -1, dtype=np.int64)
    posterior = np.full((n_models, MAX_CELLS, len(grid)), 1 / len(grid))
    drift = np.zeros_like(posterior)
    distribution = np.zeros((n_models, len(grid)))
    known: dict[bytes, Floats] = {}  # models with the same donors share what they know of items
    logs = fit.logs()
    for m in range(n_models):
        if method == LEAVE_ONE_OUT:
            items = fit.without(m, logs)
        else:
            key = whose[m].tobytes()
            if key not in known:
                known[key] = fit.posterior(of=whose[m])
            items = known[key]
        onto, higher, lower = (
            _onto(fit.ability[m] + step - fit.difficulty, counts.chance, grid, interaction)
            for step in (0.0, _STEP, -_STEP)
        )
        has = answered[m]
        if not has.any():
            distribution[m] = 1 / len(grid)
            continue
        codes = _slices(items[has] @ fit.difficulty)
        cell[m, has] = codes
        sums = np.zeros((MAX_CELLS, items.shape[1]))
        np.add.at(sums, codes, items[has])
        size = np.bincount(codes, minlength=MAX_CELLS)[:, None]
        filled = size[:, 0] > 0
        shares = sums[filled] / size[filled]
        posterior[m, filled] = shares @ onto
        drift[m, filled] = shares @ (higher - lower) / (2 * _STEP)
        distribution[m] = items[has].mean(axis=0) @ onto
    none = np.array([], dtype=np.int64)
    influence = fit.influence(
        counts.source_correct.astype(float), counts.source_trials.astype(float), counts.chance
    )
    return Hardness(
        method, grid, cell, none, none, posterior, distribution, None, 0, influence, drift
    )


def _onto(logit: Floats, chance: float, grid: Floats, interaction: float) -> Floats:
    """Where items of each difficulty lie on the grid, (n_difficulties, n_grid)."""
    nodes = zip(_NODES, _NODE_WEIGHTS, strict=True) if interaction else [(0.0, 1.0)]
    parts = [
        weight * onto_grid(chance + (1 - chance) * special.expit(logit + interaction * node), grid)
        for node, weight in nodes
    ]
    return np.asarray(sum(parts), dtype=np.float64)


def _slices(values: Floats) -> Ints:
    """Sort values into at most `MAX_CELLS` slices of equal size; equal values stay together."""
    _, index, size = np.unique(values.round(9), return_inverse=True, return_counts=True)
    middle = np.cumsum(size) - size / 2
    return np.minimum((middle / len(values) * MAX_CELLS).astype(np.int64), MAX_CELLS - 1)[index]
