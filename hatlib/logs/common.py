"""What importers share: the choices of the user, the counts of a reader, the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from hatlib.data.responses import COLUMNS
from hatlib.errors import InputError, Problem, listing
from hatlib.show.output import check_free, csv_text

#: Columns of `Trials.frame`.
TRIAL_COLUMNS = (
    "model",
    "benchmark",
    "language",
    "item",
    "prompting",
    "n_correct",
    "n_trials",
    "key",
    "source_language",
    "cluster",
    "file",
)

#: Columns of `Imported.frame`: those of answers item by item, and the chance level.
IMPORTED_COLUMNS = (*COLUMNS, "chance_level")


@dataclass(frozen=True)
class Options:
    """What a user may say about logs that do not say it, or say it otherwise.

    Attributes
    ----------
    model, benchmark, language, prompting : str
        The same for all answers; if empty, what the logs say.
    language_from : str
        A regular expression on the name of the task, with a group ``language`` (and perhaps
        ``benchmark``), or one group without a name, which is the language.
    metric : str
        The metric (lm-eval), scorer (Inspect) or field of the score that counts as right.
    filter : str
        The filter of the answers (lm-eval).
    pair_by : {"id", "order"}
        How an item is found again in another language.
    keys : bool
        Whether answer keys are compared, where the logs have them, to see that items are the same.
    source_language : str
        Language that transfer starts from; ``item`` if the log says it for each item.
    columns : mapping of str to str
        Our name of a column to that in the file (long tables).
    threshold : float or None
        From this value on a metric that is not 0 or 1 counts as right.
    """

    model: str = ""
    benchmark: str = ""
    language: str = ""
    language_from: str = ""
    metric: str = ""
    filter: str = ""
    pair_by: Literal["id", "order"] = "id"
    keys: bool = True
    source_language: str = "en"
    columns: Mapping[str, str] = field(default_factory=dict)
    threshold: float | None = None
    prompting: str = ""


@dataclass(frozen=True)
class Trials:
    """What a reader gives: counts of right answers, before items are paired.

    Attributes
    ----------
    frame : DataFrame
        Columns `TRIAL_COLUMNS`, in the order of the log. A row is one trial or a count of them.
        ``key`` is the right answer as short text where it does not depend on the language (a
        number, the letter or number of an option), else empty. ``language`` is a standard code;
        ``source_language`` is empty where the log does not say it for each item.
    read, dropped, assumed, chosen : tuple of str
        Lines for the report.
    """

    frame: pd.DataFrame
    read: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()


class Tally:
    """Counts right answers while a log is read, so that its texts need not be kept.

    Examples
    --------
    >>> tally = Tally()
    >>> for right in (True, False):
    ...     tally.add("m", "b", "de", "1", right, key="42", file="a.jsonl")
    >>> tally.frame()[["n_correct", "n_trials", "key"]].values.tolist()
    [[1, 2, '42']]
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], list[int]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(
        self,
        model: str,
        benchmark: str,
        language: str,
        item: str,
        right: bool | int,
        *,
        trials: int = 1,
        prompting: str = "",
        key: str = "",
        source_language: str = "",
        cluster: str = "",
        file: str = "",
    ) -> None:
        """Count one trial, or `right` right answers in some `trials`."""
        cell = (model, benchmark, language, item, prompting, key, source_language, cluster, file)
        counts = self._counts.setdefault(cell, [0, 0])
        counts[0] += int(right)
        counts[1] += trials

    def frame(self) -> pd.DataFrame:
        """The counts as the frame of `Trials`."""
        names = [c for c in TRIAL_COLUMNS if c not in ("n_correct", "n_trials")]
        frame = pd.DataFrame(list(self._counts), columns=names, dtype=str)
        counts = np.array(list(self._counts.values()), dtype=np.int64).reshape(-1, 2)
        frame = frame.assign(n_correct=counts[:, 0], n_trials=counts[:, 1])
        return frame[list(TRIAL_COLUMNS)]


