"""Whether runs were set alike: one function, one rule, for the logs of all programs.

**The rule.** Runs that are taken for one model on one benchmark, under one prompting, must agree in
every setting that can change an answer; weights must agree over all benchmarks. If they differ,
the import is refused, unless the user says that it is meant (`mixed`). Settings that only change
how many items were asked, or roundings, are said and no more. Where and how fast a run was made
does not matter, nor does a setting that names the language of the run. ``names.toml`` lists which
are which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from hatlib.errors import listing
from hatlib.logs.fields import NAMES
from hatlib.logs.languages import language_in
from hatlib.logs.reading import Notes, clean

_KINDS = {kind: re.compile("|".join(names)) for kind, names in NAMES["settings"].items()}


def _is(kind: str, name: str) -> bool:
    return bool(_KINDS[kind].fullmatch(name.rsplit(".", 1)[-1]))


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
    placed: pd.DataFrame, settings: Sequence[Mapping[str, str]], mixed: bool, notes: Notes
) -> None:
    """Refuse runs that would be one model and were set otherwise, or say so.

    Parameters
    ----------
    placed : DataFrame
        One row a ``run`` (number), ``model``, ``benchmark``, ``prompting``, ``language``, and
        ``spelt``, the language as the log has it.
    settings : sequence of mapping
        Of each run, from `flat`; empty where the log does not say them.
    mixed : bool
        Whether the user means it.
    notes : Notes
        Learns what differs.

    Examples
    --------
    >>> placed = pd.DataFrame({"run": [0, 1], "model": "m", "benchmark": "b", "prompting": "",
    ...                        "language": ["en", "de"], "spelt": ["en", "de"]})
    >>> notes = Notes()
    >>> compare_settings(placed, [{"effort": "low"}, {"effort": "high"}], False, notes)
    >>> notes.problems[0].value
    'effort=low (en), effort=high (de)'
    """
    for model, mine in placed.groupby("model", sort=False):
        known = mine[[bool(settings[run]) for run in mine["run"]]]
        lacking = mine["run"].nunique() - known["run"].nunique()
        if lacking and len(known):
            n = f"{lacking} of {mine['run'].nunique()}"
            notes.assumed.append(
                f"{model}: the settings of {n} runs are not known, and were not compared."
            )
        scopes = [(f"{model}", known, True)]
        for (benchmark, prompting), part in known.groupby(["benchmark", "prompting"], sort=False):
            way = f" ({prompting})" if prompting else ""
            scopes.append((f"{model} on {benchmark}{way}", part, False))
        for scope, part, weights in scopes:
            found = [d for d in _differences(part, settings) if _is("weights", d[0]) is weights]
            refused = [] if mixed else [text for name, text in found if not _is("said", name)]
            said = [text for _, text in found if text not in refused]
            if said:
                told = f"runs that differ count as one model: {listing(said, 6)}."
                notes.assumed.append(f"{scope}: {told}")
            if refused:
                notes.problem(
                    f"runs of {scope} were set otherwise, and would count as one model.",
                    "Import each by itself, with its own --model or --prompting; or say --mixed, "
                    "if you mean it.",
                    value=listing(refused, 6),
                )


def _differences(
    placed: pd.DataFrame, settings: Sequence[Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    """The settings in which runs differ, each with its values and their languages."""
    runs = [(settings[int(str(run))], mine) for run, mine in placed.groupby("run", sort=False)]
    for name in sorted({name for given, _ in runs for name in given}):
        values: dict[str, set[str]] = {}
        neutral = set()  # without what only names the language of the run
        for given, mine in runs:
            value, codes = given.get(name, "not set"), set(mine["language"])
            values.setdefault(value, set()).update(codes)
            neutral.add(_neutral(value, codes | {*mine["spelt"]}) if len(codes) == 1 else value)
        if len(values) > 1 and len(neutral) > 1:
            short = name.rsplit(".", 1)[-1]
            told = (f"{short}={v} ({listing(sorted(codes), 4)})" for v, codes in values.items())
            yield name, listing(told, 4)


def _neutral(value: str, codes: set[str]) -> str:
    """A value without what only names the language of the run."""
    if language_in(value) in codes:
        return "*"
    words = {code.lower() for code in codes}
    return "".join("*" if w.lower() in words else w for w in re.split(r"([\W_]+)", value))
