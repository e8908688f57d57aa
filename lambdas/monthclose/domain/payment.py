"""The payment: the effort to collect one invoice. A state machine, fenced by the item's version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from monthclose.domain.errors import IllegalTransitionError
from monthclose.domain.money import Money
from monthclose.domain.period import Period


class PaymentState(StrEnum):
    """Where a payment stands. Each state has exactly one meaning for the money."""

    READY = "ready"
    """Nothing is asked of the provider; if something was, it was put wrongly and surely did nothing."""
    CHARGING = "charging"
    """The amount is frozen and the provider may have been asked: only looking up tells."""
    UNKNOWN = "unknown"
    """The provider was asked and its answer was lost."""
    PAID = "paid"
    PENDING = "pending"
    """The provider took the order; the money comes or fails days later."""
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"
    """The customer must authenticate the charge themselves."""
    NOTHING_DUE = "nothing_due"
    """Nothing was owed when the charge was due: credit covered it, or they had paid already."""
    NO_PAYMENT_METHOD = "no_payment_method"
    NO_ADAPTER = "no_adapter"
    """The customer's payment provider has no adapter (yet): the invoice stays open."""


_S = PaymentState
TRANSITIONS: Mapping[PaymentState, frozenset[PaymentState]] = {
    _S.READY: frozenset({_S.CHARGING, _S.NOTHING_DUE, _S.NO_PAYMENT_METHOD, _S.NO_ADAPTER}),
    _S.CHARGING: frozenset({_S.READY, _S.UNKNOWN, _S.PAID, _S.PENDING, _S.DECLINED, _S.ACTION_REQUIRED}),
    _S.UNKNOWN: frozenset({_S.CHARGING, _S.PAID, _S.PENDING, _S.DECLINED, _S.ACTION_REQUIRED}),
    _S.PENDING: frozenset({_S.PAID, _S.DECLINED}),
    _S.DECLINED: frozenset({_S.CHARGING, _S.NOTHING_DUE}),
    _S.ACTION_REQUIRED: frozenset({_S.CHARGING, _S.PAID, _S.NOTHING_DUE}),
    _S.NO_PAYMENT_METHOD: frozenset({_S.CHARGING, _S.NOTHING_DUE}),
    _S.NO_ADAPTER: frozenset({_S.CHARGING, _S.NOTHING_DUE}),
    _S.PAID: frozenset(),
    _S.NOTHING_DUE: frozenset(),
}
"""Which state may follow which."""

UNSETTLED = frozenset({_S.READY, _S.CHARGING, _S.UNKNOWN})
"""A close is not through with a payment in one of these."""
REFUSED = frozenset({_S.DECLINED, _S.ACTION_REQUIRED})
"""The provider was asked and gave a definite no."""


BELOW_MINIMUM = "below_minimum"
"""Code of a charge that the provider doesn't make because it is too small: no bank was asked, nobody is to blame."""


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
    amount_minor : int
        Frozen when the state becomes CHARGING, in minor units.
    attempt : int
        How many times the provider was asked afresh; part of the idempotency keys.
    payment_method : str
        Frozen with the amount: the same idempotency key must carry the same parameters.
    provider_ref : str
        The provider's id of this payment (Stripe: PaymentIntent), stored before it is confirmed.
    code : str
        Why it was declined, in the provider's words.
    """

    customer_id: str
    period: Period
    provider: str
    currency: str
    state: PaymentState = PaymentState.READY
    amount_minor: int = 0
    attempt: int = 0
    payment_method: str = ""
    provider_ref: str = ""
    code: str = ""
    history: tuple[Transition, ...] = ()
    version: int = 0

    @property
    def payment_id(self) -> str:
        """Name of the payment in the provider's metadata, the lease and idempotency keys."""
        return f"{self.period}/{self.customer_id}"

    @property
    def amount(self) -> Money:
        """The frozen amount."""
        return Money(self.amount_minor, self.currency)

    @property
    def settled(self) -> bool:
        """Whether a close has nothing more to do for it."""
        return self.state not in UNSETTLED

    def to(self, state: PaymentState, at: datetime, why: str, *, code: str = "", request_id: str = "") -> Payment:
        """Make one step.

        Raises
        ------
        IllegalTransitionError
            The state machine has no such step.
        """
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransitionError(f"payment {self.payment_id}: {self.state} cannot become {state} ({why})")
        step = Transition(at, self.state, state, why, request_id)
        return replace(self, state=state, code=code, history=(*self.history, step))

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
            provider_ref="",
            attempt=self.attempt + 1,
        )

    @property
    def begun_at(self) -> datetime:
        """When the provider can have heard of this payment for the first time.

        Raises
        ------
        ValueError
            It was never started.
        """
        for step in self.history:
            if step.after is PaymentState.CHARGING:
                return step.time
        raise ValueError(f"payment {self.payment_id} was never started")
