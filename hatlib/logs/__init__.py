"""Logs of other programs as item-level responses.

`import_logs("lm-eval", ["results/"])` reads the sample logs of lm-evaluation-harness, finds each
item again in the other languages, and gives what `hatlib.load_responses` reads, with a report of
what was chosen and left out.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from hatlib.data.about import BY_ITEM
from hatlib.data.languages import is_language
from hatlib.data.responses import COLUMNS
from hatlib.errors import listing
from hatlib.logs.answers import Format, counts
from hatlib.logs.common import Imported, Options
from hatlib.logs.fields import WHERE
from hatlib.logs.languages import Places, known_chance, language_in
from hatlib.logs.pairing import pair
from hatlib.logs.reading import ImportReport, Notes, Progress, find_files, refusal
from hatlib.words import counted

#: The formats, each with the module and class that reads it.
FORMATS: dict[str, str] = {name: said["reader"] for name, said in WHERE["formats"].items()}

__all__ = ["FORMATS", "ImportReport", "Imported", "Options", "import_logs"]


def read_trials(
    format: str, paths: Sequence[str | Path], options: Options, notes: Notes | None = None
) -> Imported:
    """Read the logs of one program, without pairing items across languages.

    The table is one of counts of right answers, `hatlib.logs.common.TRIAL_COLUMNS`, in the order
    of the log.
    """
    notes = notes or Notes()
    module, name = FORMATS[format].split(".")
    kind: type[Format] = getattr(import_module(f"hatlib.logs.{module}"), name)
    reader = kind(options, notes, Places(options, notes))
    with tempfile.TemporaryDirectory(prefix="hat-import-") as folder:
        named, what = (reader.wanted, reader.beside), reader.files + reader.hint
        found = find_files(paths, named, notes, Path(folder), what)
        return Imported(counts(reader, found), notes, tuple(file.path for file in found.files))


def import_logs(
    format: str,
    paths: str | Path | Sequence[str | Path],
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Imported:
    r"""Read logs of another program as item-level responses.

    Parameters
    ----------
    format : str
        Which program wrote them, as `FORMATS` lists them: ``lm-eval`` (lm-evaluation-harness),
        ``inspect``, ``eee`` (Every Eval Ever), …, or ``long``, a table with one row an answer.
    paths : path or sequence of paths
        Files, folders and archives. They are only read.
    progress : callable, optional
        Called with what is read, how many bytes of it are done, and how many there are.
    **options
        The fields of `Options`.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        Listing everything that is wrong with the files, and each choice that only you can make.

    Examples
    --------
    >>> import json, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for code in ("en", "de"):
    ...         rows = [{"doc_id": i, "target": str(i), "exact_match": i % 2} for i in range(30)]
    ...         path = Path(folder) / f"samples_mgsm_direct_{code}_2030-01-01T00-00-00.jsonl"
    ...         _ = path.write_text("\n".join(map(json.dumps, rows)))
    ...     imported = import_logs("lm-eval", folder, model="invented/model-a")
    >>> imported.frame.groupby(["benchmark", "language"]).size().to_dict()
    {('mgsm', 'de'): 30, ('mgsm', 'en'): 30}
    """
    given = Options(**options)
    spelt = given.source_language
    given = replace(given, source_language=language_in(spelt, given.language_codes) or spelt)
    notes = Notes(progress=progress) if progress else Notes()
    _check(format, given, notes)
    trials = read_trials(format, [paths] if isinstance(paths, str | Path) else paths, given, notes)
    if trials.frame.empty:
        raise refusal("no-answers", dropped=" ".join(notes.dropped))
    answers = trials.frame if given.keys else trials.frame.assign(key="")
    frame = pair(answers, given.pair_by, given.source_language, notes)
    frame = _aggregated(_with_pairs_only(frame, notes), notes)
    if not given.keys:
        notes.note("assumed", "no-keys")
    sizes = (counted(frame[c].nunique(), c) for c in ("benchmark", "model", "language"))
    notes.read.append(f"{', '.join(sizes)}, {counted(int(frame['n_trials'].sum()), 'trial')}.")
    notes.missing += _missing(frame)
    return Imported(frame, notes, trials.inputs)


def _check(format: str, options: Options, notes: Notes) -> None:
    """Refuse options that cannot be meant, all at once."""
    source = options.source_language
    if format.lower() in ("euroeval", "scandeval"):
        notes.refuse("no-items")
    elif format not in FORMATS:
        notes.refuse("format", value=str(format), formats=listing(FORMATS))
    if source != BY_ITEM and not is_language(source):
        notes.refuse("source-language", value=source)
    for spelt, code in options.language_codes.items():
        if not is_language(code):
            notes.refuse("language-code", value=f"{spelt}={code}")
    notes.stop()


def _with_pairs_only(frame: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Leave out benchmarks that have nothing to compare, unless none has."""
    source = (frame["language"] == frame["source_language"]).groupby(frame["benchmark"])
    some = source.transform("any") & ~source.transform("all")
    for benchmark, mine in frame[~some].groupby("benchmark", sort=False):
        codes = listing(sorted(mine["language"].unique()), 20)
        starts = listing(sorted(mine["source_language"].unique()), 4)
        kept = "" if some.any() else " Kept all the same, to be scored with other answers."
        about = {"n": counted(mine["item"].nunique(), "item"), "starts": starts, "kept": kept}
        notes.note("dropped", "no-pairs", benchmark=benchmark, codes=codes, **about)
    return frame[some] if some.any() else frame


