from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
import stripe

from sandbox.desk import Desk
from sandbox.stripe import StripeSandbox
from sandbox.twin import ManualClock
from sandbox.web.testing import serving
from tests.sandbox.driving import Wire, sdk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sandbox(clock: ManualClock) -> StripeSandbox:
    return StripeSandbox(clock=clock, seed=1)


@pytest.fixture
def wire(sandbox: StripeSandbox) -> Wire:
    """The pure core of ``sandbox``, without HTTP."""
    return Wire(sandbox)


class Served(NamedTuple):
    """The sandbox behind a real server, and what it is driven with."""

    sandbox: StripeSandbox
    desk: Desk
    url: str
    client: stripe.StripeClient


@pytest.fixture(scope="session")
def _server() -> Iterator[Served]:
    # One server for all tests: to start and to end one takes longer than most of them.
    desk = Desk()
    sandbox = StripeSandbox(clock=ManualClock(), around_execution=desk.layer, notify=desk.notify("stripe"))
    with (
        serving({"/v1": sandbox}, desk) as url,
        contextlib.closing(stripe.HTTPXClient(allow_sync_methods=True)) as http,
    ):
        yield Served(sandbox, desk, url, sdk(url, http))


@pytest.fixture
def desk(_server: Served) -> Desk:
    """The control desk of ``served``, with nothing set."""
    desk = _server.desk
    desk.chaos.end()
    desk.set_limits({})
    desk.webhooks.register({})
    desk.latency.set(0)
    desk.reset()
    return desk


@pytest.fixture
def served(_server: Served, desk: Desk) -> StripeSandbox:
    """A sandbox that has just been reset, behind ``url`` and ``client``."""
    assert httpx.post(f"{_server.url}/_sandbox/reset").status_code == 200
    return _server.sandbox


@pytest.fixture
def url(_server: Served, served: StripeSandbox) -> str:
    return _server.url


@pytest.fixture
def client(_server: Served, served: StripeSandbox) -> stripe.StripeClient:
    return _server.client
