"""A process that dies at one of its writes."""

from collections.abc import Callable
from typing import Any

from tests.world import World


class DiedError(BaseException):
    """The process died."""


def dying_at(world: World, write: int, *, after: bool) -> Callable[[], int]:
    """Let the process die at its write of that number, over all ports; returns what brings it back."""
    ports = ((world.documents, "put"), (world.closes, "reserve"), (world.documents, "put_new"), (world.books, "commit"))
    written = 0

    def fused(call: Callable[..., Any]) -> Callable[..., Any]:
        def passing(*args: Any, **kwargs: Any) -> Any:
            nonlocal written
            written += 1
            if written - 1 == write and not after:
                raise DiedError
            answer = call(*args, **kwargs)
            if written - 1 == write:
                raise DiedError
            return answer

        return passing

    calls = [(port, name, getattr(port, name)) for port, name in ports]
    for port, name, call in calls:
        setattr(port, name, fused(call))

    def revive() -> int:
        for port, name, call in calls:
            setattr(port, name, call)
        return written

    return revive
