"""The machine: its clock and its log, and the time that is left."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

type TimeIsUp = Callable[[], bool]
"""Whether to begin with nothing more."""
type ShareLeft = Callable[[], float]
"""The share of the given time that is left, from 1 to 0."""
type Tell = Callable[[str], None]
"""Hears how far the work is, for people."""


class Clock(Protocol):
    """The time, UTC."""

    def __call__(self) -> datetime:
        """Tell the time."""


class Log(Protocol):
    """The log. Ids, states and counts only: no personal data, no keys."""

    def warning(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Note something odd that passes."""

    def error(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Note a defect."""
