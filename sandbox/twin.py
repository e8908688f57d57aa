"""The providers without sockets: official SDKs call them in the same process, and each call can be made to fail.

A :class:`Twin` holds a provider. SDKs reach it through :class:`StripeTwinClient` or, if they use ``requests``, through
:class:`TwinAdapter`; both raise what the real HTTP client would.

Examples
--------
>>> clock = ManualClock()
>>> twin = stripe_twin(clock)
>>> client = stripe.StripeClient("sk_test_sandbox", http_client=StripeTwinClient(twin))
>>> twin.arm(2, Fault.RESET, When.AFTER)  # of the calls to come, the second
>>> client.v1.customers.create().object
'customer'
>>> client.v1.customers.create()
Traceback (most recent call last):
stripe.APIConnectionError: ...
"""

import contextlib
import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
import stripe
import urllib3
from requests.adapters import HTTPAdapter

from sandbox.chaos.faults import Fault, Injection, When
from sandbox.chaos.front import Front, Mischief, inside
from sandbox.chaos.limits import Limiter
from sandbox.holdings import Holding, holdings
from sandbox.stripe import StripeSandbox
from sandbox.wire import JSON, Lost, Provider, Request, Response

type Hook = Callable[["TwinCall"], object]

_USUAL_TIMEOUT_SECONDS = 80.0


class ManualClock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class TwinCall:
    """One call of a provider.

    Attributes
    ----------
    number : int
        1 for a twin's first.
    response : Response, optional
        None before there is one; :class:`~sandbox.wire.Lost` if the client doesn't get it.
    """

    number: int
    provider: str
    endpoint: str
    request: Request
    response: Response | None = None


class Twin:
    """A provider in this process.

    Parameters
    ----------
    provider : Provider
        Made with :func:`sandbox.chaos.front.inside` as its layer, if 500s are to be injected.
    before, after : Callable[[TwinCall], object], optional
        Called around each call, once the request is made and before its answer arrives. What they raise goes through
        the SDKs to whoever called: a hook that raises a ``BaseException`` is the process dying there.
    mischief, limiter
        As of :class:`sandbox.chaos.front.Front`: a chaos plan, rate limits.
    sleep : Callable[[float], object]
        Takes the seconds that a delay or a client's time-out lasts; they pass in no time unless given.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        before: Hook | None = None,
        after: Hook | None = None,
        mischief: Sequence[Mischief] = (),
        limiter: Limiter | None = None,
        sleep: Callable[[float], object] = lambda _seconds: None,
    ) -> None:
        self.provider = provider
        self.before = before
        self.after = after
        self.sleep = sleep
        self.calls: list[TwinCall] = []
        self.struck: list[tuple[TwinCall, Injection]] = []
        """Armed faults that happened; a 500 doesn't if the provider answers from its record or refuses the request."""
        self._front = Front(provider, mischief, limiter, sleep)
        self._armed: dict[int, Injection] = {}
        self._lock = threading.Lock()
        self._number = 0

    def arm(self, call: int, fault: Fault, when: When = When.AFTER, seconds: float | None = None) -> None:
        """Inject a fault into a future call.

        Parameters
        ----------
        call : int
            1 for the next one.
        seconds : float, optional
            How long a delay lasts. A call that hangs lasts as long as the client waits.
        """
        lasting = fault.usual_seconds if seconds is None else seconds
        with self._lock:
            self._armed[self._number + call] = Injection(fault, when, lasting)

    def disarm(self) -> None:
        """Let all future calls succeed."""
        with self._lock:
            self._armed.clear()

    def holdings(self) -> dict[str, Holding]:
        """Return what the provider holds of each payment now, by its own reference."""
        return holdings(self.provider.movements())

    def send(self, request: Request) -> Response:
        """Answer a request; :class:`~sandbox.wire.Lost` is for the client to raise."""
        with self._lock:
            self._number += 1
            number, injection = self._number, self._armed.pop(self._number, None)
        call = self._front.call(request)
        made = TwinCall(number, call.provider, call.subject.endpoint, request)
        if self.before is not None:
            self.before(made)
        if injection is None:
            response, struck = self._front.handle(request), False
        else:
            response, struck = self._front.disturbed(injection, call, request)
        answered = TwinCall(number, made.provider, made.endpoint, request, response)
        with self._lock:
            self.calls.append(answered)
            if injection is not None and struck:
                self.struck.append((answered, injection))
        if self.after is not None:
            self.after(answered)
        return response


