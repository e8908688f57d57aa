"""A dashboard's copy of a world's register, and a clock that goes on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cli.dashboard.register.cache import Cache
from cli.dashboard.register.catalog import LISTS
from cli.dashboard.register.lists import Lists, Query
from cli.dashboard.register.sync import Sync
from tests.fakes import FakeClock
from tests.world import World


@dataclass
class Ticking(FakeClock):
    """A clock that goes on whenever it is asked, as clocks do."""

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


class Copy:
    """A copy of a world's register, in memory unless a file is given."""

    def __init__(self, world: World, path: Path | None = None) -> None:
        self.world = world
        self.cache = Cache(path)
        self.sync = Sync(self.cache, world, world.clock)
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
