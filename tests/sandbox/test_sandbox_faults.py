"""Faults as clients meet them: over real sockets, and the same in process."""

from __future__ import annotations

import contextlib
import http.client
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
import stripe

from sandbox.chaos.faults import Fault, When
from sandbox.chaos.plan import CALM, Plan, Rule
from sandbox.desk import Desk
from sandbox.mounts import make_providers
from sandbox.stripe.provider import DEFAULT_API_KEY
from sandbox.twin import ManualClock, StripeTwinClient, stripe_twin
from sandbox.web.testing import serving
from sandbox.wire import Response
from tests.sandbox.driving import sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.stripe import StripeSandbox
    from sandbox.wire import JSON, Request

PATIENCE_SECONDS = 0.3
KEY = {"idempotency_key": "k"}
HEADERS = {"Authorization": f"Bearer {DEFAULT_API_KEY}", "Idempotency-Key": "k"}

STATUSES = {
    Fault.ERROR_500: 500,
    Fault.CONFLICT_409: 409,
    Fault.RATE_LIMIT_429: 429,
    Fault.LOCK_TIMEOUT_429: 429,
    Fault.UNAVAILABLE_503: 503,
}


def rule(fault: Fault, when: When = When.BEFORE, **more: Any) -> Plan:
    seconds = more.pop("seconds", 20.0 if fault is Fault.HANG else 0.01 if fault is Fault.DELAY else 0.0)
    return Plan(rules=(Rule(fault, when, "stripe", "customers.create", seconds=seconds, **more),))


@pytest.fixture
def impatient(url: str) -> Iterator[stripe.StripeClient]:
    """The SDK with the HTTP client that our adapter uses, which gives up soon."""
    session = requests.Session()
    session.trust_env = False
    http = stripe.RequestsClient(timeout=PATIENCE_SECONDS, session=session)
    yield sdk(url, http)
    session.close()


def outcome(client: stripe.StripeClient) -> tuple[str, int | None, bool | None]:
    """What the SDK says of a call, and whether it would try again by itself."""
    try:
        return (client.v1.customers.create({}, {"idempotency_key": "k"}).object, 200, None)
    except stripe.APIConnectionError as error:
        return ("lost", None, error.should_retry)
    except stripe.StripeError as error:
        return (type(error).__name__, error.http_status, None)


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_looks_the_same_over_the_socket_and_in_process(
    impatient: stripe.StripeClient, desk: Desk, served: StripeSandbox, fault: Fault, when: When
) -> None:
    twin = stripe_twin(ManualClock())
    near = stripe.StripeClient(DEFAULT_API_KEY, http_client=StripeTwinClient(twin), max_network_retries=0)
    twin.arm(1, fault, when)
    desk.begin(rule(fault, when, count=1))

    far_first, near_first = outcome(impatient), outcome(near)
    created = len(impatient.v1.customers.list().data), len(near.v1.customers.list().data)
    far_again, near_again = outcome(impatient), outcome(near)

    assert far_first == near_first
    assert far_first[1] == STATUSES.get(fault, None if fault.loses_answer else 200)
    happened = 1 if when is When.AFTER or fault is Fault.DELAY else 0
    assert created == (happened, happened)
    # A 500 is stored under the key and replayed; after everything else the key gives the one right answer.
    assert far_again == near_again == (("APIError", 500, None) if fault is Fault.ERROR_500 else ("customer", 200, None))
    assert desk.chaos.counts() == {"stripe": {"customers.create": {fault: 1}}}
    assert len(twin.struck) == 1


def test_a_500_that_is_replayed_says_so_and_counts_once(url: str, desk: Desk, served: StripeSandbox) -> None:
    desk.begin(rule(Fault.ERROR_500, When.AFTER, count=2))

    first, again = (httpx.post(f"{url}/v1/customers", headers=HEADERS) for _ in range(2))

    assert (first.status_code, again.status_code) == (500, 500)
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["Stripe-Should-Retry"] == "false"
    assert desk.chaos.counts() == {"stripe": {"customers.create": {"error_500": 1}}}
    # The one that did not strike is left for the next request that is executed.
    fresh = {**HEADERS, "Idempotency-Key": "other"}
    assert httpx.post(f"{url}/v1/customers", headers=fresh).status_code == 500
    assert httpx.post(f"{url}/v1/customers", headers={**HEADERS, "Idempotency-Key": "third"}).status_code == 200


