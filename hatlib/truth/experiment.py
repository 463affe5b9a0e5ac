"""One runner for every question that only known truth can answer.

An experiment is a design (what is simulated, a flaw, what the score is told) and estimators.  It is
run again and again, and judged by what a user would care about: does the score stay the same when
only ability changes, how far is it from the truth, do intervals hold the truth as often as they
say, and where not, is there a flag?  The designs are rows of ``designs.toml``.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from hatlib import resample
from hatlib.data.responses import Responses, load_responses
from hatlib.data.tables import STUDIES, data_folder
from hatlib.errors import InputError, Problem
from hatlib.metric.score import hat_scores
from hatlib.metric.sufficient import MACRO
from hatlib.truth.answers import POINTS, WEIGHTS, Profile, Simulated, simulate_answers
from hatlib.truth.flaws import FLAWS
from hatlib.truth.simulate import PROFILES

Floats = NDArray[np.float64]

FILE = Path(__file__).with_name("designs.toml")

#: How to score, by name.
ESTIMATORS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "plugin": {"profile": "plugin"},
    "quadratic": {"profile": "quadratic"},
    "logit": {"profile": "logit"},
    "direct": {"profile": "direct"},
    "shared": {"profile": "shared"},
    "adaptive": {"profile": "adaptive"},
}

#: Metrics that are not corrected for hardness, for comparison.
TRADITIONAL = ("target_accuracy", "xlt_gap", "ratio", "conditional_transfer")

FEWEST_UNFLAGGED = 0.1
"""A design in which fewer scores are free of flags is called flagged."""

RARITY = "rarity"
"""A profile that is lower for items that are hard for everybody."""

_LEVEL = 0.68  # true score of the profiles whose slope goes with ability


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
        with ability", "flat with ability", "rarity" (items that are hard for all lose more).
    abilities : tuple of float
        One a model, in logits.
    simulate : mapping
        Further arguments of `hatlib.simulate_answers`.
    strata : tuple of mappings
        Domains of items: each with a ``profile``, and an ``ability`` that is added to all.
    flaw, dose : str, float
        A key of `hatlib.truth.flaws.FLAWS`, and how much of it.
    told : mapping
        Arguments of `hatlib.hat_scores`; ``chance`` replaces the chance level, ``strata`` says
        whether the score is told the domains.
    loaded : bool
        Whether the answers go through a file, as a user's do, with nothing told.
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
        """Names of the profiles, as the kept studies write them."""
        return " / ".join(str(p) for p in dict.fromkeys(self.profiles))

    def answers(self, rng: np.random.Generator) -> tuple[Responses, pd.DataFrame]:
        """Simulated answers with the flaw, and the truth: ``model``, ``shape``, ``truth``."""
        simulated = self._simulated(rng)
        macro = simulated.truth[simulated.truth["target"] == MACRO]
        truth = macro[["model", "hat"]].rename(columns={"hat": "truth"}).reset_index(drop=True)
        truth["shape"] = np.arange(len(truth)) % len(self.profiles)
        if RARITY in self.profiles:  # items differ, models do not: what they share is the mean
            truth["truth"] = truth["truth"].mean()
        responses = simulated.responses
        frame = responses.frame
        if self.flaw:
            frame = FLAWS[self.flaw](frame, self.dose, rng)
        if self.loaded:
            return _through_a_file(frame), truth
        benchmarks = responses.benchmarks
        if "chance" in self.told:
            benchmarks = benchmarks.assign(chance_level=self.told["chance"])
        return replace(responses, frame=frame, benchmarks=benchmarks), truth

    def _simulated(self, rng: np.random.Generator) -> Simulated:
        options = {"n_items": 400, "targets": ["de"], **self.simulate}
        abilities = np.asarray(self.abilities)
        if not self.strata:
            profiles = _profiles(self.profiles, self.abilities)
            return simulate_answers(abilities, profiles=profiles, rng=rng, **options)
        options["n_items"] //= len(self.strata)
        parts = [
            simulate_answers(
                abilities + part["ability"],
                profiles=_profiles((part["profile"],), self.abilities),
                rng=rng,
                **options,
            )
            for part in self.strata
        ]
        frames = [
            part.responses.frame.assign(
                item=f"{k}-" + part.responses.frame["item"], stratum=f"domain {k + 1}"
            )
            for k, part in enumerate(parts)
        ]
        frame = pd.concat(frames, ignore_index=True)
        if not self.told.get("strata"):
            frame = frame.drop(columns="stratum")
        truth = parts[0].truth.assign(hat=np.mean([part.truth["hat"] for part in parts], axis=0))
        responses = replace(parts[0].responses, frame=frame)
        return replace(parts[0], responses=responses, truth=truth)


def _through_a_file(frame: pd.DataFrame) -> Responses:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.csv"
        frame.drop(columns=["benchmark", "cluster"]).to_csv(path, index=False)
        return load_responses(path)


def _profiles(specified: Sequence[str | float], abilities: Sequence[float]) -> list[Profile]:
    return [
        _profile(specified[m % len(specified)], float(ability))
        for m, ability in enumerate(abilities)
    ]


@lru_cache(maxsize=256)
def _profile(specified: str | float, ability: float) -> Profile:
    if isinstance(specified, int | float):
        return partial(np.multiply, float(specified))
    if specified == RARITY:
        return partial(_rarity, ability)
    if specified in ("steep with ability", "flat with ability"):
        sign = 1 if specified.startswith("steep") else -1
        slope = float(np.exp(sign * 0.3 * ability))

        def miss(shift: float) -> float:
            return float(2 * _straight(slope, shift, POINTS) @ WEIGHTS) - _LEVEL

        return partial(_straight, slope, float(optimize.brentq(miss, -10, 10)))
    if specified not in PROFILES:
        known = [*PROFILES, RARITY, "steep with ability", "flat with ability", "a number"]
        raise InputError(
            Problem("profile is not known.", f"Use one of {', '.join(known)}.", value=specified)
        )
    return specified


def _straight(slope: float, shift: float, u: Floats) -> Floats:
    """A profile that is straight on the logit scale."""
    f: Floats = special.expit(slope * special.logit(u) + shift)
    return f


def _rarity(ability: float, u: Floats) -> Floats:
    """The steep profile, lowered by how hard an item is for everybody."""
    f: Floats = special.expit((2 + 0.3) * special.logit(u) - 1 - 0.3 * ability)
    return f


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
    return tuple(design for row in rows for design in _read(row))


_FIELDS = ("name", "group", "abilities", "strata", "flaw", "dose", "told", "loaded", "judged")


def _read(row: Mapping[str, Any]) -> list[Design]:
    """One design a list of profiles; ``abilities`` is [lowest, highest, number] or a list."""
    given = dict(row)
    about: Any = {
        k: given.pop(k) for k in ("breaks", "shows", "helps", "unseen", "remark") if k in given
    }
    if "from" in given:
        low, high = given.pop("from")
        given["abilities"] = np.linspace(low, high, given.pop("models")).round(3).tolist()
    each = given.pop("profiles", ["shift"])
    fields: dict[str, Any] = {k: given.pop(k) for k in _FIELDS if k in given}
    for name in ("abilities", "judged", "strata"):
        if name in fields:
            fields[name] = tuple(fields[name])
    return [
        Design(
            profiles=tuple(p) if isinstance(p, list) else (p,),
            simulate=given,
            about=about,
            **fields,
        )
        for p in each
    ]


# Running and judging ----------------------------------------------------------------------------


def run(
    design: Design,
    estimators: Sequence[str] = ("default",),
    *,
    replications: int = 8,
    draws: int = 200,
    with_intervals: Sequence[str] = ("default", "adaptive"),
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate a design again and again, and score it.

    Parameters
    ----------
    design : Design
        What to simulate.
    estimators : sequence of str
        Names in `ESTIMATORS`.
    replications, draws : int
        How often, and redraws of the items for intervals.
    with_intervals : sequence of str
        Estimators whose intervals are judged, too.
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
        found = pd.DataFrame()
        for name in estimators:
            n = draws if name in with_intervals else 0
            found = _scored(design, responses, truth, ESTIMATORS[name], n, replication)
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
    options: Mapping[str, Any],
    draws: int,
    replication: int,
) -> pd.DataFrame:
    told = {k: v for k, v in design.told.items() if k not in ("chance", "strata")}
    base = truth.assign(place=np.arange(len(truth)))
    try:
        scores = hat_scores(responses, draws=draws, rng=replication, **told, **options)
    except InputError as error:
        nothing: Any = {"score": np.nan, "low": np.nan, "high": np.nan, "flag": "refused"}
        return base.assign(
            source_accuracy=np.nan, refused=str(error.problems[0].what), remarks="", **nothing
        )
    columns = ["model", "hat", "low", "high", "flag", "source_accuracy", *TRADITIONAL]
    found = base.merge(scores.macro()[columns], on="model", how="left")
    remarks = "; ".join(sorted({str(note.remark) for b in scores.benchmarks for note in b.notes}))
    return found.rename(columns={"hat": "score"}).assign(refused="", remarks=remarks)


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
        ``flagged``, ``scored`` and ``refused``, shares; ``replications``.
    """
    return pd.DataFrame(
        [
            {"estimator": name, **_judged(part)}
            for name, part in frame.groupby("estimator", sort=False)
        ]
    )


