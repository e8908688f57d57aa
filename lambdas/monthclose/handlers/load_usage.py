"""Lambda "Load the lane"."""

from monthclose.handlers.entry import Event, ShareLeft, runtime, timed_handler
from monthclose.use_cases.imports.load_usage import LaneLoader

_SHARE_KEPT = 0.3
"""A part takes seconds; where the table is slow, minutes."""


@timed_handler("load_usage", key="[run, lane, first, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Load a lane from its part `first` on; `next` is where to go on, -1 when it is done."""
    world = runtime()
    loader = LaneLoader(world.inbox, world.import_lock, world.importer)
    lane, execution = event["lane"], event["execution"]
    return {"next": loader.load(event["run"], lane, event["first"], execution, lambda: share_left() < _SHARE_KEPT)}