@dataclass(frozen=True)
class ImportReport:
    """What an import did, in plain sentences.

    Attributes
    ----------
    read : tuple of str
        The files, and how much is in them.
    chosen : tuple of str
        What was chosen among several: filter, metric, the latest of some runs.
    assumed : tuple of str
        What was taken for granted because the logs do not say it.
    dropped : tuple of str
        What was left out and why, with numbers.
    paired : tuple of str
        How items were found again in other languages, and how that was checked.
    missing : tuple of str
        Items without an answer, for each model and language.
    """

    read: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    paired: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (
            ("Read", self.read),
            ("Chosen", self.chosen),
            ("Assumed", self.assumed),
            ("Left out", self.dropped),
            ("Paired across languages", self.paired),
            ("Missing", self.missing),
        )
        return "\n".join(
            f"{title}:\n" + "\n".join(f"  - {line}" for line in lines)
            for title, lines in parts
            if lines
        )


@dataclass(frozen=True)
class Imported:
    """Answers item by item from logs, ready for `hatlib.load_responses`.

    Attributes
    ----------
    frame : DataFrame
        One row a benchmark × model × language × item × prompting: the columns
        `hatlib.data.responses.COLUMNS`, and ``chance_level`` (nan where it is not known).
    report : ImportReport
        What was read, chosen, assumed, left out, paired and missing.
    """

    frame: pd.DataFrame
    report: ImportReport

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the answers as CSV, CSV.gz or Parquet, by the end of the name.

        In CSV, text that a spreadsheet would run as a formula gets an apostrophe before it.

        Parameters
        ----------
        path : path
            The file.
        force : bool
            Overwrite it if it is there.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If the file is there and is not to be overwritten, or its name ends otherwise.
        """
        path = Path(path)
        check_output(path, force)
        frame = self.frame
        # A column that says nothing would only be read as one more assumption.
        if frame["chance_level"].isna().all():
            frame = frame.drop(columns="chance_level")
        name = path.name.lower()
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".parquet"):
            frame.to_parquet(path, index=False)
        elif name.endswith(".gz"):
            import gzip

            with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as stream:
                stream.write(csv_text(frame).encode() + b"\n")
        else:
            path.write_text(csv_text(frame) + "\n", encoding="utf-8")
        return path

    def table(self) -> pd.DataFrame:
        """One row a benchmark, model and language: how much there is.

        Returns
        -------
        DataFrame
            ``items``, ``trials``, ``right`` (share of trials, 0 to 1) and ``missing`` (items of
            the benchmark without an answer), by ``benchmark``, ``model`` and ``language``.
        """
        keys = ["benchmark", "model", "language"]
        groups = self.frame.groupby(keys, sort=True)
        table = groups.agg(
            items=("item", "nunique"), trials=("n_trials", "sum"), right=("n_correct", "sum")
        ).reset_index()
        table["right"] /= table["trials"]
        n_items = self.frame.groupby("benchmark")["item"].nunique()
        table["missing"] = table["benchmark"].map(n_items) - table["items"]
        return table


def check_output(path: Path, force: bool) -> None:
    """Refuse a file that is there already, and a name that does not say a format.

    Examples
    --------
    >>> check_output(Path("new/answers.csv.gz"), force=False)
    """
    if not path.name.lower().endswith((".csv", ".csv.gz", ".parquet")):
        remedy = "End it in .csv, .csv.gz or .parquet."
        raise InputError(Problem("this name does not say a format.", remedy, str(path)))
    check_free([path], force)


def missing_lines(frame: pd.DataFrame, most: int = 10) -> tuple[str, ...]:
    """Lines on items without an answer, for each benchmark and model, by language."""
    lines = []
    for benchmark, mine in frame.groupby("benchmark", sort=False):
        items = mine["item"].nunique()
        languages = sorted(mine["language"].unique())
        found = mine.groupby(["model", "language"])["item"].nunique().unstack(fill_value=0)  # noqa: PD010
        for model, row in found.iterrows():
            gaps = [f"{code} {items - int(row[code])}" for code in languages if row[code] < items]
            if gaps:
                lines.append(f"{benchmark}, {model}, of {items} items: {listing(gaps, 20)}.")
    if len(lines) > most:
        lines[most - 1 :] = [f"… and {len(lines) - most + 1} more models with missing items."]
    return tuple(lines)
