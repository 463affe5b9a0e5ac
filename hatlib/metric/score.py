"""The Hardness Adjusted Transfer (HAT) score, with its uncertainty.

One pipeline: hardness posterior (`metric.hardness`) → transfer profile (`hatlib.metric.profile`) →
average over a reference distribution of hardness (`hatlib.metric.reference`),

    HAT = (mean of f - chance) / (mean of h - chance),

so that perfect transfer is 1 and no transfer is 0.  Intervals come from redrawing items: every
model and every language is redrawn with the same weights, so that noise which models share cancels
in their differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from threadpoolctl import ThreadpoolController

from hatlib import resample
from hatlib.data.responses import BY_ITEM, Counts, Responses
from hatlib.errors import InputError, Problem, listing
from hatlib.metric.checks import excess_log_odds, halves, sensitivity
from hatlib.metric.choose import choose, lone, one_prompt, seen
from hatlib.metric.estimate import (
    Base,
    Choices,
    Marks,
    Part,
    basic_marks,
    below_chance,
    curves_of,
    distribution_of,
    extrapolated,
    fitted,
    measured,
    paired_items,
    references,
    repeated_guesses,
    support,
    unread,
    withheld,
)
from hatlib.metric.flags import Flag, Note, Remark
from hatlib.metric.guesses import check_chance
from hatlib.metric.hardness import hardness_of_cells
from hatlib.metric.judge import Judge
from hatlib.metric.pooled import LEAVE_ONE_OUT, LINEAGE
from hatlib.metric.profile import PROFILE_NAMES, MixedProfiles, Shape, fit_profiles
from hatlib.metric.redraw import Redrawn, redraw
from hatlib.metric.reference import (
    ENOUGH_ITEMS,
    NEARBY,
    Standard,
    adjusted,
)
from hatlib.metric.results import BenchmarkScores, Estimate, HatScores, thinned
from hatlib.metric.sufficient import SufficientTable

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

HARDNESS_NAMES = ("auto", "self", "pooled", LEAVE_ONE_OUT, "other-lineages")
REFERENCE_NAMES = ("auto", "uniform", "pooled")
PROFILES = ("auto", *PROFILE_NAMES)

EXTRAPOLATED, OTHER_LANGUAGES = Flag.EXTRAPOLATED, Flag.OTHER_LANGUAGES

MANY = 200
"""With more models the sensitivity of single answers is left out, and what takes as long."""

MOST_DRAWN = 20_000_000
"""Redraws × models × languages that are kept; half a gigabyte of them."""

DISAGREE = 2.0
"""Standard errors by which the adaptive and the direct score may differ without a flag."""

CHECKS = 40
"""Redraws of the direct score where the two differ."""


def hat_scores(
    responses: Responses,
    *,
    benchmarks: str | Sequence[str] | None = None,
    targets: str | Sequence[str] | None = None,
    hardness: str = "auto",
    profile: str = "auto",
    reference: str | Standard = "auto",
    correlation: float | None = None,
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
        `hatlib.metric.pooled.donors`; or "auto": self if most items have at least two answers a
        model, else leave-one-out.
    profile : str
        "adaptive", "direct", "shared", "plugin", "quadratic" or "logit"; or "auto": adaptive, but
        direct for a model alone, which has nobody to borrow from.
    reference : str or Standard
        "uniform" ("auto" is the same), "pooled" or a frozen standard. Whatever the reference of
        the score is, the pooled one is a second number (``hat_pooled``).
    correlation : float, optional
        Correlation of a model's answers to one item in the source language, beyond how hard the
        item is for it; 0 if they are independent draws. If it is not given, it is estimated where
        promptings have several answers (`hatlib.answer_correlation`), and 0 elsewhere.
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
        If a name or a number is not allowed, a method does not fit the data, or nobody has said
        the chance level of what looks like multiple choice.

    Notes
    -----
    Where source and target share named promptings, each answer is related to what the *other*
    promptings show of the item (`hatlib.metric.cells`). Items with a ``stratum`` are compared
    within it, and strata averaged with fixed weights.

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
        about = responses.benchmarks.set_index("benchmark").loc[name]
        if bool(about.get("chance_assumed", False)):
            check_chance(counts)
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
    profile: str = "auto",
    reference: str | Standard = "auto",
    correlation: float | None = None,
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
    size = draws * len(counts.models) * (len(counts.targets) + 1)
    if size > MOST_DRAWN:
        fewer = MOST_DRAWN * draws // size // 100 * 100
        raise InputError(
            Problem(
                f"{len(counts.models):,} models in {len(counts.targets)} target languages are too "
                f"many for {draws} redraws in memory.",
                f"Use {max(fewer, 20)} redraws (--draws), or score fewer models at a time.",
            )
        )
    if judge:
        _check_judge(counts, judge)
        counts = replace(counts, judge=judge)
    given = counts
    # Threads of the matrix library only wait for one another with arrays of this size.
    with _controller().limit(limits=1, user_api="blas"):
        counts, how, notes = choose(given, hardness, correlation)
        if isinstance(reference, Standard):
            notes.append(Note(Remark.STANDARD, {"origin": reference.origin}))
        profile, said = lone(counts, how.method, profile, isinstance(reference, Standard))
        start = reference.shape if isinstance(reference, Standard) else None
        parts = fitted(counts, how, profile, start)
        notes += [*said, *seen(counts)]
        if given.judge:
            notes.append(Note(Remark.JUDGE, {"judge": given.judge}))
        if len(parts) > 1:
            shares = {str(len(p.items)): p.share for p in parts}
            notes.append(Note(Remark.STRATA, {"strata": len(parts), "items": list(shares)}))
        hard, table = parts[0].hardness, parts[0].table
        if len(parts) > 1:
            hard, table, _ = measured(counts, how)
        base = references(table, parts, reference)
        redrawn = None
        if draws:
            generator = resample.generator(rng)
            redrawn = redraw(counts, parts, base, draws, generator)
            if given.judge:
                _add_judge_errors(redrawn, counts, given.judge, how, parts, base, start, generator)
        found = _result(table, parts, base, redrawn, level, counts, profile)
        under: Mapping[float, Floats] = {}
        if how.method != "self":
            excess = excess_log_odds(counts, parts)
            if len(counts.models) <= MANY:
                under = sensitivity(counts, how, profile, start, base)
            notes.append(Note(Remark.INTERACTION, {"excess": excess}))
        return replace(
            found,
            hardness=hard,
            n_trials=_trials(given, table),
            notes=tuple(notes),
            sensitivity=under,
        )


@cache
def _controller() -> ThreadpoolController:
    """What sets the threads of the matrix library; to find it takes a while."""
    return ThreadpoolController()


def identity_control(
    counts: Counts, *, draws: int = 200, rng: np.random.Generator | int = 0
) -> Estimate | None:
    """Score one half of the source answers as the target of the other half: it must be 1.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    draws, rng
        As in `hat_scores`.

    Returns
    -------
    Estimate or None
        For each model and the one target ``half`` (with the macro average first); None with fewer
        than four source answers an item.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([0.0, 1.0], n_items=400).responses.counts("sim")
    >>> found = identity_control(counts)
    >>> bool(((found.low < 1) & (found.high > 1)).all())
    True
    """
    split = halves(counts, rng)
    trials = split.source_trials[split.source_trials > 0]
    if not len(trials) or np.median(trials) < 2:
        return None
    found = score_counts(split, draws=draws, rng=rng)
    return found.measure("hat") if found.hardness.method == "self" else None


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
    >>> from hatlib.metric.hardness import self_hardness
    >>> from hatlib.metric.sufficient import tabulate
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
    start = reference.shape if isinstance(reference, Standard) else None
    fit = fit_profiles(table, found, profile, start=start)
    part = Part(np.array([], dtype=np.intp), 1.0, (), table, found, fit)
    base = references(table, [part], reference)
    return _result(table, [part], base, None, resample.LEVEL, None, profile)


# Choices ------------------------------------------------------------------------------------------


def _check_options(
    hardness: str,
    profile: str,
    reference: str | Standard,
    draws: int,
    level: float,
    correlation: float | None,
) -> None:
    problems = [
        Problem(f"{what} is not known.", f"Use one of {', '.join(known)}.", value=str(value))
        for what, value, known in (
            ("hardness", hardness, HARDNESS_NAMES),
            ("profile", profile, PROFILES),
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
    if correlation is not None and not 0 <= correlation < 1:
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


def _add_judge_errors(
    redrawn: Redrawn,
    counts: Counts,
    judge: Judge,
    how: Choices,
    parts: Sequence[Part],
    base: Base,
    start: Shape | None,
    rng: np.random.Generator,
) -> None:
    """Add what not knowing the judge exactly adds to redrawn scores (delta method).

    The errors are the same for all models, so that they cancel in differences as far as they can.
    """
    for lower, higher, steps in judge.unknowns():
        ends: list[tuple[Floats, Floats, Floats]] = []
        for each in (lower, higher):
            moved = fitted(replace(counts, judge=each), how, parts[0].fit.name, start)
            grid = moved[0].hardness.grid
            curves, c = curves_of(moved), counts.chance
            pooled = distribution_of(moved)[base.members].mean(axis=0)
            own = pooled if base.name == "pooled" else base.weight
            ends.append(
                (
                    adjusted(curves @ own, own, grid, c),
                    adjusted(curves @ pooled, pooled, grid, c),
                    curves @ base.nearly,
                )
            )
        noise = rng.standard_normal((len(redrawn.values["hat"]), 1, 1)) / steps
        for values, low, high in zip(redrawn.values.values(), *ends, strict=True):
            values += noise * (high - low)


# The result ---------------------------------------------------------------------------------------


def _result(
    table: SufficientTable,
    parts: Sequence[Part],
    base: Base,
    redrawn: Redrawn | None,
    level: float,
    counts: Counts | None,
    profile: str,
) -> BenchmarkScores:
    hardness, fit = parts[0].hardness, parts[0].fit
    values, distribution = curves_of(parts), distribution_of(parts)
    grid, c = hardness.grid, table.chance
    n_items = paired_items(table)
    supported, effective = support(parts, base.weight)
    marks = basic_marks(table, parts, n_items)
    once = marks[Flag.ONE_ANSWER]  # such items support nothing
    supported, effective = np.where(once, 0, supported), np.where(once, 0, effective)
    hats = {
        "hat": adjusted(values @ base.weight, base.weight, grid, c),
        "hat_pooled": adjusted(values @ base.pooled, base.pooled, grid, c),
        "f95": values @ base.nearly,
    }
    none = withheld(marks) | ~np.isfinite(hats["hat"])
    near = distribution[:, grid >= NEARBY].sum(axis=1)[:, None] * n_items
    missing = {"f95": none | (near < ENOUGH_ITEMS)}
    found = {
        name: _estimate(
            value,
            missing.get(name, none),
            None if redrawn is None else redrawn.values[name],
            effective if name == "hat" else n_items,
            level,
        )
        for name, value in hats.items()
    }
    marks |= _more_marks(counts, table, hardness.likelihood is None, supported, none)
    if hardness.likelihood is not None:
        marks[Flag.REPEATED_GUESSES] = repeated_guesses(distribution, grid, c)[:, None] & ~none
    marks[Flag.ESTIMATORS_DIFFER] = _disagree(counts, parts, base, found["hat"], profile) & ~none
    hat = found["hat"]
    bands = curve_draws = None
    if redrawn is not None and redrawn.curves is not None:
        bands = resample.percentile_interval(redrawn.curves, level)
        curve_draws = redrawn.curves[:, :, thinned(grid, c)]
    return BenchmarkScores(
        benchmark=table.benchmark,
        source_language=table.source_language,
        chance=c,
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
        hat=hat.value,
        low=hat.low,
        high=hat.high,
        se=hat.se,
        support=supported,
        effective_items=effective,
        marks=marks,
        n_items=n_items,
        n_trials=_trials(counts, table),
        metrics=table.metrics(),
        draws=hat.draws,
        notes=(),
        hat_pooled=found["hat_pooled"],
        f95=found["f95"],
        distribution=distribution,
        curve_draws=curve_draws,
        metric_draws=redrawn.metrics if redrawn else None,
    )


def _estimate(
    value: Floats, none: NDArray[np.bool_], draws: Floats | None, effective: Floats, level: float
) -> Estimate:
    value = np.where(none, np.nan, value)
    if draws is None:
        nan = np.full(value.shape, np.nan)
        return Estimate(value, nan, nan, nan, None)
    draws[:, none] = np.nan
    se = draws.std(axis=0, ddof=1)
    reach = interval_quantile(effective, level) * se
    return Estimate(value, value - reach, value + reach, se, draws)


def _more_marks(
    counts: Counts | None,
    table: SufficientTable,
    pooled: bool,
    supported: Floats,
    none: NDArray[np.bool_],
) -> Marks:
    """What weakens a score that is given."""
    marks: Marks = {Flag.EXTRAPOLATED: extrapolated(supported) & ~none}
    if counts is None:
        return marks
    trials = _trials(counts, table)[:, None]
    found = {
        Flag.BELOW_CHANCE: below_chance(counts),
        Flag.UNPARSED: unread(counts),
        Flag.TWO_ANSWERS: (trials == 2) & (not pooled),
        Flag.ONE_PROMPT: one_prompt(counts)[:, None] & (not pooled),
    }
    return marks | {flag: mark & ~none for flag, mark in found.items()}


def _disagree(
    counts: Counts | None, parts: Sequence[Part], base: Base, hat: Estimate, profile: str
) -> NDArray[np.bool_]:
    """Where what is borrowed from other models moves a score by more than it can vary."""
    few = 1 < len(hat.value) <= MANY
    if profile != "adaptive" or hat.draws is None or counts is None or not few:
        return np.zeros(hat.value.shape, dtype=bool)
    alone = [replace(p, fit=fit_profiles(p.table, p.hardness, "direct")) for p in parts]
    grid, chance = parts[0].hardness.grid, parts[0].table.chance
    direct = adjusted(curves_of(alone) @ base.weight, base.weight, grid, chance)
    with np.errstate(invalid="ignore"):
        gap = np.abs(direct - hat.value)
        suspect = np.asarray(gap > DISAGREE * hat.se)
        if not suspect.any():
            return suspect
        # What the direct score varies by beyond the adaptive one (Hausman 1978).
        again = redraw(counts, alone, base, CHECKS, np.random.default_rng(0)).values["hat"]
        more = np.sqrt(np.maximum(again.std(axis=0, ddof=1) ** 2 - hat.se**2, 0))
        return suspect & (gap > DISAGREE * more)


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
