"""Repeat the calls that DynamoDB throttles, for as long as the function has time.

DynamoDB's documents name the errors and the way to repeat them: pauses that grow, with jitter (Error handling with
DynamoDB; TransactWriteItems, *CancellationReasons*). The SDK's own rules don't do: it repeats six times, whatever time
is left, stops sooner when many threads are throttled together (they share a quota), and never repeats a transaction
that was cancelled for throttling.

A repetition sends the same content with the same client request token. That is safe: every write is conditional on a
version, and DynamoDB answers a token that it has seen in the last ten minutes like the first time.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError

from monthclose.ports import Tell

THROTTLED = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException", "ThrottledException"}
)
_THROTTLED_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
_PASSING_STATUS = frozenset({500, 502, 503, 504})
_PASSING = frozenset({"TransactionInProgressException"})
_CANCELLED = "TransactionCanceledException"
_OF_BATCHES = frozenset({"BatchExecuteStatement", "BatchGetItem", "BatchWriteItem"})
"""Throttled ones are repeated by `Batches`, which also sends less at a time."""

_FIRST_SECONDS, _LONGEST_SECONDS = 0.05, 5.0
"""Longest pause before the first repetition, and before any."""
_TRIES_WITHOUT_DEADLINE = 12
"""Repetitions of one call where no deadline is set: some 16 seconds."""
_PASSING_TRIES = 6
"""Repetitions of a call that was not answered, or answered with a server's error."""
_SHARE_KEPT = 0.1
"""Share of a function's time that is left when waiting ends: to give back what it holds, and to answer."""
_TELL_EVERY_SECONDS = 15.0

_RETRY_EVENT, _RETRY_ID = "needs-retry.dynamodb", "retry-config-dynamodb"
"""The SDK's event that asks whether to repeat a call, and the id under which its own rules answer."""


class DynamoPatience:
    """How long throttled calls may be repeated; one for the process, as its threads share the invocation's time.

    Parameters
    ----------
    clock, sleep : callable
        In seconds; they must agree with each other.
    uniform : callable
        A random number between two.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._clock, self._sleep, self._uniform = clock, sleep, uniform
        self._deadline: float | None = None
        self._tell: Tell | None = None
        self._told_at, self._lock = -_TELL_EVERY_SECONDS, threading.Lock()

    def until(self, seconds: float) -> None:
        """Wait no longer than that, less a share that is kept for giving up in order."""
        self._deadline = self._clock() + seconds * (1 - _SHARE_KEPT)

    def endless(self, tell: Tell) -> None:
        """Wait for as long as it takes, and say now and then that DynamoDB throttles."""
        self._deadline, self._tell = float("inf"), tell

    def pause(self, attempt: int) -> bool:
        """Pause before a repetition, `attempt` from 0; False if there is no time for it.

        Full jitter: any pause from none to the longest is as likely, so that callers throttled together come apart.
        """
        if self._deadline is None and attempt >= _TRIES_WITHOUT_DEADLINE:
            return False
        seconds = self._uniform(0, min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(attempt, 16)))
        if self._deadline is not None and self._clock() + seconds > self._deadline:
            return False
        self._say_so()
        self._sleep(seconds)
        return True

    def _say_so(self) -> None:
        with self._lock:
            due = self._tell is not None and self._clock() - self._told_at >= _TELL_EVERY_SECONDS
            self._told_at = self._clock() if due else self._told_at
        if due and self._tell:
            self._tell("DynamoDB is throttling requests: going on more slowly")


def repeat_throttled(client: Any, patience: DynamoPatience) -> None:
    """Replace the SDK's rules for repeating a DynamoDB client's calls by ours."""
    events = client.meta.events
    events.unregister(_RETRY_EVENT, unique_id=_RETRY_ID)

    def repeat(
        attempts: int, operation: Any, response: Any = None, caught_exception: Exception | None = None, **_: object
    ) -> float | None:
        """Answer the SDK: seconds to wait before it repeats the call (the wait is over already), or None."""
        content = response[1] if response else {}
        if is_throttled(content):
            again = operation.name not in _OF_BATCHES and patience.pause(attempts - 1)
        else:
            again = attempts <= _PASSING_TRIES and _passes(content, caught_exception) and patience.pause(attempts)
        return 0.0 if again else None

    events.register(_RETRY_EVENT, repeat, unique_id=_RETRY_ID)


def is_throttled(answer: Mapping[str, Any]) -> bool:
    """Whether throttling is the only thing wrong: where a condition failed as well, repeating would be in vain."""
    code = answer.get("Error", {}).get("Code")
    if code != _CANCELLED:
        return code in THROTTLED
    reasons = {reason.get("Code", "None") for reason in answer.get("CancellationReasons", ())} - {"None"}
    return bool(reasons) and reasons <= _THROTTLED_REASONS


def _passes(answer: Mapping[str, Any], error: Exception | None) -> bool:
    if isinstance(error, NoConnectionError | HTTPClientError):
        return True
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status in _PASSING_STATUS or answer.get("Error", {}).get("Code") in _PASSING
