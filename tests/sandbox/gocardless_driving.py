"""What the fake GoCardless' tests drive it with: the official SDK, and bare requests to the pure core."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import gocardless_pro

from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN, VERSION
from sandbox.wire import Request, Response

if TYPE_CHECKING:
    from sandbox.gocardless import GoCardlessSandbox


def sdk(url: str, token: str = DEFAULT_ACCESS_TOKEN, *, raise_on_idempotency_conflict: bool = False) -> Any:
    return gocardless_pro.Client(
        access_token=token, base_url=url, raise_on_idempotency_conflict=raise_on_idempotency_conflict, timeout=30
    )


class Wire:
    """Bare requests to the pure core, without HTTP."""

    def __init__(self, sandbox: GoCardlessSandbox, token: str = DEFAULT_ACCESS_TOKEN) -> None:
        self.sandbox = sandbox
        self.headers = {"Authorization": f"Bearer {token}", "GoCardless-Version": VERSION}

    def get(self, path: str) -> Response:
        return self.sandbox.handle(Request.to("GET", f"/gocardless/{path}", self.headers))

    def post(self, path: str, document: Any = None, key: str | None = None) -> Response:
        headers = {**self.headers, "Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self.sandbox.handle(Request.to("POST", f"/gocardless/{path}", headers, json.dumps(document)))

    def try_payment(self, mandate: str = "MD_OK", key: str | None = None, **fields: Any) -> Response:
        payment = {"amount": 1500, "currency": "EUR", "links": {"mandate": mandate}, **fields}
        return self.post("payments", {"payments": payment}, key)

    def create_payment(self, mandate: str = "MD_OK", key: str | None = None, **fields: Any) -> str:
        answer = self.try_payment(mandate, key, **fields)
        assert answer.status == 201, answer.body
        return str(answer.json()["payments"]["id"])

    def status(self, payment: str) -> str:
        return str(self.get(f"payments/{payment}").json()["payments"]["status"])

    def actions(self, payment: str) -> list[str]:
        """The actions of a payment's events, oldest first."""
        events = self.get(f"events?payment={payment}").json()["events"]
        return [event["action"] for event in reversed(events)]


def reason(answer: Response) -> tuple[int, str, str]:
    """The status, type and reason (or field) of an error."""
    error = answer.json()["error"]
    assert error["code"] == answer.status
    assert error["request_id"] == answer.headers["X-Request-Id"]
    return answer.status, error["type"], error["errors"][0].get("reason") or error["errors"][0]["field"]


def webhook(events: list[Any], secret: str, webhook_id: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a delivery, signed as GoCardless does."""
    body = json.dumps({"events": events, "meta": {"webhook_id": webhook_id}}).encode()
    return {"Webhook-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}, body
