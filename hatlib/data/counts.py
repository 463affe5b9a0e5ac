"""Answers to one benchmark as dense arrays: what the estimators work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.errors import InputError, Problem

if TYPE_CHECKING:
    from hatlib.metric.judge import Judge


@dataclass(frozen=True)
class Counts:
    """Answers to one benchmark as dense arrays: models × (target languages ×) items.

    Answers to several promptings of an item are added up.

    Attributes
    ----------
    benchmark : str
        The benchmark.
    source_language : str
        Language that transfer starts from; ``item`` where it varies by item.
    chance : float
        Accuracy of a guess, 0 to 1.
    models, targets, items : tuple of str
        What the axes of the arrays stand for: models, target languages, items, each sorted.
    clusters : array of int, shape (items,)
        Items with the same number belong together, such as the hypotheses of one premise;
        numbered from 0. An item that shares nothing has a number of its own.
    source_correct, source_trials : array of int, shape (models, items)
        Right answers and trials in the source language; no trials means no answer.
    target_correct, target_trials : array of int, shape (models, targets, items)
        The same in each target language.
    lineages : tuple of str
        The lineage of each model; its own name if that is not known. Empty if nobody asks.
    judge : Judge or None
        Who judged the answers, if the judge errs and is to be corrected for.
    prompted : Prompted or None
        The answers prompting by prompting, if the promptings have names.
    strata : array of str, shape (items,), or None
        The stratum of each item, such as its domain, if the items have any.
    unparsed : array, shape (models, 1 + targets), or None
        Share of the answers that could not be read, the source language first; nan if not known.
    """

    benchmark: str
    source_language: str
    chance: float
    models: tuple[str, ...]
    targets: tuple[str, ...]
    items: tuple[str, ...]
    clusters: NDArray[np.int64]
    source_correct: NDArray[np.int64]
    source_trials: NDArray[np.int64]
    target_correct: NDArray[np.int64]
    target_trials: NDArray[np.int64]
    lineages: tuple[str, ...] = ()
    judge: Judge | None = None
    prompted: Prompted | None = None
    strata: NDArray[np.str_] | None = None
    unparsed: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Prompted:
    """Answers prompting by prompting: one entry a model, language, item and prompting.

    Attributes
    ----------
    names : tuple of str
        The promptings.
    model, target, item, prompting : array of int, shape (rows,)
        Places in `Counts.models`, `Counts.targets` (-1 is the source language), `Counts.items`
        and `names`.
    correct, trials : array of int, shape (rows,)
        Right answers and trials.
    """

    names: tuple[str, ...]
    model: NDArray[np.int64]
    target: NDArray[np.int64]
    item: NDArray[np.int64]
    prompting: NDArray[np.int64]
    correct: NDArray[np.int64]
    trials: NDArray[np.int64]

    def rows(self, keep: NDArray[np.bool_]) -> Prompted:
        """Some of the rows."""
        columns = (self.model, self.target, self.item, self.prompting, self.correct, self.trials)
        return Prompted(self.names, *(column[keep] for column in columns))


def counts_of(frame: pd.DataFrame, about: Mapping[Any, Any], lineages: Mapping[Any, str]) -> Counts:
    """The answers to one benchmark as dense arrays, with promptings added up.

    Parameters
    ----------
    frame : DataFrame
        The rows of `hatlib.data.responses.Responses.frame` of one benchmark.
    about : mapping
        ``benchmark``, ``source_language`` and ``chance_level``.
    lineages : mapping of str to str
        The lineage of each model whose lineage is known.

    Raises
    ------
    InputError
        If no answer is in a target language.
    """
    model, models = pd.factorize(frame["model"], sort=True)
    item, items = pd.factorize(frame["item"], sort=True)
    is_source = frame["language"] == frame["source_language"]
    target, targets = pd.factorize(frame["language"].mask(is_source), sort=True)  # -1: the source
    if not len(targets):
        what = f"{about['benchmark']} has no answers in a target language."
        raise InputError(Problem(what))
    shape = (len(models), len(targets) + 1, len(items))
    at = np.ravel_multi_index((model, target + 1, item), shape)
    correct, trials = (_added_up(frame[c], at, shape) for c in ("n_correct", "n_trials"))
    unparsed = None
    if "n_parsed" in frame and frame["n_parsed"].notna().any():
        known = frame["n_parsed"].notna().to_numpy()
        told, at = frame[known], at[known] // shape[2]
        parsed, asked = (_added_up(told[c], at, shape[:2]) for c in ("n_parsed", "n_trials"))
        with np.errstate(invalid="ignore"):
            unparsed = 1 - parsed / asked
    of_item = frame.iloc[np.unique(item, return_index=True)[1]]
    # An item without a cluster is told apart by its position, which no text equals.
    clusters = [name or position for position, name in enumerate(of_item["cluster"])]
    strata = of_item["stratum"].to_numpy().astype(str) if "stratum" in frame else np.array([""])
    return Counts(
        benchmark=str(about["benchmark"]),
        source_language=str(about["source_language"]),
        chance=float(about["chance_level"]),
        models=tuple(map(str, models)),
        targets=tuple(map(str, targets)),
        items=tuple(map(str, items)),
        clusters=pd.factorize(np.array(clusters, dtype=object))[0].astype(np.int64),
        source_correct=np.ascontiguousarray(correct[:, 0]),
        source_trials=np.ascontiguousarray(trials[:, 0]),
        target_correct=np.ascontiguousarray(correct[:, 1:]),
        target_trials=np.ascontiguousarray(trials[:, 1:]),
        lineages=tuple(str(lineages.get(name) or name) for name in models),
        prompted=_prompted(frame, model, target, item),
        strata=strata if (strata != strata[0]).any() else None,
        unparsed=unparsed,
    )


def _added_up(values: pd.Series, at: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Sum values into a dense array; sums below 2⁵³ are exact in floating point."""
    return np.bincount(at, values, int(np.prod(shape))).astype(np.int64).reshape(shape)


def _prompted(frame: pd.DataFrame, *place: NDArray[np.intp]) -> Prompted | None:
    """The answers prompting by prompting; None if no prompting has a name."""
    code, names = pd.factorize(frame["prompting"], sort=True)
    if not any(names):
        return None
    values = [frame[c].to_numpy() for c in ("n_correct", "n_trials")]
    columns = [column.astype(np.int64) for column in (*place, code, *values)]
    order = np.lexsort(columns[3::-1])
    return Prompted(tuple(map(str, names)), *(column[order] for column in columns))
