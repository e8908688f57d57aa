"""Rate limits as providers have them: token buckets, one per endpoint and one for the whole account."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from sandbox.wire import JSON, Subject

ENDPOINT, ACCOUNT = "endpoint", "account"

# A token made of many small fillings may come out a hair short of one; it is one.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Limit:
    """A provider's limits in requests per second; None for no limit.

    Attributes
    ----------
    rate, burst : float, optional
        For each endpoint, and how many requests may come at once; by default as many as in a second.
    account_rate, account_burst : float, optional
        The same for all endpoints together.
    """

    rate: float | None = None
    burst: float | None = None
    account_rate: float | None = None
    account_burst: float | None = None

    def to_json(self) -> JSON:
        """Return what is set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class TokenBucket:
    """A bucket that fills at a rate and holds at most a burst; each request takes a token.

    Parameters
    ----------
    rate : float
        Tokens per second.
    burst : float, optional
        By default as many as in a second, and at least one.
    clock : Callable[[], float]
        Seconds, from wherever.
    """

    def __init__(self, rate: float, burst: float | None, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = max(rate if burst is None else burst, 1.0)
        self._clock = clock
        self._tokens = self._burst
        self._filled = clock()

    def has_token(self) -> bool:
        """Return whether a request may pass now. Not safe to call from several threads at once."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        return self._tokens >= 1.0 - _ROUNDING

    def take(self) -> None:
        """Take the token that is there."""
        self._tokens -= 1.0


class Limiter:
    """Enforces providers' limits; off until one is set. A refused request takes nothing from any bucket.

    Parameters
    ----------
    clock : Callable[[], float]
        Seconds, from wherever.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limits: dict[str, Limit] = {}
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def set(self, limits: Mapping[str, Limit]) -> None:
        """Set the limits of all providers by name; those that are not named have none. Buckets begin full."""
        with self._lock:
            self._limits = dict(limits)
            self._buckets.clear()

    def update(self, limits: Mapping[str, Limit]) -> None:
        """Set the limits of some providers and leave the others' alone."""
        self.set({**self._limits, **limits})

    def reset(self) -> None:
        """Fill all buckets."""
        self.set(self._limits)

    def to_json(self) -> JSON:
        """Return the limits by provider."""
        with self._lock:
            return {provider: limit.to_json() for provider, limit in self._limits.items()}

    def refuses(self, provider: str, subject: Subject) -> str | None:
        """Let a request pass (None), or return the limit that refuses it: ``endpoint`` or ``account``."""
        with self._lock:
            limit = self._limits.get(provider)
            if limit is None:
                return None
            wanted = (
                (ENDPOINT, subject.endpoint, limit.rate, limit.burst),
                (ACCOUNT, "", limit.account_rate, limit.account_burst),
            )
            buckets: list[TokenBucket] = []
            for which, endpoint, rate, burst in wanted:
                if rate is None:
                    continue
                name = (provider, subject.account, endpoint)
                bucket = self._buckets.get(name) or self._buckets.setdefault(
                    name, TokenBucket(rate, burst, self._clock)
                )
                if not bucket.has_token():
                    return which
                buckets.append(bucket)
            for bucket in buckets:
                bucket.take()
            return None
