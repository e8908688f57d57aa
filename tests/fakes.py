"""The world in memory: every port's fake. The contract tests hold fakes and adapters to the same behaviour."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from monthclose.domain.close import BatchProgress, Close, Planned
from monthclose.domain.credit_note import CreditNote
from monthclose.domain.customer import Customer, Profile
from monthclose.domain.document import InvoiceDocument
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoice import Invoice
from monthclose.domain.ledger import Entry
from monthclose.domain.link import LinkKeys
from monthclose.domain.money import Money
from monthclose.domain.month import Carried, CustomerMonth, HoldChange, Notice, Parking
from monthclose.domain.payment import Payment
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.proof import ProviderCharge
from monthclose.domain.series import Series
from monthclose.domain.tax_table import NoTaxTable, TaxTable, new_tax_table
from monthclose.domain.usage import EventKey, UsageEvent
from monthclose.errors import ConflictError
from monthclose.ports import (
    Answer,
    ChargeOrder,
    ChargeOutcome,
    Claim,
    Collected,
    DeadLetter,
    InProgress,
    Mail,
    NotCollected,
    NumberedRun,
    Owing,
    Record,
    Refused,
    Reservation,
    TakenBack,
    Taxes,
)


@dataclass
class FakeClock:
    """A clock that stands still until it is told to move."""

    now: datetime = datetime(2026, 11, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)


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


def _is_replaced(record: Record) -> TypeGuard[Invoice]:
    return isinstance(record, Invoice) and bool(record.replaced_by) and not record.version


def _said(invoice: Invoice) -> tuple[object, ...]:
    return invoice.number, invoice.total_minor, invoice.currency, invoice.document


class FakeBooks:
    """`Books` in memory."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, ...], Record] = {}
        self._keys: dict[str, dict[tuple[str, ...], None]] = defaultdict(dict)

    def customer(self, customer_id: str) -> Customer | None:
        found = self.records.get(("customer", customer_id))
        assert found is None or isinstance(found, Customer)
        return found

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        return self.months(customer_id).get(period, CustomerMonth())

    def months(self, customer_id: str) -> Mapping[Period, CustomerMonth]:
        fields: dict[Period, dict[str, Any]] = defaultdict(lambda: {"entries": ()})
        for key in self._keys[customer_id]:
            record = self.records[key]
            if isinstance(record, Customer):
                continue
            month = fields[record.period]
            match record:
                case Entry():
                    month["entries"] = tuple(sorted((*month["entries"], record), key=lambda entry: entry.time))
                case Notice(step=step) if step:
                    kept = "correction_notices" if record.of_correction else "reminders"
                    notices = (*month.get(kept, ()), record)
                    month[kept] = tuple(sorted(notices, key=lambda notice: (notice.time, notice.step)))
                case Invoice(replaced_by=other) if other:
                    superseded = (*month.get("superseded", ()), record)
                    month["superseded"] = tuple(sorted(superseded, key=lambda invoice: invoice.number))
                case Payment(sequence=1) | Invoice() | Carried() | Notice() | Parking():
                    month[type(record).__name__.lower()] = record
                case Payment():
                    manual = (*month.get("manual", ()), record)
                    month["manual"] = tuple(sorted(manual, key=lambda payment: payment.sequence))
                case CreditNote():
                    notes = (*month.get("credit_notes", ()), record)
                    month["credit_notes"] = tuple(sorted(notes, key=lambda note: note.number))
                case HoldChange():
                    month["holds"] = tuple(sorted((*month.get("holds", ()), record), key=lambda c: c.number))
        return {period: CustomerMonth(**fields[period]) for period in sorted(fields)}

    def commit(self, *records: Record) -> None:
        replaced = {record.replaced_by: record for record in records if _is_replaced(record)}
        for record in records:
            stored = self.records.get(_key(record))
            expected = 0 if isinstance(record, Entry | CreditNote) else record.version
            if (0 if stored is None else getattr(stored, "version", 1)) != expected:
                raise ConflictError(f"{_key(record)} is not at version {expected}")
            if isinstance(record, Invoice) and isinstance(stored, Invoice):
                said = replaced.get(record.number, record)
                if _said(said) != _said(stored):
                    raise ConflictError(f"{_key(record)} is issued: what it says never changes")
        for record in records:
            self._keys[record.customer_id][_key(record)] = None
            self.records[_key(record)] = (
                record if isinstance(record, Entry) else replace(record, version=record.version + 1)
            )


