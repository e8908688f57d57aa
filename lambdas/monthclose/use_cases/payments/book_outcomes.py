"""Book what a provider says of a payment: bring our record in line with the provider's.

Every outcome is booked here, whether the charge itself, a webhook or the reconciler learns of it. The order of events
does not matter: the provider's present answer is compared with our record, and the difference is booked, in one commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.collections.hold import lift_if_paid_up
from monthclose.domain.invoices import invoice as invoices
from monthclose.domain.invoices import money_back
from monthclose.domain.invoices.invoice import Booking, Invoice
from monthclose.domain.invoices.money_back import Effect, Returned, returned_by
from monthclose.domain.money import Money
from monthclose.domain.month import HoldChange, Parking
from monthclose.domain.payments.payment import IN_FLIGHT, REFUSED, Payment, PaymentKey, PaymentState, next_check
from monthclose.domain.payments.refund import RefundKind
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import Books, ChargeOutcome, Clock, Collected, InProgress, Record, Refused
from monthclose.use_cases.batch_work import retry_conflicts, unparked
from monthclose.use_cases.payments.gather_small import settle_gathered

_MAY_WAIT = (IN_FLIGHT | REFUSED | {PaymentState.REVERSED}) - {PaymentState.PENDING}
"""States that may become PENDING: also that of a debit that failed late, and that the provider retries."""


class Case(NamedTuple):
    """What is known about a payment at one moment; a commit holds only if it is still so."""

    customer: Customer
    invoice: Invoice
    payment: Payment
    others: tuple[Payment, ...] = ()
    """The other payments of the same invoice."""
    parking: Parking | None = None
    holds: int = 0
    """How often the customer's hold was changed in the invoice's month."""
    superseded: tuple[Invoice, ...] = ()
    """The invoices that it has replaced."""
    entries: tuple[Entry, ...] = ()
    """What the ledger has of the month."""

    @property
    def excess_minor(self) -> int:
        """What the providers hold of the month's payments beyond what is collected for the invoice, in minor units."""
        return sum(p.net_minor for p in (self.payment, *self.others)) - self.invoice.collected_minor

    @property
    def returned(self) -> Returned:
        """What this payment's refunds and reversals have done so far."""
        prefixes = (f"refund/{self.payment.sequence}/", f"reversal/{self.payment.sequence}/")
        return returned_by(self.entries, prefixes, self.payment.lost_minor)

    def of(self, other: Payment) -> "Case":
        """The same about another payment of the invoice."""
        rest = (self.payment, *(payment for payment in self.others if payment.sequence != other.sequence))
        return self._replace(payment=other, others=rest)

    @property
    def goes_on_with(self) -> PaymentKey | None:
        """The payment that continues this one, where one charge could not take all, if it is to be charged."""
        waiting = [p for p in self.others if p.continues == self.payment.sequence]
        if self.payment.state is not PaymentState.PAID or not waiting:
            return None
        return PaymentKey(self.payment.customer_id, self.payment.period, waiting[-1].sequence)

    @property
    def paid_number(self) -> str:
        """Number of the invoice that the payment was made for: perhaps one that was replaced since."""
        begun = [i for i in (*self.superseded, self.invoice) if i.first_payment <= self.payment.sequence]
        return max(begun, key=lambda invoice: invoice.first_payment).number


