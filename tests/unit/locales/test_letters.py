"""Letters in every language: English as it has always been, the others complete and in their own conventions."""

import json
import re
import unicodedata
from pathlib import Path

import pytest

from monthclose.domain.money import Money
from monthclose.locales import languages, locale_for
from tests.unit.locales.letters import every_letter

_ENGLISH = Path(__file__).parent / "english_letters.json"
"""The plain texts of the e-mails before there was any other language. Change one only on purpose."""


def test_english_letters_are_what_they_were_before_there_were_languages() -> None:
    written = {name: f"{mail.subject}\n\n{mail.text}" for name, mail in every_letter()}
    assert written == json.loads(_ENGLISH.read_text(encoding="utf-8"))


OTHERS = [language for language in languages() if language != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_a_letter_is_in_its_language_from_the_subject_to_the_greeting(language: str) -> None:
    english = {name: _paragraphs(mail.text) for name, mail in every_letter()}
    for name, mail in every_letter(language=language):
        same = _paragraphs(mail.text) & english[name] - _NOT_OURS
        assert not same, f"{name}: {same} is still in English"
        assert mail.html.startswith(f'<!doctype html>\n<html lang="{language}">')


@pytest.mark.parametrize("language", OTHERS)
def test_a_letters_amounts_and_days_are_the_languages_own(language: str) -> None:
    letters, locale = dict(every_letter(language=language)), locale_for(language)
    for name in ("declined", "open", "reversed"):
        assert locale.money(Money(123_456, "USD")) in " ".join(letters[name].text.split("\n"))
    assert all("INV-00000001" in letters[name].text for name in ("declined", "credit note", "replaced"))
    english = re.compile(r"\d (January|November|October) 2026|1,234\.56" if language != "ja" else r"\d (October|May)")
    for name, mail in letters.items():
        assert not english.search(mail.text + mail.subject), name


@pytest.mark.parametrize("language", languages())
def test_the_columns_of_a_letter_end_alike(language: str) -> None:
    for name, mail in every_letter(language=language):
        table = [line for line in mail.text.splitlines() if re.search(r"\S {2,}\S", line)]
        assert len({sum(_columns(letter) for letter in line) for line in table}) == 1, name


_NOT_OURS = frozenset({"USD.", "https://invoices.example.com/v1.k1.abc_-.def", "Northwind Cloud"})


def _paragraphs(text: str) -> set[str]:
    """A letter's texts without its table."""
    return {part for part in text.split("\n") if part.strip() and not re.search(r"\S {2,}\S", part)}


def _columns(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
