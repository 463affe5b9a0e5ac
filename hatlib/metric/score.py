"""The Hardness Adjusted Transfer (HAT) score, with its uncertainty.

One pipeline: hardness posterior (`metric.hardness`) → transfer profile (`hatlib.metric.profile`) →
average over a reference distribution of hardness (`hatlib.metric.reference`),

    HAT = (mean of f - chance) / (mean of h - chance),

so that perfect transfer is 1 and no transfer is 0.  Intervals come from redrawing items: every
model and every language is redrawn with the same weights, so that noise which models share cancels
in their differences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from threadpoolctl import ThreadpoolController

from hatlib import resample
from hatlib.data.responses import BY_ITEM, Counts, Responses
from hatlib.errors import InputError, Problem, listing
from hatlib.metric import estimate
from hatlib.metric import marks as weak
from hatlib.metric.answers import check_chance
from hatlib.metric.checks import excess_log_odds, halves, sensitivity
from hatlib.metric.estimate import Method, Part, Settings
from hatlib.metric.flags import Flag, Note, Remark
from hatlib.metric.hardness import hardness_of_cells
from hatlib.metric.judge import Judge
from hatlib.metric.profile import Mixed, fit_alone, fit_profiles
from hatlib.metric.redraw import Redrawn, redraw
from hatlib.metric.reference import ENOUGH_ITEMS, MEASURES, NEARBY, SUPPORTED, Base, Standard
from hatlib.metric.results import BenchmarkScores, Estimate, HatScores, thinned
from hatlib.metric.sufficient import Bools, Floats, Ints, SufficientTable

Progress = Callable[[str, int, int], None]

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
    promptings show of the item (`hatlib.metric.sufficient`). Items with a ``stratum`` are compared
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
    settings = Settings(hardness, profile, reference, correlation, judge, draws, level)
    if targets is not None:
        responses = responses.subset(benchmarks=benchmarks, languages=targets)
    chosen = _chosen(responses, benchmarks)
    generator, results = resample.generator(rng), []
    about = responses.benchmarks.set_index("benchmark")
    for done, name in enumerate(chosen):
        if progress:
            progress(name, done, len(chosen))
        counts = responses.counts(name)
        if "chance_assumed" in about and about.loc[name, "chance_assumed"]:
            check_chance(counts)
        results.append(_score(counts, settings, generator))
    if progress:
        progress("scores", len(chosen), len(chosen))
    names = {str(key): str(name) for key, name in about["name"].items()}
    seed = None if isinstance(rng, np.random.Generator) else int(rng)
    return HatScores(
        tuple(results), responses.models, responses.languages, names, draws, level, seed
    )


def score_counts(
    counts: Counts, *, rng: np.random.Generator | int = 0, **options: Any
) -> BenchmarkScores:
    """The scores of one benchmark, from its dense arrays.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark.
    rng : numpy.random.Generator or int
        Random numbers of the redraws.
    **options
        ``hardness``, ``profile``, ``reference``, ``correlation``, ``judge``, ``draws`` and
        ``level`` of `hat_scores`.

    Returns
    -------
    BenchmarkScores
        Arrays of models × (macro + targets).
    """
    return _score(counts, Settings(**options), resample.generator(rng))


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
    return found.score if found.hardness.method == "self" else None


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
    settings = Settings("self", profile, reference, correlation, None, 0)
    hardness = hardness_of_cells(
        table.correct,
        table.trials,
        table.source_items,
        table.chance,
        correlation=correlation,
        judge=table.judge.of(table.source_language) if table.judge else None,
    )
    fit = fit_profiles(table, hardness, profile, start=settings.start)
    part = Part(np.array([], dtype=np.intp), 1.0, hardness, table, fit)
    return _result(part, [part], estimate.base_of(table, [part], settings), settings, None, None)


# Choices ------------------------------------------------------------------------------------------


def _chosen(responses: Responses, benchmarks: str | Sequence[str] | None) -> list[str]:
    there = responses.benchmarks["benchmark"].astype(str).tolist()
    asked = [benchmarks] if isinstance(benchmarks, str) else list(benchmarks or there)
    _refuse("there is no such benchmark.", asked, there)
    return asked


def _refuse(what: str, asked: Sequence[str], there: Sequence[str]) -> None:
    """Refuse names that are not there."""
    remedy = f"There are: {listing(there, 40)}."
    if problems := [Problem(what, remedy, value=name) for name in asked if name not in there]:
        raise InputError(problems)


def _check(counts: Counts, settings: Settings) -> None:
    """Refuse what would not fit into memory, and a judge of other languages."""
    size = settings.draws * len(counts.models) * (len(counts.targets) + 1)
    if size > MOST_DRAWN:
        fewer = MOST_DRAWN * settings.draws // size // 100 * 100
        raise InputError(
            f"{len(counts.models):,} models in {len(counts.targets)} target languages are too "
            f"many for {settings.draws} redraws in memory.",
            f"Use {max(fewer, 20)} redraws (--draws), or score fewer models at a time.",
        )
    judged = settings.judge.languages if settings.judge else {}
    languages = sorted({counts.source_language, *counts.targets})
    _refuse(f"{counts.benchmark} has no language of this name.", list(judged), languages)
    if judged and counts.source_language == BY_ITEM:
        what = "the judge differs by language, and the source language by item."
        raise InputError(what, "Give one judge for all languages.")


# One benchmark ------------------------------------------------------------------------------------


def _score(given: Counts, settings: Settings, rng: np.random.Generator) -> BenchmarkScores:
    """Hardness and profiles, the references, redraws, and what there is to say of them."""
    _check(given, settings)
    judge = settings.judge
    # Threads of the matrix library only wait for one another with arrays of this size.
    with _controller().limit(limits=1, user_api="blas"):
        counts, method, notes = estimate.choose(replace(given, judge=judge), settings)
        parts = estimate.fitted(counts, method)
        whole = parts[0]
        if judge:
            notes.append(Note(Remark.JUDGE, {"judge": judge}))
        if len(parts) > 1:
            items = [str(len(part.items)) for part in parts]
            notes.append(Note(Remark.STRATA, {"strata": len(parts), "items": items}))
            hardness, table = estimate.measured(counts, method)
            whole = replace(whole, hardness=hardness, table=table)
        base = estimate.base_of(whole.table, parts, settings)
        redrawn = None
        if settings.draws:
            redrawn = redraw(counts, parts, base, settings.draws, rng)
            if judge:
                _add_judge_errors(redrawn, counts, judge, method, base, rng)
        found = _result(whole, parts, base, settings, counts, redrawn)
        if method.hardness != "self":
            notes.append(Note(Remark.INTERACTION, {"excess": excess_log_odds(counts, parts)}))
            if len(counts.models) <= MANY:
                hat = base.scores(found.curves)["hat"]
                found = replace(found, sensitivity=sensitivity(counts, method, base, hat))
    return replace(found, n_trials=_usual_trials(given), notes=tuple(notes))


@cache
def _controller() -> ThreadpoolController:
    """What sets the threads of the matrix library; to find it takes a while."""
    return ThreadpoolController()


def _add_judge_errors(
    redrawn: Redrawn,
    counts: Counts,
    judge: Judge,
    method: Method,
    base: Base,
    rng: np.random.Generator,
) -> None:
    """Add what not knowing the judge exactly adds to redrawn scores (delta method).

    The errors are the same for all models, so that they cancel in differences as far as they can.
    """
    for *ends, steps in judge.unknowns():
        moved = [estimate.fitted(replace(counts, judge=each), method) for each in ends]
        low, high = (
            replace(base, pooled=estimate.distribution_of(parts)[base.members].mean(axis=0)).scores(
                estimate.curves_of(parts)
            )
            for parts in moved
        )
        noise = rng.standard_normal((len(redrawn.values["hat"]), 1, 1)) / steps
        for name, values in redrawn.values.items():
            values += noise * (high[name] - low[name])


def _result(
    whole: Part,
    parts: Sequence[Part],
    base: Base,
    settings: Settings,
    counts: Counts | None,
    redrawn: Redrawn | None,
) -> BenchmarkScores:
    """Scores with their intervals and marks."""
    table, fit = whole.table, whole.fit
    curves, distribution = estimate.curves_of(parts), estimate.distribution_of(parts)
    n_items = weak.paired_items(table)
    marks = weak.basic_marks(table, parts)
    supported, effective = (
        np.where(marks[Flag.ONE_ANSWER], 0, values) for values in weak.support(parts, base.weight)
    )  # items that were answered once support nothing
    values = base.scores(curves)
    none = weak.withheld(marks) | ~np.isfinite(values["hat"])
    near = distribution[:, base.grid >= NEARBY].sum(axis=1)[:, None] * n_items
    missing = {"hat": none, "hat_pooled": none, "f95": none | (near < ENOUGH_ITEMS)}
    found = {
        name: _estimate(
            np.where(missing[name], np.nan, values[name]),
            None if redrawn is None else redrawn.values[name],
            effective if name == "hat" else n_items,
            settings.level,
        )
        for name in MEASURES
    }
    marks[Flag.EXTRAPOLATED] = supported < SUPPORTED
    trials = (
        table.trials[table.source_items.argmax(axis=1)] if counts is None else _usual_trials(counts)
    )
    if counts is not None:
        own = whole.hardness.likelihood is not None
        marks |= weak.weak_marks(counts, trials, own)
        if own:
            repeated = weak.repeated_guesses(distribution, base.grid, base.chance)
            marks[Flag.REPEATED_GUESSES] = repeated[:, None]
        if fit.name == "adaptive":
            marks[Flag.ESTIMATORS_DIFFER] = _disagree(counts, parts, base, found["hat"])
    always = [flag for flag in Flag if flag.withholds or flag is Flag.OTHER_LANGUAGES]
    marks = {flag: mark if flag in always else mark & ~none for flag, mark in marks.items()}
    bands = curve_draws = None
    if redrawn is not None and redrawn.curves is not None:
        bands = resample.percentile_interval(redrawn.curves, settings.level)
        curve_draws = redrawn.curves[:, :, thinned(base.grid, base.chance)]
    return BenchmarkScores(
        table=table,
        hardness=replace(whole.hardness, ledgers=()),
        profile=fit.name,
        reference=base.name,
        weight=base.weight,
        shape=fit.shape if isinstance(fit, Mixed) and fit.name != "logit" else None,
        curves=curves,
        bands=bands,
        score=found["hat"],
        hat_pooled=found["hat_pooled"],
        f95=found["f95"],
        support=supported,
        effective_items=effective,
        marks=marks,
        n_items=n_items,
        n_trials=trials,
        metrics=table.metrics(),
        distribution=distribution,
        curve_draws=curve_draws,
        metric_draws=redrawn.metrics if redrawn else None,
    )


def _estimate(value: Floats, draws: Floats | None, effective: Floats, level: float) -> Estimate:
    if draws is None:
        nan = np.full(value.shape, np.nan)
        return Estimate(value, nan, nan, nan, None)
    draws[:, np.isnan(value)] = np.nan
    se = draws.std(axis=0, ddof=1)
    reach = interval_quantile(effective, level) * se
    return Estimate(value, value - reach, value + reach, se, draws)


def _disagree(counts: Counts, parts: Sequence[Part], base: Base, hat: Estimate) -> Bools:
    """Where what is borrowed from other models moves a score by more than it can vary."""
    if hat.draws is None or not 1 < len(hat.value) <= MANY:
        return np.zeros(hat.value.shape, dtype=bool)
    fits = [fit_alone(p.table, p.hardness, "direct") for p in parts]
    alone = [replace(p, fit=fit) for p, fit in zip(parts, fits, strict=True)]
    with np.errstate(invalid="ignore"):
        gap = np.abs(base.scores(estimate.curves_of(alone))["hat"] - hat.value)
        suspect = np.asarray(gap > DISAGREE * hat.se)
        if not suspect.any():
            return suspect
        # What the direct score varies by beyond the adaptive one (Hausman 1978).
        alone = [
            replace(p, fit=replace(fit, wanted=suspect)) for p, fit in zip(parts, fits, strict=True)
        ]
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


def _usual_trials(counts: Counts) -> Ints:
    """The usual number of answers an item of each model in the source language."""
    rows = (row[row > 0] for row in counts.source_trials)
    return np.array([np.bincount(row).argmax() if len(row) else 0 for row in rows])
