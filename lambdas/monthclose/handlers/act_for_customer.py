"""Lambda "Act for customer": does what customers ask for by the links to their invoices.

Only the function that shows invoices calls it. It makes pages at the payment providers, and charges.
"""

from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.handlers.entry import Event, Handler, runtime, use_cases
from monthclose.observability import count, logger, metrics, tracer
from monthclose.use_cases.self_service.customer_desk import LATER, UNAVAILABLE


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def _act(event: Event, context: LambdaContext) -> Event:
    runtime().patience.until(context.get_remaining_time_in_millis() / 1000)
    answer = use_cases().customer_desk.serve(event)
    said = answer.get("said", "sent on")
    logger.info("a customer's request", extra={"asked": event.get("asked", ""), "said": said})
    if said in (LATER, UNAVAILABLE):
        count("CustomerRequestsUndone", 1)
    return answer


handler = cast("Handler", _act)
