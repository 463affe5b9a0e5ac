"""Whether runs were set alike: one function, one rule, for the logs of all programs.

**The rule.** Runs that are taken for one model on one benchmark, under one prompting, must agree in
every setting that can change an answer; weights must agree over all benchmarks. If they differ,
the import is refused, unless the user says that it is meant (`mixed`). Settings that only change
how many items were asked or how often, roundings, and the address of a server are said and no more.
Where and how fast a run was made does not matter, nor does a setting that names the language of
the run. ``names.toml`` lists which are which.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hatlib.errors import listing
from hatlib.logs.fields import NAMES
from hatlib.logs.languages import language_in
from hatlib.logs.reading import Notes, clean

_KINDS = {kind: re.compile("|".join(names)) for kind, names in NAMES["settings"].items()}


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as text, without those that do not matter or are not set.

    Examples
    --------
    >>> flat({"temperature": 0.0, "device": "cuda", "peft": None, "think": {"effort": "low"}})
    {'temperature': '0', 'think.effort': 'low'}
    """
    found: dict[str, str] = {}
    for name, value in settings.items():
        if not isinstance(name, str) or _KINDS["ignored"].fullmatch(name):
            continue
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif value is not None and value != "" and value != []:
            found[clean(f"{prefix}{name}")] = clean(value)
    return found


def compare_settings(
    placed: pd.DataFrame, settings: Sequence[Mapping[str, str] | None], mixed: bool, notes: Notes
) -> None:
    """Refuse runs that would be one model and were set otherwise, or say so.

    Parameters
    ----------
    placed : DataFrame
        One row a run (``number``), ``model``, ``benchmark``, ``prompting``, ``language``, and
        ``spelt``, the language as the log has it.
    settings : sequence of mapping or None
        Of each run, from `flat`; None where the log does not say them.
    mixed : bool
        Whether the user means it.
    notes : Notes
        Learns what differs.

    Examples
    --------
    >>> placed = pd.DataFrame({"number": [0, 1], "model": "m", "benchmark": "b", "prompting": "",
    ...                        "language": ["en", "de"], "spelt": ["en", "de"]})
    >>> notes = Notes()
    >>> compare_settings(placed, [{"effort": "low"}, {"effort": "high"}], False, notes)
    >>> notes.problems[0].value
    'effort=low (en), effort=high (de)'
    """
    known = placed["number"].map(lambda number: settings[number] is not None)
    runs = placed.assign(known=known).drop_duplicates(["model", "number"])
    for model, each in runs.groupby("model", sort=False)["known"]:
        if each.any() and not each.all():
            n = f"{(~each).sum()} of {len(each)}"
            notes.note("assumed", "unknown", model=model, n=n)
    if not any(settings):
        return
    wide = pd.DataFrame([each or {} for each in settings]).fillna("not set").rename_axis("number")
    rows = placed[known].merge(wide.melt(var_name="name", ignore_index=False), on="number")
    alone = rows.groupby("number")["language"].transform("nunique") == 1
    neutral = map(_neutral, rows["value"], rows["language"], rows["spelt"])
    rows["neutral"] = pd.Series(neutral, rows.index, dtype=object).where(alone, rows["value"])
    rows["short"] = rows["name"].str.rsplit(".", n=1).str[-1]
    weights = rows["short"].map(lambda name: bool(_KINDS["weights"].fullmatch(name)))
    rows.loc[weights, ["benchmark", "prompting"]] = ""  # they must agree over all of them
    for scope, part in rows.groupby(["model", "benchmark", "prompting"], sort=False):
        told = defaultdict[str, dict[str, None]](dict)
        for (_, name), mine in part.groupby(["name", "short"]):
            kinds = {kind for kind, names in _KINDS.items() if names.fullmatch(str(name))}
            cells = mine.groupby("value", sort=False)["language"].unique().items()
            values = [f"{name}={value} ({listing(sorted(codes), 4)})" for value, codes in cells]
            if mine[["value", "neutral"]].nunique().min() > 1:
                harmless = mixed or kinds & {"said", "limits"}
                told["mixed" if harmless else "settings"][listing(values, 4)] = None
            elif "limits" in kinds and mine["value"].iloc[0] != "not set":
                told["limited"][values[0]] = None
        where = "{} on {} ({})".format(*scope).removesuffix(" ()").removesuffix(" on ")
        for key in sorted({*told} - {"settings"}):
            notes.note("assumed", key, where=where, those=listing(told[key], 6))
        if "settings" in told:
            notes.refuse("settings", value=listing(told["settings"], 6), where=where)


def _neutral(value: str, language: str, spelt: str) -> str:
    """A value without what only names the language of the run."""
    words = {language.lower(), spelt.lower()}
    if language_in(value) == language:
        return "*"
    return "".join("*" if w.lower() in words else w for w in re.split(r"([\W_]+)", value))
