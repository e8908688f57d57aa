"""The faults of a payment provider. Chaos plans, the HTTP server and the in-process twin share these names."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """A kind of misbehaviour."""

    HANG = "hang"
    """No answer comes, and the connection stays open."""
    RESET = "reset"
    """The connection is reset before any byte of the answer."""
    CUT = "cut"
    """The connection ends in the middle of the answer's body."""
    ERROR_500 = "error_500"
    """The provider fails. Where it keeps answers by idempotency key, it keeps this one too."""
    CONFLICT_409 = "conflict_409"
    """The provider says that a request with the same idempotency key is in flight."""
    RATE_LIMIT_429 = "rate_limit_429"
    """The provider says that there are too many requests."""
    LOCK_TIMEOUT_429 = "lock_timeout_429"
    """The provider says that another request is working on the same object. It has nothing to do with a rate."""
    UNAVAILABLE_503 = "unavailable_503"
    """The provider is down: no part of it sees the request."""
    DELAY = "delay"
    """The right answer, late."""

    @property
    def loses_answer(self) -> bool:
        """Whether the client gets no whole answer."""
        return self in _LOSSES

    @property
    def lasts(self) -> bool:
        """Whether it takes time, and so has a number of seconds."""
        return self in _SECONDS

    @property
    def usual_seconds(self) -> float:
        """How long it lasts by default."""
        return _SECONDS.get(self, 0.0)


_LOSSES = frozenset({Fault.HANG, Fault.RESET, Fault.CUT})
_SECONDS = {Fault.HANG: 30.0, Fault.DELAY: 1.0}


class When(StrEnum):
    """Whether a fault happens before or after the request's effect."""

    BEFORE = "before"
    """Nothing has happened, but the client can't be sure."""
    AFTER = "after"
    """It has happened (the money moved), but the client doesn't know."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault to be injected into one request.

    Attributes
    ----------
    seconds : float
        How long a hanging connection is held open, or an answer delayed.
    rule : int
        Which rule of a plan it comes from; -1 if none.
    """

    fault: Fault
    when: When = When.BEFORE
    seconds: float = 0.0
    rule: int = -1
