"""Lambda "Send notices"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.observability import count
from monthclose.ports import TimeIsUp
from monthclose.use_cases.notices.send_notices import MOST_WAITING


@timed_handler("send_notices", key="[period, round, batch]", kept=0.1)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Send the notices of a batch, as far as mail allows: what is left is sent after the charging."""
    period = Period.parse(event["period"])
    progress = use_cases().notice_sender.send(period, event["batch"], event["round"], time_is_up, MOST_WAITING)
    sent = progress.totals.notices.get("sent", 0)
    count("NoticesSent", sent)
    return {"sent": sent}
