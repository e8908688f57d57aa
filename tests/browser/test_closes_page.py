"""The first page of the dashboard, and who may see it."""

from collections.abc import Callable

import pytest

from tests.browser.visiting import TELEPHONE, WIDE, Visitor
from tests.world import World

type Visit = Callable[..., Visitor]


@pytest.fixture
def closed(world: World) -> None:
    world.use(world.add_customer("acme"), "1234.50")
    world.use(world.add_customer("yoko", currency="JPY"), "9000")
    world.use(world.add_customer("deb", method="declined"), "10")
    world.close()


@pytest.mark.usefixtures("closed")
def test_every_close_is_listed_with_its_state_and_its_money_in_each_currency(visitor: Visitor) -> None:
    said = visitor.text()
    assert "2026-10 ✓ Completed 3 customers, opened 2026-11-01 00:00 UTC JPY 9,000 9,000 0 0 100%" in said
    assert "USD 1,244.50 1,234.50 0.00 10.00 99.1%" in said


def test_without_a_close_the_page_says_when_the_first_one_begins(visitor: Visitor) -> None:
    assert "No month has been closed yet" in visitor.text()


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, TELEPHONE])
def test_the_page_has_no_barriers_and_fits_into_the_window(visit: Visit, size: tuple[int, int], scheme: str) -> None:
    visitor = visit(size, scheme)
    assert visitor.barriers() == []
    assert not visitor.overflows()
