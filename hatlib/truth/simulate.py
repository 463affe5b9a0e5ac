"""Worlds of known truth: models whose transfer profiles we set ourselves answer item by item.

A model answers item *i* in the source language with probability ``p = c + (1 - c) · u``, where
``u = sigmoid(ability - b_i)``, ``b_i`` is the difficulty of the item and ``c`` the chance level.
In a target language it answers with probability ``q = c + (1 - c) · f(u)`` on average, where ``f``
is the transfer profile of the model for that language.  Names are invented.
"""

from __future__ import annotations

import gzip
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

from hatlib import resample
from hatlib.data.about import book, describe_benchmarks, describe_languages, describe_models
from hatlib.data.languages import NOT_A_CODE, is_language
from hatlib.data.loading import LoadReport
from hatlib.data.responses import BY_ITEM, COLUMNS, Responses
from hatlib.data.writing import check_free, replacing, sole_writer
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.sufficient import MACRO
from hatlib.words import counted

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]

#: A transfer profile by name, or as a function of source accuracy above chance (0 to 1).
Profile = str | Curve

#: Transfer profiles on the scale of h, the source accuracy of an item above chance (0 to 1).
PROFILES: dict[str, Curve] = {
    "linear": lambda h: 0.7 * h,
    "shift": lambda h: special.expit(special.logit(h) - 1),
    "strong shift": lambda h: special.expit(special.logit(h) - 3),
    "square": lambda h: h**2,
    "steep": lambda h: special.expit(2 * special.logit(h) - 1),
    "flat": lambda h: special.expit(0.5 * special.logit(h) - 1),
}

#: Distributions of item difficulty, as quantile functions with mean near 0 and spread near 1.5.
DIFFICULTIES: dict[str, Curve] = {
    "normal": lambda u: 1.5 * stats.norm.ppf(u),
    "uniform": lambda u: 5.2 * (u - 0.5),
    "skewed": lambda u: 1.5 * (stats.expon.ppf(u) - 1),
    "bimodal": lambda u: np.where(u < 0.5, -1.4, 1.4) + 0.5 * stats.norm.ppf((2 * u) % 1),
}

_FACTS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

#: Source accuracy above chance at which `Simulated.curves` is given.
GRID: Floats = np.linspace(0, 1, 101)

# Points and weights of the mean over source accuracies that are all equally frequent. Equal steps
# of an angle, as profiles can be steep at both ends.
_ANGLE = (np.arange(1000) + 0.5) * np.pi / 2000
POINTS: Floats = np.sin(_ANGLE) ** 2
WEIGHTS: Floats = np.sin(2 * _ANGLE) / np.sin(2 * _ANGLE).sum()


def true_transfer(profile: Profile) -> float:
    """Transfer that a profile stands for: 1 if perfect, 0 if none.

    The mean of the profile over hardnesses that are all equally frequent, times two, since the
    mean of perfect transfer is one half.  Chance cancels, as profiles are stated above chance.

    Examples
    --------
    >>> round(true_transfer("square"), 3)
    0.667
    """
    return float(2 * _curve(profile)(POINTS) @ WEIGHTS)


def _curve(profile: Profile) -> Curve:
    return PROFILES[profile] if isinstance(profile, str) else profile


@lru_cache(maxsize=1024)
def profile_with(
    transfer: float, slope: float = 1.0, shifts: tuple[float, ...] = (0.0,)
) -> partial[Floats]:
    """A transfer profile with a given true score, a straight line on the logit scale.

    Parameters
    ----------
    transfer : float
        The true score, above 0 and below 1.
    slope : float
        Slope of the profile on the logit scale.
    shifts : tuple of float
        Logits by which languages move it; the score is the mean over them.

    Returns
    -------
    callable
        From source to target accuracy, both above chance.

    Examples
    --------
    >>> round(true_transfer(profile_with(0.7)), 6)
    0.7
    """

    def excess(level: float) -> float:
        each = _straight(slope, level + np.array(shifts)[:, None], POINTS)
        return float(2 * each.mean(axis=0) @ WEIGHTS) - transfer

    return partial(_straight, slope, float(optimize.brentq(excess, -15, 15)))


def _straight(slope: float, level: float | Floats, h: Floats) -> Floats:
    return np.asarray(special.expit(slope * special.logit(h) + level))


