"""Attacks on the independence of a score from source accuracy, with known truth.

Simulated models that transfer alike and differ in ability only are scored again and again, also
where an assumption of the score is broken on purpose.  A score of transfer must not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

from hatlib import resample
from hatlib.claims.independence import (
    DEPENDENT,
    HAT,
    INDEPENDENT,
    MEASURES,
    MIN_MODELS,
    UNCLEAR,
    AcrossModels,
    WithinModels,
    compare_parts,
    slope_and_correlation,
    verdict_of,
    verdicts_in,
)
from hatlib.data.files import read_table
from hatlib.data.responses import Counts
from hatlib.data.tables import STUDIES, data_folder
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.score import hat_scores, score_counts
from hatlib.metric.sufficient import MACRO
from hatlib.show.words import counted, headline, markdown_text, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.answers import POINTS, WEIGHTS, Profile
from hatlib.truth.design import Scenario, paper_design
from hatlib.truth.recovery import STEP
from hatlib.truth.simulate import DIFFICULTIES, PROFILES
from hatlib.truth.study import study_results

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

PLUGIN = "Plug-in score"

RESULTS = STUDIES["study-attacks"]
"""Where the attacks are kept, below the data folder."""

# Known truth -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NullRuns:
    """Simulated models of known transfer, scored again and again.

    Attributes
    ----------
    frame : DataFrame
        One row a design × measure × replication × model: ``score``, ``source_accuracy``, ``truth``
        and ``supported``.
    slug : str
        For names of charts.
    what : str
        What was simulated, in words.
    about : mapping of str to str
        By design, what it breaks; may be empty.
    rules : Thresholds
        ``drift``, ``harm`` and ``level`` are used.
    kept : DataFrame, optional
        What an earlier run came to, in place of `frame`: the columns of `table` but ``verdict``.
    """

    frame: pd.DataFrame
    slug: str
    what: str
    about: Mapping[str, str]
    rules: Thresholds = BOOK
    kept: pd.DataFrame | None = None

    def table(self) -> pd.DataFrame:
        """One row a design × measure.

        Returns
        -------
        DataFrame
            ``per_ten_points``, the change of the score for ten points of source accuracy at equal
            truth, with ``low`` and ``high`` over replications; ``given_truth``, the partial
            correlation with source accuracy given the truth (mean over replications); ``range`` of
            the mean score over models; ``thirds``, the largest difference between the mean scores
            of weak, middling and strong models, with ``thirds_low`` and ``thirds_high`` (range and
            thirds only where all models transfer alike); ``with_flagged``, the slope with
            extrapolated scores; ``supported``, share of the scores; ``replications``; ``verdict``.
        """
        return self._judged.copy()

    @cached_property
    def _judged(self) -> pd.DataFrame:
        if self.kept is not None:
            found = self.kept
        else:
            groups = self.frame.groupby(["design", "measure"], sort=False)
            found = pd.DataFrame(
                [
                    {"design": design, "measure": measure} | _measured(part, self.rules["level"])
                    for (design, measure), part in groups
                ]
            )
        rows = found.to_dict("records")
        return found.assign(verdict=[_verdict(row, self.rules) for row in rows])

    def attacks(self) -> pd.DataFrame:
        """One row a design: what it breaks, and the slopes and verdicts of HAT and the ratio."""
        hat, ratio = (
            self._judged[self._judged["measure"] == MEASURES[name]].set_index("design")
            for name in ("hat", "ratio")
        )
        return pd.DataFrame(
            {
                "design": hat.index,
                "breaks": [self.about.get(design, "") for design in hat.index],
                "hat_slope": hat["per_ten_points"].to_numpy(),
                "low": hat["low"].to_numpy(),
                "high": hat["high"].to_numpy(),
                "thirds": hat["thirds"].to_numpy(),
                "supported": hat["supported"].to_numpy(),
                "with_flagged": hat["with_flagged"].to_numpy(),
                "ratio_slope": ratio["per_ten_points"].reindex(hat.index).to_numpy(),
                "verdict": hat["verdict"].to_numpy(),
            }
        )

    def chart(self, *measures: str) -> Figure | Notice:
        """The slope of each measure in each design; `measures` names the columns to draw."""
        from hatlib.show import charts

        names = [MEASURES.get(m, m) for m in measures] or list(
            dict.fromkeys(self._judged["measure"])
        )
        rows = self._judged[self._judged["measure"].isin(names)]
        # The whole name has no room beside a single panel.
        rows = rows.replace({"measure": {"Conditional transfer": "Conditional"}})
        many = len(set(rows["design"])) > 1 and len(names) < 3
        return charts.intervals(
            rows,
            value="per_ten_points",
            low="low",
            high="high",
            row="design" if many else "measure",
            color="measure" if many else None,
            facet=None if many else "design",
            sort="table",
            name=f"independence-{self.slug}",
            title_x="Change for ten points of source accuracy",
            format_x="+.2f",
            caption=(
                f"{self.what}: change of each measure for ten points of source accuracy at equal "
                f"truth. Bars are {self.rules['level']:.0%} intervals over replications. Less than "
                f"{self.rules['drift']:g} either way counts as none."
            ),
        )

    def summary(self, measure: str = "hat") -> str:
        """The verdicts on one measure, in sentences made from the numbers."""
        name = MEASURES.get(measure, measure)
        rows = self._judged[self._judged["measure"] == name]
        known = rows.dropna(subset=["per_ten_points"])
        if known.empty:
            return f"{headline(self.what, 'cannot tell')} No model has a supported score."
        low, high = (signed(float(v)) for v in known["per_ten_points"].agg(["min", "max"]))
        verdict = f"{name} {verdicts_in(rows, 'design')}"
        text = (
            f"{headline(self.what, verdict)} For ten points of "
            f"source accuracy at equal truth it changes by {low}"
            f"{f' to {high}' * (low != high)}."
        )
        if known["thirds"].notna().any():
            worst = known.nlargest(1, "thirds").to_dict("records")[0]
            where = f" ({markdown_text(worst['design'])})" if len(rows) > 1 else ""
            text += (
                f" The means of weak, middling and strong models differ by at most "
                f"{worst['thirds']:.3f}{where}."
            )
        for word in (DEPENDENT, UNCLEAR):
            there = [str(d) for d in rows.loc[rows["verdict"] == word, "design"]]
            if there and len(rows) > 1:
                text += f"\n\n{_SAYS[word]}: {'; '.join(map(markdown_text, there))}."
        return text

    def others(self) -> str:
        """The verdicts on the other measures, in a sentence."""
        rest = [m for m in dict.fromkeys(self._judged["measure"]) if m != HAT]
        parts = []
        for name in rest:
            rows = self._judged[self._judged["measure"] == name]
            parts.append(f"{name} {verdicts_in(rows, 'design')}")
        return f"On the same simulated answers: {'; '.join(parts)}." if parts else ""


_SAYS = {DEPENDENT: "The score depends on source accuracy", UNCLEAR: "Too close to tell"}


def _verdict(row: Mapping[Any, Any], rules: Thresholds) -> str:
    """By the slope, and by the thirds: a bend can hide from a slope."""
    word = verdict_of(row["low"], row["high"], rules["drift"])
    if not np.isfinite(row["thirds"]):
        return word
    if row["thirds_low"] > rules["harm"]:
        return DEPENDENT
    return UNCLEAR if word == INDEPENDENT and not row["thirds_high"] < rules["harm"] else word


def _measured(part: pd.DataFrame, level: float) -> dict[str, float]:
    """Boil the replications of one design and measure down to one row."""
    supported = part[part["supported"] & part["score"].notna()]
    alike = float(np.ptp(part["truth"].to_numpy(float))) == 0
    slopes, correlations, flagged, thirds = [], [], [], []
    order = part.groupby("model")["source_accuracy"].mean().sort_values(kind="stable").index
    for replication, every in part.dropna(subset=["score"]).groupby("replication"):
        flagged.append(_given_truth(every)[0])
        one = supported[supported["replication"] == replication]
        slope, r = _given_truth(one)
        slopes.append(slope)
        correlations.append(r)
        means = one.set_index("model")["score"].reindex(order).to_numpy(float)
        thirds.append([_mean(third) for third in np.array_split(means, 3)])
    slope, low, high = _over_replications(slopes, level)
    mean = supported.groupby("model")["score"].mean()
    found: dict[str, float] = {
        "per_ten_points": slope,
        "low": low,
        "high": high,
        "given_truth": _mean(np.array(correlations)),
        "range": float(mean.max() - mean.min()) if alike and len(mean) else np.nan,
        "thirds": np.nan,
        "thirds_low": np.nan,
        "thirds_high": np.nan,
        "with_flagged": _mean(np.array(flagged)),
        "supported": len(supported) / max(len(part), 1),
        "replications": int(part["replication"].nunique()),
    }
    if alike and thirds:
        size, least, most = _largest_difference(np.array(thirds), level)
        found |= {"thirds": size, "thirds_low": least, "thirds_high": most}
    return found


def _given_truth(one: pd.DataFrame) -> tuple[float, float]:
    """Slope for ten points of source accuracy and correlation, at equal truth."""
    if len(one) < 3:
        return np.nan, np.nan
    truth = one["truth"].to_numpy(float)
    given = truth[:, None] if np.ptp(truth) > 0 else None
    x, y = (one[c].to_numpy(float) for c in ("source_accuracy", "score"))
    slope, r = slope_and_correlation(x, y, given)
    return STEP * float(slope), float(r)


def _over_replications(values: Sequence[float], level: float) -> tuple[float, float, float]:
    """Mean and interval by Student's t; no interval with one replication."""
    known = np.array([v for v in values if np.isfinite(v)])
    if len(known) < 2:
        return _mean(known), np.nan, np.nan
    mean, se = float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
    reach = float(stats.t.ppf((1 + level) / 2, len(known) - 1)) * se
    return mean, mean - reach, mean + reach


