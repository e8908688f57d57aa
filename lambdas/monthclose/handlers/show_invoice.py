"""Lambda "Show invoice", behind a function URL: shows the holder of a valid link how their invoice stands.

The page leads to the invoice's PDF, and has a button for each thing that its customer can do. What they ask for is done
by another function (`act_for_customer`): this one, which the internet reaches, may read no customer and no key of a
payment provider. Everybody without a valid link gets one plain page, the same for a forged, an altered and an expired
link, without any data.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.link import LinkExpiredError, LinkRefusedError
from monthclose.domain.month import CustomerMonth
from monthclose.errors import BrokeOffError, TryLaterError
from monthclose.handlers.entry import Event, Handler, runtime, use_cases
from monthclose.names import CustomerRequest, Env
from monthclose.observability import count, logger, metrics, tracer
from monthclose.templates import page

_CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {}; frame-ancestors 'none'"
)
"""Browsers hold the redirect that follows a form to `form-action`, too: it leads to a provider's page, or a bank's."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _CONTENT_POLICY.format("'none'"),
    "Content-Type": "text/html; charset=utf-8",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
_ALLOWED = ("GET", "HEAD", "POST")
_ASKED = {"details": CustomerRequest.DETAILS, "pay": CustomerRequest.PAY}
_LONGEST_FORM = 1_000
"""In characters: a form has one short field."""


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def _show(event: Event, _context: LambdaContext) -> Event:
    method = event["requestContext"]["http"]["method"]
    if method not in _ALLOWED:
        return _answer(405, page("refused"), {"Allow": ", ".join(_ALLOWED)})
    try:
        return _act(event) if method == "POST" else _page(event)
    except LinkRefusedError:
        count("InvoiceLinksRefused", 1)
        return _answer(403, page("refused"))
    except LinkExpiredError:
        count("InvoiceLinksExpired", 1)
        return _answer(410, page("refused"))
    except TryLaterError:
        logger.exception("The invoice cannot be shown right now")
        return _answer(503, page("later"), {"Retry-After": "30"})


def _page(event: Event) -> Event:
    opener, query = use_cases().link_opener, parse_qs(event.get("rawQueryString", ""), keep_blank_values=True)
    opened = opener.open(_token(event))
    if not isinstance(opened.issued, Invoice) or "pdf" in query:
        count("InvoicesShown", 1)
        return _answer(302, page("found"), {"Location": opener.pdf(opened.issued)})
    said = query.get("said", [""])[0]
    if "from" in query:  # the provider has sent them back: its webhook may come later
        _ask(event, CustomerRequest.RETURN)
        opened, said = opener.open(_token(event)), "returned"
    assert isinstance(opened.issued, Invoice)
    if "receipt" in query:
        return _receipt(opened.month)
    count("InvoicePagesShown", 1)
    return _answer(200, use_cases().invoice_pages.page(opened.issued, opened.month, said), _form_policy())


def _receipt(month: CustomerMonth) -> Event:
    """Answer with the receipt itself: it changes with refunds, so it is not stored."""
    papers = use_cases().account_papers
    receipt = papers.receipt_of(month)
    if receipt is None:
        return _answer(404, page("refused"))
    count("ReceiptsShown", 1)
    headers = {**_HEADERS, "Content-Type": "application/pdf", "Content-Disposition": 'inline; filename="receipt.pdf"'}
    body = base64.b64encode(papers.pdf(receipt)).decode()
    return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": True}


def _act(event: Event) -> Event:
    use_cases().link_opener.open(_token(event))  # nothing is asked for with a link that is not valid
    asked = _ASKED.get(_form(event).get("asked", [""])[0])
    if asked is None:
        return _answer(400, page("refused"))
    answer = _ask(event, asked)
    count("CustomerRequests", 1)
    address = answer.get("to") or f"?said={answer.get('said', '')}"
    return _answer(303, page("found"), {"Location": address, **_form_policy()})


def _ask(event: Event, asked: CustomerRequest) -> Mapping[str, Any]:
    """Have something done for the customer: only a link of ours gets this far."""
    try:
        return _customer_function({"token": _token(event), "asked": asked})
    except (BrokeOffError, BotoCoreError, ClientError):  # as when too many customers ask at one moment
        logger.exception("A customer's request broke off")
        return {"said": "later"}


def _customer_function(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return runtime().function(os.environ[Env.CUSTOMER_FUNCTION])(request)


def _token(event: Event) -> str:
    return str(event["rawPath"]).rpartition("/")[2]


def _form(event: Event) -> Mapping[str, list[str]]:
    text = event.get("body") or ""
    if len(text) > _LONGEST_FORM:
        return {}
    if event.get("isBase64Encoded"):
        try:
            text = base64.b64decode(text, validate=True).decode(errors="replace")
        except binascii.Error:
            return {}
    return parse_qs(text)


def _answer(status: int, body: str, headers: Mapping[str, str] | None = None) -> Event:
    return {"statusCode": status, "headers": {**_HEADERS, **(headers or {})}, "body": body}


def _form_policy() -> Mapping[str, str]:
    """Let the forms' redirects lead to the providers' pages; those of a local sandbox have no TLS."""
    addresses = [urlsplit(provider.api_base) for provider in use_cases().ports.settings.providers.values()]
    plain = {f" {address.scheme}://{address.netloc}" for address in addresses if address.scheme == "http"}
    return {"Content-Security-Policy": _CONTENT_POLICY.format(f"'self' https:{''.join(sorted(plain))}")}


handler = cast("Handler", _show)
