"""Read, validate and hold item-level answers: the table that the HAT score is computed from.

`load_responses()` gives the item-level sets that come with the book; `load_responses("mine.csv")`
a user's.  `Responses.counts` turns one benchmark into dense arrays of right answers and trials.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.data import schema
from hatlib.data.about import BY_ITEM, ENGLISH, about_benchmarks, own_benchmarks, source_of_items
from hatlib.data.files import columns_of, read_typed
from hatlib.data.tables import (
    UNKNOWN,
    LoadReport,
    book,
    data_folder,
    describe_languages,
    describe_models,
    duplicates,
    lower_case_columns,
    numbers,
    own_models,
    standard_language,
    typed,
)
from hatlib.errors import InputError, Problem, listing
from hatlib.show.words import counted

if TYPE_CHECKING:
    from hatlib.metric.judge import Judge

#: The bundled sets by benchmark, each with its source, which also names its file.
SETS = {
    "mgsm": "s1-crosslingual",
    "mgsm-forced": "s1-crosslingual",
    "copa-dialects": "copa-south-slavic",
    "gsm-symbolic": "m-gsm-symbolic",
    "gsm-symbolic-original": "m-gsm-symbolic",
    "xnli-first200": "legal-multilingual",
    "xnli-attacked": "legal-multilingual",
    "truthfulqa-human": "truthfulqa-multi",
    "truthfulqa-bleu": "truthfulqa-multi",
    "polyglot-facts": "polyglot-or-not",
    "winogrande-african": "idm-african",
    "x-fakt": "x-fakt",
    "clika-csqa": "clika",
    "codereval-java": "code-prompts",
    "codereval-python": "code-prompts",
    "classeval": "code-prompts",
    "nodehaus-agent": "nodehaus-agent",
}

#: Sets that are loaded only when they are named, as they are large.
LARGE = frozenset(["polyglot-facts"])

#: Columns of `Responses.frame`.
COLUMNS = (
    "benchmark",
    "model",
    "language",
    "item",
    "n_correct",
    "n_trials",
    "prompting",
    "source_language",
    "cluster",
)

#: Columns of `Responses.frame` that are there only if the data have them.
OPTIONAL = ("stratum", "n_parsed")

#: Other names under which a column is read.
SYNONYMS = {"item_id": "item", "n_samples": "n_trials"}

_TEXT = (
    *("benchmark", "model", "language", "item", "prompting", "source_language", "cluster"),
    "stratum",
)
_MOST_LINES = 10  # of the report, about one matter


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
        rows = []
        for benchmark in self.benchmarks["benchmark"]:
            mine = self.frame[self.frame["benchmark"] == benchmark]
            cells = _cells(mine)
            source = cells[cells["language"] == cells["source_language"]]
            rate = source["n_correct"] / source["n_trials"]
            accuracy = rate.groupby(source["model"]).mean()
            sizes = [int(mine[c].nunique()) for c in ("model", "item", "language")]
            rows.append(
                {
                    "benchmark": benchmark,
                    "models": sizes[0],
                    "items": sizes[1],
                    "languages": sizes[2],
                    "promptings": int(mine["prompting"].nunique()),
                    "trials_min": int(cells["n_trials"].min()),
                    "trials_median": float(cells["n_trials"].median()),
                    "trials_max": int(cells["n_trials"].max()),
                    "missing": 1 - len(cells) / np.prod(sizes),
                    "source_min": float(accuracy.min()),
                    "source_max": float(accuracy.max()),
                }
            )
        return pd.DataFrame(rows).set_index("benchmark")

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
        _known([benchmark], self.benchmarks["benchmark"], "benchmark")
        row = self.benchmarks[self.benchmarks["benchmark"] == benchmark].iloc[0]
        frame = self.frame[self.frame["benchmark"] == benchmark]
        model, models = pd.factorize(frame["model"], sort=True)
        item, items = pd.factorize(frame["item"], sort=True)
        language, languages = pd.factorize(frame["language"], sort=True)
        is_source = (frame["language"] == frame["source_language"]).to_numpy()
        is_target = np.bincount(language[~is_source], minlength=len(languages)) > 0
        if not is_target.any():
            raise InputError(Problem(f"{benchmark} has no answers in a target language."))
        target = (np.cumsum(is_target) - 1)[language]
        known = dict(zip(self.models["model"], self.models["lineage"], strict=True))
        n_models, n_targets, n_items = len(models), int(is_target.sum()), len(items)
        arrays: dict[str, NDArray[np.int64]] = {}
        for name in ("correct", "trials"):
            values = frame[f"n_{name}"].to_numpy()
            arrays[f"source_{name}"] = _added_up(
                (model[is_source], item[is_source]), values[is_source], (n_models, n_items)
            )
            arrays[f"target_{name}"] = _added_up(
                (model[~is_source], target[~is_source], item[~is_source]),
                values[~is_source],
                (n_models, n_targets, n_items),
            )
        return Counts(
            benchmark=benchmark,
            source_language=str(row["source_language"]),
            chance=float(row["chance_level"]),
            models=tuple(map(str, models)),
            targets=tuple(str(code) for code in languages[is_target]),
            items=tuple(map(str, items)),
            clusters=_clusters(frame["cluster"], item, n_items),
            source_correct=arrays["source_correct"],
            source_trials=arrays["source_trials"],
            target_correct=arrays["target_correct"],
            target_trials=arrays["target_trials"],
            lineages=tuple(str(known.get(name) or name) for name in models),
            prompted=_prompted(frame, model, np.where(is_source, -1, target), item),
            strata=_strata(frame, item),
            unparsed=_unparsed(frame, model, np.where(is_source, 0, target + 1), n_targets),
        )

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
        frame = self.frame
        keep = pd.Series(True, frame.index)
        for column, wanted in (
            ("benchmark", benchmarks),
            ("model", models),
            ("language", languages),
            ("prompting", promptings),
        ):
            if wanted is None:
                continue
            names = [wanted] if isinstance(wanted, str) else list(wanted)
            problems += _unknown(names, frame[column], column)
            stays = frame[column].isin(names)
            if column == "language":
                stays |= frame["language"] == frame["source_language"]
            keep &= stays
        if not problems and not keep.any():
            problems.append(Problem("no answer is left.", "The choices exclude each other."))
        if problems:
            raise InputError(problems)
        return _narrowed(self, frame[keep].reset_index(drop=True))


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
        CSV, CSV.gz or Parquet files of answers; nothing for those of the book.
    sets : str or sequence of str, optional
        Benchmarks to load. If not given, all of your files, or all sets of the book but the large
        ``polyglot-facts``.
    models : path, optional
        Table that describes your models; without it, models that the book knows by name are
        described from its own table.
    benchmarks : path, optional
        Table that describes your benchmarks: ``benchmark``, and any of ``name``,
        ``source_language`` (a code, or ``item``) and ``chance_level``, as
        `hatlib.truth.answers.Simulated.write` keeps it.
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
    if source_language != BY_ITEM and not schema.is_language(source_language):
        raise InputError(
            Problem(
                "source_language is not a language code.",
                f"{schema.REMEDIES['is not a language code']} Write {BY_ITEM} if it varies by "
                "item.",
                value=str(source_language),
            )
        )
    if source_language != BY_ITEM:
        source_language = standard_language(source_language)
    if chance == UNKNOWN:
        chance = None
    if chance is not None and not 0 <= chance < 1:
        raise InputError(
            Problem("chance is not a share.", "Give a number from 0 to below 1.", value=str(chance))
        )
    names = [sets] if isinstance(sets, str) else sets
    paths = [files] if isinstance(files, str | Path) else list(files or [])
    if paths:
        given = source_language if override or source_language != ENGLISH else ""
        loaded = _load_own(paths, models, benchmarks, given, chance, benchmark)
        return loaded if names is None else loaded.subset(benchmarks=names)
    if models or benchmarks or benchmark:
        raise InputError(
            "A table of models or benchmarks, or a benchmark, was named without a file of answers."
        )
    given = source_language if override or source_language != ENGLISH else ""
    return _load_bundled(names, given, chance)


# The sets of the book -----------------------------------------------------------------------


def _load_bundled(
    names: Sequence[str] | None, source_language: str, chance: float | None
) -> Responses:
    _known(names or [], SETS, "set")
    wanted = [b for b in SETS if (b in names if names is not None else b not in LARGE)]
    if not wanted:
        raise InputError(Problem("no set was named.", f"There are {listing(SETS, 20)}."))
    sources = list(dict.fromkeys(SETS[benchmark] for benchmark in wanted))
    frame = pd.concat([_bundled_file(source) for source in sources], ignore_index=True)
    frame = frame[frame["benchmark"].isin(wanted)].reset_index(drop=True)
    benchmarks = _rows(book().benchmarks, "benchmark", wanted)
    unsaid = sorted(set(benchmarks.loc[benchmarks["source_language"] != BY_ITEM, "benchmark"]))
    if source_language == BY_ITEM and unsaid:
        raise InputError(f"No source language for each item in {listing(unsaid, 20)}.")
    if source_language:
        benchmarks["source_language"] = source_language
    frame["source_language"] = source_of_items(frame, benchmarks)
    assumed = []
    if chance is not None:
        benchmarks["chance_level"] = chance
        assumed.append(f"Chance level: {chance:.3g} for every set, as given.")
    problems = _source_problems(frame)
    if problems:
        raise InputError(problems)
    read = [f"{len(frame):,} rows of answers in {counted(len(wanted), 'set')} of the book."]
    left = sorted(LARGE - set(wanted)) if names is None else []
    return Responses(
        frame=_ordered(frame),
        benchmarks=benchmarks,
        models=_rows(book().models, "model", sorted(frame["model"].unique())),
        languages=_rows(book().languages, "language", sorted(frame["language"].unique())),
        report=LoadReport(
            (*read, *_summary(frame)),
            tuple(assumed),
            tuple(f"{name}: large, and loaded only when it is named in sets." for name in left),
        ),
        bundled=True,
    )


@lru_cache(maxsize=len(SETS))
def _bundled_file(source: str) -> pd.DataFrame:
    """The answers of one source; that its file is sound is what its sha256 is for."""
    frame, _ = read_typed(item_file(source))
    if "model" not in frame:  # one column a model, which is how the facts become small
        names = [c for c in frame if c not in ("item", "language")]
        benchmark = next(b for b, s in SETS.items() if s == source)
        frame = frame.melt(["item", "language"], names, "model", "n_correct")
        frame = frame.assign(benchmark=benchmark, n_trials=1)
    for column in ("prompting", "cluster", "source_language"):
        if column not in frame:
            frame[column] = ""
    return frame.astype({c: np.int64 for c in frame if str(c).startswith("n_")})


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of `Responses.frame`; the optional ones where any row has a value."""
    frame = frame.astype({"n_correct": np.int64, "n_trials": np.int64})
    if "n_parsed" in frame:
        frame["n_parsed"] = frame["n_parsed"].astype(float)  # nan where it is not said
    if "stratum" in frame:
        frame["stratum"] = frame["stratum"].fillna("").astype(str)
    said = [c for c in OPTIONAL if c in frame and (frame[c].notna() & (frame[c] != "")).any()]
    return frame[[*COLUMNS, *said]]