def _judged(part: pd.DataFrame) -> dict[str, Any]:
    known = bool(part["truth"].notna().any())
    part = part.assign(error=part["score"] - part["truth"].fillna(0))
    silent = part[(part["flag"] == "") & part["score"].notna()]
    # A model that mostly has a flag says little without one.
    usual = silent.groupby("model")["replication"].transform("size")
    silent_range, silent_se = _held_out_range(silent[usual >= part["replication"].nunique() / 2])
    slopes = _slopes(part)
    covered, covered_silent = _coverage(part), _coverage(silent)
    n = max(len(slopes), 1)
    means = part.groupby("model")["score"].mean()
    return {
        "truth": float(part["truth"].mean()),
        "lowest": float(means.min()),
        "highest": float(means.max()),
        "range": _range(part),
        "range_without_noise": _held_out_range(part)[0],
        "bias": float(part["error"].mean()) if known else np.nan,
        "rmse": float(np.sqrt((part["error"] ** 2).mean())) if known else np.nan,
        "slope": float(slopes.mean()) if len(slopes) else np.nan,
        "slope_se": float(slopes.std(ddof=1) / np.sqrt(n)) if len(slopes) > 1 else np.nan,
        "coverage": covered[0],
        "coverage_se": covered[1],
        "range_unflagged": silent_range,
        "range_unflagged_se": silent_se,
        "coverage_unflagged": covered_silent[0],
        "coverage_unflagged_se": covered_silent[1],
        "width": float((part["high"] - part["low"]).mean()),
        "flagged": float(((part["flag"] != "") & part["score"].notna()).mean()),
        "scored": float(part["score"].notna().mean()),
        "refused": float((part["refused"] != "").mean()),
        "remarks": "; ".join(sorted(set(part["remarks"]) - {""})),
        "replications": int(part["replication"].nunique()),
    }


