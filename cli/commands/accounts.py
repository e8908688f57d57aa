"""`monthclose pay`, `credit`, `payments record`, `hold`, `release`: what a person does on one customer's account."""

import getpass
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.commands.customer import balance_in_words, grants_as_json
from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.system import System
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import GrantKind, last_day
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import ABOVE_MAXIMUM, BELOW_MINIMUM, CURRENCY_NOT_TAKEN, Payment, PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import check_key, check_reason
from monthclose.errors import BeingChargedError, TryLaterError

NOT_COLLECTED = 4


class Gift(StrEnum):
    """The kinds of credit that a person can grant; what was paid for comes with `payments record`."""

    PROMOTIONAL = GrantKind.PROMOTIONAL
    GOODWILL = GrantKind.GOODWILL


payments = typer.Typer(help="Payments that came another way.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id, as imported.")]
Amount = Annotated[str, typer.Option(help="In major units of the customer's currency, like 12.50.")]
Reason = Annotated[str, typer.Option(help="Why: kept, and shown in the customer's story.")]
By = Annotated[str, typer.Option(help="Who decides it; your user name by default.")]
Until = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Last day (UTC) it is good: it pays for months that end until then."),
]
InJson = Annotated[bool, typer.Option("--json", help="As JSON; amounts in minor units.")]

_S = PaymentState
_MEANING: Mapping[PaymentState, str] = {
    _S.PAID: "paid",
    _S.PENDING: "on its way: the bank collects it in the next days",
    _S.UNKNOWN: "not known yet: the provider's answer was lost. Don't pay again; the payment is looked up and settled",
    _S.CHARGING: "not known yet: the charge broke off. Don't pay again; the payment is looked up and settled",
    _S.DECLINED: "declined",
    _S.ACTION_REQUIRED: "declined: the customer must confirm the payment with their bank",
    _S.REVERSED: "paid, and taken back by the customer's bank",
    _S.NOTHING_DUE: "nothing was due any more",
    _S.NO_PAYMENT_METHOD: "not charged: there is no payment method",
    _S.NO_ADAPTER: "not charged: the provider has no adapter",
    _S.READY: "not charged: the provider could not take the order",
}
_UNTAKEN: Mapping[str, str] = {
    BELOW_MINIMUM: "not charged: too little for a charge of its own. It is charged with the next invoice",
    ABOVE_MAXIMUM: "not charged: more than the provider takes in one charge, now or later. Ask for a bank transfer, "
    "and book it with payments record",
    CURRENCY_NOT_TAKEN: "not charged: the provider doesn't take the currency, now or later. Ask for a bank transfer, "
    "and book it with payments record",
}
_DONE = {_S.PAID, _S.PENDING, _S.NOTHING_DUE}


def pay(
    ctx: typer.Context,
    customer_id: Id,
    amount: Annotated[
        str | None, typer.Option(help="The most to charge, in major units, like 12.50; all that is open by default.")
    ] = None,
    in_json: InJson = False,
) -> None:
    """Charge a customer now for their open invoices, oldest first. Safe while a close charges them."""
    system, customer = _find(ctx, customer_id)
    limit = _amount(amount, customer) if amount is not None else None
    try:
        under_way = system.use_cases.cashier.under_way(customer_id)
        made = [] if under_way else system.use_cases.cashier.pay(customer_id, limit)
    except BeingChargedError:  # it was begun just now
        under_way, made = system.use_cases.cashier.under_way(customer_id), []
    after = system.ports.books.customer(customer_id) or customer
    if under_way:
        _tell_under_way(after, under_way, in_json)
        raise typer.Exit(NOT_COLLECTED)
    if in_json:
        print_json({**_account(after), "payments": [_payment(payment) for payment in made]})
    else:
        show(grid([(str(p.period), str(p.amount), p.payment_id, _in_words(p)) for p in made]))
        note(f"{customer_id}: {balance_in_words(after)}", "")
    if not all(payment.state in _DONE for payment in made):
        raise typer.Exit(NOT_COLLECTED)


