"""Lambda "Read the file"."""

from monthclose.handlers.entry import Event, ShareLeft, runtime, timed_handler
from monthclose.observability import count_usage
from monthclose.use_cases.imports.receive_usage import UsageReceiver
from monthclose.use_cases.imports.split_usage import lanes_key

_SHARE_KEPT = 0.05
"""Of a quarter of an hour: what the last parts take to be written."""


@timed_handler("receive_usage", key="[execution, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Take a file whose arrival S3 told: `object` is what its event says of it."""
    world = runtime()
    drop = world.settings.drop
    most = world.settings.max_rejected_percent
    receiver = UsageReceiver(world.inbox, world.import_lock, world.importer, drop, most)
    arrived = event["object"]
    # MiniStack's events name no version; the latest is what they mean.
    version = arrived.get("version-id", "")
    received = receiver.receive(arrived["key"], version, event["execution"], lambda: share_left() < _SHARE_KEPT)
    if received.outcome and not received.again:
        count_usage(received.outcome)
    return {
        "result": received.result,
        "run": received.run,
        "outcome": received.outcome,
        "lanes": world.inbox.location(lanes_key(received.run)),
        "wait_seconds": drop.wait_seconds,
    }
