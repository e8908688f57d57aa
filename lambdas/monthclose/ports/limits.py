"""Providers' rate limits, which all workers keep to together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monthclose.domain.payments.charging_pause import Pause
    from monthclose.domain.payments.provider_health import Health
    from monthclose.domain.payments.throttle import LimitChanges, Pace, Run
    from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What all workers share about a provider: how its limit was changed, and whether it is healthy.

    Parameters
    ----------
    pause : Pause or None
        The last pause of charging through it by a person, ended or not.
    pause_version : int
        The version of what is stored of that.
    """

    changes: LimitChanges
    health: Health
    pause: Pause | None = None
    pause_version: int = 0

    @property
    def paused(self) -> Pause | None:
        """The pause that is in force, if one is."""
        return self.pause if self.pause and self.pause.in_force else None


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

    def put_pause(self, provider: str, pause: Pause, version: int) -> None:
        """Write a provider's last pause by a person, fenced by the version of the one before.

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


class ChargingPauses(Protocol):
    """Whether persons have paused charging, as of a moment ago."""

    def paused(self, provider: str, period: Period | None = None) -> Pause | None:
        """Find the pause of a provider, or of a period's close, that is in force."""

    def check(self, provider: str, period: Period | None = None) -> None:
        """Let through what charges.

        Parameters
        ----------
        period : Period or None
            The month whose invoice is charged; None for what belongs to no close.

        Raises
        ------
        ChargingPausedError
            Charging is paused, by the provider or in the month's close.
        """

    def return_seconds(self, period: Period | None, batch: int) -> int:
        """After how many seconds to try a batch again that is paused."""
