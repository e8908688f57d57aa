"""The payment: the effort to collect one invoice. A state machine, fenced by the item's version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.errors import IllegalTransitionError, UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.refund import Refund
from monthclose.domain.period import Period


class PaymentState(StrEnum):
    """Where a payment stands. Each state has exactly one meaning for the money."""

    READY = "ready"
    """Nothing is asked of the provider; if something was, it surely did nothing."""
    CHARGING = "charging"
    """The amount is frozen and the provider may have been asked: only a look-up can tell."""
    UNKNOWN = "unknown"
    """The provider was asked and its answer was lost."""
    PENDING = "pending"
    """The provider took the order; the money comes or fails days later."""
    PAID = "paid"
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"
    """The customer must authenticate the charge themselves."""
    REVERSED = "reversed"
    """It was paid, and the customer's bank reversed all of it, or a part (dispute, charge-back, late failure)."""
    NOTHING_DUE = "nothing_due"
    """Nothing was owed when the charge was due: credit covered it, or they had paid already."""
    NO_PAYMENT_METHOD = "no_payment_method"
    NO_ADAPTER = "no_adapter"
    """The customer's payment provider has no adapter (yet): the invoice stays open."""


_S = PaymentState
_ANSWERS = frozenset({_S.PAID, _S.PENDING, _S.DECLINED, _S.ACTION_REQUIRED})
"""What a provider that was asked can say."""
TRANSITIONS: Mapping[PaymentState, frozenset[PaymentState]] = {
    # A provider that says it has collected is right, whatever we believed.
    _S.READY: frozenset({_S.CHARGING, _S.NOTHING_DUE, _S.NO_PAYMENT_METHOD, _S.NO_ADAPTER, _S.PAID}),
    _S.CHARGING: _ANSWERS | {_S.UNKNOWN, _S.READY},
    _S.UNKNOWN: _ANSWERS | {_S.CHARGING, _S.READY},
    _S.PENDING: _ANSWERS - {_S.PENDING},
    _S.DECLINED: (_ANSWERS - {_S.DECLINED}) | {_S.CHARGING, _S.NOTHING_DUE},
    _S.ACTION_REQUIRED: (_ANSWERS - {_S.ACTION_REQUIRED}) | {_S.CHARGING, _S.NOTHING_DUE},
    _S.NO_PAYMENT_METHOD: frozenset({_S.CHARGING, _S.NOTHING_DUE, _S.PAID}),
    _S.NO_ADAPTER: frozenset({_S.CHARGING, _S.NOTHING_DUE, _S.PAID}),
    _S.NOTHING_DUE: frozenset({_S.CHARGING, _S.PAID}),
    # What was collected once is never charged again under the same payment: its reference still stands for that money.
    _S.PAID: frozenset({_S.REVERSED}),
    _S.REVERSED: frozenset({_S.REVERSED, _S.PENDING, _S.PAID}),
}
"""Which state may follow which."""

IN_FLIGHT = frozenset({_S.CHARGING, _S.UNKNOWN, _S.PENDING})
"""The provider has the order: the payment holds the customer's lease, and nobody else touches its invoice."""
UNSETTLED = frozenset({_S.READY, _S.CHARGING, _S.UNKNOWN})
"""A close has not finished with a payment in one of these."""
REFUSED = frozenset({_S.DECLINED, _S.ACTION_REQUIRED})
"""The provider was asked and gave a definite no."""
_RETRIABLE = REFUSED | {_S.NO_PAYMENT_METHOD, _S.NO_ADAPTER, _S.NOTHING_DUE}


BELOW_MINIMUM = "below_minimum"
ABOVE_MAXIMUM = "above_maximum"
CURRENCY_NOT_TAKEN = "currency_not_taken"
UNTAKEN = frozenset({BELOW_MINIMUM, ABOVE_MAXIMUM, CURRENCY_NOT_TAKEN})
"""Codes of a charge that the provider doesn't make because of its amount: too small, too large in a way that nobody
knew before, or of a currency that it doesn't take. No bank was asked, nobody is to blame, and waiting does not help:
what is too small is charged with the customer's next invoice; for the others a transfer helps (`payments record`)."""


CANCELED = "canceled"
"""Code of an order that was cancelled at the provider, by whomever, and can never be collected. As nobody said no to
the charge, another order may take its place."""