@dataclass(frozen=True, slots=True)
class Bookkeeper:
    """Reads and writes payments, with all that must change together."""

    books: Books
    clock: Clock

    def read(self, key: PaymentKey) -> Case | None:
        """Read a payment and what belongs to it; None if there is no such payment."""
        customer = self.books.customer(key.customer_id)
        month = self.books.month(key.customer_id, key.period)
        payment = month.payment_of(key.sequence)
        if customer is None or month.invoice is None or payment is None:
            return None
        others = tuple(other for other in month.payments if other.sequence != key.sequence)
        holds = len(month.holds)
        return Case(customer, month.invoice, payment, others, month.parking, holds, month.superseded, month.entries)

    def book(self, case: Case, outcome: ChargeOutcome) -> PaymentState:
        """Book an outcome on what was read before the call, or, if that has changed meanwhile, on what is there now.

        The second to come finds it booked.

        Raises
        ------
        TryLaterError
            Too many others write at the same time; the outcome can be looked up again.
        """
        try:
            return self._converge(case, outcome).payment.state
        except ConflictError:
            return retry_conflicts(lambda: self._book_afresh(case.payment, outcome))

    def _book_afresh(self, payment: Payment, outcome: ChargeOutcome) -> PaymentState:
        current = self.read(PaymentKey(payment.customer_id, payment.period, payment.sequence))
        if current is None:
            raise TryLaterError(f"payment {payment.payment_id} can no longer be read")
        if (current.payment.attempt, current.payment.provider_ref) != (payment.attempt, payment.provider_ref):
            # Perhaps only the reference was stored meanwhile, perhaps a new attempt began: a new look-up will tell.
            if current.payment.provider_ref or current.payment.attempt != payment.attempt:
                raise TryLaterError(f"payment {payment.payment_id} has changed in the meantime")
            current = current._replace(payment=replace(current.payment, provider_ref=payment.provider_ref))
        return self._converge(current, outcome).payment.state

    def _converge(self, case: Case, outcome: ChargeOutcome) -> Case:
        payment = case.payment
        match outcome:
            case Collected():
                return self._book_money(case, outcome)
            case Refused() if payment.state in (PaymentState.PAID, PaymentState.REVERSED):  # a failure that came late
                gone = Collected(payment.collected, 0, payment.collected_minor, outcome.code, outcome.request_id)
                return self._book_money(case, gone)
            case Refused() if payment.state in IN_FLIGHT:
                return self._refuse(case, outcome)
            case Refused(needs_customer=False) if payment.state is PaymentState.ACTION_REQUIRED:
                return self._refuse(case, outcome)
            case InProgress() if payment.state in _MAY_WAIT and self._may_lease(case):
                return self._wait(case, outcome)
            case _:  # said and booked before, or of no consequence for a payment that is not in flight
                return case

    def _book_money(self, case: Case, said: Collected) -> Case:
        """Book the differences between what the provider holds for a payment and what we have booked, one by one.

        Each is a commit of its own: if this breaks off, the next run finds the rest.
        """
        if not case.payment.collected_minor:
            case = self._pay(case, said)
        if case.payment.reversed_minor > said.reversed_minor or case.payment.refunded_minor > said.refunded_minor:
            case = self._regain(case, said)
        if case.payment.reversed_minor < said.reversed_minor:
            case = self._reverse(case, said)
        if case.payment.refunded_minor < said.refunded_minor:
            case = self._refund(case, said)
        right = PaymentState.REVERSED if said.reversed_minor else PaymentState.PAID
        if case.payment.state is right:
            return case
        return self._write(case, self._stand(case.payment, said), (case.invoice, case.customer, ()), "", "")

    @staticmethod
    def _may_lease(case: Case) -> bool:
        return case.customer.open_payment in ("", case.payment.payment_id)

    def _pay(self, case: Case, said: Collected) -> Case:
        amount = said.amount
        payment = case.payment.to(PaymentState.PAID, self.clock(), f"{amount} collected", request_id=said.request_id)
        memo = f"{amount} collected by {payment.provider} for invoice {case.invoice.number}"
        brand = said.card_brand or payment.card_brand
        payment = replace(payment, collected_minor=amount.minor, card_brand=brand)
        invoice, customer, legs = invoices.settle(case.invoice, case.customer, amount, payment.rest_minor)
        customer, more = settle_gathered(self.books, customer, payment, self.clock())
        if payment.more_minor and invoice.open:
            more.append(payment.go_on(max(p.sequence for p in (payment, *case.others)) + 1))
        if dropped := _dropped(case.invoice, invoice):
            memo += f"; {dropped} written off, because {payment.provider} cannot charge it"
        return self._write(case, payment, (invoice, customer, legs), "payment", memo, more)

    def _refund(self, case: Case, said: Collected) -> Case:
        amount = Money(said.refunded_minor - case.payment.refunded_minor, case.invoice.currency)
        payment = replace(case.payment, refunded_minor=said.refunded_minor)
        effect = money_back.refund(case.invoice, case.customer, amount, _from_excess(case, amount))
        memo = f"{amount} of invoice {case.paid_number} refunded by {payment.provider}"
        return self._write_effect(case, payment, effect, "refund", memo)

    def _reverse(self, case: Case, said: Collected) -> Case:
        amount = Money(said.reversed_minor - case.payment.reversed_minor, case.invoice.currency)
        payment = replace(self._stand(case.payment, said), reversed_minor=said.reversed_minor)
        effect = money_back.reverse(case.invoice, case.customer, amount, case.excess_minor)
        memo = f"{amount} of invoice {case.paid_number} reversed at {payment.provider}{said.code}"
        return self._write_effect(case, payment, effect, "reversal", memo)

    def _regain(self, case: Case, said: Collected) -> Case:
        before, currency = case.payment, case.invoice.currency
        refunded = Money(min(before.refunded_minor, said.refunded_minor), currency)
        reversed_ = Money(min(before.reversed_minor, said.reversed_minor), currency)
        failed = Money(before.refunded_minor, currency) - refunded
        returned = Money(before.reversed_minor, currency) - reversed_
        payment = self._stand(before, said) if returned else before
        payment = replace(payment, refunded_minor=refunded.minor, reversed_minor=reversed_.minor)
        effect = money_back.regain(case.invoice, case.customer, case.returned, refunded, reversed_, case.excess_minor)
        memos = [
            f"{returned} of invoice {case.paid_number} returned to {payment.provider} by the customer's bank",
            f"refund of {failed} of invoice {case.paid_number} by {payment.provider} failed",
        ]
        memo = "; ".join(memo for memo, amount in zip(memos, (returned, failed), strict=True) if amount)
        return self._write_effect(case, payment, effect, "reversal" if returned else "refund", memo)

    def _stand(self, payment: Payment, said: Collected) -> Payment:
        """Bring a payment that has collected into the state that fits what its bank has reversed."""
        now, request_id = self.clock(), said.request_id
        if payment.state not in (PaymentState.PAID, PaymentState.REVERSED):
            payment = payment.to(PaymentState.PAID, now, f"{said.amount} collected", request_id=request_id)
        if said.reversed_minor:
            why = said.code or "reversed"
            return payment.to(PaymentState.REVERSED, now, why, code=said.code, request_id=request_id)
        if payment.state is PaymentState.REVERSED:
            return payment.to(PaymentState.PAID, now, "the reversal was undone", request_id=request_id)
        return payment

    def _write_effect(self, case: Case, payment: Payment, effect: Effect, what: str, memo: str) -> Case:
        payment = replace(payment, lost_minor=payment.lost_minor + effect.lost)
        return self._write(case, payment, effect.booking, what, memo)

    def _refuse(self, case: Case, outcome: Refused) -> Case:
        payment = case.payment.to(
            PaymentState.ACTION_REQUIRED if outcome.needs_customer else PaymentState.DECLINED,
            self.clock(),
            outcome.code,
            code=outcome.code,
            advice=outcome.advice,
            request_id=outcome.request_id,
        )
        return self._use_credit(case, replace(payment, card_brand=outcome.card_brand or payment.card_brand))

    def _wait(self, case: Case, outcome: InProgress) -> Case:
        now = self.clock()
        why = "the provider is collecting"
        payment = case.payment.to(PaymentState.PENDING, now, why, request_id=outcome.request_id)
        customer = case.customer.leased_to(payment.payment_id, next_check(payment.attempt_begun_at, now))
        return self.commit(case, *unparked(case.parking), payment=payment, customer=customer)

    def settle_without_charge(self, case: Case, why: str, rest_minor: int = 0) -> Case:
        """Book that nothing is due on a payment; credit covers what is open, a rest as in `settle` is written off."""
        return self._use_credit(case, case.payment.to(PaymentState.NOTHING_DUE, self.clock(), why), rest_minor)

    def _use_credit(self, case: Case, payment: Payment, rest_minor: int = 0) -> Case:
        """Write a payment that moved no money, and let credit that came meanwhile cover what is open."""
        booking = invoices.use_credit(case.invoice, case.customer, rest_minor)
        memo = f"credit used for invoice {case.invoice.number}"
        if dropped := _dropped(case.invoice, booking[0]):
            memo = (
                f"{dropped} of invoice {case.invoice.number} written off, because {payment.provider} cannot charge it"
            )
        return self._write(case, payment, booking, "credit", memo)

    def _write(
        self,
        case: Case,
        payment: Payment,
        booking: Booking,
        what: str,
        memo: str,
        more: Sequence[Record] = (),
    ) -> Case:
        """Write payment and lease, and where money or credit moved the invoice, the account and the ledger."""
        invoice, customer, legs = booking
        if not payment.refund_under_way:  # the refund holds the lease until it is done
            customer = customer.released_by(payment.payment_id)
        customer, change = lift_if_paid_up(customer, payment.period, case.holds + 1, self.clock())
        more = [*more, *unparked(case.parking), *change]
        if not legs:
            return self.commit(case, *more, payment=payment, customer=customer)
        entry_id = f"{what}/{payment.sequence}/{payment.version}"
        entry = Entry(entry_id, payment.customer_id, payment.period, payment.currency, self.clock(), legs, memo)
        return self.commit(case, entry, *more, payment=payment, customer=customer, invoice=invoice)

    def commit(
        self,
        case: Case,
        *more: Record,
        payment: Payment | None = None,
        customer: Customer | None = None,
        invoice: Invoice | None = None,
    ) -> Case:
        """Write what changed, and return the case as it now is, versions included.

        Raises
        ------
        ConflictError
            Something of it was changed by somebody else; nothing was written.
        """
        self.books.commit(*(record for record in (payment, customer, invoice, *more) if record is not None))
        return case._replace(
            customer=_next(customer) if customer else case.customer,
            invoice=_next(invoice) if invoice else case.invoice,
            payment=_next(payment) if payment else case.payment,
            parking=None if any(isinstance(record, Parking) for record in more) else case.parking,
            holds=case.holds + sum(isinstance(record, HoldChange) for record in more),
            entries=(*case.entries, *(record for record in more if isinstance(record, Entry))),
        )


def _from_excess(case: Case, amount: Money) -> int:
    """Work out what of a refund may come out of the customer's credit, in minor units.

    A refund by hand for a service or as goodwill is not of what was paid beyond what was due: none of that one. The
    credit note or the write-off is for it, and prepaid credit stays.
    """
    own = case.payment.refund_under_way
    if own is None or own.kind is RefundKind.OVERPAYMENT or amount.minor < own.amount_minor:
        return case.excess_minor
    if case.payment.refunded_minor >= own.before_minor + own.amount_minor:  # it is booked, and this is another one
        return case.excess_minor
    return min(case.excess_minor, amount.minor - own.amount_minor)


def _dropped(before: Invoice, after: Invoice) -> Money:
    return Money(after.written_off_minor - before.written_off_minor, before.currency)


def _next[R: (Customer, Invoice, Payment)](record: R) -> R:
    return replace(record, version=record.version + 1)
