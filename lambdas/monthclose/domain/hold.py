"""Holds: who is put on hold for not paying, and when a hold is lifted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from monthclose.domain.customer import Customer
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoice import amount_due
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange
from monthclose.domain.payment import BELOW_MINIMUM, PaymentState
from monthclose.domain.period import Period

_PAID_UP = "nothing is owed any more"


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """When a customer who doesn't pay is put on hold.

    Parameters
    ----------
    grace_days : int
        Days after the invoice's date in which nobody is held for it.
    threshold_minor : mapping
        By currency (`default` for the others): nobody is held for less, in minor units.
    """

    grace_days: int = 0
    threshold_minor: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.grace_days < 0 or any(minor < 0 for minor in self.threshold_minor.values()):
            raise UserMistakeError("the hold policy's grace_days and threshold_minor must not be negative")

    def threshold(self, currency: str) -> int:
        """Smallest open amount that a customer is held for, in minor units; at least one."""
        return max(self.threshold_minor.get(currency, self.threshold_minor.get("default", 0)), 1)


def decide_hold(
    customer: Customer, month: CustomerMonth, policy: HoldPolicy, today: date
) -> tuple[HoldAction, str] | None:
    """Decide whether a customer's hold changes, and why; None leaves it as it is.

    Only a definite decline leads to a hold. A payment that is pending or unknown never does, nor does an
    obstacle of our own making (no adapter for the provider, a parked customer).
    """
    if customer.held_since is not None:
        paid_up = customer.balance.minor <= 0
        return (HoldAction.LIFTED, _PAID_UP) if paid_up else None
    invoice, payment = month.invoice, month.payment
    if invoice is None or payment is None or payment.state is not PaymentState.DECLINED:
        return None
    if payment.code == BELOW_MINIMUM:
        return None
    if today < invoice.issued_on + timedelta(days=policy.grace_days):
        return None
    if amount_due(invoice, customer).minor < policy.threshold(invoice.currency):
        return None
    return HoldAction.PLACED, f"invoice {invoice.number}: {payment.code or 'declined'}"


def lift_if_paid_up(
    customer: Customer, period: Period, number: int, at: datetime
) -> tuple[Customer, tuple[HoldChange, ...]]:
    """Lift a policy's hold together with the booking that leaves nothing owed; a person's hold stays.

    Parameters
    ----------
    period, number : Period, int
        The month that the booking is about, and the number that a change of the hold has there.
    """
    if customer.held_since is None or customer.held_by or customer.balance.minor > 0:
        return customer, ()
    change = HoldChange(customer.customer_id, period, HoldAction.LIFTED, _PAID_UP, at, number)
    return customer.off_hold(), (change,)