class PaymentKey(NamedTuple):
    """What names a payment."""

    customer_id: str
    period: Period
    sequence: int = 1

    @property
    def payment_id(self) -> str:
        """The name as text. Customers' ids may hold any character, so they come last."""
        suffix = "" if self.sequence == 1 else f".{self.sequence}"
        return f"{self.period}{suffix}/{self.customer_id}"

    @classmethod
    def parse(cls, payment_id: str) -> PaymentKey | None:
        """Read a payment's name; None if it is none of ours."""
        head, slash, customer_id = payment_id.partition("/")
        month, dot, number = head.partition(".")
        sequence = int(number) if number.isascii() and number.isdigit() else 0
        try:
            period = Period.parse(month)
        except UserMistakeError:
            return None
        if not slash or not customer_id or (bool(dot) and sequence < 2):
            return None
        return cls(customer_id, period, sequence or 1)


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of a payment's history."""

    time: datetime
    before: PaymentState
    after: PaymentState
    why: str
    request_id: str = ""
    """The provider's id of the request that caused it, for their support."""


@dataclass(frozen=True, slots=True)
class Payment:
    """The payment of one invoice.

    Parameters
    ----------
    sequence : int
        1 is the close's payment, which dunning continues; each payment that a person starts has the next number.
    batch : int
        The close's batch whose sums the payment is part of.
    limit_minor : int or None
        The most to collect, as a person has limited it, in minor units.
    amount_minor : int
        Frozen when the state becomes CHARGING, in minor units.
    more_minor : int
        What was due beyond that and another charge must take, as the provider takes no more in one; in minor units.
    rest_minor : int
        What was due beyond that and no charge can take: less than the provider's smallest step. Written off when the
        payment is collected.
    gathers : tuple of Period
        The earlier months whose open amounts were too small for a charge of their own, and are charged with it.
    gathered_minor : int
        What of the amount is for them, in minor units.
    continues : int
        Sequence of the payment that it continues, where one charge could not take all; 0 if it continues none.
    collected_minor, refunded_minor, reversed_minor : int
        What the provider has collected, what was refunded, and what the customer's bank reversed; in minor units, as
        booked.
    lost_minor : int
        What of the money that went back had been used elsewhere meanwhile, as credit, or went back twice: our loss.
    attempt : int
        How many attempts were made; part of the idempotency keys.
    payment_method : str
        Frozen with the amount: the same idempotency key must carry the same parameters.
    provider_ref : str
        The provider's id of this payment (Stripe: PaymentIntent), stored before it is confirmed.
    code : str
        Why it was declined, in the provider's words.
    advice : str
        What the provider advised about another attempt when it was declined, in its words; empty if it didn't.
    card_brand : str
        The brand of the card that was charged, in the provider's words (`visa`); empty if it is none, or unknown.
    refunds : tuple of Refund
        Those that people asked for, in order.
    waits_for : str
        Another payment of the customer, which takes days: this one begins once that one has ended.
    """

    customer_id: str
    period: Period
    provider: str
    currency: str
    sequence: int = 1
    batch: int = -1
    limit_minor: int | None = None
    state: PaymentState = PaymentState.READY
    amount_minor: int = 0
    more_minor: int = 0
    rest_minor: int = 0
    gathers: tuple[Period, ...] = ()
    gathered_minor: int = 0
    continues: int = 0
    collected_minor: int = 0
    refunded_minor: int = 0
    reversed_minor: int = 0
    lost_minor: int = 0
    attempt: int = 0
    payment_method: str = ""
    provider_ref: str = ""
    code: str = ""
    advice: str = ""
    history: tuple[Transition, ...] = ()
    waits_for: str = ""
    card_brand: str = ""
    refunds: tuple[Refund, ...] = ()
    version: int = 0

    @property
    def payment_id(self) -> str:
        """Name of the payment in the provider's metadata, the lease and idempotency keys: `2026-10/acme`.

        The second payment of that invoice is `2026-10.2/acme`.
        """
        return PaymentKey(self.customer_id, self.period, self.sequence).payment_id

    @property
    def amount(self) -> Money:
        """The frozen amount."""
        return Money(self.amount_minor, self.currency)

    @property
    def collected(self) -> Money:
        """What was collected, whatever became of it."""
        return Money(self.collected_minor, self.currency)

    @property
    def spent(self) -> bool:
        """Whether it has collected once and its money went back: another payment must collect what is open again."""
        return bool(self.collected_minor) and self.state not in (PaymentState.PAID, PaymentState.PENDING)

    @property
    def settled(self) -> bool:
        """Whether a close has nothing left to do for it, or would have to wait for days."""
        return self.state not in UNSETTLED or bool(self.waits_for)

    @property
    def never_begun(self) -> bool:
        """Whether nobody has tried it yet."""
        return self.state is PaymentState.READY and not self.attempt

    @property
    def waits(self) -> bool:
        """Whether it waits for a person or the daily collections to begin it: a close begins its own at once."""
        return self.sequence > 1 and not self.continues and self.never_begun

    @property
    def reversed_at(self) -> datetime | None:
        """When its bank last reversed money, if some of that is still gone."""
        return self.history[-1].time if self.state is PaymentState.REVERSED else None

    @property
    def in_flight(self) -> bool:
        """Whether the provider has the order and its outcome is outstanding."""
        return self.state in IN_FLIGHT

    @property
    def net_minor(self) -> int:
        """What of the collected money the provider still holds for us, in minor units.

        Below zero if more went back than was collected: a dispute over what had been refunded before.
        """
        return self.collected_minor - self.refunded_minor - self.reversed_minor

    @property
    def refund_under_way(self) -> Refund | None:
        """The refund that somebody has to continue: there is one at a time, and it holds the customer's lease."""
        return next((refund for refund in self.refunds if refund.under_way), None)

    def with_refund(self, refund: Refund) -> Payment:
        """Add a refund, or bring one up to date."""
        return replace(self, refunds=(*(each for each in self.refunds if each.number != refund.number), refund))

    @property
    def retriable(self) -> bool:
        """Whether a new attempt may follow, if something is (still, or again) open on the invoice.

        Not once it has collected: money that went back may come back, under the same reference. What is open then is
        collected by another payment.
        """
        return self.state in _RETRIABLE and not self.collected_minor

    def to(
        self, state: PaymentState, at: datetime, why: str, *, code: str = "", advice: str = "", request_id: str = ""
    ) -> Payment:
        """Make one step.

        Raises
        ------
        IllegalTransitionError
            The state machine has no such step.
        """
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransitionError(f"payment {self.payment_id}: {self.state} cannot become {state} ({why})")
        step = Transition(at, self.state, state, why, request_id)
        return replace(self, state=state, code=code, advice=advice, history=(*self.history, step), waits_for="")

    def start(self, amount: Money, payment_method: str, at: datetime) -> Payment:
        """Freeze what is charged, and by which method, and begin a new attempt.

        Raises
        ------
        IllegalTransitionError
            The last attempt's outcome is not known: only a definite no may lead to another attempt.
        """
        if self.state is PaymentState.UNKNOWN:
            raise IllegalTransitionError(f"payment {self.payment_id}: a new attempt while the last one is unknown")
        if amount.currency != self.currency:
            raise ValueError(f"payment {self.payment_id} is in {self.currency}, not {amount.currency}")
        begun = self.to(PaymentState.CHARGING, at, f"attempt {self.attempt + 1}, {amount}")
        return replace(
            begun,
            amount_minor=amount.minor,
            payment_method=payment_method,
            card_brand=self.card_brand if payment_method == self.payment_method else "",
            attempt=self.attempt + 1,
        )

    def go_on(self, sequence: int) -> Payment:
        """Make the payment that collects what this one could not, as the provider takes no more in one charge."""
        limit = None if self.limit_minor is None else self.limit_minor - self.amount_minor
        return Payment(
            self.customer_id,
            self.period,
            self.provider,
            self.currency,
            sequence,
            self.batch,
            limit,
            continues=self.sequence,
        )

    @property
    def begun_at(self) -> datetime:
        """When the provider can have heard of this payment for the first time.

        Raises
        ------
        ValueError
            It was never started.
        """
        return self._started()[0]

    @property
    def attempt_begun_at(self) -> datetime:
        """When the present attempt was started.

        Raises
        ------
        ValueError
            It was never started.
        """
        return self._started()[-1]

    @property
    def starts(self) -> tuple[datetime, ...]:
        """When each attempt was started."""
        return tuple(s.time for s in self.history if s.after is _S.CHARGING and s.before is not _S.UNKNOWN)

    def _started(self) -> tuple[datetime, ...]:
        if not self.starts:
            raise ValueError(f"payment {self.payment_id} was never started")
        return self.starts


_CHECKS = (timedelta(minutes=5), timedelta(days=1))
"""The shortest and the longest time between two look-ups of a payment in flight."""


def next_check(begun_at: datetime, now: datetime) -> datetime:
    """Decide when to look up a payment in flight again: after as long as it has been in flight already."""
    shortest, longest = _CHECKS
    return now + min(max(now - begun_at, shortest), longest)
