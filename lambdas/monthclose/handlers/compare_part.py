"""Lambda "Compare a part"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.2
"""A request to a provider, or the reading of some thousand months, and the writing of a run take seconds."""


@timed_handler("compare_part", key="[period, comparison, part, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Read a part of a comparison: a window of a provider's record, or some of our batches."""
    done = use_cases().comparer.read_part(
        Period.parse(event["period"]), event["comparison"], event["part"], time_is_up=time_is_up
    )
    return {"part": event["part"], "time_was_up": not done}
