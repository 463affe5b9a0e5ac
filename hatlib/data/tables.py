"""Read, validate and join the tables of accuracies: those of the book, or a user's own.

`load()` gives the published accuracies that come with the book; `load("mine.csv")` a user's.
Nothing is repaired silently: what was read, assumed and left out is in `Tables.report`, and
everything that is wrong is raised at once as an `InputError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import pandas as pd

from hatlib.data import data_folder as data_folder
from hatlib.data import schema
from hatlib.data.about import describe_benchmarks, describe_models, own_models
from hatlib.data.book import BUNDLED as BUNDLED
from hatlib.data.book import accuracies, book, describe_languages, slug
from hatlib.data.door import stem
from hatlib.data.languages import COUNTRIES, is_language
from hatlib.data.languages import standard_language as standard_language
from hatlib.data.loading import UNKNOWN as UNKNOWN
from hatlib.data.loading import (
    Loading,
    LoadReport,
    asked_chance,
    asked_language,
    has_items,
    repeated,
    typed,
)
from hatlib.data.responses import load_responses
from hatlib.data.schema import Place
from hatlib.errors import InputError, Problem, listing

#: Results of simulations that take long, as their benchmarks last wrote them.
STUDIES = {
    "study-estimators": "studies/estimators.csv",
    "study-power": "studies/power.csv",
    "study-situations": "studies/situations.csv",
    "study-planning": "studies/planning.csv",
}

_OWN = "your data"  # the source of a user's figures, unless the file says it
_USED = {*schema.KEY, *schema.MODEL_COLUMNS, "accuracy", "n_items", "margin", "locator", "note"}


@dataclass(frozen=True)
class Tables:
    """The tidy tables that every analysis starts from.

    Attributes
    ----------
    accuracies : DataFrame
        One row a source × benchmark × version × setup × model × reasoning × prompting ×
        language, with ``accuracy`` (share of items, 0 to 1) and ``n_items``.
    models : DataFrame
        One row a model: names, family, lineage, sizes (10⁹ parameters), release date.
    benchmarks : DataFrame
        One row a benchmark: source language, chance level, answer format.
    sources, languages : DataFrame
        Where the figures come from; names, scripts and families of the languages.
    report : LoadReport
        What was read, assumed and left out.
    bundled : bool
        Whether these are the tables of the book.
    """

    accuracies: pd.DataFrame
    models: pd.DataFrame
    benchmarks: pd.DataFrame
    sources: pd.DataFrame
    languages: pd.DataFrame
    report: LoadReport = field(default_factory=LoadReport)
    bundled: bool = False

    def table(self) -> pd.DataFrame:
        """One row a set: how many models, languages and figures it has.

        Examples
        --------
        >>> import hatlib
        >>> counts = hatlib.load().table()
        >>> int(counts.loc["euroeval/hellaswag/test-split", "models"])
        167
        """
        frame = self.accuracies.assign(set=set_ids(self.accuracies))
        return frame.groupby("set").agg(
            source=("source", "first"),
            benchmark=("benchmark", "first"),
            version=("version", "first"),
            models=("model", "nunique"),
            languages=("language", "nunique"),
            promptings=("prompting", "nunique"),
            figures=("accuracy", "size"),
        )


def set_ids(frame: pd.DataFrame) -> pd.Series:
    """Name the set of each row: the source, benchmark and version that make it comparable.

    Examples
    --------
    >>> frame = pd.DataFrame({"source": ["s"], "benchmark": ["XNLI"], "version": ["task 0"]})
    >>> set_ids(frame).tolist()
    ['s/xnli/task-0']
    """
    key = ["source", "benchmark", "version"]
    names = {
        row: "/".join(slug(part) for part in row if part)
        for row in frame[key].drop_duplicates().itertuples(index=False, name=None)
    }
    rows = zip(*(frame[c] for c in key), strict=True)
    return pd.Series([names[row] for row in rows], index=frame.index, dtype=str)


def load(
    files: str | Path | Sequence[str | Path] | None = None,
    *,
    models: str | Path | None = None,
    source_language: str = "en",
    chance: float | None = None,
    benchmark: str = "",
) -> Tables:
    """Load the accuracies of the book, or your own.

    Your file needs the columns ``model``, ``language`` and ``accuracy`` (a share, 0 to 1), or
    ``model`` and one column a language.  It may have ``source``, ``benchmark``, ``version``,
    ``setup``, ``reasoning``, ``prompting``, ``n_items`` and any column of the models table.

    Answers item by item (see `hatlib.load_responses`) become accuracies: the mean over items of the
    share of right answers, with the promptings of an item added up.

    Parameters
    ----------
    files : path or sequence of paths, optional
        CSV, TSV, JSON or Parquet files of accuracies; nothing for those of the book.
    models : path, optional
        Table that describes the models; without it, models that the book knows by name are
        described from its own table.
    source_language : str
        Language that transfer starts from.
    chance : float, optional
        Accuracy of a guess, 0 to 1. If not given (or -1) it is that of the benchmarks table of
        the book, and 0 for a benchmark that the book does not know.
    benchmark : str
        Name of the benchmark, for files without such a column; the file's name if not given.

    Returns
    -------
    Tables

    Raises
    ------
    InputError
        Listing everything that is wrong with the files.

    Examples
    --------
    >>> tables = load()
    >>> tables.bundled, len(tables.accuracies) > 8000
    (True, True)
    """
    source_language, chance = asked_language(source_language), asked_chance(chance)
    paths = [files] if isinstance(files, str | Path) else list(files or [])
    if not paths:
        if models:
            raise InputError("A models table was given without a file of accuracies to describe.")
        tables = _bundled()
        job = Loading()
        job.problems += _source_problems(tables.accuracies, source_language)
        job.stop_if_wrong()
        benchmarks = tables.benchmarks.assign(source_language=source_language)
        return replace(tables, benchmarks=benchmarks)
    with_items = [path for path in paths if has_items(path)]
    if with_items and len(with_items) < len(paths):
        what = "the file has answers item by item, and others have accuracies."
        remedy = "Give the two apart: on a page, as answers and as data."
        raise InputError([Problem(what, remedy, file=Path(path).name) for path in with_items])
    if with_items:
        return _from_items(paths, models, source_language, chance, benchmark)
    return _own(paths, models, source_language, chance, benchmark)


@lru_cache(maxsize=1)
def _bundled() -> Tables:
    """The accuracies of the book, with what describes them."""
    frame = accuracies()

    def used(table: pd.DataFrame, column: str) -> pd.DataFrame:
        return table[table[column].isin(frame[column].unique())].reset_index(drop=True)

    sources = used(book().sources, "source")
    return Tables(
        accuracies=frame,
        models=used(book().models, "model"),
        benchmarks=used(book().benchmarks, "benchmark"),
        sources=sources,
        languages=used(book().languages, "language"),
        report=LoadReport((f"{len(frame)} published accuracies from {len(sources)} sources.",)),
        bundled=True,
    )


def _own(
    paths: Sequence[str | Path],
    models: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Tables:
    job = Loading()
    described_by = own_models(Path(models), job) if models else None
    found = [_own_accuracies(Path(path), benchmark, job) for path in paths]
    job.stop_if_wrong()
    frame = pd.concat([one for one in found if one is not None], ignore_index=True)
    if len(found) > 1:
        together = Place("the files together", range(1, len(frame) + 1))
        job.problems += _twice(frame, [together])
    described = describe_models(frame, described_by, job)
    benchmarks = describe_benchmarks(frame["benchmark"], source_language, chance, job)
    job.problems += _source_problems(frame, source_language)
    job.stop_if_wrong()
    return Tables(
        accuracies=frame[[c for c in frame if c not in schema.MODEL_COLUMNS]],
        models=described,
        benchmarks=benchmarks,
        sources=pd.DataFrame({"source": sorted(frame["source"].unique())}),
        languages=describe_languages(sorted(frame["language"].unique())),
        report=job.report(),
    )


def _source_problems(frame: pd.DataFrame, source_language: str) -> list[Problem]:
    """Whether there are figures in the source language, and in others."""
    codes = sorted(frame["language"].unique())
    if source_language not in codes:
        what = f"no figure is in the source language {source_language}."
        remedy = "Add the accuracies in that language, or make another one the source_language "
        return [Problem(what, f"{remedy}(languages read: {listing(codes, 20)}).")]
    if len(codes) == 1:
        what = f"the only language is {source_language}: there is no target language."
        return [Problem(what, "Add the accuracies in other languages.")]
    return []


def _from_items(
    paths: Sequence[str | Path],
    models: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Tables:
    """Accuracies made from answers item by item."""
    responses = load_responses(
        paths,
        models=models or None,
        source_language=source_language,
        chance=chance,
        benchmark=benchmark,
        override=True,  # an accuracy is of a language, not of items that start from it
    )
    key = ["benchmark", "model", "language"]
    sums = responses.frame.groupby([*key, "item"], sort=False)[["n_correct", "n_trials"]].sum()
    items = (sums["n_correct"] / sums["n_trials"]).groupby(key, sort=False)
    frame = items.agg(accuracy="mean", n_items="size").reset_index().astype({"n_items": "Int64"})
    line = (
        f"Answers to items turned into {len(frame)} accuracies: the mean over items of the "
        "share of right answers, promptings of an item added up."
    )
    return Tables(
        accuracies=frame.assign(source=_OWN, version="", setup="", reasoning="none", prompting=""),
        models=responses.models,
        benchmarks=responses.benchmarks,
        sources=pd.DataFrame({"source": [_OWN]}),
        languages=responses.languages,
        report=replace(responses.report, read=(*responses.report.read, line)),
    )


def _own_accuracies(path: Path, benchmark: str, job: Loading) -> pd.DataFrame | None:
    """One file of accuracies, long or wide, checked; None if it cannot be read at all."""
    found = job.table(path)
    if found is None:
        return None
    frame, place = found
    file, n_rows = place.file, len(frame)
    wide = _language_columns(frame)
    if "model" in frame and not {"language", "accuracy"} & set(frame) and len(wide) >= 2:
        frame, place, n_empty = _to_long(frame, wide, place)
        job.read.append(
            f"{file}: {n_rows} rows as a wide table with one column for each of {len(wide)} "
            f"languages ({listing(wide, 20)})."
        )
        if n_empty:
            job.dropped.append(f"{file}: {n_empty} empty cells, as not evaluated.")
    else:
        job.read.append(f"{file}: {n_rows} rows.")
    needs = (
        "A file of accuracies needs the columns model, language and accuracy, or model and one "
        "column a language."
    )
    if job.lacks(frame, place, ["model", "language", "accuracy"], needs):
        return None
    if not len(frame):
        job.problems.append(Problem("there is no row below the header.", "Add the figures.", file))
        return None
    unused = [c for c in frame if c not in _USED]
    if unused:
        job.dropped.append(f"{file}: columns that no analysis uses: {listing(unused)}.")
    defaults = {
        "source": _OWN,
        "benchmark": benchmark or stem(path.name) or "your benchmark",
        "version": "",
        "setup": "",
        "reasoning": "none",
        "prompting": "",
    }
    for column, default in defaults.items():
        if column not in frame:
            frame[column] = default
            if column == "reasoning":
                job.assumed.append(f"{file}: reasoning is none, as there is no such column.")
        elif column == "reasoning":
            frame[column] = frame[column].replace("", default)
    if "n_items" not in frame:
        frame["n_items"] = ""
        job.assumed.append(
            f"{file}: the number of items is not known, as there is no column n_items; "
            "sampling error cannot be shown."
        )
    frame, wrong = typed(frame, place)
    spelt = frame["language"]
    frame, none = job.languages(frame, ["language"], place)
    again = _twice(frame, [place], spelt.unique().tolist())
    job.keep_rules(frame, schema.ACCURACIES, place, [*wrong, *none], again)
    return frame


def _twice(
    frame: pd.DataFrame, places: Sequence[Place], spelt: Sequence[str] = ()
) -> list[Problem]:
    remedy = "Keep one, or tell them apart in the columns prompting, setup or version."
    return repeated(frame, schema.KEY, places, "model and language", remedy, spelt)


#: Usual column names that happen to be codes of small languages; they are not read as such.
# fmt: off
_NOT_LANGUAGES = frozenset([
    "api", "dev", "gap", "key", "llm", "mac", "max", "med", "min", "num", "org",
    "row", "run", "src", "std", "tgt", "top", "url", "val", "var",
])
# fmt: on


def _language_columns(frame: pd.DataFrame) -> list[str]:
    """Columns whose name is a language code, as in a wide table."""
    known = {"model", *schema.KEY, *schema.MODEL_COLUMNS, "n_items", *_NOT_LANGUAGES}
    names = [str(c) for c in frame]
    # The code of a country is asked about later; but se is a standard error.
    codes = [c for c in names if is_language(c) or (c in COUNTRIES and c != "se")]
    return [c for c in codes if c not in known and len(c) <= 8]


def _to_long(
    frame: pd.DataFrame, languages: list[str], place: Place
) -> tuple[pd.DataFrame, Place, int]:
    """One row a model × language, each with the line that it came from."""
    others = [c for c in frame if c not in languages]
    long = frame.assign(_row=range(len(frame))).melt(
        [*others, "_row"], languages, var_name="language", value_name="accuracy"
    )
    filled = long["accuracy"] != ""
    long = long[filled].sort_values("_row", kind="stable").reset_index(drop=True)
    lines = [place.lines[row] for row in long.pop("_row")]
    origin = Place(place.file, lines, long["language"].tolist())
    return long, origin, int((~filled).sum())
