"""Charge customers: decide the amount now, from the ledger, and collect it once.

The protocol (DESIGN, "Charging"): a durable intent before every effect and a proof after it.

1. Read account and invoice. Decide the amount. Write CHARGING with it and take the customer's lease: one commit.
2. Create the provider's object (no money moves) and store its reference.
3. Have it collected; a reference can be collected once only.
4. Book the outcome: payment, invoice, account, ledger entry and lease in one commit.

Whoever finds a payment in CHARGING or UNKNOWN first asks the provider what became of it. Its amount is frozen.
"""

from dataclasses import dataclass, replace

from monthclose.domain import invoice as invoices
from monthclose.domain.customer import Customer
from monthclose.domain.invoice import Invoice
from monthclose.domain.ledger import Account, Entry, Leg
from monthclose.domain.money import Money
from monthclose.domain.month import Parking
from monthclose.domain.payment import REFUSED, UNSETTLED, Payment, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import (
    ConflictError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    TryLaterError,
)
from monthclose.ports import (
    Books,
    ChargeOrder,
    ChargeOutcome,
    Clock,
    Collected,
    InProgress,
    NotCollected,
    PaymentGateway,
    Record,
    Refused,
)
from monthclose.stages.batch_work import lifted, retry_conflicts


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known about a payment at one moment."""

    customer: Customer
    invoice: Invoice
    payment: Payment
    parking: Parking | None = None


@dataclass(frozen=True, slots=True)
class Charger:
    """Charges customers through one provider."""

    books: Books
    gateway: PaymentGateway
    clock: Clock

    def charge(self, customer_id: str, period: Period) -> PaymentState | None:
        """Bring one payment as far as it goes now; None if there is no invoice to be paid.

        Safe to call at any time, any number of times, by any number of workers.

        Raises
        ------
        TryLaterError
            Somebody else charges this customer, or the provider is briefly unable: come again.
        ProviderRefusedError
            The provider doesn't accept us; nothing was charged.
        """
        return retry_conflicts(lambda: self._advance(customer_id, period))

    def _advance(self, customer_id: str, period: Period) -> PaymentState | None:
        case = self._read(customer_id, period)
        if case is None:
            return None
        if case.payment.state is PaymentState.READY:
            case = self._begin(case)
            return self._carry_out(case) if case.payment.state is PaymentState.CHARGING else case.payment.state
        if case.payment.state in UNSETTLED:
            return self._resume(case)
        return case.payment.state

    def _read(self, customer_id: str, period: Period) -> _Case | None:
        customer = self.books.customer(customer_id)
        month = self.books.month(customer_id, period)
        if customer is None or month.invoice is None or month.payment is None:
            return None
        if month.payment.provider != self.gateway.provider:
            raise ValueError(f"payment {month.payment.payment_id} is not {self.gateway.provider}'s to collect")
        return _Case(customer, month.invoice, month.payment, month.parking)

    def _begin(self, case: _Case) -> _Case:
        """Freeze the amount and take the lease, or find that nothing is due."""
        customer, invoice, payment = case.customer, case.invoice, case.payment
        if customer.open_payment:
            raise TryLaterError(f"customer {customer.customer_id} is being charged for {customer.open_payment}")
        due, now = invoices.amount_due(invoice, customer), self.clock()
        if not due:
            done = payment.to(PaymentState.NOTHING_DUE, now, "nothing is owed")
            return self._book(case, done, Money(0, invoice.currency))
        method = customer.profile.payment_method
        if not method:
            return self._commit(case, payment=payment.to(PaymentState.NO_PAYMENT_METHOD, now, "no payment method"))
        started = payment.start(due, method, now)
        return self._commit(case, payment=started, customer=customer.leased_to(payment.payment_id))

    def _carry_out(self, case: _Case) -> PaymentState:
        """Do a new attempt: nobody has asked the provider for it yet."""
        try:
            if not case.customer.payer:
                case = self._register(case)
            if not case.payment.provider_ref:
                case = self._prepare(case)
        except OrderInvalidError as error:
            return self._put_back(case, error)
        except OrderRefusedError as error:
            return self._settle(case, Refused(error.code, request_id=error.request_id))
        return self._collect(case)

    def _register(self, case: _Case) -> _Case:
        provider_customer = self.gateway.register(case.customer)
        return self._commit(case, customer=replace(case.customer, provider_customer=provider_customer))

    def _prepare(self, case: _Case) -> _Case:
        reference = self.gateway.prepare(_order(case))
        return self._commit(case, payment=replace(case.payment, provider_ref=reference))

    def _collect(self, case: _Case) -> PaymentState:
        try:
            outcome = self.gateway.collect(case.payment.provider_ref, _order(case))
        except OutcomeUnknownError as error:
            return self._lose_sight(case, str(error))
        except OrderInvalidError as error:
            return self._put_back(case, error)
        return self._settle(case, outcome)

    def _put_back(self, case: _Case, error: OrderInvalidError) -> PaymentState:
        """Give up an attempt that was put wrongly: it surely did nothing, and it is not the customer's doing."""
        payment = case.payment.to(
            PaymentState.READY, self.clock(), error.code, code=error.code, request_id=error.request_id
        )
        self._commit(case, payment=payment, customer=case.customer.released_by(payment.payment_id))
        return payment.state

    def _resume(self, case: _Case) -> PaymentState:
        """Go on with an attempt that broke off: first find out what became of it."""
        order = _order(case)
        if not case.payment.provider_ref:
            found = self.gateway.find_reference(order) if order.provider_customer else None
            if found is None:
                return self._carry_out(case)
            case = self._commit(case, payment=replace(case.payment, provider_ref=found))
        outcome = self.gateway.look_up(case.payment.provider_ref)
        if not isinstance(outcome, NotCollected):
            return self._settle(case, outcome)
        if case.payment.state is PaymentState.UNKNOWN:
            again = case.payment.to(PaymentState.CHARGING, self.clock(), "the provider has not collected it")
            case = self._commit(case, payment=again)
        return self._collect(case)

    def _lose_sight(self, case: _Case, why: str) -> PaymentState:
        if case.payment.state is not PaymentState.UNKNOWN:
            self._commit(case, payment=case.payment.to(PaymentState.UNKNOWN, self.clock(), why))
        return PaymentState.UNKNOWN

    def _settle(self, case: _Case, outcome: ChargeOutcome) -> PaymentState:
        """Book an outcome on what was read before the call, or, if that has changed meanwhile, on what is there now.

        Whoever comes second finds it booked.
        """
        try:
            return self._book_outcome(case, outcome).payment.state
        except ConflictError:
            return retry_conflicts(lambda: self._settle_afresh(case.payment, outcome))

    def _settle_afresh(self, payment: Payment, outcome: ChargeOutcome) -> PaymentState:
        current = self._read(payment.customer_id, payment.period)
        if current is None:
            raise TryLaterError(f"payment {payment.payment_id} cannot be read any more")
        if current.payment.attempt != payment.attempt or current.payment.settled:
            return current.payment.state
        return self._book_outcome(current, outcome).payment.state

    def _book_outcome(self, case: _Case, outcome: ChargeOutcome) -> _Case:
        now, payment, nothing = self.clock(), case.payment, Money(0, case.invoice.currency)
        match outcome:
            case Collected(amount, request_id):
                if amount != payment.amount:
                    raise ValueError(
                        f"payment {payment.payment_id}: {payment.amount} was ordered, {amount} was collected"
                    )
                why = f"{amount} collected"
                return self._book(case, payment.to(PaymentState.PAID, now, why, request_id=request_id), amount)
            case Refused(code, needs_customer, request_id):
                state = PaymentState.ACTION_REQUIRED if needs_customer else PaymentState.DECLINED
                return self._book(case, payment.to(state, now, code, code=code, request_id=request_id), nothing)
            case InProgress(request_id):
                after = payment.to(PaymentState.PENDING, now, "the provider is collecting", request_id=request_id)
                return self._commit(case, *lifted(case.parking), payment=after)

    def _book(self, case: _Case, payment: Payment, collected: Money) -> _Case:
        """Write payment, lease, and where money or credit moved the invoice, the account and the ledger."""
        customer = case.customer.released_by(payment.payment_id)
        invoice = case.invoice
        legs: tuple[Leg, ...] = ()
        if payment.state not in REFUSED:
            invoice, customer, legs = invoices.settle(case.invoice, customer, collected)
        if not legs:
            return self._commit(case, *lifted(case.parking), payment=payment, customer=customer)
        entry = Entry(
            f"payment/{payment.attempt}",
            payment.customer_id,
            payment.period,
            payment.currency,
            self.clock(),
            legs,
            f"{collected} collected by {payment.provider} for invoice {invoice.number}"
            if any(leg.account is Account.CLEARING for leg in legs)
            else f"credit used for invoice {invoice.number}",
        )
        return self._commit(case, entry, *lifted(case.parking), payment=payment, customer=customer, invoice=invoice)

    def _commit(
        self,
        case: _Case,
        *more: Record,
        payment: Payment | None = None,
        customer: Customer | None = None,
        invoice: Invoice | None = None,
    ) -> _Case:
        """Write what changed, and return the case as it now is, versions included."""
        self.books.commit(*(record for record in (payment, customer, invoice, *more) if record is not None))
        return _Case(
            customer=_next(customer) if customer else case.customer,
            invoice=_next(invoice) if invoice else case.invoice,
            payment=_next(payment) if payment else case.payment,
            parking=case.parking,
        )


def _next[R: (Customer, Invoice, Payment)](record: R) -> R:
    return replace(record, version=record.version + 1)


def _order(case: _Case) -> ChargeOrder:
    payment = case.payment
    return ChargeOrder(
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount=payment.amount,
        invoice_number=case.invoice.number,
        period=payment.period,
        customer_id=payment.customer_id,
        provider_customer=case.customer.payer,
        payment_method=payment.payment_method,
        since=payment.begun_at,
    )
