"""The steps that work on the whole close: plan, park, prove and report. Each within its function's time and memory."""

import math
from dataclasses import dataclass

from bench.scale.aws import Aws
from bench.scale.engine import Process
from bench.scale.machine import Failed, definition
from bench.scale.scenario import model, settings
from monthclose.domain.closes.batching import batch_size
from monthclose.use_cases.proof import plan_comparison
from stacks.functions.spec import Function

_OUT_OF_MEMORY = "Runtime.ExitError"
_PARK_BATCHES_AT_ONCE = definition()["States"]["Park what is left"]["MaxConcurrency"]
_PROGRESS_BYTES, _ID_BYTES = 500, 15
"""Of a batch's progress: its sums, and each of its customers' ids."""
_PAGE_BYTES = 1_000_000


@dataclass
class Whole:
    """The steps' work, each as the code of the fixes does it."""

    aws: Aws

    @property
    def _progress_bytes(self) -> float:
        scenario = self.aws.scenario
        size = batch_size({"": scenario.customers}, scenario.max_batches or settings()["max_batches"])
        return _PROGRESS_BYTES + size * _ID_BYTES

    def _seconds(self, function: Function, milliseconds: float) -> float:
        return self.aws.cpu_seconds(function, milliseconds)

    def _reads(self, table: str, units: float) -> None:
        """Count what is read page by page, more slowly than any table's limit."""
        self.aws.used[f"read:{table}"] += units  # type: ignore[assignment]

    def plan_calls(self, customers: int) -> int:
        """How often the plan is called until all customers are scanned: each scans for half of its time."""
        if not self.aws.scenario.fixes.plan_in_parts:
            return 1
        return max(math.ceil(self._scanning(customers) / (_SHARE_TO_SCAN * self.aws.time_out(Function.PLAN_CLOSE))), 1)

    def _scanning(self, customers: int) -> float:
        numbers = model()
        page = numbers["seconds"]["scan_page"] / numbers["pages"]["scan"]
        return customers * (page + self._seconds(Function.PLAN_CLOSE, numbers["cpu"]["plan_customer"]))

    def scan(self, customers: int, calls: int) -> Process[None]:
        """Scan a part of the customers, and write them sorted."""
        self._reads("customers", customers / calls / 6)
        yield self._scanning(customers) / calls + 2 * model()["seconds"]["s3"]

    def plan(self, customers: int, batches: int, calls: int, *, first: bool) -> Process[None]:
        """Scan the rest, order, cut and write; a later round reads the snapshot and the batches' progress.

        Raises
        ------
        Failed
            The customers don't fit into the function's memory.
        """
        self._reads("closes", batches * self._progress_bytes / 4096)
        if not first:
            yield self._seconds(Function.PLAN_CLOSE, customers * 0.001)
        elif self.aws.scenario.fixes.plan_in_parts:
            yield from self.scan(customers, calls)
            yield self._seconds(Function.PLAN_CLOSE, customers * _MERGE_CUSTOMER_MS)
        else:
            yield from self._plan_at_once(customers)
        progress = batches * self._progress_bytes / _PAGE_BYTES * model()["seconds"]["scan_page"]
        yield progress + 4 * model()["seconds"]["s3"]

    def _plan_at_once(self, customers: int) -> Process[None]:
        """One scan; everybody is in memory until the list is written."""
        this, numbers = Function.PLAN_CLOSE, model()
        memory = numbers["memory"]["plan_base"] + customers * numbers["memory"]["plan_customer"] / 1e6
        if memory > self.aws.memory_mb(this):
            yield customers / self.aws.memory_mb(this) * 1e-3  # it dies on the way
            raise Failed(_OUT_OF_MEMORY)
        yield from self.scan(customers, 1)

    def _parking_seconds(self) -> float:
        """How long parking a customer takes: their records are read before and after."""
        seconds = model()["seconds"]
        each = 2 * seconds["query"] + seconds["get_item"] + seconds["write_item"]
        return each + self._seconds(Function.PARK_CUSTOMERS, _PARK_MS)

    def _parked(self, customers: int) -> None:
        self.aws.used["write:billing"] += customers
        self._reads("billing", 2 * customers)
        self._reads("customers", customers)

    def park(self, customers: int) -> Process[None]:
        """Set customers without an outcome aside, one after the other."""
        self._parked(customers)
        yield customers * self._parking_seconds()

    def park_in_batches(self, sizes: list[int]) -> Process[None]:
        """Set customers aside, a batch in each child of a Map."""
        self._parked(sum(sizes))
        for size in sizes:
            self.aws.bill(Function.PARK_CUSTOMERS, size * self._parking_seconds())
        self.aws.used["transitions"] += 3 * len(sizes)
        yield max(*sizes, sum(sizes) / _PARK_BATCHES_AT_ONCE) * self._parking_seconds()

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

    def plan_comparison(self, batches: int) -> Process[None]:
        """Estimate from the batches' progress how much there is to read."""
        self._reads("closes", batches * self._progress_bytes / 4096)
        yield batches * self._progress_bytes / _PAGE_BYTES * model()["seconds"]["scan_page"] + model()["seconds"]["s3"]

    def compare_in_parts(self, charges: int) -> Process[None]:
        """Read windows of the provider's record and groups of our batches, side by side, each over several calls."""
        this, numbers = Function.COMPARE_PART, model()
        lane = self._list(charges)
        parts = min(max(math.ceil(charges / _CHARGES_IN_A_PART), 1), _MOST_PARTS)
        each = charges / parts
        cpu = self.aws.stage(this).cpu_ms / 2  # of each side
        reading = each * max(self._seconds(this, cpu), model()["seconds"]["query"] / _READERS)
        page = numbers["seconds"]["provider_page"] / numbers["pages"]["provider"]
        listing = max(lane, each * max(page, self._seconds(this, cpu)))
        if self.aws.scenario.fixes.lists_ahead:
            last = min(each, self.aws.scenario.provider.limit.usable() * _LAST_WINDOW_SECONDS)
            listing = last * max(page, self._seconds(this, cpu))
        for seconds in (reading, listing):
            calls = math.ceil(seconds / (_SHARE_TO_COMPARE * self.aws.time_out(this)))
            for _ in range(parts * calls):
                self.aws.bill(this, seconds / calls)
            self.aws.used["transitions"] += parts * (2 * calls + 1)
        yield max(listing, reading) + model()["seconds"]["cold_start"]


_SHARE_TO_SCAN, _SHARE_TO_COMPARE = 0.5, 0.8
"""Of their functions' time, as their handlers keep it."""
_CHARGES_IN_A_PART, _MOST_PARTS = plan_comparison._CHARGES_IN_A_PART, plan_comparison._MOST_PARTS
_READERS = 16
"""Threads that read months."""
_LAST_WINDOW_SECONDS = 900
"""Of the provider's record, where the earlier windows are read while charging goes on."""
_MERGE_CUSTOMER_MS = 0.006
_PARK_MS = 4.0
