"""What a process has one of, whatever its threads do at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from botocore.session import Session

from monthclose.adapters.aws.clients import client
from monthclose.assembly import limiting
from monthclose.assembly.limiting import Limiting
from monthclose.bootstrap import Runtime
from monthclose.handlers import entry
from monthclose.once import Once, made_once
from monthclose.settings import Settings
from tests.fakes import FakeLog
from tests.world import SETTINGS, STRIPE, World

_THREADS = 8


def together[T](work: Callable[[], T]) -> list[T]:
    """Run work in several threads that begin at the same moment."""
    barrier = Barrier(_THREADS)

    def begin(_number: int) -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(begin, range(_THREADS)))


class Slow:
    """Takes so long to make that every other thread asks meanwhile."""

    made = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        type(self).made += 1
        with suppress(BrokenBarrierError):
            Barrier(2).wait(timeout=0.05)  # nobody comes: the other threads have a turn


def test_threads_that_ask_at_once_get_the_same_thing_made_once() -> None:
    made: list[Slow] = []

    @made_once
    def make() -> Slow:
        made.append(Slow())
        return made[-1]

    assert set(map(id, together(make))) == {id(made[0])}
    assert len(made) == 1


def test_a_process_has_one_runtime_and_one_set_of_use_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "Runtime", Slow)
    monkeypatch.setattr(Settings, "from_mapping", lambda _environment: None)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    runtime = made_once(entry.runtime.__wrapped__)  # type: ignore[attr-defined]
    assert len(set(map(id, together(runtime)))) == 1
    assert isinstance(entry.runtime, Once)


def test_threads_that_ask_at_once_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    Slow.made = 0
    monkeypatch.setattr("boto3.client", Slow)
    client.forget()
    try:
        together(lambda: client("sesv2", retries=0))
    finally:
        client.forget()
    assert Slow.made == 1


def test_a_functions_clients_share_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = list[Session](), Session.__init__

    def counted(session: Session, *args: Any, **kwargs: Any) -> None:
        made.append(session)
        make(session, *args, **kwargs)

    monkeypatch.setattr(Session, "__init__", counted)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client.forget()
    try:
        Runtime(SETTINGS, "us-east-1", FakeLog())
        assert {client(service).meta.region_name for service in ("s3", "sqs")} == {"us-east-1"}
    finally:
        client.forget()
    assert len(made) == 1


def test_threads_that_ask_at_once_share_one_limiter(monkeypatch: pytest.MonkeyPatch) -> None:
    Slow.made = 0
    monkeypatch.setattr(limiting, "PacedLimiter", Slow)
    world = World()
    shared = Limiting(world.limits, world.clock)
    together(lambda: shared.limited(world.gateway, STRIPE))
    assert Slow.made == 1
