"""Examples of the page *Why transfer is hard to measure*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.data.responses import Responses
from hatlib.metric.hardness import self_hardness
from hatlib.metric.sufficient import tabulate
from hatlib.show.lessons.common import ABILITIES, GROUPS, check, expected_h
from hatlib.show.words import counted, headline, joined, markdown_text
from hatlib.truth.simulate import PROFILES

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

METRICS = ("source_accuracy", "target_accuracy", "xlt_gap", "ratio")

STILL = 0.005
"""Less than this does not show in two decimals, and counts as no movement."""


@dataclass(frozen=True)
class Rankings:
    """Which model each traditional metric puts first.

    Attributes
    ----------
    models : DataFrame
        One row a model: accuracies and metrics, and the rank by each of the three.
    name : str
        Readable name of the benchmark.
    """

    models: pd.DataFrame
    name: str

    def table(self) -> pd.DataFrame:
        """One row a model, from the best target accuracy down."""
        return self.models.copy()

    def summary(self) -> str:
        """Who comes first by which metric."""
        if len(self.models) < 2:
            return f"{headline(self.name, 'one model')} One model has no rank. Name another set."
        lead = {"target": "target accuracy", "gap": "the XLT gap", "ratio": "the ratio"}
        first: dict[str, list[str]] = {}
        for name, words in lead.items():
            row = self.models.sort_values(f"rank_by_{name}").iloc[0]
            who = (
                f"{markdown_text(row['display_name'])}, which solves {row['source_accuracy']:.1%} "
                "of the items in the source language"
            )
            first.setdefault(who, []).append(words)
        verdict = f"three metrics, {counted(len(first), 'winner')}"
        parts = [f"By {joined(by)} the best is {who}." for who, by in first.items()]
        return f"{headline(self.name, verdict)} {' '.join(parts)}"


def rankings(responses: Responses, benchmark: str) -> Rankings:
    """Rank the models of one benchmark by the three traditional metrics.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which benchmark.

    Returns
    -------
    Rankings

    Examples
    --------
    >>> from hatlib import load_responses
    >>> found = rankings(load_responses(sets="gsm-symbolic"), "gsm-symbolic")
    >>> len(found.table())
    9
    """
    counts = responses.counts(benchmark)
    metrics = tabulate(counts, self_hardness(counts)).metrics()
    names = responses.models.set_index("model")["display_name"]
    frame = pd.DataFrame(
        {
            "display_name": [str(names.get(model, model)) for model in counts.models],
            # The macro average over the target languages comes first.
            **{name: metrics[name][:, 0] for name in METRICS},
        }
    ).sort_values("target_accuracy", ascending=False, ignore_index=True)
    for name, column, up in (
        ("target", "target_accuracy", False),
        ("gap", "xlt_gap", True),
        ("ratio", "ratio", False),
    ):
        frame[f"rank_by_{name}"] = frame[column].rank(ascending=up, method="first").astype("Int64")
    named = responses.benchmarks.set_index("benchmark")["name"]
    return Rankings(frame, str(named[benchmark]))


@dataclass(frozen=True)
class TenItems:
    """Ten made-up items and two models of the same transfer, to be followed by hand.

    Attributes
    ----------
    english, swahili : dict of str to tuple of int
        By model, right answers in ten promptings of each item.
    """

    english: Mapping[str, tuple[int, ...]]
    swahili: Mapping[str, tuple[int, ...]]

    def table(self) -> pd.DataFrame:
        """One row an item: right answers of each model in each language."""
        frame = pd.DataFrame({"item": [str(i) for i in range(1, 11)]})
        for model in self.english:
            frame[f"{model}_English"] = self.english[model]
            frame[f"{model}_Swahili"] = self.swahili[model]
        return frame

    def metrics(self) -> pd.DataFrame:
        """One row a model: right answers in 100, and the three traditional metrics.

        Examples
        --------
        >>> ten_items().metrics()["xlt_gap"].round(2).tolist()
        [0.15, 0.19]
        """
        rows = []
        for model in self.english:
            source, target = sum(self.english[model]), sum(self.swahili[model])
            rows.append(
                {
                    "model": model,
                    "source_accuracy": source / 100,
                    "target_accuracy": target / 100,
                    "xlt_gap": (source - target) / 100,
                    "ratio": target / source,
                }
            )
        return pd.DataFrame(rows)

    def by_hardness(self) -> pd.DataFrame:
        """One row a hardness: how many items each model has there, and what becomes of them."""
        rows = []
        for right in sorted({k for counts in self.english.values() for k in counts}):
            row: dict[str, object] = {"right_in_English": right}
            for model in self.english:
                pairs = zip(self.english[model], self.swahili[model], strict=True)
                here = [target for source, target in pairs if source == right]
                row[f"{model}_items"] = len(here)
                row[f"{model}_right_in_Swahili"] = float(np.mean(here)) if here else np.nan
            rows.append(row)
        return pd.DataFrame(rows)

    def same_mix(self) -> float:
        """Swahili over English if each of the three hardnesses counts the same.

        Examples
        --------
        >>> round(ten_items().same_mix(), 3)
        0.722
        """
        pairs = {
            source: target
            for model in self.english
            for source, target in zip(self.english[model], self.swahili[model], strict=True)
        }
        return sum(pairs.values()) / sum(pairs)

    def summary(self) -> str:
        """What the three metrics say of two models of the same transfer."""
        weak, strong = self.metrics().to_dict("records")
        return (
            f"Target accuracy rises from {weak['target_accuracy']:.2f} to "
            f"{strong['target_accuracy']:.2f}: the strong model looks far better. "
            f"The gap grows from {weak['xlt_gap']:.2f} to {strong['xlt_gap']:.2f}: it looks worse. "
            f"The ratio rises from {weak['ratio']:.2f} to {strong['ratio']:.2f}: it looks better. "
            "All three are wrong: the two models transfer alike."
        )


def ten_items() -> TenItems:
    """Ten made-up items and two models: 2 right answers become 1, 6 become 4, 10 become 8.

    Returns
    -------
    TenItems

    Examples
    --------
    >>> ten_items().table().shape
    (10, 5)
    """
    crosses = {2: 1, 6: 4, 10: 8}
    english = {"weak": (2,) * 5 + (6,) * 3 + (10,) * 2, "strong": (2,) + (6,) * 2 + (10,) * 7}
    swahili = {model: tuple(crosses[k] for k in counts) for model, counts in english.items()}
    return TenItems(english, swahili)


@dataclass(frozen=True)
class HardnessMix:
    """The same items as models of different ability meet them, in five groups of hardness.

    Attributes
    ----------
    profile : str
        Name of the transfer profile that the models share.
    groups : DataFrame
        One row a model × group: ``items`` and ``right_answers`` (shares of the model's items and
        of its right answers in the source language), and ``crosses_over`` (target over source
        accuracy in the group).
    models : DataFrame
        One row a model: ``source_accuracy``, ``target_accuracy``, ``ratio``.
    """

    profile: str
    groups: pd.DataFrame
    models: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a group: what crosses over there, and what share of right answers it has."""
        middle = self.groups[self.groups["model"] == "middle"]
        frame = middle[["group", "crosses_over"]].reset_index(drop=True)
        for model in self.models["model"]:
            mine = self.groups[self.groups["model"] == model]
            frame[f"right_answers_{model}"] = mine["right_answers"].to_numpy()
        return frame

    def chart(self, what: str = "items") -> Figure | Notice:
        """Where the items lie (`what` is "items") or the right answers ("right_answers")."""
        from hatlib.show import charts

        about = {
            "items": "Share of the items of each simulated model in five groups of hardness. The "
            "items are the same for all; the better model finds them easier.",
            "right_answers": "Where the right answers of each simulated model come from: share in "
            "five groups of items. Those of the strong model come mostly from easy items.",
        }
        return charts.heat(
            self.groups.assign(model=self.groups["model"] + " model"),
            x="group",
            y="model",
            value=what,
            name=f"where-{what}-lie",
            caption=about[what],
            title_x="Probability of a correct answer in the source language",
            title_value="Share",
        )

    def summary(self) -> str:
        """Why the ratio moves, or does not."""
        low, high = self.models.iloc[0], self.models.iloc[-1]
        top = self.groups[self.groups["group"] == GROUPS[-1]].set_index("model")["right_answers"]
        across = self.groups[self.groups["model"] == "middle"]["crosses_over"]
        text = (
            f"Easy items (solved with probability .8 or more) give {top[low['model']]:.0%} of the "
            f"right answers of the {low['model']} model and {top[high['model']]:.0%} of those of "
            f"the {high['model']} model. "
            f"Of the success on the hardest items {across.iloc[0]:.0%} crosses over, of that on "
            f"the easiest {across.iloc[-1]:.0%}. "
        )
        change = high["ratio"] - low["ratio"]
        if abs(change) < STILL:
            return text + (
                f"The same share crosses over everywhere, so the ratio stays at {low['ratio']:.2f}."
            )
        return text + (
            f"So the ratio {'rises' if change > 0 else 'falls'} from {low['ratio']:.2f} to "
            f"{high['ratio']:.2f}, although transfer is the same item by item."
        )

    def summary_of_items(self) -> str:
        """How the mix of hardness differs between the models."""
        wide = self.groups.pivot_table("items", "model", "group", sort=False)
        low, high = self.models["model"].iloc[0], self.models["model"].iloc[-1]
        return (
            f"For the {low} model {wide.loc[low, GROUPS[0]]:.0%} of the items are in the hardest "
            f"group, for the {high} model {wide.loc[high, GROUPS[0]]:.0%}. "
            f"In the easiest group it is {wide.loc[low, GROUPS[-1]]:.0%} and "
            f"{wide.loc[high, GROUPS[-1]]:.0%}."
        )


