"""DynamoDB refusing what is too much, as its documents say, in front of moto.

- BatchWriteItem and BatchGetItem leave what they could not process in `UnprocessedItems` and `UnprocessedKeys`; if that
  would be everything, they answer `ProvisionedThroughputExceededException` (API reference of both).
- TransactWriteItems answers `TransactionCanceledException`, with a reason for each of its actions in their order:
  `ThrottlingError` or `ProvisionedThroughputExceeded` for a throttled one, `None` for the others.
- BatchExecuteStatement answers each statement for itself: `ThrottlingError` (BatchStatementError of the API reference).
- Other calls answer `ThrottlingException`, status 400.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse

from tests.requests_of import in_front_of

_NOWHERE = "http://nowhere.invalid/"
"""Where a refused request goes: the SDK asks moto, too, which must not carry it out."""
_PREFIX = "com.amazonaws.dynamodb.v20120810#"


@dataclass
class VirtualTime:
    """Time that passes only by sleeping; the pauses are as long as they may be."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    @staticmethod
    def longest(_low: float, high: float) -> float:
        return high


@dataclass
class Throttle:
    """Decides what is taken.

    Parameters
    ----------
    taken : callable
        How many of a call's items (or keys, or actions) are taken, by the operation's name and their number.
    reason : str
        Why a transaction's throttled actions are refused.
    """

    taken: Callable[[str, int], int]
    reason: str = "ThrottlingError"
    also: str = ""
    """Another reason, of a transaction's last action."""
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[dict[str, Any]] = field(default_factory=list)
    _left: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def on(self, client: Any) -> Iterator["Throttle"]:
        """Stand in front of a client."""
        with in_front_of(client, self._before, self._after):
            yield self

    def _before(self, request: Any, **_: object) -> AWSResponse | None:
        operation = request.headers["X-Amz-Target"].decode().partition(".")[2]
        body = json.loads(request.body)
        with self._lock:
            self.calls[operation] += 1
            self.requests.append(body)
            items = _items(operation, body)
            taken = self.taken(operation, len(items))
        self._left.content = None
        if taken >= len(items):
            return None
        if operation == "TransactWriteItems":
            reasons = [{"Code": "None"}] * taken + [{"Code": self.reason}] * (len(items) - taken)
            if self.also:
                reasons[-1] = {"Code": self.also}
            return _refused(request, "TransactionCanceledException", CancellationReasons=reasons)
        if operation == "BatchExecuteStatement" and taken:
            self._left.content = ("Responses", len(items) - taken)
            request.body = json.dumps({**body, "Statements": body["Statements"][:taken]}).encode()
            return None
        if operation in ("BatchWriteItem", "BatchGetItem"):
            if not taken:
                return _refused(request, "ProvisionedThroughputExceededException")
            self._take_part(request, operation, body, taken)
            return None
        return _refused(request, "ThrottlingException")

    def _take_part(self, request: Any, operation: str, body: dict[str, Any], taken: int) -> None:
        [(table, asked)] = body["RequestItems"].items()
        if operation == "BatchWriteItem":
            self._left.content = ("UnprocessedItems", {table: asked[taken:]})
            body["RequestItems"][table] = asked[:taken]
        else:
            self._left.content = ("UnprocessedKeys", {table: {**asked, "Keys": asked["Keys"][taken:]}})
            body["RequestItems"][table] = {**asked, "Keys": asked["Keys"][:taken]}
        request.body = json.dumps(body).encode()

    def _after(self, parsed: dict[str, Any], **_: object) -> None:
        left = getattr(self._left, "content", None)
        if left:
            name, content = left
            refused = {"Error": {"Code": "ThrottlingError", "Message": "refused by the test"}}
            parsed[name] = [*parsed[name], *[refused] * content] if name == "Responses" else content
            self._left.content = None


def _items(operation: str, body: dict[str, Any]) -> list[Any]:
    if operation == "TransactWriteItems":
        return list(body["TransactItems"])
    if operation == "BatchWriteItem":
        return [item for items in body["RequestItems"].values() for item in items]
    if operation == "BatchExecuteStatement":
        return list(body["Statements"])
    if operation == "BatchGetItem":
        return [key for asked in body["RequestItems"].values() for key in asked["Keys"]]
    return [body]


def _refused(request: Any, code: str, **more: Any) -> AWSResponse:
    content = {"__type": _PREFIX + code, "message": "refused by the test", "Message": "refused by the test", **more}
    headers = {"x-amzn-RequestId": "test", "Content-Type": "application/x-amz-json-1.0"}
    url, request.url = request.url, _NOWHERE
    return AWSResponse(url, 400, headers, _Raw(json.dumps(content).encode()))  # type: ignore[arg-type]


class _Raw:
    """A body that can be read once."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._content
