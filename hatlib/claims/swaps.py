"""Pairs of models that two measures of hardness put in opposite order, and why they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib import resample
from hatlib.claims.agreement import RELIABLE, UNSURE, two_digits
from hatlib.data.responses import Counts
from hatlib.metric.compare import compare_all
from hatlib.metric.hardness import MIN_MODELS, pooled_hardness
from hatlib.metric.results import HatScores
from hatlib.metric.sufficient import source_rates
from hatlib.show.words import counted, headline, markdown_text
from hatlib.thresholds import BOOK

if TYPE_CHECKING:
    from hatlib.claims.alternatives import Alternatives
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

APART = 0.1
"""A share of the items that two measures place differently and that is worth saying."""

OWN = BOOK["own_items"]
"""A model finds other items hard than the others if its correlation with them is below this."""


@dataclass(frozen=True)
class Swaps:
    """Pairs of models that turn round between two measures of hardness.

    Attributes
    ----------
    found : Alternatives
        One set of answers under several measures.
    pairs : DataFrame
        One row a pair of models and of measures: ``first``, ``second`` (measures);
        ``ahead_by_first``, ``ahead_by_second`` (models); ``first_difference`` and
        ``second_difference``, both as the one ahead by the first minus the other; ``clear``,
        whether both measures tell the two apart; ``id_a`` and ``id_b``, the models in that order.
    """

    found: Alternatives
    pairs: pd.DataFrame

    def table(self, *, clear: bool = False) -> pd.DataFrame:
        """The pairs, the clear ones first; only these if `clear`."""
        table = self.pairs.sort_values("clear", ascending=False, kind="stable", ignore_index=True)
        return table[table["clear"].astype(bool)] if clear else table

    def count(self, *, clear: bool = False) -> int:
        """How many pairs of models turn round under some measure."""
        table = self.table(clear=clear)
        return len(set(map(frozenset, zip(table["id_a"], table["id_b"], strict=True))))

    @cached_property
    def largest(self) -> dict[str, Any] | None:
        """The largest clear swap, or the largest of all; None if no pair is swapped.

        The size of a swap is the smaller of its two differences.
        """
        table = self.table(clear=bool(self.count(clear=True)))
        if table.empty:
            return None
        size = np.minimum(table["first_difference"], -table["second_difference"])
        return {str(k): v for k, v in table.iloc[int(size.argmax())].items()}

    def chart(self) -> Figure | Notice:
        """Where the two measures of the largest swap place the items of its two models."""
        from hatlib.show import charts

        swap, parts = self.largest, []
        if swap is None:
            return charts.curves(
                pd.DataFrame({"source_probability": [], "share": [], "display_name": []}),
                x="source_probability",
                y="share",
                series="display_name",
                name="no-swap",
                caption="",
            )
        for measure in (swap["first"], swap["second"]):
            frame = self.found.scores[measure].hardness_distribution(self.found.benchmark)
            frame = frame[frame["model"].isin([swap["id_a"], swap["id_b"]])]
            parts.append(frame.assign(measure=f"hardness {measure}"))
        return charts.curves(
            pd.concat(parts, ignore_index=True),
            x="source_probability",
            y="share",
            series="display_name",
            facet="measure",
            name=f"hardness-of-a-swap-{self.found.benchmark}",
            title_x="Probability of a right answer in the source language",
            title_y="Share of the items",
            caption=(
                f"{self.found.title}: the largest {'clear' if swap['clear'] else 'unclear'} swap. "
                "Share of the items up to each probability of a right answer, by each measure. "
                "Where the line of a model differs between the panels, the measures disagree "
                "about what it can do."
            ),
        )

    def ingredients(self) -> pd.DataFrame:
        """What differs for the two models of the largest swap, under each of the two measures.

        Returns
        -------
        DataFrame
            ``display_name``, ``measure``, ``hat``, ``low``, ``high``, ``support``, ``donors``
            (models whose answers tell how hard an item is), ``answers`` to an item, ``moved``
            (largest share of its items that the two measures place differently), and the
            columns of `shared_hardness`.
        """
        swap, f = self.largest, self.found
        if swap is None:
            return pd.DataFrame(columns=list(_INGREDIENTS))
        measures = (swap["first"], swap["second"])
        fit = follows(f).set_index("model").drop(columns=["display_name", "answers"])
        rows = []
        for model in (swap["id_a"], swap["id_b"]):
            m = f.counts.models.index(model)
            trials = f.counts.source_trials[m]
            shares = [f.under(measure).hardness.distribution[m].cumsum() for measure in measures]
            for measure in measures:
                b = f.under(measure)
                row = {
                    "display_name": f.names[m],
                    "measure": measure,
                    "hat": b.hat[m, 0],
                    "low": b.low[m, 0],
                    "high": b.high[m, 0],
                    "support": b.support[m, 0],
                    "donors": int(f.donors(measure)[m].sum()),
                    "answers": float(np.median(trials[trials > 0])),
                    "moved": float(np.abs(shares[0] - shares[1]).max()),
                }
                rows.append(row | (fit.loc[model].to_dict() if model in fit.index else {}))
        return pd.DataFrame(rows, columns=list(_INGREDIENTS))

    def why(self) -> list[str]:
        """The known reasons for the largest swap that these data show, as sentences."""
        table, said = self.ingredients(), []
        for row in table.drop_duplicates("measure").to_dict("records"):
            if row["measure"] != "self" and row["donors"] < MIN_MODELS:
                said.append(
                    f"Hardness {markdown_text(row['measure'])} rests on the answers of "
                    f"{counted(row['donors'], 'model')}."
                )
        if table["answers"].min() < 2:
            said.append("Items were answered once each, which shows little of how hard they are.")
        for row in table.drop_duplicates("display_name").to_dict("records"):
            name = markdown_text(row["display_name"])
            if row["shared_high"] < OWN:
                said.append(
                    f"{name} finds other items hard than the other models do: its success goes "
                    f"with theirs by {two_digits(row['shared'])}, where 1 is full agreement."
                )
            if row["moved"] > APART:
                said.append(
                    f"The two measures place up to {row['moved']:.0%} of the items of {name} "
                    "differently."
                )
        return said

    def summary(self) -> str:
        """Which pairs turn round, and why, in sentences made from the numbers."""
        f, swap = self.found, self.largest
        if len(f.measures) < 2:
            return f"{headline(f.title, UNSURE)} Fewer than two measures of hardness fit."
        if f.sound().sum() < 2:
            return f"{headline(f.title, UNSURE)} Fewer than two models have an unflagged score."
        if swap is None:
            return (
                f"{headline(f.title, 'no reversal')} No measure puts two models in another order."
            )
        n, clear = self.count(), self.count(clear=True)
        text = (
            f"{headline(f.title, 'clear reversals' if clear else 'swaps within noise only')} "
            f"{counted(n, 'pair')} of models {'is' if n == 1 else 'are'} in another order under "
            f"some measure, {clear or 'none'} of them clearly. The largest: "
            f"{markdown_text(swap['ahead_by_first'])} is ahead of "
            f"{markdown_text(swap['ahead_by_second'])} by {swap['first_difference']:.2f} with "
            f"hardness {markdown_text(swap['first'])}, and behind by "
            f"{-swap['second_difference']:.2f} with hardness {markdown_text(swap['second'])}."
        )
        return " ".join([text, *(self.why() or ["None of the known reasons shows."])])


def find_swaps(found: Alternatives) -> Swaps:
    """Pairs of models without a flag that two measures put in opposite order.

    Parameters
    ----------
    found : Alternatives
        One set of answers.

    Returns
    -------
    Swaps

    Examples
    --------
    >>> from hatlib import load_responses
    >>> from hatlib.claims.alternatives import alternatives
    >>> set_ = load_responses(sets="gsm-symbolic")
    >>> find_swaps(alternatives(set_, "gsm-symbolic", draws=50)).count()
    0
    """
    ahead = {measure: _ahead(scores) for measure, scores in found.scores.items()}
    name = dict(zip(found.counts.models, found.names, strict=True))
    rows = []
    for first, second in combinations(found.measures, 2):
        models = np.array(found.counts.models)[found.sound(first, second)].tolist()
        for pair in combinations(models, 2):
            if not {pair, pair[::-1]} & ahead[first].keys():
                continue
            better, worse = pair if pair in ahead[first] else pair[::-1]
            other = ahead[second].get((worse, better))
            if other is None:
                continue
            mine = ahead[first][better, worse]
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "ahead_by_first": name[better],
                    "ahead_by_second": name[worse],
                    "first_difference": mine[0],
                    "second_difference": -other[0],
                    "clear": mine[1] and other[1],
                    "id_a": better,
                    "id_b": worse,
                }
            )
    return Swaps(found, pd.DataFrame(rows, columns=list(_COLUMNS)))


def _ahead(scores: HatScores) -> dict[tuple[str, str], tuple[float, bool]]:
    """By how much a model is ahead of another, and whether they are told apart."""
    pairs = compare_all(scores).pairs.to_dict("records")
    return {
        (p["id_a"], p["id_b"]): (p["difference"], bool(p["told_apart"]))
        for p in pairs
        if p["difference"] > 0
    }


def follows(found: Alternatives) -> pd.DataFrame:
    """How far each model finds the items hard that all other models find hard.

    Parameters
    ----------
    found : Alternatives
        One set of answers.

    Returns
    -------
    DataFrame
        One row a model: ``model``, ``display_name``, usual number of ``answers`` to an item, and
        the ``correlation`` and ``shared`` with ``shared_low`` and ``shared_high`` of
        `shared_hardness`. Empty if there are fewer than `MIN_MODELS` models.
    """
    counts = found.counts
    if len(counts.models) < MIN_MODELS:
        return pd.DataFrame(columns=list(_FOLLOWS))
    trials = np.where(counts.source_trials > 0, counts.source_trials, np.nan)
    answers = pd.DataFrame(trials).median(axis=1)
    frame = shared_hardness(counts, level=found.rules["level"])
    frame = frame.assign(model=counts.models, display_name=found.names, answers=answers)
    return frame[list(_FOLLOWS)]


def shared_hardness(
    counts: Counts, *, draws: int = 200, seed: int = 0, level: float = resample.LEVEL
) -> pd.DataFrame:
    """Correlation over items of a model's success with what all other models let expect.

    Parameters
    ----------
    counts : Counts
        Answers to one benchmark of at least `MIN_MODELS` models.
    draws, seed : int
        Redraws of the items, and their seed.
    level : float
        Nominal coverage.

    Returns
    -------
    DataFrame
        One row a model: ``correlation`` of its rates as they were seen; ``shared``, the same
        corrected for the few answers behind a rate (Spearman 1904), about 1 if the model finds the
        same items hard as the others do, with ``shared_low`` and ``shared_high``. Missing if
        items were answered once, or rates are mostly noise.

    Examples
    --------
    >>> from hatlib import simulate_answers
    >>> counts = simulate_answers([-1, -0.5, 0, 0.5, 1], n_items=400).responses.counts("sim")
    >>> bool((shared_hardness(counts)["shared"] > 0.9).all())
    True
    """
    hardness = pooled_hardness(counts, "leave-one-out")
    means, rates = hardness.mean(), source_rates(counts)
    redrawn = resample.weights(seed, counts.clusters, draws).astype(float)
    rows = []
    for m, cell in enumerate(hardness.cell):
        has = cell >= 0
        columns = _moments(means[m, cell[has]], rates[m, has], counts.source_trials[m, has])
        seen, shared = _correlations(columns.mean(axis=0))
        low = high = np.nan
        if np.isfinite(shared):
            _, ends = _correlations(redrawn[:, has] @ columns / redrawn[:, has].sum(1)[:, None])
            low, high = np.nanquantile(ends, [(1 - level) / 2, (1 + level) / 2])
        rows.append((float(seen), float(shared), float(low), float(high)))
    return pd.DataFrame(rows, columns=["correlation", "shared", "shared_low", "shared_high"])


def _moments(expected: Floats, seen: Floats, trials: NDArray[np.int64]) -> Floats:
    """What the correlations need to know of each item, shape (n_items, 6)."""
    # The variance that a rate from so many answers has around the probability behind it.
    noise = np.where(trials > 1, seen * (1 - seen) / np.maximum(trials - 1, 1), np.nan)
    return np.stack([expected, seen, expected**2, seen**2, expected * seen, noise], axis=1)


def _correlations(moments: Floats) -> tuple[Floats, Floats]:
    """Correlation as seen, and without the noise of the rates; nan where that is too much."""
    x, y, xx, yy, xy, noise = np.moveaxis(moments, -1, 0)
    spread_x, spread_y, common = xx - x**2, yy - y**2, xy - x * y
    true_y = np.where(spread_y - noise > RELIABLE * spread_y, spread_y - noise, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = common / np.sqrt(np.where(spread_x * spread_y > 1e-12, spread_x * spread_y, np.nan))
        return seen, seen * np.sqrt(spread_y / true_y)


_COLUMNS: Sequence[str] = (
    *("first", "second", "ahead_by_first", "ahead_by_second", "first_difference"),
    *("second_difference", "clear", "id_a", "id_b"),
)
_FOLLOWS: Sequence[str] = (
    *("model", "display_name", "answers", "correlation", "shared", "shared_low", "shared_high"),
)
_INGREDIENTS: Sequence[str] = (
    *("display_name", "measure", "hat", "low", "high", "support", "donors", "answers", "moved"),
    *("correlation", "shared", "shared_low", "shared_high"),
)
