"""What DynamoDB lets through each second: by table, by index and by partition key."""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox.strict.limits import Limits

type Clock = Callable[[], float]
type Kind = Literal["writes", "reads"]

_WINDOW_SECONDS = 1800.0
"""A table takes no more than twice its previous peak within so long."""
_MANY_BUCKETS = 20_000
"""From so many on, those that are full again are forgotten."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a call wants of a table or one of its indexes.

    Parameters
    ----------
    index : str
        A global secondary index; empty for the table itself.
    partition : Hashable
        The partition key's value; None if the call is spread over many, as a scan is.
    units : float
        Write or read request units.
    warm : float
        The warm throughput that was set, in units per second; 0 if none was.
    """

    table: str
    index: str
    partition: Hashable
    kind: Kind
    units: float
    warm: float = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a demand is not met: the limit, and the reason in DynamoDB's words."""

    limit: str
    reason: str
    table: str
    index: str


type _Rates = list[tuple[str, Hashable, float]]
"""The limits that hold for a demand: each one's name, its bucket, and units per second."""
type _Rated = tuple[Demand, _Rates]


class Buckets:
    """Token buckets. One that is full, or holds what a call needs, lets it through; it may then be below zero."""

    def __init__(self) -> None:
        self._tokens: dict[Hashable, tuple[float, float, float]] = {}
        """By key: the tokens, at what time, and when it will be full again."""

    def holds(self, key: Hashable, units: float, rate: float, size: float, now: float) -> bool:
        """Whether a call may pass."""
        return self._left(key, rate, size, now) >= min(units, size) > 0

    def take(self, key: Hashable, units: float, rate: float, size: float, now: float) -> None:
        """Take tokens out; a negative number of them gives them back."""
        if len(self._tokens) >= _MANY_BUCKETS:
            self._tokens = {other: bucket for other, bucket in self._tokens.items() if bucket[2] > now}
        left = self._left(key, rate, size, now) - units
        self._tokens[key] = (left, now, now + (size - left) / rate if rate else now)

    def _left(self, key: Hashable, rate: float, size: float, now: float) -> float:
        tokens, at, _full = self._tokens.get(key, (size, now, now))
        return min(size, tokens + (now - at) * rate)


class Growth:
    """How much a table on demand takes a second: its initial throughput, or twice its previous peak."""

    def __init__(self, now: float) -> None:
        self._peak = self._new_peak = self._in_second = 0.0
        self._window, self._second = now, now

    def allowed(self, base: float, factor: float, now: float) -> float:
        """Return the units per second it takes."""
        self._turn(now)
        return max(base, factor * self._peak)

    def note(self, units: float, now: float) -> None:
        """Count what it took."""
        self._turn(now)
        self._in_second += units
        self._new_peak = max(self._new_peak, self._in_second)

    def _turn(self, now: float) -> None:
        if now - self._second >= 1:
            self._second, self._in_second = now, 0.0
        if now - self._window >= _WINDOW_SECONDS:
            self._peak, self._new_peak, self._window = max(self._peak, self._new_peak), 0.0, now


class Throughput:
    """The throughput of all tables. Any number of threads may use it.

    A partition key takes 1,000 writes and 3,000 reads a second, whatever its table takes. A new table takes 4,000 and
    12,000, or the warm throughput that was set for it; then twice its previous peak, up to the quota of a table. An
    index has the same limits of its own. What was not used is kept for 300 seconds if `dynamodb.burst` is on: DynamoDB
    doesn't promise it, so it is off unless somebody switches it on.
    """

    def __init__(self, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._buckets = Buckets()
        self._growth: dict[Hashable, Growth] = {}
        self._lock = threading.Lock()

    def admit(self, demands: Sequence[Demand]) -> Refusal | None:
        """Take what one call wants, or nothing: then why not."""
        (refusal,) = self.admit_together([demands])
        return refusal

    def admit_together(self, calls: Sequence[Sequence[Demand]]) -> list[Refusal | None]:
        """Take what all calls of a transaction want, or nothing: then why not, call by call."""
        with self._lock:
            now = self._clock()
            taken: list[_Rated] = []
            refusals: list[Refusal | None] = []
            for demands in calls:
                rated = [(demand, self._rates(demand, now)) for demand in demands]
                refusal = self._refusal(rated, now)
                refusals.append(refusal)
                if refusal is None:
                    self._take(rated, now)
                    taken.extend(rated)
                else:
                    self._limits.strike(refusal.limit)
            if any(refusals):
                self._take(taken, now, -1)
            else:
                self._note([demand for demand, _rates in taken], now)
            return refusals

    def spend(self, demands: Sequence[Demand]) -> None:
        """Take what a call has used that could not be known before."""
        with self._lock:
            now = self._clock()
            self._take([(demand, self._rates(demand, now)) for demand in demands], now)
            self._note(demands, now)

    def _refusal(self, rated: Sequence[_Rated], now: float) -> Refusal | None:
        seconds = self._seconds
        for demand, rates in rated:
            for limit, key, rate in rates:
                if not self._buckets.holds(key, demand.units, rate, rate * seconds, now):
                    what = ("Index" if demand.index else "Table") + demand.kind.removesuffix("s").title()
                    account = limit == f"dynamodb.table_{demand.kind}"
                    reason = f"{what}{'AccountLimitExceeded' if account else 'KeyRangeThroughputExceeded'}"
                    return Refusal(limit, reason, demand.table, demand.index)
        return None

    def _take(self, rated: Sequence[_Rated], now: float, times: int = 1) -> None:
        seconds = self._seconds
        for demand, rates in rated:
            for _limit, key, rate in rates:
                self._buckets.take(key, times * demand.units, rate, rate * seconds, now)

    def _note(self, demands: Sequence[Demand], now: float) -> None:
        for demand in demands:
            self._growth_of(demand, now).note(demand.units, now)

    def _rates(self, demand: Demand, now: float) -> _Rates:
        """List the limits that hold for a demand."""
        rates: _Rates = []
        partition = f"dynamodb.partition_{demand.kind}"
        resource = (demand.table, demand.index, demand.kind)
        if demand.partition is not None and self._limits.on(partition):
            rates.append((partition, (*resource, demand.partition), self._limits.value(partition)))
        limit, rate = self._of_table(demand, now)
        if limit:
            rates.append((limit, resource, rate))
        return rates

    def _of_table(self, demand: Demand, now: float) -> tuple[str, float]:
        new, quota = f"dynamodb.new_table_{demand.kind}", f"dynamodb.table_{demand.kind}"
        most = self._limits.value(quota) if self._limits.on(quota) else float("inf")
        if self._limits.on(new):
            factor = self._limits.value("dynamodb.growth") if self._limits.on("dynamodb.growth") else 0
            base = demand.warm or self._limits.value(new)
            allowed = self._growth_of(demand, now).allowed(base, factor, now)
            if allowed < most:
                return new, allowed
        return (quota, most) if self._limits.on(quota) else ("", 0)

    def _growth_of(self, demand: Demand, now: float) -> Growth:
        return self._growth.setdefault((demand.table, demand.index, demand.kind), Growth(now))

    @property
    def _seconds(self) -> float:
        return self._limits.value("dynamodb.burst") if self._limits.on("dynamodb.burst") else 1
