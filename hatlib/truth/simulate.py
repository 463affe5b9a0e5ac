"""Data of known truth: models whose cross-lingual transfer we set ourselves.

Every model answers item *i* in the source language with probability
``p_i = c + (1 - c) · sigmoid(ability - b_i)``, where ``b_i`` is the difficulty of the item and
``c`` the chance level.  In the target language it answers with probability ``f(p_i)``.  The
*transfer profile* ``f`` is the same for all models, so all transfer equally well by
construction; they differ in ability, and in nothing else.  Names are invented.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from hatlib.errors import InputError, Problem
from hatlib.show.words import headline

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

#: Transfer profiles on the scale of h, the source accuracy of an item above chance (0 to 1).
PROFILES: dict[str, Callable[[Floats], Floats]] = {
    "linear": lambda h: 0.7 * h,
    "shift": lambda h: special.expit(special.logit(h) - 1),
    "strong shift": lambda h: special.expit(special.logit(h) - 3),
    "square": lambda h: h**2,
    "steep": lambda h: special.expit(2 * special.logit(h) - 1),
    "flat": lambda h: special.expit(0.5 * special.logit(h) - 1),
}

#: Distributions of item difficulty, as quantile functions with mean near 0 and spread near 1.5.
DIFFICULTIES: dict[str, Callable[[Floats], Floats]] = {
    "normal": lambda u: 1.5 * stats.norm.ppf(u),
    "uniform": lambda u: 5.2 * (u - 0.5),
    "skewed": lambda u: 1.5 * (stats.expon.ppf(u) - 1),
    "bimodal": lambda u: np.where(u < 0.5, -1.4, 1.4) + 0.5 * stats.norm.ppf((2 * u) % 1),
}

# fmt: off
_TREES = [
    "Alder", "Aspen", "Beech", "Birch", "Cedar", "Cherry", "Elder", "Elm", "Fir", "Hazel", "Holly",
    "Juniper", "Larch", "Linden", "Maple", "Oak", "Pine", "Poplar", "Rowan", "Spruce", "Sycamore",
    "Tamarack", "Walnut", "Willow", "Yew",
]
# fmt: on


@dataclass(frozen=True)
class Simulation:
    """Traditional metrics of simulated models that all transfer equally well.

    Attributes
    ----------
    models : DataFrame
        One row a model: ``label`` (invented), ``ability`` (logits), ``source_accuracy``,
        ``target_accuracy``, ``xlt_gap``, ``ratio``.
    transfer : float
        The transfer that was built in: the profile averaged over all hardnesses alike, scaled
        so that perfect transfer is 1 and none is 0.
    profile, difficulty : str
        Names of the transfer profile and of the distribution of item difficulty.
    chance : float
        Chance level.
    n_items, n_trials : int
        Items and answers an item; 0 means expected values, without sampling.
    """

    models: pd.DataFrame
    transfer: float
    profile: str
    difficulty: str
    chance: float
    n_items: int
    n_trials: int

    def table(self) -> pd.DataFrame:
        """One row a model."""
        return self.models.copy()

    def metrics(self) -> pd.DataFrame:
        """One row a model × metric, with the built-in transfer beside the others."""
        frame = self.models.assign(transfer=self.transfer)
        return frame.melt(
            ["label", "ability", "source_accuracy"],
            ["target_accuracy", "xlt_gap", "ratio", "transfer"],
            var_name="metric",
            value_name="value",
        )

    def ranges(self) -> pd.DataFrame:
        """How far each metric moves over the models: lowest, highest, range."""
        values = self.metrics().groupby("metric", sort=False)["value"]
        frame = values.agg(lowest="min", highest="max").reset_index()
        return frame.assign(range=frame["highest"] - frame["lowest"])

    def summary(self) -> str:
        """What moved although transfer did not, in one sentence."""
        moved = self.ranges().set_index("metric")["range"]
        source = self.models["source_accuracy"]
        still = [moved[name] < 0.005 for name in ("target_accuracy", "xlt_gap", "ratio")]
        verdict = "they move" if not any(still) else "most move" if sum(still) == 1 else "some move"
        return (
            f"{headline('Simulated models of identical transfer', verdict)} "
            f"Source accuracy runs from {source.min():.2f} to {source.max():.2f}. "
            f"The built-in transfer is {self.transfer:.2f} for every model. "
            f"Target accuracy moves by {moved['target_accuracy']:.2f}, "
            f"the XLT gap by {moved['xlt_gap']:.2f} and the ratio by {moved['ratio']:.2f}."
        )

    def chart(self) -> Figure | Notice:
        """Every metric against source accuracy."""
        from hatlib.show import charts

        titles = {
            "target_accuracy": "Target accuracy",
            "xlt_gap": "XLT gap",
            "ratio": "Ratio",
            "transfer": "Transfer (built in)",
        }
        frame = self.metrics().replace({"metric": titles})
        return charts.curves(
            frame,
            x="source_accuracy",
            y="value",
            series="metric",
            name=f"identical-transfer-{self.profile}",
            title_x="Source accuracy",
            title_y="Value of the metric",
            caption=(
                f"Simulated models of identical transfer (profile: {self.profile}). A metric that "
                "moves along the horizontal axis measures something besides transfer."
            ),
        )


def identical_transfer(
    profile: str = "shift",
    *,
    difficulty: str = "normal",
    abilities: Sequence[float] | None = None,
    chance: float = 0.0,
    n_items: int = 0,
    n_trials: int = 1,
    rng: np.random.Generator | int = 0,
) -> Simulation:
    """Simulate models that differ in ability and share one transfer profile.

    Parameters
    ----------
    profile : str
        Name of a transfer profile in `PROFILES`.
    difficulty : str
        Name of a distribution of item difficulty in `DIFFICULTIES`.
    abilities : sequence of float, optional
        Abilities in logits; 21 equal steps from -2.5 to 2.5 if not given.
    chance : float
        Chance level, 0 to below 1.
    n_items : int
        Number of items; 0 gives the expected values, by quadrature.
    n_trials : int
        Answers an item and language.
    rng : numpy.random.Generator or int
        Random numbers, if `n_items` is not 0.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        If a name is not known or a number is out of its range.

    Examples
    --------
    >>> simulation = identical_transfer("linear")
    >>> round(simulation.transfer, 3)
    0.7
    >>> bool(np.ptp(simulation.models["xlt_gap"]) > 0.2)
    True
    """
    _check(profile, difficulty, chance, n_items, n_trials)
    theta = np.linspace(-2.5, 2.5, 21) if abilities is None else np.asarray(abilities, float)
    generator = np.random.default_rng(rng)
    # Expected values are averages over many equally likely difficulties.
    u = generator.uniform(size=n_items) if n_items else (np.arange(2000) + 0.5) / 2000
    b = DIFFICULTIES[difficulty](u)
    h = special.expit(theta[:, None] - b)
    source, target = (chance + (1 - chance) * rate for rate in (h, PROFILES[profile](h)))
    if n_items:
        source, target = (
            generator.binomial(n_trials, rate) / n_trials for rate in (source, target)
        )
    models = pd.DataFrame(
        {
            "label": invented_names(len(theta)),
            "ability": theta,
            "source_accuracy": source.mean(axis=1),
            "target_accuracy": target.mean(axis=1),
        }
    )
    models["xlt_gap"] = models["source_accuracy"] - models["target_accuracy"]
    models["ratio"] = models["target_accuracy"] / models["source_accuracy"]
    return Simulation(
        models, true_transfer(profile), profile, difficulty, chance, n_items, n_trials
    )


def true_transfer(profile: str) -> float:
    """Transfer that a profile stands for: 1 if perfect, 0 if none.

    The mean of the profile over hardnesses that are all equally frequent, times two, since the
    mean of perfect transfer is one half.  Chance cancels, as profiles are stated above chance.

    Examples
    --------
    >>> round(true_transfer("square"), 3)
    0.667
    """
    h = (np.arange(100_000) + 0.5) / 100_000
    return float(2 * PROFILES[profile](h).mean())


def invented_names(n: int) -> list[str]:
    """Names for simulated models, which no real model has.

    Examples
    --------
    >>> invented_names(2)
    ['Alder', 'Aspen']
    """
    rounds = -(-n // len(_TREES))
    names = [f"{tree}{f' {k + 1}' if k else ''}" for k in range(rounds) for tree in _TREES]
    return names[:n]


def _check(profile: str, difficulty: str, chance: float, n_items: int, n_trials: int) -> None:
    problems = []
    for value, known, what in (
        (profile, PROFILES, "profile"),
        (difficulty, DIFFICULTIES, "difficulty"),
    ):
        if value not in known:
            problems.append(
                Problem(
                    f"{what} is not known.", f"Use one of {', '.join(known)}.", value=str(value)
                )
            )
    if not 0 <= chance < 1:
        problems.append(Problem("chance is not from 0 to below 1.", value=str(chance)))
    if n_items < 0 or n_trials < 1:
        problems.append(Problem("n_items must be at least 0 and n_trials at least 1."))
    if problems:
        raise InputError(problems)
