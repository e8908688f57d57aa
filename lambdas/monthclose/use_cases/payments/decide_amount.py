"""Decide the amount of a charge: what is due by the ledger, cut to what the provider takes in one charge.

Decided before the provider is asked, and frozen with the payment. What a charge leaves open is never forgotten:

- What the provider does not take at once goes to a payment that continues this one.
- A rest below the provider's smallest step is written off with the booking of the money: no charge could ever take it.
- An amount too small for a charge stays open, and the customer's next charge gathers it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from monthclose.domain.accounts import credit
from monthclose.domain.invoices import invoice as invoices
from monthclose.domain.money import Money
from monthclose.domain.payments.charge_limits import ChargeLimits, Cut
from monthclose.domain.payments.payment import BELOW_MINIMUM, CURRENCY_NOT_TAKEN, Payment
from monthclose.domain.period import Period
from monthclose.ports import Books, PaymentGateway
from monthclose.use_cases.payments.book_outcomes import Case
from monthclose.use_cases.payments.gather_small import small_amounts


@dataclass(frozen=True, slots=True)
class Decided:
    """What to charge now, in minor units.

    Parameters
    ----------
    due_minor : int
        What is owed of the invoice and of those gathered.
    refusal : str
        Code of why the provider cannot take any of it (see `UNTAKEN`); empty if it can, or if less than a step is due.
    """

    due_minor: int
    charge_minor: int = 0
    more_minor: int = 0
    rest_minor: int = 0
    gathers: tuple[Period, ...] = ()
    gathered_minor: int = 0
    refusal: str = ""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing that could be charged, now or later."""
        return not self.charge_minor and not self.refusal

    def freeze(self, payment: Payment, method: str, at: datetime) -> Payment:
        """Begin an attempt for it; one that the provider cannot take is begun for all that is due."""
        amount = Money(self.charge_minor or self.due_minor, payment.currency)
        return replace(
            payment.start(amount, method, at),
            more_minor=self.more_minor,
            rest_minor=self.rest_minor,
            gathers=self.gathers,
            gathered_minor=self.gathered_minor,
        )


def decide_amount(books: Books, gateway: PaymentGateway, case: Case) -> Decided:
    """Decide what to charge for an invoice now, and which earlier invoices with it."""
    limit = case.payment.limit_minor
    own = invoices.amount_due(case.invoice, case.customer, limit).minor
    if not own:
        return Decided(0)
    limits = gateway.charge_limits(case.invoice.currency)
    if limits is None:
        return Decided(own, refusal=CURRENCY_NOT_TAKEN)
    gathered = {} if limit is not None else _gathered(books, limits, case, own)
    due = own + sum(gathered.values())
    charge, more, rest = limits.cut(due)
    if limit is not None or more:
        rest = 0  # no rest: a person set the limit, or the next charge collects all that is left
    if not charge:
        return Decided(due, rest_minor=rest, refusal="" if rest else BELOW_MINIMUM)
    return Decided(due, charge, more, rest, tuple(gathered), max(charge - own, 0))


def _gathered(books: Books, limits: ChargeLimits, case: Case, own_minor: int) -> dict[Period, int]:
    """Find what to charge of earlier invoices with this one; nothing that would make it too large for one charge."""
    others = case.customer.receivable_minor - case.invoice.open.minor
    if others <= 0:
        return {}
    left = case.customer.receivable_minor - credit.usable_minor(case.customer, case.invoice.period) - own_minor
    gathered = dict[Period, int]()
    for period, open_minor in small_amounts(books, case.customer.customer_id, case.invoice.period):
        minor = min(open_minor, left)
        cut: Cut = limits.cut(own_minor + sum(gathered.values()) + minor)
        if minor <= 0 or cut.more_minor:
            break
        gathered[period] = minor
        left -= minor
    return gathered
