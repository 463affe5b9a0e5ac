"""Find each item again in the other languages, and check by the answer keys that it is the same.

Two questions with one id may be two questions: a filter dropped an item in one language, or the
benchmark is no translation. Answer keys that do not depend on the language tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from hatlib.data.about import BY_ITEM
from hatlib.errors import InputError, Problem, listing
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
    ('b: items by id; the keys agree with en in all of 40 items in de.',)
    """
    problems: list[Problem] = []
    parts, tables, lines = [], [], []
    for benchmark, mine in frame.groupby("benchmark", sort=False):
        if source_language != BY_ITEM:
            mine = mine.assign(source_language=source_language)
        elif (mine["source_language"] == "").any():
            problems.append(
                Problem(
                    f"some answers to {benchmark} do not say the source language of their item.",
                    "Name one source language, or complete the logs.",
                )
            )
            continue
        sources = mine[["item", "source_language"]].drop_duplicates()
        if sources["item"].duplicated().any():
            problems.append(
                Problem(
                    f"an item of {benchmark} has more than one source language.",
                    "Give each item one, the same for all models and languages.",
                    value=str(sources.loc[sources["item"].duplicated(), "item"].iloc[0]),
                )
            )
            continue
        if pair_by == "order":
            mine = _by_order(str(benchmark), mine, problems)
        problems += _apart(str(benchmark), mine)
        table = _agreement(mine)
        problems += _refused(str(benchmark), table, pair_by)
        lines += _described(str(benchmark), mine, table, pair_by)
        lines += _versions(str(benchmark), mine)
        tables.append(table.assign(benchmark=benchmark))
        parts.append(mine)
    if problems:
        raise InputError(problems)
    return Paired(
        pd.concat(parts, ignore_index=True), pd.concat(tables, ignore_index=True), tuple(lines)
    )


