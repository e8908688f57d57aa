"""Earlier orders, and what a provider may still do about them: settled before an invoice is charged once more."""

from dataclasses import dataclass, replace
from typing import TypeIs

from monthclose.domain.collections.unconfirmed import leased_to_withdraw, waits_for_customer
from monthclose.domain.payments.payment import REFUSED, Payment, PaymentState
from monthclose.errors import BeingChargedError, ConflictError
from monthclose.ports import ChargeOrder, ChargeOutcome, Collected, InProgress, NotCollected, PaymentGateway
from monthclose.use_cases.payments.book_outcomes import Bookkeeper, Case


@dataclass(frozen=True, slots=True)
class EarlierOrders:
    """The orders of a payment's earlier attempts, and of its invoice's other payments, with one provider."""

    gateway: PaymentGateway
    bookkeeper: Bookkeeper

    def look_up_last(self, case: Case) -> PaymentState | None:
        """Before another attempt, see whether the last one was collected after all (the customer authenticated it)."""
        if not case.payment.provider_ref or case.payment.state not in REFUSED:
            return None
        outcome = self.gateway.look_up(order_of(case)).outcome
        return self.bookkeeper.book(case, outcome) if isinstance(outcome, Collected | InProgress) else None

    def retire_others(self, case: Case) -> None:
        """Make sure that no other payment of this invoice is, or can be, collected: one may wait for its customer.

        Money that went back may have come back, or be on its way again: it is looked up before it is charged once more.

        Raises
        ------
        ConflictError
            One of them turned out to be collected: decide again.
        BeingChargedError
            Another provider has one that the customer could still confirm: it is withdrawn by whoever has that key.
        """
        for other in case.others:
            if other.provider != self.gateway.provider:
                self._leave_to_its_provider(case, other)
                continue
            if not other.provider_ref:
                continue
            theirs = case.of(other)
            if other.spent:
                outcome = self.gateway.look_up(order_of(theirs)).outcome
                if _is_news(outcome, other):
                    self.bookkeeper.book(theirs, outcome)
                    raise ConflictError(f"the money of payment {other.payment_id} has moved")
            elif other.state in REFUSED:
                outcome = self.gateway.withdraw(order_of(theirs)).outcome
                if isinstance(outcome, Collected | InProgress):
                    self.bookkeeper.book(theirs, outcome)
                    raise ConflictError(f"payment {other.payment_id} was collected after all")
                self.bookkeeper.commit(theirs, payment=replace(other, provider_ref=""))

    def _leave_to_its_provider(self, case: Case, other: Payment) -> None:
        if not waits_for_customer(other):
            return
        if not case.customer.open_payment:
            leased = case.customer.leased_to(other.payment_id, self.bookkeeper.clock())
            self.bookkeeper.commit(case, customer=leased)
        raise BeingChargedError(f"payment {other.payment_id} waits for its customer at {other.provider}")

    def withdraw(self, case: Case) -> PaymentState | None:
        """Make sure that an earlier attempt is never collected; returns its state if it was, or is being."""
        if not case.payment.provider_ref:
            return None
        outcome = self.gateway.withdraw(order_of(case)).outcome
        return self.bookkeeper.book(case, outcome) if isinstance(outcome, Collected | InProgress) else None

    def withdraw_unconfirmed(self, case: Case) -> PaymentState:
        """Withdraw an order that its customer could still confirm; another such of theirs comes next."""
        if withdrawn := self.withdraw(case):
            return withdrawn
        payment = replace(case.payment, provider_ref="")
        customer = case.customer.released_by(payment.payment_id)
        months = self.bookkeeper.books.months(customer.customer_id)
        others = (month for period, month in months.items() if period != payment.period)
        customer = leased_to_withdraw(customer, others, (), self.bookkeeper.clock())
        changed = customer if customer != case.customer else None
        return self.bookkeeper.commit(case, payment=payment, customer=changed).payment.state


def order_of(case: Case) -> ChargeOrder:
    """Write the order for a payment: the same each time, for one attempt."""
    payment: Payment = case.payment
    return ChargeOrder(
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount=payment.amount,
        invoice_number=case.invoice.number,
        period=payment.period,
        customer_id=payment.customer_id,
        provider_customer_id=case.customer.provider_customer_id,
        payment_method=case.customer.current_method(payment.payment_method),
        since=payment.begun_at,
        reference=payment.provider_ref,
    )


def _is_news(outcome: ChargeOutcome | NotCollected, payment: Payment) -> TypeIs[Collected | InProgress]:
    """Whether a payment whose money went back has some of it again, or lost more, or is being collected again."""
    if isinstance(outcome, Collected):
        booked = (payment.refunded_minor, payment.reversed_minor)
        return (outcome.refunded_minor, outcome.reversed_minor) != booked
    return isinstance(outcome, InProgress)
