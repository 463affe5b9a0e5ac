"""The Hardness Adjusted Transfer (HAT) score, with its uncertainty.

One pipeline: answers in cells (`hatlib.metric.sufficient`) → hardness posterior
(`hatlib.metric.hardness`) → transfer profile (`hatlib.metric.profile`) → average over a reference
distribution of hardness (`hatlib.metric.reference`),

    HAT = (mean of f - chance) / (mean of h - chance),

so that perfect transfer is 1 and no transfer is 0.  Intervals come from redrawing items: every
model and every language is redrawn with the same weights, so that noise which models share cancels
in their differences.  Last comes what may be wrong with each score (`hatlib.metric.marks`).

Items may lie in strata (domains, topics).  Each stratum is then fitted by itself and the profiles
are averaged with fixed weights, the shares of the strata among all items, as mortality is adjusted
for age *and* sex.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hatlib import resample
from hatlib.data.responses import Counts, Responses
from hatlib.errors import InputError, Problem, listing
from hatlib.metric import sufficient
from hatlib.metric.answers import Settings, choose
from hatlib.metric.chance import Chance, doubts, seen_chance
from hatlib.metric.flags import WITHHOLDING, Flag, Note, Remark
from hatlib.metric.hardness import Hardness, self_hardness
from hatlib.metric.judge import Judge
from hatlib.metric.marks import Marks, basic_marks, nearly_solved, support, table_marks, weak_marks
from hatlib.metric.pooled import INTERACTIONS, excess_log_odds, one_thread, pooled_hardness
from hatlib.metric.profile import Alone, Mixed, fit_profiles
from hatlib.metric.reference import MEASURES, Fitted, Part, Reference, Standard, reference_for
from hatlib.metric.results import BenchmarkScores, Estimate, HatScores, thinned
from hatlib.metric.sufficient import Bools, Floats, Ints, SufficientTable

Progress = Callable[[str, int, int], None]

MANY = 200
"""With more models the sensitivity of single answers is left out, and what takes as long."""

DISAGREE = 2.0
"""Standard errors by which the adaptive and the direct score may differ without a flag."""

UNLIKELY = 3.0
"""Standard errors of a difference that make it more than luck."""

CHECKS = 40
"""Redraws of both where they do."""

MIN_STRATUM = 20
"""Smaller strata are put together."""

ALIKE = 0.1
"""Correlation of answers to one item, for what scores would be under it."""

_CHUNK = 500  # redraws at a time, so that their arrays fit into the processor's cache
_WEIGHTS = 4_000_000  # weights at a time, to bound memory
_EVIDENCE = 1_500_000  # numbers of evidence at a time, to bound memory
_ROWS = 800  # models × redraws that are worth a call
_CURVES = 40_000_000  # numbers of redrawn profiles that are kept


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
    about = responses.benchmarks.set_index("benchmark")
    there = about.index.astype(str).tolist()
    chosen = [benchmarks] if isinstance(benchmarks, str) else list(benchmarks or there)
    what, remedy = "there is no such benchmark.", f"There are: {listing(there, 40)}."
    if problems := [Problem(what, remedy, value=name) for name in chosen if name not in there]:
        raise InputError(problems)
    generator, results = resample.generator(rng), []
    for done, name in enumerate(chosen):
        if progress:
            progress(name, done, len(chosen))
        unsaid = "chance_assumed" in about and bool(about.loc[name, "chance_assumed"])
        results.append(_score(responses.counts(name), settings, generator, unsaid))
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
        From `hatlib.tabulate`, or merged from several.
    profile, reference, correlation
        As in `hat_scores`.

    Returns
    -------
    BenchmarkScores

    Examples
    --------
    >>> from hatlib import simulate_answers, tabulate
    >>> counts = simulate_answers(abilities=[-1, 0, 1], n_items=400).responses.counts("sim")
    >>> whole = score_counts(counts, draws=0)
    >>> bool(np.allclose(score_table(tabulate(counts)).hat, whole.hat, equal_nan=True))
    True
    """
    settings = Settings("self", profile, reference, correlation, None, 0)
    hardness = self_hardness(table, correlation=correlation)
    fit = fit_profiles(table, hardness, profile, start=getattr(reference, "shape", None))
    part = Part(np.arange(0), 1.0, (), table, hardness, fit)
    found = _joined([part], table, hardness, reference)
    trials = table.trials[table.source_items.argmax(axis=1)]
    return _result(found, found.marks, settings, trials, None)


