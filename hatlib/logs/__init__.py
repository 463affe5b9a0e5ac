"""Logs of other programs as item-level responses.

`import_logs("lm-eval", ["results/"])` reads the sample logs of lm-evaluation-harness, finds each
item again in the other languages, and gives what `hatlib.load_responses` reads, with a report of
what was chosen and left out.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.about import BY_ITEM
from hatlib.data.languages import is_language
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.answers import Format, counts
from hatlib.logs.common import (
    IMPORTED_COLUMNS,
    MORE_COLUMNS,
    Imported,
    ImportReport,
    Options,
    missing_lines,
)
from hatlib.logs.languages import known_chance, language_in
from hatlib.logs.pairing import pair
from hatlib.logs.places import Places
from hatlib.logs.reading import Notes, Progress, find_files, watched
from hatlib.words import counted

#: The formats, each with the module and class that reads it.
FORMATS = {
    "lm-eval": "lm_eval.LmEval",
    "inspect": "inspect_logs.Inspect",
    "eee": "eee.Eee",
    "long": "long.Long",
    "helm": "others.Helm",
    "opencompass": "others.OpenCompass",
}

__all__ = ["FORMATS", "ImportReport", "Imported", "Options", "Trials", "import_logs", "read_trials"]


@dataclass(frozen=True)
class Trials:
    """What the reader of a format gives: counts of right answers, before items are paired.

    Attributes
    ----------
    frame : DataFrame
        Columns `hatlib.logs.common.TRIAL_COLUMNS`, in the order of the log. ``key`` is the right
        answer as short text where it does not depend on the language (a number, the letter or
        number of an option), else empty. ``language`` is a standard code; ``source_language`` is
        empty where the log does not say it for each item.
    notes : Notes
        Lines for the report.
    inputs : tuple of Path
        The files that were read.
    """

    frame: pd.DataFrame
    notes: Notes
    inputs: tuple[Path, ...] = ()


def read_trials(format: str, paths: Sequence[str | Path], options: Options) -> Trials:
    """Read the logs of one program, without pairing items across languages."""
    notes = Notes()
    module, name = FORMATS[format].split(".")
    with tempfile.TemporaryDirectory(prefix="hat-import-") as folder:
        kind = getattr(import_module(f"hatlib.logs.{module}"), name)
        reader: Format = kind(options, notes, Places(options, notes))
        found = find_files(
            paths, reader.wanted, reader.files, scratch=Path(folder), beside=reader.beside
        )
        notes.dropped += [line for line in found.passed if "whose names" not in line]
        return Trials(counts(reader, found), notes, tuple(file.path for file in found.files))


def import_logs(
    format: str,
    paths: str | Path | Sequence[str | Path],
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Imported:
    r"""Read logs of another program as item-level responses.

    Parameters
    ----------
    format : {"lm-eval", "inspect", "eee", "helm", "opencompass", "long"}
        Which program wrote them: lm-evaluation-harness, Inspect, Every Eval Ever, HELM,
        OpenCompass, or anything that writes a table with one row an answer.
    paths : path or sequence of paths
        Files, folders and archives. They are only read.
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
    given = replace(given, source_language=_source(given))
    with watched(progress):
        trials = read_trials(format, [paths] if isinstance(paths, str | Path) else paths, given)
    notes = trials.notes
    if trials.frame.empty:
        raise InputError(Problem("the logs hold no answers.", " ".join(notes.dropped)))
    answers = trials.frame if given.keys else trials.frame.assign(key="")
    paired = pair(answers, given.pair_by, given.source_language)
    frame, alone = _with_pairs_only(paired.frame)
    frame, clusters = _aggregated(frame)
    unknown = list(frame.loc[frame["chance_level"].isna(), "benchmark"].unique())
    assumed = notes.assumed + clusters
    if not given.keys:
        assumed.append("Items are the same in all languages, as you say: no keys were compared.")
    if unknown:
        assumed.append(
            f"Chance level of {listing(unknown)}: not known, and 0 unless you say it (--chance)."
        )
    report = ImportReport(
        read=(*notes.read, _size(frame)),
        chosen=tuple(dict.fromkeys(notes.chosen)),
        assumed=tuple(assumed),
        dropped=(*notes.dropped, *alone),
        paired=paired.lines,
        missing=missing_lines(frame),
    )
    return Imported(frame, report, trials.inputs)


