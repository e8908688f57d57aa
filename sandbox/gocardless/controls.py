"""The sandbox's own routes below ``/_sandbox/gocardless`` (docs/sandbox.md lists them)."""

import json
from collections.abc import Callable, Mapping

from sandbox.gocardless.account import Terms
from sandbox.gocardless.outside import Outside
from sandbox.gocardless.published import UnpublishedError
from sandbox.gocardless.schemes import SCHEMES
from sandbox.gocardless.ways import IllegalAdvanceError
from sandbox.reading import Entry, PlanError
from sandbox.wire import JSON, Request, Response

PREFIX = "/_sandbox/gocardless"

type Act = Callable[[Outside, str, Entry], JSON]


def _cause(body: Entry) -> str:
    return body.text("cause") or ""


def _advance(outside: Outside, _: str, body: Entry) -> JSON:
    return {"payments": outside.advance(body.text("to"), _cause(body))}


def _advance_payment(outside: Outside, payment: str, body: Entry) -> JSON:
    origin = body.text("origin") or ""
    return {"payments": [outside.advance_payment(payment, body.text("to"), _cause(body), origin)]}


# By what stands where: the kind of object, and what is done to it.
_ACTS: Mapping[tuple[str, str], Act] = {
    ("payments", "advance"): _advance_payment,
    ("payments", "charge_back"): lambda o, it, body: {"payments": o.charge_back(it, _cause(body))},
    ("payments", "cancel_charge_back"): lambda o, it, body: {
        "payments": o.cancel_charge_back(it, body.text("origin") or "")
    },
    ("payments", "late_failure"): lambda o, it, body: {"payments": o.fail_late(it, _cause(body))},
    ("payments", "refund"): lambda o, it, body: {"refunds": o.refund(it, body.whole("amount", 1))},
    ("refunds", "advance"): lambda o, it, body: {
        "refunds": o.advance_refund(it, body.text("to") or body.missing("to"))
    },
    ("mandates", "replace"): lambda o, it, _: {"mandates": o.replace_mandate(it)},
    ("mandates", "transfer"): lambda o, it, _: {"mandates": o.transfer_mandate(it)},
    ("mandates", "end"): lambda o, it, body: {
        "mandates": o.end_mandate(it, body.text("status") or body.missing("status"), _cause(body))
    },
    ("mandates", "approval"): lambda o, it, body: {
        "mandates": o.require_approval(it, required=body.flag("required", default=True))
    },
    ("customers", "remove"): lambda o, it, _: {"customers": o.remove_customer(it)},
    ("payouts", "bounce"): lambda o, it, _: {"payouts": o.bounce_payout(it)},
}


ROUTES = (
    *(("GET", "terms"), ("PUT", "terms"), ("POST", "advance"), ("POST", "payouts")),
    *(("POST", f"{kind}/{{id}}/{act}") for kind, act in _ACTS),
)
"""All there are: method and path."""


def control(request: Request, outside: Outside, terms: Terms) -> Response:
    """Answer one request: 400 for a body that cannot be read, 404 for no such object, 409 for what cannot happen."""
    parts = request.path.removeprefix(PREFIX).strip("/").split("/")
    try:
        body = Entry(json.loads(request.body or b"{}"), "the body")
        match parts:
            case ["terms"]:
                answer: JSON = _terms(terms, body if request.method == "PUT" else None)
            case ["advance"]:
                answer = _advance(outside, "", body)
            case ["payouts"]:
                answer = {"payouts": outside.pay_out()}
            case [kind, reference, act] if (kind, act) in _ACTS:
                answer = _ACTS[kind, act](outside, reference, body)
            case _:
                return Response.of(404, {"error": f"there is no control at {request.path}"})
    except LookupError as error:
        return Response.of(404, {"error": str(error)})
    except (IllegalAdvanceError, UnpublishedError) as error:
        return Response.of(409, {"error": str(error)})
    except PlanError as error:
        return Response.of(400, {"error": str(error)})
    except ValueError as error:
        return Response.of(400, {"error": f'the body must be JSON like {{"to": "confirmed"}}: {error}'})
    return Response.of(200, answer)


_TERMS = ("smallest", "largest", "refundable")


def _terms(terms: Terms, body: Entry | None) -> JSON:
    """Show the terms, or replace those of the kinds that the body names."""
    wanted = {name: _amounts(body, name) for name in _TERMS if body and body.has(name)}
    if body is not None:
        body.end()
    for name, amounts in wanted.items():
        setattr(terms, name, amounts)
    return {name: getattr(terms, name) for name in _TERMS}


def _amounts(body: Entry, name: str) -> dict[str, int]:
    entry = body.table(name)
    amounts = {currency: entry.whole(currency, 0) or 0 for currency in SCHEMES if entry.has(currency)}
    entry.end()
    return amounts
