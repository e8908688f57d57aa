"""Telling other systems what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monthclose.domain.events import Event


class EventBus(Protocol):
    """Where other systems hear of events."""

    def send(self, events: Sequence[Event]) -> None:
        """Send events; an order is not kept.

        Raises
        ------
        TryLaterError
            Not all were accepted; sending all of them again does no harm, as each has an id.
        """
