"""The steps that work on the whole close: plan, park, prove and report. Each within its function's time and memory."""

import math
from dataclasses import dataclass

from bench.scale.aws import Aws
from bench.scale.engine import Process
from bench.scale.machine import Failed
from bench.scale.scenario import model
from stacks.functions.table import Function

_OUT_OF_MEMORY = "Runtime.ExitError"
_SEGMENTS = 16
"""Of a scan in parallel."""
_GROUP = 75_000
"""Charges that one part of the comparison takes."""
_PARTS_AT_ONCE = 40
_PARK_BATCHES_AT_ONCE = 40
_PROGRESS_BYTES = 3000
"""Of a batch's progress: its customers' ids and its sums."""
_PAGE_BYTES = 1_000_000


@dataclass
class Whole:
    """The steps' work, each as the code of the fixes does it."""

    aws: Aws

    def _seconds(self, function: Function, milliseconds: float) -> float:
        return self.aws.cpu_seconds(function, milliseconds)

    def _reads(self, table: str, units: float) -> None:
        """Count what is read page by page, more slowly than any table's limit."""
        self.aws.used[f"read:{table}"] += units  # type: ignore[assignment]

    def plan(self, customers: int, batches: int, *, first: bool) -> Process[None]:
        """Scan, order, cut and write; a later round reads the snapshot and the batches' progress.

        Raises
        ------
        Failed
            The customers don't fit into the function's memory.
        """
        self._reads("closes", batches * _PROGRESS_BYTES / 4096)
        if self.aws.scenario.fixes.plan_in_parts:
            yield from self._plan_in_parts(customers, first=first)
        else:
            yield from self._plan_at_once(customers, first=first)
        progress = batches * _PROGRESS_BYTES / _PAGE_BYTES * model()["seconds"]["scan_page"]
        yield progress + 4 * model()["seconds"]["s3"]

    def _plan_at_once(self, customers: int, *, first: bool) -> Process[None]:
        """One scan; everybody is in memory until the list is written."""
        this, numbers = Function.PLAN_CLOSE, model()
        memory = numbers["memory"]["plan_base"] + customers * numbers["memory"]["plan_customer"] / 1e6
        if memory > self.aws.memory_mb(this):
            yield customers / self.aws.memory_mb(this) * 1e-3  # it dies on the way
            raise Failed(_OUT_OF_MEMORY)
        if not first:
            yield self._seconds(this, customers * 0.001)
            return
        pages = customers / numbers["pages"]["scan"]
        self._reads("customers", customers / 6)
        yield pages * numbers["seconds"]["scan_page"] + self._seconds(this, customers * numbers["cpu"]["plan_customer"])

    def _plan_in_parts(self, customers: int, *, first: bool) -> Process[None]:
        """Segments in parallel, each sorted part to S3; a last function merges them and streams the list."""
        this, numbers = Function.PLAN_CLOSE, model()
        if not first:
            yield self._seconds(this, customers * 0.001)
            return
        segments = min(_SEGMENTS, max(customers // 50_000, 1))
        each = customers / segments
        self._reads("customers", customers / 6)
        yield each / numbers["pages"]["scan"] * numbers["seconds"]["scan_page"] + self._seconds(
            this, each * numbers["cpu"]["plan_customer_lean"]
        )
        for _ in range(segments - 1):
            self.aws.bill(this, each * numbers["cpu"]["plan_customer_lean"] / 1000 / 0.58)
        yield self._seconds(this, customers * _MERGE_CUSTOMER_MS) + 2 * numbers["seconds"]["s3"]

    def park(self, customers: int) -> Process[None]:
        """Set customers without an outcome aside."""
        this, seconds = Function.PARK_CUSTOMERS, model()["seconds"]
        each = 2 * seconds["query"] + seconds["get_item"] + seconds["write_item"]
        each += self._seconds(this, _PARK_MS)
        self.aws.used["write:billing"] += customers
        self._reads("billing", 2 * customers)
        self._reads("customers", customers)
        yield customers * each / (_PARK_BATCHES_AT_ONCE if self.aws.scenario.fixes.parking_map else 1)

    def prove(self, charges: int) -> Process[None]:
        """Compare the provider's record with ours in one function, or join the parts that were compared; report."""
        this, numbers = Function.REPORT_CLOSE, model()
        if self.aws.scenario.fixes.proof_map:
            yield self._seconds(this, charges * numbers["cpu"]["merge_charge"])
            return
        lane = self._list(charges)
        pages = charges / numbers["pages"]["provider"]
        takes = max(pages * numbers["seconds"]["provider_page"], lane)
        yield max(takes, self._seconds(this, charges * numbers["cpu"]["compare_charge"]))

    def _list(self, charges: int) -> float:
        """Count what reading both sides takes; returns how long the provider's lane takes for its pages."""
        pages = charges / model()["pages"]["provider"]
        self._reads("billing", 2 * charges)
        self.aws.used["provider pages"] += pages  # type: ignore[assignment]
        return pages / self.aws.scenario.provider.limit.usable()

    def compare_in_parts(self, charges: int) -> Process[None]:
        """Read windows of the provider's record and groups of our batches: a Map, each part a function."""
        this, numbers = Function.REPORT_CLOSE, model()
        lane = self._list(charges)
        parts = max(math.ceil(charges / _GROUP), 1)
        waves = math.ceil(2 * parts / _PARTS_AT_ONCE)
        part = min(charges, _GROUP)
        compute = self._seconds(this, part * numbers["cpu"]["compare_charge"] / 2)
        for _ in range(2 * parts):
            self.aws.bill(this, compute)
        self.aws.used["transitions"] += 2 * parts * 3
        page = numbers["seconds"]["provider_page"] / numbers["pages"]["provider"]
        listing = max(lane, part * page)
        if self.aws.scenario.fixes.lists_ahead:
            listing = min(part, self.aws.scenario.provider.limit.usable() * _LAST_WINDOW_SECONDS) * page
        yield max(listing, waves * compute)


_LAST_WINDOW_SECONDS = 900
"""Of the provider's record, where the earlier windows are read while charging goes on."""
_MERGE_CUSTOMER_MS = 0.006
_PARK_MS = 4.0
