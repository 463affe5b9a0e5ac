"""Read any long table: one row an answer, as CSV, TSV, Parquet or JSONL (plain or gzip).

Columns are found by their names, in any case, with ``_`` for spaces and hyphens; `SYNONYMS` lists
the names that are understood, ``--column item=question_id`` names any other, and ``--column key=``
says that there is none, as where items are one template with other numbers in each language.
What no column says is given for all rows (``--model``, ``--benchmark``, ``--language``) or stands
in the names of the files: ``--language-from`` is an expression with groups ``language``, and
perhaps ``model``, ``benchmark`` and ``prompting``.

A row is one trial (``correct``) or a count of them (``n_correct`` of ``n_trials``). Rows of one
item are repeats of it; a column ``trial`` numbers them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.schema import is_language
from hatlib.errors import InputError, Problem, listing
from hatlib.logs import reading
from hatlib.logs.common import TRIAL_COLUMNS, Options, Trials
from hatlib.logs.fields import key_of, language_of, score_of, suspect
from hatlib.logs.languages import Task, task_of
from hatlib.logs.reading import clean, find_files, shown
from hatlib.logs.tables import LINE, SUFFIXES, chunks
from hatlib.show.words import counted

#: Our columns, each with the names under which it is found, the first found first.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "item": (
        *("item", "item_id", "question_id", "sample_id", "example_id", "problem_id", "doc_id"),
        *("instance_id", "qid", "id"),
    ),
    "correct": (
        *("correct", "is_correct", "right", "exact_match", "acc", "accuracy", "pass", "passed"),
        "score",
    ),
    "n_correct": ("n_correct", "num_correct", "n_right"),
    "n_trials": ("n_trials", "num_trials", "n_samples"),
    "model": ("model", "model_name", "model_id"),
    "benchmark": ("benchmark", "dataset"),
    "language": ("language", "lang", "language_code", "locale"),
    "task": ("task", "task_name"),
    "prompting": ("prompting", "prompt_id", "prompt_name", "template"),
    "trial": ("trial", "epoch", "repeat", "attempt", "run", "seed"),
    "key": ("key", "answer_key", "target", "gold", "expected", "expected_output"),
    "source_language": ("source_language", "src_lang", "source_lang"),
    "cluster": ("cluster", "passage", "passage_id"),
}
#: Columns that say whether an answer is right.
SCORES = ("correct", "n_correct")

_MANY_PARTS = 40  # of counts, before they are added up
_CELL = ("model", "benchmark", "language", "item", "prompting")
_EXTRA = ("key", "source_language", "cluster")


def read(paths: Sequence[str | Path], options: Options) -> Trials:
    r"""Read long tables.

    Parameters
    ----------
    paths : sequence of path
        Files, or folders in which every table is read.
    options : Options
        ``columns`` maps our names of columns to those in the files (empty: none);
        ``metric`` is another way to name the column that says what is right.

    Returns
    -------
    Trials

    Raises
    ------
    InputError
        Listing everything that is wrong, and every choice that only the user can make.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "riddles_de.csv"
    ...     _ = path.write_text("number,correct\n1,True\n1,False\n2,True\n")
    ...     options = Options(model="m", language_from="(riddles)_(?P<language>..)",
    ...                       benchmark="riddles", columns={"item": "number"})
    ...     frame = read([path], options).frame
    >>> frame[["language", "item", "n_correct", "n_trials"]].to_numpy().tolist()
    [['de', '1', 1, 2], ['de', '2', 1, 1]]
    """
    problems: list[Problem] = []
    dropped: list[str] = []
    _check_columns(options)
    given = _Given(options)
    found = find_files(paths, _is_table, "tables")
    dropped += found.passed
    counting = _Counting(options)
    for path in _without_copies(found.files, dropped):
        counting.add(path, given, problems)
    if problems:
        raise InputError(problems)
    assumed: list[str] = []
    frame = counting.frame(problems, assumed, dropped)
    if not problems:
        suspect(frame, bool(options.metric or "correct" in options.columns), problems, assumed)
    if problems:
        raise InputError(problems)
    chosen = tuple(dict.fromkeys(counting.chosen))
    return Trials(frame, tuple(counting.read), tuple(dropped), tuple(assumed), chosen)


def _check_columns(options: Options) -> None:
    unknown = [name for name in options.columns if name not in SYNONYMS]
    if unknown:
        remedy = f"Ours are {listing(SYNONYMS, 20)}; write ours=theirs."
        raise InputError(
            Problem("--column names no column of ours.", remedy, value=listing(unknown))
        )


def _is_table(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


def _without_copies(files: Sequence[Path], dropped: list[str]) -> Iterator[Path]:
    """The files, but for those that hold the same bytes as an earlier one."""
    sizes: dict[int, int] = {}
    for path in files:
        sizes[path.stat().st_size] = sizes.get(path.stat().st_size, 0) + 1
    seen: dict[bytes, Path] = {}
    for path in files:
        if sizes[path.stat().st_size] > 1:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").digest()
            first = seen.setdefault(digest, path)
            if first != path:
                dropped.append(f"{shown(path)}: a copy of {shown(first)}.")
                continue
        yield path


# What no column says ------------------------------------------------------------------------


class _Given:
    """What the options, and the names of files, say for all rows."""

    def __init__(self, options: Options) -> None:
        self.options = options
        language = language_of(options.language) if options.language else ""
        if options.language and not language:
            what = "language is not a language code."
            raise InputError(Problem(what, "Write a code such as de.", value=options.language))
        values = {
            "model": clean(options.model),
            "benchmark": clean(options.benchmark),
            "language": language,
            "prompting": clean(options.prompting),
        }
        self.all_rows = {name: value for name, value in values.items() if value}
        if options.language_from:
            task_of("", options.language_from)  # which says what is wrong with the expression

    def of_file(self, path: Path, problems: list[Problem]) -> dict[str, str]:
        """What the name of a file says."""
        if not self.options.language_from:
            return {}
        stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
        found = re.search(self.options.language_from, stem)
        if found is None:
            return {}
        groups = found.groupdict()
        text = groups["language"] if "language" in groups else found[1]
        said = {name: clean(groups[name]) for name in _CELL if groups.get(name)}
        said["language"] = language_of(text or "")
        if not said["language"]:
            what = "the name of the file has no language where --language-from looks for it."
            problems.append(Problem(what, "Mend the expression.", shown(path), value=text or ""))
        return said


# Counting -----------------------------------------------------------------------------------


@dataclass
class _Counting:
    """Adds up rows, part by part."""

    options: Options
    read: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    _parts: list[pd.DataFrame] = field(default_factory=list)
    _lost: dict[str, int] = field(default_factory=dict)

    def add(self, path: Path, given: _Given, problems: list[Problem]) -> None:
        """Count the rows of one file."""
        before = len(problems)
        n = 0
        names: dict[str, str] = {}
        known: dict[str, str] = {}
        by_task = False
        try:
            for header, chunk in chunks(path, self._may_count, problems):
                if not names or set(names.values()) - set(chunk.columns):
                    said = {} if self._has_task(header) else given.of_file(path, problems)
                    if len(problems) > before:
                        return
                    names = self._columns(path, header, chunk, given, said)
                    by_task = "task" in names and "language" not in {**names, **given.all_rows}
                    known = {**said, **given.all_rows}
                n += len(chunk)
                rows = chunk[list(names.values())].set_axis(list(names), axis=1)
                rows = rows.assign(line=chunk[LINE])
                # An option holds for all rows; the name of a file, where no column says it.
                for name, value in known.items():
                    if name in given.all_rows or name not in names:
                        rows[name] = value
                self._count(path, rows, by_task, problems)
                if len(problems) > before + reading.MAX_BAD_LINES:
                    return
        except InputError as error:
            problems += error.problems
            return
        if not n and len(problems) == before:
            problems.append(Problem("the table has no rows.", file=shown(path)))
        self.read.append(f"{shown(path)}: {n:,} rows.")

    def _may_count(self, name: str) -> bool:
        """Whether a column of text is worth reading."""
        named = name in (self.options.metric, *self.options.columns.values())
        return named or any(_simple(name) in synonyms for synonyms in SYNONYMS.values())

    def _has_task(self, header: Sequence[str]) -> bool:
        return "task" in self.options.columns or bool({*map(_simple, header)} & {*SYNONYMS["task"]})

    def _columns(
        self,
        path: Path,
        header: Sequence[str],
        chunk: pd.DataFrame,
        given: _Given,
        said: Mapping[str, str],
    ) -> dict[str, str]:
        """Our columns and theirs; every one that is missing is a problem."""
        file = shown(path)
        simple: dict[str, str] = {}
        for name in header:
            simple.setdefault(_simple(name), name)
        wanted = dict(self.options.columns)
        if self.options.metric:
            wanted["correct"] = self.options.metric
        names: dict[str, str] = {}
        problems: list[Problem] = []
        for ours, theirs in wanted.items():
            if not theirs:  # the user says that there is none
                self.chosen.append(f"{ours}: no column, as you say.")
                continue
            if theirs in header:
                names[ours] = theirs
            else:
                what = f"there is no column for {ours} of this name."
                remedy = f"The columns are {listing(header, 20)}."
                problems.append(Problem(what, remedy, file, 1, value=theirs))
        taken = set(names.values())
        for ours, synonyms in SYNONYMS.items():
            there = [simple[s] for s in synonyms if s in simple and simple[s] not in taken]
            if ours in wanted or not there:
                continue
            if ours == "correct" and ("n_correct" in names or "n_correct" in wanted):
                continue
            if ours == "correct" and len(there) > 1 and "correct" not in map(str.lower, there):
                what = "several columns may say what is right."
                problems.append(
                    Problem(what, "Choose one with --metric.", file, 1, value=listing(there))
                )
                continue
            names[ours] = there[0]
            if there[0] != ours and ours not in given.all_rows:
                others = f" (not {listing(there[1:])})" if len(there) > 1 else ""
                self.chosen.append(f"{ours}: column {there[0]}{others}.")
        if "n_correct" in simple and "correct" in names and "correct" not in wanted:
            del names["correct"]
        problems += self._missing(file, header, chunk, names, {**said, **given.all_rows})
        if problems:
            raise InputError(problems)
        return names

    def _missing(
        self,
        file: str,
        header: Sequence[str],
        chunk: pd.DataFrame,
        names: Mapping[str, str],
        known: Mapping[str, str],
    ) -> list[Problem]:
        """What neither a column nor anything else says."""
        there = {*names, *known}
        rest = [name for name in header if name not in names.values()]
        wide = _wide(rest, chunk, names)
        if wide and not ({"language", "task"} & there and there & set(SCORES)):
            kept = [name for name in header if name not in wide]
            return [
                Problem(
                    f"this table is wide: {listing(wide)} are columns of answers.",
                    "Make it long, with one row an answer. In Python: "
                    f"table.melt(id_vars={kept}, var_name='language', value_name='correct').",
                    file,
                    1,
                )
            ]
        remedies = {
            "item": "Name the column with --column item=THEIRS.",
            "correct": "Name the column with --column correct=THEIRS.",
            "model": "Say it with --model, or name the column with --column model=THEIRS.",
            "benchmark": "Say it with --benchmark, or name the column with --column benchmark=….",
            "language": "Say it with --language, where the name of the file has it with "
            "--language-from, or name the column with --column language=THEIRS.",
        }
        lacking = [
            name
            for name in remedies
            if name not in there
            and not (name == "correct" and "n_correct" in there)
            and not (name in ("benchmark", "language") and "task" in there)
        ]
        problems = [
            Problem(f"nothing says the {name} of a row.", remedies[name], file, 1)
            for name in lacking
            if name not in ("item", "correct")
        ]
        problems += [
            Problem(
                f"there is no column for {name}.",
                f"{remedies[name]} The columns are {listing(header, 20)}.",
                file,
                1,
            )
            for name in lacking
            if name in ("item", "correct")
        ]
        if "n_correct" in names and "n_trials" not in names:
            what = "there is no column for n_trials beside n_correct."
            problems.append(Problem(what, "Name it with --column n_trials=THEIRS.", file, 1))
        return problems

    def _count(
        self, path: Path, rows: pd.DataFrame, by_task: bool, problems: list[Problem]
    ) -> None:
        """Count some rows, all of them text."""
        file = shown(path)
        if "task" in rows:
            rows = _with_tasks(rows, by_task, self.options, file, problems)
            if rows.empty:
                return
        if isinstance(rows["language"].iloc[0], str):
            rows = _with_languages(rows, file, problems)
        for name in (*_CELL, "cluster"):
            if name in rows:
                values = rows[name].drop_duplicates()
                rows[name] = rows[name].map(dict(zip(values, map(clean, values), strict=True)))
            else:
                rows[name] = ""
        for name in ("model", "benchmark", "item"):
            empty = rows[name] == ""
            if empty.any():
                what = f"{counted(int(empty.sum()), 'row')} without a value."
                line = int(rows.loc[empty, "line"].iloc[0])
                problems.append(Problem(what, "Fill it in.", file, line, name))
        rows["key"] = _mapped(rows, "key", key_of)
        rows["source_language"] = _mapped(
            rows, "source_language", lambda t: language_of(t) or clean(t)
        )
        rows["trial"] = rows.get("trial", "")
        counts = _counts(rows, self.options.threshold, file, problems)
        if counts is None:
            return
        lost = int(counts["missing"].sum())
        if lost:
            self._lost[file] = self._lost.get(file, 0) + lost
        counts = counts[~counts["missing"]].drop(columns="missing")
        cell = [*_CELL, *_EXTRA, "trial"]
        numbers = {n: "sum" for n in ("rows", "n", "exact", "above", "between")}
        part = counts.groupby(cell, sort=False).agg({**numbers, "low": "min", "high": "max"})
        self._parts.append(part.reset_index().assign(file=file))
        if len(self._parts) > _MANY_PARTS:
            self._parts = [self._together()]

    def _together(self) -> pd.DataFrame:
        parts = pd.concat(self._parts, ignore_index=True)
        cell = [*_CELL, *_EXTRA, "trial", "file"]
        numbers = {n: "sum" for n in ("rows", "n", "exact", "above", "between")}
        grouped = parts.groupby(cell, sort=False).agg({**numbers, "low": "min", "high": "max"})
        return grouped.reset_index()

    def frame(
        self, problems: list[Problem], assumed: list[str], dropped: list[str]
    ) -> pd.DataFrame:
        """The counts as the frame of `Trials`."""
        dropped += [
            f"{file}: {counted(n, 'row')} without a score." for file, n in self._lost.items()
        ]
        if not self._parts:
            return pd.DataFrame(columns=list(TRIAL_COLUMNS))
        rows = self._together()
        rows = _once(rows, problems, dropped, assumed)
        right = rows["exact"].copy()
        threshold = self.options.threshold
        for benchmark, mine in rows.groupby("benchmark", sort=False):
            between = int(mine["between"].sum())
            if between and threshold is None:
                n = int(mine["n"].sum())
                what = (
                    f"the scores of {benchmark} are more than right and wrong: {between:,} of "
                    f"{counted(n, 'answer')} are neither 0 nor 1 ({mine['low'].min():.3g} to "
                    f"{mine['high'].max():.3g})."
                )
                remedy = "Say from which value on an answer is right with --threshold."
                problems.append(Problem(what, remedy))
            elif between:
                self.chosen.append(f"{benchmark}: right from {threshold:g} on.")
                right.loc[mine.index] = mine["above"]
            elif threshold is not None:
                self.chosen.append(f"{benchmark}: the threshold is not used, as scores are 0 or 1.")
        frame = rows.assign(n_correct=right.astype(np.int64), n_trials=rows["n"].astype(np.int64))
        keys = [c for c in TRIAL_COLUMNS if c not in ("n_correct", "n_trials")]
        sums = frame.groupby(keys, sort=False, as_index=False)[["n_correct", "n_trials"]].sum()
        return sums[list(TRIAL_COLUMNS)]


def _once(
    rows: pd.DataFrame, problems: list[Problem], dropped: list[str], assumed: list[str]
) -> pd.DataFrame:
    """Count a numbered trial once; trials without a number are repeats."""
    cell = [*_CELL, "trial"]
    numbered = rows["trial"] != ""
    named = rows[numbered]
    sums = named.groupby(cell, sort=False)[["rows", "n", "exact"]].sum()
    copies = sums[sums["rows"] > 1]
    torn = copies[(copies["exact"] != 0) & (copies["exact"] != copies["n"])]
    if len(torn):
        where = listing((f"{t[3]} in {t[2]}, trial {t[5]}" for t in torn.index), 3)
        what = f"{counted(len(torn), 'trial')} with two results."
        remedy = "Say what else tells them apart, as in --column prompting=THEIRS."
        problems.append(Problem(what, remedy, column="trial", value=where))
    elif len(copies):
        n = int((copies["rows"] - 1).sum())
        dropped.append(f"{counted(n, 'row')} that repeat a trial.")
        named = named.drop_duplicates(cell)
        one = named["rows"]
        named = named.assign(
            n=named["n"] // one, exact=named["exact"] // one, above=named["above"] // one
        )
        rows = pd.concat([named, rows[~numbered]], ignore_index=True)
    items = rows[rows["trial"] == ""].groupby(list(_CELL), sort=False)["rows"].sum()
    several = int((items > 1).sum())
    if several:
        assumed.append(f"{counted(several, 'item')} with several rows: taken for repeats.")
    return rows


def _simple(name: str) -> str:
    """The name of a column as `SYNONYMS` has it."""
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _wide(rest: Sequence[str], chunk: pd.DataFrame, names: Mapping[str, str]) -> list[str]:
    """Columns that hold the answers in one language, or by one model, each."""
    languages = [name for name in rest if is_language(name.strip()) or language_of(name)]
    if len(languages) > 1 and "language" not in names:
        return languages
    if set(SCORES) & set(names):
        return []
    scores = [
        name
        for name in rest
        if name in chunk and all(score_of(v) in (0.0, 1.0) for v in chunk[name].drop_duplicates())
    ]
    return scores if len(scores) > 1 else []


def _with_tasks(
    rows: pd.DataFrame, by_task: bool, options: Options, file: str, problems: list[Problem]
) -> pd.DataFrame:
    """Benchmark and language by the name of the task, where no column says them."""
    tasks: dict[str, Task | None] = {
        name: task_of(clean(name), options.language_from) for name in rows["task"].drop_duplicates()
    }
    unknown = [name for name, task in tasks.items() if task is None]
    if by_task and unknown:
        what = "nothing says the language of these tasks."
        remedy = "Say where it stands with --language-from, as in 'riddles_(?P<language>..)'."
        problems.append(
            Problem(what, remedy, file, column="task", value=listing(map(clean, unknown)))
        )
        return rows.iloc[:0]
    names = rows["task"]
    if by_task:
        rows["language"] = names.map({n: t.language for n, t in tasks.items() if t})
    if "benchmark" not in rows:
        rows["benchmark"] = names.map({n: t.benchmark if t else n for n, t in tasks.items()})
    if "prompting" not in rows:
        rows["prompting"] = names.map({n: t.prompting if t else "" for n, t in tasks.items()})
    subject = names.map({n: f"{t.subject}/" if t and t.subject else "" for n, t in tasks.items()})
    rows["item"] = subject + rows["item"]
    return rows


def _with_languages(rows: pd.DataFrame, file: str, problems: list[Problem]) -> pd.DataFrame:
    """The usual codes of languages; those that are none are a problem."""
    values = rows["language"].drop_duplicates()
    codes = {text: language_of(text) for text in values}
    bad = [text for text, code in codes.items() if not code]
    if bad:
        line = int(rows.loc[rows["language"].isin(bad), "line"].iloc[0])
        what = "this is no language."
        remedy = "Write a code such as de, or its English name."
        value = listing(text or "nothing" for text in map(clean, bad))
        problems.append(Problem(what, remedy, file, line, "language", value))
    rows["language"] = rows["language"].map(codes)
    return rows


def _mapped(rows: pd.DataFrame, name: str, function: Callable[[str], Any]) -> pd.Series:
    """A column through a function that is called once for each value; empty if it is not there."""
    if name not in rows:
        return pd.Series("", rows.index)
    values = rows[name].drop_duplicates()
    return rows[name].map({value: function(value) for value in values})


def _counts(
    rows: pd.DataFrame, threshold: float | None, file: str, problems: list[Problem]
) -> pd.DataFrame | None:
    """The rows with right answers and trials as numbers; none if some are no numbers."""
    names = ["n_correct", "n_trials"] if "n_correct" in rows else ["correct"]
    numbers = {name: _mapped(rows, name, score_of) for name in names}
    before = len(problems)
    for name, values in numbers.items():
        bad = np.isinf(values.to_numpy(float))
        if bad.any():
            texts = rows.loc[bad, name].map(clean).drop_duplicates()
            what = "this is neither a number nor yes or no."
            line = int(rows.loc[bad, "line"].iloc[0])
            problems.append(Problem(what, "", file, line, name, listing(texts, 4)))
    if len(problems) > before:
        return None
    if names == ["correct"]:
        value = numbers["correct"]
        n, right = value.notna().astype(float), (value == 1).astype(float)
        low = value
    else:
        right, n = numbers["n_correct"], numbers["n_trials"]
        wrong = (right < 0) | (right > n) | (right % 1 != 0) | (n % 1 != 0) | (n > 1e9)
        wrong &= right.notna() & n.notna()
        if wrong.any():
            what = "n_correct is not a whole number from 0 to n_trials."
            line = int(rows.loc[wrong, "line"].iloc[0])
            problems.append(Problem(what, "", file, line, "n_correct"))
            return None
        value, low = right / n.where(n > 0), right * 0.0
        threshold = None
    missing = value.isna()
    return rows.assign(
        missing=missing,
        rows=1,
        n=n.fillna(0),
        exact=right.fillna(0),
        above=(value >= threshold).astype(float) if threshold is not None else 0.0,
        between=((value != 0) & (value != 1) & ~missing if names == ["correct"] else False),
        low=low,
        high=low,
    )
