"""Report packs where customers have several billing days: a calendar month's has the whole company."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.accounts.posting import posting_day
from monthclose.domain.money import Money
from monthclose.domain.pack.pack import MadeFor, Pack
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from tests.unit.invoices.late_usage import close
from tests.unit.invoices.test_billing_days import bill_on, period, used
from tests.unit.pack.test_report_pack import rows
from tests.world import World

CALENDAR, OTHERS = ("2026-10", "2026-11", "2026-12"), ("2026-09-15", "2026-10-15", "2026-11-15")
DAYS = 92
"""From the first of October to the end of December."""


@pytest.fixture(scope="module")
def world() -> World:
    """One customer by the calendar, one from the 15th, and one who moves to the 15th in October."""
    world, first = World(), Period(2026, 10)
    world.clock.now = first.start
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    for name, day in (("monthly", "1"), ("mid", "15"), ("moved", "1")):
        assert bill_on(world, day, customer_id=name) == []
        for number in range(DAYS):
            used(world, f"e{number}", "1", time=f"{first.first_day + timedelta(days=number)}", customer_id=name)
    assert bill_on(world, "15", on="2026-10-10", customer_id="moved") == []
    for text in sorted((*CALENDAR, *OTHERS), key=lambda text: period(text).end):
        close(world, period(text))
        if text == "2026-09-15":
            world.cashier.credit("mid", Money(500, "USD"), "sorry", by="ann")
    return world


@pytest.fixture(scope="module")
def packs(world: World) -> dict[str, Pack]:
    return {text: world.pack(period(text)) for text in (*CALENDAR, *OTHERS)}


def test_every_entry_is_in_the_journal_of_the_month_that_its_day_is_in_and_in_no_other(
    world: World, packs: dict[str, Pack]
) -> None:
    booked = [entry for entry in world.books.records.values() if isinstance(entry, Entry)]
    until = Period(2026, 12).end_day
    due = {
        (str(Period.on(posting_day(entry))), entry.customer_id, str(entry.period), entry.entry_id)
        for entry in booked
        if posting_day(entry) < until
    }

    found = [
        (text, row["customer_id"], row["period"], row["entry_id"], row["account"])
        for text in packs
        for row in rows(world, packs[text], "journal_entries")
    ]

    assert len(found) == len(set(found)), "nothing is in two journals"
    assert {row[:4] for row in found} == due
    assert {row[1] for row in found} == {"monthly", "mid", "moved"}


def test_a_calendar_months_pack_has_every_customer_once(world: World, packs: dict[str, Pack]) -> None:
    for text in CALENDAR:
        names = [row["customer_id"] for row in rows(world, packs[text], "customers")]
        assert sorted(names) == ["mid", "monthly", "moved"]
        assert packs[text].customers == 3
        assert packs[text].remarks == (), "all figures tie with the ledger"
    assert [row["customer_id"] for row in rows(world, packs["2026-09-15"], "customers")] == ["mid"]


def test_each_invoice_is_in_one_pack_and_revenue_in_the_calendar_months_only(
    world: World, packs: dict[str, Pack]
) -> None:
    numbers = [row["number"] for text in packs for row in rows(world, packs[text], "invoices")]
    issued = {
        month.invoice.number
        for name in ("monthly", "mid", "moved")
        for month in world.books.months(name).values()
        if month.invoice
    }
    assert sorted(numbers) == sorted(issued)

    revenue = {text: sum(int(row["net_minor"]) for row in rows(world, packs[text], "revenue")) for text in packs}

    assert all(not revenue[text] for text in OTHERS)
    # By the day that each period ends: 14, 31 and 31 days; then 31, 30 and 14 days; then 30, 30 and 31.
    assert [revenue[text] for text in CALENDAR] == [100 * (14 + 31 + 31), 100 * (31 + 30 + 14), 100 * (30 + 30 + 31)]


def test_a_pack_of_another_day_has_its_records_and_no_journal(world: World, packs: dict[str, Pack]) -> None:
    names = {file.name for file in packs["2026-10-15"].files}
    assert not {"journal.csv", "journal.beancount"} & names
    assert sorted(row["customer_id"] for row in rows(world, packs["2026-10-15"], "invoices")) == ["mid", "moved"]


def test_an_invoice_made_after_a_months_pack_is_in_that_months_journal_once_the_pack_is_made_again() -> None:
    world = World()
    world.clock.now = Period(2026, 10).start
    for name, day in (("monthly", "1"), ("late", "28")):
        assert bill_on(world, day, customer_id=name) == []
        used(world, name, "1", time="2026-11-05", customer_id=name)
    november, december, of_the_28th = period("2026-11"), period("2026-12"), period("2026-10-28")
    close(world, of_the_28th)
    assert world.month("late", of_the_28th).parked, "there is no price yet"
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    close(world, november)
    world.pack(november)
    planner = world.use_cases.pack_planner
    assert not planner.is_outdated(november)

    chooser, retried = world.use_cases.retry_chooser, world.closes.get(of_the_28th)
    assert retried
    world.close(of_the_28th, "retry", chooser.store(retried, chooser.named(["late"], of_the_28th)))

    assert planner.is_outdated(november), "its journal has one invoice more"
    first = world.pack(november, MadeFor.CHANGE)
    assert not planner.is_outdated(november)
    assert {row["customer_id"] for row in rows(world, first, "journal_entries")} == {"monthly", "late"}
    closings = rows(world, first, "balances")
    assert closings
    close(world, december)
    openings = {row["account"]: row["opening_minor"] for row in rows(world, world.pack(december), "balances")}
    for row in closings:
        closing = int(row["opening_minor"]) + int(row["debit_minor"]) - int(row["credit_minor"])
        assert int(openings[row["account"]]) == closing


def test_a_calendar_months_pack_is_checked_however_many_billing_days_have_been_closed_since() -> None:
    world = World()
    world.clock.now = Period(2026, 10).start
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    for name, day in (("monthly", "1"), ("a", "7"), ("b", "15"), ("c", "28"), ("d", "last")):
        assert bill_on(world, day, customer_id=name) == []
        used(world, name, "1", time="2026-10-30", customer_id=name)
    for text in ("2026-10", "2026-10-07", "2026-10-15", "2026-10-28", "2026-10-last"):
        close(world, period(text))

    opened = world.use_cases.reconcile_opener.open("reconcile-1", compare=True)

    assert [str(one) for one in opened.periods] == ["2026-10-last", "2026-10-28", "2026-10-15", "2026-10"]
