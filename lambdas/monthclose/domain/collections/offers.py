"""What a customer can do about an invoice themselves, by a link to it. Pure: decided by the month's records."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from monthclose.domain.collections.dunning import Obstacle, trouble_of
from monthclose.domain.month import CustomerMonth


class Offer(StrEnum):
    """Something that a customer can do."""

    PAY = "pay"
    """Have the invoice charged to their payment method now."""
    CONFIRM = "confirm"
    """The same, where their bank asks them to confirm the charge."""
    DETAILS = "details"
    """Give another payment method; what is due is charged to it."""


_BY_OBSTACLE: Mapping[Obstacle, tuple[Offer, ...]] = {
    Obstacle.SOFT: (Offer.PAY, Offer.DETAILS),
    Obstacle.REVERSED: (Offer.PAY, Offer.DETAILS),
    Obstacle.NOT_CHARGED: (Offer.PAY, Offer.DETAILS),
    Obstacle.ACTION: (Offer.CONFIRM, Offer.DETAILS),
}
_MOST_TRIES, _WITHIN = 5, timedelta(days=1)
"""How often an invoice may be charged by its link, or by payment methods given there.

Each refused attempt costs money, and banks count them.
"""


def offers(month: CustomerMonth, now: datetime) -> tuple[Offer, ...]:
    """List what a customer can do about a month's invoice, what helps most first.

    Only another payment method helps after a hard decline, or after too many attempts on one day. It is offered at any
    other time, too: it will be charged from then on.
    """
    trouble = trouble_of(month)
    if trouble is None:
        return (Offer.DETAILS,)
    if tried_enough(month, now):
        return (Offer.DETAILS,)
    return _BY_OBSTACLE.get(trouble.obstacle, (Offer.DETAILS,))


def tried_enough(month: CustomerMonth, now: datetime) -> bool:
    """Whether an invoice was charged so often of late that a customer can bring about no further attempt today."""
    tried = sum(start > now - _WITHIN for payment in month.payments for start in payment.starts)
    return tried >= _MOST_TRIES
