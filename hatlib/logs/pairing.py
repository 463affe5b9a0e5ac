"""Find each item again in the other languages, and check by the answer keys that it is the same.

Two questions with one id may be two questions: a filter dropped an item in one language, or the
benchmark is no translation. Answer keys that do not depend on the language tell.
"""

from __future__ import annotations

import re

import pandas as pd
from scipy.stats import binom

from hatlib.data.about import BY_ITEM
from hatlib.errors import listing
from hatlib.logs.languages import language_in
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

_CELL = ["benchmark", "language"]
_PARTS = re.compile(r"([\W_]+)")


def pair(frame: pd.DataFrame, pair_by: str, source_language: str, notes: Notes) -> pd.DataFrame:
    """Pair items across languages by their id, or by their order, and check the pairs.

    Parameters
    ----------
    frame : DataFrame
        Answers, with `hatlib.logs.common.TRIAL_COLUMNS`.
    pair_by : {"id", "order"}
        By order, the first item of a model in one language is its first in every other.
    source_language : str
        Language that the keys are compared with; ``item`` if the column says it for each row.
    notes : Notes
        Learns in ``paired`` how items were paired and how far their keys agree.

    Returns
    -------
    DataFrame
        The answers, whose items have one name in all languages, with ``source_language``.

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
    >>> notes = Notes()
    >>> paired = pair(pd.DataFrame(rows, columns=TRIAL_COLUMNS), "id", "en", notes)
    >>> notes.paired
    ['b: items by id; the keys agree with en in 100.0% (de) of 40 items.']
    """
    if source_language != BY_ITEM:
        frame = frame.assign(source_language=source_language)
    sources = frame[["benchmark", "item", "source_language"]].drop_duplicates()
    twice = sources[sources.duplicated(["benchmark", "item"])]
    for benchmark, mine in sources[sources["source_language"] == ""].groupby("benchmark"):
        notes.refuse("no-source", n=counted(len(mine), "item"), benchmark=benchmark)
    for benchmark, mine in twice.groupby("benchmark"):
        n, first = counted(len(mine), "item"), str(mine["item"].iloc[0])
        notes.refuse("two-sources", value=first, n=n, benchmark=benchmark)
    notes.stop()
    frame = _by_order(frame, notes) if pair_by == "order" else _without_language(frame, notes)
    table = agreement(frame)
    _check(frame, table, pair_by, notes)
    for name, mine in frame.groupby("benchmark", sort=False):
        start = f"{name}: items by {pair_by}"
        _describe(mine, table[table["benchmark"] == name], start, notes)
    notes.stop()
    return frame


