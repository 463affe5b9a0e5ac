"""Examples of the page *The HAT score, step by step*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.data.responses import SETS, Responses
from hatlib.data.tables import book
from hatlib.errors import InputError, Problem
from hatlib.metric.reference import SUPPORTED, effective_items, support_of
from hatlib.metric.results import HatScores
from hatlib.metric.score import hat_scores
from hatlib.metric.sufficient import MACRO
from hatlib.show.lessons.common import (
    ABILITIES,
    GROUPS,
    TITLE_F,
    TITLE_H,
    Floats,
    check,
    expected_h,
)
from hatlib.show.words import joined, markdown_text
from hatlib.truth.answers import POINTS, WEIGHTS, Profile, Simulated, simulate_answers
from hatlib.truth.simulate import PROFILES, true_transfer

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice


@dataclass(frozen=True)
class ProfileShapes:
    """Transfer profiles of a few plain shapes, with what every metric says of them.

    Attributes
    ----------
    curves : DataFrame
        One row a shape × point: ``shape``, ``source_probability``, ``expected_target``.
    scores : DataFrame
        One row a shape: the metrics if items of all hardnesses are equally frequent.
    chance : float
        Chance level.
    """

    curves: pd.DataFrame
    scores: pd.DataFrame
    chance: float

    def table(self) -> pd.DataFrame:
        """One row a shape: the traditional metrics and the HAT score."""
        return self.scores.copy()

    def chart(self) -> Figure | Notice:
        """All profiles in one chart."""
        from hatlib.show import charts

        return charts.curves(
            self.curves,
            x="source_probability",
            y="expected_target",
            series="shape",
            name="profile-shapes",
            title_x=TITLE_H,
            title_y=TITLE_F,
            caption=(
                "How to read a transfer profile. Hard items are on the left, easy ones on the "
                "right. The nearer a profile is to the diagonal, the more crosses over. Simulated."
            ),
        )


#: Shapes of `profile_shapes`, each above chance.
SHAPES: dict[str, Profile] = {
    "perfect transfer": lambda h: h,
    "all a bit harder": PROFILES["shift"],
    "hard items lost": PROFILES["square"],
    "same share of all": PROFILES["linear"],
    "no transfer": lambda h: 0 * h,
}


def profile_shapes(chance: float = 0.0) -> ProfileShapes:
    """Profiles of plain shapes, from perfect transfer to none.

    Parameters
    ----------
    chance : float
        Chance level, 0 to below 1.

    Returns
    -------
    ProfileShapes

    Examples
    --------
    >>> profile_shapes(0.25).table()["hat"].iloc[[0, -1]].tolist()
    [1.0, 0.0]
    """
    check(chance=chance)
    u = np.linspace(0, 1, 51)
    parts, rows = [], []
    for name, shape in SHAPES.items():
        above = shape if callable(shape) else PROFILES[shape]
        parts.append(
            pd.DataFrame(
                {
                    "shape": name,
                    "source_probability": chance + (1 - chance) * u,
                    "expected_target": chance + (1 - chance) * above(u),
                }
            )
        )
        score = float(above(POINTS) @ WEIGHTS / (POINTS @ WEIGHTS))
        source, target = (chance + (1 - chance) * v / 2 for v in (1.0, score))
        rows.append((name, source, target, source - target, target / source, score))
    columns = ["shape", "source_accuracy", "target_accuracy", "xlt_gap", "ratio", "hat"]
    scores = pd.DataFrame(rows, columns=columns).round(12)
    return ProfileShapes(pd.concat(parts, ignore_index=True), scores, chance)


@dataclass(frozen=True)
class Standardisation:
    """Two populations with rates in groups: crude and adjusted to the same mix of groups.

    Attributes
    ----------
    groups, names : tuple of str
        Groups, and the two populations.
    shares : ndarray, shape (2, n_groups)
        Mix of groups of each population.
    rates : ndarray, shape (2, n_groups)
        Rate in each group.
    standard : ndarray, shape (n_groups,)
        The mix that both are adjusted to.
    perfect : ndarray, shape (n_groups,), or None
        For models: the source accuracy in each group, which perfect transfer would reach.
    rate_name, what, adjusted_name : str
        What the rate is, in a word and in full, and what the adjusted rate is called.
    """

    groups: tuple[str, ...]
    names: tuple[str, str]
    shares: Floats
    rates: Floats
    standard: Floats
    perfect: Floats | None
    rate_name: str
    what: str
    adjusted_name: str

    def table(self) -> pd.DataFrame:
        """One row a group: the share and the rate of each population, and the standard."""
        frame = pd.DataFrame({"group": self.groups})
        if self.perfect is not None:
            frame["source_accuracy"] = self.perfect
        for name, share, rate in zip(self.names, self.shares, self.rates, strict=True):
            frame[f"{name}_share"] = share
            frame[f"{name}_{self.rate_name}"] = rate
        return frame.assign(standard_share=self.standard)

    @property
    def crude(self) -> Floats:
        """Each population's own rate: by its own mix."""
        return np.asarray((self.shares * self.rates).sum(axis=1))

    @property
    def adjusted(self) -> Floats:
        """The rate that each would have with the standard mix."""
        return self.rates @ self.standard

    def scores(self) -> pd.DataFrame:
        """For models, one row each: the traditional metrics, and HAT.

        Raises
        ------
        ValueError
            If the populations are not models.
        """
        if self.perfect is None:
            raise ValueError("These populations are not models.")
        source = self.shares @ self.perfect
        return pd.DataFrame(
            {
                "model": self.names,
                "source_accuracy": source,
                "target_accuracy": self.crude,
                "xlt_gap": source - self.crude,
                "ratio": self.crude / source,
                "adjusted_target": self.adjusted,
                "hat": self.adjusted / (self.perfect @ self.standard),
            }
        )

    def chart_of_mix(self) -> Figure | Notice:
        """Which groups each population is made of."""
        from hatlib.show import charts

        rows = [*zip(self.names, self.shares, strict=True), ("standard", self.standard)]
        frame = pd.concat(
            [pd.DataFrame({"who": n, "group": self.groups, "share": s}) for n, s in rows]
        )
        return charts.heat(
            frame,
            x="group",
            y="who",
            value="share",
            name=f"mix-{self.names[0]}",
            title_value="Share",
            caption=f"Made-up numbers: the mix of {self.names[0]}, of {self.names[1]} and of the "
            "standard. Each row adds up to 1.",
        )

    def chart(self) -> Figure | Notice:
        """Crude and adjusted rates side by side."""
        from hatlib.show import charts

        frame = pd.DataFrame(
            {
                "measure": np.repeat(["crude", self.adjusted_name], 2),
                "who": list(self.names) * 2,
                "rate": [*self.crude, *self.adjusted],
            }
        )
        return charts.intervals(
            frame,
            value="rate",
            row="measure",
            color="who",
            sort="table",
            name=f"crude-and-adjusted-{self.names[0]}",
            title_x=self.what,
            caption="Made-up numbers: with the same mix for both, their order turns round.",
        )

    def summary(self) -> str:
        """Both comparisons in a sentence each."""
        digits = 1 if self.perfect is None else 2
        crude = [f"{v:.{digits}f}" for v in self.crude]
        adjusted = [f"{v:.{digits}f}" for v in self.adjusted]
        first, second = self.names
        return (
            f"Crude: {first} {crude[0]}, {second} {crude[1]}. "
            f"With the same mix: {first} {adjusted[0]}, {second} {adjusted[1]}."
        )