def _range(part: pd.DataFrame) -> float:
    """The largest difference of mean errors between two models of one shape."""
    mean = part.groupby(["shape", "model"])["error"].mean().dropna()
    if mean.empty:
        return np.nan
    return float((mean.groupby("shape").max() - mean.groupby("shape").min()).max())


def _held_out_range(part: pd.DataFrame) -> tuple[float, float]:
    """One half of the replications names two models, the other half measures their difference.

    The mean of both ways, for the shape where it is largest, and its standard error.
    """
    best = (np.nan, np.nan)
    for _, shape in part.groupby("shape"):
        errors = [
            shape[shape["replication"] % 2 == k].pivot_table("error", "replication", "model")
            for k in (0, 1)
        ]
        both = errors[0].columns.intersection(errors[1].columns)
        if both.empty:
            continue
        found = []
        for naming, measuring in (errors, errors[::-1]):
            means = naming[both].mean()
            found.append(measuring[means.idxmax()] - measuring[means.idxmin()])
        value = float(np.mean([each.mean() for each in found]))
        if not value <= best[0]:
            se = [each.std() / np.sqrt(max(each.count(), 1)) for each in found]
            best = (value, float(np.hypot(*se) / 2))
    return best


def _slopes(part: pd.DataFrame) -> Floats:
    """Slope of the error for ten points of source accuracy, one a replication."""
    found = []
    for _, one in part.dropna(subset=["error", "source_accuracy"]).groupby("replication"):
        x = one["source_accuracy"] - one["source_accuracy"].mean()
        if len(one) > 2 and (x**2).sum() > 1e-6:
            found.append(0.1 * float((x * one["error"]).sum() / (x**2).sum()))
    return np.array(found)


