"""Lambda "Apply webhook": consumes the queue of providers' events, each once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse, PartialItemFailures
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent, SQSRecord
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.errors import MonthCloseError, ProviderPausedError, TryLaterError
from monthclose.handlers.entry import Event, once_by, runtime
from monthclose.observability import count, logger, metrics, tracer
from monthclose.ports import EventQueue
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.webhooks.apply_event import EventApplier, Result
from monthclose.use_cases.webhooks.take_webhook import WebhookMessage

_SHORTEST_WAIT, _LONGEST_WAIT = 30, 900
"""Seconds until an event that cannot be applied now comes again: the longer it has waited, the more."""
_LONGEST_WAY = timedelta(days=3)
"""An event that could not be applied for so long goes to the dead letters, where a person hears of it."""


@cache
def _applier(provider: str) -> EventApplier:
    world = runtime()
    charger = Charger(world.books, world.gateway(provider), world.clock)
    teller = world.customer_teller
    return EventApplier(charger, world.books, world.closes, teller.holds, teller, world.clock)


@cache
def _queue() -> EventQueue:
    return runtime().event_queue


def _apply(event: Event, _context: LambdaContext) -> Event:
    message = WebhookMessage.from_message(event)
    applier = _applier(message.provider)
    applied = applier.book(message.event)
    if message.again or applied.result is Result.BOOKED:
        applier.finish(applied)
    named = {"result": applied.result, "payment": applied.key.payment_id if applied.key else ""}
    logger.info("a webhook's event", extra={**_named(message), **named})
    count(_METRICS[applied.result], 1)
    return named


_apply_once = once_by("apply_webhook", "[provider, event_id]", _apply)
_METRICS = {
    Result.NOT_OURS: "WebhookEventsNotOurs",
    Result.KNOWN: "WebhookEventsKnown",
    Result.UNCHANGED: "WebhookEventsUnchanged",
    Result.BOOKED: "WebhookEventsBooked",
}


def _named(message: WebhookMessage) -> dict[str, str]:
    return {
        "provider": message.provider,
        "event": message.event.event_id,
        "kind": message.event.kind,
        "about": message.event.reference,
    }


def _process(message: WebhookMessage, context: LambdaContext) -> None:
    """Apply an event, or put it back as a new message until it can be applied: waiting uses up no deliveries.

    What fails otherwise stays in the queue, is delivered again a few times, and then lies among the dead letters.
    """
    waited = runtime().clock() - message.received_at
    try:
        _apply_once(message.to_message(), context)
    except (TryLaterError, IdempotencyAlreadyInProgressError) as error:
        if waited > _LONGEST_WAY:
            raise
        seconds = error.seconds if isinstance(error, ProviderPausedError) else waited.total_seconds()
        _queue().put_back(message.to_message(), round(min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT)))
        why = str(error) if isinstance(error, TryLaterError) else "it is being applied"
        logger.info("a webhook's event waits", extra={**_named(message), "why": why})
        count("WebhookEventsWaiting", 1)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, context: LambdaContext) -> PartialItemFailureResponse:
    """Apply the events that the messages tell of, side by side: each is little but waiting for the provider."""
    records = list(SQSEvent(event).records)
    with ThreadPoolExecutor(max(len(records), 1), "event") as pool:
        return {"batchItemFailures": [failed for some in pool.map(_one(context), records) for failed in some]}


def _one(context: LambdaContext) -> Callable[[SQSRecord], list[PartialItemFailures]]:
    def one(record: SQSRecord) -> list[PartialItemFailures]:
        message = None
        try:
            message = WebhookMessage.from_message(json.loads(record.body))
            delivered_before = int(record.attributes.approximate_receive_count) > 1
            _process(message.tried() if delivered_before else message, context)
        except Exception as error:
            why = str(error) if isinstance(error, MonthCloseError) else ""  # others' messages may hold anything
            found = {**(_named(message) if message else {}), "error": type(error).__name__, "why": why}
            logger.error("a webhook's event stays in the queue", extra=found)
            return [{"itemIdentifier": record.message_id}]
        return []

    return one
