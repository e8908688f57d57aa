"""Settle payments: look up every payment in flight whose look-up is due.

UNKNOWN, stale CHARGING and old PENDING payments hold their customer's lease, and the lease says when to look them up.
Each look-up that changes nothing makes the next one wait longer. `finish_batches` updates the notices and sums of what
was settled.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import batched

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.proof import MOST_FINDINGS, Finding
from monthclose.domain.collections.unconfirmed import waits_for_customer
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import IN_FLIGHT, Payment, PaymentKey, PaymentState, next_check
from monthclose.domain.period import Period
from monthclose.errors import (
    BeingChargedError,
    ChargingPausedError,
    ProviderPausedError,
    ProviderRefusedError,
    TryLaterError,
)
from monthclose.ports import Books, Clock, CustomerDirectory, Log, ShareLeft, Tell
from monthclose.use_cases.batch_work import log_failure, retry_conflicts, side_by_side
from monthclose.use_cases.invoices.refund_payment import Refunder
from monthclose.use_cases.payments.charge_payment import Charger

SHARE_TO_FINISH = 0.25
"""Share of the time that is reserved for the sums and notices of what was settled."""
_AT_ONCE = 200
_LATEST_LOOK_UP = timedelta(days=2)
"""No payment's next look-up is later than this."""
_REPORT_AGAIN_AFTER = timedelta(days=1)
"""Time until a finding is reported again."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """The result of looking up one payment."""

    state: PaymentState | None = None
    error: str = ""
    finding: Finding | None = None
    changed: tuple[Period, int] | None = None
    """The batch whose sums it changed."""
    left: bool = False
    """The provider was not asked: time is up, or it is paused."""
    waits: bool = False
    """It was not started: another payment of the customer is under way."""


@dataclass(slots=True)
class Settled:
    """The result of settling one provider's payments.

    Parameters
    ----------
    states : mapping
        Number of looked-up payments by the state that they are now in.
    errors : mapping
        Number of payments by kind of error; they will be looked up again.
    left : int
        Payments that were due and could not be looked up.
    waiting : int
        Payments that start once another payment of their customer has ended.
    batches : int
        Batches whose sums, notices and holds were brought up to date.
    """

    provider: str
    states: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    left: int = 0
    waiting: int = 0
    batches: int = 0
    paused: bool = False

    def add(self, look_up: LookUp) -> None:
        """Add the result of a look-up."""
        self.left += look_up.left
        self.waiting += look_up.waits
        if look_up.state:
            self.states[str(look_up.state)] += 1
        if look_up.error:
            self.errors[look_up.error] += 1
        if look_up.finding and len(self.findings) < MOST_FINDINGS:
            self.findings.append(look_up.finding)
        self.paused = self.paused or look_up.error == ProviderPausedError.__name__

    @property
    def time_was_up(self) -> bool:
        """Whether it is worth continuing at once."""
        return bool(self.left) and not self.paused

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """States and errors, for people and programs."""
        return {"states": dict(sorted(self.states.items())), "errors": dict(sorted(self.errors.items()))}


@dataclass(frozen=True, slots=True)
class PaymentSettler:
    """Settles one provider's payments. Safe at any time and in parallel: the books' versions guard every write."""

    charger: Charger
    books: Books
    directory: CustomerDirectory
    clock: Clock
    log: Log
    executor: Executor
    refunds: Refunder

    @property
    def provider(self) -> str:
        """The provider whose payments it settles."""
        return self.charger.gateway.provider

    def settle(
        self,
        *,
        everyone: bool = False,
        share_left: ShareLeft = lambda: 1.0,
        tell: Tell = lambda _: None,
    ) -> tuple[Settled, set[tuple[Period, int]]]:
        """Look up all payments of this provider that are due.

        Parameters
        ----------
        everyone : bool
            All payments in flight, due or not.

        Returns
        -------
        tuple
            The result, and the batches (period and number) whose sums have changed.

        Raises
        ------
        ProviderRefusedError
            The provider refuses us; there is no point in continuing.
        """
        settled, changed, seen = Settled(self.provider), set[tuple[Period, int]](), set[str]()
        until = self.clock() + (_LATEST_LOOK_UP if everyone else timedelta())

        def one(customer_id: str) -> LookUp:
            return self._settle_one(
                customer_id, everyone=everyone, may_look_up=not settled.paused and share_left() > SHARE_TO_FINISH
            )

        for chunk in batched(self.directory.being_charged(until), _AT_ONCE, strict=False):
            # With `everyone`, the new time of the next look-up moves a customer further back in the same list.
            unseen = [name for name in chunk if name not in seen]
            if everyone:
                seen.update(unseen)
            for look_up in side_by_side(self.executor, one, unseen):
                settled.add(look_up)
                changed |= {look_up.changed} if look_up.changed else set()
            tell(f"{self.provider}: {settled.states.total():,} payments checked")
            if settled.left:
                break
        return settled, changed

    def _settle_one(self, customer_id: str, *, everyone: bool, may_look_up: bool) -> LookUp:
        customer = self.books.customer(customer_id)
        if customer is None or customer.check_at is None or not (everyone or customer.check_at <= self.clock()):
            return LookUp()  # settled or looked up meanwhile: the index lags
        key = PaymentKey.parse(customer.open_payment)
        month = self.books.month(key.customer_id, key.period) if key else CustomerMonth()
        payment = month.payment_of(key.sequence) if key else None
        if key is None or payment is None:
            return self._unknown_lease(customer)
        if payment.provider != self.provider:
            return LookUp()
        if not (payment.in_flight or payment.refund_under_way or waits_for_customer(payment)):
            return self._left_lease(customer, payment)
        if not may_look_up:
            return LookUp(left=True)
        batch = month.payment.batch if month.payment else -1
        return self._resume_refund(key, payment) if payment.refund_under_way else self._look_up(key, payment, batch)

    def _look_up(self, key: PaymentKey, payment: Payment, batch: int) -> LookUp:
        look_up = self.attempt(payment, lambda: self.charger.look_up(key, go_on=True))
        if look_up.state in IN_FLIGHT or (look_up.error and not look_up.left):
            self._look_up_later(key)
        settled = look_up.state not in (None, payment.state)
        return replace(look_up, changed=(key.period, batch)) if settled else look_up

    def _resume_refund(self, key: PaymentKey, payment: Payment) -> LookUp:
        """Continue a refund that is under way; one that still is gets another look-up later."""

        def resume() -> PaymentState:
            done = self.refunds.resume(key)
            if done and done.refund.under_way:
                self._look_up_later(key)
            return payment.state

        return self.attempt(payment, resume)

    def attempt(self, payment: Payment, work: Callable[[], PaymentState | None]) -> LookUp:
        """Run work on one payment, so that its error does not affect the others.

        Raises
        ------
        ProviderRefusedError
            The provider refuses us.
        """
        try:
            return LookUp(work())
        except ProviderRefusedError:
            raise
        except ChargingPausedError as error:  # looking up goes on
            return LookUp(error=type(error).__name__)
        except ProviderPausedError as error:
            return LookUp(error=type(error).__name__, left=True)
        except BeingChargedError:
            return LookUp(waits=True)
        except TryLaterError as error:
            self.log.warning("settling is postponed", extra={"payment": payment.payment_id, "why": str(error)})
            return LookUp(error=type(error).__name__)
        except Exception as error:
            log_failure(self.log, "settling failed", payment.payment_id, error)
            return LookUp(error=type(error).__name__)

    def _look_up_later(self, key: PaymentKey) -> None:
        """Postpone the next look-up, unless somebody else has."""

        def step() -> None:
            customer = self.books.customer(key.customer_id)
            payment = self.books.month(key.customer_id, key.period).payment_of(key.sequence)
            now = self.clock()
            begun = payment and (payment.in_flight or payment.refund_under_way)
            leased = customer and payment and begun and customer.open_payment == key.payment_id
            if leased and customer and payment and customer.check_at and customer.check_at <= now:
                refund = payment.refund_under_way
                since = refund.time if refund else payment.attempt_begun_at
                self.books.commit(customer.leased_to(key.payment_id, next_check(since, now)))

        with suppress(TryLaterError):  # the winner of the races settles it
            retry_conflicts(step)

    def _unknown_lease(self, customer: Customer) -> LookUp:
        """Report a lease held by a payment that does not exist, and keep it: nobody knows what it was for."""
        if customer.profile.payment_provider != self.provider:
            return LookUp()  # one settler reports it
        self._put(customer.leased_to(customer.open_payment, self.clock() + _REPORT_AGAIN_AFTER))
        text = (
            f"the customer is leased to payment {customer.open_payment}, which does not exist: they cannot be charged"
        )
        return LookUp(finding=Finding("lease_left", text, customer.customer_id))

    def _left_lease(self, customer: Customer, payment: Payment) -> LookUp:
        """Report a lease left behind, and release a settled payment's; any other is started by the next charge."""
        text = f"payment {payment.payment_id} is {payment.state}, but still held its customer's lease"
        if payment.settled:
            self._put(customer.released_by(payment.payment_id))
            text += "; the lease is released"
        else:
            self._put(customer.leased_to(payment.payment_id, self.clock() + _REPORT_AGAIN_AFTER))
        return LookUp(finding=Finding("lease_left", text, customer.customer_id))

    def _put(self, customer: Customer) -> None:
        with suppress(TryLaterError):  # somebody else changed the customer: the next look-up decides
            self.books.commit(customer)
