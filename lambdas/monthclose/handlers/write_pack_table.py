"""Lambda "Write a table"."""

from monthclose.domain.pack.tables import TABLES
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.5
"""A file of a million rows takes a minute."""


@timed_handler("write_pack_table", key="[period, pack, table, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Write the files of one table of a report pack as far as time allows."""
    writer, period = use_cases().pack_table_writer, Period.parse(event["period"])
    plan = writer.store.require(period, event["pack"])
    done = writer.write(plan, TABLES[event["table"]], time_is_up=time_is_up)
    return {"table": event["table"], "time_was_up": not done}
