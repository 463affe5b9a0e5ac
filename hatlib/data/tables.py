"""Read, validate and join the tables: those of the book, or a user's own.

`load()` gives the published accuracies that come with the book; `load("mine.csv")` a user's.
Nothing is repaired silently: what was read, assumed and left out is in `Tables.report`, and
everything that is wrong is raised at once as an `InputError`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hatlib.data import data_folder, schema
from hatlib.data.files import read_table
from hatlib.data.languages import is_language, standard_language
from hatlib.errors import InputError, Problem, listing

#: A chance level that is not given; notebooks take plain numbers as parameters.
UNKNOWN = -1.0

BUNDLED = {
    "accuracies": "published/accuracies.csv",
    "models": "models.csv",
    "benchmarks": "benchmarks.csv",
    "sources": "sources.csv",
    "languages": "languages.csv",
    "names": "names.csv",
    "corrections": "corrections.csv",
}

#: Results of simulations that take long, as their benchmarks last wrote them.
STUDIES = {
    "study-estimators": "studies/estimators.csv",
    "study-power": "studies/power.csv",
    "study-planning": "studies/planning.csv",
}

_OWN = "your data"  # the source of a user's figures, unless the file says it
_USED = {*schema.KEY, *schema.MODEL_COLUMNS, "accuracy", "n_items", "margin", "locator", "note"}
#: Columns that count something.
_WHOLE = frozenset(["n_items", "n_correct", "n_trials", "n_parsed", "correct"])
_NUMBERS = ("accuracy", "n_items", "margin", "params_total_b", "params_active_b", "chance_level")


@dataclass(frozen=True)
class LoadReport:
    """What a load did, in plain sentences.

    Attributes
    ----------
    read, assumed, dropped : tuple of str
        What was read; what was taken for granted because the files do not say it; what was
        left out, and why.
    """

    read: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (("Read", self.read), ("Assumed", self.assumed), ("Left out", self.dropped))
        return "\n".join(
            f"{title}:\n" + "\n".join(f"  - {line}" for line in lines)
            for title, lines in parts
            if lines
        )


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
        counts = frame.groupby("set").agg(
            source=("source", "first"),
            benchmark=("benchmark", "first"),
            version=("version", "first"),
            models=("model", "nunique"),
            languages=("language", "nunique"),
            promptings=("prompting", "nunique"),
            figures=("accuracy", "size"),
        )
        return counts


def set_ids(frame: pd.DataFrame) -> pd.Series:
    """Name the set of each row: the source, benchmark and version that make it comparable.

    Examples
    --------
    >>> frame = pd.DataFrame({"source": ["s"], "benchmark": ["XNLI"], "version": ["task 0"]})
    >>> set_ids(frame).tolist()
    ['s/xnli/task-0']
    """
    parts = frame[["source", "benchmark", "version"]].drop_duplicates()
    names = {
        row: "/".join(_slug(part) for part in row if part)
        for row in parts.itertuples(index=False, name=None)
    }
    keys = zip(frame["source"], frame["benchmark"], frame["version"], strict=True)
    return pd.Series([names[key] for key in keys], index=frame.index, dtype=str)


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
        CSV, CSV.gz or Parquet files of accuracies; nothing for those of the book.
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
    if not is_language(source_language):
        raise InputError(
            Problem(
                "source_language is not a language code.",
                schema.REMEDIES["is not a language code"],
                value=str(source_language),
            )
        )
    if chance == UNKNOWN:
        chance = None
    if chance is not None and not 0 <= chance < 1:
        raise InputError(
            Problem("chance is not a share.", "Give a number from 0 to below 1.", value=str(chance))
        )
    paths = [files] if isinstance(files, str | Path) else list(files or [])
    if paths and _all_with_items(paths):
        return _load_answers(paths, models, source_language, chance, benchmark)
    if paths:
        return _load_own(paths, models, source_language, chance, benchmark)
    tables = _bundled()
    if models:
        raise InputError("A models table was given without a file of accuracies to describe.")
    return _with_source_language(tables, source_language)


@dataclass(frozen=True)
class Book:
    """What the book knows of models, benchmarks, sources and languages.

    Attributes
    ----------
    models, benchmarks, sources, languages : DataFrame
        The validated tables, with those that have item-level answers only.
    """

    models: pd.DataFrame
    benchmarks: pd.DataFrame
    sources: pd.DataFrame
    languages: pd.DataFrame


@lru_cache(maxsize=1)
def book() -> Book:
    """The tables that describe what is evaluated, validated.

    Examples
    --------
    >>> "copa-dialects" in set(book().benchmarks["benchmark"])
    True
    """
    problems: list[Problem] = []
    frames = {
        name: _validated(data_folder() / BUNDLED[name], rules, problems)
        for name, rules in (
            ("models", schema.MODELS),
            ("benchmarks", schema.BENCHMARKS),
            ("sources", schema.SOURCES),
            ("languages", schema.LANGUAGES),
        )
    }
    if problems:
        raise InputError(problems)
    frames["models"] = _with_model_columns(frames["models"])
    return Book(**frames)


@lru_cache(maxsize=1)
def _bundled() -> Tables:
    """The validated accuracies of the book, with what describes them."""
    problems: list[Problem] = []
    accuracies = _validated(data_folder() / BUNDLED["accuracies"], schema.ACCURACIES, problems)
    place = schema.Place(BUNDLED["accuracies"], range(2, len(accuracies) + 2))
    problems += duplicates(accuracies, schema.KEY, [place])
    described = {}
    for column, table in (
        ("model", "models"),
        ("benchmark", "benchmarks"),
        ("source", "sources"),
        ("language", "languages"),
    ):
        frame = getattr(book(), table)
        problems += [
            Problem(f"{column} is not described in {BUNDLED[table]}.", value=value)
            for value in sorted(set(accuracies[column]) - set(frame[column]))
        ]
        used = frame[column].isin(set(accuracies[column]))
        described[table] = frame[used].reset_index(drop=True)
    if problems:
        raise InputError(problems)
    n = len(accuracies)
    report = LoadReport((f"{n} published accuracies from {len(described['sources'])} sources.",))
    return Tables(accuracies, **described, report=report, bundled=True)


def _with_source_language(tables: Tables, source_language: str) -> Tables:
    """Make one language the source of every benchmark."""
    benchmarks = tables.benchmarks.assign(source_language=source_language)
    if source_language not in set(tables.accuracies["language"]):
        raise InputError(
            Problem(
                f"no figure is in the source language {source_language}.",
                "Languages with figures: "
                f"{listing(sorted(set(tables.accuracies['language'])), 20)}.",
            )
        )
    return replace(tables, benchmarks=benchmarks)


# A user's own files -------------------------------------------------------------------------


def _load_own(
    paths: Sequence[str | Path],
    models: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Tables:
    problems: list[Problem] = []
    read: list[str] = []
    assumed: list[str] = []
    dropped: list[str] = []
    described_by = own_models(Path(models), problems) if models else None
    frames = []
    for path in paths:
        frame = _own_accuracies(Path(path), benchmark, problems, read, assumed, dropped)
        if frame is not None:
            frames.append(frame)
    if problems:
        raise InputError(problems)
    accuracies = pd.concat(frames, ignore_index=True)
    if len(frames) > 1:
        problems += duplicates(
            accuracies,
            schema.KEY,
            [schema.Place("the files together", range(1, len(accuracies) + 1))],
        )
    described = describe_models(accuracies, described_by, problems, read, assumed)
    benchmarks = describe_benchmarks(accuracies, source_language, chance, assumed)
    languages_read = sorted(set(accuracies["language"]))
    if source_language not in languages_read:
        problems.append(
            Problem(
                f"no figure is in the source language {source_language}.",
                "Add the accuracies in that language, or make another one the source_language "
                f"(languages read: {listing(languages_read, 20)}).",
            )
        )
    elif len(languages_read) == 1:
        problems.append(
            Problem(
                f"the only language is {source_language}: there is no target language.",
                "Add the accuracies in other languages.",
            )
        )
    if problems:
        raise InputError(problems)
    return Tables(
        accuracies=accuracies[[c for c in accuracies if c not in schema.MODEL_COLUMNS]],
        models=described,
        benchmarks=benchmarks,
        sources=pd.DataFrame({"source": sorted(set(accuracies["source"]))}),
        languages=describe_languages(languages_read),
        report=LoadReport(tuple(read), tuple(assumed), tuple(dropped)),
    )


def _all_with_items(paths: Sequence[str | Path]) -> bool:
    """Whether the files are answers item by item; an error if only some are."""
    from hatlib.data.responses import has_items

    with_items = [path for path in paths if has_items(path)]
    if 0 < len(with_items) < len(paths):
        raise InputError(
            [
                Problem(
                    "the file has answers item by item, and others have accuracies.",
                    "Give the two apart: on a page, as answers and as data.",
                    file=Path(path).name,
                )
                for path in with_items
            ]
        )
    return bool(with_items)


def _load_answers(
    paths: Sequence[str | Path],
    models: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Tables:
    """Accuracies made from answers item by item."""
    from hatlib.data.responses import load_responses

    responses = load_responses(
        paths,
        models=models or None,
        source_language=source_language,
        chance=chance,
        benchmark=benchmark,
        override=True,  # an accuracy is of a language, not of items that start from it
    )
    accuracies = _accuracies_of(responses.frame)
    report = responses.report
    line = (
        f"Answers to items turned into {len(accuracies)} accuracies: the mean over items of the "
        "share of right answers, promptings of an item added up."
    )
    return Tables(
        accuracies=accuracies,
        models=responses.models,
        benchmarks=responses.benchmarks,
        sources=pd.DataFrame({"source": [_OWN]}),
        languages=responses.languages,
        report=replace(report, read=(*report.read, line)),
    )


def _accuracies_of(answers: pd.DataFrame) -> pd.DataFrame:
    """One row a benchmark, model and language from one row an item (and prompting)."""
    key = ["benchmark", "model", "language"]
    sums = answers.groupby([*key, "item"], sort=False)[["n_correct", "n_trials"]].sum()
    items = (sums["n_correct"] / sums["n_trials"]).groupby(key, sort=False)
    frame = items.agg(accuracy="mean", n_items="size").reset_index()
    frame["n_items"] = frame["n_items"].astype("Int64")
    return frame.assign(source=_OWN, version="", setup="", reasoning="none", prompting="")


def _own_accuracies(
    path: Path,
    benchmark: str,
    problems: list[Problem],
    read: list[str],
    assumed: list[str],
    dropped: list[str],
) -> pd.DataFrame | None:
    """One file of accuracies, long or wide, checked; None if it cannot be read at all."""
    try:
        frame, place = read_table(path)
    except InputError as error:
        problems += error.problems
        return None
    n_rows = len(frame)
    frame = lower_case_columns(frame, place.file, assumed)
    wide = _language_columns(frame)
    if "model" in frame and not {"language", "accuracy"} & set(frame) and len(wide) >= 2:
        frame, place, n_empty = _to_long(frame, wide, place)
        read.append(
            f"{place.file}: {n_rows} rows as a wide table with one column for each of "
            f"{len(wide)} languages ({listing(wide, 20)})."
        )
        if n_empty:
            dropped.append(f"{place.file}: {n_empty} empty cells, as not evaluated.")
    else:
        read.append(f"{place.file}: {n_rows} rows.")
    missing = [c for c in ("model", "language", "accuracy") if c not in frame]
    if missing:
        problems.append(
            Problem(
                f"there is no column {listing(missing)}.",
                "A file of accuracies needs the columns model, language and accuracy, or model "
                f"and one column a language. Columns found: {listing(frame.columns, 20)}.",
                place.file,
                1,
            )
        )
        return None
    unused = [c for c in frame if c not in _USED]
    if unused:
        dropped.append(f"{place.file}: columns that no analysis uses: {listing(unused)}.")
    stem = re.sub(r"(\.csv)?(\.gz)?$|\.parquet$", "", path.name)
    defaults = {
        "source": _OWN,
        "benchmark": benchmark or stem or "your benchmark",
        "version": "",
        "setup": "",
        "reasoning": "none",
        "prompting": "",
    }
    for column, default in defaults.items():
        if column not in frame:
            frame[column] = default
            if default and column not in ("source", "benchmark"):
                assumed.append(f"{place.file}: {column} is {default}, as there is no such column.")
        elif column == "reasoning":
            frame[column] = frame[column].replace("", default)
    if "n_items" not in frame:
        frame["n_items"] = ""
        assumed.append(
            f"{place.file}: the number of items is not known, as there is no column n_items; "
            "sampling error cannot be shown."
        )
    found: list[Problem] = []
    frame = typed(frame, place, found)
    given = frame["language"]
    frame["language"] = given.map(standard_language)
    renamed = sorted(
        {f"{a} as {b}" for a, b in zip(given, frame["language"], strict=True) if a != b}
    )
    if renamed:
        assumed.append(
            f"{place.file}: language codes read in their standard form: {listing(renamed)}."
        )
    bad = {(p.row, p.column) for p in found}
    found += [
        p for p in schema.check(frame, schema.ACCURACIES, place) if (p.row, p.column) not in bad
    ]
    found += duplicates(frame, schema.KEY, [place])
    if not found and len(frame) == 0:
        found.append(Problem("there is no row below the header.", "Add the figures.", place.file))
    problems += sorted(found, key=lambda p: (p.row or 0, p.column))
    return frame


def lower_case_columns(frame: pd.DataFrame, file: str, assumed: list[str]) -> pd.DataFrame:
    """Read `Model` as `model`, where that leads to no clash; `assumed` grows by a line.

    Examples
    --------
    >>> list(lower_case_columns(pd.DataFrame(columns=["Model", "Item ID"]), "my.csv", []))
    ['model', 'item_id']
    """
    lower = [str(name).strip().lower().replace(" ", "_") for name in frame]
    changed = [str(old) for old, new in zip(frame, lower, strict=True) if old != new]
    if not changed or len(set(lower)) < len(lower):
        return frame
    assumed.append(f"{file}: column names read in small letters: {listing(changed)}.")
    return frame.set_axis(lower, axis=1)


def own_models(path: Path, problems: list[Problem]) -> pd.DataFrame | None:
    """A user's models table, checked; None if it cannot be used, with `problems` saying why."""
    try:
        frame, place = read_table(path)
    except InputError as error:
        problems += error.problems
        return None
    if "model" not in frame:
        problems.append(
            Problem(
                "there is no column model.",
                f"A models table needs it. Columns found: {listing(frame.columns, 20)}.",
                place.file,
                1,
            )
        )
        return None
    found: list[Problem] = []
    frame = typed(_with_model_columns(frame), place, found)
    found += schema.check(frame, schema.MODELS, place)
    problems += found
    return None if found else frame


