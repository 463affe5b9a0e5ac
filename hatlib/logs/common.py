"""What importers share: the choices of the user, the report, the result."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from hatlib.data.writing import check_free, csv_text, replacing
from hatlib.logs.reading import ImportReport, refusal

#: Columns of answers before their items are paired. ``key`` is the right answer as short text where
#: it does not depend on the language (a number, a letter), else empty; ``source_language`` is empty
#: where the log does not say it for each item.
TRIAL_COLUMNS = (
    *("model", "benchmark", "language", "item", "prompting", "n_correct", "n_trials"),
    *("key", "source_language", "cluster", "file"),
)


@dataclass(frozen=True)
class Options:
    """What a user may say about logs that do not say it, or say it otherwise.

    Attributes
    ----------
    model, benchmark, language, prompting : str
        The same for all answers; if empty, what the logs say.
    language_from : str
        A regular expression on the name of the task (tables: on the path of the file below the
        folder that was named), with a group ``language`` (and perhaps ``benchmark``; tables:
        ``model`` and ``prompting``, too), or one group without a name, which is the language.
    language_codes : mapping of str to str
        How languages are spelt in the logs, and which code is meant, as in ``{"jp": "ja"}``.
    metric : str
        The metric (lm-eval, HELM), scorer (Inspect) or field of the score that counts as right.
    filter : str
        The filter of the answers (lm-eval).
    pair_by : {"id", "order"}
        How an item is found again in another language.
    keys : bool
        Whether answer keys are compared, where the logs have them, to see that items are the same.
    source_language : str
        Language that transfer starts from; ``item`` if the log says it for each item.
    columns : mapping of str to str
        Our name of a column to that in the file (tables); a dotted path goes into nested fields.
    gold : str
        The column of right answers (tables): an answer is right if it is the same as this once
        both are normalised (`hatlib.logs.fields.normalised`).
    stratum : str
        The field (a dotted path) that divides items into strata.
    threshold : float or None
        From this value on a metric that is not 0 or 1 counts as right.
    mixed : bool
        Take runs of one model that were set otherwise for one, as they are meant to be.
    """

    model: str = ""
    benchmark: str = ""
    language: str = ""
    language_from: str = ""
    language_codes: Mapping[str, str] = field(default_factory=dict)
    metric: str = ""
    filter: str = ""
    pair_by: Literal["id", "order"] = "id"
    keys: bool = True
    source_language: str = "en"
    columns: Mapping[str, str] = field(default_factory=dict)
    gold: str = ""
    stratum: str = ""
    threshold: float | None = None
    prompting: str = ""
    mixed: bool = False


@dataclass(frozen=True)
class Imported:
    """Item-level responses from logs, ready for `hatlib.load_responses`.

    Attributes
    ----------
    frame : DataFrame
        One row a benchmark × model × language × item × prompting: the columns
        `hatlib.data.responses.COLUMNS`, and ``chance_level`` (nan where it is not known); if the
        logs say it, ``stratum`` and ``n_parsed`` (answers that could be read), too.
    report : ImportReport
        What was read, chosen, assumed, left out, paired and missing.
    inputs : tuple of Path
        The files that were read, which are never written over.
    """

    frame: pd.DataFrame
    report: ImportReport
    inputs: tuple[Path, ...] = ()

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the responses as CSV, CSV.gz or Parquet, by the end of the name.

        In CSV, text that a spreadsheet would run as a formula gets an apostrophe before it.

        Parameters
        ----------
        path : path
            The file. It is whole as soon as it is there: it is written beside and renamed.
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
        # A column that says nothing would only be read as one more assumption.
        idle = [c for c in ("chance_level",) if c in self.frame and self.frame[c].isna().all()]
        frame = self.frame.drop(columns=idle)
        with replacing(path, force=force, inputs=self.inputs) as beside:
            if path.name.lower().endswith(".parquet"):
                frame.to_parquet(beside, index=False)
            else:
                text = f"{csv_text(frame)}\n".encode()
                packed = path.name.lower().endswith(".gz")
                beside.write_bytes(gzip.compress(text, mtime=0) if packed else text)
        return path


def check_output(path: Path, force: bool) -> None:
    """Refuse a file that is there already, and a name that does not say a format.

    Examples
    --------
    >>> check_output(Path("new/answers.csv.gz"), force=False)
    """
    if not path.name.lower().endswith((".csv", ".csv.gz", ".parquet")):
        raise refusal("output", str(path))
    check_free([path], force)