def _tell_under_way(customer: Customer, payment: Payment, in_json: bool) -> None:
    """Say which payment keeps the customer from being charged for another one: nothing was charged now."""
    if in_json:
        under_way = _payment(payment) | {"since": payment.attempt_begun_at.isoformat()}
        print_json({**_account(customer), "payments": [], "under_way": under_way})
        return
    which = f"payment {payment.payment_id} of {payment.amount} by {payment.provider}"
    since = f"{payment.attempt_begun_at:%Y-%m-%d %H:%M} UTC"
    say(f"{customer.customer_id}: nothing charged; {which} is under way since {since}")
    note("its outcome comes by itself; pay again then, if anything is still owed", "")


def credit(
    ctx: typer.Context,
    customer_id: Id,
    amount: Amount,
    reason: Reason,
    kind: Annotated[Gift, typer.Option(help="Promotional credit is used up before goodwill credit.")] = Gift.GOODWILL,
    until: Until = None,
    in_json: InJson = False,
) -> None:
    """Grant a customer credit: it covers their open invoices, oldest first, then the months to come."""
    system, customer = _find(ctx, customer_id)
    reason = check_reason(reason, "a reason is needed: the customer's story says it")
    granted, expires = _amount(amount, customer), _expiry(until)
    after = system.use_cases.cashier.credit(customer_id, granted, reason, GrantKind(kind), expires)
    _tell(after, f"{granted} of {kind} credit granted{_until(expires)}", in_json)
    month = Period.of(system.ports.clock())
    if expires and expires < month.end and after.grants:
        note(f"it expires before {month} ends: what of it is left pays for no later month than {month.previous}")


@payments.command("record")
def record(
    ctx: typer.Context,
    customer_id: Id,
    amount: Amount,
    reference: Annotated[str, typer.Option(help="The bank's reference: never booked twice for the same customer.")],
    until: Until = None,
    in_json: InJson = False,
) -> None:
    """Book money received outside of the providers (a bank transfer): it covers the open invoices, oldest first.

    With --until it is prepaid credit: what the months that end until then don't use up is ours.
    """
    system, customer = _find(ctx, customer_id)
    received = _amount(amount, customer)
    reference = check_reason(reference, "a reference is needed: it keeps the same transfer from being booked twice")
    expires = _expiry(until)
    after = system.use_cases.cashier.record(customer_id, received, reference, expires)
    _tell(after, f"{received} booked as received{_until(expires)}", in_json)


def hold(ctx: typer.Context, customer_id: Id, reason: Reason, by: By = "", in_json: InJson = False) -> None:
    """Put a customer on hold. Only a person lifts it again, unless the settings say otherwise."""
    system, _ = _find(ctx, customer_id)
    held = system.use_cases.hold_desk.hold(customer_id, reason, by or _user())
    _tell_of_hold(system, customer_id)
    _tell(held, "on hold", in_json)


def release(ctx: typer.Context, customer_id: Id, reason: Reason, by: By = "", in_json: InJson = False) -> None:
    """Lift a customer's hold. What is open now never holds them again; a later invoice may."""
    system, _ = _find(ctx, customer_id)
    released = system.use_cases.hold_desk.release(customer_id, reason, by or _user())
    _tell_of_hold(system, customer_id)
    _tell(released, "released", in_json)


def _tell_of_hold(system: System, customer_id: str) -> None:
    try:
        system.use_cases.hold_keeper.tell(customer_id)
    except TryLaterError as error:
        note(f"the customer has not been told: {error}")


def _find(ctx: typer.Context, customer_id: str) -> tuple[System, Customer]:
    check_key(customer_id, "the customer's id")
    system = connected(ctx)
    found = system.ports.books.customer(customer_id)
    if found is None:
        raise UserMistakeError(f"there is no customer {customer_id!r} (ids are taken as they were imported)")
    return system, found


def _amount(text: str, customer: Customer) -> Money:
    return Money.parse(text, customer.currency)


def _expiry(text: str | None) -> datetime | None:
    """Read the last day that credit is good: it expires with that day's end."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UserMistakeError(f"--until {text}: a day is needed, like 2027-03-31") from None


def _until(expires: datetime | None) -> str:
    return f", good until {last_day(expires)}" if expires else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "operator"


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
