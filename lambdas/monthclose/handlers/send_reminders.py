"""Lambda "Send reminders"."""

from functools import cache

from monthclose.handlers.entry import Event, days_work, runtime, state_handler
from monthclose.observability import count
from monthclose.use_cases.notices.send_reminders import ReminderSender


@cache
def _sender() -> ReminderSender:
    world, settings = runtime(), runtime().settings
    return ReminderSender(
        books=world.books,
        teller=world.customer_teller,
        clock=world.clock,
        policy=settings.dunning,
        adapters=frozenset(settings.providers),
    )


@state_handler("send_reminders", key="[run, batch.batch]")
def handler(event: Event) -> Event:
    """Send the reminders that are due to a batch of customers."""
    today, closing = days_work(event)
    sent = _sender().send(event["batch"]["customers"], today, closing)
    count("RemindersSent", sent)
    return {"sent": sent}
