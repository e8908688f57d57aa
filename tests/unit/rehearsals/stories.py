"""Rehearsals that the tests of the terminal's output and of the page show."""

from dataclasses import replace
from datetime import datetime, timedelta

from monthclose.domain.period import Period
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.rehearsals.adding import add_up
from monthclose.domain.rehearsals.billed import parked
from monthclose.domain.rehearsals.differences import NO_DIFFERENCES, differences
from monthclose.domain.rehearsals.rehearsal import Approval, Rehearsal, RehearsalStatus
from monthclose.domain.rehearsals.rules import GateRules, judge
from monthclose.use_cases.rehearsals.rehearsal_report import RehearsalReport, rehearsal_report
from tests.unit.any import NOW, OCTOBER
from tests.unit.rehearsals.months import Months, compared, crowd, invoiced

BOOK = read_book(
    {
        "prices": [{"sku": "vm", "currency": "EUR", "unit_price": "0.10", "description": "Small machine"}],
        "fees": [{"id": "support", "currency": "EUR", "monthly_fee": "10", "description": "Support"}],
    }
)
RULES = GateRules(total_percent=10, everybody_percent=50, customer_times=5)
REHEARSAL = Rehearsal(
    OCTOBER,
    number=2,
    execution="arn:rehearsal",
    started_at=NOW,
    status=RehearsalStatus.COMPLETED,
    price_book="9f2c51b7",
    last_period=Period(2026, 9),
    completed_at=NOW + timedelta(minutes=3),
)
APPROVAL = Approval(2, "ada", datetime(2026, 11, 1, 9, 30, tzinfo=NOW.tzinfo), "checked with sales")


def wrong_fee() -> tuple[Months, Months]:
    """Make October, with a fee that names nobody, and September without it."""
    last = {**crowd(231, 4500, sku_vm=4500), "gone": invoiced("gone", 1200), "acme": invoiced("acme", 10_000)}
    now = {
        **crowd(228, 5500, sku_vm=4500, fee_support=1000),
        "acme": invoiced("acme", 90_000, sku_vm=89_000, fee_support=1000),
        "new": invoiced("new", 3000, sku_vm=2000, fee_support=1000),
        **{f"c{n:04}": parked(f"c{n:04}", "no_price", "SKU 'gpu' has no price") for n in (228, 229, 230)},
        "tokyo": invoiced("tokyo", 9000, "JPY", sku_vm=9000),
    }
    return now, {**last, "tokyo": invoiced("tokyo", 9000, "JPY", sku_vm=9000)}


def report_of(now: Months, last: Months, rehearsal: Rehearsal = REHEARSAL, approved: Months = {}) -> RehearsalReport:  # noqa: B006 - only read
    """Report on a rehearsal of these months, and where it differs from what was approved."""
    comparison = compared(now, last, RULES)
    differ = add_up((differences(approved.get(name), now.get(name)) for name in {**approved, **now}), NO_DIFFERENCES)
    found = judge(comparison, RULES, BOOK, OCTOBER)
    said = differ if approved else None
    return rehearsal_report(rehearsal, comparison, found, said, company="Northwind Cloud", book=BOOK)


def approved_rehearsal() -> Rehearsal:
    """Make the rehearsal once it is approved."""
    return replace(REHEARSAL, approval=APPROVAL)