def _score(
    given: Counts, settings: Settings, rng: np.random.Generator, unsaid: bool = False
) -> BenchmarkScores:
    """Answers → cells → hardness → profiles → reference → redraws → what may be wrong.

    Nobody has said the chance level if `unsaid`.
    """
    given = replace(given, judge=settings.judge)
    chance = seen_chance(given) if settings.draws or unsaid else Chance()
    unsaid = unsaid and doubts(given, chance)
    with one_thread():
        counts, settings, notes = choose(given, settings)
        found = fitted(counts, settings)
        trials = _usual_trials(counts)
        marks, seen = weak_marks(found, counts, trials)
        notes += seen
        every = np.ones(found.curves.shape[:2], dtype=bool)
        marks |= {Flag.CHANCE_UNSAID: every & unsaid}
        if chance.likelier is not None:
            marks[Flag.CHANCE] = every
            numbers = {"told": counts.chance, "likelier": chance.likelier}
            notes.append(Note(Remark.CHANCE, numbers))
        fits = [part.fit for part in found.parts if isinstance(part.fit, Mixed)]
        if (odd := np.any([(x.spread > x.shape.spread)[:, 0, 1] for x in fits], axis=0)).any():
            notes.append(Note(Remark.UNLIKE, {"models": np.array(counts.models)[odd].tolist()}))
        if settings.judge:
            notes.append(Note(Remark.JUDGE, {"judge": settings.judge}))
        if counts.strata is not None and len(found.parts) > 1:
            numbers = {"strata": len(found.parts), "named": len(np.unique(counts.strata))}
            numbers["fewest"] = MIN_STRATUM
            notes.append(Note(Remark.STRATA, numbers))
        redrawn = redraw(counts, found, settings.draws, rng) if settings.draws else None
        if redrawn and settings.judge:
            redrawn = _with_unsure_judge(redrawn, counts, found, settings, rng)
        scores = _result(found, found.marks | marks, settings, trials, redrawn)
        scores = replace(scores, n_trials=_usual_trials(given), notes=tuple(notes))
        if scores.profile == "adaptive":
            differ = {Flag.ESTIMATORS_DIFFER: _disagree(counts, found, scores)}
            scores = replace(scores, marks={**scores.marks, **differ})
        if settings.hardness != "self":
            return _with_other_hardness(scores, counts, found, settings)
        if settings.draws and not settings.correlation and counts.prompted is None:
            return _with_prompts_alike(scores, counts, found, settings)
        return scores


def _usual_trials(counts: Counts) -> Ints:
    """The usual number of answers an item of each model in the source language."""
    rows = (row[row > 0] for row in counts.source_trials)
    return np.array([np.bincount(row).argmax() if len(row) else 0 for row in rows])


# Fitting ------------------------------------------------------------------------------------------


def fitted(counts: Counts, settings: Settings) -> Fitted:
    """Every stratum fitted by itself; all items together if there are no strata."""
    n = len(counts.items)
    whole = _part(counts, settings, np.arange(n), 1.0)
    parts = [whole]
    if counts.strata is not None and len(strata := _strata(counts.strata)) > 1:
        parts = [_part(_some_items(counts, i), settings, i, len(i) / n) for i in strata]
    return _joined(parts, whole.table, whole.hardness, settings.reference)


def _part(counts: Counts, settings: Settings, items: NDArray[np.intp], share: float) -> Part:
    """Items in cells, what is known of the cells, how hard their items are, and the profiles."""
    if settings.hardness == "self":
        cells = sufficient.cells_of(counts, settings.one_out)
        table = sufficient.tabulate(counts, cells)
        if settings.one_out is not None:
            table = replace(table, whole=sufficient.tabulate(counts))
        hardness = self_hardness(table, correlation=settings.correlation or 0)
    else:
        method, interaction = settings.hardness, settings.interaction
        hardness, cells = pooled_hardness(counts, method, interaction=interaction)
        table = sufficient.tabulate(counts, cells)
    start = getattr(settings.reference, "shape", None)  # of a frozen standard
    fit = fit_profiles(table, hardness, settings.profile, start=start)
    return Part(items, share, cells.ledgers, table, hardness, fit)


