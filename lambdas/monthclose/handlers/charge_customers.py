"""Lambda "Charge customers": consumes one payment provider's queue and answers the waiting tasks."""

import json
import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.domain.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.errors import MonthCloseError, TryLaterError
from monthclose.handlers.entry import Event, once_by, runtime
from monthclose.names import Env
from monthclose.observability import count, logger, metrics, tracer
from monthclose.stages.charge_batch import BatchCharger
from monthclose.stages.charge_customers import Charger

_SHARE_TO_HAND_BACK = 0.25
"""What is kept of the function's time: of 300 s enough for one provider call and its repetition at their time-outs
(20 s each), and to tell how far we got."""

_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def _charger() -> BatchCharger:
    world = runtime()
    charger = Charger(world.books, world.gateway(os.environ[Env.PROVIDER]), world.clock)
    return BatchCharger(charger, world.books, world.closes, world.clock, logger)


def _charge(message: Event, context: LambdaContext) -> Event:
    kept = context.get_remaining_time_in_millis() * _SHARE_TO_HAND_BACK

    def time_is_up() -> bool:
        return bool(context.get_remaining_time_in_millis() < kept)

    result = _charger().charge(Period.parse(message["period"]), message["batch"], message["round"], time_is_up)
    if result.handed_back:
        raise TryLaterError(f"{result.handed_back} customers are left: time is up")
    paid = result.progress.totals.payments.get(PaymentState.PAID, 0)
    count("CustomersCharged", paid)
    return {"paid": paid, "unsettled": result.progress.unsettled}


_charge_once = once_by("charge_customers", "[period, round, batch]", _charge)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, context: LambdaContext) -> PartialItemFailureResponse:
    """Charge the batches that the messages name."""

    def process(record: SQSRecord) -> None:
        message: dict[str, Any] = json.loads(record.body)
        token = message.pop("task_token")  # of this delivery: no part of the work, and no log's business
        logger.append_keys(**message)
        try:
            answer = _charge_once(message, context)
        except Exception as error:
            # The task is told at once: its Retry sends a new message, or it leaves the batch to the repair round. A
            # message that went back to the queue would stay hidden for the visibility time-out, and a dead letter's
            # task would wait for a day.
            why = str(error) if isinstance(error, MonthCloseError) else "see the log"
            logger.warning("charging broke off", extra={"error": type(error).__name__, "why": why})
            runtime().workflow.fail(token, type(error).__name__, why)
        else:
            runtime().workflow.answer(token, answer)

    return process_partial_response(event=event, record_handler=process, processor=_processor, context=context)
