"""Lambda "Act for operator": runs the commands that need a provider's key, so that the key stays in its secret."""

from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.handlers.entry import Event, Handler, use_cases
from monthclose.observability import logger, metrics, tracer
from monthclose.use_cases.reconciliation.remote_desk import serve

_LOGGED = ("command", "by", "act", "customer_id", "provider", "period")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def _act(event: Event, context: LambdaContext) -> Event:
    given = max(context.get_remaining_time_in_millis(), 1)
    shown = {name: event[name] for name in _LOGGED if name in event}
    logger.info("an operator's command", extra=shown)
    desk = use_cases().money_desk(lambda: context.get_remaining_time_in_millis() / given)
    answer = serve(desk, event, use_cases().acts)
    if "error" in answer:
        logger.warning("an operator's command was not done", extra={**shown, "error": answer["error"]})
    return answer


handler = cast("Handler", _act)
