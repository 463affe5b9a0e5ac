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
from scipy import stats

from hatlib.metric.compare import p_values
from hatlib.metric.flags import Flag
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import interval_quantile

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
        first, second = chosen.T
        hat, names = (self.languages[c].to_numpy() for c in ("hat", "name"))
        gap = self.draws[:, first] - self.draws[:, second]
        se = gap.std(axis=0, ddof=1) if len(gap) else np.full(len(first), np.nan)
        effective = np.minimum(self.effective[first], self.effective[second])
        estimate = (hat[first] - hat[second]).astype(float)
        reach = interval_quantile(effective, self.level) * se
        frame = pd.DataFrame(
            {
                "first": names[first],
                "second": names[second],
                "difference": estimate,
                "low": estimate - reach,
                "high": estimate + reach,
                "p_value": p_values(estimate, se, effective),
            }
        )
        return _with_q_values(frame)

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
    hat = b.hat[:, 1:]
    n_languages = hat.shape[1]
    scored = np.isfinite(hat).all(axis=1)
    supported = scored & ~b.marks[Flag.EXTRAPOLATED][:, 1:].any(axis=1)
    chosen = supported if supported.any() else scored
    if models is not None:
        chosen = np.isin(b.models, list(models)) & scored
    at = np.flatnonzero(chosen)
    reason = ""
    if n_languages < 2:
        reason = "Two target languages are needed, and there is one. Add answers in another."
    elif not len(at):
        reason = "No model has a score in every language, so there is no mean to compare."
    kept = () if reason else tuple(b.models[m] for m in at)
    table = _described(scores, b.targets[1:] if not reason else ())
    draws, effective = np.zeros((0, len(table))), np.zeros(len(table))
    if reason:
        table = table.reindex(columns=list(_COLUMNS))
    else:
        effective = b.effective_items[at, 1:].min(axis=0)
        if b.draws is not None:
            draws = b.draws[:, at, 1:].mean(axis=1)
        table = table.join(_averages(b, at, draws, effective, scores.level))
        order = np.argsort(-table["hat"].to_numpy(), kind="stable")
        table = table.iloc[order].reset_index(drop=True)[list(_COLUMNS)]
        draws, effective = draws[:, order], effective[order]
    name = scores.names.get(b.benchmark, b.benchmark)
    cells = _cells(scores, b)
    cells = cells.assign(averaged=cells["model"].isin(kept))
    return LanguageEffects(
        b.benchmark, name, kept, table, cells, draws, effective, scores.level, reason
    )


_COLUMNS = (
    *("language", "name", "script", "family", "hat", "low", "high", "se"),
    *("from_others", "from_others_low", "from_others_high", "p_value", "q_value"),
    *("target_accuracy", "n_models", "accuracy_of_all"),
)


def _averages(
    b: BenchmarkScores, at: NDArray[np.intp], draws: Floats, effective: Floats, level: float
) -> pd.DataFrame:
    """Means over models, and their distances from the mean of the other languages."""
    n = len(effective)
    hat = b.hat[at, 1:].mean(axis=0)
    minus = np.eye(n) - (1 - np.eye(n)) / (n - 1)
    apart = hat @ minus
    nothing = np.full(n, np.nan)
    se = draws.std(axis=0, ddof=1) if len(draws) else nothing
    se_apart = (draws @ minus).std(axis=0, ddof=1) if len(draws) else nothing
    t = interval_quantile(effective, level)
    accuracy = b.metrics["target_accuracy"][:, 1:]
    known = np.isfinite(accuracy)
    frame = pd.DataFrame(
        {
            "hat": hat,
            "low": hat - t * se,
            "high": hat + t * se,
            "se": se,
            "from_others": apart,
            "from_others_low": apart - t * se_apart,
            "from_others_high": apart + t * se_apart,
            "p_value": p_values(apart, se_apart, effective),
            "target_accuracy": accuracy[at].mean(axis=0),
            "n_models": known.sum(axis=0),
            "accuracy_of_all": np.where(known, accuracy, 0).sum(axis=0)
            / np.maximum(known.sum(axis=0), 1),
        }
    )
    return _with_q_values(frame)


def _with_q_values(frame: pd.DataFrame) -> pd.DataFrame:
    p = frame["p_value"].to_numpy(float)
    known = np.isfinite(p)
    q = np.full(len(p), np.nan)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    return frame.assign(q_value=q)


def _described(scores: HatScores, codes: Sequence[str]) -> pd.DataFrame:
    """Name, script and family of each language; empty where they are not known."""
    known = scores.languages.set_index("language").reindex(list(codes))
    frame = pd.DataFrame({"language": list(codes)})
    for column in ("name", "script", "family"):
        frame[column] = known[column].astype("object").fillna("").astype(str).to_numpy()
    frame["name"] = frame["name"].where(frame["name"] != "", frame["language"])
    return frame


def _cells(scores: HatScores, b: BenchmarkScores) -> pd.DataFrame:
    """One row a model and language."""
    table = scores.table()
    rows = table[(table["benchmark"] == b.benchmark) & table["target"].isin(b.targets[1:])]
    cells = rows[["model", "display_name", "target", "target_name", "hat", "flag", "n_items"]]
    cells = cells.rename(columns={"target": "language", "target_name": "name"})
    weak = cells["flag"].str.contains(Flag.EXTRAPOLATED.value, regex=False)
    return cells.assign(weak=weak).reset_index(drop=True)
