"""Examples of the page *Seeing only ten samples*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special, stats

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.metric.compare import Difference, compare_models
from hatlib.metric.hardness import (
    binomial_likelihood,
    em_steps,
    hardness_grid,
    mixing_distribution,
    posterior_of,
)
from hatlib.metric.score import hat_scores, score_counts
from hatlib.show.lessons.common import ABILITIES, TITLE_H, Floats, check, expected_h
from hatlib.show.words import counted, joined
from hatlib.truth.answers import simulate_answers
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, true_transfer

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

#: Estimators, as the pages call them.
ESTIMATORS = {
    "plugin": "plug-in",
    "direct": "corrected, alone",
    "adaptive": "corrected, borrowing",
}


@dataclass(frozen=True)
class Luck:
    """What is seen of an item in a few answers.

    Attributes
    ----------
    frame : DataFrame
        One row a true probability × count: ``seen_rate`` and how ``likely`` it is.
    n_trials : int
        Answers an item.
    """

    frame: pd.DataFrame
    n_trials: int

    def chart(self) -> Figure | Notice:
        """How likely each share of right answers is."""
        from hatlib.show import charts

        return charts.curves(
            self.frame,
            x="seen_rate",
            y="likely",
            series="item",
            name="luck",
            title_x="Share of right answers that is seen",
            title_y="How likely",
            caption=f"Items of four true probabilities, each answered {self.n_trials} times.",
        )

    def summary(self) -> str:
        """How often an item looks like what it is."""
        best = self.frame[self.frame["probability"] == 0.5]
        off = best[(best["seen_rate"] - 0.5).abs() > 0.15]["likely"].sum()
        return (
            f"An item that is solved with probability .5 is seen more than .15 off in {off:.0%} "
            f"of the cases, with {counted(self.n_trials, 'answer')}."
        )


def luck(n_trials: int = 10) -> Luck:
    """What a few answers show of items whose probability is known.

    Examples
    --------
    >>> bool(abs(luck(10).frame.groupby("item")["likely"].sum() - 1).max() < 1e-9)
    True
    """
    check(n_trials=n_trials)
    k = np.arange(n_trials + 1)
    parts = [
        pd.DataFrame(
            {
                "item": f"true probability {p:g}",
                "probability": p,
                "seen_rate": k / n_trials,
                "likely": stats.binom.pmf(k, n_trials, p),
            }
        )
        for p in (0.1, 0.3, 0.5, 0.9)
    ]
    return Luck(pd.concat(parts, ignore_index=True), n_trials)


@dataclass(frozen=True)
class Regression:
    """Items grouped by what is seen of them, and what they truly are.

    Attributes
    ----------
    groups : DataFrame
        One row a model × count: ``n_items``, ``seen_rate``, ``true_mean`` (mean true probability)
        and ``posterior_mean`` (what the counts alone say of it).
    inside : DataFrame
        One row a model × count × slice of the true probability: ``share`` of the group's items.
    shares : DataFrame
        Cumulative distribution of the probability over the items: the true one, that of the seen
        rates, and the one recovered from the counts. One row a model × ``what`` × probability.
    spreads : DataFrame
        One row a model × ``what``: the standard deviation of each of these.
    n_trials : int
        Answers an item.
    """

    groups: pd.DataFrame
    inside: pd.DataFrame
    shares: pd.DataFrame
    spreads: pd.DataFrame
    n_trials: int

    def table(self) -> pd.DataFrame:
        """One row a model × count."""
        return self.groups.copy()

    def chart(self) -> Figure | Notice:
        """Mean true probability of the items of each group."""
        from hatlib.show import charts

        return charts.scatter(
            self.groups,
            x="seen_rate",
            y="true_mean",
            color="model",
            name="what-a-count-shows",
            title_x="Share of right answers that is seen",
            title_y="Mean true probability of these items",
            caption=(
                "Simulated items, grouped by what is seen of them. If items were what they seem, "
                "all dots would lie on the dashed diagonal."
            ),
        )

    def chart_of_group(self, count: int = 1) -> Figure | Notice:
        """True probabilities of the items that were answered correctly `count` times."""
        from hatlib.show import charts

        return charts.curves(
            self.inside[self.inside["count"] == count],
            x="true_probability",
            y="share",
            series="model",
            name="inside-a-group",
            title_x="True probability of a correct answer",
            title_y="Share of the group's items",
            caption=(
                f"Simulated items that were right {count} of {self.n_trials} times: what they "
                f"truly are. They all look like {count / self.n_trials:.2f}."
            ),
        )

    def summary(self, count: int = 1) -> str:
        """What the items of one group truly are, model by model."""
        seen, parts = count / self.n_trials, []
        for model, groups in self.groups.groupby("model", sort=False):
            mean = np.average(groups["true_mean"], weights=groups["n_items"])
            here = groups.loc[groups["count"] == count, "true_mean"].mean()
            parts.append(
                f"{here:.2f} in the {model} ({'better' if here > seen else 'worse'} than they "
                f"look; the mean of all its items is {mean:.2f})"
            )
        return (
            f"Items seen right {count} of {self.n_trials} times look like {seen:.2f}. "
            f"On average their true probability is {joined(parts)}."
        )

    def chart_of_shares(self) -> Figure | Notice:
        """How the probability is distributed over the items: true, seen, recovered."""
        from hatlib.show import charts

        return charts.curves(
            self.shares,
            x="probability",
            y="share",
            series="what",
            facet="model",
            name="step-one",
            title_x=TITLE_H,
            title_y="Share of the items below it",
            caption=(
                "Step 1, simulated items. Seen rates scatter more widely than the true "
                "probabilities. The distribution recovered from the counts alone undoes this."
            ),
        )

    def summary_of_shares(self) -> str:
        """Spreads of the three distributions, model by model."""
        parts = []
        for model, rows in self.spreads.groupby("model", sort=False):
            sizes = [f"{row['spread']:.3f} ({row['what']})" for row in rows.to_dict("records")]
            parts.append(f"in the {model} {joined(sizes)}")
        return f"Standard deviation over the items: {'; '.join(parts)}."

    def agreement(self) -> str:
        """How near the posterior mean is to the truth, against the seen rate."""
        g = self.groups
        share = g["n_items"] / g["n_items"].sum()
        seen, posterior = (
            float(np.sqrt((share * (g[column] - g["true_mean"]) ** 2).sum()))
            for column in ("seen_rate", "posterior_mean")
        )
        return (
            f"The seen rate is off the true mean of its group by {seen:.3f} (root mean square over "
            f"items), the posterior mean by {posterior:.3f}."
        )


def regression_to_the_mean(
    n_trials: int = 10, *, difficulty: str = "normal", n_items: int = 50_000, seed: int = 0
) -> Regression:
    """Simulate many items of a weak and of a strong model, and group them by what is seen.

    Parameters
    ----------
    n_trials : int
        Answers an item, at least 2.
    difficulty : str
        Name of a distribution of item difficulty.
    n_items : int
        Many, so that means are sharp.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    Regression

    Examples
    --------
    >>> found = regression_to_the_mean(10)
    >>> once = found.groups[found.groups["count"] == 1].set_index("model")["true_mean"]
    >>> bool(once["strong model"] > once["weak model"])
    True
    """
    check(difficulty=difficulty, n_trials=n_trials)
    rng = resample.generator(seed)
    counts = np.arange(n_trials + 1)
    grid = hardness_grid()
    likelihood = binomial_likelihood(counts, np.full_like(counts, n_trials), grid)
    groups, inside, shares, spreads = [], [], [], []
    edges = np.linspace(0, 1, 26)
    for name in ("weak", "strong"):
        b = DIFFICULTIES[difficulty](rng.uniform(size=n_items))
        p = special.expit(ABILITIES[name] - b)
        k = rng.binomial(n_trials, p)
        n = np.bincount(k, minlength=n_trials + 1)
        distribution = mixing_distribution(n, likelihood, em_steps(n_items))
        posterior = posterior_of(distribution, likelihood) @ grid
        model = f"{name} model"
        exact = expected_h(ABILITIES[name], difficulty)
        for what, points, share in (
            ("true", np.sort(exact)[::20], np.full(100, 0.01)),
            ("seen", counts / n_trials, n / n_items),
            ("recovered", grid, distribution),
        ):
            mean = points @ share
            spread = np.sqrt(share @ (points - mean) ** 2)
            spreads.append({"model": model, "what": what, "spread": spread})
            shares.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "what": what,
                        "probability": points,
                        "share": np.cumsum(share) - share / 2,
                    }
                )
            )
        groups.append(
            pd.DataFrame(
                {
                    "model": model,
                    "count": counts,
                    "n_items": n,
                    "seen_rate": counts / n_trials,
                    "true_mean": np.bincount(k, weights=p, minlength=n_trials + 1)
                    / np.where(n > 0, n, np.nan),
                    "posterior_mean": posterior,
                }
            )
        )
        for count in counts[n > 0]:
            share = np.histogram(p[k == count], edges)[0] / n[count]
            inside.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "count": count,
                        "true_probability": (edges[1:] + edges[:-1]) / 2,
                        "share": share,
                    }
                )
            )
    every = pd.concat(groups, ignore_index=True)
    return Regression(
        every[every["n_items"] > 0],
        pd.concat(inside, ignore_index=True),
        pd.concat(shares, ignore_index=True),
        pd.DataFrame(spreads),
        n_trials,
    )


@dataclass(frozen=True)
class Drift:
    """Scores of simulated models of the same transfer, over repeated studies.

    Attributes
    ----------
    frame : DataFrame
        One row an estimator × ability: ``source_accuracy``, ``mean`` and ``sd`` of the score over
        the studies, and ``low`` and ``high``, one standard deviation to each side.
    truth : float
        The score that all models have.
    n_items, n_trials, repeats : int
        Items, answers an item, studies.
    """

    frame: pd.DataFrame
    truth: float
    n_items: int
    n_trials: int
    repeats: int

    def table(self) -> pd.DataFrame:
        """One row an estimator: lowest and highest mean score, and their range."""
        means = self.frame.groupby("estimator", sort=False)
        frame = means["mean"].agg(lowest="min", highest="max").reset_index()
        frame["range"] = frame["highest"] - frame["lowest"]
        frame["spread_of_studies"] = means["sd"].mean().to_numpy()
        return frame

    def chart(self) -> Figure | Notice:
        """Mean score against source accuracy, with the spread of repeated studies."""
        from hatlib.show import charts

        one = self.frame[self.frame["estimator"] == self.frame["estimator"].iloc[0]]
        truth = one.assign(estimator="truth", mean=self.truth, low=self.truth, high=self.truth)
        return charts.curves(
            pd.concat([self.frame, truth], ignore_index=True),
            x="source_accuracy",
            y="mean",
            low="low",
            high="high",
            series="estimator",
            name="drift",
            title_x="Accuracy in the source language",
            title_y="HAT score",
            caption=(
                f"Simulated models of identical transfer: mean score over {self.repeats} studies "
                f"of {self.n_items} items with {self.n_trials} answers each. Bands hold one "
                "standard deviation of a single study."
            ),
        )

    def summary(self) -> str:
        """How far the mean score moves although transfer does not."""
        rows = self.table().to_dict("records")
        parts = [f"by {row['range']:.2f} ({row['estimator']})" for row in rows]
        return (
            f"The truth is {self.truth:.2f} for every model. Over the abilities the mean score "
            f"moves {joined(parts)}."
        )


def drift(
    profile: str = "shift",
    *,
    n_items: int = 250,
    n_trials: int = 10,
    estimators: Sequence[str] = ("plugin", "direct"),
    difficulty: str = "normal",
    repeats: int = 20,
    seed: int = 0,
) -> Drift:
    """Score models of identical transfer and different ability, study after study.

    Parameters
    ----------
    profile : str
        Name of the transfer profile of all models.
    n_items, n_trials : int
        Items, and answers an item (at least 2).
    estimators : sequence of str
        Names of profile estimators of `hatlib.hat_scores`.
    difficulty : str
        Name of a distribution of item difficulty.
    repeats : int
        Studies, each with new items and new answers.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    Drift

    Examples
    --------
    >>> ranges = drift(repeats=5).table().set_index("estimator")["range"]
    >>> bool(ranges["plug-in"] > 2 * ranges["corrected, alone"])
    True
    """
    check(profile=profile, difficulty=difficulty, n_trials=n_trials)
    abilities = np.linspace(-2, 2, 9)
    rng = resample.generator(seed)
    found: dict[str, list[Floats]] = {name: [] for name in estimators}
    sources = []
    for _ in range(repeats):
        simulated = simulate_answers(
            abilities,
            profiles=profile,
            n_items=n_items,
            n_trials=n_trials,
            targets=["de"],
            difficulty=difficulty,
            rng=rng,
        )
        counts = simulated.responses.counts("sim")
        for name in estimators:
            scored = score_counts(counts, profile=name, reference="uniform", draws=0)
            found[name].append(scored.hat[:, 0])
        sources.append((counts.source_correct / counts.source_trials).mean(axis=1))
    parts = []
    for name, scores in found.items():
        # A model that solves nothing in a study has no score there.
        values = np.ma.masked_invalid(np.stack(scores))
        mean, sd = values.mean(axis=0).filled(np.nan), values.std(axis=0).filled(np.nan)
        parts.append(
            pd.DataFrame(
                {
                    "estimator": ESTIMATORS.get(name, name),
                    "ability": abilities,
                    "source_accuracy": np.mean(sources, axis=0),
                    "mean": mean,
                    "sd": sd,
                    "low": mean - sd,
                    "high": mean + sd,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    return Drift(frame, true_transfer(profile), n_items, n_trials, repeats)


@dataclass(frozen=True)
class SampleSizes:
    """Drift and spread of the score by the number of answers an item.

    Attributes
    ----------
    frame : DataFrame
        One row a number of answers × estimator: ``range`` of the mean score over abilities, and
        ``spread_of_studies``, the standard deviation in a single study.
    """

    frame: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a number of answers × estimator."""
        return self.frame.copy()

    def chart(self) -> Figure | Notice:
        """Drift and spread against the number of answers."""
        from hatlib.show import charts

        panels = {
            "range": "Drift with ability (bias)",
            "spread_of_studies": "Spread of single studies (noise)",
        }
        long = self.frame.melt(["n_trials", "estimator"], list(panels), "panel", "size")
        return charts.curves(
            long.replace({"panel": panels}),
            x="n_trials",
            y="size",
            series="estimator",
            facet="panel",
            share_y=False,
            zero=0.0,
            name="sample-sizes",
            title_x="Answers an item",
            title_y="HAT points",
            caption=(
                "Simulated models of identical transfer. Left: how far the mean score moves with "
                "ability, where it should not move. Right: how much studies differ."
            ),
        )

    def summary(self) -> str:
        """What the fewest and the most answers give, and what correction takes away."""
        wide = self.frame.pivot_table("range", "n_trials", "estimator", sort=False)
        ends = [int(wide.index.min()), int(wide.index.max())]
        parts = [
            f"With {n} answers an item the drift is "
            f"{joined([f'{value:.2f} ({name})' for name, value in wide.loc[n].items()])}."
            for n in dict.fromkeys(ends)
        ]
        left = (wide[ESTIMATORS["adaptive"]] / wide[ESTIMATORS["plugin"]]).agg(["min", "max"])
        return (
            f"{' '.join(parts)} With borrowing, correction leaves {left['min']:.0%} to "
            f"{left['max']:.0%} of the drift of the plug-in score."
        )