def _without_language(frame: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Items by their ids without the language in them, where ids differ in nothing else."""
    items = frame["item"].copy()
    for benchmark, mine in frame.groupby("benchmark"):
        ids, codes = mine["item"], mine["language"]
        home = codes == mine["source_language"]
        if home.all() or ids[~home].isin({*ids[home]}).any():
            continue
        pairs = zip(ids.map(_PARTS.split), codes, strict=True)
        bare = ["".join("*" if language_in(p) == c else p for p in parts) for parts, c in pairs]
        names = pd.Series(bare, mine.index)
        whole = names.groupby(codes).nunique().equals(ids.groupby(codes).nunique())
        if whole and names[~home].isin({*names[home]}).mean() > 0.5:
            items[mine.index] = names
            example = f"{ids[~home].iloc[0]} is {names[~home].iloc[0]}"
            notes.note("paired", "bare", benchmark=benchmark, example=example)
    return frame.assign(item=items)


def _by_order(frame: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Items named by their position among those of one model, language and prompting."""
    cell = ["benchmark", "language", "model", "prompting"]
    first = frame.drop_duplicates([*cell, "item"])
    groups = first.groupby(cell, sort=False)
    for benchmark, sizes in groups.size().groupby("benchmark", sort=False):
        if sizes.min() < sizes.max():
            told = listing(f"{code} {n:g}" for code, n in sizes.groupby("language").mean().items())
            notes.refuse("order", value=told, benchmark=benchmark)
    names = first[[*cell, "item"]].assign(position=(groups.cumcount() + 1).astype(str))
    paired = frame.merge(names, on=[*cell, "item"], how="left")
    return paired.drop(columns="item").rename(columns={"position": "item"})


def agreement(frame: pd.DataFrame) -> pd.DataFrame:
    """How often the keys of each target language are those of the source language.

    One row a benchmark and language: ``keys`` that could be compared, the share that ``agree``,
    the share ``expected`` of unrelated questions, ``p`` (one-sided, that unrelated ones agree so
    often), ``same``, the share of items that would have to be the same questions for such an
    agreement, and whether they were ``tested``.
    """
    frame = frame.assign(is_source=frame["language"] == frame["source_language"])
    keyed = frame[frame["key"] != ""].drop_duplicates([*_CELL, "item"])
    source = keyed.loc[keyed["is_source"], ["benchmark", "item", "key"]]
    names = ["benchmark", "item"]
    both = keyed[~keyed["is_source"]].merge(source, on=names, suffixes=("", "_source"))
    both["agree"] = both["key"] == both["key_source"]
    cells = both.groupby(_CELL)
    # Of unrelated questions each key meets each other as often as both come.
    shares = [cells[name].value_counts(normalize=True) for name in ("key", "key_source")]
    met = shares[0] * shares[1].rename_axis(shares[0].index.names)
    targets = frame.loc[~frame["is_source"], _CELL].drop_duplicates().sort_values(_CELL)
    table = targets.set_index(_CELL)
    table["keys"] = cells.size().reindex(table.index, fill_value=0)
    table["agree"], table["expected"] = cells["agree"].mean(), met.groupby(_CELL).sum()
    right = (table["agree"] * table["keys"]).round()
    table["p"] = binom.sf(right - 1, table["keys"], table["expected"].clip(upper=1))
    table["same"] = ((table["agree"] - table["expected"]) / (1 - table["expected"])).clip(lower=0)
    table["tested"] = (table["keys"] >= FEW_KEYS) & (table["expected"] < 1)
    return table.reset_index()


def _check(frame: pd.DataFrame, table: pd.DataFrame, pair_by: str, notes: Notes) -> None:
    """Refuse languages that share no item with their source, or whose keys agree by chance."""
    for benchmark, mine in frame.groupby("benchmark", sort=False):
        source = mine["language"] == mine["source_language"]
        shared = mine["item"].isin(mine.loc[source, "item"]).groupby(mine["language"]).any()
        if source.any() and not shared.all():
            alone = listing(shared.index[~shared])
            examples = [mine.loc[source, "item"].iloc[0], mine.loc[~source, "item"].iloc[0]]
            notes.refuse("no-shared", value=listing(examples), benchmark=benchmark, alone=alone)
    other = "If the order is the same, pair with --pair-by order. " if pair_by == "id" else ""
    unlike = table["tested"] & ((table["p"] >= LEVEL) | (table["same"] < LEAST_SAME))
    for row in table[unlike].itertuples():
        notes.refuse("other-questions", pair=row, other=other)


def _describe(frame: pd.DataFrame, table: pd.DataFrame, start: str, notes: Notes) -> None:
    """How the items of a benchmark were paired, and what the keys say."""
    sources = sorted(frame["source_language"].unique())
    named = sources[0] if len(sources) == 1 else "their source language"
    if table.empty:
        notes.note("paired", "alone", start=start)
    elif not (frame["language"] == frame["source_language"]).any():
        notes.note("paired", "no-source", start=start, source=named)
    else:
        tested, rest = table[table["tested"]], table[~table["tested"]]
        told = listing((f"{row.agree:.1%} ({row.language})" for row in tested.itertuples()), 20)
        if told:
            n = tested["keys"].max()
            notes.note("paired", "agree", start=start, source=named, told=told, n=n)
        doubtful = listing(tested.loc[tested["same"] < MOST_SAME, "language"], 20)
        if doubtful:
            notes.note("paired", "doubtful", start=start, codes=doubtful)
        if len(rest):
            key = "few-keys" if rest["keys"].any() else "no-keys"
            notes.note("paired", key, start=start, codes=listing(rest["language"], 20), n=FEW_KEYS)
    keyed = frame.loc[frame["key"] != "", ["language", "item", "key"]].drop_duplicates()
    other = keyed[keyed.duplicated(["language", "item"])]
    if len(other):
        codes = listing(sorted(other["language"].unique()), 20)
        notes.note("paired", "versions", start=start, n=counted(len(other), "item"), codes=codes)