def _aggregated(frame: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """One row a benchmark × model × language × item × prompting, in the order of the book."""
    for column in {"cluster", "stratum"} & {*frame}:  # the loader asks for one an item
        several = frame.groupby(["benchmark", "item"])[column].transform("nunique") > 1
        names = listing(sorted(frame.loc[several, "benchmark"].unique()))
        if names:
            notes.note("assumed", "several", column=column, names=names)
            frame = frame.assign(**{column: frame[column].mask(several, "")})
    chance = {name: known_chance(str(name)) for name in frame["benchmark"].unique()}
    if "chance_level" in frame:  # a column of the table
        said = frame[frame["chance_level"] != ""].groupby("benchmark")["chance_level"].unique()
        chance |= {name: float(levels[0]) for name, levels in said.items() if len(levels) == 1}
    unknown = listing(name for name, level in chance.items() if math.isnan(level))
    if unknown:
        notes.note("assumed", "chance", names=unknown)
    numbers = [name for name in ("n_correct", "n_trials", "n_parsed") if name in frame]
    more = [name for name in ("stratum", "n_parsed") if name in frame]
    keys = [name for name in (*COLUMNS, *more) if name not in numbers]
    sums = frame.groupby(keys, sort=False, as_index=False)[numbers].sum()
    sums["chance_level"] = sums["benchmark"].map(chance).astype(float)
    if "n_parsed" in sums:
        share = 1 - sums["n_parsed"].sum() / sums["n_trials"].sum()
        notes.note("assumed", "unread", share=share)
    order = ["benchmark", "model", "language"]
    columns = [*COLUMNS, "chance_level", *more]
    return sums.sort_values(order, kind="stable", ignore_index=True)[columns]


def _missing(frame: pd.DataFrame) -> Iterator[str]:
    """Lines on items without an answer, for each benchmark and model, by language."""
    for benchmark, mine in frame.groupby("benchmark", sort=False):
        items = mine["item"].nunique()
        missing = items - mine.pivot_table("item", "model", "language", "nunique", fill_value=0)
        for model, row in missing[(missing > 0).any(axis=1)].iterrows():
            gaps = listing((f"{code} {n}" for code, n in row.items() if n), 20)
            yield f"{benchmark}, {model}, of {items} items: {gaps}."
