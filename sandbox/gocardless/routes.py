"""The endpoints of GoCardless that the sandbox has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.gocardless import events, mandates, payments, people
from sandbox.gocardless.account import Operation

_ENDPOINTS: tuple[tuple[str, str, str, Operation], ...] = (
    ("customers.create", "POST", "/customers", people.create_customer),
    ("customers.list", "GET", "/customers", people.list_customers),
    ("customers.get", "GET", "/customers/{customer}", people.get_customer),
    ("customer_bank_accounts.create", "POST", "/customer_bank_accounts", people.create_bank_account),
    ("mandates.create", "POST", "/mandates", mandates.create),
    ("mandates.list", "GET", "/mandates", mandates.list_all),
    ("mandates.get", "GET", "/mandates/{mandate}", mandates.get),
    ("mandates.cancel", "POST", "/mandates/{mandate}/actions/cancel", mandates.cancel),
    ("payments.create", "POST", "/payments", payments.create),
    ("payments.list", "GET", "/payments", payments.list_all),
    ("payments.get", "GET", "/payments/{payment}", payments.get),
    ("payments.cancel", "POST", "/payments/{payment}/actions/cancel", payments.cancel),
    ("payments.retry", "POST", "/payments/{payment}/actions/retry", payments.retry),
    ("refunds.create", "POST", "/refunds", payments.refund),
    ("refunds.list", "GET", "/refunds", payments.list_refunds),
    ("refunds.get", "GET", "/refunds/{refund}", payments.get_refund),
    ("events.list", "GET", "/events", events.list_all),
    ("events.get", "GET", "/events/{event}", events.get),
)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its name, the operation behind it, and the one member that its body has."""

    name: str
    method: str
    pattern: re.Pattern[str]
    operation: Operation
    envelope: str


ROUTES = tuple(
    Route(
        name,
        method,
        re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)),
        operation,
        "data" if "/actions/" in template else template.removeprefix("/"),
    )
    for name, method, template, operation in _ENDPOINTS
)


def find_route(method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
    """Return the endpoint for a request and the ids in its path."""
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, match.groupdict()
    return None