def sample_sizes(
    profile: str = "shift",
    *,
    n_items: int = 250,
    sizes: Sequence[int] = (2, 3, 5, 10, 20),
    repeats: int = 10,
    seed: int = 0,
) -> SampleSizes:
    """Drift of the plug-in and of the corrected score by the number of answers an item.

    Examples
    --------
    >>> sample_sizes(sizes=(2, 10), repeats=2).table().shape
    (6, 6)
    """
    parts = [
        drift(
            profile,
            n_items=n_items,
            n_trials=n,
            estimators=("plugin", "direct", "adaptive"),
            repeats=repeats,
            seed=seed,
        )
        .table()
        .assign(n_trials=n)
        for n in sizes
    ]
    return SampleSizes(pd.concat(parts, ignore_index=True))


@dataclass(frozen=True)
class FittedProfile:
    """The corrected profile of one simulated model, and what it rests on.

    Attributes
    ----------
    groups : DataFrame
        One row a count: ``seen_rate``, ``n_items``, ``seen_target``, ``expected_target``.
    profiles : DataFrame
        True, plug-in and corrected profile: ``what``, ``source_probability``, ``expected_target``.
    truth, plugin, corrected : float
        The score of each.
    """

    groups: pd.DataFrame
    profiles: pd.DataFrame
    truth: float
    plugin: float
    corrected: float

    def table(self) -> pd.DataFrame:
        """One row a count: what is seen, and what the corrected profile expects there."""
        return self.groups.copy()

    def chart(self) -> Figure | Notice:
        """Step 2: the profile, and what it expects in the groups."""
        from hatlib.show import charts

        long = self.groups.melt(
            ["seen_rate"], ["seen_target", "expected_target"], "what", "target"
        ).replace(
            {"what": {"seen_target": "seen in the groups", "expected_target": "expected there"}}
        )
        groups = long.rename(columns={"seen_rate": "x", "target": "y"})
        profiles = self.profiles.rename(columns={"source_probability": "x", "expected_target": "y"})
        return charts.curves(
            pd.concat(
                [
                    groups.assign(panel="The groups, by what was seen"),
                    profiles.assign(panel="The profile behind them"),
                ],
                ignore_index=True,
            ),
            x="x",
            y="y",
            series="what",
            facet="panel",
            name="step-two",
            title_x="Source language: share seen, or probability",
            title_y="Accuracy in the target language",
            caption=(
                "Step 2, the same simulated model. The corrected profile (right) is chosen so that "
                "what it expects in each group matches what was seen there (left)."
            ),
        )

    def summary(self) -> str:
        """The score of each profile."""
        return (
            f"The true profile has a score of {self.truth:.2f}, the plug-in profile gives "
            f"{self.plugin:.2f} and the corrected one {self.corrected:.2f}."
        )


