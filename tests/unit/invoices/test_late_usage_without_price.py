"""Late usage that has no price or the wrong currency: the customer waits until it is priced or corrected."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.pricing.metering.aggregation import Window
from tests.unit.invoices.late_usage import DECEMBER, NOVEMBER, close, lines, use, world_of_acme
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    return world_of_acme()


def price(world: World, sku: str, amount: str, currency: str = "USD", **more: Any) -> None:
    """Import a price, after the closes so far."""
    world.price_books.merge(PriceBook.of([replace(Price.plain(sku, currency, Decimal(amount)), **more)]))


def unpriced(world: World) -> None:
    """October is closed; then usage of it arrives for a SKU that its price book lacks."""
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "gpu-1", "3", sku="gpu")


def test_late_usage_without_a_price_names_sku_month_book_and_what_to_do(world: World) -> None:
    unpriced(world)
    assert close(world, NOVEMBER)["parked"] == {"no_price": 1}
    parking, october = world.month("acme", NOVEMBER).parking, world.closes.get(OCTOBER)
    assert parking
    assert october
    for fact in (
        "'gpu'",
        "of 2026-10",
        october.price_book,
        "monthclose import prices",
        "close again",
    ):
        assert fact in parking.detail


def test_a_price_added_after_the_book_was_frozen_counts_only_for_a_sku_missing_from_it(
    world: World,
) -> None:
    unpriced(world)
    close(world, NOVEMBER)
    price(world, "gpu", "7")
    price(world, "vm", "100")  # what was billed with stays
    assert close(world, NOVEMBER)["parked"] == {}
    assert [(line["sku"], line["amount_minor"]) for line in lines(world, NOVEMBER)] == [("gpu", 2_100)]


def test_usage_keeps_the_price_it_was_billed_at_when_that_price_changes_again(world: World) -> None:
    unpriced(world)
    price(world, "gpu", "7")
    close(world, NOVEMBER)
    price(world, "gpu", "9")
    use(world, "gpu-2", "1", sku="gpu")
    close(world, DECEMBER)
    assert [(line["sku"], line["amount_minor"]) for line in lines(world, DECEMBER)] == [("gpu", 700)]


def test_a_customers_own_price_added_later_counts_too(world: World) -> None:
    unpriced(world)
    price(world, "gpu", "7")
    price(world, "gpu", "5", customer="acme")
    close(world, NOVEMBER)
    assert [line["amount_minor"] for line in lines(world, NOVEMBER)] == [1_500]


def test_a_correction_to_zero_removes_the_problem(world: World) -> None:
    unpriced(world)
    use(world, "gpu-2", "0", sku="gpu", replaces="gpu-1")
    use(world, "tpu-1", "2", sku="tpu")
    use(world, "tpu-2", "-2", sku="tpu")
    assert close(world, NOVEMBER)["parked"] == {}
    assert lines(world, NOVEMBER) == []


def test_usage_of_the_month_itself_that_is_corrected_to_zero_needs_no_price(world: World) -> None:
    use(world, "e1", "1")
    use(world, "gpu-1", "3", sku="gpu")
    use(world, "gpu-2", "-3", sku="gpu")
    assert close(world, OCTOBER)["parked"] == {}
    assert [line["sku"] for line in lines(world, OCTOBER)] == ["vm"]


def test_late_usage_from_before_a_price_began_is_priced_by_one_added_later(world: World) -> None:
    price(world, "gpu", "2", valid=Window(OCTOBER.start + timedelta(days=14), OCTOBER.end))
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "gpu-1", "3", sku="gpu", time="2026-10-05")
    use(world, "gpu-2", "1", sku="gpu", time="2026-10-20")
    assert close(world, NOVEMBER)["parked"] == {"no_price": 1}
    price(world, "gpu", "9")
    close(world, NOVEMBER)
    assert sorted(line["amount_minor"] for line in lines(world, NOVEMBER)) == [200, 2_700]


def test_late_usage_in_a_former_currency_parks_nobody_once_it_is_corrected(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "1")
    world.add_customer("acme", currency="EUR")
    assert close(world, NOVEMBER)["parked"] == {"currency_mismatch": 1}
    use(world, "e3", "-1")
    assert close(world, NOVEMBER)["parked"] == {}


def test_a_correction_after_a_close_has_parked_its_customer_removes_the_problem(world: World) -> None:
    use(world, "e1", "10")
    use(world, "gpu-1", "3", sku="gpu")
    assert close(world, OCTOBER)["parked"] == {"no_price": 1}
    use(world, "gpu-2", "0", sku="gpu", replaces="gpu-1")
    assert close(world, OCTOBER)["parked"] == {}
    assert [(line["sku"], line["amount_minor"]) for line in lines(world, OCTOBER)] == [("vm", 1_000)]
    assert close(world, NOVEMBER)["parked"] == {}
    assert lines(world, NOVEMBER) == []
