"""A payment provider's requests: a slot of its limit before each, and a note of how it went."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from monthclose.domain.period import Period
from monthclose.errors import (
    ObjectBusyError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderRefusedError,
    RateLimitedError,
)
from monthclose.names import LimitScope
from monthclose.ports import ChargingPauses, Limiter
from monthclose.use_cases.payments.known_pauses import NEVER_PAUSED
from monthclose.use_cases.payments.request_tally import RequestEnd, RequestTally

_READS = (
    *("check", "look_up", "successor", "payment_of", "collected_for"),
    *("held", "look_up_page", "payouts", "find_refund"),
)
_CALLS = (*_READS, "register", "prepare", "collect", "withdraw", "open_page", "refund")
LANES: Mapping[LimitScope, Mapping[str, str]] = {
    LimitScope.ENDPOINT: {call: "read" if call in _READS else call for call in _CALLS},
    LimitScope.ACCOUNT: dict.fromkeys(_CALLS, "all"),
}
"""The lane of each call. Where each endpoint has a limit of its own, each call that changes something is one; those
that read share one, for they share the endpoint that lists payments."""

_CHARGING = ("register", "prepare", "collect")
"""The calls that are not made while a person has paused charging. What reads, or makes sure that nothing is collected,
goes on."""
_TRIES = 4
"""Of a call that is answered with 429."""
_LOST = (ProviderDownError, OutcomeUnknownError)
_ANSWERED = (OrderRefusedError, ProviderRefusedError, ObjectBusyError)
"""Refusals, or one busy object: the provider is healthy."""


@dataclass(frozen=True, slots=True)
class PacedRequests:
    """Makes the requests of one provider, of its gateway and of its pages.

    Parameters
    ----------
    lanes : Mapping[str, str]
        The limiter's lane of each call.
    tally : RequestTally
        Counts how the requests end.
    """

    provider: str
    limiter: Limiter
    lanes: Mapping[str, str]
    tally: RequestTally = field(default_factory=RequestTally)
    pauses: ChargingPauses = NEVER_PAUSED

    def acquire(self, call: str) -> None:
        """Wait for a slot of a call's lane, for a further request of the same call."""
        self.limiter.acquire(self.lanes[call])

    def request[T](self, call: str, request: Callable[[], T], period: Period | None = None) -> T:
        """Make a request in a slot, and again in another if it was answered with 429: then it surely did nothing.

        Parameters
        ----------
        period : Period or None
            The month whose invoice it charges.

        Raises
        ------
        RateLimitedError
            It was, each time.
        """
        lane = self.lanes[call]
        for tries_left in reversed(range(_TRIES)):
            self.limiter.acquire(lane)
            if call in _CHARGING:  # the slot may have been leased before the pause
                self.pauses.check(self.provider, period)
            try:
                with self._noted(lane):
                    return request()
            except RateLimitedError:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _noted(self, lane: str) -> Iterator[None]:
        try:
            yield
        except RateLimitedError:
            self.tally.add(RequestEnd.LIMITED)
            self.limiter.limited(lane)
            raise
        except _LOST:
            self.tally.add(RequestEnd.FAILED)
            self.limiter.failed(lane)
            raise
        except _ANSWERED:
            self.tally.add(RequestEnd.ANSWERED)
            self.limiter.succeeded(lane)
            raise
        else:
            self.tally.add(RequestEnd.ANSWERED)
            self.limiter.succeeded(lane)
