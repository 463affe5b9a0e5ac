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
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy import optimize, special

from hatlib.errors import InputError, Problem
from hatlib.metric.hardness import Hardness
from hatlib.metric.sufficient import SufficientTable

Floats = NDArray[np.float64]

ProfileName = Literal["adaptive", "direct", "shared", "plugin", "quadratic", "logit"]
PROFILE_NAMES: tuple[str, ...] = get_args(ProfileName)


class ProfileFit(Protocol):
    """A fitted profile of every model and target, which can be fitted again to redrawn items.

    A redraw goes through three steps, so that models are visited one at a time: `evidence` boils
    the redrawn table of one model down to a few numbers, `update` turns those of all models into
    parameters, and `values` gives the profile.

    Attributes
    ----------
    name : str
        The estimator.
    parameters : ndarray, shape (n_models, n_targets + 1, n_parameters)
    """

    @property
    def name(self) -> str:
        """The estimator."""

    @property
    def parameters(self) -> Floats:
        """One row of numbers a model and target."""

    def values(self, model: int, parameters: Floats) -> Floats:
        """*f* on the grid for parameters of shape (..., n_targets + 1, n_parameters)."""

    def evidence(self, model: int, items: Floats, rates: Floats, posterior: Floats) -> Floats:
        """What a redraw says, shape (n_draws, n_targets + 1, n_parameters).

        `items` (weighted number) and `rates` (mean target rate) have the shape (n_draws,
        n_targets + 1, n_cells), `posterior` has (n_draws or 1, n_cells, n_grid).
        """

    def update(self, evidence: Floats, rng: np.random.Generator) -> Floats:
        """Parameters of the redraws, from (n_models, n_draws, n_targets + 1, n_parameters)."""


def profile_values(fit: ProfileFit) -> Floats:
    """The fitted profiles on the grid, shape (n_models, n_targets + 1, n_grid)."""
    return np.stack([fit.values(m, p) for m, p in enumerate(fit.parameters)])


