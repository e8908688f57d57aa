"""The event bus."""

import json
from collections.abc import Sequence

from monthclose.domain.events import Event
from monthclose.errors import TryLaterError
from tests.event_schemas import check_event


class FakeEventBus:
    """`EventBus` in memory; every event must be as its schema says."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.refuses = False

    def send(self, events: Sequence[Event]) -> None:
        if self.refuses:
            raise TryLaterError("the bus accepts nothing")
        for event in events:
            check_event(event.kind, json.loads(json.dumps(event.detail)))
            self.sent.append(event)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.sent if event.kind == kind]
