"""The reference distribution of hardness, which makes scores comparable.

A score is the transfer profile averaged over a distribution of hardness that is the same for every
model, as age-adjusted mortality averages over a standard population.  Three choices:

- **uniform**: every source probability from chance to 1 counts the same. It depends on nobody.
- **pooled**: the average distribution of the models under comparison that can be scored. It puts
  weight only where somebody has items, but changes with the models. It is a second number beside
  the score (``hat_pooled``).
- a frozen **standard**: a pooled reference and a common shape, stored with their origin, so that a
  model that comes later is scored against the same standard.

Frozen standards come with the book: one for each real set that can carry one.  They were made with
edition 0.3.0, on 24 November 2026, from the answers that the origin of each names: the hardness
that its models met together, and the shape that their profiles shared.  They are used as they are
and never made again, whatever becomes of the score or of the data: scores that were given against
them stay comparable.  A new standard takes a new name (``hat score … --save-standard``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hatlib.data.tables import data_folder
from hatlib.data.writing import write_text
from hatlib.errors import InputError
from hatlib.metric.flags import Flag
from hatlib.metric.hardness import Hardness, onto_grid
from hatlib.metric.profile import TERMS, ProfileFit, Shape
from hatlib.metric.sufficient import MACRO, Bools, Floats, Ledger, SufficientTable
from hatlib.thresholds import BOOK

SLICES = 5
"""Fifths of the reference weight in which items are counted."""

ENOUGH_ITEMS = 10
"""Items that support a slice fully."""

GAP = 2
"""With fewer items a fifth between others is a gap."""

SUPPORTED = BOOK["supported"]
"""Below this support a score is extrapolated."""

NEARLY_ALWAYS = 0.95
"""Source probability at which *f(.95)* is read off the profile."""

MEASURES = ("hat", "hat_pooled", "f95")
"""The score over its reference, over the pooled one, and *f(.95)*."""


def uniform_reference(grid: Floats, chance: float) -> Floats:
    """Weights of the even distribution from chance to 1, exact for functions linear between points.

    Examples
    --------
    >>> uniform_reference(np.array([0.0, 0.5, 1.0]), 0.0).tolist()
    [0.25, 0.5, 0.25]
    """
    widths = np.diff(grid) * (grid[:-1] >= chance - 1e-12)
    weight = np.append(widths, 0) + np.append(0, widths)
    return weight / weight.sum()


@dataclass(frozen=True)
class Reference:
    """What the profiles of a benchmark are averaged over.

    Attributes
    ----------
    name : str
        "uniform", "pooled" or "standard".
    grid : ndarray, shape (n_grid,)
    chance : float
    weight : ndarray, shape (n_grid,)
        Weights of the score's reference.
    pooled : ndarray, shape (n_grid,) or (n_draws, n_grid)
        Those of the pooled one.
    members : ndarray of bool, shape (n_models,)
        Models over which that is averaged.
    """

    name: str
    grid: Floats
    chance: float
    weight: Floats
    pooled: Floats
    members: Bools

    def scores(self, curves: Floats) -> dict[str, Floats]:
        """The numbers of `MEASURES` for profiles (..., n_targets + 1, n_grid).

        If the pooled weights were redrawn, profiles have the axis of draws before their targets.
        """
        found = {}
        for name, weight in (("hat", self.weight), ("hat_pooled", self.pooled)):
            mean = np.matmul(curves, weight[..., None])[..., 0]
            # Perfect transfer is 1, and none is 0.
            found[name] = (mean - self.chance) / (weight @ self.grid - self.chance)[..., None]
        if self.name == "pooled":
            found["hat"] = found["hat_pooled"]
        return found | {"f95": curves @ onto_grid(np.array([NEARLY_ALWAYS]), self.grid)[0]}


def reference_for(
    asked: str | Standard, table: SufficientTable, grid: Floats, pooled: Floats, members: Bools
) -> Reference:
    """The reference that was asked for; beside it stands the pooled one."""
    name, weight = "uniform", uniform_reference(grid, table.chance)
    if asked == "pooled":
        name, weight = "pooled", pooled
    if isinstance(asked, Standard):
        if asked.chance != table.chance:
            what = f"the standard was made with chance level {asked.chance:g}"
            remedy = "Use the standard of this benchmark."
            raise InputError(f"{what}, and {table.benchmark} has {table.chance:g}.", remedy)
        name, weight = "standard", asked.weight @ onto_grid(asked.grid, grid)
    return Reference(name, grid, table.chance, weight, pooled, members)


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


def support_of(slices: Floats) -> tuple[Floats, Floats, Bools]:
    """Share of the reference weight where there are items, how many items that comes to, and gaps.

    A fifth with ten items counts fully. The second number is how many evenly spread items would
    weigh as much (Kish): ``1 / sum(w² / n)``. A fifth with fewer than `GAP` between fifths with
    more is a gap: how transfer goes on across it cannot be seen.

    Examples
    --------
    >>> [round(float(x), 2) for x in support_of(np.array([10, 90, 5, 0, 0]))]
    [0.5, 0.0, 0.0]
    >>> [round(float(x), 2) for x in support_of(np.full(5, 20.0))]
    [1.0, 100.0, 0.0]
    >>> [round(float(x), 2) for x in support_of(np.array([90, 20, 0, 20, 90]))]
    [0.8, 0.0, 1.0]
    """
    share = np.minimum(slices / ENOUGH_ITEMS, 1).mean(axis=-1)
    below = np.maximum.accumulate(slices, axis=-1)
    above = np.maximum.accumulate(slices[..., ::-1], axis=-1)[..., ::-1]
    gaps = np.any((slices < GAP) & (below >= GAP) & (above >= GAP), axis=-1)
    return share, SLICES**2 / (1 / np.maximum(slices, 1e-9)).sum(axis=-1), gaps


# What is averaged over it -------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """The items of one stratum (or all), fitted.

    Attributes
    ----------
    items : ndarray of int
        Places of the items.
    share : float
        Weight of the stratum.
    """

    items: NDArray[np.intp]
    share: float
    ledgers: tuple[Ledger, ...]
    table: SufficientTable
    hardness: Hardness
    fit: ProfileFit


@dataclass(frozen=True)
class Fitted:
    """A benchmark whose strata were fitted.

    Attributes
    ----------
    parts : tuple of Part
        The strata; one if there are none.
    table : SufficientTable
        Of all items.
    hardness : Hardness
        Of all items.
    curves : ndarray, shape (n_models, n_targets + 1, n_grid)
        Transfer profiles.
    distribution : ndarray, shape (n_models, n_grid)
        Distribution of *h* over the items of each model.
    marks : dict of Flag to ndarray of bool, shape (n_models, n_targets + 1)
        What is wrong with each score.
    withheld : ndarray of bool, shape (n_models, n_targets + 1)
        Where that leaves no score.
    reference : Reference
        What the profiles are averaged over.
    """

    parts: tuple[Part, ...]
    table: SufficientTable
    hardness: Hardness
    curves: Floats
    distribution: Floats
    marks: dict[Flag, Bools]
    withheld: Bools
    reference: Reference


# Frozen standards ---------------------------------------------------------------------------------


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

    def to_json(self) -> str:
        """As text, to be kept in a file."""
        shape, said = self.shape, {"hat_standard": 1, "benchmark": self.benchmark}
        said |= {"chance": self.chance, "origin": self.origin}
        said["source_probability"] = self.grid.round(6).tolist()
        said |= {"weight": self.weight.round(8).tolist(), "targets": list(shape.targets)}
        arrays = {"level": shape.offset, "common": shape.common, "spread": shape.spread}
        said |= {name: values.round(6).tolist() for name, values in arrays.items()}
        return json.dumps(said, indent=1)

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Keep it in a file.

        Raises
        ------
        InputError
            If the file is there already and `force` is not set.
        """
        write_text(Path(path), self.to_json(), force=force)
        return Path(path)

    @staticmethod
    def read(path: str | Path) -> Standard:
        """Read one from a file.

        Raises
        ------
        InputError
            If the file is not a standard.
        """
        try:
            with Path(path).open(encoding="utf-8") as stream:
                raw = json.loads(stream.read(1 << 20))
            names = ("source_probability", "weight", "level", "common", "spread")
            arrays = [np.array(raw[name], dtype=float) for name in names]
            grid, weight, level, common, spread = arrays
            targets, chance = tuple(map(str, raw["targets"])), float(raw["chance"])
            n = len(targets)
            shapes = [grid.shape, grid.shape, (n,), (n, TERMS), (n, TERMS)]
            sound = (
                raw["hat_standard"] == 1
                and 0 <= chance < 1
                and targets[:1] == (MACRO,)
                and (grid.ndim, [values.shape for values in arrays]) == (1, shapes)
                and all(np.isfinite(values).all() for values in arrays)
                and ((grid >= 0) & (grid <= 1) & (weight >= 0)).all()
                and weight @ (grid - chance) > 0
                and (spread > 0).all()
            )
            if not sound:
                raise ValueError("shapes or values")
            shape = Shape(targets, level, common, spread)
            facts = str(raw["benchmark"]), chance, grid, weight / weight.sum()
            return Standard(*facts, shape, str(raw["origin"]))
        except OSError as error:
            what, remedy = f"the standard cannot be read: {error.strerror}.", ""
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            what = "this is not a frozen standard."
            remedy = "Make one with `hat score … --save-standard FILE`."
        raise InputError(what, remedy, file=str(path))


STANDARDS = ("mgsm", "copa-dialects", "truthfulqa-bleu")
"""Sets whose models can be scored over the hardness that they meet."""


def bundled_standard(benchmark: str) -> Standard:
    """The frozen standard of a benchmark of the book.

    A model that comes later is scored against the same hardness and the same common shape, so that
    its score does not depend on which other models are at hand.

    Parameters
    ----------
    benchmark : str
        One of `STANDARDS`.

    Returns
    -------
    Standard

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> bundled_standard("mgsm").origin
    '4 models on 250 items of mgsm'
    """
    if benchmark not in STANDARDS:
        what = "the book has no frozen standard of this benchmark."
        remedy = f"It has: {', '.join(STANDARDS)}. Make one with `hat score … --save-standard`."
        raise InputError(what, remedy, value=benchmark)
    return Standard.read(data_folder() / f"standards/{benchmark}.json")
