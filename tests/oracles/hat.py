"""The HAT score written the slow way, from its specification, to check `hatlib` against."""

import itertools
import math

import numpy as np
from oracles.made import part
from scipy import optimize, stats


def binomial(k, n, h):
    """Probability of k right answers of n, each right with probability h."""
    return math.comb(n, k) * h**k * (1 - h) ** (n - k)


def likelihood(cells, grid):
    """Probability of each pair of right answers and trials at each h."""
    return np.array([[binomial(k, n, h) for h in grid] for k, n in cells])


def mixture_loglik(pi, cells, items, grid):
    """Log-likelihood of a distribution of h; `cells` are pairs of right answers and trials."""
    return np.array(items) @ np.log(np.maximum(likelihood(cells, grid) @ pi, 1e-300))


def mixture_directly(cells, items, grid):
    """The maximum-likelihood distribution of h, by sequential quadratic programming."""
    each, share = likelihood(cells, grid), np.array(items) / sum(items)

    def loss(pi):
        seen = np.maximum(each @ pi, 1e-300)
        return -share @ np.log(seen), -(share / seen) @ each

    even = np.full(len(grid), 1 / len(grid))
    one = optimize.LinearConstraint(np.ones(len(grid)), 1, 1)
    found = optimize.minimize(
        loss, even, jac=True, method="SLSQP", bounds=[(0, 1)] * len(grid), constraints=one,
        options={"maxiter": 2000, "ftol": 1e-14},
    )  # fmt: skip
    return found.x / found.x.sum()


def posterior_means(pi, cells, grid):
    """Mean of h given the count of each cell."""
    joint = pi * likelihood(cells, grid)
    return joint @ grid / joint.sum(axis=1)


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
        power = [math.prod((count - j) / (trials - j) for j in range(a)) for a in range(5)]
        for a in range(3):
            right[a] += weight * rate * power[a]
            left[a] += weight * np.array(power[a : a + 3])
    return np.linalg.solve(left, right)


def monotone_mean(posterior, items, rates, grid, weight, knots, smoothness):
    """Mean of the smoothed non-decreasing profile, by bounded least squares on its values.

    Written in the values at the knots, not in ramps: neighbours may not fall, and second
    differences are penalised.
    """
    at = np.linspace(0, 1, knots + 1)
    hats = np.array([[max(0.0, 1 - abs(h - a) * knots) for a in at] for h in grid])
    bends = np.diff(np.eye(knots + 1), 2, axis=0)
    left = np.vstack([
        np.sqrt(items)[:, None] * (posterior @ hats), np.sqrt(smoothness * items.sum() / 10) * bends
    ])  # fmt: skip
    right = np.append(np.sqrt(items) * rates, np.zeros(len(bends)))

    def loss(v):
        error = left @ v - right
        return error @ error, 2 * error @ left

    rises = optimize.LinearConstraint(np.vstack([at == 0, np.diff(np.eye(knots + 1), axis=0)]), 0)
    found = optimize.minimize(
        loss, at * 0.5, jac=True, method="SLSQP", constraints=rises,
        options={"maxiter": 1000, "ftol": 1e-15},
    )  # fmt: skip
    return float(np.clip(hats @ found.x, 0, 1) @ weight)


def mixed_profiles(h, chance, level, beta, soft, tiny=1e-3):
    """Profiles of the mixed model for coefficients of shape (models, terms)."""
    u = np.clip((h - chance) / (1 - chance), 0, 1)
    z = np.log((u + soft) / (1 - u + soft)) / np.log((1 + soft) / soft)
    legendre = (
        1 + 0 * z, z, (3 * z**2 - 1) / 2, (5 * z**3 - 3 * z) / 2, (35 * z**4 - 30 * z**2 + 3) / 8
    )  # fmt: skip
    share = (level * u + tiny) / (1 + 2 * tiny)
    bent = sum(beta[:, [j]] * each for j, each in zip(range(beta.shape[1]), legendre, strict=False))
    logit = np.log(share / (1 - share)) + bent
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
        cells, own = np.sqrt(items * weight) * (rates - expected), (beta - common) / spread
        return np.concatenate([cells.ravel(), own.ravel(), common / common_sd])

    found = optimize.least_squares(
        distances, np.zeros(n_terms * (n_models + 1)), xtol=1e-12, ftol=1e-12, gtol=1e-12
    )
    return found.x[:n_terms], found.x[n_terms:].reshape(n_models, n_terms)


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


def bootstrap(counts, weights, score):
    """Score each resample from scratch; `weights` say how often each item is in it."""
    picks = (np.repeat(np.arange(len(row)), row) for row in weights)
    return np.array([score(part(counts, items=each)) for each in picks])


def told_apart(hats, draws, effective, level):
    """Pairs whose difference exceeds what the largest difference reaches by chance."""
    pairs = list(itertools.combinations(range(len(hats)), 2))
    gaps = {(i, j): [d[i] - d[j] for d in draws] for i, j in pairs}
    se = {pair: np.std(gaps[pair], ddof=1) for pair in pairs}
    largest = [
        max(abs(gaps[pair][b] - np.mean(gaps[pair])) / se[pair] for pair in pairs)
        for b in range(len(draws))
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
