"""Item-level answers of known truth: models whose transfer profiles we set ourselves.

A model answers item *i* in the source language with probability ``p = c + (1 - c) · u``, where
``u = sigmoid(ability - b_i)``, ``b_i`` is the difficulty of the item and ``c`` the chance level.
In a target language it answers with probability ``q = c + (1 - c) · f(u)`` on average, where ``f``
is the transfer profile of the model for that language.  Names are invented.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from hatlib import resample
from hatlib.data.languages import NOT_A_CODE, is_language
from hatlib.data.responses import BY_ITEM, Responses
from hatlib.data.tables import (
    LoadReport,
    book,
    describe_benchmarks,
    describe_languages,
    describe_models,
)
from hatlib.data.writing import check_free, replacing, sole_writer
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.sufficient import MACRO
from hatlib.truth.simulate import DIFFICULTIES, PROFILES, invented_names
from hatlib.words import counted

Floats = NDArray[np.float64]

#: A transfer profile by name, or as a function of source accuracy above chance (0 to 1).
Profile = str | Callable[[Floats], Floats]

#: Source accuracy above chance at which `Simulated.curves` is given.
GRID: Floats = np.linspace(0, 1, 101)

# Points and weights of the mean over source accuracies that are all equally frequent. Equal steps
# of an angle, as profiles can be steep at both ends.
_ANGLE = (np.arange(1000) + 0.5) * np.pi / 2000
POINTS: Floats = np.sin(_ANGLE) ** 2
WEIGHTS: Floats = np.sin(2 * _ANGLE) / np.sin(2 * _ANGLE).sum()


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
    curves : dict of str to ndarray of shape (models, 1 + targets, 101)
        By benchmark, the transfer profiles above chance at `GRID`: first their mean over the
        targets, then each target; models and targets are in the order of `truth`.
    """

    responses: Responses
    models: pd.DataFrame
    truth: pd.DataFrame
    curves: dict[str, Floats]

    def profiles(self) -> pd.DataFrame:
        """The transfer profiles that were built in, chance included.

        Returns
        -------
        DataFrame
            One row a benchmark × model × target × point: ``source_probability``,
            ``expected_target``.
        """
        chance = self.responses.benchmarks.set_index("benchmark")["chance_level"]
        frames = []
        for benchmark, curves in self.curves.items():
            rows = self.truth[self.truth["benchmark"] == benchmark]
            c = chance[benchmark]
            keys = rows[["benchmark", "model", "target"]]
            frame = keys.loc[keys.index.repeat(len(GRID))].reset_index(drop=True)
            frame["source_probability"] = np.tile(c + (1 - c) * GRID, len(rows))
            frame["expected_target"] = c + (1 - c) * curves.ravel()
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

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
        names = {"csv": "responses.csv.gz", "parquet": "responses.parquet"}
        if file_format not in names:
            raise InputError(
                Problem(
                    "file_format is not known.", f"Use {' or '.join(names)}.", value=file_format
                )
            )
        folder = Path(folder)
        answers, *others = (
            folder / name
            for name in (names[file_format], "models.csv", "benchmarks.csv", "truth.csv")
        )
        check_free([answers, *others], force)
        # With the chance level beside the answers, an analysis needs no other file.
        chance = self.responses.benchmarks.set_index("benchmark")["chance_level"]
        frame = self.responses.frame
        unused = [c for c in ("prompting", "cluster") if (frame[c] == "").all()]
        frame = frame.drop(columns=unused)
        frame["chance_level"] = frame["benchmark"].map(chance)
        with sole_writer(folder):
            with replacing(answers, force=force) as beside:
                if file_format == "parquet":
                    frame.to_parquet(beside, index=False)
                else:
                    # Without a name and the time of day the same seed gives the same bytes.
                    with beside.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as packed:
                        packed.write(frame.to_csv(index=False).encode())
            tables = (self.models, self.responses.benchmarks, self.truth)
            for path, table in zip(others, tables, strict=True):
                with replacing(path, force=force) as beside:
                    table.to_csv(beside, index=False)
        return answers, *others


