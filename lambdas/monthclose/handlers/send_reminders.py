"""Lambda "Send reminders"."""

from monthclose.errors import ProviderPausedError
from monthclose.handlers.entry import Event, day_and_closing, timed_handler, use_cases
from monthclose.observability import count
from monthclose.ports import TimeIsUp

_WAIT_SECONDS = 120
"""Until a batch without a turn asks again: at SES' usual rate, some 1,600 e-mails later."""
_LATER_TODAY = 600
"""What pauses mail for as long as this, a quota that is used up, leaves the rest to tomorrow."""


@timed_handler("send_reminders", key="[run, batch.batch, entered]", kept=0.2)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Send the reminders that are due to a batch of customers; the answer says whether to call again, and when."""
    today, closing = day_and_closing(event)
    try:
        sent = use_cases().reminder_sender.send(event["batch"]["customers"], today, closing, time_is_up)
    except ProviderPausedError as error:
        return {"wait_seconds": _WAIT_SECONDS if error.seconds < _LATER_TODAY else 0}
    count("RemindersSent", sent)
    return {"sent": sent, "wait_seconds": 0}
