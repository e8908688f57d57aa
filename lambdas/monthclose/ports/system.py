"""The machine: its clock and its log, and the time that is left."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

type TimeIsUp = Callable[[], bool]
"""Whether nothing more may be started."""
type ShareLeft = Callable[[], float]
"""The share of the given time that is left, from 1 to 0."""
type Tell = Callable[[str], None]
"""Receives progress messages, for people."""


class Clock(Protocol):
    """The time, UTC."""

    def __call__(self) -> datetime:
        """Return the current time."""


class Patience(Protocol):
    """How long the stores repeat what is throttled. Until it is said, some seconds for each call."""

    def until(self, seconds: float) -> None:
        """From now on, wait no longer than until a function that has so many seconds left must end."""

    def endless(self, tell: Tell) -> None:
        """From now on, wait for as long as it takes, and say now and then that it is being throttled."""


class Log(Protocol):
    """The log. Ids, states and counts only: no personal data, no keys."""

    def warning(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Log something unusual that passes."""

    def error(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Log a defect."""
