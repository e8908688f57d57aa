"""Lambda "Show invoice", behind a function URL: redirects the holder of a valid link to the invoice's PDF.

Everybody else gets one plain page, the same for a forged, an altered and an expired link, without any data.
"""

from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.domain.invoices.link import LinkExpiredError, LinkRefusedError
from monthclose.errors import TryLaterError
from monthclose.handlers.entry import Event, Handler, use_cases
from monthclose.observability import count, logger, metrics, tracer
from monthclose.templates import page

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Content-Type": "text/html; charset=utf-8",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
_ALLOWED = ("GET", "HEAD")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def _show(event: Event, _context: LambdaContext) -> Event:
    if event["requestContext"]["http"]["method"] not in _ALLOWED:
        return _answer(405, "refused", {"Allow": ", ".join(_ALLOWED)})
    try:
        address = use_cases().link_opener.open(event["rawPath"].rpartition("/")[2])
    except LinkRefusedError:
        count("InvoiceLinksRefused", 1)
        return _answer(403, "refused")
    except LinkExpiredError:
        count("InvoiceLinksExpired", 1)
        return _answer(410, "refused")
    except TryLaterError:
        logger.exception("The invoice cannot be shown right now")
        return _answer(503, "later", {"Retry-After": "30"})
    count("InvoicesShown", 1)
    return _answer(302, "found", {"Location": address})


def _answer(status: int, name: str, headers: dict[str, str] | None = None) -> Event:
    return {"statusCode": status, "headers": _HEADERS | (headers or {}), "body": page(name)}


handler = cast("Handler", _show)
