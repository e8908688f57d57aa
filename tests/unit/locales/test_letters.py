"""Letters in every language: English as it has always been, the others complete and in their own conventions."""

import json
from pathlib import Path

from tests.unit.locales.letters import every_letter

_ENGLISH = Path(__file__).parent / "english_letters.json"
"""The plain texts of the e-mails before there was any other language. Change one only on purpose."""


def test_english_letters_are_what_they_were_before_there_were_languages() -> None:
    written = {name: f"{mail.subject}\n\n{mail.text}" for name, mail in every_letter()}
    assert written == json.loads(_ENGLISH.read_text(encoding="utf-8"))
