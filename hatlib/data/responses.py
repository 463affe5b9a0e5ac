"""Read, validate and hold item-level answers: the table that the HAT score is computed from.

`load_responses()` gives the item-level sets that come with the book; `load_responses("mine.csv")`
a user's.  `Responses.counts` turns one benchmark into dense arrays of right answers and trials.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from hatlib.data import data_folder, note_read
from hatlib.data.about import (
    BY_ITEM,
    ENGLISH,
    describe_benchmarks,
    describe_models,
    own_benchmarks,
    own_models,
    source_of_items,
)
from hatlib.data.book import book, bundled_rows, describe_languages
from hatlib.data.counts import Counts, counts_of
from hatlib.data.counts import Prompted as Prompted
from hatlib.data.files import Place
from hatlib.data.loading import (
    Loading,
    LoadReport,
    asked_chance,
    asked_language,
    default_benchmark,
    repeated,
)
from hatlib.data.loading import has_items as has_items
from hatlib.data.schema import FORMS, RESPONSE_KEY
from hatlib.errors import InputError, Problem, listing

#: The bundled sets by benchmark, each with its source, which also names its file.
SETS: dict[str, str] = {
    row["benchmark"]: row["items"] for row in bundled_rows("benchmarks") if row["items"]
}

#: Sets that are loaded only when they are named, as they are large.
LARGE = frozenset(["polyglot-facts"])

#: Columns of `Responses.frame`.
COLUMNS = (
    *("benchmark", "model", "language", "item", "n_correct", "n_trials"),
    *("prompting", "source_language", "cluster"),
)

#: Columns of `Responses.frame` that are there only if the data have them.
OPTIONAL = ("stratum", "n_parsed")

#: Other names under which a column is read.
SYNONYMS = {"item_id": "item", "n_samples": "n_trials"}

_MOST_LINES = 10  # of the report, about one matter


@dataclass(frozen=True)
class Responses:
    """Answers item by item: the table that the HAT score is computed from.

    Attributes
    ----------
    frame : DataFrame
        One row a benchmark × model × language × item × prompting, with ``n_correct`` right
        answers in ``n_trials`` trials, ``prompting`` (empty if there is one only),
        ``source_language`` (where the transfer of this item starts) and ``cluster`` (empty if
        the item stands for itself). Where the data say it, also ``stratum`` (kind of item; empty
        if it is not said) and ``n_parsed`` (answers that could be read; nan if not said).
    benchmarks : DataFrame
        One row a benchmark: name, source language (a code, or ``item``), chance level.
    models : DataFrame
        One row a model: names, family, lineage, sizes (10⁹ parameters), release date.
    languages : DataFrame
        One row a language: name, script, family.
    report : LoadReport
        What was read, assumed and left out.
    bundled : bool
        Whether these are answers that come with the book.
    """

    frame: pd.DataFrame
    benchmarks: pd.DataFrame
    models: pd.DataFrame
    languages: pd.DataFrame
    report: LoadReport = field(default_factory=LoadReport)
    bundled: bool = False

    def table(self) -> pd.DataFrame:
        """One row a benchmark: how much there is, how much is missing, how hard it is.

        Returns
        -------
        DataFrame
            Numbers of ``models``, ``items``, ``languages`` and ``promptings``; ``trials_min``,
            ``trials_median`` and ``trials_max`` of a model, language and item with all promptings
            together; ``missing``, the share of model × language × item without an answer;
            ``source_min`` and ``source_max``, the accuracy in the source language of the worst
            and the best model (mean over items).

        Examples
        --------
        >>> table = load_responses(sets=["xnli-first200", "copa-dialects"]).table()
        >>> table.loc["copa-dialects", ["models", "items", "languages"]].astype(int).tolist()
        [13, 500, 8]
        >>> int(table.loc["xnli-first200", "trials_max"])
        25
        """
        cells = _cells(self.frame)
        table = cells.groupby("benchmark").agg(
            models=("model", "nunique"),
            items=("item", "nunique"),
            languages=("language", "nunique"),
        )
        full = table.prod(axis=1)
        sets = self.frame.groupby("benchmark")
        trials = cells.groupby("benchmark")["n_trials"].agg(["min", "median", "max"])
        source = cells[cells["language"] == cells["source_language"]]
        rate = source["n_correct"] / source["n_trials"]
        accuracy = rate.groupby([source["benchmark"], source["model"]]).mean()
        table = table.assign(promptings=sets["prompting"].nunique())
        table = table.join(trials.add_prefix("trials_"))
        table["missing"] = 1 - cells.groupby("benchmark").size() / full
        table = table.join(accuracy.groupby("benchmark").agg(["min", "max"]).add_prefix("source_"))
        return table.loc[self.benchmarks["benchmark"]]

    def counts(self, benchmark: str) -> Counts:
        """The answers to one benchmark as dense arrays, with promptings added up.

        Parameters
        ----------
        benchmark : str
            One of the benchmarks.

        Returns
        -------
        Counts

        Raises
        ------
        InputError
            If there is no such benchmark, or no target language in it.

        Examples
        --------
        >>> counts = load_responses(sets="mgsm").counts("mgsm")
        >>> counts.target_correct.shape == (4, 10, 250) == counts.target_trials.shape
        True
        """
        problems = _unknown([benchmark], self.benchmarks["benchmark"], "benchmark")
        if problems:
            raise InputError(problems)
        about = self.benchmarks[self.benchmarks["benchmark"] == benchmark].iloc[0]
        frame = self.frame[self.frame["benchmark"] == benchmark]
        lineages = dict(zip(self.models["model"], self.models["lineage"], strict=True))
        return counts_of(frame, {str(k): v for k, v in about.items()}, lineages)

    def subset(
        self,
        *,
        benchmarks: str | Sequence[str] | None = None,
        models: str | Sequence[str] | None = None,
        languages: str | Sequence[str] | None = None,
        promptings: str | Sequence[str] | None = None,
    ) -> Responses:
        """Some of the answers only.

        Parameters
        ----------
        benchmarks, models, promptings : str or sequence of str, optional
            Those to keep; all if not given.
        languages : str or sequence of str, optional
            Target languages to keep. The source language of each item stays.

        Returns
        -------
        Responses

        Raises
        ------
        InputError
            If a name is not known, or nothing is left.

        Examples
        --------
        >>> responses = load_responses(sets="mgsm").subset(languages="de", promptings="wait")
        >>> sorted(set(responses.frame["language"]))
        ['de', 'en']
        """
        problems: list[Problem] = []
        keep = pd.Series(True, self.frame.index)
        choices = {
            "benchmark": benchmarks,
            "model": models,
            "language": languages,
            "prompting": promptings,
        }
        for column, wanted in choices.items():
            if wanted is None:
                continue
            names = [wanted] if isinstance(wanted, str) else list(wanted)
            problems += _unknown(names, self.frame[column].unique(), column)
            stays = self.frame[column].isin(names)
            if column == "language":
                stays |= self.frame["language"] == self.frame["source_language"]
            keep &= stays
        if not problems and not keep.any():
            problems.append(Problem("no answer is left.", "The choices exclude each other."))
        if problems:
            raise InputError(problems)
        frame = self.frame[keep].reset_index(drop=True)

        def left(table: pd.DataFrame, column: str) -> pd.DataFrame:
            return table[table[column].isin(frame[column].unique())].reset_index(drop=True)

        return replace(
            self,
            frame=frame,
            benchmarks=left(self.benchmarks, "benchmark"),
            models=left(self.models, "model"),
            languages=left(self.languages, "language"),
        )


def load_responses(
    files: str | Path | Sequence[str | Path] | None = None,
    *,
    sets: str | Sequence[str] | None = None,
    models: str | Path | None = None,
    benchmarks: str | Path | None = None,
    source_language: str = ENGLISH,
    chance: float | None = None,
    benchmark: str = "",
    override: bool = False,
) -> Responses:
    """Load the item-level sets of the book, or your own answers.

    Your file needs the columns ``model``, ``language`` and ``item``, and either ``n_correct`` and
    ``n_trials``, or one row a trial with ``correct`` (1 or 0, true or false); trials are added up.
    It may have ``benchmark``, ``prompting``, ``source_language`` (where the transfer of the item
    starts), ``chance_level`` (one for each benchmark), ``cluster`` (items that belong together),
    ``stratum`` (domain or topic of the item, within which models are compared), ``n_parsed``
    (answers that could be read; the others count as wrong) and any column of the models table.
    ``item_id`` is read as ``item`` and ``n_samples`` as ``n_trials``.

    Parameters
    ----------
    files : path or sequence of paths, optional
        CSV, TSV, JSON (lines or an array) or Parquet files of answers, perhaps packed with gzip or
        Zstandard, or folders of Parquet files; nothing for those of the book.
    sets : str or sequence of str, optional
        Benchmarks to load. If not given, all of your files, or all sets of the book but the large
        ``polyglot-facts``.
    models : path, optional
        Table that describes your models; without it, models that the book knows by name are
        described from its own table.
    benchmarks : path, optional
        Table that describes your benchmarks: ``benchmark``, and any of ``name``,
        ``source_language`` (a code, or ``item``) and ``chance_level``, as
        `hatlib.truth.simulate.Simulated.write` keeps it.
    source_language : str
        Language that transfer starts from; ``item`` if the column ``source_language`` says it for
        each item. At its default, it gives way to that column and to the table of benchmarks,
        also in the sets of the book (``x-fakt`` has a source language for each item).
    chance : float, optional
        Accuracy of a guess, 0 to 1. If not given (or -1) it is what the column ``chance_level`` or
        the table of benchmarks says; where neither does, that of the book, and 0 for a benchmark
        that the book does not know.
    benchmark : str
        Name of the benchmark, for files without such a column; the file's name if not given.
    override : bool
        Whether `source_language` counts even if it is the default and the files say otherwise.

    Returns
    -------
    Responses

    Raises
    ------
    InputError
        Listing everything that is wrong with the files.

    Examples
    --------
    >>> responses = load_responses(sets=["mgsm", "copa-dialects"])
    >>> responses.bundled, len(responses.frame)
    (True, 89500)
    """
    if source_language != BY_ITEM:
        source_language = asked_language(source_language, f" Write {BY_ITEM} if it varies by item.")
    chance = asked_chance(chance)
    given = source_language if override or source_language != ENGLISH else ""
    names = [sets] if isinstance(sets, str) else sets
    paths = [files] if isinstance(files, str | Path) else list(files or [])
    if paths:
        loaded = _own(paths, models, benchmarks, given, chance, benchmark)
        return loaded if names is None else loaded.subset(benchmarks=names)
    if models or benchmarks or benchmark:
        raise InputError(
            "A table of models or benchmarks, or a benchmark, was named without a file of answers."
        )
    return _bundled(names, given, chance)


# The sets of the book -----------------------------------------------------------------------


def _bundled(names: Sequence[str] | None, source_language: str, chance: float | None) -> Responses:
    job = Loading()
    job.problems += _unknown(names or [], SETS, "set")
    wanted = [b for b in SETS if (b in names if names is not None else b not in LARGE)]
    if not wanted and not job.problems:
        job.problems.append(Problem("no set was named.", f"There are {listing(SETS, 20)}."))
    job.stop_if_wrong()
    benchmarks = _rows(book().benchmarks, "benchmark", wanted)
    unsaid = benchmarks.loc[benchmarks["source_language"] != BY_ITEM, "benchmark"]
    if source_language == BY_ITEM and len(unsaid):
        raise InputError(f"No source language for each item in {listing(unsaid, 20)}.")
    if source_language:
        benchmarks["source_language"] = source_language
    if chance is not None:
        benchmarks["chance_level"] = chance
        job.assumed.append(f"Chance level: {chance:.3g} for every set, as given.")
    parts = [
        part if source == BY_ITEM else part.assign(source_language=source)
        for source, part in zip(
            benchmarks["source_language"], map(_bundled_set, wanted), strict=True
        )
    ]
    frame = pd.concat(parts, ignore_index=True)
    if source_language:
        _need_sources(frame, job)
        job.stop_if_wrong()
    n_sets = f"{len(wanted)} set{'s' if len(wanted) > 1 else ''}"
    job.read.append(f"{len(frame):,} rows of answers in {n_sets} of the book.")
    if names is None:
        job.dropped += [
            f"{name}: large, and loaded only when it is named in sets." for name in LARGE
        ]
    models = _rows(book().models, "model", sorted(frame["model"].unique()))
    return _described(frame, benchmarks, models, job, bundled=True)


@lru_cache(maxsize=len(SETS))
def _bundled_set(benchmark: str) -> pd.DataFrame:
    """The answers to one benchmark; that its file is sound is what its sha256 is for."""
    path = data_folder() / "items" / f"{SETS[benchmark]}.parquet"
    note_read(path)
    frame = pd.read_parquet(path)
    if "model" not in frame:  # one column a model, which is how the facts become small
        frame = frame.melt(["item", "language"], var_name="model", value_name="n_correct")
        frame = frame.assign(benchmark=benchmark, n_trials=1)
    frame = frame[frame["benchmark"] == benchmark].reset_index(drop=True)
    for column in ("prompting", "cluster", "source_language"):
        if column not in frame:
            frame[column] = ""
    return frame.astype({c: np.int64 for c in frame if str(c).startswith("n_")})


# A user's own files -------------------------------------------------------------------------


def _own(
    paths: Sequence[str | Path],
    models: str | Path | None,
    benchmarks: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Responses:
    job = Loading()
    described_by, table = own_models(models, job), own_benchmarks(benchmarks, job)
    found, seen = [], set()
    for path in map(Path, paths):
        if os.path.realpath(path) in seen:  # its trials would count twice
            job.problems.append(Problem("the file is given twice.", "Name it once.", str(path)))
            continue
        seen.add(os.path.realpath(path))
        answers = _own_answers(path, benchmark, source_language, job)
        found += [] if answers is None else [answers]
    job.stop_if_wrong()
    trials = [each for each, _ in found if "correct" in each]
    counted = [(each, place) for each, place in found if "correct" not in each]
    if trials:
        together = pd.concat(trials, ignore_index=True)
        sums = _added_up(together)
        counted.append((sums, Place("the trials together", range(1, len(sums) + 1))))
        job.read.append(f"{len(together):,} trials added up to {len(sums):,} rows.")
    frame = pd.concat([each for each, _ in counted], ignore_index=True)
    if len(counted) > 1:
        places = [place for _, place in counted]
        job.problems += repeated(frame, RESPONSE_KEY, places, FORMS["responses"].again)
    for column in (c for c in ("cluster", "stratum", "source_language") if c in frame):
        frame[column] = frame[column].fillna("")
        rows = frame[frame[column] != ""] if column == "source_language" else frame
        job.problems += _two_values(rows, column)
    if chance is not None and frame["chance_level"].notna().any():
        job.dropped.append(f"Column chance_level, as {chance:.3g} was given for all benchmarks.")
    about = describe_benchmarks(frame, source_language, chance, job, table)
    frame["source_language"] = source_of_items(frame, about)
    _need_sources(frame, job)
    described = describe_models(frame, described_by, job)
    job.stop_if_wrong()
    return _described(frame, about, described, job)


def _own_answers(
    path: Path, benchmark: str, source_language: str, job: Loading
) -> tuple[pd.DataFrame, Place] | None:
    """One file of answers, checked; None if it cannot be read at all."""
    found = job.opened(path)
    if found is None:
        return None
    frame, place = found
    file = place.file
    job.read.append(f"{file}: {len(frame):,} rows.")
    renamed = {old: new for old, new in SYNONYMS.items() if old in frame and new not in frame}
    if renamed:
        frame = frame.rename(columns=renamed)
        names = listing(f"{old} as {new}" for old, new in renamed.items())
        job.assumed.append(f"{file}: columns read under another name: {names}.")
    unused = []
    if "correct" in frame and "n_correct" not in frame:  # a trial is a count of one
        unused = [c for c in ("n_trials",) if c in frame]
        frame["correct"] = frame["correct"].str.lower().replace({"true": "1", "false": "0"})
        right = pd.to_numeric(frame["correct"], errors="coerce") == 1
        frame = frame.assign(n_correct=np.where(right, "1", "0"), n_trials="1")
    elif "correct" in frame:
        unused, frame = ["correct"], frame.drop(columns="correct")
    complete = set(FORMS["responses"].needed) <= set(frame)
    if complete and source_language == BY_ITEM and "source_language" not in frame:
        what = "there is no column source_language."
        remedy = "It says of each item where transfer starts; or name one source language."
        job.problems.append(Problem(what, remedy, file, 1))
        return None
    if "source_language" in frame and source_language not in ("", BY_ITEM):
        what = f"column source_language, as {source_language} was chosen for all items."
        job.dropped.append(f"{file}: {what}")
        frame = frame.drop(columns="source_language")
    if unused:
        job.dropped.append(f"{file}: columns that no analysis uses: {listing(unused)}.")
    checked = job.checked(frame, place, "responses", benchmark=default_benchmark(path, benchmark))
    return None if checked is None else (checked, place)


def _added_up(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a model, language, item and prompting from one row a trial."""
    counts = [c for c in ("n_correct", "n_trials", "n_parsed") if c in trials]
    key = [c for c in trials if c not in ("correct", *counts)]
    sums = trials.groupby(key, dropna=False, sort=False)[counts].sum(min_count=1)
    return sums.reset_index()


