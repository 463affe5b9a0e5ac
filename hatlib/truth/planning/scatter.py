"""How far real items of one hardness scatter around the transfer profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.data.responses import Counts, load_responses
from hatlib.show.words import counted, headline

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scatter:
    """How far real items of one hardness scatter around the profile.

    Attributes
    ----------
    rows : DataFrame
        One row a set: ``set``, ``models``, ``languages``, ``answers``; ``scatter``, the variance
        of target accuracies around a parabola in the source accuracy of the item, less the noise
        of the answers, as a part of ``f · (1 - f)``; the parts of it that other ``languages`` of
        the model and other ``models`` have in common; and ``own``, which a comparison does not
        cancel.
    """

    rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a set."""
        return self.rows.copy()

    def summary(self) -> str:
        """The range over the sets."""
        if self.rows.empty:
            return f"{headline('Scatter of the items', 'cannot tell')} No set has several answers."
        known = self.rows["common_models"].notna()
        text = f"Real items were asked several times in {counted(len(self.rows), 'set')}."
        for rows, what in (
            (self.rows[known], "With several models, the scatter that no comparison cancels is"),
            (self.rows[~known], "With one model, it is at most"),
        ):
            if len(rows):
                low, high = f"{rows['own'].min():.2f}", f"{rows['own'].max():.2f}"
                text += f" {what} {low if low == high else f'{low} to {high}'}."
        return text


#: Sets of the book with several answers an item.
REPEATED = ("gsm-symbolic", "mgsm", "mgsm-forced", "xnli-first200", "xnli-attacked")


def item_scatter(sets: Sequence[str | Counts] = REPEATED) -> Scatter:
    """Measure the scatter of items where they were asked several times.

    Parameters
    ----------
    sets : sequence of str or Counts
        Names of sets of the book, or counts of your own, as from `Responses.counts`.

    Returns
    -------
    Scatter
        Models and languages of which less than half of the items have two answers, or whose
        accuracies lie below .05 or above .98, are left out; a set without any is, too.

    Examples
    --------
    >>> item_scatter(["xnli-attacked"]).rows["models"].tolist()
    [1]
    """
    rows = []
    for each in sets:
        counts = each if isinstance(each, Counts) else load_responses(sets=[each]).counts(each)
        row = _scatter_of(counts)
        if row:
            rows.append(row)
    columns = ["set", "models", "languages", "answers", "scatter", "common_languages",
               "common_models", "own"]  # fmt: skip
    return Scatter(pd.DataFrame(rows, columns=columns))


def _scatter_of(counts: Counts) -> dict[str, Any] | None:
    models, languages, items = counts.target_trials.shape
    left = np.full((models, languages, items), np.nan)
    noise = np.full((2, models, languages), np.nan)  # of the source language, and of the target
    for m in range(models):
        for t in range(languages):
            both = (counts.source_trials[m] > 1) & (counts.target_trials[m, t] > 1)
            k, n = counts.source_trials[m, both], counts.target_trials[m, t, both]
            u, v = counts.source_correct[m, both] / k, counts.target_correct[m, t, both] / n
            if both.sum() < max(20, items / 2) or not all(0.05 < x.mean() < 0.98 for x in (u, v)):
                continue
            curve = np.polynomial.Polynomial.fit(u, v, 2)
            expected = np.clip(curve(u), 0, 1)
            unit = np.mean(expected * (1 - expected))
            noise[0, m, t] = np.mean(curve.deriv()(u) ** 2 * u * (1 - u) / (k - 1)) / unit
            noise[1, m, t] = np.mean(v * (1 - v) / (n - 1)) / unit
            left[m, t, both] = (v - curve(u)) / np.sqrt(unit)
    used = np.isfinite(noise[0])
    if not used.any():
        return None
    squares = np.nanmean(left[used] ** 2, axis=1)
    # The languages of a model share the noise of its answers in the source language.
    by_model = [
        _common(left[m, used[m]]) - np.mean(noise[0, m, used[m]])
        for m in range(models)
        if used[m].any()
    ]
    by_language = [_common(left[used[:, t], t]) for t in range(languages)]
    scatter, shared = float((squares - noise[:, used].sum(axis=0)).mean()), _mean(by_language)
    return {
        "set": counts.benchmark,
        "models": int(used.any(axis=1).sum()),
        "languages": int(used.any(axis=0).sum()),
        "answers": float(np.median(counts.target_trials[counts.target_trials > 0])),
        "scatter": scatter,
        "common_languages": _mean(by_model),
        "common_models": shared,
        "own": scatter - np.nan_to_num(shared),
    }


def _common(rows: Floats) -> float:
    """Mean product of different rows over the columns that both have."""
    if len(rows) < 2:
        return np.nan
    a, b = np.triu_indices(len(rows), 1)
    return float(np.nanmean(rows[a] * rows[b]))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan
