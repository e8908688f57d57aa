"""What the payment providers have paid out to the company's bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monthclose.domain.finance.payouts import Payout, PayoutParts


@dataclass(frozen=True, slots=True)
class PayoutPage:
    """A page of payouts.

    Parameters
    ----------
    after : str
        Where the next page begins, in the provider's words; empty if this is the last one.
    """

    payouts: Sequence[Payout]
    after: str = ""


@dataclass(frozen=True, slots=True)
class PartsPage:
    """What a page of a payout's parts adds up to; `after` as in `PayoutPage`."""

    parts: PayoutParts
    after: str = ""


class PayoutRecord(Protocol):
    """One provider's record of its payouts. Each call is one request that moves no money.

    Raises, in every method: `RateLimitedError` and `ProviderDownError` (try later), `ProviderRefusedError` (it refuses
    us).
    """

    @property
    def provider(self) -> str:
        """The provider's name in the settings and in customers' profiles."""

    def payouts(self, since: date, until: date, after: str = "") -> PayoutPage:
        """List payouts that arrive at the bank on the days from one on, and before another.

        Parameters
        ----------
        after : str
            Where the page before ended; empty for the first page.
        """

    def parts(self, payout: Payout, after: str = "") -> PartsPage:
        """Add up a page of what is in a payout."""