def _two_values(frame: pd.DataFrame, column: str) -> list[Problem]:
    """Items that have one value in one row and another in the next."""
    pairs = frame[["benchmark", "item", column]].drop_duplicates()
    twice = pairs[pairs.duplicated(["benchmark", "item"])][["benchmark", "item"]].drop_duplicates()
    return [
        Problem(
            f"an item of {benchmark} has more than one {column}.",
            f"Give each item one {column}, the same for all models and languages.",
            column=column,
            value=item,
        )
        for benchmark, item in twice.itertuples(index=False)
    ]


def _need_sources(frame: pd.DataFrame, job: Loading) -> None:
    """Each benchmark has an answer in its source language, and in another."""
    pairs = frame[["benchmark", "language", "source_language"]].drop_duplicates()
    for benchmark, part in pairs.groupby("benchmark"):
        sources = part["source_language"].unique()
        named = sources[0] if len(sources) == 1 else "of its items"
        there = bool((part["language"] == part["source_language"]).any())
        job.need_source(part["language"], named, there, str(benchmark))


# Both ---------------------------------------------------------------------------------------


def _described(
    frame: pd.DataFrame,
    benchmarks: pd.DataFrame,
    models: pd.DataFrame,
    job: Loading,
    bundled: bool = False,
) -> Responses:
    """Answers with what describes them; optional columns where any row has a value."""
    frame = frame.astype({"n_correct": np.int64, "n_trials": np.int64})
    if "n_parsed" in frame:
        frame["n_parsed"] = frame["n_parsed"].astype(float)  # nan where it is not said
    said = [c for c in OPTIONAL if c in frame and (frame[c].notna() & (frame[c] != "")).any()]
    languages = describe_languages(frame["language"].unique())
    found = Responses(frame[[*COLUMNS, *said]], benchmarks, models, languages, bundled=bundled)
    _summarise(found, job)
    return replace(found, report=job.report())


