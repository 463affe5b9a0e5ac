"""The reference distribution of hardness, which makes scores comparable.

A score is the transfer profile averaged over a distribution of hardness that is the same for every
model, as age-adjusted mortality averages over a standard population.  Three choices:

- **uniform**: every source probability from chance to 1 counts the same. It depends on nobody.
- **pooled**: the average distribution of the models under comparison that can be scored. It puts
  weight only where somebody has items, but changes with the models. It is a second number beside
  the score (``hat_pooled``).
- a frozen **standard**: a pooled reference and a common shape, stored with their origin, so that a
  model that comes later is scored against the same standard.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hatlib.data.writing import write_text
from hatlib.errors import InputError, Problem
from hatlib.metric.hardness import onto_grid
from hatlib.metric.profile import TERMS, Shape
from hatlib.metric.sufficient import MACRO
from hatlib.thresholds import BOOK

Floats = NDArray[np.float64]

SLICES = 5
"""Fifths of the reference weight in which items are counted."""

ENOUGH_ITEMS = 10
"""Items that support a slice fully."""

SUPPORTED = BOOK["supported"]
"""Below this support a score is extrapolated."""

NEARLY_ALWAYS = 0.95
"""Source probability at which *f(.95)* is read off the profile."""

NEARBY = 0.85
"""From here on, items count as nearly always solved; *f(.95)* needs `ENOUGH_ITEMS` of them."""


def uniform_reference(grid: Floats, chance: float) -> Floats:
    """Weights of the even distribution from chance to 1, exact for functions linear between points.

    Examples
    --------
    >>> uniform_reference(np.array([0.0, 0.5, 1.0]), 0.0).tolist()
    [0.25, 0.5, 0.25]
    """
    weight = np.zeros(len(grid))
    start = int(np.searchsorted(grid, chance - 1e-12))
    widths = np.diff(grid[start:])
    weight[start:-1] += widths / 2
    weight[start + 1 :] += widths / 2
    return weight / weight.sum()


def at_probability(grid: Floats, h: float) -> Floats:
    """Weights that read a function off at one probability, linearly between points.

    Examples
    --------
    >>> at_probability(np.array([0.0, 0.5, 1.0]), 0.75).tolist()
    [0.0, 0.5, 0.5]
    """
    return np.array([np.interp(h, grid, unit) for unit in np.eye(len(grid))])


def adjusted(mean: Any, reference: Floats, grid: Floats, chance: float) -> Any:
    """Scale a reference-weighted mean of *f* so that perfect transfer is 1 and none is 0.

    Examples
    --------
    >>> grid = np.array([0.0, 0.5, 1.0])
    >>> float(adjusted(0.35, uniform_reference(grid, 0.0), grid, 0.0))
    0.7
    """
    return (mean - chance) / (reference @ grid - chance)


def items_in_slices(reference: Floats, distribution: Floats, n_items: Floats | float) -> Floats:
    """Expected items of a model in each fifth of the reference weight.

    Parameters
    ----------
    reference : ndarray, shape (n_grid,)
        Reference weights.
    distribution : ndarray, shape (..., n_grid)
        Distribution of the model's items on the same grid.
    n_items : ndarray, shape (...), or float
        How many items there are.

    Returns
    -------
    ndarray, shape (..., 5)

    Examples
    --------
    >>> even = np.full(100, 0.01)
    >>> items_in_slices(even, even, 50.0).round(6).tolist()
    [10.0, 10.0, 10.0, 10.0, 10.0]
    """
    top = np.cumsum(reference) / reference.sum() * SLICES
    bottom = np.concatenate([[0.0], top[:-1]])
    edges = np.arange(SLICES)
    overlap = np.minimum(top[:, None], edges + 1) - np.maximum(bottom[:, None], edges)
    width = (top - bottom)[:, None]
    # The items of a grid point spread evenly over the reference weight that it stands for.
    share = np.where(width > 0, np.clip(overlap, 0, None) / np.where(width > 0, width, 1), 0)
    return np.asarray(n_items)[..., None] * (distribution @ share)


def support_of(slices: Floats) -> Floats:
    """Share of the reference weight where the model has items: a fifth with ten counts fully.

    Examples
    --------
    >>> float(support_of(np.array([10, 90, 5, 0, 0])))
    0.5
    """
    return np.minimum(slices / ENOUGH_ITEMS, 1).mean(axis=-1)


def effective_items(slices: Floats) -> Floats:
    """How many evenly spread items would weigh as much as these (Kish): ``1 / sum(w² / n)``.

    Examples
    --------
    >>> round(float(effective_items(np.full(5, 20.0))), 1)
    100.0
    >>> round(float(effective_items(np.array([1.0, 99, 99, 99, 99]))), 1)
    24.0
    """
    share = 1 / slices.shape[-1]
    return 1 / (share**2 / np.maximum(slices, 1e-9)).sum(axis=-1)


@dataclass(frozen=True)
class Standard:
    """A frozen standard: reference weights and common profile shape of one benchmark.

    Attributes
    ----------
    benchmark : str
    chance : float
    grid, weight : ndarray
        Distribution of the source probability.
    shape : Shape
        Common shape of the profiles, and how much they differed.
    origin : str
        Which models and answers it was made from.
    """

    benchmark: str
    chance: float
    grid: Floats
    weight: Floats
    shape: Shape
    origin: str

    def on(self, grid: Floats) -> Floats:
        """The weights on another grid, with the same mean."""
        return self.weight @ onto_grid(self.grid, grid)

    def to_json(self) -> str:
        """As text, to be kept in a file."""
        return json.dumps(
            {
                "hat_standard": 1,
                "benchmark": self.benchmark,
                "chance": self.chance,
                "origin": self.origin,
                "source_probability": self.grid.round(6).tolist(),
                "weight": self.weight.round(8).tolist(),
                "targets": list(self.shape.targets),
                "level": self.shape.offset.round(6).tolist(),
                "common": self.shape.common.round(6).tolist(),
                "spread": self.shape.spread.round(6).tolist(),
            },
            indent=1,
        )

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Keep it in a file.

        Raises
        ------
        InputError
            If the file is there already and `force` is not set.
        """
        path = Path(path)
        write_text(path, self.to_json(), force=force)
        return path

    @staticmethod
    def read(path: str | Path) -> Standard:
        """Read one from a file.

        Raises
        ------
        InputError
            If the file is not a standard.
        """
        path = Path(path)
        try:
            with path.open(encoding="utf-8") as stream:
                text = stream.read(1 << 20)
            return Standard.from_json(text)
        except OSError as error:
            what = f"the standard cannot be read: {error.strerror}."
            raise InputError(Problem(what, file=str(path))) from None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise InputError(
                Problem(
                    "this is not a frozen standard.",
                    "Make one with `hat score … --save-standard FILE`.",
                    file=str(path),
                )
            ) from None

    @staticmethod
    def from_json(text: str) -> Standard:
        """Read one from text.

        Raises
        ------
        ValueError, KeyError, TypeError, OverflowError, RecursionError
            If the text is something else.
        """
        raw = json.loads(text)
        if raw["hat_standard"] != 1:
            raise ValueError(raw["hat_standard"])
        arrays = {
            name: np.array(raw[name], dtype=float)
            for name in ("source_probability", "weight", "level", "common", "spread")
        }
        targets = tuple(map(str, raw["targets"]))
        chance = float(raw["chance"])
        grid, weight = arrays["source_probability"], arrays["weight"]
        n = len(targets)
        sound = (
            0 <= chance < 1
            and targets[:1] == (MACRO,)
            and grid.ndim == 1
            and weight.shape == grid.shape
            and arrays["level"].shape == (n,)
            and arrays["common"].shape == arrays["spread"].shape == (n, TERMS)
            and all(np.isfinite(values).all() for values in arrays.values())
            and ((grid >= 0) & (grid <= 1)).all()
            and (weight >= 0).all()
            and weight @ (grid - chance) > 0
            and (arrays["spread"] > 0).all()
        )
        if not sound:
            raise ValueError("shapes or values")
        return Standard(
            str(raw["benchmark"]),
            chance,
            grid,
            weight / weight.sum(),
            Shape(targets, arrays["level"], arrays["common"], arrays["spread"]),
            str(raw["origin"]),
        )
