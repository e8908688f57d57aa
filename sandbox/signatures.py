"""How providers deliver their events: what a webhook's body is, and how it is signed."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping

from sandbox.wire import JSON

type Sign = Callable[[JSON, str, float, str], tuple[Mapping[str, str], bytes]]
"""Takes an event, the secret, the time of the try in seconds since the epoch, and an id of the delivery, which stays
the same however often it is tried; returns headers and body."""


def _mac(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _stripe(event: JSON, secret: str, now: float, _delivery: str) -> tuple[Mapping[str, str], bytes]:
    """Sign as in Stripe docs, "Verify webhook signatures manually"."""
    body, moment = json.dumps(event, indent=2).encode(), int(now)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={moment},v1={_mac(secret, f'{moment}.'.encode() + body)}",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }, body


def _gocardless(event: JSON, secret: str, _now: float, delivery: str) -> tuple[Mapping[str, str], bytes]:
    """Sign as in GoCardless' API reference, "Webhooks"; several events in one are a document of ``events``."""
    body = json.dumps({"events": event.get("events", [event]), "meta": {"webhook_id": f"WB{delivery}"}}).encode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "gocardless-webhook-service/1.1",
        "Webhook-Signature": _mac(secret, body),
    }, body


MOST_EVENTS: Mapping[str, int] = {"gocardless": 250}
"""How many events one webhook may have, for the providers that put several into one."""

SIGN: Mapping[str, Sign] = {"stripe": _stripe, "gocardless": _gocardless}
"""By the provider's name."""