def fitted_profile(
    profile: str = "shift",
    *,
    ability: float = 2.0,
    n_items: int = 250,
    n_trials: int = 10,
    difficulty: str = "normal",
    seed: int = 0,
) -> FittedProfile:
    """Correct the profile of one simulated model.

    Parameters
    ----------
    profile, difficulty : str
        Names of the transfer profile and of the distribution of item difficulty.
    ability : float
        In logits.
    n_items, n_trials : int
        Items, and answers an item (at least 2).
    seed : int
        Seed of the random numbers.

    Returns
    -------
    FittedProfile

    Examples
    --------
    >>> fitted = fitted_profile()
    >>> abs(fitted.corrected - fitted.truth) < abs(fitted.plugin - fitted.truth)
    True
    """
    check(profile=profile, difficulty=difficulty, n_trials=n_trials)
    responses = simulate_answers(
        [ability],
        profiles=profile,
        n_items=n_items,
        n_trials=n_trials,
        targets=["de"],
        difficulty=difficulty,
        rng=seed,
    ).responses
    points = np.linspace(0, 1, 101)
    scored = {
        name: hat_scores(responses, profile=name, reference="uniform", draws=0)
        for name in ("plugin", "direct")
    }
    best = scored["direct"].benchmark()
    groups = pd.DataFrame(
        {
            "seen_rate": best.table.correct / best.table.trials,
            "n_items": best.table.items[0, 0].astype(int),
            "seen_target": best.table.means()[0, 0],
            "expected_target": best.hardness.posterior[0] @ best.curves[0, 0],
        }
    )
    curves = {
        "true": (points, PROFILES[profile](points)),
        "plug-in": (best.hardness.grid, scored["plugin"].benchmark().curves[0, 0]),
        "corrected": (best.hardness.grid, best.curves[0, 0]),
    }
    return FittedProfile(
        groups[groups["n_items"] > 0].reset_index(drop=True),
        pd.concat(
            [
                pd.DataFrame({"what": name, "source_probability": x, "expected_target": y})
                for name, (x, y) in curves.items()
            ],
            ignore_index=True,
        ),
        true_transfer(profile),
        *(float(scored[name].benchmark().hat[0, 0]) for name in ("plugin", "direct")),
    )


