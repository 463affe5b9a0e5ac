"""One runner for every question that only known truth can answer.

An experiment is a design (what is simulated, a flaw, what the score is told) and estimators.  It is
run again and again, and judged by what a user would care about: does the score stay the same when
only ability changes, how far is it from the truth, do intervals hold the truth as often as they
say, and where not, is there a flag?  The designs are rows of ``designs.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from hatlib import resample
from hatlib.data.responses import Responses
from hatlib.data.tables import STUDIES, data_folder
from hatlib.errors import InputError, Problem
from hatlib.metric.score import hat_scores
from hatlib.metric.sufficient import MACRO
from hatlib.truth.flaws import FLAWS
from hatlib.truth.simulate import Profile, profile_with, simulate_answers

Floats = NDArray[np.float64]

FILE = Path(__file__).with_name("designs.toml")

#: Metrics that are not corrected for hardness, for comparison.
TRADITIONAL = ("target_accuracy", "xlt_gap", "ratio", "conditional_transfer")

RARITY = "rarity"
"""A profile that is lower for items that are hard for everybody."""

JUMP = "jump"
"""A profile that is low for the harder half of hardness, and high for the easier one."""

_LEVEL = 0.68  # true score of the profiles whose slope goes with ability

#: What a row of ``designs.toml`` says to readers.
ABOUT = ("breaks", "shows", "helps", "unseen", "remark")


@dataclass(frozen=True)
class Design:
    """One way to simulate, to spoil, and to score.

    Attributes
    ----------
    name : str
    group : str
        What is varied, or what kind of situation it is.
    profiles : tuple of str or float
        Models take them in turn: a name in `PROFILES`; the height of a linear profile; or "steep
        with ability", "flat with ability", "rarity" (items that are hard for all lose more),
        "jump".
    abilities : tuple of float
        One a model, in logits.
    simulate : mapping
        Further arguments of `hatlib.simulate_answers`.
    strata : tuple of mappings
        Domains of items: each with a ``profile``, and an ``ability`` that is added to all.
    flaw, dose : str, float
        A key of `hatlib.truth.flaws.FLAWS`, and how much of it.
    told : mapping
        Arguments of `hatlib.hat_scores`; ``strata`` says whether the score is told the domains,
        ``chance`` is a chance level that is told, right or wrong.
    loaded : bool
        Whether nothing is told of the chance level, as of a user's file.
    judged : tuple of int
        Models that are judged; by default all.
    about : mapping of str to str
        For readers: what goes wrong, how one would notice, what helps.
    """

    name: str
    group: str
    profiles: tuple[str | float, ...] = ("shift",)
    abilities: tuple[float, ...] = tuple(np.linspace(-2.5, 2.5, 11).round(3).tolist())
    simulate: Mapping[str, Any] = field(default_factory=dict)
    strata: tuple[Mapping[str, Any], ...] = ()
    flaw: str = ""
    dose: float = 0.0
    told: Mapping[str, Any] = field(default_factory=dict)
    loaded: bool = False
    judged: tuple[int, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Names of the profiles, as the stored studies write them."""
        return " / ".join(str(p) for p in dict.fromkeys(self.profiles))

    def answers(self, rng: np.random.Generator) -> tuple[Responses, pd.DataFrame]:
        """Simulated answers with the flaw, and the truth: ``model``, ``shape``, ``truth``."""
        options = {"n_items": 400, "targets": ["de"], **self.simulate}
        # Without strata there is one part: all items.
        parts = self.strata or ({"profile": self.profiles, "ability": 0.0},)
        options["n_items"] //= len(parts)
        made = []
        for part in parts:
            profiles = _profiles(part["profile"], self.abilities)
            able = np.add(self.abilities, part["ability"])
            made.append(simulate_answers(able, profiles=profiles, rng=rng, **options))
        names = [f"domain {k + 1}" for k in range(len(parts))]
        frame = pd.concat(dict(zip(names, (each.responses.frame for each in made), strict=True)))
        frame = frame.reset_index(0, names="stratum").reset_index(drop=True)
        frame["item"] = frame["stratum"] + " " + frame["item"]
        if not self.told.get("strata"):
            frame = frame.drop(columns="stratum")
        macro = made[0].truth["target"] == MACRO
        truth = made[0].truth.loc[macro, ["model"]].reset_index(drop=True)
        truth["truth"] = np.mean([part.truth.loc[macro, "hat"] for part in made], axis=0)
        if RARITY in self.profiles:  # items differ, models do not: what they share is the mean
            truth["truth"] = truth["truth"].mean()
        truth["shape"] = np.arange(len(truth)) % len(self.profiles)
        if self.flaw:
            frame = FLAWS[self.flaw](frame, self.dose, rng)
        benchmarks = made[0].responses.benchmarks
        if "chance" in self.told:
            benchmarks = benchmarks.assign(chance_level=self.told["chance"])
        if self.loaded:
            benchmarks = benchmarks.assign(chance_level=0.0, chance_assumed=True)
        return replace(made[0].responses, frame=frame, benchmarks=benchmarks), truth


