"""Charge a payment: decide the amount now, from the ledger, and collect it once.

The protocol (docs/charging.md): a durable intent before every effect and a proof after it.

1. Read account and invoice. Decide the amount. Write CHARGING with it and take the customer's lease: one commit.
2. Create the provider's object (no money moves) and store its reference.
3. Have it collected; a reference can be collected once only.
4. Book the outcome: payment, invoice, account, ledger entry and lease in one commit.

A payment found in CHARGING or UNKNOWN is first looked up at the provider. If it surely has not been collected and
surely won't be, the amount is decided again: a frozen amount must not outlive what it was based on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.calendar import FARTHEST_AHEAD
from monthclose.domain.collections.unconfirmed import waits_for_customer, would_take_too_much
from monthclose.domain.payments.payment import (
    CANCELED,
    UNSETTLED,
    Payment,
    PaymentKey,
    PaymentState,
    next_check,
)
from monthclose.domain.period import Period
from monthclose.errors import (
    BeingChargedError,
    ConflictError,
    MethodReplacedError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    PayerGoneError,
    TryLaterError,
)
from monthclose.ports import (
    Answer,
    Books,
    ChargingPauses,
    Clock,
    NotCollected,
    PaymentGateway,
    Refused,
)
from monthclose.use_cases.batch_work import retry_conflicts, unparked
from monthclose.use_cases.payments.book_outcomes import Bookkeeper, Case
from monthclose.use_cases.payments.decide_amount import decide_amount
from monthclose.use_cases.payments.earlier_orders import EarlierOrders, order_of
from monthclose.use_cases.payments.known_pauses import NEVER_PAUSED
from monthclose.use_cases.payments.present import Present

_SURELY_RECOGNISED = 0.5
"""Share of the provider's idempotency window that we rely on: clocks differ, and retries take time."""


