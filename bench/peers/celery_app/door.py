"""The app's door for people: what its web pages would call. One JSON document a line, in and out."""

import json
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.peers.celery_app import books, connections, tasks
from bench.peers.celery_app.app import app

_PATIENCE_SECONDS = 1


def load(customers: str, usage: str, prices: str) -> None:
    """Take in the files."""
    books.load(Path(customers), Path(usage), Path(prices))


def workers() -> int:
    """Count the workers that answer."""
    return len(app.control.ping(timeout=_PATIENCE_SECONDS))


def close(period: str) -> None:
    """Start a month's close."""
    tasks.close_month.delay(period)


def record_transfer(customer_id: str, period: str, minor: int, reference: str) -> bool:
    """Record a bank transfer under the customer's lock, as a charge decides its amount under it."""
    with connections.customer_lock(customer_id, _PATIENCE_SECONDS) as locked:
        return locked and books.record_transfer(customer_id, period, minor, reference)


def deliver_twice(draw: float) -> str | None:
    """Put a message that a worker has into its queue again, as after the visibility timeout."""
    redis = connections.redis()
    unacknowledged = sorted(redis.hgetall("unacked").items())
    if not unacknowledged:
        return None
    message, _, queue = json.loads(random.Random(draw).choice(unacknowledged)[1])
    redis.lpush(queue, json.dumps(message))
    return f"messages of the queue {queue}"


_CALLS: Mapping[str, Callable[..., Any]] = {
    "load": load,
    "workers": workers,
    "close": close,
    "record_transfer": record_transfer,
    "deliver_twice": deliver_twice,
    "progress": books.progress,
    "months": books.months,
}


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer: dict[str, Any] = {"answer": _CALLS[name](*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
