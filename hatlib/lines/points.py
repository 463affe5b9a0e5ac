"""Source and target accuracies of models, checked and put on a scale.

On the logit and probit scales an accuracy of 0 or 1 has no place. An accuracy below
`1 / (2 n)` or above `1 - 1 / (2 n)` is moved to that bound, where `n` is the number of items.
Where `n` is unknown the bound is `CLIP`. With a chance level `c` the accuracy is first
rescaled, `(accuracy - c) / (1 - c)`; models at or below chance are then moved by the same
rule. Every result counts the moved values. The linear scale moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hatlib import resample
from hatlib.errors import InputError, Problem, listing

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Scale = Literal["linear", "logit", "probit"]
CLIP = 0.001
"""Nearest an accuracy may come to 0 or 1 on the logit and probit scales, if n is unknown."""

SMALLEST_SPREAD = 1e-9
"""Source accuracies closer together than this have no spread."""


def to_scale(
    accuracy: ArrayLike,
    scale: Scale = "linear",
    *,
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> tuple[Floats, Bools]:
    """Put accuracies on a scale, with the zero/one rule of this module.

    Parameters
    ----------
    accuracy : array_like of shape (n,)
        Accuracies, 0 to 1.
    scale : {"linear", "logit", "probit"}
        The scale.
    n_items : array_like of shape (n,) or scalar, optional
        Number of items behind each accuracy; nan where unknown.
    chance : float
        Accuracy of a guess, 0 to below 1.

    Returns
    -------
    values : ndarray of shape (n,)
        The accuracies on the scale.
    moved : ndarray of bool, shape (n,)
        Which accuracies the zero/one rule moved.

    Raises
    ------
    InputError
        If the scale is unknown, an accuracy is not in 0 to 1, or chance is not in 0 to below 1.

    Examples
    --------
    >>> values, moved = to_scale([0.5, 1.0], "logit", n_items=250)
    >>> values.round(3).tolist(), moved.tolist()
    ([0.0, 6.213], [False, True])
    """
    p = resample.as_float(accuracy)
    problems = scale_problems(scale, chance) + accuracy_problems(p, "accuracy", scale)
    if problems:
        raise InputError(problems)
    share = (p - chance) / (1 - chance)
    if scale == "linear":
        return share, np.zeros(p.shape, dtype=bool)
    bound = _clip_bound(n_items, p.shape)
    inside = np.clip(share, bound, 1 - bound)
    moved = np.isfinite(share) & (np.abs(inside - share) > 1e-12)
    return np.asarray(special.logit(inside) if scale == "logit" else special.ndtri(inside)), moved


def from_scale(values: ArrayLike, scale: Scale = "linear", *, chance: float = 0.0) -> Floats:
    """Back from a scale to accuracies; the inverse of `to_scale`.

    Parameters
    ----------
    values : array_like
        Values on the scale.
    scale : {"linear", "logit", "probit"}
        The scale.
    chance : float
        Accuracy of a guess.

    Returns
    -------
    ndarray
        Accuracies. On the linear scale they are not held inside 0 to 1.

    Examples
    --------
    >>> from_scale([0.0, 6.213], "logit").round(3).tolist()
    [0.5, 0.998]
    """
    v = np.asarray(values, dtype=float)
    share = v if scale == "linear" else special.expit(v) if scale == "logit" else special.ndtr(v)
    return np.asarray(chance + (1 - chance) * share)


def binomial_variance(accuracy: ArrayLike, n_items: ArrayLike, n_targets: ArrayLike = 1) -> Floats:
    """Binomial sampling variance `p (1 - p) / n` of accuracies.

    Parameters
    ----------
    accuracy : array_like of shape (n,)
        Accuracies, 0 to 1.
    n_items : array_like of shape (n,) or scalar
        Number of items.
    n_targets : array_like of shape (n,) or scalar
        Number of languages that the accuracy is the mean of.

    Returns
    -------
    ndarray of shape (n,)
        Variances in squared accuracy units. It includes how much items differ, which is not
        noise between models.

    Examples
    --------
    >>> binomial_variance([0.5, 1.0], 250).tolist()
    [0.001, 0.0]
    """
    p = np.clip(resample.as_float(accuracy), 0, 1)
    return np.asarray(p * (1 - p) / (resample.as_float(n_items) * resample.as_float(n_targets)))


def _clip_bound(n_items: ArrayLike | None, shape: tuple[int, ...]) -> Floats:
    n = np.full(shape, np.nan)
    if n_items is not None:
        n = np.broadcast_to(resample.as_float(n_items), shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(n) & (n >= 1), np.minimum(0.5 / n, 0.5), CLIP)


def steepness(values: Floats, scale: Scale, chance: float) -> Floats:
    """How much the scale stretches a small change of accuracy (for the delta method)."""
    if scale == "linear":
        return np.full(values.shape, 1 / (1 - chance))
    if scale == "logit":
        share = special.expit(values)
        return np.asarray(1 / (share * (1 - share)) / (1 - chance))
    return np.asarray(np.sqrt(2 * np.pi) * np.exp(values**2 / 2) / (1 - chance))


def scale_problems(scale: str, chance: float) -> list[Problem]:
    """What is wrong with a scale and a chance level."""
    problems = []
    if scale not in ("linear", "logit", "probit"):
        problems.append(
            Problem("the scale is unknown.", "Use linear, logit or probit.", value=str(scale))
        )
    if not 0 <= chance < 1:
        problems.append(
            Problem("the chance level is not in 0 to below 1.", "Give a share.", value=str(chance))
        )
    return problems


def accuracy_problems(values: Floats, name: str, scale: str) -> list[Problem]:
    """What is wrong with accuracies; the linear scale takes any."""
    wrong = values[np.isfinite(values) & ((values < 0) | (values > 1))]
    if scale == "linear" or not wrong.size:
        return []
    return [
        Problem(
            f"{wrong.size} values of {name} are not in 0 to 1.",
            "Divide percentages by 100.",
            value=listing(wrong, 3),
        )
    ]


@dataclass(frozen=True)
class Points:
    """The usable models: on the scale (x, y) and as accuracies (x_raw, y_raw)."""

    x: Floats
    y: Floats
    x_raw: Floats
    y_raw: Floats
    x_var: Floats
    y_var: Floats
    xy_cov: Floats
    moved: NDArray[np.int64]
    defines: Bools
    position: NDArray[np.int64]
    n_given: int
    n_dropped: int
    scale: Scale
    chance: float
    noise_known: bool

    def only(self, mask: Bools) -> Points:
        """The masked models."""
        arrays = {
            name: getattr(self, name)[mask]
            for name in (
                "x", "y", "x_raw", "y_raw", "x_var", "y_var", "xy_cov", "moved", "defines",
                "position",
            )
        }  # fmt: skip
        return replace(self, **arrays)

    @property
    def defining(self) -> Points:
        """The models that define the line."""
        return self.only(self.defines)


def usable_points(
    x: ArrayLike,
    y: ArrayLike,
    *,
    scale: Scale = "linear",
    x_var: ArrayLike | None = None,
    y_var: ArrayLike | None = None,
    xy_cov: ArrayLike = 0.0,
    defines: ArrayLike | None = None,
    n_items: ArrayLike | None = None,
    chance: float = 0.0,
) -> Points:
    """Check the input, drop what is missing, go to the scale."""
    xs, ys = resample.as_float(x), resample.as_float(y)
    problems = scale_problems(scale, chance)
    if xs.ndim != 1 or ys.ndim != 1 or len(xs) != len(ys):
        problems.append(
            Problem(
                f"x has shape {xs.shape} and y has shape {ys.shape}.",
                "Give one source and one target accuracy per model.",
            )
        )
        raise InputError(problems)
    size = len(xs)
    mask = np.ones(size, dtype=bool) if defines is None else as_mask(defines)
    given = {"x_var": x_var, "y_var": y_var, "xy_cov": xy_cov, "n_items": n_items}
    columns = {k: resample.as_float(v) for k, v in given.items() if v is not None}
    columns["defines"] = mask.astype(float)
    for name, values in columns.items():
        if values.shape not in ((), (size,)):
            problems.append(
                Problem(f"{name} has shape {values.shape}.", f"Give {size} values, one a model.")
            )
        elif name in ("x_var", "y_var") and bool(np.any(values < 0)):
            problems.append(Problem(f"{name} has values below 0.", "Give variances."))
        elif name == "n_items" and bool(np.any(values < 1)):
            problems.append(Problem("n_items has values below 1.", "Leave unknown numbers empty."))
    problems += accuracy_problems(xs, "x", scale) + accuracy_problems(ys, "y", scale)
    if problems:
        raise InputError(problems)
    n = columns.get("n_items")
    vx, known_x = _noise(columns.get("x_var"), xs, n)
    vy, known_y = _noise(columns.get("y_var"), ys, n)
    keep = np.isfinite(xs) & np.isfinite(ys)
    sx, moved_x = to_scale(xs, scale, n_items=n, chance=chance)
    sy, moved_y = to_scale(ys, scale, n_items=n, chance=chance)
    dx, dy = steepness(sx, scale, chance), steepness(sy, scale, chance)
    every = Points(
        x=sx,
        y=sy,
        x_raw=xs,
        y_raw=ys,
        x_var=vx * dx**2,
        y_var=vy * dy**2,
        xy_cov=np.broadcast_to(columns["xy_cov"], (size,)) * dx * dy,
        moved=moved_x.astype(np.int64) + moved_y.astype(np.int64),
        defines=mask,
        position=np.arange(size),
        n_given=size,
        n_dropped=int((mask & ~keep).sum()),
        scale=scale,
        chance=chance,
        noise_known=known_x and known_y,
    )
    return every.only(keep)


def _noise(variance: Floats | None, accuracy: Floats, n: Floats | None) -> tuple[Floats, bool]:
    """Sampling variance as given, else binomial from the number of items, else none."""
    if variance is not None:
        return np.broadcast_to(variance, accuracy.shape).astype(float), True
    if n is not None and np.isfinite(n).any():
        every = np.broadcast_to(n, accuracy.shape)
        known = bool(np.isfinite(every[np.isfinite(accuracy)]).all())
        return binomial_variance(accuracy, _fill_items(every)), known
    return np.zeros(accuracy.shape), False


def _fill_items(n: Floats) -> Floats:
    """Where the number of items is unknown, the fewest known: that allows for most noise."""
    return np.where(np.isfinite(n), n, np.nanmin(n))


def as_mask(defines: ArrayLike) -> Bools:
    """A mask of models, if all values are True or False."""
    array = np.asarray(defines)
    if array.dtype != bool:
        kinds = {type(value) for value in array.ravel().tolist()}
        if not kinds <= {bool, np.bool_}:
            raise InputError(
                Problem("defines is not a mask.", "Give True or False for each model.")
            )
    return array.astype(bool)


# --- one line -------------------------------------------------------------------------------
