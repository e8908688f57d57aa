"""What the sandbox's tests drive it with: the official SDK, and bare requests to the pure core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import stripe

from sandbox.stripe.provider import DEFAULT_API_KEY
from sandbox.wire import Request, Response

if TYPE_CHECKING:
    from sandbox.stripe import StripeSandbox

type Fields = dict[str, Any]

CARD_INTENT: Fields = {"amount": 1500, "currency": "usd", "allowed_payment_method_types[]": "card"}


def sdk(url: str, http: stripe.HTTPClient, api_key: str = DEFAULT_API_KEY) -> stripe.StripeClient:
    return stripe.StripeClient(api_key, base_addresses={"api": url}, max_network_retries=0, http_client=http)


class Wire:
    """Bare requests to the pure core, without HTTP."""

    def __init__(self, sandbox: StripeSandbox, api_key: str = DEFAULT_API_KEY) -> None:
        self.sandbox = sandbox
        self._headers = {"Authorization": f"Bearer {api_key}"}

    def get(self, path: str, **fields: Any) -> Response:
        return self.sandbox.handle(Request.to("GET", f"/v1/{path}?{urlencode(fields)}", self._headers))

    def post(self, path: str, fields: Fields | None = None, key: str | None = None) -> Response:
        headers = self._headers if key is None else {**self._headers, "Idempotency-Key": key}
        return self.sandbox.handle(Request.to("POST", f"/v1/{path}", headers, urlencode(fields or {})))

    def create_intent(self, **fields: Any) -> Any:
        answer = self.post("payment_intents", {**CARD_INTENT, **fields})
        assert answer.status == 200, answer.body
        return answer.json()

    def confirm(self, intent: str, method: str | None = None, key: str | None = None, **fields: Any) -> Response:
        chosen = {"payment_method": method} if method else {}
        return self.post(f"payment_intents/{intent}/confirm", {"off_session": "true", **chosen, **fields}, key)
