"""A provider's front: the layers around the provider that limit requests and inject faults.

In this order: a fault *before*, the rate limit, the provider (its idempotency layer, then the effect), a
fault that strikes *after*. Only a 500 strikes inside the idempotency layer, through :func:`inside`.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from sandbox.chaos.faults import Fault, Injection, When
from sandbox.chaos.limits import Limiter
from sandbox.wire import (
    JSON,
    Controllable,
    Disturbable,
    Execution,
    Happened,
    Hosting,
    Lost,
    Proceed,
    Provider,
    Request,
    Response,
    Subject,
    Timed,
)

_STATUS: Mapping[Fault, int] = {
    Fault.CONFLICT_409: 409,
    Fault.RATE_LIMIT_429: 429,
    Fault.LOCK_TIMEOUT_429: 429,
    Fault.UNAVAILABLE_503: 503,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request at a provider's front."""

    provider: str
    subject: Subject
    customers: Callable[[], frozenset[str]]


class Mischief(Protocol):
    """Decides which requests get a fault."""

    def decide(self, call: Call) -> Injection | None:
        """Decide on one request."""

    def settle(self, call: Call, injection: Injection, *, injected: bool) -> None:
        """Record whether a fault happened: a 500 does not if nothing is executed (a replay, an invalid request)."""


class _Failing:
    """A 500 that waits for its request to be executed."""

    def __init__(self, failure: Response, when: When) -> None:
        self._failure = failure
        self._when = when
        self.struck = False

    def strike(self, proceed: Proceed) -> Response:
        self.struck = True
        if self._when is When.AFTER:
            proceed()
        return self._failure


_failing: ContextVar[_Failing | None] = ContextVar("failing", default=None)


def inside(_execution: Execution, proceed: Proceed) -> Response:
    """Be the layer (:data:`~sandbox.wire.Layer`) by which a front's 500s get inside the idempotency layer.

    A provider that is to fail so must be made with it as its ``around_execution``, or with a layer around it.
    """
    failing = _failing.get()
    return proceed() if failing is None else failing.strike(proceed)


class Front:
    """A provider with its front; itself a :class:`~sandbox.wire.Provider`.

    Parameters
    ----------
    provider : Provider
        If it is :class:`~sandbox.wire.Disturbable`, faults and limits can be aimed at its endpoints and customers.
    mischief : Sequence[Mischief]
        The first that decides on a fault applies.
    limiter : Limiter, optional
        None for no limits.
    sleep : Callable[[float], object]
        Takes the seconds of a delay.
    """

    def __init__(
        self,
        provider: Provider,
        mischief: Sequence[Mischief] = (),
        limiter: Limiter | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.provider = provider
        self._mischief = tuple(mischief)
        self._limiter = limiter
        self._sleep = sleep
        self._lock = threading.Lock()
        self._refused: Counter[tuple[str, int]] = Counter()

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    def handle(self, request: Request) -> Response:
        """Answer one request, perhaps wrongly, late or not at all (:class:`~sandbox.wire.Lost`)."""
        call = self.call(request)
        for mischief in self._mischief:
            injection = mischief.decide(call)
            if injection is not None:
                response, injected = self.disturbed(injection, call, request)
                mischief.settle(call, injection, injected=injected)
                return response
        return self._admitted(call, request)

    def call(self, request: Request) -> Call:
        """Tell what a request is about."""
        provider = self.provider
        if isinstance(provider, Disturbable):
            return Call(provider.name, provider.subject(request), lambda: provider.customers(request))
        return Call(provider.name, Subject(f"{request.method} {request.path}"), frozenset)

    def disturbed(self, injection: Injection, call: Call, request: Request) -> tuple[Response, bool]:
        """Answer one request with a fault; tell also whether it struck (:meth:`Mischief.settle`)."""
        if injection.fault is Fault.ERROR_500:
            return self._failing_inside(injection.when, call, request)
        if injection.when is When.BEFORE:
            if injection.fault is Fault.DELAY:
                self._sleep(injection.seconds)
                return self._admitted(call, request), True
            return self._spoiled(injection, self._failure(Fault.UNAVAILABLE_503, request), call, request), True
        response = self._admitted(call, request)
        if injection.fault is Fault.DELAY:
            self._sleep(injection.seconds)
            return response, True
        return self._spoiled(injection, response, call, request), True

    def _failing_inside(self, when: When, call: Call, request: Request) -> tuple[Response, bool]:
        failing = _Failing(self._failure(Fault.ERROR_500, request), when)
        token = _failing.set(failing)
        try:
            return self._admitted(call, request), failing.struck
        finally:
            _failing.reset(token)

    def _spoiled(self, injection: Injection, response: Response, call: Call, request: Request) -> Response:
        """Replace an answer by a failure, or lose it."""
        fault = injection.fault
        if fault.loses_answer:
            return Lost(response.status, response.body, response.headers, fault, injection.seconds)
        if injection.when is When.BEFORE:
            self._count(call, _STATUS[fault])
        return self._failure(fault, request)

    def _admitted(self, call: Call, request: Request) -> Response:
        exceeded = self._limiter and self._limiter.refuses(call.provider, call.subject)
        if exceeded:
            self._count(call, 429)
            return self._failure(Fault.RATE_LIMIT_429, request, exceeded)
        return self.provider.handle(request)

    def _failure(self, fault: Fault, request: Request, reason: str = "endpoint") -> Response:
        if isinstance(self.provider, Disturbable):
            return self.provider.failure(fault, request, reason)
        return Response.of(_STATUS.get(fault, 500), {"error": {"message": f"The sandbox injects {fault}"}})

    def _count(self, call: Call, status: int) -> None:
        with self._lock:
            self._refused[call.subject.endpoint, status] += 1

    def control(self, request: Request) -> Response:
        """Pass a control request to the provider; it is neither limited nor disturbed."""
        if isinstance(self.provider, Controllable):
            return self.provider.control(request)
        return Response.of(404, {"error": f"{self.name} has no controls"})

    def page(self, request: Request) -> Response:
        """Pass a browser's request to the provider's own pages; it is neither limited nor disturbed."""
        if isinstance(self.provider, Hosting):
            return self.provider.page(request)
        return Response.of(404, {"error": f"{self.name} has no pages"})

    def next_due(self) -> float | None:
        """Tell when something happens next at the provider."""
        return self.provider.next_due() if isinstance(self.provider, Timed) else None

    def pass_time(self) -> list[Happened]:
        """Let happen what is due at the provider."""
        return self.provider.pass_time() if isinstance(self.provider, Timed) else []

    def movements(self) -> Sequence[JSON]:
        """Return the provider's ledger of money moved."""
        return self.provider.movements()

    def request_counts(self) -> Mapping[str, Mapping[int, int]]:
        """Return how many requests were answered with each status, also those that did not reach the provider."""
        counts = {endpoint: Counter(statuses) for endpoint, statuses in self.provider.request_counts().items()}
        with self._lock:
            refused = tuple(self._refused.items())
        for (endpoint, status), count in refused:
            counts.setdefault(endpoint, Counter())[status] += count
        return counts

    def reset(self) -> None:
        """Reset the provider, and forget what was refused."""
        self.provider.reset()
        with self._lock:
            self._refused.clear()
