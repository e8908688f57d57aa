"""Customers' months in short, for the tests of comparisons."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.draft import draft_invoice
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook, Terms, rate
from monthclose.domain.rehearsals.billed import Billed, Outcome, billed, parked
from monthclose.domain.rehearsals.comparison import Comparison, compare_all
from monthclose.domain.rehearsals.rows import Pair
from monthclose.domain.rehearsals.rules import OFF, GateFinding, GateRules, judge
from monthclose.domain.tax.tax import UNTAXED, Taxation
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, a_customer

type Months = Mapping[str, Billed]

_KEYS = ("sku:vm", "sku:disk", "fee:support", "discount:Launch", "tax:VAT", "adjustment:")


def invoiced(customer_id: str, total: int, currency: str = "EUR", **entries: int) -> Billed:
    """Make an invoiced month; an entry is written as `fee_support=1000`."""
    named = {key.replace("_", ":", 1): minor for key, minor in entries.items()}
    return Billed(customer_id, Outcome.INVOICED, currency, total, named or {"sku:vm": total})


def crowd(number: int, total: int, currency: str = "EUR", first: int = 0, **entries: int) -> dict[str, Billed]:
    """Make months of so many customers, alike."""
    names = [f"c{n:04}" for n in range(first, first + number)]
    return {name: invoiced(name, total, currency, **entries) for name in names}


def compared(now: Months, last: Months, rules: GateRules = OFF) -> Comparison:
    """Compare all customers of two months."""
    return compare_all(((now.get(name), last.get(name)) for name in {**last, **now}), rules)


def findings(
    now: Months, last: Months, rules: GateRules, book: PriceBook | None = None, period: Period = OCTOBER
) -> tuple[GateFinding, ...]:
    """Judge a month against the one before."""
    return judge(compared(now, last, rules), rules, book, period)


def draft_of(
    customer_id: str, book: PriceBook, usage: Iterable[tuple[str, str]] = (), taxation: Taxation = UNTAXED
) -> Draft:
    """Draft a customer's October as a close does; usage as SKU and quantity."""
    customer = a_customer(customer_id, currency="EUR")
    events = [
        UsageEvent(str(number), customer_id, sku, Decimal(quantity), OCTOBER.start)
        for number, (sku, quantity) in enumerate(usage)
    ]
    lines = rate(events, Terms(book, customer_id, "EUR", OCTOBER))
    return draft_invoice(customer, OCTOBER, lines, taxation, date(2026, 11, 1), Seller("Example"))


def months_of(book: PriceBook, usage: Mapping[str, Iterable[tuple[str, str]]]) -> dict[str, Billed]:
    """Bill each customer's usage."""
    return {name: billed(draft_of(name, book, used)) for name, used in usage.items()}


_OUTCOMES = (Outcome.INVOICED, Outcome.INVOICED, Outcome.CARRIED, Outcome.NOTHING, Outcome.PARKED, None)


def any_month() -> SearchStrategy[Billed | None]:
    """Any month of a customer, or none."""
    return st.builds(
        _month,
        st.sampled_from(_OUTCOMES),
        st.sampled_from(["EUR", "USD", "JPY"]),
        st.integers(-(10**6), 10**12),
        st.sets(st.sampled_from(_KEYS), max_size=3),
        st.sampled_from(["no_price", "no_tax_rate"]),
    )


def _month(outcome: Outcome | None, currency: str, total: int, keys: set[str], reason: str) -> Billed | None:
    if outcome is None or outcome is Outcome.PARKED:
        return parked("", reason, "some detail") if outcome else None
    entries = {key: total // (number + 1) for number, key in enumerate(sorted(keys))}
    return Billed("", outcome, currency, total if outcome is Outcome.INVOICED else 0, entries)


def any_pairs(most: int = 12) -> SearchStrategy[list[Pair]]:
    """Months now and last of different customers."""
    return st.lists(st.tuples(any_month(), any_month()), max_size=most).map(_numbered)


def _numbered(pairs: list[Pair]) -> list[Pair]:
    named: list[Pair] = []
    for number, (now, last) in enumerate(pairs):
        name = f"c{number}"
        named.append((now and replace(now, customer_id=name), last and replace(last, customer_id=name)))
    return named
