"""`monthclose pay`, `credit`, `payments record`, `hold`, `release`: what a person does on one customer's account."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import typer

from cli import operating
from cli.commands.customer import balance_in_words, grants_as_json
from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.exit_status import ExitStatus
from cli.operating import Grant, Held
from cli.options import CreditKind
from cli.system import System
from cli.typed import amount_in
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.audit import About
from monthclose.domain.billing_window import period_at
from monthclose.domain.payments.payment import ABOVE_MAXIMUM, BELOW_MINIMUM, CURRENCY_NOT_TAKEN, Payment, PaymentState
from monthclose.domain.text import check_key, check_reason
from monthclose.use_cases.reconciliation.recorded_desk import PAYMENT, most_to_pay

_S = PaymentState
_MEANING: Mapping[PaymentState, str] = {
    _S.PAID: "paid",
    _S.PENDING: "pending: the bank will collect it within a few days",
    _S.UNKNOWN: "not known yet: the provider's answer was lost. Do not pay again; this payment will be settled",
    _S.CHARGING: "not known yet: the charge was interrupted. Do not pay again; this payment will be settled",
    _S.DECLINED: "declined",
    _S.ACTION_REQUIRED: "declined: the customer must confirm the payment with their bank",
    _S.REVERSED: "paid, then reversed by the customer's bank",
    _S.NOTHING_DUE: "nothing was due",
    _S.NO_PAYMENT_METHOD: "not charged: the customer has no payment method",
    _S.NO_ADAPTER: "not charged: the provider has no adapter",
    _S.READY: "not charged: the provider did not accept the charge",
}
_UNTAKEN: Mapping[str, str] = {
    BELOW_MINIMUM: "not charged: too small to be charged on its own. It will be charged with the next invoice",
    ABOVE_MAXIMUM: "not charged: more than the provider accepts in one charge. Ask for a bank transfer, and book it "
    "with `monthclose payments record`",
    CURRENCY_NOT_TAKEN: "not charged: the provider does not accept this currency. Ask for a bank transfer, and book it "
    "with `monthclose payments record`",
}
_DONE = {_S.PAID, _S.PENDING, _S.NOTHING_DUE}


def pay(ctx: typer.Context, customer_id: str, amount: str | None, by: str, *, here: bool, in_json: bool) -> None:
    """Charge a customer now for their open invoices."""
    system, customer = _find(ctx, customer_id)
    limit = amount_in(customer.currency, amount) if amount is not None else None
    was = balance_in_words(customer)
    asked = About(by=by, customer_id=customer_id, before=was, after=most_to_pay(limit))
    made, under_way = system.asking(PAYMENT, asked, here=here).pay(customer_id, limit)
    after = system.ports.books.customer(customer_id) or customer
    if under_way:
        _tell_under_way(after, under_way, in_json)
        raise typer.Exit(ExitStatus.UNRESOLVED)
    if in_json:
        print_json({**_account(after), "payments": [_payment(payment) for payment in made]})
    else:
        show(grid([(str(p.period), str(p.amount), p.payment_id, _in_words(p)) for p in made]))
        note(f"{customer_id}: {balance_in_words(after)}", "")
    if not all(payment.state in _DONE for payment in made):
        raise typer.Exit(ExitStatus.UNRESOLVED)


def _tell_under_way(customer: Customer, payment: Payment, in_json: bool) -> None:
    """Say which payment keeps the customer from being charged for another one: nothing was charged now."""
    if in_json:
        under_way = _payment(payment) | {"since": payment.attempt_begun_at.isoformat()}
        print_json({**_account(customer), "payments": [], "under_way": under_way})
        return
    which = f"payment {payment.payment_id} of {payment.amount} by {payment.provider}"
    since = f"{payment.attempt_begun_at:%Y-%m-%d %H:%M} UTC"
    say(f"{customer.customer_id}: nothing was charged; {which} has been under way since {since}")
    note("its outcome will arrive by itself; run pay again then if anything is still owed", "")


def credit(  # noqa: PLR0913 - its options
    ctx: typer.Context,
    customer_id: str,
    amount: str,
    reason: str,
    kind: CreditKind,
    until: str | None,
    sku: list[str] | None,
    by: str,
    *,
    in_json: bool,
) -> None:
    """Grant a customer credit."""
    system, customer = _find(ctx, customer_id)
    granted, expires = amount_in(customer.currency, amount), operating.expiry(until)
    skus = tuple(dict.fromkeys(check_key(name, "sku") for name in sku or ()))
    grant = Grant(granted, GrantKind(kind), expires, skus)
    after = operating.grant_credit(system, customer, grant, reason, by)
    of = f" for {', '.join(skus)}" if skus else ""
    _tell(after, f"{granted} of {kind} credit granted{of}{operating.until(expires)}", in_json)
    month = period_at(customer.billing_cycles, system.ports.clock(), system.calendar, customer.billing_zones)
    if expires and expires < month.end and after.grants:
        note(f"it expires before {month} ends: it pays for months up to {month.previous} only")


def record(
    ctx: typer.Context, customer_id: str, amount: str, reference: str, until: str | None, by: str, *, in_json: bool
) -> None:
    """Book money received outside the providers."""
    system, customer = _find(ctx, customer_id)
    received = amount_in(customer.currency, amount)
    reference = check_reason(reference, "a reference is needed: it prevents booking the same transfer twice")
    expires = operating.expiry(until)
    what = f"{received} received outside the providers{operating.until(expires)}"
    with operating.acting_on(system, "payment.recorded", customer, by, why=f"reference {reference}", after=what):
        after = system.use_cases.cashier.record(customer_id, received, reference, expires, by=by)
    _tell(after, f"{received} booked as received{operating.until(expires)}", in_json)


def hold(ctx: typer.Context, customer_id: str, reason: str, by: str, *, in_json: bool) -> None:
    """Put a customer on hold."""
    system, customer = _find(ctx, customer_id)
    _tell_of_hold(operating.hold(system, customer, reason, by), "on hold", in_json)


def release(ctx: typer.Context, customer_id: str, reason: str, by: str, *, in_json: bool) -> None:
    """Lift a customer's hold."""
    system, customer = _find(ctx, customer_id)
    _tell_of_hold(operating.release(system, customer, reason, by), "released", in_json)


