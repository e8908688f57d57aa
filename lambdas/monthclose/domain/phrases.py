"""Phrases: what documents say in the product's own words, stored in English whatever language their page is in.

A page in another language finds the phrase in the stored text again and says it in its own. So a document's content,
its hash and its e-invoice depend on no catalogue, and one that was stored before there were languages is understood.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Protocol

from monthclose.domain.period import Period

OWN_CREDIT = "Your credit on {day}"
CARRIED_OVER = "Carried over from earlier months (too small to invoice then)"
EARLIER_MONTHS = "earlier months"
MONTH = "{period}"
CARRIED_AMOUNT = "the amount that {period} carried over"
IN_ADVANCE = "{description}, in advance for {period}"
ADJUSTED = "{description}, adjustment for {period}"
BILLED_BEFORE = "{description}, already billed on {numbers}"
COMMITTED = "Minimum commitment {name}"
OVERAGE = "{description}, overage"
LIMITED = "Maximum {name}"
CREDITED = "Credit on invoice {number}"
GRANTED = {
    "Promotional credit": ("Promotional credit, valid until {day}", "Promotional credit granted on {day}"),
    "Goodwill credit": ("Goodwill credit, valid until {day}", "Goodwill credit granted on {day}"),
    "Prepaid credit": ("Prepaid credit, valid until {day}", "Prepaid credit granted on {day}"),
}
"""What a grant is called: with a last day, and without."""

PHRASES = (
    *(OWN_CREDIT, CARRIED_OVER, EARLIER_MONTHS, MONTH, CARRIED_AMOUNT, ADJUSTED, BILLED_BEFORE, COMMITTED, CREDITED),
    *(OVERAGE, LIMITED, IN_ADVANCE),
    *(phrase for both in GRANTED.values() for phrase in both),
)
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_SHAPES = {
    "day": rf"(?P<day>\d{{1,2}} (?:{_MONTHS}) \d{{4}})",
    "period": r"(?P<period>\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[2-9]|1\d|2[0-8]|last))?)",
    "number": r"(?P<number>\S+)",
}
"""What stands for the names in a phrase; anything, for a name that is not here."""


class Writer(Protocol):
    """Writes in a language: `monthclose.locales.Locale`."""

    def text(self, english: str, /, **values: object) -> str:
        """Translate a text, and fill in its `{names}`."""

    def number(self, number: Decimal) -> str:
        """Write an exact number."""

    def day(self, day: date) -> str:
        """Write a day."""

    def month(self, period: Period) -> str:
        """Write a month."""


def said(text: str, writer: Writer) -> str:
    """Say a stored text in a language; what is none of the phrases is somebody else's words, and stays."""
    for phrase, pattern in _PATTERNS:
        if match := pattern.fullmatch(text):
            return writer.text(phrase, **dict(_values(match, writer)))
    return text


def listed(text: str, writer: Writer) -> str:
    """Say a list of invoices' numbers, which other things may be among."""
    return ", ".join(said(part, writer) for part in text.split(", "))


def _values(match: re.Match[str], writer: Writer) -> Iterator[tuple[str, str]]:
    for name, value in match.groupdict().items():
        match name:
            case "day":
                yield name, writer.day(_day(value))
            case "period":
                yield name, writer.month(Period.parse(value))
            case "description":
                yield name, said(value, writer)
            case "numbers":
                yield name, listed(value, writer)
            case _:
                yield name, value


def _day(text: str) -> date:
    day, month, year = text.split()
    return date(int(year), _MONTHS.split("|").index(month) + 1, int(day))


def _pattern(phrase: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", phrase)
    shapes = [
        _SHAPES.get(part, f"(?P<{part}>.+)") if place % 2 else re.escape(part) for place, part in enumerate(parts)
    ]
    return re.compile("".join(shapes), re.DOTALL)


_PATTERNS = [(phrase, _pattern(phrase)) for phrase in PHRASES]
