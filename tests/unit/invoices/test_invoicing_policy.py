"""Amounts too small to be invoiced, and months that come to nothing."""

import json
from decimal import Decimal
from typing import Any

import pytest

from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.proof.report import Report
from tests.world import OCTOBER, World

NOVEMBER, DECEMBER = OCTOBER.next, OCTOBER.next.next


@pytest.fixture
def world() -> World:
    world = World(policy=InvoicingPolicy({"USD": 50, "default": 0}))
    world.add_customer("acme")
    return world


def close(world: World, period: Period) -> Report:
    world.clock.now = max(world.clock.now, period.end)
    report = world.close(period, f"execution-{period}-{world.clock.now.isoformat()}")
    world.clock.pass_time(hours=1)
    return report


def lines(world: World, period: Period) -> list[dict[str, Any]]:
    invoice = world.month("acme", period).invoice
    assert invoice
    place = invoice.document
    document = json.loads(world.documents.get_slice(place.key, place.offset, place.length))
    return list(document["lines"])


def test_an_amount_below_the_minimum_is_a_line_of_the_next_invoice(world: World) -> None:
    world.use("acme", "0.30")
    report = close(world, OCTOBER)
    assert report["customers"] == {"snapshot": 1, "invoiced": 0, "nothing_to_bill": 0, "parked": 0, "carried": 1}
    assert report["proof"]["ties"]
    assert report["status"] == "completed"
    assert world.gateway.money_moved == []
    assert world.mailer.sent == []
    assert world.customer("acme").carried_minor == 30

    world.use("acme", "2", period=NOVEMBER)
    report = close(world, NOVEMBER)

    assert [(line.get("kind", "usage"), line["amount_minor"]) for line in lines(world, NOVEMBER)] == [
        ("usage", 200),
        ("carried", 30),
    ]
    assert [amount.minor for _, amount in world.gateway.money_moved] == [230]
    assert world.customer("acme").carried_minor == 0
    assert report["proof"]["ties"]


def test_small_amounts_add_up_month_after_month(world: World) -> None:
    for period in (OCTOBER, NOVEMBER):
        world.use("acme", "0.20", period=period)
        close(world, period)
    assert world.customer("acme").carried_minor == 40
    world.use("acme", "0.20", period=DECEMBER)
    close(world, DECEMBER)
    assert [amount.minor for _, amount in world.gateway.money_moved] == [60]


def test_closing_again_carries_nothing_twice(world: World) -> None:
    world.use("acme", "0.30")
    for _ in range(3):
        close(world, OCTOBER)
    close(world, NOVEMBER)
    close(world, NOVEMBER)
    assert world.customer("acme").carried_minor == 30


def test_a_carried_amount_keeps_the_lines_it_is_made_of(world: World) -> None:
    world.use("acme", "0.30")
    close(world, OCTOBER)
    carried = world.month("acme").carried
    assert carried
    place = carried.document
    document = json.loads(world.documents.get_slice(place.key, place.offset, place.length))
    assert (document["total_minor"], document["lines"][0]["sku"]) == (30, "droplet")


def test_an_amount_at_the_minimum_or_without_one_is_invoiced(world: World) -> None:
    world.use("acme", "0.50")
    world.use(world.add_customer("euro", currency="EUR"), "0.01")
    report = close(world, OCTOBER)
    assert report["customers"]["invoiced"] == 2


def test_a_negative_amount_is_never_too_small(world: World) -> None:
    world.use("acme", "-0.10")
    close(world, OCTOBER)
    assert world.customer("acme").credit_minor == 10


def test_an_account_with_a_carried_amount_keeps_its_currency(world: World) -> None:
    world.use("acme", "0.30")
    close(world, OCTOBER)
    world.add_customer("acme", currency="EUR")
    world.use("acme", "5", period=NOVEMBER)
    assert close(world, NOVEMBER)["parked"] == {"currency_mismatch": 1}


def test_late_usage_of_a_month_that_was_carried_is_an_adjustment(world: World) -> None:
    world.use("acme", "0.30")
    close(world, OCTOBER)
    late = UsageEvent(
        "late", "acme", "droplet", Decimal(1), OCTOBER.start, Decimal("0.40"), "", received_at=world.clock.now
    )
    world.usage.put([late])
    world.change("acme", late_usage={str(OCTOBER): "noted"})
    close(world, NOVEMBER)
    assert [(line["kind"], line["amount_minor"]) for line in lines(world, NOVEMBER)] == [
        ("adjustment", 40),
        ("carried", 30),
    ]


@pytest.mark.parametrize(("wanted", "invoiced"), [(False, 0), (True, 1)])
def test_a_month_that_comes_to_nothing_is_invoiced_by_policy(wanted: bool, invoiced: int) -> None:
    world = World(policy=InvoicingPolicy(zero_invoices=wanted))
    world.use(world.add_customer("acme"), "0")
    world.add_customer("idle")
    report = close(world, OCTOBER)
    assert report["customers"]["invoiced"] == invoiced
    assert report["proof"]["ties"]
    payment = world.month("acme").payment
    assert (payment.state if payment else None) == (PaymentState.NOTHING_DUE if wanted else None)
    assert world.month("idle").invoice is None
    assert len(world.mailer.sent) == invoiced
