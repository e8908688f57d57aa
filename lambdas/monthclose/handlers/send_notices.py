"""Lambda "Send notices"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.observability import count


@state_handler("send_notices", key="[period, round, batch]")
def handler(event: Event) -> Event:
    """Send the notices of a batch."""
    progress = use_cases().notice_sender.send(Period.parse(event["period"]), event["batch"], event["round"])
    sent = progress.totals.notices.get("sent", 0)
    count("NoticesSent", sent)
    return {"sent": sent}