def _joined(
    parts: Sequence[Part], table: SufficientTable, hardness: Hardness, asked: str | Standard
) -> Fitted:
    """Profiles of strata, averaged; table and hardness are those of all items."""
    curves = _curves(parts, [part.fit.parameters for part in parts])
    distribution = np.sum([part.share * part.hardness.distribution for part in parts], axis=0)
    marks = basic_marks(table, [part.table for part in parts])
    none = np.any([marks[flag] for flag in WITHHOLDING], axis=0)
    # Models without a score, such as those at chance, are no population to compare others at.
    members = ~none.all(axis=1)
    if not members.any():
        members = table.source_items.sum(axis=1) > 0
    pooled = distribution[members].mean(axis=0)
    reference = reference_for(asked, table, hardness.grid, pooled, members)
    return Fitted(tuple(parts), table, hardness, curves, distribution, marks, none, reference)


def _curves(parts: Sequence[Part], parameters: Sequence[Floats]) -> Floats:
    """Profiles by the parameters of each stratum, averaged."""
    each = zip(parts, parameters, strict=True)
    return sum((part.share * part.fit.values(mine) for part, mine in each), np.zeros(()))


def _strata(strata: NDArray[np.str_]) -> list[NDArray[np.intp]]:
    """The items of each stratum; strata that are too small to be fitted are put together.

    Examples
    --------
    >>> [len(items) for items in _strata(np.array(["a"] * 30 + ["b"] * 5 + ["c"] * 9 + ["d"] * 8))]
    [30, 22]
    """
    names, at, n = np.unique(strata, return_inverse=True, return_counts=True)
    small = n < MIN_STRATUM
    if n[small].sum() < MIN_STRATUM and not small.all() and small.any():
        small[np.flatnonzero(~small)[n[~small].argmin()]] = True
    names = names.astype(object)
    names[small] = names[small][0] if small.sum() == 1 else "other strata"
    return [np.flatnonzero(names[at] == name) for name in sorted(set(names))]


def _some_items(counts: Counts, items: NDArray[np.intp]) -> Counts:
    """The answers to some items."""
    place = np.full(len(counts.items), -1)
    place[items] = np.arange(len(items))
    prompted = counts.prompted
    if prompted is not None:
        prompted = prompted.rows(place[prompted.item] >= 0)
        prompted = replace(prompted, item=place[prompted.item])
    arrays = ("source_correct", "source_trials", "target_correct", "target_trials")
    return replace(
        counts,
        items=tuple(counts.items[i] for i in items),
        clusters=counts.clusters[items],
        prompted=prompted,
        **{name: getattr(counts, name)[..., items] for name in arrays},
    )


# Uncertainty --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Redrawn:
    """What becomes of the scores when items are redrawn.

    Attributes
    ----------
    values : mapping of str to ndarray, shape (n_draws, n_models, n_targets + 1)
        By the names of `MEASURES`.
    curves : ndarray, shape (n_draws, n_models, n_grid), or None
        Macro profiles; None if there are too many to be kept.
    metrics : mapping of str to ndarray, shape (n_draws, n_models)
        The macro average of the traditional metrics.
    """

    values: Mapping[str, Floats]
    curves: Floats | None
    metrics: Mapping[str, Floats]