def has_items(path: str | Path) -> bool:
    """Whether the columns of a file are those of answers item by item.

    Examples
    --------
    >>> has_items(item_file("polyglot-or-not")), has_items(data_folder() / "models.csv")
    (True, False)
    """
    names = {name.strip().lower().replace(" ", "_") for name in columns_of(path)}
    return bool(names & {"item", "item_id"}) and "accuracy" not in names


def item_file(source: str) -> Path:
    """The file with the item-level answers of a source.

    Examples
    --------
    >>> item_file("polyglot-or-not").is_file()
    True
    """
    return data_folder() / "items" / f"{source}.parquet"


# A user's own files -------------------------------------------------------------------------


def _load_own(
    paths: Sequence[str | Path],
    models: str | Path | None,
    benchmarks: str | Path | None,
    source_language: str,
    chance: float | None,
    benchmark: str,
) -> Responses:
    problems: list[Problem] = []
    read: list[str] = []
    assumed: list[str] = []
    dropped: list[str] = []
    described_by = own_models(Path(models), problems) if models else None
    table = own_benchmarks(Path(benchmarks), problems) if benchmarks else None
    frames, trials, places, seen = [], [], [], set()
    for path in map(Path, paths):
        if os.path.realpath(path) in seen:  # its trials would count twice
            problems.append(Problem("the file is given twice.", "Name it once.", str(path)))
            continue
        seen.add(os.path.realpath(path))
        found = _own_answers(path, benchmark, source_language, problems, read, assumed, dropped)
        if found is None:
            continue
        frame, place = found
        if "correct" in frame:
            trials.append(frame)
        else:
            frames.append(frame)
            places.append(place)
    if problems:
        raise InputError(problems)
    if trials:
        together = pd.concat(trials, ignore_index=True)
        frames.append(_aggregated(together))
        places.append(schema.Place("the trials together", range(1, len(frames[-1]) + 1)))
        read.append(f"{len(together):,} trials added up to {len(frames[-1]):,} rows.")
    frame = pd.concat(frames, ignore_index=True)
    if len(frames) > 1:
        problems += _repeated(frame, places)
    problems += _two_values(frame, "cluster")
    if "stratum" in frame:
        frame["stratum"] = frame["stratum"].fillna("")
        problems += _two_values(frame, "stratum")
    problems += _two_values(frame[frame["source_language"] != ""], "source_language")
    if chance is not None and frame["chance_level"].notna().any():
        dropped.append(f"Column chance_level, as {chance:.3g} was given for all benchmarks.")
    about = about_benchmarks(frame, table, source_language, chance, problems, read, assumed)
    frame["source_language"] = source_of_items(frame, about)
    problems += _source_problems(frame)
    described = describe_models(frame, described_by, problems, read, assumed)
    if problems:
        raise InputError(problems)
    frame = _ordered(frame)
    return Responses(
        frame=frame,
        benchmarks=about,
        models=described,
        languages=describe_languages(sorted(frame["language"].unique())),
        report=LoadReport((*read, *_summary(frame)), tuple(assumed), tuple(dropped)),
    )


