"""Reading the fields of one entry of a price book, each mistake in words that name the field."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import EXPONENT_BY_CURRENCY
from monthclose.domain.period import Period
from monthclose.domain.pricing.book.price import ALWAYS
from monthclose.domain.pricing.book.term import Months
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.text import check_key, check_text, parse_decimal


class Fields:
    """One entry's fields. Every method raises `UserMistakeError` where a value cannot be used.

    Parameters
    ----------
    known : collection of str
        All that such an entry can have.
    calendar : BillingCalendar
        The company's: dates begin at its midnight.
    read : collection of str
        What has been read already.
    """

    def __init__(
        self,
        values: Mapping[str, object],
        known: Collection[str],
        calendar: BillingCalendar = IN_UTC,
        read: Collection[str] = (),
    ) -> None:
        self._values, self._known, self._calendar = values, known, calendar
        self._read: set[str] = set(read)

    def given(self, name: str) -> bool:
        """Whether a field is there."""
        return name in self._values

    @property
    def unknown(self) -> str:
        """Name a field that no such entry can have, to be said beside what is missing: it may be that, misspelt."""
        return next((f", and {name!r} is unknown here" for name in self._values if name not in self._known), "")

    def text(self, name: str, default: str = "") -> str:
        """Read a text; empty if it isn't there."""
        value = self._value(name, default)
        if not isinstance(value, str):
            raise UserMistakeError(f"{name} must be text in quotes")
        return check_text(value, name)

    def key(self, name: str) -> str:
        """Read an identifier that must be there."""
        self._require(name)
        value = self._value(name)
        if not isinstance(value, str):
            raise UserMistakeError(f"{name} must be text in quotes")
        return check_key(value, name)

    def currency(self) -> str:
        """Read the currency, which must be there."""
        self._require("currency")
        code = self.text("currency").upper()
        if code not in EXPONENT_BY_CURRENCY:
            raise UserMistakeError(f"currency {code!r} is not an ISO 4217 code")
        return code

    def number(self, name: str) -> Decimal:
        """Read a number that must be there and not be negative."""
        self._require(name)
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise UserMistakeError(f"{name} is not a number")
        number = parse_decimal(str(value).strip(), name)
        if number < 0:
            raise UserMistakeError(f"{name} is negative")
        return number

    def positive(self, name: str) -> Decimal:
        """Read a number that must be there and more than zero."""
        number = self.number(name)
        if not number:
            raise UserMistakeError(f"{name} must be more than zero")
        return number

    def optional_number(self, name: str) -> Decimal | None:
        """Read a number that may be missing."""
        return self.number(name) if self.given(name) else None

    def count(self, name: str, most: int) -> int:
        """Read a whole number that must be there, from 1 on."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise UserMistakeError(f"{name} must be a whole number from 1 to {most}")
        return value

    def flag(self, name: str) -> bool:
        """Read true or false; false if it isn't there."""
        value = self._value(name, False)
        if not isinstance(value, bool):
            raise UserMistakeError(f"{name} must be true or false")
        return value

    def keys(self, name: str) -> tuple[str, ...]:
        """Read a list of identifiers, which may be missing."""
        values = self._value(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise UserMistakeError(f'{name} must be a list, like ["a", "b"]')
        if self.given(name) and not values:
            raise UserMistakeError(f"{name} is an empty list: leave it out for all")
        return tuple(dict.fromkeys(check_key(value, name) for value in values))

    def tables(self, name: str) -> list[Mapping[str, object]]:
        """Read a list of tables that must be there."""
        self._require(name)
        values = self._value(name)
        if not isinstance(values, list) or not values or not all(isinstance(value, dict) for value in values):
            raise UserMistakeError(f"{name} must be a list of tables, like [{{ up_to = 100, unit_price = 0.10 }}, …]")
        return values

    def table(self, name: str, example: str) -> Mapping[str, object]:
        """Read a table, which may be missing."""
        values = self._value(name, {})
        if not isinstance(values, dict) or (self.given(name) and not values):
            raise UserMistakeError(f"{name} must be a table, like {example}")
        return values

    def with_more(self, more: Mapping[str, object], own: Collection[str], without: str) -> Fields:
        """Return the entry with fields that a part of it says for itself, and without the list of its parts.

        The part is to be read to the end (`done`), and this entry needs no more then.
        """
        unknown = next((name for name in more if name not in own), None)
        if unknown:
            raise UserMistakeError(f"the field {unknown!r} does not belong there")
        self._read.update(self._values)
        return Fields({**self._values, **more}, self._known, self._calendar, {without})

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Read one of some words."""
        value = self.text(name, default)
        if value not in choices:
            raise UserMistakeError(f"{name} {value!r} does not exist; choose one of {', '.join(choices)}")
        return value

    def window(self) -> Window:
        """Read `from` and `until` (exclusive); a date is its first instant in the company's time zone."""
        window = Window(self._instant("from") or ALWAYS.start, self._instant("until") or ALWAYS.end)
        if window.end <= window.start:
            raise UserMistakeError(
                f"it ends before it begins (from {self._calendar.day(window.start)}, "
                f"until {self._calendar.day(window.end)}, exclusive)"
            )
        return window

    def months(self) -> Months:
        """Read `from`, `until` (exclusive) and `periods`, in whole months."""
        first, end = self._month("from"), self._month("until")
        if self.given("periods"):
            if end or not first:
                raise UserMistakeError("periods counts months from `from`: give `from`, and leave out `until`")
            end = first
            for _ in range(self.count("periods", 1200)):
                end = end.next
        if first and end and end <= first:
            raise UserMistakeError(f"it ends before it begins (from {first}, until {end}, exclusive)")
        return Months(first, end)

    def months_and_instants(self) -> tuple[Months, Window]:
        """Read `from`, `until` and `periods`: whole months, and bounds that are within a month."""
        within = {name for name in ("from", "until") if self.given(name) and not self._is_month(name)}
        if within and self.given("periods"):
            raise UserMistakeError("periods counts whole months from `from`: give the first of a month")
        first = None if "from" in within else self._month("from")
        end = None if "until" in within else self._month("until")
        valid = Window(
            (self._instant("from") if "from" in within else None) or ALWAYS.start,
            (self._instant("until") if "until" in within else None) or ALWAYS.end,
        )
        months = self.months() if not within else Months(first, end)
        begins, ends = first.start if first else valid.start, end.start if end else valid.end
        if ends <= begins:
            raise UserMistakeError(f"it ends before it begins (from {begins:%Y-%m-%d}, until {ends:%Y-%m-%d})")
        return months, valid

    def _is_month(self, name: str) -> bool:
        value = self._value(name)
        if isinstance(value, str) and len(value) == len("2026-10"):
            return True
        try:
            self._month(name)
        except UserMistakeError:
            return False
        return True

    def done(self) -> None:
        """Refuse fields that nobody has read."""
        unknown = [name for name in self._values if name not in self._read]
        if unknown:
            raise UserMistakeError(f"the field {unknown[0]!r} does not belong there")

    def _require(self, name: str) -> None:
        if self._values.get(name, "") == "":
            raise UserMistakeError(f"{name} is missing{self.unknown}")

    def _value(self, name: str, default: object = None) -> object:
        self._read.add(name)
        return self._values.get(name, default)

    def _instant(self, name: str) -> datetime | None:
        value = self._value(name)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise UserMistakeError(f"{name} {value!r} is not a date like 2026-10-01") from None
        if isinstance(value, datetime):
            return self._said(name, value)
        if isinstance(value, date):
            return self._calendar.midnight(value)
        if value is None:
            return None
        raise UserMistakeError(f"{name} is not a date like 2026-10-01")

    def _said(self, name: str, said: datetime) -> datetime:
        if said.tzinfo is not None:
            return said.astimezone(UTC)
        if said.time() == time():
            return self._calendar.midnight(said.date())
        try:
            return self._calendar.instant(said)
        except UserMistakeError as error:
            raise UserMistakeError(f"{name}: {error}") from None

    def _month(self, name: str) -> Period | None:
        value = self._value(name)
        if isinstance(value, str) and len(value) == len("2026-10"):
            return Period.parse(value)
        instant = self._instant(name)
        if instant is None:
            return None
        period = self._calendar.period(instant)
        if instant != self._calendar.start(period):
            raise UserMistakeError(f"{name} must be the first of a month: it applies to whole months")
        return period
