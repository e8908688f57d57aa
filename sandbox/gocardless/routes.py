"""The endpoints of GoCardless that the sandbox has."""

from sandbox.gocardless import events, mandates, payments, people
from sandbox.gocardless.account import Operation
from sandbox.shell import Route, Routes

ROUTES = Routes[Operation](
    (
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
)


def envelope_of(route: Route[Operation]) -> str:
    """Name the one member that a route's body has."""
    return "data" if "/actions/" in route.template else route.template.removeprefix("/")