def invented_names(n: int) -> list[str]:
    """Names for simulated models, which no real model has.

    Examples
    --------
    >>> invented_names(2)
    ['Alder', 'Aspen']
    """
    trees = _FACTS["trees"].split()
    rounds = [divmod(k, len(trees)) for k in range(n)]
    return [trees[place] + (f" {k + 1}" if k else "") for k, place in rounds]


@dataclass(frozen=True)
class Simulated:
    """Simulated answers, and the transfer that is behind them.

    Attributes
    ----------
    responses : Responses
        The answers, item by item.
    models : DataFrame
        One row a model: ``model`` (invented), what else is known of it, and its ``ability`` on
        each benchmark (logits).
    truth : DataFrame
        One row a benchmark × model × target (``macro``, or a language code): ``hat``, the mean of
        the transfer profile over source accuracies that are all equally frequent, above chance
        and times two, so that perfect transfer is 1 and none is 0.
    curves : ndarray of shape (rows of truth, 101)
        The transfer profile of each row of `truth`, above chance, at `GRID`.
    """

    responses: Responses
    models: pd.DataFrame
    truth: pd.DataFrame
    curves: Floats

    def profiles(self) -> pd.DataFrame:
        """The transfer profiles that were built in, chance included.

        Returns
        -------
        DataFrame
            One row a benchmark × model × target × point: ``source_probability``,
            ``expected_target``.
        """
        keys = self.truth[["benchmark", "model", "target"]]
        frame = keys.loc[keys.index.repeat(len(GRID))].reset_index(drop=True)
        c = frame["benchmark"].map(_chance_levels(self.responses))
        frame["source_probability"] = c + (1 - c) * np.tile(GRID, len(keys))
        frame["expected_target"] = c + (1 - c) * self.curves.ravel()
        return frame

    def write(
        self,
        folder: str | Path,
        *,
        file_format: Literal["csv", "parquet"] = "csv",
        force: bool = False,
    ) -> tuple[Path, ...]:
        """Write the answers, the models, the benchmarks and the truth.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        file_format : {"csv", "parquet"}
            Of the answers: ``responses.csv.gz`` or ``responses.parquet``. The other files are
            ``models.csv``, ``benchmarks.csv`` and ``truth.csv``.
        force : bool
            Overwrite files.

        Returns
        -------
        tuple of Path
            The files, answers first.

        Raises
        ------
        InputError
            If a file exists and is not to be overwritten, or the format is not known.
        """
        name = {"csv": "responses.csv.gz", "parquet": "responses.parquet"}.get(file_format)
        if name is None:
            raise InputError(Problem("file_format is not known.", "Use csv or parquet."))
        frame = self.responses.frame
        unused = [c for c in ("prompting", "cluster") if (frame[c] == "").all()]
        # With the chance level beside the answers, an analysis needs no other file.
        chance = frame["benchmark"].map(_chance_levels(self.responses))
        answers = frame.drop(columns=unused).assign(chance_level=chance)
        names = (name, "models.csv", "benchmarks.csv", "truth.csv")
        tables = (answers, self.models, self.responses.benchmarks, self.truth)
        paths = tuple(Path(folder) / name for name in names)
        check_free(paths, force)
        with sole_writer(Path(folder)):
            for path, table in zip(paths, tables, strict=True):
                with replacing(path, force=force) as beside:
                    if path.suffix == ".parquet":
                        table.to_parquet(beside, index=False)
                        continue
                    text = table.to_csv(index=False).encode()
                    # Without the time of day the same seed gives the same bytes.
                    packed = gzip.compress(text, mtime=0) if path.suffix == ".gz" else text
                    beside.write_bytes(packed)
        return paths


def _chance_levels(responses: Responses) -> pd.Series:
    return responses.benchmarks.set_index("benchmark")["chance_level"]


