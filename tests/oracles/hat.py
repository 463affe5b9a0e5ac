"""The HAT score written the slow way, from its specification, to check `hatlib` against."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
from scipy import optimize, stats


def binomial(k, n, h):
    """Probability of k right answers of n, each right with probability h."""
    return math.comb(n, k) * h**k * (1 - h) ** (n - k)


# --- hardness: the binomial mixture ---------------------------------------------------------


def mixture_loglik(pi, cells, items, grid):
    """Log-likelihood of a distribution of h; `cells` are pairs of right answers and trials."""
    total = 0.0
    for (k, n), count in zip(cells, items, strict=True):
        if count:
            total += count * math.log(
                sum(p * binomial(k, n, h) for p, h in zip(pi, grid, strict=True))
            )
    return total


def mixture_directly(cells, items, grid):
    """The maximum-likelihood distribution of h, by sequential quadratic programming."""
    likelihood = np.array([[binomial(k, n, h) for h in grid] for k, n in cells])
    share = np.array(items) / sum(items)

    def loss(pi):
        return -share @ np.log(np.maximum(likelihood @ pi, 1e-300))

    def slope(pi):
        return -(share / np.maximum(likelihood @ pi, 1e-300)) @ likelihood

    found = optimize.minimize(
        loss,
        np.full(len(grid), 1 / len(grid)),
        jac=slope,
        method="SLSQP",
        bounds=[(0, 1)] * len(grid),
        constraints={"type": "eq", "fun": lambda pi: pi.sum() - 1, "jac": np.ones_like},
        options={"maxiter": 2000, "ftol": 1e-14},
    )
    return found.x / found.x.sum()


def posterior_means(pi, cells, grid):
    """Mean of h given the count of each cell."""
    means = []
    for k, n in cells:
        joint = [p * binomial(k, n, h) for p, h in zip(pi, grid, strict=True)]
        means.append(sum(j * h for j, h in zip(joint, grid, strict=True)) / sum(joint))
    return np.array(means)


# --- hardness: the Rasch model --------------------------------------------------------------


def rasch_loss(ability, share, difficulty, right, trials, chance, prior_sd):
    """Minus the penalised marginal log-likelihood of abilities and shares of the difficulties."""
    p = chance + (1 - chance) / (1 + np.exp(difficulty[None, :] - ability[:, None]))
    logs = np.einsum("mi,mg->ig", right, np.log(p))
    logs += np.einsum("mi,mg->ig", trials - right, np.log1p(-p))
    top = logs.max(axis=1, keepdims=True)
    marginal = top[:, 0] + np.log(np.exp(logs - top) @ share)
    return -marginal.sum() + (ability**2).sum() / (2 * prior_sd**2)


def rasch_directly(difficulty, right, trials, chance, prior_sd=3.0):
    """Abilities and shares that maximise the penalised marginal likelihood, numerically."""
    n_models = len(right)

    def unpacked(x):
        share = np.exp(x[n_models:] - x[n_models:].max())
        return x[:n_models], share / share.sum()

    def loss(x):
        ability, share = unpacked(x)
        return rasch_loss(ability, share, difficulty, right, trials, chance, prior_sd)

    start = np.concatenate([np.zeros(n_models), -(difficulty**2) / 8])
    found = optimize.minimize(loss, start, method="L-BFGS-B", options={"maxfun": 60_000})
    return *unpacked(found.x), found.fun


# --- profiles -------------------------------------------------------------------------------


def expected_cells(h, share, f, n_trials, n_items=1.0):
    """Items and mean target rates of each count, were everything as often as expected.

    Every outcome k of every h is enumerated: an item of probability h is at k with binomial
    probability, and its target rate is f(h) on average wherever it lands.
    """
    items, sums = np.zeros(n_trials + 1), np.zeros(n_trials + 1)
    for point, weight, value in zip(h, share, f, strict=True):
        for k in range(n_trials + 1):
            here = n_items * weight * binomial(k, n_trials, point)
            items[k] += here
            sums[k] += here * value
    return items, sums / items


def parabola(k, n_trials, items, rates):
    """Coefficients of a parabola from factorial moments: the normal equations, term by term."""
    left, right = np.zeros((3, 3)), np.zeros(3)
    for count, trials, weight, rate in zip(k, n_trials, items, rates, strict=True):
        power = [
            math.prod((count - j) / (trials - j) for j in range(a)) if a else 1.0 for a in range(5)
        ]
        for a in range(3):
            right[a] += weight * rate * power[a]
            for b in range(3):
                left[a, b] += weight * power[a + b]
    return np.linalg.solve(left, right)


def monotone_mean(posterior, items, rates, grid, weight, knots, smoothness):
    """Mean of the smoothed non-decreasing profile, by bounded least squares on its values.

    Written in the values at the knots, not in ramps: neighbours may not fall, and second
    differences are penalised.
    """
    at = np.linspace(0, 1, knots + 1)
    hats = np.array([[max(0.0, 1 - abs(h - a) * knots) for a in at] for h in grid])
    mixed = posterior @ hats
    penalty = smoothness * items.sum() / 10

    def loss(v):
        bends = v[2:] - 2 * v[1:-1] + v[:-2]
        return (items * (rates - mixed @ v) ** 2).sum() + penalty * (bends**2).sum()

    def slope(v):
        bends = v[2:] - 2 * v[1:-1] + v[:-2]
        out = -2 * (items * (rates - mixed @ v)) @ mixed
        out[2:] += 2 * penalty * bends
        out[1:-1] -= 4 * penalty * bends
        out[:-2] += 2 * penalty * bends
        return out

    rises = {"type": "ineq", "fun": lambda v: np.append(v[0], np.diff(v))}
    found = optimize.minimize(
        loss, at * 0.5, jac=slope, method="SLSQP", constraints=rises,
        options={"maxiter": 1000, "ftol": 1e-15},
    )  # fmt: skip
    return float(np.clip(hats @ found.x, 0, 1) @ weight)


def mixed_profiles(h, chance, level, beta, soft, tiny=1e-3):
    """Profiles of the mixed model for coefficients of shape (models, terms)."""
    u = np.clip((h - chance) / (1 - chance), 0, 1)
    z = np.log((u + soft) / (1 - u + soft)) / np.log((1 + soft) / soft)
    legendre = [
        np.ones_like(z),
        z,
        (3 * z**2 - 1) / 2,
        (5 * z**3 - 3 * z) / 2,
        (35 * z**4 - 30 * z**2 + 3) / 8,
    ]
    share = (level * u + tiny) / (1 + 2 * tiny)
    logit = np.log(share / (1 - share)) + sum(
        beta[:, [j]] * legendre[j] for j in range(beta.shape[1])
    )
    below = level * np.minimum(h - chance, 0)
    return chance + (1 - chance) / (1 + np.exp(-logit)) + below


def mixed_directly(posterior, items, rates, weight, h, chance, level, spread, common_sd, soft):
    """Coefficients that minimise the penalised quasi-likelihood of one target.

    Squared distances of cells from their expectation, weighted; squared distances of the models'
    coefficients from common ones, in spreads; and of the common ones from 0. All at once.
    """
    n_models, n_terms = len(items), len(spread)

    def distances(x):
        common, beta = x[:n_terms], x[n_terms:].reshape(n_models, n_terms)
        f = mixed_profiles(h, chance, level, beta, soft)
        expected = np.array([posterior[m] @ f[m] for m in range(n_models)])
        cells = np.sqrt(items * weight) * (rates - expected)
        return np.concatenate(
            [cells.ravel(), ((beta - common) / spread).ravel(), common / common_sd]
        )

    found = optimize.least_squares(
        distances, np.zeros(n_terms * (n_models + 1)), xtol=1e-12, ftol=1e-12, gtol=1e-12
    )
    return found.x[:n_terms], found.x[n_terms:].reshape(n_models, n_terms)


# --- support --------------------------------------------------------------------------------


def slices_by_sampling(reference, distribution, n_items, rng, draws=200_000):
    """Items in each fifth of the reference weight, by dropping items on it one by one."""
    top = np.cumsum(reference) / np.sum(reference)
    bottom = np.concatenate([[0], top[:-1]])
    point = rng.choice(len(reference), size=draws, p=distribution)
    place = rng.uniform(bottom[point], top[point])
    kept = top[point] > bottom[point]  # where the reference has no weight, nothing is supported
    fifth = np.minimum((place[kept] * 5).astype(int), 4)
    return np.bincount(fifth, minlength=5) * n_items / draws


def kish_by_sampling(slices, rng, draws=40_000):
    """One over the variance of the mean of the means of slices, of items with variance 1."""
    means = [rng.standard_normal((draws, n)).mean(axis=1) for n in slices]
    return 1 / np.mean(means, axis=0).var()


# --- uncertainty ----------------------------------------------------------------------------


def resampled(counts, picks):
    """The answers to the items that were picked, a name each."""
    return replace(
        counts,
        items=tuple(f"{place:05d}" for place in range(len(picks))),
        clusters=np.arange(len(picks)),
        source_correct=counts.source_correct[:, picks],
        source_trials=counts.source_trials[:, picks],
        target_correct=counts.target_correct[:, :, picks],
        target_trials=counts.target_trials[:, :, picks],
    )


def bootstrap(counts, weights, score):
    """Score each resample from scratch; `weights` say how often each item is in it."""
    found = []
    for row in weights:
        picks = [item for item, times in enumerate(row) for _ in range(times)]
        found.append(score(resampled(counts, np.array(picks))))
    return np.array(found)


# --- comparisons ----------------------------------------------------------------------------


def told_apart(hats, draws, effective, level):
    """Pairs whose difference exceeds what the largest difference reaches by chance."""
    pairs = list(itertools.combinations(range(len(hats)), 2))
    se = {}
    for i, j in pairs:
        gaps = [d[i] - d[j] for d in draws]
        se[i, j] = math.sqrt(sum((g - np.mean(gaps)) ** 2 for g in gaps) / (len(gaps) - 1))
    centre = np.mean(draws, axis=0)
    largest = [
        max(abs((d[i] - d[j]) - (centre[i] - centre[j])) / se[i, j] for i, j in pairs)
        for d in draws
    ]
    critical = np.quantile(largest, level)
    apart = set()
    for i, j in pairs:
        freedom = max(min(effective[i], effective[j]), 11) - 1
        wider = stats.t.ppf((1 + level) / 2, freedom) / stats.norm.ppf((1 + level) / 2)
        if abs(hats[i] - hats[j]) > critical * wider * se[i, j]:
            apart.add((i, j))
    return apart


def rank_intervals(hats, apart):
    """Best and worst rank that no difference excludes, a model at a time."""
    ranks = []
    for i in range(len(hats)):
        others = [j for j in range(len(hats)) if j != i and {(i, j), (j, i)} & apart]
        above = sum(hats[j] > hats[i] for j in others)
        below = sum(hats[j] < hats[i] for j in others)
        ranks.append((1 + above, len(hats) - below))
    return ranks


def largest_groups(n, apart):
    """All largest groups without a pair that is told apart, by trying every group."""
    good = [
        set(group)
        for size in range(1, n + 1)
        for group in itertools.combinations(range(n), size)
        if not any({i, j} <= set(group) for i, j in apart)
    ]
    return [group for group in good if not any(group < other for other in good)]