def _tell_of_hold(held: Held, done: str, in_json: bool) -> None:
    if held.untold:
        note(held.untold)
    _tell(held.customer, done, in_json)


def _find(ctx: typer.Context, customer_id: str) -> tuple[System, Customer]:
    check_key(customer_id, "the customer's id")  # a typing mistake needs no connection to be told
    system = connected(ctx)
    return system, operating.find_customer(system, customer_id)


def _in_words(payment: Payment) -> str:
    if payment.code in _UNTAKEN:
        return _UNTAKEN[payment.code]
    why = f" ({payment.code})" if payment.code else ""
    return _MEANING[payment.state] + why


def _tell(after: Customer, done: str, in_json: bool) -> None:
    if in_json:
        print_json(_account(after))
    else:
        say(f"{after.customer_id}: {done}; {balance_in_words(after)}")


def _account(customer: Customer) -> dict[str, Any]:
    return {
        "customer_id": customer.customer_id,
        "currency": customer.currency,
        "balance_minor": customer.balance.minor,
        "receivable_minor": customer.receivable_minor,
        "credit_minor": customer.credit_minor,
        "grants": grants_as_json(customer),
        "held_since": _time(customer.held_since),
        "hold_reason": customer.hold_reason,
        "held_by": customer.held_by,
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "payment_id": payment.payment_id,
        "period": str(payment.period),
        "state": str(payment.state),
        "code": payment.code,
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "collected_minor": payment.collected_minor,
        "provider": payment.provider,
        "provider_ref": payment.provider_ref,
    }


def _time(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
