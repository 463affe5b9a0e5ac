"""Read, validate and hold item-level answers: the table that the HAT score is computed from.

`load_responses()` gives the item-level sets that come with the book; `load_responses("mine.csv")`
a user's.  `Responses.counts` turns one benchmark into dense arrays of right answers and trials.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from hatlib.data import data_folder, note_read
from hatlib.data.about import (
    BY_ITEM,
    ENGLISH,
    book,
    bundled_rows,
    describe_benchmarks,
    describe_languages,
    describe_models,
    need_sources,
)
from hatlib.data.counts import Counts, counts_of
from hatlib.data.counts import Prompted as Prompted
from hatlib.data.files import Place
from hatlib.data.loading import FORMS, RESPONSE_KEY, Loading, LoadReport, asked, repeated
from hatlib.errors import InputError, Problem, listing
from hatlib.words import counted

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
        return _overview(self.frame)[0].loc[self.benchmarks["benchmark"]]

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
        if benchmark not in set(self.benchmarks["benchmark"]):
            raise InputError(_unknown([benchmark], self.benchmarks["benchmark"], "benchmark"))
        about = self.benchmarks.set_index("benchmark", drop=False).to_dict("index")
        mine = self.frame["benchmark"] == benchmark
        frame = self.frame if mine.all() else self.frame[mine]  # copying text takes time
        lineages = self.models.set_index("model")["lineage"].to_dict()
        return counts_of(frame, about[benchmark], lineages)

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
        choices = {"benchmark": benchmarks, "model": models, "language": languages,
                   "prompting": promptings}  # fmt: skip
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
    source_language, chance = asked(source_language, chance, BY_ITEM)
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


def _bundled(names: Sequence[str] | None, source_language: str, chance: float | None) -> Responses:
    """The item-level sets of the book."""
    job = Loading()
    job.problems += _unknown(names or [], SETS, "set")
    wanted = [b for b in SETS if (b in names if names is not None else b not in LARGE)]
    if not wanted and not job.problems:
        job.problems.append(Problem("no set was named.", f"There are {listing(SETS, 20)}."))
    about = book().benchmarks.set_index("benchmark")
    about = about.loc[[] if job.problems else wanted].reset_index()
    unsaid = about.loc[about["source_language"] != BY_ITEM, "benchmark"]
    if source_language == BY_ITEM and len(unsaid):
        what = f"No source language for each item in {listing(unsaid, 20)}."
        job.problems.append(Problem(what))
    job.report()
    if source_language:
        about["source_language"] = source_language
    if chance is not None:
        about["chance_level"] = chance
        job.assumed.append(f"Chance level: {chance:.3g} for every set, as given.")
    frame = pd.concat(map(_bundled_set, wanted), ignore_index=True)
    job.read.append(f"{len(frame):,} rows of answers in {counted(len(wanted), 'set')} of the book.")
    if names is None:
        job.dropped.append(f"{listing(LARGE)}: large, and loaded only when it is named in sets.")
    return _described(frame, about, job, bundled=True)


@lru_cache(maxsize=len(SETS))
def _bundled_set(benchmark: str) -> pd.DataFrame:
    """The answers to one benchmark; that its file is sound is what its sha256 is for."""
    path = data_folder() / "items" / f"{SETS[benchmark]}.parquet"
    note_read(path)
    frame = pd.read_parquet(path)
    if "model" not in frame:  # one column a model, which is how the facts become small
        frame = frame.melt(["item", "language"], var_name="model", value_name="n_correct")
        frame = frame.assign(benchmark=benchmark, n_trials=1)
    mine = frame["benchmark"] == benchmark
    frame = frame if mine.all() else frame[mine].reset_index(drop=True)
    empty = {c: "" for c in ("prompting", "cluster", "source_language") if c not in frame}
    return frame.assign(**empty).astype({c: np.int64 for c in frame if str(c).startswith("n_")})


def _own(
    paths: Sequence[str | Path],
    models: str | Path | None,
    benchmarks: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Responses:
    """A user's own files."""
    job = Loading()
    own_models, table = job.table(models, "models"), job.table(benchmarks, "benchmarks")
    real = [os.path.realpath(path) for path in paths]
    job.problems += [  # its trials would count twice
        Problem("the file is given twice.", "Name it once.", str(path))
        for k, path in enumerate(paths)
        if real[k] in real[:k]
    ]

    prepare = partial(_one_form, source_language=source_language, job=job)
    found = [job.table(path, "responses", prepare, benchmark) for path in dict.fromkeys(paths)]
    job.report()
    frames = [each for each in found if each is not None]
    trials = [frame for frame, _ in frames if "correct" in frame]
    rows = [(frame, place) for frame, place in frames if "correct" not in frame]
    if trials:
        together = pd.concat(trials, ignore_index=True).drop(columns="correct")
        counts = [c for c in ("n_correct", "n_trials", "n_parsed") if c in together]
        key = [c for c in together if c not in counts]
        sums = together.groupby(key, dropna=False, sort=False)[counts].sum(min_count=1)
        rows.append((sums.reset_index(), Place("the trials together", range(1, len(sums) + 1))))
        job.read.append(f"{len(together):,} trials added up to {len(sums):,} rows.")
    frame = pd.concat([each for each, _ in rows], ignore_index=True)
    if len(rows) > 1:
        places = [place for _, place in rows]
        job.problems += repeated(frame, RESPONSE_KEY, places, FORMS["responses"].again)
    for column in (c for c in ("cluster", "stratum", "source_language") if c in frame):
        frame[column] = frame[column].fillna("")
        # Of the source language, rows that do not say it are found by benchmark.
        said = frame[(frame[column] != "") | (column != "source_language")]
        pairs = said[["benchmark", "item", column]].drop_duplicates()
        item = ["benchmark", "item"]
        several = pairs.loc[pairs.duplicated(item), item].drop_duplicates()
        remedy = f"Give each item one {column}, the same for all models and languages."
        for name, value in several.itertuples(index=False):
            what = f"an item of {name} has more than one {column}."
            job.problems.append(Problem(what, remedy, column=column, value=value))
    if chance is not None and frame["chance_level"].notna().any():
        job.dropped.append(f"Column chance_level, as {chance:.3g} was given for all benchmarks.")
    about = describe_benchmarks(frame, source_language, chance, job, table and table[0])
    return _described(frame, about, job, own_models and own_models[0])


