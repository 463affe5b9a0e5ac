"""Simulated models of known transfer, and what is measured of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from hatlib import resample
from hatlib.data.responses import Counts
from hatlib.metric.judge import Judge
from hatlib.metric.score import score_counts
from hatlib.truth.answers import simulate_answers
from hatlib.truth.nuisances.common import Bools, Floats, Ints
from hatlib.truth.nuisances.remedies import of_models
from hatlib.truth.simulate import invented_names

MEASURES: Mapping[str, str] = {
    "hat": "HAT",
    "ratio": "Ratio",
    "target_accuracy": "Target accuracy",
    "xlt_gap": "XLT gap",
}
"""What is measured, and how it is called."""


_ABILITIES = (-1.2, -0.4, 0.4, 1.2)
_TRANSFERS = (0.6, 0.7, 0.8)
TARGETS = ("de", "sw")
_SPREAD = 0.1  # items of one hardness are not all alike


@dataclass(frozen=True)
class World:
    """Answers of simulated models, and what is true of them.

    Attributes
    ----------
    counts : Counts
        Answers without a flaw.
    solved : ndarray, shape (n_models, n_items)
        True probability of a right answer in the source language.
    transfer : ndarray, shape (n_models,)
        True score.
    level, ability, family : ndarray of int, shape (n_models,)
        Number of its transfer, of its ability (0 is the weakest) and of its family. Each transfer
        occurs with each ability, and each family has each transfer once.
    """

    counts: Counts
    solved: Floats
    transfer: Floats
    level: Ints
    ability: Ints
    family: Ints
    _scored: dict[tuple[bytes, str, str, str], Floats] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def own(self) -> Bools:
        """Models of the family that a flaw of one family concerns."""
        return np.asarray(self.family == 1)

    def measured(
        self,
        counts: Counts,
        judge: Judge | None = None,
        *,
        profile: str = "adaptive",
        reference: str = "uniform",
    ) -> Floats:
        """The `MEASURES` of answers of these models; the same answers are scored only once.

        Parameters
        ----------
        counts : Counts
            Answers made from those of this world.
        judge : Judge, optional
            Whom to correct for.
        profile, reference : str
            As in `hatlib.hat_scores`.

        Returns
        -------
        ndarray, shape (n_measures, n_models)
        """
        key = (_content(counts), repr(judge), profile, reference)
        if key not in self._scored:
            self._scored[key] = measured(counts, judge, profile=profile, reference=reference)
        return self._scored[key]


def _content(counts: Counts) -> bytes:
    """The same for the same answers of the same models."""
    digest = hashlib.blake2b(repr((counts.models, counts.chance)).encode())
    for name in ("source_correct", "source_trials", "target_correct", "target_trials"):
        digest.update(getattr(counts, name).tobytes())
    return digest.digest()


def known_models(
    n_items: int = 300, n_trials: int = 10, rng: np.random.Generator | int = 0
) -> World:
    """Simulate twelve models: four abilities, each with three grades of transfer.

    Parameters
    ----------
    n_items, n_trials : int
        Items, and answers an item and language.
    rng : numpy.random.Generator or int
        Random numbers.

    Returns
    -------
    World

    Examples
    --------
    >>> world = known_models(n_items=50)
    >>> world.transfer.round(3).tolist()[:3], world.solved.shape
    ([0.6, 0.7, 0.8], (12, 50))
    """
    generator = resample.generator(rng)
    grades = len(_TRANSFERS)
    level = np.tile(np.arange(grades), len(_ABILITIES))
    ability = np.repeat(np.arange(len(_ABILITIES)), grades)
    theta = np.array(_ABILITIES)[ability]
    difficulty = 1.5 * generator.standard_normal(n_items)
    simulated = simulate_answers(
        theta,
        profiles=[partial(_straight, _TRANSFERS[grade]) for grade in level],
        n_items=n_items,
        n_trials=n_trials,
        targets=TARGETS,
        item_spread=_SPREAD,
        difficulty=lambda _: difficulty,
        models=pd.DataFrame({"model": sorted(invented_names(len(theta)))}),
        rng=generator,
    )
    truth = simulated.truth[simulated.truth["target"] == "macro"]["hat"].to_numpy(float)
    return World(
        simulated.responses.counts("sim"),
        special.expit(theta[:, None] - difficulty),
        truth,
        level,
        ability,
        (ability - level) % len(_ABILITIES),
    )


def _straight(slope: float, u: Floats) -> Floats:
    return slope * u


def measured(
    counts: Counts,
    judge: Judge | None = None,
    *,
    profile: str = "adaptive",
    reference: str = "uniform",
) -> Floats:
    """The `MEASURES` of every model, mean over the target languages.

    Parameters
    ----------
    counts : Counts
        The answers.
    judge : Judge, optional
        Whom to correct for.
    profile, reference : str
        As in `hatlib.hat_scores`.

    Returns
    -------
    ndarray, shape (n_measures, n_models)
    """
    scores = score_counts(counts, judge=judge, profile=profile, reference=reference, draws=0)
    return np.stack([scores.hat[:, 0], *(scores.metrics[m][:, 0] for m in list(MEASURES)[1:])])


def measured_by_group(
    counts: Counts,
    group: ArrayLike,
    judges: Mapping[int, Judge],
    measure: Callable[[Counts, Judge], Floats] = measured,
) -> Floats:
    """The `MEASURES`, where groups of models were judged by different judges.

    Each group is scored by itself, so that profiles are borrowed within it only.

    Parameters
    ----------
    counts : Counts
        The answers.
    group : array_like of int, shape (n_models,)
        Group of each model.
    judges : mapping of int to Judge
        The judge of each group.
    measure : callable
        From answers and their judge to the measures.

    Returns
    -------
    ndarray, shape (n_measures, n_models)
    """
    numbers = np.asarray(group)
    values = np.full((len(MEASURES), len(numbers)), np.nan)
    for number, judge in judges.items():
        mine = np.flatnonzero(numbers == number)
        values[:, mine] = measure(of_models(counts, mine), judge)
    return values
