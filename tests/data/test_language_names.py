"""What a language is called: one rule, and questions instead of guesses."""

import csv

import pytest

from hatlib.data import data_folder
from hatlib.data.languages import (
    COUNTRIES,
    NO_LANGUAGE,
    is_language,
    language_of,
    no_language,
    spellings,
    standard_language,
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(form, "zh") for form in ("zh", "ZH", "zh-CN", "zh_Hans", "zho_Hans", "cmn", "Chinese")],
        *[(form, "pt") for form in ("pt", "pt-BR", "pt_BR", "por_Latn")],
        *[(form, "ar") for form in ("arb", "arb_Arab", "ar-EG")],
        *[("zho_Hant", "zh-Hant"), ("zh-TW", "zh-Hant"), ("zh-Hant-HK", "zh-HK")],
        *[("pt-PT", "pt-PT"), ("sr-Latn", "sr-Latn"), ("srp_Cyrl", "sr"), ("sw-KE", "sw-KE")],
        *[("hr-x-ckm", "hr-x-ckm"), ("iw", "he"), ("tgl_Latn", "fil"), ("swh", "sw")],
        *[("kau", "kau"), ("sme", "sme"), ("southern sotho", "st"), (" de\n", "de")],
    ],
)
def test_a_language_has_one_name_however_it_is_spelt(text, code):
    assert language_of(text) == code
    assert language_of(code) == code, "a name that was written is read as it is"
    assert is_language(code)


@pytest.mark.parametrize("text", ["", "klingon?", "xx", "de de", "日本語", "x" * 5000, "en\0en.."])
def test_what_is_no_language_stays_as_it_is(text):
    if "\0" not in text:
        assert standard_language(text) == text
    assert language_of(text) in ("", "en")
    assert not is_language(text)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        *[(w, "several") for w in sorted(NO_LANGUAGE)],
        *((c, f"Write {code} ") for c, code in COUNTRIES.items()),
    ],
)
def test_words_for_several_languages_and_codes_of_countries_are_asked_about(word, said):
    assert language_of(word) == language_of(word.upper()) == ""
    assert not is_language(word)
    assert said in str(no_language(word))


def test_the_languages_of_the_book_are_called_by_their_standard_codes():
    with (data_folder() / "languages.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            assert language_of(row["language"]) == language_of(row["name"]) == row["language"]


def test_spellings_that_meet():
    assert spellings(["pt", "pt-PT", "pt-BR", "all", "ALL"]) == {"pt": ["pt", "pt-BR"]}
