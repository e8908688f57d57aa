"""Lambda "Load the lane"."""

from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.3
"""A part takes seconds, or minutes if the table is slow."""


@timed_handler("load_usage", key="[run, lane, first, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Load a lane from its part `first` on; `next` is the part to continue with, -1 when it is done."""
    run, lane, first, execution = (event[name] for name in ("run", "lane", "first", "execution"))
    return {"next": use_cases().lane_loader.load(run, lane, first, execution, time_is_up)}