def test_a_conflict_names_the_key_and_a_429_the_limit_and_both_are_counted(url: str, desk: Desk) -> None:
    desk.begin(rule(Fault.CONFLICT_409, count=1))
    conflict = httpx.post(f"{url}/v1/customers", headers=HEADERS)
    desk.begin(rule(Fault.RATE_LIMIT_429, count=1))
    limited = httpx.post(f"{url}/v1/customers", headers=HEADERS)

    assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
    assert limited.json()["error"]["code"] == "rate_limit"
    assert limited.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert httpx.get(f"{url}/_sandbox/requests").json() == {"stripe": {"customers.create": {"409": 1, "429": 1}}}


def connected(url: str) -> contextlib.closing[http.client.HTTPConnection]:
    return contextlib.closing(http.client.HTTPConnection(str(urlsplit(url).hostname), urlsplit(url).port, timeout=30))


def test_a_reset_closes_the_connection_without_sending_a_byte(url: str, desk: Desk) -> None:
    desk.begin(rule(Fault.RESET))
    with connected(url) as connection:
        connection.request("POST", "/v1/customers", headers=HEADERS)
        assert connection.sock is not None
        with pytest.raises(ConnectionResetError):
            connection.sock.recv(1)


def test_a_cut_answer_has_its_headers_and_half_of_its_body(url: str, desk: Desk, served: StripeSandbox) -> None:
    desk.begin(rule(Fault.CUT, When.AFTER))
    with connected(url) as connection:
        connection.request("POST", "/v1/customers", headers=HEADERS)
        answer = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()

    length = int(str(answer.headers["Content-Length"]))
    assert answer.status == 200
    assert len(broken.value.partial) == length // 2


def test_a_hanging_connection_is_held_open_and_then_reset(url: str, desk: Desk) -> None:
    desk.begin(rule(Fault.HANG, seconds=0.4))
    with connected(url) as connection:
        began = time.monotonic()
        connection.request("POST", "/v1/customers", headers=HEADERS)
        assert connection.sock is not None
        with pytest.raises(ConnectionResetError):
            connection.sock.recv(1)
    assert time.monotonic() - began >= 0.4


def test_a_server_ends_at_once_though_connections_hang() -> None:
    own = Desk()
    own.begin(rule(Fault.HANG, seconds=600))
    with contextlib.ExitStack() as stack:
        with serving(make_providers(own), own) as url:
            connection = stack.enter_context(connected(url))
            connection.request("POST", "/v1/customers", headers=HEADERS)
            while own.chaos.counts() == {}:
                time.sleep(0.01)
            began = time.monotonic()
        assert time.monotonic() - began < 4
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            connection.getresponse()


def test_after_a_lost_answer_the_server_keeps_answering(url: str, desk: Desk) -> None:
    for fault in (Fault.RESET, Fault.CUT):
        desk.begin(rule(fault, When.AFTER, count=1))
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{url}/v1/customers", headers=HEADERS)
        assert httpx.post(f"{url}/v1/customers", headers=HEADERS).headers["Idempotent-Replayed"] == "true"
    desk.begin(CALM)


class Plain:
    """A provider that knows nothing of faults."""

    name = "plain"

    def handle(self, request: Request) -> Response:
        return Response.of(200, {"path": request.path})

    def movements(self) -> list[JSON]:
        return []

    def request_counts(self) -> dict[str, dict[int, int]]:
        return {}

    def reset(self) -> None:
        """Nothing to forget."""


def test_a_provider_without_fault_support_can_still_be_made_to_fail() -> None:
    own = Desk()
    own.begin(Plan(rules=(Rule(Fault.UNAVAILABLE_503, count=1),)))
    with serving({"/plain": Plain()}, own) as url:
        assert [httpx.get(f"{url}/plain/x").status_code for _ in range(2)] == [503, 200]
        assert httpx.post(f"{url}/_sandbox/plain/x").status_code == 404
        assert httpx.get(f"{url}/_sandbox/faults").json() == {"plain": {"GET /plain/x": {"unavailable_503": 1}}}
