"""The same scores under other choices: does the answer hang on one of them?

A choice is an estimator of the profile, a reference, or a measure of hardness.  The items that are
redrawn are the same for all choices, so their answers can be compared one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from hatlib.data.responses import Responses
from hatlib.errors import InputError
from hatlib.lines.distance import seed_of
from hatlib.metric.compare import compare_all, compare_models
from hatlib.metric.results import HatScores
from hatlib.metric.score import EXTRAPOLATED, hat_scores
from hatlib.show.words import counted, headline, joined, signed

#: What is tried, by name: options of `hatlib.hat_scores`.
CHOICES: Mapping[str, Mapping[str, str]] = {
    "profile direct": {"profile": "direct"},
    "profile shared": {"profile": "shared"},
    "profile adaptive": {"profile": "adaptive"},
    "reference uniform": {"reference": "uniform"},
    "reference pooled": {"reference": "pooled"},
    "hardness self": {"hardness": "self"},
    "hardness pooled": {"hardness": "pooled"},
    "hardness leave-one-out": {"hardness": "leave-one-out"},
}

AS_SHOWN = "as shown"

_FEW = 3  # models or languages that make a ranking


@dataclass(frozen=True)
class Choices:
    """The scores of one benchmark under several choices.

    Attributes
    ----------
    benchmark, benchmark_name : str
    scores : dict of str to HatScores
        By choice; the first is what the page shows.
    reasons : mapping of str to str
        Why other choices are not possible.
    """

    benchmark: str
    benchmark_name: str
    scores: dict[str, HatScores]
    reasons: Mapping[str, str]

    def models(self) -> pd.DataFrame:
        """How much the ranking of the models changes.

        Returns
        -------
        DataFrame
            One row a choice: number of ``models`` with a score under it and as shown; Kendall's
            ``tau`` of the two rankings; ``largest_change`` of a score; how many of the scores are
            ``extrapolated`` under the choice; the ``first`` model; and how many of the pairs that
            were ``told_apart`` as shown are ``reversed``. Scores that are flagged as shown are
            left out.
        """
        shown = self.scores[AS_SHOWN]
        base = shown.benchmark()
        names = dict(zip(shown.models["model"], shown.models["display_name"], strict=True))
        sound = np.isfinite(base.hat[:, 0]) & (base.flags[:, 0] == "")
        apart = _apart(shown)
        rows: list[dict[str, object]] = []
        for choice, scores in self.scores.items():
            b = scores.benchmark()
            both = sound & np.isfinite(b.hat[:, 0])
            hats = pd.Series(b.hat[both, 0], np.array(b.models)[both])
            turned = [
                (hats[better] < hats[worse])
                for better, worse in apart
                if better in hats.index and worse in hats.index
            ]
            rows.append(
                {
                    "choice": choice,
                    "models": int(both.sum()),
                    "tau": _tau(base.hat[both, 0], b.hat[both, 0]),
                    "largest_change": (
                        float(np.abs(base.hat[both, 0] - b.hat[both, 0]).max())
                        if both.any()
                        else np.nan
                    ),
                    "extrapolated": int(
                        sum(EXTRAPOLATED in flag for flag in b.flags[both, 0].tolist())
                    ),
                    "first": str(names[hats.idxmax()]) if len(hats) else "",
                    "told_apart": len(turned),
                    "reversed": int(np.sum(turned)),
                }
            )
        return pd.DataFrame(rows)

    def languages(self) -> pd.DataFrame:
        """How much the ranking of the languages changes.

        Returns
        -------
        DataFrame
            One row a choice: number of ``languages``, Kendall's ``tau``, ``largest_change`` of
            a mean over models, the ``first`` and the ``last`` language.
        """
        from hatlib.claims.languages import language_effects

        shown = language_effects(self.scores[AS_SHOWN])
        rows: list[dict[str, object]] = []
        for choice, scores in self.scores.items():
            found = language_effects(scores, models=shown.models)
            if found.reason or shown.reason:
                continue
            pair = shown.languages.merge(found.languages, on="language", suffixes=("_shown", ""))
            ranked = pair.sort_values("hat")["name"].tolist()
            change = (pair["hat"] - pair["hat_shown"]).abs().max()
            rows.append(
                {
                    "choice": choice,
                    "languages": len(pair),
                    "tau": _tau(pair["hat_shown"].to_numpy(), pair["hat"].to_numpy()),
                    "largest_change": float(change),
                    "first": ranked[-1],
                    "last": ranked[0],
                }
            )
        columns = ["choice", "languages", "tau", "largest_change", "first", "last"]
        return pd.DataFrame(rows, columns=columns)

    def language_summary(self) -> str:
        """Whether the ranking of the languages holds, in a sentence."""
        table = self.languages()
        tried = table[(table["choice"] != AS_SHOWN) & table["tau"].notna()]
        if tried.empty:
            return (
                f"{headline(self.benchmark_name, 'cannot tell')} There is no ranking of languages "
                "that could change."
            )
        least = tried.sort_values("tau").iloc[0]
        same = [name for name in ("first", "last") if len(set(table[name])) == 1]
        text = (
            f"{headline(self.benchmark_name, 'rankings of the languages compared')} "
            f"{_least_tau(float(least['tau']), str(least['choice']))}"
        )
        ends = (
            f"The {joined(same)} language {'is' if len(same) == 1 else 'are'}"
            if same
            else "Neither the first nor the last language is"
        )
        return f"{text} {ends} the same under all choices.{self.impossible()}"

    def pair(self, models: Sequence[str]) -> pd.DataFrame:
        """The difference of two models under each choice: ``difference``, ``low``, ``high``.

        There is no row if `models` are fewer than two.
        """
        if len(models) < 2:
            return pd.DataFrame(columns=["choice", "difference", "low", "high"])
        rows: list[dict[str, object]] = []
        for choice, scores in self.scores.items():
            found = compare_models(scores, *models[:2])
            rows.append(
                {
                    "choice": choice,
                    "hat_a": found.hat_a,
                    "hat_b": found.hat_b,
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "flags": "; ".join(sorted(set(found.flags))),
                }
            )
        return pd.DataFrame(rows)

    def pair_summary(self, models: Sequence[str]) -> str:
        """Whether the difference of two models keeps its direction, in a sentence."""
        table = self.pair(models).dropna(subset="difference")
        if len(table) < 2:
            return f"{headline(self.benchmark_name, 'nothing to compare')} There is no pair."
        base, tried = table.iloc[0], table.iloc[1:]
        same = np.sign(tried["difference"]) == np.sign(base["difference"])
        least, most = (signed(v, 2) for v in (tried["difference"].min(), tried["difference"].max()))
        text = f"As shown the difference is {signed(base['difference'], 2)}. "
        if same.all():
            return (
                f"{text}Under {counted(len(tried), 'other choice')} it keeps its direction, and "
                f"runs from {least} to {most}.{self.impossible()}"
            )
        turned = joined(tried.loc[~same, "choice"].tolist())
        return f"{text}It turns round under {turned}.{self.impossible()}"

    def summary(self) -> str:
        """Whether the ranking of the models holds, in sentences made from the numbers."""
        table = self.models()
        tried = table[table["choice"] != AS_SHOWN]
        if table["models"].iloc[0] < 2 or tried.empty:
            return (
                f"{headline(self.benchmark_name, 'cannot tell')} Fewer than two supported scores, "
                "so there is no ranking that could change."
            )
        turned = tried[tried["reversed"] > 0]
        verdict = "it holds" if turned.empty else "it hangs on a choice"
        if not table["told_apart"].iloc[0]:
            verdict = "nothing that could change"
        text = f"{headline(self.benchmark_name, verdict)}"
        if tried["tau"].notna().any():
            least = tried.sort_values("tau").iloc[0]
            text += f" {_least_tau(float(least['tau']), str(least['choice']))}"
        apart = int(table["told_apart"].iloc[0])
        if not apart:
            return (
                f"{text} No pair of models is told apart, so none can be reversed."
                f"{self.impossible()}"
            )
        text += f" Of {counted(apart, 'pair')} that {'is' if apart == 1 else 'are'} told apart, "
        if turned.empty:
            return f"{text}no choice reverses one.{self.impossible()}"
        parts = [
            f"{row['choice']} reverses {int(row['reversed'])}" for row in turned.to_dict("records")
        ]
        return f"{text}{joined(parts)}.{self.impossible()}"

    def impossible(self) -> str:
        """Which choices these data do not allow, as a sentence with a space in front."""
        if not self.reasons:
            return ""
        return f" Not possible on these data: {joined(list(self.reasons))}."


def other_choices(
    responses: Responses,
    benchmark: str,
    *,
    hardness: str = "auto",
    profile: str = "adaptive",
    reference: str = "auto",
    draws: int = 300,
    seed: int = 0,
) -> Choices:
    """Score one benchmark under every choice of `CHOICES`.

    Parameters
    ----------
    responses : Responses
        From `hatlib.load_responses`.
    benchmark : str
        Which benchmark.
    hardness, profile, reference : str
        The choice as shown.
    draws, seed : int
        Redraws of the items, and their seed.

    Returns
    -------
    Choices

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> profiles = ["linear", "linear", "square", "square", "strong shift"]
    >>> simulated = simulate_answers([-1, 1, -1, 1, 0], profiles=profiles, n_items=400)
    >>> found = other_choices(simulated.responses, "sim", draws=50)
    >>> int(found.models().set_index("choice").loc["profile direct", "reversed"])
    0
    """
    shown: dict[str, Any] = {"hardness": hardness, "profile": profile, "reference": reference}
    rng = seed_of(seed, benchmark)

    def scored(options: Mapping[str, Any]) -> HatScores:
        chosen = shown | dict(options)
        return hat_scores(responses, benchmarks=benchmark, draws=draws, rng=rng, **chosen)

    base = scored({})
    used = base.benchmark()
    same = {
        f"profile {used.profile}",
        f"reference {used.reference}",
        f"hardness {used.hardness.method}",
    }
    found, reasons = {AS_SHOWN: base}, {}
    if np.isfinite(used.hat).any():
        for choice, options in CHOICES.items():
            if choice in same:
                continue
            try:
                found[choice] = scored(options)
            except InputError as error:
                reasons[choice] = error.problems[0].what
    return Choices(benchmark, base.names.get(benchmark, benchmark), found, reasons)


def _apart(scores: HatScores) -> list[tuple[str, str]]:
    """Pairs of models that are told apart, the better one first."""
    if not scores.n_draws:
        return []
    pairs = compare_all(scores).pairs
    pairs = pairs[pairs["told_apart"]]
    return list(zip(pairs["id_a"].astype(str), pairs["id_b"].astype(str), strict=True))


def _least_tau(tau: float, choice: str) -> str:
    """The lowest agreement of two rankings, in a sentence."""
    if tau > 1 - 1e-9:
        return "Every other choice gives the same ranking."
    low = f"{tau:.2f}".replace("-", "−")
    return f"Kendall's tau with the ranking as shown is {low} or more; it is lowest for {choice}."


def _tau(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau; nan if there is no ranking."""
    if len(a) < _FEW or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(stats.kendalltau(a, b).statistic)