def describe_models(
    accuracies: pd.DataFrame,
    own: pd.DataFrame | None,
    problems: list[Problem],
    read: list[str],
    assumed: list[str],
) -> pd.DataFrame:
    """One row for each model of a table, from the best description there is.

    Parameters
    ----------
    accuracies : DataFrame
        Any table with a column ``model``; it may have those of the models table beside it.
    own : DataFrame, optional
        The user's models table.
    problems, read, assumed : list
        Grow by what is wrong, and by what the report has to say.

    Examples
    --------
    >>> frame = describe_models(pd.DataFrame({"model": ["gpt-4o-mini"]}), None, [], [], [])
    >>> list(frame["family"])
    ['GPT-4o']
    """
    names = pd.DataFrame({"model": sorted(accuracies["model"].unique())})
    beside = [c for c in schema.MODEL_COLUMNS if c in accuracies]
    if own is not None:
        described = names.merge(own, on="model", how="left")
        missing = sorted(set(names["model"]) - set(own["model"]))
        if missing:
            assumed.append(f"Not described in the models table: {listing(missing)}.")
    elif beside:
        values = accuracies[["model", *beside]].drop_duplicates()
        twice = sorted(set(values.loc[values["model"].duplicated(), "model"]))
        problems += [
            Problem(
                "a model is described in two ways.",
                f"Give each model one value in {listing(beside)}.",
                value=name,
            )
            for name in twice
        ]
        described = names.merge(values.drop_duplicates("model"), on="model", how="left")
    else:
        described = _known_models(names)
        n_known = int(described["family"].notna().sum())
        if n_known:
            read.append(
                f"{n_known} of {len(names)} models recognised by name and described from the "
                "models table of the book."
            )
        else:
            assumed.append(
                "No model is known by name and no models table was given: sizes, families and "
                "release dates are unknown."
            )
    described = _with_model_columns(described)
    described["display_name"] = described["display_name"].where(
        described["display_name"].fillna("") != "", described["model"]
    )
    return described.reset_index(drop=True)