def _own_answers(
    path: Path,
    benchmark: str,
    source_language: str,
    problems: list[Problem],
    read: list[str],
    assumed: list[str],
    dropped: list[str],
) -> tuple[pd.DataFrame, schema.Place] | None:
    """One file of answers, checked; None if it cannot be read at all."""
    try:
        frame, place = read_typed(path)
    except InputError as error:
        problems += error.problems
        return None
    file = place.file
    read.append(f"{file}: {len(frame):,} rows.")
    frame = lower_case_columns(frame, file, assumed)
    renamed = {old: new for old, new in SYNONYMS.items() if old in frame and new not in frame}
    if renamed:
        frame = frame.rename(columns=renamed)
        names = listing(f"{old} as {new}" for old, new in renamed.items())
        assumed.append(f"{file}: columns read under another name: {names}.")
    missing = [c for c in ("model", "language", "item") if c not in frame]
    by_trial = "correct" in frame and "n_correct" not in frame
    if not by_trial:
        missing += [c for c in ("n_correct", "n_trials") if c not in frame]
    if source_language == BY_ITEM and "source_language" not in frame:
        missing.append("source_language")
    if missing:
        problems.append(
            Problem(
                f"there is no column {listing(missing)}.",
                f"{'These are accuracies. ' if 'accuracy' in frame else ''}A file of answers needs "
                "the columns model, language and item, and n_correct and n_trials, or one row a "
                "trial with correct (1 or 0); source_language too if it varies by item. Columns "
                f"found: {listing(frame.columns, 20)}.",
                file,
                1,
            )
        )
        return None
    if len(frame) == 0:
        problems.append(Problem("there is no row below the header.", "Add the answers.", file))
        return None
    used = {*COLUMNS, *OPTIONAL, *schema.MODEL_COLUMNS, "chance_level"}
    used |= {"correct"} if by_trial else set()
    if by_trial:
        used -= {"n_trials"}
    unused = [c for c in frame if c not in used]
    if unused:
        dropped.append(f"{file}: columns that no analysis uses: {listing(unused)}.")
        frame = frame.drop(columns=unused)
    if "source_language" in frame and source_language not in ("", BY_ITEM):
        dropped.append(
            f"{file}: column source_language, as {source_language} was chosen for all items."
        )
        frame = frame.drop(columns="source_language")
    stem = re.sub(r"(\.csv)?(\.gz)?$|\.parquet$", "", path.name)
    if "benchmark" not in frame:
        frame["benchmark"] = benchmark or stem or "your benchmark"
        name = frame["benchmark"].iloc[0]
        assumed.append(f"{file}: benchmark is {name}, as there is no such column.")
    for column, empty in (
        ("prompting", ""),
        ("cluster", ""),
        ("source_language", ""),
        ("chance_level", np.nan),
    ):
        if column not in frame:
            frame[column] = empty
    found: list[Problem] = []
    frame = _with_counts(typed(frame, place, found), by_trial, place, found)
    frame["chance_level"] = frame["chance_level"].astype(float)
    frame = _standard_languages(frame, file, assumed)
    rules = schema.check(frame, schema.RESPONSES, place)
    noted = {(p.row, p.column) for p in found}
    found += [p for p in rules if (p.row, p.column) not in noted]
    if not by_trial:
        found += _repeated(frame, [place])
    problems += sorted(found, key=lambda p: (p.row or 0, p.column))
    return frame, place