def simulate_answers(
    abilities: Sequence[float] | Floats | None = None,
    *,
    profiles: Profile | Sequence[Profile] = "shift",
    n_items: int = 250,
    n_trials: int = 10,
    targets: Sequence[str] = ("de", "sw"),
    target_shift: float | Sequence[float] = 0.0,
    chance: float = 0.0,
    difficulty: str | Callable[[Floats], Floats] = "normal",
    item_spread: float = 0.0,
    overdispersion: float = 0.0,
    interaction: float = 0.0,
    promptings: int = 0,
    prompting_sd: float = 0.0,
    greedy: bool = False,
    favourite: float = 0.0,
    source_language: str = "en",
    models: pd.DataFrame | None = None,
    benchmark: str = "sim",
    rng: np.random.Generator | int = 0,
) -> Simulated:
    """Simulate answers to the items of one benchmark in a source and in target languages.

    Parameters
    ----------
    abilities : sequence of float, optional
        One a model, in logits; 8 equal steps from -1.5 to 2.5 if not given.
    profiles : str, callable, or a sequence of these
        Transfer profile of all models, or one a model: a name of `PROFILES`, or a
        function of source accuracy above chance, from 0 to 1, to target accuracy above chance.
    n_items : int
        Number of items.
    n_trials : int
        Answers an item in each language.
    targets : sequence of str
        Codes of the target languages. If `source_language` is ``item``: all languages.
    target_shift : float or sequence of float
        Added to the logit of the profile in each target language; below 0 it loses more.
    chance : float
        Chance level, 0 to below 1.
    difficulty : str or callable
        Distribution of item difficulty: a name of `DIFFICULTIES`, or a quantile
        function.
    item_spread : float
        How far the items of one hardness scatter around the profile, 0 to below 1: target
        accuracies above chance follow a beta distribution with the profile ``f`` as its mean and
        the variance ``item_spread · f · (1 - f)``, each model, language and item apart.
    overdispersion : float
        Correlation of the answers to one item by one model in one language, 0 to below 1, as if
        each prompting had its own level: the counts are beta-binomial. With `promptings` the
        correlation is that of the answers to one of them.
    interaction : float
        Standard deviation, in logits, of an item's difficulty over models: what is hard for one
        need not be hard for another.
    promptings : int
        Promptings of every item, the same in all languages, each answered `n_trials` times; 0 if
        they are not told apart.
    prompting_sd : float
        Standard deviation, in logits, of what a prompting adds to the ability of a model on an
        item. Hardness and truth are means over promptings.
    greedy : bool
        Whether the luck of an answer is the same in all languages, as at temperature 0.
    favourite : float
        Share of the guesses that go to one favourite letter, another in each language; needs a
        chance level of 1 / number of letters.
    source_language : str
        Language that transfer starts from, or ``item``: each item starts from one of the
        `targets`, all equally often, and is asked in the others.
    models : DataFrame, optional
        One row a model, in the order of `abilities`, with any columns of the models table. Without
        a column ``model``, the names are invented.
    benchmark : str
        Name of the benchmark.
    rng : numpy.random.Generator or int
        Random numbers.

    Returns
    -------
    Simulated

    Raises
    ------
    InputError
        Listing every name that is not known and every number that is out of its range.

    Examples
    --------
    >>> simulated = simulate_answers([-1, 1], profiles="linear", n_items=50, targets=["de"])
    >>> simulated.truth["hat"].round(3).tolist()
    [0.7, 0.7, 0.7, 0.7]
    >>> simulated.responses.counts("sim").source_trials.shape
    (2, 50)
    """
    given = dict(locals())
    theta = np.linspace(-1.5, 2.5, 8) if abilities is None else np.asarray(abilities, float).ravel()
    codes = [targets] if isinstance(targets, str) else [str(code) for code in targets]
    if isinstance(profiles, str) or callable(profiles):
        profiles = [profiles] * len(theta)
    shift = np.asarray(target_shift, float)
    shift = np.full(len(codes), shift) if shift.ndim == 0 else shift
    problems = _problems(given, theta, codes, profiles, shift)
    if problems:
        raise InputError(problems)

    generator = resample.generator(rng)
    curves = [_curve(profile) for profile in profiles]
    quantiles = difficulty if callable(difficulty) else DIFFICULTIES[difficulty]
    logit = theta[:, None] - np.asarray(quantiles(generator.uniform(size=n_items)), float)
    if interaction:
        logit = logit - interaction * generator.normal(size=logit.shape)
    # The source language of an item, by its place in the list of languages.
    by_item = source_language == BY_ITEM
    languages = codes if by_item else [source_language, *codes]
    origin = generator.permutation(np.arange(n_items) % (len(languages) if by_item else 1))
    # From here on an item stands as often as it is prompted.
    n_asked = max(promptings, 1)
    logit, origin = np.repeat(logit, n_asked, axis=1), np.repeat(origin, n_asked)
    is_source = np.arange(len(languages))[:, None] == origin
    effect = prompting_sd * generator.normal(size=logit.shape) if prompting_sd else 0.0
    u = special.expit(logit + effect)[:, None]
    target = _transferred(curves, u, shift if by_item else np.array([0.0, *shift]))
    target = _scattered(target, item_spread, generator)
    guess = _guess(chance, favourite, (len(languages), n_items), generator)
    guess = guess.repeat(n_asked, axis=-1)
    rate = guess + (1 - guess) * np.where(is_source, u, target)
    rate = _scattered(rate, overdispersion, generator)
    if greedy:
        luck = generator.random((len(theta), 1, rate.shape[-1], n_trials))
        correct = (luck < rate[..., None]).sum(axis=-1)
    else:
        correct = generator.binomial(n_trials, rate)

    names = pd.DataFrame({"model": invented_names(len(theta))})
    models = names if models is None else models.reset_index(drop=True)
    if "model" not in models:
        models = names.join(models)
    models = models[["model", *models.columns.drop("model")]].astype({"model": str})
    about = describe_benchmarks(pd.DataFrame({"benchmark": [benchmark]}), source_language, chance)
    seen = [_over_promptings(curve, prompting_sd) for curve in curves]
    known, drawn = (
        np.concatenate([f.mean(axis=1, keepdims=True), f], axis=1)
        for f in (_transferred(seen, points[None], shift) for points in (POINTS, GRID))
    )
    truth = _product(benchmark=[benchmark], model=models["model"], target=[MACRO, *codes])
    return Simulated(
        responses=_responses(about, models, languages, promptings, correct, n_trials, origin),
        models=models.assign(**{f"ability_{benchmark}": theta}),
        truth=truth.assign(hat=2 * (known @ WEIGHTS).ravel()),
        curves=drawn.reshape(-1, len(GRID)),
    )