class TwinAdapter(HTTPAdapter):
    """A transport of ``requests`` that ends at a twin.

    Mount it on a session, or let :func:`routed` do it for a library that makes its sessions itself.

    Raises (as the real one)
    ------------------------
    requests.ReadTimeout
        The call hangs; the client's time-out passes on the twin's clock.
    requests.ConnectionError
        The connection was reset before any byte.
    requests.exceptions.ChunkedEncodingError
        The connection ended in the middle of the body. ``requests`` raises it by itself, as the body is shorter than
        its header says.
    """

    def __init__(self, twin: Twin) -> None:
        super().__init__()
        self._twin = twin

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Call the twin."""
        del stream, verify, cert, proxies  # there is no connection
        headers = {name: _text(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes | str) else None
        response = self._twin.send(Request.to(request.method or "GET", request.url or "", headers, body))
        fault = response.fault if isinstance(response, Lost) else None
        if fault is Fault.HANG:
            seconds = timeout[1] if isinstance(timeout, tuple) else timeout
            self._twin.sleep(_USUAL_TIMEOUT_SECONDS if seconds is None else seconds)
            raise requests.ReadTimeout(f"Read timed out. (read timeout={seconds})", request=request)
        if fault is Fault.RESET:
            reset = ConnectionResetError(104, "Connection reset by peer")
            raise requests.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", reset), request=request
            )
        sent = response.body[: len(response.body) // 2] if fault is Fault.CUT else response.body
        raw = urllib3.HTTPResponse(
            io.BytesIO(sent),
            {**response.headers, "Content-Length": str(len(response.body))},
            response.status,
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)


class StripeTwinClient(stripe.RequestsClient):
    """The HTTP client of Stripe's SDK, with a twin at its end. Its errors and its retries are the SDK's own.

    Parameters
    ----------
    timeout : float
        Seconds; pass on the twin's clock when a call hangs.
    """

    def __init__(self, twin: Twin, timeout: float = _USUAL_TIMEOUT_SECONDS) -> None:
        super().__init__(timeout=timeout, session=session(twin))

    def _sleep_time_seconds(self, num_retries: int) -> float:
        del num_retries  # the SDK would wait in real time before each
        return 0.0


def session(twin: Twin) -> requests.Session:
    """Make a session of ``requests`` whose every request goes to a twin."""
    made = requests.Session()
    made.trust_env = False
    adapter = TwinAdapter(twin)
    for scheme in ("http://", "https://"):
        made.mount(scheme, adapter)
    return made


@contextlib.contextmanager
def routed(twin: Twin, base_url: str) -> Iterator[None]:
    """Route every session of ``requests`` to a twin at an address while the context lasts.

    For libraries that make their sessions themselves, as gocardless_pro does for each call.
    """
    adapter, original = TwinAdapter(twin), requests.Session.get_adapter

    def get_adapter(self: requests.Session, url: str) -> requests.adapters.BaseAdapter:
        return adapter if url.startswith(base_url) else original(self, url)

    requests.Session.get_adapter = get_adapter  # type: ignore[method-assign]
    try:
        yield
    finally:
        requests.Session.get_adapter = original  # type: ignore[method-assign]


def stripe_twin(
    clock: ManualClock,
    *,
    seed: int | None = None,
    notify: Callable[[JSON], object] = lambda _event: None,
    before: Hook | None = None,
    after: Hook | None = None,
) -> Twin:
    """Make a Stripe in this process; delays and time-outs move its clock.

    Parameters
    ----------
    notify : Callable[[JSON], object]
        Is given each event's document.
    """
    provider = StripeSandbox(clock=clock, seed=seed, around_execution=inside, notify=notify)
    return Twin(provider, before=before, after=after, sleep=clock.advance)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