def _profiles(
    specified: str | float | Sequence[str | float], abilities: Sequence[float]
) -> list[Profile]:
    """A profile for each model, the specified ones in turn."""
    each = [specified] if isinstance(specified, str | float) else specified
    slopes = {"steep with ability": 0.3, "flat with ability": -0.3}
    made: list[Profile] = []
    for m, ability in enumerate(map(float, abilities)):
        kind = each[m % len(each)]
        if not isinstance(kind, str):
            made.append(partial(np.multiply, float(kind)))
        elif kind in slopes:
            made.append(profile_with(_LEVEL, float(np.exp(slopes[kind] * ability))))
        else:
            own: dict[str, Profile] = {RARITY: partial(_rare, ability), JUMP: _jump}
            made.append(own.get(kind, kind))
    return made


def _jump(u: Floats) -> Floats:
    return np.where(u > 0.5, 0.85, 0.1)


def _rare(ability: float, u: Floats) -> Floats:
    """The steep profile, lowered by how hard an item is for all."""
    return np.asarray(special.expit(2.3 * special.logit(u) - 1 - 0.3 * ability))


# The catalogue ----------------------------------------------------------------------------------


def designs(study: str) -> tuple[Design, ...]:
    """The designs of a study, from ``designs.toml``.

    Parameters
    ----------
    study : str
        "estimators" or "situations".

    Returns
    -------
    tuple of Design

    Examples
    --------
    >>> [design.name for design in designs("situations")][:2]
    ['no flaw', 'one answer logged ten times']
    """
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))[study]
    return tuple(_design(row, each) for row in rows for each in row.get("profiles", ["shift"]))


def _design(row: Mapping[str, Any], profiles: str | float | Sequence[str | float]) -> Design:
    """What is no field of a design, and not said about it, is for the simulation."""
    given = dict(row, profiles=profiles if isinstance(profiles, list) else [profiles])
    if "from" in given:
        low, high = given.pop("from")
        given["abilities"] = np.linspace(low, high, given.pop("models")).round(3).tolist()
    about = {k: given.pop(k) for k in ABOUT if k in given}
    own = {f.name: given.pop(f.name) for f in fields(Design) if f.name in given}
    own = {name: tuple(v) if isinstance(v, list) else v for name, v in own.items()}
    return Design(**own, simulate=given, about=about)


# Running and judging ----------------------------------------------------------------------------