def _one_form(
    frame: pd.DataFrame, place: Place, source_language: str, job: Loading
) -> tuple[pd.DataFrame, Place]:
    """Answers with n_correct and n_trials, without columns that others make idle."""
    trials = "correct" in frame and "n_correct" not in frame
    named = source_language not in ("", BY_ITEM)
    idle = {
        "n_trials": "each row is one trial" if trials else "",
        "correct": "" if trials else "n_correct is there",
        "source_language": f"{source_language} was chosen for all items" if named else "",
    }
    for column, why in idle.items():
        if why and column in frame:
            job.dropped.append(f"{place.file}: column {column}, as {why}.")
            frame = frame.drop(columns=column)
    if trials:
        frame["correct"] = frame["correct"].str.lower().replace({"true": "1", "false": "0"})
        right = pd.to_numeric(frame["correct"], errors="coerce") == 1
        frame = frame.assign(n_correct=np.where(right, "1", "0"), n_trials="1")
    return frame, place


def _described(
    frame: pd.DataFrame,
    benchmarks: pd.DataFrame,
    job: Loading,
    own_models: pd.DataFrame | None = None,
    bundled: bool = False,
) -> Responses:
    """Answers with what describes them; the report says how many there are, and what is missing."""
    fixed = frame["benchmark"].astype("category")
    fixed = fixed.map(benchmarks.set_index("benchmark")["source_language"])
    frame["source_language"] = frame["source_language"].where(fixed == BY_ITEM, fixed).astype(str)
    need_sources(frame, job)
    if bundled:
        names = sorted(frame["model"].unique())
        models = book().models.set_index("model").loc[names].reset_index()
    else:
        models = describe_models(frame, own_models, job)
    job.report()
    frame = frame.astype({"n_correct": np.int64, "n_trials": np.int64})
    if "n_parsed" in frame:
        frame["n_parsed"] = frame["n_parsed"].astype(float)  # nan where it is not said
    said = [c for c in OPTIONAL if c in frame and (frame[c].notna() & (frame[c] != "")).any()]
    table, answered = _overview(frame)
    table = table.loc[benchmarks["benchmark"]]
    overview, gaps = [], []
    for benchmark, row in table.iterrows():
        n, low, high = (int(row[c]) for c in ("items", "trials_min", "trials_max"))
        sizes = {noun: int(row[f"{noun}s"]) for noun in ("model", "item", "language")}
        several = ", ".join(f"{size:,} {noun}" + "s" * (size != 1) for noun, size in sizes.items())
        trials = f"{low if low == high else f'{low} to {high}'} trial{'s' if high > 1 else ''}"
        overview.append(f"{benchmark}: {several}, {trials} an item and language.")
        if not row["missing"]:
            continue
        mine = answered[answered["benchmark"] == benchmark].astype({"model": str, "language": str})
        lack = n - mine.pivot_table("n", "model", "language", "sum", fill_value=0)
        alike: dict[str, list[str]] = {}  # models that miss the same
        for model, missing in lack[lack.any(axis=1)].iterrows():
            codes = listing((f"{code} ({k})" for code, k in missing.items() if k), 20)
            alike.setdefault(codes, []).append(str(model))
        gaps += [
            f"{benchmark}, {listing(names, 3)}: items without an answer, of {n}: {codes}."
            for codes, names in alike.items()
        ]
    for lines, what in ((overview, "benchmarks"), (gaps, "lines on missing answers")):
        more = len(lines) - _MOST_LINES + 1
        job.read += lines if more < 2 else [*lines[:-more], f"… and {more} more {what}."]
    single = table.index[table["trials_max"] == 1]
    if len(single):
        job.read.append(
            f"One trial an item in {listing(single)}: a model's own answer does not "
            "show how hard an item is for it."
        )
    languages = describe_languages(frame["language"].unique())
    frame = frame[[*COLUMNS, *said]]
    return Responses(frame, benchmarks, models, languages, job.report(), bundled)


