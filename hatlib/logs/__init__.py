"""Logs of other programs as answers item by item.

`import_logs("lm-eval", ["results/"])` reads the sample logs of lm-evaluation-harness, finds each
item again in the other languages, and gives what `hatlib.load_responses` reads, with a report of
what was chosen and left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.about import BY_ITEM
from hatlib.data.schema import is_language
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.common import (
    IMPORTED_COLUMNS,
    Imported,
    ImportReport,
    Options,
    Trials,
    missing_lines,
)
from hatlib.logs.languages import known_chance, language_code
from hatlib.logs.pairing import pair
from hatlib.logs.reading import Progress, watched
from hatlib.show.words import counted

#: The formats, each with the module that reads it.
FORMATS = {"lm-eval": "lm_eval", "inspect": "inspect_logs", "eee": "eee", "long": "long"}

__all__ = ["FORMATS", "ImportReport", "Imported", "Options", "Trials", "import_logs"]


def import_logs(
    format: str,
    paths: str | Path | Sequence[str | Path],
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Imported:
    r"""Read logs of another program as answers item by item.

    Parameters
    ----------
    format : {"lm-eval", "inspect", "eee", "long"}
        Which program wrote them: lm-evaluation-harness, Inspect, Every Eval Ever, or anything
        that writes a long table.
    paths : path or sequence of paths
        Files and folders. They are only read.
    progress : callable, optional
        Called with what is read, how many bytes of it are done, and how many there are.
    **options
        The fields of `Options`.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        Listing everything that is wrong with the files, and each choice that only you can make.

    Examples
    --------
    >>> import json, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for code in ("en", "de"):
    ...         rows = [{"doc_id": i, "target": str(i), "exact_match": i % 2} for i in range(30)]
    ...         path = Path(folder) / f"samples_mgsm_direct_{code}_2030-01-01T00-00-00.jsonl"
    ...         _ = path.write_text("\n".join(map(json.dumps, rows)))
    ...     imported = import_logs("lm-eval", folder, model="invented/model-a")
    >>> imported.table()[["benchmark", "language", "items"]].values.tolist()
    [['mgsm', 'de', 30], ['mgsm', 'en', 30]]
    """
    given = Options(**options)
    _check(format, given)
    given = Options(**{**options, "source_language": _source(given)})
    read = import_module(f"hatlib.logs.{FORMATS[format]}").read
    with watched(progress):
        trials: Trials = read([paths] if isinstance(paths, str | Path) else list(paths), given)
    if trials.frame.empty:
        raise InputError(Problem("the logs hold no answers.", " ".join(trials.dropped)))
    answers = trials.frame if given.keys else trials.frame.assign(key="")
    paired = pair(answers, given.pair_by, given.source_language)
    frame, alone = _with_pairs_only(paired.frame)
    frame, clusters = _aggregated(frame)
    unknown = [b for b in frame["benchmark"].unique() if math.isnan(known_chance(b))]
    assumed = list(trials.assumed) + clusters
    if not given.keys:
        assumed.append("Items are the same in all languages, as you say: no keys were compared.")
    if unknown:
        assumed.append(
            f"Chance level of {listing(unknown)}: not known, and 0 unless you say it (--chance)."
        )
    report = ImportReport(
        read=(*trials.read, _size(frame)),
        chosen=trials.chosen,
        assumed=tuple(assumed),
        dropped=(*trials.dropped, *alone),
        paired=paired.lines,
        missing=missing_lines(frame),
    )
    return Imported(frame, report)


def _check(format: str, options: Options) -> None:
    """Refuse options that cannot be meant, all at once."""
    problems = []
    if format not in FORMATS:
        remedy = f"Use {listing(FORMATS)}."
        problems.append(Problem("this format is not known.", remedy, value=str(format)))
    if options.pair_by not in ("id", "order"):
        what = "pair_by is not known."
        problems.append(Problem(what, "Use id or order.", value=str(options.pair_by)))
    source = _source(options)
    if source != BY_ITEM and not is_language(source):
        remedy = f"Write a code such as en, or {BY_ITEM} if it varies by item."
        problems.append(Problem("source_language is not a language code.", remedy, value=source))
    if options.threshold is not None and not math.isfinite(options.threshold):
        problems.append(Problem("threshold is not a number.", value=str(options.threshold)))
    if problems:
        raise InputError(problems)


def _source(options: Options) -> str:
    if options.source_language == BY_ITEM:
        return BY_ITEM
    return language_code(options.source_language)


def _with_pairs_only(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out benchmarks that have nothing to compare, unless none has."""
    lines, keep = [], []
    for benchmark, mine in frame.groupby("benchmark", sort=False):
        source = mine["language"] == mine["source_language"]
        if source.any() and not source.all():
            keep.append(benchmark)
            continue
        codes = listing(sorted(mine["language"].unique()), 20)
        starts = listing(sorted(mine["source_language"].unique()), 4)
        what = (
            f"its only language is {codes}"
            if source.all()
            else (f"no answer is in its source language {starts} (there is {codes})")
        )
        items = counted(mine["item"].nunique(), "item")
        lines.append(f"{benchmark}, {items}: {what}.")
    if not keep:
        told = " Kept all the same: a score needs these answers with those in other languages."
        return frame, [line + told for line in lines]
    return frame[frame["benchmark"].isin(keep)], lines


def _aggregated(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """One row a benchmark × model × language × item × prompting, in the order of the book."""
    lines = []
    clusters = frame.groupby(["benchmark", "item"])["cluster"].transform("nunique")
    if (clusters > 1).any():  # the loader asks for one an item
        names = listing(sorted(frame.loc[clusters > 1, "benchmark"].unique()))
        lines.append(f"Clusters of {names}: not used where one item has several.")
        frame = frame.assign(cluster=frame["cluster"].mask(clusters > 1, ""))
    keys = [c for c in IMPORTED_COLUMNS if c not in ("n_correct", "n_trials", "chance_level")]
    sums = frame.groupby(keys, sort=False, as_index=False)[["n_correct", "n_trials"]].sum()
    sums = sums.astype({"n_correct": np.int64, "n_trials": np.int64})
    chance = {benchmark: known_chance(benchmark) for benchmark in sums["benchmark"].unique()}
    sums["chance_level"] = sums["benchmark"].map(chance).astype(float)
    order = ["benchmark", "model", "language"]
    return sums.sort_values(order, kind="stable", ignore_index=True)[list(IMPORTED_COLUMNS)], lines


def _size(frame: pd.DataFrame) -> str:
    return (
        f"{counted(frame['benchmark'].nunique(), 'benchmark')}, "
        f"{counted(frame['model'].nunique(), 'model')}, "
        f"{counted(frame['language'].nunique(), 'language')}, "
        f"{int(frame['n_trials'].sum()):,} trials."
    )
