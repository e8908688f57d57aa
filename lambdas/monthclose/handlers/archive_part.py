"""Lambda "Archive a part"."""

from functools import partial

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.5
"""A file of a million events is written, and read back, in some minutes."""


@timed_handler("archive_part", key="[period, run, part, execution, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Archive a part of a month as far as time allows."""
    made = use_cases()
    require = partial(made.archive_planner.require, event["execution"])
    require()
    plan = made.archive_store.require(Period.parse(event["period"]), event["run"])
    done = made.part_archiver.archive(plan, event["part"], time_is_up=time_is_up, require=require)
    return {"part": event["part"], "time_was_up": not done}
