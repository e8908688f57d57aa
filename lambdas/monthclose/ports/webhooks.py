"""What providers tell us by themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import WebhookRefusedError


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """What a provider's webhook tells of. It may come twice, late and out of order: ask the provider anew.

    Parameters
    ----------
    event_id : str
        The provider's id of the event, the same each time that it is delivered.
    kind : str
        What happened, in the provider's words (`payment_intent.succeeded`, `payments.confirmed`).
    reference : str
        The provider's id of the payment, or of its refund; empty if the event says nothing that concerns us.
    payment_id : str
        Our payment's id, if the event quotes what we wrote on the provider's object: then it need not be asked for.
    known_in : frozenset of PaymentState
        What a payment in one of these states could learn from the event, it knows.
    method : str
        The payment method that the event is about, if it is about none of our payments: another has taken its place.
    """

    event_id: str
    kind: str
    reference: str
    payment_id: str = ""
    known_in: frozenset[PaymentState] = frozenset()
    method: str = ""


class PartlyUnreadableError(WebhookRefusedError):
    """Some events of a webhook cannot be read; `events` are the others, which are not to be lost for that."""

    def __init__(self, message: str, events: list[ProviderEvent]) -> None:
        super().__init__(message)
        self.events = events


class WebhookReader(Protocol):
    """Reads what one of a provider's webhook endpoints receives."""

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> list[ProviderEvent]:
        """Check that a delivery is the provider's and not an old one, and read its events.

        Raises
        ------
        WebhookRefusedError
            It is not, or cannot be read.
        PartlyUnreadableError
            It is, and some of its events can be read.
        """


class EventQueue(Protocol):
    """The queue of providers' events that are to be applied."""

    def put(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Put messages into the queue: all of them, or it raises."""

    def put_back(self, message: Mapping[str, Any], seconds: int) -> None:
        """Put a message into the queue as a new one, to be delivered after a pause of at most 900 s."""
