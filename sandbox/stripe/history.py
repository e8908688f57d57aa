"""The operations on charges, balance transactions and events: what has happened (Stripe API reference, these pages)."""

from fnmatch import fnmatchcase

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Command
from sandbox.stripe.balance import BalanceTransaction
from sandbox.stripe.payouts import catch_up
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_MOST_TYPES = 20


def retrieve_charge(call: Call) -> Command:
    """Retrieve a charge."""
    return lambda account: account.charges.get(call.ids["charge"]).to_json()


def list_charges(call: Call) -> Command:
    """List charges, declined ones too, also by customer or PaymentIntent."""
    page, customer = read_page(call.params), call.params.text("customer")
    intent = call.params.text("payment_intent")
    return lambda account: account.charges.page(
        page,
        "/v1/charges",
        owner=intent or customer,
        where=lambda charge: customer is None or charge.customer == customer,
    )


def retrieve_balance_transaction(call: Call) -> Command:
    """Retrieve a balance transaction."""
    return lambda account: account.balance_transactions.get(call.ids["balance_transaction"]).to_json()


def list_balance_transactions(call: Call) -> Command:
    """List balance transactions, also by source, type, currency (the one it settled in) or automatic payout."""
    page, source, payout = read_page(call.params), call.params.text("source"), call.params.text("payout")
    kind, currency = call.params.text("type"), call.params.text("currency")

    def wanted(row: BalanceTransaction) -> bool:
        return kind in (None, row.kind) and currency in (None, row.currency) and payout in (None, row.payout)

    def command(account: Account) -> JSON:
        catch_up(account)
        if payout is not None:
            account.payouts.get(payout, "payout")
        return account.balance_transactions.page(page, "/v1/balance_transactions", owner=source, where=wanted)

    return command


def retrieve_event(call: Call) -> Command:
    """Retrieve an event. The sandbox keeps all of them; Stripe those of 30 days."""
    return lambda account: account.events.get(call.ids["event"]).to_json()


def list_events(call: Call) -> Command:
    """List events, also by their type, which may end in ``.*``, or by several types."""
    page, kind, kinds = read_page(call.params), call.params.text("type"), call.params.values("types")
    if kind and kinds:
        raise errors.invalid_parameter("types", "You may only specify one of these parameters: type, types.")
    if kinds and len(kinds) > _MOST_TYPES:
        raise errors.invalid_parameter("types", f"You may pass up to {_MOST_TYPES} types.")
    wanted = kinds or ([kind] if kind else ["*"])
    return lambda account: account.events.page(
        page, "/v1/events", where=lambda event: any(fnmatchcase(event.kind, pattern) for pattern in wanted)
    )