def hardness_mix(profile: str = "shift", *, difficulty: str = "normal") -> HardnessMix:
    """Sort the items of a weak, a middle and a strong simulated model by hardness.

    Parameters
    ----------
    profile : str
        Name of a transfer profile in `hatlib.truth.simulate.PROFILES`.
    difficulty : str
        Name of a distribution of item difficulty in `hatlib.truth.simulate.DIFFICULTIES`.

    Returns
    -------
    HardnessMix
        Expected values, without sampling.

    Raises
    ------
    InputError
        If a name is not known.

    Examples
    --------
    >>> mix = hardness_mix("linear")
    >>> mix.models["ratio"].round(3).tolist()
    [0.7, 0.7, 0.7]
    """
    check(profile=profile, difficulty=difficulty)
    rows, models = [], []
    for model, ability in ABILITIES.items():
        h = expected_h(ability, difficulty)
        f = PROFILES[profile](h)
        group = np.minimum((h * 5).astype(int), 4)
        sums = [np.bincount(group, weights=w, minlength=5) for w in (np.ones_like(h), h, f)]
        rows.append(
            pd.DataFrame(
                {
                    "model": model,
                    "group": GROUPS,
                    "items": sums[0] / len(h),
                    "right_answers": sums[1] / h.sum(),
                    "crosses_over": sums[2] / np.where(sums[1] > 0, sums[1], np.nan),
                }
            )
        )
        source, target = h.mean(), f.mean()
        models.append((model, source, target, target / source))
    columns = ["model", "source_accuracy", "target_accuracy", "ratio"]
    return HardnessMix(
        profile, pd.concat(rows, ignore_index=True), pd.DataFrame(models, columns=columns)
    )
