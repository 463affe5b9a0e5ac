"""Whether runs were set alike: one function, one rule, for the logs of all programs.

**The rule.** Runs that are taken for one model on one benchmark, under one prompting, must agree in
every setting that can change an answer; weights must agree over all benchmarks. If they differ,
the import is refused, unless the user says that it is meant (`mixed`). Settings that only change
how many items were asked, or roundings, are said and no more. Where and how fast a run was made
does not matter, nor does a setting that names the language of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from hatlib.errors import listing
from hatlib.logs.languages import language_in
from hatlib.logs.reading import Notes, clean

#: Which weights answer.
WEIGHTS = re.compile(
    r"pretrained|peft|delta|adapter\w*|lora\w*|revision|subfolder|checkpoint|gguf_file|"
    r"load_in_\w+|bnb_\w+|quanti[sz]\w*|autogptq|gptq\w*|awq|model_name|model_path|engine"
)
#: How many items were asked, roundings: said, not refused.
SAID = re.compile(
    r"limit|samples?|sample_id|max_eval_instances|dtype|torch_dtype|max_length|max_model_len|version"
)
#: Where and how fast: never compared.
IGNORED = re.compile(
    r"device\w*|\w*batch\w*|\w*parallel\w*|gpu_\w+|max_cpu_memory|max_memory\w*|trust_remote_code|"
    r"cache\w*|use_cache|token|\w*token_?path|api_key|base_url|num_concurrent|max_retries|timeout|"
    r"attempt_timeout|max_connections|max_tasks|swap_space|offload\w*|use_fast_tokenizer|verbosity|"
    r"log\w*|until|stop\w*|sample_train|num_train_trials|seed|\w*_seed|language|lang|enforce_eager|tokenizer_backend|port|host|user|num_gpus"
)
_UNSET = "not set"


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as text, without those that do not matter or are not set.

    Examples
    --------
    >>> flat({"temperature": 0.0, "device": "cuda", "peft": None, "think": {"effort": "low"}})
    {'temperature': '0', 'think.effort': 'low'}
    """
    found: dict[str, str] = {}
    for name, value in settings.items():
        if not isinstance(name, str) or IGNORED.fullmatch(name):
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
        unknown = set(mine["run"]) - set(known["run"])
        if unknown and len(known):
            n = f"{len(unknown)} of {mine['run'].nunique()}"
            notes.assumed.append(
                f"{model}: the settings of {n} runs are not known, and were not compared."
            )
        for scope, part in _scopes(str(model), known):
            refused: list[str] = []
            said: list[str] = []
            for name, text in _differences(part, settings, scope == str(model)):
                (said if SAID.fullmatch(name.rsplit(".", 1)[-1]) else refused).append(text)
            if said or (mixed and refused):
                texts = listing([*said, *(refused if mixed else [])], 6)
                notes.assumed.append(f"{scope}: runs that differ count as one model: {texts}.")
            if refused and not mixed:
                notes.problem(
                    f"runs of {scope} were set otherwise, and would count as one model.",
                    "Import each by itself, with its own --model or --prompting; or say --mixed, "
                    "if you mean it.",
                    value=listing(refused, 6),
                )


def _scopes(model: str, placed: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Runs whose weights are compared, then those whose other settings are."""
    yield model, placed
    for (benchmark, prompting), part in placed.groupby(["benchmark", "prompting"], sort=False):
        yield f"{model} on {benchmark}{f' ({prompting})' if prompting else ''}", part


def _differences(
    placed: pd.DataFrame, settings: Sequence[Mapping[str, str]], weights: bool
) -> Iterator[tuple[str, str]]:
    """The settings in which runs differ, each with its values and their languages."""
    runs = {
        int(str(run)): (sorted(set(mine["language"])), set(mine["spelt"]))
        for run, mine in placed.groupby("run", sort=False)
    }
    for name in sorted({name for run in runs for name in settings[run]}):
        if bool(WEIGHTS.fullmatch(name.rsplit(".", 1)[-1])) is not weights:
            continue
        values: dict[str, dict[str, None]] = {}
        neutral = set()
        for run, (codes, spelt) in runs.items():
            value = settings[run].get(name, _UNSET)
            values.setdefault(value, {}).update(dict.fromkeys(codes))
            neutral.add(_neutral(value, {*codes, *spelt}) if len(codes) == 1 else value)
        if len(values) > 1 and len(neutral) > 1:
            short = name.rsplit(".", 1)[-1]
            yield (
                name,
                listing(
                    (f"{short}={value} ({listing(codes, 4)})" for value, codes in values.items()), 4
                ),
            )


def _neutral(value: str, codes: set[str]) -> str:
    """A value without what only names the language of the run."""
    if language_in(value) in codes:
        return "*"
    words = {code.lower() for code in codes}
    return "".join("*" if w.lower() in words else w for w in re.split(r"([\W_]+)", value))
