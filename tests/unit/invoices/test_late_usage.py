"""The cut-off: what counts for a month, and what happens to usage and corrections that arrive later."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.pricing import Graduated, PerUnit, Price, PriceBook, Tier
from monthclose.ports import Record
from tests.unit.invoices.late_usage import DECEMBER, NOVEMBER, amounts, close, lines, load, use, world_of_acme
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    return world_of_acme()


def test_late_usage_whose_import_broke_off_before_it_was_noted_is_billed_when_the_file_is_imported_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)

    def killed(*_: Record) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(world.books, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        use(world, "e2", "3")
    monkeypatch.undo()
    use(world, "e2", "3")
    close(world, NOVEMBER)
    assert [line["amount_minor"] for line in lines(world, NOVEMBER)] == [300]
    use(world, "e2", "3")
    assert close(world, NOVEMBER.next)["customers"]["invoiced"] == 0, "once"


def test_usage_that_arrives_after_the_close_is_an_adjustment_on_the_next_invoice(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    use(world, "n1", "5", time="2026-11-02")

    close(world, NOVEMBER)

    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-11", 500), ("2026-10", 300)]
    adjustment = lines(world, NOVEMBER)[1]
    assert (adjustment["kind"], adjustment["quantity"], adjustment["sku"]) == ("adjustment", "3", "vm")
    assert adjustment["description"] == "vm, adjustment for 2026-10"


def test_late_usage_has_the_price_of_its_own_month_whatever_the_book_says_today(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(7))]))
    use(world, "e2", "3")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-10", 300)]


def test_late_usage_counts_in_the_tiers_as_if_it_had_arrived_on_time(world: World) -> None:
    tiers = (Tier(Decimal(0), Decimal(10), Decimal(1)), Tier(Decimal(10), None, Decimal("0.5")))
    world.price_books.merge(PriceBook.of([Price("vm", "USD", Graduated(tiers))]))
    use(world, "e1", "8")
    close(world, OCTOBER)
    use(world, "e2", "4")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-10", 1100 - 800)]


def test_late_hours_of_a_machine_that_has_reached_its_cap_cost_nothing(world: World) -> None:
    world.price_books.merge(PriceBook.of([Price("vm", "USD", PerUnit(Decimal(1), monthly_cap=Decimal(6)))]))
    use(world, "e1", "100", resource="web-1")
    close(world, OCTOBER)
    use(world, "e2", "50", resource="web-1")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == []


def test_late_usage_is_billed_once_however_often_anything_is_closed_again(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    close(world, NOVEMBER)
    close(world, OCTOBER)
    close(world, DECEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-10", 300)]
    assert amounts(world, DECEMBER) == []
    assert world.customer("acme").late_usage == {}


def test_usage_that_arrives_while_the_next_month_is_being_closed_waits_for_the_one_after(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    world.clock.now = NOVEMBER.end
    run = world.open(NOVEMBER, "november")
    world.clock.pass_time(minutes=5)
    use(world, "e3", "4")
    world.workflow.running.clear()
    assert run == 1

    close(world, NOVEMBER)
    close(world, DECEMBER)

    assert amounts(world, NOVEMBER) == [("2026-10", 300)]
    assert amounts(world, DECEMBER) == [("2026-10", 400)]


def test_the_same_close_run_again_bills_by_the_same_watermark(world: World) -> None:
    use(world, "e1", "10", sku="unpriced")
    assert close(world, OCTOBER)["parked"] == {"no_price": 1}
    world.price_books.merge(PriceBook.of([Price.plain("unpriced", "USD", Decimal(2))]))
    use(world, "e2", "3")

    close(world, OCTOBER)
    close(world, NOVEMBER)

    assert amounts(world, OCTOBER) == [("2026-10", 2000)]
    assert amounts(world, NOVEMBER) == [("2026-10", 300)]


def test_late_usage_of_a_parked_month_is_not_lost(world: World) -> None:
    use(world, "e1", "10", sku="unpriced")
    close(world, OCTOBER)
    use(world, "e2", "3")
    use(world, "n1", "5", time="2026-11-02")
    close(world, NOVEMBER)
    world.price_books.merge(PriceBook.of([Price.plain("unpriced", "USD", Decimal(2))]))
    close(world, OCTOBER)
    close(world, DECEMBER)

    assert amounts(world, NOVEMBER) == [("2026-11", 500)]
    assert amounts(world, OCTOBER) == [("2026-10", 2000)]
    assert amounts(world, DECEMBER) == [("2026-10", 300)]


def test_a_customer_who_is_new_since_is_billed_for_an_earlier_month_too(world: World) -> None:
    close(world, OCTOBER)
    world.add_customer("late")
    load(world, {"customer_id": "late", "event_id": "e1", "quantity": "2"})
    close(world, NOVEMBER)
    invoice = world.month("late", NOVEMBER).invoice
    assert invoice
    assert invoice.total_minor == 200


def test_late_usage_in_a_currency_the_customer_no_longer_has_parks_them(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    profile = world.customer("acme").profile
    world.directory.put_profiles([("acme", type(profile)(**{**_fields(profile), "currency": "EUR"}))])
    report = close(world, NOVEMBER)
    assert report["parked"] == {"currency_mismatch": 1}


def _fields(profile: Any) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in profile.__dataclass_fields__}


def test_usage_received_after_the_watermark_by_a_clock_that_is_ahead_is_billed_next(world: World) -> None:
    world.clock.now = OCTOBER.end + timedelta(minutes=10)  # the importer's clock
    use(world, "e1", "10")
    world.clock.now = OCTOBER.end
    world.close(OCTOBER)
    assert amounts(world, OCTOBER) == []
    world.clock.pass_time(hours=1)
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-10", 1000)]


QUANTITIES = st.integers(-20, 50)


@pytest.mark.long
@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), QUANTITIES), max_size=8))
def test_whenever_usage_arrives_the_invoices_add_up_to_what_it_costs(arrivals: list[tuple[int, int]]) -> None:
    world = World()
    tiers = (Tier(Decimal(0), Decimal(20), Decimal(1)), Tier(Decimal(20), None, Decimal("0.3")))
    world.price_books.merge(PriceBook.of([Price("vm", "USD", Graduated(tiers))]))
    world.add_customer("acme")
    months = [OCTOBER, NOVEMBER, DECEMBER, DECEMBER.next]
    for turn, month in enumerate(months):
        for number, (when, quantity) in enumerate(arrivals):
            if when == turn:
                use(world, f"e{number}", str(quantity))
        close(world, month)
    total = sum(quantity for _, quantity in arrivals)
    size = abs(total)
    cost = min(size, 20) * 100 + max(size - 20, 0) * 30
    assert sum(minor for month in months for _, minor in amounts(world, month)) == (cost if total > 0 else -cost)
