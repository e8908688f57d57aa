"""Dropping usage files in memory: the state machine, step by step."""

import csv
import io
import json
from dataclasses import dataclass, field, replace
from typing import Any

from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.imports.import_lock import ImportLock
from monthclose.use_cases.imports.receive_usage import Received
from monthclose.use_cases.imports.split_usage import lanes_key
from monthclose.use_cases.imports.usage_outcome import UsageOutcome
from tests.world import OCTOBER, World

HEADER = "customer_id,sku,quantity,time\n"
GOOD = "acme,droplet,24,2026-10-02T10:00:00Z\n"
KEY = "usage/a.csv"
SMALL = DropSettings(part_kb=64, lanes=3)
LARGE = DropSettings(part_kb=0, lanes=5)
"""Splits whatever has more than one row, a part a row."""


@dataclass
class Drop:
    """The state machine, step by step."""

    world: World
    settings: DropSettings = field(default_factory=lambda: SMALL)
    zone: str = "UTC"
    """The time zone that bills go by."""

    def receive(self, version: str = "", execution: str = "import-1", *, key: str = KEY, **changes: Any) -> Received:
        receiver = replace(self.world.use_cases.usage_receiver, settings=self.settings, time_zone=self.zone)
        return receiver.receive(key, version, execution, **changes)

    @property
    def lock(self) -> ImportLock:
        return self.world.use_cases.import_lock

    def load(self, run: str, lane: int, first: int = 0, execution: str = "import-1", **changes: Any) -> int:
        return self.world.use_cases.lane_loader.load(run, lane, first, execution, **changes)

    def finish(self, run: str, execution: str = "import-1") -> UsageOutcome:
        return self.world.use_cases.usage_finisher.finish(run, execution)

    def lanes(self, run: str) -> list[int]:
        return [item["lane"] for item in json.loads(self.world.inbox.get(lanes_key(run)))]

    def run(self, version: str = "", execution: str = "import-1", *, key: str = KEY) -> UsageOutcome:
        """Import a file to its end."""
        received = self.receive(version, execution, key=key)
        if received.result == "split":
            for lane in self.lanes(received.run):
                assert self.load(received.run, lane, 0, execution) == -1
            return self.finish(received.run, execution)
        assert received.outcome, received
        return received.outcome

    def events(self, customer: str = "acme") -> list[UsageEvent]:
        return list(self.world.usage.events(customer, OCTOBER))

    def rejects(self, name: str = "a.csv") -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.world.inbox.get(f"rejects/{name}.csv").decode(), newline="")))

    def text(self, name: str = "a.csv") -> str:
        return self.world.inbox.get(f"rejects/{name}.txt").decode()


def of(*rows: str) -> bytes:
    return (HEADER + "".join(rows)).encode()