def fit_profiles(
    table: SufficientTable,
    hardness: Hardness,
    profile: str = "adaptive",
    *,
    start: Shape | None = None,
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
        If `profile` is not known, or cannot be used with the data.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> from hatlib.metric.hardness import self_hardness
    >>> from hatlib.metric.sufficient import tabulate
    >>> counts = simulate_answers(abilities=[0.0], n_items=400).responses.counts("sim")
    >>> hardness = self_hardness(counts)
    >>> fit = fit_profiles(tabulate(counts, hardness), hardness, "direct")
    >>> bool((np.diff(profile_values(fit)[0, 0]) >= 0).all())
    True
    """
    if profile not in PROFILE_NAMES:
        raise InputError(
            Problem(
                "profile is not known.", f"Use one of {', '.join(PROFILE_NAMES)}.", value=profile
            )
        )
    if profile == "plugin":
        return _fit_plugin(table, hardness)
    if profile == "quadratic":
        return _fit_quadratic(table, hardness)
    if profile == "direct":
        return _fit_direct(table, hardness)
    return _fit_mixed(table, hardness, profile, None if profile == "logit" else start)


# Plug-in and quadratic: closed forms --------------------------------------------------------------


@dataclass(frozen=True)
class _Linear:
    """A profile that is a fixed matrix times a few numbers a model and target."""

    name: str
    parameters: Floats
    basis: Floats  # (n_parameters, n_grid)

    def values(self, model: int, parameters: Floats) -> Floats:
        return parameters @ self.basis

    def update(self, evidence: Floats, rng: np.random.Generator) -> Floats:
        return evidence


@dataclass(frozen=True)
class _Plugin(_Linear):
    order: NDArray[np.intp] = field(default_factory=lambda: np.array([], dtype=np.intp))
    rows: Floats = field(default_factory=lambda: np.array([]))

    def evidence(self, model: int, items: Floats, rates: Floats, posterior: Floats) -> Floats:
        # Where a redraw has no item in a cell, the cell keeps the rate of the data.
        return np.where(items > 0, rates, self.rows[model])[..., self.order]


def _observed_rates(table: SufficientTable, hardness: Hardness, profile: str) -> Floats:
    if hardness.likelihood is None:
        raise InputError(
            Problem(
                f"profile {profile} needs several answers an item.",
                "Use adaptive, direct, shared or logit with pooled hardness.",
            )
        )
    rate = table.correct / table.trials
    if table.judge:
        rate = table.judge.corrected(rate, table.source_language).clip(0, 1)
    return rate


def _fit_plugin(table: SufficientTable, hardness: Hardness) -> _Plugin:
    rate = _observed_rates(table, hardness, "plugin")
    order = np.argsort(rate, kind="stable")
    means = table.means()
    filled = np.stack([[_filled(rate, row, n) for row, n in zip(*pair, strict=True)]
                       for pair in zip(means, table.items, strict=True)])  # fmt: skip
    known, where = np.unique(rate[order], return_inverse=True)
    hats = np.stack([np.interp(hardness.grid, known, unit) for unit in np.eye(len(known))])
    # Cells of the same rate (2 of 4, 3 of 6) share its place evenly.
    basis = hats[where] / np.bincount(where)[where][:, None]
    return _Plugin("plugin", filled[..., order], basis, order, filled)


def _filled(rate: Floats, means: Floats, items: Floats) -> Floats:
    """Rates with gaps filled from their neighbours."""
    known = items > 0
    if not known.any():
        return np.full_like(rate, np.nan)
    at = np.argsort(rate[known], kind="stable")
    return np.where(known, means, np.interp(rate, rate[known][at], means[known][at]))


@dataclass(frozen=True)
class _Quadratic(_Linear):
    moments: Floats = field(default_factory=lambda: np.array([]))  # (n_cells, 5)

    def evidence(self, model: int, items: Floats, rates: Floats, posterior: Floats) -> Floats:
        return _parabola(self.moments, items, rates)


def _fit_quadratic(table: SufficientTable, hardness: Hardness) -> _Quadratic:
    _observed_rates(table, hardness, "quadratic")
    if table.judge:
        raise InputError(
            Problem("profile quadratic cannot be corrected for a judge.", "Use adaptive.")
        )
    if table.trials.min() < 4:
        raise InputError(
            Problem(
                "profile quadratic needs at least four answers an item.",
                "Use adaptive.",
                value=f"{table.trials.min()} answers",
            )
        )
    k, n = table.correct.astype(float), table.trials.astype(float)
    falling = [np.ones_like(k)]
    for a in range(4):
        falling.append(falling[-1] * (k - a) / (n - a))
    moments = np.stack(falling, axis=1)
    parameters = _parabola(moments, table.items, table.means())
    basis = np.stack([hardness.grid**a for a in range(3)])
    return _Quadratic("quadratic", parameters, basis, moments)


def _parabola(moments: Floats, items: Floats, rates: Floats) -> Floats:
    """Solve the normal equations of rate on 1, h, h², each moment of h unbiased.

    ``E[k (k-1) … (k-a+1)] / (K (K-1) … (K-a+1)) = h^a``, so sums of falling factorials estimate
    sums of powers without error in the mean.
    """
    totals = items * np.where(items > 0, np.nan_to_num(rates), 0)
    powers = items @ moments
    left = np.stack([powers[..., a : a + 3] for a in range(3)], axis=-2)
    right = totals @ moments[:, :3]
    ridge = 1e-9 * np.maximum(powers[..., :1, None], 1) * np.eye(3)
    return np.asarray(np.linalg.solve(left + ridge, right[..., None])[..., 0], dtype=np.float64)


# Direct: monotone, one model at a time ------------------------------------------------------------

KNOTS = 12
SMOOTHNESS = 0.3
"""Penalty on changes of slope, in items per ten items of the data."""


@dataclass(frozen=True)
class _Direct:
    name: str
    parameters: Floats
    basis: Floats  # (n_grid, n_parameters)

    def values(self, model: int, parameters: Floats) -> Floats:
        return np.clip(parameters @ self.basis.T, 0, 1)

    def evidence(self, model: int, items: Floats, rates: Floats, posterior: Floats) -> Floats:
        # Fitted anew: near the bounds, one step from the fit would go astray.
        mixed = posterior @ self.basis
        mixed = np.broadcast_to(mixed, (len(items), *mixed.shape[1:]))
        parameters = np.tile(self.parameters[model], (len(items), 1, 1))
        for draw, t in np.argwhere(items.any(axis=2)):
            parameters[draw, t] = _monotone(mixed[draw], items[draw, t], rates[draw, t])
        return parameters

    def update(self, evidence: Floats, rng: np.random.Generator) -> Floats:
        return evidence


def _fit_direct(table: SufficientTable, hardness: Hardness) -> _Direct:
    knots = np.linspace(0, 1, KNOTS + 1)
    ramps = np.clip((hardness.grid[:, None] - knots[:-1]) * KNOTS, 0, 1)
    basis = np.column_stack([np.ones(len(hardness.grid)), ramps])
    means = np.nan_to_num(table.means())
    mixed = hardness.posterior @ basis
    parameters = np.full((*means.shape[:2], KNOTS + 1), np.nan)
    for m, t in np.argwhere(table.items.any(axis=2)):
        parameters[m, t] = _monotone(mixed[m], table.items[m, t], means[m, t])
    return _Direct("direct", parameters, basis)


def _monotone(mixed: Floats, items: Floats, rates: Floats) -> Floats:
    """Level at 0 and rises between knots, none below 0, that fit the rates of the cells best."""
    root = np.sqrt(items)
    rises = np.eye(KNOTS, KNOTS + 1, k=1)
    penalty = np.sqrt(SMOOTHNESS * items.sum() / 10) * np.diff(rises, axis=0)
    left = np.vstack([root[:, None] * mixed, penalty])
    right = np.concatenate([root * rates, np.zeros(len(penalty))])
    return optimize.nnls(left, right, maxiter=300)[0]


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
class MixedProfiles:
    """Profiles of the mixed model ``logit g_m(u) = line(u) + sum_j z_j(u) (common_j + own_mj)``.

    Attributes
    ----------
    name : str
    parameters : ndarray, shape (n_models, n_targets + 1, n_terms)
        Coefficients, common and own together.
    shape : Shape
        Common part and spread.
    covariance : ndarray, shape (n_models, n_targets + 1, n_terms, n_terms)
        Posterior covariance of a model's coefficients, given the common part.
    """

    name: str
    parameters: Floats
    shape: Shape
    covariance: Floats
    chance: float
    below: Floats  # (n_targets + 1, n_grid): what the profile has below chance
    basis: Floats  # (n_grid, n_terms)
    line: Floats  # (n_targets + 1, n_grid), logits
    weight: Floats  # (n_models, n_targets + 1, n_cells): one over the variance of an item's rate
    jacobian: Floats  # (n_models, n_targets + 1, n_cells, n_terms)
    information: Floats  # (n_models, n_targets + 1, n_terms, n_terms)
    common_covariance: Floats  # (n_targets + 1, n_terms, n_terms)
    common_sd: Floats  # (n_terms,); 0 where the common shape is frozen
    f: Floats

    def values(self, model: int, parameters: Floats) -> Floats:
        """*f* on the grid."""
        g = parameters @ self.basis.T
        g += self.line
        special.expit(g, out=g)
        g *= 1 - self.chance
        g += self.chance + self.below
        return g

    def evidence(self, model: int, items: Floats, rates: Floats, posterior: Floats) -> Floats:
        """The score: how far, and with what weight, the redraw departs from the fit."""
        expected = np.swapaxes(posterior @ self.f[model].T, -1, -2)
        residual = np.where(items > 0, rates - expected, 0)
        residual *= items
        weighted = self.jacobian[model] * self.weight[model][..., None]
        return np.matmul(residual.swapaxes(0, 1), weighted).swapaxes(0, 1)

    def update(self, evidence: Floats, rng: np.random.Generator) -> Floats:
        """One Newton step from the fit, plus what shrinkage leaves unknown.

        A shrunk estimate varies too little over redraws, as it stays near the common shape
        wherever the model has few items. The missing part is the posterior variance minus the
        sampling variance. Perturb-and-fit (Papandreou and Yuille 2010) adds just that: a draw
        from the prior minus its own shrunken fit.
        """
        n_models, n_draws, _, n_terms = evidence.shape
        common = rng.standard_normal((n_draws, 1, n_terms)) * self.common_sd
        found = rng.standard_normal((n_models, n_draws, 1, n_terms)) * self.shape.spread
        found += common  # a draw from the prior
        # Models × targets × draws × terms, so that the small matrices multiply all draws at once.
        truth = found.swapaxes(1, 2)
        precision = (1 / self.shape.spread**2)[:, None]
        shrunk = (evidence.swapaxes(1, 2) - truth @ self.information) @ self.covariance
        pull = np.einsum("mtbp,tp->tbp", shrunk, precision[:, 0])
        centre = pull @ self.common_covariance
        truth += shrunk
        truth += (centre * precision) @ self.covariance
        truth += self.parameters[:, :, None]
        return found


def _fit_mixed(
    table: SufficientTable, hardness: Hardness, profile: str, start: Shape | None
) -> MixedProfiles:
    c = table.chance
    u = np.clip((hardness.grid - c) / (1 - c), 0, 1)
    z = np.log((u + SOFT) / (1 - u + SOFT)) / np.log((1 + SOFT) / SOFT)
    n_terms = 2 if profile == "logit" else TERMS
    basis = legendre.legvander(z, n_terms - 1)
    n_models, n_targets = table.items.shape[:2]
    bends: Floats = DECAY ** np.arange(n_terms - 2, dtype=np.float64)
    common_sd = np.array([*COMMON_SD[:2], *(COMMON_SD[2] * bends)])
    spread = np.tile(np.array([SHIFT_SD, SLOPE_SD, *(BEND_SD * bends)]), (n_targets, 1))
    if profile == "shared":
        spread[:, 1:] = 1e-3
    silent = np.zeros(n_models, dtype=bool)
    if hardness.likelihood is not None:  # one answer an item shows no profile to lend to others
        silent = table.answered_once() & ~table.answered_once().all()
    level = _level(table, ~silent)
    line = _logit_of_line(level, u)
    if profile == "logit":
        # Each model for itself, from perfect transfer: nothing is held back, nothing is shared.
        level = np.ones(n_targets)
        line = np.tile(np.log((u + SOFT) / (1 - u + SOFT)), (n_targets, 1))
        spread[:], common_sd = 10.0, np.full(2, 1e-3)
    prior = np.zeros((n_targets, n_terms))
    if start is not None:
        prior, spread, level = _frozen(start, table.targets)
        line, common_sd = _logit_of_line(level, u), np.full(n_terms, 1e-6)
    below = np.clip(level, 0, 1)[:, None] * np.minimum(hardness.grid - c, 0)

    items, rates, factor = _cells(table)
    items = np.where(silent[:, None, None], 0, items)
    parameters = np.tile(prior, (n_models, 1, 1))
    common = prior
    held = 1 / common_sd**2
    change = np.inf
    for step in range(_STEPS):
        precision = 1 / spread**2
        g = special.expit(line + parameters @ basis.T)
        f = c + (1 - c) * g + below
        expected = np.einsum("mcg,mtg->mtc", hardness.posterior, f).clip(1e-6, 1 - 1e-6)
        weight = 1 / (factor[..., None] * expected * (1 - expected) + 1e-4)
        slope = (1 - c) * g * (1 - g)
        jacobian = np.einsum("mcg,mtgp->mtcp", hardness.posterior, slope[..., None] * basis)
        weighted = jacobian * (weight * items)[..., None]
        information = np.einsum("mtcp,mtcq->mtpq", weighted, jacobian)
        target = np.einsum("mtcp,mtc->mtp", weighted, rates - expected)
        target += np.einsum("mtpq,mtq->mtp", information, parameters)
        covariance = _inverse(information + precision[:, None, :] * np.eye(n_terms))
        # What the data say of the common part: each model counts as far as it is known.
        known = np.eye(n_terms) * precision[:, None, :] - (
            precision[:, :, None] * covariance * precision[:, None, :]
        )
        common_covariance = _inverse(known.sum(axis=0) + np.diag(held))
        pull = (precision * np.einsum("mtpq,mtq->mtp", covariance, target)).sum(axis=0)
        common = np.einsum("tpq,tq->tp", common_covariance, pull + held * prior)
        new = np.einsum("mtpq,mtq->mtp", covariance, target + precision * common)
        move = new - parameters
        change = np.abs(move).max()
        parameters = parameters + move * np.minimum(
            1, 2 / np.maximum(np.abs(move).max(axis=2, keepdims=True), 1e-12)
        )
        if profile == "adaptive" and start is None and n_models > 1 and step >= _EVIDENCE:
            spread = _spread(spread, parameters - common, covariance, bends)
        if change < 1e-7:
            break
    weight[silent] = 0  # nor in redraws
    g = special.expit(line + parameters @ basis.T)
    return MixedProfiles(
        profile,
        parameters,
        Shape(table.targets, level, common, spread),
        covariance,
        c,
        below,
        basis,
        line,
        weight,
        jacobian,
        information,
        common_covariance,
        common_sd,
        c + (1 - c) * g + below,
    )


def _inverse(matrices: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64)


def _level(table: SufficientTable, lend: NDArray[np.bool_]) -> Floats:
    """Slope of the straight line from (chance, chance) that all models together follow."""
    n, source, target, _ = table.paired[:, lend].sum(axis=1)
    c = table.chance
    above = np.maximum(source - c * n, 1e-3 * np.maximum(n, 1))
    level = (target - c * n) / above
    level[0] = np.mean(level[1:])
    return np.clip(level, 0.002, 1.0)


def _logit_of_line(level: Floats, u: Floats) -> Floats:
    """Logit of ``level · u``, kept finite at 0 and 1; shape (n_targets + 1, n_grid)."""
    share = (level[:, None] * u + TINY) / (1 + 2 * TINY)
    return special.logit(share)


def _frozen(start: Shape, targets: tuple[str, ...]) -> tuple[Floats, Floats, Floats]:
    """The frozen shape for these targets; one that it does not know takes the macro shape."""
    at = [start.targets.index(t) if t in start.targets else 0 for t in targets]
    return start.common[at], start.spread[at], start.offset[at]


def _cells(table: SufficientTable) -> tuple[Floats, Floats, Floats]:
    """Items and mean rates in each cell, and how much items vary within cells.

    The last is the factor *d* of a variance ``d · f (1 - f)`` of an item's rate, one a model and
    target. Taking the variance of each cell by itself would bias the profile: a cell near 0 or 1
    by chance looks sure by chance, too.
    """
    whole = table.whole or table
    items = whole.items
    plain = whole.rates / np.maximum(items, 1)
    within = np.maximum(whole.squares - items * plain**2, 0).sum(axis=2)
    lost = (items > 0).sum(axis=2)  # a mean a cell was fitted
    n = items.sum(axis=2)
    within *= n / np.maximum(n - lost, 1)
    # Corrected for a judge, a mean may lie outside [0, 1].
    possible = (items * np.clip(plain * (1 - plain), 0, None)).sum(axis=2)
    factor = (within + 0.01) / (possible + 0.02)
    return table.items, np.nan_to_num(table.means()), factor


def _spread(spread: Floats, own: Floats, covariance: Floats, bends: Floats) -> Floats:
    """How much models differ: one step of EM, with the assumed differences as a few models more."""
    second = own**2 + np.diagonal(covariance, axis1=2, axis2=3)
    n = len(own)
    slope = (PRIOR_MODELS * SLOPE_SD**2 + second[..., 1].sum(axis=0)) / (PRIOR_MODELS + n)
    scaled = (second[..., 2:] / bends**2).mean(axis=2).sum(axis=0)
    bend = (PRIOR_MODELS * BEND_SD**2 + scaled) / (PRIOR_MODELS + n)
    new = spread.copy()
    new[:, 1] = np.sqrt(slope)
    new[:, 2:] = np.sqrt(bend)[:, None] * bends
    return new
