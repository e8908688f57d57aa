"""Billing days and fees in advance with what else bills: time zones, terms of a quarter, sizes, tax classes."""

from decimal import Decimal
from typing import Any

import pytest

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.pricing.reading import read_book
from tests.unit.invoices.groups import company, documents, imported, row
from tests.unit.invoices.late_usage import DECEMBER, NOVEMBER, amounts, close, lines, use, world_of_acme
from tests.unit.invoices.test_billing_days import bill_on, period, used
from tests.world import OCTOBER, World

BERLIN = BillingCalendar("Europe/Berlin")
FEE = {"id": "support", "currency": "USD", "monthly_fee": 31, "in_advance": True}


def test_a_billing_day_begins_at_midnight_of_the_time_zone() -> None:
    world = World(calendar=BERLIN)
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    bill_on(world, "15")
    used(world, "e1", "1", time="2026-10-14T21:59")  # 23:59 in Berlin, where summer time ends on the 25th
    used(world, "e2", "2", time="2026-10-14T22:00")
    used(world, "e3", "4", time="2026-11-14T22:59")
    used(world, "e4", "8", time="2026-11-14T23:00")
    for text in ("2026-09-15", "2026-10-15", "2026-11-15"):
        world.clock.now = BERLIN.end(period(text))
        world.close(period(text), f"execution-{text}")
    assert [amounts(world, period(text))[0][1] for text in ("2026-09-15", "2026-10-15", "2026-11-15")] == [
        100,
        600,
        800,
    ]


def test_a_fee_in_advance_is_billed_once_in_a_time_zone_too() -> None:
    world = World(calendar=BERLIN)
    world.price_books.merge(read_book({"fees": [FEE]}))
    world.add_customer("acme")
    bill_on(world, "15", on="2026-10-10")
    for text in ("2026-10", "2026-10-15", "2026-11-15"):
        world.clock.now = BERLIN.end(period(text))
        world.close(period(text), f"execution-{text}")
    # From 15 October to 15 November there are 31 days and, as summer time ends, an hour: 745 hours, 336 of them billed.
    part = round(Decimal(3100) * 336 / 745)
    assert amounts(world, OCTOBER) == [("2026-10", 3100), ("2026-10-15", part)]
    assert amounts(world, period("2026-10-15")) == [("2026-11-15", 3100)]
    assert amounts(world, period("2026-11-15")) == [("2026-12-15", 3100)]


def test_late_usage_of_the_shortened_period_is_priced_within_it() -> None:
    world = world_of_acme()
    bill_on(world, "15", on="2026-10-10")
    used(world, "e1", "1", time="2026-11-02")
    for text in ("2026-10", "2026-10-15"):
        close(world, period(text))
    use(world, "e2", "2", time="2026-11-03")
    use(world, "e3", "4", time="2026-10-20")  # of October, although it is within the days that 2026-10-15 is named for
    close(world, period("2026-11-15"))
    assert amounts(world, period("2026-11-15")) == [("2026-10", 400), ("2026-10-15", 200)]


def test_sizes_continue_from_one_billing_day_to_the_other() -> None:
    world = world_of_acme()
    disk = {"sku": "disk", "currency": "USD", "unit_price": 1, "aggregation": "time_weighted", "time_unit": "day"}
    world.price_books.merge(read_book({"prices": [disk | {"carry_over": True}]}))
    bill_on(world, "15", on="2026-10-10")
    used(world, "d1", "10", time="2026-10-01", sku="disk", resource="disk-1")
    for text in ("2026-10", "2026-10-15", "2026-11-15"):
        close(world, period(text))
    assert amounts(world, OCTOBER) == [("2026-10", 100 * 10 * 31)]
    assert amounts(world, period("2026-10-15")) == [("2026-10-15", 100 * 10 * 14)]
    assert amounts(world, period("2026-11-15")) == [("2026-11-15", 100 * 10 * 30)]


