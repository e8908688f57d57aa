"""Lambda "Charge customers": consumes one payment provider's queue and answers the waiting tasks."""

import os
from collections.abc import Mapping
from functools import partial

from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.errors import MonthCloseError, NobodyWaitsError, ProviderPausedError
from monthclose.handlers.entry import Event, day_and_closing, once_by, runtime, use_cases
from monthclose.handlers.queue import Later, consume
from monthclose.names import COLLECT_DUE, PROVIDER_METRICS, Env
from monthclose.observability import count, count_by_provider, logger, metrics, tracer
from monthclose.once import made_once
from monthclose.use_cases.collections.collect_due import Collector
from monthclose.use_cases.payments.charge_customers import BatchCharger
from monthclose.use_cases.payments.turns import Turn, Turns
from monthclose.use_cases.payments.waiting_task import WaitingTask

_BUSY_SECONDS = 60
"""Seconds until a message is delivered again whose batch another consumer is charging."""
_LOGGED = {name: name for name in ("period", "run", "round", "batch")}
"""Fields that may be logged: not the task's token, nor the customers."""


@made_once
def _charger() -> BatchCharger:
    return use_cases().batch_charger(os.environ[Env.PROVIDER])


@made_once
def _collector() -> Collector:
    return use_cases().collector(os.environ[Env.PROVIDER])


def _charge(message: Event, _context: LambdaContext, task: WaitingTask, turn: Turn) -> Event:
    period, number, round_number = Period.parse(message["period"]), message["batch"], message["round"]
    result = _charger().charge(period, number, round_number, task.is_over, turn, message.get("only", ()))
    _leave_to_later(task, result.handed_back, result.pause_seconds)
    ends = result.progress.totals.payments
    paid = ends.get(PaymentState.PAID, 0)
    count("CustomersCharged", paid)
    _count({"ChargesPaid": paid, "ChargesDeclined": ends.get(PaymentState.DECLINED, 0)})
    return {"paid": paid, "unsettled": result.progress.unsettled}


def _count(counts: Mapping[str, int]) -> None:
    count_by_provider(os.environ[Env.PROVIDER], counts)


def _collect(message: Event, _context: LambdaContext, task: WaitingTask, turn: Turn) -> Event:
    today, closing = day_and_closing(message)
    result = _collector().collect(message["customers"], today, closing, task.is_over, turn)
    _leave_to_later(task, result.handed_back.customers, result.handed_back.pause_seconds)
    count("PaymentsRetried", result.retried)
    count("CustomersCollected", result.paid)
    return {"retried": result.retried, "paid": result.paid}


def _leave_to_later(task: WaitingTask, customers: int, pause_seconds: float) -> None:
    """Raise if customers are left to be charged: an answer would be kept and repeated to whoever asks for the rest.

    Raises
    ------
    ProviderPausedError
        The task waits: its message goes back to the queue.
    NobodyWaitsError
        It does not: if it is tried again, that sends a message of its own.
    """
    if customers and task.waits:
        raise ProviderPausedError(f"{customers} customers are still to be charged", pause_seconds)
    if customers:
        raise NobodyWaitsError(f"{customers} customers are still to be charged, but nobody waits for it")


_charge_once = once_by("charge_customers", "[period, round, batch]", _charge)
_collect_once = once_by("collect_due", "[run, batch]", _collect)


def _process(context: LambdaContext, turns: Turns, message: Event, _again: bool) -> Later | None:
    """Charge the batch of a message once it is its turn; a message without a turn goes back, with nothing read."""
    task = use_cases().waiting_task(message["task_token"], context.get_remaining_time_in_millis)
    if runtime().pauses.paused(os.environ[Env.PROVIDER], _closed(message)):
        return _wait_paused(message, task)
    with turns.turn(task) as turn:
        if turn:
            return _answer(context, message, task, turn)
    if task.waits:
        return Later(message, turns.pause_seconds, "this worker has no time for it")
    logger.info("the batch is left", extra={**_shown(message), "why": "nobody waits for it"})
    return None


def _closed(message: Event) -> Period | None:
    """Read which month's close a message is of; None for the collections'."""
    return None if message.get("kind") == COLLECT_DUE else Period.parse(message["period"])


def _wait_paused(message: Event, task: WaitingTask) -> Later | None:
    """Let a batch wait while a person has paused charging: its task is told that it is alive, and nothing is read.

    The collections don't wait: their reminders and holds go on, and what is not retried is due again tomorrow.
    """
    period = _closed(message)
    if period is None:
        runtime().workflow.answer(message["task_token"], {"retried": 0, "paid": 0})
        return None
    if task.is_over() and not task.waits:
        logger.info("the batch is left", extra={**_shown(message), "why": "nobody waits for it"})
        return None
    seconds = runtime().pauses.return_seconds(period, message["batch"])
    return Later(message, seconds, "a person has paused charging", wanted=True)


def _shown(message: Event) -> Event:
    return {name: message[name] for name in _LOGGED if name in message}


def _answer(context: LambdaContext, message: Event, task: WaitingTask, turn: Turn) -> Later | None:
    """Charge a close's batch, or collect what is due from a batch of the collections, and answer its task.

    A failure is reported to the task at once: its Retry sends a new message, or leaves the batch to the repair round.
    If the message stayed in the queue, it would be hidden for the visibility time-out, and a dead letter's task would
    wait for a day. What is left when time runs out, or the provider is paused, goes back as a new message, unless the
    task has timed out or was stopped.
    """
    workflow, token = runtime().workflow, message["task_token"]
    do = _collect_once if message.get("kind") == COLLECT_DUE else _charge_once
    try:
        answer = do(message, context, task, turn)
    except ProviderPausedError as error:
        return Later(message, error.seconds, str(error))
    except IdempotencyAlreadyInProgressError:  # the message came twice, or its first consumer died
        return Later(message, _BUSY_SECONDS, "another consumer has it")
    except NobodyWaitsError as error:
        logger.info("the batch is left", extra={**_shown(message), "why": str(error)})
    except Exception as error:
        why = str(error) if isinstance(error, MonthCloseError) else "see the log"
        found = {"error": type(error).__name__, "why": why}
        logger.warning("charging broke off", extra={**_shown(message), **found})
        workflow.fail(token, type(error).__name__, why)
    else:
        workflow.answer(token, answer)
    return None


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, context: LambdaContext) -> Event:
    """Charge the batches that the messages name: small ones in parallel (in a small close, each is one customer)."""
    provider = os.environ[Env.PROVIDER]
    queue, turns = runtime().charge_queue(provider), use_cases().charging_turns(provider)
    work = partial(_process, context, turns)
    answer = consume(event, queue, work, "a batch to charge", _LOGGED, runtime().machine_clock)
    _count({PROVIDER_METRICS[end]: number for end, number in runtime().requests(provider).items()})
    return answer
