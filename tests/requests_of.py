"""Standing in front of a client of DynamoDB: hearing of each request before it is sent, and of each answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def in_front_of(client: Any, before: Callable[..., Any], after: Callable[..., Any] | None = None) -> Iterator[None]:
    """Call `before` with each request, which may answer it, and `after` with what was answered; before anybody else."""
    events, heard = client.meta.events, {"before-send.dynamodb": before}
    if after:
        heard["after-call.dynamodb"] = after
    for name, handler in heard.items():
        events.register_first(name, handler)
    try:
        yield
    finally:
        for name, handler in heard.items():
            events.unregister(name, handler)


def operation_of(request: Any) -> str:
    """Say which operation a request asks for."""
    operation: str = request.headers["X-Amz-Target"].decode().partition(".")[2]
    return operation
