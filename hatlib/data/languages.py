"""What a language is called: one rule for tables, logs and parameters.

A code is ISO 639 in BCP 47; a script or region that goes without saying is left out, so that
``zh``, ``zh_CN`` and ``zho_Hans`` are one language and ``zh-TW`` is another.  Words that stand for
several languages are none, whatever ISO 639 makes of them, and codes of countries are asked about.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import langcodes

from hatlib.data import data_folder
from hatlib.errors import Problem

_WORDS = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
#: Codes of countries where a language should stand, with the language that is probably meant.
COUNTRIES: Mapping[str, str] = _WORDS["countries"]
#: Words that stand for several languages or none.
NO_LANGUAGE = frozenset(_WORDS["none"])
#: Codes of languages that are usual names of columns.
COLUMN_NAMES = frozenset(_WORDS["columns"])
NOT_A_CODE = "Use a code of ISO 639, such as en, de or sw."


def is_language(code: object) -> bool:
    """Whether a code is a language tag whose language exists (ISO 639, BCP 47).

    Examples
    --------
    >>> is_language("de"), is_language("zh-Hant"), is_language("english"), is_language("xx")
    (True, True, False, False)
    >>> is_language("all"), is_language("kr")
    (False, False)
    """
    return isinstance(code, str) and _is_tag(code)


@lru_cache(maxsize=10_000)
def language_of(text: str) -> str:
    """The usual code of a language that is named by a code or in English; empty if it is none.

    Parameters
    ----------
    text : str
        A code (ISO 639, BCP 47, FLORES-200, a locale) or the English name of a language that the
        book knows.

    Examples
    --------
    >>> [language_of(t) for t in ("de", "EN_US", "zh-TW", "pt-PT", "German", "eng_Latn", "tlh?")]
    ['de', 'en', 'zh-Hant', 'pt-PT', 'de', 'en', '']
    >>> [language_of(t) for t in ("all", "kr", "kau")]
    ['', '', 'kau']
    """
    text = "".join(c for c in text if c.isprintable()).strip()
    for form in (text.replace("_", "-"), text.lower().replace("_", "-")):
        language, *rest = form.split("-")
        tag = "-".join([_WORDS["usual"].get(language, language), *rest])
        if _is_tag(tag):
            return _WORDS["own"].get(short := _short(tag), [short])[0]
    return _by_name().get(text.lower().replace("_", " "), "")


def no_language(text: str) -> Problem:
    """Why some text is no language, and what may be meant.

    Examples
    --------
    >>> print(no_language("jp"))
    this is the code of a country, not of a language. (found: jp) Write ja if that is meant.
    >>> print(no_language("kr"))
    this is the code of a country, or of Kanuri. (found: kr) Write ko if that is meant, or kau.
    """
    small = text.lower()
    likely, (own, name) = COUNTRIES.get(small), _WORDS["own"].get(small, ("", ""))
    if likely:
        what = f"this is the code of a country, {f'or of {name}' if own else 'not of a language'}."
        mend = f"Write {likely} if that is meant{own and f', or {own}'}."
        return Problem(what, mend, value=text)
    if small in NO_LANGUAGE:
        what = "this stands for several languages or none."
        return Problem(what, "Leave these rows out: they are no answers.", value=text)
    return Problem("the value is not a language code.", NOT_A_CODE, value=text)


def standard_language(text: str) -> str:
    """The usual code of a language; text that is none stays as it is.

    Examples
    --------
    >>> standard_language("EN"), standard_language("deu"), standard_language("Klingon")
    ('en', 'de', 'Klingon')
    """
    return language_of(text) or text


def spellings(texts: Iterable[str]) -> Mapping[str, list[str]]:
    """Languages that are spelt in more than one way, each with its spellings.

    Examples
    --------
    >>> spellings(["zh", "de", "zh_CN", "zh-TW"])
    {'zh': ['zh', 'zh_CN']}
    """
    found: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        found.setdefault(language_of(text), []).append(text)
    return {code: forms for code, forms in found.items() if code and len(forms) > 1}


def _is_tag(code: str) -> bool:
    if code.lower() in (*NO_LANGUAGE, *COUNTRIES) or not code.isascii():
        return False
    try:
        return langcodes.tag_is_valid(code) and langcodes.get(code).language != "und"
    except (ValueError, AttributeError):
        return False


def _short(tag: str) -> str:
    """A tag in its standard form, without a script or region that goes without saying."""
    standard = langcodes.standardize_tag(tag)
    full = langcodes.Language.get(standard)
    if not (full.script or full.territory) or full.extlangs or full.variants or full.private:
        return standard
    goal = full.maximize().to_tag()
    usual = full.script or full.maximize().script
    for script, region in ((None, None), (usual, None), (None, full.territory)):
        shorter = langcodes.Language.make(full.language, script=script, territory=region)
        if shorter.maximize().to_tag() == goal:
            return langcodes.standardize_tag(shorter.to_tag())
    return standard


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, str]:
    """The languages of the book by their English names."""
    path = data_folder() / "languages.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["name"].lower(): row["language"] for row in csv.DictReader(stream)}
