"""Lists, searches and exports, from the copy that a dashboard keeps of the register."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.dashboard.register.cache import Cache
from cli.dashboard.register.catalog import LISTS
from cli.dashboard.register.lists import Lists, Query
from cli.dashboard.register.sync import Sync
from monthclose.domain.period import Period
from tests.world import World

SEPTEMBER = Period(2026, 9)


class Copy:
    """A copy of a world's register, in memory unless a file is given."""

    def __init__(self, world: World, path: Path | None = None) -> None:
        self.world = world
        self.cache = Cache(path)
        self.sync = Sync(self.cache, world.register, world.closes, world.clock)
        self.lists = Lists(self.cache)

    def ids(self, name: str, search: str = "", sort: str = "", **filters: str) -> list[str]:
        """The customers of a list's first page."""
        self.sync.refresh(at_once=True)
        page = self.lists.page(LISTS[name], Query(search, filters, sort))
        return [str(row["customer_id"]) for row in page.rows]

    def row(self, name: str, customer_id: str) -> dict[str, object]:
        self.sync.refresh(at_once=True)
        page = self.lists.page(LISTS[name], Query(customer_id))
        return next(dict(row) for row in page.rows if row["customer_id"] == customer_id)


@pytest.fixture
def world() -> World:
    """A company with one customer who pays, one who doesn't, one who is parked, and one who pays in yen."""
    world = World()
    for name, method, currency in (
        ("acme", "ok", "USD"),
        ("poor", "declined", "USD"),
        ("odd", "ok", "USD"),
        ("tokyo", "declined", "JPY"),
    ):
        world.add_customer(name, method=method, currency=currency)
        if name != "odd":
            world.use(name, "1250")
    world.use("odd", "5")
    world.change("odd", account_currency="EUR", receivable_minor=500)
    return world


@pytest.fixture
def copy(world: World) -> Iterator[Copy]:
    world.close()
    made = Copy(world)
    yield made
    made.cache.close()