def _overview(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Responses.table`, and how many items each model answered, by benchmark and language.

    Names are counted as categories: copying their text takes most of the time.
    """
    key = ["benchmark", "model", "language", "item"]
    cells = frame[[*key, "prompting"]].astype("category")
    cells = cells.assign(n_correct=frame["n_correct"], n_trials=frame["n_trials"])
    cells["is_source"] = frame["language"] == frame["source_language"]
    promptings = cells.groupby("benchmark", observed=True)["prompting"].nunique()
    several = cells["benchmark"].isin(cells.loc[frame["prompting"] != "", "benchmark"].unique())
    sums = cells[several].groupby([*key, "is_source"], observed=True, sort=False)
    counts = sums[["n_correct", "n_trials"]].sum().reset_index()
    cells = pd.concat([cells[~several], counts])
    table = cells.groupby("benchmark", observed=True).agg(
        models=("model", "nunique"),
        items=("item", "nunique"),
        languages=("language", "nunique"),
        trials_min=("n_trials", "min"),
        trials_median=("n_trials", "median"),
        trials_max=("n_trials", "max"),
    )
    table.insert(3, "promptings", promptings)
    full = table[["models", "items", "languages"]].prod(axis=1)
    table["missing"] = 1 - cells.groupby("benchmark", observed=True).size() / full
    answered = cells.groupby(["benchmark", "model", "language"], observed=True).size()
    source = cells[cells["is_source"]]
    rate = source["n_correct"] / source["n_trials"]
    accuracy = rate.groupby([source["benchmark"], source["model"]], observed=True).mean()
    ends = accuracy.groupby("benchmark", observed=True).agg(["min", "max"]).add_prefix("source_")
    table = table.join(ends)
    return table.set_axis(table.index.astype(str)), answered.reset_index(name="n")


def _unknown(names: Iterable[str], there: Iterable[str], what: str) -> list[Problem]:
    known = sorted(there)
    remedy = f"There are {listing((k or '(empty)' for k in known), 30)}."
    what = f"there is no {what} of this name."
    return [Problem(what, remedy, value=str(name)) for name in names if name not in known]
