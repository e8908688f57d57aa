"""How GoCardless delivers events: signed documents (GoCardless API reference, "Webhooks")."""

import hashlib
import hmac
import json
from collections.abc import Sequence

from sandbox.wire import JSON


def webhook(events: Sequence[JSON], secret: str, webhook_id: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a delivery; several events may come in one."""
    body = json.dumps({"events": list(events), "meta": {"webhook_id": webhook_id}}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Webhook-Signature": signature}, body
