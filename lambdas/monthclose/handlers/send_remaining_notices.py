"""Lambda "Send remaining notices"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.observability import count
from monthclose.ports import TimeIsUp


@timed_handler("send_remaining_notices", key="[period, run, entered]", kept=0.1)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Send the notices that a close's batches have left; the answer says whether to call again."""
    remaining = use_cases().remaining_sender.send(Period.parse(event["period"]), time_is_up)
    count("NoticesSent", remaining.sent)
    return {"sent": remaining.sent, "left": remaining.left, "again": remaining.again}
