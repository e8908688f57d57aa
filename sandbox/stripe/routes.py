"""The endpoints of Stripe that the sandbox has, by the names Stripe counts its rate limits by."""

from sandbox.shell import Routes
from sandbox.stripe import (
    checkout,
    customers,
    disputes,
    errors,
    history,
    payment_intents,
    payouts,
    refunds,
    setup_intents,
)
from sandbox.stripe.account import EXPANDABLE, Account, Operation
from sandbox.stripe.params import Params
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_INTENT = "/v1/payment_intents/{intent}"
_CANNOT = "This property cannot be expanded ({path})."
_METHOD = "/v1/payment_methods/{payment_method}"
_SETUP = "/v1/setup_intents/{intent}"
_SESSION = "/v1/checkout/sessions/{session}"

ROUTES = Routes[Operation](
    (
        ("customers.create", "POST", "/v1/customers", customers.create),
        ("customers.list", "GET", "/v1/customers", customers.list_all),
        ("customers.retrieve", "GET", "/v1/customers/{customer}", customers.retrieve),
        ("customers.update", "POST", "/v1/customers/{customer}", customers.update),
        ("customers.delete", "DELETE", "/v1/customers/{customer}", customers.delete),
        (
            "customers.payment_methods.list",
            "GET",
            "/v1/customers/{customer}/payment_methods",
            customers.list_payment_methods,
        ),
        ("payment_methods.list", "GET", "/v1/payment_methods", customers.list_payment_methods),
        ("payment_methods.retrieve", "GET", _METHOD, customers.retrieve_payment_method),
        ("payment_methods.attach", "POST", f"{_METHOD}/attach", customers.attach_payment_method),
        ("payment_methods.detach", "POST", f"{_METHOD}/detach", customers.detach_payment_method),
        ("payment_intents.create", "POST", "/v1/payment_intents", payment_intents.create),
        ("payment_intents.list", "GET", "/v1/payment_intents", payment_intents.list_all),
        ("payment_intents.retrieve", "GET", _INTENT, payment_intents.retrieve),
        ("payment_intents.update", "POST", _INTENT, payment_intents.update),
        ("payment_intents.confirm", "POST", f"{_INTENT}/confirm", payment_intents.confirm_one),
        ("payment_intents.cancel", "POST", f"{_INTENT}/cancel", payment_intents.cancel),
        ("setup_intents.create", "POST", "/v1/setup_intents", setup_intents.create),
        ("setup_intents.list", "GET", "/v1/setup_intents", setup_intents.list_all),
        ("setup_intents.retrieve", "GET", _SETUP, setup_intents.retrieve),
        ("setup_intents.update", "POST", _SETUP, setup_intents.update),
        ("setup_intents.confirm", "POST", f"{_SETUP}/confirm", setup_intents.confirm_one),
        ("setup_intents.cancel", "POST", f"{_SETUP}/cancel", setup_intents.cancel),
        ("checkout.sessions.create", "POST", "/v1/checkout/sessions", checkout.create),
        ("checkout.sessions.list", "GET", "/v1/checkout/sessions", checkout.list_all),
        ("checkout.sessions.retrieve", "GET", _SESSION, checkout.retrieve),
        ("checkout.sessions.expire", "POST", f"{_SESSION}/expire", checkout.expire_one),
        ("checkout.sessions.line_items.list", "GET", f"{_SESSION}/line_items", checkout.list_lines),
        ("charges.list", "GET", "/v1/charges", history.list_charges),
        ("charges.retrieve", "GET", "/v1/charges/{charge}", history.retrieve_charge),
        ("refunds.create", "POST", "/v1/refunds", refunds.create),
        ("refunds.list", "GET", "/v1/refunds", refunds.list_all),
        ("refunds.retrieve", "GET", "/v1/refunds/{refund}", refunds.retrieve),
        ("refunds.update", "POST", "/v1/refunds/{refund}", refunds.update),
        ("refunds.cancel", "POST", "/v1/refunds/{refund}/cancel", refunds.cancel),
        ("disputes.list", "GET", "/v1/disputes", disputes.list_all),
        ("disputes.retrieve", "GET", "/v1/disputes/{dispute}", disputes.retrieve),
        ("disputes.update", "POST", "/v1/disputes/{dispute}", disputes.update),
        ("disputes.close", "POST", "/v1/disputes/{dispute}/close", disputes.close),
        ("balance_transactions.list", "GET", "/v1/balance_transactions", history.list_balance_transactions),
        (
            "balance_transactions.retrieve",
            "GET",
            "/v1/balance_transactions/{balance_transaction}",
            history.retrieve_balance_transaction,
        ),
        ("payouts.list", "GET", "/v1/payouts", payouts.list_all),
        ("payouts.retrieve", "GET", "/v1/payouts/{payout}", payouts.retrieve),
        ("events.list", "GET", "/v1/events", history.list_events),
        ("events.retrieve", "GET", "/v1/events/{event}", history.retrieve_event),
    )
)


_DEEPEST = 4
_LISTED = {"refunds": "charge", "line_items": "checkout.session"}
"""What some objects show only if asked to: the first ten of a list."""


def check_expand(paths: list[str]) -> list[str]:
    """Return the ``expand`` parameter if all of it can be expanded (Stripe API reference, "Expanding Responses")."""
    for path in paths:
        *steps, name = path.split(".")
        if name not in (*EXPANDABLE, *_LISTED):
            raise errors.invalid_parameter("expand", _CANNOT.format(path=path))
        if len(steps) >= _DEEPEST:
            raise errors.invalid_parameter("expand", f"You cannot expand more than {_DEEPEST} levels of a property.")
    return paths


def expand(account: Account, document: JSON, paths: list[str]) -> JSON:
    """Replace ids in a document by the objects they stand for, those along a path too.

    Raises
    ------
    StripeError
        400 for a member that an object does not have.
    """
    for path in paths:
        nodes = [document]
        for step in path.split("."):
            for node in nodes:
                _expand_member(account, node, step, path)
            nodes = [leaf for node in nodes for leaf in _leaves(node[step])]
    return document


def _expand_member(account: Account, node: JSON, name: str, path: str) -> None:
    if name in _LISTED and node.get("object") == _LISTED[name]:
        node[name] = _first_page(account, node)
    elif name not in node:
        raise errors.invalid_parameter("expand", _CANNOT.format(path=path))
    elif name in EXPANDABLE and isinstance(reference := node[name], str):
        node[name] = account.expanded(name, reference)


def _first_page(account: Account, node: JSON) -> JSON:
    page = read_page(Params({}))
    if node["object"] == "charge":
        return account.refunds.page(page, f"/v1/charges/{node['id']}/refunds", owner=node["id"])
    lines = checkout.lines_of(account.sessions.get(node["id"]))
    return lines.page(page, f"/v1/checkout/sessions/{node['id']}/line_items")


def _leaves(value: object) -> list[JSON]:
    values = value if isinstance(value, list) else [value]
    return [leaf for leaf in values if isinstance(leaf, dict)]
