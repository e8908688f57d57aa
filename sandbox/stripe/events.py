"""Events: what happened, as webhooks and the API tell it (Stripe API reference, "Events")."""

from dataclasses import dataclass, field

from sandbox.wire import JSON

API_VERSION = "2026-10-28.endive"
"""The account's default version, which its events are written in."""


@dataclass(slots=True)
class Event:
    """An Event (``evt_…``): its kind, as in ``charge.succeeded``, and the object as it was then.

    Attributes
    ----------
    before : JSON, optional
        The members that an update changed, as they were.
    request : JSON
        What caused it; its members are null for what no request caused.
    """

    id: str
    created: int
    kind: str
    subject: JSON
    before: JSON | None = None
    request: JSON = field(default_factory=lambda: {"id": None, "idempotency_key": None})

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        previous = {} if self.before is None else {"previous_attributes": self.before}
        return {
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": {"object": self.subject, **previous},
            "livemode": False,
            "pending_webhooks": 1,
            "request": self.request,
            "type": self.kind,
        }
