"""GoCardless' webhooks (API reference, "Webhooks"). Without the SDK, whose import would be most of a cold start."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monthclose.adapters.webhook_reading import check_signature, document, header
from monthclose.errors import WebhookRefusedError
from monthclose.ports import ProviderEvent


class GoCardlessWebhooks:
    """Reads what GoCardless' webhook endpoint receives; one delivery has up to 250 events.

    Parameters
    ----------
    secret : str
        The endpoint's secret.
    """

    def __init__(self, secret: str) -> None:
        if not secret:
            raise ValueError("without a secret every webhook would be believed")
        self._secret = secret

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> list[ProviderEvent]:  # noqa: ARG002
        """Check the signature and read the events. It covers no time, so an old delivery looks like a new one.

        Raises
        ------
        WebhookRefusedError
            It is not GoCardless', or cannot be read; GoCardless wants status 498 as the answer.
        """
        check_signature(self._secret, body, [header(headers, "Webhook-Signature").strip()])
        events = document(body).get("events")
        if not isinstance(events, list):
            raise WebhookRefusedError("the webhook has no events")
        return [_event(event) for event in events]


def _event(event: Any) -> ProviderEvent:
    try:
        kind = event["resource_type"]
        reference = event["links"]["payment"] if kind == "payments" else ""
        return ProviderEvent(event["id"], f"{kind}.{event['action']}", reference)
    except (KeyError, TypeError) as error:
        raise WebhookRefusedError(f"the webhook has an event that cannot be read: {type(error).__name__}") from None
