"""Generators: any value that the product can meet. What a test does not set does not matter to it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.cycles import ON_THE_FIRST
from monthclose.domain.accounts.grant import Grant, GrantKind, Part, Parts, merged
from monthclose.domain.accounts.ledger import Entry, Leg
from monthclose.domain.closes.batching import Planned
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument, amounts_of
from monthclose.domain.invoices.document_parts import Buyer, Deduction, DocumentLine, Seller
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Taxation, TaxCategory, TaxRate
from monthclose.domain.usage import UsageEvent

OCTOBER = Period(2026, 10)
OF_EVENTS = tuple(aggregation for aggregation in Aggregation if aggregation is not Aggregation.PERCENTILE)
"""The aggregations that need no buckets."""
NOW = datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
TODAY = NOW.date()

ONE_OF_EACH_EXPONENT = ("JPY", "USD", "KWD", "CLF")
BIG = 10**15
"""Minor units: larger than any invoice, small enough to add up without thinking."""


_EMPTY = st.just("")


def any_currency() -> SearchStrategy[str]:
    return st.sampled_from(ONE_OF_EACH_EXPONENT)


def any_minor(low: int = -BIG, high: int = BIG) -> SearchStrategy[int]:
    return st.integers(low, high)


def any_money(
    currency: str | SearchStrategy[str] | None = None, low: int = -BIG, high: int = BIG
) -> SearchStrategy[Money]:
    codes = any_currency() if currency is None else st.just(currency) if isinstance(currency, str) else currency
    return st.builds(Money, any_minor(low, high), codes)


def any_decimal(low: str = "-1000000", high: str = "1000000", places: int = 9) -> SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), allow_nan=False, allow_infinity=False, places=places)


def any_quantity() -> SearchStrategy[Decimal]:
    return any_decimal()


def any_unit_price() -> SearchStrategy[Decimal]:
    """Also prices at which exact halves of a minor unit come up all the time."""
    return st.one_of(any_decimal("0", "1000"), st.sampled_from([Decimal("0.005"), Decimal("0.0005"), Decimal("0.5")]))


def any_key(prefix: str = "") -> SearchStrategy[str]:
    return st.text("abcXYZ012_-./ é", min_size=1, max_size=12).map(lambda text: prefix + text)


def any_period() -> SearchStrategy[Period]:
    return st.builds(Period, st.integers(2000, 2100), st.integers(1, 12))


def any_time(period: Period = OCTOBER) -> SearchStrategy[datetime]:
    length = period.end - period.start - timedelta(seconds=1)
    return st.timedeltas(timedelta(0), length).map(lambda since: period.start + since)


def any_usage(
    customer_id: str = "C-1", period: Period = OCTOBER, *, rated: bool | None = None
) -> SearchStrategy[UsageEvent]:
    """One event; of few SKUs and prices, so that events meet on one line. `rated`: with a unit price of its own."""
    prices: dict[bool | None, SearchStrategy[Decimal | None]] = {
        True: any_unit_price(),
        False: st.none(),
        None: st.none() | st.sampled_from([Decimal("0.005"), Decimal("0.0050"), Decimal(1)]) | any_unit_price(),
    }
    return st.builds(
        UsageEvent,
        event_id=st.uuids().map(str),
        customer_id=st.just(customer_id),
        sku=st.sampled_from(["droplet", "storage", "traffic"]),
        quantity=any_quantity(),
        time=any_time(period),
        unit_price=prices[rated],
        description=st.sampled_from(["", "Compute", "compute, hourly"]),
    )


def any_price(sku: str, currency: str) -> SearchStrategy[Price]:
    return st.builds(
        Price.plain,
        st.just(sku),
        st.just(currency),
        any_unit_price(),
        st.sampled_from(["", "h"]),
        st.sampled_from(["", sku]),
    )


def any_planned(providers: tuple[str, ...] = ("stripe", "gocardless", "other")) -> SearchStrategy[Planned]:
    ids = st.uuids().map(str)
    periods = {"cycles": st.just(ON_THE_FIRST), "payers": st.just(())}
    return st.builds(Planned, ids, st.sampled_from(providers), st.integers(0, 10**9), **periods)


def a_customer(
    customer_id: str = "C-1",
    *,
    receivable: int = 0,
    credit: int = 0,
    currency: str = "USD",
    held_since: datetime | None = None,
    name: str = "Ada Ltd",
    grants: Parts = (),
) -> Customer:
    profile = Profile(name, "ada@example.com", currency, "stripe", "pm_card_visa", "GB")
    return Customer(
        customer_id, profile, receivable_minor=receivable, credit_minor=credit, held_since=held_since, grants=grants
    )


def a_grant(
    name: str = "grant",
    minor: int = 100,
    kind: GrantKind = GrantKind.PROMOTIONAL,
    *,
    age: int = 0,
    good_until: date | None = None,
) -> Grant:
    """A grant that is `age` days old, valid until the end of a day."""
    expires = datetime(*good_until.timetuple()[:3], tzinfo=UTC) + timedelta(days=1) if good_until else None
    return Grant(name, kind, minor, NOW - timedelta(days=age), expires)


def any_parts() -> SearchStrategy[Parts]:
    """Parts of grants, some of which are gone when October ends."""
    days = st.none() | st.dates(date(2026, 10, 25), date(2026, 11, 5))
    grants = st.builds(
        lambda name, minor, kind, age, day: a_grant(name, minor, kind, age=age, good_until=day),
        st.uuids().map(str),
        st.integers(1, 1000),
        st.sampled_from(GrantKind),
        st.integers(0, 9),
        days,
    )
    parts = grants.flatmap(lambda grant: st.builds(Part, st.just(grant), st.integers(1, grant.minor)))
    return st.lists(parts, max_size=6, unique_by=lambda part: part.grant.grant_id).map(lambda some: merged(*some))


def an_invoice(
    total: int = 10_000,
    *,
    number: str = "INV-00000001",
    customer_id: str = "C-1",
    currency: str = "USD",
    collected: int = 0,
    credited: int = 0,
    written_off: int = 0,
    issued_on: date = TODAY,
) -> Invoice:
    return Invoice(
        number,
        customer_id,
        OCTOBER,
        currency,
        total,
        issued_on,
        DocumentPlace("invoices/2026-10/00000.jsonl", 0, 1, "hash"),
        collected_minor=collected,
        credited_minor=credited,
        written_off_minor=written_off,
    )


def a_payment(
    state: PaymentState = PaymentState.READY,
    *,
    customer_id: str = "C-1",
    amount: int = 0,
    code: str = "",
    currency: str = "USD",
    sequence: int = 1,
) -> Payment:
    collected = amount if state is PaymentState.PAID else 0
    return Payment(
        customer_id,
        OCTOBER,
        "stripe",
        currency,
        sequence=sequence,
        state=state,
        amount_minor=amount,
        collected_minor=collected,
        code=code,
    )


def an_entry(legs: tuple[Leg, ...], entry_id: str = "invoice", currency: str = "USD") -> Entry:
    return Entry(entry_id, "C-1", OCTOBER, currency, NOW, legs)


def any_document(**fixed: object) -> SearchStrategy[InvoiceDocument]:
    """A document of any content whose sums are right; given fields stay as they are."""
    return st.builds(
        _document,
        currency=any_currency(),
        lines=st.lists(any_document_line(), max_size=6).map(tuple),
        discounts=st.lists(_any_deduction(), max_size=2).map(tuple),
        credits=st.lists(_any_deduction(), max_size=2).map(tuple),
        rates=st.lists(any_tax_rate(), max_size=3).map(tuple),
        inclusive=st.booleans(),
        seller=st.builds(
            Seller, name=any_key(), address=st.lists(any_key(), max_size=3).map(tuple), country=_EMPTY | st.just("DE")
        ),
        buyer=st.builds(
            Buyer,
            customer_id=any_key(),
            name=any_key(),
            email=_EMPTY | any_key(),
            address=st.lists(any_key(), max_size=3).map(tuple),
            tax_id=_EMPTY | any_key(),
        ),
        due_on=st.none() | st.dates(),
        kind=st.sampled_from(DocumentKind),
        notes=st.lists(any_key(), max_size=2).map(tuple),
        fixed=st.just(fixed),
    )


def any_document_line() -> SearchStrategy[DocumentLine]:
    return st.builds(
        DocumentLine,
        sku=any_key(),
        description=_EMPTY | any_key(),
        quantity=any_quantity(),
        amount_minor=any_minor(),
        unit=_EMPTY | any_key(),
        unit_price=st.none() | any_unit_price(),
        resource=_EMPTY | any_key(),
        period=_EMPTY | any_period().map(str),
        model=_EMPTY | any_key(),
        kind=_EMPTY | any_key(),
        starts=_EMPTY | any_time().map(datetime.isoformat),
        ends=_EMPTY | any_time().map(datetime.isoformat),
        steps=st.lists(st.dictionaries(any_key(), any_key()), max_size=3).map(tuple),
    )


def any_tax_rate() -> SearchStrategy[TaxRate]:
    return st.builds(TaxRate, any_key(), any_decimal("0", "100", 3), st.sampled_from(TaxCategory), _EMPTY | any_key())


def _any_deduction() -> SearchStrategy[Deduction]:
    return st.builds(Deduction, any_key(), any_minor(high=-1))


def _document(  # noqa: PLR0917
    currency: str,
    lines: tuple[DocumentLine, ...],
    discounts: tuple[Deduction, ...],
    credits: tuple[Deduction, ...],  # noqa: A002
    rates: tuple[TaxRate, ...],
    inclusive: bool,
    seller: Seller,
    buyer: Buyer,
    due_on: date | None,
    kind: DocumentKind,
    notes: tuple[str, ...],
    fixed: dict[str, Any],
) -> InvoiceDocument:
    sums = taxed(amounts_of(lines, discounts, currency), Taxation(rates, inclusive), currency)
    said: dict[str, Any] = {
        "number": "INV-00000042",
        "period": OCTOBER,
        "issued_on": TODAY,
        "currency": currency,
        "seller": seller,
        "customer": buyer,
        "lines": lines,
        "total_minor": sums.total.minor,
        "kind": kind,
        "due_on": due_on,
        "discounts": discounts,
        "taxes": sums.lines,
        "prices_include_tax": inclusive,
        "credits": credits,
        "notes": notes,
    }
    return InvoiceDocument(**said | fixed)
