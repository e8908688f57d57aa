"""Lambda "Send notices"."""

from functools import cache

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.observability import count
from monthclose.use_cases.notices.send_notices import NoticeSender


@cache
def _sender() -> NoticeSender:
    world = runtime()
    return NoticeSender(world.books, world.closes, world.customer_teller, world.clock)


@state_handler("send_notices", key="[period, round, batch]")
def handler(event: Event) -> Event:
    """Send the notices of a batch."""
    progress = _sender().send(Period.parse(event["period"]), event["batch"], event["round"])
    sent = progress.totals.notices.get("sent", 0)
    count("NoticesSent", sent)
    return {"sent": sent}
