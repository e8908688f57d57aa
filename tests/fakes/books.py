"""The customers' accounts and months, and all customers as a whole."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeGuard

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.group import payers_now
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.calendar import IN_UTC
from monthclose.domain.closes.batching import Planned
from monthclose.domain.events import Change
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth, HoldChange, Notice
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.errors import ConflictError, RecordRefusedError
from monthclose.ports import (
    Billed,
    Owing,
    Record,
    Register,
)
from tests.fakes.register import FakeRegister


def _key(record: Record) -> tuple[str, ...]:  # noqa: PLR0911 (one return a kind)
    match record:
        case Customer():
            return ("customer", record.customer_id)
        case Entry():
            return ("entry", record.customer_id, str(record.period), record.entry_id)
        case Payment():
            return ("payment", record.customer_id, str(record.period), str(record.sequence))
        case Notice():
            return ("notice", record.customer_id, str(record.period), record.step)
        case HoldChange():
            return ("hold", record.customer_id, str(record.period), str(record.number))
        case CreditNote():
            return ("credit_note", record.customer_id, str(record.period), record.number)
        case Invoice(replaced_by=other) if other:
            return ("superseded", record.customer_id, str(record.period), record.number)
    return (type(record).__name__, record.customer_id, str(record.period))


_ORDERS: Mapping[str, Callable[[Any], Any]] = {
    "entries": attrgetter("time"),
    "reminders": attrgetter("time", "step"),
    "correction_notices": attrgetter("time", "step"),
    "superseded": attrgetter("number"),
    "manual": attrgetter("sequence"),
    "credit_notes": attrgetter("number"),
    "holds": attrgetter("number"),
}
"""The lists of a month, and what each is in order of."""


def _list_of(record: Record) -> str:  # noqa: PLR0911 (one return a kind)
    """Name the list of a month that a record belongs in; empty if there is one of its kind only."""
    match record:
        case Entry():
            return "entries"
        case Notice(step=step) if step:
            return "correction_notices" if record.of_correction else "reminders"
        case Invoice(replaced_by=other) if other:
            return "superseded"
        case Payment(sequence=sequence) if sequence != 1:
            return "manual"
        case CreditNote():
            return "credit_notes"
        case HoldChange():
            return "holds"
    return ""


def _is_replaced(record: Record) -> TypeGuard[Invoice]:
    return isinstance(record, Invoice) and bool(record.replaced_by) and not record.version


def _said(invoice: Invoice) -> tuple[object, ...]:
    return invoice.number, invoice.total_minor, invoice.currency, invoice.document


_MOST_DIGITS, _MOST_BYTES = 38, 400 * 1024
_TOO_LARGE = 10**_MOST_DIGITS


def _plain(value: Any) -> Any:
    """Lay a dataclass open, one level of it: `asdict` would copy all that is in it, at every write of every test."""
    return {field: getattr(value, field) for field in value.__dataclass_fields__} if is_dataclass(value) else str(value)


_ENCODER = json.JSONEncoder(default=_plain, ensure_ascii=False)


def _refuse_what_dynamodb_refuses(record: Record) -> None:
    """Numbers of more than 38 digits, texts that are no UTF-8, items of more than 400 KB."""
    content = _plain(record)
    if any(isinstance(value, int) and abs(value) >= _TOO_LARGE for value in content.values()):
        raise RecordRefusedError(f"{_key(record)} has a number of more than {_MOST_DIGITS} digits")
    try:
        size = len(_ENCODER.encode(content).encode())
    except UnicodeEncodeError:
        raise RecordRefusedError(f"{_key(record)} has a text that is no UTF-8") from None
    if size > _MOST_BYTES:
        raise RecordRefusedError(f"{_key(record)} has {size:,} bytes")


class FakeBooks:
    """`Books` in memory."""

    def __init__(self) -> None:
        self.hear: Callable[[Change], object] = lambda _change: None
        """Is told of holds and payments once they are committed, as the table's stream tells the function."""
        self.calendar = IN_UTC
        self.records: dict[tuple[str, ...], Record] = {}
        self._keys: dict[str, dict[tuple[str, ...], None]] = defaultdict(dict)

    def set_back(self, records: Mapping[tuple[str, ...], Record]) -> None:
        """Let these be all records, as a restore from a backup does."""
        self.records = dict(records)
        self._keys.clear()
        for key, record in records.items():
            self._keys[record.customer_id][key] = None

    def customer(self, customer_id: str) -> Customer | None:
        found = self.records.get(("customer", customer_id))
        assert found is None or isinstance(found, Customer)
        return found

    def customers(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
        found = {name: self.customer(name) for name in customer_ids}
        return {name: customer for name, customer in found.items() if customer}

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        return self.months(customer_id).get(period, CustomerMonth())

    def months(self, customer_id: str) -> Mapping[Period, CustomerMonth]:
        months: dict[Period, dict[str, Any]] = defaultdict(dict)
        for key in self._keys[customer_id]:
            record = self.records[key]
            if isinstance(record, Customer):
                continue
            month = months[record.period]
            kept = _list_of(record)
            if kept:
                month.setdefault(kept, []).append(record)
            else:
                month[type(record).__name__.lower()] = record
        for month in months.values():  # each list is sorted once: some months have hundreds of entries
            month |= {kept: tuple(sorted(month[kept], key=order)) for kept, order in _ORDERS.items() if kept in month}
        return {period: CustomerMonth(**{"entries": ()} | months[period]) for period in sorted(months)}

    def commit(self, *records: Record) -> tuple[Record, ...]:
        replaced = {record.replaced_by: record for record in records if _is_replaced(record)}
        for record in records:
            _refuse_what_dynamodb_refuses(record)
            stored = self.records.get(_key(record))
            expected = 0 if isinstance(record, Entry | CreditNote) else record.version
            if (0 if stored is None else getattr(stored, "version", 1)) != expected:
                raise ConflictError(f"{_key(record)} is not at version {expected}")
            if isinstance(record, Invoice) and isinstance(stored, Invoice):
                said = replaced.get(record.number, record)
                if _said(said) != _said(stored):
                    raise ConflictError(f"{_key(record)} is issued: what it says never changes")
        changes, written = [], list[Record]()
        for record in records:
            self._keys[record.customer_id][_key(record)] = None
            before = self.records.get(_key(record))
            after: Record
            if isinstance(record, Entry):
                after = record.dated(self.calendar)
            else:
                after = replace(record, version=record.version + 1)
            self.records[_key(record)] = after
            written.append(after)
            if isinstance(after, HoldChange | Payment):
                assert before is None or isinstance(before, HoldChange | Payment)
                changes.append(Change(before, after))
        for change in changes:
            self.hear(change)
        return tuple(written)


class CountingBooks(FakeBooks):
    """Books that count the months read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        self.read += 1
        return super().month(customer_id, period)


class FakeDirectory:
    """`CustomerDirectory` over fake books."""

    def __init__(self, books: FakeBooks, register: Register | None = None) -> None:
        self._books, self._register = books, register or FakeRegister()

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> Mapping[str, Profile]:
        profiles, moved = [*profiles], dict[str, Profile]()
        for customer_id, profile in profiles:
            before = self._books.customer(customer_id)
            was = before.profile if before else replace(profile, payer="")
            same = (was.billing_day, was.time_zone, was.payer) == (
                profile.billing_day,
                profile.time_zone,
                profile.payer,
            )
            if same:
                self._books.commit(replace(before or Customer(customer_id, profile), profile=profile))
            else:
                moved[customer_id] = profile
        self._register.put_profiles([(name, profile) for name, profile in profiles if name not in moved])
        return moved

    def scan(self, after: str = "") -> Iterator[Planned]:
        customers = [record for record in self._books.records.values() if isinstance(record, Customer)]
        ids = [customer.customer_id for customer in customers]
        for record in customers[ids.index(after) + 1 if after else 0 :]:
            profile = record.profile
            expected, cycles = record.last_invoiced_minor, record.billing_cycles
            payers, zones = payers_now(record), record.billing_zones
            provider = profile.payment_provider
            yield Planned(record.customer_id, provider, expected, profile.currency, cycles, payers, zones)

    def scan_accounts(self, after: str = "") -> Iterator[Customer]:
        for planned in self.scan(after):
            found = self._books.customer(planned.customer_id)
            if found:
                yield found

    def known(self, customer_ids: Iterable[str]) -> Mapping[str, Profile]:
        found = {name: self._books.records.get(("customer", name)) for name in customer_ids}
        return {name: record.profile for name, record in found.items() if isinstance(record, Customer)}

    def billed(self, customer_ids: Iterable[str]) -> Mapping[str, Billed]:
        found = self._books.customers(customer_ids)
        return {name: Billed(one.profile, one.cycles, one.zones) for name, one in found.items()}

    def currencies(self) -> Iterator[str]:
        for record in list(self._books.records.values()):
            if isinstance(record, Customer):
                yield record.profile.currency

    def owing(self) -> Iterator[Owing]:
        for record in list(self._books.records.values()):
            if isinstance(record, Customer) and (record.receivable_minor or record.held_since):
                yield Owing(record.customer_id, record.profile.payment_provider)

    def being_charged(self, until: datetime) -> Iterator[str]:
        for record in list(self._books.records.values()):
            if isinstance(record, Customer) and record.open_payment and record.check_at and record.check_at <= until:
                yield record.customer_id
