"""Customers' months in short, for the tests of comparisons."""

from collections.abc import Iterable, Mapping
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


def any_month(customer_id: str) -> SearchStrategy[Billed | None]:
    """Any month of a customer, or none."""
    amounts = st.integers(-(10**6), 10**12)
    outcomes = st.sampled_from([Outcome.INVOICED, Outcome.INVOICED, Outcome.CARRIED, Outcome.NOTHING])
    there = st.builds(
        lambda outcome, currency, total, entries: Billed(
            customer_id, outcome, currency, total if outcome is Outcome.INVOICED else 0, entries
        ),
        outcomes,
        st.sampled_from(["EUR", "USD", "JPY"]),
        amounts,
        st.dictionaries(st.sampled_from(_KEYS), amounts, max_size=4),
    )
    set_aside = st.builds(
        lambda reason: parked(customer_id, reason, "some detail"), st.sampled_from(["no_price", "no_tax_rate"])
    )
    return st.none() | there | there | set_aside


def any_pairs(most: int = 12) -> SearchStrategy[list[tuple[Billed | None, Billed | None]]]:
    """Months now and last of different customers."""
    return st.integers(0, most).flatmap(
        lambda number: st.tuples(*(st.tuples(any_month(f"c{n}"), any_month(f"c{n}")) for n in range(number))).map(list)
    )