class FakeDirectory:
    """`CustomerDirectory` over fake books."""

    def __init__(self, books: FakeBooks) -> None:
        self._books = books

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> None:
        for customer_id, profile in profiles:
            before = self._books.customer(customer_id) or Customer(customer_id, profile)
            self._books.commit(replace(before, profile=profile))

    def scan(self) -> Iterator[Planned]:
        for record in list(self._books.records.values()):
            if isinstance(record, Customer):
                yield Planned(record.customer_id, record.profile.payment_provider, record.last_invoiced_minor)

    def known(self, customer_ids: Iterable[str]) -> set[str]:
        return {name for name in customer_ids if self._books.customer(name)}

    def owing(self) -> Iterator[Owing]:
        for record in list(self._books.records.values()):
            if isinstance(record, Customer) and (record.receivable_minor or record.held_since):
                yield Owing(record.customer_id, record.profile.payment_provider)

    def being_charged(self, until: datetime) -> Iterator[str]:
        for record in list(self._books.records.values()):
            if isinstance(record, Customer) and record.open_payment and record.check_at and record.check_at <= until:
                yield record.customer_id


class FakeUsageStore:
    """`UsageStore` in memory."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, Period], dict[str, UsageEvent]] = defaultdict(dict)

    def put(self, events: Iterable[UsageEvent]) -> None:
        for event in events:
            self._events[event.customer_id, event.period][event.event_id] = event

    def stored(self, keys: Iterable[EventKey]) -> dict[EventKey, UsageEvent]:
        found = {key: self._events[key.customer_id, key.period].get(key.event_id) for key in keys}
        return {key: event for key, event in found.items() if event}

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        month = self._events[customer_id, period]
        yield from (month[name] for name in sorted(month))


class FakePriceBooks:
    """`PriceBooks` in memory."""

    def __init__(self) -> None:
        self._versions = {"": PriceBook()}
        self._latest = ""

    def latest(self) -> str:
        return self._latest

    def get(self, version: str) -> PriceBook:
        return self._versions[version]

    def merge(self, additions: PriceBook) -> PriceBook:
        book = self.get(self._latest).merged(additions)
        self._latest = book.version
        self._versions[book.version] = book
        return book


class FakeCloses:
    """`Closes` in memory."""

    def __init__(self) -> None:
        self._closes: dict[Period, Close] = {}
        self._progress: dict[tuple[Period, int], BatchProgress] = {}
        self._reservations: dict[tuple[Series, Period, int], list[Reservation]] = defaultdict(list)
        self._runs: dict[Series, list[NumberedRun]] = defaultdict(list)

    def run_of(self, number: int, series: Series = Series.INVOICES) -> NumberedRun | None:
        return next((run for run in self._runs[series] if run.first <= number < run.first + run.count), None)

    def get(self, period: Period) -> Close | None:
        return self._closes.get(period)

    def put(self, close: Close) -> Close:
        stored = self._closes.get(close.period)
        if (stored.version if stored else 0) != close.version:
            raise ConflictError(f"close {close.period} is not at version {close.version}")
        self._closes[close.period] = replace(close, version=close.version + 1)
        return self._closes[close.period]

    def all(self) -> list[Close]:
        return [self._closes[period] for period in sorted(self._closes, reverse=True)]

    def progress(self, period: Period, batch: int) -> BatchProgress | None:
        return self._progress.get((period, batch))

    def put_progress(self, progress: BatchProgress) -> None:
        self._progress[progress.period, progress.batch.number] = progress

    def all_progress(self, period: Period) -> Iterator[BatchProgress]:
        yield from [progress for (of, _), progress in self._progress.items() if of == period]

    def reservations(self, period: Period, batch: int, series: Series = Series.INVOICES) -> list[Reservation]:
        return list(self._reservations[series, period, batch])

    def reserve(
        self,
        period: Period,
        batch: int,
        earlier: int,
        drafts_key: str,
        count: int,
        series: Series = Series.INVOICES,
    ) -> Reservation:
        stored, runs = self._reservations[series, period, batch], self._runs[series]
        if len(stored) != earlier:
            raise ConflictError(f"batch {batch} has {len(stored)} reservations, not {earlier}")
        first = runs[-1].first + runs[-1].count if runs else 1
        stored.append(Reservation(first, count, drafts_key))
        runs.append(NumberedRun(period, batch, first, count))
        return stored[-1]


class FakeClaims:
    """`Claims` in memory."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}

    def get(self, name: str) -> Claim | None:
        return self._claims.get(name)

    def put(self, claim: Claim) -> None:
        stored = self._claims.get(claim.name)
        if (stored.version if stored else 0) != claim.version:
            raise ConflictError(f"claim {claim.name} is not at version {claim.version}")
        self._claims[claim.name] = replace(claim, version=claim.version + 1)