@dataclass(frozen=True, slots=True)
class Charger:
    """Charges customers through one provider. Safe at any time, any number of times, by any number of workers.

    Parameters
    ----------
    restored : callable
        Whether our record of a month may be older than the provider's, as it was restored from a backup: then the
        provider is asked what it has before it is given an order.
    present : Present or None
        The customer, if they are there.
    """

    books: Books
    gateway: PaymentGateway
    clock: Clock
    restored: Callable[[Period], bool] = lambda _period: False
    pauses: ChargingPauses = NEVER_PAUSED
    present: Present | None = None

    @property
    def bookkeeper(self) -> Bookkeeper:
        """Books the outcomes."""
        return Bookkeeper(self.books, self.clock)

    @property
    def _earlier(self) -> EarlierOrders:
        return EarlierOrders(self.gateway, self.bookkeeper)

    def charge(self, key: PaymentKey, *, again: bool = False) -> PaymentState | None:
        """Take a payment as far as it gets now; None if there is no such payment.

        Parameters
        ----------
        again : bool
            Make a new attempt if the last one was refused, and something is still open.

        Raises
        ------
        TryLaterError
            Somebody else is charging this customer, or the provider is briefly unavailable: try again later.
        ProviderRefusedError
            The provider doesn't accept us; nothing was charged.
        ChargingPausedError
            A person has paused charging; nothing was begun.
        """
        return retry_conflicts(lambda: self._advance(key, again=again))

    def look_up(self, key: PaymentKey, *, go_on: bool = False) -> PaymentState | None:
        """Look up what became of a payment, and book it; None if there is no such payment.

        Parameters
        ----------
        go_on : bool
            Continue an attempt that broke off, and withdraw an order that is leased for that; otherwise it is left to
            the process that is working on it.

        Raises
        ------
        TryLaterError, ProviderRefusedError
            As `charge`.
        """
        return retry_conflicts(lambda: self._look_up(key, go_on=go_on))

    def _advance(self, key: PaymentKey, *, again: bool) -> PaymentState | None:
        case = self._read(key)
        if case is None:
            return None
        state = case.payment.state
        if case.goes_on_with:
            return self._advance(case.goes_on_with, again=again)
        if state is PaymentState.READY or (again and case.payment.retriable):
            return self._begin(case)
        if state in UNSETTLED:
            return self._resume(case)
        return state

    def _look_up(self, key: PaymentKey, *, go_on: bool) -> PaymentState | None:
        case = self._read(key)
        if case is None:
            return None
        if go_on and case.payment.state in UNSETTLED - {PaymentState.READY}:
            return self._resume(case)
        if not case.payment.attempt:
            return case.payment.state
        leased = go_on and case.customer.open_payment == case.payment.payment_id
        too_much = would_take_too_much(case.payment, case.invoice, case.customer)
        if too_much or (leased and waits_for_customer(case.payment)):
            return self._earlier.withdraw_unconfirmed(case)
        answer = self.gateway.look_up(order_of(case))
        if isinstance(answer.outcome, NotCollected) or (_is_canceled(answer) and case.payment.state in UNSETTLED):
            return case.payment.state  # the next attempt makes another order
        return self.bookkeeper.book(_referring(case, answer.reference), answer.outcome)

    def _read(self, key: PaymentKey) -> Case | None:
        case = self.bookkeeper.read(key)
        if case and case.payment.provider != self.gateway.provider:
            raise ValueError(f"payment {case.payment.payment_id} is not collected through {self.gateway.provider}")
        return case

    def _begin(self, case: Case) -> PaymentState:
        """Freeze the amount and take the lease, or find that nothing is due."""
        customer, payment = case.customer, case.payment
        self.pauses.check(payment.provider, payment.period)
        if customer.open_payment not in ("", payment.payment_id):
            self._note_wait(case)
            raise BeingChargedError(f"customer {customer.customer_id} is being charged for {customer.open_payment}")
        settled = self._earlier.look_up_last(case)
        if settled:
            return settled
        self._earlier.retire_others(case)
        decided, now = decide_amount(self.books, self.gateway, case), self.clock()
        if decided.nothing:
            return self._charge_nothing(case, decided.rest_minor)
        method = customer.payment_method
        if not method:
            return self._without_method(case)
        started = decided.freeze(payment, method, now)
        if decided.refusal:
            return self._refuse_unasked(case, started, decided.refusal)
        if not self.gateway.one_order_per_payment:
            started = replace(started, provider_ref="")
        leased = customer.leased_to(payment.payment_id, next_check(now, now))
        case = self.bookkeeper.commit(case, payment=started, customer=leased)
        return self._attempt_if_new(case) if self._may_be_forgotten(case) else self._attempt(case)

    def _may_be_forgotten(self, case: Case) -> bool:
        """Whether the provider may have an order of this payment that we have no reference to."""
        known = case.payment.provider_ref or not case.customer.provider_customer_id
        return not known and self.restored(case.payment.period)

    def _attempt_if_new(self, case: Case) -> PaymentState:
        """Make an attempt, unless the provider has made it already; its idempotency keys are forgotten after a day."""
        answer = self._look_up_order(case)
        if isinstance(answer.outcome, NotCollected) or _is_canceled(answer):
            return self._attempt(case)
        return self.bookkeeper.book(_referring(case, answer.reference), answer.outcome)

    def _note_wait(self, case: Case) -> None:
        """Note what a payment waits for, if that takes days: until then no close needs to try it again."""
        key, payment = PaymentKey.parse(case.customer.open_payment), case.payment
        other = self.books.month(key.customer_id, key.period).payment_of(key.sequence) if key else None
        if payment.state is not PaymentState.READY or other is None or other.state is not PaymentState.PENDING:
            return
        if payment.waits_for != other.payment_id:
            self.bookkeeper.commit(case, *unparked(case.parking), payment=replace(payment, waits_for=other.payment_id))

    def _without_method(self, case: Case) -> PaymentState:
        if case.payment.state is not PaymentState.READY:
            return case.payment.state
        payment = case.payment.to(PaymentState.NO_PAYMENT_METHOD, self.clock(), "the customer has no payment method")
        released = case.customer.released_by(payment.payment_id)
        return self.bookkeeper.commit(case, *unparked(case.parking), payment=payment, customer=released).payment.state

    def _charge_nothing(self, case: Case, rest_minor: int = 0) -> PaymentState:
        if withdrawn := self._earlier.withdraw(case):
            return withdrawn
        if case.payment.state is PaymentState.NOTHING_DUE and not rest_minor:
            return case.payment.state
        why = "the amount owed is too small to ever be charged" if rest_minor else "nothing is owed"
        return self.bookkeeper.settle_without_charge(case, why, rest_minor).payment.state

    def _refuse_unasked(self, case: Case, started: Payment, code: str) -> PaymentState:
        """Book that the provider cannot take the amount, without a request: its answer is known."""
        if withdrawn := self._earlier.withdraw(case):
            return withdrawn
        return self.bookkeeper.book(case._replace(payment=started), Refused(code))

    def _attempt(self, case: Case) -> PaymentState:
        """Make an attempt: the provider has not been asked for it yet, or asking again does no harm."""
        self.pauses.check(case.payment.provider, case.payment.period)
        try:
            if not case.customer.provider_customer_id:
                case = self._register(case)
            case = self._prepare(case)
        except OrderRefusedError as error:
            return self._not_taken(case, error)
        return self._collect(case)

    def _register(self, case: Case) -> Case:
        registered = replace(case.customer, registered_provider_customer_id=self.gateway.register(case.customer))
        return self.bookkeeper.commit(case, customer=registered)

    def _prepare(self, case: Case) -> Case:
        reference = self.gateway.prepare(order_of(case))
        if reference == case.payment.provider_ref:
            return case
        return self.bookkeeper.commit(case, payment=replace(case.payment, provider_ref=reference))

    def _collect(self, case: Case) -> PaymentState:
        try:
            answer = self._ask_to_collect(case)
        except OutcomeUnknownError as error:
            return self._mark_unknown(case, str(error))
        except OrderRefusedError as error:
            return self._not_taken(case, error)
        if isinstance(answer.outcome, NotCollected):
            return self._mark_unknown(case, "the provider says it has not collected the payment")
        if _is_canceled(answer):
            self._start_over(self._without_order(case))
        state = self.bookkeeper.book(_referring(case, answer.reference), answer.outcome)
        return self._go_on(case) if state is PaymentState.PAID and case.payment.more_minor else state

    def _ask_to_collect(self, case: Case) -> Answer:
        """Ask the provider to collect; note where a customer who is there must go to authenticate the charge."""
        if self.present is None:
            return self.gateway.collect(order_of(case))
        answer = self.gateway.collect(replace(order_of(case), back=self.present.back))
        self.present.confirm_at = answer.outcome.confirm_at if isinstance(answer.outcome, Refused) else ""
        return answer

    def _go_on(self, case: Case) -> PaymentState:
        """Charge at once what one charge could not take; if that breaks off, the next run continues it."""
        payment = case.payment
        key = PaymentKey(payment.customer_id, payment.period, payment.sequence)
        return self._advance(key, again=False) or PaymentState.PAID

    def _not_taken(self, case: Case, error: OrderRefusedError) -> PaymentState:
        """Book that the provider refuses the order: surely nothing was collected."""
        match error:
            case MethodReplacedError(method=successor):
                self.follow(case.customer, order_of(case).payment_method, successor)
                raise ConflictError(f"payment {case.payment.payment_id} continues with another payment method")
            case PayerGoneError():
                return self._forget_provider_customer(case, error)
            case OrderInvalidError():
                return self._put_back(case, error)
        refusal = Refused(error.code, request_id=error.request_id, advice=error.advice, card_brand=error.card_brand)
        return self.bookkeeper.book(case, refusal)

    def follow(self, customer: Customer, method: str, successor: str) -> bool:
        """Note for good that the provider has replaced a payment method by another; False if that was known.

        Raises
        ------
        ConflictError
            Somebody else changed the customer.
        """
        if not successor or customer.current_method(method) == successor:
            return False
        self.books.commit(customer.with_successor(method, successor))
        return True

    def _forget_provider_customer(self, case: Case, error: PayerGoneError) -> PaymentState:
        """Stop charging under a customer id that is dead: they are registered again, at once or with a new method.

        Raises
        ------
        ConflictError
            We had registered that id; start over, with a new one.
        """
        imported = case.customer.provider_customer_id == case.customer.profile.imported_provider_customer_id
        if imported and not error.deleted:
            return self._put_back(case, error)  # the import's id is wrong, or our key
        case = case._replace(customer=case.customer.without_provider_customer())
        if not imported:
            why = "the provider no longer has the customer: they are registered again"
            self._start_over(case._replace(payment=case.payment.to(PaymentState.READY, self.clock(), why)))
        case = self.bookkeeper.commit(case, customer=case.customer)
        return self.bookkeeper.book(case, Refused(error.code, request_id=error.request_id))

    def _without_order(self, case: Case) -> Case:
        """End an attempt whose order was cancelled at the provider, in memory: another order takes its place."""
        why = "the provider has cancelled the order: another one replaces it"
        ended = case.payment.to(PaymentState.READY, self.clock(), why)
        return case._replace(payment=replace(ended, provider_ref=""))

    def _start_over(self, case: Case) -> NoReturn:
        """Write that an attempt came to nothing, and have the payment begin again from the start.

        Raises
        ------
        ConflictError
            Always: the caller reads again and retries. If that keeps failing, it is tried later.
        """
        self.bookkeeper.commit(case, payment=case.payment, customer=case.customer.released_by(case.payment.payment_id))
        raise ConflictError(f"payment {case.payment.payment_id} starts again: {case.payment.history[-1].why}")

    def _put_back(self, case: Case, error: OrderInvalidError) -> PaymentState:
        """Give up an attempt that we got wrong: it surely did nothing, and it is not the customer's fault."""
        payment = case.payment.to(
            PaymentState.READY, self.clock(), error.code, code=error.code, request_id=error.request_id
        )
        released = case.customer.released_by(payment.payment_id)
        return self.bookkeeper.commit(case, payment=payment, customer=released).payment.state

    def _resume(self, case: Case) -> PaymentState:
        """Continue an attempt that broke off: first look up what became of it."""
        answer = self._look_up_order(case)
        if _is_canceled(answer):
            return self._begin(self._without_order(case))
        if not isinstance(answer.outcome, NotCollected):
            return self.bookkeeper.book(_referring(case, answer.reference), answer.outcome)
        if answer.reference != case.payment.provider_ref:
            found = replace(case.payment, provider_ref=answer.reference)
            case = self.bookkeeper.commit(case, payment=found)
        if self.gateway.one_order_per_payment:
            return self._begin(self._abandon(case))
        passed = self.clock() - case.payment.attempt_begun_at
        decided = decide_amount(self.books, self.gateway, case)
        if (
            decided.charge_minor == case.payment.amount_minor
            and passed < self.gateway.idempotency_window * _SURELY_RECOGNISED
        ):
            return self._attempt(self._regain(case))
        if passed < self.gateway.latest_effect:
            raise TryLaterError(f"payment {case.payment.payment_id} may still take effect at the provider")
        return self._begin(self._abandon(case))

    def _look_up_order(self, case: Case) -> Answer:
        if self._may_be_forgotten(case):  # whenever it was ordered: nobody is charged for a month before its end
            ended = case.payment.period.end - FARTHEST_AHEAD  # in any time zone
            return self.gateway.look_up(replace(order_of(case), since=ended))
        if case.payment.provider_ref or case.customer.provider_customer_id:
            return self.gateway.look_up(order_of(case))
        return Answer("", NotCollected())  # they were not even registered

    def _regain(self, case: Case) -> Case:
        if case.payment.state is not PaymentState.UNKNOWN:
            return case
        why = "the provider has not collected the payment"
        return self.bookkeeper.commit(case, payment=case.payment.to(PaymentState.CHARGING, self.clock(), why))

    def _abandon(self, case: Case) -> Case:
        """End an attempt that came to nothing, in memory: the next one, or that nothing is due, is written with it."""
        ended = case.payment.to(PaymentState.READY, self.clock(), "the provider has not collected the payment")
        return case._replace(payment=ended)

    def _mark_unknown(self, case: Case, why: str) -> PaymentState:
        if case.payment.state is not PaymentState.UNKNOWN:
            self.bookkeeper.commit(case, payment=case.payment.to(PaymentState.UNKNOWN, self.clock(), why))
        return PaymentState.UNKNOWN


def _referring(case: Case, reference: str) -> Case:
    """Adopt a reference that came with an outcome; it is stored with it."""
    if not reference or reference == case.payment.provider_ref:
        return case
    return case._replace(payment=replace(case.payment, provider_ref=reference))


def _is_canceled(answer: Answer) -> bool:
    """Whether the order was cancelled at the provider, so that another must replace it: no bank refused it."""
    return isinstance(answer.outcome, Refused) and answer.outcome.code == CANCELED
