"""Webhooks: events that providers report."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import WebhookRefusedError


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """An event that a provider's webhook reports. It may come twice, late and out of order: look the payment up.

    Parameters
    ----------
    event_id : str
        The provider's id of the event, the same at each delivery.
    kind : str
        What happened, in the provider's words (`payment_intent.succeeded`, `payments.confirmed`).
    reference : str
        The provider's id of the payment, or of its refund; empty if the event does not concern us.
    payment_id : str
        Our payment's id, if the event has our metadata of the provider's object: that saves a request.
    known_in : frozenset of PaymentState
        States in which a payment already reflects the event.
    method : str
        The payment method that was replaced by another, if that is what the event is about.
    page : str
        The provider's id of a page on which a customer has given a payment method, or of what was given, if that is
        what the event is about.
    """

    event_id: str
    kind: str
    reference: str
    payment_id: str = ""
    known_in: frozenset[PaymentState] = frozenset()
    method: str = ""
    page: str = ""


class PartlyUnreadableError(WebhookRefusedError):
    """Some events of a webhook cannot be read; `events` are the others, which must not be lost."""

    def __init__(self, message: str, events: list[ProviderEvent]) -> None:
        super().__init__(message)
        self.events = events


class WebhookReader(Protocol):
    """Reads the deliveries to one of a provider's webhook endpoints."""

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> list[ProviderEvent]:
        """Check that a delivery is from the provider and recent, and read its events.

        Raises
        ------
        WebhookRefusedError
            It is not, or cannot be read.
        PartlyUnreadableError
            It is, but only some of its events can be read.
        """


class EventQueue(Protocol):
    """The queue of providers' events to be applied."""

    def put(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Put messages into the queue: all of them, or it raises."""

    def put_back(self, message: Mapping[str, Any], seconds: int, first_sent: datetime | None = None) -> None:
        """Put a message into the queue as a new one, to be delivered after a pause of at most 900 s."""