def run(
    design: Design,
    estimators: Sequence[str] = ("default",),
    *,
    replications: int = 8,
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate a design again and again, and score it.

    Parameters
    ----------
    design : Design
        What to simulate.
    estimators : sequence of str
        "default" or ways to estimate the profile, as in `hatlib.hat_scores`.
    replications, draws : int
        How often, and redraws of the items for the intervals of the default and of "adaptive".
    seed : int
        Seed of the simulation.

    Returns
    -------
    DataFrame
        One row a replication × estimator (and traditional metric) × model: ``estimator``,
        ``replication``, ``model``, ``shape`` (number of its profile), ``source_accuracy``,
        ``score``, ``low``, ``high``, ``truth``, ``flag``, ``refused`` (the reason, if the answers
        were not scored), ``remarks`` on all scores.

    Raises
    ------
    InputError
        If there is no replication, or a name is not known.

    Examples
    --------
    >>> frame = run(Design("mine", "own"), ["plugin", "default"], replications=1)
    >>> len(frame) == (2 + len(TRADITIONAL)) * 11
    True
    """
    if replications < 1:
        raise InputError(Problem("replications is below 1.", "Use 8.", value=str(replications)))
    frames = []
    for replication in range(replications):
        rng = np.random.default_rng([resample.checked_seed(seed), replication])
        responses, truth = design.answers(rng)
        for name in estimators:
            found = _scored(design, responses, truth, name, draws, replication)
            frames.append(found.assign(estimator=name, replication=replication))
        for name in TRADITIONAL:
            if name in found:
                plain: Any = {"score": found[name], "low": np.nan, "high": np.nan, "truth": np.nan}
                frames.append(found.assign(**plain, estimator=name, replication=replication))
    frame = pd.concat(frames, ignore_index=True).drop(columns=list(TRADITIONAL), errors="ignore")
    if design.judged:
        frame = frame[frame["place"].isin(design.judged)].reset_index(drop=True)
    return frame


def _scored(
    design: Design,
    responses: Responses,
    truth: pd.DataFrame,
    estimator: str,
    draws: int,
    replication: int,
) -> pd.DataFrame:
    told = {k: v for k, v in design.told.items() if k not in ("strata", "chance")}
    if estimator != "default":
        told["profile"] = estimator
    draws = draws if estimator in ("default", "adaptive") else 0
    found = truth.assign(place=np.arange(len(truth)), refused="", remarks="")
    try:
        scores = hat_scores(responses, draws=draws, rng=replication, **told)
    except InputError as error:
        found = found.assign(flag="refused", refused=error.problems[0].what)
        return found.reindex(columns=[*found, "score", "low", "high", "source_accuracy"])
    remarks = {str(n.remark) for b in scores.benchmarks for n in b.notes}
    found["remarks"] = "; ".join(sorted(remarks))
    columns = ["model", "hat", "low", "high", "flag", "source_accuracy", *TRADITIONAL]
    found = found.merge(scores.macro()[columns], on="model", how="left")
    return found.rename(columns={"hat": "score"})


def judge(frame: pd.DataFrame) -> pd.DataFrame:
    """Boil the replications of one design down to one row an estimator.

    Parameters
    ----------
    frame : DataFrame
        From `run`.

    Returns
    -------
    DataFrame
        ``truth`` (mean); ``lowest`` and ``highest`` mean score of a model; ``range`` of the mean
        error over models of one shape (0 if the score does not depend on ability), and
        ``range_without_noise``, the same between models that the other half of the replications
        names; ``bias``; ``rmse``; ``slope`` of the error for ten points of source
        accuracy, with ``slope_se``; ``coverage`` of the intervals with ``coverage_se``
        (Monte-Carlo error, models of one replication counted as one); the same of scores without
        a flag: ``range_unflagged``, ``coverage_unflagged``, each with ``_se``; ``width``;
        ``flagged``, ``scored`` and ``refused``, shares; ``remarks`` of at least half of the
        replications; ``replications``.
    """
    each = frame.groupby("estimator", sort=False)
    return pd.DataFrame([{"estimator": name, **_judged(part)} for name, part in each])


def _judged(part: pd.DataFrame) -> dict[str, Any]:
    part = part.assign(error=part["score"] - part["truth"].fillna(0))
    # There is no error where there is no truth, as of traditional metrics.
    error = part["error"].where(part["truth"].notna())
    silent = part[(part["flag"] == "") & part["score"].notna()]
    # A model that mostly has a flag says little without one.
    usual = silent.groupby("model")["replication"].transform("size")
    silent_range, silent_se = _held_out_range(silent[usual >= part["replication"].nunique() / 2])
    slopes = _slopes(part)
    covered, covered_silent = _coverage(part), _coverage(silent)
    means = part.groupby("model")["score"].mean()
    of_shape = part.groupby(["shape", "model"])["error"].mean().groupby("shape")
    usual = part["remarks"].str.split("; ").explode().value_counts().drop("", errors="ignore")
    return {
        "truth": part["truth"].mean(),
        "lowest": means.min(),
        "highest": means.max(),
        "range": (of_shape.max() - of_shape.min()).max(),  # between two models of one shape
        "range_without_noise": _held_out_range(part)[0],
        "bias": error.mean(),
        "rmse": np.sqrt((error**2).mean()),
        "slope": slopes.mean(),
        "slope_se": slopes.sem(),
        "coverage": covered[0],
        "coverage_se": covered[1],
        "range_unflagged": silent_range,
        "range_unflagged_se": silent_se,
        "coverage_unflagged": covered_silent[0],
        "coverage_unflagged_se": covered_silent[1],
        "width": (part["high"] - part["low"]).mean(),
        "flagged": ((part["flag"] != "") & part["score"].notna()).mean(),
        "scored": part["score"].notna().mean(),
        "refused": (part["refused"] != "").mean(),
        "remarks": "; ".join(sorted(usual.index[usual >= len(part) / 2])),
        "replications": part["replication"].nunique(),
    }


def _held_out_range(part: pd.DataFrame) -> tuple[float, float]:
    """One half of the replications names two models, the other half measures their difference.

    The mean of both ways, for the shape where it is largest, and its standard error.
    """
    found = [(np.nan, np.nan)]
    for _, shape in part.groupby("shape"):
        half = shape["replication"] % 2
        halves = (shape[half == k] for k in (0, 1))
        first, second = (each.pivot_table("error", "replication", "model") for each in halves)
        both = first.columns.intersection(second.columns)
        if len(both):
            gaps: list[Any] = [
                measuring[naming[both].mean().idxmax()] - measuring[naming[both].mean().idxmin()]
                for naming, measuring in ((first, second), (second, first))
            ]
            se = np.hypot(*(gap.sem() for gap in gaps)) / 2
            found.append((float(np.mean([gap.mean() for gap in gaps])), float(se)))
    return max(found, key=lambda pair: np.nan_to_num(pair[0], nan=-np.inf))


def _slopes(part: pd.DataFrame) -> pd.Series:
    """Slope of the error for ten points of source accuracy, one a replication."""
    part = part.dropna(subset=["error", "source_accuracy"])
    x = part["source_accuracy"]
    x = x - x.groupby(part["replication"]).transform("mean")
    sums = pd.DataFrame({"xy": x * part["error"], "xx": x**2, "n": 1})
    sums = sums.groupby(part["replication"]).sum().query("n > 2 and xx > 1e-6")
    return 0.1 * sums["xy"] / sums["xx"]


def _coverage(part: pd.DataFrame) -> tuple[float, float]:
    part = part.dropna(subset=["low", "high", "truth"])
    inside = part["truth"].between(part["low"], part["high"]).astype(float)
    each: Any = inside.groupby(part["replication"]).mean()
    return float(inside.mean()), float(each.sem())


#: What the kept study of situations says of a score.
RIGHT, FLAGGED, REFUSED = "right", "flagged", "refused"
SHORT = "near the truth, interval too short"
SAID, LISTED = "said beside the score", "on the checklist"
UNSEEN, SILENT = "invisible in the data", "wrong and silent"


def kept(study: str) -> pd.DataFrame:
    """A stored study, as ``python benchmarks/study.py --write`` last wrote it.

    Parameters
    ----------
    study : str
        "estimators", "power" or "situations".

    Examples
    --------
    >>> bool({"default", "plugin"} <= set(kept("estimators")["estimator"]))
    True
    """
    return pd.read_csv(data_folder() / STUDIES[f"study-{study}"])
