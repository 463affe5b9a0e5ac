"""Any table with one row an answer: CSV, TSV, JSON lines, JSON arrays, Parquet, spreadsheets.

Columns are found by their names, in any case, with ``_`` for spaces and hyphens; ``names.toml``
lists the names that are understood, ``--column item=doc.id`` names any other, also a field within
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
from hatlib.data.languages import NO_LANGUAGE
from hatlib.errors import InputError, Problem, listing
from hatlib.logs.answers import FIELDS, Format, Run
from hatlib.logs.common import Options
from hatlib.logs.fields import NAMES, key_of, normalised, score_of
from hatlib.logs.languages import Places, ask_language, expression, language_in
from hatlib.logs.others import COMPARED
from hatlib.logs.reading import File, Found, Notes, clean
from hatlib.words import counted

#: Our columns, each with the names under which it is found, the first found first.
SYNONYMS: Mapping[str, list[str]] = NAMES["columns"]
#: Columns that say whether an answer is right.
SCORES = ("correct", "n_correct", "prediction")
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
    no_score = "neither a number nor yes or no"
    score = staticmethod(score_of)
    memory_limit = "1GB"
    threads = 1

    def __init__(self, options: Options, notes: Notes, places: Places) -> None:
        super().__init__(options, notes, places)
        self.n_read = 0
        self.left_out: dict[str, int] = {}

    def wanted(self, name: str) -> bool:
        return is_table(name)

    def runs(self, found: Found) -> list[Run]:
        unknown = [name for name in self.options.columns if name not in SYNONYMS]
        if unknown:
            remedy = f"Ours are {listing(SYNONYMS, 20)}; write ours=theirs."
            what = "--column names no column of ours."
            raise InputError(Problem(what, remedy, value=listing(unknown)))
        return [Run(file, about=self._of_path(file)) for file in found.files]

    def _of_path(self, file: File) -> dict[str, str]:
        """What the path of a file says: below its folder, or, if it is named, its last parts."""
        pattern = expression(self.options.language_from)
        if pattern is None:
            return {}
        end = stem(file.base)
        whole = "/".join([*file.relative.split("/")[:-1], end])
        parts = [*file.path.parts[:-1], end]
        tries = ["/".join(parts[-k:]) for k in range(1, len(parts) + 1)] if file.named else [whole]
        match = next(filter(None, map(pattern.search, tries)), None)
        if match is None:
            return {"looked": whole}
        groups = match.groupdict()
        text = (groups["language"] if "language" in groups else match[1]) or ""
        said = {k: clean(groups.get(k)) for k in ("model", "benchmark", "prompting")}
        language = language_in(text, self.options.language_codes)
        return {k: v for k, v in said.items() if v} | {"language": language, "spelt": text}

    # Reading ----------------------------------------------------------------------------------

    def frame(self, run: Run) -> pd.DataFrame:
        problems: list[Problem] = []
        with tempfile.TemporaryDirectory(prefix="hat-table-") as folder:
            table = None
            try:
                table = sniff(run.file.path, run.file.name, Path(folder))
                return self._frame(run, table, Path(folder))
            except InputError as error:
                problems = list(error.problems)
        said = problems[0].what
        if not (table or run.file.named) and ("empty" in said or run.file.base.endswith(".json")):
            self.notes.dropped.append(f"{run.file.name}: {said}")
        else:
            self.notes.problems += problems
        return pd.DataFrame()

    def _frame(self, run: Run, table: Table, folder: Path) -> pd.DataFrame:
        """The rows of a table, scored."""
        notes, before = self.notes, len(self.notes.problems)
        try:
            with Door(table, folder, self.memory_limit, self.threads) as door:
                rows = self._rows(table, self._columns(run, table, door), door)
                rejected = door.rejected()
        except duckdb.OutOfMemoryException:
            what = f"the rows do not fit into {self.memory_limit} and the disk."
            remedy = "Allow more memory, or point TMPDIR at a larger disk."
            raise InputError(Problem(what, remedy, table.name)) from None
        except duckdb.Error as error:
            raise InputError(read_problem(table, error)) from None
        if rejected:
            raise InputError(rejected)
        if rows.empty:
            if len(notes.problems) == before:
                notes.problem("the table has no rows.", " ".join(notes.dropped), table.name)
            return pd.DataFrame()
        notes.read.append(f"{table.name}: {int(rows['count'].sum()):,} rows.")
        if "trial" in rows and "n_correct" not in rows:
            again = (rows["count"] - 1).where(rows["trial"].fillna("") != "", 0)
            if again.any():
                told = f"{table.name}: {counted(int(again.sum()), 'row')} that repeat a trial."
                notes.dropped.append(told)
            rows["count"] -= again
        return self._counted(rows, run, table)

    def _rows(self, table: Table, names: dict[str, str], door: Door) -> pd.DataFrame:
        """The different rows of a table, as text, with their number and the first of each."""
        late = {}  # a field of JSON may be absent from the first lines
        if table.kind in ("lines", "array"):
            late = {c: c for c in _LATE if c in self.ours and c not in (*names, *table.columns)}
        rows = door.rows(names | late, numbered=True)
        keys = ", ".join(f'"{ours}"' for ours in names | late)
        frame: pd.DataFrame = door.connection.execute(
            f"SELECT {keys}, count(*) AS count, min(row) AS row FROM ({rows} LIMIT {MAX_ROWS + 1}) "
            f"GROUP BY {keys} ORDER BY min(row)"
        ).df()
        n = int(frame["count"].sum())
        if n > MAX_ROWS:
            what = f"the table has more than {MAX_ROWS:,} rows."
            raise InputError(Problem(what, "Add it up first, with hat aggregate.", table.name))
        self.n_read += n
        bad = frame[list(names)].isna().all(axis=1) & (table.kind == "lines")
        frame = frame.drop(columns=[c for c in late if frame[c].isna().all()])
        return self._without(frame, bad, "no JSON object with these columns", table)

    def _without(
        self, rows: pd.DataFrame, bad: pd.Series, what: str, table: Table, **about: str
    ) -> pd.DataFrame:
        """Rows without bad ones, which are a problem or, if they may be dropped, left out."""
        n = int(rows.loc[bad, "count"].sum())
        told = f"{n:,} row{'' if n == 1 else 's'}: {what}."
        if n and self.drop:
            self.left_out[what] = self.left_out.get(what, 0) + n
            self.notes.dropped.append(f"{table.name}: {told}")
        elif n:
            line = line_of(table, int(rows.loc[bad, "row"].iloc[0]))
            remedy = about.pop("remedy", "") or self.mend
            self.notes.problem(told, remedy, table.name, row=line, **about)
        return rows[~bad]

    # Columns ----------------------------------------------------------------------------------

    def _columns(self, run: Run, table: Table, door: Door) -> dict[str, str]:
        """Our columns and theirs; every one that is missing is a problem."""
        header, options, notes = table.columns, self.options, Notes()

        def wrong(what: str, remedy: str, **place: str) -> None:
            notes.problem(what, remedy, table.name, row=1, **place)

        if {"euroeval_version", "scandeval_version"} & set(header):
            what = "results of EuroEval have no items: each is the score of a whole dataset."
            wrong(what, "Ask for the answers, or use its accuracies.")
        elif (program := importer_of(header)) and not options.columns:
            what = f"this looks like a log that hat import {program} reads."
            wrong(what, "Use it, or name the columns with --column.")
        notes.stop()
        given = {"correct": options.metric, "key": options.gold, "stratum": options.stratum}
        wanted = {**options.columns, **{ours: theirs for ours, theirs in given.items() if theirs}}
        simple = {c: re.sub(r"[\s\-]+", "_", c.strip().lower()) for c in reversed(header)}
        plain = {name: c for c, name in simple.items()}
        for c in header:
            if simple[c] in self.ours and plain[simple[c]] != c and c not in wanted.values():
                remedy = "Keep one, or say which with --column."
                wrong(f"column {simple[c]} stands twice.", remedy, value=clean(c))
        names: dict[str, str] = {}
        for ours, synonyms in SYNONYMS.items():
            there = [plain[s] for s in synonyms if s in plain and plain[s] not in wanted.values()]
            if wanted.get(ours):
                names[ours] = wanted[ours]
            elif ours in wanted:
                self.notes.chosen.append(f"{ours}: no column, as you say.")
            elif there and ours in self.ours and not self._is_idle(ours, {*names, *wanted}):
                names[ours] = there[0]
                if ours == "correct" and len(there) > 1 and "correct" not in plain:
                    remedy = "Choose one with --metric."
                    wrong("several columns may say what is right.", remedy, value=listing(there))
                if there[0] != ours and not getattr(options, ours, ""):
                    others = f" (not {listing(there[1:])})" if len(there) > 1 else ""
                    self.notes.chosen.append(f"{ours}: column {there[0]}{others}.")
        columns = f" The columns are {listing(map(clean, header), 20)}."
        for ours, theirs in names.items():
            if theirs not in header:
                wrong(f"there is no column for {ours} of this name.", columns[1:], value=theirs)
            elif table.kinds.get(theirs) == "other":
                wrong("the column holds no text or number.", "Write it as text.", column=theirs)
        known = self._known(run, "task" in names)
        if known.get("language") == "":
            notes.problems.append(replace(ask_language(run.about["spelt"]), file=table.name))
        ways = {"correct": set(SCORES)} | {n: {n, "task"} for n in ("benchmark", "language")}
        needed = ["item", "correct", "model", "benchmark", "language"]
        needed += ["n_trials"] if "n_correct" in names else []
        needed += ["key"] if "prediction" in names else []
        lacking = [n for n in needed if not ways.get(n, {n}) & {*names, *known}]
        wide = _wide(table, door, names) if {"correct", "language"} & set(lacking) else []
        if wide:
            kept = [name for name in header if name not in wide]
            remedy = "Make it long, with one row an answer. In Python: table.melt("
            remedy += f"id_vars={kept}, var_name='language', value_name='correct')."
            lacking, notes = [], Notes()
            wrong(f"this table is wide: {listing(wide)} are columns of answers.", remedy)
        for name in lacking:
            what = f"nothing says the {name} of a row."
            if name == "language" and "looked" in run.about:
                looked = clean(run.about["looked"])
                what = f"{what[:-1]}: --language-from finds nothing in {looked}."
            remedy = NAMES["remedies"][name] + (columns if name in ("item", "correct") else "")
            wrong(what, remedy)
        notes.stop()
        return names

    def _is_idle(self, ours: str, found: set[str]) -> bool:
        """Whether a column is not looked for, as another says what is right."""
        gold = bool(self.options.gold)
        return {
            "correct": gold or bool(found & {"n_correct", "prediction"}),
            "n_trials": "n_correct" not in found,
            "prediction": not gold,
        }.get(ours, False)

    def _known(self, run: Run, by_task: bool) -> dict[str, str]:
        """What the options, and without a column of tasks the path, say for all rows of a file."""
        o = self.options
        given = {"model": o.model, "benchmark": o.benchmark, "prompting": o.prompting}
        said = {k: v for k, v in run.about.items() if k not in ("looked", "spelt") and not by_task}
        said |= {name: clean(value) for name, value in given.items() if value}
        language = language_in(o.language, o.language_codes)
        return said | ({"language": language} if language else {})

    # Rows -------------------------------------------------------------------------------------

    def _counted(self, rows: pd.DataFrame, run: Run, table: Table) -> pd.DataFrame:
        """The rows as `hatlib.logs.answers.FIELDS`, with one metric."""
        notes, codes = self.notes, self.options.language_codes
        known = self._known(run, "task" in rows)
        for name, value in known.items():
            if name not in rows:
                rows[name] = value
            elif getattr(self.options, name):
                rows[name] = rows[name].fillna(value)
        for name in ("model", "item", *(["benchmark"] if "task" not in rows else [])):
            empty = _mapped(rows, name, clean) == ""
            rows = self._without(rows, empty, f"no {name}", table, column=name)
            nul = _mapped(rows, name, lambda text: "\0" in text) == True  # noqa: E712
            rows = self._without(rows, nul, f"a NUL byte in its {name}", table, column=name)
        if "language" in rows and "language" not in known:
            spelt = rows["language"].fillna("")
            for text in [text for text in spelt.unique() if not language_in(text, codes)]:
                bad, problem = spelt.loc[rows.index] == text, ask_language(clean(text))
                if text.lower() in NO_LANGUAGE:
                    n = counted(int(rows.loc[bad, "count"].sum()), "row")
                    told = f"{table.name}: {n} of language {text}: {problem.what}"
                    notes.dropped.append(told)
                    rows = rows[~bad]
                else:
                    about = {"remedy": problem.remedy, "column": "language", "value": problem.value}
                    rows = self._without(rows, bad, problem.what.rstrip("."), table, **about)
        bad = _mapped(rows, "source_language", lambda t: bool(t and not language_in(t, codes)))
        what = "the source language is no language code"
        rows = self._without(rows, bad == True, what, table, column="source_language")  # noqa: E712
        rows, scores = self._scores(rows, table)
        frame = pd.DataFrame({n: _mapped(rows, n, clean) for n in FIELDS if n != "parsed"})
        key = _mapped(rows, "key", key_of)
        frame = frame.assign(key=key, age=0, counted="n_correct" in rows, **scores)
        return frame.reset_index(drop=True)

    def _scores(self, rows: pd.DataFrame, table: Table) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The metric of each row, its trials, and whether its answer could be read."""
        if "prediction" in rows:
            empty = _mapped(rows, "key", normalised) == ""
            rows = self._without(rows, empty, "no right answer", table, column="key")
            said, right = (_mapped(rows, name, normalised) for name in ("prediction", "key"))
            self.notes.chosen.append(COMPARED.format("the answer is the same as --gold"))
            scores = {"=correct": (said == right) & (said != ""), "parsed": said != ""}
            return rows, {"n": rows["count"], **{k: v.astype(float) for k, v in scores.items()}}
        for name in [n for n in ("n_correct", "n_trials", "correct") if n in rows]:
            bad = self._bad_score(_mapped(rows, name, self.score).astype(float))
            value = listing(rows.loc[bad, name].fillna("nothing").map(clean).unique(), 4)
            rows = self._without(rows, bad, self.no_score, table, column=name, value=value)
        metric = f"={self.options.metric or 'correct'}"
        if "correct" in rows:
            score = _mapped(rows, "correct", self.score).astype(float)
            return rows, {metric: score, "n": rows["count"], "parsed": np.nan}
        right, n = (_mapped(rows, c, self.score).astype(float) for c in ("n_correct", "n_trials"))
        whole = (right % 1 == 0) & (n % 1 == 0) & (right >= 0) & (right <= n) & (n <= 1e9)
        bad = ~whole & right.notna() & n.notna()
        what = "n_correct is not a whole number from 0 to n_trials"
        rows = self._without(rows, bad, what, table, column="n_correct")
        right, n = right[~bad], n[~bad]
        trials = n.fillna(0) * rows["count"]
        return rows, {metric: right / n.where(n > 0), "n": trials, "parsed": np.nan}

    def _bad_score(self, values: pd.Series) -> pd.Series:
        return values.abs() == np.inf

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Several rows of an item are repeats, and said to be."""
        cell = ["model", "benchmark", "language", "item", "prompting"]
        loose = rows[(rows["trial"] == "") & ~rows["counted"].astype(bool)]
        several = int((loose.groupby(cell)["n"].sum() > 1).sum())
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


def _mapped(rows: pd.DataFrame, name: str, function: Callable[[str], Any]) -> pd.Series:
    """A column through a function that is called once for each value; empty if it is not there."""
    if name not in rows:
        return pd.Series("", rows.index, dtype=object)
    column = rows[name].astype(object).where(rows[name].notna(), "")
    return column.map({value: function(value) for value in column.unique()})


def _wide(table: Table, door: Door, names: Mapping[str, str]) -> Sequence[str]:
    """Columns that hold the answers in one language, or by one model, each."""
    rest = [n for n in table.columns if n not in names.values() and n.isprintable()]
    query = door.rows({str(k): name for k, name in enumerate(rest)})
    sample = door.connection.execute(f"SELECT * FROM ({query}) LIMIT {_SAMPLE}").df()
    known = [(name, sample.iloc[:, k].dropna().unique()) for k, name in enumerate(rest)]
    scores = [n for n, some in known if len(some) and all(0 <= score_of(v) <= 1 for v in some)]
    languages = [name for name in scores if language_in(name)]
    if len(languages) > 1 and "language" not in names:
        return languages
    return scores if len(scores) > 1 and not set(SCORES) & set(names) else []
