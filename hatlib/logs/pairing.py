"""Find each item again in the other languages, and check by the answer keys that it is the same.

Two questions with one id may be two questions: a filter dropped an item in one language, or the
benchmark is no translation. Answer keys that do not depend on the language tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from hatlib.data.about import BY_ITEM
from hatlib.errors import listing
from hatlib.logs.reading import Notes
from hatlib.words import counted

#: With fewer keys than this a language is not tested.
FEW_KEYS = 20
#: Level of the test that keys agree no more often than by chance.
LEVEL = 0.01
#: If fewer items than this share are the same questions, by their keys, the pairs are refused.
LEAST_SAME = 0.5
#: If fewer than this are, the report warns.
MOST_SAME = 0.95


@dataclass(frozen=True)
class Paired:
    """Answers whose items have one name in all languages.

    Attributes
    ----------
    frame : DataFrame
        As that of `hatlib.logs.Trials`, with ``source_language`` filled in.
    agreement : DataFrame
        One row a benchmark and language: ``keys`` that could be compared with the source
        language, the share that ``agree``, the share ``expected`` of unrelated questions, ``p``
        (one-sided, that unrelated ones agree so often), and ``same``, the share of items that
        would have to be the same questions for such an agreement.
    lines : tuple of str
        For the report.
    """

    frame: pd.DataFrame
    agreement: pd.DataFrame
    lines: tuple[str, ...]


def pair(frame: pd.DataFrame, pair_by: str = "id", source_language: str = "en") -> Paired:
    """Pair items across languages by their id, or by their order, and check the pairs.

    Parameters
    ----------
    frame : DataFrame
        That of `hatlib.logs.Trials`.
    pair_by : {"id", "order"}
        By order, the first item of a model in one language is its first in every other.
    source_language : str
        Language that the keys are compared with; ``item`` if the column says it for each row.

    Returns
    -------
    Paired

    Raises
    ------
    InputError
        If languages share no item, the numbers of items differ and the order was to pair them,
        or the keys of a language agree no better than those of unrelated questions.

    Examples
    --------
    >>> rows = [("m", "b", code, str(i), "", 1, 1, str(i % 7), "", "", "f")
    ...         for code in ("en", "de") for i in range(40)]
    >>> from hatlib.logs.common import TRIAL_COLUMNS
    >>> paired = pair(pd.DataFrame(rows, columns=TRIAL_COLUMNS))
    >>> paired.lines
    ('b: items by id; the keys agree with en in 100.0% (de) of 40 items.',)
    """
    notes = Notes()
    parts, tables = [], []
    for benchmark, mine in frame.groupby("benchmark", sort=False):
        name = str(benchmark)
        if source_language != BY_ITEM:
            mine = mine.assign(source_language=source_language)
        sources = mine[["item", "source_language"]].drop_duplicates()
        twice = sources.loc[sources["item"].duplicated(), "item"]
        if (sources["source_language"] == "").any():
            what = f"some answers to {name} do not say the source language of their item."
            notes.problem(what, "Name one source language, or complete the logs.")
            continue
        if len(twice):
            what = f"an item of {name} has more than one source language."
            remedy = "Give each item one, the same for all models and languages."
            notes.problem(what, remedy, value=str(twice.iloc[0]))
            continue
        if pair_by == "order":
            mine = _by_order(name, mine, notes)
        table = _agreement(mine)
        _check(name, mine, table, pair_by, notes)
        notes.read += _described(name, mine, table, f"{name}: items by {pair_by}")
        keyed = mine.loc[mine["key"] != "", ["language", "item", "key"]].drop_duplicates()
        other = keyed[keyed.duplicated(["language", "item"])]
        if len(other):
            codes = listing(sorted(other["language"].unique()), 20)
            notes.read.append(
                f"{name}: the key of {counted(len(other), 'item')} differs between the logs of one "
                f"language ({codes}): the models may have answered other versions of the benchmark."
            )
        tables.append(table.assign(benchmark=benchmark))
        parts.append(mine)
    notes.stop()
    whole = pd.concat(parts, ignore_index=True)
    return Paired(whole, pd.concat(tables, ignore_index=True), tuple(notes.read))


def _by_order(benchmark: str, frame: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Items named by their position among those of one model, language and prompting."""
    cell = ["model", "prompting", "language"]
    first = frame.drop_duplicates([*cell, "item"])
    groups = first.groupby(cell, sort=False)
    sizes = groups.size()
    if sizes.min() < sizes.max():
        means = sizes.groupby("language").mean()
        told = listing(f"{code} {n:g}" for code, n in means.items())
        what = f"items of {benchmark} cannot be paired by order: their numbers differ."
        notes.problem(what, "Pair them by id, or complete the logs.", value=told)
    names = first[[*cell, "item"]].assign(position=(groups.cumcount() + 1).astype(str))
    paired = frame.merge(names, on=[*cell, "item"], how="left")
    return paired.drop(columns="item").rename(columns={"position": "item"})