class FakeTaxTables:
    """`TaxTables` in memory."""

    def __init__(self) -> None:
        self._versions: dict[str, Taxes] = {"": NoTaxTable()}
        self._latest = ""

    def latest(self) -> str:
        return self._latest

    def get(self, version: str) -> Taxes:
        return self._versions[version]

    def put(self, toml: bytes) -> TaxTable:
        table = new_tax_table(toml)
        self._latest = table.version
        self._versions[table.version] = table
        return table


class FakeRenderer:
    """Writes pages that say what they are of; counts them."""

    def __init__(self) -> None:
        self.rendered: list[InvoiceDocument] = []

    def render(self, document: InvoiceDocument, logo: bytes | None = None) -> bytes:
        self.rendered.append(document)
        return b"%PDF " + document.canonical() + (logo or b"")


class FakeEInvoices:
    """Writes XML that says what it is of; what has other than one tax it refuses, like the norm."""

    def xml(self, document: InvoiceDocument) -> bytes:
        if len(document.taxes) != 1:
            raise UserMistakeError(f"{document.number} has no tax line")
        return f"<invoice>{document.number}</invoice>".encode()

    def embed(self, pdf: bytes, document: InvoiceDocument) -> bytes:
        return pdf + self.xml(document)


@dataclass
class FakeLinkSecrets:
    """Keys in memory."""

    keys: LinkKeys = field(default_factory=lambda: LinkKeys("k1", {"k1": "secret-of-at-least-32-characters"}))

    def link_keys(self) -> LinkKeys:
        return self.keys


class FakeDocuments:
    """`Documents` in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        self.objects[key] = content

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        new = key not in self.objects
        self.objects.setdefault(key, content)
        return new

    def has(self, key: str) -> bool:
        return key in self.objects

    def link(self, key: str, file_name: str, seconds: int) -> str:
        return f"https://documents.example.com/{key}?name={file_name}&seconds={seconds}"

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        self.put(key, b"".join(pieces))

    def get(self, key: str) -> bytes:
        return self.objects[key]

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        return self.objects[key][offset : offset + length]

    def location(self, key: str) -> dict[str, str]:
        return {"bucket": "documents", "key": key}


class FakeGateway:
    """A payment provider in memory.

    Payment methods: `ok` pays, `declined` and `authenticate` are refused, `debit` is collected later (`settle`).
    `failures` holds errors to raise: `("collect", "after")` breaks off after the money moved, `("prepare", "before")`
    before anything happened.

    Parameters
    ----------
    reuses_orders : bool
        Like a card's provider, with an object prepared for each payment; otherwise collecting is the only step.
    """

    provider = "stripe"
    keys_live = timedelta(hours=24)
    late_effect = timedelta(hours=1)

    def __init__(self, *, reuses_orders: bool = True) -> None:
        self.reuses_orders = reuses_orders
        self.orders: dict[str, ChargeOrder] = {}
        self.outcomes: dict[str, ChargeOutcome] = {}
        self.money_moved: list[tuple[str, Money]] = []
        self.failures: dict[tuple[str, str], list[Exception]] = defaultdict(list)

    def _maybe_fail(self, call: str, when: str) -> None:
        if self.failures[call, when]:
            raise self.failures[call, when].pop(0)

    def check(self) -> None:
        self._maybe_fail("check", "before")

    def register(self, customer: Customer) -> str:
        self._maybe_fail("register", "before")
        return f"cus_{customer.customer_id}"

    def prepare(self, order: ChargeOrder) -> str:
        if not self.reuses_orders:
            return ""
        self._maybe_fail("prepare", "before")
        reference = order.reference or f"pi_{order.payment_id}_{order.attempt}"
        if not isinstance(self.outcomes.get(reference), Collected):
            self.orders[reference] = order
        self._maybe_fail("prepare", "after")
        return reference

    def collect(self, order: ChargeOrder) -> Answer:
        self._maybe_fail("collect", "before")
        reference = order.reference if self.reuses_orders else f"pm_{order.payment_id}_{order.attempt}"
        self.orders.setdefault(reference, order)
        outcome = self.outcomes.get(reference)
        if not isinstance(outcome, Collected | InProgress):
            outcome = self._outcome(order)
            if isinstance(outcome, Collected):
                self.money_moved.append((order.payment_id, order.amount))
        self.outcomes[reference] = outcome
        self._maybe_fail("collect", "after")
        return Answer(reference, outcome)

    def _outcome(self, order: ChargeOrder) -> ChargeOutcome:
        match order.payment_method:
            case "declined":
                return Refused("insufficient_funds", request_id="req_1")
            case "authenticate":
                return Refused("authentication_required", needs_customer=True)
            case "debit":
                return InProgress(request_id="req_1")
        return Collected(order.amount, request_id="req_1")

    def settle(self, reference: str, outcome: ChargeOutcome) -> None:
        """Let the outcome of an order become known, or change."""
        if isinstance(outcome, Collected) and not isinstance(self.outcomes.get(reference), Collected):
            self.money_moved.append((self.orders[reference].payment_id, outcome.amount))
        self.outcomes[reference] = outcome

    def look_up(self, order: ChargeOrder) -> Answer:
        self._maybe_fail("look_up", "before")
        known = {ref: o for ref, o in self.orders.items() if o.payment_id == order.payment_id}
        if not self.reuses_orders:
            known = {ref: o for ref, o in known.items() if o.attempt == order.attempt}
        reference = order.reference or next(iter(known), "")
        return Answer(reference, self.outcomes.get(reference, NotCollected()))

    def withdraw(self, order: ChargeOrder) -> Answer:
        self._maybe_fail("withdraw", "before")
        if not isinstance(self.outcomes.get(order.reference), Collected | InProgress):
            self.outcomes[order.reference] = Refused("canceled")
        return Answer(order.reference, self.outcomes[order.reference])

    def payment_of(self, reference: str) -> str:
        self._maybe_fail("payment_of", "before")
        return self.orders[reference].payment_id if reference in self.orders else ""

    def collected_for(self, period: Period, since: datetime) -> Iterator[ProviderCharge]:
        for reference, outcome in self.outcomes.items():
            order = self.orders[reference]
            if isinstance(outcome, Collected | TakenBack) and order.period == period:
                minor = outcome.amount.minor - outcome.refunded_minor if isinstance(outcome, Collected) else 0
                yield ProviderCharge(self.provider, reference, order.payment_id, order.amount.currency, minor)


@dataclass
class FakeMailer:
    """A mail service in memory."""

    sent: list[Mail] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def send(self, mail: Mail) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(mail)
        return f"message-{len(self.sent)}"


@dataclass
class FakeWorkflow:
    """A workflow engine in memory."""

    running: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    """Tokens that nobody waits for any more."""
    answers: dict[str, Any] = field(default_factory=dict)
    started: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """Requests by machine and name."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> None:
        self.started.setdefault((machine, name), request)

    def is_running(self, execution: str) -> bool:
        return execution in self.running

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        self.answers[task_token] = output

    def fail(self, task_token: str, error: str, cause: str) -> None:
        self.answers[task_token] = (error, cause)

    def still_waits(self, task_token: str) -> bool:
        return task_token not in self.gone


