"""The transfer profile: expected target accuracy of an item, given its hardness.

All estimators start from the same two things: the mean target rate of each cell
(`hatlib.metric.sufficient`), and the posterior of the source probability *h* in each cell
(`metric.hardness`).  Since an item's count shows *h* with error, the mean target rate of a cell is
a mixture over *h*,

    E[rate | cell] = sum over h of  P(h | cell) · f(h),

and every estimator but ``plugin`` looks for the profile *f* whose mixtures fit the rates.

========== ==================================================================================
plugin     *f* at *k/K* is the mean rate of the items seen at *k/K*. Wrong, for teaching.
direct     Non-decreasing, piecewise linear, slightly smoothed; each model on its own.
quadratic  A parabola from unbiased factorial moments; needs no posterior.
logit      Shift and slope on the logit scale; each model on its own.
shared     One shape for all models, and one shift on the logit scale for each.
adaptive   As shared, but each model's shape may deviate; deviations are shrunk by as much as the
           models, taken together, say (empirical Bayes).
========== ==================================================================================

A fit has ``parameters``, one row of numbers a model and target, and ``values(parameters)`` gives
the profiles on the grid.  A redraw goes through two steps before that, so that a few models are
visited at a time: ``evidence(models, items, rates, expect)`` boils the redrawn cells of some
models, (n_models, n_draws, n_targets + 1, n_cells), down to a few numbers, and
``update(evidence, rng)`` turns those of all models into parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from scipy import optimize, special

from hatlib.errors import InputError
from hatlib.metric.hardness import Expect, Hardness
from hatlib.metric.sufficient import Bools, Floats, SufficientTable, mean_rates

PROFILE_NAMES = ("adaptive", "direct", "shared", "plugin", "quadratic", "logit")


def fit_profiles(
    table: SufficientTable, hardness: Hardness, profile: str, start: Shape | None = None
) -> ProfileFit:
    """Fit the transfer profile of every model and target.

    Parameters
    ----------
    table : SufficientTable
        Target rates in the cells.
    hardness : Hardness
        Posterior of the source probability in the cells.
    profile : str
        One of `PROFILE_NAMES`.
    start : Shape, optional
        A frozen common shape for "adaptive" and "shared", instead of one that is fitted to the
        models of the table.

    Returns
    -------
    ProfileFit

    Raises
    ------
    InputError
        If `profile` cannot be used with the data.

    Examples
    --------
    >>> from hatlib import simulate_answers, tabulate
    >>> from hatlib.metric.hardness import self_hardness
    >>> table = tabulate(simulate_answers([0.0], n_items=400).responses.counts("sim"))
    >>> fit = fit_profiles(table, self_hardness(table), "direct")
    >>> bool((np.diff(fit.values(fit.parameters)) >= 0).all())
    True
    """
    if profile not in ALONE:
        return _fit_mixed(table, hardness, profile, None if profile == "logit" else start)
    if profile != "direct" and hardness.likelihood is None:
        remedy = "Use adaptive, direct, shared or logit with pooled hardness."
        raise InputError(f"profile {profile} needs several answers an item.", remedy)
    basis, solve, blank = ALONE[profile](table, hardness)

    def expect(f: Floats) -> Floats:
        return np.asarray(f @ hardness.posterior.swapaxes(1, 2))[:, None]

    items, rates = table.items[:, None], mean_rates(table.rates, table.items)[:, None]
    parameters = solve(items, np.nan_to_num(rates), expect, blank[:, None])[:, 0]
    return Alone(profile, parameters, basis, solve)


# Each model by itself -----------------------------------------------------------------------------

Solve = Callable[[Floats, Floats, Expect, Floats], Floats]
"""Parameters from items and rates in the cells, what cells expect, and the fit to the data."""


@dataclass(frozen=True)
class Alone:
    """Profiles of each model by itself, fitted anew to each redraw."""

    name: str
    parameters: Floats
    basis: Floats  # (n_parameters, n_grid)
    solve: Solve
    wanted: Bools | None = None  # (n_models, n_targets + 1): what is fitted anew, by default all

    def values(self, parameters: Floats) -> Floats:
        """*f* on the grid."""
        f = parameters @ self.basis
        return np.clip(f, 0, 1) if self.name == "direct" else f

    def evidence(self, models: slice, items: Floats, rates: Floats, expect: Expect) -> Floats:
        """The parameters themselves."""
        if self.wanted is not None:
            items = items * self.wanted[models, None, :, None]
        return self.solve(items, rates, expect, self.parameters[models, None])

    def update(self, evidence: Floats, rng: np.random.Generator) -> Floats:
        """Nothing is shared."""
        return evidence


def _plugin(table: SufficientTable, hardness: Hardness) -> tuple[Floats, Solve, Floats]:
    """*f* at *k/K* is the mean rate of the items seen at *k/K*, with straight lines between."""
    rate = table.correct / table.trials
    if table.judge:
        rate = table.judge.corrected(rate).clip(0, 1)
    known, where = np.unique(rate, return_inverse=True)
    hats = np.stack([np.interp(hardness.grid, known, unit) for unit in np.eye(len(known))])
    # Cells of the same rate (2 of 4, 3 of 6) share its place evenly.
    basis = hats[where] / np.bincount(where)[where][:, None]
    filled, means = np.full(table.items.shape, np.nan), mean_rates(table.rates, table.items)
    for m, t in np.argwhere(table.items.any(axis=2)):
        # A cell without items takes its rate from its neighbours.
        here = np.flatnonzero(table.items[m, t] > 0)
        at = here[np.argsort(rate[here], kind="stable")]
        filled[m, t] = np.interp(rate, rate[at], means[m, t, at])
    return basis, lambda items, rates, _, fitted: np.where(items > 0, rates, fitted), filled


def _quadratic(table: SufficientTable, hardness: Hardness) -> tuple[Floats, Solve, Floats]:
    """A parabola from unbiased factorial moments, which needs no posterior.

    ``E[k (k-1) … (k-a+1)] / (K (K-1) … (K-a+1)) = h^a``, so sums of falling factorials estimate
    sums of powers without error in the mean, and solve the normal equations of rate on 1, h, h².
    """
    if table.judge:
        raise InputError("profile quadratic cannot be corrected for a judge.", "Use adaptive.")
    if (fewest := table.trials.min()) < 4:
        what = "profile quadratic needs at least four answers an item."
        raise InputError(what, "Use adaptive.", value=f"{fewest} answers")
    steps = np.arange(4)
    falling = (table.correct[:, None] - steps) / (table.trials[:, None] - steps)
    moments = np.cumprod(np.column_stack([np.ones(len(falling)), falling]), axis=1)

    def solve(items: Floats, rates: Floats, expect: Expect, fitted: Floats) -> Floats:
        powers = items @ moments
        left = np.stack([powers[..., a : a + 3] for a in range(3)], axis=-2)
        right = (items * np.nan_to_num(rates)) @ moments[:, :3]
        ridge = 1e-9 * np.maximum(powers[..., :1, None], 1) * np.eye(3)
        return np.asarray(np.linalg.solve(left + ridge, right[..., None])[..., 0])

    basis = hardness.grid ** np.arange(3)[:, None]
    return basis, solve, np.zeros((*table.items.shape[:2], 3))


KNOTS = 12
SMOOTHNESS = 0.3
"""Penalty on changes of slope, in items per ten items of the data."""


def _direct(table: SufficientTable, hardness: Hardness) -> tuple[Floats, Solve, Floats]:
    """Non-decreasing and piecewise linear: a level at 0 and a rise between each two knots."""
    knots = np.linspace(0, 1, KNOTS + 1)[:-1, None]
    basis = np.vstack([np.ones(len(hardness.grid)), np.clip((hardness.grid - knots) * KNOTS, 0, 1)])
    bends = np.diff(np.eye(KNOTS, KNOTS + 1, k=1), axis=0)

    def solve(items: Floats, rates: Floats, expect: Expect, fitted: Floats) -> Floats:
        # Fitted anew: near the bounds, one step from the fit would go astray.
        mixed = expect(np.broadcast_to(basis, (len(items), *basis.shape))).swapaxes(2, 3)
        parameters = np.repeat(fitted, items.shape[1], axis=1)
        for m, b, t in np.argwhere(items.any(axis=3)):
            n = items[m, b, t]
            penalty = np.sqrt(SMOOTHNESS * n.sum() / 10) * bends
            left = np.concatenate([np.sqrt(n)[:, None] * mixed[m, b], penalty])
            right = np.concatenate([np.sqrt(n) * rates[m, b, t], np.zeros(len(bends))])
            parameters[m, b, t] = optimize.nnls(left, right, maxiter=300)[0]
        return parameters

    return basis, solve, np.full((*table.items.shape[:2], KNOTS + 1), np.nan)


ALONE = {"plugin": _plugin, "quadratic": _quadratic, "direct": _direct}
"""What makes a profile of each model alone: its basis, its solver, and a fit to nothing."""

# Logit, shared, adaptive: one mixed model on the logit scale --------------------------------------

TERMS = 5
"""Shift, slope and three bends of a profile on the logit scale."""

SOFT = 0.02
"""Added to both odds on the horizontal logit scale, so that "never" and "always" have a place."""

TINY = 1e-3
"""Keeps the logit of the straight line finite where the line is 0 or 1."""

SHIFT_SD, SLOPE_SD, BEND_SD = 2.0, 0.5, 0.35
"""How much models differ in shift, slope and bends, before the data speak (logits)."""

COMMON_SD = (3.0, 1.0, 0.7)
"""How far the common profile may be from a straight line: shift, slope, bends (logits)."""

DECAY = 0.6
"""Each further bend is expected to be smaller by this factor."""

PRIOR_MODELS = 3.0
"""How many models the assumed differences count as, against those that the data show."""

MANY_SHAPES = 10
"""So many models show what shapes are usual."""

FAR = 2.0
"""A model whose shape departs from the common one by more, in usual variances, is held to it less
(Huber 1981, *Robust Statistics*): what no other model shows is not drawn to what they show."""

_STEPS = 25
_EVIDENCE = 4  # steps before the differences between models are estimated


@dataclass(frozen=True)
class Shape:
    """The common shape of a set of profiles, on the logit scale.

    It can be stored (`hatlib.Standard`) so that a model that comes later is judged with the same
    one.

    Attributes
    ----------
    targets : tuple of str
    offset : ndarray, shape (n_targets + 1,)
        Level of the straight line through (chance, chance) from which the shape is measured:
        ``chance + level · (h - chance)``.
    common : ndarray, shape (n_targets + 1, n_terms)
        Legendre coefficients of the common deviation from that line, in logits.
    spread : ndarray, shape (n_targets + 1, n_terms)
        Standard deviation over models of the deviation from the common shape.
    """

    targets: tuple[str, ...]
    offset: Floats
    common: Floats
    spread: Floats


@dataclass(frozen=True)
class Mixed:
    """Profiles of the mixed model ``logit g_m(u) = line(u) + sum_j z_j(u) (common_j + own_mj)``.

    Attributes
    ----------
    name : str
    chance : float
    basis : ndarray, shape (n_grid, n_terms)
        The *z*, on the logit scale.
    line : ndarray, shape (n_targets + 1, n_grid)
        The straight line, in logits.
    below : ndarray, shape (n_targets + 1, n_grid)
        What the profile has below chance.
    parameters : ndarray, shape (n_models, n_targets + 1, n_terms)
        Coefficients, common and own together.
    shape : Shape
        Common part and spread.
    covariance : ndarray, shape (n_models, n_targets + 1, n_terms, n_terms)
        Posterior covariance of a model's coefficients, given the common part.
    """

    name: str
    chance: float
    basis: Floats
    line: Floats
    below: Floats
    parameters: Floats
    shape: Shape
    covariance: Floats
    weight: Floats  # (n_models, n_targets + 1, n_cells): one over the variance of an item's rate
    jacobian: Floats  # (n_models, n_targets + 1, n_cells, n_terms)
    information: Floats  # (n_models, n_targets + 1, n_terms, n_terms)
    common_covariance: Floats  # (n_targets + 1, n_terms, n_terms)
    common_sd: Floats  # (n_terms,); 0 where the common shape is frozen
    spread: Floats  # (n_models, n_targets + 1, n_terms): that of the shape, larger if far from it

    def values(self, parameters: Floats) -> Floats:
        """*f* on the grid."""
        f = parameters @ self.basis.T
        f += self.line
        np.negative(f, out=f)  # in place, and not by scipy's expit: of redraws there are many
        with np.errstate(over="ignore"):  # what overflows is 0
            np.exp(f, out=f)
        f += 1
        np.reciprocal(f, out=f)
        f *= 1 - self.chance
        f += self.chance + self.below
        return f

    def evidence(self, models: slice, items: Floats, rates: Floats, expect: Expect) -> Floats:
        """The score: how far, and with what weight, the redraw departs from the fit."""
        expected = expect(self.values(self.parameters[models]))
        residual = np.where(items > 0, rates - expected, 0) * items
        weighted = self.jacobian[models] * self.weight[models][..., None]
        return np.matmul(residual.swapaxes(1, 2), weighted).swapaxes(1, 2)

    def update(self, evidence: Floats, rng: np.random.Generator) -> Floats:
        """One Newton step from the fit, plus what shrinkage leaves unknown.

        A shrunk estimate varies too little over redraws, as it stays near the common shape
        wherever the model has few items. The missing part is the posterior variance minus the
        sampling variance. Perturb-and-fit (Papandreou and Yuille 2010) adds just that: a draw
        from the prior minus its own shrunken fit.
        """
        n_models, n_draws, _, n_terms = evidence.shape
        common = rng.standard_normal((n_draws, 1, n_terms)) * self.common_sd
        found = rng.standard_normal((n_models, n_draws, 1, n_terms)) * self.spread[:, None]
        found += common  # a draw from the prior
        # Models × targets × draws × terms, so that the small matrices multiply all draws at once.
        truth = found.swapaxes(1, 2)
        precision = (1 / self.spread**2)[..., None]
        shrunk = (evidence.swapaxes(1, 2) - truth @ self.information) @ self.covariance
        centre = (shrunk * precision.swapaxes(2, 3)).sum(axis=0) @ self.common_covariance
        truth += shrunk
        truth += centre @ (precision * self.covariance)
        truth += self.parameters[:, :, None]
        return found


def _fit_mixed(
    table: SufficientTable, hardness: Hardness, profile: str, start: Shape | None
) -> Mixed:
    """Fisher scoring for all models and targets at once, and EM for how much models differ."""
    n_models, n_targets = table.items.shape[:2]
    n_terms = 2 if profile == "logit" else TERMS
    bends: Floats = DECAY ** np.arange(n_terms - 2, dtype=np.float64)
    common_sd = np.array([*COMMON_SD[:2], *(COMMON_SD[2] * bends)])
    spread = np.tile(np.array([SHIFT_SD, SLOPE_SD, *(BEND_SD * bends)]), (n_targets, 1))
    prior = np.zeros((n_targets, n_terms))
    # One answer an item shows no profile to lend to others.
    once = table.answered_once()
    silent = once & ~once.all()
    # The straight line from (chance, chance) that all models together follow.
    c, (n, source, target, _) = table.chance, table.paired[:, ~silent].sum(axis=1)
    level = (target - c * n) / np.maximum(source - c * n, 1e-3 * np.maximum(n, 1))
    level[0] = np.mean(level[1:])
    level = np.clip(level, 0.002, 1.0)
    if profile == "shared":
        spread[:, 1:] = 1e-3
    if profile == "logit":
        # Each model for itself, from perfect transfer: nothing is held back, nothing is shared.
        level, spread[:], common_sd = np.ones(n_targets), 10.0, np.full(2, 1e-3)
    if start is not None:  # a target that the frozen shape does not know takes the macro shape
        at = [start.targets.index(t) if t in start.targets else 0 for t in table.targets]
        prior, spread, level = start.common[at], start.spread[at], start.offset[at]
        common_sd = np.full(n_terms, 1e-6)
    u = np.clip((hardness.grid - c) / (1 - c), 0, 1)
    odds = np.log((u + SOFT) / (1 - u + SOFT))
    basis = legendre.legvander(odds / np.log((1 + SOFT) / SOFT), n_terms - 1)
    line = special.logit((level[:, None] * u + TINY) / (1 + 2 * TINY))
    if profile == "logit":
        line = np.tile(odds, (n_targets, 1))
    below = np.clip(level, 0, 1)[:, None] * np.minimum(hardness.grid - c, 0)
    items = np.where(silent[:, None, None], 0, table.items)
    rates = np.nan_to_num(mean_rates(table.rates, table.items))
    factor = _overdispersion(table)[..., None]
    parameters = np.tile(prior, (n_models, 1, 1))
    posterior, eye = hardness.posterior[:, None], np.eye(n_terms)
    held, close = 1 / common_sd**2, np.ones((n_models, n_targets, n_terms))
    for step in range(_STEPS):
        precision = close / spread**2
        g = 1 / (1 + np.exp(-(parameters @ basis.T + line)))
        slope = (1 - c) * g * (1 - g)
        expected = ((1 - c) * g + (c + below)) @ hardness.posterior.swapaxes(1, 2)
        expected = expected.clip(1e-6, 1 - 1e-6)
        weight = 1 / (factor * expected * (1 - expected) + 1e-4)
        jacobian = posterior @ (slope[..., None] * basis)
        weighted = (jacobian * (weight * items)[..., None]).swapaxes(2, 3)
        information = weighted @ jacobian
        target = weighted @ (rates - expected)[..., None] + information @ parameters[..., None]
        covariance = np.linalg.inv(information + precision[..., None, :] * eye)
        # What the data say of the common part: each model counts as far as it is known.
        held_back = precision[..., None] * covariance * precision[..., None, :]
        known = eye * precision[..., None, :] - held_back
        common_covariance = np.linalg.inv(known.sum(axis=0) + np.diag(held))
        pull = (precision[..., None] * (covariance @ target)).sum(axis=0)
        common = (common_covariance @ (pull + (held * prior)[..., None]))[..., 0]
        shrunk = covariance @ (target + (precision * common)[..., None])
        move = shrunk[..., 0] - parameters
        size = np.abs(move).max(axis=2, keepdims=True)
        parameters = parameters + move * np.minimum(1, 2 / np.maximum(size, 1e-12))
        if profile == "adaptive" and start is None and n_models > 1 and step >= _EVIDENCE:
            # One step of EM, with the assumed differences as a few models more.
            second = (parameters - common) ** 2 + np.diagonal(covariance, axis1=2, axis2=3)
            if n_models >= MANY_SHAPES:
                far = (second / spread**2)[..., 1:].mean(axis=2)  # shifts differ freely
                close[..., 1:] = np.minimum(1, FAR / far)[..., None]
                second *= close
            scaled = (second[..., 2:] / bends**2).mean(axis=2).sum(axis=0)
            models = PRIOR_MODELS + n_models
            slopes = PRIOR_MODELS * SLOPE_SD**2 + second[..., 1].sum(axis=0)
            spread[:, 1] = np.sqrt(slopes / models)
            bend = np.sqrt((PRIOR_MODELS * BEND_SD**2 + scaled) / models)
            spread[:, 2:] = bend[:, None] * bends
        if size.max() < 1e-7:
            break
    weight[silent] = 0  # nor in redraws
    shape = Shape(table.targets, level, common, spread)
    return Mixed(
        profile, c, basis, line, below, parameters, shape, covariance,
        weight, jacobian, information, common_covariance, common_sd, spread / np.sqrt(close),
    )  # fmt: skip


def _overdispersion(table: SufficientTable) -> Floats:
    """How much items vary within cells, (n_models, n_targets + 1).

    The factor *d* of a variance ``d · f (1 - f)`` of an item's rate. Taking the variance of each
    cell by itself would bias the profile: a cell near 0 or 1 by chance looks sure by chance, too.
    """
    whole = table.whole or table
    items = whole.items
    plain = whole.rates / np.maximum(items, 1)
    within = np.maximum(whole.squares - items * plain**2, 0).sum(axis=2)
    n = items.sum(axis=2)
    within *= n / np.maximum(n - (items > 0).sum(axis=2), 1)  # a mean a cell was fitted
    # Corrected for a judge, a mean may lie outside [0, 1].
    possible = (items * np.clip(plain * (1 - plain), 0, None)).sum(axis=2)
    return np.asarray((within + 0.01) / (possible + 0.02))


ProfileFit = Alone | Mixed
"""A fitted profile of every model and target, which can be fitted again to redrawn items."""