def _agreement(frame: pd.DataFrame) -> pd.DataFrame:
    """How often the keys of each language are those of the source language."""
    keyed = frame.loc[frame["key"] != "", ["language", "source_language", "item", "key"]]
    keyed = keyed.drop_duplicates(["language", "item"])
    source = keyed["language"] == keyed["source_language"]
    both = keyed[~source].merge(
        keyed.loc[source, ["item", "key"]], "left", "item", suffixes=("", "_s")
    )
    both = both.dropna(subset="key_s")
    targets = frame.loc[frame["language"] != frame["source_language"], "language"]
    rows = []
    for code in sorted(targets.unique()):
        here = both[both["language"] == code]
        n, agree = len(here), int((here["key"] == here["key_s"]).sum())
        shares = [here[name].value_counts(normalize=True) for name in ("key", "key_s")]
        expected = float((shares[0] * shares[1]).sum()) if n else np.nan
        p = float(binom.sf(agree - 1, n, min(expected, 1.0))) if n else np.nan
        share = agree / n if n else np.nan
        same = max(0.0, (share - expected) / (1 - expected)) if n and expected < 1 else np.nan
        rows.append((code, n, share, expected, p, same))
    return pd.DataFrame(rows, columns=["language", "keys", "agree", "expected", "p", "same"])


def _check(
    benchmark: str, frame: pd.DataFrame, table: pd.DataFrame, pair_by: str, notes: Notes
) -> None:
    """Refuse languages that share no item with their source, or whose keys agree by chance."""
    source = frame["language"] == frame["source_language"]
    known = set(frame.loc[source, "item"])
    shared = frame["item"].isin(known).groupby(frame["language"]).any()
    if source.any() and not shared.all():
        alone = listing(shared.index[~shared])
        what = f"no item of {benchmark} in {alone} has the id of an item in its source language."
        remedy = "If the logs hold the same items in the same order, say --pair-by order."
        examples = [frame.loc[source, "item"].iloc[0], frame[~source]["item"].iloc[0]]
        notes.problem(what, remedy, value=listing(examples))
    tested = table[(table["keys"] >= FEW_KEYS) & (table["expected"] < 1)]
    other = "If the order is the same, pair with --pair-by order. " if pair_by == "id" else ""
    for row in tested[(tested["p"] >= LEVEL) | (tested["same"] < LEAST_SAME)].itertuples():
        notes.problem(
            f"the items of {benchmark} in {row.language} are other questions than those in the "
            f"source language: {row.agree:.0%} of {row.keys} answer keys agree, and "
            f"{row.expected:.0%} would by chance.",
            f"{other}If the questions are the same with other numbers, or their options were "
            "shuffled, pair without keys (--no-keys). A benchmark that is no translation cannot "
            "measure transfer.",
        )


def _described(
    benchmark: str, frame: pd.DataFrame, table: pd.DataFrame, start: str
) -> Iterator[str]:
    """How the items were paired, and what the keys say."""
    sources = sorted(frame["source_language"].unique())
    named = sources[0] if len(sources) == 1 else "their source language"
    if table.empty:
        yield f"{start}; there is one language only."
        return
    if not (frame["language"] == frame["source_language"]).any():
        yield f"{start}; there are no answers in {named} to compare with."
        return
    is_tested = (table["keys"] >= FEW_KEYS) & (table["expected"] < 1)
    tested, rest = table[is_tested], table[~is_tested]
    told = listing((f"{row.agree:.1%} ({row.language})" for row in tested.itertuples()), 20)
    if told:
        yield f"{start}; the keys agree with {named} in {told} of {tested['keys'].max()} items."
    doubtful = listing(tested.loc[tested["same"] < MOST_SAME, "language"], 20)
    if doubtful:
        yield (
            f"{benchmark}: look at {doubtful}: so many other keys mean that items are out of step, "
            "or that answers were changed."
        )
    if len(rest):
        why = "the right answers are free text, or the logs do not hold them"
        if rest["keys"].any():
            why = f"there are fewer than {counted(FEW_KEYS, 'key')}, or all are the same"
        codes = listing(rest["language"], 20)
        yield f"{start}; it could not be checked in {codes}, as {why}."
