"""Cash by provider and day, how fast invoices are paid, and what dunning brings in."""

from dataclasses import replace
from fractions import Fraction

import pytest

from monthclose.domain.finance.balances import BALANCES
from monthclose.domain.finance.cash import CASH, COLLECTED, INVOICED
from monthclose.domain.finance.ratios import collection_rates, days_of_sales_outstanding, days_to_pay
from monthclose.domain.finance.recovery import CHARGES, RECOVERY
from monthclose.domain.finance.ties import differences
from monthclose.domain.money import Money
from monthclose.ports import Collected
from tests.fakes import reversed_by_the_bank
from tests.unit.finance.reading import bill, figures
from tests.unit.invoices.regenerating import provider_says
from tests.world import OCTOBER, World

NOVEMBER = OCTOBER.next


@pytest.fixture
def world() -> World:
    """One customer pays at the close; another is declined, and pays when it is tried again two days later."""
    world = World()
    bill(world, "acme", "")
    bill(world, "late", "", method="declined", amount="300")
    world.close()
    return world


def pay_up(world: World, customer_id: str = "late") -> None:
    profile = world.customer(customer_id).profile
    world.change(customer_id, profile=replace(profile, payment_method="ok"))
    world.clock.pass_time(days=2)
    world.collect()


def invoice_day(world: World) -> str:
    invoice = world.month("acme").invoice
    assert invoice
    return invoice.issued_on.isoformat()


def test_the_collection_rate_rises_day_by_day_with_what_was_paid(world: World) -> None:
    first = invoice_day(world)
    pay_up(world)
    rates = collection_rates(figures(world), "USD")
    assert [(rate.paid_minor, rate.share) for rate in rates] == [(10_000, Fraction(1, 4)), (40_000, Fraction(1))]
    assert rates[0].day == first < rates[1].day


def test_a_reversal_lowers_the_collection_rate_again_and_a_transfer_raises_it(world: World) -> None:
    world.clock.pass_time(days=1)
    provider_says(world, reversed_by_the_bank(Money(10_000, "USD")))
    world.clock.pass_time(days=1)
    world.use_cases.cashier.record("acme", Money(4_000, "USD"), "transfer")
    found = figures(world)
    assert [rate.paid_minor for rate in collection_rates(found, "USD")] == [10_000, 0, 4_000]
    by_source = {(row.provider, row.paid_minor) for row in found.rows(COLLECTED)}
    assert by_source == {("stripe", 10_000), ("stripe", -10_000), ("bank", 4_000)}
    assert differences(figures(world, NOVEMBER)) == []


def test_cash_is_that_of_the_calendar_month_and_ties_with_the_ledger(world: World) -> None:
    assert figures(world).rows(CASH) == []
    pay_up(world)
    november = figures(world, NOVEMBER)
    assert [(row.provider, row.collected_minor, row.returned_minor, row.payments) for row in november.rows(CASH)] == [
        ("stripe", 10_000, 0, 1),
        ("stripe", 30_000, 0, 1),
    ]
    assert differences(november) == []
    balances = {row.account: row for row in november.rows(BALANCES)}
    assert balances["receivable"].opening_minor == 40_000
    assert balances["receivable"].closing_minor == 0
    assert balances["clearing"].debit_minor == 40_000


def test_days_of_sales_outstanding_are_what_is_open_over_what_was_billed_times_the_days(world: World) -> None:
    found = figures(world)
    assert [tuple(row) for row in found.rows(INVOICED)] == [("USD", 40_000, 2)]
    assert days_of_sales_outstanding(found, OCTOBER) == {"USD": Fraction(30_000 * 31, 40_000)}


def test_time_to_pay_is_weighted_by_amount(world: World) -> None:
    pay_up(world)
    assert days_to_pay(figures(world, NOVEMBER)) == {"USD": Fraction(30_000 * 2, 40_000)}


def test_recovery_names_the_step_that_brought_the_money_and_the_mail_before_it(world: World) -> None:
    pay_up(world)
    rows = [tuple(row) for row in figures(world).rows(RECOVERY)]
    assert rows == [("USD", "refused", "", 1, 0, 30_000), ("USD", "retry 1", "declined", 1, 1, 30_000)]


def test_a_transfer_after_a_refusal_is_a_step_of_its_own(world: World) -> None:
    world.clock.pass_time(days=1)
    world.use_cases.cashier.record("late", Money(30_000, "USD"), "transfer")
    rows = {row.step: (row.attempts, row.successes, row.minor) for row in figures(world).rows(RECOVERY)}
    assert rows == {"refused": (1, 0, 30_000), "transfer": (1, 1, 30_000)}


def test_what_a_payment_collects_for_an_earlier_month_is_not_recovered_money_of_this_one() -> None:
    world = World()
    bill(world, "late", "", method="declined", amount="0.30")
    world.close()
    world.clock.pass_time(days=30)
    world.use("late", "5", period=NOVEMBER)
    world.close(NOVEMBER, "execution-2")
    pay_up(world)
    assert [payment.collected_minor for payment in world.month("late", NOVEMBER).payments] == [530]
    rows = [tuple(row) for row in figures(world, NOVEMBER).rows(RECOVERY)]
    assert rows == [("USD", "refused", "", 1, 0, 500), ("USD", "retry 1", "declined", 1, 1, 500)]


def test_charges_are_counted_by_brand_outcome_and_code() -> None:
    world = World()
    bill(world, "acme", "", method="debit")
    bill(world, "late", "", method="declined")
    world.close()
    payment = world.month("acme").payment
    assert payment
    world.gateway.settle(payment.provider_ref, Collected(Money(10_000, "USD"), card_brand="visa"))
    world.settle(everyone=True)
    rows = [tuple(row) for row in figures(world).rows(CHARGES)]
    assert rows == [("stripe", "", "declined", "insufficient_funds", 1), ("stripe", "visa", "paid", "", 1)]


def test_what_was_credited_need_not_be_collected(world: World) -> None:
    world.corrector.void(numbered(world, "late"), "a mistake")
    found = figures(world)
    assert [tuple(row) for row in found.rows(INVOICED)] == [("USD", 10_000, 1)]
    assert [rate.share for rate in collection_rates(found, "USD")] == [Fraction(1)]


def numbered(world: World, customer_id: str) -> str:
    invoice = world.month(customer_id).invoice
    assert invoice
    return invoice.number
