"""The endpoints of GoCardless that the sandbox has."""

from sandbox.gocardless import events, flows, mandates, payments, payouts, people, refunds, request_operations
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
        ("billing_requests.create", "POST", "/billing_requests", request_operations.create),
        ("billing_requests.list", "GET", "/billing_requests", request_operations.list_all),
        ("billing_requests.get", "GET", "/billing_requests/{request}", request_operations.get),
        (
            "billing_requests.fulfil",
            "POST",
            "/billing_requests/{request}/actions/fulfil",
            request_operations.fulfil_one,
        ),
        ("billing_requests.cancel", "POST", "/billing_requests/{request}/actions/cancel", request_operations.cancel),
        ("billing_request_flows.create", "POST", "/billing_request_flows", flows.create),
        (
            "billing_request_flows.initialise",
            "POST",
            "/billing_request_flows/{flow}/actions/initialise",
            flows.initialise,
        ),
        ("events.list", "GET", "/events", events.list_all),
        ("events.get", "GET", "/events/{event}", events.get),
    )
)


def envelope_of(route: Route[Operation]) -> str:
    """Name the one member that a route's body has."""
    return "data" if "/actions/" in route.template else route.template.split("/")[1]
