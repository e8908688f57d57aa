"""Lambda "Read a part"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.2
"""Reading some hundred customers with their documents, and storing pieces, take seconds."""


@timed_handler("read_pack_part", key="[period, pack, part, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Read a part of a report pack as far as time allows."""
    reader, period = use_cases().pack_part_reader, Period.parse(event["period"])
    done = reader.read(reader.store.require(period, event["pack"]), event["part"], time_is_up=time_is_up)
    return {"part": event["part"], "time_was_up": not done}
