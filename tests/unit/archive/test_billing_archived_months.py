"""What is billed of a month whose usage is in the archive: late usage, corrections, an invoice that is regenerated."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.usage_archive import month_key, part_key
from tests.archiving import archive
from tests.unit.invoices.late_usage import amounts, close, use, world_of_acme
from tests.world import World

SEPTEMBER, OCTOBER = Period(2025, 9), Period(2026, 10)


@pytest.fixture
def world() -> World:
    world = world_of_acme()
    world.clock.now = SEPTEMBER.end
    use(world, "first", "100", time="2025-09-05")
    use(world, "second", "20", time="2025-09-06")
    close(world, SEPTEMBER)
    world.clock.now = datetime(2026, 11, 20, tzinfo=UTC)
    [month] = [one for one in archive(world) if one.events]
    assert (month.period, month.events) == (SEPTEMBER, 2)
    return world


def test_late_usage_of_an_archived_month_is_billed_with_the_next_invoice(world: World) -> None:
    use(world, "late", "3", time="2025-09-07")
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2025-09", 300)]


def test_a_correction_of_an_archived_event_credits_the_difference(world: World) -> None:
    use(world, "better", "70", time="2025-09-05", replaces="first")
    use(world, "new", "50", time="2026-10-05")
    close(world, OCTOBER)
    assert sorted(amounts(world, OCTOBER)) == [("2025-09", -3000), ("2026-10", 5000)]


def test_an_archived_event_that_is_imported_again_is_not_stored_twice(world: World) -> None:
    use(world, "first", "100", time="2025-09-05")
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == []


def test_an_invoice_of_an_archived_month_is_regenerated_from_its_usage(world: World) -> None:
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal("0.5"))]))
    invoice = world.month("acme", SEPTEMBER).invoice
    assert invoice
    again = world.regenerator.regenerate(invoice.number, "the price was wrong").invoice
    assert (invoice.total.minor, again.total.minor) == (12000, 6000)


@pytest.mark.parametrize("key", [month_key(SEPTEMBER), part_key(SEPTEMBER, 0)])
def test_a_damaged_list_is_never_taken_for_a_month_without_usage(world: World, key: str) -> None:
    """Its usage would be billed again as late, or credited as if it had never been."""
    world.documents.put(key, b'{"period": "2025-09"}')
    with pytest.raises(ValueError, match=f"{key} in the usage archive is damaged"):
        use(world, "first", "100", time="2025-09-05")
