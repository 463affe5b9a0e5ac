"""The Hardness Adjusted Transfer (HAT) score, with its uncertainty.

One pipeline: hardness posterior (`metric.hardness`) → transfer profile (`hatlib.metric.profile`) →
average over a reference distribution of hardness (`hatlib.metric.reference`),

    HAT = (mean of f - chance) / (mean of h - chance),

so that perfect transfer is 1 and no transfer is 0.  Intervals come from redrawing items: every
model and every language is redrawn with the same weights, so that noise which models share cancels
in their differences.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from threadpoolctl import ThreadpoolController

from hatlib import resample
from hatlib.data.responses import BY_ITEM, Counts, Responses
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.hardness import (
    LINEAGE,
    MIN_MODELS,
    Hardness,
    hardness_of_cells,
    mixing_distribution,
    pooled_hardness,
    posterior_of,
    self_hardness,
)
from hatlib.metric.judge import Judge
from hatlib.metric.profile import (
    PROFILE_NAMES,
    MixedProfiles,
    ProfileFit,
    fit_profiles,
    profile_values,
)
from hatlib.metric.reference import (
    ENOUGH_ITEMS,
    SUPPORTED,
    Standard,
    adjusted,
    effective_items,
    items_in_slices,
    support_of,
    uniform_reference,
)
from hatlib.metric.results import BenchmarkScores, HatScores, thinned
from hatlib.metric.sufficient import (
    RedrawnMetrics,
    SufficientTable,
    mean_over_targets,
    tabulate,
    target_rates,
)
from hatlib.thresholds import BOOK

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

HARDNESS_NAMES = ("auto", "self", "pooled", "leave-one-out", "other-lineages")
REFERENCE_NAMES = ("auto", "uniform", "pooled")

MIN_ITEMS = 10
"""With fewer items in source and target no score is given."""

CLEAR_OF_CHANCE = BOOK["clear_of_chance"]
"""Source accuracy must be this many standard errors above chance."""

_CHUNK = 500  # redraws at a time, so that their arrays fit into the processor's cache
_WEIGHTS = 4_000_000  # weights at a time, to bound memory


def hat_scores(
    responses: Responses,
    *,
    benchmarks: str | Sequence[str] | None = None,
    targets: str | Sequence[str] | None = None,
    hardness: str = "auto",
    profile: str = "adaptive",
    reference: str | Standard = "auto",
    correlation: float = 0.0,
    judge: Judge | None = None,
    draws: int = 2000,
    level: float = resample.LEVEL,
    rng: np.random.Generator | int = 0,
    progress: Progress | None = None,
) -> HatScores:
    """Compute the HAT score of every model, benchmark and target language.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmarks : str or sequence of str, optional
        Which benchmarks; by default all.
    targets : str or sequence of str, optional
        Which target languages the macro average covers; by default all.
    hardness : str
        "self"; "pooled", "leave-one-out", "other-lineages" or "lineage:NAME", see
        `hatlib.metric.hardness.donors`; or "auto": self if most items have at least two answers a
        model, else pooled.
    profile : str
        "adaptive" (default), "direct", "shared", "plugin", "quadratic" or "logit".
    reference : str or Standard
        "uniform", "pooled", a frozen standard, or "auto": uniform, unless it would make the scores
        of more than half of the models an extrapolation; then pooled.
    correlation : float
        Correlation of a model's answers to one item in the source language, beyond how hard the
        item is for it; 0 if they are independent draws. It cannot be seen in the counts
        themselves; `hatlib.answer_correlation` estimates it from promptings with several answers.
    judge : Judge, optional
        Who judged the answers, with known errors; scores and metrics are corrected for them. The
        errors of an estimated judge widen the intervals.
    draws : int
        Redraws of the items; 0 for no interval.
    level : float
        Nominal coverage of the intervals.
    rng : numpy.random.Generator or int
        Random numbers of the redraws.
    progress : callable, optional
        Called with a message, the number of steps done and the number of steps.

    Returns
    -------
    HatScores

    Raises
    ------
    InputError
        If a name or a number is not allowed, or a method does not fit the data.

    Notes
    -----
    The metric: Bajpai et al. (arXiv 2606.21954), section 4. Their printed formula is not in our
    sources; this is our operationalisation, see the book's chapter *The score, step by step*.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> simulated = simulate_answers(abilities=[-1, 0, 1], profiles="linear", n_items=400)
    >>> scores = hat_scores(simulated.responses, draws=200)
    >>> bool((abs(scores.macro()["hat"] - 0.7) < 0.1).all())
    True
    """
    _check_options(hardness, profile, reference, draws, level, correlation)
    chosen = _chosen(responses, benchmarks)
    if isinstance(targets, str):
        targets = [targets]
    if targets is not None:
        _check_targets(responses, chosen, targets)
    generator = resample.generator(rng)
    results = []
    for done, name in enumerate(chosen):
        if progress:
            progress(name, done, len(chosen))
        counts = responses.counts(name)
        if targets is not None:
            counts = _with_targets(counts, targets)
        results.append(
            score_counts(
                counts,
                hardness=hardness,
                profile=profile,
                reference=reference,
                correlation=correlation,
                judge=judge,
                draws=draws,
                level=level,
                rng=generator,
            )
        )
    if progress:
        progress("scores", len(chosen), len(chosen))
    return HatScores.of(results, responses, draws=draws, level=level, seed=_seed(rng))


def score_counts(
    counts: Counts,
    *,
    hardness: str = "auto",
    profile: str = "adaptive",
    reference: str | Standard = "auto",
    correlation: float = 0.0,
    judge: Judge | None = None,
    draws: int = 2000,
    level: float = resample.LEVEL,
    rng: np.random.Generator | int = 0,
) -> BenchmarkScores:
    """The scores of one benchmark, from its dense arrays.

    Parameters are those of `hat_scores`.

    Returns
    -------
    BenchmarkScores
        Arrays of models × (macro + targets).
    """
    _check_options(hardness, profile, reference, draws, level, correlation)
    if judge:
        _check_judge(counts, judge)
        counts = replace(counts, judge=judge)
    # Threads of the matrix library only wait for one another with arrays of this size.
    with _controller().limit(limits=1, user_api="blas"):
        return _scored(counts, hardness, profile, reference, correlation, judge, draws, level, rng)


@cache
def _controller() -> ThreadpoolController:
    """What sets the threads of the matrix library; to find it takes a while."""
    return ThreadpoolController()


def _scored(
    counts: Counts,
    hardness: str,
    profile: str,
    reference: str | Standard,
    correlation: float,
    judge: Judge | None,
    draws: int,
    level: float,
    rng: np.random.Generator | int,
) -> BenchmarkScores:
    method, notes = _method(counts, hardness)
    if method is None:
        return _no_scores(counts, profile, reference, notes, draws)
    if method == "self":
        found = self_hardness(counts, correlation=correlation)
        if correlation:
            notes = [*notes, f"Answers to one item taken to be correlated by {correlation:g}."]
    else:
        found = pooled_hardness(counts, method)
    if judge:
        notes = [*notes, _about_judge(judge)]
    table = tabulate(counts, found)
    fit, base = _point(table, found, profile, reference)
    notes += base.notes
    redrawn = None
    if draws:
        generator = resample.generator(rng)
        redrawn = _redraw(counts, table, found, fit, base, draws, generator)
        if judge:
            errors = _judge_errors(counts, judge, base, fit, correlation, draws, generator)
            redrawn = replace(redrawn, hats=redrawn.hats + errors)
    return _result(counts, table, found, fit, base, redrawn, level, tuple(notes))


def score_table(
    table: SufficientTable,
    *,
    profile: str = "adaptive",
    reference: str | Standard = "auto",
    correlation: float = 0.0,
) -> BenchmarkScores:
    """The scores of one benchmark from a sufficient table, such as a merged one.

    There is no interval, as a table no longer knows which items the models share.

    Parameters
    ----------
    table : SufficientTable
        From `hatlib.metric.sufficient.tabulate` with hardness "self", or merged from several.
    profile, reference, correlation
        As in `hat_scores`.

    Returns
    -------
    BenchmarkScores

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers(abilities=[-1, 0, 1], n_items=400).responses.counts("sim")
    >>> table = tabulate(counts, self_hardness(counts))
    >>> whole = score_counts(counts, draws=0)
    >>> bool(np.allclose(score_table(table).hat, whole.hat, equal_nan=True))
    True
    """
    _check_options("self", profile, reference, 0, resample.LEVEL, correlation)
    no_items = np.zeros((len(table.models), 0), dtype=np.int64)
    found = hardness_of_cells(
        no_items,
        table.correct,
        table.trials,
        table.source_items,
        table.chance,
        correlation=correlation,
        judge=table.judge.of(table.source_language) if table.judge else None,
    )
    fit, base = _point(table, found, profile, reference)
    return _result(None, table, found, fit, base, None, resample.LEVEL, tuple(base.notes))


# Choices ------------------------------------------------------------------------------------------


def _check_options(
    hardness: str,
    profile: str,
    reference: str | Standard,
    draws: int,
    level: float,
    correlation: float,
) -> None:
    problems = [
        Problem(f"{what} is not known.", f"Use one of {', '.join(known)}.", value=str(value))
        for what, value, known in (
            ("hardness", hardness, HARDNESS_NAMES),
            ("profile", profile, PROFILE_NAMES),
            ("reference", reference, (*REFERENCE_NAMES, "a frozen standard")),
        )
        if not (isinstance(value, Standard) or value in known or value.startswith(LINEAGE))
    ]
    if draws < 0 or 0 < draws < 20:
        problems.append(
            Problem(
                "draws is not 0 and below 20.", "Use 2000, or 0 for no interval.", value=str(draws)
            )
        )
    if not 0 <= correlation < 1:
        problems.append(
            Problem(
                "correlation is not from 0 to below 1.", "Use 0, or 0.1.", value=str(correlation)
            )
        )
    if not 0 < level < 1:
        problems.append(Problem("level is not between 0 and 1.", "Use 0.95.", value=str(level)))
    if problems:
        raise InputError(problems)


def _chosen(responses: Responses, benchmarks: str | Sequence[str] | None) -> list[str]:
    there = [str(name) for name in responses.benchmarks["benchmark"]]
    if benchmarks is None:
        return there
    asked = [benchmarks] if isinstance(benchmarks, str) else list(benchmarks)
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise InputError(
            [
                Problem("there is no such benchmark.", f"There are: {listing(there, 20)}.", value=n)
                for n in unknown
            ]
        )
    return asked


def _check_targets(responses: Responses, benchmarks: Sequence[str], targets: Sequence[str]) -> None:
    frame = responses.frame
    is_target = frame["benchmark"].isin(benchmarks) & (
        frame["language"] != frame["source_language"]
    )
    there = sorted(set(frame.loc[is_target, "language"]))
    problems = [
        Problem("this is not a target language.", f"There are: {listing(there, 40)}.", value=code)
        for code in targets
        if code not in there
    ]
    if problems or not targets:
        raise InputError(problems or Problem("no target language is named."))


def _with_targets(counts: Counts, targets: Sequence[str]) -> Counts:
    """Only the chosen target languages."""
    at = [i for i, code in enumerate(counts.targets) if code in targets]
    if not at:
        raise InputError(
            Problem(
                f"{counts.benchmark} has none of the target languages {listing(targets)}.",
                f"It has: {listing(counts.targets, 40)}. Name the benchmark to score.",
            )
        )
    return replace(
        counts,
        targets=tuple(counts.targets[i] for i in at),
        target_correct=counts.target_correct[:, at],
        target_trials=counts.target_trials[:, at],
    )


def _seed(rng: np.random.Generator | int) -> int | None:
    return None if isinstance(rng, np.random.Generator) else int(rng)


def _method(counts: Counts, hardness: str) -> tuple[str | None, list[str]]:
    """The hardness to use, and what to tell about the choice; None if there is no way."""
    trials = counts.source_trials[counts.source_trials > 0]
    if not len(trials):
        raise InputError(
            Problem(
                f"{counts.benchmark} has no answer in the source language {counts.source_language}."
            )
        )
    several = np.median(trials) >= 2
    if hardness != "auto":
        if hardness == "self" and not several:
            raise InputError(
                Problem(
                    f"{counts.benchmark} has one answer an item, which cannot show how hard an "
                    "item is for a model.",
                    "Use hardness pooled with several models, or ask each item several times.",
                )
            )
        return hardness, []
    if several:
        return "self", []
    if len(counts.models) >= MIN_MODELS:
        return "pooled", ["One answer an item: hardness comes from the answers of all models."]
    return None, [
        f"One answer an item and fewer than {MIN_MODELS} models: hardness cannot be estimated."
    ]


def _check_judge(counts: Counts, judge: Judge) -> None:
    known = {counts.source_language, *counts.targets}
    problems = [
        Problem(
            f"{counts.benchmark} has no language of this name.",
            f"Languages: {listing(sorted(known), 40)}.",
            value=code,
        )
        for code in judge.languages
        if code not in known
    ]
    if judge.languages and counts.source_language == BY_ITEM:
        problems.append(
            Problem(
                "the judge differs by language, and the source language by item.",
                "Give one judge for all languages.",
            )
        )
    if problems:
        raise InputError(problems)


def _about_judge(judge: Judge) -> str:
    known = judge.n_right and judge.n_wrong
    return (
        f"Corrected for a judge of sensitivity {judge.sensitivity:.3g} and specificity "
        f"{judge.specificity:.3g}"
        + (", whose own uncertainty the intervals hold." if known else ", taken as known.")
    )


def _judge_errors(
    counts: Counts,
    judge: Judge,
    base: _Base,
    fit: ProfileFit,
    correlation: float,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """What not knowing the judge exactly adds to redrawn scores (delta method).

    The errors are the same for all models, so that they cancel in differences as far as they can.
    """
    errors: Floats = np.zeros((1, 1, 1))
    # A frozen standard keeps its shape, whatever the judge.
    frozen = fit.shape if base.name == "standard" and isinstance(fit, MixedProfiles) else None
    for lower, higher, steps in judge.unknowns():
        ends = []
        for each in (lower, higher):
            moved = replace(counts, judge=each)
            hardness = self_hardness(moved, correlation=correlation)
            table = tabulate(moved, hardness)
            curves = profile_values(fit_profiles(table, hardness, fit.name, start=frozen))
            weight = base.weight
            if base.members is not None:
                weight = hardness.distribution[base.members].mean(axis=0)
            ends.append(adjusted(curves @ weight, weight, hardness.grid, counts.chance))
        errors = errors + rng.standard_normal((draws, 1, 1)) * (ends[1] - ends[0]) / steps
    return errors


# The score ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Base:
    """The reference of one benchmark."""

    name: str
    weight: Floats
    members: NDArray[np.bool_] | None = None  # models over which a pooled reference is averaged
    notes: list[str] = field(default_factory=list)


def _point(
    table: SufficientTable, hardness: Hardness, profile: str, reference: str | Standard
) -> tuple[ProfileFit, _Base]:
    shape = reference.shape if isinstance(reference, Standard) else None
    fit = fit_profiles(table, hardness, profile, start=shape)
    return fit, _reference(table, hardness, reference)


def _reference(table: SufficientTable, hardness: Hardness, reference: str | Standard) -> _Base:
    if isinstance(reference, Standard):
        if reference.chance != table.chance:
            raise InputError(
                Problem(
                    f"the standard was made with chance level {reference.chance:g}, and "
                    f"{table.benchmark} has {table.chance:g}.",
                    "Use the standard of this benchmark.",
                )
            )
        note = f"Scored against a frozen standard made from {reference.origin}."
        return _Base("standard", reference.on(hardness.grid), notes=[note])
    uniform = uniform_reference(hardness.grid, table.chance)
    n_items = table.source_items.sum(axis=1)
    # Models without a score, such as those at chance, are no population to compare others at.
    flags = _flags(table, hardness, _paired_items(table), np.ones(table.items.shape[:2]))
    members = np.asarray(~np.isin(flags, _WITHHELD).all(axis=1))
    if not members.any():
        members = n_items > 0
    pooled = hardness.distribution[members].mean(axis=0)
    if reference == "pooled":
        return _Base("pooled", pooled, members)
    if reference == "auto":
        slices = items_in_slices(uniform, hardness.distribution, n_items)
        if np.median(support_of(slices[members])) < SUPPORTED:
            return _Base(
                "pooled",
                pooled,
                members,
                [
                    "More than half of the models have too few items over the uniform reference, "
                    "so scores are averaged over the hardness that these models meet (reference "
                    "pooled). They depend on which models are compared."
                ],
            )
    return _Base("uniform", uniform)


def _redraw(
    counts: Counts,
    table: SufficientTable,
    hardness: Hardness,
    fit: ProfileFit,
    base: _Base,
    draws: int,
    rng: np.random.Generator,
) -> _Redrawn:
    """Scores, macro profiles and metrics of redrawn items."""
    metrics = RedrawnMetrics(counts)
    rates = target_rates(counts)
    n_clusters = int(counts.clusters.max()) + 1
    plan = [_Plan.of(hardness.cell[m], rates[m], hardness) for m in range(len(counts.models))]
    step = max(20, min(draws, _CHUNK, _WEIGHTS // max(n_clusters, 1)))
    hats, bands, measured = [], [], []
    for start in range(0, draws, step):
        n = min(step, draws - start)
        weights = resample.weights(rng, counts.clusters, n).astype(float)
        # Noise is drawn here and not in the threads, whose order is left to chance.
        noise = np.random.default_rng(rng.integers(2**63))
        tasks = [(m, plan[m], weights, hardness, fit) for m in range(len(plan))]
        with ThreadPoolExecutor(min(len(plan), os.cpu_count() or 1)) as pool:  # one a model
            found = list(pool.map(_one_model, tasks))
            parameters = fit.update(np.stack([evidence for evidence, _ in found]), noise)
            distributions = np.stack([d for _, d in found])
            reference = base.weight[None]
            if base.members is not None:
                reference = distributions[base.members].mean(axis=0)
            args = [(m, fit, parameters[m], reference) for m in range(len(plan))]
            done = list(pool.map(_one_score, args))
        scale = reference @ hardness.grid - counts.chance
        means = np.stack([mean for mean, _ in done], axis=1)
        hats.append((means - counts.chance) / scale[:, None, None])
        bands.append(np.stack([band for _, band in done], axis=1))
        measured.append(metrics.of(weights))
    return _Redrawn(
        np.concatenate(hats),
        np.concatenate(bands),
        {name: np.concatenate([part[name] for part in measured]) for name in measured[0]},
    )


@dataclass(frozen=True)
class _Redrawn:
    """What becomes of the scores when items are redrawn."""

    hats: Floats  # (draws, n_models, n_targets + 1)
    bands: Floats  # (draws, n_models, n_grid)
    metrics: Mapping[str, Floats]  # each (draws, n_models)


@dataclass(frozen=True)
class _Plan:
    """The items of one model, sorted by cell, so that a redraw is one product a cell."""

    order: NDArray[np.intp]
    slices: tuple[tuple[int, slice], ...]  # cell and its items
    rates: Floats  # (n_targets, n_items), 0 where missing
    known: Floats | None  # (n_targets, n_items); None if nothing is missing
    n_cells: int

    @staticmethod
    def of(cell: NDArray[np.int64], rates: Floats, hardness: Hardness) -> _Plan:
        order = np.argsort(cell, kind="stable")
        order = order[cell[order] >= 0]
        sorted_cells = cell[order]
        present, first = np.unique(sorted_cells, return_index=True)
        ends = np.append(first, len(order))[1:]
        slices = tuple(
            (int(c), slice(int(a), int(b))) for c, a, b in zip(present, first, ends, strict=True)
        )
        mine = rates[1:, order]
        known = np.isfinite(mine)
        return _Plan(
            order,
            slices,
            np.where(known, mine, 0.0),
            None if known.all() else known.astype(float),
            hardness.posterior.shape[1],
        )


def _one_model(
    task: tuple[int, _Plan, Floats, Hardness, ProfileFit],
) -> tuple[Floats, Floats]:
    """Evidence and hardness distribution of one model in the redraws."""
    m, plan, weights, hardness, fit = task
    n_draws, n_targets = len(weights), len(plan.rates)
    mine = weights[:, plan.order]
    source = np.zeros((n_draws, plan.n_cells))
    items = np.zeros((n_draws, n_targets + 1, plan.n_cells))
    rates = np.zeros((n_draws, n_targets + 1, plan.n_cells))
    for cell, part in plan.slices:
        w = mine[:, part]
        source[:, cell] = w.sum(axis=1)
        sums = w @ plan.rates[:, part].T
        n = source[:, cell, None] if plan.known is None else w @ plan.known[:, part].T
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums / n
        items[:, 1:, cell] = n
        if plan.known is None:
            items[:, 0, cell] = n[:, 0]
            means[n[:, 0] == 0] = 0
            rates[:, 0, cell] = means.mean(axis=1)
        else:
            items[:, 0, cell] = w @ plan.known[:, part].max(axis=0)
            rates[:, 0, cell] = np.nan_to_num(mean_over_targets(means.T).T)
            means = np.nan_to_num(means)
        rates[:, 1:, cell] = means
    if hardness.likelihood is None:
        # Other items give the model another ability, and its items another place.
        assert hardness.influence is not None and hardness.drift is not None
        move = (weights - 1) @ hardness.influence[m]
        posterior = hardness.posterior[m] + move[:, None, None] * hardness.drift[m]
        share = source / np.maximum(source.sum(axis=1, keepdims=True), 1)
        distribution = np.einsum("bc,bcg->bg", share, posterior)
    else:
        distribution = mixing_distribution(source, hardness.likelihood, hardness.steps)
        posterior = posterior_of(distribution, hardness.likelihood)
    return fit.evidence(m, items, rates, posterior), distribution


def _one_score(args: tuple[int, ProfileFit, Floats, Floats]) -> tuple[Floats, Floats]:
    """Reference-weighted means and the macro profile of one model in the redraws."""
    m, fit, parameters, reference = args
    values = fit.values(m, parameters)
    if len(reference) == 1:
        means = values @ reference[0]
    else:
        means = np.einsum("btg,bg->bt", values, reference)
    return means, values[:, 0].copy()


# The result ---------------------------------------------------------------------------------------


def _result(
    counts: Counts | None,
    table: SufficientTable,
    hardness: Hardness,
    fit: ProfileFit,
    base: _Base,
    redrawn: _Redrawn | None,
    level: float,
    notes: tuple[str, ...],
) -> BenchmarkScores:
    values = profile_values(fit)
    hat = adjusted(values @ base.weight, base.weight, hardness.grid, table.chance)
    n_items = _paired_items(table)
    slices = items_in_slices(base.weight, hardness.distribution[:, None, :], n_items)
    support = support_of(slices)
    effective = np.minimum(effective_items(slices), n_items)
    flags = _flags(table, hardness, n_items, support)
    none = np.isin(flags, _WITHHELD) | ~np.isfinite(hat)
    hat = np.where(none, np.nan, hat)
    low = high = se = np.full(hat.shape, np.nan)
    bands = None
    draws = None
    curve_draws = None
    if redrawn is not None:
        curves = redrawn.bands
        draws = np.where(none, np.nan, redrawn.hats)
        se = draws.std(axis=0, ddof=1)
        reach = interval_quantile(effective, level) * se
        low, high = hat - reach, hat + reach
        bands = resample.percentile_interval(curves, level)
        curve_draws = curves[:, :, thinned(hardness.grid, table.chance)]
    return BenchmarkScores(
        benchmark=table.benchmark,
        source_language=table.source_language,
        chance=table.chance,
        models=table.models,
        targets=table.targets,
        hardness=hardness,
        table=table,
        profile=fit.name,
        reference=base.name,
        weight=base.weight,
        shape=fit.shape if isinstance(fit, MixedProfiles) and fit.name != "logit" else None,
        curves=values,
        bands=bands,
        hat=hat,
        low=low,
        high=high,
        se=se,
        support=support,
        effective_items=effective,
        flags=flags,
        n_items=n_items,
        n_trials=_trials(counts, table),
        metrics=table.metrics(),
        draws=draws,
        notes=notes,
        curve_draws=curve_draws,
        metric_draws=redrawn.metrics if redrawn else None,
    )


NO_SUCCESS = "no source answer is right"
NEAR_CHANCE = "source accuracy is not above chance"
FEW_ITEMS = "too few items"
ONE_ANSWER = "one answer an item"
EXTRAPOLATED = "extrapolated"
OTHER_LANGUAGES = "other languages than most"
_WITHHELD = (NO_SUCCESS, NEAR_CHANCE, FEW_ITEMS, ONE_ANSWER)

FLAGS: Mapping[str, str] = {
    NO_SUCCESS: "The model solves nothing in the source language, so there is nothing to transfer. "
    "No score is given.",
    NEAR_CHANCE: f"Source accuracy is less than {CLEAR_OF_CHANCE:g} standard errors above "
    "chance. No score is given.",
    FEW_ITEMS: f"Fewer than {MIN_ITEMS} items have answers in source and target. "
    "No score is given.",
    ONE_ANSWER: "Each item was answered once, which does not show how hard it is for the model, "
    f"and there are fewer than {MIN_MODELS} models to show it. No score is given.",
    EXTRAPOLATED: f"Less than {SUPPORTED:.0%} of the reference weight lies where the model has "
    f"items ({ENOUGH_ITEMS} in a fifth of the weight count fully). The score rests on the shape "
    "of the profile elsewhere; its interval allows for that only in part.",
    OTHER_LANGUAGES: "The mean covers other target languages than that of most models, so the "
    "model is not ranked with them.",
}
"""What each flag of a score means; a score may have two, joined by a semicolon."""


def _paired_items(table: SufficientTable) -> Floats:
    """Items in source and target; the macro average rests on those of a typical target."""
    n = table.paired[0]
    return np.concatenate([n[:, 1:].mean(axis=1, keepdims=True), n[:, 1:]], axis=1)


def _flags(
    table: SufficientTable, hardness: Hardness, n_items: Floats, support: Floats
) -> NDArray[np.str_]:
    n, source, _, _ = table.paired
    flags = np.full(n_items.shape, "", dtype="<U64")
    flags[support < SUPPORTED] = EXTRAPOLATED
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = source / n
    error = _source_error(table, hardness)[:, None]
    flags[(accuracy - table.chance) < CLEAR_OF_CHANCE * error] = NEAR_CHANCE
    if hardness.likelihood is not None:
        single = table.source_items[:, table.trials == 1].sum(axis=1)
        flags[single > table.source_items.sum(axis=1) / 2] = ONE_ANSWER
    flags[source <= 0] = NO_SUCCESS  # below 0 by the correction for a judge
    few = n_items < MIN_ITEMS
    # Means over other languages do not compare: most models say which languages count.
    scored = ~np.isin(flags[:, 0], _WITHHELD) & ~few[:, 0]
    asked = [tuple(row) for row in ~few[:, 1:]]
    usual = Counter(asked[m] for m in np.flatnonzero(scored))
    most = max(usual, key=lambda languages: (usual[languages], sum(languages)), default=())
    for m in [m for m in np.flatnonzero(scored) if asked[m] != most]:
        flags[m, 0] = "; ".join(filter(None, (flags[m, 0], OTHER_LANGUAGES)))
    flags[few] = FEW_ITEMS
    return flags


def _source_error(table: SufficientTable, hardness: Hardness) -> Floats:
    """Standard error of source accuracy over items, shape (n_models,)."""
    n = np.maximum(table.source_items.sum(axis=1), 1)
    if hardness.likelihood is None:  # one answer an item, or nearly
        accuracy = table.paired[1, :, 0] / np.maximum(table.paired[0, :, 0], 1)
        return np.sqrt(accuracy * (1 - accuracy) / n)
    rate = table.correct / table.trials
    if table.judge:
        rate = table.judge.corrected(rate, table.source_language)
    mean = table.source_items @ rate / n
    square = table.source_items @ rate**2 / n
    return np.sqrt(np.maximum(square - mean**2, 0) / n)


def interval_quantile(effective: ArrayLike, level: float) -> Floats:
    """How many standard errors an interval reaches: Student's t, by the effective items.

    Around the estimate this covers better than the quantiles of the draws, which are as biased as
    the estimate, twice (`benchmarks/score_choices.py`).

    Examples
    --------
    >>> interval_quantile([5.0, 1000.0], 0.95).round(2).tolist()
    [2.23, 1.96]
    """
    freedom = np.maximum(np.nan_to_num(np.asarray(effective, dtype=float)), 11) - 1
    return stats.t.ppf((1 + level) / 2, freedom)


def _trials(counts: Counts | None, table: SufficientTable) -> NDArray[np.int64]:
    """The usual number of answers an item in the source language, shape (n_models,)."""
    if counts is None:
        most = table.source_items.argmax(axis=1)
        return table.trials[most]
    return np.array(
        [
            np.bincount(row[row > 0]).argmax() if (row > 0).any() else 0
            for row in counts.source_trials
        ]
    )


def _no_scores(
    counts: Counts, profile: str, reference: str | Standard, notes: list[str], draws: int
) -> BenchmarkScores:
    """A benchmark on which no score can be given: the traditional metrics, and why."""
    hardness = self_hardness(counts)
    table = tabulate(counts, hardness)
    shape = table.items.shape[:2]
    n_items = _paired_items(table)
    nan = np.full(shape, np.nan)
    return BenchmarkScores(
        benchmark=table.benchmark,
        source_language=table.source_language,
        chance=table.chance,
        models=table.models,
        targets=table.targets,
        hardness=hardness,
        table=table,
        profile=profile,
        reference="standard" if isinstance(reference, Standard) else reference,
        weight=uniform_reference(hardness.grid, table.chance),
        shape=None,
        curves=np.full((*shape, len(hardness.grid)), np.nan),
        bands=None,
        hat=nan,
        low=nan,
        high=nan,
        se=nan,
        support=np.zeros(shape),
        effective_items=np.zeros(shape),
        flags=np.full(shape, ONE_ANSWER, dtype="<U64"),
        n_items=n_items,
        n_trials=_trials(counts, table),
        metrics=table.metrics(),
        draws=np.full((draws, *shape), np.nan) if draws else None,
        notes=tuple(notes),
    )