def together(parts: Sequence[Simulated]) -> Simulated:
    """Several benchmarks that the same models answered, as one.

    Parameters
    ----------
    parts : sequence of Simulated
        Each on a benchmark of its own, with the same models.

    Returns
    -------
    Simulated

    Examples
    --------
    >>> parts = [simulate_answers([0, 1], benchmark=name) for name in ("a", "b")]
    >>> together(parts).truth["benchmark"].unique().tolist()
    ['a', 'b']
    """
    first, *others = parts
    frame = pd.concat([part.responses.frame for part in parts], ignore_index=True)
    benchmarks = pd.concat([part.responses.benchmarks for part in parts], ignore_index=True)
    return Simulated(
        responses=replace(
            first.responses,
            frame=frame,
            benchmarks=benchmarks,
            languages=describe_languages(sorted(frame["language"].unique())),
        ),
        models=first.models.join([part.models.filter(like="ability_") for part in others]),
        truth=pd.concat([part.truth for part in parts], ignore_index=True),
        curves=np.concatenate([part.curves for part in parts]),
    )


# The model of an answer ---------------------------------------------------------------------


def _transferred(profiles: Sequence[Curve], u: Floats, shifts: Floats) -> Floats:
    """Target accuracy above chance: models × languages × the last axis of `u`."""
    each = np.broadcast_to(u, (len(profiles), *u.shape[-2:]))
    f = np.stack([profile(rows) for profile, rows in zip(profiles, each, strict=True)])
    f = np.broadcast_to(f, (len(profiles), len(shifts), u.shape[-1]))
    if not shifts.any():
        return f
    moved = special.expit(special.logit(f) + shifts[:, None])
    return np.where(shifts[:, None] == 0, f, moved)  # the others stay exactly what they are


