"""Lambda "Receive webhook": accepts the payment providers' webhooks, behind a function URL that anybody can reach.

The answer is only a status. Any status but 200 makes the provider deliver again, for days.
"""

import base64
from collections.abc import Mapping
from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.errors import ProviderRefusedError, TryLaterError, WebhookRefusedError
from monthclose.handlers.entry import Event, runtime, use_cases
from monthclose.names import WEBHOOKS_PATH
from monthclose.observability import count, logger, metrics, tracer

_LARGEST_BYTES = 1024 * 1024
"""Of a body. GoCardless sends up to 250 events of some 700 bytes in one, Stripe one event of some 5 KB."""
_BASE64 = 4 / 3


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Event, context: LambdaContext) -> Event:
    """Take a webhook at `/stripe` or `/gocardless`, on a domain below `/webhooks`, and answer at once."""
    runtime().patience.until(context.get_remaining_time_in_millis() / 1000)
    return {"statusCode": int(_status(event)), "headers": {"Content-Type": "text/plain"}, "body": ""}


def _status(event: Event) -> HTTPStatus:
    text = event.get("body") or ""
    if len(text) > _LARGEST_BYTES * _BASE64 + 4:
        return _refused("", "too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    provider = event["rawPath"].removeprefix(WEBHOOKS_PATH).strip("/")
    if provider not in runtime().webhook_providers:
        return HTTPStatus.NOT_FOUND
    if event["requestContext"]["http"]["method"] != "POST":
        return HTTPStatus.METHOD_NOT_ALLOWED
    try:
        body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError:
        return _refused(provider, "not base64", HTTPStatus.BAD_REQUEST)
    if len(body) > _LARGEST_BYTES:
        return _refused(provider, "too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return _take(provider, event["headers"], body)


def _take(provider: str, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
    try:
        taken = use_cases().webhook_taker.take(provider, headers, body)
    except WebhookRefusedError as error:
        return _refused(provider, str(error), HTTPStatus.BAD_REQUEST)
    except (ProviderRefusedError, TryLaterError) as error:
        logger.error("a webhook cannot be accepted", extra={"provider": provider, "why": str(error)})
        return HTTPStatus.SERVICE_UNAVAILABLE
    count("WebhookEventsQueued", taken.queued)
    count("WebhookEventsIgnored", taken.ignored)
    return HTTPStatus.OK


def _refused(provider: str, why: str, status: HTTPStatus) -> HTTPStatus:
    logger.warning("a webhook was refused", extra={"provider": provider, "why": why})
    count("WebhooksRefused", 1)
    return status
