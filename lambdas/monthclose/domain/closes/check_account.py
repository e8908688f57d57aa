"""Check one customer's account against all their months: what they owe, their credit, what is carried, their hold."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account
from monthclose.domain.closes.check_month import sum_on
from monthclose.domain.closes.checks import Check
from monthclose.domain.closes.tally import Tally
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period

_REFUSED = (
    *(PaymentState.DECLINED, PaymentState.ACTION_REQUIRED, PaymentState.REVERSED),
    PaymentState.NO_PAYMENT_METHOD,
)
"""Outcomes that somebody may be put on hold for."""


class SeenAccount(NamedTuple):
    """An account and all of its months.

    Parameters
    ----------
    account : Customer or None
        None if there is no such customer (any more).
    newest : Period
        The newest month that was closed.
    """

    customer_id: str
    account: Customer | None
    months: Mapping[Period, CustomerMonth]
    period: Period
    newest: Period


def check_account(tally: Tally, seen: SeenAccount) -> None:
    """Make all checks that need the account."""
    _check_balances(tally, seen)
    _check_carried(tally, seen)
    _check_lease(tally, seen)
    _check_hold(tally, seen)
    _add_opening(tally, seen)


def _check_balances(tally: Tally, seen: SeenAccount) -> None:
    ledger: dict[str, Counter[str]] = {}
    for month in seen.months.values():
        for entry in month.entries:
            sums = ledger.setdefault(entry.currency, Counter())
            sums["receivable"] += sum_on([entry], Account.RECEIVABLE)
            sums["credit"] -= sum_on([entry], Account.CREDIT)
    account = seen.account
    mine = {"receivable": account.receivable_minor, "credit": account.credit_minor} if account else {}
    for currency in sorted({*ledger, *([account.currency] if account else [])}):
        of_account = mine if account and currency == account.currency else {}
        for what in ("receivable", "credit"):
            left, right = of_account.get(what, 0), ledger.get(currency, Counter()).get(what, 0)
            if (left or right) and not tally.add(Check.BALANCES, left, right, currency=currency, what=what):
                detail = f"the account's {what} is {Money(left, currency)}, its ledger has {Money(right, currency)}"
                tally.fail(Check.BALANCES, seen.customer_id, detail)


def _check_carried(tally: Tally, seen: SeenAccount) -> None:
    """Hold what the account carries over against the month that carried last, unless an invoice took it since."""
    if seen.account is None:
        return
    carried, currency = _last_carried(seen), seen.account.currency
    of_account = seen.account.carried_minor
    if (of_account or carried) and not tally.add(
        Check.BALANCES, of_account, carried, currency=currency, what="carried"
    ):
        detail = f"the account carries {Money(of_account, currency)} over, its months {Money(carried, currency)}"
        tally.fail(Check.BALANCES, seen.customer_id, detail)


def _last_carried(seen: SeenAccount) -> int:
    steps = list[tuple[datetime, int]]()
    last = None
    for period, month in seen.months.items():
        if month.carried:
            steps.append((month.carried.time, month.carried.amount_minor))
            last = max(last or period, period)
        for invoice in month.invoices:
            if not invoice.replaces:
                booked = next((entry.time for entry in month.entries if entry.entry_id == invoice.entry_id), None)
                steps.append((booked or datetime.combine(invoice.issued_on, time.max, UTC), 0))
    carried = max(steps)[1] if steps else 0
    # A later month that came to nothing took it with corrections, and such a month has no record.
    taken_without_record = seen.account is not None and not seen.account.carried_minor and last and last < seen.newest
    return 0 if taken_without_record else carried


def _check_lease(tally: Tally, seen: SeenAccount) -> None:
    """A payment in flight is looked up for as long as the account names it as its lease."""
    leased = seen.account.open_payment if seen.account else ""
    for payment in seen.months.get(seen.period, CustomerMonth()).payments:
        if payment.in_flight and payment.payment_id != leased:
            tally.add(Check.CUSTOMERS, 0, -1)
            detail = f"payment {payment.payment_id} is {payment.state}, and nobody looks it up"
            tally.fail(Check.CUSTOMERS, seen.customer_id, f"{detail}: the account's lease is {leased or 'free'}")


def _check_hold(tally: Tally, seen: SeenAccount) -> None:
    """A person may put anybody on hold; the policy only those who owe something and did not pay when asked."""
    account = seen.account
    if account is None or account.held_since is None:
        return
    wrong = "" if account.held_by else _held_wrongly(account, seen.months)
    tally.add(Check.HOLDS, 1, int(not wrong))
    if wrong:
        tally.fail(Check.HOLDS, seen.customer_id, f"on hold since {account.held_since:%Y-%m-%d}: {wrong}")


def _held_wrongly(account: Customer, months: Mapping[Period, CustomerMonth]) -> str:
    if account.owed.minor <= 0:
        return "they owe nothing"
    open_months = [month for month in months.values() if any(invoice.open for invoice in month.invoices)]
    if not any(_was_refused(month) for month in open_months):
        return "none of their payments was refused, and no reminder was sent"
    return ""


def _was_refused(month: CustomerMonth) -> bool:
    steps = (step.after for payment in month.payments for step in payment.history)
    return bool(month.reminders) or any(state in _REFUSED for state in steps)


def _add_opening(tally: Tally, seen: SeenAccount) -> None:
    """Add what is open of other months' invoices to both sides of the equation, as it is in the ledger."""
    for period, month in seen.months.items():
        if period != seen.period:
            for entry in month.entries:
                opening = sum_on([entry], Account.RECEIVABLE)
                tally.add(Check.EQUATION, opening, opening, currency=entry.currency, what="closing")
                tally.add_part(entry.currency, opening=opening)
