"""Hardness from the answers of all models, for items that each model answered once.

A Rasch model with a free distribution of difficulty, fitted to the answers in the source language.
It assumes that models find the same items hard.  Where they do not, a model's own hardness differs
from what the others show; the *interaction* says by how much (standard deviation in logits).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse, special, stats
from threadpoolctl import ThreadpoolController

from hatlib.data.responses import Counts
from hatlib.errors import InputError, listing
from hatlib.metric.hardness import Hardness, hardness_grid, onto_grid
from hatlib.metric.reference import Part
from hatlib.metric.sufficient import Bools, Cells, Floats, Ints, plain_ledgers, source_rates

MIN_MODELS = 5
"""Fewest models from which the pooled hardness is estimated."""

MAX_CELLS = 30
"""Most cells that items are sorted into by their pooled difficulty."""

LINEAGE = "lineage:"
"""Hardness from the models of one lineage is called by this and the lineage's name."""

LEAVE_ONE_OUT = "leave-one-out"

INTERACTIONS = (0.0, 1.0, 2.0)
"""Standard deviations (logits) of what is hard for one model only, for which scores are given."""

_STEP = 0.1  # logits, over which the change of a posterior is measured
_DIFFICULTIES = np.linspace(-8.0, 8.0, 81)
_ABILITY_SD = 3.0  # a model that has everything right or wrong would drift away without end
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


@dataclass(frozen=True)
class ItemResponse:
    """A Rasch model with a free distribution of difficulty, fitted to one benchmark.

    Attributes
    ----------
    ability : ndarray, shape (n_models,)
        In logits; the mean is 0.
    difficulty, share : ndarray, shape (n_grid,)
        Grid of item difficulties, in logits, and the share of the items at each.
    right, trials : ndarray, shape (n_models, n_items)
        The answers.
    chance : float
    interaction : float
        As in `fit_item_response`.
    evidence : ndarray, shape (n_items, n_grid)
        Log likelihood of each difficulty of each item.
    """

    ability: Floats
    difficulty: Floats
    share: Floats
    right: Floats
    trials: Floats
    chance: float
    interaction: float
    evidence: Floats

    def influence(self) -> Floats:
        """By how much one more copy of an item would move each ability (logits); models × items.

        Scores of the marginal likelihood times the inverse of their information.
        """
        p, slope = _solves(self.ability, self.chance, 0.0)
        slope = slope / (p * (1 - p))
        weight = self.posterior()
        score = self.right * (slope @ weight.T) - self.trials * ((slope * p) @ weight.T)
        information = score @ score.T + np.eye(len(score)) / _ABILITY_SD**2
        move = np.linalg.solve(information, score)
        return np.asarray(move - move.mean(axis=0), dtype=np.float64)

    def log_likelihood(self) -> float:
        """Of the answers, whatever the difficulties of the items."""
        return float(special.logsumexp(self.evidence + np.log(self.share), axis=1).sum())

    def posterior(self, of: ArrayLike | None = None) -> Floats:
        """P(difficulty | answers) of each item, (n_items, n_grid), from all models or some."""
        logs = self.evidence
        if of is not None:  # mostly, few are left out
            out = ~np.asarray(of, dtype=bool)
            p = _solves(self.ability[out], self.chance, self.interaction)[0]
            logs = logs - _log_likelihood(p, self.right[out], self.trials[out])
        return special.softmax(logs + np.log(self.share), axis=1)

    def onto(self, ability: float, grid: Floats) -> Floats:
        """Where items of each difficulty lie on a grid for a model; (n_difficulties, n_grid)."""
        logit = ability - self.difficulty
        nodes, weights = (_NODES, _NODE_WEIGHTS) if self.interaction else (np.zeros(1), np.ones(1))
        s = special.expit(logit + self.interaction * nodes[:, None])
        onto = onto_grid((self.chance + (1 - self.chance) * s).ravel(), grid)
        return np.tensordot(weights, onto.reshape(len(nodes), -1, len(grid)), axes=1)


