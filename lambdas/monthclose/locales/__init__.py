"""Languages: what customers read in theirs, and how it writes days, months, numbers and amounts.

English is in the product itself. Every other language is one file of this folder, `de.po`, in gettext's format: texts,
names of months, and patterns of dates and numbers alike (from the Unicode CLDR; a test compares them). A new file is a
new language.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from monthclose.domain.money import EXACT, Money
from monthclose.domain.period import Period
from monthclose.locales.catalogue import Catalogue

ENGLISH = "en"
_FOLDER = Path(__file__).parent
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)  # never the machine's own: those follow its settings
_ENGLISH_NUMBER = "1,234.5"
"""How a number is written: its translation shows the marks of a language."""


@dataclass(frozen=True, slots=True)
class Locale:
    """A language, and the conventions that go with it.

    Parameters
    ----------
    language : str
        Its tag (BCP 47), as in the name of its file: `de`.
    """

    language: str = ENGLISH
    catalogue: Catalogue = field(default_factory=Catalogue, repr=False, compare=False)

    def text(self, english: str, /, **values: Any) -> str:
        """Translate a text, and fill in its `{names}`.

        Raises
        ------
        KeyError
            A name that the text has is not among the values.
        """
        return self.catalogue.text(english).format_map(values)

    def plural(self, one: str, many: str, number: int, **values: Any) -> str:
        """Write a text that depends on a number, `{number}`: `1 invoice`, `2 invoices`."""
        return self.catalogue.plural(one, many, number).format(number=self.number(number), **values)

    def day(self, day: date) -> str:
        """Write a day: `1 November 2026`, `1. November 2026`."""
        context = "format of a first" if day.day == 1 else "format"  # the French write 1er
        pattern = self.catalogue.text("{day} {month} {year}", context)
        return pattern.format(day=day.day, **self._month(day.year, day.month, "in a date"))

    def month(self, period: Period) -> str:
        """Write a period: `November 2026`, or its first and last day."""
        if period.day != 1:
            return self.days(period)
        return self._format("{month} {year}").format(**self._month(period.year, period.month, "month"))

    def days(self, period: Period) -> str:
        """Write the first and the last day of a period: `1-31 October 2026`, with an en dash."""
        first, last = period.first_day, period.last_day
        if period.day != 1:
            return self.from_to(first, last)
        return self._format("1\u2013{end}").format(start=self.day(first), end=self.day(last), last=last.day)

    def from_to(self, first: date, last: date) -> str:
        """Write two days with an en dash: `15 October 2026 \u2013 14 November 2026`."""
        return f"{self.day(first)} \u2013 {self.day(last)}"

    def number(self, number: Decimal | int) -> str:
        """Write an exact number with its digits grouped and no needless zeros: `1,234.5`."""
        return self._marked(f"{Decimal(number).normalize(EXACT):,f}")

    def percent(self, number: Decimal) -> str:
        """Write a rate in percent: `19%`, `19 %`."""
        return self._format("{number}%").format(number=self.number(number))

    def figures(self, money: Money) -> str:
        """Write an amount without its currency, where that is said beside it: `1,234.50`."""
        return self._marked(money.figures)

    def money(self, money: Money) -> str:
        """Write an amount: `1,234.50 EUR`, the currency by its code, as several have the same sign."""
        return f"{self.figures(money)} {money.currency}"

    def _month(self, year: int, month: int, context: str) -> dict[str, Any]:
        name = self.catalogue.text(_MONTHS[month - 1], context)  # declined within a date, in many languages
        return {"month": name, "month_number": month, "year": year}

    def _marked(self, number: str) -> str:
        shown = self._format(_ENGLISH_NUMBER)
        return number.translate({ord(","): shown[1:-5], ord("."): shown[-2]})

    def _format(self, pattern: str) -> str:
        return self.catalogue.text(pattern, "format")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as a text shows it; false if it is nothing."""

    money: Money
    locale: Locale

    def __bool__(self) -> bool:
        return bool(self.money)

    def __str__(self) -> str:
        return self.locale.money(self.money)


@cache
def languages() -> tuple[str, ...]:
    """List the languages that there are, by their tags; English first."""
    return (ENGLISH, *sorted(file.stem for file in _FOLDER.glob("*.po")))


def locale_for(*wanted: str) -> Locale:
    """Find the first language of several wishes that there is, English if none is there.

    Parameters
    ----------
    wanted : str
        Tags, the customer's before the company's. Empty ones are no wishes. `de-AT` is content with `de`.
    """
    known = {language.lower(): language for language in languages()}
    for tag in filter(None, wanted):
        parts = tag.lower().split("-")
        for end in range(len(parts), 0, -1):
            if language := known.get("-".join(parts[:end])):
                return _locale(language)
    return _locale(ENGLISH)


@cache
def _locale(language: str) -> Locale:
    if language == ENGLISH:
        return Locale()
    lines = (_FOLDER / f"{language}.po").read_text(encoding="utf-8").splitlines()
    return Locale(language, Catalogue(lines))
