"""The machine: its clock and its log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol


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
