"""Which languages receive what a model can do, and which lose.

The estimand is the mean over a fixed group of models of the HAT score of each language.  All
languages are averaged over the same models: a mean over whoever was tested in a language would
compare models as much as languages.  Intervals come from the redraws of the scores, which share
their items between languages, so what the items have in common cancels in a difference.  Models
and languages are those at hand and no sample of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.lines import distance
from hatlib.metric.compare import p_values
from hatlib.metric.results import BenchmarkScores, HatScores
from hatlib.metric.score import interval_quantile
from hatlib.show.words import counted, headline, joined, markdown_text, signed

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

_DIALECT = "-x-"  # private-use tag, by which dialects are told from their standard language


@dataclass(frozen=True)
class LanguageEffects:
    """Transfer into each language, averaged over the same models.

    Attributes
    ----------
    benchmark, benchmark_name : str
    models : tuple of str
        The models that are averaged over: those with a supported score in every language, or with
        any score if there are none.
    languages : DataFrame
        One row a language, best first: ``language``, ``name``, ``script``, ``family``; ``hat``
        with ``low``, ``high`` and ``se``; ``from_others`` (minus the mean of the other languages)
        with ``from_others_low``, ``from_others_high``, ``p_value`` and ``q_value`` (Benjamini and
        Hochberg); ``target_accuracy`` of the same models; ``n_models`` with answers in the
        language, and ``accuracy_of_all``, the mean over those.
    cells : DataFrame
        One row a model × language: ``hat``, ``flag``, ``weak`` (flagged) and ``averaged``.
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

    def table(self) -> pd.DataFrame:
        """One row a language, best first."""
        return self.languages.copy()

    def naive(self) -> pd.DataFrame:
        """Mean accuracy over every model that has answers in a language, the best first."""
        frame = self.languages[["name", "n_models", "accuracy_of_all"]]
        return frame.sort_values("accuracy_of_all", ascending=False, ignore_index=True)

    def pairs(self) -> pd.DataFrame:
        """Every language against every other, within the same models and items.

        Returns
        -------
        DataFrame
            ``better``, ``worse`` (names), ``difference`` with ``low`` and ``high``, ``p_value``
            and ``q_value``.
        """
        first, second = np.triu_indices(len(self.languages), 1)
        return self._differences(first, second)

    def dialects(self) -> pd.DataFrame:
        """Each dialect against its standard language; a dialect's code has a private-use tag.

        Returns
        -------
        DataFrame
            As `pairs`, with ``dialect`` and ``standard`` in place of ``better`` and ``worse``.
        """
        codes = [] if self.reason else self.languages["language"].tolist()
        found = [
            (i, codes.index(code.split(_DIALECT)[0]))
            for i, code in enumerate(codes)
            if _DIALECT in code and code.split(_DIALECT)[0] in codes
        ]
        first, second = np.array(found, dtype=int).reshape(-1, 2).T
        frame = self._differences(first, second)
        return frame.rename(columns={"better": "dialect", "worse": "standard"})

    def by(self, column: str) -> pd.DataFrame:
        """Means over the languages of a ``script`` or ``family``.

        Returns
        -------
        DataFrame
            One row a group: the group, ``n_languages``, their names, and ``hat`` with ``low`` and
            ``high``. The interval is about these languages, not about others of the group.
        """
        rows = []
        for group, part in self.languages.groupby(column, sort=False):
            at = part.index.to_numpy()
            se = self.draws[:, at].mean(axis=1).std(ddof=1) if len(self.draws) else np.nan
            reach = float(interval_quantile(self.effective[at].min(), self.level)) * se
            hat = float(part["hat"].mean())
            rows.append(
                {
                    column: str(group) or "unknown",
                    "n_languages": len(part),
                    "languages": ", ".join(part["name"]),
                    "hat": hat,
                    "low": hat - reach,
                    "high": hat + reach,
                }
            )
        columns = [column, "n_languages", "languages", "hat", "low", "high"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values("hat", ascending=False, ignore_index=True)

    def missing(self) -> pd.DataFrame:
        """Languages in which some models have no answers, and which models those are."""
        none = self.cells[self.cells["n_items"] == 0]
        rows = [
            {"name": name, "n_missing": len(part), "models": ", ".join(part["display_name"])}
            for name, part in none.groupby("name", sort=False)
        ]
        return pd.DataFrame(rows, columns=["name", "n_missing", "models"])

    def chart(self) -> Figure | Notice:
        """HAT of each language with its interval."""
        from hatlib.show import charts

        if self.reason:
            return charts.Notice(self.reason)
        n = counted(len(self.models), "model")
        return charts.intervals(
            self.languages,
            value="hat",
            low="low",
            high="high",
            row="name",
            color="script" if len(set(self.languages["script"])) > 1 else None,
            zero=1.0,
            name=f"languages-{self.benchmark}",
            title_x="HAT score (0 none, 1 perfect transfer)",
            caption=(
                f"{self.benchmark_name}: transfer into each language, mean over the same {n}. "
                f"Bars are {self.level:.0%} intervals from redrawn items. The line at 1 is "
                "perfect transfer."
            ),
        )

    def heat(self) -> Figure | Notice:
        """Tiles of model × language; scores with a flag are grey."""
        from hatlib.show import charts

        known = self.cells.dropna(subset="hat")
        mean = known.groupby("model")["hat"].transform("mean")
        ranked = known.assign(mean=mean).sort_values("mean", ascending=False, kind="stable")
        order = self.languages["language"].tolist() if not self.reason else []
        place = {code: i for i, code in enumerate(order)}
        ranked = ranked.assign(place=ranked["language"].map(place).fillna(len(place)))
        # Columns stand in the order of their first row.
        ranked = ranked.sort_values(["mean", "model", "place"], ascending=[False, True, True])
        return charts.heat(
            ranked,
            x="language",
            y="display_name",
            value="hat",
            grey="weak",
            name=f"model-by-language-{self.benchmark}",
            title_value="HAT",
            caption=(
                f"{self.benchmark_name}: HAT of each model in each language, by its code. Grey "
                "tiles have a flag: the model has few items over much of the reference. Where "
                "there is no tile there is no score."
            ),
        )

    def summary(self) -> str:
        """Which languages receive most and least, in sentences made from the numbers."""
        if self.reason:
            return f"{headline(self.benchmark_name, 'cannot tell')} {self.reason}"
        best, worst = (self.languages.iloc[i] for i in (0, -1))
        clear = self.languages[self.languages["q_value"] < distance.CLEAR]
        verdict = "languages differ" if len(clear) else "cannot tell languages apart"
        text = (
            f"{headline(self.benchmark_name, verdict)} Over "
            f"{counted(len(self.models), 'model')}, HAT runs from {_value(worst)} to "
            f"{_value(best)}."
        )
        up = clear.loc[clear["from_others"] > 0, "name"].tolist()
        down = clear.loc[clear["from_others"] < 0, "name"].tolist()
        for names, words in ((up, "more"), (down, "less")):
            if names:
                verb = "receives" if len(names) == 1 else "receive"
                text += (
                    f" {joined([markdown_text(n) for n in names])} {verb} clearly {words} than "
                    "the mean of the other languages."
                )
        return text

    def dialect_summary(self) -> str:
        """What dialects lose, in sentences made from the numbers."""
        frame = self.dialects()
        if frame.empty:
            return (
                f"{markdown_text(self.benchmark_name)} has no dialect beside its standard language."
            )
        parts = [
            f"{markdown_text(row['dialect'])} {signed(row['difference'], 2)} "
            f"[{signed(row['low'], 2)}, {signed(row['high'], 2)}]"
            for row in frame.to_dict("records")
        ]
        n = int((frame["q_value"] < distance.CLEAR).sum())
        return (
            f"Against its standard language, in HAT: {joined(parts)}. "
            f"{n} of {counted(len(frame), 'difference')} "
            f"{'is' if n == 1 else 'are'} clear at a false discovery rate of {distance.CLEAR:.0%}."
        )

    def missing_summary(self) -> str:
        """What missing answers would do to a mean over whoever was tested."""
        frame = self.missing()
        if frame.empty or self.reason:
            return (
                f"{markdown_text(self.benchmark_name)}: every model has answers in each language."
            )
        languages = self.languages.copy()
        naive = languages["accuracy_of_all"].rank(ascending=False)
        fair = languages["target_accuracy"].rank(ascending=False)
        moved = int((naive != fair).sum())
        return (
            f"{markdown_text(self.benchmark_name)}: some models have no answers in "
            f"{joined([markdown_text(name) for name in frame['name']])}. A mean over whoever has "
            f"answers changes the rank of {counted(moved, 'language')}, against the mean over the "
            f"same {counted(len(self.models), 'model')}."
        )

    def _differences(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> pd.DataFrame:
        """Differences of languages at two places, with intervals and q-values."""
        hat = self.languages["hat"].to_numpy(dtype=float)
        names = self.languages["name"].to_numpy() if len(self.languages) else np.array([])
        gap = self.draws[:, first] - self.draws[:, second]
        se = gap.std(axis=0, ddof=1) if len(gap) else np.full(len(first), np.nan)
        effective = np.minimum(self.effective[first], self.effective[second])
        estimate = hat[first] - hat[second]
        reach = interval_quantile(effective, self.level) * se
        frame = pd.DataFrame(
            {
                "better": names[first],
                "worse": names[second],
                "difference": estimate,
                "low": estimate - reach,
                "high": estimate + reach,
                "p_value": p_values(estimate, se, effective),
            }
        )
        return distance.with_q_values(frame)


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
        Models to average over. If not given: those with a supported score in every language, or,
        if there are none, with any score in every language.

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
    name = scores.names.get(b.benchmark, b.benchmark)
    cells = _cells(scores, b)
    hat, flags = b.hat[:, 1:], b.flags[:, 1:]
    scored = np.isfinite(hat).all(axis=1)
    sound = scored & (flags == "").all(axis=1)
    chosen = sound if sound.any() else scored
    if models is not None:
        chosen = np.isin(b.models, list(models)) & scored
    at = np.flatnonzero(chosen)
    kept = tuple(b.models[m] for m in at)
    cells = cells.assign(averaged=cells["model"].isin(kept))
    n_languages = hat.shape[1]
    reason = ""
    if n_languages < 2:
        reason = "Two target languages are needed, and there is one. Add answers in another."
    elif not len(at):
        reason = "No model has a score in every language, so there is no mean to compare."
    if reason:
        none = pd.DataFrame(columns=[*_COLUMNS])
        return LanguageEffects(
            b.benchmark, name, (), none, cells, np.zeros((0, 0)), np.zeros(0), scores.level, reason
        )
    draws = b.draws[:, at, 1:].mean(axis=1) if b.draws is not None else np.zeros((0, n_languages))
    effective = b.effective_items[at, 1:].min(axis=0)
    frame = _averages(b, at, draws, effective, scores.level)
    frame = _described(scores, b.targets[1:]).join(frame)
    order = np.argsort(-frame["hat"].to_numpy(), kind="stable")
    return LanguageEffects(
        b.benchmark,
        name,
        kept,
        frame.iloc[order].reset_index(drop=True)[list(_COLUMNS)],
        cells,
        draws[:, order],
        effective[order],
        scores.level,
        "",
    )


def language_sets(scores: HatScores) -> pd.DataFrame:
    """The languages that receive most and least on each benchmark, or why nobody can tell.

    Returns
    -------
    DataFrame
        One row a benchmark: ``benchmark_name``, ``models``, ``languages``, ``first`` and ``last``
        with their scores, how many languages are ``clear`` of the mean of the others, and ``note``.
    """
    rows: list[dict[str, object]] = []
    for each in scores.benchmarks:
        found = language_effects(scores, benchmark=each.benchmark)
        row: dict[str, object] = {
            "benchmark_name": found.benchmark_name,
            "models": len(found.models),
            "languages": len(each.targets) - 1,
            "first": "",
            "last": "",
            "note": found.reason,
        }
        if not found.reason:
            best, worst = (found.languages.iloc[i] for i in (0, -1))
            row |= {
                "first": best["name"],
                "hat_first": best["hat"],
                "last": worst["name"],
                "hat_last": worst["hat"],
                "clear": int((found.languages["q_value"] < distance.CLEAR).sum()),
                "note": _note(each, found),
            }
        rows.append(row)
    columns = ["benchmark_name", "models", "languages", "first", "hat_first", "last", "hat_last"]
    return pd.DataFrame(rows, columns=[*columns, "clear", "note"])


def missing_summaries(scores: HatScores) -> str:
    """What missing answers would do to a mean over whoever was tested, set by set."""
    found = [language_effects(scores, benchmark=each.benchmark) for each in scores.benchmarks]
    texts = [each.missing_summary() for each in found if len(each.missing()) and not each.reason]
    return "\n\n".join(texts) or "In these sets every model has answers in each language."


def sets_summary(scores: HatScores) -> str:
    """In how many sets languages can be told apart, in sentences made from the numbers."""
    table = language_sets(scores)
    able = table[table["clear"].fillna(0) > 0]
    tell = "tells" if len(able) == 1 else "tell"
    text = headline("Every set", f"{len(able)} of {len(table)} sets {tell} languages apart")
    parts = [
        f"{markdown_text(row['benchmark_name'])}: {markdown_text(row['first'])} "
        f"{row['hat_first']:.2f} to {markdown_text(row['last'])} {row['hat_last']:.2f}"
        for row in able.to_dict("records")
    ]
    return f"{text} {'; '.join(parts)}." if parts else text


# Parts ------------------------------------------------------------------------------------------

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
    se, se_apart = (
        (draws.std(axis=0, ddof=1), (draws @ minus).std(axis=0, ddof=1))
        if len(draws)
        else (nothing, nothing)
    )
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
    return distance.with_q_values(frame)


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
    return cells.assign(weak=cells["flag"] != "").reset_index(drop=True)


def _note(b: BenchmarkScores, found: LanguageEffects) -> str:
    left = len(b.models) - len(found.models)
    weak = found.cells[found.cells["averaged"] & found.cells["weak"]]
    parts = []
    if left:
        parts.append(f"{counted(left, 'model')} left out: no supported score in every language.")
    if len(weak):
        parts.append("The scores are extrapolated.")
    if (found.languages["hat"] > 1).any():
        parts.append("Some languages lie above perfect transfer.")
    return " ".join(parts)


def _value(row: pd.Series) -> str:
    text = f"{row['hat']:.2f}"
    if np.isfinite(row["low"]):
        text += f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{text} ({markdown_text(row['name'])})"
