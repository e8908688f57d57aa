"""Usage that comes back: credited at the price that it was billed at, in the month that it was billed in."""

from decimal import Decimal

import pytest

from monthclose.domain.pricing.reading import read_book
from tests.unit.invoices.late_usage import DECEMBER, NOVEMBER, amounts, close, lines, load, use, world_of_acme
from tests.world import OCTOBER, World

TIERS = [{"up_to": 10, "unit_price": "3"}, {"unit_price": "2"}]


@pytest.fixture
def world() -> World:
    return world_of_acme()


def price(world: World, **fields: object) -> None:
    world.price_books.merge(read_book({"prices": [{"sku": "vm", "currency": "USD", **fields}]}))


def test_a_return_is_credited_at_the_price_of_when_it_was_used_though_the_price_has_changed_since(world: World) -> None:
    price(world, unit_price="5", **{"from": "2026-10-15"})
    price(world, unit_price="9", **{"from": "2026-11-01"})
    use(world, "e1", "10", time="2026-10-05")
    use(world, "e2", "10", time="2026-10-20")
    close(world, OCTOBER)
    use(world, "r1", "-2", time="2026-11-02", used_at="2026-10-05T12:00")
    use(world, "r2", "-3", time="2026-11-02", used_at="2026-10-20")
    use(world, "n1", "1", time="2026-11-02")
    close(world, NOVEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 1000), ("2026-10", 5000)]
    assert amounts(world, NOVEMBER) == [("2026-11", 900), ("2026-10", -200), ("2026-10", -1500)]


def test_a_return_from_the_same_month_takes_its_price(world: World) -> None:
    price(world, unit_price="5", **{"from": "2026-10-15"})
    use(world, "e1", "10", time="2026-10-05")
    use(world, "r1", "-4", time="2026-10-20", used_at="2026-10-05")
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 600), ("2026-10", 0)]


def test_a_return_comes_off_the_tier_that_it_was_billed_in(world: World) -> None:
    price(world, model="graduated", tiers=TIERS)
    use(world, "e1", "12")
    close(world, OCTOBER)
    use(world, "r1", "-3", time="2026-11-02", used_at="2026-10-05")
    close(world, NOVEMBER)
    # 10 x 3 + 2 x 2 = 34.00 were billed; 9 x 3 = 27.00 are left.
    assert amounts(world, NOVEMBER) == [("2026-10", -700)]


def test_all_that_was_used_may_come_back_in_parts_over_the_months_and_credits_what_was_billed(world: World) -> None:
    price(world, model="graduated", tiers=TIERS)
    use(world, "e1", "12")
    close(world, OCTOBER)
    use(world, "r1", "-3", time="2026-11-02", used_at="2026-10-05")
    close(world, NOVEMBER)
    use(world, "r2", "-9", time="2026-12-02", used_at="2026-10-05")
    close(world, DECEMBER)
    credited = sum(minor for month in (NOVEMBER, DECEMBER) for _, minor in amounts(world, month))
    assert (amounts(world, OCTOBER), credited) == ([("2026-10", 3400)], -3400)


def test_a_return_of_usage_that_was_rated_upstream_is_credited_at_the_price_that_it_brings(world: World) -> None:
    use(world, "e1", "10", unit_price="2")
    close(world, OCTOBER)
    use(world, "r1", "-1", unit_price="2", time="2026-11-02", used_at="2026-10-05")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-10", -200)]


def test_a_part_of_a_transaction_is_returned_by_correcting_it(world: World) -> None:
    price(world, model="percentage", percent="1", fixed_fee="0.30", maximum_fee="5")
    use(world, "e1", "1000")
    close(world, OCTOBER)
    use(world, "e2", "200", replaces="e1")
    close(world, NOVEMBER)
    # 1% of 1,000 + 0.30, at most 5.00; of the 200 that are left 2.30.
    assert amounts(world, NOVEMBER) == [("2026-10", -270)]


def test_the_adjustment_says_what_came_back(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "r1", "-4", time="2026-11-02", used_at="2026-10-05")
    close(world, NOVEMBER)
    [line] = lines(world, NOVEMBER)
    assert (line["kind"], line["quantity"], line["period"]) == ("adjustment", "-4", "2026-10")


def test_a_return_is_kept_with_both_of_its_times_and_says_the_same_twice(world: World) -> None:
    row = {"event_id": "r1", "quantity": "-4", "time": "2026-10-20", "used_at": "2026-10-05"}
    assert [load(world, row), load(world, row)] == [[], []]
    [stored] = world.usage.events("acme", OCTOBER)
    assert (stored.time.day, stored.quantity) == (5, Decimal(-4))
    assert stored.returned_at is not None
    assert stored.returned_at.day == 20
    assert load(world, row | {"time": "2026-10-21"}) == [
        "event_id is already stored with different content; a correction needs its own event_id and the field replaces"
    ]
