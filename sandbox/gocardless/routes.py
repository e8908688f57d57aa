"""The endpoints of GoCardless that the sandbox has."""

from sandbox.gocardless import events, mandates, payments, payouts, people, refunds
from sandbox.gocardless.account import Operation
from sandbox.shell import Route, Routes

ROUTES = Routes[Operation](
    (
        ("customers.create", "POST", "/customers", people.create_customer),
        ("customers.list", "GET", "/customers", people.list_customers),
        ("customers.get", "GET", "/customers/{customer}", people.get_customer),
        ("customers.update", "PUT", "/customers/{customer}", people.update_customer),
        ("customers.remove", "DELETE", "/customers/{customer}", people.remove_customer),
        ("customer_bank_accounts.create", "POST", "/customer_bank_accounts", people.create_bank_account),
        ("mandates.create", "POST", "/mandates", mandates.create),
        ("mandates.list", "GET", "/mandates", mandates.list_all),
        ("mandates.get", "GET", "/mandates/{mandate}", mandates.get),
        ("mandates.update", "PUT", "/mandates/{mandate}", mandates.update),
        ("mandates.cancel", "POST", "/mandates/{mandate}/actions/cancel", mandates.cancel),
        ("mandates.reinstate", "POST", "/mandates/{mandate}/actions/reinstate", mandates.reinstate),
        ("payments.create", "POST", "/payments", payments.create),
        ("payments.list", "GET", "/payments", payments.list_all),
        ("payments.get", "GET", "/payments/{payment}", payments.get),
        ("payments.update", "PUT", "/payments/{payment}", payments.update),
        ("payments.cancel", "POST", "/payments/{payment}/actions/cancel", payments.cancel),
        ("payments.retry", "POST", "/payments/{payment}/actions/retry", payments.retry),
        ("refunds.create", "POST", "/refunds", refunds.create),
        ("refunds.list", "GET", "/refunds", refunds.list_all),
        ("refunds.get", "GET", "/refunds/{refund}", refunds.get),
        ("refunds.update", "PUT", "/refunds/{refund}", refunds.update),
        ("payouts.list", "GET", "/payouts", payouts.list_all),
        ("payouts.get", "GET", "/payouts/{payout}", payouts.get),
        ("payout_items.list", "GET", "/payout_items", payouts.list_items),
        ("events.list", "GET", "/events", events.list_all),
        ("events.get", "GET", "/events/{event}", events.get),
    )
)


def envelope_of(route: Route[Operation]) -> str:
    """Name the one member that a route's body has."""
    return "data" if "/actions/" in route.template else route.template.split("/")[1]
