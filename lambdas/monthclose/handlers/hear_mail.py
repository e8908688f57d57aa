"""Lambda "Hear mail": consumes the queue of what SES reports about e-mails that it has accepted."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.domain.notices.mail_event import MailEvent
from monthclose.handlers.entry import Event, runtime, use_cases
from monthclose.handlers.queue import consume
from monthclose.observability import count, logger, metrics, tracer
from monthclose.use_cases.notices.hear_mail import Heard

_METRICS = {Heard.UNKNOWN: "MailEventsUnknown", Heard.KNOWN: "MailEventsKnown", Heard.NOTED: "MailEventsNoted"}


def _hear(message: Event, _again: bool) -> None:
    """Keep an event. What cannot be kept stays in the queue, and then goes to the dead letters."""
    event = MailEvent.read(message)
    heard = use_cases().mail_hearer.hear(event)
    logger.info("an e-mail's event", extra={"kind": event.kind, "why": event.why, "result": heard})
    count(_METRICS[heard], 1)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, _context: LambdaContext) -> Event:
    """Keep the messages' events with their notices. An event is kept once, however often it comes."""
    ports = runtime()
    return consume(event, ports.event_queue, _hear, "an e-mail's event", {"id": "id"}, ports.machine_clock)
