"""Lambda "Read the file"."""

from monthclose.handlers.entry import Event, runtime, timed_handler, use_cases
from monthclose.observability import count_usage
from monthclose.ports import TimeIsUp
from monthclose.use_cases.imports.split_usage import lanes_key

_SHARE_KEPT = 0.05
"""Of a quarter of an hour: what the last parts take to be written."""


@timed_handler("receive_usage", key="[execution, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Take a file whose arrival S3 told: `object` is what its event says of it."""
    arrived = event["object"]
    # MiniStack's events name no version; the latest is what they mean.
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
