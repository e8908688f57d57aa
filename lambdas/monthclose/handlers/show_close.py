"""Lambda "Show close": draws the latest close for the CloudWatch dashboard, which calls it as whoever views it."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.handlers.entry import Event, runtime, use_cases
from monthclose.observability import logger, tracer

_ABOUT = "The latest close: money, stages, charges, parked customers. It takes no parameters."


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: Event, context: LambdaContext) -> str:
    """Return HTML, or what the widget is if the dashboard asks that."""
    runtime().patience.until(context.get_remaining_time_in_millis() / 1000)
    return _ABOUT if event.get("describe") else use_cases().close_widget.draw()
