"""Providers' limits, and what keeps all workers to them together."""

from dataclasses import dataclass
from typing import Protocol

from monthclose.domain.payments.provider_health import Health
from monthclose.domain.payments.throttle import LimitChanges, Pace, Run


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What all workers know together of a provider: how its limit was changed, and whether it is well."""

    changes: LimitChanges
    health: Health


class ProviderLimits(Protocol):
    """The store of what the workers share to keep to the providers' limits. Times are seconds since the epoch."""

    def state(self, provider: str) -> ProviderState:
        """Read a provider's state; strongly consistent."""

    def put_changes(self, provider: str, changes: LimitChanges) -> None:
        """Replace what is changed of the deployment's limit; running workers see it within about a second."""

    def put_health(self, provider: str, health: Health) -> Health:
        """Write a provider's health, fenced by its version, and return it with the next one.

        Raises
        ------
        ConflictError
            Somebody else wrote it first.
        """

    def lease(self, provider: str, lane: str, count: int, pace: Pace, *, now: float, latest: float) -> Run:
        """Lease the next free slots of a lane, which are nobody else's then.

        Raises
        ------
        ProviderPausedError
            The first of them would be due after `latest`; none was leased.
        """


class Limiter(Protocol):
    """Keeps one provider's requests to its limit, among all workers. A lane is what shares one limit there."""

    def acquire(self, lane: str) -> None:
        """Wait until a request may be started, now.

        Raises
        ------
        ProviderPausedError
            That would take longer than the caller has patience, or the provider is down.
        """

    def wait_seconds(self, lane: str) -> float:
        """Estimate how long `acquire` would wait; asks nobody."""

    def succeeded(self, lane: str, /) -> None:
        """Note that the provider answered. This and the other notes never raise."""

    def limited(self, lane: str, /) -> None:
        """Note that it answered that we ask too often."""

    def failed(self, lane: str, /) -> None:
        """Note that it failed, or did not answer in time."""