def _largest_difference(thirds: Floats, level: float) -> tuple[float, float, float]:
    """The pair of thirds whose means differ most: difference and interval over replications."""
    pairs = [thirds[:, i] - thirds[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]
    # A third that hardly ever has a supported score has no mean to speak of.
    known = [pair for pair in pairs if np.isfinite(pair).mean() > 0.5]
    if not known:
        return np.nan, np.nan, np.nan
    largest = max(known, key=lambda pair: abs(_mean(pair)))
    return _over_replications(list(largest * np.sign(_mean(largest))), level)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def paper_runs(
    scenario: Scenario = "no-trend",
    *,
    replications: int = 3,
    seed: int = 0,
    rules: Thresholds = BOOK,
) -> NullRuns:
    """The paper's design with known truth: twenty invented models, three invented benchmarks.

    Parameters
    ----------
    scenario : {"no-trend", "findings", "small-broken"}
        As in `hatlib.paper_design`. With ``no-trend`` all models transfer alike; else slopes and
        correlations are partial, given the truth.
    replications, seed : int
        How often, and the seed.
    rules : Thresholds
        On which the verdicts turn.

    Returns
    -------
    NullRuns

    Examples
    --------
    >>> runs = paper_runs(replications=1)
    >>> sorted(set(runs.frame["design"]))
    ['sim-factual', 'sim-free-form', 'sim-ten-options']
    """
    if scenario not in get_args(Scenario):
        known = listing(get_args(Scenario))
        raise InputError(Problem("scenario is not known.", f"Use one of {known}.", value=scenario))
    if replications < 1:
        raise InputError(Problem("replications is below 1.", "Use 8.", value=str(replications)))
    frames = []
    for replication in range(replications):
        simulated = paper_design(
            np.random.default_rng([resample.checked_seed(seed), replication]), scenario=scenario
        )
        truth = simulated.truth[simulated.truth["target"] == MACRO]
        truth = truth[["benchmark", "model", "hat"]].rename(columns={"hat": "truth"})
        # Numbers that are solved for agree to a last digit only.
        truth["truth"] = truth["truth"].round(6)
        for profile, name in (("adaptive", HAT), ("plugin", PLUGIN)):
            scores = hat_scores(simulated.responses, profile=profile, reference="uniform", draws=0)
            rows = scores.macro().merge(truth, on=["benchmark", "model"])
            wanted = {"hat": name} | ({} if profile == "plugin" else _TRADITIONAL)
            for column, measure in wanted.items():
                frames.append(
                    rows[["model", "source_accuracy", "truth"]].assign(
                        design=rows["benchmark"],
                        measure=measure,
                        replication=replication,
                        score=rows[column],
                        supported=rows["flag"] == "",
                    )
                )
    words = {
        "no-trend": "Simulated in the paper's design, all alike",
        "findings": "Simulated in the paper's design, with its trends built in",
        "small-broken": "Simulated in the paper's design, small models broken",
    }
    frame = pd.concat(frames, ignore_index=True)
    order = pd.CategoricalDtype(_ORDER, ordered=True)
    frame = frame.astype({"measure": order}).sort_values(["design", "measure"], kind="stable")
    frame = frame.astype({"measure": str})
    return NullRuns(frame, f"paper-{scenario}", words[scenario], {}, rules)


_TRADITIONAL = {name: title for name, title in MEASURES.items() if name != "hat"}
_ORDER = [HAT, PLUGIN, *_TRADITIONAL.values()]


# Attacks -----------------------------------------------------------------------------------------

FOLLOWS, OPPOSES = "follows ability", "opposes ability"
_SLOPES = (0.5, 2.0)  # of profiles on the logit scale: as "flat" and as "steep"
_LEVEL = 0.6  # true score of profiles whose shape goes with ability


@dataclass(frozen=True)
class Attack:
    """A way to simulate models that differ in ability only, or in what is said to go with it.

    Attributes
    ----------
    name, breaks : str
        What it is called, and the assumption that it breaks.
    profile : str
        A name of `truth.simulate.PROFILES`; "follows ability" (the stronger a model, the steeper
        its profile, with the same true score for all), or "opposes ability".
    abilities : tuple of float
        One a model, in logits.
    n_items, n_trials : int
        Items, and answers an item and language.
    chance, overdispersion, item_spread : float
        As in `hatlib.simulate_answers`.
    difficulty : str
        A name of `hatlib.truth.simulate.DIFFICULTIES`.
    discrimination : float
        Standard deviation of the logarithm of the slopes of the items; 0 for equal slopes.
    item_loss : float
        By how many logits an item loses in the target language for each logit that it is harder
        than the mean, whoever answers.
    told : float
        Correlation of answers to one item that the score is told.
    """

    name: str = "no attack"
    breaks: str = "nothing"
    profile: str = "steep"
    abilities: tuple[float, ...] = tuple(np.linspace(-2.5, 2.5, 11).round(3).tolist())
    n_items: int = 400
    n_trials: int = 10
    chance: float = 0.0
    overdispersion: float = 0.0
    item_spread: float = 0.0
    difficulty: str = "normal"
    discrimination: float = 0.0
    item_loss: float = 0.0
    told: float = 0.0

    def profiles(self) -> list[Profile]:
        """The transfer profile of each model."""
        if self.profile in PROFILES:
            return [PROFILES[self.profile]] * len(self.abilities)
        share = stats.rankdata(self.abilities) - 1
        share = share / max(share.max(), 1)
        share = share if self.profile == FOLLOWS else 1 - share
        low, high = np.log(_SLOPES)
        return [_of_level(float(np.exp(low + (high - low) * s).round(6))) for s in share]

    def truth(self) -> float:
        """The true score, with the uniform reference; the same for all models."""
        first: Any = self.profiles()[0]
        return float(2 * np.asarray(first(POINTS)) @ WEIGHTS)

    def answers(self, rng: np.random.Generator | int = 0) -> Counts:
        """Simulate the answers.

        Examples
        --------
        >>> Attack(n_items=50).answers().source_correct.shape
        (11, 50)
        """
        self._check()
        random = resample.generator(rng)
        n_models, n = len(self.abilities), self.n_items
        b = np.asarray(DIFFICULTIES[self.difficulty](random.uniform(size=n)), float)
        slope = np.exp(self.discrimination * random.normal(size=n))
        u = special.expit(slope * (np.array(self.abilities)[:, None] - b))
        each: Any = zip(self.profiles(), u, strict=True)
        f = np.stack([np.asarray(profile(row), float) for profile, row in each])
        if self.item_loss:
            f = special.expit(special.logit(f) - self.item_loss * (b - b.mean()))
        f = _scattered(f, self.item_spread, random)
        rates = np.stack([u, f], axis=1)
        rates = self.chance + (1 - self.chance) * rates
        correct = random.binomial(self.n_trials, _scattered(rates, self.overdispersion, random))
        trials = np.full((n_models, n), self.n_trials)
        return Counts(
            "simulated",
            "en",
            self.chance,
            tuple(f"model {m:02d}" for m in range(n_models)),
            ("de",),
            tuple(f"{i:05d}" for i in range(n)),
            np.arange(n),
            correct[:, 0],
            trials,
            correct[:, 1:],
            trials[:, None].copy(),
        )

    def _check(self) -> None:
        problems = []
        profiles = (*PROFILES, FOLLOWS, OPPOSES)
        for what, value, known in (
            ("profile", self.profile, profiles),
            ("difficulty", self.difficulty, tuple(DIFFICULTIES)),
        ):
            if value not in known:
                problems.append(
                    Problem(f"{what} is not known.", f"Use one of {', '.join(known)}.", value=value)
                )
        for what in ("chance", "overdispersion", "item_spread", "told"):
            if not 0 <= getattr(self, what) < 1:
                problems.append(
                    Problem(f"{what} is not from 0 to below 1.", value=f"{getattr(self, what)}")
                )
        for what, least in (("n_items", 20), ("n_trials", 1)):
            if getattr(self, what) < least:
                problems.append(
                    Problem(f"{what} is below {least}.", value=str(getattr(self, what)))
                )
        if len(self.abilities) < MIN_MODELS:
            problems.append(Problem(f"there are fewer than {MIN_MODELS} abilities."))
        if problems:
            raise InputError(problems)


def _scattered(mean: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Beta variates with given means and a share of their largest variance."""
    if not share:
        return mean
    scale = 1 / share - 1
    inside = mean.clip(1e-9, 1 - 1e-9)
    return rng.beta(inside * scale, (1 - inside) * scale)


@lru_cache(maxsize=64)
def _of_level(slope: float) -> partial[Floats]:
    """A profile that is straight on the logit scale, with the true score `_LEVEL`."""

    def miss(shift: float) -> float:
        return float(2 * _straight(slope, shift, POINTS) @ WEIGHTS) - _LEVEL

    return partial(_straight, slope, float(optimize.brentq(miss, -10, 10)))


def _straight(slope: float, shift: float, u: Floats) -> Floats:
    f: Floats = special.expit(slope * special.logit(u) + shift)
    return f


def every_attack(profile: str = "steep") -> tuple[Attack, ...]:
    """Every attack of the page, each on one stated assumption of the score.

    Parameters
    ----------
    profile : str
        Transfer profile of all models, where the attack is not on the profile.

    Examples
    --------
    >>> len({attack.name for attack in every_attack()}) == len(every_attack())
    True
    """
    base = Attack(profile=profile)
    one = replace(base, n_trials=1, n_items=588)
    alike = "items have equal slopes"
    return (
        base,
        replace(
            base,
            name="correlated answers",
            breaks="answers to an item are independent draws",
            overdispersion=0.1,
        ),
        replace(
            base,
            name="slightly correlated answers",
            breaks="the same, a little",
            overdispersion=0.03,
        ),
        replace(
            base,
            name="correlated answers, known",
            breaks="the same, much, and the score is told",
            overdispersion=0.1,
            told=0.1,
        ),
        replace(base, name="two answers an item", breaks="hardness is well seen", n_trials=2),
        replace(base, name="unequal items", breaks=alike, discrimination=0.5),
        replace(one, name="one answer, pooled", breaks="own answers show hardness"),
        replace(
            one,
            name="one answer, unequal items",
            breaks=f"pooled hardness: {alike}",
            discrimination=0.5,
        ),
        replace(
            base,
            name="strong models steep",
            breaks="shape does not go with ability",
            profile=FOLLOWS,
        ),
        replace(
            base,
            name="strong models flat",
            breaks="shape does not go with ability",
            profile=OPPOSES,
        ),
        replace(
            base,
            name="easy and hard items only",
            breaks="items of every hardness",
            difficulty="bimodal",
        ),
        replace(base, name="skewed items", breaks="items of every hardness", difficulty="skewed"),
        replace(
            base,
            name="few skewed items and answers",
            breaks="the same, and hardness is well seen",
            difficulty="skewed",
            n_items=250,
            n_trials=4,
        ),
        replace(
            base,
            name="few skewed, correlated, known",
            breaks="the same, and answers are independent draws",
            difficulty="skewed",
            n_items=250,
            n_trials=4,
            overdispersion=0.03,
            told=0.03,
        ),
        replace(
            base,
            name="up to saturated",
            breaks="hard items are left for every model",
            abilities=tuple(np.linspace(-2, 5, 12).round(3).tolist()),
            n_items=250,
        ),
        replace(base, name="chance 0.25", breaks="no lucky guesses", chance=0.25),
        replace(
            base, name="items scatter", breaks="equal hardness, equal transfer", item_spread=0.25
        ),
        replace(
            base,
            name="hard items lose more",
            breaks="hardness for others tells nothing more",
            item_loss=0.3,
        ),
    )


def some_attacks(profile: str = "steep") -> tuple[Attack, ...]:
    """The attacks on which the test within a model is tried.

    Examples
    --------
    >>> set(some_attacks()) < set(every_attack())
    True
    """
    names = {
        *("no attack", "correlated answers", "correlated answers, known"),
        *("one answer, pooled", "strong models steep", "hard items lose more"),
    }
    return tuple(attack for attack in every_attack(profile) if attack.name in names)


def run_attacks(
    chosen: Sequence[Attack] | Attack,
    *,
    replications: int = 8,
    seed: int = 0,
    plugin: bool = False,
    slug: str = "attacks",
    what: str = "Attacks on simulated models",
    rules: Thresholds = BOOK,
) -> NullRuns:
    """Simulate attacks and score the answers.

    Parameters
    ----------
    chosen : Attack or sequence of Attack
        What to run, such as `every_attack()`.
    replications, seed : int
        How often each, and the seed.
    plugin : bool
        Whether to give the plug-in score, too, where there are several answers an item.
    slug, what : str
        For the name of the chart, and what is simulated, in words.
    rules : Thresholds
        On which the verdicts turn.

    Returns
    -------
    NullRuns
        HAT with the uniform reference, and the traditional metrics.

    Raises
    ------
    InputError
        Listing every name that is not known and every number that is out of its range.

    Examples
    --------
    >>> runs = run_attacks(Attack("hard items lose more", item_loss=0.3), replications=4)
    >>> runs.attacks()["verdict"].tolist()
    ['dependent']
    """
    every = [chosen] if isinstance(chosen, Attack) else list(chosen)
    if replications < 1:
        raise InputError(Problem("replications is below 1.", "Use 8.", value=str(replications)))
    tasks = [(attack, replication) for attack in every for replication in range(replications)]
    frames = [_one_run(attack, replication, seed, plugin) for attack, replication in tasks]
    frame = pd.concat(frames, ignore_index=True)
    about = {attack.name: attack.breaks for attack in every}
    return NullRuns(frame, slug, what, about, rules)


def _one_run(attack: Attack, replication: int, seed: int, plugin: bool) -> pd.DataFrame:
    """Scores and metrics of one simulation, one row a measure × model."""
    counts = attack.answers(np.random.default_rng([resample.checked_seed(seed), replication]))
    options: dict[str, Any] = {"reference": "uniform", "draws": 0}
    several = attack.n_trials > 1
    b = score_counts(counts, correlation=attack.told if several else 0, **options)
    values = {HAT: b.hat[:, 0]}
    if plugin and several:
        values[PLUGIN] = score_counts(counts, profile="plugin", **options).hat[:, 0]
    values |= {title: b.metrics[name][:, 0] for name, title in _TRADITIONAL.items()}
    n = len(values)
    return pd.DataFrame(
        {
            "design": attack.name,
            "measure": np.repeat(list(values), len(b.models)),
            "replication": replication,
            "model": np.tile(np.arange(len(b.models)), n),
            "source_accuracy": np.tile(b.metrics["source_accuracy"][:, 0], n),
            "truth": attack.truth(),
            "score": np.concatenate(list(values.values())),
            "supported": np.tile(b.flags[:, 0] == "", n),
        }
    )


def kept_attacks(rules: Thresholds = BOOK) -> NullRuns:
    """Every attack with many replications, as last run by `benchmarks/independence.py`.

    Parameters
    ----------
    rules : Thresholds
        On which the verdicts turn.

    Returns
    -------
    NullRuns

    Examples
    --------
    >>> bool((kept_attacks().table()["replications"] >= 100).all())
    True
    """
    kept, _ = read_table(data_folder() / RESULTS)
    numbers = kept.columns.difference(["design", "measure"])
    kept[numbers] = kept[numbers].apply(pd.to_numeric, errors="coerce")
    about = {attack.name: attack.breaks for attack in every_attack()}
    what = "Attacks on simulated models"
    return NullRuns(pd.DataFrame(), "attacks-kept", what, about, rules, kept)


def conclusion(across: AcrossModels, within: WithinModels, null: NullRuns, broken: NullRuns) -> str:
    """The answer of all tests together, in sentences made from the verdicts.

    Parameters
    ----------
    across, within : AcrossModels, WithinModels
        Tests on real models.
    null, broken : NullRuns
        Simulated models that transfer alike, as the score assumes, and under attack.
    """
    found = null.table()
    words = set(found.loc[found["measure"] == HAT, "verdict"])
    held = (
        "it holds under the assumptions of the score"
        if words == {INDEPENDENT}
        else "it fails even under the assumptions of the score"
        if DEPENDENT in words
        else "cannot tell even under the assumptions of the score"
    )
    attacked = broken.attacks()
    attacked = attacked[attacked["design"] != Attack.name]
    won = [markdown_text(d) for d in attacked.loc[attacked["verdict"] == DEPENDENT, "design"]]
    count = f"{len(won)} of {counted(len(attacked), 'attack')} on simulated models break it"
    text = headline("Independence of source accuracy", f"{held}; {count}")
    for what, tested in (("across", across.sets), ("within", within.sets)):
        rows = tested[tested["measure"] == HAT]
        say = verdicts_in(rows, "set") if len(rows) else "no set can be tested"
        text += f" Real models, {what}: {say}."
    return text + (f"\n\nIt breaks under: {'; '.join(won)}." if won else "")


def kept_study() -> pd.DataFrame:
    """What the kept estimator study says of dependence, one row an estimator.

    Returns
    -------
    DataFrame
        ``designs`` with the uniform reference; ``median_range`` and ``largest_range`` of the mean
        score over models that transfer alike, and ``largest_in``, the design of the latter;
        ``correlated``, the share of the designs in which 0 is not among the middle 95 % of the
        correlations of error and source accuracy.

    Examples
    --------
    >>> table = kept_study().set_index("estimator")
    >>> bool(table.loc["adaptive", "median_range"] < table.loc["ratio", "median_range"])
    True
    """
    results = study_results()
    rows = []
    for name in ("adaptive", "plugin", *_TRADITIONAL):
        part = results[(results["estimator"] == name) & results["range"].notna()]
        worst = part.nlargest(1, "range").to_dict("records")[0]
        away = (part["correlation_low"] > 0) | (part["correlation_high"] < 0)
        rows.append(
            {
                "estimator": name,
                "designs": len(part),
                "median_range": float(part["range"].median()),
                "largest_range": float(worst["range"]),
                "largest_in": f"{worst['axis']}, {worst['value']}, {worst['profiles']}",
                "correlated": float(away.mean()),
            }
        )
    return pd.DataFrame(rows)


def within_simulated(
    chosen: Sequence[Attack] | Attack,
    *,
    profile: str = "adaptive",
    split: str = "others",
    draws: int = 200,
    seed: int = 0,
    rules: Thresholds = BOOK,
) -> WithinModels:
    """The test of `within_models` on simulated answers, one set an attack.

    Parameters
    ----------
    chosen : Attack or sequence of Attack
        What to simulate, once each.
    profile, split, draws, seed, rules
        As in `within_models`; the seed is also that of the simulation.

    Returns
    -------
    WithinModels

    Examples
    --------
    >>> found = within_simulated(Attack(), draws=100)
    >>> found.sets.set_index("measure")["verdict"].loc[["HAT score", "Ratio"]].tolist()
    ['independent', 'dependent']
    """
    tested = {}
    for attack in [chosen] if isinstance(chosen, Attack) else chosen:
        counts = attack.answers(np.random.default_rng([resample.checked_seed(seed), 0]))
        method = "self" if attack.n_trials > 1 else "pooled"
        tested[attack.name] = (attack.name, counts, method, attack.told)
    names = [name for _, counts, _, _ in tested.values() for name in counts.models]
    display = pd.Series(names, index=names).groupby(level=0).first()
    return compare_parts(
        tested,
        display,
        {},
        profile=profile,
        split=split,
        draws=draws,
        seed=seed,
        simulated=True,
        rules=rules,
    )