def _scattered(mean: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Beta variates with given means, and a share of the largest variance that each can have."""
    if share == 0:
        return mean
    precision = 1 / share - 1
    inside = np.clip(mean, 1e-9, 1 - 1e-9)  # a beta distribution has no mean of exactly 0 or 1
    return rng.beta(inside * precision, (1 - inside) * precision)


def _over_promptings(profile: Curve, sd: float) -> Curve:
    """The profile between means over promptings, on a fine grid of ability minus difficulty."""
    if not sd:
        return profile
    at, weights = np.polynomial.hermite_e.hermegauss(31)
    u = special.expit(np.linspace(-40, 40, 4001)[:, None] + sd * at)
    means = [values @ weights / weights.sum() for values in (u, profile(u))]
    return lambda h: np.interp(h, *means)


def _guess(
    chance: float, favourite: float, shape: tuple[int, int], rng: np.random.Generator
) -> Floats:
    """Probability of a lucky guess, languages × items."""
    if not favourite:
        return np.full(shape, chance)
    letters = round(1 / chance)
    is_key = rng.integers(letters, size=shape[1]) == np.arange(shape[0])[:, None] % letters
    return (1 - favourite) * chance + favourite * is_key


# Tables -------------------------------------------------------------------------------------


def _product(**levels: Iterable[str]) -> pd.DataFrame:
    """Every combination, the last column changing fastest."""
    index = pd.MultiIndex.from_product([list(each) for each in levels.values()], names=list(levels))
    return index.to_frame(index=False)


def _responses(
    about: pd.DataFrame,
    models: pd.DataFrame,
    languages: Sequence[str],
    promptings: int,
    correct: NDArray[np.int64],
    n_trials: int,
    origin: NDArray[np.int64],
) -> Responses:
    """Answers with what describes them, as a load would give."""
    n_items = correct.shape[-1] // max(promptings, 1)
    rows = _product(
        benchmark=about["benchmark"],
        model=models["model"],
        language=languages,
        item=[f"{i:0{len(str(n_items - 1))}d}" for i in range(n_items)],
        prompting=[f"prompting {j + 1}" for j in range(promptings)] or [""],
    )
    starts = np.tile(origin, len(models) * len(languages))
    frame = rows.assign(
        n_correct=correct.ravel(),
        n_trials=n_trials,
        source_language=pd.array(languages, "str").take(starts),
        cluster="",
    )
    return Responses(
        frame=frame[list(COLUMNS)],
        benchmarks=about.assign(n_items=pd.array([n_items], "Int64"), chance_assumed=False),
        models=describe_models(models[["model"]], models),
        languages=describe_languages(sorted(languages)),
        report=LoadReport(("Simulated answers; no model is real.",)),
    )


# What can be wrong --------------------------------------------------------------------------


def _problems(
    given: Mapping[str, Any],
    theta: Floats,
    codes: Sequence[str],
    profiles: Sequence[Profile],
    shift: Floats,
) -> list[Problem]:
    """Everything that is wrong with the arguments of `simulate_answers`."""
    odd = [
        Problem(f"{name} {each['said']}", value=str(given[name]))
        for each in _FACTS["ranges"]
        for name in each["names"]
        if not each["least"] <= given[name] < each["below"]
    ]
    n, source, difficulty = len(theta), given["source_language"], given["difficulty"]
    table = pd.DataFrame(index=range(n)) if given["models"] is None else given["models"]
    names = table["model"].astype(str).tolist() if "model" in table else []
    real = pd.concat([book().models[column] for column in ("model", "display_name")])
    real_names = set(real.str.casefold()) if names else set()
    least = 2 if source == BY_ITEM else 1
    wrong: dict[str, Any] = {
        "abilities": not n or not np.isfinite(theta).all(),
        "spread": given["promptings"] and given["item_spread"],
        "favourite": given["favourite"] and not given["chance"],
        "profile": [p for p in profiles if not callable(p) and p not in PROFILES],
        "difficulty": not callable(difficulty) and difficulty not in DIFFICULTIES,
        "no_share": any(
            np.shape(f) != GRID.shape or not np.all((f >= 0) & (f <= 1))
            for f in (p(GRID) for p in profiles if callable(p))
        ),
        "n_profiles": len(profiles) != n,
        "language": [c for c in [*codes, source] if c != BY_ITEM and not is_language(c)],
        "twice": [code for code in codes if codes.count(code) > 1],
        "source": source in codes,
        "few": len(codes) < least,
        "shift": len(shift) != len(codes) or not np.isfinite(shift).all(),
        "n_rows": len(table) != n,
        "same_model": [name for name in names if names.count(name) > 1],
        "real": [name for name in names if name.casefold() in real_names],
        "benchmark": not given["benchmark"],
    }
    told = {
        "n": n, "n_profiles": len(profiles), "n_languages": counted(len(codes), "language"),
        "n_rows": len(table), "least": least, "not_a_code": NOT_A_CODE,
        "profile_names": ", ".join(PROFILES), "difficulty_names": ", ".join(DIFFICULTIES),
    }  # fmt: skip
    for key, found in wrong.items():
        if found:
            what, remedy = (text.format(**told) for text in _FACTS["refused"][key])
            value = listing(dict.fromkeys(found)) if isinstance(found, list) else ""
            odd.append(Problem(what, remedy, value=value))
    return odd
