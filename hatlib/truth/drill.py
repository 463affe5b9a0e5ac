"""A drill with known truth: which of two models transfers better?

Each round has two invented models on one simulated benchmark.  A reader predicts from the
traditional metrics which of them transfers better, is shown the truth, and then what HAT says.
`tally_pairs` puts the same question to the metrics and to HAT in many more pairs.

In this module the *lead* of model A is how far it is ahead of model B: by the truth, or by a
measure.  A measure *names* a model if the interval of the lead excludes 0; else it leaves the
question open.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

from hatlib import resample
from hatlib.errors import InputError, Problem
from hatlib.metric.compare import compare_models
from hatlib.metric.score import EXTRAPOLATED, hat_scores, interval_quantile
from hatlib.metric.sufficient import MACRO
from hatlib.show.words import counted, headline, joined, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.answers import POINTS, WEIGHTS, Simulated, simulate_answers
from hatlib.truth.design import LANGUAGE_SHIFTS
from hatlib.truth.simulate import DIFFICULTIES, invented_names

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

SAME = BOOK["same"]
"""Two models whose true scores differ by less than this transfer about the same."""

#: The measures, and whether more of it is better (1) or worse (-1).
METRICS: Mapping[str, int] = {"target_accuracy": 1, "xlt_gap": -1, "ratio": 1}
TITLES: Mapping[str, str] = {
    "target_accuracy": "Target accuracy",
    "xlt_gap": "XLT gap",
    "ratio": "Ratio",
    "hat": "HAT",
}

#: What a measure may say, and what may be true: the first model, the second, or neither.
FIRST, SECOND, ABOUT_SAME, OPEN = "a", "b", "same", "open"

BETTER = "stronger transfers better"
WORSE = "stronger transfers worse"
EQUAL = "equal transfer"

_FEWEST_ITEMS, _MOST_ITEMS = 250, 400
_OTHERS = 6  # models beside the pair, from which the estimator learns the common shape
_SLOPES = (0.8, 1.2)  # of profiles on the logit scale
_CLEARLY = 0.02  # how far a metric must point in a direction, in expectation
_TRIES = 2000
_ENDS = ("lead", "low", "high")
_LANGUAGES = ("de", "es", "ja", "ko", "hi", "bn", "sw", "yo")


# Simulated models ---------------------------------------------------------------------------------


def _straight(slope: float, shift: float, h: Floats) -> Floats:
    """A profile that is a straight line on the logit scale."""
    return special.expit(slope * special.logit(h) + shift)


def profile_with(transfer: float, slope: float = 1.0, shifts: Sequence[float] = (0.0,)) -> partial:
    """A transfer profile with a given true score, the mean over languages.

    Parameters
    ----------
    transfer : float
        The true score, above 0 and below 1.
    slope : float
        Slope of the profile on the logit scale.
    shifts : sequence of float
        What each target language adds on the logit scale.

    Returns
    -------
    callable
        From source to target accuracy, both above chance, before the shift of a language.

    Examples
    --------
    >>> profile = profile_with(0.7)
    >>> round(float(2 * profile(POINTS) @ WEIGHTS), 6)
    0.7
    """
    straight = slope * special.logit(POINTS) + np.asarray(shifts, float)[:, None]

    def excess(shift: float) -> float:
        return float(2 * special.expit(straight + shift).mean(axis=0) @ WEIGHTS - transfer)

    return partial(_straight, slope, float(optimize.brentq(excess, -15, 15)))


@dataclass(frozen=True)
class _Place:
    """A benchmark: its items and its languages."""

    n_items: int
    difficulty: str
    languages: tuple[str, ...]

    @staticmethod
    def drawn(rng: np.random.Generator) -> _Place:
        n_languages = int(rng.integers(2, 5))
        languages = rng.choice(_LANGUAGES, n_languages, replace=False)
        return _Place(
            int(rng.integers(_FEWEST_ITEMS, _MOST_ITEMS + 1)),
            str(rng.choice(["normal", "uniform", "skewed"])),
            tuple(sorted(languages.tolist())),
        )

    @property
    def shifts(self) -> list[float]:
        return [LANGUAGE_SHIFTS.get(code, 0.0) for code in self.languages]

    def expected(self, ability: float, profile: partial) -> dict[str, float]:
        """The metrics of a model without luck: over many items and answers."""
        b = DIFFICULTIES[self.difficulty]((np.arange(400) + 0.5) / 400)
        u = special.expit(ability - b)
        shifted = special.logit(profile(u)) + np.array(self.shifts)[:, None]
        source, target = float(u.mean()), float(special.expit(shifted).mean())
        return {
            "source_accuracy": source,
            "target_accuracy": target,
            "xlt_gap": source - target,
            "ratio": target / source,
        }


def _simulated(
    place: _Place,
    abilities: Sequence[float],
    profiles: Sequence[partial],
    names: Sequence[str],
    n_trials: int,
    overdispersion: float,
    rng: np.random.Generator,
) -> Simulated:
    return simulate_answers(
        abilities,
        profiles=profiles,
        n_items=place.n_items,
        n_trials=n_trials,
        targets=place.languages,
        target_shift=place.shifts,
        difficulty=place.difficulty,
        overdispersion=overdispersion,
        models=pd.DataFrame({"model": list(names)}),
        rng=rng,
    )


def compare_pairs(
    simulated: Simulated,
    pairs: Sequence[tuple[str, str]],
    *,
    correlation: float = 0.0,
    draws: int = 400,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> pd.DataFrame:
    """What the metrics and HAT say of pairs of simulated models, beside the truth.

    Parameters
    ----------
    simulated : Simulated
        Answers to one benchmark.
    pairs : sequence of (str, str)
        Names of the two models of each pair.
    correlation : float
        Correlation of the answers to one item that HAT is told.
    draws, level, seed
        Redraws of the items, nominal coverage of the intervals, and the seed.

    Returns
    -------
    DataFrame
        One row a pair × measure: ``model_a``, ``model_b``, ``truth`` (lead of A in the true
        score), ``source_lead`` (in source accuracy), ``measure``, ``lead`` with ``low`` and
        ``high`` (above 0 if the measure puts A ahead), ``says`` ("a", "b" or "open") and ``note``:
        a flag of HAT that leaves the question open.

    Examples
    --------
    >>> simulated = simulate_answers([1, 1], profiles=["shift", "strong shift"], n_items=400)
    >>> compare_pairs(simulated, [("Alder", "Aspen")])["says"].tolist()
    ['a', 'a', 'a', 'a']
    """
    scores = hat_scores(
        simulated.responses,
        reference="uniform",  # which the truth is stated for
        correlation=correlation,
        draws=draws,
        level=level,
        rng=seed,
    )
    chosen = scores.benchmark()
    redrawn = chosen.metric_draws
    assert redrawn is not None
    macro = simulated.truth[simulated.truth["target"] == MACRO]
    truth = macro.set_index("model")["hat"]
    reach = float(interval_quantile(chosen.n_items[:, 0].min(), level))
    rows = []
    for a, b in pairs:
        i, j = (chosen.models.index(name) for name in (a, b))
        about = {
            "model_a": a,
            "model_b": b,
            "truth": float(truth[a] - truth[b]),
            "source_lead": float(np.subtract(*chosen.metrics["source_accuracy"][[i, j], 0])),
        }
        for metric, sign in METRICS.items():
            lead = sign * float(np.subtract(*chosen.metrics[metric][[i, j], 0]))
            with np.errstate(invalid="ignore"):  # there is no ratio to a source accuracy of 0
                se = float(np.std(redrawn[metric][:, i] - redrawn[metric][:, j], ddof=1))
            rows.append(about | _said(metric, lead, lead - reach * se, lead + reach * se))
        found = compare_models(scores, a, b)
        weak = [flag for flag in found.flags if EXTRAPOLATED in flag]
        if not np.isfinite(found.difference):
            weak = list(found.flags) or ["no score"]
        note = joined(sorted(set(weak))) if weak else ""
        rows.append(about | _said("hat", found.difference, found.low, found.high, note))
    return pd.DataFrame(rows)


def _said(measure: str, lead: float, low: float, high: float, note: str = "") -> dict[str, Any]:
    says = OPEN
    if not note and (low > 0 or high < 0):
        says = FIRST if lead > 0 else SECOND
    return {
        "measure": measure,
        "lead": lead,
        "low": low,
        "high": high,
        "says": says,
        "note": note,
    }


# The drill ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """One sort of round.

    Attributes
    ----------
    name : str
        What it is, in words.
    ability : (float, float)
        Range of the ability of the weaker model, in logits.
    stronger_by : (float, float)
        Range of what the stronger model has more.
    lead : (float, float)
        Range of the true score of the stronger model minus that of the weaker one.
    either : bool
        Whether the lead may as well have the other sign.
    right, wrong : tuple of str
        Metrics that point to the better model and to the worse one, in expectation.
    """

    name: str
    ability: tuple[float, float]
    stronger_by: tuple[float, float]
    lead: tuple[float, float]
    either: bool = False
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


KINDS = (
    Kind(
        "the stronger model transfers better, and every metric says so",
        (-0.8, 0.3), (0.5, 1.2), (0.1, 0.18), right=tuple(METRICS),
    ),
    Kind(
        "equally strong, one transfers better, and every metric says so",
        (-0.5, 1.0), (0.0, 0.1), (0.1, 0.18), either=True, right=tuple(METRICS),
    ),
    Kind(
        "the stronger model transfers worse: target accuracy misleads",
        (-0.8, 0.5), (0.6, 1.5), (-0.18, -0.1), right=("xlt_gap", "ratio"),
        wrong=("target_accuracy",),
    ),
    Kind(
        "the stronger model transfers worse: the ratio misleads, and target accuracy with it",
        (-1.5, -0.2), (1.5, 2.8), (-0.15, -0.09), wrong=("target_accuracy", "ratio"),
    ),
    Kind(
        "the stronger model transfers better: the gap misleads",
        (-2.2, -0.8), (1.0, 2.2), (0.1, 0.18), right=("target_accuracy", "ratio"),
        wrong=("xlt_gap",),
    ),
    Kind("equal transfer, one model is stronger", (-1.2, 0.0), (1.2, 2.0), (0.0, 0.0)),
    Kind("equal transfer, equally strong", (-0.3, 0.8), (0.0, 0.1), (0.0, 0.0)),
    Kind("a difference too small to see", (-0.5, 0.8), (0.0, 0.6), (0.008, 0.015), either=True),
    Kind("one model is nearly saturated", (-0.3, 0.6), (3.2, 3.8), (0.08, 0.15), either=True),
    Kind("one model is weak", (-3.0, -2.5), (2.5, 3.2), (0.08, 0.15), either=True),
)  # fmt: skip
"""What rounds there are; each comes up about as often as the others."""


@dataclass(frozen=True)
class Round:
    """Two models of one simulated benchmark, and what is to be found out about them.

    Attributes
    ----------
    kind : str
        What sort of round it is, in words.
    models : DataFrame
        The two models: ``model``, ``source_accuracy``, ``target_accuracy``, ``xlt_gap``, ``ratio``
        as observed, and ``truth``, the true score.
    answers : DataFrame
        What each measure says, as from `compare_pairs`.
    simulated : Simulated
        All answers of this round, those of other models too.
    """

    kind: str
    models: pd.DataFrame
    answers: pd.DataFrame
    simulated: Simulated

    @property
    def names(self) -> tuple[str, str]:
        """The two models."""
        return str(self.models["model"].iloc[0]), str(self.models["model"].iloc[1])

    @property
    def lead(self) -> float:
        """True score of the first model minus that of the second."""
        return float(self.models["truth"].iloc[0] - self.models["truth"].iloc[1])

    @property
    def right(self) -> str:
        """The right answer: "a", "b" or "same"."""
        if abs(self.lead) < SAME:
            return ABOUT_SAME
        return FIRST if self.lead > 0 else SECOND

    def says(self) -> dict[str, str]:
        """What each measure says: "a", "b" or "open"."""
        return dict(zip(self.answers["measure"], self.answers["says"], strict=True))

    def in_words(self, said: str) -> str:
        """The name of a model, or that it is neither."""
        words = {FIRST: self.names[0], SECOND: self.names[1], ABOUT_SAME: "about the same"}
        return words.get(said, "left open")

    def profile_chart(self) -> Figure | Notice:
        """The transfer profiles of the two models, as they were built in."""
        from hatlib.show import charts

        frame = self.simulated.profiles()
        frame = frame[(frame["target"] == MACRO) & frame["model"].isin(self.names)]
        return charts.curves(
            frame,
            x="source_probability",
            y="expected_target",
            series="model",
            name="drill-profiles",
            title_x="Probability of a right answer in the source language",
            title_y="Expected accuracy in the target languages",
            caption=(
                f"Simulated: the true transfer profiles of {self.names[0]} and {self.names[1]} "
                f"({self.kind}). Compare them at equal hardness, from bottom to top."
            ),
        )


def mark(said: str, right: str) -> str:
    """Whether an answer is right, wrong or left open.

    Examples
    --------
    >>> mark("a", "a"), mark("a", "same"), mark("open", "same")
    ('right', 'wrong', 'left open')
    """
    return "left open" if said == OPEN else "right" if said == right else "wrong"


@dataclass(frozen=True)
class Drill:
    """The rounds of a drill.

    Attributes
    ----------
    rounds : tuple of Round
        In the order in which they are put to the reader.
    n_trials : int
        Answers an item and language.
    level : float
        Nominal coverage of the intervals.
    seed : int
    """

    rounds: tuple[Round, ...]
    n_trials: int
    level: float
    seed: int

    def table(self) -> pd.DataFrame:
        """One row a round: what it was, the truth, and what every measure said."""
        rows = []
        for number, each in enumerate(self.rounds, 1):
            rows.append(
                {
                    "round": number,
                    "model_a": each.names[0],
                    "model_b": each.names[1],
                    "true_lead_of_a": each.lead,
                    "truth": each.in_words(each.right),
                    **{name: each.in_words(says) for name, says in each.says().items()},
                    "kind": each.kind,
                }
            )
        return pd.DataFrame(rows)

    def marks(self) -> pd.DataFrame:
        """One row a measure: in how many rounds it was ``right``, ``wrong`` or ``left_open``."""
        rows = []
        for measure, title in TITLES.items():
            marks = [mark(each.says()[measure], each.right) for each in self.rounds]
            rows.append(
                {
                    "measure": title,
                    "right": marks.count("right"),
                    "wrong": marks.count("wrong"),
                    "left_open": marks.count("left open"),
                }
            )
        return pd.DataFrame(rows)

    def rules(self) -> str:
        """What counts as right, in sentences."""
        return (
            f"The true score of a model runs from 0 (no transfer) to 1 (perfect). Two models whose "
            f"true scores differ by less than {SAME:g} transfer *about the same*. A metric or HAT "
            f"names a model if the {self.level:.0%} interval of the difference excludes 0; else "
            "it leaves the round open. HAT also leaves it open if a score is extrapolated."
        )

    def summary(self) -> str:
        """How HAT and the metrics did, in sentences made from the numbers."""
        marks = {row["measure"]: _marks_in_words(row) for row in self.marks().to_dict("records")}
        same = [each for each in self.rounds if each.right == ABOUT_SAME]
        told = sum(each.says()["hat"] != OPEN for each in same)
        subject = f"HAT in {counted(len(self.rounds), 'simulated round')}"
        text = f"{headline(subject, marks.pop('HAT'))} " + " ".join(
            f"{name}: {words}." for name, words in marks.items()
        )
        if same:
            text += (
                f" In {counted(len(same), 'round')} the two models transfer about the same; HAT "
                f"names one of them in {told or 'none'} of these."
            )
        return f"{text} So few rounds rank no measure."

    def trap(self) -> Round:
        """The first round in which most metrics name the wrong model; the first of all if none."""

        def wrong(each: Round) -> int:
            said = each.says()
            return sum(mark(said[metric], each.right) == "wrong" for metric in METRICS)

        return max(self.rounds, key=wrong)

    def chart(self) -> Figure | Notice:
        """The lead of the first model in every round: the truth, and HAT with its interval."""
        from hatlib.show import charts

        rows: list[dict[str, Any]] = []
        for number, each in enumerate(self.rounds, 1):
            row = f"{number}: {each.names[0]} over {each.names[1]}"
            hat = _hat_row(each)
            rows.append({"row": row, "what": "truth", "lead": each.lead})
            rows.append({"row": row, "what": "HAT"} | {end: hat[end] for end in _ENDS})
        return charts.intervals(
            pd.DataFrame(rows),
            value="lead",
            low="low",
            high="high",
            row="row",
            color="what",
            sort="table",
            name="drill-rounds",
            title_x="Lead of the model that is named first",
            format_x="+.1f",
            caption=(
                "Simulated rounds: how far the first model is ahead, in truth and by HAT. Bars are "
                f"{self.level:.0%} intervals. Where a bar crosses 0, HAT leaves the round open."
            ),
        )

    def __repr__(self) -> str:
        return (
            f"A drill of {counted(len(self.rounds), 'round')}. Look at it on a web page or in "
            "JupyterLab; .table() has the answers."
        )

    def _repr_html_(self) -> str:
        """The drill as HTML that unfolds without JavaScript; `hat-drill.js` keeps the tally."""
        ends = [abs(_hat_row(each)[end]) for each in self.rounds for end in _ENDS]
        reach = max(
            [v for v in ends if np.isfinite(v)] + [abs(e.lead) for e in self.rounds] + [0.1]
        )
        rounds = "\n".join(
            _round_html(each, number, len(self.rounds), self.n_trials, reach)
            for number, each in enumerate(self.rounds, 1)
        )
        return f'<div class="hat-drill">\n{rounds}\n{_tally_html()}\n</div>'


def _marks_in_words(row: Mapping[Any, Any]) -> str:
    return f"{row['right']} right, {row['wrong']} wrong, {row['left_open']} left open"


def make_drill(
    rounds: int = 10,
    *,
    n_trials: int = 10,
    overdispersion: float = 0.0,
    draws: int = 400,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> Drill:
    """Draw the rounds of a drill.

    Parameters
    ----------
    rounds : int
        How many; ten hold every kind of `KINDS` once.
    n_trials : int
        Answers an item and language.
    overdispersion : float
        Correlation of the answers to one item, which HAT does not know of.
    draws : int
        Redraws of the items.
    level : float
        Nominal coverage of the intervals.
    seed : int
        Seed of all random numbers; another one gives other rounds.

    Returns
    -------
    Drill

    Raises
    ------
    InputError
        If a number is out of its range.

    Examples
    --------
    >>> drill = make_drill(2, seed=1)
    >>> len(drill.table()), set(drill.marks().columns) > {"right", "wrong", "left_open"}
    (2, True)
    """
    _check(rounds=rounds)
    rng = np.random.default_rng([seed, rounds])
    order = [rng.permutation(len(KINDS)) for _ in range(-(-rounds // len(KINDS)))]
    kinds = [KINDS[k] for k in np.concatenate(order)[:rounds]]
    names = rng.permutation(invented_names(max(25, 2 * rounds + _OTHERS))).tolist()
    others = names[2 * rounds : 2 * rounds + _OTHERS]
    made = []
    for number, kind in enumerate(kinds):
        # A generator of its own, so that more answers or correlated ones change no other round.
        rng = np.random.default_rng([seed, rounds, number])
        pair = (names[2 * number], names[2 * number + 1])
        place, abilities, profiles = _pair_of(kind, rng)
        more_abilities = np.linspace(-1.5, 2.0, _OTHERS) + rng.uniform(-0.2, 0.2, _OTHERS)
        more_profiles = [_random_profile(rng.uniform(0.5, 0.85), place, rng) for _ in others]
        simulated = _simulated(
            place,
            [*abilities, *more_abilities],
            [*profiles, *more_profiles],
            [*pair, *others],
            n_trials,
            overdispersion,
            rng,
        )
        made.append(_round(kind, simulated, pair, draws, level, seed))
    return Drill(tuple(made), n_trials, level, seed)


def _pair_of(
    kind: Kind, rng: np.random.Generator
) -> tuple[_Place, tuple[float, float], tuple[partial, partial]]:
    """A benchmark and two models as the kind wants them, in random order."""
    for _ in range(_TRIES):
        place = _Place.drawn(rng)
        weaker = rng.uniform(*kind.ability)
        stronger = weaker + rng.uniform(*kind.stronger_by)
        lead = rng.uniform(*kind.lead) * (rng.choice([-1, 1]) if kind.either else 1)
        middle = rng.uniform(0.55, 0.75)
        slope = rng.uniform(*_SLOPES) if kind.lead == (0.0, 0.0) else 0.0
        models = [
            (ability, _random_profile(middle + half, place, rng, slope))
            for ability, half in ((stronger, lead / 2), (weaker, -lead / 2))
        ]
        a, b = (place.expected(*model) for model in models)
        leads = {name: sign * (a[name] - b[name]) for name, sign in METRICS.items()}
        towards = np.sign(lead)
        if all(towards * leads[name] > _CLEARLY for name in kind.right) and all(
            towards * leads[name] < -_CLEARLY for name in kind.wrong
        ):
            (one, f), (two, g) = models if rng.random() < 0.5 else models[::-1]
            return place, (one, two), (f, g)
    raise RuntimeError(f"no pair of models was found for: {kind.name}")


def _random_profile(
    transfer: float, place: _Place, rng: np.random.Generator, slope: float = 0.0
) -> partial:
    return profile_with(transfer, slope or rng.uniform(*_SLOPES), place.shifts)


def _round(
    kind: Kind, simulated: Simulated, pair: tuple[str, str], draws: int, level: float, seed: int
) -> Round:
    answers = compare_pairs(simulated, [pair], draws=draws, level=level, seed=seed)
    metrics = _observed(simulated).loc[list(pair)]
    truth = simulated.truth[simulated.truth["target"] == MACRO].set_index("model")["hat"]
    return Round(
        kind.name, metrics.assign(truth=truth[list(pair)]).reset_index(), answers, simulated
    )


def _observed(simulated: Simulated) -> pd.DataFrame:
    """The traditional metrics of every model, as a reader of a leaderboard sees them."""
    counts = simulated.responses.counts(str(simulated.truth["benchmark"].iloc[0]))
    source = (counts.source_correct / counts.source_trials).mean(axis=1)
    target = (counts.target_correct / counts.target_trials).mean(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = target / source
    return pd.DataFrame(
        {
            "source_accuracy": source,
            "target_accuracy": target,
            "xlt_gap": source - target,
            "ratio": ratio,
        },
        index=pd.Index(counts.models, name="model"),
    )


# Many pairs ---------------------------------------------------------------------------------------

_GROUPS = (BETTER, WORSE, EQUAL, EQUAL) * 3  # the pairs of one simulation
_STRONGER = 0.1  # the stronger model of a pair is so much ahead, as a share of `spread`
TWICE = BOOK["twice"]
"""Errors that are this many times as frequent as the intervals allow are worth seeing."""


@dataclass(frozen=True)
class PairTally:
    """What the metrics and HAT say of many pairs of models whose transfer is known.

    Attributes
    ----------
    frame : DataFrame
        One row a pair × measure, as from `compare_pairs`; model A is the stronger one. ``pair``
        numbers the pairs and ``group`` is `BETTER`, `WORSE` or `EQUAL`.
    overdispersion : float
        Correlation of the answers to one item.
    correlation : float
        What HAT was told of it.
    level : float
        Nominal coverage of the intervals.
    """

    frame: pd.DataFrame
    overdispersion: float
    correlation: float
    level: float

    def table(self) -> pd.DataFrame:
        """One row a group × measure.

        Returns
        -------
        DataFrame
            ``pairs``; ``ordered_right``, the share that the estimate alone orders as the truth
            does, with ``low`` and ``high`` (95 % intervals by Wilson); and by the interval:
            ``right`` and ``wrong``, the shares in which it names the better model and another
            answer, and ``left_open``. Of equal pairs, any name is wrong.
        """
        rows = []
        for group in dict.fromkeys(_GROUPS):
            for measure, title in TITLES.items():
                part = self._part(group, measure)
                ordered = _ordered(part)
                low, high = _wilson(int(ordered.sum()), len(part))
                wrong = _named(part) & ~_right(part)
                equal = group == EQUAL
                rows.append(
                    {
                        "group": group,
                        "measure": title,
                        "pairs": len(part),
                        "ordered_right": np.nan if equal else _share(ordered),
                        "low": np.nan if equal else low,
                        "high": np.nan if equal else high,
                        "right": np.nan if equal else _share(_right(part)),
                        "wrong": _share(wrong),
                        "left_open": _share(~_named(part)),
                    }
                )
        return pd.DataFrame(rows)

    def drift(self) -> pd.DataFrame:
        """How each measure moves with source accuracy in pairs of equal transfer.

        Returns
        -------
        DataFrame
            One row a measure: ``pairs``, and the ``lead`` of the stronger model for ten points of
            source accuracy, with ``low`` and ``high``. HAT's extrapolated scores are left out.
        """
        rows = []
        for measure, title in TITLES.items():
            part = self._part(EQUAL, measure)
            part = part[(part["note"] == "") & np.isfinite(part["lead"])]
            slope, se = _slope(part["source_lead"].to_numpy(), part["lead"].to_numpy())
            freedom = max(len(part) - 1, 1)
            reach = float(stats.t.ppf((1 + self.level) / 2, freedom)) * se
            rows.append(
                {
                    "measure": title,
                    "pairs": len(part),
                    "lead": 0.1 * slope,
                    "low": 0.1 * (slope - reach),
                    "high": 0.1 * (slope + reach),
                }
            )
        return pd.DataFrame(rows)

    def against(self) -> pd.DataFrame:
        """HAT against each metric in the pairs that differ, pair by pair.

        Returns
        -------
        DataFrame
            One row a metric: pairs that only HAT orders as the truth does (``only_hat``), pairs
            that only the metric does (``only_metric``), and a ``p_value`` of McNemar's exact test,
            corrected for the number of metrics (Bonferroni).
        """
        differ = self.frame[self.frame["group"] != EQUAL]
        shares = differ.assign(right=_ordered(differ)).pivot_table(
            index="pair", columns="measure", values="right"
        )
        right = shares > 0.5  # one row a pair, so each share is 0 or 1
        rows = []
        for metric in METRICS:
            hat = int((right["hat"] & ~right[metric]).sum())
            other = int((right[metric] & ~right["hat"]).sum())
            p = stats.binomtest(hat, hat + other).pvalue if hat + other else 1.0
            rows.append(
                {
                    "measure": TITLES[metric],
                    "only_hat": hat,
                    "only_metric": other,
                    "p_value": min(1.0, len(METRICS) * float(p)),
                }
            )
        return pd.DataFrame(rows)

    def summary(self, rules: Thresholds = BOOK) -> str:
        """Whether HAT orders more pairs as the truth does, in sentences made from the numbers."""
        found = self.against()
        clear = found["p_value"] < rules["clear"]
        ahead = clear & (found["only_hat"] > found["only_metric"])
        behind = clear & (found["only_metric"] > found["only_hat"])
        if behind.any():
            verdict = (
                f"{joined(list(map(_within, found['measure'][behind])))} more often right than HAT"
            )
        elif ahead.all():
            verdict = "HAT is more often right than each of the metrics"
        else:
            tied = joined(list(map(_within, found["measure"][~ahead])))
            verdict = f"HAT ties with {tied}"
        share = self._ordered_shares()
        parts = [
            f"{_within(title)} {row[BETTER]:.0%} and {row[WORSE]:.0%}"
            for title, row in share.iterrows()
        ]
        return (
            f"{headline('Simulated pairs that differ', verdict)} Pairs that the estimate alone "
            "orders as the truth does, where the stronger model transfers better and where it "
            f"transfers worse: {'; '.join(parts)}.{self._break_even(share)}"
        )

    def _ordered_shares(self) -> pd.DataFrame:
        """Share of the pairs that each measure orders right, in both groups that differ."""
        table = self.table()
        rows = {
            title: dict(zip(part["group"], part["ordered_right"], strict=True))
            for title, part in table.groupby("measure", sort=False)
        }
        return pd.DataFrame(rows).T

    def _break_even(self, share: pd.DataFrame) -> str:
        """For which mixtures of the two groups a metric would be right more often than HAT."""
        hat, parts = share.loc["HAT"], []
        for title, row in share.drop(index="HAT").iterrows():
            gain, loss = row[BETTER] - hat[BETTER], hat[WORSE] - row[WORSE]
            side = "more" if gain > 0 else "less"
            if gain * loss > 0:
                parts.append(f"{side} than {loss / (gain + loss):.0%} ({_within(title)})")
        if not parts:
            return ""
        return (
            "\n\nHalf of these pairs are of either sort, which is our choice. A metric is right "
            "more often than HAT's estimate if the stronger model transfers better in so many of "
            f"the pairs: {joined(parts)}."
        )

    def errors(self, rules: Thresholds = BOOK) -> str:
        """Whether HAT's intervals err as seldom as they say, in sentences made from the numbers."""
        n, told = self._told_apart()
        differ = self.frame[(self.frame["group"] != EQUAL) & (self.frame["measure"] == "hat")]
        wrong = int((_named(differ) & ~_right(differ)).sum())
        open_ = int((~_named(differ)).sum())
        verdict = {
            "yes": "they err more often than they say",
            "no": "they err no more often than they say",
            "cannot tell": "too few pairs to see how often they err",
        }[self._errs(rules)]
        weak = int((differ["note"] != "").sum())
        flagged = f", {weak} of them as a score is extrapolated or missing" if weak else ""
        return (
            f"{headline('Intervals of HAT in simulated pairs', verdict)} "
            f"Of {counted(n, 'equal pair')} HAT tells {told} apart ({_percent(told, n)}; its "
            f"intervals allow {1 - self.level:.0%}). Of {counted(len(differ), 'pair')} that "
            f"differ, it names the worse model in {wrong} ({_percent(wrong, len(differ))}; "
            f"its intervals allow {(1 - self.level) / 2:.1%}), the better one in "
            f"{len(differ) - wrong - open_}, and leaves {open_} open{flagged}."
        )

    def chart(self) -> Figure | Notice:
        """Share of the pairs that each measure orders as the truth does."""
        from hatlib.show import charts

        table = self.table().assign(group=lambda t: t["group"].map(_SHORT))
        return charts.intervals(
            table.dropna(subset="ordered_right"),
            value="ordered_right",
            low="low",
            high="high",
            row="measure",
            color="group",
            zero=0.5,
            sort="table",
            name="drill-ordered",
            title_x="Share of pairs ordered as the truth does",
            format_x=".0%",
            caption=(
                "Simulated pairs of models that differ in transfer: how often each measure puts "
                "the better one first, where the stronger one transfers better and where it "
                "transfers worse. Bars are 95% intervals of a share. The line is a coin."
            ),
        )

    def chart_of_errors(self) -> Figure | Notice:
        """Share of the pairs in which a measure, with its interval, names a wrong model."""
        from hatlib.show import charts

        return charts.heat(
            self.table().assign(group=lambda t: t["group"].map(_SHORT)),
            x="group",
            y="measure",
            value="wrong",
            format_value=".1%",
            name="drill-errors",
            title_x="Pairs",
            title_value="Share named wrongly",
            caption=(
                "Simulated pairs, where the stronger model transfers better, where it transfers "
                "worse, and where they transfer alike: how often a measure with its interval names "
                f"a wrong model. Of equal pairs, {1 - self.level:.0%} are allowed to luck; of the "
                f"others, {(1 - self.level) / 2:.1%}."
            ),
        )

    def _part(self, group: str, measure: str) -> pd.DataFrame:
        frame = self.frame
        return frame[(frame["group"] == group) & (frame["measure"] == measure)]

    def _told_apart(self) -> tuple[int, int]:
        """Equal pairs, and those of them that HAT tells apart."""
        equal = self._part(EQUAL, "hat")
        return len(equal), int(_named(equal).sum())

    def _errs(self, rules: Thresholds) -> str:
        """Whether HAT tells equal pairs apart more often than it may: yes, no or cannot tell."""
        n, told = self._told_apart()
        allowed = 1 - self.level
        if n and stats.binomtest(told, n, allowed, "greater").pvalue < rules["clear"]:
            return "yes"
        # The number of errors that would have been called too many, and how often errors that are
        # twice as frequent would reach it.
        too_many = stats.binom.isf(rules["clear"], n, allowed) + 1 if n else 1
        power = stats.binom.sf(too_many - 1, n, min(1.0, TWICE * allowed)) if n else 0.0
        return "no" if power >= rules["power"] else "cannot tell"