def two_towns() -> Standardisation:
    """Deaths in two made-up towns, a young one and an old one.

    Returns
    -------
    Standardisation
        Rates are deaths a year per 1,000 people.

    Examples
    --------
    >>> towns = two_towns()
    >>> towns.crude.round(1).tolist(), towns.adjusted.round(1).tolist()
    ([5.0, 17.0], [10.5, 8.8])
    """
    return Standardisation(
        ("0 to 19", "20 to 39", "40 to 59", "60 to 79", "80 and over"),
        ("Youngtown", "Oldtown"),
        np.array([[0.20, 0.50, 0.20, 0.08, 0.02], [0.15, 0.15, 0.25, 0.33, 0.12]]),
        np.array([[0.5, 1.0, 4.0, 20.0, 100.0], [0.4, 0.8, 3.0, 16.0, 90.0]]),
        np.array([0.22, 0.26, 0.27, 0.20, 0.05]),
        None,
        "deaths",
        "Deaths a year per 1,000 people",
        "age-adjusted",
    )


def two_models() -> Standardisation:
    """Two made-up models: the strong one loses a little more on items of every hardness.

    Returns
    -------
    Standardisation
        Rates are target accuracies; all items of a group have the same source accuracy.

    Examples
    --------
    >>> scores = two_models().scores()
    >>> bool(scores["ratio"][0] > scores["ratio"][1] and scores["hat"][0] < scores["hat"][1])
    True
    """
    return Standardisation(
        GROUPS,
        ("strong model", "weak model"),
        np.array([[0.05, 0.08, 0.12, 0.25, 0.50], [0.35, 0.25, 0.20, 0.12, 0.08]]),
        np.array([[0.04, 0.16, 0.33, 0.56, 0.84], [0.05, 0.19, 0.37, 0.60, 0.86]]),
        np.full(5, 0.2),
        np.array([0.1, 0.3, 0.5, 0.7, 0.9]),
        "target_accuracy",
        "Accuracy in the target language",
        "hardness-adjusted",
    )


