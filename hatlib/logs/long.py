"""Any table with one row an answer: CSV, TSV, JSON lines, JSON arrays, Parquet, spreadsheets.

Columns are found by their names, in any case, with ``_`` for spaces and hyphens; `SYNONYMS` lists
the names that are understood, ``--column item=doc.id`` names any other, also a field within
another, and ``--column key=`` says that there is none, as where items are one template with other
numbers in each language. What no column says is given for all rows (``--model``, ``--benchmark``,
``--language``) or stands in the path of the file: ``--language-from`` is an expression with groups
``language``, and perhaps ``model``, ``benchmark`` and ``prompting``.

A row is one trial (``correct``), a count of them (``n_correct`` of ``n_trials``), or an answer to
be compared with the right one (``prediction``, ``--gold``). Rows of one item are repeats of it; a
column ``trial`` numbers them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import numpy as np
import pandas as pd

from hatlib.data.door import Door, Table, importer_of, is_table, line_of, read_problem, sniff, stem
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.answers import FIELDS, Format, Run
from hatlib.logs.common import Options
from hatlib.logs.fields import key_of, normalised, score_of
from hatlib.logs.languages import ask_language, expression, is_doubtful, language_in
from hatlib.logs.places import Places
from hatlib.logs.reading import File, Found, Notes, clean, same_bytes
from hatlib.words import counted

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
    "n_trials": ("n_trials", "num_trials", "n_samples", "repeats", "n_repeats", "num_repeats"),
    "prediction": (
        *("prediction", "pred", "predicted", "model_answer", "extracted_answer", "response"),
        "output",
    ),
    "model": ("model", "model_name", "model_id"),
    "benchmark": ("benchmark", "dataset"),
    "language": ("language", "lang", "language_code", "locale"),
    "task": ("task", "task_name"),
    "prompting": ("prompting", "prompt_id", "prompt_name", "template"),
    "trial": ("trial", "epoch", "repeat", "attempt", "run", "seed"),
    "key": ("key", "answer_key", "target", "gold", "expected", "expected_output"),
    "source_language": ("source_language", "src_lang", "source_lang"),
    "cluster": ("cluster", "passage", "passage_id"),
    "stratum": ("stratum",),
    "chance_level": ("chance_level",),
}
#: Columns that say whether an answer is right.
SCORES = ("correct", "n_correct", "prediction")

_SAID = ("model", "benchmark", "prompting")
_REMEDIES = {
    "item": "Name the column with --column item=THEIRS.",
    "correct": "Name the column with --column correct=THEIRS, or those of the answer and of the "
    "right one with --column prediction=THEIRS --gold THEIRS.",
    "model": "Say it with --model, or name the column with --column model=THEIRS.",
    "benchmark": "Say it with --benchmark, or name the column with --column benchmark=….",
    "language": "Say it with --language, where the path of the file has it with "
    "--language-from, or name the column with --column language=THEIRS.",
}
#: A table with more rows than this is refused.
MAX_ROWS = 1 << 26
#: Columns that may first come further down.
_LATE = ("prompting", "trial", "source_language", "cluster", "chance_level")
_SAMPLE = 1000  # rows that say what a column holds


class Long(Format):
    """Tables with one row an answer."""

    files = "tables"
    metric = "column"
    torn = True
    #: Columns that are looked for.
    ours: ClassVar[frozenset[str]] = frozenset(SYNONYMS)
    #: Whether rows that cannot be used are left out, not problems.
    drop = False
    mend = ""
    memory_limit = "1GB"
    threads = 1

    def __init__(self, options: Options, notes: Notes, places: Places) -> None:
        super().__init__(options, notes, places)
        self.n_read = 0
        self.left_out: dict[str, int] = {}

    def wanted(self, name: str) -> bool:
        return is_table(name)

    def runs(self, found: Found) -> list[Run]:
        self._check_columns()
        runs = []
        for alike in same_bytes(found.files).values():
            seen: list[tuple[dict[str, str], File]] = []
            for file in alike:
                said = self._of_path(file)
                first = next((f for s, f in seen if s == said), None)
                if first:
                    self.notes.dropped.append(f"{file.name}: a copy of {first.name}.")
                else:
                    runs.append(Run(file, about=said))
                seen.append((said, file))
        order = {file: k for k, file in enumerate(found.files)}
        return sorted(runs, key=lambda run: order[run.file])

    def _check_columns(self) -> None:
        unknown = [name for name in self.options.columns if name not in SYNONYMS]
        if unknown:
            remedy = f"Ours are {listing(SYNONYMS, 20)}; write ours=theirs."
            what = "--column names no column of ours."
            raise InputError(Problem(what, remedy, value=listing(unknown)))

    def _of_path(self, file: File) -> dict[str, str]:
        """What the path of a file says: below its folder, or, if it is named, its last parts."""
        pattern = expression(self.options.language_from)
        if pattern is None:
            return {}
        folder, _, base = file.relative.rpartition("/")
        whole = f"{folder}/{stem(base)}" if folder else stem(base)
        tries = [whole]
        if file.named:
            parts = [*file.path.parts[:-1], stem(base)]
            tries = ["/".join(parts[-k:]) for k in range(1, len(parts) + 1)]
        match = next((m for text in tries if (m := pattern.search(text))), None)
        if match is None:
            return {"looked": whole}
        groups = match.groupdict()
        text = (groups["language"] if "language" in groups else match[1]) or ""
        said = {name: clean(groups[name]) for name in _SAID if groups.get(name)}
        return said | {
            "language": language_in(text, self.options.language_codes),
            "spelt": text,
        }

    def _not_in_path(self, text: str, file: str) -> Problem:
        """Why the path of a file names no language."""
        problem = replace(ask_language(text), file=file)
        if is_doubtful(text):
            return problem
        what = "the path of the file has no language where --language-from looks for it."
        return replace(problem, what=what, remedy="Mend the expression.")

    # Reading ----------------------------------------------------------------------------------

    def frame(self, run: Run) -> pd.DataFrame:
        notes, name = self.notes, run.file.name
        before = len(notes.problems)
        with tempfile.TemporaryDirectory(prefix="hat-table-") as folder:
            table = sniff(run.file.path, name, notes.problems, Path(folder))
            if table is None:
                said = notes.problems[before].what
                if not run.file.named and ("is empty" in said or run.file.base.endswith(".json")):
                    del notes.problems[before:]
                    notes.dropped.append(f"{name}: {said}")
                return pd.DataFrame()
            try:
                with Door([table], Path(folder), self.memory_limit, self.threads) as door:
                    rows = self._rows(run, table, door)
                    rejected = door.rejected({table.path: name})
            except duckdb.OutOfMemoryException:
                what = f"the rows do not fit into {self.memory_limit} and the disk."
                remedy = "Allow more memory, or point TMPDIR at a larger disk."
                return notes.problem(what, remedy, name) or pd.DataFrame()
            except duckdb.Error as error:
                notes.problems.append(read_problem(table, error))
                return pd.DataFrame()
            except InputError as error:
                notes.problems += error.problems
                return pd.DataFrame()
            notes.problems += rejected
            if rejected or (rows.empty and len(notes.problems) > before):
                return pd.DataFrame()
            if rows.empty:
                told = " ".join(notes.dropped)
                return notes.problem("the table has no rows.", told, name) or pd.DataFrame()
            notes.read.append(f"{name}: {int(rows['count'].sum()):,} rows.")
            if "trial" in rows and "n_correct" not in rows:
                numbered = rows["trial"].fillna("") != ""
                again = int((rows.loc[numbered, "count"] - 1).sum())
                notes.dropped += (
                    [f"{name}: {counted(again, 'row')} that repeat a trial."] if again else []
                )
                rows["count"] = rows["count"].mask(numbered, 1)
            return self._counted(rows, run, table)

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Several rows of an item are repeats, and said to be."""
        cell = ["model", "benchmark", "language", "item", "prompting"]
        loose = rows[(rows["trial"] == "") & ~rows["counted"].astype(bool)]
        sums = loose.groupby(cell, sort=False).agg(n=("n", "sum"), forms=("spelt", "nunique"))
        several = int((sums["n"] > 1).sum())
        if several:
            what = f"{counted(several, 'item')} with several rows: taken for repeats."
            self.notes.assumed.append(what)
        forms = rows.groupby(cell, sort=False)["spelt"].nunique()
        for (model, benchmark, code), mine in forms[forms > 1].groupby(cell[:3]):
            here = rows[(rows["model"] == model) & (rows["language"] == code)]
            self.notes.problem(
                f"{counted(len(mine), 'item')} of {benchmark} by {model} stand under several "
                f"spellings of {code}, which is one language.",
                "Keep one, or tell them apart in a column prompting.",
                value=listing(here["spelt"].unique()),
            )
        return rows.drop(columns="counted")

    def _rows(self, run: Run, table: Table, door: Door) -> pd.DataFrame:
        """The different rows of a table, as text, with their number and the first of each."""
        names = self._columns(run, table, door)
        late = {}  # a field of JSON may be absent from the first lines
        if table.kind in ("lines", "array"):
            late = {c: c for c in _LATE if c in self.ours and c not in (*names, *table.columns)}
        names |= late
        rows = door.rows(table, names, numbered=True)
        keys = ", ".join(f'"{ours}"' for ours in names)
        frame: pd.DataFrame = door.connection.execute(
            f"SELECT {keys}, count(*) AS count, min(row) AS row FROM ({rows} LIMIT {MAX_ROWS + 1}) "
            f"GROUP BY {keys} ORDER BY min(row)"
        ).df()
        if frame["count"].sum() > MAX_ROWS:
            what = f"the table has more than {MAX_ROWS:,} rows."
            raise InputError(Problem(what, "Add it up first, with hat aggregate.", table.name))
        self.n_read += int(frame["count"].sum())
        bad = frame[list(names)].isna().all(axis=1) & (table.kind == "lines")
        frame = frame.drop(columns=[c for c in late if frame[c].isna().all()])
        return self._without(frame, bad, "no JSON object with these columns", table)

    def _without(
        self, rows: pd.DataFrame, bad: pd.Series, what: str, table: Table, **about: str
    ) -> pd.DataFrame:
        """Rows without bad ones, which are a problem or, if they may be dropped, left out."""
        if not bad.any():
            return rows
        n = int(rows.loc[bad, "count"].sum())
        told = f"{n:,} row{'' if n == 1 else 's'}: {what}."
        if self.drop:
            self.left_out[what] = self.left_out.get(what, 0) + n
            self.notes.dropped.append(f"{table.name}: {told}")
        else:
            line = line_of(table, int(rows.loc[bad, "row"].iloc[0]))
            remedy = about.pop("remedy", "") or self.mend
            self.notes.problem(told, remedy, table.name, row=line, **about)
        return rows[~bad]

    def _columns(self, run: Run, table: Table, door: Door) -> dict[str, str]:
        """Our columns and theirs; every one that is missing is a problem."""
        header, options, file = table.columns, self.options, table.name
        if {"euroeval_version", "scandeval_version"} & set(header):
            what = "results of EuroEval have no items: each is the score of a whole dataset."
            raise InputError(Problem(what, "Ask for the answers, or use its accuracies.", file))
        program = importer_of(header)
        if program and not options.columns:
            what = f"this looks like a log that hat import {program} reads."
            raise InputError(Problem(what, "Use it, or name the columns with --column.", file))
        simple: dict[str, str] = {}
        problems: list[Problem] = []
        for name in header:
            known_as = simple.setdefault(_simple(name), name)
            if known_as != name and _simple(name) in self.ours and name not in options.columns:
                what = f"column {_simple(name)} stands twice: {known_as!r}, {name!r}."
                problems.append(Problem(what, "Keep one, or say which with --column.", file, 1))
        wanted = dict(options.columns)
        wanted |= {"correct": options.metric} if options.metric else {}
        wanted |= {"key": options.gold} if options.gold else {}
        wanted |= {"stratum": options.stratum} if options.stratum else {}
        names: dict[str, str] = {}
        for ours, theirs in wanted.items():
            if not theirs:  # the user says that there is none
                self.notes.chosen.append(f"{ours}: no column, as you say.")
            elif theirs in header:
                names[ours] = theirs
            else:
                what = f"there is no column for {ours} of this name."
                remedy = f"The columns are {listing(map(clean, header), 20)}."
                problems.append(Problem(what, remedy, file, 1, value=theirs))
        kinds = dict(zip(header, table.kinds, strict=False))
        known = self._known(run, _has_task(header, names))
        if known.get("language") == "":
            problems.append(self._not_in_path(run.about["spelt"], file))
        taken = set(names.values())
        for ours, synonyms in SYNONYMS.items():
            there = [simple[s] for s in synonyms if s in simple and simple[s] not in taken]
            if ours in wanted or not there or ours not in self.ours:
                continue
            if ours == "prediction" and not options.gold:
                continue
            if ours == "correct" and (
                options.gold or {"n_correct", "prediction"} & {*names, *wanted}
            ):
                continue
            if ours == "n_trials" and "n_correct" not in names:
                continue
            if ours == "correct" and len(there) > 1 and "correct" not in map(str.lower, there):
                if "n_correct" in simple:
                    continue
                what = "several columns may say what is right."
                remedy = "Choose one with --metric."
                problems.append(Problem(what, remedy, file, 1, value=listing(there)))
                continue
            names[ours] = there[0]
            if there[0] != ours and ours not in known:
                others = f" (not {listing(there[1:])})" if len(there) > 1 else ""
                self.notes.chosen.append(f"{ours}: column {there[0]}{others}.")
        if "n_correct" in names and "correct" in names and "correct" not in wanted:
            del names["correct"]
        problems += [
            Problem("the column holds no text or number.", "Write it as text.", file, column=theirs)
            for theirs in names.values()
            if kinds.get(theirs) == "other"
        ]
        problems += self._missing(table, door, names, known, run.about.get("looked", ""))
        if problems:
            raise InputError(problems)
        return names

    def _known(self, run: Run, by_task: bool) -> dict[str, str]:
        """What the options, and without a column of tasks the path, say for all rows of a file."""
        o = self.options
        given = {"model": o.model, "benchmark": o.benchmark, "prompting": o.prompting}
        said = {k: v for k, v in run.about.items() if k not in ("looked", "spelt") and not by_task}
        said |= {name: clean(value) for name, value in given.items() if value}
        return said | (
            {"language": language_in(o.language, o.language_codes)} if o.language else {}
        )

    def _missing(
        self,
        table: Table,
        door: Door,
        names: Mapping[str, str],
        known: Mapping[str, str],
        looked: str,
    ) -> list[Problem]:
        """What neither a column nor anything else says."""
        file, header = table.name, list(map(clean, table.columns))
        there = {*names, *known}
        if not ({"language", "task"} & there and there & set(SCORES)):
            rest = [n for n in table.columns if n not in names.values() and n.isprintable()]
            wide = _wide(rest, table, door, names)
            if wide:
                kept = [name for name in table.columns if name not in wide]
                return [
                    Problem(
                        f"this table is wide: {listing(wide)} are columns of answers.",
                        "Make it long, with one row an answer. In Python: "
                        f"table.melt(id_vars={kept}, var_name='language', value_name='correct').",
                        file,
                        1,
                    )
                ]
        problems = []
        for name, remedy in _REMEDIES.items():
            if name in there or (name == "correct" and there & set(SCORES)):
                continue
            if name in ("benchmark", "language") and "task" in there:
                continue
            if name in ("item", "correct"):
                what, remedy = (
                    f"there is no column for {name}.",
                    f"{remedy} The columns are {listing(header, 20)}.",
                )
            else:
                what = f"nothing says the {name} of a row."
                if looked and name == "language":
                    what = f"{what[:-1]}: --language-from finds nothing in {clean(looked)}."
            problems.append(Problem(what, remedy, file, 1))
        if "n_correct" in names and "n_trials" not in names:
            what = "there is no column for n_trials beside n_correct."
            problems.append(Problem(what, "Name it with --column n_trials=THEIRS.", file, 1))
        if "prediction" in names and "key" not in names:
            problems.append(
                Problem("nothing says the right answer.", "Name its column with --gold.", file, 1)
            )
        return problems

    # Rows -------------------------------------------------------------------------------------

    def _counted(self, rows: pd.DataFrame, run: Run, table: Table) -> pd.DataFrame:
        """The rows as `hatlib.logs.answers.FIELDS`, with one metric."""
        file, notes = table.name, self.notes
        known = self._known(run, "task" in rows)
        for name in ("model", "benchmark"):
            several = len(rows[name].unique()) if name in rows else 0
            if getattr(self.options, name) and several > 1:
                what = f"the table is of {several} {name}s, and --{name} names one."
                notes.problem(what, "Import each by itself.", file, column=name)
        for name, value in known.items():
            if name not in rows or getattr(self.options, name):
                rows[name] = value
        by_task = "task" in rows and "language" not in rows

        for name in ("model", "benchmark", "item"):
            if name != "benchmark" or "task" not in rows:
                empty = _mapped(rows, name, clean) == ""
                rows = self._without(rows, empty, f"no {name}", table, column=name)
            nul = _mapped(rows, name, lambda text: "\0" in text) == True  # noqa: E712
            rows = self._without(rows, nul, f"a NUL byte in its {name}", table, column=name)
        if not by_task and "language" not in known:
            codes = {
                t: language_in(t, self.options.language_codes)
                for t in rows["language"].fillna("").unique()
            }
            for text in [t for t, code in codes.items() if not code]:
                bad, problem = rows["language"].fillna("") == text, ask_language(clean(text))
                if is_doubtful(text) and "--language-code" not in problem.remedy:
                    notes.dropped.append(
                        f"{file}: {counted(int(rows.loc[bad, 'count'].sum()), 'row')} of language "
                        f"{text}: {problem.what}"
                    )
                    rows = rows[~bad]
                else:
                    about = {"remedy": problem.remedy, "column": "language", "value": problem.value}
                    rows = self._without(rows, bad, problem.what.rstrip("."), table, **about)
        own = self.options.language_codes
        source = _mapped(rows, "source_language", lambda t: language_in(t, own))
        bad = (source == "") & (_mapped(rows, "source_language", clean) != "")
        what = "the source language is no language code"
        rows = self._without(rows, bad, what, table, column="source_language")
        rows, scores = self._scores(rows, table)
        frame = pd.DataFrame(
            {name: _mapped(rows, name, clean) for name in FIELDS if name != "parsed"}
        )
        return frame.assign(
            language=_mapped(rows, "language", clean) if "language" in rows else "",
            key=_mapped(rows, "key", key_of),
            source_language=source[rows.index],
            age=0,
            counted="n_correct" in rows,
            **scores,
        ).reset_index(drop=True)

    def _scores(self, rows: pd.DataFrame, table: Table) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The metric of each row, its trials, and whether its answer could be read."""
        metric = f"={self.options.metric or 'correct'}"
        if "prediction" in rows:
            empty = _mapped(rows, "key", normalised) == ""
            rows = self._without(rows, empty, "no right answer", table, column="key")
            said, right = (_mapped(rows, name, normalised) for name in ("prediction", "key"))
            self.notes.chosen.append(
                "right: the answer is the same as --gold, both as numbers, letters, or text "
                "without case and punctuation; what cannot be read is wrong."
            )
            same = ((said == right) & (said != "")).astype(float)
            return rows, {
                "=correct": same,
                "n": rows["count"],
                "parsed": (said != "").astype(float),
            }
        for name in [n for n in ("n_correct", "n_trials", "correct") if n in rows]:
            bad = self._bad_score(_mapped(rows, name, self.score).astype(float))
            value = listing(rows.loc[bad, name].fillna("nothing").map(clean).unique(), 4)
            rows = self._without(rows, bad, self.no_score, table, column=name, value=value)
        if "correct" in rows:
            score = _mapped(rows, "correct", self.score).astype(float)
            return rows, {metric: score, "n": rows["count"], "parsed": np.nan}
        right, n = (
            _mapped(rows, name, self.score).astype(float) for name in ("n_correct", "n_trials")
        )
        bad = (right < 0) | (right > n) | (right % 1 != 0) | (n % 1 != 0) | (n > 1e9)
        bad &= right.notna() & n.notna()
        what = "n_correct is not a whole number from 0 to n_trials"
        rows = self._without(rows, bad, what, table, column="n_correct")
        right, n = right[~bad], n[~bad]
        trials = n.fillna(0) * rows["count"]
        return rows, {metric: right / n.where(n > 0), "n": trials, "parsed": np.nan}

    no_score = "neither a number nor yes or no"
    score = staticmethod(score_of)

    def _bad_score(self, values: pd.Series) -> pd.Series:
        return pd.Series(np.isinf(values.to_numpy(float)), values.index)


def _has_task(header: Sequence[str], names: Mapping[str, str]) -> bool:
    return "task" in names or bool({*map(_simple, header)} & {*SYNONYMS["task"]})


def _simple(name: str) -> str:
    """The name of a column as `SYNONYMS` has it."""
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _mapped(rows: pd.DataFrame, name: str, function: Callable[[str], Any]) -> pd.Series:
    """A column through a function that is called once for each value; empty if it is not there."""
    if name not in rows:
        return pd.Series("", rows.index, dtype=object)
    column = rows[name].astype(object).where(rows[name].notna(), "")
    return column.map({value: function(value) for value in column.unique()})


def _wide(rest: Sequence[str], table: Table, door: Door, names: Mapping[str, str]) -> list[str]:
    """Columns that hold the answers in one language, or by one model, each."""
    if not rest:
        return []
    query = door.rows(table, {str(k): name for k, name in enumerate(rest)})
    sample = door.connection.execute(f"SELECT * FROM ({query}) LIMIT {_SAMPLE}").df()
    scores = [
        name
        for k, name in enumerate(rest)
        if sample[str(k)].notna().any()
        and all(0 <= score_of(v) <= 1 for v in sample[str(k)].dropna().unique())
    ]
    languages = [name for name in scores if language_in(name)]
    if len(languages) > 1 and "language" not in names:
        return languages
    if set(SCORES) & set(names):
        return []
    return scores if len(scores) > 1 else []
