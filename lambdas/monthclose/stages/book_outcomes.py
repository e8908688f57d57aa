"""Book what a provider says of a payment: bring our record to where the provider's is.

Whoever learns of an outcome (the charge itself, a webhook, the reconciler) books it here. Nobody's order of events
matters: the provider's present word is held against our record, and the difference is booked, in one commit.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from monthclose.domain import invoice as invoices
from monthclose.domain.customer import Customer
from monthclose.domain.hold import lift_if_paid_up
from monthclose.domain.invoice import Booking, Invoice
from monthclose.domain.ledger import Entry, Leg
from monthclose.domain.money import Money
from monthclose.domain.month import HoldChange, Parking
from monthclose.domain.payment import IN_FLIGHT, REFUSED, Payment, PaymentKey, PaymentState, next_check
from monthclose.domain.replacing import losses
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import Books, ChargeOutcome, Clock, Collected, InProgress, Record, Refused, TakenBack
from monthclose.stages.batch_work import lifted, retry_conflicts


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
    """The invoices that it has taken the place of."""

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
        return Case(customer, month.invoice, payment, others, month.parking, len(month.holds), month.superseded)

    def book(self, case: Case, outcome: ChargeOutcome) -> PaymentState:
        """Book an outcome on what was read before the call, or, if that has changed meanwhile, on what is there now.

        Whoever comes second finds it booked.

        Raises
        ------
        TryLaterError
            Too many others write at the same time; the provider's word can be asked for again.
        """
        try:
            return self._converge(case, outcome).payment.state
        except ConflictError:
            return retry_conflicts(lambda: self._book_afresh(case.payment, outcome))

    def _book_afresh(self, payment: Payment, outcome: ChargeOutcome) -> PaymentState:
        current = self.read(PaymentKey(payment.customer_id, payment.period, payment.sequence))
        if current is None:
            raise TryLaterError(f"payment {payment.payment_id} cannot be read any more")
        if (current.payment.attempt, current.payment.provider_ref) != (payment.attempt, payment.provider_ref):
            # Perhaps only the reference was stored meanwhile, perhaps a new attempt was begun: ask again and see.
            if current.payment.provider_ref or current.payment.attempt != payment.attempt:
                raise TryLaterError(f"payment {payment.payment_id} went on meanwhile")
            current = current._replace(payment=replace(current.payment, provider_ref=payment.provider_ref))
        return self._converge(current, outcome).payment.state

    def _converge(self, case: Case, outcome: ChargeOutcome) -> Case:
        state = case.payment.state
        match outcome:
            case Collected():
                booked = case if state is PaymentState.PAID else self._pay(case, outcome)
                return (
                    self._refund(booked, outcome) if outcome.refunded_minor > booked.payment.refunded_minor else booked
                )
            case TakenBack() | Refused() if state is PaymentState.PAID:
                return self._take_back(case, outcome)
            case TakenBack() | Refused() if state in IN_FLIGHT:
                return self._refuse(case, outcome)
            case Refused(needs_customer=False) if state is PaymentState.ACTION_REQUIRED:
                return self._refuse(case, outcome)
            case InProgress() if state in (IN_FLIGHT | REFUSED) - {PaymentState.PENDING} and self._may_lease(case):
                return self._wait(case, outcome)
            case _:  # said and booked before, or of no consequence for a payment that is not in flight
                return case

    @staticmethod
    def _may_lease(case: Case) -> bool:
        return case.customer.open_payment in ("", case.payment.payment_id)

    def _pay(self, case: Case, outcome: Collected) -> Case:
        amount = outcome.amount
        payment = case.payment.to(PaymentState.PAID, self.clock(), f"{amount} collected", request_id=outcome.request_id)
        payment = replace(payment, collected_minor=amount.minor, refunded_minor=0)
        memo = f"{amount} collected by {payment.provider} for invoice {case.invoice.number}"
        return self._write(case, payment, invoices.settle(case.invoice, case.customer, amount), "payment", memo)

    def _refund(self, case: Case, outcome: Collected) -> Case:
        payment, currency = case.payment, case.invoice.currency
        amount = Money(outcome.refunded_minor - payment.refunded_minor, currency)
        excess = max(sum(p.net_minor for p in (payment, *case.others)) - case.invoice.collected_minor, 0)
        memo = f"{amount} of invoice {case.paid_number} given back by {payment.provider}"
        refunded = replace(payment, refunded_minor=outcome.refunded_minor)
        booking = invoices.refund(case.invoice, case.customer, amount, excess)
        return self._write(case, refunded, booking, f"refund/{outcome.refunded_minor}", memo)

    def _take_back(self, case: Case, outcome: TakenBack | Refused) -> Case:
        amount = Money(case.payment.net_minor, case.invoice.currency)
        payment = case.payment.to(
            PaymentState.REVERSED, self.clock(), outcome.code, code=outcome.code, request_id=outcome.request_id
        )
        payment = replace(payment, collected_minor=0, refunded_minor=0)
        memo = f"{amount} of invoice {case.paid_number} taken back from {payment.provider}: {outcome.code}"
        return self._write(case, payment, invoices.take_back(case.invoice, case.customer, amount), "reversal", memo)

    def _refuse(self, case: Case, outcome: TakenBack | Refused) -> Case:
        asks = isinstance(outcome, Refused) and outcome.needs_customer
        payment = case.payment.to(
            PaymentState.ACTION_REQUIRED if asks else PaymentState.DECLINED,
            self.clock(),
            outcome.code,
            code=outcome.code,
            advice=outcome.advice if isinstance(outcome, Refused) else "",
            request_id=outcome.request_id,
        )
        return self._use_credit(case, payment)

    def _wait(self, case: Case, outcome: InProgress) -> Case:
        now = self.clock()
        why = "the provider is collecting"
        payment = case.payment.to(PaymentState.PENDING, now, why, request_id=outcome.request_id)
        customer = case.customer.leased_to(payment.payment_id, next_check(payment.attempt_begun_at, now))
        return self.commit(case, *lifted(case.parking), payment=payment, customer=customer)

    def settle_without_charge(self, case: Case, why: str) -> Case:
        """Book that nothing is due on a payment; credit covers what is open, as far as it goes."""
        return self._use_credit(case, case.payment.to(PaymentState.NOTHING_DUE, self.clock(), why))

    def _use_credit(self, case: Case, payment: Payment) -> Case:
        """Write a payment that moved no money, and let credit that came meanwhile cover what is open."""
        booking = invoices.use_credit(case.invoice, case.customer)
        return self._write(case, payment, booking, "credit", f"credit used for invoice {case.invoice.number}")

    def _write(self, case: Case, payment: Payment, booking: Booking, what: str, memo: str) -> Case:
        """Write payment and lease, and where money or credit moved the invoice, the account and the ledger."""
        invoice, customer, legs = booking
        lost = losses(case.superseded, case.invoice, booking)
        customer, change = lift_if_paid_up(
            customer.released_by(payment.payment_id), payment.period, case.holds + 1, self.clock()
        )
        more: list[Record] = [*lifted(case.parking), *change]
        if not legs:
            return self.commit(case, *more, payment=payment, customer=customer)
        entry = _entry(payment, f"{what}/{payment.sequence}/{len(payment.history)}", self, legs, memo)
        return self.commit(case, entry, *lost, *more, payment=payment, customer=customer, invoice=invoice)

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
            superseded=tuple(
                next((_next(r) for r in more if isinstance(r, Invoice) and r.number == kept.number), kept)
                for kept in case.superseded
            ),
        )


def _entry(payment: Payment, entry_id: str, keeper: Bookkeeper, legs: tuple[Leg, ...], memo: str) -> Entry:
    return Entry(entry_id, payment.customer_id, payment.period, payment.currency, keeper.clock(), legs, memo)


def _next[R: (Customer, Invoice, Payment)](record: R) -> R:
    return replace(record, version=record.version + 1)