def test_a_minimum_of_a_quarter_from_another_billing_day_is_reached_in_its_third_month() -> None:
    world = world_of_acme()
    world.books.records.pop(("customer", "acme"))
    bill_on(world, "15")
    world.price_books.merge(
        read_book(
            {"commitments": [{"id": "q", "currency": "USD", "amount": 900, "term": "quarter", "from": "2026-10"}]}
        )
    )
    for number, day in enumerate(("2026-10-20", "2026-11-20", "2026-12-20")):
        used(world, f"e{number}", "100", time=day)
    for text in ("2026-10-15", "2026-11-15", "2026-12-15"):
        close(world, period(text))
    found = [amounts(world, period(text)) for text in ("2026-10-15", "2026-11-15", "2026-12-15")]
    assert found == [[("2026-10-15", 10000)], [("2026-11-15", 10000)], [("2026-12-15", 10000), ("2026-12-15", 60000)]]


@pytest.mark.parametrize(
    ("terms", "last_months"),
    [
        ({"commitments": [{"id": "q", "amount": 93}]}, [0, 0]),  # the three fees are 93.00
        ({"commitments": [{"id": "q", "amount": 100}]}, [700, 700]),
        ({"limits": [{"id": "q", "maximum": 80}]}, [-1300, -1300]),
    ],
)
def test_every_fee_in_advance_counts_in_the_quarter_that_it_is_for(
    terms: dict[str, list[dict[str, Any]]], last_months: list[int]
) -> None:
    world = world_of_acme()
    quarterly = {"currency": "USD", "term": "quarter", "calendar": True}
    with_terms = {section: [entry | quarterly for entry in entries] for section, entries in terms.items()}
    world.price_books.merge(read_book({"fees": [FEE], **with_terms}))
    months = [OCTOBER]
    while len(months) < 6:
        months.append(months[-1].next)
    for month in months:
        close(world, month)
    billed = [sum(minor for _, minor in amounts(world, month)) for month in months]
    first, second = last_months
    assert billed == [6200, 3100, 3100 + first, 3100, 3100, 3100 + second]


def test_a_fee_in_advance_keeps_its_tax_class_and_counts_for_a_maximum_of_its_own_month() -> None:
    world = world_of_acme()
    limit = {"id": "most", "currency": "USD", "maximum": 20}
    world.price_books.merge(read_book({"fees": [FEE | {"tax_class": "support"}], "limits": [limit]}))
    close(world, OCTOBER)
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert {line["tax_class"] for line in lines(world, OCTOBER) if line["model"] == "fee"} == {"support"}
    assert sum(minor for _, minor in amounts(world, OCTOBER)) == 2000 + 3100
    assert sum(minor for _, minor in amounts(world, NOVEMBER)) == -1100 + 3100, "31.00 billed, 20.00 at most"
    assert sum(minor for _, minor in amounts(world, DECEMBER)) == -1100 + 3100


def test_the_last_period_of_a_customer_who_is_gone_gives_back_what_was_billed_in_advance() -> None:
    world = world_of_acme()
    world.price_books.merge(read_book({"fees": [FEE]}))
    close(world, OCTOBER)
    world.price_books.merge(read_book({"fees": [FEE | {"until": "2026-11-01"}]}))
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-11", -3100)]
    invoice = world.month("acme", Period(2026, 11)).invoice
    assert invoice
    assert invoice.total_minor == -3100


def test_under_a_payer_a_fee_is_billed_with_its_own_period_and_never_twice() -> None:
    world = company(row("head"), row("north"))
    world.price_books.merge(read_book({"fees": [FEE]}))
    close(world, OCTOBER)  # each by themselves, and November's fees in advance
    assert imported(world, row("north", "head"))[1] == {}
    for month in (NOVEMBER, DECEMBER):
        close(world, month)
    [own] = documents(world, "north").values()
    assert [line.get("period", "2026-10") for line in own["lines"]] == ["2026-10", "2026-11"]
    found = [
        (line.get("customer_id", "head"), line.get("period", str(month)), line["amount_minor"])
        for month in (OCTOBER, NOVEMBER, DECEMBER)
        for line in documents(world, "head")[month]["lines"]
    ]
    assert [(of, minor) for who, of, minor in found if who == "north"] == [("2026-12", 3100)]
    assert [of for who, of, _ in found if who == "head"] == ["2026-10", "2026-11", "2026-12", "2027-01"]
