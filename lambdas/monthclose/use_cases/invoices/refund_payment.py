"""Refund a payment: money goes back to the customer, once, whatever crashes, repeats or arrives late.

The protocol is that of a charge (docs/charging.md): a durable intent before every effect, and a proof after it.

1. What the provider says of the payment is booked first, so that the amount is decided on what is true.
2. The refund is written into the payment as REQUESTED, with its amount, and takes the customer's lease: one commit.
3. The provider is asked, by the refund's name; MADE, with the provider's id of it, is written.
4. What the provider holds now is booked, as after any refund (`book_outcomes`). Where something was billed wrongly, a
   credit note takes it off the invoice. The customer is notified. DONE releases the lease.

A refund found under way is looked up by its name before the provider is asked again. The lease lets the reconciler
find it, as it does payments in flight. One whose money has not left yet, because it waits for money in our balance or
for the customer, stays under way: only the provider's word on this refund ends it, never the payment's sums.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.giving_up import amount_to_refund, given_up
from monthclose.domain.money import Money
from monthclose.domain.payments.hand_limits import HandLimits
from monthclose.domain.payments.payment import Payment, PaymentKey, next_check
from monthclose.domain.payments.refund import Refund, RefundKind, RefundState
from monthclose.domain.text import check_reason
from monthclose.errors import BeingChargedError, OrderRefusedError, OutcomeUnknownError, TryLaterError
from monthclose.ports import Books, Clock, FoundRefund, RefundFate, RefundOrder
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.invoices.correct_invoice import Corrector
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
from monthclose.use_cases.payments.book_outcomes import Case
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.tellers import TellsMoneyBack

FAILED = "refund_failed"
"""The code of a refund that the provider took on, and whose money came back at once."""


class RefundWanted(NamedTuple):
    """What a person asks for.

    Parameters
    ----------
    target : str
        The number of an invoice, or a payment's name.
    amount : Money or None
        None for as much as can be refunded.
    """

    target: str
    amount: Money | None
    kind: RefundKind
    reason: str
    by: str = ""


class GivenBack(NamedTuple):
    """A refund, and its payment as they are now."""

    payment: Payment
    refund: Refund


@dataclass(frozen=True, slots=True)
class Refunder:
    """Refunds payments, within the limits of the role that it is asked in.

    Parameters
    ----------
    charger : callable
        Makes the charger of a provider.
    """

    books: Books
    issued: IssuedDocuments
    charger: Callable[[str], Charger]
    corrector: Corrector
    holds: HoldKeeper
    teller: TellsMoneyBack
    clock: Clock
    limits: HandLimits

    def refund(self, wanted: RefundWanted) -> GivenBack:
        """Refund a payment. One that is not done when this returns is continued by the reconciler.

        Raises
        ------
        UserMistakeError
            There is no such payment, it has less left than that, or it is more than the role may give back.
        TryLaterError
            The customer is being charged right now, or the provider is briefly unavailable; nothing was begun.
        """
        reason = check_reason(wanted.reason, "a reason is needed: the customer reads it")
        key = self._find(wanted.target)
        self._charger(key).look_up(key)
        asked = wanted._replace(reason=reason)
        refund, fresh = retry_conflicts(partial(self._request, key, asked))
        return self._carry_out(key, refund, fresh=fresh)

    def resume(self, key: PaymentKey) -> GivenBack | None:
        """Continue the refund of a payment that is under way; None if there is none."""
        payment = self.books.month(key.customer_id, key.period).payment_of(key.sequence)
        refund = payment.refund_under_way if payment else None
        return self._carry_out(key, refund, fresh=False) if refund else None

    def _find(self, target: str) -> PaymentKey:
        """Find the payment: by its name, or the one that was collected for an invoice."""
        key = PaymentKey.parse(target)
        if key is not None:
            if self.books.month(key.customer_id, key.period).payment_of(key.sequence) is None:
                raise UserMistakeError(f"there is no payment {target}")
            return key
        invoice = self.issued.find(target)
        month = self.books.month(invoice.customer_id, invoice.period)
        if month.invoice is not None and month.invoice.number != invoice.number:
            raise UserMistakeError(f"{target} was replaced by {month.invoice.number}: refund that one")
        paid = [payment for payment in month.payments if payment.net_minor > 0]
        if not paid:
            raise UserMistakeError(f"nothing was collected for {target} that could be refunded")
        if len(paid) > 1:
            named = ", ".join(f"{p.payment_id} ({Money(p.net_minor, p.currency)})" for p in paid)
            raise UserMistakeError(f"{target} was paid by several payments: name one of {named}")
        return PaymentKey(invoice.customer_id, invoice.period, paid[0].sequence)

    def _charger(self, key: PaymentKey) -> Charger:
        payment = self.books.month(key.customer_id, key.period).payment_of(key.sequence)
        if payment is None:
            raise TryLaterError(f"payment {key.payment_id} can no longer be read")
        return self.charger(payment.provider)

    def _request(self, key: PaymentKey, wanted: RefundWanted) -> tuple[Refund, bool]:
        """Write down what is to be refunded; also tell whether it is new: one that is under way is continued."""
        charger, case = self._charger(key), self._read(key)
        payment = case.payment
        if under_way := payment.refund_under_way:
            if not _same(under_way, wanted):
                raise TryLaterError(
                    f"another refund of payment {key.payment_id} is under way: it ends by itself, then ask again"
                )
            return under_way, False
        if case.customer.open_payment:
            raise BeingChargedError(f"customer {key.customer_id} is being charged for {case.customer.open_payment}")
        amount = self._decide(case, wanted)
        limits = charger.gateway.charge_limits(amount.currency)
        if limits and amount.minor % limits.step_minor:
            raise UserMistakeError(f"{payment.provider} cannot refund {amount}: it has no such small amounts")
        now = self.clock()
        refund = Refund(
            number=len(payment.refunds) + 1,
            amount_minor=amount.minor,
            before_minor=payment.refunded_minor,
            kind=wanted.kind,
            reason=wanted.reason,
            time=now,
            by=wanted.by,
            invoice=case.invoice.number,
        )
        leased = case.customer.leased_to(payment.payment_id, next_check(now, now))
        charger.bookkeeper.commit(case, payment=payment.with_refund(refund), customer=leased)
        return refund, True

    def _decide(self, case: Case, wanted: RefundWanted) -> Money:
        invoice, payment = case.invoice, case.payment
        if wanted.amount is not None and wanted.amount.currency != payment.currency:
            raise UserMistakeError(f"payment {payment.payment_id} is in {payment.currency}")
        if wanted.amount is not None and wanted.amount.minor <= 0:
            raise UserMistakeError("the amount must be more than zero")
        amount = amount_to_refund(wanted.kind, wanted.amount, invoice, case.customer, payment, case.excess_minor)
        if wanted.kind is RefundKind.SERVICE:
            self.corrector.check(invoice, amount)
        already = given_up(payment.currency, (payment, *case.others), case.entries)
        self.limits.check(amount, already, invoice.number)
        return amount

    def _carry_out(self, key: PaymentKey, refund: Refund, *, fresh: bool) -> GivenBack:
        """Do what is left of a refund; if the provider cannot be asked, or its answer is lost, it stays under way."""
        try:
            if refund.state is RefundState.REQUESTED:
                refund = self._note(key, self._ask(key, refund, fresh=fresh))
            if refund.state is not RefundState.MADE:
                return self._end(key, refund)
            return self._finish(key, refund)
        except (OutcomeUnknownError, TryLaterError, OrderRefusedError):  # a look-up that is refused says nothing
            return GivenBack(self._read(key).payment, refund)

    def _ask(self, key: PaymentKey, refund: Refund, *, fresh: bool) -> Refund:
        """Have the provider refund it, unless it has: then its id of it is found by the refund's name."""
        found = None if fresh else self._find_refund(key, refund)
        try:
            reference = found.reference if found else self._charger(key).gateway.refund(self._order(key, refund))
        except OrderRefusedError as error:
            return replace(refund, state=RefundState.REFUSED, code=error.code)
        return replace(refund, state=RefundState.MADE, reference=reference)

    def _find_refund(self, key: PaymentKey, refund: Refund) -> FoundRefund | None:
        try:
            return self._charger(key).gateway.find_refund(self._order(key, refund))
        except OrderRefusedError as error:
            raise OutcomeUnknownError(f"refund {refund.name(key.payment_id)} is not looked up: {error.code}") from error

    def _order(self, key: PaymentKey, refund: Refund) -> RefundOrder:
        payment = self._read(key).payment
        return RefundOrder(
            name=refund.name(key.payment_id),
            reference=payment.provider_ref,
            amount=Money(refund.amount_minor, payment.currency),
            before_minor=refund.before_minor,
            since=refund.time,
        )

    def _finish(self, key: PaymentKey, refund: Refund) -> GivenBack:
        """Book what was refunded, and issue the credit note where one is due, once the money has left."""
        found = self._find_refund(key, refund)
        self._charger(key).look_up(key)
        case = self._read(key)
        if found is None or found.fate is RefundFate.WAITING:
            return GivenBack(case.payment, refund)
        if found.fate is RefundFate.FAILED:
            return self._end(key, replace(refund, state=RefundState.REFUSED, code=FAILED))
        done = replace(refund, state=RefundState.DONE)
        if refund.kind is RefundKind.SERVICE:
            done = self._credited(refund.invoice or case.invoice.number, done, case.payment)
        return self._end(key, done)

    def _credited(self, number: str, refund: Refund, payment: Payment) -> Refund:
        amount, name = Money(refund.amount_minor, payment.currency), refund.name(payment.payment_id)
        try:
            note = self.corrector.credit(number, amount, refund.reason, refund=name)
        except UserMistakeError as error:  # credited meanwhile by somebody else: the refund stays written off
            return replace(refund, code=str(error))
        return replace(refund, credit_note=note.number)

    def _end(self, key: PaymentKey, refund: Refund) -> GivenBack:
        """Write that it has ended, once the customer is notified: one that is under way is found again."""
        if refund.state is RefundState.DONE:
            self.teller.tell_refund(key, refund)  # the notice's claim makes it one e-mail
        ended = self._note(key, refund)
        month = self.books.month(key.customer_id, key.period)
        self.holds.settle_up(key.customer_id, [(key.period, month)])
        return GivenBack(self._read(key).payment, ended)

    def _note(self, key: PaymentKey, refund: Refund) -> Refund:
        """Write how far a refund is, unless somebody else has got further; one that has ended releases the lease.

        Returns
        -------
        Refund
            As it is stored then.
        """

        def step() -> Refund:
            case = self._read(key)
            stored = next(each for each in case.payment.refunds if each.number == refund.number)
            if _further(stored, refund):
                return stored
            kept = refund.under_way or case.payment.in_flight  # a payment in flight has the lease itself
            customer = case.customer if kept else case.customer.released_by(key.payment_id)
            payment = case.payment.with_refund(refund)
            self._charger(key).bookkeeper.commit(case, payment=payment, customer=customer)
            return refund

        return retry_conflicts(step)

    def _read(self, key: PaymentKey) -> Case:
        case = self._charger(key).bookkeeper.read(key)
        if case is None:
            raise TryLaterError(f"payment {key.payment_id} can no longer be read")
        return case


def _further(stored: Refund, refund: Refund) -> bool:
    """Whether a refund has ended meanwhile, or was made while another request to make it was refused."""
    return not stored.under_way or bool(stored.reference and not refund.reference)


def _same(refund: Refund, wanted: RefundWanted) -> bool:
    asked = wanted.amount is None or wanted.amount.minor == refund.amount_minor
    return asked and (refund.kind, refund.reason) == (wanted.kind, wanted.reason)