def _known_models(names: pd.DataFrame) -> pd.DataFrame:
    """Describe models whose name the book knows, under any of their printed names."""
    known_models = book().models
    printed, _ = read_table(data_folder() / BUNDLED["names"])
    aliases = dict(zip(printed["name_in_source"].map(_slug), printed["model"], strict=True))
    aliases |= dict(
        zip(known_models["display_name"].map(_slug), known_models["model"], strict=True)
    )
    aliases |= {_slug(m): m for m in known_models["model"]}
    known = names["model"].map(
        lambda name: aliases.get(_slug(name)) or aliases.get(_slug(_without_owner(name)))
    )
    columns = known_models.set_index("model")[list(schema.MODEL_COLUMNS)]
    return names.join(columns.reindex(known).reset_index(drop=True))


def _without_owner(name: str) -> str:
    """`google/gemma-3-4b-it#no-thinking` without who publishes it and how it was run."""
    return name.split("/")[-1].split("#")[0]


def describe_benchmarks(
    accuracies: pd.DataFrame, source_language: str, chance: float | None, assumed: list[str]
) -> pd.DataFrame:
    """One row for each benchmark of a table, from the book's own where the name is known.

    Parameters
    ----------
    accuracies : DataFrame
        Any table with a column ``benchmark``.
    source_language : str
        Language that transfer starts from.
    chance : float, optional
        Accuracy of a guess; without it, what the book knows, or 0.
    assumed : list of str
        Grows by the chance levels that were taken for granted.

    Examples
    --------
    >>> frame = describe_benchmarks(pd.DataFrame({"benchmark": ["xnli"]}), "en", None, [])
    >>> frame["chance_level"].round(2).tolist()
    [0.33]
    """
    in_book = book().benchmarks.set_index("benchmark")
    rows = []
    for name in sorted(accuracies["benchmark"].unique()):
        known = name if name in in_book.index else None
        level = chance
        if level is None:
            level = float(in_book.loc[known, "chance_level"]) if known else 0.0
            origin = "as in the benchmarks table of the book" if known else "as none was given"
            assumed.append(f"Chance level of {name}: {level:.3g}, {origin}.")
        rows.append(
            {
                "benchmark": name,
                "name": in_book.loc[known, "name"] if known else name,
                "source_language": source_language,
                "chance_level": level,
                "n_items": pd.NA,
                "answer_format": in_book.loc[known, "answer_format"] if known else "",
                "reference": in_book.loc[known, "reference"] if known else "",
            }
        )
    return pd.DataFrame(rows).astype({"n_items": "Int64"})


