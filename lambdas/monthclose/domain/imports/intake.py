"""Intake: from the rows of somebody's file to customers, prices and usage.

A row that cannot be taken gets a reason: a short phrase that stays the same from row to row, so that rejected rows
can be counted by it. Cells are text; spaces around them don't count. Ids are opaque: `12347.0` stays `12347.0`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from monthclose.domain.accounts.addresses import MOST_ADDRESSES, split_addresses
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.attributes import read_attributes
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.times import parse_time
from monthclose.domain.money import EXPONENT_BY_CURRENCY
from monthclose.domain.period import billing_day_text, read_billing_day
from monthclose.domain.pricing import Price
from monthclose.domain.text import MAX_KEY_LENGTH, check_key, check_text, parse_decimal
from monthclose.domain.usage import UsageEvent

if TYPE_CHECKING:
    from monthclose.domain.imports.column_mapping import ColumnMapping

_EMAIL = re.compile(r"[^@\s<>()\[\]\\,;:\"]+@[^@\s<>()\[\]\\,;:\"]+\.[^@\s<>()\[\]\\,;:\".]+")
_DELIVERABLE = re.compile(r"[!-~]+(?<!\.)@(?!\.)[^@]+", re.ASCII)
"""What SES takes, beyond `_EMAIL`: the part before the @ in ASCII, and, with no two dots in a row, no empty label."""
_MAX_EMAIL_LENGTH = 254
_MOST_REFERENCE = 100
_MAX_ADDRESS_LINES, _MAX_ADDRESS_LENGTH = 8, 500
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
_PROVIDER = re.compile(r"[a-z][a-z0-9]{0,49}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Row(NamedTuple):
    """One row as it was read; `fault` says why it could not even be read."""

    number: int
    """The line that it begins in, counted from the header or, where there is none, from 1. So it stays what it is when
    a quote is fixed in a row before it."""
    cells: Mapping[str, str]
    surplus: tuple[str, ...] = ()
    """What the row has beyond the columns."""
    fault: str = ""
    size: int = 0
    """Characters that it was read from: roughly its size in memory."""


class Span(NamedTuple):
    """The times that usage can have."""

    oldest: datetime
    newest: datetime


@dataclass(slots=True)
class Tally:
    """What came of the rows: each is taken, rejected or withheld.

    Parameters
    ----------
    withheld : int
        Good rows that were not taken because of bad ones beside them.
    groups : Counter
        The taken rows by what they belong to: usage by period, customers by provider, prices by currency.
    late : Counter
        New usage of periods whose close has begun, by period: their customers' next invoices will have it.
    untaxable : int
        Taken customers whom the tax table doesn't cover: a close would park them.
    unpriced, untaxed : Counter
        Taken usage that could not be billed as things are: by SKU what has no price, by customer whom the tax table
        doesn't cover. Of many names the last ones are counted together, as `OTHERS`.
    left_out : Counter
        Rows that do not count by the options `only` and `without`, by what they say.
    new, changed : int
        Taken rows that were not stored before, and those that replace or correct what was; the others say the same.
    """

    taken: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    withheld: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    untaxable: int = 0
    unpriced: Counter[str] = field(default_factory=Counter)
    untaxed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    new: int = 0
    changed: int = 0

    def rejected_above(self, percent: int) -> bool:
        """Whether more than that share of the rows was rejected."""
        bad = self.rejected.total()
        return 100 * bad > percent * (bad + self.taken)

    def add(self, other: Tally) -> None:
        """Add what came of other rows."""
        self.taken += other.taken
        self.withheld += other.withheld
        self.untaxable += other.untaxable
        self.new += other.new
        self.changed += other.changed
        self.groups.update(other.groups)
        self.late.update(other.late)
        named = (
            *((self.rejected, other.rejected), (self.unpriced, other.unpriced)),
            *((self.untaxed, other.untaxed), (self.left_out, other.left_out)),
        )
        for counter, counted in named:
            for name, number in counted.items():
                add_named(counter, name, number)


MOST_NAMED = 1000
OTHERS = ""


def add_named(counter: Counter[str], name: str, number: int = 1) -> None:
    """Count something that comes from a file under its name, in bounded memory."""
    counter[name if name in counter or len(counter) < MOST_NAMED else OTHERS] += number


type Reject = Callable[[Row, str], None]
"""Called with each rejected row and the reason."""


def read_row[T](row: Row, mapping: ColumnMapping, read: Callable[[Mapping[str, str]], T]) -> tuple[T | None, str]:
    """Read one row: what it says, or None and the reason it cannot be taken."""
    if row.fault:
        return None, row.fault
    try:
        return read(mapping.fields(row.cells)), ""
    except UserMistakeError as error:
        return None, str(error)


type CheckTaxId = Callable[[str, str], str]
"""Given a country and a tax id, returns it as it is written plainly, or raises `UserMistakeError`."""


def read_customer(
    fields: Mapping[str, str],
    check_tax_id: CheckTaxId,
    billing_days: Collection[int] = (1,),
    time_zones: Collection[str] = (),
) -> tuple[str, Profile]:
    """Read a customer's id and profile.

    Parameters
    ----------
    billing_days : collection of int
        Those that there are closes for.
    time_zones : collection of str
        Those that a customer may have instead of the company's.

    Raises
    ------
    UserMistakeError
        The reason why the row cannot be taken.
    """
    customer_id = check_key(fields.get("customer_id", ""), "customer_id")
    provider = _given(fields, "payment_provider").lower()
    if not _PROVIDER.fullmatch(provider):
        raise UserMistakeError("payment_provider is not a provider's name")
    country = _line(fields.get("country", ""), "country")
    tax_id = _optional_key(fields, "tax_id")
    return customer_id, Profile(
        name=_line(_given(fields, "name"), "name"),
        email=_email(_given(fields, "email")),
        currency=_currency(fields),
        payment_provider=provider,
        payment_method=_optional_key(fields, "payment_method"),
        country=country,
        imported_provider_customer_id=_optional_key(fields, "payment_customer"),
        region=_line(fields.get("region", ""), "region"),
        tax_id=check_tax_id(country, tax_id) if tax_id else "",
        address=_address(fields.get("address", "")),
        language=_language(fields.get("language", "")),
        billing_day=_billing_day(fields.get("billing_day", ""), billing_days),
        time_zone=_time_zone(fields.get("time_zone", ""), time_zones),
        invoice_emails=_emails(fields, "invoice_emails"),
        dunning_emails=_emails(fields, "dunning_emails"),
        contact=_line(fields.get("contact", ""), "contact"),
        purchase_order=_reference(fields, "purchase_order"),
        cost_centre=_reference(fields, "cost_centre"),
        payer=_optional_key(fields, "payer"),
    )


def read_price(fields: Mapping[str, str]) -> Price:
    """Read a price.

    Raises
    ------
    UserMistakeError
        The reason why the row cannot be taken.
    """
    unit_price = parse_decimal(_given(fields, "unit_price"), "unit_price")
    if unit_price < 0:
        raise UserMistakeError("unit_price is negative")
    return Price.plain(
        sku=check_key(fields.get("sku", ""), "sku"),
        currency=_currency(fields),
        unit_price=unit_price,
        unit=_line(fields.get("unit", ""), "unit"),
        description=check_text(fields.get("description", ""), "description"),
    )


def read_usage(
    fields: Mapping[str, str], event_id: str, span: Span | None = None, received_at: datetime | None = None
) -> UsageEvent:
    """Read a usage event; `event_id` is for rows that bring none, `span` the times that can be.

    A correction is a negative quantity. A return is one, too, that says in `used_at` when what comes back was used: it
    belongs to that time, and so to the price and the month that it was billed with. A negative unit price is rejected:
    with it, the sign of a line could come from either side, and upstream systems use it for things that are not usage
    (adjusted debts).

    Raises
    ------
    UserMistakeError
        The reason why the row cannot be taken.
    """
    customer_id = check_key(fields.get("customer_id", ""), "customer_id")
    price_text = fields.get("unit_price", "")
    unit_price = parse_decimal(price_text, "unit_price") if price_text else None
    if unit_price is not None and unit_price < 0:
        raise UserMistakeError("unit_price is negative")
    quantity = parse_decimal(_given(fields, "quantity"), "quantity")
    time = _within(span, parse_time(_given(fields, "time")), "time")
    used_at = fields.get("used_at", "")
    used = _within(span, _used_at(used_at, time, quantity), "used_at") if used_at else time
    return UsageEvent(
        event_id=check_key(fields.get("event_id", "") or event_id, "event_id"),
        customer_id=customer_id,
        sku=check_key(fields.get("sku", ""), "sku"),
        quantity=quantity,
        time=used,
        unit_price=unit_price,
        resource=_optional_key(fields, "resource"),
        replaces=_optional_key(fields, "replaces"),
        description=check_text(fields.get("description", ""), "description"),
        attributes=read_attributes(fields),
        returned_at=time if used_at else None,
        received_at=received_at,
    )


def _within(span: Span | None, time: datetime, name: str) -> datetime:
    if span and time > span.newest:
        raise UserMistakeError(f"{name} is in the future")
    if span and time < span.oldest:
        raise UserMistakeError(f"{name} is too long ago")
    return time


def _used_at(text: str, time: datetime, quantity: Decimal) -> datetime:
    """Read when what is returned was used."""
    try:
        used_at = parse_time(text)
    except UserMistakeError as error:
        raise UserMistakeError(str(error).replace("time", "used_at", 1)) from None
    if quantity >= 0:
        raise UserMistakeError("used_at is for returns, whose quantity is negative")
    if used_at > time:
        raise UserMistakeError("used_at is after time: it is when what is returned was used")
    return used_at


def unpacked_name(file_name: str) -> str:
    """Name a file as it is called unpacked."""
    return file_name.removesuffix(".gz").removesuffix(".zip")


def derived_event_id(file_name: str, number: int) -> str:
    """Make an event id from the place of a row (`Row.number`), so that the same file imported again has the same ids.

    The name counts without its folder and without `.gz` or `.zip`: a file and its compressed twin are the same usage.
    """
    return f"{_id_prefix(file_name)}#{number}"


@lru_cache(maxsize=16)
def _id_prefix(file_name: str) -> str:
    source = unpacked_name(file_name)
    if source.isprintable() and len(source) <= MAX_KEY_LENGTH // 2:
        return source
    return hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()


def _given(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise UserMistakeError(f"{name} is missing")
    return value


def _optional_key(fields: Mapping[str, str], name: str) -> str:
    text = fields.get(name, "")
    return check_key(text, name) if text else ""


def _currency(fields: Mapping[str, str]) -> str:
    currency = _given(fields, "currency").upper()
    if currency not in EXPONENT_BY_CURRENCY:
        raise UserMistakeError("currency is not an ISO 4217 code")
    return currency


def _billing_day(text: str, billing_days: Collection[int]) -> int:
    day = read_billing_day(text) if text else 1
    if day not in billing_days:
        raise UserMistakeError(
            f"billing_day {billing_day_text(day)} is not in the setting billing_days: add it there first"
        )
    return day


def _email(text: str) -> str:
    if not _is_address(text):
        raise UserMistakeError("email is not an address")
    return text


def _is_address(text: str) -> bool:
    return len(text) <= _MAX_EMAIL_LENGTH and not _CONTROL.search(text) and bool(_EMAIL.fullmatch(text))


def _is_deliverable(text: str) -> bool:
    return ".." not in text and not text.startswith(".") and bool(_DELIVERABLE.fullmatch(text))


def _emails(fields: Mapping[str, str], name: str) -> str:
    """Read several addresses. One that is none is named by its place: the reason is counted, and says no address.

    They are recipients of one e-mail, and SES refuses that whole because of one that it cannot read.
    """
    addresses = split_addresses(fields.get(name, ""))
    if len(addresses) > MOST_ADDRESSES:
        raise UserMistakeError(f"{name} has more than {MOST_ADDRESSES} addresses")
    for number, address in enumerate(addresses, 1):
        if not _is_address(address) or not _is_deliverable(address):
            raise UserMistakeError(f"{name}: number {number} is not an address")
    return " ".join(addresses)


def _reference(fields: Mapping[str, str], name: str) -> str:
    text = _line(fields.get(name, ""), name)
    if len(text) > _MOST_REFERENCE:
        raise UserMistakeError(f"{name} has more than {_MOST_REFERENCE} characters")
    return text


def _address(text: str) -> str:
    lines = [line.strip() for line in check_text(text, "address").splitlines()]
    if len(lines) > _MAX_ADDRESS_LINES or len(text) > _MAX_ADDRESS_LENGTH:
        raise UserMistakeError(f"address has more than {_MAX_ADDRESS_LINES} lines or {_MAX_ADDRESS_LENGTH} characters")
    return "\n".join(line for line in lines if line)


def _language(text: str) -> str:
    """Read a language's tag; `pt_BR` is `pt-br`. Whether there is a catalogue for it does not matter yet."""
    tag = text.strip().lower().replace("_", "-")
    if tag and not _LANGUAGE.fullmatch(tag):
        raise UserMistakeError("language is not a tag like de or pt-BR (ISO 639)")
    return tag


def _time_zone(text: str, known: Collection[str]) -> str:
    """Read a time zone: the close waits until a month is over in all that the settings list."""
    if text and text not in known:
        raise UserMistakeError(
            "time_zone is not in the setting customer_time_zones: add it there, or leave the cell empty"
        )
    return text


def _line(text: str, what: str) -> str:
    """Check a text that must stay on one line: it goes into mail headers and tables."""
    if _CONTROL.search(text):
        raise UserMistakeError(f"{what} has unprintable characters")
    return check_text(text, what)
