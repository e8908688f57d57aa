"""What the providers have paid out to the company's bank, and what of: the other side of the cash that was booked.

A payout comes days after the money that is in it, and less the provider's fees. So the cash of a month and the payouts
of the same month are not the same sum: what was collected and is not paid out yet is on its way (the clearing account).
Payouts count on the day they arrive at the bank, where the bank statement has them.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from monthclose.domain.finance.sums import SumTable


class Payout(NamedTuple):
    """Money on its way to the company's bank; minor units.

    Parameters
    ----------
    arrives_on : date
        When it is, or was, at the bank.
    came_back : bool
        Whether the bank did not take it: it is in the provider's hands again.
    fee_minor : int or None
        What the provider has kept, if its list says so.
    """

    provider: str
    payout_id: str
    currency: str
    minor: int
    arrives_on: date
    came_back: bool = False
    fee_minor: int | None = None


class PayoutParts(NamedTuple):
    """What is in a payout, or in a part of it; minor units, none of them negative but `returned_minor`.

    Parameters
    ----------
    collected_minor, returned_minor : int
        From customers, and back to them: refunds and reversals, less what came again of those.
    """

    collected_minor: int = 0
    returned_minor: int = 0
    fee_minor: int = 0

    def plus(self, other: PayoutParts) -> PayoutParts:
        """Add two up."""
        return PayoutParts(*(a + b for a, b in zip(self, other, strict=True)))


class PayoutSum(NamedTuple):
    """The payouts of a provider that arrive on a day; minor units.

    Parameters
    ----------
    paid_minor : int
        What arrives: collected - returned - fees + other.
    other_minor : int
        What is none of these: adjustments, fees for other things, an earlier payout that came back.
    """

    provider: str
    currency: str
    day: str
    paid_minor: int
    collected_minor: int
    returned_minor: int
    fee_minor: int
    other_minor: int
    payouts: int


PAYOUTS = SumTable("payouts", PayoutSum, 3)


def payout_sum(payout: Payout, parts: PayoutParts) -> PayoutSum:
    """Put a payout and its parts together."""
    fee = parts.fee_minor if payout.fee_minor is None else payout.fee_minor
    other = payout.minor - (parts.collected_minor - parts.returned_minor - fee)
    return PayoutSum(
        payout.provider,
        payout.currency,
        payout.arrives_on.isoformat(),
        payout.minor,
        parts.collected_minor,
        parts.returned_minor,
        fee,
        other,
        payouts=1,
    )