def describe_languages(codes: Iterable[str]) -> pd.DataFrame:
    """One row for each language code; a language that the book does not know has its code as name.

    Examples
    --------
    >>> describe_languages(["de", "tlh"])["name"].tolist()
    ['German', 'tlh']
    """
    frame = pd.DataFrame({"language": list(codes)}).merge(
        book().languages, on="language", how="left"
    )
    frame["name"] = frame["name"].fillna(frame["language"])
    return frame.fillna({"script": "", "family": ""})


# Small helpers ------------------------------------------------------------------------------


def _validated(path: Path, rules: pa.DataFrameSchema, problems: list[Problem]) -> pd.DataFrame:
    """A bundled table, typed and checked."""
    frame, place = read_table(path)
    frame = typed(frame, place, problems)
    problems += schema.check(frame, rules, place)
    return frame


def typed(frame: pd.DataFrame, place: schema.Place, problems: list[Problem]) -> pd.DataFrame:
    """Turn text into numbers and dates, noting every cell that is neither.

    Examples
    --------
    >>> frame = pd.DataFrame({"params_total_b": ["7.6"], "release_date": ["2025-02"]})
    >>> typed(frame, schema.Place("my.csv", [2]), []).dtypes.astype(str).tolist()
    ['float64', 'datetime64[ns]']
    """
    frame = frame.copy()
    for column in _NUMBERS:
        if column in frame and not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = numbers(frame[column], column, place, problems)
    if "release_date" in frame and not pd.api.types.is_datetime64_any_dtype(frame["release_date"]):
        text = frame["release_date"].fillna("").astype(str)
        dates = pd.to_datetime(text.where(text != ""), format="ISO8601", errors="coerce")
        problems += [
            Problem(
                "the value is not a date.",
                "Write 2025-06-17, or 2025-06 if the day is not known.",
                place.file,
                place.lines[i],
                "release_date",
                text[i],
            )
            for i in np.flatnonzero(dates.isna() & (text != "")).tolist()
        ]
        frame["release_date"] = dates.astype("datetime64[ns]")
    return frame