@dataclass(frozen=True)
class WorkedScore:
    """One score with its parts.

    Attributes
    ----------
    curve : DataFrame
        The profile, with what lies below and above it.
    mean_f, mean_h, chance, hat : float
        Mean of the profile, mean of the diagonal, chance level, score.
    """

    curve: pd.DataFrame
    mean_f: float
    mean_h: float
    chance: float
    hat: float

    def chart(self) -> Figure | Notice:
        """The two areas whose ratio is the score."""
        from hatlib.show import charts

        return charts.curves(
            self.curve,
            x="source_probability",
            y="expected_target",
            low="low",
            high="high",
            series="line",
            name="score-as-areas",
            title_x=TITLE_H,
            title_y=TITLE_F,
            caption=(
                "The score is the area between this profile and chance, over the area between the "
                "diagonal and chance. Simulated."
            ),
        )

    def summary(self) -> str:
        """The formula with its numbers."""
        # Plain text, as books do not set formulas that a cell puts out.
        c = f"{self.chance:.3f}"
        return (
            f"HAT = (mean of *f* − *c*) / (mean of *h* − *c*) = ({self.mean_f:.3f} − {c}) / "
            f"({self.mean_h:.3f} − {c}) = **{self.hat:.2f}**"
        )


def worked_score(profile: str = "shift", chance: float = 0.25) -> WorkedScore:
    """The score of one profile with the uniform reference, part by part.

    Parameters
    ----------
    profile : str
        Name of a transfer profile in `hatlib.truth.simulate.PROFILES`.
    chance : float
        Chance level, 0 to below 1.

    Returns
    -------
    WorkedScore

    Examples
    --------
    >>> worked = worked_score("linear", chance=0.25)
    >>> round(worked.mean_f, 4), worked.mean_h, round(worked.hat, 2)
    (0.5125, 0.625, 0.7)
    """
    check(profile=profile, chance=chance)
    u = np.linspace(0, 1, 51)
    h = chance + (1 - chance) * u
    lines = {
        "perfect transfer": h,
        "this profile": chance + (1 - chance) * PROFILES[profile](u),
        "no transfer": np.full_like(h, chance),
    }
    parts = [
        pd.DataFrame(
            {
                "line": name,
                "source_probability": h,
                "expected_target": f,
                "low": chance,
                "high": f,
            }
        )
        for name, f in lines.items()
    ]
    score = true_transfer(profile)
    mean_h = (1 + chance) / 2
    mean_f = chance + score * (mean_h - chance)
    return WorkedScore(pd.concat(parts, ignore_index=True), mean_f, mean_h, chance, score)


@dataclass(frozen=True)
class LanguageProfiles:
    """Profiles of one simulated model in several languages.

    Attributes
    ----------
    simulated : Simulated
        With one model.
    """

    simulated: Simulated

    def table(self) -> pd.DataFrame:
        """One row a language, and the macro average: the true score."""
        truth = self.simulated.truth
        return pd.DataFrame({"language": self._names(truth["target"]), "hat": truth["hat"]})

    def chart(self) -> Figure | Notice:
        """The profile in each language, and their mean."""
        from hatlib.show import charts

        frame = self.simulated.profiles()
        return charts.curves(
            frame.assign(language=self._names(frame["target"])),
            x="source_probability",
            y="expected_target",
            series="language",
            name="profiles-by-language",
            title_x=TITLE_H,
            title_y=TITLE_F,
            caption=(
                "One simulated model in several languages. The macro profile is the mean of the "
                "others at each hardness."
            ),
        )

    def summary(self) -> str:
        """The macro score beside the mean of the languages' scores."""
        macro = self.table()["hat"].iloc[0]
        each = self.table()["hat"].iloc[1:]
        return (
            f"The macro score is {macro:.3f}. The scores of the languages run from "
            f"{each.min():.3f} to {each.max():.3f}, and their mean is {each.mean():.3f}."
        )

    def _names(self, codes: pd.Series) -> pd.Series:
        known = self.simulated.responses.languages.set_index("language")["name"]
        return codes.map({MACRO: "macro average", **known})


