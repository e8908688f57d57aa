"""The pauses of charging as a worker knows them: read again every two seconds while it charges, by whichever thread.

The provider's pause is in its limits, the close's with the close. A worker asks before it begins with a customer, and
again once the slot of a request has come that may charge: slots are leased ahead.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from monthclose.domain.closes.close import Close
from monthclose.domain.payments.charging_pause import FIRST_RETURN_SECONDS, Pause, return_seconds
from monthclose.domain.period import Period
from monthclose.errors import ChargingPausedError
from monthclose.ports import Clock, Closes, ProviderLimits

_FRESH_SECONDS = 2.0
"""Charging stops so long after a pause at the latest: the promise is five seconds, and a request takes its time."""


class _Kept[T](NamedTuple):
    """Something that was read, and when, in seconds since the epoch."""

    value: T
    at: float


class KnownPauses:
    """`ChargingPauses` over the stores. Any number of threads may use it."""

    def __init__(self, limits: ProviderLimits, closes: Closes, clock: Clock) -> None:
        self._limits, self._closes, self._clock = limits, closes, clock
        self._by_provider: dict[str, _Kept[Pause | None]] = {}
        self._by_period: dict[Period, _Kept[Close | None]] = {}
        self._lock = threading.Lock()

    def paused(self, provider: str, period: Period | None = None) -> Pause | None:
        """Find the pause that is in force: the provider's first."""
        return self._of_provider(provider) or self._of_close(period)

    def check(self, provider: str, period: Period | None = None) -> None:
        """Raise if there is one; the message says who paused, when, why, and how to resume."""
        pause = self._of_provider(provider)
        if pause:
            resume = f"monthclose resume --provider {provider}"
            raise _paused(f"charging through {provider}", pause, resume)
        pause = self._of_close(period)
        if pause:
            raise _paused(f"charging in the close of {period}", pause, f"monthclose resume {period}")

    def return_seconds(self, period: Period | None, batch: int) -> int:
        """Spread the batches of a close over the time that it takes to charge."""
        close = self._close(period)
        return return_seconds(close.expected_seconds if close else 0, batch)

    def _of_provider(self, provider: str) -> Pause | None:
        return self._kept(self._by_provider, provider, lambda: self._limits.state(provider).paused)

    def _of_close(self, period: Period | None) -> Pause | None:
        close = self._close(period)
        return close.paused if close else None

    def _close(self, period: Period | None) -> Close | None:
        return self._kept(self._by_period, period, lambda: self._closes.get(period)) if period else None

    def _kept[K, T](self, kept: dict[K, _Kept[T]], key: K, read: Callable[[], T]) -> T:
        """Read at most every `_FRESH_SECONDS`; the threads that ask meanwhile wait for the one that reads."""
        with self._lock:
            now, found = self._clock().timestamp(), kept.get(key)
            if found is None or not 0 <= now - found.at < _FRESH_SECONDS:
                found = kept[key] = _Kept(read(), now)
            return found.value


def _paused(what: str, pause: Pause, resume: str) -> ChargingPausedError:
    return ChargingPausedError(
        f"{what} was paused {pause.in_words()}\nto resume it: {resume}", float(FIRST_RETURN_SECONDS)
    )


class NeverPaused:
    """`ChargingPauses` without any, for what is made without a deployment."""

    def paused(self, _provider: str, _period: Period | None = None, /) -> Pause | None:
        """Find none."""
        return None

    def check(self, _provider: str, _period: Period | None = None, /) -> None:
        """Let everything through."""

    def return_seconds(self, _period: Period | None, _batch: int, /) -> int:
        """Come back at once."""
        return 0


NEVER_PAUSED = NeverPaused()
