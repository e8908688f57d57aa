"""Lambda "Publish events": hears of the tables' commits from their streams, and tells other systems."""

from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.domain.events import Change
from monthclose.handlers.entry import Event, runtime, use_cases
from monthclose.names import UNREADABLE_METRIC
from monthclose.observability import count, logger, metrics, tracer
from monthclose.once import made_once
from monthclose.use_cases.events.publish_events import EventPublisher


@made_once
def _publisher() -> EventPublisher:
    return use_cases().event_publisher


def _changes(event: Event) -> Iterator[Change]:
    """Read the changes. One that cannot be read never will be: it is counted, and holds up no other."""
    for record in event["Records"]:
        try:
            change = runtime().read_change(record)
        except (LookupError, TypeError, ValueError) as error:
            found = {"sequence": record.get("dynamodb", {}).get("SequenceNumber"), "error": type(error).__name__}
            logger.error("a change cannot be read", extra=found)
            count(UNREADABLE_METRIC, 1)
            continue
        if change:
            yield change


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Send the events of some commits. If it fails, Lambda calls it again with the same, for as long as a day."""
    runtime().patience.until(context.get_remaining_time_in_millis() / 1000)
    count("EventsPublished", _publisher().publish(_changes(event)))
    return {}
