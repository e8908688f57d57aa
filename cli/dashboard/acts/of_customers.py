"""Acts on a customer's account: put on hold, release, grant credit."""

from collections.abc import Callable
from dataclasses import replace

from cli import operating
from cli.commands.customer import balance_in_words, owed_in_words
from cli.dashboard.acts.act import REASON, Act, Fact, Field, Given, Plan
from cli.dashboard.addresses import customer_path
from cli.dashboard.context import Dashboard
from cli.operating import Grant, Held
from cli.options import CreditKind
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money

_CREDIT = (
    Field("amount", "Amount", "In the customer's currency, like 12.50."),
    Field(
        "kind",
        "Kind",
        "Goodwill makes something good; promotional credit is a present.",
        "choice",
        choices=[(str(kind), str(kind).capitalize()) for kind in reversed(CreditKind)],
    ),
    Field("until", "Valid until", "The last day (UTC); empty: it does not expire.", "date", required=False),
    Field("reason", "Reason", "Shown in the customer's history, and kept in the audit trail.", "long"),
)


def _hold(dashboard: Dashboard, given: Given) -> Plan:
    customer = operating.find_customer(dashboard.system, given["customer"])
    if customer.held_since and customer.held_by:
        raise UserMistakeError(f"customer {customer.customer_id} is already on hold, placed by {customer.held_by}")

    def do() -> str:
        return _done(operating.hold(dashboard.system, customer, given["reason"], dashboard.by), "is on hold")

    plan = _plan(customer, "is put on hold, and told so by e-mail", "Put on hold", do)
    taken_over = "The hold that the policy has placed becomes yours: it no longer lifts by itself once they pay."
    return replace(plan, more=(taken_over,) if customer.held_since else ())


def _release(dashboard: Dashboard, given: Given) -> Plan:
    customer = operating.find_customer(dashboard.system, given["customer"])
    if customer.held_since is None:
        raise UserMistakeError(f"customer {customer.customer_id} is not on hold")

    def do() -> str:
        released = operating.release(dashboard.system, customer, given["reason"], dashboard.by)
        return _done(released, "is no longer on hold")

    what = "is no longer on hold; none of the invoices that are open now holds them again"
    return _plan(customer, what, "Lift the hold", do)


def _credit(dashboard: Dashboard, given: Given) -> Plan:
    customer = operating.find_customer(dashboard.system, given["customer"])
    amount = Money.parse(given["amount"], customer.currency)
    if amount.minor <= 0:
        raise UserMistakeError("the amount must be positive")
    grant = Grant(amount, GrantKind(given["kind"]), operating.expiry(given.get("until") or None))

    def do() -> str:
        after = operating.grant_credit(dashboard.system, customer, grant, given["reason"], dashboard.by)
        return f"{customer.customer_id}: {grant.in_words()} granted; {balance_in_words(after)}."

    what = f"is granted {grant.in_words()}: it covers the open invoices, oldest first, then the months to come"
    plan = _plan(customer, what, f"Grant {amount}", do)
    after = owed_in_words(customer.balance - amount)
    return replace(plan, facts=[*plan.facts, Fact("Balance then", after, figure=True)])


def _plan(customer: Customer, what: str, button: str, do: Callable[[], str]) -> Plan:
    """Show an account as it is; it may not change before the act is confirmed."""
    facts = [
        Fact("Customer", customer.customer_id),
        Fact("Name", customer.profile.name),
        Fact("Balance now", balance_in_words(customer), figure=True),
        Fact("Hold", operating.hold_in_words(customer)),
    ]
    confirmed = f"{customer.balance} {customer.held_since} {customer.held_by}"
    return Plan(f"{customer.customer_id} {what}.", facts, button, confirmed, do)


def _done(held: Held, what: str) -> str:
    untold = f" {held.untold[0].upper()}{held.untold[1:]}." if held.untold else ""
    return f"{held.customer.customer_id} {what}; {balance_in_words(held.customer)}.{untold}"


def _back(given: Given) -> str:
    return customer_path(given["customer"])


ACTS = (
    Act("hold", "Put {} on hold", "customer", (REASON,), _hold, _back),
    Act("release", "Release {}", "customer", (REASON,), _release, _back),
    Act("credit", "Grant {} credit", "customer", _CREDIT, _credit, _back),
)
