"""The endpoints of Stripe that the sandbox has, by the names Stripe counts its rate limits by."""

from sandbox.shell import Routes
from sandbox.stripe import customers, disputes, errors, history, payment_intents, refunds
from sandbox.stripe.account import EXPANDABLE, Account, Operation
from sandbox.stripe.params import Params
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_INTENT = "/v1/payment_intents/{intent}"
_CANNOT = "This property cannot be expanded ({path})."
_METHOD = "/v1/payment_methods/{payment_method}"

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
        ("events.list", "GET", "/v1/events", history.list_events),
        ("events.retrieve", "GET", "/v1/events/{event}", history.retrieve_event),
    )
)


_DEEPEST = 4
_LISTED = "refunds"
"""What a charge shows only if asked to: its ten latest refunds."""


def check_expand(paths: list[str]) -> list[str]:
    """Return the ``expand`` parameter if all of it can be expanded (Stripe API reference, "Expanding Responses")."""
    for path in paths:
        *steps, name = path.split(".")
        if name not in (*EXPANDABLE, _LISTED):
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
    if name == _LISTED and node.get("object") == "charge":
        url = f"/v1/charges/{node['id']}/refunds"
        node[name] = account.refunds.page(read_page(Params({})), url, owner=node["id"])
    elif name not in node:
        raise errors.invalid_parameter("expand", _CANNOT.format(path=path))
    elif name in EXPANDABLE and isinstance(reference := node[name], str):
        node[name] = account.expanded(name, reference)


def _leaves(value: object) -> list[JSON]:
    values = value if isinstance(value, list) else [value]
    return [leaf for leaf in values if isinstance(leaf, dict)]
