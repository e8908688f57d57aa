"""The language between providers, their HTTP server and the layers around them: requests and responses."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable
from urllib.parse import urlsplit

from sandbox.chaos.faults import Fault

type JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, already read.

    Attributes
    ----------
    method : str
        In capitals.
    path : str
        Without the query, as in ``/v1/payment_intents``.
    query : str
        Still encoded; empty if there is none.
    headers : Mapping[str, str]
        Names in lower case.
    body : bytes
        As it came over the wire.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def to(
        cls, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> Self:
        """Build a request from what an HTTP client is given: a whole URL, headers in any case, a body or none."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        content = body.encode() if isinstance(body, str) else body or b""
        return cls(method.upper(), parts.path, parts.query, lower, content)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, document: JSON, headers: Mapping[str, str] | None = None) -> Self:
        """Answer with a JSON document."""
        content = json.dumps(document, indent=2).encode()
        return cls(status, content, {"Content-Type": "application/json", **(headers or {})})

    def with_headers(self, headers: Mapping[str, str]) -> "Response":
        """Return the same response with these headers added or replaced."""
        return Response(self.status, self.body, {**self.headers, **headers})

    def json(self) -> Any:
        """Return the body's document."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Lost(Response):
    """An answer that the client does not get: what came of the request, and how the answer is lost.

    The HTTP server does it to the connection; :mod:`sandbox.twin` raises what an HTTP client would.

    Attributes
    ----------
    fault : Fault
        ``hang``, ``reset`` or ``cut``.
    seconds : float
        How long a hanging connection is held open.
    """

    fault: Fault = Fault.RESET
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request asks for, by the provider's own names: ``payment_intents.confirm``, and whose account it is."""

    endpoint: str
    account: str = ""


class Provider(Protocol):
    """A payment provider as a pure object: no sockets, no threads of its own, safe to call from many threads."""

    @property
    def name(self) -> str:
        """The provider's name in our vocabulary, such as ``stripe``."""

    def handle(self, request: Request) -> Response:
        """Answer one request of the provider's own API."""

    def movements(self) -> Sequence[JSON]:
        """Return the ledger of money moved: one entry per *successful* movement, oldest first.

        An entry's ``kind`` is ``charge`` (also if there is none) or says how money went back; then ``amount``, in
        minor units, is negative.
        """

    def request_counts(self) -> Mapping[str, Mapping[int, int]]:
        """Return how many requests each endpoint answered with each HTTP status."""

    def reset(self) -> None:
        """Forget everything."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened by itself: in a few words, and the metadata of the payment that it is about."""

    what: str
    metadata: Mapping[str, str]


@runtime_checkable
class Timed(Protocol):
    """A provider at which things happen by themselves as time passes: debits settle, disputes run out."""

    def next_due(self) -> float | None:
        """Tell when something happens next, if nobody decides otherwise: seconds since the epoch."""

    def pass_time(self) -> list[Happened]:
        """Let happen, in order, what is due by the clock."""


@runtime_checkable
class Disturbable(Protocol):
    """A provider that faults and limits can be aimed at, and that words them itself."""

    def subject(self, request: Request) -> Subject:
        """Tell what a request asks for, without answering it."""

    def customers(self, request: Request) -> frozenset[str]:
        """Tell whom a request is about: the provider's ids of the customers, and ours (metadata ``customer_id``)."""

    def failure(self, fault: Fault, request: Request, reason: str = "") -> Response:
        """Word the answer to a request that fails so; ``reason`` of a 429 is ``endpoint`` or ``account``."""


@runtime_checkable
class Controllable(Protocol):
    """A provider with controls of its own, for what customers and banks do."""

    def control(self, request: Request) -> Response:
        """Answer a request below ``/_sandbox/`` and the provider's name."""


@runtime_checkable
class Hosting(Protocol):
    """A provider with pages of its own, which customers are sent to."""

    def page(self, request: Request) -> Response:
        """Answer a browser's request below ``/pages/`` and the provider's name."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A request that is past authentication, validation and idempotency, about to take effect."""

    provider: str
    endpoint: str
    request: Request


type Proceed = Callable[[], Response]
type Layer = Callable[[Execution, Proceed], Response]
"""Code around an execution. It runs *inside* the idempotency layer: what it returns is what is stored and replayed,
so that a layer answering 500 after ``proceed()`` behaves as a provider that failed after the money moved."""


def layered(outer: Layer, inner: Layer) -> Layer:
    """Put one layer around another."""
    return lambda execution, proceed: outer(execution, lambda: inner(execution, proceed))


def straight_through(_execution: Execution, proceed: Proceed) -> Response:
    """Do nothing around an execution (the layer used unless another is given)."""
    return proceed()