def _with_counts(
    frame: pd.DataFrame, by_trial: bool, place: schema.Place, problems: list[Problem]
) -> pd.DataFrame:
    """Text as text, counts as whole numbers; every cell that is neither becomes a problem."""
    frame = frame.copy()
    for column in _TEXT:
        if column in frame and not isinstance(frame[column].dtype, pd.StringDtype):
            frame[column] = frame[column].astype("string").fillna("").astype(str)
    if "n_parsed" in frame:
        frame["n_parsed"] = _whole(frame["n_parsed"], "n_parsed", place, problems)
    if not by_trial:
        for column in ("n_correct", "n_trials"):
            frame[column] = _whole(frame[column], column, place, problems)
        return frame
    if isinstance(frame["correct"].dtype, pd.StringDtype):
        small = frame["correct"].str.lower()
        frame["correct"] = frame["correct"].mask(small == "true", "1").mask(small == "false", "0")
    right = _whole(frame["correct"], "correct", place, problems)
    noted = {p.row for p in problems}
    neither = right.isna() | ~right.isin([0, 1])
    for i in np.flatnonzero(neither).tolist():
        if place.lines[i] not in noted:
            problems.append(
                Problem(
                    "the value is neither 1 nor 0."
                    if right.notna()[i]
                    else "the value is missing.",
                    "Write 1 for a right answer and 0 for any other; leave out what was not asked.",
                    place.file,
                    place.lines[i],
                    "correct",
                    "" if right.isna()[i] else str(right[i]),
                )
            )
    right = right.mask(neither, 0)
    one = pd.Series(1, frame.index, dtype="Int64")
    return frame.assign(correct=right, n_correct=right, n_trials=one)


