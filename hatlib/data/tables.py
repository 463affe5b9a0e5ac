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
from hatlib.data.about import describe_benchmarks, describe_models, own_models
from hatlib.data.book import BUNDLED as BUNDLED
from hatlib.data.book import book, bundled, describe_languages, slug
from hatlib.data.files import Place
from hatlib.data.languages import COLUMN_NAMES, COUNTRIES, is_language
from hatlib.data.loading import UNKNOWN as UNKNOWN
from hatlib.data.loading import (
    Loading,
    LoadReport,
    asked_chance,
    asked_language,
    default_benchmark,
    has_items,
    repeated,
)
from hatlib.data.responses import Responses, load_responses
from hatlib.data.schema import FORMS, KEY, MODEL_COLUMNS
from hatlib.errors import InputError, Problem, listing

#: Results of simulations that take long, as their benchmarks last wrote them.
STUDIES = {
    "study-estimators": "studies/estimators.csv",
    "study-power": "studies/power.csv",
    "study-situations": "studies/situations.csv",
    "study-planning": "studies/planning.csv",
}

_OWN = "your data"  # the source of a user's figures, unless the file says it


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
    paths = [Path(files)] if isinstance(files, str | Path) else list(map(Path, files or []))
    if not paths:
        if models:
            raise InputError("A models table was given without a file of accuracies to describe.")
        tables = _bundled()
        Loading().need_source(tables.accuracies["language"], source_language)
        benchmarks = tables.benchmarks.assign(source_language=source_language)
        return replace(tables, benchmarks=benchmarks)
    with_items = [path for path in paths if has_items(path)]
    if with_items and len(with_items) < len(paths):
        what = "the file has answers item by item, and others have accuracies."
        remedy = "Give the two apart: on a page, as answers and as data."
        raise InputError([Problem(what, remedy, file=path.name) for path in with_items])
    if not with_items:
        return _own(paths, models, source_language, chance, benchmark)
    responses = load_responses(
        paths,
        models=models or None,
        source_language=source_language,
        chance=chance,
        benchmark=benchmark,
        override=True,  # an accuracy is of a language, not of items that start from it
    )
    return _from_items(responses)


@lru_cache(maxsize=1)
def _bundled() -> Tables:
    """The accuracies of the book, with what describes them."""
    frame = bundled("accuracies")

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
    paths: Sequence[Path],
    models: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Tables:
    job = Loading()
    described_by = own_models(models, job)
    found = [each for path in paths if (each := _own_accuracies(path, benchmark, job))]
    job.stop_if_wrong()
    frame = pd.concat([each for each, _ in found], ignore_index=True)
    if len(found) > 1:
        places = [place for _, place in found]
        job.problems += repeated(frame, KEY, places, FORMS["accuracies"].again)
    described = describe_models(frame, described_by, job)
    benchmarks = describe_benchmarks(frame, source_language, chance, job)
    codes = frame["language"].unique()
    job.need_source(codes, source_language)
    return Tables(
        accuracies=frame[[c for c in frame if c not in MODEL_COLUMNS]],
        models=described,
        benchmarks=benchmarks,
        sources=pd.DataFrame({"source": sorted(frame["source"].unique())}),
        languages=describe_languages(codes),
        report=job.report(),
    )


def _from_items(responses: Responses) -> Tables:
    """Accuracies made from answers item by item."""
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


def _own_accuracies(path: Path, benchmark: str, job: Loading) -> tuple[pd.DataFrame, Place] | None:
    """One file of accuracies, long or wide, checked; None if it cannot be used."""
    found = job.opened(path)
    if found is None:
        return None
    frame, place = found
    file, wide, form = place.file, _language_columns(frame), ""
    is_wide = "model" in frame and not {"language", "accuracy"} & set(frame) and len(wide) >= 2
    if is_wide:
        form = f" as a wide table with one column for each of {len(wide)} languages "
        form += f"({listing(wide, 20)})"
    job.read.append(f"{file}: {len(frame)} rows{form}.")
    if is_wide:
        frame, place = _to_long(frame, wide, place, job)
    if "reasoning" in frame:
        frame["reasoning"] = frame["reasoning"].replace("", "none")
    elif "accuracy" in frame:
        job.assumed.append(f"{file}: reasoning is none, as there is no such column.")
    if "n_items" not in frame and "accuracy" in frame:
        job.assumed.append(
            f"{file}: the number of items is not known, as there is no column n_items; "
            "sampling error cannot be shown."
        )
    name = default_benchmark(path, benchmark)
    checked = job.checked(frame, place, "accuracies", source=_OWN, benchmark=name)
    return None if checked is None else (checked, place)


def _language_columns(frame: pd.DataFrame) -> list[str]:
    """Columns whose name is a language code, as in a wide table."""
    known = {"model", "n_items", *KEY, *MODEL_COLUMNS, *COLUMN_NAMES}
    # The code of a country is asked about later.
    names = [c for c in map(str, frame) if c not in known and len(c) <= 8]
    return [c for c in names if is_language(c) or c in COUNTRIES]


def _to_long(
    frame: pd.DataFrame, languages: list[str], place: Place, job: Loading
) -> tuple[pd.DataFrame, Place]:
    """One row a model × language, each with the row and column that it came from."""
    others = [c for c in frame if c not in languages]
    long = frame.assign(_row=place.rows).melt(
        [*others, "_row"], languages, var_name="language", value_name="accuracy"
    )
    filled = long["accuracy"] != ""
    if not filled.all():
        job.dropped.append(f"{place.file}: {(~filled).sum()} empty cells, as not evaluated.")
    long = long[filled].sort_values("_row", kind="stable").reset_index(drop=True)
    rows = long.pop("_row").tolist()
    return long, replace(place, rows=rows, cells=long["language"].tolist())
