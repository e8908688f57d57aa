"""Lambda "Apply webhook": consumes the queue of providers' events, each once."""

from datetime import timedelta
from functools import partial

from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.errors import ProviderPausedError, TryLaterError, UnfinishedError
from monthclose.handlers.entry import Event, once_by, runtime, use_cases
from monthclose.handlers.queue import Later, consume
from monthclose.observability import count, logger, metrics, tracer
from monthclose.once import made_once
from monthclose.use_cases.webhooks.apply_event import Applied, EventApplier, Result
from monthclose.use_cases.webhooks.take_webhook import WebhookMessage

_SHORTEST_WAIT, _LONGEST_WAIT = 30, 900
"""Bounds, in seconds, of the wait before an event is tried again; the wait grows with the time waited so far."""
_GIVE_UP_AFTER = timedelta(days=3)
"""An event that could not be applied for this long goes to the dead letters, which are reported to a person."""

_LOGGED = {"provider": "provider", "event": "event_id", "kind": "kind", "about": "reference"}


@made_once
def _applier(provider: str) -> EventApplier:
    return use_cases().event_applier(provider)


def _apply(event: Event, _context: LambdaContext) -> Event:
    message = WebhookMessage.from_message(event)
    applier = _applier(message.provider)
    applied = applier.book(message.event)
    if message.again or applied.result is Result.BOOKED:
        applier.finish(applied)
    return _note(event, applied)


def _note(event: Event, applied: Applied) -> Event:
    """Count an event; most change nothing, and only what changes something is logged, unless all is."""
    done = {"result": applied.result, "payment": applied.key.payment_id if applied.key else ""}
    log = logger.info if applied.result is Result.BOOKED else logger.debug
    log("a webhook's event", extra={**{name: event[field] for name, field in _LOGGED.items()}, **done})
    count(_METRICS[applied.result], 1)
    return done


def _settled_unasked(message: WebhookMessage) -> bool:
    """Settle an event that says what we know, without a record of its own: most are of payments that a close made.

    One that was tried before may have stopped half-way, and is applied.
    """
    applied = None if message.again else _applier(message.provider).known(message.event)
    if applied:
        _note(message.to_message(), applied)
    return applied is not None


_apply_once = once_by("apply_webhook", "[provider, event_id]", _apply)
_METRICS = {
    Result.NOT_OURS: "WebhookEventsNotOurs",
    Result.KNOWN: "WebhookEventsKnown",
    Result.UNCHANGED: "WebhookEventsUnchanged",
    Result.BOOKED: "WebhookEventsBooked",
}


def _process(context: LambdaContext, body: Event, delivered_before: bool) -> Later | None:
    """Apply an event, or put it back until it can be applied."""
    message = WebhookMessage.from_message(body)
    if delivered_before:
        message = message.tried()
    waited = runtime().clock() - message.received_at
    try:
        if not _settled_unasked(message):
            _apply_once(message.to_message(), context)
    except (TryLaterError, IdempotencyAlreadyInProgressError) as error:
        if waited > _GIVE_UP_AFTER:
            raise
        if isinstance(error, UnfinishedError):
            message = message.tried()
        seconds = error.seconds if isinstance(error, ProviderPausedError) else waited.total_seconds()
        why = str(error) if isinstance(error, TryLaterError) else "it is being applied"
        count("WebhookEventsWaiting", 1)
        return Later(message.to_message(), min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT), why)
    return None


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, context: LambdaContext) -> Event:
    """Apply the messages' events in parallel: each mostly waits for the provider."""
    queue, clock = runtime().event_queue, runtime().machine_clock
    runtime().patience.until(context.get_remaining_time_in_millis() / 1000)
    return consume(event, queue, partial(_process, context), "a webhook's event", _LOGGED, clock)
