"""Which languages receive what a model can do, and which lose.

The estimand is the mean over a fixed group of models of the HAT score of each language.  All
languages are averaged over the same models: a mean over whoever was tested in a language would
compare models as much as languages.  Intervals come from the redraws of the scores, which share
their items between languages, so what the items have in common cancels in a difference.  Models
and languages are those at hand and no sample of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.metric.compare import p_values
from hatlib.metric.flags import Flag
from hatlib.metric.results import HatScores
from hatlib.metric.score import interval_quantile
from hatlib.resample import with_q_values

Floats = NDArray[np.float64]

DIALECT = "-x-"
"""Private-use tag, by which dialects are told from their standard language."""


@dataclass(frozen=True)
class LanguageEffects:
    """Transfer into each language, averaged over the same models.

    Attributes
    ----------
    benchmark, benchmark_name : str
    models : tuple of str
        The models that are averaged over: those whose score is not extrapolated in any language,
        or with any score in all of them if there are none.
    languages : DataFrame
        One row a language, best first: ``language``, ``name``, ``script``, ``family``; ``hat``
        with ``low``, ``high`` and ``se``; ``from_others`` (minus the mean of the other languages)
        with ``from_others_low``, ``from_others_high``, ``p_value`` and ``q_value`` (Benjamini and
        Hochberg); and ``target_accuracy`` of the same models.  It is empty where there are no two
        languages in which some model has scores.
    draws : ndarray, shape (n_draws, n_languages)
        Redrawn means, in the order of `languages`.
    effective : ndarray, shape (n_languages,)
        Effective items of the model that has fewest.
    level : float
        Nominal coverage of the intervals.
    """

    benchmark: str
    benchmark_name: str
    models: tuple[str, ...]
    languages: pd.DataFrame
    draws: Floats
    effective: Floats
    level: float

    def differences(self, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
        """Differences of languages, within the same models and items.

        Parameters
        ----------
        pairs : iterable of (str, str)
            Codes of languages.

        Returns
        -------
        DataFrame
            One row a pair: ``first`` and ``second`` (names), ``difference`` with ``low`` and
            ``high``, ``p_value``, and ``q_value`` (Benjamini and Hochberg).
        """
        codes, names = (self.languages[column].tolist() for column in ("language", "name"))
        at = np.array([(codes.index(a), codes.index(b)) for a, b in pairs], int).reshape(-1, 2)
        weights = np.eye(len(codes))[:, at[:, 0]] - np.eye(len(codes))[:, at[:, 1]]
        hat, effective = self.languages["hat"].to_numpy(float), self.effective[at].min(axis=1)
        found = _contrasts(hat, self.draws, weights, effective, self.level)
        found = found.drop(columns="se").rename(columns={"value": "difference"})
        for side in (1, 0):
            found.insert(0, ("first", "second")[side], np.array(names, dtype=object)[at[:, side]])
        return found

    def dialects(self) -> list[tuple[str, str]]:
        """Codes of each dialect and its standard language, as far as both are there."""
        codes = self.languages["language"].tolist()
        pairs = [(code, code.split(DIALECT)[0]) for code in codes if DIALECT in code]
        return [(dialect, standard) for dialect, standard in pairs if standard in codes]


def language_effects(
    scores: HatScores, *, benchmark: str = "", models: Sequence[str] | None = None
) -> LanguageEffects:
    """Average the scores of each language over the same models.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`.
    benchmark : str
        Which benchmark; the first if none is named.
    models : sequence of str, optional
        Models to average over. If not given: those whose score is not extrapolated in any
        language, or, if there are none, with any score in every language.

    Returns
    -------
    LanguageEffects

    Raises
    ------
    InputError
        If there is no such benchmark.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers(
    ...     [0.0, 1.0], targets=["de", "fr", "sw"], target_shift=[0.5, 0.5, -1.0], n_items=400
    ... )
    >>> found = language_effects(hat_scores(simulated.responses, draws=200))
    >>> found.languages["name"].tolist()[-1]
    'Swahili'
    """
    b = scores.benchmark(benchmark)
    scored = np.isfinite(b.hat[:, 1:]).all(axis=1)
    supported = scored & ~b.marks[Flag.EXTRAPOLATED][:, 1:].any(axis=1)
    chosen = supported if supported.any() else scored
    if models is not None:
        chosen = np.isin(b.models, list(models)) & scored
    n = len(b.targets) - 1 if len(b.targets) > 2 and chosen.any() else 0
    at = np.flatnonzero(chosen) if n else np.arange(len(b.models))
    hat = b.hat[at, 1 : n + 1].mean(axis=0)
    order = 1 + np.argsort(-hat, kind="stable")
    draws = np.zeros((0, n)) if b.draws is None else b.draws[:, at][:, :, order].mean(axis=1)
    effective, hat = b.effective_items[at][:, order].min(axis=0), hat[order - 1]
    own = _contrasts(hat, draws, np.eye(n), effective, scores.level)
    others = np.eye(n) - (1 - np.eye(n)) / max(n - 1, 1)
    apart = _contrasts(hat, draws, others, effective, scores.level).drop(columns="se")
    named = {"value": "from_others", "low": "from_others_low", "high": "from_others_high"}
    codes = pd.DataFrame({"language": np.array(b.targets)[order]}, dtype=str)
    known = scores.languages.reindex(columns=["language", "name", "script", "family"])
    table = codes.merge(known, "left").fillna("").astype(str)
    table["name"] = table["name"].mask(table["name"] == "", table["language"])
    table[["hat", "low", "high", "se"]] = own[["value", "low", "high", "se"]]
    table = table.join(apart.rename(columns=named))
    table["target_accuracy"] = b.metrics["target_accuracy"][at][:, order].mean(axis=0)
    models = tuple(b.models[m] for m in at) if n else ()
    name = scores.names.get(b.benchmark, b.benchmark)
    return LanguageEffects(b.benchmark, name, models, table, draws, effective, scores.level)


def _contrasts(
    hat: Floats, draws: Floats, weights: Floats, effective: Floats, level: float
) -> pd.DataFrame:
    """Weighted sums of means (one column of `weights` each), with intervals."""
    value = hat @ weights
    se = (draws @ weights).std(axis=0, ddof=1) if len(draws) else np.full(len(value), np.nan)
    reach = interval_quantile(effective, level) * se
    found = {"value": value, "low": value - reach, "high": value + reach, "se": se}
    return with_q_values(pd.DataFrame(found | {"p_value": p_values(value, se, effective)}))
