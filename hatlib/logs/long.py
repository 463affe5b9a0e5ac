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

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import numpy as np
import pandas as pd

from hatlib.data.door import Door, Table, importer_of, read_problem, sniff, stem
from hatlib.data.files import Place
from hatlib.data.languages import NO_LANGUAGE
from hatlib.errors import InputError, listing
from hatlib.logs.answers import CELL, FIELDS, Format, Run
from hatlib.logs.fields import NAMES, accepted, alternatives, key_of, normalised, score_of
from hatlib.logs.languages import ask_language, expression, language_in
from hatlib.logs.reading import File, Found, clean, refusal
from hatlib.logs.settings import flat
from hatlib.words import counted

#: Our columns, each with the names under which it is found, the first found first.
SYNONYMS: Mapping[str, list[str]] = NAMES["columns"]
#: Columns that say whether an answer is right.
SCORES = ("correct", "n_correct", "prediction")
_COLUMNS, _WITHIN = ("|".join(NAMES["settings"][kind]) for kind in ("columns", "within"))
SETTINGS = re.compile(rf"([\w.]*({_WITHIN})\.)?({_COLUMNS})")
#: Columns that may first come further down.
_LATE = {"prompting", "trial", "source_language", "cluster", "chance_level"}


class Long(Format, name="long"):
    """Tables with one row an answer."""

    #: Columns that are looked for.
    ours: ClassVar[frozenset[str]] = frozenset(SYNONYMS)
    #: Whether an answer must be right or wrong, and nothing between.
    binary: ClassVar[bool] = False
    #: What to do about rows that cannot be used, and whether they are left out, not problems.
    mend: ClassVar[str] = ""
    drop = False
    memory_limit = "1GB"
    threads = 1

    def runs(self, found: Found) -> list[Run]:
        unknown = [name for name in self.options.columns if name not in SYNONYMS]
        if unknown:
            raise refusal("columns", value=listing(unknown), ours=listing(SYNONYMS, 20))
        return [Run(file, about=self._of_path(file)) for file in found.files]

    def _of_path(self, file: File) -> dict[str, str]:
        """What the path of a file says: below its folder or with it; if it is named, its end."""
        pattern = expression(self.options.language_from)
        if pattern is None:
            return {}
        end = stem(file.base)
        whole = "/".join([*file.relative.split("/")[:-1], end])
        parts = [*Path(file.folder).parts, end]
        lengths = range(1, len(parts) + 1) if file.named else [whole.count("/") + 2]
        tries = [whole, *("/".join(parts[-k:]) for k in lengths)]
        match = next(filter(None, map(pattern.search, tries)), None)
        if match is None:
            return {"looked": whole}
        groups = match.groupdict()
        spelt = (groups.pop("language") if "language" in groups else match[1]) or ""
        language = language_in(spelt, self.options.language_codes)
        said = {name: clean(text) for name, text in groups.items() if text and name in SYNONYMS}
        return said | {"language": language, "spelt": spelt}

    # Reading ----------------------------------------------------------------------------------

    def frame(self, run: Run) -> pd.DataFrame:
        notes, before = self.notes, len(self.notes.problems)
        table: Any = None
        with tempfile.TemporaryDirectory(prefix="hat-table-") as folder:
            try:
                table = sniff(run.file.path, run.file.name, Path(folder))
                names = self._columns(run, table)
                if len(notes.problems) > before:
                    return pd.DataFrame()
                door = Door(table, Path(folder), self.memory_limit, self.threads)
                with door.connection:
                    rows = self._rows(table, names, door)
                    if rejected := door.rejected():
                        raise InputError(rejected)
            except (InputError, duckdb.Error) as error:
                problems = getattr(error, "problems", None) or [read_problem(table, error)]
                what = problems[0].what
                no_log = "empty" in what or run.file.base.endswith(".json")
                if no_log and not (table or run.file.named):
                    notes.dropped.append(f"{run.file.name}: {what} {problems[0].remedy}".strip())
                else:
                    notes.problems += problems
                return pd.DataFrame()
        if not rows.empty:
            notes.read.append(f"{table.name}: {counted(int(rows['count'].sum()), 'row')}.")
            return self._counted(rows, run, table)
        if len(notes.problems) == before:
            notes.refuse("no-rows", table.name, dropped=" ".join(notes.dropped))
        return rows

    def _rows(self, table: Table, names: dict[str, str], door: Door) -> pd.DataFrame:
        """The different rows of a table, as text, with their number and the first of each."""
        late = _LATE & self.ours - {*names, *table.columns}  # fields that may come further down
        late = late if table.kind in ("lines", "array") else set()
        query = door.rows(names | {c: c for c in sorted(late)}, numbered=True)
        frame: pd.DataFrame = door.connection.execute(
            f"SELECT * EXCLUDE row, count(*) AS count, min(row) AS row FROM ({query}) "
            "GROUP BY ALL ORDER BY min(row)"
        ).df()
        frame = frame.drop(columns=[c for c in late if frame[c].isna().all()])
        bad = frame[list(names)].isna().all(axis=1) & (table.kind == "lines")
        one_a_line = "Write one object a line, or all as one array."
        what = "no JSON object with these columns"
        frame = self._without(frame, bad, what, table, remedy=self.mend or one_a_line)
        again = (frame["count"] - 1).where(frame.get("trial", pd.Series("")).fillna("") != "", 0)
        if again.any() and "n_correct" not in frame:
            n = counted(int(again.sum()), "row")
            self.notes.note("dropped", "trials-again", file=table.name, n=n)
            frame["count"] -= again
        return frame

    def _without(
        self, rows: pd.DataFrame, bad: pd.Series, what: str, table: Table, **about: str
    ) -> pd.DataFrame:
        """Rows without bad ones, which are a problem or, if they may be dropped, left out."""
        n = int(rows.loc[bad, "count"].sum())
        value = about.get("value", "")
        told = f"{counted(n, 'row')}: {what}."
        if n and (self.drop or value.lower() in NO_LANGUAGE):
            named = f" (found: {value})" if value else ""
            self.notes.dropped.append(f"{table.name}: {told}{named}")
        elif n:
            place = Place(table.name, rows.loc[bad, "row"].to_numpy(), table)
            self.notes.problems.append(place.problem(0, told, **{"remedy": self.mend} | about))
        return rows[~bad]

    # Columns ----------------------------------------------------------------------------------

    def _columns(self, run: Run, table: Table) -> dict[str, str]:
        """Our columns and theirs; every one that is missing is a problem."""
        header, options, notes = table.columns, self.options, self.notes

        wrong = partial(notes.refuse, file=table.name, row=1)
        program = importer_of(header)
        if {"euroeval_version", "scandeval_version"} & {*header}:
            return wrong("no-items")
        if program and not options.columns:
            return wrong("other-importer", program=program)
        given = {"correct": options.metric, "key": options.gold, "stratum": options.stratum}
        wanted = {**options.columns, **{ours: theirs for ours, theirs in given.items() if theirs}}
        simple = {c: re.sub(r"[\s\-]+", "_", c.strip().lower()) for c in header}
        rest = [c for c in header if c not in wanted.values()]
        there = {
            ours: [c for name in synonyms for c in rest if simple[c] == name]
            for ours, synonyms in SYNONYMS.items()
            if ours in self.ours and ours not in wanted
        }
        found = "prediction" if options.gold else "n_correct" if there.get("n_correct") else ""
        score = next((name for name in SCORES if wanted.get(name)), found or "correct")
        idle = {*SCORES} - {score} | ({"n_trials"} if score != "n_correct" else set())
        names = {ours: theirs for ours, theirs in wanted.items() if theirs}
        for ours in (ours for ours in wanted if ours not in names):
            notes.note("chosen", "no-column", ours=ours)
        for ours, those in there.items():
            if not those or ours in idle:
                continue
            names[ours] = those[0]
            if ours == "correct" and len(those) > 1 and simple[those[0]] != ours:
                wrong("several-columns", value=listing(those))
            if those[0] != ours and not getattr(options, ours, ""):
                others = f" (not {listing(those[1:])})" if len(those) > 1 else ""
                notes.chosen.append(f"{ours}: column {those[0]}{others}.")
        those = [c for c in rest if c not in names.values() and SETTINGS.fullmatch(simple[c])]
        if self.ours == {*SYNONYMS}:
            names |= {f"set.{simple[c]}": c for c in those}
        elif those:
            notes.note("assumed", "settings", those=listing(those))
        columns = f"The columns are {listing(map(clean, header), 20)}."
        for ours, theirs in names.items():
            if theirs not in header:
                wrong("no-column", value=theirs, ours=ours, columns=columns)
            elif table.kinds.get(theirs) == "other":
                wrong("no-text", column=theirs)
        known = self._known(run, "task" in names)
        if known.get("language") == "":
            notes.problems.append(replace(ask_language(run.about["spelt"]), file=table.name))
        needed = ["item", score, "model", "benchmark", "language"]
        needed += {"n_correct": ["n_trials"], "prediction": ["key"]}.get(score, [])
        by_task = {"benchmark", "language"} if "task" in names else set()
        for name in (name for name in needed if name not in {*known, *names, *by_task}):
            looked = run.about.get("looked") if name == "language" else None
            why = f": --language-from finds nothing in {clean(looked)}" if looked else ""
            remedy = NAMES["remedies"][name].format(columns=columns)
            wrong("nothing-says", name=name, why=why, remedy=remedy)
        return names

    def _known(self, run: Run, by_task: bool) -> dict[str, str]:
        """What the options, and without a column of tasks the path, say for all rows of a file."""
        o = self.options
        said = {k: v for k, v in run.about.items() if k not in ("looked", "spelt") and not by_task}
        given = {"model": o.model, "benchmark": o.benchmark, "prompting": o.prompting}
        said |= {name: clean(value) for name, value in given.items() if value}
        language = language_in(o.language, o.language_codes)
        return said | ({"language": language} if language else {})

    # Rows -------------------------------------------------------------------------------------

    def _counted(self, rows: pd.DataFrame, run: Run, table: Table) -> pd.DataFrame:
        """The rows as `hatlib.logs.answers.FIELDS`, with one metric; without those of no use."""
        known = self._known(run, "task" in rows)
        for name, value in known.items():
            if name not in rows:
                rows[name] = value
            elif getattr(self.options, name):
                rows[name] = rows[name].fillna(value)
        said = {n: _mapped(rows, n, clean) for n in FIELDS} | {"key": _mapped(rows, "key", key_of)}
        about = {"age": 0, "counted": "n_correct" in rows, "n": rows["count"], "parsed": np.nan}
        frame = pd.DataFrame(said | about)
        sets = rows.filter(regex="^set[.]").astype(object).fillna("")
        if len(sets.columns):
            few = sets.drop_duplicates()
            records = few.map(lambda text: key_of(text) or text or "not set").to_numpy()
            texts = [json.dumps(flat(dict(zip(map(str, few), r, strict=True)))) for r in records]
            frame["settings"] = sets.merge(few.assign(text=texts), how="left")["text"].to_numpy()
        faults = [*self._faults(rows, frame, known)]
        if "prediction" in rows:
            tries, right = _mapped(rows, "prediction", alternatives), _mapped(rows, "key", accepted)
            told = tries.map(lambda texts: normalised(texts[0]))
            frame["parsed"] = (told != "").astype(float)
            frame["=correct"] = [float(a in b) for a, b in zip(told, right, strict=True)]
            faults.append(("several answers in one", tries.map(len) > 1, _EXPLODE))
            faults.append(("no right answer", right.map(len) == 0, {"column": "key"}))
            self.notes.note("chosen", "compared", what="the answer is the same as --gold")
            self.example = "{!r} is not {!r}".format(*rows[["prediction", "key"]].iloc[0])
        else:
            numbers = {n: _mapped(rows, n, score_of) for n in (*SCORES, "n_trials") if n in rows}
            number = pd.DataFrame(numbers).astype(float)
            for name in numbers:
                values = number[name]
                bad = ~values.isin([0.0, 1.0]) if self.binary else values.abs() == np.inf
                value = listing(rows.loc[bad, name].fillna("nothing").map(clean).unique(), 4)
                what = f"a {name} that is neither 1 nor 0" if self.binary else _NO_SCORE
                faults.append((what, bad, {"column": name, "value": value}))
            if "n_correct" in number:
                right, n = number["n_correct"], number["n_trials"]
                whole = (right % 1 == 0) & (n % 1 == 0) & (right >= 0) & (right <= n) & (n <= 1e9)
                bad = ~whole & right.notna() & n.notna()
                what = "n_correct is not a whole number from 0 to n_trials"
                faults.append((what, bad, {"column": "n_correct"}))
                frame["n"] *= n.fillna(0)
                number["correct"] = right / n.where(n > 0)
            frame[f"={self.options.metric or 'correct'}"] = number["correct"]
        for what, bad, place in faults:
            rows = self._without(rows, bad[rows.index], what, table, **place)
        return frame.loc[rows.index].reset_index(drop=True)

    def _faults(
        self, rows: pd.DataFrame, said: pd.DataFrame, known: Mapping[str, str]
    ) -> Iterator[tuple[str, pd.Series, dict[str, str]]]:
        """Rows whose names or codes say nothing: what is wrong, where, and what to do."""
        codes = self.options.language_codes
        for name in ("model", "item", *(["benchmark"] if "task" not in rows else [])):
            yield f"no {name}", said[name] == "", {"column": name}
        if "language" in rows and "language" not in known:
            for text in [t for t in said["language"].unique() if not language_in(t, codes)]:
                asked = ask_language(text)
                about = {"column": "language", "value": asked.value, "remedy": asked.remedy}
                yield asked.what.rstrip("."), said["language"] == text, about
        source = said["source_language"].map(lambda t: bool(t and not language_in(t, codes)))
        yield "the source language is no language code", source, {"column": "source_language"}
        level = pd.to_numeric(said["chance_level"], errors="coerce").between(0, 1, "left")
        what = "a chance_level that is not a share from 0 to below 1"
        yield what, (said["chance_level"] != "") & ~level, {"column": "chance_level"}

    def settle(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Several rows of an item are repeats, and said to be."""
        loose = rows[(rows["trial"] == "") & ~rows["counted"].astype(bool)]
        several = int((loose.groupby(CELL)["n"].sum() > 1).sum())
        if several:
            self.notes.note("assumed", "repeats", n=counted(several, "item"))
        forms = rows.groupby(CELL, sort=False)["spelt"].agg(["nunique", "unique"]).reset_index()
        several_forms = forms[forms["nunique"] > 1].groupby(["model", "benchmark", "language"])
        for (model, benchmark, code), mine in several_forms:
            about = {"n": counted(len(mine), "item"), "benchmark": benchmark, "model": model}
            self.notes.refuse(
                "spellings", value=listing(mine["unique"].iloc[0]), code=code, **about
            )
        return rows.drop(columns="counted")


_NO_SCORE = "neither a number nor yes or no"
_EXPLODE = {"column": "prediction", "remedy": "Make each a row (in pandas: explode)."}


def _mapped(rows: pd.DataFrame, name: str, function: Callable[[str], Any]) -> pd.Series:
    """A column through a function that is called once for each value; empty if it is not there."""
    if name not in rows:
        return pd.Series("", rows.index, dtype=object)
    column = rows[name].astype(object).where(rows[name].notna(), "")
    return column.map({value: function(value) for value in column.unique()})