def _by_order(benchmark: str, frame: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
    """Items named by their position among those of one model, language and prompting."""
    cell = ["model", "prompting", "language"]
    codes = [*cell, "item"]
    first = frame.drop_duplicates(codes)
    position = first.groupby(cell, sort=False).cumcount() + 1
    sizes = (
        first.groupby("language")["item"].size()
        / first.drop_duplicates(cell)["language"].value_counts()
    )
    uneven = first.groupby(cell)["item"].size()
    if (uneven != uneven.iloc[0]).any():
        problems.append(
            Problem(
                f"items of {benchmark} cannot be paired by order: their numbers differ.",
                "Pair them by id, or complete the logs.",
                value=listing(f"{code} {n:g}" for code, n in sizes.items()),
            )
        )
    names = first[codes].assign(position=position.astype(str))
    paired = frame.merge(names, on=codes, how="left")
    return paired.drop(columns="item").rename(columns={"position": "item"})


def _apart(benchmark: str, frame: pd.DataFrame) -> list[Problem]:
    """Languages that share no item with the source language of their items."""
    source = frame["language"] == frame["source_language"]
    if not source.any() or source.all():
        return []
    known = set(frame.loc[source, "item"])
    shared = frame[~source].groupby("language")["item"].agg(lambda items: bool(known & set(items)))
    alone = [str(code) for code, some in shared.items() if not some]
    if not alone:
        return []
    examples = [frame.loc[source, "item"].iloc[0], frame[~source]["item"].iloc[0]]
    return [
        Problem(
            f"no item of {benchmark} in {listing(alone)} has the id of an item in its source "
            "language.",
            "If the logs hold the same items in the same order, pair them with --pair-by order.",
            value=listing(examples),
        )
    ]


def _agreement(frame: pd.DataFrame) -> pd.DataFrame:
    """How often the keys of each language are those of the source language."""
    keyed = frame.loc[frame["key"] != "", ["language", "source_language", "item", "key"]]
    keyed = keyed.drop_duplicates(["language", "item"])
    source = keyed["language"] == keyed["source_language"]
    both = keyed[~source].merge(
        keyed.loc[source, ["item", "key"]], on="item", suffixes=("", "_source")
    )
    rows = []
    targets = frame.loc[frame["language"] != frame["source_language"], "language"]
    for code in sorted(targets.unique()):
        here = both[both["language"] == code]
        n = len(here)
        agree = int((here["key"] == here["key_source"]).sum())
        shares = here["key"].value_counts(normalize=True)
        expected = (
            float((shares * here["key_source"].value_counts(normalize=True)).sum()) if n else np.nan
        )
        rows.append(
            {
                "language": code,
                "keys": n,
                "agree": agree / n if n else np.nan,
                "expected": expected,
                "p": float(binom.sf(agree - 1, n, min(expected, 1.0))) if n else np.nan,
                "same": max(0.0, (agree / n - expected) / (1 - expected))
                if n and expected < 1
                else np.nan,
            }
        )
    columns = ["language", "keys", "agree", "expected", "p", "same"]
    return pd.DataFrame(rows, columns=columns)


def _versions(benchmark: str, frame: pd.DataFrame) -> list[str]:
    """Items with one key in the log of one model and another in the next."""
    keyed = frame.loc[frame["key"] != "", ["language", "item", "key"]].drop_duplicates()
    twice = keyed[keyed.duplicated(["language", "item"])]
    if twice.empty:
        return []
    codes = listing(sorted(twice["language"].unique()), 20)
    return [
        f"{benchmark}: the key of {counted(len(twice), 'item')} differs between the logs of one "
        f"language ({codes}): the models may have answered other versions of the benchmark."
    ]


def _refused(benchmark: str, table: pd.DataFrame, pair_by: str) -> list[Problem]:
    """Languages whose keys agree no better than, or little better than, by chance."""
    tested = table[(table["keys"] >= FEW_KEYS) & (table["expected"] < 1)]
    other = "If the order is the same, pair with --pair-by order. " if pair_by == "id" else ""
    return [
        Problem(
            f"the items of {benchmark} in {row['language']} are other questions than those in the "
            f"source language: {row['agree']:.0%} of {int(row['keys'])} answer keys agree, and "
            f"{row['expected']:.0%} would by chance.",
            f"{other}If the questions are the same with other numbers, or their options were "
            "shuffled, pair without keys (--no-keys). A benchmark that is no translation cannot "
            "measure transfer.",
        )
        for _, row in tested[(tested["p"] >= LEVEL) | (tested["same"] < LEAST_SAME)].iterrows()
    ]


def _described(benchmark: str, frame: pd.DataFrame, table: pd.DataFrame, pair_by: str) -> list[str]:
    """How the items were paired, and what the keys say."""
    start = f"{benchmark}: items by {pair_by}"
    sources = sorted(frame["source_language"].unique())
    named = sources[0] if len(sources) == 1 else "their source language"
    if table.empty:
        return [f"{start}; there is one language only."]
    if not (frame["language"] == frame["source_language"]).any():
        return [f"{start}; there are no answers in {named} to compare with."]
    lines = []
    tested = table[(table["keys"] >= FEW_KEYS) & (table["expected"] < 1)]
    rest = [code for code in table["language"] if code not in set(tested["language"])]
    whole = tested[tested["agree"] == 1]
    if len(whole):
        low, high = int(whole["keys"].min()), int(whole["keys"].max())
        n = f"{low}" if low == high else f"{low} to {high}"
        lines.append(
            f"{start}; the keys agree with {named} in all of {n} items in "
            f"{listing(whole['language'], 20)}."
        )
    part = tested[tested["agree"] < 1]
    if len(part):
        shares = listing(
            (f"{c} {a:.1%}" for c, a in zip(part["language"], part["agree"], strict=True)), 20
        )
        lines.append(f"{start}; the keys agree with {named} in most items: {shares}.")
    doubtful = part.loc[part["same"] < MOST_SAME, "language"]
    if len(doubtful):
        lines.append(
            f"{benchmark}: look at {listing(doubtful, 20)}: so many other keys mean that items "
            "are out of step, or that answers were changed."
        )
    if rest:
        few = table.loc[table["language"].isin(rest), "keys"]
        why = (
            "the right answers are free text, or the logs do not hold them"
            if (few == 0).all()
            else f"there are fewer than {counted(FEW_KEYS, 'key')}, or all are the same"
        )
        lines.append(f"{start}; it could not be checked in {listing(rest, 20)}, as {why}.")
    return lines