def numbers(
    text: pd.Series, column: str, place: schema.Place, problems: list[Problem]
) -> pd.Series:
    """Numbers from text; each cell that holds something else becomes a problem and is missing.

    Examples
    --------
    >>> found: list[Problem] = []
    >>> cells = pd.Series(["3", "2.5", ""])
    >>> numbers(cells, "n_items", schema.Place("my.csv", [2, 3, 4]), found).isna().tolist()
    [False, True, True]
    >>> print(found[0])
    my.csv, line 3, column n_items: the value is not a whole number. (found: 2.5)
    """
    text = text.astype("string").fillna("").astype(str)
    numbers = pd.to_numeric(text.where(text != ""), errors="coerce").astype(float)
    bad = (numbers.isna() & (text != "")) | np.isinf(numbers)
    whole = column in _WHOLE
    if whole:  # and small enough for a float to be exact
        bad |= numbers.notna() & ((numbers % 1 != 0) | (numbers.abs() > 2**53))
    for i in np.flatnonzero(bad).tolist():
        comma = "," in text[i] or "%" in text[i]
        problems.append(
            Problem(
                f"the value is not a {'whole ' if whole else ''}number.",
                "Write it with a decimal point and without a sign for per cent, such as 0.87."
                if comma
                else "",
                place.file,
                place.lines[i],
                place.column(column, i),
                text[i],
            )
        )
    numbers = numbers.mask(bad)
    return numbers.astype("Int64") if whole else numbers


