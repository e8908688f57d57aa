"""Limits on virtual time: rates with a second's reserve, tables that grow with their traffic, peaks."""

from collections import deque


class Peak:
    """The largest sum in any whole second (or another span), and the total."""

    def __init__(self, span: float = 1.0) -> None:
        self.total = 0.0
        self.peak = 0.0
        self._span, self._slot, self._sum = span, -1, 0.0

    def add(self, now: float, number: float = 1.0) -> None:
        """Count."""
        slot = int(now / self._span)
        if slot != self._slot:
            self._slot, self._sum = slot, 0.0
        self._sum += number
        self.total += number
        self.peak = max(self.peak, self._sum / self._span)


class Level:
    """How many there are at once, and the most there were."""

    def __init__(self) -> None:
        self.now = self.peak = 0

    def change(self, by: int) -> None:
        """Add or take away."""
        self.now += by
        self.peak = max(self.peak, self.now)


class Rate:
    """A token bucket: `rate` a second, and what `seconds` bring at most at once."""

    def __init__(self, rate: float, seconds: float = 1.0) -> None:
        self.rate = rate
        self.peak = Peak()
        self.refused = 0
        self._seconds, self._tokens, self._at = seconds, rate * seconds, 0.0

    def limit(self, _now: float) -> float:
        """Return the rate that is allowed now."""
        return self.rate

    def _refill(self, now: float) -> None:
        rate = self.limit(now)
        self._tokens = min(self._tokens + (now - self._at) * rate, rate * self._seconds)
        self._at = now

    def take(self, now: float, times: int, each: float) -> int:
        """Take as many of `times` requests of `each` units as there is room for, and return how many."""
        self._refill(now)
        granted = times if each <= 0 else min(times, max(int(self._tokens / each), 0))
        self._tokens -= granted * each
        self.peak.add(now, granted * each)
        self.refused += times - granted
        return granted

    def backlog(self, now: float) -> float:
        """How long whoever comes now waits."""
        self._refill(now)
        return max(-self._tokens / self.limit(now), 0.0)

    def pace(self, now: float, units: float) -> float:
        """Take units that are waited for, and return how long."""
        self._refill(now)
        self._tokens -= units
        self.peak.add(now, units)
        return max(-self._tokens / self.limit(now), 0.0)


_HALF_HOUR = 1800.0
_MINUTE = 60.0


class GrowingRate(Rate):
    """A table on demand: it takes what it was made for, or twice its highest traffic of more than half an hour ago.

    Amazon DynamoDB Developer Guide, "DynamoDB on-demand capacity mode": a table accommodates up to double its previous
    peak at once, and throttles whoever exceeds double within 30 minutes.
    """

    def __init__(self, initial: float, most: float) -> None:
        super().__init__(initial)
        self._initial, self._most = initial, most
        self._minutes: deque[tuple[float, float]] = deque()
        self._minute, self._sum, self._earlier = 0, 0.0, 0.0

    def limit(self, now: float) -> float:
        """Return what the table takes now."""
        while self._minutes and self._minutes[0][0] <= now - _HALF_HOUR:
            self._earlier = max(self._earlier, self._minutes.popleft()[1])
        return min(max(self._initial, 2 * self._earlier), self._most)

    def _note(self, now: float, units: float) -> None:
        minute = int(now / _MINUTE)
        if minute != self._minute:
            self._minutes.append((self._minute * _MINUTE, self._sum / _MINUTE))
            self._minute, self._sum = minute, 0.0
        self._sum += units

    def take(self, now: float, times: int, each: float) -> int:
        """Take what there is room for; it is the traffic that the table grows by."""
        granted = super().take(now, times, each)
        self._note(now, granted * each)
        return granted

    def pace(self, now: float, units: float) -> float:
        """Take units that are waited for."""
        self._note(now, units)
        return super().pace(now, units)
