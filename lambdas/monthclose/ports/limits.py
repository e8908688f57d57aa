"""Providers' rate limits, which all workers keep to together."""

from dataclasses import dataclass
from typing import Protocol

from monthclose.domain.payments.provider_health import Health
from monthclose.domain.payments.throttle import LimitChanges, Pace, Run


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What all workers share about a provider: how its limit was changed, and whether it is healthy."""

    changes: LimitChanges
    health: Health


class ProviderLimits(Protocol):
    """The store that the workers share to keep to the providers' limits. Times are seconds since the epoch."""

    def state(self, provider: str) -> ProviderState:
        """Read a provider's state; strongly consistent."""

    def put_changes(self, provider: str, changes: LimitChanges) -> None:
        """Replace the changes to the deployment's limit; running workers see them within about a second."""

    def put_health(self, provider: str, health: Health) -> Health:
        """Write a provider's health, fenced by its version, and return it with the next one.

        Raises
        ------
        ConflictError
            Somebody else wrote it first.
        """

    def lease(self, provider: str, lane: str, count: int, pace: Pace, *, now: float, latest: float) -> Run:
        """Lease the next free slots of a lane; nobody else gets them.

        Raises
        ------
        ProviderPausedError
            The first of them would be due after `latest`; none was leased.
        """


class Limiter(Protocol):
    """Keeps all workers' requests to one provider within its limit. The requests of one lane share one limit."""

    def acquire(self, lane: str) -> None:
        """Wait until a request may be started.

        Raises
        ------
        ProviderPausedError
            That would take longer than the limiter's patience, or the provider is down.
        """

    def wait_seconds(self, lane: str) -> float:
        """Estimate how long `acquire` would wait; makes no request."""

    def succeeded(self, lane: str, /) -> None:
        """Record that the provider answered. This method and the next two never raise."""

    def limited(self, lane: str, /) -> None:
        """Record that it answered that we send too many requests."""

    def failed(self, lane: str, /) -> None:
        """Record that it failed, or did not answer in time."""
