"""The shortest way from one status to another."""

from collections import deque
from collections.abc import Collection, Mapping


class IllegalAdvanceError(ValueError):
    """An object cannot come to the status that was asked for."""


def way(
    thing: str, steps: Mapping[str, tuple[str, ...]], status: str, target: str, dead_ends: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the shortest way from one status to another.

    Parameters
    ----------
    thing : str
        What the message calls it.
    steps : Mapping[str, tuple[str, ...]]
        Which status may follow which.
    dead_ends : Collection[str]
        Statuses that a way may end with, but not lead through.

    Raises
    ------
    IllegalAdvanceError
        There is none.
    """
    ways: deque[tuple[str, ...]] = deque((step,) for step in steps.get(status, ()))
    seen = {status}
    while ways:
        found = ways.popleft()
        if found[-1] == target:
            return found
        if found[-1] not in seen and found[-1] not in dead_ends:
            seen.add(found[-1])
            ways.extend((*found, step) for step in steps[found[-1]])
    raise IllegalAdvanceError(f"a {thing} that is {status} cannot become {target}")
