"""Lambda "Refund within limits": refunds and writes off for those with the policy *operate*, within its limits.

Which function a person may call, IAM decides: the limits that this one is deployed with are those of the role.
"""

from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.domain.payments.hand_limits import GIVING_BACK
from monthclose.handlers.entry import Event, Handler, use_cases
from monthclose.observability import logger, metrics, tracer
from monthclose.use_cases.reconciliation.remote_desk import serve

_LOGGED = ("command", "by", "act")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def _refund(event: Event, _context: LambdaContext) -> Event:
    shown = {name: event[name] for name in _LOGGED if name in event}
    logger.info("an operator's command", extra=shown)
    answer = serve(use_cases().money_desk(), event, use_cases().acts, only=GIVING_BACK)
    if "error" in answer:
        logger.warning("an operator's command was not done", extra={**shown, "error": answer["error"]})
    return answer


handler = cast("Handler", _refund)
