"""Take a webhook: verify the provider's signature, put the events into the queue, and nothing else.

The provider waits for the answer and times out soon. Events are applied later (`apply_event`); the answer is sent once
the queue has them, so nothing is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import WebhookRefusedError
from monthclose.ports import Clock, EventQueue, PartlyUnreadableError, ProviderEvent, WebhookReader

_READERS_KEPT = timedelta(minutes=5)
"""After a change of the secret, the old one is accepted for no longer than this."""
_READ_AGAIN = timedelta(seconds=30)
"""How old a secret must be to be read again because a webhook isn't signed with it: anybody may send us such ones."""


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A provider's event on its way to be applied.

    Parameters
    ----------
    again : bool
        It was tried before, and that attempt may have stopped half-way.
    drained : int
        How often it was taken from the dead letters and put back.
    """

    provider: str
    event: ProviderEvent
    received_at: datetime
    again: bool = False
    drained: int = 0

    def to_message(self) -> dict[str, Any]:
        """Write it as a queue's message."""
        drained = {"drained": self.drained} if self.drained else {}
        return {
            **drained,
            "provider": self.provider,
            "event_id": self.event.event_id,
            "kind": self.event.kind,
            "reference": self.event.reference,
            "payment_id": self.event.payment_id,
            "known_in": sorted(self.event.known_in),
            "method": self.event.method,
            **({"page": self.event.page} if self.event.page else {}),
            "received_at": self.received_at.isoformat(),
            "again": self.again,
        }

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> "WebhookMessage":
        """Read a queue's message."""
        event = ProviderEvent(
            event_id=message["event_id"],
            kind=message["kind"],
            reference=message["reference"],
            payment_id=message["payment_id"],
            known_in=frozenset(map(PaymentState, message["known_in"])),
            method=message.get("method", ""),
            page=message.get("page", ""),
        )
        received_at = datetime.fromisoformat(message["received_at"])
        return cls(message["provider"], event, received_at, message["again"], message.get("drained", 0))

    def tried(self) -> "WebhookMessage":
        """Mark it as tried before."""
        return replace(self, again=True)

    def put_back(self) -> "WebhookMessage":
        """Count it as taken from the dead letters and put back."""
        return replace(self, again=True, drained=self.drained + 1)


@dataclass(frozen=True, slots=True)
class Taken:
    """How many of a webhook's events were queued, and how many do not concern us."""

    queued: int
    ignored: int


@dataclass(frozen=True, slots=True)
class WebhookTaker:
    """Takes webhooks.

    Parameters
    ----------
    readers : callable
        Makes the readers of a provider's webhooks: one for each secret that it may sign with.
    """

    readers: Callable[[str], Sequence[WebhookReader]]
    queue: EventQueue
    clock: Clock
    _known: dict[str, tuple[datetime, Sequence[WebhookReader]]] = field(default_factory=dict)

    def take(self, provider: str, headers: Mapping[str, str], body: bytes) -> Taken:
        """Put a webhook's events into the queue.

        Raises
        ------
        WebhookRefusedError
            It is not from the provider, too old, or cannot be read. Its events that can be read are queued all the
            same; when it is delivered again, they are not applied twice.
        ProviderRefusedError
            We do not have the secret that it is signed with: a person must enter it.
        TryLaterError
            The queue, or the store of secrets, is briefly unavailable.
        """
        now = self.clock()
        try:
            events = self._read(provider, headers, body, now)
        except PartlyUnreadableError as error:
            self._queue_up(provider, error.events, now)
            raise
        return self._queue_up(provider, events, now)

    def _queue_up(self, provider: str, events: Sequence[ProviderEvent], now: datetime) -> Taken:
        messages = [WebhookMessage(provider, event, now) for event in events if event.reference]
        self.queue.put([each.to_message() for each in messages])
        return Taken(len(messages), len(events) - len(messages))

    def _read(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> list[ProviderEvent]:
        """Read a webhook; if it is refused, perhaps with a secret that has replaced ours."""
        readers = self._readers(provider, now, _READERS_KEPT)
        try:
            return _read(readers, headers, body, now)
        except PartlyUnreadableError:
            raise
        except WebhookRefusedError:
            others = self._readers(provider, now, _READ_AGAIN)
            if others is readers:
                raise
            return _read(others, headers, body, now)

    def _readers(self, provider: str, now: datetime, kept: timedelta) -> Sequence[WebhookReader]:
        since, readers = self._known.get(provider, (now, ()))
        if not readers or now - since >= kept:
            readers = self.readers(provider)
            self._known[provider] = (now, readers)
        return readers


def _read(
    readers: Sequence[WebhookReader], headers: Mapping[str, str], body: bytes, now: datetime
) -> list[ProviderEvent]:
    *others, last = readers
    for reader in others:
        try:
            return reader.read(headers, body, now)
        except PartlyUnreadableError:
            raise
        except WebhookRefusedError:
            continue
    return last.read(headers, body, now)
