"""The limits over HTTP: `/_monthclose/strict` on the local AWS lists them, and changes them while it runs."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack import app

from sandbox.strict.limits import CONTROL_PATH, Limits

type _Receive = Callable[[], Awaitable[dict[str, Any]]]
type _Send = Callable[[dict[str, Any]], Awaitable[None]]
type _App = Callable[[dict[str, Any], _Receive, _Send], Awaitable[None]]


class Control:
    """Answers requests to its own address, and passes all others on.

    `GET` answers with every limit: `on`, `value`, `documented`, `struck`, `unit`, `effect`, `source`. `PUT` takes
    `{name: {"on": bool, "value": number}}`, both optional, changes all or none, and answers like `GET`.
    """

    def __init__(self, behind: _App, limits: Limits) -> None:
        self._behind, self._limits = behind, limits

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http" or scope["path"] != CONTROL_PATH:
            await self._behind(scope, receive, send)
            return
        status, answer = self.answer(scope["method"], await _body(receive))
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def answer(self, method: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        """Answer a request: its status and its content."""
        if method == "PUT":
            mistake = self._change(body)
            if mistake:
                return 400, {"error": mistake}
        elif method != "GET":
            return 405, {"error": "use GET or PUT"}
        return 200, self._limits.listing()

    def _change(self, body: bytes) -> str:
        """Change limits; what is wrong with the request, or nothing."""
        try:
            changes = json.loads(body)
        except ValueError:
            return "this is not JSON"
        known = self._limits.listing()
        mistake = _mistake(changes, known)
        if not mistake:
            for name, change in changes.items():
                self._limits.change(name, **change)
        return mistake


def _mistake(changes: object, known: Mapping[str, Any]) -> str:
    if not isinstance(changes, dict):
        return 'give an object: {"dynamodb.partition_writes": {"value": 10}}'
    for name, change in changes.items():
        if name not in known:
            return f"there is no limit {name}"
        if not isinstance(change, dict) or not change.keys() <= {"on", "value"}:
            return f'{name}: give "on", "value" or both'
        if not isinstance(change.get("on", True), bool):
            return f"{name}: on is true or false"
        value = change.get("value", 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            return f"{name}: value is a number, 0 or more"
    return ""


async def _body(receive: _Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body += part
        if not message.get("more_body"):
            return body


def install(limits: Limits) -> None:
    """Let the emulator answer at the limits' address."""
    app.app = Control(app.app, limits)