def simulate_answers(
    abilities: Sequence[float] | Floats | None = None,
    *,
    profiles: Profile | Sequence[Profile] = "shift",
    n_items: int = 250,
    n_trials: int = 10,
    target_trials: int | None = None,
    targets: Sequence[str] = ("de", "sw"),
    target_shift: float | Sequence[float] | Mapping[str, float] = 0.0,
    chance: float = 0.0,
    difficulty: str | Callable[[Floats], Floats] = "normal",
    item_spread: float = 0.0,
    overdispersion: float = 0.0,
    interaction: float = 0.0,
    promptings: int = 0,
    prompting_sd: float = 0.0,
    own_promptings: bool = False,
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
        Transfer profile of all models, or one a model: a name of `truth.simulate.PROFILES`, or a
        function of source accuracy above chance, from 0 to 1, to target accuracy above chance.
    n_items : int
        Number of items.
    n_trials, target_trials : int
        Answers an item in the source language and in each target language; the same if
        `target_trials` is not given.
    targets : sequence of str
        Codes of the target languages. If `source_language` is ``item``: all languages.
    target_shift : float, sequence of float or mapping of str to float
        Added to the logit of the profile in each target language; below 0 it loses more. A
        language that a mapping does not name is not shifted.
    chance : float
        Chance level, 0 to below 1.
    difficulty : str or callable
        Distribution of item difficulty: a name of `truth.simulate.DIFFICULTIES`, or a quantile
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
    own_promptings : bool
        Whether each language has effects of its own, instead of those of the source language.
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
    theta = np.linspace(-1.5, 2.5, 8) if abilities is None else np.asarray(abilities, float).ravel()
    by_item = source_language == BY_ITEM
    codes = [targets] if isinstance(targets, str) else [str(code) for code in targets]
    each: list[Profile] = (
        [profiles] * len(theta)
        if isinstance(profiles, str) or callable(profiles)
        else list(profiles)
    )
    problems = _range_problems(theta, n_items, n_trials, target_trials)
    problems += _share_problems(
        chance=chance,
        item_spread=item_spread,
        overdispersion=overdispersion,
        favourite=favourite,
    )
    problems += [
        Problem(f"{name} is below 0.", value=str(value))
        for name, value in (
            ("interaction", interaction),
            ("promptings", promptings),
            ("prompting_sd", prompting_sd),
        )
        if not value >= 0
    ]
    if promptings and item_spread:
        problems.append(Problem("item_spread does not go with promptings.", "Leave one out."))
    if favourite and not chance:
        problems.append(Problem("a favourite letter needs a chance level.", "Use chance=0.25."))
    problems += _language_problems(codes, source_language)
    shift = _shifts(target_shift, codes, problems)
    problems += _profile_problems(each, len(theta))
    if not callable(difficulty) and difficulty not in DIFFICULTIES:
        problems.append(_unknown("difficulty", difficulty, DIFFICULTIES))
    problems += _model_problems(models, len(theta))
    if not benchmark:
        problems.append(Problem("benchmark is empty.", "Give it a name."))
    if problems:
        raise InputError(problems)

    generator = resample.generator(rng)
    quantiles = difficulty if callable(difficulty) else DIFFICULTIES[difficulty]
    b = np.asarray(quantiles(generator.uniform(size=n_items)), float)
    logit = theta[:, None] - b
    if interaction:
        logit = logit - interaction * generator.normal(size=logit.shape)
    # The source language of an item, by its place in the list of languages.
    languages, shifts = (codes, shift) if by_item else ([source_language, *codes], [0.0, *shift])
    n_languages = len(languages) if by_item else 1
    origin = generator.permutation(np.arange(n_items) % n_languages)
    n_asked = max(promptings, 1)
    # From here on an item stands as often as it is prompted.
    logit, origin = np.repeat(logit, n_asked, axis=1), np.repeat(origin, n_asked)
    is_source = np.arange(len(languages))[:, None] == origin
    effect = prompting_sd * generator.normal(size=logit.shape) if prompting_sd else 0.0
    u = special.expit(logit + effect)
    target = _transferred(each, u, shifts)
    if own_promptings and prompting_sd:
        own = prompting_sd * generator.normal(size=(len(languages), *logit.shape))
        apart = zip(special.expit(logit + own), shifts, strict=True)
        target = np.concatenate([_transferred(each, at, [moved]) for at, moved in apart], axis=1)
    target = _scattered(target, item_spread, generator)
    guess = _guess(chance, favourite, len(languages), n_items, generator)
    known = np.where(is_source, u[:, None, :], target)
    rate = guess.repeat(n_asked, axis=-1) + (1 - guess.repeat(n_asked, axis=-1)) * known
    trials = np.where(is_source, n_trials, target_trials or n_trials)
    rate = _scattered(rate, overdispersion, generator)
    if greedy:
        luck = generator.random((len(theta), 1, rate.shape[-1], int(trials.max())))
        asked = np.arange(luck.shape[-1]) < trials[..., None]
        correct = ((luck < rate[..., None]) & asked).sum(axis=-1)
    else:
        correct = generator.binomial(trials, rate)

    described = _described(models, len(theta))
    names = described["model"].tolist()
    items = [f"{i:0{len(str(n_items - 1))}d}" for i in range(n_items)]
    frame = _frame(benchmark, names, languages, items, promptings, correct, trials, origin)
    seen = [_over_promptings(profile, prompting_sd) for profile in each]
    return Simulated(
        responses=_responses(frame, described, source_language, {benchmark: chance}),
        models=described.assign(**{f"ability_{benchmark}": theta}),
        truth=_truth(benchmark, names, codes, _transferred(seen, POINTS, shift)),
        curves={benchmark: _with_macro(_transferred(seen, GRID, shift))},
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
    >>> list(together(parts).curves)
    ['a', 'b']
    """
    models = parts[0].models
    for part in parts[1:]:
        models = models.join(part.models.filter(like="ability_"))
    responses = [part.responses for part in parts]
    frame = pd.concat([each.frame for each in responses], ignore_index=True)
    return Simulated(
        responses=Responses(
            frame=frame,
            benchmarks=pd.concat([each.benchmarks for each in responses], ignore_index=True),
            models=responses[0].models,
            languages=describe_languages(sorted(frame["language"].unique())),
            report=responses[0].report,
        ),
        models=models,
        truth=pd.concat([part.truth for part in parts], ignore_index=True),
        curves={name: curves for part in parts for name, curves in part.curves.items()},
    )


# The model of an answer ---------------------------------------------------------------------


def _transferred(profiles: Sequence[Profile], u: Floats, shifts: Iterable[float]) -> Floats:
    """Target accuracy above chance: models × languages × the last axis of `u`."""
    rows = np.broadcast_to(u, (len(profiles), u.shape[-1]))
    f = np.stack([_function(p)(row) for p, row in zip(profiles, rows, strict=True)])
    shift = np.asarray(list(shifts), float)
    shifted = np.repeat(f[:, None, :], len(shift), axis=1)
    moved = shift != 0  # the others stay exactly what they are
    shifted[:, moved] = special.expit(special.logit(f)[:, None, :] + shift[moved, None])
    return shifted


def _scattered(mean: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Beta variates with given means, and a share of the largest variance that each can have."""
    if share == 0:
        return mean
    precision = 1 / share - 1
    inside = np.clip(mean, 1e-9, 1 - 1e-9)  # a beta distribution has no mean of exactly 0 or 1
    return rng.beta(inside * precision, (1 - inside) * precision)


def _over_promptings(profile: Profile, sd: float) -> Profile:
    """The profile between means over promptings, on a fine grid of ability minus difficulty."""
    if not sd:
        return profile
    at, weights = np.polynomial.hermite_e.hermegauss(31)
    u = special.expit(np.linspace(-40, 40, 4001)[:, None] + sd * at)
    means = [values @ weights / weights.sum() for values in (u, _function(profile)(u))]
    return lambda h: np.interp(h, *means)


def _guess(
    chance: float, favourite: float, n_languages: int, n_items: int, rng: np.random.Generator
) -> Floats:
    """Probability of a lucky guess, languages × items."""
    if not favourite:
        return np.full((n_languages, n_items), chance)
    letters = round(1 / chance)
    is_key = rng.integers(letters, size=n_items) == np.arange(n_languages)[:, None] % letters
    return (1 - favourite) * chance + favourite * is_key


def _with_macro(f: Floats) -> Floats:
    """Put the mean over the languages before them."""
    return np.concatenate([f.mean(axis=1, keepdims=True), f], axis=1)


def _truth(
    benchmark: str, models: Sequence[str], targets: Sequence[str], f: Floats
) -> pd.DataFrame:
    hat = 2 * _with_macro(f) @ WEIGHTS
    every = [MACRO, *targets]
    return pd.DataFrame(
        {
            "benchmark": benchmark,
            "model": np.repeat(np.array(models, dtype=object), len(every)),
            "target": every * len(models),
            "hat": hat.ravel(),
        }
    ).astype({"benchmark": str, "model": str, "target": str})


# Tables -------------------------------------------------------------------------------------


def _frame(
    benchmark: str,
    models: Sequence[str],
    languages: Sequence[str],
    items: Sequence[str],
    promptings: int,
    correct: NDArray[np.int64],
    trials: NDArray[np.int64],
    origin: NDArray[np.int64],
) -> pd.DataFrame:
    """One row a model × language × item × prompting, in this order."""
    codes = np.indices(correct.shape).reshape(3, -1)
    n_asked = max(promptings, 1)
    asked = [f"prompting {j + 1}" for j in range(promptings)] or [""]

    def column(words: Sequence[str], where: NDArray[np.int64]) -> pd.Series:
        return pd.Series(words, dtype=str).take(where).reset_index(drop=True)

    return pd.DataFrame(
        {
            "benchmark": column([benchmark], np.zeros(correct.size, np.int64)),
            "model": column(models, codes[0]),
            "language": column(languages, codes[1]),
            "item": column(items, codes[2] // n_asked),
            "n_correct": correct.ravel(),
            "n_trials": np.broadcast_to(trials, correct.shape).ravel(),
            "prompting": column(asked, codes[2] % n_asked),
            "source_language": column(languages, origin[codes[2]]),
            "cluster": column([""], np.zeros(correct.size, np.int64)),
        }
    )


def _responses(
    frame: pd.DataFrame,
    models: pd.DataFrame,
    source_language: str,
    chance: Mapping[str, float],
) -> Responses:
    """Answers with what describes them, as a load would give."""
    benchmarks = pd.concat(
        [
            describe_benchmarks(pd.Series([name]), source_language, level)
            for name, level in chance.items()
        ],
        ignore_index=True,
    )
    n_items = frame.groupby("benchmark")["item"].nunique()
    benchmarks["n_items"] = benchmarks["benchmark"].map(n_items).astype("Int64")
    return Responses(
        frame=frame,
        benchmarks=benchmarks.assign(chance_assumed=False),
        models=describe_models(models[["model"]], models),
        languages=describe_languages(sorted(frame["language"].unique())),
        report=LoadReport(("Simulated answers; no model is real.",)),
    )


def _described(models: pd.DataFrame | None, n: int) -> pd.DataFrame:
    """The models table, with names if it has none."""
    given = pd.DataFrame(index=range(n)) if models is None else models.reset_index(drop=True)
    if "model" not in given:
        given = given.assign(model=invented_names(n))
    return given[["model", *(c for c in given if c != "model")]].astype({"model": str})


# What can be wrong --------------------------------------------------------------------------


def _function(profile: Profile) -> Callable[[Floats], Floats]:
    return PROFILES[profile] if isinstance(profile, str) else profile


def _unknown(what: str, value: object, known: Iterable[str]) -> Problem:
    return Problem(f"{what} is not known.", f"Use one of {', '.join(known)}.", value=str(value))


def _range_problems(
    theta: Floats, n_items: int, n_trials: int, target_trials: int | None
) -> list[Problem]:
    problems = []
    if not len(theta) or not np.isfinite(theta).all():
        problems.append(Problem("abilities are not finite numbers, one a model."))
    counts = {"n_items": n_items, "n_trials": n_trials, "target_trials": target_trials}
    for name, value in counts.items():
        if value is not None and value < 1:
            problems.append(Problem(f"{name} must be at least 1.", value=str(value)))
    return problems


def _share_problems(**shares: float) -> list[Problem]:
    return [
        Problem(f"{name} is not from 0 to below 1.", value=str(value))
        for name, value in shares.items()
        if not 0 <= value < 1
    ]


def _language_problems(targets: Sequence[str], source_language: str) -> list[Problem]:
    remedy = NOT_A_CODE
    problems = [
        Problem("this is not a language code.", remedy, value=code)
        for code in dict.fromkeys([*targets, source_language])
        if code != BY_ITEM and not is_language(code)
    ]
    twice = sorted({code for code in targets if list(targets).count(code) > 1})
    if twice:
        problems.append(Problem("a target stands twice.", "Keep one.", value=listing(twice)))
    if source_language in targets:
        problems.append(
            Problem(
                "the source language is among the targets.", "Remove it.", value=source_language
            )
        )
    least = 2 if source_language == BY_ITEM else 1
    if len(targets) < least:
        problems.append(
            Problem(f"targets has {counted(len(targets), 'language')}.", f"Give {least}.")
        )
    return problems


def _shifts(
    given: float | Sequence[float] | Mapping[str, float],
    targets: Sequence[str],
    problems: list[Problem],
) -> list[float]:
    """One shift a target; `problems` grows by what is wrong with them."""
    if isinstance(given, Mapping):
        unknown = [code for code in given if code not in targets]
        if unknown:
            problems.append(
                Problem(
                    "target_shift names a language that is no target.",
                    f"Targets: {listing(targets, 30)}.",
                    value=listing(unknown),
                )
            )
        shifts = [float(given.get(code, 0.0)) for code in targets]
    else:
        values = np.asarray(given, float)
        shifts = np.broadcast_to(
            values, len(targets) if values.ndim == 0 else values.shape
        ).tolist()
        if len(shifts) != len(targets):
            problems.append(
                Problem(f"target_shift has {len(shifts)} values for {len(targets)} targets.")
            )
    if not np.isfinite(shifts).all():
        problems.append(Problem("target_shift is not finite."))
    return shifts


def _profile_problems(profiles: Sequence[Profile], n_models: int) -> list[Problem]:
    problems = []
    if len(profiles) != n_models:
        problems.append(
            Problem(
                f"there are {len(profiles)} profiles for {n_models} abilities.", "Give one each."
            )
        )
    for profile in dict.fromkeys(profiles):
        if isinstance(profile, str):
            if profile not in PROFILES:
                problems.append(_unknown("profile", profile, PROFILES))
            continue
        values = np.asarray(profile(GRID), float)
        if values.shape != GRID.shape or not ((values >= 0) & (values <= 1)).all():
            problems.append(
                Problem(
                    "a profile does not give one number from 0 to 1 for each source accuracy.",
                    "State it above chance: 0 is a guess, 1 is always right.",
                    value=getattr(profile, "__name__", ""),
                )
            )
    return problems


def _model_problems(models: pd.DataFrame | None, n_models: int) -> list[Problem]:
    """What is wrong with a models table, real names above all."""
    if models is None:
        return []
    problems = []
    if len(models) != n_models:
        problems.append(
            Problem(f"the models table has {len(models)} rows for {n_models} abilities.")
        )
    if "model" not in models:
        return problems
    names = models["model"].astype(str)
    twice = sorted(set(names[names.duplicated()]))
    if twice:
        problems.append(Problem("a model stands twice.", "Keep one.", value=listing(twice)))
    real = {
        name.casefold() for column in ("model", "display_name") for name in book().models[column]
    }
    problems += [
        Problem(
            "a model that answers by simulation has the name of a real one.",
            "Invent a name, or leave the column out.",
            value=name,
        )
        for name in names
        if name.casefold() in real
    ]
    return problems
