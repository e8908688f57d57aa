"""Stripe's webhooks (Stripe docs, "Verify webhook signatures manually"). Without the SDK: its import takes 0.2 s."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monthclose.adapters.page_marks import is_of_our_page
from monthclose.adapters.webhook_reading import check_signature, document, header
from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import WebhookRefusedError
from monthclose.ports import ProviderEvent

_SCHEME = "v1"

_S = PaymentState
_SETTLED = frozenset({_S.PAID, _S.REVERSED})
_KNOWN_IN: Mapping[str, frozenset[PaymentState]] = {
    "payment_intent.succeeded": _SETTLED,
    "payment_intent.processing": _SETTLED | {_S.PENDING},
    "payment_intent.payment_failed": _SETTLED | {_S.DECLINED},
    "payment_intent.canceled": _SETTLED | {_S.DECLINED, _S.NOTHING_DUE},
    "charge.refunded": frozenset(),
    "charge.refund.updated": frozenset(),
    "refund.created": frozenset(),
    "refund.updated": frozenset(),
    "refund.failed": frozenset(),
    "charge.dispute.created": frozenset(),
    "charge.dispute.updated": frozenset(),
    "charge.dispute.closed": frozenset(),
    "charge.dispute.funds_withdrawn": frozenset(),
    "charge.dispute.funds_reinstated": frozenset(),
}
"""The events that may change our record of a payment (Stripe docs, "Types of events"), and states that they don't."""


_OF_PAGES = frozenset({"checkout.session.completed", "setup_intent.succeeded"})
"""The events that tell of payment details given on a page; with some payment methods the second comes days later."""


class StripeWebhooks:
    """Reads what Stripe's webhook endpoint receives: one event at a time.

    Parameters
    ----------
    secret : str
        The endpoint's secret (`whsec_…`). While it is rolled, Stripe signs with the old one and the new one.
    tolerance_seconds : float
        How old a delivery may be, so that nobody can replay an old one. Stripe signs each retry again.
    """

    events = frozenset(_KNOWN_IN) | _OF_PAGES

    def __init__(self, secret: str, tolerance_seconds: float = 300) -> None:
        if not secret:
            raise ValueError("without a secret, any webhook would be believed")
        self._secret = secret
        self._tolerance_seconds = tolerance_seconds

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> list[ProviderEvent]:
        """Check the signature and its time, and read the event.

        Raises
        ------
        WebhookRefusedError
            It is not from Stripe, is too old, or cannot be read.
        """
        items = [item.strip().partition("=") for item in header(headers, "Stripe-Signature").split(",")]
        times = [value for name, _, value in items if name == "t"]
        if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()):
            raise WebhookRefusedError("the webhook's signature has no time")
        content = times[0].encode() + b"." + body
        check_signature(self._secret, content, [value for name, _, value in items if name == _SCHEME])
        age_seconds = now.timestamp() - int(times[0])
        if age_seconds > self._tolerance_seconds:
            raise WebhookRefusedError(f"the webhook was signed {age_seconds:.0f} s ago")
        return [_event(document(body))]


def _event(event: Mapping[str, Any]) -> ProviderEvent:
    event_id, kind = event.get("id"), event.get("type")
    if not isinstance(event_id, str) or not isinstance(kind, str):
        raise WebhookRefusedError("the webhook has no event id and type")
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    if kind in _OF_PAGES and isinstance(about, dict) and is_of_our_page(about.get("metadata")):
        page = str(about.get("id", ""))
        return ProviderEvent(event_id, kind, page, page=page)
    if kind not in _KNOWN_IN or not isinstance(about, dict):
        return ProviderEvent(event_id, kind, "")
    return ProviderEvent(event_id, kind, _reference(about), _payment_id(about), _KNOWN_IN[kind])


_BY_OBJECT = {
    "payment_intent": "id",
    "charge": "payment_intent",
    "dispute": "payment_intent",
    "refund": "payment_intent",
}
"""Which member of an event's object names the PaymentIntent."""


def _reference(about: Mapping[str, Any]) -> str:
    reference = about.get(_BY_OBJECT.get(str(about.get("object")), ""))
    if isinstance(reference, dict):  # expanded
        reference = reference.get("id")
    return reference if isinstance(reference, str) else ""


def _payment_id(about: Mapping[str, Any]) -> str:
    """Read our metadata of the PaymentIntent: its charges repeat it, refunds and disputes have their own."""
    metadata = about.get("metadata") if about.get("object") in ("payment_intent", "charge") else None
    return str(metadata.get("payment", "")) if isinstance(metadata, dict) else ""
