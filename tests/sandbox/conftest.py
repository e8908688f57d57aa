from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import stripe

from sandbox.stripe import StripeSandbox
from sandbox.testing import serving
from tests.sandbox.driving import FakeClock, Wire, sdk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> StripeSandbox:
    return StripeSandbox(clock=clock, seed=1)


@pytest.fixture
def wire(sandbox: StripeSandbox) -> Wire:
    """The pure core of ``sandbox``, without HTTP."""
    return Wire(sandbox)


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[StripeSandbox, str, stripe.StripeClient]]:
    # One server for all tests: to start and to end one takes longer than most of them.
    sandbox = StripeSandbox(clock=FakeClock())
    with serving({"/v1": sandbox}) as url, contextlib.closing(stripe.HTTPXClient(allow_sync_methods=True)) as http:
        yield sandbox, url, sdk(url, http)


@pytest.fixture
def served(_server: tuple[StripeSandbox, str, stripe.StripeClient]) -> StripeSandbox:
    """A sandbox that has just been reset, behind ``url`` and ``client``."""
    _server[0].reset()
    return _server[0]


@pytest.fixture
def url(_server: tuple[StripeSandbox, str, stripe.StripeClient], served: StripeSandbox) -> str:
    return _server[1]


@pytest.fixture
def client(_server: tuple[StripeSandbox, str, stripe.StripeClient], served: StripeSandbox) -> stripe.StripeClient:
    return _server[2]
