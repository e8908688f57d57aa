"""Lambda "Send reminders"."""

from monthclose.handlers.entry import Event, day_and_closing, state_handler, use_cases
from monthclose.observability import count


@state_handler("send_reminders", key="[run, batch.batch]")
def handler(event: Event) -> Event:
    """Send the reminders that are due to a batch of customers."""
    today, closing = day_and_closing(event)
    sent = use_cases().reminder_sender.send(event["batch"]["customers"], today, closing)
    count("RemindersSent", sent)
    return {"sent": sent}
