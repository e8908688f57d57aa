"""GoCardless' webhooks (API reference, "Webhooks"). Without the SDK: importing it would be most of a cold start."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from monthclose.adapters.webhook_reading import check_signature, document, header
from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import WebhookRefusedError
from monthclose.ports import PartlyUnreadableError, ProviderEvent

_S = PaymentState
_KNOWN_IN: Mapping[str, frozenset[PaymentState]] = {
    "payments.confirmed": frozenset({_S.PAID}),
    "payments.paid_out": frozenset({_S.PAID}),
    "payments.failed": frozenset({_S.DECLINED}),
    "payments.cancelled": frozenset({_S.DECLINED}),
    "payments.customer_approval_denied": frozenset({_S.DECLINED}),
    "payments.customer_approval_granted": frozenset({_S.PENDING}),
    "payments.resubmission_requested": frozenset({_S.PENDING}),
    "payments.late_failure_settled": frozenset({_S.REVERSED}),
    "payments.charged_back": frozenset({_S.REVERSED}),
    "payments.chargeback_settled": frozenset({_S.REVERSED}),
    "payments.chargeback_cancelled": frozenset({_S.PAID}),
    "refunds.created": frozenset(),
    "refunds.failed": frozenset(),
    "refunds.funds_returned": frozenset(),
    "refunds.paid": frozenset(),
    "mandates.replaced": frozenset(),
    "billing_requests.fulfilled": frozenset(),
}
"""The events that may change our record of a payment (API reference, "Event types"), and states that they don't."""


class GoCardlessWebhooks:
    """Reads what GoCardless' webhook endpoint receives; one delivery has up to 250 events.

    Parameters
    ----------
    secret : str
        The endpoint's secret.
    """

    events = frozenset(_KNOWN_IN)

    def __init__(self, secret: str) -> None:
        if not secret:
            raise ValueError("without a secret, any webhook would be believed")
        self._secret = secret

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> list[ProviderEvent]:  # noqa: ARG002
        """Check the signature and read the events. It does not cover the time: an old delivery looks like a new one.

        Raises
        ------
        WebhookRefusedError
            It is not from GoCardless, or cannot be read; GoCardless expects status 498 as the answer.
        """
        check_signature(self._secret, body, [header(headers, "Webhook-Signature").strip()])
        events = document(body).get("events")
        if not isinstance(events, list):
            raise WebhookRefusedError("the webhook has no events")
        return _readable(events)


_LINKS = {"payments": "payment", "refunds": "refund", "mandates": "mandate", "billing_requests": "billing_request"}


def _readable(events: Sequence[Any]) -> list[ProviderEvent]:
    read, unreadable = list[ProviderEvent](), list[WebhookRefusedError]()
    for event in events:
        try:
            read.append(_event(event))
        except WebhookRefusedError as error:
            unreadable.append(error)
    if unreadable:
        raise PartlyUnreadableError(f"{len(unreadable)} of {len(events)} events: {unreadable[0]}", read)
    return read


def _event(event: Any) -> ProviderEvent:
    try:
        about = event["resource_type"]
        kind = f"{about}.{event['action']}"
        if kind not in _KNOWN_IN:
            return ProviderEvent(event["id"], kind, "")
        quoted = event.get("resource_metadata") or {}
        payment_id = str(quoted.get("payment", "")).rpartition("#")[0] if about == "payments" else ""
        reference = event["links"][_LINKS[about]]
        method = reference if about == "mandates" else ""
        page = reference if about == "billing_requests" else ""
        return ProviderEvent(event["id"], kind, reference, payment_id, _KNOWN_IN[kind], method, page)
    except (AttributeError, KeyError, TypeError) as error:
        raise WebhookRefusedError(f"the webhook has an event that cannot be read: {type(error).__name__}") from None