def language_profiles(profile: str = "shift", chance: float = 0.0) -> LanguageProfiles:
    """One simulated model that transfers well to German, less to Hindi, least to Swahili.

    Examples
    --------
    >>> table = language_profiles("shift").table()
    >>> bool(abs(table["hat"].iloc[1:].mean() - table["hat"].iloc[0]) < 1e-9)
    True
    """
    check(profile=profile, chance=chance)
    shifts = {"de": 0.6, "hi": -0.4, "sw": -1.6}
    return LanguageProfiles(
        simulate_answers(
            [0.0], profiles=profile, targets=list(shifts), target_shift=shifts, chance=chance
        )
    )


@dataclass(frozen=True)
class References:
    """Two profiles that cross, scored with three references.

    Attributes
    ----------
    weights : DataFrame
        One row a reference × group of hardness: ``share`` of the weight.
    scores : DataFrame
        One row a reference: the score of each profile, and which is ahead.
    """

    weights: pd.DataFrame
    scores: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a reference: both scores, and which is ahead."""
        return self.scores.copy()

    def chart(self) -> Figure | Notice:
        """Where each reference puts its weight."""
        from hatlib.show import charts

        return charts.heat(
            self.weights,
            x="group",
            y="reference",
            value="share",
            name="references",
            title_x=TITLE_H,
            title_value="Share of the weight",
            caption=(
                "Where each reference puts its weight. A pooled reference follows the models that "
                "are compared (here: simulated ones)."
            ),
        )

    def summary(self) -> str:
        """Whether the reference changes the order."""
        where = self.scores.groupby("ahead", sort=False)["reference"].agg(list)
        if len(where) == 1:
            return f"“{where.index[0]}” is ahead with every reference."
        parts = [f"“{who}” with {joined(names)}" for who, names in where.items()]
        return f"Who is ahead depends on the reference: {'; '.join(parts)}."


def references(difficulty: str = "normal") -> References:
    """Score two crossing profiles with three references.

    One profile carries over the same share of every item, the other loses the hard ones.

    Examples
    --------
    >>> references().table()["ahead"].nunique()
    2
    """
    check(difficulty=difficulty)
    even = (np.arange(2000) + 0.5) / 2000
    points = {
        "uniform": even,
        "pooled over weak models": _pool([-2.0, -1.5, -1.0], difficulty),
        "pooled over strong models": _pool([1.0, 1.5, 2.0], difficulty),
    }
    profiles = {"same share of all": PROFILES["linear"], "hard items lost": PROFILES["square"]}
    weights, scores = [], []
    for name, h in points.items():
        share = np.bincount(np.minimum((h * 5).astype(int), 4), minlength=5) / len(h)
        weights.append(pd.DataFrame({"reference": name, "group": GROUPS, "share": share}))
        hat = {profile: float(f(h).mean() / h.mean()) for profile, f in profiles.items()}
        ahead = max(hat, key=lambda profile: hat[profile])
        scores.append({"reference": name, **hat, "ahead": ahead})
    return References(pd.concat(weights, ignore_index=True), pd.DataFrame(scores))


def _pool(abilities: Sequence[float], difficulty: str) -> Floats:
    return np.concatenate([expected_h(ability, difficulty) for ability in abilities])


@dataclass(frozen=True)
class Support:
    """How many items of simulated models lie in each fifth of the uniform reference.

    Attributes
    ----------
    items : DataFrame
        One row a model × fifth: expected ``items``.
    models : DataFrame
        One row a model: ``support``, ``effective_items``, ``flag``.
    """

    items: pd.DataFrame
    models: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a model."""
        return self.models.copy()

    def chart(self) -> Figure | Notice:
        """Items in each fifth."""
        from hatlib.show import charts

        return charts.heat(
            self.items,
            x="group",
            y="model",
            value="items",
            format_value=".0f",
            name="support",
            title_x=TITLE_H,
            title_value="Items",
            caption="Items of simulated models in each fifth of the uniform reference. Where there "
            "are few, the profile is hardly known.",
        )

    def summary(self) -> str:
        """Which scores would be flagged."""
        flagged = self.models[self.models["flag"] != ""]["model"].tolist()
        if not flagged:
            return "No score would be marked as extrapolated."
        return f"Marked as extrapolated: {joined(flagged)}."