def _whole(
    values: pd.Series, column: str, place: schema.Place, problems: list[Problem]
) -> pd.Series:
    """Whole numbers; those that a Parquet file holds are taken as they are."""
    if pd.api.types.is_integer_dtype(values) or pd.api.types.is_bool_dtype(values):
        return values.astype("Int64")
    return numbers(values, column, place, problems)


def _standard_languages(frame: pd.DataFrame, file: str, assumed: list[str]) -> pd.DataFrame:
    """Language codes in their standard form; `assumed` says which were not."""
    renamed: dict[str, str] = {}
    for column in ("language", "source_language"):
        if column in frame:
            standard = {code: standard_language(code) for code in frame[column].unique()}
            renamed |= {a: b for a, b in standard.items() if a != b}
            frame[column] = frame[column].map(standard).astype(str)
    if renamed:
        names = listing(f"{a} as {b}" for a, b in sorted(renamed.items()))
        assumed.append(f"{file}: language codes read in their standard form: {names}.")
    return frame


def _aggregated(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a model, language, item and prompting from one row a trial."""
    counts = [c for c in ("n_correct", "n_trials", "n_parsed") if c in trials]
    key = [c for c in trials if c not in ("correct", *counts)]
    sums = trials.groupby(key, dropna=False, sort=False)[counts].sum(min_count=1)
    return sums.reset_index()


def _repeated(frame: pd.DataFrame, places: Sequence[schema.Place]) -> list[Problem]:
    return duplicates(
        frame,
        schema.RESPONSE_KEY,
        places,
        "model, language and item",
        "Keep one, or tell them apart in the column prompting.",
    )


def _two_values(frame: pd.DataFrame, column: str) -> list[Problem]:
    """Items that have one value in one row and another in the next."""
    pairs = frame[["benchmark", "item", column]].drop_duplicates()
    twice = pairs[pairs.duplicated(["benchmark", "item"])]
    return [
        Problem(
            f"an item of {benchmark} has more than one {column}.",
            f"Give each item one {column}, the same for all models and languages.",
            column=column,
            value=item,
        )
        for benchmark, item in dict.fromkeys(zip(twice["benchmark"], twice["item"], strict=True))
    ]


# Both ---------------------------------------------------------------------------------------


def _source_problems(frame: pd.DataFrame) -> list[Problem]:
    """Benchmarks without an answer in the source language, or in no other."""
    problems = []
    pairs = frame[["benchmark", "language", "source_language"]].drop_duplicates()
    for benchmark, part in pairs.groupby("benchmark"):
        codes = sorted(part["language"].unique())
        is_source = part["language"] == part["source_language"]
        sources = part["source_language"].unique()
        named = sources[0] if len(sources) == 1 else "of its items"
        if len(codes) == 1:
            problems.append(
                Problem(
                    f"the only language of {benchmark} is {codes[0]}: there is nothing to compare.",
                    "Add the answers in other languages.",
                )
            )
        elif not is_source.any():
            problems.append(
                Problem(
                    f"no answer to {benchmark} is in the source language {named}.",
                    "Add the answers in that language, or make another one the source_language "
                    f"(languages read: {listing(codes, 20)}).",
                )
            )
    return problems


def _summary(frame: pd.DataFrame) -> list[str]:
    """What a reader should know of the answers: how many, which are missing, one trial or more."""
    overview, gaps, single = [], [], []
    for benchmark, mine in frame.groupby("benchmark", sort=False):
        cells = _cells(mine)
        n_items = mine["item"].nunique()
        found = pd.crosstab(cells["model"], cells["language"])
        low, high = int(cells["n_trials"].min()), int(cells["n_trials"].max())
        overview.append(
            f"{benchmark}: {counted(len(found), 'model')}, {counted(n_items, 'item')}, "
            f"{counted(len(found.columns), 'language')}, "
            f"{low if low == high else f'{low} to {high}'} trial{'s' if high > 1 else ''} "
            "an item and language."
        )
        alike: dict[str, list[str]] = {}  # models that miss the same
        for model, row in found.iterrows():
            missing = [f"{code} ({n_items - n})" for code, n in row.items() if n < n_items]
            if missing:
                alike.setdefault(listing(missing, 20), []).append(str(model))
        gaps += [
            f"{benchmark}, {listing(names, 3)}: items without an answer, of {n_items}: {missing}."
            for missing, names in alike.items()
        ]
        if high == 1:
            single.append(str(benchmark))
    lines = [*_at_most(overview, "benchmarks"), *_at_most(gaps, "lines on missing answers")]
    if single:
        lines.append(
            f"One trial an item in {listing(single)}: hardness from the model's own answers is "
            "not possible there, use pooled hardness."
        )
    return lines


def _at_most(lines: list[str], what: str) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[: _MOST_LINES - 1], f"… and {len(lines) - _MOST_LINES + 1} more {what}."]


def _narrowed(responses: Responses, frame: pd.DataFrame) -> Responses:
    """The same with fewer answers; what describes them follows."""
    benchmarks, models, languages = (
        table[table[column].isin(frame[column].unique())].reset_index(drop=True)
        for table, column in (
            (responses.benchmarks, "benchmark"),
            (responses.models, "model"),
            (responses.languages, "language"),
        )
    )
    return replace(
        responses, frame=frame, benchmarks=benchmarks, models=models, languages=languages
    )


def _rows(table: pd.DataFrame, column: str, names: Sequence[str]) -> pd.DataFrame:
    """The rows of some names, in their order."""
    return table.set_index(column).loc[list(names)].reset_index()


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a model, language and item, with promptings added up."""
    key = ["model", "language", "item", "source_language"]
    return frame.groupby(key, sort=False, as_index=False)[["n_correct", "n_trials"]].sum()


def _added_up(
    axes: tuple[NDArray[np.intp], ...], values: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Sum values into a dense array."""
    flat = np.ravel_multi_index(axes, shape)
    # Sums below 2⁵³ are exact in floating point.
    sums = np.bincount(flat, weights=values, minlength=int(np.prod(shape)))
    return sums.astype(np.int64).reshape(shape)


def _prompted(
    frame: pd.DataFrame,
    model: NDArray[np.intp],
    target: NDArray[np.int64],
    item: NDArray[np.intp],
) -> Prompted | None:
    """The answers prompting by prompting; None if no prompting has a name."""
    code, names = pd.factorize(frame["prompting"], sort=True)
    if not any(names):
        return None
    correct, trials = (frame[c].to_numpy() for c in ("n_correct", "n_trials"))
    columns = [c.astype(np.int64) for c in (model, target, item, code, correct, trials)]
    order = np.lexsort(columns[3::-1])
    return Prompted(tuple(map(str, names)), *(column[order] for column in columns))


def _strata(frame: pd.DataFrame, item: NDArray[np.intp]) -> NDArray[np.str_] | None:
    """The stratum of each item; None if there is one only."""
    if "stratum" not in frame or frame["stratum"].nunique() < 2:
        return None
    first = np.unique(item, return_index=True)[1]
    return frame["stratum"].to_numpy()[first].astype(str)


def _unparsed(
    frame: pd.DataFrame, model: NDArray[np.intp], language: NDArray[np.int64], n_targets: int
) -> NDArray[np.float64] | None:
    """Share of the answers that could not be read, by model and language, the source first."""
    if "n_parsed" not in frame or frame["n_parsed"].isna().all():
        return None
    known = frame["n_parsed"].notna().to_numpy()
    shape = (int(model.max()) + 1, n_targets + 1)
    place = np.ravel_multi_index((model[known], language[known]), shape)
    parsed, trials = (
        np.bincount(place, frame.loc[known, c], int(np.prod(shape)))
        for c in ("n_parsed", "n_trials")
    )
    with np.errstate(invalid="ignore"):
        return (1 - parsed / trials).reshape(shape)


def _clusters(cluster: pd.Series, item: NDArray[np.intp], n_items: int) -> NDArray[np.int64]:
    """A number for each item, the same for items of one cluster."""
    first = np.unique(item, return_index=True)[1]
    names = cluster.to_numpy()[first]
    # An item without a cluster is told apart by its position, which no text equals.
    keys = [name or position for position, name in enumerate(names)]
    return pd.factorize(np.array(keys, dtype=object))[0].astype(np.int64)


def _unknown(names: Iterable[str], there: Iterable[str], what: str) -> list[Problem]:
    known = sorted(pd.Series(list(there) if not isinstance(there, pd.Series) else there).unique())
    return [
        Problem(
            f"there is no {what} of this name.",
            f"There are {listing((k or '(empty)' for k in known), 30)}.",
            value=str(name),
        )
        for name in names
        if name not in known
    ]


def _known(names: Iterable[str], there: Iterable[str], what: str) -> None:
    """Refuse names that are not there, and say which are."""
    problems = _unknown(names, there, what)
    if problems:
        raise InputError(problems)
