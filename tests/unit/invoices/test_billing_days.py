"""Customers who are billed from another day than the first of the month, and customers whose billing day changes.

Amounts are worked out by hand. A month from the 31st ends with each month's last day, and what is cut short is prorated
to the second, as in Stripe's documentation ("Set the subscription billing renewal date", "Prorations").
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.adapters.tax_ids import check_tax_id
from monthclose.domain.accounts.cycles import days_of
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import CUSTOMERS, ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.domain.invoices.draft_content import MadeFrom
from monthclose.domain.invoices.served import served_in
from monthclose.domain.period import LAST, Period, billing_day_text
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.tax.tax_table import NoTaxTable
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.imports.import_customers import import_customers
from tests.unit.invoices.late_usage import amounts, close, document, lines, use, world_of_acme
from tests.world import OCTOBER, World

DAYS = (1, 7, 15, 28, LAST)
LAYOUT = ColumnMapping({name: name for name in CUSTOMERS.fields}, {})


def bill_on(world: World, billing_day: str, on: str = "", customer_id: str = "acme") -> list[str]:
    """Import a customer with a billing day; returns the reasons of a rejected row."""
    cells = {"customer_id": customer_id, "name": "Acme", "email": "a@acme.example", "currency": "USD"}
    paying = {"payment_provider": "stripe", "payment_method": "pm_card_visa", "billing_day": billing_day}
    reasons: list[str] = []
    import_customers(
        [Row(1, cells | paying)],
        LAYOUT,
        directory=world.directory,
        regrouper=world.use_cases.regrouper,
        check_tax_id=check_tax_id,
        taxes=NoTaxTable(),
        today=date.fromisoformat(on) if on else world.clock().date(),
        reject=lambda _, reason: reasons.append(reason),
        billing_days=DAYS,
    )
    return reasons


def used(
    world: World,
    event_id: str,
    quantity: str,
    time: str,
    customer_id: str = "acme",
    sku: str = "vm",
    resource: str = "",
) -> None:
    """Store usage that came in time, whatever the clock says now."""
    at = datetime.fromisoformat(time).replace(tzinfo=UTC)
    world.usage.put([UsageEvent(event_id, customer_id, sku, Decimal(quantity), at, resource=resource)])


def period(text: str) -> Period:
    return Period.parse(text)


def billed_on_the(billing_day: str) -> World:
    world = world_of_acme()
    world.books.records.pop(("customer", "acme"))
    assert bill_on(world, billing_day) == []
    return world


def with_book(world: World, **sections: list[dict[str, Any]]) -> None:
    world.price_books.merge(read_book(sections))


def days_said(world: World, one: Period) -> tuple[date, date]:
    """The days that an invoice says it is for."""
    window = served_in(cast("MadeFrom", document(world, one)), one)
    return window.start.date(), window.end.date()


def test_usage_from_billing_day_to_billing_day_is_billed() -> None:
    world = billed_on_the("15")
    for number, day in enumerate(["2026-10-14T23:59", "2026-10-15", "2026-11-01", "2026-11-14T23:59", "2026-11-15"]):
        used(world, f"e{number}", "1", time=day)

    close(world, period("2026-09-15"))
    close(world, period("2026-10-15"))
    close(world, period("2026-11-15"))

    found = [amounts(world, period(text)) for text in ("2026-09-15", "2026-10-15", "2026-11-15")]
    assert found == [[("2026-09-15", 100)], [("2026-10-15", 300)], [("2026-11-15", 100)]]


def test_a_period_from_the_last_day_of_a_month_ends_with_the_last_day_of_the_next() -> None:
    world = billed_on_the("last")
    used(world, "e1", "1", time="2027-01-31")
    used(world, "e2", "1", time="2027-02-27T23:59")
    used(world, "e3", "1", time="2027-02-28")
    close(world, period("2027-01-last"))
    close(world, period("2027-02-last"))
    assert amounts(world, period("2027-01-last")) == [("2027-01-last", 200)]
    assert amounts(world, period("2027-02-last")) == [("2027-02-last", 100)]


def test_a_close_bills_those_only_whose_billing_day_it_is() -> None:
    world = billed_on_the("15")
    world.add_customer("monthly")
    used(world, "e1", "1", time="2026-10-20")
    used(world, "e2", "1", time="2026-10-20", customer_id="monthly")

    assert close(world, OCTOBER)["customers"]["snapshot"] == 1
    assert close(world, period("2026-10-15"))["customers"]["snapshot"] == 1

    assert world.month("acme", OCTOBER).invoice is None
    assert world.month("monthly", period("2026-10-15")).invoice is None
    assert amounts(world, period("2026-10-15")) == [("2026-10-15", 100)]


def test_the_close_of_a_day_on_which_nobody_is_due_ends_with_nobody() -> None:
    world = world_of_acme()
    assert close(world, period("2026-10-07"))["customers"]["snapshot"] == 0


def test_usage_that_comes_late_is_billed_with_the_next_period_of_the_customer() -> None:
    world = billed_on_the("15")
    used(world, "e1", "1", time="2026-11-01")
    close(world, OCTOBER)  # somebody else's
    use(world, "e2", "2", time="2026-10-31")
    close(world, period("2026-10-15"))
    use(world, "e3", "4", time="2026-10-31")
    close(world, period("2026-11-15"))

    assert amounts(world, period("2026-10-15")) == [("2026-10-15", 300)]
    assert amounts(world, period("2026-11-15")) == [("2026-10-15", 400)]


def test_a_new_billing_day_begins_where_the_period_that_runs_ends() -> None:
    world = world_of_acme()
    with_book(world, fees=[{"id": "support", "currency": "USD", "monthly_fee": 31}])
    for number, day in enumerate(["2026-10-20", "2026-11-05", "2026-11-20"]):
        used(world, f"e{number}", "1", time=day)
    assert bill_on(world, "15", on="2026-10-10") == []

    close(world, OCTOBER)
    close(world, period("2026-10-15"))
    close(world, period("2026-11-15"))

    assert amounts(world, OCTOBER) == [("2026-10", 100), ("2026-10", 3100)]
    assert amounts(world, period("2026-10-15")) == [("2026-10-15", 100), ("2026-10-15", 1400)], "14 of 31 days"
    assert days_said(world, period("2026-10-15")) == (date(2026, 11, 1), date(2026, 11, 15))
    assert amounts(world, period("2026-11-15")) == [("2026-11-15", 100), ("2026-11-15", 3100)]


def test_minimums_and_discounts_by_amount_are_prorated_in_a_shortened_period() -> None:
    world = world_of_acme()
    with_book(
        world,
        discounts=[{"id": "loyal", "currency": "USD", "amount": "3.1"}],
        commitments=[{"id": "base", "currency": "USD", "amount": 310}],
    )
    used(world, "e1", "10", time="2026-11-05")
    assert bill_on(world, "15", on="2026-10-10") == []
    close(world, OCTOBER)
    close(world, period("2026-10-15"))
    assert [line["amount_minor"] for line in lines(world, period("2026-10-15"))] == [1000, -140, 14_000 - 860]


def test_a_billing_day_without_a_close_is_rejected() -> None:
    world = world_of_acme()
    assert bill_on(world, "3") == ["billing_day 3 is not in the setting billing_days: add it there first"]
    assert bill_on(world, "30") == ["billing_day is neither a day from 1 to 28 nor last"]
    assert bill_on(world, "1st") == ["billing_day is neither a day from 1 to 28 nor last"]
    assert world.customer("acme").cycles == ()


def test_the_same_billing_day_again_changes_nothing() -> None:
    world = billed_on_the("15")
    assert bill_on(world, "15", on="2026-10-20") == []
    assert world.customer("acme").cycles == ()


def test_who_is_named_in_the_close_of_another_day_is_refused() -> None:
    billed_on_the("15")
    world = billed_on_the("15")
    with pytest.raises(UserMistakeError, match="acme has another billing day: 2026-10 does not bill them"):
        world.use_cases.retry_chooser.named(["acme"], OCTOBER)


START, END = date(2026, 1, 1), date(2026, 8, 1)
_CHANGES = st.lists(st.tuples(st.integers(0, 150), st.sampled_from(DAYS)), max_size=4)
_USED = st.lists(st.integers(0, 200), min_size=1, max_size=12)


def all_periods() -> Iterable[Period]:
    """Every period that ends in the months of a test, in the order of their closes."""
    months = [Period(2025, 11).next] + [Period(2026, month) for month in range(1, 8)]
    found = [Period(month.year, month.month, day) for month in months for day in DAYS]
    return sorted(found, key=lambda one: (one.end_day, one.day))


@given(_CHANGES, _USED, st.sampled_from(DAYS))
@settings(max_examples=25)
def test_whatever_billing_days_are_imported_each_use_and_each_day_is_billed_once(
    changes: list[tuple[int, int]], days: list[int], first: int
) -> None:
    world = billed_on_the(billing_day_text(first))
    with_book(world, fees=[{"id": "support", "currency": "USD", "monthly_fee": 1}])
    for number, day in enumerate(days):
        used(world, f"e{number}", "1", time=f"{START + timedelta(days=day)}")
    todo = sorted(changes)
    world.clock.now = datetime.combine(START, datetime.min.time(), UTC)
    covered: list[tuple[date, date]] = []
    for one in all_periods():
        while todo and START + timedelta(days=todo[0][0]) < one.end_day:
            moved, billing_day = todo.pop(0)
            bill_on(world, billing_day_text(billing_day), on=f"{START + timedelta(days=moved)}")
        world.clock.now = max(world.clock.now, one.end)
        world.close(one, f"execution-{one}")
        if within := days_of(world.customer("acme").billing_cycles, one):
            covered.append((within.first, within.end))
            assert len([line for line in lines(world, one) if line["model"] == "fee"]) == 1
            assert days_said(world, one) == within

    assert all(before[1] == after[0] for before, after in pairwise(covered))
    billed = [line for one in all_periods() for line in lines(world, one) if line["model"] != "fee"]
    in_all = [day for day in days if covered[0][0] <= START + timedelta(days=day) < covered[-1][1]]
    assert sum(line["amount_minor"] for line in billed) == 100 * len(in_all)


def test_a_quarter_counts_the_periods_that_begin_in_it_also_where_the_billing_day_changes() -> None:
    world = billed_on_the("1")
    limit = {"id": "max", "currency": "USD", "maximum": "100", "term": "quarter", "calendar": True}
    with_book(world, limits=[limit])
    for number, day in enumerate(["2026-10-10", "2026-11-10", "2026-11-20", "2027-01-20"]):
        used(world, f"e{number}", "60", time=day)
    assert bill_on(world, "15", on="2026-10-20") == []
    texts = ("2026-10", "2026-10-15", "2026-11-15", "2027-01-15")
    for text in texts:
        close(world, period(text))
    assert [sum(minor for _, minor in amounts(world, period(text))) for text in texts] == [6_000, 4_000, 0, 6_000]
