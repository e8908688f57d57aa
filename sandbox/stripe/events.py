"""Events: what happened, as webhooks and the API tell it (Stripe API reference, "Events")."""

from dataclasses import dataclass, field

from sandbox.wire import JSON

API_VERSION = "2026-09-30.endive"
"""The account's default version, which its events are written in."""


@dataclass(slots=True)
class Event:
    """An Event (``evt_…``): its kind, as in ``charge.succeeded``, and the object as it was then.

    ``request`` names the request that caused it; its members are null for what no request caused.
    """

    id: str
    created: int
    kind: str
    subject: JSON
    request: JSON = field(default_factory=lambda: {"id": None, "idempotency_key": None})

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": {"object": self.subject},
            "livemode": False,
            "pending_webhooks": 1,
            "request": self.request,
            "type": self.kind,
        }
