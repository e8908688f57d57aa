"""EventBridge: the account's default bus."""

import json
from collections.abc import Sequence
from itertools import batched

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.domain.events import Event
from monthclose.errors import TryLaterError

_AT_ONCE = 10
"""The most entries of a call."""


class EventBridgeBus:
    """`EventBus` on EventBridge.

    Parameters
    ----------
    source : str
        The events' source: `monthclose`, or that of a named deployment.
    """

    def __init__(self, source: str) -> None:
        self._source = source

    def send(self, events: Sequence[Event]) -> None:
        """Send events, ten a call. EventBridge accepts each entry by itself."""
        for some in batched(events, _AT_ONCE, strict=False):
            entries = [
                {"Source": self._source, "DetailType": event.kind, "Detail": json.dumps(event.detail)} for event in some
            ]
            try:
                answer = client("events").put_events(Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise TryLaterError(f"EventBridge cannot be reached: {error}") from error
            if answer["FailedEntryCount"]:
                raise TryLaterError(f"EventBridge has not accepted {answer['FailedEntryCount']} events")
