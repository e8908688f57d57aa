"""AWS as the close meets it: tables, functions, transitions and mail, each with its limit, and what is used of it."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bench.costs.measured import Costs, StageCosts, load_costs
from bench.scale.engine import Loop, Process
from bench.scale.limiting import GrowingRate, Level, Peak, Rate
from bench.scale.machine import Failed
from bench.scale.scenario import Scenario, model
from monthclose.domain.closes.pacing import warm_reads, warm_writes
from sandbox.strict.limits import load_limits
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS

TABLES = ("customers", "usage", "usage_packs", "billing", "closes", "idempotency")
_WHOLE_CPU_MB = 1769
_MOST_CPU = 2.0
_TIMED_OUT, _NO_ROOM = "Sandbox.Timedout", "Lambda.TooManyRequestsException"
_KEPT_FREE = 100
"""Lambda keeps as much of the account's concurrency from being reserved."""


class Used(NamedTuple):
    """The peak of a quota."""

    name: str
    peak: float
    limit: float

    @property
    def share(self) -> float:
        """How much of the limit the peak is."""
        return self.peak / self.limit if self.limit else 0.0


class Aws:
    """The account in which a close runs."""

    def __init__(self, scenario: Scenario, loop: Loop) -> None:
        self.loop, self.scenario = loop, scenario
        self.rng = random.Random(scenario.seed)
        self.limits = {name: limit.value for name, limit in load_limits().items()} | dict(scenario.limits)
        self.costs: Costs = load_costs()
        self.used: Counter[str] = Counter()
        """What is paid for: write and read units by table, invocations, GB-seconds, transitions, requests, bytes."""
        self.calls: Counter[Function] = Counter()
        """Invocations that found room."""
        self.failures: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.writes = {name: self._table(name, "writes") for name in TABLES}
        self.reads = {name: self._table(name, "reads") for name in TABLES}
        self.transitions = Rate(self.limits["stepfunctions.state_transitions"])
        self.answers = Rate(self.limits["stepfunctions.send_task"])
        self.mails = Rate(scenario.quotas.mails_per_second)
        self.mails_sent = Peak(86_400)
        self.series = Rate(self.limits["dynamodb.partition_writes"])
        self.concurrency, self.children = Level(), Level()
        self._running: Counter[Function] = Counter()
        self._environments: Counter[Function] = Counter()
        self._scaling: dict[Function, Rate] = {}

    def _table(self, _name: str, kind: str) -> Rate:
        most, new = getattr(self.scenario.quotas, f"table_{kind}"), self.limits[f"dynamodb.new_table_{kind}"]
        warm = _WARM[kind](self.scenario.customers) if self.scenario.fixes.warm_tables else 0
        return GrowingRate(max(warm, new), most)

    def stage(self, function: Function) -> StageCosts:
        """Return what a function's work costs."""
        return self.costs.stage(function.value)

    def memory_mb(self, function: Function) -> int:
        """Return a function's memory."""
        return FUNCTIONS[function].memory_mb

    def cpu_seconds(self, function: Function, milliseconds: float) -> float:
        """How long so much CPU takes with the share that comes with a function's memory; one thread."""
        return milliseconds / 1000 / min(self.memory_mb(function) / _WHOLE_CPU_MB, 1.0)

    def transition(self, number: int = 1) -> Process[None]:
        """Enter states."""
        self.used["transitions"] += number
        wait = self.transitions.pace(self.loop.now, number)
        if wait:
            yield wait

    def answer_task(self) -> None:
        """Count an answer or a heartbeat of a waiting task."""
        self.answers.pace(self.loop.now, 1)

    def use(self, what: dict[str, float], times: float) -> None:
        """Count what work uses that is not counted where it is limited."""
        for name, number in what.items():
            self.used[name] += number * times  # type: ignore[assignment]

    def read(self, units: dict[str, float], times: float) -> Process[None]:
        """Read: the SDK repeats what is throttled, for a while.

        Raises
        ------
        Failed
            The SDK has given up.
        """
        longest = 0.0
        for table, each in units.items():
            self.used[f"read:{table}"] += each * times  # type: ignore[assignment]
            longest = max(longest, self.reads[table].pace(self.loop.now, each * times))
        if longest:
            yield longest
        if longest > _SDK_PATIENCE and not self.scenario.fixes.repeats_throttled:
            raise Failed("TryLaterError")

    def commit(self, units: dict[str, float], times: int) -> int:
        """Commit transactions while the tables take them; returns how many."""
        granted = times
        for table, each in units.items():
            granted = min(granted, self.writes[table].take(self.loop.now, granted, each))
        for table, each in units.items():
            self.used[f"write:{table}"] += each * granted  # type: ignore[assignment]
        return granted

    def write(self, units: dict[str, float], times: float) -> None:
        """Write single items: the SDK repeats what is throttled."""
        for table, each in units.items():
            self.used[f"write:{table}"] += each * times  # type: ignore[assignment]
            self.writes[table].pace(self.loop.now, each * times)

    def time_out(self, function: Function) -> float:
        """Return a function's time-out: its own, and never more than Lambda's limit."""
        return min(FUNCTIONS[function].timeout_seconds, self.limits["lambda.function_seconds"])

    def invoke[T](self, function: Function, work: Process[T]) -> Process[T]:
        """Run a function.

        Raises
        ------
        Failed
            There is no room for it, its time is up, or its work failed.
        """
        cold = self._take_room(function)
        if cold is None:
            work.close()
            self.failures[_NO_ROOM] += 1
            raise Failed(_NO_ROOM)
        began = self.loop.now + (model()["seconds"]["cold_start"] if cold else 0.0)
        try:
            if cold:
                yield began - self.loop.now
            return (yield from self._timed(work, began + self.time_out(function)))
        except Failed as failure:
            self.failures[failure.name] += 1
            raise
        finally:
            self._running[function] -= 1
            self.concurrency.change(-1)
            self.bill(function, self.loop.now - began + cold * model()["seconds"]["cold_start"])

    def bill(self, function: Function, seconds: float) -> None:
        """Count an invocation and what it lasts."""
        self.used["invocations"] += 1
        self.used["GB-seconds"] += seconds * self.memory_mb(function) / 1024  # type: ignore[assignment]
        self.use(self.stage(function).invocation, 1)

    def _timed[T](self, work: Process[T], until: float) -> Process[T]:
        answer: Any = None
        while True:
            try:
                what = work.send(answer)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(what, float | int) and self.loop.now + what > until:
                work.close()
                yield max(until - self.loop.now, 0.0)
                raise Failed(_TIMED_OUT)
            answer = yield what

    def _take_room(self, function: Function) -> bool | None:
        """Take a place in the account's concurrency; returns whether it is a cold one, or None if there is none."""
        reserved = sum(spec.at_once or 0 for spec in FUNCTIONS.values()) + self.scenario.quotas.provider_workers
        if self.concurrency.now >= self.scenario.quotas.lambda_concurrency - reserved:
            return None
        cold = self._running[function] >= self._environments[function]
        if cold:
            rate = self._scaling.setdefault(function, Rate(self.limits["lambda.scaling_rate"] / 10, 10))
            if not rate.take(self.loop.now, 1, 1):
                return None
            self._environments[function] += 1
        self._running[function] += 1
        self.calls[function] += 1
        self.concurrency.change(1)
        return cold


_WARM: Mapping[str, Callable[[int], int]] = {"writes": warm_writes, "reads": warm_reads}
_SDK_PATIENCE = 3.0
"""How long PynamoDB's six retries last."""
