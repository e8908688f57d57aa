"""What each process connects to, made when it is first asked for: never before Celery forks its pool."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool
from redis import Redis
from redis.exceptions import LockError

from bench.peers.card import Card
from bench.peers.celery_app import settings


@cache
def _pool() -> ConnectionPool[Connection[DictRow]]:
    return ConnectionPool(
        settings.DATABASE,
        connection_class=Connection[DictRow],
        kwargs={"row_factory": dict_row},
        min_size=1,
        max_size=2,
        open=True,
        check=ConnectionPool.check_connection,
    )


@contextmanager
def transaction() -> Iterator[Connection[DictRow]]:
    """Open a transaction; it is committed at the end, or rolled back by an exception."""
    with _pool().connection() as connection:
        yield connection


@cache
def redis() -> "Redis[Any]":
    """Connect to Redis."""
    return Redis(unix_socket_path=settings.REDIS_SOCKET)


@cache
def card() -> Card:
    """Connect to Stripe."""
    return Card(settings.STRIPE_KEY, settings.STRIPE_URL)


@contextmanager
def customer_lock(customer_id: str, seconds: float = 0) -> Iterator[bool]:
    """Hold a customer's lock, if it is free within so many seconds; it ends by itself if its holder dies."""
    lock = redis().lock(f"customer:{customer_id}", timeout=settings.LOCK_SECONDS)
    if not lock.acquire(blocking=seconds > 0, blocking_timeout=seconds or None):
        yield False
        return
    try:
        yield True
    finally:
        with suppress(LockError):  # it had ended; the books keep what must not happen twice from happening
            lock.release()
