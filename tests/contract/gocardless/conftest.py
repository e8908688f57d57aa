"""One served sandbox for all tests, reset before each; and one that loses answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from sandbox.desk import Desk
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.web.testing import serving
from tests.contract.gocardless.case import Broken, Case, Interference

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _served() -> Iterator[Case]:
    interference = Interference()
    sandbox = GoCardlessSandbox(around_execution=interference)
    with serving({"/gocardless": sandbox}) as url:
        yield Case(GoCardlessGateway(DEFAULT_ACCESS_TOKEN, f"{url}/gocardless"), sandbox, interference)


@pytest.fixture
def case(_served: Case) -> Case:
    _served.sandbox.reset()
    _served.interference.answers.clear()
    return _served


@pytest.fixture
def broken() -> Iterator[Broken]:
    desk, sandbox = Desk(), GoCardlessSandbox()
    with serving({"/gocardless": sandbox}, desk) as url:
        yield Broken(f"{url}/gocardless", sandbox, desk)
