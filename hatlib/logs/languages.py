"""What the name of a task says: its benchmark, its language, its subject.

`RULES` is the table of the tasks of lm-evaluation-harness whose items are translations of each
other. A task that it does not know needs `language_from` or `language` of
`hatlib.logs.Options`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from hatlib.data.schema import is_language
from hatlib.data.tables import book, standard_language
from hatlib.errors import InputError, Problem
from hatlib.logs.reading import clean

_CODE = r"(?P<language>[a-z]{2,3})"
_SUBJECT = r"(?P<subject>[a-z][a-z_]*)"

#: Languages that INCLUDE calls by their English names.
NAMES = {
    "albanian": "sq",
    "arabic": "ar",
    "armenian": "hy",
    "azerbaijani": "az",
    "basque": "eu",
    "belarusian": "be",
    "bengali": "bn",
    "bulgarian": "bg",
    "chinese": "zh",
    "croatian": "hr",
    "dutch": "nl",
    "estonian": "et",
    "finnish": "fi",
    "french": "fr",
    "georgian": "ka",
    "german": "de",
    "greek": "el",
    "hebrew": "he",
    "hindi": "hi",
    "hungarian": "hu",
    "indonesian": "id",
    "italian": "it",
    "japanese": "ja",
    "kazakh": "kk",
    "korean": "ko",
    "lithuanian": "lt",
    "malay": "ms",
    "malayalam": "ml",
    "nepali": "ne",
    "north_macedonian": "mk",
    "persian": "fa",
    "polish": "pl",
    "portuguese": "pt",
    "russian": "ru",
    "serbian": "sr",
    "spanish": "es",
    "tagalog": "tl",
    "tamil": "ta",
    "telugu": "te",
    "turkish": "tr",
    "ukrainian": "uk",
    "urdu": "ur",
    "uzbek": "uz",
    "vietnamese": "vi",
}

# Codes of FLORES-200 for the standard form of a language, by the code that is usual for it.
_USUAL = {
    "als": "sq",
    "arb": "ar",
    "azj": "az",
    "khk": "mn",
    "lvs": "lv",
    "npi": "ne",
    "ory": "or",
    "pbt": "ps",
    "pes": "fa",
    "swh": "sw",
    "uzn": "uz",
    "zho": "zh",
    "zsm": "ms",
}

# Scripts of FLORES-200 that are not the first one of their language.
_SECOND = {"arb_Latn", "ben_Latn", "hin_Latn", "npi_Latn", "sin_Latn", "urd_Latn", "zho_Hant"}


@dataclass(frozen=True)
class Rule:
    """Tasks of one benchmark.

    Attributes
    ----------
    pattern : str
        Regular expression for the whole name, with the group ``language``, and perhaps
        ``subject`` and ``prompting``.
    benchmark : str
        Our name.
    example : str
        A task that the rule reads.
    chance : float or None
        Accuracy of a guess, where the book does not know it.
    language : str
        The language, if the name does not say it.
    item, key, cluster : tuple of str
        Fields of a document that name an item in every language (otherwise ``doc_id`` does), hold
        the right answer, and name what several items share.
    note : str
        What a user should know.
    """

    pattern: str
    benchmark: str
    example: str
    chance: float | None = None
    language: str = ""
    item: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    note: str = ""


RULES = (
    Rule(
        rf"mgsm_(?P<prompting>direct|native_cot|cot_native|en_cot)_{_CODE}",
        "mgsm",
        "mgsm_native_cot_sw",
        key=("answer_number",),
    ),
    Rule(
        rf"mgsm_{_CODE}_(?P<prompting>direct|native-cot|en-cot)",
        "mgsm",
        "mgsm_sw_direct",
        key=("answer_number",),
    ),
    Rule(
        rf"mmlu_prox_lite_{_CODE}_{_SUBJECT}",
        "mmlu-prox-lite",
        "mmlu_prox_lite_de_law",
        chance=0.1,
        item=("question_id",),
        key=("answer",),
    ),
    Rule(
        rf"mmlu_prox_{_CODE}_{_SUBJECT}",
        "mmlu-prox",
        "mmlu_prox_de_computer_science",
        item=("question_id",),
        key=("answer",),
    ),
    Rule(
        rf"global_mmlu_full_{_CODE}_{_SUBJECT}",
        "global-mmlu",
        "global_mmlu_full_am_anatomy",
        chance=0.25,
        item=("sample_id",),
        key=("answer",),
    ),
    Rule(
        rf"global_mmlu_{_CODE}(_{_SUBJECT})?",
        "global-mmlu-lite",
        "global_mmlu_yo_medical",
        chance=0.25,
        item=("sample_id",),
        key=("answer",),
    ),
    Rule(
        r"belebele_(?P<language>[a-z]{3}_[A-Z][a-z]{3})",
        "belebele",
        "belebele_eng_Latn",
        item=("link", "question_number"),
        key=("correct_answer_num",),
        cluster=("link",),
    ),
    Rule(
        r"xnli_eu_(?P<prompting>mt)",
        "xnli",
        "xnli_eu_mt",
        language="eu",
        key=("label",),
        note="The Basque of xnli_eu_mt is a machine translation.",
    ),
    Rule(
        r"xnli_eu_native",
        "xnli-eu-native",
        "xnli_eu_native",
        chance=1 / 3,
        language="eu",
        key=("label",),
        note="The items of xnli_eu_native were written in Basque and have no original.",
    ),
    Rule(rf"xnli_{_CODE}", "xnli", "xnli_ur", key=("label",)),
    Rule(
        rf"xcopa_{_CODE}",
        "xcopa",
        "xcopa_qu",
        chance=0.5,
        item=("idx",),
        key=("label",),
    ),
    Rule(
        r"copa",
        "xcopa",
        "copa",
        chance=0.5,
        language="en",
        item=("idx",),
        key=("label",),
        note="The task copa was read as the English of XCOPA. It holds other items if the two "
        "were run on different splits.",
    ),
    Rule(
        rf"xstorycloze_{_CODE}",
        "xstorycloze",
        "xstorycloze_my",
        item=("story_id",),
        key=("answer_right_ending",),
    ),
    Rule(rf"paws_{_CODE}", "paws-x", "paws_ko", item=("id",), key=("label",)),
    Rule(
        rf"include_base_44_(?P<language>{'|'.join(sorted(NAMES, key=len, reverse=True))}|indonesia)"
        rf"(_(?P<prompting>few_shot_en|few_shot_og))?(_{_SUBJECT})?",
        "include",
        "include_base_44_north_macedonian_stem",
        chance=0.25,
        key=("answer",),
        note="INCLUDE asks other questions in each language: they are no translations.",
    ),
    Rule(
        rf"truthfulqa[-_]multi_(?P<subject>gen|mc1|mc2)_{_CODE}",
        "truthfulqa-multi",
        "truthfulqa-multi_gen_eu",
    ),
)

_COMPILED = tuple((re.compile(rule.pattern), rule) for rule in RULES)


@dataclass(frozen=True)
class Task:
    """What the name of a task says.

    Attributes
    ----------
    name : str
        As the log has it.
    benchmark, language : str
        The language is a standard code.
    subject : str
        Part of the benchmark; items are numbered within it.
    prompting : str
        How it was asked.
    rule : Rule or None
        The rule that read it, if one did.
    """

    name: str
    benchmark: str
    language: str
    subject: str = ""
    prompting: str = ""
    rule: Rule | None = None


def task_of(name: str, language_from: str = "") -> Task | None:
    """What the name of a task says; None if nothing can read it.

    Parameters
    ----------
    name : str
        The task.
    language_from : str
        As in `hatlib.logs.Options`; it comes before the table.

    Returns
    -------
    Task or None

    Raises
    ------
    InputError
        If `language_from` is no regular expression with such a group.

    Examples
    --------
    >>> task = task_of("mmlu_prox_lite_de_law")
    >>> task.benchmark, task.language, task.subject
    ('mmlu-prox-lite', 'de', 'law')
    >>> task_of("belebele_zho_Hant").language
    'zh-Hant'
    >>> task = task_of("riddles_fr_hard", "riddles_(.+?)_")
    >>> task.benchmark, task.language
    ('riddles_hard', 'fr')
    >>> task_of("hellaswag")
    """
    given = _compiled(language_from)
    found = given.search(name) if given else None
    if found:
        return _from_expression(name, found)
    for pattern, rule in _COMPILED:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        groups = match.groupdict()
        language = language_code(groups.get("language") or rule.language)
        if not is_language(language):
            return None
        subject = groups.get("subject") or ""
        benchmark = rule.benchmark
        if benchmark == "truthfulqa-multi":  # three ways to ask and to count, not three subjects
            benchmark, subject = f"{benchmark}-{subject}", ""
        return Task(name, benchmark, language, subject, groups.get("prompting") or "", rule)
    return None


def language_code(text: str) -> str:
    """The usual code of a language that a task names by a code, FLORES code or English name.

    Examples
    --------
    >>> [language_code(t) for t in ("eng_Latn", "zho_Hans", "zho_Hant", "greek", "swh", "tgl_Latn")]
    ['en', 'zh', 'zh-Hant', 'el', 'sw', 'fil']
    """
    text = {"indonesia": "indonesian"}.get(text, text)
    if text in NAMES:
        return standard_language(NAMES[text])
    base, _, script = text.partition("_")
    if re.fullmatch(r"[A-Z][a-z]{3}", script):
        base = _USUAL.get(base, base)
        return standard_language(f"{base}-{script}" if text in _SECOND else base)
    return standard_language(_USUAL.get(text, text))


def known_chance(benchmark: str) -> float:
    """Accuracy of a guess at a benchmark that the book or the table knows; nan for others.

    Examples
    --------
    >>> known_chance("belebele"), known_chance("xcopa"), known_chance("riddles")
    (0.25, 0.5, nan)
    """
    known = book().benchmarks.set_index("benchmark")["chance_level"]
    if benchmark in known:
        return float(known[benchmark])
    levels = [rule.chance for rule in RULES if rule.benchmark == benchmark and rule.chance]
    return float(levels[0]) if levels else float("nan")


def rules_table() -> pd.DataFrame:
    """The rules as a table for people: tasks, an example, what it is read as.

    Examples
    --------
    >>> rules_table()["benchmark"].nunique() >= 10
    True
    """
    rows = []
    for rule in RULES:
        task = task_of(rule.example)
        assert task is not None
        rows.append(
            {
                "task": rule.example,
                "benchmark": task.benchmark,
                "language": task.language,
                "subject": task.subject,
                "prompting": task.prompting,
                "item": ", ".join(rule.item) or "doc_id",
                "note": rule.note,
            }
        )
    return pd.DataFrame(rows)


def _compiled(expression: str) -> re.Pattern[str] | None:
    if not expression:
        return None
    remedy = "Write a group for the language, as in 'riddles_(?P<language>..)_.*'."
    try:
        pattern = re.compile(expression)
    except (re.error, OverflowError, RecursionError):
        what = "language_from is not a regular expression."
        raise InputError(Problem(what, remedy, value=expression)) from None
    if "language" not in pattern.groupindex and pattern.groups != 1:
        what = "language_from does not say which group is the language."
        raise InputError(Problem(what, remedy, value=expression))
    return pattern


def _from_expression(name: str, found: re.Match[str]) -> Task | None:
    """A task that the user's expression reads; the rest of the name is benchmark or subject."""
    group: str | int = "language" if "language" in found.re.groupindex else 1
    language = language_code(found[group] or "")
    if not is_language(language):
        return None
    spans = [found.span(group)]
    benchmark = clean(found.groupdict().get("benchmark") or "")
    if benchmark:
        spans.append(found.span("benchmark"))
    letters = list(name)
    for start, end in spans:
        letters[start:end] = "\0" * (end - start)
    rest = "_".join(filter(None, re.split(r"[\0_\-. ]+", "".join(letters))))
    if benchmark:
        return Task(name, benchmark, language, clean(rest))
    return Task(name, clean(rest) or "tasks", language)