def support_example(n_items: int = 250, *, difficulty: str = "normal") -> Support:
    """Support of four simulated models with the uniform reference.

    Parameters
    ----------
    n_items : int
        Items of the benchmark.
    difficulty : str
        Name of a distribution of item difficulty.

    Returns
    -------
    Support
        Expected values.

    Examples
    --------
    >>> support_example(250).table()["flag"].tolist()
    ['', '', '', 'extrapolated']
    """
    check(difficulty=difficulty)
    items, models = [], []
    for name, ability in {**ABILITIES, "very strong": 4.5}.items():
        h = expected_h(ability, difficulty)
        count = n_items * np.bincount(np.minimum((h * 5).astype(int), 4), minlength=5) / len(h)
        label = f"{name} model"
        items.append(pd.DataFrame({"model": label, "group": GROUPS, "items": count}))
        support = float(support_of(count))
        models.append(
            {
                "model": label,
                "source_accuracy": h.mean(),
                "support": support,
                "effective_items": float(effective_items(count)),
                "flag": "extrapolated" if support < SUPPORTED else "",
            }
        )
    return Support(pd.concat(items, ignore_index=True), pd.DataFrame(models))


def two_references(
    responses: Responses, benchmark: str, *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """The macro scores of one benchmark with the pooled and with the uniform reference.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which benchmark.
    draws, seed : int
        Redraws of the items, and seed.

    Returns
    -------
    DataFrame
        One row a model and reference.

    Examples
    --------
    >>> answers = simulate_answers([0.0, 1.0], n_items=400).responses
    >>> two_references(answers, "sim", draws=50)["reference"].tolist()
    ['pooled', 'pooled', 'uniform', 'uniform']
    """
    columns = ["display_name", "reference", "hat", "low", "high", "support", "flag"]
    parts = [
        hat_scores(responses, benchmarks=benchmark, reference=name, draws=draws, rng=seed).macro()
        for name in ("pooled", "uniform")
    ]
    return pd.concat(parts, ignore_index=True)[columns]


def score_by_hand(scores: HatScores, benchmark: str, model: str = "") -> pd.DataFrame:
    """The parts of one model's macro score, in the order in which they are computed.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    benchmark : str
        Which benchmark.
    model : str
        Which model; the one with most effective items if not given.

    Returns
    -------
    DataFrame
        ``step``, ``value``.

    Raises
    ------
    InputError
        If there is no such model.

    Examples
    --------
    >>> import hatlib
    >>> answers = simulate_answers([0.0], n_items=400).responses
    >>> scores = hatlib.hat_scores(answers, draws=0)
    >>> parts = score_by_hand(scores, "sim").set_index("step")["value"]
    >>> bool(abs(parts["HAT score"] - scores.macro()["hat"][0]) < 1e-9)
    True
    """
    b = scores.benchmark(benchmark)
    if model and model not in b.models:
        raise InputError(
            Problem("there is no such model.", f"There are: {', '.join(b.models)}.", value=model)
        )
    m = b.models.index(model) if model else int(np.nan_to_num(b.effective_items[:, 0]).argmax())
    mean_f, mean_h = float(b.curves[m, 0] @ b.weight), float(b.hardness.grid @ b.weight)
    metrics = {name: float(values[m, 0]) for name, values in b.metrics.items()}
    rows = {
        "accuracy in the source language": metrics["source_accuracy"],
        "mean accuracy in the target languages": metrics["target_accuracy"],
        "ratio of the two": metrics["ratio"],
        "chance level c": b.chance,
        "mean of the profile f over the reference": mean_f,
        "mean of h over the reference": mean_h,
        "HAT score": (mean_f - b.chance) / (mean_h - b.chance),
    }
    return pd.DataFrame({"step": list(rows), "value": list(rows.values())})


def about_set(benchmark: str) -> str:
    """What to mind about a set of answers of the book, as its page of sources has it.

    Examples
    --------
    >>> "one model" in about_set("xnli-first200").lower()
    True
    """
    if benchmark not in SETS:
        return "This is no set of the book, so its limits are yours to state."
    row = book().sources.set_index("source").loc[SETS[benchmark]]
    return f"**What to mind about `{benchmark}`.** {markdown_text(row['caveats'])}"