def _summarise(responses: Responses, job: Loading) -> None:
    """Tell how many answers there are, which are missing, and whether there is more than one."""
    overview, gaps = [], []
    table = responses.table()
    cells = _cells(responses.frame)
    for benchmark, row in table.iterrows():
        n_items, low, high = int(row["items"]), int(row["trials_min"]), int(row["trials_max"])
        sizes = {noun: int(row[f"{noun}s"]) for noun in ("model", "item", "language")}
        several = ", ".join(f"{n:,} {noun}" + "s" * (n != 1) for noun, n in sizes.items())
        trials = f"{low if low == high else f'{low} to {high}'} trial{'s' if high > 1 else ''}"
        overview.append(f"{benchmark}: {several}, {trials} an item and language.")
        mine = cells[cells["benchmark"] == benchmark]
        found = pd.crosstab(mine["model"], mine["language"])
        alike: dict[str, list[str]] = {}  # models that miss the same
        for model, counts in found[(found < n_items).any(axis=1)].iterrows():
            missing = [f"{code} ({n_items - n})" for code, n in counts.items() if n < n_items]
            alike.setdefault(listing(missing, 20), []).append(str(model))
        gaps += [
            f"{benchmark}, {listing(names, 3)}: items without an answer, of {n_items}: {missing}."
            for missing, names in alike.items()
        ]
    for lines, what in ((overview, "benchmarks"), (gaps, "lines on missing answers")):
        more = len(lines) - _MOST_LINES + 1
        job.read += lines if more < 2 else [*lines[:-more], f"… and {more} more {what}."]
    single = table.index[table["trials_max"] == 1]
    if len(single):
        job.read.append(
            f"One trial an item in {listing(single)}: hardness from the model's own answers is "
            "not possible there, use pooled hardness."
        )


def _rows(table: pd.DataFrame, column: str, names: Sequence[str]) -> pd.DataFrame:
    """The rows of some names, in their order."""
    return table.set_index(column).loc[list(names)].reset_index()


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a benchmark, model, language and item, with promptings added up."""
    key = ["benchmark", "model", "language", "item", "source_language"]
    several = frame["benchmark"].isin(frame.loc[frame["prompting"] != "", "benchmark"].unique())
    sums = frame[several].groupby(key, sort=False, as_index=False)[["n_correct", "n_trials"]].sum()
    return pd.concat([frame.loc[~several, [*key, "n_correct", "n_trials"]], sums])


def _unknown(names: Iterable[str], there: Iterable[str], what: str) -> list[Problem]:
    known = sorted(there)
    remedy = f"There are {listing((k or '(empty)' for k in known), 30)}."
    what = f"there is no {what} of this name."
    return [Problem(what, remedy, value=str(name)) for name in names if name not in known]