def redraw(counts: Counts, found: Fitted, draws: int, rng: np.random.Generator) -> Redrawn:
    """Redraw the items of a benchmark that was fitted."""
    n_models, n_targets, n_grid = found.curves.shape
    sums = sufficient.paired_sums(counts)
    known = sums[0] > 0
    # With no gaps, all languages share their items, and their mean rate is enough.
    targets = slice(0, 1) if (known[:, 1:] == known[:, :1]).all() else slice(1, None)
    sums = np.ascontiguousarray(sums[:, :, targets])
    size = n_models * n_targets * found.parts[0].fit.parameters.shape[-1]
    n_clusters = int(counts.clusters.max()) + 1
    step = max(20, min(draws, _CHUNK, _WEIGHTS // n_clusters, _EVIDENCE // size))
    some = max(1, _ROWS // step)
    batches = [slice(m, min(m + some, n_models)) for m in range(0, n_models, some)]
    values = {name: np.empty((draws, n_models, n_targets)) for name in MEASURES}
    curves = np.empty((draws, n_models, n_grid)) if draws * n_models * n_grid <= _CURVES else None
    metrics: dict[str, Floats] = {}
    with ThreadPoolExecutor(min(len(batches), os.cpu_count() or 1)) as pool:
        for start in range(0, draws, step):
            here = slice(start, min(start + step, draws))
            n = here.stop - start
            weights = resample.weights(rng, counts.clusters, n).astype(float)
            # Noise is drawn here and not in the threads, whose order is left to chance.
            noise = np.random.default_rng(rng.integers(2**63))
            parameters, pooled = [], np.zeros((n, n_grid))
            for part in found.parts:
                seen = list(pool.map(partial(_evidence, part, weights[:, part.items]), batches))
                parameters.append(part.fit.update(np.concatenate([e for e, _ in seen]), noise))
                hardness = np.concatenate([distribution for _, distribution in seen])
                pooled += part.share * hardness[found.reference.members].mean(axis=0)
            now = replace(found.reference, pooled=pooled)
            again = partial(_scores, found.parts, parameters, now)
            for models, (scores, macro) in zip(batches, pool.map(again, batches), strict=True):
                for name, each in scores.items():
                    values[name][here, models] = each.swapaxes(0, 1)
                if curves is not None:
                    curves[here, models] = macro.swapaxes(0, 1)
            again_paired = np.moveaxis(np.tensordot(sums, weights, axes=(3, 1)), 3, 1)
            for name, each in sufficient.traditional(again_paired).items():
                metrics.setdefault(name, np.empty((draws, n_models)))[here] = each[..., 0]
    return Redrawn(values, curves, metrics)


def _evidence(part: Part, weights: Floats, models: slice) -> tuple[Floats, Floats]:
    """Evidence of the profiles and distribution of hardness of some models in the redraws."""
    _, n_targets, n_cells = part.table.items.shape
    sums = np.stack([x.sums(weights, n_cells) for x in part.ledgers[models]])
    distribution, expect = part.hardness.redrawn(models, weights, sums[:, 0])
    items = sums[:, 1 : n_targets + 1].swapaxes(1, 2)
    rates = sufficient.mean_rates(sums[:, n_targets + 1 :].swapaxes(1, 2), items)
    return part.fit.evidence(models, items, np.nan_to_num(rates), expect), distribution


def _scores(
    parts: Sequence[Part], parameters: Sequence[Floats], reference: Reference, models: slice
) -> tuple[dict[str, Floats], Floats]:
    """The measures and the macro profiles of some models in the redraws."""
    curves = _curves(parts, [each[models] for each in parameters])
    return reference.scores(curves), curves[:, :, 0]


def _result(
    found: Fitted, marks: Marks, settings: Settings, trials: Ints, redrawn: Redrawn | None
) -> BenchmarkScores:
    """Scores with their intervals and marks."""
    table, fit, reference = found.table, found.parts[0].fit, found.reference
    supported, effective, extrapolated = support(found)
    n_items, solved = table.paired_items(), nearly_solved(found)
    values = reference.scores(found.curves)
    none = found.withheld | ~np.isfinite(values["hat"])
    estimates: dict[str, Any] = {}
    for name, value in values.items():
        value[none | ~solved if name == "f95" else none] = np.nan
        draws, se = None, np.full(value.shape, np.nan)
        if redrawn is not None:
            draws = redrawn.values[name]
            draws[:, np.isnan(value)] = np.nan
            se = draws.std(axis=0, ddof=1)
        enough = effective if name == "hat" else n_items
        reach = interval_quantile(enough, settings.level) * se
        estimates[name] = Estimate(value, value - reach, value + reach, se, draws)
    estimates["score"] = estimates.pop("hat")
    marks = marks | table_marks(found, trials) | {Flag.EXTRAPOLATED: extrapolated}
    always = (*WITHHOLDING, Flag.OTHER_LANGUAGES)
    bands = curve_draws = None
    if redrawn is not None and redrawn.curves is not None:
        bands = resample.percentile_interval(redrawn.curves, settings.level)
        curve_draws = redrawn.curves[:, :, thinned(reference.grid, reference.chance)]
    return BenchmarkScores(
        table=table,
        hardness=found.hardness,
        profile=fit.name,
        reference=reference.name,
        weight=reference.weight,
        shape=fit.shape if isinstance(fit, Mixed) and fit.name != "logit" else None,
        curves=found.curves,
        bands=bands,
        **estimates,
        support=supported,
        effective_items=effective,
        marks={flag: mark if flag in always else mark & ~none for flag, mark in marks.items()},
        n_items=n_items,
        n_trials=trials,
        metrics=sufficient.traditional(table.paired[..., 1:]),
        distribution=found.distribution,
        curve_draws=curve_draws,
        metric_draws=redrawn.metrics if redrawn else None,
    )


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


# Other assumptions --------------------------------------------------------------------------------


def _with_unsure_judge(
    redrawn: Redrawn, counts: Counts, found: Fitted, settings: Settings, rng: np.random.Generator
) -> Redrawn:
    """Redrawn scores with what not knowing the judge exactly adds (delta method).

    It is the same errors for all models, so that they cancel in differences as far as they can.
    """
    values = redrawn.values
    for *ends, steps in settings.judge.unknowns() if settings.judge else ():
        moved = []
        for judge in ends:
            near = fitted(replace(counts, judge=judge), settings)
            pooled = near.distribution[found.reference.members].mean(axis=0)
            moved.append(replace(found.reference, pooled=pooled).scores(near.curves))
        noise = rng.standard_normal((settings.draws, 1, 1)) / steps
        low, high = moved
        values = {name: each + noise * (high[name] - low[name]) for name, each in values.items()}
    return replace(redrawn, values=values)


def _disagree(counts: Counts, found: Fitted, scores: BenchmarkScores) -> Bools:
    """Where what is borrowed from other models moves a score by more than it can vary."""
    if scores.draws is None or not 1 < len(scores.hat) <= MANY:
        return np.zeros(scores.hat.shape, dtype=bool)
    alone = [replace(p, fit=fit_profiles(p.table, p.hardness, "direct")) for p in found.parts]
    curves = _curves(alone, [part.fit.parameters for part in alone])
    with np.errstate(invalid="ignore"):
        gap = np.abs(found.reference.scores(curves)["hat"] - scores.hat)
        suspect = np.asarray(gap > DISAGREE * scores.se)
        if not suspect.any():
            return suspect
        # What the difference itself varies by, as both are redrawn with the same items.
        fits = (replace(p.fit, wanted=suspect) for p in alone if isinstance(p.fit, Alone))
        parts = tuple(replace(p, fit=fit) for p, fit in zip(alone, fits, strict=True))
        direct = replace(found, parts=parts)
        each = (redraw(counts, fit, CHECKS, np.random.default_rng(0)) for fit in (found, direct))
        borrowed, own = (redrawn.values["hat"] for redrawn in each)
        return suspect & (gap > UNLIKELY * (own - borrowed).std(axis=0, ddof=1))


def _with_other_hardness(
    scores: BenchmarkScores, counts: Counts, found: Fitted, settings: Settings
) -> BenchmarkScores:
    """What the scores would be if models found other items hard, and whether they do."""
    sensitivity, excess = {}, {}
    for sd in INTERACTIONS if len(counts.models) <= MANY else INTERACTIONS[:1]:
        other = fitted(counts, replace(settings, interaction=sd)) if sd else found
        excess[sd] = excess_log_odds(counts, other.parts)
        sensitivity[sd] = found.reference.scores(other.curves)["hat"]
    # The interaction that leaves no excess, at most the largest tried.
    seen = np.nan
    means = [each[np.isfinite(each)].mean() for each in excess.values() if np.isfinite(each).any()]
    if len(means) == len(INTERACTIONS):
        seen = float(np.interp(0, np.maximum.accumulate(-np.array(means)), INTERACTIONS))
    note = Note(Remark.INTERACTION, {"excess": excess[0.0], "sd": seen})
    scores = replace(scores, notes=(*scores.notes, note))
    if len(sensitivity) < len(INTERACTIONS):
        return scores
    if settings.draws:
        share = [np.interp(seen, INTERACTIONS, row) for row in np.eye(len(INTERACTIONS))]
        there = np.tensordot(share, list(sensitivity.values()), 1)
        differ = (np.abs(there - scores.hat) > scores.se) | (seen >= INTERACTIONS[1])
        differ &= np.isfinite(scores.hat)
        scores = replace(scores, marks={**scores.marks, Flag.OTHER_HARDNESS: differ})
    return replace(scores, sensitivity=sensitivity)


def _with_prompts_alike(
    scores: BenchmarkScores, counts: Counts, found: Fitted, settings: Settings
) -> BenchmarkScores:
    """The note on prompts that nobody named, with how far scores move if answers are correlated."""
    alike = fitted(counts, replace(settings, correlation=ALIKE)).curves
    there = found.reference.scores(alike)["hat"][:, 0]
    moved = np.where(scores.sound[:, 0], np.abs(there - scores.hat[:, 0]), np.nan)
    if not np.isfinite(moved).any():
        return scores
    m = int(np.nanargmax(moved))
    data = {"model": counts.models[m], "here": scores.hat[m, 0], "there": there[m]}
    data |= {"moved": np.nanmedian(moved), "correlation": ALIKE}
    more = Note(Remark.UNNAMED_PROMPTS, data)
    notes = tuple(more if note.remark is more.remark else note for note in scores.notes)
    return replace(scores, notes=notes)
