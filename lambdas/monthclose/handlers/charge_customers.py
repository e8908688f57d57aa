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

from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.errors import MonthCloseError, ProviderPausedError
from monthclose.handlers.entry import Event, days_work, once_by, runtime
from monthclose.names import COLLECT_DUE, Env
from monthclose.observability import count, logger, metrics, tracer
from monthclose.ports import ChargeQueue, Workflow
from monthclose.use_cases.collections.collect_due import Collector
from monthclose.use_cases.payments.charge_customers import BatchCharger
from monthclose.use_cases.payments.charge_payment import Charger

_SHARE_TO_HAND_BACK = 0.25
"""What is kept of the function's time: of 300 s enough for one provider call and its repetition at their time-outs
(20 s each), and to tell how far we got."""
_HEARTBEAT_SECONDS = 30
_WHILE_ANOTHER_IS_AT_IT = 60
"""Seconds until a message is looked at again whose batch somebody else is charging."""


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(runtime().settings.providers[os.environ[Env.PROVIDER]].threads, "charge")


@cache
def _charger() -> BatchCharger:
    world = runtime()
    charger = Charger(world.books, world.gateway(os.environ[Env.PROVIDER]), world.clock)
    return BatchCharger(charger, world.books, world.closes, world.clock, logger, _executor())


@cache
def _collector() -> Collector:
    world, charger = runtime(), _charger().charger
    return Collector(charger, world.books, world.closes, world.clock, logger, _executor(), world.settings.dunning)


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
        raise ProviderPausedError(f"{result.handed_back} customers are still to be charged", result.pause_seconds)
    paid = result.progress.totals.payments.get(PaymentState.PAID, 0)
    count("CustomersCharged", paid)
    return {"paid": paid, "unsettled": result.progress.unsettled}


def _collect(message: Event, context: LambdaContext) -> Event:
    task = _Task(runtime().workflow, message["task_token"], context)
    today, closing = days_work(message)
    result = _collector().collect(message["customers"], today, closing, task.is_over)
    if result.handed_back.customers and task.waits:
        raise ProviderPausedError(
            f"{result.handed_back.customers} customers are still to be charged", result.handed_back.pause_seconds
        )
    count("PaymentsRetried", result.retried)
    count("CustomersCollected", result.paid)
    return {"retried": result.retried, "paid": result.paid}


_charge_once = once_by("charge_customers", "[period, round, batch]", _charge)
_collect_once = once_by("collect_due", "[run, batch]", _collect)


def _process(message: Event, context: LambdaContext) -> None:
    """Charge a close's batch, or collect what is due of the collections' one, and tell its task.

    The task hears of a failure at once: its Retry sends a new message, or it leaves the batch to the repair round. A
    message that went back to the queue would stay hidden for the visibility time-out, and a dead letter's task would
    wait for a day. What is left for want of time, or because the provider has paused, goes back as a new message.
    """
    workflow, token = runtime().workflow, message["task_token"]
    # The token is no log's business, nor are the customers.
    named: Event = {name: message[name] for name in ("period", "run", "round", "batch") if name in message}
    try:
        collecting = message.get("kind") == COLLECT_DUE
        answer = _collect_once(message, context) if collecting else _charge_once(message, context)
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