@dataclass(frozen=True)
class Borrowing:
    """Errors of estimators that borrow more or less from the other models.

    Attributes
    ----------
    errors : DataFrame
        One row a situation × estimator × model (by ability and true profile): ``error``, the mean
        over studies of score minus truth, and ``rms``, the root mean square.
    """

    errors: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a situation: root mean square error of each estimator."""
        square = self.errors.assign(square=self.errors["rms"] ** 2)
        wide = square.pivot_table("square", "situation", "estimator", sort=False)
        return wide.pow(0.5).reset_index()

    def chart(self) -> Figure | Notice:
        """Root mean square errors as tiles."""
        from hatlib.show import charts

        return charts.heat(
            self.table().melt("situation", var_name="estimator", value_name="error"),
            x="estimator",
            y="situation",
            value="error",
            format_value=".3f",
            name="borrowing",
            title_value="Root mean square error",
            caption="Error of three estimators in three simulated situations, in HAT points. Dark "
            "is bad.",
        )

    def chart_of_breaking(self) -> Figure | Notice:
        """Where one shape for all goes wrong: errors of the mixed situation against ability."""
        from hatlib.show import charts

        mixed = self.errors[self.errors["situation"] == MIXED]
        return charts.curves(
            mixed,
            x="ability",
            y="error",
            series="profile",
            facet="estimator",
            zero=0.0,
            name="where-borrowing-breaks",
            title_x="Ability in the source language",
            title_y="Mean error of the score",
            caption="Half of the simulated models have a steep profile and half a flat one. With "
            "one shape for all, the error follows ability: the confound is back.",
        )

    def summary(self) -> str:
        """The best estimator of each situation."""
        wide = self.table().set_index("situation")
        parts = [f"{row.idxmin()} ({row.min():.3f}) for “{name}”" for name, row in wide.iterrows()]
        return f"Smallest error: {joined(parts)}."

    def summary_of_breaking(self) -> str:
        """How far the mean error of the mixed situation moves with ability."""
        mixed = self.errors[self.errors["situation"] == MIXED]
        error = mixed.groupby(["estimator", "profile"], sort=False)["error"]
        moves = (error.max() - error.min()).groupby("estimator", sort=False).max()
        parts = [f"{move:.2f} ({name})" for name, move in moves.items()]
        return f"Between models of one profile the mean error moves by up to {joined(parts)}."


#: The situation in which one shape for all models is wrong.
MIXED = "half steep, half flat"


def borrowing(
    n_items: int = 250, n_trials: int = 10, *, repeats: int = 8, seed: int = 0
) -> Borrowing:
    """Compare three ways to borrow strength in three simulated situations.

    Parameters
    ----------
    n_items, n_trials : int
        Items, and answers an item (at least 2).
    repeats : int
        Studies.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    Borrowing

    Examples
    --------
    >>> borrowing(repeats=2).table().shape
    (3, 4)
    """
    check(n_trials=n_trials)
    ladder = np.repeat(np.linspace(-1, 2.5, 6), 2)
    situations: dict[str, tuple[Floats, list[str]]] = {
        "all alike": (ladder, ["shift"] * 12),
        "all alike, few hard items": (ladder + 2.5, ["shift"] * 12),
        MIXED: (ladder, ["steep", "flat"] * 6),
    }
    rng = resample.generator(seed)
    parts = []
    for situation, (abilities, profiles) in situations.items():
        studies = [
            simulate_answers(
                abilities,
                profiles=profiles,
                n_items=n_items,
                n_trials=n_trials,
                targets=["de"],
                rng=rng,
            ).responses.counts("sim")
            for _ in range(repeats)
        ]
        truth = np.array([true_transfer(name) for name in profiles])
        for name in ("direct", "shared", "adaptive"):
            scores = [
                score_counts(counts, profile=name, reference="uniform", draws=0).hat[:, 0]
                for counts in studies
            ]
            off = np.ma.masked_invalid(np.stack(scores) - truth)
            parts.append(
                pd.DataFrame(
                    {
                        "situation": situation,
                        "estimator": name,
                        "ability": abilities,
                        "profile": [f"{p} profile" for p in profiles],
                        "error": off.mean(axis=0).filled(np.nan),
                        "rms": np.sqrt((off**2).mean(axis=0)).filled(np.nan),
                    }
                )
            )
    return Borrowing(pd.concat(parts, ignore_index=True))


@dataclass(frozen=True)
class Studies:
    """The same study again and again: new items, new answers, a new interval.

    Attributes
    ----------
    frame : DataFrame
        One row a study: ``hat``, ``low``, ``high``, and whether it ``holds`` the truth.
    truth : float
        The true score.
    level : float
        Nominal coverage.
    """

    frame: pd.DataFrame
    truth: float
    level: float

    def table(self) -> pd.DataFrame:
        """One row a study."""
        return self.frame.copy()

    def chart(self) -> Figure | Notice:
        """The interval of every study, and the truth."""
        from hatlib.show import charts

        names = {True: "holds the truth", False: "misses the truth"}
        return charts.intervals(
            self.frame.assign(interval=self.frame["holds"].map(names)),
            value="hat",
            low="low",
            high="high",
            row="study",
            color="interval",
            zero=self.truth,
            sort="table",
            name="repeated-studies",
            title_x="HAT score",
            caption=f"One simulated model in {len(self.frame)} studies. The line is the truth; an "
            f"interval should hold it in {self.level:.0%} of all studies.",
        )

    def summary(self) -> str:
        """How many intervals hold the truth."""
        held = int(self.frame["holds"].sum())
        return f"{held} of {len(self.frame)} intervals hold the truth of {self.truth:.2f}."


def repeated_studies(
    profile: str = "shift",
    *,
    n_items: int = 250,
    n_trials: int = 10,
    studies: int = 20,
    draws: int = 300,
    seed: int = 0,
) -> Studies:
    """Repeat a study of one model among five, with new items each time.

    Examples
    --------
    >>> found = repeated_studies(studies=3, draws=50)
    >>> bool((found.frame["low"] < found.frame["high"]).all())
    True
    """
    check(profile=profile, n_trials=n_trials)
    rng = resample.generator(seed)
    rows = []
    for i in range(studies):
        simulated = simulate_answers(
            [0.0, -1.5, -0.5, 1.0, 2.0],
            profiles=profile,
            n_items=n_items,
            n_trials=n_trials,
            targets=["de"],
            rng=rng,
        )
        scores = hat_scores(simulated.responses, reference="uniform", draws=draws, rng=rng)
        rows.append({"study": f"study {i + 1}", **scores.macro().loc[0, ["hat", "low", "high"]]})
    frame = pd.DataFrame(rows).astype({"hat": float, "low": float, "high": float})
    truth = true_transfer(profile)
    frame["holds"] = (frame["low"] <= truth) & (truth <= frame["high"])
    return Studies(frame, truth, resample.LEVEL)


def close_pair(
    difference: float = 0.02,
    *,
    n_items: int = 250,
    n_trials: int = 10,
    draws: int = 500,
    seed: int = 0,
) -> Difference:
    """Compare two simulated models whose true scores differ by a little.

    Parameters
    ----------
    difference : float
        True difference of the scores, -0.3 to 0.3.
    n_items, n_trials, draws, seed : int
        Items, answers an item, redraws, and seed.

    Returns
    -------
    hatlib.Difference

    Examples
    --------
    >>> close_pair(0.2, draws=200).low > 0
    True
    """
    check(n_trials=n_trials)
    if not abs(difference) <= 0.3:
        raise InputError(
            Problem("difference is not from -0.3 to 0.3.", "Use 0.02.", value=str(difference))
        )
    simulated = simulate_answers(
        [1.0, 0.0],
        profiles=[lambda h: (0.7 + difference) * h, lambda h: 0.7 * h],
        n_items=n_items,
        n_trials=n_trials,
        rng=seed,
    )
    scores = hat_scores(simulated.responses, reference="uniform", draws=draws, rng=seed)
    return compare_models(scores, *scores.benchmark().models)


@dataclass(frozen=True)
class OneAnswer:
    """Scores from one answer an item, with hardness pooled over models.

    Attributes
    ----------
    frame : DataFrame
        One row a model: ``hat``, ``low``, ``high``, ``source_accuracy``.
    truth : float
        The true score of all of them.
    """

    frame: pd.DataFrame
    truth: float

    def table(self) -> pd.DataFrame:
        """One row a model."""
        return self.frame.copy()

    def chart(self) -> Figure | Notice:
        """Each score with its interval, and the truth."""
        from hatlib.show import charts

        return charts.intervals(
            self.frame,
            value="hat",
            low="low",
            high="high",
            row="display_name",
            zero=self.truth,
            sort="table",
            name="one-answer",
            title_x="HAT score",
            caption="Simulated models of identical transfer, one answer an item, from the weakest "
            "(top) to the strongest. Hardness comes from all their answers. The line is the truth. "
            "Bars are 95 % intervals from redrawn items.",
        )

    def summary(self) -> str:
        """How well it works here."""
        known = self.frame.dropna(subset=["hat", "low", "high"])
        if known.empty:
            return "No model could be scored from these answers."
        held = int(((known["low"] <= self.truth) & (self.truth <= known["high"])).sum())
        return (
            f"Scores run from {known['hat'].min():.2f} to {known['hat'].max():.2f}, where the "
            f"truth is {self.truth:.2f} for all. {held} of {counted(len(known), 'interval')} "
            f"{'holds' if held == 1 else 'hold'} it."
        )


def one_answer(
    profile: str = "shift", *, n_items: int = 250, draws: int = 500, seed: int = 0
) -> OneAnswer:
    """Score ten simulated models from one answer an item and language.

    Examples
    --------
    >>> len(one_answer(draws=50).table())
    10
    """
    check(profile=profile)
    simulated = simulate_answers(
        np.linspace(-1.5, 1.5, 10), profiles=profile, n_items=n_items, n_trials=1, rng=seed
    )
    scores = hat_scores(
        simulated.responses, hardness="pooled", reference="uniform", draws=draws, rng=seed
    )
    columns = ["display_name", "source_accuracy", "hat", "low", "high", "flag"]
    return OneAnswer(scores.macro()[columns], true_transfer(profile))
