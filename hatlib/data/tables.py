"""Read, validate and join the tables of accuracies: those of the book, or a user's own.

`load()` gives the published accuracies that come with the book; `load("mine.csv")` a user's.
Nothing is repaired silently: what was read, assumed and left out is in `Tables.report`, and
everything that is wrong is raised at once as an `InputError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import pandas as pd

from hatlib.data import about, loading
from hatlib.data import data_folder as data_folder
from hatlib.data.files import Place
from hatlib.data.languages import COLUMN_NAMES, COUNTRIES, is_language
from hatlib.data.loading import MODEL_COLUMNS, Loading, LoadReport
from hatlib.data.responses import Responses, load_responses
from hatlib.errors import InputError, Problem, listing

#: Results of simulations that take long, as their benchmarks last wrote them.
_STUDIES = ("estimators", "power", "situations", "planning")
STUDIES = {f"study-{name}": f"studies/{name}.csv" for name in _STUDIES}


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
        row: "/".join(about.slug(part) for part in row if part)
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
    source_language, chance = loading.asked(source_language, chance)
    paths = [Path(files)] if isinstance(files, str | Path) else list(map(Path, files or []))
    if not paths:
        if models:
            raise InputError("A models table was given without a file of accuracies to describe.")
        tables = _bundled()
        _need_source(tables.accuracies, source_language, Loading())
        benchmarks = tables.benchmarks.assign(source_language=source_language)
        return replace(tables, benchmarks=benchmarks)
    with_items = [path for path in paths if loading.has_items(path)]
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
    frame = about.bundled("accuracies")

    def used(table: pd.DataFrame, column: str) -> pd.DataFrame:
        return table[table[column].isin(frame[column].unique())].reset_index(drop=True)

    sources = used(about.book().sources, "source")
    return Tables(
        accuracies=frame,
        models=used(about.book().models, "model"),
        benchmarks=used(about.book().benchmarks, "benchmark"),
        sources=sources,
        languages=used(about.book().languages, "language"),
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
    own_models = job.table(models, "models")
    prepare = partial(_to_long, job=job)
    every = [job.table(path, "accuracies", prepare, benchmark) for path in paths]
    job.report()
    found = [each for each in every if each is not None]
    frame = pd.concat([each for each, _ in found], ignore_index=True)
    if len(found) > 1:
        places = [place for _, place in found]
        job.problems += loading.repeated(
            frame, loading.KEY, places, loading.FORMS["accuracies"].again
        )
    described = about.describe_models(frame, own_models and own_models[0], job)
    benchmarks = about.describe_benchmarks(frame, source_language, chance, job)
    _need_source(frame, source_language, job)
    return Tables(
        accuracies=frame[[c for c in frame if c not in MODEL_COLUMNS]],
        models=described,
        benchmarks=benchmarks,
        sources=pd.DataFrame({"source": sorted(frame["source"].unique())}),
        languages=about.describe_languages(frame["language"].unique()),
        report=job.report(),
    )


def _need_source(frame: pd.DataFrame, source_language: str, job: Loading) -> None:
    """See that there is a figure in the source language, and in another; or stop."""
    about.need_sources(frame.assign(benchmark="", source_language=source_language), job, "figure")
    job.report()


def _from_items(responses: Responses) -> Tables:
    """Accuracies made from answers item by item."""
    key = ["benchmark", "model", "language"]
    sums = responses.frame.groupby([*key, "item"], sort=False)[["n_correct", "n_trials"]].sum()
    items = (sums["n_correct"] / sums["n_trials"]).groupby(key, sort=False)
    frame = items.agg(accuracy="mean", n_items="size").reset_index().astype({"n_items": "Int64"})
    defaults = {c: v for c, v in loading.FORMS["accuracies"].defaults.items() if c not in frame}
    line = (
        f"Answers to items turned into {len(frame)} accuracies: the mean over items of the "
        "share of right answers, promptings of an item added up."
    )
    return Tables(
        accuracies=frame.assign(**defaults),
        models=responses.models,
        benchmarks=responses.benchmarks,
        sources=pd.DataFrame({"source": [defaults["source"]]}),
        languages=responses.languages,
        report=replace(responses.report, read=(*responses.report.read, line)),
    )


def _to_long(frame: pd.DataFrame, place: Place, job: Loading) -> tuple[pd.DataFrame, Place]:
    """A table with one column a language as one row a figure, with the cell that it came from."""
    if "reasoning" in frame:
        frame["reasoning"] = frame["reasoning"].replace("", "none")
    known = {"model", "n_items", *loading.KEY, *MODEL_COLUMNS, *COLUMN_NAMES}
    # The code of a country is asked about later.
    names = [c for c in map(str, frame) if c not in known and len(c) <= 8]
    languages = [c for c in names if is_language(c) or c in COUNTRIES]
    if "model" not in frame or {"language", "accuracy"} & set(frame) or len(languages) < 2:
        return frame, place
    of_languages = f"one column for each of {len(languages)} languages ({listing(languages, 20)})"
    job.read.append(f"{place.file}: a wide table with {of_languages}.")
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