def _coverage(part: pd.DataFrame) -> tuple[float, float]:
    part = part.dropna(subset=["low", "high", "truth"])
    if part.empty:
        return np.nan, np.nan
    inside = (part["low"] <= part["truth"]) & (part["truth"] <= part["high"])
    each = inside.groupby(part["replication"]).mean()
    se = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else np.nan
    return float(inside.mean()), se


RIGHT, FLAGGED, REFUSED = "right", "flagged", "refused"
SHORT = "near the truth, interval too short"
SAID, LISTED = "said beside the score", "on the checklist"
UNSEEN, SILENT = "invisible in the data", "wrong and silent"


def status(
    row: Mapping[str, Any], design: Design, *, harm: float, coverage: float, listed: str = ""
) -> str:
    """Whether a score is right, or wrong with or without a word.

    Parameters
    ----------
    row : mapping
        A row of `judge`.
    design : Design
        What was simulated; its ``about`` may say that nothing in the data can show it.
    harm : float
        A bias above this, or a range over models that transfer alike clearly (two Monte-Carlo
        standard errors) above it, is wrong.
    coverage : float
        An interval is too short if its coverage is clearly below this.
    listed : str
        What `hatlib.check_sets` objects to, if anything.

    Examples
    --------
    >>> row = {"refused": 0, "scored": 1, "flagged": 0, "range_unflagged": 0.3, "bias": 0,
    ...        "range_unflagged_se": 0.02, "coverage_unflagged": 0.5, "coverage_unflagged_se": 0.02}
    >>> status(row, Design("mine", "own"), harm=0.05, coverage=0.93)
    'wrong and silent'
    """
    if row["refused"] > 0.5:
        return REFUSED
    if row["scored"] - row["flagged"] < FEWEST_UNFLAGGED:
        return FLAGGED
    # Two Monte-Carlo standard errors in favour of the score.
    least_range = row["range_unflagged"] - 2 * np.nan_to_num(row["range_unflagged_se"])
    most_coverage = row["coverage_unflagged"] + 2 * np.nan_to_num(row["coverage_unflagged_se"])
    wrong = least_range > harm or abs(row["bias"]) > harm
    if not wrong and most_coverage >= coverage:
        return RIGHT
    if listed:
        return LISTED
    if design.about.get("remark", "-") in row.get("remarks", ""):
        return SAID
    return UNSEEN if design.about.get("unseen") else SILENT if wrong else SHORT


def kept(study: str) -> pd.DataFrame:
    """A kept study, as ``python benchmarks/study.py --write`` last wrote it.

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