_SHORT = {BETTER: "stronger better", WORSE: "stronger worse", EQUAL: "equal"}


def tally_pairs(
    pairs: int = 384,
    *,
    spread: float = 2.5,
    n_trials: int = 10,
    overdispersion: float = 0.0,
    correlation: float = 0.0,
    draws: int = 200,
    level: float = resample.LEVEL,
    seed: int = 0,
) -> PairTally:
    """Simulate many pairs of models and ask the metrics and HAT which transfers better.

    A simulation has twelve pairs of models on one benchmark. In three pairs the stronger model
    transfers better, in three it transfers worse, and in six they transfer alike. Abilities and
    true scores are drawn at random; metrics play no part in it.

    Parameters
    ----------
    pairs : int
        How many; rounded up to a multiple of twelve.
    spread : float
        Abilities run from minus this to this, in logits.
    n_trials : int
        Answers an item and language.
    overdispersion : float
        Correlation of the answers to one item.
    correlation : float
        What HAT is told of it.
    draws : int
        Redraws of the items.
    level : float
        Nominal coverage of the intervals.
    seed : int
        Seed of all random numbers.

    Returns
    -------
    PairTally

    Raises
    ------
    InputError
        If a number is out of its range.

    Examples
    --------
    >>> tally = tally_pairs(12, draws=50)
    >>> tally.table().query("measure == 'HAT'")["pairs"].tolist()
    [3, 3, 6]
    """
    _check(pairs=pairs)
    if not spread > 0:
        raise InputError(Problem("spread must be above 0.", "Use 2.5.", value=str(spread)))
    frames = []
    for simulation in range(-(-pairs // len(_GROUPS))):
        # Another stream than that of the rounds.
        rng = np.random.default_rng([seed, simulation, 1])
        place = _Place.drawn(rng)
        models = [model for group in _GROUPS for model in _any_pair(group, spread, place, rng)]
        names = invented_names(len(models))
        abilities, profiles = zip(*models, strict=True)
        simulated = _simulated(place, abilities, profiles, names, n_trials, overdispersion, rng)
        found = compare_pairs(
            simulated,
            list(zip(names[::2], names[1::2], strict=True)),
            correlation=correlation,
            draws=draws,
            level=level,
            seed=seed,
        )
        number = np.repeat(np.arange(len(_GROUPS)), len(TITLES))
        found.insert(0, "group", np.array(_GROUPS)[number])
        found.insert(0, "pair", simulation * len(_GROUPS) + number)
        frames.append(found)
    return PairTally(pd.concat(frames, ignore_index=True), overdispersion, correlation, level)


def _any_pair(
    group: str, spread: float, place: _Place, rng: np.random.Generator
) -> tuple[tuple[float, partial], tuple[float, partial]]:
    """Ability and profile of a stronger and of a weaker model."""
    weaker = stronger = 0.0
    while stronger - weaker < _STRONGER * spread:
        weaker, stronger = np.sort(rng.uniform(-spread, spread, 2)).tolist()
    lead, middle = rng.uniform(0.04, 0.2), rng.uniform(0.5, 0.8)
    if group == EQUAL:
        profile = _random_profile(middle, place, rng)
        return (stronger, profile), (weaker, profile)
    half = lead / 2 if group == BETTER else -lead / 2
    first, second = (_random_profile(middle + h, place, rng) for h in (half, -half))
    return (stronger, first), (weaker, second)


def _named(part: pd.DataFrame) -> pd.Series:
    return part["says"] != OPEN


def _right(part: pd.DataFrame) -> pd.Series:
    """Whether the interval names the better model; of equal ones there is none."""
    better = np.select([part["truth"] > 0, part["truth"] < 0], [FIRST, SECOND], ABOUT_SAME)
    return part["says"] == better


def _ordered(part: pd.DataFrame) -> pd.Series:
    """Whether the estimate alone orders a pair as the truth does."""
    return np.sign(part["lead"]) == np.sign(part["truth"])


def _share(which: pd.Series) -> float:
    return float(which.mean()) if len(which) else float("nan")


def _wilson(k: int, n: int) -> tuple[float, float]:
    if not n:
        return float("nan"), float("nan")
    found = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _slope(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope of a line through the origin, with a standard error that allows unequal scatter."""
    square = float(x @ x)
    if len(x) < 2 or square == 0:
        return float("nan"), float("nan")
    slope = float(x @ y) / square
    spread = float((x**2) @ (y - slope * x) ** 2) * len(x) / (len(x) - 1)
    return slope, float(np.sqrt(spread)) / square


def _percent(k: int, n: int) -> str:
    return f"{k / n:.1%}" if n else "–"


def _within(title: object) -> str:
    """Title of a measure within a sentence."""
    text = str(title)
    return {"XLT gap": "the XLT gap", "Ratio": "the ratio", "HAT": "HAT"}.get(text, text.lower())


# Does it hold? ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Misled:
    """The same pairs with answers that hang together, which HAT does not know.

    Attributes
    ----------
    plain, hidden : PairTally
        Without and with correlated answers.
    """

    plain: PairTally
    hidden: PairTally

    def table(self) -> pd.DataFrame:
        """One row a tally: errors and drift of HAT.

        Returns
        -------
        DataFrame
            ``answers``; ``ordered_right``, the share of the pairs that differ which HAT's estimate
            orders as the truth does; ``named_worse``, those in which it names the worse model;
            ``told_apart``, the share of equal pairs that it tells apart; and ``drift``, the lead
            of the stronger model of equal pairs for ten points of source accuracy, with ``low``
            and ``high``.
        """
        rows = []
        for tally in (self.plain, self.hidden):
            part = tally.frame[tally.frame["measure"] == "hat"]
            differ, equal = part[part["group"] != EQUAL], part[part["group"] == EQUAL]
            drift = tally.drift().set_index("measure").loc["HAT"]
            rows.append(
                {
                    "answers": _answers_in_words(tally),
                    "ordered_right": _share(_ordered(differ)),
                    "named_worse": _share(_named(differ) & ~_right(differ)),
                    "told_apart": _share(_named(equal)),
                    "drift": drift["lead"],
                    "low": drift["low"],
                    "high": drift["high"],
                }
            )
        return pd.DataFrame(rows)

    def summary(self, rules: Thresholds = BOOK) -> str:
        """Whether HAT is misled, in sentences made from the numbers."""
        before, after = self.table().to_dict("records")
        errs = self.hidden._errs(rules)
        limit = rules["drift"]
        drifts = after["low"] > limit or after["high"] < -limit
        still = -limit < after["low"] and after["high"] < limit
        if drifts or errs == "yes":
            verdict = "HAT is misled too"
        elif still and errs == "no":
            verdict = "HAT is not misled"
        else:
            verdict = "cannot tell"
        subject = f"Simulated answers, {after['answers']}"
        moved = "No two pairs of equal transfer have scores that are not extrapolated."
        if np.isfinite(after["drift"]):
            moved = (
                f"In pairs of equal transfer HAT puts the stronger model ahead by "
                f"{signed(after['drift'])} [{signed(after['low'])}, {signed(after['high'])}] for "
                f"ten points of source accuracy ({before['answers']}: {signed(before['drift'])})."
            )
        return (
            f"{headline(subject, verdict)} {moved} "
            f"It tells {after['told_apart']:.0%} of the equal pairs apart "
            f"({before['answers']}: {before['told_apart']:.0%}; its intervals allow "
            f"{1 - self.hidden.level:.0%}). Of pairs that differ it orders "
            f"{after['ordered_right']:.0%} as the truth does ({before['ordered_right']:.0%}), and "
            f"names the worse model in {after['named_worse']:.0%} ({before['named_worse']:.0%})."
        )

    def chart(self) -> Figure | Notice:
        """How every measure moves with source accuracy in pairs of equal transfer."""
        from hatlib.show import charts

        frames = [
            tally.drift().assign(answers=f"correlation {tally.overdispersion:g}")
            for tally in (self.plain, self.hidden)
        ]
        return charts.intervals(
            pd.concat(frames, ignore_index=True),
            value="lead",
            low="low",
            high="high",
            row="measure",
            color="answers",
            sort="table",
            name="drill-drift",
            title_x="Lead of the stronger model for ten points of source accuracy",
            format_x="+.2f",
            caption=(
                "Simulated pairs of equal transfer: how far each measure puts the stronger model "
                "ahead, by the correlation of the answers to one item. At 0 a measure sees "
                f"transfer only. Bars are {self.hidden.level:.0%} intervals."
            ),
        )


def _answers_in_words(tally: PairTally) -> str:
    if not tally.overdispersion:
        return "independent answers"
    told = ", known to HAT" if tally.correlation == tally.overdispersion else ""
    return f"correlated by {tally.overdispersion:g}{told}"


# On the page --------------------------------------------------------------------------------------


def _round_html(each: Round, number: int, n_rounds: int, n_trials: int, reach: float) -> str:
    from hatlib.show import charts

    a, b = (html.escape(name) for name in each.names)
    hat = _hat_row(each)
    says = html.escape(json.dumps(each.says()), quote=True)
    shown = each.models.drop(columns="truth").rename(columns={"xlt_gap": "XLT gap"})
    table = charts.show_table(shown, _setting(each, number, n_trials))
    truth = each.models["truth"]
    right = {
        FIRST: f"{a} transfers better",
        SECOND: f"{b} transfers better",
        ABOUT_SAME: f"{a} and {b} transfer about the same",
    }[each.right]
    points = "\n".join(
        f"<li>{title}: {_points_to(each, measure)}</li>"
        for measure, title in TITLES.items()
        if measure != "hat"
    )
    buttons = "\n".join(
        f'<button type="button" data-answer="{answer}">{text}</button>'
        for answer, text in (
            (FIRST, f"{a} transfers better"),
            (ABOUT_SAME, "About the same"),
            (SECOND, f"{b} transfers better"),
        )
    )
    verdict = (
        f"HAT cannot tell {a} and {b} apart"
        if each.says()["hat"] == OPEN
        else f"HAT tells them apart: {html.escape(each.in_words(each.says()['hat']))} "
        "transfers better"
    )
    note = f" A score is flagged: {html.escape(str(hat['note']))}." if hat["note"] else ""
    return (
        f'<div class="hat-round" data-right="{each.right}" data-says="{says}">\n'
        f"<h3>Round {number} of {n_rounds}</h3>\n{table._repr_html_()}\n"  # type: ignore[union-attr]
        "<p>Which of the two transfers better? Decide, and then look.</p>\n"
        f'<div class="hat-choices" role="group" aria-label="Your answer to round {number}" hidden>'
        f"\n{buttons}\n</div>\n"
        '<p class="hat-said" role="status"></p>\n'
        f'<details class="hat-truth"><summary>Show the truth of round {number}</summary>\n'
        f"<p><strong>{right}.</strong> The true scores are {truth.iloc[0]:.2f} ({a}) and "
        f"{truth.iloc[1]:.2f} ({b}). {a} minus {b}: {signed(each.lead)}. By their intervals, "
        f"the metrics say:</p>\n<ul>\n{points}\n</ul>\n"
        f'<details class="hat-answer"><summary>Show what HAT says in round {number}</summary>\n'
        f"<p><strong>{verdict}.</strong> {a} minus {b}: {_with_interval(hat)}.{note}</p>\n"
        f"{_strip(each, hat, reach)}\n</details>\n</details>\n</div>"
    )


def _hat_row(each: Round) -> dict[Any, Any]:
    """What HAT says."""
    rows = each.answers[each.answers["measure"] == "hat"].to_dict("records")
    return rows[0]


def _setting(each: Round, number: int, n_trials: int) -> str:
    """What was asked, in a sentence."""
    responses = each.simulated.responses
    names = responses.languages.set_index("language")["name"]
    targets = [t for t in dict.fromkeys(each.simulated.truth["target"]) if t != MACRO]
    n_items = int(responses.benchmarks["n_items"].iloc[0])
    return (
        f"Round {number}, simulated: {counted(n_items, 'item')}, each answered "
        f"{counted(n_trials, 'time')} in English and in {joined([str(names[t]) for t in targets])}."
    )


def _points_to(each: Round, measure: str) -> str:
    said = each.says()[measure]
    if said == OPEN:
        return "left open"
    outcome = mark(said, each.right)
    return f"{html.escape(each.in_words(said))}, which is {outcome}"


def _with_interval(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["lead"]):
        return "not known"
    return f"{signed(row['lead'])} [{signed(row['low'])}, {signed(row['high'])}]"


def _strip(each: Round, hat: Mapping[Any, Any], reach: float) -> str:
    """A small picture: the line of no difference, HAT with its interval, and the truth."""
    if not np.isfinite(hat["lead"]):
        return ""
    width, middle = 340, 170

    def x(value: float) -> float:
        return round(middle + float(np.clip(value / reach, -1, 1)) * (middle - 12), 1)

    a, b = (html.escape(name) for name in each.names)
    said = (
        f"The truth is {signed(each.lead)}; HAT says {_with_interval(hat)}. Above 0 {a} is ahead."
    )
    diamond = " ".join(
        f"{x(each.lead) + dx:g},{24 + dy}" for dx, dy in ((0, -8), (6, 0), (0, 8), (-6, 0))
    )
    return (
        f'<svg class="hat-strip" role="img" aria-label="{said}" viewBox="0 0 {width} 66" '
        f'width="{width}" height="66">\n'
        f'<line x1="{middle}" x2="{middle}" y1="6" y2="50" stroke="currentColor" '
        'stroke-dasharray="3 3"/>\n'
        f'<polygon points="{diamond}" fill="none" stroke="currentColor" stroke-width="2"/>\n'
        f'<line x1="{x(hat["low"])}" x2="{x(hat["high"])}" y1="42" y2="42" stroke="currentColor" '
        'stroke-width="3"/>\n'
        f'<circle cx="{x(hat["lead"])}" cy="42" r="5" fill="currentColor"/>\n'
        f'<line x1="4" x2="{width - 4}" y1="50" y2="50" stroke="currentColor" '
        'stroke-width="0.5"/>\n'
        f'<text x="{middle}" y="64" font-size="12" text-anchor="middle" '
        'fill="currentColor">0</text>\n'
        f'<text x="4" y="64" font-size="12" fill="currentColor">{b} ahead</text>\n'
        f'<text x="{width - 4}" y="64" font-size="12" text-anchor="end" fill="currentColor">'
        f"{a} ahead</text>\n</svg>\n"
        '<p class="hat-key">Diamond: the truth. Dot and bar: HAT and its interval. Dashed line: no '
        "difference.</p>"
    )


def _tally_html() -> str:
    """The running tally, which stays hidden without JavaScript."""
    rows = "\n".join(
        f'<tr data-who="{who}"><th scope="row">{title}</th>'
        + '<td class="hat-number">0</td>' * 3
        + "</tr>"
        for who, title in {"you": "You", **TITLES}.items()
    )
    return (
        '<div class="hat-tally" hidden>\n<h3>Your tally</h3>\n'
        "<p>Rounds that you opened before you answered do not count. HAT counts once you have "
        "opened its answer.</p>\n"
        '<div class="hat-scroll"><table class="dataframe">\n<thead><tr><th scope="col">who</th>'
        '<th scope="col" class="hat-number">right</th>'
        '<th scope="col" class="hat-number">wrong</th>'
        '<th scope="col" class="hat-number">left open</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>\n"
        '<p><button type="button" class="hat-again">Start again</button></p>\n</div>'
    )


def _check(**numbers: int) -> None:
    problems = [
        Problem(f"{name} must be at least 1.", value=str(value))
        for name, value in numbers.items()
        if value < 1
    ]
    if problems:
        raise InputError(problems)