def fit_item_response(
    counts: Counts, steps: int = 100, interaction: float = 0.0, most: float = np.inf
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
    most : float
        The answers of a model to an item count as no more than so many.

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
    worth = np.minimum(most / np.maximum(trials, 1), 1)
    right, trials = right * worth, trials * worth
    rate = (right.sum(axis=1) + 0.5) / (trials.sum(axis=1) + 1)
    above = np.clip((rate - counts.chance) / (1 - counts.chance), 0.01, 0.99)
    ability = special.logit(above)
    ability -= ability.mean()
    share = stats.norm.pdf(_DIFFICULTIES, scale=2)
    share /= share.sum()
    # Items that the same models were asked, as often, are counted together.
    asked, group = np.unique(trials, axis=1, return_inverse=True)
    of_group = summing(group, asked.shape[1])
    held = 1 / _ABILITY_SD**2
    for _ in range(steps):
        p, slope = _solves(ability, counts.chance, interaction)
        logs = _log_likelihood(p, right, asked, group) + np.log(share)
        weight = special.softmax(logs, axis=1)
        share = np.maximum(weight.mean(axis=0), 1e-12)
        share /= share.sum()
        solved, tried = right @ weight, asked @ (of_group @ weight)
        # One Fisher step for the abilities, given expected counts at each difficulty.
        score = ((solved - tried * p) * slope / (p * (1 - p))).sum(axis=1)
        information = (tried * slope**2 / (p * (1 - p))).sum(axis=1)
        ability = ability + np.clip((score - held * ability) / (information + held), -1, 1)
        ability -= ability.mean()
    evidence = _log_likelihood(_solves(ability, counts.chance, interaction)[0], right, trials)
    data = right, trials, counts.chance, interaction, evidence
    return ItemResponse(ability, _DIFFICULTIES, share, *data)


def one_thread() -> AbstractContextManager[object]:
    """Threads of the matrix library only wait for one another with arrays of this size."""
    return _controller().limit(limits=1, user_api="blas")


_controller = cache(ThreadpoolController)  # it takes a while to find the matrix library


def _solves(ability: Floats, chance: float, interaction: float) -> tuple[Floats, Floats]:
    """Probability of solving an item of each difficulty, and its slope, (n_models, n_grid) each.

    Averaged over the interaction.
    """
    logit = ability[:, None] - _DIFFICULTIES
    if interaction:
        s = 1 / (1 + np.exp(-(logit[..., None] + interaction * _NODES)))
        s, slope = s @ _NODE_WEIGHTS, (s * (1 - s)) @ _NODE_WEIGHTS
    else:
        s = special.expit(logit)
        slope = s * (1 - s)
    return np.clip(chance + (1 - chance) * s, 1e-9, 1 - 1e-9), (1 - chance) * slope


def _log_likelihood(
    p: Floats, right: Floats, trials: Floats, group: Ints | slice = slice(None)
) -> Floats:
    """Log likelihood of each difficulty, (n_items, n_grid); trials may be those of groups."""
    failed = np.log1p(-p)
    return np.asarray(right.T @ (np.log(p) - failed) + (trials.T @ failed)[group])


def summing(group: Ints, n: int) -> sparse.csr_array:
    """The matrix that adds up the rows of each group."""
    each = np.arange(len(group))
    return sparse.csr_array((np.ones(len(group)), (group, each)), shape=(n, len(group)))


def donors(counts: Counts, method: str) -> Bools:
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
        If it leaves no answers for a model.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers(abilities=[0, 1, 2], n_items=20).responses.counts("sim")
    >>> donors(counts, "leave-one-out").sum(axis=1).tolist()
    [2, 2, 2]
    """
    n = len(counts.models)
    lineages = np.array(counts.lineages or counts.models, dtype=object)
    if method.startswith(LINEAGE):
        found = np.tile(lineages == method.removeprefix(LINEAGE), (n, 1))
    else:
        found = {
            "pooled": np.ones((n, n), dtype=bool),
            LEAVE_ONE_OUT: ~np.eye(n, dtype=bool),
            "other-lineages": lineages[:, None] != lineages[None, :],
        }[method]
    if not found.any(axis=1).all():
        there = listing(sorted(set(lineages.tolist())))
        what = f"{counts.benchmark} has no answers from which hardness {method} could come."
        how = "Fill in the column lineage of the models table, or use hardness pooled."
        raise InputError(what, f"Lineages there: {there}. {how}")
    return found


def pooled_hardness(
    counts: Counts, method: str = "pooled", *, interaction: float = 0.0
) -> tuple[Hardness, Cells]:
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
    hardness : Hardness
    cells : Cells
        At most `MAX_CELLS` a model, of items of similar difficulty.

    Raises
    ------
    InputError
        If there are too few models, or a judge is to be corrected for.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> simulated = simulate_answers(abilities=[-1, -0.5, 0, 0.5, 1], n_items=200, n_trials=1)
    >>> hardness, cells = pooled_hardness(simulated.responses.counts("sim"))
    >>> easy, hard = (hardness.posterior @ hardness.grid)[2][[0, cells.ledgers[2].cell.max()]]
    >>> bool(easy > hard)
    True
    """
    if len(counts.models) < MIN_MODELS:
        what = f"{counts.benchmark} has {len(counts.models)} models, and pooled hardness needs"
        remedy = "Add models, or give several answers an item and use hardness self."
        raise InputError(f"{what} {MIN_MODELS}.", remedy)
    if counts.judge:
        remedy = "Give several answers an item, or leave the correction out."
        raise InputError("the correction for a judge needs hardness self.", remedy)
    fit, grid = fit_item_response(counts, interaction=interaction), hardness_grid(counts.chance)
    answered = counts.source_trials > 0
    cell = np.full(answered.shape, -1, dtype=np.int64)
    posterior = np.full((len(answered), MAX_CELLS, len(grid)), 1 / len(grid))
    drift = np.zeros_like(posterior)
    distribution = np.full((len(answered), len(grid)), 1 / len(grid))
    groups, same = np.unique(donors(counts, method), axis=0, return_inverse=True)
    for group, of in enumerate(groups):  # models with the same donors know the same of items
        items = fit.posterior(of)
        for m in np.flatnonzero((same == group) & answered.any(axis=1)):
            mine = items[answered[m]]
            # Slices of equal size by difficulty; equal values stay together.
            rounded = (mine @ fit.difficulty).round(9)
            _, rank, n = np.unique(rounded, return_inverse=True, return_counts=True)
            place = ((np.cumsum(n) - n / 2) / len(rounded) * MAX_CELLS).astype(np.int64)
            codes = cell[m, answered[m]] = np.minimum(place, MAX_CELLS - 1)[rank]
            size = np.bincount(codes, minlength=MAX_CELLS)
            filled = size > 0
            shares = (summing(codes, MAX_CELLS) @ mine)[filled] / size[filled, None]
            at = fit.ability[m] + np.array([0.0, _STEP, -_STEP])
            here, higher, lower = (fit.onto(ability, grid) for ability in at)
            posterior[m, filled] = shares @ here
            drift[m, filled] = shares @ (higher - lower) / (2 * _STEP)
            distribution[m] = mine.mean(axis=0) @ here
    none = np.array([], dtype=np.int64)
    cells = Cells(MAX_CELLS, none, none, tuple(plain_ledgers(counts, cell)))
    influence = fit.influence()
    return Hardness(method, grid, posterior, distribution, None, 0, influence, drift), cells


def excess_log_odds(counts: Counts, parts: Sequence[Part]) -> Floats:
    """What a model's own answer says of its target answers, beyond what other models' answers say.

    The log odds ratio of own source answer and target answer within cells of equal hardness (Mantel
    and Haenszel), minus what hardness itself leads one to expect, (n_models,). It is 0 if models
    find the same items hard.
    """
    n_targets = len(counts.targets) + 1
    seen, expected = np.zeros((2, 2, len(counts.models)))
    for part in parts:
        source, curves = source_rates(counts)[:, part.items], part.fit.values(part.fit.parameters)
        grid = part.hardness.grid
        for m, ledger in enumerate(part.ledgers):
            h, f = part.hardness.posterior[m], curves[m, 1:]
            own = source[m, ledger.item, None]
            known, right = ledger.columns[:, 2 : n_targets + 1], ledger.columns[:, n_targets + 2 :]
            wrong, cells = known - right, summing(ledger.cell, len(h))
            # Both right, source only, target only, neither: as seen, and as hardness alone has it.
            four = (own * right, own * wrong, (1 - own) * right, (1 - own) * wrong)
            tables = np.stack([cells @ each for each in four])
            n = np.maximum(tables.sum(axis=0), 1e-12)
            p, q, both = (h @ grid)[:, None], h @ f.T, (h * grid) @ f.T
            model = n * np.stack([both, p - both, q - both, 1 - p - q + both])
            for odds, each in ((seen, tables), (expected, model)):
                odds[:, m] += (each[0] * each[3] / n).sum(), (each[1] * each[2] / n).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(seen[0] / seen[1]) - np.log(expected[0] / expected[1])
    return np.where(np.isfinite(found), found, np.nan)
