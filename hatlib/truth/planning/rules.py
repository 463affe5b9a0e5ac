"""A rule for what an evaluation of a given size can see, fitted to simulated ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from hatlib.metric.score import interval_quantile
from hatlib.show.words import counted
from hatlib.truth.planning.simulated import study_results

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """How wide something is, by the size of an evaluation.

    With ``N`` items, ``K`` answers, ``L`` languages and the scatter ``s`` of the items, its square
    is

    ``[(a₁ + a₂ / L) / K + (b₁ + b₂ / L) / K² + s (1 - 1 / K) (c₁ + c₂ / L)] / Nᵍ``

    The first two terms are noise of the answers; what the source language adds to it, it adds to
    all languages at once.  The third is what no number of answers removes.

    Attributes
    ----------
    power : dict of str to float
        By ability, ``g``: below 1, as scores from few items are shrunk more.
    weights : dict of (str, float) to ndarray of shape (6,)
        By ability and chance level, ``a₁, a₂ … c₂``, none of them negative.
    """

    power: dict[str, float]
    weights: dict[tuple[str, float], Floats]

    def __call__(
        self,
        n_items: ArrayLike,
        n_trials: ArrayLike,
        n_languages: ArrayLike,
        *,
        scatter: ArrayLike = 0.2,
        ability: str = "middle",
        chance: float = 0.0,
    ) -> Floats:
        """The width; numbers and arrays broadcast.

        Between two simulated chance levels its square is taken to be linear.
        """
        levels = sorted(c for a, c in self.weights if a == ability)
        each = np.array([self.weights[ability, c] for c in levels])
        weights = np.array([np.interp(chance, levels, column) for column in each.T])
        squares = _terms(n_trials, n_languages, scatter) @ weights
        return np.asarray(np.sqrt(squares / np.asarray(n_items, float) ** self.power[ability]))


def _terms(n_trials: ArrayLike, n_languages: ArrayLike, scatter: ArrayLike) -> Floats:
    """The six terms that the weights belong to, on the last axis."""
    k, n, s = np.broadcast_arrays(*(np.asarray(x, float) for x in (n_trials, n_languages, scatter)))
    left = s * (1 - 1 / k)
    return np.stack([1 / k, 1 / (k * n), 1 / k**2, 1 / (k**2 * n), left, left / n], axis=-1)


@dataclass(frozen=True)
class Rule:
    """What an evaluation of a given size can see.

    Attributes
    ----------
    sd : Spread
        How far the estimated difference of two models scatters.
    se : Spread
        The standard error that is stated for it, which is the larger of the two where scores are
        extrapolated.
    """

    sd: Spread
    se: Spread

    def power(
        self,
        difference: ArrayLike,
        n_items: ArrayLike,
        n_trials: ArrayLike,
        n_languages: ArrayLike,
        *,
        level: float = 0.95,
        **world: Any,
    ) -> Floats:
        """How often the interval of a difference of this size is beyond 0, and on its side."""
        sizes = (n_items, n_trials, n_languages)
        reach = interval_quantile(n_items, level) * self.se(*sizes, **world)
        return np.asarray(
            stats.norm.cdf((np.asarray(difference) - reach) / self.sd(*sizes, **world))
        )

    def smallest(
        self,
        n_items: ArrayLike,
        n_trials: ArrayLike,
        n_languages: ArrayLike,
        *,
        power: float = 0.8,
        level: float = 0.95,
        **world: Any,
    ) -> Floats:
        """The difference that is seen with this power."""
        sizes = (n_items, n_trials, n_languages)
        reach = interval_quantile(n_items, level) * self.se(*sizes, **world)
        return np.asarray(reach + stats.norm.ppf(power) * self.sd(*sizes, **world))


def fit_rule(frame: pd.DataFrame) -> Rule:
    """Fit the rule to simulated evaluations, such that its relative error is smallest.

    Parameters
    ----------
    frame : DataFrame
        From `run_study`; only rows whose ``purpose`` is "fit" are used.
    """
    rows = frame[frame["purpose"] == "fit"]
    return Rule(_fit_spread(rows, "sd"), _fit_spread(rows, "se"))


def _fit_spread(rows: pd.DataFrame, column: str) -> Spread:
    power, weights = {}, {}
    for ability, part in rows.groupby("ability"):
        groups = {c: part[part["chance"] == c] for c in part["chance"].unique().tolist()}

        def loss(g: float, groups: dict[Any, pd.DataFrame] = groups) -> float:
            return sum(_nonnegative(group, column, g)[1] ** 2 for group in groups.values())

        best = float(optimize.minimize_scalar(loss, bounds=(0.4, 1.2), method="bounded").x)
        power[str(ability)] = best
        for chance, group in groups.items():
            weights[str(ability), chance] = _nonnegative(group, column, best)[0]
    return Spread(power, weights)


def _nonnegative(rows: pd.DataFrame, column: str, g: float) -> tuple[Floats, float]:
    """Weights of the terms that are not negative, and the size of the relative errors."""
    terms = _terms(rows["n_trials"], rows["n_languages"], rows["scatter"])
    scaled = terms / (rows[column] ** 2 * rows["n_items"] ** g).to_numpy()[:, None]
    weights, error = optimize.nnls(scaled, np.ones(len(rows)))
    return weights, float(error)


@cache
def rule() -> Rule:
    """The rule, fitted to the evaluations in the data of the book.

    Examples
    --------
    >>> few, many = rule().smallest([100, 400], 5, 1)
    >>> bool(few > many > 0)
    True
    """
    return fit_rule(study_results())


@dataclass(frozen=True)
class RuleCheck:
    """The rule beside simulated evaluations that it was not fitted to.

    Attributes
    ----------
    rows : DataFrame
        One row an evaluation: its size, ``sd`` and ``rule_sd``, ``detected`` (the share of
        simulated intervals without 0) and ``power``, what the rule says.
    fit_error, error : float
        Relative root mean square error of the standard deviation: where fitted, and here.
    """

    rows: pd.DataFrame
    fit_error: float
    error: float

    @property
    def miss(self) -> pd.Series:
        """Power by the rule minus simulated power."""
        return self.rows["power"] - self.rows["detected"]

    def table(self) -> pd.DataFrame:
        """The evaluations in which the rule promises too much come first."""
        columns = [
            "ability", "chance", "scatter", "profile", "models", "n_items", "n_trials",
            "n_languages", "difference", "sd", "rule_sd", "detected", "power",
        ]  # fmt: skip
        return self.rows.loc[self.miss.sort_values(ascending=False).index, columns]

    def by_profile(self) -> pd.DataFrame:
        """For each profile: how many evaluations, and power by the rule minus simulated power."""
        rows = pd.DataFrame({"profile": self.rows["profile"], "miss": self.miss})
        found = rows.groupby("profile", as_index=False).agg(
            evaluations=("miss", "size"),
            mean=("miss", "mean"),
            lowest=("miss", "min"),
            highest=("miss", "max"),
        )
        return found.sort_values("mean", ascending=False)

    def chart(self) -> Figure | Notice:
        """Power by the rule over simulated power."""
        from hatlib.show import charts

        named = self.rows.assign(
            display_name=self.rows["n_items"].astype(str)
            + " items, "
            + self.rows["n_trials"].astype(str)
            + " answers"
        )
        return charts.scatter(
            named,
            x="detected",
            y="power",
            color="ability",
            name="planning-check",
            title_x="Power in the simulation",
            title_y="Power by the rule",
            caption=(
                "Simulated evaluations that the rule was not fitted to. On the diagonal the rule "
                "is right; above it, it promises too much."
            ),
        )

    def _worst(self) -> str:
        row = self.rows.iloc[int(self.miss.argmax())]
        return f"{row['profile']} profiles, {counted(int(row['n_trials']), 'answer')} an item"

    def summary(self) -> str:
        """How far the rule can be trusted."""
        miss = self.miss
        return (
            f"In {counted(len(self.rows), 'simulated evaluation')} that it was not fitted to, the "
            f"rule misses the scatter of a difference by {self.error:.0%} (root mean square; "
            f"{self.fit_error:.0%} where it was fitted). It misses the power by "
            f"{miss.abs().mean():.2f} on average, with a mean of {miss.mean():+.2f}; the largest "
            f"promise too much is {max(miss.max(), 0):.2f} ({self._worst()}), and the largest too "
            f"little {max(-miss.min(), 0):.2f}."
        )


def check_rule(frame: pd.DataFrame | None = None, fitted: Rule | None = None) -> RuleCheck:
    """Compare the rule with the evaluations whose ``purpose`` is "check".

    Parameters
    ----------
    frame : DataFrame, optional
        From `run_study`; the data of the book if not given.
    fitted : Rule, optional
        `rule` if not given.

    Examples
    --------
    >>> check_rule().error < 0.25
    True
    """
    frame = study_results() if frame is None else frame
    fitted = fitted or rule()
    frame = frame.assign(rule_sd=[_of_row(fitted.sd, row) for row in frame.to_dict("records")])
    relative = (frame["rule_sd"] / frame["sd"] - 1) ** 2
    judged = frame["purpose"] == "check"
    rows = frame[judged]
    power = [
        _of_row(partial(fitted.power, row["difference"]), row) for row in rows.to_dict("records")
    ]
    return RuleCheck(
        rows.assign(power=power),
        float(np.sqrt(relative[~judged].mean())),
        float(np.sqrt(relative[judged].mean())),
    )


def _of_row(function: Callable[..., Floats], row: dict[Any, Any]) -> float:
    sizes = (row["n_items"], row["n_trials"], row["n_languages"])
    world = {name: row[name] for name in ("scatter", "ability", "chance")}
    return float(function(*sizes, **world))
