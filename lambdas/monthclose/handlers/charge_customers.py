"""Lambda "Charge customers": consumes one payment provider's queue and answers the waiting tasks."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse, PartialItemFailures
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent, SQSRecord
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.domain.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.errors import MonthCloseError, ProviderPausedError
from monthclose.handlers.entry import Event, once_by, runtime
from monthclose.names import Env
from monthclose.observability import count, logger, metrics, tracer
from monthclose.ports import ChargeQueue, Workflow
from monthclose.stages.charge_batch import BatchCharger
from monthclose.stages.charge_customers import Charger

_SHARE_TO_HAND_BACK = 0.25
"""What is kept of the function's time: of 300 s enough for one provider call and its repetition at their time-outs
(20 s each), and to tell how far we got."""
_HEARTBEAT_SECONDS = 30
_WHILE_ANOTHER_IS_AT_IT = 60
"""Seconds until a message is looked at again whose batch somebody else is charging."""


@cache
def _charger() -> BatchCharger:
    world = runtime()
    provider = os.environ[Env.PROVIDER]
    charger = Charger(world.books, world.gateway(provider), world.clock)
    executor = ThreadPoolExecutor(world.settings.providers[provider].threads, "charge")
    return BatchCharger(charger, world.books, world.closes, world.clock, logger, executor)


@cache
def _queue() -> ChargeQueue:
    return runtime().charge_queue(os.environ[Env.PROVIDER])


class _Task:
    """The waiting task that a message belongs to, and the time that is left for it."""

    def __init__(self, workflow: Workflow, token: str, context: LambdaContext) -> None:
        self._workflow, self._token, self._context = workflow, token, context
        self._kept = context.get_remaining_time_in_millis() * _SHARE_TO_HAND_BACK
        self._next_beat = context.get_remaining_time_in_millis()
        self._lock = threading.Lock()
        self.waits = True

    def is_over(self) -> bool:
        """Whether to begin with nothing more: time is up, or nobody waits any more. Sends the heartbeats."""
        left = self._context.get_remaining_time_in_millis()
        with self._lock:
            if left <= self._next_beat and self.waits:
                self._next_beat = left - _HEARTBEAT_SECONDS * 1000
                self.waits = self._workflow.still_waits(self._token)
        return left < self._kept or not self.waits


def _charge(message: Event, context: LambdaContext) -> Event:
    task = _Task(runtime().workflow, message["task_token"], context)
    result = _charger().charge(Period.parse(message["period"]), message["batch"], message["round"], task.is_over)
    if result.handed_back and task.waits:
        raise ProviderPausedError(f"{result.handed_back} customers are left", result.pause_seconds)
    paid = result.progress.totals.payments.get(PaymentState.PAID, 0)
    count("CustomersCharged", paid)
    return {"paid": paid, "unsettled": result.progress.unsettled}


_charge_once = once_by("charge_customers", "[period, round, batch]", _charge)


def _process(message: Event, context: LambdaContext) -> None:
    """Charge a batch and tell its task.

    The task hears of a failure at once: its Retry sends a new message, or it leaves the batch to the repair round. A
    message that went back to the queue would stay hidden for the visibility time-out, and a dead letter's task would
    wait for a day. What is left for want of time, or because the provider has paused, goes back as a new message.
    """
    workflow, token = runtime().workflow, message["task_token"]
    named = {name: message[name] for name in ("period", "round", "batch")}  # the token is no log's business
    try:
        answer = _charge_once(message, context)
    except ProviderPausedError as error:
        logger.info("handed back", extra={**named, "why": str(error), "seconds": error.seconds})
        _queue().put_back(message, round(error.seconds))
    except IdempotencyAlreadyInProgressError:  # the message came twice, or its first consumer died
        _queue().put_back(message, _WHILE_ANOTHER_IS_AT_IT)
    except Exception as error:
        why = str(error) if isinstance(error, MonthCloseError) else "see the log"
        logger.warning("charging broke off", extra={**named, "error": type(error).__name__, "why": why})
        workflow.fail(token, type(error).__name__, why)
    else:
        workflow.answer(token, answer)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, context: LambdaContext) -> PartialItemFailureResponse:
    """Charge the batches that the messages name, side by side: a small close has one customer in each."""
    records = list(SQSEvent(event).records)

    def one(record: SQSRecord) -> list[PartialItemFailures]:
        try:
            _process(json.loads(record.body), context)
        except Exception as error:
            logger.warning("a message stays in the queue", extra={"error": type(error).__name__})
            return [{"itemIdentifier": record.message_id}]
        return []

    with ThreadPoolExecutor(max(len(records), 1), "message") as pool:
        return {"batchItemFailures": [failure for failures in pool.map(one, records) for failure in failures]}