@dataclass
class FakeChargeQueue:
    """A provider's queue in memory."""

    messages: list[tuple[dict[str, Any], int]] = field(default_factory=list)

    def put_back(self, message: Mapping[str, Any], seconds: int) -> None:
        self.messages.append((dict(message), seconds))


@dataclass
class FakeDeadLetters:
    """A queue of dead letters in memory; what is received and not deleted comes again in the next test's call."""

    letters: list[DeadLetter] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    _hidden: set[str] = field(default_factory=set)

    def put(self, body: str, **attributes: str) -> DeadLetter:
        letter = DeadLetter(f"message-{len(self.letters)}", body, f"receipt-{len(self.letters)}", attributes)
        self.letters.append(letter)
        return letter

    def receive(self) -> list[DeadLetter]:
        found = [letter for letter in self.letters if letter.receipt not in self._hidden][:10]
        self._hidden |= {letter.receipt for letter in found}
        return found

    def delete(self, letter: DeadLetter) -> None:
        self.deleted.append(letter.message_id)
        self.letters = [other for other in self.letters if other.receipt != letter.receipt]

    def show_again(self) -> None:
        """Let the time pass that hides what was received."""
        self._hidden.clear()


@dataclass
class FakeEventQueue:
    """The queue of providers' events in memory."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    put_back_messages: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def put(self, messages: Iterable[Mapping[str, Any]]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.messages += map(dict, messages)

    def put_back(self, message: Mapping[str, Any], seconds: int) -> None:
        self.put_back_messages.append((dict(message), seconds))


@dataclass
class FakeLog:
    """A log that remembers."""

    lines: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def info(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.lines.append((message, extra))

    def warning(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.lines.append((message, extra))

    def error(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.lines.append((message, extra))