def _check(format: str, options: Options) -> None:
    """Refuse options that cannot be meant, all at once."""
    problems = []
    if format.lower() in ("euroeval", "scandeval"):
        what = "results of EuroEval have no items: they are scores of whole datasets."
        remedy = "Read them as a table of accuracies (hat run fit --data FILE)."
        problems.append(Problem(what, remedy))
    elif format not in FORMATS:
        remedy = f"Use {listing(FORMATS)}."
        problems.append(Problem("this format is not known.", remedy, value=str(format)))
    if options.pair_by not in ("id", "order"):
        what = "pair_by is not known."
        problems.append(Problem(what, "Use id or order.", value=str(options.pair_by)))
    source = _source(options)
    if source != BY_ITEM and not is_language(source):
        remedy = f"Write a code such as en, or {BY_ITEM} if it varies by item."
        problems.append(Problem("source_language is not a language code.", remedy, value=source))
    for spelt, code in options.language_codes.items():
        if not is_language(code):
            what = "--language-code gives no language."
            problems.append(
                Problem(what, "Write theirs=ours, as in jp=ja.", value=f"{spelt}={code}")
            )
    if options.threshold is not None and not math.isfinite(options.threshold):
        problems.append(Problem("threshold is not a number.", value=str(options.threshold)))
    if problems:
        raise InputError(problems)


def _source(options: Options) -> str:
    if options.source_language == BY_ITEM:
        return BY_ITEM
    return language_in(options.source_language, options.language_codes) or options.source_language


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
    for column in ("cluster", *(["stratum"] if "stratum" in frame else [])):
        several = frame.groupby(["benchmark", "item"])[column].transform("nunique") > 1
        if several.any():  # the loader asks for one an item
            names = listing(sorted(frame.loc[several, "benchmark"].unique()))
            what = {"cluster": "Clusters", "stratum": "Strata"}[column]
            lines.append(f"{what} of {names}: not used where one item has several.")
            frame = frame.assign(**{column: frame[column].mask(several, "")})
    said = {}
    if "chance_level" in frame:  # a column of the table
        levels = frame.loc[frame["chance_level"] != ""].groupby("benchmark")["chance_level"]
        said = {benchmark: mine.iloc[0] for benchmark, mine in levels if len(mine.unique()) == 1}
        frame = frame.drop(columns="chance_level")
    numbers = ["n_correct", "n_trials", *(["n_parsed"] if "n_parsed" in frame else [])]
    keys = [c for c in IMPORTED_COLUMNS if c not in (*numbers, "chance_level")]
    keys += ["stratum"] if "stratum" in frame else []
    sums = frame.groupby(keys, sort=False, as_index=False)[numbers].sum()
    sums = sums.astype(dict.fromkeys(numbers, np.int64))
    chance = {benchmark: known_chance(benchmark) for benchmark in sums["benchmark"].unique()}
    level = sums["benchmark"].map(chance).astype(float)
    given = pd.to_numeric(sums["benchmark"].map(said), errors="coerce")
    sums["chance_level"] = given.where(given.notna(), level)
    if "n_parsed" in sums:
        share = 1 - sums["n_parsed"].sum() / sums["n_trials"].sum()
        lines.append(f"Answers that could not be read count as wrong: {share:.1%} (n_parsed).")
    order = ["benchmark", "model", "language"]
    columns = [*IMPORTED_COLUMNS, *(c for c in MORE_COLUMNS if c in sums)]
    return sums.sort_values(order, kind="stable", ignore_index=True)[columns], lines


def _size(frame: pd.DataFrame) -> str:
    return (
        f"{counted(frame['benchmark'].nunique(), 'benchmark')}, "
        f"{counted(frame['model'].nunique(), 'model')}, "
        f"{counted(frame['language'].nunique(), 'language')}, "
        f"{int(frame['n_trials'].sum()):,} trials."
    )
