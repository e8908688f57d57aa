"""Lambda "Read the file"."""

from monthclose.handlers.entry import Event, runtime, timed_handler, use_cases
from monthclose.observability import count_usage
from monthclose.ports import TimeIsUp
from monthclose.use_cases.imports.split_usage import lanes_key

_SHARE_KEPT = 0.05
"""Share of a quarter of an hour that is needed to write the last parts."""


@timed_handler("receive_usage", key="[execution, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Receive a file that S3 has announced; `object` is from S3's event."""
    arrived = event["object"]
    # MiniStack's events name no version: they mean the latest.
    version = arrived.get("version-id", "")
    received = use_cases().usage_receiver.receive(arrived["key"], version, event["execution"], time_is_up)
    if received.outcome and not received.again:
        count_usage(received.outcome)
    return {
        "result": received.result,
        "run": received.run,
        "outcome": received.outcome,
        "lanes": runtime().inbox.location(lanes_key(received.run)),
        "wait_seconds": runtime().settings.drop.wait_seconds,
    }