def _with_model_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of the models table that are not there, empty, with their types."""
    frame = frame.copy()
    for column in schema.MODEL_COLUMNS:
        if column in ("params_total_b", "params_active_b"):
            if column not in frame:
                frame[column] = np.nan
        elif column == "release_date":
            if column not in frame:
                frame[column] = pd.Series(pd.NaT, frame.index, dtype="datetime64[ns]")
        else:
            empty = pd.Series("", frame.index, dtype=str)
            frame[column] = frame[column].fillna("").astype(str) if column in frame else empty
    # The sizes of a family make a ladder, unless the table says which models belong together;
    # a model of no known lineage stands for itself.
    frame["ladder"] = frame["ladder"].where(frame["ladder"] != "", frame["family"])
    frame["lineage"] = frame["lineage"].where(frame["lineage"] != "", frame["family"])
    if "model" in frame:
        frame["display_name"] = frame["display_name"].where(
            frame["display_name"] != "", frame["model"]
        )
    return frame


def duplicates(
    frame: pd.DataFrame,
    key: Sequence[str],
    places: Sequence[schema.Place],
    subject: str = "model and language",
    remedy: str = "Keep one, or tell them apart in the columns prompting, setup or version.",
) -> list[Problem]:
    """Every row that repeats the key of an earlier one.

    Parameters
    ----------
    frame : DataFrame
        The rows of one or more files, one below the other.
    key : sequence of str
        Columns that make a row unique.
    places : sequence of Place
        Where the rows come from: a place for each file, in the order of the rows.
    subject, remedy : str
        What is repeated, and how to mend it.

    Examples
    --------
    >>> frame = pd.DataFrame({"model": ["a", "a"], "language": ["en", "en"]})
    >>> print(duplicates(frame, ["model", "language"], [schema.Place("my.csv", [2, 3])])[0].what)
    the row repeats the model and language of line 2.
    """
    repeated = np.flatnonzero(frame.duplicated(list(key)))
    if not len(repeated):
        return []
    groups = frame.groupby(list(key), dropna=False, sort=False).ngroup().to_numpy()
    first = np.unique(groups, return_index=True)[1][groups]
    starts = np.cumsum([0, *(len(place.lines) for place in places)])
    shown = [c for c in ("model", "reasoning", "prompting", "language", "item") if c in key]

    def origin(row: int) -> tuple[str, int]:
        which = int(np.searchsorted(starts, row, side="right")) - 1
        return places[which].file, places[which].lines[row - int(starts[which])]

    problems = []
    for row in repeated.tolist():
        (file, line), (first_file, first_line) = origin(row), origin(int(first[row]))
        where = f"line {first_line}" if file == first_file else f"{first_file}, line {first_line}"
        problems.append(
            Problem(
                f"the row repeats the {subject} of {where}.",
                remedy,
                file,
                line,
                value=", ".join(filter(None, frame.iloc[row][shown].astype(str))),
            )
        )
    return problems


def _language_columns(frame: pd.DataFrame) -> list[str]:
    """Columns whose name is a language code, as in a wide table."""
    known = {"model", *schema.KEY, *schema.MODEL_COLUMNS, "n_items", *_NOT_LANGUAGES}
    names = [str(c) for c in frame]
    return [c for c in names if c not in known and len(c) <= 8 and is_language(c)]


#: Usual column names that happen to be codes of small languages; they are not read as such.
# fmt: off
_NOT_LANGUAGES = frozenset([
    "all", "api", "ave", "dev", "gap", "key", "llm", "mac", "max", "med", "min", "num", "org",
    "row", "run", "src", "std", "sum", "tgt", "top", "url", "val", "var",
])
# fmt: on


def _to_long(
    frame: pd.DataFrame, languages: list[str], place: schema.Place
) -> tuple[pd.DataFrame, schema.Place, int]:
    """One row a model × language, each with the line that it came from."""
    others = [c for c in frame if c not in languages]
    long = frame.assign(_line=list(place.lines)).melt(
        [*others, "_line"], languages, var_name="language", value_name="accuracy"
    )
    filled = long["accuracy"] != ""
    long = long[filled].sort_values("_line", kind="stable").reset_index(drop=True)
    lines = long.pop("_line").tolist()
    origin = schema.Place(place.file, lines, long["language"].tolist())
    return long, origin, int((~filled).sum())


def _slug(text: str) -> str:
    """A short name of lower-case letters, digits, points and hyphens.

    Text that leaves nothing gets a name from its bytes, so that two sets never share one.
    """
    slug = re.sub(r"[^a-z0-9.#]+", "-", text.lower()).strip("-.")
    return slug or f"x{zlib.crc32(text.encode()):08x}"
