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
from hatlib.metric.results import BenchmarkScores, HatScores
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
        Hochberg); ``target_accuracy`` of the same models; ``n_models`` with answers in the
        language, and ``accuracy_of_all``, the mean over those.
    cells : DataFrame
        One row a model × language: ``hat``, ``flag``, ``weak`` (extrapolated), ``n_items`` and
        ``averaged``.
    draws : ndarray, shape (n_draws, n_languages)
        Redrawn means, in the order of `languages`.
    effective : ndarray, shape (n_languages,)
        Effective items of the model that has fewest.
    level : float
        Nominal coverage of the intervals.
    reason : str
        Why there is no answer; empty if there is one.
    """

    benchmark: str
    benchmark_name: str
    models: tuple[str, ...]
    languages: pd.DataFrame
    cells: pd.DataFrame
    draws: Floats
    effective: Floats
    level: float
    reason: str

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
        place = {code: i for i, code in enumerate(self.languages["language"])}
        chosen = np.array([(place[a], place[b]) for a, b in pairs], dtype=int).reshape(-1, 2)
        names = self.languages["name"].to_numpy()[chosen]
        each = np.eye(len(place))
        found = _contrasts(
            self.languages["hat"].to_numpy(float),
            self.draws,
            (each[chosen[:, 0]] - each[chosen[:, 1]]).T,
            self.effective[chosen].min(axis=1),
            self.level,
        )
        found = found.drop(columns="se").rename(columns={"value": "difference"})
        return pd.concat([pd.DataFrame(names, columns=["first", "second"]), found], axis=1)

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
    reason = ""
    if len(b.targets) < 3:
        reason = "Two target languages are needed, and there is one. Add answers in another."
    elif not chosen.any():
        reason = "No model has a score in every language, so there is no mean to compare."
    at = np.flatnonzero(chosen & (not reason))
    kept = tuple(b.models[m] for m in at)
    rows = scores.table()
    rows = rows[(rows["benchmark"] == b.benchmark) & rows["target"].isin(b.targets[1:])]
    cells = rows[["model", "display_name", "target", "target_name", "hat", "flag", "n_items"]]
    cells = cells.rename(columns={"target": "language", "target_name": "name"})
    weak = cells["flag"].str.contains(Flag.EXTRAPOLATED.value, regex=False)
    cells = cells.assign(weak=weak, averaged=cells["model"].isin(kept)).reset_index(drop=True)
    name = scores.names.get(b.benchmark, b.benchmark)
    if reason:
        nothing = pd.DataFrame(columns=list(_COLUMNS)), cells, np.zeros((0, 0)), np.zeros(0)
        return LanguageEffects(b.benchmark, name, (), *nothing, scores.level, reason)
    draws = np.zeros((0, len(b.targets) - 1))
    if b.draws is not None:
        draws = b.draws[:, at, 1:].mean(axis=1)
    effective = b.effective_items[at, 1:].min(axis=0)
    table = _averages(scores, b, at, draws, effective)
    order = np.argsort(-table["hat"].to_numpy(), kind="stable")
    table = table.iloc[order].reset_index(drop=True)[list(_COLUMNS)]
    draws, effective = draws[:, order], effective[order]
    return LanguageEffects(
        b.benchmark, name, kept, table, cells, draws, effective, scores.level, ""
    )


_COLUMNS = (
    *("language", "name", "script", "family", "hat", "low", "high", "se"),
    *("from_others", "from_others_low", "from_others_high", "p_value", "q_value"),
    *("target_accuracy", "n_models", "accuracy_of_all"),
)


def _averages(
    scores: HatScores, b: BenchmarkScores, at: NDArray[np.intp], draws: Floats, effective: Floats
) -> pd.DataFrame:
    """One row a language: what is known of it, and its means over the chosen models."""
    codes = pd.DataFrame({"language": b.targets[1:]})
    known = scores.languages.reindex(columns=["language", "name", "script", "family"])
    frame = codes.merge(known, "left").fillna("").astype(str)
    frame["name"] = frame["name"].where(frame["name"] != "", frame["language"])
    n, hat = len(frame), b.hat[at, 1:].mean(axis=0)
    own = _contrasts(hat, draws, np.eye(n), effective, scores.level)
    others = np.eye(n) - (1 - np.eye(n)) / (n - 1)
    apart = _contrasts(hat, draws, others, effective, scores.level).drop(columns="se")
    apart = apart.rename(columns={"value": "from_others"} | {e: f"from_others_{e}" for e in _ENDS})
    accuracy = pd.DataFrame(b.metrics["target_accuracy"][:, 1:])
    counted = {
        "target_accuracy": accuracy.iloc[at].mean(skipna=False),
        "n_models": accuracy.count(),
        "accuracy_of_all": accuracy.mean(),
    }
    own = own[["value", *_ENDS, "se"]].rename(columns={"value": "hat"})
    return pd.concat([frame, own, apart], axis=1).assign(**counted)


_ENDS = ("low", "high")


def _contrasts(
    hat: Floats, draws: Floats, weights: Floats, effective: Floats, level: float
) -> pd.DataFrame:
    """Weighted sums of the languages, a column of weights each, with their intervals."""
    value = hat @ weights
    se = (draws @ weights).std(axis=0, ddof=1) if len(draws) else np.full(len(value), np.nan)
    reach = interval_quantile(effective, level) * se
    found = {"value": value, "low": value - reach, "high": value + reach, "se": se}
    return with_q_values(pd.DataFrame(found | {"p_value": p_values(value, se, effective)}))
